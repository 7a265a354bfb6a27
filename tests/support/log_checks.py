"""How tests open a log, and what they put into one."""

from __future__ import annotations

from numgenius_core.market import Market
from numgenius_core.market.logs import Checkpoint
from numgenius_core.testing.logs import LOG, Opens, furnished, paid, rent, rent_volume

__all__ = ["LAWS", "Opens", "empty", "furnished", "paid", "rent", "rent_volume"]

LAWS = LOG.laws
"""What a log has to pass; each takes what makes a fresh log and returns how it is opened."""


def empty() -> Checkpoint:
    """Return a checkpoint of a market in which nothing has happened."""
    return Checkpoint(market=Market())
