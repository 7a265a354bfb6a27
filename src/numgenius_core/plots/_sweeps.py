"""What a picture reads of a sweep, which has all the numbers that it would else be given."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Rational
from typing import TYPE_CHECKING, Any, TypeGuard

from numgenius_core._numbers import fraction
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.rates import Rate

if TYPE_CHECKING:
    from numgenius_core.whatif.estimate import Estimate
    from numgenius_core.whatif.scenario import Option
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


def settings_of(sweep: Sweep, name: str) -> list[tuple[Any, Option]]:
    """Return the options of a sweep over one thing, with what each is drawn at.

    Numbers are in ascending order, a share given as a text among them; what is no number is the
    text of its label, in the order of the sweep.
    """
    values = _numbers([one.value(name) for one in sweep.options], name)
    if values is not None:
        pairs = zip(values, sweep.options, strict=True)
        return sorted(pairs, key=lambda pair: float(pair[0]))
    return [(one.label.removeprefix(f"{name} "), one) for one in sweep.options]


def written_settings(
    sweep: Sweep, down: str, across: str, rows: Sequence[object], columns: Sequence[object]
) -> tuple[list[object], list[object]]:
    """Return the settings of a sweep over two things as a map has them: numbers, else texts."""
    texts = [one.label.removeprefix(f"{down} ").partition(f", {across} ") for one in sweep.options]
    found = []
    for name, values, place in ((down, rows, 0), (across, columns, 2)):
        known = {
            one.value(name): text[place] for one, text in zip(sweep.options, texts, strict=True)
        }
        found.append(_numbers(values, name) or [known[value] for value in values])
    return found[0], found[1]


def _numbers(values: Sequence[Any], name: str) -> list[Any] | None:
    """Return the values of a thing varied where they are numbers; a share may be a text."""
    known = [fraction(value, name) for value in values] if name == "max_discount" else [*values]
    return known if all(isinstance(value, Rational | Rate) for value in known) else None


def figure_of(sweep: Sweep, measure: Measure) -> str:
    """Return what a figure of a sweep is called on an axis, with its unit."""
    from numgenius_core.whatif.wording import axis_of

    return axis_of(sweep.options, measure)


def scale_of(measure: Measure) -> int:
    """Return by how much a figure is multiplied to have the unit of its axis."""
    from numgenius_core.whatif import wording

    return wording.scale_of(measure)


def wants_least(measure: Measure) -> bool:
    """Return whether the least of a figure is the best."""
    from numgenius_core.whatif.wording import LEAST_IS_BEST

    return measure in LEAST_IS_BEST


def setting(name: str) -> str:
    """Return what a thing varied is called on an axis."""
    from numgenius_core.whatif.wording import setting_of

    return setting_of(name)


def level_of(estimate: Estimate) -> str:
    """Return what the intervals of estimates are called."""
    from numgenius_core.whatif.wording import percent

    return f"{percent(estimate.confidence)} interval"
