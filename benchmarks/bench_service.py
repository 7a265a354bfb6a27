"""The example service over HTTP: requests a second, with and without waiting for the disk.

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
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread

CONNECTIONS = 16
REQUESTS = 2_000
ROOT = Path(__file__).parent.parent


@contextmanager
def served(*words: str) -> Iterator[tuple[int, int]]:
    with socket.socket() as probe, tempfile.TemporaryDirectory() as home:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        command = [
            sys.executable,
            "-m",
            "examples.marketplace",
            "--port",
            str(port),
            "--seed",
            "demo",
        ]
        db = str(Path(home) / "market.sqlite")
        with subprocess.Popen([*command, "--db", db, "--rate", "1e9", *words], cwd=ROOT) as process:
            while socket.socket().connect_ex(("127.0.0.1", port)):
                time.sleep(0.05)
            yield port, process.pid
            process.terminate()


class Caller:
    def __init__(self, port: int, key: str) -> None:
        self.line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {"Authorization": f"Bearer {key}"}

    def ask(self, method: str, path: str, body: object = None) -> dict:
        self.line.request(method, f"/api{path}", json.dumps(body or {}), self.headers)
        answer = self.line.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        return json.loads(text)


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measured(port: int, pid: int, connections: int, request: tuple) -> tuple[float, float]:
    """Return requests a second, and the CPU seconds of one."""
    callers = [Caller(port, "ann") for _ in range(connections)]
    each = REQUESTS // connections

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


def main() -> None:
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


if __name__ == "__main__":
    main()
