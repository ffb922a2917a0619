"""What the PCs send: envelopes with journal records, and signs of life."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, select

from centralstore.errors import DamagedError, NotFoundError, NotNowError
from centralstore.records import DeviceView
from centralstore.store.devices import require_cleared
from centralstore.store.intake import Intake
from centralstore.tables import Device, GivenOrder, KeptEnvelope, KeptProgress, LogLeaf, PcReport, Sitting
from centralstore.words import OrderKind
from engine.state import Phase
from sync.canonical import canonical_bytes, plain_of
from sync.errors import SyncDataError
from sync.keys import VerifyKey
from sync.orders import SignedOrder
from sync.progress import Progress, verify_progress

_OVER = frozenset({Phase.SUBMITTED.value, Phase.EXPELLED.value, Phase.LEFT.value, Phase.RESET.value})
"""Of an attempt in these phases its PC tells until all is delivered, also long after nobody sits there any more."""


class Delivery(Intake):
    """Receipts, hand-overs, progress."""

    def receipts(self, device: DeviceView, attempt: str) -> tuple[bytes, ...]:
        """The receipts for what this PC sent of an attempt, in the order it came."""
        require_cleared(device)

        def work(session: Session) -> tuple[bytes, ...]:
            query = select(KeptEnvelope.receipt).where(
                KeptEnvelope.attempt == attempt, KeptEnvelope.device == device.id
            )
            return tuple(session.exec(query.order_by(col(KeptEnvelope.id))).all())

        return self._read(work)

    def log_size(self) -> int:
        """How many leaves the log has: it only grows, but where the store goes back to a backup."""
        newest = select(LogLeaf.number).order_by(col(LogLeaf.number).desc()).limit(1)
        last = self._read(lambda session: session.exec(newest).first())
        return 0 if last is None else last + 1

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
        self._note_pc(session, told)
        if not told.attempt:
            return
        row = session.get(KeptProgress, told.attempt)
        if row is not None and (row.sitting, row.candidate, row.part) != (told.sitting, told.candidate, told.part):
            raise DamagedError("Progress", f"attempt {told.attempt} is another candidate's or part's")
        if row is not None and row.device == told.device and row.sequence >= told.sequence:
            return
        if row is not None and row.device != told.device and not _has_taken_over(session, told):
            return  # a PC that lost the attempt, and has not heard of it yet, does not speak for it
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

    def _note_pc(self, session: Session, told: Progress) -> None:
        """Keep what a PC at which nobody sits says of itself; where somebody does, the attempt tells the rest."""
        row = session.get(PcReport, (told.sitting, told.device))
        is_older = row is not None and row.sequence >= told.sequence
        is_known = row is not None and told.attempt != "" and row.attempt == told.attempt
        if is_older or is_known or (told.attempt and told.phase in _OVER):
            return
        session.merge(
            PcReport(
                sitting=told.sitting,
                device=told.device,
                attempt=told.attempt,
                sequence=told.sequence,
                received_ms=self.now_ms(),
                data=canonical_bytes(plain_of(told)),
            )
        )


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


def _has_taken_over(session: Session, told: Progress) -> bool:
    """Whether the newest order that moves an attempt lets it go on at this PC."""
    query = select(GivenOrder.data).where(
        GivenOrder.sitting == told.sitting, GivenOrder.kind == OrderKind.PERMIT_HANDOVER.value
    )
    found = _orders(session.exec(query.order_by(col(GivenOrder.number))).all())
    newest = next((data for data in reversed(found) if data.get("attempt") == told.attempt), None)
    return (
        newest is not None and _is_for(newest, told.attempt, told.device) and newest.get("from_device") != told.device
    )


def _orders(found: Sequence[bytes]) -> Sequence[dict[str, int | str]]:
    return [SignedOrder.model_validate_json(data).order.data for data in found]


def _is_for(data: dict[str, int | str], attempt: str, device: str) -> bool:
    return data.get("attempt") == attempt and data.get("to_device") in {"", device}
