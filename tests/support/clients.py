"""The clients of the marketplace, unmodified, each in an environment of its own.

``NUMGENIUS_CLIENTS`` names a folder that has an environment for each of them, as
``scripts/install_clients`` makes it; without it, their tests are skipped.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from attrs import frozen

HERE: Final = Path(__file__).parent
FOLDER: Final = os.environ.get("NUMGENIUS_CLIENTS")
GPUHUNT: Final = "0.1.34"


@frozen
class Told:
    """What a client made of a request.

    Attributes:
        answer: What it returned or printed, as JSON where it is JSON.
        refused: The sentence of a refusal; empty without one.
        missing: Whether the client has no such command.
        fault: What it failed with, or what it said that is no answer; empty if nothing.
    """

    answer: Any = None
    refused: str = ""
    missing: bool = False
    fault: str = ""


class Client(Protocol):
    """A client that can be asked."""

    @property
    def name(self) -> str:
        """Say which it is, and its version."""

    def command(self, key: str, words: str, method: str, named: dict[str, Any]) -> Told:
        """Give a command, which one client has as words and another as a method."""


def python(client: str) -> str:
    """Return the interpreter of a client's environment."""
    return str(Path(str(FOLDER), client, "bin", "python"))


def environment(url: str, home: Path) -> dict[str, str]:
    """Return an environment in which a client knows nothing but the service."""
    kinds = ("CONFIG", "CACHE", "STATE", "DATA")
    env = {f"XDG_{kind}_HOME": str(home / kind) for kind in kinds}
    env |= {"HOME": str(home), "PATH": os.environ["PATH"], "VAST_URL": url, "COLUMNS": "200"}
    return env | {"VASTAI_NO_UPDATE_CHECK": "1", "NO_PROXY": "127.0.0.1"}


@frozen
class CommandLine:
    """``vastai``, typed."""

    version: str
    url: str
    process: subprocess.Popen[str]

    @property
    def name(self) -> str:
        return f"command {self.version}"

    def command(self, key: str, words: str, method: str, named: dict[str, Any]) -> Told:
        del method, named
        out, err, status = ask(self.process, [*shlex.split(words), *self.options(key)])
        return told_by_words(out, err, status)

    def options(self, key: str) -> list[str]:
        return ["--url", self.url, "--api-key", key, "--raw"]


def ask(process: subprocess.Popen[str], question: Any) -> Any:
    """Send a line of JSON to a driver, and return the line that it answers."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(question) + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def told_by_words(out: str, err: str, status: int) -> Told:
    """Return what a command line said; its exit status does not tell."""
    both = out + err
    if "invalid choice" in both or (status == 2 and "usage:" in both):
        return Told(missing=True)
    if "Traceback" in both:
        return Told(fault=both.strip().splitlines()[-1])
    for line in both.splitlines():
        _, found, text = line.partition("ailed with error 4")
        if found:
            return Told(refused=text.partition(": ")[2])
        if line.startswith("{") and '"status_code"' in line:
            return Told(refused=str(json.loads(line)["msg"]))
    # What some commands print of any refusal.
    if "404 Client Error" in both or "The response is not valid JSON." in both:
        return Told(refused="404")
    starts = [at for at in (out.find("{"), out.find("[")) if at >= 0]
    try:
        return Told(answer=json.JSONDecoder().raw_decode(out[min(starts, default=0) :])[0])
    except ValueError:
        return Told(answer=out.strip())


@frozen
class Sdk:
    """``VastAI``, called."""

    version: str
    process: subprocess.Popen[str]

    @property
    def name(self) -> str:
        return f"SDK {self.version}"

    def command(self, key: str, words: str, method: str, named: dict[str, Any]) -> Told:
        del words
        if not method:
            return Told(missing=True)
        told = ask(self.process, [key, method, named])
        if "status" in told:
            return Told(refused=json.loads(told["text"])["msg"])
        return Told(told.get("answer"), missing="missing" in told, fault=told.get("fault", ""))


@contextmanager
def client(name: str, url: str, home: Path) -> Iterator[Client]:
    """Start a client by its name: ``SDK 1.5.6``, ``command 0.5.0``."""
    kind, _, version = name.partition(" ")
    driver = "cli_driver.py" if kind == "command" else "sdk_driver.py"
    with subprocess.Popen(
        [python(f"vastai-{version}"), str(HERE / driver), url],
        env=environment(url, home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            found = (
                CommandLine(version, url, process) if kind == "command" else Sdk(version, process)
            )
            yield found
        finally:
            process.terminate()


NAMES: Final = (
    "command 1.9.1",
    "SDK 1.9.1",
    "SDK 1.5.6",
    "SDK 1.0.13",
    "command 0.5.0",
)


def gpuhunt(url: str, home: Path, **wanted: Any) -> list[list[Any]]:
    """Return the offers that gpuhunt finds."""
    program = [python(f"gpuhunt-{GPUHUNT}"), str(HERE / "gpuhunt_driver.py"), url]
    done = subprocess.run(
        [*program, json.dumps(wanted)],
        capture_output=True,
        text=True,
        env=environment(url, home),
        timeout=300,
        check=True,
    )
    found: list[list[Any]] = json.loads(done.stdout)
    return found
