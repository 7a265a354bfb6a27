"""A strategy for any type of the library, made from type hints where none is made by hand.

Values of the inputs (listings, contracts, histories …) are what the rules allow. Results (a
verdict, a plan) are put together from strategies for their fields: any value of the class, though
not always one that a rule would give.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import cache
from inspect import isabstract
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from attrs import fields, has
from hypothesis import strategies as st

from numgenius_core._terms import Promise
from numgenius_core.billing.history import History
from numgenius_core.billing.payouts import PayoutSchedule
from numgenius_core.contracts.contract import Contract
from numgenius_core.contracts.storage import Disk, Volume
from numgenius_core.errors import NumgeniusError, RuleViolation, WrongType, shown
from numgenius_core.ids import AccountId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Listing, Machine, PriceTerms
from numgenius_core.maintenance.hours import Recurrence
from numgenius_core.maintenance.schedule import MachineSchedule, MaintenanceWindow
from numgenius_core.market.instance import Instance
from numgenius_core.market.state import MachineState, Market
from numgenius_core.money import Money
from numgenius_core.offer import Block, Offer
from numgenius_core.planning.market_series import MarketSeries
from numgenius_core.planning.price_series import PriceSeries
from numgenius_core.planning.spells import FreeSpell
from numgenius_core.prices.schedules import CurveSchedule, LinearSchedule, StepSchedule
from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour, PerHour, Rate
from numgenius_core.sla.fees import FeeSchedule, StopLossFee
from numgenius_core.sla.history import UptimeHistory
from numgenius_core.sla.schedules import (
    BlendSchedule,
    CreditSchedule,
    FadingNotice,
    LinearCredit,
    NoticeSchedule,
    ToleranceBlend,
)
from numgenius_core.sla.terms import SlaTerms
from numgenius_core.testing import strategies as made
from numgenius_core.testing.market_values import markets
from numgenius_core.testing.promise_values import promises, uptime_histories
from numgenius_core.testing.scenario_values import (
    free_spells,
    market_series,
    price_series,
    scenarios,
)
from numgenius_core.whatif.outcome import Outcome
from numgenius_core.whatif.questions import Answer
from numgenius_core.whatif.scenario import Option, Scenario
from numgenius_core.whatif.sweeps import Sweep

T = TypeVar("T")


@st.composite
def _disks(draw: st.DrawFn) -> Disk:
    total = draw(made.megabytes)
    instances = draw(st.integers(0, total))
    volumes = draw(st.integers(0, total - instances))
    listed = draw(st.none() | made.megabytes)
    return Disk(total_mb=total, instances_mb=instances, volumes_mb=volumes, listed_mb=listed)


_volumes = st.builds(
    Volume, size_mb=st.integers(1, 10**7), price=made.per_gb_months, end=st.none() | made.instants
)
_hours = st.builds(
    Recurrence,
    days=st.frozensets(st.integers(0, 6), min_size=1),
    start=st.integers(0, 1_439),
    end=st.just(1_440),
    zone=st.sampled_from(["UTC", "Europe/Berlin"]),
)
_tables: st.SearchStrategy[Any] = st.sampled_from(
    [{}, {1: "0.2"}, {1: "0.2", 3: "0.3"}, {"0.5": "0.01", 12: "0.05"}]
)


@st.composite
def _sweeps(draw: st.DrawFn) -> Sweep:
    options = draw(st.lists(values(Option), min_size=1, max_size=2))
    runs = draw(st.integers(1, 2))
    each = st.lists(values(Outcome), min_size=runs, max_size=runs).map(tuple)
    outcomes = tuple(draw(each) for _ in options)
    seeds = draw(st.sampled_from([range(runs), ()]))
    return Sweep(options=tuple(options), outcomes=outcomes, seeds=tuple(seeds))


@st.composite
def _answers(draw: st.DrawFn) -> Answer:
    sweep = draw(_sweeps())
    best, base = (draw(st.sampled_from(sweep.options)) for _ in range(2))
    measure = draw(st.sampled_from(["profit", "occupancy"]))
    return Answer(best=best, base=base, measure=measure, sweep=sweep)


_payouts = st.builds(
    PayoutSchedule,
    weekday=st.integers(0, 6),
    least=st.sampled_from(["0", "0.01", "20"]).map(Money),
    pending=st.integers(0, 365),
)
_credits = st.sampled_from([LinearCredit(), LinearCredit([(0, "0.5"), (1, 1)])])


def _one_of(tables: st.SearchStrategy[Mapping[Any, T]]) -> st.SearchStrategy[T]:
    return tables.map(lambda table: [*table.values()]).filter(bool).flatmap(st.sampled_from)


_machines = _one_of(markets(most=4).map(lambda market: market.machines))
_instances = _one_of(_machines.map(lambda machine: machine.instances))

_words = st.sampled_from(["RTX 4090", "host", "gpu"])
_MADE: Final[Mapping[Any, st.SearchStrategy[Any]]] = {
    int: st.integers(0, 64),
    bool: st.booleans(),
    str: _words,
    float: st.floats(0, 1_000),
    Fraction: made.shares,
    Decimal: st.decimals(0, 1_000, places=4),
    datetime: made.instants,
    timedelta: st.integers(1, 10**8).map(lambda s: timedelta(seconds=s)),
    AccountId: made.accounts,
    Any: st.none() | st.integers(0, 9) | st.sampled_from(["x", "y"]),
    object: st.integers(0, 9),
    Money: made.moneys,
    PerGpuHour: made.per_gpu_hours,
    PerHour: made.per_hours,
    PerGbMonth: made.per_gb_months,
    PerGb: made.per_gbs,
    Rate: made.per_gpu_hours | made.per_hours | made.per_gb_months | made.per_gbs,
    RuleViolation: st.builds(
        RuleViolation, st.just("offers[3].id"), st.just("a number"), st.sampled_from(["'x'", "-1"])
    ),
    Interval: made.intervals(),
    Block: st.builds(Block, size=st.integers(1, 16), start=st.integers(0, 64)),
    Machine: made.machines(),
    PriceTerms: made.price_terms(),
    Listing: made.listings(),
    Offer: made.offers(),
    Contract: made.extended_contracts(),
    History: made.histories(),
    MaintenanceWindow: made.windows(),
    MachineSchedule: made.schedules(),
    Disk: _disks(),
    Volume: _volumes,
    Recurrence: _hours,
    CurveSchedule: st.builds(CurveSchedule, made.shares),
    StepSchedule: _tables.map(StepSchedule.of),
    LinearSchedule: _tables.map(LinearSchedule.of),
    Promise: promises,
    FeeSchedule: st.builds(StopLossFee, made.shares),
    CreditSchedule: _credits,
    LinearCredit: _credits,
    BlendSchedule: st.builds(ToleranceBlend, made.shares),
    NoticeSchedule: st.builds(FadingNotice, made.shares),
    PayoutSchedule: _payouts,
    SlaTerms: promises.map(lambda each: SlaTerms(each, each.claim)),
    UptimeHistory: uptime_histories(),
    Market: markets(),
    Instance: _instances,  # composed of their fields, most of these would be refused
    MachineState: _machines,
    PriceSeries: price_series(),
    MarketSeries: market_series(),
    FreeSpell: free_spells(),
    Scenario: scenarios(),
    Sweep: _sweeps(),
    Answer: _answers(),
    NumgeniusError: st.builds(RuleViolation, _words, _words, _words),
}


@cache
def values(kind: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for the values of a type: a class of the library, or a field's type.

    Raises:
        WrongType: A type that no field of the library has.

    >>> from hypothesis import given
    >>> from numgenius_core import Contract
    >>> from numgenius_core.testing import values
    >>> @given(contract=values(Contract))
    ... def every_contract_holds_a_gpu(contract):
    ...     assert contract.block.size >= 1
    >>> every_contract_holds_a_gpu()
    """
    if kind in _MADE:
        return _MADE[kind]
    if hasattr(kind, "__supertype__"):  # a NewType
        return values(kind.__supertype__)
    if isinstance(kind, TypeVar):  # of a class that holds values of any type
        return values(object)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        # A function in the place of a value is for callers to write: there are none to draw.
        drawn = [each for each in arguments if get_origin(each) is not Callable]
        return st.one_of(*map(values, drawn))
    if origin is Literal:
        return st.sampled_from(arguments)
    if (
        isinstance(origin, type)
        and Ellipsis not in arguments[:1]
        and (arguments or origin is tuple)
    ):
        return _series(origin, arguments)
    if kind is NoneType:
        return st.none()
    if isinstance(kind, type) and (has(kind) or issubclass(kind, (Enum, Rate))):
        return _of_class(kind)
    raise WrongType("kind", "a type that a field of the library has", shown(kind))


def _of_class(kind: Any) -> st.SearchStrategy[Any]:
    if issubclass(kind, Enum):
        return st.sampled_from(kind)
    if issubclass(kind, Rate):
        return made.per_hours.map(lambda rate: kind.from_steps(rate.steps))
    return _composed(kind)


def _series(origin: type, arguments: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if issubclass(origin, Mapping):
        keys, inner = map(values, arguments)
        return st.dictionaries(keys, inner, max_size=2)
    if origin is tuple and arguments[1:] != (Ellipsis,):
        return st.tuples(*map(values, arguments))
    items = st.lists(values(arguments[0]), max_size=2)
    return items.map(origin if origin in (list, set, frozenset) else tuple)


def _composed(cls: type) -> st.SearchStrategy[Any]:
    """Return a strategy for a class: its fields drawn, what it refuses drawn again."""
    if isabstract(cls):
        # Ours: of the fields of others nothing is known. Of two with one name the later: attrs
        # makes a class with slots anew.
        below: list[Any] = cls.__subclasses__()
        ours = {e.__name__: e for e in below if e.__module__.startswith("numgenius_core.")}
        return st.one_of([values(one) for one in ours.values()])
    hints = get_type_hints(cls)
    parts = {a.alias: values(hints[a.name]) for a in fields(cls) if a.init}

    def instance(found: dict[str, Any]) -> Any:
        try:
            return cls(**found)
        except NumgeniusError:
            return None

    return st.fixed_dictionaries(parts).map(instance).filter(lambda value: value is not None)
