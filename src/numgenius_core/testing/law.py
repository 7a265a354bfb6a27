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

from attrs import field, frozen
from hypothesis import strategies as st

from numgenius_core._numbers import PICO
from numgenius_core.errors import NumgeniusError, RuleViolation, WrongType, brief, shown
from numgenius_core.money import TICKS_PER_DOLLAR, Money
from numgenius_core.rates import Rate

Implementation = Callable[..., Any]
"""A function that is tested: it has the signature of its rule."""
Check = Callable[..., str | None]
"""A function that takes an implementation and the arguments of a case, and returns what is wrong,
``None`` if nothing is."""

NANO: Final = Fraction(1, 10**9)
"""A nano-dollar: what amounts may be rounded to."""


class LawBroken(NumgeniusError, AssertionError):
    """An implementation breaks a law of its rule.

    Attributes:
        rule: Name of the rule.
        law: Name of the law that is broken.
        sentence: The sentence of that law, as the rule was published or measured.
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
        name: Name of the law, in a few words.
        sentence: The sentence of the rule that it follows from, quoted.
        check: Takes an implementation and the arguments of a case, and returns what is wrong,
            ``None`` if nothing is.

    >>> from numgenius_core.testing import Law
    >>> law = Law(
    ...     name="free", sentence="no time costs nothing",
    ...     check=lambda charge, price: "it costs something" if charge(price, 0) else None,
    ... )
    >>> law.check(lambda price, seconds: price * (seconds + 1), 3)
    'it costs something'
    """

    name: str
    sentence: str
    check: Check


@frozen(kw_only=True)
class Rule:
    """A rule of the market, as anyone may implement it; or a rule of your own.

    Attributes:
        name: Name of the rule.
        signature: What an implementation takes and returns, as text.
        cases: A strategy for the arguments of a call, as a tuple.
        laws: What holds of every right implementation.
        ours: This library's implementation, in the same signature.

    >>> from hypothesis import strategies as st
    >>> from numgenius_core.testing import Law, Rule, verify
    >>> law = Law(
    ...     name="free", sentence="no time costs nothing",
    ...     check=lambda charge, price: "it costs something" if charge(price, 0) else None,
    ... )
    >>> rule = Rule(
    ...     name="charge by the second", signature="(price: int, seconds: int) -> int",
    ...     cases=st.tuples(st.integers(0, 100)), laws=(law,),
    ...     ours=lambda price, seconds: price * seconds,
    ... )
    >>> verify(rule, rule.ours)
    """

    name: str
    signature: str
    cases: st.SearchStrategy[tuple[Any, ...]]
    laws: tuple[Law, ...] = field(repr=brief)
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
    """Return an exact number that an implementation answered with, as a fraction.

    Raises:
        WrongType: The answer is a ``float`` or no number.

    >>> from decimal import Decimal
    >>> from numgenius_core.testing import number
    >>> number(Decimal("0.5"))
    Fraction(1, 2)
    """
    if isinstance(answer, (int, Fraction)) and not isinstance(answer, bool):
        return Fraction(answer)
    if isinstance(answer, Decimal) and answer.is_finite():
        return Fraction(answer)
    raise WrongType("answer", "a finite int, Fraction or Decimal", shown(answer))


def dollars(answer: object) -> Fraction:
    """Return an amount or a price that an implementation answered with, in dollars.

    Raises:
        WrongType: The answer is no ``Money``, no rate and no exact number.

    >>> from numgenius_core import Money
    >>> from numgenius_core.testing import dollars
    >>> dollars(Money("0.25")), dollars(3)
    (Fraction(1, 4), Fraction(3, 1))
    """
    if isinstance(answer, Money):
        return Fraction(answer.ticks, TICKS_PER_DOLLAR)
    if isinstance(answer, Rate):
        return Fraction(answer.steps, PICO)
    return number(answer)


def near(what: str, found: Fraction, expected: Fraction, within: Fraction = NANO / 2) -> str | None:
    """Return what is wrong if two numbers differ by more than is allowed, else ``None``.

    Args:
        what: What the numbers are, for the text.
        found: What an implementation answered.
        expected: What it should be.
        within: How much they may differ, by default half a nano-dollar: an amount may be rounded.

    Raises:
        WrongType: A number that is a ``float`` or none; :func:`number` reads an answer.
        RuleViolation: A negative difference is allowed.

    >>> from fractions import Fraction
    >>> from numgenius_core.testing import near
    >>> near("the total", Fraction(2), Fraction(3))
    'the total is 2, not 3'
    """
    found, expected, within = map(number, (found, expected, within))
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
