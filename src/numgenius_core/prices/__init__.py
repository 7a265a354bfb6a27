"""What renting costs: quotes line by line, reserved discounts, and what deposits do.

What only reservations need loads with its first use: a quote on demand does without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from numgenius_core._faces import lazily
from numgenius_core.prices.quotes import Quote, QuoteLine, QuotePart, quote

if TYPE_CHECKING:
    from numgenius_core.prices.comparing import (
        ModeComparison,
        ModeComparisons,
        ModeQuote,
        StayRisk,
        compare_modes,
    )
    from numgenius_core.prices.deposits import Refund, TopUp, refund, top_up
    from numgenius_core.prices.ranking import LeftOut, NotRented, Ranking, rank_offers
    from numgenius_core.prices.schedules import (
        CurveSchedule,
        LinearSchedule,
        ReservedSchedule,
        StepSchedule,
    )

__all__ = [
    "CurveSchedule",
    "LeftOut",
    "LinearSchedule",
    "ModeComparison",
    "ModeComparisons",
    "ModeQuote",
    "NotRented",
    "Quote",
    "QuoteLine",
    "QuotePart",
    "Ranking",
    "Refund",
    "ReservedSchedule",
    "StayRisk",
    "StepSchedule",
    "TopUp",
    "compare_modes",
    "quote",
    "rank_offers",
    "refund",
    "top_up",
]

_HOMES: Final = {
    **dict.fromkeys(
        ("ModeComparison", "ModeComparisons", "ModeQuote", "StayRisk", "compare_modes"), "comparing"
    ),
    **dict.fromkeys(("LeftOut", "NotRented", "Ranking", "rank_offers"), "ranking"),
    **dict.fromkeys(("Refund", "TopUp", "refund", "top_up"), "deposits"),
    **dict.fromkeys(
        ("CurveSchedule", "LinearSchedule", "ReservedSchedule", "StepSchedule"), "schedules"
    ),
}
__getattr__: Final = lazily(__name__, _HOMES)


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)
