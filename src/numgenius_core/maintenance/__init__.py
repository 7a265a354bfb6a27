"""When a machine may be taken down: windows, notices, and plans that disturb least."""

from __future__ import annotations

from numgenius_core.maintenance._assignment import Proof
from numgenius_core.maintenance.backfill import BackfillPlan, PlanAction, PlanStep, backfill_plan
from numgenius_core.maintenance.fleet import (
    FleetPlan,
    MachineWindow,
    aligned_starts,
    plan_fleet,
)
from numgenius_core.maintenance.hours import Recurrence, allowed_intervals
from numgenius_core.maintenance.losses import Disturbance, Refunds, Weights, disturbances
from numgenius_core.maintenance.schedule import (
    Category,
    MachineSchedule,
    MaintenanceWindow,
    Notice,
    WindowStatus,
    cancel_windows,
    notices,
    requested_window,
    schedule_window,
    window_statuses,
)
from numgenius_core.maintenance.windows import WindowPlan, best_window, earliest_window

__all__ = [
    "BackfillPlan",
    "Category",
    "Disturbance",
    "FleetPlan",
    "MachineSchedule",
    "MachineWindow",
    "MaintenanceWindow",
    "Notice",
    "PlanAction",
    "PlanStep",
    "Proof",
    "Recurrence",
    "Refunds",
    "Weights",
    "WindowPlan",
    "WindowStatus",
    "aligned_starts",
    "allowed_intervals",
    "backfill_plan",
    "best_window",
    "cancel_windows",
    "disturbances",
    "earliest_window",
    "notices",
    "plan_fleet",
    "requested_window",
    "schedule_window",
    "window_statuses",
]


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)
