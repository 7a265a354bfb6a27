"""Laws of who runs: priority, the winning bid, the quoted lowest bid, the best set of runners."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from typing import Any, Final

from hypothesis import strategies as st

from numgenius_core._terms import HIGHEST_BID, LOWEST_BID
from numgenius_core.bids.auction import best_runners
from numgenius_core.bids.priority import Claim, Rank, quoted_min_bid, resolve, winning_bid
from numgenius_core.ids import ContractId
from numgenius_core.offer import Block
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.testing.law import NANO, Implementation, Law, Rule, dollars, near
from numgenius_core.testing.strategies import books

Claims = Sequence[Claim]

_RUNS: Final = (
    "a contract holds definite GPUs; it runs iff no GPU it holds is taken by one with higher "
    "priority that runs"
)
_ORDER: Final = "on-demand = reserved > higher bid > lower bid > the host's own default job"
_TIES: Final = "equal bids keep arrival order, so the incumbent stays"

# -- who runs ----------------------------------------------------------------------------------


def _ids(answer: Any) -> set[int]:
    return {int(contract) for contract in answer}


def _above(claim: Claim, other: Claim) -> bool:
    """Return whether ``claim`` has the higher priority; bids are compared per GPU."""

    def key(one: Claim) -> tuple[int, Fraction, int]:
        per_gpu = Fraction(0) if one.bid is None else Fraction(one.bid.steps, one.block.size)
        return list(Rank).index(one.rank), -per_gpu, one.arrival

    return key(claim) < key(other)


def _under(claim: Claim, floor: PerGpuHour) -> bool:
    return claim.bid is not None and claim.bid.steps < floor.steps * claim.block.size


def _one_a_gpu(implementation: Implementation, claims: Claims, floor: PerGpuHour) -> str | None:
    runs = _ids(implementation(claims, floor))
    if unknown := runs - {int(claim.id) for claim in claims}:
        return f"{min(unknown)} is none of the claims"
    for a, b in combinations([claim for claim in claims if claim.id in runs], 2):
        if a.block.overlaps(b.block):
            return f"claims {a.id} and {b.id} run on one GPU"
    return None


def _waits_for_a_reason(
    implementation: Implementation, claims: Claims, floor: PerGpuHour
) -> str | None:
    runs = _ids(implementation(claims, floor))
    running = [claim for claim in claims if claim.id in runs]
    for claim in claims:
        stopped = any(o.block.overlaps(claim.block) and _above(o, claim) for o in running)
        if claim.id not in runs and not stopped and not _under(claim, floor):
            return f"claim {claim.id} waits, though nothing above it runs on its GPUs"
    return None


def _floor_holds(implementation: Implementation, claims: Claims, floor: PerGpuHour) -> str | None:
    runs = _ids(implementation(claims, floor))
    low = [claim.id for claim in claims if claim.id in runs and _under(claim, floor)]
    return f"claim {low[0]} runs under the floor" if low else None


def _nobody_below_stops(
    implementation: Implementation, claims: Claims, floor: PerGpuHour
) -> str | None:
    runs = _ids(implementation(claims, floor))
    for claim in claims:
        below = [other for other in claims if other is claim or _above(claim, other)]
        rest = [other for other in claims if other is claim or other not in below]
        if (claim.id in runs) != (claim.id in _ids(implementation(rest, floor))):
            return f"whether claim {claim.id} runs depends on claims below it"
    return None


def _any_order(implementation: Implementation, claims: Claims, floor: PerGpuHour) -> str | None:
    there, back = (_ids(implementation(c, floor)) for c in (claims, tuple(reversed(claims))))
    return None if there == back else f"in another order {sorted(back)} run, not {sorted(there)}"


RESOLVE: Final = Rule(
    name="resolve",
    signature="(claims: Sequence[Claim], floor: PerGpuHour) -> Iterable[id] of those that run",
    cases=books(most=16, largest=10),
    laws=(
        Law(name="no GPU runs two claims", sentence=_RUNS, check=_one_a_gpu),
        Law(name="no bid under the floor", sentence=_ORDER, check=_floor_holds),
        Law(name="who waits is stopped from above", sentence=_RUNS, check=_waits_for_a_reason),
        Law(name="nobody is stopped from below", sentence=_ORDER, check=_nobody_below_stops),
        Law(name="the order asked in is nothing", sentence=_TIES, check=_any_order),
    ),
    ours=lambda claims, floor: [claim.id for claim in resolve(claims, floor).running],
)
"""Who runs on a machine now (G6, G7)."""


# -- the price that wins -----------------------------------------------------------------------

_WINS: Final = (
    "the highest bid runs; the price is for the whole instance, 0.001 to 32 × GPUs $/hour"
)


@st.composite
def _newcomers(draw: st.DrawFn) -> tuple[Block, tuple[Claim, ...], PerGpuHour]:
    """Draw a block, the claims that run on its machine, and the floor."""
    claims, floor = draw(books(most=16, largest=8).filter(lambda book: len(book[0]) > 0))
    block = claims[0].block
    return block, resolve(claims[1:], floor).running, floor


def _runs_at(steps: int, block: Block, running: Claims, floor: PerGpuHour) -> bool:
    newcomer = ContractId(max((claim.id for claim in running), default=0) + 1)
    claim = Claim.bidding(newcomer, block, PerHour.from_steps(steps), arrival=10**6)
    return resolve([*running, claim], floor).runs(newcomer)


def _wins(
    implementation: Implementation, block: Block, running: Claims, floor: PerGpuHour
) -> str | None:
    answer = implementation(block, running, floor)
    most = HIGHEST_BID.for_gpus(block.size)
    if answer is None:
        if _runs_at(most.steps, block, running, floor):
            return f"a bid of {most} would win, and there is none"
        return None
    steps = dollars(answer) * 10**12
    if steps.denominator != 1 or not LOWEST_BID.steps <= steps <= most.steps:
        return f"{dollars(answer)} is no bid from {LOWEST_BID} to {most}"
    return None if _runs_at(int(steps), block, running, floor) else f"{answer} does not win"


def _lowest(
    implementation: Implementation, block: Block, running: Claims, floor: PerGpuHour
) -> str | None:
    answer = implementation(block, running, floor)
    if answer is None:
        return None
    less = int((dollars(answer) - NANO) * 10**12)
    if less >= LOWEST_BID.steps and _runs_at(less, block, running, floor):
        return f"{dollars(answer)} wins, but a nano-dollar less would too"
    return None


WINNING_BID: Final = Rule(
    name="winning_bid",
    signature="(block: Block, running: Sequence[Claim], floor: PerGpuHour) "
    "-> dollars an hour for the whole instance, in nano-dollars, or None",
    cases=_newcomers(),
    laws=(
        Law(name="it wins", sentence=_WINS, check=_wins),
        Law(name="nothing lower wins", sentence=_TIES, check=_lowest),
    ),
    ours=winning_bid,
)
"""The lowest bid with which a newcomer would run now."""

_QUOTE: Final = "the quoted min_bid per GPU = max(host floor, highest running bid on the block)"
_ON_DEMAND: Final = "an on-demand rental does not raise it"


def _highest_on_it(
    implementation: Implementation, block: Block, running: Claims, floor: PerGpuHour
) -> str | None:
    touching = [claim for claim in running if claim.bid and claim.block.overlaps(block)]
    bids = [dollars(claim.bid) / claim.block.size for claim in touching]
    exact = max([dollars(floor), *bids])
    found = dollars(implementation(block, running, floor))
    return near("the quote", found, exact, NANO)


def _not_on_demand(
    implementation: Implementation, block: Block, running: Claims, floor: PerGpuHour
) -> str | None:
    held = Claim.on_demand(ContractId(10**6), block, arrival=10**6)
    now = dollars(implementation(block, running, floor))
    then = dollars(implementation(block, (held, *running), floor))
    return near("the quote beside an on-demand rental", then, now)


QUOTED_MIN_BID: Final = Rule(
    name="quoted_min_bid",
    signature="(block: Block, running: Sequence[Claim], floor: PerGpuHour) -> dollars a GPU-hour",
    cases=_newcomers(),
    laws=(
        Law(name="the floor or the highest bid", sentence=_QUOTE, check=_highest_on_it),
        Law(name="on demand is no bid", sentence=_ON_DEMAND, check=_not_on_demand),
    ),
    ours=quoted_min_bid,
)
"""The lowest bid that a search shows for a block."""


# -- the set that pays most --------------------------------------------------------------------

_OPTIMUM: Final = "the revenue-maximal set of runners; every runner pays its own bid"


def _agreed(book: tuple[Claims, PerGpuHour]) -> tuple[Claims, PerGpuHour]:
    """Leave on-demand claims out that others hold the GPUs of: a market rents no GPU twice."""
    claims, floor = book
    waiting = resolve(claims, floor).waiting
    return tuple(c for c in claims if c.rank is Rank.BID or c not in waiting), floor


def _they_fit(implementation: Implementation, claims: Claims, floor: PerGpuHour) -> str | None:
    runs = _ids(implementation(claims, floor))
    chosen = [claim for claim in claims if claim.id in runs]
    held = [claim for claim in claims if claim.rank is Rank.ON_DEMAND]
    for claim in chosen:
        if claim.rank is not Rank.BID or _under(claim, floor):
            return f"claim {claim.id} is no bid of at least the floor"
        for other in (*held, *chosen):
            if other is not claim and other.block.overlaps(claim.block):
                return f"claims {claim.id} and {other.id} do not fit together"
    return None if len(chosen) == len(runs) else "there are runners that are no claims"


def _nothing_pays_more(
    implementation: Implementation, claims: Claims, floor: PerGpuHour
) -> str | None:
    runs = _ids(implementation(claims, floor))
    earned = sum(claim.bid.steps for claim in claims if claim.id in runs and claim.bid)
    held = [claim for claim in claims if claim.rank is Rank.ON_DEMAND]
    able = [
        claim
        for claim in claims
        if claim.rank is Rank.BID
        and not _under(claim, floor)
        and not any(claim.block.overlaps(other.block) for other in held)
    ]
    best = _most(able, 0)
    return None if earned >= best else f"it earns {earned}, and {best} pico-dollars can be earned"


def _most(able: Claims, taken: int) -> int:
    """Return the most that bids on free GPUs can pay together, trying every set."""
    if not able:
        return 0
    first, rest = able[0], able[1:]
    without = _most(rest, taken)
    if taken & first.block.gpu_set or first.bid is None:
        return without
    return max(without, first.bid.steps + _most(rest, taken | first.block.gpu_set))


BEST_RUNNERS: Final = Rule(
    name="best_runners",
    signature="(claims: Sequence[Claim], floor: PerGpuHour) -> Iterable[id] of the bids that run",
    cases=books(most=12, largest=7).map(_agreed),
    laws=(
        Law(name="they fit together", sentence=_RUNS, check=_they_fit),
        Law(name="no other set pays more", sentence=_OPTIMUM, check=_nothing_pays_more),
    ),
    ours=lambda claims, floor: [runner.id for runner in best_runners(claims, floor).runners],
)
"""The bids on one machine that fit together and pay most."""
