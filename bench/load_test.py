"""Load a running service with concurrent clients: `python -m bench.load_test`.

Each client is a connection that sends its next request as soon as it has an answer. With `--retry` a client
that gets 503 waits as long as `Retry-After` says and asks again. Ends with status 1 if any last answer is not
200.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import quantiles
from typing import Annotated

import httpx2
import typer
from rich.console import Console
from rich.table import Table

from ner.core.command import run_command
from ner.sources.formats.germeval import read_germeval

TIMEOUT_SECONDS = 120.0
MOST_TRIES = 10

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True, slots=True)
class Load:
    """What a load test found.

    Args:
        seconds: From the first request to the last answer.
        latencies: Seconds until each answer. Shape: (n_requests,).
        outcomes: How often each status, or kind of failed connection, came in the end.
        n_tries: How often each request was sent. Shape: (n_requests,).
    """

    seconds: float
    latencies: list[float]
    outcomes: Counter[str]
    n_tries: list[int]

    @property
    def n_errors(self) -> int:
        """Requests that were not answered with 200."""
        return self.outcomes.total() - self.outcomes["200"]


def load_service(
    url: str,
    texts: Sequence[str],
    *,
    n_requests: int,
    n_clients: int,
    most_tries: int = 1,
    wait: Callable[[float], object] = time.sleep,
) -> Load:
    """Send requests of one text each from several clients at once.

    Args:
        url: Where the service is.
        texts: Taken in turn. Shape: (n_texts,).
        n_requests: Requests in all.
        n_clients: Connections at once.
        most_tries: How often a request is sent at most, after `Retry-After` has passed.
        wait: Waits so many seconds.
    """
    waiting = islice(cycle(texts), n_requests)
    lock = threading.Lock()
    latencies: list[float] = []
    outcomes: Counter[str] = Counter()
    n_tries: list[int] = []

    def run_client() -> None:
        with httpx2.Client(base_url=url, timeout=TIMEOUT_SECONDS) as client:
            while True:
                with lock:
                    text = next(waiting, None)
                if text is None:
                    return
                start = time.perf_counter()
                for tries in range(1, most_tries + 1):
                    try:
                        answer = client.post("predict", json={"text": text})
                        outcome = str(answer.status_code)
                    except httpx2.HTTPError as error:
                        outcome = type(error).__name__
                    if outcome != "503" or tries == most_tries:
                        break
                    wait(float(answer.headers["retry-after"]))
                with lock:
                    latencies.append(time.perf_counter() - start)
                    outcomes[outcome] += 1
                    n_tries.append(tries)

    start = time.perf_counter()
    with ThreadPoolExecutor(n_clients) as pool:
        for client in [pool.submit(run_client) for _ in range(n_clients)]:
            client.result()
    return Load(time.perf_counter() - start, latencies, outcomes, n_tries)


@app.command()
def load(
    url: Annotated[str, typer.Option(help="Where the service is.")] = "http://127.0.0.1:8000",
    clients: Annotated[int, typer.Option(min=1, help="Connections at once.")] = 20,
    requests: Annotated[int, typer.Option(min=1, help="Requests in all.")] = 1000,
    corpus: Annotated[Path, typer.Option(help="GermEval TSV file whose sentences are sent in turn.")] = Path(
        "data/sample/NER-de-test.tsv"
    ),
    retry: Annotated[
        bool, typer.Option("--retry", help="Ask again after 503, when Retry-After has passed.")
    ] = False,
) -> None:
    """Print throughput, latency and errors of a running service."""
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # else a line for each request
    texts = [" ".join(sentence.words) for sentence in read_germeval(corpus)]
    found = load_service(
        url, texts, n_requests=requests, n_clients=clients, most_tries=MOST_TRIES if retry else 1
    )
    percentiles = (
        quantiles(found.latencies, n=100, method="inclusive") if requests > 1 else found.latencies * 99
    )
    table = Table("figure", "value", title=f"{clients} clients, {requests:,} requests of one sentence")
    table.add_row("requests a second", f"{requests / found.seconds:.0f}")
    for name, seconds in (
        ("median", percentiles[49]),
        ("95th percentile", percentiles[94]),
        ("longest", max(found.latencies)),
    ):
        table.add_row(f"latency, {name}", f"{1000 * seconds:.0f} ms")
    if retry:
        for tries, count in sorted(Counter(found.n_tries).items()):
            table.add_row(f"requests sent {tries} time{'s' if tries > 1 else ''}", f"{count:,}")
    for outcome, count in sorted(found.outcomes.items()):
        table.add_row(f"answers: {outcome}", f"{count:,}")
    Console().print(table)
    if found.n_errors:
        raise typer.Exit(1)


if __name__ == "__main__":
    run_command(app)
