"""The store's check of itself: every leaf rebuilt from its row, and the whole log against its checkpoints.

Found is what somebody changed in the database past the store: an edit, a deletion, an insertion, a date set back. Not
found, here, is a whole older copy of the database, or an end cut off together with its checkpoints: that takes a
witness's checkpoint (`LogCheck.hold_witnessed`), or a PC's receipt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Table
from sqlmodel import Session, col, select

from centralstore.leaves import (
    ORDER,
    SELF_SIGNED,
    Leaf,
    audit_leaf,
    checkpoint_leaf,
    conflict_leaf,
    enrolment_leaf,
    order_leaf,
    receipt_leaf,
    result_leaf,
    verify_leaf,
)
from centralstore.rights import Act
from centralstore.store.devices import ENROLLED
from centralstore.store.evidence import evidence_problems, is_relays
from centralstore.store.exported import ACTS_ON_DEVICES, as_bytes, see_one_state
from centralstore.store.keeper import Keeper
from centralstore.store.lines import ROWS_AT_ONCE, Lines, kept_rows
from centralstore.tables import (
    Audit,
    Borrowing,
    Conflict,
    Device,
    Enrolment,
    GivenOrder,
    KeptResult,
    Lending,
    LogCheckpoint,
    LogLeaf,
    LogWitness,
)
from sync import envelope as envelopes
from sync.checkpoint import Checkpoint, verify_checkpoint, verify_cosigned
from sync.delegation import DELEGATION, Delegation
from sync.errors import SyncDataError
from sync.keys import VerifyKey
from sync.orders import OrderList, SignedOrder
from sync.segment import StreamName
from sync.signed import open_message
from sync.tree import Frontier, leaf_hash

TOLERANCE_MS: Final = 60_000
"""How far times may go back along the log: a receipt is signed before it waits for the one writer."""

_LEAVES: Final[Table] = LogLeaf.metadata.tables["logleaf"]


@dataclass(frozen=True, slots=True)
class LogFinding:
    """One thing that is not as the store left it: a row by kind and ref, and what is wrong with it."""

    kind: str
    ref: str
    problem: str

    def __str__(self) -> str:
        """As a line of a report."""
        return f"{self.kind} {self.ref}: {self.problem}"


@dataclass(frozen=True, slots=True)
class LogReport:
    """What a check looked at and found; ``uncovered`` leaves are newer than the newest checkpoint."""

    leaves: int
    checkpoints: int
    uncovered: int
    counts: dict[str, int]
    findings: tuple[LogFinding, ...]


@dataclass(slots=True)
class _Check:
    """A check going on: the leaves not yet matched by a row, and what was found."""

    leaves: dict[tuple[str, str], tuple[int, bytes, str]] = field(
        default_factory=dict[tuple[str, str], tuple[int, bytes, str]]
    )
    roots: dict[int, bytes] = field(default_factory=dict[int, bytes])
    dated: list[tuple[int, int, str, str]] = field(default_factory=list[tuple[int, int, str, str]])
    counts: dict[str, int] = field(default_factory=dict[str, int])
    findings: list[LogFinding] = field(default_factory=list[LogFinding])
    size: int = 0

    def find(self, kind: str, ref: str, problem: str) -> None:
        self.findings.append(LogFinding(kind, ref, problem))

    def match(self, made: Leaf, at_ms: int | None) -> None:
        """Hold a row's leaf against the log's; ``at_ms`` None: its time is another store's."""
        self.counts[made.kind] = self.counts.get(made.kind, 0) + 1
        found = self.leaves.pop((made.kind, made.ref), None)
        if found is None:
            self.find(made.kind, made.ref, "it is not in the log: it was written into the database past the store")
            return
        number, leaf, sitting = found
        if leaf != leaf_hash(as_bytes(made.content)):
            self.find(made.kind, made.ref, f"it is not what was logged as leaf {number}: it was changed afterwards")
        elif sitting != made.sitting:
            self.find(made.kind, made.ref, f"leaf {number} names another sitting: one of the two was changed")
        if at_ms is not None:
            self.dated.append((number, at_ms, made.kind, made.ref))


class Checking(Keeper):
    """The check; it reads only, and signs nothing."""

    def check_log(self, witnessed: Sequence[tuple[bytes, VerifyKey]] = ()) -> LogReport:
        """Rebuild every leaf, the tree and all signatures from the rows, in one state of the database.

        Memory: about 400 bytes a leaf.

        Args:
            witnessed: cosigned checkpoints from a witness's own folder, with the witness's public key, besides those
                that are in the database.
        """

        def work(session: Session) -> LogReport:
            see_one_state(session)
            check = _Check()
            sizes = set(session.exec(select(LogCheckpoint.size)).all())
            brought = list(self._cosigned(check, witnessed))
            brought += self._kept_witnesses(session, check)
            self._read_leaves(session, check, sizes | {seen.size for seen in brought})
            checkpoints = self._check_checkpoints(session, check)
            _hold_witnessed(check, brought)
            for kind, look in self._kinds().items():
                try:
                    look(session, check)
                except (ValueError, TypeError, AttributeError) as error:  # whatever somebody put into a column
                    check.find(kind, "?", f"a row cannot be read, so those after it were not looked at: {error}")
            _check_rest(check, checkpoints)
            newest = checkpoints[-1].size if checkpoints else 0
            return LogReport(
                check.size, len(checkpoints), max(check.size - newest, 0), check.counts, tuple(check.findings)
            )

        return self._read(work)

    def _read_leaves(self, session: Session, check: _Check, sizes: set[int]) -> None:
        """The log's own table: numbered without a gap, nothing twice, signed where the row itself is not."""
        key, frontier, expected = self._house.keys.log.public, Frontier(), 0
        if 0 in sizes:
            check.roots[0] = frontier.root
        query = _LEAVES.select().order_by(_LEAVES.c.number).execution_options(stream_results=True)
        with session.connection().execute(query) as rows:
            for number, kind, ref, sitting, kept, signed in rows:
                if number != expected:
                    check.find("leaf", str(expected), f"the log's leaves from this one to {number - 1} were deleted")
                expected = number + 1
                if (kind, ref) in check.leaves:
                    check.find(kind, ref, f"it was logged twice, as leaf {check.leaves[kind, ref][0]} and {number}")
                leaf, signature = as_bytes(kept), as_bytes(signed)
                check.leaves[kind, ref] = number, leaf, sitting
                frontier.append(leaf)
                if frontier.size in sizes:
                    check.roots[frontier.size] = frontier.root
                if kind not in SELF_SIGNED:
                    _check_leaf(check, number, (kind, ref, sitting, leaf, signature), key)
        check.size = frontier.size

    def _check_checkpoints(self, session: Session, check: _Check) -> list[Checkpoint]:
        """Every checkpoint against the tree; those that hold, smallest first."""
        good: list[Checkpoint] = []
        for row in session.exec(select(LogCheckpoint).order_by(col(LogCheckpoint.size))).all():
            check.match(checkpoint_leaf(row), row.at_ms)
            ref = str(row.size)
            try:
                found = verify_checkpoint(as_bytes(row.data), self._house.keys.log.public)
            except SyncDataError as error:
                check.find("checkpoint", ref, f"it was changed: {error}")
                continue
            if (row.size, row.at_ms) != (found.size, found.at_utc_ms):
                check.find("checkpoint", ref, "its size or time was changed: it is not what was signed")
            elif found.size > check.size:
                check.find(
                    "checkpoint", ref, f"the log had {found.size} leaves then and has {check.size}: some are gone"
                )
            elif check.roots[found.size].hex() != found.root:
                check.find("checkpoint", ref, f"the first {found.size} leaves are not those it was signed over")
            else:
                good.append(found)
        return good

    def _cosigned(self, check: _Check, brought: Iterable[tuple[bytes, VerifyKey]]) -> Iterable[Checkpoint]:
        for data, witness_key in brought:
            try:
                yield verify_cosigned(data, witness_key, self._house.keys.log.public)[1]
            except SyncDataError as error:
                check.find("witness", witness_key.hex[:16], f"a cosigned checkpoint does not count: {error}")

    def _kept_witnesses(self, session: Session, check: _Check) -> list[Checkpoint]:
        rows = session.exec(select(LogWitness)).all()
        return list(self._cosigned(check, ((row.data, VerifyKey.from_hex(row.witness)) for row in rows)))

    def _kinds(self) -> Mapping[str, Callable[[Session, _Check], None]]:
        return {
            "envelope": self._check_envelopes,
            "conflict": _check_conflicts,
            "order": self._check_orders,
            "result": _check_results,
            "audit": _check_acts,
            "PC": _check_devices,
            "enrolment": _check_enrolments,
            "evidence": _check_evidence,
        }

    def _check_envelopes(self, session: Session, check: _Check) -> None:
        lines = Lines(self._house.keys.receipt.public, _device_keys(session), _erased(session))
        with kept_rows(session) as rows:
            for row in rows:
                leaf = receipt_leaf(row)
                check.match(leaf, row.received_ms)
                if problem := lines.problem(row):
                    check.find("envelope", leaf.ref, problem)
        for row, problem in lines.unsigned(session):
            check.find("envelope", receipt_leaf(row).ref, problem)

    def _check_orders(self, session: Session, check: _Check) -> None:
        own, ticket = self._house.keys.order.public, self._house.keys.ticket.public
        relays: dict[str, list[VerifyKey]] = {}
        for row in session.exec(select(Lending)).all():
            try:
                told = open_message(DELEGATION, Delegation, row.delegation, ticket, signer="this store's ticket key")
                relays.setdefault(row.sitting, []).append(VerifyKey.from_hex(told.order_key))
            except SyncDataError as error:
                check.find("lending", f"{row.sitting}/{row.number}", f"it was changed: {error}")
        for row in session.exec(select(Borrowing)).all():
            relays.setdefault(row.sitting, []).append(VerifyKey.from_hex(str(row.central["order_key"])))
        lists: dict[str, OrderList] = {}
        for row in session.exec(select(GivenOrder).order_by(col(GivenOrder.sitting), col(GivenOrder.number))):
            leaf = order_leaf(row)
            also = tuple(relays.get(row.sitting, ()))
            known = lists.get(row.sitting) or OrderList(row.sitting, own, also_by=also)
            try:
                signed = SignedOrder.model_validate_json(row.data)
                is_own = not also or _is_signed_by(own, row.sitting, signed)
                lists[row.sitting] = known.with_order(signed)
                if not _is_row_of(row, signed):
                    check.find(ORDER, leaf.ref, "its row was changed: it is not the order that was signed")
            except (SyncDataError, ValueError) as error:
                is_own = True
                check.find(ORDER, leaf.ref, f"it was changed, or one before it is gone: {error}")
            check.match(leaf, row.at_ms if is_own else None)


def _check_conflicts(session: Session, check: _Check) -> None:
    devices, erased = _device_keys(session), _erased(session)
    with session.exec(select(Conflict).execution_options(yield_per=ROWS_AT_ONCE)) as rows:
        for row in rows:
            leaf = conflict_leaf(row)
            check.match(leaf, row.at_ms)
            problem = _offered_problem(row, devices, erased.get(row.sitting, ()))
            if problem:
                check.find("conflict", leaf.ref, problem)


def _check_results(session: Session, check: _Check) -> None:
    with session.exec(select(KeptResult).execution_options(yield_per=ROWS_AT_ONCE)) as rows:
        for row in rows:
            check.match(result_leaf(row), row.scored_ms)


def _check_acts(session: Session, check: _Check) -> None:
    with session.exec(select(Audit).execution_options(yield_per=ROWS_AT_ONCE)) as rows:
        for row in rows:
            check.match(audit_leaf(row), None if "relay" in row.detail else row.at_ms)


def _check_enrolments(session: Session, check: _Check) -> None:
    """Levels and granted minutes, set once; of a borrowed sitting the central store keeps the leaves."""
    borrowed = set(session.exec(select(Borrowing.sitting)).all())
    with session.exec(select(Enrolment).execution_options(yield_per=ROWS_AT_ONCE)) as rows:
        for row in rows:
            if row.sitting not in borrowed:
                check.match(enrolment_leaf(row), None)


def _check_devices(session: Session, check: _Check) -> None:
    """PCs against the acts that enrolled, cleared and revoked them: who answered is decided by their keys."""
    if session.exec(select(Borrowing.sitting).limit(1)).first() is not None:
        return  # a relay's PCs are the central store's, which keeps the acts
    keys: dict[str, tuple[object, object]] = {}
    states: dict[str, object] = {}
    acts = select(Audit).where(col(Audit.act).in_(ACTS_ON_DEVICES), col(Audit.is_allowed))
    for act in session.exec(acts.order_by(col(Audit.id))).all():
        device = "" if is_relays(act) else str(act.detail.get("device", ""))
        if not device:
            continue
        if act.act == ENROLLED:
            keys[device], states[device] = (act.detail.get("x25519"), act.detail.get("ed25519")), "enrolled"
        else:
            states[device] = act.detail.get("state")
    for row in session.exec(select(Device)).all():
        check.counts["PC"] = check.counts.get("PC", 0) + 1
        if row.id not in keys:
            check.find("PC", row.id, "nobody enrolled it: it was written into the database past the store")
        elif keys[row.id] != (row.x25519.hex(), row.ed25519.hex()):
            check.find("PC", row.id, "its keys are not those it was enrolled with")
        elif states[row.id] != row.state:
            check.find("PC", row.id, f"it is {row.state}, and by the acts in the log {states[row.id]}")


def _check_evidence(session: Session, check: _Check) -> None:
    """What staff let in of revoked PCs: without it no result tells of it."""
    for ref, problem in evidence_problems(session):
        check.find("evidence", ref, problem)


# --- helpers ----------------------------------------------------------------------------------------------------------


def _check_leaf(check: _Check, number: int, row: tuple[str, str, str, bytes, bytes], key: VerifyKey) -> None:
    kind, ref, sitting, leaf, signature = row
    try:
        verify_leaf(kind, ref, sitting, leaf, signature, key=key)
    except SyncDataError:
        check.find(kind, ref, f"leaf {number} was not made by the store: it was written past it or changed")


def _hold_witnessed(check: _Check, brought: Sequence[Checkpoint]) -> None:
    for seen in brought:
        name = f"of {seen.size} leaves"
        if seen.size > check.size:
            problem = f"the log has {check.size} leaves now: its end was cut off, or an older copy of it is back"
            check.find("witnessed checkpoint", name, problem)
        elif check.roots[seen.size].hex() != seen.root:
            check.find("witnessed checkpoint", name, "the log was another one when the witness saw it")


def _check_rest(check: _Check, checkpoints: Sequence[Checkpoint]) -> None:
    """What no row matched, and times along the log."""
    for (kind, ref), (number, _, _) in check.leaves.items():
        check.find(kind, ref, f"it was logged as leaf {number} and is gone: it was deleted")
    newest, before = 0, ""
    check.dated.sort()
    for _, at_ms, kind, ref in check.dated:
        if at_ms < newest - TOLERANCE_MS:
            check.find(kind, ref, f"it is dated {(newest - at_ms) // 1000} s before {before}, logged earlier")
        elif at_ms > newest:
            newest, before = at_ms, f"{kind} {ref}"
    _check_against_signed_times(check, checkpoints)


def _check_against_signed_times(check: _Check, checkpoints: Sequence[Checkpoint]) -> None:
    """Nothing logged after a checkpoint is older than it, nothing logged before it is younger."""
    waiting = list(checkpoints)
    since_ms = 0
    for number, at_ms, kind, ref in check.dated:
        while waiting and waiting[0].size <= number:
            since_ms = max(since_ms, waiting.pop(0).at_utc_ms)
        if at_ms < since_ms - TOLERANCE_MS:
            check.find(kind, ref, f"it is dated {(since_ms - at_ms) // 1000} s before a checkpoint without it")
        if waiting and at_ms > waiting[0].at_utc_ms + TOLERANCE_MS:
            check.find(kind, ref, "it is dated after the checkpoint that holds it")


def _offered_problem(row: Conflict, devices: Mapping[str, VerifyKey], erased: Sequence[StreamName]) -> str:
    """What is wrong with the bytes that were offered for a taken place; "" = nothing."""
    try:
        found = envelopes.verify(as_bytes(row.data), devices[row.device], erased=erased)
    except KeyError:
        return f"the PC {row.device} that made it was deleted"
    except SyncDataError as error:
        return f"its data was changed: {error}"
    return "" if found.sha256 == row.offered_sha256 else "its data was changed: it is not what was offered"


def _device_keys(session: Session) -> dict[str, VerifyKey]:
    return {row.id: VerifyKey(as_bytes(row.ed25519)) for row in session.exec(select(Device)).all()}


def _erased(session: Session) -> dict[str, list[StreamName]]:
    """The streams of each sitting that an act of the store erased."""
    query = select(Audit).where(Audit.act == Act.ERASE_STREAM.name.lower(), col(Audit.is_allowed))
    found: dict[str, list[StreamName]] = {}
    for row in (act for act in session.exec(query).all() if not is_relays(act)):
        names: tuple[StreamName, ...] = ("keys", "form")
        found.setdefault(row.sitting, []).extend(name for name in names if row.detail.get("stream") == name)
    return found


def _is_signed_by(key: VerifyKey, sitting: str, signed: SignedOrder) -> bool:
    try:
        OrderList(sitting, key).check(signed)
    except SyncDataError:
        return False
    return True


def _is_row_of(row: GivenOrder, signed: SignedOrder) -> bool:
    order = signed.order
    return (row.sitting, row.number, row.kind, row.candidate, row.part, row.reason, row.by, row.at_ms, row.sha256) == (
        order.sitting, order.number, order.kind, order.candidate, order.part, order.reason, order.by, order.at_utc_ms,
        order.sha256,
    )  # fmt: skip
