"""What mypy refuses: the mistakes that types exist for.

One file of snippets and one run of mypy. A line that must be refused ends in ``# refused: code``
with mypy's error code; every other line must pass.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

import numgenius_core

SNIPPETS = """\
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from numgenius_core.intervals import after, fixed_duration, parse_duration, parse_instant
from numgenius_core.listing import AccountId, ContractId, Machine, MachineId, OfferId, PriceTerms
from numgenius_core.money import Money, PerGb, PerGbMonth, PerGpuHour, PerHour
from numgenius_core.offer import Block, Offer

gpu, bid, disk, traffic = PerGpuHour("1"), PerHour(1), PerGbMonth(Decimal(1)), PerGb("0.02")
hour = timedelta(hours=1)

# Money and rates.
total: Money = gpu * hour + hour * bid + disk * hour + traffic.charge(10**9) - Money("0.10") * 3
whole: Money = Money.sum([total, total])
both = sum([total, total])
share: Fraction = total / whole
cents: int = total.cents()
parts: tuple[Money, ...] = total.allocate([1, 2])
four: PerHour = gpu.for_gpus(4)
one: PerGpuHour = four.per_gpu(4)
dearer: bool = gpu > one and bid < four and total >= whole
lower: PerGpuHour = gpu.scaled(Fraction(3, 5)) + one
total + gpu  # refused: operator
gpu + total  # refused: operator
bid + gpu  # refused: operator
total + 1  # refused: operator
total * 0.5  # refused: operator
gpu * 2  # refused: operator
traffic * hour  # refused: operator
gpu < bid  # refused: operator
total < gpu  # refused: operator
Money(0.1)  # refused: arg-type
PerHour(0.1)  # refused: arg-type
PerHour.nearest(0.1)  # refused: arg-type
total.scaled(0.1)  # refused: arg-type
gpu.charge(1, 0.5)  # refused: arg-type
Money.sum([gpu])  # refused: list-item

# A price of another unit, an id of another thing.
machine = MachineId(7)
terms = PriceTerms(gpu=gpu, storage=disk, upload=traffic, download=traffic, min_bid=gpu)
Machine(id=machine, host=AccountId("anna"), gpu_name="RTX 4090", gpus=8)
slice_ = Offer(id=OfferId(1), machine=machine, gpu_name="RTX 4090", gpus=4, prices=terms)
PriceTerms(gpu=bid)  # refused: arg-type
PriceTerms(gpu=gpu, min_bid=bid)  # refused: arg-type
PriceTerms(gpu=gpu, storage=traffic)  # refused: arg-type
PriceTerms.from_host(platform_fee=0.25, gpu=gpu)  # refused: arg-type
Machine(id=OfferId(7), host=AccountId("anna"), gpu_name="RTX 4090", gpus=8)  # refused: arg-type
Machine(id=7, host=AccountId("anna"), gpu_name="RTX 4090", gpus=8)  # refused: arg-type
Machine(id=machine, host="anna", gpu_name="RTX 4090", gpus=8)  # refused: arg-type
Offer(id=ContractId(1), machine=machine, gpu_name="x", gpus=4, prices=terms)  # refused: arg-type
slice_.with_prices(gpu)  # refused: arg-type
slice_.gpus = 8  # refused: misc
Block(size="2", start=0)  # refused: arg-type

# Time.
end = after(parse_instant("2026-01-31"), parse_duration("1 month"))
stay: timedelta = fixed_duration(parse_duration("3 days"))
after(stay, parse_duration("1 month"))  # refused: arg-type
after(end, 5)  # refused: arg-type
"""
REFUSED = re.compile(r"# refused: ([a-z-]+)$")


def refusals(report: str) -> Mapping[int, set[str]]:
    """Return the error codes that mypy reported, by line."""
    found: dict[int, set[str]] = {}
    for line, code in re.findall(
        r"^[^\n:]*:(\d+): error: [^\n]*\[([a-z-]+)\]$", report, re.MULTILINE
    ):
        found.setdefault(int(line), set()).add(code)
    return found


class TestMypyRefusesMixedUnits:
    """Issue: "adding a rate to an amount is a type error, statically and at run time"."""

    def test_exactly_the_marked_lines_are_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        api = pytest.importorskip("mypy.api")
        (tmp_path / "snippets.py").write_text(SNIPPETS, "utf-8")
        (tmp_path / "mypy.ini").write_text("[mypy]\nstrict = true\nallow_redefinition = true\n")
        monkeypatch.chdir(tmp_path)
        source = Path(numgenius_core.__file__).parent.parent
        monkeypatch.setenv("MYPYPATH", str(source))
        options = ["--config-file=mypy.ini", "--follow-imports=silent", "--no-error-summary"]
        report, faults, _ = api.run([*options, "snippets.py"])
        assert not faults
        expected = {
            number: {marked[1]}
            for number, line in enumerate(SNIPPETS.splitlines(), 1)
            if (marked := REFUSED.search(line))
        }
        assert refusals(report) == expected, report
