"""The start screens: log in, name, written standard, sound check, day code, information, personal data."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QWidget
from typing_extensions import override

from itembank.content import FormField
from kiosk.intents import (
    AnswerSoundCheck,
    Back,
    ChooseStandard,
    ConfirmName,
    Continue,
    LogIn,
    PasteRefused,
    PlaySoundCheck,
    SendPersonalData,
    SetVolume,
    ShowPage,
    SkipPersonalData,
    Start,
    TypeDayCode,
)
from kiosk.look.look import Look
from kiosk.look.tokens import BODY, BODY_STRONG, READING, SMALL, SMALL_MEDIUM, Type
from kiosk.screens import (
    DayCodeScreen,
    InformationScreen,
    LoginScreen,
    NameScreen,
    PersonalDataScreen,
    Screen,
    SoundCheckScreen,
    WrittenStandardScreen,
)
from kiosk.texts import Texts
from kiosk.views.base import StartView
from kiosk.widgets.boxes import Hairline, Scroll, column, held_by, row
from kiosk.widgets.button import Button
from kiosk.widgets.field import CodeField, FieldError, TextField
from kiosk.widgets.option import Option, OptionGroup
from kiosk.widgets.prose import BlocksText, Prose
from kiosk.widgets.ring import RING_OUTSIDE
from kiosk.widgets.sound import LevelSign, VolumeControl

NAME_LARGE = Type(30, 40, 600)
SOUND_NUMBER = Type(26, 34, 600)
INFORMATION_HEIGHT = 300


def _error(words: Texts, text_key: str, wait_s: int) -> str:
    if wait_s > 0:
        return words.counted("wait_seconds", wait_s)
    return words(text_key) if text_key else ""


class LoginView(StartView):
    """Who are you."""

    def __init__(self, look: Look, screen: LoginScreen) -> None:
        super().__init__(look, screen, width=620, languages=screen.languages)
        words = look.words
        self.add_title(words("log_in_title"), words("log_in_help"))
        self.space(28)
        self.add_label(words("user_name"))
        self.space(10)
        self.user = TextField(look, "user", words("user_name"))
        self.card.addWidget(self.user)
        self.space(24)
        self.add_label(words("password"))
        self.space(10)
        self.password = TextField(look, "password", words("password"), is_secret=True)
        self.reveal = Button(look, "show_password", words("show"), before="eye", spoken=words("show_password"))
        self.reveal.setFixedHeight(self.password.sizeHint().height())
        self.reveal.clicked.connect(self._turn_reveal)
        line = row(spacing=look.space(20))
        line.addWidget(self.password, 1)
        line.addWidget(self.reveal)
        self.card.addLayout(line)
        self.error = FieldError(look, "log_in_error")
        self.space(10)
        self.card.addWidget(self.error)
        self.space(22)
        log_in = self.on_button("log_in", words("log_in"))
        log_in.setMinimumWidth(look.text(200))
        log_in.clicked.connect(self._log_in)
        end = self.buttons()
        end.addWidget(log_in)
        end.addSpacing(look.space(8))
        end.addWidget(Prose(look, words("need_help").replace("? ", "?\n"), SMALL, ink=look.colours.ink2))
        end.addStretch(1)
        for line_edit in (self.user.line, self.password.line):
            line_edit.paste_refused.connect(lambda: self.tell(PasteRefused()))
        self.order([self.user.line, self.password.line, self.reveal, log_in])
        self._shown_error = ""
        self.refresh(screen)

    def _turn_reveal(self) -> None:
        is_hidden = self.password.line.echoMode() == QLineEdit.EchoMode.Password
        self.show_password(is_shown=is_hidden)

    def show_password(self, *, is_shown: bool) -> None:
        """*Vis/Skjul*."""
        mode = QLineEdit.EchoMode.Normal if is_shown else QLineEdit.EchoMode.Password
        self.password.line.setEchoMode(mode)
        words = self.look.words
        self.reveal.setText(words("hide" if is_shown else "show"))
        self.reveal.setAccessibleName(words("hide_password" if is_shown else "show_password"))
        self.reveal.updateGeometry()

    def _log_in(self) -> None:
        self.tell(LogIn(self.user.line.text().strip(), self.password.line.text()))

    @override
    def refresh(self, screen: Screen) -> bool:
        if not isinstance(screen, LoginScreen):
            return False
        said = _error(self.look.words, "log_in_wrong" if screen.error else "", screen.wait_s)
        if said != self.error.said:
            self.error.say(said)
            self.password.set_wrong(is_wrong=bool(said))
            self.settle()
            if said and not self._shown_error:
                self.password.line.setFocus()
                self.password.line.selectAll()
            self.password.line.setAccessibleDescription(said)
        self._shown_error = said
        return True

    @override
    def first_focus(self) -> QWidget | None:
        return self.user.line


class NameView(StartView):
    """Is this you: name and number large; a protected name is not there at all."""

    def __init__(self, look: Look, screen: NameScreen) -> None:
        super().__init__(look, screen, width=700)
        self._shown = (screen.name, screen.number, screen.part_title)
        words = look.words
        self.add_title(words("name_title"))
        self.space(24)
        if screen.name:
            self._add_fact(words("name_label"), screen.name, "candidate_name", NAME_LARGE)
        self._add_fact(words("number_label"), screen.number, "candidate_number", NAME_LARGE)
        if screen.part_title:
            self._add_fact(words("part_label"), screen.part_title, "part_title", BODY)
        self.space(12)
        yes = self.on_button("name_yes", words("name_yes"))
        no = Button(look, "name_no", words("name_no"))
        yes.clicked.connect(lambda: self.tell(ConfirmName(yes=True)))
        no.clicked.connect(lambda: self.tell(ConfirmName(yes=False)))
        end = self.buttons()
        end.addWidget(yes)
        end.addWidget(no)
        end.addStretch(1)
        self.order([yes, no])

    def _add_fact(self, label: str, value: str, name: str, kind: Type) -> None:
        self.card.addWidget(Prose(self.look, label, SMALL, ink=self.look.colours.ink2))
        made = Prose(self.look, value, kind, wraps=self.look.is_one_column)
        made.setObjectName(name)
        self.card.addWidget(made)
        self.space(16)

    @override
    def refresh(self, screen: Screen) -> bool:
        return isinstance(screen, NameScreen) and (screen.name, screen.number, screen.part_title) == self._shown


class StandardOption(Option):
    """A written standard with a sentence in it."""

    def __init__(self, look: Look, name: str, words: str, sample: str) -> None:
        self._sample = sample
        super().__init__(look, name, words, is_square=False)
        self.setAccessibleName(f"{words}. {sample}")

    @override
    def _build(self) -> None:
        look = self.look
        pad = look.space(20)
        texts = column(spacing=look.space(8))
        self.words = Prose(look, self.text(), Type(22, 30, 600))
        self.sample = Prose(look, self._sample, READING)
        for text in (self.words, self.sample):
            text.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            texts.addWidget(text)
        inside = row(margins=(look.space(21), pad, look.space(20), pad), spacing=look.space(18))
        inside.addWidget(self.marker, 0, Qt.AlignmentFlag.AlignTop)
        inside.addLayout(texts, 1)
        self.setLayout(inside)

    @override
    def set_chosen(self, *, is_chosen: bool) -> None:
        super().set_chosen(is_chosen=is_chosen)
        self.sample.set_ink(self.look.colours.on_tint if is_chosen else self.look.colours.ink)


class StandardView(StartView):
    """Bokmål or Nynorsk: none is preselected."""

    def __init__(self, look: Look, screen: WrittenStandardScreen) -> None:
        super().__init__(look, screen, width=760)
        self._can_go_back = screen.can_go_back
        words = look.words
        self.add_title(words("standard_title"), words("standard_help"))
        self.space(24)
        self.group = OptionGroup(look, "standards", most=1)
        for one in ("nb", "nn"):
            sample = words(f"standard_{one}_sample")
            self.group.add(one, StandardOption(look, f"standard_{one}", words(f"language_{one}"), sample))
        self.group.changed.connect(self._choose)
        self.card.addWidget(self.group)
        self.error = FieldError(look, "standard_error")
        self.space(14)
        self.card.addWidget(self.error)
        self.space(22)
        on = self.on_button("continue", words("continue"))
        on.clicked.connect(lambda: self.tell(Continue()))
        end = self.buttons()
        order: list[QWidget] = [*self.group.options]
        if screen.can_go_back:
            back = self.back_button()
            back.clicked.connect(lambda: self.tell(Back()))
            end.addWidget(back)
            order.append(back)
        end.addWidget(on)
        end.addStretch(1)
        self.order([*order, on])
        self.refresh(screen)

    def _choose(self, ids: tuple[str, ...]) -> None:
        self.tell(ChooseStandard("nn" if "nn" in ids else "nb"))

    @override
    def refresh(self, screen: Screen) -> bool:
        if not isinstance(screen, WrittenStandardScreen) or screen.can_go_back != self._can_go_back:
            return False
        self.group.show_chosen((screen.chosen,) if screen.chosen else ())
        said = self.look.words("choose_first") if screen.error else ""
        if said != self.error.said:
            self.error.say(said)
            self.settle()
        return True

    @override
    def first_focus(self) -> QWidget | None:
        return self.group.options[0]


class SoundView(StartView):
    """Can you hear."""

    def __init__(self, look: Look, screen: SoundCheckScreen) -> None:
        super().__init__(look, screen, width=760)
        self._numbers = screen.numbers
        words = look.words
        self.add_title(words("sound_title"), words("sound_help"))
        self.space(20)
        self.play = Button(look, "play", words("sound_play"), before="play", least_width=170)
        self.play.clicked.connect(lambda: self.tell(PlaySoundCheck()))
        self.level = LevelSign(look)
        self.volume = VolumeControl(look)
        self.volume.wished.connect(self._wish_volume)
        head = row(spacing=look.space(20)) if not look.is_one_column else column(spacing=look.space(12))
        head.addWidget(self.play)
        head.addWidget(self.level)
        head.addStretch(1)
        self.card.addLayout(head)
        self.space(16)
        loud = row()
        loud.addWidget(self.volume)
        loud.addStretch(1)
        self.card.addLayout(loud)
        self.space(22)
        self.group = OptionGroup(look, "numbers", most=1, columns=2 if look.is_one_column else 4)
        self.group.setAccessibleName(words("sound_numbers"))
        for number in screen.numbers:
            self.group.add(number, Option(look, f"number_{number}", number, is_square=False))
        self.group.changed.connect(self._choose)
        self.card.addWidget(self.group)
        self.error = FieldError(look, "sound_error")
        self.told = Prose(look, "", SMALL_MEDIUM)
        self.told.setObjectName("sound_told")
        self.space(14)
        self.card.addWidget(self.error)
        self.card.addWidget(self.told)
        self.space(22)
        on = self.on_button("continue", words("continue"))
        on.clicked.connect(lambda: self.tell(Continue()))
        end = self.buttons()
        end.addWidget(on)
        end.addStretch(1)
        self.order([self.play, self.volume.quieter, self.volume.louder, *self.group.options, on])
        self.refresh(screen)

    def _wish_volume(self, volume: int) -> None:
        self.tell(SetVolume(volume))

    def _choose(self, ids: tuple[str, ...]) -> None:
        self.tell(AnswerSoundCheck("".join(ids)))

    @override
    def refresh(self, screen: Screen) -> bool:
        if not isinstance(screen, SoundCheckScreen) or screen.numbers != self._numbers:
            return False
        words = self.look.words
        self.level.show_level(screen.level, is_playing=screen.is_playing)
        self.volume.show_volume(screen.volume)
        self.group.show_chosen((screen.chosen,) if screen.chosen else ())
        self.play.setText(
            words("sound_playing" if screen.is_playing else "sound_play_again" if screen.has_played else "sound_play")
        )
        self.play.setAccessibleName(self.play.text())
        self.play.updateGeometry()
        said = _sound_error(words, screen)
        told = words("sound_right") if screen.passed else words("sound_leader_told") if screen.is_leader_told else ""
        if (said, told) != (self.error.said, self.told.text()):
            self.error.say(said)
            self.told.set_marked(told)
            self.told.setVisible(bool(told))
            self.settle()
        return True

    @override
    def first_focus(self) -> QWidget | None:
        return self.play


def _sound_error(words: Texts, screen: SoundCheckScreen) -> str:
    if screen.is_silent:
        return words("sound_silent")
    if screen.error:
        return words(f"sound_{screen.error}")
    return words("sound_wrong") if screen.wrong and not screen.passed else ""


class DayCodeView(StartView):
    """The day code: reglement 4.1, four digits."""

    def __init__(self, look: Look, screen: DayCodeScreen) -> None:
        super().__init__(look, screen, width=700)
        self._can_go_back = screen.can_go_back
        self._had = ("", 0)
        words = look.words
        self.add_title(words("day_code_title"), words("day_code_help"))
        self.space(24)
        self.code = CodeField(look, "day_code", words("day_code_field"))
        self.code.paste_refused.connect(lambda: self.tell(PasteRefused()))
        self.card.addWidget(self.code)
        self.error = FieldError(look, "day_code_error")
        self.space(12)
        self.card.addWidget(self.error)
        self.space(24)
        on = self.on_button("continue", words("continue"))
        on.clicked.connect(lambda: self.tell(TypeDayCode(self.code.text())))
        end = self.buttons()
        order: list[QWidget] = [self.code]
        if screen.can_go_back:
            back = self.back_button()
            back.clicked.connect(lambda: self.tell(Back()))
            end.addWidget(back)
            order.append(back)
        end.addWidget(on)
        end.addStretch(1)
        self.space(26)
        self.card.addWidget(Hairline(look))
        self.space(20)
        self.add_help(words("day_code_later"), kind=SMALL, name="later")
        self.order([*order, on])
        self.refresh(screen)

    @override
    def refresh(self, screen: Screen) -> bool:
        if not isinstance(screen, DayCodeScreen) or screen.can_go_back != self._can_go_back:
            return False
        key = {"": "", "wrong": "day_code_wrong", "short": "day_code_short"}[screen.error]
        said = _error(self.look.words, key, screen.wait_s)
        if said != self.error.said:
            is_new = bool(said) and not self.error.said
            self.error.say(said)
            self.code.set_wrong(is_wrong=bool(said))
            self.code.setAccessibleDescription(said)
            self.settle()
            if is_new:
                self.code.setFocus()
                self.code.selectAll()
        return True

    @override
    def first_focus(self) -> QWidget | None:
        return self.code


class InformationView(StartView):
    """The programme's information before the start (reglement 4, annex 5)."""

    def __init__(self, look: Look, screen: InformationScreen) -> None:
        super().__init__(look, screen, width=760)
        self._key = self._key_of(screen)
        words = look.words
        page = screen.pages[screen.page]
        self.add_title(page.heading)
        if len(screen.pages) > 1:
            self.space(4)
            self.add_help(
                words("information_page", page=screen.page + 1, pages=len(screen.pages)), kind=SMALL, name="page"
            )
        self.space(16)
        self.scroll_area = self._text(screen)
        self.card.addWidget(self.scroll_area)
        self.space(20)
        self.soon = Prose(look, words("starts_soon"), BODY_STRONG)
        self.soon.setObjectName("starts_soon")
        self.card.addWidget(self.soon)
        end = self.buttons()
        order: list[QWidget] = [self.scroll_area]
        if screen.page > 0:
            back = self.back_button()
            back.clicked.connect(lambda: self.tell(ShowPage(screen.page - 1)))
            end.addWidget(back)
            order.append(back)
        self._is_last = screen.page == len(screen.pages) - 1
        on = self.on_button("start" if self._is_last else "continue", words("start" if self._is_last else "continue"))
        on.clicked.connect(lambda: self.tell(Start() if self._is_last else ShowPage(screen.page + 1)))
        end.addWidget(on)
        end.addStretch(1)
        self.order([*order, on])
        self.refresh(screen)

    def _text(self, screen: InformationScreen) -> Scroll:
        look = self.look
        texts = column(spacing=look.space(14), margins=(look.space(14), look.space(12), look.space(14), look.space(12)))
        texts.addWidget(BlocksText(look, screen.pages[screen.page].blocks, kind=BODY, heading=BODY_STRONG))
        if screen.page == len(screen.pages) - 1:
            for wanted, key in ((screen.must_answer_all, "answer_all"), (screen.may_ask_leader, "ask")):
                if wanted:
                    line = Prose(look, look.words(f"information_{key}"), BODY_STRONG)
                    line.setObjectName(f"information_{key}")
                    texts.addWidget(line)
        texts.addStretch(1)
        made = Scroll(look, "information", held_by(texts), ground=look.colours.surface)
        made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        made.setAccessibleName(screen.pages[screen.page].heading)
        made.setFixedHeight(min(look.text(INFORMATION_HEIGHT), max(look.text(120), look.height - look.text(430))))
        return made

    @staticmethod
    def _key_of(screen: InformationScreen) -> tuple[object, ...]:
        return (screen.pages, screen.page, screen.must_answer_all, screen.may_ask_leader)

    @override
    def refresh(self, screen: Screen) -> bool:
        if not isinstance(screen, InformationScreen) or self._key_of(screen) != self._key:
            return False
        waits = self._is_last and screen.is_waiting
        if self.primary is not None:
            self.primary.setVisible(not waits)
        self.soon.setVisible(waits)
        self.settle()
        return True

    @override
    def first_focus(self) -> QWidget | None:
        return self.scroll_area


class FormChoice(QWidget):
    """A voluntary question with a list of answers."""

    def __init__(self, look: Look, field: FormField) -> None:
        super().__init__()
        self.group = OptionGroup(look, f"form_{field.id}", most=1, columns=1 if look.is_one_column else 2)
        self.group.setAccessibleName(field.label)
        for option in field.options:
            self.group.add(option.id, Option(look, f"form_{field.id}_{option.id}", option.text, is_square=False))
        self.setProperty(RING_OUTSIDE, True)
        inside = column(margins=(0, look.space(10), 0, 0))
        inside.addWidget(self.group)
        self.setLayout(inside)

    @property
    def value(self) -> str:
        """The option chosen, "" for none."""
        return "".join(self.group.chosen)


class PersonalDataView(StartView):
    """The voluntary form (reglement 4.8): skipping is as large as sending."""

    def __init__(self, look: Look, screen: PersonalDataScreen) -> None:
        super().__init__(look, screen, width=760)
        self._key = (screen.introduction, screen.fields)
        words = look.words
        self.add_title(screen.introduction.heading, words("personal_skip_note"))
        self.space(16)
        self.card.addWidget(BlocksText(look, screen.introduction.blocks, kind=BODY, heading=BODY_STRONG))
        order: list[QWidget] = []
        self._values: list[tuple[str, FormChoice | TextField]] = []
        for field in screen.fields:
            order.extend(self._add(field))
        self.space(24)
        skip = Button(look, "skip", words("personal_skip"), least_width=200)
        send = Button(look, "send", words("personal_send"), kind="filled", least_width=200)
        self.primary = send
        skip.clicked.connect(lambda: self.tell(SkipPersonalData()))
        send.clicked.connect(lambda: self.tell(SendPersonalData(self.values)))
        end = self.buttons()
        end.addWidget(skip)
        end.addWidget(send)
        end.addStretch(1)
        self.order([*order, skip, send])
        self._first = order[0] if order else skip

    def _add(self, field: FormField) -> list[QWidget]:
        self.space(20)
        self.add_label(field.label)
        if field.help:
            self.add_help(field.help, kind=SMALL)
        if field.options:
            made = FormChoice(self.look, field)
            self._values.append((field.id, made))
            self.card.addWidget(made)
            made.group.changed.connect(self._touched)
            return list(made.group.options)
        self.space(8)
        line = TextField(self.look, f"form_{field.id}", field.label)
        self._values.append((field.id, line))
        self.card.addWidget(line)
        return [line.line]

    def _touched(self, _ids: tuple[str, ...]) -> None:
        self.sheet.update()

    @property
    def values(self) -> tuple[tuple[str, str], ...]:
        """What stands in the form now."""
        return tuple(
            (name, made.value if isinstance(made, FormChoice) else made.line.text()) for name, made in self._values
        )

    @override
    def refresh(self, screen: Screen) -> bool:
        return isinstance(screen, PersonalDataScreen) and (screen.introduction, screen.fields) == self._key

    @override
    def first_focus(self) -> QWidget | None:
        return self._first
