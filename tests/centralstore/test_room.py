"""The room on the day: rights, attendance, exits, incidents, reports, and what the room page shows."""

from __future__ import annotations

import pytest

from centralstore.errors import FieldError, NoRightError, NotFoundError, NotNowError
from centralstore.records import SeatView
from centralstore.rights import Actor
from centralstore.words import Attendance, DeviationKind, IncidentKind, Role
from tests.centralstore.place import Site, events_of, new_sitting
from tests.strategies import running

pytestmark = pytest.mark.anyio

ATTEMPT = "a" * 32


def deviations(site: Site) -> list[tuple[str, str]]:
    return [(each.candidate, each.kind.value) for each in site.store.deviations(site.leader, "s1")]


def seat(site: Site, candidate: str = "100234") -> SeatView:
    return next(each for each in site.store.board(site.leader, "s1").seats if each.candidate == candidate)


@pytest.mark.rule("NP-2-5")
def test_a_test_leader_of_another_room_cannot_open_this_rooms_monitor(site: Site) -> None:
    other = Actor("ola", Role.TEST_LEADER, "oslo", "r2")
    with pytest.raises(NoRightError, match="another room"):
        site.store.board(other, "s1")
    assert site.store.sittings(other) == ()
    assert [entry.is_allowed for entry in site.store.audit(site.manager) if entry.user == "ola"] == [False]
    assert site.store.board(site.leader, "s1").sitting.id == "s1"


@pytest.mark.rule("NP-4.1-9")
def test_the_day_code_is_for_the_sites_staff_and_looking_is_logged(site: Site) -> None:
    code = site.store.day_code(site.leader, "s1")
    assert len(code) == 4
    assert code.isdecimal()
    assert site.store.day_code(site.manager, "s1") == code
    for stranger in (
        Actor("berit", Role.TEST_MANAGER, "bergen", ""),
        Actor("bo", Role.TEST_LEADER, "bergen", "r1"),
        site.guard,
    ):
        with pytest.raises(NoRightError):
            site.store.day_code(stranger, "s1")
    looks = [entry for entry in site.store.audit(site.manager) if entry.act == "see_day_code"]
    assert [entry.user for entry in looks] == ["lars", "mona", "berit", "bo", "vera"]


async def test_the_day_code_is_in_no_answer_to_a_pc(site: Site) -> None:
    pc = await site.open_pc()
    code = site.store.day_code(site.leader, "s1")
    answers = [
        (await pc.ask("GET", target)).content
        for target in ("/v1/device/sittings", "/v1/device/ticket?sitting=s1", "/v1/orders?sitting=s1&after=0")
    ]
    assert not any(f'"{code}"'.encode() in answer for answer in answers)


@pytest.mark.rule("NP-4.1-6")
async def test_a_present_candidate_who_is_not_logged_in_is_marked(site: Site) -> None:
    pc = await site.open_pc("listening")
    for candidate in ("100234", "100251"):
        site.store.mark_present(site.guard, "s1", candidate, "known")
    await pc.ask("POST", "/v1/progress", pc.report(phase="logged_in", part="listening"))
    seats = site.store.board(site.leader, "s1").seats
    present = [(each.candidate, each.is_logged_in) for each in seats if each.attendance is Attendance.PRESENT]
    assert present == [("100234", True), ("100251", False)]


@pytest.mark.rule("NP-4.2-6", "NP-4.2-7")
def test_a_rejection_for_missing_id_stands_and_is_a_deviation_of_its_own_kind(site: Site) -> None:
    site.store.reject(site.leader, "s1", "100234", Attendance.REJECTED_ID)
    with pytest.raises(NotNowError, match="The rejection stands"):
        site.store.mark_present(site.leader, "s1", "100234", "passport")
    assert seat(site).attendance is Attendance.REJECTED_ID
    site.store.mark_no_show(site.leader, "s1", "100251")
    assert deviations(site) == [("100234", "manglende legitimasjon"), ("100251", "ikke møtt")]


@pytest.mark.rule("NP-4.2-8")
async def test_whoever_never_came_is_noted_when_the_sitting_is_closed(site: Site) -> None:
    await site.open_pc()
    site.store.mark_present(site.leader, "s1", "100234", "known")
    site.store.close_sitting(site.leader, "s1")
    assert deviations(site) == [("100251", "ikke møtt"), ("100266", "ikke møtt")]
    assert seat(site, "100251").attendance is Attendance.NO_SHOW


@pytest.mark.rule("NP-4.2-9")
async def test_the_list_is_signed_only_when_everyone_has_an_outcome_and_then_closed(site: Site) -> None:
    await site.open_pc()
    site.store.mark_present(site.leader, "s1", "100234", "known")
    site.store.reject(site.leader, "s1", "100251", Attendance.REJECTED_LATE)
    with pytest.raises(NotNowError, match="no outcome for 100266"):
        site.store.sign_attendance(site.leader, "s1")
    with pytest.raises(NoRightError):
        site.store.sign_attendance(site.guard, "s1")
    site.store.mark_no_show(site.leader, "s1", "100266")
    site.store.sign_attendance(site.leader, "s1")
    assert site.store.sitting(site.leader, "s1").signed_by == "lars"
    with pytest.raises(NotNowError, match="the list is signed"):
        site.store.mark_present(site.leader, "s1", "100266", "known")


async def test_whoever_comes_when_all_parts_have_started_is_too_late(site: Site) -> None:
    await site.open_pc("writing")
    with pytest.raises(NotNowError, match="Reject as late"):
        site.store.mark_present(site.leader, "s1", "100234", "known")
    site.store.reject(site.leader, "s1", "100234", Attendance.REJECTED_LATE)
    assert deviations(site) == [("100234", "sen")]


def test_a_rejection_names_one_of_its_reasons(site: Site) -> None:
    with pytest.raises(FieldError, match="missing id, late or fee"):
        site.store.reject(site.leader, "s1", "100234", Attendance.NO_SHOW)
    assert seat(site).attendance is Attendance.EXPECTED


@pytest.mark.rule("NP-4.9-1")
async def test_an_accompanied_exit_names_the_invigilator_and_has_two_times(site: Site) -> None:
    await site.open_pc("reading")
    with pytest.raises(FieldError, match="Name who goes with"):
        site.store.record_accompanied_exit(site.guard, "s1", "100234", "reading", "  ")
    number = site.store.record_accompanied_exit(site.guard, "s1", "100234", "reading", "Vera Moe")
    assert seat(site).is_out
    site.clock.pass_minutes(4)
    site.store.record_return(site.guard, "s1", number)
    found = site.store.exits(site.leader, "s1")
    assert [(each.candidate, each.invigilator, each.back_ms - each.out_ms) for each in found] == [
        ("100234", "Vera Moe", 240_000)
    ]
    assert not seat(site).is_out
    with pytest.raises(NotNowError, match="the return is recorded"):
        site.store.record_return(site.guard, "s1", number)
    assert site.store.orders(site.leader, "s1")[-1].kind.value == "start_part"


@pytest.mark.rule("NP-4.9-2")
@pytest.mark.parametrize(("minutes", "is_deviation"), [(14, True), (15, False)])
async def test_leaving_alone_before_minute_15_is_a_deviation(site: Site, minutes: int, is_deviation: bool) -> None:
    pc = await site.open_pc("reading")
    await pc.ask("POST", "/v1/progress", pc.report())
    site.clock.pass_minutes(minutes)
    site.store.record_unaccompanied_exit(site.leader, "s1", "100234", "reading")
    assert deviations(site) == ([("100234", "forlot lokalet")] if is_deviation else [])
    closing = site.store.orders(site.leader, "s1")[-1]
    assert (closing.kind.value, closing.candidate, closing.part) == ("left_alone", "100234", "reading")
    assert seat(site).entries[1].phase == "left"


@pytest.mark.rule("NP-A5-2")
async def test_nobody_goes_out_to_come_back_during_listening_and_leaving_is_a_deviation(site: Site) -> None:
    pc = await site.open_pc("listening")
    await pc.ask("POST", "/v1/progress", pc.report(part="listening"))
    site.clock.pass_minutes(20)
    with pytest.raises(NotNowError, match="nobody may leave during this part"):
        site.store.record_accompanied_exit(site.guard, "s1", "100234", "listening", "Vera Moe")
    site.store.record_unaccompanied_exit(site.leader, "s1", "100234", "listening")
    assert deviations(site) == [("100234", "forlot lokalet")]


@pytest.mark.rule("NP-4.11-13")
def test_an_incident_reaches_test_leader_and_test_manager_with_its_times(site: Site) -> None:
    site.store.record_incident(
        site.guard, "s1", "100234", "reading", kind=IncidentKind.ILLEGAL_AID, note="lapp under tastaturet"
    )
    entered_ms = site.clock()
    site.clock.pass_minutes(1)
    seen = site.store.incidents(site.leader, "s1")[0]
    assert (seen.by, seen.at_ms, seen.leader_seen_ms, seen.manager_seen_ms) == ("vera", entered_ms, site.clock(), 0)
    site.clock.pass_minutes(2)
    seen = site.store.incidents(site.manager, "s1")[0]
    assert (seen.leader_seen_ms, seen.manager_seen_ms) == (entered_ms + 60_000, entered_ms + 180_000)


@pytest.mark.rule("NP-A3-3")
def test_a_mobile_phone_is_attempted_cheating(site: Site) -> None:
    site.store.record_incident(site.guard, "s1", "100234", "", kind=IncidentKind.MOBILE_PHONE, note="")
    site.store.record_incident(site.guard, "s1", "100234", "", kind=IncidentKind.TECHNICAL, note="mus byttet")
    found = site.store.incidents(site.leader, "s1")
    assert [(each.kind, each.is_attempted_cheating) for each in found] == [
        (IncidentKind.MOBILE_PHONE, True),
        (IncidentKind.TECHNICAL, False),
    ]


@pytest.mark.rule("NP-6.1-1")
def test_a_report_waits_at_the_test_manager_until_it_is_handled(site: Site) -> None:
    with pytest.raises(FieldError, match="Write what happened"):
        site.store.file_report(site.leader, "s1", "100234", " ")
    number = site.store.file_report(site.leader, "s1", "100234", "Brannalarm kl. 10.20, rommet tømt i fire minutter.")
    report = site.store.reports(site.manager)[0]
    assert (report.room, report.candidate, report.at_ms, report.handled_ms) == ("r1", "100234", site.clock(), 0)
    with pytest.raises(NoRightError):
        site.store.handle_report(site.leader, number)
    site.store.handle_report(site.manager, number)
    assert site.store.reports(site.manager)[0].handled_by == "mona"
    assert site.store.reports(Actor("berit", Role.TEST_MANAGER, "bergen", "")) == ()


@pytest.mark.rule("NP-4.12-5")
async def test_three_handed_in_of_four_are_three_delivered_and_one_running(site: Site) -> None:
    pc = await site.open_pc("writing")
    await deliver(site, pc_part="reading", candidate="100234")
    await deliver(site, pc_part="writing", candidate="100234")
    await deliver(site, pc_part="reading", candidate="100251")
    await pc.ask("POST", "/v1/progress", pc.report(attempt="f" * 32, candidate="100266", part="writing"))
    entries = [entry for each in site.store.board(site.leader, "s1").seats for entry in each.entries if entry.attempt]
    assert sorted((entry.phase, entry.is_delivered) for entry in entries) == [
        ("running", False),
        ("submitted", True),
        ("submitted", True),
        ("submitted", True),
    ]


@pytest.mark.rule("NP-4.12-6")
async def test_levert_prove_is_signed_only_for_a_part_that_is_wholly_here(site: Site) -> None:
    pc = await site.open_pc("reading")
    with pytest.raises(NotNowError, match="the part is not delivered"):
        site.store.sign_delivered(site.leader, "s1", "100234", "reading")
    driven = running("reading").take(lambda _attempt: 1)
    journal = site.journal(pc, ATTEMPT).write(events_of(driven, pc.id))
    *early, last = journal.envelopes(limit=2000)
    assert early
    for data in early:
        await pc.ask("POST", "/v1/envelopes", data)
    await pc.ask("POST", "/v1/progress", pc.report(phase="submitted", records_durable=journal.sealer.count))
    with pytest.raises(NotNowError, match="the part is not delivered"):
        site.store.sign_delivered(site.leader, "s1", "100234", "reading")
    await pc.ask("POST", "/v1/envelopes", last)
    site.store.sign_delivered(site.leader, "s1", "100234", "reading")
    assert seat(site).entries[1].signed_delivered_ms == site.clock()


@pytest.mark.rule("NP-3.13-2")
async def test_the_monitor_shows_state_module_and_focus_loss(site: Site) -> None:
    pc = await site.open_pc("reading")
    await pc.ask(
        "POST",
        "/v1/progress",
        pc.report(
            module_number=2, task_number=5, left_ms=1_800_000, is_locked=True,
            incidents=[{"kind": "focus_lost", "at_ms": 83_212}],
        ),
    )  # fmt: skip
    found = seat(site).progress
    assert found is not None
    assert (found.phase, found.module_number, found.task_number, found.left_ms, found.is_locked) == (
        "running", 2, 5, 1_800_000, True,
    )  # fmt: skip
    assert found.incidents == (("focus_lost", 83_212),)


async def test_a_deviation_of_another_kind_is_noted_with_its_text(site: Site) -> None:
    site.store.record_deviation(
        site.leader, "s1", "100234", "reading", kind=DeviationKind.TECHNICAL, note="strømmen gikk"
    )
    found = site.store.deviations(site.leader, "s1")[0]
    assert (found.kind, found.note, found.by) == (DeviationKind.TECHNICAL, "strømmen gikk", "lars")


async def test_older_news_of_an_attempt_changes_nothing(site: Site) -> None:
    pc = await site.open_pc("reading")
    early, late = pc.report(task_number=1), pc.report(task_number=2)
    await pc.ask("POST", "/v1/progress", late)
    await pc.ask("POST", "/v1/progress", early)
    found = seat(site).progress
    assert found is not None
    assert found.task_number == 2


async def test_an_attempt_cannot_be_told_to_be_somebody_elses(site: Site) -> None:
    pc = await site.open_pc("reading")
    await pc.ask("POST", "/v1/progress", pc.report(candidate="100234"))
    answer = await pc.ask("POST", "/v1/progress", pc.report(candidate="100251"))
    assert (answer.status_code, answer.json()["code"]) == (400, "damaged")
    assert seat(site, "100251").progress is None
    answer = await pc.ask("POST", "/v1/progress", pc.report(sitting="s9", attempt="b" * 32))
    assert answer.status_code == 404


async def deliver(site: Site, *, pc_part: str, candidate: str) -> None:
    """A part handed in and wholly sent by the first PC."""
    pc = site.pcs[0]
    attempt = f"{1 if pc_part == 'reading' else 2}{candidate}".ljust(32, "0")
    journal = site.journal(pc, attempt).write(events_of(running("reading"), pc.id, attempt=attempt))
    for data in journal.envelopes():
        assert (await pc.ask("POST", "/v1/envelopes", data)).status_code == 200
    report = pc.report(
        phase="submitted", attempt=attempt, candidate=candidate, part=pc_part, records_durable=journal.sealer.count
    )
    assert (await pc.ask("POST", "/v1/progress", report)).status_code == 200


async def test_whoever_is_present_can_be_turned_away_until_a_part_has_begun(site: Site) -> None:
    pc = await site.open_pc("listening")
    for candidate in ("100234", "100251"):
        site.store.mark_present(site.guard, "s1", candidate, "known")
    await pc.ask("POST", "/v1/progress", pc.report(phase="running", part="listening"))
    with pytest.raises(NotNowError, match="Expel, with a reason"):
        site.store.reject(site.guard, "s1", "100234", Attendance.REJECTED_ID)
    assert seat(site).attendance is Attendance.PRESENT
    site.store.reject(site.guard, "s1", "100251", Attendance.REJECTED_ID)
    assert seat(site, "100251").attendance is Attendance.REJECTED_ID


async def test_whoever_has_an_outcome_is_not_noted_as_ikke_mott(site: Site) -> None:
    site.store.mark_present(site.guard, "s1", "100234", "known")
    with pytest.raises(NotNowError, match="there is an outcome"):
        site.store.mark_no_show(site.guard, "s1", "100234")
    assert seat(site).attendance is Attendance.PRESENT
    site.store.mark_no_show(site.guard, "s1", "100251")
    assert seat(site, "100251").attendance is Attendance.NO_SHOW


async def test_the_return_from_an_exit_that_is_not_this_sittings_is_not_found(site: Site) -> None:
    await site.open_pc("reading")
    site.store.create_sitting(site.manager, new_sitting(id="s2", date="2026-11-24"))
    number = site.store.record_accompanied_exit(site.guard, "s1", "100234", "reading", "Vera Moe")
    for sitting, exit_id in (("s2", number), ("s1", number + 1)):
        with pytest.raises(NotFoundError, match=f"In sitting {sitting}, exit '{exit_id}'"):
            site.store.record_return(site.leader, sitting, exit_id)
    assert seat(site).is_out


def test_a_report_that_is_not_there_is_not_handled(site: Site) -> None:
    with pytest.raises(NotFoundError, match="Report '7'"):
        site.store.handle_report(site.manager, 7)
