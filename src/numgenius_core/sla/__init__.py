"""Service level agreements: what a promise of uptime costs, pays back, and brings.

Values: :class:`Promise` (a host's claim and spread), :class:`SlaTerms` (with the client's target),
:class:`UptimeHistory`. Schedules that can be replaced, ours by default: :class:`SlaRules`. Then
:func:`settle` settles a contract day by day, :func:`settle_day` one day with the amounts of a
market, :func:`backtest` tries a promise on a history, :func:`estimate_uptime` and
:func:`sustainable_claim` say what the evidence holds, and :func:`advise_promise` and
:func:`simulate_promise` whether to promise at all.
"""

from __future__ import annotations

from numgenius_core._terms import (
    PARTS,
    ConfidenceBand,
    Promise,
)
from numgenius_core.sla._advice import SlaAdvice, TriedPromise, advise_promise
from numgenius_core.sla._outlook import (
    OutageRate,
    SlaOutlook,
    simulate_outages,
    simulate_promise,
)
from numgenius_core.sla._reading import read_history
from numgenius_core.sla.backtests import Backtest, backtest
from numgenius_core.sla.covers import (
    Cover,
    cover,
)
from numgenius_core.sla.days import DaySettlement, EscrowState, settle_day
from numgenius_core.sla.evidence import (
    OutageBand,
    UptimeEstimate,
    estimate_uptime,
    sustainable_claim,
)
from numgenius_core.sla.fees import FeeSchedule, StopLossFee
from numgenius_core.sla.history import Outage, UptimeHistory
from numgenius_core.sla.schedules import (
    OUR_RULES,
    BlendSchedule,
    CreditSchedule,
    FadingNotice,
    LinearCredit,
    NoticeSchedule,
    SlaRules,
    ToleranceBlend,
    expected_credit,
)
from numgenius_core.sla.settlement import Settlement, settle
from numgenius_core.sla.terms import SlaTerms, promised

__all__ = [
    "OUR_RULES",
    "PARTS",
    "Backtest",
    "BlendSchedule",
    "ConfidenceBand",
    "Cover",
    "CreditSchedule",
    "DaySettlement",
    "EscrowState",
    "FadingNotice",
    "FeeSchedule",
    "LinearCredit",
    "NoticeSchedule",
    "Outage",
    "OutageBand",
    "OutageRate",
    "Promise",
    "Settlement",
    "SlaAdvice",
    "SlaOutlook",
    "SlaRules",
    "SlaTerms",
    "StopLossFee",
    "ToleranceBlend",
    "TriedPromise",
    "UptimeEstimate",
    "UptimeHistory",
    "advise_promise",
    "backtest",
    "cover",
    "estimate_uptime",
    "expected_credit",
    "promised",
    "read_history",
    "settle",
    "settle_day",
    "simulate_outages",
    "simulate_promise",
    "sustainable_claim",
]


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)
