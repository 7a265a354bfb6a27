"""What people ask the market's clients for, command by command, and what became of it."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from attrs import define, field, frozen

from clients import Client, Told, client
from examples.marketplace.refusals import NOT_SERVED
from vastai_client import served

HOST, ANN, BEN = "host-1", "ann", "ben"
DAY: Final = 86_400


@define
class Scene:
    """A service, and how its market is made ready for a command.

    Attributes:
        port: Where the service listens.
        names: The numbers that commands speak of.
    """

    port: int
    names: dict[str, Any] = field(factory=dict)

    def ask(self, key: str, method: str, path: str, body: Any = None) -> Any:
        """Send a request past the clients, and return the answer."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as line:
            headers = {"Authorization": f"Bearer {key}"}
            line.request(method, f"/api/v0{path}", json.dumps(body or {}), headers)
            return json.loads(line.getresponse().read())

    def list(self, price: float = 0.5, days: int = 60) -> None:
        """List machine 1001."""
        end = (time.time() // DAY + days) * DAY
        body = {"machine": 1001, "price_gpu": price, "min_chunk": 1, "end_date": end}
        assert self.ask(HOST, "PUT", "/machines/create_asks/", body)["success"]

    def rent(self, key: str, offer: int, price: float | None = None) -> int:
        body = {"image": "x", "disk": 10, "price": price}
        return int(self.ask(key, "PUT", f"/asks/{offer}/", body)["new_contract"])

    def instances(self, key: str = ANN) -> dict[int, Any]:
        """Return the instances of a client by their numbers."""
        rows = self.ask(key, "GET", "/instances")["instances"]
        return {row["id"]: row for row in rows}

    def machine(self, number: int = 1001) -> Any:
        return self.ask(HOST, "GET", f"/machines/{number}")[0]

    def ready(self) -> None:
        """Take away what was there; ANN has two instances and a bid, BEN one."""
        for key in (ANN, BEN):
            if numbers := list(self.instances(key)):
                self.ask(key, "DELETE", "/instances/", {"instance_ids": numbers})
            for row in self.ask(key, "GET", "/volumes")["volumes"]:
                self.ask(key, "DELETE", f"/volumes?id={row['id']}")
        for row in self.ask(ANN, "POST", "/volumes/search/")["offers"]:
            self.ask(HOST, "POST", "/volumes/unlist", {"id": row["id"]})
        self.ask(HOST, "PUT", "/machines/1001/cancel_maint/")
        self.ask(HOST, "DELETE", "/machines/1001/defjob/")
        self.ask(HOST, "DELETE", "/machines/1001/asks/")
        self.list()
        query = {"machine_id": {"eq": 1001}, "num_gpus": {"eq": 1}, "order": [["id", "asc"]]}
        offers = [row["id"] for row in self.ask(ANN, "POST", "/bundles/", query)["offers"]]
        self.names = {
            "mine": self.rent(ANN, offers[0]),
            "second": self.rent(ANN, offers[1]),
            "bid": self.rent(ANN, offers[2], 0.3),
            "other": self.rent(BEN, offers[3]),
            "offer": offers[4],
            "offer2": offers[5],
            "soon": (time.time() // DAY + 10) * DAY,
            "later": (time.time() // DAY + 90) * DAY,
        }

    def raised(self) -> None:
        """Ask ANN for a higher price."""
        self.list(0.6, 90)


Check = Callable[[Scene, Any], bool]


@frozen(kw_only=True)
class Asked:
    """One command.

    Attributes:
        command: What it is called in the table.
        by: Who gives it.
        words: As the command line has it.
        method: Of the SDK; empty if it has none.
        named: Its arguments.
        older: Its arguments in older versions, where they had other names.
        check: Whether it had its effect, where that can be seen.
        before: What has to be there first.
    """

    command: str
    by: str = ANN
    words: str
    method: str = ""
    named: dict[str, Any] = field(factory=dict)
    older: dict[str, Any] | None = None
    check: Check = lambda _scene, _answer: True
    before: Callable[[Scene], None] = lambda _scene: None


OWN_FAULTS: Final = {
    ("command 0.5.0", "list machines"): "with `--raw` it fails to print the answer",
    ("command 0.5.0", "schedule maint"): "it fails before it asks: it reads an option it has not",
}
"""Commands in which a client fails by itself, whatever it is answered."""


def filled(value: Any, names: dict[str, Any]) -> Any:
    """Return a value with numbers for names such as ``{mine}``."""
    if isinstance(value, list):
        return [filled(each, names) for each in value]
    if isinstance(value, dict):
        return {key: filled(each, names) for key, each in value.items()}
    if isinstance(value, str) and value.startswith("{") and value.endswith("}"):
        return names[value[1:-1]]
    return value.format(**names) if isinstance(value, str) else value


def outcome(scene: Scene, asked: Asked, who: Client) -> str:
    """Return what came of a command: ``works``, a sentence, ``-`` or what is wrong."""
    scene.ready()
    asked.before(scene)
    words = asked.words.format(**scene.names)
    named = {name: filled(value, scene.names) for name, value in asked.named.items()}
    told: Told = who.command(asked.by, words, asked.method, named)
    if asked.older is not None and told.fault.startswith(("TypeError", "ValueError")):
        named = {name: filled(value, scene.names) for name, value in asked.older.items()}
        told = who.command(asked.by, words, asked.method, named)
    if told.missing:
        return "–"
    if told.fault:
        own = (who.name, asked.command) in OWN_FAULTS and told.fault.startswith("AttributeError")
        return "its own fault" if own else f"wrong: {told.fault}"
    if told.refused:
        is_ours = told.refused in {*NOT_SERVED.values(), "404"}
        return "not served" if is_ours else f"wrong: {told.refused}"
    return "works" if asked.check(scene, told.answer) else f"wrong: no effect: {told.answer}"


@contextmanager
def scene(name: str, folder: Path) -> Iterator[tuple[Scene, Client]]:
    """Start a service and a client by its name."""
    db = folder / "market.sqlite"
    with (
        served(db, "--not-durable", "--rate", "1e6") as (url, _),
        client(name, url, folder) as found,
    ):
        yield Scene(int(url.rpartition(":")[2])), found


def state(name: str, wanted: str | None) -> Check:
    """Return whether an instance does something now; ``None`` if it is gone."""

    def check(scene: Scene, _: Any) -> bool:
        row = scene.instances().get(scene.names[name])
        return row is None if wanted is None else row is not None and row["actual_status"] == wanted

    return check


def both(first: Check, second: Check) -> Check:
    return lambda scene, answer: first(scene, answer) and second(scene, answer)


def instances_are(count: int) -> Check:
    return lambda scene, _: len(scene.instances()) == count


def machine_has(name: str, wanted: Any) -> Check:
    return lambda scene, _: scene.machine()[name] == wanted


def stopped(scene: Scene) -> None:
    for name in ("mine", "second"):
        number = scene.names[name]
        scene.ask(ANN, "PUT", f"/instances/{number}/", {"state": "stopped"})


def scheduled(scene: Scene) -> None:
    window = {"sdate": scene.names["soon"], "duration": 1}
    scene.ask(HOST, "PUT", "/machines/1001/dnotify/", window)


def with_a_job(scene: Scene) -> None:
    scene.ask(HOST, "PUT", "/machines/create_bids/", {"machine": 1001, "image": "miner"})


def machines_of(answer: Any) -> Any:
    """Return the rows that one client returns in an object."""
    return answer["machines"] if isinstance(answer, dict) else answer


def sizes(answer: Any, wanted: set[int]) -> bool:
    return {row["num_gpus"] for row in answer} == wanted


IMAGE: Final = {"image": "pytorch/pytorch", "disk": 10}
SEARCHES: Final = (
    Asked(
        command="search offers",
        words="search offers num_gpus=2",
        method="search_offers",
        named={"query": "num_gpus=2"},
        check=lambda _, answer: sizes(answer, {2}),
    ),
    Asked(
        command="search offers, reserved",
        words="search offers num_gpus=2 -t reserved",
        method="search_offers",
        named={"query": "num_gpus=2", "type": "reserved"},
        check=lambda _, answer: sizes(answer, {2}) and answer[0]["discount_rate"] > 0,
    ),
    Asked(
        command="search offers, bids",
        words="search offers num_gpus=1 -t bid",
        method="search_offers",
        named={"query": "num_gpus=1", "type": "bid"},
        check=lambda _, answer: sizes(answer, {1}) and answer[0]["min_bid"] >= 0,
    ),
    Asked(
        command="search offers, newer",
        words="search offers --new num_gpus=2",
        method="search_offers_new",
        named={"query": "num_gpus=2"},
        check=lambda _, answer: sizes(answer, {2}),
    ),
)
CLIENTS: Final = (
    Asked(
        command="create instance",
        words="create instance {offer} --image pytorch/pytorch --disk 10",
        method="create_instance",
        named={"id": "{offer}", **IMAGE},
        check=lambda scene, answer: answer["new_contract"] in scene.instances(),
    ),
    Asked(
        command="create instances",
        words="create instances {offer} {offer2} --image pytorch/pytorch --disk 10",
        method="create_instances",
        named={"ids": ["{offer}", "{offer2}"], **IMAGE},
        check=instances_are(5),
    ),
    Asked(
        command="show instances",
        words="show instances",
        method="show_instances",
        check=lambda scene, answer: {row["id"] for row in answer} == set(scene.instances()),
    ),
    Asked(
        command="show instances, by pages",
        words="show instances --limit 2",
        method="show_instances_v1",
        named={"params": {"limit": 2, "order_by": [{"col": "id", "dir": "desc"}]}},
        check=lambda _, answer: len(answer["instances"]) == 2,
    ),
    Asked(
        command="show instance",
        words="show instance {mine}",
        method="show_instance",
        named={"id": "{mine}"},
        check=lambda scene, answer: answer["id"] == scene.names["mine"],
    ),
    Asked(
        command="stop instance",
        words="stop instance {mine}",
        method="stop_instance",
        named={"id": "{mine}"},
        check=state("mine", "stopped"),
    ),
    Asked(
        command="start instance",
        words="start instance {mine}",
        method="start_instance",
        named={"id": "{mine}"},
        check=state("mine", "running"),
        before=stopped,
    ),
    Asked(
        command="stop instances",
        words="stop instances {mine} {second}",
        method="stop_instances",
        named={"ids": ["{mine}", "{second}"]},
        check=both(state("mine", "stopped"), state("second", "stopped")),
    ),
    Asked(
        command="start instances",
        words="start instances {mine} {second}",
        method="start_instances",
        named={"ids": ["{mine}", "{second}"]},
        check=both(state("mine", "running"), state("second", "running")),
        before=stopped,
    ),
    Asked(
        command="reboot instance",
        words="reboot instance {mine}",
        method="reboot_instance",
        named={"id": "{mine}"},
        check=state("mine", "running"),
    ),
    Asked(
        command="recycle instance",
        words="recycle instance {mine}",
        method="recycle_instance",
        named={"id": "{mine}"},
        check=state("mine", "running"),
    ),
    Asked(
        command="update instance",
        words="update instance {mine} --image other",
        method="update_instance",
        named={"id": "{mine}", "image": "other"},
        check=state("mine", "running"),
    ),
    Asked(
        command="label instance",
        words="label instance {mine} training",
        method="label_instance",
        named={"id": "{mine}", "label": "training"},
        check=lambda scene, _: scene.instances()[scene.names["mine"]]["label"] == "training",
    ),
    Asked(
        command="change bid",
        words="change bid {bid} --price 0.45",
        method="change_bid",
        named={"id": "{bid}", "price": 0.45},
        check=lambda scene, _: scene.instances()[scene.names["bid"]]["bid_price"] == 0.45,
    ),
    Asked(
        command="prepay instance",
        words="prepay instance {mine} 50",
        method="prepay_instance",
        named={"id": "{mine}", "amount": 50},
        check=lambda scene, _: scene.instances()[scene.names["mine"]]["credit_balance"] > 49,
    ),
    Asked(
        command="show deposit",
        words="show deposit {mine}",
        method="show_deposit",
        named={"id": "{mine}"},
        check=lambda _, answer: answer["refundable_deposit"] == 0,
    ),
    Asked(
        command="show pending-price-increases",
        words="show pending-price-increases",
        method="show_pending_price_increases",
        check=lambda _, answer: answer["count"] == 2,
        before=Scene.raised,
    ),
    Asked(
        command="accept price-increase",
        words="accept price-increase {mine} --yes",
        method="accept_price_increase",
        named={"instance_id": "{mine}"},
        older={"id": "{mine}"},
        check=lambda scene, _: (
            scene.instances()[scene.names["mine"]]["end_date"] == scene.names["later"]
        ),
        before=Scene.raised,
    ),
    Asked(
        command="reject price-increase",
        words="reject price-increase {mine} --yes",
        method="reject_price_increase",
        named={"instance_id": "{mine}"},
        check=lambda scene, _: (
            len(
                scene.ask(ANN, "GET", "/instances/pending-price-increases/")[
                    "pending_price_increases"
                ]
            )
            == 1
        ),
        before=Scene.raised,
    ),
    Asked(
        command="destroy instance",
        words="destroy instance {mine}",
        method="destroy_instance",
        named={"id": "{mine}"},
        check=both(state("mine", None), instances_are(2)),
    ),
    Asked(
        command="destroy instances",
        words="destroy instances {mine} {second}",
        method="destroy_instances",
        named={"ids": ["{mine}", "{second}"]},
        check=both(state("mine", None), instances_are(1)),
    ),
    Asked(
        command="show user",
        words="show user",
        method="show_user",
        check=lambda _, answer: answer["id"] == ANN and answer["credit"] > 0,
    ),
    Asked(
        command="show invoices",
        words="show invoices",
        method="show_invoices",
    ),
    Asked(
        command="show invoices-v1, charges",
        words="show invoices-v1 --charges",
        method="show_invoices_v1",
        named={"charges": True},
        check=lambda _, answer: answer["count"] >= 0,
    ),
    Asked(
        command="show invoices-v1, invoices",
        words="show invoices-v1 --invoices",
        method="show_invoices_v1",
        named={"invoices": True},
        check=lambda _, answer: answer["results"][0]["amount"] == 10_000,
    ),
)
MONEY: Final = (
    Asked(
        command="transfer credit",
        words="transfer credit ben 5.25",
        method="transfer_credit",
        named={"recipient": BEN, "amount": 5.25},
        check=lambda scene, _: scene.ask(BEN, "GET", "/users/current")["balance"] > 10_004,
    ),
)
HOSTS: Final = (
    Asked(
        command="show machines",
        by=HOST,
        words="show machines",
        method="show_machines",
        check=lambda _, answer: [row["id"] for row in machines_of(answer)] == [1001, 1002],
    ),
    Asked(
        command="show machine",
        by=HOST,
        words="show machine 1001",
        method="show_machine",
        named={"id": 1001},
    ),
    Asked(
        command="list machine",
        by=HOST,
        words="list machine 1001 -g 0.4 -s 0.15 -b 0.1 -r 0.3 -m 2",
        method="list_machine",
        named={
            "id": 1001,
            "price_gpu": 0.4,
            "price_disk": 0.15,
            "price_min_bid": 0.1,
            "discount_rate": 0.3,
            "min_chunk": 2,
        },
        check=both(machine_has("listed_gpu_cost", 0.4), machine_has("credit_discount_max", 0.3)),
    ),
    Asked(
        command="list machines",
        by=HOST,
        words="list machines 1001 1002 -g 0.4",
        method="list_machines",
        named={"ids": [1001, 1002], "price_gpu": 0.4},
        check=machine_has("listed_gpu_cost", 0.4),
    ),
    Asked(
        command="unlist machine",
        by=HOST,
        words="unlist machine 1001",
        method="unlist_machine",
        named={"id": 1001},
        check=machine_has("listed", wanted=False),
    ),
    Asked(
        command="set min-bid",
        by=HOST,
        words="set min-bid 1001 --price 0.2",
        method="set_min_bid",
        named={"id": 1001, "price": 0.2},
        check=machine_has("min_bid_price", 0.2),
    ),
    Asked(
        command="set defjob",
        by=HOST,
        words="set defjob 1001 --price_gpu 0.1 --price_inetu 0 --price_inetd 0 --image miner",
        method="set_defjob",
        named={
            "id": 1001,
            "price_gpu": 0.1,
            "price_inetu": 0,
            "price_inetd": 0,
            "image": "miner",
        },
        check=machine_has("bid_image", "miner"),
    ),
    Asked(
        command="remove defjob",
        by=HOST,
        words="remove defjob 1001",
        method="remove_defjob",
        named={"id": 1001},
        check=machine_has("bid_image", None),
        before=with_a_job,
    ),
    Asked(
        command="schedule maint",
        by=HOST,
        words="schedule maint 1001 --sdate {soon} --duration 2",
        method="schedule_maint",
        named={"id": 1001, "sdate": "{soon}", "duration": 2},
        check=lambda scene, _: scene.machine()["machine_maintenance"][0]["duration_hours"] == 2,
    ),
    Asked(
        command="show maints",
        by=HOST,
        words="show maints --ids 1001",
        method="show_maints",
        named={"ids": [1001]},
        check=lambda _, answer: [row["duration_hours"] for row in answer] == [1],
        before=scheduled,
    ),
    Asked(
        command="cancel maint",
        by=HOST,
        words="cancel maint 1001",
        method="cancel_maint",
        named={"id": 1001},
        check=machine_has("machine_maintenance", None),
        before=scheduled,
    ),
    Asked(
        command="cleanup machine",
        by=HOST,
        words="cleanup machine 1001",
        method="cleanup_machine",
        named={"id": 1001},
    ),
    Asked(
        command="defrag machines",
        by=HOST,
        words="defrag machines 1001",
        method="defrag_machines",
        named={"ids": [1001]},
    ),
    Asked(
        command="reports",
        by=HOST,
        words="reports 1001",
        method="reports",
        named={"id": 1001},
    ),
    Asked(
        command="show earnings",
        by=HOST,
        words="show earnings",
        method="show_earnings",
        check=lambda _, answer: (
            [row["machine_id"] for row in answer["per_machine"]] == [1001, 1002]
        ),
    ),
)


def volumes(scene: Scene, key: str = ANN) -> list[Any]:
    found: list[Any] = scene.ask(key, "GET", "/volumes")["volumes"]
    return found


def with_a_volume(scene: Scene) -> None:
    """Offer disk of both machines, of which ANN has a part."""
    for machine in (1001, 1002):
        scene.ask(HOST, "POST", "/volumes/", {"machine": machine, "size": 100, "price_disk": 0.2})
    offers = scene.ask(ANN, "POST", "/volumes/search/", {"order": [["machine_id", "asc"]]})
    here, there = (row["id"] for row in offers["offers"])
    told = scene.ask(ANN, "PUT", "/volumes/", {"id": here, "size": 20})
    number = int(told["volume_name"].removeprefix("V."))
    scene.names |= {"here": here, "there": there, "volume": number}


def attached(scene: Scene, answer: Any) -> bool:
    """Return whether a new instance has attached a volume of ANN's."""
    return [row["instances"] for row in volumes(scene)][-1:] == [[answer["new_contract"]]]


VOLUMES: Final = (
    Asked(
        command="list volume",
        by=HOST,
        words="list volume 1002 -p 0.2 -s 40",
        method="list_volume",
        named={"id": 1002, "price_disk": 0.2, "size": 40},
        check=lambda scene, _: scene.machine(1002)["listed_volume_cost"] == 0.2,
    ),
    Asked(
        command="list volumes",
        by=HOST,
        words="list volumes 1001 1002 -p 0.3 -s 40",
        method="list_volumes",
        named={"ids": [1001, 1002], "price_disk": 0.3, "size": 40},
        check=lambda scene, _: (
            [scene.machine(each)["listed_volume_cost"] for each in (1001, 1002)] == [0.3, 0.3]
        ),
    ),
    Asked(
        command="unlist volume",
        by=HOST,
        words="unlist volume {here}",
        method="unlist_volume",
        named={"id": "{here}"},
        check=machine_has("listed_volume_cost", None),
        before=with_a_volume,
    ),
    Asked(
        command="search volumes",
        words="search volumes disk_space>1 machine_id=1001",
        method="search_volumes",
        named={"query": "disk_space>1 machine_id=1001"},
        older={"query": {"disk_space": {"gt": 1}, "machine_id": {"eq": 1001}}},
        check=lambda _, answer: [row["disk_space"] for row in answer] == [80],
        before=with_a_volume,
    ),
    Asked(
        command="create volume",
        words="create volume {here} -s 30 -n data",
        method="create_volume",
        named={"id": "{here}", "size": 30, "name": "data"},
        check=lambda scene, _: [row["label"] for row in volumes(scene)] == [None, "data"],
        before=with_a_volume,
    ),
    Asked(
        command="show volumes",
        words="show volumes",
        method="show_volumes",
        check=lambda scene, answer: [row["id"] for row in answer] == [scene.names["volume"]],
        before=with_a_volume,
    ),
    Asked(
        command="clone volume",
        words="clone volume {volume} {there}",
        method="clone_volume",
        named={"source": "{volume}", "dest": "{there}"},
        check=lambda scene, _: [row["machine_id"] for row in volumes(scene)] == [1001, 1002],
        before=with_a_volume,
    ),
    Asked(
        command="create instance, with a volume",
        words="create instance {offer} --image x --disk 10 --env '-v V.{volume}:/mnt'",
        method="create_instance",
        named={"id": "{offer}", **IMAGE, "env": "-v V.{volume}:/mnt"},
        check=attached,
        before=with_a_volume,
    ),
    Asked(
        command="create instance, with a new volume",
        words="create instance {offer} --image x --disk 10 --create-volume {here} "
        "--volume-size 20 --mount-path /mnt --volume-label new",
        method="create_instance",
        named={
            "id": "{offer}",
            **IMAGE,
            "create_volume": "{here}",
            "volume_size": 20,
            "mount_path": "/mnt",
            "volume_label": "new",
        },
        older={
            "id": "{offer}",
            **IMAGE,
            "volume_info": {"mount_path": "/m", "create_new": True, "volume_id": "{here}"},
        },
        check=attached,
        before=with_a_volume,
    ),
    Asked(
        command="create instance, with a linked volume",
        words="create instance {offer} --image x --disk 10 --link-volume {volume} --mount-path /m",
        method="create_instance",
        named={"id": "{offer}", **IMAGE, "link_volume": "{volume}", "mount_path": "/m"},
        older={
            "id": "{offer}",
            **IMAGE,
            "volume_info": {"mount_path": "/m", "create_new": False, "volume_id": "{volume}"},
        },
        check=attached,
        before=with_a_volume,
    ),
    Asked(
        command="delete volume",
        words="delete volume {volume}",
        method="delete_volume",
        named={"id": "{volume}"},
        check=lambda scene, _: volumes(scene) == [],
        before=with_a_volume,
    ),
)


def other(words: str, method: str = "", by: str = ANN, **named: Any) -> Asked:
    """Return a command of something that this service does not have."""
    parts = words.split()
    length = next(
        (n for n, part in enumerate(parts) if not part.isascii() or part[0] in "-{0123"), 9
    )
    return Asked(
        command=" ".join(parts[: min(length, 2)]), by=by, words=words, method=method, named=named
    )


OTHERS: Final = (
    other("launch instance -g RTX_3090 -n 1 -i x", "launch_instance", gpu_name="RTX_3090",
          num_gpus="1", image="x"),
    other("search network-volumes disk_space>1", "search_network_volumes",
          query={"disk_space": {"gt": 1}}),
    other("create network-volume 1 -s 10", "create_network_volume", id=1),
    other("list network-volume 1 -s 10", "list_network_volume", HOST, disk_id=1),
    other("unlist network-volume 1", "unlist_network_volume", HOST, id=1),
    other("copy {mine}:/a {second}:/b", "copy", src="1:/a", dst="2:/b"),
    other("cancel copy {mine}", "cancel_copy", dst_id="{mine}"),
    other("logs {mine}", "logs", instance_id="{mine}"),
    other("execute {mine} ls", "execute", id="{mine}", command="ls"),
    other("take snapshot {mine} --repo a --docker_login_user b --docker_login_pass c",
          "take_snapshot", instance_id="{mine}", repo="a", docker_login_user="b",
          docker_login_pass="c"),
    other("search templates count_created>1", "search_templates", query="count_created>1"),
    other("create template --name a --image b", "create_template", name="a", image="b"),
    other("show ssh-keys", "show_ssh_keys"),
    other("attach ssh {mine} ssh-rsa", "attach_ssh", instance_id="{mine}", ssh_key="ssh-rsa"),
    other("show api-keys", "show_api_keys"),
    other("reset api-key", "reset_api_key"),
    other("show env-vars", "show_env_vars"),
    other("create team --team a", "create_team", team_name="a"),
    other("show members", "show_members"),
    other("show team-roles", "show_team_roles"),
    other("show subaccounts", "show_subaccounts"),
    other("show ipaddrs", "show_ipaddrs"),
    other("show audit-logs", "show_audit_logs"),
    other("show scheduled-jobs", "show_scheduled_jobs"),
    other("show connections", "show_connections"),
    other("show endpoints", "show_endpoints"),
    other("show workergroups", "show_workergroups"),
    other("show deployments", "show_deployments"),
    other("show clusters", "show_clusters"),
    other("show overlays", "show_overlays"),
    other("search benchmarks gpu_name=A100", "search_benchmarks", query="gpu_name=A100"),
    other("search invoices amount_cents>1", "search_invoices", query="amount_cents>1"),
    Asked(
        command="delete machine",
        by=HOST,
        words="delete machine 1002",
        method="delete_machine",
        named={"id": 1002},
        check=lambda scene, _: "msg" in scene.ask(HOST, "GET", "/machines/1002"),
        before=lambda scene: scene.ask(HOST, "DELETE", "/machines/1002/asks/"),
    ),
)  # fmt: skip
PARTS: Final = {
    "Searching": SEARCHES,
    "Clients": (*CLIENTS, *MONEY),
    "Volumes": VOLUMES,
    "Hosts": (*HOSTS, OTHERS[-1]),  # the last takes a machine away
    "What this service does not have": OTHERS[:-1],
}
ALL: Final = tuple(asked for part in PARTS.values() for asked in part)
