"""Planning: candidates, sittings with their parts, who sits where and in which parts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from sqlmodel import Session, col, select

from centralstore.errors import FieldError, NotFoundError, NotNowError, TakenError
from centralstore.leaves import enrolment_leaf
from centralstore.records import NewCandidate, NewEnrolment, NewPlace, NewSitting, PartView, PlannedPart, SittingView
from centralstore.rights import Act, Actor, permits
from centralstore.store.keeper import Keeper, Where
from centralstore.store.lent import require_here
from centralstore.store.log import append
from centralstore.tables import Candidate, Enrolment, KeptRelease, Place, Sitting, SittingPart, SittingRelease
from centralstore.words import Attendance, SittingState
from engine.errors import AccommodationError, ProgrammeError
from engine.programme import Programme, parse_programme
from sync.passwords import PasswordVerifier

ID_FORM: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Ids are short and plain: they stand in file names, addresses and signed messages."""

DATE_FORM: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


class Planning(Keeper):
    """Candidates, sittings, places."""

    def create_sitting(self, actor: Actor, new: NewSitting) -> None:
        """Plan a sitting.

        Raises:
            NoRightError: another site's.
            FieldError: an unknown part or release, times out of order, or no break between parts (reglement 3.8).
            TakenError: the id is taken.
        """
        where = Where(new.site, new.room, new.id)
        self._act(actor, Act.PLAN_SITTING, where, lambda session: insert_sitting(session, new))

    def add_candidate(self, actor: Actor, new: NewCandidate) -> None:
        """Make a candidate with an individual user name and password.

        Raises:
            TakenError: number or user name is taken.
            FieldError: a name with protected identity, or none without.
        """
        verifier = PasswordVerifier.make(new.password, self._house.folder.settings.password_cost).text
        where = Where(actor.site, actor.room, candidate=new.number)
        self._act(actor, Act.ADD_CANDIDATE, where, lambda session: insert_candidate(session, new, verifier))

    def add_place(self, actor: Actor, new: NewPlace) -> None:
        """Put a candidate on a sitting's list; only a test manager may, also on the day (reglement 4.4).

        Raises:
            NoRightError: a test leader asked, or another site.
            FieldError: a part with levels has none, an unknown part, too many minutes granted.
            NotNowError: the sitting is closed.
        """
        where = self._where(new.sitting, new.candidate)
        self._act(actor, Act.ADD_CANDIDATE, where, lambda session: insert_place(session, new))

    def sittings(self, actor: Actor) -> tuple[SittingView, ...]:
        """All sittings the actor may see, by date, room and id."""

        def work(session: Session) -> tuple[SittingView, ...]:
            rows = session.exec(select(Sitting).order_by(col(Sitting.date), col(Sitting.room), col(Sitting.id))).all()
            seen = [row for row in rows if permits(actor, Act.SEE_SITTING, row.site, row.room)]
            return tuple(sitting_view(session, row) for row in seen)

        return self._read(work)

    def sitting(self, actor: Actor, sitting: str) -> SittingView:
        """One sitting.

        Raises:
            NotFoundError: no such sitting.
            NoRightError: another room's or site's; the try is logged.
        """
        self._look(actor, sitting)
        return self._read(lambda session: sitting_view(session, get_sitting(session, sitting)))

    def programme(self, sitting: str) -> Programme:
        """The programme of a sitting.

        Raises:
            NotFoundError: no such sitting or its release is not here.
        """
        return self._read(lambda session: programme_of(session, get_sitting(session, sitting)))


# --- shared with the other parts of the store and with the import -----------------------------------------------------


def get_sitting(session: Session, sitting: str) -> Sitting:
    """The row of a sitting.

    Raises:
        NotFoundError: no such sitting.
    """
    row = session.get(Sitting, sitting)
    if row is None:
        raise NotFoundError("Sitting", sitting)
    return row


def get_place(session: Session, sitting: str, candidate: str) -> Place:
    """The row of a candidate on a sitting's list.

    Raises:
        NotFoundError: not on the list.
    """
    row = session.get(Place, (sitting, candidate))
    if row is None:
        raise NotFoundError(
            what=f"On the list of sitting {sitting}, candidate", name=candidate, remedy="Contact the test manager."
        )
    return row


def sitting_parts(session: Session, sitting: str) -> Sequence[SittingPart]:
    """The parts of a sitting in order."""
    query = select(SittingPart).where(SittingPart.sitting == sitting).order_by(col(SittingPart.position))
    return session.exec(query).all()


def sitting_releases(session: Session, sitting: str) -> tuple[str, ...]:
    """The releases of a sitting, by id."""
    query = select(SittingRelease.release).where(SittingRelease.sitting == sitting)
    return tuple(session.exec(query.order_by(col(SittingRelease.release))).all())


def sitting_view(session: Session, row: Sitting) -> SittingView:
    """A sitting with its parts, as staff sees it."""
    parts = tuple(
        PartView(part.part, part.position, part.planned_start_ms, part.planned_end_ms, part.started_ms)
        for part in sitting_parts(session, row.id)
    )
    return SittingView(
        id=row.id,
        site=row.site,
        room=row.room,
        date=row.date,
        programme=row.programme,
        releases=sitting_releases(session, row.id),
        state=SittingState(row.state),
        current_part=row.current_part,
        test_leader=row.test_leader,
        parts=parts,
        opened_ms=row.opened_ms,
        closed_ms=row.closed_ms,
        signed_by=row.signed_by,
        signed_ms=row.signed_ms,
    )


def programme_of(session: Session, sitting: Sitting) -> Programme:
    """The programme that a sitting's releases carry.

    Raises:
        NotFoundError: none of them is on this store.
    """
    for release in sitting_releases(session, sitting.id):
        row = session.get(KeptRelease, release)
        if row is not None:
            programme = parse_programme(row.programme, f"release {release}")
            if programme.id == sitting.programme:
                return programme
    raise NotFoundError("Programme", sitting.programme, "Add its release with 'store add-release'.")


def insert_sitting(session: Session, new: NewSitting) -> None:
    """Add a sitting's rows; see `Planning.create_sitting`."""
    place = f"sitting '{new.id}'"
    check_id(new.id, place, "id")
    if not DATE_FORM.fullmatch(new.date):
        raise FieldError(place, "date", f"'{new.date}' is not a date", "Write it as 2026-11-23.")
    if session.get(Sitting, new.id) is not None:
        raise TakenError("Sitting", new.id, "Choose another id.")
    for release in new.releases:
        if session.get(KeptRelease, release) is None:
            raise FieldError(place, "releases", f"release '{release}' is not here", "Add it with 'store add-release'.")
    check_plan(new.parts, place)
    row = Sitting(
        id=new.id,
        site=new.site,
        room=new.room,
        date=new.date,
        programme=new.programme,
        state=SittingState.PLANNED.value,
        current_part="",
        test_leader=new.test_leader,
    )
    session.add(row)
    for release in new.releases:
        session.add(SittingRelease(sitting=new.id, release=release))
    session.flush()
    _check_parts(programme_of(session, row), new.parts, place)
    for position, part in enumerate(new.parts):
        session.add(
            SittingPart(
                sitting=new.id,
                part=part.part,
                position=position,
                planned_start_ms=part.start_ms,
                planned_end_ms=part.end_ms,
            )
        )


def check_plan(parts: tuple[PlannedPart, ...], place: str) -> None:
    """Refuse a plan without parts, with a part twice, times that run backwards, or no break between parts.

    With several parts on one day the candidate has a break, and it lies between parts (reglement 3.8, 4).

    Raises:
        FieldError: naming the place.
    """
    if not parts:
        raise FieldError(place, "parts", "no part is named", "Name at least one, with its times.")
    names = [part.part for part in parts]
    if len(set(names)) != len(names):
        raise FieldError(place, "parts", "a part is named twice", "Name each part once.")
    for part in parts:
        if part.end_ms <= part.start_ms:
            raise FieldError(place, "parts", f"{part.part} ends before it starts", "Exchange the times.")
    for earlier, later in pairwise(parts):
        if later.start_ms < earlier.end_ms:
            raise FieldError(place, "parts", f"{later.part} starts before {earlier.part} ends", "Move it later.")
    if len(parts) > 1 and all(later.start_ms == earlier.end_ms for earlier, later in pairwise(parts)):
        raise FieldError(
            place, "parts", "the plan has no break (reglement 3.8)", "Leave time between two of the parts."
        )


def _check_parts(programme: Programme, parts: tuple[PlannedPart, ...], place: str) -> None:
    known = [rules.part for rules in programme.parts]
    for part in parts:
        if part.part not in known:
            raise FieldError(place, "parts", f"the programme has no part '{part.part}'", f"Use {', '.join(known)}.")


def insert_candidate(session: Session, new: NewCandidate, verifier: str) -> None:
    """Add a candidate's row; see `Planning.add_candidate`."""
    place = f"candidate '{new.number}'"
    check_id(new.number, place, "number")
    if new.is_protected and new.name:
        raise FieldError(place, "name", "a protected identity has no name here", "Leave the name empty.")
    if not new.is_protected and not new.name:
        raise FieldError(place, "name", "it is empty", "Write the name, or mark the identity as protected.")
    if session.get(Candidate, new.number) is not None:
        raise TakenError("Candidate", new.number, "Check the number.")
    if session.exec(select(Candidate.number).where(Candidate.login == new.login)).first() is not None:
        raise FieldError(place, "login", "another candidate has this user name", "Give each candidate their own.")
    session.add(
        Candidate(number=new.number, name=new.name, is_protected=new.is_protected, login=new.login, verifier=verifier)
    )


def insert_place(session: Session, new: NewPlace) -> None:
    """Add a candidate to a sitting's list; see `Planning.add_place`."""
    place = f"sitting '{new.sitting}', candidate '{new.candidate}'"
    sitting = get_sitting(session, new.sitting)
    require_here(session, new.sitting, "Adding a candidate")
    if sitting.state == SittingState.CLOSED.value:
        raise NotNowError(
            what="Adding a candidate", where=place, why="the sitting is closed", remedy="Choose another sitting."
        )
    if session.get(Candidate, new.candidate) is None:
        raise NotFoundError("Candidate", new.candidate, "Add the candidate first.")
    if session.get(Place, (new.sitting, new.candidate)) is not None:
        raise TakenError(
            what=f"On the list of sitting {new.sitting}, candidate", name=new.candidate, remedy="Check the number."
        )
    if session.exec(select(Place).where(Place.sitting == new.sitting, Place.seat == new.seat)).first() is not None:
        raise FieldError(place, "seat", f"seat {new.seat} is taken", "Choose another seat.")
    if not new.enrolments:
        raise FieldError(place, "parts", "no part is named", "Name at least one part of the sitting.")
    programme = programme_of(session, sitting)
    parts = {part.part for part in sitting_parts(session, new.sitting)}
    rows: list[Enrolment] = []
    for enrolment in new.enrolments:
        check_enrolment(programme, parts, enrolment, place)
        rows.append(
            Enrolment(
                sitting=new.sitting,
                candidate=new.candidate,
                part=enrolment.part,
                level=enrolment.level,
                accommodation_ms=enrolment.accommodation_ms,
            )
        )
    session.add_all(rows)
    append(session.connection(), [enrolment_leaf(row) for row in rows])
    session.add(
        Place(sitting=new.sitting, candidate=new.candidate, seat=new.seat, attendance=Attendance.EXPECTED.value)
    )


def check_enrolment(programme: Programme, parts: set[str], enrolment: NewEnrolment, place: str) -> None:
    """Refuse a part that the sitting has not, a missing or unknown level, or more minutes than the part allows.

    A part of tasks is enrolled for at one level (reglement 3.9: A1–A2, A2–B1 or B1–B2), the others at none.

    Raises:
        FieldError: naming the place.
    """
    if enrolment.part not in parts:
        raise FieldError(
            place, "parts", f"the sitting has no part '{enrolment.part}'", f"Use {', '.join(sorted(parts))}."
        )
    try:
        rules = programme.part(enrolment.part)
        rules.limit_with(enrolment.accommodation_ms)
    except (AccommodationError, ProgrammeError) as error:
        raise FieldError(place, enrolment.part, str(error).rstrip("."), "Correct the entry.") from error
    levels = tuple(rules.tasks_by_level)
    if levels and enrolment.level not in levels:
        problem = f"level '{enrolment.level}' is not one of the part's" if enrolment.level else "no level is named"
        raise FieldError(place, f"{enrolment.part} level", problem, f"Use {', '.join(levels)}.")
    if not levels and enrolment.level:
        raise FieldError(place, f"{enrolment.part} level", "the part has no levels to enrol for", "Leave it empty.")


def check_id(text: str, place: str, field: str) -> None:
    """Refuse ids that would not be safe in file names and addresses.

    Raises:
        FieldError: naming the place.
    """
    if not ID_FORM.fullmatch(text):
        raise FieldError(
            place, field, f"'{text}' is not an id", "Use letters a–z, digits, '-', '_' and '.', at most 64."
        )
