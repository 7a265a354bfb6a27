"""The rules that have laws, and the search for a case that breaks one.

Hypothesis draws the cases: the same ones on each machine are not promised, so a fault that is found
should be kept as a test of its own (:meth:`numgenius_core.testing.Rule.check` takes a case).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import hypothesis

from numgenius_core._checks import check_kind
from numgenius_core._numbers import whole_number
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.testing.law import Implementation, LawBroken, Rule
from numgenius_core.testing.laws.bids import BEST_RUNNERS, QUOTED_MIN_BID, RESOLVE, WINNING_BID
from numgenius_core.testing.laws.billing import METERING
from numgenius_core.testing.laws.contracts import EXTENSION, LIFE, STORAGE
from numgenius_core.testing.laws.frames import QUOTE_COLUMNS
from numgenius_core.testing.laws.gpus import ALLOCATION, DEFRAGMENTATION, RENTABLE, SLICING
from numgenius_core.testing.laws.maintenance import (
    FLEET,
    HOURS,
    MAINTENANCE_REQUEST,
    MAINTENANCE_WINDOW,
)
from numgenius_core.testing.laws.market import MARKET
from numgenius_core.testing.laws.planning import BID_OUTCOME, BREAK_EVEN, ESTIMATE, STAY, WAY
from numgenius_core.testing.laws.preview import PREVIEW
from numgenius_core.testing.laws.prices import (
    CHARGE,
    DEPOSIT,
    MONTHS,
    QUOTE,
    REFUND,
    RESERVED,
    SPLIT,
)
from numgenius_core.testing.laws.promises import SLA_BILL, SLA_SLICES
from numgenius_core.testing.laws.reservations import RESERVED_QUOTE
from numgenius_core.testing.laws.search import SEARCH
from numgenius_core.testing.laws.sla import SLA_CREDIT, SLA_FEE, SLA_SETTLEMENT
from numgenius_core.testing.laws.whatif import SIMULATION

_ALL: Final = (
    SLICING,
    RENTABLE,
    ALLOCATION,
    DEFRAGMENTATION,
    CHARGE,
    SPLIT,
    QUOTE,
    RESERVED,
    DEPOSIT,
    MONTHS,
    REFUND,
    RESERVED_QUOTE,
    SLA_FEE,
    SLA_CREDIT,
    SLA_SETTLEMENT,
    SLA_BILL,
    SLA_SLICES,
    RESOLVE,
    WINNING_BID,
    QUOTED_MIN_BID,
    BEST_RUNNERS,
    LIFE,
    EXTENSION,
    MAINTENANCE_REQUEST,
    MAINTENANCE_WINDOW,
    FLEET,
    HOURS,
    STORAGE,
    METERING,
    MARKET,
    PREVIEW,
    SEARCH,
    QUOTE_COLUMNS,
    BID_OUTCOME,
    WAY,
    STAY,
    BREAK_EVEN,
    ESTIMATE,
    SIMULATION,
)
RULES: Final[Mapping[str, Rule]] = MappingProxyType({rule.name: rule for rule in _ALL})
"""Every rule that has laws, by its name, such as ``"slicing"``."""

_MAKE_SMALL: Final = frozenset({hypothesis.Phase.shrink, hypothesis.Phase.explain})


def rule_named(name: str) -> Rule:
    """Return the rule of a name; :data:`~numgenius_core.testing.RULES` has them all.

    Raises:
        WrongType: It is no text.
        RuleViolation: There is no rule of that name.

    >>> from numgenius_core.testing import rule_named
    >>> print(rule_named("slicing").signature)
    (gpus: int, min_gpu: int) -> Iterable[tuple[size: int, start: int]]
    """
    check_kind(name, str, "rule")
    if name not in RULES:
        raise RuleViolation("rule", "one of " + ", ".join(RULES), shown(name))
    return RULES[name]


def verify(
    rule: str | Rule,
    implementation: Implementation,
    *,
    examples: int = 200,
    smallest: bool = True,
    seed: int = 0,
) -> None:
    """Look for a case on which an implementation breaks a law of a rule.

    Args:
        rule: The name of a rule in :data:`~numgenius_core.testing.RULES`, or a rule of your own.
        implementation: The function that is tested; :attr:`Rule.signature` says what it takes and
            returns.
        examples: How many cases to try. Each calls the implementation a few times.
        smallest: Whether to make the case that breaks a law as small as can be, which takes many
            more calls.
        seed: Which cases are drawn. The same call tries the same cases each time, so that a test
            that holds goes on holding; another seed tries others.

    Raises:
        LawBroken: A case breaks a law; the error has the case, the law and what is wrong.
        WrongType: The implementation is no function.
        RuleViolation: A name that is no rule's, or no example.

    >>> from fractions import Fraction
    >>> from numgenius_core.testing import LawBroken, verify
    >>> def by_the_second(price, gpus, seconds):
    ...     return Fraction(price.to_decimal()) * gpus * seconds / 3_600
    >>> verify("charge", by_the_second)
    >>> def of_one_gpu(price, gpus, seconds):
    ...     return Fraction(price.to_decimal()) * seconds / 3_600
    >>> try:
    ...     verify("charge", of_one_gpu)
    ... except LawBroken as broken:
    ...     print(broken.sentence)
    billing is by the second; an offer of n GPUs costs n × the per-GPU price
    """
    chosen = rule if isinstance(rule, Rule) else rule_named(rule)
    if not callable(implementation):
        raise WrongType("implementation", f"a function {chosen.signature}", shown(implementation))
    examples = whole_number(examples, "examples", 1)

    every = list(hypothesis.Phase)
    fast = [phase for phase in every if phase not in _MAKE_SMALL]

    @hypothesis.seed(seed)
    @hypothesis.settings(
        phases=every if smallest else fast,
        max_examples=examples,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(chosen.cases)
    def every_law_holds(case: tuple[Any, ...]) -> None:
        chosen.check(implementation, *case)

    try:
        every_law_holds()
    except LawBroken as broken:
        broken.__notes__ = []  # what Hypothesis says of lines of this library
        raise
