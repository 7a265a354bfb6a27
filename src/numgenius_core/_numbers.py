"""Exact numbers: read from text, ``int`` or ``Decimal``, rounded half to even, checked for bounds.

Text, ``int`` and ``Decimal`` are taken exactly or refused; a ``float`` is refused unless the caller
asks for its shortest decimal text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from decimal import (
    MAX_EMAX,
    MAX_PREC,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    localcontext,
)
from fractions import Fraction
from operator import index
from typing import Any, Final, Protocol

from numgenius_core.errors import RuleViolation, WrongType, shown

PICO: Final = 10**12
"""Price steps in a dollar."""
PRICE_PLACES: Final = 12
"""Most decimals of a price in dollars."""
LONGEST_SHARE: Final = 10**200
"""Above the numerator and the denominator of every share: no document has longer ones."""
_LENGTHS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
FROM_FLOAT: Final = " (or use from_float)"


# ASCII digits only, no exponent, bounded: Decimal() takes "1_000", Arabic digits and 1e1000000.
_NUMBER: Final = re.compile(r"([+-]?)([0-9]{1,20})(?:\.([0-9]{1,40}))?", re.ASCII)


def own_context(digits: int, exponents: int = 999_999) -> Context:
    """Return a context that is the same whatever the caller's is, and what new ones are made of."""
    return Context(
        prec=digits,
        rounding=ROUND_HALF_EVEN,
        Emin=-exponents,
        Emax=exponents,
        capitals=1,
        clamp=0,
        flags=[],
        traps=[InvalidOperation, DivisionByZero, Overflow],
    )


WIDE: Final = own_context(200)  # never rounds what _NUMBER or a bounded Decimal can hold
_EXACT: Final = own_context(MAX_PREC, MAX_EMAX)  # never rounds


def decimal_of(units: int, places: int) -> Decimal:
    """Return ``units / 10**places`` exactly, in whatever context, however long it is."""
    return Decimal(units).scaleb(-places, _EXACT)


def exact_sum(parts: Iterable[Decimal]) -> Decimal:
    """Return a total that is rounded in no context."""
    with localcontext(_EXACT):
        return sum(parts, Decimal(0))


def round_half_even(numerator: int, denominator: int) -> int:
    """Return ``numerator / denominator`` as the nearest integer, a tie going to the even one.

    The denominator is above zero. Ties to even have no drift: half of them go up, half down.
    """
    quotient, rest = divmod(numerator, denominator)  # floors, so a negative tie works the same
    twice = 2 * rest
    if twice > denominator or (twice == denominator and quotient & 1):
        quotient += 1
    return quotient


def as_int(value: Any) -> Any:
    """Return an integer of a class that is no ``int``, such as NumPy's, as one; else what came.

    It is what Python itself takes as an index: no number with decimals is one. A ``bool``, and what
    is derived from ``int``, stays as it is: it may say another number than it holds.
    """
    if isinstance(value, int):
        return value
    try:
        return index(value)
    except (TypeError, ValueError, ArithmeticError):
        return value


def whole_number(value: object, path: str, low: int = 0, high: int | None = None) -> int:
    """Return ``value`` as an ``int`` if it is an integer (no ``bool``) from ``low`` to ``high``.

    Raises:
        WrongType: It is not an integer.
        RuleViolation: It is out of range.
    """
    # What is right leaves by the first test; bool is an int to isinstance, so the type is compared.
    if type(value) is int and value >= low and (high is None or value <= high):
        return value
    if (number := as_int(value)) is not value:
        return whole_number(number, path, low, high)
    bounds = f"a whole number from {low}" + ("" if high is None else f" to {high:,}")
    error = RuleViolation if type(value) is int else WrongType
    raise error(path, bounds, shown(value))


def keep_whole(holder: object, name: str, path: str, low: int = 0, high: int | None = None) -> None:
    """Check a whole number that a value has just been given, and keep it as an ``int``.

    Raises:
        WrongType: It is not an integer.
        RuleViolation: It is out of range.
    """
    given = getattr(holder, name)
    number = whole_number(given, path, low, high)
    if number is not given:
        object.__setattr__(holder, name, number)


def plain_duration(value: timedelta, path: str = "duration") -> timedelta:
    """Return a duration, of a class derived from ``timedelta`` as a plain one.

    Raises:
        WrongType: It is no ``timedelta``.
        RuleViolation: It is finer than a ``timedelta`` can be, as pandas' ``Timedelta`` may be.
    """
    if type(value) is timedelta:
        return value
    if not isinstance(value, timedelta):
        raise WrongType(path, "a timedelta", shown(value))
    plain = timedelta(value.days, value.seconds, value.microseconds)
    if plain != value:
        raise RuleViolation(path, "whole seconds, zero or more", shown(value))
    return plain


def whole_seconds(duration: timedelta, path: str = "duration") -> int:
    """Return a duration as whole seconds, the unit of billing.

    Raises:
        WrongType: It is no ``timedelta``.
        RuleViolation: It is negative or has a fraction of a second.
    """
    duration = plain_duration(duration, path)
    if duration.microseconds or duration.days < 0:
        raise RuleViolation(path, "whole seconds, zero or more", str(duration))
    return duration.days * 86_400 + duration.seconds


def length_in_seconds(duration: timedelta, path: str = "length") -> int:
    """Return a duration above zero as whole seconds.

    Raises:
        WrongType: It is no ``timedelta``.
        RuleViolation: It is zero, negative or has a fraction of a second.
    """
    seconds = whole_seconds(duration, path)
    if not seconds:
        raise RuleViolation(path, "a duration above zero", "0")
    return seconds


def length_text(seconds: int) -> str:
    """Return a length of time as people type it: ``30d`` or ``1d 12h``."""
    parts = []
    for size, unit in _LENGTHS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0s"


def as_fraction_of_ten(value: object, path: str, need: str, hint: str = "") -> tuple[int, int]:
    """Return ``(n, p)`` with ``value == n / 10**p`` for what :data:`Amount` allows.

    ``hint`` says what to do instead, where a ``float`` was given.
    """
    if type(value) is int:
        return value, 0
    if isinstance(value, str):
        match = _NUMBER.fullmatch(value)
        if match is None:
            raise RuleViolation(path, need + _form(value), shown(value))
        sign, whole, digits = match.group(1), match.group(2), match.group(3) or ""
        number = int(whole + digits)
        return (-number if sign == "-" else number), len(digits)
    if isinstance(value, Decimal):
        value = Decimal(value)  # a class derived from it may say another number than it holds
        # Bounded by its exponent before it is scaled: Decimal("1e999999") is a short text and an
        # integer of a million digits.
        if not value.is_finite() or value.adjusted() > 20 or _places(value) > 60:
            raise RuleViolation(path, need, shown(value))
        places = max(_places(value), 0)
        return int(value.scaleb(places, WIDE)), places
    if isinstance(value, float):
        raise WrongType(path, f"{need} as text, int or Decimal{hint}", shown(value))
    if (number := as_int(value)) is not value:
        return as_fraction_of_ten(number, path, need, hint)
    got = repr(value) if isinstance(value, Fraction) else shown(value)  # 1/4 may be a text
    raise WrongType(path, f"{need} as text, int or Decimal", got)


def _form(text: str) -> str:
    """Return what is said of a text with a number in it that is not written as one: ``$1``."""
    written = re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", text, re.ASCII)
    is_one = written is None and any(digit in text for digit in "0123456789")
    return ", as a plain decimal number such as 0.5" if is_one else ""


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def scaled_integer(
    value: object, places: int, path: str, need: str, *, exact: bool, hint: str = ""
) -> int:
    """Return ``value · 10**places`` as an integer: refused or rounded where it is none."""
    number, have = as_fraction_of_ten(value, path, need, hint)
    # Whole powers of ten throughout: a Decimal context rounds what is longer than its precision.
    if have <= places:
        return number * int(10 ** (places - have))
    divisor = int(10 ** (have - places))
    if exact and number % divisor:
        raise RuleViolation(path, f"{need} with at most {places} decimals", shown(value))
    return round_half_even(number, divisor)


def float_steps(value: object, path: str, need: str) -> int:
    """Return a float's shortest decimal text in price steps, half to even."""
    if type(value) is float:
        scaled = value * 1e12
        if -1e14 < scaled < 1e14:
            # Far from a tie, float rounding and decimal rounding agree: below 10¹⁴ the product
            # and the shortest text are each off by less than 0.02. Saves nine tenths of the time.
            steps = round(scaled)
            if -0.45 < scaled - steps < 0.45:
                return steps
        if not abs(value) <= 1e15:  # also so for NaN
            raise RuleViolation(path, need, shown(value))
        # repr is the shortest text that gives the same float back: what its writer wrote.
        return scaled_integer(Decimal(repr(value)), PRICE_PLACES, path, need, exact=False)
    if isinstance(value, float):  # of a subclass, such as NumPy's
        return float_steps(float(value), path, need)
    if type(number := as_int(value)) is int:
        return scaled_integer(number, PRICE_PLACES, path, need, exact=True)
    raise WrongType(path, "a float", shown(value))


def decimal_text(value: Decimal, least: int = 0) -> str:
    """Return ``value`` in plain digits, without trailing zeros but with ``least`` decimals."""
    text = f"{value:f}"
    whole, _, digits = text.partition(".")
    digits = digits.rstrip("0").ljust(least, "0")
    sign_only = whole == "-0" and not digits.strip("0")
    return ("0" if sign_only else whole) + ("." + digits if digits else "")


def exact_number(value: object, path: str, need: str) -> Fraction:
    """Return a share or a number of months, say, as a ``Fraction`` that a document can hold.

    Raises:
        WrongType: It is a ``float`` or no number.
        RuleViolation: It is not finite, or has more than 200 digits above or below the line.
    """
    if isinstance(value, float):
        exact = "as text, int, Decimal or Fraction, such as '0.25'"
        raise WrongType(path, f"{need} {exact}", shown(value))
    if not isinstance(value, Fraction):
        number, places = as_fraction_of_ten(value, path, need)
        return Fraction(number, 10**places)
    if not abs(value.numerator) < LONGEST_SHARE > value.denominator:
        raise RuleViolation(path, f"{need}, at most 200 digits above and below", shown(value))
    return value if type(value) is Fraction else Fraction(value.numerator, value.denominator)


def fraction(
    value: str | int | Decimal | Fraction, path: str, *, below_one: bool = False
) -> Fraction:
    """Return a share such as a discount or a fee: ``0.4`` or ``Fraction(2, 5)`` is 40 %.

    Raises:
        WrongType: It is a ``float`` or no number.
        RuleViolation: It is below 0 or above 1 (or not below 1, where asked).
    """
    if type(value) is Fraction and 0 <= value.numerator < value.denominator < LONGEST_SHARE:
        return value  # most often so, and comparing whole fractions takes ten times as long
    need = "a fraction from 0 to below 1" if below_one else "a fraction from 0 to 1"
    share = exact_number(value, path, need)
    if share < 0 or share > 1 or (below_one and share == 1):
        raise RuleViolation(path, need, shown(value))
    return share


def said_whole(plan: object, method: str, value: object, high: int) -> int:
    """Return a whole number that a schedule of somebody's said, and refuse what is none.

    Args:
        plan: The schedule, for the error: its class is what has to be mended.
        method: Which of its methods said it.
        value: What it said.
        high: From 0 to this it may be.
    """
    if type(value) is int and 0 <= value <= high:
        return value
    return whole_number(value, f"{type(plan).__name__}.{method}", 0, high)


def said_exact(plan: object, method: str, value: object, need: str) -> Fraction:
    """Return an exact number that a schedule of somebody's said, and refuse what is none.

    Of ours there are longer fractions than any that a document holds: a ``Fraction`` is taken as
    it is, and its bounds are the caller's to check.
    """
    if type(value) is Fraction:
        return value
    return exact_number(value, f"{type(plan).__name__}.{method}", need)


class _InDollars(Protocol):
    """An amount or a rate."""

    def to_decimal(self, places: int = ...) -> Decimal: ...


# What every Python's decimals can do: what these refuse is looked up in a module in pure Python,
# which a Python in a browser lacks. ``z`` changes nothing, as no amount is a negative zero.
_AS_NUMBER: Final = re.compile(
    r"(.?[<>=^][-+ ]?(?=z?[^0])|[-+ ]?)z?([0-9]{0,3},?)\.([0-9]{1,2})f?", re.ASCII | re.DOTALL
)
_AS_TEXT: Final = re.compile(r"(.?[<>^])?[0-9]{0,3}s?", re.ASCII | re.DOTALL)


def formatted(value: _InDollars, spec: str) -> str:
    """Return an amount or a rate in the form of a format specification."""
    match = _AS_NUMBER.fullmatch(spec)
    try:
        if match is not None:
            places = int(match[3])
            return format(value.to_decimal(places), f"{match[1]}{match[2]}.{places}f")
        if _AS_TEXT.fullmatch(spec):
            return format(str(value), spec)
    except RuleViolation as fault:
        if fault.path != "places":
            raise
    except ValueError:  # a fill that is half a character
        pass
    need = "a spec such as '.2f' or '>12,.4f'"
    raise RuleViolation(f"{type(value).__name__} format", need, shown(spec))


def exact_factor(factor: Fraction | int, path: str) -> Fraction:
    """Return an exact factor; ``Fraction(0.1)`` would take a ``float`` for what it is not."""
    if isinstance(factor, Fraction):
        return Fraction(factor.numerator, factor.denominator)
    if type(number := as_int(factor)) is not int:
        raise WrongType(path, "a Fraction or a whole number", shown(factor))
    return Fraction(number)
