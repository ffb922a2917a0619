"""Grants come in whole: of one sitting and one recovery key, from the authority, or not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from centralstore.errors import DamagedError, NotNowError
from centralstore.rights import COMMAND_LINE
from sync.keys import BoxKey
from tests.centralstore.place import Site, new_sitting

pytestmark = pytest.mark.anyio


async def test_grants_of_two_sittings_or_recovery_keys_are_refused_and_nothing_of_them_is_kept(site: Site) -> None:
    pc = await site.enrol()
    site.store.create_sitting(COMMAND_LINE, new_sitting(id="s2"))
    ours, others = site.grants("s1"), site.grants("s2")
    for mixed in (
        replace(ours, grants=others.grants),
        replace(ours, recovery_public=others.recovery_public),
        replace(ours, recovery_public=BoxKey.create().public),
    ):
        with pytest.raises(DamagedError, match="not all of one sitting and recovery key"):
            site.store.add_grants(COMMAND_LINE, mixed)
    with pytest.raises(DamagedError):
        site.store.add_grants(COMMAND_LINE, replace(ours, store_share=others.store_share))
    (release,) = {release for _, release in ours.grants}
    assert (await pc.ask("GET", f"/v1/device/grant?sitting=s1&release={release}")).status_code == 404
    site.store.add_grants(COMMAND_LINE, ours)
    given = (await pc.ask("GET", f"/v1/device/grant?sitting=s1&release={release}")).content
    assert given == ours.grants[pc.id, release]


async def test_grants_with_another_recovery_key_do_not_take_the_place_of_those_there(site: Site) -> None:
    """Journals of the room are sealed to the first key: with another one no PC could go on with another's attempt."""
    await site.ready_pc()
    kept = site.keys.folder / "sittings" / "s1.json"
    secrets = kept.read_bytes()
    kept.unlink()
    try:
        others = site.grants("s1")
    finally:
        kept.write_bytes(secrets)
    with pytest.raises(NotNowError, match="another recovery key"):
        site.store.add_grants(COMMAND_LINE, others)
    site.grant("s1")
