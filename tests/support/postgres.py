"""A server of PostgreSQL for tests: on a socket and a folder of its own, by a plain user."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

PLACES: Final = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
PLAIN_USERS: Final = ("postgres", "nobody")


def found() -> Path | None:
    """Return the folder of the server's programs, ``None`` if it is not installed."""
    there = shutil.which("initdb")
    folders = [*([Path(there).resolve().parent] if there else []), *PLACES]
    return next((each for each in folders if (each / "postgres").exists()), None)


def as_plain_user(words: list[str], folder: Path) -> list[str]:
    """Return a command as a user who may run a server, which root may not."""
    if os.geteuid():
        return words
    user = next(pwd.getpwnam(name) for name in PLAIN_USERS if _is_known(name))
    os.chown(folder, user.pw_uid, user.pw_gid)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *words]


def _is_known(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


@contextmanager
def server() -> Iterator[str]:
    """Start a server, and give where ``psycopg`` finds it; stop it at the end."""
    programs = found()
    assert programs is not None
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as name:
        folder = Path(name)
        data = folder / "data"

        def run(*words: str) -> None:
            command = as_plain_user(list(words), folder)
            done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
            assert done.returncode == 0, done.stderr

        initdb, control = str(programs / "initdb"), str(programs / "pg_ctl")
        run(initdb, "-D", str(data), "-U", "market", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-k {folder} -c listen_addresses= -c max_connections=40"
        start = (control, "-D", str(data), "-w", "-o", options, "-l", str(folder / "log"), "start")
        run(*start)
        try:
            yield f"postgresql:///postgres?host={folder}&user=market"
        finally:
            run(control, "-D", str(data), "-w", "-m", "immediate", "stop")


def new_database(where: str) -> str:
    """Make a database of its own on a server, and give where it is."""
    import psycopg

    name = f"m{uuid4().hex}"
    with psycopg.connect(where, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return where.replace("/postgres?", f"/{name}?")
