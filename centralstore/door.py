"""The door that every request passes: limits while reading, which PC signed it, and how errors are answered.

Route modules (`centralstore.service`, ``centralstore.routes_*``) are built on it: ``add_…_routes(app, store, door)``.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

from fastapi import FastAPI, Query, Request, Response
from fastapi import Path as PathParameter
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BeforeValidator, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from centralstore.errors import (
    BrokenOffError,
    BusyError,
    DamagedError,
    FieldError,
    StoreError,
    TooLargeError,
    TooSlowError,
)
from centralstore.records import DeviceView
from centralstore.refusals import REFUSALS
from centralstore.store import Store
from centralstore.store.devices import require_cleared
from sync.canonical import Message, canonical_bytes, named_place
from sync.errors import RequestRefusedError, SyncDataError
from sync.keys import VerifyKey
from sync.requests import SeenNonces, claimed_device, verify_request

MESSAGE_BYTES: Final = 65_536
"""Largest message that is not an envelope: a progress record with its incidents is under 16 kB."""

BODY_SECONDS: Final = 15.0
"""A body that takes longer is given up, so that slow senders hold nothing for long."""

API_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}
"""On every answer to a program, should a browser ever be led to its address."""

_NUMBER: Final = re.compile(r"[0-9]{1,16}")
_LENGTH: Final = re.compile(rb"[0-9]{1,12}")

_LOG: Final = logging.getLogger("centralstore")

Id = Annotated[str, Query(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")]
"""An id in a query."""

PathId = Annotated[str, PathParameter(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")]
"""An id in an address."""


def _figures(value: object) -> object:
    """A number in an address is plain figures: pydantic would read "1.0", " 1" and "1_0" as numbers too."""
    if isinstance(value, str) and _NUMBER.fullmatch(value) is None:
        raise ValueError
    return value


Figures = BeforeValidator(_figures)
"""Goes with every number in a query."""

M = TypeVar("M", bound=Message)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Caller:
    """A PC whose request's signature holds."""

    device: DeviceView
    key: VerifyKey
    body: bytes


class Door:
    """Reads a request within its limits and finds out which PC signed it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._nonces = SeenNonces()

    async def caller(self, request: Request, limit: int = MESSAGE_BYTES) -> Caller:
        """The PC that signed this request, and the body, at most ``limit`` bytes.

        Raises:
            TooLargeError, TooSlowError: as `read_body`.
            RequestRefusedError: no signature, or one that does not hold.
            UnknownDeviceError: not enrolled, not cleared, or revoked.
        """
        body = await read_body(request, limit)
        device, _, key = self._store.device_keys(claimed_device(request.headers))
        # Bytes that no PC of ours sends become characters of which no signature was made.
        path = request.scope["raw_path"].decode("ascii", "replace")
        query = request.scope["query_string"].decode("ascii", "replace")
        verify_request(
            request.headers,
            request.method,
            f"{path}?{query}" if query else path,
            body,
            key,
            self._store.now_ms(),
            self._nonces,
        )
        require_cleared(device)
        return Caller(device, key, body)


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body, read within size and time.

    Raises:
        TooLargeError: announced or found to be larger than ``limit`` bytes.
        TooSlowError: not complete after `BODY_SECONDS`.
        BrokenOffError: the connection broke before its end.
    """
    scope, chunks, size, is_more = request.scope, list[bytes](), 0, True
    what = f"{scope['method']} {scope['path']}"
    announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if _LENGTH.fullmatch(announced) is None or int(announced) > limit:
        raise TooLargeError(what, limit)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while is_more:  # not `Request.stream`: this is most of what an envelope costs before it is looked at
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise BrokenOffError(what)
                chunk = message.get("body", b"")
                size += len(chunk)
                if size > limit:
                    raise TooLargeError(what, limit)
                chunks.append(chunk)
                is_more = message.get("more_body", False)
    except TimeoutError as error:
        raise TooSlowError(what, BODY_SECONDS) from error
    return b"".join(chunks)


async def only_known_queries(request: Request) -> None:
    """Refuse an address with a parameter that its route does not have, or that stands there twice.

    Raises:
        FieldError: names nothing of what was sent.
    """
    route = request.scope.get("route")
    known = {each.alias for each in route.dependant.query_params} if isinstance(route, APIRoute) else set[str]()
    given = [name for name, _ in request.query_params.multi_items()]
    if len(set(given)) != len(given) or not known.issuperset(given):
        raise FieldError("Address", "query", "a parameter is unknown or stands there twice", "Check the PC's version.")


def parsed(model: type[M], body: bytes, what: str) -> M:
    """A strict model from a body.

    Raises:
        DamagedError: it does not fit; the sentence names the field, never its value.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = named_place(fault["loc"]) or "body"
        raise DamagedError(what, f"field '{place}': {fault['type']}") from error


def canonical(plain: object) -> Response:
    """An answer in canonical JSON."""
    return Response(canonical_bytes(plain), media_type="application/json", headers=API_HEADERS)


def octets(data: bytes, status: int = 200) -> Response:
    """An answer of bytes as they are."""
    return Response(data, status_code=status, media_type="application/octet-stream", headers=API_HEADERS)


async def away(work: Callable[[], T]) -> T:
    """Run blocking work beside the event loop."""
    return await run_in_threadpool(work)


# --- errors -----------------------------------------------------------------------------------------------------------


def answer_errors(app: FastAPI) -> None:
    """Make the application answer the families of errors with ``{"error": sentence, "code": word}``."""

    async def answer(request: Request, error: Exception) -> Response:
        return answer_of(error, request)

    families = (StoreError, RequestRefusedError, SyncDataError, RequestValidationError, HTTPException, Exception)
    for family in families:
        app.add_exception_handler(family, answer)


def answer_of(error: Exception, request: Request) -> Response:
    """The answer to a request that ended with ``error``; what the store is to blame for, and who tries, is logged."""
    answer = _answer_to(error)
    reason = str(getattr(error, "code", type(error).__name__))
    REFUSALS.count(answer.status_code, reason, address_of(request))
    return answer


def address_of(request: Request) -> str:
    """Where a request's connection comes from; "" where that is not known."""
    return request.client.host if request.client is not None else ""


def _answer_to(error: Exception) -> Response:
    if isinstance(error, StoreError):
        if error.status >= 500 and not isinstance(error, BusyError):  # noqa: PLR2004 - HTTP's own border
            _LOG.error("%s", error, exc_info=error)
        answer = error_answer(error.status, error.code, str(error))
        if isinstance(error, BusyError):
            answer.headers["Retry-After"] = str(error.retry_after_s)
        return answer
    if isinstance(error, RequestRefusedError):
        return error_answer(401, error.code, str(error))
    if isinstance(error, SyncDataError):
        return error_answer(400, "damaged", str(error))
    if isinstance(error, RequestValidationError):
        fault = error.errors()[0]
        return error_answer(400, "bad_request", f"Field '{named_place(fault['loc'])}': {fault['type']}. Correct it.")
    if isinstance(error, HTTPException):
        code = {404: "not_found", 405: "wrong_method"}.get(error.status_code, "refused")
        answer = error_answer(error.status_code, code, f"{error.detail}. Check the address and the PC's version.")
        answer.headers.update(error.headers or {})
        return answer
    _LOG.error("unexpected fault", exc_info=error)
    sentence = "The store could not answer this request because of a fault of its own. Try again; tell support."
    return error_answer(500, "fault", sentence)


def error_answer(status: int, code: str, sentence: str) -> Response:
    """An error as every route answers it."""
    return JSONResponse({"error": sentence, "code": code}, status_code=status, headers=dict(API_HEADERS))
