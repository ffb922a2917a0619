"""The pages over HTTP, on the real application with a real store."""

from __future__ import annotations

import pytest

from tests.administration.staff import Desk, text_of

pytestmark = pytest.mark.anyio


async def test_the_room_page_opens_after_log_in(desk: Desk) -> None:
    answer = await desk.log_in("lars")
    assert answer.status_code == 303
    for path in (
        "/sittings",
        "/sittings/s1",
        "/sittings/s1/board",
        "/sittings/s1/course",
        "/sittings/s1/attendance",
        "/sittings/s1/read-out",
        "/sittings/s1/seats/100234",
    ):
        page = await desk.see(path)
        assert page.status_code == 200, page.text
    assert "Kandidat 100251" in text_of(await desk.see("/sittings/s1"))
