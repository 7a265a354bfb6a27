"""How a public name leaves, and where one is that was looked for elsewhere.

It leaves only after a release that warns and names its replacement.

A renamed function is kept under its old name with :func:`deprecated`, a renamed parameter with
:func:`renamed_parameter`, any other name of a module with :func:`deprecated_names`. Each warns
where it is used, once a place as Python's filters have it, and then does what the new name does.

Whoever asks the package or the market for a name of another room is told where it is
(:func:`no_such`): the sources of the faces say it, so that nothing is loaded for a guess.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable, Mapping
from functools import wraps
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

from attrs import frozen

from numgenius_core.errors import DeprecationNotice, WrongType

P = ParamSpec("P")
R = TypeVar("R")
FACES: Final = (
    *("errors", "ids", "units", "money", "rates", "intervals", "listing", "offer"),
    *("gpus", "sla", "prices", "contracts", "bids", "maintenance", "billing", "search", "wire"),
    *("documents", "market", "planning", "frames", "whatif", "plots", "testing"),
    *("market.commands", "market.events", "market.journal", "market.logs", "market.views"),
)
"""The modules that promise names, within the package."""
_PROMISED: Final = re.compile(r"^__all__ = \[(.*?)\]$", re.DOTALL | re.MULTILINE)


@frozen(kw_only=True)
class Deprecation:
    """Why and when a name leaves.

    Attributes:
        replacement: What to use instead, by its full name.
        since: The first release that warns.
        leaves: The release without the name; a later one than ``since``.
    """

    replacement: str
    since: str
    leaves: str

    def warn(self, name: str, stacklevel: int) -> None:
        """Warn that ``name`` is used, ``stacklevel`` calls above the caller."""
        text = f"{name} is deprecated since {self.since} and leaves in {self.leaves}"
        notice = DeprecationNotice(f"{text}; use {self.replacement}")
        warnings.warn(notice, stacklevel=stacklevel + 2)


def deprecated(notice: Deprecation) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator for a function that leaves: it warns, then does what it always did."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def warning(*args: P.args, **kwargs: P.kwargs) -> R:
            notice.warn(f"{function.__module__}.{function.__qualname__}", 1)
            return function(*args, **kwargs)

        return warning

    return decorate


def renamed_parameter(
    old: str, new: str, notice: Deprecation
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator for a function that takes keyword ``new`` where it once took ``old``.

    Raises:
        WrongType: (the decorated function) It was called with both.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def renaming(*args: P.args, **kwargs: P.kwargs) -> R:
            if old in kwargs:
                if new in kwargs:
                    raise WrongType(new, f"{new} alone", f"{old} as well")
                notice.warn(f"{function.__module__}.{function.__qualname__}({old}=…)", 1)
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return renaming

    return decorate


def deprecated_names(module: str, names: Mapping[str, Deprecation]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a module some of whose names leave (PEP 562).

    Args:
        module: Its ``__name__``.
        names: The old names; each replacement is a ``module.name`` that can be imported.

    >>> # in a module:
    >>> # __getattr__ = deprecated_names(__name__, {"OLD": Deprecation(replacement=…, …)})
    """

    def find(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        notice = names[name]
        notice.warn(f"{module}.{name}", 1)
        home, _, attribute = notice.replacement.rpartition(".")
        return getattr(import_module(home), attribute)

    return find


def home_of(name: str) -> str | None:
    """Return the whole name of a face, or of what one promises; ``None`` if none does."""
    package = __name__.partition(".")[0]
    for face in FACES:
        if face.rpartition(".")[2] == name:
            return f"{package}.{face}"
        path = Path(__file__).parents[1].joinpath(*face.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        try:
            found = _PROMISED.search(path.read_text("utf-8"))
        except OSError:  # installed without its sources
            return None
        if found is not None and f'"{name}"' in found[1]:
            return f"{package}.{face}.{name}"
    return None


def no_such(module: str, name: str) -> Exception:
    """Return the error of a module that is asked for a name which it does not have."""
    said = f"module {module!r} has no attribute {name!r}"
    home = None if name.startswith("_") else home_of(name)
    if home is None:
        return AttributeError(said)
    # ``from numgenius_core import Rent`` first asks whether there is one, in a function of Python's
    # own, and then forgets what an AttributeError said. A module of this name is looked for next.
    asks = sys._getframe(2).f_code.co_name  # nothing else tells
    is_import = asks == "_handle_fromlist" and find_spec(f"{module}.{name}") is None
    return (ImportError if is_import else AttributeError)(f"{said} (it is {home})")
