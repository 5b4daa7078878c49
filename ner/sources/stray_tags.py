"""Tags of a corpus that cannot be read as they stand: where they are, for the messages that refuse them."""

from ner.annotation.schemes import TagReading
from ner.sources.corpus import Corpus
from ner.sources.formats.lines import Place
from ner.sources.scan import Scan

SHOWN_PLACES = 3


def find_tag(corpus: Corpus, tag: str) -> Place:
    """Return the place where a tag that is known to be there stands first."""
    for raw in corpus.iterate_all():
        for tags in filter(None, (raw.outer, raw.inner)):
            if tag in tags:
                return raw.place(tags.index(tag))
    raise ValueError(f"{tag!r} is nowhere in the corpus")


def refuse_stray(corpus: Corpus, scan: Scan, reading: TagReading) -> None:
    """Refuse tags that continue nothing: all are counted, the first are shown with their places.

    Raises:
        PipelineError: If there are any.
    """
    counts = {
        split: n
        for split, pairs in scan.pairs.items()
        if (n := sum(times for pair, times in pairs.items() if reading.convert(*pair)[1]))
    }
    if not counts:
        return
    shown = []
    for raw in corpus.iterate_all():
        for tags in filter(None, (raw.outer, raw.inner)):
            for position in reading.convert_sentence(tags)[1]:
                before = tags[position - 1] if position else "O"
                shown.append((raw.place(position), tags[position], before))
        if len(shown) >= min(SHOWN_PLACES, sum(counts.values())):
            break
    place, tag, before = shown[0]
    problem = f"{tag} continues nothing: the tag before it is {before}."
    if sum(counts.values()) > 1:
        others = ", ".join(f"{where.path}:{where.line} ({what})" for where, what, _ in shown[1:SHOWN_PLACES])
        by_split = ", ".join(f"{n} in {split}" for split, n in counts.items())
        problem += f" There are {sum(counts.values())} such tags: {by_split}; the next are {others}."
    raise place.error(
        problem,
        f"write B- where an entity begins ({reading.scheme.upper()}), or set data.stray_tags to begin.",
    )
