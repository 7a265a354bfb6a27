"""Whose key is whose. A name is no secret: every offer shows its host.

A key file has a line for each key: the account, a blank, and the SHA-256 of the key in hexadecimal,
so that the file tells nobody a key. Make one with

    python -m examples.marketplace.keys ann >> keys.txt

which prints the line, and the key itself to the terminal, once.
"""

from __future__ import annotations

import argparse
import re
import secrets
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

from numgenius_core.errors import ParseError
from numgenius_core.ids import AccountId

Keys = Callable[[str], AccountId | None]
"""The account of a key; ``None`` if it is nobody's."""

_LINE: Final = re.compile(r"(?P<account>\S+)\s+(?P<digest>[0-9a-f]{64})", re.ASCII)
_NAME: Final = "an account of 1 to 200 printable characters, without a blank and no # first"


def any_key(key: str) -> AccountId:
    """Take any key for the account of that name: for a demonstration on one's own machine only."""
    return AccountId(key)


def is_name(text: str) -> bool:
    """Return whether a line of a key file can name an account so."""
    return 1 <= len(text) <= 200 and text.isprintable() and " " not in text and text[0] != "#"


def key_file(path: str) -> Keys:
    """Return the accounts of the keys in a file, read once.

    Raises:
        OSError: There is no such file, or it may not be read.
        ParseError: It is no UTF-8, a line is not as it should be, or a key stands in two.
    """
    try:
        text = Path(path).read_text("utf-8")
    except UnicodeDecodeError as fault:
        raise ParseError(path, "UTF-8 text", f"byte {fault.object[fault.start]:#04x}") from None
    accounts: dict[str, AccountId] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        found, got = _LINE.fullmatch(line.strip()), ""
        if found is None:  # what it has may be a key: it is repeated nowhere
            got = "no account and 64 hexadecimal digits"
        elif not is_name(found["account"]):
            got = f"the name {found['account'][:40]!a}"
        elif found["digest"] in accounts:
            got = f"the key of {accounts[found['digest']]} again"
        if found is None or got:
            raise ParseError(f"{path}, line {number}", "an account and a new key's SHA-256", got)
        accounts[found["digest"]] = AccountId(found["account"])
    return lambda key: accounts.get(digest(key))


def digest(key: str) -> str:
    """Return what a key file has for a key."""
    return sha256(key.encode("utf-8", "replace")).hexdigest()


def main() -> None:
    """Print a new key's line for the account named, and the key to the error output."""
    parser = argparse.ArgumentParser(prog="python -m examples.marketplace.keys")
    parser.add_argument("name", metavar="NAME", help=_NAME)
    name = parser.parse_args().name
    if not is_name(name):
        parser.error(f"NAME: need {_NAME}, got {name!r}")
    key = secrets.token_urlsafe(32)
    sys.stdout.write(f"{name} {digest(key)}\n")
    sys.stderr.write(f"the key of {name}: {key}\n")


if __name__ == "__main__":
    main()
