"""An instance in a market: its contract, what it is doing, and the money that flows because of it.

Rule (marketplace): GPUs cost only while the instance runs, storage every second that it exists and
its machine is online; GPU time of a reserved contract is paid from its deposit. What flows each
second is worked out here once, at each event that changes it; the statement of the whole history
(:mod:`numgenius_core.billing`) is worked out by other code, and the two are the same to the tick.
"""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from functools import cached_property
from typing import Final

from attrs import frozen

from numgenius_core._accrual import accrued, discounted
from numgenius_core.bids.priority import HIGHEST_BID, Claim
from numgenius_core.billing.history import Fact, History
from numgenius_core.contracts.contract import Contract
from numgenius_core.contracts.life import InstanceState
from numgenius_core.ids import ContractId
from numgenius_core.market._ledger import NO_FLOW, Flow, Ledger
from numgenius_core.money import ZERO
from numgenius_core.rates import PerHour
from numgenius_core.units import MB_PER_GB, SECONDS_PER_HOUR, SECONDS_PER_MONTH

CLAIMS: Final = frozenset(
    {InstanceState.LOADING, InstanceState.RUNNING, InstanceState.PAUSED, InstanceState.SCHEDULING}
)
"""States in which an instance wants its GPUs."""
HOLDS: Final = frozenset({InstanceState.LOADING, InstanceState.RUNNING})
"""States in which it has them."""
OVER: Final = frozenset({InstanceState.EXPIRED, InstanceState.DESTROYED})
AFTER_ALL: Final = 2**63
"""More than any arrival: what waits for GPUs on demand comes after all that hold some."""


@frozen(kw_only=True)
class Instance:
    """An instance, and the contract it belongs to.

    Attributes:
        contract: With its present end and the rates of its extensions.
        state: What it is doing.
        arrival: Its place in the order of arrival.
        bid: Of an interruptible, the present bid for the whole instance; else ``None``.
        max_discount: The reserved discount factor locked at rental.
        label: The client's own name for it.
        auto_extension: Whether a later end of the listing extends it.
        months: Time that the last prepayment reserved, 720-hour months; 0 without one.
        discount: The share taken off the GPU price while the deposit lasts.
        deposit: What is left of the prepayments.
        rate_changes_begun: How many extensions' prices have come to apply.
        facts: All that happened to it.
        flow: Money that flows each second because of it.
    """

    contract: Contract
    state: InstanceState
    arrival: int
    bid: PerHour | None
    max_discount: Fraction
    deposit: Ledger
    label: str = ""
    auto_extension: bool = True
    months: Fraction = Fraction(0)
    discount: Fraction = Fraction(0)
    rate_changes_begun: int = 0
    facts: tuple[Fact, ...] = ()
    flow: Flow = NO_FLOW

    @property
    def id(self) -> ContractId:
        """The number of the contract and its instance."""
        return self.contract.id

    @property
    def exists(self) -> bool:
        """Whether its data is there: until it is destroyed."""
        return self.state is not InstanceState.DESTROYED

    @property
    def is_over(self) -> bool:
        """Whether its contract has ended."""
        return self.state in OVER

    @property
    def claims(self) -> bool:
        """Whether it wants its GPUs."""
        return self.state in CLAIMS

    @property
    def holds(self) -> bool:
        """Whether it keeps others from renting its GPUs on demand."""
        return self.state in HOLDS and self.bid is None

    @property
    def history(self) -> History:
        """All that happened to it, as a bill is made from."""
        return History(contract=self.contract, facts=self.facts)

    @cached_property
    def claim(self) -> Claim:
        """What it asks of its machine; a bid counts with the floor its client accepted."""
        contract = self.contract
        if self.bid is None:
            arrival = self.arrival if self.holds else self.arrival + AFTER_ALL
            return Claim.on_demand(contract.id, contract.block, arrival=arrival)
        bid = self.bid
        if self.rate_changes_begun and not contract.is_free_test:
            accepted = self.contract.rate_changes[self.rate_changes_begun - 1].prices.min_bid
            bid = max(bid, min(accepted, HIGHEST_BID).for_gpus(contract.block.size))
        return Claim.bidding(contract.id, contract.block, bid, arrival=self.arrival)

    def full_price(self, at: datetime) -> PerHour:
        """Return the on-demand price of its GPUs, dollars per hour."""
        return self.contract.prices_at(at).gpu.for_gpus(self.contract.block.size)

    def gpu_price(self, at: datetime) -> PerHour:
        """Return what its GPUs cost while they run, dollars per hour for the whole instance."""
        contract = self.contract
        if contract.is_free_test or self.bid is not None:
            return self.contract.gpu_rate_at(at, self.bid)
        full = self.full_price(at)
        return discounted(full, self.discount) if self.deposit.at(at) > ZERO else full

    def price(self, at: datetime) -> PerHour:
        """Return what it costs while it runs: GPUs and storage, half-even at 12 decimals."""
        if self.contract.is_free_test:
            return PerHour(0)
        storage = self.contract.prices_at(at).storage.scaled(
            Fraction(self.contract.disk_mb * SECONDS_PER_HOUR, MB_PER_GB * SECONDS_PER_MONTH)
        )
        return self.gpu_price(at) + PerHour.from_steps(storage.steps)

    @cached_property
    def due(self) -> datetime | None:
        """When time alone changes it next; ``None`` is never."""
        if self.is_over:
            return None
        found = [self.contract.end, self.deposit.runs_out()]
        if self.rate_changes_begun < len(self.contract.rate_changes):
            found.append(self.contract.rate_changes[self.rate_changes_begun].since)
        return min((at for at in found if at is not None), default=None)


def flow_of(instance: Instance, *, online: bool, at: datetime) -> Flow:
    """Return the money that flows each second from ``at`` on, because of an instance."""
    contract, state = instance.contract, instance.state
    if not online or state is InstanceState.DESTROYED or contract.is_free_test:
        return NO_FLOW
    prices = instance.contract.prices_at(at)
    stored = accrued(prices.storage, contract.disk_mb, 1, prices.platform_fee)
    if state is not InstanceState.RUNNING:
        return Flow(stored.amount, ZERO, stored.amount - stored.fee, stored.fee)
    used = accrued(instance.gpu_price(at), contract.block.size, 1, prices.platform_fee)
    covered = used.amount if instance.deposit.at(at) > ZERO else ZERO
    total, fee = stored.amount + used.amount, stored.fee + used.fee
    return Flow(total - covered, covered, total - fee, fee)
