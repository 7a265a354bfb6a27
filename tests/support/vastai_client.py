"""The marketplace's own client, unmodified, as a subprocess (``vastai`` from PyPI)."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from scripts.write_story import vastai

VASTAI: Final = os.environ.get("NUMGENIUS_VASTAI")
"""Where the client is installed; without it, its tests are skipped."""
SERVICE: Final = (sys.executable, "-m", "examples.marketplace")
ROOT: Final = Path(__file__).parent.parent.parent


@frozen
class Said:
    """What the client printed, and the status it ended with."""

    out: str
    err: str
    status: int

    @property
    def refused(self) -> str:
        """The one sentence of a refusal; its exit status does not tell."""
        head, _, why = (self.err or self.out).partition(": ")
        assert head.startswith(("Failed with error 4", "Error")), self
        return why.strip()


@frozen
class Client:
    """A person who types commands, with a key and a home of their own."""

    url: str
    home: Path

    def __call__(self, key: str, *words: str, typed: str = "") -> Said:
        """Run a command."""
        done = vastai(self.url, key, list(words), self.home, typed)
        return Said(done.stdout, done.stderr, done.returncode)

    def raw(self, key: str, *words: str) -> Any:
        """Run a command that answers with JSON."""
        said = self(key, "--raw", *words)
        assert said.out, said
        return json.loads(said.out)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(db: Path, *words: str, command: Sequence[str] = SERVICE) -> Iterator[tuple[str, int]]:
    """Start the example service as a process; give its address and its process id."""
    port = free_port()
    path = os.pathsep.join([str(ROOT), *sys.path])
    options = ["--port", str(port), "--db", str(db), "--seed", "demo", *words]
    with subprocess.Popen(
        [*command, *options], cwd=ROOT, env={**os.environ, "PYTHONPATH": path}
    ) as process:
        try:
            wait_for(port, process)
            yield f"http://127.0.0.1:{port}", process.pid
        finally:
            process.terminate()
            process.wait(timeout=30)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return once something listens on a port."""
    for _ in range(2_000):
        assert process.poll() is None, "the service ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise TimeoutError(port)
