"""What extending a contract earns its host against letting it go and relisting.

The guide tells a host *how* to extend (G9), not *whether*. Here both choices are computed over the
time that an extension would add, under an outlook that the caller states: nothing is guessed.

Our readings: the instance extended runs all the time, as does the next one once it is let; both
store as much; traffic is left out. The host receives what the client pays less the platform's fee.
The fee is the marketplace's, not a price of the host's: where the outlook's prices name none, that
of the contract counts, so that both incomes are net. A reserved contract is extended at its
on-demand price: a prepayment must fit before the contract's end, so none is left to be discounted
unless the client prepays anew. Between the two, an income is counted to the tick.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from fractions import Fraction

from attrs import evolve, field, frozen

from numgenius_core._accrual import accrued
from numgenius_core._checks import check_kind
from numgenius_core._numbers import fraction, plain_duration, whole_seconds
from numgenius_core._tables import Tabular
from numgenius_core._tables.result import ResultTable
from numgenius_core.contracts.contract import Contract, is_later
from numgenius_core.errors import RuleViolation
from numgenius_core.intervals import Interval, utc
from numgenius_core.listing import Mode, PriceTerms
from numgenius_core.money import Money
from numgenius_core.rates import PerHour
from numgenius_core.units import Exact


def _share(value: Exact) -> Fraction:
    return fraction(value, "outlook.share")


@frozen(kw_only=True)
class Outlook:
    """What a host expects of the market after letting a contract go.

    Attributes:
        vacancy: How long the GPUs stand empty before the next client comes.
        prices: The prices at which they are let then; a platform's fee of 0 is none named, and then
            that of the contract counts.
        share: Share of the time after the vacancy in which they are let, 0 to 1.

    Raises:
        RuleViolation: A negative vacancy, or a share outside of 0 to 1.

    >>> from datetime import timedelta
    >>> from fractions import Fraction
    >>> from numgenius_core import PerGpuHour, PriceTerms
    >>> from numgenius_core.planning import Outlook
    >>> dearer = PriceTerms(gpu=PerGpuHour("2.50"))
    >>> Outlook(vacancy=timedelta(days=2), prices=dearer, share=Fraction(9, 10)).share
    Fraction(9, 10)
    """

    vacancy: timedelta
    prices: PriceTerms
    share: Fraction = field(default=Fraction(1), converter=_share)

    def __attrs_post_init__(self) -> None:
        whole_seconds(self.vacancy, "outlook.vacancy")
        object.__setattr__(self, "vacancy", plain_duration(self.vacancy, "outlook.vacancy"))
        check_kind(self.prices, PriceTerms, "outlook.prices")


@frozen(kw_only=True)
class RelistingPlan(Tabular):
    """Two choices of a host, over the time that an extension would add.

    Attributes:
        period: The time from the contract's end to the new end.
        extend: Income if the contract is extended at its last prices, undiscounted.
        relist: Income if the host lets the contract go and relists.
        break_even: The longest vacancy at which relisting still earns as much; ``None`` if it
            earns less even without any.
    """

    period: Interval
    extend: Money
    relist: Money
    break_even: timedelta | None

    @property
    def better(self) -> str:
        """``extend`` or ``relist``; a tie extends, since that income is contract."""
        return "extend" if self.extend >= self.relist else "relist"

    def _rows(self) -> Iterable[object]:
        incomes = (("extend", self.extend), ("relist", self.relist))
        return ({"choice": choice, "income": income} for choice, income in incomes)

    def table(self) -> ResultTable:
        """Return a row for each choice, with what it earns."""
        rows = [
            (f"{choice} *" if choice == self.better else choice, f"{income:.2f}")
            for choice, income in (("extend", self.extend), ("relist", self.relist))
        ]
        vacancy = "relisting earns less even if let at once"
        if self.break_even is not None:
            vacancy = f"relisting earns as much up to a vacancy of {self.break_even}"
        head = ("choice (* better)", "income $")
        return ResultTable(title=f"{self.period}: {vacancy}", head=head, rows=tuple(rows))


def extend_or_relist(contract: Contract, new_end: datetime, outlook: Outlook) -> RelistingPlan:
    """Return what extending at the old price earns a host, against relisting.

    Both incomes are what the client pays for GPUs and disk less the platform's fee, over the time
    from the contract's end to ``new_end``. The fee is the same in both where the outlook's prices
    name none. A reserved contract earns its on-demand price then: its
    deposit fit before its end and is used up, and what a client may prepay anew is not counted.

    Args:
        contract: The contract that ends.
        new_end: The end that an extension would set.
        outlook: What the host expects of the market if it lets the contract go.

    Raises:
        RuleViolation: The contract never ends, or not before ``new_end``.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Block, Contract, Mode, PerGpuHour, PriceTerms
    >>> from numgenius_core.planning import Outlook, extend_or_relist
    >>> monday = datetime(2026, 1, 5, tzinfo=UTC)
    >>> contract = Contract(
    ...     id=1, machine=7, host="hanna", client="ann", mode=Mode.ON_DEMAND,
    ...     block=Block(start=0, size=1), prices=PriceTerms(gpu=PerGpuHour("2.00")),
    ...     start=monday, end=monday + timedelta(days=10),
    ... )
    >>> market = Outlook(vacancy=timedelta(days=1), prices=PriceTerms(gpu=PerGpuHour("2.50")))
    >>> plan = extend_or_relist(contract, monday + timedelta(days=20), market)
    >>> print(plan.better, plan.extend, plan.relist, plan.break_even)
    relist 480.00 540.00 2 days, 0:00:00
    """
    check_kind(contract, Contract, "contract")
    check_kind(outlook, Outlook, "outlook")
    new_end = utc(new_end, "new_end")
    if contract.end is None or not is_later(new_end, contract.end):
        raise RuleViolation("new_end", f"later than {contract.end or 'never'}", str(new_end))
    period = Interval(contract.end, new_end)
    block = contract.block
    rate = contract.gpu_rate_at(contract.end)
    if contract.mode is Mode.RESERVED:  # the discount ends with the deposit
        rate = contract.last_prices.gpu.for_gpus(block.size)
    held = _income_a_second(contract, rate, contract.last_prices)
    held = 0 if contract.is_free_test else held
    prices = outlook.prices
    if not prices.platform_fee:  # the marketplace keeps its share of the next client's money too
        prices = evolve(prices, platform_fee=contract.last_prices.platform_fee)
    let = _income_a_second(contract, prices.gpu.for_gpus(block.size), prices)
    let_share = let * outlook.share.numerator
    held_share = held * outlook.share.denominator
    empty = min(whole_seconds(outlook.vacancy), period.seconds)
    relist = Money.from_ticks(let * (period.seconds - empty)).scaled(outlook.share)
    break_even = None
    if let_share >= held_share:
        spare = period.seconds * (let_share - held_share)
        seconds = spare // let_share if let_share else period.seconds
        break_even = timedelta(seconds=seconds)
    return RelistingPlan(
        period=period,
        extend=Money.from_ticks(held * period.seconds),
        relist=relist,
        break_even=break_even,
    )


def _income_a_second(contract: Contract, gpu: PerHour, prices: PriceTerms) -> int:
    """Return the host's income from GPUs and disk, ticks a second."""
    used = accrued(gpu, contract.block.size, 1, prices.platform_fee)
    stored = accrued(prices.storage, contract.disk_mb, 1, prices.platform_fee)
    return (used.amount - used.fee + stored.amount - stored.fee).ticks
