"""An instance in a market: its contract, what it is doing, and the money that flows because of it.

Rule (marketplace): GPUs cost only while the instance runs, storage every second that it exists and
its machine is online; where a promise of uptime was bought both go on through an outage while it
runs. GPU time of a reserved contract is paid from its deposit. What flows each second is worked out
here once, at each event that changes it; the statement of the whole history
(:func:`numgenius_core.billing.statement`) goes through that history, and the two are the same to
the tick.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from fractions import Fraction
from functools import lru_cache, partial
from math import lcm
from typing import Any, Final

from attrs import NOTHING, evolve, field, fields, frozen

from numgenius_core._accrual import accrued, discounted
from numgenius_core._terms import HIGHEST_BID
from numgenius_core.bids.priority import Claim
from numgenius_core.billing.history import Fact, History
from numgenius_core.contracts.contract import Contract
from numgenius_core.contracts.life import InstanceState
from numgenius_core.contracts.promises import promise_fee
from numgenius_core.errors import RuleViolation, brief
from numgenius_core.ids import ContractId, VolumeId
from numgenius_core.listing import PriceTerms
from numgenius_core.market._copying import copier, copier_of, maker
from numgenius_core.market._ledger import NO_FLOW, Flow, Ledger, ticks_at
from numgenius_core.market._persistent import Series
from numgenius_core.market.promise import PromiseState
from numgenius_core.money import ZERO
from numgenius_core.rates import PerGbMonth, PerHour
from numgenius_core.units import MB_PER_GB, SECONDS_PER_HOUR, SECONDS_PER_MONTH

# Kept here, since looking a state up in its enumeration takes as long as a call.
RUNNING: Final = InstanceState.RUNNING
SCHEDULING: Final = InstanceState.SCHEDULING
DESTROYED: Final = InstanceState.DESTROYED
CLAIMS: Final = frozenset(
    {InstanceState.LOADING, InstanceState.RUNNING, InstanceState.PAUSED, InstanceState.SCHEDULING}
)
"""States in which an instance wants its GPUs."""
HOLDS: Final = frozenset({InstanceState.LOADING, InstanceState.RUNNING})
"""States in which it has them."""
WAITING: Final = CLAIMS - HOLDS
"""States in which it waits for them."""
OVER: Final = frozenset({InstanceState.EXPIRED, InstanceState.DESTROYED})
AFTER_ALL: Final = 2**63
"""More than any arrival: what waits for GPUs on demand comes after all that hold some."""


_WHOLE: Final = lcm(*range(1, 17))  # of up to 16 GPUs, the price of one is a whole number of these
_EACH: Final = [0, *(_WHOLE // gpus for gpus in range(1, 17))]
ON_DEMAND: Final = -(HIGHEST_BID.steps + 1) * _WHOLE
"""Level of a claim on demand: stands before every bid."""
LAST: Final = 0
"""Level of a host's free test: a bid of nothing would be as low, and none is."""


def level_of(price: int, gpus: int = 1) -> int | Fraction:
    """Return the level of a bid of so many price steps for so many GPUs: the higher, the lower."""
    return -price * _EACH[gpus] if gpus <= 16 else Fraction(-price * _WHOLE, gpus)


Entry = tuple[int | Fraction, int, ContractId, int]
"""A claim in the order of priority: the smallest comes first. A plain tuple: it is compared, and
taken apart, by every command.

Its level is the price of a GPU, exact and negative; on demand before the highest bid. A host's free
test has 0: it comes after every bid, as its default job does. Then its place in the order of
arrival, whose claim it is, and its block as bits.
"""


def _series(facts: Sequence[Fact]) -> Series[Fact]:
    return facts if isinstance(facts, Series) else Series(facts)


# No ``cached_property`` here: attrs gives a slotted class a ``__getattr__`` for it, and then each
# look at any of its fields takes several times as long.
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
        increase: The number of the price increase that waits for its client; 0 without one.
        volumes: Those it has attached.
        promise: Its promise of uptime while that is in force; ``None`` without one.
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
    increase: int = 0
    volumes: tuple[VolumeId, ...] = field(default=(), repr=brief)
    promise: PromiseState | None = None
    facts: Sequence[Fact] = field(default=Series(), converter=_series, repr=brief)
    flow: Flow = NO_FLOW
    _entry: Entry | None = field(init=False, eq=False, repr=False, default=None)

    def __attrs_post_init__(self) -> None:
        """Refuse prices that no extension has agreed."""
        most = len(self.contract.rate_changes)
        if not 0 <= self.rate_changes_begun <= most:
            raise RuleViolation("rate_changes_begun", f"0 to {most}", str(self.rate_changes_begun))

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
        return self.bid is None and self.state in HOLDS and not self.contract.is_free_test

    @property
    def yields(self) -> bool:
        """Whether it gives way to what is rented on demand: a bid, or a host's free test."""
        return self.bid is not None or self.contract.is_free_test

    @property
    def history(self) -> History:
        """All that happened to it, as a bill is made from."""
        return History(contract=self.contract, facts=tuple(self.facts))

    @property
    def prices(self) -> PriceTerms:
        """The prices that apply to it now."""
        begun = self.rate_changes_begun
        return self.contract.rate_changes[begun - 1].prices if begun else self.contract.prices

    @property
    def paid_bid(self) -> PerHour | None:
        """What an interruptible pays for its GPUs: its bid, or the floor its client accepted."""
        bid = self.bid
        if bid is None or not self.rate_changes_begun:
            return bid
        return max(bid, self.prices.min_bid.for_gpus(self.contract.block.size))

    @property
    def competing_bid(self) -> PerHour | None:
        """The bid with which it competes: its own, or the floor that its client accepted."""
        bid = self.bid
        if bid is None or not self.rate_changes_begun:
            return bid
        return max(bid, min(self.prices.min_bid, HIGHEST_BID).for_gpus(self.contract.block.size))

    @property
    def claim(self) -> Claim:
        """What it asks of its machine; a bid counts with the floor its client accepted."""
        contract, bid = self.contract, self.competing_bid
        if contract.is_free_test:
            return Claim.default_job(contract.id, contract.block, arrival=self.arrival)
        if bid is not None:
            return Claim.bidding(contract.id, contract.block, bid, arrival=self.arrival)
        arrival = self.arrival if self.holds else self.arrival + AFTER_ALL
        return Claim.on_demand(contract.id, contract.block, arrival=arrival)

    def full_price(self, at: datetime) -> PerHour:
        """Return the on-demand price of its GPUs, dollars per hour."""
        return self.contract.prices_at(at).gpu.for_gpus(self.contract.block.size)

    def gpu_price(self, at: datetime) -> PerHour:
        """Return what its GPUs cost while they run, dollars per hour for the whole instance."""
        contract = self.contract
        if contract.is_free_test or self.bid is not None:
            return contract.gpu_rate_at(at, self.bid)
        full = self.full_price(at)
        return discounted(full, self.discount) if self.deposit.at(at) > ZERO else full

    def price(self, at: datetime) -> PerHour:
        """Return what it costs while it runs, half-even at 12 decimals; a promise included."""
        if self.contract.is_free_test:
            return PerHour(0)
        storage = self.contract.prices_at(at).storage.scaled(
            Fraction(self.contract.disk_mb * SECONDS_PER_HOUR, MB_PER_GB * SECONDS_PER_MONTH)
        )
        costs = self.gpu_price(at) + PerHour.from_steps(storage.steps)
        return costs if self.promise is None else costs + self.contract.sla_fee_at(at)

    @property
    def due(self) -> datetime | None:
        """When time alone changes it next; ``None`` is never."""
        if self.state in OVER:
            return None
        due, spent = self.contract.end, self.deposit.runs_out()
        if spent is not None and (due is None or spent < due):
            due = spent
        changes = self.contract.rate_changes
        if self.rate_changes_begun < len(changes):
            begins = changes[self.rate_changes_begun].since
            if due is None or begins < due:
                due = begins
        if self.promise is not None:
            settled = self.promise.due(running=self.state is InstanceState.RUNNING)
            if settled is not None and (due is None or settled < due):
                due = settled
        return due


changed_instance: Final[Callable[..., Instance]] = partial(copier(Instance), _entry=None)
begun_instance: Final = copier_of(
    Instance,
    *("contract", "state", "arrival", "bid", "max_discount"),
    *("deposit", "label", "volumes", "promise"),
)
moved_instance: Final = copier_of(Instance, "facts", "state")
"""Where it stands in the order is kept: a bid's place is the same in every state."""
rebid_instance: Final = copier_of(Instance, "facts", "bid", "arrival", "_entry")
NEW_INSTANCE: Final[Instance] = maker(Instance)(
    **{
        each.name: None if each.default is NOTHING else each.default
        for each in fields(Instance)
        if each.init
    }
)
"""An instance with nothing of its own: a new one is as this one in all that is left out."""
# These fill in the slot of an instance that was just made and that nobody else has.
_SLOTS: Final[Any] = Instance  # whose fields are slots, which no type checker sees
fill_flow: Final[Callable[[Instance, Flow], None]] = _SLOTS.flow.__set__
fill_deposit: Final[Callable[[Instance, Ledger], None]] = _SLOTS.deposit.__set__
fill_promise: Final[Callable[[Instance, PromiseState], None]] = _SLOTS.promise.__set__
_fill_entry: Final[Callable[[Instance, Entry], None]] = _SLOTS._entry.__set__
_SLOTS._entry.__set__(NEW_INSTANCE, None)


def with_present_bid(instance: Instance) -> Contract:
    """Return the contract of an instance with the bid that it has now, not that of its rental."""
    if instance.bid is instance.contract.bid:
        return instance.contract
    return evolve(instance.contract, bid=instance.bid)


def entry_of(instance: Instance) -> Entry | None:
    """Return the claim of an instance in the order of priority, ``None`` if it wants no GPUs."""
    state = instance.state
    if state not in CLAIMS:
        return None
    entry = instance._entry
    if entry is not None:
        return entry
    contract, bid, arrival = instance.contract, instance.bid, instance.arrival
    block = contract.block
    level: int | Fraction
    if contract.client == contract.host and contract.is_free_test:
        level = LAST
    elif bid is not None:
        if instance.rate_changes_begun:
            bid = instance.competing_bid
            assert bid is not None
        level = level_of(bid.steps, block.size)
    else:
        level = ON_DEMAND
        if state not in HOLDS:
            arrival += AFTER_ALL
    entry = level, arrival, contract.id, block.gpu_set
    if bid is not None:  # one on demand stands elsewhere while it waits
        _fill_entry(instance, entry)
    return entry


def flow_of(instance: Instance, online: bool, at: datetime) -> Flow:
    """Return the money that flows each second from ``at`` on, because of an instance."""
    if instance.promise is not None:
        return _flow_of_promised(instance, online=online)
    contract, state = instance.contract, instance.state
    if not online or state is DESTROYED:
        return NO_FLOW
    if contract.client == contract.host and contract.is_free_test:
        return NO_FLOW
    prices = instance.prices if instance.rate_changes_begun else contract.prices
    used, covered = 0, False
    if state is RUNNING:
        bid = instance.bid
        if bid is None:
            price = prices.gpu.for_gpus(contract.block.size)
            covered = ticks_at(instance.deposit, at) > 0
            used = discounted(price, instance.discount).steps if covered else price.steps
        else:
            paid = instance.paid_bid if instance.rate_changes_begun else bid
            assert paid is not None
            used = paid.steps
    share = prices.platform_fee.as_integer_ratio()
    return _flow(prices.storage.steps, contract.disk_mb, used, covered, share)


def _flow_of_promised(instance: Instance, *, online: bool) -> Flow:
    """Return the flow of an instance with a promise: while it runs, an outage stops nothing."""
    contract, running = instance.contract, instance.state is InstanceState.RUNNING
    if not (online or running):
        return NO_FLOW
    prices = instance.prices
    used = fee = 0
    if running:
        used = prices.gpu.for_gpus(contract.block.size).steps
        fee = promise_fee(contract, prices).steps
    share = prices.platform_fee.as_integer_ratio()
    return _promised_flow(prices.storage.steps, contract.disk_mb, used, fee, share)


# Few flows are different, so most often it is one that another instance has: then it is the same
# object, and whether a flow has changed is a glance. The key is of whole numbers, whose hash is
# quicker than that of prices and of a share.
@lru_cache(maxsize=65_536)
def _flow(storage: int, disk_mb: int, gpus: int, covered: bool, ratio: tuple[int, int]) -> Flow:
    """Return the flow of a disk, and of GPUs that cost so many price steps an hour."""
    share = Fraction(*ratio)
    stored = accrued(PerGbMonth.from_steps(storage), disk_mb, 1, share)
    used = accrued(PerHour.from_steps(gpus), 1, 1, share)
    deposit = used.amount if covered else ZERO
    fee, total = stored.fee + used.fee, stored.amount + used.amount
    return Flow(balance=total - deposit, deposit=deposit, payout=total - fee, fee=fee)


@lru_cache(maxsize=65_536)
def _promised_flow(storage: int, disk_mb: int, gpus: int, fee: int, ratio: tuple[int, int]) -> Flow:
    """Return the flow into an escrow: of the fee of the promise the platform gets nothing."""
    used = _flow(storage, disk_mb, gpus, False, ratio)
    sla = PerHour.from_steps(fee).charge(1)
    balance, escrow = used.balance + sla, used.payout + sla
    return Flow(balance=balance, fee=used.fee, escrow=escrow, sla=sla)
