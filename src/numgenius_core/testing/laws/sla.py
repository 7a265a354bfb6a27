"""Laws of promises of uptime: what any fee, credit and settlement keeps, whatever its formula.

The formulas are not published, so no law has one; of numbers, only the published ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final, NamedTuple

from attrs import evolve
from hypothesis import strategies as st

from numgenius_core._numbers import PICO
from numgenius_core._terms import PARTS, Promise
from numgenius_core.intervals import Interval
from numgenius_core.rates import PerHour
from numgenius_core.sla.covers import Cover, cover
from numgenius_core.sla.history import Outage, UptimeHistory
from numgenius_core.sla.schedules import OUR_RULES
from numgenius_core.sla.settlement import settle
from numgenius_core.sla.terms import SlaTerms
from numgenius_core.testing.law import NANO, Implementation, Law, Rule, dollars, near, number
from numgenius_core.testing.promise_values import promises, uptime_histories
from numgenius_core.testing.strategies import shares

_DAY: Final = timedelta(days=1)
_parts = st.one_of(
    st.sampled_from([500_000_000, 900_000_000, 950_000_000, 990_000_000, 999_990_000]),
    st.integers(1, 999_990_000),
)
_spreads = st.sampled_from(["0.1", "0.32", "0.5", "0.71", "1", "3"]).map(Fraction)
_STEP: Final = Fraction(1, PICO)
"""A price step: the platform's part of a price is rounded to one."""
_hourly = st.integers(10**9, 10**14).map(PerHour.from_steps)


def _share(parts: int) -> Fraction:
    return Fraction(parts, PARTS)


# -- fees --------------------------------------------------------------------------------------

_FEE: Final = "the fee grows with the target and the spread, and falls with the claim"
_NEAR: Final = "near the claim the fee is much higher"
_ANCHOR: Final = "$3.50 an hour, claim 99 %, spread 0.5, target 95 %: about $0.04/h ($0.97 a day)"


def _asked(implementation: Implementation, claim: int, spread: Fraction, target: int) -> Fraction:
    return number(implementation(_share(claim), spread, _share(target)))


def _not_negative(implementation: Implementation, *case: Any) -> str | None:
    found = _asked(implementation, *case)
    return None if found >= 0 else f"the fee is {found} of the price"


def _between(target: int, claim: int) -> tuple[int, ...]:
    """Return a target, its claim and a few between them: the ends alone show little."""
    return tuple(sorted({target + (claim - target) * part // 8 for part in range(9)}))


def _grows_with_the_target(
    implementation: Implementation, claim: int, spread: Fraction, target: int
) -> str | None:
    targets = _between(target, claim)
    fees = [_asked(implementation, claim, spread, each) for each in targets]
    for (low, high), higher in zip(pairwise(fees), targets[1:], strict=True):
        if high < low:
            return f"a target of {higher / PARTS} is cheaper than a lower one"
    return None


def _falls_with_the_claim(
    implementation: Implementation, claim: int, spread: Fraction, target: int
) -> str | None:
    claims = _between(target, claim)
    fees = [_asked(implementation, each, spread, target) for each in claims]
    for (low, high), higher in zip(pairwise(fees), claims[1:], strict=True):
        if high > low:
            return f"a claim of {higher / PARTS} is dearer than a lower one"
    return None


def _grows_with_the_spread(
    implementation: Implementation, claim: int, spread: Fraction, target: int
) -> str | None:
    spreads = [spread * part / 4 for part in (1, 2, 3, 4)]
    fees = [_asked(implementation, claim, each, target) for each in spreads]
    for (narrow, wide), wider in zip(pairwise(fees), spreads[1:], strict=True):
        if wide < narrow:
            return f"a spread of {wider} is cheaper than a narrower one"
    return None


def _much_higher(implementation: Implementation, *_: Any) -> str | None:
    far, close = (
        _asked(implementation, 99 * 10**7, Fraction(1, 2), n) for n in (950_000_000, 990_000_000)
    )
    return None if close >= 2 * far else "a target at the claim is not twice one far below it"


def _published_fee(implementation: Implementation, *_: Any) -> str | None:
    share = _asked(implementation, 99 * 10**7, Fraction(1, 2), 95 * 10**7)
    return near("a day of the fee", 84 * share, Fraction(97, 100), Fraction(1, 100))


@st.composite
def _fees(draw: st.DrawFn) -> tuple[int, Fraction, int]:
    """Draw a claim, a spread and a target of at most the claim."""
    target, claim = sorted((draw(_parts), draw(_parts)))
    return claim, draw(_spreads), target


def _our_fee(claim: Fraction, spread: Fraction, target: Fraction) -> Fraction:
    return OUR_RULES.fee.factor(SlaTerms(Promise(claim, spread), target))


SLA_FEE: Final = Rule(
    name="sla_fee",
    signature="(claim: Fraction, spread: Fraction, target: Fraction) -> share of the price",
    cases=_fees(),
    laws=(
        Law(name="never negative", sentence=_FEE, check=_not_negative),
        Law(name="a higher target is dearer", sentence=_FEE, check=_grows_with_the_target),
        Law(name="a higher claim is cheaper", sentence=_FEE, check=_falls_with_the_claim),
        Law(name="a wider spread is dearer", sentence=_FEE, check=_grows_with_the_spread),
        Law(name="much higher at the claim", sentence=_NEAR, check=_much_higher),
        Law(name="the published fee", sentence=_ANCHOR, check=_published_fee),
    ),
    ours=_our_fee,
)
"""What a promise costs, as a share of the covered price; cases are in parts of 10⁻⁹."""


# -- credits -----------------------------------------------------------------------------------

_CREDIT: Final = "blend at or above the target: no credit; below: it grows with the shortfall"
_CAP: Final = "a credit is at most that day's covered compute"
_DAY_OF_84: Final = "target 95 %, $84 a day: 97 % → 0; 93–94 % → about 42; 90 % and less → 84"


def _credit(implementation: Implementation, target: int, blend: int) -> Fraction:
    return number(implementation(_share(target), _share(blend)))


def _nothing_at_the_target(implementation: Implementation, target: int, blend: int) -> str | None:
    for each in (target, max(target, blend), PARTS):
        if _credit(implementation, target, each):
            return f"a blend of {each / PARTS} is not below {target / PARTS} and pays"
    return None


def _more_for_less(implementation: Implementation, target: int, blend: int) -> str | None:
    below = min(blend, target)
    just_below = (target - target * part // 200 for part in range(20))
    blends = sorted({0, below // 2, below, *just_below})
    credits_ = [_credit(implementation, target, each) for each in blends]
    for (less, more), higher in zip(pairwise(credits_), blends[1:], strict=True):
        if more > less:
            return f"a blend of {higher / PARTS} pays more than a lower one"
    return None if credits_[0] > 0 else "a day of no uptime pays nothing"


def _at_most_the_day(implementation: Implementation, target: int, blend: int) -> str | None:
    found = _credit(implementation, target, blend)
    return None if 0 <= found <= 1 else f"the credit is {found} of the day"


def _published_credits(implementation: Implementation, *_: Any) -> str | None:
    for blend, least, most in ((97, 0, 0), (94, 36, 48), (93, 36, 48), (90, 84, 84), (40, 84, 84)):
        found = 84 * _credit(implementation, 95 * 10**7, blend * 10**7)
        if not least <= found <= most:
            return f"a blend of {blend} % pays ${float(found):.2f} of $84"
    return None


SLA_CREDIT: Final = Rule(
    name="sla_credit",
    signature="(target: Fraction, blend: Fraction) -> share of the day's covered compute",
    cases=st.tuples(_parts, st.integers(0, PARTS)),
    laws=(
        Law(name="nothing at the target", sentence=_CREDIT, check=_nothing_at_the_target),
        Law(name="more for less uptime", sentence=_CREDIT, check=_more_for_less),
        Law(name="at most the day", sentence=_CAP, check=_at_most_the_day),
        Law(name="the published credits", sentence=_DAY_OF_84, check=_published_credits),
    ),
    ours=lambda target, blend: (
        Fraction(OUR_RULES.credit.share_parts(int(target * PARTS), int(blend * PARTS)), PARTS)
        if blend < target
        else 0
    ),
)
"""What a day pays back, by the target alone; cases are in parts of 10⁻⁹."""


# -- settlements -------------------------------------------------------------------------------

_ESCROW: Final = "in = credits + releases, to the tick; all flows are zero or more"
_BILLED: Final = "during an outage compute, storage and the fee are billed for the intended day"
_NET: Final = "the client's compute, net of the platform fee, and the fee go into the escrow"
_SHARED: Final = (
    "a credit is of the client's price; what exceeds the host's net share of a day the platform "
    "returns from its own fee (our reading)"
)
_ALONE: Final = "the credit depends on the target alone, not on the claim or the spread"
_ONCE: Final = "settlement is once per day of UTC: splitting it at a midnight changes nothing"
_NOTICE: Final = "announced maintenance counts in part as uptime, never wholly"


class _Flows(NamedTuple):
    """A day, in dollars."""

    compute: Fraction
    fee: Fraction
    credit: Fraction
    net: Fraction
    to_client: Fraction
    to_host: Fraction


_Case = tuple[Cover, UptimeHistory, int]


def _flows(implementation: Implementation, *case: Any) -> list[_Flows]:
    return [_Flows(*map(dollars, row)) for row in implementation(*case)]


def _credits(implementation: Implementation, bought: Cover, history: UptimeHistory) -> Fraction:
    return sum((day.credit for day in _flows(implementation, bought, history, 0)), Fraction(0))


def _in_is_out(implementation: Implementation, *case: Any) -> str | None:
    held = Fraction(0)
    for index, day in enumerate(_flows(implementation, *case)):
        if min(day) < 0:
            return f"a flow of day {index} is negative"
        held += day.net + day.fee - day.to_client - day.to_host
        if held < 0:
            return f"after day {index} more has left the escrow than came in"
    return near("what is left in the escrow", held, Fraction(0), Fraction(0))


def _net_goes_in(
    implementation: Implementation, bought: Cover, history: UptimeHistory, _: int
) -> str | None:
    hours = Fraction(history.rented_seconds, 3_600)
    net = sum((day.net for day in _flows(implementation, bought, history, 0)), Fraction(0))
    kept = dollars(bought.compute) * (1 - bought.platform_fee) * hours
    return near("the compute that goes into the escrow", net, kept, _STEP * hours + NANO)


def _credits_are_paid(implementation: Implementation, *case: Any) -> str | None:
    for index, day in enumerate(_flows(implementation, *case)):
        what = f"what the escrow pays of the credit of day {index}"
        if (fault := near(what, day.to_client, min(day.credit, day.net))) is not None:
            return fault
    return None


def _capped(implementation: Implementation, *case: Any) -> str | None:
    for index, day in enumerate(_flows(implementation, *case)):
        if day.credit > day.compute:
            return f"the credit of day {index} is more than its compute"
    return None


def _billed_through(
    implementation: Implementation, bought: Cover, history: UptimeHistory, _: int
) -> str | None:
    days = _flows(implementation, bought, history, 0)
    hours = Fraction(history.rented_seconds, 3_600)
    for name, price in (("compute", bought.compute), ("fee", bought.fee)):
        found = sum((getattr(day, name) for day in days), Fraction(0))
        fault = near(f"the {name} of all days", found, dollars(price) * hours, Fraction(0))
        if fault is not None:
            return fault
    return None


def _no_outage_no_credit(
    implementation: Implementation, bought: Cover, history: UptimeHistory, _: int
) -> str | None:
    paid = _credits(implementation, bought, evolve(history, outages=()))
    return f"a machine that was never down pays ${float(paid):.2f}" if paid else None


def _by_the_target_alone(
    implementation: Implementation, bought: Cover, history: UptimeHistory, _: int
) -> str | None:
    target = bought.terms.target
    other = evolve(bought, terms=SlaTerms(Promise(target, 3), target))
    one, another = (_credits(implementation, each, history) for each in (bought, other))
    what = "the credit under a lower claim and a wider spread"
    return near(what, another, one, Fraction(0))


def _in_two_pieces(
    implementation: Implementation, bought: Cover, history: UptimeHistory, midnight: int
) -> str | None:
    whole = _flows(implementation, bought, history, 0)
    pieces = _flows(implementation, bought, history, midnight)
    return None if whole == pieces else f"settled in two at midnight {midnight}, a day differs"


def _notice_helps_in_part(
    implementation: Implementation, bought: Cover, history: UptimeHistory, _: int
) -> str | None:
    silent = tuple(evolve(each, announced=None) for each in history.outages)
    told = tuple(evolve(each, announced=each.period.start - 30 * _DAY) for each in silent)
    without, with_ = (
        _credits(implementation, bought, evolve(history, outages=each)) for each in (silent, told)
    )
    if with_ > without:
        return "announcing the outages makes the credits larger"
    if bought.terms.target < Fraction(1, 2):  # so low a target, a part of uptime may reach
        return None
    at = history.rentals[0].start
    dead = Outage(period=Interval(at, at + 400 * _DAY), announced=at - 400 * _DAY)
    if _credits(implementation, bought, evolve(history, outages=(dead,))):
        return None
    return "a machine that was down for all of it, announced, pays nothing"


@st.composite
def _settlements(draw: st.DrawFn) -> _Case:
    """Draw a contract of up to twelve days, its outages, and a midnight within."""
    promise = draw(promises)
    target = min(_share(draw(_parts)), promise.claim)
    bought = cover(SlaTerms(promise, target), draw(_hourly), platform_fee=draw(shares))
    return bought, draw(uptime_histories()), draw(st.integers(0, 12))


def _our_settlement(
    bought: Cover, history: UptimeHistory, midnight: int
) -> Iterable[tuple[Any, ...]]:
    """Settle a contract, in two pieces at a midnight after its first day if one is given."""
    days = settle(bought, history).days
    if 0 < midnight < len(days):
        first = days[0].day
        middle, end = first + midnight * _DAY, first + len(days) * _DAY
        before = settle(bought, history, period=Interval(first, middle), close=False)
        after = settle(bought, history, period=Interval(middle, end), state=before.state)
        days = before.days + after.days
    for day in days:
        paid = (day.compute, day.fee, day.credit)
        yield (*paid, day.compute_to_escrow, day.escrow_to_client, day.escrow_to_host)


SLA_SETTLEMENT: Final = Rule(
    name="sla_settlement",
    signature="(cover: Cover, history: UptimeHistory, midnight: int, 0 for one piece) -> for each "
    "day: compute, fee, credit, compute to escrow, escrow to client, escrow to host, as dollars",
    cases=_settlements(),
    laws=(
        Law(name="in is out", sentence=_ESCROW, check=_in_is_out),
        Law(name="net of the platform's share", sentence=_NET, check=_net_goes_in),
        Law(name="credits are paid", sentence=_SHARED, check=_credits_are_paid),
        Law(name="no credit above the day", sentence=_CAP, check=_capped),
        Law(name="billed through outages", sentence=_BILLED, check=_billed_through),
        Law(name="no outage, no credit", sentence=_CREDIT, check=_no_outage_no_credit),
        Law(name="by the target alone", sentence=_ALONE, check=_by_the_target_alone),
        Law(name="two pieces are the whole", sentence=_ONCE, check=_in_two_pieces),
        Law(name="notice helps, in part", sentence=_NOTICE, check=_notice_helps_in_part),
    ),
    ours=_our_settlement,
)
"""What comes due for one contract, day by day."""
