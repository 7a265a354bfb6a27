"""``python -m numgenius_core`` is the command ``numgenius``."""

from __future__ import annotations

from numgenius_core._command import main

if __name__ == "__main__":
    raise SystemExit(main())
