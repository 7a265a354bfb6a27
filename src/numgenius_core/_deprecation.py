"""How a public name leaves: only after a release that warns and names its replacement.

A renamed function is kept under its old name with :func:`deprecated`, a renamed parameter with
:func:`renamed_parameter`, any other name of a module with :func:`deprecated_names`. Each warns
where it is used, once a place as Python's filters have it, and then does what the new name does.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import wraps
from importlib import import_module
from typing import Any, ParamSpec, TypeVar

from attrs import frozen

from numgenius_core.errors import DeprecationNotice, WrongType

P = ParamSpec("P")
R = TypeVar("R")


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
