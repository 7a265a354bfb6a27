"""The rooms of the package and their faces, as HOUSE draws them; the docs and the tests follow."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Final

import numgenius_core

PACKAGE: Final = "numgenius_core"
HOME: Final = Path(numgenius_core.__file__).parent
# Each imports only what stands before it, and its own. `_command` alone looks at everything.
# fmt: off
ORDER: Final = [
    "errors", "ids", "_numbers", "units", "_checks", "_json", "money", "rates", "_terms",
    "intervals", "listing", "offer", "_accrual", "_tables", "_faces",
    "gpus", "sla", "prices", "contracts", "bids", "maintenance", "billing", "search", "wire",
    "documents", "market", "planning", "frames", "whatif", "plots", "testing", "_command",
    "__main__",
]
# fmt: on
MARKET_FACES: Final = [
    "market.commands",
    "market.events",
    "market.journal",
    "market.logs",
    "market.views",
]


def name_of(path: Path) -> str:
    """Return the name of a module within the package; of a room, its own."""
    parts = path.relative_to(HOME).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


SOURCES: Final = {name_of(path): path for path in sorted(HOME.rglob("*.py"))}
ROOMS: Final = [name for name in ORDER if (HOME / name).is_dir() and name[0] != "_"]
VALUES: Final = [name for name in ORDER if name not in ROOMS and name[0] != "_"]
FACES: Final = sorted([*VALUES, *ROOMS, *MARKET_FACES])


def own_names() -> list[str]:
    """Return what the package promises itself, since it is of all rooms."""
    of_faces = {name for face in FACES for name in load(face).__all__}
    return [name for name in numgenius_core.__all__ if name not in of_faces]


def load(name: str) -> ModuleType:
    """Return a module of the package."""
    return importlib.import_module(f"{PACKAGE}.{name}" if name else PACKAGE)
