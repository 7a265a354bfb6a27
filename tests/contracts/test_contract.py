"""What was agreed, the life of an instance, and when a machine is taken."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import evolve
from attrs.exceptions import FrozenInstanceError
from hypothesis import given, strategies as st

from market_world import ANN, BOB, START, world
from numgenius_core.billing import History, Moved
from numgenius_core.contracts import (
    NEXT,
    Contract,
    InstanceEvent,
    InstanceState,
    RateChange,
    advance,
    agree,
    client_end,
    occupancy,
    to_reserved,
)
from numgenius_core.errors import IllegalMove, RuleViolation, WrongType
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Listing, Machine, Mode, PriceTerms
from numgenius_core.market import commands as c
from numgenius_core.offer import Block
from numgenius_core.rates import PerGbMonth, PerGpuHour, PerHour
from numgenius_core.sla import Cover, Promise, SlaTerms
from numgenius_core.testing import EPOCH, instants, price_terms, shares

HOST, CLIENT = AccountId("host"), AccountId("client")
MACHINE = Machine(id=MachineId(1), host=HOST, gpu_name="A100", gpus=4)
DAY = timedelta(days=1)


def prices(gpu: str = "2.00") -> PriceTerms:
    return PriceTerms(gpu=PerGpuHour(gpu), storage=PerGbMonth("0.15"), min_bid=PerGpuHour("0.50"))


def listing(gpu: str = "2.00", end: datetime | None = None) -> Listing:
    return Listing(machine=MACHINE, prices=prices(gpu), min_gpu=2, end=end)


def contract(number: int = 1, start: int = 0, end: int | None = 10, **changes: Any) -> Contract:
    """Return a contract for the first two GPUs, from one day to another."""
    fields: dict[str, Any] = {
        "id": ContractId(number),
        "machine": MACHINE.id,
        "host": HOST,
        "client": CLIENT,
        "mode": Mode.ON_DEMAND,
        "block": Block(start=0, size=2),
        "prices": prices(),
        "start": EPOCH + start * DAY,
        "end": None if end is None else EPOCH + end * DAY,
    }
    return Contract(**{**fields, **changes})


def span(start: int, end: int) -> Interval:
    return Interval(EPOCH + start * DAY, EPOCH + end * DAY)


class TestTermsAreLocked:
    """Hosting guide, G3.

    Creating an instance "creates a contract from the listing. It locks prices, specs and end
    date".
    """

    def test_the_published_example(self) -> None:
        # 4×A100 at $2.00 until 31 March; A rents 2 on 5 January; relisted at $2.50 until 30 June
        # on 20 January; B rents 2 on 1 February.
        march, june = datetime(2026, 3, 31, tzinfo=UTC), datetime(2026, 6, 30, tzinfo=UTC)
        a = agree(
            listing("2.00", march),
            Block(start=0, size=2),
            id=ContractId(1),
            client=AccountId("A"),
            at=datetime(2026, 1, 5, tzinfo=UTC),
        )
        b = agree(
            listing("2.50", june),
            Block(start=2, size=2),
            id=ContractId(2),
            client=AccountId("B"),
            at=datetime(2026, 2, 1, tzinfo=UTC),
        )
        assert (a.prices.gpu, a.end) == (PerGpuHour("2.00"), march)
        assert (b.prices.gpu, b.end) == (PerGpuHour("2.50"), june)
        assert (a.gpu_rate, b.gpu_rate) == (PerHour(4), PerHour(5))
        assert client_end([a, b]) == june

    @given(price_terms(), instants)
    def test_every_price_of_the_listing_is_the_contracts(
        self, terms: PriceTerms, at: datetime
    ) -> None:
        offered = evolve(listing(), prices=evolve(terms, min_bid=PerGpuHour(0)))
        made = agree(offered, Block(start=0, size=4), id=ContractId(7), client=CLIENT, at=at)
        assert made.prices == offered.prices
        assert (made.start, made.end, made.machine, made.host) == (at, None, MACHINE.id, HOST)

    def test_without_a_word_it_is_on_demand_to_the_listings_end_without_disk(self) -> None:
        made = agree(
            listing(end=EPOCH + DAY),
            Block(start=0, size=2),
            id=ContractId(1),
            client=CLIENT,
            at=EPOCH,
        )
        assert (made.mode, made.end, made.disk_mb) == (Mode.ON_DEMAND, EPOCH + DAY, 0)
        assert made.bid is None
        assert made.discount == 0

    def test_a_contract_cannot_be_written_to(self) -> None:
        with pytest.raises(FrozenInstanceError):
            contract().prices = prices("3.00")  # type: ignore[misc]

    def test_a_rolling_end_is_fixed_when_the_contract_is_made(self) -> None:
        rolling = evolve(listing(), rolling=30 * DAY)
        made = agree(rolling, Block(start=0, size=2), id=ContractId(1), client=CLIENT, at=EPOCH)
        assert made.end == EPOCH + 30 * DAY

    def test_a_client_may_want_less_time_but_not_more(self) -> None:
        offered, block = listing(end=EPOCH + 10 * DAY), Block(start=0, size=2)
        short = agree(
            offered, block, id=ContractId(1), client=CLIENT, at=EPOCH, end=EPOCH + 3 * DAY
        )
        assert short.end == EPOCH + 3 * DAY
        whole = agree(
            offered, block, id=ContractId(1), client=CLIENT, at=EPOCH, end=EPOCH + 10 * DAY
        )
        assert whole.end == EPOCH + 10 * DAY
        with pytest.raises(RuleViolation, match="end: need at most the listing's end"):
            agree(offered, block, id=ContractId(1), client=CLIENT, at=EPOCH, end=EPOCH + 11 * DAY)

    def test_a_listing_without_end_takes_any(self) -> None:
        end = EPOCH + 999 * DAY
        made = agree(
            listing(), Block(start=0, size=2), id=ContractId(1), client=CLIENT, at=EPOCH, end=end
        )
        assert made.end == end

    @pytest.mark.parametrize(
        ("changes", "need"),
        [
            ({"at": EPOCH + 10 * DAY}, "at: need an instant before the listing's end"),
            ({"at": datetime(2026, 1, 1)}, "at: need a datetime with a time zone"),  # noqa: DTZ001
            ({"block": Block(start=3, size=2)}, "block: need slots below 4"),
            ({"block": 2}, "block: need a Block"),
            ({"listing": None}, "listing: need a Listing"),
            (
                {"mode": Mode.RESERVED},
                "mode: need on-demand or interruptible (agree on demand, then to_reserved; ",
            ),
            # Seen: a text was told ``Mode.RESERVED``, which was refused next.
            (
                {"mode": "reserved"},
                "mode: need a Mode: Mode.ON_DEMAND, Mode.INTERRUPTIBLE, got 'reserved'",
            ),
            ({"mode": Mode.INTERRUPTIBLE}, "contract.bid: need PerHour for an interruptible"),
            ({"bid": PerHour(1)}, "contract.bid: need none for on-demand"),
            ({"end": EPOCH}, "contract.end: need an instant after its start"),
            ({"end": "tomorrow"}, "end: need a datetime with a time zone"),
            ({"id": -1}, "contract.id: need a whole number"),
            ({"client": ""}, "contract.client: need 1 to 200 printable characters"),
            ({"disk_mb": 0.5}, "contract.disk_mb: need a whole number"),
        ],
    )
    def test_what_cannot_be_agreed(self, changes: dict[str, Any], need: str) -> None:
        facts = {
            "listing": listing(end=EPOCH + 10 * DAY),
            "block": Block(start=0, size=2),
            "id": ContractId(1),
            "client": CLIENT,
            "at": EPOCH,
            **changes,
        }
        with pytest.raises(RuleViolation) as fault:
            agree(**facts)
        assert need in str(fault.value)


class TestContract:
    """A contract is checked whole, wherever it comes from."""

    @pytest.mark.parametrize(
        ("changes", "need"),
        [
            ({"machine": "1"}, "contract.machine: need a whole number"),
            ({"host": 5}, "contract.host: need text"),
            ({"block": None}, "contract.block: need a Block"),
            ({"prices": {}}, "contract.prices: need a PriceTerms"),
            ({"start": "now"}, "contract.start: need a datetime"),
            ({"mode": Mode.INTERRUPTIBLE, "bid": PerGpuHour(1)}, "contract.bid: need PerHour"),
            ({"discount": Fraction(1, 5)}, "contract.discount: need 0 for on-demand"),
            ({"mode": Mode.RESERVED, "discount": 1}, "contract.discount: need a fraction"),
            ({"mode": Mode.RESERVED, "discount": 0.2}, "contract.discount: need a fraction"),
            ({"mode": Mode.RESERVED, "client": HOST}, "contract.client: need a paying client"),
        ],
    )
    def test_a_fault_is_named(self, changes: dict[str, Any], need: str) -> None:
        with pytest.raises(RuleViolation) as fault:
            evolve(contract(), **changes)
        assert need in str(fault.value)

    def test_what_its_gpus_cost(self) -> None:
        assert contract().gpu_rate == PerHour(4)
        assert contract(mode=Mode.INTERRUPTIBLE, bid=PerHour("0.7")).gpu_rate == PerHour("0.7")
        assert contract(mode=Mode.RESERVED, discount="0.2").gpu_rate == PerHour("3.2")

    def test_its_disk_in_gb(self) -> None:
        assert str(contract(disk_mb=10_500).disk_gb) == "10.500"

    def test_it_is_in_force_from_its_start_to_before_its_end(self) -> None:
        made = contract(start=1, end=2)
        seconds = [made.start - timedelta(seconds=1), made.start, made.start + DAY]
        assert [made.active_at(at) for at in seconds] == [False, True, False]
        assert made.active_at(made.start + DAY - timedelta(seconds=1))
        assert contract(end=None).active_at(datetime(9999, 1, 1, tzinfo=UTC))


class TestAccounts:
    """Hosting guide, G10.

    Hosts and clients use separate accounts; a host tests its own machine with a *free* instance.
    """

    def test_the_hosts_own_instance_is_free(self) -> None:
        made = agree(listing(), Block(start=0, size=4), id=ContractId(1), client=HOST, at=EPOCH)
        assert made.is_free_test
        assert made.gpu_rate == PerHour(0)

    def test_also_with_a_bid(self) -> None:
        made = contract(client=HOST, mode=Mode.INTERRUPTIBLE, bid=PerHour(1))
        assert made.gpu_rate == PerHour(0)

    def test_a_clients_is_not(self) -> None:
        assert not contract().is_free_test


class TestType:
    """Marketplace: "a type never changes, except on-demand → reserved"."""

    @given(shares)
    def test_on_demand_becomes_reserved_and_nothing_else_changes(self, share: Fraction) -> None:
        before = contract()
        after = to_reserved(before, share)
        assert (after.mode, after.discount) == (Mode.RESERVED, share)
        assert evolve(after, mode=Mode.ON_DEMAND, discount=Fraction(0)) == before

    def test_a_reserved_one_can_be_topped_up(self) -> None:
        assert to_reserved(to_reserved(contract(), Fraction(1, 5)), Fraction(1, 10)).discount == (
            Fraction(1, 10)
        )

    def test_an_interruptible_cannot(self) -> None:
        with pytest.raises(RuleViolation, match=r"contract\.mode: need on-demand or reserved"):
            to_reserved(contract(mode=Mode.INTERRUPTIBLE, bid=PerHour(1)), Fraction(1, 5))

    def test_nor_a_free_test(self) -> None:
        with pytest.raises(RuleViolation, match=r"contract\.client: need a paying client"):
            to_reserved(contract(client=HOST), Fraction(1, 5))

    def test_nor_what_is_no_contract(self) -> None:
        with pytest.raises(WrongType, match="contract: need a Contract"):
            to_reserved(listing(), Fraction(1, 5))  # type: ignore[arg-type]


# The life of an instance, written down from the rule a second time: "loading → running ⇄ paused
# (by priority) ⇄ stopped (by the client); → expired at the end date → destroyed"; restarting waits
# (scheduling). A line is a state, and after each event where it leads.
LIFE = """
loading: loaded=running preempted=paused stopped=stopped expired=expired destroyed=destroyed
running: preempted=paused stopped=stopped expired=expired destroyed=destroyed
paused: resumed=running stopped=stopped expired=expired destroyed=destroyed
stopped: started=scheduling expired=expired destroyed=destroyed
scheduling: resumed=running preempted=paused stopped=stopped expired=expired destroyed=destroyed
expired: destroyed=destroyed
destroyed:
"""
MOVES = {
    (InstanceState(line.split(":")[0]), InstanceEvent(move.split("=")[0])): InstanceState(
        move.split("=")[1]
    )
    for line in LIFE.split("\n")
    for move in line.partition(":")[2].split()
}
EVERY = [(state, event) for state in InstanceState for event in InstanceEvent]


class TestLife:
    """Marketplace: loading → running ⇄ paused ⇄ stopped → expired → destroyed, as one table."""

    @pytest.mark.parametrize(
        "away",
        [
            (InstanceEvent.PREEMPTED, InstanceEvent.RESUMED),
            (InstanceEvent.STOPPED, InstanceEvent.STARTED, InstanceEvent.RESUMED),
        ],
    )
    def test_who_is_paused_or_stopped_while_it_loads_does_not_load_again(
        self, away: tuple[InstanceEvent, ...]
    ) -> None:
        state = advance(InstanceState.LOADING, away[0])
        with pytest.raises(IllegalMove):
            advance(state, InstanceEvent.LOADED)
        for event in away[1:]:
            state = advance(state, event)
        assert state is InstanceState.RUNNING

    @pytest.mark.parametrize(("state", "event"), [move for move in EVERY if move in MOVES])
    def test_every_legal_move(self, state: InstanceState, event: InstanceEvent) -> None:
        assert advance(state, event) is MOVES[state, event]

    @pytest.mark.parametrize(("state", "event"), [move for move in EVERY if move not in MOVES])
    def test_every_illegal_move(self, state: InstanceState, event: InstanceEvent) -> None:
        with pytest.raises(IllegalMove) as fault:
            advance(state, event)
        assert (fault.value.state, fault.value.event) == (state.value, event.value)
        assert set(fault.value.legal) == {e.value for s, e in MOVES if s is state}

    def test_the_table_has_every_state_and_no_other_move(self) -> None:
        assert {(s, e): after for s, events in NEXT.items() for e, after in events.items()} == MOVES
        assert set(NEXT) == set(InstanceState)

    def test_every_state_can_be_reached_and_left_for_good(self) -> None:
        assert {InstanceState.LOADING, *MOVES.values()} == set(InstanceState)
        assert all(
            (state, InstanceEvent.DESTROYED) in MOVES
            for state in set(InstanceState) - {InstanceState.DESTROYED}
        )

    def test_an_end_is_an_end(self) -> None:
        assert dict(NEXT[InstanceState.DESTROYED]) == {}
        assert set(NEXT[InstanceState.EXPIRED].values()) == {InstanceState.DESTROYED}

    @pytest.mark.parametrize("table", [NEXT, NEXT[InstanceState.RUNNING]])
    def test_the_table_is_read_only(self, table: Mapping[Any, Any]) -> None:
        with pytest.raises(TypeError, match="does not support item assignment"):
            table[InstanceState.RUNNING] = {}  # type: ignore[index]

    def test_only_states_and_events(self) -> None:
        with pytest.raises(WrongType, match="state: need an InstanceState"):
            advance("running", InstanceEvent.STOPPED)  # type: ignore[arg-type]
        with pytest.raises(WrongType, match="event: need an InstanceEvent"):
            advance(InstanceState.RUNNING, "stopped")  # type: ignore[arg-type]


class TestClientEnd:
    """Hosting guide, G4.

    "The client end date of a machine is the latest end among its client contracts".
    """

    def test_the_latest_of_them(self) -> None:
        made = [contract(1, 0, 5), contract(2, 0, 9), contract(3, 0, 7)]
        assert client_end(made) == EPOCH + 9 * DAY
        assert client_end(iter(made)) == EPOCH + 9 * DAY

    def test_the_hosts_own_tests_do_not_count(self) -> None:
        made = [contract(1, 0, 5), contract(2, 0, None, client=HOST)]
        assert client_end(made) == EPOCH + 5 * DAY

    def test_one_that_never_ends_has_no_end(self) -> None:
        assert client_end([contract(1, 0, 5), contract(2, 0, None)]) is None

    @pytest.mark.parametrize("made", [[], [contract(client=HOST)]])
    def test_without_a_client_there_is_none(self, made: list[Contract]) -> None:
        with pytest.raises(RuleViolation, match="contracts: need at least one client contract"):
            client_end(made)

    def test_contracts_of_one_machine_only(self) -> None:
        with pytest.raises(RuleViolation, match=r"contracts\[1\]: need a contract of machine 1"):
            client_end([contract(1), contract(2, machine=MachineId(2))])
        with pytest.raises(WrongType, match=r"contracts\[0\]: need a Contract"):
            client_end([None])  # type: ignore[list-item]


@st.composite
def timetables(draw: st.DrawFn) -> tuple[list[Contract], int, Interval]:
    """Return contracts that may or may not fit each other, on a machine of few GPUs."""
    gpus = draw(st.integers(1, 5))
    made = []
    for number in range(draw(st.integers(0, 5))):
        first = draw(st.integers(0, gpus - 1))
        start = draw(st.integers(0, 12))
        end = draw(st.one_of(st.none(), st.integers(start + 1, 14)))
        mode = draw(st.sampled_from(list(Mode)))
        made.append(
            contract(
                number,
                start,
                end,
                mode=mode,
                bid=PerHour(1) if mode is Mode.INTERRUPTIBLE else None,
                block=Block(size=draw(st.integers(1, gpus - first)), start=first),
            )
        )
    since = draw(st.integers(0, 10))
    return made, gpus, span(since, draw(st.integers(since + 1, 14)))


class TestOccupancy:
    """Hosting guide, G3: "the hardware may serve no other purpose" while a contract lasts."""

    def test_each_gpu_has_its_own_timeline(self) -> None:
        made = [
            contract(1, 0, 5),
            contract(2, 5, 8),
            contract(3, 2, None, block=Block(start=3, size=1)),
        ]
        rows = occupancy(made, 4, span(1, 10))
        both = ((span(1, 5), 1), (span(5, 8), 2))
        assert rows == (both, both, (), ((span(2, 10), 3),))

    def test_interruptibles_hold_nothing(self) -> None:
        bidder = contract(1, mode=Mode.INTERRUPTIBLE, bid=PerHour(1))
        assert occupancy([bidder, contract(2)], 2, span(0, 1)) == (((span(0, 1), 2),),) * 2

    def test_nor_does_a_hosts_free_test(self) -> None:
        """DOMAIN 13: it "takes GPUs like its default job: below every bid"."""
        test = contract(1, client=HOST)
        assert test.is_free_test
        assert occupancy([test, contract(2, 3, 5)], 2, span(0, 9)) == (((span(3, 5), 2),),) * 2
        with pytest.raises(RuleViolation, match="slot 0 free of contract 1"):
            occupancy([evolve(test, billed_test=True), contract(2)], 2, span(0, 9))

    def test_a_history_tells_what_was_released(self) -> None:
        """Stopping "releases the GPUs", and so does a client who leaves early."""
        facts = [(0, "LOADED"), (2, "STOPPED"), (4, "STARTED"), (5, "RESUMED"), (7, "DESTROYED")]
        lived = History(
            contract=contract(1),
            facts=[Moved(at=EPOCH + day * DAY, event=InstanceEvent[what]) for day, what in facts],
        )
        meanwhile, afterwards = contract(2, 2, 4), contract(3, 8, 12)
        row = ((span(0, 2), 1), (span(2, 4), 2), (span(5, 7), 1), (span(8, 12), 3))
        assert occupancy([lived, afterwards, meanwhile], 2, span(0, 20)) == (row, row)
        assert occupancy([lived], 2, span(1, 6))[0] == ((span(1, 2), 1), (span(5, 6), 1))
        said = "contract 2: need slot 0 free of contract 1 .a history tells of a contract that"
        with pytest.raises(RuleViolation, match=said):
            occupancy([lived.contract, meanwhile], 2, span(0, 20))

    def test_a_history_goes_on_as_agreed(self) -> None:
        assert occupancy([History(contract=contract(1))], 2, span(0, 20))[1] == ((span(0, 10), 1),)
        endless = History(contract=contract(1, 0, None))
        assert occupancy([endless], 2, span(0, 20))[1] == ((span(0, 20), 1),)
        stopped = Moved(at=EPOCH + DAY, event=InstanceEvent.STOPPED)
        rested = History(contract=contract(1, 0, None), facts=[stopped])
        assert occupancy([rested], 2, span(0, 20))[1] == ((span(0, 1), 1),)
        at_once = History(contract=contract(1), facts=[evolve(stopped, at=EPOCH)])
        assert occupancy([at_once], 2, span(0, 20)) == ((), ())

    def test_a_machine_of_a_market_can_be_asked(self) -> None:
        w = world(2)
        test, first = w.rent(2, by=AccountId("host")), w.rent(1)
        w.do(c.Stop(by=ANN, contract=first), 60)
        second, bid = w.rent(1, by=BOB, at=120), w.rent(1, 1, bid="0.5")
        w.do(c.Destroy(by=BOB, contract=second), 180)
        third = w.rent(1, by=BOB, at=240)
        assert [w.state(each) for each in (test, first, third, bid)] == [
            "paused", "stopped", "running", "running",
        ]  # fmt: skip
        there = [*w.market.machine(MACHINE.id).in_order(), *w.archive.values()]
        hour = Interval(START, START + timedelta(hours=1))
        rows = occupancy([each.history for each in there], 2, hour)
        assert [[number for _, number in row] for row in rows] == [[first, second, third], []]

    def test_what_lies_outside_the_period_is_not_seen(self) -> None:
        made = [contract(1, 0, 2), contract(2, 5, 9), contract(3, 7, None)]
        assert occupancy(made, 2, span(2, 5)) == ((), ())

    def test_no_contract_no_rows_but_one_for_each_gpu(self) -> None:
        assert occupancy([], 3, span(0, 1)) == ((), (), ())

    @pytest.mark.parametrize(
        ("made", "gpus", "need"),
        [
            ([contract(1), contract(2, 9)], 4, "contract 2: need slot 0 free of contract 1"),
            ([contract(1)], 1, "contract 1: need slots below 1"),
            ([], 0, "gpus: need a whole number from 1 to 4,096"),
            ([], 10**9, "gpus: need a whole number from 1 to 4,096"),
            ([contract(1), None], 4, "contracts[1]: need a Contract or the History of its"),
            ([SimpleNamespace(contract=contract(1))], 4, "contracts[0]: need a Contract or the"),
            (
                [contract(1), contract(2, 1, machine=MachineId(2))],
                4,
                "need a contract of machine 1",
            ),
        ],
    )
    def test_what_cannot_be(self, made: list[Contract], gpus: int, need: str) -> None:
        with pytest.raises(RuleViolation) as fault:
            occupancy(made, gpus, span(0, 20))
        assert need in str(fault.value)

    def test_a_period_is_an_interval(self) -> None:
        with pytest.raises(WrongType, match="period: need an Interval"):
            occupancy([], 1, (EPOCH, EPOCH + DAY))  # type: ignore[arg-type]

    @given(timetables())
    def test_it_is_what_each_day_says(
        self, timetable: tuple[list[Contract], int, Interval]
    ) -> None:
        made, gpus, period = timetable
        days = [EPOCH + day * DAY for day in range(14)]
        holders = {
            (day, gpu): [
                int(c.id)
                for c in made
                if c.mode is not Mode.INTERRUPTIBLE and gpu in c.block.slots and c.active_at(day)
            ]
            for day in days
            if day in period
            for gpu in range(gpus)
        }
        try:
            rows = occupancy(made, gpus, period)
        except RuleViolation:
            assert any(len(holding) > 1 for holding in holders.values())
            return
        for (day, gpu), holding in holders.items():
            assert [int(number) for when, number in rows[gpu] if day in when] == holding


class TestAPromiseInAContract:
    """A promise is bought on demand, by a client who pays, and for its whole price."""

    TERMS = SlaTerms(Promise("0.99"), "0.95")

    def test_it_is_taken(self) -> None:
        agreed = contract(sla=self.TERMS, sla_share="0.01")
        assert agreed.sla_fee_at(agreed.start) == PerHour("0.04")  # of two GPUs of $2

    def test_what_it_covers_has_the_prices_of_that_time(self) -> None:
        dearer = evolve(prices("3.00"), platform_fee=Fraction(1, 4))
        later = RateChange(since=EPOCH + 5 * DAY, prices=dearer)
        agreed = contract(sla=self.TERMS, sla_share="0.01", rate_changes=(later,))
        assert agreed.cover_at(agreed.start) == Cover(
            terms=self.TERMS, compute=PerHour(4), fee=PerHour("0.04")
        )
        assert agreed.cover_at(later.since) == Cover(
            terms=self.TERMS, compute=PerHour(6), fee=PerHour("0.06"), platform_fee=Fraction(1, 4)
        )
        assert contract().cover_at(agreed.start) is None

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"sla_share": "0.1"}, "contract.sla_share: need 0 without a promise, got 1/10"),
            (
                {"sla": TERMS, "sla_share": "-0.1"},
                "contract.sla_share: need a share of zero or more, got '-0.1'",
            ),
            (
                {"sla": TERMS, "mode": Mode.INTERRUPTIBLE, "bid": PerHour(4)},
                "contract.sla: need an on-demand contract of a paying client, got interruptible",
            ),
            (
                {"sla": TERMS, "client": HOST},
                "contract.sla: need an on-demand contract of a paying client, got the host's own",
            ),
        ],
    )
    def test_nowhere_else(self, changes: dict[str, Any], says: str) -> None:
        with pytest.raises(RuleViolation) as refused:
            contract(**changes)
        assert str(refused.value) == says

    def test_it_is_not_prepaid(self) -> None:
        with pytest.raises(RuleViolation, match="one without a promise, to prepay"):
            to_reserved(contract(sla=self.TERMS, sla_share="0.01"), "0.2")
