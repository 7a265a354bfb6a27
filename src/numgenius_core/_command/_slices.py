"""``numgenius slices``: the offers a machine is cut into."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter

from numgenius_core._command._options import add_json, whole

TYPE_CHECKING = False  # as in the package's own `__init__`
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from numgenius_core._command._options import Subparsers

MORE = """\
examples:
  numgenius slices 7 --min-gpu 2
  numgenius slices 8 --compare
"""


def add(subparsers: Subparsers) -> None:
    """Add the parser."""
    slices = subparsers.add_parser(
        "slices",
        help="the offers a machine is cut into",
        description="The sizes of the offers that a machine is cut into.",
        epilog=MORE,
        formatter_class=RawDescriptionHelpFormatter,
    )
    slices.add_argument("gpus", type=whole, help="GPUs of the machine")
    how = slices.add_mutually_exclusive_group()
    how.add_argument(
        "--min-gpu", metavar="N", type=whole, default=1, help="smallest group (power of two)"
    )
    how.add_argument("--compare", action="store_true", help="every min_gpu, a line each")
    slices.add_argument("--observed", action="store_true", help="take any min_gpu, as records do")
    add_json(slices)


def run(options: Namespace) -> dict[str, Any]:
    """Return the sizes of the offers, for one ``min_gpu`` or for each."""
    from numgenius_core.gpus.slicing import offer_sizes

    if not options.compare:
        sizes = offer_sizes(options.gpus, options.min_gpu, observed=options.observed)
        return {"sizes": list(sizes)}
    offer_sizes(options.gpus, 1)  # refuses what is no number of GPUs
    rows = []
    for power in range(options.gpus.bit_length()):
        sizes = offer_sizes(options.gpus, 1 << power)
        rows.append({"min_gpu": 1 << power, "offers": len(sizes), "sizes": list(sizes)})
    return {"gpus": options.gpus, "compare": rows}


def show(result: dict[str, Any], _: Namespace) -> None:
    """Print the sizes in one line, or a line for each ``min_gpu``."""
    if "sizes" in result:
        print(" ".join(map(str, result["sizes"])))
        return
    from collections import Counter

    from numgenius_core._command._table import print_table

    rows = []
    for row in result["compare"]:
        counted = sorted(Counter(row["sizes"]).items())
        cut = ", ".join(f"{count} × {size}" for size, count in counted)
        most = counted[0][1]  # of the smallest, which do not overlap
        rows.append((str(row["min_gpu"]), str(row["offers"]), str(most), cut))
    print_table(
        ("min_gpu", "offers", "clients at most", "offers × GPUs"), rows, left=frozenset({3})
    )
