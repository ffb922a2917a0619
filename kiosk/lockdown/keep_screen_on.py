"""The screen does not blank while a candidate reads or listens."""

from __future__ import annotations

import os
import shutil
import subprocess


class KeepScreenOn:
    """X11 screen saver and power saving off; a kiosk compositor has neither."""

    name = "keep-screen-on"

    def perform(self) -> None:
        """Switch blanking off."""
        _xset("s", "off", "-dpms")

    def revert(self) -> None:
        """Switch blanking on again."""
        _xset("s", "on", "+dpms")


def _xset(*arguments: str) -> None:
    program = shutil.which("xset")
    if program and os.environ.get("DISPLAY"):
        subprocess.run([program, *arguments], check=False, timeout=5, capture_output=True)
