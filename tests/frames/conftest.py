"""Engines for each test of frames: what holds on one must hold on all."""

from __future__ import annotations

import pytest

from frame_engines import MOST


@pytest.fixture(scope="module", params=MOST)
def engine(request: pytest.FixtureRequest) -> str:
    """Give the name of each engine in turn; ``every_engine`` gives more."""
    return str(request.param)
