"""Which levels a run trains."""

from collections.abc import Iterable

from ner.annotation.labels import OUTSIDE, TagSet
from ner.core.errors import PipelineError
from ner.windows.alignment import IGNORE_ID
from ner.windows.tokenized import TokenizedWindow


def trains_inner_level(wanted: str, rows: Iterable[TokenizedWindow], tag_set: TagSet) -> bool:
    """Resolve `train.levels`: tell whether the inner level is trained beside the outer one.

    Args:
        wanted: `outer`, `both` or `auto`.
        rows: Windows of the training split.
        tag_set: The tags behind the targets.

    Raises:
        PipelineError: If both are wanted and the training split has no nested entity.
    """
    if wanted == "outer":
        return False
    without_entity = {IGNORE_ID, tag_set.id_of(OUTSIDE)}
    has_nested = any(not without_entity.issuperset(row.inner_targets or ()) for row in rows)
    if wanted == "both" and not has_nested:
        raise PipelineError(
            "params.yaml: train.levels is both, and the train split has no nested entity.",
            remedy="set train.levels to auto or outer, or name a corpus with nested entities in data.source.",
        )
    return has_nested
