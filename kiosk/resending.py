"""What the store has lost is sent again: a store restored from a backup has not what came after it.

Journals stay on this PC long after delivery, so nothing is lost with the store's newest rows as long as somebody
notices. Three signs are looked for, none of which costs the store anything on an ordinary day: the log's size, told
with the time, has become smaller; the store's program was started anew, since its log may have grown past its old
length before this PC asked; and a start of this program, since the store may have gone back while it was off.
Then the store is asked for its receipts of each attempt of the last days, and what it no longer has waits again. The
PCs do this one after the other, at moments that their ids choose.
"""

from __future__ import annotations

import hashlib
import logging
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sync.client import StoreClient
    from sync.outbox import Outbox
    from sync.threads import Threads

_log = logging.getLogger(__name__)

START_SPREAD_S: Final = 600.0
BACK_SPREAD_S: Final = 60.0
"""Ten thousand PCs with three attempts each ask 50 times a second after their start, 500 times after a restoration."""

KEPT_MS: Final = 14 * 86_400_000
"""Older receipts are not asked for by themselves: no backup that is put back is that old."""

AT_ONCE: Final = 4


class Resending:
    """Compares receipts with the store's, some at a turn. Used from the thread that sends."""

    def __init__(self, outbox: Outbox, device: str, threads: Threads) -> None:
        self._outbox = outbox
        self._threads = threads
        self._share = hashlib.sha256(device.encode()).digest()[0] / 256
        self._left: deque[str] = deque()
        self._from_s = 0.0
        self._since_utc_ms = 0
        self._is_begun = self._is_under_way = False
        self.rounds = 0
        """How often everything was compared."""

    def begin(self, now_utc_ms: int, spread_s: float | None = None) -> None:
        """Compare from now on what was receipted in the last days (again)."""
        self._since_utc_ms = now_utc_ms - KEPT_MS
        self._is_begun, self._is_under_way = True, False
        self._from_s = self._threads.now_s() + self._share * (START_SPREAD_S if spread_s is None else spread_s)

    def turn(self, client: StoreClient, now_utc_ms: int) -> int:
        """Look for the signs, compare some attempts; how many envelopes wait again.

        Raises:
            SyncError: the store is out of reach or refused; the same attempts are compared at the next turn.
        """
        if client.has_gone_back or client.has_begun_anew:
            if client.has_gone_back:
                _log.warning("the store's log is shorter than it was: it was restored; what it lost is sent again")
            client.has_gone_back = client.has_begun_anew = False
            self.begin(now_utc_ms, BACK_SPREAD_S)
        if not self._is_begun or self._threads.now_s() < self._from_s:
            return 0
        if not self._is_under_way:
            # Only now: a receipt may have come before this store had first told how long its log is.
            self._is_under_way = True
            self._left = deque(self._outbox.attempts(since_utc_ms=self._since_utc_ms))
        lost = 0
        for _ in range(AT_ONCE):
            if not self._left:
                break
            attempt = self._left[0]
            self._left.rotate(-1)  # one that fails waits behind the others
            lost += self._outbox.compare(attempt, client.receipts(attempt))
            self._left.pop()
        if not self._left:
            self._is_begun = False
            self.rounds += 1
        if lost:
            _log.warning("the store had lost %d envelopes of this PC; they are sent again", lost)
        return lost
