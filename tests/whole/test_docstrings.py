"""What is promised says what it is: a docstring that stands on its own, with an example that runs.

That the examples run, and each by itself, is tested where they stand (``pytest src``).
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Final, Protocol

import attrs
import pytest

from house import FACES, SOURCES, load

# Commands and events are shown at work on their pages of the reference.
REPORTED: Final = {"market.commands", "market.events"}
# Names that have no example yet, by face: to be emptied, never added to.
NOT_YET: Final = {
    "bids": """
        AuctionResult BlockAuction Claim ClaimEntered ClaimLeft ClaimPaused ClaimResumed
        ClaimStarted Comparison Entrant FloorSet Optimum PoolAuction PoolBid PoolBlock
        Repriced Resolution Runner Verdict best_packing best_runners check_bid
        compare_with_optimum explain pay_as_bid quoted_min_bid resolve resolve_fleet
        uniform_price vcg winning_bid
    """,
    "billing": """
        History Line MachineWent Moved Prepaid Rebid Refunded Statement Transferred
        deposit_left discount_received focus_rows metered runs_out statement
    """,
    "contracts": """
        Contract Disk Extended Extension PendingIncrease Raise Segment Term Unchanged
        Volume accept advance agree client_end disk_of extend extend_volume occupancy
        reject roll staleness stopped_cost to_reserved
    """,
    "frames": """
        Column Columns IndexLink ModelPrice basket_price matched_index model_prices
        occupancy offer_columns payout price_chain quote reserve resolve slices
    """,
    "gpus": """
        DefragmentationPlan Explanation Fragmentation FreeGpus Impossible Move defragment
        fragmentation free_blocks gpu_set pack release rentable_blocks take
    """,
    "maintenance": """
        BackfillPlan Disturbance FleetPlan MachineSchedule MachineWindow MaintenanceWindow
        Notice PlanStep Weights WindowPlan aligned_starts allowed_intervals backfill_plan
        best_window bound_of cancel_windows disturbances earliest_window free_time notices
        plan_fleet requested_window schedule_window window_statuses
    """,
    "market": """
        Account Flow Instance Ledger MachineState Market decide evolve execute replay
    """,
    "market.journal": """
        Snapshot event_from_json event_to_json market_from_json market_to_json
    """,
    "market.views": """
        DepositView Earnings balance deposit_of earnings increases_of instance
        instances_of is_host machine machines_of offer offers quotes statement_of until
        who_runs why_waiting winning_bid_of
    """,
    "planning": """
        BidOutcome BidPlan Commitment CommitmentPlan DeadlineOption DeadlinePlan Outlook
        PriceSeries RelistingPlan compare_bids cost_of_stay extend_or_relist meet_deadline
        reserve_for
    """,
    "plots": """
        bid_availability discount_curve machine_timeline price_ladder revenue_curve
        sweep_heat_map
    """,
    "testing": """
        Books Law Played Rule bids books books_of commands contracts dollars histories
        intervals listings machine_shapes machines markets near number offers playing
        plays price_series price_terms rule_named scenarios schedules terms verify windows
    """,
    "whatif": """
        Answer Demand Estimate Exponential LogNormal ModeOutcome Observation Observed
        Option Outcome Pareto PerKwh Power Relisting Request Scenario Sweep Trace
        best_min_gpu best_mix best_price break_even_floor estimate_mean fit
        floor_against_power_cost recorded resembling simulate sweep vary worth_of_discount
    """,
}


def made_by_users(value: object) -> bool:
    """Return whether a promised name is a function, or a class whose instances people make."""
    if not isinstance(value, type):
        return inspect.isroutine(value) or hasattr(value, "cache_info")  # as lru_cache leaves one
    if issubclass(value, BaseException | Enum) or inspect.isabstract(value):
        return False
    if Protocol in value.__bases__:
        return False
    return attrs.has(value) or inspect.isfunction(value.__init__)


PROMISED: Final = {
    (face, name): getattr(load(face), name)
    for face in FACES
    if face not in REPORTED
    for name in load(face).__all__
    if made_by_users(getattr(load(face), name))
}


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the docstrings of a module with the lines they stand at, those of constants too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            text = node.value.value
            if isinstance(text, str):
                yield node.lineno, text


class TestEachPromisedNameHasAnExample:
    """Issue: "each promised function, and each class that a user makes, has … one example"."""

    def test_there_are_promised_names_of_every_kind(self) -> None:
        assert {("units", "gigabytes"), ("money", "Money"), ("offer", "Offer")} <= PROMISED.keys()
        assert ("listing", "Mode") not in PROMISED
        assert ("errors", "WrongType") not in PROMISED
        assert ("ids", "MachineId") not in PROMISED

    @pytest.mark.parametrize(("face", "name"), PROMISED)
    def test_its_docstring_has_an_example(self, face: str, name: str) -> None:
        if name not in NOT_YET.get(face, "").split():
            assert ">>> " in (vars(load(face))[name].__doc__ or "")

    @pytest.mark.parametrize("face", NOT_YET)
    def test_what_has_an_example_leaves_the_list_of_those_without(self, face: str) -> None:
        without = {
            name
            for (home, name), value in PROMISED.items()
            if home == face and ">>> " not in (value.__doc__ or "")
        }
        assert set(NOT_YET[face].split()) <= without


class TestDocstringsNameThings:
    """HOUSE: "``Raises:`` says what a caller can do wrong, not 'something of the wrong type'"."""

    @pytest.mark.parametrize("name", SOURCES)
    def test_no_docstring_says_of_the_wrong_type(self, name: str) -> None:
        said = [
            line
            for line, text in docstrings(SOURCES[name])
            if "of the wrong type" in " ".join(text.split())
        ]
        assert said == []
