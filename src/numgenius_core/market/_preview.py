"""What a command would do: to whom, and why, before it is given.

Hosts ask which contracts a relisting would extend, and whom it would ask for a higher price; no
field of the marketplace says so. Here the answer is worked out by the rules that decide commands,
on the market as a value, so a preview is what then happens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from fractions import Fraction
from typing import Final

from attrs import field, frozen

from numgenius_core._checks import check_kind, read_only, told
from numgenius_core._tables import Tabular
from numgenius_core._tables.result import ResultTable
from numgenius_core.contracts.extension import (
    Extended,
    ExtensionVerdict,
    PendingIncrease,
    Raise,
    Unchanged,
)
from numgenius_core.errors import NumgeniusError, WrongType, as_answer, brief, shown
from numgenius_core.ids import AccountId, ContractId, MachineId, VolumeId
from numgenius_core.intervals import utc
from numgenius_core.market import commands as c, events as e
from numgenius_core.market._builder import Builder
from numgenius_core.market._clock import advance_to
from numgenius_core.market._dispatch import decided, is_command
from numgenius_core.market._messages import Order
from numgenius_core.market._relisting import TERMS, TermChange, TermOrigin, origin_of, term_of
from numgenius_core.market.state import Market

_OF_LISTING: Final = (e.MachineListed, e.ContractExtended, e.PriceIncreaseAsked)
"""Events that verdicts and terms say better."""
_OF_ACCOUNTS: Final = (
    e.CreditAdded,
    e.CreditTransferred,
    e.PayoutInvoiced,
    e.BalanceRanOut,
    e.ThresholdsSet,
    e.ChargeDue,
    e.BalanceLow,
)
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
        market: The market after it.
    """

    command: c.Command | Order
    at: datetime
    due: tuple[e.Event, ...] = field(default=(), repr=brief)
    events: tuple[e.Event, ...] = field(default=(), repr=brief)
    verdicts: tuple[ExtensionVerdict, ...] = field(default=(), repr=brief)
    terms: tuple[TermChange, ...] = field(default=(), repr=brief)
    error: NumgeniusError | None = field(default=None, eq=told)
    market: Market
    _clients: Mapping[ContractId, AccountId] = field(
        factory=dict, converter=read_only, eq=False, repr=False
    )
    _asked: Mapping[int, ContractId] = field(
        factory=dict, converter=read_only, eq=False, repr=False
    )
    _hosts: Mapping[MachineId, AccountId] = field(
        factory=dict, converter=read_only, eq=False, repr=False
    )
    _renters: Mapping[VolumeId, AccountId] = field(
        factory=dict, converter=read_only, eq=False, repr=False
    )

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
        found = {account for event in self.events for account in self.concerns(event)}
        return tuple(sorted(found))

    def concerns(self, event: e.Event) -> tuple[AccountId, ...]:
        """Return whom an event of this preview concerns.

        That is the client of a contract or of a volume, else the host.

        Args:
            event: One of :attr:`events` or :attr:`due`.
        """
        contract, volume = contract_of(event, self._asked), volume_of(event)
        if volume is not None:
            known = self._renters.get(volume)
        elif contract is not None:
            known = self._clients.get(contract)
        elif isinstance(event, _OF_ACCOUNTS):
            known = event.account
        else:
            known = self._hosts.get(machine_of(event) or MachineId(0))
        return () if known is None else (known,)

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
        for event in self.events:
            if not isinstance(event, _OF_LISTING):
                yield _subject(event, self._asked), ", ".join(self.concerns(event)), *_facts(event)


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


def contract_of(event: e.Event, asked: Mapping[int, ContractId]) -> ContractId | None:
    """Return the contract that an event is about, ``None`` if it is about none."""
    if isinstance(event, e.ContractCreated):
        return event.contract.id
    if isinstance(event, e.ClientNotified):
        return event.notice.contract
    if isinstance(event, e.VolumeRented):
        return None
    found: ContractId | None = getattr(event, "contract", None)
    return asked.get(getattr(event, "increase", 0)) if found is None else found


def volume_of(event: e.Event) -> VolumeId | None:
    """Return the volume that an event is about, ``None`` if it is about none."""
    if isinstance(event, e.VolumeRented):
        return event.contract.id
    found: VolumeId | None = getattr(event, "volume", None)
    return found


def machine_of(event: e.Event) -> MachineId | None:
    """Return the machine that an event is about, ``None`` if it names none."""
    if isinstance(event, e.MachineListed):
        return event.listing.machine.id
    if isinstance(event, e.MachineAdded):
        return event.machine.id
    if isinstance(event, e.VolumeListed):
        return event.listing.machine
    found: MachineId | None = getattr(event, "machine", None)
    return found


def _subject(event: e.Event, asked: Mapping[int, ContractId]) -> str:
    contract, machine, volume = contract_of(event, asked), machine_of(event), volume_of(event)
    if volume is not None:
        return f"volume {volume}"
    if contract is not None:
        return f"contract {contract}"
    if machine is not None:
        return f"machine {machine}"
    return "account" if isinstance(event, _OF_ACCOUNTS) else "market"


def _facts(event: e.Event) -> tuple[str, str]:
    """Return what happens in words, and the facts that say why."""
    name = type(event).__name__
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    facts = []
    for reason in _REASONS:
        value = getattr(event, reason, None)
        if value is not None and value != "":
            text = str(getattr(value, "value", value))
            if isinstance(value, Fraction):  # months, of which a deposit buys odd parts
                text = f"{float(value):.2f}"
            facts.append(text if reason == "why" else f"{reason} {text}")
    return words.strip(), ", ".join(facts)


def preview(market: Market, command: c.Command | Order, at: datetime) -> Preview:
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
        raise WrongType("command", "a command of a market", shown(command))
    at = utc(at, "at")
    try:
        decision = decided(Builder(market), command, at)
    except NumgeniusError as refusal:
        return Preview(command=command, at=at, error=as_answer(refusal), market=market)
    before, after = advance_to(market, at).market.market(), decision.market.market()
    clients = {
        key: each.contract.client
        for part in (before, after)
        for state in part.machines.values()
        for key, each in state.instances.items()
    }
    return Preview(
        command=command,
        at=at,
        due=tuple(decision.events[: decision.begun]),
        events=tuple(decision.events[decision.begun :]),
        verdicts=decision.verdicts,
        terms=_terms(before, after, command, at),
        market=after,
        clients=clients,
        asked=_asked(before) | _asked(after),
        hosts={
            each.id: each.machine.host
            for part in (before, after)
            for each in part.machines.values()
        },
        renters={
            key: each.client
            for part in (before, after)
            for state in part.machines.values()
            for key, each in state.volumes.items()
        },
    )


def _asked(market: Market) -> dict[int, ContractId]:
    """Return the contract of each price increase that waits."""
    return {
        number: market.machines[machine].increases[number].contract.id
        for number, machine in market.asked.items()
    }


def _terms(
    before: Market, after: Market, command: c.Command | Order, at: datetime
) -> tuple[TermChange, ...]:
    """Return the terms of a listing that a command publishes; none if it publishes none."""
    if not isinstance(command, c.ListMachine | c.Relist):
        return ()
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
