"""Keys are not names: a key file says whose key is whose; limits know accounts and addresses."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from examples.marketplace import keys
from examples.marketplace.__main__ import CREDIT, arguments, main
from examples.marketplace.app import Service
from examples.marketplace.keys import digest, key_file
from examples.marketplace.limits import MANY, Limiter, Limits, network
from examples.marketplace.server import listening
from marketplace import HOST, Desk
from numgenius_core.errors import ParseError
from vastai_client import ROOT

Patch = pytest.MonkeyPatch
Captured = pytest.CaptureFixture[str]
WHO = "/api/v0/users/current"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Return a desk where host-1 and ann have keys that are not their names."""
    path = tmp_path / "keys.txt"
    lines = ["# made today", "", f"host-1 {digest('h-secret')}", f"ann {digest('a-secret')}"]
    path.write_text("\n".join(lines))
    desk = Desk(tmp_path / "market.sqlite")
    app = Service(desk.store, 1e6, CREDIT, key_file(str(path))).app()
    desk.client = TestClient(app, raise_server_exceptions=False)
    yield desk
    desk.store.close()


class TestKeyFiles:
    """Who knows a name knows no key."""

    def test_a_key_is_its_account(self, desk: Desk) -> None:
        desk.ask(
            "h-secret", "PUT", "/machines/create_asks/", {"machine": 1001, "min_chunk": 1}, 400
        )
        assert desk.ask("a-secret", "GET", "/users/current")["id"] == "ann"

    def test_a_name_is_no_key(self, desk: Desk) -> None:
        before = desk.store.market
        for key in (HOST, "ann", "host-1 ", digest("h-secret")):
            told = desk.ask(key, "DELETE", "/machines/1001/asks/", status=401)
            assert (told["error"], told["msg"]) == ("auth_error", "Invalid user key")
            assert desk.ask(key, "POST", "/bundles/", {}, 401)["success"] is False
        assert desk.store.market == before

    def test_every_offer_shows_its_host_and_nobody_can_unlist_with_it(self, desk: Desk) -> None:
        body = {"machine": 1001, "min_chunk": 1, "price_gpu": 1}
        desk.ask("h-secret", "PUT", "/machines/create_asks/", body)
        answer = desk.client.post("/api/v0/bundles/", json={})
        (host,) = {row["host_id"] for row in answer.json()["offers"]}
        desk.ask(host, "DELETE", "/machines/1001/asks/", status=401)

    def test_a_key_of_the_query_is_one_too(self, desk: Desk) -> None:
        answer = desk.client.get("/api/v0/users/current?owner=me&api_key=a-secret")
        assert answer.json()["id"] == "ann"
        assert desk.client.get("/api/v0/users/current?api_key=ann").status_code == 401

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    def test_the_scheme_has_no_case(self, desk: Desk, scheme: str) -> None:
        answer = desk.client.get(WHO, headers={"Authorization": f"{scheme} a-secret"})
        assert answer.json()["id"] == "ann"

    def test_two_keys_are_nobodys(self, desk: Desk) -> None:
        for headers in ([("Authorization", "Bearer a-secret")] * 2, [("Authorization", "Basic x")]):
            assert desk.client.get(WHO, headers=headers).status_code == 401
        one = {"Authorization": "Bearer a-secret"}
        assert desk.client.get(f"{WHO}?api_key=h-secret", headers=one).status_code == 401
        assert desk.client.get(f"{WHO}?api_key=a-secret", headers=one).json()["id"] == "ann"

    def test_a_key_beyond_ascii_is_one_in_both_places(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path / "any.sqlite")
        for key in ("björn", "クララ"):
            header = {b"Authorization": f"Bearer {key}".encode()}
            assert desk.client.get(WHO, headers=header).json()["id"] == key
            assert desk.client.get(WHO, params={"api_key": key}).json()["id"] == key
        service = Service(desk.store, 1e6, CREDIT)
        for code, account in (("utf-8", "björn"), ("latin-1", None)):
            headers = [
                (b"authorization", "Bearer björn".encode(code))
            ]  # which the test client rewrites
            request = Request({"type": "http", "headers": headers, "query_string": b""})
            assert service.account(request) == account
        desk.store.close()

    @pytest.mark.parametrize(
        ("line", "got"),
        [
            ("ann secret", "no account and 64 hexadecimal digits"),
            (f"#bob {'a' * 64}", ""),  # a remark
            (f"a\x00 {'a' * 64}", r"the name 'a\x00'"),
            (f"ann {'a' * 64}\nben {'a' * 64}", "the key of ann again"),
        ],
    )
    def test_what_came_is_said_and_no_key_is(self, tmp_path: Path, line: str, got: str) -> None:
        path = tmp_path / "keys.txt"
        path.write_text(line)
        if got:
            with pytest.raises(ParseError) as caught:
                key_file(str(path))
            assert caught.value.got == got
        else:
            key_file(str(path))

    @pytest.mark.parametrize(
        "line",
        [
            "ann",
            "ann secret",
            f"ann {digest('a')}\nben {digest('a')}",
            f"ann smith {digest('a')}",
            f" #bob {digest('a')}",
            f"\ufeffann {digest('a')}",  # as some editors begin a file
            f"a\x00 {digest('a')}",
            f"{'x' * 201} {digest('a')}",
        ],
        ids=range(8),
    )
    def test_a_line_that_says_nothing_is_refused(self, tmp_path: Path, line: str) -> None:
        path = tmp_path / "keys.txt"
        path.write_text(line + "\n")
        with pytest.raises(ParseError, match=r"keys.txt, line [12]"):
            key_file(str(path))

    def test_a_new_key_is_made_and_is_not_in_the_file(self, tmp_path: Path) -> None:
        command = [sys.executable, "-m", "examples.marketplace.keys", "ann"]
        env = {"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, env=env, check=True
        )
        path = tmp_path / "keys.txt"
        path.write_text(done.stdout)
        key = done.stderr.split()[-1]
        assert key_file(str(path))(key) == "ann"
        assert key not in done.stdout

    def test_a_file_that_is_no_text_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "keys.txt"
        path.write_bytes(b"ann \xff")
        with pytest.raises(ParseError, match="need UTF-8 text, got byte 0xff"):
            key_file(str(path))

    @pytest.mark.parametrize(
        "words",
        [
            [],
            ["ann", "bob"],
            ["ann smith"],
            ["#bob"],
            [""],
            ["a\nb"],
            ["a\u2028b"],
            ["x" * 201],
            ["\udcff"],
        ],
        ids=range(9),
    )
    def test_a_name_that_no_line_can_have_gets_no_key(
        self, words: list[str], monkeypatch: Patch, capsys: Captured
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["keys", *words])
        with pytest.raises(SystemExit) as ended:
            keys.main()
        told = capsys.readouterr()
        assert (ended.value.code, told.out) == (2, "")
        assert "NAME" in told.err or "bob" in told.err
        assert "error" in told.err.splitlines()[-1]

    @pytest.mark.parametrize("name", ["ann", "a#b", "björn@example.org", "x" * 200])
    def test_every_other_name_does(
        self, name: str, tmp_path: Path, monkeypatch: Patch, capsys: Captured
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["keys", name])
        keys.main()
        told = capsys.readouterr()
        path = tmp_path / "keys.txt"
        path.write_text(told.out, "utf-8")
        assert key_file(str(path))(told.err.split()[-1]) == name


class TestHowItIsStarted:
    """Without a key file only the demonstration starts, and only for this machine.

    What an option says that cannot be is one line, which names the option.
    """

    @pytest.fixture(autouse=True)
    def never_served(self, monkeypatch: Patch) -> None:
        monkeypatch.setattr("examples.marketplace.__main__.serve", lambda *_, **__: None)

    @pytest.mark.parametrize(
        ("words", "why"),
        [
            ("", "--keys says whose key is whose"),
            ("--seed demo --host 0.0.0.0", "only loopback"),
            ("--seed demo --host ::", "only loopback"),
        ],
    )
    def test_it_does_not(
        self,
        words: str,
        why: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["marketplace", *words.split()])
        with pytest.raises(SystemExit):
            arguments()
        assert why in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("option", "value", "why"),
        [
            ("--rate", "0", "need 0.001 to 1,000,000,000 requests a second, got '0'"),
            ("--rate", "-1", "got '-1'"),
            ("--rate", "nan", "got 'nan'"),
            ("--rate", "inf", "got 'inf'"),
            ("--rate", "often", "got 'often'"),
            ("--port", "70000", "need 0 to 65,535, got '70000'"),
            ("--port", "-1", "got '-1'"),
            ("--port", "http", "got 'http'"),
            ("--host", "foo", "only loopback"),
            ("--host", "192.0.2.1", "only loopback"),
            ("--host", "", "only loopback"),
            ("--keys", "{folder}/none", "No such file"),
            ("--keys", "{folder}", "directory"),
            ("--keys", "{folder}/bytes", "need UTF-8 text"),
            ("--keys", "{folder}/words", "words, line 1: need an account"),
            ("--db", "{folder}/none/market.sqlite", "unable to open"),
            ("--db", "{folder}", "unable to open"),
            ("--db", "{folder}/words", "not a database"),
            ("--db", "postgresql://nobody@127.0.0.1:1/none", ""),
        ],
    )
    def test_what_cannot_be_is_one_line(
        self,
        option: str,
        value: str,
        why: str,
        tmp_path: Path,
        monkeypatch: Patch,
        capsys: Captured,
    ) -> None:
        (tmp_path / "bytes").write_bytes(b"\xff\xfe")
        (tmp_path / "words").write_text("this is no database, and there is no key in it: " * 50)
        words = [f"--db={tmp_path}/market.sqlite", "--seed=demo", "--port=0"]
        said = f"{option}={value.format(folder=tmp_path)}"
        monkeypatch.setattr(sys, "argv", ["marketplace", *words, said])
        with pytest.raises(SystemExit) as ended:
            main()
        last = capsys.readouterr().err.splitlines()[-1]
        assert ended.value.code == 2
        assert last.startswith("python -m examples.marketplace: error:")
        assert option in last
        assert why in last

    @pytest.mark.parametrize(
        ("host", "why"),
        [
            ("192.0.2.1", "assign"),  # an address for examples, which nobody has
            ("no.such.name.invalid", "ame"),
            ("ä" * 70, "encoding of hostname failed"),
        ],
    )
    def test_where_it_cannot_listen(
        self, host: str, why: str, tmp_path: Path, monkeypatch: Patch, capsys: Captured
    ) -> None:
        (tmp_path / "keys").write_text("")
        words = [f"--keys={tmp_path}/keys", f"--db={tmp_path}/m.sqlite", "--port=0"]
        monkeypatch.setattr(sys, "argv", ["marketplace", *words, f"--host={host}"])
        with pytest.raises(SystemExit):
            main()
        last = capsys.readouterr().err.splitlines()[-1]
        assert "error: --host and --port: " in last
        assert why in last
        assert not (tmp_path / "m.sqlite").exists()

    def test_a_port_that_somebody_has(
        self, tmp_path: Path, monkeypatch: Patch, capsys: Captured
    ) -> None:
        with listening("127.0.0.1", 0) as there:
            there.listen()
            words = [f"--port={there.getsockname()[1]}", "--seed=demo", f"--db={tmp_path}/m.sqlite"]
            monkeypatch.setattr(sys, "argv", ["marketplace", *words])
            with pytest.raises(SystemExit):
                main()
        assert "error: --host and --port: " in capsys.readouterr().err

    def test_loopback_of_version_6(self, monkeypatch: Patch) -> None:
        monkeypatch.setattr(sys, "argv", ["marketplace", "--seed", "demo", "--host", "::1"])
        try:
            there = listening(arguments().host, 0)
        except OSError as fault:
            pytest.skip(f"this machine has no version 6: {fault}")
        with there, closing(socket.socket(socket.AF_INET6)) as line:
            there.listen()
            line.connect(("::1", there.getsockname()[1]))

    @pytest.mark.parametrize("words", ["--seed demo", "--keys k --host 0.0.0.0", "--keys k"])
    def test_it_does(self, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "argv", ["marketplace", *words.split()])
        assert arguments().port == 8765


class TestLimits:
    """An account slows itself down alone; strangers have the limit of their address."""

    @pytest.fixture(autouse=True)
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        now = [0.0]
        monkeypatch.setattr("examples.marketplace.limits.monotonic", lambda: now[0])
        return now

    def test_a_flood_of_one_account_costs_its_address_nothing(self) -> None:
        limits = Limits(5)
        waits = [limits.wait("ann", "10.0.0.1") for _ in range(1_000)]
        assert waits.count(0) == 10
        assert limits.wait("ben", "10.0.0.1") == 0
        assert limits.wait(None, "10.0.0.1") == 0

    def test_accounts_of_one_address_have_a_limit_together(self) -> None:
        limits = Limits(5)
        waits = [limits.wait(f"a{n % 100}", "10.0.0.1") for n in range(400)]
        assert waits.count(0) == pytest.approx(5 * 20 * 2, abs=1)
        assert limits.wait("else", "10.0.0.2") == 0

    def test_a_flood_of_strangers_locks_no_newcomer_of_elsewhere_out(self) -> None:
        limits = Limits(5)
        assert [limits.wait(None, "10.0.0.1") for _ in range(500)].count(0) == 10
        assert [limits.wait(None, f"10.0.1.{n}") for n in range(40)] == [0] * 40
        assert limits.wait("ann", "10.0.0.1") == 0

    def test_a_customers_whole_network_is_one_address(self) -> None:
        assert network("2001:db8:1:2::7") == network("2001:db8:1:2:ffff::")
        assert network("2001:db8:1:2::7") != network("2001:db8:1:3::7")
        assert network("10.0.0.1") != network("10.0.0.2")
        assert network("::ffff:10.0.0.1") != network("::ffff:10.0.0.2")
        assert network("a socket") == "a socket"

    def test_a_limiter_forgets_who_is_quiet(self, clock: list[float]) -> None:
        limiter = Limiter(2)
        assert [limiter.wait("a") for _ in range(5)] == [0, 0, 0, 0, 0.5]
        clock[0] = 0.5
        assert limiter.wait("a") == 0
        for key in range(2 * MANY):
            clock[0] += 1
            assert limiter.wait(str(key)) == 0
        assert len(limiter._busy_until) <= MANY + 1

    def test_newcomers_of_an_address_share_a_limit(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path / "m.sqlite", rate=5)

        def ask(key: str, address: str) -> int:
            app = desk.client.app
            headers = {"Authorization": f"Bearer {key}"}
            client: Any = TestClient(app, client=(address, 1))
            status: int = client.get("/api/v0/users/current", headers=headers).status_code
            return status

        flood = [ask(f"a{number}", "10.0.0.1") for number in range(20)]
        assert flood == [200] * 10 + [429] * 10
        assert [ask(f"b{n}", f"10.0.1.{n}") for n in range(5)] == [200] * 5
        assert ask("a1", "10.0.0.1") == 200
        assert len(desk.store.market.accounts) == 1 + 15
        desk.store.close()
