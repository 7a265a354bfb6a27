"""What rows say of promises of uptime: offers, machines of a host, instances of a renter."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve

from numgenius_core.errors import InvalidDocument
from numgenius_core.rates import PerHour
from numgenius_core.sla import ConfidenceBand, Promise
from numgenius_core.wire import (
    offer_from_record,
    offer_to_record,
    read_instances,
    read_machines,
    read_offers,
)

OFFER: dict[str, Any] = {
    "id": 1,
    "machine_id": 7,
    "gpu_name": "A100",
    "num_gpus": 4,
    "dph_base": 1.6,
}


class TestOffers:
    """DOMAIN 12: ``expected_reliability`` in search is the claim, ``sla_sigma_x`` the spread."""

    @pytest.mark.parametrize(
        ("fields", "promise"),
        [
            ({}, None),
            ({"expected_reliability": 0.0}, None),
            ({"expected_reliability": None, "sla_r_claim": 0, "sla_sigma_x": 0.5}, None),
            ({"expected_reliability": 0.99}, Promise("0.99")),
            ({"expected_reliability": 0.99, "sla_r_claim": None}, Promise("0.99")),
            ({"expected_reliability": 0.99, "sla_r_claim": 0}, None),
            ({"sla_r_claim": 0.99, "sla_sigma_x": None}, Promise("0.99", "0.5")),
            ({"sla_r_claim": 0.99, "sla_sigma_x": 0}, Promise("0.99", "0.5")),
            ({"sla_r_claim": 0.99999, "sla_sigma_x": 3}, Promise("0.99999", 3)),
            ({"sla_r_claim": 0.9, "sla_sigma_x": 0.32}, Promise("0.9", "0.32")),
            ({"sla_r_claim": 0.9900000095367432}, Promise("0.99000001")),  # a float of 32 bits
            ({"sla_r_claim": 1e-12}, None),  # less than half a part of 10⁻⁹
        ],
    )
    def test_a_promise_is_read_and_leaves_as_it_came(
        self, fields: dict[str, Any], promise: Promise | None
    ) -> None:
        record = OFFER | fields
        offer = offer_from_record(record)
        assert offer.promise == promise
        assert offer_to_record(offer) == record

    @pytest.mark.parametrize(
        ("fields", "fault"),
        [
            ({"sla_r_claim": 1}, "offer.sla_r_claim: need a claim from 0 to 0.99999, got 1"),
            ({"sla_r_claim": 1.0}, "offer.sla_r_claim: need a claim from 0 to 0.99999, got 1.0"),
            ({"sla_r_claim": -0.1}, "offer.sla_r_claim: need a claim from 0 to 0.99999, got -0.1"),
            ({"sla_r_claim": "x"}, "offer.sla_r_claim: need a claim from 0 to 0.99999, got 'x'"),
            ({"sla_r_claim": [1]}, "offer.sla_r_claim: need a claim from 0 to 0.99999, got [1]"),
            (
                {"sla_r_claim": 0.9, "expected_reliability": 2},
                "offer.expected_reliability: need a claim from 0 to 0.99999, got 2",
            ),
            (
                {"sla_r_claim": 0.9, "sla_sigma_x": 3.1},
                "offer.sla_sigma_x: need a spread from 0 to 3, got 3.1",
            ),
            (
                {"sla_r_claim": 0.9, "sla_sigma_x": True},
                "offer.sla_sigma_x: need a spread from 0 to 3, got True",
            ),
        ],
    )
    def test_what_no_listing_takes_is_a_fault(self, fields: dict[str, Any], fault: str) -> None:
        with pytest.raises(InvalidDocument) as caught:
            offer_from_record(OFFER | fields)
        assert [str(each) for each in caught.value.faults] == [fault]

    def test_not_a_number_is_nothing(self) -> None:
        text = '[{"sla_r_claim": NaN, "sla_sigma_x": NaN, ' + json.dumps(OFFER)[1:] + "]"
        assert read_offers(text).offers[0].promise is None

    def test_a_promise_that_was_changed_is_written(self) -> None:
        offer = offer_from_record(OFFER | {"expected_reliability": 0.99})
        record = offer_to_record(evolve(offer, promise=Promise("0.98", "0.2")))
        assert record["expected_reliability"] == record["sla_r_claim"] == 0.98
        assert record["sla_sigma_x"] == 0.2
        assert offer_from_record(record).promise == Promise("0.98", "0.2")
        without = offer_to_record(evolve(offer, promise=None))
        assert offer_from_record(without).promise is None

    def test_a_table_has_them_too(self) -> None:
        header = "id,machine_id,gpu_name,num_gpus,dph_base,sla_r_claim,sla_sigma_x"
        reading = read_offers(f"{header}\n1,7,A100,4,1.6,0.99,0.2\n2,7,A100,4,1.6,,\n")
        assert [each.promise for each in reading.offers] == [Promise("0.99", "0.2"), None]


class TestMachines:
    """A host's rows: the claim as ``sla_reliability_claim``, the confidence as a word."""

    def row(self, **fields: Any) -> Any:
        row = {"id": 7, "gpu_name": "A100", "num_gpus": 4, "listed_gpu_cost": 0.9} | fields
        return read_machines(json.dumps([row])).rows[0]

    def test_a_claim(self) -> None:
        found = self.row(sla_reliability_claim=0.99, sla_confidence="high")
        assert (found.promise, found.band) == (Promise("0.99"), ConfidenceBand.HIGH)
        assert self.row(sla_r_claim=0.98, sla_sigma_x=1).promise == Promise("0.98", 1)

    def test_none(self) -> None:
        for fields in ({}, {"sla_reliability_claim": 0, "sla_confidence": None}):
            found = self.row(**fields)
            assert (found.promise, found.band) == (None, None)
        assert self.row(sla_confidence="").band is None
        assert self.row(sla_confidence="Medium").band is ConfidenceBand.MEDIUM

    @pytest.mark.parametrize("word", ["certain", 5])
    def test_a_word_that_is_none(self, word: object) -> None:
        with pytest.raises(InvalidDocument, match=r"sla_confidence: need one of high, medium, low"):
            self.row(sla_confidence=word)


class TestInstances:
    """A renter's rows: what was promised, what was asked for, what it costs."""

    def row(self, **fields: Any) -> Any:
        row = OFFER | {"actual_status": "running", "cur_state": "running"} | fields
        return read_instances(json.dumps([row])).rows[0]

    def test_a_promise(self) -> None:
        found = self.row(
            sla_r_claim=0.99,
            sla_sigma_x=0.5,
            target_reliability=0.95,
            instance={"totalHour": 3.54, "slaPremiumPerHour": 0.0404},
        )
        assert found.promise == Promise("0.99")
        assert found.target == Fraction(95, 100)
        assert found.sla_fee == PerHour("0.0404")
        assert self.row(search={"slaPremiumPerHour": 0.05}).sla_fee == PerHour("0.05")

    def test_none(self) -> None:
        for fields in ({}, {"target_reliability": 0, "instance": {"slaPremiumPerHour": 0}}):
            found = self.row(**fields)
            assert (found.promise, found.target, found.sla_fee) == (None, None, None)

    def test_a_fee_that_is_none(self) -> None:
        with pytest.raises(InvalidDocument, match=r"instance: need dollars from 0 to"):
            self.row(instance={"slaPremiumPerHour": -1})
