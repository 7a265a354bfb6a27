"""What every engine must compute as the scalar rules do: random rows, and the scalar answers."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

from attrs import evolve

from effort import up_to
from frame_engines import make, read
from numgenius_core import frames
from numgenius_core._terms import HIGHEST_BID, LOWEST_BID
from numgenius_core.bids import Claim, Rank, resolve
from numgenius_core.frames import Column, Columns
from numgenius_core.gpus import blocks
from numgenius_core.ids import ContractId, MachineId, OfferId
from numgenius_core.intervals import Interval, from_epoch
from numgenius_core.listing import Mode, PriceTerms
from numgenius_core.offer import Block, Offer
from numgenius_core.prices import Quote, QuotePart, quote
from numgenius_core.rates import PerGpuHour, PerHour
from numgenius_core.wire import offer_from_record

RESULTS = (
    *("gpu", "discount", "forfeit", "storage", "upload", "download", "sla_fee"),
    *("total", "per_hour", "payout", "fee"),
    *("gpu_per_hour", "deposit", "discount_rate"),
)
_API = (
    *("num_gpus", "dph_base", "storage_cost", "inet_up_cost", "inet_down_cost", "min_bid"),
    *("credit_discount_max", "verification"),
)
_MODES = [mode.value for mode in Mode]


def offer_rows(seed: int, count: int) -> list[dict[str, Any]]:
    """Return offers and stays: usual ones, awkward fractions, ties of a pico-dollar, nulls."""
    chance = random.Random(seed)

    def price(most: float) -> float:
        kind = chance.randrange(6)
        if kind == 0:
            return round(chance.random() * most, 2)
        if kind == 1:
            return chance.randrange(1, 10**6) / 3e6 * most
        if kind == 2:  # a tie between two pico-dollars
            return float(f"{int(chance.random() * most)}.{chance.randrange(10**12):012d}5")
        if kind == 3:  # a tie once it is divided by the GPUs
            return chance.randrange(10**9) / 1e9 * 8 * most / 16
        return chance.choice([0.0, chance.random() * most, 1e-12, 0.1, most])

    return [
        {
            "i": number,
            "num_gpus": chance.choice([1, 2, 3, 4, 7, 8, 19]),
            "dph_base": price(50),
            "storage_cost": chance.choice([0.1333333333333333, price(2)]),
            "inet_up_cost": price(0.02),
            "inet_down_cost": price(0.02),
            "min_bid": price(1),
            "credit_discount_max": chance.choice([0.0, 0.4, 0.05, 0.1234]),
            "verification": chance.choice(["verified", "verified", "unverified"]),
            "seconds": chance.choice([1, 3_600, 86_400, chance.randrange(1, 10**8)]),
            "disk": chance.choice([0.0, 8.5, 200.123]),
            "traffic": chance.choice([0, 10**9, chance.randrange(10**14)]),
            "mode": chance.choice(_MODES),
            "bid": price(3),
            "months": chance.choice([0.0, 0.25, 1.0, 3.0, 7.5]),
            "share": chance.choice([0.0, 0.25, 0.3333, 0.1429]),
        }
        for number in range(count)
    ]


def with_nulls(rows: list[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """Return the rows with a tenth of the offers' cells gone."""
    chance = random.Random(seed)
    names = (*_API, "seconds", "mode", "share")
    return [
        {k: None if k in names and chance.random() < 0.05 else v for k, v in row.items()}
        for row in rows
    ]


def nanos(amount: Decimal) -> int:
    """Return a decimal as whole nano-dollars."""
    whole = amount.scaleb(9)
    assert whole == whole.to_integral_value()
    return int(whole)


def offer_of(row: dict[str, Any]) -> Offer:
    """Return the offer of a row, as the reader of API records understands it."""
    record = {"id": 1, "machine_id": 1, "gpu_name": "x", **{k: row[k] for k in _API}}
    offer = offer_from_record(record)
    fee = Fraction(repr(row["share"]))
    return offer.with_prices(evolve(offer.prices, platform_fee=fee))


def is_told(steps: int, factor: float, prepaid: Fraction | int) -> bool:
    """Return whether columns have the price of a reservation: each second has its own deposit.

    That is so from 7,200 nano-dollars an hour on, after the greatest discount, and where there is
    nothing to prepay.
    """
    lowest = steps * (1 - Fraction(repr(factor)))
    return lowest >= 7_200_000 or not (steps and factor and prepaid)


def scalar_quote(row: dict[str, Any]) -> tuple[Quote, PerHour] | None:
    """Return the scalar quote and the hourly GPU price, ``None`` where it is not for rent so."""
    offer, mode = offer_of(row), Mode(row["mode"])
    more: dict[str, Any] = {}
    price = offer.per_hour
    if mode is Mode.INTERRUPTIBLE:
        price = more["bid"] = PerHour.from_float(row["bid"])
        bounds = max(LOWEST_BID.steps, offer.min_bid.steps), HIGHEST_BID.for_gpus(offer.gpus).steps
        if not bounds[0] <= price.steps <= bounds[1]:
            return None
    if mode is Mode.RESERVED:
        more["months"] = Fraction(repr(row["months"]))
        if row["verification"] != "verified" or not is_told(
            price.steps, row["credit_discount_max"], more["months"]
        ):
            return None
    traffic = Decimal(row["traffic"]).scaleb(-9)
    stay = timedelta(seconds=row["seconds"])
    disk = str(row["disk"])
    priced = quote(offer, stay, mode=mode, disk=disk, upload=traffic, download=traffic, **more)
    return priced, price.scaled(1 - priced.discount)


def scalar_results(row: dict[str, Any]) -> dict[str, int | None]:
    """Return what the columns must hold in a row without nulls."""
    return dict(_scalar_results(tuple(row.items())))


@cache  # every engine is asked for the same rows
def _scalar_results(cells: tuple[tuple[str, Any], ...]) -> dict[str, int | None]:
    answer = scalar_quote(dict(cells))
    if answer is None:
        return dict.fromkeys(RESULTS)
    priced, price = answer
    lines = {kind.value: nanos(amount) for kind, amount in priced.rounded_lines()}
    return {
        **{kind.value: lines.get(kind.value, 0) for kind in QuotePart},
        "total": nanos(priced.total.to_decimal()),
        "per_hour": nanos(priced.per_hour(9)),
        "payout": nanos(priced.total.to_decimal()) - nanos(priced.fee.to_decimal()),
        "fee": nanos(priced.fee.to_decimal()),
        "gpu_per_hour": nanos(price.to_decimal(9)),
        "deposit": None if priced.deposit is None else nanos(priced.deposit.to_decimal()),
        "discount_rate": round(priced.discount * 10**9),
    }


def column_quotes(engine: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with every result of a quote, in order."""
    native = frames.quote(
        make(engine, rows),
        Column("seconds"),
        mode=Column("mode"),
        disk=Column("disk"),
        upload=Column("traffic", "bytes"),
        download=Column("traffic", "bytes"),
        bid=Column("bid"),
        months=Column("months"),
        fee=Column("share"),
        results=RESULTS,
        prefix="",
    )
    return sorted(read(native), key=lambda row: row["i"])


def check_quotes(engine: str, rows: list[dict[str, Any]]) -> None:
    """Compare every result of every row with the scalar quote."""
    for row, got in zip(rows, column_quotes(engine, rows), strict=True):
        want = scalar_results(row)
        found = {name: got[name] for name in RESULTS}
        assert found == want, row


_HOUR, _MONTH = 3_600, 720 * 3_600
RESERVATIONS = [(1_200 * _MONTH, 2 * 10**12), (3 * _MONTH, 10**15), (7_000, 10**18)]
"""Longest times and dearest prices, in pico-dollars, that one frame can hold."""


def reservation_rows(seed: int, count: int, longest: int, dearest: int) -> list[dict[str, Any]]:
    """Return reservations left at any second, many at prices where rounding shows."""
    chance = random.Random(seed)
    rows: list[dict[str, Any]] = []
    while len(rows) < count:
        gpus, factor = chance.choice([1, 1, 2, 8]), chance.choice([0.4, 0.0, 0.9999, 0.1234, 0.05])
        told = -(-7_200_000 // (1 - Fraction(repr(factor))))
        low = chance.choice([0, told, told]) + chance.randrange(chance.choice([2, 20, 10**6]))
        price = min(dearest // 8, chance.choice([low, chance.randrange(dearest // 8)]))
        paid = chance.choice([0, 1, _HOUR, _MONTH, _MONTH * 3 // 2, chance.randrange(longest)])
        ends = [paid - 1, paid, paid + 1, paid + chance.randrange(-_HOUR, _HOUR)]
        stay = chance.choice([*ends, chance.randrange(paid + 1), chance.randrange(longest)])
        if 0 < stay <= longest and paid <= longest:
            row = {"i": len(rows), "num_gpus": gpus, "price": gpus * price}
            rows.append({**row, "stay": stay, "prepaid": paid, "factor": factor})
    return rows


@cache  # every engine is asked for the same rows
def _reserved(gpus: int, price: int, factor: float, prepaid: int, stay: int) -> Quote:
    each = PerGpuHour.from_steps(price // gpus)
    offer = Offer(
        id=OfferId(1),
        machine=MachineId(1),
        gpu_name="x",
        gpus=gpus,
        prices=PriceTerms(gpu=each, min_bid=PerGpuHour(0), platform_fee=Fraction(1, 3)),
        max_discount=Fraction(repr(factor)),
    )
    length, months = timedelta(seconds=stay), Fraction(prepaid, _MONTH)
    return quote(offer, length, mode=Mode.RESERVED, months=months)


def check_reservations(
    engine: str, longest: int, dearest: int, count: int = up_to(200, 60)
) -> None:
    """A stay that differs from what is prepaid costs what the scalar quote says."""
    rows = reservation_rows(7, count, longest, dearest)
    lines = ("gpu", "discount", "forfeit", "total", "payout", "fee", "deposit")
    native = frames.quote(
        make(engine, rows),
        Column("stay"),
        mode=Mode.RESERVED,
        months=Column("prepaid", "seconds"),
        fee=Fraction(1, 3),
        columns=Columns(price=Column("price", "pico"), discount="factor", verification=None),
        results=lines,
        prefix="",
    )
    for row, got in zip(rows, sorted(read(native), key=lambda row: row["i"]), strict=True):
        priced = _reserved(
            row["num_gpus"], row["price"], row["factor"], row["prepaid"], row["stay"]
        )
        want: dict[str, int | None] = {
            kind.value: nanos(amount) for kind, amount in priced.rounded_lines()
        }
        amounts = {name: getattr(priced, name) for name in ("total", "fee")}
        want |= {name: nanos(amount.to_decimal()) for name, amount in amounts.items()}
        want["payout"] = nanos(priced.total.to_decimal()) - nanos(priced.fee.to_decimal())
        want["deposit"] = None if priced.deposit is None else nanos(priced.deposit.to_decimal())
        if not is_told(row["price"], row["factor"], row["prepaid"]):
            want = dict.fromkeys(lines)
        assert {name: got[name] for name in lines} == {name: want[name] for name in lines}, row


def check_nulls(engine: str, rows: list[dict[str, Any]]) -> None:
    """A row with a null in what it needs has no total; the others are not touched."""
    needs = {
        "num_gpus", "storage_cost", "inet_up_cost", "inet_down_cost", "seconds", "mode",
    }  # fmt: skip
    special = {
        "on-demand": {"dph_base"},
        "reserved": {"dph_base", "credit_discount_max", "verification"},
        "interruptible": {"min_bid"},
        None: set[str](),
    }
    for row, got in zip(rows, column_quotes(engine, rows), strict=True):
        needed = needs | special[row["mode"]]
        if any(row[name] is None for name in needed):
            assert got["total"] is None, row
            assert got["payout"] is None
        elif row["share"] is None:
            assert (
                got["total"] is not None or scalar_results({**row, "share": 0.0})["total"] is None
            )
            assert got["payout"] is None
        else:
            whole = {k: 0.0 if v is None and k != "verification" else v for k, v in row.items()}
            assert got["total"] == scalar_results(whole)["total"], row


def check_slices(engine: str) -> None:
    """Every machine's offers are the scalar cut, with its parts of price and disk."""
    rows: list[dict[str, Any]] = [
        {"machine_id": i, "num_gpus": gpus, "min_gpu": m, "price": 0.1 + gpus / 7, "disk": 1000.5}
        for i, (gpus, m) in enumerate(
            (gpus, 1 << k) for gpus in (1, 2, 3, 5, 7, 8, 14, 16) for k in range(gpus.bit_length())
        )
    ]
    rows.append({"machine_id": 99, "num_gpus": 8, "min_gpu": None, "price": 1.0, "disk": 1.0})
    native = frames.slices(make(engine, rows), price="price", disk="disk")
    got = sorted(
        (r["machine_id"], r["offer_gpus"], r["offer_start"], r["offer_price"], r["offer_disk_mb"])
        for r in read(native)
    )
    assert got == sorted(
        (
            row["machine_id"],
            block.size,
            block.start,
            nanos(PerGpuHour.from_float(row["price"]).for_gpus(block.size).to_decimal(9)),
            1_000_500 * block.size // row["num_gpus"],
        )
        for row in rows[:-1]
        for block in blocks(row["num_gpus"], row["min_gpu"])
    )


def check_occupancy(engine: str) -> None:
    """GPU-seconds held are those of the overlaps, summed by machine."""
    chance = random.Random(5)
    period = Interval(from_epoch(10**9), from_epoch(10**9 + 86_400))
    rows: list[dict[str, Any]] = [
        {
            "machine_id": chance.randrange(6),
            "num_gpus": chance.choice([1, 2, 8]),
            "start_date": 10**9 + chance.randrange(-90_000, 90_000),
            "end_date": chance.choice([None, 10**9 + chance.randrange(-90_000, 180_000)]),
        }
        for _ in range(60)
    ]
    rows.append({"machine_id": 7, "num_gpus": 1, "start_date": None, "end_date": 10**9 + 5})
    want: dict[int, int | None] = {7: None}
    for row in rows[:-1]:
        begin = max(row["start_date"], 10**9)
        end = 10**9 + 86_400
        end = end if row["end_date"] is None else min(end, row["end_date"])
        held = row["num_gpus"] * max(0, end - begin)
        want[row["machine_id"]] = (want.get(row["machine_id"]) or 0) + held
    got = read(frames.occupancy(make(engine, rows), period))
    assert {row["machine_id"]: row["gpu_seconds"] for row in got} == want


def claim_rows(seed: int, machines: int = 12) -> list[dict[str, Any]]:
    """Return claims on some machines of 8 GPUs, bids often equal per GPU, in any order."""
    chance = random.Random(seed)
    rows = []
    for machine in range(machines):
        for arrival in range(chance.randrange(12)):
            block = chance.choice(blocks(8, 1))
            rank = chance.choice(["bid", "bid", "interruptible", "on-demand", "default job"])
            bid = chance.choice([0.1, 0.2, 0.3333]) * block.size
            rows.append(
                {
                    "machine_id": machine,
                    "start": block.start,
                    "num_gpus": block.size,
                    "rank": rank,
                    "bid": bid if rank in {"bid", "interruptible"} else None,
                    "arrival": arrival,
                }
            )
    chance.shuffle(rows)
    return rows


def check_resolution(engine: str, seed: int) -> None:
    """Who runs is what ``bids.resolve`` says of each machine."""
    rows = claim_rows(seed)
    got = read(frames.resolve(make(engine, rows), floor=PerGpuHour("0.15")))
    assert len(got) == len(rows)
    ranks = {**{r.value: r for r in Rank}, "interruptible": Rank.BID}
    for machine in range(12):
        claims, runs = [], {}
        for number, row in enumerate(got):
            if row["machine_id"] == machine:
                bid = row["bid"]
                claims.append(
                    Claim(
                        id=ContractId(number),
                        block=Block(start=row["start"], size=row["num_gpus"]),
                        rank=ranks[row["rank"]],
                        arrival=row["arrival"],
                        bid=None if bid is None else PerHour.from_float(bid),
                    )
                )
                runs[number] = row["runs"]
        answer = resolve(claims, PerGpuHour("0.15"))
        assert runs == {claim.id: answer.runs(claim.id) for claim in claims}


def market_rows(seed: int, machines: int = 40) -> list[dict[str, Any]]:
    """Return the offers of a market, each machine cut into several."""
    chance = random.Random(seed)
    rows = []
    for machine in range(machines):
        gpus, price = chance.choice([1, 2, 4, 8]), chance.randrange(1, 4_000) / 1_000
        rows += [
            {
                "machine_id": machine,
                "gpu_name": "AB"[machine % 2],
                "num_gpus": size,
                "dph_base": float(repr(round(price * size, 3))),
            }
            for size in (1, 2, 4, 8)
            if size <= gpus
        ]
    return rows


def check_prices(engine: str) -> None:
    """Prices of models and the matched index are those of a plain loop over machines."""
    before, after = market_rows(1), [r for r in market_rows(2) if r["machine_id"] != 3]
    whole = [{r["machine_id"]: r for r in rows} for rows in (before, after)]  # the largest is last
    prices = frames.model_prices(make(engine, before))
    for model in prices:
        one = [r for r in whole[0].values() if r["gpu_name"] == model.model]
        each = sorted(
            Fraction(repr(r["dph_base"])) / r["num_gpus"] for r in one for _ in range(r["num_gpus"])
        )
        assert (model.machines, model.gpus) == (len(one), len(each))
        assert model.mean.steps == round(sum(each) / len(each) * 10**12)
        assert model.median.steps == round(each[(len(each) - 1) // 2] * 10**12)
        assert (model.lowest.steps, model.highest.steps) == (each[0] * 10**12, each[-1] * 10**12)
    same = [
        (whole[0][m], whole[1][m])
        for m in whole[0].keys() & whole[1].keys()
        if whole[0][m]["num_gpus"] == whole[1][m]["num_gpus"]
    ]
    link = frames.matched_index(make(engine, before), make(engine, after))
    was, now = (sum(Fraction(repr(pair[k]["dph_base"])) for pair in same) for k in (0, 1))
    assert link.index == now / was
    assert link.machines == len(same)
    assert link.gpus == sum(a["num_gpus"] for a, _ in same)
    assert link.left == sum(r["num_gpus"] for r in whole[0].values()) - link.gpus
    assert link.entered == sum(r["num_gpus"] for r in whole[1].values()) - link.gpus
