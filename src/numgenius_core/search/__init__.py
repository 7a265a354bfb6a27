"""The marketplace's search: the client's query language and the API's filter objects."""

from __future__ import annotations

from numgenius_core.search._language import parse
from numgenius_core.search._values import FieldType
from numgenius_core.search.fields import ALIASES, FIELDS, Field, View
from numgenius_core.search.hints import Remark, remarks
from numgenius_core.search.names import gpu_matcher
from numgenius_core.search.query import DEFAULTS, Condition, Operator, Query
from numgenius_core.search.request import Order, SearchRequest, parse_order, search

__all__ = [
    "ALIASES",
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
