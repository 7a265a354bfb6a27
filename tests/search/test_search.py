"""The query language of the marketplace's client, its JSON, and whole searches."""

from __future__ import annotations

import json
import os
import string
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import pytest
from attrs import evolve
from hypothesis import given, strategies as st

from effort import examples
from numgenius_core._checks import of_json
from numgenius_core.errors import NumgeniusError, ParseError, RuleViolation, WrongType
from numgenius_core.ids import AccountId, MachineId, OfferId
from numgenius_core.listing import Mode, PriceTerms, Verification
from numgenius_core.offer import Offer
from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour
from numgenius_core.search import (
    DEFAULTS,
    FIELDS,
    Condition,
    FieldType,
    Operator,
    Order,
    Query,
    SearchRequest,
    parse,
    parse_order,
    search,
)
from numgenius_core.search._language import MAX_LENGTH
from numgenius_core.search.fields import field_named
from numgenius_core.search.query import MAX_CONDITIONS, MAX_VALUES
from numgenius_core.search.request import MAX_KEYS
from numgenius_core.search.view import View
from numgenius_core.wire import offer_from_record, read_offers

NOW = datetime(2026, 12, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PRICES = PriceTerms(
    gpu=PerGpuHour("0.5"),
    storage=PerGbMonth("0.144"),
    upload=PerGb("0.02"),
    download=PerGb("0.01"),
    min_bid=PerGpuHour("0.25"),
)


def an_offer(number: int = 1, **more: Any) -> Offer:
    facts: dict[str, Any] = {
        "id": OfferId(number),
        "machine": MachineId(7),
        "gpu_name": "RTX 4090",
        "gpus": 4,
        "prices": PRICES,
    }
    return Offer(**(facts | more))


def said(**extra: Any) -> Offer:
    """Return an offer whose source said more."""
    return an_offer(extra=of_json(extra))  # as a record has it: with what no document holds, too


def wire(text: str, **more: Any) -> dict[str, Any]:
    return parse(text, **more).to_json()


# -- an oracle: conditions on plain dicts, as the prose says them ----------------------------------

ROWS: dict[str, list[Any]] = {
    "num_gpus": [1, 2, 4, 8],
    "reliability": [None, 0.5, 0.98, 0.981, 1.0],
    "cpu_ram": [None, 1000, 64000, 64512],
    "gpu_name": ["RTX 4090", "RTX 3090", "H100 SXM"],
    "geolocation": [None, "Quebec, CA", "China, CN", "VN", "Texas, US"],
    "rented": [None, True, False],
    "external": [None, True, False],
    "verification": ["verified", "unverified"],
}
DEFAULT_OF_ORDER = {"eq": "=", "neq": "!=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def naive(row: dict[str, Any], name: str, word: str, wanted: Any) -> bool:
    have = row[name]
    if name in {"external", "rented"} and have is None:
        have = False
    if have is None:
        return bool(word == "eq" and wanted is None)
    if wanted is None:
        return word == "neq"

    def same(one: Any) -> bool:
        if name == "geolocation" and len(one) == 2:
            return bool(have.split(", ")[-1] == one)
        return bool(have == one)

    answers: dict[str, Callable[[], bool]] = {
        "eq": lambda: same(wanted),
        "neq": lambda: not same(wanted),
        "in": lambda: any(same(one) for one in wanted),
        "notin": lambda: not any(same(one) for one in wanted),
        "gt": lambda: bool(have > wanted),
        "gte": lambda: bool(have >= wanted),
        "lt": lambda: bool(have < wanted),
        "lte": lambda: bool(have <= wanted),
    }
    return answers[word]()


rows = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in ROWS.items()})
PLACES = ["CN", "CA", "VN", "Quebec, CA", "Texas, US", "Quebec"]


@st.composite
def conditions(draw: st.DrawFn) -> tuple[str, str, Any]:
    """Return a field, the API's operator and a value in the API's unit."""
    name = draw(st.sampled_from(sorted(ROWS)))
    values = st.sampled_from(
        PLACES if name == "geolocation" else [v for v in ROWS[name] if v is not None]
    )
    word = draw(st.sampled_from(["eq", "neq", "in", "notin", "gt", "gte", "lt", "lte"]))
    if FIELDS[name].kind is not FieldType.NUMBER and word in {"gt", "gte", "lt", "lte"}:
        word = "eq"
    if word in {"in", "notin"}:
        return name, word, draw(st.lists(values, min_size=1, max_size=3))
    if word in {"eq", "neq"} and draw(st.integers(0, 4)) == 0:
        return name, word, None
    return name, word, draw(values)


def typed(name: str, word: str, wanted: Any) -> str:
    """Return how a person types it."""

    def one(value: Any) -> str:
        if value is None:
            return "null"
        if isinstance(value, str):
            return f'"{value}"' if "," in value else value.replace(" ", "_")
        return str(Decimal(str(value)) / 1000 if name == "cpu_ram" else value)

    text = f"[{', '.join(map(one, wanted))}]" if isinstance(wanted, list) else one(wanted)
    return f"{name} {DEFAULT_OF_ORDER.get(word, word)} {text}"


def offers_of(table: list[dict[str, Any]]) -> list[Offer]:
    aside = ("reliability", "cpu_ram", "geolocation", "rented", "external", "verification")
    return [
        an_offer(
            index,
            gpus=row["num_gpus"],
            gpu_name=row["gpu_name"],
            verification=Verification(row["verification"]),
            extra={name: row[name] for name in aside},
        )
        for index, row in enumerate(table)
    ]


def ids(offers: tuple[Offer, ...]) -> list[int]:
    return [offer.id for offer in offers]


class TestAllConditionsHold:
    """The client: "query = comparison comparison...", all of which must hold."""

    @examples(150)
    @given(st.lists(rows, max_size=6), st.lists(conditions(), max_size=4))
    def test_as_an_evaluation_of_plain_records(
        self, table: list[dict[str, Any]], asked: list[tuple[str, str, Any]]
    ) -> None:
        last = {(name, word): wanted for name, word, wanted in asked}
        expected = [
            index
            for index, row in enumerate(table)
            if all(naive(row, name, word, wanted) for (name, word), wanted in last.items())
        ]
        query = parse(" ".join(typed(*condition) for condition in asked))
        assert ids(query.filter(offers_of(table))) == expected
        assert parse(str(query)) == query == Query.from_json(query.to_json())
        assert Query.from_json(json.loads(json.dumps(query.to_json()))) == query

    @given(st.lists(rows, max_size=6), conditions(), conditions())
    def test_a_conjunction_is_the_intersection(
        self, table: list[dict[str, Any]], a: tuple[str, str, Any], b: tuple[str, str, Any]
    ) -> None:
        offers = offers_of(table)
        if a[:2] == b[:2]:
            return
        both = ids(parse(f"{typed(*a)} {typed(*b)}").filter(offers))
        alone = [set(ids(parse(typed(*condition)).filter(offers))) for condition in (a, b)]
        assert set(both) == alone[0] & alone[1]
        assert parse(f"{typed(*a)} {typed(*b)}") == parse(f"{typed(*b)} {typed(*a)}")

    @pytest.mark.parametrize("name", ["geolocation", "gpu_name", "reliability"])
    @given(table=st.lists(rows, max_size=6))
    def test_notin_is_the_rest_of_what_is_said(
        self, name: str, table: list[dict[str, Any]]
    ) -> None:
        values = {"geolocation": "[CN,VN]", "gpu_name": "RTX_4090", "reliability": "[0.98,1]"}[name]
        offers = offers_of(table)
        inside = ids(parse(f"{name} in {values}").filter(offers))
        outside = ids(parse(f"{name} notin {values}").filter(offers))
        known = ids(parse(f"{name}!=null").filter(offers))
        assert sorted(inside + outside) == known

    def test_nothing_asked_is_everything(self) -> None:
        assert parse("") == parse(" \n\t") == Query()
        assert str(Query()) == ""
        assert Query().matches(an_offer())

    def test_the_issues_example(self) -> None:
        text = (
            "gpu_name in [RTX_4090, RTX_3090] num_gpus>=4 dph<2.5 reliability>0.98 duration>=7 "
            "geolocation notin [CN,VN]"
        )
        good = {"reliability": 0.99, "geolocation": "Quebec, CA", "duration": 604800}
        query = parse(text)
        assert query.matches(said(**good))
        for wrong in (
            {"reliability": 0.98},
            {"geolocation": "Hanoi, VN"},
            {"geolocation": None},
            {"duration": 604799.9},
        ):
            assert not query.matches(said(**(good | wrong)))
        assert not query.matches(an_offer(gpus=3, extra=good))
        assert not query.matches(an_offer(gpu_name="RTX 4080", extra=good))
        assert not query.matches(an_offer(gpus=5, extra=good))
        assert str(query) == (
            "dph_total<2.5 duration>=7 geolocation notin [CN,VN] "
            "gpu_name in [RTX_3090,RTX_4090] num_gpus>=4 reliability>0.98"
        )


class TestAsTheClientSends:
    """VASTAI_CLI: "Every value typed in a query is a string … Exceptions: …"; by hand, from it."""

    @pytest.mark.parametrize(
        ("text", "sent"),
        [
            ("machine_id=1001", {"machine_id": {"eq": "1001"}}),
            ("num_gpus in [2,4]", {"num_gpus": {"in": ["2", "4"]}}),
            (
                "reliability > 0.98  num_gpus=1",
                {"reliability": {"gt": "0.98"}, "num_gpus": {"eq": "1"}},
            ),
            ("num_gpus>=4 num_gpus<8", {"num_gpus": {"gte": "4", "lt": "8"}}),
            ("gpu_name=RTX_3090", {"gpu_name": {"eq": "RTX 3090"}}),
            ('gpu_name="RTX 3090"', {"gpu_name": {"eq": "RTX 3090"}}),
            ('gpu_name="RTX_3090"', {"gpu_name": {"eq": "RTX 3090"}}),
            ('gpu_name in ["RTX 4090", RTX 3090]', {"gpu_name": {"in": ["RTX 3090", "RTX 4090"]}}),
            ("geolocation not in ['XV','XZ']", {"geolocation": {"notin": ["XV", "XZ"]}}),
            ("geolocation nin [CN]", {"geolocation": {"notin": ["CN"]}}),
            ("geolocation in CN,VN,", {"geolocation": {"in": ["CN", "VN"]}}),
            ("geolocation in[CN]", {"geolocation": {"in": ["CN"]}}),
            ("geolocation=Quebec,_CA", {"geolocation": {"eq": "Quebec, CA"}}),
            ("verified=False", {"verified": {"eq": False}}),
            ("cluster_id=None rented!=null", {"cluster_id": {"eq": None}, "rented": {"neq": None}}),
            ("gpu_ram>10 cpu_ram<=0.5", {"gpu_ram": {"gt": 10000.0}, "cpu_ram": {"lte": 500.0}}),
            ("duration>24", {"duration": {"gt": 2073600.0}}),
            ("driver_version >= 535.86.05", {"driver_version": {"gte": 535086005}}),
            ("dph<1 cuda_vers>=12.1", {"dph_total": {"lt": "1"}, "cuda_max_good": {"gte": "12.1"}}),
            ("dlperf_usd>1", {"dlperf_per_dphtotal": {"gt": "1"}}),
            ("flops_usd>1", {"flops_per_dphtotal": {"gt": "1"}}),
            ("display_active=true", {"gpu_display_active": {"eq": True}}),
            ("num_gpus noteq 3", {"num_gpus": {"neq": "3"}}),
            ("num_gpus not  eq 3", {"num_gpus": {"neq": "3"}}),
            ("num_gpus==[3]", {"num_gpus": {"eq": "3"}}),
            ("num_gpus>=4, dph<2", {"num_gpus": {"gte": "4"}, "dph_total": {"lt": "2"}}),
            ("num_gpus>2 num_gpus>4", {"num_gpus": {"gt": "4"}}),
            ("num_gpus>2 dph<1 num_gpus=any", {"dph_total": {"lt": "1"}}),
            ("num_gpus=? num_gpus=2", {"num_gpus": {"eq": "2"}}),
        ],
    )
    def test_by_hand(self, text: str, sent: dict[str, Any]) -> None:
        assert wire(text) == sent

    @pytest.mark.parametrize("op", ["eq", "neq", "gt", "gte", "lt", "lte"])
    def test_words_are_operators_too(self, op: str) -> None:
        assert wire(f"num_gpus {op} 4") == {"num_gpus": {op: "4"}}
        assert parse(f"num_gpus {op} 4") == parse(f"num_gpus{DEFAULT_OF_ORDER[op]}4")

    def test_defaults_and_how_to_lose_them(self) -> None:
        default = {"verified": {"eq": True}, "external": {"eq": False}, "rentable": {"eq": True}}
        assert wire("", base=DEFAULTS) == default
        assert wire("verified=any external=* rentable=?", base=DEFAULTS) == {}
        assert wire("verified=false", base=DEFAULTS)["verified"] == {"eq": False}
        assert DEFAULTS.matches(an_offer())
        assert not DEFAULTS.matches(an_offer(rentable=False))
        assert not DEFAULTS.matches(said(external=True))
        assert not DEFAULTS.matches(an_offer(verification=Verification.DEVERIFIED))

    def test_an_underscore_that_is_meant(self) -> None:
        query = parse(r'gpu_name="A\_B\"C_D"')
        assert query.to_json() == {"gpu_name": {"eq": 'A_B"C D'}}
        assert parse(str(query)) == query

    @pytest.mark.parametrize("word", ["any", "null", "None", "?", "*", "true"])
    def test_words_in_quotes_are_texts(self, word: str) -> None:
        query = parse(f'gpu_name="{word}"')
        assert query.to_json() == {"gpu_name": {"eq": word}}
        assert parse(str(query)) == query

    def test_multiplied_exactly(self) -> None:
        assert wire("gpu_ram=16.1") == {"gpu_ram": {"eq": 16100.0}}
        fine = wire("gpu_ram=1.2345678901234567890")
        assert fine == {"gpu_ram": {"eq": "1234.567890123456789"}}
        assert Query.from_json(fine) == parse("gpu_ram=1.2345678901234567890")

    def test_durations_to_the_microsecond(self) -> None:
        assert wire("duration>=0.1")["duration"] == {"gte": 8640.0}
        third = Query.from_json({"duration": {"gte": 28800}})
        assert str(third) == "duration>=0.333333333333"
        assert parse(str(third)) == third

    @given(st.sampled_from(sorted(FIELDS)), st.data())
    def test_every_number_round_trips(self, name: str, data: st.DataObject) -> None:
        field = FIELDS[name]
        value: Any
        if field.kind is FieldType.NUMBER:
            value = data.draw(
                st.one_of(
                    st.floats(-1e19, 1e19).filter(lambda f: not f or abs(f) > 1e-20),
                    st.decimals(-(10**15), 10**15, places=20),
                    st.integers(-(10**19), 10**19),
                )
            )
        elif field.kind is FieldType.VERSION:
            value = data.draw(st.integers(1_000_000, 999_999_999))
        elif field.kind is FieldType.FLAG:
            value = data.draw(st.booleans())
        else:
            value = data.draw(st.text(string.printable[:95] + "é日", min_size=1, max_size=20))
        for one in (
            Condition(name, Operator.EQ, value),
            Condition(name, Operator.IN, [value]),
        ):
            query = Query((one,))
            assert parse(str(query)) == query
            assert Query.from_json(json.loads(json.dumps(query.to_json()))) == query


class TestWhatAnOfferHas:
    """Typed fields come from the offer's attributes, all others from its source's record."""

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("id", 1),
            ("machine_id", 7),
            ("num_gpus", 4),
            ("gpu_frac", "0.5"),
            ("dph_base", 2),
            ("dph_total", "2.001"),
            ("dph_total_adj", "2.0135"),  # 5 GB of download at $0.01 in four hours
            ("discounted_dph_total", "2.001"),
            ("min_bid", 1),
            ("storage_cost", "0.144"),
            ("storage_total_cost", "0.001"),
            ("inet_up_cost", "0.02"),
            ("inet_down_cost", "0.01"),
            ("disk_space", "10.5"),
            ("credit_discount_max", "0.4"),
            ("duration", 86400),
            ("end_date", 1796169600),
            ("host_id", "42"),
            ("verification", "verified"),
            ("verified", True),
            ("rentable", True),
            ("rented", False),
            ("is_bid", False),
            ("ask_contract_id", 1),
            ("has_sla", False),
            ("expected_reliability", 0),
            ("gpu_name", "RTX 4090"),
        ],
    )
    def test_typed_fields(self, name: str, value: object) -> None:
        offer = an_offer(
            gpus_in_machine=8,
            disk_mb=10_500,
            ends_at=NOW + DAY,
            host=AccountId("42"),
            max_discount=Fraction(2, 5),
        )
        expected = Decimal(value) if isinstance(value, str) and name not in TEXTS else value
        assert FIELDS[name].of(offer, View(now=NOW)) == expected

    def test_what_clients_ask_for_finds_the_offers_of_a_market(self) -> None:
        """DOMAIN 13: "clients filter by ``rented = false`` by default"."""
        query = parse("rented=false is_bid=false ask_contract_id=1 has_sla=false")
        assert query.matches(an_offer())
        assert parse("expected_reliability=0").matches(an_offer())
        assert not query.matches(said(rented=True))

    def test_a_download_price_that_is_not_known(self) -> None:
        offer = said(dph_total_adj=3.5)
        assert FIELDS["dph_total_adj"].of(offer, View()) == Decimal("2.0135")
        prices = PriceTerms(gpu=PRICES.gpu)
        unknown = evolve(offer, prices=prices, unknown_prices=("download",))
        assert FIELDS["dph_total_adj"].of(unknown, View()) == Decimal("3.5")
        assert FIELDS["dph_total_adj"].of(unknown, View(disk_mb=0)) == 2

    def test_a_verification_that_the_source_does_not_say_is_unknown(self) -> None:
        field, view = FIELDS["verification"], View(now=NOW)
        extras: list[tuple[dict[str, Any], str | None]] = [
            ({"verification": None}, None),
            ({"verification": ""}, None),
            ({"dlperf": 1}, None),
            ({"verification": "unverified"}, "unverified"),
            ({}, "unverified"),  # of no source
        ]
        for extra, known in extras:
            offer = an_offer(extra=extra, verification=Verification.UNVERIFIED)
            assert field.of(offer, view) == known
        changed = an_offer(extra={"dlperf": 1}, verification=Verification.DEVERIFIED)
        assert field.of(changed, view) == "deverified"

    def test_typed_facts_win_over_what_the_source_said(self) -> None:
        offer = said(num_gpus=9, dph_base=99.0, min_bid="50", rentable=False, verified=False)
        assert parse("num_gpus=4 dph_base=2 min_bid=1 rentable=true verified=1").matches(offer)

    def test_a_price_by_thirds_keeps_the_sources_digits(self) -> None:
        record: dict[str, Any] = {"id": 1, "machine_id": 2, "gpu_name": "X", "num_gpus": 3}
        record |= {"dph_base": 1.0, "min_bid": 2.0, "storage_cost": 0}
        offer = offer_from_record(record)
        assert parse("dph_base>=1 min_bid=2 dph>=1").matches(offer)
        dearer = offer.with_prices(PriceTerms(gpu=PerGpuHour("0.333333333334")))
        assert parse("dph_base=1.000000000002").matches(dearer)

    @pytest.mark.parametrize("digits", ["1e999", "-1e30"])
    def test_absurd_source_digits_are_not_the_price(self, digits: str) -> None:
        assert parse("dph_base=2").matches(said(dph_base=digits))

    def test_the_disk_is_priced_in(self) -> None:
        query = parse("dph=2.002")
        assert query.matches(an_offer(), allocated_storage=10)
        assert not query.matches(an_offer())
        assert query.filter([an_offer()], allocated_storage="10") == (an_offer(),)

    @pytest.mark.parametrize(("rate", "total"), [(0.25, "1.501"), (None, "2.001"), (2.0, "2.001")])
    def test_the_discount_is_on_the_gpus_only(self, rate: object, total: str) -> None:
        assert parse(f"discounted_dph_total={total}").matches(said(discount_rate=rate))

    def test_without_the_machines_gpus_the_share_is_as_said(self) -> None:
        assert parse("gpu_frac=0.25").matches(said(gpu_frac=0.25))
        assert parse("gpu_frac=null").matches(an_offer())

    def test_numbers_are_decimals(self) -> None:
        assert parse("reliability=0.1").matches(said(reliability=0.1))
        assert parse("reliability>0.1").matches(said(reliability="0.10000000000000000001"))
        assert parse("score<=-0.5").matches(said(score=Decimal("-0.5")))

    @pytest.mark.parametrize(
        "value", [None, "", "many", True, float("nan"), float("inf"), [1], 10**500, Decimal("NaN")]
    )
    def test_what_is_no_number_is_null(self, value: object) -> None:
        assert parse("score=null").matches(said(score=value))
        assert not parse("score!=5").matches(said(score=value))
        assert not parse("score notin [5]").matches(said(score=value))

    @pytest.mark.parametrize(
        ("value", "flag"),
        [(True, "true"), (1, "true"), ("True", "true"), (0, "false"), ("false", "false"),
         (2, "null"), ("maybe", "null"), (1.0, "null"), (None, "null")],
    )  # fmt: skip
    def test_flags(self, value: object, flag: str) -> None:
        assert parse(f"static_ip={flag}").matches(said(static_ip=value))

    def test_external_null_counts_as_false(self) -> None:
        assert parse("external=false").matches(said(external=None))
        assert parse("external=false external!=null").matches(an_offer())

    @pytest.mark.parametrize(
        ("value", "number"),
        [
            ("550.90.07", 550090007),
            ("570.144", 570144000),
            (550090007, 550090007),
            ("550", 550000000),
            (550, 550000000),
        ],
    )
    def test_driver_versions(self, value: object, number: int) -> None:
        offer = said(driver_version=value)
        assert FIELDS["driver_version"].of(offer, View()) == number
        assert parse("driver_version>=535.86.05").matches(offer)
        assert parse("driver_version>=535 driver_version<600").matches(offer)

    @pytest.mark.parametrize("text", ["535.86.05", "570.144.00", "999.00.999", "1.00.00"])
    def test_versions_are_written_as_drivers_are(self, text: str) -> None:
        query = parse(f"driver_version>={text}")
        assert str(query) == f"driver_version>={text}"
        assert Query.from_json(query.to_json()) == query

    @pytest.mark.parametrize("value", ["new", "0.0.5", 5000, -1, 1.5, 10**9, None])
    def test_what_is_no_version_is_null(self, value: object) -> None:
        assert parse("driver_version=null").matches(said(driver_version=value))

    @pytest.mark.parametrize(
        ("key", "query"),
        [
            ("inet_down_mbps", "inet_down>=100"),
            ("inet_up_mbps", "inet_up>=100"),
            ("cpu_ram_mb", "cpu_ram=0.5"),
            ("gpu_mem_bw_gbps", "gpu_mem_bw=500"),
            ("gpu_max_power_w", "gpu_max_power=500"),
            ("disk_bw_mbps", "disk_bw=500"),
            ("bw_nvlink_gbps", "bw_nvlink=500"),
            ("vram_cost_per_hour", "vram_costperhour=500"),
            ("duration_seconds", "duration<1"),
            ("reliability2", "reliability=500"),
            ("reliability", "reliability2=500"),
            ("driver_vers", "driver_version=500"),
            ("os_version", "ubuntu_version=500"),
        ],
    )
    def test_names_of_snapshots(self, key: str, query: str) -> None:
        assert parse(query).matches(said(**{key: "500"}))

    def test_datacenters_are_hosting_type_1(self) -> None:
        assert parse("datacenter=true").matches(said(hosting_type="1"))
        assert parse("datacenter=false").matches(said(hosting_type=0))

    def test_texts_that_came_as_numbers(self) -> None:
        assert parse("host_id=12 os_version=22").matches(
            an_offer(host=AccountId("12"), extra={"os_version": 22})
        )


TEXTS = {"host_id", "verification", "gpu_name"}


class TestDuration:
    """The client: "duration: max rental duration in days"; an offer says when it ends."""

    def test_counts_from_now(self) -> None:
        offer = an_offer(ends_at=NOW + 7 * DAY, extra={"duration": 5.0})
        assert parse("duration>=7").matches(offer, now=NOW)
        assert not parse("duration>=7").matches(offer, now=NOW + timedelta(seconds=1))

    def test_without_now_it_is_what_the_source_said(self) -> None:
        assert parse("duration=2").matches(an_offer(ends_at=NOW, extra={"duration": 172800.0}))

    def test_nobody_knows(self) -> None:
        with pytest.raises(RuleViolation, match="now: need an instant"):
            parse("duration>=7").matches(an_offer(ends_at=NOW))

    def test_no_end_is_longer_than_any(self) -> None:
        assert parse("duration>=1000000 duration!=7").matches(an_offer(), now=NOW)
        assert not parse("duration<1000000").matches(an_offer())

    def test_now_has_a_time_zone(self) -> None:
        with pytest.raises(RuleViolation, match="now"):
            Query().matches(an_offer(), now=datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


class TestPlaces:
    """Our reading: a two-letter place is the country, a longer one the whole text."""

    @pytest.mark.parametrize(
        ("place", "query", "holds"),
        [
            ("Quebec, CA", "geolocation=CA", True),
            ("Quebec, CA", "geolocation!=CA", False),
            ("Quebec, CA", 'geolocation="Quebec, CA"', True),
            ("Quebec, CA", "geolocation=Quebec", False),
            ("Quebec, CA", "geolocation=ca", False),
            (", US", "geolocation in [US,CA]", True),
            ("CA", "geolocation=CA", True),
            ("CA, US", "geolocation=CA", False),
            ("Korea, Republic of, KR", "geolocation notin [KR]", False),
            ("", "geolocation notin [KR]", False),
        ],
    )
    def test_places(self, place: str, query: str, holds: bool) -> None:
        assert parse(query).matches(said(geolocation=place)) is holds


class TestFieldsNotKnown:
    """The client: "Unknown fields only warn on stderr and are sent"; here they are asked for."""

    @pytest.mark.parametrize(
        ("query", "value", "holds"),
        [
            ("colour=dark_red", "dark red", True),
            ("colour!=dark_red", "blue", True),
            ("colour!=dark_red", None, False),
            ("colour=5", 5.0, True),
            ("colour=5", "5.0", False),
            ("colour>=5", 5, True),
            ("colour>=5", "9", False),
            ("colour>=5", True, False),
            ("colour=red", 5, False),
            ("colour=true", True, True),
            ('colour="true"', "true", True),
            ("colour=true", "true", False),
            ("colour in [1,red]", True, True),
            ("colour in [red,true,1]", "red", True),
            ("colour=null", None, True),
        ],
    )
    def test_compared_as_what_the_offer_has(self, query: str, value: object, holds: bool) -> None:
        kept = parse(query, unknown="keep")
        assert kept.matches(said(colour=value)) is holds
        assert parse(str(kept), unknown="keep") == kept
        assert Query.from_json(kept.to_json(), unknown="keep") == kept

    def test_numbers_of_json(self) -> None:
        query = Query.from_json({"colour": {"eq": 5.50}}, unknown="keep")
        assert query.to_json() == {"colour": {"eq": "5.5"}}

    @pytest.mark.parametrize(
        "near", [("gpu_nam", "gpu_name"), ("relability", "reliability"), ("dhp", "dph_total")]
    )
    def test_a_misspelt_field_suggests_the_nearest(self, near: tuple[str, str]) -> None:
        with pytest.raises(ParseError, match=rf"character 1: .*did you mean {near[1]}\?"):
            parse(f"{near[0]}=1")
        with pytest.raises(RuleViolation, match="did you mean"):
            Query.from_json({near[0]: {"eq": 1}})

    def test_nothing_near(self) -> None:
        with pytest.raises(ParseError, match="need the name of a field, got 'zzzzqqq'"):
            parse("zzzzqqq=1")

    @pytest.mark.parametrize("word", ["foo", "bar", "hello", "test", "color"])
    def test_what_a_field_is_called_is_no_nearer_than_its_name(self, word: str) -> None:
        """``floor`` is called so for ``min_bid``, which looks like none of these."""
        with pytest.raises(ParseError, match=rf"need the name of a field, got '{word}'"):
            parse(f"{word}=1")

    @pytest.mark.parametrize("word", ["order", "type", "limit", "allocated_storage", "q"])
    def test_words_of_a_request_are_no_fields(self, word: str) -> None:
        with pytest.raises(ParseError):
            parse(f"{word}=1", unknown="keep")


class TestFaultsSayTheirPlace:
    """Bad input gets one of our errors, with the place, the need and what came."""

    @pytest.mark.parametrize(
        ("text", "place", "need"),
        [
            ("num_gpus>=four", 11, "a number"),
            ("num_gpus>=nan", 11, "a number"),
            ("num_gpus>=1_000", 11, "a number"),
            ("num_gpus>=٤", 11, "a number"),
            ("num_gpus>=true", 11, "a number"),
            ("num_gpus=1e25", 10, "below"),
            ("num_gpus=1e-41", 10, "below"),
            ("gpu_ram=1e999", 9, "below"),
            ("num_gpus=" + "1" * 60, 10, "below"),
            ("num_gpus in 2,x", 15, "a number"),
            ("num_gpus in [2, x]", 17, "a number"),
            ("verified=maybe", 10, "true or false"),
            ("driver_version=1.2.3.4", 16, "a driver version"),
            ("gpu_name>A", 10, "no order"),
            ("verified<true", 10, "no order"),
            ("colour>red", 8, "a number, to compare"),
            ("num_gpus>null", 10, "null has no order"),
            ("num_gpus<any", 1, "= before"),
            ("gpu_name in [A", 13, "a closing bracket"),
            ("gpu_name in [A [B]]", 16, "a comma or ]"),
            ("gpu_name in ['A' B]", 18, "a comma or ]"),
            ('gpu_name in [A"B"]', 15, "a comma or ]"),
            ("num_gpus=4]", 11, "a blank, or quotes"),
            ("gpu_name=any]", 13, "a blank, or quotes"),
            ('gpu_name="A', 10, "a closing quote"),
            ('gpu_name=""', 10, "a value"),
            ("gpu_name=''", 10, "a value"),
            ("geolocation in []", 16, "a value"),
            ("geolocation in ,", 16, "a value"),
            ("num_gpus=[4,5]", 10, "one value"),
            ("num_gpus=[]", 10, "a value"),
            ("num_gpus", 9, "an operator"),
            ("num_gpus ", 10, "an operator"),
            ("num_gpus=>4", 9, "an operator"),
            ("num_gpus inx", 10, "an operator"),
            ("num_gpus>=", 11, "a value"),
            ("num_gpus>= ", 12, "a value"),
            ("num_gpus=1 ]", 12, "the name of a field"),
            ("gpu_name=\x00", 10, "printable"),
            ("gpu_name=" + "x" * 201, 10, "1 to 200"),
            (f"{'x' * 65}=1", 1, "the name of a field"),
            ("gpu_name in [" + "A," * 1001 + "]", 13, "1 to 1,000 values"),
        ],
    )
    def test_the_place(self, text: str, place: int, need: str) -> None:
        with pytest.raises(ParseError) as caught:
            parse(text, unknown="keep")
        assert caught.value.path == f"query, character {place}"
        assert need in caught.value.need

    def test_limits(self) -> None:
        with pytest.raises(ParseError, match="50,000 characters"):
            parse(" " * (MAX_LENGTH + 1))
        many = " ".join(f"f{n}=1" for n in range(MAX_CONDITIONS))
        assert len(parse(many, unknown="keep").conditions) == MAX_CONDITIONS
        with pytest.raises(ParseError, match="200 conditions"):
            parse(f"{many} num_gpus=1", unknown="keep")
        with pytest.raises(RuleViolation, match="1 to 1,000 values"):
            Query.from_json({"num_gpus": {"in": list(range(MAX_VALUES + 1))}})
        with pytest.raises(RuleViolation, match="at most 200 conditions"):
            Query(tuple(Condition(f"f{n}", Operator.EQ, 1) for n in range(MAX_CONDITIONS + 1)))

    @pytest.mark.parametrize(
        "filters",
        [
            [], None, {"num_gpus": 4}, {"num_gpus": {"like": 4}}, {"num_gpus": {4: 4}}, {4: {}},
            {"num_gpus": {"eq": "four"}}, {"num_gpus": {"eq": float("nan")}},
            {"num_gpus": {"eq": 10**400}}, {"num_gpus": {"eq": True}}, {"num_gpus": {"eq": {}}},
            {"num_gpus": {"in": "4"}}, {"num_gpus": {"in": []}}, {"num_gpus": {"in": [None]}},
            {"num_gpus": {"gt": None}}, {"num_gpus": {"eq": [4]}}, {"gpu_name": {"gt": "A"}},
            {"gpu_name": {"eq": True}}, {"gpu_name": {"eq": ""}}, {"verified": {"eq": 2}},
            {"colour": {"eq": 1}}, {"duration": {"eq": Decimal("1e999999999")}},
            {"duration": {"eq": Decimal(10**20) - Decimal("0.0000001")}},
            {"score": {"eq": Decimal("0." + "1" * 300)}},
            {"score": {"eq": Decimal("0." + "1" * 41)}},
        ],
    )  # fmt: skip
    def test_json_that_is_no_query(self, filters: Any) -> None:
        with pytest.raises(RuleViolation):
            Query.from_json(filters)

    def test_wrong_arguments(self) -> None:
        wrong = cast("Any", 5)
        for call in (
            lambda: parse(wrong),
            lambda: parse("", base=wrong),
            lambda: parse("", unknown=wrong),
            lambda: Query(wrong),
            lambda: Query(cast("Any", "ab")),
            lambda: Query((wrong,)),
            lambda: Condition(wrong, Operator.EQ, 1),
            lambda: Condition("id", wrong, 1),
            lambda: Query().filter(wrong),
            lambda: Query().filter([wrong]),
            lambda: Query().filter([], allocated_storage=-1),
            lambda: View(disk_mb=-1),
            lambda: View(mode=wrong),
            lambda: field_named("a b", "field", known=False),
        ):
            with pytest.raises(RuleViolation):
                call()

    def test_one_operator_twice(self) -> None:
        one = Condition("dph", Operator.LT, 1)
        with pytest.raises(RuleViolation, match="one lt on dph_total"):
            Query((Condition("id", Operator.LT, 1), one, Condition("dph_total", Operator.LT, 2)))

    @examples(300)
    @given(
        st.lists(
            st.one_of(
                st.sampled_from(
                    [*FIELDS, "dph", "=", ">=", " in ", " not in ", "[", "]", ",", '"', "'", "\\",
                     "_", " ", "any", "null", "true", "4", "1e5", "-.5", "535.86.05", "RTX_4090"]
                ),
                st.text(max_size=4),
            ),
            max_size=10,
        ).map("".join)
    )  # fmt: skip
    def test_nothing_else_escapes(self, text: str) -> None:
        for unknown in ("refuse", "keep"):
            try:
                query = parse(text, unknown=cast("Any", unknown))
            except NumgeniusError:
                continue
            assert parse(str(query), unknown="keep") == query
            assert Query.from_json(query.to_json(), unknown="keep") == query
            assert query.matches(an_offer(), now=NOW) in {True, False}

    junk = st.recursive(
        st.one_of(
            st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.decimals()
        ),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.sampled_from([*FIELDS, "eq", "in", "gt", "order", "limit", "type", "q", "x"]),
                inner,
                max_size=3,
            ),
        ),
        max_leaves=8,
    )

    @examples(300)
    @given(junk, st.sampled_from(["num_gpus", "duration", "gpu_name", "driver_version", "x"]))
    def test_nothing_else_escapes_from_json(self, junk: Any, name: str) -> None:
        shapes = [junk, {name: junk}, {name: {"eq": junk}}, {name: {"in": [junk]}}]
        shapes += [{key: junk} for key in ("order", "limit", "type", "allocated_storage", "q")]
        for shape in shapes:
            try:
                request = SearchRequest.from_json(shape, unknown="keep")
            except NumgeniusError:
                continue
            assert SearchRequest.from_json(request.to_json(), unknown="keep") == request
            search([an_offer(), said(x=junk, score=junk)], request)


class TestOrder:
    """The client: "fields to sort on. postfix field with - to sort desc"; nulls stand last."""

    def test_text(self) -> None:
        assert parse_order(" num_gpus, dph-,,+id,-score,reliability+") == (
            Order("num_gpus"),
            Order("dph_total", descending=True),
            Order("id"),
            Order("score", descending=True),
            Order("reliability"),
        )
        assert parse_order("") == ()
        assert str(Order("dph", descending=True)) == "dph_total-"

    @pytest.mark.parametrize(
        ("text", "place"),
        [("id, scor-", 5), ("a b", 1), ("id,--", 4), (",".join(["id"] * (MAX_KEYS + 1)), 61)],
    )
    def test_faults(self, text: str, place: int) -> None:
        with pytest.raises(ParseError) as caught:
            parse_order(text)
        assert caught.value.path == f"order, character {place}"

    def test_fields_that_are_not_known(self) -> None:
        order = parse_order("colour-", unknown="keep")
        mixed = [said(colour=c) for c in (None, 5, "b", True, 6.5, "a")]
        found = search(mixed, SearchRequest(order=order))
        assert [offer.extra["colour"] for offer in found] == ["b", "a", 6.5, 5, True, None]

    @given(
        st.lists(st.tuples(st.integers(1, 3), st.sampled_from([None, 1.5, 2, 3.25])), max_size=8),
        st.booleans(),
        st.booleans(),
    )
    def test_stable_and_nulls_last(
        self, facts: list[tuple[int, Any]], first: bool, second: bool
    ) -> None:
        offers = [an_offer(i, gpus=g, extra={"score": s}) for i, (g, s) in enumerate(facts)]
        order = (Order("score", descending=first), Order("num_gpus", descending=second))
        found = search(offers, SearchRequest(order=order))

        def key(offer: Offer) -> tuple[Any, ...]:
            score, gpus = offer.extra["score"], offer.gpus
            return (
                score is None,
                0 if score is None else -score if first else score,
                -gpus if second else gpus,
                offer.id,
            )

        assert list(found) == sorted(offers, key=key)


class TestRequests:
    """VASTAI_CLI 5: the request of ``search offers``."""

    SENT = {  # noqa: RUF012 - as the client sends it
        "verified": {"eq": True},
        "external": {"eq": False},
        "rentable": {"eq": True},
        "machine_id": {"eq": "1001"},
        "num_gpus": {"in": ["2", "4"]},
        "order": [["score", "desc"]],
        "type": "on-demand",
        "limit": 5,
        "allocated_storage": 5.0,
    }

    def test_as_the_client_sends_it(self) -> None:
        query = parse("machine_id=1001 num_gpus in [2,4]", base=DEFAULTS)
        request = SearchRequest(query=query, limit=5)
        assert request.to_json() == self.SENT
        assert SearchRequest.from_json(self.SENT) == request
        assert SearchRequest.from_json({"select_cols": ["*"], "q": self.SENT}) == request

    def test_what_is_missing_is_the_default(self) -> None:
        # DOMAIN 2: "The search API quotes with 8 GB disk by default, the CLI with 5 GB."
        assert SearchRequest.from_json({}) == SearchRequest(disk_mb=8_000)
        assert SearchRequest().to_json()["allocated_storage"] == 5
        assert "limit" not in SearchRequest().to_json()

    @pytest.mark.parametrize(
        ("word", "mode"),
        [
            ("on-demand", Mode.ON_DEMAND),
            ("ondemand", Mode.ON_DEMAND),
            ("bid", Mode.INTERRUPTIBLE),
            ("interruptible", Mode.INTERRUPTIBLE),
            ("reserved", Mode.RESERVED),
        ],
    )
    def test_types(self, word: str, mode: Mode) -> None:
        request = SearchRequest.from_json({"type": word})
        assert request.mode is mode
        assert SearchRequest.from_json(request.to_json()) == request

    def test_several_operators_and_numbers_of_any_kind(self) -> None:
        query = Query.from_json({"num_gpus": {"gte": "4", "lt": 8}, "cpu_ram": {"gt": 64000}})
        assert query == parse("num_gpus>=4 num_gpus<8 cpu_ram>64")

    def test_a_condition_alone(self) -> None:
        one = Condition("dph", Operator.LT, "2.5")
        assert one.holds(an_offer(), View())
        assert not one.holds(an_offer(gpus=5), View())
        assert one == Condition("dph_total", Operator.LT, 2.5)

    def test_a_search(self) -> None:
        offers = [an_offer(i, gpus=g, extra={"score": i}) for i, g in enumerate([1, 4, 2, 4])]
        request = SearchRequest(query=parse("num_gpus>=2"))
        assert ids(search(offers, request)) == [3, 2, 1]
        cheapest = SearchRequest(query=parse("num_gpus>=2"), order=parse_order("dph"), limit=2)
        assert ids(search(iter(offers), cheapest, now=NOW)) == [2, 1]

    def test_bids_are_the_price_of_a_search_for_bids(self) -> None:
        request = SearchRequest.from_json({"dph_total": {"lt": "1.1"}, "type": "bid"})
        assert search([an_offer()], request) == (an_offer(),)
        assert search([an_offer()], SearchRequest(query=request.query)) == ()

    def test_the_disk_is_priced_in(self) -> None:
        asked = {"dph_total": {"eq": "2.002"}, "allocated_storage": "10.0"}
        assert len(search([an_offer()], SearchRequest.from_json(asked))) == 1

    @pytest.mark.parametrize(
        "wrong",
        [
            {"order": "dph"}, {"order": ["dph"]}, {"order": [["dph"]]}, {"order": [["dph", "up"]]},
            {"order": [["dpx", "asc"]]}, {"order": [["dph", []]]},
            {"order": [["dph", "asc"]] * (MAX_KEYS + 1)},
            {"limit": 0}, {"limit": 5.0}, {"limit": True}, {"limit": "5"},
            {"type": "gift"}, {"type": 5}, {"allocated_storage": -1}, {"allocated_storage": "much"},
            {"allocated_storage": []}, {"allocated_storage": float("inf")}, {"q": 5}, [],
        ],
    )  # fmt: skip
    def test_wrong_requests(self, wrong: Any) -> None:
        with pytest.raises(RuleViolation):
            SearchRequest.from_json(wrong)

    def test_wrong_values(self) -> None:
        with pytest.raises(RuleViolation, match="at most 20"):
            SearchRequest(order=(Order("id"),) * (MAX_KEYS + 1))
        with pytest.raises(WrongType):
            SearchRequest(order=cast("Any", (5,)))
        with pytest.raises(WrongType):
            search([], cast("Any", Query()))


DATA = os.environ.get("NUMGENIUS_MARKET_DATA")


@pytest.mark.skipif(DATA is None, reason="needs NUMGENIUS_MARKET_DATA")
class TestRealRecords:
    """Fields of real records are read as their JSON and CSV have them."""

    def test_known_fields_of_the_api(self) -> None:
        raw = json.loads(Path(str(DATA), "search_offers.json").read_bytes())
        offers = read_offers(Path(str(DATA), "search_offers.json")).offers
        for record, offer in zip(
            raw if isinstance(raw, list) else raw["offers"], offers, strict=True
        ):
            for name, field in FIELDS.items():
                have: Any = field.of(offer, View(disk_mb=8_000))
                source = record.get(name)
                if source is None:
                    continue
                if field.kind is FieldType.NUMBER:
                    # Disk is whole MB; a share of six digits is the machine's own.
                    least = {"disk_space": 0.0005, "gpu_frac": 1e-6}.get(name, 1e-12)
                    assert float(have) == pytest.approx(source, rel=1e-9, abs=least)
                elif name == "driver_version":
                    assert abs(have - record["driver_vers"]) <= 1  # 570.86.16 is ...15 there
                else:
                    kind = {"has_avx": bool, "host_id": str}.get(name, type(source))
                    assert have == kind(source)

    def test_a_count_by_hand(self) -> None:
        offers = read_offers(Path(str(DATA), "market_snapshot.csv.gz")).offers
        found = parse("gpu_name=RTX_4090 num_gpus>=4 geolocation notin [CN,VN]").filter(offers)
        expected = [
            o
            for o in offers
            if o.gpu_name == "RTX 4090"
            and o.gpus >= 4
            and o.extra["geolocation"]
            and o.extra["geolocation"].split(", ")[-1] not in {"CN", "VN"}
        ]
        assert list(found) == expected
        assert found
