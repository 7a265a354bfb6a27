"""The caller's decimal context changes no answer: what rounds here rounds in a context of ours."""

from __future__ import annotations

import doctest
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import (
    MAX_EMAX,
    MAX_PREC,
    ROUND_UP,
    Clamped,
    Context,
    Decimal,
    DivisionByZero,
    FloatOperation,
    Inexact,
    InvalidOperation,
    Overflow,
    Rounded,
    Subnormal,
    Underflow,
    localcontext,
)
from fractions import Fraction
from pathlib import Path
from typing import Final

import pytest

from effort import up_to
from house import PACKAGE, SOURCES, load
from numgenius_core import PerGpuHour, PerHour, read_offers, read_sample
from numgenius_core._command import main
from numgenius_core._numbers import WIDE, decimal_of, exact_sum, own_context
from numgenius_core.search import FIELDS, FieldType, parse

DATA: Final = os.environ.get("NUMGENIUS_MARKET_DATA")
SIGNALS: Final = [
    *(Inexact, Rounded, FloatOperation, Clamped, Subnormal, Underflow, Overflow),
    *(DivisionByZero, InvalidOperation),
]
STRICT: Final = Context(prec=1, rounding=ROUND_UP, capitals=0, traps=SIGNALS)
"""Whatever is rounded in it raises."""
CARELESS: Final = Context(prec=1, rounding=ROUND_UP, capitals=0, traps=[])
"""Whatever is rounded in it is wrong."""
READ: Final = read_sample()
PRICES: Final = [offer.per_hour for offer in READ.offers]
contexts = pytest.mark.parametrize("context", [STRICT, CARELESS], ids=["strict", "careless"])

# Those that work with decimals first: a short run takes these.
_DECIMAL: Final = [
    *("_numbers", "money", "rates", "units", "prices.quotes", "prices.ranking", "search.fields"),
    *("search.hints", "search.query", "wire.oddities", "wire.reading", "wire.tables", "sla.fees"),
    *("billing.focus", "billing.statements", "billing.volumes", "whatif.presets"),
    *("whatif.arrivals", "documents._convert", "market.journal"),
]
_ALL: Final = [*_DECIMAL, *(name for name in SOURCES if name and name not in _DECIMAL)]
MODULES: Final = _ALL[: up_to(len(_ALL), len(_DECIMAL))]


@contextmanager
def foreign(context: Context) -> Iterator[None]:
    """Be a caller with a decimal context of its own."""
    with localcontext(context):
        yield


class TestEveryExampleSaysTheSame:
    """Each promised name has an example that runs: in any context it says what it says."""

    @contexts
    @pytest.mark.parametrize("name", MODULES)
    def test_of_a_module(self, name: str, context: Context) -> None:
        finder = doctest.DocTestFinder(exclude_empty=True)
        runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
        said: list[str] = []
        for examples in finder.find(load(name), name, globs={"__name__": "__main__"}):
            with foreign(context):
                runner.run(examples, out=said.append)
        assert not said, "".join(said)


class TestTheCommandSaysTheSame:
    """Run within a program, it is the command of a shell."""

    @contexts
    @pytest.mark.parametrize(
        "line",
        [
            "quote --sample --gpu 4090 --hours 720 --disk 500 --json",
            "quote --sample --hours 72 --disk 500 --download 1000 --why 9000100",
            "quote --sample --hours 720 --disk 9000 --gpus 8 --gpu 4090",
            "quote --sample --hours 24 --sort value --columns id,total,value,days,disk,reliability",
            "compare --sample --gpu 4090 --hours 720 --disk 100 --top 3",
            "slices 7 --min-gpu 2",
            "reserve --price 1 --months 2 --cancel-after 7d --json",
            "reserve --price 1 --months 1 --cancel-after 15d",
            "sla fee --price 3.50 --claim 0.99 --target 0.95",
        ],
    )
    def test_of_a_line(
        self, line: str, context: Context, capsys: pytest.CaptureFixture[str]
    ) -> None:
        status = main(line.split())
        said = capsys.readouterr()
        with foreign(context):
            assert main(line.split()) == status
        assert capsys.readouterr() == said


class TestWhereItWasNotSo:
    """What callers with other contexts met, worked out by hand."""

    @contexts
    def test_no_finding_comes_of_rounding(self, context: Context) -> None:
        with foreign(context):
            assert read_sample().findings == READ.findings
            assert [offer.per_hour for offer in read_sample().offers] == PRICES

    @contexts
    @pytest.mark.skipif(DATA is None, reason="needs real records")
    def test_nor_among_real_records(self, context: Context) -> None:
        path = Path(str(DATA)) / "search_offers.json"
        ordinary = read_offers(path)
        with foreign(context):
            assert read_offers(path).findings == ordinary.findings

    @contexts
    def test_a_price_of_a_float(self, context: Context) -> None:
        with foreign(context):
            assert PerGpuHour.from_float(0.0) == PerGpuHour(0)
            assert PerHour.from_float(0.123456789).steps == 123_456_789_000

    @contexts
    def test_versions_and_units_of_a_search(self, context: Context) -> None:
        with foreign(context):
            drivers = [each for each in FIELDS.values() if each.kind is FieldType.VERSION]
            assert [each.value(550, "version") for each in drivers] == [550_000_000] * len(drivers)
            assert [each.value for each in parse("duration>=1.5").conditions] == [129_600]
            assert FIELDS["duration"].untyped(Decimal(129_600)) == "1.5"

    @contexts
    def test_what_is_made_of_whole_numbers(self, context: Context) -> None:
        with foreign(context):
            assert str(decimal_of(10**300 + 1, 2)) == f"1{'0' * 298}.01"
            assert exact_sum([Decimal("0.01"), Decimal(10**40)]) == Decimal(f"1{'0' * 40}.01")
        assert Fraction(WIDE.divide(Decimal(1), Decimal(3))) == Fraction(10**200 // 3, 10**200)


# Its own interpreter: what a module works out as it is imported it works out once. What needs an
# extra is left out, since the extra may look at the context too; __main__ would run the command.
_OTHERS: Final = {"frames", "plots", "testing", "__main__"}
_IMPORTS: Final = f"""
import decimal, importlib
for context in (decimal.DefaultContext, decimal.getcontext()):
    context.prec, context.rounding, context.Emax = 1, decimal.ROUND_UP, 9
    for signal in {[signal.__name__ for signal in SIGNALS]}:
        context.traps[getattr(decimal, signal)] = True
for name in {[n for n in MODULES if n.partition(".")[0] not in _OTHERS]}:
    importlib.import_module("{PACKAGE}." + name)
from {PACKAGE}._numbers import WIDE, _EXACT
from {PACKAGE}.sla.fees import _DIGITS
for context in (WIDE, _EXACT, _DIGITS):
    context.clear_flags()
    print(context)
"""


def test_no_module_is_made_in_the_context_of_whoever_imports_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    made = [own_context(200), own_context(MAX_PREC, MAX_EMAX), own_context(60)]
    assert done.stdout.splitlines() == list(map(str, made))
