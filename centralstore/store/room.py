"""The room on the day: day code, attendance, exits, incidents, reports."""

from __future__ import annotations

from sqlmodel import Session, col, select

from centralstore.errors import FieldError, NotFoundError, NotNowError
from centralstore.records import DeviationView, ExitView, IncidentView, ReportView
from centralstore.rights import Act, Actor, permits
from centralstore.store.board import is_delivered, is_running
from centralstore.store.keeper import Keeper, Where
from centralstore.store.orders import Decision, append_order
from centralstore.store.planning import get_place, get_sitting, programme_of
from centralstore.tables import DayCode, Deviation, Enrolment, Exit, Incident, Place, Report, Sitting, SittingPart
from centralstore.words import Attendance, DeviationKind, IncidentKind, OrderKind, Role, SittingState
from engine.programme import DayCodeScope, PartRules
from sync.keys import hpke_open, hpke_seal
from sync.passwords import DayCodeVerifier, new_day_code

ATTEMPTED_CHEATING = frozenset(
    {IncidentKind.MOBILE_PHONE, IncidentKind.ILLEGAL_AID, IncidentKind.FALSE_ID, IncidentKind.HELP_FROM_OTHERS}
)
"""Kinds that are attempted cheating from the moment they are seen (reglement 4.11 and annex 3)."""

_REJECTIONS = {
    Attendance.REJECTED_ID: DeviationKind.MISSING_ID,
    Attendance.REJECTED_LATE: DeviationKind.LATE,
    Attendance.REJECTED_FEE: DeviationKind.OTHER,
}


class Room(Keeper):
    """What test leader and invigilators do while candidates are in the room."""

    # --- day code -----------------------------------------------------------------------------------------------------

    def day_code(self, actor: Actor, sitting: str) -> str:
        """The four digits for this sitting, made when first needed; every look is logged (reglement 4.1).

        Raises:
            NoRightError: an invigilator, another room or another site asked.
        """
        where = self._where(sitting)

        def work(session: Session) -> str:
            return self._open_day_code(self.ensure_day_code(session, get_sitting(session, sitting)))

        return self._act(actor, Act.SEE_DAY_CODE, where, work)

    def ensure_day_code(self, session: Session, sitting: Sitting) -> DayCode:
        """The day code's row for a sitting, made when there is none; its scope is the programme's."""
        scope = programme_of(session, sitting).day_code_scope
        key = (sitting.site, sitting.date, sitting.id if scope is DayCodeScope.SITTING else "")
        row = session.get(DayCode, key)
        if row is None:
            code = new_day_code()
            cost = self._house.folder.settings.password_cost
            row = DayCode(
                site=key[0],
                date=key[1],
                sitting=key[2],
                sealed=hpke_seal(self._house.keys.box.public, code.encode(), "day-code", list(key)),
                verifier=DayCodeVerifier.make(code, cost).text,
                made_ms=self.now_ms(),
            )
            session.add(row)
            session.flush()
        return row

    def _open_day_code(self, row: DayCode) -> str:
        context = [row.site, row.date, row.sitting]
        return hpke_open(self._house.keys.box, row.sealed, "day-code", context, what="day code").decode()

    # --- attendance ---------------------------------------------------------------------------------------------------

    def mark_present(self, actor: Actor, sitting: str, candidate: str, id_kind: str) -> None:
        """The candidate is here and was identified; ``id_kind`` says how ("known", "passport", …).

        Raises:
            NotNowError: rejected before (reglement 4.2), too late for every part, or the list is signed.
        """

        def work(session: Session) -> None:
            place = self._open_place(session, sitting, candidate)
            where = _seat(sitting, candidate)
            if place.attendance in {kind.value for kind in _REJECTIONS}:
                remedy = "The rejection stands for this sitting; enrol the candidate for another one."
                raise NotNowError(what="Marking present", where=where, why="the candidate was rejected", remedy=remedy)
            if place.attendance != Attendance.PRESENT.value and _is_too_late(session, sitting, candidate):
                raise NotNowError(
                    what="Marking present",
                    where=where,
                    why="all the candidate's parts have started",
                    remedy="Reject as late.",
                )
            self._mark(session, place, Attendance.PRESENT, actor, id_kind)

        self._act(actor, Act.MARK_ATTENDANCE, self._where(sitting, candidate), work, detail={"id_kind": id_kind})

    def reject(self, actor: Actor, sitting: str, candidate: str, reason: Attendance) -> None:
        """Turn a candidate away; noted as a deviation of its own kind, and not undone in this sitting.

        Args:
            reason: REJECTED_ID (no valid identification), REJECTED_LATE or REJECTED_FEE.

        Raises:
            FieldError: another reason.
            NotNowError: the candidate is present already, or the list is signed.
        """

        def work(session: Session) -> None:
            if reason not in _REJECTIONS:
                raise FieldError(
                    _seat(sitting, candidate), "reason", f"'{reason}' is none", "Use missing id, late or fee."
                )
            place = self._open_place(session, sitting, candidate)
            if place.attendance == Attendance.PRESENT.value and _has_begun(session, sitting, candidate):
                raise NotNowError("Rejecting", _seat(sitting, candidate), "a part has begun", "Expel, with a reason.")
            self._mark(session, place, reason, actor, "")
            self._deviate(session, actor, sitting, candidate, kind=_REJECTIONS[reason])

        self._act(
            actor, Act.MARK_ATTENDANCE, self._where(sitting, candidate), work, detail={"attendance": reason.value}
        )

    def mark_no_show(self, actor: Actor, sitting: str, candidate: str) -> None:
        """The candidate did not come: noted "ikke møtt" and as a deviation (reglement 4.2).

        Raises:
            NotNowError: the candidate has another outcome already.
        """

        def work(session: Session) -> None:
            place = self._open_place(session, sitting, candidate)
            if place.attendance != Attendance.EXPECTED.value:
                raise NotNowError(
                    what="Noting 'ikke møtt'",
                    where=_seat(sitting, candidate),
                    why="there is an outcome",
                    remedy="Keep it.",
                )
            self._no_show(session, actor, place)

        self._act(actor, Act.MARK_ATTENDANCE, self._where(sitting, candidate), work)

    def sign_delivered(self, actor: Actor, sitting: str, candidate: str, part: str) -> None:
        """The candidate signed "levert prøve" and may leave; only for a part that is delivered (reglement 4.12).

        Raises:
            NotNowError: this store does not yet hold the whole part, or it is too early to leave.
        """

        def work(session: Session) -> None:
            place = _seat(sitting, candidate)
            row = _enrolment(session, sitting, candidate, part)
            if not is_delivered(session, sitting, candidate, part):
                raise NotNowError(
                    what="Signing 'levert prøve'",
                    where=f"{place}, {part}",
                    why="the part is not delivered",
                    remedy="Wait for it.",
                )
            row.signed_delivered_ms = self.now_ms()
            session.add(row)

        self._act(actor, Act.MARK_ATTENDANCE, self._where(sitting, candidate), work, detail={"delivered": part})

    def sign_attendance(self, actor: Actor, sitting: str) -> None:
        """The test leader signs the list; attendance is closed by it (reglement 4.2).

        Raises:
            NotNowError: someone has no outcome yet; the sentence names them by number.
        """

        def work(session: Session) -> None:
            row = get_sitting(session, sitting)
            places = session.exec(select(Place).where(Place.sitting == sitting).order_by(col(Place.seat))).all()
            open_ones = [place.candidate for place in places if _lacks_outcome(session, place)]
            if open_ones:
                raise NotNowError(
                    what="Signing the list",
                    where=f"sitting {sitting}",
                    why=f"no outcome for {', '.join(open_ones)}",
                    remedy="Note each first.",
                )
            row.signed_by, row.signed_ms = actor.user, self.now_ms()
            session.add(row)

        self._act(actor, Act.SIGN_ATTENDANCE, self._where(sitting), work)

    # --- exits --------------------------------------------------------------------------------------------------------

    def record_accompanied_exit(self, actor: Actor, sitting: str, candidate: str, part: str, invigilator: str) -> int:
        """The candidate goes out with an invigilator and will come back; the clock runs on (reglement 4.9).

        Returns:
            The exit's number, for `record_return`.

        Raises:
            FieldError: no invigilator is named.
            NotNowError: the part does not allow going out and coming back (listening), or is not running.
        """

        def work(session: Session) -> int:
            rules = self._rules_of_started(session, sitting, candidate, part)
            place = f"{_seat(sitting, candidate)}, {part}"
            if not invigilator.strip():
                raise FieldError(place, "invigilator", "nobody is named", "Name who goes with the candidate.")
            if not rules.may_leave:
                remedy = (
                    "A candidate who goes out all the same is recorded as leaving, and cannot come back to the part."
                )
                raise NotNowError(
                    what="Going out and coming back",
                    where=place,
                    why="nobody may leave during this part",
                    remedy=remedy,
                )
            row = Exit(
                sitting=sitting,
                candidate=candidate,
                part=part,
                invigilator=invigilator.strip(),
                out_ms=self.now_ms(),
                by=actor.user,
            )
            return _inserted(session, row)

        return self._act(actor, Act.RECORD_EXIT, self._where(sitting, candidate), work)

    def record_return(self, actor: Actor, sitting: str, exit_id: int) -> None:
        """The candidate is back with the invigilator.

        Raises:
            NotNowError: back already, or went out alone.
        """

        def work(session: Session) -> None:
            row = session.get(Exit, exit_id)
            if row is None or row.sitting != sitting:
                raise NotFoundError(what=f"In sitting {sitting}, exit", name=str(exit_id))
            if row.back_ms or not row.invigilator:
                why = "the return is recorded" if row.back_ms else "the candidate left alone"
                raise NotNowError(
                    what="Recording a return",
                    where=_seat(sitting, row.candidate),
                    why=why,
                    remedy="Nothing more to do.",
                )
            row.back_ms = self.now_ms()
            session.add(row)

        self._act(actor, Act.RECORD_EXIT, self._where(sitting), work, detail={"exit": exit_id})

    def record_unaccompanied_exit(self, actor: Actor, sitting: str, candidate: str, part: str) -> int:
        """The candidate left alone: a running part is closed with what was answered (reglement 4.9).

        Before the earliest time to leave, or in a part where nobody may leave, it is a deviation too.

        Returns:
            The exit's number.

        Raises:
            NotNowError: the part has not started.
        """

        def work(session: Session) -> int:
            rules = self._rules_of_started(session, sitting, candidate, part)
            now = self.now_ms()
            row = Exit(sitting=sitting, candidate=candidate, part=part, invigilator="", out_ms=now, by=actor.user)
            running = is_running(session, sitting, candidate, part)
            is_early = now - _started_ms(session, sitting, part) < rules.earliest_leave_ms
            if is_early or (running and not rules.may_leave):
                self._deviate(session, actor, sitting, candidate, part=part, kind=DeviationKind.LEFT_ROOM)
            if running:
                decision = Decision(OrderKind.LEFT_ALONE, candidate, part, "left the room unaccompanied")
                append_order(session, self._house, actor, get_sitting(session, sitting), decision)
            return _inserted(session, row)

        answer = self._act(actor, Act.RECORD_EXIT, self._where(sitting, candidate), work)
        self.bell.ring(f"orders/{sitting}")
        return answer

    def exits(self, actor: Actor, sitting: str) -> tuple[ExitView, ...]:
        """All exits of a sitting in order of time."""
        self._require_sight(actor, sitting)

        def work(session: Session) -> tuple[ExitView, ...]:
            rows = session.exec(select(Exit).where(Exit.sitting == sitting).order_by(col(Exit.id))).all()
            return tuple(
                ExitView(row.id or 0, row.candidate, row.part, row.invigilator, row.out_ms, row.back_ms) for row in rows
            )

        return self._read(work)

    # --- deviations, incidents, reports -------------------------------------------------------------------------------

    def record_deviation(
        self, actor: Actor, sitting: str, candidate: str, part: str, *, kind: DeviationKind, note: str
    ) -> None:
        """Note a deviation of another kind (technical, other)."""

        def work(session: Session) -> None:
            get_place(session, sitting, candidate)
            self._deviate(session, actor, sitting, candidate, part=part, kind=kind, note=note)

        self._act(actor, Act.ENTER_INCIDENT, self._where(sitting, candidate), work)

    def deviations(self, actor: Actor, sitting: str) -> tuple[DeviationView, ...]:
        """All deviations of a sitting in order of time."""
        self._require_sight(actor, sitting)

        def work(session: Session) -> tuple[DeviationView, ...]:
            rows = session.exec(select(Deviation).where(Deviation.sitting == sitting).order_by(col(Deviation.id))).all()
            return tuple(
                DeviationView(
                    row.id or 0, row.candidate, row.part, DeviationKind(row.kind), row.note, row.at_ms, row.by
                )
                for row in rows
            )

        return self._read(work)

    def record_incident(
        self, actor: Actor, sitting: str, candidate: str, part: str, *, kind: IncidentKind, note: str
    ) -> int:
        """Enter what was seen; test leader and test manager see it at once (reglement 4.11, annex 2).

        Returns:
            The incident's number.
        """

        def work(session: Session) -> int:
            get_place(session, sitting, candidate)
            row = Incident(
                sitting=sitting,
                candidate=candidate,
                part=part,
                kind=kind.value,
                is_attempted_cheating=kind in ATTEMPTED_CHEATING,
                note=note,
                at_ms=self.now_ms(),
                by=actor.user,
            )
            return _inserted(session, row)

        return self._act(actor, Act.ENTER_INCIDENT, self._where(sitting, candidate), work, detail={"kind": kind.value})

    def incidents(self, actor: Actor, sitting: str) -> tuple[IncidentView, ...]:
        """The incidents of a sitting; a test leader's or test manager's first look is recorded with its time."""
        self._look(actor, sitting)
        found = self._read(lambda session: _incidents(session, sitting))
        seen_by = {Role.TEST_LEADER: "leader_seen_ms", Role.TEST_MANAGER: "manager_seen_ms"}.get(actor.role)
        if seen_by is None or all(getattr(view, seen_by) for view in found):
            return found

        def work(session: Session) -> tuple[IncidentView, ...]:
            unseen = select(Incident).where(Incident.sitting == sitting, col(getattr(Incident, seen_by)) == 0)
            for row in session.exec(unseen).all():
                setattr(row, seen_by, self.now_ms())
                session.add(row)
            session.flush()
            return _incidents(session, sitting)

        return self._act(actor, Act.SEE_SITTING, self._where(sitting), work, detail={"incidents": "seen"})

    def file_report(self, actor: Actor, sitting: str, candidate: str, text: str) -> int:
        """The test leader's written report of an irregularity to the test manager (reglement 6.1).

        Args:
            candidate: "" when it concerns the whole room.
            text: the report itself.

        Returns:
            The report's number.

        Raises:
            FieldError: no text.
        """
        where = self._where(sitting, candidate)

        def work(session: Session) -> int:
            if not text.strip():
                raise FieldError(
                    place=f"report on sitting {sitting}",
                    field="text",
                    problem="it is empty",
                    remedy="Write what happened.",
                )
            if candidate:
                get_place(session, sitting, candidate)
            row = Report(
                sitting=sitting,
                site=where.site,
                room=where.room,
                candidate=candidate,
                text=text.strip(),
                at_ms=self.now_ms(),
                by=actor.user,
            )
            return _inserted(session, row)

        return self._act(actor, Act.FILE_REPORT, where, work)

    def reports(self, actor: Actor, *, sitting: str = "") -> tuple[ReportView, ...]:
        """Reports within the actor's scope, newest first; ``handled_ms`` 0 are the site's open duties."""

        def work(session: Session) -> tuple[ReportView, ...]:
            rows = session.exec(select(Report).order_by(col(Report.id).desc())).all()
            seen = [row for row in rows if permits(actor, Act.FILE_REPORT, row.site, row.room)]
            return tuple(_report_view(row) for row in seen if sitting in {"", row.sitting})

        return self._read(work)

    def handle_report(self, actor: Actor, report: int) -> None:
        """The test manager has dealt with a report.

        Raises:
            NotFoundError: no such report.
        """
        row = self._read(lambda session: session.get(Report, report))
        if row is None:
            raise NotFoundError("Report", str(report))

        def work(session: Session) -> None:
            found = session.get_one(Report, report)
            found.handled_ms, found.handled_by = self.now_ms(), actor.user
            session.add(found)

        self._act(actor, Act.HANDLE_REPORT, Where(row.site, row.room, row.sitting), work, detail={"report": report})

    # --- helpers ------------------------------------------------------------------------------------------------------

    def _require_sight(self, actor: Actor, sitting: str) -> None:
        self._look(actor, sitting)

    def _open_place(self, session: Session, sitting: str, candidate: str) -> Place:
        if get_sitting(session, sitting).signed_ms:
            raise NotNowError("Attendance", f"sitting {sitting}", "the list is signed", "File a report instead.")
        return get_place(session, sitting, candidate)

    def _mark(self, session: Session, place: Place, attendance: Attendance, actor: Actor, id_kind: str) -> None:
        place.attendance, place.id_kind = attendance.value, id_kind
        place.marked_by, place.marked_ms = actor.user, self.now_ms()
        session.add(place)

    def _no_show(self, session: Session, actor: Actor, place: Place) -> None:
        self._mark(session, place, Attendance.NO_SHOW, actor, "")
        self._deviate(session, actor, place.sitting, place.candidate, kind=DeviationKind.NO_SHOW)

    def _deviate(
        self, session: Session, actor: Actor, sitting: str, candidate: str, *,
        kind: DeviationKind, part: str = "", note: str = "",
    ) -> None:  # fmt: skip
        session.add(
            Deviation(
                sitting=sitting,
                candidate=candidate,
                part=part,
                kind=kind.value,
                note=note,
                at_ms=self.now_ms(),
                by=actor.user,
            )
        )

    def _rules_of_started(self, session: Session, sitting: str, candidate: str, part: str) -> PartRules:
        row = get_sitting(session, sitting)
        _enrolment(session, sitting, candidate, part)
        if row.state != SittingState.OPENED.value or not _started_ms(session, sitting, part):
            raise NotNowError(
                what="Recording an exit",
                where=f"sitting {sitting}, {part}",
                why="the part is not running",
                remedy="Start it.",
            )
        return programme_of(session, row).part(part)


def _seat(sitting: str, candidate: str) -> str:
    return f"sitting {sitting}, candidate {candidate}"


def _inserted(session: Session, row: Exit | Incident | Report) -> int:
    session.add(row)
    session.flush()
    return row.id or 0


def _enrolment(session: Session, sitting: str, candidate: str, part: str) -> Enrolment:
    row = session.get(Enrolment, (sitting, candidate, part))
    if row is None:
        raise NotFoundError(what=f"In sitting {sitting}, candidate {candidate}, part", name=part)
    return row


def _started_ms(session: Session, sitting: str, part: str) -> int:
    row = session.get(SittingPart, (sitting, part))
    return row.started_ms if row is not None else 0


def _parts_of(session: Session, sitting: str, candidate: str) -> list[str]:
    query = select(Enrolment.part).where(Enrolment.sitting == sitting, Enrolment.candidate == candidate)
    return list(session.exec(query).all())


def _is_too_late(session: Session, sitting: str, candidate: str) -> bool:
    """Whoever was not admitted when a part was started cannot take it (reglement 4.5); later parts stay open."""
    parts = _parts_of(session, sitting, candidate)
    return all(_started_ms(session, sitting, part) for part in parts)


def _has_begun(session: Session, sitting: str, candidate: str) -> bool:
    return any(
        is_running(session, sitting, candidate, part) or is_delivered(session, sitting, candidate, part)
        for part in _parts_of(session, sitting, candidate)
    )


def _lacks_outcome(session: Session, place: Place) -> bool:
    if place.attendance != Attendance.PRESENT.value:
        return place.attendance == Attendance.EXPECTED.value
    parts = _parts_of(session, place.sitting, place.candidate)
    return any(is_running(session, place.sitting, place.candidate, part) for part in parts)


def _incidents(session: Session, sitting: str) -> tuple[IncidentView, ...]:
    rows = session.exec(select(Incident).where(Incident.sitting == sitting).order_by(col(Incident.id))).all()
    return tuple(_incident_view(row) for row in rows)


def _incident_view(row: Incident) -> IncidentView:
    return IncidentView(
        id=row.id or 0,
        candidate=row.candidate,
        part=row.part,
        kind=IncidentKind(row.kind),
        is_attempted_cheating=row.is_attempted_cheating,
        note=row.note,
        at_ms=row.at_ms,
        by=row.by,
        leader_seen_ms=row.leader_seen_ms,
        manager_seen_ms=row.manager_seen_ms,
    )


def _report_view(row: Report) -> ReportView:
    return ReportView(
        id=row.id or 0,
        sitting=row.sitting,
        room=row.room,
        candidate=row.candidate,
        text=row.text,
        at_ms=row.at_ms,
        by=row.by,
        handled_ms=row.handled_ms,
        handled_by=row.handled_by,
    )
