"""The log for everybody: its newest checkpoint and proofs. Open without a key: a tree shows nothing but hashes.

What it costs is bounded: a checkpoint is signed at most once a second, a proof reads at most some hundred leaves.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query, Response

from centralstore.door import Figures, away, canonical, octets
from centralstore.store import Store
from sync.canonical import MAX_INT

Size = Annotated[int, Query(ge=1, le=MAX_INT), Figures]


def add_log_routes(app: FastAPI, store: Store) -> None:
    """Checkpoint, consistency and inclusion under ``/v1/log``."""

    @app.get("/v1/log/checkpoint")
    async def checkpoint() -> Response:
        return octets(await away(store.recent_checkpoint))

    @app.get("/v1/log/consistency")
    async def consistency(first: Annotated[Size, Query(alias="from")], to: Size) -> Response:
        path = await away(lambda: store.consistency(first, to))
        return canonical({"first": first, "last": to, "path": [step.hex() for step in path]})

    @app.get("/v1/log/inclusion")
    async def inclusion(index: Annotated[int, Query(ge=0, le=MAX_INT), Figures], size: Size) -> Response:
        found = await away(lambda: store.inclusion(index, size))
        path = [step.hex() for step in found.path]
        return canonical({"index": index, "leaf": found.leaf.hex(), "path": path, "size": size})
