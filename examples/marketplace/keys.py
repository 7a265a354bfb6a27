"""Whose key is whose. A name is no secret: every offer shows its host.

A key file has a line for each key: the account, a blank, and the SHA-256 of the key in hexadecimal,
so that the file tells nobody a key. Make one with

    python -m examples.marketplace.keys ann >> keys.txt

which prints the line, and the key itself to the terminal, once.
"""

from __future__ import annotations

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

_LINE: Final = re.compile(r"(?P<account>\S{1,200})\s+(?P<digest>[0-9a-f]{64})", re.ASCII)


def any_key(key: str) -> AccountId:
    """Take any key for the account of that name: for a demonstration on one's own machine only."""
    return AccountId(key)


def key_file(path: str) -> Keys:
    """Return the accounts of the keys in a file, read once.

    Raises:
        ParseError: A line is not as it should be, or a key stands in two.
    """
    accounts: dict[str, AccountId] = {}
    for number, line in enumerate(Path(path).read_text("utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line.strip())
        if found is None or found["digest"] in accounts:
            raise ParseError(f"{path}, line {number}", "an account and a new key's SHA-256", "else")
        accounts[found["digest"]] = AccountId(found["account"])
    return lambda key: accounts.get(digest(key))


def digest(key: str) -> str:
    """Return what a key file has for a key."""
    return sha256(key.encode("utf-8", "replace")).hexdigest()


def main() -> None:
    """Print a new key's line for the account named, and the key to the error output."""
    key = secrets.token_urlsafe(32)
    sys.stdout.write(f"{sys.argv[1]} {digest(key)}\n")
    sys.stderr.write(f"the key of {sys.argv[1]}: {key}\n")


if __name__ == "__main__":
    main()
