"""One order of the commands, which explains every answer: a writer alone comes to the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import define, field

from examples.marketplace.commands import instances_load_at_once
from numgenius_core.errors import NumgeniusError
from numgenius_core.market.events import (
    ContractCreated,
    CreditTransferred,
    Event,
    PayoutInvoiced,
    VolumeRented,
)
from numgenius_core.market.logs import Entry, MemoryLog, Writer
from simulation.box import Box, Broken

ASKED_FOR: Final = ContractCreated | CreditTransferred | PayoutInvoiced | VolumeRented
"""What never happens by itself."""


class Other(Exception):
    """Something has happened, but not what was to happen."""


class Judge(MemoryLog):
    """Keeps only what is right, if it was told what that is."""

    right: tuple[Event, ...] | None = None

    def append(self, expected: int, entries: Sequence[Entry]) -> None:
        happened = tuple(event for entry in entries for event in entry.all)
        if self.right not in (None, happened):
            raise Other(f"{happened}")
        super().append(expected, entries)


@define
class Order:
    """A writer alone, who carries out all that was answered, one after the other.

    Attributes:
        box: Where it was answered.
        events: All that happened.
        judge: Its log.
        alone: The writer.
    """

    box: Box
    events: Sequence[Event]
    judge: Judge = field(factory=Judge)
    alone: Writer = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.alone = Writer(self.judge, react=instances_load_at_once)

    def check(self) -> None:
        """Carry everything out again.

        Raises:
            Broken: Something comes out differently, or has happened and nobody asked for it.
        """
        with self.box.reading() as log:
            wanted = "SELECT command_id, first, many FROM answers WHERE many > 0 ORDER BY first"
            answers = list(log.rows(wanted))
        done = 0
        for key, first, many in answers:
            self.take_over(self.events[done : first - 1])
            right = tuple(self.events[first - 1 : first - 1 + many])
            done = first - 1 + many
            if len(right) < many:
                raise Broken(f"{key} was answered, and is not among the events")
            self.judge.right = right
            self.repeat(key, right)
            self.judge.right = None
        self.take_over(self.events[done:])

    def repeat(self, key: str, right: Sequence[Event]) -> None:
        """Carry out a request, as one of the workers who tried to understood it."""
        fault: Exception | None = None
        for meant in self.box.wanted[key]:
            try:
                self.alone.execute(*meant.commands, at=right[-1].at)
            except (NumgeniusError, Other) as other:
                fault = other
            else:
                return
        raise Broken(f"{key} is explained by no order of the commands: {fault}") from fault

    def take_over(self, events: Sequence[Event]) -> None:
        """See what had come due, or was nobody's request."""
        if any(isinstance(each, ASKED_FOR) for each in events):
            raise Broken("what nobody asked for has happened, or twice what somebody asked for")
        self.judge.append(self.alone.market.version, [Entry(events=events)])
        self.alone.catch_up()
