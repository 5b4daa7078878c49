"""A corpus read, checked and counted, and stored as Parquet with its facts and findings."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ner.annotation.labels import TagSet
from ner.annotation.sentences import SPLITS, write_split
from ner.core.files import whole_folder
from ner.sources.conversion import Converter
from ner.sources.corpus import Corpus
from ner.sources.corpus_facts import SplitFacts
from ner.sources.cutting import TRAIN
from ner.sources.findings import Findings
from ner.sources.scan import Scan
from ner.sources.settings import DataParams

logger = logging.getLogger(__name__)


def write_corpus(corpus: Corpus, raw_dir: Path, findings_file: Path, params: DataParams) -> dict[str, Any]:
    """Read the corpus several times, so that memory stays flat, and write it once its tags are known.

    Args:
        corpus: Where it comes from.
        raw_dir: Where the Parquet files go.
        findings_file: Where the list of what an annotator should look at goes.
        params: Section `data`.

    Returns:
        The content of `metrics/data.json`.
    """
    scan = Scan.of_corpus(corpus, params.shares, is_pooled=params.chosen_fold is not None)
    converter = Converter.of_scan(corpus, scan, params)
    findings = Findings()
    facts = {}
    for split in SPLITS:
        facts[split] = SplitFacts(
            sentence for _, sentence in findings.watch(split, converter.iterate(split), converter.find_stray)
        )
    found = {label for fact in facts.values() for label in (*fact.outer, *fact.inner)}
    tag_set = TagSet(converter.choose_tags(found))
    _count_lacking(facts)
    for split in SPLITS:
        findings.look_again(split, converter.iterate(split))
    with whole_folder(raw_dir) as folder:
        for split in SPLITS:
            sentences = (sentence for _, sentence in converter.iterate(split))
            write_split(folder / f"{split}.parquet", sentences, tag_set, has_inner=converter.has_inner)
    findings.write(findings_file)
    described = converter.describe()
    for line in (f"{split}: {form}" for split, form in corpus.forms.items()):
        logger.info("read as %s", line)
    logger.info("tags: %s", described["scheme"])
    return {
        **corpus.origin,
        **described,
        "names": findings.count_names(),
        **{split: {**fact.to_dict(), **findings.count(split)} for split, fact in facts.items()},
    }


def _count_lacking(facts: Mapping[str, SplitFacts]) -> None:
    trained = facts[TRAIN].outer.keys()
    for split, fact in facts.items():
        lacking = {label: n for label, n in sorted(fact.outer.items()) if label not in trained}
        if lacking:
            logger.warning("%s: train has no entity of %s", split, ", ".join(lacking))
        fact.entities_train_lacks = sum(lacking.values())
