"""Where a sitting is given, how much is forwarded and what contradicts stands on the room page, in three languages."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from administration.site import extend
from administration.texts import Language
from administration.wording import relay_line
from centralstore.records import BorrowingView
from centralstore.rights import COMMAND_LINE
from centralstore.service import build_app
from tests.administration.staff import Desk, text_of
from tests.centralstore.lending import Lent, lend_s1
from tests.centralstore.place import Site, events_of
from tests.strategies import running

pytestmark = pytest.mark.anyio
ROOM = "/sittings/s1"


@pytest.fixture
async def lent(site: Site) -> AsyncIterator[Lent]:
    made = await lend_s1(site)
    yield made
    made.relay.close()


def desk_at_relay(lent: Lent) -> Desk:
    app = build_app(lent.relay)
    extend(app, lent.relay)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    desk = Desk(lent.site)
    desk.http = httpx.AsyncClient(transport=transport, base_url="https://relay.test")
    return desk


async def test_the_relays_page_says_how_much_is_forwarded(lent: Lent) -> None:
    desk = desk_at_relay(lent)
    await desk.log_in("lars")
    lent.relay.open_sitting(lent.site.leader, "s1")
    pc = lent.at_relay(lent.pcs[0])
    for envelope in lent.site.journal(pc, "a" * 32).write(events_of(running("reading"), pc.id)).envelopes(limit=400):
        lent.relay.keep_envelope(envelope).result()
    kept = len(lent.relay.envelopes("a" * 32))
    assert f"Videresendt 0 av {kept} til store." in text_of(await desk.see(ROOM))
    lent.forward()
    assert f"Videresendt {kept} av {kept} til store." in text_of(await desk.see(ROOM))


async def test_the_central_page_says_where_the_sitting_is_and_what_contradicts(lent: Lent, desk: Desk) -> None:
    assert lent.site is desk.site
    await desk.log_in("lars")
    assert "Lånt ut til relay (https://relay.test:8443)." in text_of(await desk.see(ROOM))
    course = f"{ROOM}/course"
    page = text_of(await desk.see(course))
    assert "Åpne prøvepartiet" not in page
    assert (
        "Gjør det bare når relay er borte eller ødelagt. To lister kan finnes etterpå: ta relay ut av rommet." in page
    )
    await desk.press(f"{ROOM}/do/take_back", course, reason="stjålet")
    assert lent.central.audit(COMMAND_LINE, sitting="s1")[-1].act == "take_back"
    assert "er borte eller ødelagt" not in text_of(await desk.see(course))
    told = text_of(await desk.see(ROOM))
    assert "Tatt tilbake fra relay uten at den leverte: stjålet. To lister kan finnes." in told
    assert "har to gjennomføringer" not in told
    lent.central.open_sitting(lent.site.leader, "s1")
    for attempt in ("a" * 32, "b" * 32):
        await lent.pcs[0].ask("POST", "/v1/progress", lent.pcs[0].report(attempt=attempt))
    assert ", plass 1: Det finnes to gjennomføringer av samme delprøve." in text_of(await desk.see(ROOM))


async def test_a_lent_sitting_offers_nothing_here_but_the_way_there(lent: Lent, desk: Desk) -> None:
    """Every act would be refused: none is shown, on no page; where it is done is one press away."""
    assert lent.site is desk.site
    await desk.log_in("lars")
    for path in (ROOM, f"{ROOM}/seats/100234", f"{ROOM}/attendance", f"{ROOM}/course"):
        page = await desk.see(path)
        assert f'href="https://relay.test:8443{ROOM}"' in page.text, path
        acts = set(re.findall(rf'action="{ROOM}/(?:do|seats/\d+)/(\w+)"', page.text))
        assert acts == ({"take_back", "report"} if path.endswith("course") else set()), path
    assert "Åpne prøvepartiet" not in text_of(await desk.see(ROOM))
    assert "Åpne prøvepartiet" in text_of(await at_relay(lent))


async def at_relay(lent: Lent) -> httpx.Response:
    """The relay's own room page: everything is done there."""
    desk = desk_at_relay(lent)
    await desk.log_in("lars")
    return await desk.see(ROOM)


async def test_a_relay_that_has_given_back_offers_nothing_any_more(lent: Lent) -> None:
    desk = desk_at_relay(lent)
    await desk.log_in("lars")
    lent.relay.give_back(COMMAND_LINE, "s1")
    page = await desk.see(ROOM)
    assert "Levert tilbake til store. Alt gjøres der nå." in text_of(page)
    assert f'href="https://central.test:8443{ROOM}"' in page.text
    assert "Åpne prøvepartiet" not in text_of(page)


async def test_what_a_relay_told_too_late_and_what_was_let_in_as_evidence_stand_on_the_page(
    lent: Lent, desk: Desk
) -> None:
    await desk.log_in("mona")
    lent.relay.open_sitting(lent.site.leader, "s1")
    lent.central.take_back(lent.site.leader, "s1", "stjålet")
    assert "ikke lenger ble gitt der" not in text_of(await desk.see(ROOM))
    lent.forward()
    told = text_of(await desk.see(ROOM))
    assert "relay fortalte noe da prøvepartiet ikke lenger ble gitt der. Ingenting her er endret av det." in told
    lent.central.revoke_device(lent.site.manager, lent.pcs[0].id)
    lent.central.accept_evidence(lent.site.manager, "s1", lent.pcs[0].id, "skrevet før")
    told = text_of(await desk.see(ROOM))
    assert "er sperret. Det den hadde igjen, tas imot som bevis og står ved resultatet." in told


def test_the_line_is_said_in_three_languages() -> None:
    borrowed = BorrowingView(
        "s1", 1, "store", "https://c", is_returned=False, is_return_known=False, forwarded=3, kept=8
    )
    said = [relay_line(language, None, borrowed) for language in Language]
    assert [line.split(".")[0] for line in said] == [
        "Videresendt 3 av 8 til store",
        "Vidaresend 3 av 8 til store",
        "Forwarded 3 of 8 to store",
    ]
    assert relay_line(Language.NB, None, None) == ""
