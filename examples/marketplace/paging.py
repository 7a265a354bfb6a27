"""Pages of rows: which columns, in what order, and a token that says where a page ended."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import Any

from examples.marketplace.reading import Call, parsed, shown
from examples.marketplace.wording import unknown_field
from numgenius_core.errors import RuleViolation, WrongType

Row = dict[str, Any]


def chosen(
    rows: Iterable[Row], filters: Mapping[str, Any], columns: Mapping[str, Collection[Any] | None]
) -> list[Row]:
    """Return the rows whose columns have what ``{"column": {"in": [...]}}`` asks for.

    Args:
        rows: All of them.
        filters: What is asked for.
        columns: Those that can be asked for, each with the words that it may have, if these are
            known.

    Raises:
        UnknownField: A column that there is not; the message says which is nearest.
        RuleViolation: No such filter, or a word that the column never has.
    """
    found = list(rows)
    for column, wanted in filters.items():
        path = f"select_filters.{column}"
        if column not in columns:
            raise unknown_field(column, columns, wanted, "a column").at("select_filters")
        among = wanted.get("in") if isinstance(wanted, dict) and len(wanted) == 1 else None
        if not isinstance(among, list):
            raise RuleViolation(path, '{"in": [...]}', shown(wanted))
        for each in among:
            check_word(each, columns[column], path)
        found = [row for row in found if row.get(column) in among]
    return found


def check_word(value: object, words: Collection[Any] | None, path: str) -> None:
    """Refuse what no row has in a column: a word that is not among its own, or no value at all."""
    if isinstance(value, list | dict):
        raise WrongType(path, "text, numbers, true, false or null", shown(value))
    if words is not None and value is not None and value not in words:
        raise RuleViolation(path, "one of " + ", ".join(map(str, words)), shown(value))


def order_of(call: Call, columns: Collection[str]) -> dict[str, bool]:
    """Return the columns that a request orders by, each with whether it descends.

    Raises:
        UnknownField: A column that there is not; the message says which is nearest.
        RuleViolation: No such order.
    """
    order: dict[str, bool] = {}
    for index, key in enumerate(call.asked("order_by", list, [])):
        path, need = f"order_by[{index}]", '{"col": ..., "dir": "asc" or "desc"}'
        if not isinstance(key, dict) or not isinstance(key.get("col"), str):
            raise RuleViolation(path, need, shown(key))
        if key.keys() - {"col", "dir"} or key.get("dir", "asc") not in ("asc", "desc"):
            raise RuleViolation(path, need, shown(key))
        if key["col"] not in columns:
            raise unknown_field(key["col"], columns, key, "a column").at(path)
        order.setdefault(key["col"], key.get("dir") == "desc")
    return order


def limit_of(call: Call, usual: int, most: int) -> int:
    """Return how many rows a request wants: more than the most are the most."""
    limit = call.asked("limit", int, usual)
    if limit < 1:
        raise RuleViolation("limit", "a whole number from 1 on", shown(limit))
    return min(int(limit), most)


def page(
    call: Call, rows: list[Row], order: Mapping[str, bool], usual: int, most: int | None = None
) -> tuple[list[Row], str | None]:
    """Return a page of rows, and the token of the next one.

    It has as many rows as the request says, up to the most, or as usual. The token says where the
    last row of the page stands in the order, of which no two rows are equal, so rows that come and
    go between two pages move no other row to another page.
    """
    limit = limit_of(call, usual, most or usual)
    token = call.word("after_token")
    mark = read_token(token, order) if token else {}
    found = [*rows, mark] if token else list(rows)
    for column, descending in reversed([*order.items()]):  # sorting is stable: the last counts most
        found.sort(key=partial(rank, column), reverse=descending)
    first = next((index + 1 for index, row in enumerate(found) if row is mark), 0)
    some, more = found[first : first + limit], len(found) > first + limit
    return some, write_token(some[-1], order) if more else None


def rank(column: str, row: Row) -> tuple[bool, bool, Any]:
    value = row.get(column)
    return value is None, isinstance(value, str), 0 if isinstance(value, list | dict) else value


def write_token(row: Row, order: Mapping[str, bool]) -> str:
    """Return where a row stands in an order: each column, whether it descends, and the value."""
    place = [[column, descending, plain(row.get(column))] for column, descending in order.items()]
    return urlsafe_b64encode(json.dumps(place).encode()).decode()


def plain(value: Any) -> Any:
    return None if isinstance(value, list | dict) else value  # all of these rank alike


def read_token(token: str, order: Mapping[str, bool]) -> Row:
    """Return the columns of a row that stands where a token says.

    Raises:
        RuleViolation: It is no token, that of another order, or one that nobody was given.
    """
    try:
        place = parsed(urlsafe_b64decode(token), "after_token")
        row: Row = {column: value for column, _, value in place}
        if write_token(row, order) == token:
            return row
    except (TypeError, ValueError):
        pass
    raise RuleViolation("after_token", "a next_token of this order", shown(token))
