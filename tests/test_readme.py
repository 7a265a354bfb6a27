"""What the README shows is what happens."""

from __future__ import annotations

import doctest
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


class TestReadme:
    """Every code block in the README runs."""

    def test_its_examples_give_what_they_show(self) -> None:
        outcome = doctest.testfile(str(README), module_relative=False)
        assert outcome.attempted >= 4
        assert outcome.failed == 0
