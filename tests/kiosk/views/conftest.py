"""The real exam window on Qt's offscreen platform, with everything it tells."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict, replace
from typing import TypeVar

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QLineEdit, QWidget
from pytestqt.qtbot import QtBot
from shiboken6 import delete

from kiosk.intents import Intent, KeyTimed, SetLanguage, SetStill, SetTextSize, SetTheme
from kiosk.look.look import Look
from kiosk.screens import HandInScreen, LeaveModuleScreen, Screen
from kiosk.views.window import ExamWindow
from kiosk.widgets.editor import ScriptEditor

W = TypeVar("W", bound=QWidget)
Told = TypeVar("Told", bound=Intent)
NONE = Qt.KeyboardModifier.NoModifier


class Candidate:
    """Someone at the window: sees texts, presses keys and buttons; settings take effect as with the conductor."""

    def __init__(self, window: ExamWindow) -> None:
        self.window = window
        self.told: list[Intent] = []
        window.intent.connect(self._hear)

    def _hear(self, intent: Intent) -> None:
        self.told.append(intent)
        screen = self.window.screen_shown
        if screen is not None and isinstance(intent, SetTextSize | SetTheme | SetStill | SetLanguage):
            self.see(with_settings(screen, **asdict(intent)))

    def see(self, screen: Screen) -> None:
        self.window.show_screen(screen)
        self.settle()

    def settle(self) -> None:
        for _turn in range(3):
            QApplication.processEvents()

    def find(self, name: str) -> QWidget:
        return self.find_a(QWidget, name)

    def find_a(self, kind: type[W], name: str) -> W:
        """The widget of this kind and name that is on the screen."""
        found = next((one for one in self.window.findChildren(kind, name) if one.isVisible()), None)
        assert found is not None, f"{name} is not on the screen"
        return found

    def is_chosen(self, name: str) -> bool:
        return self.find_a(QAbstractButton, name).isChecked()

    def typed_in(self, name: str) -> str:
        return self.find_a(QLineEdit, name).text()

    @property
    def look(self) -> Look:
        look = self.window.look
        assert look is not None
        return look

    @property
    def editor(self) -> ScriptEditor:
        return self.find_a(ScriptEditor, "editor")

    def sees(self, name: str) -> bool:
        return any(one.isVisible() for one in self.window.findChildren(QWidget, name))

    def reads(self, name: str) -> str:
        return self.find_a(QLabel, name).text()

    @property
    def all_text(self) -> str:
        """Every word on the screen, also those of buttons."""
        labels = [one.text() for one in self.window.findChildren(QLabel) if one.isVisible()]
        buttons = [one.text() for one in self.window.findChildren(QAbstractButton) if one.isVisible()]
        names = [one.accessibleName() for one in self.window.findChildren(QWidget) if one.isVisible()]
        return "\n".join([*labels, *buttons, *names])

    def press(self, name: str) -> None:
        QTest.mouseClick(self.find(name), Qt.MouseButton.LeftButton)
        self.settle()

    def key(self, key: Qt.Key, held: Qt.KeyboardModifier = NONE) -> None:
        QTest.keyClick(self.window.focusWidget() or self.window, key, held)
        self.settle()

    def type(self, text: str) -> None:
        QTest.keyClicks(self.window.focusWidget() or self.window, text)
        self.settle()

    @property
    def focus(self) -> str:
        focused: QWidget | None = self.window.focusWidget()
        return focused.objectName() if focused else ""

    @property
    def acts(self) -> list[Intent]:
        """What was told, but for the times of keys."""
        return [intent for intent in self.told if not isinstance(intent, KeyTimed)]

    def told_of(self, kind: type[Told]) -> list[Told]:
        return [intent for intent in self.told if isinstance(intent, kind)]


def with_settings(screen: Screen, **settings: object) -> Screen:
    """The screen as the candidate now wants it."""
    changed = replace(screen, settings=replace(screen.settings, **settings))
    if isinstance(changed, LeaveModuleScreen | HandInScreen):
        return replace(changed, behind=replace(changed.behind, settings=changed.settings))
    return changed


@pytest.fixture
def candidate(qtbot: QtBot) -> Generator[Candidate]:
    """A candidate in front of an active window of 1366 × 768."""
    window = ExamWindow()
    window.resize(1366, 768)
    window.show()
    with qtbot.waitActive(window):
        window.activateWindow()
    yield Candidate(window)
    window.allow_close()
    window.close()
    delete(window)
