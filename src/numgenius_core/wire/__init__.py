"""Reading a market: the marketplace's documents and records as our offers, and back.

What a host or a renter has of his own loads with its first use: offers are read without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from numgenius_core._faces import lazily
from numgenius_core._json.packings import Source
from numgenius_core.wire._sources import Naive, OnError
from numgenius_core.wire.findings import Finding, FindingKind, summarized
from numgenius_core.wire.oddities import find
from numgenius_core.wire.reading import (
    Reading,
    offer_from_record,
    offer_to_record,
    read_offers,
    read_sample,
    read_snapshots,
)

if TYPE_CHECKING:
    from numgenius_core.wire._cells import ColumnMap
    from numgenius_core.wire._rows import RowReading
    from numgenius_core.wire.charges import Invoice, read_charges, read_invoices
    from numgenius_core.wire.earnings import EarningsRow, read_earnings
    from numgenius_core.wire.instances import RentedInstance, read_instances
    from numgenius_core.wire.machines import HostMachine, read_machines
    from numgenius_core.wire.tables import read_table
    from numgenius_core.wire.volumes import VolumeRow, read_volumes

__all__ = [
    "ColumnMap",
    "EarningsRow",
    "Finding",
    "FindingKind",
    "HostMachine",
    "Invoice",
    "Naive",
    "OnError",
    "Reading",
    "RentedInstance",
    "RowReading",
    "Source",
    "VolumeRow",
    "find",
    "offer_from_record",
    "offer_to_record",
    "read_charges",
    "read_earnings",
    "read_instances",
    "read_invoices",
    "read_machines",
    "read_offers",
    "read_sample",
    "read_snapshots",
    "read_table",
    "read_volumes",
    "summarized",
]

_HOMES: Final = {
    "ColumnMap": "_cells",
    "RowReading": "_rows",
    **dict.fromkeys(("Invoice", "read_charges", "read_invoices"), "charges"),
    **dict.fromkeys(("EarningsRow", "read_earnings"), "earnings"),
    **dict.fromkeys(("RentedInstance", "read_instances"), "instances"),
    **dict.fromkeys(("HostMachine", "read_machines"), "machines"),
    "read_table": "tables",
    **dict.fromkeys(("VolumeRow", "read_volumes"), "volumes"),
}
__getattr__: Final = lazily(__name__, _HOMES)


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)
