"""Exact money and validated values against Decimal, Fraction, float, pydantic and attrs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Annotated, Any

import attrs
import pydantic
from attrs import validators
from harness import compare, print_table

from numgenius_core.ids import AccountId, MachineId, OfferId
from numgenius_core.listing import Machine, PriceTerms, Verification
from numgenius_core.money import Money
from numgenius_core.offer import Offer
from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour

NANO = Decimal("1e-9")
GPUS = 2


def charges() -> None:
    ours = PerGpuHour("0.133333333333")
    price, part, rough = Decimal("0.133333333333"), Fraction("0.133333333333"), 0.133333333333
    spans = range(12_345, 13_345)  # many in one call, so that the call itself does not count
    alternatives: dict[str, Callable[[], object]] = {
        "Decimal to the nano-dollar": lambda: [
            (price * GPUS * span / 3_600).quantize(NANO, ROUND_HALF_EVEN) for span in spans
        ],
        "Decimal, 28 digits": lambda: [price * GPUS * span / 3_600 for span in spans],
        "Fraction (exact as ours)": lambda: [part * GPUS * span / 3_600 for span in spans],
        "float (not exact)": lambda: [rough * GPUS * span / 3_600 for span in spans],
    }
    rows = compare(
        "one charge",
        lambda: [ours.charge(GPUS, span) for span in spans],
        alternatives,
        100,
        per=len(spans),
    )
    amounts = [ours.charge(1, second) for second in range(1_000_000)]
    decimals = [amount.to_decimal(9) for amount in amounts]
    floats = [float(amount) for amount in decimals]
    sums = {
        "sum of Decimal": lambda: sum(decimals),
        "sum of float": lambda: sum(floats),
        "sum() of our Money": lambda: sum(amounts),
    }
    rows += compare("sum of a million", lambda: Money.sum(amounts), sums, 1, repeat=5)
    print_table("Charges", rows)


# The same values with the same checks, as pydantic and attrs have them.
Price = Annotated[Decimal, pydantic.Field(ge=0, le=1_000_000, decimal_places=12)]
Share = Annotated[Decimal, pydantic.Field(ge=0, lt=1)]
Name = Annotated[str, pydantic.Field(min_length=1, max_length=200)]
Id = Annotated[int, pydantic.Field(ge=0, lt=2**63)]
Count = Annotated[int, pydantic.Field(ge=1, le=4_096)]
Disk = Annotated[int, pydantic.Field(ge=0, le=10**12)]


class PydanticPrices(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, strict=True)
    gpu: Price
    storage: Price
    upload: Price
    download: Price
    min_bid: Price
    platform_fee: Share


class PydanticMachine(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, strict=True)
    id: Id
    host: Name
    gpu_name: Name
    gpus: Count
    disk_mb: Disk
    verification: Verification


class PydanticOffer(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, strict=True)
    id: Id
    machine: Id
    gpu_name: Name
    gpus: Count
    prices: PydanticPrices
    gpus_in_machine: Count | None = None
    block: tuple[int, int] | None = None
    disk_mb: Disk = 0
    max_discount: Share = Decimal(0)
    ends_at: pydantic.AwareDatetime | None = None
    host: Name | None = None
    verification: Verification = Verification.VERIFIED
    rentable: bool = True
    extra: dict[str, Any] = {}


def _between(kind: type, low: int, high: int) -> Any:
    checks = [validators.instance_of(kind), validators.ge(low), validators.le(high)]
    return attrs.field(validator=checks)


def _text() -> Any:
    checks = [validators.instance_of(str), validators.min_len(1), validators.max_len(200)]
    return attrs.field(validator=checks)


AttrsPrices = attrs.make_class(
    "AttrsPrices",
    {name: _between(Decimal, 0, 1_000_000) for name in PydanticPrices.model_fields},
    frozen=True,
    slots=True,
    kw_only=True,
)
AttrsMachine = attrs.make_class(
    "AttrsMachine",
    {
        "id": _between(int, 0, 2**63 - 1),
        "host": _text(),
        "gpu_name": _text(),
        "gpus": _between(int, 1, 4_096),
        "disk_mb": _between(int, 0, 10**12),
        "verification": attrs.field(validator=validators.instance_of(Verification)),
    },
    frozen=True,
    slots=True,
    kw_only=True,
)


def values() -> None:
    names = ("gpu", "storage", "upload", "download", "min_bid")
    kinds = (PerGpuHour, PerGbMonth, PerGb, PerGb, PerGpuHour)
    rates: dict[str, Any] = {n: kind("0.12") for n, kind in zip(names, kinds, strict=True)}
    rates["platform_fee"] = Fraction(1, 4)
    plain: dict[str, Any] = dict.fromkeys(names, Decimal("0.12")) | {
        "platform_fee": Decimal("0.25")
    }
    rows = compare(
        "PriceTerms, 6 fields",
        lambda: PriceTerms(**rates),
        {"pydantic": lambda: PydanticPrices(**plain), "attrs": lambda: AttrsPrices(**plain)},
        20_000,
    )
    machine: dict[str, Any] = {"id": 7, "host": "anna", "gpu_name": "RTX 4090", "gpus": 8}
    machine |= {"disk_mb": 500_000, "verification": Verification.VERIFIED}
    rows += compare(
        "Machine, 6 fields",
        lambda: Machine(**machine),
        {"pydantic": lambda: PydanticMachine(**machine), "attrs": lambda: AttrsMachine(**machine)},
        20_000,
    )
    offer: dict[str, Any] = {"id": OfferId(1), "machine": MachineId(7), "gpu_name": "RTX 4090"}
    offer |= {"gpus": 4, "gpus_in_machine": 8, "disk_mb": 250_000, "host": AccountId("anna")}
    offer |= {"ends_at": datetime(2026, 12, 31, tzinfo=UTC), "extra": {"geolocation": "SE"}}
    offer |= {"verification": Verification.VERIFIED, "rentable": True, "block": None}
    ours = offer | {"prices": PriceTerms(**rates), "max_discount": Fraction(2, 5)}
    theirs = offer | {"prices": PydanticPrices(**plain), "max_discount": Decimal("0.4")}
    models = {"pydantic": lambda: PydanticOffer(**theirs)}
    rows += compare("Offer, 14 fields", lambda: Offer(**ours), models, 20_000)
    print_table("Validated values", rows)


def main() -> None:
    charges()
    values()


if __name__ == "__main__":
    main()
