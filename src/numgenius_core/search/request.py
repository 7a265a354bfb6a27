"""A whole search as the marketplace's client sends it: conditions, order, prices and a limit.

Rule (the marketplace's client): beside its conditions a request has ``order``, a list of
``[field, "asc" | "desc"]`` (typed ``num_gpus,dph-``; by default the best ``score`` first), ``type``
(``on-demand``, ``bid`` or ``reserved``), ``allocated_storage`` (GB of disk to price; the client
sends 5 if not told otherwise, the API takes 8 where nothing is sent) and, only when given,
``limit``.

Our readings: offers that are equal in the order keep theirs; an offer that has no value there
stands last, whatever the direction. ``ondemand`` and ``interruptible`` are taken for the types that
they mean, and a request may stand under ``q``, as the client's newer search sends it. In a search
for bids the lowest bid is the price, in one for reservations the discount is that of the duration
asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from attrs import field, frozen

from numgenius_core._checks import check_kind
from numgenius_core._numbers import keep_whole
from numgenius_core.errors import ParseError, RuleViolation, WrongType, brief, shown
from numgenius_core.listing import Mode
from numgenius_core.offer import Offer
from numgenius_core.search._reserving import asked_duration, asked_target
from numgenius_core.search._values import Scalar, check_object, number
from numgenius_core.search.fields import RESERVED_WORDS, field_named
from numgenius_core.search.query import Query, Unknown, refuses
from numgenius_core.search.view import CLIENT_DISK_MB, View
from numgenius_core.units import MAX_MB, gigabytes, to_megabytes

MAX_KEYS: Final = 20
"""Most fields to order by."""
MAX_LIMIT: Final = 10**9

_API_DISK_MB: Final = 8_000
"""Disk that the API prices an offer with if a request does not say."""

_SENT: Final = {
    Mode.ON_DEMAND: "on-demand",
    Mode.INTERRUPTIBLE: "bid",
    Mode.RESERVED: "reserved",
}
_TYPES: Final = {
    **{word: mode for mode, word in _SENT.items()},
    "ondemand": Mode.ON_DEMAND,
    "interruptible": Mode.INTERRUPTIBLE,
}
_DIRECTIONS: Final = {"asc": False, "desc": True}
_KEY: Final = re.compile(r"([+-]?)([A-Za-z0-9_]+)([+-]?)", re.ASCII)


@frozen
class Order:
    """A field to order offers by, and in which direction.

    Attributes:
        field: The API's name of it, or an alias. A name that is not known is taken.
        descending: Whether the largest comes first.

    Raises:
        WrongType: ``field`` is no text or ``descending`` no ``bool``.
        RuleViolation: ``field`` can be no field's name.

    >>> from numgenius_core.search import Order
    >>> Order("dph")
    Order(field='dph_total', descending=False)
    """

    field: str
    descending: bool = False

    def __attrs_post_init__(self) -> None:
        column = field_named(self.field, "order.field", known=False)
        object.__setattr__(self, "field", column.name)
        check_kind(self.descending, bool, "order.descending")

    def __str__(self) -> str:
        return self.field + ("-" if self.descending else "")


_EVERYTHING: Final = Query()
_BEST_FIRST: Final = (Order("score", descending=True),)


def parse_order(text: str, *, unknown: Unknown = "refuse") -> tuple[Order, ...]:
    """Return the order that a text such as ``num_gpus,dph-`` says.

    A ``-`` before or after a field is descending, a ``+`` or nothing ascending. The first field
    counts most.

    Args:
        text: Fields with commas between them.
        unknown: ``"keep"`` takes fields that are not known.

    Raises:
        WrongType: ``text`` is no text.
        ParseError: A field that is not known, or more than 20; the fault says at which character.
        RuleViolation: ``unknown`` is neither ``"refuse"`` nor ``"keep"``.

    >>> from numgenius_core.search import parse_order
    >>> [str(key) for key in parse_order("num_gpus, dph-")]
    ['num_gpus', 'dph_total-']
    """
    check_kind(text, str, "order")
    found: list[Order] = []
    at = 0
    for part in text.split(","):
        word = part.strip()
        path = f"order, character {at + len(part) - len(part.lstrip()) + 1}"
        at += len(part) + 1
        if not word:
            continue
        match = _KEY.fullmatch(word)
        if match is None:
            raise ParseError(path, "a field, perhaps with a + or - beside it", shown(word))
        before, name, after = match.groups()
        try:
            column = field_named(name, path, known=refuses(unknown))
        except RuleViolation as fault:
            raise ParseError(path, fault.need, fault.got) from None
        if len(found) == MAX_KEYS:
            raise ParseError(path, f"at most {MAX_KEYS} fields", "more")
        found.append(Order(column.name, descending=(after or before) == "-"))
    return tuple(found)


@frozen(kw_only=True)
class SearchRequest:
    """A whole search: conditions, an order, a limit, and what prices are for.

    Attributes:
        query: The conditions.
        order: What to order by, the most important first.
        limit: Most offers of the answer; ``None`` is all.
        mode: What the prices are for.
        disk_mb: Disk that prices include, whole MB.

    Raises:
        WrongType: ``query`` is no ``Query``, say, or ``order`` no tuple of ``Order``.
        RuleViolation: A limit or a disk out of bounds, or more than 20 fields to order by.

    >>> from numgenius_core.search import SearchRequest, parse, parse_order
    >>> request = SearchRequest(query=parse("num_gpus=4"), order=parse_order("dph"), limit=2)
    >>> sent = request.to_json()
    >>> sent["num_gpus"], sent["order"], sent["type"]
    ({'eq': '4'}, [['dph_total', 'asc']], 'on-demand')
    """

    query: Query = _EVERYTHING
    order: tuple[Order, ...] = field(default=_BEST_FIRST, repr=brief)
    limit: int | None = None
    mode: Mode = Mode.ON_DEMAND
    disk_mb: int = CLIENT_DISK_MB

    def __attrs_post_init__(self) -> None:
        check_kind(self.query, Query, "request.query")
        check_kind(self.order, tuple, "request.order")
        for index, key in enumerate(self.order):
            check_kind(key, Order, f"request.order[{index}]")
        if len(self.order) > MAX_KEYS:
            raise RuleViolation("request.order", f"at most {MAX_KEYS} fields", str(len(self.order)))
        if self.limit is not None:
            keep_whole(self, "limit", "request.limit", 1, MAX_LIMIT)
        check_kind(self.mode, Mode, "request.mode")
        keep_whole(self, "disk_mb", "request.disk_mb", 0, MAX_MB)

    def view(self, now: datetime | None = None) -> View:
        """Return what its prices are for: the duration and the uptime that it asks for."""
        stay = asked_duration(self.query) if self.mode is Mode.RESERVED else None
        target = asked_target(self.query) if self.mode is Mode.ON_DEMAND else None
        return View(disk_mb=self.disk_mb, now=now, mode=self.mode, stay=stay, target=target)

    def to_json(self) -> dict[str, Any]:
        """Return the request as the JSON object that the client sends."""
        sent: dict[str, Any] = dict(self.query.to_json())
        sent["order"] = [[key.field, "desc" if key.descending else "asc"] for key in self.order]
        sent["type"] = _SENT[self.mode]
        if self.limit is not None:
            sent["limit"] = self.limit
        sent["allocated_storage"] = float(gigabytes(self.disk_mb))
        return sent

    @classmethod
    def from_json(cls, request: Mapping[str, Any], *, unknown: Unknown = "refuse") -> SearchRequest:
        """Return the request that an API's JSON object means; what is missing is the default.

        Args:
            request: Conditions, ``order``, ``type``, ``limit`` and ``allocated_storage`` (8 GB if
                it is missing, as the API takes it; the client always sends its own 5).
            unknown: ``"keep"`` takes fields that are not known.

        Raises:
            WrongType: ``request`` is no mapping, ``order`` no list, ``type`` no text.
            RuleViolation: A field, an operator, a type or a value that is not known.
        """
        check_object(request, "request", "an object of conditions")
        inner = request.get("q", request)
        check_object(inner, "request.q", "an object of conditions")
        filters = {name: value for name, value in inner.items() if name not in RESERVED_WORDS}
        order, disk = inner.get("order"), inner.get("allocated_storage")
        return cls(
            query=Query.from_json(filters, unknown=unknown),
            order=_BEST_FIRST if order is None else _order(order, known=refuses(unknown)),
            limit=inner.get("limit"),
            mode=_mode(inner.get("type")),
            disk_mb=_API_DISK_MB if disk is None else _disk(disk),
        )


def _order(pairs: object, *, known: bool) -> tuple[Order, ...]:
    if not isinstance(pairs, list | tuple):
        raise WrongType("order", "a list of [field, 'asc' or 'desc']", shown(pairs))
    if len(pairs) > MAX_KEYS:
        raise RuleViolation("order", f"at most {MAX_KEYS} fields", str(len(pairs)))
    return tuple(_key(pair, f"order[{index}]", known=known) for index, pair in enumerate(pairs))


def _key(pair: object, path: str, *, known: bool) -> Order:
    need = "[field, 'asc' or 'desc']"
    if not isinstance(pair, list | tuple) or not all(isinstance(part, str) for part in pair):
        raise WrongType(path, need, shown(pair))
    if len(pair) != 2 or pair[1] not in _DIRECTIONS:
        raise RuleViolation(path, need, shown(pair))
    name = field_named(pair[0], path, known=known).name
    return Order(name, descending=_DIRECTIONS[pair[1]])


def _mode(word: object) -> Mode:
    if word is None:
        return Mode.ON_DEMAND
    if not isinstance(word, str):
        raise WrongType("type", "on-demand, bid or reserved", shown(word))
    if word not in _TYPES:
        raise RuleViolation("type", "on-demand, bid or reserved", shown(word))
    return _TYPES[word]


def _disk(gb: object) -> int:
    exact = number(gb)
    if exact is None:
        error = RuleViolation if isinstance(gb, str | float) else WrongType
        raise error("allocated_storage", "GB of disk", shown(gb))
    return to_megabytes(exact, "allocated_storage")


def search(
    offers: Iterable[Offer], request: SearchRequest, *, now: datetime | None = None
) -> tuple[Offer, ...]:
    """Return the offers that a request asks for, ordered, up to its limit.

    Args:
        offers: The market.
        request: What is asked for.
        now: When the search is made; ``duration`` counts from it.

    Raises:
        WrongType: ``request`` is no ``SearchRequest``, or something among ``offers`` no ``Offer``.
        RuleViolation: ``now`` has no time zone, or ``duration`` is asked for without it of an offer
            that only says when it ends.

    >>> from numgenius_core import read_sample
    >>> from numgenius_core.search import SearchRequest, parse, parse_order, search
    >>> request = SearchRequest(query=parse("num_gpus=4"), order=parse_order("dph"), limit=2)
    >>> for offer in search(read_sample().offers, request):
    ...     print(offer.id, offer.gpu_name, offer.per_hour)
    9000212 RTX 3060 0.2404
    9000002 RTX 3060 0.3188
    """
    check_kind(request, SearchRequest, "request")
    view = request.view(now)
    found = list(request.query.seen(offers, view))
    for key in reversed(request.order):  # sorting is stable, so the last sort counts most
        found = _sorted(found, key, view)
    return tuple(found[: request.limit])


def _sorted(offers: list[Offer], key: Order, view: View) -> list[Offer]:
    column = field_named(key.field, "order", known=False)
    # Those without a value stand apart, so that reversing does not bring them to the front.
    said = [(column.of(offer, view), offer) for offer in offers]
    having = [(_rank(value), offer) for value, offer in said if value is not None]
    having.sort(key=lambda pair: pair[0], reverse=key.descending)
    return [offer for _, offer in having] + [offer for value, offer in said if value is None]


def _rank(value: Scalar) -> tuple[int, Any]:
    """Return what a value is ordered by: fields that are not known may mix types."""
    return (isinstance(value, Decimal) + 2 * isinstance(value, str), value)
