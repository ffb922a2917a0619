"""Envelopes on their way in: verified by whoever hands them over, then kept in groups by the writer.

What every PC does all the time, so it is written for speed: plain statements for a whole group at once.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection, Table, bindparam, select
from sqlmodel import Session

from centralstore.database import Outcome, settles
from centralstore.errors import DamagedError, UnknownDeviceError
from centralstore.leaves import RECEIPT, Leaf, conflict_leaf, place_ref
from centralstore.store.devices import require_cleared
from centralstore.store.evidence import Evidence, is_let_in
from centralstore.store.log import append
from centralstore.tables import Conflict, Device, KeptEnvelope
from centralstore.words import DeviceState
from sync import envelope as envelopes
from sync.errors import SyncDataError
from sync.receipt import Receipt, sign_receipt

MAX_ENVELOPE_BYTES: Final = envelopes.MAX_ENVELOPE_BYTES

_ENVELOPES: Final[Table] = KeptEnvelope.metadata.tables["keptenvelope"]
_DEVICES: Final[Table] = Device.metadata.tables["device"]
_CONFLICTS: Final[Table] = Conflict.metadata.tables["conflict"]

Place = tuple[str, str, int, int]
"""(attempt, segment, first, last): where one envelope can lie."""

PLACE: Final = ("attempt", "segment", "first", "last")

_COLUMNS: Final = (
    "sitting", "attempt", "segment", "device", "release", "first", "last", "sha256", "received_ms", "data", "receipt",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Statements:
    """What every group runs, in the driver's own spelling, which saves the writer half of its work."""

    cleared: str
    last: str
    keep: str


def _statements(mark: str, is_among: str) -> _Statements:
    cleared = f"SELECT id FROM device WHERE state = {mark} AND id {is_among}"  # noqa: S608 - marks, no values
    names, marks = ", ".join(_COLUMNS), ", ".join([mark] * len(_COLUMNS))
    keep = f"INSERT INTO keptenvelope ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608 - no values
    return _Statements(cleared, "SELECT max(id) FROM keptenvelope", keep)


_DIALECTS: Final = {
    "sqlite": _statements("?", "IN (SELECT value FROM json_each(?))"),
    "postgresql": _statements("%s", "IN (SELECT json_array_elements_text(%s::json))"),
}
_SINCE: Final = (
    select(*(_ENVELOPES.c[name] for name in PLACE))
    .where(_ENVELOPES.c.id > bindparam("before"))
    .order_by(_ENVELOPES.c.id)
)
_FIND: Final = select(
    *(_ENVELOPES.c[name] for name in ("sitting", "device", "sha256", "received_ms", "receipt"))
).where(*(_ENVELOPES.c[name] == bindparam(name) for name in PLACE))


@dataclass(frozen=True, slots=True)
class Kept:
    """The answer to an envelope: the receipt, and whether it tells of a conflict."""

    receipt: bytes
    is_conflict: bool


@dataclass(frozen=True, slots=True)
class _Lying:
    """What lies in a place."""

    sitting: str
    device: str
    sha256: str
    received_ms: int
    receipt: bytes


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A verified envelope, and what lies in its place when the place is free."""

    envelope: envelopes.Envelope
    kept: _Lying

    def row(self) -> tuple[object, ...]:
        """In the order of `_COLUMNS`."""
        header, kept = self.envelope.header, self.kept
        return (
            header.sitting, header.attempt, header.segment, header.device, header.release, header.first, header.last,
            kept.sha256, kept.received_ms, self.envelope.data, kept.receipt,
        )  # fmt: skip

    def leaf(self) -> Leaf:
        return Leaf(RECEIPT, place_ref(*self.envelope.key), self.kept.sitting, self.kept.receipt)


class Intake(Evidence):
    """Takes in envelopes."""

    def keep_envelope(self, data: bytes) -> Future[Kept]:
        """As `take_envelope`; the future ends when the envelope is durable."""
        future: Future[Kept] = Future()
        self.take_envelope(data, settles(future))
        return future

    def take_envelope(self, data: bytes, tell: Outcome) -> None:
        """Check an envelope and keep it; who brought it does not matter, the PC that made it does.

        The signature of an enrolled, cleared, not revoked PC is checked before anything is stored. The same envelope
        again gives the same receipt; another one for the same place is kept as a conflict and the receipt says so.
        A revoked PC's is kept where staff lets it in as evidence.

        Args:
            data: the envelope as received.
            tell: told a `Kept` in the writer's thread when it is durable, or what went wrong.

        Raises:
            DamagedError: it cannot be read or its signature does not hold.
            UnknownDeviceError: from a PC that may not be used.
        """
        try:
            claim = envelopes.Claim(data)
            device, _, key = self.device_keys(claim.device)
            if device.state is not DeviceState.REVOKED:
                require_cleared(device)
            envelope = claim.verify(key)
        except SyncDataError as error:
            raise DamagedError("Envelope", str(error).rstrip(".")) from error
        sitting, now_ms = envelope.header.sitting, self.now_ms()
        if device.state is DeviceState.REVOKED:
            self.require_let_in(device, sitting)
        lying = _Lying(sitting, device.id, envelope.sha256, now_ms, b"")
        receipt = self._receipt_of(envelope.key, lying)

        def told(kept: Kept | None, error: BaseException | None) -> None:
            self._ring(sitting)
            tell(kept, error)

        arrival = _Arrival(envelope, replace(lying, receipt=receipt))
        self._house.database.submit_together(self._keep_group, arrival, told)

    def _keep_group(self, session: Session, arrivals: Sequence[_Arrival]) -> list[Kept | BaseException]:
        """Keep a group in one transaction: a few statements, however many there are."""
        connection = session.connection()
        cleared = _cleared(connection, {each.envelope.header.device for each in arrivals})
        may_come = [each.envelope.header.device in cleared or _is_evidence(session, each) for each in arrivals]
        taken = [each for each, may in zip(arrivals, may_come, strict=True) if may]
        new = _kept_now(connection, taken)
        if new:
            append(connection, [each.leaf() for each in new.values()])
        answers: list[Kept | BaseException] = []
        for each, may in zip(arrivals, may_come, strict=True):
            key = each.envelope.key
            if not may:
                answers.append(UnknownDeviceError(each.envelope.header.device, "was revoked"))
            elif new.get(key) is each:
                answers.append(Kept(each.kept.receipt, is_conflict=False))
            else:
                answers.append(self._again(session, each))
        return answers

    def _again(self, session: Session, arrival: _Arrival) -> Kept:
        """The answer for a place that was taken already."""
        stored = _lying(session.connection(), arrival.envelope.key)
        if stored.sha256 == arrival.kept.sha256:
            return Kept(stored.receipt, is_conflict=False)
        return self._conflict(session, stored, arrival.envelope)

    def _conflict(self, session: Session, stored: _Lying, offered: envelopes.Envelope) -> Kept:
        """Keep what was offered for a taken place as evidence, once; the receipt names what lies there."""
        attempt, segment, first, last = offered.key
        known = select(_CONFLICTS.c.id).where(
            *(_CONFLICTS.c[name] == value for name, value in zip(PLACE, offered.key, strict=True)),
            _CONFLICTS.c.offered_sha256 == offered.sha256,
        )
        if session.connection().execute(known).first() is None:
            row = Conflict(
                sitting=stored.sitting,
                attempt=attempt,
                segment=segment,
                device=offered.header.device,
                first=first,
                last=last,
                stored_sha256=stored.sha256,
                offered_sha256=offered.sha256,
                at_ms=self.now_ms(),
                data=offered.data,
            )
            session.add(row)
            session.flush()
            append(session.connection(), [conflict_leaf(row)])
        return Kept(self._receipt_of(offered.key, stored, is_conflict=True), is_conflict=True)

    def _receipt_of(self, place: Place, lying: _Lying, *, is_conflict: bool = False) -> bytes:
        attempt, segment, first, last = place
        receipt = Receipt(
            attempt=attempt,
            segment=segment,
            first=first,
            last=last,
            sha256=lying.sha256,
            device=lying.device,
            stored_utc_ms=lying.received_ms,
            is_conflict=is_conflict,
        )
        return sign_receipt(receipt, self._house.keys.receipt)


def _cleared(connection: Connection, devices: Collection[str]) -> set[str]:
    """Those that may be used now, so that a PC revoked a moment ago is not served."""
    values = (DeviceState.CLEARED.value, json.dumps([*devices]))
    return set(connection.exec_driver_sql(_DIALECTS[connection.dialect.name].cleared, values).scalars())


def _is_evidence(session: Session, arrival: _Arrival) -> bool:
    header = arrival.envelope.header
    return is_let_in(session, header.sitting, header.device)


def _kept_now(connection: Connection, arrivals: Sequence[_Arrival]) -> dict[Place, _Arrival]:
    """Insert what finds its place free; which did.

    Nearly always all do, and the count of rows says so; else they are told by their numbers, which only rise.
    """
    if not arrivals:
        return {}
    statements = _DIALECTS[connection.dialect.name]
    before = connection.exec_driver_sql(statements.last).scalar() or 0
    rows, options = [each.row() for each in arrivals], {"preserve_rowcount": True}
    count = connection.exec_driver_sql(statements.keep, rows, execution_options=options).rowcount
    by_place = {each.envelope.key: each for each in reversed(arrivals)}
    if count == len(arrivals):
        return dict(reversed(by_place.items()))
    kept = connection.execute(_SINCE, {"before": before}).all()
    return {key: by_place[key] for row in kept if (key := (row.attempt, row.segment, row.first, row.last)) in by_place}


def _lying(connection: Connection, place: Place) -> _Lying:
    """What lies in a taken place."""
    row = connection.execute(_FIND, dict(zip(PLACE, place, strict=True))).mappings().one()
    return _Lying(row["sitting"], row["device"], row["sha256"], row["received_ms"], row["receipt"])
