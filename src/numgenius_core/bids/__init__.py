"""Who runs on a machine and who waits, the lowest bid that would run, and what auctions pay."""

from __future__ import annotations

from numgenius_core._terms import check_bid
from numgenius_core.bids.auction import (
    Comparison,
    Optimum,
    PoolBid,
    PoolBlock,
    Runner,
    best_packing,
    best_runners,
    compare_with_optimum,
)
from numgenius_core.bids.book import BidBook
from numgenius_core.bids.changes import (
    BookChange,
    BookEvent,
    ClaimEntered,
    ClaimLeft,
    ClaimPaused,
    ClaimResumed,
    ClaimStarted,
    FloorSet,
    Repriced,
)
from numgenius_core.bids.payments import (
    Auction,
    AuctionResult,
    BlockAuction,
    Entrant,
    PoolAuction,
    pay_as_bid,
    uniform_price,
    vcg,
)
from numgenius_core.bids.priority import (
    Claim,
    Rank,
    Resolution,
    Verdict,
    WaitReason,
    explain,
    quoted_min_bid,
    resolve,
    resolve_fleet,
    winning_bid,
)

__all__ = [
    "Auction",
    "AuctionResult",
    "BidBook",
    "BlockAuction",
    "BookChange",
    "BookEvent",
    "Claim",
    "ClaimEntered",
    "ClaimLeft",
    "ClaimPaused",
    "ClaimResumed",
    "ClaimStarted",
    "Comparison",
    "Entrant",
    "FloorSet",
    "Optimum",
    "PoolAuction",
    "PoolBid",
    "PoolBlock",
    "Rank",
    "Repriced",
    "Resolution",
    "Runner",
    "Verdict",
    "WaitReason",
    "best_packing",
    "best_runners",
    "check_bid",
    "compare_with_optimum",
    "explain",
    "pay_as_bid",
    "quoted_min_bid",
    "resolve",
    "resolve_fleet",
    "uniform_price",
    "vcg",
    "winning_bid",
]


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)
