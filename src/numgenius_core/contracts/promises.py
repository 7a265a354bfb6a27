"""What a contract's promise of uptime costs, and what keeps a relisting from extending it.

Rule (marketplace, published 2026): an extension keeps the terms of the promise. A request that
would raise the contract's fee, or whose claim is below its target (0 included), skips the contract
this time: no pending increase is recorded, and a later request may extend it.

Our reading: the fee would rise if the new listing asks more for the same target, by its prices, its
claim or its spread, and if the locked share of the new prices is more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from numgenius_core._terms import Promise
from numgenius_core.contracts.reasons import NotExtended
from numgenius_core.listing import PriceTerms
from numgenius_core.rates import PerHour
from numgenius_core.sla.covers import covered_price
from numgenius_core.sla.schedules import SlaRules
from numgenius_core.sla.terms import SlaTerms

if TYPE_CHECKING:
    from numgenius_core.contracts.contract import Contract


def covered(contract: Contract, prices: PriceTerms) -> PerHour:
    """Return what the promise of a contract covers at some prices while it runs, per hour."""
    gpus = prices.gpu.for_gpus(contract.block.size)
    return covered_price(gpus, prices.storage, contract.disk_mb)


def promise_fee(contract: Contract, prices: PriceTerms) -> PerHour:
    """Return what the promise of a contract costs at some prices while it runs, per hour."""
    return covered(contract, prices).scaled(contract.sla_share)


def promise_obstacle(
    contract: Contract, promise: Promise | None, prices: PriceTerms, rules: SlaRules
) -> NotExtended | None:
    """Return what keeps a listing from extending a contract with a promise, ``None`` if nothing."""
    if contract.sla is None:
        return None
    target, fee = contract.sla.target, promise_fee(contract, contract.last_prices)
    if promise is None or promise.claim < target:
        return NotExtended.SLA_CLAIM_BELOW_TARGET
    asked = rules.fee.fee(SlaTerms(promise, target), covered(contract, prices))
    rises = max(asked, promise_fee(contract, prices)) > fee
    return NotExtended.SLA_FEE_RISES if rises else None
