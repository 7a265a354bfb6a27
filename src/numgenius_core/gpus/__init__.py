"""How a machine is cut into offers, who takes which GPUs, and how to make room again."""

from __future__ import annotations

from numgenius_core.gpus.allocation import best_fit, first_fit, free_blocks, pack, release, take
from numgenius_core.gpus.defragmentation import (
    DefragmentationPlan,
    Impossible,
    Move,
    Obstacle,
    defragment,
)
from numgenius_core.gpus.fragments import Fragmentation, FreeGpus, fragmentation
from numgenius_core.gpus.slicing import (
    Explanation,
    blocks,
    gpu_set,
    infer_min_gpu,
    offer_sizes,
    rentable_blocks,
)

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
