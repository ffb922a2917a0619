"""At every text size nothing is cut, nothing scrolls sideways and everything that can be pressed is large enough."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import pytest
from PySide6.QtCore import QPoint, QRect
from PySide6.QtWidgets import QAbstractButton, QAbstractScrollArea, QApplication, QWidget

from kiosk.look.look import Look, starting_text_size
from kiosk.screens import TEXT_SIZES, Settings
from kiosk.views.locked import fitting
from kiosk.widgets.button import Pressable
from kiosk.widgets.inline import HotWordButton
from kiosk.widgets.prose import Prose
from proverom.screens import shots
from tests.kiosk.views.conftest import Candidate, with_settings

SHOTS = {shot.name: shot for shot in shots() if shot.size == (1366, 768) and shot.screen.settings == Settings()}
STATES = ("-wrong", "-protected", "-waiting", "-none", "-once", "-fault", "-next", "-low-time")
SHAPES = {name: shot for name, shot in SHOTS.items() if not name.endswith(STATES)}
"""Screens that differ in what stands on them, not only in a word."""
SMALLEST_TARGET = 36
"""A square control of 44 may lose a few pixels to its frame; nothing pressable is smaller than this."""


W = TypeVar("W", bound=QWidget)


def seen(candidate: Candidate, kind: type[W]) -> list[W]:
    return [one for one in candidate.window.findChildren(kind) if one.isVisible()]


def cut_texts(candidate: Candidate) -> Iterator[str]:
    for label in seen(candidate, Prose):
        needed = label.heightForWidth(label.width()) if label.wordWrap() else label.sizeHint().height()
        if label.text() and label.height() + 1 < needed:
            yield f"text cut in height: {label.text()!r} {label.height()} < {needed}"
        if label.text() and label.width() + 1 < label.minimumSizeHint().width():
            yield f"text cut in width: {label.text()!r} {label.width()} < {label.minimumSizeHint().width()}"


def lost_targets(candidate: Candidate) -> Iterator[str]:
    window = candidate.window
    for one in seen(candidate, Pressable):
        place = QRect(one.mapTo(window, QPoint(0, 0)), one.size())
        if place.left() < 0 or place.right() > window.width():
            yield f"{one.objectName()} stands outside the window: {place}"
        if not isinstance(one, HotWordButton) and one.height() < SMALLEST_TARGET:
            yield f"{one.objectName()} is only {one.height()} high"


def sideways(candidate: Candidate) -> Iterator[str]:
    for area in seen(candidate, QAbstractScrollArea):
        if area.horizontalScrollBar().maximum() > 0:
            yield f"{area.objectName()} scrolls sideways"
    for one in seen(candidate, QWidget):
        layout = one.layout()
        if layout is not None and layout.minimumSize().width() > one.width() + 1:
            name = f"{type(one).__name__} {one.objectName()}"
            yield f"{name} is {one.width()} wide, its content {layout.minimumSize().width()}"


def faults(candidate: Candidate) -> list[str]:
    return [*cut_texts(candidate), *lost_targets(candidate), *sideways(candidate)]


@pytest.mark.parametrize("text_size", TEXT_SIZES)
@pytest.mark.parametrize("name", sorted(SHAPES))
def test_nothing_is_cut_or_outside(candidate: Candidate, name: str, text_size: int) -> None:
    candidate.see(with_settings(SHOTS[name].screen, text_size=text_size))
    assert faults(candidate) == []


@pytest.mark.parametrize("language", ["nn", "en"])
@pytest.mark.parametrize("name", sorted(SHAPES))
def test_the_other_languages_fit_too(candidate: Candidate, name: str, language: str) -> None:
    candidate.see(with_settings(SHOTS[name].screen, language=language))
    assert faults(candidate) == []


@pytest.mark.parametrize("name", ["07-reading", "09-listening", "10-writing", "01-login", "08-leave-1"])
@pytest.mark.parametrize("text_size", [125, 250])
def test_nothing_is_cut_on_a_wide_display(candidate: Candidate, name: str, text_size: int) -> None:
    candidate.window.resize(1920, 1080)
    candidate.see(with_settings(SHOTS[name].screen, text_size=text_size))
    assert faults(candidate) == []


@pytest.mark.parametrize("name", sorted(SHOTS))
def test_everything_that_can_be_pressed_has_a_name_and_is_never_disabled(candidate: Candidate, name: str) -> None:
    candidate.see(SHOTS[name].screen)
    for one in candidate.window.findChildren(QAbstractButton):
        assert one.objectName()
        assert one.accessibleName()
        assert one.isEnabled()
        assert one.toolTip() == ""
    assert len([top for top in QApplication.topLevelWidgets() if top.isVisible()]) == 1
    assert candidate.window.isActiveWindow()


# Widths and zooms at which one column begins: 860 logical pixels (look, grid and text size).
@pytest.mark.parametrize(
    ("width", "text_size", "is_one_column"),
    [
        (1366, 150, False),
        (1366, 175, True),
        (1920, 200, False),
        (1920, 250, True),
        (1366, 100, False),
        (800, 100, True),
    ],
)
def test_one_column_begins_below_860_logical_pixels(width: int, text_size: int, is_one_column: bool) -> None:
    assert Look(Settings(text_size=text_size), width, 768).is_one_column is is_one_column


def test_a_wide_display_starts_with_larger_text() -> None:
    assert (starting_text_size(1366), starting_text_size(1920)) == (100, 125)


def test_spaces_grow_slower_than_text_and_stop_at_half_more() -> None:
    # min(1.5, 1 + 0.4·(zoom - 1)): 1.4 at 200 %, 1.5 at 250 %.
    assert [Look(Settings(text_size=size), 1366, 768).space(100) for size in (100, 200, 250)] == [100, 140, 150]


def test_the_lock_screen_ignores_one_candidates_text_size() -> None:
    assert fitting(Look(Settings(text_size=250), 1366, 768)).settings.text_size == 100
    assert fitting(Look(Settings(), 1920, 1080)).settings.text_size == 141
