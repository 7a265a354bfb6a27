"""What refusals say, in writing: the calls, and what to evaluate them with.

``refusals.txt`` has each call with its whole message, as a user reads it; a changed message shows
as a changed line. ``python scripts/write_refusals.py`` writes it anew. Most calls are made here:
every argument of every function, with ``...`` (which no argument can be) in its place.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from attrs import evolve

import document_values as known
from numgenius_core.bidding import Claim
from numgenius_core.errors import NumgeniusError
from numgenius_core.extension import extend
from numgenius_core.intervals import Interval
from numgenius_core.listing import AccountId, ContractId, MachineId, Mode, Verification
from numgenius_core.money import Money, PerGbMonth, PerGpuHour, PerHour
from numgenius_core.offer import Block
from numgenius_core.reserved import CurveSchedule, LinearSchedule, StepSchedule
from numgenius_core.storage import Disk, Volume
from numgenius_core.term import Segment, Term

PATH: Final = Path(__file__).parent / "refusals.txt"
MODULES: Final = (
    *("slicing", "reserved", "pricing", "bidding", "term", "extension", "storage", "billing"),
    *("listing", "contract", "allocation"),
)
DEARER: Final = evolve(known.LISTING, prices=evolve(known.PRICES, storage=PerGbMonth(1)))
NAMES: Final[dict[str, Any]] = {
    each.__name__: each
    for each in (
        *(Block, Claim, ContractId, CurveSchedule, Decimal, Disk, Fraction, Interval),
        *(LinearSchedule, MachineId, AccountId, Mode, Money, PerGbMonth, PerGpuHour, PerHour),
        *(Segment, StepSchedule, Term, Volume, datetime, timedelta),
    )
} | {
    "UTC": UTC,
    "DAY": Interval(known.at(1), known.at(2)),
    "HOUR": timedelta(hours=1),
    "FLOOR": PerGpuHour("0.1"),
    "known": known,
    "at": known.at,
    "OTHER": evolve(known.CONTRACT, machine=MachineId(3)),
    "BIG": evolve(known.CONTRACT, disk_mb=10**8),
    "UNVERIFIED": evolve(known.OFFER, verification=Verification.UNVERIFIED),
    "PENDING": extend([known.CONTRACT], DEARER, at=known.at(2)).pending[0],
    "claim": Claim.bidding(ContractId(1), Block(2, 0), PerHour("0.4"), arrival=1),
    "runner": Claim.on_demand(ContractId(2), Block(4, 0), arrival=2),
    **{name: importlib.import_module(f"numgenius_core.{name}") for name in MODULES},
}
# Arguments that each call takes, in the words of the call.
GOOD: Final[dict[str, dict[str, str]]] = {
    "slicing.blocks": {"gpus": "8", "min_gpu": "2"},
    "slicing.offer_sizes": {"gpus": "8", "min_gpu": "2"},
    "slicing.rentable_blocks": {"gpus": "8", "min_gpu": "2", "occupied": "(1, 2)"},
    "slicing.mask_of": {"positions": "(1, 2)", "gpus": "8"},
    "slicing.infer_min_gpu": {"sizes": "(1, 1, 2)", "gpus": "2"},
    "CurveSchedule": {"max_discount": "'0.4'"},
    "StepSchedule": {"steps": "((1, '0.2'),)"},
    "LinearSchedule": {"points": "((1, '0.2'),)"},
    "CurveSchedule().rate": {"months": "1"},
    "CurveSchedule().months": {"price": "PerHour(1)", "deposit": "Money(100)"},
    "CurveSchedule().months_for_rate": {"rate": "'0.1'"},
    "CurveSchedule().discounted": {"price": "PerHour(1)", "months": "1"},
    "CurveSchedule().deposit": {"price": "PerHour(1)", "months": "1"},
    "CurveSchedule().exact_deposit": {"price": "PerHour(1)", "months": "1"},
    "StepSchedule(()).months": {"price": "PerHour(1)", "deposit": "Money(100)"},
    "LinearSchedule(()).months": {"price": "PerHour(1)", "deposit": "Money(100)"},
    "reserved.top_up": {
        "schedule": "CurveSchedule()",
        "price": "PerHour(1)",
        "months": "1",
        "remaining": "Money(9)",
        "add": "Money(1)",
    },
    "reserved.refundable": {"remaining": "Money(9)", "received": "Money(1)"},
    "reserved.refund": {
        "price": "PerHour(1)",
        "discount": "'0.2'",
        "deposit": "Money(9)",
        "seconds": "60",
    },
    "pricing.quote": {
        "offer": "known.OFFER",
        "duration": "HOUR",
        "mode": "Mode.ON_DEMAND",
        "disk": "1",
        "upload": "1",
        "download": "1",
        "bid": "None",
        "months": "None",
        "schedule": "None",
    },
    "bidding.check_bid": {"price": "PerHour(1)", "gpus": "2", "floor": "FLOOR"},
    "Claim.bidding": {"id": "3", "block": "Block(2, 0)", "bid": "PerHour(1)", "arrival": "1"},
    "Claim.from_contract": {"contract": "known.CONTRACT", "arrival": "1"},
    "bidding.resolve": {"claims": "(claim,)", "floor": "FLOOR"},
    "bidding.resolve([claim]).runs": {"id": "1"},
    "bidding.resolve([claim]).winning_bid": {"block": "Block(2, 0)"},
    "bidding.resolve([claim]).quoted_min_bid": {"block": "Block(2, 0)"},
    "bidding.resolve_fleet": {"fleet": "{1: (claim,)}", "floors": "{1: FLOOR}"},
    "bidding.explain": {"claim": "claim", "running": "(runner,)", "floor": "FLOOR"},
    "bidding.winning_bid": {"block": "Block(2, 0)", "running": "(claim,)", "floor": "FLOOR"},
    "bidding.quoted_min_bid": {"block": "Block(2, 0)", "running": "(claim,)", "floor": "FLOOR"},
    "Segment": {"since": "at(2)", "prices": "known.PRICES"},
    "Term": {"contract": "known.CONTRACT", "segments": "()"},
    "known.TERM.prices_at": {"instant": "at(2)"},
    "known.TERM.rates": {"period": "DAY"},
    "known.TERM.gpu_rate_at": {"instant": "at(2)", "bid": "None"},
    "known.TERM.extended": {"end": "None", "prices": "known.PRICES"},
    "term.as_term": {"contract": "known.CONTRACT"},
    "term.agreed": {"contract": "known.CONTRACT"},
    "extension.extend": {
        "contracts": "(known.CONTRACT,)",
        "listing": "known.LISTING",
        "at": "at(2)",
        "opted_out": "()",
    },
    "extension.staleness": {
        "pending": "PENDING",
        "term": "Term(contract=known.CONTRACT)",
        "at": "at(2)",
        "listing": "None",
    },
    "extension.accept": {
        "pending": "PENDING",
        "term": "Term(contract=known.CONTRACT)",
        "at": "at(2)",
        "listing": "None",
    },
    "extension.reject": {"pending": "PENDING", "term": "Term(contract=known.CONTRACT)"},
    "extension.roll": {
        "contracts": "(known.CONTRACT,)",
        "listing": "known.LISTING",
        "period": "DAY",
        "opted_out": "()",
    },
    "Volume": {"size_mb": "5", "price": "PerGbMonth(1)", "end": "None"},
    "Disk": {"total_mb": "10", "instances_mb": "1", "volumes_mb": "1", "listed_mb": "None"},
    "Disk(total_mb=10).offer_mb": {"gpus": "1", "of": "2"},
    "storage.disk_of": {
        "machine": "known.MACHINE",
        "instances": "(known.CONTRACT,)",
        "volumes": "()",
        "listed_mb": "None",
    },
    "storage.extend_volume": {
        "volume": "Volume(size_mb=5, price=PerGbMonth(1))",
        "listing": "known.LISTING",
        "at": "at(2)",
        "price": "None",
    },
    "storage.stopped_cost": {"instance": "known.CONTRACT", "period": "DAY"},
    "billing.statement": {"history": "known.HISTORY", "period": "DAY"},
    "billing.deposit_left": {"history": "known.HISTORY", "at": "at(2)"},
    "billing.discount_received": {"history": "known.HISTORY", "at": "at(2)"},
    "billing.runs_out": {"histories": "(known.BIDS,)", "balance": "Money(1)", "at": "at(2)"},
    "known.STATEMENT.joined": {"later": "billing.statement(known.HISTORY, Interval(at(2), at(3)))"},
}
# What a value of the right kind can still get wrong.
WRONG: Final = (
    "slicing.blocks(0, 1)",
    "slicing.blocks(4097, 1)",
    "slicing.blocks(8, 3)",
    "slicing.blocks(8, 16)",
    "slicing.blocks(8, 0, observed=True)",
    "slicing.blocks(8, 9, observed=True)",
    "slicing.blocks(8, [])",
    "slicing.blocks([], 1)",
    "slicing.offer_sizes(8, [])",
    "slicing.offer_sizes([], 1)",
    "slicing.offer_sizes(4097, [])",
    "slicing.offer_sizes(0, [])",
    "slicing.offer_sizes(8, 3)",
    "slicing.blocks(8, 2, powers_only=[])",
    "slicing.offer_sizes(8, 2, observed=[])",
    "slicing.rentable_blocks(8, 2, powers_only=[])",
    "slicing.rentable_blocks(8, [])",
    "slicing.rentable_blocks([], 1)",
    "slicing.rentable_blocks(8, 1, 256)",
    "slicing.rentable_blocks(8, 1, -1)",
    "slicing.rentable_blocks(8, 1, [8])",
    "slicing.mask_of([0], 0)",
    "slicing.mask_of([0], 4097)",
    "slicing.mask_of(5, 8)",
    "slicing.mask_of('12', 8)",
    "slicing.mask_of(b'12', 8)",
    "slicing.mask_of([8], 8)",
    "slicing.mask_of([-1], 8)",
    "slicing.mask_of([0, 1.5], 8)",
    "slicing.infer_min_gpu([])",
    "slicing.infer_min_gpu('12')",
    "slicing.infer_min_gpu(5)",
    "slicing.infer_min_gpu([1, 0])",
    "slicing.infer_min_gpu([1, 4097])",
    "slicing.infer_min_gpu([2], gpus=1)",
    "slicing.infer_min_gpu([2], gpus=4097)",
    "slicing.infer_min_gpu([2], largest=0)",
    "slicing.infer_min_gpu([2], largest=4097)",
    "CurveSchedule().rate(-1)",
    "CurveSchedule().rate(1201)",
    "CurveSchedule().rate('1e99')",
    "CurveSchedule().rate('much')",
    "CurveSchedule().rate(0.5)",
    "CurveSchedule(1)",
    "CurveSchedule('-0.1')",
    "CurveSchedule(0.4)",
    "CurveSchedule().months_for_rate('0.4')",
    "CurveSchedule().months_for_rate(2)",
    "CurveSchedule().months(PerHour(0), Money(1))",
    "CurveSchedule().months(PerHour(1), Money(-1))",
    "CurveSchedule().months(PerHour(1), Money(1000000))",
    "StepSchedule.of({1: '0.2'}).months(PerHour(1), Money(1000000))",
    "LinearSchedule.of({1: '0.2'}).months(PerHour(1), Money(1000000))",
    "StepSchedule.of([(1, '0.2')])",
    "LinearSchedule.of(None)",
    "StepSchedule.of({'x': '0.2'})",
    "StepSchedule.of({1: 2})",
    "LinearSchedule.of({1: 2})",
    "StepSchedule({1: '0.2'})",
    "StepSchedule('12')",
    "StepSchedule([(1, '0.2'), 3])",
    "StepSchedule([(1, '0.2'), (3, '0.3', 4)])",
    "StepSchedule([(1, '0.2'), (-3, '0.3')])",
    "StepSchedule([(1, '0.2'), (3, 1)])",
    "StepSchedule([(1, '0.2'), (1, '0.3')])",
    "StepSchedule([(1, '0.2'), (3, '0.1')])",
    "LinearSchedule([(1, '0.2'), (3, '0.1')])",
    "LinearSchedule([(0, '0.2'), (3, '0.3')])",
    "LinearSchedule([(1, '0.2'), (2, '0.9')])",
    "reserved.refund(PerHour(1), 1, Money(9), 60)",
    "reserved.refund(PerHour(1), '0.2', Money(-9), 60)",
    "reserved.refund(PerHour(1), '0.2', Money(9), -1)",
    "reserved.top_up(CurveSchedule(), PerHour(1), months=-1, remaining=Money(1), add=Money(1))",
    "reserved.top_up(CurveSchedule(), PerHour(0), months=1, remaining=Money(1), add=Money(1))",
    "pricing.quote(known.OFFER, timedelta(0))",
    "pricing.quote(known.OFFER, timedelta(seconds=-1))",
    "pricing.quote(known.OFFER, timedelta(seconds=1, milliseconds=1))",
    "pricing.quote(known.OFFER, HOUR, bid=PerHour(1))",
    "pricing.quote(known.OFFER, HOUR, mode=Mode.RESERVED, bid=PerHour(1))",
    "pricing.quote(known.OFFER, HOUR, months=1)",
    "pricing.quote(known.OFFER, HOUR, schedule=CurveSchedule())",
    "pricing.quote(known.OFFER, HOUR, mode=Mode.INTERRUPTIBLE, months=1)",
    "pricing.quote(known.OFFER, HOUR, mode=Mode.INTERRUPTIBLE, bid=1)",
    "pricing.quote(known.OFFER, HOUR, mode=Mode.INTERRUPTIBLE, bid=PerGpuHour(1))",
    "pricing.quote(known.OFFER, HOUR, mode=Mode.INTERRUPTIBLE, bid=PerHour('0.159'))",
    "pricing.quote(UNVERIFIED, HOUR, mode=Mode.RESERVED)",
    "pricing.quote(known.OFFER, HOUR, mode=Mode.RESERVED, schedule='x')",
    "pricing.quote(known.OFFER, HOUR, mode=Mode.RESERVED, months=1201)",
    "pricing.quote(known.OFFER, HOUR, disk=-1)",
    "pricing.quote(known.OFFER, HOUR, disk='0.0001')",
    "pricing.quote(known.OFFER, HOUR, upload=-1)",
    "pricing.quote(known.OFFER, HOUR, download=-1)",
    "bidding.check_bid(1, 2)",
    "bidding.check_bid(None, 2)",
    "bidding.check_bid(PerHour('0.0009'), 2)",
    "bidding.check_bid(PerHour('64.000000001'), 2)",
    "bidding.check_bid(PerHour('0.19'), 2, FLOOR)",
    "bidding.check_bid(PerHour('0.19'), 2, FLOOR, path='offer')",
    "bidding.check_bid(PerHour(1), 0)",
    "Claim.bidding(3, Block(2, 0), None, arrival=1)",
    "Claim.bidding(3, Block(2, 0), PerHour(1), arrival=-1)",
    "Claim.bidding(-3, Block(2, 0), PerHour(1), arrival=1)",
    "Claim(id=3, block=Block(2, 0), rank=bidding.Rank.ON_DEMAND, arrival=1, bid=PerHour(1))",
    "Claim(id=3, block=Block(2, 0), rank=bidding.Rank.DEFAULT_JOB, arrival=1, bid=PerHour(1))",
    "Claim(id=3, block=Block(2, 0), rank='bid', arrival=1)",
    "bidding.resolve([claim, 5])",
    "bidding.resolve([claim, claim])",
    "bidding.resolve([claim, Claim.default_job(9, Block(1, 0), arrival=1)])",
    "bidding.resolve([claim]).runs(7)",
    "bidding.resolve_fleet({1: [claim], 2: [claim, claim]})",
    "bidding.resolve_fleet({1: [claim], 2: [claim, 5]})",
    "bidding.explain(claim, [])",
    "known.TERM.extended(at(31), known.PRICES)",
    "Term(contract=known.INTERRUPTIBLE).extended(at(31), known.PRICES)",
    "Term(contract=known.CONTRACT, segments=[5])",
    "Term(contract=known.CONTRACT, segments=[Segment(since=at(1), prices=known.PRICES)])",
    "Term(contract=known.CONTRACT, segments=[Segment(since=at(31, 23, 59), prices=known.PRICES)])",
    "Segment(since=datetime(2026, 1, 1), prices=known.PRICES)",
    "term.check_machine(known.CONTRACT, 3, 'here')",
    "term.as_term(5, 'here')",
    "listing.as_tuple(5, 'here')",
    "extension.extend([known.CONTRACT, OTHER], known.LISTING, at=at(2))",
    "extension.extend([known.CONTRACT, 5], known.LISTING, at=at(2))",
    "extension.extend([], known.LISTING, at=datetime(2026, 1, 1))",
    "extension.staleness(PENDING, Term(contract=known.INTERRUPTIBLE), at=at(2))",
    "extension.staleness(PENDING, Term(contract=known.CONTRACT), at=datetime(2026, 1, 1))",
    "extension.accept(PENDING, Term(contract=known.CONTRACT), at=known.CONTRACT.end)",
    "extension.accept(PENDING, known.TERM.extended(None, known.PRICES), at=at(2))",
    "extension.accept(PENDING, Term(contract=known.CONTRACT), at=at(2), listing=known.LISTING)",
    "Volume(size_mb=0, price=PerGbMonth(1))",
    "Volume(size_mb=5, price=PerGbMonth(1), end=datetime(2026, 1, 1))",
    "Disk(total_mb=-1)",
    "Disk(total_mb=10, instances_mb=11)",
    "Disk(total_mb=10, instances_mb=4, volumes_mb=7)",
    "Disk(total_mb=10, listed_mb=-1)",
    "Disk(total_mb=10).offer_mb(3, 2)",
    "Disk(total_mb=10).offer_mb(1, 4097)",
    "Disk(total_mb=10).offer_mb(0, 2)",
    "storage.disk_of(known.MACHINE, [OTHER])",
    "storage.disk_of(known.MACHINE, [5])",
    "storage.disk_of(known.MACHINE, [], volumes=[5])",
    "storage.disk_of(known.MACHINE, [], volumes=5)",
    "storage.disk_of(known.MACHINE, [BIG])",
    "known.STATEMENT.joined(known.STATEMENT)",
    "billing.runs_out([5], Money(1), at(2))",
    "billing.runs_out([], Money(1), datetime(2026, 1, 1))",
)


def calls() -> Iterator[str]:
    """Yield every call, as it is written."""
    for function, arguments in GOOD.items():
        for name in arguments:
            words = (f"{k}={'...' if k == name else v}" for k, v in arguments.items())
            yield f"{function}({', '.join(words)})"
    yield from WRONG


def answer(call: str) -> str:
    """Return what a call is refused with."""
    try:
        value = eval(call, dict(NAMES))
    except NumgeniusError as refusal:
        return str(refusal)
    raise AssertionError(f"{call} was not refused: {value!r}")


def written() -> dict[str, str]:
    """Return what is in writing: each call with its message."""
    pairs = (each.split("\n", 1) for each in PATH.read_text().split(">>> ")[1:])
    return {call: text.strip("\n") for call, text in pairs}
