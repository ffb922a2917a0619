"""What the PCs send: envelopes with journal records, and signs of life."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Table, and_, bindparam, insert
from sqlmodel import Session, col, select

from centralstore.errors import DamagedError, NotFoundError, NotNowError, UnknownDeviceError
from centralstore.leaves import RECEIPT, Leaf, conflict_leaf, place_ref
from centralstore.records import DeviceView
from centralstore.store.devices import Devices, require_cleared
from centralstore.store.log import append
from centralstore.tables import Conflict, Device, GivenOrder, KeptEnvelope, KeptProgress, Sitting
from centralstore.words import DeviceState, OrderKind
from sync import envelope as envelopes
from sync.canonical import canonical_bytes, plain_of
from sync.errors import SyncDataError
from sync.keys import VerifyKey
from sync.orders import SignedOrder
from sync.progress import Progress, verify_progress
from sync.receipt import Receipt, sign_receipt

MAX_ENVELOPE_BYTES = envelopes.MAX_ENVELOPE_BYTES


_ENVELOPES: Final[Table] = KeptEnvelope.metadata.tables["keptenvelope"]
_DEVICES: Final[Table] = Device.metadata.tables["device"]
_KEEP: Final = insert(_ENVELOPES)
_IN_PLACE: Final = and_(*(_ENVELOPES.c[name] == bindparam(name) for name in ("attempt", "segment", "first", "last")))
_FIND: Final = (
    select(_DEVICES.c.state, _ENVELOPES.c.id, _ENVELOPES.c.sha256, _ENVELOPES.c.receipt)
    .select_from(_DEVICES.outerjoin(_ENVELOPES, _IN_PLACE))
    .where(_DEVICES.c.id == bindparam("device"))
)
"""The sender's standing now, so that a PC revoked a moment ago is not served, and what lies in the envelope's place."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The answer to an envelope: the receipt, and whether it tells of a conflict."""

    receipt: bytes
    is_conflict: bool


class Delivery(Devices):
    """Envelopes, receipts, progress."""

    def keep_envelope(self, data: bytes, sender: tuple[DeviceView, VerifyKey] | None = None) -> Future[Kept]:
        """Check an envelope and keep it; the future ends when it is durable.

        The signature of an enrolled, cleared, not revoked PC is checked before anything is stored. The same envelope
        again gives the same receipt; another one for the same place is kept as a conflict and the receipt says so.

        Args:
            data: the envelope as received.
            sender: the PC that sent it and its key, where that is known.

        Raises:
            DamagedError: it cannot be read or its signature does not hold.
            UnknownDeviceError: from a PC that may not be used.
        """
        try:
            device = self._maker(envelopes.claimed_device(data), sender)
            envelope = envelopes.verify(data, device.key)
        except SyncDataError as error:
            raise DamagedError("Envelope", str(error).rstrip(".")) from error
        sha256 = envelope.sha256
        header = envelope.header

        place = {
            "attempt": header.attempt,
            "segment": header.segment,
            "first": header.first,
            "last": header.last,
        }
        now_ms = self.now_ms()
        receipt = self._receipt_of(header, sha256, now_ms)
        leaf = Leaf(
            RECEIPT, place_ref(header.attempt, header.segment, header.first, header.last), header.sitting, receipt
        )

        def work(session: Session) -> Kept:
            # Prepared statements on the bare connection: this is the one path that every PC takes all the time.
            connection = session.connection()
            found = connection.execute(_FIND, {**place, "device": device.id}).one_or_none()
            if found is None or found.state != DeviceState.CLEARED.value:
                raise UnknownDeviceError(device.id, "was revoked")
            if found.sha256 == sha256:
                return Kept(found.receipt, is_conflict=False)
            if found.sha256 is not None:
                return self._keep_conflict(session, session.get_one(KeptEnvelope, found.id), envelope, device.id)
            row = {
                **place,
                "sitting": header.sitting,
                "device": header.device,
                "release": header.release,
                "sha256": sha256,
                "received_ms": now_ms,
                "data": data,
                "receipt": receipt,
            }
            connection.execute(_KEEP, row)
            append(connection, [leaf])
            return Kept(receipt, is_conflict=False)

        kept = self._house.database.submit_whole(work)
        kept.add_done_callback(lambda _kept: self.bell.ring(f"room/{header.sitting}"))
        return kept

    def receipts(self, device: DeviceView, attempt: str) -> tuple[bytes, ...]:
        """The receipts for what this PC sent of an attempt, in the order it came."""
        require_cleared(device)

        def work(session: Session) -> tuple[bytes, ...]:
            query = select(KeptEnvelope.receipt).where(
                KeptEnvelope.attempt == attempt, KeptEnvelope.device == device.id
            )
            return tuple(session.exec(query.order_by(col(KeptEnvelope.id))).all())

        return self._read(work)

    def handover_envelopes(self, device: DeviceView, attempt: str) -> tuple[bytes, ...]:
        """All envelopes of an attempt, for a PC that a test leader permitted to take it over.

        Raises:
            NotNowError: no order permits it for this PC.
        """
        require_cleared(device)

        def work(session: Session) -> tuple[bytes, ...]:
            rows = session.exec(
                select(KeptEnvelope).where(KeptEnvelope.attempt == attempt).order_by(col(KeptEnvelope.id))
            ).all()
            sittings = {row.sitting for row in rows} | _sittings_of(session, attempt)
            if not any(_permits_handover(session, sitting, attempt, device) for sitting in sittings):
                raise NotNowError(
                    what="Taking over", where=f"attempt {attempt}", why="no order permits it for this PC",
                    remedy="The test leader permits the hand-over on the room page.",
                )  # fmt: skip
            return tuple(row.data for row in rows)

        return self._read(work)

    def attempts(self, device: DeviceView, sitting: str) -> tuple[dict[str, str], ...]:
        """The attempts of a sitting that PCs have told of, oldest news first: for log-in at another PC of the room."""
        require_cleared(device)
        return self.told_attempts(sitting)

    def told_attempts(self, sitting: str) -> tuple[dict[str, str], ...]:
        """As `attempts`, for the command line."""

        def work(session: Session) -> tuple[dict[str, str], ...]:
            query = select(KeptProgress).where(KeptProgress.sitting == sitting).order_by(col(KeptProgress.received_ms))
            return tuple(
                {
                    "attempt": row.attempt,
                    "candidate": row.candidate,
                    "part": row.part,
                    "device": row.device,
                    "phase": row.phase,
                }
                for row in session.exec(query).all()
            )

        return self._read(work)

    def keep_progress(self, device: DeviceView, key: VerifyKey, data: bytes) -> None:
        """Take in a PC's signed sign of life; one that is older than what is known changes nothing.

        Raises:
            DamagedError: not a progress record of this PC, or an attempt that is somebody else's.
            NotFoundError: the sitting is not in this PC's room.
        """
        require_cleared(device)
        try:
            told = verify_progress(data, key)
        except SyncDataError as error:
            raise DamagedError("Progress", str(error).rstrip(".")) from error
        if told.device != device.id:
            raise DamagedError("Progress", f"it names PC '{told.device}', but '{device.id}' sent it")
        self._write(lambda session: self._note_progress(session, told), told.sitting)

    # --- helpers ------------------------------------------------------------------------------------------------------

    def _note_progress(self, session: Session, told: Progress) -> None:
        sender = session.get_one(Device, told.device)
        sender.last_contact_ms = self.now_ms()
        session.add(sender)
        sitting = session.get(Sitting, told.sitting)
        if sitting is None or (sitting.site, sitting.room) != (sender.site, sender.room):
            raise NotFoundError("Sitting", told.sitting, "It is not in this PC's room.")
        if not told.attempt:
            return
        row = session.get(KeptProgress, told.attempt)
        if row is not None and (row.sitting, row.candidate, row.part) != (told.sitting, told.candidate, told.part):
            raise DamagedError("Progress", f"attempt {told.attempt} is another candidate's or part's")
        if row is not None and row.device == told.device and row.sequence >= told.sequence:
            return
        session.merge(
            KeptProgress(
                attempt=told.attempt,
                sitting=told.sitting,
                candidate=told.candidate,
                part=told.part,
                device=told.device,
                phase=told.phase,
                sequence=told.sequence,
                received_ms=self.now_ms(),
                data=canonical_bytes(plain_of(told)),
            )
        )

    def _maker(self, device: str, sender: tuple[DeviceView, VerifyKey] | None) -> _Maker:
        """The PC that made an envelope: mostly the one that sends it, whose key was looked up already."""
        if sender is not None and sender[0].id == device:
            view, key = sender
        else:
            view, _, key = self.device_keys(device)
        require_cleared(view)
        return _Maker(view.id, key)

    def _receipt_of(self, header: envelopes.EnvelopeHeader, sha256: str, now_ms: int) -> bytes:
        receipt = Receipt(
            attempt=header.attempt,
            segment=header.segment,
            first=header.first,
            last=header.last,
            sha256=sha256,
            device=header.device,
            stored_utc_ms=now_ms,
        )
        return sign_receipt(receipt, self._house.keys.receipt)

    def _keep_conflict(self, session: Session, stored: KeptEnvelope, offered: envelopes.Envelope, device: str) -> Kept:
        known = select(Conflict.id).where(
            Conflict.attempt == stored.attempt,
            Conflict.segment == stored.segment,
            Conflict.first == stored.first,
            Conflict.last == stored.last,
            Conflict.offered_sha256 == offered.sha256,
        )
        if session.exec(known).first() is None:
            row = Conflict(
                sitting=stored.sitting,
                attempt=stored.attempt,
                segment=stored.segment,
                device=device,
                first=stored.first,
                last=stored.last,
                stored_sha256=stored.sha256,
                offered_sha256=offered.sha256,
                at_ms=self.now_ms(),
                data=offered.data,
            )
            session.add(row)
            append(session.connection(), [conflict_leaf(row)])
        receipt = Receipt(
            attempt=stored.attempt,
            segment=stored.segment,
            first=stored.first,
            last=stored.last,
            sha256=stored.sha256,
            device=stored.device,
            stored_utc_ms=stored.received_ms,
            is_conflict=True,
        )
        return Kept(sign_receipt(receipt, self._house.keys.receipt), is_conflict=True)


@dataclass(frozen=True, slots=True)
class _Maker:
    id: str
    key: VerifyKey


def _sittings_of(session: Session, attempt: str) -> set[str]:
    row = session.get(KeptProgress, attempt)
    return {row.sitting} if row is not None else set()


def _permits_handover(session: Session, sitting: str, attempt: str, device: DeviceView) -> bool:
    row = session.get(Sitting, sitting)
    if row is None or (row.site, row.room) != (device.site, device.room):
        return False
    query = select(GivenOrder.data).where(
        GivenOrder.sitting == sitting, GivenOrder.kind == OrderKind.PERMIT_HANDOVER.value
    )
    return any(_is_for(data, attempt, device.id) for data in _orders(session.exec(query).all()))


def _orders(found: Sequence[bytes]) -> Sequence[dict[str, int | str]]:
    return [SignedOrder.model_validate_json(data).order.data for data in found]


def _is_for(data: dict[str, int | str], attempt: str, device: str) -> bool:
    return data.get("attempt") == attempt and data.get("to_device") in {"", device}
