"""A contract with the rates of its extensions: locked until each old end, then the new ones.

Rule (hosting guide, G3): a contract "locks prices, specs and end date"; (G9) it may be extended at
the same or lower prices, or at higher ones that its client accepts.

Our readings: until the old end the locked rates apply, after it the new ones, so a contract has a
segment of rates for each extension that changed them. An interruptible pays its own bid; where its
client accepted a floor above the bid, it pays at least that floor after the end it then had.
"""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

from attrs import evolve, frozen

from numgenius_core._checks import as_tuple, check_kind
from numgenius_core.contracts.contract import Contract
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.ids import MachineId
from numgenius_core.intervals import Interval, utc
from numgenius_core.listing import NO_FLOOR, Mode, PriceTerms
from numgenius_core.rates import PerHour


def is_later(end: datetime | None, than: datetime | None) -> bool:
    """Return whether one end date is later than another; ``None`` is never, later than any."""
    return than is not None and (end is None or end > than)


@frozen(kw_only=True)
class Segment:
    """Rates that apply from an instant on, until the next segment.

    Attributes:
        since: First instant at these rates.
        prices: What a client pays; of an interruptible, ``min_bid`` is the least its GPUs cost.
    """

    since: datetime
    prices: PriceTerms

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "since", utc(self.since, "segment.since"))
        check_kind(self.prices, PriceTerms, "segment.prices")


@frozen(kw_only=True)
class Term:
    """A contract with the rates of its extensions.

    Attributes:
        contract: With its locked prices and its present end.
        segments: The rates after each former end, in order of time; none if never extended.

    Raises:
        WrongType: A field of the wrong type.
        RuleViolation: Segments out of order, or outside the contract.
    """

    contract: Contract
    segments: tuple[Segment, ...] = ()

    def __attrs_post_init__(self) -> None:
        check_kind(self.contract, Contract, "term.contract")
        object.__setattr__(self, "segments", as_tuple(self.segments, "term.segments"))
        for index, segment in enumerate(self.segments):
            check_kind(segment, Segment, f"term.segments[{index}]")
        starts = [self.contract.start, *(segment.since for segment in self.segments)]
        for index, (before, since) in enumerate(pairwise(starts)):
            if since <= before or not is_later(self.contract.end, since):
                need = f"an instant after {before} and before the contract's end"
                raise RuleViolation(f"term.segments[{index}].since", need, str(since))

    @property
    def end(self) -> datetime | None:
        """When the contract expires; ``None`` is never."""
        return self.contract.end

    @property
    def last_prices(self) -> PriceTerms:
        """The prices that hold at its end: those an extension is compared with."""
        return self.segments[-1].prices if self.segments else self.contract.prices

    def prices_at(self, instant: datetime) -> PriceTerms:
        """Return the prices at an instant; before the first segment, the contract's own."""
        instant, prices = utc(instant), self.contract.prices
        for segment in self.segments:
            if segment.since <= instant:
                prices = segment.prices
        return prices

    def rates(self, period: Interval) -> tuple[tuple[Interval, PriceTerms], ...]:
        """Return the prices within a period, piece by piece, in order of time."""
        check_kind(period, Interval, "period")
        pieces = period.split(segment.since for segment in self.segments)
        return tuple((piece, self.prices_at(piece.start)) for piece in pieces)

    def gpu_rate_at(self, instant: datetime, bid: PerHour | None = None) -> PerHour:
        """Return what the GPUs cost while they run, dollars per hour for the whole instance.

        Args:
            instant: When.
            bid: Of an interruptible, the bid at that time; by default the contract's own.
        """
        contract, prices = self.contract, self.prices_at(instant)
        if bid is not None:
            check_kind(bid, PerHour, "bid")
        bid = contract.bid if bid is None else bid
        if contract.is_free_test:
            return PerHour(0)
        if bid is None:
            return prices.gpu.for_gpus(contract.block.size).scaled(1 - contract.discount)
        if self.segments and instant >= self.segments[0].since:
            return max(bid, prices.min_bid.for_gpus(contract.block.size))
        return bid

    def extended(self, end: datetime | None, prices: PriceTerms) -> Term:
        """Return the term with a later end, ``prices`` applying after the present one.

        An interruptible keeps its on-demand price, which it never pays.

        Raises:
            WrongType: No instant, or no prices.
            RuleViolation: ``end`` is not later than the present one.
        """
        end = None if end is None else utc(end, "end")
        check_kind(prices, PriceTerms, "prices")
        if not is_later(end, self.end) or self.end is None:
            raise RuleViolation("end", f"later than {self.end or 'never'}", str(end or "never"))
        before = self.last_prices
        if self.contract.mode is Mode.INTERRUPTIBLE:
            prices = evolve(prices, gpu=before.gpu)
            if not self.segments:  # no floor binds a bid yet, not even that of the rental
                before = evolve(before, min_bid=NO_FLOOR)
        new = () if prices == before else (Segment(since=self.end, prices=prices),)
        return Term(contract=evolve(self.contract, end=end), segments=(*self.segments, *new))


def as_term(contract: Contract | Term, path: str = "contract") -> Term:
    """Return a contract with its extensions; one that was just agreed has none.

    Raises:
        WrongType: It is neither a contract nor a term.
    """
    known = agreed(contract, path)
    return contract if isinstance(contract, Term) else Term(contract=known)


def agreed(contract: Contract | Term, path: str = "contract") -> Contract:
    """Return a contract without the rates of its extensions.

    Raises:
        WrongType: It is neither a contract nor a term.
    """
    known = contract.contract if isinstance(contract, Term) else contract
    if not isinstance(known, Contract):
        raise WrongType(path, "a Contract or a Term", shown(contract))
    return known


def check_belongs(contract: Contract, machine: MachineId, path: str) -> None:
    """Refuse the contract of another machine."""
    if contract.machine != machine:
        need, got = f"a contract of machine {machine}", f"machine {contract.machine}"
        raise RuleViolation(path, need, got)
