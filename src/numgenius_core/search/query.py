"""A search as a value: conditions that must all hold, as a predicate, text and the API's JSON.

Rule (the marketplace's client): in the API's JSON each field has its operators in one object, and
what a person typed is a *string* there: ``{"num_gpus": {"gte": "4", "lt": "8"}}``; memory and
durations are numbers in MB and seconds, a driver version is one number.

Our readings:

* A condition on what an offer does not say (null) fails, ``notin`` and ``neq`` as well; only
  ``eq`` null holds. ``neq`` null asks for the offers that say it.
* A two-letter place is the country, the part after the last comma of "Quebec, CA"; a longer one is
  the whole text. Texts compare exactly.
* ``~`` is an operator of ours: a text that has the words, by part and without case (:mod:`.names`).
  The API does not have it, so a query with it is asked of offers, never sent.
* A number leaves as JSON without loss: memory and durations that no double holds are strings.

What fields there are, their units, where an offer has them: :data:`numgenius_core.search.FIELDS`.
The language that people type: ``numgenius_core.search._language``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from operator import attrgetter, ge, gt, le, lt
from typing import Any, Final, Literal

from attrs import field, frozen

from numgenius_core._checks import as_tuple, check_kind
from numgenius_core._numbers import decimal_text
from numgenius_core.errors import RuleViolation, WrongType, brief, shown
from numgenius_core.offer import Offer
from numgenius_core.search._values import FieldType, Scalar, check_object, number
from numgenius_core.search.fields import Field, field_named
from numgenius_core.search.names import part_matcher
from numgenius_core.search.view import View
from numgenius_core.units import Amount, to_megabytes

MAX_CONDITIONS: Final = 200
"""Most conditions of a query."""
MAX_VALUES: Final = 1_000
"""Most values of one ``in`` or ``notin``."""

Value = Scalar | tuple[Scalar, ...] | None
"""What a condition compares with: one value, several for ``in`` and ``notin``, or null."""
Unknown = Literal["refuse", "keep"]
"""What to do with a field that is not known: it is an error, or compared as the offer has it."""


class Operator(Enum):
    """How a condition compares, by the API's word for it; ``PART`` is ours alone."""

    EQ = "eq"
    NEQ = "neq"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    IN = "in"
    NOTIN = "notin"
    PART = "~"


_SYMBOLS: Final = {
    Operator.EQ: "=",
    Operator.NEQ: "!=",
    Operator.GT: ">",
    Operator.GTE: ">=",
    Operator.LT: "<",
    Operator.LTE: "<=",
    Operator.IN: " in ",
    Operator.NOTIN: " notin ",
    Operator.PART: "~",
}
_ORDERING: Final[Mapping[Operator, Callable[[Any, Any], bool]]] = {
    Operator.GT: gt,
    Operator.GTE: ge,
    Operator.LT: lt,
    Operator.LTE: le,
}
LISTS: Final = frozenset({Operator.IN, Operator.NOTIN})
_WORDS: Final = {each.value: each for each in Operator if each is not Operator.PART}
_WITH_PARTS: Final = frozenset({FieldType.TEXT, FieldType.PLACE, FieldType.ANY})
SPELLINGS: Final = {
    **{symbol.strip(): operator for operator, symbol in _SYMBOLS.items()},
    **_WORDS,
    "==": Operator.EQ,
    "noteq": Operator.NEQ,
    "not eq": Operator.NEQ,
    "nin": Operator.NOTIN,
    "not in": Operator.NOTIN,
}
_SAFE: Final = re.compile(r"[A-Za-z0-9.:/+()@#%-]+(?: [A-Za-z0-9.:/+()@#%-]+)*", re.ASCII)
ANYTHING: Final = frozenset({"any", "?", "*"})
NOTHING: Final = frozenset({"null", "None"})
SPECIAL: Final = ANYTHING | NOTHING | {"true", "True", "false", "False"}


# -- the values --------------------------------------------------------------------------------

_PLACE: Final = attrgetter("field", "operator.value")


def _tuple(given: Iterable[Condition]) -> tuple[Condition, ...]:
    return as_tuple(given, "conditions")


@frozen
class Condition:
    """One comparison of a query: a field, how it compares, and with what.

    Attributes:
        field: The API's name of a field, or an alias. A name that is not known is taken.
        operator: How it compares.
        value: In the API's unit (MB, seconds): a ``Decimal``, a text or a flag, ``None`` for null,
            a sorted tuple for ``in`` and ``notin``. What JSON has for one of these is taken too.

    Raises:
        WrongType: ``operator`` is no ``Operator``, a list after ``eq``, one value after ``in``.
        RuleViolation: A text for a number, an order of texts, or a name that no field can have.

    >>> from numgenius_core.search import Condition, Operator
    >>> str(Condition("gpu_ram", Operator.GTE, 80_000))  # MB here, GB as people type it
    'gpu_ram>=80'
    """

    field: str
    operator: Operator
    value: Any

    def __attrs_post_init__(self) -> None:
        check_kind(self.operator, Operator, "condition.operator")
        column = field_named(self.field, "condition.field", known=False)
        object.__setattr__(self, "field", column.name)
        path = f"{column.name}.{self.operator.value}"
        object.__setattr__(self, "value", checked(column, self.operator, self.value, path))

    @property
    def column(self) -> Field:
        """The field that the condition compares, with its type and unit."""
        return field_named(self.field, "condition.field", known=False)

    def holds(self, offer: Offer, view: View) -> bool:
        """Return whether the condition holds for an offer.

        Args:
            offer: The offer.
            view: The disk, the instant and the mode that prices and durations depend on.

        Raises:
            WrongType: ``offer`` is no ``Offer`` or ``view`` no ``View``.
            RuleViolation: ``duration`` without ``now`` of an offer that only says when it ends.
        """
        check_kind(offer, Offer, "offer")
        check_kind(view, View, "view")
        return _holds(self, self.column, offer, view)

    def __str__(self) -> str:
        return f"{self.field}{_SYMBOLS[self.operator]}{_text(self.column, self.value)}"


@frozen
class Query:
    """Conditions that must all hold; none of them hold for every offer.

    Attributes:
        conditions: In the order of their fields' names; one a field and operator.

    Raises:
        WrongType: Something among ``conditions`` is no ``Condition``.
        RuleViolation: The same operator on the same field twice, or more than 200 conditions.

    >>> from numgenius_core import read_sample
    >>> from numgenius_core.search import Condition, Operator, Query
    >>> cheap = Condition("dph", Operator.LT, "0.3")
    >>> query = Query([Condition("num_gpus", Operator.GTE, 4), cheap])
    >>> str(query)
    'dph_total<0.3 num_gpus>=4'
    >>> [offer.gpu_name for offer in query.filter(read_sample().offers)]
    ['RTX 3060']
    """

    conditions: tuple[Condition, ...] = field(default=(), converter=_tuple, repr=brief)
    # Conditions of a text or a JSON object that a later one replaced, each before that one: what
    # is asked is the same without them, but a person may have meant them.
    _replaced: tuple[tuple[Condition, Condition], ...] = field(
        default=(), init=False, eq=False, repr=False
    )

    def __attrs_post_init__(self) -> None:
        for index, condition in enumerate(self.conditions):
            check_kind(condition, Condition, f"conditions[{index}]")
        if len(self.conditions) > MAX_CONDITIONS:
            need = f"at most {MAX_CONDITIONS} conditions"
            raise RuleViolation("conditions", need, str(len(self.conditions)))
        places = {(c.field, c.operator): c for c in self.conditions}
        if len(places) < len(self.conditions):
            keys = [(c.field, c.operator) for c in self.conditions]
            twice = next(c for c in self.conditions if keys.count((c.field, c.operator)) > 1)
            need = f"one {twice.operator.value} on {twice.field}"
            raise RuleViolation("conditions", need, "two or more")
        ordered = tuple(sorted(self.conditions, key=_PLACE))
        object.__setattr__(self, "conditions", ordered)

    def matches(
        self, offer: Offer, *, now: datetime | None = None, allocated_storage: Amount = 5
    ) -> bool:
        """Return whether all conditions hold for an offer.

        Args:
            offer: The offer.
            now: When the search is made; ``duration`` counts from it.
            allocated_storage: GB of disk that ``dph_total`` includes.

        Raises:
            WrongType: ``offer`` is no ``Offer``, or ``allocated_storage`` a ``float``.
            RuleViolation: A negative disk, or ``duration`` is asked for without ``now`` of an offer
                that only says when it ends.
        """
        return bool(self.filter((offer,), now=now, allocated_storage=allocated_storage))

    def filter(
        self,
        offers: Iterable[Offer],
        *,
        now: datetime | None = None,
        allocated_storage: Amount = 5,
    ) -> tuple[Offer, ...]:
        """Return the offers for which all conditions hold, in the order they came in.

        Args:
            offers: The market.
            now: When the search is made; ``duration`` counts from it.
            allocated_storage: GB of disk that ``dph_total`` includes.

        Raises:
            WrongType: Something among ``offers`` is no ``Offer``.
            RuleViolation: As for :meth:`matches`.
        """
        disk_mb = to_megabytes(allocated_storage, "allocated_storage")
        return self.seen(offers, View(disk_mb=disk_mb, now=now))

    def seen(self, offers: Iterable[Offer], view: View) -> tuple[Offer, ...]:
        """Return the offers for which all conditions hold, seen with a view's disk and prices."""
        # The field of each condition is looked up once, not once for each offer of the market.
        columns = [(condition, condition.column) for condition in self.conditions]
        found = []
        for index, offer in enumerate(as_tuple(offers, "offers")):
            check_kind(offer, Offer, f"offers[{index}]")
            if all(_holds(condition, column, offer, view) for condition, column in columns):
                found.append(offer)
        return tuple(found)

    def to_json(self) -> dict[str, dict[str, Any]]:
        """Return the API's filter object as the client sends it, without order and limit.

        Its shape is ``{field: {operator: value}}``, most numbers as text: JSON numbers are doubles.

        Raises:
            RuleViolation: A condition with ``~``, which the API does not have.
        """
        filters: dict[str, dict[str, Any]] = {}
        for condition in self.conditions:
            if condition.operator is Operator.PART:
                need = f"an operator of the API ({', '.join(_WORDS)})"
                raise RuleViolation(f"query.{condition.field}", need, "~, which is asked of offers")
            sent = _json(condition.column, condition.value)
            filters.setdefault(condition.field, {})[condition.operator.value] = sent
        return filters

    @classmethod
    def from_json(cls, filters: Mapping[str, Any], *, unknown: Unknown = "refuse") -> Query:
        """Return the query of an API's filter object; strings say numbers and flags too.

        Args:
            filters: ``{field: {operator: value}}``, values in MB and seconds.
            unknown: ``"keep"`` takes fields that are not known.

        Raises:
            WrongType: ``filters``, or what a field is compared with, is no mapping.
            RuleViolation: A field, an operator or a value that is not known.
        """
        check_object(filters, "query", "an object of conditions")
        known = refuses(unknown)
        found = Asked()
        for name, comparisons in filters.items():
            column = field_named(name, "query", known=known)
            path = f"query.{column.name}"
            check_object(comparisons, path, 'an object such as {"eq": 4}')
            for word, raw in comparisons.items():
                operator = SPELLINGS.get(word) if isinstance(word, str) else None
                if operator in (None, Operator.PART):
                    raise RuleViolation(path, f"one of {', '.join(_WORDS)}", shown(word))
                value = checked(column, operator, raw, f"{path}.{operator.value}")
                found.add(Condition(column.name, operator, value))
        return found.query(cls)

    def __str__(self) -> str:
        return " ".join(map(str, self.conditions))


class Asked:
    """The conditions of a query while it is read, one a field and operator: the last one stays.

    Attributes:
        conditions: By what makes two conditions the same.
        replaced: Those that another one replaced, each before that one.
    """

    def __init__(self, base: Query | None = None) -> None:
        known = Query() if base is None else base
        self.conditions: dict[tuple[str, Operator], Condition] = {
            (each.field, each.operator): each for each in known.conditions
        }
        self.replaced: list[tuple[Condition, Condition]] = list(known._replaced)
        self._own: set[tuple[str, Operator]] = set()

    def add(self, condition: Condition) -> None:
        """Add a condition: one that asks another thing replaces it, as in the client."""
        key = condition.field, condition.operator
        before = self.conditions.get(key)
        # What the base asks is there to be replaced; what the same text asks may have been meant.
        if key in self._own and before is not None and before != condition:
            self.replaced.append((before, condition))
        self._own.add(key)
        self.conditions[key] = condition

    def remove(self, name: str) -> None:
        """Take back all that was asked of a field."""
        self.conditions = {key: c for key, c in self.conditions.items() if key[0] != name}
        self.replaced = [pair for pair in self.replaced if pair[0].field != name]

    def query(self, kind: type[Query] = Query) -> Query:
        """Return what was read."""
        made = kind(tuple(self.conditions.values()))
        object.__setattr__(made, "_replaced", tuple(self.replaced))
        return made


def replaced_in(query: Query) -> tuple[tuple[Condition, Condition], ...]:
    """Return the conditions that a query was typed with and does not ask, each before its heir."""
    return query._replaced


def refuses(unknown: object) -> bool:
    """Return whether a field that is not known is a fault; checks the word that says so."""
    if unknown not in ("refuse", "keep"):
        raise RuleViolation("unknown", "'refuse' or 'keep'", shown(unknown))
    return unknown == "refuse"


def checked(column: Field, operator: Operator, raw: object, path: str) -> Value:
    """Return what a condition compares with, checked; checking it again changes nothing.

    Both the parser and the class call it: the parser to name the character at fault.
    """
    if operator in LISTS:
        if not isinstance(raw, list | tuple):
            raise WrongType(path, "a list of values", shown(raw))
        if not 1 <= len(raw) <= MAX_VALUES:
            raise RuleViolation(path, f"1 to {MAX_VALUES:,} values", str(len(raw)))
        # Sorted and each once, so that queries which ask the same are equal.
        values = {column.value(item, f"{path}[{i}]") for i, item in enumerate(raw)}
        return tuple(sorted(values, key=lambda v: (type(v).__name__, v)))  # ANY may mix types
    if raw is None:
        if operator in _ORDERING or operator is Operator.PART:
            raise RuleViolation(path, "a value (null has no order and no parts)", "null")
        return None
    value = column.value(raw, path)
    if operator is Operator.PART:
        _check_part(column, value, path)
    if operator in _ORDERING and not isinstance(value, Decimal):
        if column.kind is not FieldType.ANY:
            need = f"eq, neq, in or notin: {column.name} has no order"
            raise RuleViolation(path, need, operator.value)
        if number(value) is None:
            raise RuleViolation(path, "a number, to compare by order", shown(value))
    return value


def _check_part(column: Field, value: Scalar, path: str) -> None:
    if column.kind not in _WITH_PARTS or not isinstance(value, str):
        need = f"a field of text before ~: {column.name} is {column.kind.value}"
        raise RuleViolation(path, need, shown(value))
    part_matcher(value, path)


def _holds(condition: Condition, column: Field, offer: Offer, view: View) -> bool:
    have, wanted, operator = column.of(offer, view), condition.value, condition.operator
    # Null first: of what an offer does not say, no comparison holds, not even that it is unequal.
    if wanted is None:
        return (have is None) is (operator is Operator.EQ)
    if have is None:
        return False
    if operator is Operator.PART:
        return isinstance(have, str) and part_matcher(wanted)(have)
    if operator is Operator.EQ:
        return column.has(have, wanted)
    if operator is Operator.NEQ:
        return not column.has(have, wanted)
    if operator in LISTS:
        among = any(column.has(have, one) for one in wanted)
        return among is (operator is Operator.IN)
    if not isinstance(have, Decimal):  # of a field that is not known: other offers may have numbers
        return False
    return _ORDERING[operator](have, number(wanted))


# -- writing -----------------------------------------------------------------------------------


def _text(column: Field, value: Value) -> str:
    if value is None:
        return "null"
    if isinstance(value, tuple):
        return "[" + ",".join(_text(column, one) for one in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return column.untyped(value)
    # Bare where the language reads the same text back; else in quotes, and an underscore that is
    # meant behind a backslash, since a plain one is a space.
    if _SAFE.fullmatch(value) and value not in SPECIAL:
        return value.replace(" ", "_")
    return '"' + re.sub(r'([\\"_])', r"\\\1", value) + '"'


def _json(column: Field, value: Value) -> Any:
    """Return a value as the client sends it: numbers as text, but for those that it computes."""
    if isinstance(value, tuple):
        return [_json(column, one) for one in value]
    if not isinstance(value, Decimal):
        return value
    if column.kind is FieldType.VERSION:
        return int(value)
    # The client multiplies memory and days itself and sends a double; where that would lose a
    # digit, text is sent, which the API reads as well.
    if column.scale != 1 and Decimal(repr(float(value))) == value:
        return float(value)
    return decimal_text(value)


DEFAULTS: Final = Query(
    (
        Condition("verified", Operator.EQ, True),
        Condition("external", Operator.EQ, False),
        Condition("rentable", Operator.EQ, True),
    )
)
"""What the client asks for if not told otherwise: verified, rentable and not external.

The command line adds these; the Python client adds ``rented=false`` to them, which each offer meets
that can be found. As the ``base`` of :func:`~numgenius_core.search.parse`, they are asked here too.
"""
