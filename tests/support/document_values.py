"""One value of each class that has documents; the golden documents are of these."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final

from attrs import evolve

from numgenius_core.billing import (
    History,
    Line,
    LineKind,
    MachineWent,
    Moved,
    Prepaid,
    Rebid,
    Refunded,
    Statement,
    Transferred,
)
from numgenius_core.contracts import Contract, Disk, InstanceEvent, RateChange, Volume
from numgenius_core.ids import AccountId, ContractId, MachineId, OfferId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Listing, Machine, Mode, PriceTerms, Verification
from numgenius_core.maintenance import Category, MachineSchedule, MaintenanceWindow, Recurrence
from numgenius_core.money import Money
from numgenius_core.offer import Block, Offer
from numgenius_core.prices import (
    CurveSchedule,
    LinearSchedule,
    Quote,
    QuoteLine,
    QuotePart,
    StepSchedule,
)
from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour, PerHour


def at(day: int, hour: int = 0, second: int = 0) -> datetime:
    """Return an instant of January 2026."""
    return datetime(2026, 1, day, hour, 0, second, tzinfo=UTC)


MACHINE = Machine(
    id=MachineId(12_345),
    host=AccountId("anna"),
    gpu_name="RTX 4090",
    gpus=8,
    disk_mb=2_000_500,
    verification=Verification.DEVERIFIED,
)
PRICES = PriceTerms(
    gpu=PerGpuHour("0.133333333333"),
    storage=PerGbMonth("0.15"),
    upload=PerGb("0.02"),
    download=PerGb("0.01"),
    min_bid=PerGpuHour("0.08"),
    platform_fee=Fraction(1, 4),
)
LISTING = Listing(
    machine=MACHINE,
    prices=PRICES,
    min_gpu=2,
    max_discount=Fraction(1, 3),
    rolling=timedelta(days=30, seconds=1),
)
OFFER = Offer(
    id=OfferId(9),
    machine=MachineId(12_345),
    gpu_name="RTX 4090",
    gpus=2,
    prices=PRICES,
    gpus_in_machine=8,
    block=Block(start=4, size=2),
    disk_mb=500_125,
    max_discount=Fraction(2, 5),
    ends_at=at(31),
    host=AccountId("anna"),
    rentable=False,
    extra={"geolocation": "Québec, CA", "score": 12.5, "flags": [True, None, {"n": 3}]},
)
CONTRACT = Contract(
    id=ContractId(77),
    machine=MachineId(12_345),
    host=AccountId("anna"),
    client=AccountId("ben"),
    mode=Mode.ON_DEMAND,
    block=Block(start=4, size=2),
    prices=PRICES,
    start=at(1),
    end=at(31, 23, 59),
    disk_mb=64_000,
)
INTERRUPTIBLE = Contract(
    id=ContractId(78),
    machine=MachineId(12_345),
    host=AccountId("anna"),
    client=AccountId("ben"),
    mode=Mode.INTERRUPTIBLE,
    block=Block(start=0, size=4),
    prices=PRICES,
    start=at(1),
    bid=PerHour("0.4"),
)
EXTENDED = evolve(CONTRACT, rate_changes=(RateChange(since=at(20), prices=PRICES),))
HISTORY = History(
    contract=EXTENDED,
    facts=(
        Moved(at=at(1, 1), event=InstanceEvent.LOADED),
        Prepaid(at=at(2), amount=Money("100.5"), discount=Fraction(1, 5)),
        Transferred(at=at(3), sent=10**12, received=7),
        MachineWent(at=at(4), online=False),
        MachineWent(at=at(5), online=True),
        Refunded(at=at(6), amount=Money.from_ticks(324 * 10**20 + 1)),
    ),
)
BIDS = History(
    contract=INTERRUPTIBLE,
    facts=(Rebid(at=at(2), bid=PerHour("0.5")),),
)
STATEMENT = Statement(
    contract=CONTRACT,
    period=Interval(at(1), at(2)),
    lines=(
        Line(
            kind=LineKind.ON_DEMAND,
            period=Interval(at(1), at(2)),
            quantity=86_400,
            size=2,
            rate=PerHour("0.266666666666"),
            list_rate=PerHour("0.266666666666"),
            fee_rate=PerHour("0.066666666666"),
            amount=Money("6.399999999984"),
            fee=Money("1.599999999984"),
        ),
        Line(
            kind=LineKind.STORAGE,
            period=Interval(at(1), at(2)),
            quantity=86_400,
            size=64_000,
            rate=PerGbMonth("0.15"),
            amount=Money("0.32"),
        ),
        Line(
            kind=LineKind.UPLOAD,
            period=Interval(at(1), at(1, 0, 1)),
            quantity=1,
            rate=PerGb("0.02"),
            amount=Money.from_ticks(6_480_000_000_000),
        ),
    ),
    carried=Money("-3"),
)
QUOTE = Quote(
    offer=OFFER,
    mode=Mode.RESERVED,
    seconds=2_592_000,
    lines=(
        QuoteLine(kind=QuotePart.GPU, amount=Money("192")),
        QuoteLine(kind=QuotePart.DISCOUNT, amount=Money("-38.4")),
    ),
    payout=Money("115.2"),
    fee=Money("38.4"),
    deposit=Money("153.6"),
    discount=Fraction(1, 5),
)
WINDOW = MaintenanceWindow(
    period=Interval(at(10), at(10, 6)), category=Category.POWER, reason="New cables for the rack"
)

VALUES: Final[dict[str, object]] = {
    "Block": Block(start=4, size=2),
    "Contract": CONTRACT,
    "Contract.interruptible": INTERRUPTIBLE,
    "CurveSchedule": CurveSchedule(Fraction(2, 5)),
    "Disk": Disk(total_mb=2_000_000, instances_mb=64_000, volumes_mb=1_000, listed_mb=10_000),
    "History": HISTORY,
    "History.interruptible": BIDS,
    "Interval": Interval(at(1), at(2)),
    "LinearSchedule": LinearSchedule.of({1: "0.2", 3: "0.3"}),
    "Listing": LISTING,
    "Machine": MACHINE,
    "MaintenanceWindow": WINDOW,
    "Offer": OFFER,
    "PriceTerms": PRICES,
    "Quote": QUOTE,
    "Recurrence": Recurrence.parse("Fri-Sun 23:30-02:00 Europe/Berlin"),
    "MachineSchedule": MachineSchedule(machine=MachineId(12_345), windows=(WINDOW,)),
    "Statement": STATEMENT,
    "StepSchedule": StepSchedule.of({1: "0.2", 3: "0.3"}),
    "Contract.extended": EXTENDED,
    "Volume": Volume(size_mb=1_000, price=PerGbMonth("0.1"), end=at(31)),
}
"""By the name of their golden document."""
