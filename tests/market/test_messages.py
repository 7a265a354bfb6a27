"""Commands and events check every field; a class with a field that nobody checks is not made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from attrs import fields, frozen
from hypothesis import given, settings, strategies as st

from numgenius_core.bids import WaitReason
from numgenius_core.contracts import Raise, Stale
from numgenius_core.errors import NumgeniusError, RuleViolation, WrongType
from numgenius_core.ids import ContractId
from numgenius_core.listing import Machine, Mode
from numgenius_core.market import Market, evolve, execute, views
from numgenius_core.market._messages import Message
from numgenius_core.market.commands import AddCredit, AddMachine, Command, Rent, Tick
from numgenius_core.market.events import (
    CreditAdded,
    Event,
    InstancePaused,
    InstanceStopped,
    PriceIncreaseAsked,
    PriceIncreaseLapsed,
)
from numgenius_core.market.journal import event_to_json
from numgenius_core.market.logs import Entry, MemoryLog, Writer
from numgenius_core.money import Money
from numgenius_core.testing import values

AT, ID = datetime(2026, 1, 1, tzinfo=UTC), ContractId(1)
MESSAGES: list[type] = [*get_args(Command), *get_args(Event)]


class TestEveryFieldIsChecked:
    """HOUSE.md: "a field without a check must fail when the class is made"."""

    @pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: cls.__name__)
    @given(data=st.data())
    @settings(max_examples=3)
    def test_an_object_in_any_field_is_refused_by_name(self, cls: Any, data: st.DataObject) -> None:
        message = data.draw(values(cls))
        given = {each.name: getattr(message, each.name) for each in fields(cls)}
        assert cls(**given) == message
        for name in given:
            with pytest.raises((WrongType, RuleViolation)) as caught:
                cls(**given | {name: object()})
            assert caught.value.path == f"{cls.__name__}.{name}"

    @pytest.mark.parametrize(
        ("make", "said"),
        [
            (
                lambda why: InstancePaused(at=AT, contract=ID, why=why, by=()),
                (
                    "InstancePaused.why: need a WaitReason: WaitReason.HELD, WaitReason.UNDER_FLOOR"
                    ", WaitReason.OUTBID, got 'because'"
                ),
            ),
            (
                lambda why: InstanceStopped(at=AT, contract=ID, why=why),
                (
                    "InstanceStopped.why: need a StopReason: StopReason.CLIENT, StopReason.BALANCE"
                    ", got 'because'"
                ),
            ),
            (
                lambda why: PriceIncreaseLapsed(at=AT, increase=1, why=why),
                (
                    "PriceIncreaseLapsed.why: need a Stale: Stale.ENDED, Stale.EXTENDED, "
                    "Stale.SUPERSEDED, got 'because'"
                ),
            ),
            (
                lambda why: PriceIncreaseAsked(
                    at=AT, increase=1, contract=ID, raised=why, new_end=None
                ),
                "PriceIncreaseAsked.raised: need a series of Raise, got 'because'",
            ),
            (
                lambda why: PriceIncreaseAsked(
                    at=AT, increase=1, contract=ID, raised=(why,), new_end=None
                ),
                "PriceIncreaseAsked.raised[0]: need a Raise, got 'because'",
            ),
        ],
    )
    def test_a_reason_is_one_of_ours(self, make: Any, said: str) -> None:
        with pytest.raises(WrongType) as caught:
            make("because")
        assert str(caught.value) == said

    @pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: cls.__name__)
    def test_a_text_that_may_be_empty_is_not_said_to_have_one_character(self, cls: Any) -> None:
        for _, path, check, _ in cls._checks:
            with pytest.raises(RuleViolation) as caught:
                check("a" * 1_001 + "\n", path)
            try:
                check("", path)
            except RuleViolation:
                continue
            assert caught.value.need.startswith("at most "), caught.value

    def test_what_is_right_is_taken(self) -> None:
        assert InstancePaused(at=AT, contract=ID, why=WaitReason.OUTBID, by=()).by == ()
        assert PriceIncreaseLapsed(at=AT, increase=1, why=Stale.ENDED).why is Stale.ENDED
        raised: Any = [Raise(part="gpu", old=Money(1), new=Money(2))]  # type: ignore[arg-type]
        asked = PriceIncreaseAsked(at=AT, increase=1, contract=ID, raised=raised, new_end=None)
        assert asked.raised == tuple(raised)


@frozen
class Plain:
    """A value that a message may carry."""


class TestAClassThatIsDerivedFromAMessage:
    """It is made, its own fields are checked, and a market refuses it in our words."""

    def noted(self) -> Any:
        @frozen(kw_only=True)
        class Noted(Rent):
            note: str = ""

        return Noted(by="ann", offer=1, mode=Mode.ON_DEMAND, note="mine")

    def test_it_checks_all_of_its_fields(self) -> None:
        made = self.noted()
        assert [path for _, path, _, _ in made._checks][::10] == ["Noted.by", "Noted.note"]
        for wrong in ({"offer": "x"}, {"note": 5}, {"by": ""}, {"bid": 1}):
            with pytest.raises(RuleViolation, match=f"^Noted.{next(iter(wrong))}: need"):
                type(made)(**{"by": "ann", "offer": 1, "mode": Mode.ON_DEMAND} | wrong)

    def test_a_market_takes_the_commands_and_events_themselves(self) -> None:
        class Paid(CreditAdded):
            """Not decorated: its fields are those of the event."""

        paid: Any = Paid(at=AT, account="ann", amount=Money(1))
        said = "a command of a market itself, got Noted, derived from Rent"
        for ask in (execute, views.preview):
            with pytest.raises(WrongType, match=f"^command: need {said}$"):
                ask(Market(), self.noted(), AT)
        with pytest.raises(WrongType, match=rf"^commands\[0\]: need {said}$"):
            Writer(MemoryLog()).execute(self.noted(), at=AT)
        said = "an event of a market itself, got Paid, derived from CreditAdded"
        where = r"(notification\.)?events?(\[0\])?"
        for keep in (
            event_to_json,
            lambda event: evolve(Market(), event),
            lambda event: Entry(events=[event]),
            lambda event: views.notifications(Market(), [event]),
            lambda event: views.Notification(recipient="ann", event=event),
            views.preview(Market(), Tick(), AT).concerns,
        ):
            with pytest.raises(WrongType, match=f"^{where}: need {said}$"):
                keep(paid)

    def test_so_it_is_with_what_they_hold(self) -> None:
        @frozen(kw_only=True)
        class Racked(Machine):
            rack: str = "r1"

        class Ours(Market):
            """One of somebody's own."""

        machine: Any = Racked(id=1, host="hanna", gpu_name="A100", gpus=1)
        said = "a Machine itself, got Racked, derived from Machine"
        with pytest.raises(WrongType, match=f"^AddMachine.machine: need {said}$"):
            AddMachine(machine=machine)
        said = "a Market itself, got Ours, derived from Market"
        with pytest.raises(WrongType, match=f"^market: need {said}$"):
            execute(Ours(), Tick(), AT)
        name: Any = type("Name", (str,), {})("ann")
        said = "text itself, got Name, derived from str"
        with pytest.raises(WrongType, match=f"^AddCredit.account: need {said}$"):
            AddCredit(account=name, amount=Money(1))

    def test_a_type_that_its_module_does_not_know_is_refused_by_name(self) -> None:
        class Own:
            """Known in this function alone."""

        with pytest.raises(WrongType, match=r"^Odd\.own: need a type that messages can check"):

            @frozen(kw_only=True)
            class Odd(Tick):
                own: Own


class TestAClassWithAnUncheckedFieldIsNotMade:
    """A wrong value in it would be seen by nobody."""

    @pytest.mark.parametrize(
        "hint",
        [
            object,
            Any,
            float,
            complex,
            list[int],
            dict[str, int],
            Sequence[ContractId],
            tuple[ContractId, int],
            tuple[float, ...],
            int | str,
            float | None,
            int | str | None,
        ],
    )
    def test_an_unknown_type(self, hint: Any) -> None:
        with pytest.raises(WrongType, match=r"^Odd\.what: need a type that messages can check"):
            type_of_message("Odd", hint)

    def test_a_name_that_means_nothing(self) -> None:
        with pytest.raises(WrongType, match=r"^Odd\.what: need a type .*, got 'Nothing'$"):
            type_of_message("Odd", "Nothing")

    @pytest.mark.parametrize("hint", [Plain, Plain | None, tuple[Plain, ...], tuple[int, ...]])
    def test_values_choices_and_series_of_them_are_checked_as_they_are(self, hint: Any) -> None:
        made = type_of_message("Even", hint)
        with pytest.raises(NumgeniusError, match=r"^Even\.what: need a"):
            made(what=object())

    def test_only_what_may_be_none_is(self) -> None:
        assert type_of_message("Even", Plain | None)(what=None).what is None
        with pytest.raises(WrongType, match=r"Even\.what: need a Plain, got None"):
            type_of_message("Even", Plain)(what=None)


def type_of_message(name: str, hint: Any) -> Any:
    """Return a class of messages with one field, ``what``."""
    body = {"__annotations__": {"what": hint}, "__module__": __name__}
    return frozen(kw_only=True)(type(name, (Message,), body))
