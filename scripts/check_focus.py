"""Hold the FOCUS rows to the FinOps Foundation's own validator, in an environment of its own.

    python scripts/check_focus.py .venv-focus
    python scripts/check_focus.py .venv-focus --rules-1.3 model-1.3.0.1.json

The validator (``focus-validator``, from Python 3.12 on) is installed in that environment. Bills
with every kind of line are written as CSV, as a user would, and checked: those of 1.2 by its own
rules, as they are and again with what a marketplace supports; those of 1.3 by ``focus_rules.py``,
or by the Foundation's file if one is given. One failure is too many.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TOP / "scripts"), str(TOP / "tests" / "support")]

from focus_rules import Rules, alternatives, corrected, rules_of_1_3  # noqa: E402

from focus_exports import Row, charges, commitments  # noqa: E402

# What the marketplace has. It publishes prices too, but the validator takes one of the criteria
# of a rule for all of them, and would ask for prices in a virtual currency.
SUPPORTED = (
    "ACCOUNT_NAMING_SUPPORTED",
    "BILLING_BASED_ON_PROVISIONED_RESOURCES_SUPPORTED",
    "COMMITMENT_DISCOUNT_SUPPORTED",
    "MULTIPLE_PRICING_CATEGORIES_SUPPORTED",
    "NEGOTIATED_PRICING_SUPPORTED",
    "RESOURCE_TYPE_ASSIGNMENT_SUPPORTED",
    "UNIT_PRICING_SUPPORTED",
    "USAGE_MEASUREMENT_SUPPORTED",
)
_RESULT = re.compile(r"^\W*([A-Za-z]+-[A-Z]-[0-9]{3}-[A-Z]): (PASS|FAIL)", re.MULTILINE)


class Validator:
    """The installed validator, and the file of rules in its package."""

    def __init__(self, folder: Path, work: Path) -> None:
        self._python = folder.resolve() / "bin" / "python"
        where = "import focus_validator; print(focus_validator.__path__[0])"
        found = subprocess.run(
            [self._python, "-c", where], check=True, capture_output=True, text=True
        )
        self._package = Path(found.stdout.strip())
        self._work = work
        (own,) = self._package.glob("rules/model-1.2*.json")
        self.version = own.stem.removeprefix("model-")
        self.rules: Rules = json.loads(own.read_text("utf-8"))

    def failures(
        self,
        title: str,
        rows: list[Row],
        rules: Rules,
        *options: str,
        dataset: str = "CostAndUsage",
    ) -> list[str]:
        """Check rows; print the count, and return what failed."""
        version = rules["Details"]["ModelVersion"]
        folder = Path(tempfile.mkdtemp(dir=self._work))
        (folder / f"model-{version}.json").write_text(json.dumps(rules), "utf-8")
        table = folder / "rows.csv"
        with table.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        call: list[Any] = [self._python, "-m", "focus_validator.main", "--data-file", table]
        call += ["--rule-set-path", folder, "--validate-version", version, "--block-download"]
        call += ["--focus-dataset", dataset, *options]
        # It looks for a table of its own beside the current folder.
        ran = subprocess.run(
            call, cwd=self._package.parent, capture_output=True, text=True, check=False
        )
        results = dict(_RESULT.findall(ran.stdout))
        if ran.returncode or "Traceback" in ran.stderr or not results:
            raise SystemExit(f"{title}: the validator broke\n{ran.stdout}\n{ran.stderr}")
        passed = {name for name, result in results.items() if result == "PASS"}
        sides = {name for name, whole in alternatives(rules).items() if whole in passed}
        failed = sorted(results.keys() - passed - sides)
        print(f"{title}: {len(rows)} rows, {len(passed)} passed, {len(failed)} failed")
        for line in ran.stdout.splitlines():
            if any(f"{name}: FAIL" in line for name in failed):
                print(f"  {line}")
        return failed


def main() -> None:
    """Check both versions; leave with 1 where a rule fails."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("environment", type=Path, help="where focus-validator is installed")
    parser.add_argument("--rules-1.3", type=Path, dest="newer", help="the Foundation's file of 1.3")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        validator = Validator(given.environment, Path(work))
        ours, newer = validator.rules, rules_of_1_3(validator.rules)
        if given.newer:
            newer = json.loads(given.newer.read_text("utf-8"))
        criteria = ("--applicability-criteria", ",".join(SUPPORTED))
        check = validator.failures
        failed = [
            *check("FOCUS 1.2", charges("1.2"), ours),
            *check("FOCUS 1.2, all that is supported", charges("1.2"), corrected(ours), *criteria),
            *check("FOCUS 1.3", charges("1.3"), newer, *criteria),
            *check("FOCUS 1.3, commitments", commitments(), newer, dataset="ContractCommitment"),
        ]
    if failed:
        raise SystemExit(f"{len(failed)} rules failed")


if __name__ == "__main__":
    main()
