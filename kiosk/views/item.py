"""One item as the candidate answers it: prompt, picture, text with fields, options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from string import ascii_uppercase

from PySide6.QtCore import QPoint, Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from engine.events import Response
from itembank.content import ChoiceGap, HotWord, ItemContent, TextGap, Words
from itembank.content import Option as OptionContent
from kiosk.look.look import Look
from kiosk.look.tokens import QUESTION, SMALL, SMALL_MEDIUM
from kiosk.views.base import View
from kiosk.widgets.boxes import column, row
from kiosk.widgets.inline import GapChoice, GapField, HotWordButton, OpenList, chosen_words
from kiosk.widgets.option import Drawing, Option, OptionGroup, PictureOption
from kiosk.widgets.prose import BlocksText, Prose

GROUP_MARGIN = 10
"""Options keep this much room around them for the focus ring."""
PICTURES_IN_A_ROW = 3


class ItemPanel(QWidget):
    """The question: ``answered`` carries the item's whole response (`itembank.content.ItemContent` says its shape)."""

    answered = Signal(tuple)
    paste_refused = Signal()

    def __init__(
        self, look: Look, item: ItemContent, media: Mapping[str, bytes], *, eyebrow: str, picture_height: int
    ) -> None:
        super().__init__()
        self.look = look
        self.item = item
        self.setObjectName("item")
        self.setAccessibleName(look.words("question_name"))
        self.group: OptionGroup | None = None
        self.fields: list[GapField] = []
        self.choices: list[GapChoice] = []
        self.hot_words: list[HotWordButton] = []
        self.open_list: OpenList | None = None
        self._blocks: BlocksText | None = None
        self._response: Response = ()
        inside = column()
        head = column(margins=(GROUP_MARGIN, 0, GROUP_MARGIN, 0))
        if eyebrow:
            line = Prose(look, eyebrow, SMALL, ink=look.colours.ink2)
            line.setObjectName("task_of")
            head.addWidget(line)
            head.addSpacing(look.space(5))
        prompt = Prose(look, item.prompt, QUESTION)
        prompt.setObjectName("prompt")
        head.addWidget(prompt)
        hint = self._hint()
        if hint:
            head.addSpacing(look.space(4))
            head.addWidget(Prose(look, hint, SMALL_MEDIUM, ink=look.colours.ink2))
        if item.picture is not None:
            head.addSpacing(look.space(14))
            head.addWidget(
                Drawing(look, media.get(item.picture.media, b""), item.picture.alternative, height=picture_height)
            )
        if item.blocks:
            head.addSpacing(look.space(16))
            head.addWidget(self._text())
        inside.addLayout(head)
        inside.addSpacing(look.space(20))
        if item.options:
            inside.addLayout(_indented(self._options(media, picture_height)))
        self.notice = Prose(look, "", SMALL_MEDIUM, ink=look.colours.warn)
        self.notice.setObjectName("item_notice")
        self.notice.hide()
        inside.addSpacing(GROUP_MARGIN)
        inside.addLayout(_indented(self.notice))
        self.setLayout(inside)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)

    def _hint(self) -> str:
        words, item = self.look.words, self.item
        if item.type in ("choice", "hottext") and item.max_choices > 1:
            return words("choose_several", n=item.max_choices)
        return words("choose_one_word") if item.type == "hottext" else ""

    # --- the text with fields ---

    def _text(self) -> BlocksText:
        fields = {piece.id: self._field(piece) for piece in self.item.pieces if not isinstance(piece, Words)}
        made = BlocksText(self.look, self.item.blocks, fields=fields)
        made.setObjectName("item_text")
        self._blocks = made
        return made

    def _field(self, piece: TextGap | ChoiceGap | HotWord) -> QWidget:
        look, gaps = self.look, self.item.gaps
        match piece:
            case TextGap():
                number = gaps.index(piece.id) + 1
                field = GapField(look, piece, look.words("gap_text", gap=number, gaps=len(gaps)))
                field.changed.connect(self._typed)
                field.line.paste_refused.connect(self.paste_refused.emit)
                self.fields.append(field)
                return field
            case ChoiceGap():
                choice = GapChoice(look, piece, gaps.index(piece.id) + 1, len(gaps))
                choice.clicked.connect(lambda: self._open(choice))
                self.choices.append(choice)
                return choice
            case HotWord():
                word = HotWordButton(look, piece)
                word.clicked.connect(lambda: self._mark(word))
                self.hot_words.append(word)
                return word

    def _typed(self) -> None:
        texts = tuple(field.line.text() for field in self.fields)
        self._tell(texts if any(text.strip() for text in texts) else ())

    def _open(self, choice: GapChoice) -> None:
        if self.open_list is not None:
            self.open_list.close_list()
        opened = OpenList(self.look, choice)
        self.open_list = opened
        opened.closed.connect(self._list_closed)
        opened.chose.connect(partial(self._choose_gap, choice))
        within = view_of(self)
        text = self._blocks or choice
        bottom = text.mapTo(within, QPoint(0, text.height())).y()
        top = text.mapTo(within, QPoint(0, 0)).y()
        opened.open_below(bottom, top, within)

    def _list_closed(self) -> None:
        self.open_list = None

    def _choose_gap(self, choice: GapChoice, option_id: str) -> None:
        choice.show_choice(option_id)
        self._tell(tuple(one.chosen for one in self.choices))

    def _mark(self, word: HotWordButton) -> None:
        most = self.item.max_choices
        chosen = chosen_words(self.hot_words)
        if most == 1:
            wanted: tuple[str, ...] = (word.word_id,)
        elif word.word_id in chosen:
            wanted = tuple(one for one in chosen if one != word.word_id)
        elif len(chosen) >= most:
            self._too_many()
            return
        else:
            wanted = tuple(one.word_id for one in self.hot_words if one.word_id in (*chosen, word.word_id))
        if wanted != chosen:
            self._show_words(wanted)
            self._tell(wanted)

    def _show_words(self, ids: Sequence[str]) -> None:
        for one in self.hot_words:
            one.setChecked(one.word_id in ids)
            one.update()

    # --- options ---

    def _options(self, media: Mapping[str, bytes], picture_height: int) -> OptionGroup:
        item, look = self.item, self.look
        has_pictures = any(option.picture is not None for option in item.options)
        columns = min(PICTURES_IN_A_ROW, len(item.options)) if has_pictures and not look.is_one_column else 1
        group = OptionGroup(look, "options", most=item.max_choices, columns=columns)
        for letter, option in zip(ascii_uppercase, item.options, strict=False):
            group.add(option.id, self._option(letter, option, media, picture_height))
        group.changed.connect(self._tell)
        group.refused.connect(self._too_many)
        self.group = group
        return group

    def _option(self, letter: str, option: OptionContent, media: Mapping[str, bytes], picture_height: int) -> Option:
        is_square = self.item.max_choices > 1
        name = f"option_{option.id}"
        if option.picture is None:
            return Option(self.look, name, option.text, is_square=is_square)
        return PictureOption(
            self.look,
            name,
            letter,
            option.picture.alternative,
            media.get(option.picture.media, b""),
            is_square=is_square,
            height=picture_height,
        )

    # --- answers ---

    def show_response(self, response: Response | None) -> None:
        """Show this answer; a field that is being typed in keeps what it has."""
        self._response = response or ()
        if self.group is not None:
            self.group.show_chosen(self._response)
        self._show_words(self._response)
        given = dict(zip(self.item.gaps, self._response, strict=False))
        for field in self.fields:
            field.show_text(given.get(field.gap_id, ""))
        for choice in self.choices:
            choice.show_choice(given.get(choice.gap_id, ""))

    def _tell(self, response: Response) -> None:
        self.notice.hide()
        self._response = response
        self.answered.emit(response)

    def _too_many(self) -> None:
        self.notice.set_marked(self.look.words("choose_too_many", n=self.item.max_choices))
        self.notice.show()

    @property
    def tab_stops(self) -> tuple[QWidget, ...]:
        """What Tab stops at, in reading order."""
        inline: list[QWidget] = []
        for piece in self.item.pieces:
            if isinstance(piece, TextGap):
                inline.extend(field.line for field in self.fields if field.gap_id == piece.id)
            elif isinstance(piece, ChoiceGap):
                inline.extend(choice for choice in self.choices if choice.gap_id == piece.id)
            elif isinstance(piece, HotWord):
                inline.extend(word for word in self.hot_words if word.word_id == piece.id)
        return (*inline, *(self.group.options if self.group else ()))


def _indented(held: QWidget) -> QHBoxLayout:
    inside = row(margins=(GROUP_MARGIN, 0, GROUP_MARGIN, 0))
    inside.addWidget(held)
    return inside


def view_of(inside: QWidget) -> QWidget:
    """The view a widget stands in: what opens over it goes with it."""
    above = inside.parentWidget()
    while above is not None and not isinstance(above, View):
        above = above.parentWidget()
    return above or inside.window()
