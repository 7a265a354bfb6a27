r"""The query language of the marketplace's client: what people type to find an offer.

Rule (the marketplace's client): a query is comparisons one after another, ``field op value``, all
of which must hold: ``gpu_name in [RTX_4090, RTX_3090] num_gpus>=4 dph<2.5``. Operators are
``= == eq``, ``!= neq noteq``, ``> gt``, ``>= gte``, ``< lt``, ``<= lte``, ``in`` and
``notin nin "not in"``, and one of ours, ``~``: the text has these words, by part and without case,
as in ``gpu_name~h100``. An underscore in a value is a space. ``field=any`` (or ``?``, ``*``)
removes what was asked of a field before, as the defaults verified, rentable and not external. The
same operator on the same field again replaces what it asked (its parser, 1.9.1, overwrites it),
though all conditions must hold; ``remarks`` says which one is not looked at. Countries are asked
for by ``geolocation notin [CN,VN]``.

Our readings:

* Stricter than the client: a field that is not known, a value that is not of the field's type and
  an order of texts (``gpu_name>A``) are errors, not sent on; ``unknown="keep"`` allows the first.
* Texts may stand in double or single quotes, with ``\`` before a character to be taken as it is
  (``"A\_B"``: here an underscore is one). In quotes, ``any`` and ``null`` are texts.
* Memory and days are multiplied exactly: 16.1 GB are 16,100 MB, where the client's doubles make
  16,100.000000000002 of them.

What a query is and how it compares: ``query``.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Final, NoReturn

from attrs import frozen

from numgenius_core._checks import check_kind
from numgenius_core.errors import ParseError, RuleViolation, shown
from numgenius_core.search._regions import REGIONS
from numgenius_core.search._values import FieldType, Scalar
from numgenius_core.search.fields import Field, field_named
from numgenius_core.search.query import (
    ANYTHING,
    LISTS,
    MAX_CONDITIONS,
    NOTHING,
    SPECIAL,
    SPELLINGS,
    Asked,
    Condition,
    Operator,
    Query,
    Unknown,
    Value,
    checked,
    refuses,
)

MAX_LENGTH: Final = 50_000
"""Longest query text, characters."""
_TEXTS: Final = frozenset({FieldType.TEXT, FieldType.PLACE})
NOTHING_ASKED: Final = Query()

_BLANK: Final = re.compile(r"[ \t\r\n]*")
_NAME: Final = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
_SIGN: Final = re.compile(r"[=<>!~]+")
_WORD: Final = re.compile(
    r"""(not[ ]+eq|not[ ]+in|noteq|notin|nin|in|neq|eq|gte|gt|lte|lt)(?=[\s\["']|$)""", re.ASCII
)
_CONNECTIVE: Final = re.compile(r"(?:(?:and|or)\s+|&&?|\|\|?)\s*", re.ASCII | re.IGNORECASE)
_BARE: Final = re.compile(r"[^\s\[\]\"]+")
_ITEM: Final = re.compile(r"[^\[\],\"]*")
_QUOTED: Final = {
    mark: re.compile(rf"{mark}((?:[^{mark}\\]|\\.)*){mark}", re.DOTALL) for mark in "\"'"
}


@frozen
class _Word:
    """A value as typed: its text, where it stands, and whether it stood in quotes."""

    text: str
    at: int
    quoted: bool = False


class _Reader:
    """Reads a query from left to right; every fault says at which character it is.

    No tokens are made beforehand, since the same characters mean different things at different
    places: ``in`` is an operator after a field and a value after ``=``, a comma ends an item in
    brackets and is part of a bare list after ``in``. Each method reads what its place allows.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def fail(self, need: str, got: str | None = None, at: int | None = None) -> NoReturn:
        where = self.at if at is None else at
        rest = self.text[where : where + 30]
        came = got or (shown(rest) if rest else "the end of the query")
        raise ParseError(f"query, character {where + 1}", need, came)

    def take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            return ""
        self.at = match.end()
        return match.group()

    def more(self) -> bool:
        self.take(_BLANK)
        return self.at < len(self.text)

    def operator(self) -> Operator:
        self.take(_BLANK)
        start = self.at
        # A sign is taken whole, so that ">=" is never ">" and a value that begins with "=".
        spelled = " ".join((self.take(_SIGN) or self.take(_WORD)).split())
        if spelled not in SPELLINGS:
            need = "an operator: = != > >= < <= in notin ~"
            self.fail(need, shown(spelled) if spelled else None, start)
        return SPELLINGS[spelled]

    def words(self) -> tuple[list[_Word], bool]:
        """Return the values that come, and whether they stand in brackets."""
        self.take(_BLANK)
        if self.text.startswith("[", self.at):
            return self.bracket(), True
        if self.text.startswith(('"', "'"), self.at):
            return [self.quoted()], False
        start = self.at
        bare = self.take(_BARE)
        if self.text.startswith(("[", "]", '"'), self.at):
            # As in RTX"4090": half of a value in quotes is a slip, and would be two values.
            self.fail("a blank, or quotes around the whole value")
        if not bare.strip(","):
            self.fail("a value", at=start)
        start += len(bare) - len(bare.lstrip(","))
        return [_Word(bare.strip(","), start)], False

    def quoted(self) -> _Word:
        start = self.at
        inner = self.take(_QUOTED[self.text[start]])[1:-1]
        if self.at == start:
            self.fail("a closing quote", at=start)
        if not inner:
            self.fail("a value", at=start)
        return _Word(inner, start, quoted=True)

    def bracket(self) -> list[_Word]:
        opening = self.at
        found: list[_Word] = []
        self.at += 1
        while True:
            self.take(_BLANK)
            start = self.at
            if self.text.startswith(('"', "'"), self.at):
                found.append(self.quoted())
                self.take(_BLANK)
            elif bare := self.take(_ITEM).rstrip():
                found.append(_Word(bare, start))
            if self.text.startswith("]", self.at):  # after a comma too
                self.at += 1
                return found
            if not self.text.startswith(",", self.at):
                # At the end of the text the fault is the bracket that was opened, not the end.
                where = opening if self.at == len(self.text) else self.at
                self.fail("a closing bracket" if where == opening else "a comma or ]", at=where)
            self.at += 1


def _said(column: Field, word: _Word) -> Scalar:
    """Return what a typed value says in the unit of the API: MB, seconds, one number a version."""
    if (  # a bare true of a field that is not known is a flag, a quoted one a text
        column.kind is FieldType.ANY
        and not word.quoted
        and word.text in SPECIAL - ANYTHING - NOTHING
    ):
        return word.text in {"true", "True"}
    path = f"query, character {word.at + 1}"
    try:
        if word.quoted:
            # An underscore is a space, unless a backslash says that it is meant.
            plain = re.sub(r"\\(.)|_", lambda m: m.group(1) or " ", word.text, flags=re.DOTALL)
        else:
            plain = word.text.replace("_", " ")
        return column.typed(plain, path)
    except RuleViolation as fault:
        raise ParseError(fault.path, fault.need, fault.got) from None


def _value(reader: _Reader, column: Field, operator: Operator) -> Value:
    """Read the value or values after an operator, and check them against the field's type."""
    reader.take(_BLANK)
    start = reader.at
    words, bracket = reader.words()
    if operator in LISTS and not bracket and not words[0].quoted:
        parts = words[0].text.split(",")  # "in CN,VN" as the client reads it
        starts = accumulate((len(part) + 1 for part in parts), initial=words[0].at)
        words = [_Word(part, at) for part, at in zip(parts, starts, strict=False) if part]
    elif operator not in LISTS and len(words) > 1:
        reader.fail(f"one value after {operator.value}", f"{len(words)} values", start)
    if not words:
        reader.fail("a value", at=start)
    said: Value
    if operator in LISTS:
        said = tuple(_said(column, word) for word in words)
    elif not words[0].quoted and words[0].text in NOTHING:
        said = None
    else:
        said = _said(column, words[0])
    try:
        return checked(column, operator, said, column.name)
    except RuleViolation as fault:
        reader.fail(fault.need, fault.got, start)


def parse(text: str, *, base: Query = NOTHING_ASKED, unknown: Unknown = "refuse") -> Query:
    """Return the query that a text in the language of the marketplace's client says.

    The text is ``field op value`` one after another, as in ``num_gpus>=4 dph<2.5``; an underscore
    in a value is a space. Memory is typed in GB and durations in days.

    All conditions must hold, but of the same operator on the same field only the last one counts,
    as in the client: ``num_gpus>=4 num_gpus>=2`` asks for two GPUs, and ``geolocation notin [US]
    geolocation notin [PL]`` takes the US. :func:`~numgenius_core.search.remarks` says what is not
    looked at. Several values of a field go into one ``in [...]`` or ``notin [...]``.

    Args:
        text: Conditions one after another; none of them ask for everything.
        base: What is asked already, such as
            :data:`~numgenius_core.search.DEFAULTS`: ``field=any`` removes from it, the same
            operator on the same field replaces it.
        unknown: ``"keep"`` takes fields that are not known, compared as offers have them.

    Raises:
        WrongType: ``text`` is no text or ``base`` no ``Query``.
        ParseError: The text says no query. The fault says at which character, and which field is
            nearest to one that is misspelt.
        RuleViolation: ``unknown`` is neither ``"refuse"`` nor ``"keep"``.

    >>> from numgenius_core.search import parse
    >>> query = parse("dph<2.5 gpu_name in [RTX_4090, RTX_3090] duration>=7")
    >>> str(query)
    'dph_total<2.5 duration>=7 gpu_name in [RTX_3090,RTX_4090]'
    >>> query.to_json()["duration"]
    {'gte': 604800.0}
    """
    check_kind(text, str, "query")
    check_kind(base, Query, "base")
    known = refuses(unknown)
    if len(text) > MAX_LENGTH:
        raise ParseError("query", f"at most {MAX_LENGTH:,} characters", f"{len(text):,}")
    found = Asked(base)
    reader = _Reader(text)
    bare: Field | None = None  # of a text that was typed without quotes just before
    start = 0
    while reader.more():
        _refuse_connective(reader)
        if bare is not None:
            _refuse_blank(reader, start)
        start = reader.at
        column = _column(reader, known=known)
        operator = reader.operator()
        if _wildcard(reader):  # "verified=any" takes back what the defaults ask of a field
            if operator is not Operator.EQ:
                reader.fail("= before a value that means any", operator.value, start)
            found.remove(column.name)
            bare = None
            continue
        value = _value(reader, column, operator)
        ended = reader.text[reader.at - 1]
        bare = column if column.kind in _TEXTS and ended not in "]\"'" else None
        found.add(Condition(column.name, operator, value))
        if len(found.conditions) > MAX_CONDITIONS:
            reader.fail(f"at most {MAX_CONDITIONS} conditions", "more", start)
    found.conditions = _within_regions(found.conditions)
    return found.query()


def _refuse_connective(reader: _Reader) -> None:
    """Refuse a word between conditions, such as ``OR``: all of them hold as they stand."""
    if _is_connective(reader):
        need = "the next condition: all of them hold, without AND or OR"
        several = "one of several values is in [...], as in gpu_name in [RTX_4090,RTX_3090]"
        reader.fail(f"{need} ({several})")


def _is_connective(reader: _Reader) -> bool:
    """Return whether such a word comes: ``and`` may be one of a text, as in Trinidad and Tobago."""
    start = reader.at
    word = reader.take(_CONNECTIVE).strip().casefold()
    name = reader.take(_NAME)
    reader.take(_BLANK)
    begins = bool(name and (reader.take(_SIGN) or reader.take(_WORD)))
    reader.at = start
    return word not in ("", "and") or (word == "and" and begins)


def _refuse_blank(reader: _Reader, start: int) -> None:
    """Refuse a word that is no condition but the rest of a text with a blank: ``RTX 4090``.

    A shell takes quotes for itself, so the text of a query loses those that were typed around it.
    """
    before, at, words = reader.text[start : reader.at].rstrip(), reader.at, []
    while reader.more():
        place = reader.at
        is_rest = not _is_connective(reader)
        word = reader.take(_NAME)
        reader.take(_BLANK)
        if not is_rest or not word or reader.take(_SIGN) or reader.take(_WORD):
            reader.at = place
            break
        words.append(word)
    reader.at = at
    if words:
        meant = "_".join([before, *words])
        reader.fail(f"an underscore (or quotes) for a blank in a value, as in {meant}", at=at)


def _within_regions(
    found: dict[tuple[str, Operator], Condition],
) -> dict[tuple[str, Operator], Condition]:
    """Return conditions with the countries of a region where ``georegion=true`` asks for them."""
    asked = found.get(("georegion", Operator.EQ))
    if asked is None or asked.value is not True or all(f != "geolocation" for f, _ in found):
        return found
    kept = {key: each for key, each in found.items() if key[0] != "georegion"}
    for one, many in ((Operator.EQ, Operator.IN), (Operator.NEQ, Operator.NOTIN)):
        for operator in (one, many):
            old = kept.pop(("geolocation", operator), None)
            if old is None:
                continue
            places = old.value if operator is many else (old.value,)
            wide = [country for place in places for country in REGIONS.get(str(place), (place,))]
            same = kept.get(("geolocation", many))
            wide += same.value if same is not None else ()
            kept["geolocation", many] = Condition("geolocation", many, wide)
    return kept


def _column(reader: _Reader, *, known: bool) -> Field:
    start = reader.at
    name = reader.take(_NAME)
    if not name:
        reader.fail("the name of a field")
    try:
        return field_named(name, "query", known=known)
    except RuleViolation as fault:
        reader.fail(fault.need, fault.got, start)


def _wildcard(reader: _Reader) -> bool:
    """Read ``any``, ``?`` or ``*`` if it comes bare, else leave the reader where it was."""
    reader.take(_BLANK)
    start = reader.at
    if reader.take(_BARE).strip(",") in ANYTHING and not reader.text.startswith(
        ("[", "]", '"'), reader.at
    ):
        return True
    reader.at = start
    return False
