"""What a market knows of promises of uptime: of a contract, and of a machine's history.

Promised by :mod:`numgenius_core.market.views`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from attrs import field, frozen

from numgenius_core.billing.history import History, Settled
from numgenius_core.billing.metering import Line
from numgenius_core.billing.statements import statement
from numgenius_core.contracts.life import InstanceState
from numgenius_core.errors import RuleViolation, UnknownId, brief, shown
from numgenius_core.ids import ContractId, MachineId
from numgenius_core.intervals import Interval
from numgenius_core.market._instance_views import check_archived, gone_of, instance
from numgenius_core.market._looking_ahead import market_at, not_before
from numgenius_core.market._promises import counted_until, day_so_far
from numgenius_core.market.instance import Instance
from numgenius_core.market.promise import outages_of
from numgenius_core.market.state import Market
from numgenius_core.money import ZERO, Money
from numgenius_core.rates import PerHour
from numgenius_core.sla.days import DaySettlement, Judge
from numgenius_core.sla.history import UptimeHistory
from numgenius_core.sla.terms import SlaTerms


@frozen(kw_only=True)
class PromiseView:
    """A promise of uptime: what was bought, what came due, and what is still in its escrow.

    Attributes:
        contract: Whose promise.
        terms: Claim, spread and target.
        fee: What it costs while the instance runs, dollars per hour.
        days: The days that were settled, in order.
        today: What would come due if the day ended now; ``None`` once the contract has ended.
        escrow: What is in the escrow now.
    """

    contract: ContractId
    terms: SlaTerms
    fee: PerHour
    days: tuple[DaySettlement, ...] = field(repr=brief)
    today: DaySettlement | None
    escrow: Money

    @property
    def fees(self) -> Money:
        """What the client paid for the promise, today included."""
        return Money.sum(day.fee for day in self.days) + (self.today.fee if self.today else ZERO)

    @property
    def credits(self) -> Money:
        """What came back to the client so far."""
        return Money.sum(day.credit for day in self.days)

    @property
    def earned(self) -> Money:
        """What was released to the host so far."""
        return Money.sum(day.escrow_to_host for day in self.days)


def promise_of(
    market: Market,
    contract: ContractId,
    at: datetime,
    *,
    archive: Mapping[ContractId, Instance] | None = None,
) -> PromiseView:
    """Return the promise of a contract, once everything that is due up to an instant has happened.

    For many machines, look ahead once, with :func:`~numgenius_core.market.views.until`: each
    question lets all happen that is due by then on its machine; more of the same machine and
    instant, one after the other, let it happen once.

    Args:
        market: The market.
        contract: Its number.
        at: Now, from the market's last event on.
        archive: Where the caller keeps destroyed instances.

    Raises:
        UnknownId: There is no such instance, nor one in the archive.
        RuleViolation: It has no promise, or ``at`` is before the market's last event.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Machine, Market, Mode, Money, PerGpuHour, PriceTerms, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 7, 1, tzinfo=UTC)
    >>> machine = Machine(id=1, host="hanna", gpu_name="H100", gpus=1)
    >>> prices = PriceTerms(gpu=PerGpuHour("3.50"), platform_fee="0.25")
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(machine=machine),
    ...     do.ListMachine(by="hanna", machine=1, prices=prices, sla_claim="0.99"),
    ...     do.AddCredit(account="ann", amount=Money(1000)),
    ...     do.Rent(by="ann", offer=8192, mode=Mode.ON_DEMAND, target="0.95"),
    ...     do.ReportLoaded(contract=2),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> for command, hour in ((do.ReportOffline(machine=1), 12), (do.ReportOnline(machine=1), 17)):
    ...     market, _ = execute(market, command, at + timedelta(hours=hour))
    >>> promise = views.promise_of(market, 2, at + timedelta(days=2))
    >>> for day in promise.days:
    ...     print(f"{day.day:%d}: {float(day.uptime):.1%} up, {day.credit:.2f} back")
    01: 79.2% up, 80.85 back
    02: 100.0% up, 0.00 back
    >>> print(f"{promise.escrow:.2f} to be released, {promise.earned:.2f} so far")
    64.80 to be released, 0.14 so far
    """
    at = not_before(market, at)
    found = instance(market, contract, archive=archive)
    if contract in market.homes:
        market = market_at(market, at, machine=found.contract.machine)
        found = market.living(contract)
    terms = found.contract.sla
    if terms is None:
        raise RuleViolation("contract", "one with a promise of uptime", f"contract {contract}")
    days = tuple(fact.day for fact in found.facts if isinstance(fact, Settled))
    today, held = None, ZERO
    if found.promise is not None:
        rules, machine = market.settings.sla, market.machine(found.contract.machine)
        promise = counted_until(found, machine, at)
        today, _ = day_so_far(promise, Judge(terms, rules), rules)
        held = promise.ledger.at(at)
    return PromiseView(
        contract=found.contract.id,
        terms=terms,
        fee=found.contract.sla_fee_at(at),
        days=days,
        today=today,
        escrow=held,
    )


def uptime_history(
    market: Market,
    machine: MachineId,
    at: datetime,
    *,
    contract: ContractId | None = None,
    archive: Mapping[ContractId, Instance] | None = None,
) -> UptimeHistory:
    """Return when a machine was rented, and when it was down: what a promise is tried on.

    For many machines, look ahead once, with :func:`~numgenius_core.market.views.until`.

    It was rented while an instance of a paying client ran there. Its outages are cut at the edges
    of the maintenance that was announced for them.

    Args:
        market: The market.
        machine: The machine's number.
        at: Until when, from the market's last event on.
        contract: Only the rental of this contract; of all, if left out.
        archive: Where the caller keeps destroyed instances; ``{}`` leaves them out.

    Raises:
        UnknownId: There is no such machine, nor such a contract on it or in the archive.
        RuleViolation: ``at`` is before the market's last event; or the archive is left out, and
            instances that ran there were destroyed.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Machine, Market, Mode, Money, PerGpuHour, PriceTerms, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 7, 1, tzinfo=UTC)
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(machine=Machine(id=1, host="hanna", gpu_name="H100", gpus=1)),
    ...     do.ListMachine(by="hanna", machine=1, prices=PriceTerms(gpu=PerGpuHour("3.50"))),
    ...     do.AddCredit(account="ann", amount=Money(1000)),
    ...     do.Rent(by="ann", offer=8192, mode=Mode.ON_DEMAND),
    ...     do.ReportLoaded(contract=2),
    ...     do.ReportOffline(machine=1),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> history = views.uptime_history(market, 1, at + timedelta(hours=3))
    >>> history.rented_seconds, history.down_seconds
    (10800, 10800)
    """
    at = not_before(market, at)
    state = market_at(market, at, machine=machine).machine(machine)
    if contract is None:
        check_archived(archive, "archive", [state.last_destroyed])
    elif instance(market, contract, archive=archive).contract.machine != machine:
        raise UnknownId("contract", f"a contract of machine {machine}", shown(contract))
    outages = list(state.outages)
    if state.down_since is not None:
        outages += outages_of(state, state.down_since, at)
    known = {**gone_of(archive, "archive", Instance, market.homes), **state.instances}
    return UptimeHistory(
        rentals=tuple(
            span
            for number, each in known.items()
            if each.contract.machine == machine
            and not each.contract.is_free_test
            and contract in (None, number)
            for span in _running(each.history, at)
        ),
        outages=tuple(outages),
        machine=machine,
    )


def _running(history: History, until: datetime) -> Iterator[Interval]:
    """Yield when an instance ran, its machine online or not, before an instant."""
    since: datetime | None = None
    for at, state in (*history.states(), (until, None)):
        if at > until:
            continue
        if since is not None and at > since:
            yield Interval(since, at)
        since = at if state is InstanceState.RUNNING else None


def released(history: History, period: Interval) -> Money:
    """Return what the escrow of a promise released to its host in a period."""
    return Money.sum(
        fact.day.escrow_to_host
        for fact in history.facts
        if isinstance(fact, Settled) and fact.at in period
    )


def direct_lines(history: History, period: Interval) -> tuple[Line, ...]:
    """Return the lines of a period that are paid to the host at once, past any escrow.

    A contract with a promise has such lines after its end: its disk is stored on.
    """
    if history.contract.sla is None:
        return statement(history, period).lines
    end = history.contract.end
    closed = [fact for fact in history.facts if isinstance(fact, Settled) and fact.closes]
    if not closed or end is None or closed[0].at != end or end >= period.end:
        return ()
    return statement(history, Interval(max(end, period.start), period.end)).lines
