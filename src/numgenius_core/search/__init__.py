"""The marketplace's search: the client's query language and the API's filter objects.

Each name loads with its first use: who ranks offers needs the fields, and no language.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from numgenius_core._faces import lazily

if TYPE_CHECKING:
    from numgenius_core.search._language import parse
    from numgenius_core.search._values import FieldType, Scalar
    from numgenius_core.search.fields import FIELDS, Field
    from numgenius_core.search.hints import Remark, remarks
    from numgenius_core.search.names import gpu_matcher
    from numgenius_core.search.query import DEFAULTS, Condition, Operator, Query, Unknown
    from numgenius_core.search.request import Order, SearchRequest, parse_order, search
    from numgenius_core.search.view import View

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
    "Scalar",
    "SearchRequest",
    "Unknown",
    "View",
    "gpu_matcher",
    "parse",
    "parse_order",
    "remarks",
    "search",
]

_NAMES: Final = {
    "_language": ("parse",),
    "_values": ("FieldType", "Scalar"),
    "fields": ("FIELDS", "Field"),
    "hints": ("Remark", "remarks"),
    "names": ("gpu_matcher",),
    "query": ("DEFAULTS", "Condition", "Operator", "Query", "Unknown"),
    "request": ("Order", "SearchRequest", "parse_order", "search"),
    "view": ("View",),
}
_HOMES: Final = {name: home for home, names in _NAMES.items() for name in names}
__getattr__: Final = lazily(__name__, _HOMES)


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)
