"""The book of one machine's bids against sorted lists, re-sorting and order-book packages.

Half of the events are new bids, a quarter changes, a quarter cancellations, on the 15 blocks of a
machine of 8 GPUs. Event objects are made beforehand. Ours takes typed events and returns typed
changes with their reasons. The SortedList finds who runs and which of them are new, without
reasons; the order-book packages only keep prices in order, for one block, and find the best bid.
The limit is the least CPython can do: one heap push and one pop on a heap as large as the book at
the end, and one attrs object, for each event. In the first hundred events nearly every one changes
who runs, so a nearly empty book has a row of its own.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from importlib.util import find_spec

from attrs import frozen
from harness import Row, in_turn, print_table
from sortedcontainers import SortedList

from numgenius_core.bids import (
    BidBook,
    BookEvent,
    Claim,
    ClaimEntered,
    ClaimLeft,
    Repriced,
    resolve,
)
from numgenius_core.gpus import blocks
from numgenius_core.ids import ContractId
from numgenius_core.rates import PerHour

GPUS, FULL = 8, 255
Simple = tuple[str, int, int, int]  # kind, id, −price per GPU × 8, mask


@frozen
class Outcome:
    id: int
    why: str
    by: tuple[int, ...]


def events_of(count: int) -> list[BookEvent]:
    rng = random.Random(7)
    places, live, events = blocks(GPUS, 1), list[int](), list[BookEvent]()
    sizes: dict[int, int] = {}
    for number in range(count):
        draw = rng.random()
        if draw < 0.5 or not live:
            block = rng.choice(places)
            live.append(number)
            sizes[number] = block.size
            events.append(
                ClaimEntered(id=ContractId(number), block=block, bid=price(rng, block.size))
            )
            continue
        place = rng.randrange(len(live))
        number = live[place]  # noqa: PLW2901 - the bid that the event is about
        if draw < 0.75:
            events.append(Repriced(id=ContractId(number), bid=price(rng, sizes[number])))
        else:
            live[place] = live[-1]
            live.pop()
            events.append(ClaimLeft(id=ContractId(number)))
    return events


def price(rng: random.Random, gpus: int) -> PerHour:
    return PerHour.from_steps(rng.randrange(10**6, 2 * 10**9) * 1_000 * gpus)


def plain(events: list[BookEvent]) -> list[Simple]:
    """Return the events as the alternatives like them best: plain tuples of integers."""
    shapes: dict[int, tuple[int, int]] = {}
    lines = []
    for event in events:
        if isinstance(event, ClaimEntered):
            shapes[event.id] = (event.block.size, event.block.gpu_set)
        gpus, mask = shapes[event.id]  # type: ignore[union-attr]
        bid = getattr(event, "bid", None)
        level = -bid.steps * GPUS // gpus if bid else 0
        lines.append((type(event).__name__, int(event.id), level, mask))  # type: ignore[union-attr]
    return lines


def ours(events: list[BookEvent]) -> BidBook:
    book = BidBook(GPUS)
    for event in events:
        book.apply(event)
    return book


def limit(count: int, standing: list[tuple[float, int]]) -> None:
    heap = standing.copy()
    prices = [price for price, _ in standing[:1_000]]
    many = len(prices)
    for number in range(count):
        heappush(heap, (prices[number % many], number))
        heappop(heap)
        Outcome(number, "outbid", ())


def sorted_list(lines: list[Simple]) -> None:
    book, claims, before = SortedList(), {}, set[int]()
    for arrival, (kind, number, level, mask) in enumerate(lines):
        if kind != "ClaimEntered":
            book.remove(claims.pop(number))
        if kind != "ClaimLeft":
            claims[number] = (level, arrival, number, mask)
            book.add(claims[number])
        taken, after = 0, set[int]()
        for _, _, other, other_mask in book:
            if not taken & other_mask:
                taken |= other_mask
                after.add(other)
                if taken == FULL:
                    break
        if after != before:
            before = after


def resorted(events: list[BookEvent]) -> None:
    claims: dict[int, Claim] = {}
    for arrival, event in enumerate(events):
        if isinstance(event, ClaimLeft):
            del claims[event.id]
        elif isinstance(event, ClaimEntered):
            new = Claim.bidding(event.id, event.block, event.bid, arrival=arrival)  # type: ignore[arg-type]
            claims[event.id] = new
        elif isinstance(event, Repriced):
            block = claims[event.id].block
            claims[event.id] = Claim.bidding(event.id, block, event.bid, arrival=arrival)
        resolve(claims.values())


def c_book(lines: list[Simple]) -> None:
    from order_book import OrderBook

    book, levels = OrderBook(), {}
    for arrival, (kind, number, level, _) in enumerate(lines):
        if kind != "ClaimEntered":
            del book.bids[levels.pop(number)]
        if kind != "ClaimLeft":
            levels[number] = -level * 10**7 + arrival  # prices apart: no queue at a price
            book.bids[levels[number]] = number
        if len(book.bids):
            book.bids.index(0)  # sorts its keys anew after each change


def cpp_book(lines: list[Simple]) -> None:
    from limit_order_book import LimitOrderBook

    book = LimitOrderBook()
    for kind, number, level, _ in lines:
        if kind != "ClaimEntered":
            book.cancel(number)
        if kind != "ClaimLeft":
            book.limit_buy(number, 1, -level // 10**6)
        book.best_buy()


# Module, name, the most events it is asked for (order-book sorts its keys anew after each change).
PACKAGES: tuple[tuple[str, str, int, Callable[[list[Simple]], None]], ...] = (
    ("order_book", "order-book (C), upkeep alone", 1_000, c_book),
    ("limit_order_book", "limit-order-book (C++), upkeep alone", 100_000, cpp_book),
)


def alternatives(count: int, lines: list[Simple]) -> dict[str, Callable[[], object]]:
    """Return what can be measured in reasonable time, of the packages those installed."""
    found: dict[str, Callable[[], object]] = {}
    if count <= 100_000:
        found["SortedList"] = lambda: sorted_list(lines)
    for module, name, most, run in PACKAGES:
        if count <= most and find_spec(module):
            found[name] = lambda run=run: run(lines)  # type: ignore[misc]
    return found


def rows_for(count: int) -> list[Row]:
    """Return ours beside the limit and the alternatives, for one number of events."""
    events = events_of(count)
    lines = plain(events) if count <= 100_000 else []
    book = ours(events)
    heap = [(random.random(), -n) for n in range(len(book))]
    heapify(heap)
    others = {"limit: heap and object": lambda: limit(count, heap), **alternatives(count, lines)}
    where = f"{count:,} events, {len(book):,} claims at the end"
    number = max(1, 3_000 // count)
    repeat = 15 if count <= 1_000 else 5 if count <= 10_000 else 3 if count <= 100_000 else 1
    rows = in_turn(where, lambda: ours(events), others, number, repeat, per=count)
    if count <= 1_000:
        slow = {"resolve from scratch": lambda: resorted(events)}
        rows += in_turn(where, lambda: ours(events), slow, 1, 3, per=count)
    return rows


def main() -> None:
    rows = {count: rows_for(count) for count in (100, 1_000, 10_000, 100_000, 1_000_000)}
    print_table("One event on a machine of 8 GPUs", [row for some in rows.values() for row in some])
    few, many = rows[1_000][0], rows[1_000_000][0]
    grown, limits = many.ours / few.ours, many.theirs / few.theirs
    print(f"\ngrowth from 1e3 to 1e6 events: ours {grown:.2f}, the limit's {limits:.2f}")
    print(f"a nearly empty book (100 events): {rows[100][0].ratio:.2f} × the limit")


if __name__ == "__main__":
    main()
