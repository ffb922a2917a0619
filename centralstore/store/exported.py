"""Everything the store keeps of one sitting, as it lies there, for an export that others can check."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session, col, select

from centralstore.leaves import AUDIT, audit_content, conflict_content, conflict_ref, place_ref, result_content
from centralstore.rights import Act
from centralstore.store.devices import ENROLLED
from centralstore.store.keeper import Keeper
from centralstore.store.planning import get_sitting, sitting_parts
from centralstore.tables import (
    Account,
    Audit,
    Conflict,
    Device,
    Enrolment,
    GivenOrder,
    KeptEnvelope,
    KeptRelease,
    KeptResult,
    Lending,
    LogLeaf,
    OrderAck,
    Sitting,
    SittingRelease,
)
from sync.canonical import canonical_bytes

Emit = Callable[[str, bytes], None]
"""Takes a file's name within the export and its bytes."""

ACTS_ON_DEVICES: Final = (ENROLLED, Act.MANAGE_DEVICES.name.lower())
"""They are of no sitting: a PC is enrolled, cleared and revoked for its room."""

_ROWS_AT_ONCE: Final = 64
"""Envelopes in memory at one time; one is at most 200 kB."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export's table of contents says of a sitting, and the numbers of its leaves in the log."""

    facts: dict[str, object]
    leaves: tuple[int, ...]


class Exports(Keeper):
    """Reading a sitting out."""

    def export_sitting(self, sitting: str, emit: Emit) -> Exported:
        """Give every file of a sitting's export but those of the log's tree, all from one state of the database.

        Raises:
            NotFoundError: no such sitting.
            OSError: whatever ``emit`` fails with.
        """

        def work(session: Session) -> Exported:
            see_one_state(session)
            row = get_sitting(session, sitting)
            _emit_deliveries(session, sitting, emit)
            _emit_orders(session, sitting, emit)
            acts = _acts_of(session, row)
            _emit_records(session, sitting, acts, emit)
            for release, data in self._releases(session, sitting):
                emit(f"releases/{release}.provrom", data)
            leaves = _leaves_of(session, sitting, acts)
            emit("log/leaves.json", canonical_bytes([_leaf(leaf) for leaf in leaves]))
            return Exported(_facts(session, row), tuple(leaf.number for leaf in leaves))

        return self._read(work)

    def _releases(self, session: Session, sitting: str) -> Iterator[tuple[str, bytes]]:
        for release in _releases_of(session, sitting):
            kept = session.get(KeptRelease, release)
            if kept is not None:
                yield release, (self._house.folder.releases / kept.file_name).read_bytes()


def as_bytes(data: object) -> bytes:
    """A column of bytes; SQLite lets an administrator put anything in it."""
    return data if isinstance(data, bytes) else str(data).encode()


def see_one_state(session: Session) -> None:
    """Let a session see one state of the database whatever is written meanwhile; said before its first query.

    SQLite's transactions do so by themselves, PostgreSQL's must be told.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def _emit_deliveries(session: Session, sitting: str, emit: Emit) -> None:
    envelopes = select(KeptEnvelope).where(KeptEnvelope.sitting == sitting).order_by(col(KeptEnvelope.id))
    with session.exec(envelopes.execution_options(yield_per=_ROWS_AT_ONCE)) as rows:
        for row in rows:
            name = place_ref(row.attempt, row.segment, row.first, row.last)
            emit(f"envelopes/{name}.envelope", as_bytes(row.data))
            emit(f"receipts/{name}.receipt", as_bytes(row.receipt))
    conflicts = session.exec(select(Conflict).where(Conflict.sitting == sitting).order_by(col(Conflict.id))).all()
    for row in conflicts:
        emit(f"conflicts/{conflict_ref(row)}.envelope", as_bytes(row.data))
    emit("conflicts.json", canonical_bytes([{"content": conflict_content(row)} for row in conflicts]))


def _emit_orders(session: Session, sitting: str, emit: Emit) -> None:
    orders = select(GivenOrder.data).where(GivenOrder.sitting == sitting).order_by(col(GivenOrder.number))
    # as they lie there, not parsed: what somebody put in their place must reach whoever verifies
    signed = b",".join(as_bytes(data) for data in session.exec(orders).all())
    emit("orders.json", b'{"format":1,"orders":[%b],"sitting":%b}' % (signed, canonical_bytes(sitting)))
    acks = select(OrderAck).where(OrderAck.sitting == sitting).order_by(col(OrderAck.number), col(OrderAck.device))
    rows = [
        {"applied_ms": ack.applied_ms, "device": ack.device, "number": ack.number, "received_ms": ack.received_ms}
        for ack in session.exec(acks).all()
    ]
    emit("acks.json", canonical_bytes(rows))


def _emit_records(session: Session, sitting: str, acts: Sequence[Audit], emit: Emit) -> None:
    results = session.exec(select(KeptResult).where(KeptResult.sitting == sitting).order_by(col(KeptResult.id))).all()
    emit("results.json", canonical_bytes([{"content": result_content(row), "state": row.state} for row in results]))
    emit("audit.json", canonical_bytes([{"content": audit_content(row)} for row in acts]))


def _acts_of(session: Session, row: Sitting) -> Sequence[Audit]:
    """The acts on the sitting, and those that enrolled, cleared or revoked its PCs: whose answers could come when."""
    acts = session.exec(select(Audit).where(Audit.sitting == row.id)).all()
    devices = {device.id for device in _devices_of(session, row)}
    query = select(Audit).where(col(Audit.act).in_(ACTS_ON_DEVICES), col(Audit.is_allowed), Audit.sitting != row.id)
    on_devices = [act for act in session.exec(query).all() if act.detail.get("device") in devices]
    return sorted([*acts, *on_devices], key=lambda act: act.id or 0)


def _leaves_of(session: Session, sitting: str, acts: Sequence[Audit]) -> Sequence[LogLeaf]:
    """All leaves of the sitting, and those of the acts on its PCs."""
    leaves = list(session.exec(select(LogLeaf).where(LogLeaf.sitting == sitting)).all())
    elsewhere = [str(act.id) for act in acts if act.sitting != sitting]
    for start in range(0, len(elsewhere), _ROWS_AT_ONCE):
        some = col(LogLeaf.ref).in_(elsewhere[start : start + _ROWS_AT_ONCE])
        leaves += session.exec(select(LogLeaf).where(LogLeaf.kind == AUDIT, some, LogLeaf.sitting != sitting)).all()
    return sorted(leaves, key=lambda leaf: leaf.number)


def _leaf(row: LogLeaf) -> dict[str, object]:
    return {
        "index": row.number,
        "kind": row.kind,
        "leaf": as_bytes(row.leaf).hex(),
        "ref": row.ref,
        "signature": as_bytes(row.signature).hex(),
        "sitting": row.sitting,
    }


def _facts(session: Session, row: Sitting) -> dict[str, object]:
    parts = [
        {
            "part": part.part,
            "planned_end_ms": part.planned_end_ms,
            "planned_start_ms": part.planned_start_ms,
            "position": part.position,
            "started_ms": part.started_ms,
        }
        for part in sitting_parts(session, row.id)
    ]
    sitting = {name: getattr(row, name) for name in ("id", "site", "room", "date", "programme", "state")}
    times = {"opened_ms": row.opened_ms, "closed_ms": row.closed_ms}
    lendings = select(Lending.delegation).where(Lending.sitting == row.id).order_by(col(Lending.number))
    return {
        "sitting": {**sitting, **times, "parts": parts, "releases": list(_releases_of(session, row.id))},
        "devices": [_device(device) for device in _devices_of(session, row)],
        "enrolments": [
            {name: getattr(entry, name) for name in ("candidate", "part", "level", "accommodation_ms")}
            for entry in session.exec(
                select(Enrolment)
                .where(Enrolment.sitting == row.id)
                .order_by(col(Enrolment.candidate), col(Enrolment.part))
            ).all()
        ],
        "staff": _staff(session, row),
        "delegations": [data.decode("utf-8") for data in session.exec(lendings).all()],
    }


def _releases_of(session: Session, sitting: str) -> Sequence[str]:
    query = select(SittingRelease.release).where(SittingRelease.sitting == sitting)
    return session.exec(query.order_by(col(SittingRelease.release))).all()


def _devices_of(session: Session, row: Sitting) -> Sequence[Device]:
    """The room's PCs, and every other that delivered something of the sitting."""
    makers = set(session.exec(select(KeptEnvelope.device).where(KeptEnvelope.sitting == row.id).distinct()).all())
    makers |= set(session.exec(select(Conflict.device).where(Conflict.sitting == row.id).distinct()).all())
    devices = session.exec(select(Device).order_by(col(Device.id))).all()
    return [each for each in devices if each.id in makers or (each.site, each.room) == (row.site, row.room)]


def _device(row: Device) -> dict[str, object]:
    return {
        "ed25519": row.ed25519.hex(),
        "enrolled_ms": row.enrolled_ms,
        "id": row.id,
        "name": row.name,
        "state": row.state,
        "x25519": row.x25519.hex(),
    }


def _staff(session: Session, row: Sitting) -> list[dict[str, str]]:
    """Who acted in the sitting, by user name and role, and its test leader."""
    acted = set(session.exec(select(Audit.user, Audit.role).where(Audit.sitting == row.id).distinct()).all())
    leader = session.get(Account, row.test_leader)
    if leader is not None:
        acted.add((leader.user, leader.role))
    return [{"role": role, "user": user} for user, role in sorted(acted)]
