"""What a careful annotator would want to know of a corpus: duplicates, doubtful labels, odd characters.

The corpus is read twice: `watch` gathers every name with its labels, `look_again` finds what differs.
"""

import csv
import hashlib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from ner.annotation.labels import OUTSIDE
from ner.annotation.sentences import SPLITS, Sentence
from ner.annotation.spans import decode_spans
from ner.core.files import whole_file
from ner.sources.formats.raw import RawSentence

COLUMNS = ("finding", "split", "file", "line", "text", "label", "expected", "sentence")
FEWEST_FOR_MAJORITY = 3  # mentions with one label that make another label doubtful,
SHARE_FOR_MAJORITY = 0.75  # and their share of all mentions of the name
SHORTEST_UNTAGGED = 5  # letters; shorter names are too often other words as well
INVISIBLE = frozenset({"Cc", "Cf"})
Pairs = Iterator[tuple[RawSentence, Sentence]]


class Findings:
    """Findings of a corpus, read split by split, train first."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, ...]] = []
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._first: dict[bytes, set[str]] = {}
        self._labels: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._tagged: Counter[str] = Counter()  # mentions of a name in any entity, its own or a longer one
        self._untagged: Counter[str] = Counter()
        self._untagged_rows: list[tuple[str, tuple[str, ...]]] = []
        self._starts: dict[str, list[tuple[str, ...]]] | None = None
        self._n_minority = 0

    def watch(
        self, split: str, sentences: Pairs, find_stray: Callable[[RawSentence], list[tuple[int, str, str]]]
    ) -> Pairs:
        """Pass the sentences of a split on and gather what is in them.

        Args:
            split: Its name.
            sentences: As the file has them, and as they go into the corpus.
            find_stray: Gives positions of tags that continue nothing, the tags, and what they are read as.
        """
        counts = self._counts[split]
        for raw, sentence in sentences:
            words = sentence.words
            self._note_duplicate(split, raw, words)
            for span in decode_spans(sentence.outer):
                self._labels[" ".join(words[span.start : span.end])][span.label] += 1
            for position, word in enumerate(words):
                # Printable is a property that Python looks up at once; what is not may be invisible.
                if not word.isprintable() and any(unicodedata.category(sign) in INVISIBLE for sign in word):
                    counts["invisible_words"] += 1
                    shown = ascii(word)[1:-1]
                    self._add("invisible character", split, raw, position, shown, sentence.outer[position])
            for position, tag, read_as in find_stray(raw):
                counts["stray_tags"] += 1
                self._add("stray tag", split, raw, position, words[position], tag, read_as)
            counts["empty_words"] += raw.n_empty_words
            counts["widened_entities"] += raw.n_widened
            counts["too_deep_entities"] += len(raw.too_deep)
            for text in raw.too_deep:
                self._add("entity below the inner level", split, raw, 0, text)
            yield raw, sentence

    def look_again(self, split: str, sentences: Pairs) -> None:
        """Find the mentions whose label differs from most others of the name, and those without any."""
        if self._starts is None:
            self._starts = self._index_names()
        doubtful = {name: label for name in self._labels if (label := self._find_majority(name))}
        for raw, sentence in sentences:
            words, tags = sentence.words, sentence.outer
            for span in decode_spans(tags):
                name = " ".join(words[span.start : span.end])
                expected = doubtful.get(name)
                if expected and expected != span.label:
                    self._n_minority += 1
                    self._add("label of a minority", split, raw, span.start, name, span.label, expected)
            for at, word in enumerate(words):
                for parts in self._starts.get(word, ()):
                    end = at + len(parts)
                    if len(parts) > 1 and tuple(words[at:end]) != parts:
                        continue
                    name = " ".join(parts)
                    if any(tag != OUTSIDE for tag in tags[at:end]):
                        self._tagged[name] += 1
                        continue
                    self._untagged[name] += 1
                    row = self._row("untagged name", split, raw, at, name, OUTSIDE, self._most(name))
                    self._untagged_rows.append((name, row))

    def count(self, split: str) -> dict[str, int]:
        """Return the counts of a split: keys of `metrics/data.json`."""
        keys = ("duplicates", "stray_tags", "invisible_words")
        counts = {key: self._counts[split][key] for key in keys}
        for earlier in SPLITS[: SPLITS.index(split)]:
            key = f"duplicates_in_{earlier}"
            counts[key] = self._counts[split][key]
        optional = ("empty_words", "widened_entities", "too_deep_entities")
        return counts | {key: self._counts[split][key] for key in optional if self._counts[split][key]}

    def count_names(self) -> dict[str, int]:
        """Count the names of the whole corpus (outer level), and those labelled in several ways."""
        several = [labels for labels in self._labels.values() if len(labels) > 1]
        untagged = self._list_untagged()
        return {
            "distinct": len(self._labels),
            "mentions": sum(labels.total() for labels in self._labels.values()),
            "with_several_labels": len(several),
            "mentions_with_several_labels": sum(labels.total() for labels in several),
            "mentions_with_minority_label": self._n_minority,
            "also_untagged": len(untagged),
            "untagged_mentions": sum(self._untagged[name] for name in untagged),
        }

    def write(self, path: Path) -> None:
        """Write the list, the kinds of findings in alphabetical order."""
        untagged = self._list_untagged()
        rows = [*self._rows, *(row for name, row in self._untagged_rows if name in untagged)]
        rows.sort(key=_name_kind)
        with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(rows)

    def _note_duplicate(self, split: str, raw: RawSentence, words: list[str]) -> None:
        key = hashlib.sha256("\n".join(words).encode()).digest()[:12]
        seen = self._first.setdefault(key, set())
        if split in seen:
            self._counts[split]["duplicates"] += 1
            self._add("duplicate", split, raw, 0, " ".join(words))
        for earlier in seen - {split}:
            self._counts[split][f"duplicates_in_{earlier}"] += 1
            self._add(f"also in {earlier}", split, raw, 0, " ".join(words))
        seen.add(split)

    def _index_names(self) -> dict[str, list[tuple[str, ...]]]:
        """List by their first word the names that are long enough and begin with a capital."""
        starts: defaultdict[str, list[tuple[str, ...]]] = defaultdict(list)
        for name in self._labels:
            if len(name) >= SHORTEST_UNTAGGED and name[0].isupper():
                parts = tuple(name.split(" "))
                starts[parts[0]].append(parts)
        return {
            first: sorted(names, key=lambda parts: (-len(parts), parts)) for first, names in starts.items()
        }

    def _list_untagged(self) -> set[str]:
        """List the names that stand untagged somewhere, and are tagged more often than not."""
        return {name for name, n in self._untagged.items() if self._tagged[name] > n}

    def _find_majority(self, name: str) -> str | None:
        labels = self._labels[name]
        label, n = labels.most_common(1)[0]
        is_clear = len(labels) > 1 and n >= FEWEST_FOR_MAJORITY and n >= SHARE_FOR_MAJORITY * labels.total()
        return label if is_clear else None

    def _most(self, name: str) -> str:
        return self._labels[name].most_common(1)[0][0]

    def _add(self, finding: str, split: str, raw: RawSentence, position: int, *values: str) -> None:
        self._rows.append(self._row(finding, split, raw, position, *values))

    @staticmethod
    def _row(
        finding: str,
        split: str,
        raw: RawSentence,
        position: int,
        text: str,
        label: str = "",
        expected: str = "",
    ) -> tuple[str, ...]:
        line = str(raw.lines[position])
        return finding, split, raw.path.name, line, text, label, expected, " ".join(raw.words)


def _name_kind(row: tuple[str, ...]) -> str:
    return row[0]
