"""What mypy accepts, and what it refuses: the mistakes that types exist for.

Two files and one run of mypy. A line that must be refused ends in ``# refused: code`` with mypy's
error code; every other line must pass.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

import numgenius_core
from effort import FULL

CASES = Path(__file__).parent.parent / "typed"
REFUSED = re.compile(r"# refused: ([a-z-]+)$")
SETTINGS = "[mypy]\nstrict = true\nallow_redefinition = true\n"


def refusals(report: str) -> Mapping[int, set[str]]:
    """Return the error codes that mypy reported, by line."""
    found: dict[int, set[str]] = {}
    for line, code in re.findall(
        r"^[^\n:]*:(\d+): error: [^\n]*\[([a-z-]+)\]$", report, re.MULTILINE
    ):
        found.setdefault(int(line), set()).add(code)
    return found


def marks(file: Path) -> dict[int, set[str]]:
    """Return the error codes that the lines of a file are marked with."""
    return {
        number: {marked[1]}
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if (marked := REFUSED.search(line))
    }


class TestMypyRefusesMixedUnits:
    """Issue: "adding a rate to an amount is a type error, statically and at run time"."""

    @pytest.mark.skipif(not FULL, reason="mypy reads the whole library: a full run asks it")
    def test_exactly_the_marked_lines_are_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        api = pytest.importorskip("mypy.api")
        (tmp_path / "mypy.ini").write_text(SETTINGS)
        monkeypatch.chdir(tmp_path)
        source = Path(numgenius_core.__file__).parent.parent
        monkeypatch.setenv("MYPYPATH", str(source))
        options = ["--config-file=mypy.ini", "--follow-imports=silent", "--no-error-summary"]
        files = [CASES / "accepted.py", CASES / "refused.py"]
        report, faults, _ = api.run([*options, *map(str, files)])
        assert not faults
        for file in files:
            own = "\n".join(line for line in report.splitlines() if file.name in line)
            assert refusals(own) == marks(file), report

    def test_the_accepted_lines_run(self) -> None:
        code = compile((CASES / "accepted.py").read_text("utf-8"), "accepted.py", "exec")
        exec(code, {"__name__": "accepted"})

    def test_each_file_is_what_it_says(self) -> None:
        assert not marks(CASES / "accepted.py")
        assert len(marks(CASES / "refused.py")) >= 40
