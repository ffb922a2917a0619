"""What a screen shows: frozen values without Qt, made by the conductor and drawn by `kiosk.views`.

A screen holds everything needed to draw it; a view adds only wording (`kiosk/texts`) and shape (`kiosk/look`).
Showing a screen of the same kind again updates the one on the glass: focus, caret, selection and scroll positions stay.
Interface words are chosen by the view from codes; names, titles and task content arrive as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from engine.events import Response
    from itembank.content import FormField, ItemContent, Page, StimulusContent, TaskContent

Language: TypeAlias = Literal["nb", "nn", "en"]
Theme: TypeAlias = Literal["light", "dark", "contrast"]
SavedState: TypeAlias = Literal["none", "saving", "saved"]
ALL_THEMES: tuple[Theme, ...] = ("light", "dark", "contrast")
TEXT_SIZES: tuple[int, ...] = (100, 125, 150, 175, 200, 250)
"""Text sizes in per cent (look.md 3)."""


def _no_media() -> Mapping[str, bytes]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Settings:
    """How the candidate wants the screen: kept per candidate, from the first screen on."""

    language: Language = "nb"
    text_size: int = 100
    theme: Theme = "light"
    is_still: bool = False


@dataclass(frozen=True, slots=True)
class Foot:
    """The foot line of a start screen: "Plass 14 | Samira Haddad · 100234", to the right part and written standard.

    ``candidate`` is ready text: "Samira Haddad · 100234", the number alone for a protected name, "" before log-in.
    """

    seat: str = ""
    candidate: str = ""
    right: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What every screen carries."""

    settings: Settings = field(default_factory=Settings)


# --- start screens: a bar, one card, a foot ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StartScreen(Screen):
    """A screen with one card; ``step`` of ``steps`` stands top right when ``steps`` is not 0."""

    foot: Foot = field(default_factory=Foot)
    step: int = 0
    steps: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginScreen(StartScreen):
    """Who are you. ``error``: "" or "wrong"; with ``wait_s`` > 0 the line counts whole seconds instead."""

    error: Literal["", "wrong"] = ""
    wait_s: int = 0
    languages: tuple[Language, ...] = ("nb", "nn", "en")


WaitReason: TypeAlias = Literal["name_wrong", "staff_here", "not_open", "next_part", "preparing", "list_expired"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitScreen(StartScreen):
    """Nothing to do but wait; ``reason`` picks the heading and the sentence. It changes by itself."""

    reason: WaitReason
    part_title: str = ""


RefusedKind: TypeAlias = Literal[
    "not_on_list",
    "late",
    "wrong_device",
    "already_left",
    "expelled",
    "already_delivered",
    "running_elsewhere",
    "not_open",
    "device",
    "content",
    "sound",
    "disk",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedScreen(StartScreen):
    """This candidate or this PC cannot begin: own screen with the seat number and "Rekk opp hånden".

    ``can_go_back``: a button leads back to the log-in (`intents.Back`).
    """

    kind: RefusedKind
    can_go_back: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class NameScreen(StartScreen):
    """Is this you. ``name`` is "" when the identity is protected: then the number alone is shown."""

    name: str
    number: str
    part_title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenStandardScreen(StartScreen):
    """Bokmål or Nynorsk; ``error`` "none_chosen" shows "Velg en først."."""

    chosen: Literal["", "nb", "nn"] = ""
    error: Literal["", "none_chosen"] = ""
    can_go_back: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundCheckScreen(StartScreen):
    """Can you hear. ``numbers`` are the four to choose from; ``wrong`` counts wrong answers, ``passed`` a right one.

    ``level`` is the rendered sound's level, 0…1. ``volume`` is 1…10. ``error``: going on was pressed too soon.
    ``is_leader_told`` after the second wrong answer; ``is_silent``: no sound comes out at all.
    """

    volume: int
    numbers: tuple[str, ...]
    is_playing: bool = False
    has_played: bool = False
    chosen: str = ""
    wrong: int = 0
    passed: bool = False
    level: float = 0.0
    error: Literal["", "none_chosen", "not_played"] = ""
    is_leader_told: bool = False
    is_silent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCodeScreen(StartScreen):
    """The code: four digits. ``wait_s`` > 0 counts down in whole seconds; ``error`` "short": fewer than four digits."""

    error: Literal["", "wrong", "short"] = ""
    wait_s: int = 0
    can_go_back: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class InformationScreen(StartScreen):
    """Have you read this. ``page`` counts from 0.

    On the last page stands *Start prøven*; while ``is_waiting`` the line "Prøven starter snart" stands in its place.
    ``must_answer_all`` and ``may_ask_leader`` add the sentences of reglement 4 (writing).
    """

    pages: tuple[Page, ...]
    page: int = 0
    is_waiting: bool = False
    must_answer_all: bool = False
    may_ask_leader: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalDataScreen(StartScreen):
    """If you like: the voluntary form (reglement 4.8), with the programme's introduction above it."""

    introduction: Page
    fields: tuple[FormField, ...]


# --- a running part ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Frame:
    """The bars of a running part.

    ``module_number`` is shown as "Del 2" (0: none; never set in listening). ``task_number`` counts from 1.
    ``minutes_left`` None: no time is shown (listening); 0: "Under 1 minutt".
    ``time_is_low`` gives the time field the multe ground; ``low_time_minutes`` is the line that stands for 20 s.
    ``candidate``: ready text, "Samira Haddad · 100234".
    """

    part_title: str
    task_number: int
    candidate: str
    saved: SavedState = "none"
    module_number: int = 0
    minutes_left: int | None = None
    time_is_low: bool = False
    low_time_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class StripTask:
    """One place of the task strip."""

    item: str
    number: int
    is_answered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PartScreen(Screen):
    """A screen of a running part. ``attempt`` tells one run from another: views keep drafts and scroll by it."""

    frame: Frame
    attempt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingScreen(PartScreen):
    """Read and answer, free inside the module.

    ``item`` is the present one; ``strip`` lists the module's items in order. ``leaves_module``: on the last task
    *Neste* is *Ferdig med del 2* (or *Til innlevering* when ``is_last_module``).
    ``media``: picture name → bytes (SVG, PNG, JPEG) of item and stimulus.
    """

    strip: tuple[StripTask, ...]
    item: ItemContent
    response: Response | None = None
    stimulus: StimulusContent | None = None
    has_previous: bool = True
    leaves_module: bool = False
    is_last_module: bool = False
    media: Mapping[str, bytes] = field(default_factory=_no_media)


NowKind: TypeAlias = Literal["read", "first", "gap", "last", "only", "answer", "fault", "instruction"]
StepKind: TypeAlias = Literal["read", "first", "second", "only", "answer"]


@dataclass(frozen=True, slots=True)
class ListeningStep:
    """One step of the step line: its name, its share of the line's width, and how much of it is over (0…1)."""

    kind: StepKind
    weight: int
    done: float
    is_present: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListeningScreen(PartScreen):
    """Hear and answer. It never names modules and has no way back or on.

    ``plays`` is 2 (A1–B1) or 1 (B2); ``plays_done`` of them are over, ``is_playing`` one now.
    ``level`` 0…1 is the rendered sound's.
    """

    now: NowKind
    steps: tuple[ListeningStep, ...]
    plays: int
    plays_done: int
    is_playing: bool
    item: ItemContent
    volume: int
    response: Response | None = None
    stimulus: StimulusContent | None = None
    level: float = 0.0
    media: Mapping[str, bytes] = field(default_factory=_no_media)


@dataclass(frozen=True, slots=True)
class TaskTab:
    """A writing task's tab: ``words`` counted by `count_words`; empty when the text has nothing but space."""

    task: str
    number: int
    words: int
    is_empty: bool


@dataclass(frozen=True, slots=True)
class Topic:
    """One of the topics of a slot with a choice."""

    task: str
    title: str
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WritingScreen(PartScreen):
    """Write.

    ``text`` fills the editor only when this task is first shown in this window; typing is never overwritten.
    ``topics``: not empty when the slot has a choice and none is chosen; the choice then stands in the editor's place.
    """

    tabs: tuple[TaskTab, ...]
    task: TaskContent
    slot: str
    text: str = ""
    topics: tuple[Topic, ...] = ()
    can_change_topic: bool = False
    shows_words: bool = True
    all_tasks_required: bool = True
    media: Mapping[str, bytes] = field(default_factory=_no_media)


# --- dialogs over a part ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UnansweredTask:
    """A task without answer: a way back to it."""

    item: str
    number: int
    prompt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveModuleScreen(Screen):
    """Sure? Step 1 lists unanswered tasks, step 2 says there is no way back. ``is_last``: then it hands in."""

    behind: ReadingScreen
    step: Literal[1, 2]
    unanswered: tuple[UnansweredTask, ...]
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class HandInTask:
    """A task in the sum before handing in. ``words`` None: not a writing task."""

    task: str
    number: int
    title: str
    is_empty: bool
    words: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandInScreen(Screen):
    """Are you done: step 1 the sum per task, step 2 "Er du helt ferdig?"."""

    behind: WritingScreen | ReadingScreen
    step: Literal[1, 2]
    tasks: tuple[HandInTask, ...]
    all_tasks_required: bool = True


# --- after the part ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class HandingInScreen(StartScreen):
    """The answers are being handed in now. ``cause`` "time": "Tiden er ute."; "script": listening came to its end."""

    cause: Literal["candidate", "time", "script"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedHereScreen(StartScreen):
    """Saved on this PC (at ``saved_at``, "10.40"), waiting to be delivered. ``is_offline``: the network is away."""

    saved_at: str
    is_offline: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredScreen(StartScreen):
    """Delivered at ``delivered_at`` ("10.41"): only with the store's receipt. ``next_part`` "": the last one."""

    delivered_at: str
    next_part: str = ""
    can_continue: bool = False


EndKind: TypeAlias = Literal["may_leave", "expelled", "left_alone", "reset", "closed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndScreen(StartScreen):
    """The end of this candidate's time at the PC."""

    kind: EndKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumedScreen(StartScreen):
    """Welcome back: ``task_number`` 0 when the part has no present task. 3 s or Enter (the conductor counts)."""

    task_number: int


LockReason: TypeAlias = Literal[
    "focus",
    "display",
    "keyboard",
    "staff",
    "restart",
    "handover",
    "network",
    "sound",
    "disk",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedScreen(Screen):
    """Raise your hand. ``since`` with seconds ("10.42.07"), for the staff strip.

    ``clock_runs``: None when no time is shown in this part, else which sentence about time is true.
    ``has_staff_login``: the room page is away, so staff may unlock here; ``staff_error`` "wrong" after a wrong try.
    """

    seat: str
    candidate: str
    reason: LockReason
    since: str
    clock_runs: bool | None = True
    room_answers: bool = True
    has_staff_login: bool = False
    staff_error: Literal["", "wrong"] = ""
    staff_wait_s: int = 0


def count_words(text: str) -> int:
    """How many words a script has: runs of non-space with at least one letter or digit."""
    return sum(any(sign.isalnum() for sign in word) for word in text.split())
