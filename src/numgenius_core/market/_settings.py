"""What a market takes at most, and how it reads a rule: its settings, kept by its events."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from attrs import frozen

from numgenius_core._checks import check_kind
from numgenius_core._numbers import keep_whole, plain_duration
from numgenius_core.billing.grace import DaysOfGrace, GraceSchedule
from numgenius_core.billing.payouts import PayoutSchedule
from numgenius_core.errors import InvalidDocument, RuleViolation, WrongType, shown
from numgenius_core.sla.fees import FeeSchedule
from numgenius_core.sla.schedules import (
    OUR_RULES,
    BlendSchedule,
    CreditSchedule,
    NoticeSchedule,
    SlaRules,
)

A_DAY_OF_GRACE: Final = DaysOfGrace()
WEEKLY: Final = PayoutSchedule()


@frozen(kw_only=True)
class Settings:
    """What a market takes at most, by default whatever comes, and how it reads a rule.

    A marketplace that takes free bids needs limits: ten thousand bids that wait on one machine cost
    their clients nothing.

    Attributes:
        waiting_on_a_machine: Most claims that wait for the GPUs of one machine.
        waiting_of_an_account: Most claims of one client that wait for GPUs.
        longest_step: Most time since the market's last event that a command may let pass, against
            a clock that is wrong; ``SetSettings`` is taken after any time.
        own_tests_billed: Whether hosts pay for tests of their own machines that begin from now on,
            as for any rental. The guide says that they are free (G10), a newer text of the
            marketplace that they are billed.
        grace: How much an account may owe before its data may be deleted
            (:class:`~numgenius_core.market.commands.DeleteUnpaid`).
        payouts: When hosts are paid what they earned, and how much of it
            (:class:`~numgenius_core.market.commands.PayOut`).
        sla: What promises of uptime cost from now on, and what each midnight from now on settles
            them by, those of before too; ours by default.
        sla_offered: Whether hosts may claim an uptime and clients buy the promise of it; a contract
            that has one keeps it.

    Schedules of your own are attrs classes whose fields documents can hold, and which their modules
    have by name: the market stores them.

    Raises:
        WrongType: A field of another type, or a schedule that documents cannot hold.
        RuleViolation: A limit that is negative or above a billion, a step that is no whole seconds
            above zero.

    >>> from datetime import timedelta
    >>> from numgenius_core.market import Settings
    >>> careful = Settings(waiting_on_a_machine=1_000, longest_step=timedelta(days=400))
    >>> print(careful.waiting_of_an_account)
    None
    """

    waiting_on_a_machine: int | None = None
    waiting_of_an_account: int | None = None
    longest_step: timedelta | None = None
    own_tests_billed: bool = False
    grace: GraceSchedule = A_DAY_OF_GRACE
    payouts: PayoutSchedule = WEEKLY
    sla: SlaRules = OUR_RULES
    sla_offered: bool = True

    def __attrs_post_init__(self) -> None:
        check_kind(self.own_tests_billed, bool, "settings.own_tests_billed")
        check_kind(self.grace, GraceSchedule, "settings.grace")
        check_kind(self.payouts, PayoutSchedule, "settings.payouts")
        check_kind(self.sla, SlaRules, "settings.sla")
        check_kind(self.sla_offered, bool, "settings.sla_offered")
        _check_stored(self.grace, GraceSchedule, "settings.grace")
        _check_stored(self.sla.fee, FeeSchedule, "settings.sla.fee")
        _check_stored(self.sla.credit, CreditSchedule, "settings.sla.credit")
        _check_stored(self.sla.blend, BlendSchedule, "settings.sla.blend")
        _check_stored(self.sla.notice, NoticeSchedule, "settings.sla.notice")
        for name in ("waiting_on_a_machine", "waiting_of_an_account"):
            if getattr(self, name) is not None:
                keep_whole(self, name, f"settings.{name}", 0, 10**9)
        if self.longest_step is not None:
            step = plain_duration(self.longest_step, "settings.longest_step")
            object.__setattr__(self, "longest_step", step)
            if step <= timedelta(0) or step.microseconds:
                need = "whole seconds above zero"
                raise RuleViolation("settings.longest_step", need, str(step))


def _check_stored(schedule: object, kind: type, path: str) -> None:
    """Refuse a schedule of somebody else's that comes back from a document as another, or not.

    Events and snapshots are documents: what is accepted here is stored with them.
    """
    if type(schedule).__module__.startswith("numgenius_core."):
        return
    from numgenius_core.documents import structure, unstructure  # with cattrs, which few need

    need = f"a {kind.__name__} that documents can hold"
    try:
        again: object = structure(unstructure(schedule, kind), kind)
    except RuleViolation as fault:
        raise WrongType(path, need, fault.got) from None
    except (InvalidDocument, TypeError, ValueError) as error:  # of a constructor of its own
        raise WrongType(path, need, f"{shown(schedule)} ({error})") from None
    if again != schedule:
        raise WrongType(path, need, f"{shown(schedule)}, which comes back as {shown(again)}")


NO_LIMITS: Final = Settings()
