"""Disks that fail: before they have kept what they were given, or after."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from examples.marketplace.sql_log import SqlLog


def is_full(log: SqlLog, patch: pytest.MonkeyPatch) -> None:
    """Let a log refuse whatever is to be kept."""

    def insert(*_: Any) -> None:
        raise log.errors("database or disk is full")

    patch.setattr(log, "put", insert)
    patch.setattr(log, "insert", insert)


def fails_once_it_has_kept(log: SqlLog, patch: pytest.MonkeyPatch, *, blind: bool) -> None:
    """Let the next entries be kept and reported as failed; blind, nobody can look either.

    Sight is back with :func:`sees`.
    """
    keep = log.put

    def put(*rows: Any) -> None:
        keep(*rows)
        patch.setattr(log, "put", keep)
        if blind:
            patch.setattr(log, "rows", nothing_seen)
        raise log.errors("disk I/O error")

    def nothing_seen(*_: Any) -> Iterator[Any]:
        raise log.errors("disk I/O error")

    patch.setattr(log, "put", put)


def sees(log: SqlLog, patch: pytest.MonkeyPatch) -> None:
    """Let a log be read again."""
    patch.setattr(log, "rows", type(log).rows.__get__(log))
