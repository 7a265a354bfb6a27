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
    slices.add_argument(
        "--observed",
        action="store_true",
        help="take any min_gpu, as records do, not just powers of two",
    )
    add_json(slices)


def run(options: Namespace) -> dict[str, Any]:
    """Return the sizes of the offers, for one ``min_gpu`` or for each."""
    from numgenius_core.gpus.slicing import offer_sizes

    if not options.compare:
        sizes = offer_sizes(options.gpus, options.min_gpu, observed=options.observed)
        return {"sizes": list(sizes)}
    gpus, rows = options.gpus, []
    offer_sizes(gpus, 1)  # refuses what is no number of GPUs
    powers = [1 << power for power in range(gpus.bit_length())]
    for least in range(1, gpus + 1) if options.observed else powers:
        cut = list(offer_sizes(gpus, least, observed=options.observed))
        # The cut into groups of `least` covers every GPU. No two smaller blocks are apart: each is
        # what remains of a cut, and so has the last GPU.
        clients = -(-gpus // least)
        rows.append({"min_gpu": least, "offers": len(cut), "clients": clients, "sizes": cut})
    return {"gpus": gpus, "compare": rows}


def show(result: dict[str, Any], _: Namespace) -> None:
    """Print the sizes in one line, or a line for each ``min_gpu``."""
    from numgenius_core._command._table import print_line, print_table

    if "sizes" in result:
        print_line(" ".join(map(str, result["sizes"])))
        return
    from collections import Counter

    rows = []
    for row in result["compare"]:
        counted = sorted(Counter(row["sizes"]).items())
        cut = ", ".join(f"{count} × {size}" for size, count in counted)
        rows.append((str(row["min_gpu"]), str(row["offers"]), str(row["clients"]), cut))
    print_table(
        ("min_gpu", "offers", "clients at most", "offers × GPUs"), rows, left=frozenset({3})
    )
