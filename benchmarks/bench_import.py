"""CPU time of an import, over a bare interpreter."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median

from harness import Row, print_table

REPEAT = 15
LIMIT_MS = 45
CASES = {
    "import numgenius_core": "import numgenius_core",
    "the core values": "import numgenius_core.contracts.contract",
    "attrs alone": "import attrs",
    "the wire (cattrs)": "import numgenius_core.wire.reading",
    "the command": "import numgenius_core._command",
    "cattrs alone": "import cattrs",
    "dateutil.parser alone": "import dateutil.parser",
    "pydantic BaseModel": "from pydantic import BaseModel",
}
# Each beside what it stands on, or what others use for the same.
PEERS = (
    ("import numgenius_core", "attrs alone"),
    ("the core values", "attrs alone"),
    ("the core values", "pydantic BaseModel"),
    ("the wire (cattrs)", "cattrs alone"),
    ("the wire (cattrs)", "pydantic BaseModel"),
    ("the command", "dateutil.parser alone"),
)


def cpu(code: str) -> float:
    """Return the CPU seconds that one run of ``code`` in a fresh interpreter took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    source = Path(__file__).parent.parent / "src"
    environment = {**os.environ, "PYTHONPATH": str(source)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def importable(code: str) -> bool:
    source = Path(__file__).parent.parent / "src"
    environment = {**os.environ, "PYTHONPATH": str(source)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=False
    )
    return done.returncode == 0


def main() -> None:
    cases = {name: code for name, code in CASES.items() if importable(code)}
    runs: dict[str, list[float]] = {name: [] for name in ("bare", *cases)}
    for _ in range(REPEAT):  # in turn, so that a busy second falls on all of them
        runs["bare"].append(cpu("pass"))
        for name, code in cases.items():
            runs[name].append(cpu(code))
    bare = median(runs["bare"])
    over = {name: median(runs[name]) - bare for name in cases}
    rows = [
        Row(name, peer, over[peer], over[name])
        for name, peer in PEERS
        if name in over and peer in over
    ]
    print_table(f"Import, CPU over bare Python ({bare * 1e3:.0f} ms)", rows)
    print(f"\nimport numgenius_core: at most {LIMIT_MS} ms wanted")


if __name__ == "__main__":
    main()
