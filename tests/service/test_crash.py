"""The example service, killed at random instants under load, loses nothing that it acknowledged."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import Event as Flag, Thread
from typing import Any, ClassVar, Final

import pytest
from attrs import define, field

from effort import up_to
from examples.marketplace.commands import instances_load_at_once
from examples.marketplace.store import Store
from numgenius_core.contracts import InstanceState
from numgenius_core.market import Market, replay, views
from vastai_client import ROOT, free_port

pytestmark = pytest.mark.filterwarnings(
    "ignore::numgenius_core.errors.FloorAbovePrice"  # legal, and the host's own affair
)

KILLS: Final = up_to(50, 4)
MOST: Final = 300  # kills, if what happens often did not by then: the dice are real
CLIENTS: Final = 4
Fact = tuple[str, Any, Any]
"""What a client was told: the kind of the event, which thing, and how it is now."""

OTHERS: Final = ("batch", "cancel", "tidy")
OFTEN: Final = {"ContractCreated", "MachineListed", "MinBidSet", "MaintenanceScheduled"}
# Imports once, then becomes a service for each line: starting one takes its replay and no more.
NURSERY: Final = """
import os, sys
from examples.marketplace.__main__ import main
for line in sys.stdin:
    pid = os.fork()
    if not pid:
        sys.argv[1:] = line.split()
        main()
        os._exit(0)
    print(pid, flush=True)
    os.waitpid(pid, 0)
    print("over", flush=True)
"""


@define
class Nursery:
    """Starts services, one at a time, and kills them."""

    process: subprocess.Popen[str]
    words: str
    pid: int = 0

    def start(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(self.words + "\n")
        self.process.stdin.flush()
        self.pid = int(self.line())

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        assert self.line() == "over"

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@contextmanager
def nursery(words: str) -> Iterator[Nursery]:
    path = os.pathsep.join([str(ROOT), *sys.path])
    with subprocess.Popen(
        [sys.executable, "-c", NURSERY],
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Nursery(process, words)
        finally:
            process.terminate()


Asking = Callable[[str, str, Any], Any]
"""Sends a request, and returns its answer if it is no refusal."""


@define
class Caller:
    """Somebody who asks without a break, and remembers what they were told has happened."""

    name: str
    port: int
    seed: int
    stop: Flag
    told: list[Fact] = field(factory=list)
    mine: list[int] = field(factory=list)

    def run(self) -> None:
        """Ask until the service is gone."""
        dice = random.Random(self.seed)
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as line:
            ask = partial(self.ask, line)
            try:
                while not self.stop.is_set():
                    self.act(ask, dice)
            except (OSError, http.client.HTTPException):
                pass  # it was killed: what was asked last may have happened or not

    def ask(self, line: http.client.HTTPConnection, method: str, path: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.name}"}
        line.request(method, f"/api/v0{path}", json.dumps(body), headers)
        answer = line.getresponse()
        text = answer.read()
        return json.loads(text) if answer.status == 200 else None

    def act(self, ask: Asking, dice: random.Random) -> None:
        """Do something."""
        raise NotImplementedError


class Client(Caller):
    """Rents, outbids, prepays, labels, stops, starts, answers and destroys."""

    offers: ClassVar[list[int]] = []
    KINDS: ClassVar = (
        "rent",
        "destroy",
        "answer",
        "label",
        "bid",
        "prepay",
        "stop",
        "start",
        "all",
    )

    def act(self, ask: Asking, dice: random.Random) -> None:
        if not self.offers or dice.random() < 0.05:  # the host publishes new ones all the time
            rows = ask("POST", "/bundles/", {"limit": 64})["offers"]
            Client.offers = [row["id"] for row in rows if row["num_gpus"] <= 2]
        kind = dice.choice(self.KINDS) if self.mine else "rent"
        contract = dice.choice(self.mine) if self.mine else 0
        if kind == "rent" and self.offers and len(self.mine) < 6:
            bid = dice.choice([None, round(dice.uniform(0.2, 2), 4)])
            body = {"image": "x", "disk": 8, "price": bid}
            offer = dice.choice(self.offers)
            if dice.random() < 0.2:
                told = ask("POST", "/asks/bulk/", body | {"ids": [offer]})
            else:
                told = ask("PUT", f"/asks/{offer}/", body)
            if told:
                self.mine.append(told["new_contract"])
                self.told.append(("ContractCreated", told["new_contract"], self.name))
        elif kind == "answer":
            self.answer(ask, dice)
        elif kind == "destroy":
            ways: list[tuple[str, dict[str, Any]]] = [
                (f"/{contract}/", {}),
                ("/", {"instance_ids": [contract, 10**9]}),  # the other is refused alone
            ]
            path, body = dice.choice(ways)
            if ask("DELETE", f"/instances{path}", body):
                self.mine.remove(contract)
                self.told.append(("InstanceDestroyed", contract, None))
        elif kind != "rent":
            self.change(ask, dice, kind, contract)

    def change(self, ask: Asking, dice: random.Random, kind: str, contract: int) -> None:
        """Change an instance."""
        price, label = round(dice.uniform(0.2, 2), 4), f"{self.name}-{dice.random()}"
        ways: dict[str, tuple[str, dict[str, Any], tuple[str, Any]]] = {
            "bid": (f"/bid_price/{contract}/", {"price": price}, ("BidChanged", price)),
            "prepay": (f"/prepay/{contract}/", {"amount": price}, ("ContractPrepaid", price)),
            "stop": (f"/{contract}/", {"state": "stopped"}, ("InstanceStopped", None)),
            "start": (f"/{contract}/", {"state": "running"}, ("InstanceStarted", None)),
            "all": ("/", {"state": "stopped", "ids": [contract]}, ("InstanceStopped", None)),
            "label": (f"/{contract}/", {"label": label}, ("InstanceLabelled", label)),
        }
        path, body, fact = ways[kind]
        if ask("PUT", f"/instances{path}", body):
            self.told.append((fact[0], contract, fact[1]))

    def answer(self, ask: Asking, dice: random.Random) -> None:
        """Accept or reject a price increase that waits."""
        rows = ask("GET", "/instances/pending-price-increases/", {})["pending_price_increases"]
        for row in rows[:1]:
            number, word = row["pending_price_increase_id"], dice.choice(["accept", "reject"])
            body = {"pending_price_increase_id": number}
            if ask("PUT", f"/instances/{word}-price-increase/", body):
                self.told.append((f"PriceIncrease{word.title()}ed", number, None))


class Keeper(Caller):
    """Rents volumes of what the host offers, copies and deletes them, and hands money on."""

    def act(self, ask: Asking, dice: random.Random) -> None:
        time.sleep(0.001)
        if dice.random() < 0.2:
            ask("PUT", "/users/", {"balance_threshold": dice.randint(1, 99)})
            money = round(dice.uniform(0.01, 2), 2)
            body = {"sender": "me", "recipient": "host-1", "amount": money}
            if ask("PUT", "/commands/transfer_credit/", body):
                self.told.append(("CreditTransferred", self.name, money))
        offers = ask("POST", "/volumes/search/", {})["offers"]
        kind = dice.choice(("make", "copy", "delete")) if self.mine else "make"
        volume = dice.choice(self.mine) if self.mine else 0
        if kind == "delete":
            gone = ask("DELETE", f"/volumes?id={volume}", {})
            self.mine.remove(volume)  # also one that a killed service deleted, and did not say
            if gone:
                self.told.append(("VolumeDeleted", volume, None))
        elif offers and len(self.mine) < 9:
            offer = dice.choice(offers)["id"]
            if kind == "copy":
                told = ask("POST", "/volumes/copy/", {"src_id": volume, "dst_id": offer})
            else:
                told = ask("PUT", "/volumes/", {"id": offer, "size": dice.randint(1, 20)})
            if told:
                self.mine.append(int(told["volume_name"].removeprefix("V.")))
                self.told.append(("VolumeRented", self.mine[-1], self.name))


class Host(Caller):
    """Relists, sets floors and jobs, announces maintenance and cancels it, tidies up."""

    KINDS: ClassVar = ("list", "list", "floor", "job", "nojob", "maint", "unlist", "disk", *OTHERS)
    MACHINES: ClassVar = [1001, 1002]

    def act(self, ask: Asking, dice: random.Random) -> None:
        time.sleep(0.002)  # each listing takes the clients' offers from them
        kind, machine = dice.choice(self.KINDS), dice.choice(self.MACHINES)
        if kind == "cancel":
            self.cancel(ask, dice, machine)
        elif kind == "disk":
            self.offer_disk(ask, dice, machine)
        elif kind == "tidy":
            ask("PUT", f"/machines/{machine}/cleanup/", {})
            ask("PUT", "/machines/defrag_offers/", {"machine_ids": self.MACHINES})
        elif kind == "batch":
            body = {"sdate": self.later(dice), "machine_ids": self.MACHINES}
            told = ask("POST", "/machines/maintenances/batch", body)
            for row in told["results"] if told else ():
                if row["success"]:
                    fact = ("MaintenanceScheduled", row["machine_id"], body["sdate"])
                    self.told.append(fact)
        else:
            self.change(ask, dice, kind, machine)

    def offer_disk(self, ask: Asking, dice: random.Random, machine: int) -> None:
        """Offer disk of a machine for volumes, and now and then take it back."""
        price = round(dice.uniform(0.01, 0.2), 6)
        told = ask("POST", "/volumes/", {"machine": machine, "size": 200, "price_disk": price})
        if told:
            self.told.append(("VolumeListed", machine, price))
            (made,) = told["results"][0]["new_contracts"]
            if dice.random() < 0.3 and ask("POST", "/volumes/unlist/", {"id": made["id"]}):
                self.told.append(("VolumeUnlisted", machine, None))

    def later(self, dice: random.Random) -> float:
        return float(int(time.time()) + 10**6 + dice.randrange(10**7))

    def change(self, ask: Asking, dice: random.Random, kind: str, machine: int) -> None:
        """Change a machine; one that is unlisted is listed again at once."""
        start, price = self.later(dice), round(dice.uniform(0.3, 0.9), 6)
        listing: dict[str, Any] = {"machine": machine, "price_gpu": price, "min_chunk": 1}
        if dice.random() < 0.5:
            listing["end_date"] = start
        path, job, window = f"/{machine}", str(price), {"sdate": start, "duration": 1}
        made: dict[str, Any] = {"machine": machine, "image": job}
        ways: dict[str, tuple[str, str, dict[str, Any], str, Any]] = {
            "list": ("PUT", "/create_asks/", listing, "MachineListed", price),
            "floor": ("PUT", f"{path}/minbid/", {"price": price}, "MinBidSet", price),
            "job": ("PUT", "/create_bids/", made, "DefaultJobSet", job),
            "nojob": ("DELETE", f"{path}/defjob/", {}, "DefaultJobRemoved", None),
            "maint": ("PUT", f"{path}/dnotify/", window, "MaintenanceScheduled", start),
            "unlist": ("DELETE", f"{path}/asks/", {}, "MachineUnlisted", None),
        }
        method, path, body, fact, value = ways[kind]
        if ask(method, f"/machines{path}", body):
            self.told.append((fact, machine, value))
        if kind == "unlist":
            ask("PUT", "/machines/create_asks/", listing)

    def cancel(self, ask: Asking, dice: random.Random, machine: int) -> None:
        """Cancel one window, several, or all of a machine."""
        rows = ask("GET", f"/machines/maintenances?machine_ids=[{machine}]", {})
        numbers = [row["id"] for row in rows]
        if not numbers:
            return
        ways: list[tuple[str, str, dict[str, Any], list[int]]] = [
            ("PUT", f"/{machine}/cancel_maint/", {}, numbers),
            ("DELETE", "/maintenances", {"maintenance_id": numbers[0]}, numbers[:1]),
            (
                "DELETE",
                "/maintenances/batch",
                {"maintenance_ids": [*numbers[:3], 10**9]},
                numbers[:3],
            ),
        ]
        method, path, body, gone = dice.choice(ways)
        if ask(method, f"/machines{path}", body):
            self.told += [("MaintenanceCancelled", number, None) for number in gone]


def facts(rows: list[tuple[int, str]]) -> set[Fact]:
    """Return what the stored events say, as clients and hosts are told it."""
    return {fact for _, text in rows for fact in facts_of(json.loads(text))}


def facts_of(event: dict[str, Any]) -> list[Fact]:
    """Return what a stored event says."""
    kind, listing, window = event["type"], event.get("listing"), event.get("window")
    if listing is not None and kind == "VolumeListed":
        return [(kind, listing["machine"], float(listing["price"]))]
    if listing is not None:
        return [(kind, listing["machine"]["id"], float(listing["prices"]["gpu"]))]
    if window is not None:
        start = datetime.fromisoformat(window["period"]["start"])
        return [(kind, event["machine"], start.timestamp())]
    if kind == "MaintenanceCancelled":
        return [(kind, window["id"], None) for window in event["windows"]]
    if kind in ("ContractCreated", "VolumeRented"):
        return [(kind, event["contract"]["id"], event["contract"]["client"])]
    if kind == "CreditTransferred":
        return [(kind, event["account"], float(event["amount"]))]
    keys = [event[name] for name in ("increase", "contract", "machine", "volume") if name in event]
    if not keys or isinstance(keys[0], dict):  # a payment, a machine that was added
        return []
    numbers = [float(event[name]) for name in ("bid", "amount", "floor") if name in event]
    return [(kind, keys[0], numbers[0] if numbers else event.get("label", event.get("image")))]


def stored(path: Path, after: int) -> list[tuple[int, str]]:
    """Return the events of a file after a number."""
    with closing(sqlite3.connect(path)) as file:
        there = file.execute("SELECT name FROM sqlite_master WHERE name = 'events'").fetchone()
        wanted = "SELECT number, event FROM events WHERE number > ? ORDER BY number"
        return file.execute(wanted, (after,)).fetchall() if there else []


def is_settled(market: Market) -> bool:
    """Return whether no command was cut in half: who should run runs, and all others wait."""
    for number, machine in market.machines.items():
        running = {claim.id for claim in views.who_runs(market, number).running}
        for instance in machine.instances.values():
            runs = instance.state is InstanceState.RUNNING
            if instance.state is InstanceState.LOADING or (
                instance.claims and runs != (instance.id in running)
            ):
                return False
    return True


def listen(port: int) -> None:
    """Return once a service listens."""
    for _ in range(3_000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.005)
    raise TimeoutError(port)


class TestKilled:
    """Killed at any instant and started again, every acknowledged command is there and no half."""

    def test_time_after_time_under_load(self, tmp_path: Path) -> None:
        path, port, dice = tmp_path / "market.sqlite", free_port(), random.Random()
        callers: list[Caller] = [Client(f"client-{n}", port, 0, Flag()) for n in range(CLIENTS)]
        callers += [Keeper("keeper", port, 0, Flag()), Host("host-1", port, 0, Flag())]
        Client.offers = []
        known: set[Fact] = set()
        seen: set[str] = set()
        last = acknowledged = 0
        with nursery(f"--port {port} --db {path} --seed demo --rate 1e6") as services:
            for kill in range(MOST):
                told = self.round(services, callers, dice, first=kill == 0)
                rows = stored(path, last)
                assert [number for number, _ in rows] == list(range(last + 1, last + 1 + len(rows)))
                known, last = known | facts(rows), last + len(rows)
                assert not [fact for fact in told if fact not in known]
                acknowledged += len(told)
                self.check_state(path, whole=kill % 10 == 9)
                seen |= {fact[0] for fact in told}
                if kill + 1 >= KILLS and seen >= OFTEN and acknowledged >= 5 * KILLS:
                    break
        assert acknowledged >= 5 * KILLS
        assert {kind for kind, _, _ in known} >= seen >= OFTEN

    def round(
        self, services: Nursery, callers: list[Caller], dice: random.Random, *, first: bool
    ) -> list[Fact]:
        """Start a service, let clients ask, kill it; return what they were told."""
        services.start()
        if not first and dice.random() < 0.1:  # before it listens, while it reads its file
            time.sleep(dice.uniform(0, 0.05))
            services.kill()
            return []
        listen(callers[0].port)
        if first:
            listed(callers[0].port)
        threads = [Thread(target=caller.run) for caller in callers]
        for caller, thread in zip(callers, threads, strict=True):
            caller.told.clear()
            caller.seed = dice.getrandbits(32)
            thread.start()
        enough, patience = dice.randrange(40), time.monotonic() + 5
        while sum(len(each.told) for each in callers) < enough and time.monotonic() < patience:
            time.sleep(0.001)
        time.sleep(dice.uniform(0, 0.01))
        services.kill()
        for thread in threads:
            thread.join()
        return [fact for caller in callers for fact in caller.told]

    def check_state(self, path: Path, *, whole: bool) -> None:
        """Compare what a service starts with to what all events give."""
        store = Store(str(path), react=instances_load_at_once)
        assert is_settled(store.market)
        if whole:
            assert store.market == replay(event for _, event in store.events())
            numbered = list(store.events())
            told = views.notifications(Market(), [event for _, event in numbered])
            numbers = {id(event): number for number, event in numbered}
            wanted = sorted((numbers[id(each.event)], each.recipient) for each in told)
            there = "SELECT number, recipient FROM outbox ORDER BY 1, 2"
            assert list(store._pages.rows(there)) == wanted
        store.close()


def listed(port: int) -> None:
    """List the demo's machines."""
    host = Host("host-1", port, 0, Flag())
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as line:
        for machine in (1001, 1002):
            body = {"machine": machine, "price_gpu": 0.5, "min_chunk": 1}
            assert host.ask(line, "PUT", "/machines/create_asks/", body)
