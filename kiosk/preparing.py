"""Preparing: what a candidate does between the log-in and the start, and what may keep somebody from it."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from engine import events
from engine.admission import AdmissionReason
from kiosk import intents
from kiosk.answering import Answering
from kiosk.errors import KioskError
from kiosk.screens import RefusedKind
from kiosk.sound import decode
from kiosk.starting import Draft, question_due
from sync.daycode import accepts_day_code

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiosk.openings import Running

_log = logging.getLogger(__name__)


class Preparing(Answering):
    """Wishes before a part runs: name, written standard, sound check, day code, information, start."""

    def _confirm_name(self, wish: intents.ConfirmName) -> None:
        if wish.yes:
            self._happens(events.NameConfirmed(self._now()))
            self._draft.waiting = None
        else:
            self._note("name_wrong", "")
            self._draft.waiting = "name_wrong"

    def _choose_standard(self, wish: intents.ChooseStandard) -> None:
        self._draft.chosen_standard = wish.written_standard
        self._draft.error = ""

    def _play_sound_check(self, _wish: intents.PlaySoundCheck) -> None:
        public = self._public()
        if public is None or public.sound_check is None:
            return
        try:
            samples = decode(public.media[public.sound_check.clip], public.sound_check.clip)
            self._player.open()
            self._player.set_volume(self._volume)
            self._player.play(samples, 0)
            self._draft.has_played = True
            self._draft.error = ""
            self._sound_check_fault = ""
        except KioskError as error:
            self._sound_failed(error)

    def _sound_failed(self, error: KioskError) -> None:
        self._sound_check_fault = str(error)
        self._note("sound_fault", "")

    def _answer_sound_check(self, wish: intents.AnswerSoundCheck) -> None:
        self._draft.chosen_number = wish.number
        self._draft.error = ""

    def _type_day_code(self, wish: intents.TypeDayCode) -> None:
        running, roster = self._running, self._roster()
        if running is None or roster is None:
            return
        if len(wish.code) != 4:  # noqa: PLR2004 - reglement 4.1: four digits
            self._draft.error = "short"
            return
        now_ms = self._clock.boot_ms()
        if self._tries.wait_ms(now_ms) > 0:
            return
        if roster.admission(running.candidate, running.part, is_password_right=True).reason is AdmissionReason.LATE or (
            not roster.was_present_at_start(running.candidate.number, running.part.part)
        ):
            self._note("late", "")
            self._refuse("late")
            return
        try:
            self._tries.begin(now_ms)
        except OSError as error:
            _log.error("a day code could not be counted, so it was not looked at: %s", error)
            self._incident("cannot_save")
            return
        is_right = accepts_day_code(
            wish.code,
            roster.ticket.day_codes,
            part=running.part.part,
            now_utc_ms=self._clock.wall_ms(),
            minimum=self._conditions.password_minimum,
        )
        if not self._happens(events.DayCodeTried(self._now(), is_right)):
            return
        self._draft.error = "" if is_right else "wrong"
        if is_right:
            self._lift_tries(self._tries.accepted)
        elif self._tries.must_alarm:
            self._incident("day_code_refused")

    def _lift_tries(self, lift: Callable[[], None]) -> None:
        """Forget wrong codes, here and if possible on the disk: otherwise the next start waits once more."""
        try:
            lift()
        except OSError as error:
            _log.warning("wrong day codes could not be forgotten: %s", error)

    def _show_page(self, wish: intents.ShowPage) -> None:
        running, public = self._running, self._public()
        if running is None or public is None:
            return
        self._draft.page = wish.page
        self._information_shown()

    def _continue_before_start(self, running: Running) -> None:
        question = question_due(running.attempt, self._draft)
        if question == "written_standard":
            if not self._draft.chosen_standard:
                self._draft.error = "none_chosen"
            elif self._happens(events.WrittenStandardChosen(self._now(), self._draft.chosen_standard)):
                if self._settings.language != "en":
                    self._keep(replace(self._settings, language=self._draft.chosen_standard))
                self._draft.back_to = None
                self._draft.error = ""
        elif question == "sound_check":
            self._continue_sound_check()

    def _continue_sound_check(self) -> None:
        public, draft = self._public(), self._draft
        if public is None or public.sound_check is None:
            return
        if not draft.has_played:
            draft.error = "not_played"
        elif not draft.chosen_number:
            draft.error = "none_chosen"
        else:
            is_right = draft.chosen_number == public.sound_check.number
            draft.wrong_numbers += 0 if is_right else 1
            draft.chosen_number = ""
            draft.error = ""
            if draft.wrong_numbers > 1 and not is_right:
                self._note("sound_check_failed", "")
            if is_right:
                self._player.stop()
                self._happens(events.SoundChecked(self._now(), passed=True, volume=self._volume))

    def _start(self, _wish: intents.Start) -> None:
        running, roster = self._running, self._roster()
        if running is None or roster is None or not roster.is_started(running.part.part):
            return
        self._information_shown()
        if self._happens(events.Started(self._now())):
            self._show_first()

    def _refuse(self, kind: RefusedKind) -> None:
        self._draft = Draft(refused=kind)
        self._incident(f"refused_{kind}")
