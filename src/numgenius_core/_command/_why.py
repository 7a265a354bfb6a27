"""``numgenius quote --why ID``: every condition and every cost line of one offer, with its rule."""

from __future__ import annotations

from argparse import Namespace
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from numgenius_core._command._market import Asked, Stay, ask, days_left, stay_of, told
from numgenius_core._command._rows import WORDS, disk_gb, quote_or_none, row_of
from numgenius_core._command._table import print_line, print_table
from numgenius_core._command._texts import text_of
from numgenius_core._numbers import decimal_text
from numgenius_core._terms import LOWEST_BID
from numgenius_core.errors import RuleViolation
from numgenius_core.listing import Mode
from numgenius_core.offer import Offer
from numgenius_core.prices.quotes import Quote, QuotePart
from numgenius_core.prices.ranking import NotRented
from numgenius_core.units import SECONDS_PER_DAY

_RULES: Final = {
    QuotePart.GPU: "the price of n GPUs is n × one's, by the second",
    QuotePart.DISCOUNT: "off the GPU part, D · m / (m + 1) for m months, while the deposit lasts",
    QuotePart.FORFEIT: "what an early end keeps of the deposit: 1.05 × the discount received",
    QuotePart.STORAGE: "by the GB-month of 720 hours, whether it runs or not",
    QuotePart.UPLOAD: "by the GB sent",
    QuotePart.DOWNLOAD: "by the GB received",
    QuotePart.SLA_FEE: "a share of GPUs and disk, by claim, spread and target; never discounted",
}
_BID: Final = "the bid, which a winner pays; nothing while it is paused"


def run(options: Namespace) -> dict[str, Any]:
    """Return what one offer costs and why, and what speaks against it."""
    for name in ("top", "all", "sort", "columns", "plot"):
        if name in options.given or (name == "all" and options.all):
            raise RuleViolation(f"--{name}", "no --why, which shows one offer", "both")
    mode = Mode(options.mode)
    stay = stay_of(options, mode)
    asked = ask(options, stay)
    offer = next((each for each in asked.reading.offers if each.id == options.why), None)
    if offer is None:
        raise RuleViolation("--why", "the number of an offer of this market", str(options.why))
    left_out = asked.rank(stay, mode).left_out
    reasons = next((each.reasons for each in left_out if each.offer is offer), ())
    priced = quote_or_none(offer, stay, mode)
    return {
        "hours": stay.hours,
        "now": text_of(asked.now),
        "asked": {"mode": mode.value, **told(options, stay, asked)},
        "offer": row_of(offer, priced, asked, reasons),
        "why_not": [reason.value for reason in reasons],
        "conditions": _conditions(offer, stay, asked, reasons),
        "lines": _lines(offer, priced, stay) if priced is not None else [],
    }


def _conditions(
    offer: Offer, stay: Stay, asked: Asked, reasons: tuple[NotRented, ...]
) -> list[dict[str, Any]]:
    """Return each condition, whether it holds, and what the offer has."""
    days = days_left(offer, asked.now)
    lasts = "never ends" if days is None else f"{decimal_text(round(days, 1))} days left"
    wanted = f"{stay.hours} h"
    if stay.seconds >= SECONDS_PER_DAY:
        wanted = decimal_text(round(Decimal(stay.seconds) / SECONDS_PER_DAY, 1))
    told: list[tuple[NotRented, str]] = [
        (NotRented.WHERE, "what --where, --gpus and --gpu ask for"),
        _free(stay),
        (NotRented.ENDS, f"{lasts}, {wanted} needed"),
        _disk(offer, stay),
    ]
    if asked.verified:
        told.append((NotRented.NOT_VERIFIED, f"its machine is {offer.verification.value}"))
    if not asked.external:
        told.append((NotRented.EXTERNAL, "of this market"))
    if stay.target is not None:
        promise, needed = offer.promise, _percent(stay.target)
        claim = "no uptime" if promise is None else _percent(promise.claim)
        told.append((NotRented.CLAIM, f"its host claims {claim}, {needed} needed"))
    if stay.mode is Mode.RESERVED:
        if stay.months is not None:
            reserved = Decimal(stay.months.numerator * 30) / stay.months.denominator
            text = f"{lasts}, {decimal_text(round(reserved, 1))} reserved"
            told.insert(3, (NotRented.RESERVATION, text))
        told.append((NotRented.NO_RESERVED_PRICE, "verified machines have a reserved price"))
    if stay.mode is Mode.INTERRUPTIBLE:
        told.append((NotRented.BID, "a bid from $0.001 and the floor to $32 a GPU"))
    told.append((NotRented.PRICE_UNKNOWN, "the prices that the stay needs are known"))
    return [
        {"condition": why.value, "holds": why not in reasons, "told": text} for why, text in told
    ]


def _free(stay: Stay) -> tuple[NotRented, str]:
    waits = " (a bid on others waits)" if stay.mode is Mode.INTERRUPTIBLE else ""
    return NotRented.NOT_RENTABLE, f"its GPUs are free to rent on demand{waits}"


def _disk(offer: Offer, stay: Stay) -> tuple[NotRented, str]:
    found = disk_gb(offer)
    if found is None:
        text = f"its source does not say how much disk it has, {stay.disk} GB needed"
        return NotRented.DISK_UNKNOWN, text
    return NotRented.DISK, f"{found} GB of disk, {stay.disk} needed"


def _percent(share: Fraction) -> str:
    return f"{decimal_text(Decimal(share.numerator * 100) / share.denominator)} %"


def _lines(offer: Offer, priced: Quote, stay: Stay) -> list[dict[str, Any]]:
    """Return each line of the quote with what it is made of and its rule."""
    hours = stay.hours
    prices, bids = offer.prices, priced.mode is Mode.INTERRUPTIBLE
    share = Decimal(priced.discount.numerator) / Decimal(priced.discount.denominator) * 100
    made = {
        QuotePart.GPU: f"{offer.gpus} × ${prices.gpu}/h × {hours} h",
        QuotePart.DISCOUNT: f"{share:.2f} % off, deposit ${priced.deposit}"
        if priced.deposit is not None
        else "no discount: the market takes no prepayment",
        QuotePart.FORFEIT: "",
        QuotePart.STORAGE: f"{stay.disk} GB × ${prices.storage}/month × {hours} h / 720 h",
        QuotePart.UPLOAD: f"{stay.upload} GB × ${prices.upload}",
        QuotePart.DOWNLOAD: f"{stay.download} GB × ${prices.download}",
        QuotePart.SLA_FEE: f"${priced.sla_per_hour}/h × {hours} h",
    }
    if bids:
        bid = stay.bid or max(offer.min_bid, LOWEST_BID)
        made[QuotePart.GPU] = f"${bid}/h × {hours} h, a bid for the whole instance"
    return [
        {
            "kind": kind.value,
            "amount": decimal_text(amount, 2),
            "made_of": made[kind],
            "rule": _BID if bids and kind is QuotePart.GPU else _RULES[kind],
        }
        for kind, amount in priced.rounded_lines()
    ]


def show(result: dict[str, Any]) -> None:
    """Print it: the conditions, then the lines and their rules."""
    row = result["offer"]
    head = f"offer {row['id']}: {row['gpus']} × {row['gpu_name']} on machine {row['machine']}"
    print_line(f"{head}, {result['asked']['mode']}, {result['hours']} h")
    why_not = ", ".join(WORDS[why][0] for why in result["why_not"])
    print_line(f"does not fit: {why_not}" if why_not else "fits")
    for each in result["conditions"]:
        print_line(f"  {'yes' if each['holds'] else 'NO ':3}  {each['told']}")
    if row["total"] is None:
        print_line("no price: it cannot be had so, or a price that it needs is not known")
        return
    lines = [
        (line["kind"], f"{Decimal(line['amount']):,.4f}", line["made_of"], line["rule"])
        for line in result["lines"]
    ]
    lines.append(("total", f"{row['total']:,.4f}", "", "the sum, rounded nowhere before"))
    more = f"headline ${row['headline_per_hour'] or '?'}/h: GPUs alone"
    lines.append(("an hour", f"{Decimal(row['per_hour']):,.4f}", "", more))
    print_table(("line", "$", "made of", "rule"), lines, left=frozenset({0, 2, 3}))
