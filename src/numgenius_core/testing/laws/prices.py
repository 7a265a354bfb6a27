"""Laws of money: charges, splits, quotes, reserved discounts, deposits and refunds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from fractions import Fraction
from typing import Any, Final, NamedTuple

from attrs import evolve
from hypothesis import strategies as st

from numgenius_core._numbers import PICO, decimal_of
from numgenius_core.money import Money
from numgenius_core.offer import Offer
from numgenius_core.prices.deposits import refund
from numgenius_core.prices.quotes import quote
from numgenius_core.prices.schedules import CurveSchedule, is_told
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.testing.law import NANO, Implementation, Law, Rule, dollars, near, number
from numgenius_core.testing.strategies import gpu_counts, offers, per_gpu_hours, seconds, shares
from numgenius_core.units import SECONDS_PER_HOUR, SECONDS_PER_MONTH

_BILLING: Final = "billing is by the second; an offer of n GPUs costs n × the per-GPU price"
_PIECES: Final = "charging a period in pieces must total what charging it whole totals"

# -- charges -----------------------------------------------------------------------------------


def _price_by_time(
    implementation: Implementation, price: PerGpuHour, gpus: int, length: int
) -> str | None:
    exact = Fraction(price.steps * gpus * length, PICO * SECONDS_PER_HOUR)
    return near("the charge", dollars(implementation(price, gpus, length)), exact)


def _in_pieces(
    implementation: Implementation, price: PerGpuHour, gpus: int, length: int
) -> str | None:
    whole = dollars(implementation(price, gpus, length))
    first = length // 3
    pieces = dollars(implementation(price, gpus, first))
    pieces += dollars(implementation(price, gpus, length - first))
    return near(f"the sum of {first} s and {length - first} s", pieces, whole, Fraction(0))


CHARGE: Final = Rule(
    name="charge",
    signature="(price: PerGpuHour, gpus: int, seconds: int) -> exact dollars",
    cases=st.tuples(per_gpu_hours, gpu_counts, seconds),
    laws=(
        Law(name="price × GPUs × time", sentence=_BILLING, check=_price_by_time),
        Law(name="pieces total the whole", sentence=_PIECES, check=_in_pieces),
    ),
    ours=lambda price, gpus, length: price.charge(gpus, length),
)
"""What GPUs cost for a time, unrounded."""


# -- splitting an amount -----------------------------------------------------------------------

_CENTS: Final = "money is exact: parts of an amount add up to it, in proportion, to the cent"


def _adds_up(implementation: Implementation, amount: Money, weights: Sequence[int]) -> str | None:
    parts = [dollars(part) for part in implementation(amount, weights)]
    if len(parts) != len(weights):
        return f"{len(parts)} parts for {len(weights)} weights"
    odd = [part for part in parts if (part * 100).denominator != 1]
    if odd:
        return f"{odd[0]} is no whole cent"
    return near("the sum of the parts", sum(parts, Fraction(0)), dollars(amount), Fraction(0))


def _in_proportion(
    implementation: Implementation, amount: Money, weights: Sequence[int]
) -> str | None:
    for part, weight in zip(implementation(amount, weights), weights, strict=True):
        exact = dollars(amount) * weight / sum(weights)
        if abs(dollars(part) - exact) >= Fraction(1, 100):
            return f"the part of weight {weight} is a cent or more from {exact}"
    return None


SPLIT: Final = Rule(
    name="split",
    signature="(amount: Money, weights: Sequence[int]) -> Sequence[whole cents as dollars]",
    cases=st.tuples(
        st.integers(-(10**6), 10**6).map(lambda cents: Money(decimal_of(cents, 2))),
        st.lists(st.integers(0, 100), min_size=1, max_size=6).filter(any).map(tuple),
    ),
    laws=(
        Law(name="the parts add up", sentence=_CENTS, check=_adds_up),
        Law(name="in proportion", sentence=_CENTS, check=_in_proportion),
    ),
    ours=lambda amount, weights: amount.allocate(weights),
)
"""An amount of whole cents, shared in proportion to weights."""


# -- quotes ------------------------------------------------------------------------------------

_TOTAL: Final = "dph_total = dph_base + storage_cost · disk_GB / 720, and traffic by the GB"
_MONTH: Final = "the marketplace's month is 720 hours in every price"


class _Stay(NamedTuple):
    """An offer, seconds, MB of disk, bytes sent and bytes received."""

    offer: Offer
    seconds: int
    disk: int
    sent: int
    received: int


@st.composite
def _stays(draw: st.DrawFn) -> _Stay:
    """Draw any offer and stay."""
    length = draw(seconds.filter(bool))
    disk = draw(st.integers(0, 10**6))
    traffic = draw(st.integers(0, 10**12)), draw(st.integers(0, 10**12))
    return _Stay(draw(offers()), length, disk, *traffic)


def _line_by_line(implementation: Implementation, *case: Any) -> str | None:
    stay = _Stay(*case)
    hours, prices = Fraction(stay.seconds, SECONDS_PER_HOUR), stay.offer.prices
    exact = (
        dollars(prices.gpu) * stay.offer.gpus * hours
        + dollars(prices.storage) * Fraction(stay.disk, 1_000) * hours / 720
        + dollars(prices.upload) * Fraction(stay.sent, 10**9)
        + dollars(prices.download) * Fraction(stay.received, 10**9)
    )
    return near("the total", dollars(implementation(*case)), exact)


def _a_month_of_disk(implementation: Implementation, *case: Any) -> str | None:
    stay = _Stay(*case)._replace(seconds=SECONDS_PER_MONTH)
    without = dollars(implementation(*stay._replace(disk=0)))
    exact = dollars(stay.offer.prices.storage) * Fraction(stay.disk, 1_000)
    return near("720 hours of the disk", dollars(implementation(*stay)) - without, exact, NANO)


def _gpus_are_linear(implementation: Implementation, *case: Any) -> str | None:
    stay = _Stay(*case)
    more = evolve(stay.offer, gpus=stay.offer.gpus + 1, gpus_in_machine=None, block=None)
    step = dollars(implementation(*stay._replace(offer=more))) - dollars(implementation(*stay))
    exact = dollars(stay.offer.prices.gpu) * Fraction(stay.seconds, SECONDS_PER_HOUR)
    return near("one GPU more", step, exact, NANO)


def _our_quote(*case: Any) -> Money:
    stay = _Stay(*case)
    return quote(
        stay.offer,
        timedelta(seconds=stay.seconds),
        disk=decimal_of(stay.disk, 3),
        upload=decimal_of(stay.sent, 9),
        download=decimal_of(stay.received, 9),
    ).total


QUOTE: Final = Rule(
    name="quote",
    signature="(offer: Offer, seconds: int, disk_mb: int, sent: int, received: int) "
    "-> dollars, exact or to the nano-dollar",
    cases=_stays(),
    laws=(
        Law(name="GPUs, disk and traffic", sentence=_TOTAL, check=_line_by_line),
        Law(name="a month is 720 hours", sentence=_MONTH, check=_a_month_of_disk),
        Law(name="GPU prices are linear", sentence=_BILLING, check=_gpus_are_linear),
    ),
    ours=_our_quote,
)
"""What a stay on demand costs, all in."""


# -- reserved discounts ------------------------------------------------------------------------

_CURVE: Final = "d(m) = D · m / (m + 1), m = months prepaid (720 h), D = the listing's factor"
_MAXIMUM: Final = "the reserved discount factor is the maximum discount; 0 opts out"
_GROWS: Final = "the discount grows with the rental time"
_PREPAID: Final = "the deposit pays for m months at the discounted rate: A = 720·r·m·(1 − d(m))"
_QUOTED: Final = (
    "the deposit of whole seconds, rounded to a nano-dollar, buys exactly these seconds, where "
    "half of one costs a nano-dollar or more"
)

months: Final[st.SearchStrategy[Fraction]] = st.one_of(
    st.sampled_from([Fraction(0), Fraction(1), Fraction(3), Fraction(6)]),
    st.fractions(0, 60, max_denominator=720),
)
factors: Final[st.SearchStrategy[Fraction]] = st.sampled_from([Fraction(2, 5)]) | shares
hourly: Final[st.SearchStrategy[PerHour]] = st.integers(10**9, 10**15).map(PerHour.from_steps)
_CLOSE: Final = Fraction(1, 10**9)


def _on_the_curve(implementation: Implementation, factor: Fraction, months: Fraction) -> str | None:
    exact = factor * months / (months + 1)
    return near("the discount", number(implementation(factor, months)), exact, _CLOSE)


def _below_the_factor(
    implementation: Implementation, factor: Fraction, months: Fraction
) -> str | None:
    found = number(implementation(factor, months))
    if not 0 <= found <= factor:
        return f"the discount {found} is not from 0 to {factor}"
    return None


def _more_for_longer(
    implementation: Implementation, factor: Fraction, months: Fraction
) -> str | None:
    now, later = (number(implementation(factor, months + k)) for k in (0, 1))
    if later < now or (factor and later == now):
        return f"a month more earns {later}, not more than {now}"
    return None


RESERVED: Final = Rule(
    name="reserved",
    signature="(max_discount: Fraction, months: Fraction) -> share of the GPU price",
    cases=st.tuples(factors, months),
    laws=(
        Law(name="the curve", sentence=_CURVE, check=_on_the_curve),
        Law(name="at most the factor", sentence=_MAXIMUM, check=_below_the_factor),
        Law(name="longer is cheaper", sentence=_GROWS, check=_more_for_longer),
    ),
    ours=lambda factor, months: CurveSchedule(factor).discount(months),
)
"""The reserved discount of a number of months."""


def _pays_the_months(
    implementation: Implementation, price: PerHour, factor: Fraction, months: Fraction
) -> str | None:
    exact = 720 * dollars(price) * months * (1 - factor * months / (months + 1))
    return near("the deposit", dollars(implementation(price, factor, months)), exact)


def _longer_costs_more(
    implementation: Implementation, price: PerHour, factor: Fraction, months: Fraction
) -> str | None:
    now, later = (dollars(implementation(price, factor, months + k)) for k in (0, 1))
    return None if later > now else f"a month more costs {later}, not more than {now}"


DEPOSIT: Final = Rule(
    name="deposit",
    signature="(price: PerHour, max_discount: Fraction, months: Fraction) -> dollars",
    cases=st.tuples(hourly, factors, months),
    laws=(
        Law(name="the discounted rate for the time", sentence=_PREPAID, check=_pays_the_months),
        Law(name="longer costs more", sentence=_PREPAID, check=_longer_costs_more),
    ),
    ours=lambda price, factor, months: CurveSchedule(factor).deposit(price, months),
)
"""What prepaying some months costs."""


def _buys_its_months(
    implementation: Implementation, price: PerHour, factor: Fraction, deposit: Money
) -> str | None:
    months = number(implementation(price, factor, deposit))
    if months < 0:
        return f"{months} months"
    cost = 720 * dollars(price) * months * (1 - factor * months / (months + 1))
    within = NANO + dollars(deposit) * _CLOSE
    return near(f"what {float(months):.9g} months cost", cost, dollars(deposit), within)


def _twice_buys_more(
    implementation: Implementation, price: PerHour, factor: Fraction, deposit: Money
) -> str | None:
    once, twice = (number(implementation(price, factor, deposit * n)) for n in (1, 2))
    if twice < 2 * once - _CLOSE:
        return (
            f"twice the deposit buys {float(twice):.9g} months, less than twice {float(once):.9g}"
        )
    return None


@st.composite
def _deposits(draw: st.DrawFn) -> tuple[PerHour, Fraction, Money]:
    """Draw a price, a factor and a deposit: twice as much buys a hundred years at most."""
    price, factor = draw(hourly), draw(factors)
    most = min(5 * 365 * 24, int(600 * 720 * (1 - factor)))
    return price, factor, price.charge(draw(st.integers(1, most)) * SECONDS_PER_HOUR)


def _buys_what_is_quoted(
    implementation: Implementation, price: PerHour, factor: Fraction, deposit: Money
) -> str | None:
    near_by = number(implementation(price, factor, deposit)) * SECONDS_PER_MONTH
    length = max(1, round(near_by))
    months = Fraction(length, SECONDS_PER_MONTH)
    if not is_told(price, factor, months):
        return None  # several seconds may have one deposit
    cost = 720 * dollars(price) * months * (1 - factor * months / (months + 1))
    quoted = Money(decimal_of(round(cost * 10**9), 9))
    bought = number(implementation(price, factor, quoted)) * SECONDS_PER_MONTH
    return None if bought == length else f"${quoted}, quoted for {length} s, buys {bought} s"


MONTHS: Final = Rule(
    name="months",
    signature="(price: PerHour, max_discount: Fraction, deposit: Money) -> months, exact number",
    cases=_deposits(),
    laws=(
        Law(name="the months cost the deposit", sentence=_PREPAID, check=_buys_its_months),
        Law(name="twice buys at least twice", sentence=_GROWS, check=_twice_buys_more),
        Law(name="a quoted deposit buys its time", sentence=_QUOTED, check=_buys_what_is_quoted),
    ),
    ours=lambda price, factor, deposit: CurveSchedule(factor).months(price, deposit),
)
"""The months that a deposit buys: the inverse of the deposit."""


# -- refunds -----------------------------------------------------------------------------------

_EARLY: Final = "refund = max(0, remaining deposit − 1.05 × discount received so far)"
_BROKEN: Final = "if the machine breaks its agreement, the whole remaining deposit comes back"


class _Cancelled(NamedTuple):
    """A reservation that ended: its price on demand, and whether the machine broke it."""

    price: PerHour
    discount: Fraction
    deposit: Money
    used: int
    broken: bool

    def parts(self) -> tuple[Fraction, Fraction]:
        """Return what remains of the deposit, and the discount received."""
        hours = Fraction(self.used, SECONDS_PER_HOUR)
        paid = dollars(self.price.scaled(1 - self.discount)) * hours
        remaining = max(Fraction(0), dollars(self.deposit) - paid)
        return remaining, dollars(self.price) * hours - paid


@st.composite
def _reservations(draw: st.DrawFn) -> _Cancelled:
    """Draw a reservation that ended, early or late."""
    price, discount = draw(hourly), draw(shares)
    deposit = price.scaled(1 - discount).charge(draw(st.integers(0, 365 * 86_400)))
    used = draw(st.integers(0, 400 * 86_400))
    return _Cancelled(price, discount, deposit, used, draw(st.booleans()))


def _takes_back_the_discount(implementation: Implementation, *case: Any) -> str | None:
    ended = _Cancelled(*case)
    if ended.broken:
        return None
    remaining, received = ended.parts()
    exact = max(Fraction(0), remaining - Fraction(21, 20) * received)
    return near("the refund", dollars(implementation(*case)), exact)


def _all_comes_back(implementation: Implementation, *case: Any) -> str | None:
    ended = _Cancelled(*case)._replace(broken=True)
    remaining, _ = ended.parts()
    return near("the refund of a broken agreement", dollars(implementation(*ended)), remaining)


def _our_refund(*case: Any) -> Money:
    ended = _Cancelled(*case)
    return refund(*ended[:4], broken=ended.broken).refund


REFUND: Final = Rule(
    name="refund",
    signature="(price: PerHour, discount: Fraction, deposit: Money, seconds_used: int, "
    "broken: bool) -> dollars",
    cases=_reservations(),
    laws=(
        Law(name="less the discount and 5 %", sentence=_EARLY, check=_takes_back_the_discount),
        Law(name="all of it from a broken machine", sentence=_BROKEN, check=_all_comes_back),
    ),
    ours=_our_refund,
)
"""What comes back when a reservation ends early."""
