"""Simulations that are done, kept in a file: a line each, added as soon as one is.

A line has what the simulation was of, as a digest, and every number of its outcome. So a file is
only ever added to: a line that an interruption cut short is left out, and its simulation done anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, MutableMapping
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from numgenius_core.errors import RuleViolation
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
            text = self.path.read_text("utf-8") if self.path.exists() else ""
        except (OSError, UnicodeDecodeError) as fault:
            raise RuleViolation(
                "--keep", "a file that can be read", f"{path}: {_why(fault)}"
            ) from None
        for number, line in enumerate(text.splitlines(keepends=True), 1):
            if not line.endswith("\n"):  # an interruption cut it short
                self._write(text[: -len(line)], "w")
                break
            try:
                record = json.loads(line)
                self._lines[record["of"]] = _outcome(record["outcome"])
            except (ValueError, KeyError, TypeError):
                got = f"line {number} of {path}"
                raise RuleViolation("--keep", "a file that --keep made", got) from None

    def _write(self, text: str, how: str) -> None:
        try:
            with self.path.open(how, encoding="utf-8") as file:
                file.write(text)
        except OSError as fault:
            raise RuleViolation("--keep", "a file that can be written", _why(fault)) from None

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
        self._write(json.dumps({"of": name, "outcome": _record(outcome)}) + "\n", "a")

    def __delitem__(self, key: _Key) -> None:
        raise RuleViolation("--keep", "a file that is only added to", "a deletion")

    def __iter__(self) -> Iterator[_Key]:
        return (key for key, name in self._known.items() if name in self._lines)

    def __len__(self) -> int:
        return len(self._lines)


def _why(fault: OSError | UnicodeDecodeError) -> str:
    return (isinstance(fault, OSError) and fault.strerror) or "what is no text"


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
