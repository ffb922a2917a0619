"""No key reaches the window manager or another window (X11; under a kiosk compositor there is nobody to reach)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QThread
from PySide6.QtGui import QGuiApplication

from kiosk.errors import LockdownError

if TYPE_CHECKING:
    from PySide6.QtGui import QWindow
    from PySide6.QtWidgets import QWidget

PATIENCE_S: Final = 5.0
"""X11 refuses the grab until the window manager has put the window up, and while it handles a key of its own."""
PAUSE_MS: Final = 10


class GrabKeyboard:
    """`QWindow.setKeyboardGrabEnabled`, whose answer is honest: False when another program holds the keyboard."""

    name = "grab-keyboard"

    def __init__(self, window: QWidget) -> None:
        self._window = window

    def perform(self) -> None:
        """Take the keyboard; raises `LockdownError` when another program has it and keeps it."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.take():
            if time.monotonic() > deadline:
                raise LockdownError(self.name, "another program holds the keyboard")
            QGuiApplication.processEvents()
            QThread.msleep(PAUSE_MS)

    def take(self) -> bool:
        """Take the keyboard again, as after a focus loss; False when another program has it."""
        if QGuiApplication.platformName() != "xcb":
            return True
        return _handle(self._window).setKeyboardGrabEnabled(True)

    def revert(self) -> None:
        """Let the keyboard go."""
        if QGuiApplication.platformName() == "xcb":
            _handle(self._window).setKeyboardGrabEnabled(False)


def _handle(window: QWidget) -> QWindow:
    """The native window; asking for its id makes it, if it was not shown yet."""
    window.winId()
    return window.windowHandle()
