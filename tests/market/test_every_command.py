"""No command is forgotten: each is in the state machine, its model, the plays and the crash test.

The lists are read from the code of the tests, against the union of all commands: a command that is
new fails here until it is played. What plays a command also replays its events, stores and restores
the market, and looks at its preview (``market_checks.py``, the laws of ``numgenius_core.testing``).
"""

from __future__ import annotations

import re
from inspect import getsource
from pathlib import Path
from typing import get_args

import pytest

from examples.marketplace.doors import COMMANDS, Door
from market_model import Model
from numgenius_core.market import commands as c
from numgenius_core.market._dispatch import is_command
from numgenius_core.testing import market_values, volume_values
from volume_model import VolumeModel

KINDS: tuple[type, ...] = get_args(c.Command)
MACHINE = Path(__file__).with_name("test_state_machine.py")
CRASH = Path(__file__).parents[1] / "service" / "test_crash.py"
# A market of somebody else's, which the plays are for as well, need not have these settings.
OURS = {"SetSettings", "SetThresholds", "DeleteUnpaid"}
# What is removed does not come back, and the test would go on without it.
FOR_EVER = {"force_delete"}


def test_the_union_is_what_a_market_takes_and_what_is_promised() -> None:
    names = {kind.__name__ for kind in KINDS}
    assert names == set(c.__all__) - {"AnyCommand", "Command"}
    assert all(is_command(object.__new__(kind)) for kind in KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_it_is_played(kind: type) -> None:
    name = kind.__name__
    assert re.search(rf"\bc\.{name}\b", MACHINE.read_text("utf-8"))
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    assert any(callable(getattr(model, f"_{snake}", None)) for model in (Model, VolumeModel))
    if name not in OURS:
        plays = getsource(market_values) + getsource(volume_values)
        assert re.search(rf"\bc\.{name}\b", plays)


@pytest.mark.parametrize("door", COMMANDS, ids=lambda door: f"{door.method} {door.path}")
def test_every_door_that_changes_something_is_open_while_the_service_is_killed(door: Door) -> None:
    text = CRASH.read_text("utf-8")
    if door.path.startswith("/v0/instances/{number}/"):
        return  # the older spelling of a door that is there
    for word in door.path.split("/")[2:]:
        if word != "{number}" and word not in FOR_EVER:
            plain = word.replace("accept", "{word}").replace("reject", "{word}")
            assert plain in text, word
