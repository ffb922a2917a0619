"""Results as they are kept: one row a scoring, held until released, older versions untouched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlmodel import Session, col, select

from centralstore.records import ResultView, ScoredAttempt
from centralstore.rights import EVERYWHERE, Act, Actor
from centralstore.store.board import standings
from centralstore.store.keeper import Keeper, Where
from centralstore.store.planning import get_sitting
from centralstore.tables import Candidate, KeptEnvelope, KeptRelease, KeptResult, Sitting
from centralstore.words import ResultState


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

        def work(session: Session) -> tuple[ResultView, ...]:
            query = select(KeptResult).order_by(
                col(KeptResult.sitting), col(KeptResult.candidate), col(KeptResult.part), col(KeptResult.id)
            )
            rows = session.exec(query.where(KeptResult.sitting == sitting) if sitting else query).all()
            return tuple(_view(row) for row in rows)

        return self._act(actor, Act.SEE_RESULTS, Where(EVERYWHERE, EVERYWHERE, sitting), work)

    def candidate_results(self, login: str) -> tuple[ResultView, ...]:
        """What a candidate may see: the newest scoring of each part, once all of them are released; until then nothing."""

        def work(session: Session) -> tuple[ResultView, ...]:
            number = session.exec(select(Candidate.number).where(Candidate.login == login)).first()
            query = select(KeptResult).where(KeptResult.candidate == (number or "")).order_by(col(KeptResult.id))
            newest = {row.part: row for row in session.exec(query).all()}
            if any(row.state != ResultState.RELEASED.value for row in newest.values()):
                return ()
            return tuple(_view(row) for row in newest.values())

        return self._read(work)

    # --- for the scoring command --------------------------------------------------------------------------------------

    def attempts(self, sitting: str = "") -> tuple[tuple[str, str], ...]:
        """(sitting, attempt) of every attempt with an envelope, in the order of their first one."""

        def work(session: Session) -> tuple[tuple[str, str], ...]:
            query = select(KeptEnvelope.sitting, KeptEnvelope.attempt).order_by(col(KeptEnvelope.id))
            rows = session.exec(query.where(KeptEnvelope.sitting == sitting) if sitting else query).all()
            return tuple(dict.fromkeys((row[0], row[1]) for row in rows))

        return self._read(work)

    def envelopes(self, attempt: str) -> Iterator[tuple[bytes, str, bytes]]:
        """An attempt's envelopes in order of arrival: data, device, receipt."""

        def work(session: Session) -> list[tuple[bytes, str, bytes]]:
            query = select(KeptEnvelope).where(KeptEnvelope.attempt == attempt).order_by(col(KeptEnvelope.id))
            return [(row.data, row.device, row.receipt) for row in session.exec(query).all()]

        return iter(self._read(work))

    def known_releases(self) -> tuple[tuple[str, str], ...]:
        """(id, file name) of every release here."""
        query = select(KeptRelease.id, KeptRelease.file_name)
        return self._read(lambda session: tuple((row[0], row[1]) for row in session.exec(query).all()))

    def counting_attempts(self, sitting: str) -> dict[tuple[str, str], str]:
        """The attempt that counts for each (candidate, part), by progress and orders."""

        def work(session: Session) -> dict[tuple[str, str], str]:
            get_sitting(session, sitting)
            return {key: found.attempt for key, found in standings(session, sitting).items()}

        return self._read(work)

    def sitting_ids(self) -> tuple[str, ...]:
        """All sittings by id."""
        return self._read(lambda session: tuple(session.exec(select(Sitting.id).order_by(col(Sitting.id))).all()))

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
        session.add(
            KeptResult(
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
        )
        session.flush()
        return 1


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
