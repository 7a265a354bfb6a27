"""Ctrl-C where work was done that need not be done again."""

from __future__ import annotations


class Interrupted(KeyboardInterrupt):
    """A command was interrupted; its text says what is done and how to go on."""
