"""Runs commands of the marketplace's command line, in the interpreter that has it, and little else.

The program is imported once, as its start script does, and each command runs in a fork of that,
which saves a second for each. It reads the words of a command a line, as JSON, and answers with
what the command printed, on both outputs, and the status it ended with.
"""

import json
import os
import sys
import tempfile
import traceback
from contextlib import ExitStack
from importlib.metadata import entry_points

(start,) = entry_points(group="console_scripts", name="vastai")
main = start.load()


def run(words: list[str], typed: int, out: int, err: int) -> int:
    """Run a command in a process of its own, on files; return its status."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    for source, target in ((typed, 0), (out, 1), (err, 2)):
        os.dup2(source, target)
    sys.stdin, sys.argv[1:] = os.fdopen(0, closefd=False), words
    status = 0
    try:
        main()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - as at its start: shown, and the status is 1
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status & 255)


for line in sys.stdin:
    with ExitStack() as stack:
        files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        typed, *printed = files
        typed.write(b"y\n")
        typed.seek(0)
        status = run(json.loads(line), *(file.fileno() for file in files))
        texts = []
        for file in printed:
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
    sys.stdout.write(json.dumps([*texts, status]) + "\n")
    sys.stdout.flush()
