"""One's own account: another password for whoever knows the old one, where one is logged in, and the way out."""

from __future__ import annotations

import pytest

from administration.door import SESSION_COOKIE
from centralstore.rights import COMMAND_LINE
from centralstore.store.accounts import FREE_TRIES
from tests.administration.staff import Desk, text_of
from tests.centralstore.place import PASSWORD

pytestmark = pytest.mark.anyio

NEW = "Elva renner stille forbi huset"
ROOM = "/sittings/s1"
CHANGED = "Passordet er byttet. Alle andre steder er du logget ut."


async def change(desk: Desk, old: str, new: str, again: str | None = None) -> str:
    answer = await desk.press("/account/password", "/account", old=old, new=new, again=new if again is None else again)
    return text_of(answer)


async def second_session(desk: Desk) -> str:
    """The same account in another browser; its session's secret."""
    desk.http.cookies.clear()
    token = (await desk.log_in("lars")).cookies[SESSION_COOKIE]
    desk.http.cookies.clear()
    return token


async def is_in(desk: Desk, token: str) -> bool:
    desk.http.cookies.clear()
    desk.http.cookies.set(SESSION_COOKIE, token, domain="store.test")
    return (await desk.see("/sittings")).status_code == 200


async def test_who_knows_the_old_password_gets_another_and_is_out_everywhere_else(desk: Desk) -> None:
    other = await second_session(desk)
    here = (await desk.log_in("lars")).cookies[SESSION_COOKIE]
    assert CHANGED in await change(desk, PASSWORD, NEW)
    assert await is_in(desk, here)
    assert not await is_in(desk, other)
    desk.http.cookies.clear()
    assert (await desk.log_in("lars", PASSWORD)).status_code == 401
    assert (await desk.log_in("lars", NEW)).status_code == 303
    acts = [entry.act for entry in desk.site.store.audit(COMMAND_LINE) if entry.user == "lars"]
    assert "change_password" in acts


@pytest.mark.parametrize(
    ("old", "new", "again", "told"),
    [
        ("feil passord her", NEW, NEW, "Passordet du har nå, er feil. Ingenting er gjort."),
        (PASSWORD, NEW, NEW + "t", "De to nye passordene er ikke like."),
        (PASSWORD, "kort", "kort", "Det nye passordet er for lett å gjette."),
        (PASSWORD, "passord123passord123", "passord123passord123", "Det nye passordet er for lett å gjette."),
    ],
    ids=["old one wrong", "two that differ", "short", "common words"],
)
async def test_a_refused_change_changes_nothing(desk: Desk, old: str, new: str, again: str, told: str) -> None:
    await desk.log_in("lars")
    assert told in await change(desk, old, new, again)
    desk.http.cookies.clear()
    assert (await desk.log_in("lars", PASSWORD)).status_code == 303


async def test_guessing_the_old_password_in_an_open_session_is_slowed_as_at_the_log_in(desk: Desk) -> None:
    await desk.log_in("lars")
    for _ in range(FREE_TRIES):
        await change(desk, "feil passord her", NEW)
    assert "For mange feil passord. Vent 15 sekunder" in await change(desk, PASSWORD, NEW)


async def test_the_own_sessions_are_shown_and_the_others_ended(desk: Desk) -> None:
    other = await second_session(desk)
    here = (await desk.log_in("lars")).cookies[SESSION_COOKIE]
    page = text_of(await desk.see("/account"))
    assert page.count("Siden 08.00.") == 2
    assert "Her" in page
    assert "Et annet sted" in page
    await desk.press("/account/sessions", "/account")
    assert "Et annet sted" not in text_of(await desk.see("/account"))
    assert not await is_in(desk, other)
    assert await is_in(desk, here)


async def test_an_account_page_needs_a_session_and_its_own_form(desk: Desk) -> None:
    assert (await desk.see("/account")).headers["location"] == "/login"
    await desk.log_in("lars")
    fields = {"old": PASSWORD, "new": NEW, "again": NEW}
    for path in ("/account/password", "/account/sessions"):
        assert (await desk.http.post(path, data={"csrf": "0" * 64, **fields})).status_code == 403


async def test_every_page_behind_the_log_in_has_the_way_out(desk: Desk) -> None:
    await desk.site.open_pc()
    await desk.log_in("lars")
    pages = ["/sittings", "/account", ROOM]
    pages += [f"{ROOM}/{page}" for page in ("course", "attendance", "read-out", "seats/100234")]
    for path in pages:
        assert 'action="/logout"' in (await desk.see(path)).text, path
    assert 'action="/logout"' in (await desk.press(f"{ROOM}/day-code", ROOM)).text
