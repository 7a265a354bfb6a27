"""What a search's own conditions change of its prices: the time reserved, the uptime promised.

The discount that a reserved search quotes is that of the duration asked for.

Rule (marketplace): ``duration >= 90 days`` with the type ``reserved`` prices each offer as if it
were reserved for these 90 days (D = 0.05: 0.0375), and offers whose host gives no discount are in
the answer too, at their full price.

Our readings: of several durations or targets the highest counts, and of several values of one
``in`` the lowest, since any of them will do; without a duration, an offer is priced as reserved
until it ends, and what its source says of its discount stands. Where its source says nothing of it,
nobody knows what reserving costs.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from numgenius_core._numbers import WIDE
from numgenius_core._terms import MAX_CLAIM, PARTS
from numgenius_core.listing import Mode, Verification
from numgenius_core.offer import Offer
from numgenius_core.prices.quotes import discount_of
from numgenius_core.prices.ranking import seconds_left
from numgenius_core.search._values import number
from numgenius_core.units import SECONDS_PER_MONTH

if TYPE_CHECKING:
    from numgenius_core.search.query import Query
    from numgenius_core.search.view import View

_LONGEST: Final = 1_200 * SECONDS_PER_MONTH
"""Most seconds that can be prepaid."""
_AT_LEAST: Final = frozenset({"gt", "gte", "eq", "in"})


def _at_least(query: Query, field: str) -> list[Decimal]:
    """Return what the conditions on a field want it to be at least.

    Of several values of one ``in`` any will do, so it is the lowest.
    """
    asked = []
    for each in query.conditions:
        values = each.value if isinstance(each.value, tuple) else (each.value,)
        numbers = [value for value in values if isinstance(value, Decimal)]
        if each.field == field and each.operator.value in _AT_LEAST and numbers:
            asked.append(min(numbers))
    return asked


def asked_duration(query: Query) -> timedelta | None:
    """Return how long a query wants offers to last at least; ``None`` if it does not say."""
    asked = _at_least(query, "duration")
    if not asked:
        return None
    return timedelta(seconds=int(min(max(Decimal(0), *asked), Decimal(_LONGEST))))


def asked_target(query: Query) -> Fraction | None:
    """Return the uptime that a query wants hosts to keep, the highest; ``None`` for none.

    One that no promise can reach asks for none: no offer has it.
    """
    known = Fraction(max(_at_least(query, "target_reliability"), default=0))
    return known if 0 < known <= MAX_CLAIM and PARTS % known.denominator == 0 else None


def discount_rate(offer: Offer, view: View) -> Decimal | None:
    """Return the share that a reservation takes off the GPU price, ``None`` if nothing is said."""
    said = number(offer.extra.get("discount_rate"))
    if said is not None and not 0 <= said <= 1:
        said = None
    if view.mode is not Mode.RESERVED or (view.stay is None and said is not None):
        return said
    if offer.verification is not Verification.VERIFIED:
        return said  # it has no reserved price
    from numgenius_core.prices.schedules import CurveSchedule

    stay = None if view.stay is None else view.stay // timedelta(seconds=1)
    if stay is None and view.now is not None:
        left = seconds_left(offer, view.now)
        stay = None if left is None else max(0, left)
    rate = discount_of(offer)
    if rate is None:
        return said
    if stay is not None:
        months = Fraction(min(stay, _LONGEST), SECONDS_PER_MONTH)
        rate = CurveSchedule(rate).discount(months)
    return WIDE.divide(Decimal(rate.numerator), Decimal(rate.denominator))
