"""What a relay tells the central store of a borrowed sitting beside envelopes and orders: rows, each with its source.

Strict models of every kind; a row's *source* is its name at the relay, so that one told twice is kept once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field, JsonValue, model_validator

from engine.errors import EngineError
from sync.canonical import Message, canonical_bytes, plain_of
from sync.keys import sha256_hex
from sync.segment import Count, Hash, Id

MOST_ROWS: Final = 200
"""In one message: the longest report is 20 000 signs, so all fit into `MOST_BYTES`."""

MOST_BYTES: Final = 8 * 2**20

Short = Annotated[str, Field(max_length=64)]
Text = Annotated[str, Field(max_length=200)]
Long = Annotated[str, Field(max_length=20_000)]
Verifier = Annotated[str, Field(max_length=200, pattern=r"^\$argon2id\$")]


class SittingRow(Message):
    """The signed attendance list."""

    signed_by: Text
    signed_ms: Count


class CandidateRow(Message):
    """A candidate who was added at the relay."""

    number: Id
    name: Text
    is_protected: bool
    login: Text
    verifier: Verifier


class PlaceRow(Message):
    """A candidate's seat and attendance."""

    candidate: Id
    seat: Count
    attendance: Short
    id_kind: Text
    marked_by: Text
    marked_ms: Count


class EnrolmentRow(Message):
    """A candidate's entry to a part and the signed hand-in."""

    candidate: Id
    part: Id
    level: Short
    accommodation_ms: Count
    signed_delivered_ms: Count


class ExitRow(Message):
    """A candidate left the room."""

    candidate: Short
    part: Short
    invigilator: Text
    out_ms: Count
    back_ms: Count
    by: Text


class DeviationRow(Message):
    """A deviation of the sitting."""

    candidate: Short
    part: Short
    kind: Short
    note: Long
    at_ms: Count
    by: Text


class IncidentRow(Message):
    """A suspicion or event that staff entered."""

    candidate: Short
    part: Short
    kind: Short
    is_attempted_cheating: bool
    note: Long
    at_ms: Count
    by: Text
    leader_seen_ms: Count
    manager_seen_ms: Count


class ReportRow(Message):
    """A written report to the test manager."""

    candidate: Short
    text: Long
    at_ms: Count
    by: Text
    handled_ms: Count
    handled_by: Text


class AuditRow(Message):
    """An act at the relay."""

    at_ms: Count
    user: Text
    role: Short
    act: Short
    candidate: Short
    is_allowed: bool
    detail: dict[str, JsonValue]


class AckRow(Message):
    """A PC has applied an order."""

    number: Annotated[int, Field(ge=1)]
    device: Id
    applied_ms: Count
    received_ms: Count


class ProgressRow(Message):
    """The newest progress that a PC told the relay of an attempt."""

    attempt: Id
    candidate: Short
    part: Short
    device: Id
    phase: Short
    sequence: Count
    received_ms: Count
    data: Annotated[str, Field(max_length=16_384)]


ROWS: Final[Mapping[str, type[Message]]] = {
    "sitting": SittingRow,
    "candidate": CandidateRow,
    "place": PlaceRow,
    "enrolment": EnrolmentRow,
    "exit": ExitRow,
    "deviation": DeviationRow,
    "incident": IncidentRow,
    "report": ReportRow,
    "ack": AckRow,
    "progress": ProgressRow,
    "audit": AuditRow,
}
"""By kind, in the order in which they are told: a candidate before the place."""


class TellingRow(Message):
    """One row as it travels; ``row`` is plain data of its kind's model."""

    kind: Annotated[str, Field(max_length=16)]
    source: Annotated[str, Field(max_length=200)]
    row: dict[str, JsonValue]

    @model_validator(mode="after")
    def _has_one_form(self) -> TellingRow:
        """Refuse fractions and halves of characters here: no row has them, and nothing could hash them."""
        try:
            canonical_bytes(self.row)
        except EngineError as error:
            raise ValueError from error
        return self

    @property
    def sha256(self) -> str:
        """A hash of its content, by which a change is seen."""
        return sha256_hex(canonical_bytes(self.row))


class Telling(Message):
    """Rows of one sitting."""

    format: Annotated[int, Field(ge=1, le=1)] = 1
    sitting: Id
    rows: Annotated[tuple[TellingRow, ...], Field(max_length=MOST_ROWS)]


class RelayStanding(Message):
    """What the central store holds of a lent sitting, for the relay to go on from.

    ``state`` is a word of `centralstore.words.LendingState`; ``last_order_sha256`` zeros where there is no order.
    ``revoked`` and ``withdrawn`` are the room's PCs and user names that may not be used any more.
    """

    sitting: Id
    number: Annotated[int, Field(ge=1)]
    state: Short
    last_order: Count
    last_order_sha256: Hash
    revoked: Annotated[tuple[Id, ...], Field(max_length=20_000)] = ()
    withdrawn: Annotated[tuple[Text, ...], Field(max_length=20_000)] = ()


def telling_row(kind: str, source: str, message: Message) -> TellingRow:
    """A row to tell."""
    return TellingRow(kind=kind, source=source, row=plain_of(message))
