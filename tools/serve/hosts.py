"""Which names the service answers to: a page of another site must not read it through a name of its own.

Such a site points its name at this machine (DNS rebinding), so that the browser takes the service for the
site's own server. The header Host then holds that name. An address cannot be pointed anywhere.
"""

import ipaddress
from collections.abc import Collection

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOCAL_NAMES = frozenset({"localhost"})
ANY_NAME = "*"


class AllowedHosts:
    """Refuses requests that name another server.

    Args:
        app: What answers the others.
        names: The names besides `localhost`; `*` for all.
    """

    def __init__(self, app: ASGIApp, names: Collection[str] = ()) -> None:
        self.app = app
        self.names = LOCAL_NAMES | {name.lower() for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        hosts = [value.decode("latin-1") for name, value in scope.get("headers", []) if name == b"host"]
        if scope["type"] != "http" or all(map(self.allows, hosts)):  # HTTP/1.0 asks without
            await self.app(scope, receive, send)
            return
        detail = "The header Host names another server: start this one with --allow-host and that name."
        await JSONResponse({"detail": detail}, status_code=421)(scope, receive, send)

    def allows(self, host: str) -> bool:
        """Return whether a Host header, with or without a port, is this server's."""
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        return ANY_NAME in self.names or name.lower().rstrip(".") in self.names or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
