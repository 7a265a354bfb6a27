"""The service: who may ask, how much, and what becomes of a request.

A request is read within limits and answered by its door (:mod:`~examples.marketplace.doors`); what
the library refuses leaves as a 4xx with one sentence. Nothing that a client sends ends the process,
no client is told of anything that is not on disk, and what is answered as failed has not happened:
where nobody can see whether it has, the answer is that.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from math import ceil
from typing import Any, Final

from attrs import evolve, field, frozen
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from examples.marketplace.answers import answer
from examples.marketplace.commands import Means
from examples.marketplace.doors import DOORS, Door
from examples.marketplace.hardware import DEMO, Hardware
from examples.marketplace.keys import Keys, any_key, digest
from examples.marketplace.limits import Limits
from examples.marketplace.logbook import logged
from examples.marketplace.once import HEADER, command_id, kept, told_first, wish
from examples.marketplace.openapi import document
from examples.marketplace.payouts import WeeklyRun
from examples.marketplace.questions import Answers, Asked
from examples.marketplace.reading import MAX_BODY, Call, parsed, shown
from examples.marketplace.refusals import NotServed, named, refusal, refused, why_not_served
from examples.marketplace.several import Each, NothingDone, Tried
from examples.marketplace.standing import StandingClock
from examples.marketplace.store import NotKnown, NotStored, Store
from examples.marketplace.wording import sentence
from numgenius_core.errors import NumgeniusError, ParseError
from numgenius_core.ids import AccountId
from numgenius_core.intervals import parse_instant
from numgenius_core.market import Market
from numgenius_core.market.commands import AddCredit, Command
from numgenius_core.market.events import Event
from numgenius_core.market.logs import Later, Reply, Telling
from numgenius_core.money import Money

Respond = Callable[[Call], Awaitable[Any]]

NUMBER: Final = re.compile("[0-9]{1,19}", re.ASCII)
NOBODY: Final = AccountId("")  # who asks without a key what everybody may ask
BODY_SECONDS: Final = 10.0
METHODS: Final = ["GET", "PUT", "POST", "DELETE", "PATCH"]
WORDS: Final = {
    401: "auth_error",
    405: "no_such_method",
    408: "too_slow",
    413: "too_large",
    429: "too_many_requests",
}


@frozen
class Service:
    """The service over a store.

    Attributes:
        store: The market.
        rate: Requests a second of each account.
        credit: What an account is opened with at its first request; 0 pays in nothing.
        keys: Whose key is whose.
        hardware: What the machines are made of.
        payouts: Whether hosts are paid out each week: all have said how, or nobody is.
        clock: The store's, if it stands still: of a demonstration, where anybody may set it.
    """

    store: Store
    rate: float
    credit: Money
    keys: Keys = any_key
    hardware: Hardware = field(factory=lambda: DEMO)
    payouts: bool = False
    clock: StandingClock | None = None
    limits: Limits = field(init=False)
    run: WeeklyRun = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "limits", Limits(self.rate))
        object.__setattr__(self, "run", WeeklyRun(self.store))

    def app(self) -> ASGIApp:
        """Return the service as ASGI; when its lifespan ends, it lets go of its file."""
        routes = [self.route(door) for door in DOORS]
        routes.append(Route("/api/openapi.json", described, methods=["GET"]))
        routes.append(Route("/health", self.health, methods=["GET"]))
        if self.clock is not None:
            routes.append(Route("/clock", self.set_clock, methods=["PUT"]))
        routes.append(Route("/{rest:path}", nothing_here, methods=METHODS))
        faults = {HTTPException: not_answered, Exception: failed}

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            yield
            await self.store.end()

        app = Starlette(routes=routes, exception_handlers=faults, lifespan=lifespan)
        return logged(without_slash(app))

    def route(self, door: Door) -> Route:
        if door.means is not None:
            respond = self.commanded(door.means)
        elif door.answers is not None:
            respond = self.questioned(door.answers)

        async def endpoint(request: Request) -> Response:
            call = None
            try:
                call = await self.read(request, door)
                told = await respond(call)
                return told if isinstance(told, Response) else JSONResponse(told)
            except (NumgeniusError, NotStored, NotKnown) as fault:
                return refused(fault, None if call is None else sentence(fault, call))
            except ClientDisconnect:
                return Response(status_code=400)  # there is nobody to read it

        return Route(f"/api{door.path}", endpoint, methods=[door.method])

    async def health(self, _: Request) -> Response:
        """Answer whether the log can be read, and how far this worker has seen it."""
        try:
            version = self.store.version()
        except NotStored as fault:
            return refused(fault)
        seen = self.store.market.version
        return JSONResponse({"success": True, "events": version, "behind": version - seen})

    async def set_clock(self, request: Request) -> Response:
        """Set the clock of a demonstration to the instant that is sent, as people type it."""
        assert self.clock is not None
        try:
            to = parse_instant((await sent_in(request)).decode("utf-8", "replace"), "clock")
            await self.clock.set(to, self.store)
        except (NumgeniusError, NotStored, NotKnown) as fault:
            return refused(fault)
        return JSONResponse({"success": True, "clock": to.isoformat()})

    def commanded(self, means: Means) -> Respond:
        async def respond(call: Call) -> Any:
            if call.command_id is not None:  # before what may fail, and what it means by now
                known = self.store.reply(call.command_id)
                if known is not None:
                    return answered(call, known)
            return await self.carried_out(await self.begun(call), means)

        return respond

    async def carried_out(self, call: Call, means: Means) -> Response:
        """Carry out a request, as it is understood where it is decided.

        Until then others may write, and this worker may be behind: what it reads of the market here
        may be wrong by then.
        """
        tellings: list[Telling] = []

        def understood(market: Market, at: datetime) -> Sequence[Command | Later]:
            now = evolve(call, at=at)
            meant = means(now, market, self.hardware)
            if isinstance(meant, Each):
                tried = Tried.on(market, now, meant)
                tellings.append(tried.tell)
                return tried.commands
            commands = meant if isinstance(meant, Sequence) else [meant]

            def tell(before: Market, events: Sequence[Event]) -> str:
                return json.dumps(answer(now, commands, tuple(events), before))

            tellings.append(tell)
            return commands

        def tell(before: Market, events: Sequence[Event]) -> str:
            return kept(call.wish, tellings[-1](before, events))

        try:
            told = await self.store.do(means=understood, command_id=call.command_id, tell=tell)
        except NothingDone as fault:
            return nothing_done(fault.tried)
        return answered(call, told)  # another request with its key may have been faster

    def questioned(self, answers: Answers) -> Respond:
        async def respond(call: Call) -> Any:
            call = await self.begun(call)
            market = await self.store.seen()
            # A worker whose clock is ahead may have written since: not before its last event.
            call = evolve(call, at=self.store.now())
            return answers(Asked(call, market, self.store, self.hardware))

        return respond

    async def read(self, request: Request, door: Door) -> Call:
        """Return what a request says, and whose it is."""
        account = self.account(request)
        known = account in self.store.market.accounts
        address = request.client.host if request.client else ""
        if wait := self.limits.wait(account if known else None, address):
            again = {"Retry-After": str(ceil(wait))}
            raise HTTPException(429, "too many requests: try again later", again)
        if account is None or (account is NOBODY and not door.open):
            raise HTTPException(401, "Invalid user key")
        number = request.path_params.get("number", "0")
        if not NUMBER.fullmatch(number):
            raise NotServed(why_not_served(request.method, request.url.path))
        body, query = await body_of(request), query_of(request)
        door.check_names(body, query)
        known_by, wanted = None, ""
        if (key := key_of(request)) is not None:
            known_by = command_id(account, key)
            wanted = wish(door.method, request.url.path, query, body)
        return Call(
            by=account,
            at=self.store.now(),
            number=int(number),
            body=body,
            query=query,
            command_id=known_by,
            wish=wanted,
            fields=door.names,
            command=door.command,
        )

    async def begun(self, call: Call) -> Call:
        """Return a request at its instant, of an account that exists from then on."""
        account = call.by
        known = account is NOBODY or account in self.store.market.accounts
        if not known and self.credit > Money(0):
            # Other requests and workers open it, too: by its name, no client's, that is done once.
            once = f" opening of {digest(account)}"
            await self.store.do(AddCredit(account=account, amount=self.credit), command_id=once)
        if self.payouts:
            await self.run.make()
        return evolve(call, at=self.store.now())

    def account(self, request: Request) -> AccountId | None:
        """Return the account of a request's key; ``None`` of a key that is nobody's."""
        headers = [each for each in request.headers.getlist("authorization") if each]
        asked = request.query_params.get("api_key", "").strip()  # as older clients send it
        if not headers:
            return self.keys(asked) if asked else NOBODY
        scheme, _, key = headers[0].partition(" ")
        key = utf8(key.strip())
        said = len(headers) == 1 and scheme.lower() == "bearer" and asked in ("", key)
        return self.keys(key) if said and key else None


def utf8(text: str) -> str:
    """Return what a header says: it is read as Latin-1, a parameter as UTF-8; '' if it is none."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return ""


def answered(call: Call, told: Reply) -> Response:
    """Return the answer to a request that was carried out, now or when it first came.

    Raises:
        KeyReused: It is the answer to another request with the same key.
    """
    return Response(told_first(call.wish, told.text), media_type="application/json")


def nothing_done(tried: Tried) -> JSONResponse:
    """Return the refusal of several, of which none could be carried out: that of the first."""
    fault, told = next(iter(tried.refused.values())), tried.answer()
    status, word, code = named(fault)
    beside = {name: value for name, value in told.items() if name not in ("success", "msg")}
    why = sentence(fault, tried.call)
    return refusal(tried.meant.status or status, word, why, code=code, beside=beside)


def key_of(request: Request) -> str | None:
    """Return what makes a request happen once, ``None`` if it may happen again."""
    found = request.headers.getlist(HEADER)
    if len(found) > 1:
        raise ParseError(HEADER, "one key", f"{len(found)} of them")
    return found[0].strip() if found else None


def query_of(request: Request) -> dict[str, str]:
    """Return the parameters of a request: of one that came twice nobody can say which is meant."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in found:
            raise ParseError(shown(name), "each parameter once", "it twice")
        found[name] = value
    return found


async def body_of(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request; without a body an empty one."""
    text = await sent_in(request)
    found = parsed(text, "request") if text else {}
    if not isinstance(found, dict):
        raise ParseError("request", "a JSON object", shown(found))
    return found


async def sent_in(request: Request) -> bytes:
    """Return the body of a request, within limits of size and time."""
    text = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                text += piece
                if len(text) > MAX_BODY:
                    raise HTTPException(413, f"a request has at most {MAX_BODY:,} bytes")
    except TimeoutError:
        raise HTTPException(408, f"a request has to arrive in {BODY_SECONDS:.0f} s") from None
    return bytes(text)


async def described(_: Request) -> JSONResponse:
    return JSONResponse(document())


async def nothing_here(request: Request) -> JSONResponse:
    return refused(NotServed(why_not_served(request.method, request.url.path)))


async def not_answered(_: Request, fault: Any) -> JSONResponse:
    word = WORDS.get(fault.status_code, "invalid_request")
    return refusal(fault.status_code, word, fault.detail, headers=fault.headers)


async def failed(_request: Request, _fault: Exception) -> JSONResponse:
    return refusal(500, "internal", "the service failed; its log says why")


def without_slash(app: ASGIApp) -> ASGIApp:
    """Take a path that ends in a slash for the one without: the client sends both."""

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": scope["path"].rstrip("/") or "/"}
        await app(scope, receive, send)

    return served
