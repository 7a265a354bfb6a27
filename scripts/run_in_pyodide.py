"""The tests that a Python without processes, threads and compiled packages can run.

``scripts/check_pyodide.mjs`` calls :func:`main` inside Pyodide.
"""

from __future__ import annotations

import sys
from importlib.metadata import version

import pytest

_ROOMS = (
    *("bids", "billing", "contracts", "gpus", "maintenance", "market", "planning", "prices", "sla"),
    *("whatif", "wire"),
)
_VALUES = ("accrual", "deprecation", "errors", "intervals", "listing", "money", "offer", "units")
# What each needs is not there: a service, a deep stack, processes and threads, or a package in C.
_LEFT_OUT = (
    "tests/market/test_every_command.py",
    "tests/market/test_logs.py::TestConflicts::test_threads",
    "tests/market/test_logs.py::TestConflicts::test_an_id_is_known_as_soon_as_its_events_are",
    "tests/market/test_persistent.py::TestSeries::test_a_long_one_travels",
    "tests/whatif/test_demand.py::TestTheGenerator::test_in_another_process_too",
    "tests/whatif/test_sweeps.py::TestASweepThatIsInterrupted::test_processes_end_at_once_where_nobody_waits_for_them",
    "tests/whatif/test_sweeps.py::TestASweepThatIsInterrupted::test_processes_too",
    "tests/whatif/test_sweeps.py::TestAHostsFirstScript",
    "tests/whatif/test_sweeps.py::TestWhoComputes",
    "tests/sla/test_sla_command.py::TestTheBacktest::test_a_picture",
    "tests/wire/test_as_dicts.py",
    "src/numgenius_core/frames",
    "src/numgenius_core/plots",
    "src/numgenius_core/testing",
)


def main() -> int:
    """Run doctests and tests; return 0 if all pass."""
    print(f"Python {sys.version.split()[0]} on {sys.platform}, library {version('numgenius-core')}")
    quiet = ["-q", "--no-header", "--tb=short", "-p", "no:cacheprovider"]
    for path in _LEFT_OUT:
        quiet += ["--deselect" if "::" in path else "--ignore", path]
    tests = [f"tests/{room}" for room in _ROOMS] + [f"tests/test_{name}.py" for name in _VALUES]
    doctests = pytest.main([*quiet, "README.md", "src"])
    return int(doctests) or int(pytest.main([*quiet, *tests]))
