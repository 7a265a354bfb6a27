"""``numgenius maint``: when to take a machine down."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter

from numgenius_core._command._options import add_json, add_skip_bad, whole

TYPE_CHECKING = False  # as in the package's own `__init__`
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from numgenius_core._command._options import Subparsers

ABOUT = """\
When to take machines down: the first time at which nobody is disturbed, and what it costs now.

The file is what `vastai show machines --raw` prints. It says when the last client of a machine
leaves, not when each one does: the time given is the first that is sure. A machine that is in use
without such a time, or after it, has a ? there: nobody knows until when. So has one of which the
file does not say whether it is in use. A client who is stopped holds no GPU, but has data on the
machine: it is waited for as well.

A * marks a listing whose end date rolls: each day moves its clients' ends on, and the time given
with them. It is sure once the machine is unlisted, or listed to end at that time. The file does not
say who was asked for a higher price, either: a client who accepts stays until the end asked for.

What going down now loses is what you would have earned for the GPU time of its clients, at the
listing's price: the file has the prices net of the platform's fee. The file does not say
who has a promise of uptime: such a client pays meanwhile, and may get a credit.
"""
MORE = """\
examples:
  vastai show machines --raw | numgenius maint - --hours 4
  numgenius maint machines.json --machine 1001 --hours 4 --now 2026-06-16T12:00Z
"""


def add(subparsers: Subparsers) -> None:
    """Add the parser."""
    maint = subparsers.add_parser(
        "maint",
        help="when to take a machine down",
        description=ABOUT,
        epilog=MORE,
        formatter_class=RawDescriptionHelpFormatter,
    )
    maint.add_argument("file", metavar="FILE", help="your machines, - for standard input")
    maint.add_argument("--hours", default="4", help="how long it is down: 4, 90min, 1d (default 4)")
    maint.add_argument("--machine", metavar="ID", type=whole, help="only this one")
    add_skip_bad(maint)
    maint.add_argument(
        "--now", metavar="TIME", help="such as 2026-06-16T12:00Z (default: the clock)"
    )
    add_json(maint)


def run(options: Namespace) -> dict[str, Any]:
    """Return when each machine can be down."""
    from numgenius_core._command import _hosting

    return _hosting.plan_maintenance(options)


def show(result: dict[str, Any], options: Namespace) -> None:
    """Print a line for each machine, and what to do before."""
    from numgenius_core._command._reading import name_of
    from numgenius_core._command._table import print_line, print_table
    from numgenius_core._command._texts import instant_text

    if not result["machines"]:
        skipped = f" but {result['skipped']:,} skipped" if result["skipped"] else ""
        print_line(f"There is no machine in {name_of(options.file)}{skipped}.")
        return
    rolls = any(_rolls(one) for one in result["machines"])
    rows = [
        (
            str(one["machine"]),
            f"{'?' if one['rented'] is None else one['rented']} of {one['gpus']}",
            instant_text(one["down_from"], "?") + (" *" if _rolls(one) else "  " * rolls),
            instant_text(one["down_to"], "?"),
            "?" if one["lost_now"] is None else f"{one['lost_now']:,.2f}",
        )
        for one in result["machines"]
    ]
    head = ("machine", "GPUs rented", "down from (UTC)", "to", "if now: payout lost $")
    print_table(head, rows)
    if any(one["down_from"] and not one["free_now"] for one in result["machines"]):
        print_line("Until then take no new clients: unlist, or let the listing end at that time.")
    if rolls:
        note = "each day, and this time with it: unlist it, or list it to end then, to be sure."
        print_line(f"*: its end rolls on {note}")
    clients = {one["clients"] for one in result["machines"]}
    if "stopped" in clients:
        print_line("0 rented, not free: stopped clients stay until their contracts end.")
    if any(one["down_from"] is None and one["clients"] for one in result["machines"]):
        print_line("?: in use, and nobody knows until when: the file does not say it.")
    if None in clients:
        print_line("? rented: the file does not say whether it is in use (gpu_occupancy).")


def status(result: dict[str, Any]) -> int:
    """Return 1 if there is no machine to say it of."""
    return 0 if result["machines"] else 1


def _rolls(one: dict[str, Any]) -> bool:
    """Say whether a machine waits for clients whose ends move on each day."""
    return bool(one["rolling"] and one["down_from"] and not one["free_now"])
