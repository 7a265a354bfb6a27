"""Electricity, exact."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.money import Money
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.whatif import PerKwh, Power


class TestPower:
    """A kilowatt-hour is 3,600,000 watt-seconds."""

    def test_a_kilowatt_hour(self) -> None:
        assert PerKwh("0.30").charge(3_600_000) == Money("0.30")
        assert PerKwh("0.30").UNIT == "$/kWh"

    @given(st.integers(0, 10**12), st.integers(0, 10**9), st.integers(0, 10**9))
    def test_pieces_total_the_whole(self, steps: int, one: int, other: int) -> None:
        price = PerKwh.from_steps(steps)
        assert price.charge(one) + price.charge(other) == price.charge(one + other)

    def test_machines_and_gpus(self) -> None:
        power = Power(price=PerKwh("0.10"), gpu_watts=250, idle_watts=80)
        assert power.cost(3_600, 0) == Money("0.008")
        assert power.cost(0, 3_600) == Money("0.025")
        assert power.cost(7_200, 3_600) == Money("0.041")
        assert (power.per_machine, power.per_gpu) == (PerHour("0.008"), PerGpuHour("0.025"))

    def test_an_hour_is_rounded_half_even(self) -> None:
        power = Power(price=PerKwh("0.000000000001"), gpu_watts=1_500, idle_watts=2_500)
        assert (power.per_gpu.steps, power.per_machine.steps) == (2, 2)

    def test_refused(self) -> None:
        with pytest.raises(WrongType, match=r"power\.price"):
            Power(price=PerHour("0.1"), gpu_watts=1)  # type: ignore[arg-type]
        with pytest.raises(RuleViolation, match=r"power\.gpu_watts"):
            Power(price=PerKwh("0.1"), gpu_watts=-1)
        with pytest.raises(WrongType, match=r"power\.idle_watts"):
            Power(price=PerKwh("0.1"), gpu_watts=1, idle_watts=0.5)  # type: ignore[arg-type]
        with pytest.raises(WrongType, match="watt_seconds"):
            PerKwh("0.1").charge(0.5)  # type: ignore[arg-type]
