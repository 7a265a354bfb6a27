"""``numgenius slices``: the offers a machine is cut into."""

from __future__ import annotations

from numgenius_core._command._options import add_json, whole

TYPE_CHECKING = False  # as in the package's own `__init__`
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from numgenius_core._command._options import Subparsers


def add(subparsers: Subparsers) -> None:
    """Add the parser."""
    slices = subparsers.add_parser("slices", help="the offers a machine is cut into")
    slices.add_argument("gpus", type=whole, help="GPUs of the machine")
    slices.add_argument("--min-gpu", type=whole, default=1, help="smallest group (power of two)")
    slices.add_argument("--observed", action="store_true", help="take any min_gpu, as records do")
    add_json(slices)


def run(options: Namespace) -> dict[str, Any]:
    """Return the sizes of the offers."""
    from numgenius_core.gpus.slicing import offer_sizes

    sizes = offer_sizes(options.gpus, options.min_gpu, observed=options.observed)
    return {"sizes": list(sizes)}


def show(result: dict[str, Any], _: Namespace) -> None:
    """Print them in one line."""
    print(" ".join(map(str, result["sizes"])))
