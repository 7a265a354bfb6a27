"""What renting costs: quotes line by line, reserved discounts, and what deposits do."""

from __future__ import annotations

from numgenius_core.prices.deposits import Refund, TopUp, refund, refundable, top_up
from numgenius_core.prices.quotes import Quote, QuoteLine, QuotePart, quote
from numgenius_core.prices.schedules import (
    CurveSchedule,
    LinearSchedule,
    ReservedSchedule,
    StepSchedule,
)

__all__ = [
    "CurveSchedule",
    "LinearSchedule",
    "Quote",
    "QuoteLine",
    "QuotePart",
    "Refund",
    "ReservedSchedule",
    "StepSchedule",
    "TopUp",
    "quote",
    "refund",
    "refundable",
    "top_up",
]
