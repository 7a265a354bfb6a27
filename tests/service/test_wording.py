"""Refusals of the service speak of what was sent: of its fields, by their names, as it came."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, Final

import pytest
from attrs import evolve, field, frozen

from examples.marketplace import rows
from examples.marketplace.doors import DOORS, WHO_ASKS, Door, plain
from examples.marketplace.hardware import DEMO
from examples.marketplace.questions import Asked
from examples.marketplace.reading import Call, shown
from examples.marketplace.several import Each, NothingDone, Tried
from examples.marketplace.wording import sentence
from marketplace import BEGIN, HOST, Desk
from numgenius_core.errors import NumgeniusError
from numgenius_core.ids import AccountId
from numgenius_core.listing import Machine
from numgenius_core.market import Market, execute
from numgenius_core.market.commands import AddMachine


def epoch(days: float) -> float:
    """Return an instant some days after the beginning as Unix seconds."""
    return (BEGIN + timedelta(days=days)).timestamp()


@frozen
class Good:
    """A request that is not refused."""

    by: str
    number: int = 0
    body: dict[str, Any] = field(factory=dict)
    query: dict[str, Any] = field(factory=dict)


@frozen
class Scene:
    """A market in which every door has something to do."""

    desk: Desk
    good: dict[tuple[str, str], Good]


def good_requests(desk: Desk) -> dict[tuple[str, str], Good]:
    """Return a request for each door, by its method and path."""
    idle = Machine(id=1003, host=HOST, gpu_name="T4", gpus=1)
    desk.store.decide(AddMachine(machine=idle))
    desk.list(end_date=epoch(60), vol_size=100, vol_price=0.2, sla_r_claim=0.99)
    desk.list(1002, price_gpu=1, min_chunk=1, end_date=epoch(60), vol_size=100)
    mine, free = desk.rent(), desk.offer(nth=2)
    bid = desk.rent(offer=desk.offer(nth=1), price=0.4)
    stopped = desk.rent(offer=desk.offer(nth=3))
    desk.ask("ann", "PUT", f"/instances/{stopped}/", {"state": "stopped"})
    here, there = (
        desk.ask("ann", "POST", "/volumes/search/", {"machine_id": {"eq": m}})["offers"][0]["id"]
        for m in (1001, 1002)
    )
    desk.ask("ann", "PUT", "/volumes/", {"id": here, "size": 20})
    volume = desk.ask("ann", "GET", "/volumes")["volumes"][0]["id"]
    desk.ask(HOST, "PUT", "/machines/1001/dnotify/", {"sdate": epoch(1)})
    window = desk.ask(HOST, "GET", "/machines/1001")[0]["machine_maintenance"][0]["id"]
    desk.ask(HOST, "PUT", "/machines/create_bids/", {"machine": 1001, "image": "miner"})
    desk.ask("ben", "GET", "/users/current")
    desk.list(price_gpu=0.6, end_date=epoch(90))
    asked = desk.ask("ann", "GET", "/instances/pending-price-increases/")
    increase = next(
        row["pending_price_increase_id"]
        for row in asked["pending_price_increases"]
        if row["contract_id"] == mine
    )
    desk.clock.pass_(hours=1)
    free = desk.offer(nth=2)
    rental = {"disk": 10, "price": 0.5, "image": "x", "label": "a", "type": "bid"}
    day = {"gte": epoch(0), "lte": epoch(1)}
    days = {"sday": 20_458, "eday": 20_459}
    search = {"num_gpus": {"eq": 2}, "limit": 5, "order": [["id", "asc"]], "type": "on-demand"}
    return {
        ("PUT", "/v0/machines/create_asks"): Good(
            HOST, body={"machine": 1001, "price_gpu": 0.5, "min_chunk": 2}
        ),
        ("PUT", "/v0/machines/create_bids"): Good(HOST, body={"machine": 1001, "image": "x"}),
        ("PUT", "/v0/machines/defrag_offers"): Good(HOST, body={"machine_ids": [1001]}),
        ("DELETE", "/v0/machines/{number}/asks"): Good(HOST, 1001),
        ("PUT", "/v0/machines/{number}/minbid"): Good(HOST, 1001, {"price": 0.2}),
        ("PUT", "/v0/machines/{number}/dnotify"): Good(HOST, 1001, {"sdate": epoch(3)}),
        ("PUT", "/v0/machines/{number}/cancel_maint"): Good(HOST, 1001),
        ("DELETE", "/v0/machines/maintenances"): Good(HOST, body={"maintenance_id": window}),
        ("POST", "/v0/machines/maintenances/batch"): Good(
            HOST, body={"machine_ids": [1001], "sdate": epoch(3)}
        ),
        ("DELETE", "/v0/machines/maintenances/batch"): Good(
            HOST, body={"maintenance_ids": [window]}
        ),
        ("PUT", "/v0/machines/{number}/cleanup"): Good(HOST, 1001),
        ("DELETE", "/v0/machines/{number}/defjob"): Good(HOST, 1001),
        ("POST", "/v0/machines/{number}/force_delete"): Good(HOST, 1003),
        ("POST", "/v0/volumes"): Good(HOST, body={"machine": 1001, "size": 30}),
        ("POST", "/v0/volumes/unlist"): Good(HOST, body={"id": here}),
        ("PUT", "/v0/volumes"): Good("ann", body={"id": here, "size": 10, "name": "data"}),
        ("POST", "/v0/volumes/copy"): Good("ann", body={"src_id": volume, "dst_id": there}),
        ("DELETE", "/v0/volumes"): Good("ann", body={"id": volume}),
        ("POST", "/v0/asks/bulk"): Good("ann", body={"ids": [free], **rental}),
        ("PUT", "/v0/asks/{number}"): Good("ann", free, rental),
        ("PUT", "/v0/instances"): Good("ann", body={"state": "stopped", "ids": [mine]}),
        ("DELETE", "/v0/instances"): Good("ann", body={"instance_ids": [mine]}),
        ("PUT", "/v0/instances/accept-price-increase"): Good(
            "ann", body={"pending_price_increase_id": increase}
        ),
        ("PUT", "/v0/instances/reject-price-increase"): Good(
            "ann", body={"pending_price_increase_id": increase}
        ),
        ("PUT", "/v0/instances/{number}/accept-price-increase"): Good("ann", mine),
        ("PUT", "/v0/instances/{number}/reject-price-increase"): Good("ann", mine),
        ("PUT", "/v0/instances/bid_price/{number}"): Good("ann", bid, {"price": 0.5}),
        ("PUT", "/v0/instances/prepay/{number}"): Good("ann", mine, {"amount": 10}),
        ("PUT", "/v0/instances/{number}"): Good("ann", mine, {"state": "stopped"}),
        ("DELETE", "/v0/instances/{number}"): Good("ann", mine),
        ("PUT", "/v0/users"): Good("ann", body={"balance_threshold": 5}),
        ("PUT", "/v0/commands/transfer_credit"): Good(
            "ann", body={"recipient": "ben", "amount": 5, "sender": "me"}
        ),
        ("GET", "/v0/gpu_names/unique"): Good(""),
        ("GET", "/v0/users/current"): Good("ann"),
        ("GET", "/v0/users/spend-rate"): Good("ann"),
        ("GET", "/v0/notifications"): Good("ann", query={"after": 0, "limit": 5}),
        ("GET", "/v0/users/me/machine-earnings"): Good(HOST, query=days),
        ("GET", "/v0/users/me/invoices"): Good("ann", query={"sdate": epoch(0)}),
        ("GET", "/v0/users/{number}/machine-earnings"): Good(HOST, 7, query=days),
        ("GET", "/v0/machines"): Good(HOST),
        ("GET", "/v1/machines"): Good(HOST),
        ("GET", "/v0/machines/maintenances"): Good(HOST, query={"machine_ids": [1001]}),
        ("GET", "/v0/host/sla_backtest"): Good(
            HOST, query={"machine_id": 1001, "r_claim": 0.99, "p": 0.8}
        ),
        ("GET", "/v0/machines/{number}"): Good(HOST, 1001),
        ("GET", "/v0/machines/{number}/reports"): Good(HOST, 1001),
        ("POST", "/v0/bundles"): Good("ann", body=search),
        ("PUT", "/v0/search/asks"): Good("ann", body={"q": search}),
        ("POST", "/v0/volumes/search"): Good("ann", body={"disk_space": {"gt": 1}}),
        ("GET", "/v0/volumes"): Good("ann"),
        ("GET", "/v1/instances"): Good("ann"),
        ("GET", "/v0/instances"): Good("ann"),
        ("GET", "/v0/instances/filters"): Good("ann"),
        ("GET", "/v0/instances/pending-price-increases"): Good("ann"),
        ("GET", "/v0/instances/balance/{number}"): Good("ann", mine),
        ("GET", "/v0/instances/{number}"): Good("ann", mine),
        ("PUT", "/v0/instances/reboot/{number}"): Good("ann", mine),
        ("PUT", "/v0/instances/recycle/{number}"): Good("ann", mine),
        ("PUT", "/v0/instances/update_template/{number}"): Good("ann", mine, {"image": "x"}),
        ("GET", "/v0/charges"): Good("ann", query={"select_filters": {"day": day}}),
        ("GET", "/v1/invoices"): Good("ann", query={"select_filters": {"when": day}}),
    }


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    desk = Desk(tmp_path_factory.mktemp("wording") / "market.sqlite")
    yield Scene(desk, good_requests(desk))
    desk.store.close()


def told(scene: Scene, door: Door, request: Good) -> str:
    """Return why a door refuses a request, nothing if it does not; nothing is carried out."""
    call = Call(
        by=AccountId(request.by),
        at=scene.desk.clock(),
        number=request.number,
        body=request.body,
        query={
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in request.query.items()
        },
        fields=door.names,
        command=door.command,
    )
    market = scene.desk.store.market
    try:
        door.check_names(call.body, call.query)
        if door.answers is not None:
            door.answers(Asked(call, market, scene.desk.store, DEMO))
        else:
            carry_out(door, call, market)
    except NothingDone as fault:
        return str(rows_of(fault.tried)[0]["msg"])
    except NumgeniusError as fault:
        return sentence(fault, call)
    return ""


def rows_of(tried: Tried) -> Sequence[Any]:
    answer = tried.answer()
    found: Sequence[Any] = answer.get("results") or answer["failed"]
    return found


def carry_out(door: Door, call: Call, market: Market) -> None:
    assert door.means is not None
    meant = door.means(call, market, DEMO)
    if isinstance(meant, Each):
        assert Tried.on(market, call, meant).commands
        return
    happened: list[Any] = []
    for given in meant if isinstance(meant, Sequence) else [meant]:
        command: Any = given(happened) if callable(given) else given
        market, events = execute(market, command, call.at)
        happened += events


DOOR: Final = {(door.method, door.path): door for door in DOORS}


def door_id(door: Door) -> str:
    return f"{door.method} {door.path}"


BAD: Final[tuple[Any, ...]] = (
    *([], [[]], ["x"], {"x": []}, [-1], [999_983], True, False),
    *(1e-300, 0.30000000000000004, [1, None], {"x": "y" * 99}),
    *(-1, 0, 0.5, 1, 1.5, 7, 367, 4_000_000, 10**20, 1e300),
    *("", "\n", "x" * 1_500, "moon", "-5", "2 days"),
)


# Words of the library and of its language that no client sent.
PYTHON: Final = re.compile(
    r"days, 0:|Fraction|Decimal|Money|None|True|False|Mapping|got .*'|sys\.|[0-9]E[-+]"
)

# What is sent in the place of what.
INSTEAD: Final = {
    "machines": ["machine"],
    "source": ["src_id"],
    "dest": ["dst_id"],
    "instance_ids": ["pending_price_increase_id"],
    "q": ["num_gpus", "limit", "order", "type"],
    "label": ["state"],
    "type": ["price", "q"],
    "target_reliability": ["price", "type"],
    "order": ["q"],
    "limit": ["q"],
    "allocated_storage": ["q"],
    "last_days": ["sday", "eday"],
    "eday": ["sday"],
    "edate": ["sdate"],
}


def refusals(scene: Scene, door: Door) -> Iterator[tuple[str, Any, str]]:
    """Yield each field of a door, what is wrong in it, and why that is refused."""
    good = scene.good[door.method, door.path]
    for part, names in (("body", door.fields), ("query", door.parameters)):
        for name in map(plain, names):
            count = 0
            for bad in BAD:
                sent = {**getattr(good, part), name: bad}
                for other in INSTEAD.get(name, ()):
                    sent.pop(other, None)
                change: dict[str, Any] = {part: sent}
                why = told(scene, door, evolve(good, **change))
                if why:
                    count += 1
                    yield name, bad, why
            assert count, f"nothing is wrong in {name}"


@pytest.mark.filterwarnings("ignore::numgenius_core.errors.FloorAbovePrice")  # as its main does
class TestEveryFieldOfEveryDoor:
    """Issue: "4xx with one sentence"; DESIGN: errors "say where, what was needed, what came"."""

    @pytest.mark.parametrize("door", DOORS, ids=door_id)
    def test_what_is_right_is_not_refused(self, scene: Scene, door: Door) -> None:
        assert told(scene, door, scene.good[door.method, door.path]) == ""

    @pytest.mark.parametrize("door", DOORS, ids=door_id)
    def test_a_refusal_names_what_is_wrong_and_says_what_came(
        self, scene: Scene, door: Door
    ) -> None:
        for name, bad, why in refusals(scene, door):
            if why.startswith("account: need a balance of at least $4000000"):
                continue  # the amount is one, the money is not there
            assert why.startswith((f"{name}: need ", f"{name}.", f"{name}[")), (name, bad, why)
            assert not PYTHON.search(why), (name, bad, why)
            if not isinstance(bad, list | dict):  # of these a part is named
                texts = (shown(bad)[:70], str(bad)[:70])  # a parameter of a query is text
                assert any(text in why.partition(", got ")[2] for text in texts), (name, bad, why)

    @pytest.mark.parametrize("door", DOORS, ids=door_id)
    def test_what_is_needed_and_null_is_said_to_be_null(self, scene: Scene, door: Door) -> None:
        good = scene.good[door.method, door.path]
        for part, names in (("body", door.fields), ("query", door.parameters)):
            for name in (plain(each) for each in names if each.endswith("!")):
                for sent in ({}, {name: None}):
                    rest = {key: each for key, each in getattr(good, part).items() if key != name}
                    change: dict[str, Any] = {part: rest | sent}
                    why = told(scene, door, evolve(good, **change))
                    assert why.startswith(f"{name}: need "), (name, why)
                    assert why.endswith(", got null"), (name, why)

    def test_several_are_refused_each_by_its_number(self, scene: Scene) -> None:
        body = {"machine_ids": [77, 1002], "sdate": epoch(3)}
        batch = "/machines/maintenances/batch/"
        row, _ = scene.desk.ask(HOST, "POST", batch, body)["results"]
        assert row["msg"] == "machine_ids: need a machine of your own, got 77"
        assert row["error"] == "no_such_machine"


# What was sent, and where, with the one sentence that its client shows.
SAID: Final = (
    (
        ("PUT", "/v0/machines/create_asks"),
        {"sla_r_claim": 1},
        "sla_r_claim: need a share from 0 to 0.99999 with at most 9 decimals, got 1",
    ),
    (
        ("PUT", "/v0/machines/create_asks"),
        {"vol_size": 0, "vol_price": 0.1},
        "vol_price: need none without a volume, got 0.1",
    ),
    (
        ("PUT", "/v0/machines/create_asks"),
        {"end_date": epoch(80), "duration": "2 days"},
        "duration: need an end date or a rolling one, got both",
    ),
    (
        ("PUT", "/v0/machines/create_asks"),
        {"duration": "60000 days"},
        'duration: need at most 36,525 days, got "60000 days", which is 60000 days',
    ),
    (
        ("PUT", "/v0/machines/{number}/dnotify"),
        {"duration": -1},
        "duration: need hours above zero, up to 1,000,000, got -1",
    ),
    (
        ("PUT", "/v0/machines/{number}/dnotify"),
        {"sdate": 1_767_225_600},
        (
            "sdate: need an instant after 2026-01-05 01:00:00+00:00, "
            "got 1767225600, which is 2026-01-01 00:00:00+00:00"
        ),
    ),
    (
        ("PUT", "/v0/users"),
        {"balance_threshold": -1},
        "balance_threshold: need zero dollars or more, got -1",
    ),
    (
        ("PUT", "/v0/instances/prepay/{number}"),
        {"amount": -0.5},
        "amount: need an amount above zero, got -0.5",
    ),
    (
        ("PUT", "/v0/instances/{number}"),
        {"label": "a\nb"},
        'label: need at most 1000 printable characters, got "a\\nb"',
    ),
    (
        ("PUT", "/v0/asks/{number}"),
        {"disk": 9_999},
        "disk: need at most the offer's 237,500 MB, got 9999, which is 9,999,000 MB",
    ),
    (
        ("PUT", "/v0/asks/{number}"),
        {"env": {"-v V.77:/mnt": "1"}},
        "env: need a volume that exists, got 77",
    ),
    (
        ("PUT", "/v0/asks/{number}"),
        {"volume_info": {"create_new": False, "volume_id": 77, "mount_path": "/m"}},
        "volume_info.volume_id: need a volume that exists, got 77",
    ),
    (
        ("PUT", "/v0/asks/{number}"),
        {"volume_info": {"create_new": True, "volume_id": 77, "mount_path": "/m"}},
        "volume_info.volume_id: need a volume offer that is on the market, got 77",
    ),
    (
        ("PUT", "/v0/asks/{number}"),
        {"volume_info": {"create_new": True, "volume_id": 77, "size": -1}},
        "volume_info.size: need GB from 0 to 1,000,000,000, got -1",
    ),
    (
        ("PUT", "/v0/asks/{number}"),
        {"volume_info": {"create_new": True, "volum_id": 77}},
        "volume_info.volum_id: need a field of this request (did you mean volume_id?), got 77",
    ),
    (
        ("PUT", "/v0/commands/transfer_credit"),
        {"recipient": "no such account"},
        'recipient: need an account of this market, got "no such account"',
    ),
    (
        ("POST", "/v0/bundles"),
        {"num_gpus": {"about": 4}},
        'num_gpus: need one of eq, neq, gt, gte, lt, lte, in, notin, got "about"',
    ),
    (
        ("PUT", "/v0/search/asks"),
        {"q": {"order": [["warp", "asc"]]}},
        'q.order[0]: need the name of a field, got "warp"',
    ),
)

# What came is said as JSON, and no name of Python's is.
PLAIN: Final = (
    (("PUT", "/v0/instances/prepay/{number}"), {"amount": 1e14}, "amount: need dollars up to "),
    (("PUT", "/v0/instances/prepay/{number}"), {"amount": 1e-300}, "amount: need "),
    (("PUT", "/v0/instances/prepay/{number}"), {"amount": 0.30000000000000004}, "amount: need "),
    (("PUT", "/v0/commands/transfer_credit"), {"amount": 1e-300}, "amount: need "),
    (("PUT", "/v0/users"), {"balance_threshold": 1e-300}, "balance_threshold: need "),
    (
        ("PUT", "/v0/asks/{number}"),
        {"target_reliability": 1e-300, "price": None, "type": None},
        "t",
    ),
    (("PUT", "/v0/asks/{number}"), {"disk": 1e-300}, "disk: need at least 8 GB, got 1e-300"),
    (("PUT", "/v0/machines/create_asks"), {"sla_max_beta": 1e-300}, "sla_max_beta: need "),
    (
        ("PUT", "/v0/machines/create_asks"),
        {"sla_r_claim": 1e-300},
        "sla_r_claim: need a share from",
    ),
    (("PUT", "/v0/machines/create_asks"), {"credit_discount_max": 1e-300}, "credit_discount_max: "),
    (("POST", "/v0/bundles"), {"order": [["dph_total", None]]}, "order[0]: need "),
    (("POST", "/v0/bundles"), {"order": [[["dph_total"]]]}, "order[0]: need "),
    (("POST", "/v0/bundles"), {"num_gpus": 4}, 'num_gpus: need an object such as {"eq": 4}, got 4'),
    (("POST", "/v0/bundles"), {"num_gpus": None}, "num_gpus: need an object such as "),
    (("POST", "/v0/bundles"), {"num_gpus": {"eq": "x" * 99}}, "num_gpus.eq: need "),
    (("PUT", "/v0/search/asks"), {"q": [True]}, "q: need an object of conditions, got [true]"),
)


class TestWhatIsSaid:
    """The sentence is all that a client shows."""

    @pytest.mark.parametrize(("where", "change", "text"), SAID)
    def test_of_a_request(
        self, scene: Scene, where: tuple[str, str], change: dict[str, Any], text: str
    ) -> None:
        good = scene.good[where]
        assert told(scene, DOOR[where], evolve(good, body=good.body | change)) == text

    @pytest.mark.parametrize(("where", "change", "begin"), PLAIN)
    def test_without_a_word_of_python(
        self, scene: Scene, where: tuple[str, str], change: dict[str, Any], begin: str
    ) -> None:
        good = scene.good[where]
        why = told(scene, DOOR[where], evolve(good, body=good.body | change))
        assert why.startswith(begin)
        assert not PYTHON.search(why), why
        (bad, *_) = change.values()
        if isinstance(bad, float):
            assert why.endswith(f", got {bad}")

    def test_a_window_in_the_way_is_that_of_a_start(self, scene: Scene) -> None:
        body = {"sdate": epoch(1)}
        for method, path, more in (
            ("PUT", "/machines/1001/dnotify/", {}),
            ("POST", "/machines/maintenances/batch/", {"machine_ids": [1001]}),
        ):
            why = scene.desk.ask(HOST, method, path, body | more, 400)["msg"]
            assert why.startswith("sdate: need no overlap with 2026-01-06 00:00:00"), why
            assert ", got 1767657600.0, which is 2026-01-06 00:00:00 " in why

    def test_a_field_without_a_name_is_seen(self, scene: Scene) -> None:
        for name in ("", " "):
            told = scene.desk.ask(HOST, "DELETE", "/machines/1001/asks/", {name: 1}, 400)
            assert told["msg"].startswith(f'"{name}": need a field of this request')

    @pytest.mark.parametrize("body", [None, [], "x", 7, 0.5, True])
    def test_a_body_that_is_no_object_is_shown(self, scene: Scene, body: Any) -> None:
        text = json.dumps(body)
        answer = scene.desk.client.put(
            "/api/v0/instances/7/", content=text, headers={"Authorization": "Bearer ann"}
        )
        assert answer.json()["msg"] == f"request: need a JSON object, got {text}"

    def test_a_number_too_long_to_read_is_measured(self, scene: Scene) -> None:
        answer = scene.desk.client.put(
            "/api/v0/instances/7/",
            content=b'{"label": %s}' % (b"9" * 5_000),
            headers={"Authorization": "Bearer ann"},
        )
        assert answer.json()["msg"] == "request: need JSON, got a number of 5,000 digits"

    @pytest.mark.parametrize(
        ("path", "query", "text"),
        [
            (
                "/v0/users/me/invoices",
                {"edate": "-1"},
                "edate: need Unix seconds from 1970 to 9999, got -1",
            ),
            (
                "/v0/charges",
                {"select_filters": '{"day": {"gte": -1, "lte": 5}}'},
                "select_filters.day.gte: need Unix seconds from 1970 to 9999, got -1",
            ),
            (
                "/v0/host/sla_backtest",
                {"machine_id": "1001", "r_claim": "1"},
                "r_claim: need a share above 0 and at most 0.99999 with at most 9 decimals, got 1",
            ),
        ],
    )
    def test_of_a_query(self, scene: Scene, path: str, query: dict[str, Any], text: str) -> None:
        good = scene.good["GET", path]
        assert told(scene, DOOR["GET", path], evolve(good, query=query)) == text

    def test_whose_it_is_is_the_account(self, scene: Scene) -> None:
        answer = scene.desk.ask("eve", "DELETE", "/machines/1001/asks/", status=403)
        assert answer["msg"] == "account: need the host of machine 1001, got eve"


# What the clients of docs/clients.md send where more is sent than is looked at; by their sources,
# also what they send only if it is typed.
STARTED: Final = """client_id image disk price label env onstart runtype image_login python_utf8
    lang_utf8 use_jupyter_lab jupyter_dir extra force cancel_unavail template_hash_id user args
    volume_info"""
CLIENTS: Final = (
    ("PUT", "/v0/asks/{number}", STARTED),
    ("POST", "/v0/asks/bulk", f"ids {STARTED}"),
    ("PUT", "/v0/machines/{number}/minbid", "client_id price"),
    (
        "PUT",
        "/v0/machines/{number}/dnotify",
        "client_id sdate duration maintenance_category maintenance_reason",
    ),
    ("PUT", "/v0/machines/{number}/cancel_maint", "client_id machine_id"),
    ("PUT", "/v0/machines/create_bids", "machine image args price_gpu price_inetu price_inetd"),
    ("GET", "/v0/machines/{number}/reports", "machine_id"),
    ("PUT", "/v0/instances/bid_price/{number}", "client_id price"),
    (
        "PUT",
        "/v0/instances/update_template/{number}",
        "id template_id template_hash_id image args env onstart",
    ),
    ("POST", "/v0/volumes/copy", "src_id dst_id source dest size disable_compression"),
    ("PUT", "/v0/commands/transfer_credit", "sender recipient amount client_id apikey_id"),
)


class TestFieldsThatThereAreNot:
    """Issue: "Bad input gets 4xx … unknown field": else nobody sees that what it says is lost."""

    @pytest.mark.parametrize("door", DOORS, ids=door_id)
    def test_they_are_refused_at_every_door(self, scene: Scene, door: Door) -> None:
        good = scene.good[door.method, door.path]
        for part in ("body", "query"):
            sent = getattr(good, part) | {"foo_bar": 9}
            why = told(scene, door, evolve(good, **{part: sent}))
            if part == "body" and door.has_others and door.answers is not None:
                assert why.startswith("foo_bar: need "), why
            elif part == "body" and door.has_others:
                assert (
                    why
                    == "accounts are kept by who runs this service: their keys are in its key file"
                )
            else:
                came = "9" if part == "body" else '"9"'  # a parameter is text
                assert why == f"foo_bar: need a field of this request, got {came}"

    @pytest.mark.parametrize("door", DOORS, ids=door_id)
    def test_what_clients_send_beside_changes_nothing(self, scene: Scene, door: Door) -> None:
        good = scene.good[door.method, door.path]
        more = dict.fromkeys((*door.beside, *WHO_ASKS), "me")
        body = good.body if door.has_others else good.body | more
        assert told(scene, door, evolve(good, body=body, query=good.query | more)) == ""

    @pytest.mark.parametrize(("method", "path", "names"), CLIENTS)
    def test_what_clients_send_is_taken(self, method: str, path: str, names: str) -> None:
        query = dict.fromkeys(("api_key", "owner"), "me")
        DOOR[method, path].check_names(dict.fromkeys(names.split()), query)

    @pytest.mark.parametrize(
        ("where", "field", "near"),
        [
            (("PUT", "/v0/machines/create_asks"), "price_minbid", "price_min_bid"),
            (("PUT", "/v0/instances/bid_price/{number}"), "prise", "price"),
            (("PUT", "/v0/instances/prepay/{number}"), "ammount", "amount"),
            (("PUT", "/v0/asks/{number}"), "prise", "price"),
            (("PUT", "/v0/commands/transfer_credit"), "recepient", "recipient"),
            (("PUT", "/v0/users"), "balance_treshold", "balance_threshold"),
            (("POST", "/v0/volumes"), "price_dsk", "price_disk"),
            (("PUT", "/v0/volumes"), "sise", "size"),
            (("PUT", "/v0/machines/{number}/dnotify"), "durations", "duration"),
            (("POST", "/v0/machines/maintenances/batch"), "s_date", "sdate"),
        ],
    )
    def test_where_money_is_at_stake_the_nearest_is_named(
        self, scene: Scene, where: tuple[str, str], field: str, near: str
    ) -> None:
        good = scene.good[where]
        why = told(scene, DOOR[where], evolve(good, body=good.body | {field: 9}))
        assert why == f"{field}: need a field of this request (did you mean {near}?), got 9"

    def test_nothing_happens(self, scene: Scene) -> None:
        before = scene.desk.store.market
        number = scene.good["PUT", "/v0/instances/bid_price/{number}"].number
        told = scene.desk.ask("ann", "PUT", f"/instances/bid_price/{number}/", {"prise": 2}, 400)
        assert (told["error"], told["code"]) == ("invalid_args", "unknown_field")
        assert scene.desk.store.market == before

    def test_a_name_that_none_can_have_is_cut(self, scene: Scene) -> None:
        for name in ("a\nb", "x" * 999):
            told = scene.desk.ask(HOST, "DELETE", "/machines/1001/asks/", {name: 1}, 400)
            assert len(told["msg"]) < 200


def pages(**query: Any) -> dict[str, str]:
    return {name: json.dumps(value) for name, value in query.items()}


class TestPagesThatThereAreNot:
    """A column that is misspelt, a limit of nothing: an answer to them would be a wrong one."""

    @pytest.mark.parametrize(
        ("query", "text"),
        [
            (
                pages(order_by=[{"col": "gpu_nam", "dir": "desc"}]),
                (
                    "order_by[0].gpu_nam: need a column (did you mean gpu_name?), "
                    'got {"col": "gpu_nam", "dir": "desc"}'
                ),
            ),
            (
                pages(order_by=[{"col": "id", "dir": "sideways"}]),
                (
                    'order_by[0]: need {"col": ..., "dir": "asc" or "desc"}, '
                    'got {"col": "id", "dir": "sideways"}'
                ),
            ),
            (
                pages(order_by=[{"col": "id", "direction": "desc"}]),
                (
                    'order_by[0]: need {"col": ..., "dir": "asc" or "desc"}, '
                    'got {"col": "id", "direction": "desc"}'
                ),
            ),
            (
                pages(select_filters={"lable": {"in": ["a"]}}),
                'select_filters.lable: need a column (did you mean label?), got {"in": ["a"]}',
            ),
            (
                pages(select_filters={"actual_status": {"in": ["runing"]}}),
                (
                    "select_filters.actual_status: need one of created, loading, running, stopped, "
                    'exited, frozen, offline, scheduling, unknown, got "runing"'
                ),
            ),
            (
                pages(select_filters={"label": {"in": [["a"]]}}),
                'select_filters.label: need text, numbers, true, false or null, got ["a"]',
            ),
            (
                pages(select_filters={"label": {"in": ["a"], "notin": ["b"]}}),
                'select_filters.label: need {"in": [...]}, got {"in": ["a"], "notin": ["b"]}',
            ),
            (pages(limit=-1), "limit: need a whole number from 1 on, got -1"),
            (pages(limit=0), "limit: need a whole number from 1 on, got 0"),
            (pages(limit=True), "limit: need a whole number, got true"),
            ({"after_token": "Imli"}, 'after_token: need a next_token of this order, got "Imli"'),
        ],
    )
    def test_of_instances(self, scene: Scene, query: dict[str, str], text: str) -> None:
        for who in ("ann", "nobody"):  # with rows and without
            told = scene.desk.ask(who, "GET", "/api/v1/instances/", None, 400, **query)
            assert told["msg"] == text

    @pytest.mark.parametrize("path", ["/api/v0/charges/", "/api/v1/invoices/"])
    def test_of_charges_and_invoices(self, scene: Scene, path: str) -> None:
        name, column = ("day", "type") if "charges" in path else ("when", "service")
        whole = {name: {"gte": epoch(0), "lte": epoch(1)}}
        for filters, query, why in (
            (whole, {"limit": "-1"}, "limit: need"),
            (whole | {column: {"in": ["foo"]}}, {}, f"select_filters.{column}: need one of "),
            (whole | {"foo": {"in": []}}, {}, "select_filters.foo: need a column"),
            ({name: {"gte": 5, "lte": 4}}, {}, f"select_filters.{name}: need gte up to lte"),
            ({name: {"gte": 4, "lt": 5}}, {}, f"select_filters.{name}: need"),
            (whole, {"latest_first": "1"}, "latest_first: need true or false, got 1"),
        ):
            asked = {"select_filters": json.dumps(filters), **query}
            assert scene.desk.ask("ann", "GET", path, None, 400, **asked)["msg"].startswith(why)

    def test_of_charges_in_another_form(self, scene: Scene) -> None:
        filters = json.dumps({"day": {"gte": epoch(0), "lte": epoch(1)}})
        for form in ("table", "tree"):
            scene.desk.ask("ann", "GET", "/charges/", select_filters=filters, format=form)
        told = scene.desk.ask(
            "ann", "GET", "/charges/", status=400, select_filters=filters, format="pie"
        )
        assert told["msg"] == 'format: need table or tree, got "pie"'

    def test_of_notices_and_machines(self, scene: Scene) -> None:
        for who, path in (("ann", "/api/v0/notifications"), (HOST, "/api/v1/machines/")):
            told = scene.desk.ask(who, "GET", path, status=400, limit="-1")
            assert told["msg"] == "limit: need a whole number from 1 on, got -1"

    def test_every_column_of_an_instance_is_known(self, scene: Scene) -> None:
        """But for those of several values, which have no order."""
        number = scene.good["GET", "/v0/instances/{number}"].number
        row = scene.desk.instance("ann", number)
        several = {name for name, value in row.items() if isinstance(value, list | dict)}
        assert several == {"search", "instance", "extra_env", "volume_info"}
        assert row.keys() - several <= rows.INSTANCE_COLUMNS.keys()
        for name in rows.INSTANCE_COLUMNS:
            order = [{"col": name, "dir": "desc"}]
            scene.desk.ask("ann", "GET", "/api/v1/instances/", None, 200, **pages(order_by=order))

    def test_a_day_of_earnings_is_a_number(self, scene: Scene) -> None:
        path = "/users/me/machine-earnings"
        told = scene.desk.ask(HOST, "GET", path, None, 400, sday="true")
        assert told["msg"] == "sday: need a number, got true"
        told = scene.desk.ask(HOST, "GET", path, None, 400, eday="-1")
        assert told["msg"] == "eday: need days since 1970, from 0 to 2,932,895, got -1"
