"""Windows: what the system says of the device. Locking down is left to Assigned Access; see the package's README."""

from __future__ import annotations

import ctypes
from typing import Final

SM_CONVERTIBLESLATEMODE: Final = 0x2003
SM_TABLETPC: Final = 86


def is_tablet() -> bool:
    """Whether it is a tablet PC in slate mode (GetSystemMetrics)."""
    metrics = ctypes.CDLL("user32").GetSystemMetrics
    return bool(metrics(SM_TABLETPC)) and metrics(SM_CONVERTIBLESLATEMODE) == 0
