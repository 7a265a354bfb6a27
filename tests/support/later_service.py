"""The example service with a clock that is days ahead: ``python later_service.py DAYS …``."""

from __future__ import annotations

import sys
from datetime import timedelta
from functools import partial

from examples.marketplace import __main__ as service
from examples.marketplace.store import Store, wall_clock

AHEAD = timedelta(days=int(sys.argv.pop(1)))
service.Store = partial(Store, clock=lambda: wall_clock() + AHEAD)  # type: ignore[misc, assignment]
service.main()
