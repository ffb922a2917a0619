"""The route by which PCs and relays fetch the authority's list of current releases."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response

from centralstore.door import Door, PathId, away, octets
from centralstore.store import Store


def add_metadata_routes(app: FastAPI, store: Store, door: Door) -> None:
    """Add ``GET /v1/metadata/{name}``: a file of the list as the authority made it."""

    @app.get("/v1/metadata/{name}")
    async def metadata(request: Request, name: PathId) -> Response:
        caller = await door.caller(request)
        return octets(await away(lambda: store.metadata_file(caller.device, name)))
