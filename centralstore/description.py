"""The service's OpenAPI description: every route with what it takes, what it gives, and how it refuses.

Routes read their bodies themselves (sizes come before parsing, signatures before meaning), so FastAPI cannot derive
them; the tables here say what the code does, and `tests/centralstore/test_openapi.py` holds the two together.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import FastAPI
from pydantic import BaseModel

from centralstore.door import MESSAGE_BYTES
from centralstore.relay.rows import MOST_BYTES, Telling
from centralstore.store.intake import MAX_ENVELOPE_BYTES
from sync.canonical import MAX_INT
from sync.orders import MAX_ORDERS_BYTES
from sync.progress import PROGRESS, Progress
from sync.readiness import READINESS, TRIAL_BYTES, Readiness
from sync.signed import MAX_MESSAGE_BYTES

JSON: Final = "application/json"
OCTETS: Final = "application/octet-stream"
STATUSES: Final[Mapping[int, str]] = {
    400: "Malformed, or damaged on its way",
    401: "Not signed by a PC or relay that is known and cleared, too old, or sent before",
    403: "Not allowed",
    404: "No such thing, or not for this PC",
    405: "The address takes another method",
    408: "The body came too slowly",
    409: "Not in this state",
    410: "The sitting is closed; it was deleted",
    413: "Larger than this address takes",
    429: "Too often",
    500: "A fault of the store's own",
    503: "Busy or cannot write now; Retry-After says when to come again",
}
_SIGNED: Final = ("X-Provrom-Device", "X-Provrom-Time", "X-Provrom-Nonce", "X-Provrom-Signature")
_PATTERNS: Final = (r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$", r"^[0-9]{1,16}$", r"^[0-9a-f]{32}$", r"^[0-9a-f]{128}$")
UNSIGNED: Final = frozenset(
    {
        *("/v1/time", "/v1/enrol", "/v1/envelopes"),
        *("/v1/log/checkpoint", "/v1/log/consistency", "/v1/log/inclusion"),
    }
)
"""Addresses that look at no signature of the request; an envelope carries its PC's in itself."""


@dataclass(frozen=True, slots=True)
class Body:
    """What a route takes: its media type, the most bytes, and its model where it is JSON.

    ``signed``: the kind of signed message (`sync.signed`) whose body the model is.
    """

    media_type: str
    most: int
    model: type[BaseModel] | None = None
    signed: str = ""

    def schema(self) -> dict[str, Any]:
        """As JSON Schema."""
        if self.model is None:
            return {"type": "string", "format": "binary", "maxLength": self.most}
        inner = _bounded(self.model.model_json_schema(ref_template="#/components/schemas/{model}"))
        if not self.signed:
            return inner
        signature = {"type": "string", "pattern": "^[0-9a-f]{128}$"}
        properties = {"body": inner, "kind": {"const": self.signed}, "signature": signature}
        return {
            "type": "object",
            "properties": properties,
            "required": sorted(properties),
            "additionalProperties": False,
        }


def _bodies() -> Mapping[str, Body]:
    from centralstore.service import Acknowledgement, EnrolRequest  # noqa: PLC0415 - it is what calls this

    return {
        "/v1/enrol": Body(JSON, MESSAGE_BYTES, EnrolRequest),
        "/v1/orders/ack": Body(JSON, MESSAGE_BYTES, Acknowledgement),
        "/v1/progress": Body(JSON, MESSAGE_BYTES, Progress, PROGRESS),
        "/v1/readiness": Body(JSON, MESSAGE_BYTES, Readiness, READINESS),
        "/v1/trial": Body(OCTETS, TRIAL_BYTES),
        "/v1/envelopes": Body(OCTETS, MAX_ENVELOPE_BYTES),
        "/v1/orders/heard": Body(OCTETS, MAX_ORDERS_BYTES),
        "/v1/relay/orders": Body(OCTETS, MAX_ORDERS_BYTES),
        "/v1/relay/envelopes": Body(OCTETS, MAX_ENVELOPE_BYTES),
        "/v1/relay/rows": Body(JSON, MOST_BYTES, Telling),
        "/v1/relay/return": Body(OCTETS, MAX_MESSAGE_BYTES),
    }


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


def _list(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of}


_COUNT: Final = {"type": "integer", "minimum": 0, "maximum": MAX_INT}
_HASH: Final = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_TEXT: Final = {"type": "string"}
_TRUE: Final = {"const": True}
_PLAIN: Final = {"type": "object"}
_KEYS: Final = ("content_key", "log_key", "order_key", "receipt_key", "store_id", "ticket_key")

ANSWERS: Final[Mapping[str, dict[str, Any]]] = {
    "GET /v1/time": _object(log_size=_COUNT, run=_TEXT, utc_ms=_COUNT),
    "POST /v1/enrol": _PLAIN,
    "GET /v1/device/sittings": _list(_PLAIN),
    "GET /v1/device/attempts": _list(_PLAIN),
    "POST /v1/orders/ack": _object(ok=_TRUE),
    "POST /v1/progress": _object(ok=_TRUE),
    "POST /v1/readiness": _object(ok=_TRUE),
    "POST /v1/trial": _object(bytes=_COUNT),
    "GET /v1/receipts": _list(_PLAIN),
    "GET /v1/attempts/{attempt}/envelopes": _list({"type": "string", "contentEncoding": "base64"}),
    "GET /v1/log/consistency": _object(first=_COUNT, last=_COUNT, path=_list(_HASH)),
    "GET /v1/log/inclusion": _object(index=_COUNT, size=_COUNT, leaf=_HASH, path=_list(_HASH)),
    "POST /v1/orders/heard": _object(last=_COUNT),
    "GET /v1/relay/standing": _PLAIN,
    "POST /v1/relay/orders": _object(last=_COUNT),
    "POST /v1/relay/rows": _object(taken=_COUNT),
    "POST /v1/relay/return": _object(is_back={"type": "boolean"}),
}
"""Answers that are JSON; all others are bytes."""

REFUSAL: Final = _object(error=_TEXT, code={"type": "string", "pattern": "^[a-z_]{1,40}$"})


def describe(app: FastAPI) -> None:
    """Give the application its complete description, at the address where FastAPI's own would stand."""
    derived = app.openapi

    @functools.cache
    def described() -> dict[str, Any]:
        plain = derived()
        bodies = _bodies()
        for path, operations in plain["paths"].items():
            for method, operation in operations.items():
                _complete(operation, method.upper(), path, bodies)
        schemas = plain.setdefault("components", {}).setdefault("schemas", {})
        schemas["Refusal"] = REFUSAL
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        for body in bodies.values():
            if body.model is not None:
                made = body.model.model_json_schema(ref_template="#/components/schemas/{model}")
                schemas.update({name: _bounded(each) for name, each in made.get("$defs", {}).items()})
        return plain

    app.openapi = described


def _complete(operation: dict[str, Any], method: str, path: str, bodies: Mapping[str, Body]) -> None:
    parameters = operation.setdefault("parameters", [])
    if path not in UNSIGNED:
        parameters += [
            {"name": name, "in": "header", "required": True, "schema": {"type": "string", "pattern": pattern}}
            for name, pattern in zip(_SIGNED, _PATTERNS, strict=True)
        ]
    if method == "POST":
        body = bodies[path]
        operation["requestBody"] = {"required": True, "content": {body.media_type: {"schema": body.schema()}}}
    answer = ANSWERS.get(f"{method} {path}")
    media_type, schema = (JSON, answer) if answer is not None else (OCTETS, {"type": "string", "format": "binary"})
    refusal: dict[str, Any] = {JSON: {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    responses = {str(status): {"description": words, "content": refusal} for status, words in STATUSES.items()}
    responses["200"] = {"description": "Done", "content": {media_type: {"schema": schema}}}
    operation["responses"] = responses
    if path.endswith("/envelopes") and method == "POST":
        receipt = {OCTETS: {"schema": {"type": "string", "format": "binary"}}}
        told = "Another envelope is kept under this number: its receipt, with is_conflict"
        responses["409"] = {"description": told, "content": refusal | receipt}
    if path.startswith("/v1/releases/"):
        responses["206"] = {"description": "A part of it", "content": {OCTETS: {"schema": schema}}}
        responses["416"] = {"description": "There is no such part", "content": {"text/plain": {}}}


def _bounded(schema: dict[str, Any]) -> dict[str, Any]:
    """A model's schema without its own definitions, which stand among the components."""
    return {name: value for name, value in schema.items() if name != "$defs"}
