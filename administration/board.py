"""Who needs the test leader first: status, group and order of every seat. Pure functions on the store's values.

A seat's status is the first row of `_RULES` that is true. The order is look.md §6: what needs the leader now by level
and by who has waited longest, then what to keep an eye on, then the others by seat.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum
from typing import Final

from centralstore.records import Board, EntryView, ExitView, OrderView, PartView, ProgressView, SeatView, SittingView
from centralstore.words import Attendance, OrderKind, SittingState
from engine.state import Phase

WEAK_CONTACT_MS: Final = 10_000
LOST_CONTACT_MS: Final = 30_000
NOT_STARTED_MS: Final = 5 * 60_000
LONG_UNDELIVERED_MS: Final = 10 * 60_000
LOW_TIME_MS: Final = 5 * 60_000
WINDOW_SHOWN_MS: Final = 5 * 60_000
"""How long a lost window focus that did not lock the screen stands in *Følg med*."""

CROWD: Final = 6
"""From so many on, and when they are at least half, seats of one state become one line (look.md §6)."""

MINUTE_MS: Final = 60_000

ENDS: Final = frozenset({Phase.SUBMITTED.value, Phase.EXPELLED.value, Phase.LEFT.value})
REJECTED: Final = frozenset({Attendance.REJECTED_ID, Attendance.REJECTED_LATE, Attendance.REJECTED_FEE})
BEFORE_START: Final = frozenset({"", Phase.WAITING.value, Phase.LOGGED_IN.value, Phase.READY.value})

CANNOT_SAVE: Final = frozenset({"cannot_save", "disk_trouble"})
SOUND_FAULTS: Final = frozenset({"sound_fault", "sound_check_failed"})
REFUSALS: Final = frozenset({"login_refused", "day_code_refused", "name_wrong"})


class Group(IntEnum):
    """Where a tile stands on the page, top to bottom."""

    NEED = 0
    FOLLOW = 1
    RUNNING = 2
    WAITING = 3
    DONE = 4


class Sign(Enum):
    """The shape beside the status word: a state is never told by colour alone."""

    TRIANGLE = "triangle"
    PADLOCK = "padlock"
    WAVES = "waves"
    ARROW_UP = "arrow-up"
    DOOR = "door"
    CLOCK = "clock"
    RING = "ring"
    DISC = "disc"
    TICK = "tick"
    DASH = "dash"


class Colour(Enum):
    """The token of look.md §2 for sign and word."""

    BAD = "bad"
    WARN = "warn"
    QUIET = "ink2"
    ACCENT = "accent"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Look:
    """How a status is shown and ordered; ``level`` orders inside the group, 1 first."""

    group: Group
    level: int
    sign: Sign
    colour: Colour


class Status(Enum):
    """What is to be known of a seat."""

    CANNOT_SAVE = "cannot_save"
    SOUND_FAULT = "sound_fault"
    LOCKED = "locked"
    NO_CONTACT = "no_contact"
    RESTARTED = "restarted"
    REFUSED = "refused"
    NOT_STARTED = "not_started"
    UNDELIVERED = "undelivered"
    LOW_TIME = "low_time"
    OUT = "out"
    WAITING_DELIVERY = "waiting_delivery"
    WEAK_CONTACT = "weak_contact"
    OTHER_WINDOW = "other_window"
    NOT_LOGGED_IN = "not_logged_in"
    RUNNING = "running"
    LOGGED_IN = "logged_in"
    READY = "ready"
    EXPECTED = "expected"
    DELIVERED = "delivered"
    NO_SHOW = "no_show"
    REJECTED = "rejected"
    LEFT = "left"
    EXPELLED = "expelled"
    NOT_ENROLLED = "not_enrolled"


LOOKS: Final[Mapping[Status, Look]] = {
    Status.CANNOT_SAVE: Look(Group.NEED, 1, Sign.TRIANGLE, Colour.BAD),
    Status.SOUND_FAULT: Look(Group.NEED, 1, Sign.TRIANGLE, Colour.BAD),
    Status.LOCKED: Look(Group.NEED, 2, Sign.PADLOCK, Colour.BAD),
    Status.NO_CONTACT: Look(Group.NEED, 3, Sign.WAVES, Colour.BAD),
    Status.RESTARTED: Look(Group.NEED, 4, Sign.TRIANGLE, Colour.WARN),
    Status.REFUSED: Look(Group.NEED, 5, Sign.TRIANGLE, Colour.WARN),
    Status.NOT_STARTED: Look(Group.NEED, 5, Sign.TRIANGLE, Colour.WARN),
    Status.UNDELIVERED: Look(Group.NEED, 6, Sign.ARROW_UP, Colour.WARN),
    Status.LOW_TIME: Look(Group.FOLLOW, 1, Sign.CLOCK, Colour.WARN),
    Status.OUT: Look(Group.FOLLOW, 2, Sign.DOOR, Colour.WARN),
    Status.WAITING_DELIVERY: Look(Group.FOLLOW, 3, Sign.ARROW_UP, Colour.WARN),
    Status.WEAK_CONTACT: Look(Group.FOLLOW, 4, Sign.WAVES, Colour.WARN),
    Status.OTHER_WINDOW: Look(Group.FOLLOW, 5, Sign.TRIANGLE, Colour.WARN),
    Status.NOT_LOGGED_IN: Look(Group.FOLLOW, 6, Sign.TRIANGLE, Colour.WARN),
    Status.RUNNING: Look(Group.RUNNING, 1, Sign.DISC, Colour.ACCENT),
    Status.LOGGED_IN: Look(Group.WAITING, 1, Sign.RING, Colour.QUIET),
    Status.READY: Look(Group.WAITING, 1, Sign.RING, Colour.QUIET),
    Status.EXPECTED: Look(Group.WAITING, 1, Sign.DASH, Colour.QUIET),
    Status.DELIVERED: Look(Group.DONE, 1, Sign.TICK, Colour.OK),
    Status.NO_SHOW: Look(Group.DONE, 1, Sign.DASH, Colour.QUIET),
    Status.REJECTED: Look(Group.DONE, 1, Sign.DASH, Colour.QUIET),
    Status.LEFT: Look(Group.DONE, 1, Sign.DASH, Colour.QUIET),
    Status.EXPELLED: Look(Group.DONE, 1, Sign.DASH, Colour.QUIET),
    Status.NOT_ENROLLED: Look(Group.DONE, 1, Sign.DASH, Colour.QUIET),
}
"""Sign and colour by look.md §6; the order by its paragraph "Order" and the picture."""

CROWDING: Final = (Status.NO_CONTACT, Status.LOW_TIME, Status.WAITING_DELIVERY, Status.WEAK_CONTACT)
"""States that many share at once when the network is down or the time is nearly out."""

FirstSeen = Callable[[str, int], int]
"""(what, suggestion in UTC ms) → when it was first seen, UTC ms."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What all seats of a room share now; times are UTC milliseconds.

    ``unlocked_ms`` by candidate: the last unlock order; ``out_ms`` by candidate: since when they are out with an
    invigilator.
    """

    part: str
    started_ms: int
    now_ms: int
    is_open: bool
    unlocked_ms: Mapping[str, int] = field(default_factory=dict[str, int])
    out_ms: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Tile:
    """A seat as the room page shows it. ``name`` "" = protected identity; ``since_ms`` 0 = not told.

    ``left_minutes`` counts extra time in and is None where no limit runs; ``lock_cause`` is an incident's code.
    """

    candidate: str
    seat: int
    name: str
    extra_minutes: int
    status: Status
    since_ms: int
    group: Group
    task: int
    module: int
    left_minutes: int | None
    lock_cause: str
    attendance: Attendance
    order: tuple[int, int] = (0, 0)

    @property
    def look(self) -> Look:
        """Sign, colour and place of its status."""
        return LOOKS[self.status]


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many seats share a state that it is told once."""

    status: Status
    count: int


@dataclass(frozen=True, slots=True)
class RoomView:
    """The whole page: tiles in order, what many share, and the room's line."""

    part: str
    started_ms: int
    ends_ms: int
    tiles: tuple[Tile, ...]
    crowds: tuple[Crowd, ...]
    now_ms: int

    def in_group(self, group: Group) -> tuple[Tile, ...]:
        """The tiles of one group in their order."""
        return tuple(tile for tile in self.tiles if tile.group is group)

    def by_seat(self) -> tuple[Tile, ...]:
        """The room's seating."""
        return tuple(sorted(self.tiles, key=lambda tile: tile.seat))

    def count(self, status: Status) -> int:
        """How many seats have a status."""
        return sum(tile.status is status for tile in self.tiles)


def moment_of(board: Board, orders: Iterable[OrderView], exits: Iterable[ExitView]) -> Moment:
    """What all seats share, from the store's views."""
    part = shown_part(board)
    return Moment(
        part=part.part if part is not None else "",
        started_ms=part.started_ms if part is not None else 0,
        now_ms=board.now_ms,
        is_open=board.sitting.state is SittingState.OPENED,
        unlocked_ms={order.candidate: order.at_ms for order in orders if order.kind is OrderKind.UNLOCK},
        out_ms={each.candidate: each.out_ms for each in exits if each.invigilator and not each.back_ms},
    )


def coming_part(sitting: SittingView) -> PartView | None:
    """The first part that has not been started; None when all have."""
    return next((part for part in sitting.parts if not part.started_ms), None)


def shown_part(board: Board) -> PartView | None:
    """The part the page is about: the started one until everyone has ended it, then the coming one."""
    current = next((part for part in board.sitting.parts if part.part == board.sitting.current_part), None)
    coming = coming_part(board.sitting)
    if current is None or coming is None:
        return current or coming
    underway = [seat for seat in board.seats if _is_underway(seat, current.part)]
    in_it = any(_phase(seat, current.part) for seat in underway)
    at_next = any(_phase(seat, coming.part) for seat in board.seats)
    return current if in_it or (underway and not at_next) else coming


def room_view(board: Board, moment: Moment, first_seen: FirstSeen) -> RoomView:
    """The room page of this moment.

    Args:
        board: the store's view of the sitting.
        moment: as from `moment_of`.
        first_seen: remembers when a state was first seen; asked with a key that is the state's own.
    """
    tiles = [_tile(seat, moment, first_seen) for seat in board.seats]
    crowds = _crowds(tiles)
    crowded = {crowd.status for crowd in crowds}
    placed = [replace(tile, group=Group.RUNNING) if tile.status in crowded else tile for tile in tiles]
    return RoomView(
        part=moment.part,
        started_ms=moment.started_ms,
        ends_ms=max((_end_ms(seat, moment) for seat in board.seats), default=0),
        tiles=tuple(sorted(placed, key=_place)),
        crowds=crowds,
        now_ms=moment.now_ms,
    )


def left_ms(progress: ProgressView, now_ms: int) -> int | None:
    """What is left of a running part now; None where no limit runs. The report's own age is taken off."""
    if progress.left_ms is None:
        return None
    return max(0, progress.left_ms - max(0, now_ms - progress.received_ms))


def minutes_left(milliseconds: int | None) -> int | None:
    """Whole minutes, rounded up: "0" is said only when the time is out."""
    return None if milliseconds is None else -(-milliseconds // MINUTE_MS)


def entry_of(seat: SeatView, part: str) -> EntryView | None:
    """The candidate's entry to a part; None when not enrolled for it."""
    return next((entry for entry in seat.entries if entry.part == part), None)


def progress_of(seat: SeatView, part: str) -> ProgressView | None:
    """The newest report, if it is about this part."""
    return seat.progress if seat.progress is not None and seat.progress.part == part else None


# --- one seat ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Case:
    """One seat with what concerns the shown part taken out."""

    seat: SeatView
    entry: EntryView
    progress: ProgressView | None
    moment: Moment
    first_seen: FirstSeen

    @property
    def phase(self) -> str:
        return self.entry.phase

    @property
    def is_running(self) -> bool:
        return self.phase == Phase.RUNNING.value

    @property
    def silence_ms(self) -> int:
        """How long the PC has been silent; 0 when nothing is to be expected from it."""
        if self.progress is None or self.phase in ENDS:
            return 0
        return self.moment.now_ms - self.progress.received_ms

    def incident(self, kinds: frozenset[str]) -> tuple[str, int] | None:
        """The newest incident of these kinds."""
        found = [each for each in self.progress.incidents if each[0] in kinds] if self.progress is not None else []
        return found[-1] if found else None

    def since(self, what: str) -> int:
        """When this was first seen; at the latest when the newest report came."""
        suggestion = self.progress.received_ms if self.progress is not None else self.moment.now_ms
        return self.first_seen(f"{self.seat.candidate}/{self.entry.part}/{self.entry.attempt}/{what}", suggestion)

    def open_incident(self, kinds: frozenset[str]) -> int:
        """When an incident that the leader has not answered with an unlock was first seen; 0 = there is none."""
        found = self.incident(kinds)
        if found is None or self.phase in ENDS:
            return 0
        since = self.since(f"{found[0]}@{found[1]}")
        return since if self.moment.unlocked_ms.get(self.seat.candidate, -1) < since else 0


def _attendance(case: _Case) -> tuple[Status, int] | None:
    match case.seat.attendance:
        case Attendance.NO_SHOW:
            return Status.NO_SHOW, 0
        case Attendance.REJECTED_ID | Attendance.REJECTED_LATE | Attendance.REJECTED_FEE:
            return Status.REJECTED, 0
        case Attendance.EXPECTED | Attendance.PRESENT:
            return None


def _ended(case: _Case) -> tuple[Status, int] | None:
    if case.phase == Phase.EXPELLED.value:
        return Status.EXPELLED, case.since("expelled")
    if case.phase == Phase.LEFT.value:
        return Status.LEFT, case.since("left")
    if case.phase != Phase.SUBMITTED.value:
        return None
    ended_ms = case.since("submitted")
    if case.entry.is_delivered:
        return Status.DELIVERED, ended_ms
    is_long = case.moment.now_ms - ended_ms > LONG_UNDELIVERED_MS
    return (Status.UNDELIVERED if is_long else Status.WAITING_DELIVERY), ended_ms


def _fault(case: _Case) -> tuple[Status, int] | None:
    for status, kinds in ((Status.CANNOT_SAVE, CANNOT_SAVE), (Status.SOUND_FAULT, SOUND_FAULTS)):
        since = case.open_incident(kinds)
        if since:
            return status, since
    return None


def _locked(case: _Case) -> tuple[Status, int] | None:
    if case.progress is None or not case.progress.is_locked:
        return None
    return Status.LOCKED, case.since(f"locked@{case.moment.unlocked_ms.get(case.seat.candidate, 0)}")


def _silent(case: _Case) -> tuple[Status, int] | None:
    if case.progress is None or case.silence_ms <= LOST_CONTACT_MS:
        return None
    return Status.NO_CONTACT, case.progress.received_ms


def _restarted(case: _Case) -> tuple[Status, int] | None:
    since = case.open_incident(frozenset({"restarted"}))
    return (Status.RESTARTED, since) if since else None


def _refused(case: _Case) -> tuple[Status, int] | None:
    since = case.open_incident(REFUSALS) if case.phase in BEFORE_START else 0
    return (Status.REFUSED, since) if since else None


def _not_started(case: _Case) -> tuple[Status, int] | None:
    moment = case.moment
    is_late = moment.started_ms and moment.now_ms - moment.started_ms > NOT_STARTED_MS
    if is_late and case.phase in BEFORE_START and case.seat.attendance is Attendance.PRESENT:
        return Status.NOT_STARTED, moment.started_ms
    return None


def _out(case: _Case) -> tuple[Status, int] | None:
    return (Status.OUT, case.moment.out_ms.get(case.seat.candidate, 0)) if case.seat.is_out else None


def _low_time(case: _Case) -> tuple[Status, int] | None:
    left = left_ms(case.progress, case.moment.now_ms) if case.progress is not None else None
    return (Status.LOW_TIME, 0) if case.is_running and left is not None and left <= LOW_TIME_MS else None


def _weak(case: _Case) -> tuple[Status, int] | None:
    if case.progress is None or case.silence_ms <= WEAK_CONTACT_MS:
        return None
    return Status.WEAK_CONTACT, case.progress.received_ms


def _other_window(case: _Case) -> tuple[Status, int] | None:
    since = case.open_incident(frozenset({"focus_lost"})) if case.is_running else 0
    return (Status.OTHER_WINDOW, since) if since and case.moment.now_ms - since <= WINDOW_SHOWN_MS else None


def _steady(case: _Case) -> tuple[Status, int] | None:
    if case.is_running:
        return Status.RUNNING, 0
    if case.phase == Phase.READY.value:
        return Status.READY, 0
    if case.phase == Phase.LOGGED_IN.value:
        return Status.LOGGED_IN, 0
    if case.seat.attendance is Attendance.PRESENT and case.moment.is_open:
        return Status.NOT_LOGGED_IN, 0
    return Status.EXPECTED, 0


_RULES: Final[Sequence[Callable[[_Case], tuple[Status, int] | None]]] = (
    _attendance, _ended, _fault, _locked, _silent, _restarted, _refused, _not_started, _out, _low_time, _weak,
    _other_window, _steady,
)  # fmt: skip


def _status(case: _Case) -> tuple[Status, int]:
    for rule in _RULES:
        found = rule(case)
        if found is not None:
            return found
    return Status.EXPECTED, 0


def _tile(seat: SeatView, moment: Moment, first_seen: FirstSeen) -> Tile:
    entry, progress = entry_of(seat, moment.part), progress_of(seat, moment.part)
    if entry is None:
        status, since_ms = Status.NOT_ENROLLED, 0
        left, cause = None, None
    else:
        case = _Case(seat, entry, progress, moment, first_seen)
        status, since_ms = _status(case)
        left = left_ms(progress, moment.now_ms) if progress is not None and case.is_running else None
        cause = case.incident(frozenset({"focus_lost", "key_blocked"}))
    minutes = minutes_left(left)
    waited = since_ms if LOOKS[status].group is Group.NEED else 0
    return Tile(
        candidate=seat.candidate,
        seat=seat.seat,
        name=seat.name,
        extra_minutes=(seat.extra_ms + (entry.accommodation_ms if entry is not None else 0)) // MINUTE_MS,
        status=status,
        since_ms=since_ms,
        group=LOOKS[status].group,
        task=progress.task_number if progress is not None else 0,
        module=progress.module_number if progress is not None else 0,
        left_minutes=minutes,
        lock_cause=cause[0] if cause is not None else "",
        attendance=seat.attendance,
        order=(LOOKS[status].level, minutes or 0 if status is Status.LOW_TIME else waited),
    )


# --- all seats --------------------------------------------------------------------------------------------------------


def _place(tile: Tile) -> tuple[int, int, int, int]:
    level, waited = tile.order if tile.group in {Group.NEED, Group.FOLLOW} else (0, 0)
    return (tile.group, level, waited, tile.seat)


def _crowds(tiles: Sequence[Tile]) -> tuple[Crowd, ...]:
    counts = Counter(tile.status for tile in tiles)
    active = sum(tile.group is not Group.DONE for tile in tiles)
    return tuple(
        Crowd(status, counts[status]) for status in CROWDING if counts[status] >= CROWD and 2 * counts[status] >= active
    )


def _is_underway(seat: SeatView, part: str) -> bool:
    """Whether this part still concerns somebody: in the room, enrolled, and not wholly through with it."""
    entry = entry_of(seat, part)
    if entry is None or entry.is_delivered or seat.attendance in REJECTED | {Attendance.NO_SHOW}:
        return False
    if not entry.phase:
        return seat.attendance is Attendance.PRESENT
    return entry.phase not in {Phase.EXPELLED.value, Phase.LEFT.value}


def _phase(seat: SeatView, part: str) -> str:
    entry = entry_of(seat, part)
    return entry.phase if entry is not None else ""


def _end_ms(seat: SeatView, moment: Moment) -> int:
    progress, entry = progress_of(seat, moment.part), entry_of(seat, moment.part)
    if progress is None or entry is None or entry.phase != Phase.RUNNING.value:
        return 0
    left = left_ms(progress, moment.now_ms)
    return moment.now_ms + left if left is not None else 0
