"""Write what refusals say, call by call, into ``tests/refusals.txt``: review its difference."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent / name) for name in ("tests/support", "src")]

from refusals import PATH, answer, calls  # noqa: E402 - the tests are no package

if __name__ == "__main__":
    PATH.write_text("\n".join(f">>> {call}\n{answer(call)}\n" for call in calls()))
