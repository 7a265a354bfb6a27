"""CPU time of an import and of the command, over a bare interpreter."""

from __future__ import annotations

import csv
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from harness import Row, print_table

REPEAT = 21
BARE = "bare Python"
OFFERS = 1_936
QUOTE = f"numgenius quote, {OFFERS:,} offers"
LEAST = "argparse, attrs and csv.DictReader"
CASES = {
    BARE: ("-c", "pass"),
    "attrs alone": ("-c", "import attrs"),
    "the core values": ("-c", "from numgenius_core import Money, Offer, quote"),
    "import numgenius_core": ("-c", "import numgenius_core"),
    "numgenius --version": ("-m", "numgenius_core", "--version"),
    "argparse alone": ("-c", "import argparse"),
    "numgenius --help": ("-m", "numgenius_core", "--help"),
    "numgenius quote --sample": ("-m", "numgenius_core", "quote", "--sample"),
    "the wire": ("-c", "import numgenius_core.wire.reading"),
    "cattrs alone": ("-c", "import cattrs"),
    "dateutil.parser alone": ("-c", "import dateutil.parser"),
    "pydantic BaseModel": ("-c", "from pydantic import BaseModel"),
}
# Each beside what it stands on, or what others use for the same.
PEERS = (
    ("import numgenius_core", "attrs alone"),
    ("the core values", "attrs alone"),
    ("the core values", "pydantic BaseModel"),
    ("the wire", "attrs alone"),
    ("the wire", "pydantic BaseModel"),
    ("numgenius --version", "argparse alone"),
    ("numgenius --help", "argparse alone"),
    ("numgenius quote --sample", "attrs alone"),
    ("numgenius quote --sample", "dateutil.parser alone"),
    (QUOTE, LEAST),
)
MOST = 200
# What may be added to what it stands on, ms.
LIMITS = (
    ("numgenius --version", BARE, 30),
    ("the core values", "attrs alone", 20),
)


def snapshot(offers: int) -> Iterator[dict[str, object]]:
    """Yield the rows of a market of our own, as wide as a real snapshot."""
    for number in range(offers):
        machine = number // 2  # each is offered as two sizes
        gpus = (1 << machine % 3) * (1 + number % 2)
        price = gpus * (0.2 + machine % 97 / 64)
        row: dict[str, object] = {
            "collected_at": "2026-06-16T17:40:36.680090+00:00",
            "offer_id": 10_000_000 + number,
            "machine_id": 50_000 + machine,
            "gpu_name": ("RTX 4090", "RTX 3090", "H100 SXM", "A100 PCIE")[machine % 4],
            "num_gpus": gpus,
            "gpu_frac": gpus / 8,
            "dph_total": price / 0.75,
            "min_bid": price / 1.5,
            "storage_cost_per_gb_mo": (0.1 + number % 31 / 100) / 0.75,
            "internet_up_cost_per_tb": number % 23 / 0.75,
            "internet_down_cost_per_tb": number % 19 / 0.75,
            "dlperf": 61.7 * gpus + number / 7,
            "verification": "unverified" if number % 3 else "verified",
            "reliability": 0.9 + number % 991 / 10_000,
            "rentable": number % 4 == 1,
            "inet_up_mbps": 700.1 + number,
            "inet_down_mbps": 900.7 + number,
            "cpu_ram_mb": 64_000 + number,
            "disk_space_gb": 6_436.8 / (1 + number % 7),
            "geolocation": "California, US",
            "duration_seconds": 1_286_792.8919286728 + number * 1_000,
        }
        yield row | {f"other_{index}": round(number * 1.37 + index, 3) for index in range(22)}


def written(folder: str) -> Path:
    """Write a snapshot as large as a real one and return its path."""
    path = Path(folder, "market.csv")
    rows = list(snapshot(OFFERS))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def run(words: tuple[str, ...]) -> bool:
    """Run a fresh interpreter and return whether it ended well.

    It writes and reads bytecode, whatever the caller's own does: users have it from the
    installation.
    """
    source = Path(__file__).parent.parent / "src"
    environment = {**os.environ, "PYTHONPATH": str(source)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, check=False
    )
    return done.returncode == 0


def with_a_market(path: Path) -> dict[str, tuple[str, ...]]:
    """Return the command on a file, and the least that is to be done for its answer."""
    least = (
        "import argparse, attrs, csv\n"
        f"with open({str(path)!r}, newline='', encoding='utf-8') as file:\n"
        "    rows = list(csv.DictReader(file))"
    )
    words = ("-m", "numgenius_core", "quote", str(path), "--hours", "720", "--disk", "500")
    return {QUOTE: words, LEAST: ("-c", least)}


def cpu(words: tuple[str, ...]) -> float:
    """Return the CPU seconds that a fresh interpreter takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(words)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        compare(CASES | with_a_market(written(folder)))


def compare(asked: dict[str, tuple[str, ...]]) -> None:
    cases = {name: words for name, words in asked.items() if run(words)}  # and there is bytecode
    runs: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(REPEAT):  # in turn, so that a busy second falls on all of them
        for name, words in cases.items():
            runs[name].append(cpu(words))

    def over(name: str, base: str = BARE) -> float:
        return median(mine - under for mine, under in zip(runs[name], runs[base], strict=True))

    rows = [
        Row(name, peer, over(peer), max(over(name), 0.0))  # some are less than the noise
        for name, peer in PEERS
        if name in cases and peer in cases
    ]
    bare = median(runs[BARE])
    print_table(f"Import and command, CPU over bare Python ({bare * 1e3:.0f} ms)", rows)
    print()
    print(f"{QUOTE}: {median(runs[QUOTE]) * 1e3:.0f} ms in all, at most {MOST} wanted")
    for name, base, limit in LIMITS:
        added = over(name, base) * 1e3
        print(f"{name}: {added:.1f} ms over {base}, at most {limit} wanted")


if __name__ == "__main__":
    main()
