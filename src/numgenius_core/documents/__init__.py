"""JSON of our own: values as documents that other programs and later versions can read.

A document is one JSON object with ``"schema": "numgenius/1"``, ``"type"`` and every field of the
value under its own name. Numbers that may have a fraction are exact text, instants ISO 8601 in UTC,
durations ISO 8601 in seconds.

>>> from numgenius_core import Block
>>> from numgenius_core.documents import from_json, to_json
>>> print(to_json(Block(start=4, size=2)))
{"schema": "numgenius/1", "type": "Block", "start": 4, "size": 2}
>>> from_json(to_json(Block(start=4, size=2)))
Block(start=4, size=2)
"""

from __future__ import annotations

from numgenius_core.documents._convert import (
    SCHEMA,
    from_json,
    json_schema,
    structure,
    to_json,
    unstructure,
)

__all__ = ["SCHEMA", "from_json", "json_schema", "structure", "to_json", "unstructure"]


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)
