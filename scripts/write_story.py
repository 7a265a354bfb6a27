"""Write what the commands in ``docs/story.md`` print, by running them.

The page is written by hand, but for what its commands print: they run in order, by the unmodified
client, against the example service on a market of its own, which begins when the page's ``--clock``
says. ``curl``, which sets the clock, and ``| jq -c '.[] | [.id]'`` are understood as far
as the page needs them.

Run ``python -m scripts.write_story`` from the project's root; ``NUMGENIUS_VASTAI`` says where the
client is.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

import uvicorn

from examples.marketplace.__main__ import CREDIT, seed
from examples.marketplace.app import Service
from examples.marketplace.commands import instances_load_at_once
from examples.marketplace.standing import StandingClock
from examples.marketplace.store import Store
from numgenius_core.intervals import parse_instant

PAGE: Final = Path("docs/story.md")
BLOCK: Final = re.compile(r"^```shell-session\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BEGINS: Final = re.compile(r" --clock (\S+)")
CLOCK: Final = re.compile(r"\$ curl -X PUT http://127\.0\.0\.1:8765/clock -d (\S+)")
COMMAND: Final = re.compile(
    r"(?P<who>[\w-]+)\$ (?P<typed>yes \| )?vastai (?P<words>[^|]*?)(?: \| jq -c '(?P<jq>[^']*)')?"
)
JQ: Final = re.compile(r"\.(?P<path>\w*)(?P<each>\[\])?(?: \| \[(?P<names>[^\]]*)\])?")


def vastai(
    url: str, key: str, words: list[str], home: Path, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command of the client, in a home of its own."""
    kinds = ("CONFIG", "CACHE", "STATE", "DATA")
    env = {f"XDG_{kind}_HOME": str(home / kind) for kind in kinds}
    env |= {"HOME": str(home), "PATH": os.environ["PATH"], "VAST_URL": url, "COLUMNS": "100"}
    env |= {"VASTAI_NO_UPDATE_CHECK": "1", "NO_PROXY": "127.0.0.1"}
    command = [os.environ["NUMGENIUS_VASTAI"], "--url", url, "--api-key", key, *words]
    return subprocess.run(
        command, input=typed, capture_output=True, text=True, env=env, timeout=300, check=False
    )


def chosen(answer: Any, wanted: str) -> list[str]:
    """Return the lines that ``jq -c`` prints for the few filters that the page has."""
    match = JQ.fullmatch(wanted)
    if match is None:
        raise ValueError(f"jq: {wanted}")
    found = answer[match["path"]] if match["path"] else answer
    rows = found if match["each"] else [found]
    if match["names"]:
        names = [name.strip().removeprefix(".") for name in match["names"].split(",")]
        rows = [[row[name] for name in names] for row in rows]
    return [json.dumps(row, separators=(",", ":")) for row in rows]


def put_clock(url: str, instant: str) -> str:
    """Set the service's clock, and return what it answers."""
    request = Request(f"{url}/clock", instant.encode(), method="PUT")
    with urlopen(request, timeout=30) as answer:
        return str(answer.read().decode())


class Story:
    """A page, and the service that it is told against."""

    def __init__(self, home: Path, page: str) -> None:
        self.home, self.page = home, page
        begins = BEGINS.search(page)
        assert begins is not None
        clock = StandingClock(parse_instant(begins[1]))
        store = Store(str(home / "story.sqlite"), react=instances_load_at_once, clock=clock)
        seed(store)
        app = Service(store, 1_000, CREDIT, clock=clock).app()
        self.server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none"))

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve, and give the address."""
        thread = threading.Thread(target=self.server.run)
        thread.start()
        while not self.server.started:
            time.sleep(0.01)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            self.server.should_exit = True
            thread.join()

    def told(self) -> str:
        """Return the page with what its commands print."""
        with self.served() as url:
            return BLOCK.sub(lambda block: self.block(url, block[1]), self.page)

    def block(self, url: str, block: str) -> str:
        """Return a block with what its commands print."""
        told = (self.line(url, line) for line in block.splitlines())
        return "\n".join(["```shell-session", *(line for line in told if line), "```"])

    def line(self, url: str, line: str) -> str:
        """Return a command and what it prints; nothing of a line that is no command."""
        if to := CLOCK.fullmatch(line):
            return f"{line}\n{put_clock(url, to[1])}"
        match = COMMAND.fullmatch(line)
        if match is None:
            return ""
        typed = "y\n" if match["typed"] else ""
        done = vastai(url, match["who"], shlex.split(match["words"]), self.home, typed)
        out, errors = done.stdout.strip(), done.stderr.strip()
        printed = chosen(json.loads(out), match["jq"]) if match["jq"] else [out, errors]
        return "\n".join([line, *(text.strip() for text in printed if text)])


def main() -> None:
    """Write the page."""
    with tempfile.TemporaryDirectory() as home:
        PAGE.write_text(Story(Path(home), PAGE.read_text("utf-8")).told(), "utf-8")


if __name__ == "__main__":
    main()
