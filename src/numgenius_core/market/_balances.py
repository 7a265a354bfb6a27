"""Balances: thresholds that they fall to, and what may be deleted when they are long below zero.

Rule (marketplace): an account may set a balance at which its card is charged automatically, when
the balance drops to it or below, and one at which it gets a notice, which it may switch off and on.
At zero its instances stop; storage goes on, and the balance becomes negative. Without a card,
instances and volumes are deleted after a grace buffer in proportion to the average daily spend: a
permission here, never automatic.

Our readings: the average is of what the account's instances and volumes that exist have cost in the
last 30 days, or since the first of them began, at least a day; where credits for a promise that was
missed are more than that, nothing. A host's free test costs nothing and is not deleted. Both
thresholds are told before the balance runs out, at one instant.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

from numgenius_core.billing.grace import allowed_debt
from numgenius_core.billing.statements import statement
from numgenius_core.billing.volumes import volume_statement
from numgenius_core.errors import RuleViolation
from numgenius_core.ids import AccountId, MachineId
from numgenius_core.intervals import Interval, total_seconds
from numgenius_core.market import _balance_messages as b, events as e
from numgenius_core.market._builder import Builder
from numgenius_core.market._clock import destroy_instance
from numgenius_core.market._decision import Decision
from numgenius_core.money import ZERO, Money

AVERAGED: Final = timedelta(days=30)
"""Over how long at most a daily spend is averaged."""
_DAY: Final = 86_400


def set_thresholds(decision: Decision, command: b.SetThresholds) -> None:
    decision.market.account(command.by)  # refuses one that is not there
    for name in ("charge", "notice"):
        threshold = getattr(command, name)
        if threshold is not None and threshold < ZERO:
            raise RuleViolation(name, "zero dollars or more", str(threshold))
    decision.emit(
        b.ThresholdsSet,
        account=command.by,
        charge=command.charge,
        notice=command.notice,
        notice_enabled=command.notice_enabled,
    )


def daily_spend(market: Builder, name: AccountId, at: datetime) -> Money:
    """Return what the instances and volumes of an account that exist cost a day on average."""
    account, since = market.account(name), at - AVERAGED
    instances = [market.living(each).history for each in account.instances]
    volumes = [market.volume(each).history for each in account.volumes]
    starts = [each.contract.start for each in instances]
    starts += [each.contract.start for each in volumes]
    since = max(since, min(starts, default=at))
    if since >= at:
        return ZERO
    period = Interval(since, at)
    spent = Money.sum(statement(each, period).total for each in instances)
    spent += Money.sum(volume_statement(each, period).total for each in volumes)
    # A credit on the first day may be for the day before, whose cost is not counted.
    return max(spent, ZERO).scaled(Fraction(_DAY, max(_DAY, total_seconds(since, at))))


def delete_unpaid(decision: Decision, command: b.DeleteUnpaid) -> None:
    market, name = decision.market, command.account
    account = market.account(name)
    debt = -account.ledger.at(decision.at)
    grace = allowed_debt(market.settings.grace, daily_spend(market, name, decision.at))
    if debt <= grace:
        need = f"an account with a debt above its grace of ${grace}"
        raise RuleViolation("account", need, f"${max(debt, ZERO)}")
    machines: dict[MachineId, None] = {}
    for contract in sorted(account.instances):
        terms = market.living(contract).contract
        if not terms.is_free_test:
            destroy_instance(decision, contract)
            machines[terms.machine] = None
    for volume in sorted(account.volumes):
        terms_of = market.volume(volume).contract
        used = market.machine(terms_of.machine).users_of(volume)
        if not (terms_of.is_free_test or used):
            decision.emit(e.VolumeDeleted, volume=volume)
    for machine in machines:
        decision.rerun(machine)
