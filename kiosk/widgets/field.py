"""Fields to type in: a line in its frame, the four places of the day code, and the line that says what is wrong."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QRegularExpression, QSize, Qt, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QFontMetricsF,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QRegularExpressionValidator,
)
from PySide6.QtWidgets import QLineEdit, QSizePolicy, QWidget
from typing_extensions import override

from kiosk.look.look import Look, colour
from kiosk.look.tokens import DIGIT, FIELD, RADIUS_BUTTON, SMALL_MEDIUM, Type
from kiosk.widgets.boxes import Sign, row
from kiosk.widgets.prose import Prose
from kiosk.widgets.ring import RING_PROPERTY

PASTE_KEYS = (QKeySequence.StandardKey.Paste,)


class SafeLine(QLineEdit):
    """A one-line editor that takes typing only: no paste from anywhere, no drops, no menu, no copies to the outside."""

    paste_refused = Signal()

    def __init__(self, look: Look, name: str, spoken: str, *, kind: Type = FIELD) -> None:
        super().__init__()
        self.look = look
        self.setObjectName(name)
        self.setAccessibleName(spoken)
        self.setFrame(False)
        self.setFont(look.font(kind))
        self.setAcceptDrops(False)
        self.setDragEnabled(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.setInputMethodHints(Qt.InputMethodHint.ImhNoPredictiveText | Qt.InputMethodHint.ImhNoAutoUppercase)
        colours = look.colours
        self.setStyleSheet(
            f"QLineEdit {{ background: transparent; border: none; color: {colours.ink};"
            f" selection-background-color: {colours.accent}; selection-color: {colours.on_accent}; }}"
        )

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Paste):
            self.paste_refused.emit()
        elif event.matches(QKeySequence.StandardKey.Copy) or event.matches(QKeySequence.StandardKey.Cut):
            event.accept()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.ignore()
        else:
            super().keyPressEvent(event)

    @override
    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.MiddleButton:
            self.paste_refused.emit()
            return
        super().mouseReleaseEvent(event)


class TextField(QWidget):
    """A `SafeLine` in its frame; red with a line under it when refused (`FieldError`)."""

    def __init__(self, look: Look, name: str, spoken: str, *, is_secret: bool = False) -> None:
        super().__init__()
        self.look = look
        self._is_wrong = False
        self.setObjectName(f"{name}_frame")
        self.line = SafeLine(look, name, spoken)
        self.line.setProperty(RING_PROPERTY, self.objectName())
        if is_secret:
            self.line.setEchoMode(QLineEdit.EchoMode.Password)
        inside = row(margins=(look.space(18), 0, look.space(12), 0))
        inside.addWidget(self.line)
        self.setLayout(inside)
        self.setFocusProxy(self.line)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_wrong(self, *, is_wrong: bool) -> None:
        """Frame in tyttebær: what stands here was refused."""
        if is_wrong != self._is_wrong:
            self._is_wrong = is_wrong
            self.update()

    @override
    def sizeHint(self) -> QSize:
        return QSize(self.look.text(240), self.look.text(FIELD.line) + self.look.space(30))

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(self.look.text(120), self.sizeHint().height())

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self.look.colours
        width = 3.0 if self._is_wrong else max(2.0, self.look.border())
        painter.setPen(QPen(colour(colours.bad if self._is_wrong else colours.edge), width))
        painter.setBrush(colour(colours.surface))
        half = width / 2
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(half, half, -half, -half), RADIUS_BUTTON, RADIUS_BUTTON)
        painter.end()


class CodeField(SafeLine):
    """One field drawn as four places: digits only, paste off; a refused code stays and is selected."""

    PLACES = 4

    def __init__(self, look: Look, name: str, spoken: str) -> None:
        super().__init__(look, name, spoken, kind=DIGIT)
        self._is_wrong = False
        self.setMaxLength(self.PLACES)
        self.setValidator(QRegularExpressionValidator(QRegularExpression("[0-9]{0,4}"), self))
        self.setInputMethodHints(Qt.InputMethodHint.ImhDigitsOnly)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setProperty("radius", 16)
        self.textChanged.connect(self._repaint)
        self.selectionChanged.connect(self._repaint)
        self.cursorPositionChanged.connect(self._repaint)

    def _repaint(self) -> None:
        self.update()

    def set_wrong(self, *, is_wrong: bool) -> None:
        """Places in tyttebær."""
        self._is_wrong = is_wrong
        self.update()

    @property
    def _place(self) -> QSize:
        return QSize(self.look.text(82), self.look.text(100))

    @property
    def _gap(self) -> int:
        return self.look.space(14)

    @override
    def sizeHint(self) -> QSize:
        margin = 2 * self.look.space(14)
        width = self.PLACES * self._place.width() + (self.PLACES - 1) * self._gap
        return QSize(width + margin, self._place.height() + margin)

    @override
    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Left and not self.hasSelectedText():
            event.accept()
            self.setCursorPosition(max(0, self.cursorPosition() - 1))
        else:
            super().keyPressEvent(event)

    @override
    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        step = self._place.width() + self._gap
        self.setCursorPosition(min(len(self.text()), max(0, round(event.position().x()) // step)))

    @override
    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for index in range(self.PLACES):
            self._paint_place(painter, index)
        painter.end()

    def _paint_place(self, painter: QPainter, index: int) -> None:
        colours = self.look.colours
        text = self.text()
        margin = self.look.space(14)
        left = margin + index * (self._place.width() + self._gap)
        place = QRectF(left, margin, self._place.width(), self._place.height())
        is_here = (
            self.hasFocus() and not self.hasSelectedText() and index == min(self.cursorPosition(), self.PLACES - 1)
        )
        is_chosen = self.hasSelectedText() and self.selectionStart() <= index < self.selectionEnd()
        edge = colours.bad if self._is_wrong else colours.accent if is_here else colours.edge
        painter.setPen(QPen(colour(edge), 3.0 if is_here or self._is_wrong else 2.0))
        painter.setBrush(colour(colours.tint if is_chosen else colours.surface))
        painter.drawRoundedRect(place.adjusted(1, 1, -1, -1), RADIUS_BUTTON, RADIUS_BUTTON)
        painter.setPen(colour(colours.on_tint if is_chosen else colours.ink))
        painter.setFont(self.look.font(DIGIT))
        if index < len(text):
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text[index])
        elif is_here:
            height = self.look.text(52)
            caret = QRectF(place.center().x() - 1.5, place.center().y() - height / 2, 3, height)
            painter.fillRect(caret, colour(colours.ink))


class FieldError(QWidget):
    """The line under a field: a sign and what is wrong, in tyttebær."""

    def __init__(self, look: Look, name: str, *, keeps_place: bool = False) -> None:
        super().__init__()
        self.look = look
        self._keeps_place = keeps_place
        self.setObjectName(name)
        self._sign = Sign(look, "warn", size=20, ink=look.colours.bad)
        self.words = Prose(look, "", SMALL_MEDIUM, ink=look.colours.bad)
        self.words.setObjectName(f"{name}_words")
        inside = row(spacing=look.space(8))
        inside.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        inside.addWidget(self.words, 1)
        self.setLayout(inside)
        self.say("")

    def say(self, words: str) -> None:
        """Say what is wrong, or nothing."""
        self.words.set_marked(words)
        self.setAccessibleName(words)
        self._sign.setVisible(bool(words))
        self.setVisible(bool(words) or self._keeps_place)

    @property
    def said(self) -> str:
        """What it says now."""
        return self.words.text()


def width_of(look: Look, kind: Type, characters: int) -> int:
    """Pixels for so many ordinary characters of a type."""
    metrics: QFontMetricsF = look.metrics(kind)
    return round(metrics.horizontalAdvance("n") * characters)


def is_key_event(event: QEvent) -> bool:
    """Whether an event is a key going down or up."""
    return event.type() in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease)
