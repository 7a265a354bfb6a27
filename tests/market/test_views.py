"""What a restored market still has to do, and corners of the views that other tests pass by."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import partial
from gc import collect
from inspect import Parameter, signature
from typing import Any
from weakref import ref

import pytest
from attrs import evolve
from hypothesis import given, settings, strategies as st

from effort import examples, up_to
from market_world import ANN, BOB, HOST, World, prices, second, world
from numgenius_core._checks import check_kind
from numgenius_core.contracts import InstanceState
from numgenius_core.errors import RuleViolation, UnknownId, WrongType
from numgenius_core.gpus import blocks
from numgenius_core.ids import AccountId, ContractId, MachineId, VolumeId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Machine, Mode, Verification
from numgenius_core.market import (
    Instance,
    Market,
    RentedVolume,
    Settings,
    _instance_views,
    _looking_ahead,
    commands as c,
    events as e,
    execute,
    find_event,
    find_events,
    views,
)
from numgenius_core.market._clock import advance_to
from numgenius_core.market._looking_ahead import market_at, part_of
from numgenius_core.market.events import BalanceRanOut
from numgenius_core.market.journal import market_from_json, market_to_json
from numgenius_core.money import ZERO, Money
from numgenius_core.rates import PerGbMonth
from numgenius_core.testing import books_of, markets

HOUR, DAY = 3_600, 86_400
LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def a_contract_ends() -> World:
    """Return a world in which a machine's clock runs, and no account's: nothing costs anything."""
    made = world(2, prices(0), end=second(DAY))
    made.rent(1)
    return made


def a_balance_runs_out() -> World:
    """Return a world in which an account's clock runs, and no machine's: nothing ever ends."""
    made = world(2, prices(500))
    made.rent(1)
    return made


def a_volume_offer_ends() -> World:
    """Return a world in which only an offer of volumes ends."""
    made = world(2, prices(0), volume_mb=1_000)
    made.do(c.ListVolume(by=HOST, machine=MachineId(1), end=second(DAY)))
    return made


class TestARestoredMarketGoesOn:
    """Journal: "Restored, it is the state that the events give", and so is all that it does next.

    What is due is no part of the document, nor of what markets are compared by: it is made anew.
    """

    @pytest.mark.parametrize("made", [a_contract_ends, a_balance_runs_out, a_volume_offer_ends])
    def test_what_is_due_happens_as_if_it_had_never_been_stored(
        self, made: Callable[[], World]
    ) -> None:
        market, later = made().market, second(30 * DAY)
        restored = market_from_json(market_to_json(market))
        after, events = execute(market, c.Tick(), later)
        assert events  # something was due
        assert execute(restored, c.Tick(), later) == (after, events)
        assert [*restored.queue] == [*market.queue]

    def test_only_what_the_world_says_is_due(self) -> None:
        """So each of the two cases above needs its own half of what is made anew."""
        assert {kind for _, kind, _ in a_contract_ends().market.queue} == {0}
        assert {kind for _, kind, _ in a_balance_runs_out().market.queue} == {1}


def everything() -> World:
    """Return a world in which there is something to ask of each view; all of it ends some day."""
    w = world(2, prices(1, storage="0.1"), end=second(20 * DAY), max_discount=Fraction(1, 2))
    w.list(prices(1, storage="0.1"), end=second(20 * DAY), volume_mb=1_000, sla_claim="0.99")
    w.rent(1, target="0.95")
    other = w.rent(1, 1, BOB)
    w.do(c.Prepay(by=BOB, contract=other, amount=Money(100)))
    return w


def _newest(market: Market) -> Any:
    return max(market.homes)


def _offers_one_by_one(market: Market, at: datetime) -> list[Any]:
    """Return each offer that a machine of a market has had, or that it has it no longer."""
    found: list[Any] = []
    for state in market.machines.values():
        for index in range(len(blocks(state.machine.gpus, 1))):
            try:
                found.append(views.offer(market, state.offer_id(index), at))
            except UnknownId as fault:
                found.append(str(fault))
    return found


def _previewed(market: Market, at: datetime) -> Any:
    preview = views.preview(market, c.AddCredit(account=ANN, amount=Money(1)), at)
    if preview.error is not None:
        raise preview.error
    return preview.events, preview.market


def _promises(market: Market, at: datetime) -> list[Any]:
    promised = [each for each in market.homes if market.living(each).contract.sla is not None]
    return [views.promise_of(market, each, at) for each in promised]


def _past(at: datetime, days: int = 3) -> Interval:
    return Interval(at - timedelta(days=days), at)


NONE_GONE: dict[str, Any] = {"archive": {}, "volumes": {}}
SOON: dict[str, Any] = {"horizon": timedelta(days=30)}
AN_HOUR = timedelta(hours=1)
Asked = Callable[[Market, datetime], Any]
OF_AN_INSTANT: dict[str, Asked] = {
    "balance": lambda m, at: {each: views.balance(m, each, at) for each in m.accounts},
    "deposit_of": lambda m, at: {each: views.deposit_of(m, each, at) for each in m.homes},
    "offer": _offers_one_by_one,
    "offers": lambda m, at: [views.offers(m, at, machine=each) for each in (None, *m.machines)],
    "payouts_due": views.payouts_due,
    "preview": _previewed,
    "promise_of": _promises,
    "quotes": lambda m, at: [views.quotes(m, at, AN_HOUR, mode=mode) for mode in Mode],
    "runway": lambda m, at: [views.runway(m, each, at, **SOON) for each in m.accounts],
    "until": views.until,
    "uptime_history": lambda m, at: [
        views.uptime_history(m, each, at, archive={}) for each in m.machines
    ],
    "volume_offers": lambda m, at: [
        views.volume_offers(m, at, machine=each) for each in (None, *m.machines)
    ],
}
"""All that the views say that are asked for an instant."""
OF_A_PERIOD: dict[str, Asked] = {
    "earnings": lambda m, at: [
        views.earnings(m, each, _past(at), **NONE_GONE) for each in m.accounts
    ],
    "statement_of": lambda m, at: [views.statement_of(m, each, _past(at)) for each in m.homes],
    "volume_statement_of": lambda m, at: [
        views.volume_statement_of(m, each, _past(at)) for each in m.volumes
    ],
}
"""All that they say that are asked for a period that ends then."""
VIEWS = OF_AN_INSTANT | OF_A_PERIOD


def asked_for(parameter: str) -> set[str]:
    """Return the views that take a parameter."""
    takes = [name for name in views.__all__ if name[0].islower()]
    return {name for name in takes if parameter in signature(getattr(views, name)).parameters}


class TestViewsOfAnInstant:
    """A view of an instant shows the market as it is then, once what is due has happened."""

    def test_these_are_all_that_are_asked_for_one(self) -> None:
        assert asked_for("at") == OF_AN_INSTANT.keys()
        assert asked_for("period") == OF_A_PERIOD.keys()

    @pytest.mark.parametrize("name", OF_AN_INSTANT)
    def test_none_shows_the_past(self, name: str) -> None:
        w = everything()
        w.do(c.AddCredit(account=ANN, amount=Money(7)), DAY)
        with pytest.raises(RuleViolation, match=f"^at: need an instant from {w.market.now:%F} "):
            VIEWS[name](w.market, second(DAY - 1))

    @pytest.mark.parametrize("name", VIEWS)
    @pytest.mark.parametrize("days", [1, 8, 15, 22])  # a Friday among them, with something to pay
    def test_each_shows_what_it_would_show_then(self, name: str, days: int) -> None:
        market, at = everything().market, second(days * DAY)
        then, _ = execute(market, c.Tick(), at)
        assert then.version > market.version
        assert VIEWS[name](market, at) == VIEWS[name](then, at)

    @given(market=markets(most=24), hours=st.sampled_from([1, 5, 24, 200, 960]))
    @examples(300)
    def test_of_every_market_each_shows_what_it_would_show_then(
        self, market: Market, hours: int
    ) -> None:
        at = market.now + timedelta(hours=hours)
        then = views.until(market, at)
        for name, asked in VIEWS.items():
            assert asked(market, at) == asked(then, at), name

    def test_an_offer_is_free_again_once_its_rental_has_ended(self) -> None:
        """Seen: asked at its fifth hour, an offer was rented that a preview would have rented."""
        w, later = world(1, prices(2)), second(5 * HOUR)
        number = w.offer(1)
        rent = c.Rent(by=ANN, offer=number, mode=Mode.ON_DEMAND, end=second(HOUR))
        w.do(rent)
        assert not views.offer(w.market, number, second(HOUR - 1)).rentable
        assert views.offer(w.market, number, second(HOUR)).rentable
        [offer], [quote] = views.offers(w.market, later), views.quotes(w.market, later, AN_HOUR)
        assert offer == quote.offer == views.offer(w.market, number, later)
        again = c.Rent(by=BOB, offer=number, mode=Mode.ON_DEMAND)
        assert views.preview(w.market, again, later).error is None

    def test_who_has_nothing_left_pays_no_more(self) -> None:
        w, later = world(1, prices(2)), second(2_000 * HOUR)
        w.rent(1)
        assert views.balance(w.market, ANN, later) == ZERO
        assert views.balance(w.market, HOST, later) == Money(1_000)

    def test_who_keeps_volumes_pays_the_host_too(self) -> None:
        w = world(1, prices(2))
        assert views.balance(w.market, HOST, second(DAY)) == ZERO  # nothing is due, ever
        w.do(c.ListVolume(by=HOST, machine=MachineId(1), size_mb=100_000, end=second(9 * DAY)))
        [disk] = views.volume_offers(w.market, w.now)
        w.do(c.RentVolume(by=BOB, offer=disk.id, size_mb=50_000))
        for days in (3, 8, 10, 30):
            then, _ = execute(w.market, c.Tick(), second(days * DAY))
            for name in (ANN, BOB, HOST):
                at = second(days * DAY)
                assert views.balance(w.market, name, at) == views.balance(then, name, at)

    def test_a_promise_of_what_was_destroyed_is_asked_of_the_archive_alone(self) -> None:
        w = everything()
        contract = min(w.market.homes)
        archive: dict[ContractId, Instance] = {}
        w.market, _ = execute(
            w.market, c.Destroy(by=ANN, contract=contract), second(DAY), archive=archive
        )
        ended = views.promise_of(w.market, contract, second(2 * DAY), archive=archive)
        later = views.promise_of(w.market, contract, second(19 * DAY), archive=archive)
        assert ended.days == later.days != ()
        with pytest.raises(RuleViolation, match=r"^at: "):
            views.promise_of(w.market, contract, second(0), archive=archive)
        elsewhere = MachineId(77)
        with pytest.raises(UnknownId, match=r"^machine"):
            views.uptime_history(w.market, elsewhere, second(19 * DAY), archive=archive)

    def test_a_rolling_end_is_counted_from_the_instant_that_is_asked_for(self) -> None:
        w = world(2, prices(2), rolling=timedelta(days=30))
        for days in (0, 1, 400):
            at = second(days * DAY)
            shown = views.offers(w.market, at)
            assert [each.ends_at for each in shown] == [at + timedelta(days=30)] * len(shown)
            bare = [evolve(each, ends_at=None) for each in shown]
            assert bare == [
                evolve(each, ends_at=None) for each in w.market.machine(MachineId(1)).offers
            ]

    def test_what_has_ended_is_not_offered(self) -> None:
        w = world(1, prices(2), end=second(HOUR))
        [offer] = views.offers(w.market, second(HOUR - 1))
        assert views.offers(w.market, second(HOUR)) == ()
        with pytest.raises(UnknownId):
            views.offer(w.market, offer.id, second(HOUR))
        w.do(c.ListVolume(by=HOST, machine=MachineId(1), size_mb=10, end=second(HOUR)))
        assert len(views.volume_offers(w.market, second(HOUR - 1))) == 1
        assert views.volume_offers(w.market, second(HOUR)) == ()

    def test_a_volume_offer_is_lifted_by_a_rolling_end_that_comes_before_its_own(self) -> None:
        w, at = world(1, prices(2), rolling=timedelta(days=2)), second(5 * DAY)
        w.do(c.ListVolume(by=HOST, machine=MachineId(1), size_mb=10, end=second(25 * HOUR)))
        [offer] = views.volume_offers(w.market, at)
        assert [offer] == list(views.volume_offers(views.until(w.market, at), at))
        w.do(c.RentVolume(by=ANN, offer=offer.id, size_mb=5), 5 * DAY)

    @pytest.mark.parametrize("wrong", [[], 5, "gone"])
    def test_an_archive_is_a_mapping(self, wrong: Any) -> None:
        market, day = everything().market, Interval(second(0), second(DAY))
        contract = _newest(market)
        asked: dict[str, list[Callable[[], Any]]] = {
            "archive": [
                lambda: views.instance(market, contract, archive=wrong),
                lambda: views.statement_of(market, contract, day, archive=wrong),
                lambda: views.deposit_of(market, contract, market.now, archive=wrong),
                lambda: views.earnings(market, HOST, day, archive=wrong),
                lambda: views.promise_of(market, contract, market.now, archive=wrong),
                lambda: views.uptime_history(market, MachineId(1), market.now, archive=wrong),
            ],
            "volumes": [
                lambda: views.volume(market, VolumeId(1), volumes=wrong),
                lambda: views.volume_statement_of(market, VolumeId(1), day, volumes=wrong),
                lambda: views.earnings(market, HOST, day, volumes=wrong),
            ],
        }
        for path, calls in asked.items():
            for call in calls:
                with pytest.raises(WrongType, match=rf"^{path}: need a mapping, got "):
                    call()


IDS = {"AccountId", "MachineId", "ContractId", "OfferId", "VolumeId"}


def of_ids() -> list[tuple[str, str]]:
    """Return each view that takes ids, and the parameter."""
    return [
        (name, each.name)
        for name in views.__all__
        if name[0].islower()
        for each in signature(getattr(views, name)).parameters.values()
        if set(re.split(r"\W+", each.annotation)) & IDS and "Mapping" not in each.annotation
    ]


class TestWhatIsGoneAndNotGiven:
    """A report never leaves out without a word what the state has forgotten.

    Seen: a host's earnings of rentals that were destroyed, $0.00 beside a balance of $20.00.
    """

    def gone(self, **more: Any) -> tuple[World, dict[VolumeId, RentedVolume]]:
        """Return a world after an instance (at 1 h) and a volume (at 2 h) that are gone."""
        w, kept = world(1, prices(2), volume_mb=100_000, **more), dict[VolumeId, RentedVolume]()
        [disk] = views.volume_offers(w.market, w.now)
        w.do(c.RentVolume(by=BOB, offer=disk.id, size_mb=50_000))
        [volume] = views.volumes_of(w.market, BOB)
        w.do(c.Destroy(by=ANN, contract=w.rent(1)), HOUR)
        deleted = c.DeleteVolume(by=BOB, volume=volume.id)
        w.market, _ = execute(w.market, deleted, second(2 * HOUR), volumes=kept)
        return w, kept

    def test_it_is_refused_until_it_is_given_or_left_out_by_a_word(self) -> None:
        w, kept = self.gone()
        period = Interval(second(0), second(DAY))
        with pytest.raises(RuleViolation) as fault:
            views.earnings(w.market, HOST, period, volumes=kept)
        assert str(fault.value) == (
            "archive: need what is gone, the last of it at 2026-01-01 01:00:00+00:00 "
            "(archive={} leaves it out), got none"
        )
        with pytest.raises(RuleViolation, match=r"^volumes: need what is gone, .* 02:00:00"):
            views.earnings(w.market, HOST, period, archive=w.archive)
        [all_of_it] = views.earnings(w.market, HOST, period, archive=w.archive, volumes=kept)
        assert all_of_it.total == views.balance(w.market, HOST, second(2 * HOUR))
        [none] = views.earnings(w.market, HOST, period, archive={}, volumes={})
        assert none.total == ZERO

    def test_what_the_market_has_too_counts_once_as_the_market_has_it(self) -> None:
        """An archive may be newer than its market: a writer goes on while a reader has both."""
        price, kept = PerGbMonth(72), dict[Any, RentedVolume]()
        w = world(1, prices(2), volume_mb=100_000, volume_price=price)
        [disk] = views.volume_offers(w.market, w.now)
        w.do(c.RentVolume(by=BOB, offer=disk.id, size_mb=50_000))
        [volume] = w.market.volumes
        contract = w.rent(1)
        w.do(c.Tick(), HOUR)
        before = w.market
        w.do(c.Destroy(by=ANN, contract=contract), 2 * HOUR)
        deleted = c.DeleteVolume(by=BOB, volume=volume)
        after, _ = execute(w.market, deleted, second(2 * HOUR), volumes=kept)
        both: dict[str, Any] = {"archive": w.archive, "volumes": kept}
        assert (list(w.archive), list(kept)) == ([contract], [volume])
        for end in (HOUR, 3 * HOUR):  # the market's own time, and what is ahead of it
            period, at = Interval(second(0), second(end)), second(end)
            [alone] = views.earnings(before, HOST, period)
            assert views.earnings(before, HOST, period, **both) == (alone,)
            assert alone.total == views.balance(before, HOST, at)
            assert alone.volumes
            assert books_of(before, at, w.archive, kept) == books_of(before, at)
            history = views.uptime_history(before, MachineId(1), at)
            machine: Any = (MachineId(1), at)
            assert views.uptime_history(before, *machine, archive=w.archive) == history
            bill = views.statement_of(before, contract, period)
            assert views.statement_of(before, contract, period, archive=w.archive) == bill
            stored = views.volume_statement_of(before, volume, period)
            assert views.volume_statement_of(before, volume, period, volumes=kept) == stored
            assert views.deposit_of(before, contract, at, archive=w.archive).left == ZERO
        [both_gone] = views.earnings(after, HOST, Interval(second(0), w.now), **both)
        assert both_gone.total == views.balance(after, HOST, w.now)

    def test_archives_that_grow_meanwhile_are_taken_as_they_were(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        w, kept = self.gone(volume_price=PerGbMonth(72))
        more = iter(range(1_000, 2_000))

        def meanwhile(value: object, kind: Any, path: str) -> None:
            """Let a writer go on while a reader looks at what is there."""
            if path.startswith("archive["):
                w.archive[ContractId(next(more))] = next(iter(w.archive.values()))
            elif path.startswith("volumes["):
                kept[VolumeId(next(more))] = next(iter(kept.values()))
            check_kind(value, kind, path)

        period = Interval(second(0), second(DAY))
        [there] = views.earnings(w.market, HOST, period, archive=w.archive, volumes=kept)
        monkeypatch.setattr(_instance_views, "check_kind", meanwhile)
        asked: Any = {"archive": w.archive, "volumes": kept}
        assert views.earnings(w.market, HOST, period, **asked) == (there,)
        told = views.uptime_history(w.market, MachineId(1), second(DAY), archive=w.archive)
        assert len(told.rentals) == 1
        assert (len(w.archive), len(kept)) == (4, 2)

    def test_what_was_gone_before_is_not_missed(self) -> None:
        w, _ = self.gone()
        later = Interval(second(2 * HOUR + 1), second(DAY))
        assert [each.total for each in views.earnings(w.market, HOST, later)] == [ZERO]
        at_once = Interval(second(2 * HOUR), second(DAY))
        with pytest.raises(RuleViolation, match=r"^volumes: "):  # at its last instant
            views.earnings(w.market, HOST, at_once)

    def test_nor_a_free_test_or_what_another_host_had(self) -> None:
        w, day = world(1, prices(2), volume_mb=100_000), Interval(second(0), second(DAY))
        w.do(c.Destroy(by=HOST, contract=w.rent(1, by=HOST)))
        [disk] = views.volume_offers(w.market, w.now)
        w.do(c.RentVolume(by=HOST, offer=disk.id, size_mb=50_000))
        [volume] = views.volumes_of(w.market, HOST)
        w.do(c.DeleteVolume(by=HOST, volume=volume.id))
        assert [each.total for each in views.earnings(w.market, HOST, day)] == [ZERO]
        assert not views.uptime_history(w.market, MachineId(1), w.now).rentals
        w, _ = self.gone()
        w.do(c.AddMachine(machine=Machine(id=2, host=BOB, gpu_name="A", gpus=1)), 3 * HOUR)
        assert [each.machine for each in views.earnings(w.market, BOB, day)] == [2]

    def test_a_host_that_took_its_machine_away_is_told_too(self) -> None:
        w, kept = self.gone()
        w.do(c.UnlistVolume(by=HOST, offer=w.market.machine(MachineId(1)).volume_offer_id), DAY)
        w.do(c.Unlist(by=HOST, machine=MachineId(1)))
        w.do(c.RemoveMachine(by=HOST, machine=MachineId(1)))
        restored = market_from_json(market_to_json(w.market))
        assert restored == w.market
        period = Interval(second(0), second(DAY))
        for half in ({"volumes": kept}, {"archive": w.archive}):
            with pytest.raises(RuleViolation, match="need what is gone"):
                views.earnings(restored, HOST, period, **half)
        [earned] = views.earnings(restored, HOST, period, archive=w.archive, volumes=kept)
        assert earned.total == views.balance(w.market, HOST, w.now)

    def test_a_history_of_a_machine_is_whole_or_refused(self) -> None:
        w, _ = self.gone()
        asked = partial(views.uptime_history, w.market, MachineId(1), second(3 * HOUR))
        with pytest.raises(RuleViolation, match=r"^archive: need what is gone, the last of it at"):
            asked()
        assert asked(archive=w.archive).rented_seconds == HOUR
        assert not asked(archive={}).rentals
        w.do(c.Tick(), 3 * HOUR)
        there = w.rent(1)
        found = views.uptime_history(w.market, MachineId(1), second(4 * HOUR), contract=there)
        assert found.rented_seconds == HOUR  # of one that is there nothing is missing


class TestIds:
    """An id of a wrong type is no id that is unknown: arguments were swapped, most often."""

    def test_these_are_all_that_there_are(self) -> None:
        assert len(of_ids()) == 24

    def asked(self, view: str) -> tuple[Callable[..., Any], dict[str, Any]]:
        """Return a view, and what it is asked of a market in which there is everything."""
        w = everything()
        w.do(c.RentVolume(by=ANN, offer=views.volume_offers(w.market, w.now)[0].id, size_mb=10))
        [volume] = views.volumes_of(w.market, ANN)
        day = Interval(second(0), second(DAY))
        numbers = {"machine": 1, "contract": _newest(w.market), "volume": volume.id}
        numbers["offer"] = views.offers(w.market, w.now)[0].id
        known = {"market": w.market, "at": w.now, "period": day, **numbers}
        known |= {"account": ANN, "host": HOST, "client": ANN}
        ask = getattr(views, view)
        needed = signature(ask).parameters
        return ask, {e: known[e] for e in needed if needed[e].default is Parameter.empty}

    def test_the_parameter_is_called_as_the_thing(self) -> None:
        """In each view alike, so that nobody has to look whether it is ``id`` or ``machine``."""
        called = {"AccountId": {"account", "client", "host"}, "MachineId": {"machine"}}
        called |= {"ContractId": {"contract"}, "OfferId": {"offer"}, "VolumeId": {"volume"}}
        for view, name in of_ids():
            hint = signature(getattr(views, view)).parameters[name].annotation
            [kind] = set(re.split(r"\W+", hint)) & IDS
            assert name in called[kind], view

    @pytest.mark.parametrize(("view", "name"), [each for each in of_ids() if each[0] != "is_host"])
    def test_that_nobody_has(self, view: str, name: str) -> None:
        """None of them answers that there is nothing: the id was misspelt, most often."""
        ask, given = self.asked(view)
        unknown = "nobody" if "AccountId" in signature(ask).parameters[name].annotation else 999_999
        with pytest.raises(UnknownId, match=f", got '?{unknown}'?$"):
            ask(**given | {name: unknown})
        if "archive" in signature(ask).parameters:
            with pytest.raises(UnknownId, match=f", got '?{unknown}'?$"):
                ask(**given | {name: unknown, "archive": {}})

    @pytest.mark.parametrize(("view", "name"), of_ids())
    def test_of_a_wrong_type(self, view: str, name: str) -> None:
        ask, given = self.asked(view)
        wrongs: list[Any] = [second(0), ["x"], 1.5]
        wrongs += [5] if "AccountId" in signature(ask).parameters[name].annotation else ["x"]
        for wrong in wrongs:
            with pytest.raises(WrongType):
                ask(**given | {name: wrong})

    def test_of_a_contract_of_another_machine(self) -> None:
        w = everything()
        w.add(1, machine=2)
        with pytest.raises(UnknownId, match="contract: need a contract of machine 2, got "):
            views.uptime_history(w.market, MachineId(2), w.now, contract=_newest(w.market))

    def test_swapped_with_the_instant(self) -> None:
        wrong: Any = second(0)
        with pytest.raises(WrongType, match=r"^account: need text, got datetime"):
            views.balance(world().market, wrong, ANN)  # type: ignore[arg-type]

    def test_an_account_that_nobody_has_is_no_host(self) -> None:
        assert not views.is_host(everything().market, AccountId("nobody"))

    def test_of_what_is_gone_they_say_where_to_look(self) -> None:
        w = everything()
        w.do(c.RentVolume(by=ANN, offer=views.volume_offers(w.market, w.now)[0].id, size_mb=10))
        [volume] = views.volumes_of(w.market, ANN)
        gone, at, day = min(w.market.homes), w.now, Interval(second(0), second(DAY))
        kept: dict[VolumeId, RentedVolume] = {}
        w.do(c.Destroy(by=ANN, contract=gone))
        market, _ = execute(w.market, c.DeleteVolume(by=ANN, volume=volume.id), at, volumes=kept)
        asks: list[Callable[..., Any]] = [
            lambda **there: views.instance(market, gone, **there),
            lambda **there: views.statement_of(market, gone, day, **there),
            lambda **there: views.deposit_of(market, gone, at, **there),
            lambda **there: views.promise_of(market, gone, at, **there),
        ]
        for ask in asks:
            with pytest.raises(UnknownId, match=r"of one that was destroyed, give archive=\), got"):
                ask()
            with pytest.raises(UnknownId, match=r"need an instance that exists, got"):
                ask(archive={})
            assert ask(archive=w.archive) is not None
        more: list[Callable[..., Any]] = [
            lambda **there: views.volume(market, volume.id, **there),
            lambda **there: views.volume_statement_of(market, volume.id, day, **there),
        ]
        for ask in more:
            with pytest.raises(UnknownId, match=r"of one that was deleted, give volumes=\), got"):
                ask()
            with pytest.raises(UnknownId, match=r"need a volume that exists, got"):
                ask(volumes={})
            assert ask(volumes=kept) is not None


class TestDepositsThatAreKept:
    """An instance that stops uses its deposit no more."""

    def test_one_that_stops_when_the_balance_is_used_up(self) -> None:
        w = world(1, prices(1, storage=1_000), max_discount=Fraction(1, 2))
        contract = w.rent(1, disk_mb=10_000)  # $13.89 an hour for the disk
        w.do(c.Prepay(by=ANN, contract=contract, amount=Money(200)))
        then, _ = execute(w.market, c.Tick(), second(5 * DAY))
        assert then.living(contract).state is InstanceState.STOPPED
        left = views.deposit_of(w.market, contract, second(5 * DAY)).left
        assert left == then.living(contract).deposit.amount > Money(100)


class TestDepositsOfTheFuture:
    """A view shows the state as it is, at the instant asked for: money never shows below zero."""

    def test_a_deposit_that_will_be_used_up_has_nothing_left(self) -> None:
        w = world(1, prices(1))
        contract = w.rent(1)
        w.do(c.Prepay(by=ANN, contract=contract, amount=Money(2)))
        found = views.deposit_of(w.market, contract, second(100 * HOUR))
        assert (found.left, found.refund) == (ZERO, ZERO)

    def test_nor_has_it_in_the_second_in_which_it_is(self) -> None:
        """What the last second lacks is paid from the balance, at that second."""
        w = world(1, prices(3_600), max_discount=Fraction(1, 2))
        contract = w.rent(1)
        w.do(c.Prepay(by=ANN, contract=contract, amount=Money("999.9")))
        _, events = execute(w.market, c.Tick(), second(2_000))
        (spent,) = [each.at for each in events if isinstance(each, e.DepositSpent)]
        before, then, after = (
            views.deposit_of(w.market, contract, spent + timedelta(seconds=s)).left
            for s in (-1, 0, 1)
        )
        assert ZERO < before < Money(1)  # the price of a second, before the discount
        assert (then, after) == (ZERO, ZERO)


class TestQuotesOfReservations:
    """DOMAIN 13: "quotes the discount of *that* duration"; no discount is in the answer, too."""

    def test_the_discount_is_that_of_the_duration_and_none_where_there_is_none(self) -> None:
        w = world(1, prices(1), max_discount=Fraction(1, 20), end=second(380 * DAY))
        w.add(1, 2)
        w.list(prices(2), 2, max_discount=Fraction(0))
        reserved = views.quotes(w.market, w.now, timedelta(days=90), mode=Mode.RESERVED)
        assert [each.offer.machine for each in reserved] == [1, 2]
        assert [each.total for each in reserved] == [Money("2079.00"), Money("4320.00")]
        w.do(c.SetVerification(machine=MachineId(2), verification=Verification.UNVERIFIED))
        assert len(views.quotes(w.market, w.now, timedelta(days=90), mode=Mode.RESERVED)) == 1


class TestIncreases:
    """Views: "the price increases that wait for an account … oldest first"."""

    def test_the_oldest_comes_first_whichever_contract_it_is_for(self) -> None:
        w = World()
        w.do(c.AddCredit(account=ANN, amount=Money(1_000)))
        for machine in (1, 2):
            w.add(1, machine)
            w.list(prices(1), machine, end=second(DAY))
        first, later = (w.rent(1, machine=machine) for machine in (1, 2))
        asked = [
            find_event(w.list(prices(2), machine, end=second(9 * DAY)), e.PriceIncreaseAsked)
            for machine in (2, 1)
        ]
        assert [each.contract for each in asked] == [later, first]
        found = views.increases_of(w.market, ANN)
        assert [number for number, _ in found] == [each.increase for each in asked]
        assert [pending.contract.id for _, pending in found] == [later, first]


class TestTheEndOfTheCalendar:
    """A rolling end beyond the year 9999 is the end of its listing, and of no other."""

    def test_the_other_offers_are_shown(self) -> None:
        w, near = World(), LAST - timedelta(days=60)
        w.market, _ = execute(w.market, c.AddCredit(account=ANN, amount=Money(1)), near)
        rolls: dict[str, Any] = {"rolling": timedelta(days=30)}
        for machine, how in ((1, rolls), (2, {})):
            host = c.AddMachine(machine=Machine(id=machine, host=HOST, gpu_name="A100", gpus=1))
            listing = c.ListMachine(by=HOST, machine=MachineId(machine), prices=prices(1), **how)
            for command in (host, listing):
                w.market, _ = execute(w.market, command, near)
        assert [offer.machine for offer in views.offers(w.market, near)] == [1, 2]
        (gone, _) = (offer.id for offer in views.offers(w.market, near))
        # Its end is set anew once a day: past this instant there is none, if it still has one.
        for at in (LAST - timedelta(days=30) + timedelta(hours=1), LAST):
            assert [offer.machine for offer in views.offers(w.market, at)] == [2]
            assert views.offers(w.market, at, machine=MachineId(1)) == ()
            assert len(views.quotes(w.market, at, timedelta(seconds=1))) == 1
            with pytest.raises(UnknownId, match=r"an offer that is"):
                views.offer(w.market, gone, at)

    def test_time_passes_to_the_last_second(self) -> None:
        market, at = Market(), datetime(9999, 12, 29, tzinfo=UTC)
        machine = Machine(id=1, host="host", gpu_name="A100", gpus=1)
        rolling = timedelta(days=1)
        for command in (
            c.AddMachine(machine=machine),
            c.ListMachine(by="host", machine=1, prices=prices(), rolling=rolling),
        ):
            market, _ = execute(market, command, at)
        market, events = execute(market, c.Tick(), LAST)
        assert [type(each).__name__ for each in events] == ["EndDateRolled", "ListingEnded"]
        assert market.now == events[-1].at


class TestWhatACommandMade:
    """What came due comes first, so the order of events is no way to what a command made."""

    def test_the_contract_is_found_whatever_came_due(self) -> None:
        w = world(2, prices(500))
        w.rent(1)  # whose balance runs out on the way
        offer = w.offer(1, 1)
        events = w.do(c.Rent(by=BOB, offer=offer, mode=Mode.ON_DEMAND), 5 * HOUR)
        assert not isinstance(events[0], e.ContractCreated)
        assert find_event(events, e.ContractCreated).contract.client == BOB
        assert [each.account for each in find_events(events, e.BalanceRanOut)] == [ANN]

    def test_the_listing_is_found(self) -> None:
        w = world(2)
        events = w.list(prices(2))
        assert find_event(events, e.MachineListed).listing.machine.host == HOST
        assert find_events(events, e.ContractCreated) == ()

    def test_none_and_two_are_refused(self) -> None:
        w = world(2, prices(0), end=second(DAY))
        w.rent(1), w.rent(1, 1)
        events = w.do(c.Tick(), 2 * DAY)
        with pytest.raises(RuleViolation, match=r"need one InstanceExpired, got 2"):
            find_event(events, e.InstanceExpired)
        with pytest.raises(RuleViolation, match="need one ContractCreated, got 0"):
            find_event(events, e.ContractCreated)

    @pytest.mark.parametrize("kind", [5, int, "ContractCreated", Market, None])
    def test_another_kind_is_refused(self, kind: type) -> None:
        with pytest.raises(RuleViolation, match=r"^kind: need the class of an event"):
            find_events((), kind)


def of_periods(market: Market, period: Interval) -> dict[Any, Any]:
    """Return what each view of a period says of a market."""
    return {
        **{c: views.statement_of(market, c, period) for c in market.homes},
        **{("volume", v): views.volume_statement_of(market, v, period) for v in market.volumes},
        **{
            host: views.earnings(market, host, period, archive={}, volumes={})
            for host in market.accounts
        },
    }


class TestPeriodsThatAreNotOver:
    """Views of one future agree: "as it is at its end if nobody does anything more"."""

    @given(market=markets(most=24), days=st.sampled_from([1, 9, 40]), before=st.booleans())
    @examples(300)
    def test_each_is_what_it_will_be_then(self, market: Market, days: int, before: bool) -> None:
        end = market.now + timedelta(days=days)
        start = market.now - timedelta(days=1) if before else end - timedelta(hours=5)
        then = views.until(market, end)
        assert then.homes.keys() == market.homes.keys()  # nothing goes by time alone
        assert then.volumes.keys() == market.volumes.keys()
        assert of_periods(market, Interval(start, end)) == of_periods(then, Interval(start, end))

    @pytest.mark.parametrize("days", [1, 8, 15, 30])
    def test_so_is_a_market_with_all_that_comes_due(self, days: int) -> None:
        market, end = everything().market, second(days * DAY)
        for start in (second(0), end - timedelta(hours=1)):
            period = Interval(start, end)
            assert of_periods(market, period) == of_periods(views.until(market, end), period)

    def test_a_balance_that_runs_out_ends_what_all_of_them_count(self) -> None:
        w, later = world(1, prices(2)), second(2_000 * HOUR)  # $1,000 last for 500 hours
        contract, period = w.rent(1), Interval(second(0), later)
        assert views.balance(w.market, ANN, later) == ZERO
        assert views.balance(w.market, HOST, later) == Money(1_000)
        assert views.statement_of(w.market, contract, period).total == Money(1_000)
        [earned] = views.earnings(w.market, HOST, period)
        assert earned.total == Money(1_000)

    def test_a_period_that_is_over_is_told_as_before(self) -> None:
        w = world(1, prices(2))
        contract = w.rent(1)
        w.do(c.Tick(), 600 * HOUR)
        past = Interval(second(0), second(10 * HOUR))
        assert views.statement_of(w.market, contract, past).total == Money(20)
        assert [each.total for each in views.earnings(w.market, HOST, past)] == [Money(20)]


class TestOneLookAheadForMany:
    """Views: "more of the same client and end, one after the other, let it happen once".

    Seen: the statements of a hundred contracts, each of which played all hundred ahead.
    """

    @pytest.fixture
    def looks(self, monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
        """Return the instants that are looked ahead to, as they come."""
        found: list[datetime] = []

        def seen(market: Market, at: datetime) -> Any:
            found.append(at)
            return advance_to(market, at)

        monkeypatch.setattr(_looking_ahead, "advance_to", seen)
        return found

    def test_of_the_contracts_of_one_client(self, looks: list[datetime]) -> None:
        w, end = world(2, prices(1), end=second(20 * DAY)), second(21 * DAY)
        w.rent(1, by=BOB), w.rent(1, 1, by=BOB)
        mine = [each.id for each in views.instances_of(w.market, BOB)]
        assert len(mine) == 2
        for each in mine:
            views.statement_of(w.market, each, Interval(second(0), end))
            views.deposit_of(w.market, each, end)
        views.balance(w.market, BOB, end)
        assert looks == [end]

    def test_of_another_client_instant_or_market_anew(self, looks: list[datetime]) -> None:
        market, end = everything().market, second(15 * DAY)
        for name, at in ((ANN, end), (BOB, end), (BOB, second(16 * DAY)), (ANN, end)):
            assert views.balance(market, name, at) == views.balance(
                views.until(market, at), name, at
            )
        other, _ = execute(market, c.AddCredit(account=ANN, amount=Money(1)), market.now)
        more = views.balance(other, ANN, end) - views.balance(market, ANN, end)
        assert more == Money(1)
        assert looks.count(end) == 2 * 3 + 2  # until, too

    def test_it_goes_as_its_market_goes(self) -> None:
        market, memory = everything().market, _looking_ahead._MEMORY
        views.balance(market, ANN, second(15 * DAY))
        known, kept = ref(market), memory._last is not None
        assert kept
        del market
        collect()
        gone = known() is None
        assert gone
        assert memory._last is None


class TestOnlyAPartIsLookedAt:
    """What cannot bear on an account's money is not played; the answers are those of the whole."""

    @given(market=markets(most=24), days=st.sampled_from([1, 9, 40]))
    @examples(300)
    def test_what_is_asked_of_one_machine_is_what_all_would_say(
        self, market: Market, days: int
    ) -> None:
        at = market.now + timedelta(days=days)
        then = views.until(market, at)
        for machine in market.machines:
            offers = views.volume_offers(market, at, machine=machine)
            assert offers == views.volume_offers(then, at, machine=machine)
            history = views.uptime_history(market, machine, at, archive={})
            assert history == views.uptime_history(then, machine, at, archive={})
            near = market_at(market, at, machine=machine).machine(machine)
            assert {**near.instances} == {**then.machine(machine).instances}
            assert {**near.volumes} == {**then.machine(machine).volumes}
        promised = [c for c in market.homes if market.living(c).contract.sla is not None]
        for contract in promised:
            assert views.promise_of(market, contract, at) == views.promise_of(then, contract, at)

    @given(market=markets(most=24), days=st.sampled_from([1, 9, 40]))
    @settings(max_examples=up_to(100, 15), deadline=None)
    def test_a_balance_is_that_of_the_whole_market(self, market: Market, days: int) -> None:
        at = market.now + timedelta(days=days)
        decision = advance_to(market, at)
        whole = decision.market.market()
        ended: dict[AccountId, datetime] = {}
        for event in find_events(decision.events, BalanceRanOut):
            ended.setdefault(event.account, event.at)
        for name in market.accounts:
            there = whole.account(name).ledger.at(at)
            assert views.balance(market, name, at) == there
            found = views.runway(market, name, market.now, horizon=timedelta(days=days))
            if found.balance > Money(0):
                assert found.ends_at == ended.get(name)
            later = views.runway(market, name, at, horizon=timedelta(days=days))
            assert later.balance == there
            assert later == views.runway(whole, name, at, horizon=timedelta(days=days))

    def test_who_has_gpus_on_demand_depends_on_nobody(self) -> None:
        w = world(8)
        w.rent(1), w.rent(1, 1, by=BOB), w.rent(2, 2, by=BOB, bid="0.5")
        machine = MachineId(1)
        for name, there in ((ANN, {ANN}), (BOB, {ANN, BOB})):  # a bid of hers runs or does not
            part = part_of(w.market, name)
            assert {
                each.contract.client for each in part.machine(machine).instances.values()
            } == there
            assert part.accounts.keys() == {*there, HOST}
        assert not part_of(w.market, HOST).machines  # it pays for nothing
        whole = part_of(w.market, HOST, earning=True)
        assert len(whole.machine(machine).instances) == 3

    def test_who_waits_on_demand_pays_once_the_money_of_another_ends(self) -> None:
        w = world(1, prices(2))
        waiting = w.rent(1, by=BOB)
        w.do(c.Stop(by=BOB, contract=waiting))
        w.do(c.AddCredit(account=AccountId("carl"), amount=Money(2)))
        w.rent(1, by=AccountId("carl"))  # an hour of it
        w.do(c.Start(by=BOB, contract=waiting))
        assert w.state(waiting) == "scheduling"
        assert views.balance(w.market, BOB, second(3 * HOUR)) == Money(996)
        assert views.runway(w.market, BOB, w.now).ends_at == second(501 * HOUR)

    def test_what_a_host_rents_elsewhere_is_no_part_of_its_client(self) -> None:
        """Its money ends before: its own tests are billed, on a machine that is not looked at."""
        w = world(1)
        w.do(c.SetSettings(settings=Settings(own_tests_billed=True)))
        w.do(c.AddCredit(account=HOST, amount=Money(1)))
        w.add(1, machine=2)
        w.list(prices(100, fee=Fraction(1, 2)), machine=2)  # of which it gets half itself
        w.rent(1, by=HOST, machine=2)
        w.rent(1)
        found = views.runway(w.market, ANN, w.now)
        assert found.ends_at == second(1_000 * HOUR)
        assert views.balance(w.market, ANN, second(10 * HOUR)) == Money(990)
