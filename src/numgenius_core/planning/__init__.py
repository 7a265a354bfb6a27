"""Plans of a client and a host: what to bid, when to reserve, whether to extend.

======================================================  ===========================================
what each bid gets on the record of a price             :func:`compare_bids`
the cheapest way to finish work by a deadline           :func:`meet_deadline`
how many months to prepay                               :func:`reserve_for`, :func:`break_even`
the record of a price, from a file                      :func:`read_price_series`
whether a host should extend a contract or relist       :func:`extend_or_relist`
rivals' prices, what is rented, how long blocks stay    :class:`MarketSeries`, :class:`FreeSpell`
free: from snapshots of the market
======================================================  ===========================================

Nothing is guessed: the record of the price, the stays that are likely and the demand that a host
expects are arguments. Amounts are exact.
"""

from __future__ import annotations

from numgenius_core.planning.bids import BidOutcome, BidPlan, compare_bids
from numgenius_core.planning.deadlines import DeadlineOption, DeadlinePlan, Pays, meet_deadline
from numgenius_core.planning.histories import read_price_series
from numgenius_core.planning.market_series import MarketSeries
from numgenius_core.planning.occupancy import MarketMoment, MarketMoments
from numgenius_core.planning.price_series import PriceSeries
from numgenius_core.planning.relisting import Outlook, RelistingPlan, extend_or_relist
from numgenius_core.planning.reserving import (
    Commitment,
    CommitmentPlan,
    break_even,
    cost_of_stay,
    reserve_for,
)
from numgenius_core.planning.spells import FreeSpell, FreeSpells

__all__ = [
    "BidOutcome",
    "BidPlan",
    "Commitment",
    "CommitmentPlan",
    "DeadlineOption",
    "DeadlinePlan",
    "FreeSpell",
    "FreeSpells",
    "MarketMoment",
    "MarketMoments",
    "MarketSeries",
    "Outlook",
    "Pays",
    "PriceSeries",
    "RelistingPlan",
    "break_even",
    "compare_bids",
    "cost_of_stay",
    "extend_or_relist",
    "meet_deadline",
    "read_price_series",
    "reserve_for",
]


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)
