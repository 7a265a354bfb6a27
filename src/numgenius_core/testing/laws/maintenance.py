"""Laws of maintenance: requests, windows that disturb least, fleets, and hours on a local clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise, product
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from attrs import evolve
from hypothesis import strategies as st

from numgenius_core._numbers import decimal_of
from numgenius_core.contracts.contract import Contract
from numgenius_core.ids import ContractId, MachineId
from numgenius_core.intervals import Interval
from numgenius_core.maintenance.fleet import plan_fleet
from numgenius_core.maintenance.hours import Recurrence
from numgenius_core.maintenance.schedule import hours_of_request
from numgenius_core.maintenance.windows import best_window
from numgenius_core.testing.law import Implementation, Law, Rule, number
from numgenius_core.testing.strategies import EPOCH, contracts

# -- one machine -------------------------------------------------------------------------------

_WINDOW: Final = "the window that disturbs least within a horizon"
_HOURS: Final = "the request's duration is whole hours, at least 1, fractions floored (0.5 → 1)"
_START: Final = EPOCH + timedelta(hours=1)


@st.composite
def _horizons(draw: st.DrawFn) -> tuple[tuple[Contract, ...], int, Interval]:
    """Draw contracts of one machine within a minute, a length, and that minute."""
    found = []
    for index, contract in enumerate(draw(st.lists(contracts(), max_size=4))):
        start = _START + timedelta(seconds=draw(st.integers(-10, 50)))
        end = start + timedelta(seconds=draw(st.integers(1, 40)))
        found.append(
            evolve(contract, id=ContractId(index), machine=MachineId(7), start=start, end=end)
        )
    horizon = Interval(_START, _START + timedelta(seconds=60))
    return tuple(found), draw(st.integers(1, 60)), horizon


def _disturbed(booked: Sequence[Contract], start: datetime, length: int) -> int:
    end = start + timedelta(seconds=length)
    return sum(c.start < end and (c.end is None or start < c.end) for c in booked)


def _inside(
    implementation: Implementation, booked: Sequence[Contract], length: int, within: Interval
) -> str | None:
    start = implementation(booked, length, within)
    if not within.start <= start <= within.end - timedelta(seconds=length):
        return f"a window from {start} is not within the horizon"
    return None


def _disturbs_least(
    implementation: Implementation, booked: Sequence[Contract], length: int, within: Interval
) -> str | None:
    start = implementation(booked, length, within)
    here = _disturbed(booked, start, length)
    for second in range(within.seconds - length + 1):
        other = within.start + timedelta(seconds=second)
        there = _disturbed(booked, other, length)
        if (there, other) < (here, start):
            return f"{start} disturbs {here} contracts, {other} {there}"
    return None


MAINTENANCE_WINDOW: Final = Rule(
    name="maintenance_window",
    signature="(contracts: Sequence[Contract], seconds: int, horizon: Interval) "
    "-> start: datetime of the earliest window that disturbs the fewest contracts",
    cases=_horizons(),
    laws=(
        Law(name="within the horizon", sentence=_WINDOW, check=_inside),
        Law(name="no other disturbs less", sentence=_WINDOW, check=_disturbs_least),
    ),
    ours=lambda booked, length, within: (
        best_window(booked, timedelta(seconds=length), within).window.start
    ),
)
"""When to take a machine down."""


def _floored(implementation: Implementation, hours: Decimal) -> str | None:
    found, exact = number(implementation(hours)), max(1, int(hours))
    return None if found == exact else f"{hours} hours are {found}, not {exact}"


def _whole(implementation: Implementation, hours: Decimal) -> str | None:
    found = number(implementation(hours))
    if found.denominator != 1 or found < 1:
        return f"{found} is no whole number of hours of at least 1"
    return None


MAINTENANCE_REQUEST: Final = Rule(
    name="maintenance_request",
    signature="(hours: Decimal) -> whole hours: int",
    cases=st.tuples(st.integers(1, 10**5).map(lambda n: decimal_of(n, 2))),
    laws=(
        Law(name="whole hours", sentence=_HOURS, check=_whole),
        Law(name="fractions floored", sentence=_HOURS, check=_floored),
    ),
    ours=hours_of_request,
)
"""The length of the window that a request makes (G12)."""


# -- a fleet -----------------------------------------------------------------------------------

_ONE_EACH: Final = "every machine of a fleet gets one window, at one of the starts given"
_AT_ONCE: Final = "at no instant are more than k machines down"
_LEAST: Final = "the plan disturbs the fewest contracts, over all machines"


class _Fleet(NamedTuple):
    """The contracts of each machine, starts, the length in seconds, and how many at once."""

    machines: Mapping[MachineId, Sequence[Contract]]
    starts: Sequence[datetime]
    seconds: int
    at_once: int


@st.composite
def _fleets(draw: st.DrawFn) -> _Fleet:
    """Draw up to three machines within a minute, and starts that have room for them."""
    at_once, length = draw(st.integers(1, 2)), draw(st.integers(2, 12))
    step = draw(st.sampled_from([length, length, length + 3, length // 2, 1]))
    starts = tuple(_START + timedelta(seconds=i * step) for i in range(draw(st.integers(1, 5))))
    room = at_once * (1 + (len(starts) - 1) // -(-length // step))
    machines = {}
    for machine in map(MachineId, range(1, draw(st.integers(1, min(3, room))) + 1)):
        booked, _, _ = draw(_horizons())
        machines[machine] = tuple(evolve(contract, machine=machine) for contract in booked)
    return _Fleet(machines, starts, length, at_once)


Starts = Mapping[MachineId, datetime]


def _most_down(starts: Iterable[datetime], length: int) -> int:
    """Return how many windows are open at once; their number rises only at a start."""
    known, long = list(starts), timedelta(seconds=length)
    return max(sum(begun <= at < begun + long for begun in known) for at in known)


def _lost(fleet: _Fleet, plan: Starts) -> int:
    return sum(_disturbed(fleet.machines[m], at, fleet.seconds) for m, at in plan.items())


def _one_each(implementation: Implementation, *case: Any) -> str | None:
    fleet, plan = _Fleet(*case), implementation(*case)
    if plan.keys() != fleet.machines.keys():
        return f"machines {sorted(plan)} have windows, not {sorted(fleet.machines)}"
    other = [at for at in plan.values() if at not in fleet.starts]
    return f"{other[0]} is none of the starts" if other else None


def _not_too_many(implementation: Implementation, *case: Any) -> str | None:
    fleet, plan = _Fleet(*case), implementation(*case)
    most = _most_down(plan.values(), fleet.seconds)
    return None if most <= fleet.at_once else f"{most} machines are down, not {fleet.at_once}"


def _fewest(implementation: Implementation, *case: Any) -> str | None:
    fleet, plan = _Fleet(*case), implementation(*case)
    here = _lost(fleet, plan)
    for chosen in product(fleet.starts, repeat=len(fleet.machines)):
        other = dict(zip(fleet.machines, chosen, strict=True))
        if _most_down(chosen, fleet.seconds) <= fleet.at_once and _lost(fleet, other) < here:
            return f"it disturbs {here} contracts, {other} {_lost(fleet, other)}"
    return None


def _our_fleet(*case: Any) -> Starts:
    fleet = _Fleet(*case)
    length = timedelta(seconds=fleet.seconds)
    plan = plan_fleet(fleet.machines, fleet.starts, length, at_once=fleet.at_once)
    return {each.machine: each.window.start for each in plan.windows}


FLEET: Final = Rule(
    name="fleet",
    signature="(fleet: Mapping[MachineId, Sequence[Contract]], starts: Sequence[datetime], "
    "seconds: int, at_once: int) -> Mapping[MachineId, start: datetime]",
    cases=_fleets(),
    laws=(
        Law(name="one window each", sentence=_ONE_EACH, check=_one_each),
        Law(name="not too many at once", sentence=_AT_ONCE, check=_not_too_many),
        Law(name="no other plan disturbs less", sentence=_LEAST, check=_fewest),
    ),
    ours=_our_fleet,
)
"""When to take the machines of a small fleet down."""


# -- hours on a local clock --------------------------------------------------------------------

_SHOWN: Final = "an instant is inside exactly if the local clock then shows a time within the hours"
_APART: Final = "the hours come in order of time, touching ones joined"
_MINUTE: Final = timedelta(minutes=1)
_CHANGES: Final = tuple(
    datetime.fromisoformat(f"{day}T00:00:00+00:00")
    for day in ("2026-03-08", "2026-03-29", "2026-04-04", "2026-10-03", "2026-10-25", "2026-11-01")
)
"""Days on which some clocks are changed: by an hour, and by half of one."""


@st.composite
def _calendars(draw: st.DrawFn) -> tuple[Recurrence, Interval]:
    """Draw hours, and one or two days, often such that a clock is changed."""
    start = draw(st.integers(0, 47)) * 30
    length = draw(st.integers(1, 1_439) | st.sampled_from([30, 60, 180]))
    hours = Recurrence(
        days=draw(st.frozensets(st.integers(0, 6), min_size=1)),
        start=start,
        end=start + length,
        zone=draw(
            st.sampled_from(
                ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]
            )
        ),
    )
    begin = draw(st.sampled_from(_CHANGES)) + draw(st.integers(-1_500, 600)) * _MINUTE
    return hours, Interval(begin, begin + draw(st.integers(1, 2_880)) * _MINUTE)


def _spans(answer: Iterable[Any]) -> list[tuple[datetime, datetime]]:
    """Return spans as start and end, whatever they came as."""
    return [(s.start, s.end) if isinstance(s, Interval) else (s[0], s[1]) for s in answer]


def _shows(hours: Recurrence, at: datetime) -> bool:
    local = at.astimezone(ZoneInfo(hours.zone))
    minutes, day = local.hour * 60 + local.minute, local.weekday()
    today = day in hours.days and hours.start <= minutes < hours.end
    return today or ((day - 1) % 7 in hours.days and minutes + 1_440 < hours.end)


def _as_the_clock_shows(
    implementation: Implementation, hours: Recurrence, within: Interval
) -> str | None:
    spans = _spans(implementation(hours, within))
    for edge in (edge for span in spans for edge in span):
        if edge not in (within.start, within.end) and (edge.second or edge.microsecond):
            return f"{edge} is no whole minute, as the hours are"
    at = within.start
    while at < within.end:
        inside = any(start <= at < end for start, end in spans)
        if inside != _shows(hours, at):
            return f"{at} is {'inside' if inside else 'outside'}, by the clock it is not"
        at += _MINUTE
    return None


def _in_order(implementation: Implementation, hours: Recurrence, within: Interval) -> str | None:
    spans = _spans(implementation(hours, within))
    for start, end in spans:
        if not within.start <= start < end <= within.end:
            return f"{start} to {end} is no time of the period"
    for (_, before), (start, _) in pairwise(spans):
        if start <= before:
            return f"what begins at {start} should be joined to what is before it"
    return None


HOURS: Final = Rule(
    name="hours",
    signature="(hours: Recurrence, within: Interval) "
    "-> Iterable[Interval, or tuple[start: datetime, end: datetime]]",
    cases=_calendars(),
    laws=(
        Law(name="in order and apart", sentence=_APART, check=_in_order),
        Law(name="what the clock shows", sentence=_SHOWN, check=_as_the_clock_shows),
    ),
    ours=lambda hours, within: hours.intervals(within),
)
"""Hours in which maintenance is allowed, on the clock of a time zone."""
