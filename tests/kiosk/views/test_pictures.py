"""Pictures are drawn by the real window: right size, the theme's ground, something on it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from kiosk.look.tokens import THEMES
from kiosk.screens import ALL_THEMES, Theme
from kiosk.views.pictures import Shot, draw_all
from proverom.screens import READING, main
from tests.kiosk.views.conftest import with_settings


@pytest.mark.parametrize("theme", ALL_THEMES)
def test_a_picture_shows_the_screen_in_its_theme(qapp: QApplication, tmp_path: Path, theme: Theme) -> None:
    shot = Shot("reading", with_settings(READING, theme=theme), (1366, 768))
    (path,) = draw_all([shot], tmp_path / "pictures")
    image = QImage(str(path))
    assert (image.width(), image.height()) == (1366, 768)
    assert image.pixelColor(1340, 600).name() == THEMES[theme].page.lower()
    assert len({image.pixel(x, 720) for x in range(1366)}) > 5


def test_only_the_screens_asked_for_are_drawn(
    qapp: QApplication, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--folder", str(tmp_path), "05"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["05-day-code-wrong.png", "05-day-code.png"]
