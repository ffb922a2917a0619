"""What PCs hold against a store that was put back from a backup: the versions of its tickets."""

from __future__ import annotations

from pathlib import Path

import pytest

from centralstore.evidence.backup import make_backup, restore
from centralstore.store import Store
from tests.centralstore.place import Site

pytestmark = pytest.mark.anyio


async def test_tickets_of_a_restored_store_are_newer_than_all_that_the_lost_one_gave(
    site: Site, tmp_path: Path
) -> None:
    """A PC takes no ticket older than one it had: it would not hear of anybody who is added after the restoration."""
    pc = await site.open_pc("reading")

    def version(store: Store) -> int:
        (found,) = store.device_sittings(store.device_keys(pc.id)[0])
        return int(str(found["ticket_version"]))

    folder = site.store.folder.path
    versions = [version(site.store)]
    made = make_backup(
        folder, tmp_path / "backup.tar", checkpoint=lambda: site.store.checkpoint().decode(), now_utc_ms=site.clock()
    )
    site.store.mark_present(site.leader, "s1", "100251", "passport")
    versions.append(version(site.store))
    site.store.close()
    for name in ("again", "and-again"):
        restore(made.path, tmp_path / name, keys=folder)
        store = Store.open(tmp_path / name, clock=site.clock)
        try:
            versions.append(version(store))
            store.mark_present(site.leader, "s1", "100251", "passport")
            versions.append(version(store))
        finally:
            store.close()
    assert versions == sorted(set(versions))
