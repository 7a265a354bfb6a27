"""One rental of a simulation: how long it ran, and what that cost, to the tick.

The simulator knows times as seconds from the start of its horizon and adds up ticks. What it adds
up is what :func:`numgenius_core.billing.statement` says of the same history: the rates, the deposit
and the refund are those of the rules, and splitting time cannot change an exact charge. A rental
that an extension gave new rates is left to the meter itself.
"""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from attrs import define, field

from numgenius_core._accrual import accrued, seconds_on_deposit, ticks_a_second
from numgenius_core.billing.history import Fact, History, Moved, Prepaid, Refunded
from numgenius_core.billing.metering import GPU, LineKind, metered
from numgenius_core.contracts.contract import Contract, agree, to_reserved
from numgenius_core.contracts.life import InstanceEvent
from numgenius_core.ids import AccountId, ContractId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Listing, Mode
from numgenius_core.money import Money
from numgenius_core.prices.deposits import Refund, dissolved
from numgenius_core.rates import PerHour
from numgenius_core.whatif.demand import Request
from numgenius_core.whatif.outcome import Lost

if TYPE_CHECKING:
    from numgenius_core.whatif._machine import SimulatedMachine
    from numgenius_core.whatif._shape import Spot

_CLIENT: Final = AccountId("client")
_OTHER_CLIENT: Final = AccountId("another client")


NEVER: Final = 1 << 62
"""A second after all others, of what has no end."""


@define(eq=False)
class Tally:
    """What came of the clients of one mode, so far; amounts in ticks.

    Plain whole numbers, so that adding up a year makes no values.
    """

    requests: int = 0
    rented: int = 0
    finished: int = 0
    lost: list[Lost] = field(factory=list)  # counted at the end: an Enum's hash is a call
    lost_gpu_seconds: int = 0
    pauses: int = 0
    paused_seconds: int = 0
    gpu_seconds: int = 0
    gpu: int = 0
    storage: int = 0
    forfeited: int = 0
    fee: int = 0


Speed: TypeAlias = tuple[int, int]
"""What a second costs, in ticks, and the platform's part of that."""
_FREE: Final = 0, 0


def storage_speed(listing: Listing, disk_mb: int) -> Speed:
    """Return what a second of a disk costs."""
    prices = listing.prices
    amount, fee = accrued(prices.storage, disk_mb, 1, prices.platform_fee)
    return amount.ticks, fee.ticks


class Prepayment(NamedTuple):
    """What a client that reserves paid in advance.

    Attributes:
        discount: The share taken off the price on demand.
        deposit: What it paid.
        reduced: The price an hour with the discount.
    """

    discount: Fraction
    deposit: Money
    reduced: PerHour


class Rental:
    """An instance while it is simulated; all times are seconds of the horizon.

    There are millions of them, so they have slots: a fleet's do not fit in a processor's cache.

    Attributes:
        id: Its contract.
        request: What its client wanted.
        tally: Where what comes of it is added up.
        machine: Where it runs.
        listing: What the contract was made from.
        block: The GPUs it holds.
        gpu_set: The same as a set.
        rank: Its place among the bids of its machine, the smallest first; then its id.
        start: When it began.
        end: When its contract ends; ``NEVER`` if it has no end.
        until: When it leaves at the latest, as its contract ends or its client gives up.
        due: When it leaves if nothing else happens; before all time once it has.
        rate: What its GPUs cost an hour on demand, or its bid.
        speed: What a second of them costs.
        stored: What a second of its disk costs.
        prepaid: Of a reserved one, what was paid in advance.
        run_from: Since when it runs; ``None`` while it is paused.
        ran: For how long it ran before that.
        paused_at: Since when it is paused; ``None`` while it runs.
        paused: For how long it was before that.
        pauses: How often it was paused.
        extended: Its contract, once an extension has looked at it.
        facts: When it started, paused and resumed, where that is kept.
    """

    __slots__ = (
        "block", "due", "end", "extended", "facts", "gpu_set", "id", "listing", "machine", "paused",
        "paused_at", "pauses", "prepaid", "ran", "rank", "rate", "request", "run_from", "speed",
        "start", "stored", "tally", "until",
    )  # fmt: skip

    def __init__(
        self,
        number: int,
        request: Request,
        tally: Tally,
        machine: SimulatedMachine,
        spot: Spot,
        start: int,
        end: int,
        rate: PerHour,
        speed: Speed,
    ) -> None:
        self.id = number
        self.request = request
        self.tally = tally
        self.machine = machine
        self.listing = machine.listing
        self.block, self.gpu_set, _ = spot
        self.start = start
        self.end = self.until = end
        self.due = -1
        self.rate = rate
        self.speed = speed
        self.stored = _FREE
        self.prepaid: Prepayment | None = None
        self.run_from: int | None = None
        self.paused_at: int | None = None
        self.rank = self.ran = self.paused = self.pauses = 0
        self.extended: Contract | None = None
        self.facts: list[tuple[int, InstanceEvent]] | None = None
        if request.patience is not None:
            self.until = min(end, request.after + request.patience)

    def run(self, now: int) -> None:
        """Begin to run, for the first time or again."""
        self.run_from = now
        if self.paused_at is not None:
            self.paused += now - self.paused_at
            self.paused_at = None
            event = InstanceEvent.RESUMED
        else:
            event = InstanceEvent.LOADED
        if self.facts is not None:
            self.facts.append((now, event))

    def pause(self, now: int) -> None:
        """Stop running for a while."""
        self.stop_clocks(now)
        self.paused_at = now
        self.pauses += 1
        if self.facts is not None:
            self.facts.append((now, InstanceEvent.PREEMPTED))

    def stop_clocks(self, now: int) -> None:
        """Take note of how long it ran or was paused until now."""
        if self.run_from is not None:
            self.ran += now - self.run_from
            self.run_from = None
        elif self.paused_at is not None:
            self.paused += now - self.paused_at
            self.paused_at = None

    def departure(self) -> int:
        """Return when it will be destroyed if nothing else happens.

        That is once it has run for as long as its client wanted, its client gives up, or its
        contract ends.
        """
        if self.run_from is not None:
            done = self.run_from + self.request.seconds - self.ran
            if done < self.until:
                return done
        return self.until

    def extend(self, end: int) -> None:
        """Take note of a new end of its contract."""
        self.end = self.until = end
        if self.request.patience is not None:
            self.until = min(end, self.request.after + self.request.patience)

    def settle(self, now: int, *, left: bool, origin: Interval) -> None:
        """Add up what it was, when it leaves or the horizon ends.

        Args:
            now: When it was destroyed, or the end of the horizon.
            left: Whether it was destroyed, so that its deposit is dissolved.
            origin: The horizon.
        """
        self.stop_clocks(now)
        tally, ran = self.tally, self.ran
        tally.finished += ran == self.request.seconds
        if self.pauses:
            tally.pauses += self.pauses
            tally.paused_seconds += self.paused
        tally.gpu_seconds += ran * self.block.size
        if self.extended is not None and self.extended.rate_changes:
            self._add_metered(now, left=left, origin=origin)
            return
        amount, fee = self.stored
        if amount:
            tally.storage += amount * (now - self.start)
            tally.fee += fee * (now - self.start)
        if self.prepaid is not None:
            self._add_reserved(self.prepaid, left=left)
        else:
            amount, fee = self.speed
            tally.gpu += amount * ran
            tally.fee += fee * ran

    def _add_reserved(self, prepaid: Prepayment, *, left: bool) -> None:
        """Charge GPU time, from the deposit as long as there is some of it at a second's start."""
        tally, share = self.tally, self.listing.prices.platform_fee
        seconds = seconds_on_deposit(prepaid.deposit, prepaid.reduced, self.ran)
        amount, fee = ticks_a_second(prepaid.reduced, share)
        full, full_fee = self.speed
        beyond = self.ran - seconds
        tally.gpu += amount * seconds + full * beyond
        tally.fee += fee * seconds + full_fee * beyond
        if left:
            lost = self._dissolved(prepaid, seconds).fee
            tally.forfeited += lost.ticks
            tally.fee += lost.scaled(share).ticks

    def _dissolved(self, prepaid: Prepayment, seconds: int) -> Refund:
        """Return where a deposit goes if the instance is destroyed now.

        It was for no longer than the contract that was made, so it is used up at those rates.
        """
        return dissolved(self.rate, prepaid.reduced, prepaid.deposit, seconds)

    def _add_metered(self, until: int, *, left: bool, origin: Interval) -> None:
        """Charge what the meter says: it knows the rates of extensions."""
        # The meter reads what happened before an instant, so one more second shows it the departure
        # and the refund; the instance is destroyed by then and costs nothing in it.
        history = self.history(until, left=left, origin=origin)
        tally = self.tally
        for line in metered(history, origin.start + timedelta(seconds=until + left)):
            if line.kind in GPU:
                tally.gpu += line.amount.ticks
            elif line.kind is LineKind.STORAGE:
                tally.storage += line.amount.ticks
            elif line.kind is LineKind.FORFEIT:
                tally.forfeited += line.amount.ticks
            else:
                continue
            tally.fee += line.fee.ticks

    def agreed(self, origin: Interval) -> Contract:
        """Return its contract as it was made."""
        request = self.request
        made = agree(
            self.listing,
            self.block,
            id=ContractId(self.id),
            client=_OTHER_CLIENT if self.listing.machine.host == _CLIENT else _CLIENT,
            at=origin.start + timedelta(seconds=self.start),
            mode=Mode.INTERRUPTIBLE if request.bid is not None else Mode.ON_DEMAND,
            disk_mb=request.disk_mb,
            bid=request.bid,
        )
        return made if self.prepaid is None else to_reserved(made, self.prepaid.discount)

    def history(self, until: int, *, left: bool, origin: Interval) -> History:
        """Return all that happened to it."""
        contract = self.agreed(origin) if self.extended is None else self.extended
        facts: list[Fact] = []
        prepaid = self.prepaid
        if prepaid is not None:
            paid = Prepaid(at=contract.start, amount=prepaid.deposit, discount=prepaid.discount)
            facts.append(paid)
        facts += [
            Moved(at=origin.start + timedelta(seconds=at), event=event)
            for at, event in self.facts or ()
            if at < self.end  # where another leaves in the second of its end, it runs no more
        ]
        if left:
            gone = origin.start + timedelta(seconds=until)
            if prepaid is not None:
                seconds = seconds_on_deposit(prepaid.deposit, prepaid.reduced, self.ran)
                back = self._dissolved(prepaid, seconds).refund
                facts.append(Refunded(at=gone, amount=back))
            facts.append(Moved(at=gone, event=InstanceEvent.DESTROYED))
        return History(contract=contract, facts=tuple(facts))
