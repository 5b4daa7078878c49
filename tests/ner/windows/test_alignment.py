"""Windows, targets and first subtokens: nothing is lost, nothing is said twice."""

from itertools import pairwise

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from ner.windows.alignment import (
    IGNORE_ID,
    NO_WORD,
    Window,
    align_tag_ids,
    cut_windows,
    first_subtokens,
    is_truncated,
)

CLS, SEP = 1, 2
N = NO_WORD
quickly = settings(derandomize=True, max_examples=300, deadline=None)

# Subtokens of each word: most have one or two, some none, some more than any window holds.
LENGTHS = st.lists(st.sampled_from([0, 1, 1, 1, 2, 2, 3, 15]), max_size=20)
SPECIALS = st.lists(st.just(CLS), max_size=2)


def number_subtokens(lengths):
    """Give each subtoken of a sentence its own id: word and position."""
    return [[100 * (word + 1) + position for position in range(n)] for word, n in enumerate(lengths)]


def cut(lengths, max_length, stride, *, prefix=(CLS,), suffix=(SEP,)):
    return cut_windows(
        number_subtokens(lengths), prefix=prefix, suffix=suffix, max_length=max_length, stride=stride
    )


def spoken(window):
    """List word in the sentence and id of the subtokens that the window speaks for."""
    return [
        (window.first_word + word_id, subtoken)
        for word_id, subtoken in zip(window.word_ids, window.input_ids, strict=True)
        if word_id != NO_WORD
    ]


@pytest.mark.parametrize(
    ("lengths", "max_length", "stride", "expected"),
    [
        pytest.param([], 4, 0, [Window(0, [1, 2], [N, N])], id="no-words"),
        pytest.param([0, 0], 4, 1, [Window(0, [1, 2], [N, N])], id="no-subtokens"),
        pytest.param([2, 1], 5, 1, [Window(0, [1, 100, 101, 200, 2], [N, 0, 0, 1, N])], id="just-fits"),
        pytest.param(
            [2, 1],
            4,
            0,
            [Window(0, [1, 100, 101, 2], [N, 0, 0, N]), Window(1, [1, 200, 2], [N, 0, N])],
            id="no-stride-no-context",
        ),
        pytest.param(
            [1, 1, 1, 1, 1],
            5,
            2,
            [
                Window(0, [1, 100, 200, 300, 2], [N, 0, 1, N, N]),
                Window(2, [1, 200, 300, 400, 2], [N, N, 0, N, N]),
                Window(3, [1, 300, 400, 500, 2], [N, N, 0, 1, N]),
            ],
            id="each-neighbour-speaks-for-half-of-what-they-share",
        ),
        pytest.param(
            [1, 2, 1],
            5,
            1,
            [
                Window(0, [1, 100, 200, 201, 2], [N, 0, 1, 1, N]),
                Window(2, [1, 300, 2], [N, 0, N]),
            ],
            id="a-word-longer-than-the-stride-is-no-context",
        ),
        pytest.param([5], 4, 1, [Window(0, [1, 100, 101, 2], [N, 0, 0, N])], id="giant-word-keeps-its-start"),
        pytest.param(
            [1, 9, 1],
            5,
            2,
            [
                Window(0, [1, 100, 2], [N, 0, N]),
                Window(1, [1, 200, 201, 202, 2], [N, 0, 0, 0, N]),
                Window(2, [1, 300, 2], [N, 0, N]),
            ],
            id="giant-word-has-a-window-of-its-own",
        ),
        pytest.param(
            [0, 1, 0, 1, 0],
            3,
            0,
            [Window(0, [1, 200, 2], [N, 1, N]), Window(3, [1, 400, 2], [N, 0, N])],
            id="words-without-subtoken-keep-their-place",
        ),
    ],
)
def test_windows(lengths, max_length, stride, expected):
    assert cut(lengths, max_length, stride) == expected


@quickly
@given(
    lengths=LENGTHS,
    prefix=SPECIALS,
    suffix=SPECIALS,
    capacity=st.integers(1, 12),
    stride=st.integers(0, 14),
)
@example(lengths=[1] * 20, prefix=[CLS], suffix=[], capacity=3, stride=2)
@example(lengths=[15, 15, 15], prefix=[], suffix=[], capacity=5, stride=4)
@example(lengths=[0, 3, 0, 0, 15, 0], prefix=[CLS], suffix=[CLS], capacity=3, stride=3)
def test_every_word_is_spoken_for_exactly_once(lengths, prefix, suffix, capacity, stride):
    """In order, and by all the subtokens that fit into a window."""
    max_length = capacity + len(prefix) + len(suffix)
    windows = cut(lengths, max_length, stride, prefix=prefix, suffix=suffix)

    assert [pair for window in windows for pair in spoken(window)] == [
        (word, subtoken)
        for word, piece in enumerate(number_subtokens(lengths))
        for subtoken in piece[:capacity]
    ]
    for window in windows:
        assert len(window.word_ids) == len(window.input_ids) <= max_length
        assert window.input_ids[: len(prefix)] == prefix
        assert window.input_ids[len(window.input_ids) - len(suffix) :] == suffix
        assert all(
            0 <= window.first_word + word_id < len(lengths) for word_id in window.word_ids if word_id != N
        )


@quickly
@given(lengths=LENGTHS, capacity=st.integers(1, 12), stride=st.integers(0, 14))
def test_neighbours_share_no_more_than_the_stride_and_each_brings_something_new(lengths, capacity, stride):
    windows = cut(lengths, capacity, stride, prefix=(), suffix=())
    assume(len(windows) > 1)
    for left, right in pairwise(windows):
        shared = set(left.input_ids) & set(right.input_ids)
        assert len(shared) <= stride
        assert set(right.input_ids) - shared
        # What they share ends the one and begins the other: no words are left out between.
        assert sorted(shared) == left.input_ids[len(left.input_ids) - len(shared) :]
        assert sorted(shared) == right.input_ids[: len(shared)]


@quickly
@given(lengths=LENGTHS, capacity=st.integers(1, 12), stride=st.integers(0, 14))
def test_a_sentence_that_fits_is_one_window(lengths, capacity, stride):
    fits = sum(min(n, capacity) for n in lengths) <= capacity
    assert (len(cut(lengths, capacity + 2, stride)) == 1) is fits


@pytest.mark.parametrize("max_length", [2, 1, 0])
def test_special_tokens_must_leave_room_for_a_word(max_length):
    with pytest.raises(ValueError, match="2 special tokens leave no room in"):
        cut([3, 3], max_length, 0)


@pytest.mark.parametrize(
    ("n_subtokens", "expected"),
    [
        pytest.param(0, False, id="none"),
        pytest.param(8, False, id="fills"),
        pytest.param(9, True, id="exceeds"),
    ],
)
def test_a_word_is_truncated_where_it_fills_more_than_a_window(n_subtokens, expected):
    assert is_truncated([7] * n_subtokens, n_special=2, max_length=10) is expected
    windows = cut([n_subtokens], 10, 0)
    assert (len(spoken(windows[0])) < n_subtokens) is expected


@pytest.mark.parametrize(
    ("window", "tag_ids", "first_alone", "all_subtokens"),
    [
        pytest.param(
            Window(0, [1, 5, 6, 7, 2], [N, 0, 0, 1, N]),
            [3, 0],
            [IGNORE_ID, 3, IGNORE_ID, 0, IGNORE_ID],
            [IGNORE_ID, 3, 3, 0, IGNORE_ID],
            id="split-word-and-special-tokens",
        ),
        pytest.param(
            Window(1, [5, 6, 7, 8], [N, 0, 0, N]),
            [3, 4, 5],
            [IGNORE_ID, 4, IGNORE_ID, IGNORE_ID],
            [IGNORE_ID, 4, 4, IGNORE_ID],
            id="context-of-a-neighbour-is-ignored",
        ),
        pytest.param(
            Window(0, [5, 6], [0, 2]), [3, 4, 5], [3, 5], [3, 5], id="word-without-subtoken-has-no-target"
        ),
        pytest.param(Window(0, [5, 6], [0, 1]), [3, 3], [3, 3], [3, 3], id="same-tag-twice"),
        pytest.param(Window(0, [], []), [3], [], [], id="no-subtokens"),
    ],
)
def test_targets(window, tag_ids, first_alone, all_subtokens):
    assert align_tag_ids(window, tag_ids, label_all_tokens=False) == first_alone
    assert align_tag_ids(window, tag_ids, label_all_tokens=True) == all_subtokens


def test_a_window_of_another_sentence_is_no_place_for_a_tag():
    with pytest.raises(IndexError):
        align_tag_ids(Window(1, [5], [0]), [3], label_all_tokens=False)


@quickly
@given(lengths=LENGTHS, capacity=st.integers(1, 12), stride=st.integers(0, 14))
def test_each_word_with_subtokens_has_one_target_and_one_speaker(lengths, capacity, stride):
    """The position that training gives a word's tag is the one whose tag becomes the word's."""
    words = []
    for window in cut(lengths, capacity + 2, stride):
        targets = align_tag_ids(window, range(len(lengths)), label_all_tokens=False)
        speakers = dict(first_subtokens(window.word_ids))
        assert speakers == {
            position: target - window.first_word
            for position, target in enumerate(targets)
            if target != IGNORE_ID
        }
        words += [window.first_word + word_id for word_id in speakers.values()]
    assert words == [word for word, n in enumerate(lengths) if n]


@pytest.mark.parametrize(
    ("word_ids", "expected"),
    [
        pytest.param([N, 0, 0, 1, N], [(1, 0), (3, 1)], id="split-word"),
        pytest.param([N, N, 0, 2, 2], [(2, 0), (3, 2)], id="word-without-subtoken"),
        pytest.param([N, N], [], id="special-tokens-alone"),
        pytest.param([], [], id="nothing"),
    ],
)
def test_the_first_subtoken_speaks_for_its_word(word_ids, expected):
    assert list(first_subtokens(word_ids)) == expected
