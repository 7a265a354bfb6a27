"""Who has to be paid out by when: worked out from payments and statements, not as the market does.

The rule, said once more: on a Friday (UTC) everybody who has earned $20 or more is paid it in
whole cents, once, with the first request of that day; it is pending for a week. What was earned is
what of a balance was not paid in: credit is handed on first, and what somebody spends is taken
from what was earned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from attrs import define, field

from numgenius_core.billing import LineKind, statement, volume_statement
from numgenius_core.ids import AccountId, ContractId, VolumeId
from numgenius_core.intervals import Interval
from numgenius_core.market import Instance, Market, RentedVolume, events as it, views
from numgenius_core.market.events import Event
from numgenius_core.money import TICKS_PER_DOLLAR, Money
from simulation.box import SKEW, Broken

FRIDAY: Final = 4
CENT: Final = TICKS_PER_DOLLAR // 100
LEAST: Final = 20 * TICKS_PER_DOLLAR
PENDING: Final = timedelta(days=7)
SECOND: Final = timedelta(seconds=1)
PAYMENTS: Final = frozenset({LineKind.DEPOSIT, LineKind.REFUND})
AT_ONCE: Final = PAYMENTS | {LineKind.FORFEIT, LineKind.SERVICE_CREDIT}
"""What is counted at an instant, and not by the second."""


@define
class Payroll:
    """The payouts that there have to be.

    Attributes:
        archive: The instances that were destroyed, as far as events were taken in.
        gone: The volumes that were deleted, likewise.
        moved: What came into each account and left it by payments, in ticks.
        given: What of it was paid in and not handed on: what was not earned, in ticks.
        hosts: Whose machine each is.
        sides: The client and the machine of each instance and each volume there ever was.
        closed: What each that is gone cost its client and gave its host, in ticks.
        paid: The payouts of each account.
        friday: The Friday whose run may be under way.
        least: What each account had earned at least since that run can have begun, in ticks.
    """

    archive: Mapping[ContractId, Instance]
    gone: Mapping[VolumeId, RentedVolume]
    moved: Counter[AccountId] = field(factory=Counter)
    given: Counter[AccountId] = field(factory=Counter)
    hosts: dict[int, AccountId] = field(factory=dict)
    sides: dict[int, tuple[AccountId, int]] = field(factory=dict)
    closed: dict[int, tuple[int, int]] = field(factory=dict)
    paid: dict[AccountId, list[it.PayoutInvoiced]] = field(factory=dict)
    friday: date | None = None
    least: dict[AccountId, int] = field(factory=dict)

    # -- what there is -------------------------------------------------------------------------

    def balances(self, market: Market, at: datetime) -> Counter[AccountId]:
        """Return what payments and statements leave on each account, in ticks."""
        market = views.until(market, at)
        left = Counter(self.moved)
        for place in market.machines.values():
            for instance in place.instances.values():
                client, host = bill(instance, at)
                if instance.promise is not None:
                    host -= instance.promise.ledger.at(at).ticks
                self.share(left, instance.id, client, host)
            for volume in place.volumes.values():
                self.share(left, volume.id, *volume_bill(volume, at))
        for number in self.sides.keys() - self.closed.keys():
            if number in self.archive:
                self.closed[number] = bill(self.archive[ContractId(number)], at)
            elif number in self.gone:
                self.closed[number] = volume_bill(self.gone[VolumeId(number)], at)
        for number, parts in self.closed.items():
            self.share(left, number, *parts)
        return left

    def share(self, left: Counter[AccountId], number: int, client: int, host: int) -> None:
        owner, machine = self.sides[number]
        left[owner] -= client
        left[self.hosts[machine]] += host

    def earned(self, market: Market, at: datetime) -> dict[AccountId, int]:
        """Return what each account has earned and was not paid, in ticks."""
        left = self.balances(market, at)
        return {name: amount - self.given[name] for name, amount in left.items()}

    def cents_above(self, account: AccountId, market: Market) -> int:
        """Return how many cents an account can hand on and still has earned the least."""
        earned = self.earned(market, market.now)[account]
        return (earned - LEAST + self.given[account]) // CENT if earned >= LEAST else 0

    def check_balances(self, market: Market) -> None:
        """Check that each balance is what payments and statements leave."""
        left = self.balances(market, market.now)
        for name in market.accounts:
            balance = views.balance(market, name, market.now)
            if balance.ticks != left[name]:
                right = Money.from_ticks(left[name])
                raise Broken(f"{name} has ${balance}, and by all statements ${right}")

    # -- what happens --------------------------------------------------------------------------

    def take(self, event: Event, before: Market) -> None:
        """Take in what happens to a market.

        Raises:
            Broken: A payout that has no reason.
        """
        match event:
            case it.PayoutInvoiced():
                self.check_payout(event, before)
                self.moved[event.account] -= event.amount.ticks
                self.paid.setdefault(event.account, []).append(event)
            case it.CreditAdded():
                self.get(event.account, event.amount.ticks)
            case it.CreditTransferred():
                left = self.given[event.account] - event.amount.ticks
                self.given[event.account] = max(0, left)
                self.moved[event.account] -= event.amount.ticks
                self.get(event.recipient, event.amount.ticks)
            case it.MachineAdded():
                self.hosts[event.machine.id] = event.machine.host
            case it.ContractCreated() | it.VolumeRented():
                contract = event.contract
                self.sides[contract.id] = contract.client, contract.machine

    def get(self, account: AccountId, amount: int) -> None:
        self.moved[account] += amount
        self.given[account] += amount

    def check_payout(self, event: it.PayoutInvoiced, before: Market) -> None:
        """Check that somebody is paid all that was earned, on the right day and once."""
        earned = self.earned(before, event.at)[event.account]
        due = earned // CENT * CENT if earned >= LEAST else 0
        if event.amount.ticks != due:
            right = Money.from_ticks(due)
            raise Broken(f"{event.account} is paid ${event.amount} at {event.at}, not ${right}")
        if event.at.weekday() != FRIDAY or event.at.date() in self.days_of(event.account):
            raise Broken(f"{event.account} is paid out at {event.at}, which is no time for it")
        if event.paid_on.timestamp() != arrived(event, event.paid_on):
            raise Broken(f"what {event.account} is paid at {event.at} arrives {event.paid_on}")

    def days_of(self, account: AccountId) -> set[date]:
        return {each.at.date() for each in self.paid.get(account, ())}

    # -- what has to happen --------------------------------------------------------------------

    def begin(self, at: datetime, market: Market) -> None:
        """Note what everybody has earned when the first requests of a Friday may be on their way.

        Args:
            at: What time it is; the clocks of workers are a little off.
            market: After all that has happened by now.
        """
        day = (at + SKEW).date()
        if day.weekday() == FRIDAY and day != self.friday:
            self.friday = day
            self.least = self.earned(market, max(at - SKEW, market.now))

    def see(self, market: Market) -> None:
        """Note what everybody has earned after an event: a run may be made before it or after."""
        due = {name for name, amount in self.least.items() if amount >= LEAST}
        open_ = [name for name in due if self.friday not in self.days_of(name)]
        if open_:
            now = self.earned(market, market.now)
            self.least |= {name: min(self.least[name], now[name]) for name in open_}

    def check_made(self, at: datetime) -> None:
        """Check that the run of today is made, now that a request of today was answered."""
        if self.friday is None or {(at - SKEW).date(), (at + SKEW).date()} != {self.friday}:
            return
        for name, amount in self.least.items():
            if amount >= LEAST and self.friday not in self.days_of(name):
                earned = Money.from_ticks(amount)
                raise Broken(f"{name} has earned ${earned} and is not paid on {self.friday}")
        self.least.clear()  # what is earned from now on is for the next run

    def check_told(self, account: AccountId, told: Any, at: datetime) -> None:
        """Check that an account reads all its payouts, and which of them are pending."""
        said = [(r["amount"], r["end"]) for r in told["results"]]
        right = [
            (each.amount.ticks / TICKS_PER_DOLLAR, arrived(each, at))
            for each in self.paid.get(account, ())
        ]
        if said != right:
            raise Broken(f"{account} reads of payouts {said}, not {right}")


def arrived(payout: it.PayoutInvoiced, at: datetime) -> float | None:
    """Return when a payout is paid, in seconds since 1970; ``None`` while it is pending."""
    midnight = datetime.combine(payout.at.date(), time(), payout.at.tzinfo)
    return (midnight + PENDING).timestamp() if midnight + PENDING <= at else None


def bill(instance: Instance, at: datetime) -> tuple[int, int]:
    """Return what an instance took from its client and gave its host, in ticks, up to an instant.

    Seconds count until then, payments and refunds of that very instant, too.
    """
    start = instance.contract.start
    lines = statement(instance.history, Interval(at, at + SECOND)).lines
    parts = [line for line in lines if line.kind in AT_ONCE]
    if start < at:
        parts += statement(instance.history, Interval(start, at)).lines
    used = sum(line.amount.ticks - line.fee.ticks for line in parts if line.kind not in PAYMENTS)
    return sum(line.billed.ticks for line in parts), used


def volume_bill(volume: RentedVolume, at: datetime) -> tuple[int, int]:
    """Return the same of a volume."""
    start = volume.contract.start
    if not start < at:
        return 0, 0
    found = volume_statement(volume.history, Interval(start, at))
    return found.total.ticks, found.payout.ticks
