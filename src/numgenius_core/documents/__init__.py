"""JSON of our own: every value as a document that other programs and later versions can read."""

from __future__ import annotations

from numgenius_core.documents._convert import (
    DOCUMENTS,
    SCHEMA,
    from_json,
    json_schema,
    structure,
    to_json,
    unstructure,
)

__all__ = ["DOCUMENTS", "SCHEMA", "from_json", "json_schema", "structure", "to_json", "unstructure"]
