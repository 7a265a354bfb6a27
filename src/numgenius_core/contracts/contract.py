"""What was agreed: a contract, with the rates of its extensions.

Rule (hosting guide, G3): "when a client creates an instance, that creates a contract from the
listing. It locks prices, specs and end date"; (G9) it may be extended at the same or lower prices,
or at higher ones that its client accepts; (G10) hosts and clients use separate accounts, but a host
may test its own machine with a free instance. A type never changes, except on-demand → reserved.

Our readings: until the old end the locked rates apply, after it the new ones, so a contract has a
change of rates for each extension that changed them. An interruptible pays its own bid; where its
client accepted a floor above the bid, it pays at least that floor after the end it then had. Of a
promise of uptime its terms are locked, and its fee as a share of the price of GPUs and disk, which
falls with a price that an extension lowers.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from copy import copy
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from operator import attrgetter
from typing import Final

from attrs import evolve, field, frozen

from numgenius_core._accrual import discounted
from numgenius_core._checks import as_tuple, check_kind, check_text, keep_id
from numgenius_core._numbers import exact_number, fraction, keep_whole
from numgenius_core._terms import NO_FLOOR, check_bid
from numgenius_core.contracts.promises import covered, promise_fee
from numgenius_core.errors import RuleViolation, WrongType, brief, shown
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.intervals import Interval, utc
from numgenius_core.listing import Listing, Mode, PriceTerms
from numgenius_core.offer import Block
from numgenius_core.rates import PerHour
from numgenius_core.sla.covers import Cover
from numgenius_core.sla.schedules import OUR_RULES, SlaRules
from numgenius_core.sla.terms import SlaTerms, rented_terms
from numgenius_core.units import Exact, gigabytes

FREE_OF_CHARGE: Final = PerHour(0)
_NO_SHARE: Final = Fraction(0)
_SINCE: Final = attrgetter("since")


def is_later(end: datetime | None, than: datetime | None) -> bool:
    """Return whether one end date is later than another; ``None`` is never, later than any."""
    return than is not None and (end is None or end > than)


@frozen(kw_only=True)
class RateChange:
    """Rates that apply from an instant on, until the next change: those of an extension.

    Attributes:
        since: First instant at these rates; the end that the contract had before.
        prices: What a client pays; of an interruptible, ``min_bid`` is the least its GPUs cost.

    Raises:
        WrongType: ``since`` is no ``datetime``, or ``prices`` no ``PriceTerms``.
        RuleViolation: ``since`` has no time zone or a fraction of a second.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Block, Contract, Mode, PerGpuHour, PriceTerms
    >>> from numgenius_core.contracts import RateChange
    >>> change = RateChange(
    ...     since=datetime(2026, 4, 1, tzinfo=UTC), prices=PriceTerms(gpu=PerGpuHour("1.50"))
    ... )
    >>> contract = Contract(
    ...     id=7,
    ...     machine=1,
    ...     host="hanna",
    ...     client="anna",
    ...     mode=Mode.ON_DEMAND,
    ...     block=Block(start=0, size=2),
    ...     prices=PriceTerms(gpu=PerGpuHour("2.00")),
    ...     start=datetime(2026, 1, 5, tzinfo=UTC),
    ...     rate_changes=(change,),
    ... )
    >>> print(contract.gpu_rate_at(contract.start), contract.gpu_rate_at(change.since))
    4.00 3.00
    """

    since: datetime
    prices: PriceTerms

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "since", utc(self.since, "rate_change.since"))
        check_kind(self.prices, PriceTerms, "rate_change.prices")


def _discount(value: Exact) -> Fraction:
    return fraction(value, "contract.discount", below_one=True)


def _sla_share(value: Exact) -> Fraction:
    need = "a share of zero or more"
    share = exact_number(value, "contract.sla_share", need)
    if share < 0:
        raise RuleViolation("contract.sla_share", need, shown(value))
    return share or _NO_SHARE  # most contracts have none: one object for all of them


def _as_rate_changes(given: Iterable[RateChange]) -> tuple[RateChange, ...]:
    return as_tuple(given, "contract.rate_changes")


@frozen(kw_only=True)
class Contract:
    """An agreement between a client and a host, its terms locked (G3).

    Attributes:
        id: The marketplace's number for the contract and its instance.
        machine: The machine.
        host: Account of its owner.
        client: Account that pays; the host's own only for a free test (G10).
        mode: On-demand, reserved or interruptible.
        block: The GPUs it holds.
        prices: Locked at rental, the platform fee with them.
        disk_mb: Disk of the instance, whole MB.
        start: When it was made.
        end: When it expires; ``None`` is never.
        bid: Of an interruptible, dollars per hour for the whole instance; else ``None``.
        discount: Of a reserved one, the share taken off the GPU price; else 0.
        rate_changes: The rates of its extensions, in order of time, where they changed any.
        billed_test: Whether a host pays for testing its own machine, as for any rental: what a
            newer text of the marketplace says. The guide says that it is free (G10).
        sla: The promise that its client bought, claim, spread and target; ``None`` without one.
        sla_share: What the promise costs, a share of the price of GPUs and disk; 0 without one.

    Raises:
        WrongType: A field of another type; no bid of an interruptible.
        RuleViolation: A number or a share outside of its bounds, an end not after the start, a bid
            or a discount of another mode, a promise of one that is not on demand, a client's
            contract as a test, or changes of rates that are not in order and before the end.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Block, Contract, Mode, PerGpuHour, PerHour, PriceTerms
    >>> contract = Contract(
    ...     id=7,
    ...     machine=1,
    ...     host="hanna",
    ...     client="anna",
    ...     mode=Mode.INTERRUPTIBLE,
    ...     block=Block(start=0, size=2),
    ...     prices=PriceTerms(gpu=PerGpuHour("2.00")),
    ...     start=datetime(2026, 1, 5, tzinfo=UTC),
    ...     bid=PerHour("0.90"),
    ... )
    >>> print(contract.gpu_rate, contract.gpu_rate.UNIT)
    0.90 $/hour
    >>> contract.is_free_test, contract.active_at(datetime(2026, 1, 4, tzinfo=UTC))
    (False, False)
    """

    id: ContractId
    machine: MachineId
    host: AccountId
    client: AccountId
    mode: Mode
    block: Block
    prices: PriceTerms
    start: datetime
    end: datetime | None = None
    disk_mb: int = 0
    bid: PerHour | None = None
    discount: Fraction = field(default=Fraction(0), converter=_discount)
    rate_changes: tuple[RateChange, ...] = field(default=(), converter=_as_rate_changes, repr=brief)
    billed_test: bool = False
    sla: SlaTerms | None = None
    sla_share: Fraction = field(default=Fraction(0), converter=_sla_share)

    def __attrs_post_init__(self) -> None:
        keep_id(self, "id", "contract.id")
        keep_id(self, "machine", "contract.machine")
        check_text(self.host, "contract.host")
        check_text(self.client, "contract.client")
        check_kind(self.mode, Mode, "contract.mode")
        check_kind(self.block, Block, "contract.block")
        check_kind(self.prices, PriceTerms, "contract.prices")
        keep_whole(self, "disk_mb", "contract.disk_mb")
        object.__setattr__(self, "start", utc(self.start, "contract.start"))
        if self.end is not None:
            object.__setattr__(self, "end", utc(self.end, "contract.end"))
            if self.end <= self.start:
                need = f"an instant after its start {self.start}"
                raise RuleViolation("contract.end", need, str(self.end))
        check_kind(self.billed_test, bool, "contract.billed_test")
        if self.billed_test and self.client != self.host:
            raise RuleViolation("contract.billed_test", "False for a client's contract", "True")
        self._check_mode()
        if self.sla is not None or self.sla_share:
            self._check_promise()
        if self.rate_changes != ():
            self._check_rate_changes()

    def _check_rate_changes(self) -> None:
        changes = self.rate_changes
        for index, change in enumerate(changes):
            check_kind(change, RateChange, f"contract.rate_changes[{index}]")
        starts = [self.start, *(change.since for change in changes)]
        for index, (before, since) in enumerate(pairwise(starts)):
            if since <= before or not is_later(self.end, since):
                need = f"an instant after {before} and before the contract's end"
                raise RuleViolation(f"contract.rate_changes[{index}].since", need, str(since))

    def _check_mode(self) -> None:
        interruptible = self.mode is Mode.INTERRUPTIBLE
        if interruptible and type(self.bid) is not PerHour:
            raise WrongType("contract.bid", "PerHour for an interruptible", shown(self.bid))
        if not interruptible and self.bid is not None:
            raise RuleViolation("contract.bid", f"none for {self.mode.value}", shown(self.bid))
        share = self.discount
        if share and self.mode is not Mode.RESERVED:
            raise RuleViolation("contract.discount", f"0 for {self.mode.value}", str(share))
        if self.mode is Mode.RESERVED and self.is_free_test:
            raise RuleViolation("contract.client", "a paying client to prepay", "the host's own")

    def _check_promise(self) -> None:
        if self.sla is None:
            raise RuleViolation("contract.sla_share", "0 without a promise", str(self.sla_share))
        check_kind(self.sla, SlaTerms, "contract.sla")
        if self.mode is not Mode.ON_DEMAND or self.is_free_test:
            got = "the host's own" if self.is_free_test else self.mode.value
            raise RuleViolation("contract.sla", "an on-demand contract of a paying client", got)

    @property
    def is_free_test(self) -> bool:
        """Whether the host tests its own machine, and at no cost (G10)."""
        return self.client == self.host and not self.billed_test

    @property
    def gpu_rate(self) -> PerHour:
        """What its GPUs cost as agreed, while it runs: dollars per hour for the whole instance."""
        return self.gpu_rate_at(self.start)

    @property
    def last_prices(self) -> PriceTerms:
        """The prices that hold at its end: those that an extension is compared with."""
        return self.rate_changes[-1].prices if self.rate_changes else self.prices

    @property
    def disk_gb(self) -> Decimal:
        """Disk of the instance, GB."""
        return gigabytes(self.disk_mb)

    def active_at(self, instant: datetime) -> bool:
        """Return whether the contract is in force."""
        instant = utc(instant)
        return self.start <= instant and (self.end is None or instant < self.end)

    def prices_at(self, instant: datetime) -> PriceTerms:
        """Return the prices at an instant; before the first change of rates, those locked."""
        begun = bisect_right(self.rate_changes, utc(instant), key=_SINCE)
        return self.rate_changes[begun - 1].prices if begun else self.prices

    def rates(self, period: Interval) -> tuple[tuple[Interval, PriceTerms], ...]:
        """Return the prices within a period, piece by piece, in order of time."""
        check_kind(period, Interval, "period")
        pieces = period.split(change.since for change in self.rate_changes)
        return tuple((piece, self.prices_at(piece.start)) for piece in pieces)

    def gpu_rate_at(self, instant: datetime, bid: PerHour | None = None) -> PerHour:
        """Return what its GPUs cost while it runs, dollars per hour for the whole instance.

        Args:
            instant: When.
            bid: Of an interruptible, the bid at that time; by default the contract's own.
        """
        prices = self.prices_at(instant)
        if bid is not None:
            check_kind(bid, PerHour, "bid")
        bid = self.bid if bid is None else bid
        if self.is_free_test:
            return FREE_OF_CHARGE
        if bid is None:
            return discounted(prices.gpu.for_gpus(self.block.size), self.discount)
        if self.rate_changes and instant >= self.rate_changes[0].since:
            return max(bid, prices.min_bid.for_gpus(self.block.size))
        return bid

    def sla_fee_at(self, instant: datetime) -> PerHour:
        """Return what its promise costs while it runs, dollars per hour; 0 without one."""
        return PerHour(0) if self.sla is None else promise_fee(self, self.prices_at(instant))

    def cover_at(self, instant: datetime) -> Cover | None:
        """Return its promise with the prices that it covers at an instant; ``None`` without one."""
        if self.sla is None:
            return None
        prices = self.prices_at(instant)
        return Cover(
            terms=self.sla,
            compute=covered(self, prices),
            fee=promise_fee(self, prices),
            platform_fee=prices.platform_fee,
        )

    def extended(self, end: datetime | None, prices: PriceTerms) -> Contract:
        """Return the contract with a later end, ``prices`` applying after the present one.

        An interruptible keeps its on-demand price, which it never pays.

        Raises:
            RuleViolation: ``end`` is not later than the present one.
        """
        end = None if end is None else utc(end, "end")
        check_kind(prices, PriceTerms, "prices")
        if not is_later(end, self.end) or self.end is None:
            raise RuleViolation("end", f"later than {self.end or 'never'}", str(end or "never"))
        before = self.last_prices
        if self.mode is Mode.INTERRUPTIBLE:
            prices = evolve(prices, gpu=before.gpu)
            if not self.rate_changes:  # no floor binds a bid yet, not even that of the rental
                before = evolve(before, min_bid=NO_FLOOR)
        new = prices is not before and prices != before
        changes = (RateChange(since=self.end, prices=prices),) if new else ()
        # All else was checked when it was made, and the rate changes are in order with a new one
        # after them: to look at each at every extension would make n extensions n² work.
        extended = copy(self)
        object.__setattr__(extended, "end", end)
        object.__setattr__(extended, "rate_changes", (*self.rate_changes, *changes))
        return extended


def agree(
    listing: Listing,
    block: Block,
    *,
    id: ContractId,  # noqa: A002 - the field's own name
    client: AccountId,
    at: datetime,
    mode: Mode = Mode.ON_DEMAND,
    end: datetime | None = None,
    disk_mb: int = 0,
    bid: PerHour | None = None,
    billed_test: bool = False,
    target: Exact | None = None,
    sla: SlaRules = OUR_RULES,
) -> Contract:
    """Return the contract that a rental makes: the listing's terms, locked (G3).

    What other contracts say is the caller's to check: whether the block is offered and free
    (:mod:`numgenius_core.gpus`), and whether the bid wins (:mod:`numgenius_core.bids`).

    Args:
        listing: What the host publishes now.
        block: The GPUs wanted.
        id: Number of the new contract.
        client: Who rents; the host itself gets a free test instance (G10).
        at: Now.
        mode: On-demand or interruptible; a contract becomes reserved by prepaying
            (:func:`to_reserved`).
        end: An earlier end than the listing's, if the client wants one.
        disk_mb: Disk wanted, whole MB.
        bid: For an interruptible, dollars per hour for the whole instance.
        billed_test: Whether a host that rents its own machine pays for it (a newer text than G10).
        target: The uptime that the client wants promised; ``None`` is no promise.
        sla: What a promise costs; our schedules if left out.

    Raises:
        WrongType: ``listing`` is no ``Listing`` (its number will not do), ``block`` no ``Block``,
            ``at`` or ``end`` no ``datetime``, ``mode`` no ``Mode`` (not even its text), or an
            interruptible has no bid.
        RuleViolation: The listing has ended or ends before ``end``, the block leaves the machine,
            the bid is not what the market takes (:func:`~numgenius_core.bids.check_bid`), the
            contract would be reserved from the start, or the listing does not promise the target.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Block, Listing, Machine, PerGpuHour, PriceTerms, agree
    >>> machine = Machine(id=1, host="hanna", gpu_name="A100", gpus=4)
    >>> listing = Listing(
    ...     machine=machine,
    ...     prices=PriceTerms(gpu=PerGpuHour("2.00")),
    ...     end=datetime(2026, 3, 31, tzinfo=UTC),
    ... )
    >>> start = datetime(2026, 1, 5, tzinfo=UTC)
    >>> contract = agree(listing, Block(start=0, size=2), id=7, client="anna", at=start)
    >>> print(contract.host, contract.gpu_rate, contract.end.date())
    hanna 4.00 2026-03-31
    """
    check_kind(listing, Listing, "listing")
    check_kind(block, Block, "block")
    at = utc(at, "at")
    limit = listing.end_at(at)
    if limit is not None and limit <= at:
        raise RuleViolation("at", f"an instant before the listing's end {limit}", str(at))
    if end is not None and limit is not None and utc(end, "end") > limit:
        raise RuleViolation("end", f"at most the listing's end {limit}", str(end))
    if block.end > listing.machine.gpus:
        raise RuleViolation("block", f"slots below {listing.machine.gpus}", str(block))
    if type(mode) is not Mode:
        raise WrongType("mode", f"a Mode: {Mode.ON_DEMAND}, {Mode.INTERRUPTIBLE}", shown(mode))
    if mode is Mode.RESERVED:
        how = "agree on demand, then to_reserved; in a market rent, then Prepay"
        raise RuleViolation("mode", f"on-demand or interruptible ({how})", "reserved")
    if bid is not None and mode is Mode.INTERRUPTIBLE:
        check_bid(bid, block.size, listing.prices.min_bid)
    check_kind(sla, SlaRules, "sla")
    terms = None if target is None else rented_terms(listing.promise, target, mode)
    return Contract(
        id=id,
        machine=listing.machine.id,
        host=listing.machine.host,
        client=client,
        mode=mode,
        block=block,
        prices=listing.prices,
        start=at,
        end=limit if end is None else end,
        disk_mb=disk_mb,
        bid=bid,
        billed_test=billed_test,
        sla=terms,
        sla_share=Fraction(0) if terms is None else sla.fee.factor(terms),
    )


def to_reserved(contract: Contract, discount: Exact) -> Contract:
    """Return the contract after prepaying: the only change of type there is.

    Raises:
        RuleViolation: It is interruptible, a free test, or has a promise of uptime.

    >>> from datetime import UTC, datetime
    >>> from fractions import Fraction
    >>> from numgenius_core import Block, Listing, Machine, PerGpuHour, PriceTerms, agree
    >>> from numgenius_core.contracts import to_reserved
    >>> machine = Machine(id=1, host="hanna", gpu_name="A100", gpus=4)
    >>> listing = Listing(
    ...     machine=machine,
    ...     prices=PriceTerms(gpu=PerGpuHour("2.00")),
    ...     end=datetime(2026, 3, 31, tzinfo=UTC),
    ... )
    >>> start = datetime(2026, 1, 5, tzinfo=UTC)
    >>> contract = agree(listing, Block(start=0, size=2), id=7, client="anna", at=start)
    >>> reserved = to_reserved(contract, Fraction(2, 5))
    >>> print(reserved.mode.value, contract.gpu_rate, reserved.gpu_rate)
    reserved 4.00 2.40
    """
    check_kind(contract, Contract, "contract")
    if contract.mode is Mode.INTERRUPTIBLE:
        raise RuleViolation("contract.mode", "on-demand or reserved to prepay", "interruptible")
    if contract.sla is not None:
        raise RuleViolation("contract", "one without a promise, to prepay", "one with a promise")
    return evolve(contract, mode=Mode.RESERVED, discount=discount)


def check_contracts(
    contracts: Iterable[Contract], machine: MachineId | None = None, path: str = "contracts"
) -> tuple[Contract, ...]:
    """Return the contracts of one machine as a tuple, refusing anything else.

    Without a ``machine`` they must be of the same one, whichever it is.
    """
    known = as_tuple(contracts, path)
    for index, contract in enumerate(known):
        check_kind(contract, Contract, f"{path}[{index}]")
        check_belongs(
            contract, known[0].machine if machine is None else machine, f"{path}[{index}]"
        )
    return known


def check_belongs(contract: Contract, machine: MachineId, path: str) -> None:
    """Refuse the contract of another machine."""
    if contract.machine != machine:
        need, got = f"a contract of machine {machine}", f"machine {contract.machine}"
        raise RuleViolation(path, need, got)
