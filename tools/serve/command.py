"""Serve the tagger to browsers and programs: `ner serve`."""

import signal
import socket
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer
import uvicorn

from ner.core.errors import PipelineError
from ner.core.number_types import TaggingPrecision
from tools.serve.service import make_service
from tools.serve.tagging_queue import Limits, TaggingQueue

SHUTDOWN_SECONDS = 60  # for what was taken to be answered and read; then connections are cut
DEFAULTS = Limits()

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def serve(
    model: Annotated[Path, typer.Option(help="Folder of the tagger.")] = Path("models/ner"),
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8000,
    max_characters: Annotated[
        int, typer.Option(min=1, help="Most characters in a request.")
    ] = DEFAULTS.characters,
    max_texts: Annotated[int, typer.Option(min=1, help="Most texts in a request.")] = DEFAULTS.texts,
    max_waiting: Annotated[
        int, typer.Option(min=1, help="Most requests that wait; one more is answered with 503.")
    ] = DEFAULTS.waiting,
    subtokens_per_batch: Annotated[
        int | None, typer.Option(min=1, help="Most subtokens in a batch, instead of what suits the device.")
    ] = None,
    precision: Annotated[
        TaggingPrecision, typer.Option(help="Number type to compute in; auto: the tagger's own.")
    ] = "auto",
) -> None:
    """Serve a page at / and POST /predict; Ctrl-C ends it when what was taken is answered."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)  # uvicorn raises the signal again when it has shut down
    listener = bind(host, port)  # before the tagger is loaded: an occupied port is told at once

    from ner.onnx.tagger import load_text_tagger  # seconds that --help does without

    tagger = load_text_tagger(model, subtokens_per_batch=subtokens_per_batch, precision=precision)
    limits = Limits(characters=max_characters, texts=max_texts, waiting=max_waiting)
    service = make_service(
        TaggingQueue(tagger, limits), model=str(model), labels=tagger.tagger.tag_set.labels
    )
    config = uvicorn.Config(
        service,
        http="h11",  # whatever else is installed: one behaviour
        ws="none",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    listener.listen(config.backlog)
    typer.echo(f"{model} on {format_address(listener)} (Ctrl-C ends it)")
    uvicorn.Server(config).run(sockets=[listener])


def end(_number: int, _frame: FrameType | None) -> NoReturn:
    """End without an error: this is how a server is meant to end."""
    raise SystemExit(0)


def bind(host: str, port: int) -> socket.socket:
    """Take the address, without listening yet.

    Raises:
        PipelineError: If it cannot be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise PipelineError(
            f"{host}, port {port}: {error.strerror}.", remedy="name another with --host or --port."
        ) from error
    return listener


def format_address(listener: socket.socket) -> str:
    """Write where a socket listens as the URL to open."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
