"""What a new listing does to the contracts that exist, and what they cost from when on.

Rule (hosting guide, G9): "to extend all current contracts on a machine, change the end date to a
later time with the same or lower pricing. With raised pricing, current contracts cannot be
extended"; (G3) a contract locks prices and end date. The marketplace asks the client of such a
contract instead: a pending price increase shows the old and new price of each raised part, the
contract's end and the new one. Accepted, the contract is extended, the new rate applying only
after its current end; rejected or left, it ends as agreed.

Compared are GPU, storage, upload and download price and the platform's fee. A shorter end date, a
new price or unlisting never changes an existing contract.

A contract with a promise of uptime keeps its terms. A listing that would raise its fee, or whose
claim is below its target, skips it that time, and nobody is asked.

Our readings: until the old end the locked rates apply, after it the new ones. A contract that was
extended before is compared by the last of its rates. An interruptible compares storage,
traffic and fee, and its own bid against the new floor; where its client accepts a floor above the
bid, it pays at least that floor after the current end. A contract without an end cannot be
extended: no end is later. A question stays open until it is answered, the contract ends or the host
lists the machine anew; relisting, which changes some terms, takes none back, and neither does
unlisting, which keeps others out.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

from attrs import field, frozen

from numgenius_core._checks import as_tuple, check_kind
from numgenius_core.contracts.contract import Contract, check_contracts, is_later
from numgenius_core.contracts.promises import promise_obstacle
from numgenius_core.contracts.reasons import NotExtended, Stale
from numgenius_core.errors import RuleViolation, brief
from numgenius_core.ids import ContractId
from numgenius_core.intervals import Interval, utc
from numgenius_core.listing import Listing, Mode, PriceTerms
from numgenius_core.rates import Rate
from numgenius_core.sla.schedules import OUR_RULES, SlaRules
from numgenius_core.units import SECONDS_PER_DAY

_COMPARED: Final = ("gpu", "storage", "upload", "download", "platform_fee")


@frozen(kw_only=True)
class Raise:
    """One part of the price that a new listing raises.

    Attributes:
        part: ``gpu``, ``storage``, ``upload``, ``download``, ``platform_fee``, or ``min_bid``
            where a floor is above an interruptible's bid.
        old: Locked: the rate or share; of ``min_bid``, the bid for the whole instance.
        new: Asked for, in the same unit.
    """

    part: str
    old: Rate | Fraction
    new: Rate | Fraction

    def __str__(self) -> str:
        return f"{self.part} {self.old} → {self.new}"


@frozen(kw_only=True)
class Extended:
    """A contract that a new listing extended.

    Attributes:
        contract: As it is now.
        old_end: When it would have expired.
    """

    contract: Contract
    old_end: datetime

    @property
    def end(self) -> datetime | None:
        """When it expires now; ``None`` is never."""
        return self.contract.end


@frozen(kw_only=True)
class Unchanged:
    """A contract that a new listing left as it was.

    Attributes:
        contract: As it was and is.
        why: The reason.
        raised: With :attr:`NotExtended.RAISED` and :attr:`NotExtended.REJECTED`, each raised part.
    """

    contract: Contract
    why: NotExtended
    raised: tuple[Raise, ...] = field(default=(), repr=brief)


@frozen(kw_only=True)
class PendingIncrease:
    """A higher price that waits for the client: it is extended only if it accepts.

    Attributes:
        contract: As it is until then.
        raised: Each raised part, old and new.
        new_end: When the contract would end; ``None`` is never.
        listing: The listing that asks. A machine that is listed anew supersedes it; a relisting
            does not.
    """

    contract: Contract
    raised: tuple[Raise, ...] = field(repr=brief)
    new_end: datetime | None
    listing: Listing

    @property
    def contract_end(self) -> datetime | None:
        """When the contract ends if its client does nothing."""
        return self.contract.end


ExtensionVerdict = Extended | Unchanged | PendingIncrease
"""What a new listing does to one contract."""


@frozen(kw_only=True)
class Extension:
    """What a new listing does to each contract of its machine, in the order they came.

    Attributes:
        verdicts: One for each contract.
    """

    verdicts: tuple[ExtensionVerdict, ...] = field(repr=brief)

    @property
    def extended(self) -> int:
        """How many contracts were extended."""
        return sum(type(verdict) is Extended for verdict in self.verdicts)

    @property
    def contracts(self) -> tuple[Contract, ...]:
        """Every contract as it is now."""
        return tuple(verdict.contract for verdict in self.verdicts)

    @property
    def pending(self) -> tuple[PendingIncrease, ...]:
        """The price increases that wait for a client."""
        return tuple(v for v in self.verdicts if isinstance(v, PendingIncrease))

    def __str__(self) -> str:
        return f"extended: {self.extended}"


def extend(
    contracts: Iterable[Contract],
    listing: Listing,
    *,
    at: datetime,
    opted_out: Iterable[ContractId] = (),
    asked: Iterable[ContractId] = (),
    ask: bool = True,
    sla: SlaRules = OUR_RULES,
) -> Extension:
    """Return what a new listing does to the contracts of its machine (G9).

    Args:
        contracts: Of the listing's machine, as agreed or as extended before.
        listing: What the host publishes now.
        at: Now; a rolling end counts from it.
        opted_out: Contracts whose client does not want to be extended.
        asked: Contracts for which a price increase waits: nothing else extends these.
        ask: Make a pending increase of a raised price; otherwise it is refused outright.
        sla: What promises of uptime cost now; our schedules if left out.

    Raises:
        WrongType: ``listing`` is no ``Listing``, ``at`` no ``datetime``, ``opted_out`` one number
            instead of several, or one of ``contracts`` no ``Contract``.
        RuleViolation: A contract of another machine.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Block, Listing, Machine, PerGpuHour, PriceTerms, agree, extend
    >>> machine = Machine(id=1, host="hanna", gpu_name="A100", gpus=4)
    >>> listing = Listing(
    ...     machine=machine,
    ...     prices=PriceTerms(gpu=PerGpuHour("2.00")),
    ...     end=datetime(2026, 3, 31, tzinfo=UTC),
    ... )
    >>> start = datetime(2026, 1, 5, tzinfo=UTC)
    >>> contract = agree(listing, Block(start=0, size=2), id=7, client="anna", at=start)
    >>> later = Listing(
    ...     machine=machine,
    ...     prices=PriceTerms(gpu=PerGpuHour("1.80")),
    ...     end=datetime(2026, 6, 30, tzinfo=UTC),
    ... )
    >>> now = datetime(2026, 3, 1, tzinfo=UTC)
    >>> answer = extend([contract], later, at=now)
    >>> print(answer)
    extended: 1
    >>> [longer] = answer.contracts
    >>> print(longer.end.date(), longer.gpu_rate_at(now), longer.gpu_rate_at(contract.end))
    2026-06-30 4.00 3.60
    """
    check_kind(listing, Listing, "listing")
    at = utc(at, "at")
    spared, waiting = as_tuple(opted_out, "opted_out"), as_tuple(asked, "asked")
    check_kind(sla, SlaRules, "sla")
    end = listing.end_at(at)
    known = check_contracts(contracts, listing.machine.id)
    judged = (_judge(contract, listing, end, at, spared, waiting, ask, sla) for contract in known)
    return Extension(verdicts=tuple(judged))


def _judge(
    contract: Contract,
    listing: Listing,
    end: datetime | None,
    at: datetime,
    spared: tuple[ContractId, ...],
    waiting: tuple[ContractId, ...],
    ask: bool,
    sla: SlaRules,
) -> ExtensionVerdict:
    old_end = contract.end
    if old_end is not None and old_end <= at:
        return Unchanged(contract=contract, why=NotExtended.EXPIRED)
    if old_end is None or not is_later(end, old_end):
        return Unchanged(contract=contract, why=NotExtended.NOT_LATER)
    if contract.id in waiting:
        return Unchanged(contract=contract, why=NotExtended.PENDING)
    if contract.id in spared:
        return Unchanged(contract=contract, why=NotExtended.OPTED_OUT)
    obstacle = promise_obstacle(contract, listing.promise, listing.prices, sla)
    if obstacle is not None:
        return Unchanged(contract=contract, why=obstacle)
    raised = raised_by(contract, listing.prices)
    if not raised:
        return Extended(contract=contract.extended(end, listing.prices), old_end=old_end)
    if ask:
        return PendingIncrease(contract=contract, raised=raised, new_end=end, listing=listing)
    return Unchanged(contract=contract, why=NotExtended.RAISED, raised=raised)


def raised_by(contract: Contract, prices: PriceTerms) -> tuple[Raise, ...]:
    """Return each part of the price that ``prices`` raises, in the order of the price list."""
    if contract.is_free_test:
        return ()  # it pays none of them
    locked, found = contract.last_prices, list[Raise]()
    bids = contract.mode is Mode.INTERRUPTIBLE
    if locked is prices and not bids:
        return ()  # most often, of an end that rolls
    for part in _COMPARED[1:] if bids else _COMPARED:
        old, new = getattr(locked, part), getattr(prices, part)
        if new > old:
            found.append(Raise(part=part, old=old, new=new))
    if bids and contract.end is not None:
        # What it pays at its end: the bid, or the floor that an earlier increase raised it to.
        bid, floor = (
            contract.gpu_rate_at(contract.end),
            prices.min_bid.for_gpus(contract.block.size),
        )
        if floor > bid:
            found.append(Raise(part="min_bid", old=bid, new=floor))
    return tuple(found)


def staleness(
    pending: PendingIncrease, contract: Contract, *, at: datetime, listing: Listing | None = None
) -> Stale | None:
    """Return why a pending increase can no longer be accepted, ``None`` if it can.

    Args:
        pending: What the client was asked.
        contract: The contract as it is now.
        at: Now.
        listing: What the host has listed anew since; by default nothing, as after a relisting,
            which takes no question back.

    Raises:
        WrongType: ``pending`` is no ``PendingIncrease`` (its number will not do), ``contract`` no
            ``Contract``, ``at`` no ``datetime`` or ``listing`` no ``Listing``.
        RuleViolation: ``contract`` is another contract.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Block, Listing, Machine, PerGpuHour, PriceTerms, agree, extend
    >>> from numgenius_core.contracts.extension import staleness
    >>> machine = Machine(id=1, host="hanna", gpu_name="A100", gpus=4)
    >>> listing = Listing(
    ...     machine=machine,
    ...     prices=PriceTerms(gpu=PerGpuHour("2.00")),
    ...     end=datetime(2026, 3, 31, tzinfo=UTC),
    ... )
    >>> start = datetime(2026, 1, 5, tzinfo=UTC)
    >>> contract = agree(listing, Block(start=0, size=2), id=7, client="anna", at=start)
    >>> later = Listing(
    ...     machine=machine,
    ...     prices=PriceTerms(gpu=PerGpuHour("2.50")),
    ...     end=datetime(2026, 6, 30, tzinfo=UTC),
    ... )
    >>> now = datetime(2026, 3, 1, tzinfo=UTC)
    >>> [pending] = extend([contract], later, at=now).pending
    >>> print(staleness(pending, contract, at=now))
    None
    >>> staleness(pending, contract, at=now, listing=listing)
    <Stale.SUPERSEDED: 'superseded'>
    """
    check_kind(pending, PendingIncrease, "pending")
    check_kind(contract, Contract, "contract")
    if listing is not None:
        check_kind(listing, Listing, "listing")
    if contract.id != pending.contract.id:
        need = f"contract {pending.contract.id}"
        raise RuleViolation("contract", need, f"contract {contract.id}")
    if contract.end is not None and contract.end <= utc(at, "at"):
        return Stale.ENDED
    if contract.end != pending.contract_end:
        return Stale.EXTENDED
    if listing is not None and listing != pending.listing:
        return Stale.SUPERSEDED
    return None


def accept(
    pending: PendingIncrease, contract: Contract, *, at: datetime, listing: Listing | None = None
) -> Extended:
    """Return the contract extended at the higher price, which applies after its current end.

    Args:
        pending: What the client was asked.
        contract: The contract as it is now.
        at: Now.
        listing: What the host has listed anew since; by default nothing, as after a relisting,
            which takes no question back.

    Raises:
        WrongType: ``pending`` is no ``PendingIncrease`` (its number will not do), ``contract`` no
            ``Contract``, ``at`` no ``datetime`` or ``listing`` no ``Listing``.
        RuleViolation: The increase is stale (see :class:`Stale`).

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Block, Listing, Machine, PerGpuHour, PriceTerms, agree, extend
    >>> from numgenius_core.contracts import accept
    >>> machine = Machine(id=1, host="hanna", gpu_name="A100", gpus=4)
    >>> listing = Listing(
    ...     machine=machine,
    ...     prices=PriceTerms(gpu=PerGpuHour("2.00")),
    ...     end=datetime(2026, 3, 31, tzinfo=UTC),
    ... )
    >>> start = datetime(2026, 1, 5, tzinfo=UTC)
    >>> contract = agree(listing, Block(start=0, size=2), id=7, client="anna", at=start)
    >>> later = Listing(
    ...     machine=machine,
    ...     prices=PriceTerms(gpu=PerGpuHour("2.50")),
    ...     end=datetime(2026, 6, 30, tzinfo=UTC),
    ... )
    >>> now = datetime(2026, 3, 1, tzinfo=UTC)
    >>> [pending] = extend([contract], later, at=now).pending
    >>> print(*pending.raised)
    gpu 2.00 → 2.50
    >>> print(accept(pending, contract, at=now).end.date())
    2026-06-30
    """
    stale = staleness(pending, contract, at=at, listing=listing)
    if stale is not None or contract.end is None:
        reason = "nothing" if stale is None else stale.value
        raise RuleViolation("pending", "an increase that is still open", reason)
    later = contract.extended(pending.new_end, pending.listing.prices)
    return Extended(contract=later, old_end=contract.end)


def reject(pending: PendingIncrease, contract: Contract) -> Unchanged:
    """Return the contract as it was: it ends as agreed.

    Raises:
        WrongType: ``pending`` is no ``PendingIncrease``, or ``contract`` no ``Contract``.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Block, Listing, Machine, PerGpuHour, PriceTerms, agree, extend
    >>> from numgenius_core.contracts import reject
    >>> machine = Machine(id=1, host="hanna", gpu_name="A100", gpus=4)
    >>> listing = Listing(
    ...     machine=machine,
    ...     prices=PriceTerms(gpu=PerGpuHour("2.00")),
    ...     end=datetime(2026, 3, 31, tzinfo=UTC),
    ... )
    >>> start = datetime(2026, 1, 5, tzinfo=UTC)
    >>> contract = agree(listing, Block(start=0, size=2), id=7, client="anna", at=start)
    >>> later = Listing(
    ...     machine=machine,
    ...     prices=PriceTerms(gpu=PerGpuHour("2.50")),
    ...     end=datetime(2026, 6, 30, tzinfo=UTC),
    ... )
    >>> now = datetime(2026, 3, 1, tzinfo=UTC)
    >>> [pending] = extend([contract], later, at=now).pending
    >>> answer = reject(pending, contract)
    >>> print(answer.why.value, answer.contract.end.date())
    rejected 2026-03-31
    """
    check_kind(pending, PendingIncrease, "pending")
    check_kind(contract, Contract, "contract")
    return Unchanged(contract=contract, why=NotExtended.REJECTED, raised=pending.raised)


def roll(
    contracts: Iterable[Contract],
    listing: Listing,
    period: Interval,
    *,
    opted_out: Iterable[ContractId] = (),
) -> tuple[Contract, ...]:
    """Return the contracts after a period of daily rolls: each day the end is set anew.

    The first roll is at the period's start, each further one a day later, the last before its
    end. Where the listing has a fixed end, the first roll does all there is to do.

    Raises:
        WrongType: ``period`` is no ``Interval``, ``listing`` no ``Listing`` or a contract no
            ``Contract``.
        RuleViolation: A contract of another machine, or an end beyond the calendar.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Block, Interval, Listing, Machine, PerGpuHour, PriceTerms, agree
    >>> from numgenius_core.contracts import roll
    >>> machine = Machine(id=1, host="hanna", gpu_name="A100", gpus=4)
    >>> prices = PriceTerms(gpu=PerGpuHour("2.00"))
    >>> listing = Listing(machine=machine, prices=prices, rolling=timedelta(days=30))
    >>> start = datetime(2026, 1, 1, tzinfo=UTC)
    >>> contract = agree(listing, Block(start=0, size=2), id=7, client="anna", at=start)
    >>> week = Interval(start, start + timedelta(days=7))
    >>> [rolled] = roll([contract], listing, week)
    >>> print(contract.end.date(), rolled.end.date())
    2026-01-31 2026-02-06
    """
    check_kind(period, Interval, "period")
    check_kind(listing, Listing, "listing")
    known = check_contracts(contracts, listing.machine.id)
    for day in range(-(-period.seconds // SECONDS_PER_DAY)):
        at = period.start + timedelta(days=day)
        known = extend(known, listing, at=at, opted_out=opted_out).contracts
    return known
