"""Section `data` of params.yaml: where the corpus is, and how it is read."""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from ner.annotation.schemes import Scheme
from ner.core.errors import PipelineError
from ner.core.params import Params


class ColumnParams(Params):
    """Which column is which, counted from 0, or from -1 at the end."""

    word: int = Field(description="The column of the word.")
    tag: int = Field(description="The column of the tag.")


@dataclass(frozen=True, slots=True)
class Fold:
    """One fold of a cross-validation: `number` of `n_folds`, counted from 1."""

    number: int
    n_folds: int


class DataParams(Params):
    """Section `data`."""

    source: str = Field(
        description="A folder of corpus files, one file, the address of either in an object store, or a YAML "
        "file that names a Hub dataset."
    )
    encoding: str = Field(description="Encoding of text files without a mark, for example utf-8 or cp1252.")
    columns: ColumnParams | None = Field(
        description="Columns of the word and its tag, for example {word: 0, tag: -1}; empty: found."
    )
    scheme: Literal["auto", "iob1", "iob2", "bioes", "bilou", "bmes", "io"] = Field(
        description="The scheme of the tags; auto: found in the corpus."
    )
    stray_tags: Literal["refuse", "begin"] = Field(
        description="A tag that continues nothing: refuse the corpus, or begin an entity with it."
    )
    validation_share: float = Field(
        ge=0, lt=1, description="Share of train that becomes validation where the corpus has none."
    )
    test_share: float = Field(ge=0, lt=1, description="Share of train that becomes test where it has none.")
    split_seed: NonNegativeInt = Field(description="Seed of the draw of these shares, and of folds.")
    folds: int | None = Field(
        ge=2, le=1_000, description="Parts for cross-validation, at least 2; empty: the corpus's own splits."
    )
    fold: PositiveInt | None = Field(description="Which of the folds is the test split, from 1; empty: none.")
    label_map: dict[str, str] | None = Field(
        description="New name of some labels, O to drop one, for example {PERSON: PER, MISC: O}; empty: none."
    )

    @classmethod
    def found(cls, source: str) -> "DataParams":
        """Return the section in which everything about a corpus is found."""
        return cls(
            source=source,
            encoding="utf-8",
            columns=None,
            scheme="auto",
            stray_tags="refuse",
            validation_share=0.1,
            test_share=0.1,
            split_seed=0,
            folds=None,
            fold=None,
            label_map=None,
        )

    @property
    def chosen_fold(self) -> "Fold | None":
        """The fold that is the test split, None where the corpus's own splits are taken.

        Raises:
            PipelineError: If one of both settings is missing, or there is no such fold.
        """
        if self.folds is None and self.fold is None:
            return None
        if self.folds is None or self.fold is None or self.fold > self.folds:
            raise PipelineError(
                f"params.yaml: data.fold is {self.fold}, and data.folds is {self.folds}.",
                remedy="set data.folds to how many there are and data.fold to one of them, counted from 1; "
                "or leave both empty.",
            )
        if not self.validation_share:
            raise PipelineError(
                "params.yaml: data.validation_share is 0, and with data.folds validation is cut by it.",
                remedy="set data.validation_share, for example to 0.1.",
            )
        return Fold(self.fold, self.folds)

    @property
    def known_scheme(self) -> Scheme | None:
        """The scheme, None where it is to be found."""
        return None if self.scheme == "auto" else Scheme(self.scheme)

    @property
    def shares(self) -> dict[str, float]:
        """The share of train that each split becomes if the corpus lacks it; a fold needs no test share."""
        test_share = self.test_share if self.chosen_fold is None else self.validation_share
        return {"validation": self.validation_share, "test": test_share}
