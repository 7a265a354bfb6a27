"""What a service asks of a market: offers, instances, balances, statements, earnings.

Nothing here changes anything, and no answer is stored: each follows from the state and the instant
asked for, by the same rules that decide commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

from attrs import evolve, frozen

from numgenius_core._checks import check_kind
from numgenius_core.bids.priority import Resolution, Verdict, explain, winning_bid
from numgenius_core.billing.metering import Line, LineKind
from numgenius_core.billing.statements import Statement, discount_received, statement
from numgenius_core.billing.volumes import volume_statement
from numgenius_core.contracts.extension import PendingIncrease
from numgenius_core.errors import RuleViolation
from numgenius_core.ids import AccountId, ContractId, MachineId, OfferId, VolumeId
from numgenius_core.intervals import Interval, utc
from numgenius_core.listing import Mode
from numgenius_core.market._clock import advance_to
from numgenius_core.market._notifications import Notification, notifications
from numgenius_core.market._preview import Preview, preview
from numgenius_core.market._promise_views import (
    PromiseView,
    direct_lines,
    promise_of,
    released,
    uptime_history,
)
from numgenius_core.market._relisting import TermChange, TermOrigin
from numgenius_core.market._renting import AN_OFFER, find_offer
from numgenius_core.market._runway import Runway, SpendRate, runway, spend_rate
from numgenius_core.market._transfers import payouts_due
from numgenius_core.market._volume_views import (
    VolumeOffer,
    volume,
    volume_offers,
    volume_statement_of,
    volumes_of,
)
from numgenius_core.market.instance import Instance
from numgenius_core.market.state import Account, MachineState, Market, found_in
from numgenius_core.market.volume import RentedVolume
from numgenius_core.money import ZERO, Money
from numgenius_core.offer import Offer
from numgenius_core.prices.deposits import refundable
from numgenius_core.prices.quotes import Quote
from numgenius_core.prices.ranking import rank_offers
from numgenius_core.rates import PerHour
from numgenius_core.units import Amount

__all__ = [
    "DepositView",
    "Earnings",
    "Notification",
    "Preview",
    "PromiseView",
    "Runway",
    "SpendRate",
    "TermChange",
    "TermOrigin",
    "VolumeOffer",
    "balance",
    "deposit_of",
    "earnings",
    "increases_of",
    "instance",
    "instances_of",
    "is_host",
    "machine",
    "machines_of",
    "notifications",
    "offer",
    "offers",
    "payouts_due",
    "preview",
    "promise_of",
    "quotes",
    "runway",
    "spend_rate",
    "statement_of",
    "until",
    "uptime_history",
    "volume",
    "volume_offers",
    "volume_statement_of",
    "volumes_of",
    "who_runs",
    "why_waiting",
    "winning_bid_of",
]

_GPU: Final = (LineKind.ON_DEMAND, LineKind.RESERVED, LineKind.INTERRUPTIBLE, LineKind.FORFEIT)


def _market(market: Market) -> Market:
    check_kind(market, Market, "market")
    return market


def until(market: Market, at: datetime) -> Market:
    """Return the market once everything that is due up to ``at`` has happened.

    A view shows the state as it is; this is how to ask what it would show later.

    Raises:
        WrongType: ``at`` is no datetime.
        RuleViolation: It is before the market's last event.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Machine, Market, Mode, Money, PerGpuHour, PriceTerms, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4)),
    ...     do.ListMachine(by="hanna", machine=1, prices=PriceTerms(gpu=PerGpuHour("2.00"))),
    ...     do.AddCredit(account="ann", amount=Money(2)),
    ...     do.Rent(by="ann", offer=8192, mode=Mode.ON_DEMAND),
    ...     do.ReportLoaded(contract=2),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> later = at + timedelta(hours=1)
    >>> views.instance(market, 2).state, views.instance(views.until(market, later), 2).state
    (<InstanceState.RUNNING: 'running'>, <InstanceState.STOPPED: 'stopped'>)
    """
    at = utc(at, "at")
    if at < _market(market).now:
        raise RuleViolation("at", f"an instant from {market.now} on", str(at))
    return advance_to(market, at).market.market()


# --- offers ---------------------------------------------------------------------------------


def offers(market: Market, at: datetime, *, machine: MachineId | None = None) -> tuple[Offer, ...]:
    """Return the offers of all listed machines, or of one, in the order of their numbers.

    Those that cannot be rented on demand are among them, since a bid can be made on any:
    ``Offer.rentable`` tells. ``prices.min_bid`` is the quoted one, and the disk is the offer's
    share of what is available.

    Args:
        market: The market.
        at: Now; a rolling end counts from it.
        machine: Only this machine's.

    Raises:
        UnknownId: There is no such machine.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Machine, Market, PerGpuHour, PriceTerms, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4)),
    ...     do.ListMachine(by="hanna", machine=1, prices=PriceTerms(gpu=PerGpuHour("2.00"))),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> [(offer.id, offer.gpus) for offer in views.offers(market, at)]
    [(8192, 1), (8193, 1), (8194, 1), (8195, 1), (8196, 2), (8197, 2), (8198, 4)]
    """
    at = utc(at, "at")
    if machine is not None:
        return _offers_of(_market(market).machine(machine), at)
    listed = (
        market.machines[market.listings[number]] for number in sorted(_market(market).listings)
    )
    return tuple(each for state in listed for each in _offers_of(state, at))


def offer(market: Market, id: OfferId, at: datetime) -> Offer:  # noqa: A002 - as the field
    """Return one offer.

    Raises:
        UnknownId: There is no such offer, or no longer.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Machine, Market, PerGpuHour, PriceTerms, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4)),
    ...     do.ListMachine(by="hanna", machine=1, prices=PriceTerms(gpu=PerGpuHour("2.00"))),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> offer = views.offer(market, 8192, at)
    >>> offer.gpus, offer.host
    (1, 'hanna')
    """
    machine, _, _ = find_offer(_market(market), id)
    found = {each.id: each for each in _offers_of(machine, utc(at, "at"))}
    return found_in(found, id, "offer", AN_OFFER)


def _offers_of(machine: MachineState, at: datetime) -> tuple[Offer, ...]:
    listing = machine.listing
    if listing is None or listing.rolling is None:
        return machine.offers
    try:
        end = listing.end_at(at)
    except RuleViolation:  # beyond the calendar: no contract can be made, as if it had ended
        return ()
    return tuple(evolve(each, ends_at=end) for each in machine.offers)


def quotes(
    market: Market,
    at: datetime,
    duration: timedelta,
    *,
    mode: Mode = Mode.ON_DEMAND,
    disk: Amount = 0,
) -> tuple[Quote, ...]:
    """Return what a stay costs on each offer that can be rented so, the cheapest first.

    Args:
        market: The market.
        at: Now: an offer must last as long as the stay.
        duration: Of the stay.
        mode: On-demand and reserved need an offer whose GPUs nobody has rented, and reserved one
            of a verified machine: it is quoted with the discount of the duration, which is none
            where the host gives none. Interruptible is quoted at the lowest bid that is taken.
        disk: GB wanted; an offer must have as much.

    Raises:
        WrongType: ``duration`` is no ``timedelta``, ``at`` no ``datetime``, ``mode`` no ``Mode``
            or ``disk`` no number.
        RuleViolation: As for :func:`numgenius_core.prices.quote`.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Machine, Market, PerGpuHour, PriceTerms, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4)),
    ...     do.ListMachine(by="hanna", machine=1, prices=PriceTerms(gpu=PerGpuHour("2.00"))),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> cheapest, *_, dearest = views.quotes(market, at, timedelta(hours=10))
    >>> print(cheapest.offer.gpus, cheapest.total, dearest.offer.gpus, dearest.total)
    1 20.00 4 80.00
    """
    return rank_offers(offers(market, at), duration, now=at, mode=mode, disk=disk).quotes


# --- machines and accounts ------------------------------------------------------------------


def machine(market: Market, id: MachineId) -> MachineState:  # noqa: A002 - as the field
    """Return a machine; raises ``UnknownId``.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Machine, Market, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> machine = Machine(id=1, host="hanna", gpu_name="A100", gpus=4)
    >>> market, _ = execute(Market(), do.AddMachine(machine=machine), at)
    >>> views.machine(market, 1).machine.gpu_name, views.machine(market, 1).listing is None
    ('A100', True)
    """
    return _market(market).machine(id)


def machines_of(market: Market, host: AccountId) -> tuple[MachineState, ...]:
    """Return the machines of an account, in the order it added them; none of an unknown one.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Machine, Market, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> machine = Machine(id=1, host="hanna", gpu_name="A100", gpus=4)
    >>> market, _ = execute(Market(), do.AddMachine(machine=machine), at)
    >>> [machine.id for machine in views.machines_of(market, "hanna")]
    [1]
    """
    account = _account(market, host)
    return tuple(market.machines[each] for each in account.machines) if account else ()


def _account(market: Market, name: AccountId) -> Account | None:
    """Return an account, ``None`` if nobody has this name."""
    check_kind(name, str, "account")
    found: Account | None = _market(market).accounts.get(name)
    return found


def is_host(market: Market, account: AccountId) -> bool:
    """Return whether an account is a host's: whether it has machines.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Machine, Market, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> machine = Machine(id=1, host="hanna", gpu_name="A100", gpus=4)
    >>> market, _ = execute(Market(), do.AddMachine(machine=machine), at)
    >>> views.is_host(market, "hanna"), views.is_host(market, "ann")
    (True, False)
    """
    found = _account(market, account)
    return found is not None and bool(found.machines)


def balance(market: Market, account: AccountId, at: datetime) -> Money:
    """Return the balance of an account: credit less what it used, and what it earned.

    Raises:
        UnknownId: There is no such account.

    >>> from datetime import UTC, datetime, timedelta
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
    >>> print(views.balance(market, "ann", at + timedelta(hours=1)))
    8.00
    """
    found: Account = _market(market).account(account)
    return found.ledger.at(utc(at, "at"))


# --- instances ------------------------------------------------------------------------------


def instance(
    market: Market, contract: ContractId, *, archive: Mapping[ContractId, Instance] | None = None
) -> Instance:
    """Return an instance that exists, or one that was destroyed.

    Args:
        market: The market.
        contract: Its number.
        archive: Where the caller keeps destroyed instances: the state forgets them.

    Raises:
        UnknownId: There is no such instance, nor one in the archive.

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
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> views.instance(market, 2).state
    <InstanceState.LOADING: 'loading'>
    """
    check_kind(contract, int, "contract")
    if archive is not None and contract not in _market(market).homes and contract in archive:
        return archive[contract]
    return _market(market).living(contract)


def instances_of(market: Market, client: AccountId) -> tuple[Instance, ...]:
    """Return the instances of an account that exist, the oldest first; none of an unknown one.

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
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> [(instance.id, instance.state.value) for instance in views.instances_of(market, "ann")]
    [(2, 'loading')]
    """
    account = _account(market, client)
    return tuple(market.living(each) for each in sorted(account.instances)) if account else ()


def who_runs(market: Market, machine: MachineId) -> Resolution:
    """Return who runs and who waits on a machine, with the reasons; raises ``UnknownId``.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import (
    ...     Machine, Market, Mode, Money, PerGpuHour, PerHour, PriceTerms, execute,
    ... )
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4)),
    ...     do.ListMachine(by="hanna", machine=1, prices=PriceTerms(gpu=PerGpuHour("2.00"))),
    ...     do.AddCredit(account="ann", amount=Money(10)),
    ...     do.Rent(by="ann", offer=8192, mode=Mode.INTERRUPTIBLE, bid=PerHour("0.90")),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> answer = views.who_runs(market, 1)
    >>> answer.runs(2), answer.waiting
    (True, ())
    """
    return _market(market).machine(machine).resolution


def why_waiting(market: Market, contract: ContractId) -> Verdict:
    """Return why an instance waits for its GPUs, and the bid that would win them.

    Raises:
        UnknownId: There is no such instance.
        RuleViolation: It does not wait.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import (
    ...     Machine, Market, Mode, Money, PerGpuHour, PerHour, PriceTerms, execute,
    ... )
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4)),
    ...     do.ListMachine(by="hanna", machine=1, prices=PriceTerms(gpu=PerGpuHour("2.00"))),
    ...     do.AddCredit(account="ann", amount=Money(10)),
    ...     do.AddCredit(account="bob", amount=Money(10)),
    ...     do.Rent(by="ann", offer=8192, mode=Mode.INTERRUPTIBLE, bid=PerHour("0.90")),
    ...     do.Rent(by="bob", offer=8192, mode=Mode.INTERRUPTIBLE, bid=PerHour("0.80")),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> verdict = views.why_waiting(market, 3)
    >>> print(verdict.why.value, verdict.winning_bid)
    outbid 0.900000001
    """
    found = _market(market).living(contract)
    if not found.claims:
        got = f"one that is {found.state.value}"
        raise RuleViolation(f"contract {contract}", "an instance that waits", got)
    answer = who_runs(market, found.contract.machine)
    return explain(found.claim, answer.running, answer.floor)


def winning_bid_of(market: Market, offer: OfferId) -> PerHour | None:
    """Return the lowest bid that would run on an offer now, ``None`` if none would.

    Raises:
        UnknownId: There is no such offer.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import (
    ...     Machine, Market, Mode, Money, PerGpuHour, PerHour, PriceTerms, execute,
    ... )
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4)),
    ...     do.ListMachine(by="hanna", machine=1, prices=PriceTerms(gpu=PerGpuHour("2.00"))),
    ...     do.AddCredit(account="ann", amount=Money(10)),
    ...     do.Rent(by="ann", offer=8192, mode=Mode.INTERRUPTIBLE, bid=PerHour("0.90")),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> print(views.winning_bid_of(market, 8192))
    0.900000001
    """
    found, _, block = find_offer(_market(market), offer)
    return winning_bid(block, found.running, found.floor)


def increases_of(market: Market, client: AccountId) -> tuple[tuple[int, PendingIncrease], ...]:
    """Return the price increases that wait for an account, with their numbers, oldest first.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Machine, Market, Mode, Money, PerGpuHour, PriceTerms, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> end, later = at + timedelta(days=30), at + timedelta(days=60)
    >>> low, high = PriceTerms(gpu=PerGpuHour("2.00")), PriceTerms(gpu=PerGpuHour("2.50"))
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4)),
    ...     do.ListMachine(by="hanna", machine=1, prices=low, end=end),
    ...     do.AddCredit(account="ann", amount=Money(10)),
    ...     do.Rent(by="ann", offer=8192, mode=Mode.ON_DEMAND),
    ...     do.ListMachine(by="hanna", machine=1, prices=high, end=later),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> for number, pending in views.increases_of(market, "ann"):
    ...     print(number, *pending.raised)
    4 gpu 2.00 → 2.50
    """
    numbers = sorted(each.increase for each in instances_of(market, client) if each.increase)
    return tuple((number, market.asking(number).increases[number]) for number in numbers)


# --- money ----------------------------------------------------------------------------------


def statement_of(
    market: Market,
    contract: ContractId,
    period: Interval,
    *,
    archive: Mapping[ContractId, Instance] | None = None,
) -> Statement:
    """Return what an instance cost in a period, as far as is known: as if nothing more happens.

    Raises:
        UnknownId: There is no such instance, nor one in the ``archive``.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import (
    ...     Interval, Machine, Market, Mode, Money, PerGpuHour, PriceTerms, execute,
    ... )
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
    >>> hour = Interval(at, at + timedelta(hours=1))
    >>> print(views.statement_of(market, 2, hour).total)
    2.00
    """
    return statement(instance(market, contract, archive=archive).history, period)


@frozen(kw_only=True)
class DepositView:
    """What became of the prepayments of an instance.

    Attributes:
        left: What is left of them.
        refund: What would come back if the instance were destroyed now.
        months: Time that the last prepayment reserved, 720-hour months; 0 without one.
        discount: The share taken off the GPU price while the deposit lasts.
        discount_received: What the discount has saved since the present reservation began.
    """

    left: Money
    refund: Money
    months: Fraction
    discount: Fraction
    discount_received: Money


def deposit_of(
    market: Market,
    contract: ContractId,
    at: datetime,
    *,
    archive: Mapping[ContractId, Instance] | None = None,
) -> DepositView:
    """Return the deposit of an instance that exists, or is in the archive; raises ``UnknownId``.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import (
    ...     Machine, Market, Mode, Money, PerGpuHour, PriceTerms, Verification, execute,
    ... )
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4)),
    ...     do.ListMachine(by="hanna", machine=1, prices=PriceTerms(gpu=PerGpuHour("2.00"))),
    ...     do.SetVerification(machine=1, verification=Verification.VERIFIED),
    ...     do.AddCredit(account="ann", amount=Money(5000)),
    ...     do.Rent(by="ann", offer=8192, mode=Mode.ON_DEMAND),
    ...     do.ReportLoaded(contract=2),
    ...     do.Prepay(by="ann", contract=2, amount=Money(1000)),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> deposit = views.deposit_of(market, 2, at + timedelta(hours=10))
    >>> print(deposit.left, deposit.refund, deposit.discount_received)
    983.67782896 979.816108552 3.67782896
    """
    found = instance(market, contract, archive=archive)
    left = max(found.deposit.at(utc(at, "at")), ZERO)
    received = discount_received(found.history, at=at)
    return DepositView(
        left=left,
        refund=refundable(left, received),
        months=found.months,
        discount=found.discount,
        discount_received=received,
    )


@frozen(kw_only=True)
class Earnings:
    """What a machine earned for its host in a period, the platform's fee taken off.

    Attributes:
        machine: The machine.
        gpu: For GPU time, and for deposits kept back.
        storage: For disk.
        upload: For bytes its instances sent.
        download: For bytes they received.
        volumes: For volumes.
        sla: What the escrows of contracts with a promise released, all that these pay the host.
    """

    machine: MachineId
    gpu: Money
    storage: Money
    upload: Money
    download: Money
    volumes: Money = ZERO
    sla: Money = ZERO

    @property
    def total(self) -> Money:
        """All of it."""
        direct = self.gpu + self.storage + self.upload + self.download
        return direct + self.volumes + self.sla


def earnings(
    market: Market,
    host: AccountId,
    period: Interval,
    *,
    archive: Mapping[ContractId, Instance] | None = None,
    volumes: Mapping[VolumeId, RentedVolume] | None = None,
) -> tuple[Earnings, ...]:
    """Return what each machine of a host earned in a period, with what the archives have of it.

    So are machines that it took away since, if they earned something. It goes through all
    instances and volumes there ever were: a report, not a question for every request.

    Args:
        market: The market.
        host: Whose machines.
        period: When.
        archive: Where the caller keeps destroyed instances.
        volumes: Where it keeps deleted volumes.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import (
    ...     Interval, Machine, Market, Mode, Money, PerGpuHour, PriceTerms, execute,
    ... )
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
    >>> hour = Interval(at, at + timedelta(hours=1))
    >>> [earned] = views.earnings(market, "hanna", hour)
    >>> print(earned.machine, earned.gpu, earned.total)
    1 2.00 2.00
    """
    machines = machines_of(market, host)
    lines: dict[MachineId, list[Line]] = {state.id: [] for state in machines}
    settled: dict[MachineId, Money] = {}
    living = (each for state in machines for each in state.in_order())
    for each in (*living, *(archive or {}).values()):
        if each.contract.host == host:  # the machine may have another host by now
            found = lines.setdefault(each.contract.machine, [])
            found += direct_lines(each.history, period)
            if each.contract.sla is not None:
                earned = settled.get(each.contract.machine, ZERO)
                settled[each.contract.machine] = earned + released(each.history, period)
    rented = (each for state in machines for each in state.volumes.values())
    for kept in (*rented, *(volumes or {}).values()):
        if kept.contract.host == host:
            found = lines.setdefault(kept.contract.machine, [])
            found += volume_statement(kept.history, period).lines
    return tuple(
        Earnings(
            machine=machine,
            gpu=_payout(found, *_GPU),
            storage=_payout(found, LineKind.STORAGE),
            upload=_payout(found, LineKind.UPLOAD),
            download=_payout(found, LineKind.DOWNLOAD),
            volumes=_payout(found, LineKind.VOLUME),
            sla=settled.get(machine, ZERO),
        )
        for machine, found in lines.items()
    )


def _payout(lines: list[Line], *kinds: LineKind) -> Money:
    return Money.sum(line.amount - line.fee for line in lines if line.kind in kinds)
