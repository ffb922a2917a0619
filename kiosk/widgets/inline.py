"""Answers inside the text: a gap to type in, a gap that opens a list, a word that can be chosen."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from itembank.content import ChoiceGap, HotWord, Option, TextGap
from kiosk.look.look import Look, colour
from kiosk.look.signs import paint_sign
from kiosk.look.tokens import OPTION, RADIUS_SMALL, READING, TARGET_SMALL
from kiosk.widgets.boxes import Sheet, column, row
from kiosk.widgets.button import Pressable
from kiosk.widgets.field import SafeLine
from kiosk.widgets.ring import RING_PROPERTY

LEAST_CHARACTERS = 6


class GapField(QWidget):
    """A field in the line's height, at least six characters wide."""

    changed = Signal()

    def __init__(self, look: Look, gap: TextGap, spoken: str) -> None:
        super().__init__()
        self.look = look
        self.gap_id = gap.id
        self.setObjectName(f"gap_{gap.id}_frame")
        self.line = SafeLine(look, f"gap_{gap.id}", spoken, kind=READING)
        self.line.setProperty(RING_PROPERTY, self.objectName())
        self.setProperty("radius", RADIUS_SMALL)
        self.line.textEdited.connect(self._tell)
        inside = row(margins=(look.space(6), 0, look.space(6), 0))
        inside.addWidget(self.line)
        self.setLayout(inside)
        characters = max(LEAST_CHARACTERS, gap.width)
        width = look.metrics(READING).horizontalAdvance("n") * characters + 2 * look.space(10)
        self.setFixedSize(round(width), look.control(TARGET_SMALL, 31))

    def _tell(self) -> None:
        self.changed.emit()

    def show_text(self, text: str) -> None:
        """Show this answer; what is being typed is never set again."""
        if self.line.text() != text and not self.line.hasFocus():
            self.line.setText(text)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self.look.colours
        painter.setPen(QPen(colour(colours.edge), max(1.5, self.look.border())))
        painter.setBrush(colour(colours.surface))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), RADIUS_SMALL, RADIUS_SMALL)
        painter.end()


class GapChoice(Pressable):
    """A gap that opens a list of options below its sentence."""

    def __init__(self, look: Look, gap: ChoiceGap, number: int, gaps: int) -> None:
        self._gap = gap
        self._number, self._gaps = number, gaps
        self._chosen = ""
        super().__init__(look, f"gap_{gap.id}", "")
        self.setProperty("radius", RADIUS_SMALL)
        texts = [look.words("gap_empty"), *(option.text for option in gap.options)]
        widest = max(look.metrics(READING).horizontalAdvance(text) for text in texts)
        width = round(widest) + look.text(20) + 3 * look.space(10)
        self.setFixedSize(width, look.control(TARGET_SMALL, 31))
        self.show_choice("")

    @property
    def gap_id(self) -> str:
        """The gap's id."""
        return self._gap.id

    @property
    def options(self) -> tuple[Option, ...]:
        """What may stand here."""
        return self._gap.options

    @property
    def chosen(self) -> str:
        """The option chosen, "" for none."""
        return self._chosen

    def show_choice(self, option_id: str) -> None:
        """Show this answer."""
        self._chosen = option_id
        text = next((one.text for one in self._gap.options if one.id == option_id), self.look.words("gap_empty"))
        self.setText(text)
        spoken = self.look.words("gap_choice", gap=self._number, gaps=self._gaps, chosen=text)
        self.setAccessibleName(spoken)
        self.update()

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Down:
            self.click()
        else:
            super().keyPressEvent(event)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self.look.colours
        has_choice = bool(self._chosen)
        width = 2.0 if has_choice else max(1.5, self.look.border())
        painter.setPen(QPen(colour(colours.accent if has_choice else colours.edge), width))
        painter.setBrush(colour(colours.tint if has_choice else colours.surface))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), RADIUS_SMALL, RADIUS_SMALL)
        side, sign = self.look.space(10), self.look.text(18)
        ink = colours.on_tint if has_choice else colours.ink2
        painter.setPen(colour(ink))
        painter.setFont(self.look.font(READING))
        words = QRectF(side, 0, self.width() - 2 * side - sign, self.height())
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, self.text())
        place = QRectF(self.width() - side - sign, (self.height() - sign) / 2, sign, sign)
        paint_sign(painter, "down", place, colour(ink), 2.4)
        painter.end()


class ListRow(Pressable):
    """One option of an open list."""

    def __init__(self, look: Look, name: str, option: Option, *, is_chosen: bool) -> None:
        super().__init__(look, name, option.text)
        self.option_id = option.id
        self._is_chosen = is_chosen
        self.setText(option.text)
        self.setProperty("radius", 6)
        self.setFixedHeight(look.control(TARGET_SMALL, OPTION.line))

    @override
    def sizeHint(self) -> QSize:
        width = self.look.metrics(READING).horizontalAdvance(self.text())
        return QSize(round(width) + self.look.text(24) + 3 * self.look.space(12), self.height())

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self.look.colours
        if self._is_chosen:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour(colours.tint))
            painter.drawRoundedRect(QRectF(self.rect()), 6, 6)
        ink = colour(colours.on_tint if self._is_chosen else colours.ink)
        side, sign = self.look.space(12), self.look.text(20)
        if self._is_chosen:
            paint_sign(painter, "tick", QRectF(side, (self.height() - sign) / 2, sign, sign), ink, 2.6)
        painter.setPen(ink)
        painter.setFont(self.look.font(READING))
        words = QRectF(2 * side + sign, 0, self.width(), self.height())
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, self.text())
        painter.end()


class OpenList(Sheet):
    """The open list of a gap: arrows move, Enter or Space choose, Esc closes. It opens below its text."""

    chose = Signal(str)
    closed = Signal()

    def __init__(self, look: Look, gap: GapChoice) -> None:
        super().__init__(look, radius=RADIUS_SMALL)
        self.setObjectName("open_list")
        self.setAccessibleName(gap.accessibleName())
        self._gap = gap
        inside = column(margins=(10, 10, 10, 10), spacing=4)
        self.rows: list[ListRow] = []
        for option in gap.options:
            made = ListRow(look, f"list_{option.id}", option, is_chosen=option.id == gap.chosen)
            made.clicked.connect(lambda _checked=False, option_id=option.id: self._choose(option_id))
            inside.addWidget(made)
            self.rows.append(made)
        self.setLayout(inside)

    def open_below(self, bottom: int, top: int, within: QWidget) -> None:
        """Open under ``bottom`` of ``within``, or over ``top`` when there is no room under it."""
        self.setParent(within)
        self.adjustSize()
        left = self._gap.mapTo(within, QPoint(0, 0)).x()
        height = self.height()
        place = bottom + 8 if bottom + 8 + height <= within.height() else max(0, top - 8 - height)
        self.move(max(0, min(left, within.width() - self.width() - 8)), place)
        self.show()
        self.raise_()
        chosen = next((one for one in self.rows if one.option_id == self._gap.chosen), self.rows[0])
        chosen.setFocus(Qt.FocusReason.PopupFocusReason)

    def close_list(self) -> None:
        """Go away; the gap has the focus again."""
        self.hide()
        self._gap.setFocus(Qt.FocusReason.OtherFocusReason)
        self.closed.emit()
        self.deleteLater()

    def _choose(self, option_id: str) -> None:
        self.close_list()
        self.chose.emit(option_id)

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        here = next((index for index, one in enumerate(self.rows) if one.hasFocus()), 0)
        match event.key():
            case Qt.Key.Key_Escape | Qt.Key.Key_Tab | Qt.Key.Key_Backtab:
                self.close_list()
            case Qt.Key.Key_Down:
                self.rows[(here + 1) % len(self.rows)].setFocus()
            case Qt.Key.Key_Up:
                self.rows[(here - 1) % len(self.rows)].setFocus()
            case _:
                event.ignore()


class HotWordButton(Pressable):
    """A word in the text: solid underline; chosen, tint and border."""

    def __init__(self, look: Look, word: HotWord) -> None:
        super().__init__(look, f"word_{word.id}", word.text)
        self.word_id = word.id
        self.setText(word.text)
        self.setCheckable(True)
        self.setProperty("radius", 6)
        width = look.metrics(READING).horizontalAdvance(word.text) + 2 * look.space(6)
        self.setFixedSize(round(width), look.text(READING.line) + look.space(4))

    @override
    def nextCheckState(self) -> None:
        """The item says what is chosen."""

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.ignore()
        else:
            super().keyPressEvent(event)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self.look.colours
        is_chosen = self.isChecked()
        if is_chosen:
            painter.setPen(QPen(colour(colours.accent), 2))
            painter.setBrush(colour(colours.tint))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)
        ink = colour(colours.on_tint if is_chosen else colours.ink)
        painter.setPen(ink)
        painter.setFont(self.look.font(READING))
        painter.drawText(QRectF(self.rect()), Qt.AlignmentFlag.AlignCenter, self.text())
        if not is_chosen:
            side = self.look.space(6)
            base = self.height() - self.look.text(5)
            painter.fillRect(QRectF(side, base, self.width() - 2 * side, 2), colour(colours.edge))
        painter.end()


def chosen_words(words: Sequence[HotWordButton]) -> tuple[str, ...]:
    """Ids of the chosen words, in the text's order."""
    return tuple(word.word_id for word in words if word.isChecked())
