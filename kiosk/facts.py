"""Facts: making them true and durable, noting incidents, and telling the room how far this PC is."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from engine import events
from engine.events import Event
from kiosk.openings import ORDER_SEEN, Running
from kiosk.standing import standing
from sync.errors import JournalFailedError
from sync.progress import Incident, Progress

if TYPE_CHECKING:
    from kiosk.room import RoomState
    from kiosk.roster import KnownAttempt

from kiosk.desk import Desk, LeftBehind

_log = logging.getLogger(__name__)

REPORT_EVERY_MS: Final = 5_000
REPORTS: Final = "reports"
KEPT_AHEAD: Final = 3_600_000
"""Numbers of reports are milliseconds of the wall clock: an hour of them is claimed on the disk at a time."""


class Facts(Desk):
    """What happens is journalled by the engine's leave, and reported."""

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
        """Tell what happened to whoever sits here; where nobody does, `standing` tells what is so."""
        if self._running is None or kind == ORDER_SEEN:
            return
        if not any(each.kind == kind for each in self._incidents[-3:]):
            self._incidents.append(Incident(kind=kind, at_ms=self._now()))
            del self._incidents[:-32]
            self._reported = (0, None)

    def _notice_end(self) -> None:
        """A part may end with any fact, also one that only brought along what time had made true."""
        running = self._running
        if running is not None and running.attempt.has_ended:
            known = self._local.get((running.candidate.number, running.part.part))
            if known is None or known.phase is not running.attempt.phase:
                self._part_ended(running)

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

    def _cannot_save(self, error: JournalFailedError) -> None:
        """Nothing can be journalled any more: the screen is locked, the test leader told; what is durable stays so."""
        _log.error("the journal failed: %s", error)
        self._disk_trouble = "failed"
        self._incident("cannot_save")

    def _information_shown(self) -> None:
        """The information counts as read when its last page is on the screen."""
        running, public = self._running, self._public()
        if running is None or public is None or running.attempt.is_information_read:
            return
        texts = public.texts.get(self._settings.language, public.texts["nb"])
        last = len(texts.information.get(running.part.part, ())) - 1
        if self._draft.page >= last:
            self._happens(events.InformationRead(self._now()))

    def _report(self) -> None:
        """Tell the room how far this PC is: when something changed, and every few seconds."""
        state, now_ms = self._room.state, self._clock.boot_ms()
        if state.ticket is None:
            return
        self._report_left(state)
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
            len(self._incidents) if running is not None else self._standing(state),
        )
        if told == self._reported[1] and now_ms - self._reported[0] < REPORT_EVERY_MS:
            return
        self._reported = (now_ms, told)
        progress = self._progress(state, state.ticket.sitting, running)
        self._room.report(self._sign_report(progress), progress.attempt)

    def _leave_behind(self, running: Running) -> None:
        """An ended attempt that nobody sits at any more: it is told of until the store has all of it."""
        ticket = self._room.state.ticket
        if ticket is not None and running.attempt.has_ended:
            progress = self._progress(self._room.state, ticket.sitting, running)
            self._left[progress.attempt] = LeftBehind(progress, running.record.writer.durable_counts())

    def _left_by_earlier_run(self, state: RoomState, known: KnownAttempt) -> None:
        """The program was stopped after the end of an attempt, perhaps before the room was told of it."""
        if state.ticket is not None:
            progress = self._progress(state, state.ticket.sitting, None).model_copy(
                update={
                    "phase": known.phase.value,
                    "attempt": known.attempt,
                    "candidate": known.candidate,
                    "part": known.part,
                    "incidents": (),
                }
            )
            self._left[known.attempt] = LeftBehind(progress, {})
            self._room.follow(known.attempt)

    def _report_left(self, state: RoomState) -> None:
        """Tell of ended attempts that nobody sits at: a report may have been waiting for the network, or a restart.

        A store that was restored from a backup may have lost what it was told: it is told once more.
        """
        if state.compared != self._compared:
            self._compared = state.compared
            self._left.update({each: replace(left, told=None) for each, left in self._delivered_left.items()})
        for attempt, left in tuple(self._left.items()):
            receipted = state.delivered.get(attempt)
            records = 0 if receipted is None else receipted.delivered.records
            received = 0 if receipted is None else receipted.delivered.received
            is_delivered = receipted is not None and receipted.covers(left.durable)
            if left.told == (records, received, is_delivered):
                continue
            progress = left.progress.model_copy(
                update={
                    "sequence": self._next_sequence(),
                    "at_utc_ms": self._clock.wall_ms(),
                    "records_durable": records,
                    "records_delivered": received,
                    "is_delivered": is_delivered,
                }
            )
            self._room.report(self._sign_report(progress), attempt)
            if is_delivered:
                self._delivered_left[attempt] = self._left.pop(attempt)
            else:
                self._left[attempt] = replace(left, told=(records, received, is_delivered))

    def _next_sequence(self) -> int:
        """Rises with every report, over restarts and whatever the wall clock does: a step ahead of it is kept."""
        self._sequence = max(self._sequence + 1, self._clock.wall_ms())
        if self._sequence >= self._sequence_kept:
            self._sequence = max(self._sequence, self._folder.high_water().get(REPORTS, 0))
            self._sequence_kept = self._sequence + KEPT_AHEAD
            with contextlib.suppress(OSError):
                self._folder.keep_high_water(REPORTS, self._sequence_kept)
        return self._sequence

    def _standing(self, state: RoomState) -> tuple[str, ...]:
        return standing(state, self._login_gate, refused=self._draft.refused, now_ms=self._clock.boot_ms())

    def _told_of_pc(self, state: RoomState) -> tuple[Incident, ...]:
        """What a report without a candidate says of this PC."""
        kinds = (*self._standing(state), *(("disk_low",) if self._is_disk_low() else ()))
        return tuple(Incident(kind=kind, at_ms=0) for kind in kinds)

    def _is_disk_low(self) -> bool:
        """Whether no attempt could be begun here for want of room."""
        try:
            return self._folder.files.free_bytes(self._folder.journals) < self._conditions.free_needed
        except OSError as error:
            _log.warning("how much room the disk has is not known: %s", error)
            return False

    def _progress(self, state: RoomState, sitting: str, running: Running | None) -> Progress:
        base = Progress(
            sitting=sitting,
            device=self._conditions.device,
            sequence=self._next_sequence(),
            at_utc_ms=self._clock.wall_ms(),
            phase="refused" if self._draft.refused else "waiting",
            last_contact_utc_ms=state.contact_ms,
            incidents=tuple(self._incidents) if running is not None else self._told_of_pc(state),
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
