"""What the candidate (or staff at the PC) did: frozen values that views emit and the conductor judges.

An intent is a wish, not a fact: the conductor and the engine decide whether it holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from engine.events import Response
from kiosk.screens import Language, Theme

EditCause: TypeAlias = Literal[
    "type",
    "backspace",
    "delete",
    "cut",
    "paste",
    "undo",
    "redo",
    "ime",
    "drop",
    "other",
]


@dataclass(frozen=True, slots=True)
class Intent:
    """Something wished for at the screen."""


# --- start screens ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LogIn(Intent):
    """User name and password were given at the log-in screen (by a candidate, or by staff: the ticket tells)."""

    user: str
    password: str

    def __repr__(self) -> str:
        """Without the password, which must never reach a log."""
        return f"LogIn(user={self.user!r})"


@dataclass(frozen=True, slots=True)
class ConfirmName(Intent):
    """Answer to "Er dette deg?": *Ja, dette er meg* (True) or *Nei, det er feil* (False)."""

    yes: bool


@dataclass(frozen=True, slots=True)
class ChooseStandard(Intent):
    """Bokmål or Nynorsk was marked; `Continue` goes on with it."""

    written_standard: Literal["nb", "nn"]


@dataclass(frozen=True, slots=True)
class PlaySoundCheck(Intent):
    """*Spill* was pressed."""


@dataclass(frozen=True, slots=True)
class AnswerSoundCheck(Intent):
    """A number was marked; `Continue` goes on with it."""

    number: str


@dataclass(frozen=True, slots=True)
class SetVolume(Intent):
    """Volume 1…10."""

    volume: int


@dataclass(frozen=True, slots=True)
class TypeDayCode(Intent):
    """The digits typed (0 to 4 of them) when *Gå videre* was pressed."""

    code: str

    def __repr__(self) -> str:
        """Without the code, which must never reach a log."""
        return "TypeDayCode()"


@dataclass(frozen=True, slots=True)
class ShowPage(Intent):
    """Another information page, counted from 0."""

    page: int


@dataclass(frozen=True, slots=True)
class Continue(Intent):
    """*Gå videre* on a start screen, Enter on *Velkommen tilbake*, on from *Levert*."""


@dataclass(frozen=True, slots=True)
class Back(Intent):
    """*Tilbake* on a start screen."""


@dataclass(frozen=True, slots=True)
class Start(Intent):
    """*Start prøven*."""


@dataclass(frozen=True, slots=True)
class SendPersonalData(Intent):
    """The voluntary form, as (field name, value), left-out fields included as ""."""

    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SkipPersonalData(Intent):
    """*Hopp over*."""


# --- a running part ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GoTo(Intent):
    """To this item or writing task of the present module (strip, tabs, a row of a list)."""

    item: str


@dataclass(frozen=True, slots=True)
class Previous(Intent):
    """*Forrige*."""


@dataclass(frozen=True, slots=True)
class Next(Intent):
    """*Neste*."""


@dataclass(frozen=True, slots=True)
class Answer(Intent):
    """The item's whole response now; the empty tuple takes it back."""

    item: str
    response: Response


@dataclass(frozen=True, slots=True)
class LeaveModule(Intent):
    """*Ferdig med del 2*: asks for step 1."""


@dataclass(frozen=True, slots=True)
class ConfirmLeave(Intent):
    """The outlined way on in step 1 or 2 of leaving a module."""

    step: Literal[1, 2]


@dataclass(frozen=True, slots=True)
class BackToTasks(Intent):
    """The safe choice of a dialog, or Esc."""


@dataclass(frozen=True, slots=True)
class ChooseTopic(Intent):
    """One of the topics of a slot; ``task`` "" asks to choose again."""

    slot: str
    task: str


@dataclass(frozen=True, slots=True)
class EditText(Intent):
    """An edit of a script, in Unicode code points, emitted at once for every change (`engine.events.Edited`)."""

    task: str
    position: int
    deleted: str
    inserted: str
    cause: EditCause


@dataclass(frozen=True, slots=True)
class KeyTimed(Intent):
    """A key went down or up in the editor: physical key code (native scan code) and time, never which text it made."""

    task: str
    code: int
    is_down: bool
    at_ns: int


@dataclass(frozen=True, slots=True)
class GoToHandIn(Intent):
    """*Til innlevering*: asks for step 1."""


@dataclass(frozen=True, slots=True)
class HandIn(Intent):
    """The way on in step 1 or 2 of handing in; step 2 is final."""

    step: Literal[1, 2]


# --- settings ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetTextSize(Intent):
    """One of `screens.TEXT_SIZES`, per cent."""

    text_size: int


@dataclass(frozen=True, slots=True)
class SetTheme(Intent):
    """Lys, Mørk, Sterk kontrast."""

    theme: Theme


@dataclass(frozen=True, slots=True)
class SetStill(Intent):
    """*Ro*: level sign and step line stand still."""

    is_still: bool


@dataclass(frozen=True, slots=True)
class SetLanguage(Intent):
    """The interface's language (tasks come in the written standard)."""

    language: Language


# --- staff and incidents ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UnlockAtPc(Intent):
    """Staff give their log-in at the locked screen because the room page is away."""

    user: str
    password: str

    def __repr__(self) -> str:
        """Without the password, which must never reach a log."""
        return f"UnlockAtPc(user={self.user!r})"


@dataclass(frozen=True, slots=True)
class StaffLogIn(Intent):
    """Staff give their log-in at a refused or waiting screen."""

    user: str
    password: str

    def __repr__(self) -> str:
        """Without the password, which must never reach a log."""
        return f"StaffLogIn(user={self.user!r})"


@dataclass(frozen=True, slots=True)
class Leave(Intent):
    """*Forlat demoen*: only windows made with ``shows_leave`` have the button."""


@dataclass(frozen=True, slots=True)
class BlockedKey(Intent):
    """A key that leads out was dropped, such as "Alt+Tab", "Ctrl+O", "F1"."""

    detail: str


@dataclass(frozen=True, slots=True)
class PasteRefused(Intent):
    """Something from outside the test was to be pasted or dropped; it was not."""


@dataclass(frozen=True, slots=True)
class PrintRefused(Intent):
    """Printing or saving was asked for; there is none. ``detail`` names the key."""

    detail: str
