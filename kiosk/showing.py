"""Showing: which screen is due now. Reads only."""

from __future__ import annotations

from typing import Final

from engine.state import Phase
from kiosk import present
from kiosk.facts import Facts
from kiosk.openings import Running
from kiosk.present import Scene
from kiosk.roster import part_title
from kiosk.screens import (
    DeliveredScreen,
    EndScreen,
    HandingInScreen,
    LockedScreen,
    LockReason,
    LoginScreen,
    RefusedScreen,
    ResumedScreen,
    SavedHereScreen,
    SavedState,
    Screen,
    StartScreen,
    WaitScreen,
)
from kiosk.starting import Asking, clock_time, end_screen, personal_data_screen, question_due, question_screen

SAVING_SHOWN_AFTER_MS: Final = 300
HANDING_IN_SHOWN_MS: Final = 2_000


class Showing(Facts):
    """Makes the screen that is due, and has it drawn when it differs from the one on the glass."""

    @property
    def shown(self) -> Screen | None:
        """The screen on the glass."""
        return self._shown

    def _refresh(self) -> None:
        running = self._running
        is_asking = running is not None and not running.attempt.has_ended and not self._is_welcoming()
        if running is not None and is_asking and question_due(running.attempt, self._draft) == "information":
            self._information_shown()
        screen = self.screen()
        if screen != self._shown:
            self._shown = screen
            self._show(screen)

    def screen(self) -> Screen:
        """The screen that is due now."""
        running = self._running
        if self._draft.refused is not None:
            return RefusedScreen(
                settings=self._settings, foot=self._seat().foot(), kind=self._draft.refused, can_go_back=True
            )
        if self._draft.waiting is not None:
            return WaitScreen(settings=self._settings, foot=self._seat().foot(), reason=self._draft.waiting)
        return self._screen_without_candidate() if running is None else self._screen_of(running)

    def _screen_of(self, running: Running) -> Screen:
        attempt = running.attempt
        if self._disk_trouble:
            return self._locked_screen(running, "disk")
        if attempt.has_ended:
            return self._screen_after_end(running)
        if self._is_welcoming():
            return ResumedScreen(settings=self._settings, foot=self._seat().foot(), task_number=attempt.task_number)
        if attempt.is_locked:
            return self._locked_screen(running, _lock_reason(attempt.lock_reasons[-1]))
        if attempt.phase is Phase.RUNNING:
            return self._part_screen(running)
        return self._question_screen(running)

    def _screen_without_candidate(self) -> Screen:
        roster = self._roster()
        foot = self._seat().foot()
        if self._room.state.is_list_expired:
            return WaitScreen(settings=self._settings, foot=foot, reason="list_expired")
        if roster is None or (roster.is_open and not self._has_looked):
            return WaitScreen(settings=self._settings, foot=foot, reason="preparing")
        if roster.is_closed:
            return EndScreen(settings=self._settings, foot=foot, kind="closed")
        if not roster.is_open:
            return WaitScreen(settings=self._settings, foot=foot, reason="not_open")
        return LoginScreen(
            settings=self._settings,
            foot=foot,
            error="wrong" if self._draft.error == "wrong" else "",
            wait_s=-(-self._login_wait_ms() // 1000),
        )

    def _question_screen(self, running: Running) -> StartScreen | Screen:
        attempt = running.attempt
        question = question_due(attempt, self._draft)
        roster, public = self._roster(), self._public()
        if public is None:
            return WaitScreen(settings=self._settings, foot=self._seat().foot(), reason="preparing")
        asking = Asking(
            attempt=attempt,
            draft=self._draft,
            seat=self._seat(),
            settings=self._settings,
            public=public,
            name=running.candidate.name,
            volume=self._volume,
            rendering=self._player.rendering(),
            is_silent=bool(self._sound_check_fault),
            wait_ms=self._tries.wait_ms(self._clock.boot_ms()),
            is_started_in_room=roster is not None and roster.is_started(running.part.part),
        )
        return question_screen(question, asking)

    def _part_screen(self, running: Running) -> Screen:
        attempt, scene = running.attempt, self._scene(running)
        if attempt.task_set is not None:
            if self._dialog is not None:
                return present.hand_in_screen(attempt, scene, self._dialog[1])
            return present.writing_screen(attempt, scene, choosing_in=self._choosing_in)
        if attempt.rules.is_script_driven:
            if attempt.step is None:
                return WaitScreen(settings=self._settings, foot=self._seat().foot(), reason="preparing")
            return present.listening_screen(attempt, scene, attempt.step)
        if self._dialog is not None:
            return present.leave_module_screen(attempt, scene, self._dialog[1])
        return present.reading_screen(attempt, scene)

    def _scene(self, running: Running) -> Scene:
        director = self._director
        return Scene(
            seat=self._seat(),
            settings=self._settings,
            content=running.package.content(running.attempt.written_standard or "nb"),
            media=running.package.media,
            now_ms=self._now(),
            saved=self._saved(running),
            warned_left_ms=None if self._warned is None else self._warned[0],
            rendering=None if director is None else director.rendering(),
            sound_fault="" if director is None else director.fault,
        )

    def _saved(self, running: Running) -> SavedState:
        now_ms = self._clock.boot_ms()
        if running.record.is_saved:
            self._unsaved_since_ms = None
            return "saved"
        if self._unsaved_since_ms is None:
            self._unsaved_since_ms = now_ms
        return "saving" if now_ms - self._unsaved_since_ms > SAVING_SHOWN_AFTER_MS else "saved"

    def _screen_after_end(self, running: Running) -> Screen:
        attempt, seat = running.attempt, self._seat()
        if attempt.phase is not Phase.SUBMITTED:
            return end_screen(attempt.phase, seat, self._settings)
        if self._draft.form_done:
            return EndScreen(settings=self._settings, foot=seat.foot(), kind="may_leave")
        form = self._form()
        if self._draft.shows_form and form is not None:
            return personal_data_screen(form, seat, self._settings)
        if self._is_delivered(running):
            roster = self._roster()
            following = None if roster is None else roster.next_part(running.candidate)
            return DeliveredScreen(
                settings=self._settings,
                foot=seat.foot(),
                delivered_at=clock_time(self._ended_at_ms),
                next_part=""
                if following is None
                else part_title(running.package.programme, following.part, self._settings.language),
                can_continue=True,
            )
        if self._clock.wall_ms() - self._ended_at_ms < HANDING_IN_SHOWN_MS:
            cause = attempt.end_cause
            return HandingInScreen(
                settings=self._settings,
                foot=seat.foot(),
                cause="time" if cause == "time" else "script" if cause == "script" else "candidate",
            )
        return SavedHereScreen(
            settings=self._settings,
            foot=seat.foot(),
            saved_at=clock_time(self._ended_at_ms),
            is_offline=not self._room.state.is_online,
        )

    def _locked_screen(self, running: Running, reason: LockReason) -> LockedScreen:
        rules = running.attempt.rules
        return LockedScreen(
            settings=self._settings,
            seat=self._conditions.seat,
            candidate=self._seat().candidate,
            reason=reason,
            since=clock_time(self._clock.wall_ms() if self._shown is None else self._locked_since(), with_seconds=True),
            clock_runs=None if not rules.shows_time else True,
            room_answers=self._room.state.is_online,
            has_staff_login=self._may_unlock_here(),
            staff_error="wrong" if self._staff_error else "",
            staff_wait_s=-(-self._staff_gate.wait_ms(self._clock.boot_ms()) // 1000),
        )

    def _locked_since(self) -> int:
        if not isinstance(self._shown, LockedScreen):
            self._locked_at_ms = self._clock.wall_ms()
        return self._locked_at_ms

    _locked_at_ms = 0


def _lock_reason(reason: str) -> LockReason:
    known: tuple[LockReason, ...] = (
        "focus",
        "display",
        "keyboard",
        "staff",
        "restart",
        "handover",
        "network",
        "sound",
        "disk",
    )
    return dict(zip((str(each) for each in known), known, strict=True)).get(reason, "staff")
