"""From the best tag of each subtoken to one tag a word: the one decoder, whatever computes the subtokens."""

from collections.abc import Sequence
from dataclasses import dataclass

from stages.ner.alignment import first_subtokens
from stages.ner.labels import OUTSIDE
from stages.ner.spans import repair_tags
from stages.ner.tokenized import TokenizedWindow


@dataclass(frozen=True, slots=True)
class TaggedWords:
    """What the tagger says of one sentence.

    Args:
        tags: One tag a word, valid IOB2. Shape: (n_words,).
        scores: Probability of each word's tag, from 0 to 1; 0 for a word that has no subtoken: it was
            not seen and is `O`. Shape: (n_words,).
        n_repaired: How many `I-` tags continued nothing and became `B-`.
    """

    tags: list[str]
    scores: list[float]
    n_repaired: int


def join_words(
    rows: Sequence[TokenizedWindow],
    tag_ids: Sequence[Sequence[int]],
    probabilities: Sequence[Sequence[float]],
    n_words: Sequence[int],
    tag_names: Sequence[str],
) -> list[TaggedWords]:
    """Give each word its first subtoken's best tag, then repair IOB2.

    Args:
        rows: The windows of all sentences. Shape: (n_windows,).
        tag_ids: Best tag of each subtoken. Shape: (n_windows, n_subtokens).
        probabilities: Of that tag, from 0 to 1. Shape: (n_windows, n_subtokens).
        n_words: Words of each sentence. Shape: (n_sentences,).
        tag_names: Name of each tag id. Shape: (n_tags,).

    Returns:
        In corpus order. Shape: (n_sentences,).
    """
    tags = [[OUTSIDE] * n for n in n_words]
    scores = [[0.0] * n for n in n_words]
    for row, best, probability in zip(rows, tag_ids, probabilities, strict=True):
        for position, word_id in first_subtokens(row.window.word_ids):
            word = row.window.first_word + word_id
            tags[row.sentence][word] = tag_names[best[position]]
            scores[row.sentence][word] = probability[position]
    tagged = []
    for sentence_tags, sentence_scores in zip(tags, scores, strict=True):
        repaired, n_repaired = repair_tags(sentence_tags)
        tagged.append(TaggedWords(repaired, sentence_scores, n_repaired))
    return tagged
