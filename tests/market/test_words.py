"""What the market says when it refuses: word for word, for commands and for events.

A reason is what a service shows its user, and what its operator finds in a log: place, need, got.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from attrs import evolve

from market_world import ANN, BOB, HOST, World, prices, second, world
from numgenius_core.errors import NumgeniusError, RuleViolation
from numgenius_core.ids import AccountId, ContractId, MachineId, OfferId, VolumeId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Machine, Mode, Verification
from numgenius_core.maintenance import MaintenanceWindow
from numgenius_core.market import (
    Ledger,
    Market,
    Settings,
    VolumeListing,
    commands as c,
    decide,
    events as e,
    evolve as evolve_market,
    execute,
    execute_all,
    replay,
    views,
)
from numgenius_core.market._persistent import Series, Sorted, Table
from numgenius_core.market.instance import level_of
from numgenius_core.market.journal import (
    event_from_json,
    event_to_json,
    market_from_json,
    market_to_json,
)
from numgenius_core.money import Money
from numgenius_core.offer import Block
from numgenius_core.rates import PerGbMonth, PerHour

ALONE = "an instance without a deposit, a promise and a price increase that waits"
M1, DAY = MachineId(1), 86_400
CAT = AccountId("cat")


class Told:
    """A world with one of everything, and the commands and events that it refuses."""

    def __init__(self) -> None:
        w = world(4, prices(1), end=second(10 * DAY), max_discount=Fraction(1, 2))
        self.demand = w.rent(2)
        self.prepaid = w.rent(1, 2)
        w.do(c.Prepay(by=ANN, contract=self.prepaid, amount=Money(10)))
        self.bid = w.rent(1, 3, BOB, bid="0.5")
        self.stopped = w.rent(1, 3, BOB, bid="0.4")
        w.do(c.Stop(by=BOB, contract=self.stopped))
        w.list(prices(2), end=second(20 * DAY))
        self.increase = w.instance(self.demand).increase
        w.add(1, 2)
        self.offer = w.offer(2)
        w.do(c.AddCredit(account=CAT, amount=Money(1)), 60)
        self.w = w


def at(w: World) -> dict[str, Any]:
    return {"at": w.now}


COMMANDS: list[tuple[Callable[[Told], c.Command], str]] = [
    (
        lambda _: c.AddMachine(machine=Machine(id=M1, host=HOST, gpu_name="A", gpus=1)),
        "machine.id: need a new number, got 1, which is there already",
    ),
    (
        lambda _: c.AddMachine(machine=Machine(id=MachineId(9), host=ANN, gpu_name="A", gpus=1)),
        "machine.host: need an account without instances, got ann",
    ),
    (
        lambda _: c.RemoveMachine(by=HOST, machine=M1),
        "machine: need an unlisted machine without instances, got a listed one",
    ),
    (
        lambda _: c.Unlist(by=ANN, machine=M1),
        "by: need the host of machine 1, got ann",
    ),
    (
        lambda _: c.Unlist(by=HOST, machine=MachineId(7)),
        "machine: need a machine of this market, got 7",
    ),
    (
        lambda _: c.Unlist(by=HOST, machine=MachineId(2)),
        "machine: need a machine that is listed, got machine 2, which is not",
    ),
    (
        lambda _: c.Defragment(by=HOST, machine=MachineId(2)),
        "machine: need a machine that is listed, got machine 2, which is not",
    ),
    (
        lambda _: c.ReportOnline(machine=M1),
        "machine: need a machine that is offline, got one that is online",
    ),
    (
        lambda _: c.ListMachine(by=HOST, machine=M1, prices=prices(1), end=second(60)),
        "end: need an instant after 2026-01-01 00:01:00+00:00, got 2026-01-01 00:01:00+00:00",
    ),
    (
        lambda _: c.Relist(by=HOST, machine=M1, end=second(60), rolling=timedelta(days=1)),
        "listing.rolling: need an end date or a rolling one, got both",
    ),
    (
        lambda _: c.Relist(by=HOST, machine=MachineId(2)),
        "gpu: need a price, since machine 2 has no listing to keep it from, got none",
    ),
    (
        lambda _: c.Relist(by=HOST, machine=M1, rolling=timedelta(days=36_526)),
        "rolling: need at most 36,525 days, got 36526 days, 0:00:00",
    ),
    (
        lambda _: c.CancelMaintenance(by=HOST, machine=M1),
        (
            "machine: need a machine with maintenance that its host scheduled and that is not "
            "over, got one without"
        ),
    ),
    (
        lambda _: c.WithdrawMaintenance(machine=M1),
        (
            "machine: need a machine with maintenance that the marketplace scheduled and that is "
            "not over, got one without"
        ),
    ),
    (
        lambda _: c.CancelMaintenance(by=HOST, machine=M1, window=7),
        "window: need a window of machine 1 that is not over, got 7",
    ),
    (
        lambda t: c.Prepay(by=ANN, contract=t.prepaid, amount=Money(500)),
        (
            "amount: need at most $200.003530814, which lasts until the contract ends at "
            "2026-01-11 00:00:00+00:00, got $500.00"
        ),
    ),
    (
        lambda _: c.RemoveDefaultJob(by=HOST, machine=M1),
        "machine: need a machine with a default job, got one without",
    ),
    (
        lambda _: c.Defragment(by=HOST, machine=M1, movable=(ContractId(99),)),
        "movable: need contracts of machine 1, got contract 99",
    ),
    (
        lambda _: c.Rent(by=ANN, offer=OfferId(7), mode=Mode.ON_DEMAND),
        "offer: need an offer that is on the market, got 7",
    ),
    (
        lambda t: c.Rent(by=ANN, offer=OfferId(t.offer + 4096), mode=Mode.ON_DEMAND),
        "offer: need an offer that is on the market, got {offer}",
    ),
    (
        lambda t: c.Rent(by=ANN, offer=t.offer, mode=Mode.ON_DEMAND),
        "offer: need an offer whose GPUs nobody has rented, got GPUs held by contract {demand}",
    ),
    (
        lambda t: c.Rent(by=ANN, offer=OfferId(t.offer + 2), mode=Mode.ON_DEMAND),
        (
            "offer: need an offer whose GPUs nobody has rented, "
            "got GPUs held by contract {demand}, {prepaid}"
        ),
    ),
    (
        lambda t: c.Rent(by=CAT, offer=t.offer, mode=Mode.INTERRUPTIBLE, bid=PerHour(65)),
        "bid: need 0.001 to 64.00 $/hour for 2 GPU(s), got 65.00",
    ),
    (
        lambda t: c.ChangeBid(by=ANN, contract=t.demand, bid=PerHour(1)),
        "contract: need an interruptible instance, got on-demand",
    ),
    (
        lambda t: c.ChangeBid(by=ANN, contract=t.prepaid),
        "contract: need an interruptible instance, got reserved",
    ),
    (
        lambda t: c.ChangeBid(by=ANN, contract=t.bid, bid=PerHour(1)),
        "by: need the client of contract {bid}, got ann",
    ),
    (
        lambda t: c.Prepay(by=BOB, contract=t.bid, amount=Money(1)),
        "contract: need an on-demand or reserved instance, got an interruptible one",
    ),
    (
        lambda t: c.Prepay(by=ANN, contract=t.demand, amount=Money(1_000)),
        "account: need a balance of at least $1000.00, got $989.966666666",
    ),
    (
        lambda _: c.Destroy(by=ANN, contract=ContractId(99)),
        "contract: need an instance that exists, got 99",
    ),
    (
        lambda _: c.AcceptPriceIncrease(by=ANN, increase=99),
        "increase: need a price increase that is still open, got 99",
    ),
    (
        lambda t: c.AcceptPriceIncrease(by=BOB, increase=t.increase),
        "by: need the client of contract {demand}, got bob",
    ),
    (
        lambda t: c.RejectPriceIncrease(by=HOST, increase=t.increase),
        "by: need the client of contract {demand}, got host",
    ),
    (
        lambda _: c.CountTraffic(contract=ContractId(98)),
        "contract: need an instance that exists, got 98",
    ),
    (
        lambda t: c.Start(by=ANN, contract=t.demand),
        (
            "started: not possible while running; "
            "possible is: preempted, stopped, expired, destroyed"
        ),
    ),
    (
        lambda t: c.ReportLoaded(contract=t.bid),
        "loaded: not possible while running; possible is: preempted, stopped, expired, destroyed",
    ),
    (
        lambda t: c.Stop(by=BOB, contract=t.stopped),
        "stopped: not possible while stopped; possible is: started, expired, destroyed",
    ),
]

EVENTS: list[tuple[Callable[[Told], e.Event], str]] = [
    (
        lambda t: e.MachineAdded(
            **at(t.w), machine=Machine(id=M1, host=HOST, gpu_name="A", gpus=1)
        ),
        "events[0].machine.id: need a new number, got 1, which is there already",
    ),
    (
        lambda t: e.MachineRemoved(**at(t.w), machine=M1),
        "events[0].machine: need an unlisted machine without instances, got a listed one",
    ),
    (
        lambda t: e.MachineRemoved(**at(t.w), machine=MachineId(7)),
        "events[0].machine: need a machine of this market, got 7",
    ),
    (
        lambda t: e.ListingEnded(**at(t.w), machine=MachineId(2)),
        "events[0].machine: need a machine that is listed, got machine 2, which is not",
    ),
    (
        lambda t: e.RatesChanged(**at(t.w), contract=t.demand),
        "events[0].contract: need a contract with rates to come, got {demand}",
    ),
    (
        lambda t: e.PriceIncreaseAsked(
            **at(t.w), increase=99, contract=t.demand, raised=(), new_end=None
        ),
        (
            "events[0].contract: need a contract without a price increase that waits, "
            "got contract {demand}"
        ),
    ),
    (
        lambda t: e.DepositRefunded(**at(t.w), contract=t.prepaid, refund=Money(10), kept=Money(1)),
        (
            "events[0].refund: need two parts of the $9.98344827 that are left of the deposit, "
            "got $10.00 and $1.00"
        ),
    ),
    (
        lambda t: e.InstanceDestroyed(**at(t.w), contract=t.prepaid),
        ("events[0].contract: need {alone}, got contract {prepaid}"),
    ),
    (
        lambda t: e.InstanceDestroyed(**at(t.w), contract=t.demand),
        ("events[0].contract: need {alone}, got contract {demand}"),
    ),
    (
        lambda t: e.BidChanged(**at(t.w), contract=t.demand, bid=PerHour(1), arrival=99),
        "events[0].contract: need an interruptible instance, got on-demand",
    ),
    (
        lambda t: e.BidChanged(**at(t.w), contract=t.bid, bid=PerHour(1), arrival=99),
        "events[0].number: need {next}, the next one, got 99",
    ),
    (
        lambda t: e.InstanceResumed(**at(t.w), contract=t.demand),
        (
            "events[0]: need an event that running allows: preempted, stopped, expired, destroyed, "
            "got resumed"
        ),
    ),
    (
        lambda _: e.CreditAdded(at=second(59), account=ANN, amount=Money(1)),
        (
            "events[0].at: need an instant from 2026-01-01 00:01:00+00:00 on, "
            "got 2026-01-01 00:00:59+00:00"
        ),
    ),
]


def words(told: Told, text: str) -> str:
    """Return a text with the numbers of a world in it."""
    return text.format(
        **{**vars(told), "alone": ALONE, "offer": told.offer + 4096, "next": told.w.market.last + 1}
    )


class TestWhatIsRefused:
    """House rule: an error names place, need and got."""

    @pytest.mark.parametrize(("command", "text"), COMMANDS, ids=[text for _, text in COMMANDS])
    def test_a_command(self, command: Callable[[Told], c.Command], text: str) -> None:
        told = Told()
        before = told.w.market
        with pytest.raises(NumgeniusError) as refusal:
            told.w.do(command(told))
        assert str(refusal.value) == words(told, text)
        assert told.w.market == before

    @pytest.mark.parametrize(("event", "text"), EVENTS, ids=[text for _, text in EVENTS])
    def test_an_event(self, event: Callable[[Told], e.Event], text: str) -> None:
        told = Told()
        with pytest.raises(NumgeniusError) as refusal:
            replay([event(told)], told.w.market)
        assert str(refusal.value) == words(told, text)

    def test_what_is_no_command_and_no_event(self) -> None:
        w = world()
        with pytest.raises(NumgeniusError, match=r"^offer: need the number of an offer, got 'x'$"):
            views.winning_bid_of(w.market, ODD)
        with pytest.raises(NumgeniusError, match=r"^command: need a command of a market, got 7$"):
            w.do(7)  # type: ignore[arg-type]
        with pytest.raises(NumgeniusError, match=r"^event: need an event of a market, got 7$"):
            evolve_market(w.market, NO)
        with pytest.raises(NumgeniusError, match=r"^events: need events of a market, got 7$"):
            replay(7)  # type: ignore[arg-type]
        with pytest.raises(
            NumgeniusError, match=r"^commands\[0\]: need a command and its instant, got 7$"
        ):
            execute_all(w.market, [7])  # type: ignore[list-item]
        with pytest.raises(NumgeniusError, match=r"^at: need an instant from .*, got 2025"):
            w.do(c.Tick(), -1)


class Kept:
    """A world with a volume that two instances use, and what it is asked."""

    def __init__(self) -> None:
        w = world(4, prices(1, storage="0.72"), end=second(10 * DAY), volume_mb=500_000)
        self.w, self.offer = w, views.volume_offers(w.market, w.now)[0].id
        self.rent(100_000)
        self.volume = VolumeId(w.market.last)
        self.users = [w.rent(1, place, volumes=[self.volume]) for place in range(2)]
        w.add(1, 2)
        w.add(1, 3, CAT)
        self.contract = views.volume(w.market, self.volume).contract

    def rent(self, size: int, by: AccountId = ANN) -> Any:
        return self.w.do(c.RentVolume(by=by, offer=self.offer, size_mb=size))

    def clone(self, size: int) -> Any:
        order = c.CloneVolume(by=ANN, volume=self.volume, offer=self.offer, size_mb=size)
        return self.w.do(order)

    def replayed(self, *events: Callable[..., e.Event], **facts: Any) -> Any:
        """Replay events of the same facts, all of them now."""
        return replay([each(at=self.w.now, **facts) for each in events], self.w.market)

    def extended(self, old: int, *ends: int | None) -> Any:
        instants = [None if end is None else second(end * DAY) for end in ends]
        return replay(
            [
                e.VolumeExtended(
                    at=self.w.now, volume=self.volume, old_end=second(old * DAY), end=end
                )
                for end in instants
            ],
            self.w.market,
        )

    def rented(self, size: int) -> Any:
        larger = evolve(self.contract.volume, size_mb=size)
        made = evolve(self.contract, id=VolumeId(self.w.market.last + 1), volume=larger)
        return self.replayed(e.VolumeRented, contract=made)


def a_listing(**facts: Any) -> VolumeListing:
    return VolumeListing(**{"machine": M1, "size_mb": 1, "price": PerGbMonth(1), **facts})


SIZE = "need a whole number from 1 to 1,000,000,000,000"
FEE = "platform_fee: need a fraction from 0 to below 1, got 1"
WHEN = "at: need a datetime with a time zone, got 7"
A_MARKET = "market: need a Market, got 7"
NO: Any = 7
ODD: Any = "x"
KEPT: list[tuple[Callable[[Kept], object], str]] = [
    # --- volumes
    (lambda k: k.rent(400_001), "size_mb: need at most the offer's 400,000 MB, got 400,001"),
    (lambda k: k.clone(99_999), "size_mb: need at least the volume's 100,000 MB, got 99,999"),
    (
        lambda k: k.rent(1, CAT),
        "by: need a client's account (hosts rent only on their own machines), got a host",
    ),
    (
        lambda k: k.w.do(c.RentVolume(by=ANN, offer=OfferId(7))),
        "offer: need a volume offer that is on the market, got 7",
    ),
    (
        lambda k: k.w.do(c.ListVolume(by=HOST, machine=M1, end=k.w.now)),
        "end: need an instant after 2026-01-01 00:00:00+00:00, got 2026-01-01 00:00:00+00:00",
    ),
    (
        lambda k: [
            k.w.do(c.ReportOffline(machine=MachineId(2))),
            k.w.do(c.ListVolume(by=HOST, machine=MachineId(2))),
        ],
        "machine: need a machine that is online, got one that is offline",
    ),
    (
        lambda k: k.w.rent(1, 2, volumes=[k.volume] * 2),
        "volumes[1]: need each volume once, got volume 3 again",
    ),
    (
        lambda k: [k.w.list(prices(), 2), k.w.rent(1, machine=2, volumes=[k.volume])],
        "volumes[0]: need a volume of machine 2, got volume 3 of machine 1",
    ),
    (
        lambda k: k.w.list(prices(), 2, volume_mb=0, volume_price=PerGbMonth(1)),
        "volume_price: need none without a volume, got 1.00",
    ),
    (
        lambda k: k.w.do(c.DeleteVolume(by=BOB, volume=k.volume)),
        "by: need the client of volume 3, got bob",
    ),
    (
        lambda k: k.w.do(c.DeleteVolume(by=ANN, volume=k.volume)),
        "volume: need one that no instance has attached, got one of instances 4, 5",
    ),
    (lambda _: c.ListVolume(by=HOST, machine=M1, platform_fee=1), f"ListVolume.{FEE}"),
    (
        lambda k: c.RentVolume(by=ANN, offer=k.offer, size_mb=10**12 + 1),
        f"RentVolume.size_mb: {SIZE}, got 1000000000001",
    ),
    (lambda _: a_listing(size_mb=0), f"volume_listing.size_mb: {SIZE}, got 0"),
    (
        lambda _: a_listing(size_mb=10**12 + 1),
        f"volume_listing.size_mb: {SIZE}, got 1000000000001",
    ),
    (lambda _: a_listing(platform_fee=1), f"volume_listing.{FEE}"),
    (lambda _: a_listing(end=7), f"volume_listing.end{WHEN[2:]}"),
    (lambda k: a_listing().ends_at(NO, k.w.now), "listing: need a Listing, got 7"),
    # --- what a log says of volumes
    (
        lambda k: k.replayed(e.VolumeUnlisted, machine=MachineId(2)),
        "events[0].machine: need a machine with a volume offer, got machine 2, which has none",
    ),
    (
        lambda k: k.replayed(e.VolumeListingEnded, machine=MachineId(2)),
        "events[0].machine: need a machine with a volume offer, got machine 2, which has none",
    ),
    (
        lambda k: k.rented(900_001),
        (
            "events[0].contract.volume.size_mb: "
            "need at most the 900,000 MB that are left of the disk, got 900,001"
        ),
    ),
    (
        lambda k: k.extended(5, None),
        (
            "events[0].volume: need a later end than 2026-01-11 00:00:00+00:00, the present one, "
            "got 2026-01-06 00:00:00+00:00 to never"
        ),
    ),
    (
        lambda k: k.extended(10, None, 11),
        (
            "events[1].volume: need a later end than never, the present one, "
            "got 2026-01-11 00:00:00+00:00 to 2026-01-12 00:00:00+00:00"
        ),
    ),
    (
        lambda k: k.replayed(e.VolumeExpired, e.VolumeExpired, volume=k.volume),
        "events[1].volume: need a volume that has not expired, got volume 3",
    ),
    (
        lambda k: k.replayed(e.VolumeDeleted, volume=k.volume),
        "events[0].volume: need a volume that no instance uses, got one of [4, 5]",
    ),
    # --- money
    (
        lambda k: k.w.do(c.PayOut(account=HOST)),
        "at: need a Friday (UTC), got 2026-01-01 00:00:00+00:00",
    ),
    (
        lambda k: k.w.do(c.PayOut(account=CAT), DAY),
        "account: need an account that has earned at least $20.00, got $0.00",
    ),
    (
        lambda k: k.w.do(c.DeleteUnpaid(account=HOST)),
        "account: need an account with a debt above its grace of $0.00, got $0.00",
    ),
    (
        lambda _: c.TransferCredit(by=ANN, to=BOB, amount=Money("0.005")),
        "TransferCredit.amount: need whole cents, got 0.005",
    ),
    (
        lambda k: k.replayed(e.CreditTransferred, account=ANN, recipient=ANN, amount=Money(1)),
        "events[0].recipient: need another account, got ann",
    ),
    (
        lambda k: k.replayed(e.CreditTransferred, account=ANN, recipient=BOB, amount=Money(1_001)),
        "events[0].amount: need an amount up to the balance of $1000.00, got 1001.00",
    ),
    # --- what is asked
    (lambda _: views.spend_rate(NO, ANN), A_MARKET),
    (lambda k: views.runway(NO, ANN, k.w.now), A_MARKET),
    (lambda k: views.runway(k.w.market, ANN, NO), WHEN),
    (
        lambda k: views.runway(k.w.market, ANN, second(-1)),
        "at: need an instant from 2026-01-01 00:00:00+00:00 on, got 2025-12-31 23:59:59+00:00",
    ),
    (
        lambda k: views.runway(k.w.market, ANN, k.w.now, horizon=NO),
        "horizon: need a timedelta, got 7",
    ),
    (
        lambda k: views.runway(k.w.market, ANN, k.w.now, horizon=timedelta(-1)),
        "horizon: need whole seconds from zero on, got -1 day, 0:00:00",
    ),
    (
        lambda k: views.runway(k.w.market, ANN, k.w.now, horizon=timedelta(3_000_000)),
        (
            "horizon: need a date up to year 9999, "
            "got 2026-01-01 00:00:00+00:00 + 3000000 days, 0:00:00"
        ),
    ),
    (lambda k: views.payouts_due(NO, k.w.now), A_MARKET),
    (lambda k: views.payouts_due(k.w.market, NO), WHEN),
    (lambda _: views.notifications(NO, []), A_MARKET),
    (lambda k: views.notifications(k.w.market, NO), "events: need a series of values, got 7"),
    (
        lambda k: views.notifications(k.w.market, [NO]),
        "events[0]: need an event of a market, got 7",
    ),
    (lambda k: views.volume_offers(NO, k.w.now), A_MARKET),
    (lambda k: views.volume_offers(k.w.market, NO), WHEN),
    (lambda k: views.volume(NO, k.volume), A_MARKET),
    (
        lambda k: views.volume(k.w.market, VolumeId(99)),
        "volume: need a volume that exists (of one that was deleted, give volumes=), got 99",
    ),
    (lambda k: views.volume(k.w.market, ODD), "volume: need an int, got 'x'"),
    (lambda k: views.volumes_of(k.w.market, NO), "account: need a str, got 7"),
    (lambda _: views.volumes_of(NO, ANN), A_MARKET),
]


class TestWhatIsRefusedOfVolumesAndMoney:
    """House rule: an error names place, need and got, and loses nothing."""

    @pytest.mark.parametrize(("ask", "text"), KEPT, ids=[text for _, text in KEPT])
    def test_it(self, ask: Callable[[Kept], object], text: str) -> None:
        kept = Kept()
        with pytest.raises(NumgeniusError) as refusal:
            ask(kept)
        assert str(refusal.value) == text
        assert kept.w.balance() == Money(1_000)
        assert kept.w.market.account(ANN).volumes == {kept.volume: M1}


def test_what_is_stored_and_asked_for_by_name() -> None:
    """The journal names what it was given, and a market what it does not have."""
    wrong: Any = Money(1)
    for ask, text in (
        (lambda: event_to_json(wrong), "event: need an event of a market, got Money('1.00')"),
        (
            lambda: event_from_json(
                '{"schema": "numgenius/1", "type": "BalanceRanOut", "account": "ann"}'
            ),
            "event: 1 fault\n  event.at: need a value, got nothing",
        ),
        (lambda: Market().account(wrong), "account: need text, got Money('1.00')"),
        (lambda: Market().machine(wrong), "machine: need a whole number, got Money('1.00')"),
        (lambda: Market(machines=wrong), "table: need a mapping, got Money('1.00')"),
        (lambda: market_to_json(wrong), "market: need a Market, got Money('1.00')"),
        (
            lambda: market_from_json(market_to_json(Market()).replace('"version": 0, ', "")),
            "snapshot: 1 fault\n  snapshot.version: need a value, got nothing",
        ),
        (
            lambda: market_from_json(
                market_to_json(Market()).replace('"credited": "0"', '"credited": "5"')
            ),
            "snapshot: 1 fault\n  credited: need $0.00, what there is, got $5.00",
        ),
        (
            lambda: Market().volume(VolumeId(7)),
            "volume: need a volume that exists, got 7",
        ),
    ):
        with pytest.raises(NumgeniusError) as refusal:
            ask()
        assert str(refusal.value) == text


class TestWhatIsRefusedInOtherStates:
    """Refusals that ask for a state of their own."""

    def refused(self, w: World, command: c.Command) -> str:
        with pytest.raises(NumgeniusError) as refusal:
            w.do(command)
        return str(refusal.value)

    def test_a_machine_with_instances(self) -> None:
        w = world(1, prices(1))
        w.rent(1)
        w.do(c.Unlist(by=HOST, machine=M1))
        assert self.refused(w, c.RemoveMachine(by=HOST, machine=M1)) == (
            "machine: need an unlisted machine without instances, got one with 1 instance(s)"
        )

    def test_a_machine_offline(self) -> None:
        w = world(1, prices(1))
        offer = w.offer(1)
        w.do(c.ReportOffline(machine=M1))
        assert self.refused(w, c.ReportOffline(machine=M1)) == (
            "machine: need a machine that is online, got one that is offline"
        )
        assert self.refused(w, c.Rent(by=ANN, offer=offer, mode=Mode.ON_DEMAND)) == (
            "offer: need a machine that is online, got one that is offline"
        )
        assert self.refused(w, c.ListMachine(by=HOST, machine=M1, prices=prices(1))) == (
            "machine: need a machine that is online, got one that is offline"
        )

    def test_a_machine_with_volumes(self) -> None:
        w = world(1, prices(1), volume_mb=1_000)
        w.do(c.RentVolume(by=ANN, offer=views.volume_offers(w.market, w.now)[0].id, size_mb=1))
        w.do(c.Unlist(by=HOST, machine=M1))
        assert self.refused(w, c.RemoveMachine(by=HOST, machine=M1)) == (
            "machine: need a machine without volumes and a volume offer, got one with 1 volume(s)"
        )

    def test_a_log_that_asks_without_a_listing(self) -> None:
        w = world(1, prices(1))
        number = w.rent(1)
        asked = e.PriceIncreaseAsked(
            **at(w), increase=w.market.last + 1, contract=number, raised=(), new_end=None
        )
        with pytest.raises(NumgeniusError) as refusal:
            replay([e.MachineUnlisted(**at(w), machine=M1), asked], w.market)
        assert str(refusal.value) == (
            "events[1].event: need a machine that is listed, got machine 1, which is not"
        )

    def test_a_log_that_rents_on_no_machine(self) -> None:
        w = world(1, prices(1))
        w.rent(1)
        made = next(each for each in w.events if isinstance(each, e.ContractCreated))
        number = ContractId(w.market.last + 1)
        nowhere = evolve(made, contract=evolve(made.contract, id=number, machine=MachineId(7)))
        with pytest.raises(NumgeniusError) as refusal:
            replay([nowhere], w.market)
        assert str(refusal.value) == "events[0].machine: need a machine of this market, got 7"

    def test_a_log_that_destroys_the_last_tick_of_a_deposit(self) -> None:
        w = world(1, prices(1))
        facts: dict[str, Any] = {**at(w), "contract": w.rent(1)}
        left = e.ContractPrepaid(
            **facts, amount=Money.from_ticks(1), months=Fraction(0), discount=Fraction(0)
        )
        with pytest.raises(NumgeniusError) as refusal:
            replay([left, e.InstanceDestroyed(**facts)], w.market)
        assert str(refusal.value) == f"events[1].contract: need {ALONE}, got contract 2"

    def test_a_host_that_rents_elsewhere(self) -> None:
        w = world(1, prices(1))
        w.add(1, 2, AccountId("other"))
        rent = c.Rent(by=AccountId("other"), offer=w.offer(1), mode=Mode.ON_DEMAND)
        assert self.refused(w, rent) == (
            "by: need a client's account (hosts rent only their own machines), got a host"
        )

    def test_a_disk_and_a_bid_that_do_not_belong(self) -> None:
        w = world(1, prices(1))
        rent = c.Rent(by=ANN, offer=w.offer(1), mode=Mode.ON_DEMAND, bid=PerHour(1))
        assert self.refused(w, rent) == "bid: need none for on-demand, got 1.00"
        rent = c.Rent(by=ANN, offer=w.offer(1), mode=Mode.ON_DEMAND, disk_mb=1_000_001)
        assert self.refused(w, rent) == (
            "disk_mb: need at most the offer's 1,000,000 MB, got 1,000,001"
        )

    def test_nothing_on_the_balance(self) -> None:
        w = world(1, prices(1))
        w.do(c.AddCredit(account=CAT, amount=Money("0.000001")))
        w.rent(1, 0, CAT)
        w.do(c.Tick(), 60)
        stopped = max(w.market.account(CAT).instances)
        assert self.refused(w, c.Start(by=CAT, contract=stopped)) == (
            f"account: need a balance above zero, got ${w.balance(CAT)}"
        )

    def test_who_has_no_reserved_price(self) -> None:
        w = world(2, prices(1), max_discount=Fraction(1, 2))
        locked = w.rent(1)
        w.do(c.SetVerification(machine=M1, verification=Verification.UNVERIFIED))
        assert self.refused(w, c.Prepay(by=ANN, contract=locked, amount=Money(1))) == (
            "contract: need a machine with a reserved price, got one that is not verified"
        )
        w = world(2, prices(1), max_discount=Fraction(0))
        plain, free = w.rent(1), w.rent(1, 1, HOST)
        assert self.refused(w, c.Prepay(by=ANN, contract=plain, amount=Money(1))) == (
            "contract: need a machine with a reserved price, got one without a discount"
        )
        assert self.refused(w, c.Prepay(by=HOST, contract=free, amount=Money(1))) == (
            "contract: need an on-demand or reserved instance, got a free test"
        )

    def test_a_bid_that_nothing_wins(self) -> None:
        w = world(1, prices(1))
        bid = w.rent(1, bid="0.5")
        w.rent(1, by=BOB)
        assert self.refused(w, c.ChangeBid(by=ANN, contract=bid)) == (
            "bid: need GPUs that a bid can win, got GPUs rented on demand"
        )

    def test_an_ended_contract(self) -> None:
        w = world(1, prices(1), end=second(60))
        ended = w.rent(1)
        w.do(c.Tick(), 61)
        command = c.SetAutoExtension(by=ANN, contract=ended, wanted=False)
        assert self.refused(w, command) == (
            "changed terms: not possible while expired; possible is: destroyed"
        )

    @pytest.mark.parametrize(
        ("name", "what"),
        [
            ("waiting_on_a_machine", "claims that wait on a machine"),
            ("waiting_of_an_account", "claims of an account that wait"),
        ],
    )
    def test_limits(self, name: str, what: str) -> None:
        w = world(1, prices(1))
        limits: dict[str, Any] = {name: 1}
        w.do(c.SetSettings(settings=Settings(**limits)))
        w.rent(1, bid="0.5")
        w.rent(1, bid="0.4", load=False)
        rent = c.Rent(by=ANN, offer=w.offer(1), mode=Mode.INTERRUPTIBLE, bid=PerHour("0.3"))
        assert self.refused(w, rent) == f"contract: need at most 1 {what} ({name}), got one more"

    def test_a_step_too_long(self) -> None:
        w = world(1, prices(1))
        w.do(c.SetSettings(settings=Settings(longest_step=timedelta(days=1))))
        with pytest.raises(NumgeniusError) as refusal:
            w.do(c.Tick(), DAY + 1)
        assert str(refusal.value) == (
            "at: need an instant up to 2026-01-02 00:00:00+00:00 (longest_step), "
            "got 2026-01-02 00:00:01+00:00"
        )

    @pytest.mark.parametrize("name", ["waiting_on_a_machine", "waiting_of_an_account"])
    def test_limits_have_a_limit(self, name: str) -> None:
        most: dict[str, Any] = {name: 10**9}
        Settings(**most)
        with pytest.raises(NumgeniusError) as refusal:
            Settings(**{name: 10**9 + 1})  # type: ignore[arg-type]
        text = f"settings.{name}: need a whole number from 0 to 1,000,000,000, got 1000000001"
        assert str(refusal.value) == text

    def test_a_step_with_a_fraction(self) -> None:
        with pytest.raises(NumgeniusError) as refusal:
            Settings(longest_step=timedelta(microseconds=1))
        assert str(refusal.value) == (
            "settings.longest_step: need whole seconds above zero, got 0:00:00.000001"
        )

    def test_a_market_has_no_hash(self) -> None:
        market = world(1).market
        with pytest.raises(NumgeniusError) as refusal:
            hash(market)
        assert str(refusal.value) == (
            f"hash(market): need something that has a hash (compare markets), got {market!r}"
        )


class TestWhatAnEventChanges:
    """What an event says is what the state has afterwards, field by field."""

    def test_a_machine_that_is_removed_is_no_longer_its_hosts(self) -> None:
        w = world(1)
        w.add(1, 2)
        w.add(1, 3)
        w.do(c.RemoveMachine(by=HOST, machine=MachineId(2)))
        assert w.market.account(HOST).machines == (1, 3)

    def test_a_verified_machine_is_so_in_its_listing_too(self) -> None:
        w = world(1)
        w.do(c.SetVerification(machine=M1, verification=Verification.UNVERIFIED))
        state = w.market.machine(M1)
        assert state.listing is not None
        assert state.machine.verification is Verification.UNVERIFIED
        assert state.listing.machine == state.machine
        w.add(1, 2)
        w.do(c.SetVerification(machine=MachineId(2), verification=Verification.UNVERIFIED))
        assert w.market.machine(MachineId(2)).listing is None

    def test_a_wish_is_kept(self) -> None:
        w = world(1)
        contract = w.rent(1)
        for wanted in (False, True):
            (event,) = w.do(c.SetAutoExtension(by=ANN, contract=contract, wanted=wanted))
            assert isinstance(event, e.AutoExtensionSet)
            assert event.wanted is wanted
            assert w.instance(contract).auto_extension is wanted

    def test_a_changed_bid_is_a_fact_with_its_time(self) -> None:
        w = world(1)
        contract = w.rent(1, bid="0.5")
        w.do(c.ChangeBid(by=ANN, contract=contract, bid=PerHour("0.7")), 60)
        fact = w.instance(contract).facts[-1]
        assert (fact.at, getattr(fact, "bid", None)) == (second(60), PerHour("0.7"))
        assert w.instance(contract).flow.balance == PerHour("0.7").charge(1)

    def test_a_restarted_instance_has_the_time_of_its_start(self) -> None:
        w = world(1)
        contract = w.rent(1)
        w.do(c.Stop(by=ANN, contract=contract), 60)
        w.do(c.Start(by=ANN, contract=contract), 90)
        assert [each.at for each in w.instance(contract).facts] == [
            second(0),
            second(60),
            second(90),
            second(90),
        ]

    def test_traffic_is_paid_by_the_byte_and_shared(self) -> None:
        w = world(1, prices(0, upload=3, download=5, fee=Fraction(1, 4)))
        contract, before = w.rent(1), w.balance(ANN)
        w.do(c.CountTraffic(contract=contract, sent=10**9, received=2 * 10**9))
        assert before - w.balance(ANN) == Money(13)
        assert w.balance(HOST) == Money("9.75")
        assert w.market.platform.at(w.now) == Money("3.25")

    def test_a_moved_instance_pays_for_its_size(self) -> None:
        w = world(4, prices(1))
        contract = w.rent(1)
        moved = e.ContractMoved(at=w.now, contract=contract, block=Block(2, 2))
        market = replay([moved], w.market)
        assert market.living(contract).flow.balance == PerHour(2).charge(1)

    def test_what_is_kept_of_a_deposit_is_shared(self) -> None:
        w = world(1, prices(1, fee=Fraction(1, 4)), max_discount=Fraction(1, 2))
        contract = w.rent(1)
        w.do(c.Prepay(by=ANN, contract=contract, amount=Money(100)))
        refund = e.DepositRefunded(at=w.now, contract=contract, refund=Money(92), kept=Money(8))
        market = replay([refund], w.market)
        assert market.platform.at(w.now) == Money(2)
        assert market.account(HOST).ledger.at(w.now) == Money(6)
        deposit = market.living(contract).deposit
        assert (deposit.at(w.now), deposit.rate) == (Money(0), Money(0))


class TestReasons:
    """Issue: "who runs, with reasons": each pause says why and by whom."""

    def pauses(self, w: World, command: c.Command) -> list[tuple[int, str, tuple[int, ...]]]:
        events = [each for each in w.do(command) if isinstance(each, e.InstancePaused)]
        return [(each.contract, each.why.value, each.by) for each in events]

    def bid(self, w: World, size: int, dollars: str, place: int = 0) -> c.Rent:
        offer, price = w.offer(size, place), PerHour(dollars)
        return c.Rent(by=ANN, offer=offer, mode=Mode.INTERRUPTIBLE, bid=price)

    def test_outbid_by_those_above_on_its_own_gpus(self) -> None:
        w = world(4, prices(1))
        wide = w.rent(4, bid="0.8")
        events = self.pauses(w, self.bid(w, 1, "0.3"))
        assert events == [(wide, "outbid", (max(w.market.homes),))]
        assert self.pauses(w, self.bid(w, 1, "0.3", 3)) == []

    @pytest.mark.parametrize("wide", ["0.9", "1.0"])
    def test_the_price_of_a_gpu_decides_and_of_equals_the_earlier(self, wide: str) -> None:
        w = world(2, prices(1))
        single = w.rent(1, bid="0.5")
        events = self.pauses(w, self.bid(w, 2, wide))
        assert events == [(max(w.market.homes), "outbid", (single,))]

    def test_held_by_a_rental_on_demand(self) -> None:
        w = world(1, prices(1))
        bid = w.rent(1, bid="0.5")
        events = self.pauses(w, c.Rent(by=BOB, offer=w.offer(1), mode=Mode.ON_DEMAND))
        assert events == [(bid, "held", (max(w.market.homes),))]

    def test_under_the_floor_and_not_at_it(self) -> None:
        w = world(2, prices(1))
        at_it, under = w.rent(1, bid="0.5"), w.rent(1, 1, bid="0.4")
        floor = c.SetMinBid(by=HOST, machine=M1, floor=prices("0.5").gpu)
        assert self.pauses(w, floor) == [(under, "under the floor", ())]
        assert w.state(at_it) == "running"

    def test_a_bid_left_out_is_the_lowest_the_floor_allows(self) -> None:
        w = world(2, prices(1, min_bid="0.3"))
        contract = w.rent(2, bid="1")
        w.do(c.Stop(by=ANN, contract=contract))
        (event,) = w.do(c.ChangeBid(by=ANN, contract=contract))
        assert getattr(event, "bid", None) == PerHour("0.6")
        with pytest.raises(NumgeniusError) as refusal:
            w.do(c.ChangeBid(by=ANN, contract=contract, bid=PerHour("0.59")))
        assert str(refusal.value) == "bid: need 0.60 to 64.00 $/hour for 2 GPU(s), got 0.59"


class TestWhatIsKnownOfAnInstance:
    """What a view or a log shows is what was agreed."""

    def test_the_gpu_price_while_a_deposit_lasts_and_after(self) -> None:
        w = world(2, prices(1), max_discount=Fraction(1, 2))
        contract = w.rent(2)
        w.do(c.Prepay(by=ANN, contract=contract, amount=Money(720)))
        reserved = w.instance(contract)
        off = reserved.discount
        assert off > 0
        assert reserved.gpu_price(w.now) == PerHour(2).scaled(1 - off)
        assert reserved.gpu_price(w.now + timedelta(days=300)) == PerHour(2)

    def test_a_rolled_end_is_in_its_event(self) -> None:
        w = world(1, prices(1), rolling=timedelta(days=2))
        events = [each for each in w.do(c.Tick(), DAY) if isinstance(each, e.EndDateRolled)]
        assert [each.end for each in events] == [second(3 * DAY)]

    def test_results_are_compared_by_what_was_refused_and_why(self) -> None:
        w = world(1, prices(1))
        stop = c.Stop(by=ANN, contract=ContractId(7))
        destroy = c.Destroy(by=ANN, contract=ContractId(7))
        _, (one, same, other, taken) = execute_all(
            w.market,
            [(stop, w.now), (stop, w.now), (destroy, w.now), (c.Tick(), w.now)],
        )
        assert one == same
        assert one != other
        assert one != evolve(one, error=None)
        assert one != evolve(one, error=RuleViolation("contract", "an instance", "7"))
        assert taken == evolve(taken, error=None)

    @pytest.mark.parametrize("kind", [Table, Series, Sorted])
    def test_different_contents_have_different_hashes(self, kind: Callable[..., Any]) -> None:
        few, many = kind([(1, 2)]), kind([(1, 2), (3, 4)])
        assert len({hash(few), hash(many), hash(kind([(1, 2)]))}) == 2


class TestTheOrderOfClaims:
    """DOMAIN 6: bids are compared exactly per GPU, on blocks of any size."""

    SIZES = (1, 3, 7, 16, 17, 19, 23, 30, 64)

    def test_a_level_is_the_price_of_a_gpu_the_dearest_first(self) -> None:
        bids = [(price, size) for size in self.SIZES for price in (1, 2, 3, 7, 10**9, 10**9 + 1)]
        # As dear for each GPU on a block of any size, and a price step above and below.
        bids += [(10**9 * size + more, size) for size in self.SIZES for more in (-1, 0, 1)]
        dearest = sorted(bids, key=lambda bid: (-Fraction(*bid), bid))
        assert sorted(bids, key=lambda bid: (level_of(*bid), bid)) == dearest
        for one, other in pairwise(dearest):
            assert (level_of(*one) == level_of(*other)) is (Fraction(*one) == Fraction(*other))

    def test_who_runs_on_a_large_machine_is_what_the_rule_says(self) -> None:
        w = world(34, prices(1, min_bid="0.1"))
        sizes = sorted({each.gpus for each in views.offers(w.market, w.now)})
        assert sizes[-2:] == [32, 34]
        for cents, size in ((50, 34), (46, 32), (30, 16), (47, 34), (80, 2)):
            w.rent(size, bid=f"{cents * size / 100:.2f}", load=False)
            machine = w.market.machine(M1)
            assert machine.running == machine.resolution.running
        assert w.market.machine(M1).running[0].id == max(w.market.homes)


NO_MARKET: Any = 7


class TestTheFaceOfTheState:
    """What is asked for and not there is refused by name."""

    @pytest.mark.parametrize(
        ("ask", "text"),
        [
            (lambda m: m.machine(7), "machine: need a machine of this market, got 7"),
            (lambda m: m.account("eve"), "account: need an account of this market, got 'eve'"),
            (lambda m: m.home(7), "contract: need an instance that exists, got 7"),
            (lambda m: m.living(7), "contract: need an instance that exists, got 7"),
            (lambda m: m.asking(7), "increase: need a price increase that is still open, got 7"),
            (
                lambda m: m.machine(1).offer_id(-1),
                "index: need a whole number from 0, got -1",
            ),
            (
                lambda m: execute(m, c.Tick(), datetime(2026, 1, 1)),  # noqa: DTZ001 - that is the fault
                "at: need a datetime with a time zone, got 2026-01-01 00:00:00",
            ),
            (lambda _: decide(NO_MARKET, c.Tick(), second(0)), "market: need a Market, got 7"),
            (lambda _: execute(NO_MARKET, c.Tick(), second(0)), "market: need a Market, got 7"),
            (lambda _: execute_all(NO_MARKET, []), "market: need a Market, got 7"),
            (lambda m: execute_all(m, NO_MARKET), "commands: need a series of values, got 7"),
            (lambda _: evolve_market(NO_MARKET, NO_MARKET), "market: need a Market, got 7"),
            (lambda _: replay([], NO_MARKET), "market: need a Market, got 7"),
        ],
    )
    def test_it(self, ask: Callable[[Any], Any], text: str) -> None:
        with pytest.raises(NumgeniusError) as refusal:
            ask(world(1).market)
        assert str(refusal.value) == text

    def test_nothing_may_follow_the_destruction_of_an_instance(self) -> None:
        w = world(1)
        contract = w.rent(1)
        w.do(c.Destroy(by=ANN, contract=contract))
        with pytest.raises(NumgeniusError) as refusal:
            replay([e.InstanceLoaded(at=w.now, contract=contract)], w.market)
        assert (
            str(refusal.value)
            == f"events[0].contract: need an instance that exists, got {contract}"
        )

    @pytest.mark.parametrize(
        ("left", "speed", "seconds"), [(0, 5, None), (1, 1, 1), (2, 1, 2), (5, 2, 3), (5, 0, None)]
    )
    def test_when_a_ledger_runs_out(self, left: int, speed: int, seconds: int | None) -> None:
        ledger = Ledger(
            since=second(0), amount=Money.from_ticks(left), rate=Money.from_ticks(-speed)
        )
        assert ledger.runs_out() == (None if seconds is None else second(seconds))

    def test_what_is_due_first_is_the_first_edge_of_a_window_that_was_not_announced(self) -> None:
        w = world(1)
        for start in (100, 300, 500):
            window = MaintenanceWindow(period=Interval(second(start), second(start + 50)))
            w.do(c.ScheduleMaintenance(by=HOST, machine=M1, window=window))
        dues = []
        for now in (0, 100, 150, 300, 350, 500, 550):
            w.do(c.Tick(), now)
            dues.append(w.market.machine(M1).due)
        ends = [second(each) for each in (100, 150, 300, 350, 500, 550)]
        assert dues == [*ends, None]

    def test_a_state_that_is_made_again_knows_what_is_due(self) -> None:
        w = world(1, prices(1), rolling=timedelta(days=2))
        w.rent(1)
        state, account = w.market.machine(M1), w.market.account(ANN)
        assert evolve(state).due == state.due == second(DAY)
        assert account.due is not None
        assert evolve(account).due == account.due == account.runs_out()
