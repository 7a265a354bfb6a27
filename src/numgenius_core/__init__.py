"""The exact, typed rule book of GPU rental marketplaces.

What is used most is here: ``numgenius_core.quote``, ``numgenius_core.Money``. Everything else is in
the subpackage of its concept, such as :mod:`numgenius_core.bids` or :mod:`numgenius_core.market`.
Names and subpackages load with their first use (PEP 562), so importing the package costs next to
nothing.

>>> import numgenius_core as ng
>>> ng.gpus.offer_sizes(7, 2)  # seven GPUs, rented by two
(1, 2, 2, 2, 3, 4, 7)
>>> ng.PerGpuHour("0.40").charge(4, 72 * 3600)  # four GPUs for three days, exact
Money('115.20')
"""

from __future__ import annotations

from _thread import RLock

TYPE_CHECKING = False  # type checkers know the name; `typing` costs more than all the rest of this
if TYPE_CHECKING:
    from numgenius_core import (
        bids as bids,
        billing as billing,
        contracts as contracts,
        documents as documents,
        errors as errors,
        frames as frames,
        gpus as gpus,
        ids as ids,
        intervals as intervals,
        listing as listing,
        maintenance as maintenance,
        market as market,
        money as money,
        offer as offer,
        planning as planning,
        plots as plots,
        prices as prices,
        rates as rates,
        search as search,
        sla as sla,
        testing as testing,
        units as units,
        whatif as whatif,
        wire as wire,
    )
    from numgenius_core._tables.result import ResultTable
    from numgenius_core.bids import Claim, resolve
    from numgenius_core.billing import History, Statement, statement
    from numgenius_core.contracts import Contract, agree, extend
    from numgenius_core.errors import (
        IllegalMove,
        InsufficientCredit,
        InvalidDocument,
        NotAllowed,
        NumgeniusError,
        ParseError,
        RuleViolation,
        UnknownId,
        WrongType,
    )
    from numgenius_core.gpus import offer_sizes
    from numgenius_core.ids import AccountId, ContractId, MachineId, OfferId
    from numgenius_core.intervals import Interval
    from numgenius_core.listing import Listing, Machine, Mode, PriceTerms, Verification
    from numgenius_core.market import Market, execute, replay
    from numgenius_core.money import Money
    from numgenius_core.offer import Block, Offer
    from numgenius_core.prices import (
        CurveSchedule,
        LinearSchedule,
        Quote,
        ReservedSchedule,
        StepSchedule,
        quote,
    )
    from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour, PerHour
    from numgenius_core.wire import Reading, read_offers, read_sample

__version__ = "1.0.0"

_NAMES = {
    "bids": ("Claim", "resolve"),
    "billing": ("History", "Statement", "statement"),
    "contracts": ("Contract", "agree", "extend"),
    "errors": (
        *("IllegalMove", "InsufficientCredit", "InvalidDocument", "NotAllowed", "NumgeniusError"),
        *("ParseError", "RuleViolation", "UnknownId", "WrongType"),
    ),
    "gpus": ("offer_sizes",),
    "ids": ("AccountId", "ContractId", "MachineId", "OfferId"),
    "intervals": ("Interval",),
    "listing": ("Listing", "Machine", "Mode", "PriceTerms", "Verification"),
    "market": ("Market", "execute", "replay"),
    "money": ("Money",),
    "offer": ("Block", "Offer"),
    "prices": (
        *("CurveSchedule", "LinearSchedule", "Quote", "ReservedSchedule", "StepSchedule", "quote"),
    ),
    "rates": ("PerGb", "PerGbMonth", "PerGpuHour", "PerHour"),
    "wire": ("Reading", "read_offers", "read_sample"),
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}
_HOMES["ResultTable"] = "_tables.result"  # of all subpackages, so of none
_ROOMS = frozenset(
    _NAMES.keys()
    | {
        "documents",
        "frames",
        "maintenance",
        "planning",
        "plots",
        "search",
        "sla",
        "testing",
        "units",
    }
    | {"whatif"}
)

__all__ = [
    "AccountId",
    "Block",
    "Claim",
    "Contract",
    "ContractId",
    "CurveSchedule",
    "History",
    "IllegalMove",
    "InsufficientCredit",
    "Interval",
    "InvalidDocument",
    "LinearSchedule",
    "Listing",
    "Machine",
    "MachineId",
    "Market",
    "Mode",
    "Money",
    "NotAllowed",
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
    "ResultTable",
    "RuleViolation",
    "Statement",
    "StepSchedule",
    "UnknownId",
    "Verification",
    "WrongType",
    "agree",
    "execute",
    "extend",
    "offer_sizes",
    "quote",
    "read_offers",
    "read_sample",
    "replay",
    "resolve",
    "statement",
]


_ALONE = RLock()


def _loaded(module: str) -> object:
    """Return a module of this package, whole.

    One thread loads at a time: one that imports a package and one that imports a module of it would
    each wait for what the other holds, and Python then hands out a module that is not whole yet.
    """
    from importlib import import_module

    with _ALONE:
        return import_module(module)


def __getattr__(name: str) -> object:
    """Load a name of the face, or a subpackage, with its first use."""
    if name in _HOMES:
        found: object = getattr(_loaded(f"{__name__}.{_HOMES[name]}"), name)
    elif name in _ROOMS:
        from numgenius_core.errors import MissingExtra

        try:
            found = _loaded(f"{__name__}.{name}")
        except MissingExtra as missing:  # so that help() and completion go on to the next name
            raise AttributeError(str(missing)) from missing
    else:
        from numgenius_core._faces.deprecation import no_such  # slow, on the way to an error

        raise no_such(__name__, name)
    globals()[name] = found  # from now on it is found without this function
    return found


def __dir__() -> list[str]:
    """Return what there is to use: the face and the subpackages."""
    return sorted({*__all__, *_ROOMS, "__version__"})
