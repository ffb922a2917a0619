"""Taking in the rows that a relay tells of a sitting: each once, changed ones again, contradictions beside.

While the loan lasts a relay's word goes into the same tables as this store's own, so that pages and scoring see one
sitting. After its return, or when the sitting was taken back, its rows change nothing: they are kept as evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlmodel import Session, SQLModel, select

from centralstore.errors import DamagedError
from centralstore.leaves import audit_leaf, enrolment_leaf
from centralstore.relay.rows import ROWS, Telling, TellingRow
from centralstore.store.contradictions import contradict, keep_late_row
from centralstore.store.lent import newest_lending
from centralstore.store.log import append
from centralstore.store.planning import get_sitting
from centralstore.store.relays import Relays, lent_to
from centralstore.tables import (
    Audit,
    Candidate,
    Contradiction,
    Deviation,
    Enrolment,
    Exit,
    Incident,
    KeptProgress,
    OrderAck,
    Place,
    RelayedRow,
    Report,
    Sitting,
)
from centralstore.words import Attendance, ContradictionKind, LendingState
from sync.canonical import Message, parse_model, plain_of
from sync.errors import SyncDataError

Plain = dict[str, Any]
_WHAT: Final = "Relay's rows"


@dataclass(frozen=True, slots=True)
class _Taking:
    """One row being taken in: of which relay and sitting, what was known of it, and what it says now."""

    relay: str
    sitting: Sitting
    known: RelayedRow | None
    plain: Plain
    now_ms: int


class RelayedRows(Relays):
    """What relays tell beside envelopes and orders."""

    def take_rows(self, relay: str, telling: Telling) -> int:
        """Keep a relay's rows, all or none; how many were new or changed. Of a loan that is over, as evidence.

        Raises:
            DamagedError: a row of an unknown kind or form.
            NotFoundError: the sitting was not lent to this relay.
        """
        rows = [(row, _checked(row)) for row in telling.rows]

        def work(session: Session) -> int:
            lending, newest = lent_to(session, relay, telling.sitting), newest_lending(session, telling.sitting)
            is_given_there = lending is newest and lending.state == LendingState.LENT.value
            take = self._take_row if is_given_there else self._keep_late
            sitting = get_sitting(session, telling.sitting)
            return sum(take(session, relay, sitting, row, plain) for row, plain in rows)

        taken = self._write(work, telling.sitting)
        if taken:
            self.bell.ring(f"orders/{telling.sitting}")
        return taken

    def _keep_late(self, session: Session, relay: str, sitting: Sitting, row: TellingRow, plain: Plain) -> int:
        """Keep a row as evidence, once; attendance that is another here is shown by the candidate."""
        known = session.get(RelayedRow, (relay, sitting.id, row.kind, row.source))
        if known is not None and known.sha256 == row.sha256:
            return 0
        if row.kind == "place":
            here = session.get(Place, (sitting.id, plain["candidate"]))
            if here is None or here.attendance != plain["attendance"]:
                _contradict_attendance(session, _Taking(relay, sitting, known, plain, self.now_ms()), here)
        return int(keep_late_row(session, relay, sitting.id, row, self.now_ms()))

    def _take_row(self, session: Session, relay: str, sitting: Sitting, row: TellingRow, plain: Plain) -> int:
        known = session.get(RelayedRow, (relay, sitting.id, row.kind, row.source))
        if known is not None and known.sha256 == row.sha256:
            return 0
        local = _TAKERS[row.kind](session, _Taking(relay, sitting, known, plain, self.now_ms()))
        session.merge(
            RelayedRow(
                relay=relay, sitting=sitting.id, kind=row.kind, source=row.source, sha256=row.sha256, local=local
            )
        )
        session.flush()
        return 1


def _checked(row: TellingRow) -> Plain:
    model = ROWS.get(row.kind)
    if model is None:
        raise DamagedError(_WHAT, f"kind '{row.kind}' is none")
    try:
        message: Message = parse_model(model, row.row, row.kind)
    except SyncDataError as error:
        raise DamagedError(_WHAT, str(error).rstrip(".")) from error
    return plain_of(message)


# --- one kind each ----------------------------------------------------------------------------------------------------


def _take_sitting(session: Session, taking: _Taking) -> str:
    sitting = taking.sitting
    if not sitting.signed_ms or taking.known is not None:
        sitting.signed_by, sitting.signed_ms = taking.plain["signed_by"], taking.plain["signed_ms"]
        session.add(sitting)
    return sitting.id


def _take_candidate(session: Session, taking: _Taking) -> str:
    number, login = taking.plain["number"], taking.plain["login"]
    same_login = session.exec(select(Candidate).where(Candidate.login == login)).first()
    here = session.get(Candidate, number) or same_login
    if here is None:
        session.add(Candidate(**taking.plain))
    elif (here.number, here.name, here.login) != (number, taking.plain["name"], login):
        told: dict[str, object] = {"kept": f"{here.number} {here.login}", "offered": f"{number} {login}"}
        _contradict(session, taking, ContradictionKind.CANDIDATE, number, told)
    return str(number)


def _take_place(session: Session, taking: _Taking) -> str:
    candidate = taking.plain["candidate"]
    here = session.get(Place, (taking.sitting.id, candidate))
    if here is not None and taking.known is None and here.marked_ms and not _same(here, taking.plain):
        _contradict_attendance(session, taking, here)
    else:
        session.merge(Place(sitting=taking.sitting.id, **taking.plain))
    return str(candidate)


def _take_enrolment(session: Session, taking: _Taking) -> str:
    candidate, part = taking.plain["candidate"], taking.plain["part"]
    here = session.get(Enrolment, (taking.sitting.id, candidate, part))
    if here is None:
        made = Enrolment(sitting=taking.sitting.id, **taking.plain)
        session.add(made)
        append(session.connection(), [enrolment_leaf(made)])
    elif taking.plain["signed_delivered_ms"]:
        here.signed_delivered_ms = taking.plain["signed_delivered_ms"]
        session.add(here)
    return f"{candidate} {part}"


def _take_ack(session: Session, taking: _Taking) -> str:
    key = (taking.sitting.id, taking.plain["number"], taking.plain["device"])
    if session.get(OrderAck, key) is None:
        session.add(OrderAck(sitting=taking.sitting.id, **taking.plain))
    return " ".join(str(each) for each in key)


def _take_progress(session: Session, taking: _Taking) -> str:
    plain: Plain = {**taking.plain, "data": taking.plain["data"].encode()}
    here = session.get(KeptProgress, plain["attempt"])
    is_newer = here is None or (
        here.sequence < plain["sequence"] if here.device == plain["device"] else here.received_ms < plain["received_ms"]
    )
    if is_newer:
        session.merge(KeptProgress(sitting=taking.sitting.id, **plain))
    return str(plain["attempt"])


def _take_audit(session: Session, taking: _Taking) -> str:
    if taking.known is not None:
        return taking.known.local
    sitting = taking.sitting
    plain: Plain = {**taking.plain, "detail": {**taking.plain["detail"], "relay": taking.relay}}
    row = Audit(site=sitting.site, room=sitting.room, sitting=sitting.id, **plain)
    session.add(row)
    session.flush()
    append(session.connection(), [audit_leaf(row)])
    return str(row.id)


def _numbered(table: type[Exit | Deviation | Incident | Report]) -> Callable[[Session, _Taking], str]:
    """Rows with a number of their own: new ones are added, those told before are changed."""

    def take(session: Session, taking: _Taking) -> str:
        more = {"site": taking.sitting.site, "room": taking.sitting.room} if table is Report else {}
        number = int(taking.known.local) if taking.known is not None else None
        row: SQLModel = table(id=number, sitting=taking.sitting.id, **more, **taking.plain)
        merged = session.merge(row)
        session.flush()
        return str(getattr(merged, "id"))  # noqa: B009 - each of these tables has it, their common base has not

    return take


_TAKERS: Final[Mapping[str, Callable[[Session, _Taking], str]]] = {
    "sitting": _take_sitting,
    "candidate": _take_candidate,
    "place": _take_place,
    "enrolment": _take_enrolment,
    "exit": _numbered(Exit),
    "deviation": _numbered(Deviation),
    "incident": _numbered(Incident),
    "report": _numbered(Report),
    "ack": _take_ack,
    "progress": _take_progress,
    "audit": _take_audit,
}


def _same(here: Place, plain: Plain) -> bool:
    return all(getattr(here, name) == value for name, value in plain.items())


def _contradict_attendance(session: Session, taking: _Taking, here: Place | None) -> None:
    """Show that a relay marked somebody otherwise than it is here; what it had not marked says nothing."""
    plain = taking.plain
    if plain["attendance"] != Attendance.EXPECTED.value:
        kept = f"{here.attendance} by {here.marked_by}" if here is not None else "not on the list"
        told: dict[str, object] = {"kept": kept, "offered": f"{plain['attendance']} by {plain['marked_by']}"}
        _contradict(session, taking, ContradictionKind.ATTENDANCE, plain["candidate"], told)


def _contradict(
    session: Session, taking: _Taking, kind: ContradictionKind, candidate: str, told: dict[str, object]
) -> None:
    contradict(
        session,
        Contradiction(
            sitting=taking.sitting.id,
            kind=kind.value,
            subject=candidate,
            candidate=candidate,
            part="",
            told=told,
            at_ms=taking.now_ms,
        ),
    )
