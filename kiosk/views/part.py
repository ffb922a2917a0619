"""The frame of a running part: top bar, low-time line, saved sign, foot."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from kiosk.look.look import Look, colour
from kiosk.look.signs import paint_sign
from kiosk.look.tokens import BODY, BODY_STRONG, RADIUS_SMALL, SMALL, SMALL_STRONG
from kiosk.screens import Frame, SavedState
from kiosk.texts import Texts
from kiosk.widgets.boxes import Hairline, Panel, Scroll, Sign, column, row
from kiosk.widgets.button import Button, LettersButton
from kiosk.widgets.prose import Prose

BAR_MARGIN = 28
TIME_TO_LETTERS = 60


def minutes_text(look: Look, minutes: int) -> str:
    """The time left in words, without seconds; shorter where there is little room."""
    words = look.words
    if minutes <= 0:
        return words("minutes_left_none_least" if look.is_narrowest else "minutes_left_none")
    if look.is_narrowest:
        return words("minutes_left_least", n=minutes)
    if look.is_one_column:
        return words("minutes_left_short", n=minutes)
    return words.counted("minutes_left", minutes)


class TimeField(QWidget):
    """The time left: a clock sign and minutes; multe ground when it is low."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.look = look
        self._is_low = False
        self.setObjectName("time_left")
        self.words = Prose(look, "", BODY, wraps=False)
        self._sign = Sign(look, "clock", size=22)
        inside = row(margins=(look.space(12), 0, look.space(12), 0), spacing=look.space(8))
        inside.addWidget(self._sign)
        inside.addWidget(self.words)
        self.setLayout(inside)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_minutes(self, minutes: int | None, *, is_low: bool) -> None:
        """Show this time, or none (listening)."""
        self.setVisible(minutes is not None)
        if minutes is None:
            return
        self.words.set_marked(minutes_text(self.look, minutes))
        self.setAccessibleName(self.words.text())
        if is_low != self._is_low:
            self._is_low = is_low
            ink = self.look.colours.warn if is_low else self.look.colours.ink
            self.words.set_ink(ink)
            self._sign.set_sign("clock", ink)
            self.update()

    @override
    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        return QSize(hint.width(), self.look.control(44, SMALL.line))

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        if self._is_low:
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            colours = self.look.colours
            painter.setPen(QPen(colour(colours.warn_bar), 2))
            painter.setBrush(colour(colours.warn_ground))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), RADIUS_SMALL, RADIUS_SMALL)
            painter.end()


class TopBar(Panel):
    """Where am I (left), time (right), *Tekst og farger*; in the middle what a part needs (volume, task list)."""

    def __init__(
        self, look: Look, letters: LettersButton, *, left: QWidget | None = None, right: QWidget | None = None
    ) -> None:
        super().__init__(look, look.colours.surface, line_below=True)
        self.setObjectName("top_bar")
        self.title = Prose(look, "", BODY_STRONG, wraps=False)
        self.title.setObjectName("part_title")
        self.place = Prose(look, "", BODY, ink=look.colours.ink2, wraps=False)
        self.place.setObjectName("place")
        self.time = TimeField(look)
        inside = row(margins=(BAR_MARGIN, 0, BAR_MARGIN, 0), spacing=look.space(24))
        if left is not None:
            inside.addWidget(left)
        else:
            inside.addWidget(self.title)
            inside.addWidget(self.place)
        inside.addStretch(1)
        if right is not None:
            inside.addWidget(right)
        else:
            inside.addWidget(self.time)
        inside.addSpacing(look.space(TIME_TO_LETTERS - 36 if not look.is_one_column else 0))
        inside.addWidget(letters)
        self.setLayout(inside)
        pad = 28 if look.is_one_column else look.space(20)
        self.setFixedHeight(max(look.text(44), letters.sizeHint().height()) + pad)

    def show_frame(self, frame: Frame, place: str) -> None:
        """Take this frame."""
        self.title.set_marked(frame.part_title)
        self.place.set_marked(place)
        self.time.show_minutes(frame.minutes_left, is_low=frame.time_is_low)


class LowTimeLine(QWidget):
    """One line for 20 seconds, in the place of the legend: no focus, no sound; read out once, politely."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.look = look
        self.setObjectName("low_time")
        self._minutes: int | None = None
        self.words = Prose(look, "", SMALL_STRONG, ink=look.colours.warn, wraps=False)
        self.words.setObjectName("low_time_words")
        inside = row(margins=(look.space(12), look.space(8), look.space(12), look.space(8)), spacing=look.space(8))
        inside.addWidget(Sign(look, "clock", size=20, ink=look.colours.warn))
        inside.addWidget(self.words)
        self.setLayout(inside)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.hide()

    def show_minutes(self, minutes: int | None) -> None:
        """Show the line, or take it away."""
        is_new = minutes is not None and minutes != self._minutes
        self._minutes = minutes
        self.setVisible(minutes is not None)
        if minutes is not None:
            self.words.set_marked(self.look.words.counted("low_time", minutes))
            self.setAccessibleName(self.words.text())
        if is_new:
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, self.words.text()))

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self.look.colours
        painter.setPen(QPen(colour(colours.warn_bar), 2))
        painter.setBrush(colour(colours.warn_ground))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), RADIUS_SMALL, RADIUS_SMALL)
        painter.end()


class SavedSign(QWidget):
    """Tick and "Svaret ditt er lagret" when the record is on disk; ring and "Lagrer …" until then."""

    def __init__(self, look: Look, saved_key: str = "saved") -> None:
        super().__init__()
        self.look = look
        self._saved_key = saved_key
        self.state: SavedState = "none"
        self.setObjectName("saved_sign")
        self._sign = Sign(look, "tick", size=20, ink=look.colours.ok, stroke=2.8)
        self.words = Prose(look, "", SMALL, ink=look.colours.ink2, wraps=False)
        self.words.setObjectName("saved_words")
        inside = row(spacing=look.space(10))
        inside.addWidget(self._sign)
        inside.addWidget(self.words)
        self.setLayout(inside)
        self.show_state("none")

    def show_state(self, state: SavedState) -> None:
        """Show whether the answer is safe; before the first answer there is nothing to say."""
        self.state = state
        self.setVisible(state != "none")
        if state == "none":
            return
        is_saved = state == "saved"
        self._sign.set_sign(
            "tick" if is_saved else "ring", self.look.colours.ok if is_saved else self.look.colours.ink2
        )
        self.words.set_marked(self.look.words(self._saved_key if is_saved else "saving"))
        self.setAccessibleName(self.words.text())


class PartFoot(Panel):
    """The foot: is my answer safe (left), who I am, the ways back and on (right)."""

    def __init__(self, look: Look, *, height: int, has_saved_sign: bool = True) -> None:
        super().__init__(look, look.colours.surface, line_above=True)
        self.setObjectName("foot")
        self._has_saved_sign = has_saved_sign
        self.saved = SavedSign(look)
        self._between = Hairline(look, is_upright=True)
        self.candidate = Prose(look, "", SMALL, ink=look.colours.ink2, wraps=False)
        self.candidate.setObjectName("candidate")
        self._inside = row(margins=(BAR_MARGIN, 0, BAR_MARGIN, 0), spacing=look.space(16))
        if has_saved_sign:
            self._inside.addWidget(self.saved)
            self._inside.addWidget(self._between)
        if not look.is_one_column:
            self._inside.addSpacing(look.space(4) if has_saved_sign else 0)
            self._inside.addWidget(self.candidate)
        if not look.is_one_column:
            self._inside.addStretch(1)
        self.setLayout(self._inside)
        self._least = look.control(height - 32, BODY.line) + (32 if not look.is_one_column else look.space(28))
        self.setFixedHeight(self._least)

    def add(self, widget: QWidget, *, before: int = 0) -> None:
        """Put a button or a sentence at the right."""
        if before:
            self._inside.addSpacing(before)
        self._inside.addWidget(widget)

    def hold(self, buttons: Sequence[Button]) -> None:
        """One column: the buttons share the whole foot, in two rows where one is too short."""
        look = self.look
        needed = sum(button.sizeHint().width() for button in buttons) + look.space(16) * len(buttons)
        if needed + 2 * BAR_MARGIN <= look.width:
            for index, button in enumerate(buttons):
                if index:
                    self._inside.addStretch(1)
                self._inside.addWidget(button)
            return
        rows = column(spacing=look.space(8), margins=(0, look.space(12), 0, look.space(12)))
        upper, lower = row(spacing=look.space(16)), row(spacing=look.space(16))
        for button in buttons[1:-1]:
            upper.addWidget(button)
        upper.addStretch(1)
        lower.addWidget(buttons[0])
        lower.addStretch(1)
        lower.addWidget(buttons[-1])
        rows.addLayout(upper)
        rows.addLayout(lower)
        self._inside.addLayout(rows, 10)
        self.setFixedHeight(2 * buttons[0].sizeHint().height() + look.space(8) + 2 * look.space(12))

    def show_frame(self, frame: Frame) -> None:
        """Take this frame."""
        one_column = self.look.is_one_column
        # In one column the sign moves into the task list and shows by itself only when something is not saved.
        self.saved.show_state(
            "none" if not self._has_saved_sign or (one_column and frame.saved == "saved") else frame.saved
        )
        self._between.setVisible(self.saved.state != "none" and not one_column)
        self.candidate.set_marked(frame.candidate)


class Continues(QWidget):
    """*Teksten fortsetter* stands at the foot of a text as long as more of it is below."""

    def __init__(self, look: Look, key: str, ground: str) -> None:
        super().__init__()
        self.look = look
        self._ground = ground
        self._words = look.words(key)
        self.setObjectName(key)
        self.setAccessibleName(self._words)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.height_wished = look.text(23) + look.space(33)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self.look.colours
        painter.fillRect(self.rect(), colour(self._ground))
        painter.fillRect(0, 0, self.width(), 3 if colours.is_contrast else 1, colour(colours.line))
        left, size = 56, self.look.text(20)
        paint_sign(painter, "down", QRectF(left, (self.height() - size) / 2, size, size), colour(colours.ink2), 2.6)
        painter.setPen(colour(colours.ink2))
        painter.setFont(self.look.font(SMALL_STRONG if colours.is_contrast else SMALL))
        words = QRectF(left + size + self.look.space(10), 0, self.width(), self.height())
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, self._words)
        painter.end()


class ReadColumn(Panel):
    """A scrolling text that says when it goes on below what is seen."""

    scrolled = Signal(int)

    def __init__(self, look: Look, name: str, held: QWidget, *, ground: str, more_key: str) -> None:
        super().__init__(look, ground)
        self.scroll_area = Scroll(look, name, held, ground=ground)
        self.more = Continues(look, more_key, ground)
        inside = column()
        inside.addWidget(self.scroll_area)
        self.setLayout(inside)
        self.more.setParent(self)
        self.scroll_area.covered_below = self.more.height_wished
        bar = self.scroll_area.verticalScrollBar()
        bar.valueChanged.connect(self._scrolled)
        bar.rangeChanged.connect(self._settle)
        self.scroll_area.installEventFilter(self)

    @override
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Show):
            self._settle()
        return False

    def _scrolled(self, value: int) -> None:
        self._settle()
        self.scrolled.emit(value)

    def _settle(self) -> None:
        bar = self.scroll_area.verticalScrollBar()
        height = self.more.height_wished
        width = self.width() - (bar.width() if bar.isVisible() or bar.maximum() > 0 else 0)
        self.more.setGeometry(0, self.height() - height, width, height)
        self.more.setVisible(self.scroll_area.is_cut)
        self.more.raise_()


def place_of(words: Texts, frame: Frame) -> str:
    """What stands beside the part's title: "Del 2"."""
    return words("module", module=frame.module_number) if frame.module_number else ""
