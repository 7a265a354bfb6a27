"""Hypothesis profiles: machines differ in speed, so no example has a deadline."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_SLOW_IS_NO_FAULT = [HealthCheck.too_slow]

settings.register_profile("each-run", deadline=None, suppress_health_check=_SLOW_IS_NO_FAULT)
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=_SLOW_IS_NO_FAULT,
)
settings.register_profile(
    "long", deadline=None, max_examples=5_000, suppress_health_check=_SLOW_IS_NO_FAULT
)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "each-run")
)
