"""What extending a contract earns its host against letting it go and relisting.

The guide tells a host *how* to extend (G9), not *whether*. Here both choices are computed over the
time that an extension would add, under a demand that the caller states: nothing is guessed.

Our readings: the instance extended runs all the time, as does the next one once it is let; both
store as much; traffic is left out. The host receives what the client pays less the platform's fee.
Between the two, an income is counted to the tick.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction

from attrs import frozen

from numgenius_core._accrual import accrued
from numgenius_core._checks import check_kind
from numgenius_core._numbers import fraction, whole_seconds
from numgenius_core.contracts.contract import Contract, is_later
from numgenius_core.errors import RuleViolation
from numgenius_core.intervals import Interval, utc
from numgenius_core.listing import PriceTerms
from numgenius_core.money import Money
from numgenius_core.rates import PerHour


@frozen(kw_only=True)
class Outlook:
    """What a host expects of the market after letting a contract go.

    Attributes:
        vacancy: How long the GPUs stand empty before the next client comes.
        prices: At which they are let then.
        share: The part of the time after the vacancy that they are let, 0 to 1.
    """

    vacancy: timedelta
    prices: PriceTerms
    share: Fraction = Fraction(1)

    def __attrs_post_init__(self) -> None:
        whole_seconds(self.vacancy, "demand.vacancy")
        check_kind(self.prices, PriceTerms, "demand.prices")
        object.__setattr__(self, "share", fraction(self.share, "demand.share"))


@frozen(kw_only=True)
class RelistingPlan:
    """Two choices of a host, over the time that an extension would add.

    Attributes:
        period: From the contract's end to the new one.
        extend: What the host receives if the contract is extended at its last prices.
        relist: What it receives if it lets the contract go and relists.
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


def extend_or_relist(contract: Contract, new_end: datetime, demand: Outlook) -> RelistingPlan:
    """Return what extending at the old price earns against relisting under a stated demand.

    Raises:
        WrongType: Something of the wrong type.
        RuleViolation: The contract never ends, or not before ``new_end``.
    """
    check_kind(contract, Contract, "contract")
    check_kind(demand, Outlook, "demand")
    new_end = utc(new_end, "new_end")
    if contract.end is None or not is_later(new_end, contract.end):
        raise RuleViolation("new_end", f"later than {contract.end or 'never'}", str(new_end))
    period = Interval(contract.end, new_end)
    block = contract.block
    held = _income_a_second(contract, contract.gpu_rate_at(contract.end), contract.last_prices)
    held = 0 if contract.is_free_test else held
    let = _income_a_second(contract, demand.prices.gpu.for_gpus(block.size), demand.prices)
    let_share = let * demand.share.numerator
    held_share = held * demand.share.denominator
    empty = min(whole_seconds(demand.vacancy), period.seconds)
    relist = Money.from_ticks(let * (period.seconds - empty)).scaled(demand.share)
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
