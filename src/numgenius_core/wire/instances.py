"""The renter's instances, as ``vastai show instances --raw`` prints them.

Rule (the marketplace's API): a row has the instance (``id``, ``machine_id``, ``num_gpus``), what it
costs (``dph_base`` for its GPUs, ``storage_cost``, ``inet_up_cost`` …), how it was rented
(``is_bid``; a reserved one has a ``credit_balance`` or a ``credit_discount``), and what it does:
``actual_status`` is null until the machine has heard of it, ``cur_state`` says whether it has its
GPUs, ``intended_status`` what the renter wants.

Our readings: an instance that is to run and has not its GPUs is paused if it bids, and waits for
them (scheduling) otherwise; one past its end date is not told apart, since the row has no clock.
``dph_base`` of one that bids is its bid.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any, Final

from attrs import field, frozen

from numgenius_core._checks import ReadOnly, read_only_json
from numgenius_core._json.packings import Source
from numgenius_core._tables import numbers
from numgenius_core._terms import Promise
from numgenius_core.contracts.life import InstanceState
from numgenius_core.errors import brief
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.listing import Mode, PriceTerms
from numgenius_core.money import Money
from numgenius_core.rates import PerHour
from numgenius_core.wire import _fields as read
from numgenius_core.wire._kinds import INSTANCES
from numgenius_core.wire._promises import claim, claim_key, fee, promise_of, spread
from numgenius_core.wire._records import unknown_prices
from numgenius_core.wire._rows import Row, RowReading, prices_told, read_rows
from numgenius_core.wire._sources import OnError


def _read_only(value: Mapping[str, Any]) -> ReadOnly[str, Any]:
    return read_only_json(value, "instance.extra")


_STOPPED: Final = frozenset({"stopped", "exited", "frozen", "offline"})


@frozen(kw_only=True)
class RentedInstance:
    """An instance as its renter sees it.

    Attributes:
        id: The number of the contract and its instance.
        machine: The machine it is on.
        gpu_name: Model of its GPUs.
        gpus: Number of its GPUs.
        mode: How it was rented.
        state: What it is doing.
        prices: Per unit, as the renter pays them; of one that bids, ``gpu`` is its bid.
        unknown_prices: Names of the prices that the row does not say.
        bid: Of one that bids, for the whole instance; else ``None``.
        discount: Of a reserved one, the share taken off the GPU price.
        deposit: Of a reserved one, what is left of it.
        disk_mb: Its disk, whole MB.
        start: When it was rented; ``None`` if the row does not say.
        end: When its contract ends; ``None`` is never, or not said.
        host: Account of the machine's owner, ``None`` if not said.
        label: The renter's own name for it.
        promise: The uptime that it was rented with: the host's claim; ``None`` if there is none.
        target: The uptime that its renter asked for; ``None`` if none.
        sla_fee: What the renter pays for it, dollars per hour; ``None`` if the row names none.
        extra: The whole row, under its own names.

    >>> from numgenius_core.wire import read_instances
    >>> row = '''[{"id": 9, "machine_id": 7, "gpu_name": "RTX 4090", "num_gpus": 2, "is_bid": true,
    ...     "dph_base": 0.4, "storage_cost": 0.15, "disk_space": 20, "actual_status": "exited",
    ...     "cur_state": "stopped", "intended_status": "running", "start_date": 1780272000.0}]'''
    >>> (mine,) = read_instances(row).rows
    >>> mine.mode.value, mine.state.value, mine.bid, mine.unknown_prices
    ('interruptible', 'paused', PerHour('0.40'), ('upload', 'download', 'min_bid'))
    """

    id: ContractId
    machine: MachineId
    gpu_name: str
    gpus: int
    mode: Mode
    state: InstanceState
    prices: PriceTerms
    unknown_prices: tuple[str, ...] = field(default=(), repr=brief)
    bid: PerHour | None = None
    discount: Fraction = Fraction(0)
    deposit: Money | None = None
    disk_mb: int = 0
    start: datetime | None = None
    end: datetime | None = None
    host: AccountId | None = None
    label: str = ""
    promise: Promise | None = None
    target: Fraction | None = None
    sla_fee: PerHour | None = None
    extra: Mapping[str, Any] = field(factory=ReadOnly, converter=_read_only, repr=brief, hash=False)

    def _figures(self) -> dict[str, object]:
        """Return what a table says of it, by name; the price that a row does not say is none."""
        told = prices_told(self.prices, "gpu", "storage", "upload", "download")
        claim = None if self.promise is None else self.promise.claim
        unknown = dict.fromkeys(self.unknown_prices)
        return {**numbers(self), **told, **unknown, "claim": claim}


def read_instances(source: Source, *, on_error: OnError = "raise") -> RowReading[RentedInstance]:
    """Return the renter's instances of what ``show instances --raw`` prints, or the API answers.

    Args:
        source: A ``Path``, the document as text or bytes, or a binary stream.
        on_error: ``"raise"`` refuses a document with a bad row, ``"collect"`` leaves bad rows out
            and reports them as ``faults``.

    Raises:
        WrongType: ``source`` is none of these.
        ParseError: The document cannot be read, or holds something else than instances.
        InvalidDocument: Rows with faults, all of them together.
        RuleViolation: ``on_error`` is no word of its.

    >>> from numgenius_core.wire import read_instances
    >>> text = '''{"instances": [{"id": 9, "machine_id": 7, "gpu_name": "A100", "num_gpus": 1,
    ...     "dph_base": 1.2, "actual_status": "running", "cur_state": "running"}]}'''
    >>> [(each.id, each.state.value) for each in read_instances(text).rows]
    [(9, 'running')]
    """
    return read_rows(source, INSTANCES, on_error, _instance)


def _instance(row: Row) -> RentedInstance:
    number = row.take("id", read.id_number)
    machine = row.take("machine_id", read.id_number)
    name, gpus = row.take("gpu_name", read.gpu_name), row.take("num_gpus", read.gpu_count)
    price, floor = (row.take(key, read.price_or_nothing) for key in ("dph_base", "min_bid"))
    storage = row.take("storage_cost", read.storage)
    upload, download = (row.take(f"inet_{way}_cost", read.traffic) for way in ("up", "down"))
    bids = row.take("is_bid", read.maybe) or False
    discount = row.take("credit_discount", read.share)
    balance = row.take("credit_balance", read.price_or_nothing)
    status = {key: row.take(key, read.text) for key in _STATUS}
    start, end = (row.take(key, read.end) for key in ("start_date", "end_date"))
    disk, host = row.take("disk_space", read.disk), row.take("host_id", read.host)
    label = row.take("label", read.text)
    claimed = row.take(claim_key(row.value), claim)
    width, target = row.take("sla_sigma_x", spread), row.take("target_reliability", claim)
    fees = [row.take(key, fee) for key in ("instance", "search")]
    row.check()
    mode = Mode.RESERVED if balance or discount else Mode.ON_DEMAND
    mode = Mode.INTERRUPTIBLE if bids else mode
    unknown = unknown_prices(row.value)
    prices = PriceTerms(
        gpu=read.per_gpu(price, gpus),
        storage=storage,
        upload=upload,
        download=download,
        min_bid=read.per_gpu(floor, gpus),
    )
    return RentedInstance(
        id=ContractId(number),
        machine=MachineId(machine),
        gpu_name=name,
        gpus=gpus,
        mode=mode,
        state=_state(status, bids=bids),
        prices=prices,
        unknown_prices=unknown,
        bid=prices.gpu.for_gpus(gpus) if bids and "gpu" not in unknown else None,
        discount=discount,
        deposit=Money.from_float(balance) if mode is Mode.RESERVED else None,
        disk_mb=disk,
        start=start,
        end=end,
        host=host,
        label=label or "",
        promise=promise_of(claimed, width),
        target=target or None,
        sla_fee=fees[0] or fees[1],
        extra=row.plain(),
    )


_STATUS: Final = ("actual_status", "cur_state", "intended_status")


def _state(status: Mapping[str, str | None], *, bids: bool) -> InstanceState:
    """Return what an instance is doing, by its three words."""
    actual, current, wanted = (status[key] for key in _STATUS)
    if current in _STOPPED or actual in _STOPPED:
        if wanted != "running":
            return InstanceState.STOPPED
        return InstanceState.PAUSED if bids else InstanceState.SCHEDULING
    if actual == "running":
        return InstanceState.RUNNING
    return InstanceState.LOADING
