"""Bills with every kind of line, as FOCUS rows: what the rules of the specification are held to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final, Literal

import attrs

from numgenius_core.billing import (
    Fact,
    History,
    Line,
    LineKind,
    Moved,
    Prepaid,
    Refunded,
    Statement,
    Transferred,
    VolumeHistory,
    VolumeStatement,
    focus_commitments,
    focus_rows,
    statement,
    volume_statement,
)
from numgenius_core.contracts import Contract, InstanceEvent, Volume, VolumeContract
from numgenius_core.ids import AccountId, ContractId, MachineId, VolumeId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Mode, PriceTerms
from numgenius_core.money import Money
from numgenius_core.offer import Block
from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour, PerHour

Row = dict[str, str | None]
Version = Literal["1.2", "1.3"]

MONTH: Final = timedelta(hours=720)
_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_END: Final = _START + 2 * MONTH
_PAID: Final = Prepaid(at=_START, amount=Money("576"), discount=Fraction(1, 5))
_BACK: Final = Refunded(at=_START + MONTH / 2, amount=Money("212.40"))
_MOVED: Final = Transferred(at=_START, sent=10**9, received=5 * 10**8)


def billed(
    number: int, *facts: Fact, bid: str | None = None, gpus: int = 1, end: datetime | None = None
) -> History:
    """Return an instance with a terabyte that runs from its first second."""
    contract = Contract(
        id=ContractId(number),
        machine=MachineId(9),
        host=AccountId("host"),
        client=AccountId("client"),
        mode=Mode.ON_DEMAND if bid is None else Mode.INTERRUPTIBLE,
        block=Block(start=0, size=gpus),
        prices=PriceTerms(
            gpu=PerGpuHour("1"),
            storage=PerGbMonth("0.072"),
            upload=PerGb("0.02"),
            download=PerGb("0.01"),
            platform_fee=Fraction(1, 4),
        ),
        disk_mb=1_000_000,
        start=_START,
        end=end,
        bid=None if bid is None else PerHour(bid),
    )
    return History(contract=contract, facts=(Moved(at=_START, event=InstanceEvent.LOADED), *facts))


HISTORIES: Final = (
    billed(1, _MOVED, gpus=2, end=_END),
    billed(2, bid="0.25", end=_END),
    billed(3, _PAID, end=_END),  # used up, then on demand
    billed(4, _PAID, _BACK, end=_END),  # dissolved: a refund and a forfeit
)


VOLUME: Final = VolumeHistory(
    contract=VolumeContract(
        id=VolumeId(12),
        machine=MachineId(9),
        host=AccountId("host"),
        client=AccountId("client"),
        volume=Volume(size_mb=200_000, price=PerGbMonth("0.15")),
        start=_START,
        platform_fee=Fraction(1, 4),
    )
)


def bills() -> list[Statement | VolumeStatement]:
    """Return the statements of all histories, one with what a promise has, and of a volume."""
    whole = Interval(_START, _START + 800 * timedelta(hours=1))
    found = [statement(history, whole) for history in HISTORIES]
    promised = PerHour("0.10")
    fee = Line(
        kind=LineKind.SLA_FEE,
        period=whole,
        quantity=whole.seconds,
        rate=promised,
        list_rate=promised,
        amount=promised.charge(whole.seconds),
    )
    credit = Line(
        kind=LineKind.SERVICE_CREDIT,
        period=Interval(_START + MONTH, _START + MONTH + timedelta(seconds=1)),
        quantity=1,
        amount=Money("-1.25"),
    )
    last = found[-1]
    volume = volume_statement(VOLUME, whole)
    return [*found[:-1], attrs.evolve(last, lines=(*last.lines, fee, credit)), volume]


def charges(version: Version) -> list[Row]:
    """Return one row of each kind of line at least."""
    return [row for bill in bills() for row in focus_rows(bill, version=version)]


def commitments() -> list[Row]:
    """Return the rows of what was prepaid."""
    return list(focus_commitments(*HISTORIES))
