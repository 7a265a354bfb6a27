"""When an account's money ends, if nobody does anything more; what stops then, and what goes on.

Rule (marketplace): billing is by the second; at zero instances stop, and storage goes on. What is
known of the future happens: contracts end, deposits are used up, rates change, rolling ends roll,
a bid that waits resumes when those above it end, also because *their* money does.

Our reading: it is what the market's own clock does, looked at ahead of time: on a market of only
those machines and accounts that can bear on the answer. Promised by
:mod:`numgenius_core.market.views`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from attrs import evolve, field, frozen

from numgenius_core._accrual import accrued
from numgenius_core._checks import check_kind
from numgenius_core.errors import RuleViolation, brief
from numgenius_core.ids import AccountId, ContractId, VolumeId
from numgenius_core.intervals import after
from numgenius_core.market import events as e
from numgenius_core.market._builder import Builder
from numgenius_core.market._clock import advance_to, catch_up
from numgenius_core.market._decision import Decision
from numgenius_core.market._finding import find_events
from numgenius_core.market._ledger import NO_FLOW
from numgenius_core.market._looking_ahead import market_at, not_before, part_of
from numgenius_core.market.state import Market
from numgenius_core.money import ZERO, Money

A_YEAR: Final = timedelta(days=366)
_HOUR: Final = 3_600


@frozen(kw_only=True)
class SpendRate:
    """What leaves the balance of an account, dollars per hour, exact.

    What a deposit pays is not in it, traffic neither.

    Attributes:
        gpu: For GPUs.
        container_storage: For the disks of instances.
        volume_storage: For volumes.
        sla: For promises of uptime.
        has_active_resources: Whether the account has an instance or a volume at all.
    """

    gpu: Money = ZERO
    container_storage: Money = ZERO
    volume_storage: Money = ZERO
    has_active_resources: bool = False
    sla: Money = ZERO

    @property
    def total(self) -> Money:
        """All of it."""
        return self.gpu + self.container_storage + self.volume_storage + self.sla


@frozen(kw_only=True)
class Runway:
    """How long the money of an account lasts.

    Attributes:
        account: Whose.
        balance: What there is now.
        rate: What leaves it now.
        looked_until: Up to when it was looked ahead.
        ends_at: The first second that begins with nothing left; now, if nothing is left now;
            ``None`` if it lasts for as long as was looked.
        stops: The instances that stop then, in the order of their numbers.
        instances: Those that are stored on, which are all there are then.
        volumes: Those that are kept on.
        rate_after: What goes on leaving the balance: storage alone.
    """

    account: AccountId
    balance: Money
    rate: SpendRate
    looked_until: datetime
    ends_at: datetime | None
    stops: tuple[ContractId, ...] = field(default=(), repr=brief)
    instances: tuple[ContractId, ...] = field(default=(), repr=brief)
    volumes: tuple[VolumeId, ...] = field(default=(), repr=brief)
    rate_after: SpendRate = SpendRate()


def spend_rate(market: Market, account: AccountId) -> SpendRate:
    """Return what leaves the balance of an account now, by the hour.

    Raises:
        UnknownId: There is no such account.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Machine, Market, Mode, Money, PerGpuHour, PriceTerms, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4)),
    ...     do.ListMachine(by="hanna", machine=1, prices=PriceTerms(gpu=PerGpuHour("2.00"))),
    ...     do.AddCredit(account="ann", amount=Money(10)),
    ...     do.Rent(by="ann", offer=8192, mode=Mode.ON_DEMAND),
    ...     do.ReportLoaded(contract=2),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> rate = views.spend_rate(market, "ann")
    >>> print(rate.gpu, rate.container_storage, rate.volume_storage)
    2.00 0.00 0.00
    """
    check_kind(market, Market, "market")
    market.account(account)  # refuses one that is not there
    return _rate(Builder(market), account)


def _rate(market: Builder, name: AccountId) -> SpendRate:
    account = market.account(name)
    gpu = disks = kept = sla = ZERO
    for number in account.instances:
        instance = market.living(number)
        if instance.flow != NO_FLOW:
            prices, size = instance.prices, instance.contract.disk_mb
            disk = accrued(prices.storage, size, 1, prices.platform_fee).amount
            fee = instance.flow.sla
            gpu, disks = gpu + instance.flow.balance - disk - fee, disks + disk
            sla += fee
    for volume in account.volumes:
        kept += market.volume(volume).flow.balance
    return SpendRate(
        gpu=gpu * _HOUR,
        container_storage=disks * _HOUR,
        volume_storage=kept * _HOUR,
        has_active_resources=bool(account.instances or account.volumes),
        sla=sla * _HOUR,
    )


def runway(
    market: Market, account: AccountId, at: datetime, *, horizon: timedelta = A_YEAR
) -> Runway:
    """Return when the money of an account ends, if nobody does anything more.

    Args:
        market: The market.
        account: Whose money.
        at: Now, from the market's last event on; what is due until then has happened.
        horizon: How far to look ahead; a year, if left out. Listings that roll make a long look
            take longer.

    Raises:
        UnknownId: There is no such account.
        RuleViolation: ``at`` is before the market's last event, or ``horizon`` is no whole seconds
            from zero or reaches beyond the year 9999.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Machine, Market, Mode, Money, PerGpuHour, PriceTerms, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4)),
    ...     do.ListMachine(by="hanna", machine=1, prices=PriceTerms(gpu=PerGpuHour("2.00"))),
    ...     do.AddCredit(account="ann", amount=Money(10)),
    ...     do.Rent(by="ann", offer=8192, mode=Mode.ON_DEMAND),
    ...     do.ReportLoaded(contract=2),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> found = views.runway(market, "ann", at)
    >>> print(found.ends_at, found.stops)
    2026-01-01 05:00:00+00:00 (2,)
    """
    at = not_before(market, at)
    check_kind(horizon, timedelta, "horizon")
    if horizon < timedelta(0) or horizon.microseconds:
        raise RuleViolation("horizon", "whole seconds from zero on", str(horizon))
    market.account(account)  # refuses one that is not there
    until = after(at, horizon, "horizon")
    there = market_at(
        market, at, account=account
    )  # all that it has earned by then is on its balance
    ahead = advance_to(part_of(there, account), at)  # who rents nothing has no end of money
    then = ahead.market.account(account)
    balance = then.ledger.at(at)
    stops: tuple[ContractId, ...] = ()
    ends: datetime | None = at if balance <= ZERO else None
    rate = _rate(ahead.market, account)
    if ends is None:
        ends, stops = _end_of_money(ahead, account, until)
        then = ahead.market.account(account)
    found = Runway(
        account=account, balance=balance, rate=rate, looked_until=until, ends_at=ends, stops=stops
    )
    if ends is None:
        return found
    return evolve(
        found,
        instances=tuple(sorted(then.instances)),
        volumes=tuple(sorted(then.volumes)),
        rate_after=_rate(ahead.market, account),
    )


def _end_of_money(
    ahead: Decision, name: AccountId, until: datetime
) -> tuple[datetime | None, tuple[ContractId, ...]]:
    """Let time pass until nothing is left, and return when that was and what stopped then."""
    while (item := ahead.market.next_due()) is not None and item[0] <= until:
        seen = len(ahead.events)
        ahead.at = item[0]
        catch_up(ahead)
        new = ahead.events[seen:]
        if e.BalanceRanOut(at=ahead.at, account=name) in new:
            there = ahead.market.account(name).instances
            stopped = (each.contract for each in find_events(new, e.InstanceStopped))
            return ahead.at, tuple(each for each in stopped if each in there)
    return None, ()
