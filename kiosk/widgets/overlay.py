"""Things that stand over a screen, inside the window: dialogs and sheets on a veil. There is never a second window."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from PySide6.QtCore import QEvent, QObject, QPoint, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from kiosk.look.look import Look, colour
from kiosk.look.tokens import HEADING, SMALL
from kiosk.widgets.boxes import Scroll, Sheet, column
from kiosk.widgets.button import Button
from kiosk.widgets.prose import Prose

VEIL_MARGIN = 24


class Overlay(QWidget):
    """A sheet in the middle of a veil; what is under it gets no keys and no clicks."""

    closed = Signal()

    def __init__(self, look: Look, name: str, title: str, *, width: int, eyebrow: str = "") -> None:
        super().__init__()
        self.look = look
        self.setObjectName(name)
        self.setAccessibleName(title)
        self.primary: Button | None = None
        self.first: QWidget | None = None
        self.ring_order: tuple[QWidget, ...] = ()
        self._width = look.text(width)
        self.sheet = Sheet(look, has_border=False)
        side = look.space(44)
        self.body = column(margins=(side, look.space(36), side, look.space(36)))
        if eyebrow:
            line = Prose(look, eyebrow, SMALL, ink=look.colours.ink2)
            line.setObjectName(f"{name}_eyebrow")
            self.body.addWidget(line)
            self.body.addSpacing(look.space(4))
        heading = Prose(look, title, HEADING)
        heading.setObjectName(f"{name}_title")
        self.body.addWidget(heading)
        self.body.addSpacing(look.space(12))
        self.sheet.setLayout(self.body)
        self._around = QWidget()
        self.sheet.setParent(self._around)
        self._scroll = Scroll(look, f"{name}_scroll", self._around, ground="transparent")
        self._scroll.setWidgetResizable(False)
        self._scroll.setParent(self)
        self._scroll.viewport().setAutoFillBackground(False)

    def finish(self, order: Sequence[QWidget], primary: Button, *, first: QWidget | None = None) -> None:
        """Name the tab order, the filled button, and what has the focus at first."""
        self.primary = primary
        self.first = first or primary
        self.ring_order = tuple(order)
        for one, two in pairwise(order):
            QWidget.setTabOrder(one, two)

    def open_over(self, below: QWidget) -> None:
        """Cover a view."""
        self.setParent(below)
        self.setGeometry(below.rect())
        below.installEventFilter(self)
        self.settle()
        self.show()
        self.raise_()
        if self.first is not None:
            self.first.setFocus()

    def close_overlay(self) -> None:
        """Go away."""
        self.hide()
        self.closed.emit()
        self.deleteLater()

    def escape(self) -> None:
        """Esc: the safe choice, which is to go back."""
        self.close_overlay()

    @override
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.parent() and event.type() == QEvent.Type.Resize:
            self.setGeometry(watched.rect()) if isinstance(watched, QWidget) else None
            self.settle()
        return False

    def settle(self) -> None:
        """Place the sheet in the middle; a tall one scrolls."""
        margin = self.look.space(VEIL_MARGIN)
        bar = self.look.scroll_width + 16
        width = min(self._width, self.width() - 2 * max(margin, bar))
        self.body.activate()
        height = max(self.body.totalHeightForWidth(width), self.body.totalMinimumSize().height())
        self._scroll.setGeometry(self.rect())
        is_tall = height + 2 * margin > self.height()
        self._around.resize(self.width() - (bar if is_tall else 0), max(self.height(), height + 2 * margin))
        left, top = (self._around.width() - width) // 2, max(margin, (self._around.height() - height) // 2)
        self.sheet.setGeometry(left, top, width, height)

    @override
    def mousePressEvent(self, event: QMouseEvent) -> None:
        event.accept()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), colour(self.look.colours.veil, self.look.colours.veil_opacity))
        painter.end()

    def place_of(self, child: QWidget) -> QPoint:
        """Where a child stands on the overlay."""
        return child.mapTo(self, QPoint(0, 0))
