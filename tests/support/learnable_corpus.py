"""A corpus so simple that two layers learn it within seconds: a comparison then has something to lose."""

from pathlib import Path

NAMES = {"Roman": "PER", "Abend": "PER", "Zug": "LOC", "Montag": "LOC"}
SIZES = {"train": 48, "dev": 12, "test": 48}


def write_learnable_corpus(folder: Path) -> Path:
    """Write sentences of a name, its place among other words and a full stop, always in the same order."""
    folder.mkdir(parents=True)
    people = [name for name, label in NAMES.items() if label == "PER"]
    places = [name for name, label in NAMES.items() if label == "LOC"]
    for split, n_sentences in SIZES.items():
        sentences = []
        for number in range(n_sentences):
            words = [people[number % 2], "in", places[number // 2 % 2], *["und"] * (number % 3), "."]
            tags = [f"B-{NAMES[word]}" if word in NAMES else "O" for word in words]
            rows = [
                f"{place}\t{word}\t{tag}\tO"
                for place, (word, tag) in enumerate(zip(words, tags, strict=True), 1)
            ]
            sentences.append("\n".join([f"#\tinvented/{number}\t[]\t", *rows, ""]))
        (folder / f"NER-de-{split}.tsv").write_text("\n".join(sentences), encoding="utf-8")
    return folder
