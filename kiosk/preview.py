"""Screens as pictures or in a window of their own: for authors who want to see an item, with no exam behind it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kiosk.screens import Screen

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from kiosk.views.window import ExamWindow

SETTLING_TURNS = 4
"""Turns of the event loop after which layout, scroll bars and fonts stand still."""


def save_pictures(screens: Mapping[Path, Screen], size: tuple[int, int]) -> None:
    """Draw each screen with the exam's own window and write it as PNG; works without a display.

    ``size`` is the window's width and height in pixels.
    """
    if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app, window = _open(size)
    for path, screen in screens.items():
        window.show_screen(screen)
        for _turn in range(SETTLING_TURNS):
            app.processEvents()
        window.grab().save(str(path))
    window.allow_close()
    window.close()


def show_in_window(screen: Screen, size: tuple[int, int]) -> None:
    """Show one screen until its window is closed; nothing that is answered is kept."""
    app, window = _open(size)
    window.show_screen(screen)
    window.allow_close()
    app.exec()


def _open(size: tuple[int, int]) -> tuple[QApplication, ExamWindow]:
    from PySide6.QtWidgets import QApplication  # noqa: PLC0415  Qt is loaded only when something is drawn

    from kiosk.views.window import ExamWindow  # noqa: PLC0415  as above

    present = QApplication.instance()
    app = present if isinstance(present, QApplication) else QApplication(["proverom"])
    window = ExamWindow()
    window.resize(*size)
    window.show()
    window.activateWindow()
    app.processEvents()
    return app, window
