"""Results as they are kept: one row a scoring, held until released, older versions untouched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlmodel import Session, col, select

from centralstore.errors import NotFoundError
from centralstore.leaves import result_leaf
from centralstore.records import Enrolled, Known, ResultView, ScoredAttempt
from centralstore.rights import EVERYWHERE, Act, Actor
from centralstore.store.contradictions import evidence_of
from centralstore.store.keeper import Keeper, Where
from centralstore.store.log import append
from centralstore.tables import (
    Account,
    Candidate,
    Device,
    Enrolment,
    GivenOrder,
    KeptEnvelope,
    KeptRelease,
    KeptResult,
    Sitting,
)
from centralstore.words import ResultState, Role
from sync.keys import VerifyKey
from sync.orders import SignedOrder


class Results(Keeper):
    """Keeping and reading results; opening answers is the scoring command's, never the service's."""

    def keep_results(self, actor: Actor, scored: Sequence[ScoredAttempt]) -> int:
        """Keep results as a new scoring of each attempt, HELD; the same result again is not kept twice.

        Returns:
            How many were new.
        """

        def work(session: Session) -> int:
            return sum(self._keep_result(session, entry) for entry in scored)

        return self._act(actor, Act.KEEP_RESULTS, Where(EVERYWHERE, EVERYWHERE), work, detail={"attempts": len(scored)})

    def results(self, actor: Actor, *, sitting: str = "") -> tuple[ResultView, ...]:
        """All scorings, also held ones, by sitting, candidate, part and scoring.

        Raises:
            NoRightError: nobody at a test site sees held results (reglement 6.5).
        """
        where = Where(EVERYWHERE, EVERYWHERE, sitting)
        return self._act(actor, Act.SEE_RESULTS, where, lambda session: _all_results(session, sitting))

    def candidate_results(self, login: str) -> tuple[ResultView, ...]:
        """What a candidate may see: nothing until all enrolled parts are released, then the newest scoring of each."""

        def work(session: Session) -> tuple[ResultView, ...]:
            number = session.exec(select(Candidate.number).where(Candidate.login == login)).first() or ""
            query = select(KeptResult).where(KeptResult.candidate == number).order_by(col(KeptResult.id))
            newest = {(row.sitting, row.part): row for row in session.exec(query).all()}
            if any(row.state != ResultState.RELEASED.value for row in newest.values()):
                return ()
            awaited = set(
                session.exec(select(Enrolment.sitting, Enrolment.part).where(Enrolment.candidate == number)).all()
            )
            return tuple(_view(row) for row in newest.values()) if awaited <= set(newest) else ()

        return self._read(work)

    # --- for the scoring command --------------------------------------------------------------------------------------

    def kept_attempts(self, sitting: str = "") -> tuple[tuple[str, str], ...]:
        """(sitting, attempt) of every attempt with an envelope, in the order of their first one."""

        def work(session: Session) -> tuple[tuple[str, str], ...]:
            query = select(KeptEnvelope.sitting, KeptEnvelope.attempt).order_by(col(KeptEnvelope.id))
            rows = session.exec(query.where(KeptEnvelope.sitting == sitting) if sitting else query).all()
            return tuple(dict.fromkeys((row[0], row[1]) for row in rows))

        return self._read(work)

    def envelopes(self, attempt: str) -> tuple[bytes, ...]:
        """An attempt's envelopes in order of arrival."""
        query = select(KeptEnvelope.data).where(KeptEnvelope.attempt == attempt).order_by(col(KeptEnvelope.id))
        return self._read(lambda session: tuple(session.exec(query).all()))

    def release_of(self, attempt: str) -> str:
        """The release that an attempt's first envelope names.

        Raises:
            NotFoundError: nothing of the attempt is here.
        """
        query = select(KeptEnvelope.release).where(KeptEnvelope.attempt == attempt).order_by(col(KeptEnvelope.id))
        release = self._read(lambda session: session.exec(query.limit(1)).first())
        if release is None:
            raise NotFoundError("Attempt", attempt)
        return release

    def release_paths(self) -> Mapping[str, Path]:
        """The file of every release here, by id."""
        query = select(KeptRelease.id, KeptRelease.file_name)
        rows = self._read(lambda session: session.exec(query).all())
        return {release: self._house.folder.releases / name for release, name in rows}

    def known(self, sitting: str) -> Known:
        """What the store itself knows of a sitting, for holding journals against it."""

        def work(session: Session) -> Known:
            enrolments = session.exec(select(Enrolment).where(Enrolment.sitting == sitting)).all()
            orders = session.exec(select(GivenOrder).where(GivenOrder.sitting == sitting)).all()
            return Known(
                sitting=sitting,
                enrolled={
                    (row.candidate, row.part): Enrolled(row.candidate, row.part, row.level, row.accommodation_ms)
                    for row in enrolments
                },
                orders={row.number: SignedOrder.model_validate_json(row.data).order for row in orders},
                devices={row.id: VerifyKey(row.ed25519) for row in session.exec(select(Device)).all()},
                leaders=_leaders(session, sitting),
                evidence=evidence_of(session, sitting),
            )

        return self._read(work)

    def note_results_read(self, actor: Actor, sitting: str) -> None:
        """Log that somebody reads held results at the store's own machine."""
        self._act(actor, Act.SEE_RESULTS, Where(EVERYWHERE, EVERYWHERE, sitting), lambda _session: None)

    def held_results(self, sitting: str = "") -> tuple[ResultView, ...]:
        """As `results`, for the commands at the store's own machine; they log by `note_results_read`."""
        return self._read(lambda session: _all_results(session, sitting))

    def _keep_result(self, session: Session, scored: ScoredAttempt) -> int:
        query = select(KeptResult).where(KeptResult.attempt == scored.attempt).order_by(col(KeptResult.id).desc())
        last = session.exec(query.limit(1)).first()
        same = last is not None and (last.data, last.findings, last.keys_sha256, last.scoring_version) == (
            scored.data,
            list(scored.findings),
            scored.keys_sha256,
            scored.scoring_version,
        )
        if same:
            return 0
        row = KeptResult(
            attempt=scored.attempt,
            scoring_number=last.scoring_number + 1 if last is not None else 1,
            scoring_version=scored.scoring_version,
            sitting=scored.sitting,
            candidate=scored.candidate,
            part=scored.part,
            state=ResultState.HELD.value,
            level=scored.level,
            data=scored.data,
            findings=list(scored.findings),
            keys_sha256=scored.keys_sha256,
            scored_ms=self.now_ms(),
        )
        session.add(row)
        session.flush()
        append(session.connection(), [result_leaf(row)])
        return 1


def _leaders(session: Session, sitting: str) -> frozenset[str]:
    """Who may unlock at the PC: test leaders and test managers of the room, also those whose access ended since."""
    row = session.get(Sitting, sitting)
    if row is None:
        return frozenset()
    query = select(Account.user).where(
        Account.site == row.site,
        col(Account.room).in_((EVERYWHERE, row.room)),
        col(Account.role).in_((Role.TEST_LEADER.value, Role.TEST_MANAGER.value)),
    )
    return frozenset(user.casefold() for user in session.exec(query).all())


def _all_results(session: Session, sitting: str) -> tuple[ResultView, ...]:
    query = select(KeptResult).order_by(
        col(KeptResult.sitting), col(KeptResult.candidate), col(KeptResult.part), col(KeptResult.id)
    )
    rows = session.exec(query.where(KeptResult.sitting == sitting) if sitting else query).all()
    return tuple(_view(row) for row in rows)


def _view(row: KeptResult) -> ResultView:
    return ResultView(
        attempt=row.attempt,
        scoring_number=row.scoring_number,
        scoring_version=row.scoring_version,
        sitting=row.sitting,
        candidate=row.candidate,
        part=row.part,
        state=row.state,
        level=row.level,
        data=row.data,
        findings=tuple(row.findings),
        keys_sha256=row.keys_sha256,
        scored_ms=row.scored_ms,
    )
