"""The example service as it was days ago: ``python past_service.py DAYS …``, options as its own."""

from __future__ import annotations

import sys
from datetime import timedelta
from functools import partial

from examples.marketplace import __main__ as service
from examples.marketplace.store import Store, wall_clock

AGO = timedelta(days=int(sys.argv.pop(1)))
vars(service)["Store"] = partial(Store, clock=lambda: wall_clock() - AGO)
service.main()
