"""What commands and events share: every field is checked by its type when a message is made.

A command comes from outside and an event may come from a file, so neither can be trusted to have
the right types. The checks are written once, here, and looked up once for each class, when the
class is made: a field of a type that has no check is refused then.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum
from fractions import Fraction
from functools import cache
from types import NoneType, SimpleNamespace, UnionType
from typing import Any, ClassVar, Final, Union, get_args, get_origin, get_type_hints

from attrs import fields, frozen, has

from numgenius_core._checks import (
    MOST_DOLLARS,
    check_id,
    check_kind,
    check_text,
    is_series,
)
from numgenius_core._numbers import fraction, plain_duration
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.ids import AccountId, ContractId, MachineId, OfferId, VolumeId
from numgenius_core.intervals import utc
from numgenius_core.money import MAX_MONEY, TICKS_PER_DOLLAR, Money
from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour, PerHour

Check = Callable[[Any, str], object]
"""Refuses a bad value, or returns the good one in the form it is kept in (``None``: as it is)."""


def kind(wanted: type) -> Check:
    """Return the check that a value is of a class."""

    def check(value: object, path: str) -> None:
        if type(value) is not wanted:
            check_kind(value, wanted, path)

    return check


def printable(value: object, path: str) -> None:
    """Refuse what is no printable text of at most 1,000 characters; it may be empty."""
    check_text(value, path, 1_000, empty=True)


def truth(value: object, path: str) -> None:
    """Refuse what is neither ``True`` nor ``False``."""
    if type(value) is not bool:
        raise WrongType(path, "True or False", shown(value))


def series(check: Check, name: str) -> Check:
    """Return the check of any number of values, which it returns as a tuple."""

    def check_all(values: Any, path: str) -> tuple[Any, ...]:
        if not is_series(values):
            raise WrongType(path, f"a series of {name}", shown(values))
        known = []
        for index, each in enumerate(tuple(values)):
            kept = check(each, f"{path}[{index}]")
            known.append(each if kept is None else kept)
        return tuple(known)

    return check_all


def positive(value: Money, path: str) -> None:
    """Refuse what is no amount above zero, or more than is taken at a time."""
    check_kind(value, Money, path)
    if value.ticks <= 0:
        raise RuleViolation(path, "an amount above zero", str(value))
    if value.ticks > MAX_MONEY * TICKS_PER_DOLLAR:
        raise RuleViolation(path, f"dollars up to {MAX_MONEY:,}", str(value))


MOST_DOLLARS[positive] = MAX_MONEY

CHECKS: Final[dict[Any, Check]] = {
    datetime: utc,
    timedelta: plain_duration,
    MachineId: check_id,
    ContractId: check_id,
    OfferId: check_id,
    VolumeId: check_id,
    AccountId: check_text,
    int: check_id,  # no number is larger than an id, nor than what a document holds
    bool: truth,
    str: printable,
    Fraction: fraction,
    Money: kind(Money),
    PerGpuHour: kind(PerGpuHour),
    PerHour: kind(PerHour),
    PerGbMonth: kind(PerGbMonth),
    PerGb: kind(PerGb),
    tuple[ContractId, ...]: series(check_id, "ids"),
    tuple[VolumeId, ...]: series(check_id, "ids"),
}
"""The check of each type that a field may have, besides choices and values of our own."""


def check_of(hint: Any) -> Check | None:
    """Return the check of a type, if there is one."""
    if hint in CHECKS:
        return CHECKS[hint]
    if isinstance(hint, type) and (issubclass(hint, Enum) or has(hint)):
        return kind(hint)  # an attrs class of ours has checked its fields itself
    arguments = get_args(hint)
    if get_origin(hint) is tuple and arguments[1:] == (Ellipsis,):
        check = check_of(arguments[0])
        return check and series(check, arguments[0].__name__)
    return None


@cache  # a few annotations are those of 200 fields, and resolving one takes a while
def _meaning(annotation: Any, module: str) -> tuple[Check | None, bool]:
    """Return the check of an annotation, and whether it allows ``None`` as well."""
    holder = SimpleNamespace(__annotations__={"field": annotation})
    try:
        hint = get_type_hints(holder, vars(sys.modules[module]))["field"]
    except NameError:  # a class of a function, say: nobody else can know it
        return None, False
    if get_origin(hint) in (Union, UnionType):
        some = tuple(each for each in get_args(hint) if each is not NoneType)
        if len(some) == 1:
            return check_of(some[0]), True
    return check_of(hint), False


@frozen(kw_only=True)
class Message:
    """A value whose fields are checked by their types when it is made."""

    _checks: ClassVar[tuple[tuple[str, str, Check, bool], ...]] = ()

    @classmethod
    def __attrs_init_subclass__(cls) -> None:
        """Look up the check of each field, from its ``metadata`` or else by its type.

        Raises:
            WrongType: A field has a type without a check.
        """
        found = []
        # A class derived from a message has its fields with their checks: the words of their types
        # may be known in the module of the message alone.
        before: Any = cls.__mro__[1]
        known = {
            name: (check, optional) for name, _, check, optional in getattr(before, "_checks", ())
        }
        for each in fields(cls):
            path = f"{cls.__name__}.{each.name}"
            inherited = known.get(each.name) if each.inherited else None
            by_type, optional = inherited or _meaning(each.type, cls.__module__)
            check = each.metadata.get("check", by_type)
            if check is None:
                raise WrongType(path, "a type that messages can check", shown(each.type))
            found.append((each.name, path, check, optional))
        cls._checks = tuple(found)

    def __attrs_post_init__(self) -> None:
        for name, path, check, optional in self._checks:
            value = getattr(self, name)
            if value is None and optional:
                continue
            kept = check(value, path)
            if kept is not None and kept is not value:
                object.__setattr__(self, name, kept)


@frozen(kw_only=True)
class Order(Message):
    """A message that says what is to be done: what a list of several commands is a list of."""
