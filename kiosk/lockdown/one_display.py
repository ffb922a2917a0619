"""One display only: a second one could show the test to somebody else, or something else to the candidate."""

from __future__ import annotations

from PySide6.QtGui import QGuiApplication

from kiosk.errors import LockdownError


class OneDisplay:
    """Refuse to begin with more than one display."""

    name = "one-display"

    def perform(self) -> None:
        """Count the displays; raises `LockdownError` when there is more than one."""
        count = len(QGuiApplication.screens())
        if count > 1:
            raise LockdownError(self.name, f"{count} displays are connected; disconnect all but one")

    def revert(self) -> None:
        """Nothing was changed."""
