"""Remembers when each state of a room was first seen, so that a tile can say "siden 10.42"."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

MOST_KEPT: Final = 20_000
"""States kept; a room of 30 has a few hundred in a day."""


class Watch:
    """First sights by key. Lost when the service stops; then the newest report's time stands in."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, int] = OrderedDict()

    def first_seen(self, key: str, suggestion_ms: int) -> int:
        """When ``key`` was first asked for; ``suggestion_ms`` is kept when this is the first time."""
        with self._lock:
            if key not in self._seen:
                self._seen[key] = suggestion_ms
                while len(self._seen) > self._most:
                    self._seen.popitem(last=False)
            return self._seen.get(key, suggestion_ms)
