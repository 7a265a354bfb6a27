"""``python -m examples.marketplace --port 8765 --db market.sqlite --seed demo``."""

from __future__ import annotations

import argparse
import sys
import warnings
from contextlib import suppress
from datetime import datetime
from ipaddress import ip_address
from typing import Final, NoReturn

from examples.marketplace.app import Service
from examples.marketplace.commands import instances_load_at_once
from examples.marketplace.keys import any_key, key_file
from examples.marketplace.logbook import write_log
from examples.marketplace.refusals import one_line
from examples.marketplace.server import listening, serve
from examples.marketplace.standing import StandingClock
from examples.marketplace.store import Store, faults, wall_clock
from numgenius_core.errors import FloorAbovePrice, NumgeniusError, ParseError
from numgenius_core.ids import AccountId, MachineId
from numgenius_core.intervals import parse_instant
from numgenius_core.listing import Machine
from numgenius_core.market.commands import AddMachine
from numgenius_core.money import Money

HOST: Final = AccountId("host-1")
MACHINES: Final = (
    Machine(id=MachineId(1001), host=HOST, gpu_name="RTX 3090", gpus=8, disk_mb=1_000_000),
    Machine(id=MachineId(1002), host=HOST, gpu_name="A100", gpus=4, disk_mb=1_000_000),
)
CREDIT: Final = Money(10_000)
PROGRAM: Final = "python -m examples.marketplace"
PORTS: Final = 65_535
RATES: Final = (0.001, 1e9)  # requests a second


def seed(store: Store) -> None:
    """Put the demo's machines into an empty market."""
    if not store.market.machines:
        with suppress(NumgeniusError):  # another worker was faster
            store.decide(*(AddMachine(machine=machine) for machine in MACHINES))


def rate(text: str) -> float:
    low, high = RATES
    with suppress(ValueError):
        if low <= (found := float(text)) <= high:  # also not so for NaN
            return found
    raise argparse.ArgumentTypeError(f"need {low:g} to {high:,.0f} requests a second, got {text!r}")


def port(text: str) -> int:
    with suppress(ValueError):
        if 0 <= (found := int(text)) <= PORTS:
            return found
    raise argparse.ArgumentTypeError(f"need 0 to {PORTS:,}, got {text!r}")


def instant(text: str) -> datetime:
    try:
        return parse_instant(text, "--clock")
    except ParseError as fault:
        raise argparse.ArgumentTypeError(f"need {fault.need}, got {fault.got}") from None


def is_loopback(host: str) -> bool:
    with suppress(ValueError):  # a name
        return ip_address(host).is_loopback
    return host == "localhost"


def arguments() -> argparse.Namespace:
    """Return what the service was started with, or end with what is wrong."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=port, default=8765)
    parser.add_argument(
        "--db",
        default="market.sqlite",
        help="where the events are kept: a file, or postgresql://… for any number of workers",
    )
    parser.add_argument(
        "--share-port", action="store_true", help="other workers listen on the same port"
    )
    parser.add_argument("--log", action="store_true", help="write a line of JSON for each request")
    parser.add_argument("--seed", choices=["demo"], help="what an empty market begins with")
    parser.add_argument(
        "--keys",
        help="the file that says whose key is whose; examples.marketplace.keys makes its lines",
    )
    parser.add_argument("--rate", type=rate, default=50, help="requests a second of an account")
    parser.add_argument("--payouts", action="store_true", help="pay hosts out each Friday")
    parser.add_argument("--proxies", help="addresses of proxies that say where a request is from")
    parser.add_argument(
        "--clock",
        type=instant,
        help="where time stands still until PUT /clock sets it, of a demonstration: 2026-01-05",
    )
    parser.add_argument("--not-durable", action="store_true", help="do not wait for the disk")
    args = parser.parse_args()
    if args.keys is None:
        if args.seed is None:
            parser.error("--keys says whose key is whose; only --seed demo does without")
        if not is_loopback(args.host):
            why = "without --keys any key is an account: only loopback can be listened on"
            parser.error(f"--host: {why}, got {args.host!r}")
    if args.clock is not None and (args.keys is not None or args.share_port):
        parser.error("--clock is for a demonstration: without --keys and other workers")
    return args


def end(option: str, why: Exception) -> NoReturn:
    """End with a line about an option that says what is not there, or not possible."""
    sys.stderr.write(f"{PROGRAM}: error: {option}: {one_line(why)}\n")
    sys.exit(2)


def opened(args: argparse.Namespace, clock: StandingClock | None) -> Store:
    """Return the market that is kept where ``--db`` says, or end with what is wrong."""
    try:
        store = Store(
            args.db,
            react=instances_load_at_once,
            clock=clock or wall_clock,
            durable=not args.not_durable,
        )
        if args.seed:
            seed(store)
    except faults() as fault:
        end("--db", fault)
    return store


def main() -> None:
    args = arguments()
    warnings.simplefilter("ignore", FloorAbovePrice)  # legal, and the host's own affair
    try:
        keys = any_key if args.keys is None else key_file(args.keys)
    except (OSError, NumgeniusError) as fault:
        end("--keys", fault)
    try:
        there = listening(args.host, args.port, shared=args.share_port)
    except (OSError, TypeError) as fault:
        end("--host and --port", fault)
    with there:
        clock = None if args.clock is None else StandingClock(args.clock)
        store = opened(args, clock)
        if args.keys is None:
            sys.stderr.write("any key is an account of that name: this is a demonstration\n")
        credit = CREDIT if args.seed else Money(0)
        service = Service(store, args.rate, credit, keys, payouts=args.payouts, clock=clock)
        if args.log:
            write_log()
        serve(service.app(), there, args.proxies)


if __name__ == "__main__":
    main()
