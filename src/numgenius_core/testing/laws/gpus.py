"""Laws of what a machine is cut into: slicing, what can be rented, fitting, defragmentation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

from numgenius_core.gpus.allocation import best_fit
from numgenius_core.gpus.defragmentation import DefragmentationPlan, defragment
from numgenius_core.gpus.slicing import blocks, gpu_set, rentable_blocks
from numgenius_core.ids import ContractId
from numgenius_core.offer import Block
from numgenius_core.testing.law import Implementation, Law, Rule
from numgenius_core.testing.strategies import machine_shapes

Cells = list[tuple[int, int]]

_CUT: Final = (
    "for each size in {m} ∪ {powers of two p, m < p < T} ∪ {T}, cut the ordered GPUs into "
    "consecutive blocks; the last block of a cut is the remainder; equal blocks are one offer"
)
_FREE: Final = "a block is rentable on demand iff none of its GPUs is held"
_MOVE: Final = "rearranges which GPUs contracts hold so that more multi-GPU offers appear"


def _cells(answer: Iterable[Any]) -> Cells:
    """Return blocks as ``(size, start)``, whatever they came as."""
    return [(b.size, b.start) if isinstance(b, Block) else (int(b[0]), int(b[1])) for b in answer]


def _held(cells: Iterable[tuple[int, int]]) -> list[int]:
    return [position for size, start in cells for position in range(start, start + size)]


# -- slicing -----------------------------------------------------------------------------------


def _by_hand(gpus: int, min_gpu: int) -> Cells:
    """Return the blocks of every cut, as the rule says it."""
    powers = [1 << k for k in range(gpus.bit_length()) if min_gpu < 1 << k < gpus]
    return [
        (min(size, gpus - start), start)
        for size in (min_gpu, *powers, gpus)
        for start in range(0, gpus, size)
    ]


def _each_cut(implementation: Implementation, gpus: int, min_gpu: int) -> str | None:
    found = set(_cells(implementation(gpus, min_gpu)))
    missing = [cell for cell in _by_hand(gpus, min_gpu) if cell not in found]
    return f"{missing[0]} is not offered" if missing else None


def _nothing_else(implementation: Implementation, gpus: int, min_gpu: int) -> str | None:
    cut = set(_by_hand(gpus, min_gpu))
    more = [cell for cell in _cells(implementation(gpus, min_gpu)) if cell not in cut]
    return f"{more[0]} is of no cut" if more else None


def _once(implementation: Implementation, gpus: int, min_gpu: int) -> str | None:
    found = _cells(implementation(gpus, min_gpu))
    twice = [cell for cell, count in Counter(found).items() if count > 1]
    return f"{twice[0]} is offered twice" if twice else None


def _nested(implementation: Implementation, gpus: int, min_gpu: int) -> str | None:
    spans = [(start, start + size) for size, start in _cells(implementation(gpus, min_gpu))]
    for a, b in spans:
        for c, d in spans:
            if a < c < b < d:
                return f"GPUs {a}–{b - 1} and {c}–{d - 1} overlap and neither contains the other"
    return None


SLICING: Final = Rule(
    name="slicing",
    signature="(gpus: int, min_gpu: int) -> Iterable[tuple[size: int, start: int]]",
    cases=machine_shapes(),
    laws=(
        Law(name="every block of every cut is offered", sentence=_CUT, check=_each_cut),
        Law(name="nothing else is offered", sentence=_CUT, check=_nothing_else),
        Law(name="equal blocks are one offer", sentence=_CUT, check=_once),
        Law(
            name="blocks nest",
            sentence="for a power-of-two m the blocks nest: any two are disjoint or one contains "
            "the other",
            check=_nested,
        ),
    ),
    ours=blocks,
)
"""The blocks a machine is offered in (G5)."""


# -- what can be rented ------------------------------------------------------------------------


@st.composite
def _states(draw: st.DrawFn) -> tuple[int, int, frozenset[int]]:
    """Draw a machine and the GPUs that are held."""
    gpus, min_gpu = draw(machine_shapes(32))
    return gpus, min_gpu, draw(st.frozensets(st.integers(0, gpus - 1)))


def _not_held(
    implementation: Implementation, gpus: int, min_gpu: int, held: frozenset[int]
) -> str | None:
    for cell in _cells(implementation(gpus, min_gpu, held)):
        if taken := held.intersection(_held([cell])):
            return f"{cell} is rentable, though GPU {min(taken)} is held"
    return None


def _all_free(
    implementation: Implementation, gpus: int, min_gpu: int, held: frozenset[int]
) -> str | None:
    found = _cells(implementation(gpus, min_gpu, held))
    free = [c for c in _cells(blocks(gpus, min_gpu)) if held.isdisjoint(_held([c]))]
    missing, more = set(free) - set(found), set(found) - set(free)
    if missing:
        return f"{min(missing)} is free and not rentable"
    return f"{min(more)} is no block of the machine" if more else None


RENTABLE: Final = Rule(
    name="rentable",
    signature="(gpus: int, min_gpu: int, held: frozenset[int]) "
    "-> Iterable[tuple[size: int, start: int]]",
    cases=_states(),
    laws=(
        Law(name="no held GPU is rented", sentence=_FREE, check=_not_held),
        Law(name="every free block is rentable", sentence=_FREE, check=_all_free),
    ),
    ours=lambda gpus, min_gpu, held: rentable_blocks(gpus, min_gpu, occupied=held),
)
"""The blocks that can be rented on demand now."""


# -- allocation --------------------------------------------------------------------------------


@st.composite
def _requests(draw: st.DrawFn) -> tuple[int, int, frozenset[int], int]:
    """Draw a machine, its held GPUs, and a size that it is offered in."""
    gpus, min_gpu, held = draw(_states())
    return gpus, min_gpu, held, draw(st.sampled_from(blocks(gpus, min_gpu))).size


def _fits(
    implementation: Implementation, gpus: int, min_gpu: int, held: frozenset[int], size: int
) -> str | None:
    answer = implementation(gpus, min_gpu, held, size)
    there = [c for c in _cells(rentable_blocks(gpus, min_gpu, occupied=held)) if c[0] == size]
    if answer is None:
        return f"{there[0]} is free, and nothing was found" if there else None
    (cell,) = _cells([answer])
    return None if cell in there else f"{cell} is no rentable block of {size} GPUs"


def _spoils_least(
    implementation: Implementation, gpus: int, min_gpu: int, held: frozenset[int], size: int
) -> str | None:
    answer = implementation(gpus, min_gpu, held, size)
    there = rentable_blocks(gpus, min_gpu, occupied=held)
    own = [block for block in there if block.size == size]
    if answer is None or not own:
        return None
    hulls = {b: max(other.size for other in there if other.contains(b)) for b in own}
    best = min(own, key=lambda block: (hulls[block], block.start))
    (cell,) = _cells([answer])
    return None if cell == (best.size, best.start) else f"{cell} spoils more than {best}"


def _our_fit(gpus: int, min_gpu: int, held: frozenset[int], size: int) -> Block | None:
    return best_fit(gpus, min_gpu, free=(1 << gpus) - 1 & ~gpu_set(held, gpus), size=size)


ALLOCATION: Final = Rule(
    name="allocation",
    signature="(gpus: int, min_gpu: int, held: frozenset[int], size: int) "
    "-> tuple[size: int, start: int] | None",
    cases=_requests(),
    laws=(
        Law(name="a rentable block, if there is one", sentence=_FREE, check=_fits),
        Law(
            name="the one that spoils least",
            sentence="the one whose largest free enclosing block has the fewest GPUs; of equals, "
            "the one that starts lowest",
            check=_spoils_least,
        ),
    ),
    ours=_our_fit,
)
"""Best fit: which free block a new contract gets."""


# -- defragmentation ---------------------------------------------------------------------------


class _Wish(NamedTuple):
    """A machine, which contracts hold what, which may be moved, and the size to make room for."""

    gpus: int
    min_gpu: int
    held: Mapping[ContractId, Block]
    movable: frozenset[ContractId]
    size: int


@st.composite
def _fragmented(draw: st.DrawFn) -> _Wish:
    """Draw a machine of eight GPUs with small contracts, and a size to make room for."""
    min_gpu = draw(st.sampled_from([1, 2]))
    taken, held = 0, dict[ContractId, Block]()
    for number, block in enumerate(draw(st.permutations(blocks(8, min_gpu)))[:6]):
        if block.size <= 2 and not taken & block.gpu_set:
            held[ContractId(number)] = block
            taken |= block.gpu_set
    movable = frozenset(key for key in held if draw(st.integers(0, 3)))
    return _Wish(8, min_gpu, held, movable, draw(st.sampled_from([2, 4])))


Moves = list[tuple[int, int]]


def _moves(answer: Any) -> Moves | None:
    """Return moves as ``(contract, start of the target)``."""
    if answer is None:
        return None
    return [(int(contract), int(start)) for contract, start in answer]


def _carried_out(implementation: Implementation, *case: Any) -> str | None:
    wish, moves = _Wish(*case), _moves(implementation(*case))
    now = {int(key): (block.size, block.start) for key, block in wish.held.items()}
    for contract, start in moves or []:
        if contract not in wish.movable:
            return f"contract {contract} is moved, which may not be moved"
        others = _held(cell for key, cell in now.items() if key != contract)
        target = (now[contract][0], start)
        if target not in _cells(blocks(wish.gpus, wish.min_gpu)):
            return f"contract {contract} is moved to {target}, no block of the machine"
        if not set(others).isdisjoint(_held([target])) or target == now[contract]:
            return f"contract {contract} is moved to {target}, which is not free then"
        now[contract] = target
    if moves is not None:
        free = rentable_blocks(wish.gpus, wish.min_gpu, occupied=_held(now.values()))
        if all(block.size != wish.size for block in free):
            return f"after {moves} no block of {wish.size} is rentable"
    return None


def _fewest(implementation: Implementation, *case: Any) -> str | None:
    moves, least = _moves(implementation(*case)), _our_moves(*case)
    if moves is None:
        return None if least is None else f"{least} would do, and nothing was found"
    if least is not None and len(moves) > len(least):
        return f"{len(moves)} moves, where {len(least)} would do"
    return None


def _our_moves(*case: Any) -> Moves | None:
    plan = defragment(*_Wish(*case))
    if not isinstance(plan, DefragmentationPlan):
        return None
    return [(int(move.contract), move.target.start) for move in plan.moves]


DEFRAGMENTATION: Final = Rule(
    name="defragmentation",
    signature="(gpus: int, min_gpu: int, held: Mapping[id, Block], movable: frozenset[id], "
    "size: int) -> Sequence[tuple[id, start: int]] | None",
    cases=_fragmented(),
    laws=(
        Law(
            name="the moves can be carried out and make room",
            sentence=f"{_MOVE}; running work is only moved where the caller allows it",
            check=_carried_out,
        ),
        Law(name="no more moves than needed", sentence=_MOVE, check=_fewest),
    ),
    ours=_our_moves,
)
"""Which contracts to move, one after the other, so that a block of a size is rentable."""
