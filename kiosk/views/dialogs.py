"""Dialogs over a part: leaving a module, handing in. The heading asks; the safe choice is filled and at the left."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from kiosk.intents import BackToTasks, ConfirmLeave, GoTo, HandIn, Intent
from kiosk.look.look import Look, colour
from kiosk.look.signs import paint_sign
from kiosk.look.tokens import BODY, BUTTON, OPTION, RADIUS_BUTTON, RADIUS_SMALL, TARGET_OPTION
from kiosk.screens import HandInScreen, HandInTask, LeaveModuleScreen, StripTask
from kiosk.widgets.boxes import column, row
from kiosk.widgets.button import Button, Pressable
from kiosk.widgets.overlay import Overlay
from kiosk.widgets.prose import Prose
from kiosk.widgets.strip import paint_place

DIALOG_WIDTH = 760


class WayBack(Pressable):
    """A row that leads back to a task: its number, what it asks, and "Gå til oppgave 3"."""

    def __init__(self, look: Look, name: str, number: int, prompt: str, state: str) -> None:
        words = look.words("go_to_task", task=number)
        super().__init__(look, name, f"{words}: {prompt}" + (f", {state}" if state else ""))
        self._task = StripTask("", number, is_answered=False)
        self._go = words
        self._state = state
        self.prompt = Prose(look, prompt, OPTION)
        self.prompt.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setText(words)
        inside = row(margins=(look.text(80), look.space(10), self._right_width(), look.space(10)))
        inside.addWidget(self.prompt)
        self.setLayout(inside)
        # A layout item asks the inner layout for its height, so the least one is told to the widget itself.
        self.setMinimumHeight(look.control(TARGET_OPTION, OPTION.line))
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def show_answered(self, *, is_answered: bool) -> None:
        """Show the task with or without an answer."""
        self._task = StripTask("", self._task.number, is_answered=is_answered)
        self.update()

    def _right_width(self) -> int:
        words = 0.0 if self.look.is_one_column else self.look.metrics(BUTTON).horizontalAdvance(self._go)
        state = self.look.metrics(BODY).horizontalAdvance(self._state) + self.look.space(16) if self._state else 0
        return round(words + state) + self.look.text(24) + self.look.space(44)

    @override
    def sizeHint(self) -> QSize:
        layout = self.layout()
        return layout.sizeHint() if layout else QSize()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self.look.colours
        painter.setPen(QPen(colour(colours.edge), self.look.border()))
        painter.setBrush(colour(colours.surface))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), RADIUS_BUTTON, RADIUS_BUTTON)
        side = self.look.text(44)
        place = QRectF(self.look.text(19), (self.height() - self.look.text(48)) / 2, side, self.look.text(48))
        paint_place(painter, self.look, place, self._task, is_present=False)
        sign = self.look.text(20)
        right = self.width() - self.look.space(18) - sign
        paint_sign(painter, "on", QRectF(right, (self.height() - sign) / 2, sign, sign), colour(colours.accent), 2.8)
        right -= self.look.space(10)
        if not self.look.is_one_column:
            painter.setPen(colour(colours.accent))
            painter.setFont(self.look.font(BUTTON))
            width = self.look.metrics(BUTTON).horizontalAdvance(self._go)
            painter.drawText(
                QRectF(right - width, 0, width + 2, self.height()), Qt.AlignmentFlag.AlignVCenter, self._go
            )
            right -= width + self.look.space(16)
        if self._state:
            painter.setPen(colour(colours.ink2))
            painter.setFont(self.look.font(BODY))
            width = self.look.metrics(BODY).horizontalAdvance(self._state)
            painter.drawText(
                QRectF(right - width, 0, width + 2, self.height()), Qt.AlignmentFlag.AlignVCenter, self._state
            )
        painter.end()


class WarningLine(QWidget):
    """A line on multe ground with a bar and a sign."""

    def __init__(self, look: Look, words: str) -> None:
        super().__init__()
        self.look = look
        self.setObjectName("warning")
        self.setAccessibleName(words)
        inside = row(margins=(look.space(24), look.space(16), look.space(16), look.space(16)), spacing=look.space(14))
        self.words = Prose(look, words, BODY)
        self.words.setObjectName("warning_words")
        inside.addSpacing(look.text(22) + look.space(14))
        inside.addWidget(self.words, 1)
        self.setLayout(inside)
        self._sign_at = look.space(24)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self.look.colours
        painter.setPen(QPen(colour(colours.warn), 3) if colours.is_contrast else Qt.PenStyle.NoPen)
        painter.setBrush(colour(colours.warn_bar))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0, 0, -1, 0), RADIUS_SMALL, RADIUS_SMALL)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour(colours.warn_ground))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(6, 0, 0, 0), RADIUS_SMALL, RADIUS_SMALL)
        size = self.look.text(22)
        place = QRectF(self._sign_at, (self.height() - size) / 2, size, size)
        paint_sign(painter, "warn", place, colour(colours.warn))
        painter.end()


class Dialog(Overlay):
    """A dialog of one step: ``intent`` carries what was chosen. Esc is the safe choice."""

    intent = Signal(object)

    def __init__(self, look: Look, name: str, title: str, eyebrow: str) -> None:
        super().__init__(look, name, title, width=DIALOG_WIDTH, eyebrow=eyebrow)
        self._safe: Intent = BackToTasks()

    def add_words(self, words: str, name: str, *, is_second: bool = True) -> None:
        """A sentence."""
        made = Prose(self.look, words, BODY, ink=self.look.colours.ink2 if is_second else self.look.colours.ink)
        made.setObjectName(name)
        self.body.addWidget(made)

    def add_rows(self, rows: Sequence[WayBack], tasks: Sequence[str]) -> None:
        """Ways back to tasks."""
        self.body.addSpacing(self.look.space(18))
        held = column(spacing=self.look.space(14))
        for one, task in zip(rows, tasks, strict=True):
            one.is_cautious = True
            one.clicked.connect(lambda _checked=False, task=task: self.intent.emit(GoTo(task)))
            held.addWidget(one)
        self.body.addLayout(held)

    def add_ways(self, safe: str, other: str, wish: Intent, rows: Sequence[QWidget] = ()) -> None:
        """The safe choice, filled and left; the other, outlined and right."""
        look = self.look
        self.body.addSpacing(look.space(26))
        back = Button(look, "dialog_back", safe, kind="filled", before="back")
        on = Button(look, "dialog_on", other, after="on" if not rows else None)
        for button in (back, on):
            button.is_cautious = True
        back.clicked.connect(self.escape)
        on.clicked.connect(lambda: self.intent.emit(wish))
        ways = row(spacing=look.space(16)) if not look.is_one_column else column(spacing=look.space(12))
        ways.addWidget(back)
        ways.addStretch(1)
        ways.addWidget(on)
        self.body.addLayout(ways)
        self.finish([*rows, back, on], back, first=rows[0] if rows else back)

    @override
    def escape(self) -> None:
        self.intent.emit(self._safe)


def leave_dialog(look: Look, screen: LeaveModuleScreen) -> Dialog:
    """Step 1 lists what has no answer, step 2 says there is no way back."""
    return _leave_first(look, screen) if screen.step == 1 else _leave_second(look, screen)


def _eyebrow(look: Look, screen: LeaveModuleScreen) -> str:
    number = screen.behind.frame.module_number
    if number:
        return look.words("leave_eyebrow", module=number, step=screen.step)
    return look.words("leave_eyebrow_plain", step=screen.step)


def _time_words(look: Look, minutes: int | None) -> str:
    return look.words.counted("leave_help_time", minutes) + " " if minutes else ""


def _leave_first(look: Look, screen: LeaveModuleScreen) -> Dialog:
    words, left = look.words, screen.unanswered
    title = words.counted("leave_title", len(left)) if left else words("leave_title_all")
    made = Dialog(look, "leave_1", title, _eyebrow(look, screen))
    help_key = "leave_help_rows" if left else "leave_help_all"
    made.add_words(_time_words(look, screen.behind.frame.minutes_left) + words(help_key), "dialog_help")
    rows = [WayBack(look, f"way_back_{task.number}", task.number, task.prompt, "") for task in left]
    if rows:
        made.add_rows(rows, [task.item for task in left])
    made.add_ways(words("back_to_tasks"), words("on_without" if left else "on_with"), ConfirmLeave(1), rows)
    return made


def _leave_second(look: Look, screen: LeaveModuleScreen) -> Dialog:
    words, number = look.words, screen.behind.frame.module_number
    if screen.is_last:
        title = words("hand_in_sure_title")
        line = words("hand_in_sure")
    else:
        title = words("leave_sure_title", module=number) if number else words("leave_sure_title_plain")
        line = words("leave_sure", module=number) if number else words("hand_in_sure")
    made = Dialog(look, "leave_2", title, _eyebrow(look, screen))
    made.add_words(line, "dialog_help", is_second=False)
    if screen.unanswered:
        numbers = words.listed([str(task.number) for task in screen.unanswered])
        made.body.addSpacing(look.space(22))
        made.body.addWidget(WarningLine(look, words.counted("leave_without", len(screen.unanswered), list=numbers)))
    made.add_ways(words("leave_no"), words("hand_in_yes" if screen.is_last else "leave_yes"), ConfirmLeave(2))
    return made


def hand_in_dialog(look: Look, screen: HandInScreen) -> Dialog:
    """Step 1 the sum per task, step 2 "Er du helt ferdig?"; empty tasks are named in both."""
    words = look.words
    empty = [task for task in screen.tasks if task.is_empty]
    eyebrow = words("hand_in_eyebrow", step=screen.step)
    if screen.step == 1:
        title = words.counted("hand_in_title_empty", len(empty)) if empty else words("hand_in_title")
        made = Dialog(look, "hand_in_1", title, eyebrow)
        made.add_words(_time_words(look, screen.behind.frame.minutes_left) + words("leave_help_rows"), "dialog_help")
        if empty:
            _add_empty(made, look, screen, empty)
        rows = [_hand_in_row(look, task) for task in screen.tasks]
        made.add_rows(rows, [task.task for task in screen.tasks])
        made.add_ways(words("back_to_tasks"), words("on_with"), HandIn(1), rows)
        return made
    made = Dialog(look, "hand_in_2", words("hand_in_sure_title"), eyebrow)
    made.add_words(words("hand_in_sure"), "dialog_help", is_second=False)
    if empty:
        _add_empty(made, look, screen, empty)
    made.add_ways(words("leave_no"), words("hand_in_yes"), HandIn(2))
    return made


def _add_empty(made: Dialog, look: Look, screen: HandInScreen, empty: Sequence[HandInTask]) -> None:
    words = look.words
    numbers = words.listed([str(task.number) for task in empty])
    is_written = any(task.words is not None for task in empty)
    line = words.counted("hand_in_empty" if is_written else "leave_without", len(empty), list=numbers)
    if screen.all_tasks_required:
        line = f"{line} {words('all_tasks')}"
    made.body.addSpacing(look.space(18))
    made.body.addWidget(WarningLine(look, line))


def _hand_in_row(look: Look, task: HandInTask) -> WayBack:
    words = look.words
    if task.words is None:
        state = words("strip_without" if task.is_empty else "strip_with")
    else:
        state = words("empty") if task.is_empty else words.counted("words", task.words)
    made = WayBack(look, f"way_back_{task.number}", task.number, task.title, state)
    made.show_answered(is_answered=not task.is_empty)
    return made
