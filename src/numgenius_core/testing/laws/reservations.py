"""Laws of quotes of reservations: what a market charges the client that does just so."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

from numgenius_core.ids import AccountId, ContractId, MachineId, OfferId
from numgenius_core.listing import Machine, Mode, PriceTerms
from numgenius_core.market import commands as c, execute, views
from numgenius_core.market.state import Market
from numgenius_core.money import Money
from numgenius_core.offer import Offer
from numgenius_core.prices.quotes import quote
from numgenius_core.prices.schedules import CurveSchedule
from numgenius_core.rates import PerGpuHour
from numgenius_core.testing.law import Implementation, Law, Rule, dollars, near
from numgenius_core.testing.laws.market import books_of
from numgenius_core.testing.laws.prices import factors, hourly, months
from numgenius_core.testing.strategies import EPOCH, shares
from numgenius_core.units import SECONDS_PER_MONTH

_CHARGED: Final = "a reservation costs what it will be billed, to the tick"
_SHARED: Final = "the platform keeps its fee of what the client pays; the host gets the rest"
_CREDIT: Final = Money(10**9)
_CLIENT, _HOST = AccountId("client"), AccountId("host")


class _Stay(NamedTuple):
    """A GPU, the months that its client prepays for it, and the seconds after which it leaves."""

    price: PerGpuHour
    max_discount: Fraction
    months: Fraction
    seconds: int
    fee: Fraction


_steps = hourly.map(lambda price: price.steps)
_any = st.tuples(_steps, factors, months)
# The error of a deposit that is rounded shows in the least time at the greatest discount, and where
# the discounted price, 0.7 of a half here, is itself on a tie.
_parts_of_seconds = st.tuples(
    _steps, st.just(Fraction(9, 10)), st.fractions(0, Fraction(1, 5), max_denominator=97)
)
_ties = st.integers(10**8, 10**14).map(lambda n: (10 * n + 5, Fraction(2, 5), Fraction(3)))


@st.composite
def _stays(draw: st.DrawFn) -> _Stay:
    """Draw a reservation, and a stay about as long, half of it, or longer."""
    steps, factor, time = draw(st.one_of(_any, _parts_of_seconds, _ties))
    about = time * draw(st.sampled_from([Fraction(1), Fraction(1, 2), Fraction(3, 2)]))
    length = max(1, int(about * SECONDS_PER_MONTH) + draw(st.integers(-1, 1)))
    return _Stay(PerGpuHour.from_steps(steps), factor, time, length, draw(shares))


def _charged(stay: _Stay) -> tuple[Money, Money, Money]:
    """Return what a market takes of the client, gives the host and keeps, for such a stay."""
    machine = Machine(id=MachineId(1), host=_HOST, gpu_name="GPU", gpus=1)
    terms = PriceTerms(gpu=stay.price, platform_fee=stay.fee)
    market = Market()
    for command in (
        c.AddCredit(account=_CLIENT, amount=_CREDIT),
        c.AddMachine(machine=machine),
        c.ListMachine(by=_HOST, machine=machine.id, prices=terms, max_discount=stay.max_discount),
    ):
        market, _ = execute(market, command, EPOCH)
    (offer,) = views.offers(market, EPOCH)
    rent = c.Rent(by=_CLIENT, offer=offer.id, mode=Mode.ON_DEMAND)
    market, (created, *_) = execute(market, rent, EPOCH)
    contract: ContractId = created.contract.id  # type: ignore[union-attr]  # the rental's first event
    market, _ = execute(market, c.ReportLoaded(contract=contract), EPOCH)
    deposit = CurveSchedule(stay.max_discount).deposit(offer.per_hour, stay.months)
    if deposit and stay.max_discount:
        market, _ = execute(market, c.Prepay(by=_CLIENT, contract=contract, amount=deposit), EPOCH)
    left = EPOCH + timedelta(seconds=stay.seconds)
    market, _ = execute(market, c.Destroy(by=_CLIENT, contract=contract), left)
    books = books_of(market, left)
    return _CREDIT - books.balances[_CLIENT], books.balances[_HOST], books.platform


def _as_charged(implementation: Implementation, *case: Any) -> str | None:
    found, charged = implementation(*case), _charged(_Stay(*case))
    for name, one, other in zip(("total", "payout", "fee"), found, charged, strict=True):
        if fault := near(f"the {name}", dollars(one), dollars(other), Fraction(0)):
            return fault
    return None


def _shared_out(implementation: Implementation, *case: Any) -> str | None:
    total, payout, fee = map(dollars, implementation(*case))
    return near("payout and fee", payout + fee, total, Fraction(0))


def _ours(*case: Any) -> tuple[Money, Money, Money]:
    stay = _Stay(*case)
    offer = Offer(
        id=OfferId(1),
        machine=MachineId(1),
        gpu_name="GPU",
        gpus=1,
        prices=PriceTerms(gpu=stay.price, platform_fee=stay.fee),
        max_discount=stay.max_discount,
    )
    length = timedelta(seconds=stay.seconds)
    priced = quote(offer, length, mode=Mode.RESERVED, months=stay.months)
    return priced.total, priced.payout, priced.fee


RESERVED_QUOTE: Final = Rule(
    name="reserved_quote",
    signature="(price: PerGpuHour, max_discount: Fraction, months: Fraction, seconds: int, "
    "fee: Fraction) -> (total, payout, fee), exact dollars",
    cases=_stays(),
    laws=(
        Law(name="what the market charges", sentence=_CHARGED, check=_as_charged),
        Law(name="host and platform share it", sentence=_SHARED, check=_shared_out),
    ),
    ours=_ours,
)
"""What the GPU of a client costs that prepays some months and leaves after some seconds."""
