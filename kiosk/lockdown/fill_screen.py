"""The window covers the whole screen, also where no window manager would make it do so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget


class FillScreen:
    """Frameless, on top, and exactly as large as the screen."""

    name = "fill-screen"

    def __init__(self, window: QWidget) -> None:
        self._window = window

    def perform(self) -> None:
        """Show the window over everything."""
        screen = self._window.screen()
        self._window.setWindowFlags(Qt.WindowType.FramelessWindowHint | Qt.WindowType.WindowStaysOnTopHint)
        # Without a window manager showFullScreen() does not resize on X11 (Qt 6.11): the size is set by hand first.
        self._window.setGeometry(screen.geometry())
        self._window.showFullScreen()

    def revert(self) -> None:
        """Give the screen back."""
        self._window.setWindowFlags(Qt.WindowType.Window)
        self._window.showNormal()
