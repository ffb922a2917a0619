"""The conductor: connects clock, engine, journal, orders, sound and screens, and decides what a wish comes to.

It owns no truth: what is true of an attempt is the engine's, what is true of the room is `kiosk.room`'s. It keeps only what a
screen needs besides: which question stands open, which page is read, what was typed wrongly. Two calls on one thread drive
it: `wish` (something was done at the screen) and `tick` (time went on, or the room has news).
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from engine import events
from engine.admission import AdmissionReason
from engine.events import Event
from engine.state import Phase
from kiosk import intents, present
from kiosk.director import SoundDirector
from kiosk.errors import KioskError, SoundError
from kiosk.openings import IS_ONGOING, ORDER_SEEN, Openings, Running
from kiosk.present import Scene, Seat
from kiosk.room import Watch
from kiosk.roster import KnownAttempt, Roster, newest, part_title
from kiosk.screens import (
    DeliveredScreen,
    EndScreen,
    HandingInScreen,
    LockedScreen,
    LockReason,
    LoginScreen,
    RefusedKind,
    RefusedScreen,
    ResumedScreen,
    SavedHereScreen,
    SavedState,
    Screen,
    Settings,
    StartScreen,
    WaitScreen,
)
from kiosk.sound import decode
from kiosk.starting import Draft, clock_time, end_screen, personal_data_screen, question_due, question_screen
from sync.daycode import DayCodeGate, accepts_day_code
from sync.errors import DiskSpaceError, JournalFailedError, SyncError
from sync.keys import VerifyKey
from sync.passwords import PasswordVerifier
from sync.progress import Incident, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from itembank.content import PersonalDataForm, PublicContent
    from kiosk.clock import Clock
    from kiosk.folder import StateFolder
    from kiosk.room import Room, RoomState
    from kiosk.sound import Player
    from sync.orders import Order
    from sync.passwords import Cost
    from sync.writer import JournalTrouble

_log = logging.getLogger(__name__)

WELCOME_BACK_MS: Final = 3_000
WARNING_STANDS_MS: Final = 20_000
SAVING_SHOWN_AFTER_MS: Final = 300
HANDING_IN_SHOWN_MS: Final = 2_000
CHECKPOINT_EVERY: Final = 50
"""Edits between two checkpoints of a script."""
ALIVE_EVERY_MS: Final = 500
"""How often it is noted that the program lives: at most so much of a listening step is given back after a restart."""
REPORT_EVERY_MS: Final = 5_000
OFFLINE_AFTER_MS: Final = 30_000
"""Without contact for so long the room page is away, and staff may unlock at the PC."""

Dialog = tuple[Literal["leave", "hand_in"], Literal[1, 2]]
REFUSED: Final[Mapping[AdmissionReason, RefusedKind]] = {
    AdmissionReason.DEVICE_NOT_CLEARED: "wrong_device",
    AdmissionReason.NOT_ON_LIST: "not_on_list",
    AdmissionReason.NOT_OPEN: "not_open",
    AdmissionReason.CLOSED: "not_open",
    AdmissionReason.NOT_ENROLLED_FOR_PART: "not_on_list",
    AdmissionReason.EXPELLED: "expelled",
    AdmissionReason.ALREADY_LEFT: "already_left",
    AdmissionReason.ALREADY_DELIVERED: "already_delivered",
    AdmissionReason.RUNNING_ELSEWHERE: "running_elsewhere",
    AdmissionReason.LATE: "late",
}


@dataclass(frozen=True, slots=True)
class Conditions:
    """How this PC is to run: its name in the room, costs and limits, whether a focus loss locks the screen."""

    device: str
    seat: str
    password_minimum: Cost
    free_needed: int
    locks_on_focus_loss: bool


class Conductor:
    """One candidate at a time, from log-in to the end.

    Args:
        show: draws a screen; called only when it differs from the one before.
        leave: ends the program on the authorised way (a demo window's *Leave*).
    """

    def __init__(
        self,
        conditions: Conditions,
        *,
        folder: StateFolder,
        clock: Clock,
        room: Room,
        player: Player,
        sign_report: Callable[[Progress], bytes],
        show: Callable[[Screen], None],
        leave: Callable[[], None],
    ) -> None:
        self._conditions = conditions
        self._folder = folder
        self._clock = clock
        self._room = room
        self._player = player
        self._sign_report = sign_report
        self._show = show
        self._leave = leave
        self._openings = Openings(
            folder, conditions.device, clock, free_needed=conditions.free_needed, on_trouble=self._on_disk_trouble
        )
        self._settings = Settings()
        self._draft = Draft()
        self._running: Running | None = None
        self._director: SoundDirector | None = None
        self._local: dict[tuple[str, str], KnownAttempt] = {}
        self._has_looked = False
        self._dialog: Dialog | None = None
        self._choosing_in = ""
        self._warned: tuple[int, int] | None = None
        self._welcome_until_ms = 0
        self._unsaved_since_ms: int | None = None
        self._ended_at_ms = 0
        self._gate = DayCodeGate()
        self._login_gate = DayCodeGate()
        self._staff_gate = DayCodeGate()
        self._staff_error = False
        self._alive_ms = 0
        self._volume = 7
        self._sound_check_fault = ""
        self._disk_trouble = ""
        self._edits_since_check: dict[str, int] = {}
        self._incidents: list[Incident] = []
        self._sequence = 0
        self._reported: tuple[int, object] = (0, None)
        self._taking_over = ""
        self._shown: Screen | None = None
        self._handlers: Mapping[type[intents.Intent], Callable[..., None]] = {
            intents.LogIn: self._log_in,
            intents.ConfirmName: self._confirm_name,
            intents.ChooseStandard: self._choose_standard,
            intents.PlaySoundCheck: self._play_sound_check,
            intents.AnswerSoundCheck: self._answer_sound_check,
            intents.SetVolume: self._set_volume,
            intents.TypeDayCode: self._type_day_code,
            intents.ShowPage: self._show_page,
            intents.Continue: self._continue,
            intents.Back: self._back,
            intents.Start: self._start,
            intents.SendPersonalData: self._send_personal_data,
            intents.SkipPersonalData: self._skip_personal_data,
            intents.GoTo: self._go_to,
            intents.Previous: self._previous,
            intents.Next: self._next,
            intents.Answer: self._answer,
            intents.LeaveModule: self._ask_to_leave,
            intents.ConfirmLeave: self._confirm_leave,
            intents.BackToTasks: self._back_to_tasks,
            intents.ChooseTopic: self._choose_topic,
            intents.EditText: self._edit,
            intents.KeyTimed: self._key_timed,
            intents.GoToHandIn: self._ask_to_hand_in,
            intents.HandIn: self._hand_in,
            intents.SetTextSize: self._set_text_size,
            intents.SetTheme: self._set_theme,
            intents.SetStill: self._set_still,
            intents.SetLanguage: self._set_language,
            intents.UnlockAtPc: self._unlock_at_pc,
            intents.StaffLogIn: self._staff_log_in,
            intents.Leave: self._leave_demo,
            intents.BlockedKey: self._blocked_key,
            intents.PasteRefused: self._paste_refused,
            intents.PrintRefused: self._print_refused,
        }

    # --- what drives it -----------------------------------------------------------------------------------------------

    @property
    def running(self) -> Running | None:
        """The attempt at this PC now."""
        return self._running

    @property
    def shown(self) -> Screen | None:
        """The screen on the glass."""
        return self._shown

    def wish(self, intent: intents.Intent) -> None:
        """Do what was wished for, if it holds, and show what is true then."""
        try:
            self._handlers[type(intent)](intent)
        except JournalFailedError as error:
            self._cannot_save(error)
        if not isinstance(intent, intents.KeyTimed):
            self._refresh()

    def tick(self) -> None:
        """Take in what time and the room have made true, and show it."""
        try:
            self._take_in_room()
            self._take_in_time()
        except JournalFailedError as error:
            self._cannot_save(error)
        self._report()
        self._refresh()

    def focus_lost(self, detail: str) -> None:
        """Another window came before the test: noted, and the screen locked where the programme's room is locked down."""
        running = self._running
        if running is None or running.attempt.phase is not Phase.RUNNING:
            return
        self._note("focus_lost", detail)
        if self._conditions.locks_on_focus_loss and "focus" not in running.attempt.lock_reasons:
            self._happens(events.Locked(self._now(), "focus"))
        self._refresh()

    def close(self) -> None:
        """Write what is left; the attempt goes on at the next start."""
        self._sign_out()

    # --- log-in -------------------------------------------------------------------------------------------------------

    def _log_in(self, wish: intents.LogIn) -> None:
        roster = self._roster()
        if self._running is not None or roster is None or self._login_gate.wait_ms(self._clock.boot_ms()) > 0:
            return
        candidate = roster.candidate(wish.user)
        is_right = candidate is not None and self._accepts(candidate.password, wish.password)
        if candidate is None or not is_right:
            self._wrong_log_in(wish.user, is_known=candidate is not None)
            return
        self._login_gate = DayCodeGate()
        self._settings = replace(self._folder.settings(candidate.number), language=self._settings.language)
        part = roster.next_part(candidate)
        if part is None and candidate.parts:
            self._refuse("already_delivered")
            return
        admission = roster.admission(candidate, part, is_password_right=True)
        if not admission.is_admitted or part is None:
            self._refuse(REFUSED.get(admission.reason, "not_on_list"))
            return
        self._draft = Draft()
        known = roster.attempts.get((candidate.number, part.part))
        try:
            if admission.reason is AdmissionReason.RESUMES and known is not None:
                self._go_on_with(known)
            else:
                superseded = roster.superseded(candidate.number, part.part)
                last = len(roster.orders)
                self._enter(
                    self._openings.begin(self._room.state, candidate, part, supersedes=superseded, seen_order=last)
                )
        except DiskSpaceError:
            self._refuse("disk")
        except (KioskError, SyncError) as error:
            _log.warning("no attempt could be begun: %s", error)
            self._refuse("content")

    def _wrong_log_in(self, user: str, *, is_known: bool) -> None:
        tries = self._draft.login_tries.get(user, 0) + 1
        self._draft.login_tries[user] = tries
        self._incident("login_refused")
        self._login_gate = replace(
            self._login_gate, wrong=self._login_gate.wrong + 1, last_wrong_ms=self._clock.boot_ms()
        )
        # A name typed wrongly once is a slip; typed twice it is somebody who is not on this list (reglement 4.4).
        if not is_known and tries > 1:
            self._refuse("not_on_list")
        else:
            self._draft.error = "wrong"

    def _go_on_with(self, known: KnownAttempt) -> None:
        if known.is_local and not self._is_elsewhere(known):
            self._enter(self._openings.resume(self._room.state, known.attempt))
        else:
            self._taking_over = known.attempt
            self._draft.waiting = "preparing"
            self._room.want_handover(known.attempt)

    def _is_elsewhere(self, known: KnownAttempt) -> bool:
        return known.device != self._conditions.device

    def _enter(self, running: Running) -> None:
        """Sit down at an attempt."""
        self._running = running
        self._local[running.candidate.number, running.part.part] = self._known(running)
        self._draft = Draft()
        self._dialog, self._warned, self._choosing_in = None, None, ""
        self._edits_since_check = {}
        self._gate = DayCodeGate()
        self._volume = running.attempt.volume
        self._ended_at_ms = self._clock.wall_ms()
        if running.is_resumed:
            self._settings = self._folder.settings(running.candidate.number)
        else:
            self._keep(self._settings)
        writer = running.record.writer
        self._room.watch(Watch(running.attempt.id, writer.durable_counts))
        package = running.package
        if running.attempt.rules.is_script_driven:
            self._director = SoundDirector(running.record, self._player, lambda clip: decode(package.media(clip), clip))
        if running.is_resumed and not running.attempt.has_ended:
            self._incident("restarted")
            self._welcome_until_ms = self._clock.boot_ms() + WELCOME_BACK_MS
            self._gate = DayCodeGate.after_restart(
                [False] * running.attempt.day_code_tries, now_ms=self._clock.boot_ms()
            )

    def _sign_out(self) -> None:
        """Leave the attempt: its journal is closed, and the log-in is shown."""
        running, self._running = self._running, None
        if running is None:
            return
        self._local[running.candidate.number, running.part.part] = self._known(running)
        if self._director is not None:
            self._director.close()
            self._director = None
        try:
            running.record.close()
        except JournalFailedError as error:
            _log.error("the journal could not be closed: %s", error)
        self._room.watch(None)
        self._room.hurry()
        self._draft = Draft()
        self._settings = Settings(language=self._settings.language)
        self._disk_trouble = ""

    # --- before the start ---------------------------------------------------------------------------------------------

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

    def _set_volume(self, wish: intents.SetVolume) -> None:
        self._volume = min(10, max(1, wish.volume))
        self._player.set_volume(self._volume)
        if self._running is not None and self._running.attempt.phase is Phase.RUNNING:
            self._happens(events.VolumeSet(self._now(), self._volume))

    def _type_day_code(self, wish: intents.TypeDayCode) -> None:
        running, roster = self._running, self._roster()
        if running is None or roster is None:
            return
        if len(wish.code) != 4:  # noqa: PLR2004 - reglement 4.1: four digits
            self._draft.error = "short"
            return
        now_ms = self._clock.boot_ms()
        if self._gate.wait_ms(now_ms) > 0:
            return
        if roster.admission(running.candidate, running.part, is_password_right=True).reason is AdmissionReason.LATE or (
            not roster.was_present_at_start(running.candidate.number, running.part.part)
        ):
            self._note("late", "")
            self._refuse("late")
            return
        is_right = accepts_day_code(
            wish.code,
            roster.ticket.day_codes,
            part=running.part.part,
            now_utc_ms=self._clock.wall_ms(),
            minimum=self._conditions.password_minimum,
        )
        self._happens(events.DayCodeTried(self._now(), is_right))
        self._gate = self._gate.tried(now_ms, accepted=is_right)
        self._draft.error = "" if is_right else "wrong"
        if self._gate.must_alarm:
            self._incident("day_code_refused")

    def _show_page(self, wish: intents.ShowPage) -> None:
        running, public = self._running, self._public()
        if running is None or public is None:
            return
        self._draft.page = wish.page
        self._information_shown()

    def _information_shown(self) -> None:
        """The information counts as read when its last page is on the screen."""
        running, public = self._running, self._public()
        if running is None or public is None or running.attempt.is_information_read:
            return
        texts = public.texts.get(self._settings.language, public.texts["nb"])
        last = len(texts.information.get(running.part.part, ())) - 1
        if self._draft.page >= last:
            self._happens(events.InformationRead(self._now()))

    def _continue(self, _wish: intents.Continue) -> None:
        running = self._running
        if running is None:
            self._draft.refused = None
            return
        attempt = running.attempt
        if self._welcome_until_ms > self._clock.boot_ms():
            self._welcome_until_ms = 0
        elif attempt.has_ended:
            self._continue_after_end(running)
        elif not attempt.is_name_confirmed:
            return
        else:
            self._continue_before_start(running)

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

    def _back(self, _wish: intents.Back) -> None:
        running = self._running
        if running is None or self._draft.refused is not None or self._draft.waiting == "name_wrong":
            self._sign_out()
            self._draft = Draft()
        elif not running.attempt.has_ended and question_due(running.attempt, self._draft) == "day_code":
            self._draft.back_to = "written_standard"

    def _start(self, _wish: intents.Start) -> None:
        running, roster = self._running, self._roster()
        if running is None or roster is None or not roster.is_started(running.part.part):
            return
        self._information_shown()
        if self._happens(events.Started(self._now())):
            self._show_first()

    def _show_first(self) -> None:
        """Put the first item or task of what was entered on the screen; listening does it by its script."""
        running = self._running
        if running is None or running.attempt.rules.is_script_driven:
            return
        here: tuple[str, ...] = running.attempt.items or running.attempt.tasks
        if here:
            self._happens(events.ItemShown(self._now(), here[0]))

    # --- answering ----------------------------------------------------------------------------------------------------

    def _places(self) -> tuple[str, ...]:
        running = self._running
        return () if running is None else (running.attempt.items or running.attempt.tasks)

    def _go_to(self, wish: intents.GoTo) -> None:
        self._dialog = None
        self._choosing_in = ""
        self._check_texts()
        self._happens(events.ItemShown(self._now(), wish.item))

    def _step(self, by: int) -> None:
        running = self._running
        here = self._places()
        if running is None or running.attempt.item not in here:
            return
        place = here.index(running.attempt.item) + by
        if 0 <= place < len(here):
            self._go_to(intents.GoTo(here[place]))
        elif place == len(here):
            self._dialog = ("hand_in", 1) if running.attempt.task_set is not None else ("leave", 1)

    def _previous(self, _wish: intents.Previous) -> None:
        self._step(-1)

    def _next(self, _wish: intents.Next) -> None:
        self._step(1)

    def _answer(self, wish: intents.Answer) -> None:
        self._happens(events.Answered(self._now(), wish.item, wish.response))

    def _ask_to_leave(self, _wish: intents.LeaveModule) -> None:
        if self._running is not None and self._running.attempt.phase is Phase.RUNNING:
            self._dialog = ("leave", 1)

    def _confirm_leave(self, wish: intents.ConfirmLeave) -> None:
        running = self._running
        if running is None or self._dialog != ("leave", wish.step):
            return
        if wish.step == 1:
            self._dialog = ("leave", 2)
            return
        self._dialog = None
        attempt = running.attempt
        if attempt.is_last_module:
            self._submit()
        elif attempt.module is not None and self._happens(events.ModuleLeft(self._now(), attempt.module)):
            self._show_first()

    def _back_to_tasks(self, _wish: intents.BackToTasks) -> None:
        self._dialog = None

    def _choose_topic(self, wish: intents.ChooseTopic) -> None:
        if not wish.task:
            self._choosing_in = wish.slot
        elif self._happens(events.TopicChosen(self._now(), wish.slot, wish.task)):
            self._choosing_in = ""
            self._happens(events.ItemShown(self._now(), wish.task))

    def _edit(self, wish: intents.EditText) -> None:
        running = self._running
        if running is None:
            return
        edit = events.Edited(self._now(), wish.task, wish.position, wish.deleted, wish.inserted, wish.cause)
        happened = running.record.happens_soon(edit)
        if not happened.is_true:
            _log.error("an edit of task %s was refused: %s", wish.task, happened.refused)
            self._note("edit_refused", happened.refused)
            return
        count = self._edits_since_check.get(wish.task, 0) + 1
        self._edits_since_check[wish.task] = count
        if count >= CHECKPOINT_EVERY:
            self._check_text(wish.task)

    def _check_texts(self) -> None:
        for task in [task for task, count in self._edits_since_check.items() if count]:
            self._check_text(task)

    def _check_text(self, task: str) -> None:
        running = self._running
        if running is None:
            return
        text = next((text for each, text in running.attempt.texts.items() if each == task), "")
        digest = hashlib.sha256(text.encode()).hexdigest()
        running.record.happens_soon(events.TextChecked(self._now(), task, len(text), digest))
        self._edits_since_check[task] = 0

    def _key_timed(self, wish: intents.KeyTimed) -> None:
        running = self._running
        if running is not None and "keys" in running.attempt.rules.logs:
            running.record.key_timed(wish, self._now())

    def _ask_to_hand_in(self, _wish: intents.GoToHandIn) -> None:
        running = self._running
        if running is not None and running.attempt.phase is Phase.RUNNING:
            self._dialog = ("leave", 1) if running.attempt.task_set is None else ("hand_in", 1)

    def _hand_in(self, wish: intents.HandIn) -> None:
        if self._dialog != ("hand_in", wish.step):
            return
        if wish.step == 1:
            self._dialog = ("hand_in", 2)
        else:
            self._dialog = None
            self._check_texts()
            self._submit()

    def _submit(self) -> None:
        self._happens(events.Submitted(self._now(), "candidate"))

    # --- settings -----------------------------------------------------------------------------------------------------

    def _set_text_size(self, wish: intents.SetTextSize) -> None:
        self._keep(replace(self._settings, text_size=wish.text_size))

    def _set_theme(self, wish: intents.SetTheme) -> None:
        self._keep(replace(self._settings, theme=wish.theme))

    def _set_still(self, wish: intents.SetStill) -> None:
        self._keep(replace(self._settings, is_still=wish.is_still))

    def _set_language(self, wish: intents.SetLanguage) -> None:
        self._keep(replace(self._settings, language=wish.language))

    def _keep(self, settings: Settings) -> None:
        self._settings = settings
        if self._running is not None:
            self._folder.keep_settings(self._running.candidate.number, settings)

    # --- staff and incidents ------------------------------------------------------------------------------------------

    def _unlock_at_pc(self, wish: intents.UnlockAtPc) -> None:
        if self._may_unlock_here() and self._is_staff(wish.user, wish.password):
            self._happens(events.Unlocked(self._now(), 0, wish.user))

    def _staff_log_in(self, wish: intents.StaffLogIn) -> None:
        if self._may_unlock_here() and self._is_staff(wish.user, wish.password):
            self._note("staff_at_pc", wish.user)
            self._back(intents.Back())

    def _is_staff(self, user: str, password: str) -> bool:
        roster, now_ms = self._roster(), self._clock.boot_ms()
        if roster is None or self._staff_gate.wait_ms(now_ms) > 0:
            return False
        is_right = roster.is_staff_password(user, password, self._conditions.password_minimum)
        self._staff_gate = self._staff_gate.tried(now_ms, accepted=is_right)
        self._staff_error = not is_right
        return is_right

    def _may_unlock_here(self) -> bool:
        """Only with the room page away: never a staff password on a candidate's PC while the network is there."""
        return self._clock.wall_ms() - self._room.state.contact_ms > OFFLINE_AFTER_MS

    def _leave_demo(self, _wish: intents.Leave) -> None:
        self._leave()

    def _blocked_key(self, wish: intents.BlockedKey) -> None:
        self._note("key_blocked", wish.detail)

    def _paste_refused(self, _wish: intents.PasteRefused) -> None:
        self._note("paste_refused", "")

    def _print_refused(self, wish: intents.PrintRefused) -> None:
        self._note("print_refused", wish.detail)

    # --- after the end ------------------------------------------------------------------------------------------------

    def _continue_after_end(self, running: Running) -> None:
        roster = self._roster()
        if running.attempt.phase is not Phase.SUBMITTED or roster is None:
            self._sign_out()
            return
        if not self._is_delivered(running):
            return
        part = roster.next_part(running.candidate)
        if part is None:
            self._draft.form_done = self._draft.form_done or self._form() is None
            self._draft.page = 1
            return
        candidate = running.candidate
        self._sign_out()
        admission = roster.admission(candidate, part, is_password_right=True)
        if not admission.is_admitted:
            self._refuse(REFUSED.get(admission.reason, "not_on_list"))
            return
        try:
            self._enter(
                self._openings.begin(
                    self._room.state,
                    candidate,
                    part,
                    supersedes=roster.superseded(candidate.number, part.part),
                    seen_order=len(roster.orders),
                )
            )
        except DiskSpaceError:
            self._refuse("disk")
        except (KioskError, SyncError) as error:
            _log.warning("the next part could not be begun: %s", error)
            self._refuse("content")

    def _send_personal_data(self, wish: intents.SendPersonalData) -> None:
        self._form_answered(wish.values)

    def _skip_personal_data(self, _wish: intents.SkipPersonalData) -> None:
        self._form_answered(None)

    def _form_answered(self, values: tuple[tuple[str, str], ...] | None) -> None:
        running = self._running
        if running is not None and running.attempt.has_ended and not self._draft.form_done:
            running.record.form_answered(values)
            self._draft.form_done = True
            self._room.hurry()

    # --- the room -----------------------------------------------------------------------------------------------------

    def _roster(self) -> Roster | None:
        state = self._room.state
        if state.ticket is None or state.orders is None:
            return None
        told = [each for each in state.attempts if each.device != self._conditions.device or not self._has_looked]
        ours = list(self._local.values())
        attempts = newest([*ours, *told]) if not ours else newest([*told, *ours])
        elsewhere = {
            (each.candidate, each.part): each
            for each in told
            if each.device != self._conditions.device and self._is_newer(each)
        }
        return Roster(state.ticket, self._conditions.device, state.orders.orders, {**attempts, **elsewhere})

    def _is_newer(self, told: KnownAttempt) -> bool:
        """Whether what the store tells of another PC stands over what this PC has: another attempt, or the same moved."""
        ours = self._local.get((told.candidate, told.part))
        return ours is None or ours.phase is Phase.RESET or (ours.attempt == told.attempt and ours.phase in IS_ONGOING)

    def _take_in_room(self) -> None:
        state = self._room.state
        if state.recovery is not None and not self._has_looked:
            self._has_looked = True
            self._look_for_attempts(state)
        if self._taking_over and self._taking_over in state.handovers:
            self._take_over(state)
        running, orders = self._running, state.orders
        if running is not None and orders is not None:
            for order in orders.orders[running.seen_order :]:
                self._apply(order)
        self._notice_taken_over(state)

    def _notice_taken_over(self, state: RoomState) -> None:
        """Another PC goes on with this attempt, as an order let any PC do: this one lets it go."""
        running, roster = self._running, self._roster()
        if running is None or roster is None or not roster.permits_handover(running.attempt.id):
            return
        for told in state.attempts:
            if told.attempt == running.attempt.id and told.device != self._conditions.device and not running.is_resumed:
                self._local[running.candidate.number, running.part.part] = replace(
                    self._known(running), device=told.device
                )
                self._sign_out()
                return

    def _look_for_attempts(self, state: RoomState) -> None:
        """After a restart: what lies here, and the attempt that was going on goes on by itself."""
        for known in self._openings.local_attempts(state):
            self._local[known.candidate, known.part] = known
        ongoing = [each for each in self._local.values() if each.phase in IS_ONGOING and not self._is_elsewhere(each)]
        roster = self._roster()
        if self._running is None and ongoing and roster is not None and not roster.is_moved_away(ongoing[-1].attempt):
            try:
                self._enter(self._openings.resume(state, ongoing[-1].attempt))
            except (KioskError, SyncError) as error:
                _log.warning("an attempt on this PC could not be gone on with: %s", error)
                self._refuse("content")

    def _take_over(self, state: RoomState) -> None:
        attempt, self._taking_over = self._taking_over, ""
        self._draft.waiting = None
        try:
            self._enter(self._openings.take_over(state, attempt, _signing_keys(state)))
        except (KioskError, SyncError) as error:
            _log.warning("an attempt could not be taken over: %s", error)
            self._refuse("running_elsewhere")

    def _apply(self, order: Order) -> None:
        """Let an order take effect on the present attempt, once; journalled first, then acknowledged."""
        running = self._running
        if running is None:
            return
        self._running = replace(running, seen_order=order.number)
        if order.kind == "start_part" and order.part == running.part.part:
            self._warn_without_sound_check(running)
        event = self._event_of(order, running)
        if event is not None:
            if not running.record.happens_before_due(event).is_true:
                self._note(ORDER_SEEN, str(order.number))
            elif running.attempt.has_ended:
                self._part_ended(running)
        elif order.candidate == running.candidate.number:
            self._note(ORDER_SEEN, str(order.number))
        state = self._room.state
        if state.ticket is not None:
            self._room.acknowledge(state.ticket.sitting, order.number, self._clock.wall_ms())
        if order.kind == "permit_handover" and order.data.get("attempt") == running.attempt.id:
            self._moved_away(order)

    def _warn_without_sound_check(self, running: Running) -> None:
        """Listening is to start and nobody has heard the sound here: the test leader is told (reglement 3.14)."""
        if "sound_check" in running.attempt.missing_before_start:
            self._note("sound_check_failed", "not passed at the start")

    def _event_of(self, order: Order, running: Running) -> Event | None:
        if order.candidate != running.candidate.number or order.part not in {"", running.part.part}:
            return None
        now_ms = self._now()
        if order.kind == "extra_time":
            return events.ExtraTimeGiven(now_ms, int(order.data.get("extra_ms", 0)), order.number)
        if order.kind == "unlock":
            return events.Unlocked(now_ms, order.number, order.by)
        if order.kind == "expel":
            return events.Expelled(now_ms, order.number)
        if order.kind == "left_alone":
            return events.LeftAlone(now_ms, order.number)
        if order.kind == "reset" and order.data.get("attempt") in {running.attempt.id, None, ""}:
            return events.ResetByOrder(now_ms, order.number)
        return None

    def _moved_away(self, order: Order) -> None:
        running = self._running
        if running is not None and order.data.get("to_device", "") not in {"", self._conditions.device}:
            self._local[running.candidate.number, running.part.part] = replace(
                self._known(running), device=str(order.data["to_device"])
            )
            self._sign_out()

    # --- time ---------------------------------------------------------------------------------------------------------

    def _take_in_time(self) -> None:
        running = self._running
        if running is None:
            rendering = self._player.rendering()
            if rendering is not None and rendering.is_ended:
                self._player.stop()
            return
        was_over = running.attempt.has_ended
        if self._clock.boot_ms() - self._alive_ms >= ALIVE_EVERY_MS:
            self._alive_ms = self._clock.boot_ms()
            self._folder.keep_alive(running.attempt.id, running.record.now_ms())
        for event in running.record.take_in_due():
            if isinstance(event, events.Warned):
                self._warned = (event.left_ms, self._clock.boot_ms() + WARNING_STANDS_MS)
        if self._director is not None and running.attempt.phase is Phase.RUNNING and not self._is_welcoming():
            self._director.tick()
            if self._director.fault:
                self._incident("sound_fault")
        elif self._director is None:
            self._watch_sound_check()
        if running.attempt.has_ended and not was_over:
            self._part_ended(running)
        if self._warned is not None and self._clock.boot_ms() > self._warned[1]:
            self._warned = None

    def _watch_sound_check(self) -> None:
        rendering = self._player.rendering()
        if rendering is not None and rendering.fault:
            self._player.stop()
            self._player.close()
            self._sound_failed(SoundError(rendering.fault))

    def _is_welcoming(self) -> bool:
        return self._welcome_until_ms > self._clock.boot_ms()

    def _part_ended(self, running: Running) -> None:
        self._dialog = None
        self._ended_at_ms = self._clock.wall_ms()
        running.record.flush_keys()
        running.record.writer.commit()
        self._local[running.candidate.number, running.part.part] = self._known(running)
        if self._director is not None:
            self._director.close()
            self._director = None
        self._room.hurry()

    def _now(self) -> int:
        return 0 if self._running is None else self._running.record.now_ms()

    def _happens(self, event: Event) -> bool:
        """Journal a fact and make it true; False when the engine refuses it."""
        running = self._running
        if running is None:
            return False
        was_over = running.attempt.has_ended
        happened = running.record.happens(event)
        if not happened.is_true:
            _log.info("%s was refused: %s", type(event).__name__, happened.refused)
        if running.attempt.has_ended and not was_over:
            self._part_ended(running)
        return happened.is_true

    def _note(self, kind: str, detail: str) -> None:
        """Journal an incident and tell the room of it."""
        self._incident(kind)
        if self._running is not None and not self._running.attempt.has_ended:
            self._running.record.happens_soon(events.IncidentNoted(self._now(), kind, detail))

    def _incident(self, kind: str) -> None:
        if kind != ORDER_SEEN and not any(each.kind == kind for each in self._incidents[-3:]):
            self._incidents.append(Incident(kind=kind, at_ms=self._now()))
            del self._incidents[:-32]
            self._reported = (0, None)

    def _refuse(self, kind: RefusedKind) -> None:
        self._draft = Draft(refused=kind)
        self._incident(f"refused_{kind}")

    def _cannot_save(self, error: JournalFailedError) -> None:
        """Nothing can be journalled any more: the screen is locked, the test leader told; what is durable stays so."""
        _log.error("the journal failed: %s", error)
        self._disk_trouble = "failed"
        self._incident("cannot_save")

    def _on_disk_trouble(self, trouble: JournalTrouble) -> None:
        """Called by the journal's thread: the disk failed once and a new segment was begun, or nothing helped."""
        if trouble.kind == "failed":
            self._disk_trouble = "failed"
        self._incidents.append(Incident(kind="disk_trouble", at_ms=0))

    # --- reports ------------------------------------------------------------------------------------------------------

    def _report(self) -> None:
        """Tell the room how far this PC is: when something changed, and every few seconds."""
        state, now_ms = self._room.state, self._clock.boot_ms()
        if state.ticket is None:
            return
        running = self._running
        attempt = None if running is None else running.attempt
        told = (
            None
            if attempt is None
            else (
                attempt.id,
                attempt.phase,
                attempt.module,
                attempt.task_number,
                attempt.is_locked,
                attempt.deadline_ms,
            ),
            self._is_delivered(running) if running is not None else False,
            len(self._incidents),
            self._draft.refused,
        )
        if told == self._reported[1] and now_ms - self._reported[0] < REPORT_EVERY_MS:
            return
        self._reported = (now_ms, told)
        self._room.report(self._sign_report(self._progress(state, running)))

    def _progress(self, state: RoomState, running: Running | None) -> Progress:
        assert state.ticket is not None
        # Rises over restarts too: the wall clock in milliseconds, and never less than one above the last.
        self._sequence = max(self._sequence + 1, self._clock.wall_ms())
        base = Progress(
            sitting=state.ticket.sitting,
            device=self._conditions.device,
            sequence=self._sequence,
            at_utc_ms=self._clock.wall_ms(),
            phase="refused" if self._draft.refused else "waiting",
            last_contact_utc_ms=state.contact_ms,
            incidents=tuple(self._incidents),
        )
        if running is None:
            return base
        attempt = running.attempt
        receipted = state.delivered.get(attempt.id)
        return base.model_copy(
            update={
                "phase": attempt.phase.value,
                "attempt": attempt.id,
                "candidate": running.candidate.number,
                "part": running.part.part,
                "module_number": attempt.module_number,
                "task_number": attempt.task_number,
                "task_count": len(self._places()),
                "left_ms": attempt.left_ms(self._now()),
                "is_locked": attempt.is_locked,
                "is_delivered": self._is_delivered(running),
                "last_order": running.seen_order,
                "records_durable": 0 if receipted is None else receipted.delivered.records,
                "records_delivered": 0 if receipted is None else receipted.delivered.received,
                "head": running.record.writer.head,
            }
        )

    def _is_delivered(self, running: Running) -> bool:
        """Whether the store has receipted everything up to the end of the part."""
        receipted = self._room.state.delivered.get(running.attempt.id)
        if receipted is None or not running.attempt.has_ended:
            return False
        return receipted.covers(running.record.writer.durable_counts())

    # --- screens ------------------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
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
        if running is None:
            return self._screen_without_candidate()
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
        if roster is None or (roster.is_open and not self._has_looked):
            return WaitScreen(settings=self._settings, foot=foot, reason="preparing")
        if roster.is_closed:
            return EndScreen(settings=self._settings, foot=foot, kind="closed")
        if not roster.is_open:
            return WaitScreen(settings=self._settings, foot=foot, reason="not_open")
        # The first wrong tries cost nothing; then the waiting time doubles.
        gate = self._login_gate
        wait_ms = gate.wait_ms(self._clock.boot_ms()) if gate.wrong > 2 else 0  # noqa: PLR2004
        return LoginScreen(
            settings=self._settings,
            foot=foot,
            error="wrong" if self._draft.error == "wrong" else "",
            wait_s=-(-wait_ms // 1000),
        )

    def _question_screen(self, running: Running) -> StartScreen | Screen:
        attempt = running.attempt
        question = question_due(attempt, self._draft)
        if question == "information":
            self._information_shown()
            attempt = running.attempt
        roster, public = self._roster(), self._public()
        if public is None:
            return WaitScreen(settings=self._settings, foot=self._seat().foot(), reason="preparing")
        return question_screen(
            attempt,
            self._draft,
            question=question,
            seat=self._seat(),
            settings=self._settings,
            public=public,
            name=running.candidate.name,
            volume=self._volume,
            rendering=self._player.rendering(),
            is_silent=bool(self._sound_check_fault),
            wait_ms=self._gate.wait_ms(self._clock.boot_ms()),
            is_started_in_room=roster is not None and roster.is_started(running.part.part),
        )

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
        if self._draft.page and form is not None:
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

    # --- small things -------------------------------------------------------------------------------------------------

    def _seat(self) -> Seat:
        running = self._running
        if running is None:
            return Seat(self._conditions.seat, "", "")
        name = running.candidate.name
        number = running.candidate.number
        title = part_title(running.package.programme, running.part.part, self._settings.language)
        return Seat(self._conditions.seat, f"{name} · {number}" if name else number, title)

    def _public(self) -> PublicContent | None:
        running = self._running
        return None if running is None else running.package.public

    def _form(self) -> PersonalDataForm | None:
        public = self._public()
        if public is None:
            return None
        return public.texts.get(self._settings.language, public.texts["nb"]).personal_data

    def _accepts(self, verifier: str, password: str) -> bool:
        try:
            return PasswordVerifier.parse(verifier, self._conditions.password_minimum).accepts(password)
        except SyncError as error:
            _log.warning("a verifier in the ticket is not usable: %s", error)
            return False

    def _known(self, running: Running) -> KnownAttempt:
        return KnownAttempt(
            running.attempt.id,
            running.candidate.number,
            running.part.part,
            self._conditions.device,
            running.attempt.phase,
            is_local=True,
        )


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


def _signing_keys(state: RoomState) -> Mapping[str, VerifyKey]:
    """The signing keys of the room's PCs, from the ticket."""
    if state.ticket is None:
        return {}
    return {each.device: VerifyKey.from_hex(each.signing) for each in state.ticket.signing_keys}
