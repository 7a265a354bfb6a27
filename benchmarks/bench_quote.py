"""Quotes of a stay and the offer table: ours beside Decimal, a pandas loop, and the naive cut."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal

import pandas as pd
from harness import compare, print_table

from numgenius_core.gpus import blocks, offer_sizes, rentable_blocks
from numgenius_core.prices import quote
from numgenius_core.wire import read_sample

STAY = timedelta(hours=72)
SECONDS = 72 * 3600
NANO = Decimal("0.000000001")


def decimal_total(row: tuple[Decimal, Decimal, Decimal]) -> Decimal:
    gpu, storage, download = row
    total = gpu * SECONDS / 3600 + storage * 200 * SECONDS / 2_592_000 + download * 500
    return total.quantize(NANO)


def quotes() -> None:
    offers = read_sample().offers
    rows = [
        (o.per_hour.to_decimal(), o.prices.storage.to_decimal(), o.prices.download.to_decimal())
        for o in offers
    ]
    frame = pd.DataFrame([tuple(map(float, row)) for row in rows], columns=["gpu", "disk", "down"])

    def ours() -> None:
        for offer in offers:
            quote(offer, STAY, disk=200, download=500)

    def decimals() -> None:
        for row in rows:
            decimal_total(row)

    def pandas_loop() -> None:
        for row in frame.itertuples():
            row.gpu * 72 + row.disk * 200 * SECONDS / 2_592_000 + row.down * 500

    def pandas_iloc() -> None:
        for index in range(len(frame)):
            row = frame.iloc[index]
            row["gpu"] * 72 + row["disk"] * 200 * SECONDS / 2_592_000 + row["down"] * 500

    alternatives = {
        "Decimal, total only": decimals,
        "pandas itertuples, floats": pandas_loop,
        "pandas iloc, floats": pandas_iloc,
    }
    found = compare("quote with lines and payout", ours, alternatives, 20, per=len(offers))
    print_table("One quote", found)


def naive_rentable(gpus: int, min_gpu: int, held: int) -> list[range]:
    sizes = {min_gpu, gpus} | {1 << k for k in range(12) if min_gpu < 1 << k < gpus}
    found = {
        range(start, min(start + size, gpus)) for size in sizes for start in range(0, gpus, size)
    }
    return [block for block in found if not any(held >> position & 1 for position in block)]


def tables() -> None:
    chance = random.Random(1)
    for gpus, masks in ((8, 64), (1024, 20)):
        held = [sum(1 << i for i in range(gpus) if chance.random() < 0.2) for _ in range(masks)]
        plain = blocks(gpus, 1)

        def ours(gpus: int = gpus, held: list[int] = held) -> None:
            for mask in held:
                rentable_blocks(gpus, 1, occupied=mask)

        def cut(gpus: int = gpus, held: list[int] = held) -> None:
            for mask in held:
                naive_rentable(gpus, 1, mask)

        def scan(plain: tuple = plain, held: list[int] = held) -> None:  # type: ignore[type-arg]
            for mask in held:
                [block for block in plain if not block.gpu_set & mask]

        found = compare(
            f"rentable blocks, {gpus} GPUs, states seen before",
            ours,
            {"cut and scan anew": cut, "scan of known blocks": scan},
            5,
            per=masks,
        )
        print_table("Offer table", found)
    sizes = compare(
        "offer sizes, 8 GPUs",
        lambda: [offer_sizes(8, 2) for _ in range(100)],
        {"cut anew": lambda: [naive_rentable(8, 2, 0) for _ in range(100)]},
        10,
        per=100,
    )
    print_table("Offer sizes", sizes)


def main() -> None:
    quotes()
    tables()


if __name__ == "__main__":
    main()
