"""The market's rules once more, slow and obvious: plain records, whole seconds, ticks as ``int``.

Written from the rules and not from the library's code: nothing of it is used here, but for the
fields of the commands. Between two instants at which something happens, every second costs the
same, so money flows instant by instant, and what it costs is worked out anew for each of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Context, Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

from model_parts import (
    BYTE_TICKS,
    DAY,
    HOUR_TICKS,
    MB_TICKS,
    MONTH,
    NANO,
    NEVER,
    need,
)
from numgenius_core.money import Money
from promise_model import Claimed, Pledge, PromiseModel, Told
from volume_model import Vol, VolumeModel, VolumesListed

_EXACT = Context(prec=120)


@dataclass(frozen=True)
class Prices:
    """Steps per unit; the fee is a share."""

    gpu: int
    storage: int
    upload: int
    download: int
    min_bid: int
    fee: Fraction

    def fee_of(self, steps: int) -> int:
        """Return the platform's part of a price, half-even at a step."""
        return round(steps * self.fee)


@dataclass
class Purse:
    """An account: ``had`` is whether it had something since it last ran out."""

    balance: int = 0
    had: bool = False
    charge: int | None = None
    notice: int | None = None
    silent: bool = False
    told: set[str] = field(default_factory=set)
    paid_in: int = 0
    last_friday: int | None = None

    @property
    def thresholds(self) -> list[tuple[str, int]]:
        """What it has set, and at which balance."""
        both = (("charge", self.charge), ("notice", self.notice))
        return [(name, least) for name, least in both if least is not None]


@dataclass
class Deal:
    """A contract and its instance."""

    id: int
    client: str
    host: str
    machine: int
    start: int
    size: int
    disk: int
    end: int
    bid: int | None
    arrival: int
    segments: list[tuple[int, Prices]]
    factor: Fraction
    listed: int  # in which spell of its machine being listed it was rented
    label: str
    state: str = "loading"
    auto: bool = True
    months: Fraction = Fraction(0)
    discount: Fraction = Fraction(0)
    deposit: int = 0
    saved: int = 0
    billed: bool = False  # a host's own test, where these are billed
    volumes: tuple[int, ...] = ()
    pledge: Pledge | None = None
    days: list[Told] = field(default_factory=list)  # of its promise, as they were settled
    accepted: int = 0  # the floor its client accepted for the time after its end, steps per GPU

    @property
    def free(self) -> bool:
        """Whether a host tests its own machine at no cost."""
        return self.client == self.host and not self.billed

    @property
    def gpus(self) -> set[int]:
        """Its GPUs."""
        return set(range(self.start, self.start + self.size))

    @property
    def over(self) -> bool:
        """Whether its contract has ended."""
        return self.state in {"expired", "destroyed"}

    @property
    def claims(self) -> bool:
        """Whether it wants its GPUs."""
        return self.state in {"loading", "running", "paused", "scheduling"}

    @property
    def holds(self) -> bool:
        """Whether it keeps others from renting its GPUs on demand."""
        return self.bid is None and not self.free and self.state in {"loading", "running"}

    def prices(self, now: int) -> Prices:
        """Return what holds at an instant."""
        return [prices for since, prices in self.segments if since <= now][-1]

    def pays_bid(self, now: int) -> int:
        """Return what an interruptible pays an hour: its bid, or a floor that it accepted."""
        assert self.bid is not None
        first = self.prices(now) is self.segments[0][1]
        return self.bid if first else max(self.bid, self.prices(now).min_bid * self.size)

    def full(self, now: int) -> int:
        """Return the on-demand price of its GPUs an hour."""
        return self.prices(now).gpu * self.size

    def reduced(self, now: int) -> int:
        """Return the price with the discount."""
        return round(self.full(now) * (1 - self.discount))

    def gpu_rate(self, now: int) -> int:
        """Return what its GPUs cost an hour while they run."""
        if self.free:
            return 0
        if self.bid is not None:
            return self.pays_bid(now)
        return self.reduced(now) if self.deposit > 0 else self.full(now)


@dataclass
class Listed:
    """A listing."""

    prices: Prices
    min_gpu: int
    factor: Fraction
    end: int
    rolling: int | None
    claimed: Claimed | None = None

    def end_at(self, now: int) -> int:
        """Return when a contract made now ends."""
        return self.end if self.rolling is None else now + self.rolling


@dataclass
class Asked:
    """A price increase that waits for a client."""

    prices: Prices
    new_end: int
    old_end: int
    floor: bool


@dataclass(frozen=True)
class Window:
    """Maintenance; ``locked`` if it is the marketplace's own, ``told`` is when it was announced."""

    start: int
    end: int
    number: int
    locked: bool
    told: int = field(default=0, compare=False)


@dataclass
class Rig:
    """A machine."""

    id: int
    host: str
    gpus: int
    disk: int
    verification: str
    listing: Listed | None = None
    floor: int = 0
    online: bool = True
    listed: int = 0  # how often it was listed while it was not
    claimed: Any = None  # the last promise of this spell
    rolls_at: int | None = None
    job: str | None = None
    windows: list[Window] = field(default_factory=list)
    asked: dict[int, Asked] = field(default_factory=dict)
    share: Fraction = Fraction(1)
    volumes: VolumesListed | None = None


def cut(gpus: int, min_gpu: int) -> list[tuple[int, int]]:
    """Return ``(size, start)`` of each block a machine is offered in (DOMAIN 3), in order."""
    sizes = {min_gpu, gpus} | {1 << k for k in range(13) if min_gpu < 1 << k < gpus}
    found = set()
    for size in sizes:
        for start in range(0, gpus, size):
            found.add((min(size, gpus - start), start))
    return sorted(found)


@dataclass
class Model(VolumeModel, PromiseModel):
    """A market."""

    now: int = 0
    arrivals: int = 0
    purses: dict[str, Purse] = field(default_factory=dict)
    rigs: dict[int, Rig] = field(default_factory=dict)
    deals: dict[int, Deal] = field(default_factory=dict)
    gone: dict[int, Deal] = field(default_factory=dict)
    vols: dict[int, Vol] = field(default_factory=dict)
    platform: int = 0
    credited: int = 0
    paid_out: int = 0
    tests_billed: bool = False
    no_grace: bool = False
    fallen: list[tuple[int, str, str]] = field(default_factory=list)
    announced: list[tuple[int, int, str]] = field(default_factory=list)

    # --- time -------------------------------------------------------------------------------

    def pass_until(self, to: int) -> None:
        """Let time pass, instant by instant."""
        self.announced += sorted(
            (edge, rig.id, name)
            for rig in self.rigs.values()
            for window in rig.windows
            for edge, name in ((window.start, "started"), (window.end, "completed"))
            if self.now < edge <= to
        )
        while (instant := self.next_instant()) <= to:
            self._flow(instant)
            self._happen()
        self._flow(to)

    def next_instant(self) -> int:
        """Return when something happens next."""
        return min((at for at in self._instants() if at > self.now), default=NEVER)

    def _instants(self) -> Iterator[int]:
        for rig in self.rigs.values():
            yield NEVER if rig.listing is None else rig.listing.end
            yield rig.rolls_at or NEVER
        spent: dict[str, int] = dict.fromkeys(self.purses, 0)
        for deal in self.deals.values():
            if not deal.over:
                yield deal.end
            yield from (since for since, _ in deal.segments)
            paid, covered, _ = self._cost(deal)
            spent[deal.client] += paid
            if covered:
                yield self.now - -deal.deposit // covered
        yield from self.midnights()
        yield from self.volume_instants()
        for vol in self.vols.values():
            spent[vol.client] += self.cost_of(vol)[0]
        for name, rate in spent.items():
            yield from self._falls(self.purses[name], rate)

    def _falls(self, purse: Purse, rate: int) -> Iterator[int]:
        """Yield when a balance has fallen to nothing, and to each of its thresholds."""
        for least in (0, *(least for _, least in purse.thresholds)):
            if rate and purse.balance > least:
                yield self.now - -(purse.balance - least) // rate

    def _cost(self, deal: Deal) -> tuple[int, int, int]:
        """Return ticks a second from the balance, from the deposit, and to the platform."""
        promised = deal.pledge is not None and deal.state == "running"  # charged when it is down
        if deal.free or not (self.rigs[deal.machine].online or promised):
            return 0, 0, 0
        prices = deal.prices(self.now)
        paid = prices.storage * deal.disk * MB_TICKS
        fee = prices.fee_of(prices.storage) * deal.disk * MB_TICKS
        if deal.state != "running":
            return paid, 0, fee
        paid += self.of_promise(deal)
        rate = deal.gpu_rate(self.now)
        fee += prices.fee_of(rate) * HOUR_TICKS
        if deal.deposit > 0:
            return paid, rate * HOUR_TICKS, fee
        return paid + rate * HOUR_TICKS, 0, fee

    def _flow(self, to: int) -> None:
        seconds = to - self.now
        for deal in self.deals.values():
            paid, covered, fee = self._cost(deal)
            self.purses[deal.client].balance -= paid * seconds
            if deal.pledge is None:
                self.purses[deal.host].balance += (paid + covered - fee) * seconds
            else:
                of_promise = self.of_promise(deal) * seconds
                self.escrowed(deal, paid * seconds, fee * seconds, of_promise)
                self.count_day(deal, to)
            self.platform += fee * seconds
            if covered:
                saving = deal.full(self.now) - deal.reduced(self.now)
                deal.saved += saving * HOUR_TICKS * seconds
                deal.deposit -= covered * seconds
        for vol in self.vols.values():
            paid, fee = self.cost_of(vol)
            self.purses[vol.client].balance -= paid * seconds
            self.purses[vol.host].balance += (paid - fee) * seconds
            self.platform += fee * seconds
        self.now = to

    def _happen(self) -> None:
        """Days, deposits, contracts, listings; who runs, and who has nothing left."""
        self.settle_days()
        for deal in self.deals.values():
            if deal.deposit < 0:  # the balance pays what its last second lacked
                self.purses[deal.client].balance += deal.deposit
                deal.deposit = 0
        for deal in self.deals.values():
            if not deal.over and deal.end <= self.now:
                self.rigs[deal.machine].asked.pop(deal.id, None)
                self._dissolve(deal)
                self.close_pledge(deal)
                deal.state = "expired"
        self.volumes_end()
        for rig in self.rigs.values():
            if rig.listing is not None and rig.listing.end <= self.now:
                rig.listing = rig.volumes = None
            if rig.rolls_at is not None and rig.rolls_at <= self.now:
                rig.rolls_at = self.now + DAY
                self._extend(rig, ask=False, of=rig.listed)
                self.follow(rig)
        self.settle()

    def settle(self) -> None:
        """Work out who runs everywhere, then stop what nobody can pay, until nothing changes."""
        for rig in self.rigs.values():
            self._rerun(rig)
        for name, purse in self.purses.items():
            self._tell(name, purse)
            if purse.balance > 0:
                purse.had = True
            elif purse.had:
                purse.had = False
                for deal in self.deals.values():
                    if deal.client == name and deal.claims and not deal.free:
                        deal.state = "stopped"
        for rig in self.rigs.values():
            self._rerun(rig)

    def _tell(self, name: str, purse: Purse) -> None:
        """Tell what a balance has fallen to, once until it is above again."""
        for what, least in purse.thresholds:
            if purse.balance > least:
                purse.told.discard(what)
            elif what not in purse.told and not (what == "notice" and purse.silent):
                purse.told.add(what)
                self.fallen.append((self.now, name, what))

    # --- who runs ---------------------------------------------------------------------------

    def of(self, rig: Rig) -> list[Deal]:
        """Return what exists on a machine."""
        return [deal for deal in self.deals.values() if deal.machine == rig.id]

    def _priority(self, deal: Deal) -> tuple[int, Fraction, int]:
        if deal.free:
            return 3, Fraction(0), deal.arrival
        if deal.bid is None:
            return (0 if deal.holds else 1), Fraction(0), deal.arrival
        price = min(deal.pays_bid(self.now), 32 * 10**12 * deal.size)
        return 2, -Fraction(price, deal.size), deal.arrival

    def runners(self, rig: Rig, without: Deal | None = None) -> dict[int, Deal]:
        """Return who has each GPU: it is asked for by everybody, from the highest priority on."""
        taken: dict[int, Deal] = {}
        asking = [deal for deal in self.of(rig) if deal.claims and deal is not without]
        for deal in sorted(asking, key=self._priority):
            under = deal.bid is not None and not deal.free and -self._priority(deal)[1] < rig.floor
            if not under and not any(gpu in taken for gpu in deal.gpus):
                taken.update(dict.fromkeys(deal.gpus, deal))
        return taken

    def _rerun(self, rig: Rig) -> None:
        taken = self.runners(rig)
        for deal in self.of(rig):
            if not deal.claims:
                continue
            if taken.get(deal.start) is deal:
                if deal.state in {"paused", "scheduling"}:
                    deal.state = "running"
            elif deal.bid is not None or deal.free or deal.state != "scheduling":
                deal.state = "paused"

    def winning(self, rig: Rig, deal: Deal) -> int | None:
        """Return the least whole nano-dollars with which a waiting bid runs, in steps."""
        taken = self.runners(rig, deal)
        rivals = [taken[gpu] for gpu in deal.gpus if gpu in taken]
        if any(rival.bid is None and not rival.free for rival in rivals):
            return None
        nanos = -(-max(10**9, rig.floor * deal.size) // 1_000)
        for rival in rivals:
            price = -self._priority(rival)[1] * deal.size / 1_000
            nanos = max(nanos, price.numerator // price.denominator + 1)
        return nanos * 1_000 if nanos * 1_000 <= 32 * 10**12 * deal.size else None

    # --- money ------------------------------------------------------------------------------

    def _dissolve(self, deal: Deal, *, broken: bool = False) -> None:
        left = deal.deposit
        back = left if broken else max(0, left - round(deal.saved * Fraction(21, 20)))
        fee = round((left - back) * deal.prices(self.now).fee)
        self.purses[deal.client].balance += back
        self.purses[deal.host].balance += left - back - fee
        self.platform += fee
        deal.deposit = 0

    # --- extension --------------------------------------------------------------------------

    def _extend(self, rig: Rig, *, ask: bool, of: int | None = None) -> None:
        """Extend the contracts of a machine, or those rented in one spell of being listed."""
        assert rig.listing is not None
        listing, end = rig.listing, rig.listing.end_at(self.now)
        for deal in self.of(rig):
            if deal.over or deal.end == NEVER or end <= deal.end or not deal.auto:
                continue
            if self.skips(deal, listing):
                continue
            if of is not None and deal.listed != of:
                continue
            if deal.id in rig.asked:  # it blocks others until it is answered
                continue
            old, new = deal.segments[-1][1], listing.prices
            raised = not deal.free and (
                new.fee > old.fee
                or any(
                    getattr(new, part) > getattr(old, part)
                    for part in ("storage", "upload", "download", "gpu")
                    if part != "gpu" or deal.bid is None
                )
            )
            floor = False
            if deal.bid is not None and not deal.free:
                least = max(deal.bid, deal.accepted * deal.size)
                floor = new.min_bid * deal.size > least
            if not raised and not floor:
                self._prolong(deal, new, end, floor=False)
            elif ask:
                rig.asked[deal.id] = Asked(new, end, deal.end, floor)

    @staticmethod
    def _prolong(deal: Deal, new: Prices, end: int, *, floor: bool) -> None:
        deal.accepted = new.min_bid if floor else min(new.min_bid, deal.accepted)
        values = new.__dict__ | {"min_bid": deal.accepted}
        deal.segments.append((deal.end, Prices(**values)))
        deal.end = end

    # --- commands ---------------------------------------------------------------------------

    def do(self, command: Any, at: int, *, id: int = 0, seconds: Any = None) -> None:  # noqa: A002
        """Do what a command says, or raise :class:`Refused`.

        Args:
            command: One of the library's.
            at: When; not before the last time.
            id: The number that a new contract or maintenance window got.
            seconds: Turns an instant of the library into seconds.
        """
        self.pass_until(at)
        for purse in self.purses.values():  # what it earned is something, though all leaves now
            purse.had = purse.had or purse.balance > 0
        self._id, self._seconds = id, seconds
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(command).__name__).lower()
        getattr(self, f"_{name}")(command)
        self.settle()

    def _arrive(self) -> int:
        self.arrivals += 1
        return self.arrivals

    def _tick(self, command: Any) -> None:
        pass

    def _set_settings(self, command: Any) -> None:
        """Only of how a rule is read: the tests set no limits here."""
        self.tests_billed = command.settings.own_tests_billed
        self.no_grace = command.settings.grace.days == 0

    def _set_thresholds(self, command: Any) -> None:
        need(command.by in self.purses)
        least = [None if m is None else m.ticks for m in (command.charge, command.notice)]
        need(all(each is None or each >= 0 for each in least))
        purse = self.purses[command.by]
        for what, before, now in zip(
            ("charge", "notice"), (purse.charge, purse.notice), least, strict=True
        ):
            if now != before:
                purse.told.discard(what)
        purse.charge, purse.notice = least
        purse.silent = not command.notice_enabled

    def _delete_unpaid(self, command: Any) -> None:
        """Only without grace: what is allowed else, other tests say."""
        need(command.account in self.purses and self.no_grace)
        need(self.purses[command.account].balance < 0)
        for deal in [*self.deals.values()]:
            if deal.client == command.account and not deal.free:
                self._remove(deal)
        for vol in [*self.vols.values()]:
            free = vol.client == vol.host and not vol.billed
            if vol.client == command.account and not free and not self.users(vol):
                del self.vols[vol.id]

    def _add_credit(self, command: Any) -> None:
        self._receive(command.account, command.amount.ticks)
        self.credited += command.amount.ticks

    def _receive(self, name: str, ticks: int) -> None:
        purse = self.purses.setdefault(name, Purse())
        purse.balance += ticks
        purse.paid_in += ticks

    def _transfer_credit(self, command: Any) -> None:
        ticks = command.amount.ticks
        need(command.by in self.purses and command.to in self.purses and command.by != command.to)
        purse = self.purses[command.by]
        need(ticks <= purse.balance)
        purse.balance -= ticks
        purse.paid_in = max(0, purse.paid_in - ticks)
        self._receive(command.to, ticks)

    def _pay_out(self, command: Any) -> None:
        """On a Friday; the first day of all is a Thursday."""
        need(command.account in self.purses and self.now // 86_400 % 7 == 1)
        purse, cent = self.purses[command.account], Money("0.01").ticks
        need(purse.last_friday != self.now // 86_400)
        whole = (purse.balance - purse.paid_in) // cent * cent
        need(whole >= 2_000 * cent)
        purse.last_friday = self.now // 86_400
        purse.balance -= whole
        self.paid_out += whole

    # the marketplace

    def is_host(self, name: str) -> bool:
        """Return whether an account has machines."""
        return any(rig.host == name for rig in self.rigs.values())

    def _add_machine(self, command: Any) -> None:
        made = command.machine
        theirs: list[Deal | Vol] = [*self.deals.values(), *self.vols.values()]
        rents = any(each.client == made.host for each in theirs)
        need(made.id not in self.rigs and (self.is_host(made.host) or not rents))
        purse = self.purses.setdefault(made.host, Purse())
        purse.paid_in = min(purse.paid_in, max(purse.balance, 0))
        self.rigs[made.id] = Rig(
            made.id, made.host, made.gpus, made.disk_mb, made.verification.value
        )
        self.rigs[made.id].share = made.disk_share

    def _rig(self, machine: int) -> Rig:
        need(machine in self.rigs)
        return self.rigs[machine]

    def _set_verification(self, command: Any) -> None:
        rig = self._rig(command.machine)
        if rig.verification != command.verification.value:
            rig.verification = command.verification.value
            if rig.verification == "deverified":
                for deal in self.of(rig):
                    self._dissolve(deal, broken=True)

    def _report_offline(self, command: Any) -> None:
        need(self._rig(command.machine).online)
        self.rigs[command.machine].online = False

    def _report_online(self, command: Any) -> None:
        need(not self._rig(command.machine).online)
        self.rigs[command.machine].online = True

    def _report_loaded(self, command: Any) -> None:
        need(command.contract in self.deals)
        deal = self.deals[command.contract]
        need(deal.state == "loading")
        deal.state = "running"

    def _count_traffic(self, command: Any) -> None:
        need(command.contract in self.deals)
        deal = self.deals[command.contract]
        if deal.free:
            return
        prices = deal.prices(self.now)
        for steps, count in ((prices.upload, command.sent), (prices.download, command.received)):
            fee = prices.fee_of(steps) * count * BYTE_TICKS
            self.purses[deal.client].balance -= steps * count * BYTE_TICKS
            self.platform += fee
            if deal.pledge is None:
                self.purses[deal.host].balance += steps * count * BYTE_TICKS - fee
            else:
                self.escrowed(deal, steps * count * BYTE_TICKS, fee)

    # a host

    def _own(self, command: Any) -> Rig:
        rig = self._rig(command.machine)
        need(rig.host == command.by)
        return rig

    def _remove_machine(self, command: Any) -> None:
        rig = self._own(command)
        there: list[Deal | Vol] = [*self.of(rig), *self.vols_of(rig)]
        need(rig.listing is None and all(each.client == rig.host for each in there))
        need(rig.volumes is None)
        for deal in self.of(rig):
            self._remove(deal)
        for vol in self.vols_of(rig):
            del self.vols[vol.id]
        del self.rigs[rig.id]

    def _list_machine(self, command: Any) -> None:
        rig = self._own(command)
        need(rig.online and not (command.volume_mb == 0 and command.volume_price is not None))
        end = NEVER if command.end is None else self._seconds(command.end)
        rolling = None if command.rolling is None else int(command.rolling.total_seconds())
        need(command.min_gpu.bit_count() == 1 and command.min_gpu <= rig.gpus)
        need(end > self.now and (end == NEVER or rolling is None))
        need(command.max_discount < 1)
        p = command.prices
        prices = Prices(
            p.gpu.steps,
            p.storage.steps,
            p.upload.steps,
            p.download.steps,
            p.min_bid.steps,
            p.platform_fee,
        )
        claimed = self.claimed_by(rig, command)
        rig.listed += rig.listing is None
        rig.listing = Listed(prices, command.min_gpu, command.max_discount, end, rolling, claimed)
        rig.rolls_at = None if rolling is None else self.now + DAY
        rig.floor = prices.min_bid
        rig.asked.clear()
        self.list_with(rig, command)
        self._extend(rig, ask=True)
        self.follow(rig)

    def _relist(self, command: Any) -> None:
        """DOMAIN 13, row by row."""
        rig, old = self._own(command), None
        need(rig.online)
        old = rig.listing
        past = command.end is not None and self._seconds(command.end) <= self.now
        wrong = command.volume_mb == 0 and command.volume_price is not None
        need(not wrong or (old is not None and past))  # a past end says all that there is to do
        need(command.gpu is not None or old is not None)
        need(command.end is None or command.rolling is None)
        need(command.min_gpu is None or command.min_gpu.bit_count() == 1)
        need((command.min_gpu or 1) <= rig.gpus)

        def price(name: str, default: int) -> int:
            said = getattr(command, name)
            if said is not None:
                steps: int = said.steps
                return steps
            kept: int = getattr(old.prices, name) if old is not None else default
            return kept

        fee = command.platform_fee
        if fee is None:
            fee = Fraction(0) if old is None else old.prices.fee
        prices = Prices(
            gpu=price("gpu", 0),
            storage=10**11 if command.storage is None else command.storage.steps,
            upload=price("upload", 0),
            download=price("download", 0),
            min_bid=price("min_bid", 0),
            fee=fee,
        )
        min_gpu = command.min_gpu or (1 if old is None else old.min_gpu)
        factor = command.max_discount
        if factor is None:
            factor = Fraction(2, 5) if old is None else old.factor
        end, rolling = NEVER, None
        if command.end is not None:
            end = self._seconds(command.end)
            if old is not None and end <= self.now:
                rig.listing = rig.rolls_at = rig.volumes = None
                return
            need(end > self.now)
        elif command.rolling is not None:
            rolling = int(command.rolling.total_seconds())
            need(rolling > 0)
        elif old is not None:
            end = old.end_at(self.now)
        claimed = self.claimed_by(rig, command)
        rig.listed += old is None
        rig.listing = Listed(prices, min_gpu, factor, end, rolling, claimed)
        rig.rolls_at = None if rolling is None else self.now + DAY
        rig.floor = prices.min_bid
        self.list_with(rig, command)
        if command.end is not None or rolling is not None:
            self._extend(rig, ask=True)
            self.follow(rig)

    def _unlist(self, command: Any) -> None:
        rig = self._own(command)
        need(rig.listing is not None)
        rig.listing = rig.rolls_at = rig.volumes = None

    def _set_min_bid(self, command: Any) -> None:
        rig = self._own(command)
        rig.floor = command.floor.steps
        if rig.listing is not None:
            values = rig.listing.prices.__dict__ | {"min_bid": rig.floor}
            rig.listing.prices = Prices(**values)

    def _set_default_job(self, command: Any) -> None:
        self._own(command).job = command.image

    def _remove_default_job(self, command: Any) -> None:
        rig = self._own(command)
        need(rig.job is not None)
        rig.job = None

    def _schedule_maintenance(self, command: Any) -> None:
        need(not command.window.locked)
        self._announce(self._own(command), command, locked=False)

    def _announce_maintenance(self, command: Any) -> None:
        self._announce(self._rig(command.machine), command, locked=True)

    def _announce(self, rig: Rig, command: Any, *, locked: bool) -> None:
        start = self._seconds(command.window.period.start)
        end = self._seconds(command.window.period.end)
        need(self.now < start <= self.now + 365 * DAY)  # the tests stay clear of leap days
        need(all(end <= each.start or each.end <= start for each in rig.windows))
        need(command.window.id == 0)
        rig.windows.append(Window(start, end, self._id, locked, told=self.now))

    def _cancel_maintenance(self, command: Any) -> None:
        self._cancel(self._own(command), command.window, locked=False)

    def _withdraw_maintenance(self, command: Any) -> None:
        self._cancel(self._rig(command.machine), command.window, locked=True)

    def _cancel(self, rig: Rig, only: int | None, *, locked: bool) -> None:
        gone = [
            each
            for each in rig.windows
            if each.end > self.now and each.locked is locked and only in {None, each.number}
        ]
        need(gone)
        for each in gone:
            rig.windows.remove(each)

    def _defragment(self, command: Any) -> None:
        """Which moves is the library's to say, and the test's to judge."""
        rig = self._own(command)
        need(rig.listing is not None)
        need(all(each in [deal.id for deal in self.of(rig)] for each in command.movable))

    def _clean_up(self, command: Any) -> None:
        rig = self._own(command)
        for deal in self.of(rig):
            if deal.state == "expired" and deal.end + 2 * DAY <= self.now:
                self._remove(deal)
        for vol in self.vols_of(rig):
            if vol.expired and vol.end + 2 * DAY <= self.now and not self.users(vol):
                del self.vols[vol.id]

    # a client

    def offered(self, offer: int, numbers: dict[int, int]) -> tuple[Rig, int, int]:
        """Return the machine, size and start of an offer; ``numbers`` are those of listings."""
        number, place = divmod(offer, 2**13)
        need(number in numbers)
        rig = self.rigs[numbers[number]]
        need(rig.listing is not None)
        assert rig.listing is not None
        blocks = cut(rig.gpus, rig.listing.min_gpu)
        need(place < len(blocks))
        return rig, *blocks[place]

    def _rent(self, command: Any) -> None:
        rig, size, start = self.offered(command.offer, self.numbers)
        assert rig.listing is not None
        name, mode, own = command.by, command.mode.value, rig.host == command.by
        need(name in self.purses and (own or not self.is_host(name)))
        billed = own and self.tests_billed
        need(rig.online and ((own and not billed) or self.purses[name].balance > 0))
        bid = None if command.bid is None else command.bid.steps
        if mode == "interruptible":
            need(bid is not None)
            self._check_bid(bid or 0, size, rig)
        else:
            need(mode == "on-demand" and bid is None)
            gpus = set(range(start, start + size))
            need(not any(deal.holds and deal.gpus & gpus for deal in self.of(rig)))
        need(command.disk_mb * rig.gpus <= self.free_disk(rig) * size)
        self.attach(rig, command)
        limit = rig.listing.end_at(self.now)
        end = limit if command.end is None else self._seconds(command.end)
        need(self.now < end <= limit)
        self.deals[self._id] = Deal(
            id=self._id,
            client=name,
            host=rig.host,
            machine=rig.id,
            start=start,
            size=size,
            disk=command.disk_mb,
            end=end,
            bid=bid,
            arrival=self._arrive(),
            segments=[(self.now, rig.listing.prices)],
            factor=rig.listing.factor,
            listed=rig.listed,
            label=command.label,
            billed=billed,
            volumes=tuple(command.volumes),
            pledge=self.pledge_of(command, rig.listing.claimed, free=own and not billed),
        )

    @staticmethod
    def _check_bid(bid: int, size: int, rig: Rig) -> None:
        need(max(10**9, rig.floor * size) <= bid <= 32 * 10**12 * size)

    def _mine(self, command: Any, *, current: bool = False) -> Deal:
        need(command.contract in self.deals)
        deal = self.deals[command.contract]
        need(deal.client == command.by and not (current and deal.over))
        return deal

    def _change_bid(self, command: Any) -> None:
        deal = self._mine(command, current=True)
        need(deal.bid is not None)
        rig = self.rigs[deal.machine]
        if command.bid is not None:
            bid = command.bid.steps
        elif deal.state in {"loading", "running"}:
            bid = deal.bid
        else:
            bid = self.winning(rig, deal)
        need(bid is not None)
        self._check_bid(bid, deal.size, rig)
        if bid != deal.bid:
            deal.bid, deal.arrival = bid, self._arrive()

    def _prepay(self, command: Any) -> None:
        deal = self._mine(command, current=True)
        rig, amount = self.rigs[deal.machine], command.amount.ticks
        need(deal.bid is None and not deal.free and deal.pledge is None)
        need(rig.verification == "verified" and deal.factor)
        need(0 < amount <= self.purses[deal.client].balance)
        price = deal.full(self.now) * HOUR_TICKS * MONTH
        need(price)
        months = _bought(deal.deposit + amount, price, deal.factor)
        need(months <= 1_200)
        # The deposit must not outlast the contract, at whatever prices it comes to.
        cuts = sorted(
            {self.now, deal.end, *(s for s, _ in deal.segments if self.now < s < deal.end)}
        )
        whole = sum(deal.full(a) * (b - a) for a, b in pairwise(cuts))
        fits = Fraction(whole, deal.full(self.now) * MONTH)
        # A quote says deposits to a nano-dollar, half-even: the one that lasts until the end fits.
        lasting = _quoted(price, fits, deal.factor) * NANO
        room = lasting - deal.deposit
        need(fits > 1_200 or amount <= max(0, int(room // NANO)) * NANO)
        if deal.deposit == 0:
            deal.saved = 0  # another reservation
        deal.months, deal.discount = months, deal.factor * months / (months + 1)
        deal.deposit += amount
        self.purses[deal.client].balance -= amount

    def _stop(self, command: Any) -> None:
        deal = self._mine(command)
        need(deal.claims)
        deal.state = "stopped"

    def _start(self, command: Any) -> None:
        deal = self._mine(command)
        need(deal.state == "stopped" and (deal.free or self.purses[deal.client].balance > 0))
        deal.state, deal.arrival = "scheduling", self._arrive()

    def _destroy(self, command: Any) -> None:
        self._remove(self._mine(command))

    def _remove(self, deal: Deal) -> None:
        self.rigs[deal.machine].asked.pop(deal.id, None)
        self._dissolve(deal)
        self.close_pledge(deal)
        deal.state = "destroyed"
        self.gone[deal.id] = self.deals.pop(deal.id)

    def _label(self, command: Any) -> None:
        self._mine(command).label = command.label

    def _set_auto_extension(self, command: Any) -> None:
        self._mine(command, current=True).auto = command.wanted

    def _open(self, command: Any) -> tuple[Deal, Asked]:
        need(command.increase in self.increases)
        deal = self.deals[self.increases[command.increase]]
        need(deal.client == command.by)
        return deal, self.rigs[deal.machine].asked.pop(deal.id)

    def _accept_price_increase(self, command: Any) -> None:
        deal, asked = self._open(command)
        assert asked.old_end == deal.end
        self._prolong(deal, asked.prices, asked.new_end, floor=asked.floor)

    def _reject_price_increase(self, command: Any) -> None:
        self._open(command)

    volume_numbers: dict[int, int] = field(default_factory=dict)
    """The machine of each number that it gave a volume listing."""
    numbers: dict[int, int] = field(default_factory=dict)
    """The machine of each number that the library gave a listing; refreshed by the test."""
    increases: dict[int, int] = field(default_factory=dict)
    """The contract of each number that it gave a price increase that waits."""


def _quoted(price: int, months: Fraction, factor: Fraction) -> int:
    """Return the deposit for months in whole nano-dollars, half-even."""
    return round(price * months * (1 - factor * months / (months + 1)) / NANO)


def _bought(deposit: int, price: int, factor: Fraction) -> Fraction:
    """Return the months that a deposit buys; one that is quoted for whole seconds, just these."""
    months = _months(Fraction(deposit, price), factor)
    whole = Fraction(min(round(months * MONTH), 1_200 * MONTH), MONTH)
    if whole and _quoted(price, whole, factor) == round(Fraction(deposit, NANO)):
        return whole
    return months


def _months(a: Fraction, factor: Fraction) -> Fraction:
    """Return m with 720·r·m·(1 − factor·m/(m+1)) = A, a = A / (720·r), floored at 10⁻¹⁸."""
    b, left = 1 - a, 1 - factor
    inside = b * b + 4 * left * a
    root = Fraction(
        _EXACT.sqrt(_EXACT.divide(Decimal(inside.numerator), Decimal(inside.denominator)))
    )
    scaled = (root - b) / (2 * left) * 10**18
    # The root is a decimal of 120 digits: a value that is whole may come out a hair below it.
    return Fraction(int(scaled + Fraction(1, 10**60)), 10**18)
