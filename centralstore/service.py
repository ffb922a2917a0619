"""The HTTP service: what the kiosks meet. The only place that ties a store to the network.

Every request but enrolment, time and an envelope is signed by the PC (`sync.requests`), and all of them enter by
`centralstore.door`, where sizes are checked while reading, before any parsing; models are strict. Nothing about results
is here.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import secrets
from typing import Annotated, Final

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from pydantic import Field

from centralstore.counter import perform
from centralstore.description import describe
from centralstore.desk import COMMAND_PATH, SECRET_HEADER, CommandRequest
from centralstore.door import (
    API_HEADERS,
    MESSAGE_BYTES,
    Door,
    Figures,
    Id,
    PathId,
    answer_errors,
    away,
    canonical,
    octets,
    only_known_queries,
    parsed,
    read_body,
)
from centralstore.errors import DamagedError, WrongPasswordError
from centralstore.height import LogHeight
from centralstore.lane import PATH, EnvelopeRoute
from centralstore.routes_log import add_log_routes
from centralstore.routes_metadata import add_metadata_routes
from centralstore.routes_relay import add_relay_routes
from centralstore.store import Store
from sync.canonical import MAX_INT, Message
from sync.keys import BoxPublic, VerifyKey
from sync.readiness import TRIAL_BYTES

COMMAND_BYTES: Final = 64 * 2**20
"""A command may bring the results of many sittings; only the store's owner can send one."""

LONGEST_WAIT_MS: Final = 20_000


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


def build_app(store: Store, *, command_secret: str = "") -> FastAPI:
    """The ASGI application over an open store. Pages for staff are added to it by `administration`.

    Args:
        store: an open store.
        command_secret: what the store owner's commands show (`centralstore.desk`); "" takes none.
    """
    app = FastAPI(
        title="Prøverom store",
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        redirect_slashes=False,
        dependencies=[Depends(only_known_queries)],
    )
    app.state.store = store
    answer_errors(app)
    door = Door(store)
    _add_open_routes(app, store)
    _add_sitting_routes(app, store, door)
    _add_order_routes(app, store, door)
    _add_delivery_routes(app, store, door)
    add_log_routes(app, store)
    add_metadata_routes(app, store, door)
    add_relay_routes(app, store, door)
    if command_secret:
        _add_command_route(app, store, command_secret)
    describe(app)
    return app


# --- routes -----------------------------------------------------------------------------------------------------------


def _add_open_routes(app: FastAPI, store: Store) -> None:
    height = LogHeight(store)
    run = secrets.token_hex(8)

    @app.get("/v1/time")
    async def time() -> Response:
        size = await height.now()
        return canonical({"log_size": size, "run": run, "utc_ms": store.now_ms()})

    @app.post("/v1/enrol")
    async def enrol(request: Request) -> Response:
        body = await read_body(request, MESSAGE_BYTES)
        asked = parsed(EnrolRequest, body, "Enrolment")
        box, signing = BoxPublic.from_hex(asked.x25519), VerifyKey.from_hex(asked.ed25519)
        device = await away(lambda: store.enrol(asked.token, asked.name, box, signing))
        return canonical({"device_id": device.id, "time_ms": store.now_ms(), **store.public_keys()})


def _add_sitting_routes(app: FastAPI, store: Store, door: Door) -> None:
    @app.get("/v1/device/sittings")
    async def sittings(request: Request) -> Response:
        caller = await door.caller(request)
        return canonical(list(await away(lambda: store.device_sittings(caller.device))))

    @app.get("/v1/device/ticket")
    async def ticket(request: Request, sitting: Id) -> Response:
        caller = await door.caller(request)
        return octets(await away(lambda: store.ticket(caller.device, sitting)))

    @app.get("/v1/device/attempts")
    async def attempts(request: Request, sitting: Id) -> Response:
        caller = await door.caller(request)
        await away(lambda: store.require_device_sitting(caller.device, sitting))
        return canonical(list(await away(lambda: store.attempts(caller.device, sitting))))

    @app.get("/v1/device/grant")
    async def grant(request: Request, sitting: Id, release: Id) -> Response:
        caller = await door.caller(request)
        return octets(await away(lambda: store.grant(caller.device, sitting, release)))

    @app.get("/v1/device/share")
    async def share(request: Request, sitting: Id) -> Response:
        caller = await door.caller(request)
        return octets(await away(lambda: store.share(caller.device, sitting)))

    @app.get("/v1/releases/{release}")
    async def release(request: Request, release: PathId) -> Response:
        caller = await door.caller(request)
        path = await away(lambda: store.release_file(caller.device, release))
        return FileResponse(path, media_type="application/octet-stream", headers=API_HEADERS)


def _add_order_routes(app: FastAPI, store: Store, door: Door) -> None:
    @app.get("/v1/orders")
    async def orders(
        request: Request,
        sitting: Id,
        after: Annotated[int, Query(ge=0, le=MAX_INT), Figures] = 0,
        wait_ms: Annotated[int, Query(ge=0, le=LONGEST_WAIT_MS), Figures] = 0,
    ) -> Response:
        caller = await door.caller(request)
        await away(lambda: store.require_device_sitting(caller.device, sitting))
        seen = store.bell.version(f"orders/{sitting}")
        data, count = await away(lambda: store.signed_orders(sitting, after))
        if count == 0 and wait_ms:
            await store.bell.wait(f"orders/{sitting}", seen, wait_ms / 1000)
            data, _ = await away(lambda: store.signed_orders(sitting, after))
        return octets(data)

    @app.post("/v1/orders/ack")
    async def acknowledge(request: Request) -> Response:
        caller = await door.caller(request)
        told = parsed(Acknowledgement, caller.body, "Acknowledgement")
        if told.device != caller.device.id:
            raise DamagedError("Acknowledgement", f"it names PC '{told.device}', but '{caller.device.id}' sent it")
        await away(lambda: store.acknowledge(caller.device, told.sitting, told.number, told.applied_at_ms))
        return canonical({"ok": True})


def _add_delivery_routes(app: FastAPI, store: Store, door: Door) -> None:
    @app.post("/v1/progress")
    async def progress(request: Request) -> Response:
        caller = await door.caller(request)
        await away(lambda: store.keep_progress(caller.device, caller.key, caller.body))
        return canonical({"ok": True})

    @app.post("/v1/readiness")
    async def readiness(request: Request) -> Response:
        caller = await door.caller(request)
        await away(lambda: store.keep_readiness(caller.device, caller.key, caller.body))
        return canonical({"ok": True})

    @app.get("/v1/trial")
    async def trial_fetched(request: Request) -> Response:
        await door.caller(request)
        return octets(os.urandom(TRIAL_BYTES))

    @app.post("/v1/trial")
    async def trial_sent(request: Request) -> Response:
        caller = await door.caller(request, TRIAL_BYTES)
        return canonical({"bytes": len(caller.body)})

    app.add_api_route(PATH, EnvelopeRoute(store).answer, methods=["POST"])

    @app.get("/v1/receipts")
    async def receipts(request: Request, attempt: Id) -> Response:
        caller = await door.caller(request)
        found = await away(lambda: store.receipts(caller.device, attempt))
        return canonical([json.loads(data) for data in found])

    @app.get("/v1/attempts/{attempt}/envelopes")
    async def handover(request: Request, attempt: PathId) -> Response:
        caller = await door.caller(request)
        found = await away(lambda: store.handover_envelopes(caller.device, attempt))
        return canonical([base64.b64encode(data).decode("ascii") for data in found])


def _add_command_route(app: FastAPI, store: Store, secret: str) -> None:
    @app.post(COMMAND_PATH, include_in_schema=False)
    async def command(request: Request) -> Response:
        shown = request.headers.get(SECRET_HEADER, "")
        if not hmac.compare_digest(shown.encode(), secret.encode()):
            raise WrongPasswordError
        asked = parsed(CommandRequest, await read_body(request, COMMAND_BYTES), "Command")
        return JSONResponse(await away(lambda: perform(store, asked)), headers=dict(API_HEADERS))
