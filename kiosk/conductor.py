"""The conductor: connects clock, engine, journal, orders, sound and screens, and decides what a wish comes to.

It owns no truth: what is true of an attempt is the engine's, what is true of the room is `kiosk.room`'s. It keeps only
what a screen needs besides: which question stands open, which page is read, what was typed wrongly. Two calls on one
thread drive it: `wish` (something was done at the screen) and `tick` (time went on, or the room has news).
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from engine import events
from engine.admission import AdmissionReason
from engine.events import Event
from engine.state import Phase
from kiosk import intents
from kiosk.desk import Conditions
from kiosk.director import SoundDirector
from kiosk.errors import KioskError, SoundError
from kiosk.openings import IS_ONGOING, ORDER_SEEN, Running
from kiosk.preparing import Preparing
from kiosk.room import Watch
from kiosk.roster import KnownAttempt
from kiosk.screens import (
    PersonalDataScreen,
    RefusedKind,
    Screen,
    Settings,
)
from kiosk.sound import decode
from kiosk.starting import Draft, question_due
from sync.daycode import DayCodeGate
from sync.errors import DiskSpaceError, JournalFailedError, SyncError
from sync.keys import VerifyKey
from sync.passwords import PasswordVerifier
from sync.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kiosk.clock import Clock
    from kiosk.folder import StateFolder
    from kiosk.room import Room, RoomState
    from kiosk.sound import Player
    from sync.orders import Order

_log = logging.getLogger(__name__)

WELCOME_BACK_MS: Final = 3_000
WARNING_STANDS_MS: Final = 20_000
ALIVE_EVERY_MS: Final = 500
"""How often it is noted that the program lives: at most so much of a listening step is given back after a restart."""


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


class Conductor(Preparing):
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
        super().__init__(
            conditions,
            folder=folder,
            clock=clock,
            room=room,
            player=player,
            sign_report=sign_report,
            show=show,
            leave=leave,
        )
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
            intents.Leave: self._leave_program,
            intents.BlockedKey: self._blocked_key,
            intents.PasteRefused: self._paste_refused,
            intents.PrintRefused: self._print_refused,
        }

    # --- what drives it -----------------------------------------------------------------------------------------------

    def wish(self, intent: intents.Intent) -> None:
        """Do what was wished for, if it holds, and show what is true then."""
        try:
            self._handlers[type(intent)](intent)
            self._notice_end()
        except JournalFailedError as error:
            self._cannot_save(error)
        # The editor shows its own text; word counts and the saved sign follow at the next tick.
        if not isinstance(intent, intents.KeyTimed | intents.EditText):
            self._refresh()

    def tick(self) -> None:
        """Take in what time and the room have made true, and show it."""
        try:
            self._take_in_room()
            self._take_in_time()
            self._notice_end()
        except JournalFailedError as error:
            self._cannot_save(error)
        self._report()
        self._refresh()

    def focus_lost(self, detail: str) -> None:
        """Another window came before the test: noted, and the screen locked where the PC is locked down."""
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
        if self._running is not None or roster is None or self._login_wait_ms() > 0:
            return
        candidate = roster.candidate(wish.user)
        if candidate is None and roster.staff(wish.user) is not None and self._may_unlock_here():
            self._staff_log_in(intents.StaffLogIn(wish.user, wish.password))
            return
        is_right = candidate is not None and self._accepts(candidate.password, wish.password)
        if candidate is None or not is_right:
            self._wrong_log_in(wish.user, is_known=candidate is not None)
            return
        self._login_gate = DayCodeGate()
        kept = self._folder.settings(candidate.number, self._settings)
        self._settings = replace(kept, language=self._settings.language)
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

    def _enter(self, running: Running) -> None:
        """Sit down at an attempt."""
        self._running = running
        self._local[running.candidate.number, running.part.part] = self._known(running)
        self._draft = Draft()
        self._dialog, self._warned, self._choosing_in = None, None, ""
        self._edits_since_check = {}
        self._volume = running.attempt.volume
        self._ended_at_ms = self._clock.wall_ms()
        if running.is_resumed:
            self._settings = self._folder.settings(running.candidate.number, self._settings)
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
        attempt = running.attempt
        tries = 0 if attempt.is_day_code_accepted else attempt.day_code_tries
        self._tries.enter(self._sitting, attempt.id, journalled=tries, now_ms=self._clock.boot_ms())
        if self._tries.must_alarm:
            self._incident("day_code_refused")

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
        self._leave_behind(running)
        self._room.watch(None)
        self._room.hurry()
        self._draft = Draft()
        self._settings = Settings(text_size=self._conditions.text_size)
        # Nothing of one candidate is told or shown under the next one's name.
        self._incidents.clear()
        self._sound_check_fault = ""
        self._staff_error, self._staff_gate = False, DayCodeGate()
        self._welcome_until_ms = 0
        self._warned = None
        self._disk_trouble = ""

    # --- before the start ---------------------------------------------------------------------------------------------

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

    def _back(self, _wish: intents.Back) -> None:
        running = self._running
        if running is None or self._draft.refused is not None or self._draft.waiting in {"name_wrong", "staff_here"}:
            self._sign_out()
            self._draft = Draft()
        elif not running.attempt.has_ended and question_due(running.attempt, self._draft) == "day_code":
            self._draft.back_to = "written_standard"

    # --- staff and incidents ------------------------------------------------------------------------------------------

    def _unlock_at_pc(self, wish: intents.UnlockAtPc) -> None:
        if self._may_unlock_here() and self._is_staff(wish.user, wish.password):
            self._happens(events.Unlocked(self._now(), 0, wish.user))

    def _staff_log_in(self, wish: intents.StaffLogIn) -> None:
        """Staff at this PC while the room page is away: back to the log-in, or out of the program."""
        if self._may_unlock_here() and self._is_staff(wish.user, wish.password):
            self._note("staff_at_pc", wish.user)
            self._sign_out()
            self._draft = Draft(waiting="staff_here")
        else:
            self._draft.error = "wrong"

    def _is_staff(self, user: str, password: str) -> bool:
        roster, now_ms = self._roster(), self._clock.boot_ms()
        if roster is None or self._staff_gate.wait_ms(now_ms) > 0:
            return False
        is_right = roster.is_staff_password(user, password, self._conditions.password_minimum)
        self._staff_gate = self._staff_gate.tried(now_ms, accepted=is_right)
        self._staff_error = not is_right
        return is_right

    def _leave_program(self, _wish: intents.Leave) -> None:
        """Out of the program: from a window, at the end of a sitting, or by staff who logged in here."""
        roster = self._roster()
        is_over = self._running is None and roster is not None and roster.is_closed
        if not self._conditions.locks_on_focus_loss or is_over or self._draft.waiting == "staff_here":
            self._leave()

    def _continue_after_end(self, running: Running) -> None:
        roster = self._roster()
        if running.attempt.phase is not Phase.SUBMITTED or roster is None or self._draft.form_done:
            self._sign_out()
            return
        if not self._is_delivered(running):
            return
        part = roster.next_part(running.candidate)
        if part is None:
            self._draft.form_done = self._draft.form_done or self._form() is None
            self._draft.shows_form = True
            return
        candidate = running.candidate
        self._sign_out()
        admission = roster.admission(candidate, part, is_password_right=True)
        if not admission.is_admitted:
            self._refuse(REFUSED.get(admission.reason, "not_on_list"))
            return
        known = roster.attempts.get((candidate.number, part.part))
        try:
            if admission.reason is AdmissionReason.RESUMES and known is not None:
                self._go_on_with(known)
                return
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

    def _take_in_room(self) -> None:
        state = self._room.state
        if state.ticket is not None and state.ticket.sitting != self._sitting:
            self._sitting, self._has_looked = state.ticket.sitting, False
            self._local.clear()
        if state.is_list_expired:
            self._incident("list_expired")
        if any(each.delivered.conflicts for each in state.delivered.values()):
            self._incident("delivery_conflict")
        if state.recovery is not None and not self._has_looked:
            self._has_looked = True
            self._look_for_attempts(state)
        if self._taking_over and self._taking_over in state.handovers:
            self._take_over(state)
        self._leave_if_closed()
        running, orders = self._running, state.orders
        begun = None if running is None else running.attempt.begun
        if running is not None and orders is not None and begun is not None and orders.sitting == begun.sitting:
            self._let_go_if_ordered(running)
            for order in orders.orders[running.seen_order :]:
                self._apply(order)

    def _leave_if_closed(self) -> None:
        """When the sitting is CLOSED, an attempt that has ended is left, and with it what was opened for it."""
        running, roster = self._running, self._roster()
        if running is None or roster is None or not roster.is_closed or not running.attempt.has_ended:
            return
        if not isinstance(self._shown, PersonalDataScreen):
            self._sign_out()

    def _look_for_attempts(self, state: RoomState) -> None:
        """After a restart: what lies here, and the attempt that was going on goes on by itself."""
        for known in self._openings.local_attempts(state):
            self._local[known.candidate, known.part] = known
            if known.phase not in IS_ONGOING and not self._is_elsewhere(known):
                self._left_by_earlier_run(state, known)
        ongoing = [each for each in self._local.values() if each.phase in IS_ONGOING and not self._is_elsewhere(each)]
        roster = self._roster()
        if roster is not None:
            ongoing = [each for each in ongoing if roster.lets_go(each.attempt, each.seen_order) is None]
        if self._running is None and ongoing and roster is not None:
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
        if order.kind == "unlock" and order.candidate == running.candidate.number:
            self._lift_tries(self._tries.overridden)
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

    def _warn_without_sound_check(self, running: Running) -> None:
        """Listening is to start and nobody has heard the sound here: the test leader is told (reglement 3.14)."""
        if "sound_check" in running.attempt.missing_before_start:
            self._note("sound_check_failed", "not passed at the start")

    def _event_of(self, order: Order, running: Running) -> Event | None:
        if order.candidate != running.candidate.number or order.part not in {"", running.part.part}:
            return None
        if order.kind == "reset" and order.data.get("attempt") != running.attempt.id:
            return None
        now_ms = self._now()
        effects: dict[str, Event] = {
            "extra_time": events.ExtraTimeGiven(now_ms, int(order.data.get("extra_ms", 0)), order.number),
            "unlock": events.Unlocked(now_ms, order.number, order.by),
            "expel": events.Expelled(now_ms, order.number),
            "left_alone": events.LeftAlone(now_ms, order.number),
            "reset": events.ResetByOrder(now_ms, order.number),
        }
        return effects.get(order.kind)

    def _let_go_if_ordered(self, running: Running) -> None:
        """The attempt goes on at another PC: this one leaves it, and does not note the order in its journal."""
        roster = self._roster()
        if roster is None or running.attempt.has_ended:
            return
        order = roster.lets_go(running.attempt.id, running.entered_order)
        if order is None:
            return
        elsewhere = str(order.data.get("to_device", ""))
        known = replace(self._known(running), device=elsewhere or self._conditions.device, is_local=not elsewhere)
        self._sign_out()
        self._local[running.candidate.number, running.part.part] = known
        self._room.acknowledge(roster.ticket.sitting, order.number, self._clock.wall_ms())

    # --- time ---------------------------------------------------------------------------------------------------------

    def _take_in_time(self) -> None:
        running = self._running
        if running is None:
            rendering = self._player.rendering()
            if rendering is not None and rendering.is_ended:
                self._player.stop()
            return
        was_over = running.attempt.has_ended
        self._note_alive(running)
        for event in running.record.take_in_due():
            if isinstance(event, events.Warned):
                self._warned = (event.left_ms, self._clock.boot_ms() + WARNING_STANDS_MS)
        self._direct_sound(running)
        if running.attempt.has_ended and not was_over:
            self._part_ended(running)
        if self._warned is not None and self._clock.boot_ms() > self._warned[1]:
            self._warned = None

    def _note_alive(self, running: Running) -> None:
        if self._clock.boot_ms() - self._alive_ms >= ALIVE_EVERY_MS:
            self._alive_ms = self._clock.boot_ms()
            self._folder.keep_alive(running.attempt.id, running.record.now_ms())

    def _direct_sound(self, running: Running) -> None:
        if self._director is None:
            self._watch_sound_check()
        elif running.attempt.phase is Phase.RUNNING and not self._is_welcoming():
            self._director.tick()
            if self._director.fault:
                self._incident("sound_fault")

    def _watch_sound_check(self) -> None:
        rendering = self._player.rendering()
        if rendering is not None and rendering.fault:
            self._player.stop()
            self._player.close()
            self._sound_failed(SoundError(rendering.fault))

    def _accepts(self, verifier: str, password: str) -> bool:
        try:
            return PasswordVerifier.parse(verifier, self._conditions.password_minimum).accepts(password)
        except SyncError as error:
            _log.warning("a verifier in the ticket is not usable: %s", error)
            return False


def _signing_keys(state: RoomState) -> Mapping[str, VerifyKey]:
    """The signing keys of the room's PCs, from the ticket."""
    if state.ticket is None:
        return {}
    return {each.device: VerifyKey.from_hex(each.signing) for each in state.ticket.signing_keys}
