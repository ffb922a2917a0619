"""The desk: what one seat's screen needs besides the truth, and what can be read off it. Nothing is decided here."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from engine.state import Phase
from kiosk.director import SoundDirector
from kiosk.openings import IS_ONGOING, Openings, Running
from kiosk.present import Seat
from kiosk.roster import KnownAttempt, Roster, newest, part_title
from kiosk.screens import (
    Screen,
    Settings,
)
from kiosk.starting import Draft
from kiosk.tries import DayCodeTries
from sync.daycode import DayCodeGate
from sync.mirror import MirrorDisk, MirroredFiles
from sync.progress import Incident, Progress
from sync.threads import SystemThreads, Threads
from sync.writer import Disk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from itembank.content import PersonalDataForm, PublicContent
    from kiosk.clock import Clock
    from kiosk.folder import StateFolder
    from kiosk.room import Room
    from kiosk.sound import Player
    from sync.files import Files
    from sync.passwords import Cost
    from sync.writer import JournalTrouble


_log = logging.getLogger(__name__)

FREE_LOGIN_TRIES: Final = 2
OFFLINE_AFTER_MS: Final = 30_000
"""Without contact for so long the room page is away, and staff may unlock at the PC."""

Dialog = tuple[Literal["leave", "hand_in"], Literal[1, 2]]


@dataclass(frozen=True, slots=True)
class Conditions:
    """How this PC is to run: its name in the room, costs and limits, whether a focus loss locks the screen.

    ``mirror``: a folder on another disk or a stick, for a second copy of every journal file (PROTOCOL.md P41).
    """

    device: str
    seat: str
    password_minimum: Cost
    free_needed: int
    locks_on_focus_loss: bool
    text_size: int = 100
    mirror: Path | None = None
    threads: Threads = field(default_factory=SystemThreads)


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """An ended attempt that nobody sits at: what is told of it, which records must be receipted, what was told last."""

    progress: Progress
    durable: Mapping[str, int]
    told: tuple[int, int, bool] | None = None


class Desk:
    """State and reads that the layers share: `kiosk.facts`, `kiosk.showing`, `kiosk.answering`, `kiosk.conductor`.

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
            folder,
            conditions.device,
            clock,
            disk=Disk(files=self._journal_files(), free_needed=conditions.free_needed, threads=conditions.threads),
            on_trouble=self._on_disk_trouble,
        )
        self._settings = Settings(text_size=conditions.text_size)
        self._draft = Draft()
        self._running: Running | None = None
        self._director: SoundDirector | None = None
        self._local: dict[tuple[str, str], KnownAttempt] = {}
        self._left: dict[str, LeftBehind] = {}
        self._delivered_left: dict[str, LeftBehind] = {}
        self._compared = 0
        self._has_looked = False
        self._sitting = ""
        self._dialog: Dialog | None = None
        self._choosing_in = ""
        self._warned: tuple[int, int] | None = None
        self._welcome_until_ms = 0
        self._unsaved_since_ms: int | None = None
        self._ended_at_ms = 0
        self._tries = DayCodeTries(folder)
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
        self._sequence_kept = 0
        self._reported: tuple[int, object] = (0, None)
        self._taking_over = ""
        self._shown: Screen | None = None

    @property
    def running(self) -> Running | None:
        """The attempt at this PC now."""
        return self._running

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
        """Whether what the store tells of another PC stands over what this PC has."""
        ours = self._local.get((told.candidate, told.part))
        return ours is None or ours.phase is Phase.RESET or (ours.attempt == told.attempt and ours.phase in IS_ONGOING)

    def _is_elsewhere(self, known: KnownAttempt) -> bool:
        return known.device != self._conditions.device

    def _login_wait_ms(self) -> int:
        """The first wrong tries cost nothing; then the waiting time doubles."""
        gate = self._login_gate
        return gate.wait_ms(self._clock.boot_ms()) if gate.wrong > FREE_LOGIN_TRIES else 0

    def _is_welcoming(self) -> bool:
        return self._welcome_until_ms > self._clock.boot_ms()

    def _now(self) -> int:
        return 0 if self._running is None else self._running.record.now_ms()

    def _is_delivered(self, running: Running) -> bool:
        """Whether the store has receipted everything up to the end of the part."""
        receipted = self._room.state.delivered.get(running.attempt.id)
        if receipted is None or not running.attempt.has_ended:
            return False
        return receipted.covers(running.record.writer.durable_counts())

    def _may_unlock_here(self) -> bool:
        """Only with the room page away: never a staff password on a candidate's PC while the network is there."""
        return self._clock.wall_ms() - self._room.state.contact_ms > OFFLINE_AFTER_MS

    def _places(self) -> tuple[str, ...]:
        running = self._running
        return () if running is None else (running.attempt.items or running.attempt.tasks)

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

    def _known(self, running: Running) -> KnownAttempt:
        return KnownAttempt(
            running.attempt.id,
            running.candidate.number,
            running.part.part,
            self._conditions.device,
            running.attempt.phase,
            is_local=True,
        )

    def _journal_files(self) -> Files:
        """Where journals are written: this PC's disk, and behind it the mirror when there is one."""
        mirror, files = self._conditions.mirror, self._folder.files
        if mirror is None:
            return files
        return MirroredFiles(files, mirror, on_lost=self._on_mirror_lost, second=MirrorDisk())

    def _on_mirror_lost(self, cause: str) -> None:
        """Called by the mirror's thread: the second copy ends here, the first goes on alone."""
        _log.warning("the mirror %s is lost: %s", self._conditions.mirror, cause)
        self._incidents.append(Incident(kind="mirror_lost", at_ms=0))

    def _on_disk_trouble(self, trouble: JournalTrouble) -> None:
        """Called by the journal's thread: the disk failed once and a new segment was begun, or nothing helped."""
        if trouble.kind == "failed":
            self._disk_trouble = "failed"
        self._incidents.append(Incident(kind="disk_trouble", at_ms=0))
