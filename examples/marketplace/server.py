"""The process: its connections, what they may take, and how it ends.

A request has to arrive within seconds, and its answer has to be taken within a minute; a connection
that keeps the service waiting is closed. Of those without a whole request so many are kept: the
oldest makes room. A signal to stop is obeyed within seconds, whoever is connected.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, ClassVar, Final

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS: Final = 15.0
ANSWER_SECONDS: Final = 60.0
MOST_WAITING: Final = 400  # connections whose request has not arrived
MOST: Final = 800  # connections
LAST_SECONDS: Final = 3  # for requests under way when the service is told to stop


class Impatient(H11Protocol):
    """HTTP as uvicorn speaks it, with deadlines for the other side."""

    waiting: ClassVar[dict[Impatient, None]] = {}  # in the order they came
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._expect()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._relax()
        if (
            self.conn.their_state is not h11.IDLE
        ):  # answered before all of it came, or the next is there
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._relax()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Wait for answers that are under way, not for requests that may never arrive."""
        if self in self.waiting:
            self._give_up()
        else:
            super().shutdown()

    def _expect(self) -> None:
        """Set a deadline for what is to come next; more bytes of the same move none."""
        arrived = self.conn.their_state not in (h11.IDLE, h11.SEND_BODY)
        if arrived and self in self.waiting:
            self._relax()
        if self._timer is None and not self.transport.is_closing():
            seconds = ANSWER_SECONDS if arrived else REQUEST_SECONDS
            self._timer = self.loop.call_later(seconds, self._give_up)
            if not arrived:
                self.waiting[self] = None
                if len(self.waiting) > MOST_WAITING:
                    next(iter(self.waiting))._give_up()

    def _relax(self) -> None:
        self.waiting.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._relax()
        self.transport.abort()


def listening(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Return a socket for those who connect to an address, of either version of IP.

    Args:
        host: The address, or a name that has one of version 4.
        port: And the port.
        shared: Whether other workers listen on the same port; the kernel divides connections.

    Raises:
        OSError: There is no such address here, or somebody else has the port.
        TypeError: A name that none can have.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Only of sockets that say that they are TCP does asyncio send at once what is written; else the
    # body of an answer waits until the other side confirms the headers, some 40 ms.
    made = socket.socket(family, proto=socket.IPPROTO_TCP)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind((host, port))
    except BaseException:
        made.close()
        raise
    return made


def serve(app: ASGIApp, there: socket.socket, proxies: str | None = None) -> None:
    """Serve until a signal says to stop.

    Args:
        app: The service; it lets go of its file when its lifespan ends.
        there: The socket that clients connect to.
        proxies: Addresses of proxies that say where a request came from; nobody else is believed.
    """
    config = uvicorn.Config(
        app,
        http=Impatient,
        ws="none",
        access_log=False,
        log_level="warning",
        limit_concurrency=MOST,
        timeout_graceful_shutdown=LAST_SECONDS,
        proxy_headers=proxies is not None,
        forwarded_allow_ips=proxies,
    )
    uvicorn.Server(config).run(sockets=[there])
