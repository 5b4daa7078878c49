"""Section `data` of params.yaml: where the corpus is, and how it is read."""

from typing import Literal

from pydantic import Field, NonNegativeInt

from ner.annotation.schemes import Scheme
from ner.core.params import Params


class ColumnParams(Params):
    """Which column is which, counted from 0, or from -1 at the end."""

    word: int = Field(description="The column of the word.")
    tag: int = Field(description="The column of the tag.")


class DataParams(Params):
    """Section `data`."""

    source: str = Field(
        description="A folder of corpus files, one file, or a YAML file that names a Hub dataset."
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
    split_seed: NonNegativeInt = Field(description="Seed of the draw of these shares.")
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
            label_map=None,
        )

    @property
    def known_scheme(self) -> Scheme | None:
        """The scheme, None where it is to be found."""
        return None if self.scheme == "auto" else Scheme(self.scheme)

    @property
    def shares(self) -> dict[str, float]:
        """The share of train that each split becomes which the corpus lacks."""
        return {"validation": self.validation_share, "test": self.test_share}
