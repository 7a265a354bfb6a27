"""A count of one's own: what the events say of disk, money and notices, without the market."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from attrs import define, field

from numgenius_core.ids import AccountId, MachineId
from numgenius_core.market import Market, events as it, views
from numgenius_core.market.events import Event
from numgenius_core.money import ZERO, Money


@define
class Tally:
    """What can be counted of the events by somebody who knows no rules.

    Attributes:
        opening: What each account is opened with.
        disk: Of each machine, MB.
        held: What instances and volumes hold of it.
        clients: Whose each instance and each volume is, also of one that is gone.
        kept: The machine and the MB of each that is not gone.
        paid_in: Dollars.
        paid_out: Dollars.
        attached: The volumes of each instance.
        settled: How often a promise of each contract was settled at an instant.
        runs: Who was paid out on which day.
        opened: Who was given the opening credit.
        notices: The numbers of the events that each account must be told, and what they are.
        wrong: What has no explanation.
    """

    opening: Money
    disk: dict[MachineId, int] = field(factory=dict)
    held: Counter[MachineId] = field(factory=Counter)
    clients: dict[int, AccountId] = field(factory=dict)
    kept: dict[int, tuple[MachineId, int]] = field(factory=dict)
    paid_in: Money = ZERO
    paid_out: Money = ZERO
    attached: dict[int, tuple[int, ...]] = field(factory=dict)
    settled: set[tuple[int, datetime]] = field(factory=set)
    runs: set[tuple[AccountId, date]] = field(factory=set)
    opened: set[AccountId] = field(factory=set)
    notices: dict[str, list[tuple[int, str]]] = field(factory=lambda: defaultdict(list))
    wrong: list[str] = field(factory=list)

    def take(self, events: Sequence[Event], before: Market) -> None:
        """Count what happened to a market."""
        for event in events:
            self.count(event)
        numbers = {id(event): n for n, event in enumerate(events, before.version + 1)}
        for told in views.notifications(before, events):
            self.notices[told.recipient].append((numbers[id(told.event)], told.kind))

    def count(self, event: Event) -> None:
        match event:
            case it.MachineAdded():
                self.disk[event.machine.id] = event.machine.disk_mb
            case it.ContractCreated():
                its = event.contract
                self.hold(its.id, its.client, its.machine, its.disk_mb)
                self.attached[its.id] = event.volumes
            case it.VolumeRented():
                volume = event.contract
                self.hold(volume.id, volume.client, volume.machine, volume.size_mb)
            case it.InstanceDestroyed():
                self.free(event.contract)
                self.attached.pop(event.contract, None)
            case it.VolumeDeleted():
                self.free(event.volume)
                if any(event.volume in each for each in self.attached.values()):
                    self.wrong.append(f"volume {event.volume} is deleted, and attached")
            case _:
                self.count_money(event)

    def count_money(self, event: Event) -> None:
        match event:
            case it.CreditAdded():
                self.paid_in += event.amount
                if event.amount == self.opening:
                    self.once(event.account not in self.opened, f"{event.account} opened")
                    self.opened.add(event.account)
            case it.PayoutInvoiced():
                self.paid_out += event.amount
                run = (event.account, event.at.date())
                self.once(run not in self.runs, f"{run} paid out")
                self.runs.add(run)
            case it.PromiseSettled():
                day = (event.contract, event.at)
                self.once(day not in self.settled, f"{day} settled")
                self.settled.add(day)

    def once(self, first: bool, what: str) -> None:
        if not first:
            self.wrong.append(f"{what} twice")

    def hold(self, number: int, client: AccountId, machine: MachineId, size: int) -> None:
        self.once(number not in self.clients, f"number {number} given")
        self.clients[number], self.kept[number] = client, (machine, size)
        self.held[machine] += size
        if self.held[machine] > self.disk[machine]:
            self.wrong.append(f"{self.held[machine]} MB of machine {machine} are sold")

    def free(self, number: int) -> None:
        self.once(number in self.kept, f"{number} deleted")
        machine, size = self.kept.pop(number, (MachineId(0), 0))
        self.held[machine] -= size

    def faults(self, market: Market) -> Iterable[str]:
        """Yield what is wrong, and in what the market differs from the count."""
        yield from self.wrong
        there = {*market.volumes, *market.homes}
        if there != self.kept.keys():
            yield f"of {there ^ self.kept.keys()} the market and the events say different things"
        for machine, place in market.machines.items():
            if place.disk.total_stored_mb != self.held[machine]:
                yield f"machine {machine} is said to hold {place.disk.total_stored_mb} MB"
        if (market.credited, market.paid_out) != (self.paid_in, self.paid_out):
            yield f"${self.paid_in} were paid in and ${self.paid_out} out, says who adds them up"

    def pages(self, told: Mapping[str, Sequence[tuple[int, str]]]) -> Iterable[str]:
        """Yield who was told something else than happened: a notice twice, out of turn or never.

        Args:
            told: What each account has read so far, page by page.
        """
        for account, read in told.items():
            right = self.notices[account][: len(read)]
            if right != [*read]:
                yield f"{account} was told {read[-5:]}, not {right[-5:]}"
