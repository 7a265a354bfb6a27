"""The clients and the host: what is asked, how often, and what they make of the answers."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import define, field

from numgenius_core.market import Instance, Market, views
from numgenius_core.offer import Offer
from simulation.auditor import Auditor
from simulation.box import BEGIN, Box, Broken
from simulation.explained import Heard
from simulation.requests import Request
from simulation.wishes import DISKS, HOST, MACHINES, Wish, Wishes

CLIENTS: Final = ("ann", "ben", "cyd", "dan")
NOT_KNOWN: Final = 504
AGAIN: Final = (503, NOT_KNOWN)
"""Nothing has happened, or nobody can say just now whether it has: whoever asks, asks again."""


@define
class Clients:
    """Everybody who asks.

    Attributes:
        box: Where they live.
        auditor: Is told what they hear.
        made: How many requests there were.
        keys: How many of each.
        waiting: Requests of which it is not known what became of them.
        answered: The others.
        told: How often each status was heard.
        begun: How many answers were to requests that were begun, and not known already.
        read: The notices that each account has read, page by page.
        clock: What time it is at the worker who answers.
        since: How many events there were before it was asked.
    """

    box: Box
    auditor: Auditor
    made: int = 0
    keys: Counter[str] = field(factory=Counter)
    waiting: list[Request] = field(factory=list)
    answered: list[Request] = field(factory=list)
    told: Counter[str] = field(factory=Counter)
    begun: int = 0
    read: dict[str, list[tuple[int, str]]] = field(factory=dict)
    clock: datetime = BEGIN
    since: int = 0

    # -- what is asked -------------------------------------------------------------------------

    def wish(self, market: Market) -> Request:
        """Return what somebody wants next of a market."""
        dice = self.box.dice
        self.made += 1
        by = dice.choice(CLIENTS)
        mine = [
            each
            for place in market.machines.values()
            for each in place.in_order()
            if each.contract.client == by
        ]
        machine = dice.choice(MACHINES)
        offers = [each for each in views.offers(market, market.now) if each.rentable]
        wishes = [
            *self.listings(machine),
            *self.rentals(by, offers),
            *self.changes(by, mine),
            self.transfer(by),
        ]
        if dice.random() < 0.4:
            last = {name: told[-1][0] for name, told in self.read.items() if told}
            wishes = Wishes(dice, market, self.box.at, by, mine, offers, last).all()
        return self.request(*dice.choice(wishes), delayed=True)

    def request(
        self, name: str, method: str, path: str, body: dict[str, Any], *, delayed: bool = False
    ) -> Request:
        """Return a request with a key of its own."""
        self.keys[name] += 1
        due = self.box.delayed() if delayed else self.box.now
        return Request(name, f"k{self.keys[name]}", method, path, body, due)

    def listings(self, machine: int) -> list[Wish]:
        wishes: list[Wish] = [
            (HOST, "PUT", "/machines/create_asks/", self.listing(machine)),
            (HOST, "PUT", f"/machines/{machine}/minbid/", {"price": self.price()}),
        ]
        if self.box.dice.random() < 0.1:
            wishes.append((HOST, "DELETE", f"/machines/{machine}/asks/", {}))
        return wishes

    def listing(self, machine: int) -> dict[str, Any]:
        dice = self.box.dice
        days = dice.randint(1, 60)
        end = (self.box.at + timedelta(days=days)).timestamp()
        return {
            "machine": machine,
            "price_gpu": 2 * self.price(),
            "price_disk": 0.1,
            "sla_r_claim": dice.choice((None, 0.9, 0.99)),
            "min_chunk": dice.choice((1, 2)),
            "price_min_bid": 0.05,
            "end_date": end,
        }

    def rentals(self, by: str, offers: list[Offer]) -> list[Wish]:
        dice, wishes = self.box.dice, list[Wish]()
        for offer in dice.sample(offers, min(2, len(offers))):
            bid = {"price": self.price() * offer.gpus} if dice.random() < 0.5 else {}
            wishes += [(by, "PUT", f"/asks/{offer.id}/", {"disk": dice.choice(DISKS), **bid})] * 3
        return wishes

    def changes(self, by: str, mine: list[Instance]) -> list[Wish]:
        dice, wishes = self.box.dice, list[Wish]()
        for each in dice.sample(mine, min(2, len(mine))):
            path = f"/instances/{each.id}/"
            state = dice.choice(("stopped", "running"))
            wishes += [
                (by, "DELETE", path, {}),
                (by, "PUT", path, {"label": f"l{self.made}"}),
                (by, "PUT", path, {"state": state}),
                (by, "PUT", f"/instances/bid_price/{each.id}/", {"price": self.price() * 2}),
                (by, "PUT", f"/instances/prepay/{each.id}/", {"amount": 2.0}),
            ]
        return wishes

    def transfer(self, by: str) -> Wish:
        to = self.box.dice.choice(CLIENTS)
        body = {"sender": "me", "recipient": to, "amount": 1.25}
        return by, "PUT", "/commands/transfer_credit/", body

    def price(self) -> float:
        return self.box.dice.randint(5, 40) / 100

    # -- what is heard -------------------------------------------------------------------------

    def hear(self, request: Request, status: int, told: Any) -> None:
        """Take an answer; what says that it happened says so for ever."""
        self.told[f"{status}"] += 1
        if status == 500:
            raise Broken(f"{request} is answered {told}")
        if request.method == "GET":
            if status not in AGAIN:
                self.begun += 1
                self.take_reading(request, status, told)
                self.waiting.remove(request)
            return
        self.believe(request, status, told)
        if status in AGAIN:
            return
        if status == 200 and not request.doubled and self.box.dice.random() < 0.1:
            request.doubled, request.due = True, self.box.delayed() + 1
            return  # the network sends it once more
        self.waiting.remove(request)
        self.answered.append(request)

    def believe(self, request: Request, status: int, told: Any) -> None:
        """Hold an answer to what was answered before, and to what has happened."""
        if status == 200:
            if request.answer not in (None, told):
                raise Broken(f"{request} is answered {told} the second time")
            request.answer = told
            made = self.auditor.check_known(request.name, happened=True)
            for each in (told.get("volume_name"), told.get("new_contract")):
                if each is not None and int(f"{each}".removeprefix("V.")) not in made:
                    raise Broken(f"{request} is answered {told}, and has made {made}")
        elif request.answer is None and status != NOT_KNOWN:
            self.auditor.check_known(request.name, happened=False)
            if status not in AGAIN:
                self.begun += 1
                self.pass_on(request, status, told)
        elif status not in AGAIN:
            raise Broken(f"{request} is refused the second time: {told}")

    def take_reading(self, request: Request, status: int, told: Any) -> None:
        """Take what somebody asked to know."""
        if "notifications" in request.path:
            self.take_page(request.by, told, request.body["after"])
        else:
            self.pass_on(request, status, told)

    def pass_on(self, request: Request, status: int, told: Any) -> None:
        """Let the auditor look whether an answer is right."""
        path = request.whole_path.rstrip("/")
        answer = status, told
        heard = Heard(
            request.by, request.method, path, request.body, self.clock, self.since, answer
        )
        self.auditor.hear(heard)

    def invoices(self, name: str) -> Request:
        """Return the request for what an account was paid out."""
        until = self.box.at.timestamp() + 60
        told = {"when": {"gte": 0, "lte": until}, "type": {"in": ["payout"]}}
        query = {"select_filters": json.dumps(told)}
        return Request(name, "", "GET", "/api/v1/invoices", query, self.box.now)

    # -- notices -------------------------------------------------------------------------------

    def reading_on(self, name: str) -> Request:
        """Return the request for the notices after those that an account has read."""
        told = self.read.get(name)
        page = {"after": told[-1][0] if told else 0, "limit": 500}
        return Request(name, "", "GET", "/notifications/", page, self.box.now)

    def take_page(self, name: str, page: Any, after: int | None = None) -> None:
        """Take notices that come after what is read; other pages were read already."""
        told = self.read.setdefault(name, [])
        if after in (None, told[-1][0] if told else 0):
            told += [(each["id"], each["kind"]) for each in page["notifications"]]
