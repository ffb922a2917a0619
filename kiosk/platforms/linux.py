"""Linux: what the firmware says of the device."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

CHASSIS_FILE: Final = "/sys/class/dmi/id/chassis_type"
TABLET: Final = "30"
"""SMBIOS 3.x, 7.4.1: 1Eh is a tablet; convertibles (1Fh) and detachables (20h) have keyboards."""


def is_tablet() -> bool:
    """Whether SMBIOS calls the device a tablet; `PROVEROM_CHASSIS_FILE` names another file to ask (device images)."""
    file = Path(os.environ.get("PROVEROM_CHASSIS_FILE", CHASSIS_FILE))
    try:
        return file.read_text(encoding="ascii").strip() == TABLET
    except OSError:
        return False
