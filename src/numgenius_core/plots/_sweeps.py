"""What a picture reads of a sweep, which has all the numbers that it would else be given."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from numgenius_core.errors import RuleViolation, WrongType, shown

if TYPE_CHECKING:
    from numgenius_core.whatif.estimate import Estimate
    from numgenius_core.whatif.sweeps import Measure, Sweep


def is_sweep(value: object) -> TypeGuard[Sweep]:
    """Return whether a value is a sweep; simulations load only where one is drawn."""
    if type(value).__module__ != "numgenius_core.whatif.sweeps":
        return False
    from numgenius_core.whatif.sweeps import Sweep

    return type(value) is Sweep


def alone(name: str, **others: object) -> None:
    """Refuse numbers beside a result that has them.

    Raises:
        WrongType: One of the others is given.
    """
    for other, value in others.items():
        if value is not None:
            raise WrongType(other, f"nothing beside a result as {name}", shown(value))


def varied(sweep: Sweep, path: str, count: int) -> tuple[str, ...]:
    """Return the names of what a sweep has varied.

    Raises:
        RuleViolation: Another number of things.
    """
    names = tuple(name for name, _ in sweep.options[0].values)
    if len(names) != count:
        need = f"a sweep over {count} thing{'' if count == 1 else 's'}"
        raise RuleViolation(path, need, ", ".join(names) or "one over nothing")
    return names


def figure_of(sweep: Sweep, measure: Measure) -> str:
    """Return what a figure of a sweep is called on an axis."""
    from numgenius_core.whatif.wording import axis_of

    return axis_of(sweep.options, measure)


def setting(name: str) -> str:
    """Return what a thing varied is called on an axis."""
    from numgenius_core.whatif.wording import setting_of

    return setting_of(name)


def level_of(estimate: Estimate) -> str:
    """Return what the intervals of estimates are called."""
    from numgenius_core.whatif.wording import percent

    return f"{percent(estimate.confidence)} interval"
