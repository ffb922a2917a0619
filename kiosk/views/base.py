"""What all views share: the way they are updated, their keys, and the bars and foot of start screens."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QBoxLayout, QWidget
from typing_extensions import override

from kiosk.intents import Intent, SetLanguage
from kiosk.look.look import Look, colour
from kiosk.look.tokens import BODY, BODY_STRONG, HEADING, SMALL, Type
from kiosk.screens import Language, Screen, StartScreen
from kiosk.texts import LANGUAGES
from kiosk.widgets.boxes import Hairline, Mark, Middle, Panel, Sheet, column, row
from kiosk.widgets.button import Button, LettersButton
from kiosk.widgets.prose import Prose
from kiosk.widgets.segments import Segments

S = TypeVar("S", bound=Screen)
BAR = 72
PRODUCT = Type(20, 28, 600)


class View(QWidget):
    """One kind of screen on the glass.

    ``intent`` carries what the candidate did. ``settings_wished``: *Tekst og farger* was pressed; the window shows it.
    """

    intent = Signal(object)
    settings_wished = Signal()

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.look = look
        self.primary: Button | None = None
        self.letters: LettersButton | None = None

    def refresh(self, screen: Screen) -> bool:
        """Show a newer screen of the same kind in place; False: it differs too much, build anew."""
        raise NotImplementedError

    def first_focus(self) -> QWidget | None:
        """What has the focus when the screen comes."""
        return self.primary

    def escape(self) -> None:
        """Esc was pressed: nothing, unless the view has a safe choice."""

    def enter(self) -> None:
        """Enter was pressed outside a list, a button and the editor: the filled button."""
        if self.primary is not None and self.primary.isVisible():
            self.primary.click()

    def areas(self) -> tuple[QWidget, ...]:
        """First focusable widget of each area F6 jumps between."""
        return ()

    def tell(self, intent: Intent) -> None:
        """Tell the conductor."""
        self.intent.emit(intent)

    def make_letters(self) -> LettersButton:
        """The *Tekst og farger* button."""
        self.letters = LettersButton(self.look)
        self.letters.clicked.connect(self.settings_wished.emit)
        return self.letters

    def tab_through(self, widgets: Sequence[QWidget]) -> None:
        """Tab follows this order."""
        for first, second in pairwise(widgets):
            QWidget.setTabOrder(first, second)


class Steps(QWidget):
    """The step line of the start screens: "Steg 4 av 5" and its bars."""

    def __init__(self, look: Look, step: int, steps: int) -> None:
        super().__init__()
        self.look = look
        self._step, self._steps = step, steps
        self.setObjectName("start_steps")
        self._words = look.words("step_of", step=step, steps=steps)
        self.setAccessibleName(self._words)

    @override
    def sizeHint(self) -> QSize:
        words = self.look.metrics(SMALL).horizontalAdvance(self._words)
        bars = 0 if self.look.is_one_column else self._steps * self.look.text(44) + self.look.space(24)
        return QSize(round(words) + bars + 2, self.look.text(SMALL.line))

    @override
    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self.look.colours
        painter.setPen(colour(colours.ink))
        painter.setFont(self.look.font(SMALL))
        metrics = self.look.metrics(SMALL)
        baseline = (self.height() - metrics.ascent() - metrics.descent()) / 2 + metrics.ascent()
        painter.drawText(0, round(baseline), self._words)
        if not self.look.is_one_column:
            left = metrics.horizontalAdvance(self._words) + self.look.space(24)
            self._paint_bars(painter, left)
        painter.end()

    def _paint_bars(self, painter: QPainter, left: float) -> None:
        colours = self.look.colours
        width, height = self.look.text(36), self.look.text(6)
        top = (self.height() - height) / 2
        for index in range(self._steps):
            is_done = index < self._step
            painter.setPen(colour(colours.accent if is_done else colours.line))
            painter.setBrush(colour(colours.accent if is_done else colours.track))
            x = left + index * self.look.text(44)
            painter.drawRoundedRect(round(x), round(top), width, height, height / 2, height / 2)


class StartView(View):
    """A start screen: bar, one card in the middle, foot. Subclasses fill ``card``."""

    def __init__(
        self, look: Look, screen: StartScreen, *, width: int = 700, languages: tuple[Language, ...] = ()
    ) -> None:
        super().__init__(look)
        self._languages: Segments | None = None
        self.sheet = Sheet(look)
        self.sheet.setObjectName("card")
        side = look.space(56) if not look.is_one_column else look.space(28)
        self.card = column(margins=(side, look.space(40), side, look.space(44)))
        self.sheet.setLayout(self.card)
        self.middle = Middle(look, self.sheet, look.text(width))
        whole = column()
        whole.addWidget(self._bar(screen, languages))
        whole.addWidget(self.middle, 1)
        whole.addWidget(self._foot(screen))
        self.setLayout(whole)

    def _bar(self, screen: StartScreen, languages: tuple[Language, ...]) -> QWidget:
        look = self.look
        bar = Panel(look, look.colours.page)
        inside = row(margins=(look.space(40), 0, look.space(40), 0), spacing=look.space(12))
        inside.addWidget(Mark(look))
        if not look.is_one_column:
            inside.addWidget(Prose(look, look.words("product"), PRODUCT, wraps=False))
        inside.addStretch(1)
        if languages:
            inside.addWidget(self._language_choice(languages))
            inside.addSpacing(look.space(12))
        if screen.steps:
            inside.addWidget(Steps(look, screen.step, screen.steps))
            inside.addSpacing(look.space(40))
        inside.addWidget(self.make_letters())
        bar.setLayout(inside)
        bar.setFixedHeight(
            max(look.space(BAR), self.letters.sizeHint().height() + 2 * look.space(14)) if self.letters else BAR
        )
        return bar

    def _language_choice(self, languages: tuple[Language, ...]) -> QWidget:
        look = self.look
        choices = [(f"language_{one}", look.words(f"language_{one}")) for one in languages]
        made = Segments(look, "languages", look.words("languages"), choices)
        made.show_chosen(f"language_{look.settings.language}")
        made.chose.connect(self._wish_language)
        self._languages = made
        return made

    def _wish_language(self, name: str) -> None:
        for language in LANGUAGES:
            if name == f"language_{language}":
                self.tell(SetLanguage(language))

    def _foot(self, screen: StartScreen) -> QWidget:
        look = self.look
        words: list[str] = []
        if screen.foot.seat:
            words.append(look.words("seat", seat=screen.foot.seat))
        if screen.foot.candidate:
            words.append(screen.foot.candidate)
        foot = Panel(look, look.colours.page)
        inside = row(margins=(look.space(40), 0, look.space(40), 0), spacing=look.space(16))
        for index, text in enumerate(words):
            if index:
                inside.addWidget(Hairline(look, is_upright=True))
            inside.addWidget(self._foot_words(text, f"foot_{index}"))
        inside.addStretch(1)
        if screen.foot.right:
            inside.addWidget(self._foot_words(screen.foot.right, "foot_right"))
        foot.setLayout(inside)
        foot.setFixedHeight(max(look.space(BAR), look.text(SMALL.line) + look.space(24)))
        foot.setObjectName("foot")
        return foot

    def _foot_words(self, words: str, name: str) -> Prose:
        made = Prose(self.look, words, SMALL, ink=self.look.colours.ink2, wraps=self.look.is_one_column)
        made.setObjectName(name)
        return made

    # --- what cards are made of ---

    def add_title(self, words: str, help_words: str = "") -> Prose:
        """The heading, and one sentence under it."""
        title = Prose(self.look, words, HEADING)
        title.setObjectName("title")
        self.card.addWidget(title)
        if help_words:
            self.card.addSpacing(self.look.space(8))
            self.add_help(help_words)
        return title

    def add_help(self, words: str, *, kind: Type = BODY, name: str = "help", ink: str = "") -> Prose:
        """A sentence in the second ink."""
        made = Prose(self.look, words, kind, ink=ink or self.look.colours.ink2)
        made.setObjectName(name)
        self.card.addWidget(made)
        return made

    def add_label(self, words: str) -> Prose:
        """The label over a field."""
        made = Prose(self.look, words, BODY_STRONG)
        self.card.addWidget(made)
        return made

    def space(self, pixels: int) -> None:
        """Room before what comes next on the card."""
        self.card.addSpacing(self.look.space(pixels))

    def buttons(self) -> QBoxLayout:
        """A place for buttons: a row, or a column where there is no room beside each other."""
        made = row(spacing=self.look.space(16)) if not self.look.is_one_column else column(spacing=self.look.space(12))
        self.card.addLayout(made)
        return made

    def back_button(self, words: str = "") -> Button:
        """*Tilbake*."""
        return Button(self.look, "back", words or self.look.words("back"), before="back", least_width=150)

    def on_button(self, name: str, words: str) -> Button:
        """The filled button: the way on."""
        made = Button(self.look, name, words, kind="filled", after="on", least_width=180)
        self.primary = made
        return made

    def order(self, widgets: Sequence[QWidget]) -> None:
        """Tab order of the card; every start screen ends with the languages and *Tekst og farger*."""
        ends: list[QWidget] = [*self._languages.buttons] if self._languages else []
        if self.letters:
            ends.append(self.letters)
        self.tab_through([*widgets, *ends])

    def settle(self) -> None:
        """Place the card again after its lines changed."""
        self.middle.settle()
