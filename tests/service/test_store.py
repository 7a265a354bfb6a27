"""The example service's file: what it keeps, and what it takes back."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from disks import fails_once_it_has_kept, is_full, sees
from examples.marketplace import store as store_module
from examples.marketplace.commands import instances_load_at_once
from examples.marketplace.sqlite_log import SqliteLog
from examples.marketplace.store import NotStored, Shown, Store
from marketplace import HOST, Desk
from numgenius_core.errors import RuleViolation, UnknownId
from numgenius_core.ids import AccountId, ContractId, MachineId, OfferId
from numgenius_core.listing import Mode
from numgenius_core.market import Market, replay
from numgenius_core.market.commands import (
    AddCredit,
    Destroy,
    Rent,
    ReportOffline,
    ReportOnline,
    SetThresholds,
)
from numgenius_core.market.events import Event
from numgenius_core.market.logs import Entry, MemoryLog, Reply, Writer
from numgenius_core.money import Money
from postgres import new_database


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "market.sqlite")
    yield desk
    desk.store.close()


@pytest.fixture
def listed(desk: Desk) -> Desk:
    desk.list()
    return desk


class TestStore:
    """What is answered is on disk; the events give the market; one process writes."""

    def test_a_restart_gives_the_same_market(self, listed: Desk) -> None:
        listed.rent()
        listed.clock.pass_(days=3)
        listed.ask("ann", "GET", "/users/current")
        before = listed.store.market
        listed.restart()
        assert listed.store.market == before
        assert replay(event for _, event in listed.store.events()) == before

    def test_a_checkpoint_is_the_market_that_the_events_give(
        self, listed: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is taken while the service runs, and old ones go."""
        monkeypatch.setattr(store_module, "MANY", 20)
        number = listed.rent()
        listed.ask("ann", "DELETE", f"/instances/{number}/")

        async def busy() -> None:
            for _ in range(70):
                await listed.store.do(PAID)

        asyncio.run(busy())
        before = listed.store.market
        (kept, many) = next(
            listed.store._pages.rows("SELECT max(number), count(*) FROM checkpoints")
        )
        assert before.version - 20 < kept <= before.version
        assert many == 2
        for _ in range(2):
            listed.restart()
            assert listed.store.market == before
            assert ContractId(number) in listed.store.archive
        assert replay(event for _, event in listed.store.events()) == before

    def test_a_start_replays_few_events(
        self, listed: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(store_module, "MANY", 20)
        for _ in range(30):
            listed.store.decide(PAID)
        listed.restart()  # which takes a checkpoint, as no service was running
        read: list[int] = []
        numbered = SqliteLog.numbered

        def counted(log: SqliteLog, after: int = 0) -> Iterator[Any]:
            for each in numbered(log, after):
                read.append(each[0])
                yield each

        monkeypatch.setattr(SqliteLog, "numbered", counted)
        listed.restart()
        assert len(read) < 20

    def test_a_checkpoint_that_cannot_be_kept_is_no_failure(
        self, listed: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(store_module, "MANY", 10)
        tried: list[object] = []

        def full(checkpoint: object) -> None:
            tried.append(checkpoint)
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(listed.store._log, "keep", full)
        for _ in range(35):
            assert asyncio.run(listed.store.do(PAID)).events
        assert len(tried) in (3, 4)  # and not at each write: it takes a while

    def test_the_disk_has_to_confirm_unless_told_otherwise(self, tmp_path: Path) -> None:
        for durable, level in ((True, 2), (False, 0)):
            store = Store(str(tmp_path / str(durable)), durable=durable)
            assert next(store._log.rows("PRAGMA synchronous")) == (level,)
            assert next(store._log.rows("PRAGMA journal_mode")) == ("wal",)
            store.close()

    def test_a_second_process_serves_the_same_market(self, listed: Desk) -> None:
        other = Store(str(listed.path), clock=listed.clock)
        number = listed.rent()
        assert asyncio.run(other.seen()).living(ContractId(number)).exists
        asyncio.run(other.do(PAID))
        listed.ask("ann", "GET", "/users/current")
        assert listed.store.market == other.market
        other.close()

    def test_what_others_wrote_is_shown_once_it_is_seen(self, listed: Desk) -> None:
        """A page and the market beside it are of one moment, and on disk."""
        asyncio.run(listed.store.do(PAID))
        other = Store(str(listed.path), clock=listed.clock)
        asyncio.run(other.do(PAID))
        other.close()
        before = listed.store.payments(ANN)
        assert len(before) == 1
        assert len(listed.store.notices(ANN, 0, 9)) == 1
        asyncio.run(listed.store.seen())
        assert len(listed.store.payments(ANN)) == len(listed.store.notices(ANN, 0, 9)) == 2

    def test_what_others_made_possible_is_not_refused(self, listed: Desk) -> None:
        """A worker that has not looked for long understands a request on the market as it is."""
        offline, online = (kind(machine=MachineId(1001)) for kind in (ReportOffline, ReportOnline))
        asyncio.run(listed.store.do(offline))
        other = Store(str(listed.path), clock=listed.clock)
        asyncio.run(other.do(online))
        other.close()
        listed.list()
        assert listed.store.market.machine(MachineId(1001)).online

    def test_what_others_changed_of_an_account_stays(self, listed: Desk) -> None:
        listed.ask("ann", "GET", "/users/current")
        other = Store(str(listed.path), clock=listed.clock)
        asyncio.run(other.do(SetThresholds(by=ANN, charge=Money(7))))
        other.close()
        listed.ask("ann", "PUT", "/users/", {"balance_threshold": 3.0})
        found = listed.ask("ann", "GET", "/users/current")
        assert (found["autobill_threshold"], found["balance_threshold"]) == (7.0, 3.0)

    def test_a_page_is_of_no_instant_before_its_last_event(self, listed: Desk) -> None:
        """Clocks of workers differ: one that is behind shows what another one wrote later."""
        before = listed.ask("ann", "GET", "/users/current")["balance"]
        ahead = listed.clock.now + timedelta(seconds=2)
        other = Store(str(listed.path), clock=lambda: ahead, react=instances_load_at_once)
        rented = Rent(by=ANN, offer=OfferId(listed.offer()), mode=Mode.ON_DEMAND)
        asyncio.run(other.do(rented))
        other.close()
        assert listed.ask("ann", "GET", "/users/current")["balance"] == before

    def test_several_commands_are_all_or_nothing(self, listed: Desk) -> None:
        ann = AccountId("ann")
        good = AddCredit(account=ann, amount=Money(1))
        bad = Rent(by=ann, offer=OfferId(1), mode=Mode.ON_DEMAND)
        before = listed.store.market
        with pytest.raises(UnknownId):
            listed.store.decide(good, bad)
        assert listed.store.market is before

    def test_many_wait_for_one_write(self, listed: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        store, append = listed.store, listed.store._log.append
        writes: list[int] = []

        def counted(expected: int, entries: Sequence[Entry]) -> None:
            writes.append(len(entries))
            append(expected, entries)

        monkeypatch.setattr(store._log, "append", counted)

        async def all_at_once() -> None:
            await asyncio.gather(*(store.do(PAID) for _ in range(100)))

        asyncio.run(all_at_once())
        assert writes == [100]  # all that came before the disk was reached
        before = store.market
        listed.restart()
        assert listed.store.market == before

    def test_what_comes_while_another_process_writes_goes_along(
        self, listed: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store, append = listed.store, listed.store._log.append
        waits, goes_on = threading.Event(), threading.Event()
        writes: list[int] = []

        @contextmanager
        def turn() -> Iterator[None]:
            waits.set()
            assert goes_on.wait(10)
            yield

        def counted(expected: int, entries: Sequence[Entry]) -> None:
            writes.append(len(entries))
            append(expected, entries)

        monkeypatch.setattr(store._log, "turn", turn)
        monkeypatch.setattr(store._log, "append", counted)

        async def one_after_the_other() -> None:
            first = asyncio.create_task(store.do(PAID))
            await asyncio.to_thread(waits.wait, 10)
            others = [asyncio.create_task(store.do(PAID)) for _ in range(9)]
            await asyncio.sleep(0)  # they have asked
            listed.clock.pass_(seconds=5)
            goes_on.set()
            await asyncio.gather(first, *others)

        before = store.now()
        asyncio.run(one_after_the_other())
        assert writes == [10]
        assert store.market.now == before + timedelta(seconds=5)  # when the turn began

    def test_a_turn_that_nobody_gets_is_told_to_all_who_wait(
        self, listed: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store, before = listed.store, listed.store.market

        def turn() -> Any:
            raise sqlite3.OperationalError("database is locked")

        monkeypatch.setattr(store._log, "turn", turn)

        async def all_at_once() -> list[Any]:
            asked = (store.do(PAID) for _ in range(40))
            return await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 10)

        assert [str(each) for each in asyncio.run(all_at_once())] == ["database is locked"] * 40
        monkeypatch.undo()
        assert asyncio.run(store.seen()) == before

    def test_a_checkpoint_of_another_process_is_enough(
        self, listed: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(store_module, "MANY", 10)
        other = Store(str(listed.path), clock=listed.clock)
        kept: list[int] = []
        for each in (listed.store, other):
            keep = each._log.keep

            def noted(checkpoint: Any, keep: Any = keep) -> None:
                kept.append(checkpoint.market.version)
                keep(checkpoint)

            monkeypatch.setattr(each._log, "keep", noted)
        for _ in range(30):
            listed.store.decide(PAID)
            for each in (listed.store, other):
                asyncio.run(each.do(PAID))
        other.close()
        assert len(kept) == len(set(kept)) > 3
        assert min(b - a for a, b in pairwise(kept)) >= 10

    def test_only_whole_reactions_follow(self, listed: Desk) -> None:
        offer = OfferId(listed.offer())
        rent = Rent(by=AccountId("ann"), offer=offer, mode=Mode.ON_DEMAND)
        events = listed.store.decide(rent)
        assert [type(event).__name__ for event in events] == ["ContractCreated", "InstanceLoaded"]
        assert list(instances_load_at_once(listed.store.market, events[1])) == []


ANN = AccountId("ann")
PAID = AddCredit(account=ANN, amount=Money(1))


class TestWhatIsShown:
    """Nobody is told of anything that the disk has not confirmed, nor of what it has lost."""

    def test_nothing_of_a_turn_before_its_end(self, listed: Desk) -> None:
        other = Store(str(listed.path), clock=listed.clock)
        number = listed.rent()
        before = other.market
        listed.ask("ann", "DELETE", f"/instances/{number}/")
        inside, goes_on = threading.Event(), threading.Event()

        def waits(market: Market, _: datetime) -> list[AddCredit]:
            assert market == listed.store.market
            inside.set()
            assert goes_on.wait(10)
            return []

        async def asked_meanwhile() -> None:
            turn = asyncio.create_task(other.do(means=waits))
            await asyncio.to_thread(inside.wait, 10)
            page = asyncio.create_task(other.seen())
            await asyncio.sleep(0.05)
            assert not page.done()
            assert other.market is before
            assert not other.archive
            goes_on.set()
            assert await page == listed.store.market
            await turn

        asyncio.run(asked_meanwhile())
        assert other.archive == listed.store.archive
        assert list(other.archive) == [number]
        other.close()

    def test_what_is_gone_is_added_in_its_order(self, listed: Desk) -> None:
        for _ in range(3):
            two = [ContractId(listed.rent("ann", listed.offer(nth=n))) for n in range(2)]
            ends = [Destroy(by=AccountId("ann"), contract=number) for number in two]
            asyncio.run(listed.store.do(*ends))
            assert list(listed.store.archive)[-2:] == two
        assert listed.store.archive == listed.store._writer.instances

    def test_all_of_it_is_taken_anew_once_the_writer_began_anew(self) -> None:
        """A checkpoint that another process kept may have more, in another order."""
        writer: Any = Writer(MemoryLog())
        writer.instances = {1: "one", 2: "two"}
        shown: Any = Shown.of(writer)
        writer.instances = {3: "three", 1: "one", 2: "two"}
        assert shown.then(writer).instances == writer.instances
        assert shown.instances == {1: "one", 2: "two"}

    def test_another_process_did_not_live_to_confirm(
        self, database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from examples.marketplace.postgres_log import PostgresLog

        where, confirmed = new_database(database), list[PostgresLog]()
        store = Store(where)
        killed(store, monkeypatch)
        confirm = PostgresLog.confirm

        def noted(log: PostgresLog) -> None:
            confirmed.append(log)
            confirm(log)

        monkeypatch.setattr(PostgresLog, "confirm", noted)
        other = Store(where)
        assert confirmed == [other._log]
        assert other.market.version == store.market.version + 1
        store.close()
        other.close()

    def test_nothing_that_a_crash_took_back(
        self, database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also when there are as many events again as it had seen."""
        from examples.marketplace.postgres_log import PostgresLog

        where = new_database(database)
        store, other = Store(where), Store(where)
        asyncio.run(store.do(PAID))
        killed(other, monkeypatch)  # what it appended is read, and lost with the server

        def crash(log: PostgresLog, *_: Any, **__: Any) -> None:
            monkeypatch.undo()
            number = store._writer.market.version
            rows = list(other._pages.rows("SELECT pg_backend_pid()"))
            other._pages.insert("DELETE FROM events WHERE number = ?", [(number,)])
            pages = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> ?"
            same = f"{pages} AND datname = current_database()"
            list(other._pages.rows(same, rows[0]))
            list(log.rows("SELECT 1"))  # which fails: the connection is gone

        monkeypatch.setattr(PostgresLog, "end_turn", crash)
        with pytest.raises(NotStored):
            asyncio.run(store.seen())
        last = Store(where)
        asyncio.run(last.do(AddCredit(account=AccountId("bob"), amount=Money(5))))
        for _ in range(3):
            with suppress(NotStored):  # until it has noticed that its connections are gone
                assert asyncio.run(store.seen()) == replay(last._log.read())
        assert store.market == last.market
        for each in (store, other, last):
            each.close()


def killed(store: Store, patch: pytest.MonkeyPatch) -> None:
    """Let a store append, and end before the disk confirms it."""
    from examples.marketplace.postgres_log import PostgresLog

    end = PostgresLog.end_turn

    def ends(log: PostgresLog, connection: Any, **_: bool) -> None:
        end(log, connection, confirmed=False)
        raise SystemExit

    with patch.context() as here:
        here.setattr(PostgresLog, "end_turn", ends)
        with pytest.raises(SystemExit):
            store.decide(PAID)


class TestWhatFailedHasNotHappened:
    """Of a write that fails nothing has happened, and everybody who waited for it is told."""

    def test_it_is_told_and_tried_again_it_happens_once(
        self, listed: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        listed.rent()
        before, offer = listed.store.market, listed.offer(2, 1)
        is_full(listed.store._log, monkeypatch)
        body = {"image": "x", "disk": 10, "price": None}
        for _ in range(50):
            told = listed.ask("ann", "PUT", f"/asks/{offer}/", body, status=503)
            assert told["error"] == "not_stored"
            assert "full" in told["msg"]
            assert listed.store.market == before
        listed.ask("ben", "GET", "/users/current", status=503)
        assert listed.ask("ann", "GET", "/users/current")["id"] == "ann"  # nothing to write
        monkeypatch.undo()
        listed.rent(offer=offer)
        assert listed.ask("ann", "GET", "/api/v1/instances/")["total_instances"] == 2
        before = listed.store.market
        listed.restart()
        assert listed.store.market == before

    def test_everybody_who_waited_is_told(
        self, listed: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = listed.store
        listed.rent()
        before = store.market
        is_full(store._log, monkeypatch)
        assert asyncio.run(self.all_at_once(store)) == 40
        assert store.market == before
        monkeypatch.undo()
        assert asyncio.run(self.all_at_once(store)) == 0
        paid = store.market
        assert paid.account(ANN).ledger.amount == before.account(ANN).ledger.amount + Money(40)
        is_full(store._log, monkeypatch)
        assert asyncio.run(self.all_at_once(store)) == 40
        monkeypatch.undo()
        assert store.market == paid
        listed.restart()
        assert listed.store.market == paid

    async def all_at_once(self, store: Store) -> int:
        """Pay in 40 times at once; return how many were told that it failed."""
        answers = await asyncio.gather(*(store.do(PAID) for _ in range(40)), return_exceptions=True)
        return sum(isinstance(answer, NotStored) for answer in answers)

    def test_an_instance_that_was_destroyed_is_back(
        self, listed: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        number = ContractId(listed.rent())
        is_full(listed.store._log, monkeypatch)
        listed.ask("ann", "DELETE", f"/instances/{number}/", status=503)
        assert number not in listed.store.archive
        assert listed.store.market.living(number).exists

    def test_a_disk_that_fails_after_it_stored_has_stored(
        self, listed: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        listed.ask("ben", "GET", "/users/current")
        fails_once_it_has_kept(listed.store._log, monkeypatch, blind=False)
        number = listed.rent("ben")
        before = listed.store.market
        listed.restart()
        assert listed.store.market == before
        assert listed.store.market.living(ContractId(number)).exists

    def test_what_nobody_could_see_the_end_of_is_told_to_who_asks_again(
        self, listed: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        offer, body = listed.offer(), {"disk": 8}
        listed.headers["Idempotency-Key"] = "order"
        fails_once_it_has_kept(listed.store._log, monkeypatch, blind=True)
        told = listed.ask("ben", "PUT", f"/asks/{offer}/", body, status=504)
        assert told["error"] == "not_known"
        assert "ask again with the same Idempotency-Key" in told["msg"]
        sees(listed.store._log, monkeypatch)
        number = listed.ask("ben", "PUT", f"/asks/{offer}/", body)["new_contract"]
        listed.headers.clear()
        listed.rent("ann", listed.offer(nth=1))
        before = listed.store.market
        assert before.accounts.keys() == {HOST, "ben", "ann"}
        assert before.living(ContractId(number)).contract.client == "ben"
        listed.restart()
        assert listed.store.market == before

    def test_a_write_that_could_not_even_be_undone_is_undone_first(self, listed: Desk) -> None:
        listed.store._log.run("BEGIN")
        listed.rent()
        before = listed.store.market
        listed.restart()
        assert listed.store.market == before

    def test_a_request_at_fault_fails_alone(self, listed: Desk) -> None:
        """As by a mistake of the service: the others of its batch go on."""

        def mistaken(_: Sequence[Event]) -> Any:
            raise ZeroDivisionError

        async def three() -> list[Any]:
            asked = (PAID, mistaken, PAID)
            each = [listed.store.do(command) for command in asked]
            return await asyncio.gather(*each, return_exceptions=True)

        before = listed.store.market.version
        first, second, third = asyncio.run(three())
        assert isinstance(second, ZeroDivisionError)
        assert len(first.events) == len(third.events) == 1
        assert listed.store.market.version == before + 2

    def test_a_request_at_fault_is_none_of_those_who_came_later(self, listed: Desk) -> None:
        store = listed.store

        async def both() -> None:
            loop, others = asyncio.get_running_loop(), list[asyncio.Task[Reply]]()

            def at_fault(_market: Market, _at: datetime) -> list[AddCredit]:
                asked = threading.Event()

                def ask() -> None:
                    others.append(loop.create_task(store.do(PAID)))
                    loop.call_soon(loop.call_soon, asked.set)  # once it waits

                loop.call_soon_threadsafe(ask)
                assert asked.wait(10)
                raise ZeroDivisionError

            with pytest.raises(ZeroDivisionError):
                await store.do(means=at_fault)
            assert len((await others[0]).events) == 1

        asyncio.run(both())

    def test_who_comes_after_a_fault_of_the_service_is_served(
        self, listed: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without a thread nothing has happened; without a checkpoint everything has."""
        store, run, tried = listed.store, listed.store._run, list[str]()

        async def no_thread(work: Any, waiting: Any) -> Any:
            if not tried:
                tried.append("thread")
                raise RuntimeError("can't start new thread")
            return await run(work, waiting)

        def no_checkpoint() -> Any:
            tried.append("checkpoint")
            raise MemoryError

        async def each() -> list[Any]:
            asked = [store.do(PAID), store.do(PAID)]
            return await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 10)

        monkeypatch.setattr(store_module, "MANY", 1)
        monkeypatch.setattr(store, "_run", no_thread)
        monkeypatch.setattr(store._writer, "checkpoint", no_checkpoint)
        before = store.market.version
        assert [str(told) for told in asyncio.run(each())] == ["can't start new thread"] * 2
        assert store.market.version == before
        assert [len(told.events) for told in asyncio.run(each())] == [1, 1]
        assert store.market.version == before + 2
        assert tried == ["thread", "checkpoint"]

    def test_whoever_hangs_up_leaves_the_write_to_the_others(self, listed: Desk) -> None:
        store = listed.store

        async def one_hangs_up() -> None:
            first = asyncio.ensure_future(store.do(PAID))
            second = asyncio.ensure_future(store.do(PAID))
            await asyncio.sleep(0)
            first.cancel()
            await second

        asyncio.run(one_hangs_up())
        before = store.market
        listed.restart()
        assert listed.store.market == before

    def test_the_end_waits_for_what_is_being_written(
        self, listed: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store, append = listed.store, listed.store._log.append
        ended: list[str] = []

        def slow(expected: int, entries: Sequence[Entry]) -> None:
            append(expected, entries)
            ended.append("write")

        monkeypatch.setattr(store._log, "append", slow)

        async def ends() -> None:
            asking = asyncio.ensure_future(store.do(PAID))
            await asyncio.sleep(0)
            asking.cancel()
            await store.end()
            ended.append("end")

        asyncio.run(ends())
        assert ended == ["write", "end"]
        listed.open()


class TestARequestThatIsRepeated:
    """Issue: "A command id makes a repeated request give its first answer, also after a crash"."""

    def rent(self, desk: Desk, key: str, offer: int, number: str, status: int = 200) -> Any:
        """Rent with a key of idempotency."""
        desk.headers = {"Idempotency-Key": number} if number else {}
        return desk.ask(key, "PUT", f"/asks/{offer}/", {"disk": 8}, status)

    def test_it_gives_its_first_answer(self, listed: Desk) -> None:
        offer = listed.offer()
        first = self.rent(listed, "ann", offer, "order 7")
        before = listed.store.market
        assert self.rent(listed, "ann", offer, "order 7") == first
        listed.restart()
        assert self.rent(listed, "ann", offer, "order 7") == first
        assert listed.store.market == before
        assert "error" in self.rent(listed, "ann", offer, "", status=410)

    def test_also_if_it_means_nothing_by_now(self, listed: Desk) -> None:
        number = listed.rent()
        listed.headers = {"Idempotency-Key": "gone"}
        first = listed.ask("ann", "DELETE", f"/instances/{number}/")
        assert listed.ask("ann", "DELETE", f"/instances/{number}/") == first
        listed.headers = {}
        listed.ask("ann", "DELETE", f"/instances/{number}/", status=404)

    def test_each_account_has_its_own(self, listed: Desk) -> None:
        offers = [listed.offer(2, place) for place in (0, 1)]
        self.rent(listed, "ann", offers[0], "1")
        self.rent(listed, "ben", offers[1], "1")
        assert len(listed.store.market.homes) == 2

    def test_a_refusal_is_no_answer_to_keep(self, listed: Desk) -> None:
        offer = listed.offer()
        self.rent(listed, "ann", 999_999, "1", status=404)
        self.rent(listed, "ann", offer, "1")

    def test_an_id_that_is_none_is_not_looked_for(self, listed: Desk) -> None:
        with pytest.raises(RuleViolation, match="command_id"):
            listed.store.reply("a\x00b order 7")

    def test_a_key_that_is_none(self, listed: Desk) -> None:
        told = self.rent(listed, "ann", listed.offer(), "x" * 300, status=400)
        assert told["msg"].startswith("Idempotency-Key: need 1 to 128 printable characters")
