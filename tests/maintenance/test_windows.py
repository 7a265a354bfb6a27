"""The window of one machine: earliest free, or of least loss, beside every minute tried."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast
from unittest.mock import patch

import pytest
from attrs import evolve
from hypothesis import given, strategies as st

from effort import examples
from numgenius_core.contracts import Contract, RateChange
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.intervals import Interval, union
from numgenius_core.listing import Mode, PriceTerms
from numgenius_core.maintenance import (
    Recurrence,
    Weights,
    _shortlist as shortlist,
    allowed_intervals,
    best_window,
    disturbances,
    earliest_window,
)
from numgenius_core.maintenance.losses import weighed_pieces
from numgenius_core.maintenance.windows import _least_loss, fewest_touched, free_time
from numgenius_core.money import Money
from numgenius_core.offer import Block
from numgenius_core.rates import PerGb, PerGpuHour, PerHour
from numgenius_core.sla import Promise, SlaTerms

T0 = datetime(2026, 3, 2, tzinfo=UTC)
PROMISED = SlaTerms(promise=Promise("0.99"), target="0.95")


def minute(n: int) -> datetime:
    return T0 + timedelta(minutes=n)


def minutes(a: int, b: int) -> Interval:
    return Interval(minute(a), minute(b))


def contract(
    a: int,
    b: int | None,
    *,
    number: int = 1,
    gpus: int = 1,
    gpu: str = "1",
    bid: str | None = None,
    client: str = "client",
    fee: str = "0",
) -> Contract:
    """Return a contract from minute ``a`` to minute ``b``."""
    return Contract(
        id=ContractId(number),
        machine=MachineId(7),
        host=AccountId("host"),
        client=AccountId(client),
        mode=Mode.ON_DEMAND if bid is None else Mode.INTERRUPTIBLE,
        block=Block(start=0, size=gpus),
        prices=PriceTerms(gpu=PerGpuHour(gpu), platform_fee=fee),
        start=minute(a),
        end=None if b is None else minute(b),
        bid=None if bid is None else PerHour(bid),
    )


@st.composite
def books(draw: st.DrawFn, most: int = 7) -> list[Contract]:
    """Return contracts of one machine around the horizon, some extended at other prices."""
    book: list[Contract] = []
    for number in range(draw(st.integers(0, most))):
        a = draw(st.integers(-30, 110))
        b = draw(st.one_of(st.none(), st.integers(a + 1, a + 60)))
        one = contract(
            a,
            b,
            number=number,
            gpus=draw(st.sampled_from([1, 2, 8])),
            gpu=draw(st.sampled_from(["0", "0.5", "1.25", "3"])),
            bid=draw(st.sampled_from([None, None, "0.7"])),
            fee=draw(st.sampled_from(["0", "0.25"])),
        )
        if one.bid is None and draw(st.booleans()):
            one = evolve(one, sla=PROMISED, sla_share="0.01")
        if b is not None and b > a + 1 and draw(st.booleans()):
            since = minute(draw(st.integers(a + 1, b - 1)))
            prices = PriceTerms(gpu=PerGpuHour("2"), min_bid=PerGpuHour("0.9"), platform_fee="0.2")
            book.append(evolve(one, rate_changes=(RateChange(since=since, prices=prices),)))
        else:
            book.append(one)
    return book


def some_weights() -> st.SearchStrategy[Weights]:
    few = st.sampled_from([Fraction(0), Fraction(1), Fraction(1, 3), Fraction(7, 2)])
    return st.builds(
        Weights,
        contracts=st.sampled_from([Fraction(1, 10**6), Fraction(1), Fraction(5, 3)]),
        gpu_hours=few,
        payout=few,
        refunds=few,
    )


def slow_losses(
    book: list[Contract],
    length: int,
    horizon: int,
    weights: Weights,
    refunds: dict[ContractId, Money],
) -> list[Fraction]:
    """Return the loss from each minute on by walking through the minutes of the window."""
    losses = [Fraction(0)] * (horizon - length + 1)
    for each in book:
        owed = Fraction(refunds.get(each.id, Money(0)).to_decimal())
        once = weights.contracts + weights.refunds * owed
        by_minute: list[Fraction | None] = []  # None while not in force
        for n in range(horizon):
            rate = Fraction(each.gpu_rate_at(minute(n)).to_decimal())
            billed = each.sla is not None  # through an outage, too
            lost = weights.gpu_hours * each.block.size
            kept = 1 - each.prices_at(minute(n)).platform_fee
            lost += Fraction(0) if billed else weights.payout * rate * kept
            by_minute.append(lost / 60 if each.active_at(minute(n)) else None)
        for a in range(len(losses)):
            inside = [lost for lost in by_minute[a : a + length] if lost is not None]
            losses[a] += sum(inside, once if inside else Fraction(0))
    return losses


class TestTheWindowThatDisturbsLeast:
    """Issue, (b): "earliest window of length L that disturbs nobody".

    "Else the window in a horizon that disturbs least, by a caller's weights."
    """

    @examples(100)
    @given(
        book=books(),
        length=st.integers(1, 60),
        horizon=st.integers(60, 100),
        weights=some_weights(),
        owed=st.dictionaries(st.integers(0, 6), st.integers(0, 9), max_size=3),
        gates=st.none()
        | st.lists(st.tuples(st.integers(-10, 100), st.integers(1, 70)), max_size=4),
        data=st.data(),
    )
    def test_against_every_minute(
        self,
        book: list[Contract],
        length: int,
        horizon: int,
        weights: Weights,
        owed: dict[int, int],
        gates: list[tuple[int, int]] | None,
        data: st.DataObject,
    ) -> None:
        refunds = {ContractId(k): Money(v) for k, v in owed.items()}
        few = data.draw(st.sampled_from([1, 500]))
        allowed = None if gates is None else [minutes(a, a + n) for a, n in gates]
        joined = [minutes(0, horizon)] if allowed is None else union(allowed)
        starts = [
            a
            for a in range(horizon - length + 1)
            if any(g.overlap(minutes(a, a + length)) == minutes(a, a + length) for g in joined)
        ]
        within, long = minutes(0, horizon), timedelta(minutes=length)
        if not starts:
            with pytest.raises(RuleViolation, match="length"):
                best_window(book, long, within, allowed=allowed)
            return
        losses = slow_losses(book, length, horizon, weights, refunds)
        best = min(starts, key=lambda a: (losses[a], a))
        with patch.object(shortlist, "FEW", few):
            plan = best_window(
                iter(book), long, within, weights=weights, refunds=refunds, allowed=allowed
            )
        assert (plan.window, plan.loss) == (minutes(best, best + length), losses[best])
        free = earliest_window(book, long, within, allowed=allowed)
        assert free == (plan.window if plan.is_free else None)

    @given(book=books(), length=st.integers(1, 60), weights=some_weights())
    def test_a_loss_of_zero_has_no_contract_in_the_window(
        self, book: list[Contract], length: int, weights: Weights
    ) -> None:
        plan = best_window(book, timedelta(minutes=length), minutes(0, 90), weights=weights)
        inside = [
            each
            for each in book
            if each.start < plan.window.end and (each.end is None or each.end > plan.window.start)
        ]
        assert (plan.loss == 0) == plan.is_free == (not inside)
        assert plan.blocking == tuple(sorted(each.id for each in inside))

    def test_seconds_matter(self) -> None:
        book = [evolve(contract(0, 10), end=minute(10) + timedelta(seconds=1)), contract(20, 30)]
        plan = best_window(book, timedelta(seconds=599), minutes(0, 60))
        assert plan.window.start == minute(10) + timedelta(seconds=1)
        assert best_window(book, timedelta(seconds=600), minutes(0, 60)).window == minutes(30, 40)

    def test_an_empty_machine_is_free_at_once(self) -> None:
        plan = best_window([], timedelta(hours=1), minutes(0, 60))
        assert (plan.window, plan.is_free, plan.loss) == (minutes(0, 60), True, Fraction(0))

    def test_a_contract_without_end_is_in_every_later_window(self) -> None:
        assert earliest_window([contract(5, None)], timedelta(minutes=6), minutes(0, 600)) is None

    def test_of_equal_losses_the_earliest(self) -> None:
        book = [contract(0, 100, number=1), contract(50, 60, number=2)]
        assert best_window(book, timedelta(minutes=10), minutes(0, 100)).window == minutes(0, 10)

    def test_only_what_is_asked_counts(self) -> None:
        big = contract(0, 60, number=1, gpus=8, gpu="0")
        dear = contract(60, 120, number=2, gpus=1, gpu="9")
        for weights, start in (
            (Weights(), 0),
            (Weights(gpu_hours=Fraction(1)), 60),
            (Weights(payout=Fraction(1)), 0),
        ):
            plan = best_window([big, dear], timedelta(hours=1), minutes(0, 120), weights=weights)
            assert plan.window.start == minute(start)
        owed = {ContractId(1): Money(5)}
        weights = Weights(refunds=Fraction(1))
        plan = best_window(
            [big, dear], timedelta(hours=1), minutes(0, 120), weights=weights, refunds=owed
        )
        assert plan.window.start == minute(60)

    def test_in_allowed_hours(self) -> None:
        """Issue, (c): recurring windows, combined with (b)."""
        hours = [Recurrence.parse("Sat–Sun 01:00–06:00 Europe/Berlin")]
        within = Interval(T0, T0 + timedelta(days=14))
        book = [evolve(contract(0, 1), end=T0 + timedelta(days=5, hours=3))]
        allowed = allowed_intervals(hours, within)
        plan = best_window(book, timedelta(hours=3), within, allowed=allowed)
        assert plan.window.start == T0 + timedelta(days=6)  # Sunday, 01:00 in Berlin
        assert earliest_window(book, timedelta(hours=2), within, allowed=allowed) == Interval(
            T0 + timedelta(days=5, hours=3), T0 + timedelta(days=5, hours=5)
        )


class TestTheLeastDifferenceDecides:
    """Losses are exact: a contract that weighs a tick less is the one to disturb."""

    LENGTH = timedelta(minutes=10)
    WEIGHTS = Weights(refunds=1)

    @staticmethod
    def owed(first: int, second: int) -> dict[ContractId, Money]:
        return {
            ContractId(1): Money.from_ticks(first * 10**24),
            ContractId(2): Money.from_ticks(second * 10**24 - 1),
        }

    @pytest.mark.parametrize("spans", [[(0, 100)], [(0, 30), (50, 100)], [(0, 50), (60, 100)]])
    def test_of_two_contracts_a_tick_apart(self, spans: list[tuple[int, int]]) -> None:
        book = [contract(0, 50), contract(50, 100, number=2)]
        plan = best_window(
            book,
            self.LENGTH,
            minutes(0, 100),
            weights=self.WEIGHTS,
            refunds=self.owed(3, 3),
            allowed=[minutes(*span) for span in spans],
        )
        assert plan.window.start == minute(max(50, spans[-1][0]))
        assert plan.blocking == (2,)

    def test_an_extended_contract_counts_once(self) -> None:
        long = contract(-20, 100)
        dearer = PriceTerms(gpu=PerGpuHour(2))
        book = [evolve(long, rate_changes=(RateChange(since=minute(50), prices=dearer),))]
        weights = Weights(contracts=5, payout=1)
        plan = best_window(book, self.LENGTH, minutes(0, 100), weights=weights)
        assert plan.window.start == minute(0)

    def test_once_too_where_the_new_rate_begins_with_the_horizon(self) -> None:
        prices = PriceTerms(gpu=PerGpuHour(1), upload=PerGb(1))
        early = evolve(contract(-20, 50), rate_changes=(RateChange(since=T0, prices=prices),))
        plan = best_window(
            [early, contract(50, 100, number=2)],
            self.LENGTH,
            minutes(0, 100),
            weights=self.WEIGHTS,
            refunds=self.owed(3, 3),
        )
        assert plan.blocking == (2,)

    def test_the_earliest_free_window_is_one_that_is_allowed(self) -> None:
        book = [contract(20, 30)]
        allowed = [minutes(15, 28), minutes(25, 60)]
        found = earliest_window(book, self.LENGTH, minutes(0, 100), allowed=allowed)
        assert found == minutes(30, 40)
        assert earliest_window(book, self.LENGTH, minutes(0, 100)) == minutes(0, 10)


class TestWhatIsLost:
    """Issue, (b): contracts, GPU-hours, payout lost, refunds due.

    "With the blocking contracts named."
    """

    def test_each_part_of_the_loss(self) -> None:
        book = [
            contract(30, 90, number=3, gpus=2, gpu="1.50"),
            contract(-60, 90, number=2, bid="4"),
        ]
        weights = Weights(
            contracts=Fraction(10), gpu_hours=Fraction(1), payout=Fraction(2), refunds=Fraction(3)
        )
        owed = {ContractId(3): Money("0.25"), ContractId(99): Money(1_000)}
        plan = best_window(book, timedelta(hours=1), minutes(0, 60), weights=weights, refunds=owed)
        assert plan.blocking == (2, 3)
        assert plan.gpu_hours == 1 + 1  # 1 GPU for an hour, 2 for half of one
        assert plan.payout == Money("4") + Money("1.50")
        assert plan.refunds == Money("0.25")
        assert plan.loss == 10 * 2 + 2 + 2 * Fraction("5.5") + 3 * Fraction("0.25")

    def test_an_extended_contract_loses_at_its_later_rate(self) -> None:
        later = RateChange(since=minute(60), prices=PriceTerms(gpu=PerGpuHour("0.5")))
        term = evolve(contract(0, 120, gpu="2"), rate_changes=(later,))
        (lost,) = disturbances([term], minutes(30, 90))
        assert lost.payout == Money("1.25")
        weights = Weights(payout=Fraction(1))
        plan = best_window([term], timedelta(hours=1), minutes(0, 120), weights=weights)
        assert plan.window == minutes(60, 120)

    def test_what_is_lost_is_what_the_host_would_have_earned(self) -> None:
        """DOMAIN 2: "client price = host price / (1 − fee)"; a refund is the host's own, too."""
        (lost,) = disturbances([contract(0, 60, gpu="4", fee="0.25")], minutes(0, 60))
        assert (lost.charge, lost.payout) == (Money(4), Money(3))
        weights = Weights(payout=2)
        assert weights.loss([lost]) == 1 + 2 * 3
        assert str(evolve(weights, refunds="0.5")) == (
            "contracts + 2 × payout lost $ + 0.5 × refunds $"
        )

    def test_the_hosts_own_test_costs_nothing_but_counts(self) -> None:
        (lost,) = disturbances([contract(0, 60, client="host")], minutes(0, 60))
        assert lost.payout == Money(0)
        assert Weights().loss([lost]) == 1

    def test_a_promise_of_uptime_is_billed_while_down(self) -> None:
        """DOMAIN 12: during an outage compute is billed on; the remedy is a credit."""
        free, sold = contract(0, 60), evolve(contract(60, 120, gpu="9", number=2), sla=PROMISED)
        (lost,) = disturbances([sold], minutes(60, 120))
        assert lost.gpu_hours == 1
        assert lost.payout == Money(0)
        for weights in (Weights(payout=1), Weights(contracts="0.1", payout=1)):
            plan = best_window([free, sold], timedelta(hours=1), minutes(0, 120), weights=weights)
            assert (plan.window, plan.payout) == (minutes(60, 120), Money(0))
            assert plan.loss == weights.contracts  # it is disturbed all the same
        owed = {sold.id: Money(2)}  # the credit expected
        weights = Weights(payout=1, refunds=1)
        plan = best_window(
            [free, sold], timedelta(hours=1), minutes(0, 120), weights=weights, refunds=owed
        )
        assert plan.window == minutes(0, 60)
        assert plan.loss == 2

    @given(book=books(), weights=some_weights(), a=st.integers(0, 60), b=st.integers(1, 40))
    def test_the_pieces_weigh_what_the_loss_says(
        self, book: list[Contract], weights: Weights, a: int, b: int
    ) -> None:
        window = minutes(a, a + b)
        total = 0
        for start, end, at_start, at_end, slope in weighed_pieces(book, window, weights, {}):
            assert 0 <= start < end <= b * 60
            total += slope * (end - start) + at_start
            assert at_end in (0, weights.contracts * weights.unit)
        assert Fraction(total, weights.unit) == weights.loss(disturbances(book, window))

    @pytest.mark.parametrize("name", ["contracts", "gpu_hours", "payout", "refunds"])
    def test_weights_are_exact_and_not_negative(self, name: str) -> None:
        assert getattr(Weights(**{name: Decimal("0.1")}), name) == Fraction(1, 10)
        with pytest.raises(WrongType):
            Weights(**{name: 0.1})  # type: ignore[arg-type]  # refused by checkers, too
        with pytest.raises(RuleViolation):
            Weights(**{name: -1})

    def test_contracts_always_weigh_something(self) -> None:
        with pytest.raises(RuleViolation, match="above zero, a tiny one if only the rest should"):
            Weights(contracts=0, payout=1)


class TestItPrints:
    """When the machine is down, and what each contract in the way loses."""

    def test_a_window_that_disturbs(self) -> None:
        owed = {ContractId(4): Money("0.5")}
        plan = best_window(
            [contract(0, 90, number=4, gpus=2)], timedelta(hours=1), minutes(0, 60), refunds=owed
        )
        assert str(plan).splitlines() == [
            "down 2026-03-02 00:00:00 … 2026-03-02 01:00:00 UTC: a loss of 1",
            "contract  GPU-hours lost  payout lost $  refund $",
            "4                   2.00           2.00      0.50",
            "loss: contracts",
        ]
        lost = {"gpu_hours": 2.0, "charge": 2.0, "payout": 2.0, "refund": 0.5}
        when = {"start": plan.window.start, "end": plan.window.end}
        assert plan.to_dicts() == [{"contract": 4, **when, **lost}]

    def test_a_window_that_does_not(self) -> None:
        plan = best_window([], timedelta(hours=1), minutes(0, 60))
        assert str(plan).splitlines()[0].endswith("01:00:00 UTC: nobody is disturbed")


class TestFreeTime:
    """When nobody is on the machine."""

    @given(book=books())
    def test_an_instant_is_free_if_no_contract_is_in_force(self, book: list[Contract]) -> None:
        free = free_time(book, minutes(0, 90))
        for n in range(90):
            taken = any(each.active_at(minute(n)) for each in book)
            assert any(minute(n) in span for span in free) != taken
        assert union(free) == free

    def test_of_an_empty_machine_is_all(self) -> None:
        assert free_time([], minutes(0, 9)) == (minutes(0, 9),)


class TestFewestTouched:
    """The plain form, for callers who have their times as whole numbers."""

    @given(
        known=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 20)), max_size=12),
        length=st.integers(1, 12),
        cuts=st.sets(st.integers(0, 50), min_size=2, max_size=8),
    )
    def test_against_every_start(
        self, known: list[tuple[int, int]], length: int, cuts: set[int]
    ) -> None:
        points = sorted(cuts)
        spans = list(zip(points[::2], points[1::2], strict=False))
        starts, ends = [a for a, _ in known], [a + n for a, n in known]
        touched = {
            w: sum(a < w + length and b > w for a, b in zip(starts, ends, strict=True))
            for first, last in spans
            for w in range(first, last + 1)
        }
        best = min(touched, key=lambda w: (touched[w], w))
        assert fewest_touched(starts, ends, length, spans) == (touched[best], best)


class TestTheShortlist:
    """The trick changes no answer: what is left out cannot be the best window, nor touch it."""

    @examples(60)
    @given(
        known=st.lists(
            st.tuples(
                st.integers(-50, 250), st.integers(1, 60), st.integers(0, 5), st.integers(0, 3)
            ),
            min_size=1,
            max_size=60,
        ),
        length=st.integers(1, 60),
        cuts=st.sets(st.integers(0, 200), min_size=2, max_size=6),
    )
    def test_against_every_start(
        self, known: list[tuple[int, int, int, int]], length: int, cuts: set[int]
    ) -> None:
        points = sorted(cuts)
        spans = list(zip(points[::2], points[1::2], strict=False))
        pieces = [(a, a + n, lump, lump, slope) for a, n, lump, slope in known]

        def loss(w: int) -> int:
            met = [(min(b, w + length) - max(a, w), u, s) for a, b, u, _, s in pieces]
            return sum(lump + slope * over for over, lump, slope in met if over > 0)

        allowed = [w for first, last in spans for w in range(first, last + 1)]
        best = min(allowed, key=lambda w: (loss(w), w))
        with patch.object(shortlist, "FEW", 1):
            assert _least_loss(pieces, length, spans) == best
            kept = shortlist.shortlist(pieces, length, spans)[1]
        assert any(first <= best <= last for first, last in kept)

    @pytest.mark.parametrize(
        ("pieces", "length", "spans", "best"),
        [
            ([(0, 2, 1, 1, 1), (0, 3, 1, 1, 1)], 10, [(0, 0), (3, 3)], 3),  # within a cell
            ([(100, 101, 1, 1, 1)] * 2, 10, [(0, 50)], 0),  # equal cells: the first counts
            ([(0, 30, 1, 1, 1), (0, 9, 1, 1, 1)], 10, [(0, 2), (8, 11), (29, 33)], 30),
            # A contract in two pieces: no window left touches the first, yet both stay.
            (
                [(50, 57, 5, 0, 0), (57, 68, 0, 5, 0), (77, 86, 1, 1, 0), (48, 74, 3, 3, 0)],
                2,
                [(0, 88)],
                0,
            ),
        ],
    )
    def test_edges_of_cells_and_spans(
        self, pieces: list[Any], length: int, spans: list[tuple[int, int]], best: int
    ) -> None:
        with patch.object(shortlist, "FEW", 1):
            assert _least_loss(pieces, length, spans) == best

    def test_most_of_a_large_book_is_left_out(self) -> None:
        rng = random.Random(1)
        starts = [rng.randrange(10**6) for _ in range(6_000)]
        pieces = [(a, a + rng.randrange(1, 9_000), 1, 1, rng.randrange(9)) for a in starts]
        left, spans = shortlist.shortlist(pieces, 9_000, [(0, 10**6)])
        assert len(left) < 2_000
        assert sum(last - first for first, last in spans) < 2 * 10**5


class TestWrongInput:
    """Nothing but our errors reaches a caller."""

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ({"contracts": 3}, WrongType),
            ({"contracts": [3]}, WrongType),
            (
                {"contracts": [contract(0, 1), evolve(contract(0, 1), machine=MachineId(8))]},
                RuleViolation,
            ),
            ({"length": timedelta()}, RuleViolation),
            ({"length": timedelta(minutes=61)}, RuleViolation),
            ({"length": 60}, WrongType),
            ({"within": None}, WrongType),
            ({"allowed": []}, RuleViolation),
            ({"allowed": [1]}, WrongType),
            ({"weights": {"contracts": 1}}, WrongType),
            ({"refunds": [1]}, WrongType),
            ({"refunds": {1: 5}}, WrongType),
            ({"refunds": {1: Money(-5)}}, RuleViolation),
        ],
    )
    def test_is_refused(self, change: dict[str, Any], error: type[Exception]) -> None:
        call: dict[str, Any] = {
            "contracts": [contract(0, 5)],
            "length": timedelta(minutes=1),
            "within": minutes(0, 60),
            **change,
        }
        with pytest.raises(error):
            best_window(call.pop("contracts"), call.pop("length"), call.pop("within"), **call)

    def test_free_time_and_disturbances_too(self) -> None:
        with pytest.raises(WrongType):
            free_time([], cast("Interval", 3))
        with pytest.raises(WrongType):
            disturbances([], cast("Interval", 3))
        with pytest.raises(WrongType):
            disturbances([cast("Contract", 3)], minutes(0, 1))
