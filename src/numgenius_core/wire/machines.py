"""The host's machines, as ``vastai show machines --raw`` prints them: machine, listing, last end.

Rule (marketplace, anonymised host records): a row has the machine (``id`` or ``machine_id``), what
it is listed for (``listed_gpu_cost`` and its kin, $ per GPU-hour, GB-month and GB, net of the
platform's fee; ``listed_min_gpu_count``, ``credit_discount_max``, ``end_date``), what its GPUs do
(``gpu_occupancy``, a letter each: D on demand, R reserved, I interruptible, x nothing) and when the
last contract of a client ends (``client_end_date``, G4). ``duration`` is null unless the end date
is rolling: each day the end is then set to that day plus the duration.

Our readings: prices are what the row says, so the host's own; ``platform_fee`` makes of them what
clients pay (client price = host price / (1 − fee)). A rolling duration stands before the end date
that it made. What nobody listed has no listing, and neither has what lists no GPU price, or a
``min_gpu`` that a host cannot list (records show 3 and 6, and more than the GPUs): prices,
``min_gpu`` and rolling duration are in the row then, as it says them. What the GPUs do is not known
where the row has no letters; letters for more or fewer GPUs than there are, or others, are a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from attrs import field, frozen

from numgenius_core._checks import ReadOnly, check_text, read_only_json
from numgenius_core._json.packings import Source
from numgenius_core._numbers import fraction
from numgenius_core._terms import ConfidenceBand, Promise
from numgenius_core.errors import RuleViolation, WrongType, brief, shown
from numgenius_core.ids import AccountId, MachineId
from numgenius_core.listing import Listing, Machine, PriceTerms
from numgenius_core.rates import MAX_RATE, PerGb, PerGbMonth, PerGpuHour
from numgenius_core.units import Exact
from numgenius_core.wire import _fields as read
from numgenius_core.wire._kinds import MACHINES
from numgenius_core.wire._promises import band, claim, promise_of, spread
from numgenius_core.wire._rows import Row, RowReading, prices_told, read_rows
from numgenius_core.wire._sources import OnError


def _read_only(value: Mapping[str, Any]) -> ReadOnly[str, Any]:
    return read_only_json(value, "machine.extra")


_USES: Final = frozenset("DRIx")
"""What a GPU of a row is: on demand, reserved, interruptible, not rented."""
_LONGEST: Final = 10**9


@frozen(kw_only=True)
class HostMachine:
    """A machine as its host sees it: what it is, how it is listed, and until when it is promised.

    Attributes:
        machine: What it is.
        listing: How it is offered; ``None`` if it is not, or if its ``min_gpu`` is one that no
            :class:`~numgenius_core.listing.Listing` has: no power of two, or above its GPUs.
        prices: What a client pays; ``None`` if it is not listed.
        min_gpu: The smallest group for rent, any number from 1; ``None`` if the row does not say.
            What such a machine offers: :func:`numgenius_core.gpus.blocks` with ``observed=True``.
        rolling: Each day the end is set to that day plus this duration; ``None`` if it is fixed.
        client_end: When the last contract of a client ends (G4); ``None`` if the row does not say,
            as of a machine without clients (``occupancy`` shows whether it has some). While
            ``rolling`` is a duration, each day moves it on.
        promise: The uptime that its listing claims; ``None`` if it claims none. A row that only
            shows the confidence (``band``) does not say the spread, which is 0.5 here.
        band: The confidence as the row shows it; ``None`` if it does not.
        occupancy: What each GPU does: ``D`` on demand, ``R`` reserved, ``I`` interruptible, ``x``
            nothing; ``None`` if the row does not say, which is not the same as nothing.
        extra: The whole row, under its own names.

    >>> from numgenius_core.wire import read_machines
    >>> row = '''[{"id": 7, "gpu_name": "RTX 4090", "num_gpus": 2, "disk_space": 1000,
    ...     "listed_gpu_cost": 0.3, "listed_min_gpu_count": 1, "gpu_occupancy": "D x ",
    ...     "client_end_date": 1785542400.0, "end_date": 1790812800.0}]'''
    >>> (mine,) = read_machines(row).rows
    >>> mine.listing.prices.gpu, mine.occupancy, f"{mine.client_end:%d %B %Y}"
    (PerGpuHour('0.30'), ('D', 'x'), '01 August 2026')
    """

    machine: Machine
    listing: Listing | None = None
    prices: PriceTerms | None = None
    min_gpu: int | None = None
    rolling: timedelta | None = None
    client_end: datetime | None = None
    promise: Promise | None = None
    band: ConfidenceBand | None = None
    occupancy: tuple[str, ...] | None = field(default=None, repr=brief)
    extra: Mapping[str, Any] = field(factory=ReadOnly, converter=_read_only, repr=brief, hash=False)

    def _figures(self) -> dict[str, object]:
        """Return what a table says of it, by name."""
        machine, listing, promise = self.machine, self.listing, self.promise
        return {
            "machine": machine.id,
            "host": machine.host,
            "gpu_name": machine.gpu_name,
            "gpus": machine.gpus,
            "occupancy": None if self.occupancy is None else " ".join(self.occupancy),
            **prices_told(self.prices, "gpu", "min_bid", "storage", "upload", "download"),
            "min_gpu": self.min_gpu,
            "max_discount": None if listing is None else listing.max_discount,
            "claim": None if promise is None else promise.claim,
            "end": None if listing is None else listing.end,
            "rolling_seconds": None if self.rolling is None else self.rolling.total_seconds(),
            "client_end": self.client_end,
            "disk_gb": machine.disk_gb,
            "verification": machine.verification,
        }


def read_machines(
    source: Source,
    *,
    host: str = "me",
    platform_fee: Exact = 0,
    on_error: OnError = "raise",
) -> RowReading[HostMachine]:
    """Return the host's machines of what ``show machines --raw`` prints, or the API answers.

    Args:
        source: A ``Path``, the document as text or bytes, or a binary stream.
        host: The account of a row that does not say its ``host_id``.
        platform_fee: The platform's share of what clients pay, 0 to below 1: the rows have the
            host's prices, a listing has the clients'.
        on_error: ``"raise"`` refuses a document with a bad row, ``"collect"`` leaves bad rows out
            and reports them as ``faults``.

    Raises:
        WrongType: ``source`` is none of these.
        ParseError: The document cannot be read, or holds something else than machines.
        InvalidDocument: Rows with faults, all of them together.
        RuleViolation: ``on_error`` is no word of its, or the fee is not below one.

    Warns:
        FloorAbovePrice: A lowest bid above the on-demand price: legal, seldom meant.

    >>> from numgenius_core.wire import read_machines
    >>> text = '''{"machines": [{"id": 7, "gpu_name": "A100", "num_gpus": 4,
    ...     "listed_gpu_cost": 0.9, "listed_min_gpu_count": 2}]}'''
    >>> (mine,) = read_machines(text, host="hanna", platform_fee="0.25").rows
    >>> mine.listing.prices.gpu, mine.listing.min_gpu  # what clients pay
    (PerGpuHour('1.20'), 2)
    """
    fee = fraction(platform_fee, "platform_fee", below_one=True)
    check_text(host, "host")
    return read_rows(source, MACHINES, on_error, lambda row: _machine(row, AccountId(host), fee))


def _machine(row: Row, host: AccountId, fee: Fraction) -> HostMachine:
    number = row.take("id" if "id" in row.value else "machine_id", read.id_number)
    owner, verified = row.take("host_id", read.host), row.take("verification", read.verification)
    model, gpus = row.take("gpu_name", read.gpu_name), row.take("num_gpus", read.gpu_count)
    disk = row.take("disk_space", read.disk)
    terms = _terms(row, fee) if row.take("listed", read.yes) else None
    end, client_end = row.take("end_date", read.end), row.take("client_end_date", read.end)
    rolling, min_gpu = row.take("duration", _rolling), row.take("listed_min_gpu_count", _count)
    discount = row.take("credit_discount_max", read.share)
    occupancy = row.take("gpu_occupancy", _uses(gpus))
    claims = [row.take(key, claim) for key in ("sla_r_claim", "sla_reliability_claim")]
    width, shown_band = row.take("sla_sigma_x", spread), row.take("sla_confidence", band)
    row.check()
    machine = Machine(
        id=MachineId(number),
        host=owner or host,
        gpu_name=model,
        gpus=gpus,
        disk_mb=disk,
        verification=verified,
    )
    promise = promise_of(claims[0] or claims[1], width)
    listing = None
    if terms is not None and (min_gpu is None or _may_be_listed(min_gpu, gpus)):
        listing = row.made(
            lambda: Listing(
                machine=machine,
                prices=terms,
                min_gpu=min_gpu or 1,
                max_discount=discount,
                end=None if rolling else end,
                rolling=rolling,
                promise=promise,
            )
        )
    return HostMachine(
        machine=machine,
        listing=listing,
        prices=terms,
        min_gpu=min_gpu,
        rolling=None if terms is None else rolling,
        client_end=client_end,
        promise=promise,
        band=shown_band,
        occupancy=occupancy,
        extra=row.plain(),
    )


def _may_be_listed(min_gpu: int, gpus: int) -> bool:
    return min_gpu.bit_count() == 1 and min_gpu <= gpus


def _terms(row: Row, fee: Fraction) -> PriceTerms | None:
    """Return the prices that clients pay; ``None`` if the machine has no GPU price."""
    gpu = row.take("listed_gpu_cost", _rate(PerGpuHour.from_steps, fee))
    host_prices = {
        "storage": row.take("listed_storage_cost", _rate(PerGbMonth.from_steps, fee)),
        "upload": row.take("listed_inet_up_cost", _rate(PerGb.from_steps, fee)),
        "download": row.take("listed_inet_down_cost", _rate(PerGb.from_steps, fee)),
        "min_bid": row.take("min_bid_price", _rate(PerGpuHour.from_steps, fee)),
    }
    if gpu is None:
        return None
    known = {name: rate for name, rate in host_prices.items() if rate is not None}
    return PriceTerms.from_host(gpu=gpu, platform_fee=fee, **known)


def _rate(make: Callable[[int], Any], fee: Fraction) -> Callable[[Any], Any]:
    """Return the hook of a host's price; one that no client could pay with the fee is refused."""

    def rate(value: Any) -> Any:
        if read.is_unknown(value):
            return None
        known = make(read.price_steps(value))
        try:
            known.scaled(1 / (1 - fee))
        except RuleViolation:
            need = f"a price that with a fee of {float(fee):g} is one of $0 to ${MAX_RATE:,}"
            raise RuleViolation("", need, shown(value)) from None
        return known

    return rate


def _count(value: Any) -> int | None:
    return None if value is None else read.gpu_count(value)


def _uses(gpus: int | None) -> Callable[[Any], tuple[str, ...] | None]:
    """Return the hook of what GPUs do, a letter each; of how many is not known in a bad row."""

    def uses(value: Any) -> tuple[str, ...] | None:
        letters = tuple((read.text(value) or "").split())
        if not letters:
            return None
        if not {*letters} <= _USES or len(letters) != (gpus or len(letters)):
            each = "GPU" if gpus is None else f"of its {gpus} GPUs"
            raise RuleViolation("", f"one of D, R, I and x for each {each}", shown(value.strip()))
        return letters

    return uses


def _rolling(value: Any) -> timedelta | None:
    """Return a rolling duration of whole seconds; 0 and null are none."""
    if value is None or value == 0:
        return None
    need = f"seconds up to {_LONGEST:,}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WrongType("", need, shown(value))
    if not 0 < value <= _LONGEST:  # also false for NaN
        raise RuleViolation("", need, shown(value))
    return timedelta(seconds=int(Decimal(repr(value))))
