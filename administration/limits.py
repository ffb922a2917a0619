"""How often one browser or address may ask: more than any person needs, less than a program would."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from typing import Final

from administration.errors import TooManyRequestsError

MOST_CALLERS: Final = 10_000
"""Callers remembered; the longest silent is forgotten first."""


class Limiter:
    """At most ``most`` requests of one caller within ``window_ms``."""

    def __init__(self, most: int, window_ms: int) -> None:
        self._most = most
        self._window_ms = window_ms
        self._lock = threading.Lock()
        self._asked: OrderedDict[str, deque[int]] = OrderedDict()

    def count(self, caller: str, now_ms: int) -> None:
        """Count a request.

        Raises:
            TooManyRequestsError: there were too many; this one does not count.
        """
        with self._lock:
            times = self._asked.pop(caller, deque[int]())
            while times and times[0] <= now_ms - self._window_ms:
                times.popleft()
            self._asked[caller] = times
            while len(self._asked) > MOST_CALLERS:
                self._asked.popitem(last=False)
            if len(times) >= self._most:
                raise TooManyRequestsError(-(-(times[0] + self._window_ms - now_ms) // 1000))
            times.append(now_ms)
