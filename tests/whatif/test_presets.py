"""Presets of demand: the figures that they document are the clients that come."""

from __future__ import annotations

from datetime import timedelta
from math import exp
from typing import Any

import pytest

from effort import up_to
from numgenius_core.errors import RuleViolation, WrongType
from numgenius_core.intervals import Interval
from numgenius_core.listing import Mode
from numgenius_core.rates import PerGpuHour
from numgenius_core.testing import EPOCH
from numgenius_core.whatif import PRESETS, preset_demand
from numgenius_core.whatif.presets import LIMIT_SPREAD

USUAL = PerGpuHour("0.40")
ANY: Any = 3


@pytest.mark.parametrize("name", PRESETS)
class TestThePresetsAreWhatTheySay:
    """Load, stays, sizes, modes and limits, each as documented."""

    @pytest.mark.parametrize("gpus", [8, 2, 1])
    def test_clients(self, name: str, gpus: int) -> None:
        preset, days = PRESETS[name], up_to(2_000, 1_000)
        demand = preset_demand(name, gpus=gpus, price=USUAL)
        found = demand.draw(Interval(EPOCH, EPOCH + timedelta(days=days)), seed=1).requests
        wanted = sum(one.gpus * one.seconds for one in found)
        assert wanted / (gpus * 86_400 * days) == pytest.approx(float(preset.load), rel=0.2)
        stays = sorted(one.seconds for one in found)
        assert stays[len(stays) // 2] == pytest.approx(float(preset.hours) * 3_600, rel=0.2)
        assert max(one.gpus for one in found) <= gpus
        for mode in Mode:
            share = sum(one.mode is mode for one in found) / len(found)
            assert share == pytest.approx(preset.modes.get(mode, 0) / 100, abs=0.1)
        limits = [one.limit for one in found if one.limit is not None]
        half = sum(limit.steps >= USUAL.steps for limit in limits) / len(limits)
        assert half == pytest.approx(0.5, abs=0.1)
        more = USUAL.steps * exp(float(LIMIT_SPREAD))
        dear = sum(limit.steps >= more for limit in limits) / len(limits)
        assert dear == pytest.approx(1 / 6, abs=0.06)

    def test_the_help_says_the_same(self, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        from numgenius_core._command import main

        with pytest.raises(SystemExit):
            main(["charge", "--help"])
        (line,) = [
            one for one in capsys.readouterr().out.splitlines() if one.startswith(f"  {name} ")
        ]
        preset = PRESETS[name]
        assert f"load {float(preset.load):g}," in line
        assert f"median stay {preset.hours} h," in line
        words = {Mode.ON_DEMAND: "on demand", Mode.RESERVED: "reserved", Mode.INTERRUPTIBLE: "bids"}
        for mode, weight in preset.modes.items():
            assert f"{weight} % {words[mode]}" in line
        assert f"1 GPU in {preset.sizes[1]} %" in line
        assert sum(preset.sizes.values()) == sum(preset.modes.values()) == 100


def test_what_is_no_preset() -> None:
    with pytest.raises(RuleViolation, match="one of experiments, training, serving"):
        preset_demand("gamers", gpus=1, price=USUAL)
    with pytest.raises(WrongType, match="the name of a preset"):
        preset_demand(ANY, gpus=1, price=USUAL)
    with pytest.raises(RuleViolation, match="a price above zero"):
        preset_demand("serving", gpus=1, price=PerGpuHour(0))
