"""Attempts to get round a check, in the service's log: malformed, unsigned, replayed, forged, too many. Counted.

One line when a caller is refused for a reason for the first time, then one a minute with how often it was since, so
that whoever floods the store does not flood its log. Never a body, a signature, a name or a token.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

AGAIN_S: Final = 60.0
MOST_KEPT: Final = 1_000
"""Reasons and callers remembered; the longest silent is forgotten first."""

TOLD: Final = frozenset({400, 401, 403, 405, 413, 415, 422, 429})
"""The answers that mean that a check was not passed (RFC 9110); what is only too early, taken or away is none."""

_LOG: Final = logging.getLogger("centralstore.refused")


@dataclass(slots=True)
class _Seen:
    told_s: float
    since: int = 0


class Refusals:
    """Counts refused requests by reason and caller, and tells them in the log."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._lock = threading.Lock()
        self._seen: OrderedDict[tuple[str, str], _Seen] = OrderedDict()

    def count(self, status: int, reason: str, caller: str) -> None:
        """One request of ``caller`` (an address) was answered with ``status`` for ``reason`` (a code of ours)."""
        if status not in TOLD:
            return
        with self._lock:
            times = self._times(reason, caller)
        if times:
            _LOG.warning("refused %d: %s, from %s, %d times", status, reason, caller, times)

    def _times(self, reason: str, caller: str) -> int:
        """How many are to be told now; 0 = none, they wait for the minute to pass."""
        now_s, key = self._now_s(), (reason, caller)
        seen = self._seen.pop(key, None)
        is_first = seen is None
        self._seen[key] = kept = seen or _Seen(now_s)
        while len(self._seen) > MOST_KEPT:
            self._seen.popitem(last=False)
        kept.since += 1
        if not is_first and now_s - kept.told_s < AGAIN_S:
            return 0
        times, kept.since, kept.told_s = kept.since, 0, now_s
        return times


REFUSALS: Final = Refusals()
"""Of this process, whose log is one."""
