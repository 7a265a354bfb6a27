"""Refusals in the words of who asked: the fields that were sent, and what came in them.

The library names what its commands have (``Relist.sla_claim``), clients send other names
(``sla_r_claim``) and, say, GB for MB. A client shows the sentence alone, so it says what was sent.
"""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final

from examples.marketplace.reading import MOST_SHOWN, Call, cut, parsed, shown
from examples.marketplace.refusals import UnknownField
from numgenius_core.errors import IllegalMove, ParseError, RuleViolation

# What the library calls something, the last part of a path: the fields that it may be sent in. A
# request has one of them, or several, of which the one that was sent is meant.
SENT_AS: Final[Mapping[str, tuple[str, ...]]] = {
    # a listing
    "gpu": ("price_gpu",),
    "storage": ("price_disk",),
    "upload": ("price_inetu",),
    "download": ("price_inetd",),
    "min_bid": ("price_min_bid",),
    "min_gpu": ("min_chunk",),
    "max_discount": ("credit_discount_max",),
    "end": ("end_date",),
    "rolling": ("duration",),
    "volume_mb": ("vol_size",),
    "volume_price": ("vol_price",),
    "sla_claim": ("sla_r_claim",),
    "sla_spread": ("sla_sigma_x",),
    # a volume, and its offer
    "price": ("price_disk",),
    "size_mb": ("size", "volume_info.size"),
    "name": ("volume_info.name",),
    # a bid, and the least one
    "bid": ("price",),
    "floor": ("price",),
    # an instance
    "disk_mb": ("disk",),
    "target": ("target_reliability", "r_target"),
    "volumes": ("volume_info.volume_id", "env"),
    # maintenance
    "start": ("sdate",),
    "hours": ("duration",),
    "window": ("sdate",),
    "maintenance_id": ("maintenance_ids",),
    # an account
    "to": ("recipient",),
    "charge": ("autobill_threshold",),
    "notice": ("balance_threshold",),
    # a backtest
    "claim": ("r_claim",),
    "confidence": ("p",),
    # what a command is about, where it does not stand in the path of the request
    "machine": ("machines", "machine_ids", "machine_id", "machid"),
    "offer": ("dst_id", "dest", "volume_info.volume_id", "ids", "id"),
    "volume": ("src_id", "source", "volume_info.volume_id", "env", "id"),
    "contract": ("instance_ids", "ids"),
    "increase": ("pending_price_increase_id", "instance_ids"),
    "account": ("recipient",),
}
# What may stand in no field, but be that of the number in the path or of the key, and its name.
ELSEWHERE: Final = {
    "machine": "machine",
    "offer": "offer",
    "contract": "instance",
    "increase": "instance",
    "account": "account",
    "by": "account",
}
NOTHING: Final[tuple[Any, ...]] = (None, "", {}, [])
# Values as the library shows them; all else of what came is a sentence, which stays.
NUMBER: Final = re.compile(r"\$?-?[0-9][0-9,]*(\.[0-9]+)?", re.ASCII)
A_REPR: Final = re.compile(
    r"(Money|Per\w+)\(.*[)…]|an integer of \d+ bits"
    r"|-?[0-9./]+…|-?[0-9.]+E[+-]?[0-9]+|-?[0-9]+/[0-9]+",  # a decimal or a fraction
    re.ASCII,
)
A_LITERAL: Final = re.compile(r"['\"\[{].*|True|False|None", re.DOTALL)
# What happens to an instance, and what a client says for it; the rest no client can ask for.
MOVES: Final = {"started": "start", "stopped": "stop", "destroyed": "destroy"}
CAN_BE_REBOOTED: Final = ("loading", "running")
A_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} .*|(-?[0-9,]+ days?, )?[0-9]+:[0-9:]+")


def sentence(fault: Exception, call: Call) -> str:
    """Return what a client is told about its request: where, what is needed, and what it sent."""
    if isinstance(fault, IllegalMove):
        return not_possible(fault, call)
    if not isinstance(fault, RuleViolation) or isinstance(fault, UnknownField):
        return str(fault)
    path = named_as_sent(fault, call)
    return f"{path}: need {fault.need}, got {came(fault, sent(call, path))}"


def not_possible(fault: IllegalMove, call: Call) -> str:
    """Return what a client is told about a move that the state of its instance does not allow."""
    asked = MOVES.get(fault.event) or call.command.removesuffix(" instance")
    possible = [MOVES[each] for each in fault.legal if each in MOVES]
    possible += ["reboot"] * (fault.state in CAN_BE_REBOOTED)
    return str(IllegalMove(fault.state, asked, tuple(possible)))


def named_as_sent(fault: RuleViolation, call: Call) -> str:
    """Return the field of a request that a fault is about; its own path where there is none."""
    head, last = re.split(r"[.\[]", fault.path, maxsplit=1)[0], name_in(fault.path)
    if head in ("query", "request") or "q" in call.body:  # of a search
        # A condition on no field has no place but its name.
        path = fault.got.strip("'\"") if fault.path == "query" else fault.path
        return within_q(path, call)
    if head in call.fields and head != fault.path:  # within it
        return fault.path
    fields = [each for each in (last, *SENT_AS.get(last, ())) if field_of(each) in call.fields]
    there = [each for each in fields if sent(call, each) not in NOTHING]
    said = [each for each in there if says(fault.got, sent(call, each))]
    if last in ELSEWHERE:
        sure = said if call.number or last == "account" else [*said, *there]
        return next(iter(sure), ELSEWHERE[last])
    return next(iter([*said, *there, *fields]), fault.path)


def within_q(path: str, call: Call) -> str:
    """Return where something of a search was sent: a request may have all of it in ``q``."""
    inner = re.sub(r"^(query|request)\.?", "", path)
    parts = [inner] if field_of(inner) == "q" else ["q"] * ("q" in call.body) + [inner]
    return ".".join(filter(None, parts)) or path


def name_in(path: str) -> str:
    """Return the last name of a path such as ``Rent.volumes[0]``."""
    return re.sub(r"\[\d+\]$", "", path).rpartition(".")[2]


def field_of(path: str) -> str:
    """Return the field of a request in which a value such as ``volume_info.size`` is sent."""
    return path.partition(".")[0]


def says(text: str, value: object) -> bool:
    """Return whether a text has a value in it, or one of several, such as a number."""
    values = value if isinstance(value, list) else [value]
    words = [re.escape(f"{each}") for each in values if not isinstance(each, list | dict)]
    return any(re.search(rf"(?<!\w){word}(?!\w)", text) for word in words)


def sent(call: Call, path: str) -> Any:
    """Return what was sent in a field or a parameter, or within one; nothing is ``None``."""
    head, *inner = re.findall(r"[^.\[\]]+", path) or [path]
    found = call.body.get(head)
    if head in call.query:
        try:
            found = parsed(call.query[head], head)
        except ParseError:
            found = call.query[head]
    for name in inner:
        if isinstance(found, list) and name.isdecimal():
            found = found[int(name)] if int(name) < len(found) else None
        else:
            found = found.get(name) if isinstance(found, dict) else None
    return found


def came(fault: RuleViolation, value: Any) -> str:
    """Return what came in a field as it was sent, beside what it was taken for if that differs."""
    got = fault.got
    if got == cut(repr(value)) or (value is not None and A_REPR.fullmatch(got)):
        return shown(value)
    if A_LITERAL.fullmatch(got):
        return as_json(got)
    if value is None or isinstance(value, list | dict):
        return got
    if NUMBER.fullmatch(got):
        if isinstance(value, int | float) and float(re.sub(r"[$,]", "", got)) == value:
            return shown(value)
        unit = " MB" if fault.path.endswith("_mb") else ""
        return f"{shown(value)}, which is {got}{unit}"
    if not A_TIME.fullmatch(got):
        return got
    return f"{shown(value)}, which is {got.removesuffix(', 0:00:00')}"


def as_json(got: str) -> str:
    """Return a part of what came, which the library shows as Python does, as JSON shows it."""
    try:
        return shown(literal_eval(got))
    except (SyntaxError, TypeError, ValueError):  # cut, or within a sentence
        cut_text = got[0] in "'\"" and got.endswith("…")
        return f'"{got[1:]}' if cut_text else got


def unknown_field(
    name: str, known: Iterable[str], value: Any, kind: str = "a field of this request"
) -> UnknownField:
    """Return the refusal of a field that a request does not have, or of what else is not known."""
    near = get_close_matches(name[:MOST_SHOWN], list(known), 1, 0.65)
    hint = f" (did you mean {near[0]}?)" if near else ""
    plain = name.strip() and name.isprintable() and len(name) <= MOST_SHOWN
    path = name if plain else shown(name)
    return UnknownField(path, f"{kind}{hint}", shown(value))
