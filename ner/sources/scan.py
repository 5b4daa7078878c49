"""The first reading of a corpus: what must be known of all of it before a tag can be understood."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ner.annotation.schemes import Pair, list_pairs
from ner.sources.corpus import Corpus
from ner.sources.cutting import TRAIN, Pool


@dataclass(slots=True)
class Scan:
    """What a first reading of a corpus gathers.

    Args:
        pairs: Of each split that there is, how often each tag stands behind each other.
        pool: The sentences of train where splits are cut from it, or of all splits where folds are dealt.
        inner_tags: The tags of the inner level; none where no sentence has one.
    """

    pairs: dict[str, Counter[Pair]] = field(default_factory=dict)
    pool: Pool | None = None
    inner_tags: set[str] = field(default_factory=set)

    @classmethod
    def of_corpus(cls, corpus: Corpus, shares: Mapping[str, float], *, is_pooled: bool = False) -> "Scan":
        """Read every split once."""
        scan = cls(pool=Pool() if is_pooled or shares.keys() - corpus.readers.keys() else None)
        for split, read in corpus.readers.items():
            pairs = scan.pairs[split] = Counter()
            for number, sentence in enumerate(read()):
                pairs.update(list_pairs(sentence.outer))
                if sentence.inner is not None:
                    scan.inner_tags.update(sentence.inner)
                    pairs.update(list_pairs(sentence.inner))
                if scan.pool and (is_pooled or split == TRAIN):
                    scan.pool.add(sentence, begins_split=number == 0)
        return scan

    @property
    def has_inner(self) -> bool:
        """Whether a sentence has an inner level."""
        return bool(self.inner_tags)

    @property
    def all_pairs(self) -> Counter[Pair]:
        """The pairs of the whole corpus."""
        return sum(self.pairs.values(), Counter())
