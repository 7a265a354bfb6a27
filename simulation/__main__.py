"""``python -m simulation --minutes 2`` or ``--seed 17``."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from datetime import timedelta
from pathlib import Path

from numgenius_core.errors import FloorAbovePrice
from simulation.box import BEGIN
from simulation.world import World, emptied


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="one world, and its events' hash")
    parser.add_argument("--first", type=int, default=0, help="the first seed of many")
    parser.add_argument("--minutes", type=float, default=2.0, help="for how long to try seeds")
    parser.add_argument("--steps", type=int, default=150, help="how long a world lives")
    parser.add_argument("--long", action="store_true", help="all night: 8 hours of long lives")
    return parser.parse_args()


def main() -> int:
    args = arguments()
    warnings.simplefilter("ignore", FloorAbovePrice)
    logging.disable()  # that the disk is full is no news
    minutes, steps = (480.0, 1_000) if args.long else (args.minutes, args.steps)
    begun, lives, faults, told, days = time.monotonic(), 0, Counter[str](), Counter[str](), 0.0
    number, events = args.first if args.seed is None else args.seed, 0
    with tempfile.TemporaryDirectory() as home:
        while True:
            world = World(number, emptied(Path(home) / "world"), steps)
            try:
                told_by = world.run()
            except Exception:  # noqa: BLE001 - it is printed, with its seed
                traceback.print_exc()
                sys.stdout.write(f"python -m simulation --seed {number} --steps {steps}\n")
                return 1
            lives, number = lives + 1, number + 1
            faults += world.box.faults.seen
            told += world.clients.told
            days += (world.box.at - BEGIN) / timedelta(days=1)
            events += len(world.auditor.events)
            if args.seed is not None:
                sys.stdout.write(f"{told_by}\n")
                break
            if time.monotonic() - begun > minutes * 60:
                break
    answers = ", ".join(f"{count:,} × {status}" for status, count in sorted(told.items()))
    sys.stdout.write(f"{lives} lives, {days:,.0f} days, {events:,} events; answers: {answers}\n")
    for name, count in sorted(faults.items()):
        sys.stdout.write(f"{count:7,}  {name}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
