"""How an attempt comes to this PC: begun here, gone on with after a restart, or taken over from another PC."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engine.attempt import Attempt, Given, replay
from engine.events import AttemptBegun, IncidentNoted, Resumed
from engine.state import Phase
from kiosk.clock import Anchor, AttemptClock
from kiosk.errors import SetUpError
from kiosk.record import AttemptRecord
from kiosk.roster import KnownAttempt
from sync.bundle import AttemptBundle, keep_handed_over, read_envelopes, read_journal
from sync.journal import attempts_in
from sync.keys import BoxPublic
from sync.segment import Binding, recovery_opener, recovery_recipient
from sync.writer import JournalWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from itembank.package import Package
    from kiosk.clock import Clock
    from kiosk.folder import StateFolder
    from kiosk.room import RoomState
    from sync.keys import BoxKey, VerifyKey
    from sync.ticket import Ticket, TicketCandidate, TicketPart
    from sync.writer import Disk, JournalTrouble

ORDER_SEEN = "order"
"""Kind of the incident that journals an order with no effect on the attempt, so that it never takes effect later."""


@dataclass(frozen=True, slots=True)
class Running:
    """An attempt at this PC: whose, in what part, from which package.

    ``seen_order`` is the last order it knows of, ``entered_order`` the last there was when this run sat down at it.
    """

    record: AttemptRecord
    package: Package
    candidate: TicketCandidate
    part: TicketPart
    seen_order: int
    entered_order: int
    is_resumed: bool

    @property
    def attempt(self) -> Attempt:
        """The attempt now."""
        return self.record.attempt


class Openings:
    """Begins and goes on with attempts of one sitting, on one PC."""

    def __init__(
        self,
        folder: StateFolder,
        device: str,
        clock: Clock,
        *,
        disk: Disk,
        on_trouble: Callable[[JournalTrouble], None],
    ) -> None:
        self._folder = folder
        self._files = folder.files
        self._device = device
        self._clock = clock
        self._disk = disk
        self._on_trouble = on_trouble

    def local_attempts(self, room: RoomState) -> tuple[KnownAttempt, ...]:
        """The attempts of the sitting that have journals on this PC and can be opened, by when they began."""
        found = [self._known(bundle, room) for bundle in self._bundles(room)]
        known = [each for each in found if each is not None]
        return tuple(attempt for _, attempt in sorted(known, key=lambda pair: pair[0]))

    def begin(
        self, room: RoomState, candidate: TicketCandidate, part: TicketPart, *, supersedes: str, seen_order: int
    ) -> Running:
        """A new attempt; its first fact is durable when this returns.

        Raises:
            SetUpError: the package for the part is not open here.
            DiskSpaceError: too little disk is free.
        """
        package = self._package(room, part)
        form = package.form_for(part.part, part.level or None, 1 if supersedes and _has_spare(package, part) else 0)
        given = Given.of(package.programme, package.forms[form])
        attempt = uuid.uuid4().hex
        clock = AttemptClock.begin(self._clock)
        record = self._record(room, given, attempt, package, clock, after=None)
        record.happens(
            AttemptBegun(
                at_ms=0,
                attempt=attempt,
                sitting=_ticket(room).sitting,
                candidate=candidate.number,
                programme=package.programme.id,
                programme_version=package.programme.version,
                release=package.release_id,
                part=part.part,
                form=form,
                extra_ms=part.accommodation_ms,
                supersedes=supersedes,
                device=self._device,
            )
        )
        # Orders before this attempt are not its own: a restart must not apply them to it.
        record.happens_soon(IncidentNoted(record.now_ms(), ORDER_SEEN, str(seen_order)))
        return Running(record, package, candidate, part, seen_order, seen_order, is_resumed=False)

    def resume(self, room: RoomState, attempt: str) -> Running:
        """Go on with an attempt after the program or the PC was down.

        Raises:
            SetUpError: the journal cannot be opened, or its package or candidate is not here.
        """
        bundle = read_journal(self._folder.journals, attempt, recovery_opener(_recovery(room)), files=self._files)
        return self._go_on(room, bundle, is_handover=False)

    def take_over(self, room: RoomState, attempt: str, devices: Mapping[str, VerifyKey]) -> Running:
        """Go on with an attempt from the envelopes that another PC sent.

        Raises:
            SetUpError: as `resume`.
        """
        opener = recovery_opener(_recovery(room))
        envelopes = room.handovers[attempt]
        bundle = read_envelopes(envelopes, opener, devices, attempt=attempt)
        keep_handed_over(self._folder.journals, envelopes, devices, attempt=attempt, files=self._files)
        return self._go_on(room, bundle, is_handover=True)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _go_on(self, room: RoomState, bundle: AttemptBundle, *, is_handover: bool) -> Running:
        begun = _begun(bundle)
        if begun is None:
            raise SetUpError(
                what=f"Nothing of attempt {bundle.attempt} can be read", remedy="Tell the test leader; keep this PC."
            )
        candidate = next((each for each in _ticket(room).candidates if each.number == begun.candidate), None)
        part = next((each for each in candidate.parts if each.part == begun.part), None) if candidate else None
        if candidate is None or part is None:
            raise SetUpError(
                what="The candidate of a journal on this PC is not in the sitting", remedy="Tell the test leader."
            )
        package = self._package(room, part)
        given = Given.of(package.programme, package.forms[begun.form])
        attempt = replay(given, bundle.events).attempt
        anchor = None if is_handover else self._folder.anchor(bundle.attempt)
        if anchor is None or anchor.boot_id != self._clock.boot_id():
            anchor = Anchor(attempt.at_ms, 0, bundle.last_utc_ms, "")
        clock = AttemptClock.resume(self._clock, anchor, attempt.at_ms)
        record = self._record(room, given, bundle.attempt, package, clock, after=bundle, attempt=attempt)
        if not attempt.has_ended:
            now_ms = record.now_ms()
            lived_ms = 0 if is_handover else self._folder.lived_until(bundle.attempt)
            down_ms = now_ms - min(now_ms, max(lived_ms, attempt.at_ms))
            record.happens_before_due(Resumed(now_ms, down_ms, self._device))
        known = 0 if room.orders is None else room.orders.last_number
        return Running(record, package, candidate, part, _last_order(bundle), known, is_resumed=True)

    def _record(
        self,
        room: RoomState,
        given: Given,
        attempt_id: str,
        package: Package,
        clock: AttemptClock,
        *,
        after: AttemptBundle | None,
        attempt: Attempt | None = None,
    ) -> AttemptRecord:
        ticket = _ticket(room)
        # The recovery key is the one the authority's grant named; a ticket that names another one is not believed.
        recovery = _recovery(room).public
        if recovery != BoxPublic.from_hex(ticket.recovery_public):
            raise SetUpError(
                what="The ticket names another recovery key than the grant", remedy="Tell the test leader."
            )
        writer = JournalWriter.begin(
            self._folder.journals,
            Binding(ticket.sitting, attempt_id, self._device, package.release_id),
            (*package.manifest.results.recipients(), recovery_recipient(recovery)),
            now_utc_ms=self._clock.wall_ms,
            on_trouble=self._on_trouble,
            disk=self._disk if after is None else replace(self._disk, free_needed=0),
            after=None if after is None else after.recovered(),
        )
        self._folder.keep_anchor(attempt_id, clock.anchor)
        return AttemptRecord(attempt or Attempt.waiting(given), writer, clock, self._clock.wall_ms)

    def _bundles(self, room: RoomState) -> list[AttemptBundle]:
        if room.recovery is None:
            return []
        opener = recovery_opener(room.recovery)
        journals = self._folder.journals
        return [
            read_journal(journals, attempt, opener, files=self._files)
            for attempt in attempts_in(journals, files=self._files)
        ]

    def _known(self, bundle: AttemptBundle, room: RoomState) -> tuple[int, KnownAttempt] | None:
        begun = _begun(bundle)
        if begun is None or begun.sitting != _ticket(room).sitting or begun.release not in room.packages:
            return None
        package = room.packages[begun.release]
        attempt = replay(Given.of(package.programme, package.forms[begun.form]), bundle.events).attempt
        known = KnownAttempt(
            begun.attempt,
            begun.candidate,
            begun.part,
            str(attempt.device or begun.device),
            attempt.phase,
            is_local=True,
            seen_order=_last_order(bundle),
        )
        return bundle.facts[0].utc_ms, known

    def _package(self, room: RoomState, part: TicketPart) -> Package:
        for release in _ticket(room).releases:
            if (release.programme, release.part) == (part.programme, part.part) and release.release in room.packages:
                return room.packages[release.release]
        raise SetUpError(
            what=f"The test package for {part.part} is not open on this PC", remedy="Wait, or use another PC."
        )


def _begun(bundle: AttemptBundle) -> AttemptBegun | None:
    first = bundle.events[0] if bundle.events else None
    return first if isinstance(first, AttemptBegun) else None


def _last_order(bundle: AttemptBundle) -> int:
    """The newest order that the attempt's facts name."""
    numbers = [int(getattr(event, "order", 0)) for event in bundle.events]
    noted = [
        int(event.detail)
        for event in bundle.events
        if isinstance(event, IncidentNoted) and event.kind == ORDER_SEEN and event.detail.isdigit()
    ]
    return max([*numbers, *noted], default=0)


def _has_spare(package: Package, part: TicketPart) -> bool:
    return any(use.part == part.part and use.spare == 1 and use.level in {None, part.level} for use in package.uses)


def _ticket(room: RoomState) -> Ticket:
    if room.ticket is None:
        raise SetUpError(what="This PC has no ticket for a sitting yet", remedy="Connect it to the store.")
    return room.ticket


def _recovery(room: RoomState) -> BoxKey:
    if room.recovery is None:
        raise SetUpError(what="The sitting is not open on this PC", remedy="Wait until the test leader opens it.")
    return room.recovery


IS_ONGOING = frozenset({Phase.LOGGED_IN, Phase.READY, Phase.RUNNING})
"""Phases in which an attempt goes on after a restart."""
