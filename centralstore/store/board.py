"""Where every candidate of a sitting is: from signed progress, kept envelopes and orders. Answers are never needed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from centralstore.records import Board, ConflictView, EntryView, PcView, ProgressView, SeatView
from centralstore.rights import Actor
from centralstore.store.keeper import Keeper
from centralstore.store.planning import get_sitting, sitting_view
from centralstore.tables import (
    Candidate,
    Conflict,
    Device,
    Enrolment,
    Exit,
    GivenOrder,
    KeptEnvelope,
    KeptProgress,
    OrderAck,
    PcReport,
    Place,
)
from centralstore.words import Attendance, DeviceState, OrderKind
from engine.state import Phase
from sync.orders import SignedOrder
from sync.progress import Progress

BEFORE_START = frozenset({Phase.LOGGED_IN.value, Phase.READY.value})
ENDS = frozenset({Phase.SUBMITTED.value, Phase.EXPELLED.value, Phase.LEFT.value})
ENDING_ORDERS: Mapping[str, str] = {
    OrderKind.EXPEL.value: Phase.EXPELLED.value,
    OrderKind.LEFT_ALONE.value: Phase.LEFT.value,
}
"""An order ends a part here at once; the PC may hear of it later."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far one candidate is with one part. ``attempt`` "" = the store has not heard of one that counts."""

    attempt: str
    phase: str
    recorded: int
    kept: int
    progress: ProgressView | None

    @property
    def is_running(self) -> bool:
        """Whether the part has begun and not ended."""
        return self.phase == Phase.RUNNING.value

    @property
    def is_delivered(self) -> bool:
        """Whether the part has ended and every record its PC names is kept here."""
        return self.phase in ENDS and self.recorded > 0 and self.kept >= self.recorded


NOWHERE = Standing("", "", 0, 0, None)


class Boards(Keeper):
    """The room page's data."""

    def board(self, actor: Actor, sitting: str) -> Board:
        """The sitting and all its seats now. Wait on ``bell`` topic "room/<sitting>" for the next version.

        Raises:
            NoRightError: another room's or site's; logged.
        """
        self._look(actor, sitting)
        version = self.bell.version(f"room/{sitting}")

        def work(session: Session) -> Board:
            view = sitting_view(session, get_sitting(session, sitting))
            return Board(view, _seats(session, sitting), self.now_ms(), version, _pcs(session, sitting))

        return self._read(work)

    def conflicts(self, actor: Actor, sitting: str) -> tuple[ConflictView, ...]:
        """Envelopes that claimed a place that another one had."""
        self._look(actor, sitting)

        def work(session: Session) -> tuple[ConflictView, ...]:
            rows = session.exec(select(Conflict).where(Conflict.sitting == sitting).order_by(col(Conflict.id))).all()
            return tuple(
                ConflictView(
                    row.attempt, row.segment, row.device, row.first, row.last,
                    row.stored_sha256, row.offered_sha256, row.at_ms,
                )
                for row in rows
            )  # fmt: skip

        return self._read(work)


# --- asked by the other parts of the store ----------------------------------------------------------------------------


def standings(session: Session, sitting: str) -> Mapping[tuple[str, str], Standing]:
    """The standing of every candidate and part that the store has heard of, by (candidate, part)."""
    reset, ended = _order_effects(session, sitting)
    kept = _kept_records(session, sitting)
    query = select(KeptProgress).where(KeptProgress.sitting == sitting).order_by(col(KeptProgress.received_ms))
    found: dict[tuple[str, str], Standing] = {}
    for row in session.exec(query).all():
        if row.attempt not in reset and row.phase != Phase.RESET.value:
            found[row.candidate, row.part] = _standing(row, kept.get(row.attempt, 0))
    return {key: _with_order(standing, key, ended) for key, standing in found.items()}


def standing(session: Session, sitting: str, candidate: str, part: str) -> Standing:
    """How far a candidate is with a part."""
    return standings(session, sitting).get((candidate, part), NOWHERE)


def is_running(session: Session, sitting: str, candidate: str, part: str) -> bool:
    """Whether a candidate's part has begun and not ended."""
    return standing(session, sitting, candidate, part).is_running


def is_delivered(session: Session, sitting: str, candidate: str, part: str) -> bool:
    """Whether a candidate's part has ended and is wholly kept here."""
    return standing(session, sitting, candidate, part).is_delivered


def attempt_of(session: Session, sitting: str, candidate: str, part: str) -> str:
    """The attempt that counts for a candidate's part; "" when the store has heard of none."""
    return standing(session, sitting, candidate, part).attempt


def running_candidates(session: Session, sitting: str) -> list[str]:
    """The numbers of the candidates who have begun a part and not ended it."""
    return sorted({candidate for (candidate, _), found in standings(session, sitting).items() if found.is_running})


# --- how it is put together -------------------------------------------------------------------------------------------


def _standing(row: KeptProgress, kept: int) -> Standing:
    told = Progress.model_validate_json(row.data)
    view = ProgressView(
        attempt=row.attempt,
        part=row.part,
        device=row.device,
        phase=row.phase,
        module_number=told.module_number,
        task_number=told.task_number,
        task_count=told.task_count,
        left_ms=told.left_ms,
        is_locked=told.is_locked,
        at_ms=told.at_utc_ms,
        received_ms=row.received_ms,
        recorded=told.records_durable,
        kept=kept,
        incidents=tuple((incident.kind, incident.at_ms) for incident in told.incidents),
    )
    return Standing(row.attempt, row.phase, told.records_durable, kept, view)


def _with_order(found: Standing, key: tuple[str, str], ended: Mapping[tuple[str, str], str]) -> Standing:
    candidate, part = key
    phase = ended.get((candidate, part)) or ended.get((candidate, ""))
    if phase is None or found.phase in ENDS:
        return found
    return Standing(found.attempt, phase, found.recorded, found.kept, found.progress)


def _order_effects(session: Session, sitting: str) -> tuple[set[str], dict[tuple[str, str], str]]:
    """Attempts that were reset, and parts ended by order as (candidate, part) → phase."""
    kinds = (OrderKind.RESET.value, *ENDING_ORDERS)
    query = select(GivenOrder).where(GivenOrder.sitting == sitting, col(GivenOrder.kind).in_(kinds))
    reset: set[str] = set()
    ended: dict[tuple[str, str], str] = {}
    for row in session.exec(query.order_by(col(GivenOrder.number))).all():
        if row.kind == OrderKind.RESET.value:
            reset.add(str(SignedOrder.model_validate_json(row.data).order.data.get("attempt", "")))
            ended.pop((row.candidate, row.part), None)
        else:
            ended[row.candidate, row.part] = ENDING_ORDERS[row.kind]
    return reset, ended


def _kept_records(session: Session, sitting: str) -> Mapping[str, int]:
    """Records kept of each attempt; overlapping envelopes count once."""
    query = select(KeptEnvelope.attempt, KeptEnvelope.segment, KeptEnvelope.first, KeptEnvelope.last)
    ranges: defaultdict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for attempt, segment, first, last in session.exec(query.where(KeptEnvelope.sitting == sitting)).all():
        ranges[attempt, segment].append((first, last))
    kept: defaultdict[str, int] = defaultdict(int)
    for (attempt, _), spans in ranges.items():
        kept[attempt] += covered(spans)
    return kept


def covered(spans: Iterable[tuple[int, int]]) -> int:
    """How many numbers lie in at least one of the spans, both ends included."""
    count, reached = 0, -1
    for first, last in sorted(spans):
        count += max(0, last - max(first, reached + 1) + 1)
        reached = max(reached, last)
    return count


def _seats(session: Session, sitting: str) -> tuple[SeatView, ...]:
    places = session.exec(select(Place).where(Place.sitting == sitting).order_by(col(Place.seat))).all()
    entries = _by_candidate(
        session.exec(select(Enrolment).where(Enrolment.sitting == sitting).order_by(col(Enrolment.part))).all()
    )
    numbers = [place.candidate for place in places]
    names = {
        row.number: row.name for row in session.exec(select(Candidate).where(col(Candidate.number).in_(numbers))).all()
    }
    open_exits = select(Exit.candidate).where(Exit.sitting == sitting, Exit.back_ms == 0, Exit.invigilator != "")
    out = set(session.exec(open_exits).all())
    known = standings(session, sitting)
    orders = session.exec(select(GivenOrder).where(GivenOrder.sitting == sitting)).all()
    acks = session.exec(select(OrderAck.number, OrderAck.device).where(OrderAck.sitting == sitting)).all()
    return tuple(
        _seat(
            place, names.get(place.candidate, ""), entries[place.candidate], known, orders, set(acks),
            is_out=place.candidate in out,
        )
        for place in places
    )  # fmt: skip


def _pcs(session: Session, sitting: str) -> tuple[PcView, ...]:
    """The PCs that may be used and told last that nobody sits at them, by name."""
    query = (
        select(PcReport, Device)
        .where(PcReport.sitting == sitting, PcReport.attempt == "", PcReport.device == Device.id)
        .where(Device.state == DeviceState.CLEARED.value)
        .order_by(col(Device.name), col(Device.id))
    )
    return tuple(_pc(report, device) for report, device in session.exec(query).all())


def _pc(report: PcReport, device: Device) -> PcView:
    told = Progress.model_validate_json(report.data)
    kinds = tuple(incident.kind for incident in told.incidents)
    return PcView(device.id, device.name, told.phase, report.received_ms, kinds)


def _seat(
    place: Place, name: str, entries: Sequence[Enrolment], known: Mapping[tuple[str, str], Standing],
    orders: Sequence[GivenOrder], acks: set[tuple[int, str]], *, is_out: bool,
) -> SeatView:  # fmt: skip
    mine = [known.get((place.candidate, entry.part), NOWHERE) for entry in entries]
    lively = [found.progress for found in mine if found.progress is not None]
    newest = max(lively, key=lambda progress: progress.received_ms, default=None)
    own = [order for order in orders if order.candidate == place.candidate]
    return SeatView(
        candidate=place.candidate,
        name=name,
        seat=place.seat,
        attendance=Attendance(place.attendance),
        id_kind=place.id_kind,
        is_logged_in=any(found.phase for found in mine),
        entries=tuple(
            EntryView(
                part=entry.part,
                level=entry.level,
                accommodation_ms=entry.accommodation_ms,
                attempt=found.attempt,
                phase=found.phase,
                is_delivered=found.is_delivered,
                signed_delivered_ms=entry.signed_delivered_ms,
            )
            for entry, found in zip(entries, mine, strict=True)
        ),
        progress=newest,
        is_out=is_out,
        extra_ms=sum(_extra_ms(order) for order in own if order.kind == OrderKind.EXTRA_TIME.value),
        last_order=max((order.number for order in own), default=0),
        unconfirmed_orders=tuple(
            order.number
            for order in own
            if newest is not None and (order.number, newest.device) not in acks and newest.part in {"", order.part}
        ),
    )


def _extra_ms(order: GivenOrder) -> int:
    return int(SignedOrder.model_validate_json(order.data).order.data.get("extra_ms", 0))


def _by_candidate(rows: Sequence[Enrolment]) -> Mapping[str, list[Enrolment]]:
    grouped: defaultdict[str, list[Enrolment]] = defaultdict(list)
    for row in rows:
        grouped[row.candidate].append(row)
    return grouped
