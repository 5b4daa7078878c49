"""Splits that a corpus lacks, and folds: by a seed, with equal sentences and documents on one side."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from ner.core.errors import PipelineError
from ner.sources.formats.raw import RawSentence
from ner.sources.settings import Fold

FEWEST_DOCUMENTS = 10  # with fewer a share cannot be met, and sentences are drawn one by one
WORDS_THAT_TIE = 5  # equal sentences as short as `Foto : dpa` do not tie their documents together
TRAIN = "train"


class Pool:
    """Sentences of train, or of all splits, in groups that must stay together."""

    def __init__(self) -> None:
        self._keys: list[bytes] = []
        self._documents: list[int] = []
        self._is_short: list[bool] = []

    def add(self, sentence: RawSentence, *, begins_split: bool = False) -> None:
        """Take note of a sentence, in the order of the corpus; no document goes on in the next split."""
        number = self._documents[-1] if self._documents else -1
        self._documents.append(number + (sentence.begins_document or begins_split or number < 0))
        self._keys.append(hashlib.sha256("\n".join(sentence.words).encode()).digest()[:12])
        self._is_short.append(len(sentence.words) < WORDS_THAT_TIE)

    def cut(self, shares: Mapping[str, float], seed: int, source: str) -> list[str]:
        """Draw the split of each sentence.

        Args:
            shares: The share of each split to be cut, above 0.
            seed: Another one draws another cut.
            source: The corpus, for messages.

        Returns:
            The split of each sentence, in order. Shape: (n_sentences,).

        Raises:
            PipelineError: If there are too few groups.
        """
        groups = self._group()
        if len(groups) <= len(shares):
            raise PipelineError(
                f"{source}: train has {len(groups)} sentences or documents that differ, too few to cut "
                f"{' and '.join(shares)} from it.",
                remedy="add sentences, or a file for each other split, such as dev.conll and test.conll.",
            )
        order = self._shuffle(groups, f"{seed}:")
        split_of = [TRAIN] * len(self._keys)
        left = len(order)
        for number, (split, share) in enumerate(shares.items()):
            wanted = max(1, round(share * len(self._keys)))
            taken = 0
            for group in list(order):
                if (
                    left <= len(shares) - number or taken >= wanted
                ):  # one for each split still to come, and train
                    break
                if taken and taken + len(group) > wanted:
                    continue
                for sentence in group:
                    split_of[sentence] = split
                taken += len(group)
                order.remove(group)
                left -= 1
        return split_of

    def deal(self, fold: Fold, validation_share: float, seed: int, source: str) -> list[str]:
        """Deal the sentences to folds, one of which is test; validation is drawn from the others.

        Args:
            fold: Which one is test.
            validation_share: Share of all sentences that becomes validation.
            seed: Another one deals anew; the same one gives the same folds, whichever of them is test.
            source: The corpus, for messages.

        Returns:
            The split of each sentence, in order. Shape: (n_sentences,).

        Raises:
            PipelineError: If there are too few groups.
        """
        groups = self._group()
        sizes = [0] * fold.n_folds
        split_of = [TRAIN] * len(self._keys)
        others = []
        for group in sorted(self._shuffle(groups, f"{seed}:"), key=len, reverse=True):  # large ones first
            number = sizes.index(min(sizes))
            sizes[number] += len(group)
            if number + 1 != fold.number:
                others.append(group)
                continue
            for sentence in group:
                split_of[sentence] = "test"
        if 0 in sizes or len(others) < 2:  # train and validation
            raise PipelineError(
                f"{source}: the corpus has {len(groups)} sentences or documents that differ, too few for "
                f"{fold.n_folds} folds.",
                remedy="set a smaller data.folds, or add sentences.",
            )
        wanted, taken = max(1, round(validation_share * len(self._keys))), 0
        for group in self._shuffle(others, f"{seed}:validation:")[:-1]:
            if taken and taken + len(group) > wanted:
                continue
            for sentence in group:
                split_of[sentence] = "validation"
            taken += len(group)
        return split_of

    def _shuffle(self, groups: Sequence[list[int]], salt: str) -> list[list[int]]:
        """Put groups into an order that depends on their words and the salt alone."""
        return sorted(groups, key=lambda group: hashlib.sha256(salt.encode() + self._keys[group[0]]).digest())

    def _group(self) -> list[list[int]]:
        """Join the sentences that must not be parted; groups in the order of their first sentence."""
        has_documents = len(set(self._documents)) >= FEWEST_DOCUMENTS
        parents = list(range(len(self._keys)))

        def find(one: int) -> int:
            while parents[one] != one:
                parents[one] = parents[parents[one]]
                one = parents[one]
            return one

        first: dict[object, int] = {}
        for number, (key, document, is_short) in enumerate(
            zip(self._keys, self._documents, self._is_short, strict=True)
        ):
            ties: list[object] = [] if has_documents and is_short else [key]
            if has_documents:
                ties.append(document)
            for tie in ties:
                here, there = find(number), find(first.setdefault(tie, number))
                parents[max(here, there)] = min(here, there)
        groups: dict[int, list[int]] = {}
        for number in range(len(parents)):
            groups.setdefault(find(number), []).append(number)
        return list(groups.values())


def pick(sentences: Iterable[RawSentence], split_of: Sequence[str], split: str) -> Iterable[RawSentence]:
    """Yield the sentences of train that were drawn for a split."""
    for sentence, drawn in zip(sentences, split_of, strict=True):
        if drawn == split:
            yield sentence
