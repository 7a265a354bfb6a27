"""The exact, typed rule book of GPU rental marketplaces.

Names load with their first use (PEP 562), so importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from numgenius_core.contracts.contract import Contract
    from numgenius_core.errors import (
        IllegalMove,
        InvalidDocument,
        NumgeniusError,
        ParseError,
        RuleViolation,
        WrongType,
    )
    from numgenius_core.intervals import Interval
    from numgenius_core.listing import (
        AccountId,
        ContractId,
        Listing,
        Machine,
        MachineId,
        Mode,
        OfferId,
        PriceTerms,
        Verification,
    )
    from numgenius_core.money import Money, PerGb, PerGbMonth, PerGpuHour, PerHour
    from numgenius_core.offer import Block, Offer
    from numgenius_core.prices.quotes import Quote, quote
    from numgenius_core.prices.schedules import (
        CurveSchedule,
        LinearSchedule,
        ReservedSchedule,
        StepSchedule,
    )
    from numgenius_core.wire.reading import Reading, read_offers

__version__: Final = "1.0.0"

_HOME: Final = {
    **dict.fromkeys(["Contract"], "contracts.contract"),
    **dict.fromkeys(["IllegalMove", "InvalidDocument", "NumgeniusError"], "errors"),
    **dict.fromkeys(["ParseError", "RuleViolation", "WrongType"], "errors"),
    **dict.fromkeys(["Interval"], "intervals"),
    **dict.fromkeys(["AccountId", "ContractId", "MachineId", "OfferId"], "listing"),
    **dict.fromkeys(["Listing", "Machine", "Mode", "PriceTerms", "Verification"], "listing"),
    **dict.fromkeys(["Money", "PerGb", "PerGbMonth", "PerGpuHour", "PerHour"], "money"),
    **dict.fromkeys(["Block", "Offer"], "offer"),
    **dict.fromkeys(["Quote", "quote"], "prices.quotes"),
    **dict.fromkeys(
        ["CurveSchedule", "LinearSchedule", "ReservedSchedule", "StepSchedule"], "prices.schedules"
    ),
    **dict.fromkeys(["Reading", "read_offers"], "wire.reading"),
}

__all__ = [
    "AccountId",
    "Block",
    "Contract",
    "ContractId",
    "CurveSchedule",
    "IllegalMove",
    "Interval",
    "InvalidDocument",
    "LinearSchedule",
    "Listing",
    "Machine",
    "MachineId",
    "Mode",
    "Money",
    "NumgeniusError",
    "Offer",
    "OfferId",
    "ParseError",
    "PerGb",
    "PerGbMonth",
    "PerGpuHour",
    "PerHour",
    "PriceTerms",
    "Quote",
    "Reading",
    "ReservedSchedule",
    "RuleViolation",
    "StepSchedule",
    "Verification",
    "WrongType",
    "quote",
    "read_offers",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
