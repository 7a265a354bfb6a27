"""The figures of the page on proof that can be counted are those of this code."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Final

import pytest

from house import HOME
from numgenius_core.testing import RULES
from scripts.measure_code import Package, measure
from wrong_rules import WRONG

PAGE: Final = Path(__file__).parents[2] / "docs" / "proof.md"
TEXT: Final = " ".join(PAGE.read_text("utf-8").split())


def figures(pattern: str) -> list[int]:
    """Return the numbers of a sentence of the page."""
    found = re.search(pattern, TEXT)
    assert found, f"the page does not say {pattern}"
    return [int(each.replace(",", "")) for each in found.groups()]


def column(name: str) -> dict[str, str]:
    """Return a column of the table of the shape of the code."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.read_text("utf-8").partition("| before |")[2].splitlines()
    ]
    at = rows[0].index(name) + 2  # what stands before it was cut off
    return {cells[0]: cells[at] for cells in rows[2:] if len(cells) == len(rows[0]) + 2}


class TestFiguresAreOfThisCode:
    """A figure that only ages is worse than none."""

    def test_rules_and_laws(self) -> None:
        laws = sum(len(rule.laws) for rule in RULES.values())
        assert figures(r"(\d+) rules with ([\d,]+) laws") == [len(RULES), laws]

    def test_wrong_implementations(self) -> None:
        assert figures(r"([\d,]+) re-implementations") == [sum(map(len, WRONG.values()))]

    def test_the_shape_within_a_tenth(self) -> None:
        """Each change moves some of it a little: who is off runs ``scripts/measure_code.py``."""
        told, counted = column("1.0"), measure(Package(HOME))
        assert told.keys() == counted.keys()
        for what, figure in counted.items():
            now, then = (
                Fraction(each.replace(",", "").removesuffix("%")) for each in (figure, told[what])
            )
            assert abs(now - then) <= now / 10, f"{what}: {told[what]} is told, {figure} counted"

    def test_a_sentence_that_is_gone_would_be_seen(self) -> None:
        with pytest.raises(AssertionError, match="does not say"):
            figures(r"(\d+) rules with ([\d,]+) flaws")
