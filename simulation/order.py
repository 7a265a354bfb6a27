"""One order of the commands, which explains every answer: a writer alone comes to the same."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from attrs import define, evolve, field

from examples.marketplace.commands import instances_load_at_once
from numgenius_core.errors import NumgeniusError
from numgenius_core.market.commands import Tick
from numgenius_core.market.events import Event, MachineAdded, SettingsSet
from numgenius_core.market.logs import Entry, MemoryLog, Transaction, Writer
from simulation.box import Box, Broken

FURNISHED: Final = MachineAdded | SettingsSet
"""What a worker does when it begins, and nobody asked for."""


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
        wanted = "SELECT command_id, first, many, reply FROM answers WHERE many > 0"
        answers = list(self.box.log().rows(f"{wanted} ORDER BY first"))
        done = 0
        for key, first, many, text in answers:
            self.take_over(self.events[done : first - 1])
            right = tuple(self.events[first - 1 : first - 1 + many])
            done = first - 1 + many
            if len(right) < many:
                raise Broken(f"{key} was answered, and is not among the events")
            self.repeat(key, right, text)
        self.take_over(self.events[done:])

    def repeat(self, key: str, right: Sequence[Event], text: str | None) -> None:
        """Carry out a request, as one of the workers who tried to understood it."""
        fault: Exception | None = None
        for meant in self.box.wanted[key]:
            try:
                told = self.carried_out(evolve(meant, command_id=None), right)
            except (NumgeniusError, Other) as other:
                fault = other
            else:
                if told != text:
                    raise Broken(f"{key} is answered {text}, and by its events {told}")
                return
        raise Broken(f"{key} is explained by no order of the commands: {fault}") from fault

    def carried_out(self, wanted: Transaction, right: Sequence[Event]) -> str | None:
        """Carry something out and return what whoever asked is told.

        Raises:
            NumgeniusError: It is refused.
            Other: It leads to something else.
        """
        self.judge.right = tuple(right)
        try:
            (result,) = self.alone.execute_all([wanted], at=right[-1].at)
        finally:
            self.judge.right = None
        if isinstance(result, NumgeniusError):
            raise result
        return result.text

    def take_over(self, events: Sequence[Event]) -> None:
        """See what a worker began with; all else that nobody asked for had come due."""
        for begun, some in groupby(events, lambda each: isinstance(each, FURNISHED)):
            part = list(some)
            if begun:
                self.judge.append(self.alone.market.version, [Entry(events=part)])
                self.alone.catch_up()
                continue
            try:
                self.carried_out(Transaction(commands=[Tick()]), part)
            except (NumgeniusError, Other) as other:
                kinds = ", ".join(type(each).__name__ for each in part)
                raise Broken(f"nobody asked for what has happened: {kinds}; {other}") from other
