"""The example service as a process, among people who mean it no good, and when it is stopped."""

from __future__ import annotations

import http.client
import json
import os
import resource
import shutil
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from threading import Event as Flag, Thread
from typing import Any, Final

import pytest
import uvicorn
from starlette.applications import Starlette

from effort import up_to
from examples.marketplace.commands import instances_load_at_once
from examples.marketplace.server import listening, serve
from examples.marketplace.store import Store
from numgenius_core.market import replay
from vastai_client import served

HALF_OPEN: Final = up_to(300, 60)
NEWCOMERS: Final = up_to(40, 10)
BODY: Final = {"image": "x", "disk": 8, "price": None}


def ask(
    port: int, key: str, method: str, path: str, body: Any = None, source: str = "127.0.0.1"
) -> tuple[int, Any]:
    """Send a request from an address of this machine; return the status and the answer."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=30, source_address=(source, 0))
    with closing(line):
        headers = {"Authorization": f"Bearer {key}"}
        line.request(method, f"/api/v0{path}", json.dumps(body or {}), headers)
        answer = line.getresponse()
        return answer.status, json.loads(answer.read())


def listed(port: int) -> list[int]:
    """List the demo's machine of 8 GPUs and return its offers."""
    body = {"machine": 1001, "price_gpu": 0.5, "min_chunk": 1}
    assert ask(port, "host-1", "PUT", "/machines/create_asks/", body)[0] == 200
    _, told = ask(port, "ann", "POST", "/bundles/", {"num_gpus": {"eq": 1}})
    return [row["id"] for row in told["offers"]]


@contextmanager
def service(path: Path, *words: str) -> Iterator[tuple[int, int]]:
    with served(path / "market.sqlite", *words) as (url, pid):
        yield int(url.rpartition(":")[2]), pid


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Give the port of a service that waits for nobody for long."""
    with quick_service(tmp_path_factory.mktemp("hasty")) as port:
        yield port


class TestPeopleWhoMeanNoGood:
    """Whoever keeps a connection waiting costs nobody else anything, and is let go."""

    def test_half_open_connections_and_bodies_that_never_end(self, tmp_path: Path) -> None:
        with service(tmp_path) as (port, _), ExitStack() as stack:
            listed(port)
            lines = [stack.enter_context(connected(port)) for _ in range(HALF_OPEN)]
            head = b"POST /api/v0/bundles/ HTTP/1.1\r\nHost: a\r\n"
            for number, line in enumerate(lines):
                if number % 3:  # the others say nothing at all
                    line.sendall(head + (b"Content-Length: 9000\r\n\r\n{" if number % 2 else b""))
            begin = time.monotonic()
            for _ in range(10):
                assert ask(port, "ann", "POST", "/bundles/")[0] == 200
            assert time.monotonic() - begin < 5

    @pytest.mark.parametrize("sent", [b"", b"POST /api/v0/bundles/ HTTP/1.1\r\nHost: a\r\n"])
    def test_who_sends_no_request_is_let_go(self, sent: bytes, hasty: int) -> None:
        with connected(hasty) as line:
            line.sendall(sent)
            begin = time.monotonic()
            assert ended(line)
            assert 0.3 < time.monotonic() - begin < 5

    def test_a_body_that_never_ends_is_answered_and_let_go(self, hasty: int) -> None:
        with connected(hasty) as line:
            line.sendall(b"POST /api/v0/bundles/ HTTP/1.1\r\nHost: a\r\n")
            line.sendall(b"Content-Length: 60000\r\n\r\n")
            with suppress(OSError):
                for _ in range(100):
                    line.sendall(b" ")
                    time.sleep(0.05)
                raise AssertionError("it went on taking a body that never ends")

    def test_the_oldest_that_waits_makes_room(self, tmp_path: Path) -> None:
        with quick_service(tmp_path, seconds=60, waiting=5) as port, ExitStack() as stack:
            lines = [stack.enter_context(connected(port)) for _ in range(8)]
            assert all(ended(line) for line in lines[:3])
            assert ask(port, "ann", "GET", "/users/current")[0] == 200

    def test_a_flood_beside_newcomers(self, tmp_path: Path) -> None:
        """One account and many wrong keys flood from one address; newcomers come from others."""
        stop = Flag()

        def flood(port: int, number: int) -> None:
            while not stop.is_set():
                key = "flood" if number % 2 else f"flood-{time.monotonic()}"
                with suppress(OSError, http.client.HTTPException):
                    ask(port, key, "GET", "/users/current", source="127.0.0.2")

        with service(tmp_path, "--rate", "20") as (port, _):
            threads = [Thread(target=flood, args=(port, number)) for number in range(4)]
            for thread in threads:
                thread.start()
            try:
                found = [
                    ask(port, f"new-{n}", "GET", "/users/current", source=f"127.0.1.{n + 1}")[0]
                    for n in range(NEWCOMERS)
                ]
            finally:
                stop.set()
                for thread in threads:
                    thread.join()
        assert found == [200] * NEWCOMERS


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def ended(line: socket.socket) -> bool:
    """Return whether the other side has closed a connection, once it has."""
    try:
        while line.recv(4_096):
            pass
    except ConnectionResetError:
        pass
    return True


QUICK: Final = """
import sys
from examples.marketplace import app, server
server.REQUEST_SECONDS, app.BODY_SECONDS = float(sys.argv.pop(1)), 0.3
server.MOST_WAITING = int(sys.argv.pop(1))
from examples.marketplace.__main__ import main
main()
"""


@contextmanager
def quick_service(path: Path, seconds: float = 0.5, waiting: int = 400) -> Iterator[int]:
    """Start a service that waits for nobody as long as the real one."""
    command = [sys.executable, "-c", QUICK, str(seconds), str(waiting)]
    with served(path / "market.sqlite", command=command) as (url, _):
        yield int(url.rpartition(":")[2])


class TestStopped:
    """A signal is obeyed within seconds, and leaves one file that holds everything."""

    def test_under_load_it_leaves_one_file(self, tmp_path: Path) -> None:
        stop, done = Flag(), []

        def load(port: int, name: str, offer: int) -> None:
            with suppress(OSError, http.client.HTTPException, ValueError):
                while not stop.is_set():
                    status, told = ask(port, name, "PUT", f"/asks/{offer}/", BODY)
                    if status == 200:
                        done.append(told["new_contract"])
                        ask(port, name, "DELETE", f"/instances/{told['new_contract']}/")

        with service(tmp_path, "--rate", "1e6") as (port, pid), ExitStack() as stack:
            offers = listed(port)
            for _ in range(20):
                line = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                line.sendall(
                    b"PUT /api/v0/asks/1/ HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"
                )
            threads = [Thread(target=load, args=(port, f"client-{n}", offers[n])) for n in range(4)]
            for thread in threads:
                thread.start()
            while len(done) < 10:
                time.sleep(0.01)
            begin = time.monotonic()
            signal_to(pid)
            seconds = time.monotonic() - begin
            stop.set()
            for thread in threads:
                thread.join()
        assert seconds < 2.5  # it waits for nobody whose request has not arrived
        assert [each.name for each in tmp_path.iterdir()] == ["market.sqlite"]
        copy = tmp_path / "copy.sqlite"
        shutil.copy(tmp_path / "market.sqlite", copy)
        store = Store(str(copy), react=instances_load_at_once)
        try:
            known = set(store.archive) | set(store.market.homes)
            assert set(done) <= known
            assert store.market == replay(event for _, event in store.events())
        finally:
            store.close()


def signal_to(pid: int) -> None:
    """Tell a process to stop and return once it has: its parent waits for it."""
    os.kill(pid, signal.SIGTERM)
    for _ in range(2_000):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        if state == "Z":
            return
        time.sleep(0.01)
    raise TimeoutError(pid)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="a process is limited from outside")
class TestAFullDisk:
    """What is refused for want of room has not happened, however often it is tried."""

    def test_full_and_emptied_again(self, tmp_path: Path) -> None:
        with service(tmp_path, "--rate", "1e6") as (port, pid):
            offers = listed(port)
            size = (tmp_path / "market.sqlite-wal").stat().st_size
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
            answers = [
                ask(port, "ann", "PUT", f"/asks/{offers[n % 8]}/", BODY)[0] for n in range(40)
            ]
            assert set(answers[10:]) == {503}
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
            _, told = ask(port, "ann", "GET", "/instances")
            assert len(told["instances"]) == answers.count(200)
            free = [offer for offer in offers if self.rents(port, offer)]
            assert len(free) == 8 - answers.count(200)
        with closing(sqlite3.connect(tmp_path / "market.sqlite")) as file:
            rows = file.execute("SELECT event FROM events").fetchall()
        made = [1 for (text,) in rows if json.loads(text)["type"] == "ContractCreated"]
        assert len(made) == 8

    def rents(self, port: int, offer: int) -> bool:
        return ask(port, "ann", "PUT", f"/asks/{offer}/", BODY)[0] == 200


def test_an_answer_is_sent_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What listens says that it is TCP: else asyncio lets a body wait for the other side."""
    protocols: list[int] = []

    def run(server: uvicorn.Server, sockets: list[socket.socket]) -> None:
        del server
        protocols.extend(each.proto for each in sockets)

    monkeypatch.setattr(uvicorn.Server, "run", run)
    with listening("127.0.0.1", 0) as there:
        serve(Starlette(), there)
    assert protocols == [socket.IPPROTO_TCP]
