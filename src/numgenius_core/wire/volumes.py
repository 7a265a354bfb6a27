"""Volumes, rented ones and offered ones: ``vastai show volumes --raw``, ``search volumes --raw``.

Rule (the marketplace's API): a row of a rented volume has its size (``disk_space``, GB), what it
costs an hour (``storage_total_cost``), when it was rented and the instances that use it. A row of
an offer has what is free of it and the price of a GB and month (``storage_cost``); what it costs an
hour is there for the size that was asked for. A month is 720 hours.

Our readings: a row with an ``ask_contract_id`` or a ``bundle_id`` is an offer's. A rented volume
that does not say the price of a GB and month has that of its size and what it costs an hour,
rounded half-even to a price step.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from attrs import field, frozen

from numgenius_core._checks import ReadOnly, read_only_json
from numgenius_core._json.packings import Source
from numgenius_core._numbers import PICO
from numgenius_core.errors import RuleViolation, WrongType, brief, shown
from numgenius_core.ids import AccountId, ContractId, MachineId, VolumeId
from numgenius_core.listing import Verification
from numgenius_core.rates import PerGbMonth
from numgenius_core.units import HOURS_PER_MONTH, MB_PER_GB
from numgenius_core.wire import _fields as read
from numgenius_core.wire._kinds import VOLUMES
from numgenius_core.wire._rows import Row, RowReading, instants, read_rows
from numgenius_core.wire._sources import Naive, OnError

_OF_OFFERS: Final = frozenset({"ask_contract_id", "bundle_id"})


def _as_extra(value: Mapping[str, Any]) -> ReadOnly[str, Any]:
    return read_only_json(value, "volume_row.extra")


@frozen(kw_only=True)
class VolumeRow:
    """A volume as its renter sees it, or an offer of disk that can be rented as volumes.

    Attributes:
        id: The number of the volume, or of the offer.
        machine: The machine whose disk it is; ``None`` of one that is on none.
        offered: Whether it is an offer.
        size_mb: Its size, whole MB; of an offer, what is free of it.
        price: Dollars per GB-month; ``None`` if the row does not say.
        start: When it was rented; ``None`` if the row does not say.
        end: When it ends; ``None`` is never, or not said.
        host: Account of the machine's owner, ``None`` if not said.
        label: The renter's own name for it.
        status: The marketplace's word for how it is; empty if not said, as of an offer.
        instances: Those that use it.
        verification: Of the machine.
        extra: The whole row, under its own names.

    >>> from numgenius_core.wire import read_volumes
    >>> row = '''[{"id": 12, "machine_id": 7, "disk_space": 360, "storage_total_cost": 0.075,
    ...     "start_date": 1767225600, "status": "active", "instances": [31]}]'''
    >>> (mine,) = read_volumes(row).rows
    >>> mine.size_mb, mine.instances, mine.price
    (360000, (31,), PerGbMonth('0.15'))
    """

    id: VolumeId
    machine: MachineId | None = None
    offered: bool = False
    size_mb: int
    price: PerGbMonth | None = None
    start: datetime | None = None
    end: datetime | None = None
    host: AccountId | None = None
    label: str = ""
    status: str = ""
    instances: tuple[ContractId, ...] = field(default=(), repr=brief)
    verification: Verification = Verification.UNVERIFIED
    extra: Mapping[str, Any] = field(factory=ReadOnly, converter=_as_extra, repr=brief, hash=False)


def read_volumes(
    source: Source, *, on_error: OnError = "raise", naive: Naive = "refuse"
) -> RowReading[VolumeRow]:
    """Return the volumes of what ``show volumes --raw`` or ``search volumes --raw`` prints.

    Args:
        source: A ``Path``, the document as text or bytes, or a binary stream.
        on_error: ``"raise"`` refuses a document with a bad row, ``"collect"`` leaves bad rows out
            and reports them as ``faults``.
        naive: ``"utc"`` takes a time in words without an offset as UTC; the marketplace's are Unix
            seconds.

    Raises:
        WrongType: ``source`` is none of these.
        ParseError: The document cannot be read, or holds something else than volumes.
        InvalidDocument: Rows with faults, all of them together.
        RuleViolation: ``on_error`` or ``naive`` is no word of theirs.

    >>> from numgenius_core.wire import read_volumes
    >>> found = '''{"offers": [{"id": 8192, "ask_contract_id": 8192, "machine_id": 7,
    ...     "disk_space": 500, "storage_cost": 0.4, "storage_total_cost": 0.000555555556}]}'''
    >>> [(each.offered, each.size_mb, each.price) for each in read_volumes(found).rows]
    [(True, 500000, PerGbMonth('0.40'))]
    """
    moment = instants(naive)
    return read_rows(source, VOLUMES, on_error, lambda row: _volume(row, moment))


def _volume(row: Row, moment: Any) -> VolumeRow:
    number, machine = row.take("id", read.id_number), row.take("machine_id", _machine)
    size_mb = row.take("disk_space", _size)
    offered = not _OF_OFFERS.isdisjoint(row.value)
    price = row.take("storage_cost", _price)
    hourly = row.take("storage_total_cost", lambda cost: _by_hour(cost, 0 if offered else size_mb))
    start, end = row.take("start_date", moment), row.take("end_date", moment)
    host, verified = row.take("host_id", read.host), row.take("verification", read.verification)
    label, status = row.take("label", read.text), row.take("status", read.text)
    instances = row.take("instances", _numbers)
    row.check()
    return VolumeRow(
        id=VolumeId(number),
        machine=machine,
        offered=offered,
        size_mb=size_mb,
        price=hourly if price is None else price,
        start=start,
        end=end,
        host=host,
        label=label or "",
        status=status or "",
        instances=instances,
        verification=verified,
        extra=row.plain(),
    )


def _machine(value: Any) -> MachineId | None:
    return None if value is None else MachineId(read.id_number(value))


def _size(value: Any) -> int:
    if value is None:
        raise WrongType("", "GB of disk", shown(value))
    return read.disk(value)


def _price(value: Any) -> PerGbMonth | None:
    return None if read.is_unknown(value) else read.storage(value)


def _by_hour(cost: Any, size_mb: int | None) -> PerGbMonth | None:
    """Return the price of a GB and month of what a size costs an hour; ``None`` of no size."""
    if read.is_unknown(cost):
        return None
    read.price_steps(cost)
    if not size_mb:
        return None
    need = "dollars an hour for its size"
    steps = read.nearest(cost, PICO * HOURS_PER_MONTH * MB_PER_GB, size_mb, need)
    if steps > read.MAX_STEPS:
        raise RuleViolation("", need, shown(cost))
    return PerGbMonth.from_steps(steps)


def _numbers(value: Any) -> tuple[ContractId, ...]:
    """Return the numbers of instances, which may be given with more of them."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise WrongType("", "a list of instances", shown(value))
    numbers = (each.get("id") if isinstance(each, dict) else each for each in value)
    return tuple(ContractId(read.id_number(number)) for number in numbers)
