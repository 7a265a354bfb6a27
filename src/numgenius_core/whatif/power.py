"""What running a machine costs its host: electricity, exact.

Rule (physics, and the host's own bill): a watt for an hour is a thousandth of a kilowatt-hour. A
machine draws some watts as long as it is on, and some more for each GPU that computes.

Why it stays exact: a price step is 324·10⁹ ticks, which the 3,600,000 watt-seconds of a
kilowatt-hour divide.
"""

from __future__ import annotations

from typing import ClassVar, Final, final

from attrs import frozen

from numgenius_core._checks import check_kind
from numgenius_core._numbers import PICO, keep_whole, round_half_even, whole_number
from numgenius_core.money import TICKS_PER_DOLLAR, Money
from numgenius_core.rates import PerGpuHour, PerHour, Rate

_WATT_SECONDS: Final = 3_600_000
_TICKS_PER_WATT_SECOND: Final = TICKS_PER_DOLLAR // PICO // _WATT_SECONDS
_MAX_WATTS: Final = 1_000_000
_WATTS_PER_KW: Final = 1_000


@final
class PerKwh(Rate):
    """A price of electricity, dollars per kilowatt-hour: exact, to a pico-dollar.

    Raises:
        WrongType: The price is a ``float``, a ``bool`` or no number.
        RuleViolation: It is negative, has more than 12 decimals or is above 1,000,000.

    >>> from numgenius_core.whatif import PerKwh
    >>> print(PerKwh("0.15").charge(350 * 3_600))  # 350 watts for an hour
    0.0525
    """

    __slots__ = ()
    UNIT: ClassVar[str] = "$/kWh"

    def charge(self, watt_seconds: int) -> Money:
        """Return the exact price of a whole number of watt-seconds."""
        ticks = self.steps * whole_number(watt_seconds, "watt_seconds") * _TICKS_PER_WATT_SECOND
        return Money.from_ticks(ticks)


@frozen(kw_only=True)
class Power:
    """What the machines of a host draw, and what that costs.

    Attributes:
        price: Price of electricity, dollars per kilowatt-hour.
        gpu_watts: Watts that one GPU draws more while it runs an instance.
        idle_watts: Watts that one machine draws all the time.

    Raises:
        RuleViolation: Watts below zero, or above a million.

    >>> from numgenius_core.whatif import PerKwh, Power
    >>> power = Power(price=PerKwh("0.15"), gpu_watts=350, idle_watts=200)
    >>> print(power.per_machine, power.per_gpu)
    0.03 0.0525
    """

    price: PerKwh
    gpu_watts: int
    idle_watts: int = 0

    def __attrs_post_init__(self) -> None:
        check_kind(self.price, PerKwh, "power.price")
        keep_whole(self, "gpu_watts", "power.gpu_watts", 0, _MAX_WATTS)
        keep_whole(self, "idle_watts", "power.idle_watts", 0, _MAX_WATTS)

    def cost(self, machine_seconds: int, gpu_seconds: int) -> Money:
        """Return what machines that are on and GPUs that run cost, for so many seconds of each."""
        on = self.idle_watts * whole_number(machine_seconds, "machine_seconds")
        return self.price.charge(on + self.gpu_watts * whole_number(gpu_seconds, "gpu_seconds"))

    @property
    def per_machine(self) -> PerHour:
        """What a machine costs an hour, whether or not anybody rents it; half-even."""
        return PerHour.from_steps(self._steps(self.idle_watts))

    @property
    def per_gpu(self) -> PerGpuHour:
        """What one more running GPU costs an hour, half-even at 12 decimals."""
        return PerGpuHour.from_steps(self._steps(self.gpu_watts))

    def _steps(self, watts: int) -> int:
        return round_half_even(self.price.steps * watts, _WATTS_PER_KW)
