"""The example service in this process, with a clock that tests set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from attrs import define, field
from starlette.testclient import TestClient

from examples.marketplace.__main__ import CREDIT, seed
from examples.marketplace.app import Service
from examples.marketplace.commands import instances_load_at_once
from examples.marketplace.store import Store

BEGIN: Final = datetime(2026, 1, 5, tzinfo=UTC)
HOST: Final = "host-1"


@define
class Clock:
    """Says what it was told."""

    now: datetime = BEGIN

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **time: float) -> None:
        """Let time pass."""
        self.now += timedelta(**time)


@define
class Desk:
    """A new market with the demo's machines, and a client in front of it."""

    path: Path
    rate: float = 1e6
    headers: dict[str, str] = field(factory=dict)  # beside the key
    clock: Clock = field(factory=Clock)
    store: Store = field(init=False)
    client: TestClient = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        """Start the service."""
        self.store = Store(str(self.path), react=instances_load_at_once, clock=self.clock)
        seed(self.store)
        app = Service(self.store, self.rate, CREDIT).app()
        self.client = TestClient(app, raise_server_exceptions=False)

    def restart(self) -> None:
        """End the service and start it again."""
        self.store.close()
        self.open()

    def ask(
        self,
        key: str,
        method: str,
        path: str,
        body: Any = None,
        status: int = 200,
        **query: str,
    ) -> Any:
        """Send a request and return its answer, which has a status."""
        answer = self.client.request(
            method,
            f"/api/v0{path}" if not path.startswith("/api") else path,
            headers={"Authorization": f"Bearer {key}", **self.headers},
            params=query,
            json={} if body is None and method != "GET" else body,
        )
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/json"
        return answer.json()

    def list(self, machine: int = 1001, status: int = 200, **fields: Any) -> Any:
        """List a machine: at $0.50 a GPU with ``min_gpu`` 2, or as the fields say."""
        wanted = {"machine": machine, "price_gpu": 0.5, "min_chunk": 2, "price_min_bid": 0.1}
        return self.ask(HOST, "PUT", "/machines/create_asks/", wanted | fields, status)

    def search(self, **query: Any) -> Any:
        """Return the offers of a search."""
        return self.ask("ann", "POST", "/bundles/", query)["offers"]

    def offer(self, gpus: int = 2, nth: int = 0) -> int:
        """Return the number of an offer of machine 1001."""
        asked = {
            "machine_id": {"eq": "1001"},
            "num_gpus": {"eq": str(gpus)},
            "order": [["id", "asc"]],
        }
        return int(self.search(**asked)[nth]["id"])

    def rent(self, key: str = "ann", offer: int | None = None, **fields: Any) -> int:
        """Rent an offer and return the number of the instance."""
        wanted = {"image": "pytorch", "disk": 10, "price": None} | fields
        number = self.offer() if offer is None else offer
        return int(self.ask(key, "PUT", f"/asks/{number}/", wanted)["new_contract"])

    def instance(self, key: str, number: int) -> Any:
        """Return an instance as its client sees it."""
        return self.ask(key, "GET", f"/instances/{number}/", owner="me")["instances"]
