"""Ctrl-C, or being told to end, where processes compute or work need not be done again."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 128 + signal.SIGINT
"""The exit status, as shells have it for what Ctrl-C ended."""
TERMINATED = 128 + signal.SIGTERM


class Interrupted(KeyboardInterrupt):
    """A command was interrupted; its text says what is done and how to go on."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class Terminated(KeyboardInterrupt):
    """A command was told to end, as ``timeout`` and ``kill`` do."""


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Let a command end in order where it is told to: Python itself would leave locks behind."""

    def end(*_: object) -> None:
        raise Terminated

    try:
        before = signal.signal(signal.SIGTERM, end)
    except ValueError:  # a program runs it within a thread, and hears such things itself
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
