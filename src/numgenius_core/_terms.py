"""What listings, offers and contracts share: how an instance is rented, its prices, its promise.

The names are promised by :mod:`numgenius_core.listing`, those of a promise of uptime by
:mod:`numgenius_core.sla`, which has its rules. They stand apart from it because an offer
has terms, but needs neither the machine nor the listing that it was cut from: whoever prices offers
loads no more than these.

Our reading: prices here are what a *client* pays, as offers show them; the platform's fee is the
share of it that the host does not get (client price = host price / (1 − fee), measured). What a bid
must be stands here too: quotes, contracts and the bids of a machine keep the same bounds.
"""

from __future__ import annotations

from enum import Enum
from fractions import Fraction
from typing import Final, NoReturn, Self

from attrs import field, frozen

from numgenius_core._checks import check_kind
from numgenius_core._numbers import exact_number, fraction, whole_number
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour, PerHour
from numgenius_core.units import Exact


class Mode(Enum):
    """How an instance is rented; the mode decides its price and its priority."""

    ON_DEMAND = "on-demand"
    """At the listing's price, with the highest priority."""
    RESERVED = "reserved"
    """On demand, prepaid for a discount; the same priority."""
    INTERRUPTIBLE = "interruptible"
    """At the client's own bid; paused while a higher priority holds its GPUs."""


class Verification(Enum):
    """What the marketplace says of a machine; only verified ones have a reserved price.

    A machine that was verified and then failed the marketplace's own tests is deverified: that
    breaks its agreements, and deposits come back whole.
    """

    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    DEVERIFIED = "deverified"


_FREE_STORAGE: Final = PerGbMonth(0)
_FREE_TRAFFIC: Final = PerGb(0)
NO_FLOOR: Final = PerGpuHour(0)
"""The lowest bid of a host that takes any bid: $0 per GPU-hour."""
LOWEST_BID: Final = PerHour("0.001")
"""The least that any instance bids."""
HIGHEST_BID: Final = PerGpuHour(32)
"""The most that an instance bids for each of its GPUs."""


def check_bid(price: PerHour, gpus: int, floor: PerGpuHour = NO_FLOOR, path: str = "bid") -> None:
    """Refuse a bid that the market does not take.

    Args:
        price: Dollars per hour for the whole instance.
        gpus: GPUs of the instance.
        floor: The host's, dollars per GPU-hour.
        path: Where the bid stands, for the error.

    Raises:
        RuleViolation: It is below $0.001 or the floor, or above $32 per GPU.

    >>> from numgenius_core import PerGpuHour, PerHour
    >>> from numgenius_core.bids import check_bid
    >>> check_bid(PerHour("0.40"), gpus=2, floor=PerGpuHour("0.25"))
    Traceback (most recent call last):
    numgenius_core.errors.RuleViolation: bid: need 0.50 to 64.00 $/hour for 2 GPU(s), got 0.40
    """
    if price is None:  # which must never become on-demand
        raise WrongType(path, "a bid, in $/hour for the whole instance", "none")
    if type(price) is not PerHour:
        raise WrongType(path, "a PerHour for the whole instance", shown(price))
    check_kind(floor, PerGpuHour, "floor")
    check_bid_price(price, whole_number(gpus, "gpus", 1), floor, path)


def check_bid_price(price: PerHour, gpus: int, floor: PerGpuHour, path: str = "bid") -> None:
    """Refuse a bid as :func:`check_bid` does, where all that is given was checked before."""
    most = HIGHEST_BID.steps * gpus
    least = max(LOWEST_BID.steps, floor.steps * gpus)
    if not least <= price.steps <= most:
        bounds = f"{PerHour.from_steps(least)} to {PerHour.from_steps(most)}"
        raise RuleViolation(path, f"{bounds} $/hour for {gpus} GPU(s)", str(price))


def _fee(value: Exact) -> Fraction:
    return fraction(value, "prices.platform_fee", below_one=True)


@frozen(kw_only=True)
class PriceTerms:
    """The prices that a listing offers and a contract locks, as the client pays them.

    Attributes:
        gpu: On demand, dollars per GPU-hour.
        storage: Dollars per GB-month.
        upload: Dollars per GB sent.
        download: Dollars per GB received.
        min_bid: The host's floor for bids, dollars per GPU-hour.
        platform_fee: The platform's share of what the client pays for GPUs, storage and traffic, 0
            to below 1; the fee of a promise of uptime bears none.

    Raises:
        WrongType: A price in another unit than its field's, or a bare number.
        RuleViolation: A fee that is negative, or one and more.

    >>> from numgenius_core import PerGpuHour, PriceTerms
    >>> PriceTerms(gpu=PerGpuHour("0.40"), min_bid=PerGpuHour("0.25")).storage  # left out: free
    PerGbMonth('0.00')
    >>> PriceTerms.from_host(gpu=PerGpuHour("0.30"), platform_fee="0.25").gpu
    PerGpuHour('0.40')
    """

    gpu: PerGpuHour
    storage: PerGbMonth = _FREE_STORAGE
    upload: PerGb = _FREE_TRAFFIC
    download: PerGb = _FREE_TRAFFIC
    min_bid: PerGpuHour = NO_FLOOR
    platform_fee: Fraction = field(default=Fraction(0), converter=_fee)

    def __attrs_post_init__(self) -> None:
        # Written out, since a loop over the names is slower and a market has 20,000 offers.
        gpu, storage, min_bid = type(self.gpu), type(self.storage), type(self.min_bid)
        if (gpu, storage, type(self.upload), type(self.download), min_bid) != _KINDS:
            self._refuse_kind()

    def _refuse_kind(self) -> NoReturn:
        name, kind = next(
            (name, kind) for name, kind in _PRICE_KINDS if type(getattr(self, name)) is not kind
        )
        raise WrongType(f"prices.{name}", kind.__name__, shown(getattr(self, name)))

    @classmethod
    def from_host(
        cls,
        *,
        platform_fee: Exact,
        gpu: PerGpuHour,
        storage: PerGbMonth = _FREE_STORAGE,
        upload: PerGb = _FREE_TRAFFIC,
        download: PerGb = _FREE_TRAFFIC,
        min_bid: PerGpuHour = NO_FLOOR,
    ) -> Self:
        """Return the client's prices for what a *host* wants to receive.

        Each price is divided by ``1 − platform_fee`` and rounded once to a pico-dollar (measured:
        client price = host price / (1 − fee)).

        Args:
            platform_fee: The platform's share, 0 to below 1.
            gpu: What the host receives for a GPU-hour on demand.
            storage: What it receives for a GB-month.
            upload: What it receives for a GB sent.
            download: What it receives for a GB received.
            min_bid: Its floor for bids, of what it receives for a GPU-hour.

        Raises:
            WrongType: A price in another unit than its field's, or a bare number.
            RuleViolation: A fee that is not below one.
        """
        fee = fraction(platform_fee, "platform_fee", below_one=True)
        # As its own, and so are all kinds known before the first is divided.
        host = cls(gpu=gpu, storage=storage, upload=upload, download=download, min_bid=min_bid)
        up = 1 / (1 - fee)
        return cls(
            gpu=host.gpu.scaled(up),
            storage=host.storage.scaled(up),
            upload=host.upload.scaled(up),
            download=host.download.scaled(up),
            min_bid=host.min_bid.scaled(up),
            platform_fee=fee,
        )


_PRICE_KINDS: Final = (
    ("gpu", PerGpuHour),
    ("storage", PerGbMonth),
    ("upload", PerGb),
    ("download", PerGb),
    ("min_bid", PerGpuHour),
)
_KINDS: Final = tuple(kind for _, kind in _PRICE_KINDS)
PRICE_NAMES: Final = tuple(name for name, _ in _PRICE_KINDS)
"""The prices of an offer, by their names in ``PriceTerms``."""


# -- promises of uptime ------------------------------------------------------------------------

PARTS: Final = 10**9
"""Uptime, blends and credits are whole parts of this: 990,000,000 is 99 %."""
MAX_CLAIM: Final = Fraction(99_999, 100_000)
"""The highest claim that a listing takes; 100 % is nobody's to promise."""
MAX_SPREAD: Final = Fraction(3)
"""The widest spread that a listing takes."""
DEFAULT_SPREAD: Final = Fraction(1, 2)
"""The spread of a new listing that names none."""
_HIGH: Final = Fraction(32, 100)
_MEDIUM: Final = Fraction(71, 100)


class ConfidenceBand(Enum):
    """How sure a host says to be of its claim, as it is shown to clients."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


def reliability_of(
    value: Exact,
    path: str,
    need: str = "a share above 0 and at most 0.99999 with at most 9 decimals",
) -> Fraction:
    """Return a claim or a target: above 0, at most 0.99999, in whole parts of 10⁻⁹."""
    share = exact_number(value, path, need)
    if not 0 < share <= MAX_CLAIM or PARTS % share.denominator:
        raise RuleViolation(path, need, shown(value))
    return share


def _claim(value: Exact) -> Fraction:
    return reliability_of(value, "claim")


def spread_of(value: Exact, path: str = "spread") -> Fraction:
    """Return a spread: above 0, at most 3."""
    need = f"a spread above 0 and at most {MAX_SPREAD}"
    spread = exact_number(value, path, need)
    if not 0 < spread <= MAX_SPREAD:
        raise RuleViolation(path, need, shown(value))
    return spread


def max_beta_of(value: Exact, path: str = "max_beta") -> Fraction:
    """Return the largest weight of a day: above 0, below 1."""
    share = fraction(value, path, below_one=True)
    if not share:
        raise RuleViolation(path, "a share above 0 and below 1", "0")
    return share


def _max_beta(value: Exact | None) -> Fraction | None:
    return None if value is None else max_beta_of(value)


@frozen
class Promise:
    """What a host promises in a listing.

    Attributes:
        claim: The uptime it says its machine has, a share: above 0, at most 0.99999.
        spread: How wide it may be off, above 0 and at most 3. A wider spread makes the fee larger
            and never changes a credit.
        max_beta: ``sla_max_beta``, which only the marketplace's support sets: kept, not applied.

    Raises:
        WrongType: One of them is a ``float`` or no number.
        RuleViolation: One of them is out of range, or the claim has more than 9 decimals.

    >>> from numgenius_core.sla import Promise
    >>> promise = Promise("0.99")
    >>> promise.spread, promise.confidence, promise.band.value
    (Fraction(1, 2), Fraction(2, 3), 'medium')
    """

    claim: Fraction = field(converter=_claim)
    spread: Fraction = field(default=DEFAULT_SPREAD, converter=spread_of)
    max_beta: Fraction | None = field(default=None, converter=_max_beta, kw_only=True)

    @classmethod
    def of_confidence(cls, claim: Exact, confidence: Exact) -> Promise:
        """Return the promise of a claim and a confidence p, whose spread is 1 / p − 1.

        Raises:
            WrongType: One of them is a ``float`` or no number.
            RuleViolation: The claim is out of range, or the confidence below 1/4 or not below 1.
        """
        share = fraction(confidence, "confidence")
        if not Fraction(1, 4) <= share < 1:
            need = "a confidence from 0.25 to below 1"
            raise RuleViolation("confidence", need, shown(confidence))
        return cls(claim, 1 / share - 1)

    @property
    def confidence(self) -> Fraction:
        """The confidence p = 1 / (1 + σ)."""
        return 1 / (1 + self.spread)

    @property
    def band(self) -> ConfidenceBand:
        """The confidence as it is shown: high, medium or low."""
        if self.spread <= _HIGH:
            return ConfidenceBand.HIGH
        return ConfidenceBand.MEDIUM if self.spread <= _MEDIUM else ConfidenceBand.LOW

    def meets(self, target: Exact) -> bool:
        """Return whether a search for a target shows this listing: its claim is no lower.

        Raises:
            WrongType: The target is a ``float`` or no number.
            RuleViolation: It is out of range.
        """
        return reliability_of(target, "target") <= self.claim
