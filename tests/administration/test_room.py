"""The room page on the day: what it shows, and each act through HTTP down to the signed order."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from administration import site as pages
from centralstore.rights import COMMAND_LINE
from centralstore.words import Attendance, IncidentKind, OrderKind
from sync.keys import VerifyKey
from sync.orders import Order, OrderList
from tests.administration.staff import Desk, group_of, text_of, tile_of
from tests.centralstore.place import Pc, Site

pytestmark = pytest.mark.anyio

ROOM = "/sittings/s1"
SEAT = "/sittings/s1/seats/100234"
NUMBERS = ("100234", "100251", "100266")
WORDS_OF_RESULTS = re.compile(r"\b(score|theta|rute|route|RM\d|FM-|poeng|riktige?|below_A1|A1|A2|B1|B2)\b")
"""What no page may hold: scores, levels, modules' names, routes."""


def attempt(candidate: str) -> str:
    return candidate.rjust(32, "0")


async def report(pc: Pc, candidate: str = "100234", part: str = "reading", **fields) -> None:
    told = {"candidate": candidate, "attempt": attempt(candidate), "part": part, "left_ms": 9 * 60_000, **fields}
    answer = await pc.ask("POST", "/v1/progress", pc.report(**told))
    assert answer.status_code == 200, answer.text


async def orders(site: Site, pc: Pc) -> tuple[Order, ...]:
    """The orders as a PC fetches them: signatures, chain and numbers are checked."""
    answer = await pc.ask("GET", "/v1/orders?sitting=s1&after=0")
    key = VerifyKey.from_hex(site.store.public_keys()["order_key"])
    return tuple(OrderList("s1", key).verify(answer.content))


async def running(desk: Desk, part: str = "reading", candidate: str = "100234") -> Pc:
    """A logged-in test leader, everybody present, the part started, one candidate in it."""
    site = desk.site
    pc = await site.open_pc(part)
    for number in NUMBERS:
        site.store.mark_present(site.manager, "s1", number, "passport") if part == "listening" else None
    await report(pc, candidate, part)
    await desk.log_in("lars")
    return pc


# --- the course of the day --------------------------------------------------------------------------------------------


async def test_the_leader_opens_and_starts_and_every_step_is_a_signed_order(desk: Desk) -> None:
    pc = await desk.site.ready_pc()
    await desk.log_in("lars")
    assert "Åpne prøvepartiet" in text_of(await desk.see(ROOM))
    assert (await desk.press(f"{ROOM}/do/open")).headers["location"] == ROOM
    for number in NUMBERS:
        answer = await desk.press(f"{ROOM}/seats/{number}/present", id_kind="passport", part="listening")
        assert answer.status_code == 303
    assert (await desk.press(f"{ROOM}/do/start", part="listening")).status_code == 303
    found = await orders(desk.site, pc)
    assert [(order.kind, order.part, order.by) for order in found] == [
        ("open", "", "lars"),
        ("start_part", "listening", "lars"),
    ]
    assert found[1].data["present_1"] == "100234 100251 100266"
    again = await desk.press(f"{ROOM}/do/start", part="writing")
    assert again.status_code == 409
    assert "Det går ikke nå" in text_of(again)


@pytest.mark.rule("NP-4.1-6")
async def test_present_and_not_logged_in_is_marked_before_the_start(desk: Desk) -> None:
    site = desk.site
    pc = await site.open_pc()
    for number in NUMBERS:
        site.store.mark_present(site.leader, "s1", number, "passport")
    for number in NUMBERS[:2]:
        await report(pc, number, "listening", phase="ready", left_ms=None)
    await desk.log_in("lars")
    page = await desk.see(ROOM)
    assert "Ikke logget inn" in tile_of(page, "100266")
    assert [group_of(page, number) for number in NUMBERS] == [3, 3, 1]
    course = text_of(await desk.see(f"{ROOM}/course"))
    assert "2 av 3 som har møtt, er logget inn" in course
    assert "Ikke logget inn: plass 3." in course


async def test_attendance_is_noted_on_its_page(desk: Desk) -> None:
    await desk.site.open_pc()
    await desk.log_in("vera")
    for number, act, fields in (
        ("100234", "present", {"id_kind": "known"}),
        ("100251", "no_show", {}),
        ("100266", "reject", {"why": "rejected_id"}),
    ):
        answer = await desk.press(f"{ROOM}/seats/{number}/{act}", back="attendance", **fields)
        assert answer.headers["location"] == f"{ROOM}/attendance"
    seats = {seat.candidate: seat for seat in desk.site.store.board(desk.site.leader, "s1").seats}
    assert [seats[number].attendance for number in NUMBERS] == [
        Attendance.PRESENT,
        Attendance.NO_SHOW,
        Attendance.REJECTED_ID,
    ]
    page = text_of(await desk.see(f"{ROOM}/attendance"))
    assert "Kjent for prøvestedet" in page
    late = await desk.press(f"{ROOM}/seats/100266/present", id_kind="passport")
    assert late.status_code == 409


@pytest.mark.parametrize("fields", [{"id_kind": "library card"}, {}, {"id_kind": "x" * 200}])
async def test_an_unknown_identification_is_refused(desk: Desk, fields: dict[str, str]) -> None:
    await desk.site.open_pc()
    await desk.log_in("lars")
    assert (await desk.press(f"{SEAT}/present", **fields)).status_code == 400
    assert desk.site.store.board(desk.site.leader, "s1").seats[0].attendance is Attendance.EXPECTED


async def test_the_list_is_signed_when_everyone_has_an_outcome(desk: Desk) -> None:
    await desk.site.open_pc()
    await desk.log_in("lars")
    refused = await desk.press(f"{ROOM}/do/sign_list")
    assert "Noen mangler utfall" in text_of(refused)
    for number in NUMBERS:
        await desk.press(f"{ROOM}/seats/{number}/no_show")
    await desk.press(f"{ROOM}/do/sign_list")
    assert "Signert av lars 08.00." in text_of(await desk.see(f"{ROOM}/course"))


async def test_closing_asks_for_a_reason_while_someone_writes(desk: Desk) -> None:
    pc = await running(desk)
    assert "Ikke ferdige: 1." in text_of(await desk.see(f"{ROOM}/course"))
    refused = await desk.press(f"{ROOM}/do/close")
    assert refused.status_code == 409
    assert "skriv hva som skjedde" in text_of(refused)
    assert (await desk.press(f"{ROOM}/do/close", reason="PC-en er ødelagt.")).status_code == 303
    last = (await orders(desk.site, pc))[-1]
    assert (last.kind, last.reason) == ("close", "PC-en er ødelagt.")
    assert "Avsluttet" in text_of(await desk.see(f"{ROOM}/course"))


# --- what the page shows ----------------------------------------------------------------------------------------------


@pytest.mark.rule("NP-3.13-2")
async def test_state_module_and_focus_loss_of_each_candidate_are_shown(desk: Desk) -> None:
    pc = await running(desk)
    lost = {"kind": "focus_lost", "at_ms": 60_000}
    await report(pc, task_number=17, module_number=2, incidents=(lost,))
    await report(pc, "100251", task_number=9, module_number=1)
    await report(pc, "100266", task_number=12, module_number=3, is_locked=True, incidents=(lost,))
    page = await desk.see(ROOM)
    first, second, third = (text_of(tile_of(page, number)) for number in NUMBERS)
    assert "Annet vindu" in first
    assert "Del 2" in first
    assert "Oppgave 17" in first
    assert "I gang" in second
    assert "Del 1" in second
    assert "Oppg. 9 · 9 min" in second
    assert "Låst siden" in third
    assert "Del 3" in third
    assert "Et annet vindu kom foran prøven." in third
    assert "Et annet vindu kom foran prøven" in text_of(await desk.see(SEAT))


@pytest.mark.rule("NP-4.12-5")
async def test_three_delivered_and_one_running(desk: Desk) -> None:
    """Three attempts submitted with every record kept, one still running."""
    from centralstore.records import NewCandidate, NewPlace
    from tests.centralstore.place import ALL_PARTS

    site = desk.site
    site.store.add_candidate(COMMAND_LINE, NewCandidate("100300", "Ola Li", False, "k100300", "blå stol 41"))
    site.store.add_place(COMMAND_LINE, NewPlace("s1", "100300", 4, ALL_PARTS))
    pc = await running(desk, candidate="100300")
    for number in NUMBERS:
        journal = site.journal(pc, attempt(number)).write_keys(4)
        for data in journal.envelopes():
            assert (await pc.ask("POST", "/v1/envelopes", data)).status_code == 200
        await report(pc, number, phase="submitted", records_durable=4, left_ms=None)
    page = await desk.see(ROOM)
    assert re.findall(r'data-status="(\w+)"', page.text) == ["running", "delivered", "delivered", "delivered"]
    assert "Levert 3" in text_of(page)
    await report(pc, "100266", phase="submitted", records_durable=9, left_ms=None)
    page = await desk.see(ROOM)
    assert "Venter på levering" in tile_of(page, "100266"), "the PC has more than the store"


@pytest.mark.rule("NP-4-17", "NP-6.5-10")
async def test_no_page_tells_a_score_a_level_or_a_route(desk: Desk) -> None:
    """Also with held results in the store: staff pages and progress know nothing of them."""
    from centralstore.records import ScoredAttempt

    pc = await running(desk)
    await report(pc, phase="submitted", records_durable=1, left_ms=None)
    scored = ScoredAttempt(
        attempt=attempt("100234"), sitting="s1", candidate="100234", part="reading", level="B1",
        scoring_version="v1", data={"modules": ["RM1", "FM-B1B2"], "theta": 0.731}, findings=(), keys_sha256="0" * 64,
    )  # fmt: skip
    assert desk.site.store.keep_results(COMMAND_LINE, (scored,)) == 1
    for user in ("vera", "lars", "mona"):
        await desk.log_in(user)
        for page in (ROOM, f"{ROOM}/board", SEAT, f"{ROOM}/attendance", f"{ROOM}/read-out"):
            answer = await desk.see(page)
            assert answer.status_code == 200
            found = WORDS_OF_RESULTS.findall(text_of(answer)) + re.findall(r"0\.731|RM1|FM-B", answer.text)
            assert found == [], page
    course = text_of(await desk.see(f"{ROOM}/course"))
    assert re.findall(r"RM\d|FM-|theta|0\.731", course) == [], "its levels are those one can be enrolled for"
    for path in ("/results", "/sittings/s1/results", "/sittings/s1/seats/100234/result"):
        assert (await desk.see(path)).status_code in {404, 405}, "there is no such page"


async def test_a_protected_identity_is_nowhere_named(desk: Desk) -> None:
    await running(desk)
    assert "Kandidat 100251" in text_of(await desk.see(ROOM))
    assert "Kandidat 100251" in text_of(await desk.see(f"{ROOM}/seats/100251"))


async def test_a_change_reaches_a_waiting_page_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page waits for ten minutes if nothing happens: what answers it is the change alone."""
    monkeypatch.setattr(pages, "POLL_SECONDS", 600.0)
    pc = await running(desk)
    version = (await desk.see(f"{ROOM}/board")).headers["x-room-version"]
    waiting = asyncio.create_task(desk.see(f"{ROOM}/board?seen={version}"))
    while not desk.site.store.bell.waiting("room/s1"):
        await asyncio.wait([waiting], timeout=0.01)
    await report(pc, is_locked=True, incidents=({"kind": "focus_lost", "at_ms": 1},))
    answer = await asyncio.wait_for(waiting, 60)
    assert "Låst siden" in tile_of(answer, "100234")
    assert int(answer.headers["x-room-version"]) > int(version)


async def test_looking_changes_nothing_and_is_not_logged_each_time(desk: Desk) -> None:
    await running(desk)
    first = await desk.see(f"{ROOM}/board")
    rows = len(desk.site.store.audit(COMMAND_LINE, limit=10_000))
    for _ in range(3):
        again = await desk.see(f"{ROOM}/board")
        assert again.headers["x-room-version"] == first.headers["x-room-version"]
    after = desk.site.store.audit(COMMAND_LINE, limit=10_000)[rows:]
    assert [row.act for row in after] == ["see_audit"]


async def test_filters_and_seating_choose_what_is_shown(desk: Desk) -> None:
    pc = await running(desk)
    await report(pc, "100251", is_locked=True)
    shown = re.findall(r'id="tile-(\d+)"', (await desk.see(f"{ROOM}?show=need")).text)
    assert shown == ["100251"]
    shown = re.findall(r'id="tile-(\d+)"', (await desk.see(f"{ROOM}?order=seat")).text)
    assert shown == list(NUMBERS)


# --- acts at a seat ---------------------------------------------------------------------------------------------------


async def test_extra_time_tells_its_effect_and_is_ordered_with_its_reason(desk: Desk) -> None:
    pc = await running(desk)
    page = text_of(await desk.see(SEAT))
    assert "10 minutter ekstra. Ny slutt 08.19." in page, "08.00 and nine minutes left"
    answer = await desk.press(f"{SEAT}/extra_time", part="reading", minutes="10", reason="Strømmen gikk.")
    assert answer.status_code == 303
    order = (await orders(desk.site, pc))[-1]
    assert (order.kind, order.candidate, order.part, order.data, order.reason, order.by) == (
        "extra_time", "100234", "reading", {"extra_ms": 600_000}, "Strømmen gikk.", "lars",
    )  # fmt: skip
    assert "+10" in text_of(tile_of(await desk.see(ROOM), "100234"))
    assert "Strømmen gikk. · av lars · PC-en har ikke fått det ennå" in text_of(await desk.see(SEAT))
    body = json.dumps({"sitting": "s1", "number": order.number, "device": pc.id, "applied_at_ms": 1}).encode()
    await pc.ask("POST", "/v1/orders/ack", body)
    assert "PC-en har ikke fått det ennå" not in text_of(await desk.see(SEAT))


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({"minutes": "10", "reason": " "}, 400, "Skriv hva som skjedde."),
        ({"minutes": "0", "reason": "x"}, 400, "Noe mangler i skjemaet."),
        ({"minutes": "999", "reason": "x"}, 400, "Noe mangler i skjemaet."),
    ],
)
async def test_extra_time_needs_a_reason_and_sound_minutes(desk: Desk, fields, status: int, sentence: str) -> None:
    pc = await running(desk)
    before = await orders(desk.site, pc)
    answer = await desk.press(f"{SEAT}/extra_time", part="reading", **fields)
    assert answer.status_code == status
    assert sentence in text_of(answer)
    assert await orders(desk.site, pc) == before


async def test_extra_time_in_listening_is_refused_with_a_sentence(desk: Desk) -> None:
    pc = await running(desk, "listening")
    page = await desk.see(SEAT)
    assert "Det går ikke å gi ekstra tid i" in text_of(page)
    assert 'name="minutes"' not in page.text
    answer = await desk.press(f"{SEAT}/extra_time", part="listening", minutes="10", reason="Støy.")
    assert answer.status_code == 409
    assert "extra_time" not in {order.kind for order in await orders(desk.site, pc)}


@pytest.mark.rule("NP-4.10-1", "NP-4.10-2")
async def test_a_reset_needs_the_candidates_consent_and_the_right(desk: Desk) -> None:
    pc = await running(desk)
    fields = {"part": "reading", "reason": "Kandidaten ble syk."}
    refused = await desk.press(f"{SEAT}/reset", **fields)
    assert refused.status_code == 400
    assert "Samtykket fra kandidaten mangler." in text_of(refused)
    await desk.log_in("vera")
    assert (await desk.press(f"{SEAT}/reset", **fields, consent="Ja, muntlig 10.40")).status_code == 403
    assert "reset" not in {order.kind for order in await orders(desk.site, pc)}
    await desk.log_in("mona")
    assert (await desk.press(f"{SEAT}/reset", **fields, consent="Ja, muntlig 10.40")).status_code == 303
    order = (await orders(desk.site, pc))[-1]
    assert (order.kind, order.by, order.reason) == ("reset", "mona", "Kandidaten ble syk.")
    assert order.data == {"attempt": attempt("100234"), "consent": "Ja, muntlig 10.40"}
    page = await desk.see(ROOM)
    assert 'data-status="running"' not in tile_of(page, "100234"), "the reset attempt counts no more"


async def test_unlocking_from_the_tile_is_one_press(desk: Desk) -> None:
    pc = await running(desk)
    await report(pc, is_locked=True)
    tile = tile_of(await desk.see(ROOM), "100234")
    assert f'action="{SEAT}/unlock"' in tile
    answer = await desk.press(f"{SEAT}/unlock", page=ROOM, part="reading", back="room")
    assert answer.headers["location"] == ROOM
    order = (await orders(desk.site, pc))[-1]
    assert (order.kind, order.candidate, order.part) == ("unlock", "100234", "reading")


async def test_a_hand_over_is_permitted_to_one_pc_or_to_any(desk: Desk) -> None:
    pc = await running(desk)
    other = await desk.site.enrol("PC 8")
    page = text_of(await desk.see(SEAT))
    assert "En hvilken som helst PC i rommet" in page
    assert "PC 8" in page
    for device in (other.id, ""):
        answer = await desk.press(f"{SEAT}/handover", part="reading", device=device, reason="PC-en døde.")
        assert answer.status_code == 303
        told = {"attempt": attempt("100234"), "to_device": device, "from_device": pc.id}
        assert (await orders(desk.site, pc))[-1].data == told
        allowed = await other.ask("GET", f"/v1/attempts/{attempt('100234')}/envelopes")
        assert allowed.status_code == 200
    refused = await desk.press(f"{SEAT}/handover", part="reading", device="pc-unknown", reason="x")
    assert refused.status_code == 409


async def test_expelling_needs_a_reason_and_ends_the_part(desk: Desk) -> None:
    pc = await running(desk)
    await report(pc, "100266")
    assert (await desk.press(f"{SEAT}/expel", part="reading")).status_code == 400
    assert (await desk.press(f"{SEAT}/expel", part="reading", reason="Mobiltelefon.")).status_code == 303
    assert (await orders(desk.site, pc))[-1].kind == "expel"
    assert "Bortvist" in tile_of(await desk.see(ROOM), "100234")


@pytest.mark.rule("NP-4.9-1")
async def test_an_accompanied_exit_names_its_invigilator_and_the_clock_runs(desk: Desk) -> None:
    pc = await running(desk)
    refused = await desk.press(f"{SEAT}/exit", part="reading", invigilator=" ")
    assert refused.status_code == 400
    assert "Skriv hvem som går med kandidaten." in text_of(refused)
    assert desk.site.store.exits(desk.site.leader, "s1") == ()
    assert (await desk.press(f"{SEAT}/exit", part="reading", invigilator="Vera Moe")).status_code == 303
    desk.site.clock.pass_minutes(3)
    await report(pc, left_ms=6 * 60_000)
    tile = text_of(tile_of(await desk.see(ROOM), "100234"))
    assert "Ute med vakt siden 08.00 · tiden går" in tile
    exit_id = desk.site.store.exits(desk.site.leader, "s1")[0].id
    assert f'name="exit" value="{exit_id}"' in (await desk.see(SEAT)).text
    assert (await desk.press(f"{SEAT}/return", part="reading", exit=str(exit_id))).status_code == 303
    (found,) = desk.site.store.exits(desk.site.leader, "s1")
    assert (found.invigilator, found.back_ms - found.out_ms) == ("Vera Moe", 3 * 60_000)
    assert "Ute med vakt: Vera Moe. Tilbake 08.03" in text_of(await desk.see(SEAT))
    assert {order.kind for order in await orders(desk.site, pc)} <= {"open", "start_part"}, "no order stops the clock"


async def test_leaving_alone_ends_the_part_by_an_order(desk: Desk) -> None:
    pc = await running(desk)
    await report(pc, "100266")
    assert (await desk.press(f"{SEAT}/left_alone", part="reading")).status_code == 303
    assert (await orders(desk.site, pc))[-1].kind == "left_alone"
    assert "Forlot lokalet" in tile_of(await desk.see(ROOM), "100234")


async def test_an_incident_is_noted_and_seen(desk: Desk) -> None:
    await running(desk)
    await desk.log_in("vera")
    answer = await desk.press(f"{SEAT}/incident", part="reading", kind="mobile_phone", reason="Lå under pulten.")
    assert answer.status_code == 303
    await desk.log_in("lars")
    assert "Mobiltelefon Lå under pulten. · av vera" in text_of(await desk.see(SEAT))
    (found,) = desk.site.store.incidents(COMMAND_LINE, "s1")
    assert (found.kind, found.leader_seen_ms > 0) == (IncidentKind.MOBILE_PHONE, True)


@pytest.mark.rule("NP-4.12-6")
async def test_delivered_is_signed_only_when_the_part_is_delivered(desk: Desk) -> None:
    pc = await running(desk)
    assert "Delen er ikke levert ennå." in text_of(await desk.see(SEAT))
    refused = await desk.press(f"{SEAT}/sign_delivered", part="reading")
    assert refused.status_code == 409
    assert desk.site.store.board(desk.site.leader, "s1").seats[0].entries[1].signed_delivered_ms == 0
    for data in desk.site.journal(pc, attempt("100234")).write_keys(2).envelopes():
        await pc.ask("POST", "/v1/envelopes", data)
    await report(pc, phase="submitted", records_durable=2, left_ms=None)
    assert (await desk.press(f"{SEAT}/sign_delivered", part="reading")).status_code == 303
    assert "Signerte levert prøve:" in text_of(await desk.see(SEAT))


async def test_every_order_a_leader_can_give_has_its_button(desk: Desk) -> None:
    pc = await running(desk)
    await report(pc, is_locked=True)
    page = (await desk.see(SEAT)).text
    acts = set(re.findall(rf'action="{SEAT}/(\w+)"', page))
    assert {"unlock", "extra_time", "reset", "handover", "expel", "left_alone"} <= acts
    course = (await desk.see(f"{ROOM}/course")).text
    assert set(re.findall(r'/do/(\w+)"', course)) >= {"start", "close"}
    assert {kind.value for kind in OrderKind} == {
        "open", "start_part", "extra_time", "reset", "unlock", "expel", "left_alone", "permit_handover", "close",
    }  # fmt: skip


@pytest.mark.parametrize("path", [f"{SEAT}/conjure", f"{ROOM}/do/conjure", f"{SEAT}/open", f"{ROOM}/do/expel"])
async def test_an_act_that_is_none_is_refused(desk: Desk, path: str) -> None:
    await running(desk)
    assert (await desk.press(path, part="reading")).status_code == 400
