"""What stands against what: two stores or two PCs that tell a sitting differently, and what counts as evidence only.

Nothing here changes what is kept: it is shown on the room page and by ``store loans``, and people decide.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlmodel import Session, col, func, select

from centralstore.records import ContradictionView, EvidenceView, LateRowView
from centralstore.relay.rows import TellingRow
from centralstore.rights import Actor
from centralstore.store.keeper import Keeper
from centralstore.tables import (
    Acceptance,
    Contradiction,
    Device,
    GivenOrder,
    KeptEnvelope,
    KeptProgress,
    Lending,
)
from centralstore.words import ContradictionKind, OrderKind
from engine.state import Phase
from sync.orders import SignedOrder


class Contradictions(Keeper):
    """Showing them."""

    def contradictions(self, actor: Actor, sitting: str) -> tuple[ContradictionView, ...]:
        """What two stores, or two PCs, tell differently of a sitting; what is evidence only is counted among it."""
        self._look(actor, sitting)

        def work(session: Session) -> tuple[ContradictionView, ...]:
            query = select(Contradiction).where(
                Contradiction.sitting == sitting, Contradiction.kind != ContradictionKind.LATE_ROW.value
            )
            rows = session.exec(query.order_by(col(Contradiction.id))).all()
            kept = tuple(_view(row) for row in rows if not _is_followed(session, row))
            return (*kept, *_counted(session, sitting), *_two_attempts(session, sitting), *_let_in(session, sitting))

        return self._read(work)

    def late_rows(self, actor: Actor, sitting: str) -> tuple[LateRowView, ...]:
        """Every row that relays told of a sitting when they gave it no more: kept as evidence, taken in nowhere."""
        self._look(actor, sitting)
        return self._read(lambda session: tuple(_late_rows(session, sitting)))

    def evidence(self, actor: Actor, sitting: str) -> tuple[EvidenceView, ...]:
        """The revoked PCs of which something may come as evidence, who let it in and why, and what came."""
        self._look(actor, sitting)
        return self._read(lambda session: evidence_of(session, sitting))


def contradict(session: Session, found: Contradiction) -> bool:
    """Keep a contradiction, once; whether it was new."""
    known = select(Contradiction.id).where(
        Contradiction.sitting == found.sitting,
        Contradiction.kind == found.kind,
        Contradiction.subject == found.subject,
    )
    if session.exec(known).first() is not None:
        return False
    session.add(found)
    session.flush()
    return True


def contradict_order(session: Session, entry: SignedOrder, kept_sha256: str, now_ms: int) -> None:
    """Keep an order that is not followed: another is kept under its number, or whoever signed it gives no more."""
    order = entry.order
    contradict(
        session,
        Contradiction(
            sitting=order.sitting,
            kind=ContradictionKind.ORDER.value,
            subject=_order_subject(order.number, order.sha256),
            candidate=order.candidate,
            part=order.part,
            told={"kind": order.kind, "number": order.number, "by": order.by, "offered": order.sha256,
                  "kept": kept_sha256, "signed": entry.model_dump(mode="json")},
            at_ms=now_ms,
        ),
    )  # fmt: skip


def is_order_contradicted(session: Session, sitting: str, number: int, sha256: str) -> bool:
    """Whether this very order is kept as one that is not followed."""
    query = select(Contradiction.id).where(
        Contradiction.sitting == sitting,
        Contradiction.kind == ContradictionKind.ORDER.value,
        Contradiction.subject == _order_subject(number, sha256),
    )
    return session.exec(query).first() is not None


def keep_late_row(session: Session, relay: str, sitting: str, row: TellingRow, now_ms: int) -> bool:
    """Keep what a relay tells of a sitting that it gives no more, but no verifier; whether it was new."""
    plain = {name: value for name, value in row.row.items() if name != "verifier"}
    told: dict[str, object] = {"relay": relay, "kind": row.kind, "source": row.source, "row": plain}
    return contradict(
        session,
        Contradiction(
            sitting=sitting,
            kind=ContradictionKind.LATE_ROW.value,
            subject=f"{relay} {row.kind} {row.source} {row.sha256[:16]}",
            candidate=str(plain.get("candidate", "")),
            part=str(plain.get("part", "")),
            told=told,
            at_ms=now_ms,
        ),
    )


def evidence_of(session: Session, sitting: str) -> tuple[EvidenceView, ...]:
    """What staff let in of revoked PCs, and how many envelopes came since, by attempt."""
    rows = session.exec(
        select(Acceptance).where(Acceptance.sitting == sitting).order_by(col(Acceptance.at_ms), col(Acceptance.device))
    ).all()
    return tuple(_evidence_view(session, row) for row in rows)


def _evidence_view(session: Session, row: Acceptance) -> EvidenceView:
    query = (
        select(KeptEnvelope.attempt, func.count())
        .where(
            KeptEnvelope.sitting == row.sitting,
            KeptEnvelope.device == row.device,
            col(KeptEnvelope.id) > row.after_envelope,
        )
        .group_by(KeptEnvelope.attempt)
    )
    device = session.get(Device, row.device)
    return EvidenceView(
        sitting=row.sitting,
        device=row.device,
        name=device.name if device is not None else row.device,
        by=row.by,
        reason=row.reason,
        at_ms=row.at_ms,
        envelopes=dict(session.exec(query).all()),
    )


def _let_in(session: Session, sitting: str) -> Iterator[ContradictionView]:
    for each in evidence_of(session, sitting):
        told: dict[str, object] = {"by": each.by, "reason": each.reason, "envelopes": sum(each.envelopes.values())}
        yield ContradictionView(ContradictionKind.EVIDENCE, each.name, "", "", told, each.at_ms)


# --- rows told too late -----------------------------------------------------------------------------------------------


def _late(session: Session, sitting: str) -> list[Contradiction]:
    query = select(Contradiction).where(
        Contradiction.sitting == sitting, Contradiction.kind == ContradictionKind.LATE_ROW.value
    )
    return list(session.exec(query.order_by(col(Contradiction.id))).all())


def _late_rows(session: Session, sitting: str) -> Iterator[LateRowView]:
    for row in _late(session, sitting):
        told: dict[str, Any] = row.told
        yield LateRowView(told["relay"], told["kind"], told["source"], told["row"], row.at_ms)


def _counted(session: Session, sitting: str) -> Iterator[ContradictionView]:
    """One line for each relay: how many rows of which kind it told too late."""
    counts = defaultdict[str, Counter[str]](Counter)
    newest: dict[str, int] = {}
    for row in _late_rows(session, sitting):
        counts[row.relay][row.kind] += 1
        newest[row.relay] = max(newest.get(row.relay, 0), row.at_ms)
    names = _relay_names(session, sitting)
    for relay, found in counts.items():
        told: dict[str, object] = dict(found)
        yield ContradictionView(ContradictionKind.LATE_ROW, names.get(relay, relay), "", "", told, newest[relay])


def _relay_names(session: Session, sitting: str) -> Mapping[str, str]:
    return dict(session.exec(select(Lending.relay, Lending.name).where(Lending.sitting == sitting)).all())


# --- two attempts -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Told:
    """An attempt that somebody told of."""

    attempt: str
    candidate: str
    part: str
    device: str
    phase: str
    at_ms: int


def _two_attempts(session: Session, sitting: str) -> Iterator[ContradictionView]:
    """Candidates of whom two attempts at one part are told, neither of them reset."""
    resets = select(GivenOrder.data).where(GivenOrder.sitting == sitting, GivenOrder.kind == OrderKind.RESET.value)
    reset = {str(SignedOrder.model_validate_json(each).order.data.get("attempt", "")) for each in session.exec(resets)}
    standing = [
        each
        for each in _told_attempts(session, sitting).values()
        if each.attempt not in reset and each.phase != Phase.RESET.value
    ]
    standing.sort(key=lambda each: (each.candidate, each.part, each.attempt))
    for (candidate, part), group in groupby(standing, key=lambda each: (each.candidate, each.part)):
        attempts = list(group)
        if len(attempts) > 1:
            told: dict[str, object] = {each.attempt: f"{each.device} {each.phase}" for each in attempts}
            at_ms, subject = max(each.at_ms for each in attempts), f"{candidate} {part}"
            yield ContradictionView(ContradictionKind.TWO_ATTEMPTS, subject, candidate, part, told, at_ms)


def _told_attempts(session: Session, sitting: str) -> dict[str, _Told]:
    """By attempt, what PCs told here; of attempts that no PC told here, what a relay told of them too late."""
    found: dict[str, _Told] = {}
    for late in _late_rows(session, sitting):
        if late.kind == "progress":
            row = late.row
            told = (row["attempt"], row["candidate"], row["part"], row["device"], row["phase"])
            found[row["attempt"]] = _Told(*told, late.at_ms)
    for kept in session.exec(select(KeptProgress).where(KeptProgress.sitting == sitting)).all():
        found[kept.attempt] = _Told(kept.attempt, kept.candidate, kept.part, kept.device, kept.phase, kept.received_ms)
    return found


def _is_followed(session: Session, row: Contradiction) -> bool:
    """Whether an order that was not followed is on the list after all, since a PC that had heard it told it."""
    if row.kind != ContradictionKind.ORDER.value:
        return False
    order = session.get(GivenOrder, (row.sitting, row.told["number"]))
    return order is not None and order.sha256 == row.told["offered"]


def _order_subject(number: int, sha256: str) -> str:
    return f"order {number}, {sha256[:16]}"


def _view(row: Contradiction) -> ContradictionView:
    kind = ContradictionKind(row.kind)
    return ContradictionView(kind, row.subject, row.candidate, row.part, row.told, row.at_ms)
