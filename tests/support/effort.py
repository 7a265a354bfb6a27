"""How long a test looks: a part of its cases for who waits for it, all of them in ``.ci/run``.

The profile of Hypothesis says which (``HYPOTHESIS_PROFILE``, ``tests/conftest.py``): a short run
looks for the same faults with the same checks, on fewer cases.
"""

from __future__ import annotations

from typing import Final

from hypothesis import settings

# How many examples the profile gives a property that asks for no number: 10, or 100 in a full run.
_PERCENT: Final[int] = settings.default.max_examples  # type: ignore[union-attr]  # there is a profile

FULL: Final = _PERCENT >= 100
LONG: Final = _PERCENT >= 5_000


def examples(full: int) -> settings:
    """Return the settings of a property that a full run tries on so many examples."""
    return settings(max_examples=max(1, full * _PERCENT // 100))


def up_to(full: int, short: int) -> int:
    """Return how far to go: ``full`` in a full run, ``short`` in a short one."""
    return full if FULL else short
