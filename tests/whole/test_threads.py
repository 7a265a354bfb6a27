"""Rooms that load with their first use, and tables that fill with it, under many threads at once.

A fresh interpreter that switches threads after every few instructions loads the library and asks
its cached functions from several threads; each must get what a single thread gets.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Final

# Each thread starts at its own place, so that it loads what others are loading or have not begun.
_PROGRAM: Final = """
import json, sys, threading
from importlib import import_module

count, switch, race = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3] == "race"
sys.setswitchinterval(switch)

import numgenius_core as ng

PRICE = ng.PerGpuHour(1)
rooms = ["bids", "billing", "contracts", "documents", "gpus", "maintenance", "market", "planning"]
rooms += ["prices", "search", "sla", "units", "wire", "whatif"]
names = [*ng.__all__, *rooms]
known, found, asked, read = threading.Lock(), {}, {}, threading.Event()


def racing():
    if known.acquire(blocking=False):
        read.wait(60)  # what another thread takes as known is not found yet
        found[0] = 1
        return
    value = found.get(0)
    read.set()
    if value is None:
        raise KeyError(0)


def answer(size):
    if race:
        racing()
    low, free = 1, (1 << size) - 1 - (1 << size // 2)
    machine = ng.gpus.FreeGpus(gpus=size, min_gpu=low, free=free, price=PRICE)
    spoiled = ng.gpus.fragmentation([machine], {1: 1})
    presets = sorted(ng.whatif.PRESETS)
    rentable = ng.gpus.rentable_blocks(size, low, occupied=1)
    pieces = [ng.offer_sizes(size, low), rentable, spoiled, presets]
    pieces += [fit(size, low, free=free, size=1) for fit in (ng.gpus.best_fit, ng.gpus.first_fit)]
    return [repr(piece) for piece in pieces]


def work(turn):
    try:
        start.wait()
        kinds = {}
        for step in range(len(names)):
            name = names[(step + turn * 11) % len(names)]
            kinds[name] = type(getattr(ng, name)).__name__
        sizes = {step: answer((step + 5 * turn) % 16 + 1) for step in range(16)}
        answers = {(step + 5 * turn) % 16 + 1: pieces for step, pieces in sizes.items()}
        offers = ng.read_sample()
        asked[turn] = [kinds, sorted(answers.items()), len(offers.offers), repr(offers)]
    except BaseException as error:
        asked[turn] = f"{type(error).__name__}: {error}"


start = threading.Barrier(count)
threads = [threading.Thread(target=work, args=(turn,)) for turn in range(count)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps([asked[turn] for turn in range(count)], sort_keys=True))
"""


def asked(threads: int, switch: float, *, race: bool = False) -> list[Any]:
    """Return what each thread of a fresh interpreter was answered."""
    call = [sys.executable, "-c", _PROGRAM, str(threads), str(switch), "race" if race else ""]
    done = subprocess.run(call, check=True, capture_output=True, text=True, timeout=120)
    answers: list[Any] = json.loads(done.stdout)
    return answers


def test_each_gets_what_one_alone_gets() -> None:
    (alone,) = asked(1, 0.005)
    assert isinstance(alone, list), alone
    assert asked(8, 1e-6) == [alone] * 8


def test_a_race_would_be_seen() -> None:
    """A table that says a thing is known before it is found: a second thread trips over it."""
    seen = asked(8, 1e-6, race=True)
    assert any(isinstance(answer, str) and answer.startswith("KeyError") for answer in seen), seen
