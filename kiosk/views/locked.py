"""The lock screen: readable across the room, the same in every theme; below it the strip for staff."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from kiosk.intents import UnlockAtPc
from kiosk.look.look import Look, colour
from kiosk.look.signs import paint_sign
from kiosk.look.tokens import (
    BODY,
    BODY_STRONG,
    LOCK_BODY,
    LOCK_GROUND,
    LOCK_HAND,
    LOCK_SEAT,
    LOCK_SMALL,
    LOCK_TEXT,
    LOCK_TEXT2,
    LOCK_TITLE,
    RADIUS_BUTTON,
    SEAT_NUMBER,
    SEAT_WORD,
    SMALL,
)
from kiosk.screens import LockedScreen, Screen
from kiosk.views.base import View
from kiosk.widgets.boxes import Panel, Sign, column, held_by, row
from kiosk.widgets.button import Button
from kiosk.widgets.field import FieldError, TextField
from kiosk.widgets.prose import Prose

SEAT_WIDTH = 400
DRAWN_WIDTH, DRAWN_HEIGHT = 1366, 768


def fitting(look: Look) -> Look:
    """The lock screen speaks to the whole room: as large as the display allows, whatever the candidate's text size."""
    most = max(1.0, min(look.width / DRAWN_WIDTH, look.height / DRAWN_HEIGHT))
    return replace(look, settings=replace(look.settings, text_size=round(100 * most)))


class _Hand(QWidget):
    """The raised hand."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.setFixedSize(look.text(72), look.text(72))

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        paint_sign(painter, "hand", QRectF(self.rect()), colour(LOCK_HAND), 1.5)
        painter.end()


class _LockPlate(QWidget):
    """The padlock on its plate."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.look = look
        self.setFixedSize(look.text(60), look.text(60))

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self.look.colours
        painter.setPen(QPen(colour(colours.line), 3) if colours.is_contrast else Qt.PenStyle.NoPen)
        painter.setBrush(colour(colours.sunken))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), RADIUS_BUTTON, RADIUS_BUTTON)
        size = self.look.text(24)
        place = QRectF((self.width() - size) / 2, (self.height() - size) / 2, size, size)
        paint_sign(painter, "lock", place, colour(colours.ink), 2.2)
        painter.end()


class LockedView(View):
    """Raise your hand. Nothing here can be typed in, unless the room page is away and staff may unlock here."""

    def __init__(self, look: Look, screen: LockedScreen) -> None:
        look = fitting(look)
        super().__init__(look)
        self._key = self._key_of(screen)
        self.user: TextField | None = None
        self.password: TextField | None = None
        self.error: FieldError | None = None
        upper = row() if not look.is_one_column else column()
        upper.addWidget(self._message(screen), 1)
        upper.addWidget(self._seat(screen))
        whole = column()
        whole.addLayout(upper, 1)
        whole.addWidget(self._staff(screen))
        self.setLayout(whole)
        if self.user is not None and self.password is not None and self.primary is not None:
            self.tab_through([self.user.line, self.password.line, self.primary])
        self.refresh(screen)

    @staticmethod
    def _key_of(screen: LockedScreen) -> tuple[object, ...]:
        facts = (screen.reason, screen.since, screen.clock_runs, screen.room_answers, screen.has_staff_login)
        return (screen.seat, screen.candidate, *facts)

    def _message(self, screen: LockedScreen) -> QWidget:
        look, words = self.look, self.look.words
        ground = Panel(look, LOCK_GROUND)
        side = look.space(96) if not look.is_one_column else look.space(40)
        inside = column(margins=(side, look.space(20), look.space(24), look.space(20)))
        inside.addStretch(1)
        inside.addWidget(_Hand(look))
        inside.addSpacing(look.space(24))
        title = Prose(look, words("locked_title"), LOCK_TITLE, ink=LOCK_TEXT)
        title.setObjectName("title")
        inside.addWidget(title)
        inside.addSpacing(look.space(22))
        inside.addWidget(Prose(look, words("locked_help"), LOCK_BODY, ink=LOCK_TEXT))
        inside.addSpacing(look.space(28))
        lines = words("locked_saved")
        if screen.clock_runs is not None:
            lines += "\n" + words("locked_clock_runs" if screen.clock_runs else "locked_clock_stands")
        about = Prose(look, lines, LOCK_SMALL, ink=LOCK_TEXT2)
        about.setObjectName("locked_about")
        inside.addWidget(about)
        inside.addStretch(1)
        ground.setLayout(inside)
        return ground

    def _seat(self, screen: LockedScreen) -> QWidget:
        look, words = self.look, self.look.words
        ground = Panel(look, LOCK_SEAT)
        inside = column(margins=(look.space(20), look.space(20), look.space(20), look.space(20)))
        inside.addStretch(1)
        for text, kind, ink, name in (
            (words("seat_word"), SEAT_WORD, LOCK_TEXT2, "seat_word"),
            (screen.seat, SEAT_NUMBER, LOCK_TEXT, "seat"),
            (screen.candidate, LOCK_SMALL, LOCK_TEXT2, "candidate"),
        ):
            made = Prose(look, text, kind, ink=ink, wraps=name == "candidate")
            made.setObjectName(name)
            middle = row()
            middle.addStretch(1)
            middle.addWidget(made)
            middle.addStretch(1)
            inside.addLayout(middle)
            inside.addSpacing(look.space(8))
        inside.addStretch(1)
        ground.setLayout(inside)
        if not look.is_one_column:
            ground.setFixedWidth(max(look.text(SEAT_WIDTH), inside.sizeHint().width()))
        return ground

    def _staff(self, screen: LockedScreen) -> QWidget:
        look, words = self.look, self.look.words
        ground = Panel(look, look.colours.surface, line_above=look.colours.is_contrast)
        side = look.space(96) if not look.is_one_column else look.space(24)
        inside = column(margins=(side, look.space(32), look.space(40), look.space(32)), spacing=look.space(16))
        line = row(spacing=look.space(22))
        line.addWidget(_LockPlate(look))
        texts = column()
        texts.addWidget(Prose(look, words("locked_staff"), BODY_STRONG))
        since = words("locked_since", since=screen.since, reason=words(f"reason_{screen.reason}"))
        reason = Prose(look, since, BODY)
        reason.setObjectName("locked_since")
        texts.addWidget(reason)
        where = words("locked_where_here" if screen.has_staff_login else "locked_where")
        texts.addWidget(Prose(look, where, BODY, ink=look.colours.ink2))
        line.addLayout(texts, 1)
        line.addWidget(self._room(screen))
        inside.addLayout(line)
        if screen.has_staff_login:
            inside.addLayout(self._staff_login())
            self.error = FieldError(look, "staff_error")
            inside.addWidget(self.error)
        ground.setLayout(inside)
        return ground

    def _room(self, screen: LockedScreen) -> QWidget:
        look = self.look
        answers = screen.room_answers
        inside = row(spacing=look.space(10))
        inside.addWidget(
            Sign(look, "tick" if answers else "warn", size=20, ink=look.colours.ok if answers else look.colours.warn)
        )
        key = "locked_room_answers" if answers else "locked_room_away"
        words = Prose(look, look.words(key), SMALL, ink=look.colours.ink2, wraps=False)
        words.setObjectName("room_page")
        inside.addWidget(words)
        return held_by(inside)

    def _staff_login(self) -> QHBoxLayout | QVBoxLayout:
        look, words = self.look, self.look.words
        self.user = TextField(look, "staff_user", words("locked_staff_user"))
        self.password = TextField(look, "staff_password", words("locked_staff_password"), is_secret=True)
        unlock = Button(look, "unlock", words("locked_unlock"), kind="filled")
        unlock.clicked.connect(self._unlock)
        self.primary = unlock
        made = row(spacing=look.space(20)) if not look.is_one_column else column(spacing=look.space(12))
        for field, key in ((self.user, "locked_staff_user"), (self.password, "locked_staff_password")):
            labelled = column(spacing=look.space(6))
            labelled.addWidget(Prose(look, words(key), SMALL, wraps=False))
            labelled.addWidget(field)
            made.addLayout(labelled, 1)
        made.addWidget(unlock, 0, Qt.AlignmentFlag.AlignBottom)
        return made

    def _unlock(self) -> None:
        if self.user is not None and self.password is not None:
            self.tell(UnlockAtPc(self.user.line.text().strip(), self.password.line.text()))

    @override
    def refresh(self, screen: Screen) -> bool:
        if not isinstance(screen, LockedScreen) or self._key_of(screen) != self._key:
            return False
        if self.error is not None and self.password is not None:
            words = self.look.words
            said = words.counted("wait_seconds", screen.staff_wait_s) if screen.staff_wait_s else ""
            said = said or (words("locked_staff_wrong") if screen.staff_error else "")
            if said and not self.error.said:
                self.password.line.setFocus()
                self.password.line.selectAll()
            self.error.say(said)
            self.password.set_wrong(is_wrong=bool(said))
        return True

    @override
    def first_focus(self) -> QWidget | None:
        return self.user.line if self.user is not None else None
