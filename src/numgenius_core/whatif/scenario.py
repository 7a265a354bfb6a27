"""A scenario: what a host lists, who comes, and for how long; and its variations.

A scenario is a value. To ask "what if", change it (:func:`~numgenius_core.whatif.vary`) and compare
the outcomes (:func:`~numgenius_core.whatif.sweep`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import Enum
from itertools import product
from typing import Any, Final

from attrs import evolve, field, frozen

from numgenius_core._checks import as_tuple, check_kind, keep_id
from numgenius_core._numbers import fraction
from numgenius_core.errors import RuleViolation, WrongType, brief, shown
from numgenius_core.ids import MachineId
from numgenius_core.intervals import Interval, utc
from numgenius_core.listing import Listing, Machine
from numgenius_core.rates import PerGpuHour
from numgenius_core.units import Exact
from numgenius_core.whatif.demand import Demand, Trace
from numgenius_core.whatif.power import Power


class Placement(Enum):
    """Which of the free blocks of a size an instance gets.

    The client chooses the price: it rents where that is lowest. The placement chooses the block on
    the machine, and with ``LEAST_WASTE`` the machine among those that cost the client the same and
    have the same price on demand. Otherwise the first of these in the listings is taken. It does
    not choose between the host's machines and those of rivals that cost the same: chance does.
    """

    BEST_FIT = "best fit"
    """The block that spoils least for others (:func:`~numgenius_core.gpus.best_fit`)."""
    FIRST_FIT = "first fit"
    """The block that starts lowest (:func:`~numgenius_core.gpus.first_fit`)."""
    LEAST_WASTE = "least waste"
    """Best fit over the whole fleet: of machines that cost the same, those where no bidder is
    paused, of these the one whose largest free block around the chosen one has the fewest GPUs,
    and of equal ones the first listed. On the machine the block is that of ``BEST_FIT``."""


@frozen(kw_only=True)
class Relisting:
    """A host publishes its machine anew, or unlists it, while a scenario is played.

    Attributes:
        at: The instant at which it does, within the horizon.
        machine: The machine's id, one of the host's own.
        listing: The new listing with every term, the platform's fee too; ``None`` unlists the
            machine: no new rentals, and no change to those there are.

    Raises:
        RuleViolation: An instant without a time zone, or the listing of another machine.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core.whatif import Relisting
    >>> Relisting(at=datetime(2026, 1, 5, tzinfo=UTC), machine=7, listing=None).machine
    7
    """

    at: datetime
    machine: MachineId
    listing: Listing | None

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "at", utc(self.at, "relisting.at"))
        keep_id(self, "machine", "relisting.machine")
        if self.listing is not None:
            check_kind(self.listing, Listing, "relisting.listing")
            if self.listing.machine.id != self.machine:
                got = f"machine {self.listing.machine.id}"
                raise RuleViolation("relisting.listing", f"machine {self.machine}", got)


def _as_listings(given: Iterable[Listing]) -> tuple[Listing, ...]:
    return as_tuple(given, "scenario.listings")


def _as_rivals(given: Iterable[Listing]) -> tuple[Listing, ...]:
    return as_tuple(given, "scenario.rivals")


def _as_relistings(given: Iterable[Relisting]) -> tuple[Relisting, ...]:
    return as_tuple(given, "scenario.relistings")


@frozen(kw_only=True)
class Scenario:
    """What is simulated: what a host lists, who comes, and for how long.

    Attributes:
        listings: One listing of each machine of the host, as published at the start of the
            horizon. A promise of uptime is not looked at, since no machine fails here.
        demand: Recorded requests, or a generator of them; with rivals, those of all machines.
        horizon: The time that is simulated. Every machine is empty when it begins.
        relistings: What the host publishes anew meanwhile.
        power: What the machines draw; they draw nothing if left out.
        placement: Which free block an instance gets, and of equally dear machines which.
        rivals: One listing of each machine of other hosts to which the same clients can go, all
            the time as they are here. No figure of an outcome counts what happens on them, no
            variation but ``rivals`` touches them, and their order decides nothing. A client to whom
            the host's machines and theirs cost the same takes each of these machines with the
            same chance, which the seed decides.

    Raises:
        RuleViolation: No listing, two of one machine, listings of several hosts, rivals of the same
            host, or a relisting outside of the horizon or of a machine that the host does not list.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval, Listing, Machine, PerGpuHour, PriceTerms
    >>> from numgenius_core.whatif import Request, Scenario, Trace
    >>> monday = datetime(2026, 1, 5, tzinfo=UTC)
    >>> machine = Machine(id=7, host="hanna", gpu_name="A100", gpus=4)
    >>> listing = Listing(machine=machine, prices=PriceTerms(gpu=PerGpuHour("2.00")))
    >>> demand = Trace([Request(after=0, gpus=1, seconds=7_200, limit=PerGpuHour("2.50"))])
    >>> day = Interval(monday, monday + timedelta(days=1))
    >>> scenario = Scenario(listings=[listing], demand=demand, horizon=day)
    >>> scenario.horizon.seconds
    86400
    """

    listings: tuple[Listing, ...] = field(converter=_as_listings, repr=brief)
    demand: Demand | Trace
    horizon: Interval
    relistings: tuple[Relisting, ...] = field(default=(), converter=_as_relistings, repr=brief)
    power: Power | None = None
    placement: Placement = Placement.BEST_FIT
    rivals: tuple[Listing, ...] = field(default=(), converter=_as_rivals, repr=brief)

    def __attrs_post_init__(self) -> None:
        machines = _machines(self.listings, "scenario.listings")
        _machines(self.rivals, "scenario.rivals")
        if not machines:
            got = "0 listing(s) of 0 machine(s)"
            raise RuleViolation("scenario.listings", "one listing of each machine", got)
        self._check_hosts(machines)
        if not isinstance(self.demand, Demand | Trace):
            raise WrongType("scenario.demand", "a Demand or a Trace", shown(self.demand))
        check_kind(self.horizon, Interval, "scenario.horizon")
        check_kind(self.placement, Placement, "scenario.placement")
        if self.power is not None:
            check_kind(self.power, Power, "scenario.power")
        self._check_relistings(machines)

    def _check_hosts(self, machines: dict[MachineId, Machine]) -> None:
        """Refuse machines of several hosts, and rivals that are the host's own."""
        hosts = list(dict.fromkeys(machine.host for machine in machines.values()))
        if len(hosts) > 1:
            need = "machines of one host; those of others go into scenario.rivals"
            raise RuleViolation("scenario.listings", need, f"of {', '.join(hosts)}")
        for index, rival in enumerate(self.rivals):
            path = f"scenario.rivals[{index}]"
            if rival.machine.host in hosts:
                raise RuleViolation(path, f"a machine of another host than {hosts[0]}", "its own")
            if rival.machine.id in machines:
                got = f"machine {rival.machine.id}"
                raise RuleViolation(path, "a machine that the host does not list", got)

    def _check_relistings(self, machines: dict[MachineId, Machine]) -> None:
        """Refuse what is published outside of the horizon, or of other machines."""
        for index, relisting in enumerate(self.relistings):
            path = f"scenario.relistings[{index}]"
            check_kind(relisting, Relisting, path)
            if relisting.at not in self.horizon:
                raise RuleViolation(f"{path}.at", f"within {self.horizon}", str(relisting.at))
            machine = machines.get(relisting.machine)
            if machine is None:
                raise RuleViolation(path, "a machine of the listings", str(relisting.machine))
            if relisting.listing is not None and relisting.listing.machine != machine:
                raise RuleViolation(path, f"the machine as it is: {machine}", "another")


def _machines(listings: tuple[Listing, ...], path: str) -> dict[MachineId, Machine]:
    """Return the machines of listings by their ids, each listed once."""
    machines = {}
    for index, listing in enumerate(listings):
        check_kind(listing, Listing, f"{path}[{index}]")
        machines[listing.machine.id] = listing.machine
    if len(machines) != len(listings):
        got = f"{len(listings)} listing(s) of {len(machines)} machine(s)"
        raise RuleViolation(path, "one listing of each machine", got)
    return machines


@frozen(kw_only=True)
class Option:
    """One variation of a scenario.

    Attributes:
        values: The name and the value of each thing varied, in order.
        scenario: The scenario with these values.
    """

    values: tuple[tuple[str, Any], ...] = field(repr=brief)
    scenario: Scenario
    _numbers: tuple[int, ...] = field(init=False, default=(), eq=False, repr=False)
    """Of each value, which one of its series it is; not known of an option made by hand."""

    @property
    def label(self) -> str:
        """The values as text, such as ``price 2.50, min_gpu 2``; the second fleet is ``#2``."""
        numbers = self._numbers or (0,) * len(self.values)
        pairs = zip(self.values, numbers, strict=True)
        texts = [f"{name} {_text(value, number)}" for (name, value), number in pairs]
        return ", ".join(texts) or "as it is"

    def __str__(self) -> str:
        return self.label

    def value(self, name: str) -> Any:
        """Return the value of one of the things varied.

        Raises:
            RuleViolation: Nothing of that name was varied.
        """
        for known, value in self.values:
            if known == name:
                return value
        raise RuleViolation("name", f"one of {[known for known, _ in self.values]}", shown(name))


def _text(value: object, number: int = 0) -> str:
    """Return a value as text; of a fleet its number, as its listings would fill pages."""
    if isinstance(value, tuple):
        if not value:
            return "none"
        if all(isinstance(one, Listing) for one in value):
            return f"#{number}" if number else f"of {len(value)} machine(s)"
        return "+".join(map(_text, value))
    if value is None:
        return "never"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}".removesuffix(":00")
    return str(value)


def _price(scenario: Scenario, value: PerGpuHour) -> Scenario:
    check_kind(value, PerGpuHour, "price")
    return _relisted(scenario, lambda one: evolve(one, prices=evolve(one.prices, gpu=value)))


def _min_bid(scenario: Scenario, value: PerGpuHour) -> Scenario:
    check_kind(value, PerGpuHour, "min_bid")
    return _relisted(scenario, lambda one: evolve(one, prices=evolve(one.prices, min_bid=value)))


def _min_gpu(scenario: Scenario, value: int) -> Scenario:
    return _relisted(scenario, lambda one: evolve(one, min_gpu=value))


def _max_discount(scenario: Scenario, value: Exact) -> Scenario:
    share = fraction(value, "max_discount", below_one=True)
    return _relisted(scenario, lambda one: evolve(one, max_discount=share))


def _end(scenario: Scenario, value: datetime | None) -> Scenario:
    return _relisted(scenario, lambda one: evolve(one, end=value, rolling=None))


def _mix(scenario: Scenario, value: tuple[int, ...]) -> Scenario:
    if len(value) != len(scenario.listings):
        raise RuleViolation("mix", f"{len(scenario.listings)} values of min_gpu", str(len(value)))
    sizes = {one.machine.id: m for one, m in zip(scenario.listings, value, strict=True)}
    return _relisted(scenario, lambda one: evolve(one, min_gpu=sizes[one.machine.id]))


def _listings(scenario: Scenario, value: tuple[Listing, ...]) -> Scenario:
    again = sum(one.listing is not None for one in scenario.relistings)
    if again:  # each would bring back a listing that this fleet does not have
        raise RuleViolation("listings", "relistings that only unlist", f"{again} that publish anew")
    return evolve(scenario, listings=value)


def _rivals(scenario: Scenario, value: tuple[Listing, ...]) -> Scenario:
    return evolve(scenario, rivals=value)


def _relisted(scenario: Scenario, change: Callable[[Listing], Listing]) -> Scenario:
    """Return the scenario with each listing of the host changed, those published later too."""
    relistings = [
        one if one.listing is None else evolve(one, listing=change(one.listing))
        for one in scenario.relistings
    ]
    return evolve(scenario, listings=map(change, scenario.listings), relistings=relistings)


_VARY: Final[Mapping[str, Callable[[Scenario, Any], Scenario]]] = {
    "price": _price,
    "min_bid": _min_bid,
    "min_gpu": _min_gpu,
    "max_discount": _max_discount,
    "end": _end,
    "mix": _mix,
    "listings": _listings,
    "rivals": _rivals,
}
_SERIES: Final = ("mix", "listings", "rivals")  # whose values are series themselves


def vary(scenario: Scenario, **values: Iterable[Any]) -> tuple[Option, ...]:
    """Return a scenario with each combination of some values, the last one changing first.

    A value holds all the time: where the scenario has relistings, they publish it too, and change
    what else they change. ``listings`` alone cannot be varied there, unless they only unlist.

    Args:
        scenario: The scenario as it is.
        **values: For each thing varied, its values: ``price`` and ``min_bid`` (of all machines,
            dollars per GPU-hour), ``min_gpu``, ``max_discount``, ``end`` (``None`` is never),
            ``mix`` (a ``min_gpu`` for each listing), ``listings`` or ``rivals`` (whole fleets; in
            labels they are numbered in the order given, ``rivals #2``). All but the last change
            the host's machines alone.

    Raises:
        RuleViolation: A name that cannot be varied, no value, a value against the rules, or
            ``listings`` of a scenario whose relistings publish a machine anew.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Interval, Listing, Machine, PerGpuHour, PriceTerms
    >>> from numgenius_core.whatif import Request, Scenario, Trace, vary
    >>> monday = datetime(2026, 1, 5, tzinfo=UTC)
    >>> machine = Machine(id=7, host="hanna", gpu_name="A100", gpus=4)
    >>> listing = Listing(machine=machine, prices=PriceTerms(gpu=PerGpuHour("2.00")))
    >>> demand = Trace([Request(after=0, gpus=1, seconds=7_200, limit=PerGpuHour("2.50"))])
    >>> day = Interval(monday, monday + timedelta(days=1))
    >>> scenario = Scenario(listings=[listing], demand=demand, horizon=day)
    >>> options = vary(scenario, price=[PerGpuHour("2.00"), PerGpuHour("2.50")], min_gpu=[1, 2])
    >>> [option.label for option in options[:3]]
    ['price 2.00, min_gpu 1', 'price 2.00, min_gpu 2', 'price 2.50, min_gpu 1']
    """
    check_kind(scenario, Scenario, "scenario")
    for name in values:
        if name not in _VARY:
            raise RuleViolation("vary", f"one of {', '.join(_VARY)}", shown(name))
    series = {name: as_tuple(value, name) for name, value in values.items()}
    for name in set(_SERIES) & set(series):
        series[name] = tuple([as_tuple(value, name) for value in series[name]])
    options = []
    for combination in product(*(enumerate(tried, 1) for tried in series.values())):
        chosen = tuple((name, value) for name, (_, value) in zip(series, combination, strict=True))
        varied = scenario
        for name, value in chosen:
            varied = _VARY[name](varied, value)
        option = Option(values=chosen, scenario=varied)
        object.__setattr__(option, "_numbers", tuple(number for number, _ in combination))
        options.append(option)
    if not options:
        raise RuleViolation("vary", "at least one value of each", "none")
    return tuple(options)
