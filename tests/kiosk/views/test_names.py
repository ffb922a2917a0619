"""The list of names and the screens agree: robots find what it promises, and nothing pressable stands unlisted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QApplication

from kiosk.views import window as window_module
from kiosk.widgets.button import Pressable
from proverom.screens import WRITING, Shot, shots
from tests.kiosk.views.conftest import Candidate

LIST = Path(window_module.__file__).with_name("NAMES.md").read_text("utf-8")
LISTED = {name for name in re.findall(r"`([a-z0-9_{}]+)`", LIST) if not name.startswith("{")}
PATTERNS = [re.compile(re.sub(r"\\{\w+\\}", r"[\\w-]+", re.escape(name))) for name in LISTED]
IN_A_DEMO = {"leave_demo", "leave_demo_sheet"}
SHOWN_BY_OTHER_TESTS = {"item_notice", "sound_told", "page"}
"""Lines that come only after something was done or with more pages (test_window.py presses for them)."""


def is_listed(name: str) -> bool:
    return any(pattern.fullmatch(name) for pattern in PATTERNS)


@pytest.mark.parametrize("shot", shots(), ids=lambda shot: shot.name)
def test_everything_that_can_be_pressed_is_listed(candidate: Candidate, shot: Shot) -> None:
    candidate.see(shot.screen)
    if shot.press:
        candidate.press(shot.press)
    pressed = [one.objectName() for one in candidate.window.findChildren(Pressable) if one.isVisible()]
    assert [name for name in pressed if not is_listed(name)] == []


def test_every_listed_name_stands_on_some_screen(candidate: Candidate) -> None:
    seen: set[str] = set()
    for shot in shots():
        candidate.see(shot.screen)
        if shot.press:
            candidate.press(shot.press)
        seen |= set(candidate.window.robot_map())
        if candidate.window.settings_sheet is not None:
            candidate.window.settings_sheet.close_overlay()
    candidate.see(WRITING)
    place = QPoint(40, 40)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, candidate.editor.mapToGlobal(place))
    QApplication.sendEvent(candidate.editor.viewport(), event)
    seen |= set(candidate.window.robot_map())
    missing = {name for name in LISTED if not any(re.fullmatch(_pattern(name), one) for one in seen)}
    assert missing == IN_A_DEMO | SHOWN_BY_OTHER_TESTS


def _pattern(name: str) -> str:
    return re.sub(r"\\{\w+\\}", r"[\\w-]+", re.escape(name))
