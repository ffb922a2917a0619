"""The reading part: text and question beside each other, or under each other when the text is large."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from engine.events import Response
from itembank.content import StimulusContent
from kiosk.intents import Answer, GoTo, GoToHandIn, LeaveModule, Next, PasteRefused, Previous
from kiosk.look.look import Look, colour
from kiosk.look.tokens import COLUMN_WIDTH, CONTENT_WIDTH, READING_TITLE, SMALL, STRIP_ROW, TARGET_STRIP
from kiosk.screens import ReadingScreen, Screen
from kiosk.views.base import View
from kiosk.views.item import GROUP_MARGIN, ItemPanel
from kiosk.views.part import BAR_MARGIN, LowTimeLine, PartFoot, ReadColumn, SavedSign, TopBar, place_of
from kiosk.widgets.boxes import Hairline, Panel, Scroll, column, held_by, row
from kiosk.widgets.button import Button
from kiosk.widgets.option import Drawing
from kiosk.widgets.overlay import Overlay
from kiosk.widgets.prose import BlocksText, Prose
from kiosk.widgets.ring import RING_PROPERTY
from kiosk.widgets.strip import STRIP_GAP, TaskStrip

TEXT_SHARE = 52
QUESTION_SHARE = 48
PICTURE_HEIGHT = 150


class LegendSign(QWidget):
    """The bar or the ring of the strip, in the legend."""

    def __init__(self, look: Look, *, is_answered: bool) -> None:
        super().__init__()
        self.look = look
        self._is_answered = is_answered
        self.setFixedSize(look.text(22 if is_answered else 12), look.text(14))

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self.look.colours
        if self._is_answered:
            height = self.look.text(5)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour(colours.accent))
            painter.drawRoundedRect(0, (self.height() - height) // 2, self.width(), height, height / 2, height / 2)
        else:
            painter.setPen(QPen(colour(colours.edge), 1.5))
            painter.drawEllipse(1, (self.height() - self.width()) // 2 + 1, self.width() - 2, self.width() - 2)
        painter.end()


class StripBar(Panel):
    """The strip, how many have an answer, and the legend or the low-time line in its place.

    Where not all of it fits, it stands tighter, then without the legend, then without the count, then in more rows.
    """

    def __init__(self, look: Look, screen: ReadingScreen) -> None:
        super().__init__(look, look.colours.surface, line_below=True)
        self.count = Prose(look, "", SMALL, ink=look.colours.ink2, wraps=False)
        self.count.setObjectName("answered_count")
        self._show_count(screen)
        self.low_time = LowTimeLine(look)
        self.legend = legend_of(look)
        self._fit(len(screen.strip))
        self.strip = TaskStrip(look, screen.strip, most_in_row=self._in_row)
        inside = row(margins=(BAR_MARGIN, 0, 16, 0), spacing=self._spacing)
        inside.addWidget(self.strip)
        if self._has_count:
            inside.addWidget(self.count)
        inside.addStretch(1)
        if self._has_legend:
            inside.addWidget(self.legend)
        inside.addWidget(self.low_time)
        self.setLayout(inside)
        self.setFixedHeight(self.strip.sizeHint().height() + 1)

    def _fit(self, tasks: int) -> None:
        look = self.look
        room = look.width - BAR_MARGIN - 16
        count, legend = self.count.sizeHint().width(), self.legend.sizeHint().width()
        wide = look.space(32)
        for rows in range(1, tasks + 1):
            in_row = -(-tasks // rows)
            strip = in_row * (look.text(TARGET_STRIP) + STRIP_GAP)
            ways = ((wide, count, legend), (16, count, legend), (16, count, 0), (16, 0, 0))
            for spacing, with_count, with_legend in ways:
                if in_row <= STRIP_ROW and strip + 3 * spacing + with_count + with_legend <= room:
                    self._in_row, self._spacing = in_row, spacing
                    self._has_count, self._has_legend = bool(with_count), bool(with_legend)
                    return
        self._in_row, self._spacing, self._has_count, self._has_legend = 1, 0, False, False

    def _show_count(self, screen: ReadingScreen) -> None:
        answered = sum(task.is_answered for task in screen.strip)
        self.count.set_marked(self.look.words("strip_answered", answered=answered, tasks=len(screen.strip)))

    def show_screen(self, screen: ReadingScreen) -> None:
        """Take this state."""
        self.strip.show_tasks(screen.strip, screen.item.id)
        self._show_count(screen)
        is_low = screen.frame.low_time_minutes is not None
        self.low_time.show_minutes(screen.frame.low_time_minutes)
        if self._has_legend:
            self.legend.setVisible(not is_low)
        if self._has_count:
            self.count.setVisible(not is_low or self._has_legend)


def legend_of(look: Look) -> QWidget:
    """What the bar and the ring of the strip mean."""
    made = row(spacing=look.space(8))
    for is_answered, key in ((True, "strip_with"), (False, "strip_without")):
        made.addWidget(LegendSign(look, is_answered=is_answered))
        made.addWidget(Prose(look, look.words(key), SMALL, ink=look.colours.ink2, wraps=False))
        made.addSpacing(look.space(12))
    made.addStretch(1)
    return held_by(made)


class StimulusPanel(QWidget):
    """The text (and its picture) the question is about."""

    def __init__(self, look: Look, stimulus: StimulusContent, media: dict[str, bytes]) -> None:
        super().__init__()
        self.look = look
        self.setObjectName("stimulus")
        self.setAccessibleName(look.words("text_name"))
        inside = column()
        if stimulus.title:
            title = Prose(look, stimulus.title, READING_TITLE)
            title.setObjectName("stimulus_title")
            inside.addWidget(title)
            inside.addSpacing(look.space(12))
        if stimulus.picture is not None:
            data = media.get(stimulus.picture.media, b"")
            inside.addWidget(Drawing(look, data, stimulus.picture.alternative, height=look.text(220)))
            inside.addSpacing(look.space(16))
        self.text = BlocksText(look, stimulus.blocks)
        self.text.setObjectName("stimulus_text")
        inside.addWidget(self.text)
        self.setLayout(inside)


class ReadingView(View):
    """Read and answer."""

    def __init__(self, look: Look, screen: ReadingScreen) -> None:
        super().__init__(look)
        self._key = self._key_of(screen)
        self.strip_bar: StripBar | None = None
        self.task_list: TaskList | None = None
        self.low_line: LowTimeLine | None = None
        self.text_column: Scroll | None = None
        self.screen_now = screen
        eyebrow = (
            "" if look.is_one_column else look.words("task_of", task=screen.frame.task_number, tasks=len(screen.strip))
        )
        height = look.text(PICTURE_HEIGHT)
        self.item = ItemPanel(look, screen.item, screen.media, eyebrow=eyebrow, picture_height=height)
        self.item.answered.connect(self._answer)
        self.item.paste_refused.connect(lambda: self.tell(PasteRefused()))
        self.previous = Button(look, "previous", look.words("previous"), before="back")
        self.next = Button(look, "next", self._next_words(screen), kind="filled", after="on")
        self.previous.clicked.connect(lambda: self.tell(Previous()))
        self.next.clicked.connect(self._go_on)
        self.primary = self.next
        if look.is_one_column:
            self._build_one_column(screen)
        else:
            self._build_two_columns(screen)
        self.refresh(screen)

    @staticmethod
    def _key_of(screen: ReadingScreen) -> tuple[object, ...]:
        items = tuple((task.item, task.number) for task in screen.strip)
        ends = (screen.has_previous, screen.leaves_module, screen.is_last_module)
        return (screen.attempt, screen.item, screen.stimulus, items, ends, screen.frame.module_number)

    def _next_words(self, screen: ReadingScreen) -> str:
        words = self.look.words
        if not screen.leaves_module:
            return words("next")
        if screen.is_last_module:
            return words("to_hand_in")
        number = screen.frame.module_number
        return words("finish_module", module=number) if number else words("finish_plain")

    def _answer(self, response: Response) -> None:
        self.tell(Answer(self.item.item.id, response))

    def _go_to(self, item: str) -> None:
        self.tell(GoTo(item))

    def _go_on(self) -> None:
        screen = self.screen_now
        if not screen.leaves_module:
            self.tell(Next())
        else:
            self.tell(GoToHandIn() if screen.is_last_module else LeaveModule())

    # --- two columns ---

    def _build_two_columns(self, screen: ReadingScreen) -> None:
        look = self.look
        self.bar = TopBar(look, self.make_letters())
        self.strip_bar = StripBar(look, screen)
        self.strip_bar.strip.went.connect(self._go_to)
        self.foot = PartFoot(look, height=88)
        if screen.has_previous:
            self.foot.add(self.previous)
        self.foot.add(self.next)
        whole = column()
        whole.addWidget(self.bar)
        whole.addWidget(self.strip_bar)
        whole.addWidget(self._two_columns(screen), 1)
        whole.addWidget(self.foot)
        self.setLayout(whole)
        order: list[QWidget] = [self.text_column] if self.text_column else []
        order += [*self.item.tab_stops]
        order += [self.previous] if screen.has_previous else []
        self.tab_through([*order, self.next, *self.strip_bar.strip.places, *self._letters()])

    def _letters(self) -> list[QWidget]:
        return [self.letters] if self.letters else []

    def _two_columns(self, screen: ReadingScreen) -> QWidget:
        look = self.look
        question = column(margins=(0, look.space(31), 0, look.space(24)))
        question.addWidget(self.item)
        question.addStretch(1)
        if screen.stimulus is None:
            return self._question_alone(held_by(question))
        side = 48 - GROUP_MARGIN
        question.setContentsMargins(side, look.space(31), 56 - GROUP_MARGIN, look.space(24))
        right = ReadColumn(
            look, "question_scroll", held_by(question), ground=look.colours.page, more_key="question_continues"
        )
        texts = column(margins=(56, look.space(30), look.space(24), look.space(24)))
        texts.addWidget(StimulusPanel(look, screen.stimulus, dict(screen.media)))
        texts.addStretch(1)
        left = ReadColumn(look, "text_scroll", held_by(texts), ground=look.colours.surface, more_key="text_continues")
        left.scroll_area.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        left.scroll_area.setAccessibleName(look.words("text_name"))
        left.scroll_area.setProperty(RING_PROPERTY, "inside")
        self.text_column = left.scroll_area
        both = row()
        both.addWidget(left, TEXT_SHARE)
        line = Panel(look, look.colours.line)
        line.setFixedWidth(3 if look.colours.is_contrast else 1)
        both.addWidget(line)
        both.addWidget(right, QUESTION_SHARE)
        for part in (left, right):
            part.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        return Centred(look, held_by(both), CONTENT_WIDTH)

    def _question_alone(self, held: QWidget) -> QWidget:
        look = self.look
        width = look.text(COLUMN_WIDTH)
        inner = Centred(look, held, width)
        return ReadColumn(look, "question_scroll", inner, ground=look.colours.page, more_key="question_continues")

    # --- one column ---

    def _build_one_column(self, screen: ReadingScreen) -> None:
        look = self.look
        words = look.words
        self.list_button = Button(
            look, "task_list_button",
            words("task_of", task=screen.frame.task_number, tasks=len(screen.strip)), after="down", is_small=True,
        )  # fmt: skip
        self.list_button.clicked.connect(self._open_list)
        self.bar = TopBar(look, self.make_letters(), left=self.list_button)
        self.foot = PartFoot(look, height=88)
        content = column(margins=(56 - GROUP_MARGIN, look.space(20), look.space(24), look.space(24)))
        self.low_line = LowTimeLine(look)
        self.stimulus_end: QWidget | None = None
        if screen.stimulus is not None:
            texts = column(margins=(GROUP_MARGIN, 0, GROUP_MARGIN, 0))
            texts.addWidget(StimulusPanel(look, screen.stimulus, dict(screen.media)))
            texts.addSpacing(look.space(24))
            self.stimulus_end = Hairline(look)
            texts.addWidget(self.stimulus_end)
            texts.addSpacing(look.space(16))
            content.addLayout(texts)
        content.addWidget(self.item)
        content.addStretch(1)
        self.scroll_area = Scroll(look, "text_scroll", held_by(content), ground=look.colours.page)
        self.scroll_area.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.scroll_area.setProperty(RING_PROPERTY, "inside")
        self.scroll_area.setAccessibleName(words("text_name"))
        self.text_column = self.scroll_area
        self.jump = Button(look, "to_question", words("to_question"), before="down")
        self.jump.clicked.connect(self._jump)
        self.scroll_area.verticalScrollBar().valueChanged.connect(self._word_jump)
        self.scroll_area.verticalScrollBar().rangeChanged.connect(self._word_jump)
        buttons = [self.previous] if screen.has_previous else []
        buttons += [self.jump] if screen.stimulus is not None else []
        self.foot.hold([*buttons, self.next])
        whole = column()
        for part, stretch in ((self.bar, 0), (self.low_line, 0), (self.scroll_area, 1), (self.foot, 0)):
            whole.addWidget(part, stretch)
        self.setLayout(whole)
        self.tab_through(
            [self.scroll_area, *self.item.tab_stops, *buttons, self.next, self.list_button, *self._letters()]
        )

    @property
    def _is_at_question(self) -> bool:
        if self.stimulus_end is None:
            return True
        top = self._top_of(self.stimulus_end)
        return self.scroll_area.verticalScrollBar().value() + self.scroll_area.viewport().height() // 2 > top

    def _word_jump(self) -> None:
        key = "to_text" if self._is_at_question else "to_question"
        self.jump.show_words(self.look.words(key), "up" if key == "to_text" else "down")

    def _jump(self) -> None:
        bar = self.scroll_area.verticalScrollBar()
        if self._is_at_question or self.stimulus_end is None:
            bar.setValue(0)
        else:
            bar.setValue(self._top_of(self.stimulus_end) - self.look.space(16))

    def _top_of(self, inside: QWidget) -> int:
        content = self.scroll_area.widget()
        return inside.mapTo(content, QPoint(0, 0)).y() if content is not None else 0

    def _open_list(self) -> None:
        opened = TaskList(self.look, self.screen_now)
        opened.strip.went.connect(self._go_from_list)
        opened.closed.connect(self._list_closed)
        opened.open_over(self)
        self.task_list = opened

    def _list_closed(self) -> None:
        self.task_list = None
        self.list_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _go_from_list(self, item: str) -> None:
        if self.task_list is not None:
            self.task_list.close_overlay()
        self.tell(GoTo(item))

    # --- both ---

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Page keys scroll the text, wherever the focus is."""
        pages = {Qt.Key.Key_PageDown: 1, Qt.Key.Key_PageUp: -1}.get(Qt.Key(event.key()), 0)
        if pages and self.text_column is not None:
            bar = self.text_column.verticalScrollBar()
            bar.setValue(bar.value() + pages * bar.pageStep())
        else:
            super().keyPressEvent(event)

    @override
    def refresh(self, screen: Screen) -> bool:
        if not isinstance(screen, ReadingScreen) or self._key_of(screen) != self._key:
            return False
        self.screen_now = screen
        self.bar.show_frame(screen.frame, place_of(self.look.words, screen.frame))
        self.foot.show_frame(screen.frame)
        self.item.show_response(screen.response)
        if self.strip_bar is not None:
            self.strip_bar.show_screen(screen)
        if self.low_line is not None:
            self.low_line.show_minutes(screen.frame.low_time_minutes)
        return True

    @override
    def first_focus(self) -> QWidget | None:
        return next((one for one in self.item.tab_stops if one.focusPolicy() & Qt.FocusPolicy.TabFocus), self.next)

    @override
    def areas(self) -> tuple[QWidget, ...]:
        """Text, question, foot."""
        question = next((one for one in self.item.tab_stops if one.focusPolicy() & Qt.FocusPolicy.TabFocus), self.next)
        return (*([self.text_column] if self.text_column else []), question, self.next)


class Centred(Panel):
    """Keeps one widget at most so wide, in the middle."""

    def __init__(self, look: Look, held: QWidget, width: int) -> None:
        super().__init__(look, look.colours.page)
        self._most = width
        self._held = held
        inside = row()
        inside.addWidget(held)
        self.setLayout(inside)

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        side = max(0, (self.width() - self._most) // 2)
        layout = self.layout()
        if layout is not None:
            layout.setContentsMargins(side, 0, side, 0)
        super().resizeEvent(event)


class TaskList(Overlay):
    """One column: the strip as a sheet, with the saved sign, the count and the legend."""

    def __init__(self, look: Look, screen: ReadingScreen) -> None:
        super().__init__(look, "task_list", look.words("task_list_title"), width=760)
        words = look.words
        answered = sum(task.is_answered for task in screen.strip)
        self.body.addWidget(Prose(look, words("strip_answered", answered=answered, tasks=len(screen.strip)), SMALL))
        self.strip = TaskStrip(look, screen.strip, most_in_row=4)
        self.strip.show_tasks(screen.strip, screen.item.id)
        self.body.addWidget(self.strip)
        self.body.addWidget(legend_of(look))
        self.body.addSpacing(look.space(16))
        self.saved = SavedSign(look)
        line = row()
        line.addWidget(self.saved)
        line.addStretch(1)
        self.body.addLayout(line)
        # Only now: a widget that is shown before it stands anywhere would be a window of its own.
        self.saved.show_state(screen.frame.saved)
        self.body.addWidget(Prose(look, screen.frame.candidate, SMALL, ink=look.colours.ink2))
        close = Button(look, "task_list_close", words("task_list_close"))
        close.clicked.connect(self.close_overlay)
        end = row()
        end.addWidget(close)
        end.addStretch(1)
        self.body.addSpacing(look.space(16))
        self.body.addLayout(end)
        self.finish([*self.strip.places, close], close, first=self.strip.present)
