"""Simulations that are done, kept in a file: a line each, added as soon as one is.

A line has what the simulation was of, as a digest, and every number of its outcome. So a file is
only ever added to: a line that an interruption cut short is left out, and its simulation done anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final

from numgenius_core._json.packings import bytes_of
from numgenius_core.errors import ParseError, RuleViolation
from numgenius_core.listing import Mode
from numgenius_core.money import Money
from numgenius_core.whatif import Lost, ModeOutcome, Outcome, Scenario

_COUNTS: Final = (
    "requests",
    "rented",
    "finished",
    "lost_gpu_seconds",
    "pauses",
    "paused_seconds",
    "gpu_seconds",
)
_AMOUNTS: Final = ("gpu", "storage", "forfeited", "fee")

_Key = tuple[Scenario, int]
_BEGINS: Final = b'{"of": "'
_NO_OUTCOME: Final = (
    *(ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError),
)
"""What goes wrong with a line that has other things than an outcome of ours."""


class KeptSimulations(MutableMapping[_Key, Outcome]):
    """What is done, in memory and in a file of its own.

    Args:
        path: The file; made with the first simulation that is done.

    Raises:
        RuleViolation: It cannot be read or written, or is no such file.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self._lines: dict[str, Outcome] = {}
        self._known: dict[_Key, str] = {}
        try:
            data = bytes_of(self.path, path) if os.path.exists(path) else b""  # noqa: PTH110 - never raises
        except ParseError as fault:
            raise RuleViolation("--keep", fault.need, f"{path}: {fault.got}") from None
        *lines, rest = data.split(b"\n")
        for number, line in enumerate(lines, 1):
            try:
                record = json.loads(line)
                self._lines[record["of"]] = _outcome(record["outcome"])
            except _NO_OUTCOME:
                raise _not_ours(number, path) from None
        if rest:
            if not (rest.startswith(_BEGINS) or _BEGINS.startswith(rest)):
                raise _not_ours(len(lines) + 1, path)
            # An interruption cut it short.
            with self._writing("r+b") as file:
                file.truncate(len(data) - len(rest))

    @contextmanager
    def _writing(self, how: str) -> Iterator[IO[bytes]]:
        try:
            with self.path.open(how) as file:
                yield file
        except OSError as fault:
            got = fault.strerror or str(fault)
            raise RuleViolation("--keep", "a file that can be written", got) from None

    def _name(self, key: _Key) -> str:
        found = self._known.get(key)
        if found is None:
            scenario, seed = key
            found = sha256(f"{seed} {scenario!r}".encode()).hexdigest()
            self._known[key] = found
        return found

    def __getitem__(self, key: _Key) -> Outcome:
        return self._lines[self._name(key)]

    def __setitem__(self, key: _Key, outcome: Outcome) -> None:
        name = self._name(key)
        self._lines[name] = outcome
        line = json.dumps({"of": name, "outcome": _record(outcome)}) + "\n"
        with self._writing("ab") as file:
            file.write(line.encode())

    def __delitem__(self, key: _Key) -> None:
        raise RuleViolation("--keep", "a file that is only added to", "a deletion")

    def __iter__(self) -> Iterator[_Key]:
        return (key for key, name in self._known.items() if name in self._lines)

    def __len__(self) -> int:
        return len(self._lines)


def _not_ours(line: int, path: str) -> RuleViolation:
    return RuleViolation("--keep", "a file that --keep made", f"line {line} of {path}")


def _record(outcome: Outcome) -> dict[str, Any]:
    return {
        "seconds": outcome.seconds,
        "gpus": outcome.gpus,
        "power": outcome.power.ticks,
        "free": str(outcome.free),
        "unusable": str(outcome.unusable),
        "modes": [
            {
                "mode": one.mode.name,
                "lost": {why.name: count for why, count in one.lost},
                **{name: getattr(one, name) for name in _COUNTS},
                **{name: getattr(one, name).ticks for name in _AMOUNTS},
            }
            for one in outcome.modes
        ],
    }


def _outcome(record: dict[str, Any]) -> Outcome:
    return Outcome(
        seconds=record["seconds"],
        gpus=record["gpus"],
        power=Money.from_ticks(record["power"]),
        free=Fraction(record["free"]),
        unusable=Fraction(record["unusable"]),
        modes=tuple(map(_mode, record["modes"])),
    )


def _mode(record: dict[str, Any]) -> ModeOutcome:
    facts: dict[str, Any] = {name: record[name] for name in _COUNTS}
    facts |= {name: Money.from_ticks(record[name]) for name in _AMOUNTS}
    lost = tuple((Lost[why], count) for why, count in record["lost"].items())
    return ModeOutcome(mode=Mode[record["mode"]], lost=lost, **facts)
