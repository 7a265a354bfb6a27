"""Events are facts, but a fact of the wrong kind is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

import pytest

from numgenius_core.errors import RuleViolation
from numgenius_core.ids import ContractId
from numgenius_core.market.events import ContractPrepaid
from numgenius_core.money import Money


class TestPrepaid:
    """DOMAIN 4: "the deposit pays for m months", and m is as long as the client pays for."""

    def prepaid(self, months: Fraction) -> ContractPrepaid:
        at, contract, fifth = datetime(2026, 1, 1, tzinfo=UTC), ContractId(1), Fraction(1, 5)
        return ContractPrepaid(
            at=at, contract=contract, amount=Money(576), months=months, discount=fifth
        )

    def test_it_can_be_for_more_than_a_month(self) -> None:
        assert self.prepaid(Fraction(5, 2)).months == Fraction(5, 2)

    def test_it_is_for_no_negative_time_and_not_for_ever(self) -> None:
        for months in (Fraction(-1), Fraction(1_201)):
            with pytest.raises(RuleViolation, match="months from 0 to 1,200"):
                self.prepaid(months)
