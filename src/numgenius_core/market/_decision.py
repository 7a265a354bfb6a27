"""A decision being made: events so far, the market they lead to, and who runs because of them.

A command has consequences, and these have others: an on-demand rental pauses bids, a destroyed
instance lets them resume. A draft applies each event as it is decided, so the next question is
asked of the market as it then is. If anything is refused, the draft is dropped and nothing changed.
"""

from __future__ import annotations

from datetime import datetime

from attrs import evolve

from numgenius_core.bids.priority import Claim, Rank, explain
from numgenius_core.contracts.contract import Contract
from numgenius_core.contracts.extension import Extended, Extension, Raise, Stale, extend
from numgenius_core.contracts.life import InstanceState
from numgenius_core.errors import InsufficientCredit, NotAllowed
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.listing import NO_FLOOR, Listing
from numgenius_core.market import events as e
from numgenius_core.market._evolution import apply_event
from numgenius_core.market.instance import Instance
from numgenius_core.market.state import MachineState, Market
from numgenius_core.money import ZERO, Money
from numgenius_core.rates import PerGpuHour


class Decision:
    """The events that a command is turned into, and the market after them.

    Attributes:
        market: As it is after the events so far.
        at: Their instant.
        events: The events so far.
    """

    __slots__ = ("at", "events", "market")

    def __init__(self, market: Market, at: datetime) -> None:
        self.market: Market = market
        self.at: datetime = at
        self.events: list[e.Event] = []

    def emit(self, event: e.Event) -> None:
        """Let something happen."""
        self.market = apply_event(self.market, event)
        self.events.append(event)

    def next_number(self) -> int:
        """Return a number that nothing in this market has had."""
        return self.market.last + 1

    # --- who may ----------------------------------------------------------------------------

    def own_machine(self, machine: MachineId, by: AccountId) -> MachineState:
        """Return a host's machine.

        Raises:
            UnknownId: There is no such machine.
            NotAllowed: It is somebody else's.
        """
        place = self.market.machine(machine)
        if place.machine.host != by:
            raise NotAllowed("by", f"the host of machine {machine}", by)
        return place

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
            InsufficientCredit: So it is.
        """
        there = self.market.account(account).ledger.at(self.at)
        if there <= ZERO or there < amount:
            need = f"a balance of at least ${amount}" if amount else "a balance above zero"
            raise InsufficientCredit("account", need, f"${there}")

    # --- what follows -----------------------------------------------------------------------

    def rerun(self, machine: MachineId) -> None:
        """Work out who runs on a machine: who has to pause pauses, then who may run resumes."""
        place = self.market.machine(machine)
        answer = place.resolution
        for claim in answer.waiting:
            state = place.instances[claim.id].state
            waits = claim.rank is Rank.BID and state is InstanceState.SCHEDULING
            if waits or state in (InstanceState.LOADING, InstanceState.RUNNING):
                self._pause(claim, answer.running, place)
        for claim in answer.running:
            if place.instances[claim.id].state in (InstanceState.PAUSED, InstanceState.SCHEDULING):
                self.emit(e.InstanceResumed(at=self.at, contract=claim.id))

    def _pause(self, claim: Claim, running: tuple[Claim, ...], place: MachineState) -> None:
        verdict = explain(claim, running, place.floor)
        by = tuple(other.id for other in verdict.held_by)
        self.emit(e.InstancePaused(at=self.at, contract=claim.id, why=verdict.why, by=by))

    def stop(self, contract: ContractId, why: e.StopReason) -> None:
        """Stop an instance."""
        self.emit(e.InstanceStopped(at=self.at, contract=contract, why=why))

    def extend(self, listing: Listing, *, ask: bool) -> None:
        """Extend the contracts of a machine by a listing, or ask their clients (G9)."""
        place = self.market.machine(listing.machine.id)
        current = [i for i in place.instances.values() if not i.is_over]
        spared = [i.id for i in current if not i.auto_extension]
        contracts = [_with_present_bid(i) for i in current]
        answer = extend(contracts, listing, at=self.at, opted_out=spared, ask=ask)
        for verdict in answer.verdicts:
            if isinstance(verdict, Extended):
                self.lapse(place.id, Stale.EXTENDED, verdict.contract.id)
                self.extended(verdict, listing)
        self._ask(answer)

    def extended(self, verdict: Extended, listing: Listing, raised: tuple[Raise, ...] = ()) -> None:
        """Let a contract be extended, its client having accepted what is ``raised``."""
        contract, prices = verdict.contract.id, listing.prices
        instance = self.market.living(contract)
        if instance.bid is not None and not any(each.part == "min_bid" for each in raised):
            prices = evolve(prices, min_bid=min(prices.min_bid, _accepted_floor(instance)))
        self.emit(
            e.ContractExtended(
                at=self.at,
                contract=contract,
                old_end=verdict.old_end,
                end=verdict.end,
                prices=prices,
            )
        )

    def _ask(self, answer: Extension) -> None:
        for pending in answer.pending:
            self.emit(
                e.PriceIncreaseAsked(
                    at=self.at,
                    increase=self.next_number(),
                    contract=pending.contract.id,
                    raised=pending.raised,
                    new_end=pending.new_end,
                )
            )

    def lapse(self, machine: MachineId, why: Stale, contract: ContractId | None = None) -> None:
        """Let price increases of a machine, or of one contract, be accepted no longer."""
        for number, pending in self.market.machine(machine).increases.items():
            if contract in (None, pending.contract.id):
                self.emit(e.PriceIncreaseLapsed(at=self.at, increase=number, why=why))


def _with_present_bid(instance: Instance) -> Contract:
    """Return the contract of an instance with the bid that it has now, not that of its rental."""
    return evolve(instance.contract, bid=instance.bid)


def _accepted_floor(instance: Instance) -> PerGpuHour:
    """Return the floor that binds a bid after its present end: one that its client accepted."""
    changes = instance.contract.rate_changes
    return changes[-1].prices.min_bid if changes else NO_FLOOR
