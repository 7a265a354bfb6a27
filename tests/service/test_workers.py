"""Several workers serve one market, and any of them may be killed at any time."""

from __future__ import annotations

import http.client
import json
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest
from attrs import define, field

from effort import FULL, up_to
from examples.marketplace.commands import instances_load_at_once
from examples.marketplace.sql_log import SqlLog
from examples.marketplace.store import open_log
from numgenius_core.market import Market, find_events, replay
from numgenius_core.market.events import ContractCreated, InstanceDestroyed
from numgenius_core.market.logs import Writer
from postgres import new_database
from vastai_client import ROOT, free_port

WORKERS: Final = up_to(4, 2)
KILLS: Final = up_to(8, 1)
CALLERS: Final = up_to(8, 2)
RENTALS: Final = up_to(40, 5)  # of each caller
IN_FULL: Final = pytest.mark.skipif(not FULL, reason="a full run kills workers on PostgreSQL too")


@define
class Workers:
    """Processes of the service on one log and one port."""

    where: str
    port: int = field(factory=free_port)
    running: list[subprocess.Popen[bytes]] = field(factory=list)

    def start(self) -> None:
        """Start one more."""
        words = ["--db", self.where, "--port", str(self.port), "--share-port", "--seed", "demo"]
        command = [sys.executable, "-m", "examples.marketplace", *words, "--rate", "1e9"]
        # What a killed worker has said it would keep is kept by the server, which lives on.
        process = subprocess.Popen([*command, "--not-durable"], cwd=ROOT, stderr=subprocess.DEVNULL)
        self.running.append(process)

    def wait(self) -> None:
        """Wait until one of them answers."""
        patience = time.monotonic() + 30
        while time.monotonic() < patience:
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", self.port)):
                    return
            time.sleep(0.02)
        raise AssertionError("no worker answers")

    def kill(self, which: int) -> None:
        """Kill one, as the kernel does that is out of memory."""
        process = self.running.pop(which)
        process.send_signal(signal.SIGKILL)
        process.wait()


@contextmanager
def workers(where: str, count: int) -> Iterator[Workers]:
    made = Workers(where)
    try:
        made.start()
        made.wait()  # the first makes the market
        for _ in range(count - 1):
            made.start()
        yield made
    finally:
        while made.running:
            made.kill(0)


@define
class Caller:
    """Rents and destroys, and asks again with the same key until it is answered."""

    port: int
    name: str
    seed: int
    rented: dict[str, int] = field(factory=dict)  # by key
    gone: list[int] = field(factory=list)
    refused: int = 0
    errors: list[object] = field(factory=list)
    line: http.client.HTTPConnection | None = None

    def ask(self, key: str, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Return the answer, however often it has to be asked for."""
        headers = {"Authorization": f"Bearer {self.name}", "Idempotency-Key": key}
        patience = time.monotonic() + 60
        while True:
            try:
                if self.line is None:
                    self.line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
                self.line.request(method, f"/api/v0{path}", json.dumps(body), headers)
                answer = self.line.getresponse()
                told = json.loads(answer.read())
            except (OSError, http.client.HTTPException, ValueError):
                self.hang_up()
                if time.monotonic() > patience:
                    raise
                time.sleep(0.01)
                continue
            if answer.status != 503:
                return answer.status, told
            time.sleep(0.01)

    def hang_up(self) -> None:
        """Let go of the connection."""
        if self.line is not None:
            self.line.close()
            self.line = None

    def run(self) -> None:
        """Rent and destroy, time after time."""
        dice = random.Random(self.seed)
        try:
            for number in range(RENTALS):
                self.turn(dice, f"{self.name} {number}")
        except Exception as error:  # noqa: BLE001 - the test tells
            self.errors.append(error)
        self.hang_up()

    def turn(self, dice: random.Random, key: str) -> None:
        """Rent one of the offers, if it is still there; destroy one of those before."""
        _, found = self.ask("search", "POST", "/bundles/", {"limit": 20})
        offers = found.get("offers") or []
        if offers:
            offer = dice.choice(offers)["id"]
            status, told = self.ask(key, "PUT", f"/asks/{offer}/", {"disk": 8})
            if status == 200:
                self.rented[key] = told["new_contract"]
            else:
                self.refused += 1
        left = [number for number in self.rented.values() if number not in self.gone]
        if left and (not offers or dice.random() < 0.6):
            number = dice.choice(left)
            status, _ = self.ask(f"{key} gone", "DELETE", f"/instances/{number}/", {})
            assert status == 200
            self.gone.append(number)


def listed(port: int) -> None:
    """List the demo's machines, each GPU by itself."""
    host = Caller(port, "host-1", 0)
    for machine in (1001, 1002):
        body = {"machine": machine, "price_gpu": 0.5, "min_chunk": 1}
        assert host.ask(str(machine), "PUT", "/machines/create_asks/", body)[0] == 200
    host.hang_up()


def check(log: SqlLog, callers: Sequence[Caller]) -> None:
    """Compare what everybody was told with what happened."""
    events = list(log.read())
    created = [event.contract.id for event in find_events(events, ContractCreated)]
    destroyed = {event.contract for event in find_events(events, InstanceDestroyed)}
    told = [number for caller in callers for number in caller.rented.values()]
    gone = {number for caller in callers for number in caller.gone}
    assert not [each for caller in callers for each in caller.errors]
    assert [number for number, times in Counter(created).items() if times > 1] == []
    assert sorted(told) == sorted(created)  # each answered once, and nothing else has happened
    assert gone == destroyed
    market = replay(events)  # which refuses a GPU that two have, and a number that is not the next
    assert Writer(log, react=instances_load_at_once).market == market
    assert replayed_by_halves(events) == market
    for place in market.machines.values():
        taken = [gpu for each in place.instances.values() for gpu in _gpus(each.contract.block)]
        assert len(taken) == len(set(taken))


def _gpus(block: Any) -> range:
    return range(block.start, block.start + block.size)


def replayed_by_halves(events: Sequence[Any]) -> Market:
    half = len(events) // 2
    return replay(events[half:], replay(events[:half]))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=IN_FULL)])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "market.sqlite")
    return new_database(request.getfixturevalue("database"))


class TestWorkers:
    """Issue: "no GPU sold twice, no number twice, replay = every worker's state; kill -9"."""

    def test_killed_time_after_time(self, where: str) -> None:
        dice = random.Random(7)
        with workers(where, WORKERS) as served:
            listed(served.port)
            callers = [Caller(served.port, f"c{n}", n) for n in range(CALLERS)]
            threads = [Thread(target=caller.run) for caller in callers]
            for thread in threads:
                thread.start()
            for _ in range(KILLS):
                time.sleep(dice.uniform(0.05, 0.2))
                served.start()
                served.kill(dice.randrange(len(served.running) - 1))
            served.wait()
            for thread in threads:
                thread.join()
            versions = {self.seen(served.port) for _ in range(8)}
        assert len(versions) == 1
        with closing(open_log(where)) as log:
            check(log, callers)
        assert sum(len(caller.rented) for caller in callers) >= CALLERS

    def seen(self, port: int) -> int:
        """Return how many events the log has, by whichever worker answers."""
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        with closing(line):
            line.request("GET", "/health")
            answer = json.loads(line.getresponse().read())
        assert answer["success"]
        return int(answer["events"])
