"""The PCs' standing and keys, remembered: every request asks for them, and they change a few times in a PC's life."""

from __future__ import annotations

import threading
from collections.abc import Callable

from centralstore.records import DeviceView
from sync.keys import BoxPublic, VerifyKey

Entry = tuple[DeviceView, BoxPublic, VerifyKey]


class Directory:
    """Entries by the PC's id. Thread-safe. This process alone writes the database, so nothing changes behind it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changes = 0
        self._known: dict[str, Entry] = {}

    def find(self, device: str, read: Callable[[], Entry]) -> Entry:
        """The entry; ``read`` looks it up when it is not remembered, and what that raises is not remembered."""
        known = self._known.get(device)
        if known is not None:
            return known
        with self._lock:
            before = self._changes
        found = read()
        with self._lock:
            if self._changes == before:  # else it may have been read before the change
                self._known[device] = found
        return found

    def forget(self, device: str) -> None:
        """The PC's row was changed."""
        with self._lock:
            self._changes += 1
            self._known.pop(device, None)
