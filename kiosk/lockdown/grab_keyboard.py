"""No key reaches the window manager or another window (X11; under a kiosk compositor there is nobody to reach)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication

from kiosk.errors import LockdownError

if TYPE_CHECKING:
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
        handle = self._window.windowHandle()
        return handle is not None and handle.setKeyboardGrabEnabled(True)  # noqa: FBT003 - Qt's signature

    def revert(self) -> None:
        """Let the keyboard go."""
        handle = self._window.windowHandle()
        if handle is not None:
            handle.setKeyboardGrabEnabled(False)  # noqa: FBT003 - Qt's signature
