"""The example service's file: what it keeps, and what it takes back."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from examples.marketplace.commands import instances_load_at_once
from examples.marketplace.store import MANY, Store
from marketplace import HOST, Desk
from numgenius_core.errors import UnknownId
from numgenius_core.ids import AccountId, ContractId, OfferId
from numgenius_core.listing import Mode
from numgenius_core.market import replay
from numgenius_core.market.commands import AddCredit, Label, Rent
from numgenius_core.money import Money


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

    def test_a_snapshot_is_the_market_that_the_events_give(self, listed: Desk) -> None:
        number = listed.rent()
        for label in range(MANY):
            name = Label(by=AccountId("ann"), contract=ContractId(number), label=str(label))
            listed.store.decide(name)
        asyncio.run(listed.store.saved())
        before = listed.store.market
        for _ in range(3):
            listed.restart()
            assert listed.store.market == before
        listed.store.close()
        with closing(sqlite3.connect(listed.path)) as file:
            assert file.execute("SELECT count(*) FROM snapshots").fetchone() == (1,)
        listed.open()
        assert replay(event for _, event in listed.store.events()) == before

    def test_the_events_of_a_command_stand_together(self, listed: Desk) -> None:
        listed.rent()
        listed.store.close()
        with closing(sqlite3.connect(listed.path)) as file:
            rows = file.execute("SELECT command, event FROM events ORDER BY number").fetchall()
        listed.open()
        names: dict[int, list[str]] = {}
        for command, text in rows:
            names.setdefault(command, []).append(json.loads(text)["type"])
        together = list(names.values())
        assert together[0] == ["SettingsSet", "MachineAdded", "MachineAdded"]
        assert together[-1] == ["ContractCreated", "InstanceLoaded"]

    def test_the_disk_has_to_confirm_unless_told_otherwise(self, tmp_path: Path) -> None:
        for durable, level in ((True, 2), (False, 0)):
            store = Store(str(tmp_path / str(durable)), durable=durable)
            assert store._file.execute("PRAGMA synchronous").fetchone() == (level,)
            assert store._file.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            store.close()

    def test_a_second_process_is_refused(
        self, listed: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, timeout=0.1))
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            Store(str(listed.path))

    def test_several_commands_are_all_or_nothing(self, listed: Desk) -> None:
        ann = AccountId("ann")
        good = AddCredit(account=ann, amount=Money(1))
        bad = Rent(by=ann, offer=OfferId(1), mode=Mode.ON_DEMAND)
        before = listed.store.market
        with pytest.raises(UnknownId):
            listed.store.decide(good, bad)
        assert listed.store.market is before

    def test_many_wait_for_one_write(self, listed: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        store, write = listed.store, listed.store._write
        writes: list[int] = []

        def counted(rows: Any, told: Any) -> None:
            writes.append(len(rows))
            write(rows, told)

        monkeypatch.setattr(store, "_write", counted)
        paid = AddCredit(account=AccountId("ann"), amount=Money(1))

        async def all_at_once() -> None:
            await asyncio.gather(*(store.do(paid) for _ in range(100)))

        asyncio.run(all_at_once())
        assert writes == [100]  # all that were decided before the disk was reached
        before = store.market
        listed.restart()
        assert listed.store.market == before

    def test_only_whole_reactions_follow(self, listed: Desk) -> None:
        offer = OfferId(listed.offer())
        rent = Rent(by=AccountId("ann"), offer=offer, mode=Mode.ON_DEMAND)
        events = listed.store.decide(rent)
        assert [type(event).__name__ for event in events] == ["ContractCreated", "InstanceLoaded"]
        assert list(instances_load_at_once(listed.store.market, events[1])) == []


def full(_rows: object, _told: object) -> None:
    raise sqlite3.OperationalError("database or disk is full")


ANN = AccountId("ann")
PAID = AddCredit(account=ANN, amount=Money(1))


class TestWhatFailedHasNotHappened:
    """A write that fails takes back all that was decided since the last one; everybody is told."""

    def test_it_is_told_and_tried_again_it_happens_once(
        self, listed: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        listed.rent()
        before, offer = listed.store.market, listed.offer(2, 1)
        write = listed.store._write
        monkeypatch.setattr(listed.store, "_write", full)
        body = {"image": "x", "disk": 10, "price": None}
        for _ in range(50):
            told = listed.ask("ann", "PUT", f"/asks/{offer}/", body, status=503)
            assert told["error"] == "not_stored"
            assert "full" in told["msg"]
            assert listed.store.market == before
        listed.ask("ben", "GET", "/users/current", status=503)
        assert listed.ask("ann", "GET", "/users/current")["id"] == "ann"  # nothing to write
        monkeypatch.setattr(listed.store, "_write", write)
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
        before, write = store.market, store._write
        fails = iter([True, False, True])

        def sometimes(rows: Any, told: Any) -> None:
            (full if next(fails) else write)(rows, told)

        monkeypatch.setattr(store, "_write", sometimes)
        assert asyncio.run(self.all_at_once(store)) == 40
        assert store.market == before
        assert asyncio.run(self.all_at_once(store)) == 0
        paid = store.market
        assert paid.account(ANN).ledger.amount == before.account(ANN).ledger.amount + Money(40)
        assert asyncio.run(self.all_at_once(store)) == 40
        assert store.market == paid
        monkeypatch.setattr(store, "_write", write)
        listed.restart()
        assert listed.store.market == paid

    async def all_at_once(self, store: Store) -> int:
        """Pay in 40 times at once; return how many were told that it failed."""
        answers = await asyncio.gather(*(store.do(PAID) for _ in range(40)), return_exceptions=True)
        return sum(isinstance(answer, sqlite3.Error) for answer in answers)

    def test_what_was_decided_meanwhile_fails_with_it(
        self, listed: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store, before = listed.store, listed.store.market
        meanwhile: list[asyncio.Task[Any]] = []

        async def two() -> list[Any]:
            loop = asyncio.get_running_loop()

            def slow(_rows: object, _told: object) -> None:
                loop.call_soon_threadsafe(
                    lambda: meanwhile.append(loop.create_task(store.do(PAID)))
                )
                while not meanwhile or store.market.version < before.version + 2:
                    pass
                full(_rows, _told)

            monkeypatch.setattr(store, "_write", slow)
            first = await asyncio.gather(store.do(PAID), return_exceptions=True)
            return [*first, *await asyncio.gather(*meanwhile, return_exceptions=True)]

        answers = asyncio.run(two())
        assert [type(each) for each in answers] == [sqlite3.OperationalError] * 2
        assert store.market == before

    def test_an_instance_that_was_destroyed_is_back(
        self, listed: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        number = ContractId(listed.rent())
        monkeypatch.setattr(listed.store, "_write", full)
        listed.ask("ann", "DELETE", f"/instances/{number}/", status=503)
        assert number not in listed.store.archive
        assert listed.store.market.living(number).exists

    def test_a_disk_that_fails_after_it_stored_has_stored(
        self, listed: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write = listed.store._write

        def lost(rows: Any, told: Any) -> None:
            write(rows, told)
            raise sqlite3.OperationalError("disk I/O error")

        monkeypatch.setattr(listed.store, "_write", lost)
        number = listed.rent("ben")
        before = listed.store.market
        listed.restart()
        assert listed.store.market == before
        assert listed.store.market.living(ContractId(number)).exists

    def test_what_nobody_could_see_the_end_of_is_undone_by_the_next_write(
        self, listed: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write, offer = listed.store._write, listed.offer()

        def lost(rows: Any, told: Any) -> None:
            write(rows, told)
            raise sqlite3.OperationalError("disk I/O error")

        monkeypatch.setattr(listed.store, "_write", lost)
        monkeypatch.setattr(listed.store, "_is_there", lambda _row: False)
        listed.ask("ben", "PUT", f"/asks/{offer}/", {"disk": 8}, status=503)
        monkeypatch.setattr(listed.store, "_write", write)
        listed.rent("ann")
        before = listed.store.market
        assert set(before.accounts) == {HOST, "ann"}
        listed.restart()
        assert listed.store.market == before

    def test_a_write_that_could_not_even_be_undone_is_undone_first(self, listed: Desk) -> None:
        listed.store._file.execute("BEGIN")
        listed.rent()
        before = listed.store.market
        listed.restart()
        assert listed.store.market == before

    def test_a_payment_that_is_not_stored_yet_is_not_shown(self, listed: Desk) -> None:
        asyncio.run(listed.store.do(PAID))
        listed.store.decide(PAID)
        listed.store._write(listed.store._unsaved, [])  # on disk, but nobody knows it yet
        before = len(listed.store.payments(ANN))
        asyncio.run(listed.store.saved())
        assert len(listed.store.payments(ANN)) == before + 1

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
        store, write = listed.store, listed.store._write
        ended: list[str] = []

        def slow(rows: Any, told: Any) -> None:
            write(rows, told)
            ended.append("write")

        monkeypatch.setattr(store, "_write", slow)

        async def ends() -> None:
            asking = asyncio.ensure_future(store.do(PAID))
            await asyncio.sleep(0)
            asking.cancel()
            await store.end()
            ended.append("end")

        asyncio.run(ends())
        assert ended == ["write", "end"]
        listed.open()

    def test_who_comes_late_to_a_failure_is_told_too(self, listed: Desk) -> None:
        store = listed.store
        listed.rent()

        async def late() -> Any:
            write = store._writing = asyncio.get_running_loop().create_future()
            asking = asyncio.ensure_future(store.do(PAID))
            await asyncio.sleep(0)
            store._take_back()  # a later write failed before this one was noticed to be done
            store._writing = None
            write.set_result(None)
            return await asyncio.gather(asking, store.do(PAID), return_exceptions=True)

        first, second = asyncio.run(late())
        assert isinstance(first, sqlite3.OperationalError)
        assert isinstance(second, tuple)
