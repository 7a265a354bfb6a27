"""What a day's settlement follows: the credit, the blend of time scales, the notice of maintenance.

None of them is published in full; each is a schedule that can be replaced, and the default of each
meets what is published. What is asked for every day is whole numbers in parts of 10⁻⁹, so that a
settlement is small, quick and the same everywhere: a method of that kind is named for it,
``share_parts``. What is asked once for a contract is a fraction. What a schedule says is checked
where it is asked, and an error names its class.

*Credit.* Published: the blend at or above the target pays nothing; below, a credit that grows with
the shortfall, at most the day's covered compute, by the target alone. Target 95 %, $84 a day: 97 %
pays 0, 93–94 % about 42, 90 % and less 84. Ours: lines between 0 at the target, 45 % and 55 % of
the day at a fifth and two fifths of the way down, and all of it at the end of the way, which is as
far below the target as 100 % is above it (or at 0 %, if that is nearer).

*Blend.* Published: the uptime of the day is blended with longer scales; the weight β of the day
follows from the target, 0.30 for 95 %; good days before soften a bad one, bad days cost on a good
one. Ours: β = (1 − t) / (1 − t + 7/60), so that a strict promise is judged over more days; the
longer scales are means of a week and of a month, which each day moves by a seventh and a thirtieth
of the way to its own uptime, once it was blended with them as the days before left them. They begin
at the target: a machine is believed until it shows better.

*Notice.* Published: announced maintenance counts in part as uptime, more with notice, less the
longer the window, never wholly; rescheduling restarts the notice. Ours: of an outage with notice n
and length L, the share 9/10 · n / (n + a day) · (a day) / (L + a day).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise
from typing import Final

from attrs import field, frozen

from numgenius_core._checks import as_tuple, check_kind
from numgenius_core._numbers import (
    fraction,
    keep_whole,
    round_half_even,
    said_exact,
    said_whole,
    whole_number,
)
from numgenius_core._terms import PARTS
from numgenius_core.errors import RuleViolation, brief, shown
from numgenius_core.sla.fees import FeeSchedule, StopLossFee
from numgenius_core.sla.terms import SlaTerms
from numgenius_core.units import SECONDS_PER_DAY, Exact

_Pair = tuple[Exact, Exact]
_POINTS: Final = ((0, 0), ("0.2", "0.45"), ("0.4", "0.55"), (1, 1))
_MEMORY: Final = Fraction(7, 60)
_NEVER_ALL: Final = Fraction(9, 10)
_STEPS: Final = 1_000


# -- credits -----------------------------------------------------------------------------------


@frozen
class CreditSchedule(ABC):
    """How a day's credit follows from its blend and the target.

    :class:`LinearCredit` is ours. Another one, a frozen attrs class as this is, needs
    :meth:`share_parts`, which must not grow with the blend; the target is the client's, claim and
    spread have no say. It is asked of each day below the target, so numbers are whole parts of
    10⁻⁹ (:data:`numgenius_core.sla.PARTS`).

    >>> from attrs import frozen
    >>> from numgenius_core.sla import PARTS, CreditSchedule, SlaRules
    >>> @frozen
    ... class Half(CreditSchedule):
    ...     def share_parts(self, target_parts: int, blend_parts: int) -> int:
    ...         return PARTS // 2  # half of the day, however bad it was
    >>> SlaRules(credit=Half()).credit
    Half()
    """

    @abstractmethod
    def share_parts(self, target_parts: int, blend_parts: int) -> int:
        """Return the credit as a share of the day's covered compute, in parts of 10⁻⁹.

        Args:
            target_parts: The target in parts of 10⁻⁹, above 0 and below all.
            blend_parts: The blend of the day in parts of 10⁻⁹, below the target.

        Returns:
            A whole number of parts, from 0 to all; another answer is refused where it is asked.
        """


def credit_parts(schedule: CreditSchedule, target_parts: int, blend_parts: int) -> int:
    """Return what a schedule credits of a day, in parts of 10⁻⁹, once it is known to be possible.

    Raises:
        WrongType: It said no whole number.
        RuleViolation: It said less than nothing, or more than the day.
    """
    parts = schedule.share_parts(target_parts, blend_parts)
    # Looked at here and not in a call of its own: it is asked of each day below the target.
    if type(parts) is int and 0 <= parts <= PARTS:
        return parts
    return said_whole(schedule, "share_parts", parts, PARTS)


def _points(pairs: Iterable[_Pair]) -> tuple[tuple[Fraction, Fraction], ...]:
    """Return ``(shortfall, credit)`` pairs checked: both ascend, the last one is the end."""
    rows = []
    for index, pair in enumerate(as_tuple(pairs, "points")):
        path, values = f"points[{index}]", as_tuple(pair, f"points[{index}]")
        if len(values) != 2:
            raise RuleViolation(path, "a pair of shortfall and credit", shown(pair))
        rows.append((fraction(values[0], path), fraction(values[1], path)))
    found = tuple(rows)
    ascend = all(a < b and c <= d for (a, c), (b, d) in pairwise(found))
    if len(found) < 2 or found[0][0] != 0 or found[-1][0] != 1 or not ascend:
        need = "pairs that ascend, from a shortfall of 0 to one of 1"
        raise RuleViolation("points", need, shown(pairs))
    return found


@frozen
class LinearCredit(CreditSchedule):
    """A credit on lines between points.

    Attributes:
        points: ``(shortfall, credit)``, both shares that ascend. A shortfall of 0 is the target; 1
            is as far below it as 100 % is above it, or 0 % if that is nearer. From there on the
            last credit stays.

    Raises:
        WrongType: The points are no pairs, or a number of them is a ``float``.
        RuleViolation: A shortfall or credit that does not ascend, or points that do not reach
            from 0 to 1.

    >>> from numgenius_core.sla import PARTS, LinearCredit
    >>> ours, target = LinearCredit(), 95 * PARTS // 100
    >>> [ours.share_parts(target, n * PARTS // 1000) / PARTS for n in (940, 935, 930, 900)]
    [0.45, 0.5, 0.55, 1.0]
    """

    points: tuple[tuple[Fraction, Fraction], ...] = field(
        default=_POINTS, converter=_points, repr=brief
    )
    _lines: tuple[tuple[int, ...], ...] = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        lines = []
        for (start, low), (end, high) in pairwise(self.points):
            slope = (high - low) / (end - start)
            level = low - slope * start
            below = slope.denominator * level.denominator
            rise, base = int(slope * below), int(level * below)
            lines.append((end.numerator, end.denominator, rise, base, below))
        object.__setattr__(self, "_lines", tuple(lines))

    def share_parts(self, target_parts: int, blend_parts: int) -> int:
        """Return the credit as a share of the day's covered compute, in parts of 10⁻⁹.

        Args:
            target_parts: The target in parts of 10⁻⁹, above 0 and below all.
            blend_parts: The blend in parts of 10⁻⁹; from the target on there is no credit.

        Raises:
            WrongType: One of them is no ``int``.
            RuleViolation: One of them is out of range.
        """
        target = whole_number(target_parts, "target_parts", 1, PARTS - 1)
        short = target - whole_number(blend_parts, "blend_parts", 0, PARTS)
        way = min(target, PARTS - target)
        if short <= 0:
            return 0
        for end, of_end, rise, base, below in self._lines:
            if short * of_end < way * end:
                # level + slope · short / way, all over one denominator
                return round_half_even((rise * short + base * way) * PARTS, below * way)
        last = self.points[-1][1]
        return round_half_even(last.numerator * PARTS, last.denominator)


# -- blends ------------------------------------------------------------------------------------


@frozen
class BlendSchedule(ABC):
    """How much the day counts beside longer scales, and how long these are.

    :class:`ToleranceBlend` is ours. Another one, a frozen attrs class as this is, needs
    :meth:`weight`, which is asked once for a contract.

    Attributes:
        memories: Days of each longer scale; together they have the weight that the day leaves, in
            equal parts.
    """

    memories: tuple[int, ...] = field(default=(7, 30), kw_only=True, repr=brief)

    def __attrs_post_init__(self) -> None:
        known = tuple(
            whole_number(days, f"memories[{index}]", 2, 10_000)
            for index, days in enumerate(as_tuple(self.memories, "memories"))
        )
        if not 1 <= len(known) <= 10:
            raise RuleViolation("memories", "1 to 10 scales", str(len(known)))
        object.__setattr__(self, "memories", known)

    @abstractmethod
    def weight(self, target: Fraction) -> Fraction:
        """Return β, the weight of the day: above 0 and at most 1, by the target alone.

        A day is blended with the nearest parts of 10⁻⁹; another answer is refused where it is
        asked.
        """


def weight_parts(schedule: BlendSchedule, target: Fraction) -> int:
    """Return β of a target in parts of 10⁻⁹, once it is known to be possible.

    Raises:
        WrongType: The schedule said a ``float`` or no number.
        RuleViolation: It said 0, less, or more than 1.
    """
    said, need = schedule.weight(target), "a share above 0 and at most 1"
    beta = said_exact(schedule, "weight", said, need)
    if not 0 < beta <= 1:
        raise RuleViolation(f"{type(schedule).__name__}.weight", need, shown(said))
    return round_half_even(beta.numerator * PARTS, beta.denominator)


def _memory(value: Exact) -> Fraction:
    return fraction(value, "memory")


@frozen
class ToleranceBlend(BlendSchedule):
    """Our blend: β = (1 − t) / (1 − t + memory), so a strict promise is judged over more days.

    Attributes:
        memory: 7/60 of a day gives the published 0.30 at a target of 95 %.

    Raises:
        WrongType: ``memory`` is a ``float`` or no number, or ``memories`` no whole numbers.
        RuleViolation: ``memory`` is below 0 or above 1; no scale, more than 10, or one of less
            than two days.

    >>> from numgenius_core.sla import ToleranceBlend
    >>> from fractions import Fraction
    >>> ToleranceBlend().weight(Fraction(95, 100))
    Fraction(3, 10)
    """

    memory: Fraction = field(default=_MEMORY, converter=_memory)

    def weight(self, target: Fraction) -> Fraction:
        """Return β of a target.

        Raises:
            WrongType: The target is a ``float`` or no number.
            RuleViolation: It is below 0, or 1 or above.
        """
        tolerance = 1 - fraction(target, "target", below_one=True)
        return tolerance / (tolerance + self.memory)


# -- notice ------------------------------------------------------------------------------------


@frozen
class NoticeSchedule(ABC):
    """How much of announced maintenance counts as uptime.

    :class:`FadingNotice` is ours. Another one, a frozen attrs class as this is, needs
    :meth:`share_parts`, which should grow with the notice and fall with the length.
    """

    @abstractmethod
    def share_parts(self, notice: int, length: int) -> int:
        """Return the share of an outage that counts as uptime, in parts of 10⁻⁹.

        Args:
            notice: Seconds from the announcement (the last one) to the start, above 0.
            length: Seconds from its start to its end, above 0.

        Returns:
            A whole number of parts, from 0 to less than all; another answer is refused where it is
            asked.
        """


def forgiven_parts(schedule: NoticeSchedule, notice: int, length: int) -> int:
    """Return what a schedule forgives of an outage, in parts of 10⁻⁹: never all of it.

    Raises:
        WrongType: It said no whole number.
        RuleViolation: It said less than nothing, or all and more.
    """
    return said_whole(schedule, "share_parts", schedule.share_parts(notice, length), PARTS - 1)


def _most(value: Exact) -> Fraction:
    return fraction(value, "most", below_one=True)


@frozen
class FadingNotice(NoticeSchedule):
    """Our forgiveness: 9/10 · n / (n + day) · day / (L + day), n of notice and L of length.

    Attributes:
        most: What no notice reaches, a share from 0 to below 1.

    Raises:
        WrongType: It is a ``float`` or no number.
        RuleViolation: It is out of range.

    >>> from numgenius_core.sla import PARTS, FadingNotice
    >>> hour, ours = 3_600, FadingNotice()
    >>> [round(ours.share_parts(notice * hour, 2 * hour) / PARTS, 2) for notice in (1, 24, 240)]
    [0.03, 0.42, 0.76]
    """

    most: Fraction = field(default=_NEVER_ALL, converter=_most)

    def share_parts(self, notice: int, length: int) -> int:
        """Return the share of an outage that counts as uptime, in parts of 10⁻⁹.

        Args:
            notice: Seconds from the last announcement to the start; 0 forgives nothing.
            length: Seconds from its start to its end, above 0.

        Raises:
            WrongType: One of them is no ``int``.
            RuleViolation: A negative notice, or no length.
        """
        notice = whole_number(notice, "notice")
        length = whole_number(length, "length", 1)
        day, most = SECONDS_PER_DAY, self.most
        above = most.numerator * notice * day * PARTS
        return round_half_even(above, most.denominator * (notice + day) * (length + day))


# -- all of them -------------------------------------------------------------------------------


@frozen(kw_only=True)
class SlaRules:
    """The schedules that a promise is priced and settled by; the defaults are ours.

    Attributes:
        fee: What the promise costs.
        credit: What a shortfall pays back.
        blend: How days make the blend.
        notice: What announced maintenance forgives.
        release_days: Over how many of the following days the host gets what a day left in escrow.

    Raises:
        WrongType: A schedule that is none, or days that are no whole number.
        RuleViolation: No day of release, or more than 366.

    >>> from numgenius_core.sla import SlaRules, StopLossFee
    >>> SlaRules(fee=StopLossFee(margin="0.2")).release_days
    7
    """

    fee: FeeSchedule = field(factory=StopLossFee)
    credit: CreditSchedule = field(factory=LinearCredit)
    blend: BlendSchedule = field(factory=ToleranceBlend)
    notice: NoticeSchedule = field(factory=FadingNotice)
    release_days: int = 7

    def __attrs_post_init__(self) -> None:
        check_kind(self.fee, FeeSchedule, "rules.fee")
        check_kind(self.credit, CreditSchedule, "rules.credit")
        check_kind(self.blend, BlendSchedule, "rules.blend")
        check_kind(self.notice, NoticeSchedule, "rules.notice")
        keep_whole(self, "release_days", "rules.release_days", 1, 366)


OUR_RULES: Final = SlaRules()
"""Our schedules: they meet every published figure."""


# -- what is to be expected of them ------------------------------------------------------------


def expected_credit(terms: SlaTerms, *, rules: SlaRules = OUR_RULES) -> Fraction:
    """Return the credit to be expected under the belief behind our fee, a share of the day.

    The downtime of a blend is taken to follow Lomax's law, mean and tail by the claim and the
    spread (:class:`~numgenius_core.sla.StopLossFee` has it). The credit, cap and all, is weighed
    with it in 2,000 steps of the blend, and rounded to 10⁻⁹.

    Args:
        terms: Claim, spread and target.
        rules: The schedules; ours by default.

    Raises:
        WrongType: ``terms`` are no ``SlaTerms``, ``rules`` no ``SlaRules``.

    >>> from numgenius_core.sla import OUR_RULES, Promise, SlaTerms, expected_credit
    >>> terms = SlaTerms(Promise("0.99"), "0.95")
    >>> f"{float(expected_credit(terms)):.3%}", f"{float(OUR_RULES.fee.factor(terms)):.3%}"
    ('1.027%', '1.155%')
    """
    check_kind(terms, SlaTerms, "terms")
    check_kind(rules, SlaRules, "rules")
    target, mean = terms.target_parts, float(1 - terms.promise.claim)
    power = 1.5 / float(terms.promise.spread)
    least = PARTS - target
    way = min(target, least)
    # Close together where the credit grows, wider below: of downtime, from the tolerance on.
    steps = [least + way * n // _STEPS for n in range(_STEPS + 1)]
    steps += [steps[-1] + (target - way) * n // _STEPS for n in range(1, _STEPS + 1)]
    total, before = 0.0, 0
    for above, below in pairwise(steps):
        credit = credit_parts(rules.credit, target, PARTS - below)
        middle = (above + below) / 2 / PARTS
        total += (credit - before) * (1 + middle / (mean * power)) ** -(1 + power)
        before = credit
    return Fraction(round(total), PARTS)
