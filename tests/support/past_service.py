"""The example service as it was days ago: ``python past_service.py DAYS …``, options as its own."""

from __future__ import annotations

import sys
from datetime import timedelta

from examples.marketplace import __main__ as service
from examples.marketplace.store import wall_clock

AGO = timedelta(days=int(sys.argv.pop(1)))
vars(service)["wall_clock"] = lambda: wall_clock() - AGO
service.main()
