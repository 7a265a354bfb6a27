"""Settling one day of a promise: what it is judged by, what it pays back, and what it leaves.

The rules stand at :func:`numgenius_core.sla.settle`, which settles many days of a rental at one
price. A market settles each day at the midnight after it, with the amounts that it came to.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime
from fractions import Fraction
from itertools import accumulate, repeat
from operator import attrgetter, sub
from typing import Final

from attrs import field, frozen

from numgenius_core._checks import check_kind
from numgenius_core._numbers import round_half_even, whole_number
from numgenius_core._terms import PARTS
from numgenius_core.errors import RuleViolation, brief
from numgenius_core.intervals import to_epoch
from numgenius_core.money import ZERO, Money, money_of
from numgenius_core.sla.history import as_share, share_up
from numgenius_core.sla.schedules import OUR_RULES, SlaRules, credit_parts, weight_parts
from numgenius_core.sla.terms import SlaTerms
from numgenius_core.units import SECONDS_PER_DAY

_TICKS: Final = attrgetter("ticks")


@frozen(kw_only=True)
class EscrowState:
    """What a contract's next settlement needs to know of those before.

    Attributes:
        memories: The uptime of each longer scale, parts of 10⁻⁹; none before the first day, when
            all stand at the target.
        pending: What the escrow releases to the host on each of the following days.
    """

    memories: tuple[int, ...] = field(default=(), repr=brief)
    pending: tuple[Money, ...] = field(default=(), repr=brief)

    @property
    def held(self) -> Money:
        """What is in the escrow."""
        return Money.sum(self.pending)


@frozen(kw_only=True)
class DaySettlement:
    """What came due for one contract at the midnight after a day.

    Attributes:
        day: The day of UTC: its first instant.
        intended: Seconds that the instance was to be up; 0 on a day without rental.
        uptime_parts: The share of them that counts as up, in whole parts of 10⁻⁹, by which days are
            settled: of maintenance that was announced a part counts. ``None`` without rental.
            Documents have the share, as text, under ``uptime``.
        blend_parts: The uptime blended with longer scales, in whole parts of 10⁻⁹; ``None`` without
            rental. Documents have the share, as text, under ``blend``.
        compute: What the client paid for GPUs, storage and traffic.
        fee: What the client paid for the promise.
        credit: What came back to the client.
        compute_to_escrow: ``compute`` without the platform's fee.
        escrow_to_client: The credit, as far as the host's net share of the day pays it.
        escrow_to_host: What was released to the host.
    """

    day: datetime
    intended: int
    uptime_parts: int | None = field(metadata={"stored_as": "uptime", "is_share": True})
    blend_parts: int | None = field(metadata={"stored_as": "blend", "is_share": True})
    compute: Money
    fee: Money
    credit: Money
    compute_to_escrow: Money
    escrow_to_client: Money
    escrow_to_host: Money

    @property
    def uptime(self) -> Fraction | None:
        """The share of the intended seconds that counts as up; ``None`` without rental."""
        return None if self.uptime_parts is None else as_share(self.uptime_parts)

    @property
    def blend(self) -> Fraction | None:
        """The uptime blended with longer scales, a share; ``None`` without rental."""
        return None if self.blend_parts is None else as_share(self.blend_parts)

    @property
    def from_platform(self) -> Money:
        """What of the credit the platform returns from its own fee."""
        return self.credit - self.escrow_to_client


def blended(beta: int, uptime: int, memories: tuple[int, ...]) -> int:
    """Return a day's uptime blended with the longer scales, parts of 10⁻⁹, rounded once."""
    count = len(memories)
    both = beta * uptime * count + (PARTS - beta) * sum(memories)
    return round_half_even(both, PARTS * count)


def remembered(lengths: tuple[int, ...], uptime: int, memories: tuple[int, ...]) -> tuple[int, ...]:
    """Return the longer scales after a day: each moves by its part of the way to the day's."""
    return tuple(map(_moved, lengths, memories, repeat(uptime)))


def _moved(length: int, mean: int, uptime: int) -> int:
    return mean + round_half_even(uptime - mean, length)


class Judge:
    """What the days of a contract are judged by: its target, and the schedules.

    Attributes:
        release_days: Over how many days the host gets what a day left in escrow.
    """

    __slots__ = ("_beta", "_credit", "_lengths", "_target", "release_days")

    def __init__(self, terms: SlaTerms, rules: SlaRules) -> None:
        self.release_days: int = rules.release_days
        self._target, self._lengths = terms.target_parts, rules.blend.memories
        self._beta, self._credit = weight_parts(rules.blend, terms.target), rules.credit

    def begun(self, known: tuple[int, ...]) -> tuple[int, ...]:
        """Return the longer scales after a settlement; before the first they are the target."""
        scales = len(self._lengths)
        if len(known) == scales:
            return known
        return (*known[:scales], *(self._target,) * (scales - len(known)))

    def day(
        self, intended: int, down: int, compute: Money, memories: tuple[int, ...]
    ) -> tuple[int | None, int | None, Money, tuple[int, ...]]:
        """Return the uptime, the blend and the credit of a day, and the longer scales after it."""
        if not intended:
            return None, None, ZERO, memories
        uptime = share_up(intended, down)
        blend = blended(self._beta, uptime, memories)
        credit, target = ZERO, self._target
        if blend < target:
            parts = credit_parts(self._credit, target, blend)
            credit = money_of(round_half_even(compute.ticks * parts, PARTS))
        return uptime, blend, credit, remembered(self._lengths, uptime, memories)


class Settling:
    """A contract while its days are settled one after another: its longer scales, and its escrow.

    What is due is kept as today's amount and by how much less each day after it brings. A day's
    rest in equal parts over the next days changes one of these numbers, not all.
    """

    __slots__ = ("_days", "_drops", "_due", "_judge", "_memories")

    def __init__(self, judge: Judge, state: EscrowState) -> None:
        self._judge, self._memories = judge, judge.begun(state.memories)
        self._days = days = judge.release_days
        pending = [*map(_TICKS, state.pending), *[0] * (days - len(state.pending)), 0]
        self._due: int = pending[0]
        self._drops = deque(map(sub, pending, pending[1:]))

    def day(
        self,
        day: datetime,
        *,
        intended: int,
        down: int,
        compute: Money,
        net: Money,
        fee: Money,
        close: bool,
    ) -> DaySettlement:
        """Return what :func:`settle_day` does, of what was counted and needs no checks."""
        told = self._judge.day(intended, down, compute, self._memories)
        uptime, blend, credit, self._memories = told
        paid = credit if credit.ticks < net.ticks else net
        # What goes to the host today is of the days before; today's rest is for those to come.
        released = self._due
        self._put(net.ticks + fee.ticks - paid.ticks)
        if close:
            released += sum(self._pending())
            self._due, self._drops = 0, deque([0] * self._days)
        return DaySettlement(
            day=day,
            intended=intended,
            uptime_parts=uptime,
            blend_parts=blend,
            compute=compute,
            fee=fee,
            credit=credit,
            compute_to_escrow=net,
            escrow_to_client=paid,
            escrow_to_host=money_of(released),
        )

    def _put(self, rest: int) -> None:
        """Let a day pass, and release what it leaves over the following days."""
        drops, days = self._drops, self._days
        part, odd = divmod(rest, days)
        self._due += part + odd - drops.popleft()
        if len(drops) < days:
            drops.append(part)
        else:  # rules before released over more days
            drops[days - 1] += part
        drops[0] += odd

    def _pending(self) -> list[int]:
        """Return what is due on each of the following days, in ticks."""
        return [*accumulate(self._drops, sub, initial=self._due)][:-1]

    def state(self) -> EscrowState:
        """Return what the next settlement needs to know."""
        pending = tuple(map(money_of, self._pending()))
        return EscrowState(memories=self._memories, pending=pending)


def settle_day(
    terms: SlaTerms,
    state: EscrowState,
    day: datetime,
    *,
    intended: int,
    down: int,
    compute: Money,
    net: Money,
    fee: Money,
    close: bool = False,
    rules: SlaRules = OUR_RULES,
) -> tuple[DaySettlement, EscrowState]:
    """Return what came due for a contract for one day, and what it leaves.

    :func:`settle` works out amounts from a rental at one price. A market knows what a day came to:
    prices that changed at noon, a disk that was stored while the instance was stopped, traffic.

    Args:
        terms: Claim, spread and target of the contract.
        state: What the day before left; :class:`EscrowState` of nothing before the first.
        day: The day of UTC: its first instant.
        intended: Seconds that the instance was to be up.
        down: Downtime among them in parts of 10⁻⁹ of a second, what was forgiven taken off.
        compute: What the client paid for GPUs, storage and traffic.
        net: ``compute`` without the platform's fee.
        fee: What the client paid for the promise.
        close: Whether the contract ended: all that is in the escrow goes to the host.
        rules: The schedules; ours by default.

    Raises:
        WrongType: Something that is not what it should be, such as an amount that is no ``Money``.
        RuleViolation: A day that does not begin at midnight, more seconds than a day or than were
            intended, a negative amount, or more for the host than the client paid.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Money
    >>> from numgenius_core.sla import PARTS, EscrowState, Promise, SlaTerms, settle_day
    >>> day, left = settle_day(SlaTerms(Promise("0.99"), "0.95"), EscrowState(),
    ...                        datetime(2026, 7, 1, tzinfo=UTC), intended=86_400,
    ...                        down=43_200 * PARTS, compute=Money(84), net=Money(63), fee=Money(1))
    >>> print(day.credit, day.escrow_to_client, day.from_platform, left.held)
    84.00 63.00 21.00 1.00
    """
    check_kind(terms, SlaTerms, "terms")
    check_kind(state, EscrowState, "state")
    check_kind(rules, SlaRules, "rules")
    if to_epoch(day) % SECONDS_PER_DAY:
        raise RuleViolation("day", "the first instant of a day of UTC", str(day))
    intended = whole_number(intended, "intended", 0, SECONDS_PER_DAY)
    down = whole_number(down, "down", 0, intended * PARTS)
    for name, amount in (("compute", compute), ("net", net), ("fee", fee)):
        check_kind(amount, Money, name)
        if amount.ticks < 0:
            raise RuleViolation(name, "an amount of zero or more", str(amount))
    if net > compute:
        raise RuleViolation("net", f"at most what the client paid, {compute}", str(net))
    settling = Settling(Judge(terms, rules), state)
    settled = settling.day(
        day, intended=intended, down=down, compute=compute, net=net, fee=fee, close=close
    )
    return settled, settling.state()
