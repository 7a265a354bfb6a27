"""The columns of the FOCUS data sets, version by version."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

_CHARGES: Final = (
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingAccountType",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountQuantity",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "CommitmentDiscountUnit",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "InvoiceId",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SkuPriceDetails",
    "SkuPriceId",
    "SubAccountId",
)
_CHARGES_1_3: Final = ("ContractApplied", "HostProviderName", "ServiceProviderName")
_OURS: Final = ("x_HostId", "x_HostPayout", "x_MachineId", "x_PlatformFee")

FOCUS_COLUMNS: Final = MappingProxyType(
    {
        "1.2": (*_CHARGES, *_OURS),
        "1.3": (*sorted((*_CHARGES, *_CHARGES_1_3)), *_OURS),
    }
)
"""The columns of each row of charges, in order, by the version of FOCUS; those of ours last.

FOCUS 1.3 adds which commitment was applied, who hosts, and who serves. It deprecates
``ProviderName`` and ``PublisherName`` and still demands both.
"""

FOCUS_COMMITMENT_COLUMNS: Final = (
    "BillingCurrency",
    "ContractCommitmentCategory",
    "ContractCommitmentCost",
    "ContractCommitmentDescription",
    "ContractCommitmentId",
    "ContractCommitmentPeriodEnd",
    "ContractCommitmentPeriodStart",
    "ContractCommitmentQuantity",
    "ContractCommitmentType",
    "ContractCommitmentUnit",
    "ContractId",
    "ContractPeriodEnd",
    "ContractPeriodStart",
)
"""The columns of each row of the data set of commitments, in order (FOCUS 1.3)."""
