"""The part of the store's check that is about envelopes: their receipts, their bytes, and the PCs that signed them.

Every receipt's signature is checked, and that the bytes are those of the identity which it names. A PC's signature is
checked on the last envelope of a line: each envelope names the identity of the one before it, so that what holds for
the last holds for all of them. Where it does not hold, and where anything else is wrong, each is checked by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from pydantic import ValidationError
from sqlalchemy import CursorResult, Row, Table
from sqlmodel import Session

from centralstore.store.exported import as_bytes
from centralstore.tables import KeptEnvelope
from sync import envelope as envelopes
from sync.errors import SyncDataError
from sync.keys import VerifyKey
from sync.receipt import Receipt, is_receipt, verify_receipt
from sync.segment import StreamName

ROWS_AT_ONCE: Final = 256
_ENVELOPES: Final[Table] = KeptEnvelope.metadata.tables["keptenvelope"]

Kept: TypeAlias = "Row[Any]"
"""A row of kept envelopes, as the database has it: whatever somebody put into a column."""


def kept_rows(session: Session) -> CursorResult[Any]:
    """All kept envelopes, oldest first, some at a time; to be closed by whoever stops in the middle."""
    query = _ENVELOPES.select().order_by(_ENVELOPES.c.id).execution_options(yield_per=ROWS_AT_ONCE)
    return session.connection().execute(query)


class Lines:
    """Envelopes being checked, one after the other as they were kept."""

    def __init__(
        self, receipt_key: VerifyKey, devices: Mapping[str, VerifyKey], erased: Mapping[str, Sequence[StreamName]]
    ) -> None:
        """Begin.

        Args:
            receipt_key: of the store.
            devices: the PCs' keys.
            erased: the streams of each sitting that an act of the store erased.
        """
        self._receipt_key, self._devices, self._erased = receipt_key, devices, erased
        self._ends: dict[tuple[str, str, str], dict[str, int]] = {}
        self._told: set[int] = set()

    def problem(self, row: Kept) -> str:
        """What is wrong with an envelope as far as its receipt and its bytes tell; "" = nothing."""
        problem = self._receipt_problem(row) or self._bytes_problem(row)
        if problem:
            self._told.add(row.id)
        return problem

    def unsigned(self, session: Session) -> Iterator[tuple[Kept, str]]:
        """After all rows: those that their PC's key did not sign, each with what is wrong."""
        numbers = [number for ends in self._ends.values() for number in ends.values()]
        for start in range(0, len(numbers), ROWS_AT_ONCE):
            some = numbers[start : start + ROWS_AT_ONCE]
            rows = session.connection().execute(_ENVELOPES.select().where(_ENVELOPES.c.id.in_(some))).all()
            doubtful = {(row.attempt, row.segment, row.device) for row in rows if self._signed_problem(row)}
            for attempt, segment, device in sorted(doubtful):
                line = _ENVELOPES.select().where(
                    _ENVELOPES.c.attempt == attempt, _ENVELOPES.c.segment == segment, _ENVELOPES.c.device == device
                )
                for row in session.connection().execute(line.order_by(_ENVELOPES.c.first)).all():
                    if row.id not in self._told and (problem := self._signed_problem(row)):
                        self._told.add(row.id)
                        yield row, problem

    def _receipt_problem(self, row: Kept) -> str:
        if _has_its_receipt(row, self._receipt_key):
            return ""
        try:
            receipt = verify_receipt(as_bytes(row.receipt), self._receipt_key)
        except SyncDataError as error:
            return f"its receipt was changed: {error}"
        if row.received_ms != receipt.stored_utc_ms:
            return f"its time was changed: received at {row.received_ms}, by its receipt at {receipt.stored_utc_ms}"
        told = (receipt.attempt, receipt.segment, receipt.first, receipt.last, receipt.device, receipt.sha256)
        if told != (row.attempt, row.segment, row.first, row.last, row.device, row.sha256):
            return "its row was changed: its receipt is for another"
        return ""

    def _bytes_problem(self, row: Kept) -> str:
        if row.device not in self._devices:
            return f"the PC {row.device} that made it was deleted"
        try:
            erased = self._erased.get(row.sitting, ())
            header = envelopes.recognise(as_bytes(row.data), row.sha256, erased=erased)
        except SyncDataError:
            return self._signed_problem(row)
        if _place(header) != _row_place(row):
            return "its row was changed: the envelope names another sitting, release or place"
        ends = self._ends.setdefault((row.attempt, row.segment, row.device), {})
        ends.pop(header.previous, None)
        ends[row.sha256] = row.id
        return ""

    def _signed_problem(self, row: Kept) -> str:
        """All that can be wrong with an envelope's bytes, given that its receipt fits its row."""
        try:
            erased = self._erased.get(row.sitting, ())
            found = envelopes.verify(as_bytes(row.data), self._devices[row.device], erased=erased)
        except SyncDataError as error:
            return f"its data was changed: {error}"
        if found.sha256 != row.sha256:
            return "its data was changed: it is another envelope than the receipt names"
        return ""


def _has_its_receipt(row: Kept, key: VerifyKey) -> bool:
    """Whether a row's receipt is the one that it must have; where it is not, `verify_receipt` tells why."""
    try:
        wanted = Receipt(
            attempt=row.attempt,
            segment=row.segment,
            first=row.first,
            last=row.last,
            sha256=row.sha256,
            device=row.device,
            stored_utc_ms=row.received_ms,
        )
    except ValidationError:
        return False
    return is_receipt(as_bytes(row.receipt), wanted, key)


def _place(header: envelopes.EnvelopeHeader) -> tuple[object, ...]:
    return (header.sitting, header.release, header.attempt, header.segment, header.device, header.first, header.last)


def _row_place(row: Kept) -> tuple[object, ...]:
    return (row.sitting, row.release, row.attempt, row.segment, row.device, row.first, row.last)
