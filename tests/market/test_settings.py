"""Settings: what a market takes at most, as commands and events say."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from attrs import frozen

from market_world import ANN, BOB, World, prices, second, world
from numgenius_core.billing import GraceSchedule
from numgenius_core.errors import NumgeniusError, RuleViolation, WrongType
from numgenius_core.ids import MachineId
from numgenius_core.listing import Mode
from numgenius_core.market import Market, Settings, commands as c, execute, replay
from numgenius_core.market.journal import (
    event_from_json,
    event_to_json,
    market_from_json,
    market_to_json,
)
from numgenius_core.money import Money
from numgenius_core.rates import PerHour
from numgenius_core.sla import FadingNotice, LinearCredit, SlaRules, StopLossFee, ToleranceBlend

DAY = 86_400


def limited(**limits: Any) -> World:
    """Return a market of one GPU, on which bids of cents meet, with limits."""
    w = world(1, prices(1))
    w.do(c.SetSettings(settings=Settings(**limits)))
    return w


def bid(w: World, dollars: str, by: Any = ANN) -> None:
    offer = w.offer(1)
    w.do(c.Rent(by=by, offer=offer, mode=Mode.INTERRUPTIBLE, bid=PerHour(dollars)))


class TestWrongSettings:
    """Bad input gets a clear error, which says which setting."""

    @pytest.mark.parametrize("name", ["waiting_on_a_machine", "waiting_of_an_account"])
    @pytest.mark.parametrize(("wrong", "error"), [(-1, RuleViolation), (True, WrongType)])
    def test_numbers(self, name: str, wrong: Any, error: type[NumgeniusError]) -> None:
        with pytest.raises(error, match=rf"settings\.{name}"):
            Settings(**{name: wrong})

    @pytest.mark.parametrize("wrong", [timedelta(0), timedelta(-1), timedelta(microseconds=1)])
    def test_a_step_that_is_none(self, wrong: timedelta) -> None:
        with pytest.raises(RuleViolation, match=r"settings\.longest_step: need whole seconds"):
            Settings(longest_step=wrong)

    @pytest.mark.parametrize(
        ("name", "need"),
        [
            ("longest_step", "a timedelta"),
            ("own_tests_billed", "a bool"),
            ("grace", "a GraceSchedule"),
            ("payouts", "a PayoutSchedule"),
            ("sla", "a SlaRules"),
            ("sla_offered", "a bool"),
        ],
    )
    def test_a_number_for_something_else(self, name: str, need: str) -> None:
        with pytest.raises(WrongType) as refusal:
            Settings(**{name: 400})  # type: ignore[arg-type]
        assert str(refusal.value) == f"settings.{name}: need {need}, got 400"

    def test_a_command_with_something_else(self) -> None:
        with pytest.raises(WrongType, match="settings"):
            c.SetSettings(settings=None)  # type: ignore[arg-type]


class TestSchedulesOfYourOwn:
    """What is accepted can be stored: events and snapshots hold the settings."""

    def test_they_are_stored_with_the_events_and_the_market(self) -> None:
        w = limited(grace=NoGrace())
        assert event_from_json(event_to_json(w.events[-1])) == w.events[-1]
        assert market_from_json(market_to_json(w.market)) == w.market

    def test_one_of_our_name_is_another(self) -> None:
        text = market_to_json(Market())
        assert market_from_json(text).settings.grace.buffer(Money(12)) == Money(12)
        w = limited(grace=DaysOfGrace())
        assert market_from_json(market_to_json(w.market)).settings.grace == DaysOfGrace()

    @pytest.mark.parametrize("part", ["fee", "credit", "blend", "notice"])
    def test_one_that_no_document_holds_is_refused_wherever_it_stands(self, part: str) -> None:
        kind = {
            "fee": StopLossFee,
            "credit": LinearCredit,
            "blend": ToleranceBlend,
            "notice": FadingNotice,
        }[part]
        unheld = frozen(type("Unheld", (kind,), {"more": 0, "__annotations__": {"more": object}}))
        rules = SlaRules(**{part: unheld()})
        with pytest.raises(WrongType, match=rf"^settings\.sla\.{part}: need a .*Unheld\.more"):
            Settings(sla=rules)
        text = market_to_json(Market())  # nobody uses it
        assert market_from_json(text) == Market()

    def test_one_that_would_come_back_as_another_is_refused(self) -> None:
        Settings(grace=Hidden())
        need = "need a GraceSchedule that documents can hold, got"
        said = rf"^settings\.grace: {need} Hidden\(5\), which comes back as Hidden\(0\)$"
        with pytest.raises(WrongType, match=said):
            Settings(grace=Hidden(5))
        said = rf"^settings\.grace: {need} Needing\(\) \(.* missing 1 required"
        with pytest.raises(WrongType, match=said):
            Settings(grace=Needing(5))

    def test_one_of_a_function_is_refused(self) -> None:
        class Grace(NoGrace):
            """No other process could import it, to read what is stored."""

        with pytest.raises(
            WrongType, match=r"^settings\.grace: need a .*<locals>\.Grace \(no other"
        ):
            Settings(grace=Grace())


@frozen
class NoGrace(GraceSchedule):
    """Whoever owes anything may lose what is stored."""

    def buffer(self, daily_spend: Money) -> Money:
        return daily_spend * 0


@frozen
class DaysOfGrace(GraceSchedule):
    """It has the name of one of ours."""

    days: Fraction = Fraction(1)

    def buffer(self, daily_spend: Money) -> Money:
        return daily_spend * 2


class Hidden(NoGrace):
    """It keeps what it was made with where no document looks."""

    def __init__(self, cents: int = 0) -> None:
        object.__setattr__(self, "cents", cents)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hidden) and vars(self) == vars(other)

    __hash__ = NoGrace.__hash__

    def __repr__(self) -> str:
        return f"Hidden({vars(self)['cents']})"


class Needing(NoGrace):
    """It is not made of its fields."""

    def __init__(self, cents: int) -> None:
        object.__setattr__(self, "cents", cents)

    def __repr__(self) -> str:
        return "Needing()"


class TestClaimsThatWait:
    """A bid that waits costs its client nothing; so many are taken, and no more."""

    @pytest.mark.parametrize("name", ["waiting_on_a_machine", "waiting_of_an_account"])
    def test_one_more_is_refused_and_changes_nothing(self, name: str) -> None:
        w = limited(**{name: 2})
        for dollars in ("0.50", "0.40", "0.30"):  # the first runs, two wait
            bid(w, dollars)
        before = w.market
        with pytest.raises(RuleViolation, match=rf"at most 2 claims .* \({name}\)"):
            bid(w, "0.20")
        assert w.market is before

    def test_those_of_another_account_count_on_the_machine_alone(self) -> None:
        w = limited(waiting_of_an_account=1)
        for by in (ANN, BOB):
            for dollars in ("0.50", "0.40"):
                if (by, dollars) != (BOB, "0.50"):
                    bid(w, dollars, by)
        assert len(w.market.machine(MachineId(1)).instances) == 3
        w = limited(waiting_on_a_machine=1)
        bid(w, "0.50")
        bid(w, "0.40", BOB)
        with pytest.raises(RuleViolation, match="waiting_on_a_machine"):
            bid(w, "0.30", BOB)

    def test_none_may_wait_but_one_may_run(self) -> None:
        w = limited(waiting_on_a_machine=0)
        bid(w, "0.50")
        with pytest.raises(RuleViolation, match="waiting_on_a_machine"):
            bid(w, "0.40")

    def test_what_waits_already_goes_on_waiting(self) -> None:
        w = limited()
        for dollars in ("0.50", "0.40", "0.30"):
            bid(w, dollars)
        w.do(c.SetSettings(settings=Settings(waiting_on_a_machine=1)))
        w.do(c.Tick(), 60)
        assert len(w.market.machine(MachineId(1)).instances) == 3
        with pytest.raises(RuleViolation, match="waiting_on_a_machine"):
            bid(w, "0.20")

    def test_a_lower_bid_that_lets_one_more_wait_is_refused(self) -> None:
        w = world(2, prices(1))
        one, _ = w.rent(1, bid="0.5"), w.rent(1, 1, bid="0.4")
        w.rent(2, bid="0.9", load=False)  # at 0.45 for each it waits for the first alone
        w.do(c.SetSettings(settings=Settings(waiting_on_a_machine=1)))
        before = w.market
        with pytest.raises(RuleViolation, match="waiting_on_a_machine"):
            w.do(c.ChangeBid(by=ANN, contract=one, bid=PerHour("0.3")))
        assert w.market is before
        w.do(c.ChangeBid(by=ANN, contract=one, bid=PerHour("0.46")))

    def test_who_is_gone_makes_room(self) -> None:
        w = limited(waiting_of_an_account=1)
        bid(w, "0.50")
        bid(w, "0.40")
        w.do(c.Destroy(by=ANN, contract=max(w.market.account(ANN).instances)))
        bid(w, "0.30")
        assert w.market.account(ANN).waiting == 1

    def test_without_limits_all_wait(self) -> None:
        w = world(1, prices(1))
        for _ in range(50):
            bid(w, "0.50")
        assert len(w.market.machine(MachineId(1)).instances) == 50


class TestTheLongestStep:
    """A clock that says 2126 for a moment would end every contract."""

    STEP = timedelta(days=400)

    def test_up_to_it_and_no_further(self) -> None:
        w = limited(longest_step=self.STEP)
        with pytest.raises(RuleViolation, match=r"at: need an instant up to 2.*longest_step"):
            w.do(c.Tick(), 400 * DAY + 1)
        w.do(c.AddCredit(account=ANN, amount=Money(1)), 400 * DAY)
        assert w.market.now == second(400 * DAY)

    def test_an_operator_goes_on_after_any_silence(self) -> None:
        w = limited(longest_step=self.STEP)
        w.do(c.SetSettings(settings=Settings(longest_step=self.STEP)), 900 * DAY)
        assert w.market.now == second(900 * DAY)
        w.do(c.Tick(), 1_300 * DAY)
        with pytest.raises(RuleViolation, match="longest_step"):
            w.do(c.Tick(), 1_300 * DAY + 1)

    def test_a_market_that_nothing_happened_in_has_no_last_event(self) -> None:
        market = Market(settings=Settings(longest_step=timedelta(seconds=1)))
        market, _ = execute(market, c.AddCredit(account=ANN, amount=Money(1)), second(0))
        assert market.now == second(0)


class TestSettingsAreKept:
    """They are an event, as everything else."""

    def test_by_the_events_and_by_a_snapshot(self) -> None:
        w = limited(waiting_on_a_machine=7, longest_step=timedelta(days=1))
        for market in (replay(w.events), market_from_json(market_to_json(w.market))):
            assert (
                market.settings
                == w.market.settings
                == Settings(waiting_on_a_machine=7, longest_step=timedelta(days=1))
            )


def test_a_bid_that_waits_already_is_not_one_more() -> None:
    w = limited()
    for dollars in ("0.50", "0.40", "0.30"):
        bid(w, dollars)
    w.do(c.SetSettings(settings=Settings(waiting_on_a_machine=1)))
    waiting = sorted(w.market.account(ANN).instances)[1]
    assert w.names(c.ChangeBid(by=ANN, contract=waiting, bid=PerHour("0.45"))) == ["BidChanged"]
