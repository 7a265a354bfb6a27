"""How a machine is cut into offers, who takes which GPUs, and how to make room again.

What rearranges GPUs loads with its first use: whoever looks at offers needs the cuts alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from numgenius_core._faces import lazily
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
__getattr__: Final = lazily(__name__, _HOMES)


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)
