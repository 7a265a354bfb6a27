"""What a fault is called: a status, the market's word for it, the library's code, one sentence.

The market's client shows the sentence alone; a program looks at ``error``, which is the market's
word, or at ``code``, which is stable and says what kind of rule was broken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from starlette.responses import JSONResponse

from examples.marketplace.store import NotKnown, NotStored
from numgenius_core.errors import (
    IllegalMove,
    InsufficientCredit,
    InUse,
    NotAllowed,
    NotAvailable,
    NumgeniusError,
    ReactionRefused,
    RentalTooLong,
    RuleViolation,
    UnknownId,
    WrongType,
)


class Offline(RuleViolation):
    """A machine that is not there to be listed."""

    code: ClassVar[str] = "machine_offline"


class NotServed(NumgeniusError):
    """Something that the market has and this service does not."""

    code: ClassVar[str] = "not_served"


class UnknownField(RuleViolation):
    """A field or a parameter that neither its request nor any client has."""

    code: ClassVar[str] = "unknown_field"


class KeyReused(RuleViolation):
    """The key of a request that asked for something else."""

    code: ClassVar[str] = "idempotency_key_reused"


class WrongFloor(RuleViolation):
    """A lowest bid that is none, or that no client would pay."""

    code: ClassVar[str] = "floor_out_of_bounds"


class WrongStart(RuleViolation):
    """A start of maintenance that is none, is past or too far ahead."""

    code: ClassVar[str] = "start_out_of_bounds"


class WrongVolume(RuleViolation):
    """A volume listing of no size, at no price, or that has ended."""

    code: ClassVar[str] = "volume_out_of_bounds"


class WrongPromise(RuleViolation):
    """A claim, a target or a range of days that no promise of uptime has."""

    code: ClassVar[str] = "promise_out_of_bounds"


class NoListing(UnknownId):
    """A volume offer that is not there to be taken back."""


class NotYours(NotAllowed):
    """A volume of somebody else's that is to be deleted."""


# The first that fits.
FAULTS: Final[tuple[tuple[type[Exception], int, str], ...]] = (
    (NotServed, 404, "not_served"),
    (Offline, 402, "machine_offline"),
    (KeyReused, 422, "idempotency_key_reused"),
    (WrongFloor, 422, "invalid_price"),
    (WrongStart, 422, "invalid_args"),
    (WrongVolume, 422, "invalid_args"),
    (WrongPromise, 400, "invalid_sla_params"),
    (NoListing, 400, "no_such_ask"),
    (NotYours, 401, "not_authorized"),
    (InUse, 409, "volume_in_use"),
    (UnknownId, 404, "not_found"),
    (NotAllowed, 403, "not_authorized"),
    (NotAvailable, 410, "no_such_ask"),
    (ReactionRefused, 500, "internal"),
    (RentalTooLong, 400, "rental_too_long"),
    (InsufficientCredit, 411, "insufficient_credit"),
    (IllegalMove, 409, "not_possible_now"),
    (NumgeniusError, 400, "invalid_args"),
    (NotStored, 503, "not_stored"),
    (NotKnown, 504, "not_known"),
)
MISSING: Final = {
    "account": "no_such_account",
    "contract": "no_such_instance",
    "increase": "no_pending_price_increase",
    "machine": "no_such_machine",
    "offer": "no_such_ask",
    "volume": "no_such_volume",
}

# What the market has and this service does not, by the beginnings of paths.
RULES_ONLY: Final = "are not among the rules that this service is an example of"
NOT_SERVED: Final = {
    "network_volumes": f"network volumes {RULES_ONLY}: volumes are on the disk of a machine",
    "network_disk": f"network disks {RULES_ONLY}: volumes are on the disk of a machine",
    "template": f"templates {RULES_ONLY}",
    "launch_instance": "an instance is made from an offer here: search offers first",
    "team": f"teams {RULES_ONLY}",
    "subaccounts": f"subaccounts {RULES_ONLY}",
    "users": "accounts are kept by who runs this service: their keys are in its key file",
    "auth": "keys are kept by who runs this service, in its key file",
    "tfa": f"second factors {RULES_ONLY}",
    "ssh": f"SSH keys {RULES_ONLY}",
    "secrets": f"environment variables {RULES_ONLY}",
    "audit_logs": "there is no audit log here but the events in the service's file",
    "invoices": "invoices are at GET /api/v1/invoices/ here",
    "cluster": f"clusters {RULES_ONLY}",
    "clusters": f"clusters {RULES_ONLY}",
    "overlay": f"overlay networks {RULES_ONLY}",
    "deployment": f"serverless deployments {RULES_ONLY}",
    "deployments": f"serverless deployments {RULES_ONLY}",
    "endptjobs": f"serverless endpoints {RULES_ONLY}",
    "autojobs": f"serverless workers {RULES_ONLY}",
    "workergroups": f"serverless workers {RULES_ONLY}",
    "workergroup": f"serverless workers {RULES_ONLY}",
    "benchmarks": "nothing is measured here: there are no benchmarks",
    "metrics": "nothing is measured here: there are no metrics",
    "instance_backups": "no data is kept here: there are no backups",
    "instances/command": "nothing runs here that could execute a command",
    "instances/request_logs": "nothing runs here that could write a log",
    "instances/take_snapshot": "no data is kept here that a snapshot could be made of",
    "commands": "no data is kept here that could be copied, and no jobs are scheduled",
    "contracts": "instances are filtered by label at GET /api/v1/instances/ here",
    "users/cloud_integrations": "no data is kept here that a cloud could have",
    "users/me/ipaddrs": "where requests came from is not kept here",
}


def why_not_served(method: str, path: str) -> str:
    """Return the sentence about a request that there is no door for."""
    parts = [part for part in path.split("/") if part][2:]  # without api and the version
    if parts[-1:] == ["ssh"] or "ssh" in parts:
        return NOT_SERVED["ssh"]
    for length in range(len(parts), 0, -1):
        if sentence := NOT_SERVED.get("/".join(parts[:length])):
            return sentence
    return f"nothing here answers {method} {path[:80]}: GET /api/openapi.json says what does"


def refused(fault: NumgeniusError | NotStored | NotKnown, why: object = None) -> JSONResponse:
    """Return the answer to a request that a rule, or the disk, does not allow.

    Args:
        fault: What was raised.
        why: The sentence about it, if it is another than its own.

    Raises:
        ReactionRefused: That of a reaction, which nobody asked for: whoever did is told that the
            service failed, and its log why, which may be about another account.
    """
    if isinstance(fault, ReactionRefused):
        raise fault
    status, word, code = named(fault)
    return refusal(status, word, fault if why is None else why, code=code)


def named(fault: NumgeniusError | NotStored | NotKnown) -> tuple[int, str, str]:
    """Return the status of a fault, the market's word for it and the library's code."""
    status, word = next((s, w) for kind, s, w in FAULTS if isinstance(fault, kind))
    if isinstance(fault, UnknownId):
        word = MISSING.get(fault.path, word)
    if isinstance(fault, NotAllowed) and fault.path in ("sla_claim", "target"):
        word = "sla_disabled"
    elif isinstance(fault, RuleViolation | WrongType) and "sla_" in fault.path:
        word = "invalid_sla_params"
    return status, word, fault.code if isinstance(fault, NumgeniusError) else word


def one_line(why: object) -> str:
    return " ".join(str(why).split())


def refusal(
    status: int,
    error: str,
    why: object,
    *,
    code: str | None = None,
    headers: Any = None,
    beside: Mapping[str, Any] | None = None,
) -> JSONResponse:
    """Return the answer to a request that came to nothing; its client shows only ``msg``."""
    told = {"success": False, "error": error, "code": code or error, "msg": one_line(why)}
    return JSONResponse(told | dict(beside or {}), status, headers)
