"""The server around the service: its connections, its end, and what it ends with."""

import asyncio
import socket
from functools import partial

import uvicorn
from fastapi import FastAPI

from tools.serve.connections import BACKLOG, BoundedProtocol, ConnectionLimits, count_free_connections
from tools.serve.tagging_queue import TaggingQueue

KERNEL_BACKLOG = 1_024  # connections that wait to be accepted
TAGGING_SHARE = 0.8  # of the grace period; the rest is for what the estimate is wrong about
ANSWER_SECONDS = 2.0  # at the end of the grace period, for the last refusals to be read


class DrainingServer(uvicorn.Server):
    """A server that, told to end, answers what it can within its grace period and refuses the rest.

    Args:
        service: What answers.
        queue: The service's own.
        grace_seconds: From the signal to the end.
        limits: Of its connections; None: as many as the process may have files.
    """

    def __init__(
        self,
        service: FastAPI,
        queue: TaggingQueue,
        *,
        grace_seconds: float,
        limits: ConnectionLimits | None = None,
    ) -> None:
        limits = limits or ConnectionLimits(
            unread_bytes=queue.limits.body_bytes, connections=count_free_connections()
        )
        super().__init__(
            uvicorn.Config(
                service,
                http=partial(BoundedProtocol, limits=limits),  # type: ignore[arg-type] # makes a protocol
                ws="none",
                access_log=False,
                log_config=None,
                log_level="error",  # a warning for each invalid request would let anybody fill the log
                server_header=False,
                backlog=BACKLOG,
            )
        )
        self.grace_seconds = grace_seconds
        self.queue = queue
        queue.on_failure = self.end

    def end(self) -> None:
        """Let the server end; from any thread."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept a few connections at a time, but let many wait."""
        await super().startup(sockets)
        for listener in sockets or []:
            listener.listen(KERNEL_BACKLOG)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what can be answered in time, refuse the rest at once, and end."""
        self.config.timeout_graceful_shutdown = max(1, int(self.grace_seconds))
        self.queue.close(self.grace_seconds * TAGGING_SHARE)
        last_call = asyncio.get_running_loop().call_later(
            max(0.0, self.grace_seconds - ANSWER_SECONDS), self.queue.abandon
        )
        try:
            await super().shutdown(sockets)
        finally:
            last_call.cancel()
