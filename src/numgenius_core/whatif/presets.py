"""Clients as they come to three kinds of machines, for a host who has no record of its own.

Nobody guesses a log-normal spread. A preset says in plain figures who comes, scaled to a machine
and to what its GPUs usually cost elsewhere; :func:`~numgenius_core.whatif.fit` replaces it by what
the machine itself has seen.

Our assumption, measured nowhere: no market publishes who asked and went away. What the presets take
from published traces of clusters is their form only: most jobs want one GPU, stays differ by
factors and not by hours, and a few long ones hold most of the GPU time. Compare what they say of
*several* listings; of one alone, the dollars are no forecast.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from math import exp
from types import MappingProxyType
from typing import Final

from attrs import field, frozen

from numgenius_core._checks import MAX_GPUS, check_kind, read_only
from numgenius_core._numbers import whole_number
from numgenius_core.errors import RuleViolation, WrongType, brief, shown
from numgenius_core.listing import Mode
from numgenius_core.rates import PerGpuHour
from numgenius_core.whatif.demand import Demand
from numgenius_core.whatif.distributions import LogNormal

LIMIT_SPREAD: Final = "0.3"
"""Of the most that clients pay: half pay the usual price, one in six 35 % more."""
BID_SHARE: Final = Fraction(3, 5)
"""The median bid as a share of the usual price."""
BID_SPREAD: Final = "0.4"


@frozen(kw_only=True)
class Preset:
    """Who comes to a machine, in figures.

    Attributes:
        about: In words.
        load: GPU time wanted at any price, as a share of the machine's: 2 is twice what it has.
        hours: Median stay.
        spread: Of stays: two thirds lie within a factor of e^spread of the median.
        sizes: Weight of each number of GPUs wanted; sizes above the machine's are left out.
        modes: Weight of each mode.
    """

    about: str
    load: Fraction
    hours: str
    spread: str
    sizes: Mapping[int, int] = field(converter=read_only, repr=brief)
    modes: Mapping[Mode, int] = field(converter=read_only, repr=brief)


PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        "experiments": Preset(
            about="short work on few GPUs, half of it by bidding",
            load=Fraction(3, 2),
            hours="3",
            spread="1.2",
            sizes={1: 70, 2: 15, 4: 10, 8: 5},
            modes={Mode.ON_DEMAND: 50, Mode.INTERRUPTIBLE: 50},
        ),
        "training": Preset(
            about="a day or so, often on the whole machine",
            load=Fraction(2),
            hours="24",
            spread="1.0",
            sizes={1: 30, 2: 20, 4: 20, 8: 30},
            modes={Mode.ON_DEMAND: 70, Mode.RESERVED: 15, Mode.INTERRUPTIBLE: 15},
        ),
        "serving": Preset(
            about="weeks on end, much of it reserved",
            load=Fraction(3, 2),
            hours="240",
            spread="0.8",
            sizes={1: 60, 2: 25, 4: 10, 8: 5},
            modes={Mode.ON_DEMAND: 60, Mode.RESERVED: 40},
        ),
    }
)
"""The presets by name: ``experiments``, ``training`` and ``serving``."""


def preset_demand(name: str, *, gpus: int, price: PerGpuHour) -> Demand:
    """Return the demand of a preset for a machine.

    Args:
        name: One of :data:`~numgenius_core.whatif.PRESETS`.
        gpus: GPUs of the machine.
        price: What such a GPU usually costs on demand; half of the clients pay as much.

    Raises:
        RuleViolation: No such preset, or a price of zero.

    >>> from numgenius_core import PerGpuHour
    >>> from numgenius_core.whatif import preset_demand
    >>> demand = preset_demand("training", gpus=8, price=PerGpuHour("2.00"))
    >>> f"{demand.per_day:.2f} requests a day, stays of {demand.stays.mean:.0f} h on average"
    '2.49 requests a day, stays of 40 h on average'
    """
    if not isinstance(name, str):
        raise WrongType("name", "the name of a preset", shown(name))
    preset = PRESETS.get(name)
    if preset is None:
        raise RuleViolation("name", f"one of {', '.join(PRESETS)}", shown(name))
    gpus = whole_number(gpus, "gpus", 1, MAX_GPUS)
    check_kind(price, PerGpuHour, "price")
    if not price:
        raise RuleViolation("price", "a price above zero", "0")
    sizes = {size: weight for size, weight in preset.sizes.items() if size <= gpus}
    size = sum(s * w for s, w in sizes.items()) / sum(sizes.values())
    mean = float(preset.hours) * exp(float(preset.spread) ** 2 / 2)
    per_day = Decimal(f"{float(preset.load) * gpus * 24 / (size * mean):.6f}")
    return Demand(
        per_day=per_day,
        sizes=sizes,
        stays=LogNormal(preset.hours, preset.spread),
        modes=preset.modes,
        limits=LogNormal(price.to_decimal(), LIMIT_SPREAD),
        bids=LogNormal(price.scaled(BID_SHARE).to_decimal(), BID_SPREAD),
        whole=False,
    )
