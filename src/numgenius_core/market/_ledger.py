"""Money that flows: balances that change by the second, exact at every instant between events.

Rule (marketplace): billing is by the second; the platform keeps its fee of what a client pays and
the host gets the rest. Between two events every instance costs the same each second, so a balance
is an amount, a rate a second and the instant from which they hold. Nothing is ever rounded, and
whatever leaves one account arrives in others: credit is conserved to the tick.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from numgenius_core._checks import check_kind
from numgenius_core.intervals import utc
from numgenius_core.money import ZERO, Money, money_of

_THREE: Final[dict[str, Any]] = {
    "since": field(),
    "amount": field(default=ZERO),
    "rate": field(default=ZERO),
}


# Kept as whole numbers: each event changes a handful of balances, and nobody asks for most.
@frozen(these=_THREE, kw_only=True, init=False, slots=False)
class Ledger:
    """An amount that changes evenly with time.

    Attributes:
        since: From when on.

    Raises:
        WrongType: ``since`` is no ``datetime``, or an amount no ``Money``.
    """

    __slots__ = ("__weakref__", "_speed", "_ticks", "since")

    since: datetime
    if not TYPE_CHECKING:  # which see them as the properties that they are
        amount: Money
        rate: Money
    _ticks: int
    _speed: int

    def __init__(self, *, since: datetime, amount: Money = ZERO, rate: Money = ZERO) -> None:
        check_kind(since, datetime, "since")
        check_kind(amount, Money, "amount")
        check_kind(rate, Money, "rate")
        for name, value in (("since", since), ("_ticks", amount.ticks), ("_speed", rate.ticks)):
            object.__setattr__(self, name, value)

    def __reduce__(self) -> tuple[Callable[..., Ledger], tuple[datetime, int, int]]:
        return _made, (self.since, self._ticks, self._speed)

    @property
    def amount(self) -> Money:
        """How much there was then."""
        return money_of(self._ticks)

    @property
    def rate(self) -> Money:
        """What joins it each second; below zero, what leaves."""
        return money_of(self._speed)

    def at(self, instant: datetime) -> Money:
        """Return the amount at an instant from ``since`` on.

        Raises:
            WrongType: It is no ``datetime``.
            RuleViolation: It has no time zone or a fraction of a second.
        """
        return money_of(ticks_at(self, utc(instant)))

    def falls_to(self, threshold: Money) -> datetime | None:
        """Return the first second that begins with at most so much; ``None`` if it never comes.

        Raises:
            WrongType: ``threshold`` is no ``Money``.
        """
        check_kind(threshold, Money, "threshold")
        above = self._ticks - threshold.ticks
        return used_up(self.since, above, self._speed) if above > 0 else self.since

    def runs_out(self) -> datetime | None:
        """Return the first second that begins with nothing left; ``None`` if it never comes."""
        left = self._ticks
        return used_up(self.since, left, self._speed) if left > 0 else None


def used_up(since: datetime, ticks: int, rate: int) -> datetime | None:
    """Return the first second that begins with nothing left of ticks; ``None`` is never."""
    if rate >= 0:
        return None
    try:
        return since + timedelta(0, -(ticks // rate))  # twice as fast as by name
    except OverflowError:  # beyond the calendar
        return None


class Purse(Ledger):
    """A ledger that is changed in place, while a market is being built.

    A host is paid whenever something changes on its machines: a new value at each event is what a
    replay would spend most of its time on. :func:`kept` makes it a value.
    """

    __slots__ = ()
    __setattr__, __delattr__ = object.__setattr__, object.__delattr__  # both, or neither is fast

    def move(self, at: datetime, add: int, speed: int) -> None:
        """Let ``add`` ticks join it at an instant, and ``speed`` its rate."""
        since, rate = self.since, self._speed
        if at is not since:
            if rate:
                passed = at - since
                add += rate * (passed.days * 86_400 + passed.seconds)
            self.since = at  # type: ignore[misc]
        self._ticks += add  # type: ignore[misc]
        self._speed = rate + speed  # type: ignore[misc]


_new: Final[Any] = object.__new__


def purse_of(ledger: Ledger) -> Purse:
    """Return a ledger of its own with the same in it, to be changed in place."""
    purse = _new(Purse)
    purse.since, purse._ticks, purse._speed = ledger.since, ledger._ticks, ledger._speed
    return purse  # type: ignore[no-any-return]


def kept(ledger: Ledger) -> Ledger:
    """Let a purse be a value from now on, which nobody changes any more."""
    ledger.__class__ = Ledger
    return ledger


def _made(since: datetime, ticks: int, speed: int) -> Ledger:
    """Return a ledger of whole ticks."""
    purse = _new(Purse)
    purse.since, purse._ticks, purse._speed = since, ticks, speed
    purse.__class__ = Ledger
    return purse  # type: ignore[no-any-return]


def empty_ledger(at: datetime) -> Ledger:
    """Return a ledger with nothing in it from an instant on."""
    return _made(at, 0, 0)


def ticks_at(ledger: Ledger, instant: datetime) -> int:
    """Return the amount at an instant in UTC, in ticks."""
    speed = ledger._speed
    if not speed:
        return ledger._ticks
    passed = instant - ledger.since
    return ledger._ticks + speed * (passed.days * 86_400 + passed.seconds)


def moved(ledger: Ledger, at: datetime, add: int, speed: int) -> Ledger:
    """Return a ledger after ``add`` ticks joined it at an instant, and ``speed`` its rate."""
    return _made(at, ticks_at(ledger, at) + add, ledger._speed + speed)


@frozen
class Flow:
    """Money from a client to those who earn it: a second's worth, or a lump.

    What leaves the balance and the deposit is what the host, an escrow and the platform get.

    Attributes:
        balance: From the client's balance.
        deposit: From the deposit of its instance.
        payout: To the host.
        fee: To the platform.
        escrow: Into the escrow of its promise of uptime, in the host's place.
        sla: What of the balance's is the fee of that promise.
        ticks: The first four, in this order, as whole ticks.
    """

    balance: Money = ZERO
    deposit: Money = ZERO
    payout: Money = ZERO
    fee: Money = ZERO
    escrow: Money = ZERO
    sla: Money = ZERO
    ticks: tuple[int, int, int, int] = field(init=False, eq=False, repr=False)

    @ticks.default
    def _four(self) -> tuple[int, int, int, int]:
        return self.balance.ticks, self.deposit.ticks, self.payout.ticks, self.fee.ticks


NO_FLOW: Final = Flow()
"""Nothing."""
