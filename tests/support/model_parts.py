"""What the models of the market's rules share: units, and how a rule refuses."""

from __future__ import annotations

HOUR_TICKS = 90_000_000  # a step an hour, each second: 324·10⁹ / 3,600
MB_TICKS = 125  # a step a GB-month, each MB and second: 324·10⁹ / 1,000 / 2,592,000
BYTE_TICKS = 324  # a step a GB, each byte
STEP_TICKS = 324_000_000_000
DOLLAR = 10**12 * STEP_TICKS
NANO = DOLLAR // 10**9
MONTH = 2_592_000
DAY = 86_400
NEVER = 10**15


class Refused(Exception):
    """The rules do not allow it."""


def need(allowed: object) -> None:
    """Refuse what is not allowed."""
    if not allowed:
        raise Refused
