"""Connections that end: each has a limit of time, of unread bytes, and there are only so many.

uvicorn bounds none of these: a connection that sends a byte now and then would stay open for ever, and when
all file descriptors are taken nobody is served.
"""

import asyncio
import resource
from dataclasses import dataclass
from typing import Any

import h11
import psutil
from uvicorn.protocols.http.h11_impl import H11Protocol

BACKLOG = 16  # connections that asyncio accepts at once, before one of them is counted
MOST_CONNECTIONS = 1_000
FEWEST_CONNECTIONS = 8
KEPT_FILES = 16  # for the page's files and the library's
BUSY_BODY = b'{"detail":"Too many connections are open."}'
BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nRetry-After: 1\r\nConnection: close\r\n\r\n%b" % (len(BUSY_BODY), BUSY_BODY)
)


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How long a connection may do nothing, and how many there may be.

    Args:
        unread_bytes: Most bytes of a body that are read and dropped behind an answer that did not need it.
        connections: Most connections at once.
        header_seconds: For a request's headers to arrive, and for a body that is dropped.
        write_seconds: For a client to take what waits for it.
    """

    unread_bytes: int
    connections: int
    header_seconds: float = 10.0
    write_seconds: float = 20.0


def count_free_connections() -> int:
    """Count how many connections the process' limit of open files leaves room for."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if most == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    # An accepted connection is counted two turns of the event loop later, and closed another one later.
    free = most - psutil.Process().num_fds() - 4 * BACKLOG - KEPT_FILES
    return max(FEWEST_CONNECTIONS, min(MOST_CONNECTIONS, free))


class BoundedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 with limits.

    Args:
        limits: What a connection may do.
    """

    def __init__(self, *arguments: Any, limits: ConnectionLimits, **settings: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **settings)
        self.limits = limits
        self.idle_since = 0.0
        self._n_unread = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._write_deadline: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Take a connection; beyond the limit it takes the place of the one that has been idle longest."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            idle = [
                one
                for one in self.connections
                if isinstance(one, BoundedProtocol) and one.is_idle and one is not self
            ]
            if not idle:
                transport.write(BUSY)
                transport.close()
                return
            oldest = min(idle, key=lambda one: one.idle_since)
            oldest.transport.abort()
            self.connections.discard(oldest)  # before it says so itself: another one may come in this turn
        self._start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        super().connection_lost(exc)
        for timer in (self._deadline, self._write_deadline):
            if timer:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Read on; what follows an answer is dropped, up to a limit."""
        if self.is_idle and self.conn.their_state is h11.SEND_BODY:
            self._n_unread += len(data)
            if self._n_unread > self.limits.unread_bytes:
                self.transport.abort()
                return
        super().data_received(data)
        self._stop_deadline_if_busy()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._n_unread = 0
        self._start_deadline()
        super().on_response_complete()  # may begin with a request that has come already
        self._stop_deadline_if_busy()

    def pause_writing(self) -> None:
        """Note that the client does not take its answer."""
        super().pause_writing()
        self._write_deadline = self.loop.call_later(self.limits.write_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Note that the client takes its answer."""
        super().resume_writing()
        if self._write_deadline:
            self._write_deadline.cancel()

    def _start_deadline(self) -> None:
        self.idle_since = self.loop.time()
        if self._deadline:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(self.limits.header_seconds, self.transport.close)

    def _stop_deadline_if_busy(self) -> None:
        if self._deadline and not self.is_idle:
            self._deadline.cancel()
            self._deadline = None
