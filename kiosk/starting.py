"""The screens before a part begins and after it has ended: which one is due, from facts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from engine.state import Phase
from kiosk.screens import (
    DayCodeScreen,
    EndKind,
    EndScreen,
    InformationScreen,
    NameScreen,
    PersonalDataScreen,
    RefusedKind,
    Screen,
    Settings,
    SoundCheckScreen,
    StartScreen,
    WaitReason,
    WrittenStandardScreen,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.attempt import Attempt
    from itembank.content import Page, PersonalDataForm, PublicContent
    from kiosk.present import Seat
    from kiosk.sound import Rendering

Question = Literal["name", "written_standard", "sound_check", "day_code", "information"]
BEFORE_START: tuple[Question, ...] = ("name", "written_standard", "sound_check", "day_code", "information")
"""In the order they are asked; the information page, with *Start prøven* on it, comes last."""


@dataclass(slots=True)
class Draft:
    """What is on a start screen and not yet a fact: choices not gone on with, errors, waiting times."""

    error: str = ""
    chosen_standard: Literal["", "nb", "nn"] = ""
    chosen_number: str = ""
    has_played: bool = False
    wrong_numbers: int = 0
    page: int = 0
    back_to: Question | None = None
    login_tries: dict[str, int] = field(default_factory=dict[str, int])
    refused: RefusedKind | None = None
    waiting: WaitReason | None = None
    shows_form: bool = False
    form_done: bool = False


def question_due(attempt: Attempt, draft: Draft) -> Question:
    """Which question stands on the screen before the start."""
    if draft.back_to is not None:
        return draft.back_to
    missing = attempt.missing_before_start
    for question in BEFORE_START:
        if question in missing:
            return question
    return "information"


def step_of(attempt: Attempt, question: Question) -> tuple[int, int]:
    """The step line: number of the question and how many there are in this part."""
    asked = [name for name in BEFORE_START if name != "sound_check" or attempt.rules.needs_sound_check]
    return asked.index(question) + 1, len(asked)


@dataclass(frozen=True, slots=True)
class Asking:
    """What a question's screen is made of.

    ``name`` is the candidate's, "" when protected; ``rendering`` the sound check's play; ``is_silent``: no sound comes;
    ``wait_ms`` until a day code may be typed; ``is_started_in_room``: the test leader has started the part.
    """

    attempt: Attempt
    draft: Draft
    seat: Seat
    settings: Settings
    public: PublicContent
    name: str
    volume: int
    rendering: Rendering | None
    is_silent: bool
    wait_ms: int
    is_started_in_room: bool


def question_screen(question: Question, asking: Asking) -> Screen:
    """The screen of a question before the start."""
    makers: dict[Question, Callable[[Asking], StartScreen]] = {
        "name": _name_screen,
        "written_standard": _written_standard_screen,
        "sound_check": _sound_check_screen,
        "day_code": _day_code_screen,
        "information": _information_screen,
    }
    step, steps = step_of(asking.attempt, question)
    return replace(makers[question](asking), foot=asking.seat.foot(), step=step, steps=steps)


def _name_screen(asking: Asking) -> StartScreen:
    begun = asking.attempt.begun
    number = begun.candidate if begun is not None else ""
    return NameScreen(settings=asking.settings, name=asking.name, number=number, part_title=asking.seat.part_title)


def _written_standard_screen(asking: Asking) -> StartScreen:
    return WrittenStandardScreen(
        settings=asking.settings,
        chosen=asking.draft.chosen_standard,
        error="none_chosen" if asking.draft.error == "none_chosen" else "",
        can_go_back=False,
    )


def _sound_check_screen(asking: Asking) -> StartScreen:
    check, draft, rendering = asking.public.sound_check, asking.draft, asking.rendering
    is_playing = rendering is not None and not rendering.is_ended
    return SoundCheckScreen(
        settings=asking.settings,
        volume=asking.volume,
        numbers=() if check is None else check.choices,
        is_playing=is_playing,
        has_played=draft.has_played,
        chosen=draft.chosen_number,
        wrong=draft.wrong_numbers,
        passed=asking.attempt.is_sound_checked,
        level=rendering.level if rendering is not None and is_playing else 0.0,
        error=_sound_error(draft.error),
        is_leader_told=draft.wrong_numbers > 1,
        is_silent=asking.is_silent,
    )


def _day_code_screen(asking: Asking) -> StartScreen:
    return DayCodeScreen(
        settings=asking.settings,
        error=_code_error(asking.draft.error),
        wait_s=-(-asking.wait_ms // 1000),
        can_go_back=True,
    )


def _information_screen(asking: Asking) -> StartScreen:
    rules = asking.attempt.rules
    return InformationScreen(
        settings=asking.settings,
        pages=information_pages(asking.public, asking.settings.language, rules.part),
        page=asking.draft.page,
        is_waiting=not asking.is_started_in_room,
        must_answer_all=rules.all_tasks_required,
        may_ask_leader=asking.attempt.task_set is not None,
    )


def _sound_error(error: str) -> Literal["", "none_chosen", "not_played"]:
    return "not_played" if error == "not_played" else "none_chosen" if error == "none_chosen" else ""


def _code_error(error: str) -> Literal["", "wrong", "short"]:
    return "wrong" if error == "wrong" else "short" if error == "short" else ""


def information_pages(public: PublicContent, language: str, part: str) -> tuple[Page, ...]:
    """The programme's information pages for a part, in the interface's language."""
    return public.texts.get(language, public.texts["nb"]).information.get(part, ())


def personal_data_screen(form: PersonalDataForm, seat: Seat, settings: Settings) -> PersonalDataScreen:
    """The voluntary form (reglement 4.8)."""
    return PersonalDataScreen(settings=settings, foot=seat.foot(), introduction=form.introduction, fields=form.fields)


def end_screen(phase: Phase, seat: Seat, settings: Settings) -> EndScreen:
    """The end of an attempt that was not handed in."""
    kinds: dict[Phase, EndKind] = {Phase.EXPELLED: "expelled", Phase.LEFT: "left_alone", Phase.RESET: "reset"}
    return EndScreen(settings=settings, foot=seat.foot(), kind=kinds.get(phase, "closed"))


def clock_time(utc_ms: int, *, with_seconds: bool = False) -> str:
    """A time of day as it is written in Norwegian, in the PC's time zone: "10.42", or "10.42.07"."""
    form = "%H.%M.%S" if with_seconds else "%H.%M"
    return datetime.fromtimestamp(utc_ms / 1000).astimezone().strftime(form)
