"""A request that happens once: whose its key is, and what was asked for with it.

An ``Idempotency-Key`` is its account's. With what the first request was told, what it asked for is
kept: who repeats it is told the same, and whoever asks for something else with its key is refused,
since that has not happened.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from examples.marketplace.keys import digest
from examples.marketplace.reading import shown
from examples.marketplace.refusals import KeyReused
from examples.marketplace.store import Failed
from numgenius_core.errors import NumgeniusError, RuleViolation
from numgenius_core.ids import AccountId
from numgenius_core.market.commands import Command
from numgenius_core.market.events import Event
from numgenius_core.market.logs import Transaction, Writer

MOST: Final = 128  # characters of a key: with the account's digest, what a command id may have
HEADER: Final = "Idempotency-Key"


def command_id(account: AccountId, key: str) -> str:
    """Return what the log knows an account's key by.

    An account and a key may have blanks, so a digest stands for the account: of two accounts no
    keys are alike.

    Raises:
        RuleViolation: A key that is blank, too long, or not printable.
    """
    if not key.strip() or len(key) > MOST or not key.isprintable():
        need = f"1 to {MOST} printable characters that are not all blank"
        raise RuleViolation(HEADER, need, shown(key))
    return f"{digest(account)} {key}"


def wish(method: str, path: str, query: Mapping[str, str], body: Mapping[str, Any]) -> str:
    """Return what a request asks for, as a digest; two ways to write the same JSON are one."""
    meant = {name: value for name, value in query.items() if name != "api_key"}  # says who asks
    return digest(json.dumps([method, path, meant, body], sort_keys=True))


def kept(wanted: str, told: str) -> str:
    """Return what is kept of a request: what it asked for, and what it was told."""
    return f"{wanted} {told}"


def told_first(wanted: str, text: str | None) -> str:
    """Return what a request was told, out of what is kept under its key.

    Raises:
        KeyReused: The key is that of a request for something else.
    """
    before, _, told = (text or "").partition(" ")
    if before != wanted:
        need = "a new key for another request"
        raise KeyReused(HEADER, need, "the key of an earlier one: this has not happened")
    return told


def carried_out(
    writer: Writer, *commands: Command, at: datetime, account: AccountId, key: str | None
) -> tuple[Event, ...]:
    """Carry out commands by a writer, once if there is a key; return what they led to.

    Raises:
        NumgeniusError: A command is refused, a key is none, or it is that of other commands.
        Failed: The service is at fault; nothing has happened.
    """
    known = None if key is None else command_id(account, key)
    wanted = digest(repr(commands))
    once = Transaction(commands=commands, command_id=known, tell=lambda *_: kept(wanted, ""))
    try:
        (done,) = writer.execute_all([once], at=at)
    except NumgeniusError as fault:  # raised, and not given as a refusal
        raise Failed(str(fault)) from fault
    if isinstance(done, NumgeniusError):
        raise done
    told_first(wanted, done.text)
    return done.events
