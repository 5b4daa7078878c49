"""The names of labels: mapped as the user says, and fit to be shown."""

import difflib
from collections.abc import Iterable, Mapping

from ner.annotation.labels import OUTSIDE, is_printable_label
from ner.core.errors import PipelineError

FORMULA_SIGNS = tuple("=+-@")
REPLACEMENT = "_"


def name_labels(labels: Iterable[str], label_map: Mapping[str, str] | None = None) -> dict[str, str]:
    """Choose the name of every label of a corpus; `O` drops it.

    Args:
        labels: Labels as the corpus has them.
        label_map: What `data.label_map` says.

    Raises:
        PipelineError: If the map names a label that the corpus lacks, or gives a name that cannot be shown.
    """
    found = sorted(set(labels))
    given = label_map or {}
    for label, name in given.items():
        if label not in found:
            near = difflib.get_close_matches(label, found, n=1)
            meant = f"did you mean {near[0]}? " if near else ""
            raise PipelineError(
                f"params.yaml: data.label_map names {label!r}, a label that the corpus lacks.",
                remedy=f"{meant}Its labels are {', '.join(found) or 'none'}.",
            )
        if name != OUTSIDE and clean_label(name) != name:
            raise PipelineError(
                f"params.yaml: data.label_map.{label} is {name!r}, which is no name.",
                remedy="write visible characters without a blank, and begin with none of = + - @.",
            )
    return {label: given.get(label) or clean_label(label) for label in found}


def clean_label(label: str) -> str:
    """Replace what makes a label unsafe to show: blanks, invisible signs, and the beginning of a formula."""
    cleaned = "".join(
        character if character.isprintable() and not character.isspace() else REPLACEMENT
        for character in label
    )
    if cleaned.startswith(FORMULA_SIGNS):
        cleaned = REPLACEMENT + cleaned[1:]
    return cleaned if is_printable_label(cleaned) and cleaned else REPLACEMENT
