"""A few choices side by side in one frame: languages, themes."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from kiosk.look.look import Look, colour
from kiosk.look.tokens import RADIUS_SMALL, SMALL, SMALL_MEDIUM, TARGET_SMALL
from kiosk.widgets.boxes import row
from kiosk.widgets.button import Pressable


class Segment(Pressable):
    """One of the choices."""

    def __init__(self, look: Look, name: str, words: str) -> None:
        super().__init__(look, name, words)
        self.setText(words)
        self.setCheckable(True)
        self.setAutoExclusive(False)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    @override
    def nextCheckState(self) -> None:
        """The group says what is chosen."""

    @override
    def sizeHint(self) -> QSize:
        width = self.look.metrics(SMALL_MEDIUM).horizontalAdvance(self.text()) + 2 * self.look.space(16)
        return QSize(round(width), self.look.control(TARGET_SMALL, SMALL.line))

    @override
    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(self.look.font(SMALL_MEDIUM))
        colours = self.look.colours
        painter.setPen(colour(colours.on_accent if self.isChecked() else colours.ink))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text())
        painter.end()


class Segments(QWidget):
    """The choices in their frame; arrows move among them, Space and Enter choose."""

    chose = Signal(str)

    def __init__(self, look: Look, name: str, spoken: str, choices: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self.look = look
        self.setObjectName(name)
        self.setAccessibleName(spoken)
        self.buttons: list[Segment] = []
        inside = row(margins=(1, 1, 1, 1), spacing=1)
        for choice, words in choices:
            made = Segment(look, choice, words)
            made.clicked.connect(lambda _checked=False, choice=choice: self.chose.emit(choice))
            inside.addWidget(made)
            self.buttons.append(made)
        self.setLayout(inside)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_chosen(self, choice: str) -> None:
        """Show this choice."""
        for one in self.buttons:
            one.setChecked(one.objectName() == choice)
        self.update()

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()), 0)
        here = next((index for index, one in enumerate(self.buttons) if one.hasFocus()), None)
        if here is None or not step:
            event.ignore()
            return
        self.buttons[(here + step) % len(self.buttons)].setFocus(Qt.FocusReason.OtherFocusReason)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self.look.colours
        width = self.look.border()
        half = width / 2
        frame = QRectF(self.rect()).adjusted(half, half, -half, -half)
        outline = QPainterPath()
        outline.addRoundedRect(frame, RADIUS_SMALL, RADIUS_SMALL)
        painter.fillPath(outline, colour(colours.surface))
        painter.save()
        painter.setClipPath(outline)
        for index, one in enumerate(self.buttons):
            if one.isChecked():
                painter.fillRect(one.geometry(), colour(colours.accent))
            if index:
                painter.fillRect(QRectF(one.x() - 1, 0, width, self.height()), colour(colours.edge))
        painter.restore()
        painter.setPen(QPen(colour(colours.edge), width))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(outline)
        painter.end()
