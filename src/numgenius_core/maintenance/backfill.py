"""Planned maintenance that disturbs nobody: rent until the last client leaves, then maintain.

Rule (hosting guide, G11): "wait until all active contracts have expired or the machine is vacant".
Unlisting prevents new contracts. With a current rental, set the end date to the client end date
(G4), so that others can rent until the same date; once it is reached, unlist, then maintain.

Our readings: the host's own tests (G10) do not keep it from maintaining. A listing that ends before
the client end date is set to that date too: the machine earns until then. A contract whose client
was asked for a higher price, and has not answered, may end as late as the increase says: that is
when the last client may leave. A rolling end stands still from the first step on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import Enum

from attrs import evolve, field, frozen

from numgenius_core._checks import as_tuple, check_kind
from numgenius_core._numbers import length_in_seconds
from numgenius_core._tables import Tabular
from numgenius_core._tables.result import ResultTable
from numgenius_core.contracts.contract import Contract, check_contracts
from numgenius_core.contracts.extension import Extended, PendingIncrease, extend, staleness
from numgenius_core.errors import RuleViolation, brief
from numgenius_core.ids import ContractId, MachineId
from numgenius_core.intervals import Interval, after, utc
from numgenius_core.listing import Listing


class PlanAction(Enum):
    """What a host does in a step of planned maintenance (hosting guide, G11)."""

    SET_END = "set the listing's end date"
    WAIT = "wait"
    UNLIST = "unlist"
    MAINTAIN = "maintain"
    RELIST = "relist"


@frozen(kw_only=True)
class PlanStep:
    """A step of planned maintenance: what to do, and when.

    Attributes:
        action: What the host does.
        at: When it is done, or begins.
        until: When waiting or maintaining ends; of an end date, the date; else ``None``.
    """

    action: PlanAction
    at: datetime
    until: datetime | None = None


@frozen(kw_only=True)
class BackfillPlan(Tabular):
    """Planned maintenance of a machine by the guide (G11).

    Attributes:
        machine: The machine.
        steps: In order of time.
        window: When the machine is down; no client contract is left by then.
        client_end: The listing's end date until then, when the last client has left; ``None`` if
            the machine is vacant.
        waiting_for: The contracts in force now, those that may end last first.
        extends: Those that setting the listing's end date would extend (G9), in the order given.
        asks: Those whose client it would ask for a higher price instead, in the same order.
    """

    machine: MachineId
    steps: tuple[PlanStep, ...] = field(repr=brief)
    window: Interval
    client_end: datetime | None
    waiting_for: tuple[ContractId, ...] = field(repr=brief)
    extends: tuple[ContractId, ...] = field(default=(), repr=brief)
    asks: tuple[ContractId, ...] = field(default=(), repr=brief)

    def _rows(self) -> Iterable[object]:
        return self.steps

    def table(self) -> ResultTable:
        """Return a row for each step: what to do, when, and until when."""
        rows = [
            (
                step.action.value,
                f"{step.at:%Y-%m-%d %H:%M:%S}",
                "" if step.until is None else f"{step.until:%Y-%m-%d %H:%M:%S}",
            )
            for step in self.steps
        ]
        told = [
            f"{name}: {', '.join(map(str, ids))}"
            for name, ids in (
                ("contracts waited for", self.waiting_for),
                ("extended", self.extends),
                ("asked", self.asks),
            )
            if ids
        ]
        title = f"machine {self.machine}; {'; '.join(told) or 'vacant'}"
        head = ("do", "at (UTC)", "until (UTC)")
        return ResultTable(title=title, head=head, rows=tuple(rows))


def backfill_plan(
    listing: Listing,
    contracts: Iterable[Contract],
    length: timedelta,
    *,
    now: datetime,
    opted_out: Iterable[ContractId] = (),
    increases: Iterable[PendingIncrease] = (),
) -> BackfillPlan:
    """Return the steps of planned maintenance that disturbs nobody (G11).

    With a current rental, others can rent until the same date meanwhile. The new end date extends
    each contract that ends before it and whose prices it does not raise (G9): never past the client
    end date. The plan names these, and those whose client would be asked.

    A client who was asked for a higher price before may still accept, whatever is published by
    :class:`~numgenius_core.market.commands.Relist` meanwhile, and then stays until the end that it
    was asked for: the plan waits until then. Once it has answered, plan anew. Listing the machine
    by :class:`~numgenius_core.market.commands.ListMachine` takes the question back.

    The plan is true from ``now`` on if its first step is done then: a rolling end stands still from
    there, and until then each day moves the contracts' ends on.

    Args:
        listing: The machine as published now.
        contracts: The machine's contracts; those that have ended do not matter.
        length: How long the machine will be down, whole seconds.
        now: The instant at which the plan is made.
        opted_out: Contracts whose client does not want to be extended.
        increases: The price increases of the machine that wait for a client, such as
            ``views.machine(market, 7).increases.values()``; those that are stale do not matter.

    Raises:
        RuleViolation: A client contract never ends, or would not if its client accepts, so there is
            no end to wait for; the contract of another machine; or a length of zero.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Block, Listing, Machine, PerGpuHour, PriceTerms, agree
    >>> from numgenius_core.maintenance import backfill_plan
    >>> now = datetime(2026, 1, 5, tzinfo=UTC)
    >>> machine = Machine(id=7, host="hanna", gpu_name="A100", gpus=4)
    >>> prices, end = PriceTerms(gpu=PerGpuHour("2.00")), now + timedelta(days=2)
    >>> listing = Listing(machine=machine, prices=prices, end=end)
    >>> contract = agree(listing, Block(start=0, size=2), id=1, client="ann", at=now)
    >>> for step in backfill_plan(listing, [contract], timedelta(hours=4), now=now).steps:
    ...     print(step.at.date(), step.action.value)
    2026-01-05 set the listing's end date
    2026-01-05 wait
    2026-01-07 unlist
    2026-01-07 maintain
    2026-01-07 relist
    """
    check_kind(listing, Listing, "listing")
    length_in_seconds(length)
    now, machine = utc(now, "now"), listing.machine.id
    active = [
        contract
        for contract in check_contracts(contracts, machine)
        if not contract.is_free_test and (contract.end is None or contract.end > now)
    ]
    ends = _latest_ends(active, increases, machine, now)
    vacant = max(ends, default=None)
    down = now if vacant is None else vacant
    window = Interval(down, after(down, length, "length"))
    waiting = (
        PlanStep(action=PlanAction.SET_END, at=now, until=vacant),
        PlanStep(action=PlanAction.WAIT, at=now, until=vacant),
    )
    moved = extend(
        active if vacant else (),
        evolve(listing, end=vacant, rolling=None),
        at=now,
        opted_out=opted_out,
        asked=[each.id for each, end in zip(active, ends, strict=True) if end != each.end],
    ).verdicts
    by_end = sorted(zip(ends, (each.id for each in active), strict=True), reverse=True)
    return BackfillPlan(
        machine=machine,
        steps=(
            *(waiting if vacant else ()),
            PlanStep(action=PlanAction.UNLIST, at=window.start),
            PlanStep(action=PlanAction.MAINTAIN, at=window.start, until=window.end),
            PlanStep(action=PlanAction.RELIST, at=window.end),
        ),
        window=window,
        client_end=vacant,
        waiting_for=tuple(contract for _, contract in by_end),
        extends=tuple(each.contract.id for each in moved if type(each) is Extended),
        asks=tuple(each.contract.id for each in moved if type(each) is PendingIncrease),
    )


def _latest_ends(
    active: Sequence[Contract],
    increases: Iterable[PendingIncrease],
    machine: MachineId,
    now: datetime,
) -> list[datetime]:
    """Return when each contract ends at the latest: as agreed, or as its client was asked."""
    pending = as_tuple(increases, "increases")
    for index, each in enumerate(pending):
        check_kind(each, PendingIncrease, f"increases[{index}]")
    check_contracts((each.contract for each in pending), machine, "increases")
    asked = {each.contract.id: each for each in pending}
    ends, endless = list[datetime](), list[str]()
    for contract in active:
        increase = asked.get(contract.id)
        waits = increase is not None and staleness(increase, contract, at=now) is None
        end = increase.new_end if increase is not None and waits else contract.end
        if end is None:
            endless.append(f"{contract.id}{' if its client accepts' if waits else ''}")
        else:
            ends.append(end)
    if endless:
        need = "an end of every contract to wait for"
        raise RuleViolation("contracts", need, f"none of contract {', '.join(endless)}")
    return ends
