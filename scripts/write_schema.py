"""Write the JSON Schema of the documents: ``python scripts/write_schema.py``.

A test holds the file equal to what the code gives. Within a version of the schema, it may only
grow by fields that have defaults and by new classes.
"""

from __future__ import annotations

import json
from pathlib import Path

from numgenius_core.documents import json_schema

TARGET = Path(__file__).parent.parent / "src" / "numgenius_core" / "schema_1.json"


def text() -> str:
    """Return the file's text."""
    return json.dumps(json_schema(), indent=1) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text(), "utf-8")
