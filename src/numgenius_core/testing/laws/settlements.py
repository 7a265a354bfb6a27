"""What promises of uptime come to in a market, worked out once more from its events.

The market counts as it goes: seconds, money and forgiven time of the day that is not over. Here a
day is looked at afterwards, from what happened: its seconds by each piece in which nothing changed,
its money by the statement of the day.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from attrs import evolve

from numgenius_core._terms import PARTS
from numgenius_core.billing.history import History, Settled
from numgenius_core.billing.metering import Line, LineKind
from numgenius_core.billing.statements import statement
from numgenius_core.contracts.life import InstanceState
from numgenius_core.errors import NumgeniusError
from numgenius_core.ids import ContractId, MachineId
from numgenius_core.intervals import Interval
from numgenius_core.maintenance.schedule import MaintenanceWindow
from numgenius_core.market import events as e, find_events, replay
from numgenius_core.market.instance import Instance
from numgenius_core.money import Money
from numgenius_core.sla.days import EscrowState, settle_day
from numgenius_core.sla.schedules import OUR_RULES

_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
_TRAFFIC: Final = (LineKind.UPLOAD, LineKind.DOWNLOAD)


def fault_of_promises(events: Sequence[e.Event], end: datetime) -> str | None:
    """Return what is wrong with the settlements among some events up to an instant."""
    archive: dict[ContractId, Instance] = {}
    try:
        market = replay(events, archive=archive)
    except NumgeniusError:
        return None  # the law of the events says so
    there = [each for state in market.machines.values() for each in state.instances.values()]
    for each in (*there, *archive.values()):
        if each.contract.sla is not None:
            fault = _fault(each, events, end)
            if fault is not None:
                return f"contract {each.id}: {fault}"
    return None


def _fault(instance: Instance, events: Sequence[e.Event], end: datetime) -> str | None:
    terms, left = instance.contract.sla, EscrowState()
    assert terms is not None
    settled = find_events(events, e.PromiseSettled)
    done = [each for each in settled if each.contract == instance.id]
    runs = list(_runs(instance.history, end))
    for each in done:
        day, at = each.day.day, each.at
        if not (day <= at if each.closes else at == day + _DAY) or at > day + _DAY:
            return f"the day from {day} on is settled at {at}"
        if each.closes is not (each is done[-1] and instance.promise is None):
            return f"it is {'closed' if each.closes else 'not closed'} at {at}"
        bill = _bill(instance.history, day, at)
        inside = [run for run in runs if at > day and run.overlap(Interval(day, at))]
        pieces = [_cut(run, day, at) for run in inside]
        expected, left = settle_day(
            terms,
            left,
            day,
            intended=sum(piece.seconds for piece in pieces),
            down=sum(_lost(events, instance.contract.machine, piece) for piece in pieces),
            compute=Money.sum(line.amount for line in bill if line.kind is not LineKind.SLA_FEE),
            net=Money.sum(
                line.amount - line.fee for line in bill if line.kind is not LineKind.SLA_FEE
            ),
            fee=Money.sum(line.amount for line in bill if line.kind is LineKind.SLA_FEE),
            close=each.closes,
        )
        if (each.day, each.left) != (expected, left):
            return f"{each.day} and {each.left} are settled, not {expected} and {left}"
    days = [each.day.day for each in done]
    missed = [day for run in runs for day in _days(run) if day + _DAY <= end and day not in days]
    if missed:
        return f"the day from {missed[0]} on is never settled"
    return None if days == sorted(set(days)) else f"its days are not settled once each: {days}"


def _bill(history: History, day: datetime, at: datetime) -> list[Line]:
    """Return the lines of a day up to an instant; bytes that were counted right then belong."""
    facts = []
    for fact in history.facts:
        if isinstance(fact, Settled):
            if fact.closes:
                break
        else:
            facts.append(fact)
    known = evolve(history, facts=tuple(facts))
    lines = list(statement(known, Interval(day, at)).lines) if day < at else []
    if at < day + _DAY:
        now = statement(known, Interval(at, at + _SECOND)).lines
        lines += [line for line in now if line.kind in _TRAFFIC]
    return lines


def _runs(history: History, end: datetime) -> Iterator[Interval]:
    """Yield when an instance ran before an instant."""
    since: datetime | None = None
    for at, state in (*history.states(), (end, None)):
        until = min(at, end)
        if since is not None and since < until:
            yield Interval(since, until)
        since = until if state is InstanceState.RUNNING else None


def _cut(run: Interval, day: datetime, at: datetime) -> Interval:
    return Interval(max(run.start, day), min(run.end, at))


def _days(run: Interval) -> Iterator[datetime]:
    """Yield the days of UTC that an interval has seconds of."""
    day = run.start.replace(hour=0, minute=0, second=0)
    while day < run.end:
        yield day
        day += _DAY


def _lost(events: Sequence[e.Event], machine: MachineId, piece: Interval) -> int:
    """Return the downtime of a machine within an interval, less what is forgiven, 10⁻⁹ s."""
    lost, since, online = 0, piece.start, True
    windows: dict[int, tuple[datetime, MaintenanceWindow]] = {}
    for event in (*events, None):
        if event is not None and not _concerns(event, machine):
            continue
        until = piece.end if event is None else max(piece.start, min(event.at, piece.end))
        if not online and since < until:
            lost += _unforgiven(Interval(since, until), windows)
        since = until
        if isinstance(event, e.MachineAdded):
            online, windows = True, {}
        elif isinstance(event, e.MachineWentOffline | e.MachineCameOnline):
            online = isinstance(event, e.MachineCameOnline)
        elif isinstance(event, e.MaintenanceScheduled):
            windows[event.window.id] = (event.at, event.window)
        elif isinstance(event, e.MaintenanceCancelled):
            windows = {key: windows[key] for key in windows if key not in _numbers(event)}
    return lost


def _concerns(event: e.Event, machine: MachineId) -> bool:
    if isinstance(event, e.MachineAdded):
        return event.machine.id == machine
    return getattr(event, "machine", None) == machine


def _numbers(event: e.MaintenanceCancelled) -> set[int]:
    return {window.id for window in event.windows}


def _unforgiven(down: Interval, windows: dict[int, tuple[datetime, MaintenanceWindow]]) -> int:
    """Return what an outage counts: all of it, less a part of what lies in announced windows."""
    lost = down.seconds * PARTS
    for told, window in windows.values():
        inside = down.overlap(window.period)
        if inside is not None:
            notice = max(0, (window.period.start - told) // _SECOND)
            lost -= inside.seconds * OUR_RULES.notice.share_parts(notice, window.period.seconds)
    return lost
