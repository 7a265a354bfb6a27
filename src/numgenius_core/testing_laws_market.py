"""Laws of a whole market: who runs and who has what, after a story of commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, Final

from numgenius_core import views
from numgenius_core.bidding import Rank
from numgenius_core.commands import AddCredit, Tick
from numgenius_core.errors import NumgeniusError
from numgenius_core.intervals import total_seconds
from numgenius_core.listing import ContractId
from numgenius_core.market import Market, execute
from numgenius_core.testing_law import Implementation, Law, Rule, dollars, near
from numgenius_core.testing_stories import Story, stories
from numgenius_core.testing_strategies import st

__all__ = ["MARKET"]

_RUNS: Final = "the current highest bid is the instance that runs, the others are paused"
_STOPS: Final = "on-demand stops interruptibles: no on-demand instance waits for a bid"
_MONEY: Final = "what clients paid in is what they have left, what hosts and the platform earned"
_REFUSED: Final = "a refused command changes nothing"
_TICKS: Final = "looking at the clock more often changes nothing: pieces total the whole"

Answer = Mapping[str, Any]


@st.composite
def _cases(draw: st.DrawFn) -> tuple[Story, datetime]:
    story = draw(stories())
    return story, story[-1][0] + timedelta(seconds=draw(st.sampled_from([0, 1, 3_600, 2_000_000])))


def _told(story: Story, at: datetime) -> tuple[Market, list[int]]:
    """Return this library's market after a story, and the numbers of the commands refused."""
    market, refused = Market(), []
    for index, (when, command) in enumerate(story):
        try:
            market, _ = execute(market, command, when)
        except NumgeniusError:
            refused.append(index)
    return views.until(market, at), refused


def _no_gpu_twice(implementation: Implementation, story: Story, at: datetime) -> str | None:
    market, _ = _told(story, at)
    taken: dict[int, ContractId] = {}
    for number in sorted(implementation(story, at)["running"]):
        for position in views.instance(market, number).contract.block.positions:
            if position in taken:
                return f"GPU {position} runs contracts {taken[position]} and {number}"
            taken[position] = number
    return None


def _who_runs(implementation: Implementation, story: Story, at: datetime) -> str | None:
    """Check who waits: each is stopped by one that runs, of higher priority, or by the floor."""
    market, _ = _told(story, at)
    running = set(implementation(story, at)["running"])
    for place in market.machines.values():
        for claim in (*place.resolution.running, *place.resolution.waiting):
            if claim.rank is Rank.DEFAULT_JOB or claim.id in running:
                continue
            above = any(
                other.id in running and other.block.overlaps(claim.block) and other.outranks(claim)
                for other in (*place.resolution.running, *place.resolution.waiting)
            )
            if not above and not claim.is_under(place.resolution.floor):
                return f"contract {claim.id} waits, and nothing is in its way"
    return None


def _conserved(implementation: Implementation, story: Story, at: datetime) -> str | None:
    answer = implementation(story, at)
    refused = set(answer["refused"])
    paid = sum(
        (
            dollars(command.amount)
            for index, (_, command) in enumerate(story)
            if isinstance(command, AddCredit) and index not in refused
        ),
        Fraction(0),
    )
    parts = [*answer["balances"].values(), answer["deposits"], answer["platform"]]
    return near("all that is there", sum(map(dollars, parts), Fraction(0)), paid)


def _same(found: Answer, expected: Answer, when: str) -> str | None:
    """Return how two answers differ, the numbers of refused commands apart."""
    if set(found["running"]) != set(expected["running"]):
        return f"{when}: {sorted(found['running'])} run, not {sorted(expected['running'])}"
    for name in expected["balances"]:
        have = dollars(found["balances"].get(name, Fraction(0)))
        fault = near(f"{when}: the balance of {name}", have, dollars(expected["balances"][name]))
        if fault is not None:
            return fault
    return None


def _without_refused(implementation: Implementation, story: Story, at: datetime) -> str | None:
    answer = implementation(story, at)
    refused = set(answer["refused"])
    if not refused:
        return None
    taken = tuple(each for index, each in enumerate(story) if index not in refused)
    return _same(answer, implementation(taken, at), "without the refused commands")


def _more_ticks(implementation: Implementation, story: Story, at: datetime) -> str | None:
    ticked: list[Any] = []
    for (now, command), (then, _) in zip(story, (*story[1:], (at, None)), strict=True):
        between = now + timedelta(seconds=total_seconds(now, then) // 2)
        ticked += [(now, command), (between, Tick())]
    expected = implementation(story, at)
    return _same(implementation(tuple(ticked), at), expected, "with more looks at the clock")


def _ours(story: Sequence[tuple[datetime, Any]], at: datetime) -> Answer:
    market, refused = _told(tuple(story), at)
    instances = [each for place in market.machines.values() for each in place.instances.values()]
    return {
        "refused": refused,
        "running": [
            claim.id
            for place in market.machines.values()
            for claim in place.resolution.running
            if claim.rank is not Rank.DEFAULT_JOB
        ],
        "balances": {name: views.balance(market, name, at) for name in market.accounts},
        "deposits": sum(
            (dollars(views.deposit_of(market, each.id, at).left) for each in instances), Fraction(0)
        ),
        "platform": market.platform.at(at),
    }


MARKET: Final = Rule(
    name="market",
    signature=(
        "(story: Sequence[tuple[datetime, Command]], at: datetime) -> {'refused': numbers of the "
        "refused commands, 'running': ids, 'balances': {account: exact dollars}, 'deposits': all "
        "that is left of them, 'platform': what it earned}"
    ),
    cases=_cases(),
    laws=(
        Law(name="no GPU runs two instances", sentence=_STOPS, check=_no_gpu_twice),
        Law(name="who waits is stopped from above", sentence=_RUNS, check=_who_runs),
        Law(name="money is conserved", sentence=_MONEY, check=_conserved),
        Law(name="a refusal changes nothing", sentence=_REFUSED, check=_without_refused),
        Law(name="ticks change nothing", sentence=_TICKS, check=_more_ticks),
    ),
    ours=_ours,
)
"""Who runs and who has what, after a story; ids are given as this library gives them."""
