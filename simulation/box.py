"""What everything in a life shares: its dice, its time, its file, and what goes wrong with it."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from attrs import define, field

from examples.marketplace.sqlite_log import SqliteLog
from numgenius_core.market.logs import Transaction
from simulation.disk import Faults

BEGIN: Final = datetime(2026, 1, 5, tzinfo=UTC)
SKEW: Final = timedelta(seconds=3)
"""How far a worker's clock is off at most."""

EVERY: Final = (1, 7, 25, 100, 1_000)


class Broken(Exception):
    """Something that must always hold does not."""


@define
class Box:
    """The place in which one seed decides everything.

    Attributes:
        number: The seed.
        folder: Where the file is.
        at: What time it is.
        now: Which step it is.
        dice: Decide what clients, the network and the workers do.
        every: How many events later the next checkpoint is kept, from which a start goes on.
        path: The file of the log.
        faults: What goes wrong with it.
        reader: Who reads the log beside the workers, once somebody does.
        wanted: What workers took each request for, by its key; some of them were behind.
    """

    number: int
    folder: Path
    at: datetime = BEGIN
    now: int = 0
    dice: random.Random = field(init=False)
    every: int = field(init=False)
    path: Path = field(init=False)
    faults: Faults = field(init=False)
    reader: SqliteLog | None = None
    wanted: dict[str, list[Transaction]] = field(factory=lambda: defaultdict(list))

    def __attrs_post_init__(self) -> None:
        self.dice = random.Random(self.number)
        self.every = self.dice.choice(EVERY)
        self.path = self.folder / "market.sqlite"
        self.faults = Faults(self.path, random.Random(self.number + 1))

    def log(self) -> SqliteLog:
        """Return the log as somebody reads it who is no worker, and whom nothing befalls."""
        if self.reader is None:
            self.reader = SqliteLog(str(self.path))
        return self.reader

    def let_go(self) -> None:
        """Let go of the file: it is put back as it was, or the life is over."""
        if self.reader is not None:
            self.reader.close()
        self.reader = None

    def delayed(self) -> int:
        """Return at which step arrives what is sent now."""
        return self.now + self.dice.choice((0, 0, 0, 1, 2, 5))
