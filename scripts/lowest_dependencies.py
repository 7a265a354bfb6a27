"""Print the lowest version of each dependency that a wheel allows, as pip requirements.

Run it as ``python scripts/lowest_dependencies.py dist/numgenius_core-….whl``.
"""

from __future__ import annotations

import re
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path


def main(wheel: Path) -> None:
    """Print one line for each dependency of the wheel and its extras."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        metadata = message_from_bytes(archive.read(name))
    for requirement in metadata.get_all("Requires-Dist", []):
        found = re.match(r"([\w.-]+)(?:\[[^]]*\])?>=([\w.]+)", requirement.replace(" ", ""))
        if found:
            print(f"{found[1]}=={found[2]}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
