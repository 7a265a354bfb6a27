"""The example service as an input: a request of any kind, over a market that goes on living.

An input is JSON: which route, which number, whose key, a body, a query, and how many seconds pass
before. A number below 1,000 counts through what there is (offers, instances, price increases), as
nobody guesses their ids; any other is sent as it is. What is no such JSON is sent as a body. The
answer must be 2xx or 4xx in JSON, and a refusal must change nothing. Every so many requests the
market begins anew.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from examples.marketplace.__main__ import CREDIT, seed
from examples.marketplace.app import Service
from examples.marketplace.commands import instances_load_at_once
from examples.marketplace.doors import DOORS
from examples.marketplace.store import Store
from numgenius_core.ids import AccountId
from numgenius_core.market.journal import event_to_json, market_to_json

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
ROUTES = sorted((door.method, door.path) for door in DOORS)
KEYS = ("host-1", "ann", "ben")
LIFE = 3_000  # requests of one market

LISTING = {"machine": 1001, "price_gpu": 0.5, "min_chunk": 2, "price_min_bid": 0.1}
RENTAL = {"image": "x", "disk": 10, "price": None}
SEEDS: tuple[dict[str, Any], ...] = (
    {"route": "/v0/machines/create_asks", "method": "PUT", "key": 0, "body": LISTING},
    {
        "route": "/v0/machines/create_asks", "method": "PUT", "key": 0,
        "body": LISTING | {"duration": "2 days", "credit_discount_max": 0.4, "price_disk": 0.2},
    },
    {"route": "/v0/asks/{number}", "method": "PUT", "key": 1, "number": 0, "body": RENTAL},
    {
        "route": "/v0/asks/{number}", "method": "PUT", "key": 2, "number": 1,
        "body": RENTAL | {"price": 0.4, "label": "a"},
    },
    {
        "route": "/v0/bundles", "method": "POST", "key": 1,
        "body": {"num_gpus": {"gte": 2}, "order": [["dph_total", "asc"]], "limit": 5},
    },
    {"route": "/v0/instances/{number}", "method": "PUT", "key": 1, "number": 0,
     "body": {"state": "stopped"}},
    {"route": "/v0/instances/bid_price/{number}", "method": "PUT", "key": 2, "number": 1,
     "body": {"price": 0.6}},
    {"route": "/v0/instances/prepay/{number}", "method": "PUT", "key": 1, "number": 0,
     "body": {"amount": 50}},
    {"route": "/v0/machines/{number}/dnotify", "method": "PUT", "key": 0, "number": 1001,
     "body": {"sdate": 1768000000.0, "duration": 4, "maintenance_category": "power"}},
    {"route": "/v1/instances", "method": "GET", "key": 1,
     "query": {"limit": "5", "order_by": '[{"col":"id","dir":"desc"}]'}},
    {"route": "/v0/charges", "method": "GET", "key": 1,
     "query": {"select_filters": '{"day":{"gte":1767571200,"lte":1768000000}}'}},
    {"route": "/v0/machines/create_asks", "method": "PUT", "key": 0, "pass": 90_000,
     "body": LISTING | {"price_gpu": 0.9, "end_date": 1770000000.0}},
    {"route": "/v0/instances/accept-price-increase", "method": "PUT", "key": 1,
     "body": {"pending_price_increase_id": 0}},
    {"route": "/v0/asks/bulk", "method": "POST", "key": 2, "body": RENTAL | {"ids": [3, 4]}},
    {"route": "/v0/instances", "method": "DELETE", "key": 2, "body": {"instance_ids": [1]}},
)  # fmt: skip
FIELDS_AND_VALUES = """
    machine price_gpu price_disk price_inetu price_inetd min_chunk end_date duration disk label
    credit_discount_max price type state ids instance_ids machine_ids amount sdate key query order
    maintenance_category image q limit pending_price_increase_id num_gpus allocated_storage env
    select_filters order_by after_token latest_first day gte lte eq in running stopped bid body
    reserved on-demand interruptible asc desc col dir id route method number power other"""
WORDS = tuple(FIELDS_AND_VALUES.split())


class ServiceInput:
    """The service, which each input asks something."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._open()

    def _open(self) -> None:
        self._asked, self._now = 0, BEGIN
        self._store = Store(
            ":memory:", react=instances_load_at_once, clock=lambda: self._now, durable=False
        )
        seed(self._store)
        self._app = Service(self._store, 1e9, CREDIT).app()

    def documents(self) -> list[bytes]:
        """Return the events so far and the market that they gave, as JSON."""
        events = [event_to_json(event) for _, event in self._store.events()]
        return [text.encode() for text in (*events, market_to_json(self._store.market))]

    def __call__(self, data: bytes) -> None:
        """Send a request, and look at the answer."""
        if self._asked >= LIFE:
            self._store.close()
            self._open()
        self._asked += 1
        try:
            asked = json.loads(data)
        except (ValueError, RecursionError):
            asked = None
        if not isinstance(asked, dict):
            self._send("POST", "/v0/bundles", "ann", b"", data)
            return
        self._pass(as_int(asked.get("pass"), 100_000))
        number = as_int(asked.get("number"), 2**64)
        method, route = str(asked.get("method")), str(asked.get("route"))
        if (method, route) not in ROUTES:
            method, route = ROUTES[number % len(ROUTES)]
        for kind in ("asks", "instances"):
            if kind in route:
                number = self._id(kind, number)
        key = KEYS[as_int(asked.get("key"), len(KEYS))]
        if isinstance(asked.get("body"), dict):
            asked["body"] = {
                name: self._meant(name, value) for name, value in asked["body"].items()
            }
        query = asked.get("query")
        pairs = query.items() if isinstance(query, dict) else ()
        texts = [(k, v if isinstance(v, str) else json.dumps(v)) for k, v in pairs]
        body = json.dumps(asked["body"]).encode() if "body" in asked else b""
        line = urlencode(texts, errors="replace").encode()
        self._send(method, route.format(number=number), key, line, body)

    def _id(self, kind: str, number: int) -> int:
        """Return what a small number counts to, or a large one as it is."""
        market = self._store.market
        if kind == "asks":
            there: list[int] = [
                place.offer_id(nth)
                for place in market.machines.values()
                if place.listing is not None
                for nth in range(len(place.blocks()))
            ]
        else:
            there = list(market.homes if kind == "instances" else market.asked)
        return there[number % len(there)] if there and number < 1_000 else number

    def _meant(self, name: str, value: Any) -> Any:
        """Return a value of a body with the numbers that it counts to."""
        kind = {"ids": "asks", "instance_ids": "instances", "pending_price_increase_id": "asked"}
        if name not in kind:
            return value
        if isinstance(value, list):
            return [self._meant(name, each) for each in value]
        return self._id(kind[name], value) if type(value) is int and value >= 0 else value

    def _pass(self, seconds: int) -> None:
        """Let time pass, and the market see it."""
        self._now += timedelta(seconds=seconds)
        self._loop.run_until_complete(self._store.seen())

    def _send(self, method: str, path: str, key: str, query: bytes, body: bytes) -> None:
        account, before = AccountId(key), self._store.market
        status, kind, text = self._loop.run_until_complete(
            exchange(self._app, method, f"/api{path}", key, query, body)
        )
        if status >= 500 or kind != b"application/json":
            raise AssertionError(f"{status} {kind!r} {text[:300]!r}")
        if status >= 400:
            if not json.loads(text)["msg"]:
                raise AssertionError("a refusal without a word")
            after = self._store.market
            if after is not before and account in before.accounts:
                raise AssertionError("a refusal that changed something")


def as_int(value: Any, below: int) -> int:
    """Return a whole number below a bound, whatever comes."""
    return abs(value) % below if type(value) is int else 0


async def exchange(
    app: Any, method: str, path: str, key: str, query: bytes, body: bytes
) -> tuple[int, bytes, bytes]:
    """Return status, kind and text of the answer to a request, as ASGI has it."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
        "path": path, "raw_path": path.encode(), "root_path": "", "scheme": "http",
        "query_string": query, "client": ("a", 1), "server": ("b", 80),
        "headers": [(b"authorization", f"Bearer {key}".encode())],
    }  # fmt: skip
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    kind = dict(sent[0]["headers"]).get(b"content-type", b"")
    return sent[0]["status"], kind, b"".join(m.get("body", b"") for m in sent[1:])
