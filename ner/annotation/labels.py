"""Labels (`LOCderiv`), tags (`B-LOCderiv`) and tag ids of a corpus, and the way from one to another."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ner.core.errors import PipelineError

OUTSIDE = "O"  # the tag of a word outside every name
COARSE_SUFFIXES = ("deriv", "part")  # GermEval 2014: derived from a name, containing a name


def tags_of_labels(labels: Iterable[str]) -> list[str]:
    """List the tags of a corpus: `O`, then B- and I- of every label, labels sorted.

    Args:
        labels: Labels of the corpus in any order, repeated or not. Shape: (n_labels,).

    Returns:
        The tags; a tag's position is its id. Shape: (1 + 2 * n_distinct_labels,).
    """
    return [OUTSIDE, *(f"{prefix}-{label}" for label in sorted(set(labels)) for prefix in "BI")]


def order_tags(id2label: Mapping[Any, str]) -> list[str]:
    """Return the tags of a Hugging Face configuration in the order of their ids, which JSON keeps as text."""
    return [tag for _, tag in sorted((int(number), tag) for number, tag in id2label.items())]


@lru_cache(maxsize=1_024)  # asked for every word of a corpus, of a few tags
def label_of(tag: str) -> str | None:
    """Take the label out of a tag; a label may hold hyphens itself.

    Args:
        tag: `O`, `B-<label>` or `I-<label>`.

    Returns:
        The label, None for `O`.

    Raises:
        ValueError: If the tag has another shape, for example a bare `LOC`.
    """
    if tag == OUTSIDE:
        return None
    prefix, _, label = tag.partition("-")
    if prefix not in ("B", "I") or not label:
        raise ValueError(f"{tag!r} is none of O, B-<label> and I-<label>")
    return label


def is_printable_label(label: str) -> bool:
    """Return whether a label is safe to print: visible characters, and not a spreadsheet formula.

    Labels stand in CSV files, in drawings and on the terminal.
    """
    return label.isprintable() and " " not in label and not label.startswith(tuple("=+-@"))


def coarse_label(label: str, labels: Collection[str]) -> str:
    """Strip the suffix `deriv` or `part` where the stem is itself a label.

    The condition keeps a label such as `counterpart` whole in a corpus without the label `counter`.

    Args:
        label: The label to make coarse.
        labels: All labels of the corpus. Shape: (n_labels,).

    Returns:
        The stem, or the label itself where nothing is to be stripped.
    """
    for suffix in COARSE_SUFFIXES:
        stem = label.removesuffix(suffix)
        if stem != label and stem in labels:
            return stem
    return label


@dataclass(frozen=True, slots=True)
class TagSet:
    """The tags of a corpus in a fixed order; a tag's position is its id.

    Args:
        tags: `O` and the B- and I- tags, in the order of their ids: that of `tags_of_labels`, or
            the one that a Hub dataset brings along. Shape: (n_tags,).

    Raises:
        PipelineError: If `O` or the B- tag of an I- tag is missing, a tag stands twice, or a tag
            is none of `O`, `B-<label>` and `I-<label>`, or a label is not safe to show.
    """

    tags: Sequence[str]
    _ids: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the tags and number them."""
        object.__setattr__(self, "tags", tuple(self.tags))
        object.__setattr__(self, "_ids", {tag: tag_id for tag_id, tag in enumerate(self.tags)})
        _check_tags(self.tags)

    @property
    def labels(self) -> list[str]:
        """The labels, sorted. Shape: (n_labels,)."""
        return sorted({label for tag in self.tags if (label := label_of(tag)) is not None})

    @property
    def id2label(self) -> dict[int, str]:
        """The tag of each id, under the name that a Hugging Face configuration gives it."""
        return dict(enumerate(self.tags))

    @property
    def label2id(self) -> dict[str, int]:
        """The id of each tag, under the name that a Hugging Face configuration gives it."""
        return dict(self._ids)

    def id_of(self, tag: str) -> int:
        """Look up the id of a tag.

        Raises:
            KeyError: If the tag is not in this set.
        """
        return self._ids[tag]


def _check_tags(tags: Sequence[str]) -> None:
    shown = ", ".join(map(repr, tags))
    for tag in tags:
        try:
            label = label_of(tag)
        except ValueError as error:
            raise PipelineError(
                f"In the tag list of the corpus, {error}: {shown}.",
                remedy="give every tag as O, B-<label> or I-<label> in the corpus that data.source names.",
            ) from error
        if label is not None and not is_printable_label(label):
            raise PipelineError(
                f"The tag list of the corpus holds {tag!r}, whose label is no name: {shown}.",
                remedy="let labels have visible characters alone, and begin with none of = + - @.",
            )
        if tag.startswith("I-") and f"B-{label}" not in tags:
            raise PipelineError(
                f"The tag list of the corpus has {tag!r} without 'B-{label}': {shown}.",
                remedy=f"add B-{label} to the tag names of the corpus; its tags must be IOB2.",
            )
    if OUTSIDE not in tags:
        raise PipelineError(
            f"The tag list of the corpus lacks the tag {OUTSIDE!r}: {shown}.",
            remedy=f"write the tag of a word outside every name as {OUTSIDE} in the corpus.",
        )
    repeated = sorted({tag for tag in tags if tags.count(tag) > 1})
    if repeated:
        raise PipelineError(
            f"The tag list of the corpus names {', '.join(map(repr, repeated))} more than once: {shown}.",
            remedy="give every tag name one place in the tag list of the corpus.",
        )
