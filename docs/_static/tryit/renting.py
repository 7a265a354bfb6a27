"""What a renter asks on the page "Try it": which offer, and what will it really cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from statistics import median
from typing import Any, Final

from fields import BadField, Form, answered, chart, table
from numgenius_core import Mode, Offer, PerHour
from numgenius_core.errors import RuleViolation
from numgenius_core.planning import compare_bids, read_price_series
from numgenius_core.prices import NotRented, Quote, QuotePart, Ranking, rank_offers
from numgenius_core.search import FIELDS, View, gpu_matcher
from numgenius_core.wire import Reading

MODES: Final = {mode.value: mode for mode in Mode}
SHOWN: Final = 25
_MOST_HOURS: Final = 100_000
_MOST_GB: Final = 1_000_000
_BIDS: Final = 24
_LEFT_OUT: Final = {
    NotRented.REPEATED: "the same GPUs as an offer above",
    NotRented.WHERE: "not asked for",
    NotRented.NOT_RENTABLE: "rented now",
    NotRented.ENDS: "ends too soon",
    NotRented.RESERVATION: "ends before the months reserved",
    NotRented.DISK: "disk too small",
    NotRented.DISK_UNKNOWN: "disk not known",
    NotRented.NOT_VERIFIED: "not verified",
    NotRented.EXTERNAL: "of another market",
    NotRented.CLAIM: "promises less",
    NotRented.NO_RESERVED_PRICE: "no reserved price",
    NotRented.DISCOUNT_UNKNOWN: "discount not known",
    NotRented.BID: "the bid is too low",
    NotRented.PRICE_UNKNOWN: "a price is not known",
}
_PARTS: Final = {
    QuotePart.GPU: "GPUs",
    QuotePart.DISCOUNT: "discount",
    QuotePart.FORFEIT: "discount given back",
    QuotePart.STORAGE: "disk",
    QuotePart.UPLOAD: "upload",
    QuotePart.DOWNLOAD: "download",
    QuotePart.SLA_FEE: "promise of uptime",
}


def rent(market: Reading, form: Form, record: dict[str, Any] | None) -> dict[str, Any]:
    """Return what fits a stay and what each offer costs.

    Args:
        market: The offers.
        form: ``gpu``, ``gpus``, ``hours``, ``disk``, ``upload``, ``download``, ``mode``, ``bid``
            and ``any`` (offers that are not verified too).
        record: How often bids would have run, if there is a record of a price: it is the same
            whatever the form says.
    """

    @cache
    def offers() -> list[Offer]:
        return _asked(market.offers, form)

    @cache
    def ranking() -> Ranking:
        mode = form.choice("mode", MODES)
        return _ranked(offers(), market, form, mode, _bid(form, mode))

    return answered(
        [
            (
                "ranking",
                "What it really costs",
                lambda: _ranking(ranking(), market, len(offers())),
            ),
            ("left_out", "Left out", lambda: _left_out(ranking())),
            ("ladder", "The price ladder", lambda: _ladder(ranking())),
            (
                "bids",
                "Bid against availability",
                lambda: _bids(offers(), market, form) if record is None else record,
            ),
        ]
    )


def _asked(offers: Sequence[Offer], form: Form) -> list[Offer]:
    found = list(offers)
    if form.text("gpu"):
        matches = form.read("gpu", gpu_matcher)
        found = [offer for offer in found if matches(offer)]
        if not found:
            names = ", ".join(sorted({offer.gpu_name for offer in offers}))
            raise BadField("gpu", f"no offer has it; the file has {names[:300]}")
    if form.text("gpus"):
        gpus = form.whole("gpus", 1, 1_000)
        sizes = sorted({offer.gpus for offer in found})
        found = [offer for offer in found if offer.gpus == gpus]
        if not found:
            raise BadField(
                "gpus", f"no offer has so many; offers have {', '.join(map(str, sizes))}"
            )
    return found


def _bid(form: Form, mode: Mode) -> PerHour | None:
    if mode is not Mode.INTERRUPTIBLE or not form.text("bid"):
        return None
    return form.read("bid", PerHour)


def _ranked(
    offers: Sequence[Offer], market: Reading, form: Form, mode: Mode, bid: PerHour | None
) -> Ranking:
    disk, upload, download = (
        form.number(name, 0, _MOST_GB, places) if form.text(name) else Decimal(0)
        for name, places in (("disk", 3), ("upload", 9), ("download", 9))
    )
    stay = form.hours("hours", _MOST_HOURS)
    everybody = form.text("any") == "1"
    return form.read(
        "bid" if bid is not None else "hours",
        lambda _: rank_offers(
            offers,
            stay,
            now=market.at or datetime.now(UTC).replace(microsecond=0),
            mode=mode,
            bid=bid,
            verified=not everybody,
            external=everybody,
            disk=disk,
            upload=upload,
            download=download,
        ),
    )


def _ranking(ranking: Ranking, market: Reading, asked: int) -> dict[str, Any]:
    rows, more = [], []
    for each in ranking.quotes[:SHOWN]:
        offer = each.offer
        disk = FIELDS["disk_space"].of(offer, View())
        rows.append(
            [
                str(offer.id),
                f"{offer.gpus} × {offer.gpu_name}",
                f"{each.total:.2f}",
                f"{each.per_hour(4)}",
                f"{offer.per_hour:.4f}",
                "?" if disk is None else f"{disk:.0f}",
            ]
        )
        more.append(_lines(each))
    fit = len(ranking.quotes)
    said = [f"{fit} of {asked} offers asked for fit, of {len(market.offers):,} in the file."]
    if ranking.quotes:
        best = ranking.quotes[0]
        said.insert(0, f"Offer {best.offer.id} is cheapest: ${best.total:.2f} in all.")
    if fit > SHOWN:
        said.append(f"The first {SHOWN} are shown.")
    head = ["offer", "GPUs", "total $", "$/h all in", "$/h listed", "disk GB"]
    return {"text": said, "table": table(head, rows, more)}


def _lines(quote: Quote) -> str:
    told = [f"{_PARTS[kind]} ${amount}" for kind, amount in quote.rounded_lines(2)]
    if quote.deposit is not None:
        told.append(f"paid in advance ${quote.deposit:.2f}")
    return ", ".join(told)


def _left_out(ranking: Ranking) -> dict[str, Any]:
    counts = [[_LEFT_OUT[why], str(count)] for why, count in ranking.counts().items() if count]
    names = [
        [
            str(left.offer.id),
            f"{left.offer.gpus} × {left.offer.gpu_name}",
            ", ".join(_LEFT_OUT[why] for why in left.reasons),
        ]
        for left in ranking.left_out[:SHOWN]
    ]
    said = [", ".join(f"{count} {why}" for why, count in counts) or "Nothing was left out."]
    return {"text": said, "table": table(["offer", "GPUs", "why"], names)}


def _ladder(ranking: Ranking) -> dict[str, Any]:
    """Return what an hour of a GPU costs, all in, a row for each model."""
    known: dict[str, list[float]] = {}
    for each in ranking.quotes:
        price = float(each.per_hour(6)) / each.offer.gpus
        known.setdefault(each.offer.gpu_name, []).append(price)
    names = sorted(known, key=lambda name: (median(known[name]), name))
    points = sorted((price, float(row)) for row, name in enumerate(names) for price in known[name])
    drawn = chart("$ per GPU-hour, all in", "model", points, names=names)
    return {"text": [], "chart": drawn}


def _bids(offers: Sequence[Offer], market: Reading, form: Form) -> dict[str, Any]:
    """Return how many offers take which bid for the whole instance."""
    lowest = _ranked(offers, market, form, Mode.INTERRUPTIBLE, None)
    floors = sorted({each.offer.min_bid for each in lowest.quotes}, key=lambda bid: bid.steps)
    last = len(floors) - 1
    if last >= _BIDS:
        floors = [floors[last * index // (_BIDS - 1)] for index in range(_BIDS)]
    points: list[tuple[float, float]] = []
    for bid in floors:
        taken = sum(each.offer.min_bid <= bid for each in lowest.quotes)
        points.append((float(bid.to_decimal()), float(taken)))
    said = [
        (
            "How many of the offers take a bid now. How often it would have run, a record of the "
            "price tells: drop one above (a column of times, a column of prices)."
        )
    ]
    drawn = chart("bid, $ an hour", "offers that take it", points)
    return {"text": said, "chart": drawn}


def price_record(history: bytes) -> dict[str, Any]:
    """Return how often bids would have run on the record of a price: a table and a chart.

    Raises:
        BadField: All its prices are of one moment.
        NumgeniusError: It cannot be read.
    """
    try:
        found = read_price_series(history, naive="utc")
    except RuleViolation as fault:
        if not fault.path.startswith("end"):
            raise
        got = f"prices of a single moment{fault.path.removeprefix('end')}"
        raise BadField("history", f"need a price that holds for some time, got {got}") from None
    name, series = next(iter(found.items()))
    prices = sorted(set(series.prices), key=lambda bid: bid.steps)
    last = len(prices) - 1
    if last >= _BIDS:
        prices = [prices[last * index // (_BIDS - 1)] for index in range(_BIDS)]
    plan = compare_bids(series, prices)
    rows = [
        [
            str(one.bid),
            f"{float(one.availability):.2%}",
            f"{one.cost:,.2f}",
            "–" if one.mean_price is None else f"{float(one.mean_price):.4f}",
            f"{float(one.per_day):.2f}",
        ]
        for one in plan.bids
    ]
    points: list[tuple[float, float]] = [
        (float(one.bid.to_decimal()), 100 * float(one.availability)) for one in plan.bids
    ]
    said = [f"On the record {name or 'of the file'}, {series.span}."]
    if len(found) > 1:
        said.append(f"The file has {len(found)} records; this is the first.")
    head = ["bid $/h", "runs", "cost $", "recorded price $/h", "pauses a day"]
    drawn = chart("bid, $ an hour", "% of the time", points)
    return {"text": said, "table": table(head, rows), "chart": drawn}
