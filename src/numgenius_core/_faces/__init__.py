"""What faces have in common: names that load with their first use, and names that leave.

Each name of a lazy face loads when it is first asked for (PEP 562): who needs a few loads no more.
Names that leave, and where one is that was looked for elsewhere, are in ``deprecation``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def lazily(face: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """Return the ``__getattr__`` of a face.

    Args:
        face: The name of its module.
        homes: Of each name that is not loaded yet, the module of the face that has it.
    """

    def load(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {face!r} has no attribute {name!r}")
        found: object = getattr(import_module(f"{face}.{homes[name]}"), name)
        vars(sys.modules[face])[name] = found  # from now on it is found without this function
        return found

    return load
