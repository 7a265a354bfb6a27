"""The shortest honest embedding of a market, in FastAPI: machines, offers, rentals, balances.

``uvicorn --factory examples.fastapi_market:app``; workers (``--workers 4``) share the log, and want
``uvloop``: else each answer is held back by 40 ms. Who calls is whoever ``X-Account`` says, and
each machine is verified: put your authentication there, and ``UNVERIFIED`` for what is unseen.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from threading import Lock
from typing import Annotated, Any

from fastapi import FastAPI, Header, Request
from fastapi.responses import JSONResponse

from examples.marketplace.commands import instances_load_at_once
from examples.marketplace.once import carried_out
from examples.marketplace.sqlite_log import SqliteLog
from numgenius_core import Machine, Mode, Money, NumgeniusError, PerGpuHour, PriceTerms
from numgenius_core.intervals import floor_second
from numgenius_core.market import commands as do, find_event, views
from numgenius_core.market.events import ContractCreated
from numgenius_core.market.logs import Writer

By = Annotated[str, Header(alias="X-Account")]
Key = Annotated[str | None, Header(alias="Idempotency-Key")]
STATUS = {"unknown_id": 404, "not_allowed": 403, "not_available": 410, "insufficient_credit": 402}
STATUS |= {"illegal_move": 409, "in_use": 409, "idempotency_key_reused": 422}
STATUS["reaction_refused"] = 500


def app(file: str = "market.sqlite") -> FastAPI:
    served, alone = FastAPI(title="A GPU market"), Lock()
    writer = Writer(SqliteLog(file), react=instances_load_at_once)  # no image to fetch here

    def carry_out(account: str, key: str | None, *commands: do.Command) -> Any:
        at = floor_second(datetime.now(UTC))
        with alone:  # a writer is for one thread at a time
            return carried_out(writer, *commands, at=at, account=account, key=key)

    @served.exception_handler(NumgeniusError)
    def refused(_: Request, why: Any) -> JSONResponse:
        if why.code == "reaction_refused":  # nobody asked for that, and the log says why
            raise why
        return JSONResponse({"error": why.code, "message": str(why)}, STATUS.get(why.code, 400))

    @served.post("/credit", status_code=201)
    def pay_in(dollars: Decimal, account: By, key: Key = None) -> None:
        carry_out(account, key, do.AddCredit(account=account, amount=Money(dollars)))

    @served.post("/machines/{number}", status_code=201)
    def offer(number: int, gpu: str, gpus: int, price: Decimal, by: By, key: Key = None) -> None:
        machine = Machine(id=number, host=by, gpu_name=gpu, gpus=gpus, disk_mb=1_000_000)
        listing = do.ListMachine(by=by, machine=number, prices=PriceTerms(gpu=PerGpuHour(price)))
        carry_out(by, key, do.AddMachine(machine=machine), listing)

    @served.get("/offers")
    def offers() -> list[dict[str, Any]]:
        carry_out("", None)  # what has come due until now happens first
        there = [each for each in views.offers(writer.market, writer.market.now) if each.rentable]
        return [{"offer": each.id, "gpu": each.gpu_name, "gpus": each.gpus} for each in there]

    @served.post("/offers/{number}/rent", status_code=201)
    def rent(number: int, account: By, disk_gb: int = 10, key: Key = None) -> dict[str, int]:
        command = do.Rent(by=account, offer=number, mode=Mode.ON_DEMAND, disk_mb=disk_gb * 1_000)
        return {"rental": find_event(carry_out(account, key, command), ContractCreated).contract.id}

    @served.delete("/rentals/{number}")
    def end(number: int, account: By, key: Key = None) -> None:
        carry_out(account, key, do.Destroy(by=account, contract=number))

    @served.get("/balance")
    def balance(account: By) -> dict[str, str]:
        carry_out("", None)
        at = max((now := writer.market).now, floor_second(datetime.now(UTC)))  # clocks differ
        return {"dollars": str(views.balance(now, account, at))}

    return served
