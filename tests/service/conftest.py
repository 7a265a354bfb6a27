"""A server of PostgreSQL for the tests that ask for one; they are skipped where it is missing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from postgres import found, server


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    """Give where a server of PostgreSQL is."""
    pytest.importorskip("psycopg")
    if found() is None:
        pytest.skip("needs PostgreSQL's server")
    with server() as where:
        yield where
