"""Pages of rows: which columns, in what order, and a token that says where a page ended."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from examples.marketplace.reading import Call, parsed, shown
from numgenius_core.errors import RuleViolation

Row = dict[str, Any]


def chosen(rows: Iterable[Row], filters: Mapping[str, Any]) -> list[Row]:
    """Return the rows whose columns have what ``{"column": {"in": [...]}}`` asks for."""
    found = list(rows)
    for column, wanted in filters.items():
        among = wanted.get("in") if isinstance(wanted, dict) else None
        if not isinstance(among, list):
            raise RuleViolation(f"select_filters.{column}", '{"in": [...]}', shown(wanted))
        found = [row for row in found if row.get(column) in among]
    return found


def order_of(call: Call) -> dict[str, bool]:
    """Return the columns that a request orders by, each with whether it descends."""
    order: dict[str, bool] = {}
    for key in call.asked("order_by", list, []):
        if not isinstance(key, dict) or not isinstance(key.get("col"), str):
            raise RuleViolation("order_by", '[{"col": ..., "dir": "asc" or "desc"}]', shown(key))
        order.setdefault(key["col"], key.get("dir") == "desc")
    return order


def page(
    call: Call, rows: list[Row], order: Mapping[str, bool], usual: int, most: int | None = None
) -> tuple[list[Row], str | None]:
    """Return a page of rows, and the token of the next one.

    It has as many rows as the request says, up to the most, or as usual. The token says where the
    last row of the page stands in the order, of which no two rows are equal, so rows that come and
    go between two pages move no other row to another page.
    """
    limit = min(max(call.asked("limit", int, usual), 1), most or usual)
    token = call.query.get("after_token")
    mark = read_token(token, list(order)) if token else {}
    found = [*rows, mark] if token else list(rows)
    for column, descending in reversed([*order.items()]):  # sorting is stable: the last counts most
        found.sort(key=partial(rank, column), reverse=descending)
    first = next((index + 1 for index, row in enumerate(found) if row is mark), 0)
    some, more = found[first : first + limit], len(found) > first + limit
    return some, write_token([some[-1].get(column) for column in order]) if more else None


def rank(column: str, row: Row) -> tuple[bool, bool, Any]:
    value = row.get(column)
    return value is None, isinstance(value, str), 0 if isinstance(value, list | dict) else value


def write_token(values: list[Any]) -> str:
    return urlsafe_b64encode(json.dumps(values).encode()).decode()


def read_token(token: str, columns: list[str]) -> Row:
    try:
        values = parsed(urlsafe_b64decode(token), "after_token")
        return dict(zip(columns, values, strict=True))
    except (TypeError, ValueError):
        raise RuleViolation("after_token", "a next_token of this order", shown(token)) from None
