"""How a machine is cut into offers, who takes which GPUs, and how to make room again.

What rearranges GPUs loads with its first use: whoever looks at offers needs the cuts alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from numgenius_core.gpus.slicing import (
    Explanation,
    blocks,
    gpu_set,
    infer_min_gpu,
    offer_sizes,
    rentable_blocks,
)

if TYPE_CHECKING:
    from numgenius_core.gpus.allocation import best_fit, first_fit, free_blocks, pack, release, take
    from numgenius_core.gpus.defragmentation import (
        DefragmentationPlan,
        Impossible,
        Move,
        Obstacle,
        defragment,
    )
    from numgenius_core.gpus.fragments import Fragmentation, FreeGpus, fragmentation

__all__ = [
    "DefragmentationPlan",
    "Explanation",
    "Fragmentation",
    "FreeGpus",
    "Impossible",
    "Move",
    "Obstacle",
    "best_fit",
    "blocks",
    "defragment",
    "first_fit",
    "fragmentation",
    "free_blocks",
    "gpu_set",
    "infer_min_gpu",
    "offer_sizes",
    "pack",
    "release",
    "rentable_blocks",
    "take",
]

_HOMES: Final = {
    **dict.fromkeys(
        ("best_fit", "first_fit", "free_blocks", "pack", "release", "take"), "allocation"
    ),
    **dict.fromkeys(
        ("DefragmentationPlan", "Impossible", "Move", "Obstacle", "defragment"), "defragmentation"
    ),
    **dict.fromkeys(("Fragmentation", "FreeGpus", "fragmentation"), "fragments"),
}


def __getattr__(name: str) -> object:
    """Load a name of the face with its first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found  # from now on it is found without this function
    return found


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)
