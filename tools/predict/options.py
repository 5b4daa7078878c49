"""Options that several commands take: what is tagged, and with which tagger."""

from pathlib import Path
from typing import Annotated

import typer

from ner.core.number_types import TaggingPrecision
from tools.predict.input_rows import InputFormat

TAGGER_DIR = Path("models/ner")

Texts = Annotated[
    list[str] | None, typer.Argument(help="Texts; without any, and without --file: standard input.")
]
Files = Annotated[
    list[str] | None,
    typer.Option(
        "--file",
        metavar="PATH",
        help="A .txt, .jsonl, .conll, .tsv (each also .gz) or .parquet file, or a folder, also at s3://, "
        "gs:// or hdfs://; - is stdin.",
    ),
]
Format = Annotated[
    InputFormat | None,
    typer.Option("--input-format", help="Format of the input, instead of the one that the names tell."),
]
Output = Annotated[Path | None, typer.Option("--output", help="File to write instead of standard output.")]
Tagger = Annotated[Path, typer.Option("--model", help="The tagger: models/ner, or an ONNX export.")]
SubtokensPerBatch = Annotated[
    int | None,
    typer.Option(
        "--subtokens-per-batch",
        min=1,
        help="Most subtokens in a batch, instead of the default for the CPU or GPU.",
    ),
]
Precision = Annotated[
    TaggingPrecision,
    typer.Option("--precision", help="Number type to compute in; auto: the tagger's own."),
]
