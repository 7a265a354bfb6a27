"""Reading a market: the marketplace's documents and records as our offers, and back."""

from __future__ import annotations

from numgenius_core._checks import MAX_DEPTH
from numgenius_core._json import MAX_BYTES, MAX_DIGITS
from numgenius_core.wire._sources import MAX_RECORDS, Source
from numgenius_core.wire.findings import (
    Ended,
    Finding,
    FloorAboveOnDemand,
    FreeOfCharge,
    RepeatedOffer,
    RepeatedSlice,
    UnexplainedSizes,
    find,
)
from numgenius_core.wire.reading import (
    Reading,
    offer_from_record,
    offer_to_record,
    read_offers,
    read_sample,
    sample_path,
)

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_DIGITS",
    "MAX_RECORDS",
    "Ended",
    "Finding",
    "FloorAboveOnDemand",
    "FreeOfCharge",
    "Reading",
    "RepeatedOffer",
    "RepeatedSlice",
    "Source",
    "UnexplainedSizes",
    "find",
    "offer_from_record",
    "offer_to_record",
    "read_offers",
    "read_sample",
    "sample_path",
]
