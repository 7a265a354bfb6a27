"""One rental of a simulation: how long it ran, and what that cost, to the tick.

The simulator knows times as seconds from the start of its horizon and adds up ticks. What it adds
up is what :func:`numgenius_core.billing.statement` says of the same history: the rates, the deposit
and the refund are those of the rules, and splitting time cannot change an exact charge. A rental
that an extension gave new rates is left to the meter itself.
"""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Final

from attrs import define, field

from numgenius_core._accrual import accrued, discounted, seconds_on_deposit
from numgenius_core.billing.history import Fact, History, Moved, Prepaid, Refunded
from numgenius_core.billing.metering import GPU, LineKind, metered
from numgenius_core.contracts.contract import Contract, agree, to_reserved
from numgenius_core.contracts.life import InstanceEvent
from numgenius_core.ids import AccountId, ContractId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Listing, Mode
from numgenius_core.money import ZERO, Money
from numgenius_core.offer import Block
from numgenius_core.prices.deposits import Refund, refund
from numgenius_core.rates import PerHour
from numgenius_core.whatif.demand import Request

_CLIENT: Final = AccountId("client")
_OTHER_CLIENT: Final = AccountId("another client")


@define(kw_only=True)
class Charge:
    """What was charged, in ticks: plain integers, so that adding up a year makes no values.

    Attributes:
        gpu: Charged for GPUs.
        storage: Charged for disk.
        forfeited: Left of deposits and not paid back.
        fee: The platform's part of these three.
    """

    gpu: int = 0
    storage: int = 0
    forfeited: int = 0
    fee: int = 0

    def add(self, other: Charge) -> None:
        """Add another charge to this one."""
        self.gpu += other.gpu
        self.storage += other.storage
        self.forfeited += other.forfeited
        self.fee += other.fee


@define(kw_only=True, eq=False)
class Rental:
    """An instance while it is simulated; all times are seconds of the horizon.

    Attributes:
        id: Its contract.
        request: What its client wanted.
        listing: What the contract was made from.
        block: The GPUs it holds.
        start: When it began.
        end: When its contract ends; ``None`` is never.
        rate: What its GPUs cost an hour on demand, or its bid.
        discount: Of a reserved one, the share taken off ``rate``.
        deposit: Of a reserved one, what was prepaid.
        run_from: Since when it runs; ``None`` while it is paused.
        ran: For how long it ran before that.
        paused_at: Since when it is paused.
        paused: For how long it was before that.
        pauses: How often it was paused.
        version: Counts changes of its departure, so that one planned before is known as stale.
        extended: Its contract, once an extension has looked at it.
        facts: When it started, paused and resumed.
    """

    id: ContractId
    request: Request
    listing: Listing
    block: Block
    start: int
    end: int | None
    rate: PerHour
    discount: Fraction = Fraction(0)
    deposit: Money = ZERO
    run_from: int | None = None
    ran: int = 0
    paused_at: int | None = None
    paused: int = 0
    pauses: int = 0
    version: int = 0
    extended: Contract | None = None
    facts: list[tuple[int, InstanceEvent]] = field(factory=list)

    def resume(self, now: int) -> None:
        """Begin to run, for the first time or again."""
        self.run_from = now
        if self.paused_at is not None:
            self.paused += now - self.paused_at
            self.paused_at = None

    def pause(self, now: int) -> None:
        """Stop running for a while."""
        self.stop_clocks(now)
        self.paused_at = now
        self.pauses += 1

    def stop_clocks(self, now: int) -> None:
        """Take note of how long it ran or was paused until now."""
        if self.run_from is not None:
            self.ran += now - self.run_from
            self.run_from = None
        if self.paused_at is not None:
            self.paused += now - self.paused_at
            self.paused_at = None

    def departure(self) -> int | None:
        """Return when it will be destroyed if nothing else happens; ``None`` is never.

        That is once it has run for as long as its client wanted, its client gives up, or its
        contract ends.
        """
        times = [] if self.end is None else [self.end]
        if self.request.patience is not None:
            times.append(self.request.after + self.request.patience)
        if self.run_from is not None:
            times.append(self.run_from + self.request.seconds - self.ran)
        return min(times, default=None)

    def charge(self, until: int, *, left: bool, origin: Interval) -> Charge:
        """Return what it cost, once its clocks are stopped.

        Args:
            until: When it was destroyed, or the end of the horizon.
            left: Whether it was destroyed, so that its deposit is dissolved.
            origin: The horizon.
        """
        if self.extended is not None and self.extended.rate_changes:
            return self._metered(left=left, until=until, origin=origin)
        prices, disk = self.listing.prices, self.request.disk_mb
        cost = Charge()
        if disk:
            stored = accrued(prices.storage, disk, until - self.start, prices.platform_fee)
            cost.storage, cost.fee = stored.amount.ticks, stored.fee.ticks
        if self.deposit:
            self._charge_reserved(cost, left=left)
        else:
            used = accrued(self.rate, self.block.size, self.ran, prices.platform_fee)
            cost.gpu = used.amount.ticks
            cost.fee += used.fee.ticks
        return cost

    def _charge_reserved(self, cost: Charge, *, left: bool) -> None:
        """Charge GPU time, from the deposit as long as there is some of it at a second's start."""
        fee, gpus, seconds = (
            self.listing.prices.platform_fee,
            self.block.size,
            self._reserved_seconds(),
        )
        on_deposit = accrued(discounted(self.rate, self.discount), gpus, seconds, fee)
        beyond = accrued(self.rate, gpus, self.ran - seconds, fee)
        cost.gpu = (on_deposit.amount + beyond.amount).ticks
        cost.fee += (on_deposit.fee + beyond.fee).ticks
        if left:
            lost = self._dissolved().fee
            cost.forfeited = lost.ticks
            cost.fee += lost.scaled(fee).ticks

    def _reserved_seconds(self) -> int:
        return seconds_on_deposit(self.deposit, discounted(self.rate, self.discount), self.ran)

    def _dissolved(self) -> Refund:
        """Return where its deposit goes if it is destroyed now.

        It was for no longer than the contract that was made, so it is used up at those rates.
        """
        return refund(self.rate, self.discount, self.deposit, self._reserved_seconds())

    def _metered(self, *, left: bool, until: int, origin: Interval) -> Charge:
        """Return what the meter says: it knows the rates of extensions."""
        # The meter reads what happened before an instant, so one more second shows it the departure
        # and the refund; the instance is destroyed by then and costs nothing in it.
        history = self.history(until, left=left, origin=origin)
        lines = metered(history, origin.start + timedelta(seconds=until + left))
        kept = [line for line in lines if line.kind in GPU | {LineKind.STORAGE, LineKind.FORFEIT}]
        return Charge(
            gpu=sum(line.amount.ticks for line in kept if line.kind in GPU),
            storage=sum(line.amount.ticks for line in kept if line.kind is LineKind.STORAGE),
            forfeited=sum(line.amount.ticks for line in kept if line.kind is LineKind.FORFEIT),
            fee=sum(line.fee.ticks for line in kept),
        )

    def agreed(self, origin: Interval) -> Contract:
        """Return its contract as it was made."""
        request = self.request
        reserved = bool(self.deposit)
        made = agree(
            self.listing,
            self.block,
            id=self.id,
            client=_OTHER_CLIENT if self.listing.machine.host == _CLIENT else _CLIENT,
            at=origin.start + timedelta(seconds=self.start),
            mode=Mode.INTERRUPTIBLE if request.bid is not None else Mode.ON_DEMAND,
            disk_mb=request.disk_mb,
            bid=request.bid,
        )
        return to_reserved(made, self.discount) if reserved else made

    def history(self, until: int, *, left: bool, origin: Interval) -> History:
        """Return all that happened to it."""
        contract = self.agreed(origin) if self.extended is None else self.extended
        facts: list[Fact] = []
        if self.deposit:
            paid = Prepaid(at=contract.start, amount=self.deposit, discount=self.discount)
            facts.append(paid)
        facts += [
            Moved(at=origin.start + timedelta(seconds=at), event=event) for at, event in self.facts
        ]
        if left:
            gone = origin.start + timedelta(seconds=until)
            if self.deposit:
                facts.append(Refunded(at=gone, amount=self._dissolved().refund))
            facts.append(Moved(at=gone, event=InstanceEvent.DESTROYED))
        return History(contract=contract, facts=tuple(facts))
