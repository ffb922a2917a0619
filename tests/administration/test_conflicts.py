"""A delivery that contradicts an earlier one is shown to staff: on the room page, and on the seat's own."""

from __future__ import annotations

import pytest

from tests.administration.staff import Desk, text_of
from tests.centralstore.place import Site
from tests.centralstore.test_races import Segment

pytestmark = pytest.mark.anyio

ROOM = "/sittings/s1"


async def begun(site: Site, desk: Desk) -> Segment:
    pc = await site.open_pc("reading")
    segment = Segment(site, "a" * 32)
    assert (await pc.ask("POST", "/v1/envelopes", segment.version(pc, 1))).status_code == 200
    await desk.log_in("lars")
    return segment


async def test_a_contradicting_delivery_is_told_on_the_room_page_until_then_nothing(desk: Desk) -> None:
    site = desk.site
    segment = await begun(site, desk)
    site.store.mark_present(site.manager, "s1", "100234", "passport")
    told = site.pcs[0].report(part="reading", attempt="a" * 32)
    assert (await site.pcs[0].ask("POST", "/v1/progress", told)).status_code == 200
    name = next(seat.name for seat in site.store.board(site.leader, "s1").seats if seat.candidate == "100234")
    assert "i strid med" not in text_of(await desk.see(ROOM))
    pc = site.pcs[0]
    assert (await pc.ask("POST", "/v1/envelopes", segment.version(pc, 2))).status_code == 409
    page = await desk.see(ROOM)
    assert "1 ting stemmer ikke. Si fra til prøveansvarlig." in text_of(page)
    line = f"{name}, plass 1: To leveringer er i strid med hverandre. Den første er beholdt."
    assert f'<a href="{ROOM}/seats/100234">{line}</a>' in page.text


async def test_the_pcs_own_word_of_a_conflict_is_shown_on_its_seat(desk: Desk) -> None:
    site = desk.site
    await begun(site, desk)
    pc = site.pcs[0]
    site.store.mark_present(site.manager, "s1", "100234", "passport")
    report = pc.report(part="reading", incidents=[{"kind": "delivery_conflict", "at_ms": 1000}])
    assert (await pc.ask("POST", "/v1/progress", report)).status_code == 200
    told = text_of(await desk.see(f"{ROOM}/seats/100234"))
    assert "Leveringen er i strid med det som alt er levert" in told
