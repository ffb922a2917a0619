"""Screens with one message: waiting, refused, resumed, handing in, saved here, delivered, the end."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from kiosk.intents import Back, Continue, Intent, Leave
from kiosk.look.look import Look, colour, dashed
from kiosk.look.signs import SignName, paint_sign
from kiosk.look.tokens import BODY, BODY_STRONG, SMALL, Type
from kiosk.screens import (
    DeliveredScreen,
    EndScreen,
    HandingInScreen,
    RefusedScreen,
    ResumedScreen,
    SavedHereScreen,
    Screen,
    WaitScreen,
)
from kiosk.views.base import StartView
from kiosk.widgets.boxes import Hairline, column, row
from kiosk.widgets.button import Button
from kiosk.widgets.prose import Prose

SEAT = Type(72, 80, 700)


class Stage(QWidget):
    """A round sign of a stage: done (filled, tick) or waiting (dashed, clock); a dotted line may lead on from it."""

    def __init__(self, look: Look, *, is_done: bool, leads_on: bool) -> None:
        super().__init__()
        self.look = look
        self._is_done = is_done
        self._leads_on = leads_on
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)

    @override
    def sizeHint(self) -> QSize:
        return QSize(self.look.text(44), self.look.text(88 if self._leads_on else 46))

    @override
    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self.look.colours
        side = self.look.text(44)
        circle = QRectF(1, 1, side - 2, side - 2)
        if self._is_done:
            painter.setPen(QPen(colour(colours.ok), 3) if colours.is_contrast else Qt.PenStyle.NoPen)
            painter.setBrush(colour(colours.ok_ground))
        else:
            painter.setPen(dashed(colours.edge, 2))
            painter.setBrush(colour(colours.surface))
        painter.drawEllipse(circle)
        size = self.look.text(22)
        sign: SignName = "tick" if self._is_done else "clock"
        place = QRectF((side - size) / 2, (side - size) / 2, size, size)
        paint_sign(painter, sign, place, colour(colours.ok if self._is_done else colours.ink), 2.6)
        if self._leads_on:
            painter.setPen(QPen(colour(colours.edge), self.look.text(4), Qt.PenStyle.DotLine))
            painter.drawLine(side // 2, side + self.look.text(14), side // 2, self.height() - 2)
        painter.end()


def add_ways_out(view: StartView, *, back: Intent | None, can_leave: bool = True) -> list[QWidget]:
    """Buttons below a notice: back to the log-in, and out of the program for staff; the buttons in order."""
    view.space(24)
    end = view.buttons()
    ways: list[QWidget] = []
    if back is not None:
        to_log_in = view.back_button(view.look.words("refused_back"))
        to_log_in.clicked.connect(lambda: view.tell(back))
        ways.append(to_log_in)
    if can_leave:
        leave = Button(view.look, "leave_program", view.look.words("leave_program"), least_width=180)
        leave.clicked.connect(lambda: view.tell(Leave()))
        ways.append(leave)
    for way in ways:
        end.addWidget(way)
    end.addStretch(1)
    return ways


class WaitView(StartView):
    """Nothing to do but wait."""

    def __init__(self, look: Look, screen: WaitScreen) -> None:
        super().__init__(look, screen, width=700)
        self._key = (screen.reason, screen.part_title)
        words = look.words
        self.add_title(words(f"wait_{screen.reason}_title"), words(f"wait_{screen.reason}"))
        if screen.part_title:
            self.space(16)
            self.add_help(screen.part_title, kind=BODY_STRONG, name="part_title", ink=look.colours.ink)
        if screen.reason == "staff_here":
            self.order(add_ways_out(self, back=Back()))
        else:
            self.order([])

    @override
    def refresh(self, screen: Screen) -> bool:
        return isinstance(screen, WaitScreen) and (screen.reason, screen.part_title) == self._key


class RefusedView(StartView):
    """Cannot begin: what happened, whether anything is lost, what to do now; the seat large for the test leader."""

    def __init__(self, look: Look, screen: RefusedScreen) -> None:
        super().__init__(look, screen, width=700)
        self._key = (screen.kind, screen.can_go_back)
        words = look.words
        self.add_title(words(f"refused_{screen.kind}_title"), words(f"refused_{screen.kind}"))
        self.space(20)
        hand = Prose(look, words("raise_hand"), BODY_STRONG)
        hand.setObjectName("raise_hand")
        self.card.addWidget(hand)
        if screen.foot.seat:
            self.space(16)
            seat = Prose(look, words("seat", seat=screen.foot.seat), SEAT, wraps=False)
            seat.setObjectName("seat")
            self.card.addWidget(seat)
        order: list[QWidget] = []
        if screen.can_go_back:
            self.space(24)
            back = self.back_button(words("refused_back"))
            back.clicked.connect(lambda: self.tell(Back()))
            end = self.buttons()
            end.addWidget(back)
            end.addStretch(1)
            order.append(back)
        self._first = order[0] if order else None
        self.order(order)

    @override
    def refresh(self, screen: Screen) -> bool:
        return isinstance(screen, RefusedScreen) and (screen.kind, screen.can_go_back) == self._key

    @override
    def first_focus(self) -> QWidget | None:
        return self._first


class ResumedView(StartView):
    """Welcome back."""

    def __init__(self, look: Look, screen: ResumedScreen) -> None:
        super().__init__(look, screen, width=700)
        self._task_number = screen.task_number
        words = look.words
        key = words("resumed", task=screen.task_number) if screen.task_number else words("resumed_plain")
        self.add_title(words("resumed_title"), key)
        self.space(28)
        on = self.on_button("continue", words("continue"))
        on.clicked.connect(lambda: self.tell(Continue()))
        end = self.buttons()
        end.addWidget(on)
        end.addStretch(1)
        self.order([on])

    @override
    def refresh(self, screen: Screen) -> bool:
        return isinstance(screen, ResumedScreen) and screen.task_number == self._task_number


class HandingInView(StartView):
    """The answers are being handed in now."""

    def __init__(self, look: Look, screen: HandingInScreen) -> None:
        super().__init__(look, screen, width=700)
        self._cause = screen.cause
        self.add_title(look.words(f"handing_in_{screen.cause}_title"), look.words(f"handing_in_{screen.cause}"))
        self.order([])

    @override
    def refresh(self, screen: Screen) -> bool:
        return isinstance(screen, HandingInScreen) and screen.cause == self._cause


class SavedHereView(StartView):
    """Two stages: saved on this PC, waiting to be delivered."""

    def __init__(self, look: Look, screen: SavedHereScreen) -> None:
        super().__init__(look, screen, width=760)
        self._key = (screen.saved_at,)
        words = look.words
        self.add_title(words("saved_here_title"))
        self.space(22)
        self._add_stage(words("saved_here_saved"), words("saved_here_at", at=screen.saved_at), is_done=True)
        self.waiting = self._add_stage(words("saved_here_waiting"), "", is_done=False)
        self.space(24)
        self.card.addWidget(Hairline(look))
        self.space(20)
        self.card.addWidget(Prose(look, words("saved_here_leader")))
        keep = Prose(look, words("saved_here_keep_on"))
        keep.setObjectName("keep_on")
        self.card.addWidget(keep)
        self.order([])
        self.refresh(screen)

    def _add_stage(self, title: str, line: str, *, is_done: bool) -> Prose:
        look = self.look
        texts = column(spacing=look.space(4))
        texts.addWidget(Prose(look, title, BODY_STRONG))
        shown = Prose(look, line, SMALL, ink=look.colours.ink2)
        shown.setObjectName("stage_saved" if is_done else "stage_waiting")
        texts.addWidget(shown)
        texts.addStretch(1)
        inside = row(spacing=look.space(20))
        inside.addWidget(Stage(look, is_done=is_done, leads_on=is_done))
        inside.addLayout(texts, 1)
        self.card.addLayout(inside)
        return shown

    @override
    def refresh(self, screen: Screen) -> bool:
        if not isinstance(screen, SavedHereScreen) or (screen.saved_at,) != self._key:
            return False
        self.waiting.set_marked(self.look.words("saved_here_offline" if screen.is_offline else "saved_here_sending"))
        return True


class DeliveredView(StartView):
    """Delivered: shown only with the store's receipt."""

    def __init__(self, look: Look, screen: DeliveredScreen) -> None:
        super().__init__(look, screen, width=700)
        self._key = (screen.delivered_at, screen.next_part, screen.can_continue)
        words = look.words
        head = row(spacing=look.space(20))
        head.addWidget(Stage(look, is_done=True, leads_on=False))
        texts = column(spacing=look.space(4))
        head.addLayout(texts, 1)
        self.card.addLayout(head)
        held = self.card
        self.card = texts
        self.add_title(words("delivered_title"), words("delivered_at", at=screen.delivered_at))
        self.card = held
        self.space(24)
        last = words("delivered_next_wait") if screen.next_part else words("delivered_wait")
        if screen.next_part:
            self.card.addWidget(Prose(look, words("delivered_next", part=screen.next_part), BODY_STRONG))
        order: list[QWidget] = []
        if screen.can_continue:
            self.space(24)
            on = self.on_button("continue", words("delivered_continue"))
            on.clicked.connect(lambda: self.tell(Continue()))
            end = self.buttons()
            end.addWidget(on)
            end.addStretch(1)
            order.append(on)
        else:
            wait = Prose(look, last, BODY)
            wait.setObjectName("delivered_wait")
            self.card.addWidget(wait)
        self.order(order)

    @override
    def refresh(self, screen: Screen) -> bool:
        if not isinstance(screen, DeliveredScreen):
            return False
        return (screen.delivered_at, screen.next_part, screen.can_continue) == self._key


class EndView(StartView):
    """The end of this candidate's time at the PC."""

    def __init__(self, look: Look, screen: EndScreen) -> None:
        super().__init__(look, screen, width=700)
        self._kind = screen.kind
        self.add_title(look.words(f"end_{screen.kind}_title"), look.words(f"end_{screen.kind}"))
        if screen.kind == "closed":
            self.order(add_ways_out(self, back=None))
        else:
            self.order(add_ways_out(self, back=Continue(), can_leave=False))

    @override
    def refresh(self, screen: Screen) -> bool:
        return isinstance(screen, EndScreen) and screen.kind == self._kind
