"""Fields that contradict each other: what a request says happens as a whole, or it is refused.

The client sends what was left out as null (WIRE: "options left out are sent as null"), so null is
nothing wherever it comes, and all else that is sent is meant.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from examples.marketplace.paging import write_token
from marketplace import BEGIN, HOST, Desk

DAY = int(BEGIN.timestamp()) // 86_400


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Return a market of two machines, of which nothing here may change a thing."""
    desk = Desk(tmp_path_factory.mktemp("contradictions") / "market.sqlite")
    for machine in (1001, 1002):
        desk.list(machine, vol_size=100, vol_price=0.1)
    desk.rent()
    desk.ask("ann", "PUT", "/volumes/", {"id": volume_offer(desk), "size": 20})
    yield desk
    desk.store.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "market.sqlite")
    desk.list(vol_size=200, vol_price=0.1)
    yield desk
    desk.store.close()


def volume_offer(desk: Desk) -> int:
    asked = {"machine_id": {"eq": 1001}}
    return int(desk.ask("ann", "POST", "/volumes/search/", asked)["offers"][0]["id"])


def stood(row: Any) -> tuple[str, str]:
    return row["actual_status"], row["label"]


class TestAStopAndALabel:
    """A 200 is for what happened: an instance that runs on keeps costing money."""

    @pytest.mark.parametrize(
        ("body", "after"),
        [
            ({"state": "stopped", "label": None}, ("stopped", "keep me")),
            ({"state": "stopped", "label": "new"}, ("stopped", "new")),
            ({"state": "stopped", "label": ""}, ("stopped", None)),
            ({"state": None, "label": "new"}, ("running", "new")),
            ({"label": ""}, ("running", None)),
        ],
    )
    def test_each_that_is_sent_happens(
        self, desk: Desk, body: dict[str, Any], after: tuple[str, str]
    ) -> None:
        number = desk.rent(label="keep me")
        desk.ask("ann", "PUT", f"/instances/{number}/", body)
        assert stood(desk.instance("ann", number)) == after

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"state": "banana", "label": "x"}, "state"),
            ({"state": "stopped", "label": "a\nb"}, "label"),
            ({"state": "stopped", "label": 7}, "label"),
            ({"state": "running", "label": "x"}, "start"),  # it runs
            ({"state": None, "label": None}, "state"),
            ({"label": None}, "state"),
            ({}, "state"),
        ],
    )
    def test_or_none_does(self, desk: Desk, body: dict[str, Any], field: str) -> None:
        number = desk.rent(label="keep me")
        before = desk.store.market
        status = 409 if field == "start" else 400
        told = desk.ask("ann", "PUT", f"/instances/{number}/", body, status)
        assert told["msg"].startswith(f"{field}: ")
        assert desk.store.market == before


class TestTwoFieldsThatSayDifferentThings:
    """One of them would be lost without a word."""

    @pytest.mark.parametrize(
        ("who", "method", "path", "body", "why"),
        [
            (
                "ben",
                "PUT",
                "/asks/{offer}/",
                {"disk": 10, "type": "on-demand", "price": 0.5},
                "price: need none on demand, where the offer has its price, got 0.5",
            ),
            (
                "ben",
                "POST",
                "/asks/bulk/",
                {"ids": ["{offer}"], "disk": 10, "type": "ondemand", "price": 0.5},
                "price: need none on demand, where the offer has its price, got 0.5",
            ),
            (
                HOST,
                "PUT",
                "/machines/create_asks/",
                {"machine": 1002, "machines": [1001], "price_gpu": 1},
                "machines: need none beside machine, or the same, got [1001]",
            ),
            (
                HOST,
                "POST",
                "/volumes/",
                {"machine": 1002, "machines": [1001]},
                "machines: need none beside machine, or the same, got [1001]",
            ),
            (
                "ann",
                "DELETE",
                "/volumes/?id=3",
                {"id": 4},
                "id: need the body's 4, or none, got 3",
            ),
            (
                "ann",
                "POST",
                "/volumes/copy/",
                {"src_id": 1, "source": 2, "dst_id": 3},
                "source: need none beside src_id, or the same, got 2",
            ),
            (
                "ann",
                "POST",
                "/volumes/copy/",
                {"src_id": 1, "dst_id": 3, "dest": True},
                "dest: need none beside dst_id, or the same, got true",
            ),
            *(
                (
                    "ann",
                    "PUT",
                    f"/instances/{word}-price-increase/",
                    {"pending_price_increase_id": 5, "instance_ids": [7]},
                    (
                        "instance_ids: need none beside pending_price_increase_id, "
                        "or the same, got [7]"
                    ),
                )
                for word in ("accept", "reject")
            ),
            (
                HOST,
                "PUT",
                "/machines/1001/cancel_maint/",
                {"machine_id": 1002},
                "machine_id: need the path's 1001, or none, got 1002",
            ),
            (
                "ann",
                "PUT",
                "/instances/update_template/7/",
                {"id": 8},
                "id: need the path's 7, or none, got 8",
            ),
            (
                "ben",
                "PUT",
                "/asks/{offer}/",
                {"disk": 10, "volume_info": {"volume_id": 3, "create_new": False, "size": 9}},
                "volume_info.size: need none of a volume that is there (create_new), got 9",
            ),
            (
                "ben",
                "PUT",
                "/asks/{offer}/",
                {"disk": 10, "volume_info": {"volume_id": 3, "create_new": "no"}},
                'volume_info.create_new: need true or false, got "no"',
            ),
            (
                HOST,
                "GET",
                f"/users/me/machine-earnings?last_days=3&sday={DAY}",
                None,
                "last_days: need none beside sday, got 3",
            ),
            (
                HOST,
                "GET",
                f"/users/7/machine-earnings?last_days=3&eday={DAY}",
                None,
                "last_days: need none beside eday, got 3",
            ),
            (
                "ann",
                "POST",
                "/bundles/",
                {"q": {}, "limit": 2},
                "limit: need its place in q, as q.limit, got 2",
            ),
            (
                "ann",
                "PUT",
                "/search/asks/",
                {"q": {"limit": 5}, "num_gpus": {"eq": 2}},
                'num_gpus: need its place in q, as q.num_gpus, got {"eq": 2}',
            ),
        ],
    )
    def test_are_refused(
        self, opened: Desk, who: str, method: str, path: str, body: Any, why: str
    ) -> None:
        offer = str(opened.offer(nth=1))
        sent = json.loads(json.dumps(body).replace('"{offer}"', offer))
        before = opened.store.market
        path, _, query = path.replace("{offer}", offer).partition("?")
        asked = dict(pair.split("=") for pair in query.split("&") if pair)
        assert opened.ask(who, method, path, sent, 400, **asked)["msg"] == why
        assert opened.store.market == before or who not in before.accounts

    def test_the_same_twice_is_no_contradiction(self, desk: Desk) -> None:
        desk.list(1002, vol_size=100, vol_price=0.1)
        desk.ask("ann", "PUT", "/volumes/", {"id": volume_offer(desk), "size": 20})
        (row,) = desk.ask("ann", "GET", "/volumes")["volumes"]
        asked = {"machine_id": {"eq": 1002}}
        there = desk.ask("ann", "POST", "/volumes/search/", asked)["offers"][0]["id"]
        both = {"src_id": row["id"], "source": row["id"], "dst_id": there, "dest": there}
        desk.ask("ann", "POST", "/volumes/copy/", both)
        desk.ask("ann", "DELETE", "/volumes/", {"id": row["id"]}, id=str(row["id"]))
        assert len(desk.ask("ann", "GET", "/volumes")["volumes"]) == 1

    def test_one_that_is_null_is_not_sent(self, desk: Desk) -> None:
        body = {"machine": 1002, "machines": None, "price_gpu": 1, "min_chunk": 1}
        desk.ask(HOST, "PUT", "/machines/create_asks/", body)
        told = desk.ask("ann", "POST", "/bundles/", {"q": None, "limit": 2})
        assert len(told["offers"]) == 2
        assert len(desk.ask("ann", "POST", "/bundles/", {"q": {}, "limit": None})["offers"]) > 2
        number = desk.rent(type="on-demand", price=None)
        assert desk.instance("ann", number)["is_bid"] is False

    def test_what_is_not_sent_has_a_name_of_now(self, opened: Desk) -> None:
        told = opened.ask("ann", "POST", "/volumes/copy/", {}, 400)
        assert told["msg"].startswith("src_id: need a whole number")
        (row,) = opened.ask("ann", "GET", "/volumes")["volumes"]
        told = opened.ask("ann", "POST", "/volumes/copy/", {"source": row["id"]}, 400)
        assert told["msg"].startswith("dst_id: need a whole number")


class TestVolumesWrittenInOtherWays:
    """A volume that is not attached is one whose data is not there."""

    @pytest.mark.parametrize(
        "env",
        [
            "-v {v}",
            "-v={v}",
            "-v{v}",
            "--volume {v}",
            "--volume={v}",
            "-v '{v}'",
            '--volume="{v}"',
            "--privileged -v {v}",
            "--shm-size=1g -e A=V.9:/x --volume {v} -p 80:80",
            {"-v {v}": "1"},
            {"-v": "{v}"},
            {"-v={v}": None},
            {"--volume": "{v}", "A": "V.9:/x"},
            {"--volume {v}": ""},
        ],
        ids=json.dumps,
    )
    def test_is_attached(self, desk: Desk, env: Any) -> None:
        desk.ask("ann", "PUT", "/volumes/", {"id": volume_offer(desk), "size": 20})
        (row,) = desk.ask("ann", "GET", "/volumes")["volumes"]
        sent = json.loads(json.dumps(env).replace("{v}", f"V.{row['id']}:/mnt"))
        number = desk.rent(env=sent)
        (row,) = desk.ask("ann", "GET", "/volumes")["volumes"]
        assert row["instances"] == [number]

    @pytest.mark.parametrize(
        "env",
        [
            "V.1:/mnt",
            "--mount source=V.1,target=/mnt",
            "--mount type=volume,src=V.1",
            "-v v.1:/mnt",
            "-v V.1",
            "-w V.1:/mnt",
            "--volumes V.1:/mnt",
            {"V.1:/mnt": "-v"},
            {"-v": ["V.1:/mnt"]},
            {"--mount": "source=V.1,target=/mnt"},
            {"-v=": "1", "V.1": "/mnt"},
        ],
        ids=json.dumps,
    )
    def test_or_refused(self, opened: Desk, env: Any) -> None:
        body = {"disk": 10, "env": env}
        told = opened.ask("ann", "PUT", f"/asks/{opened.offer(nth=1)}/", body, 400)
        assert told["msg"].startswith("env: need ")

    @pytest.mark.parametrize(
        "env", ["", "-v /host:/x", "-e A=V.1:/x", {"A": "V.1:/x"}, {"-p 80:80": "1"}, "-e -v"]
    )
    def test_what_is_none_is_left_alone(self, desk: Desk, env: Any) -> None:
        desk.rent(env=env)


class TestWhatIsPossible:
    """A refusal recommends what is not refused, in the words of a client."""

    WORDS: ClassVar = {"start": "running", "stop": "stopped"}

    def possible(self, told: Any) -> list[str]:
        return str(told["msg"]).partition("possible is: ")[2].split(", ")

    @pytest.mark.parametrize("word", ["reboot", "recycle", "start", "update_template"])
    def test_of_an_instance_that_expired(self, desk: Desk, word: str) -> None:
        desk.list(end_date=(BEGIN + timedelta(days=1)).timestamp())
        number = desk.rent()
        desk.clock.pass_(days=1)
        if word == "update_template":  # changes nothing here, so it is possible
            desk.ask("ann", "PUT", f"/instances/{word}/{number}/")
        else:
            told = self.refused(desk, number, word)
            assert told["msg"].startswith(f"{word}: ")
            assert self.possible(told) == ["destroy"]
        told = desk.ask("ann", "PUT", f"/instances/bid_price/{number}/", {"price": 2}, 409)
        text = "change bid: not possible while expired; possible is: destroy"
        assert told["msg"] == text
        desk.ask("ann", "DELETE", f"/instances/{number}/")
        told = desk.ask("ann", "PUT", f"/instances/reboot/{number}/", {}, 409)
        assert self.possible(told) == ["nothing"]

    def refused(self, desk: Desk, number: int, word: str) -> Any:
        if word in self.WORDS:
            body = {"state": self.WORDS[word]}
            return desk.ask("ann", "PUT", f"/instances/{number}/", body, 409)
        return desk.ask("ann", "PUT", f"/instances/{word}/{number}/", {}, 409)

    @pytest.mark.parametrize(
        ("stopped", "word", "possible"),
        [
            (True, "stop", ["start", "destroy"]),
            (True, "reboot", ["start", "destroy"]),
            (False, "start", ["stop", "destroy", "reboot"]),
        ],
    )
    def test_of_others(self, desk: Desk, stopped: bool, word: str, possible: list[str]) -> None:
        number = desk.rent()
        if stopped:
            desk.ask("ann", "PUT", f"/instances/{number}/", {"state": "stopped"})
        assert self.possible(self.refused(desk, number, word)) == possible


class TestAPeriodThatEndsBeforeItBegins:
    """Charges refuse it, and so do earnings and the older invoices: nobody means none."""

    @pytest.mark.parametrize(
        ("who", "path", "query", "why"),
        [
            (
                HOST,
                "/users/me/machine-earnings",
                {"sday": DAY + 1, "eday": DAY},
                f"sday: need a day up to eday, which is {DAY}, got {DAY + 1}",
            ),
            (
                "ann",
                "/users/me/invoices",
                {"sdate": 200, "edate": 100},
                "sdate: need an instant up to edate, which is 100, got 200",
            ),
            (
                "ann",
                "/charges/",
                {"select_filters": {"day": {"gte": 200, "lte": 100}}},
                'select_filters.day: need gte up to lte, got {"gte": 200, "lte": 100}',
            ),
        ],
    )
    def test_is_refused(
        self, opened: Desk, who: str, path: str, query: dict[str, Any], why: str
    ) -> None:
        asked = {name: json.dumps(value) for name, value in query.items()}
        assert opened.ask(who, "GET", path, None, 400, **asked)["msg"] == why

    @pytest.mark.parametrize("name", ["sday", "eday"])
    def test_what_is_left_out_contradicts_nothing(self, opened: Desk, name: str) -> None:
        for day in (DAY - 9, DAY, DAY + 9):
            asked = {name: str(day)}
            told = opened.ask(HOST, "GET", "/users/me/machine-earnings", None, 200, **asked)
            assert told["sday"] <= told["eday"]
        later = str(BEGIN.timestamp() + 9)
        opened.ask("ann", "GET", "/users/me/invoices", None, 200, sdate=later)


class TestNullOfAQuery:
    """WIRE: "``None`` is sent as ``null``", also of a text, which comes as it is."""

    def test_is_left_out(self, opened: Desk) -> None:
        opened.ask("ann", "GET", "/volumes", None, 200, type="null")
        opened.ask("ann", "GET", "/api/v1/instances/", None, 200, after_token="null")
        opened.ask(HOST, "GET", "/api/v1/machines/", None, 200, after_token="null")
        day = json.dumps({"day": {"gte": 1, "lte": 2}})
        opened.ask("ann", "GET", "/charges/", None, 200, select_filters=day, format="null")


class TestATokenHasItsOrder:
    """A token of another order says a place that is none in this one."""

    ORDERS: ClassVar[tuple[list[dict[str, str]], ...]] = (
        [],
        [{"col": "id", "dir": "desc"}],
        [{"col": "bid_price", "dir": "asc"}],
        [{"col": "bid_price", "dir": "desc"}],
        [{"col": "label", "dir": "asc"}],
        [{"col": "bid_price"}, {"col": "label"}],
        [{"col": "label"}, {"col": "bid_price"}],
    )

    def ask(self, desk: Desk, order: Any, status: int = 200, **query: str) -> Any:
        asked = {"order_by": json.dumps(order), "limit": "1", **query}
        return desk.ask("ann", "GET", "/api/v1/instances/", None, status, **asked)

    def test_and_is_of_no_other(self, desk: Desk) -> None:
        for nth in range(3):
            desk.rent(offer=desk.offer(nth=nth), price=0.4, label="a")
        tokens = [self.ask(desk, order)["next_token"] for order in self.ORDERS]
        for token, whose in zip(tokens, self.ORDERS, strict=True):
            for order in self.ORDERS:
                told = self.ask(desk, order, 200 if order == whose else 400, after_token=token)
                assert order == whose or "a next_token of this order" in told["msg"]

    def test_nobody_was_given_an_odd_one(self, desk: Desk) -> None:
        desk.rent()
        good = write_token({"id": 1}, {"id": False})
        self.ask(desk, [], after_token=good)
        odd = [
            good + "=",
            good + "=" * 4,
            "!" + good,
            good[:-1],
            f" {good}",
            "WzFd",
            "e30=",
            "W10=",
        ]
        odd += [write_token({"id": 1}, {"id": True}), write_token({}, {}), "7", "Im51bGwi"]
        for token in odd:
            told = self.ask(desk, [], 400, after_token=token)
            assert "a next_token of this order" in told["msg"]
