"""The service: who may ask, how much, and what a fault is called.

A request is read within limits and answered by its route (:mod:`~examples.marketplace.routes`);
what the library refuses leaves as a 4xx with one sentence. Nothing that a client sends ends the
process, and no client is told of anything that is not on disk.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from math import ceil
from sqlite3 import Error as DiskError
from time import monotonic
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from examples.marketplace.reading import MAX_BODY, Call, parsed
from examples.marketplace.routes import COMMANDS, QUESTIONS, answer
from examples.marketplace.store import Store
from numgenius_core.errors import (
    IllegalMove,
    InsufficientCredit,
    NotAllowed,
    NumgeniusError,
    ParseError,
    UnknownId,
)
from numgenius_core.ids import AccountId
from numgenius_core.market.commands import AddCredit
from numgenius_core.money import Money

Respond = Callable[[Call], Awaitable[Any]]

# What a fault is called; the first that fits.
FAULTS: Final[tuple[tuple[type[Exception], int, str], ...]] = (
    (UnknownId, 404, "not_found"),
    (NotAllowed, 403, "not_authorized"),
    (InsufficientCredit, 411, "insufficient_credit"),
    (IllegalMove, 409, "not_possible_now"),
    (NumgeniusError, 400, "invalid_args"),
    (DiskError, 503, "not_stored"),
)
MISSING: Final = {
    "contract": "no_such_instance",
    "increase": "no_pending_price_increase",
    "machine": "no_such_machine",
    "offer": "no_such_ask",
}
OPEN: Final = "/api/v0/gpu_names/unique"  # the client asks this before it knows its key
NUMBER: Final = re.compile("[0-9]{1,19}", re.ASCII)
NEWCOMER: Final = AccountId("")  # shares its limit with everyone who has no account yet
MANY: Final = 10_000


class Limiter:
    """Lets each key ask so many times a second, and as many as in two seconds at once."""

    def __init__(self, rate: float) -> None:
        self._gap, self._slack = 1 / rate, 2.0
        self._busy_until: dict[str, float] = {}

    def wait(self, key: str) -> float:
        """Return how many seconds too early a key asks; 0 is in time, and counts."""
        now = monotonic()
        if len(self._busy_until) > MANY:  # whoever has been quiet is as good as new
            self._busy_until = {k: until for k, until in self._busy_until.items() if until > now}
        until = max(now, self._busy_until.get(key, now)) + self._gap
        if until <= now + self._slack:
            self._busy_until[key] = until
            return 0.0
        return until - now - self._slack


class Service:
    """The service over a store.

    Args:
        store: The market.
        rate: Requests a second of each account.
        credit: What an account is opened with at its first request.
    """

    def __init__(self, store: Store, rate: float, credit: Money) -> None:
        self.store, self.limiter, self.credit = store, Limiter(rate), credit

    def app(self) -> ASGIApp:
        """Return the service as ASGI."""
        routes = [self.route(*key, self.commanded(meant)) for key, meant in COMMANDS.items()]
        routes += [self.route(*key, self.questioned(asked)) for key, asked in QUESTIONS.items()]
        faults = {HTTPException: not_served, Exception: failed}
        return without_slash(Starlette(routes=routes, exception_handlers=faults))

    def commanded(self, meant: Callable[..., Any]) -> Respond:
        async def respond(call: Call) -> Any:
            found, before = meant(call), self.store.market
            commands = found if isinstance(found, list) else [found]
            return answer(await self.store.do(*commands), before)

        return respond

    def questioned(self, asked: Callable[..., Any]) -> Respond:
        async def respond(call: Call) -> Any:
            return asked(call, await self.store.seen(), self.store)

        return respond

    def route(self, method: str, path: str, respond: Respond) -> Route:
        async def endpoint(request: Request) -> JSONResponse:
            try:
                return JSONResponse(await respond(await self.read(request)))
            except (NumgeniusError, DiskError) as fault:
                status, code = next((s, c) for kind, s, c in FAULTS if isinstance(fault, kind))
                if isinstance(fault, UnknownId):
                    code = MISSING.get(fault.path, code)
                return refusal(status, code, fault)

        return Route(f"/api{path}", endpoint, methods=[method])

    async def read(self, request: Request) -> Call:
        """Return what a request says, of an account that exists from then on."""
        account = self.account(request)
        known = account in self.store.market.accounts
        if wait := self.limiter.wait(account if known else NEWCOMER):
            again = {"Retry-After": str(ceil(wait))}
            raise HTTPException(429, "too many requests: try again later", again)
        number = request.path_params.get("number", "0")
        if not NUMBER.fullmatch(number):
            raise HTTPException(404, "Not Found")
        body = await body_of(request)
        if not known and account is not NEWCOMER:
            await self.store.do(AddCredit(account=account, amount=self.credit))
        at, query = self.store.now(), request.query_params
        return Call(by=account, at=at, number=int(number), body=body, query=query)

    def account(self, request: Request) -> AccountId:
        """Return the account of a request: any key is an account named by it."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme == "Bearer" and key.strip():
            return AccountId(key.strip())
        if request.url.path == OPEN:
            return NEWCOMER
        raise HTTPException(401, "Invalid user key")


async def body_of(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request; without a body an empty one."""
    text = bytearray()
    async for piece in request.stream():
        text += piece
        if len(text) > MAX_BODY:
            raise HTTPException(413, f"a request has at most {MAX_BODY:,} bytes")
    found = parsed(bytes(text), "request") if text else {}
    if not isinstance(found, dict):
        raise ParseError("request", "a JSON object", type(found).__name__)
    return found


def refusal(status: int, code: str, why: object, headers: Any = None) -> JSONResponse:
    """Return the answer to a request that came to nothing; its client shows only ``msg``."""
    told = {"success": False, "error": code, "msg": " ".join(str(why).split())}
    return JSONResponse(told, status, headers)


async def not_served(_: Request, fault: Any) -> JSONResponse:
    return refusal(fault.status_code, "invalid_request", fault.detail, fault.headers)


async def failed(_request: Request, _fault: Exception) -> JSONResponse:
    return refusal(500, "internal", "the service failed; its log says why")


def without_slash(app: ASGIApp) -> ASGIApp:
    """Take a path that ends in a slash for the one without: the client sends both."""

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": scope["path"].rstrip("/") or "/"}
        await app(scope, receive, send)

    return served
