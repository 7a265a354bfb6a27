"""Write the golden documents anew: ``python scripts/write_golden.py``.

A document that a release wrote stays readable by every later one, so after a tag this only adds:
a file that is there is left alone, unless ``--anew`` says otherwise.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))

from document_values import VALUES  # noqa: E402 - the tests have the values
from numgenius_core.documents import to_json  # noqa: E402

TARGET = ROOT / "tests" / "golden" / "1"


def main(*, anew: bool) -> None:
    """Write a file for each value that has none, or all of them anew."""
    for old in TARGET.glob("*.json") if anew else ():
        old.unlink()
    for name, value in VALUES.items():
        path = TARGET / f"{name}.json"
        if not path.exists():
            path.write_text(to_json(value, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main(anew="--anew" in sys.argv[1:])
