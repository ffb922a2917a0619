"""Log-in, rights, forms and headers of the pages, over HTTP on the real application."""

from __future__ import annotations

import re

import httpx
import pytest

from administration import door
from administration.door import FORM_COOKIE, SESSION_COOKIE
from administration.site import extend
from centralstore.records import NewAccount, NewCandidate
from centralstore.rights import COMMAND_LINE
from centralstore.service import build_app
from centralstore.words import Role
from tests.administration.staff import Desk, csrf_of, text_of
from tests.centralstore.place import PASSWORD, Site, new_sitting, plan

pytestmark = pytest.mark.anyio

PAGES = (
    "/sittings",
    "/sittings/s1",
    "/sittings/s1?show=need&order=seat",
    "/sittings/s1/board",
    "/sittings/s1/course",
    "/sittings/s1/attendance",
    "/sittings/s1/read-out",
    "/sittings/s1/seats/100234",
    "/account",
)
POSTS = (
    "/logout",
    "/account/password",
    "/account/sessions",
    "/sittings/s1/day-code",
    "/sittings/s1/do/open",
    "/sittings/s1/seats/100234/expel",
    "/language",
)


def add_account(site: Site, user: str, role: Role, at: str, room: str) -> None:
    site.store.add_account(COMMAND_LINE, NewAccount(user, user.title(), PASSWORD, role, at, room))


# --- log-in -----------------------------------------------------------------------------------------------------------


@pytest.mark.rule("NP-3.2-4")
async def test_a_wrong_password_is_refused_and_recorded(desk: Desk) -> None:
    answer = await desk.log_in("lars", "feil passord")
    assert answer.status_code == 401
    assert "Brukernavn eller passord er feil" in text_of(answer)
    assert SESSION_COOKIE not in desk.http.cookies
    assert (await desk.see("/sittings")).headers["location"] == "/login"
    tries = [row for row in desk.site.store.audit(COMMAND_LINE) if row.act == "log_in"]
    assert [(row.user, row.is_allowed) for row in tries] == [("lars", False)]


async def test_wrong_passwords_slow_the_account_down(desk: Desk) -> None:
    for _ in range(5):
        await desk.log_in("lars", "feil passord")
    answer = await desk.log_in("lars")
    assert answer.status_code == 429
    assert "Vent 15 sekunder" in text_of(answer)
    desk.site.clock.pass_minutes(1)
    assert (await desk.log_in("lars")).status_code == 303


async def test_one_address_cannot_try_without_end(desk: Desk) -> None:
    answers = [await desk.log_in(f"user{number}", "feil passord") for number in range(door.LOG_INS_A_MINUTE + 1)]
    assert {answer.status_code for answer in answers[:-1]} == {401}
    assert answers[-1].status_code == 429


@pytest.mark.rule("NP-3.2-6")
async def test_a_candidates_credentials_open_no_page(desk: Desk) -> None:
    """The candidate's user name and password are right at a PC and open nothing here."""
    desk.site.store.add_candidate(COMMAND_LINE, NewCandidate("100300", "Ola", False, "k100300", "blå stol 41"))
    for login in ("k100300", "k100234"):
        answer = await desk.log_in(login, "blå stol 41")
        assert answer.status_code == 401
        assert SESSION_COOKIE not in answer.cookies
    for page in PAGES:
        assert (await desk.see(page)).headers["location"] == "/login"


async def test_the_session_cookie_is_for_this_host_and_no_script(desk: Desk) -> None:
    answer = await desk.log_in("lars")
    cookie = next(value for value in answer.headers.get_list("set-cookie") if value.startswith(SESSION_COOKIE + "="))
    assert {"Secure", "HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


async def test_sessions_are_random_kept_by_the_store_and_end_with_the_log_out(desk: Desk) -> None:
    tokens = [(await desk.log_in("lars")).cookies[SESSION_COOKIE] for _ in range(2)]
    assert len(set(tokens)) == 2
    assert all(len(token) >= 43 for token in tokens)
    answer = await desk.press("/logout")
    assert answer.headers["location"] == "/login"
    desk.http.cookies.set(SESSION_COOKIE, tokens[1], domain="store.test")
    assert (await desk.see("/sittings")).status_code == 303
    desk.http.cookies.set(SESSION_COOKIE, tokens[0], domain="store.test")
    assert (await desk.see("/sittings")).status_code == 303, "the second log-in ended the first session"
    assert answer.headers["clear-site-data"] == '"cache", "storage"'


async def test_a_session_ends_after_half_an_hour_of_silence(desk: Desk) -> None:
    await desk.log_in("lars")
    for _ in range(4):
        desk.site.clock.pass_minutes(29)
        assert (await desk.see("/sittings")).status_code == 200
    desk.site.clock.pass_minutes(31)
    assert (await desk.see("/sittings")).status_code == 303
    assert (await desk.see("/sittings")).status_code == 303, "it is ended in the store too"


async def test_an_open_room_page_keeps_its_session(desk: Desk) -> None:
    await desk.log_in("lars")
    for _ in range(10):
        desk.site.clock.pass_minutes(25)
        assert (await desk.see("/sittings/s1/board")).status_code == 200


async def test_two_browsers_of_one_account_have_sessions_of_their_own(desk: Desk) -> None:
    first = (await desk.log_in("lars")).cookies[SESSION_COOKIE]
    desk.http.cookies.clear()
    await desk.log_in("lars")
    assert (await desk.see("/sittings")).status_code == 200
    desk.http.cookies.set(SESSION_COOKIE, first, domain="store.test")
    assert (await desk.see("/sittings")).status_code == 200


async def test_a_password_counts_as_a_whole_and_one_without_end_is_refused(desk: Desk) -> None:
    for password in (PASSWORD + " ", PASSWORD[:-1], PASSWORD.upper(), PASSWORD + "x" * 5000):
        assert (await desk.log_in("lars", password)).status_code == 401


async def test_a_session_ends_after_twelve_hours_and_with_the_account(desk: Desk) -> None:
    await desk.log_in("lars")
    for _ in range(12 * 60 // 20):
        assert (await desk.see("/sittings")).status_code == 200
        desk.site.clock.pass_minutes(20)
    assert (await desk.see("/sittings")).status_code == 303
    await desk.log_in("lars")
    desk.site.store.withdraw_account(desk.site.manager, "lars")
    assert (await desk.see("/sittings/s1")).status_code == 303


# --- rights -----------------------------------------------------------------------------------------------------------


@pytest.mark.rule("NP-2-5")
async def test_another_rooms_page_is_refused(desk: Desk) -> None:
    """Given a test leader for room 1, room 2's page and every act there are refused and logged."""
    desk.site.store.create_sitting(COMMAND_LINE, new_sitting(id="s2", room="r2"))
    await desk.log_in("lars")
    assert "s2" not in (await desk.see("/sittings")).text
    of_the_room = [page for page in PAGES if "/s1" in page]
    assert len(of_the_room) == len(PAGES) - 2, "all but the list of sittings and one's own account"
    for page in of_the_room:
        answer = await desk.see(page.replace("/s1", "/s2"))
        assert answer.status_code == 403, page
        assert "Du har ikke rett til dette" in text_of(answer)
    for path in ("/sittings/s2/do/open", "/sittings/s2/day-code"):
        assert (await desk.press(path)).status_code == 403
    refused = [row for row in desk.site.store.audit(COMMAND_LINE, sitting="s2") if not row.is_allowed]
    assert {row.user for row in refused} == {"lars"}
    assert {"see_sitting", "open_sitting", "see_day_code"} <= {row.act for row in refused}


@pytest.mark.rule("NP-4.1-9")
async def test_the_day_code_is_shown_to_the_sites_test_leader_only(desk: Desk) -> None:
    add_account(desk.site, "bergen", Role.TEST_LEADER, "bergen", "r1")
    await desk.log_in("lars")
    shown = await desk.press("/sittings/s1/day-code")
    assert shown.status_code == 200
    code = desk.site.store.day_code(desk.site.leader, "s1")
    assert re.search(r'id="code">(\d{4})<', shown.text)[1] == code  # type: ignore[index]
    assert 'http-equiv="refresh" content="30;url=/sittings/s1"' in shown.text
    for page in PAGES:
        assert f">{code}<" not in (await desk.see(page)).text
    for user in ("bergen", "vera"):
        await desk.log_in(user)
        answer = await desk.press("/sittings/s1/day-code")
        assert answer.status_code == 403
        assert code not in answer.text
    assert "Dagskode" not in (await desk.see("/sittings/s1")).text, "an invigilator has no button for it"


@pytest.mark.rule("NP-4.4-2")
async def test_only_the_test_manager_adds_a_candidate_on_the_day(desk: Desk) -> None:
    desk.site.store.add_candidate(COMMAND_LINE, NewCandidate("100300", "Ola Li", False, "k100300", "blå stol 41"))
    new = {"candidate": "100300", "seat": "9", "part-reading": "yes", "part-writing": "yes", "level-writing": "A2-B1"}
    await desk.log_in("lars")
    assert "Ta kontakt med prøveansvarlig" in text_of(await desk.see("/sittings/s1/course"))
    refused = await desk.press("/sittings/s1/do/add", **new)
    assert refused.status_code == 403
    assert "Du har ikke rett til dette" in text_of(refused)
    assert 'id="row-100300"' not in (await desk.see("/sittings/s1/attendance")).text
    await desk.log_in("mona")
    assert (await desk.press("/sittings/s1/do/add", **new)).status_code == 303
    assert 'id="row-100300"' in (await desk.see("/sittings/s1/attendance")).text
    rows = [row for row in desk.site.store.audit(COMMAND_LINE, sitting="s1") if row.act == "add_candidate"]
    assert [(row.user, row.is_allowed) for row in rows if row.candidate == "100300"][-2:] == [
        ("lars", False),
        ("mona", True),
    ]


# --- texts to read out ------------------------------------------------------------------------------------------------


@pytest.mark.rule("NP-4.6-1", "NP-A5-1")
async def test_general_and_the_parts_own_text_are_offered_and_no_others(desk: Desk, sample_package: bytes) -> None:
    """A sitting of reading: the general texts and reading's, bokmål and nynorsk side by side; nothing of listening."""
    store = desk.site.store
    release = store.add_release(COMMAND_LINE, sample_package)
    sitting = new_sitting(id="lesing", programme="norskprove-demo", releases=(release,), parts=plan()[1:2])
    store.create_sitting(COMMAND_LINE, sitting)
    await desk.log_in("lars")
    pages = [await desk.see(f"/sittings/lesing/read-out?text={number}") for number in range(4)]
    said = [text_of(page) for page in pages]
    assert "1 av 3" in said[0]
    assert said[2] == said[3], "after the last there is no other"
    assert "Velkommen til norskprøven" in said[0]
    assert "Velkomne til norskprøva" in said[0]
    assert "smartklokke" in said[0]
    assert "bortvist" in said[0]
    assert "Den skriftlige prøven" in said[1]
    assert "Leseforståelse" in said[2]
    assert "Leseforståing" in said[2]
    assert not any("Nå begynner lytteprøven" in text or "hodetelefonene" in text for text in said)
    assert all(page.text.count("<article lang=") == 2 for page in pages)


# --- forms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", POSTS)
async def test_a_form_without_this_sessions_token_does_nothing(desk: Desk, path: str) -> None:
    await desk.log_in("lars")
    before = len(desk.site.store.audit(COMMAND_LINE))
    for token in ("", "0" * 64, csrf_of(await httpx_other_login(desk.site))):
        answer = await desk.http.post(path, data={"csrf": token, "language": "nn", "reason": "x", "part": "reading"})
        assert answer.status_code == 403
        assert "Skjemaet er for gammelt" in text_of(answer)
    assert [row.act for row in desk.site.store.audit(COMMAND_LINE)[before:] if row.act != "see_audit"] == []
    assert (await desk.see("/sittings")).status_code == 200


async def httpx_other_login(site: Site) -> httpx.Response:
    app = build_app(site.store)
    extend(app, site.store)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="https://store.test") as other:
        return await other.get("/login")


async def test_a_form_from_another_origin_does_nothing(desk: Desk) -> None:
    await desk.log_in("lars")
    token = csrf_of(await desk.see("/sittings/s1/course"))
    for origin, status in (("https://evil.test", 403), ("null", 403), ("https://store.test", 409)):
        answer = await desk.http.post("/sittings/s1/do/open", data={"csrf": token}, headers={"origin": origin})
        assert answer.status_code == status, "the last is ours: refused by the store, for there are no grants"


@pytest.mark.parametrize("path", [path for path in POSTS if path != "/language"])
async def test_no_form_works_without_a_session(desk: Desk, path: str) -> None:
    await desk.see("/login")
    token = door.form_token(desk.http.cookies[FORM_COOKIE])
    assert (await desk.http.post(path, data={"csrf": token})).status_code == 401


async def test_a_form_larger_than_any_page_has_is_refused(desk: Desk) -> None:
    await desk.log_in("lars")
    answer = await desk.http.post("/sittings/s1/do/report", data={"reason": "x" * 40_000})
    assert answer.status_code == 413


async def test_one_session_cannot_ask_without_end(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "REQUESTS_A_MINUTE", 20)
    app = build_app(site.store)
    extend(app, site.store)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="https://store.test") as site.http:
        desk = Desk(site)
        await desk.log_in("lars")
        statuses = [(await desk.see("/")).status_code for _ in range(21)]
    assert set(statuses[:-1]) == {303}
    assert statuses[-1] == 429


# --- what every answer carries ----------------------------------------------------------------------------------------


async def test_every_answer_carries_the_security_headers(desk: Desk) -> None:
    strangers = [await desk.see(path) for path in ("/login", "/sittings", "/nowhere", "/static/room.js")]
    await desk.log_in("lars")
    answers = [await desk.see(path) for path in (*PAGES, "/sittings/none", "/sittings/s1/seats/none", "/nowhere")]
    for answer in (*strangers, *answers):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
        assert "object-src 'none'" in policy
        assert answer.headers["referrer-policy"] == "same-origin"


async def test_pages_hold_no_inline_script_style_or_foreign_address(desk: Desk) -> None:
    await desk.log_in("lars")
    for path in (*PAGES, "/login"):
        text = (await desk.see(path)).text
        assert not re.search(r"\son[a-z]+=|\sstyle=|<style|<script(?! src=\"/static/)|javascript:", text), path
        assert not re.search(r"(?:src|href|action)=\"(?!/)", text), path


async def test_what_people_wrote_is_shown_as_text(desk: Desk) -> None:
    bad = "<script>alert(1)</script>\"'><b>"
    store = desk.site.store
    store.add_candidate(COMMAND_LINE, NewCandidate("100301", bad, False, "k100301", "blå stol 41"))
    await desk.log_in("mona")
    await desk.press("/sittings/s1/do/add", candidate="100301", seat="8", **{"part-reading": "yes"})
    await desk.press("/sittings/s1/do/report", reason=bad)
    await desk.press("/language", language="en", back="/sittings/s1/course")
    for page in ("/sittings/s1", "/sittings/s1/board", "/sittings/s1/seats/100301", "/sittings/s1/course"):
        text = (await desk.see(page)).text
        assert "<script>alert" not in text, page
        assert "&lt;script&gt;alert(1)" in text, page


@pytest.mark.parametrize(
    ("language", "word"), [("nb", "Ikke registrert"), ("nn", "Ikkje registrert"), ("en", "Not noted")]
)
async def test_the_pages_speak_three_languages(desk: Desk, language: str, word: str) -> None:
    await desk.log_in("lars")
    answer = await desk.press("/language", language=language, back="/sittings/s1")
    assert answer.headers["location"] == "/sittings/s1"
    page = await desk.see("/sittings/s1")
    assert f'<html lang="{language}">' in page.text
    assert word in text_of(page)


@pytest.mark.parametrize(
    "back", ["https://evil.test", "//evil.test", "/\\evil.test", "/sittings\\..", "/sittings\nX: y"]
)
async def test_the_choice_of_language_leads_nowhere_else(desk: Desk, back: str) -> None:
    await desk.log_in("lars")
    assert (await desk.press("/language", language="nn", back=back)).headers["location"] == "/sittings"
    assert (await desk.press("/language", language="xx")).status_code == 400


async def test_the_kiosks_addresses_still_answer_in_their_own_way(desk: Desk) -> None:
    assert (await desk.see("/v1/time")).json()["utc_ms"] == desk.site.clock.now_ms
    unknown = await desk.see("/v1/unknown")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    assert (await desk.see("/unknown")).status_code == 404


async def test_a_fault_is_told_in_plain_words_and_kept_in_the_log(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await desk.log_in("lars")

    def broken(*_: object) -> None:
        raise RuntimeError("secret cause")

    monkeypatch.setattr(desk.site.store, "board", broken)
    answer = await desk.see("/sittings/s1")
    assert answer.status_code == 500
    assert "Det er en feil i systemet" in text_of(answer)
    assert "secret cause" not in answer.text
    assert "secret cause" in caplog.text
