"""Requests about several things, of which each is done or refused for itself.

What can be done is found out first, in the transaction in which it is done: it has happened and is
known by the request's id as a whole, or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from attrs import define, field, frozen

from examples.marketplace import answers as tell
from examples.marketplace.reading import Call
from examples.marketplace.wording import sentence
from numgenius_core.errors import NumgeniusError
from numgenius_core.market import Market, commands as do, execute
from numgenius_core.market.events import Event
from numgenius_core.market.logs import Later


@frozen
class Each:
    """Commands of which each is carried out, or refused, for itself.

    Attributes:
        wanted: What each is about: its command, or why there is none.
        told: What a client is told about all of them.
        status: Of the answer if none could be carried out; else that of the first refusal.
    """

    wanted: Mapping[int, do.Command | NumgeniusError]
    told: Callable[[tell.Outcomes], tell.Row]
    status: int | None = None


class NothingDone(NumgeniusError):
    """Of several things none could be carried out."""

    def __init__(self, tried: Tried) -> None:
        self.tried = tried
        super().__init__(str(next(iter(tried.refused.values()))))


@define
class Tried:
    """What of several commands can be carried out, and what came of them.

    Attributes:
        call: The request.
        meant: The commands.
        refused: Why some cannot be.
        possible: The others.
        begun: How much had happened when each of the others began.
    """

    call: Call
    meant: Each
    refused: dict[int, NumgeniusError] = field(factory=dict)
    possible: dict[int, do.Command] = field(factory=dict)
    begun: dict[int, int] = field(factory=dict)

    @classmethod
    def on(cls, market: Market, call: Call, meant: Each) -> Tried:
        """Return what could be carried out now, one after the other; nothing is."""
        tried = cls(call, meant)
        for number, wish in meant.wanted.items():
            try:
                if isinstance(wish, NumgeniusError):
                    raise wish
                market, _ = execute(market, wish, call.at)
                tried.possible[number] = wish
            except NumgeniusError as fault:
                tried.refused[number] = fault
        return tried

    @property
    def commands(self) -> list[Later]:
        """What can be carried out; each notes what had happened before it.

        Raises:
            NothingDone: Nothing can be.
        """
        if not self.possible:
            raise NothingDone(self)

        def begins(number: int) -> Later:
            def command(happened: Sequence[Event]) -> do.Command:
                self.begun[number] = len(happened)
                return self.possible[number]

            return command

        return [begins(number) for number in self.possible]

    def answer(self, events: Sequence[Event] = ()) -> tell.Row:
        """Return what a client is told about all of them, in the order in which it asked."""
        parts = pairwise((*self.begun.values(), len(events)))
        done = {n: tuple(events[a:b]) for n, (a, b) in zip(self.begun, parts, strict=True)}
        rows = {n: tell.refused_row(f, sentence(f, self.call)) for n, f in self.refused.items()}
        outcomes: dict[int, tuple[Event, ...] | tell.Row] = rows | done
        return self.meant.told({number: outcomes[number] for number in self.meant.wanted})

    def tell(self, _: Market, events: Sequence[Event]) -> str:
        """Return the answer as it is kept."""
        return json.dumps(self.answer(events))
