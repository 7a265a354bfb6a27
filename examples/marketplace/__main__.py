"""``python -m examples.marketplace --port 8765 --db market.sqlite --seed demo``."""

from __future__ import annotations

import argparse
import warnings
from typing import Final

import uvicorn

from examples.marketplace.app import Service
from examples.marketplace.routes import instances_load_at_once
from examples.marketplace.store import Store
from numgenius_core.errors import FloorAbovePrice
from numgenius_core.ids import AccountId, MachineId
from numgenius_core.listing import Machine
from numgenius_core.market.commands import AddMachine
from numgenius_core.money import Money

HOST: Final = AccountId("host-1")
MACHINES: Final = (
    Machine(id=MachineId(1001), host=HOST, gpu_name="RTX 3090", gpus=8, disk_mb=1_000_000),
    Machine(id=MachineId(1002), host=HOST, gpu_name="A100", gpus=4, disk_mb=1_000_000),
)
CREDIT: Final = Money(10_000)


def seed(store: Store) -> None:
    """Put the demo's machines into an empty market; they are written with the first command."""
    if not store.market.machines:
        store.decide(*(AddMachine(machine=machine) for machine in MACHINES))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.marketplace", description=__doc__)
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--db", default="market.sqlite", help="where the events are kept")
    parser.add_argument("--seed", choices=["demo"], help="what an empty market begins with")
    parser.add_argument("--rate", type=float, default=50, help="requests a second of an account")
    parser.add_argument("--not-durable", action="store_true", help="do not wait for the disk")
    args = parser.parse_args()
    warnings.simplefilter("ignore", FloorAbovePrice)  # legal, and the host's own affair
    store = Store(args.db, react=instances_load_at_once, durable=not args.not_durable)
    if args.seed:
        seed(store)
    app = Service(store, args.rate, CREDIT).app()
    uvicorn.run(app, port=args.port, access_log=False, log_level="warning", ws="none")
    store.close()


if __name__ == "__main__":
    main()
