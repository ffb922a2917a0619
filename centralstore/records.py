"""What goes in and out of the store's methods: frozen values, no rows of the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from centralstore.words import (
    Attendance,
    ContradictionKind,
    DeviationKind,
    DeviceState,
    IncidentKind,
    LendingState,
    OrderKind,
    Role,
    SittingState,
)
from sync.keys import VerifyKey
from sync.orders import Order

# --- going in ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A staff account to make; ``room`` "" = every room of the site, ``site`` "" = the nation."""

    user: str
    name: str
    password: str
    role: Role
    site: str
    room: str


@dataclass(frozen=True, slots=True)
class NewCandidate:
    """A candidate to make; with protected identity the name must be empty."""

    number: str
    name: str
    is_protected: bool
    login: str
    password: str


@dataclass(frozen=True, slots=True)
class PlannedPart:
    """A part of a sitting with its planned times, UTC milliseconds."""

    part: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class NewSitting:
    """A sitting to plan; ``date`` is the site's own date, YYYY-MM-DD."""

    id: str
    site: str
    room: str
    date: str
    programme: str
    releases: tuple[str, ...]
    parts: tuple[PlannedPart, ...]
    test_leader: str


@dataclass(frozen=True, slots=True)
class NewEnrolment:
    """A candidate's entry to one part: level where the part has levels ("" where not), granted minutes as ms."""

    part: str
    level: str = ""
    accommodation_ms: int = 0


@dataclass(frozen=True, slots=True)
class NewPlace:
    """A candidate to put on a sitting's list."""

    sitting: str
    candidate: str
    seat: int
    enrolments: tuple[NewEnrolment, ...]


# --- coming out -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AccountView:
    """A staff account as others see it."""

    user: str
    name: str
    role: Role
    site: str
    room: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class SessionView:
    """An open session of an account; ``is_this``: the one that asks."""

    begun_ms: int
    ends_ms: int
    is_this: bool


@dataclass(frozen=True, slots=True)
class PartView:
    """A part of a sitting: plan and start; ``started_ms`` 0 = not yet."""

    part: str
    position: int
    planned_start_ms: int
    planned_end_ms: int
    started_ms: int


@dataclass(frozen=True, slots=True)
class SittingView:
    """A sitting as staff sees it."""

    id: str
    site: str
    room: str
    date: str
    programme: str
    releases: tuple[str, ...]
    state: SittingState
    current_part: str
    test_leader: str
    parts: tuple[PartView, ...]
    opened_ms: int
    closed_ms: int
    signed_by: str
    signed_ms: int


@dataclass(frozen=True, slots=True)
class EntryView:
    """A candidate's entry to one part and how far it came.

    ``phase`` is the engine's phase by the newest progress record ("" = never heard of); ``is_delivered``: handed in and
    every record that the PC names is kept here.
    """

    part: str
    level: str
    accommodation_ms: int
    attempt: str
    phase: str
    is_delivered: bool
    signed_delivered_ms: int


@dataclass(frozen=True, slots=True)
class ProgressView:
    """The newest sign of life of a candidate's PC; ``incidents`` as (code, ms on the attempt's clock)."""

    attempt: str
    part: str
    device: str
    phase: str
    module_number: int
    task_number: int
    task_count: int
    left_ms: int | None
    is_locked: bool
    at_ms: int
    received_ms: int
    recorded: int
    kept: int
    incidents: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class SeatView:
    """One row of the room page: a candidate, whether they came, where they are, what staff must know."""

    candidate: str
    name: str
    seat: int
    attendance: Attendance
    id_kind: str
    is_logged_in: bool
    entries: tuple[EntryView, ...]
    progress: ProgressView | None
    is_out: bool
    extra_ms: int
    last_order: int
    unconfirmed_orders: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PcView:
    """A PC at which nobody sits, as it told last: its name is its seat's; ``incidents`` are codes of what stands."""

    device: str
    name: str
    phase: str
    received_ms: int
    incidents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """A sitting with its seats, and its PCs at which nobody sits; ``version`` changes when anything in it does."""

    sitting: SittingView
    seats: tuple[SeatView, ...]
    now_ms: int
    version: int
    pcs: tuple[PcView, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceView:
    """An exam PC."""

    id: str
    name: str
    site: str
    room: str
    state: DeviceState
    enrolled_ms: int
    last_contact_ms: int


@dataclass(frozen=True, slots=True)
class ReadinessView:
    """A PC and its newest readiness report (``tested_ms`` 0: none); findings: check, outcome, sentence."""

    device: str
    name: str
    tested_ms: int
    sitting: str
    is_ready: bool
    findings: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order given, and the PCs that have applied it."""

    sitting: str
    number: int
    kind: OrderKind
    candidate: str
    part: str
    reason: str
    by: str
    at_ms: int
    applied_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExitView:
    """A candidate's exit during a part; ``invigilator`` "" = unaccompanied, ``back_ms`` 0 = not back."""

    id: int
    candidate: str
    part: str
    invigilator: str
    out_ms: int
    back_ms: int


@dataclass(frozen=True, slots=True)
class DeviationView:
    """A deviation of a sitting."""

    id: int
    candidate: str
    part: str
    kind: DeviationKind
    note: str
    at_ms: int
    by: str


@dataclass(frozen=True, slots=True)
class IncidentView:
    """An incident that staff entered, and when it was seen by whom it concerns; 0 = not yet."""

    id: int
    candidate: str
    part: str
    kind: IncidentKind
    is_attempted_cheating: bool
    note: str
    at_ms: int
    by: str
    leader_seen_ms: int
    manager_seen_ms: int


@dataclass(frozen=True, slots=True)
class ReportView:
    """A written report to the test manager; ``handled_ms`` 0 = open."""

    id: int
    sitting: str
    room: str
    candidate: str
    text: str
    at_ms: int
    by: str
    handled_ms: int
    handled_by: str


@dataclass(frozen=True, slots=True)
class ConflictView:
    """Two different envelopes claimed one place; the first is kept as the attempt's, both are here."""

    attempt: str
    segment: str
    device: str
    first: int
    last: int
    stored_sha256: str
    offered_sha256: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class LendingView:
    """A loan of a sitting to a relay; ``ended_ms`` 0 = it lasts."""

    sitting: str
    number: int
    relay: str
    name: str
    url: str
    state: LendingState
    lent_ms: int
    ended_by: str
    ended_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class BorrowingView:
    """A sitting that this relay gives for a central store, and how much of what it keeps is there as well.

    ``forwarded`` of ``kept`` envelopes have the central store's receipt. ``is_returned``: nothing more is given here.
    """

    sitting: str
    number: int
    central: str
    central_url: str
    is_returned: bool
    is_return_known: bool
    forwarded: int
    kept: int


@dataclass(frozen=True, slots=True)
class ContradictionView:
    """What two stores tell differently of one sitting; ``told`` is what each says, as plain data."""

    kind: ContradictionKind
    subject: str
    candidate: str
    part: str
    told: dict[str, object]
    at_ms: int


@dataclass(frozen=True, slots=True)
class LateRowView:
    """A row that a relay told of a sitting that it gave no more; ``row`` is plain data of `centralstore.relay.rows`."""

    relay: str
    kind: str
    source: str
    row: dict[str, Any]
    at_ms: int


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """A revoked PC of which staff lets in, as evidence, what it holds of a sitting; ``envelopes`` since, by attempt."""

    sitting: str
    device: str
    name: str
    by: str
    reason: str
    at_ms: int
    envelopes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class AuditView:
    """One act in the log."""

    id: int
    at_ms: int
    user: str
    role: str
    act: str
    site: str
    room: str
    sitting: str
    candidate: str
    is_allowed: bool
    detail: dict[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class ResultView:
    """A result in one scoring version; only for those who may see held results."""

    attempt: str
    scoring_number: int
    scoring_version: str
    sitting: str
    candidate: str
    part: str
    state: str
    level: str
    data: dict[str, object]
    findings: tuple[dict[str, object], ...]
    keys_sha256: str
    scored_ms: int


@dataclass(frozen=True, slots=True)
class ScoredAttempt:
    """What the scoring command found: plain data of `engine.result`, and every discrepancy as a finding.

    ``keys_sha256`` is the hash over the item keys used, so that two scorings tell whether they used the same.
    """

    attempt: str
    sitting: str
    candidate: str
    part: str
    level: str
    scoring_version: str
    data: dict[str, object]
    findings: tuple[dict[str, object], ...]
    keys_sha256: str


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What the store's roster says of one candidate and part."""

    candidate: str
    part: str
    level: str
    accommodation_ms: int


@dataclass(frozen=True, slots=True)
class Known:
    """What the store itself knows of a sitting: roster by (candidate, part), orders by number, PCs' keys.

    ``leaders`` are the user names, casefolded, of those who may unlock a screen at the PC itself; ``evidence`` is what
    came of revoked PCs.
    """

    sitting: str
    enrolled: Mapping[tuple[str, str], Enrolled]
    orders: Mapping[int, Order]
    devices: Mapping[str, VerifyKey]
    leaders: frozenset[str] = frozenset()
    evidence: tuple[EvidenceView, ...] = ()
