"""Import every module of the installed package; one that needs an extra must say which.

Run it as ``python scripts/import_all.py``.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

import numgenius_core
from numgenius_core.errors import MissingExtra


def main() -> None:
    """Import them, and print how many there are and which need what."""
    found = [
        each.name for each in pkgutil.walk_packages(numgenius_core.__path__, "numgenius_core.")
    ]
    for name in found:
        if name == "__main__":
            continue
        try:
            import_module(name)
        except MissingExtra as needed:
            print(f"{name}: {needed}")
    print(f"{len(found)} modules imported from {numgenius_core.__path__[0]}")


if __name__ == "__main__":
    main()
