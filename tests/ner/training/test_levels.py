"""Which levels a run trains."""

import pytest

from ner.annotation.labels import TagSet
from ner.core.errors import PipelineError
from ner.training.levels import trains_inner_level
from ner.windows.alignment import IGNORE_ID, NO_WORD, Window
from ner.windows.tokenized import TokenizedWindow

TAG_SET = TagSet(("B-LOC", "O", "I-LOC"))  # O need not be the first


def make_rows(*inner_targets):
    window = Window(0, [2, 7, 3], [NO_WORD, 0, NO_WORD])
    return [TokenizedWindow(0, window, [IGNORE_ID, 0, IGNORE_ID], inner) for inner in inner_targets]


NESTED = make_rows([IGNORE_ID, 1, IGNORE_ID], [IGNORE_ID, 0, IGNORE_ID])
EMPTY_LEVEL = make_rows([IGNORE_ID, 1, IGNORE_ID])
NO_LEVEL = make_rows(None)


@pytest.mark.parametrize(
    ("wanted", "rows", "is_trained"),
    [
        pytest.param("auto", NESTED, True, id="auto-nested"),
        pytest.param("auto", EMPTY_LEVEL, False, id="auto-empty-level"),
        pytest.param("auto", NO_LEVEL, False, id="auto-no-level"),
        pytest.param("outer", NESTED, False, id="outer-nested"),
        pytest.param("both", NESTED, True, id="both-nested"),
    ],
)
def test_levels_follow_the_train_split(wanted, rows, is_trained):
    assert trains_inner_level(wanted, rows, TAG_SET) is is_trained


@pytest.mark.parametrize("rows", [EMPTY_LEVEL, NO_LEVEL], ids=["empty-level", "no-level"])
def test_both_levels_of_a_flat_corpus_are_refused(rows):
    with pytest.raises(PipelineError, match=r"train\.levels is both, .* no nested entity"):
        trains_inner_level("both", rows, TAG_SET)
