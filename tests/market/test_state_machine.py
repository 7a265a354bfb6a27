"""The market against a model written independently: all commands, any order, any time.

``pytest --long`` runs ten times as many sequences, and longer ones.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import initialize, precondition, rule

from effort import LONG, up_to
from market_checks import CheckedMarket, seconds
from market_model import Deal
from market_world import second
from model_parts import DAY, NEVER
from numgenius_core.billing import DaysOfGrace
from numgenius_core.errors import NumgeniusError
from numgenius_core.ids import AccountId, ContractId, MachineId, OfferId, VolumeId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Machine, Mode, PriceTerms, Verification
from numgenius_core.maintenance import Category, MaintenanceWindow
from numgenius_core.market import Settings, commands as c, execute, views
from numgenius_core.money import Money
from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour, PerHour

pytestmark = pytest.mark.filterwarnings(
    "ignore::numgenius_core.errors.FloorAbovePrice"  # also a floor that is seldom meant is tested
)

HOUR = 3_600
HOSTS = [AccountId("h1"), AccountId("h2")]
CLIENTS = [AccountId(name) for name in ("ann", "bob", "cat", "dan")]
ACCOUNTS = [*HOSTS, *CLIENTS]
NOBODY = AccountId("nobody")

# To the next instant at which something happens, a second before it and after it; or so long.
TO_NEXT, BEFORE_NEXT, AFTER_NEXT = -1, -2, -3
JUMPS = [0, 0, 0, 0, 1, 59, HOUR, 5 * HOUR, DAY, 3 * DAY, 40 * DAY]
JUMPS += [TO_NEXT, TO_NEXT, BEFORE_NEXT, AFTER_NEXT]
jumps = st.sampled_from(JUMPS)
picks = st.integers(0, 2**12)
GPU_PRICES = ["1", "1", "0.5", "2.5", "0.133333333333", "3600", "0", "0.000000000001"]
FLOORS = ["0", "0", "0", "0.1", "0.1", "0.3", "0.000000000001", "33"]
AMOUNTS = ["0.000000000001", "1", "20", "100", "576", "1512.5", "20000"]
BYTES = [0, 1, 10**9, 123_456_789_012, 10**16]
DISKS = [0, 0, 1, 10_000, 100_000, 333_333, 500_001]
HOST_COMMANDS = [c.Unlist, c.CleanUp, c.CancelMaintenance, c.ScheduleMaintenance, c.SetMinBid]
HOST_COMMANDS += [c.SetDefaultJob, c.RemoveDefaultJob, c.SetMinBid, c.Defragment, c.Defragment]
VOLUME_SIZES = [1, 15_000, 15_000, 200_000, 200_000, 500_001]
VOLUME_PRICES = ["0.10", "0.10", "0.15", "0", "2592"]
CLAIMS = ["0", "0", "0.99", "0.99", "0.96", "0.9999", "0.5"]
SPREADS = [None, None, None, "0.3", "1", "3"]
TARGETS = ["0.95", "0.95", "0.99", "0.9", "0.4", "0.96", "0.999"]
OUTAGES = [7, HOUR // 2, HOUR, 3 * HOUR, 5 * HOUR + 1, 30 * HOUR, 3 * DAY]
LIFE: dict[str, list[Any]] = {
    "loading": [c.ReportLoaded, c.ReportLoaded, c.Stop],
    "running": [c.Stop, c.Stop, c.Stop, c.Destroy],
    "paused": [c.Stop, c.Destroy],
    "stopped": [c.Start, c.Start, c.Start, c.Destroy],
    "scheduling": [c.Stop, c.Destroy],
    "expired": [c.Destroy],
}


def one_of_each(*choices: list[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Return one of each list, in a single draw: many draws are what a sequence would cost."""
    return st.sampled_from(list(product(*choices)))


def _terms(chance: random.Random) -> PriceTerms:
    """Return prices that often meet each other, and now and then a limit."""
    return PriceTerms(
        gpu=PerGpuHour(chance.choice(GPU_PRICES)),
        storage=PerGbMonth(chance.choice(["0", "0.15", "2592", "0.133333333333"])),
        upload=PerGb(chance.choice(["0", "0.01", "0.003333333333"])),
        download=PerGb("0.005"),
        min_bid=PerGpuHour(chance.choice(FLOORS)),
        platform_fee=chance.choice([Fraction(0), Fraction(1, 4), Fraction(1, 3)]),
    )


price_terms = st.sampled_from([_terms(random.Random(seed)) for seed in range(200)])


def a_machine(number: int, host: AccountId, gpus: int, *, verified: bool = True) -> Machine:
    """Return a machine."""
    return Machine(
        id=MachineId(number),
        host=host,
        gpu_name="RTX 4090",
        gpus=gpus,
        disk_mb=1_000_000,
        verification=Verification.VERIFIED if verified else Verification.UNVERIFIED,
        disk_share=Fraction(9, 10) if number % 2 else Fraction(1),
    )


class MarketMachine(CheckedMarket):
    """All commands: mostly such as can be done, seldom other people's or nobody's."""

    # --- whom and what ----------------------------------------------------------------------

    def when(self, jump: int) -> int:
        """Return the time of a command."""
        if jump >= 0:
            rolls = any(rig.rolls_at for rig in self.model.rigs.values())
            return self.at + (min(jump, 9 * DAY) if rolls else jump)  # it rolls every day
        due = self.model.next_instant()
        if due > self.at + 400 * DAY:
            return self.at + 1
        return max(self.at, due + {TO_NEXT: 0, BEFORE_NEXT: -1, AFTER_NEXT: 1}[jump])

    def rig(self, pick: int) -> tuple[AccountId, MachineId]:
        """Return a machine and its host, now and then somebody else or no machine."""
        rigs = list(self.model.rigs.values())
        if not rigs or pick % 61 == 7:
            return HOSTS[0], MachineId(99)
        rig = rigs[pick % len(rigs)]
        return (CLIENTS[0] if pick % 59 == 7 else AccountId(rig.host)), MachineId(rig.id)

    def deal(
        self, pick: int, wanted: Callable[[Deal], bool] = lambda _: True
    ) -> tuple[AccountId, ContractId]:
        """Return an instance and its client; mostly one that is wanted, seldom a wrong one."""
        deals = list(self.model.deals.values())
        good = [deal for deal in deals if wanted(deal)]
        if pick % 61 == 7 or not deals:
            return CLIENTS[0], ContractId(next(iter(self.model.gone), 999))
        deal = good[pick % len(good)] if good and pick % 17 != 7 else deals[pick % len(deals)]
        return (CLIENTS[1] if pick % 59 == 7 else AccountId(deal.client)), ContractId(deal.id)

    def bid_for(self, size: int, floor: int, pick: int) -> PerHour:
        """Return a bid for some GPUs: few different ones, so that they meet, seldom a wrong one."""
        if pick % 43 == 7:
            return PerHour(["0.0009", str(33 * size), "0.100000000001"][pick % 3])
        tenths = pick % 11 + 1
        return PerHour.from_steps(max(floor * size, 10**11 * tenths * (1 + size // 2)))

    # --- rules ------------------------------------------------------------------------------

    @initialize(scene=st.integers(0, 10**6), terms=price_terms)
    def begin(self, scene: int, terms: PriceTerms) -> None:
        """Begin with some machines and some instances on them."""
        chance = random.Random(scene)
        end = chance.choice([None, None, second(2 * DAY), second(20 * DAY)])
        if scene % 3 == 1:
            billed = Settings(own_tests_billed=True, grace=DaysOfGrace(0))
            self.set_up(c.SetSettings(settings=billed))
        for name in [*CLIENTS, *HOSTS] if scene % 2 else CLIENTS:
            credit = chance.choice([1, 50, 3_000, 30_000, 10**6])
            self.set_up(c.AddCredit(account=name, amount=Money(credit)))
        for number in range(1, chance.choice([1, 1, 2, 3]) + 1):
            gpus, host = chance.choice([1, 2, 3, 4, 5, 7, 8, 8]), HOSTS[number % 2]
            self.set_up(c.AddMachine(machine=a_machine(number, host, gpus)))
            self.set_up(
                c.ListMachine(
                    by=host,
                    machine=MachineId(number),
                    prices=terms,
                    min_gpu=min(chance.choice([1, 1, 2]), 1 << (gpus.bit_length() - 1)),
                    end=end,
                    rolling=None if end or scene % 5 else timedelta(days=2),
                    volume_mb=chance.choice([0, None, 400_000]),
                    sla_claim=chance.choice(["0", "0.99", "0.97"]),
                )
            )
            for _ in range(chance.choice([0, 0, 1, 2])):
                self.set_up(self.volume_for(chance.randrange(4_096), chance.choice(VOLUME_SIZES)))
        for place in range(chance.randrange(6)):
            wish = self.wish_for(chance.randrange(4_096), chance.choice(DISKS), None, 0)
            if place < 2 and scene % 4:  # a promise, if there is one to be had
                wish = evolve(wish, mode=Mode.ON_DEMAND, bid=None, target=TARGETS[scene % 7])
            self.set_up(wish)
            if chance.random() < 0.8:
                _, contract = self.deal(1, lambda deal: deal.state == "loading")
                self.set_up(c.ReportLoaded(contract=contract))
        if end is not None and scene % 2:
            self.ask_for_more(terms)
        self.begun()

    def ask_for_more(self, terms: PriceTerms) -> None:
        """List the first machine dearer and for longer: its clients have something to answer."""
        host, machine = self.rig(0)
        gpu = PerGpuHour.from_steps(min(terms.gpu.steps * 3 // 2 + 10**10, 3_600 * 10**12))
        dearer = c.Relist(by=host, machine=machine, gpu=gpu, end=second(60 * DAY))
        self.set_up(dearer)

    def wish_for(self, pick: int, disk: int, end: int | None, at: int) -> c.Rent:
        """Return a wish to rent."""
        offers = views.offers(self.market, second(self.at))
        free = [each for each in offers if each.rentable] if pick % 2 else offers
        vols = list(self.model.vols.values()) if pick % 3 == 0 else []
        vol = vols[pick % len(vols)] if vols else None  # whose client rents beside it
        beside = [each for each in offers if vol is not None and each.machine == vol.machine]
        among = beside or list(free or offers)
        offer = among[pick // 2 % len(among)] if among else None
        number = OfferId(pick) if offer is None or pick % 61 == 7 else offer.id
        size, machine = (1, MachineId(1)) if offer is None else (offer.gpus, offer.machine)
        floor = self.model.rigs[machine].floor if machine in self.model.rigs else 0
        mode = Mode.ON_DEMAND if pick % 2 else Mode.INTERRUPTIBLE
        if pick % 47 == 7:
            mode = [Mode.ON_DEMAND, Mode.INTERRUPTIBLE, Mode.RESERVED][pick % 3]
        by = CLIENTS[pick % 4] if vol is None else AccountId(vol.client)
        if pick % 11 == 7:
            by = AccountId(self.model.rigs[machine].host) if machine in self.model.rigs else by
        elif pick % 67 == 7:
            by = [NOBODY, *HOSTS][pick % 3]
        return c.Rent(
            by=by,
            offer=number,
            mode=mode,
            bid=None if pick % 2 else self.bid_for(size, floor, pick // 4),
            disk_mb=min(disk, offer.disk_mb) if offer is not None and pick % 7 else disk,
            end=None if end is None else second(at + end),
            label="one" * (pick % 3),
            volumes=self.volumes_for(pick, by, machine),
            target=self.target_for(pick, machine),
        )

    def target_for(self, pick: int, machine: MachineId) -> str | None:
        """Return a target where something is promised, mostly on demand; seldom one elsewhere."""
        rig = self.model.rigs.get(machine)
        listing = None if rig is None else rig.listing
        if listing is None or listing.claimed is None or pick % 2 == 0:
            return "0.9" if pick % 53 == 7 else None
        if pick % 4 == 1:
            return None if pick % 3 == 0 else TARGETS[pick // 4 % 7]
        claim = listing.claimed.claim
        return str(float(claim)) if pick % 5 == 0 else str(float(claim - Fraction(1, 25)))

    def promised_with(self, pick: int, *, whole: bool) -> dict[str, Any]:
        """Return what a listing says of its uptime."""
        found: dict[str, Any] = {
            "sla_claim": CLAIMS[pick % 7],
            "sla_spread": SPREADS[pick // 7 % 6],
        }
        if not whole and pick % 3:
            del found["sla_claim"]  # it stays
        return found

    def volumes_for(self, pick: int, by: AccountId, machine: MachineId) -> tuple[VolumeId, ...]:
        """Return volumes to attach: mostly such as can be, seldom another's or of elsewhere."""
        vols = list(self.model.vols.values())
        good = [vol for vol in vols if vol.client == by and vol.machine == machine]
        if pick % 29 == 7:
            return tuple(VolumeId(vol.id) for vol in vols) or (VolumeId(999),)
        if pick % 31 == 7:
            good *= 2
        return tuple(VolumeId(vol.id) for vol in good) if pick % 5 else ()

    def volume_offer(self, pick: int) -> tuple[OfferId, MachineId]:
        """Return a volume offer, now and then none, and its machine."""
        offers = views.volume_offers(self.market, second(self.at))
        if not offers or pick % 41 == 7:
            return OfferId(pick), MachineId(1)
        offer = offers[pick % len(offers)]
        return offer.id, offer.machine

    def volume_for(self, pick: int, size: int) -> c.RentVolume:
        """Return a wish for a volume."""
        offer, machine = self.volume_offer(pick)
        by = CLIENTS[pick // 2 % 4]
        if pick % 11 == 7:
            by = AccountId(self.model.rigs[machine].host) if machine in self.model.rigs else by
        elif pick % 43 == 7:
            by = [NOBODY, *HOSTS][pick % 3]
        if machine in self.model.rigs and pick % 7:
            size = max(1, min(size, self.model.largest(self.model.rigs[machine])))
        return c.RentVolume(by=by, offer=offer, size_mb=size, name="data_1" * (pick % 2))

    @rule(
        pick=picks,
        wish=one_of_each(VOLUME_SIZES, VOLUME_PRICES, [None, None, HOUR, 3 * DAY, 40 * DAY, 0, -5]),
        jump=jumps,
    )
    def list_volume(self, pick: int, wish: tuple[int, str, int | None], jump: int) -> None:
        size, price, end = wish
        (by, machine), at = self.rig(pick), self.when(jump)
        offer, _ = self.volume_offer(pick)
        if pick % 5 == 0:
            self.run(c.UnlistVolume(by=by, offer=offer), at)
            return
        command = c.ListVolume(
            by=by,
            machine=machine,
            size_mb=size * (1 + pick % 3),
            price=PerGbMonth(price),
            end=None if end is None else second(at + end),
            platform_fee=[None, None, Fraction(1, 4)][pick % 3],
        )
        self.run(command, at)

    @precondition(lambda self: self.market.volume_listings)
    @rule(pick=picks, size=st.sampled_from(VOLUME_SIZES), jump=jumps)
    def rent_volume(self, pick: int, size: int, jump: int) -> None:
        self.run(self.volume_for(pick, size), self.when(jump))

    @precondition(lambda self: self.model.vols)
    @rule(pick=picks, copy=st.booleans(), size=st.sampled_from(VOLUME_SIZES), jump=jumps)
    def keep_or_delete(self, pick: int, copy: bool, size: int, jump: int) -> None:
        """Copy a volume, or delete one that mostly nobody uses."""
        vols = list(self.model.vols.values())
        unused = [vol for vol in vols if not self.model.users(vol)]
        among = unused if unused and pick % 5 else vols
        vol = among[pick % len(among)]
        number = VolumeId(pick if pick % 37 == 7 else vol.id)
        by, at = (CLIENTS[1] if pick % 23 == 7 else AccountId(vol.client)), self.when(jump)
        if not copy:
            self.run(c.DeleteVolume(by=by, volume=number), at)
            return
        offer, _ = self.volume_offer(pick // 2)
        wanted = None if pick % 3 else size
        self.run(c.CloneVolume(by=by, volume=number, offer=offer, size_mb=wanted), at)

    @rule(
        pick=picks,
        wish=one_of_each(DISKS, [None, None, None, None, HOUR, DAY, -5], [True, True, False]),
        jump=jumps,
    )
    def rent(self, pick: int, wish: tuple[int, int | None, bool], jump: int) -> None:
        disk, end, load = wish
        at, last = self.when(jump), self.market.last
        self.run(self.wish_for(pick, disk, end, at), at)
        if load and self.market.last > last:
            _, contract = self.deal(1, lambda deal: deal.state == "loading")
            self.run(c.ReportLoaded(contract=contract), at)

    @rule(pick=picks, amount=st.sampled_from(AMOUNTS), jump=jumps)
    def pass_time(self, pick: int, amount: str, jump: int) -> None:
        """Look at the clock, take a payment, or go back in time, which nobody can."""
        at = self.when(jump)
        name = [*CLIENTS, *CLIENTS, *HOSTS, NOBODY][pick % 11]
        if pick % 8 == 1:
            charge = None if pick % 3 else Money(amount)
            notice = Money([-1, 0, 1, 40, 999][pick % 5])
            on = pick % 7 > 1
            command = c.SetThresholds(by=name, charge=charge, notice=notice, notice_enabled=on)
            self.run(command, at)
            if pick // 8 % 2:  # again, the notice switched
                self.run(evolve(command, notice_enabled=not on), at)
        elif pick % 8 == 2 and self.model.no_grace:
            self.run(c.Tick(), at)
            dry = [one for one, purse in self.model.purses.items() if purse.balance < 0]
            debtor = AccountId(dry[pick % len(dry)]) if dry and pick % 5 else name
            self.run(c.DeleteUnpaid(account=debtor), at)
        elif pick % 8 == 3:
            to = [*ACCOUNTS, NOBODY][pick // 8 % 7]
            self.model.pass_until(at)
            purse = self.model.purses.get(name)
            cents = 1 if purse is None else max(purse.balance // Money("0.01").ticks, 1)
            amounts: list[str | Decimal] = ["0.01", "3", Decimal(cents) / 100]  # or all there is
            money = Money(amounts[pick % 3])
            self.run(c.TransferCredit(by=name, to=to, amount=money), at)
        elif pick % 8 == 4:
            friday = at if pick % 5 == 0 else at + (1 - at // DAY) % 7 * DAY
            self.run(c.PayOut(account=[*HOSTS, *HOSTS, name][pick // 8 % 5]), friday)
        elif pick % 3 == 0:
            self.run(c.AddCredit(account=name, amount=Money(amount)), at)
        else:
            self.run(c.Tick(), at)
        if pick % 5 == 0 and self.market.now > datetime(1970, 1, 1, tzinfo=UTC):
            with pytest.raises(NumgeniusError):
                execute(self.market, c.Tick(), self.market.now - timedelta(seconds=pick + 1))

    @precondition(lambda self: self.model.deals)
    @rule(pick=picks, amount=st.sampled_from(AMOUNTS), bid=st.booleans(), jump=jumps)
    def pay(self, pick: int, amount: str, bid: bool, jump: int) -> None:
        """Change a bid, or prepay; seldom the one that cannot be."""
        by, contract = self.deal(pick, lambda deal: not deal.over)
        at, found = self.when(jump), self.model.deals.get(contract)
        if found is not None and (found.bid is not None) == (pick % 17 != 3):
            rig = self.model.rigs[found.machine]
            price = self.bid_for(found.size, rig.floor, pick // 3) if bid else None
            self.run(c.ChangeBid(by=by, contract=contract, bid=price), at)
            return
        money = Money(amount)
        if found is not None and by in self.model.purses and pick % 4:
            has, second_of_it = self.model.purses[by].balance, found.full(self.at) * 90_000_000
            share = second_of_it * [7, 3_600, 86_400, 10**7][pick // 4 % 4] + pick
            ticks = has if pick % 19 == 3 else min(has, share)
            money = Money.from_ticks(ticks) if ticks > 0 else money
        self.run(c.Prepay(by=by, contract=contract, amount=money), at)

    @precondition(lambda self: self.model.deals)
    @rule(pick=picks, jump=jumps)
    def life(self, pick: int, jump: int) -> None:
        by, contract = self.deal(pick)
        found = self.model.deals.get(contract)
        state = "" if found is None or pick % 13 == 5 else found.state
        what = LIFE.get(state, [c.Start, c.Stop, c.Destroy, c.ReportLoaded])
        kind = what[pick // 13 % len(what)]
        if kind is c.ReportLoaded:
            self.run(c.ReportLoaded(contract=contract), self.when(jump))
        else:
            self.run(kind(by=by, contract=contract), self.when(jump))

    @precondition(lambda self: self.model.deals)
    @rule(pick=picks, wanted=st.sampled_from([True, False, None, 0, 0]), jump=jumps)
    def say(self, pick: int, wanted: bool | None, jump: int) -> None:
        by, contract = self.deal(pick)
        command: c.Command
        if wanted is None:
            command = c.Label(by=by, contract=contract, label=str(pick))
        elif type(wanted) is bool:
            command = c.SetAutoExtension(by=by, contract=contract, wanted=wanted)
        else:
            sent, received = BYTES[pick % 5], BYTES[pick // 5 % 5]
            command = c.CountTraffic(contract=contract, sent=sent, received=received)
        self.run(command, self.when(jump))

    @rule(
        pick=picks,
        terms=price_terms,
        wish=one_of_each(
            [1, 1, 1, 1, 2, 2, 4, 3, 16],
            [Fraction(2, 5), Fraction(2, 5), Fraction(2, 5), Fraction(0), Fraction(9, 10)],
            [None, HOUR, DAY, 10 * DAY, 10 * DAY, 40 * DAY, 40 * DAY, -1, 0],
            [None, None, None, HOUR, 3 * DAY],
            ["same", "same", "dearer", "dearer", "other"],
        ),
        jump=jumps,
    )
    def list_machine(
        self,
        pick: int,
        terms: PriceTerms,
        wish: tuple[int, Fraction, int | None, int | None, str],
        jump: int,
    ) -> None:
        min_gpu, discount, end, rolling, how = wish
        by, machine = self.rig(pick)
        place, at = self.market.machines.get(machine), self.when(jump)
        base = at
        if place is not None and place.listing is not None and how != "other":
            terms = place.listing.prices
            base = max(at, seconds(place.listing.end) % NEVER)  # later than it was
        if how == "dearer":
            part = ["gpu", "storage", "upload", "min_bid"][pick % 4]
            old = getattr(terms, part)
            terms = evolve(terms, **{part: type(old).from_steps(old.steps * 3 // 2 + 10**10)})
        command = c.ListMachine(
            by=by,
            machine=machine,
            prices=terms,
            min_gpu=min_gpu,
            max_discount=discount,
            end=None if end is None or (rolling and pick % 9) else second(base + end),
            rolling=None if rolling is None else timedelta(seconds=rolling),
            **self.volumes_with(pick),
            **self.promised_with(pick // 3, whole=True),
        )
        self.run(command, at)

    def volumes_with(self, pick: int) -> dict[str, Any]:
        """Return what a listing says of volumes: nothing, half the rest, so much, at a price."""
        size = [0, 0, None, None, 250_000, 700_000][pick % 6]
        price = PerGbMonth(VOLUME_PRICES[pick // 6 % 5])
        return {"volume_mb": size, "volume_price": price if pick % 7 == 3 else None}

    @rule(
        pick=picks,
        terms=price_terms,
        wish=one_of_each(
            [None, None, None, None, HOUR, DAY, 10 * DAY, 40 * DAY, 0, -5],
            [None, None, None, 2 * DAY],
            [None, None, 1, 2, 3],
            [None, None, Fraction(1, 5)],
        ),
        jump=jumps,
    )
    def relist(
        self,
        pick: int,
        terms: PriceTerms,
        wish: tuple[int | None, int | None, int | None, Fraction | None],
        jump: int,
    ) -> None:
        """Send some terms and leave the others out; sometimes the present end once more."""
        end, rolling, min_gpu, discount = wish
        (by, machine), at = self.rig(pick), self.when(jump)
        place = self.market.machines.get(machine)
        base = at
        if place is not None and place.listing is not None:
            base = max(at, seconds(place.listing.end) % NEVER)
            if pick % 5 == 0 and place.listing.end is not None:
                end = 0  # the end that it has
        sent = {
            name: getattr(terms, name)
            for bit, name in enumerate(("gpu", "storage", "upload", "min_bid", "platform_fee"))
            if pick >> bit & 1
        }
        command = c.Relist(
            by=by,
            machine=machine,
            min_gpu=min_gpu,
            max_discount=discount,
            end=None if end is None or (rolling and pick % 9) else second(base + end),
            rolling=None if rolling is None else timedelta(seconds=rolling),
            **sent,
            **self.volumes_with(pick),
            **self.promised_with(pick, whole=False),
        )
        self.run(command, at)

    @precondition(lambda self: self.market.asked)
    @rule(pick=picks, accept=st.sampled_from([True, True, False]), jump=jumps)
    def increase(self, pick: int, accept: bool, jump: int) -> None:
        what = c.AcceptPriceIncrease if accept else c.RejectPriceIncrease
        numbers = sorted(self.market.asked)
        number = pick if pick % 31 == 7 else numbers[pick % len(numbers)]
        by = CLIENTS[0]
        if number in self.market.asked:
            pending = self.market.asking(number).increases[number]
            by = pending.contract.client
            assert (number, pending) in views.increases_of(self.market, by)
            if pick % 19 == 7:
                by = NOBODY
        self.run(what(by=by, increase=number), self.when(jump))

    @rule(
        pick=picks,
        what=st.sampled_from(HOST_COMMANDS),
        jump=jumps,
    )
    def host(self, pick: int, what: type[Any], jump: int) -> None:
        (by, machine), at = self.rig(pick), self.when(jump)
        others: dict[str, Any] = {}
        if what is c.SetMinBid:
            others["floor"] = PerGpuHour(FLOORS[pick % 8])
        elif what is c.SetDefaultJob:
            others["image"] = "job"
        elif what is c.ScheduleMaintenance:
            others["window"] = self.window(pick, at)
        elif what is c.CancelMaintenance:
            if pick % 3:
                window = self.window(pick, at)
                self.run(c.ScheduleMaintenance(by=by, machine=machine, window=window), at)
            others["window"] = self.window_number(machine, pick)
        elif what is c.Defragment:
            # What comes due before it would make the model's answer older than the command.
            self.run(c.Tick(), at)
            self.scatter(machine, pick)
            others["movable"] = tuple(
                ContractId(deal.id)
                for deal in self.model.deals.values()
                if pick % 3 and (deal.machine == machine or pick % 53 == 7)
            )
        self.run(what(by=by, machine=machine, **others), at)

    @rule(pick=picks, announce=st.booleans(), jump=jumps)
    def platform_maintenance(self, pick: int, announce: bool, jump: int) -> None:
        """Announce maintenance of the marketplace's own, or take it back."""
        (_, machine), at = self.rig(pick), self.when(jump)
        command: c.Command
        if announce:
            command = c.AnnounceMaintenance(machine=machine, window=self.window(pick, at))
        else:
            if pick % 3:
                window = self.window(pick, at)
                self.run(c.AnnounceMaintenance(machine=machine, window=window), at)
            number = self.window_number(machine, pick)
            command = c.WithdrawMaintenance(machine=machine, window=number)
        self.run(command, at)

    def window_number(self, machine: MachineId, pick: int) -> int | None:
        """Return the number of a window, sometimes of none or of one that is not there."""
        rig = self.model.rigs.get(machine)
        if rig is None or not rig.windows or pick % 5 == 0:
            return None if pick % 7 else 999
        return rig.windows[pick % len(rig.windows)].number

    def window(self, pick: int, at: int) -> MaintenanceWindow:
        """Return a maintenance window, now and then one that cannot be."""
        start = at + [HOUR, 1, 0, 3 * HOUR, DAY, 400 * DAY][pick % 6]
        period = Interval(second(start), second(start + HOUR * (1 + pick % 5)))
        return MaintenanceWindow(
            period=period,
            category=Category.DISK,
            id=7 * (pick % 41 == 7),
            locked=pick % 37 == 7,
        )

    def scatter(self, machine: MachineId, pick: int) -> None:
        """Rent small blocks with gaps between them, so that there is something to defragment."""
        if machine not in self.model.rigs or pick % 4 == 0:
            return
        now = second(self.at)
        small = [each for each in views.offers(self.market, now, machine=machine) if each.rentable]
        for each in small[:4:2]:
            if each.gpus == small[0].gpus:
                self.run(c.Rent(by=CLIENTS[pick % 4], offer=each.id, mode=Mode.ON_DEMAND), self.at)

    @precondition(lambda self: any(deal.pledge for deal in self.model.deals.values()))
    @rule(
        pick=picks,
        plan=one_of_each([0, 0, HOUR, 30 * HOUR], OUTAGES, [0, 0, -HOUR, 7]),
        jump=jumps,
    )
    def fail(self, pick: int, plan: tuple[int, int, int], jump: int) -> None:
        """Let a machine with a promise be down, mostly announced a while before."""
        notice, lasts, late = plan
        promised = [deal for deal in self.model.deals.values() if deal.pledge is not None]
        deal, at = promised[pick % len(promised)], self.when(jump)
        rig = self.model.rigs[deal.machine]
        by, machine = AccountId(rig.host), MachineId(rig.id)
        if deal.state == "loading":
            self.run(c.ReportLoaded(contract=ContractId(deal.id)), at)
        if notice:
            hours = max(1, lasts // HOUR) * HOUR
            period = Interval(second(at + notice), second(at + notice + hours))
            window = MaintenanceWindow(period=period, category=Category.DISK)
            self.run(c.ScheduleMaintenance(by=by, machine=machine, window=window), at)
        start = max(at, at + notice + late)
        if rig.online:
            self.run(c.ReportOffline(machine=machine), start)
        if pick % 5 == 0:  # in the midst of it
            middle = start + lasts // 2
            cancel = c.CancelMaintenance(by=by, machine=machine)
            announced = self.window(pick, middle)
            more = c.ScheduleMaintenance(by=by, machine=machine, window=announced)
            self.run(cancel if pick % 2 else more, middle)
        if pick % 7:
            self.run(c.ReportOnline(machine=machine), start + lasts)

    @rule(
        pick=picks,
        what=st.sampled_from([*Verification, c.ReportOffline, c.ReportOnline, c.AddMachine]),
        jump=jumps,
    )
    def report(self, pick: int, what: Any, jump: int) -> None:
        (by, machine), at = self.rig(pick), self.when(jump)
        command: c.Command
        if what is c.AddMachine:
            name = HOSTS[pick % 2] if pick % 5 else ACCOUNTS[pick % 6]
            verified, gpus = pick % 7 > 0, [1, 3, 4, 8][pick % 4]
            made = a_machine(pick % 5 + 1, name, gpus, verified=verified)
            command = c.AddMachine(machine=made)
            if made.id in self.model.rigs and pick % 3:
                self.run(c.RemoveMachine(by=by, machine=machine), at)
        elif isinstance(what, Verification):
            command = c.SetVerification(machine=machine, verification=what)
        elif machine in self.model.rigs and pick % 5:
            online = self.model.rigs[machine].online
            command = (c.ReportOffline if online else c.ReportOnline)(machine=machine)
        else:
            command = what(machine=machine)
        self.run(command, at)


TestMarketAgainstTheModel = MarketMachine.TestCase
TestMarketAgainstTheModel.settings = settings(
    deadline=None,
    max_examples=20_000 if LONG else up_to(2_000, 60),
    stateful_step_count=30 if LONG else 8,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
