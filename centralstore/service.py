"""The HTTP service: what the kiosks meet. The only place that ties a store to the network.

Every request but enrolment and time is signed by the PC (`sync.requests`). Sizes are checked while reading, before any
parsing; models are strict; errors are ``{"error": sentence, "code": word}``. Nothing about results is here.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from pydantic import Field, ValidationError
from starlette.concurrency import run_in_threadpool

from centralstore.counter import perform
from centralstore.desk import COMMAND_PATH, SECRET_HEADER, CommandRequest
from centralstore.errors import DamagedError, StoreError, TooLargeError, TooSlowError, WrongPasswordError
from centralstore.records import DeviceView
from centralstore.store import Store
from centralstore.store.delivery import MAX_ENVELOPE_BYTES
from centralstore.store.devices import require_cleared
from sync.canonical import MAX_INT, Message, canonical_bytes
from sync.errors import RequestRefusedError, SyncDataError
from sync.keys import BoxPublic, VerifyKey
from sync.readiness import TRIAL_BYTES
from sync.requests import SeenNonces, claimed_device, verify_request

MESSAGE_BYTES: Final = 65_536
"""Largest message that is not an envelope: a progress record with its incidents is under 16 kB."""

COMMAND_BYTES: Final = 64 * 2**20
"""A command may bring the results of many sittings; only the store's owner can send one."""

BODY_SECONDS: Final = 15.0
"""A body that takes longer is given up, so that slow senders hold nothing for long."""

LONGEST_WAIT_MS: Final = 20_000

_LOG: Final = logging.getLogger("centralstore")

Id = Annotated[str, Query(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")]
M = TypeVar("M", bound=Message)
T = TypeVar("T")


class EnrolRequest(Message):
    """What a new PC sends, with the one-time token and its public keys in hexadecimal digits."""

    token: Annotated[str, Field(max_length=128)]
    name: Annotated[str, Field(min_length=1, max_length=64)]
    x25519: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    ed25519: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Acknowledgement(Message):
    """An order was applied."""

    sitting: Annotated[str, Field(max_length=64)]
    number: Annotated[int, Field(ge=1, le=MAX_INT)]
    device: Annotated[str, Field(max_length=64)]
    applied_at_ms: Annotated[int, Field(ge=0, le=MAX_INT)]


@dataclass(frozen=True, slots=True)
class Caller:
    """A PC whose request's signature holds."""

    device: DeviceView
    key: VerifyKey
    body: bytes


def build_app(store: Store, *, command_secret: str = "") -> FastAPI:
    """The ASGI application over an open store. Pages for staff are added to it by `administration`.

    Args:
        store: an open store.
        command_secret: what the store owner's commands show (`centralstore.desk`); "" takes none.
    """
    app = FastAPI(title="Prøverom store", docs_url=None, redoc_url=None, openapi_url="/v1/openapi.json")
    app.state.store = store
    _answer_errors(app)
    door = _Door(store)
    _add_open_routes(app, store)
    _add_sitting_routes(app, store, door)
    _add_order_routes(app, store, door)
    _add_delivery_routes(app, store, door)
    if command_secret:
        _add_command_route(app, store, command_secret)
    return app


# --- the door ---------------------------------------------------------------------------------------------------------


class _Door:
    """Reads a request within its limits and finds out which PC signed it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._nonces = SeenNonces()

    async def caller(self, request: Request, limit: int = MESSAGE_BYTES) -> Caller:
        body = await read_body(request, limit)
        device, _, key = self._store.device_keys(claimed_device(request.headers))
        path = request.scope["raw_path"].decode("ascii")
        query = request.scope["query_string"].decode("ascii")
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
    """
    what = f"{request.method} {request.url.path}"
    announced = request.headers.get("content-length", "0")
    if not announced.isdigit() or int(announced) > limit:
        raise TooLargeError(what, limit)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise TooLargeError(what, limit)
                chunks.append(chunk)
    except TimeoutError as error:
        raise TooSlowError(what, BODY_SECONDS) from error
    return b"".join(chunks)


def _parsed(model: type[M], body: bytes, what: str) -> M:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(step) for step in fault["loc"]) or "body"
        raise DamagedError(what, f"field '{place}': {fault['type']}") from error


def _canonical(plain: object) -> Response:
    return Response(canonical_bytes(plain), media_type="application/json")


def _bytes(data: bytes, status: int = 200) -> Response:
    return Response(data, status_code=status, media_type="application/octet-stream")


async def _away(work: Callable[[], T]) -> T:
    """Run blocking work beside the event loop."""
    return await run_in_threadpool(work)


# --- errors -----------------------------------------------------------------------------------------------------------


def _answer_errors(app: FastAPI) -> None:
    async def store_error(_request: Request, error: Exception) -> Response:
        assert isinstance(error, StoreError)  # noqa: S101 - registered for this class only
        if error.status >= 500:  # noqa: PLR2004 - HTTP's own border
            _LOG.error("%s", error, exc_info=error)
        return _error(error.status, error.code, str(error))

    async def refused(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestRefusedError)  # noqa: S101 - registered for this class only
        return _error(401, error.code, str(error))

    async def damaged(_request: Request, error: Exception) -> Response:
        return _error(400, "damaged", str(error))

    async def unexpected(_request: Request, error: Exception) -> Response:
        _LOG.error("unexpected fault", exc_info=error)
        sentence = "The store could not answer this request because of a fault of its own. Try again; tell support."
        return _error(500, "fault", sentence)

    app.add_exception_handler(StoreError, store_error)
    app.add_exception_handler(RequestRefusedError, refused)
    app.add_exception_handler(SyncDataError, damaged)
    app.add_exception_handler(Exception, unexpected)


def _error(status: int, code: str, sentence: str) -> Response:
    return JSONResponse({"error": sentence, "code": code}, status_code=status)


# --- routes -----------------------------------------------------------------------------------------------------------


def _add_open_routes(app: FastAPI, store: Store) -> None:
    @app.get("/v1/time")
    async def time() -> Response:
        return _canonical({"utc_ms": store.now_ms()})

    @app.post("/v1/enrol")
    async def enrol(request: Request) -> Response:
        body = await read_body(request, MESSAGE_BYTES)
        asked = _parsed(EnrolRequest, body, "Enrolment")
        box, signing = BoxPublic.from_hex(asked.x25519), VerifyKey.from_hex(asked.ed25519)
        device = await _away(lambda: store.enrol(asked.token, asked.name, box, signing))
        return _canonical({"device_id": device.id, "time_ms": store.now_ms(), **store.public_keys()})


def _add_sitting_routes(app: FastAPI, store: Store, door: _Door) -> None:
    @app.get("/v1/device/sittings")
    async def sittings(request: Request) -> Response:
        caller = await door.caller(request)
        return _canonical(list(await _away(lambda: store.device_sittings(caller.device))))

    @app.get("/v1/device/ticket")
    async def ticket(request: Request, sitting: Id) -> Response:
        caller = await door.caller(request)
        return _bytes(await _away(lambda: store.ticket(caller.device, sitting)))

    @app.get("/v1/device/attempts")
    async def attempts(request: Request, sitting: Id) -> Response:
        caller = await door.caller(request)
        await _away(lambda: store.require_device_sitting(caller.device, sitting))
        return _canonical(list(await _away(lambda: store.attempts(caller.device, sitting))))

    @app.get("/v1/device/grant")
    async def grant(request: Request, sitting: Id, release: Id) -> Response:
        caller = await door.caller(request)
        return _bytes(await _away(lambda: store.grant(caller.device, sitting, release)))

    @app.get("/v1/device/share")
    async def share(request: Request, sitting: Id) -> Response:
        caller = await door.caller(request)
        return _bytes(await _away(lambda: store.share(caller.device, sitting)))

    @app.get("/v1/releases/{release}")
    async def release(request: Request, release: str) -> Response:
        caller = await door.caller(request)
        path = await _away(lambda: store.release_file(caller.device, release))
        return FileResponse(path, media_type="application/octet-stream")


def _add_order_routes(app: FastAPI, store: Store, door: _Door) -> None:
    @app.get("/v1/orders")
    async def orders(
        request: Request,
        sitting: Id,
        after: Annotated[int, Query(ge=0, le=MAX_INT)] = 0,
        wait_ms: Annotated[int, Query(ge=0, le=LONGEST_WAIT_MS)] = 0,
    ) -> Response:
        caller = await door.caller(request)
        await _away(lambda: store.require_device_sitting(caller.device, sitting))
        seen = store.bell.version(f"orders/{sitting}")
        data, count = await _away(lambda: store.signed_orders(sitting, after))
        if count == 0 and wait_ms:
            await store.bell.wait(f"orders/{sitting}", seen, wait_ms / 1000)
            data, _ = await _away(lambda: store.signed_orders(sitting, after))
        return _bytes(data)

    @app.post("/v1/orders/ack")
    async def acknowledge(request: Request) -> Response:
        caller = await door.caller(request)
        told = _parsed(Acknowledgement, caller.body, "Acknowledgement")
        if told.device != caller.device.id:
            raise DamagedError("Acknowledgement", f"it names PC '{told.device}', but '{caller.device.id}' sent it")
        await _away(lambda: store.acknowledge(caller.device, told.sitting, told.number, told.applied_at_ms))
        return _canonical({"ok": True})


def _add_delivery_routes(app: FastAPI, store: Store, door: _Door) -> None:
    @app.post("/v1/progress")
    async def progress(request: Request) -> Response:
        caller = await door.caller(request)
        await _away(lambda: store.keep_progress(caller.device, caller.key, caller.body))
        return _canonical({"ok": True})

    @app.post("/v1/readiness")
    async def readiness(request: Request) -> Response:
        caller = await door.caller(request)
        await _away(lambda: store.keep_readiness(caller.device, caller.key, caller.body))
        return _canonical({"ok": True})

    @app.get("/v1/trial")
    async def trial_fetched(request: Request) -> Response:
        await door.caller(request)
        return _bytes(os.urandom(TRIAL_BYTES))

    @app.post("/v1/trial")
    async def trial_sent(request: Request) -> Response:
        caller = await door.caller(request, TRIAL_BYTES)
        return _canonical({"bytes": len(caller.body)})

    @app.post("/v1/envelopes")
    async def envelopes(request: Request) -> Response:
        caller = await door.caller(request, MAX_ENVELOPE_BYTES)
        kept = await asyncio.wrap_future(store.keep_envelope(caller.body, (caller.device, caller.key)))
        return _bytes(kept.receipt, 409 if kept.is_conflict else 200)

    @app.get("/v1/receipts")
    async def receipts(request: Request, attempt: Id) -> Response:
        caller = await door.caller(request)
        found = await _away(lambda: store.receipts(caller.device, attempt))
        return _canonical([json.loads(data) for data in found])

    @app.get("/v1/attempts/{attempt}/envelopes")
    async def handover(request: Request, attempt: str) -> Response:
        caller = await door.caller(request)
        found = await _away(lambda: store.handover_envelopes(caller.device, attempt))
        return _canonical([base64.b64encode(data).decode("ascii") for data in found])


def _add_command_route(app: FastAPI, store: Store, secret: str) -> None:
    @app.post(COMMAND_PATH, include_in_schema=False)
    async def command(request: Request) -> Response:
        shown = request.headers.get(SECRET_HEADER, "")
        if not hmac.compare_digest(shown.encode(), secret.encode()):
            raise WrongPasswordError
        asked = _parsed(CommandRequest, await read_body(request, COMMAND_BYTES), "Command")
        return JSONResponse(await _away(lambda: perform(store, asked)))
