"""Where a sitting is given, how much is forwarded and what contradicts stands on the room page, in three languages."""

from __future__ import annotations

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
    assert f"Videresendt 0 av {kept}." in text_of(await desk.see(ROOM))
    lent.forward()
    assert f"Videresendt {kept} av {kept}." in text_of(await desk.see(ROOM))


async def test_the_central_page_says_where_the_sitting_is_and_what_contradicts(lent: Lent, desk: Desk) -> None:
    assert lent.site is desk.site
    await desk.log_in("lars")
    assert "Lånt ut til relay (https://relay.test:8443)." in text_of(await desk.see(ROOM))
    course = f"{ROOM}/course"
    assert "Åpne" not in (page := text_of(await desk.see(course)))
    assert "Bare når relay ikke kan levere. To lister kan finnes etterpå: ta den ut av rommet." in page
    await desk.press(f"{ROOM}/do/take_back", course, reason="stjålet")
    assert lent.central.audit(COMMAND_LINE, sitting="s1")[-1].act == "take_back"
    assert "Bare når relay ikke kan levere" not in text_of(await desk.see(course))
    told = text_of(await desk.see(ROOM))
    assert "Tatt tilbake fra relay uten at den leverte: stjålet. To lister kan finnes." in told
    assert "har to gjennomføringer" not in told
    lent.central.open_sitting(lent.site.leader, "s1")
    for attempt in ("a" * 32, "b" * 32):
        await lent.pcs[0].ask("POST", "/v1/progress", lent.pcs[0].report(attempt=attempt))
    assert "Kandidat 100234 har to gjennomføringer av samme delprøve." in text_of(await desk.see(ROOM))


def test_the_line_is_said_in_three_languages() -> None:
    borrowed = BorrowingView(
        "s1", 1, "store", "https://c", is_returned=False, is_return_known=False, forwarded=3, kept=8
    )
    said = [relay_line(language, None, borrowed) for language in Language]
    assert said == ["Videresendt 3 av 8.", "Vidaresend 3 av 8.", "Forwarded 3 of 8."]
    assert relay_line(Language.NB, None, None) == ""
