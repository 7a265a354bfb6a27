"""Hypothesis strategies for the values of the library, and for cases of its rules.

Each draws what the rules allow, with a taste for edges: prices that tie or differ by a pico-dollar,
remainders, the first and last second. :func:`~numgenius_core.testing.values` has a strategy for any
class.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final

from attrs import evolve
from hypothesis import strategies as st

from numgenius_core._numbers import PICO
from numgenius_core._terms import HIGHEST_BID, LOWEST_BID
from numgenius_core.bids.priority import Claim, Rank
from numgenius_core.billing.history import (
    Fact,
    History,
    MachineWent,
    Moved,
    Prepaid,
    Rebid,
    Refunded,
    Transferred,
)
from numgenius_core.contracts.contract import Contract, RateChange
from numgenius_core.contracts.life import NEXT, InstanceEvent, InstanceState
from numgenius_core.gpus.slicing import blocks
from numgenius_core.ids import AccountId, ContractId, MachineId, OfferId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Listing, Machine, Mode, PriceTerms, Verification
from numgenius_core.maintenance.schedule import Category, MachineSchedule, MaintenanceWindow
from numgenius_core.money import TICKS_PER_DOLLAR, ZERO, Money
from numgenius_core.offer import Block, Offer
from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour, PerHour
from numgenius_core.units import SECONDS_PER_HOUR

EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""The first instant that strategies draw: the beginning of 2026, UTC."""

# -- numbers and prices ------------------------------------------------------------------------

gpu_counts: st.SearchStrategy[int] = st.one_of(
    st.sampled_from([1, 2, 3, 4, 5, 7, 8, 10, 12, 16]), st.integers(1, 64)
)
"""Numbers of GPUs of a machine, 1 to 64, with a taste for small ones."""
seconds: st.SearchStrategy[int] = st.one_of(
    st.sampled_from([0, 1, 3_599, 3_600, 86_400, 2_592_000]), st.integers(0, 10**8)
)
"""Lengths of time in whole seconds, from none to three years."""
megabytes: st.SearchStrategy[int] = st.integers(0, 10**7)
"""Sizes of a disk in whole MB, from none to 10 TB."""
byte_counts: st.SearchStrategy[int] = st.integers(0, 10**14)
"""Amounts of traffic in bytes, from none to 100 TB."""
shares: st.SearchStrategy[Fraction] = st.one_of(
    st.sampled_from([Fraction(0), Fraction(1, 4), Fraction(2, 5)]),
    st.fractions(0, Fraction(99, 100), max_denominator=1_000),
)
"""Discounts and fees: exact shares from 0 to below 1."""
moneys: st.SearchStrategy[Money] = st.one_of(
    st.integers(-(10**6), 10**6).map(
        lambda cents: Money.from_ticks(cents * TICKS_PER_DOLLAR // 100)
    ),
    st.integers(-(10**6) * TICKS_PER_DOLLAR, 10**6 * TICKS_PER_DOLLAR).map(Money.from_ticks),
)
"""Amounts from minus to plus a million dollars, in whole cents and in whole ticks."""

_steps = st.one_of(
    st.sampled_from([0, 1, 10**12, 133_333_333_333, 10**15]),
    st.integers(0, 100 * 10**12),
    st.integers(0, 10**18),
)
per_gpu_hours: st.SearchStrategy[PerGpuHour] = st.builds(PerGpuHour.from_steps, _steps)
"""Prices in dollars per GPU-hour, from nothing to a million."""
per_hours: st.SearchStrategy[PerHour] = st.builds(PerHour.from_steps, _steps)
"""Prices in dollars per hour for a whole instance, from nothing to a million."""
per_gb_months: st.SearchStrategy[PerGbMonth] = st.builds(PerGbMonth.from_steps, _steps)
"""Prices of disk in dollars per GB-month, from nothing to a million."""
per_gbs: st.SearchStrategy[PerGb] = st.builds(PerGb.from_steps, _steps)
"""Prices of traffic in dollars per GB, from nothing to a million."""

# -- time --------------------------------------------------------------------------------------

instants: st.SearchStrategy[datetime] = st.integers(0, 3 * 365 * 86_400).map(
    lambda s: EPOCH + timedelta(seconds=s)
)
"""Instants of whole seconds from :data:`EPOCH` on, within three years."""


@st.composite
def intervals(draw: st.DrawFn, longest: int = 400 * 86_400) -> Interval:
    """Draw a span of time of 1 to ``longest`` seconds, by default up to 400 days.

    >>> from hypothesis import given
    >>> from numgenius_core.testing import intervals
    >>> @given(span=intervals(longest=60))
    ... def a_span_is_short(span):
    ...     assert 1 <= span.seconds <= 60
    >>> a_span_is_short()
    """
    start = draw(instants)
    return Interval(start, start + timedelta(seconds=draw(st.integers(1, longest))))


# -- machines, listings, offers ----------------------------------------------------------------

accounts: st.SearchStrategy[AccountId] = st.sampled_from(["anna", "ben", "carla", "7"]).map(
    AccountId
)
"""A few accounts, so that two values often have the same one."""
_ids = st.one_of(st.integers(1, 9), st.integers(0, 2**63 - 1))
_names = st.sampled_from(["RTX 4090", "H100 SXM", "A100 SXM4", "RTX 3060 Ti"])


@st.composite
def machine_shapes(draw: st.DrawFn, most: int = 64) -> tuple[int, int]:
    """Draw ``(gpus, min_gpu)`` as a host may list them: a power of two up to the machine.

    >>> from hypothesis import given
    >>> from numgenius_core.testing import machine_shapes
    >>> @given(shape=machine_shapes(most=8))
    ... def the_smallest_offer_fits(shape):
    ...     assert 1 <= shape[1] <= shape[0] <= 8
    >>> the_smallest_offer_fits()
    """
    gpus = draw(gpu_counts.filter(lambda n: n <= most))
    return gpus, 1 << draw(st.integers(0, gpus.bit_length() - 1))


@st.composite
def price_terms(draw: st.DrawFn) -> PriceTerms:
    """Draw the prices of a listing, each independent of the others.

    >>> from hypothesis import given
    >>> from numgenius_core.testing import price_terms
    >>> @given(prices=price_terms())
    ... def the_fee_is_a_share(prices):
    ...     assert 0 <= prices.platform_fee < 1
    >>> the_fee_is_a_share()
    """
    return PriceTerms(
        gpu=draw(per_gpu_hours),
        storage=draw(per_gb_months),
        upload=draw(per_gbs),
        download=draw(per_gbs),
        min_bid=draw(per_gpu_hours),
        platform_fee=draw(shares),
    )


@st.composite
def machines(draw: st.DrawFn) -> Machine:
    """Draw a machine of 1 to 64 GPUs, verified or not.

    >>> from hypothesis import given
    >>> from numgenius_core.testing import machines
    >>> @given(machine=machines())
    ... def a_machine_has_gpus(machine):
    ...     assert 1 <= machine.gpus <= 64
    >>> a_machine_has_gpus()
    """
    return Machine(
        id=MachineId(draw(_ids)),
        host=draw(accounts),
        gpu_name=draw(_names),
        gpus=draw(gpu_counts),
        disk_mb=draw(megabytes),
        verification=draw(st.sampled_from(Verification)),
    )


@st.composite
def listings(draw: st.DrawFn) -> Listing:
    """Draw a listing whose lowest bid is not above its price.

    >>> from hypothesis import given
    >>> from numgenius_core.testing import listings
    >>> @given(listing=listings())
    ... def the_smallest_group_fits(listing):
    ...     assert listing.min_gpu <= listing.machine.gpus
    >>> the_smallest_group_fits()
    """
    machine, prices = draw(machines()), draw(price_terms())
    if prices.min_bid > prices.gpu:
        prices = PriceTerms(gpu=prices.min_bid, min_bid=prices.gpu)
    return Listing(
        machine=machine,
        prices=prices,
        min_gpu=1 << draw(st.integers(0, machine.gpus.bit_length() - 1)),
        max_discount=draw(shares),
        **draw(
            st.sampled_from([{}, {"end": EPOCH + timedelta(days=90)}])
            | st.integers(1, 10**8).map(lambda s: {"rolling": timedelta(seconds=s)})
        ),
    )


_JSON: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(-1e9, 1e9)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


@st.composite
def offers(draw: st.DrawFn) -> Offer:
    """Draw an offer, with or without the fields that a search may leave out.

    >>> from hypothesis import given
    >>> from numgenius_core.testing import offers
    >>> @given(offer=offers())
    ... def an_offer_costs_what_its_gpus_cost(offer):
    ...     assert offer.per_hour == offer.prices.gpu.for_gpus(offer.gpus)
    >>> an_offer_costs_what_its_gpus_cost()
    """
    gpus = draw(gpu_counts)
    whole = draw(st.none() | st.integers(gpus, 2 * gpus))
    start = draw(st.none() | st.integers(0, (whole or gpus) - gpus))
    return Offer(
        id=OfferId(draw(_ids)),
        machine=MachineId(draw(_ids)),
        gpu_name=draw(_names),
        gpus=gpus,
        prices=draw(price_terms()),
        gpus_in_machine=whole,
        block=None if start is None else Block(start=start, size=gpus),
        disk_mb=draw(megabytes),
        max_discount=draw(shares),
        ends_at=draw(st.none() | instants),
        host=draw(st.none() | accounts),
        verification=draw(st.sampled_from(Verification)),
        rentable=draw(st.booleans()),
        extra=draw(st.dictionaries(st.text(max_size=5), _JSON, max_size=2)),
    )


# -- contracts ---------------------------------------------------------------------------------


@st.composite
def bids(draw: st.DrawFn, gpus: int) -> PerHour:
    """Draw a legal bid for an instance of ``gpus`` GPUs; few prices, so that bids tie or nearly.

    >>> from hypothesis import given
    >>> from numgenius_core.bids import check_bid
    >>> from numgenius_core.testing import bids
    >>> @given(bid=bids(gpus=2))
    ... def a_drawn_bid_is_legal(bid):
    ...     check_bid(bid, gpus=2)
    >>> a_drawn_bid_is_legal()
    """
    near = st.builds(
        lambda tenths, grain: max(tenths * 10**11 + grain, 0),
        st.integers(0, 6),
        st.sampled_from([-1_001, -1_000, -1, 0, 0, 0, 1, 1_000]),
    )
    steps = draw(near | st.integers(0, HIGHEST_BID.steps)) * gpus + draw(
        st.sampled_from([0, 1, -1])
    )
    return PerHour.from_steps(min(max(steps, LOWEST_BID.steps), HIGHEST_BID.steps * gpus))


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    """Draw a contract of any mode, at its first rates; some are a host's free tests.

    >>> from hypothesis import given
    >>> from numgenius_core import Mode
    >>> from numgenius_core.testing import contracts
    >>> @given(contract=contracts())
    ... def only_interruptibles_bid(contract):
    ...     assert (contract.bid is not None) == (contract.mode is Mode.INTERRUPTIBLE)
    >>> only_interruptibles_bid()
    """
    start, mode = draw(instants), draw(st.sampled_from(Mode))
    size = draw(st.integers(1, 8))
    host, client = draw(st.permutations([AccountId("anna"), AccountId("ben")]))
    free = mode is not Mode.RESERVED and draw(st.integers(0, 3)) == 0
    return Contract(
        id=ContractId(draw(_ids)),
        machine=MachineId(draw(_ids)),
        host=host,
        client=host if free else client,
        mode=mode,
        block=Block(size=size, start=draw(st.integers(0, 8))),
        prices=draw(price_terms()),
        start=start,
        end=draw(st.none() | st.integers(1, 10**8).map(lambda s: start + timedelta(seconds=s))),
        disk_mb=draw(megabytes),
        bid=draw(bids(size)) if mode is Mode.INTERRUPTIBLE else None,
        discount=draw(shares) if mode is Mode.RESERVED else Fraction(0),
    )


@st.composite
def extended_contracts(draw: st.DrawFn) -> Contract:
    """Draw a contract, often with the rates of extensions.

    >>> from hypothesis import given
    >>> from numgenius_core.testing import extended_contracts
    >>> @given(contract=extended_contracts())
    ... def rates_change_after_the_start(contract):
    ...     assert all(change.since > contract.start for change in contract.rate_changes)
    >>> rates_change_after_the_start()
    """
    contract = draw(contracts())
    room = 10**7 if contract.end is None else Interval(contract.start, contract.end).seconds
    cuts = draw(st.sets(st.integers(1, room - 1), max_size=3)) if room > 1 else set()
    since = [contract.start + timedelta(seconds=cut) for cut in sorted(cuts)]
    changes = (RateChange(since=at, prices=draw(price_terms())) for at in since)
    return evolve(contract, rate_changes=tuple(changes))


@st.composite
def books(
    draw: st.DrawFn, most: int = 64, largest: int = 14
) -> tuple[tuple[Claim, ...], PerGpuHour]:
    """Draw claims on one machine of up to ``most`` GPUs, and the host's floor.

    >>> from hypothesis import given
    >>> from numgenius_core import resolve
    >>> from numgenius_core.testing import books
    >>> @given(book=books(most=8))
    ... def each_claim_runs_or_waits(book):
    ...     claims, floor = book
    ...     answer = resolve(claims, floor=floor)
    ...     assert len(answer.running) + len(answer.waiting) == len(claims)
    >>> each_claim_runs_or_waits()
    """
    gpus = draw(st.one_of(st.sampled_from([1, 2, 4, 8]), st.integers(1, most)))
    places = blocks(gpus, draw(st.integers(1, gpus)), observed=True)
    claims = []
    for number in range(draw(st.integers(0, largest))):
        block = draw(st.sampled_from(places))
        rank = draw(st.sampled_from([*[Rank.BID] * 6, Rank.ON_DEMAND, Rank.DEFAULT_JOB]))
        bid = draw(bids(block.size)) if rank is Rank.BID else None
        claims.append(
            Claim(id=ContractId(number), block=block, rank=rank, arrival=100 - number, bid=bid)
        )
    floor = draw(st.one_of(st.just(0), st.integers(0, 6).map(lambda n: n * 10**11 // 4)))
    return tuple(claims), PerGpuHour.from_steps(floor)


@st.composite
def histories(draw: st.DrawFn, longest: int = 120) -> History:
    """Draw what happened to an instance in up to ``longest`` seconds: legal moves only.

    >>> from hypothesis import given
    >>> from numgenius_core.testing import histories
    >>> @given(history=histories(longest=60))
    ... def a_history_has_states(history):
    ...     assert dict(history.states())
    >>> a_history_has_states()
    """
    contract = draw(_short_contracts(longest))
    cuts = sorted(draw(st.sets(st.integers(1, longest), max_size=2)))
    since = [contract.start + timedelta(seconds=cut) for cut in cuts]
    changes = [
        RateChange(since=at, prices=draw(price_terms()))
        for at in since
        if contract.end is None or at < contract.end
    ]
    facts: list[Fact] = []
    state = InstanceState.LOADING
    if draw(st.sampled_from([True, True, False])):  # it runs at once
        facts.append(Moved(at=contract.start, event=InstanceEvent.LOADED))
        state = InstanceState.RUNNING
    for second in sorted(draw(st.lists(st.integers(0, longest), max_size=10))):
        at = contract.start + timedelta(seconds=second)
        if contract.end is not None and at >= contract.end and state is not InstanceState.DESTROYED:
            state = InstanceState.EXPIRED
        if state is InstanceState.DESTROYED:
            break
        fact = draw(_facts(at, state, contract))
        facts.append(fact)
        if isinstance(fact, Moved):
            state = NEXT[state][fact.event]
    reserved = any(isinstance(fact, Prepaid) for fact in facts)
    if reserved and draw(st.sampled_from([True, True, False])):
        facts.append(Refunded(at=contract.start + timedelta(seconds=longest), amount=ZERO))
    return History(contract=evolve(contract, rate_changes=tuple(changes)), facts=tuple(facts))


@st.composite
def _short_contracts(draw: st.DrawFn, longest: int) -> Contract:
    end = draw(st.none() | st.integers(2, longest))
    mode = draw(st.sampled_from([Mode.ON_DEMAND, Mode.ON_DEMAND, Mode.INTERRUPTIBLE]))
    size = draw(st.integers(1, 3))
    return Contract(
        id=ContractId(1),
        machine=MachineId(7),
        host=AccountId("host"),
        client=AccountId(draw(st.sampled_from([*["client"] * 7, "host"]))),
        mode=mode,
        block=Block(start=0, size=size),
        prices=draw(price_terms()),
        disk_mb=draw(st.sampled_from([0, 1, 10_500])),
        start=EPOCH,
        end=None if end is None else EPOCH + timedelta(seconds=end),
        bid=draw(bids(size)) if mode is Mode.INTERRUPTIBLE else None,
    )


@st.composite
def _facts(draw: st.DrawFn, at: datetime, state: InstanceState, contract: Contract) -> Fact:
    bidding = contract.mode is Mode.INTERRUPTIBLE
    legal: list[InstanceEvent] = sorted(
        (e for e in NEXT[state] if e is not InstanceEvent.EXPIRED), key=lambda e: e.value
    )
    if state is InstanceState.LOADING:
        legal = [InstanceEvent.LOADED] * 4 + legal
    choices: list[st.SearchStrategy[Fact]] = [
        st.builds(Moved, at=st.just(at), event=st.sampled_from(legal)),
        st.builds(MachineWent, at=st.just(at), online=st.booleans()),
        st.builds(Transferred, at=st.just(at), sent=st.integers(0, 10**10), received=st.just(7)),
    ]
    if bidding:
        changes = bids(contract.block.size)
        choices.append(st.builds(Rebid, at=st.just(at), bid=changes))
    elif not contract.is_free_test:
        # It pays a few seconds, and is soon used up, or more than the instance ever runs.
        hour = contract.prices.gpu.for_gpus(contract.block.size).steps
        second = Fraction(hour, PICO * SECONDS_PER_HOUR)
        paid = st.integers(1, 9) | st.integers(10, 200)
        amounts = paid.map(lambda n: Money.from_ticks(1 + int(n * second * TICKS_PER_DOLLAR)))
        prepaid = st.builds(Prepaid, at=st.just(at), amount=amounts, discount=shares)
        choices += [prepaid] * (8 if state is InstanceState.RUNNING else 1)
    # Most that load do get to run, since what never does costs little.
    choices += [choices[0]] * (6 if state is InstanceState.LOADING else 1)
    fact: Fact = draw(st.sampled_from(choices).flatmap(lambda each: each))
    return fact


# -- maintenance --------------------------------------------------------------


@st.composite
def windows(draw: st.DrawFn) -> MaintenanceWindow:
    """Draw a maintenance window of up to eleven days, of any category.

    >>> from hypothesis import given
    >>> from numgenius_core.testing import windows
    >>> @given(window=windows())
    ... def a_window_takes_time(window):
    ...     assert window.period.start < window.period.end
    >>> a_window_takes_time()
    """
    reason = draw(st.sampled_from(["", "new cables", "ein größeres Netzteil"]))
    return MaintenanceWindow(
        period=draw(intervals(10**6)), category=draw(st.sampled_from(Category)), reason=reason
    )


@st.composite
def schedules(draw: st.DrawFn) -> MachineSchedule:
    """Draw a machine's schedule of up to three maintenance windows.

    >>> from hypothesis import given
    >>> from numgenius_core.testing import schedules
    >>> @given(schedule=schedules())
    ... def a_machine_has_few_windows(schedule):
    ...     assert len(schedule.windows) <= 3
    >>> a_machine_has_few_windows()
    """
    cuts = draw(st.lists(st.integers(0, 10**6), max_size=6, unique=True).map(sorted))
    edges = [EPOCH + timedelta(seconds=cut) for cut in cuts]
    periods = [Interval(a, b) for a, b in zip(edges[::2], edges[1::2], strict=False)]
    found = tuple(MaintenanceWindow(period=period) for period in periods)
    return MachineSchedule(machine=MachineId(draw(_ids)), windows=found)
