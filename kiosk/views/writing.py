"""The writing part: task at the left, editor at the right, tasks as tabs (reglement 4: typed and stored here)."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget
from typing_extensions import override

from kiosk.intents import ChooseTopic, EditText, GoTo, GoToHandIn, KeyTimed, PasteRefused
from kiosk.look.look import Look, colour
from kiosk.look.tokens import CONTENT_WIDTH, QUESTION, RADIUS_PANEL, READING_STRONG, READING_TASK, SMALL, SMALL_STRONG
from kiosk.screens import Screen, Topic, WritingScreen
from kiosk.views.base import View
from kiosk.views.part import LowTimeLine, PartFoot, ReadColumn, SavedSign, TopBar
from kiosk.views.reading import Centred
from kiosk.widgets.boxes import Hairline, Panel, column, held_by, row
from kiosk.widgets.button import Button
from kiosk.widgets.editor import Draft, EditorMenu, ScriptEditor
from kiosk.widgets.option import Drawing
from kiosk.widgets.prose import BlocksText, Prose
from kiosk.widgets.ring import RING_PROPERTY
from kiosk.widgets.strip import TaskTabs

TASK_WIDTH = 430


class Drafts:
    """The drafts of this window by attempt and task: text and undo history outlive every view."""

    def __init__(self, tell: Callable[[EditText], None]) -> None:
        self._tell = tell
        self._held: dict[tuple[str, str], Draft] = {}

    def draft(self, attempt: str, task: str, text: str) -> Draft:
        """The draft of this task; ``text`` counts only when it is made. Another attempt's drafts are forgotten."""
        for key in [key for key in self._held if key[0] != attempt]:
            self._held.pop(key).deleteLater()
        found = self._held.get((attempt, task))
        if found is None:
            found = Draft(task, text)
            found.edited.connect(self._tell)
            self._held[attempt, task] = found
        return found

    def forget(self) -> None:
        """Forget every draft: nobody sits here now, and an attempt that comes back may have gone on elsewhere."""
        while self._held:
            self._held.popitem()[1].deleteLater()


class EditorFrame(QWidget):
    """The editor with its bar above and its line below, in one frame."""

    def __init__(self, look: Look, editor: ScriptEditor, *, shows_words: bool, width: int) -> None:
        super().__init__()
        self.look = look
        self._wished_width = width
        self.editor = editor
        self.setObjectName("editor_frame")
        self.setProperty("radius", RADIUS_PANEL)
        words = look.words
        self.undo = Button(look, "undo", words("undo"), kind="quiet", before="undo", is_small=True)
        self.redo = Button(look, "redo", words("redo"), kind="quiet", before="redo", is_small=True)
        self.undo.clicked.connect(lambda: self._do(editor.undo_step))
        self.redo.clicked.connect(lambda: self._do(editor.redo_step))
        bar = self._bar()
        self.words = Prose(look, "", SMALL_STRONG, wraps=False)
        self.words.setObjectName("word_count")
        self.saved = SavedSign(look, "saved_text")
        end = row(margins=(look.space(18), 0, look.space(18), 0), spacing=look.space(12))
        if shows_words:
            end.addWidget(self.words)
        end.addStretch(1)
        end.addWidget(self.saved)
        foot = held_by(end)
        foot.setFixedHeight(look.text(23) + look.space(24))
        inside = column(margins=(2, 2, 2, 2))
        inside.addLayout(bar)
        inside.addWidget(Hairline(look))
        inside.addWidget(editor, 1)
        inside.addWidget(Hairline(look))
        inside.addWidget(foot)
        self.setLayout(inside)

    def _bar(self) -> QHBoxLayout:
        """Undo and redo; where there is room their keys, and what to do when something was deleted."""
        look, words = self.look, self.look.words
        hint = Prose(look, words("deleted_something"), SMALL, ink=look.colours.ink2, wraps=False)
        keys = [Prose(look, words(key), SMALL, ink=look.colours.ink2, wraps=False) for key in ("undo_key", "redo_key")]
        room = self._wished_width - look.space(62) - self.undo.sizeHint().width() - self.redo.sizeHint().width()
        has_hint = hint.sizeHint().width() <= room
        has_keys = hint.sizeHint().width() + sum(key.sizeHint().width() for key in keys) <= room
        bar = row(margins=(look.space(6), look.space(6), look.space(24), look.space(5)), spacing=0)
        for button, key in zip((self.undo, self.redo), keys, strict=True):
            bar.addWidget(button)
            if has_keys:
                bar.addWidget(key)
            bar.addSpacing(look.space(16))
        bar.addStretch(1)
        if has_hint:
            bar.addWidget(hint)
        return bar

    def _do(self, act: Callable[[], None]) -> None:
        act()
        self.editor.setFocus(Qt.FocusReason.OtherFocusReason)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self.look.colours
        width = max(2.0, self.look.border())
        painter.setPen(QPen(colour(colours.edge), width))
        painter.setBrush(colour(colours.surface))
        half = width / 2
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(half, half, -half, -half), RADIUS_PANEL, RADIUS_PANEL)
        painter.end()


class TopicChoice(QWidget):
    """A slot with a choice of topics: one is chosen, then written."""

    def __init__(self, look: Look, topics: tuple[Topic, ...], chose: Callable[[str], None]) -> None:
        super().__init__()
        words = look.words
        self.setObjectName("topics")
        self.buttons: list[Button] = []
        inside = column(spacing=look.space(16), margins=(10, 10, 10, 10))
        inside.addWidget(Prose(look, words("topic_title"), QUESTION))
        inside.addWidget(Prose(look, words("topic_help"), SMALL, ink=look.colours.ink2))
        for number, topic in enumerate(topics, start=1):
            inside.addWidget(Hairline(look))
            inside.addWidget(Prose(look, topic.title, READING_STRONG))
            if topic.summary:
                inside.addWidget(Prose(look, topic.summary, READING_TASK))
            spoken = f"{words('topic_choose')}: {topic.title}"
            button = Button(look, f"topic_{number}", words("topic_choose"), after="on", spoken=spoken)
            button.clicked.connect(lambda _checked=False, task=topic.task: chose(task))
            inside.addWidget(button)
            self.buttons.append(button)
        inside.addStretch(1)
        self.setLayout(inside)


class WritingView(View):
    """Write."""

    def __init__(self, look: Look, screen: WritingScreen, drafts: Drafts, now_ns: Callable[[], int]) -> None:
        super().__init__(look)
        self._key = self._key_of(screen)
        self._now_ns = now_ns
        self.screen_now = screen
        self.editor: ScriptEditor | None = None
        self.frame: EditorFrame | None = None
        self.topics: TopicChoice | None = None
        self.menu: EditorMenu | None = None
        self.bar = TopBar(look, self.make_letters())
        self.tabs = TaskTabs(look, screen.tabs, shows_words=screen.shows_words)
        self.tabs.went.connect(self._go_to)
        self.low_time = LowTimeLine(look)
        self.all_tasks = Prose(look, look.words("all_tasks"), SMALL, ink=look.colours.ink2)
        self.all_tasks.setObjectName("all_tasks")
        self.foot = PartFoot(look, height=88, has_saved_sign=False)
        self._foot_buttons = self._ways(screen)
        right = self._right(screen, drafts)
        whole = column()
        whole.addWidget(self.bar)
        whole.addWidget(self._tab_bar(screen))
        whole.addWidget(self._content(screen, right), 1)
        whole.addWidget(self.foot)
        self.setLayout(whole)
        self._order()
        self.refresh(screen)

    @staticmethod
    def _key_of(screen: WritingScreen) -> tuple[object, ...]:
        tabs = tuple((tab.task, tab.number) for tab in screen.tabs)
        return (
            screen.attempt,
            screen.task,
            screen.slot,
            tabs,
            screen.topics,
            screen.can_change_topic,
            screen.shows_words,
        )

    # --- building ---

    def _tab_bar(self, screen: WritingScreen) -> Panel:
        look = self.look
        made = Panel(look, look.colours.surface, line_below=True)
        inside = row(margins=(28, 0, 28, 0), spacing=look.space(24))
        inside.addWidget(self.tabs)
        if look.is_one_column:
            self.all_tasks.hide()
            inside.addStretch(1)
        else:
            if screen.all_tasks_required:
                inside.addWidget(self.all_tasks, 100)
            inside.addStretch(1)
            inside.addWidget(self.low_time)
        made.setLayout(inside)
        made.setFixedHeight(self.tabs.sizeHint().height())
        return made

    def _right(self, screen: WritingScreen, drafts: Drafts) -> QWidget:
        look = self.look
        if screen.topics:
            self.topics = TopicChoice(look, screen.topics, lambda task: self.tell(ChooseTopic(screen.slot, task)))
            if look.is_one_column:
                return self.topics
            return ReadColumn(
                look, "topic_scroll", self.topics, ground=look.colours.page, more_key="question_continues"
            )
        draft = drafts.draft(screen.attempt, screen.task.id, screen.text)
        spoken = look.words("editor_name", task=screen.frame.task_number)
        editor = ScriptEditor(look, draft, "editor", spoken)
        editor.put_caret_at_end()
        editor.key_timed.connect(self._time_key)
        editor.paste_refused.connect(lambda: self.tell(PasteRefused()))
        editor.menu_wished.connect(self._open_menu)
        self.editor = editor
        width = look.width - 2 * 28 if look.is_one_column else min(look.width, CONTENT_WIDTH) - _task_width(look) - 40
        self.frame = EditorFrame(look, editor, shows_words=screen.shows_words, width=width)
        return self.frame

    def _task(self, screen: WritingScreen) -> QWidget:
        look, task = self.look, screen.task
        inside = column()
        if not look.is_one_column:
            eyebrow = look.words("task_of", task=screen.frame.task_number, tasks=len(screen.tabs))
            line = Prose(look, eyebrow, SMALL, ink=look.colours.ink2)
            line.setObjectName("task_of")
            inside.addWidget(line)
            inside.addSpacing(look.space(5))
        heading = Prose(look, task.heading, QUESTION)
        heading.setObjectName("task_heading")
        inside.addWidget(heading)
        inside.addSpacing(look.space(14))
        if task.picture is not None:
            data = screen.media.get(task.picture.media, b"")
            inside.addWidget(Drawing(look, data, task.picture.alternative, height=look.text(180)))
            inside.addSpacing(look.space(14))
        text = BlocksText(look, task.blocks, kind=READING_TASK, heading=READING_STRONG)
        text.setObjectName("task_text")
        inside.addWidget(text)
        if task.minimum_words:
            inside.addSpacing(look.space(16))
            least = Prose(look, look.words("minimum_words", n=task.minimum_words), READING_TASK)
            least.setObjectName("minimum_words")
            inside.addWidget(least)
        if screen.can_change_topic and not screen.topics:
            inside.addSpacing(look.space(20))
            change = Button(look, "topic_change", look.words("topic_change"), is_small=True)
            change.clicked.connect(lambda: self.tell(ChooseTopic(screen.slot, "")))
            held = row(margins=(10, 0, 0, 10))
            held.addWidget(change)
            held.addStretch(1)
            inside.addLayout(held)
        inside.addStretch(1)
        return held_by(inside)

    def _content(self, screen: WritingScreen, right: QWidget) -> QWidget:
        look = self.look
        if look.is_one_column:
            inside = column(
                margins=(look.space(28), look.space(20), look.space(20), look.space(20)), spacing=look.space(20)
            )
            inside.addWidget(self.low_time)
            if not screen.topics:
                inside.addWidget(self._task(screen))
            right.setMinimumHeight(look.text(200) + look.height // 3)
            inside.addWidget(right)
            made = ReadColumn(
                look, "task_scroll", held_by(inside), ground=look.colours.page, more_key="question_continues"
            )
            self.task_column = made.scroll_area
            if self.editor is not None:
                self.editor.cursorPositionChanged.connect(self._show_caret)
            return made
        both = row()
        task = column(margins=(look.space(40), look.space(27), look.space(12), look.space(20)))
        if not screen.topics:
            task.addWidget(self._task(screen))
        left = ReadColumn(look, "task_scroll", held_by(task), ground=look.colours.page, more_key="text_continues")
        left.scroll_area.setProperty(RING_PROPERTY, "inside")
        left.scroll_area.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        left.scroll_area.setAccessibleName(look.words("task", task=screen.frame.task_number))
        self.task_column = left.scroll_area
        left.setFixedWidth(_task_width(look))
        if not screen.topics:
            both.addWidget(left)
        around = column(margins=(look.space(8) if not screen.topics else 30, look.space(20), 28, look.space(20)))
        around.addWidget(right, 1)
        right.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        both.addWidget(held_by(around), 1)
        return Centred(look, held_by(both), CONTENT_WIDTH)

    def _ways(self, screen: WritingScreen) -> list[Button]:
        look, words = self.look, self.look.words
        here = next((index for index, tab in enumerate(screen.tabs) if tab.number == screen.frame.task_number), 0)
        made: list[Button] = []
        if here > 0:
            before = screen.tabs[here - 1]
            back = Button(look, "previous", words("task", task=before.number), before="back")
            back.clicked.connect(lambda: self.tell(GoTo(before.task)))
            made.append(back)
        if here + 1 < len(screen.tabs):
            after = screen.tabs[here + 1]
            on = Button(look, "next", words("task", task=after.number), kind="filled", after="on")
            on.clicked.connect(lambda: self.tell(GoTo(after.task)))
        else:
            on = Button(look, "next", words("to_hand_in"), kind="filled", after="on")
            on.clicked.connect(lambda: self.tell(GoToHandIn()))
        self.primary = on
        made.append(on)
        if look.is_one_column:
            self.foot.hold(made)
        else:
            for button in made:
                self.foot.add(button)
        return made

    def _order(self) -> None:
        order: list[QWidget] = []
        if self.topics is not None:
            order += self.topics.buttons
        if self.editor is not None and self.frame is not None:
            order += [self.editor, self.frame.undo, self.frame.redo]
        order += self.tabs.tabs
        order += self._foot_buttons
        self.tab_through([*order, *([self.letters] if self.letters else [])])

    # --- what happens ---

    def _show_caret(self) -> None:
        """One column: what is being written is in sight, wherever the column was scrolled to."""
        content = self.task_column.widget()
        if self.editor is None or content is None:
            return
        caret = self.editor.viewport().mapTo(content, self.editor.cursorRect().bottomLeft())
        self.task_column.ensureVisible(caret.x(), caret.y(), 0, self.task_column.covered_below + self.look.text(40))

    def _go_to(self, task: str) -> None:
        self.tell(GoTo(task))

    def _time_key(self, code: int, is_down: bool) -> None:  # noqa: FBT001 - a Qt slot
        self.tell(KeyTimed(self.screen_now.task.id, code, is_down, self._now_ns()))

    def _open_menu(self, place: QPoint) -> None:
        if self.editor is None:
            return
        if self.menu is not None:
            self.menu.close_menu()
        self.menu = EditorMenu(self.look, self.editor)
        self.menu.closed.connect(self._menu_closed)
        self.menu.open_at(self.editor.viewport().mapTo(self, place), self)

    def _menu_closed(self) -> None:
        self.menu = None

    @override
    def refresh(self, screen: Screen) -> bool:
        if not isinstance(screen, WritingScreen) or self._key_of(screen) != self._key:
            return False
        self.screen_now = screen
        frame = screen.frame
        self.bar.show_frame(frame, "")
        self.foot.show_frame(frame)
        self.tabs.show_tabs(screen.tabs, frame.task_number)
        self.low_time.show_minutes(frame.low_time_minutes)
        shows_rule = frame.low_time_minutes is None and screen.all_tasks_required and not self.look.is_one_column
        self.all_tasks.setVisible(shows_rule)
        if self.frame is not None:
            here = next((tab for tab in screen.tabs if tab.number == frame.task_number), None)
            self.frame.words.set_marked(self.look.words.counted("words", here.words if here else 0))
            self.frame.saved.show_state(frame.saved)
        return True

    @override
    def first_focus(self) -> QWidget | None:
        if self.editor is not None:
            return self.editor
        return self.topics.buttons[0] if self.topics else None

    @override
    def areas(self) -> tuple[QWidget, ...]:
        first = self.first_focus()
        return (self.task_column, *([first] if first else []), *self._foot_buttons[-1:])


def _task_width(look: Look) -> int:
    """Width of the task's column: 430, growing with the text up to two fifths of the window."""
    return min(look.text(TASK_WIDTH), look.width * 2 // 5)
