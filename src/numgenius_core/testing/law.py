"""What a law is: a sentence of a rule, and a check of any implementation against it.

A *rule* has a plain signature (whole numbers, exact numbers, values of this library), cases to try
it on, and laws. A law looks at an implementation and one case and says what is wrong, or nothing.
Laws use the implementation as a black box: they may call it again with changed arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from attrs import frozen
from hypothesis import strategies as st

from numgenius_core._numbers import PICO
from numgenius_core.errors import NumgeniusError, RuleViolation, WrongType, shown
from numgenius_core.money import TICKS_PER_DOLLAR, Money
from numgenius_core.rates import Rate

Implementation = Callable[..., Any]
"""What is tested: a function with the signature of the rule."""
Check = Callable[..., str | None]
"""Takes an implementation and the arguments of a case; returns what is wrong, ``None`` if
nothing."""

NANO: Final = Fraction(1, 10**9)
"""A nano-dollar: what amounts may be rounded to."""


class LawBroken(NumgeniusError, AssertionError):
    """An implementation breaks a law of its rule.

    Attributes:
        rule: Name of the rule.
        law: Name of the law.
        sentence: What the law says, as the rule was published or measured.
        case: The arguments on which it is broken, as small as could be found.
        fault: What is wrong with the answer.
    """

    def __init__(
        self, rule: str, law: str, sentence: str, case: tuple[object, ...], fault: str
    ) -> None:
        super().__init__(rule, law, sentence, case, fault)
        self.rule = rule
        self.law = law
        self.sentence = sentence
        self.case = case
        self.fault = fault

    def __str__(self) -> str:
        arguments = ", ".join(map(repr, self.case))
        return f'{self.rule}({arguments}): {self.fault}\n  law "{self.law}": {self.sentence}'


@frozen(kw_only=True)
class Law:
    """One consequence of a rule.

    Attributes:
        name: In a few words.
        sentence: What the rule says, quoted.
        check: Looks at an implementation and a case.
    """

    name: str
    sentence: str
    check: Check


@frozen(kw_only=True)
class Rule:
    """A rule of the market, as anyone may implement it.

    Attributes:
        name: Of the rule.
        signature: What an implementation takes and returns.
        cases: Draws the arguments of a call.
        laws: What holds of every right implementation.
        ours: This library's answer, in the same signature.
    """

    name: str
    signature: str
    cases: st.SearchStrategy[tuple[Any, ...]]
    laws: tuple[Law, ...]
    ours: Implementation

    def check(self, implementation: Implementation, *case: Any) -> None:
        """Check all laws on one case, such as a recorded one.

        Raises:
            LawBroken: The first law that does not hold, or the implementation raised.
        """
        for law in self.laws:
            try:
                fault = law.check(implementation, *case)
            except Exception as error:
                fault = f"raised {type(error).__name__}: {error}"
                raise LawBroken(self.name, law.name, law.sentence, case, fault) from error
            if fault is not None:
                raise LawBroken(self.name, law.name, law.sentence, case, fault)


def number(answer: object) -> Fraction:
    """Return an exact number that an implementation answered with.

    Raises:
        WrongType: It is a ``float`` or no number.
    """
    if isinstance(answer, (int, Fraction)) and not isinstance(answer, bool):
        return Fraction(answer)
    if isinstance(answer, Decimal) and answer.is_finite():
        return Fraction(answer)
    raise WrongType("answer", "a finite int, Fraction or Decimal", shown(answer))


def dollars(answer: object) -> Fraction:
    """Return an amount or a price that an implementation answered with, in dollars.

    Raises:
        WrongType: It is no Money, no rate and no exact number.
    """
    if isinstance(answer, Money):
        return Fraction(answer.ticks, TICKS_PER_DOLLAR)
    if isinstance(answer, Rate):
        return Fraction(answer.steps, PICO)
    return number(answer)


def near(what: str, found: Fraction, expected: Fraction, within: Fraction = NANO / 2) -> str | None:
    """Return what is wrong if two numbers differ by more than is allowed."""
    if within < 0:
        raise RuleViolation("within", "zero or more", str(within))
    if abs(found - expected) <= within:
        return None
    texts = _text(found), _text(expected)
    if texts[0] == texts[1]:
        texts = str(found), str(expected)
    return f"{what} is {texts[0]}, not {texts[1]}"


def _text(value: Fraction) -> str:
    return f"{float(value):.12g}" if value.denominator > 10**6 else str(value)
