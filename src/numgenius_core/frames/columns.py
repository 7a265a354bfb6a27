"""What a dataframe's columns mean: which says what of an offer, and in which unit.

Rule (ours): a column of floats is dollars, hours or GB as people write them; a column of integers
is whole units, for prices nano-dollars unless it says otherwise. A price given as a float is taken
through its shortest decimal text and rounded half-even to a pico-dollar, as the scalar library
does (``from_float``). A quantity given as a float must be a whole number of the smallest unit
(seconds, MB, bytes, hundredths of a percent): what is finer is refused, never rounded.

Null and NaN both mean "not known": pandas cannot tell them apart, so no engine does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve, fields, frozen

from numgenius_core._checks import check_kind
from numgenius_core.errors import RuleViolation, WrongType, shown


@frozen
class Column:
    """A column of a dataframe by its name and unit.

    Attributes:
        name: The column's name in the frame.
        unit: Prices: ``nano`` (integers, the default), ``pico`` (integers), ``dollars`` (floats,
            the default, or integers); of traffic ``dollars/TB``, of 1,024 GB, too. Times:
            ``seconds``, ``hours``, ``days``, ``months``. Disk: ``GB`` (default), ``MB``. Traffic:
            ``GB`` (default), ``bytes``. ``None`` is the default.

    >>> from numgenius_core.frames import Column
    >>> Column("rented_for", "hours").unit
    'hours'
    """

    name: str
    unit: str | None = None


Named = str | Column
_PRICES: Final = ("price", "storage", "upload", "download", "min_bid")


def as_column(source: object, path: str) -> Column:
    """Return a column that is given by its name, or as a :class:`Column` with its unit."""
    if isinstance(source, Column):
        return source
    if not isinstance(source, str):
        raise WrongType(path, "the name of a column, or a Column", shown(source))
    return Column(source)


@frozen(kw_only=True)
class Columns:
    """Which columns say what of an offer; the defaults are the names of the search API.

    Each name may be a :class:`~numgenius_core.frames.Column` with its unit. Columns that a question
    does not need may be missing from the frame.

    Attributes:
        gpus: Number of GPUs of the offer.
        price: Price on demand, dollars per hour for the whole offer.
        storage: Price of disk, dollars per GB-month.
        upload: Price of traffic sent, dollars per GB; per TB with the unit ``dollars/TB``.
        download: Price of traffic received, likewise.
        min_bid: The lowest bid, dollars per hour for the whole offer.
        discount: The reserved discount factor D, a share.
        verification: Text; only rows of ``verified`` have a reserved price. ``None`` stands for a
            market on which all machines are verified.
        claim: The uptime that the host claims, a share; 0 and null are no promise.
        spread: The spread of that claim.
        machine_gpus: All GPUs of the offer's machine; where the frame has it, machines weigh by it
            (:func:`~numgenius_core.frames.model_prices`).

    Raises:
        WrongType: A name that is neither text nor a ``Column``.

    >>> from numgenius_core.frames import Column, Columns
    >>> Columns(price=Column("cents", "nano"), gpus="gpu_count").min_bid
    'min_bid'
    """

    gpus: Named = "num_gpus"
    price: Named = "dph_base"
    storage: Named = "storage_cost"
    upload: Named = "inet_up_cost"
    download: Named = "inet_down_cost"
    min_bid: Named = "min_bid"
    discount: Named = "credit_discount_max"
    verification: str | None = "verification"
    claim: str = "sla_r_claim"
    spread: str = "sla_sigma_x"
    machine_gpus: Named = "gpus_in_machine"

    def __attrs_post_init__(self) -> None:
        for name in ("gpus", *_PRICES, "discount", "machine_gpus"):
            as_column(getattr(self, name), f"columns.{name}")
        if self.verification is not None:
            check_kind(self.verification, str, "columns.verification")
        check_kind(self.claim, str, "columns.claim")
        check_kind(self.spread, str, "columns.spread")


PICO_COLUMNS: Final = Columns(
    price=Column("dph_base_pico", "pico"),
    storage=Column("storage_cost_pico", "pico"),
    upload=Column("inet_up_cost_pico", "pico"),
    download=Column("inet_down_cost_pico", "pico"),
    min_bid=Column("min_bid_pico", "pico"),
)
"""The columns of :func:`~numgenius_core.frames.offer_columns`: prices in whole pico-dollars.

A frame that has them, and not those of the search API, is read by them when no columns are named.
"""

ColumnNames = Columns | Mapping[str, Named]
"""Which columns say what: :class:`Columns`, or only those whose names differ, by their field."""


def columns_of(given: ColumnNames | None, present: tuple[str, ...]) -> Columns:
    """Return the names of the columns of an offer in a frame.

    Of names left out, a price is found under the name of the search API, else under that of
    :func:`~numgenius_core.frames.offer_columns`.

    Args:
        given: What the caller says of them.
        present: The columns that the frame has.

    Raises:
        WrongType: Neither ``Columns`` nor a mapping.
        RuleViolation: A field that ``Columns`` does not have.
    """
    if isinstance(given, Columns):
        return given
    if given is not None and not isinstance(given, Mapping):
        raise WrongType("columns", "Columns, or a dict such as {'price': 'usd'}", shown(given))
    named: dict[str, Any] = dict(given or {})
    known = [field.name for field in fields(Columns)]
    for name in named:
        if name not in known:
            raise RuleViolation("columns", f"some of {', '.join(known)}", shown(name))
    defaults = Columns()
    for name in _PRICES:
        exact = getattr(PICO_COLUMNS, name)
        if getattr(defaults, name) not in present and exact.name in present:
            named.setdefault(name, exact)
    return evolve(defaults, **named)
