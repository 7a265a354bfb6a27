"""Maintenance windows, their notices and requests, and planned maintenance by the guide."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast

import pytest
from attrs import evolve
from hypothesis import assume, given, strategies as st

from numgenius_core.contracts import (
    Contract,
    Extended,
    PendingIncrease,
    RateChange,
    client_end,
    extend,
    roll,
)
from numgenius_core.errors import NotAllowed, RuleViolation, UnknownId, WrongType
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Listing, Machine, Mode, PriceTerms
from numgenius_core.maintenance import (
    Category,
    MachineSchedule,
    MaintenanceWindow,
    PlanAction,
    PlanStep,
    WindowStatus,
    backfill_plan,
    cancel_windows,
    notices,
    requested_window,
    schedule_window,
    window_statuses,
)
from numgenius_core.maintenance.schedule import hours_of_request
from numgenius_core.market import Market, commands as c, execute, views
from numgenius_core.money import Money
from numgenius_core.offer import Block
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.sla import Promise, SlaTerms

T0 = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
MACHINE = MachineId(7)
EMPTY = MachineSchedule(machine=MACHINE)


def hours(a: int, b: int) -> Interval:
    return Interval(T0 + a * HOUR, T0 + b * HOUR)


def window(
    a: int, b: int, category: Category = Category.OTHER, reason: str = ""
) -> MaintenanceWindow:
    return MaintenanceWindow(period=hours(a, b), category=category, reason=reason)


def contract(
    a: int,
    b: int | None,
    *,
    number: int = 1,
    client: str = "anna",
    bid: str | None = None,
    gpus: int = 2,
) -> Contract:
    return Contract(
        id=ContractId(number),
        machine=MACHINE,
        host=AccountId("host"),
        client=AccountId(client),
        mode=Mode.ON_DEMAND if bid is None else Mode.INTERRUPTIBLE,
        block=Block(start=0, size=gpus),
        prices=PriceTerms(gpu=PerGpuHour("1.50")),
        start=T0 + a * HOUR,
        end=None if b is None else T0 + b * HOUR,
        bid=None if bid is None else PerHour(bid),
    )


def listing(end: datetime | None = None, rolling: timedelta | None = None) -> Listing:
    machine = Machine(id=MACHINE, host=AccountId("host"), gpu_name="A100", gpus=4)
    prices = PriceTerms(gpu=PerGpuHour("1.50"))
    return Listing(machine=machine, prices=prices, end=end, rolling=rolling)


class TestStatus:
    """DOMAIN 8: "Upcoming → ongoing → completed"."""

    def test_a_window_is_half_open(self) -> None:
        one, second = window(2, 4), timedelta(seconds=1)
        seen = [one.status(T0 + 2 * HOUR - second), one.status(T0 + 2 * HOUR)]
        seen += [one.status(T0 + 4 * HOUR - second), one.status(T0 + 4 * HOUR)]
        assert seen == [
            WindowStatus.UPCOMING,
            WindowStatus.ONGOING,
            WindowStatus.ONGOING,
            WindowStatus.COMPLETED,
        ]

    @given(
        a=st.integers(0, 50), n=st.integers(1, 9), steps=st.lists(st.integers(0, 70), min_size=2)
    )
    def test_never_goes_back(self, a: int, n: int, steps: list[int]) -> None:
        order = list(WindowStatus)
        seen = [order.index(window(a, a + n).status(T0 + at * HOUR)) for at in sorted(steps)]
        assert seen == sorted(seen)

    def test_show_lists_them_in_order_of_time(self) -> None:
        plan = schedule_window(schedule_window(EMPTY, window(8, 9), now=T0), window(2, 4), now=T0)
        assert [(w.period, s) for w, s in window_statuses(plan, now=T0 + 3 * HOUR)] == [
            (hours(2, 4), WindowStatus.ONGOING),
            (hours(8, 9), WindowStatus.UPCOMING),
        ]


class TestRequests:
    """DOMAIN 8, what a request may ask.

    "Start in the future and at most a year ahead; the request's duration is whole hours, at least
    1, fractions floored (0.5 → 1); category one of power, internet, disk, gpu, software, other."
    """

    @pytest.mark.parametrize(
        ("duration", "whole"),
        [("0.5", 1), ("1", 1), (1, 1), ("1.999", 1), (Decimal("2.9"), 2), (48, 48), (10**6, 10**6)],
    )
    def test_hours_are_floored_and_at_least_one(self, duration: Any, whole: int) -> None:
        assert hours_of_request(duration) == whole
        made = requested_window(T0 + HOUR, duration, now=T0, category=Category.DISK, reason="swap")
        assert made == window(1, 1 + whole, Category.DISK, "swap")

    @pytest.mark.parametrize("duration", [0, "0", "-1", "x", 10**6 + 1, Decimal("NaN")])
    def test_other_durations_are_refused(self, duration: Any) -> None:
        with pytest.raises(RuleViolation, match="hours"):
            hours_of_request(duration)

    def test_a_float_is_refused(self) -> None:
        with pytest.raises(WrongType):
            hours_of_request(cast("str", 0.5))

    def test_the_library_takes_any_length(self) -> None:
        odd = MaintenanceWindow(period=Interval(T0 + HOUR, T0 + HOUR + timedelta(seconds=61)))
        assert schedule_window(EMPTY, odd, now=T0).windows == (odd,)

    @pytest.mark.parametrize(
        ("now", "start", "fits"),
        [
            ("2026-03-02", "2026-03-02T00:00:01", True),
            ("2026-03-02", "2026-03-02", False),
            ("2026-03-02", "2026-03-01", False),
            ("2026-03-02", "2027-03-02", True),
            ("2026-03-02", "2027-03-02T00:00:01", False),
            ("2027-03-02", "2028-03-02", True),  # 366 days
            ("2028-02-29", "2029-02-28", True),
            ("2028-02-29", "2029-03-01", False),
        ],
    )
    def test_the_start_lies_within_a_year(self, now: str, start: str, fits: bool) -> None:
        at, begin = (datetime.fromisoformat(t).replace(tzinfo=UTC) for t in (now, start))
        one = MaintenanceWindow(period=Interval(begin, begin + HOUR))
        if fits:
            assert schedule_window(EMPTY, one, now=at).windows == (one,)
            assert requested_window(begin, 1, now=at) == one
            return
        with pytest.raises(RuleViolation, match="start"):
            schedule_window(EMPTY, one, now=at)
        with pytest.raises(RuleViolation, match="start"):
            requested_window(begin, 1, now=at)

    def test_the_categories(self) -> None:
        names = {"power", "internet", "disk", "gpu", "software", "other"}
        assert {category.value for category in Category} == names


class TestOverlap:
    """Issue: "overlapping windows on one machine are refused or merged, as asked"."""

    def test_refused_the_error_names_what_is_there(self) -> None:
        plan = schedule_window(EMPTY, window(2, 4), now=T0)
        with pytest.raises(RuleViolation, match="no overlap with 2026-03-02 02:00:00"):
            schedule_window(plan, window(3, 5), now=T0)

    def test_windows_that_meet_do_not_overlap(self) -> None:
        plan = schedule_window(EMPTY, window(2, 4), now=T0)
        plan = schedule_window(
            schedule_window(plan, window(4, 5), now=T0), window(1, 2), now=T0, overlapping="merge"
        )
        assert [each.period for each in plan.windows] == [hours(1, 2), hours(2, 4), hours(4, 5)]

    def test_merged_they_are_one_with_all_reasons(self) -> None:
        plan = schedule_window(EMPTY, window(2, 4, Category.DISK, "swap"), now=T0)
        plan = schedule_window(plan, window(6, 8, Category.DISK, "grow"), now=T0)
        plan = schedule_window(plan, window(20, 21), now=T0)
        more = schedule_window(
            plan, window(3, 7, Category.DISK, "swap"), now=T0, overlapping="merge"
        )
        assert more.windows == (window(2, 8, Category.DISK, "swap; grow"), window(20, 21))
        other = schedule_window(plan, window(3, 7, Category.GPU), now=T0, overlapping="merge")
        assert other.windows[0] == window(2, 8, Category.OTHER, "swap; grow")

    def test_merged_they_have_the_first_number_and_stay_locked(self) -> None:
        for locked in (False, True):
            first = evolve(window(2, 4), id=3, locked=locked)
            last = evolve(window(6, 8), id=5, locked=locked)
            plan = MachineSchedule(machine=MACHINE, windows=(first, last))
            asked = evolve(window(3, 7), locked=locked)
            more = schedule_window(plan, asked, now=T0, overlapping="merge")
            assert more.windows == (evolve(window(2, 8), id=3, locked=locked),)

    @given(
        asked=st.lists(st.tuples(st.integers(1, 40), st.integers(1, 9), st.booleans()), max_size=8)
    )
    def test_what_the_host_may_cancel_is_never_merged_with_what_it_may_not(
        self, asked: list[tuple[int, int, bool]]
    ) -> None:
        plan = EMPTY
        for a, n, locked in asked:
            one = evolve(window(a, a + n), locked=locked)
            others = [each for each in plan.windows if each.locked is not locked]
            if any(each.period.overlap(one.period) for each in others):
                with pytest.raises(RuleViolation, match=r"no overlap with .* are never merged\)"):
                    schedule_window(plan, one, now=T0, overlapping="merge")
            else:
                plan = schedule_window(plan, one, now=T0, overlapping="merge")
        left = cancel_windows(plan, now=T0).windows
        assert left == tuple(each for each in plan.windows if each.locked)
        for hour in range(60):  # what the marketplace scheduled, and nothing of the host's
            at = T0 + hour * HOUR
            its = {each.locked for each in plan.windows if at in each.period}
            assert any(at in each.period for each in left) == (True in its)

    def test_a_window_within_another_leaves_it_as_long(self) -> None:
        plan = schedule_window(EMPTY, window(2, 9), now=T0)
        assert schedule_window(plan, window(3, 4), now=T0, overlapping="merge").windows == (
            window(2, 9),
        )

    @given(asked=st.lists(st.tuples(st.integers(1, 40), st.integers(1, 9)), max_size=8))
    def test_merging_covers_what_was_asked_and_nothing_else(
        self, asked: list[tuple[int, int]]
    ) -> None:
        plan = EMPTY
        for a, n in asked:
            plan = schedule_window(plan, window(a, a + n), now=T0, overlapping="merge")
        for hour in range(60):
            at = T0 + hour * HOUR
            down = sum(at in each.period for each in plan.windows)
            assert down == any(a <= hour < a + n for a, n in asked)

    def test_another_way_is_refused(self) -> None:
        with pytest.raises(RuleViolation, match="overlapping"):
            schedule_window(EMPTY, window(2, 4), now=T0, overlapping=cast("Any", "drop"))


class TestCancel:
    """DOMAIN 8: "Cancelling ends every upcoming and ongoing window that the host scheduled"."""

    @given(at=st.integers(0, 30))
    def test_what_is_over_stays(self, at: int) -> None:
        plan = EMPTY
        for a in (2, 8, 14):
            plan = schedule_window(plan, window(a, a + 3), now=T0)
        now = T0 + at * HOUR
        kept = cancel_windows(plan, now=now)
        assert kept.windows == tuple(w for w in plan.windows if w.period.end <= now)
        assert cancel_windows(kept, now=now) == kept
        assert len(plan.windows) == 3  # the schedule given is not changed

    def test_one_by_its_number_and_none_that_the_marketplace_locked(self) -> None:
        windows = tuple(
            evolve(window(a, a + 3), id=a, locked=locked)
            for a, locked in ((2, False), (8, True), (14, False))
        )
        plan = MachineSchedule(machine=MACHINE, windows=windows)
        assert [each.id for each in cancel_windows(plan, now=T0, window=14).windows] == [2, 8]
        assert [each.id for each in cancel_windows(plan, now=T0).windows] == [8]
        with pytest.raises(NotAllowed) as locked_one:
            cancel_windows(plan, now=T0, window=8)
        need = "window: need a window that the host scheduled, got one of the marketplace"
        assert str(locked_one.value) == need
        for number in (3, 2):
            with pytest.raises(UnknownId) as gone:
                cancel_windows(plan, now=T0 + 5 * HOUR, window=number)
            need = "window: need a window of machine 7 that is not over"
            assert str(gone.value) == f"{need}, got {number}"

    def test_what_is_left_out_is_an_hour_about_something_else(self) -> None:
        asked = requested_window(T0 + HOUR, now=T0)
        assert (asked.period.duration, asked.category) == (HOUR, Category.OTHER)


class TestNotices:
    """Hosting guide, G12: the clients are notified and asked to save their work.

    DOMAIN 8: "Scheduling notifies everyone with an instance on the machine, running or not. It
    stops nothing, unlists nothing, blocks no rental."
    """

    def test_everyone_is_told_what_the_window_costs_them(self) -> None:
        down = window(2, 6, Category.POWER, "new UPS")
        book = [
            contract(0, 4),
            contract(0, None, number=2, client="bob", bid="0.40", gpus=1),
            contract(-9, 2, number=3, client="cleo"),
            contract(0, 9, number=4, client="host"),
        ]
        told = notices(MACHINE, down, book)
        assert [n.client for n in told] == ["anna", "bob", "cleo", "host"]
        assert {(n.machine, n.window) for n in told} == {(MACHINE, down)}
        assert [n.overlap for n in told] == [hours(2, 4), hours(2, 6), None, hours(2, 6)]
        assert [n.gpu_hours for n in told] == [4, 4, 0, 8]
        assert [n.charge for n in told] == [Money("6"), Money("1.6"), Money(0), Money(0)]

    def test_an_extended_contract_is_told_at_its_later_rate(self) -> None:
        later = RateChange(since=T0 + 3 * HOUR, prices=PriceTerms(gpu=PerGpuHour("1")))
        (told,) = notices(MACHINE, window(2, 4), [evolve(contract(0, 5), rate_changes=(later,))])
        assert told.charge == Money("5")
        assert told.gpu_hours == Fraction(4)

    def test_with_a_promise_of_uptime_nothing_is_spared(self) -> None:
        """DOMAIN 12: "an SLA contract is *not* free while offline"."""
        sold = SlaTerms(promise=Promise("0.99"), target="0.95")
        (told,) = notices(MACHINE, window(2, 4), [evolve(contract(0, 5), sla=sold)])
        assert (told.gpu_hours, told.charge) == (Fraction(4), Money(0))

    @given(a=st.integers(0, 20), n=st.integers(1, 20), cut=st.integers(0, 20))
    def test_two_parts_of_a_window_cost_what_the_whole_costs(
        self, a: int, n: int, cut: int
    ) -> None:
        assume(0 < cut < n)
        one = [contract(5, 15)]
        whole, left, right = (
            notices(MACHINE, window(*ends), one)[0]
            for ends in ((a, a + n), (a, a + cut), (a + cut, a + n))
        )
        assert whole.charge == left.charge + right.charge
        assert whole.gpu_hours == left.gpu_hours + right.gpu_hours

    def test_a_contract_of_another_machine_is_refused(self) -> None:
        other = evolve(contract(0, 1), machine=MachineId(8))
        for index, book in enumerate(([other, other], [contract(0, 1), other])):
            with pytest.raises(RuleViolation) as fault:
                notices(MACHINE, window(2, 4), book)
            need = "need a contract of machine 7, got machine 8"
            assert str(fault.value) == f"contracts[{index}]: {need}"


class TestPlannedMaintenance:
    """Hosting guide, G11: wait "until all active contracts have expired".

    With a current rental, set the end date to the client end date, so that others can rent until
    the same date; once it is reached, unlist, then maintain.
    """

    def test_with_a_rental_others_rent_until_its_end(self) -> None:
        book = [contract(-5, 10), contract(-2, 30, number=2), contract(-9, 0, number=3)]
        plan = backfill_plan(listing(), book, 6 * HOUR, now=T0)
        end, back = T0 + 30 * HOUR, T0 + 36 * HOUR
        assert plan.steps == (
            PlanStep(action=PlanAction.SET_END, at=T0, until=end),
            PlanStep(action=PlanAction.WAIT, at=T0, until=end),
            PlanStep(action=PlanAction.UNLIST, at=end),
            PlanStep(action=PlanAction.MAINTAIN, at=end, until=back),
            PlanStep(action=PlanAction.RELIST, at=back),
        )
        assert (plan.machine, plan.client_end, plan.window) == (7, end, hours(30, 36))
        assert plan.waiting_for == (2, 1)

    @pytest.mark.parametrize("book", [[], [contract(-5, 0)], [contract(-5, 9, client="host")]])
    def test_a_vacant_machine_is_maintained_now(self, book: list[Contract]) -> None:
        plan = backfill_plan(listing(), book, HOUR, now=T0)
        assert [step.action for step in plan.steps] == [
            PlanAction.UNLIST,
            PlanAction.MAINTAIN,
            PlanAction.RELIST,
        ]
        assert (plan.client_end, plan.window, plan.waiting_for) == (None, hours(0, 1), ())

    def test_who_ends_last_is_waited_for_first(self) -> None:
        book = [contract(-5, 10, number=3), contract(-2, 30), contract(-1, 20, number=2)]
        assert backfill_plan(listing(), book, HOUR, now=T0).waiting_for == (1, 2, 3)

    @given(ends=st.lists(st.integers(-5, 50), min_size=1, max_size=5))
    def test_nobody_is_left_when_it_begins(self, ends: list[int]) -> None:
        book = [contract(-9, end, number=i) for i, end in enumerate(ends)]
        plan = backfill_plan(listing(), book, HOUR, now=T0)
        assert all(each.end is not None and each.end <= plan.window.start for each in book)
        if max(ends) > 0:
            assert plan.client_end == client_end(book) == plan.window.start

    def test_the_new_end_date_extends_nobody_past_the_client_end(self) -> None:
        """G9 applies to the backfill's new end date as to any other."""
        book = [contract(-5, 10), contract(-2, 30, number=2)]
        plan = backfill_plan(listing(), book, HOUR, now=T0)
        done = extend(book, listing(end=plan.client_end), at=T0)
        ends = [each.end for each in done.verdicts if isinstance(each, Extended)]
        assert ends == [plan.client_end]
        assert (plan.extends, plan.asks) == ((1,), ())

    def test_who_would_be_asked_is_named_and_who_opted_out_is_not(self) -> None:
        cheap = evolve(contract(-5, 10, number=3), prices=PriceTerms(gpu=PerGpuHour("0.01")))
        book = [cheap, contract(-5, 12), contract(-2, 30, number=2)]
        plan = backfill_plan(listing(), book, HOUR, now=T0)
        assert (plan.extends, plan.asks) == ((1,), (3,))
        spared = backfill_plan(listing(), book, HOUR, now=T0, opted_out=(1, 3))
        assert (spared.extends, spared.asks) == ((), ())
        assert spared.steps == plan.steps

    def test_it_prints_what_to_do_and_when(self) -> None:
        cheap = evolve(contract(-5, 10, number=3), prices=PriceTerms(gpu=PerGpuHour("0.01")))
        book = [cheap, contract(-5, 12), contract(-2, 30, number=2)]
        plan = backfill_plan(listing(), book, HOUR, now=T0)
        lines = str(plan).splitlines()
        assert lines[0] == "machine 7; contracts waited for: 2, 1, 3; extended: 1; asked: 3"
        assert lines[1].split() == ["do", "at", "(UTC)", "until", "(UTC)"]
        assert lines[5].split() == ["maintain", "2026-03-03", "06:00:00", "2026-03-03", "07:00:00"]
        assert len(lines) == 7
        assert plan.to_dicts()[-1] == {"action": "relist", "at": T0 + 31 * HOUR, "until": None}
        assert str(backfill_plan(listing(), [], HOUR, now=T0)).startswith("machine 7; vacant\n")

    def test_a_client_who_was_asked_before_may_stay_until_the_end_it_was_asked_for(self) -> None:
        """DOMAIN 7: a pending increase "waits for the client: accepted → extended"."""
        book = [contract(-5, 10), contract(-2, 30, number=2)]
        asked = PendingIncrease(
            contract=book[0], raised=(), new_end=T0 + 40 * HOUR, listing=listing(T0 + 40 * HOUR)
        )
        plan = backfill_plan(listing(), book, 6 * HOUR, now=T0, increases=[asked])
        assert (plan.client_end, plan.window) == (T0 + 40 * HOUR, hours(40, 46))
        assert plan.waiting_for == (1, 2)
        # "A pending increase blocks later extensions of that contract until it is answered."
        assert (plan.extends, plan.asks) == ((2,), ())

    @pytest.mark.parametrize(
        "book",
        [
            [contract(-5, 10, number=2)],  # of nobody here
            [contract(-5, 10), contract(-5, 0, number=2)],  # its contract has ended
            [contract(-5, 10), contract(-5, 9, number=2)],  # its contract has another end by now
        ],
    )
    def test_a_question_that_is_stale_holds_nothing_up(self, book: list[Contract]) -> None:
        before = contract(-5, 8, number=2) if len(book) == 2 else contract(-5, 10, number=3)
        asked = PendingIncrease(
            contract=before, raised=(), new_end=T0 + 40 * HOUR, listing=listing()
        )
        plan = backfill_plan(listing(), book, HOUR, now=T0, increases=[asked])
        assert plan == backfill_plan(listing(), book, HOUR, now=T0)
        assert plan.client_end == T0 + 10 * HOUR

    def test_who_would_never_leave_if_it_accepts_is_named(self) -> None:
        asked = PendingIncrease(
            contract=contract(-5, 10), raised=(), new_end=None, listing=listing()
        )
        with pytest.raises(RuleViolation, match="got none of contract 1 if its client accepts"):
            backfill_plan(listing(), [asked.contract], HOUR, now=T0, increases=[asked])
        other = evolve(asked, contract=evolve(asked.contract, machine=MachineId(8)))
        for wrong, path in (
            ([3], r"increases\[0\]"),
            ([other], r"increases\[0\]"),
            (3, "increases"),
        ):
            with pytest.raises(RuleViolation, match=f"^{path}: need"):
                backfill_plan(listing(), [], HOUR, now=T0, increases=cast("Any", wrong))

    def test_a_plan_that_is_followed_disturbs_nobody(self) -> None:
        """The host asks for more until hour 40, plans, and its client accepts after that."""
        market, prices = Market(), PriceTerms(gpu=PerGpuHour("0.40"))

        def tell(command: c.Command, at: datetime) -> None:
            nonlocal market
            market, _ = execute(market, command, at)

        host, anna = AccountId("host"), AccountId("anna")
        tell(c.AddMachine(machine=listing().machine), T0)
        tell(c.ListMachine(by=host, machine=MACHINE, prices=prices, end=T0 + 10 * HOUR), T0)
        tell(c.AddCredit(account=anna, amount=Money(100)), T0)
        offer = views.offers(market, T0)[0].id
        tell(c.Rent(by=anna, offer=offer, mode=Mode.ON_DEMAND), T0)
        dearer = c.Relist(
            by=host,
            machine=MACHINE,
            gpu=PerGpuHour("0.50"),
            storage=prices.storage,
            end=T0 + 40 * HOUR,
        )
        tell(dearer, T0 + HOUR)
        state, now = views.machine(market, MACHINE), T0 + 2 * HOUR
        assert state.listing
        [rental] = state.instances.values()
        plan = backfill_plan(
            state.listing, [rental.contract], HOUR, now=now, increases=state.increases.values()
        )
        [number] = state.increases
        first = c.Relist(by=host, machine=MACHINE, storage=prices.storage, end=plan.client_end)
        tell(first, now)
        tell(c.AcceptPriceIncrease(by=anna, increase=number), now + HOUR)
        [rental] = views.machine(market, MACHINE).instances.values()
        assert rental.contract.end == T0 + 40 * HOUR == plan.window.start

    def test_a_rolling_end_stands_still_from_the_first_step_on(self) -> None:
        """DOMAIN 7: "each day the end is set to now + duration", until it is fixed."""
        day = 24 * HOUR
        rolls = listing(rolling=2 * day)
        book = [contract(-5, 48)]
        plan = backfill_plan(rolls, book, HOUR, now=T0)
        week = Interval(T0, T0 + 7 * day)
        followed = evolve(rolls, end=plan.client_end, rolling=None)
        assert [each.end for each in roll(book, followed, week)] == [plan.window.start]
        assert [each.end for each in roll(book, rolls, week)] == [T0 + 8 * day]

    def test_a_contract_without_end_is_named(self) -> None:
        book = [contract(-5, 10), contract(-2, None, number=2), contract(-2, None, number=5)]
        with pytest.raises(RuleViolation, match="got none of contract 2, 5"):
            backfill_plan(listing(), book, HOUR, now=T0)

    @pytest.mark.parametrize(
        "change", [{"length": timedelta(0)}, {"length": 3}, {"listing": 3}, {"book": [3]}]
    )
    def test_wrong_input_is_refused(self, change: dict[str, Any]) -> None:
        with pytest.raises(RuleViolation):
            backfill_plan(
                change.get("listing", listing()),
                change.get("book", []),
                change.get("length", HOUR),
                now=T0,
            )


class TestValues:
    """DESIGN: values are checked where they are made."""

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ({"period": 3}, WrongType),
            ({"category": "disk"}, WrongType),
            ({"reason": 3}, WrongType),
            ({"reason": "a\nb"}, RuleViolation),
            ({"id": -1}, RuleViolation),
            ({"locked": 1}, WrongType),
        ],
    )
    def test_a_window(self, change: dict[str, Any], error: type[Exception]) -> None:
        [name] = change
        with pytest.raises(error, match=rf"^window\.{name}: need"):
            evolve(window(1, 2), **change)

    @pytest.mark.parametrize(
        "windows", [3, [3], [window(3, 4), window(1, 2)], [window(1, 3), window(2, 4)]]
    )
    def test_a_schedule(self, windows: Any) -> None:
        with pytest.raises(RuleViolation, match=r"schedule\.windows"):
            MachineSchedule(machine=MACHINE, windows=windows)

    def test_arguments(self) -> None:
        for call in (
            lambda: schedule_window(cast("MachineSchedule", 3), window(1, 2), now=T0),
            lambda: schedule_window(EMPTY, cast("MaintenanceWindow", 3), now=T0),
            lambda: window_statuses(cast("MachineSchedule", 3), now=T0),
            lambda: notices(MACHINE, cast("MaintenanceWindow", 3), []),
            lambda: notices(cast("MachineId", "x"), window(1, 2), []),
            lambda: window(1, 2).status(cast("datetime", 3)),
        ):
            with pytest.raises(WrongType):
                call()
