"""Wakes whoever waits for news of a sitting: the kiosks' long polls and the room pages."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict


class Bell:
    """A version number per topic; ``ring`` from any thread raises it, ``wait`` in an event loop sees it."""

    def __init__(self, first_version: int) -> None:
        self._first = first_version
        self._lock = threading.Lock()
        self._is_over = False
        self._versions: dict[str, int] = {}
        self._waiting: defaultdict[str, set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = defaultdict(set)

    def version(self, topic: str) -> int:
        """The topic's version now; it only rises, over restarts too (it begins at the time of the start)."""
        with self._lock:
            return self._versions.get(topic, self._first)

    def waiting(self, topic: str) -> int:
        """How many wait for news of the topic."""
        with self._lock:
            return len(self._waiting.get(topic, ()))

    def ring(self, topic: str) -> None:
        """Something changed."""
        with self._lock:
            self._versions[topic] = self._versions.get(topic, self._first) + 1
            waiting = self._waiting.pop(topic, set())
        for loop, waker in waiting:
            loop.call_soon_threadsafe(waker.set)

    def end_waiting(self) -> None:
        """The service stops: whoever waits goes on at once, and nobody waits any more."""
        with self._lock:
            self._is_over = True
            waiting = [entry for entries in self._waiting.values() for entry in entries]
            self._waiting.clear()
        for loop, waker in waiting:
            loop.call_soon_threadsafe(waker.set)

    async def wait(self, topic: str, seen: int, timeout_s: float) -> int:
        """The version once it differs from ``seen``, or as it is after ``timeout_s`` seconds or when waiting ended."""
        entry = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            version = self._versions.get(topic, self._first)
            if self._is_over or version != seen:
                return version
            self._waiting[topic].add(entry)
        try:
            async with asyncio.timeout(timeout_s):
                await entry[1].wait()
        except TimeoutError:
            pass
        finally:
            with self._lock:
                self._waiting[topic].discard(entry)
        return self.version(topic)
