"""The database's tables; nothing outside `centralstore.store` touches them.

SQLModel tables do not validate: what enters has been parsed at the edge. Times are UTC in milliseconds unless a name
says otherwise. Enumerations are kept as words, lists and maps as JSON, so that SQLite and PostgreSQL hold the same.
"""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Integer, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

__all__ = [
    "Acceptance",
    "Account",
    "Audit",
    "Borrowing",
    "Candidate",
    "CentralReceipt",
    "Conflict",
    "Contradiction",
    "DayCode",
    "Deviation",
    "Device",
    "DeviceToken",
    "Enrolment",
    "Exit",
    "GivenOrder",
    "Incident",
    "KeptEnvelope",
    "KeptGrant",
    "KeptProgress",
    "KeptReadiness",
    "KeptRelease",
    "KeptResult",
    "Lending",
    "LogCheckpoint",
    "LogLeaf",
    "LogWitness",
    "OrderAck",
    "PcReport",
    "Place",
    "RelayedRow",
    "Report",
    "SentRow",
    "Sitting",
    "SittingPart",
    "SittingRelease",
    "StaffSession",
]


class Account(SQLModel, table=True):
    """A person who works with the tests. ``site`` "" = every site (national), ``room`` "" = every room of the site."""

    user: str = Field(primary_key=True)
    name: str
    verifier: str
    role: str
    site: str = Field(index=True)
    room: str
    is_active: bool = True
    wrong_in_row: int = 0
    paused_until_ms: int = Field(default=0, sa_type=BigInteger)
    created_ms: int = Field(sa_type=BigInteger)


class StaffSession(SQLModel, table=True):
    """A logged-in browser; only the SHA-256 of its token is kept."""

    token_sha256: str = Field(primary_key=True)
    user: str = Field(index=True)
    created_ms: int = Field(sa_type=BigInteger)
    expires_ms: int = Field(sa_type=BigInteger)


class Audit(SQLModel, table=True):
    """One act: who, when, what, where. Never an answer, a password or a name of a candidate."""

    id: int | None = Field(default=None, primary_key=True)
    at_ms: int = Field(sa_type=BigInteger)
    user: str = Field(index=True)
    role: str
    act: str
    site: str = Field(index=True)
    room: str
    sitting: str
    candidate: str
    is_allowed: bool
    detail: dict[str, object] = Field(sa_type=JSON)


class Candidate(SQLModel, table=True):
    """A person who takes tests; with protected identity the name is empty (reglement 3.3)."""

    number: str = Field(primary_key=True)
    name: str
    is_protected: bool
    login: str = Field(unique=True)
    verifier: str


class Sitting(SQLModel, table=True):
    """One group of candidates in one room on one day, with its parts in order.

    ``store_share`` is the authority's half of the content key, sealed to this store; emptied at CLOSED.
    """

    id: str = Field(primary_key=True)
    site: str = Field(index=True)
    room: str
    date: str = Field(index=True)
    programme: str
    state: str
    current_part: str
    test_leader: str
    opened_ms: int = Field(default=0, sa_type=BigInteger)
    closed_ms: int = Field(default=0, sa_type=BigInteger)
    signed_by: str = ""
    signed_ms: int = Field(default=0, sa_type=BigInteger)
    recovery_public: str = ""
    store_share: bytes = Field(default=b"", sa_type=LargeBinary)


class SittingPart(SQLModel, table=True):
    """A part of a sitting: its place in the order, the plan, and the test leader's start."""

    sitting: str = Field(primary_key=True)
    part: str = Field(primary_key=True)
    position: int
    planned_start_ms: int = Field(sa_type=BigInteger)
    planned_end_ms: int = Field(sa_type=BigInteger)
    started_ms: int = Field(default=0, sa_type=BigInteger)


class SittingRelease(SQLModel, table=True):
    """A release used by a sitting."""

    sitting: str = Field(primary_key=True)
    release: str = Field(primary_key=True)


class Place(SQLModel, table=True):
    """A candidate on a sitting's list: seat, whether they came, and who checked."""

    sitting: str = Field(primary_key=True)
    candidate: str = Field(primary_key=True)
    seat: int
    attendance: str
    id_kind: str = ""
    marked_by: str = ""
    marked_ms: int = Field(default=0, sa_type=BigInteger)


class Enrolment(SQLModel, table=True):
    """A candidate's entry to one part: level where the part has levels, granted minutes, and the signed hand-in."""

    sitting: str = Field(primary_key=True)
    candidate: str = Field(primary_key=True)
    part: str = Field(primary_key=True)
    level: str
    accommodation_ms: int
    signed_delivered_ms: int = Field(default=0, sa_type=BigInteger)


class DayCode(SQLModel, table=True):
    """Four digits for a site and date, or for one sitting; kept sealed to the store's box key."""

    site: str = Field(primary_key=True)
    date: str = Field(primary_key=True)
    sitting: str = Field(primary_key=True)
    sealed: bytes = Field(sa_type=LargeBinary)
    verifier: str
    made_ms: int = Field(sa_type=BigInteger)


class Device(SQLModel, table=True):
    """An exam PC and its public keys. States: enrolled, cleared, revoked."""

    id: str = Field(primary_key=True)
    name: str
    site: str = Field(index=True)
    room: str
    x25519: bytes = Field(sa_type=LargeBinary)
    ed25519: bytes = Field(sa_type=LargeBinary)
    state: str
    enrolled_ms: int = Field(sa_type=BigInteger)
    last_contact_ms: int = Field(default=0, sa_type=BigInteger)


class DeviceToken(SQLModel, table=True):
    """Permission to enrol one PC, once; only its SHA-256 is kept."""

    token_sha256: str = Field(primary_key=True)
    site: str
    room: str
    expires_ms: int = Field(sa_type=BigInteger)
    used_ms: int = Field(default=0, sa_type=BigInteger)


class GivenOrder(SQLModel, table=True):
    """A signed order, numbered from 1 in its sitting; never changed, never deleted."""

    sitting: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    kind: str
    candidate: str
    part: str
    reason: str
    by: str
    at_ms: int = Field(sa_type=BigInteger)
    sha256: str
    data: bytes = Field(sa_type=LargeBinary)


class OrderAck(SQLModel, table=True):
    """A PC has applied an order."""

    sitting: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    device: str = Field(primary_key=True)
    applied_ms: int = Field(sa_type=BigInteger)
    received_ms: int = Field(sa_type=BigInteger)


class KeptRelease(SQLModel, table=True):
    """A test package on this store; ``programme`` is its public programme as plain data."""

    id: str = Field(primary_key=True)
    sha256: str
    size: int = Field(sa_type=BigInteger)
    file_name: str
    series: str
    version: int
    manifest: dict[str, object] = Field(sa_type=JSON)
    programme: dict[str, object] = Field(sa_type=JSON)
    added_ms: int = Field(sa_type=BigInteger)


class KeptMetadata(SQLModel, table=True):
    """A file of the authority's list of current releases by its name, or what this store must not forget of it."""

    name: str = Field(primary_key=True)
    data: bytes = Field(sa_type=LargeBinary)
    added_ms: int = Field(sa_type=BigInteger)


class KeptGrant(SQLModel, table=True):
    """What one PC needs, besides the release share, to open a release in a sitting."""

    sitting: str = Field(primary_key=True)
    release: str = Field(primary_key=True)
    device: str = Field(primary_key=True)
    data: bytes = Field(sa_type=LargeBinary)


class KeptEnvelope(SQLModel, table=True):
    """An envelope as it came and the receipt that was given for it."""

    __table_args__ = (UniqueConstraint("attempt", "segment", "first", "last"),)

    id: int | None = Field(default=None, primary_key=True)
    sitting: str = Field(index=True)
    attempt: str = Field(index=True)
    segment: str
    device: str
    release: str
    first: int
    last: int
    sha256: str
    received_ms: int = Field(sa_type=BigInteger)
    data: bytes = Field(sa_type=LargeBinary)
    receipt: bytes = Field(sa_type=LargeBinary)


class Conflict(SQLModel, table=True):
    """A verified envelope for a place that was taken by another: shown to staff, kept as evidence."""

    __table_args__ = (UniqueConstraint("attempt", "segment", "first", "last", "offered_sha256"),)

    id: int | None = Field(default=None, primary_key=True)
    sitting: str = Field(index=True)
    attempt: str
    segment: str
    device: str
    first: int
    last: int
    stored_sha256: str
    offered_sha256: str
    at_ms: int = Field(sa_type=BigInteger)
    data: bytes = Field(sa_type=LargeBinary)


class KeptProgress(SQLModel, table=True):
    """The newest signed progress record of an attempt."""

    attempt: str = Field(primary_key=True)
    sitting: str = Field(index=True)
    candidate: str
    part: str
    device: str
    phase: str
    sequence: int = Field(sa_type=BigInteger)
    received_ms: int = Field(sa_type=BigInteger)
    data: bytes = Field(sa_type=LargeBinary)


class PcReport(SQLModel, table=True):
    """Who sits at a PC and, where nobody does, the newest signed progress record; ``attempt`` "" = nobody."""

    sitting: str = Field(primary_key=True)
    device: str = Field(primary_key=True)
    attempt: str
    sequence: int = Field(sa_type=BigInteger)
    received_ms: int = Field(sa_type=BigInteger)
    data: bytes = Field(sa_type=LargeBinary)


class KeptReadiness(SQLModel, table=True):
    """A PC's readiness report as it came; ``tested_ms`` is the PC's time, corrected by the store's."""

    id: int | None = Field(default=None, primary_key=True)
    device: str = Field(index=True)
    sitting: str
    tested_ms: int = Field(sa_type=BigInteger)
    received_ms: int = Field(sa_type=BigInteger)
    is_ready: bool
    findings: list[dict[str, object]] = Field(sa_type=JSON)
    data: bytes = Field(sa_type=LargeBinary)


class Exit(SQLModel, table=True):
    """A candidate left the room during a part. ``invigilator`` "" = unaccompanied."""

    id: int | None = Field(default=None, primary_key=True)
    sitting: str = Field(index=True)
    candidate: str
    part: str
    invigilator: str
    out_ms: int = Field(sa_type=BigInteger)
    back_ms: int = Field(default=0, sa_type=BigInteger)
    by: str


class Deviation(SQLModel, table=True):
    """A deviation (avvik) of the sitting; ``kind`` is a word of `centralstore.words.DeviationKind`."""

    id: int | None = Field(default=None, primary_key=True)
    sitting: str = Field(index=True)
    candidate: str
    part: str
    kind: str
    note: str
    at_ms: int = Field(sa_type=BigInteger)
    by: str


class Incident(SQLModel, table=True):
    """A suspicion or event that staff entered, with when test leader and test manager got to see it."""

    id: int | None = Field(default=None, primary_key=True)
    sitting: str = Field(index=True)
    candidate: str
    part: str
    kind: str
    is_attempted_cheating: bool
    note: str
    at_ms: int = Field(sa_type=BigInteger)
    by: str
    leader_seen_ms: int = Field(default=0, sa_type=BigInteger)
    manager_seen_ms: int = Field(default=0, sa_type=BigInteger)


class Report(SQLModel, table=True):
    """A test leader's written report of an irregularity to the test manager (reglement 6.1)."""

    id: int | None = Field(default=None, primary_key=True)
    sitting: str = Field(index=True)
    site: str
    room: str
    candidate: str
    text: str
    at_ms: int = Field(sa_type=BigInteger)
    by: str
    handled_ms: int = Field(default=0, sa_type=BigInteger)
    handled_by: str = ""


class KeptResult(SQLModel, table=True):
    """A result in one scoring version; held until released. Older versions stay as they were."""

    __table_args__ = (UniqueConstraint("attempt", "scoring_number"),)

    id: int | None = Field(default=None, primary_key=True)
    attempt: str = Field(index=True)
    scoring_number: int
    scoring_version: str
    sitting: str = Field(index=True)
    candidate: str
    part: str
    state: str
    level: str
    data: dict[str, object] = Field(sa_type=JSON)
    findings: list[dict[str, object]] = Field(sa_type=JSON)
    keys_sha256: str
    scored_ms: int = Field(sa_type=BigInteger)


class LogLeaf(SQLModel, table=True):
    """One leaf of the append-only log: that a row of ``kind`` and ``ref`` was kept, by its RFC 6962 hash.

    ``sitting`` "" = of no sitting. ``signature``: by the log's key, where the row itself carries no signature of the
    store (`centralstore.leaves.sign_leaf`). Numbered from 0 without a gap; never changed, never deleted.
    """

    number: int = Field(
        sa_column=Column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=False)
    )
    kind: str
    ref: str
    sitting: str
    leaf: bytes = Field(sa_type=LargeBinary)
    signature: bytes = Field(default=b"", sa_type=LargeBinary)


class LogCheckpoint(SQLModel, table=True):
    """A signed checkpoint of the log (`sync.checkpoint`); never changed, never deleted."""

    size: int = Field(
        sa_column=Column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=False)
    )
    at_ms: int = Field(sa_type=BigInteger)
    data: bytes = Field(sa_type=LargeBinary)


class LogWitness(SQLModel, table=True):
    """A checkpoint cosigned by a witness, whose public key is ``witness`` in hexadecimal digits."""

    size: int = Field(primary_key=True, sa_type=BigInteger)
    witness: str = Field(primary_key=True)
    added_ms: int = Field(sa_type=BigInteger)
    data: bytes = Field(sa_type=LargeBinary)


class Lending(SQLModel, table=True):
    """A sitting given to a relay; ``state`` is one of `centralstore.words.LendingState`. The newest number counts."""

    sitting: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    relay: str = Field(index=True)
    name: str
    url: str
    state: str
    lent_by: str
    lent_ms: int = Field(sa_type=BigInteger)
    ended_by: str = ""
    ended_ms: int = Field(default=0, sa_type=BigInteger)
    reason: str = ""
    delegation: bytes = Field(sa_type=LargeBinary)
    returned: bytes = Field(default=b"", sa_type=LargeBinary)


class Borrowing(SQLModel, table=True):
    """A sitting that this store, a relay, gives for a central store; ``central`` is that store's public identity.

    ``returned`` is the signed return; not empty: nothing more is given here.
    """

    sitting: str = Field(primary_key=True)
    number: int
    delegation: bytes = Field(sa_type=LargeBinary)
    central: dict[str, object] = Field(sa_type=JSON)
    borrowed_ms: int = Field(sa_type=BigInteger)
    returned: bytes = Field(default=b"", sa_type=LargeBinary)
    is_return_known: bool = False


class CentralReceipt(SQLModel, table=True):
    """The central store's receipt for an envelope that this relay forwarded, by the envelope's identity."""

    sha256: str = Field(primary_key=True)
    sitting: str = Field(index=True)
    is_conflict: bool
    received_ms: int = Field(sa_type=BigInteger)
    receipt: bytes = Field(sa_type=LargeBinary)


class SentRow(SQLModel, table=True):
    """A row of a borrowed sitting that the central store has taken in, as it was then."""

    sitting: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    sha256: str


class RelayedRow(SQLModel, table=True):
    """Which row here came from which of a relay's, so that what is told twice is kept once."""

    relay: str = Field(primary_key=True)
    sitting: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    sha256: str
    local: str


class Contradiction(SQLModel, table=True):
    """Two stores gave one sitting, and tell something else of the same: shown to staff, kept as evidence."""

    __table_args__ = (UniqueConstraint("sitting", "kind", "subject"),)

    id: int | None = Field(default=None, primary_key=True)
    sitting: str = Field(index=True)
    kind: str
    subject: str
    candidate: str
    part: str
    told: dict[str, object] = Field(sa_type=JSON)
    at_ms: int = Field(sa_type=BigInteger)


class Acceptance(SQLModel, table=True):
    """Staff lets in what a revoked PC still holds of a sitting, as evidence; never changed, never deleted.

    ``after_envelope``: the newest `KeptEnvelope` by then; whatever is kept of that PC and sitting after it is evidence.
    """

    sitting: str = Field(primary_key=True)
    device: str = Field(primary_key=True)
    by: str
    reason: str
    at_ms: int = Field(sa_type=BigInteger)
    after_envelope: int = Field(sa_type=BigInteger)
