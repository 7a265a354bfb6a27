"""Every engine for each test of frames: what holds on one must hold on all."""

from __future__ import annotations

import pytest

from frame_engines import ENGINES


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Give the name of each engine in turn."""
    return str(request.param)
