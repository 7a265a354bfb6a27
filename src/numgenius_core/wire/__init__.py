"""Reading a market: the marketplace's documents and records as our offers, and back."""

from __future__ import annotations

from numgenius_core._checks import MAX_DEPTH
from numgenius_core._json import MAX_BYTES, MAX_DIGITS
from numgenius_core.wire._packings import Source
from numgenius_core.wire._sources import MAX_RECORDS
from numgenius_core.wire.findings import (
    Ended,
    EndIsZero,
    Finding,
    FloorAboveOnDemand,
    FreeOfCharge,
    ImpossibleShare,
    RepeatedOffer,
    RepeatedSlice,
    SeveralModels,
    UnevenPrices,
    UnexplainedSizes,
    UnexplainedTotal,
    UnknownPrices,
    summarized,
)
from numgenius_core.wire.instances import InstanceReading, RentedInstance, read_instances
from numgenius_core.wire.machines import HostMachine, MachineReading, read_machines
from numgenius_core.wire.oddities import find
from numgenius_core.wire.reading import (
    Reading,
    offer_from_record,
    offer_to_record,
    read_offers,
    read_sample,
    read_snapshots,
    sample_path,
)
from numgenius_core.wire.tables import read_table

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_DIGITS",
    "MAX_RECORDS",
    "EndIsZero",
    "Ended",
    "Finding",
    "FloorAboveOnDemand",
    "FreeOfCharge",
    "HostMachine",
    "ImpossibleShare",
    "InstanceReading",
    "MachineReading",
    "Reading",
    "RentedInstance",
    "RepeatedOffer",
    "RepeatedSlice",
    "SeveralModels",
    "Source",
    "UnevenPrices",
    "UnexplainedSizes",
    "UnexplainedTotal",
    "UnknownPrices",
    "find",
    "offer_from_record",
    "offer_to_record",
    "read_instances",
    "read_machines",
    "read_offers",
    "read_sample",
    "read_snapshots",
    "read_table",
    "sample_path",
    "summarized",
]
