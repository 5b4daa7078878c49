"""Serve the tagger to browsers and programs: `ner serve`."""

import os
import signal
import socket
import sys
from types import FrameType
from typing import Annotated, NoReturn

import typer

from ner.core.errors import PipelineError
from tools.predict.options import TAGGER_DIR, Precision, SubtokensPerBatch, Tagger
from tools.serve.limits import Limits
from tools.serve.server import KERNEL_BACKLOG, DrainingServer
from tools.serve.service import make_service
from tools.serve.tagging_queue import TaggingQueue

DEFAULTS = Limits()

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def serve(
    model: Tagger = TAGGER_DIR,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8000,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Name that browsers reach the service by, besides localhost; * for any."),
    ] = None,
    max_characters: Annotated[
        int, typer.Option(min=1, help="Most characters in a request.")
    ] = DEFAULTS.characters,
    max_texts: Annotated[int, typer.Option(min=1, help="Most texts in a request.")] = DEFAULTS.texts,
    max_words: Annotated[int, typer.Option(min=1, help="Most words in a request.")] = DEFAULTS.words,
    max_subtokens: Annotated[
        int, typer.Option(min=1, help="Most subtokens in a request.")
    ] = DEFAULTS.subtokens,
    max_wait: Annotated[
        float, typer.Option(min=0, help="Seconds; a request that would wait longer is answered with 503.")
    ] = DEFAULTS.wait_seconds,
    max_waiting: Annotated[
        int, typer.Option(min=1, help="Most requests that wait; one more is answered with 503.")
    ] = DEFAULTS.waiting,
    grace_seconds: Annotated[
        float,
        typer.Option(min=1, help="From SIGTERM or Ctrl-C to the end; what cannot be answered gets 503."),
    ] = 25.0,
    subtokens_per_batch: SubtokensPerBatch = None,
    precision: Precision = "auto",
) -> None:
    """Serve a page at / and POST /predict; Ctrl-C answers what was accepted, then ends."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)  # uvicorn raises the signal again when it has shut down
    listener = bind(host, port)  # before the tagger is loaded: an occupied port is told at once

    from ner.onnx.tagger import load_text_tagger  # seconds that --help does without

    tagger = load_text_tagger(model, subtokens_per_batch=subtokens_per_batch, precision=precision)
    limits = Limits(
        characters=max_characters,
        texts=max_texts,
        words=max_words,
        subtokens=max_subtokens,
        wait_seconds=max_wait,
        waiting=max_waiting,
    )
    queue = TaggingQueue(tagger, limits)
    service = make_service(
        queue,
        model=str(model),
        labels=tagger.tagger.tag_set.labels,
        has_inner=tagger.n_levels > 1,
        allow_hosts=[host, *(allow_host or [])],
    )
    server = DrainingServer(service, queue, grace_seconds=grace_seconds)
    typer.echo(f"{model} on {format_address(listener)} (Ctrl-C ends it)")
    try:
        server.run(sockets=[listener])
    finally:
        if queue.is_running:  # in a call that outlasts the grace period: Python would end in the midst of it
            sys.stdout.flush()
            os._exit(0)
    if queue.has_failed:
        raise PipelineError("the tagger has ended, for the reason above.", remedy="start the service again.")


def end(_number: int, _frame: FrameType | None) -> NoReturn:
    """End without an error: this is how a server is meant to end."""
    raise SystemExit(0)


def bind(host: str, port: int) -> socket.socket:
    """Listen on an address; whoever connects waits until the server has started.

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
        listener.listen(KERNEL_BACKLOG)  # several sockets may be bound to a port that nobody listens on
    except (OSError, ValueError) as error:  # the latter: `a..b` is no name
        reason = getattr(error, "strerror", None) or "no name or address of a machine"
        raise PipelineError(
            f"{host}, port {port}: {reason}.", remedy="name another with --host or --port."
        ) from error
    return listener


def format_address(listener: socket.socket) -> str:
    """Write where a socket listens as the URL to open."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
