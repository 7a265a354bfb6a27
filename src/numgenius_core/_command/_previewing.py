"""A relisting on a market document, and what it would do."""

from __future__ import annotations

import json
import warnings
from argparse import Namespace
from datetime import timedelta
from typing import Any, Final

from numgenius_core._command._durations import parse_days
from numgenius_core._command._reading import instant, name_of, read, share, source_of
from numgenius_core._command._table import print_line, print_table
from numgenius_core._command._texts import instant_text, text_of
from numgenius_core._json.packings import bytes_of
from numgenius_core._numbers import exact_number
from numgenius_core.contracts import Extended, Raise, Unchanged
from numgenius_core.contracts.extension import ExtensionVerdict
from numgenius_core.errors import InvalidDocument, RuleViolation, shown
from numgenius_core.ids import MachineId
from numgenius_core.market import MachineState, Market, commands as do, views
from numgenius_core.market.journal import market_from_json
from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour

_PRICES: Final = {
    "gpu": PerGpuHour,
    "storage": PerGbMonth,
    "upload": PerGb,
    "download": PerGb,
    "min_bid": PerGpuHour,
}
_ZERO_IS_LEFT_OUT: Final = ("upload", "download")  # so the marketplace takes a relisting
_SHARES: Final = ("platform_fee", "max_discount", "sla_claim")
_MOST_NAMED: Final = 12
_FEW: Final = 4


def run(options: Namespace) -> dict[str, Any]:
    """Return what a relisting would do.

    Raises:
        NumgeniusError: It would be refused.
    """
    market = _market(options.file)
    machine = _machine(market, options.machine)
    at = market.now if options.at is None else instant(options.at, "--at")
    command = do.Relist(by=machine.machine.host, machine=machine.id, **_terms(options))
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        told = views.preview(market, command, at)
    if told.error is not None:
        raise told.error
    return {
        "machine": machine.id,
        "at": text_of(at),
        "listed": told.market.machine(machine.id).listing is not None,
        "terms": [
            {
                "name": term.name,
                "old": text_of(term.old),
                "new": text_of(term.new),
                "from": term.origin.value,
                "changes": term.changes,
            }
            for term in told.terms
        ],
        "contracts": [_contract(verdict) for verdict in told.verdicts],
        "others": [
            {"what": what, "whose": whose, "becomes": becomes, "why": why}
            for what, whose, becomes, why in told.table().rows
            if becomes not in _BECOMES and not what.startswith("listing")
        ],
        "notes": sorted({str(note.message) for note in notes}),
    }


def _market(file: str) -> Market:
    """Read a market document; a fault names the file and says what it is instead."""
    name, need = name_of(file), "a market document"
    text = bytes_of(source_of(file), name)
    if not text.strip():
        raise RuleViolation(name, need, "an empty file")
    try:
        return market_from_json(text)
    except InvalidDocument as fault:
        if any(each.path == "snapshot.type" for each in fault.faults):
            raise RuleViolation(name, need, _kind_of(text)) from None
        raise InvalidDocument(name, fault.faults, fault.more) from None
    except RuleViolation:  # no document of ours at all
        raise RuleViolation(name, need, _kind_of(text)) from None


def _kind_of(text: bytes) -> str:
    """Return what a document is that is no market."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as fault:
        return f"what is no JSON in line {fault.lineno}"
    except (ValueError, RecursionError):
        return "what is no JSON"
    if isinstance(value, list):
        return "a list"
    if not isinstance(value, dict):
        return shown(value)
    if "schema" in value:
        return f"schema {shown(value['schema'])} of type {shown(value.get('type'))}"
    names = ", ".join(shown(name) for name in list(value)[:_FEW])
    return f"an object of {names}{', …' if len(value) > _FEW else ''}" if value else "an empty one"


def _machine(market: Market, number: int | None) -> MachineState:
    """Return the machine that is meant: the only one, or the one that is named."""
    known = sorted(market.machines)
    if number is None and len(known) == 1:
        number = known[0]
    if number is None or number not in market.machines:
        names = ", ".join(map(str, known[:_MOST_NAMED])) or "none"
        more = f" and {len(known) - _MOST_NAMED} more" if len(known) > _MOST_NAMED else ""
        got = "none" if number is None else str(number)
        raise RuleViolation("--machine", f"a machine of the market: {names}{more}", got)
    return market.machine(MachineId(number))


def _terms(options: Namespace) -> dict[str, Any]:
    """Return the terms that were given, as a relisting takes them."""
    found: dict[str, Any] = {}
    for name, kind in _PRICES.items():
        text = getattr(options, name)
        if text is not None:
            found[name] = read(_option(name), kind, text)
    for name in _ZERO_IS_LEFT_OUT:
        found[name] = found.get(name) or None
    for name in _SHARES:
        text = getattr(options, name)
        if text is not None:
            found[name] = share(_option(name), text, below_one=True)
    if options.sla_spread is not None:
        option, need = "--sla-spread", "a number above 0"
        found["sla_spread"] = read(
            option, lambda given: exact_number(given, option, need), options.sla_spread
        )
    if options.min_gpu is not None:
        found["min_gpu"] = options.min_gpu
    if options.end is not None:
        found["end"] = instant(options.end, "--end")
    if options.rolling is not None:
        found["rolling"] = timedelta(seconds=parse_days(options.rolling, "--rolling"))
    return found


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


_BECOMES: Final = {"extended", "asked", "as agreed"}


def _contract(verdict: ExtensionVerdict) -> dict[str, Any]:
    """Return what becomes of a contract."""
    contract = verdict.contract
    told: dict[str, Any] = {"contract": contract.id, "client": contract.client}
    if isinstance(verdict, Extended):
        return told | {
            "becomes": "extended",
            "why": None,
            "end": text_of(verdict.old_end),
            "new_end": text_of(verdict.end),
            "raised": [],
        }
    unchanged = isinstance(verdict, Unchanged)
    return told | {
        "becomes": "as agreed" if unchanged else "asked",
        "why": verdict.why.value if isinstance(verdict, Unchanged) else "raised",
        "end": text_of(contract.end),
        "new_end": None if isinstance(verdict, Unchanged) else text_of(verdict.new_end),
        "raised": [_raised(each) for each in verdict.raised],
    }


def _raised(part: Raise) -> dict[str, str]:
    return {"part": part.part, "old": str(part.old), "new": str(part.new)}


def show(result: dict[str, Any], options: Namespace) -> None:
    """Print a line for each term that changes, and for each contract."""
    rows = [
        (term["name"], _cell(term["old"]), _cell(term["new"]), term["from"])
        for term in result["terms"]
        if term["changes"]
    ]
    if rows:
        print_table(("term", "now", "then", ""), rows, left=frozenset({0, 3}))
    else:
        print_line(
            "No term changes." if result["listed"] else "Nothing is listed: the end is past."
        )
    print_line()
    contracts = [
        (
            str(each["contract"]),
            each["client"],
            each["becomes"],
            instant_text(each["end"], "never"),
            instant_text(each["new_end"], "never")
            if each["new_end"] or each["becomes"] == "extended"
            else "",
            _why(each),
        )
        for each in result["contracts"]
    ]
    if contracts:
        head = ("contract", "client", "becomes", "ends", "would end", "why")
        print_table(head, contracts, left=frozenset({1, 2, 5}))
    else:
        print_line(_no_contract(result, dated=bool(options.end or options.rolling)))
    for each in result["others"]:
        line = f"{each['what']} ({each['whose']}): {each['becomes']} {each['why']}"
        print_line(line.rstrip())
    for note in result["notes"]:
        print_line(f"note: {note}")


def _no_contract(result: dict[str, Any], *, dated: bool) -> str:
    """Return why no contract is named."""
    if not result["listed"]:
        return "No contract changes: what is rented stays as agreed."
    if dated:
        return "No contract is extended: nobody rents."
    return "No contract is extended: neither --end nor --rolling is given."


def _cell(text: str | None) -> str:
    """Return a term for a person: an instant without its letters."""
    if text is None:
        return "none"
    return instant_text(text, "never") if text.endswith("Z") else text


def _why(contract: dict[str, Any]) -> str:
    raised = ", ".join(
        f"{part['part']} {part['old']} → {part['new']}" for part in contract["raised"]
    )
    return raised or contract["why"] or ""
