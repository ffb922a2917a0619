"""No key reaches the window manager or another window (X11; under a kiosk compositor there is nobody to reach)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication

from kiosk.errors import LockdownError

if TYPE_CHECKING:
    from PySide6.QtGui import QWindow
    from PySide6.QtWidgets import QWidget


class GrabKeyboard:
    """`QWindow.setKeyboardGrabEnabled`, whose answer is honest: False when another program holds the keyboard."""

    name = "grab-keyboard"

    def __init__(self, window: QWidget) -> None:
        self._window = window

    def perform(self) -> None:
        """Take the keyboard; raises `LockdownError` when another program has it."""
        if not self.take():
            raise LockdownError(self.name, "another program holds the keyboard")

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
