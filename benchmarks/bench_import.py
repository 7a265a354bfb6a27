"""CPU time of an import and of the command, over a bare interpreter."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median

from harness import Row, print_table

REPEAT = 21
BARE = "bare Python"
CASES = {
    BARE: ("-c", "pass"),
    "attrs alone": ("-c", "import attrs"),
    "the core values": ("-c", "from numgenius_core import Money, Offer, quote"),
    "import numgenius_core": ("-c", "import numgenius_core"),
    "numgenius --version": ("-m", "numgenius_core", "--version"),
    "argparse alone": ("-c", "import argparse"),
    "numgenius --help": ("-m", "numgenius_core", "--help"),
    "numgenius quote --sample": ("-m", "numgenius_core", "quote", "--sample"),
    "the wire (cattrs)": ("-c", "import numgenius_core.wire.reading"),
    "cattrs alone": ("-c", "import cattrs"),
    "dateutil.parser alone": ("-c", "import dateutil.parser"),
    "pydantic BaseModel": ("-c", "from pydantic import BaseModel"),
}
# Each beside what it stands on, or what others use for the same.
PEERS = (
    ("import numgenius_core", "attrs alone"),
    ("the core values", "attrs alone"),
    ("the core values", "pydantic BaseModel"),
    ("the wire (cattrs)", "cattrs alone"),
    ("the wire (cattrs)", "pydantic BaseModel"),
    ("numgenius --version", "argparse alone"),
    ("numgenius --help", "argparse alone"),
    ("numgenius quote --sample", "cattrs alone"),
    ("numgenius quote --sample", "dateutil.parser alone"),
)
# What may be added to what it stands on, ms.
LIMITS = (
    ("numgenius --version", BARE, 30),
    ("the core values", "attrs alone", 20),
)


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


def cpu(words: tuple[str, ...]) -> float:
    """Return the CPU seconds that a fresh interpreter takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(words)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def main() -> None:
    cases = {name: words for name, words in CASES.items() if run(words)}  # and there is bytecode
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
    for name, base, limit in LIMITS:
        added = over(name, base) * 1e3
        print(f"{name}: {added:.1f} ms over {base}, at most {limit} wanted")


if __name__ == "__main__":
    main()
