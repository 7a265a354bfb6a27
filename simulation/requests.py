"""A request, and the way it goes to a worker and its answer back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlencode

from attrs import define
from starlette.types import ASGIApp, Message

from examples.marketplace.once import command_id
from examples.marketplace.store import Failed
from numgenius_core.ids import AccountId
from simulation.box import Box
from simulation.workers import Worker

LOST: Final = 0.03  # of the requests, and of the answers


@define
class Request:
    """What a client wants, until it knows what became of it.

    Attributes:
        by: The client.
        key: Makes it happen once; empty if it only asks.
        method: Of the request.
        path: Of the request.
        body: Of the request.
        due: At which step it arrives next.
        answer: The first answer that says it happened.
        doubled: Whether the network sent it twice.
    """

    by: str
    key: str
    method: str
    path: str
    body: dict[str, Any]
    due: int
    answer: Any = None
    doubled: bool = False

    @property
    def name(self) -> str:
        """What the log knows it by."""
        return command_id(AccountId(self.by), self.key)

    @property
    def whole_path(self) -> str:
        return self.path if self.path.startswith("/api/") else f"/api/v0{self.path}"


async def deliver(
    box: Box, worker: Worker, requests: Sequence[Request], hear: Callable[[Request, int, Any], None]
) -> None:
    """Let requests arrive together; of some, or of their answers, nothing is heard."""
    lost = [box.dice.random() < LOST for _ in requests]
    asked = [each for each, gone in zip(requests, lost, strict=True) if not gone]
    for each in requests:
        each.due = box.now + 1 + box.dice.randint(0, 3)  # it is asked again, if need be
    tasks = [asyncio.create_task(ask(worker.app, each)) for each in asked]
    while not all(task.done() for task in tasks) and not worker.killed:
        await asyncio.sleep(0)
    if worker.killed:
        for task in (*tasks, worker.store._working):
            if task is not None:
                task.cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    for each, answer in zip(asked, answers, strict=True):
        if isinstance(answer, BaseException):
            if not isinstance(answer, asyncio.CancelledError):
                raise answer
        elif box.dice.random() >= LOST:
            hear(each, *answer)


async def ask(app: ASGIApp, request: Request) -> tuple[int, Any]:
    """Send a request to a service in this process, and return its answer."""
    asks = request.method == "GET"
    body = b"" if asks else json.dumps(request.body).encode()
    told = bytearray()
    status = 0
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            told.extend(message.get("body", b""))

    query = urlencode(request.body) if asks else ""
    with suppress(Failed):  # it has answered 500, and raises what a server writes to its log
        await app(scope_of(request, len(body), query), receive, send)
    return status, json.loads(bytes(told))


def scope_of(request: Request, length: int, query: str) -> dict[str, Any]:
    """Return what ASGI says of a request before its body."""
    headers = [
        (b"authorization", f"Bearer {request.by}".encode()),
        (b"content-length", str(length).encode()),
    ]
    if request.key:
        headers.append((b"idempotency-key", request.key.encode()))
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "path": request.whole_path,
        "raw_path": b"",
        "query_string": query.encode(),
        "root_path": "",
        "scheme": "http",
        "headers": headers,
        "client": ("box", 1),
        "server": ("box", 80),
    }
