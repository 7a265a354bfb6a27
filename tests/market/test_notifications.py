"""Who must be told of what: every event that concerns somebody says whom (G12)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from typing import get_args

import pytest

from market_world import ANN, BOB, HOST, World, prices, second
from numgenius_core.documents import from_json, to_json
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.ids import MachineId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Mode, Verification
from numgenius_core.maintenance import MaintenanceWindow
from numgenius_core.market import Market, commands as c, events as e, execute, find_event, views
from numgenius_core.market._concerns import CONCERNS
from numgenius_core.market.logs import Entry
from numgenius_core.money import Money
from numgenius_core.rates import PerGbMonth

DAY, M1 = 86_400, MachineId(1)
OWN_DOING = {
    *(e.SettingsSet, e.ThresholdsSet, e.MachineRemoved, e.MachineListed, e.MachineUnlisted),
    *(e.EndDateRolled, e.MinBidSet, e.DefaultJobSet, e.DefaultJobRemoved, e.AutoExtensionSet),
    *(e.ContractPrepaid, e.TrafficCounted, e.InstanceStarted, e.InstanceLabelled, e.BidChanged),
    *(e.VolumeListed, e.VolumeUnlisted),
}
"""Events that concern nobody: what only its account did itself, and what only a machine counts."""


class Told(World):
    """A market in which everybody is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[views.Notification] = []

    def do(self, command: c.Command, at: int | None = None) -> tuple[e.Event, ...]:
        before = self.market
        events = super().do(command, at)
        self.told += views.notifications(before, events)
        return events

    def of(self, kind: type) -> list[tuple[str, str]]:
        """Return who was told of events of a kind, and in which words."""
        return [(n.recipient, n.kind) for n in self.told if isinstance(n.event, kind)]


def window(start: int) -> MaintenanceWindow:
    return MaintenanceWindow(period=Interval(second(start), second(start + 3_600)))


def the_story() -> Told:
    """Tell a story in which everything happens that can concern somebody."""
    w = Told()
    for name in (ANN, BOB):
        w.do(c.AddCredit(account=name, amount=Money(2_000)))
    w.add(4)
    low = prices(storage="0.15")
    w.list(low, end=second(10 * DAY), volume_mb=None)
    [offer] = views.volume_offers(w.market, w.now)
    w.do(c.RentVolume(by=BOB, offer=offer.id))  # bob has but a volume
    for number in (1, 2):
        w.do(c.AnnounceMaintenance(machine=M1, window=window(number * DAY)))
    first = w.rent(2, load=False)
    w.do(c.ReportLoaded(contract=first))
    w.do(c.Prepay(by=ANN, contract=first, amount=Money(20)), 10)
    w.do(c.ScheduleMaintenance(by=HOST, machine=M1, window=window(3 * DAY)))
    bid = w.rent(2, 1, BOB, bid="0.5")
    w.do(c.ScheduleMaintenance(by=HOST, machine=M1, window=window(4 * DAY)))
    w.do(c.CancelMaintenance(by=HOST, machine=M1))
    pausing = w.rent(2, 1, load=False)
    w.do(c.Defragment(by=HOST, machine=M1))
    w.do(c.Destroy(by=ANN, contract=pausing))
    w.do(c.SetVerification(machine=M1, verification=Verification.DEVERIFIED), 100)
    w.do(c.ReportOffline(machine=M1))
    w.do(c.ReportOnline(machine=M1), 200)
    w.do(c.Stop(by=BOB, contract=bid))
    for _ in range(3):  # asked for more, and each answer there is
        w.list(prices(2, storage="0.15"), end=second(20 * DAY))
        number = max(w.market.asked)
        if _ == 0:
            w.do(c.RejectPriceIncrease(by=ANN, increase=number))
        if _ == 2:
            w.do(c.AcceptPriceIncrease(by=ANN, increase=number))
    w.do(c.SetThresholds(by=ANN, charge=Money(1_900), notice=Money(1_950)))
    w.do(c.Tick(), 5 * DAY)
    w.do(c.ListVolume(by=HOST, machine=M1, end=second(6 * DAY), price=PerGbMonth("0.01")))
    w.do(c.TransferCredit(by=BOB, to=ANN, amount=Money(1)))
    w.do(c.Tick(), 60 * DAY)
    w.do(c.PayOut(account=HOST), 64 * DAY)  # a Friday
    w.do(c.CleanUp(by=HOST, machine=M1))
    return w


@pytest.fixture(scope="module", name="story")
def _story() -> Told:
    return the_story()


class TestEveryEvent:
    """Each gives notices or is listed as concerning nobody."""

    def test_is_known(self) -> None:
        assert set(CONCERNS) == set(get_args(e.Event))
        assert {kind for kind, roles in CONCERNS.items() if not roles} == OWN_DOING

    @pytest.mark.parametrize("kind", [kind for kind in CONCERNS if kind not in OWN_DOING])
    def test_that_concerns_somebody_tells_somebody(self, kind: type, story: Told) -> None:
        extra = another_story() if kind in OTHERS else story
        told = extra.of(kind)
        assert told, kind
        assert all(words == words.lower() for _, words in told)

    def test_what_is_told_is_read_back_from_its_document(self, story: Told) -> None:
        told = story.told + another_story().told
        for each in told:
            assert from_json(to_json(each), views.Notification) == each
        entry = Entry(events=[told[0].event], notifications=told[:2])
        assert from_json(to_json(entry), Entry) == entry

    def test_facts_are_plain_and_a_word_means_one_kind_of_thing(self, story: Told) -> None:
        kinds: dict[str, set[type]] = {}
        for each in story.told + another_story().told:
            facts = each.facts
            assert type(facts) is dict
            assert json.loads(json.dumps(facts)) == facts
            facts.clear()  # its own, made for this look
            facts = each.facts
            assert facts
            for name, fact in facts.items():
                kinds.setdefault(name, set()).add(type(fact))
        for name in ("machine", "contract", "volume", "increase"):
            assert kinds[name] == {int}, name
        assert [name for name, found in kinds.items() if len(found - {type(None)}) > 1] == []

    def test_of_its_own_doing_nobody_is_told(self, story: Told) -> None:
        assert not [each for each in story.told if type(each.event) in OWN_DOING]
        stops = [each for each in story.events if isinstance(each, e.InstanceStopped)]
        told = story.of(e.InstanceStopped)
        assert len(told) == len([each for each in stops if each.why is e.StopReason.BALANCE])


MAY_COME_TWICE = {
    *(e.CreditAdded, e.CreditTransferred, e.ThresholdsSet, e.ContractPrepaid, e.ContractMoved),
    e.VolumeListed,  # again, with the number that it has
}
"""Events that a market takes twice at its last instant: nothing else names them."""
OTHERS = {e.ContractMoved, e.BalanceRanOut, e.InstanceStopped, e.DepositSpent, e.PromiseSettled}


def another_story() -> Told:
    """Tell of a deposit and a balance that are used up, of GPUs rearranged, a promise broken."""
    w = Told()
    w.do(c.AddCredit(account=BOB, amount=Money(50)))
    w.add(1, machine=2)
    w.list(prices(), machine=2, sla_claim=Fraction(99, 100))
    w.rent(1, by=BOB, machine=2, target=Fraction(19, 20))
    w.do(c.ReportOffline(machine=MachineId(2)))
    w.do(c.ReportOnline(machine=MachineId(2)), DAY)
    w.do(c.AddCredit(account=ANN, amount=Money(50)))
    w.add(4)
    w.list(prices())
    w.rent(1, 0, load=False)
    second_one = w.rent(1, 2, load=False)
    w.do(c.Defragment(by=HOST, machine=M1))
    w.do(c.ReportLoaded(contract=second_one))
    w.do(c.Prepay(by=ANN, contract=second_one, amount=Money(5)))
    w.do(c.Tick(), 30 * DAY)
    return w


class TestWhoIsTold:
    """The client of what it happened to, the host whose machine it is, all who are on a machine."""

    def test_a_new_rental_the_host(self, story: Told) -> None:
        assert {name for name, _ in story.of(e.ContractCreated)} == {HOST}

    def test_a_day_of_a_promise_both_if_something_came_back(self) -> None:
        w = another_story()
        days = [each for each in w.events if isinstance(each, e.PromiseSettled)]
        back = [each for each in days if each.day.credit]
        assert 0 < len(back) < len(days)
        assert w.of(e.PromiseSettled) == [
            (BOB, "promise settled"),
            (HOST, "promise settled"),
        ] * len(back)

    def test_what_came_due_and_not_what_settlements_keep(self) -> None:
        [paid] = [n for n in another_story().told if n.kind == "promise settled"][:1]
        assert set(paid.facts) == {"contract", "day", "closes"}
        assert {type(paid.facts["day"][name]) for name in ("uptime", "blend", "credit")} == {str}

    def test_of_an_end_that_rolls_nobody(self) -> None:
        """Once a day the end of all on the machine would be news otherwise."""
        w = Told()
        for name in (ANN, BOB):
            w.do(c.AddCredit(account=name, amount=Money(5_000)))
        w.add(4)
        w.list(prices(), rolling=timedelta(days=20), volume_mb=None)
        [offer] = views.volume_offers(w.market, w.now)
        w.do(c.RentVolume(by=BOB, offer=offer.id))
        w.rent(1)
        w.told.clear()
        rolled = w.do(c.Tick(), 3 * DAY)
        assert {type(each) for each in rolled} >= {e.ContractExtended, e.VolumeExtended}
        assert w.told == []
        w.list(prices(), rolling=timedelta(days=30))  # at the instant of a roll
        assert w.of(e.ContractExtended) == [(ANN, "contract extended")]
        assert w.of(e.VolumeExtended) == [(BOB, "volume extended")]
        w.told.clear()
        w.list(prices(2), rolling=timedelta(days=40))
        w.do(c.AcceptPriceIncrease(by=ANN, increase=max(w.market.asked)))
        assert w.of(e.ContractExtended) == [(ANN, "contract extended")]

    def test_maintenance_everyone_on_the_machine_once(self) -> None:
        w = Told()
        for name in (ANN, BOB):
            w.do(c.AddCredit(account=name, amount=Money(50)))
        w.add(4)
        w.list(prices(), volume_mb=None)
        [offer] = views.volume_offers(w.market, w.now)
        for name in (ANN, BOB):
            w.do(c.RentVolume(by=name, offer=offer.id))
        w.rent(1)
        w.told.clear()
        w.do(c.ScheduleMaintenance(by=HOST, machine=M1, window=window(DAY)))
        assert [(each.recipient, each.kind) for each in w.told] == [
            (BOB, "maintenance scheduled"),
            (ANN, "maintenance scheduled"),
        ]
        w.told.clear()
        w.do(c.AnnounceMaintenance(machine=M1, window=window(2 * DAY)))
        assert {each.recipient for each in w.told} == {ANN, BOB, HOST}
        w.told.clear()
        w.do(c.ReportOffline(machine=M1))
        assert [each.recipient for each in w.told] == [ANN, BOB, HOST]

    def test_a_pause_with_its_reason(self) -> None:
        w = Told()
        for name in (ANN, BOB):
            w.do(c.AddCredit(account=name, amount=Money(50)))
        w.add(1)
        w.list(prices())
        bid = w.rent(1, by=BOB, bid="0.5")
        w.told.clear()
        above = w.rent(1, load=False)
        [paused] = [each for each in w.told if isinstance(each.event, e.InstancePaused)]
        assert (paused.recipient, paused.kind, paused.at) == (BOB, "instance paused", w.now)
        assert paused.facts["contract"] == bid
        assert paused.facts["by"] == [above]
        assert set(paused.facts) == {"contract", "why", "by"}

    def test_a_rental_with_its_number_and_its_terms(self) -> None:
        w = Told()
        w.do(c.AddCredit(account=ANN, amount=Money(50)))
        w.add(2)
        w.list(prices("0.40"), volume_mb=None)
        w.told.clear()
        number = w.rent(2, load=False)
        [rented] = w.told
        facts = rented.facts
        assert (facts["contract"], facts["machine"], facts["client"]) == (number, 1, "ann")
        assert (facts["prices"]["gpu"], facts["start"]) == ("0.4", "2026-01-01T00:00:00Z")
        [offer] = views.volume_offers(w.market, w.now)
        w.do(c.RentVolume(by=ANN, offer=offer.id, size_mb=20_000))
        facts = w.told[-1].facts
        assert (facts["volume"], facts["machine"], facts["size_mb"]) == (number + 1, 1, 20_000)
        assert "contract" not in facts

    def test_a_hosts_own_test_once(self) -> None:
        w = Told()
        w.add(1)
        w.list(prices())
        own = w.rent(1, by=HOST)
        w.told.clear()
        w.do(c.Destroy(by=HOST, contract=own))
        assert [(each.recipient, each.kind) for each in w.told] == [(HOST, "instance destroyed")]

    def test_what_is_no_event_or_of_another_market_is_refused(self) -> None:
        w = Told()
        with pytest.raises(WrongType, match=r"events\[0\]: need an event of a market"):
            views.notifications(w.market, [c.Tick()])  # type: ignore[list-item]
        with pytest.raises(RuleViolation):
            views.notifications(w.market, [e.MachineWentOffline(at=second(0), machine=M1)])

    @pytest.mark.parametrize("whole", [the_story, another_story])
    def test_a_market_that_has_seen_the_events_is_not_the_one_before_them(
        self, whole: Callable[[], Told]
    ) -> None:
        market, passed, faults = Market(), set(), list[RuleViolation]()
        for command, at in whole().steps:
            market, events = execute(market, command, at)
            try:
                views.notifications(market, events)
            except RuleViolation as fault:
                faults.append(fault)
            else:
                passed |= {type(event) for event in events}
        assert passed <= MAY_COME_TWICE
        assert all(fault.path.startswith("events[") for fault in faults)
        assert {fault.need.partition(" (")[2] for fault in faults} == {
            "give the market as it was before them)"
        }

    def test_what_contradicts_the_market_is_named(self) -> None:
        w = Told()
        w.do(c.AddCredit(account=ANN, amount=Money(50)))
        w.add(1)
        w.list(prices())
        rented = w.do(c.Rent(by=ANN, offer=w.offer(1), mode=Mode.ON_DEMAND))
        said = r"events\[0\]: need events that follow .* got ContractCreated \(contract: need GPUs"
        with pytest.raises(RuleViolation, match=said):
            views.notifications(w.market, rented)
        loaded = w.do(c.ReportLoaded(contract=find_event(rented, e.ContractCreated).contract.id))
        with pytest.raises(RuleViolation, match=r"got InstanceLoaded \(loaded: not possible while"):
            views.notifications(w.market, loaded)

    def test_a_notification_is_of_an_event(self) -> None:
        with pytest.raises(WrongType, match=r"notification\.event: need an event of a market"):
            views.Notification(recipient=ANN, event=c.Tick())  # type: ignore[arg-type]
        with pytest.raises(WrongType, match=r"notification\.recipient"):
            views.Notification(recipient=1, event=e.BalanceRanOut(at=second(0), account=ANN))  # type: ignore[arg-type]

    def test_each_event_is_told_of_the_market_right_before_it(self) -> None:
        w = World()
        w.do(c.AddCredit(account=ANN, amount=Money(2_000)))
        w.add(1)
        w.list(prices())
        before, seen = w.market, len(w.events)
        contract = w.rent(1)
        w.do(c.ReportOffline(machine=M1))
        told = views.notifications(before, w.events[seen:])  # one that ``before`` does not have
        assert ("ann", "machine went offline") in [(n.recipient, n.kind) for n in told]
        assert before.homes.get(contract) is None
        with pytest.raises(RuleViolation):
            views.notifications(before, [*w.events[seen:], w.events[seen]])

    def test_bids_are_told_when_they_resume(self, story: Told) -> None:
        assert {name for name, _ in story.of(e.InstanceResumed)} == {BOB}
