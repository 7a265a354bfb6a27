"""Searches that are wrong on purpose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from attrs import evolve

from numgenius_core.offer import Offer
from numgenius_core.testing import RULES

Filters = Mapping[str, Mapping[str, Any]]
ours: Final = RULES["search"].ours


def any_of_them(filters: Filters, offers: Sequence[Offer]) -> set[int]:
    """Take an offer for which one condition holds."""
    alone = [{name: {word: one}} for name, words in filters.items() for word, one in words.items()]
    return {number for each in alone for number in ours(each, offers)} if alone else set()


def one_a_field(filters: Filters, offers: Sequence[Offer]) -> Any:
    """Keep the last operator of each field."""
    return ours({name: dict([[*words.items()][-1]]) for name, words in filters.items()}, offers)


def as_texts(filters: Filters, offers: Sequence[Offer]) -> Any:
    """Compare prices as texts: 0.4 is not 0.400."""
    for word in ("eq", "neq"):
        wanted = filters.get("dph_base", {}).get(word)
        if isinstance(wanted, str):
            rest = {name: words for name, words in filters.items() if name != "dph_base"}
            there = ours(rest, offers)
            same = {each.id for each in offers if f"{each.per_hour.to_decimal():f}" == wanted}
            return [number for number in there if (number in same) == (word == "eq")]
    return ours(filters, offers)


def price_of_one_gpu(filters: Filters, offers: Sequence[Offer]) -> Any:
    """Take the price of an offer for that of one GPU."""
    alike = [evolve(each, gpus=1) for each in offers]
    prices = {"dph_base": filters["dph_base"]} if "dph_base" in filters else {}
    rest = {name: words for name, words in filters.items() if name != "dph_base"}
    return set(ours(prices, alike)) & set(ours(rest, offers))


def unsaid_is_another(filters: Filters, offers: Sequence[Offer]) -> Any:
    """Find an offer that does not say where it is by "not there"."""
    words = filters.get("geolocation", {})
    kept = {word: one for word, one in words.items() if word in {"eq", "in"}}
    unsaid = [each for each in offers if "geolocation" not in each.extra]
    said = [each for each in offers if "geolocation" in each.extra]
    return {*ours(filters, said), *ours({**filters, "geolocation": kept}, unsaid)}


def anywhere_in_the_place(filters: Filters, offers: Sequence[Offer]) -> Any:
    """Find a country anywhere in the text of a place: California is in Canada then."""
    wanted = filters.get("geolocation", {}).get("eq")
    if wanted is None or len(wanted) != 2:
        return ours(filters, offers)
    rest = {**filters, "geolocation": {}}
    there = [each for each in offers if wanted in each.extra.get("geolocation", "").upper()]
    return ours(rest, there)


def whatever_the_case(filters: Filters, offers: Sequence[Offer]) -> Any:
    """Take a name in small letters for the same one."""
    names = {each.gpu_name.lower(): each.gpu_name for each in offers}
    words = filters.get("gpu_name", {})
    right = {word: names.get(one.lower(), one) for word, one in words.items()}
    return ours({**filters, "gpu_name": right}, offers)


WRONG_SEARCHES: Final[dict[str, tuple[Callable[..., Any], ...]]] = {
    "search": (
        any_of_them,
        one_a_field,
        as_texts,
        price_of_one_gpu,
        unsaid_is_another,
        anywhere_in_the_place,
        whatever_the_case,
    )
}
"""By the rule that each gets wrong."""
