"""Write the table of commands and clients in ``docs/clients.md``, by giving each command.

Run ``PYTHONPATH=tests/support python -m scripts.write_clients`` from the project's root, with
``NUMGENIUS_CLIENTS`` naming the folder that ``scripts/install_clients`` filled.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from client_commands import OWN_FAULTS, PARTS, outcome, scene
from clients import NAMES

PAGE: Final = Path("docs/clients.md")
TABLES: Final = re.compile(r"(?<=<!-- tables -->\n).*(?=<!-- end of the tables -->)", re.DOTALL)


def outcomes(name: str, folder: Path) -> dict[str, str]:
    """Return what came of each command, given by a client."""
    with scene(name, folder) as (there, who):
        return {
            asked.command: outcome(there, asked, who) for part in PARTS.values() for asked in part
        }


def column(page: str, name: str) -> dict[str, str]:
    """Return what the page says of a client."""
    index = 2 + NAMES.index(name)
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| `")]
    return {row[1].strip().strip("`"): row[index].strip() for row in rows}


def tables(found: dict[str, dict[str, str]]) -> str:
    """Return the tables, one of each part."""
    text = ""
    for title, part in PARTS.items():
        text += f"\n## {title}\n\n| | {' | '.join(NAMES)} |\n|---|{'---|' * len(NAMES)}\n"
        for asked in part:
            cells = " | ".join(found[name][asked.command] for name in NAMES)
            text += f"| `{asked.command}` | {cells} |\n"
    return text + "\n"


def main() -> None:
    """Ask each client, and write the page."""
    found: dict[str, dict[str, str]] = {}
    for name in NAMES:
        with tempfile.TemporaryDirectory() as folder:
            found[name] = outcomes(name, Path(folder))
    page = PAGE.read_text("utf-8")
    PAGE.write_text(TABLES.sub(lambda _: tables(found), page), "utf-8")
    for (name, command), why in OWN_FAULTS.items():
        sys.stdout.write(f"{name}, {command}: {why}\n")


if __name__ == "__main__":
    main()
