"""The listening part: what happens now, steps, question; no way back or on, no time, no modules (reglement 4)."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget
from typing_extensions import override

from engine.events import Response
from kiosk.intents import Answer, PasteRefused, SetVolume
from kiosk.look.look import Look
from kiosk.look.tokens import BODY, CONTENT_WIDTH, NOW, SMALL
from kiosk.screens import ListeningScreen, Screen
from kiosk.texts import Texts
from kiosk.views.base import View
from kiosk.views.item import GROUP_MARGIN, ItemPanel
from kiosk.views.part import PartFoot, ReadColumn, TopBar
from kiosk.views.reading import Centred, StimulusPanel
from kiosk.widgets.boxes import Panel, column, held_by, row
from kiosk.widgets.prose import Prose
from kiosk.widgets.sound import LevelSign, PlayBox, StepLine, VolumeControl

CHROME = 520
"""Everything of the screen but the pictures' plates, at 100 %."""
LEAST_PICTURE = 130
MOST_PICTURE = 330
TEXT_WIDTH = 860
WRAPS_FROM = 125


def now_words(words: Texts, screen: ListeningScreen) -> tuple[str, str]:
    """The heading and the sentence under it. Before a B2 task it says that it is heard once only (reglement 4)."""
    is_once = screen.plays == 1
    if screen.now == "read":
        return words("now_read"), words("now_read_then_once" if is_once else "now_read_then")
    return words(f"now_{screen.now}"), words(f"now_{screen.now}_then")


class NowPanel(Panel):
    """Level sign, now line, play boxes and the step line."""

    def __init__(self, look: Look, plays: int) -> None:
        super().__init__(look, look.colours.surface, line_below=True)
        self.setObjectName("now")
        self._plays = plays
        self.level = LevelSign(look)
        self.heading = Prose(look, "", NOW)
        self.heading.setObjectName("now_heading")
        self.then = Prose(look, "", BODY, ink=look.colours.ink2)
        self.then.setObjectName("now_then")
        self.boxes = tuple(PlayBox(look, f"play_{number}") for number in range(1, plays + 1))
        self.once = Prose(look, look.words("play_once"), SMALL, wraps=False)
        self.once.setObjectName("play_once")
        self.steps = StepLine(look)
        inside = column(margins=(56, look.space(24), 56, look.space(22)))
        if look.is_one_column:
            # The now line and the steps stay in sight; the rest (`below`) scrolls with the question.
            inside.setContentsMargins(56, look.space(12), 56, look.space(8))
            inside.addWidget(self.heading)
        else:
            inside.addLayout(self._beside_each_other())
            inside.addSpacing(look.space(28))
        inside.addWidget(self.steps)
        self.setLayout(inside)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)

    def _beside_each_other(self) -> QHBoxLayout:
        look = self.look
        texts = column(spacing=look.space(4))
        texts.addStretch(1)
        texts.addWidget(self.heading)
        texts.addWidget(self.then)
        texts.addStretch(1)
        head = row(spacing=look.space(28))
        head.addWidget(self.level, 0, Qt.AlignmentFlag.AlignTop)
        head.addLayout(texts, 1)
        plays = column(spacing=look.space(4))
        plays.addLayout(self._boxes())
        if self._plays == 1:
            plays.addWidget(self.once)
        head.addLayout(plays)
        return head

    def _boxes(self) -> QHBoxLayout:
        boxes = row(spacing=self.look.space(12))
        if not self.look.is_one_column:
            boxes.addStretch(1)
        for box in self.boxes:
            boxes.addWidget(box)
        if self.look.is_one_column:
            boxes.addStretch(1)
        return boxes

    def below(self) -> Panel:
        """One column: level sign, plays and the sentence, over the question."""
        look = self.look
        made = Panel(look, look.colours.surface, line_below=True)
        inside = column(margins=(56, look.space(16), 56, look.space(16)), spacing=look.space(12))
        line = row(spacing=look.space(20))
        line.addWidget(self.level)
        line.addLayout(self._boxes())
        inside.addWidget(self.then)
        inside.addLayout(line)
        if self._plays == 1:
            inside.addWidget(self.once)
        made.setLayout(inside)
        return made

    def show_screen(self, screen: ListeningScreen) -> None:
        """Take this state."""
        words, colours = self.look.words, self.look.colours
        heading, then = now_words(words, screen)
        self.heading.set_marked(heading)
        self.heading.set_ink(colours.bad if screen.now == "fault" else colours.ink)
        self.then.set_marked(then)
        self.level.show_level(screen.level, is_playing=screen.is_playing)
        self.steps.show_steps(screen.steps)
        for number, box in enumerate(self.boxes, start=1):
            title = words("play_of", play=number, plays=screen.plays)
            box.show_play(title, *self._state(screen, number))

    def _state(self, screen: ListeningScreen, number: int) -> tuple[str, str]:
        words = self.look.words
        if number <= screen.plays_done:
            return words("play_done"), "done"
        if number == screen.plays_done + 1 and screen.is_playing:
            return words("play_now"), "now"
        is_next = number == screen.plays_done + 1
        return words("play_soon" if is_next else "play_later"), "later"


class ListeningView(View):
    """Hear and answer."""

    def __init__(self, look: Look, screen: ListeningScreen) -> None:
        super().__init__(look)
        self._key = self._key_of(screen)
        self.volume = VolumeControl(look)
        self.volume.wished.connect(self._wish_volume)
        self.bar = TopBar(look, self.make_letters(), right=self.volume)
        if look.is_one_column:
            self.bar.title.hide()
        self.now = NowPanel(look, screen.plays)
        self.now_column = Centred(look, self.now, CONTENT_WIDTH)
        self.now_column.set_ground(look.colours.surface)
        height = min(look.text(MOST_PICTURE), max(look.space(LEAST_PICTURE), look.height - look.space(CHROME)))
        self.item = ItemPanel(look, screen.item, screen.media, eyebrow="", picture_height=height)
        self.item.answered.connect(self._answer)
        self.item.paste_refused.connect(lambda: self.tell(PasteRefused()))
        self.foot = PartFoot(look, height=72)
        going = Prose(
            look, look.words("listening_foot"), SMALL, ink=look.colours.ink2, wraps=look.settings.text_size > WRAPS_FROM
        )
        going.setObjectName("going_on")
        self.foot.add(going)
        whole = column()
        whole.addWidget(self.bar)
        whole.addWidget(self.now_column)
        whole.addWidget(self._content(screen, above=self.now.below() if look.is_one_column else None), 1)
        whole.addWidget(self.foot)
        self.setLayout(whole)
        ends: list[QWidget] = [self.letters] if self.letters else []
        self.tab_through([*self.item.tab_stops, self.volume.quieter, self.volume.louder, *ends])
        self.refresh(screen)

    def _wish_volume(self, volume: int) -> None:
        self.tell(SetVolume(volume))

    def _answer(self, response: Response) -> None:
        self.tell(Answer(self.item.item.id, response))

    def _content(self, screen: ListeningScreen, above: QWidget | None) -> QWidget:
        look = self.look
        side = 56 - GROUP_MARGIN
        inside = column(margins=(side, look.space(20), side, look.space(16)))
        if screen.stimulus is not None:
            texts = column(margins=(GROUP_MARGIN, 0, GROUP_MARGIN, look.space(20)))
            texts.addWidget(StimulusPanel(look, screen.stimulus, dict(screen.media)))
            inside.addLayout(texts)
        has_pictures = any(option.picture is not None for option in screen.item.options)
        line = row()
        line.addWidget(self.item, 1 if has_pictures else 100)
        if not has_pictures:
            self.item.setMaximumWidth(look.text(TEXT_WIDTH))
            line.addStretch(1)
        inside.addLayout(line)
        inside.addStretch(1)
        held: QWidget = Centred(look, held_by(inside), CONTENT_WIDTH)
        if above is not None:
            stacked = column()
            stacked.addWidget(above)
            stacked.addWidget(held, 1)
            held = held_by(stacked)
        return ReadColumn(look, "question_scroll", held, ground=look.colours.page, more_key="question_continues")

    @staticmethod
    def _key_of(screen: ListeningScreen) -> tuple[object, ...]:
        return (screen.attempt, screen.item, screen.stimulus, screen.plays)

    @override
    def refresh(self, screen: Screen) -> bool:
        if not isinstance(screen, ListeningScreen) or self._key_of(screen) != self._key:
            return False
        self.bar.show_frame(screen.frame, self.look.words("task", task=screen.frame.task_number))
        self.foot.show_frame(screen.frame)
        self.now.show_screen(screen)
        self.volume.show_volume(screen.volume)
        self.item.show_response(screen.response)
        return True

    @override
    def first_focus(self) -> QWidget | None:
        return next((one for one in self.item.tab_stops if one.focusPolicy() & Qt.FocusPolicy.TabFocus), None)

    @override
    def areas(self) -> tuple[QWidget, ...]:
        first = self.first_focus()
        return (*([first] if first else []), self.volume.quieter)
