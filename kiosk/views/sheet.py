"""*Tekst og farger*: text size with a sample, colours, *Ro*. It takes effect at once; clock and sound go on."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from kiosk.intents import Leave, SetStill, SetTextSize, SetTheme
from kiosk.look.look import Look, colour
from kiosk.look.tokens import BODY, BODY_STRONG, RADIUS_BUTTON, READING, SMALL, THEMES
from kiosk.screens import ALL_THEMES, TEXT_SIZES, Theme
from kiosk.widgets.boxes import column, row
from kiosk.widgets.button import Button, Pressable, SquareButton
from kiosk.widgets.option import Option
from kiosk.widgets.overlay import Overlay
from kiosk.widgets.prose import Prose

SHEET_WIDTH = 620


def next_size(size: int, step: int) -> int:
    """The text size one step larger or smaller; at the ends the same."""
    index = min(range(len(TEXT_SIZES)), key=lambda place: abs(TEXT_SIZES[place] - size))
    return TEXT_SIZES[min(len(TEXT_SIZES) - 1, max(0, index + step))]


class ColourSample(Pressable):
    """A theme, painted in its own colours."""

    def __init__(self, look: Look, theme: Theme) -> None:
        words = look.words(f"theme_{theme}")
        super().__init__(look, f"theme_{theme}", words)
        self.theme: Theme = theme
        self.setText(words)
        self.setCheckable(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @override
    def nextCheckState(self) -> None:
        """The sheet says what is chosen."""

    @override
    def sizeHint(self) -> QSize:
        width = self.look.metrics(BODY_STRONG).horizontalAdvance(self.text()) + self.look.space(32)
        return QSize(round(width), self.look.text(76))

    @override
    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        own = THEMES[self.theme]
        is_chosen = self.isChecked()
        width = 4 if is_chosen else 2
        edge = self.look.colours.accent if is_chosen else self.look.colours.edge
        painter.setPen(QPen(colour(edge), width))
        painter.setBrush(colour(own.surface))
        half = width / 2
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(half, half, -half, -half), RADIUS_BUTTON, RADIUS_BUTTON)
        painter.setPen(colour(own.ink))
        painter.setFont(self.look.font(BODY_STRONG))
        upper = QRectF(0, 0, self.width(), self.height() * 0.68)
        painter.drawText(upper, Qt.AlignmentFlag.AlignCenter, self.text())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour(own.accent))
        bar = QRectF(self.width() / 2 - self.look.text(14), self.height() * 0.68, self.look.text(28), self.look.text(6))
        if is_chosen:
            bar.adjust(-self.look.text(14), 0, self.look.text(14), 0)
        painter.drawRoundedRect(bar, 3, 3)
        painter.end()


class SettingsSheet(Overlay):
    """The sheet; ``intent`` carries each wish, and the window shows the sheet anew in its new look."""

    intent = Signal(object)

    def __init__(self, look: Look, *, shows_leave: bool) -> None:
        super().__init__(look, "settings", look.words("sheet_title"), width=SHEET_WIDTH)
        words, settings = look.words, look.settings
        self._add_size(settings.text_size)
        self.body.addSpacing(look.space(20))
        self.body.addWidget(Prose(look, words("sheet_colours"), BODY_STRONG))
        self.body.addSpacing(look.space(12))
        self.samples = [ColourSample(look, theme) for theme in ALL_THEMES]
        place = row(spacing=look.space(16)) if not look.is_one_column else column(spacing=look.space(12))
        for sample in self.samples:
            sample.setChecked(sample.theme == settings.theme)
            sample.clicked.connect(partial(self.intent.emit, SetTheme(sample.theme)))
            place.addWidget(sample)
        self.body.addLayout(place)
        self.body.addSpacing(look.space(20))
        self.still = Option(look, "still", words("sheet_still"), is_square=True)
        self.still.setAccessibleName(f"{words('sheet_still')}. {words('sheet_still_help')}")
        self.still.set_chosen(is_chosen=settings.is_still)
        self.still.clicked.connect(lambda: self.intent.emit(SetStill(not settings.is_still)))
        self.body.addWidget(self.still)
        self.body.addSpacing(look.space(6))
        self.body.addWidget(Prose(look, words("sheet_still_help"), SMALL, ink=look.colours.ink2))
        self.body.addSpacing(look.space(26))
        done = Button(look, "settings_done", words("sheet_done"), kind="filled", least_width=160)
        done.clicked.connect(self.close_overlay)
        end = row(spacing=look.space(16)) if not look.is_one_column else column(spacing=look.space(12))
        end.addWidget(done)
        end.addStretch(1)
        order: list[QWidget] = [self.smaller, self.larger, *self.samples, self.still, done]
        if shows_leave:
            leave = Button(look, "leave_demo_sheet", words("leave_demo"))
            leave.clicked.connect(lambda: self.intent.emit(Leave()))
            end.addWidget(leave)
            order.append(leave)
        self.body.addLayout(end)
        self.finish(order, done, first=self.larger)

    def _add_size(self, size: int) -> None:
        look, words = self.look, self.look.words
        self.body.addWidget(Prose(look, words("sheet_size"), BODY_STRONG))
        self.body.addSpacing(look.space(12))
        self.smaller = SquareButton(look, "text_smaller", "minus", words("sheet_smaller"))
        self.larger = SquareButton(look, "text_larger", "plus", words("sheet_larger"))
        self.smaller.clicked.connect(lambda: self.intent.emit(SetTextSize(next_size(size, -1))))
        self.larger.clicked.connect(lambda: self.intent.emit(SetTextSize(next_size(size, +1))))
        value = Prose(look, words("sheet_size_value", n=size), BODY, wraps=False)
        value.setObjectName("text_size")
        line = row(spacing=look.space(16))
        line.addWidget(self.smaller)
        line.addWidget(value)
        line.addWidget(self.larger)
        line.addStretch(1)
        self.body.addLayout(line)
        self.body.addSpacing(look.space(12))
        self.body.addWidget(Prose(look, words("sheet_sample"), READING))
