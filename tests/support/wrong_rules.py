"""Re-implementations of each rule that are wrong on purpose: mistakes that people would make.

Each is caught by the laws that the library exports (``test_laws.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import isqrt
from typing import Any, Final

from attrs import evolve

from numgenius_core.bids import Claim, Rank, quoted_min_bid, resolve, winning_bid
from numgenius_core.billing import History, MachineWent, Moved, Prepaid, Refunded, Transferred
from numgenius_core.contracts import NEXT, Contract, InstanceEvent, InstanceState, extend
from numgenius_core.gpus import blocks, rentable_blocks
from numgenius_core.ids import AccountId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Listing, Mode
from numgenius_core.money import Money
from numgenius_core.offer import Block, Offer
from numgenius_core.prices import CurveSchedule, refund
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.testing import RULES, dollars
from numgenius_core.units import SECONDS_PER_MONTH
from wrong_frames import WRONG_FRAMES
from wrong_markets import WRONG_MARKETS
from wrong_plans import WRONG_PLANS
from wrong_promises import WRONG_PROMISES
from wrong_searches import WRONG_SEARCHES

Cells = list[tuple[int, int]]
ours: Final = {name: rule.ours for name, rule in RULES.items()}


# -- GPUs --------------------------------------------------------------------------------------


def only_whole_blocks(gpus: int, min_gpu: int) -> Cells:
    """Forget the remainders."""
    sizes = [1 << k for k in range(13) if min_gpu <= 1 << k <= gpus]
    return [(size, start) for size in sizes for start in range(0, gpus - size + 1, size)]


def every_cut_counts(gpus: int, min_gpu: int) -> Cells:
    """Offer the remainder of each cut, though it is one offer."""
    found = [(b.size, b.start) for b in blocks(gpus, min_gpu)]
    return [*found, *(cell for cell in found[:1] if cell[0] < min_gpu)]


def sliding_blocks(gpus: int, min_gpu: int) -> Cells:
    """Let blocks start anywhere."""
    sizes = {block.size for block in blocks(gpus, min_gpu)}
    return [(size, start) for size in sizes for start in range(gpus - size + 1)]


def down_to_one(gpus: int, min_gpu: int) -> tuple[Block, ...]:
    """Ignore ``min_gpu``."""
    return blocks(gpus, 1) if min_gpu else ()


def first_gpu_only(gpus: int, min_gpu: int, held: frozenset[int]) -> list[Block]:
    """Look at the first GPU of a block only."""
    return [block for block in blocks(gpus, min_gpu) if block.start not in held]


def no_remainder_is_free(gpus: int, min_gpu: int, held: frozenset[int]) -> list[Block]:
    """Offer no block smaller than ``min_gpu``."""
    return [b for b in rentable_blocks(gpus, min_gpu, occupied=held) if b.size >= min_gpu]


def first_fit(gpus: int, min_gpu: int, held: frozenset[int], size: int) -> Block | None:
    """Take the first block that is free, whatever that spoils."""
    there = (block for block in rentable_blocks(gpus, min_gpu, occupied=held) if block.size == size)
    return next(there, None)


def any_free_gpus(
    gpus: int, min_gpu: int, held: frozenset[int], size: int
) -> tuple[int, int] | None:
    """Take the first gap that is long enough, on no block boundary."""
    for start in range(gpus - size + 1):
        if held.isdisjoint(range(start, start + size)):
            return size, start
    return None


def never_moves(
    gpus: int, min_gpu: int, held: Mapping[Any, Block], movable: frozenset[Any], size: int
) -> Any:
    """Give up where a move is needed."""
    moves = ours["defragmentation"](gpus, min_gpu, held, movable, size)
    return moves or None


def moves_anyone(
    gpus: int, min_gpu: int, held: Mapping[Any, Block], movable: frozenset[Any], size: int
) -> Any:
    """Move contracts that may not be moved."""
    return ours["defragmentation"](gpus, min_gpu, held, frozenset(held), size)


def moves_at_once(
    gpus: int, min_gpu: int, held: Mapping[Any, Block], movable: frozenset[Any], size: int
) -> Any:
    """Plan moves that overlap, as if they all happened at once: into the wanted block."""
    moves = ours["defragmentation"](gpus, min_gpu, held, movable, size)
    return moves and [(key, (start + held[key].size) % gpus) for key, start in moves]


# -- money -------------------------------------------------------------------------------------


def cents_each(price: PerGpuHour, gpus: int, seconds: int) -> Decimal:
    """Round each charge to a cent."""
    exact: Decimal = price.charge(gpus, seconds).to_decimal(9)
    return exact.quantize(Decimal("0.01"), ROUND_HALF_UP)


def whole_hours(price: PerGpuHour, gpus: int, seconds: int) -> Money:
    """Bill every hour that has begun."""
    return price.charge(gpus, -(-seconds // 3_600) * 3_600)


def for_one_gpu(price: PerGpuHour, gpus: int, seconds: int) -> Money:
    """Take the price of a GPU for the price of the instance."""
    return price.charge(min(gpus, 1), seconds)


def each_part_rounded(amount: Money, weights: Sequence[int]) -> list[Decimal]:
    """Round every part by itself, so that cents get lost."""
    return [(amount.scaled(Fraction(w, sum(weights)))).to_decimal(2) for w in weights]


def rest_to_the_first(amount: Money, weights: Sequence[int]) -> list[Decimal]:
    """Give what does not divide to the first part, however much it is."""
    cents = amount.cents()
    parts = [cents * weight // sum(weights) for weight in weights]
    parts[0] += cents - sum(parts)
    return [Decimal(part).scaleb(-2) for part in parts]


def month_of_730_hours(offer: Offer, seconds: int, disk: int, sent: int, received: int) -> Fraction:
    """Take the average calendar month for the month of a price."""
    right = dollars(ours["quote"](offer, seconds, 0, sent, received))
    hours = Fraction(seconds, 3_600)
    return right + dollars(offer.prices.storage) * Fraction(disk, 1_000) * hours / 730


def no_traffic(offer: Offer, seconds: int, disk: int, sent: int, received: int) -> Any:
    """Forget that what is received costs too."""
    return ours["quote"](offer, seconds, disk, sent, 0 * received)


def price_of_the_offer(offer: Offer, seconds: int, disk: int, sent: int, received: int) -> Fraction:
    """Take the price per GPU for the price of the offer."""
    right = dollars(ours["quote"](offer, seconds, disk, sent, received))
    return right - dollars(offer.prices.gpu.charge(offer.gpus - 1, seconds))


def tebibytes(offer: Offer, seconds: int, disk: int, sent: int, received: int) -> Any:
    """Take a GB of 1,024³ bytes."""
    right = dollars(ours["quote"](offer, seconds, disk, 0, 0))
    up, down = dollars(offer.prices.upload), dollars(offer.prices.download)
    return right + (up * sent + down * received) / 1_024**3


def full_at_once(factor: Fraction, months: Fraction) -> Fraction:
    """Take the factor for the discount of any time."""
    return factor if months else Fraction(0)


def calendar_months(factor: Fraction, months: Fraction) -> Fraction:
    """Count months of 730 hours."""
    real = months * 720 / 730
    return factor * real / (real + 1)


def linear_to_a_year(factor: Fraction, months: Fraction) -> Fraction:
    """Let the discount grow by the same each month."""
    return min(factor, factor * months / 12)


def grows_without_end(factor: Fraction, months: Fraction) -> Fraction:
    """Let the discount grow past the factor."""
    return factor * months / (2 if months <= 1 else Fraction(5, 2))


def full_price(price: PerHour, factor: Fraction, months: Fraction) -> Fraction:
    """Prepay without the discount."""
    return 720 * dollars(price) * months


def a_year_at_most(price: PerHour, factor: Fraction, months: Fraction) -> Fraction:
    """Ask for no more than what a year costs."""
    return dollars(ours["deposit"](price, factor, min(months, Fraction(12))))


def discount_twice(price: PerHour, factor: Fraction, months: Fraction) -> Fraction:
    """Take the discount off twice."""
    rate = factor * months / (months + 1)
    return 720 * dollars(price) * months * (1 - rate) ** 2


def at_full_price(price: PerHour, factor: Fraction, deposit: Money) -> Fraction:
    """Count the months that the deposit pays without the discount."""
    return dollars(deposit) / (720 * dollars(price))


def at_the_greatest_discount(price: PerHour, factor: Fraction, deposit: Money) -> Fraction:
    """Count the months at the greatest discount."""
    return dollars(deposit) / (720 * dollars(price) * (1 - factor))


def at_most_a_year(price: PerHour, factor: Fraction, deposit: Money) -> Fraction:
    """Sell no more than a year."""
    found: Fraction = ours["months"](price, factor, deposit)
    return min(Fraction(12), found)


def a_little_less(price: PerHour, factor: Fraction, deposit: Money) -> Fraction:
    """Take a quoted deposit for exact: rounded down, it buys a part of a second less."""
    full = dollars(deposit) / (720 * dollars(price))
    root = (1 - full) ** 2 + 4 * (1 - factor) * full
    exact = Fraction(isqrt(root.numerator * 10**60 // root.denominator), 10**30)
    return max(Fraction(0), (exact - 1 + full) / (2 * (1 - factor)))


def as_asked(
    price: PerGpuHour, factor: Fraction, months: Fraction, seconds: int, fee: Fraction
) -> tuple[Money, Money, Money]:
    """Take the discount of the months asked for: the market sees the deposit alone."""
    full, curve = PerHour.from_steps(price.steps), CurveSchedule(factor)
    discount, deposit = curve.discount(months), curve.deposit(full, months)
    cheap = full.scaled(1 - discount)
    lasts = min(seconds, -(-deposit.ticks // cheap.charge(1).ticks)) if discount else 0
    ended = refund(full, discount, deposit, lasts)
    rest = full.charge(seconds - lasts)
    lost = ended.fee if discount else Money(0)
    total = cheap.charge(lasts) + rest + lost
    kept = cheap.scaled(fee).charge(lasts) + full.scaled(fee).charge(seconds - lasts)
    kept += lost.scaled(fee)
    return total, total - kept, kept


def a_share_of_the_total(*case: Any) -> tuple[Money, Money, Money]:
    """Take the platform's share of the total, not of each price."""
    total, _, _ = ours["reserved_quote"](*case)
    kept = total.scaled(case[-1])
    return total, total - kept, kept


def gone_without_a_fee(
    price: PerGpuHour, factor: Fraction, months: Fraction, seconds: int, fee: Fraction
) -> Any:
    """Pay all of it back that is not used, whenever the client leaves."""
    whole = int(months * SECONDS_PER_MONTH)
    if not 0 < seconds < whole:
        return ours["reserved_quote"](price, factor, months, seconds, fee)
    found = ours["reserved_quote"](price, factor, months, whole, fee)
    return tuple(amount.scaled(Fraction(seconds, whole)) for amount in found)


def no_five_per_cent(
    price: PerHour, discount: Fraction, deposit: Money, used: int, broken: bool
) -> Money:
    """Forget the 5 % fee."""
    cheap = price.scaled(1 - discount)
    left = deposit - min(cheap.charge(used), deposit)
    back = left - (price.charge(used) - cheap.charge(used))
    return left if broken else max(Money(0), back)


def may_be_negative(
    price: PerHour, discount: Fraction, deposit: Money, used: int, broken: bool
) -> Fraction:
    """Ask the client to pay more back than there is."""
    if broken:
        return dollars(ours["refund"](price, discount, deposit, used, True))
    cheap = price.scaled(1 - discount)
    received = dollars(price.charge(used)) - dollars(cheap.charge(used))
    left = max(Fraction(0), dollars(deposit) - dollars(cheap.charge(used)))
    return left - Fraction(21, 20) * received


def broken_or_not(
    price: PerHour, discount: Fraction, deposit: Money, used: int, broken: bool
) -> Any:
    """Take the discount back from the clients of a broken machine too."""
    return ours["refund"](price, discount, deposit, used, broken and not discount)


# -- bids --------------------------------------------------------------------------------------


def greedily(claims: Iterable[Claim], floor: PerGpuHour) -> list[int]:
    """Let them run in an order already decided."""
    taken, runs = 0, []
    for claim in claims:
        if not claim.block.gpu_set & taken and not claim.is_under(floor):
            taken |= claim.block.gpu_set
            runs.append(int(claim.id))
    return runs


def by_the_whole_bid(claims: Sequence[Claim], floor: PerGpuHour) -> list[int]:
    """Compare bids for the whole instance, not per GPU."""

    def key(claim: Claim) -> tuple[int, int, int]:
        return (
            list(Rank).index(claim.rank),
            -(claim.bid.steps if claim.bid else 0),
            claim.arrival,
        )

    return greedily(sorted(claims, key=key), floor)


def newest_first(claims: Sequence[Claim], floor: PerGpuHour) -> list[int]:
    """Let a newcomer with an equal bid push the incumbent out."""
    turned = [evolve(claim, arrival=1_000 - claim.arrival) for claim in claims]
    return [int(claim.id) for claim in resolve(turned, floor).running]


def no_floor(claims: Sequence[Claim], floor: PerGpuHour) -> list[int]:
    """Forget the host's floor."""
    del floor
    return [int(claim.id) for claim in resolve(claims).running]


def stops_at_the_first(claims: Sequence[Claim], floor: PerGpuHour) -> list[int]:
    """Let nobody run after the first who has to wait."""
    answer = resolve(claims, floor)
    first = min((c for c in answer.waiting), key=lambda c: -c.level, default=None)
    return [int(c.id) for c in answer.running if first is None or c.outranks(first)]


def nobody(claims: Sequence[Claim], floor: PerGpuHour) -> list[int]:
    """Let nobody run."""
    return []


def everyone(claims: Sequence[Claim], floor: PerGpuHour) -> list[int]:
    """Let all run that are not under the floor."""
    return [int(claim.id) for claim in claims if not claim.is_under(floor)]


def equal_wins(block: Block, running: Sequence[Claim], floor: PerGpuHour) -> PerHour | None:
    """Offer what the highest bid pays: a tie loses."""
    right = winning_bid(block, running, floor)
    tied = max((c.bid.steps * block.size // c.block.size for c in running if c.bid), default=0)
    return PerHour.from_steps(tied) if right and tied else right


def a_cent_more(block: Block, running: Sequence[Claim], floor: PerGpuHour) -> PerHour | None:
    """Outbid by a whole cent."""
    right = winning_bid(block, running, floor)
    return None if right is None else right + PerHour("0.01")


def always_a_price(block: Block, running: Sequence[Claim], floor: PerGpuHour) -> PerHour | None:
    """Name a price where an on-demand rental holds a GPU."""
    bidding = [claim for claim in running if claim.rank is not Rank.ON_DEMAND]
    return winning_bid(block, bidding, floor)


def whole_machine_quote(block: Block, running: Sequence[Claim], floor: PerGpuHour) -> PerGpuHour:
    """Look at every bid on the machine, not only at those on the block."""
    del block
    return quoted_min_bid(Block(start=0, size=64), running, floor)


def quote_for_the_instance(block: Block, running: Sequence[Claim], floor: PerGpuHour) -> Any:
    """Quote the whole instance, though a search shows it per GPU."""
    return quoted_min_bid(block, running, floor).for_gpus(block.size)


def on_demand_raises(block: Block, running: Sequence[Claim], floor: PerGpuHour) -> PerGpuHour:
    """Let an on-demand rental raise the quote to the highest bid."""
    held = any(c.rank is Rank.ON_DEMAND and c.block.overlaps(block) for c in running)
    return PerGpuHour(32) if held else quoted_min_bid(block, running, floor)


def by_priority(claims: Sequence[Claim], floor: PerGpuHour) -> list[int]:
    """Take who runs by priority for what pays most."""
    return [int(c.id) for c in resolve(claims, floor).running if c.rank is Rank.BID]


def all_the_bids(claims: Sequence[Claim], floor: PerGpuHour) -> list[int]:
    """Let all bids run at once."""
    return [int(c.id) for c in claims if c.rank is Rank.BID and not c.is_under(floor)]


# -- contracts ---------------------------------------------------------------------------------


def straight_to_running(state: InstanceState, event: InstanceEvent) -> InstanceState | None:
    """Start a stopped instance without waiting for its GPUs."""
    after = NEXT[state].get(event)
    return InstanceState.RUNNING if after is InstanceState.SCHEDULING else after


def never_expires(state: InstanceState, event: InstanceEvent) -> InstanceState | None:
    """Let a paused instance live on at its end date."""
    return state if event is InstanceEvent.EXPIRED else NEXT[state].get(event)


def resumes_from_anywhere(state: InstanceState, event: InstanceEvent) -> InstanceState | None:
    """Let a stopped instance be resumed by priority."""
    return InstanceState.RUNNING if event is InstanceEvent.RESUMED else NEXT[state].get(event)


def extends_at_any_price(contract: Contract, listing: Listing, at: Any) -> Any:
    """Extend at raised prices too."""
    same = evolve(listing, prices=evolve(contract.prices, min_bid=PerGpuHour(0)))
    return extend([contract], same, at=at, ask=False).contracts[0].end


def shortens(contract: Contract, listing: Listing, at: Any) -> Any:
    """Take the new end, even an earlier one."""
    end = ours["extension"](contract, listing, at)
    return listing.end if listing.end and end and listing.end < end else end


def gpu_price_only(contract: Contract, listing: Listing, at: Any) -> Any:
    """Compare the GPU price and nothing else."""
    prices = evolve(contract.prices, gpu=listing.prices.gpu, min_bid=listing.prices.min_bid)
    return ours["extension"](contract, evolve(listing, prices=prices), at)


def bidders_compare_too(contract: Contract, listing: Listing, at: Any) -> Any:
    """Hold the on-demand price against an interruptible, which pays its bid."""
    raised = listing.prices.gpu > contract.prices.gpu
    if raised and contract.mode is Mode.INTERRUPTIBLE:
        return contract.end
    return ours["extension"](contract, listing, at)


def rounds_up(hours: Decimal) -> int:
    """Ceil, not floor."""
    return -int(-hours // 1)


def floors_to_zero(hours: Decimal) -> int:
    """Forget that a request is at least an hour."""
    return int(hours)


def right_away(contracts: Sequence[Contract], seconds: int, within: Interval) -> Any:
    """Do it at once, whoever is there."""
    del contracts, seconds
    return within.start


def after_everyone(contracts: Sequence[Contract], seconds: int, within: Interval) -> Any:
    """Wait for the last contract, even past the horizon."""
    del seconds
    return max([within.start, *(c.end for c in contracts if c.end)])


def at_the_end(contracts: Sequence[Contract], seconds: int, within: Interval) -> Any:
    """Take the last of the best windows, not the first."""
    best = ours["maintenance_window"](contracts, seconds, within)
    late = within.end - timedelta(seconds=seconds)
    return late if not contracts else best


def share_of_the_free_gpus(*case: int) -> tuple[int, int]:
    """Give an offer of one GPU all the disk."""
    total, stored, rented, *_ = case
    return total - stored - rented, ours["storage"](*case)[1]


def volumes_forgotten(*case: int) -> tuple[int, int]:
    """Count rented volumes as free disk."""
    total, stored, *_, gpus, of = case
    return (total - stored) * gpus // of, ours["storage"](*case)[1]


def listed_again(*case: int) -> tuple[int, int]:
    """Offer what is listed, though some of it is rented."""
    total, stored, rented, listed, *_ = case
    return ours["storage"](*case)[0], min(listed, total - stored - rented)


# -- usage -------------------------------------------------------------------------------------


def billed(history: History, period: Interval) -> Any:
    """Return what this library bills."""
    return ours["metering"](history, period)


def prepaid_is_free(history: History, period: Interval) -> Any:
    """Take whatever was prepaid for paid."""
    reserved = any(isinstance(fact, Prepaid) for fact in history.facts)
    return billed(history, period) * (0 if reserved else 1)


def no_discount(history: History, period: Interval) -> Any:
    """Bill a reservation as on demand."""
    kept = [f for f in history.facts if not isinstance(f, Prepaid | Refunded)]
    return billed(evolve(history, facts=tuple(kept)), period)


def discount_for_ever(history: History, period: Interval) -> Any:
    """Keep the discount when nothing is left of the deposit."""
    much = Money(10**6)
    facts = [evolve(f, amount=much) if isinstance(f, Prepaid) else f for f in history.facts]
    kept = [fact for fact in facts if not isinstance(fact, Refunded)]
    return billed(evolve(history, facts=tuple(kept)), period)


def nothing_forfeited(history: History, period: Interval) -> Any:
    """Count what is kept of a deposit as no cost."""
    kept = [fact for fact in history.facts if not isinstance(fact, Refunded)]
    return billed(evolve(history, facts=tuple(kept)), period)


def offline_costs(history: History, period: Interval) -> Any:
    """Go on billing while the machine is offline."""
    kept = [f for f in history.facts if not isinstance(f, MachineWent)]
    return billed(evolve(history, facts=tuple(kept)), period)


def runs_while_paused(history: History, period: Interval) -> Any:
    """Bill the GPUs of an instance from its start on, whatever it does."""
    loaded = Moved(at=history.contract.start, event=InstanceEvent.LOADED)
    kept = [
        fact
        for fact in history.facts
        if not isinstance(fact, Moved) or fact.event is InstanceEvent.DESTROYED
    ]
    return billed(evolve(history, facts=(loaded, *kept)), period)


def no_free_tests(history: History, period: Interval) -> Any:
    """Bill the host for its own test."""
    contract = history.contract
    paying = evolve(contract, client=AccountId("someone"))
    return billed(evolve(history, contract=paying), period)


def minutes_begun(history: History, period: Interval) -> Any:
    """Bill at least a minute."""
    longer = max(period.end, period.start + timedelta(minutes=1))
    return billed(history, Interval(period.start, longer))


def traffic_twice(history: History, period: Interval) -> Any:
    """Count traffic in both directions at both prices."""
    both = [
        evolve(f, sent=f.sent + f.received) if isinstance(f, Transferred) else f
        for f in history.facts
    ]
    return billed(evolve(history, facts=tuple(both)), period)


def raises(*case: object) -> Any:
    """Fail as a server may."""
    raise TimeoutError("no answer")


WRONG: Final[dict[str, tuple[Callable[..., Any], ...]]] = {
    **WRONG_MARKETS,
    **WRONG_FRAMES,
    **WRONG_PLANS,
    **WRONG_PROMISES,
    **WRONG_SEARCHES,
    "slicing": (only_whole_blocks, every_cut_counts, sliding_blocks, down_to_one),
    "rentable": (first_gpu_only, no_remainder_is_free),
    "allocation": (first_fit, any_free_gpus),
    "defragmentation": (never_moves, moves_anyone, moves_at_once),
    "charge": (cents_each, whole_hours, for_one_gpu),
    "split": (each_part_rounded, rest_to_the_first),
    "quote": (month_of_730_hours, no_traffic, price_of_the_offer, tebibytes),
    "reserved": (full_at_once, calendar_months, linear_to_a_year, grows_without_end),
    "deposit": (full_price, discount_twice, a_year_at_most),
    "months": (at_full_price, at_the_greatest_discount, at_most_a_year, a_little_less),
    "reserved_quote": (as_asked, a_share_of_the_total, gone_without_a_fee),
    "refund": (no_five_per_cent, may_be_negative, broken_or_not),
    "resolve": (
        greedily,
        by_the_whole_bid,
        newest_first,
        no_floor,
        stops_at_the_first,
        nobody,
        everyone,
    ),
    "winning_bid": (equal_wins, a_cent_more, always_a_price),
    "quoted_min_bid": (whole_machine_quote, quote_for_the_instance, on_demand_raises),
    "best_runners": (by_priority, all_the_bids),
    "life": (straight_to_running, never_expires, resumes_from_anywhere),
    "extension": (extends_at_any_price, shortens, gpu_price_only, bidders_compare_too),
    "maintenance_request": (rounds_up, floors_to_zero),
    "maintenance_window": (right_away, after_everyone, at_the_end),
    "storage": (share_of_the_free_gpus, volumes_forgotten, listed_again),
    "metering": (
        offline_costs,
        runs_while_paused,
        no_free_tests,
        minutes_begun,
        traffic_twice,
        prepaid_is_free,
        no_discount,
        discount_for_ever,
        nothing_forfeited,
    ),
}
"""By the rule that each gets wrong."""
