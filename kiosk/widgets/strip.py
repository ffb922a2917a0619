"""The task strip: where am I, what has an answer; and the tabs of the writing tasks."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QWidget
from typing_extensions import override

from kiosk.look.look import Look, colour, dashed
from kiosk.look.tokens import BODY_STRONG, RADIUS_SMALL, SMALL, TARGET_STRIP
from kiosk.screens import StripTask, TaskTab
from kiosk.widgets.boxes import row
from kiosk.widgets.button import Pressable
from kiosk.widgets.ring import RING_OUTSIDE

FOOT = 4
STRIP_GAP = 8


class StripPlace(Pressable):
    """One task: filled when present, tint and bar with an answer, dashed and a ring without."""

    def __init__(self, look: Look, task: StripTask) -> None:
        super().__init__(look, f"strip_{task.number}", "")
        self.task = task
        self.is_present = False
        self.setText(str(task.number))
        self.setFixedSize(look.text(TARGET_STRIP), look.text(TARGET_STRIP))
        self.show_task(task, is_present=False)

    def show_task(self, task: StripTask, *, is_present: bool) -> None:
        """Take this state."""
        self.task, self.is_present = task, is_present
        words = self.look.words
        spoken = words("strip_task_with" if task.is_answered else "strip_task_without", task=task.number)
        self.setAccessibleName(f"{spoken}, {words('strip_present')}" if is_present else spoken)
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_place(painter, self.look, QRectF(self.rect()), self.task, is_present=self.is_present)
        painter.end()


def paint_place(painter: QPainter, look: Look, place: QRectF, task: StripTask, *, is_present: bool) -> None:
    """Paint a strip place (also used in the rows of the leaving dialog)."""
    colours = look.colours
    is_tinted = task.is_answered and not colours.is_contrast
    ink = colours.on_accent if is_present else colours.ink
    if is_present:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour(colours.accent))
    elif task.is_answered:
        painter.setPen(QPen(colour(colours.edge), 3) if colours.is_contrast else Qt.PenStyle.NoPen)
        painter.setBrush(colour(colours.tint if is_tinted else colours.surface))
    else:
        painter.setPen(dashed(colours.edge, look.border()))
        painter.setBrush(colour(colours.surface))
    painter.drawRoundedRect(place.adjusted(0.75, 0.75, -0.75, -0.75), RADIUS_SMALL, RADIUS_SMALL)
    painter.setPen(colour(ink))
    painter.setFont(look.font(BODY_STRONG))
    upper = QRectF(place.x(), place.y() + place.height() * 0.12, place.width(), place.height() * 0.5)
    painter.drawText(upper, Qt.AlignmentFlag.AlignCenter, str(task.number))
    middle = QPointF(place.center().x(), place.y() + place.height() * 0.745)
    if task.is_answered:
        width, height = place.width() * 0.42, look.text(5)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour(ink if is_present else colours.accent))
        bar = QRectF(middle.x() - width / 2, middle.y() - height / 2, width, height)
        painter.drawRoundedRect(bar, height / 2, height / 2)
    else:
        painter.setPen(QPen(colour(ink if is_present else colours.edge), 1.5 * look.zoom))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(middle, look.text(4), look.text(4))


class _Roving(QWidget):
    """A row of pressable things with one tab stop: arrows move, Enter and Space press."""

    went = Signal(str)

    def __init__(self, look: Look, name: str) -> None:
        super().__init__()
        self.look = look
        self.setObjectName(name)
        self.setProperty(RING_OUTSIDE, True)
        self._places: list[Pressable] = []

    def _hold(self, place: Pressable, item: str) -> None:
        self._places.append(place)
        place.clicked.connect(lambda: self.went.emit(item))

    def _rove(self, index: int) -> None:
        for number, place in enumerate(self._places):
            place.setFocusPolicy(Qt.FocusPolicy.StrongFocus if number == index else Qt.FocusPolicy.ClickFocus)

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        here = next((index for index, place in enumerate(self._places) if place.hasFocus()), None)
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()), 0)
        if here is None or not step:
            event.ignore()
            return
        there = (here + step) % len(self._places)
        self._rove(there)
        self._places[there].setFocus(Qt.FocusReason.OtherFocusReason)


class TaskStrip(_Roving):
    """All tasks of a module in order, in as many even rows as are needed."""

    def __init__(self, look: Look, tasks: Sequence[StripTask], *, most_in_row: int) -> None:
        super().__init__(look, "strip")
        self.setAccessibleName(look.words("strip_name"))
        self._items = tuple(task.item for task in tasks)
        rows = -(-len(tasks) // most_in_row)
        self._columns = max(1, -(-len(tasks) // max(1, rows)))
        grid = QGridLayout()
        grid.setContentsMargins(0, 10, 0, 10)
        grid.setSpacing(STRIP_GAP)
        for index, task in enumerate(tasks):
            place = StripPlace(look, task)
            self._hold(place, task.item)
            grid.addWidget(place, index // self._columns, index % self._columns)
        self.setLayout(grid)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    @property
    def items(self) -> tuple[str, ...]:
        """Items in order."""
        return self._items

    @property
    def places(self) -> tuple[StripPlace, ...]:
        """The places in order."""
        return tuple(place for place in self._places if isinstance(place, StripPlace))

    @property
    def present(self) -> StripPlace:
        """The present task's place."""
        return next((place for place in self.places if place.is_present), self.places[0])

    def show_tasks(self, tasks: Sequence[StripTask], present: str) -> None:
        """Take these states."""
        for place, task in zip(self.places, tasks, strict=True):
            place.show_task(task, is_present=task.item == present)
        if not any(place.hasFocus() for place in self.places):
            self._rove(self._items.index(present) if present in self._items else 0)
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour(self.look.colours.accent))
        for place in self.places:
            if place.is_present:
                foot = QRectF(place.x() + 6, place.y() + place.height() + 6, place.width() - 12, FOOT)
                painter.drawRoundedRect(foot, 2, 2)
        painter.end()


class Tab(Pressable):
    """A writing task's tab: its name, and its words or "Tom"."""

    def __init__(self, look: Look, tab: TaskTab, *, shows_words: bool) -> None:
        super().__init__(look, f"tab_{tab.number}", "")
        self._shows_words = shows_words
        self._state = ""
        self.is_empty = True
        self.is_present = False
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.show_tab(tab, is_present=False)

    def show_tab(self, tab: TaskTab, *, is_present: bool) -> None:
        """Take this state."""
        words = self.look.words
        self.setText(words("task", task=tab.number))
        self._state = words("empty") if tab.is_empty else self._count(tab.words)
        self.is_empty, self.is_present = tab.is_empty, is_present
        spoken = f"{self.text()}, {self._state}"
        self.setAccessibleName(f"{spoken}, {words('strip_present')}" if is_present else spoken)
        self.updateGeometry()
        self.update()

    def _count(self, words: int) -> str:
        return self.look.words.counted("words", words) if self._shows_words else self.look.words("not_empty")

    @property
    def state(self) -> str:
        """Its words, or "Tom"."""
        return self._state

    @override
    def sizeHint(self) -> QSize:
        look = self.look
        # Room for three figures, so that a tab does not move its neighbours while its words grow.
        widest = max(
            look.metrics(SMALL).horizontalAdvance(words) for words in (self._state, look.words.counted("words", 88))
        )
        name = look.metrics(BODY_STRONG).horizontalAdvance(self.text())
        shown = widest if not self.is_empty else look.metrics(SMALL).horizontalAdvance(self._state)
        return QSize(round(name + shown + look.space(12) + 2 * look.space(19)), look.text(TARGET_STRIP))

    @override
    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self.look.colours
        ink, ink2 = colours.ink, colours.ink2
        if self.is_present:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour(colours.accent))
            ink = ink2 = colours.on_accent
        elif self.is_empty or colours.is_contrast:
            width = self.look.border()
            painter.setPen(dashed(colours.edge, width) if self.is_empty else QPen(colour(colours.edge), width))
            painter.setBrush(colour(colours.surface))
        else:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour(colours.tint))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), RADIUS_SMALL, RADIUS_SMALL)
        left = self.look.space(19)
        painter.setFont(self.look.font(BODY_STRONG))
        painter.setPen(colour(ink))
        painter.drawText(QRectF(left, 0, self.width(), self.height()), Qt.AlignmentFlag.AlignVCenter, self.text())
        left += round(self.look.metrics(BODY_STRONG).horizontalAdvance(self.text())) + self.look.space(12)
        painter.setFont(self.look.font(SMALL))
        painter.setPen(colour(ink2))
        painter.drawText(QRectF(left, 0, self.width(), self.height()), Qt.AlignmentFlag.AlignVCenter, self._state)
        painter.end()


class TaskTabs(_Roving):
    """The writing tasks as tabs."""

    def __init__(self, look: Look, tabs: Sequence[TaskTab], *, shows_words: bool) -> None:
        super().__init__(look, "tabs")
        self.setAccessibleName(look.words("strip_name"))
        inside = row(margins=(0, 10, 0, 10), spacing=12)
        self._tasks = tuple(tab.task for tab in tabs)
        for tab in tabs:
            made = Tab(look, tab, shows_words=shows_words)
            self._hold(made, tab.task)
            inside.addWidget(made)
        self.setLayout(inside)

    @property
    def tabs(self) -> tuple[Tab, ...]:
        """The tabs in order."""
        return tuple(place for place in self._places if isinstance(place, Tab))

    def show_tabs(self, tabs: Sequence[TaskTab], present: int) -> None:
        """Take these states; ``present`` is the number of the present task."""
        for made, tab in zip(self.tabs, tabs, strict=True):
            made.show_tab(tab, is_present=tab.number == present)
        if not any(made.hasFocus() for made in self.tabs):
            self._rove(max(0, present - 1))
