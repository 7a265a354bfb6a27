"""The example service over HTTP: requests a second, with and without waiting for the disk.

Then commands that wait for the disk, of one worker on SQLite and of several on PostgreSQL, if its
server is installed; 10,000 rentals of four workers are checked against their log.

The service and its callers share this machine, so the CPU time that the service takes for a request
is shown too: it does not depend on who else is busy.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from statistics import median
from threading import Thread

CONNECTIONS = 16
MANY_CONNECTIONS = 64
REQUESTS = 2_000
COMMANDS = 6_400  # that wait for the disk: a worker's first ones take longer
ROUNDS = 5
CALLERS = 32
RENTALS = 10_000 // CALLERS * CALLERS
ROOT = Path(__file__).parent.parent


@contextmanager
def served(*words: str, db: str | None = None, workers: int = 1) -> Iterator[tuple[int, list[int]]]:
    """Start the service, and give its port and its processes."""
    with socket.socket() as probe, tempfile.TemporaryDirectory() as home, ExitStack() as running:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        command = [sys.executable, "-m", "examples.marketplace", "--port", str(port)]
        command += ["--db", db or str(Path(home) / "market.sqlite"), "--seed", "demo"]
        command += ["--rate", "1e9", "--share-port", *words]
        found = []
        for _ in range(workers):
            process = running.enter_context(subprocess.Popen(command, cwd=ROOT))
            running.callback(process.terminate)
            found.append(process.pid)
            while not listens(port):
                time.sleep(0.05)
            if workers > 1:
                time.sleep(1)  # the others begin when the first has made the market
        yield port, found


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return not probe.connect_ex(("127.0.0.1", port))


class Caller:
    def __init__(self, port: int, key: str) -> None:
        self.line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {"Authorization": f"Bearer {key}"}

    def ask(self, method: str, path: str, body: object = None) -> dict:
        told = self.tried(method, path, body)
        assert told.get("success", True), told
        return told

    def tried(self, method: str, path: str, body: object = None) -> dict:
        self.line.request(method, f"/api{path}", json.dumps(body or {}), self.headers)
        return json.loads(self.line.getresponse().read())


def cpu_of(processes: list[int]) -> float:
    found = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in processes)
    return sum(int(each[11]) + int(each[12]) for each in found) / os.sysconf("SC_CLK_TCK")


def measured(
    port: int, pid: list[int], connections: int, request: tuple, requests: int = REQUESTS
) -> tuple[float, float]:
    """Return requests a second, and the CPU seconds of one."""
    callers = [Caller(port, "ann") for _ in range(connections)]
    each = requests // connections

    def run(caller: Caller) -> None:
        for _ in range(each):
            caller.ask(*request)

    threads = [Thread(target=run, args=(caller,)) for caller in callers]
    begin, cpu = time.perf_counter(), cpu_of(pid)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took, used = time.perf_counter() - begin, cpu_of(pid) - cpu
    for caller in callers:
        with closing(caller.line):
            pass
    return each * connections / took, used / (each * connections)


def one_process() -> None:
    print(f"{'request':34}  {'connections':>11}  {'disk':8}  {'req/s':>7}  {'service CPU':>11}")
    for disk, words in (("durable", ()), ("not", ("--not-durable",))):
        with served(*words) as (port, pid):
            host, ann = Caller(port, "host-1"), Caller(port, "ann")
            body = {"machine": 1001, "price_gpu": 0.5, "min_chunk": 1}
            host.ask("PUT", "/v0/machines/create_asks/", body)
            (offer, *_) = ann.ask("POST", "/v0/bundles/", {"num_gpus": {"eq": "2"}})["offers"]
            rental = {"image": "x", "disk": 10, "price": None}
            number = ann.ask("PUT", f"/v0/asks/{offer['id']}/", rental)["new_contract"]
            for name, request in (
                (
                    "label an instance (a command)",
                    ("PUT", f"/v0/instances/{number}/", {"label": "a"}),
                ),
                ("show instances", ("GET", "/v1/instances/")),
                ("search 15 offers", ("POST", "/v0/bundles/", {"machine_id": {"eq": "1001"}})),
            ):
                for connections in (1, CONNECTIONS):
                    rate, cpu = measured(port, pid, connections, request)
                    print(
                        f"{name:34}  {connections:11}  {disk:8}  {rate:7,.0f}  {cpu * 1e3:8.2f} ms"
                    )


# --- workers ---------------------------------------------------------------------------------


def labels(port: int, processes: list[int], connections: int) -> tuple[float, float]:
    """Return durable commands a second, each caller labelling an instance of its own."""
    host = Caller(port, "host-1")
    host.ask(
        "PUT", "/v0/machines/create_asks/", {"machine": 1001, "price_gpu": 0.5, "min_chunk": 1}
    )
    ann = Caller(port, "ann")
    (offer, *_) = ann.ask("POST", "/v0/bundles/", {"num_gpus": {"eq": "1"}})["offers"]
    number = ann.ask("PUT", f"/v0/asks/{offer['id']}/", {"disk": 8})["new_contract"]
    request = ("PUT", f"/v0/instances/{number}/", {"label": "a"})
    return measured(port, processes, connections, request, COMMANDS)


def several() -> None:
    sys.path.insert(0, str(ROOT / "tests" / "support"))
    from postgres import found, new_database, server

    head = f"{'log':12}  {'workers':>7}  {'connections':>11}  {'req/s':>7}  {'lowest':>7}  "
    print(f"\n{head}{'highest':>7}  {'service CPU':>11}")
    compared("SQLite", lambda: None, [(1, connections) for connections in (1, 4, CONNECTIONS)])
    if found() is None:
        print("no server of PostgreSQL here")
        return
    with server() as where:
        for connections in (CONNECTIONS, MANY_CONNECTIONS):
            kinds = [(workers, connections) for workers in (1, 2, 4)]
            compared("PostgreSQL", lambda: new_database(where), kinds)
        rentals(new_database(where))


def compared(log: str, new: Callable[[], str | None], kinds: list[tuple[int, int]]) -> None:
    """Measure so many workers and connections in turn, several times; print the medians.

    How the kernel divides connections among workers is chance, and what it makes is not small.
    """
    seen: dict[tuple[int, int], list[tuple[float, float]]] = {kind: [] for kind in kinds}
    for _ in range(ROUNDS):
        for workers, connections in kinds:
            with served(db=new(), workers=workers) as (port, processes):
                seen[workers, connections].append(labels(port, processes, connections))
    for (workers, connections), rounds in seen.items():
        rates = [rate for rate, _ in rounds]
        print(
            f"{log:12}  {workers:7}  {connections:11}  {median(rates):7,.0f}  {min(rates):7,.0f}  "
            f"{max(rates):7,.0f}  {median(cpu for _, cpu in rounds) * 1e3:8.2f} ms"
        )


def rentals(db: str) -> None:
    """Let 32 callers rent and destroy 10,000 times on four workers; check what there is then."""
    refused = [0]

    def run(caller: Caller, number: int) -> None:
        for _ in range(RENTALS // CALLERS):
            offers = caller.ask("POST", "/v0/bundles/", {"limit": 20})["offers"]
            if offers:
                path = f"/v0/asks/{offers[number % len(offers)]['id']}/"
                answer = caller.tried("PUT", path, {"disk": 8})
                if "new_contract" in answer:
                    caller.ask("DELETE", f"/v0/instances/{answer['new_contract']}/")
                    continue
            refused[0] += 1

    with served("--not-durable", db=db, workers=4) as (port, _):
        host = Caller(port, "host-1")
        body = {"machine": 1001, "price_gpu": 0.5, "min_chunk": 1}
        host.ask("PUT", "/v0/machines/create_asks/", body)
        callers = [Caller(port, f"c{number}") for number in range(CALLERS)]
        threads = [Thread(target=run, args=(each, n)) for n, each in enumerate(callers)]
        begin = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.perf_counter() - begin
    from examples.marketplace.store import open_log
    from numgenius_core.market import find_events, replay
    from numgenius_core.market.events import ContractCreated

    log = open_log(db)
    events = list(log.read())
    market = replay(events)  # refuses a GPU that two have, and a number that is not the next
    sold = [event.contract.id for event in find_events(events, ContractCreated)]
    assert len(sold) == len(set(sold)) == RENTALS - refused[0]
    assert not market.homes
    print(
        f"{RENTALS:,} attempts of {CALLERS} callers on 4 workers in {took:.0f} s: {len(sold):,} "
        f"rented and destroyed, {refused[0]:,} too late, {len(events):,} events replayed"
    )
    log.close()


def main() -> None:
    one_process()
    several()


if __name__ == "__main__":
    main()
