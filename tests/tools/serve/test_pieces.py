"""A sentence that is too long for a call is tagged in parts."""

import pytest

from ner.tagging.decoding import TaggedWords
from tools.predict.input_rows import Row
from tools.serve import pieces
from tools.serve.pieces import Piece, cut_sentence, join_pieces


def cut(n_words, most, costs=None):
    """Cut a sentence of numbers, each of which costs its place in `costs`, or 1."""
    words = Row.of_words([str(number) for number in range(n_words)]).words
    costs = costs or [1] * n_words
    count = lambda texts: sum(costs[int(text)] for text in texts)  # noqa: E731 - short
    return cut_sentence(words, sum(costs), most=most, count=count)


def own(piece):
    return [int(word.text) for word in piece.words[piece.start : piece.end]]


@pytest.mark.parametrize("n_words", [1, 7, 8, 9, 100, 333])
@pytest.mark.parametrize("most", [8, 20, 1_000])
def test_each_word_is_the_own_of_one_piece_and_has_its_context(n_words, most, monkeypatch):
    monkeypatch.setattr(pieces, "CONTEXT_WORDS", 2)
    found = cut(n_words, most)
    assert [number for piece in found for number in own(piece)] == list(range(n_words))
    assert all(piece.n_subtokens == len(piece.words) <= most for piece in found)
    for piece in found:
        numbers = [int(word.text) for word in piece.words]
        assert numbers[0] == max(0, own(piece)[0] - 2)
        assert numbers[-1] == min(n_words - 1, own(piece)[-1] + 2)


def test_a_word_is_not_cut_and_the_others_are_cut_from_it(monkeypatch):
    monkeypatch.setattr(pieces, "CONTEXT_WORDS", 1)
    found = cut(16, 4, [1] * 15 + [99])
    assert [number for piece in found for number in own(piece)] == list(range(16))
    assert sum(piece.n_subtokens > 4 for piece in found) == 2  # its own piece, and the one that has it beside


def piece(tags, start, end, inner=None):
    """Make a piece of tagged words."""
    found = TaggedWords(tags, [0.5] * len(tags), 0, inner and TaggedWords(inner, [0.25] * len(tags), 0))
    return Piece(Row.of_words(["x"] * len(tags)).words, 1, start, end, found)


def test_an_entity_over_a_cut_stays_one_and_an_end_without_a_beginning_begins():
    joined = join_pieces(
        [piece(["O", "B-PER", "I-PER"], 0, 2, ["O"] * 3), piece(["B-PER", "I-PER", "O"], 1, 3, ["O"] * 3)]
    )
    assert joined.tags == ["O", "B-PER", "I-PER", "O"]
    assert joined.inner.tags == ["O"] * 4
    assert (joined.scores, joined.inner.scores) == ([0.5] * 4, [0.25] * 4)
    assert join_pieces([piece(["O", "O"], 0, 1), piece(["B-LOC", "I-LOC"], 1, 2)]).tags == ["O", "B-LOC"]
