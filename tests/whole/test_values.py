"""Values keep their word: nothing reaches into one from outside, and nothing unchecked gets in.

The paths that are tried: everything public that can be reached from one value of each class, from
a market in which all of it happens, and from what the rooms answer with; what the caller gave and
goes on to change; hashes; and classes derived from those that are taken.
"""

from __future__ import annotations

import copy
import inspect
import json
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from types import UnionType
from typing import Any, Final, Protocol, Union, cast, get_args, get_origin, get_type_hints

import pandas as pd  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest
from attrs import evolve, fields, frozen, has
from attrs.exceptions import FrozenInstanceError
from hypothesis import HealthCheck, Phase, given, settings

import document_values as known
from effort import up_to
from house import FACES, load
from market_world import ANN, BOB, prices, second, world
from numgenius_core import frames
from numgenius_core._tables import Tabular
from numgenius_core.bids import AuctionResult, BidBook, BlockAuction, Claim, pay_as_bid, resolve
from numgenius_core.contracts import Contract
from numgenius_core.errors import NumgeniusError, RuleViolation, WrongType, brief
from numgenius_core.gpus import infer_min_gpu
from numgenius_core.intervals import Interval, floor_second, utc
from numgenius_core.listing import Mode, PriceTerms
from numgenius_core.market import Market, Settings, commands as c, execute, execute_all, views
from numgenius_core.market._ledger import Ledger
from numgenius_core.market.instance import Instance
from numgenius_core.market.logs import MemoryLog, Writer
from numgenius_core.market.state import Account, MachineState
from numgenius_core.money import Money
from numgenius_core.offer import Block, Offer
from numgenius_core.prices import QuotePart, quote, rank_offers
from numgenius_core.rates import PerGpuHour, PerHour, Rate
from numgenius_core.testing import Books, values
from numgenius_core.whatif import PRESETS, Demand, LogNormal, Scenario
from numgenius_core.wire import read_instances, read_machines, read_offers, read_sample

ATOMS: tuple[type, ...] = (
    str,
    int,
    float,
    bool,
    bytes,
    Decimal,
    Fraction,
    date,
    timedelta,
    Enum,
    range,
    frozenset,
)
ATOMS += (type(None), Money, Rate, type, NumgeniusError)
MUTABLE = (list, set, bytearray, dict)
ALL = list(HealthCheck)


def busy_market() -> Market:
    """Return a market that has some of everything."""
    w = world(8, prices(1, storage="0.1", fee="0.25", min_bid="0.1"), end=second(9 * 86_400))
    w.rent(1), w.rent(2, bid=1, by=BOB), w.rent(2, 1, bid=2)
    w.do(c.Prepay(by=ANN, contract=min(w.market.homes), amount=Money(50)))
    w.list(prices(2), end=second(20 * 86_400))
    w.do(c.ScheduleMaintenance(by="host", machine=1, window=known.WINDOW))
    return w.market


def answers() -> Iterator[tuple[str, object]]:
    """Yield values that are made of others, and what the rooms answer with."""
    market, at = busy_market(), second(0)
    claims = [Claim.bidding(i, Block(start=0, size=1), PerHour(i), arrival=i) for i in (1, 2)]
    yield "market", market
    yield "restored", pickle.loads(pickle.dumps(market))
    yield "offers", views.offers(market, at)
    yield "who runs", views.who_runs(market, 1)
    yield "resolution", resolve(claims)
    yield "payments", pay_as_bid(BlockAuction(claims=claims))
    yield "results", execute_all(market, [(c.Tick(), at), (c.Stop(by="x", contract=1), at)])[1]
    yield "quote", quote(known.OFFER, timedelta(hours=1))
    yield "reading", read_sample()
    yield "books", Books(balances={}, deposits={}, bills={}, payouts={}, platform=0)
    yield from known.VALUES.items()


def reached(value: Any, path: str, seen: set[int]) -> Iterator[tuple[str, object]]:
    """Yield everything public that can be reached from a value, with its path."""
    if isinstance(value, ATOMS) or id(value) in seen or callable(value):
        return
    seen.add(id(value))
    yield path, value
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from reached(key, f"{path}, key {key!r}", seen)
            yield from reached(inner, f"{path}[{key!r}]", seen)
    elif hasattr(value, "__iter__"):
        for index, inner in enumerate(value):
            yield from reached(inner, f"{path}[{index}]", seen)
    for name in dir(value):
        if not name.startswith("_") and hasattr(value, name):
            yield from reached(getattr(value, name), f"{path}.{name}", seen)


def is_series(hint: object) -> bool:
    """Return whether values of a type may hold any number of others."""
    kind, inner = get_origin(hint) or hint, get_args(hint)
    if kind in (Union, UnionType):
        return any(map(is_series, inner))
    if kind is tuple:
        return inner[-1:] in ((), (...,))  # those of a fixed length say so
    return (
        isinstance(kind, type)
        and issubclass(kind, Mapping | Sequence | Set)
        and kind not in (str, bytes)
    )


def is_made_by_attrs(method: Any) -> bool:
    """Return whether attrs wrote a method, not a person."""
    return "attrs generated" in getattr(method, "__code__", is_series.__code__).co_filename


ANSWERS = dict(answers())
PROMISED: Final = sorted(
    {
        kind
        for face in FACES
        for kind in [getattr(load(face), name) for name in load(face).__all__]  # some load late
        if isinstance(kind, type) and has(kind)
    },
    key=lambda kind: kind.__qualname__,
)


class TestNothingReachesIntoAValue:
    """README: a value never changes, whatever is done with what it shows."""

    @pytest.mark.parametrize("name", ANSWERS)
    def test_nothing_mutable_is_reached(self, name: str) -> None:
        for path, value in reached(ANSWERS[name], name, set()):
            if isinstance(value, MUTABLE):
                changes = [m for m in ("clear", "append", "add", "extend") if hasattr(value, m)]
                for change in changes:
                    with pytest.raises(WrongType):
                        getattr(value, change)()
                assert changes == ["clear"], path

    @pytest.mark.parametrize("name", ANSWERS)
    def test_no_attribute_can_be_set(self, name: str) -> None:
        for path, value in reached(ANSWERS[name], name, set()):
            if has(type(value)):
                for each in fields(cast(Any, type(value))):
                    with pytest.raises(AttributeError):
                        setattr(value, each.name, None)
                with pytest.raises((AttributeError, TypeError)):
                    value.anything = path  # type: ignore[attr-defined]

    def test_a_market_is_the_same_after_all_that_was_tried(self) -> None:
        market = busy_market()
        for change in (
            "market.machines.clear()",
            "market.machines[1].instances.clear()",
            "market.machines[1].instances.pop(4)",
            "market.machines[1].increases.update({})",
            "market.accounts['eve'] = None",
            "del market.accounts['ann']",
            "market.accounts['ann'].instances.popitem()",
            "market.homes.values().clear()",
            "market.homes.items().mapping.clear()",
            "market.living(4).facts.append(None)",
            "market.living(4).facts[0] = None",
            "market.now = None",
            "del market.machines[1].listing",
        ):
            with pytest.raises((AttributeError, TypeError)):
                exec(change, {"market": market})
        assert market == busy_market()

    def test_the_callers_own_tables_are_copied(self) -> None:
        table: dict[Any, Any] = {}
        market = Market(machines=table, accounts=table, homes=table, listings=table, asked=table)
        said: dict[str, Any] = {"place": "Sweden", "ids": [1, 2], "deep": {"x": [{}]}}
        offer = evolve(known.OFFER, extra=said)
        paid: dict[Any, Any] = {7: PerHour(1)}
        result = AuctionResult(runners=(), payments=paid)
        table[1] = paid[8] = said["place"] = None
        said["ids"].append(3)
        said["deep"]["x"][0]["y"] = 1
        assert market == Market()
        assert offer.extra == {"place": "Sweden", "ids": (1, 2), "deep": {"x": ({},)}}
        assert result.payments == {7: PerHour(1)}

    def test_every_change_of_a_mapping_is_refused(self) -> None:
        extra: Any = known.OFFER.extra
        before = dict(extra)
        for change in (
            "extra['x'] = 1",
            "del extra['score']",
            "extra |= {'x': 1}",
            "extra.clear()",
            "extra.pop('score')",
            "extra.popitem()",
            "extra.setdefault('x', 1)",
            "extra.update(x=1)",
            "extra['flags'][2].clear()",
        ):
            with pytest.raises(WrongType, match="a copy to change"):
                exec(change, {"extra": extra})
        assert extra == before

    def test_what_is_read_only_is_a_mapping_like_others(self) -> None:
        extra = known.OFFER.extra
        assert json.loads(json.dumps(extra)) == {**extra, "flags": [True, None, {"n": 3}]}
        for again in (pickle.loads(pickle.dumps(extra)), copy.deepcopy(extra), copy.copy(extra)):
            assert again == extra
            assert type(again) is type(extra)
        assert type({**extra}) is dict
        assert hash(extra) == hash(evolve(known.OFFER).extra)

    def test_a_record_goes_on_belonging_to_its_caller(self) -> None:
        offer = read_sample().offers[0]
        assert isinstance(offer.extra, Mapping)
        with pytest.raises(WrongType):
            offer.extra.clear()  # type: ignore[attr-defined]

    @pytest.mark.parametrize("bad", [float("nan"), object(), {1}, "\ud800", {"x": {1: 2}}, 10**400])
    def test_what_no_document_holds_is_refused_when_an_offer_is_made(self, bad: object) -> None:
        with pytest.raises(RuleViolation, match=r"^offer\.extra"):
            evolve(known.OFFER, extra={"x": bad})

    def test_nesting_that_no_document_has_is_refused(self) -> None:
        for wrap in (lambda deep: [deep], lambda deep: {"x": deep}):
            deep: Any = 1
            for _ in range(5_000):
                deep = wrap(deep)
            with pytest.raises(RuleViolation, match="levels deep"):
                evolve(known.OFFER, extra={"x": deep})


class TestFieldsAreReadAtOnce:
    """What the engine looks at all the time is a slot, in a class without ``__getattr__``."""

    KINDS = (Account, Contract, Instance, Ledger, MachineState, Market, Money, PerHour, PriceTerms)

    @pytest.mark.parametrize("kind", KINDS)
    def test_no_class_of_the_engine_has_a_hook(self, kind: type) -> None:
        found = {name for each in kind.__mro__[:-1] for name in vars(each)}
        assert not found & {"__getattr__", "__getattribute__"}

    @pytest.mark.parametrize("value", [Money(1), PerHour(1)])
    def test_an_amount_can_neither_change_nor_lose_its_number(self, value: Any) -> None:
        (name,) = type(value).__slots__ or Rate.__slots__  # type: ignore[attr-defined]
        with pytest.raises(FrozenInstanceError):
            setattr(value, name, 2)
        with pytest.raises(FrozenInstanceError):
            delattr(value, name)
        for again in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
            assert again == value
            assert type(again) is type(value)


class TestHashes:
    """A value has a hash, or says in our words that it has none."""

    @pytest.mark.parametrize("name", ANSWERS)
    def test_no_foreign_error(self, name: str) -> None:
        for _, value in reached(ANSWERS[name], name, set()):
            try:
                assert hash(value) == hash(value)
            except WrongType as refusal:
                assert isinstance(value, Market)
                assert str(refusal).startswith("hash(market): need ")  # noqa: PT017


# -- derived classes ---------------------------------------------------------------------------


class Later(datetime):
    """A moment that says more than it holds."""


class Longer(timedelta):
    """A duration that says more than it holds."""


class Named(str):
    """A text that says another."""

    def __str__(self) -> str:
        return "somebody else"


class Share(Fraction):
    """A share that says more than it holds."""


class Number(int):
    """A number that says another."""


class Price(Decimal):
    """An amount that says another."""

    def as_tuple(self) -> Any:
        """Return another amount."""
        return Decimal(99).as_tuple()


MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
TIMES = [
    Later(2026, 1, 1, tzinfo=UTC),
    pd.Timestamp("2026-01-01T00:00:00Z"),
    pd.Timestamp("2026-01-01T02:00:00", tz="Europe/Berlin") - pd.Timedelta(hours=1),
]
FINER = [pd.Timestamp("2026-01-01T00:00:00.000000001Z"), pd.NaT]


class TestDerivedClassesAreRebuiltOrRefused:
    """Bad input: a subclass of a type is rebuilt or refused, never trusted."""

    @pytest.mark.parametrize("time", TIMES, ids=repr)
    def test_instants_come_in_as_plain_ones(self, time: datetime) -> None:
        kept = [
            utc(time),
            floor_second(time),
            Interval(time, MOMENT + timedelta(1)).start,
            evolve(known.LISTING, rolling=None, end=time).end,
            evolve(known.OFFER, ends_at=time).ends_at,
            evolve(known.CONTRACT, start=time).start,
            c.Rent(by="a", offer=1, mode=Mode.ON_DEMAND, end=time).end,
            execute(Market(), c.AddCredit(account="a", amount=Money(1)), time)[0].now,
        ]
        assert {type(each) for each in kept} == {datetime}
        assert set(kept) == {MOMENT}

    @pytest.mark.parametrize("time", FINER, ids=repr)
    def test_what_is_finer_than_a_second_is_refused(self, time: datetime) -> None:
        for make in (
            lambda: utc(time),
            lambda: Interval(time, MOMENT),
            lambda: evolve(known.CONTRACT, start=time),
            lambda: execute(Market(), c.Tick(), time),
            lambda: views.offers(Market(), time),
        ):
            with pytest.raises(RuleViolation):
                make()

    def test_nanoseconds_can_be_floored(self) -> None:
        assert floor_second(FINER[0]) == MOMENT
        assert type(floor_second(FINER[0])) is datetime

    @pytest.mark.parametrize("span", [Longer(days=1), pd.Timedelta(days=1)], ids=repr)
    def test_durations_come_in_as_plain_ones(self, span: timedelta) -> None:
        kept = [
            evolve(known.LISTING, rolling=span).rolling,
            c.ListMachine(by="a", machine=1, prices=known.PRICES, rolling=span).rolling,
            Settings(longest_step=span).longest_step,
        ]
        assert [type(each) for each in kept] == [timedelta] * 3
        assert kept == [timedelta(days=1)] * 3

    @pytest.mark.parametrize("span", [pd.Timedelta(nanoseconds=10**9 + 1), pd.NaT], ids=repr)
    def test_durations_finer_than_a_second_are_refused(self, span: timedelta) -> None:
        for make in (
            lambda: evolve(known.LISTING, rolling=span),
            lambda: Settings(longest_step=span),
            lambda: quote(known.OFFER, span),
        ):
            with pytest.raises(RuleViolation):
                make()

    def test_texts_and_numbers_are_refused(self) -> None:
        with pytest.raises(WrongType, match=r"^machine\.host: need text"):
            evolve(known.MACHINE, host=Named("anna"))
        with pytest.raises(WrongType, match=r"^machine\.gpus: need a whole number"):
            evolve(known.MACHINE, gpus=Number(8))
        with pytest.raises(WrongType):
            c.Label(by="a", contract=1, label=Named("x"))
        with pytest.raises(WrongType):
            c.Stop(by="a", contract=Number(1))

    def test_shares_and_amounts_are_rebuilt(self) -> None:
        for made in (evolve(known.LISTING, max_discount=Share(1, 3)).max_discount,
                     evolve(known.PRICES, platform_fee=Share(1, 3)).platform_fee):  # fmt: skip
            assert (type(made), made) == (Fraction, Fraction(1, 3))
        assert Money(Price("1.50")) == Money("1.50")

    @pytest.mark.parametrize("kind", [Money, PerHour, PerGpuHour])
    def test_amounts_and_rates_are_not_derived_from(self, kind: type) -> None:
        with pytest.raises(WrongType, match="is not derived from"):
            type("Mine", (kind,), {})

    def test_values_of_a_derived_class_are_refused(self) -> None:
        @frozen(kw_only=True)
        class Sneaky(PriceTerms):
            """Prices with more than prices have."""

            more: int = 0

        terms = Sneaky(gpu=PerGpuHour(1))
        for make in (
            lambda: evolve(known.LISTING, prices=terms),
            lambda: evolve(known.OFFER, prices=terms),
            lambda: c.ListMachine(by="a", machine=1, prices=terms),
        ):
            with pytest.raises(WrongType, match="need a PriceTerms"):
                make()


# -- choices -----------------------------------------------------------------------------------


def choices() -> Iterator[tuple[str, type, str, type[Enum]]]:
    """Yield the fields of promised classes that are one of several words."""
    for face in FACES:
        for name in load(face).__all__:
            kind = getattr(load(face), name)
            if isinstance(kind, type) and has(kind):
                for each in fields(kind):
                    hint = inspect.get_annotations(kind).get(each.name)
                    found = vars(inspect.getmodule(kind)).get(str(hint).removesuffix(" | None"))
                    if isinstance(found, type) and issubclass(found, Enum):
                        yield f"{name}.{each.name}", kind, each.name, found


class TestChoicesSayWhatThereIs:
    """A word in the place of a choice is refused, with the choices that there are."""

    @pytest.mark.parametrize("name", ["Machine", "Contract", "MaintenanceWindow"])
    def test_a_field(self, name: str) -> None:
        value = known.VALUES[name]
        for _, kind, field, choice in choices():
            if kind is type(value):
                with pytest.raises(WrongType) as refused:
                    evolve(value, **{field: next(iter(choice)).value})  # type: ignore[misc]  # all are attrs classes
                assert all(str(each) in refused.value.need for each in choice)

    @pytest.mark.parametrize(
        "ask",
        [
            lambda: quote(known.OFFER, timedelta(hours=1), mode="reserved"),  # type: ignore[arg-type]
            lambda: views.quotes(Market(), MOMENT, timedelta(hours=1), mode="reserved"),  # type: ignore[arg-type]
            lambda: evolve(known.CONTRACT, mode="reserved"),  # type: ignore[arg-type]
            lambda: frames.quote(pd.DataFrame(), timedelta(hours=1), mode="reserved"),  # type: ignore[arg-type]
        ],
    )
    def test_a_mode(self, ask: Callable[[], object]) -> None:
        with pytest.raises(WrongType) as refused:
            ask()
        need = "a Mode: Mode.ON_DEMAND, Mode.RESERVED, Mode.INTERRUPTIBLE"
        assert refused.value.need.removesuffix(", or a Column of words") == need
        assert refused.value.got == "'reserved'"

    def test_a_mode_of_a_rental_names_those_that_are_taken(self) -> None:
        """Seen: a text was told ``Mode.RESERVED``, which was refused next."""
        with pytest.raises(WrongType) as refused:
            c.Rent(by="a", offer=1, mode="reserved")  # type: ignore[arg-type]
        need = "a Mode: Mode.ON_DEMAND, Mode.INTERRUPTIBLE (to reserve, rent on demand and Prepay)"
        assert refused.value.need == need


class TestWorkIsBounded:
    """No small argument asks for an hour of work."""

    @pytest.mark.parametrize("largest", [129, 4_096])
    def test_a_machine_of_unknown_size(self, largest: int) -> None:
        with pytest.raises(RuleViolation, match="largest: need a whole number from 1 to 128"):
            infer_min_gpu([1], largest=largest)

    def test_the_largest_machine_there_is(self) -> None:
        assert infer_min_gpu([4_096])[0].gpus == 4_096


# -- values as numbers -------------------------------------------------------------------------


class TestNumbers:
    """What a program wants as a number is one word away, and says how exact it is."""

    @pytest.mark.parametrize("kind", [Money, PerHour, PerGpuHour])
    def test_the_nearest_float(self, kind: Callable[[str], Any]) -> None:
        assert float(kind("0.1")) == 0.1
        assert float(kind("999999.999999999999")) == 999999.999999999999

    @pytest.mark.parametrize("kind", [Money, PerHour, PerGpuHour])
    def test_rounding_is_half_even(self, kind: Callable[[str], Any]) -> None:
        assert [round(kind(text)) for text in ("0.5", "1.5", "2.51")] == [0, 2, 3]
        assert round(kind("2.345"), 2) == kind("2.34")
        assert round(kind("2.355"), 2) == kind("2.36")
        with pytest.raises(RuleViolation):
            round(kind("1"), 13)
        assert type(round(kind("1"))) is int

    def test_a_discount_is_money_and_its_rate_a_share(self) -> None:
        """The key held dollars of a reservation and a share of 0 in the other modes."""
        prices = PriceTerms(gpu=PerGpuHour("0.40"), min_bid=PerGpuHour("0.10"))
        offer = Offer(id=1, machine=7, gpu_name="A", gpus=2, prices=prices, max_discount="0.4")
        for mode in Mode:
            quoted = quote(offer, timedelta(days=30), mode=mode)
            row = quoted.to_dict()
            assert row["discount"] == float(quoted.amount_of(QuotePart.DISCOUNT))
            assert row["discount_rate"] == float(quoted.discount)
            assert (row["discount"] == 0) is (row["discount_rate"] == 0) is (mode != Mode.RESERVED)
            ranked = rank_offers([offer], timedelta(days=30), mode=mode, now=second(0))
            assert ranked.to_dicts() == [row]

    def test_results_are_rows_of_numbers(self) -> None:
        quoted = quote(known.OFFER, timedelta(hours=10), mode=Mode.ON_DEMAND)
        row = quoted.to_dict()
        assert (row["offer"], row["mode"], row["seconds"]) == (9, "on-demand", 36_000)
        assert row["total"] == float(quoted.total)
        assert row.keys() >= {part.value for part in QuotePart}
        assert [line["kind"] for line in quoted.to_dicts()] == [
            line.kind.value for line in quoted.lines
        ]
        first = known.STATEMENT.to_dicts()[0]
        assert (first["kind"], first["quantity"]) == ("GPU on demand", 86_400)
        assert first["fee"] == pytest.approx(1.6)
        table = pd.DataFrame(known.STATEMENT.to_dicts())
        assert table["amount"].sum() == pytest.approx(float(known.STATEMENT.total))


WITH_REPRS = [kind for kind in PROMISED if is_made_by_attrs(kind.__repr__)]


class TestReprsAreShort:
    """What a person prints by mistake says what it is, in a screen at most."""

    @pytest.mark.parametrize("name", ANSWERS)
    def test_of_what_the_rooms_answer_with(self, name: str) -> None:
        value = ANSWERS[name]
        assert isinstance(value, tuple) or len(repr(value)) < 2_500

    def test_a_reading(self) -> None:
        reading = ANSWERS["reading"]
        assert repr(reading).startswith("Reading(source='the sample market', offers=<66 values>, ")

    def test_every_class_that_is_made_says_more_than_where_it_lies(self) -> None:
        """Seen: ``<numgenius_core.market._writer.Writer object at 0x7f…>``."""
        promised = [getattr(load(face), name) for face in FACES for name in load(face).__all__]
        made = [each for each in promised if inspect.isclass(each) and not inspect.isabstract(each)]
        bare: Any = object.__repr__
        silent = [each for each in made if each.__repr__ is bare]
        assert [each for each in silent if Protocol not in each.__bases__] == []

    def test_what_changes_says_how_far_it_is(self) -> None:
        log, book = MemoryLog(), BidBook(8)
        writer = Writer(log)
        paid = c.AddCredit(account=ANN, amount=Money(1))
        for key in ("a", None):
            writer.execute(paid, at=second(0), command_id=key)
        book.bid(1, Block(start=0, size=8), PerHour(8))
        book.bid(2, Block(start=0, size=1), PerHour("0.5"))
        assert repr(log) == "<MemoryLog version=2, command_ids=1>"
        assert repr(writer) == "<Writer version=2, log=MemoryLog>"
        assert repr(book) == "<BidBook gpus=8, claims=2, running=1>"

    @pytest.mark.parametrize("kind", WITH_REPRS, ids=lambda kind: kind.__qualname__)
    def test_of_a_series_a_value_shows_how_much_there_is(self, kind: type) -> None:
        hints = get_type_hints(kind)
        many = [each for each in fields(kind) if each.repr and is_series(hints[each.name])]
        assert [each.name for each in many if each.repr is not brief] == []

    @pytest.mark.parametrize("kind", WITH_REPRS, ids=lambda kind: kind.__qualname__)
    def test_what_tells_two_values_apart_is_in_their_repr(self, kind: type) -> None:
        """Seen: two machines of a host that differ in ``extra``, unequal, and printed alike."""
        given = [each for each in fields(kind) if each.init and each.eq]
        assert [each.name for each in given if each.repr is False] == []

    def test_many_listings_and_many_offers(self) -> None:
        offers = [evolve(known.OFFER, id=number) for number in range(300)]
        ranking = rank_offers(offers, timedelta(hours=1), now=second(0))
        listings = [
            evolve(known.LISTING, machine=evolve(known.LISTING.machine, id=number))
            for number in range(300)
        ]
        week = Interval(second(0), second(7 * 86_400))
        demand = Demand(per_day=1, sizes={1: 1}, stays=LogNormal("6", "0.8"))
        scenario = Scenario(listings=listings, demand=demand, horizon=week)
        for many in (ranking, scenario):
            assert "<300 values>" in repr(many)
            assert len(repr(many)) < 2_500

    def test_a_few_long_values_are_as_long_as_many_short_ones(self) -> None:
        numbers = (1, 2, 3, 4)
        assert (brief(None), brief(())) == ("None", "()")
        assert brief(numbers) == "(1, 2, 3, 4)"
        assert brief(numbers * 4) == repr(numbers * 4)
        assert brief(numbers * 5) == "<20 values>"
        assert brief(("x" * 70,) * 3) == repr(("x" * 70,) * 3)
        assert brief(("x" * 70,) * 4) == "<4 values>"
        assert brief({1: (1,) * 1_000}) == "<1 value>"


class TestComesBackAsItWas:
    """docs/compatibility.md: every value can be pickled and copied, and is then an equal one."""

    @staticmethod
    def read_twice(text: str) -> list[Any]:
        return [read_offers(text, on_error="collect") for _ in range(2)]

    @pytest.mark.parametrize("name", PRESETS)
    def test_a_preset(self, name: str) -> None:
        preset = PRESETS[name]
        for again in (pickle.loads(pickle.dumps(preset)), copy.deepcopy(preset)):
            assert again == preset

    def test_a_reading_with_faults(self) -> None:
        text = '[{"id": 1, "machine_id": 7, "gpu_name": "A", "num_gpus": 0, "dph_base": 1}]'
        one, two = self.read_twice(text)
        assert one.faults
        assert one == two == pickle.loads(pickle.dumps(one)) == copy.deepcopy(one)
        assert one != self.read_twice(text.replace('"num_gpus": 0', '"num_gpus": -1'))[0]

    def test_machines_and_instances_with_faults(self) -> None:
        for read, text in (
            (read_machines, '[{"id": 1, "num_gpus": 0}]'),
            (read_instances, '[{"id": 1, "num_gpus": 0}]'),
        ):
            one, two = (read(text, on_error="collect") for _ in range(2))
            assert one.faults
            assert one == two == pickle.loads(pickle.dumps(one))


NOT_DRAWN = {"Law", "Rule"}
"""What is made of functions."""
WITH_TEXTS = [kind for kind in PROMISED if kind.__name__ not in NOT_DRAWN]


class TestEachValueHasATextAndATable:
    """What can be made, or read from a document, can be printed and told as rows."""

    @pytest.mark.parametrize("kind", WITH_TEXTS, ids=lambda kind: kind.__qualname__)
    def test_whatever_is_in_it(self, kind: type) -> None:
        @settings(
            max_examples=up_to(6, 1),
            database=None,
            phases=[Phase.generate],
            suppress_health_check=ALL,
        )
        @given(values(kind))
        def check(value: Any) -> None:
            assert isinstance(str(value), str)
            assert repr(value)
            if isinstance(value, Tabular):
                assert value.table().head
                assert isinstance(value.to_dicts(), list)

        check()
