"""What commands and events share: every field is checked at the door, by its type.

A command comes from outside and an event may come from a file, so neither can be trusted to have
the right types. The check is written once, here, and read off each field's annotation.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any, Final

from attrs import fields, frozen

from numgenius_core._checks import check_id, check_kind, check_text
from numgenius_core._numbers import fraction
from numgenius_core.contracts.contract import Contract
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.intervals import utc
from numgenius_core.listing import Listing, Machine, Mode, PriceTerms, Verification
from numgenius_core.maintenance.schedule import Category, MaintenanceWindow, Notice
from numgenius_core.money import Money
from numgenius_core.offer import Block
from numgenius_core.rates import PerGpuHour, PerHour

Check = Callable[[Any, str], object]
"""Refuses a bad value, or returns the good one in the form it is kept in."""


def kind(wanted: type) -> Check:
    """Return the check that a value is of a class."""
    return lambda value, path: check_kind(value, wanted, path)


def printable(value: object, path: str) -> None:
    """Refuse what is no printable text of at most 1,000 characters; it may be empty."""
    if value != "":
        check_text(value, path, 1_000)


def truth(value: object, path: str) -> None:
    """Refuse what is neither ``True`` nor ``False``."""
    if type(value) is not bool:
        raise WrongType(path, "True or False", shown(value))


def ids(value: object, path: str) -> tuple[Any, ...]:
    """Return ids as a tuple."""
    if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
        raise WrongType(path, "a series of ids", shown(value))
    known = tuple(value)
    for index, each in enumerate(known):
        check_id(each, f"{path}[{index}]")
    return known


def positive(value: Money, path: str) -> None:
    """Refuse what is no amount above zero."""
    check_kind(value, Money, path)
    if value.ticks <= 0:
        raise RuleViolation(path, "an amount above zero", str(value))


CHECKS: Final[dict[str, Check]] = {
    "datetime": utc,
    "MachineId": check_id,
    "ContractId": check_id,
    "OfferId": check_id,
    "AccountId": check_text,
    "int": check_id,  # no number is larger than an id, nor than what a document holds
    "bool": truth,
    "str": printable,
    "Fraction": fraction,
    "tuple[ContractId, ...]": ids,
    "tuple[MachineId, ...]": ids,
    **{
        each.__name__: kind(each)
        for each in (
            *(Block, Category, Contract, Listing, Machine, MaintenanceWindow, Mode, Money, Notice),
            *(PerGpuHour, PerHour, PriceTerms, Verification, timedelta),
        )
    },
}
"""The check of each annotation; a name with ``| None`` takes nothing as well."""


@cache  # attrs classes are hashable, which mypy does not see
def _checks_of(cls: type) -> tuple[tuple[str, str, Check, bool], ...]:
    found = []
    for each in fields(cls):
        annotation = str(each.type)
        name = annotation.removesuffix(" | None")
        check = each.metadata.get("check", CHECKS.get(name))
        if check is not None:
            found.append((each.name, f"{cls.__name__}.{each.name}", check, name != annotation))
    return tuple(found)


@frozen(kw_only=True)
class Message:
    """A value whose fields are checked by their types when it is made."""

    def __attrs_post_init__(self) -> None:
        for name, path, check, optional in _checks_of(type(self)):  # type: ignore[arg-type]
            value = getattr(self, name)
            if value is None and optional:
                continue
            kept = check(value, path)
            if kept is not None and kept is not value:
                object.__setattr__(self, name, kept)
