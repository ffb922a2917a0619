"""Relays at the store's door: the delegation for PCs, and what a relay forwards. A relay signs its requests too."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from fastapi import FastAPI, Request, Response

from centralstore.door import MESSAGE_BYTES, Door, Id, away, canonical, octets, parsed, read_body
from centralstore.relay.rows import MOST_BYTES, Telling
from centralstore.store import Store
from centralstore.store.intake import MAX_ENVELOPE_BYTES
from sync.canonical import plain_of
from sync.orders import MAX_ORDERS_BYTES
from sync.requests import SeenNonces, claimed_device, verify_request
from sync.signed import MAX_MESSAGE_BYTES


@dataclass(frozen=True, slots=True)
class _Relay:
    """A relay whose request's signature holds."""

    id: str
    body: bytes


class _RelayDoor:
    """Reads a relay's request within its limits and finds out which relay signed it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._nonces = SeenNonces(most=200_000)

    async def relay(self, request: Request, limit: int = MESSAGE_BYTES) -> _Relay:
        body = await read_body(request, limit)
        claimed = claimed_device(request.headers)
        key = await away(lambda: self._store.relay_key(claimed))
        query = request.scope["query_string"].decode("ascii", "replace")
        path = request.scope["raw_path"].decode("ascii", "replace") + (f"?{query}" if query else "")
        now_ms = self._store.now_ms()
        return _Relay(verify_request(request.headers, request.method, path, body, key, now_ms, self._nonces), body)


def add_relay_routes(app: FastAPI, store: Store, door: Door) -> None:
    """Delegations for PCs under ``/v1``, forwarding under ``/v1/relay``."""
    _add_pc_routes(app, store, door)
    relays = _RelayDoor(store)

    @app.get("/v1/relay/standing")
    async def standing(request: Request, sitting: Id) -> Response:
        caller = await relays.relay(request)
        return canonical(plain_of(await away(lambda: store.relay_standing(caller.id, sitting))))

    @app.post("/v1/relay/orders")
    async def orders(request: Request) -> Response:
        caller = await relays.relay(request, MAX_ORDERS_BYTES)
        return canonical({"last": await away(lambda: store.take_relay_orders(caller.id, caller.body))})

    @app.post("/v1/relay/envelopes")
    async def envelopes(request: Request) -> Response:
        caller = await relays.relay(request, MAX_ENVELOPE_BYTES)
        kept = await asyncio.wrap_future(store.keep_envelope(caller.body))
        return octets(kept.receipt, 409 if kept.is_conflict else 200)

    @app.post("/v1/relay/rows")
    async def rows(request: Request) -> Response:
        caller = await relays.relay(request, MOST_BYTES)
        telling = parsed(Telling, caller.body, "Relay's rows")
        return canonical({"taken": await away(lambda: store.take_rows(caller.id, telling))})

    @app.post("/v1/relay/return")
    async def returned(request: Request, sitting: Id) -> Response:
        caller = await relays.relay(request, MAX_MESSAGE_BYTES)
        return canonical({"is_back": await away(lambda: store.take_return(caller.id, sitting, caller.body))})


def _add_pc_routes(app: FastAPI, store: Store, door: Door) -> None:
    @app.get("/v1/device/delegation")
    async def delegation(request: Request, sitting: Id) -> Response:
        caller = await door.caller(request)
        return octets(await away(lambda: store.delegation(caller.device, sitting)))

    @app.post("/v1/orders/heard")
    async def heard(request: Request) -> Response:
        caller = await door.caller(request, MAX_ORDERS_BYTES)
        return canonical({"last": await away(lambda: store.take_heard_orders(caller.device, caller.body))})
