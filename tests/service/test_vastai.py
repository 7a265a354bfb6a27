"""The example service as the marketplace's own client sees it: the guide's life of a machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from attrs import frozen

from examples.marketplace.store import Store
from numgenius_core.market import commands as do
from scripts.write_story import PAGE, Story
from vastai_client import ROOT, VASTAI, Client, served

HOST, OTHER_HOST, ANN, BEN, EVE = "host-1", "host-2", "ann", "ben", "eve"
TODAY = datetime.now(UTC)


def on(days: int) -> str:
    """Return a date some days from now, as a host types it."""
    return f"{TODAY + timedelta(days=days):%m/%d/%Y}"


def midnight(typed: str) -> float:
    """Return a date that a host types as Unix seconds."""
    return datetime.strptime(typed, "%m/%d/%Y").replace(tzinfo=UTC).timestamp()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """Return the client in front of a new market."""
    with served(tmp_path / "market.sqlite") as (url, _):
        yield Client(url, tmp_path)


pytestmark = pytest.mark.skipif(VASTAI is None, reason="NUMGENIUS_VASTAI says where vastai is")


class TestTheStory:
    """``docs/story.md`` shows what the commands print."""

    def test_they_print_it(self, tmp_path: Path) -> None:
        page = (ROOT / PAGE).read_text("utf-8")
        assert Story(tmp_path, page).told() == page


class TestTheLifeOfAMachine:
    """The hosting guide, told with the real commands: list, rent, bid, prepay, relist, maintain."""

    def test_it_goes_as_the_guide_says(self, client: Client) -> None:
        list_and_find(client)
        there = bid_and_outbid(client)
        prepay(client, there)
        relist(client, there)
        maintain(client)
        unlist_and_destroy(client, there)


def listing(price: float, days: int, disk: float = 0.1) -> list[str]:
    """Return the command that lists machine 1001."""
    words = (
        f"list machine 1001 -g {price} -s {disk} -u 0.01 -d 0.02 -b 0.1 -r 0.4 -m 2 -e {on(days)}"
    )
    return words.split()


def offers(client: Client, size: int, *words: str, key: str = ANN) -> list[dict[str, Any]]:
    """Return the offers of machine 1001 of a size, the first GPUs first."""
    query = f"machine_id = 1001 num_gpus = {size}"
    found: list[dict[str, Any]] = client.raw(key, "search", "offers", query, "-o", "id", *words)
    return found


def rent(client: Client, key: str, offer: int, *words: str) -> str:
    """Rent an offer and return the number of the instance."""
    command = ("create", "instance", str(offer), "--image", "pytorch/pytorch", "--disk", "10")
    told = client.raw(key, *command, *words)
    assert told["success"] is True
    return str(told["new_contract"])


def states(client: Client, key: str) -> dict[str, str]:
    """Return what each instance of a client is doing."""
    return {str(row["id"]): row["actual_status"] for row in client.raw(key, "show", "instances")}


def list_and_find(client: Client) -> None:
    """G1, G5: with ``min_gpu`` 2, clients rent 2, 4 or 8 of 8 GPUs."""
    assert "offers created/updated for machine 1001" in client(HOST, *listing(0.5, 60)).out
    found = client.raw(ANN, "search", "offers", "machine_id=1001", "-o", "num_gpus")
    assert [row["num_gpus"] for row in found] == [2, 2, 2, 2, 4, 4, 8]
    assert {row["gpu_name"] for row in found} == {"RTX 3090"}
    (whole,) = [row for row in found if row["num_gpus"] == 8]
    assert whole["dph_total"] == pytest.approx(8 * 0.5 + 5 * 0.1 / 720, abs=1e-9)
    assert whole["duration"] == pytest.approx(60 * 86_400, abs=2 * 86_400)
    (shown,) = client.raw(HOST, "show", "machine", "1001")
    assert (shown["listed_gpu_cost"], shown["min_bid_price"]) == (0.5, 0.1)
    assert (shown["end_date"], shown["gpu_occupancy"]) == (midnight(on(60)), "x x x x x x x x ")


@frozen
class There:
    """The instances of the story: ANN's, her bid and BEN's for other GPUs, EVE's on top of both."""

    held: str
    low: str
    high: str
    taken: str


def bid_and_outbid(client: Client) -> There:
    """G6, G7: the highest bid runs, the others are paused; on demand stops them."""
    first, second, *_ = offers(client, 2)
    held = rent(client, ANN, first["id"], "--label", "training")
    assert [row["rentable"] for row in offers(client, 2, "-n")] == [False, True, True, True]
    low = rent(client, ANN, second["id"], "--bid_price", "0.4")
    high = rent(client, BEN, second["id"], "--bid_price", "0.6")
    assert states(client, ANN) == {held: "running", low: "stopped"}
    assert states(client, BEN) == {high: "running"}
    quoted = next(row for row in offers(client, 2, "-b") if row["id"] == second["id"])
    assert quoted["min_bid"] == 0.6
    client(ANN, "change", "bid", low, "--price", "0.7")
    assert (states(client, ANN)[low], states(client, BEN)[high]) == ("running", "stopped")
    client(BEN, "change", "bid", high)  # without a price: the lowest that wins
    assert (states(client, ANN)[low], states(client, BEN)[high]) == ("stopped", "running")
    assert 0.7 < client.raw(BEN, "show", "instance", high)["bid_price"] < 0.71
    taken = rent(client, EVE, second["id"])
    assert states(client, ANN) == {held: "running", low: "stopped"}
    assert states(client, BEN) == {high: "stopped"}
    assert states(client, EVE) == {taken: "running"}
    (shown,) = client.raw(HOST, "show", "machine", "1001")
    assert shown["gpu_occupancy"] == "D D D D x x x x "
    return There(held, low, high, taken)


def prepay(client: Client, there: There) -> None:
    """G8: 2 GPUs at $0.50 are $1 an hour: a month of it at 20 % off is $576."""
    said = client(ANN, "prepay", "instance", there.held, "576")
    assert said.out.startswith(f"prepaid for 1.0 months of instance {there.held} applying $576.0")
    assert "discount of 20.0%" in said.out
    deposit = client.raw(ANN, "show", "deposit", there.held)
    assert deposit["discount_months"] == pytest.approx(1, abs=1e-3)
    assert deposit["refundable_deposit"] == pytest.approx(576, abs=0.1)
    shown = client.raw(ANN, "show", "instance", there.held)
    assert shown["dph_total"] == pytest.approx(0.8 + 10 * 0.1 / 720, abs=1e-9)
    assert client.raw(ANN, "show", "user")["credit"] == pytest.approx(10_000 - 576, abs=0.1)


def ends(client: Client) -> set[float]:
    """Return when the contracts of all clients end."""
    return {
        row["end_date"] for key in (ANN, BEN, EVE) for row in client.raw(key, "show", "instances")
    }


def relist(client: Client, there: There) -> None:
    """G9: a later end at the same or a lower price extends; a raised price waits for the client."""
    said = client(HOST, *listing(0.5, 90))
    assert said.out.splitlines()[1] == f"extended 4 client contracts to {on(90)}"
    assert ends(client) == {midnight(on(90))}
    assert "extended" not in client(HOST, *listing(0.6, 120, disk=0.2)).out
    assert ends(client) == {midnight(on(90))}
    (asked,) = client.raw(EVE, "show", "pending-price-increases")["pending_price_increases"]
    assert asked["contract_id"] == int(there.taken)
    assert asked["old_gpu_costpersec"] * 3_600 == pytest.approx(0.5)
    assert asked["new_gpu_costpersec"] * 3_600 == pytest.approx(0.6)
    assert asked["new_disk_ram_costpersec"] * 2_592_000 == pytest.approx(0.2)
    assert asked["new_bwu_cost"] is None
    said = client(EVE, "accept", "price-increase", there.taken, "--yes")
    assert "Accepted 1 / Stale 0 / Failed 0 of 1 requested." in said.out
    (mine,) = client.raw(EVE, "show", "instances")
    assert mine["end_date"] == midnight(on(120))
    assert mine["dph_total"] == pytest.approx(1 + 10 * 0.1 / 720, abs=1e-9)  # until the old end
    said = client(ANN, "reject", "price-increase", there.held, "--yes")
    assert "Rejected 1 / Stale 0 / Failed 0 of 1 requested." in said.out
    assert client(ANN, "accept", "price-increase", there.held, "--yes").status == 2  # it is gone
    assert client.raw(ANN, "show", "instance", there.held)["end_date"] == midnight(on(90))


def maintain(client: Client) -> None:
    """G12: maintenance is scheduled with a date and a duration; it stops nothing."""
    start = midnight(on(10)) + 3_600
    words = f"schedule maint 1001 --sdate {start} --duration 2.5 --maintenance_category disk"
    assert "success" in client(HOST, *words.split(), typed="y\n").out
    (window,) = client.raw(HOST, "show", "maints", "--ids", "1001,1002")
    assert (window["start_time"], window["end_time"]) == (start, start + 2 * 3_600)
    assert (window["duration_hours"], window["maintenance_category"]) == (2, "disk")
    assert list(states(client, EVE).values()) == ["running"]
    assert "success" in client(HOST, "cancel", "maint", "1001", typed="y\n").out
    assert client.raw(HOST, "show", "maints", "--ids", "1001") == []


def unlist_and_destroy(client: Client, there: There) -> None:
    """G11: unlisting prevents new contracts and keeps those that exist."""
    assert client(HOST, "unlist", "machine", "1001").status == 0
    assert client.raw(ANN, "search", "offers", "machine_id=1001", "-n") == []
    assert list(states(client, EVE).values()) == ["running"]
    assert "stopping" in client(ANN, "stop", "instance", there.held).out
    assert states(client, ANN)[there.held] == "stopped"
    assert "starting" in client(ANN, "start", "instance", there.held).out
    assert states(client, ANN)[there.held] == "running"
    assert "destroying" in client(EVE, "destroy", "instance", there.taken, "-y").out
    assert states(client, EVE) == {}
    assert states(client, BEN) == {there.high: "running"}  # its bid is the higher
    assert states(client, ANN) == {there.held: "running", there.low: "stopped"}
    charged = client.raw(EVE, "show", "invoices-v1", "--charges")
    assert [row["source"] for row in charged["results"]] == [f"instance-{there.taken}"]
    paid = client.raw(EVE, "show", "invoices-v1", "--invoices")["results"]
    assert [row["amount"] for row in paid] == [10_000]
    today = f"{TODAY:%Y-%m-%d}"
    earned = client.raw(HOST, "show", "earnings", "-s", today, "-e", today)
    assert earned["summary"]["total_gpu"] > charged["results"][0]["amount"] > 0


class TestThePublishedExample:
    """1000 GB, half of which is offered for volumes: an offer takes no space, what is rented does.

    Machine 1002 has 4 GPUs, here in pairs, so its offers are the two halves and the whole.
    """

    def test_with_the_real_commands(self, client: Client) -> None:
        words = ["list", "machine", "1002", "-g", "1", "-m", "2", "-e", on(60), "-v", "500"]
        assert client(HOST, *words).err == ""
        assert disk_of(client) == ([500, 500, 1000], [500])
        volume = volume_of(client, "200", "-n", "models")
        assert disk_of(client) == ([400, 400, 800], [300])
        (row,) = client.raw(ANN, "show", "volumes")
        assert (row["id"], row["disk_space"], row["machine_id"]) == (volume, 200, 1002)
        assert row["end_date"] == midnight(on(60))
        assert "'success': True" in client(ANN, "delete", "volume", str(volume)).out
        for stored, left in (("800", 200), ("400", 500)):
            whole = max(client.raw(BEN, "search", "offers", "machine_id=1002"), key=gpus)["id"]
            told = client.raw(
                BEN, "create", "instance", str(whole), "--image", "x", "--disk", stored
            )
            assert disk_of(client)[1] == [left]
            client(BEN, "destroy", "instance", str(told["new_contract"]), "-y")

    def test_a_volume_outlives_its_instances(self, client: Client) -> None:
        client(HOST, *listing(0.5, 60))
        volume = volume_of(client, "50", machine=1001)
        first, second, *_ = (row["id"] for row in offers(client, 2))
        number = rent(client, ANN, first, "--env", f"-v V.{volume}:/mnt -p 80:80")
        shown = client.raw(ANN, "show", "instance", number)
        assert [row["id"] for row in shown["volume_info"]] == [volume]
        assert client(ANN, "show", "instances").status == 0  # its table shows them, if it is wide
        assert f"[{number}]" in client(ANN, "show", "volumes").out
        said = client(ANN, "delete", "volume", str(volume))
        assert said.refused == (
            f"id: need one that no instance has attached, got one of instances {number}"
        )
        client(ANN, "destroy", "instance", number, "-y")
        assert client.raw(ANN, "show", "volumes")[0]["instances"] == []
        rent(client, ANN, second, "--link-volume", str(volume), "--mount-path", "/mnt")
        assert len(client.raw(ANN, "show", "volumes")[0]["instances"]) == 1
        (found,) = client.raw(ANN, "search", "volumes", "machine_id=1001")
        assert "Unlisted Volume" in client(HOST, "unlist", "volume", str(found["id"])).out
        assert client.raw(ANN, "search", "volumes", "-n", "machine_id=1001") == []

    def test_each_refusal_is_a_sentence(self, client: Client) -> None:
        client(HOST, *listing(0.5, 60))
        client(HOST, "list", "volume", "1002", "-s", "100")
        client.raw(BEN, "show", "user")
        mine = volume_of(client, "50", machine=1001)
        there = volume_of(client, "10", machine=1002)
        (here,) = (row["id"] for row in client.raw(ANN, "search", "volumes", "machine_id=1001"))
        gpu = offers(client, 2)[0]["id"]
        image = "--image x --disk 10"
        before = client.raw(ANN, "show", "volumes"), client.raw(ANN, "search", "volumes")
        for key, command, why in (
            (ANN, f"create volume {here} -s 451", "at most the offer's 450,000 MB"),
            (ANN, f"create volume {here} -n bad-name", "letters, digits and underscores"),
            (ANN, "create volume 99", "a volume offer that is on the market, got 99"),
            (ANN, f"clone volume {mine} {here} -s 49", "at least the volume's 50,000 MB"),
            (BEN, f"clone volume {mine} {here}", f"the client of volume {mine}"),
            (BEN, f"delete volume {mine}", f"need a volume of your own, got {mine}"),
            (ANN, "delete volume 12345", "a volume that exists, got 12345"),
            (OTHER_HOST, "list volume 1001", "the host of machine 1001"),
            (HOST, "list volume 1001 -s 0", "size: need GB of disk above 0"),
            (HOST, "unlist volume 99", "Volume listing does not exist"),
            (HOST, "list machine 1001 -g 0.5 -v 0 -z 0.1", "vol_price: need none without"),
            (ANN, f"create instance {gpu} {image} --link-volume {there} --mount-path /m",
             "a volume of machine 1001"),
            (ANN, "create network-volume 1", "network volumes are not among the rules"),
        ):  # fmt: skip
            assert why in client(key, *command.split()).refused, command
        after = client.raw(ANN, "show", "volumes"), client.raw(ANN, "search", "volumes")
        for rows, others in zip(before, after, strict=True):
            for row, other in zip(rows, others, strict=True):
                assert without_time(row) == without_time(other)


def without_time(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without what time alone changes."""
    return {name: row[name] for name in row if name not in ("duration", "start_date")}


def gpus(row: dict[str, Any]) -> int:
    return int(row["num_gpus"])


def disk_of(client: Client) -> tuple[list[float], list[float]]:
    """Return the disk of each offer of machine 1002's GPUs, and of its volumes."""
    there = client.raw(ANN, "search", "offers", "machine_id=1002", "-o", "disk_space")
    volumes = client.raw(ANN, "search", "volumes", "machine_id=1002")
    return [row["disk_space"] for row in there], [row["disk_space"] for row in volumes]


def volume_of(client: Client, size: str, *words: str, machine: int = 1002) -> int:
    """Rent a volume, and return its number."""
    (offer,) = client.raw(ANN, "search", "volumes", f"machine_id={machine}")
    told = client.raw(ANN, "create", "volume", str(offer["id"]), "-s", size, *words)
    return int(told["volume_name"].removeprefix("V."))


class TestAPromise:
    """A promise of uptime: claimed by REST, as no command has an argument for it, and seen here.

    The client knows none of its fields: it warns of each and sends it. It cannot list with a claim
    (``list machine`` keeps the one that is listed), rent with a target, or ask for a backtest.
    """

    def test_from_the_search_to_the_earnings(self, tmp_path: Path) -> None:
        db, past = tmp_path / "market.sqlite", (sys.executable, PAST_SERVICE, "4")
        with served(db, command=past) as (url, _):
            client = Client(url, tmp_path)
            number = promised(client)
            began = refused_and_kept(client, number)
        day = began.replace(hour=0, minute=0, second=0) + timedelta(days=1)
        fail_for_hours(db, day)
        with served(db) as (url, _):
            settled(Client(url, tmp_path), number, day)


PAST_SERVICE = str(ROOT / "tests" / "support" / "past_service.py")


def asked(client: Client, key: str, method: str, path: str, **body: Any) -> Any:
    """Ask by REST for what the client has no command for."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    sent = json.dumps(body).encode() if body else None
    request = Request(f"{client.url}/api/v0{path}", sent, headers, method=method)
    with urlopen(request, timeout=30) as answer:
        return json.load(answer)


def promised(client: Client) -> str:
    """List with a claim, search with targets, and rent with one."""
    terms = {"machine": 1001, "price_gpu": 3.5, "price_disk": 0.1, "min_chunk": 1}
    listed = {**terms, "sla_r_claim": 0.99, "duration": "20 days"}
    assert asked(client, HOST, "PUT", "/machines/create_asks/", **listed)["success"] is True
    said = client(
        ANN, "--raw", "search", "offers", "machine_id=1001 num_gpus=1 target_reliability=0.95"
    )
    assert "Unrecognized field: target_reliability" in said.err
    rows = json.loads(said.out)
    assert len(rows) == 8
    assert all(row["has_sla"] and row["expected_reliability"] == 0.99 for row in rows)
    offer = rows[0]
    assert offer["dph_total"] == pytest.approx(3.5 + 5 * 0.1 / 720 + 0.04043, abs=1e-5)
    assert offers(client, 1, key=BEN)[0]["dph_total"] < offer["dph_total"]  # without a target
    query = "machine_id=1001 target_reliability=0.995"
    assert client.raw(ANN, "search", "offers", query) == []  # none claims so much
    wanted = {"image": "x", "disk": 10, "target_reliability": 0.95}
    path = f"/asks/{offer['id']}/"
    return str(asked(client, ANN, "PUT", path, **wanted)["new_contract"])


def refused_and_kept(client: Client, number: str) -> datetime:
    """See the promise from both sides; prepaying is refused, and a dearer listing passes it by.

    Returns:
        When it was rented.
    """
    (mine,) = client.raw(ANN, "show", "instances")
    assert (str(mine["id"]), mine["target_reliability"], mine["sla_r_claim"]) == (
        number,
        0.95,
        0.99,
    )
    fee = mine["search"]["slaPremiumPerHour"]
    assert mine["dph_total"] == pytest.approx(3.5 + 10 * 0.1 / 720 + fee)
    (shown,) = client.raw(HOST, "show", "machine", "1001")
    assert (shown["sla_reliability_claim"], shown["sla_confidence"]) == (0.99, "medium")
    said = client(ANN, "prepay", "instance", number, "100")
    assert "one without a promise of uptime" in said.refused
    for price, extended in ((4, False), (3.5, True)):
        words = f"list machine 1001 -g {price} -s 0.1 -m 1 -e {on(60)}"
        told = client(HOST, *words.split()).out
        assert ("extended 1 client contracts" in told) is extended
        pending = client.raw(ANN, "show", "pending-price-increases")
        assert pending["pending_price_increases"] == []
    shown = client.raw(ANN, "show", "instance", number)
    assert shown["end_date"] == midnight(on(60))
    return datetime.fromtimestamp(shown["start_date"], UTC)


def fail_for_hours(db: Path, day: datetime) -> None:
    """Let the machine be down from noon to five of a day."""
    now = [day + timedelta(hours=12)]
    store = Store(str(db), clock=lambda: now[0])
    store.decide(do.ReportOffline(machine=1001))
    now[0] += timedelta(hours=5)
    store.decide(do.ReportOnline(machine=1001))
    store.close()


def settled(client: Client, number: str, day: datetime) -> None:
    """Read the statement of the day and the earnings since, of which nothing is for GPUs."""
    said = client.raw(ANN, "show", "invoices-v1", "--charges")
    assert {row["source"] for row in said["results"]} == {f"instance-{number}"}
    items = [item for row in said["results"] for item in row["items"] if item["type"] == "sla"]
    (back,) = [item for item in items if item["description"] == "Service Credit"]
    assert datetime.fromtimestamp(back["start"], UTC).date() == day.date()
    # 19 hours of 24 up after a first day without a fault, 84 dollars: most of them come back.
    assert -84 < back["amount"] < -70
    fees = [item["amount"] for item in items if item["description"] == "SLA Fee"]
    assert fees
    assert all(0 < amount < 0.98 for amount in fees)
    first, last = (f"{each:%Y-%m-%d}" for each in (day - timedelta(days=1), datetime.now(UTC)))
    earned = client.raw(HOST, "show", "earnings", "-s", first, "-e", last)
    summary = earned["summary"]
    assert summary["total_gpu"] == 0
    assert summary["total_sla"] == pytest.approx(earned["current"]["balance"])
    assert summary["total_sla"] > 0
    tried = asked(
        client, HOST, "GET", "/host/sla_backtest/?machine_id=1001&r_claim=0.99&r_target=0.95"
    )
    uptimes = {each["day"]: each["reliability"] for each in tried["days"]}
    assert uptimes[f"{day:%Y-%m-%d}"] == pytest.approx(19 / 24)
    assert tried["r_eff"] < tried["r_be"]  # such days do not pay


class TestRefusals:
    """Bad input is refused with the reason, nothing changes and the service goes on."""

    def test_each_is_refused_with_its_reason(self, client: Client) -> None:
        assert client(HOST, *listing(0.5, 60)).err == ""
        first, second, *_ = (str(row["id"]) for row in offers(client, 2))
        mine = rent(client, ANN, int(first))
        bid = rent(client, ANN, int(second), "--bid_price", "0.4")
        before = everything(client)
        for key, command, why in refused_commands(mine, bid, first, second):
            typed = "y\n" if "maint" in command else ""
            said = client(key, *command.split(), typed=typed)
            assert why in said.refused, (command, said)
        assert everything(client) == before


def refused_commands(mine: str, bid: str, taken: str, free: str) -> list[tuple[str, str, str]]:
    """Return who gives commands that are refused, and what the reason says."""
    past = midnight(on(-1))
    on_it = "--image pytorch --disk 10"
    maint = "schedule maint 1001 --duration 1 --sdate"
    return [
        (HOST, "list machine 1001 -g 0.5 -m 3", "need a power of two, got 3"),
        (HOST, "list machine 1001 -g -0.4", "price_gpu: need $/GPU-hour from 0"),
        (HOST, "list machine 1002 -m 2", "price_gpu: need"),
        (HOST, f"list machine 1001 -g 1 -e {past} -l 86400", "both"),
        (HOST, "list machine 77 -g 1", "need a machine of this market, got 77"),
        (OTHER_HOST, "list machine 1001 -g 1", "the host of machine 1001"),
        (OTHER_HOST, "unlist machine 1001", "the host of machine 1001"),
        (OTHER_HOST, "set min-bid 1001 --price 0.2", "the host of machine 1001"),
        (HOST, "set min-bid 1001 --price -1", "price: need $/GPU-hour from 0"),
        (HOST, f"{maint} {past}", "sdate: need an instant after"),
        (OTHER_HOST, "cancel maint 1001", "machine_id: need a machine of your own, got 1001"),
        (BEN, f"create instance {taken} {on_it}", "an offer whose GPUs nobody has rented"),
        (BEN, f"create instance 99 {on_it}", "an offer that is on the market, got 99"),
        (BEN, f"create instance {free} {on_it} --bid_price 0.19", "price: need 0.20 to 64.00"),
        (BEN, f"create instance {free} {on_it} --bid_price -1", "price: need $/hour from 0"),
        (BEN, f"create instance {free} --image p --disk 9999", "need at most the offer's"),
        (BEN, f"destroy instance {mine} -y", f"the client of contract {mine}"),
        (BEN, f"stop instance {mine}", f"the client of contract {mine}"),
        (BEN, f"change bid {bid} --price 2", f"the client of contract {bid}"),
        (BEN, f"prepay instance {mine} 10", f"the client of contract {mine}"),
        (BEN, f"show instance {mine}", "an instance of your own"),
        (ANN, f"prepay instance {bid} 10", "need an on-demand or reserved instance"),
        (ANN, f"prepay instance {mine} 99999", "need a balance of at least $99999"),
        (ANN, f"change bid {mine} --price 2", "need an interruptible instance"),
        (ANN, f"change bid {bid} --price 0.1", "price: need 0.20 to 64.00"),
        (ANN, "destroy instance 12345 -y", "need an instance that exists, got 12345"),
        (ANN, f"start instance {mine}", "not possible while running"),
    ]


def everything(client: Client) -> list[Any]:
    """Return all that can be seen of the market, but for what time changes."""
    (machine,) = client.raw(HOST, "show", "machine", "1001")
    found = offers(client, 2, "-n")
    mine = client.raw(ANN, "show", "instances")
    moving = dict.fromkeys(("duration", "uptime_mins", "earn_hour", "earn_day"), 0)
    return [{**row, **moving} for row in (machine, *found, *mine)]
