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
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event as Flag, Thread
from typing import Any, Final

from attrs import define, field

from effort import up_to
from examples.marketplace.commands import instances_load_at_once
from examples.marketplace.store import Store
from numgenius_core.contracts import InstanceState
from numgenius_core.market import Market, replay, views
from vastai_client import ROOT, free_port

KILLS: Final = up_to(50, 10)
CLIENTS: Final = 4
Fact = tuple[str, Any, Any]
"""What a client was told: the kind of the event, which thing, and how it is now."""

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


@define
class Caller:
    """A client that asks without a break, and remembers what it was told has happened."""

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
            try:
                offers = self.ask(line, "POST", "/bundles/", {})["offers"]
                while not self.stop.is_set():
                    self.act(line, dice, [row["id"] for row in offers if row["num_gpus"] <= 2])
            except (OSError, http.client.HTTPException):
                pass  # it was killed: what was asked last may have happened or not

    def ask(self, line: http.client.HTTPConnection, method: str, path: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.name}"}
        line.request(method, f"/api/v0{path}", json.dumps(body), headers)
        answer = line.getresponse()
        text = answer.read()
        return json.loads(text) if answer.status == 200 else None

    def act(self, line: http.client.HTTPConnection, dice: random.Random, offers: list[int]) -> None:
        """Rent, outbid, label, stop or destroy something."""
        kind = dice.choice(["rent", "label", "bid", "destroy"]) if self.mine else "rent"
        contract = dice.choice(self.mine) if self.mine else 0
        if kind == "rent" and len(self.mine) < 6:
            bid = dice.choice([None, round(dice.uniform(0.2, 2), 4)])
            body = {"image": "x", "disk": 8, "price": bid}
            if told := self.ask(line, "PUT", f"/asks/{dice.choice(offers)}/", body):
                self.mine.append(told["new_contract"])
                self.told.append(("ContractCreated", told["new_contract"], self.name))
        elif kind == "bid":
            price = round(dice.uniform(0.2, 2), 4)
            if self.ask(line, "PUT", f"/instances/bid_price/{contract}/", {"price": price}):
                self.told.append(("BidChanged", contract, price))
        elif kind == "destroy":
            if self.ask(line, "DELETE", f"/instances/{contract}/", {}):
                self.mine.remove(contract)
                self.told.append(("InstanceDestroyed", contract, None))
        else:
            label = f"{self.name}-{dice.random()}"
            if self.ask(line, "PUT", f"/instances/{contract}/", {"label": label}):
                self.told.append(("InstanceLabelled", contract, label))


def facts(rows: list[tuple[int, str]]) -> set[Fact]:
    """Return what the stored events say, as clients are told it."""
    found: set[Fact] = set()
    for _, text in rows:
        event = json.loads(text)
        kind, contract = event["type"], event.get("contract")
        if kind == "ContractCreated":
            found.add((kind, contract["id"], contract["client"]))
        elif kind == "BidChanged":
            found.add((kind, contract, float(event["bid"])))
        elif kind in ("InstanceLabelled", "InstanceDestroyed"):
            found.add((kind, contract, event.get("label")))
    return found


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
        callers = [Caller(f"client-{n}", port, 0, Flag()) for n in range(CLIENTS)]
        known: set[Fact] = set()
        last = acknowledged = 0
        with nursery(f"--port {port} --db {path} --seed demo --rate 1e6") as services:
            for kill in range(KILLS):
                told = self.round(services, callers, dice, first=kill == 0)
                rows = stored(path, last)
                assert [number for number, _ in rows] == list(range(last + 1, last + 1 + len(rows)))
                known, last = known | facts(rows), last + len(rows)
                assert not [fact for fact in told if fact not in known]
                acknowledged += len(told)
                self.check_state(path, whole=kill % 10 == 9)
        assert acknowledged >= 5 * KILLS

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
        store.close()


def listed(port: int) -> None:
    """List the demo's machines."""
    host = Caller("host-1", port, 0, Flag())
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as line:
        for machine in (1001, 1002):
            body = {"machine": machine, "price_gpu": 0.5, "min_chunk": 1}
            assert host.ask(line, "PUT", "/machines/create_asks/", body)
