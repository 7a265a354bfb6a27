"""What clients send: JSON within limits, its fields, and the commands that need several of them.

A field gets its type here and no more: what a command may say is for the library to decide. Floats
enter through their shortest decimal text, and what is left out is null, as the client sends it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import isfinite
from numbers import Real
from typing import Any, Final, TypeVar

from attrs import frozen

from examples.marketplace.refusals import WrongStart
from numgenius_core.errors import ParseError, RuleViolation, WrongType
from numgenius_core.ids import AccountId, ContractId, MachineId, OfferId, VolumeId
from numgenius_core.intervals import Interval, fixed_duration, from_epoch
from numgenius_core.listing import Mode
from numgenius_core.maintenance import (
    Category,
    MaintenanceWindow,
    requested_window,
)
from numgenius_core.market import Market, commands as do
from numgenius_core.money import Money
from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour, PerHour, Rate
from numgenius_core.units import to_megabytes

MAX_BODY: Final = 65_536  # bytes
MAX_DEPTH: Final = 12  # of JSON
MAX_DIGITS: Final = 1_000  # of a whole number
MAX_IDS: Final = 100  # of one request
ON_DEMAND: Final = ("on-demand", "ondemand")
BIDS: Final = ("bid", "interruptible")
LEAST_DISK: Final = 8  # GB of an instance
MOST_SHOWN: Final = 80  # characters of what was sent that a refusal repeats
MOST_NUMBER: Final = 2**63 - 1  # of an id, and what a database can look for

KINDS: Final[Mapping[type, str]] = {
    int: "a whole number",
    Real: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}
LARGEST: Final = 1e15  # of a number that is read exactly, whatever it counts

AnyRate = TypeVar("AnyRate", bound=Rate)
T = TypeVar("T")


def told_of(
    view: Callable[[Market, AccountId], tuple[T, ...]], market: Market, account: AccountId
) -> tuple[T, ...]:
    """Return what a view tells of an account; nothing of one that has a key, and nothing else."""
    return view(market, account) if account in market.accounts else ()


def depth(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(depth, inner), default=0)


def no_number(word: str) -> float:
    # Python reads NaN and Infinity, JSON has neither.
    raise ValueError(f"{word[:MOST_SHOWN]} is no number")


def finite(digits: str) -> float:
    value = float(digits)
    return value if isfinite(value) else no_number(digits)  # 1e999: no double is that large


def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:  # nobody can say which was meant
            raise ValueError(f"the key {shown(key)} twice")
        found[key] = value
    return found


def check_text(value: object) -> None:
    r"""Refuse half of a surrogate pair (``\ud800``), which no answer and no database can have."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("half of a surrogate pair, which is no text") from None


def parsed(text: bytes | str, path: str) -> Any:
    """Return the value of a JSON text, or raise our ``ParseError``."""
    try:
        value = json.loads(
            text,
            parse_constant=no_number,
            parse_float=finite,
            parse_int=digits_of,
            object_pairs_hook=each_once,
        )
        if depth(value) <= MAX_DEPTH:
            check_text(value)
            return value
    except RecursionError:
        pass
    except ValueError as error:
        raise ParseError(path, "JSON", str(error)) from None
    raise ParseError(path, f"JSON at most {MAX_DEPTH} levels deep", "deeper nesting")


def shown(value: object) -> str:
    """Return what was sent as a refusal repeats it: JSON, as it came."""
    text = json.dumps(value, ensure_ascii=False)
    return cut(text.encode("utf-8", "backslashreplace").decode())  # half of a surrogate pair


def cut(text: str) -> str:
    """Return a text as far as a refusal repeats it."""
    return text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 1] + "…"


def digits_of(text: str) -> int:
    if len(text) > MAX_DIGITS:  # which Python refuses to read, in words of its own
        raise ValueError(f"a number of {len(text):,} digits")
    return int(text)


def whole_number(value: object, name: str) -> int:
    """Return a JSON number that is whole, zero or more, and one that an id can be."""
    need = f"a whole number from 0 to {MOST_NUMBER:,}"
    if type(value) is not int:
        raise WrongType(name, need, shown(value))
    if not 0 <= value <= MOST_NUMBER:
        raise RuleViolation(name, need, shown(value))
    return value


def instant(sent: Mapping[str, Any], name: str) -> datetime:
    value: Any = sent.get(name)
    return from_epoch(value, name)


@frozen(kw_only=True)
class Call:
    """One request.

    Attributes:
        by: Who asks.
        at: When.
        number: Of the machine, the offer or the instance in its path.
        body: Its JSON object.
        query: Its query, each value JSON or text.
        command_id: Asked again with it, it is answered as it was; ``None`` if it may happen again.
        wish: What it asks for, as a digest, which another request with its id does not have.
        fields: The fields and the parameters that its door looks at.
        command: What the market's command line calls it.
    """

    by: AccountId
    at: datetime
    number: int
    body: Mapping[str, Any]
    query: Mapping[str, str]
    command_id: str | None = None
    wish: str = ""
    fields: Collection[str] = ()
    command: str = ""

    @property
    def machine(self) -> dict[str, Any]:
        """Who asks and about which machine, as commands take it."""
        return {"by": self.by, "machine": MachineId(self.number)}

    @property
    def contract(self) -> dict[str, Any]:
        """Who asks and about which instance, as commands take it."""
        return {"by": self.by, "contract": ContractId(self.number)}

    def asked(self, name: str, kind: type, default: Any) -> Any:
        """Return a value of the query, which is JSON."""
        text = self.query.get(name)
        try:
            value = None if text is None else parsed(text, name)
        except ParseError as fault:
            raise ParseError(name, fault.need, f"{shown(text)}: {fault.got}") from None
        if value is None:
            return default
        if not isinstance(value, kind) or (type(value) is bool and kind is not bool):
            raise WrongType(name, KINDS[kind], shown(value))
        return value

    def word(self, name: str) -> str | None:
        """Return a text of the query, which comes as it is; one that is left out is null."""
        text = self.query.get(name)
        return None if text in ("", "null") else text

    def check_number(self, name: str) -> None:
        """Refuse a field that says another number than the path, which is looked at."""
        sent = self.body.get(name)
        if sent is not None and (type(sent) is not int or sent != self.number):
            raise RuleViolation(name, f"the path's {self.number}, or none", shown(sent))

    def only(self, *names: str) -> str:
        """Return which of several fields was sent, the first if none was.

        Raises:
            RuleViolation: They say different things, and nobody can say which is meant.
        """
        sent = [name for name in names if self.body.get(name) is not None]
        for name in sent[1:]:
            if json.dumps(self.body[name]) != json.dumps(self.body[sent[0]]):  # true is not 1
                need = f"none beside {sent[0]}, or the same"
                raise RuleViolation(name, need, shown(self.body[name]))
        return sent[0] if sent else names[0]

    def maybe(self, name: str, kind: type[AnyRate]) -> AnyRate | None:
        """Return a price, ``None`` for null."""
        value = self.body.get(name)
        try:
            return None if value is None else kind.from_float(value)
        except WrongType:
            raise WrongType(name, f"a number, {kind.UNIT}", shown(value)) from None
        except RuleViolation as fault:
            raise type(fault)(name, fault.need, shown(value)) from None

    def price(self, name: str, kind: type[AnyRate], default: AnyRate | None = None) -> AnyRate:
        """Return a price, the default for null; without one, null is refused."""
        found = self.maybe(name, kind)
        found = default if found is None else found
        if found is None:
            raise RuleViolation(name, f"a price in {kind.UNIT}", "null")
        return found

    def exact(self, name: str) -> Decimal:
        """Return a number as the decimal that it is written as."""
        return self.decimal(self.body.get(name), name)

    @staticmethod
    def decimal(value: Any, name: str) -> Decimal:
        """Return a JSON number as the decimal that it is written as."""
        if type(value) not in (int, float):
            raise WrongType(name, "a number", shown(value))
        if not abs(value) <= LARGEST:
            raise RuleViolation(name, "a number up to 10¹⁵", shown(value))
        return Decimal(repr(value))

    def money(self, name: str) -> Money:
        """Return an amount in dollars, exactly as it is written."""
        exact = self.exact(name)
        try:
            return Money(exact)
        except RuleViolation as fault:
            raise type(fault)(name, fault.need, shown(self.body[name])) from None

    def share(self, name: str) -> Fraction | None:
        """Return a number as it is written, ``None`` for null."""
        return None if self.body.get(name) is None else Fraction(self.exact(name))

    def whole(self, name: str) -> int:
        return whole_number(self.body.get(name), name)

    def text(self, name: str) -> str:
        """Return a text, an empty one for null."""
        value = self.body.get(name)
        if value is not None and not isinstance(value, str):
            raise WrongType(name, "text", shown(value))
        return value or ""

    def flag(self, name: str) -> bool:
        """Return a yes or no, no for null."""
        value = self.body.get(name)
        if value is not None and not isinstance(value, bool):
            raise WrongType(name, "true or false", shown(value))
        return bool(value)

    def ids(self, name: str) -> list[int]:
        value = self.body.get(name)
        if not isinstance(value, list) or not 1 <= len(value) <= MAX_IDS:
            raise RuleViolation(name, f"a list of 1 to {MAX_IDS} ids", shown(value))
        return [whole_number(each, f"{name}[{index}]") for index, each in enumerate(value)]

    def several(self, name: str) -> list[int]:
        """Return the ids of a query, which is a JSON list."""
        found = self.asked(name, list, None)
        if found is None or not 1 <= len(found) <= MAX_IDS:
            raise RuleViolation(name, f"a list of 1 to {MAX_IDS} ids", shown(found))
        return [whole_number(each, f"{name}[{index}]") for index, each in enumerate(found)]

    def day_range(self, name: str, bounds: Any, *, whole: bool = False) -> Interval | None:
        """Return the time between ``{"gte": ..., "lte": ...}`` of a filter, up to now.

        ``None`` if there is none; ``whole`` as of a :meth:`period`.
        """
        path, need = f"select_filters.{name}", '{"gte": ..., "lte": ...} of the time'
        if not isinstance(bounds, dict):
            raise WrongType(path, need, shown(bounds))
        if bounds.keys() - {"gte", "lte"}:
            raise RuleViolation(path, need, shown(bounds))
        since: Any = bounds.get("gte")
        until: Any = bounds.get("lte")
        first, last = from_epoch(since, f"{path}.gte"), from_epoch(until, f"{path}.lte")
        if first > last:
            raise RuleViolation(path, "gte up to lte", shown(bounds))
        return self.period(first, last, whole=whole)

    def period(self, since: datetime, until: datetime, *, whole: bool = False) -> Interval | None:
        """Return the time between two instants, up to now; ``None`` if there is none.

        ``whole``: the last second is in it, as ``lte`` says, for what happens at an instant.
        """
        until = min(until, self.at) + timedelta(seconds=1 if whole else 0)
        return Interval(since, until) if since < until else None


def listing(call: Call, machine: int) -> do.Relist:
    """What is left out of a listing that there is stays as it is; traffic for 0 is left out.

    Of volumes, a size that is left out is half of what is free, where no volume offer is there.
    """
    body = call.body
    if call.flag("hidden_listing"):
        raise RuleViolation("hidden_listing", "false: what is listed here is seen by all", "true")
    end, rolling = body.get("end_date"), body.get("duration")
    discount, smallest = body.get("credit_discount_max"), body.get("min_chunk")
    volume = body.get("vol_size")
    upload, download = (call.maybe(name, PerGb) for name in ("price_inetu", "price_inetd"))
    return do.Relist(
        by=call.by,
        machine=MachineId(machine),
        gpu=call.maybe("price_gpu", PerGpuHour),
        storage=call.maybe("price_disk", PerGbMonth),
        upload=upload or None,
        download=download or None,
        min_bid=call.maybe("price_min_bid", PerGpuHour),
        min_gpu=None if smallest is None else call.whole("min_chunk"),
        max_discount=None if discount is None else Fraction(call.exact("credit_discount_max")),
        end=None if end is None else instant(body, "end_date"),
        rolling=None if rolling is None else fixed_duration(rolling, "duration"),
        volume_mb=None if volume is None else to_megabytes(call.exact("vol_size"), "vol_size"),
        volume_price=call.maybe("vol_price", PerGbMonth),
        sla_claim=call.share("sla_r_claim"),
        sla_spread=call.share("sla_sigma_x"),
        sla_max_beta=call.share("sla_max_beta"),
    )


def rental(call: Call, offer: int, volumes: tuple[VolumeId, ...] = ()) -> do.Rent:
    """With a price it is a bid; a bid without one is refused, never an on-demand rental."""
    bid, kind = call.maybe("price", PerHour), call.text("type")
    if kind not in ("", *ON_DEMAND, *BIDS):
        raise RuleViolation("type", "on-demand or bid", shown(kind))
    if bid is None and kind in BIDS:
        raise RuleViolation("price", "the price of the bid, $/hour", "null")
    if bid is not None and kind in ON_DEMAND:
        need = "none on demand, where the offer has its price"
        raise RuleViolation("price", need, shown(call.body["price"]))
    call.text("image")  # it is fetched nowhere here
    disk = call.exact("disk")
    if 0 <= disk < LEAST_DISK:
        raise RuleViolation("disk", f"at least {LEAST_DISK} GB", shown(call.body["disk"]))
    return do.Rent(
        by=call.by,
        offer=OfferId(offer),
        mode=Mode.ON_DEMAND if bid is None else Mode.INTERRUPTIBLE,
        bid=bid,
        disk_mb=to_megabytes(disk, "disk"),
        label=call.text("label"),
        volumes=volumes,
        target=call.share("target_reliability"),
    )


def maintenance(call: Call) -> MaintenanceWindow:
    """Return the window that is asked for: an hour long, and *other*, if nothing else is said."""
    word = call.text("maintenance_category")
    known = {"": Category.OTHER, "not provided": Category.OTHER} | {c.value: c for c in Category}
    if word not in known:
        need = "one of " + ", ".join(category.value for category in Category)
        raise RuleViolation("maintenance_category", need, shown(word))
    hours = Decimal(1) if call.body.get("duration") is None else call.exact("duration")
    try:
        start = instant(call.body, "sdate")
        return requested_window(start, hours, now=call.at, category=known[word])
    except RuleViolation as fault:
        if fault.path == "hours":
            raise RuleViolation("duration", fault.need, fault.got) from None
        raise WrongStart("sdate", fault.need, fault.got) from None
