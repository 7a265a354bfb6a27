"""Test your own implementation of a rule: a server's answer, a port, another pricing service.

Needs the extra ``testing`` (Hypothesis). Each rule has a plain signature and laws, each a sentence
as published or measured; :data:`RULES` has them by name. :func:`verify` draws cases, looks for one
that breaks a law, makes it small, and raises :class:`LawBroken` with the sentence, the case and
what is wrong. Strategies for your own tests: :func:`values` has one for any class of the library,
:func:`markets` and :func:`plays` are for whole markets, :func:`scenarios` for what-ifs.
:func:`check_log` is for a log of events of your own.
"""

from __future__ import annotations

from importlib.util import find_spec

from numgenius_core.errors import MissingExtra

if find_spec("hypothesis") is None:  # pragma: no cover - tested in an environment without it
    raise MissingExtra("numgenius_core.testing", "testing")

from numgenius_core.testing.drawing import values
from numgenius_core.testing.law import (
    Check,
    Implementation,
    Law,
    LawBroken,
    Rule,
    dollars,
    near,
    number,
)
from numgenius_core.testing.laws.market import Books, Execute, Played, Tell, books_of, playing
from numgenius_core.testing.logs import check_log
from numgenius_core.testing.market_values import Step, commands, markets, plays
from numgenius_core.testing.promise_values import promises, uptime_histories
from numgenius_core.testing.scenario_values import bid_prices, price_series, scenarios
from numgenius_core.testing.strategies import (
    EPOCH,
    accounts,
    bids,
    books,
    byte_counts,
    contracts,
    extended_contracts,
    gpu_counts,
    histories,
    instants,
    intervals,
    listings,
    machine_shapes,
    machines,
    megabytes,
    moneys,
    offers,
    per_gb_months,
    per_gbs,
    per_gpu_hours,
    per_hours,
    price_terms,
    schedules,
    seconds,
    shares,
    windows,
)
from numgenius_core.testing.verification import RULES, rule_named, verify

__all__ = [
    "EPOCH",
    "RULES",
    "Books",
    "Check",
    "Execute",
    "Implementation",
    "Law",
    "LawBroken",
    "Played",
    "Rule",
    "Step",
    "Tell",
    "accounts",
    "bid_prices",
    "bids",
    "books",
    "books_of",
    "byte_counts",
    "check_log",
    "commands",
    "contracts",
    "dollars",
    "extended_contracts",
    "gpu_counts",
    "histories",
    "instants",
    "intervals",
    "listings",
    "machine_shapes",
    "machines",
    "markets",
    "megabytes",
    "moneys",
    "near",
    "number",
    "offers",
    "per_gb_months",
    "per_gbs",
    "per_gpu_hours",
    "per_hours",
    "playing",
    "plays",
    "price_series",
    "price_terms",
    "promises",
    "rule_named",
    "scenarios",
    "schedules",
    "seconds",
    "shares",
    "uptime_histories",
    "values",
    "verify",
    "windows",
]


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)
