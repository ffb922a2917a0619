"""The short way in for envelopes: the server answers POST /v1/envelopes before any middleware and routing.

Nearly all that the PCs of a country send at a busy moment comes this way, so it costs as little as can be. Limits,
errors and the function that answers are those of the route of the same path (`centralstore.service`). The request's own
signature is not looked at: the envelope carries its PC's (`sync/PROTOCOL.md`, "Envelopes at the door").
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

from fastapi import Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from centralstore.connection import MOST_UNDER_WAY
from centralstore.door import answer_of, octets, read_body
from centralstore.errors import BusyError
from centralstore.store import Store
from centralstore.store.intake import MAX_ENVELOPE_BYTES, Kept

PATH: Final = "/v1/envelopes"

BUSY_SECONDS: Final = 2
_WHAT: Final = "Envelope"

_Told = tuple[asyncio.Future[Kept], Any, BaseException | None]


class EnvelopeRoute:
    """Takes an envelope from a request to the store and answers with the receipt."""

    def __init__(self, store: Store, most: int = MOST_UNDER_WAY) -> None:
        self._store = store
        self._most = most
        self._told: deque[_Told] = deque()
        self._is_woken = False
        self._under_way = 0

    async def answer(self, request: Request) -> Response:
        """The signed receipt (409 when it tells of a conflict).

        Raises:
            BusyError: too many wait; nothing was looked at.
            TooLargeError, TooSlowError: as `read_body`.
            DamagedError, UnknownDeviceError, NotKeptError: as `Store.take_envelope`.
        """
        self._require_room()
        body = await read_body(request, MAX_ENVELOPE_BYTES)
        self._require_room()
        self._under_way += 1
        try:
            # All that have come are counted before any of them is looked at, so that what is too much is told at once.
            await asyncio.sleep(0)
            kept = await self._kept(body)
        finally:
            self._under_way -= 1
        return octets(kept.receipt, 409 if kept.is_conflict else 200)

    def _require_room(self) -> None:
        if self._under_way >= self._most:
            raise BusyError(_WHAT, BUSY_SECONDS)

    async def _kept(self, body: bytes) -> Kept:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Kept] = loop.create_future()

        def tell(kept: Any, error: BaseException | None) -> None:  # noqa: ANN401 - a Kept where there is no error
            """In the writer's thread; the loop is woken once for a whole group."""
            self._told.append((future, kept, error))
            if not self._is_woken:
                self._is_woken = True
                with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits
                    loop.call_soon_threadsafe(self._pass_on)

        self._store.take_envelope(body, tell)
        return await future

    def _pass_on(self) -> None:
        self._is_woken = False
        while self._told:
            future, kept, error = self._told.popleft()
            if future.done():  # its connection is gone
                continue
            if error is None:
                future.set_result(kept)
            else:
                future.set_exception(error)


class EnvelopeLane:
    """ASGI: envelopes straight to their route, everything else to the application."""

    def __init__(self, app: ASGIApp, answer: Callable[[Request], Awaitable[Response]]) -> None:
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except Exception as error:  # noqa: BLE001 - answered as the application answers it
            answer = answer_of(error, request)
        await answer(scope, receive, send)
