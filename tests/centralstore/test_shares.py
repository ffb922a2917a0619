"""The release share is what opens a sitting's content: when the store hands it out, and to whom."""

from __future__ import annotations

import pytest

from tests.centralstore.place import Site

pytestmark = pytest.mark.anyio

SHARE, GRANT = "/v1/device/share?sitting=s1", "/v1/device/grant?sitting=s1&release={release}"


async def test_the_share_is_handed_out_from_opened_to_closed_and_only_to_cleared_pcs_of_the_room(site: Site) -> None:
    pc = await site.ready_pc()
    release = next(iter(site.store.release_paths()))
    told = await pc.ask("GET", SHARE)
    assert (told.status_code, told.json()["code"]) == (409, "wrong_state")
    assert (await pc.ask("GET", GRANT.format(release=release))).status_code == 200  # opens nothing without it
    stranger = await site.enrol("PC 9", room="r2")

    site.store.open_sitting(site.leader, "s1")
    assert (await pc.ask("GET", SHARE)).status_code == 200
    assert (await stranger.ask("GET", SHARE)).status_code == 404
    revoked = await site.enrol("PC 8")
    assert (await revoked.ask("GET", SHARE)).status_code == 200
    site.store.revoke_device(site.manager, revoked.id)
    assert (await revoked.ask("GET", SHARE)).status_code == 401

    site.store.close_sitting(site.leader, "s1", "the day is over")
    for path in (SHARE, GRANT.format(release=release), "/v1/device/ticket?sitting=s1"):
        gone = await pc.ask("GET", path)
        assert (gone.status_code, gone.json()["code"]) == (410, "gone")
