"""Buttons: filled for the way on, outlined for the rest, quiet inside the editor's bar."""

from __future__ import annotations

from typing import Literal, TypeAlias

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy
from typing_extensions import override

from kiosk.look.look import Look, colour
from kiosk.look.signs import SignName, paint_sign
from kiosk.look.tokens import (
    BUTTON,
    RADIUS_BUTTON,
    RADIUS_SMALL,
    SMALL,
    SMALL_STRONG,
    TARGET_BUTTON,
    TARGET_SMALL,
    Type,
)

ButtonKind: TypeAlias = Literal["filled", "outlined", "quiet"]
ACTIVATING = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class Pressable(QAbstractButton):
    """Anything that can be pressed: focus by Tab and mouse; Space and Enter press it once, a held key does not repeat.

    A double click counts once where ``is_cautious`` (dialogs: it must not run through two steps).
    """

    def __init__(self, look: Look, name: str, spoken: str) -> None:
        super().__init__()
        self.look = look
        self.is_cautious = False
        self.setObjectName(name)
        self.setAccessibleName(spoken)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in ACTIVATING:
            if not event.isAutoRepeat():
                self.click()
            event.accept()
        elif event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down):
            event.ignore()
        else:
            super().keyPressEvent(event)

    @override
    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self.is_cautious:
            event.accept()
        else:
            super().mouseDoubleClickEvent(event)


class Button(Pressable):
    """A button with a word and at most one sign on each side."""

    def __init__(  # noqa: PLR0913 - all but three are named and have defaults
        self,
        look: Look,
        name: str,
        words: str,
        *,
        kind: ButtonKind = "outlined",
        before: SignName | None = None,
        after: SignName | None = None,
        is_small: bool = False,
        spoken: str = "",
        least_width: int = 0,
    ) -> None:
        super().__init__(look, name, spoken or words)
        self._kind: ButtonKind = kind
        self._before: SignName | None = before
        self._after: SignName | None = after
        self._is_small = is_small
        self._least_width = least_width
        self.setText(words)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_words(self, words: str, before: SignName | None) -> None:
        """Say another word, with another sign before it."""
        if (words, before) != (self.text(), self._before):
            self.setText(words)
            self.setAccessibleName(words)
            self._before = before
            self.updateGeometry()
            self.update()

    @property
    def _type(self) -> Type:
        return SMALL_STRONG if self._is_small and not self.look.is_one_column else BUTTON

    @override
    def sizeHint(self) -> QSize:
        height = self.look.control(*((TARGET_SMALL, SMALL.line) if self._is_small else (TARGET_BUTTON, BUTTON.line)))
        width = self.look.metrics(self._type).horizontalAdvance(self.text()) + 2 * self._side
        width += sum(self._sign_size + self._gap for sign in (self._before, self._after) if sign)
        return QSize(round(max(width, self.look.text(self._least_width))), height)

    @override
    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    @property
    def _side(self) -> int:
        return self.look.space(16 if self._is_small or self._kind == "quiet" else 28)

    @property
    def _gap(self) -> int:
        return self.look.space(10)

    @property
    def _sign_size(self) -> int:
        return self.look.text(20)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self.look.colours
        ink = colours.on_accent if self._kind == "filled" else colours.ink
        self._paint_ground(painter)
        content = self.look.metrics(self._type).horizontalAdvance(self.text())
        content += sum(self._sign_size + self._gap for sign in (self._before, self._after) if sign)
        x = (self.width() - content) / 2
        middle = self.height() / 2
        if self._before:
            size = self._sign_size
            paint_sign(painter, self._before, QRectF(x, middle - size / 2, size, size), colour(ink), 2.4)
            x += size + self._gap
        painter.setFont(self.look.font(self._type))
        painter.setPen(colour(ink))
        width = self.look.metrics(self._type).horizontalAdvance(self.text())
        painter.drawText(QRectF(x, 0, width + 2, self.height()), Qt.AlignmentFlag.AlignVCenter, self.text())
        if self._after:
            size = self._sign_size
            place = QRectF(x + width + self._gap, middle - size / 2, size, size)
            paint_sign(painter, self._after, place, colour(ink), 2.4)
        painter.end()

    def _paint_ground(self, painter: QPainter) -> None:
        colours = self.look.colours
        if self._kind == "quiet":
            return
        radius = RADIUS_SMALL if self._is_small else RADIUS_BUTTON
        if self._kind == "filled":
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour(colours.accent))
            painter.drawRoundedRect(QRectF(self.rect()), radius, radius)
            return
        border = self.look.border() if self._is_small else max(2.0, self.look.border())
        painter.setPen(QPen(colour(colours.edge), border))
        painter.setBrush(colour(colours.surface))
        inset = border / 2
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(inset, inset, -inset, -inset), radius, radius)


class SquareButton(Button):
    """A small square control with only a sign: minus, plus. Its accessible name says the word."""

    def __init__(self, look: Look, name: str, sign: SignName, spoken: str) -> None:
        super().__init__(look, name, "", is_small=True, spoken=spoken)
        self._sign: SignName = sign

    @override
    def sizeHint(self) -> QSize:
        side = self.look.control(TARGET_SMALL, SMALL.line)
        return QSize(side, side)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_ground(painter)
        size = self.look.text(18)
        place = QRectF((self.width() - size) / 2, (self.height() - size) / 2, size, size)
        paint_sign(painter, self._sign, place, colour(self.look.colours.ink), 3)
        painter.end()


class LettersButton(Button):
    """*Tekst og farger*: the two letters Aa, and the words where there is room."""

    def __init__(self, look: Look) -> None:
        words = look.words("text_and_colours")
        self._has_words = not look.is_one_column
        super().__init__(look, "text_and_colours", words, is_small=True)

    @override
    def sizeHint(self) -> QSize:
        height = self.look.control(TARGET_SMALL, SMALL.line)
        if not self._has_words:
            return QSize(self._letters_width() + 2 * self.look.space(20), height)
        width = self.look.metrics(SMALL_STRONG).horizontalAdvance(self.text())
        return QSize(round(width) + self._letters_width() + self.look.space(12) + 2 * self.look.space(16), height)

    def _letters_width(self) -> int:
        return self.look.text(26)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_ground(painter)
        painter.setPen(colour(self.look.colours.ink))
        left = float(self.look.space(16)) if self._has_words else (self.width() - self._letters_width()) / 2
        base = self.height() / 2 + self.look.text(8)
        large = self.look.font(Type(22, 22, 650))
        painter.setFont(large)
        painter.drawText(round(left), round(base), "A")
        painter.setFont(self.look.font(Type(14, 14, 600)))
        painter.drawText(round(left + self.look.text(15.5)), round(base), "a")
        if self._has_words:
            painter.setFont(self.look.font(SMALL_STRONG))
            x = left + self._letters_width() + self.look.space(10)
            place = QRectF(x, 0, self.width() - x, self.height())
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, self.text())
        painter.end()
