"""A decision being made: events so far, the market they lead to, and who runs because of them.

A command has consequences, and these have others: an on-demand rental pauses bids, a destroyed
instance lets them resume. A decision applies each event as it is made, so the next question is
asked of the market as it then is. If anything is refused, the decision is dropped and nothing has
changed: the market that it began with is a value.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from attrs import evolve

from numgenius_core._terms import NO_FLOOR
from numgenius_core.bids.priority import WaitReason
from numgenius_core.contracts.extension import Extended, Extension, ExtensionVerdict, Raise, extend
from numgenius_core.contracts.reasons import Stale
from numgenius_core.errors import InsufficientCredit, NotAllowed, RuleViolation
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.listing import Listing
from numgenius_core.market import events as e
from numgenius_core.market._builder import Builder
from numgenius_core.market._copying import maker
from numgenius_core.market._evolution import apply_event
from numgenius_core.market.instance import (
    LAST,
    ON_DEMAND,
    WAITING,
    Entry,
    Instance,
    entry_of,
    level_of,
    with_present_bid,
)
from numgenius_core.market.state import MachineState
from numgenius_core.money import TICKS_PER_NANO, ZERO, Money
from numgenius_core.rates import PerGpuHour
from numgenius_core.sla.days import Judge
from numgenius_core.sla.schedules import SlaRules
from numgenius_core.sla.terms import SlaTerms

_paused: Final = maker(e.InstancePaused)
_resumed: Final = maker(e.InstanceResumed)
_stopped: Final = maker(e.InstanceStopped)


class Decision:
    """The events that a command is turned into, and the market after them.

    Attributes:
        market: As it is after the events so far.
        at: Their instant.
        events: The events so far.
        begun: How many of them came due before the command.
        verdicts: What the command's listing does to each contract of its machine.
    """

    __slots__ = ("_judges", "_rules", "at", "begun", "events", "market", "verdicts")

    def __init__(self, market: Builder, at: datetime) -> None:
        self.market = market
        self.at: datetime = at
        self.events: list[e.Event] = []
        self.begun: int = 0
        self.verdicts: tuple[ExtensionVerdict, ...] = ()
        self._rules: SlaRules | None = None

    def begin(self) -> None:
        """Begin with the command: what was due before it has happened."""
        self.begun, self.verdicts = len(self.events), ()

    def emit(self, kind: type[e.Event], **facts: Any) -> None:
        """Let something happen now: an event of facts that were checked or worked out here."""
        self.take(maker(kind)(at=self.at, **facts))  # type: ignore[arg-type]  # a class has a hash

    def take(self, event: e.Event) -> None:
        """Let an event happen that was made here, at the decision's instant."""
        apply_event(self.market, event)
        self.events.append(event)

    def next_number(self) -> int:
        """Return a number that nothing in this market has had."""
        return self.market.last + 1

    def judge(self, terms: SlaTerms, rules: SlaRules) -> Judge:
        """Return what days are judged by; it is worked out once for all that share a target."""
        if rules is not self._rules:
            self._rules = rules
            self._judges: dict[int, Judge] = {}
        target = terms.target_parts
        judge = self._judges.get(target)
        if judge is None:
            judge = self._judges[target] = Judge(terms, rules)
        return judge

    # --- who may ----------------------------------------------------------------------------

    def own_machine(self, machine: MachineId, by: AccountId) -> MachineState:
        """Return a host's machine.

        Raises:
            UnknownId: There is no such machine.
            NotAllowed: It is somebody else's.
        """
        found = self.market.machine(machine)
        if found.machine.host != by:
            raise NotAllowed("by", f"the host of machine {machine}", by)
        return found

    def own_instance(self, contract: ContractId, by: AccountId) -> Instance:
        """Return a client's instance.

        Raises:
            UnknownId: There is no such instance.
            NotAllowed: It is somebody else's.
        """
        instance = self.market.living(contract)
        if instance.contract.client != by:
            raise NotAllowed("by", f"the client of contract {contract}", by)
        return instance

    def need_credit(self, account: AccountId, amount: Money = ZERO) -> None:
        """Refuse an account with less than ``amount``, or with nothing.

        Raises:
            InsufficientCredit: It has less.
        """
        there = self.market.account(account).ledger.at(self.at)
        if there <= ZERO or there < amount:
            need = f"a balance of at least ${amount}" if amount else "a balance above zero"
            # Rounded down, so that what is shown is never the amount that is refused.
            found = Money.from_ticks(there.ticks // TICKS_PER_NANO * TICKS_PER_NANO)
            raise InsufficientCredit("account", need, f"${found}")

    def may_wait(self, contract: ContractId) -> None:
        """Refuse an instance that waits for its GPUs where too many do already.

        Raises:
            RuleViolation: The market's settings allow no more; it names which.
        """
        settings = self.market.settings
        if settings.waiting_on_a_machine is None and settings.waiting_of_an_account is None:
            return
        instance = self.market.living(contract)
        if instance.state not in WAITING:
            return
        machine = self.market.machine(instance.contract.machine)
        most = settings.waiting_on_a_machine
        if most is not None and machine.waiting > most:
            need = f"at most {most:,} claims that wait on a machine (waiting_on_a_machine)"
            raise RuleViolation("contract", need, "one more")
        most = settings.waiting_of_an_account
        account = self.market.account(instance.contract.client)
        if most is not None and account.waiting > most:
            need = f"at most {most:,} claims of an account that wait (waiting_of_an_account)"
            raise RuleViolation("contract", need, "one more")

    # --- what follows -----------------------------------------------------------------------

    def rerun(self, machine: MachineId) -> None:
        """Work out who runs on a machine: who has to pause pauses, then who may run resumes."""
        building = self.market.building(machine)
        floor, index = building.state.floor, building.index
        had = index.unsettled(floor)
        if had is None:
            return  # nearly always
        running, holding = index.running(floor), index.holding
        paused = [entry_of(self.market.living(each)) for each in had]
        for entry in sorted(each for each in paused if each is not None):
            self._pause(entry, running, floor)
        for _, _, contract, _ in running:
            if contract not in holding:
                self.take(_resumed(self.at, contract))

    def _pause(self, entry: Entry, running: tuple[Entry, ...], floor: PerGpuHour) -> None:
        """Pause an instance that cannot run, and say why: the reasons of ``bids.explain``."""
        level, _, contract, gpus = entry
        above = [other for other in running if other[3] & gpus and other < entry]
        if above and above[0][0] <= ON_DEMAND:  # what is rented on demand comes first
            why = WaitReason.HELD
        elif level != LAST and level > level_of(floor.steps):
            why = WaitReason.UNDER_FLOOR
        else:
            why = WaitReason.OUTBID
        by = tuple([other for _, _, other, _ in above])
        self.take(_paused(self.at, contract, why, by))

    def stop(self, contract: ContractId, why: e.StopReason) -> None:
        """Stop an instance."""
        self.take(_stopped(self.at, contract, why))

    def extend(self, listing: Listing, *, ask: bool, since: int = 0) -> None:
        """Extend the contracts of a machine by a listing, or ask their clients (G9).

        Args:
            listing: What its host publishes.
            ask: Whether clients are asked where a price is raised.
            since: Contracts up to this number are left as they are.
        """
        machine = self.market.machine(listing.machine.id)
        current = [i for i in machine.in_order() if i.id > since and not i.is_over]
        spared = [i.id for i in current if not i.auto_extension]
        asked = [i.id for i in current if i.increase]
        contracts = [with_present_bid(i) for i in current]
        answer = extend(
            contracts,
            listing,
            at=self.at,
            opted_out=spared,
            asked=asked,
            ask=ask,
            sla=self.market.settings.sla,
        )
        self.verdicts = answer.verdicts
        for verdict in answer.verdicts:
            if isinstance(verdict, Extended):
                self.extended(verdict, listing)
        self._ask(answer)

    def extended(self, verdict: Extended, listing: Listing, raised: tuple[Raise, ...] = ()) -> None:
        """Let a contract be extended, its client having accepted what is ``raised``."""
        contract, prices = verdict.contract.id, listing.prices
        instance = self.market.living(contract)
        if instance.bid is not None and not any(each.part == "min_bid" for each in raised):
            prices = evolve(prices, min_bid=min(prices.min_bid, _accepted_floor(instance)))
        self.emit(
            e.ContractExtended,
            contract=contract,
            old_end=verdict.old_end,
            end=verdict.end,
            prices=prices,
        )

    def _ask(self, answer: Extension) -> None:
        for pending in answer.pending:
            self.emit(
                e.PriceIncreaseAsked,
                increase=self.next_number(),
                contract=pending.contract.id,
                raised=pending.raised,
                new_end=pending.new_end,
            )

    def lapse(self, contract: ContractId, why: Stale) -> None:
        """Let the price increase of a contract, if one waits, be accepted no longer."""
        increase = self.market.living(contract).increase
        if increase:
            self.emit(e.PriceIncreaseLapsed, increase=increase, why=why)

    def lapse_all(self, machine: MachineId, why: Stale) -> None:
        """Let the price increases of a machine be accepted no longer."""
        for increase in sorted(self.market.machine(machine).increases):
            self.emit(e.PriceIncreaseLapsed, increase=increase, why=why)


def _accepted_floor(instance: Instance) -> PerGpuHour:
    """Return the floor that binds a bid after its present end: one that its client accepted."""
    changes = instance.contract.rate_changes
    return changes[-1].prices.min_bid if changes else NO_FLOOR
