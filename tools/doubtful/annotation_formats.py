"""Pre-annotated sentences as the annotation tools import them."""

import json
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

from ner.sources.formats.columns import format_sentence, keep_mark
from tools.doubtful.selection import RankedSentence

SCORE_DIGITS = 6  # what lies behind them depends on the batch


class AnnotationFormat(StrEnum):
    """What a tool imports."""

    DOCCANO = "doccano"
    LABEL_STUDIO = "label-studio"
    PRODIGY = "prodigy"
    CONLL = "conll"


def format_doccano(sentences: Sequence[RankedSentence]) -> str:
    """Write JSON Lines for doccano's sequence labelling (import format JSONL)."""
    return "".join(
        _line(
            {
                "text": one.text,
                "label": [[start, end, label] for start, end, label in list_spans(one)],
                "doubt": round(one.doubt, SCORE_DIGITS),
            }
        )
        for one in sentences
    )


def format_label_studio(sentences: Sequence[RankedSentence]) -> str:
    """Write tasks with predictions for Label Studio's template "Named Entity Recognition"."""
    tasks = [
        {
            "data": {"text": one.text, "doubt": round(one.doubt, SCORE_DIGITS)},
            "predictions": [
                {
                    "model_version": "ner",
                    "result": [
                        {
                            "id": f"{number}-{place}",
                            "type": "labels",
                            "from_name": "label",
                            "to_name": "text",
                            "value": {
                                "start": start,
                                "end": end,
                                "text": one.text[start:end],
                                "labels": [label],
                            },
                        }
                        for place, (start, end, label) in enumerate(list_spans(one))
                    ],
                }
            ],
        }
        for number, one in enumerate(sentences)
    ]
    return json.dumps(tasks, ensure_ascii=False, indent=1) + "\n"


def format_prodigy(sentences: Sequence[RankedSentence]) -> str:
    """Write JSON Lines for `prodigy ner.manual` or `spans.manual`, with our words as its tokens."""
    return "".join(
        _line(
            {
                "text": one.text,
                "tokens": [
                    {
                        "text": word.text,
                        "start": word.start,
                        "end": word.end,
                        "id": number,
                        "ws": one.text[word.end : word.end + 1].isspace(),
                    }
                    for number, word in enumerate(one.words)
                ],
                "spans": [
                    {
                        "start": one.words[span.start].start,
                        "end": one.words[span.end - 1].end,
                        "token_start": span.start,
                        "token_end": span.end - 1,  # Prodigy's includes the last token
                        "label": span.label,
                    }
                    for span in one.spans
                ],
                "meta": {"doubt": round(one.doubt, SCORE_DIGITS)},
            }
        )
        for one in sentences
    )


def format_conll(sentences: Sequence[RankedSentence]) -> str:
    """Write a word and its outer tag a line, and an empty line behind each sentence."""
    return keep_mark(
        "".join(format_sentence([word.text for word in one.words], one.tags) for one in sentences)
    )


FORMATS: dict[AnnotationFormat, Callable[[Sequence[RankedSentence]], str]] = {
    AnnotationFormat.DOCCANO: format_doccano,
    AnnotationFormat.LABEL_STUDIO: format_label_studio,
    AnnotationFormat.PRODIGY: format_prodigy,
    AnnotationFormat.CONLL: format_conll,
}


def list_spans(sentence: RankedSentence) -> list[tuple[int, int, str]]:
    """List first character, the one behind the last, and label of each entity of all levels."""
    return [
        (sentence.words[span.start].start, sentence.words[span.end - 1].end, span.label)
        for span in sentence.spans
    ]


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False) + "\n"
