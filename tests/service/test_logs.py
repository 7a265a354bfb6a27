"""The logs of the example service: on SQLite, and on PostgreSQL where it is installed."""

from __future__ import annotations

import random
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from disks import fails_once_it_has_kept, is_full, sees
from examples.marketplace.sql_log import SCHEMA, InDoubt, SqlLog
from examples.marketplace.sqlite_log import SqliteLog
from log_checks import LAWS, furnished, paid, rent
from market_world import ANN, BOB, HOST, START, second
from numgenius_core.errors import Conflict, NumgeniusError, ParseError, RuleViolation
from numgenius_core.ids import AccountId
from numgenius_core.market import Market, commands as c, find_events, replay, views
from numgenius_core.market.events import ContractCreated, CreditAdded
from numgenius_core.market.journal import event_to_json, market_to_json
from numgenius_core.market.logs import Entry, Transaction, Writer
from numgenius_core.money import Money
from numgenius_core.testing import Law
from postgres import new_database

Opens = Callable[[], SqlLog]


@pytest.fixture(params=["sqlite", "postgres"])
def opens(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opens]:
    """Give what opens one new log, again and again."""
    opened: list[SqlLog] = []
    if request.param == "sqlite":

        def make() -> SqlLog:
            return SqliteLog(str(tmp_path / "market.db"), durable=False)
    else:
        from examples.marketplace.postgres_log import PostgresLog

        own = new_database(request.getfixturevalue("database"))

        def make() -> SqlLog:
            return PostgresLog(own, durable=False)

    def open_one() -> SqlLog:
        opened.append(make())
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


class TestEveryLog:
    """What a writer builds on."""

    @pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
    def test_it_holds(self, opens: Opens, law: Law) -> None:
        assert law.check(lambda: opens) is None


class TestWorkers:
    """Issue: "no GPU sold twice, no number twice, replay = every worker's state"."""

    def test_four_that_write_at_once(self, opens: Opens) -> None:
        furnished(opens())
        sold: list[int] = []
        writers = [Writer(opens()) for _ in range(4)]

        def work(number: int) -> None:
            writer = writers[number]
            for turn in range(5):
                pay = c.AddCredit(account=BOB, amount=Money(1))
                writer.execute(pay, at=second(1), command_id=f"{number} {turn}")
                with suppress(NumgeniusError):
                    sold.extend(rent(writer, f"rent {number} {turn}"))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        log = opens()
        market = replay(log.read())
        assert all(writer.catch_up() == market for writer in writers)
        assert [each.contract.id for each in find_events(log.read(), ContractCreated)] == sold
        assert len(sold) == 1
        assert market.account(BOB).ledger.at(second(1)) == Money(120)

    @pytest.mark.parametrize("events", [0, 1])
    def test_two_that_are_asked_the_same_at_once_give_one_answer(
        self, opens: Opens, events: int
    ) -> None:
        """Also where nothing happened, so that no number of an event is taken twice."""
        both, told, logs = threading.Barrier(2, timeout=0.5), list[Any](), [opens(), opens()]

        def work(name: str, log: SqlLog) -> None:
            def tell(_: Market, __: Any) -> str:
                with suppress(threading.BrokenBarrierError):
                    both.wait()  # both have looked for the id; who takes turns waits in vain
                return name

            commands = [c.AddCredit(account=ANN, amount=Money(1))][:events]
            wanted = Transaction(commands=commands, command_id="ann 7", tell=tell)
            told.extend(Writer(log).execute_all([wanted], at=START))

        threads = [
            threading.Thread(target=work, args=each)
            for each in zip(("first", "second"), logs, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [opens().reply("ann 7")] * 2 == told
        assert opens().version == events

    def test_an_id_that_is_there_is_a_conflict(self, opens: Opens) -> None:
        log = opens()
        log.append(0, [Entry(events=[], command_id="x", text="first")])
        with pytest.raises(Conflict) as caught:
            opens().append(0, [Entry(events=[paid(1)], command_id="x", text="second")])
        assert (caught.value.found, caught.value.command_id) == (0, "x")

    def test_who_takes_no_turn_conflicts_all_the_same(
        self, opens: Opens, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one, two = opens(), opens()
        versions = iter([0])
        monkeypatch.setattr(type(one), "version", property(lambda _: next(versions, 1)))
        two_appends = Entry(events=[paid(2)])
        one.insert(
            "INSERT INTO events VALUES (?, ?, ?, ?)",
            [(1, "CreditAdded", ANN, event_to_json(paid(1)))],
        )
        with pytest.raises((Conflict, sqlite3.IntegrityError)):
            two.append(0, [two_appends])
        assert list(one.read()) == [paid(1)]


class TestEntriesThatContradictEachOther:
    """They are no conflict, after which they would be appended again and again."""

    def test_an_id_twice(self, opens: Opens) -> None:
        log = opens()
        twice = [Entry(events=[paid(1)], command_id="x"), Entry(events=[], command_id="x")]
        with pytest.raises(log.errors, match=r"(?i)unique"):
            log.append(0, twice)
        assert (log.version, log.reply("x")) == (0, None)


class TestAServerThatCrashed:
    """What it had not confirmed may be gone, to nobody's loss: writers begin anew."""

    def test_the_writer_begins_anew(self, database: str) -> None:
        from examples.marketplace.postgres_log import PostgresLog

        where = new_database(database)
        log, other = PostgresLog(where), PostgresLog(where)
        writer = furnished(log)
        rent(writer)
        ((backend,),) = log.rows("SELECT pg_backend_pid()")
        list(other.rows("SELECT pg_terminate_backend(?)", (backend,)))
        other.insert("DELETE FROM events WHERE number > ?", [(3,)])
        other.append(3, [Entry(events=[])])
        with suppress(log.errors):
            writer.catch_up()  # which notices that the connection is gone
        assert writer.catch_up() == replay(other.read())
        assert writer.market.version == 3
        pay = c.AddCredit(account=ANN, amount=Money(1))
        assert writer.execute(pay, at=second(9))
        assert other.version == 4
        log.close()
        other.close()


class TestWhatIsConfirmed:
    """Nobody is told of anything that the disk has not confirmed."""

    @pytest.mark.parametrize("durable", [True, False])
    def test_after_each_turn_in_which_something_was_seen(
        self, database: str, durable: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from examples.marketplace.postgres_log import PostgresLog

        where = new_database(database)
        log, other = PostgresLog(where, durable=durable), PostgresLog(where)
        end, count = PostgresLog.end_turn, [0]

        def counted(each: PostgresLog, connection: Any, *, confirmed: bool) -> None:
            if each is log:
                count[0] += confirmed
            end(each, connection, confirmed=confirmed)

        writer = Writer(log)
        monkeypatch.setattr(PostgresLog, "end_turn", counted)
        pay = c.AddCredit(account=ANN, amount=Money(1))
        writer.execute(pay, at=second(1))
        assert count == [durable]
        Writer(other).execute(pay, at=second(2))
        writer.execute(at=second(3))  # which sees what the other wrote
        assert count == [2 * durable]
        writer.execute(at=second(3))  # and now nothing new
        assert count == [2 * durable]
        log.close()
        other.close()

    def test_an_answer_of_another_is_confirmed_too(
        self, database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from examples.marketplace.postgres_log import PostgresLog

        where = new_database(database)
        log, other = PostgresLog(where), PostgresLog(where)
        told: list[bool] = []
        end = PostgresLog.end_turn

        def noted(each: PostgresLog, connection: Any, *, confirmed: bool) -> None:
            told.append(confirmed)
            end(each, connection, confirmed=confirmed)

        one, two = Writer(log), Writer(other)
        one.execute(at=START, command_id="nothing happened")
        two.execute(at=START)
        monkeypatch.setattr(PostgresLog, "end_turn", noted)
        two.execute(at=START, command_id="nothing happened")
        assert told == [True]
        log.close()
        other.close()

    def test_a_checkpoint_is_whole_though_the_one_before_it_was_lost(self, database: str) -> None:
        from examples.marketplace.postgres_log import PostgresLog

        where = new_database(database)
        log, other = PostgresLog(where), PostgresLog(where)
        writer = furnished(log)
        for key in ("one", "two"):
            (number,) = rent(writer, key)
            writer.execute(c.Destroy(by=ANN, contract=number), at=second(5))
        writer.checkpoint()
        other.run("DELETE FROM checkpoints")
        other.run("DELETE FROM instances")
        ((backend,),) = log.rows("SELECT pg_backend_pid()")
        list(other.rows("SELECT pg_terminate_backend(?)", (backend,)))
        for _ in range(2):  # the first one notices that the connection is gone
            with suppress(log.errors):
                writer.checkpoint()
        kept = other.checkpoint()
        assert kept is not None
        assert kept.instances == writer.instances
        assert len(kept.instances) == 2
        log.close()
        other.close()

    def test_it_is_on_the_disk_when_the_turn_has_ended(
        self, database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from examples.marketplace.postgres_log import PostgresLog

        where = new_database(database)
        log, other = PostgresLog(where), PostgresLog(where)
        written: list[str] = []
        end = PostgresLog.end_turn

        def noted(each: PostgresLog, connection: Any, *, confirmed: bool) -> None:
            ((place,),) = other.rows("SELECT pg_current_wal_insert_lsn()")
            written.append(place)
            end(each, connection, confirmed=confirmed)

        writer = Writer(log)
        monkeypatch.setattr(PostgresLog, "end_turn", noted)
        for number in range(5):
            writer.execute(pay_in(ANN), at=second(number))
            kept = other.rows("SELECT pg_current_wal_flush_lsn() >= ?::pg_lsn", written[-1:])
            assert list(kept) == [(True,)]
        log.close()
        other.close()


class TestTurns:
    """A turn on PostgreSQL begins with what others wrote, and is three trips to the server."""

    @pytest.mark.parametrize("at_once", [1, 2, 5, 1_000])
    def test_whatever_others_wrote(
        self, database: str, at_once: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from examples.marketplace import postgres_log

        monkeypatch.setattr(postgres_log, "AT_ONCE", at_once)
        where = new_database(database)
        logs = [postgres_log.PostgresLog(where, durable=False) for _ in range(3)]
        dice = random.Random(at_once)
        writers = [Writer(each) for each in logs]
        for number in range(60):
            writer = dice.choice(writers)
            pays = [pay_in(ANN)] * dice.choice((0, 1, 1, 3, 7))
            if dice.random() < 0.2:  # somebody who takes no turn
                there = logs[2].version
                logs[2].append(there, [Entry(events=[paid(number + 1)])])
            writer.execute(*pays, at=START, command_id=dice.choice((None, f"{number}")))
            assert writer.market == replay(logs[2].read())
        for each in logs:
            each.close()

    def test_who_takes_none_is_noticed(self, database: str) -> None:
        from examples.marketplace.postgres_log import PostgresLog

        where = new_database(database)
        log, other = PostgresLog(where, durable=False), PostgresLog(where, durable=False)
        furnished(log)
        there = log.version
        with log.turn():
            assert log.version == there
            assert list(log.read(there)) == []
            other.append(there, [Entry(events=[paid(1), paid(2)])])
            with pytest.raises(Conflict) as caught:
                log.append(there, [Entry(events=[paid(3)])])
            assert (caught.value.expected, caught.value.found) == (there, there + 2)
            assert list(log.read(there)) == [paid(1), paid(2)]
            assert log.version == there + 2
        for fails in (False, True):
            there = log.version
            with suppress(ZeroDivisionError), log.turn():
                assert log.version == there
                if fails:
                    raise ZeroDivisionError
            other.append(there, [Entry(events=[paid(4)])])
            assert log.version == there + 1  # what a turn found is forgotten with it
        log.close()
        other.close()

    def test_who_writes_the_same_number_at_once_is_in_conflict(self, database: str) -> None:
        from examples.marketplace.postgres_log import PostgresLog

        where = new_database(database)
        log, other = PostgresLog(where, durable=False), PostgresLog(where, durable=False)
        row = (1, "CreditAdded", ANN, event_to_json(paid(1)))
        caught: list[Conflict] = []

        def append() -> None:
            try:
                log.append(0, [Entry(events=[paid(2)])])
            except Conflict as conflict:
                caught.append(conflict)

        with other.transaction():
            other.insert("INSERT INTO events VALUES (?, ?, ?, ?)", [row])
            thread = threading.Thread(target=append)
            thread.start()
            thread.join(0.3)
            assert thread.is_alive()  # until it is certain which of them is kept
        thread.join(10)
        assert [(each.expected, each.found) for each in caught] == [(0, 1)]
        assert list(log.read()) == [paid(1)]
        log.close()
        other.close()

    def test_those_that_begin_at_once_make_the_tables_once(self, database: str) -> None:
        from examples.marketplace.postgres_log import PostgresLog

        for _ in range(5):
            where = new_database(database)
            begin, made = threading.Barrier(4), list[PostgresLog]()

            def opened(where: str = where, begin: Any = begin, made: Any = made) -> None:
                begin.wait(10)
                made.append(PostgresLog(where))

            threads = [threading.Thread(target=opened) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(10)
            assert [each.version for each in made] == [0] * 4
            for each in made:
                each.close()

    def test_trips(self, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
        from examples.marketplace.postgres_log import PostgresLog

        where = new_database(database)
        log, other = PostgresLog(where), PostgresLog(where)
        writer, second_writer = furnished(log), Writer(other)
        asked: list[str] = []
        execute = type(log._connection).execute

        def noted(connection: Any, query: Any, *words: Any, **more: Any) -> Any:
            asked.append(query)
            return execute(connection, query, *words, **more)

        second_writer.execute(pay_in(BOB), at=START)
        monkeypatch.setattr(type(log._connection), "execute", noted)
        writer.execute(pay_in(ANN), at=START)
        assert len(asked) == 3, asked
        assert writer.market == replay(other.read())
        log.close()
        other.close()

    @pytest.mark.parametrize("raises", [False, True])
    def test_a_turn_whose_end_fails_lets_others_begin(
        self, database: str, raises: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from examples.marketplace import postgres_log

        where = new_database(database)
        log, other = postgres_log.PostgresLog(where), postgres_log.PostgresLog(where)
        writer = furnished(log)
        end = postgres_log.END_TURN
        monkeypatch.setattr(postgres_log, "END_TURN", f"SELECT 1 / 0; {end}")

        def one_turn() -> None:
            with log.turn():
                log.append(writer.market.version, [Entry(events=[paid(1)])])
                if raises:
                    raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError if raises else InDoubt):
            one_turn()
        monkeypatch.undo()
        other.run("SET lock_timeout = '5s'")
        assert Writer(other).execute(pay_in(BOB), at=START)
        assert writer.execute(pay_in(ANN), at=START)
        assert writer.market == replay(other.read())
        log.close()
        other.close()

    def test_nobody_waits_for_ever(self, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
        from examples.marketplace import postgres_log

        where = new_database(database)
        log = postgres_log.PostgresLog(where)
        session = postgres_log.SESSION.replace("60s", "100ms")
        assert session != postgres_log.SESSION
        monkeypatch.setattr(postgres_log, "SESSION", session)
        other = postgres_log.PostgresLog(where)
        with log.turn(), pytest.raises(other.errors, match="lock timeout"):
            Writer(other).execute(pay_in(BOB), at=START)
        assert Writer(other).execute(pay_in(BOB), at=START)
        log.close()
        other.close()

    def test_a_connection_that_cannot_be_set_up_is_none(
        self, database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from examples.marketplace import postgres_log

        where = new_database(database)
        log = postgres_log.PostgresLog(where)
        writer, before = furnished(log), log.epoch
        log._connection.close()
        with monkeypatch.context() as here:
            here.setattr(postgres_log, "SESSION", "SELECT 1 / 0")
            with pytest.raises(log.errors, match="division by zero"):
                log.run("SELECT 1")
        assert list(log.rows("SHOW synchronous_commit")) == [("off",)]
        assert log.epoch > before
        assert writer.execute(pay_in(ANN), at=START)
        log.close()

    def test_an_encoding_that_lacks_letters(self, database: str) -> None:
        import psycopg

        from examples.marketplace.postgres_log import PostgresLog

        name = f"ascii_{id(self)}"
        with psycopg.connect(database, autocommit=True) as connection:
            made = f"CREATE DATABASE {name} ENCODING SQL_ASCII LOCALE 'C' TEMPLATE template0"
            connection.execute(made)
        with pytest.raises(ParseError, match="UTF8"):
            PostgresLog(database.replace("/postgres?", f"/{name}?"))

    def test_a_turn_that_fails_lets_others_begin(
        self, database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from examples.marketplace import postgres_log

        where = new_database(database)
        log, other = postgres_log.PostgresLog(where), postgres_log.PostgresLog(where)
        writer = furnished(log)
        begin = postgres_log.BEGIN_TURN
        monkeypatch.setattr(postgres_log, "BEGIN_TURN", f"{begin}; SELECT 1 / 0")
        with pytest.raises(log.errors, match="division by zero"):
            writer.execute(pay_in(ANN), at=START)
        monkeypatch.undo()
        other.run("SET lock_timeout = '5s'")
        assert Writer(other).execute(pay_in(BOB), at=START)
        assert writer.execute(pay_in(ANN), at=START)
        assert writer.market == replay(other.read())
        log.close()
        other.close()


class TestPages:
    """What pages ask for is found by index."""

    def test_events_of_a_kind_and_an_account(self, opens: Opens) -> None:
        log = opens()
        writer = furnished(log)
        assert [n for n, _ in log.happened(CreditAdded)] == [1, 2]
        ((number, event),) = log.happened(CreditAdded, BOB)
        assert (number, event.account) == (2, BOB)
        assert log.happened(ContractCreated) == []
        rent(writer)
        assert [e.contract.client for _, e in log.happened(ContractCreated)] == [ANN]

    def test_no_page_looks_at_every_event(self, tmp_path: Path) -> None:
        log = SqliteLog(str(tmp_path / "market.db"))
        asked: list[str] = []
        rows = log.rows

        def explained(statement: str, values: Any = ()) -> Iterator[Any]:
            plan = [row[3] for row in rows(f"EXPLAIN QUERY PLAN {statement}", values)]
            asked.extend(plan)
            return rows(statement, values)

        log.rows = explained  # type: ignore[method-assign]  # to listen
        log.happened(CreditAdded)
        log.happened(CreditAdded, ANN)
        log.outbox(ANN, 0, 10)
        log.reply("x")
        assert log.version == 0
        assert len(asked) >= 5
        assert not [step for step in asked if step.startswith("SCAN")]
        log.close()

    def test_the_outbox_is_what_each_must_be_told(self, opens: Opens) -> None:
        log = opens()
        writer = Writer(furnished(log).log, notify=True)
        before = writer.market
        rent(writer)
        writer.execute(c.ReportOffline(machine=1), at=second(5))
        events = list(log.read(before.version))
        told = views.notifications(before, events)
        for account in (ANN, HOST, BOB):
            right = [each.event for each in told if each.recipient == account]
            assert [event for _, event in log.outbox(account, 0, 100)] == right
        last, event = log.outbox(ANN, 0, 100)[-1]
        assert log.outbox(ANN, last - 1, 100) == [(last, event)]
        assert log.outbox(ANN, last, 100) == []
        assert len(log.outbox(HOST, 0, 1)) == 1


class TestStarts:
    """From the latest checkpoint; what is damaged names its row."""

    def test_old_checkpoints_go(self, opens: Opens) -> None:
        log = opens()
        writer = Writer(log)
        for dollars in range(1, 6):
            writer.execute(c.AddCredit(account=ANN, amount=Money(dollars)), at=second(dollars))
            writer.checkpoint()
            writer.checkpoint()
        kept = [number for (number,) in log.rows("SELECT number FROM checkpoints ORDER BY 1")]
        assert kept == [4, 5]

    def test_a_damaged_checkpoint_is_passed_over(
        self, opens: Opens, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The one before it is read, then the events alone; nothing is lost."""
        log = opens()
        writer = furnished(log)
        rent(writer)
        for dollars in (1, 2):
            writer.execute(c.AddCredit(account=ANN, amount=Money(dollars)), at=second(dollars))
            writer.checkpoint()
        numbers = [number for (number,) in log.rows("SELECT number FROM checkpoints ORDER BY 1")]
        assert len(numbers) == 2
        for damaged, left in ((numbers[1], numbers[0]), (numbers[0], None)):
            change = "UPDATE checkpoints SET market = ? WHERE number = ?"
            log.insert(change, [('{"half', damaged)])
            caplog.clear()
            again = opens()
            kept = again.checkpoint()
            assert (None if kept is None else kept.market.version) == left
            assert f"the checkpoint of {damaged} events is passed over: " in caplog.text
            started = Writer(again)
            assert started.market == writer.market
            assert started.instances == writer.instances
        started.checkpoint()
        kept = opens().checkpoint()
        assert kept is None  # it is kept under the number of the damaged one

    def test_a_damaged_event_names_its_row(self, opens: Opens) -> None:
        log = opens()
        furnished(log)
        log.insert("UPDATE events SET event = ? WHERE number = ?", [('{"half', 3)])
        with pytest.raises(ParseError, match="events, row 3: need an event, got"):
            Writer(opens())
        log.insert("DELETE FROM events WHERE number = ?", [(3,)])
        with pytest.raises(ParseError, match="events, row 3: need an event, got row 4"):
            Writer(opens())

    def test_so_does_one_that_contradicts(self, opens: Opens) -> None:
        log = opens()
        furnished(log)
        twice = "UPDATE events SET event = (SELECT event FROM events WHERE number = 3) WHERE number"
        log.insert(f"{twice} = ?", [(4,)])
        with pytest.raises(RuleViolation, match=r"^events, row 4\.machine\.id: need a new number"):
            Writer(opens())

    def test_tables_of_a_later_version_are_left_alone(self, opens: Opens) -> None:
        log = opens()
        log.insert("UPDATE about SET value = ?", [(SCHEMA + 1,)])
        with pytest.raises(ParseError, match="database: need tables of version 2"):
            opens()
        assert list(log.rows("SELECT value FROM about")) == [(SCHEMA + 1,)]


class TestAFileOfVersionOne:
    """It is brought up to date once, and nothing is lost."""

    def test_all_of_it(self, tmp_path: Path) -> None:
        path = str(tmp_path / "old.db")
        new = SqliteLog(str(tmp_path / "new.db"))
        writer = Writer(furnished(new).log, notify=True)
        rent(writer)
        events = list(new.read())
        old = sqlite3.connect(path)
        old.executescript(
            """CREATE TABLE events (
                number INTEGER PRIMARY KEY, command INTEGER NOT NULL, event TEXT NOT NULL);
            CREATE TABLE snapshots (number INTEGER PRIMARY KEY, market TEXT NOT NULL);
            CREATE TABLE archive (contract INTEGER PRIMARY KEY, instance TEXT NOT NULL);"""
        )
        rows = [(n, n, event_to_json(event)) for n, event in enumerate(events, 1)]
        old.executemany("INSERT INTO events VALUES (?, ?, ?)", rows)
        market = replay(events[:2])
        old.execute("INSERT INTO snapshots VALUES (2, ?)", (market_to_json(market),))
        old.commit()
        old.close()
        for _ in range(2):
            log = SqliteLog(path)
            kept = log.checkpoint()
            assert kept is not None
            assert kept.market == market
            assert list(log.read()) == events
            assert [n for n, _ in log.happened(CreditAdded, BOB)] == [2]
            told = [each for each in views.notifications(Market(), events) if each.recipient == ANN]
            assert [event for _, event in log.outbox(ANN, 0, 99)] == [each.event for each in told]
            assert Writer(log).market == writer.market
            log.close()
        new.close()


class TestBackups:
    """Issue: "online backup"."""

    def test_a_copy_while_it_is_in_use(self, tmp_path: Path) -> None:
        log = SqliteLog(str(tmp_path / "market.db"))
        writer = furnished(log)
        log.backup(str(tmp_path / "copy.db"))
        rent(writer)
        copy = SqliteLog(str(tmp_path / "copy.db"))
        assert list(copy.read()) == list(log.read())[: copy.version]
        assert copy.version < log.version
        log.close()
        copy.close()


def pay_in(account: AccountId) -> c.AddCredit:
    return c.AddCredit(account=account, amount=Money(5))


class TestADiskThatRefuses:
    """What was answered as failed has not happened, and what has happened is no failure."""

    def test_before_it_is_kept(self, opens: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
        log = opens()
        writer = furnished(log)
        before = writer.market

        is_full(log, monkeypatch)
        with pytest.raises(log.errors, match="full"):
            rent(writer, "order")
        monkeypatch.undo()
        assert writer.catch_up() is before
        assert len(rent(writer, "order")) == 1
        assert Writer(opens()).market == writer.market

    def test_what_others_have_built_on_stays(
        self, opens: Opens, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        log, other = opens(), opens()
        one, two = furnished(log), Writer(other)
        fails_once_it_has_kept(log, monkeypatch, blind=True)
        with pytest.raises(InDoubt):
            one.execute(pay_in(ANN), at=second(9), command_id="in doubt")
        two.execute(pay_in(BOB), at=second(9), command_id="acknowledged")
        sees(log, monkeypatch)
        one.execute(pay_in(ANN), at=second(10), command_id="later")
        for key in ("in doubt", "acknowledged", "later"):
            assert other.reply(key) is not None
        assert two.catch_up() == one.market == replay(other.read())

    def test_what_no_disk_has_confirmed_is_in_doubt(
        self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """PostgreSQL shows others what is appended before its disk has it."""
        from examples.marketplace.postgres_log import PostgresLog

        log = PostgresLog(new_database(request.getfixturevalue("database")))
        writer = furnished(log)

        def lost(*_: Any, **__: bool) -> None:
            raise log.errors("the connection is lost")

        monkeypatch.setattr(log, "end_turn", lost)
        with pytest.raises(InDoubt, match="the connection is lost"):
            writer.execute(pay_in(ANN), at=second(9), command_id="in doubt")
        with pytest.raises(log.errors, match="the connection is lost"):
            writer.execute(c.Tick(), at=second(9))  # nothing has happened, for certain
        monkeypatch.undo()
        assert len(writer.execute(pay_in(ANN), at=second(10), command_id="in doubt")) == 1
        assert writer.catch_up() == replay(log.read())
        log.close()

    @pytest.mark.parametrize("blind", [False, True])
    def test_after_it_is_kept(
        self, opens: Opens, blind: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        log = opens()
        writer = furnished(log)
        before = writer.market
        fails_once_it_has_kept(log, monkeypatch, blind=blind)
        if not blind:
            (number,) = rent(writer, "order")
            assert [e.contract.id for _, e in log.happened(ContractCreated)] == [number]
            return
        with pytest.raises(InDoubt, match="disk I/O error"):
            rent(writer, "order")
        sees(log, monkeypatch)
        assert len(list(log.read())) > before.version  # it was kept, and nobody could see it
        (number,) = rent(writer, "order")
        created = log.happened(ContractCreated)
        assert [e.contract.id for _, e in created] == [number]
        assert Writer(opens()).market == writer.market == replay(log.read())
