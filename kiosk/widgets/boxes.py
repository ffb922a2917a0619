"""Grounds and boxes: coloured panels, hairlines, scrolling columns, and a place that keeps a card in the middle."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget
from typing_extensions import override

from kiosk.look.look import Look, colour
from kiosk.look.signs import SignName, paint_mark, paint_sign
from kiosk.look.tokens import RADIUS_CARD


class Panel(QWidget):
    """A plain ground of one colour, with a hairline above or below it."""

    def __init__(self, look: Look, ground: str, *, line_above: bool = False, line_below: bool = False) -> None:
        super().__init__()
        self.look = look
        self._ground = ground
        self._line_above = line_above
        self._line_below = line_below

    def set_ground(self, ground: str) -> None:
        """Change the colour."""
        if ground != self._ground:
            self._ground = ground
            self.update()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), colour(self._ground))
        width = 3 if self.look.colours.is_contrast else 1
        line = colour(self.look.colours.line)
        if self._line_above:
            painter.fillRect(0, 0, self.width(), width, line)
        if self._line_below:
            painter.fillRect(0, self.height() - width, self.width(), width, line)
        painter.end()


class Sheet(QWidget):
    """A white sheet with round corners and a hairline: the card of a start screen, a dialog."""

    def __init__(self, look: Look, *, has_border: bool = True, ground: str = "", radius: int = RADIUS_CARD) -> None:
        super().__init__()
        self.look = look
        self._has_border = has_border
        self._ground = ground or look.colours.surface
        self._radius = radius

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        width = 3.0 if self.look.colours.is_contrast else 1.0
        shows = self._has_border or self.look.colours.is_contrast
        painter.setPen(QPen(colour(self.look.colours.line), width) if shows else Qt.PenStyle.NoPen)
        painter.setBrush(colour(self._ground))
        half = width / 2
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(half, half, -half, -half), self._radius, self._radius)
        painter.end()


class Hairline(QWidget):
    """A line that carries no meaning."""

    def __init__(self, look: Look, *, is_upright: bool = False) -> None:
        super().__init__()
        self.look = look
        width = 3 if look.colours.is_contrast else 1
        if is_upright:
            self.setFixedSize(width, look.text(24))
        else:
            self.setFixedHeight(width)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), colour(self.look.colours.line))
        painter.end()


class Sign(QWidget):
    """A sign by itself, beside a word that says the same."""

    def __init__(self, look: Look, sign: SignName, *, size: int = 22, ink: str = "", stroke: float = 2.4) -> None:
        super().__init__()
        self.look = look
        self._sign: SignName = sign
        self._ink = ink or look.colours.ink
        self._stroke = stroke
        self.setFixedSize(look.text(size), look.text(size))

    def set_sign(self, sign: SignName, ink: str) -> None:
        """Show another sign."""
        if (sign, ink) != (self._sign, self._ink):
            self._sign, self._ink = sign, ink
            self.update()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        paint_sign(painter, self._sign, QRectF(self.rect()), colour(self._ink), self._stroke)
        painter.end()


class Mark(QWidget):
    """The product's mark."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.look = look
        self.setFixedSize(look.text(34), look.text(34))

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        colours = self.look.colours
        ground = colours.accent
        paint_mark(painter, QRectF(self.rect()), colour(ground), colour(colours.on_accent))
        painter.end()


class Scroll(QScrollArea):
    """A column that scrolls down and never sideways; its bar is always visible when something is cut."""

    def __init__(self, look: Look, name: str, held: QWidget, *, ground: str) -> None:
        super().__init__()
        self.look = look
        self.covered_below = 0
        """How much of the bottom is covered by a line that says there is more."""
        self.setObjectName(name)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidgetResizable(True)
        self.setWidget(held)
        # Qt fills a held widget with the palette's grey; the ground is ours.
        held.setAutoFillBackground(False)
        self.viewport().setAutoFillBackground(False)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setStyleSheet(scroll_style(look, name, ground))
        self.verticalScrollBar().setSingleStep(look.text(31))
        self.verticalScrollBar().setObjectName(f"{name}_bar")

    @override
    def sizeHint(self) -> QSize:
        held = self.widget()
        return held.sizeHint() if held is not None else super().sizeHint()

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keys scroll what is cut; where nothing is, they are for the screen."""
        if self.verticalScrollBar().maximum() == 0:
            event.ignore()
        else:
            super().keyPressEvent(event)

    @property
    def is_cut(self) -> bool:
        """Whether more stands below what is seen."""
        bar = self.verticalScrollBar()
        return bar.value() < bar.maximum()


def scroll_style(look: Look, name: str, ground: str) -> str:
    """The style of a scrolling widget's ground and bar (Qt's own bars are hit-tested right only when styled so)."""
    colours = look.colours
    width = look.scroll_width
    border = f"border: 3px solid {colours.line};" if colours.is_contrast else ""
    inner = 3 if colours.is_contrast else 2
    return f"""
    #{name} {{ background: {ground}; border: none; }}
    #{name} > QWidget {{ background: {ground}; }}
    #{name} QScrollBar:vertical {{ background: {colours.sunken}; width: {width + 16}px; margin: 8px;
        border-radius: {width // 2}px; {border} }}
    #{name} QScrollBar::handle:vertical {{ background: {colours.edge}; min-height: 48px; margin: {inner}px;
        border-radius: {max(2, width // 2 - inner - (3 if border else 0))}px; }}
    #{name} QScrollBar::add-line, #{name} QScrollBar::sub-line {{ height: 0; }}
    #{name} QScrollBar::add-page, #{name} QScrollBar::sub-page {{ background: none; }}
    """


class Middle(Panel):
    """Holds one sheet of a wished width in its middle; where there is less room the sheet scrolls."""

    def __init__(self, look: Look, held: QWidget, width: int) -> None:
        super().__init__(look, look.colours.page)
        self._wished = width
        self._held = held
        self._around = QWidget()
        held.setParent(self._around)
        self._scroll = Scroll(look, "card_scroll", self._around, ground=look.colours.page)
        self._scroll.setParent(self)
        self._scroll.setWidgetResizable(False)

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        self._scroll.setGeometry(self.rect())
        self.settle()
        super().resizeEvent(event)

    def settle(self) -> None:
        """Place the sheet again after its content changed."""
        margin = self.look.space(16)
        bar = self.look.scroll_width + 16
        width = min(self._wished, self.width() - 2 * max(margin, bar))
        height = self._height(width)
        self._around.resize(
            self.width() - (bar if height + 2 * margin > self.height() else 0), max(self.height(), height + 2 * margin)
        )
        left = (self._around.width() - width) // 2
        self._held.setGeometry(left, max(margin, (self._around.height() - height) // 2), width, height)

    def _height(self, width: int) -> int:
        layout = self._held.layout()
        if layout is None:
            return self._held.sizeHint().height()
        layout.activate()
        needed = layout.heightForWidth(width) if layout.hasHeightForWidth() else layout.sizeHint().height()
        return max(needed, layout.minimumSize().height())


def column(*, margins: tuple[int, int, int, int] = (0, 0, 0, 0), spacing: int = 0) -> QVBoxLayout:
    """A vertical layout without surprises."""
    made = QVBoxLayout()
    _set_plain(made, margins, spacing)
    return made


def row(*, margins: tuple[int, int, int, int] = (0, 0, 0, 0), spacing: int = 0) -> QHBoxLayout:
    """A horizontal layout without surprises."""
    made = QHBoxLayout()
    _set_plain(made, margins, spacing)
    return made


def _set_plain(layout: QBoxLayout, margins: tuple[int, int, int, int], spacing: int) -> None:
    layout.setContentsMargins(*margins)
    layout.setSpacing(spacing)


def held_by(layout: QLayout) -> QWidget:
    """A widget that only carries a layout."""
    made = QWidget()
    made.setLayout(layout)
    return made


def spread() -> QWidget:
    """An empty stretch."""
    made = QWidget()
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
    return made
