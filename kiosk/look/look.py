"""One candidate's way of seeing: theme, text size, layout and words, handed to every widget when it is made."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPen

from kiosk.look.fonts import font
from kiosk.look.tokens import THEMES, TWO_COLUMNS_FROM, WIDE_SCREEN, Colours, Type
from kiosk.screens import Settings
from kiosk.texts import Texts, texts

WIDE_SCROLL_FROM = 175
LEAST_WORDS_FROM = 250


@dataclass(frozen=True, slots=True)
class Look:
    """What a widget needs to know to draw itself. ``width`` and ``height`` are the window's, in pixels."""

    settings: Settings
    width: int
    height: int

    @property
    def zoom(self) -> float:
        """Text size as a factor: 1.0 to 2.5."""
        return self.settings.text_size / 100

    @property
    def colours(self) -> Colours:
        """The theme's colours."""
        return THEMES[self.settings.theme]

    @property
    def words(self) -> Texts:
        """The interface texts of the chosen language."""
        return texts(self.settings.language)

    @property
    def is_one_column(self) -> bool:
        """Text, line and question under each other (look.md 3)."""
        return self.width / self.zoom < TWO_COLUMNS_FROM

    @property
    def is_narrowest(self) -> bool:
        """250 % on a small screen: the fewest words."""
        return self.is_one_column and self.settings.text_size >= LEAST_WORDS_FROM

    @property
    def scroll_width(self) -> int:
        """Width of a scroll bar: 16, from 175 % on 28."""
        return 28 if self.settings.text_size >= WIDE_SCROLL_FROM else 16

    def text(self, pixels: float) -> int:
        """A measure that grows with the text."""
        return round(pixels * self.zoom)

    def space(self, pixels: float) -> int:
        """A space: it grows slower than the text, by min(1.5, 1 + 0.4·(zoom - 1))."""
        return round(pixels * min(1.5, 1 + 0.4 * (self.zoom - 1)))

    def control(self, height: int, line: int) -> int:
        """Height of a control whose text has ``line`` at 100 %: its text grows fully, its padding by `space`."""
        if self.is_one_column:
            return self.text(27) + 22
        return self.text(line) + self.space(height - line)

    def border(self, *, is_selected: bool = False) -> float:
        """Width of a border: 1.5 at rest, 3 selected or in high contrast."""
        return 3.0 if is_selected or self.colours.is_contrast else 1.5

    def font(self, kind: Type) -> QFont:
        """The font of a type size, at the present text size."""
        return font(kind, self.zoom)

    def metrics(self, kind: Type) -> QFontMetricsF:
        """Measures of that font."""
        return QFontMetricsF(self.font(kind))


def dashed(ink: str, width: float) -> QPen:
    """A pen for borders of what is empty or to come: dashes of 4 px, gaps of 3."""
    pen = QPen(colour(ink), width)
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    pen.setDashPattern([4 / width, 3 / width])
    return pen


def starting_text_size(width: int) -> int:
    """Text size on the first screen: 125 % on a wide display (look.md 3)."""
    return 125 if width >= WIDE_SCREEN else 100


def colour(value: str, opacity: float = 1.0) -> QColor:
    """A token as Qt's colour."""
    made = QColor(value)
    made.setAlphaF(opacity)
    return made
