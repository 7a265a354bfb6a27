"""Laws of a search: which offers an API's filter object asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final

from attrs import evolve
from hypothesis import strategies as st

from numgenius_core.ids import OfferId
from numgenius_core.listing import PriceTerms
from numgenius_core.offer import Offer
from numgenius_core.rates import PerGpuHour
from numgenius_core.search.query import Query
from numgenius_core.testing.law import Implementation, Law, Rule
from numgenius_core.testing.strategies import offers

Filters = Mapping[str, Mapping[str, Any]]

_ALL: Final = "a query is comparisons one after another, all of which must hold"
_COMPARED: Final = (
    "eq, neq, gt, gte, lt, lte, in and notin compare numbers as the decimals they are written as, "
    "and texts exactly"
)
_UNSAID: Final = "a condition on what an offer does not say fails, notin and neq as well"
_COUNTRY: Final = "a two-letter place is the country, the part after the last comma"

_ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "eq": eq,
    "neq": ne,
    "gt": gt,
    "gte": ge,
    "lt": lt,
    "lte": le,
}
_NUMBERS: Final = ("num_gpus", "dph_base")
_PLACES: Final = ("Quebec, CA", "Ontario, CA", "California, US", "Calgary, AB, CA")


# -- cases -------------------------------------------------------------------------------------


@st.composite
def _markets(draw: st.DrawFn) -> tuple[Offer, ...]:
    """Draw a few offers, alike in most things; some do not say where they are."""
    found = []
    for number in range(draw(st.integers(1, 6))):
        price = draw(st.sampled_from(["0.4", "0.399999999999", "0.5"]))
        place = draw(st.sampled_from([None, *_PLACES]))
        offer = evolve(
            draw(offers()),
            id=OfferId(number),
            gpus=draw(st.sampled_from([1, 2, 4])),
            gpus_in_machine=None,
            block=None,
            prices=PriceTerms(gpu=PerGpuHour(price)),
            extra={} if place is None else {"geolocation": place},
        )
        found.append(offer)
    return tuple(found)


_typed: st.SearchStrategy[Any] = st.sampled_from(["1", "2", "4", 2, "0.8", 0.4, "1.6", "0.400"])
_countries = st.sampled_from(["CA", "US", "DE", "Quebec, CA"])
_conditions: st.SearchStrategy[tuple[str, str, Any]] = st.one_of(
    st.tuples(st.sampled_from(_NUMBERS), st.sampled_from([*_ORDERS]), _typed),
    st.tuples(
        st.sampled_from(_NUMBERS),
        st.sampled_from(["in", "notin"]),
        st.lists(_typed, min_size=1, max_size=3),
    ),
    st.tuples(
        st.just("gpu_name"),
        st.sampled_from(["eq", "neq"]),
        st.sampled_from(["RTX 4090", "H100 SXM", "rtx 4090"]),
    ),
    st.tuples(st.just("geolocation"), st.sampled_from(["eq", "neq"]), _countries),
    st.tuples(
        st.just("geolocation"),
        st.sampled_from(["in", "notin"]),
        st.lists(_countries, min_size=1, max_size=2),
    ),
    st.tuples(st.just("rentable"), st.sampled_from(["eq", "neq"]), st.booleans()),
)


def _filters(conditions: Sequence[tuple[str, str, Any]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name, operator, value in conditions:
        found.setdefault(name, {})[operator] = value
    return found


# -- laws --------------------------------------------------------------------------------------


def _found(implementation: Implementation, filters: Filters, market: Sequence[Offer]) -> set[int]:
    return {int(number) for number in implementation(filters, market)}


def _said(offer: Offer, name: str) -> Any:
    """Return what an offer says, numbers as decimals; ``None`` for nothing."""
    if name == "num_gpus":
        return Decimal(offer.gpus)
    if name == "dph_base":
        return offer.per_hour.to_decimal()
    return offer.extra.get(name) if name == "geolocation" else getattr(offer, name)


def _equal(name: str, said: Any, wanted: Any) -> bool:
    if name == "geolocation" and len(wanted) == 2:
        return bool(said.rpartition(",")[2].strip() == wanted)
    return bool(said == (Decimal(str(wanted)) if name in _NUMBERS else wanted))


def _holds(offer: Offer, name: str, operator: str, wanted: Any) -> bool:
    said = _said(offer, name)
    if said is None:
        return False
    if operator in {"in", "notin"}:
        return any(_equal(name, said, one) for one in wanted) == (operator == "in")
    if operator in {"eq", "neq"}:
        return _equal(name, said, wanted) == (operator == "eq")
    return _ORDERS[operator](said, Decimal(str(wanted)))


def _each_alone(filters: Filters) -> list[tuple[str, str, Any]]:
    return [(name, word, value) for name, words in filters.items() for word, value in words.items()]


def _together(
    implementation: Implementation, filters: Filters, market: Sequence[Offer]
) -> str | None:
    both = _found(implementation, filters, market)
    every = set(range(len(market)))
    for name, operator, value in _each_alone(filters):
        every &= _found(implementation, {name: {operator: value}}, market)
    return None if both == every else f"offers {sorted(both)} are found, not {sorted(every)}"


def _one_by_one(names: Iterable[str], *, said: bool) -> Callable[..., str | None]:
    """Return the check of conditions on some fields, of offers that say them or do not."""

    def check(
        implementation: Implementation, filters: Filters, market: Sequence[Offer]
    ) -> str | None:
        for name, operator, value in _each_alone(filters):
            if name not in names:
                continue
            found = _found(implementation, {name: {operator: value}}, market)
            for offer in market:
                right = _holds(offer, name, operator, value)
                if (_said(offer, name) is not None) is said and (offer.id in found) is not right:
                    has = f"offer {offer.id} with {name} {_said(offer, name)}"
                    return f"{has} is {'not ' * right}found by {operator} {value!r}"
        return None

    return check


def _ours(filters: Filters, market: Sequence[Offer]) -> list[int]:
    return [offer.id for offer in Query.from_json(filters).filter(market)]


SEARCH: Final = Rule(
    name="search",
    signature="(filters: {field: {operator: value}}, offers: Sequence[Offer]) -> Iterable[id]",
    cases=st.tuples(st.lists(_conditions, max_size=3).map(_filters), _markets()),
    laws=(
        Law(
            name="each condition as written",
            sentence=_COMPARED,
            check=_one_by_one((*_NUMBERS, "gpu_name", "rentable"), said=True),
        ),
        Law(
            name="countries",
            sentence=_COUNTRY,
            check=_one_by_one(("geolocation",), said=True),
        ),
        Law(
            name="what is not said fails",
            sentence=_UNSAID,
            check=_one_by_one(("geolocation",), said=False),
        ),
        Law(name="all conditions together", sentence=_ALL, check=_together),
    ),
    ours=_ours,
)
"""The offers that a filter object of the API asks for."""
