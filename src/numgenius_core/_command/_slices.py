"""``numgenius slices``: the offers a machine is cut into."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from numgenius_core.gpus.slicing import offer_sizes


def run(options: Namespace) -> dict[str, Any]:
    """Return the sizes of the offers."""
    sizes = offer_sizes(options.gpus, options.min_gpu, observed=options.observed)
    return {"sizes": list(sizes)}


def show(result: dict[str, Any]) -> None:
    """Print them in one line."""
    print(" ".join(map(str, result["sizes"])))
