"""The marketplace's search: the client's query language and the API's filter objects.

Each name loads with its first use: who ranks offers needs the fields, and no language.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from numgenius_core.search._language import parse
    from numgenius_core.search._values import FieldType
    from numgenius_core.search.fields import FIELDS, Field, View
    from numgenius_core.search.hints import Remark, remarks
    from numgenius_core.search.names import gpu_matcher
    from numgenius_core.search.query import DEFAULTS, Condition, Operator, Query
    from numgenius_core.search.request import Order, SearchRequest, parse_order, search

__all__ = [
    "DEFAULTS",
    "FIELDS",
    "Condition",
    "Field",
    "FieldType",
    "Operator",
    "Order",
    "Query",
    "Remark",
    "SearchRequest",
    "View",
    "gpu_matcher",
    "parse",
    "parse_order",
    "remarks",
    "search",
]

_NAMES: Final = {
    "_language": ("parse",),
    "_values": ("FieldType",),
    "fields": ("FIELDS", "Field", "View"),
    "hints": ("Remark", "remarks"),
    "names": ("gpu_matcher",),
    "query": ("DEFAULTS", "Condition", "Operator", "Query"),
    "request": ("Order", "SearchRequest", "parse_order", "search"),
}
_HOMES: Final = {name: home for home, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load a name of the face with its first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found  # from now on it is found without this function
    return found


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)
