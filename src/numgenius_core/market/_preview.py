"""What a command would do: to whom, and why, before it is given.

Hosts ask which contracts a relisting would extend, and whom it would ask for a higher price; no
field of the marketplace says so. Here the answer is worked out by the rules that decide commands,
on the market as a value, so a preview is what then happens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from fractions import Fraction
from functools import cached_property
from typing import Final

from attrs import field, frozen

from numgenius_core._checks import check_kind, told
from numgenius_core._tables import Tabular
from numgenius_core._tables.result import ResultTable
from numgenius_core.contracts.extension import (
    Extended,
    ExtensionVerdict,
    PendingIncrease,
    Raise,
    Unchanged,
)
from numgenius_core.errors import NumgeniusError, as_answer, brief
from numgenius_core.ids import AccountId
from numgenius_core.intervals import utc
from numgenius_core.market import commands as c, events as e
from numgenius_core.market._builder import Builder
from numgenius_core.market._clock import advance_to
from numgenius_core.market._concerns import check_event, owner_of, subject_of, words_of
from numgenius_core.market._dispatch import decided, is_command, no_command
from numgenius_core.market._evolution import apply_foreign
from numgenius_core.market._relisting import TERMS, TermChange, TermOrigin, origin_of, term_of
from numgenius_core.market.state import Market

_OF_LISTING: Final = (e.MachineListed, e.ContractExtended, e.PriceIncreaseAsked)
"""Events that verdicts and terms say better."""
_REASONS: Final = ("why", "refund", "kept", "amount", "floor", "bid", "label", "months")


@frozen(kw_only=True)
class Preview(Tabular):
    """What a command would do if it were given: :func:`numgenius_core.market.views.preview`.

    Attributes:
        command: The command.
        at: When it would be given.
        due: What comes due until then, and happens anyway.
        events: What the command would lead to.
        verdicts: What its listing would do to each current contract of the machine, in the order
            of their numbers: extended, asked for a higher price, or left as it is, and why.
        terms: The terms of its listing, before and after.
        error: Why it would be refused; then nothing of the above happens.
        before: The market that was asked about.
        market: The market after the command.
    """

    command: c.AnyCommand
    at: datetime
    due: tuple[e.Event, ...] = field(default=(), repr=brief)
    events: tuple[e.Event, ...] = field(default=(), repr=brief)
    verdicts: tuple[ExtensionVerdict, ...] = field(default=(), repr=brief)
    terms: tuple[TermChange, ...] = field(default=(), repr=brief)
    error: NumgeniusError | None = field(default=None, eq=told)
    before: Market
    market: Market

    @property
    def extended(self) -> tuple[Extended, ...]:
        """The contracts that would be extended, with their present and their new end."""
        return tuple(each for each in self.verdicts if isinstance(each, Extended))

    @property
    def asked(self) -> tuple[PendingIncrease, ...]:
        """The contracts whose clients would be asked, with each raised price."""
        return tuple(each for each in self.verdicts if isinstance(each, PendingIncrease))

    @property
    def skipped(self) -> tuple[Unchanged, ...]:
        """The contracts that would stay as they are, with the reason."""
        return tuple(each for each in self.verdicts if isinstance(each, Unchanged))

    @property
    def resets(self) -> tuple[TermChange, ...]:
        """The terms that go back to another value because they were left out."""
        return tuple(
            each for each in self.terms if each.changes and each.origin is TermOrigin.RESET
        )

    @property
    def accounts(self) -> tuple[AccountId, ...]:
        """Whom the command's events concern, in the order of their names."""
        owned = self._owned[len(self.due) :]
        return tuple(sorted({whose for _, whose, _ in owned if whose is not None}))

    def concerns(self, event: e.Event) -> tuple[AccountId, ...]:
        """Return whom an event of this preview concerns.

        That is the client of a contract or of a volume, else the host.

        Args:
            event: One of :attr:`events` or :attr:`due`.

        Raises:
            WrongType: It is no event.
        """
        check_event(event, "event")
        found = self._whose.get(event)
        return () if found is None else (found,)

    @cached_property
    def _whose(self) -> dict[e.Event, AccountId | None]:
        """Whose each event is: of two that are alike, the first one's."""
        return {event: whose for event, whose, _ in reversed(self._owned)}

    @cached_property
    def _owned(self) -> tuple[tuple[e.Event, AccountId | None, str], ...]:
        """Each event, whose it is, and what it is about, on the market right before it."""
        market, owned = Builder(self.before), []
        for event in (*self.due, *self.events):
            try:
                about, whose = subject_of(market, event), owner_of(market, event)
                apply_foreign(market, event)
            except NumgeniusError:  # put together by hand, of another market's events
                about, whose = "market", None
            owned.append((event, whose, about))
        return tuple(owned)

    def table(self) -> ResultTable:
        """Return what would change, a row each: of the listing, of contracts, and what happens."""
        rows = tuple(self._told())
        title = f"{type(self.command).__name__} at {self.at}"
        if self.error is not None:
            title += f" would be refused: {self.error}"
        elif not rows:
            title += " would change nothing"
        return ResultTable(title=title, head=("what", "whose", "becomes", "why"), rows=rows)

    def _rows(self) -> Iterable[object]:
        names = ("what", "whose", "becomes", "why")
        return [dict(zip(names, row, strict=True)) for row in self._told()]

    def _told(self) -> Iterator[tuple[str, str, str, str]]:
        host = getattr(self.command, "by", "")
        for term in self.terms:
            if term.changes:
                becomes = f"{_shown(term.old)} → {_shown(term.new)}"
                yield f"listing: {term.name}", host, becomes, term.origin.value
        for verdict in self.verdicts:
            contract = verdict.contract
            yield f"contract {contract.id}", contract.client, *_of_verdict(verdict)
        for event, whose, about in self._owned[len(self.due) :]:
            if not isinstance(event, _OF_LISTING):
                yield about, whose or "", *_facts(event)


def _shown(value: object) -> str:
    return "none" if value is None else str(value)


def _of_verdict(verdict: ExtensionVerdict) -> tuple[str, str]:
    """Return what becomes of a contract, and why."""
    if isinstance(verdict, Extended):
        return "extended", f"ends {_end(verdict.end)}, not {_end(verdict.old_end)}"
    if isinstance(verdict, PendingIncrease):
        return "asked", f"{_raised(verdict.raised)}, to end {_end(verdict.new_end)}"
    return "as agreed", verdict.why.value  # nobody is left out for a raise: they are asked


def _end(end: datetime | None) -> str:
    return "never" if end is None else f"{end:%Y-%m-%d %H:%M:%S}"


def _raised(raised: Iterable[Raise]) -> str:
    return "; ".join(map(str, raised))


def _facts(event: e.Event) -> tuple[str, str]:
    """Return what happens in words, and the facts that say why."""
    facts = []
    for reason in _REASONS:
        value = getattr(event, reason, None)
        if value is not None and value != "":
            text = str(getattr(value, "value", value))
            if isinstance(value, Fraction):  # months, of which a deposit buys odd parts
                text = f"{float(value):.2f}"
            facts.append(text if reason == "why" else f"{reason} {text}")
    return words_of(event), ", ".join(facts)


def preview(market: Market, command: c.AnyCommand, at: datetime) -> Preview:
    """Return what a command would do if it were given at an instant: to whom, and why.

    A preview is what then happens: ``due`` and ``events`` are the events that
    :func:`numgenius_core.market.execute` returns, and ``error`` is what it raises.

    Args:
        market: The market, which stays as it is.
        command: Any command.
        at: When it would be given.

    Raises:
        WrongType: ``market`` is no market, ``command`` no command or ``at`` no datetime.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Machine, Market, Mode, Money, PerGpuHour, PriceTerms, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> end, later = at + timedelta(days=30), at + timedelta(days=60)
    >>> prices = PriceTerms(gpu=PerGpuHour("2.00"))
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4)),
    ...     do.ListMachine(by="hanna", machine=1, prices=prices, end=end),
    ...     do.AddCredit(account="ann", amount=Money(10)),
    ...     do.Rent(by="ann", offer=8192, mode=Mode.ON_DEMAND),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> wanted = do.Relist(by="hanna", machine=1, gpu=PerGpuHour("2.50"), end=later)
    >>> for asked in views.preview(market, wanted, at).asked:
    ...     print(asked.contract.client, *asked.raised, asked.new_end.date(), sep=", ")
    ann, gpu 2.00 → 2.50, storage 0.00 → 0.10, 2026-03-02
    """
    check_kind(market, Market, "market")
    if not is_command(command):
        raise no_command(command, "command")
    at = utc(at, "at")
    try:
        decision = decided(Builder(market), command, at)
    except NumgeniusError as refusal:
        error = as_answer(refusal)
        return Preview(command=command, at=at, error=error, before=market, market=market)
    after = decision.market.market()
    return Preview(
        command=command,
        at=at,
        due=tuple(decision.events[: decision.begun]),
        events=tuple(decision.events[decision.begun :]),
        verdicts=decision.verdicts,
        terms=_terms(market, after, command, at),
        before=market,
        market=after,
    )


def _terms(
    market: Market, after: Market, command: c.AnyCommand, at: datetime
) -> tuple[TermChange, ...]:
    """Return the terms of a listing that a command publishes; none if it publishes none."""
    if not isinstance(command, c.ListMachine | c.Relist):
        return ()
    before = advance_to(market, at).market  # what comes due may end the listing, or roll its end
    machine, new = before.machine(command.machine), after.machine(command.machine)
    if new.listing is None:
        return ()  # its end was past: nothing is listed
    return tuple(
        TermChange(
            name=name,
            old=term_of(machine, name, at),
            new=term_of(new, name, at),
            origin=origin_of(machine, command, name),
        )
        for name in TERMS
    )
