"""The errors and warnings of this library.

Every error says *where*, *what was needed* and *what came*, as text for people and as attributes
for programs. All share the base :class:`NumgeniusError`; each is a built-in exception too, so code
that only knows ``ValueError`` handles them as well.

>>> from numgenius_core import Money, RuleViolation
>>> try:
...     Money("ten")
... except RuleViolation as fault:
...     print(fault)
...     print(fault.path, "|", fault.need, "|", fault.got)
money: need dollars up to 1,000,000,000,000, got 'ten'
money | dollars up to 1,000,000,000,000 | 'ten'
"""

from __future__ import annotations

from collections.abc import Iterable, Sized
from typing import ClassVar, Final, TypeVar

__all__ = [
    "Conflict",
    "DeprecationNotice",
    "FloorAbovePrice",
    "IllegalMove",
    "InUse",
    "InsufficientCredit",
    "InvalidDocument",
    "MissingExtra",
    "NotAllowed",
    "NotAvailable",
    "NumgeniusError",
    "NumgeniusWarning",
    "ParseError",
    "ReactionRefused",
    "RentalTooLong",
    "RuleViolation",
    "UnknownId",
    "WrongType",
]


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)


E = TypeVar("E", bound=BaseException)
_FEW: Final = 3  # values of a series that a value's repr shows
_WIDEST: Final = 1_000  # characters of them
_SERIES: Final = 16  # values that it shows if they are short, such as numbers
_SHORT: Final = 200  # characters of those
_SHOWN: Final = 80  # characters of a bad value that a message repeats


def as_answer(refusal: E) -> E:
    """Return an error that is kept as an answer: without the frames that it came through.

    They hold what was at hand there, such as a market half built, for as long as the answer is
    kept, and the answer with it: a circle that takes the garbage collector.
    """
    each: BaseException | None = refusal
    while each is not None:
        each.__traceback__ = each.__context__ = None
        each = each.__cause__
    return refusal


def shown(value: object) -> str:
    """Return a bad value as a message has it, cut to what fits: a number, or a ``repr``."""
    from decimal import Decimal  # here, since every import loads this module
    from fractions import Fraction

    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 256:
        return f"an integer of {value.bit_length()} bits"  # its text could take minutes to make
    try:
        # Who typed 1/3 or 0.10 may never have written a line of Python.
        text = str(value) if type(value) in (Fraction, Decimal) else repr(value)
    except Exception:  # noqa: BLE001 - a hostile __repr__ must not hide the fault that is being reported
        return f"a {type(value).__name__}"
    return cut(text)


def cut(text: str) -> str:
    """Return as much of a text as a message repeats."""
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def one_line(text: str) -> str:
    r"""Return a text as a message, a table or a remark has it: it may be anybody's.

    A line break, like any other blank, is a space; what a terminal would act on, or would not show,
    is written as in a ``repr`` (``\x1b``).
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _written(char) for char in text)


def _written(char: str) -> str:
    return " " if char.isspace() else repr(char)[1:-1]


def brief(values: Sized | None) -> str:
    """Return the ``repr`` of a series within a value; of a long one, how much there is."""
    if values is None:
        return "None"
    if len(values) <= _SERIES:
        text = repr(values)
        if len(text) <= (_WIDEST if len(values) <= _FEW else _SHORT):
            return text
    return f"<{len(values):,} {'value' if len(values) == 1 else 'values'}>"


class NumgeniusError(Exception):
    """Base of every error this library raises.

    Attributes:
        code: What kind of error it is, for programs and for what a service sends on: it stays as it
            is when a sentence or a class is renamed.

    >>> from numgenius_core.errors import InsufficientCredit, UnknownId
    >>> InsufficientCredit.code, UnknownId.code
    ('insufficient_credit', 'unknown_id')
    """

    code: ClassVar[str] = "error"


class RuleViolation(NumgeniusError, ValueError):
    """A value that a rule does not allow.

    Attributes:
        path: Where the value stands, such as ``listings[3].min_gpu``.
        need: What the rule asks for, such as ``a power of two``.
        got: What came, as text.
    """

    code: ClassVar[str] = "rule_violation"

    def __init__(self, path: str, need: str, got: str) -> None:
        super().__init__(path, need, got)  # the arguments themselves, so that it can be pickled
        self.path = path
        self.need = need
        self.got = got

    def __str__(self) -> str:
        return one_line(f"{self.path}: need {self.need}, got {self.got}")

    def at(self, prefix: str) -> RuleViolation:
        """Return the same fault seen from one level further out (``prefix.path``).

        The class stays, so that a ``WrongType`` in a field is one in the document too.
        """
        joint = "" if not self.path or self.path.startswith("[") else "."
        return type(self)(f"{prefix}{joint}{self.path}", self.need, self.got)


class WrongType(RuleViolation, TypeError):
    """A value of a type that is never right here, such as a ``float`` for money."""

    code: ClassVar[str] = "wrong_type"


class UnknownId(RuleViolation, LookupError):
    """An id that nothing in this market has."""

    code: ClassVar[str] = "unknown_id"


class NotAllowed(RuleViolation):
    """Something that this account may not do, such as stopping another client's instance."""

    code: ClassVar[str] = "not_allowed"


class NotAvailable(RuleViolation):
    """An offer whose GPUs somebody else has, or whose machine is offline: another may do."""

    code: ClassVar[str] = "not_available"


class RentalTooLong(RuleViolation):
    """A prepayment that would last longer than the contract."""

    code: ClassVar[str] = "rental_too_long"


class InUse(RuleViolation):
    """Something that something else uses, such as a volume that an instance has, or a number."""

    code: ClassVar[str] = "in_use"


class InsufficientCredit(RuleViolation):
    """An account without the money for what it asks."""

    code: ClassVar[str] = "insufficient_credit"


class ParseError(RuleViolation):
    """Text that cannot be read; ``path`` says which text, and at which line or character."""

    code: ClassVar[str] = "parse_error"


class IllegalMove(NumgeniusError, RuntimeError):
    """An event that the present state does not allow.

    Attributes:
        state: The state something is in.
        event: The event that was tried.
        legal: The events that the state does allow.
    """

    code: ClassVar[str] = "illegal_move"

    def __init__(self, state: str, event: str, legal: tuple[str, ...]) -> None:
        super().__init__(state, event, legal)
        self.state = state
        self.event = event
        self.legal = legal

    def __str__(self) -> str:
        allowed = ", ".join(self.legal) or "nothing"
        return f"{self.event}: not possible while {self.state}; possible is: {allowed}"


class Conflict(NumgeniusError, RuntimeError):
    """Something that was decided without having seen all that its log has.

    Attributes:
        expected: How many events the log was expected to have.
        found: How many it has.
        command_id: The command id that it has already, if that is what was not seen.
    """

    code: ClassVar[str] = "conflict"

    def __init__(self, expected: int, found: int, command_id: str | None = None) -> None:
        super().__init__(expected, found, *(() if command_id is None else (command_id,)))
        self.expected = expected
        self.found = found
        self.command_id = command_id

    def __str__(self) -> str:
        if self.command_id is not None:
            return f"the log has an entry of the command id {shown(self.command_id)} already"
        return f"the log has {self.found:,} events, not the {self.expected:,} that were expected"


class ReactionRefused(NumgeniusError, RuntimeError):
    """A command of a writer's reaction that was refused, and with it whatever was asked for.

    It is the service's fault, and not that of who asked: they did not give that command, and its
    text is about another account, say. So answer that the service failed (500), and tell this text
    to who runs it. The refusal itself is the ``__cause__``.

    Attributes:
        event: The kind of event to which it was the reaction, such as ``ChargeDue``.
        refusal: What the refusal says.
    """

    code: ClassVar[str] = "reaction_refused"

    def __init__(self, event: str, refusal: str) -> None:
        super().__init__(event, refusal)
        self.event = event
        self.refusal = refusal

    def __str__(self) -> str:
        return f"reaction to {self.event}: {self.refusal}"


class InvalidDocument(NumgeniusError, ValueError):
    """A document with faults, all of them reported together.

    Attributes:
        source: The name of the document.
        faults: Every fault found, in the order of the document.
        more: Whether it was read no further than these, so that it may have others.
    """

    code: ClassVar[str] = "invalid_document"

    def __init__(self, source: str, faults: Iterable[RuleViolation], more: bool = False) -> None:
        self.source = source
        self.faults: tuple[RuleViolation, ...] = tuple(faults)
        self.more = more
        super().__init__(source, self.faults, more)

    def __str__(self) -> str:
        count = len(self.faults)
        first = "the first " if self.more else ""
        head = f"{one_line(self.source)}: {first}{count} fault{'' if count == 1 else 's'}"
        # A market with one field misspelt has a fault a record; twenty show what is the matter.
        shown_faults = [f"  {fault}" for fault in self.faults[:20]]
        rest = [f"  … and {count - 20} more"] if count > 20 else []
        return "\n".join([head, *shown_faults, *rest])


class MissingExtra(NumgeniusError, ImportError):
    """An optional dependency is not installed; the message says how to install it.

    Attributes:
        feature: What was asked for, such as ``frames``.
        extra: The extra of this distribution that brings the dependency.
    """

    code: ClassVar[str] = "missing_extra"

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(feature, extra)
        self.feature = feature
        self.extra = extra

    def __str__(self) -> str:
        return f"{self.feature} needs an extra: pip install 'numgenius-core[{self.extra}]'"


class NumgeniusWarning(UserWarning):
    """Base of the warnings: what is allowed, but probably not meant."""


class FloorAbovePrice(NumgeniusWarning):
    """A listing whose lowest bid is dearer than its on-demand price.

    Legal on the market (18 % of real offers), but no client who compares would ever bid. To say
    "I meant it": ``warnings.filterwarnings("ignore", category=FloorAbovePrice)``.
    """


class DeprecationNotice(NumgeniusWarning, DeprecationWarning):
    """A name that leaves in a later release; the message names its replacement."""
