"""Pictures of screens, drawn by the real window: for the documentation and for looking at what was changed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtGui import QImage
from PySide6.QtWidgets import QAbstractButton, QApplication

from kiosk.screens import EndScreen, Screen
from kiosk.views.window import ExamWindow

SIZE = (1366, 768)
SMALLEST_FILE = 0
"""Qt's quality for PNG: 0 compresses most, nothing is lost."""
TURNS = 4
"""Turns of the event loop until a screen stands: layouts settle, then scroll positions."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: its file name, what is shown, the size of the window, what is pressed once the screen stands."""

    name: str
    screen: Screen
    size: tuple[int, int] = SIZE
    press: str = ""


def draw_all(shots: Iterable[Shot], folder: Path) -> Iterator[Path]:
    """Draw each shot into ``folder`` as PNG and give its path; without a display on Qt's offscreen platform."""
    if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    present = QApplication.instance()
    app = present if isinstance(present, QApplication) else QApplication(sys.argv[:1])
    folder.mkdir(parents=True, exist_ok=True)
    window = ExamWindow()
    window.show()
    window.activateWindow()
    app.processEvents()
    for shot in shots:
        yield _draw(window, app, shot, folder)
    window.allow_close()
    window.close()


def _draw(window: ExamWindow, app: QApplication, shot: Shot, folder: Path) -> Path:
    window.resize(*shot.size)
    # From a clean glass: nothing of the screen before is kept, neither focus nor scroll positions.
    window.show_screen(EndScreen(kind="closed"))
    window.show_screen(shot.screen)
    for _turn in range(TURNS):
        app.processEvents()
    pressed = window.findChild(QAbstractButton, shot.press) if shot.press else None
    if pressed is not None:
        pressed.click()
        app.processEvents()
    path = folder / f"{shot.name}.png"
    picture = window.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    picture.save(str(path), quality=SMALLEST_FILE)
    if window.settings_sheet is not None:
        window.settings_sheet.close_overlay()
    return path
