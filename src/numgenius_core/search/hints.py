"""What a query asks that its market cannot answer as meant: remarked on, never refused.

Our readings: worth a word is a condition that a later one replaced (the client sends the last one
alone), one on a field that no offer says, a text that no offer has (with those that are near: by
part and without case, or by spelling), and a bound that cannot be meant, as ``reliability>99`` of
shares and ``compute_cap>=8.6`` of hundredths: one that no offer meets, or that every offer meets
and in another unit would divide them. ``reliability>0.999`` is meant, met or not. Of several texts
those that no offer has do no harm beside one that is there, and what nobody has is left out by
``notin`` as it is meant: then only a text that has one near it, which may be mistyped, is worth a
word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from difflib import get_close_matches
from typing import Final, NamedTuple

from attrs import evolve, frozen

from numgenius_core._checks import as_tuple, check_kind
from numgenius_core._numbers import WIDE, decimal_of
from numgenius_core.errors import one_line
from numgenius_core.offer import Offer
from numgenius_core.search._regions import REGIONS
from numgenius_core.search._values import FieldType, Scalar
from numgenius_core.search.fields import Field
from numgenius_core.search.names import part_matcher
from numgenius_core.search.query import LISTS, MAX_VALUES, Condition, Operator, Query, replaced_in
from numgenius_core.search.view import View
from numgenius_core.units import MB_PER_GB, SECONDS_PER_DAY, SECONDS_PER_HOUR


class _Unit(NamedTuple):
    """How people type a bound of a field in another unit, and which bounds are meant as they are.

    Attributes:
        told: What the field is in.
        factors: From other units that people type to the field's own.
        low: Below this, in the field's own unit, a bound cannot be meant.
        high: Nor above this.
    """

    told: str
    factors: tuple[Decimal, ...]
    low: Decimal = Decimal("-Infinity")
    high: Decimal = Decimal("Infinity")


_SHARE: Final = _Unit("is a share from 0 to 1", (Decimal("0.01"),), high=Decimal(1))


def _memory(most_gb: int) -> _Unit:
    factors = tuple(decimal_of(1, places) for places in (3, 6, 9))
    return _Unit("is typed in GB", factors, high=Decimal(most_gb * MB_PER_GB))


_UNITS: Final[dict[str, _Unit]] = {
    **dict.fromkeys(
        (
            "reliability",
            "reliability2",
            "expected_reliability",
            "target_reliability",
            "gpu_frac",
            "discount_rate",
            "credit_discount_max",
        ),
        _SHARE,
    ),
    "gpu_ram": _memory(1_000),
    "gpu_total_ram": _memory(4_000),
    "cpu_ram": _memory(4_000),
    "compute_cap": _Unit("is in hundredths (8.6 is 860)", (Decimal(100),), low=Decimal(100)),
    "cpu_ghz": _Unit("is in GHz", (Decimal("0.001"),), high=Decimal(100)),
    "cuda_max_good": _Unit(
        "is a version such as 12.4",
        (Decimal("0.1"), Decimal("0.01"), Decimal("0.001")),
        high=Decimal(30),
    ),
    "disk_space": _Unit(
        "is in GB", (Decimal("0.001"), Decimal("0.000000001")), high=Decimal(100_000)
    ),
    "duration": _Unit(
        "is typed in days",
        tuple(WIDE.divide(Decimal(1), Decimal(n)) for n in (SECONDS_PER_DAY, 24)),
        low=Decimal(SECONDS_PER_HOUR),
        high=Decimal(366 * SECONDS_PER_DAY),
    ),
    **dict.fromkeys(
        ("inet_up", "inet_down"),
        _Unit(
            "is in Mbit/s",
            (Decimal(1_000), Decimal("0.001")),
            low=Decimal(10),
            high=Decimal(100_000),
        ),
    ),
}
_SEVERAL: Final = {
    Operator.EQ: Operator.IN,
    Operator.NEQ: Operator.NOTIN,
    Operator.NOTIN: Operator.NOTIN,
}
_NAMED: Final = 4
_MILLIONTH: Final = Decimal("0.000001")
_ALIKE: Final = 0.75


@frozen(kw_only=True)
class Remark:
    """Why a condition of a query does not do what was meant.

    Attributes:
        condition: The condition.
        text: What is the matter with it, and what may be meant.
    """

    condition: Condition
    text: str

    def __str__(self) -> str:
        return one_line(f"{self.condition}: {self.text}")


def remarks(
    query: Query, offers: Iterable[Offer], *, view: View | None = None
) -> tuple[Remark, ...]:
    """Return what of a query is not answered as it is meant: by these offers, or at all.

    Args:
        query: What is asked.
        offers: The market, before the query.
        view: The disk, the instant and the mode that prices and durations depend on.

    Raises:
        WrongType: ``query`` is no ``Query``, or something among ``offers`` no ``Offer``.
        RuleViolation: ``duration`` without ``now`` of an offer that only says when it ends.

    >>> from numgenius_core import read_sample
    >>> from numgenius_core.search import parse, remarks
    >>> for remark in remarks(parse("gpu_name=4090 reliability>99"), read_sample().offers):
    ...     print(remark)
    gpu_name=4090: no offer has it; did you mean RTX_4090? (gpu_name~4090 finds parts of names)
    reliability>99: no offer meets it; reliability is a share from 0 to 1: reliability>0.99?
    >>> print(*remarks(parse("num_gpus>=4 num_gpus>=2"), read_sample().offers))
    num_gpus>=4: not looked at: num_gpus>=2 after it replaces it
    """
    check_kind(query, Query, "query")
    market = as_tuple(offers, "offers")
    seen = View() if view is None else view
    check_kind(seen, View, "view")
    for index, offer in enumerate(market):
        check_kind(offer, Offer, f"offers[{index}]")
    texts: list[tuple[Condition, str | None]] = [
        (old, _replaced(old, new)) for old, new in replaced_in(query)
    ]
    if market:
        texts += ((each, _remark(each, market, seen)) for each in query.conditions)
    return tuple(Remark(condition=condition, text=text) for condition, text in texts if text)


def _replaced(old: Condition, new: Condition) -> str:
    """Return what is said of a condition that another one on its field replaced."""
    text = f"not looked at: {new} after it replaces it"
    several = _SEVERAL.get(old.operator)
    values = [one for each in (old, new) for one in _values(each)]
    if several is None or len(values) > MAX_VALUES or not all(isinstance(v, str) for v in values):
        return text
    return f"{text} (several go into one: {Condition(old.field, several, values)})"


def _values(condition: Condition) -> tuple[Scalar, ...]:
    value = condition.value
    return value if isinstance(value, tuple) else (value,)


def _remark(condition: Condition, market: Sequence[Offer], view: View) -> str | None:
    column = condition.column
    if condition.value is None:
        return None
    said = [value for offer in market if (value := column.of(offer, view)) is not None]
    if not said:
        return f"no offer says {condition.field}, so none can meet it"
    if condition.operator is Operator.PART:
        return _of_part(condition, said)
    if column.kind in (FieldType.TEXT, FieldType.PLACE):
        return _of_text(condition, column, said)
    if condition.operator in LISTS or column.kind is not FieldType.NUMBER:
        return None
    met = sum(condition.holds(offer, view) for offer in market)
    if 0 < met < len(said):
        return None
    better = _in_another_unit(condition, [v for v in said if isinstance(v, Decimal)], met)
    if better is None:
        return None
    what = "every offer meets it" if met else "no offer meets it"
    return f"{what}; {condition.field} {_UNITS[condition.field].told}: {better}?"


def _of_part(condition: Condition, said: Sequence[Scalar]) -> str | None:
    matches = part_matcher(condition.value)
    if any(isinstance(value, str) and matches(value) for value in said):
        return None
    return "no offer has it" + _instead((_near(condition.value, said),), said)


def _of_text(condition: Condition, column: Field, said: Sequence[Scalar]) -> str | None:
    operator, have = condition.operator, Counter(said)
    wanted = condition.value if operator in LISTS else (condition.value,)
    absent = [one for one in wanted if not any(column.has(value, one) for value in have)]
    places = [_country(value) for value in said] if column.kind is FieldType.PLACE else []
    near = {one: _near(one, [*said, *places]) for one in absent}
    excludes = operator in (Operator.NEQ, Operator.NOTIN)
    regions = [one for one in absent if places and one in REGIONS]
    if excludes or len(absent) < len(wanted):
        # It does what it says, unless a text that is near was meant, or a region that is no
        # country; a country's code is no slip.
        slips = [one for one in absent if near[one] or one in regions]
        absent = [one for one in slips if not (places and one in _CODES)]
    if not absent:
        return None
    what = "no offer has it" if len(wanted) == 1 else f"no offer has {_named(absent)}"
    text = what + _instead((near[one] for one in absent), said)
    if any(one in regions for one in absent):
        text += f" (georegion=true beside it takes {regions[0]} for the countries of the region)"
    parts = [one for one in absent if any(part_matcher(str(one))(str(value)) for value in have)]
    if parts and column.kind is FieldType.TEXT and operator in (Operator.EQ, Operator.IN):
        like = Condition(condition.field, Operator.PART, parts[0])
        text += f" ({like} finds parts of names)"
    return text


def _country(place: Scalar) -> str:
    return str(place).rpartition(",")[2].strip()


_CODES: Final = frozenset(code for codes in REGIONS.values() for code in codes)
_COUNTRIES: Final = {"usa": "US", "uk": "GB", "united states": "US", "germany": "DE", "uae": "AE"}


def _instead(near: Iterable[str], said: Iterable[Scalar]) -> str:
    """Return what may be meant, and what there is where nobody can guess it."""
    hints = ", ".join(dict.fromkeys(hint for hint in near if hint))
    return f"; did you mean {hints}?" if hints else f"; offers have {_named(_have(said))}"


def _have(said: Iterable[Scalar]) -> list[str]:
    """Return the texts that offers say, the most frequent first."""
    return [text for text, _ in Counter(v for v in said if isinstance(v, str) and v).most_common()]


def _named(values: Sequence[str]) -> str:
    more = ", …" if len(values) > _NAMED else ""
    return ", ".join(value.replace(" ", "_") for value in values[:_NAMED]) + more


def _near(wanted: object, said: Iterable[Scalar]) -> str:
    """Return the values that are near a text, as a query has them: the most frequent first."""
    text = str(wanted)
    have = _have(said)
    known = _COUNTRIES.get(text.casefold())
    found = [known] if known in have else []
    found = found or [value for value in have if value.casefold() == text.casefold()]
    if not found and any(char.isalnum() for char in text):
        matches = part_matcher(text)
        found = [value for value in have if matches(value)]
    if not found:
        lower = {value.casefold(): value for value in have}
        found = [lower[near] for near in get_close_matches(text.casefold(), lower, 2, _ALIKE)]
    if not found:  # one word of a name is mistyped: "4009" of "RTX 4090"
        words = {word for value in have for word in value.casefold().split()}
        near = get_close_matches(text.casefold(), words, 2, _ALIKE)
        found = [value for value in have if not {*near}.isdisjoint(value.casefold().split())]
    return _named(found)


def _in_another_unit(condition: Condition, said: Sequence[Decimal], met: int) -> Condition | None:
    """Return the condition in the unit that is meant, if the bound in it cannot be meant as it is.

    The unit that divides the offers comes first. Where no offer meets the bound, it may also be one
    that makes a bound which can be meant; where every offer does, that would change nothing.
    """
    unit = _UNITS.get(condition.field)
    if unit is None or not said or unit.low <= condition.value <= unit.high:
        return None
    if met and condition.operator in (Operator.EQ, Operator.NEQ):
        return None
    meant = [
        WIDE.multiply(condition.value, one).quantize(_MILLIONTH, context=WIDE)
        for one in unit.factors
    ]
    found = [value for value in meant if min(said) <= value <= max(said)]
    if unit is _SHARE or not met:
        found += [value for value in meant if value > 0 and unit.low <= value <= unit.high]
    return evolve(condition, value=found[0]) if found else None
