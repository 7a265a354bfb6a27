"""What the service can be asked, as OpenAPI: written from its doors."""

from __future__ import annotations

from typing import Any, Final

from examples.marketplace.doors import DOORS, WHO_ASKS, Door, plain
from examples.marketplace.once import HEADER, MOST
from examples.marketplace.reading import MAX_IDS, MOST_NUMBER

Schema = dict[str, Any]

NUMBER: Final = {"type": ["number", "null"]}
TEXT: Final = {"type": ["string", "null"]}
WHOLE: Final = {"type": "integer", "minimum": 0, "maximum": MOST_NUMBER}
IDS: Final = {"type": "array", "items": WHOLE, "minItems": 1, "maxItems": MAX_IDS}
LIST: Final = {"type": ["array", "null"]}
FLAG: Final = {"type": "boolean"}
OBJECT: Final = {"type": "object"}
# Fields and parameters that are no number; prices, amounts and times are.
SCHEMAS: Final[dict[str, Schema]] = {
    **dict.fromkeys(("machine", "min_chunk", "pending_price_increase_id", "maintenance_id"), WHOLE),
    **dict.fromkeys(("machines", "ids", "instance_ids", "machine_ids"), IDS),
    "maintenance_ids": IDS,
    **dict.fromkeys(("id", "src_id", "dst_id", "source", "dest"), WHOLE),
    **dict.fromkeys(("label", "image", "name", "onstart", "template_hash_id", "after_token"), TEXT),
    **dict.fromkeys(("format", "type"), TEXT),
    **dict.fromkeys(("sender", "recipient"), TEXT),
    **dict.fromkeys(("env", "q", "select_filters", "volume_info"), OBJECT),
    **dict.fromkeys(("order", "order_by", "args"), LIST),
    **dict.fromkeys(
        (
            "cancel_unavail",
            "hidden_listing",
            "inc_charges",
            "include_offline",
            "latest_first",
        ),
        FLAG,
    ),
    "balance_threshold_enabled": FLAG,
    "duration": {"type": ["string", "number", "null"]},
    "maintenance_category": TEXT,
    "state": {"enum": ["running", "stopped"]},
}
OUTCOMES: Final = {
    "400": "a value that a rule does not allow",
    "401": "no key, or nobody's; a volume of somebody else's that is to be deleted",
    "402": "the machine is offline",
    "403": "somebody else's machine, instance or volume",
    "404": "nothing has this number",
    "408": "the request did not arrive in time",
    "409": "not possible in the present state, such as deleting a volume in use",
    "410": "the offer's GPUs are taken",
    "411": "not enough credit",
    "413": "more than 65,536 bytes",
    "422": "a lowest bid, a start of maintenance or a volume offer out of bounds; another's key",
    "429": "too many requests: Retry-After says for how long",
    "503": "it could not be stored, and has not happened",
    "504": "nobody can see whether it has happened: ask again with the same Idempotency-Key",
}
ONCE: Final[Schema] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "what a repeated request has again: it happens once",
    "schema": {"type": "string", "minLength": 1, "maxLength": MOST},
}
REFUSAL: Final[Schema] = {
    "type": "object",
    "required": ["success", "error", "code", "msg"],
    "properties": {
        "success": {"const": False},
        "error": {"type": "string", "description": "the market's word for it"},
        "code": {"type": "string", "description": "the rule book's; it stays as it is"},
        "msg": {"type": "string", "description": "one sentence"},
    },
}


def document() -> Schema:
    """Return the description of the service."""
    paths: dict[str, Schema] = {}
    for door in DOORS:
        paths.setdefault(f"/api{door.path}/", {})[door.method.lower()] = operation(door)
    return {
        "openapi": "3.1.0",
        "info": {"title": "numgenius-core's example marketplace", "version": "1"},
        "paths": paths,
        "components": {
            "schemas": {"Refusal": REFUSAL},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "older": {"type": "apiKey", "in": "query", "name": "api_key"},
            },
        },
    }


def operation(door: Door) -> Schema:
    """Return the description of one door."""
    refused = {
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    }
    answer = {"schema": {"type": ["object", "array"]}}
    found: Schema = {
        "summary": door.command,
        "security": [] if door.open else [{"bearer": []}, {"older": []}],
        "responses": {
            "200": {"description": "done, or answered", "content": {"application/json": answer}},
            **{status: {"description": why, **refused} for status, why in OUTCOMES.items()},
        },
    }
    parameters = [parameter(each) for each in door.parameters]
    if "{number}" in door.path:
        parameters.append({"name": "number", "in": "path", "required": True, "schema": WHOLE})
    if door.means is not None:
        parameters.append(ONCE)
    if parameters:
        found["parameters"] = parameters
    if door.fields:
        body = {"application/json": {"schema": body_of(door)}}
        needed = any(name.endswith("!") for name in door.fields)
        found["requestBody"] = {"required": needed, "content": body}
    return found


def parameter(name: str) -> Schema:
    needed, known = name.endswith("!"), plain(name)
    schema = SCHEMAS.get(known, NUMBER)
    # All but text is JSON; text comes as it is.
    form: Schema = {"schema": schema}
    if schema != TEXT:
        form = {"content": {"application/json": form}}
    return {"name": known, "in": "query", "required": needed, **form}


def body_of(door: Door) -> Schema:
    """Return the schema of a body; what clients send beside changes nothing here."""
    return {
        "type": "object",
        "properties": {name: SCHEMAS.get(name, NUMBER) for name in map(plain, door.fields)}
        | {name: {} for name in (*door.beside, *WHO_ASKS)},
        "required": [plain(name) for name in door.fields if name.endswith("!")],
        "additionalProperties": door.has_others,
    }
