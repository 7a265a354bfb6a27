"""A record of the marketplace's search API and the :class:`~numgenius_core.offer.Offer` it means.

Rule (marketplace, measured): ``dph_base`` and ``min_bid`` are dollars per hour for the
whole offer, n × the price of one GPU; ``storage_cost`` is $/GB-month, ``inet_up_cost`` and
``inet_down_cost`` $/GB; ``gpu_frac`` = n / T; ``disk_space`` is in GB.

Our readings: a number is taken through its shortest decimal text and rounded once, half-even, to a
pico-dollar (prices) or a whole MB (disk); a price that is missing, null or NaN is unknown
(``Offer.unknown_prices``), never free; a missing ``verification`` is unverified; a null
``end_date`` never ends. ``duration`` counts from when the search was answered, which an API record
does not say, so only ``end_date`` is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from operator import itemgetter
from typing import Any, Final

from numgenius_core._numbers import PICO
from numgenius_core.intervals import to_epoch
from numgenius_core.listing import Verification
from numgenius_core.offer import Offer
from numgenius_core.rates import PerGb, PerGbMonth, Rate
from numgenius_core.units import MB_PER_GB
from numgenius_core.wire import _fields as read
from numgenius_core.wire._promises import claim, offered, spread
from numgenius_core.wire._shape import Column, Shape, Spelling, quick_offer, quick_prices

_NEEDED: Final = (
    Column("id", read.id_number),
    Column("machine_id", read.id_number),
    Column("gpu_name", read.gpu_name),
    Column("num_gpus", read.gpu_count),
)
_OTHERS: Final = (
    Column("dph_base", read.price_or_nothing, 0),
    Column("gpu_frac", read.number),
    Column("min_bid", read.price_or_nothing, 0),
    Column("storage_cost", read.storage, PerGbMonth(0)),
    Column("inet_up_cost", read.traffic, PerGb(0)),
    Column("inet_down_cost", read.traffic, PerGb(0)),
    Column("disk_space", read.disk, 0),
    Column("credit_discount_max", read.share, Fraction(0)),
    Column("end_date", read.end),
    Column("host_id", read.host),
    Column("verification", read.verification, Verification.UNVERIFIED),
    Column("rentable", read.yes, True),
    Column("discount_rate", read.share, Fraction(0)),
)
_ASIDE: Final = (
    Column("dph_total", read.number),
    Column("duration", read.number),
    Column("rented", read.maybe),
    Column("reliability", read.number),
    Column("geolocation", read.text),
    Column("gpu_ram", read.number),
    Column("cpu_ram", read.number),
    Column("inet_up", read.number),
    Column("inet_down", read.number),
    Column("dlperf", read.number),
    # Few records have a promise, so an offer's is made of the source where there is one.
    Column("sla_r_claim", claim),
    Column("sla_sigma_x", spread),
    Column("expected_reliability", claim),
)
_ASIDE_NUMBERS: Final = itemgetter(*(c.key for c in _ASIDE if c.hook is read.number))
_TEXT: Final = frozenset({str, type(None)})
_BOOL: Final = frozenset({bool, type(None)})


def _aside_is_fine(record: Mapping[str, Any]) -> bool:
    """Return whether the fields that stand aside are there and right; an error says no as well."""
    numbers = _ASIDE_NUMBERS(record)
    return (
        # One sum looks at all of them in C: what is no number raises, NaN and infinities spread.
        -1e19 < sum(numbers) < 1e19  # false for NaN and infinities, an error for what is no number
        and bool not in map(type, numbers)
        and type(record["geolocation"]) in _TEXT
        and type(record["rented"]) in _BOOL
    )


_PRICES: Final = (
    ("dph_base", "gpu"),
    ("storage_cost", "storage"),
    ("inet_up_cost", "upload"),
    ("inet_down_cost", "download"),
    ("min_bid", "min_bid"),
)
_KEYS: Final = frozenset(key for key, _ in _PRICES)
_prices_of: Final = itemgetter(*(key for key, _ in _PRICES))


def unknown_prices(source: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the prices that a record does not say."""
    try:
        said = _prices_of(source)
        if None not in said and sum(said) > -1.0:  # NaN spreads in a sum and is in no order
            return ()
    except (KeyError, TypeError):
        pass
    return tuple(name for key, name in _PRICES if read.is_unknown(source.get(key)))


def _offer_of(values: list[Any], source: dict[str, Any]) -> Offer:
    number, machine, name, gpus, price, share, floor, storage, upload, download, *rest = values
    disk_mb, discount, ends_at, host, verified, rentable, _ = rest
    unknown = unknown_prices(source)
    if unknown:  # JSON has no NaN
        source = {k: None if k in _KEYS and read.is_unknown(v) else v for k, v in source.items()}
    prices = quick_prices(
        read.per_gpu(price, gpus),
        storage,
        upload,
        download,
        read.per_gpu(floor, gpus),
    )
    return quick_offer(
        number,
        machine,
        name,
        gpus,
        prices,
        read.machine_gpus(gpus, share),
        disk_mb,
        discount,
        ends_at,
        host,
        verified,
        rentable,
        offered(source),
        unknown,
        source,
    )


def dollars(rate: Rate) -> float:
    """Return a rate as the double nearest to it, which is what a JSON number is."""
    return rate.steps / PICO  # one correctly rounded division


def is_unsaid(offer: Offer, name: str) -> bool:
    """Return whether a price is to be left unsaid; one that was set since is known."""
    return name in offer.unknown_prices and not getattr(offer.prices, name).steps


def _price(key: str, name: str, rate: Callable[[Offer], Rate]) -> Spelling:
    """Return how a price is written: null, if it is not known."""

    def spell(offer: Offer) -> float | None:
        return None if is_unsaid(offer, name) else dollars(rate(offer))

    return key, lambda offer: None if is_unsaid(offer, name) else rate(offer), spell


def _host_id(offer: Offer) -> int | str | None:
    host = offer.host
    # An account is text here and a number in the API's records, where it reads back the same.
    is_number = host is not None and host.isascii() and host.isdigit() and host == host.lstrip("0")
    return int(host) if host is not None and is_number and len(host) < 19 else host


def _end_date(offer: Offer) -> float | None:
    return None if offer.ends_at is None else float(to_epoch(offer.ends_at))


def _claim(offer: Offer) -> float:
    return 0.0 if offer.promise is None else float(offer.promise.claim)


def _spread(offer: Offer) -> float | None:
    return None if offer.promise is None else float(offer.promise.spread)


def gpu_share(offer: Offer) -> float | None:
    """Return the offer's share of its machine's GPUs."""
    return None if offer.gpus_in_machine is None else offer.gpus / offer.gpus_in_machine


API: Final = Shape(
    _NEEDED,
    _OTHERS,
    _ASIDE,
    _aside_is_fine,
    _offer_of,
    (
        ("id", lambda o: o.id, lambda o: o.id),
        ("machine_id", lambda o: o.machine, lambda o: o.machine),
        ("gpu_name", lambda o: o.gpu_name, lambda o: o.gpu_name),
        ("num_gpus", lambda o: o.gpus, lambda o: o.gpus),
        ("gpu_frac", gpu_share, gpu_share),
        _price("dph_base", "gpu", lambda o: o.prices.gpu.for_gpus(o.gpus)),
        _price("min_bid", "min_bid", lambda o: o.prices.min_bid.for_gpus(o.gpus)),
        _price("storage_cost", "storage", lambda o: o.prices.storage),
        _price("inet_up_cost", "upload", lambda o: o.prices.upload),
        _price("inet_down_cost", "download", lambda o: o.prices.download),
        ("disk_space", lambda o: o.disk_mb, lambda o: o.disk_mb / MB_PER_GB),
        ("credit_discount_max", lambda o: o.max_discount, lambda o: float(o.max_discount)),
        ("end_date", lambda o: o.ends_at, _end_date),
        ("host_id", lambda o: o.host, _host_id),
        ("verification", lambda o: o.verification, lambda o: o.verification.value),
        ("rentable", lambda o: o.rentable, lambda o: o.rentable),
        ("sla_r_claim", _claim, _claim),
        ("expected_reliability", _claim, _claim),
        ("sla_sigma_x", _spread, _spread),
    ),
)
"""What the search API and ``vastai search offers --raw`` give."""
