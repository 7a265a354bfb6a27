"""What an instance cost: from the facts of its life to a statement."""

from __future__ import annotations

from numgenius_core._accrual import Price
from numgenius_core.billing._focus_columns import FOCUS_COLUMNS
from numgenius_core.billing.focus import FocusRow, FocusVersion, focus_commitments, focus_rows
from numgenius_core.billing.grace import DaysOfGrace, GraceSchedule
from numgenius_core.billing.history import (
    Fact,
    History,
    MachineWent,
    Moved,
    Prepaid,
    Rebid,
    Refunded,
    Settled,
    Transferred,
)
from numgenius_core.billing.metering import Line, LineKind
from numgenius_core.billing.payouts import PayoutSchedule
from numgenius_core.billing.reconciling import (
    Charge,
    ChargeKind,
    Reconciled,
    Reconciliation,
    reconcile,
)
from numgenius_core.billing.statements import (
    Statement,
    deposit_left,
    discount_received,
    runs_out,
    statement,
)
from numgenius_core.billing.volumes import VolumeHistory, VolumeStatement, volume_statement

__all__ = [
    "FOCUS_COLUMNS",
    "Charge",
    "ChargeKind",
    "DaysOfGrace",
    "Fact",
    "FocusRow",
    "FocusVersion",
    "GraceSchedule",
    "History",
    "Line",
    "LineKind",
    "MachineWent",
    "Moved",
    "PayoutSchedule",
    "Prepaid",
    "Price",
    "Rebid",
    "Reconciled",
    "Reconciliation",
    "Refunded",
    "Settled",
    "Statement",
    "Transferred",
    "VolumeHistory",
    "VolumeStatement",
    "deposit_left",
    "discount_received",
    "focus_commitments",
    "focus_rows",
    "reconcile",
    "runs_out",
    "statement",
    "volume_statement",
]


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)
