"""What a service asks of the money of a market: balances, statements, deposits, earnings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from typing import Final

from attrs import frozen

from numgenius_core._checks import check_kind
from numgenius_core.billing.metering import Line, LineKind
from numgenius_core.billing.statements import Statement, discount_received, statement
from numgenius_core.billing.volumes import volume_statement
from numgenius_core.ids import AccountId, ContractId, MachineId, VolumeId
from numgenius_core.intervals import Interval, utc
from numgenius_core.market._instance_views import (
    account_of,
    check_archived,
    gone_of,
    instance,
    machines_of,
    market_of,
)
from numgenius_core.market._looking_ahead import market_at, market_by, not_before
from numgenius_core.market._promise_views import direct_lines, released
from numgenius_core.market.instance import Instance
from numgenius_core.market.state import Account, MachineState, Market
from numgenius_core.market.volume import RentedVolume
from numgenius_core.money import ZERO, Money
from numgenius_core.prices.deposits import refundable

_GPU: Final = (LineKind.ON_DEMAND, LineKind.RESERVED, LineKind.INTERRUPTIBLE, LineKind.FORFEIT)


def balance(market: Market, account: AccountId, at: datetime) -> Money:
    """Return the balance of an account: credit less what it used, and what it earned.

    For many accounts, look ahead once, with :func:`~numgenius_core.market.views.until`: each
    question lets all happen that is due by then to what can bear on its account.

    Args:
        market: The market.
        account: Whose.
        at: When, from the market's last event on: as it is then if nobody does anything more, so
            what stops at zero costs no more.

    Raises:
        UnknownId: There is no such account.
        RuleViolation: ``at`` is before the market's last event.

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
    market_of(market).account(account)  # refuses one that is not there
    return market_at(market, at, account=account).account(account).ledger.at(utc(at))


def statement_of(
    market: Market,
    contract: ContractId,
    period: Interval,
    *,
    archive: Mapping[ContractId, Instance] | None = None,
) -> Statement:
    """Return what an instance cost in a period, as it is at its end if nobody does anything more.

    What stops at zero, ends or is paused before the end of a period that is not over costs no more,
    as in :func:`balance` of that instant.

    One question of a period that is not over lets all happen that is due by its end to what its
    client rents; more of the same client and end, one after the other, let it happen once. For
    many clients or ends, ask the market of :func:`~numgenius_core.market.views.until` that end.

    Args:
        market: The market.
        contract: Its number.
        period: When; it may end after the market's last event.
        archive: Where the caller keeps destroyed instances.

    Raises:
        UnknownId: There is no such instance, nor one in the archive.

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
    found = instance(market, contract, archive=archive)
    check_kind(period, Interval, "period")
    if contract in market.homes:
        found = market_by(market, period.end, found.contract.client).living(contract)
    return statement(found.history, period)


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
    """Return the deposit of an instance that exists, or is in the archive.

    For many clients, look ahead once, with :func:`~numgenius_core.market.views.until`
    (:func:`statement_of` says why).

    Args:
        market: The market.
        contract: Its number.
        at: When, from the market's last event on: as it is then if nobody does anything more.
        archive: Where the caller keeps destroyed instances.

    Raises:
        UnknownId: There is no such instance, nor one in the archive.
        RuleViolation: ``at`` is before the market's last event.

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
    if contract in market.homes:
        found = market_at(market, at, account=found.contract.client).living(contract)
    at = not_before(market, at)
    left = found.deposit.at(at)
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

    The state forgets what was destroyed and what it earned, but not when that was: where something
    is missing, an archive has to be given. An empty one, ``{}``, says that it is left out.

    Of a period that is not over it is what will have been earned if nobody does anything more: from
    a client whose balance runs out, nothing then, as in :func:`balance` of that instant.

    What happens at the end of the period is not in it. The escrow of a promise releases at
    midnight, so the release of the midnight at which a period ends is the first of the next one,
    while a balance or a payout at that midnight has it: to hold them against each other, take
    ``sla`` of a period that ends a second later.

    Args:
        market: The market.
        host: Whose machines.
        period: When; it may end after the market's last event.
        archive: Where the caller keeps destroyed instances, such as ``Writer.instances``. It may
            know more than the market (take the market first, then the archive, if others write
            meanwhile): what is in both counts once, as the market has it.
        volumes: Where it keeps deleted volumes, such as ``Writer.volumes``; the same holds.

    Raises:
        UnknownId: There is no such account.
        RuleViolation: An archive is left out, and what has earned in the period may be gone.

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
    account_of(market, host)  # refuses one that is not there
    check_kind(period, Interval, "period")
    destroyed = gone_of(archive, "archive", Instance, market.homes)
    deleted = gone_of(volumes, "volumes", RentedVolume, market.volumes)
    market = market_by(market, period.end, host)
    machines = machines_of(market, host)
    parts: tuple[Account | MachineState, ...] = (market.account(host), *machines)
    check_archived(archive, "archive", (each.last_destroyed for each in parts), period.start)
    check_archived(volumes, "volumes", (each.last_deleted for each in parts), period.start)
    lines: dict[MachineId, list[Line]] = {state.id: [] for state in machines}
    settled: dict[MachineId, Money] = {}
    living = (each for state in machines for each in state.in_order())
    for each in (*living, *destroyed.values()):
        if each.contract.host == host:  # the machine may have another host by now
            found = lines.setdefault(each.contract.machine, [])
            found += direct_lines(each.history, period)
            if each.contract.sla is not None:
                earned = settled.get(each.contract.machine, ZERO)
                settled[each.contract.machine] = earned + released(each.history, period)
    rented = (each for state in machines for each in state.volumes.values())
    for kept in (*rented, *deleted.values()):
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
