"""What a command would do, before it is given: to whom, and why."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from inspect import signature
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given

from effort import examples
from market_world import ANN, BOB, HOST, World, prices, second, world
from numgenius_core.contracts import NotExtended
from numgenius_core.errors import NotAllowed, WrongType
from numgenius_core.ids import AccountId, MachineId
from numgenius_core.listing import Machine, Mode
from numgenius_core.market import Market, Settings, commands as c, events as e, views
from numgenius_core.market._persistent import Table
from numgenius_core.money import Money
from numgenius_core.rates import PerGbMonth, PerGpuHour
from numgenius_core.testing.market_values import previewed

M1, DAY = MachineId(1), 86_400
CAT = AccountId("cat")


def rented() -> tuple[World, list[int]]:
    """Return a world with a contract of each kind that a relisting treats in its own way."""
    w = world(8, prices(2), end=second(10 * DAY))
    w.do(c.AddCredit(account=CAT, amount=Money(100)))
    cheap = w.rent(1)
    w.list(prices(3), end=second(10 * DAY))
    dear = w.rent(1, 1, BOB)
    w.do(c.Stop(by=BOB, contract=dear))
    spared = w.rent(1, 2, CAT)
    w.do(c.SetAutoExtension(by=CAT, contract=spared, wanted=False))
    return w, [cheap, dear, spared]


def relisting(**sent: Any) -> c.Relist:
    return c.Relist(by=HOST, machine=M1, storage=PerGbMonth(0), **sent)


class TestARelisting:
    """Hosts: "no field shows which contracts will be affected"."""

    def test_who_is_extended_asked_and_skipped_and_why(self) -> None:
        w, (cheap, dear, spared) = rented()
        told = views.preview(w.market, relisting(end=second(20 * DAY)), w.now)
        [extended] = told.extended
        assert (extended.contract.id, extended.old_end, extended.end) == (
            dear,
            second(10 * DAY),
            second(20 * DAY),
        )
        [asked] = told.asked
        assert (asked.contract.id, [str(each) for each in asked.raised]) == (
            cheap,
            ["gpu 2.00 → 3.00"],
        )
        [skipped] = told.skipped
        assert (skipped.contract.id, skipped.why) == (spared, NotExtended.OPTED_OUT)
        assert told.accounts == (ANN, BOB, HOST)
        assert told.error is None

    def test_how_it_finds_whom_something_concerns_is_its_own_affair(self) -> None:
        assert list(signature(views.Preview).parameters) == [
            *("command", "at", "due", "events", "verdicts", "terms", "error", "before", "market")
        ]

    def test_nobody_without_an_end_and_what_goes_back(self) -> None:
        w, _ = rented()
        told = views.preview(w.market, c.Relist(by=HOST, machine=M1, gpu=PerGpuHour(1)), w.now)
        assert told.verdicts == ()
        assert [(each.name, str(each.old), str(each.new)) for each in told.resets] == [
            ("storage", "0.00", "0.10")
        ]
        assert [each.name for each in told.terms if each.changes] == ["gpu", "storage"]
        origins = {each.name: each.origin for each in told.terms}
        assert origins["gpu"] is views.TermOrigin.SENT
        assert origins["end"] is views.TermOrigin.KEPT

    def test_where_each_term_comes_from(self) -> None:
        w, _ = rented()
        w.do(c.Unlist(by=HOST, machine=M1))
        anew = views.preview(w.market, relisting(gpu=PerGpuHour(1)), w.now)
        assert {each.origin for each in anew.terms[2:]} == {views.TermOrigin.DEFAULT}
        listed = views.preview(w.market, c.ListMachine(by=HOST, machine=M1, prices=prices()), w.now)
        *sent, spread = [each.origin for each in listed.terms]
        assert set(sent) == {views.TermOrigin.SENT}
        assert spread is views.TermOrigin.DEFAULT
        assert [each.old for each in listed.terms] == [None] * 12

    def test_a_rolling_end_that_stands_still_and_one_in_place_of_another(self) -> None:
        w = world(1, prices(), rolling=timedelta(days=3))
        still = {each.name: each for each in views.preview(w.market, relisting(), w.now).terms}
        assert still["rolling"].origin is views.TermOrigin.RESET
        assert (still["end"].new, still["end"].origin) == (
            second(3 * DAY),
            views.TermOrigin.KEPT,
        )
        w.do(relisting())
        rolls = views.preview(w.market, relisting(rolling=timedelta(days=9)), w.now).terms
        assert [(t.name, t.new, t.origin) for t in rolls if t.name in ("end", "rolling")] == [
            ("end", second(9 * DAY), views.TermOrigin.ROLLING),
            ("rolling", timedelta(days=9), views.TermOrigin.SENT),
        ]
        assert not still["end"].changes  # it stands where it had rolled to

    def test_it_prints_as_a_table(self) -> None:
        w, _ = rented()
        w.do(c.Tick(), DAY)
        told = views.preview(w.market, relisting(end=second(20 * DAY)), w.now)
        title, head, *_ = str(told).splitlines()
        assert title == "Relist at 2026-01-02 00:00:00+00:00"
        assert head.split() == ["what", "whose", "becomes", "why"]
        rows = told.table().rows
        assert [row[:3] for row in rows] == [
            ("listing: end", "host", "2026-01-11 00:00:00+00:00 → 2026-01-21 00:00:00+00:00"),
            ("contract 2", "ann", "asked"),
            ("contract 4", "bob", "extended"),
            ("contract 5", "cat", "as agreed"),
        ]
        assert [row[3] for row in rows] == [
            "sent",
            "gpu 2.00 → 3.00, to end 2026-01-21 00:00:00",
            "ends 2026-01-21 00:00:00, not 2026-01-11 00:00:00",
            "opted out",
        ]
        assert told.to_dicts()[1] == {
            "what": "contract 2",
            "whose": "ann",
            "becomes": "asked",
            "why": "gpu 2.00 → 3.00, to end 2026-01-21 00:00:00",
        }

    def test_what_was_not_there_and_what_never_ends(self) -> None:
        w, (cheap, dear, _) = rented()
        w.do(c.Unlist(by=HOST, machine=M1))
        wanted = c.ListMachine(by=HOST, machine=M1, prices=prices(4, storage="0.2"))
        rows = views.preview(w.market, wanted, w.now).table().rows
        assert rows[0] == ("listing: gpu", "host", "none → 4.00", "sent")
        [asked] = [row for row in rows if row[0] == f"contract {cheap}"]
        assert asked[3] == "gpu 2.00 → 4.00; storage 0.00 → 0.20, to end never"
        wanted = c.ListMachine(by=HOST, machine=M1, prices=prices(3))
        rows = views.preview(w.market, wanted, w.now).table().rows
        [extended] = [row for row in rows if row[0] == f"contract {dear}"]
        assert extended[2:] == ("extended", "ends never, not 2026-01-11 00:00:00")


class TestAnyCommand:
    """A preview is what then happens, also of what came due, and of refusals."""

    def test_who_is_paused_by_a_rental(self) -> None:
        w = world(1)
        bid = w.rent(1, by=BOB, bid="0.5")
        wanted = c.Rent(by=ANN, offer=w.offer(1), mode=Mode.ON_DEMAND)
        told = views.preview(w.market, wanted, w.now)
        assert told.accounts == (ANN, BOB)
        assert [(told.concerns(each), type(each)) for each in told.events] == [
            ((ANN,), e.ContractCreated),
            ((BOB,), e.InstancePaused),
        ]
        assert told.market.living(bid).state.value == "paused"
        assert w.state(bid) == "running"  # it has not happened
        assert told.table().rows == (
            ("contract 3", "ann", "contract created", ""),  # without a label
            ("contract 2", "bob", "instance paused", "held"),
        )

    def test_what_comes_due_happens_anyway(self) -> None:
        w = world(1, prices(500))
        w.rent(1)
        told = views.preview(w.market, c.Unlist(by=HOST, machine=M1), second(DAY))
        assert [type(each) for each in told.due] == [e.BalanceRanOut, e.InstanceStopped]
        assert [type(each) for each in told.events] == [e.MachineUnlisted]
        assert told.accounts == (HOST,)
        assert told.concerns(told.due[0]) == told.concerns(told.due[1]) == (ANN,)

    def test_a_refusal_with_its_reason(self) -> None:
        w = world(1)
        told = views.preview(w.market, c.Unlist(by=ANN, machine=M1), w.now)
        assert isinstance(told.error, NotAllowed)
        assert (told.events, told.market) == ((), w.market)
        assert str(told).splitlines()[0] == (
            "Unlist at 2026-01-01 00:00:00+00:00 would be refused: "
            "by: need the host of machine 1, got ann"
        )
        early = views.preview(w.market, c.Tick(), second(-5))
        assert str(early.error).startswith("at: need an instant from 2026-01-01")
        assert told == views.preview(w.market, c.Unlist(by=ANN, machine=M1), w.now)

    def test_nothing(self) -> None:
        told = views.preview(world(1).market, c.Tick(), second(0))
        assert str(told).startswith("Tick at 2026-01-01 00:00:00+00:00 would change nothing")

    def test_whose_a_price_increase_and_a_payment_are(self) -> None:
        w = world(1, prices(1), end=second(DAY))
        w.rent(1)
        w.list(prices(2), end=second(9 * DAY))
        number = w.instance(2).increase
        told = views.preview(w.market, c.RejectPriceIncrease(by=ANN, increase=number), w.now)
        assert told.table().rows == (("contract 2", "ann", "price increase rejected", ""),)
        paid = views.preview(w.market, c.AddCredit(account=CAT, amount=Money(3)), w.now)
        assert paid.table().rows == (("account", "cat", "credit added", "amount 3.00"),)
        reserved = world(1, max_discount=Fraction(2, 5))
        reserved.rent(1)
        month = c.Prepay(by=ANN, contract=2, amount=Money(400))
        [row] = views.preview(reserved.market, month, reserved.now).table().rows
        assert row == ("contract 2", "ann", "contract prepaid", "amount 400.00, months 0.66")
        gone = views.preview(w.market, c.Destroy(by=ANN, contract=2), w.now)
        assert [row[1:] for row in gone.table().rows] == [
            ("ann", "price increase lapsed", "ended"),
            ("ann", "instance destroyed", ""),
        ]

    def test_whose_it_is_that_comes_and_goes_before_the_command(self) -> None:
        w = world(1, prices(1), rolling=timedelta(days=3))
        w.rent(1)
        w.list(prices(2), rolling=timedelta(days=5))
        told = views.preview(w.market, c.Tick(), second(9 * DAY))
        [lapsed] = [each for each in told.due if isinstance(each, e.PriceIncreaseLapsed)]
        assert told.concerns(lapsed) == (ANN,)

    @given(previewed())
    @examples(100)
    def test_everything_that_happens_is_somebodys(self, case: tuple[Market, Any, Any]) -> None:
        told = views.preview(*case)
        assert set(told.accounts) <= told.market.accounts.keys() | {
            each.machine.host for each in told.market.machines.values()
        }
        for event in (*told.due, *told.events):
            assert len(told.concerns(event)) == (not isinstance(event, e.SettingsSet))

    def test_who_has_what_elsewhere_is_not_asked(self) -> None:
        """A preview of a large market costs as much as the command."""
        w = world(1)
        w.rent(1)
        looked: list[Any] = []

        class Watched(Table[Any, Any]):
            __slots__ = ()

            def values(self) -> Any:
                looked.append(self)
                return super().values()

            items = __iter__ = values

        machines = Watched(dict(w.market.machines))
        asked = evolve(w.market, machines=machines, queue=w.market.queue)
        told = views.preview(asked, c.Destroy(by=ANN, contract=2), w.now)
        assert (told.accounts, len(told.table().rows)) == ((ANN,), 1)
        assert not looked

    def test_machines_and_settings(self) -> None:
        w = world(1)
        machine = Machine(id=2, host="hugo", gpu_name="A100", gpus=1)
        added = views.preview(w.market, c.AddMachine(machine=machine), w.now)
        assert added.table().rows == (("machine 2", "hugo", "machine added", ""),)
        settings = views.preview(w.market, c.SetSettings(settings=Settings()), w.now)
        assert settings.table().rows == (("market", "", "settings set", ""),)
        w.rent(1)
        told = views.preview(w.market, c.CleanUp(by=HOST, machine=M1), w.now)
        assert told.accounts == ()

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ((None, c.Tick(), second(0)), "market: need a Market, got None"),
            ((Market(), "tick", second(0)), "command: need a command of a market, got 'tick'"),
            ((Market(), c.Tick(), 3), "at: need a datetime with a time zone, got 3"),
        ],
    )
    def test_what_makes_no_question(self, wrong: Any, said: str) -> None:
        with pytest.raises(WrongType) as fault:
            views.preview(*wrong)
        assert str(fault.value) == said
