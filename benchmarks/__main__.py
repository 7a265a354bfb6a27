"""Run the benchmarks and print one table: each line beside its peer.

    python benchmarks                      # all of them
    python benchmarks book money           # those
    python benchmarks --markdown FILE ...  # and write the table as Markdown

Each script runs in a process of its own and shows its own tables too. ``bench_service`` has no peer
and is run alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import KEEP_ROWS, Row, duration_text, ratio_text

HERE = Path(__file__).parent
ALONE = {"service"}


def names() -> list[str]:
    """Return the benchmarks there are."""
    found = (path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    return sorted(set(found) - ALONE)


def rows_of(name: str) -> list[tuple[str, Row]]:
    """Run a benchmark and return what its tables say, each row with its table's title."""
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder, "rows")
        environment = {**os.environ, KEEP_ROWS: str(kept)}
        path = HERE / f"bench_{name}.py"
        done = subprocess.run([sys.executable, str(path)], env=environment, check=False)
        if done.returncode:
            print(f"bench_{name}.py failed", file=sys.stderr)
        lines = kept.read_text().splitlines() if kept.exists() else []
    return [(title, Row(*fields)) for title, *fields in map(json.loads, lines)]


def as_markdown(rows: list[tuple[str, Row]]) -> str:
    """Return the table as Markdown, a heading for each title."""
    lines: list[str] = []
    last = None
    for title, row in rows:
        if title != last:
            lines += ["", f"## {title}", ""]
            lines += ["| work | beside | it takes | ours takes | ours ÷ it |"]
            lines += ["|---|---|---:|---:|---:|"]
            last = title
        cells = (row.workload, row.alternative, duration_text(row.theirs), duration_text(row.ours))
        lines.append(f"| {' | '.join(cells)} | {ratio_text(row.ratio)} |")
    return "\n".join(lines).strip() + "\n"


def main() -> int:
    """Run what the arguments name."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("name", nargs="*", help=f"which: {', '.join(names())}; all if none")
    parser.add_argument("--markdown", type=Path, help="a file for the table")
    asked = parser.parse_args()
    if unknown := set(asked.name) - set(names()):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(names())}")
    rows = [row for name in asked.name or names() for row in rows_of(name)]
    table = as_markdown(rows)
    print(f"\n{table}")
    if asked.markdown:
        asked.markdown.write_text(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
