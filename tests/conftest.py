"""Hypothesis profiles: machines differ in speed, so no example has a deadline.

``each-run`` is quick, for who waits for it, and draws other examples each time; ``full``, that of
``.ci/run`` and of CI, draws ten times as many, always the same, and runs the long loops in full
(``tests/support/effort.py``); ``pytest --long``, or ``HYPOTHESIS_PROFILE=long``, looks for hours.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings

_SLOW_IS_NO_FAULT = [HealthCheck.too_slow]

settings.register_profile(
    "each-run", deadline=None, max_examples=10, suppress_health_check=_SLOW_IS_NO_FAULT
)
settings.register_profile(
    "full",
    deadline=None,
    max_examples=100,
    derandomize=True,
    print_blob=True,
    suppress_health_check=_SLOW_IS_NO_FAULT,
)
settings.register_profile(
    "long", deadline=None, max_examples=5_000, suppress_health_check=_SLOW_IS_NO_FAULT
)
# A mutant is met by every test that reaches it: few examples each, always the same ones. It is
# enough to know that it fails: no smaller example is looked for.
settings.register_profile(
    "mutation",
    deadline=None,
    derandomize=True,
    max_examples=25,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[*_SLOW_IS_NO_FAULT, HealthCheck.differing_executors],
)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "full" if "CI" in os.environ else "each-run")
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option ``--long``."""
    parser.addoption("--long", action="store_true", help="many more examples of each property")


def pytest_configure(config: pytest.Config) -> None:
    """Load the profile of ``--long`` before the tests are collected."""
    if config.getoption("--long"):
        settings.load_profile("long")
