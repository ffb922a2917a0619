"""How long the store's log is, told with the time: a PC that sees it shrink knows that a backup was restored."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool

if TYPE_CHECKING:
    from centralstore.store import Store

FRESH_S: Final = 1.0
"""Ten thousand PCs ask for the time every few seconds; the database is asked once in this while."""


class LogHeight:
    """The log's size, up to a second old."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._size = 0
        self._read_at = -FRESH_S

    async def now(self) -> int:
        """How many leaves the log has."""
        if time.monotonic() - self._read_at >= FRESH_S:
            self._read_at = time.monotonic()
            self._size = max(self._size, await run_in_threadpool(self._store.log_size))
        return self._size
