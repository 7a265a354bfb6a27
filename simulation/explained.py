"""Refusals and readings: each must be what the market says at some instant while it was asked.

The market of each version is known from the events, so that what a request is answered can be
worked out on it by the doors of the service alone: without a log, a worker or anything that was
kept. A worker that is behind, or that refuses what it may not, answers what no market says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import frozen
from starlette.responses import JSONResponse

from examples.marketplace.app import nothing_done
from examples.marketplace.commands import instances_load_at_once
from examples.marketplace.doors import DOORS, Door
from examples.marketplace.hardware import DEMO
from examples.marketplace.questions import Asked
from examples.marketplace.reading import Call
from examples.marketplace.refusals import refused
from examples.marketplace.several import Each, Tried
from examples.marketplace.wording import sentence
from numgenius_core.errors import NumgeniusError
from numgenius_core.ids import AccountId
from numgenius_core.market import Instance, Market, execute
from numgenius_core.market.commands import Command, Tick
from numgenius_core.market.events import Event
from numgenius_core.market.logs import Later
from simulation.box import Broken

PATHS: Final = [
    (door, re.compile(f"/api{door.path}".replace("{number}", "(?P<number>[0-9]+)")))
    for door in DOORS
]
Answer = tuple[int, Any]
"""A status, and what is told."""


@frozen
class Heard:
    """An answer that says that nothing has happened.

    Attributes:
        by: Who asked.
        method: Of the request.
        path: Of the request, without a slash at its end.
        body: Of the request, or its query.
        clock: What time it was at the worker.
        since: How many events there were before it was asked.
        answer: What was told.
    """

    by: str
    method: str
    path: str
    body: Mapping[str, Any]
    clock: datetime
    since: int
    answer: Answer


@frozen
class Past:
    """What the service's doors ask of a store, as far as requests here need it."""

    archive: Mapping[Any, Instance]


def check_explained(heard: Heard, markets: Sequence[Market], past: Past) -> None:
    """Check that an answer is what some market says that there was while it was asked.

    Args:
        heard: The answer.
        markets: After none of the events, after one, two, …
        past: What the markets have forgotten.

    Raises:
        Broken: None of them says so.
    """
    others = list(answers(heard, markets[heard.since :], past, heard.answer))
    if heard.answer not in others:
        where = f"{heard.by}: {heard.method} {heard.path} {heard.body}"
        raise Broken(f"{where} is answered {heard.answer}, and right is {others[0]}")


def answers(
    heard: Heard, markets: Sequence[Market], past: Past, wanted: Answer
) -> Iterator[Answer]:
    """Yield what a request may be answered, the latest first, until it is what is wanted."""
    door, number = door_of(heard.method, heard.path)
    for market in reversed(markets):
        answer = answered(heard, door, number, market, past)
        yield answer
        if answer == wanted:
            return


def door_of(method: str, path: str) -> tuple[Door, int]:
    for door, pattern in PATHS:
        found = pattern.fullmatch(path) if door.method == method else None
        if found is not None:
            return door, int(found.groupdict().get("number", 0))
    raise Broken(f"there is no door for {method} {path}")


def answered(heard: Heard, door: Door, number: int, market: Market, past: Past) -> Answer:
    """Return what a request is answered on a market."""
    at = max(heard.clock, market.now)
    asks = heard.method == "GET"
    call = Call(
        by=AccountId(heard.by),
        at=at,
        number=number,
        body={} if asks else heard.body,
        query={name: str(value) for name, value in heard.body.items()} if asks else {},
        fields=door.names,
        command=door.command,
    )
    try:
        market, _ = execute(market, Tick(), at)
        if door.answers is not None:
            store: Any = past
            return 200, plain(door.answers(Asked(call, market, store, DEMO)))
        assert door.means is not None
        meant = door.means(call, market, DEMO)
        if isinstance(meant, Each):
            tried = Tried.on(market, call, meant)
            return (200, None) if tried.possible else read(nothing_done(tried))
        carry_out(market, meant if isinstance(meant, Sequence) else [meant], at)
    except NumgeniusError as fault:
        return read(refused(fault, sentence(fault, call)))
    return 200, None


def carry_out(market: Market, commands: Sequence[Command | Later], at: datetime) -> None:
    """Carry out commands, and what follows from them.

    Raises:
        NumgeniusError: One is refused.
    """
    happened: list[Event] = []
    for given in commands:
        command: Any = given(tuple(happened)) if callable(given) else given
        market, events = execute(market, command, at)
        happened += events
        for event in events:
            for reaction in instances_load_at_once(market, event):
                market, more = execute(market, reaction, at)
                happened += more


def read(response: JSONResponse) -> Answer:
    return response.status_code, json.loads(bytes(response.body))


def plain(told: Any) -> Any:
    return json.loads(json.dumps(told))
