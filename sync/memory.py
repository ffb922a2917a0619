"""What keeps a program's memory, where keys and answers stand in clear, from being written to a disk by a crash."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
from pathlib import Path
from typing import Final

_PR_SET_DUMPABLE: Final = 4
"""prctl(2): 0 means no core file, no attaching by other programs of this user, and /proc/PID/mem for root only."""

_SWAPS: Final = Path("/proc/swaps")
_log = logging.getLogger(__name__)


def keep_memory_private() -> bool:
    """Let no crash write this process's memory to a file, and no other program of this user read it.

    Called first thing by the kiosk and by the store's service. Core files are switched off for the children too.

    Returns:
        Whether the system did it; on Windows crash dumps are the administrator's setting (`deploy/README.md`).
    """
    if sys.platform == "win32":
        return False
    import resource  # noqa: PLC0415 - not on Windows

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not sys.platform.startswith("linux"):
        return False
    refused = ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if refused:
        _log.warning("the memory of this program could not be kept private: %s", os.strerror(ctypes.get_errno()))
    return not refused


def swaps(file: Path = _SWAPS) -> tuple[str, ...]:
    """Where the system swaps to that is not memory itself: there pages with keys can come to lie on a disk."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()[1:]
    except OSError:
        return ()
    names = [line.split()[0] for line in lines if line.split()]
    return tuple(name for name in names if not name.startswith("/dev/zram"))
