"""The store hands on the authority's list of current releases: checked before it is kept, and never an older one."""

from __future__ import annotations

from pathlib import Path

import pytest

from centralstore.commands import main
from centralstore.errors import DamagedError, NoRightError, SetUpError
from centralstore.folder import open_folder, pin_root
from centralstore.rights import COMMAND_LINE
from centralstore.store import Store
from itembank.releaselist import Holders, ReleaseList
from sync.metadata import ReleaseMetadata, listed_release
from sync.package import decode_package
from sync.release import Ed25519Trust
from tests.centralstore.place import OPENED_MS, RELEASE, Site

pytestmark = pytest.mark.anyio


@pytest.fixture
def releases(site: Site, tmp_path: Path) -> ReleaseList:
    """The authority's list, which names the site's package; its root is pinned at the store."""
    made = ReleaseList(tmp_path / "authority")
    made.create(Holders(), Holders(), now_utc_ms=OPENED_MS)
    pin_root(open_folder(site.folder / "store"), made.first_root.read_bytes())
    return made


def listing(releases: ReleaseList, site: Site) -> dict[str, bytes]:
    """The files after the site's package was put on the list."""
    signing = site.keys.signing_key().public
    manifest = Ed25519Trust(signing, {}).verify(decode_package(site.package).manifest, now_utc_ms=OPENED_MS)
    releases.add([listed_release(site.package, manifest, signing)], now_utc_ms=OPENED_MS)
    return releases.files()


async def test_a_pc_fetches_every_file_as_the_authority_made_it(site: Site, releases: ReleaseList) -> None:
    files = listing(releases, site)
    current = site.store.add_metadata(COMMAND_LINE, files)
    assert set(current.releases) == {RELEASE}
    pc = await site.ready_pc()
    for name, data in files.items():
        assert (await pc.ask("GET", f"/v1/metadata/{name}")).content == data
    assert site.store.metadata_files() == files


async def test_what_is_no_file_of_the_list_is_not_handed_out(site: Site, releases: ReleaseList) -> None:
    site.store.add_metadata(COMMAND_LINE, listing(releases, site))
    pc = await site.ready_pc()
    for name in ("2.root.json", "memory", "memory.json", "0.root.json", "root.json", "..%2Fstore.json", "a" * 5000):
        assert (await pc.ask("GET", f"/v1/metadata/{name}")).status_code in {400, 404}, name
    stranger = await site.http.get("/v1/metadata/timestamp.json")
    assert stranger.status_code == 401


async def test_a_list_is_taken_whole_or_not_at_all(site: Site, releases: ReleaseList) -> None:
    """Forged, cut, incomplete, expired, of another authority: one sentence, and what was here before stays."""
    empty = releases.files()
    site.store.add_metadata(COMMAND_LINE, empty)
    files = listing(releases, site)
    other = ReleaseList(releases.folder / "other")
    other.create(Holders(), Holders(), now_utc_ms=OPENED_MS)
    without = {name: data for name, data in files.items() if name != "2.targets.json"}
    forged = {**files, "timestamp.json": files["timestamp.json"].replace(b'"version": 2', b'"version": 9')}
    for wrong in (without, forged, other.files(), {**files, "2.snapshot.json": files["2.snapshot.json"][:-1]}):
        with pytest.raises(DamagedError, match="List of releases: The list of current releases was refused"):
            site.store.add_metadata(COMMAND_LINE, wrong)
        assert site.store.metadata_files() == empty
    for named in ({**files, "../store.json": b"{}"}, {"1.root.json": b" " * (2**20 + 1)}):
        with pytest.raises(DamagedError, match="is no file of one"):
            site.store.add_metadata(COMMAND_LINE, named)
    site.clock.pass_minutes(15 * 24 * 60)
    with pytest.raises(DamagedError, match="held until"):
        site.store.add_metadata(COMMAND_LINE, files)
    assert site.store.metadata_files() == empty


async def test_an_older_list_is_never_taken_after_a_newer_one(site: Site, releases: ReleaseList) -> None:
    older = releases.files()
    newer = listing(releases, site)
    site.store.add_metadata(COMMAND_LINE, newer)
    with pytest.raises(DamagedError, match="older than one that was verified before"):
        site.store.add_metadata(COMMAND_LINE, older)
    assert site.store.metadata_files()["timestamp.json"] == newer["timestamp.json"]
    again = Store.open(site.folder / "store", clock=site.clock)
    try:
        with pytest.raises(DamagedError, match="older than one"):
            again.add_metadata(COMMAND_LINE, older)
    finally:
        again.close()


async def test_only_the_owner_changes_the_list(site: Site, releases: ReleaseList) -> None:
    with pytest.raises(NoRightError):
        site.store.add_metadata(site.leader, releases.files())
    assert site.store.metadata_files() == {}


async def test_a_release_that_is_not_listed_is_not_taken(site: Site, releases: ReleaseList) -> None:
    with pytest.raises(DamagedError, match="has not fetched one yet"):
        site.store.add_release(COMMAND_LINE, site.package)
    site.store.add_metadata(COMMAND_LINE, releases.files())
    with pytest.raises(DamagedError, match="not on the authority's list of current releases"):
        site.store.add_release(COMMAND_LINE, site.package)
    site.store.add_metadata(COMMAND_LINE, listing(releases, site))
    assert site.store.add_release(COMMAND_LINE, site.package) == RELEASE
    assert not list((site.folder / "store" / "releases").glob("*.new"))


async def test_a_mirror_with_no_key_serves_what_a_pc_believes(
    site: Site, releases: ReleaseList, tmp_path: Path
) -> None:
    """What a relay or a stick carries is this store's files; a PC checks them by its own pinned root."""
    site.store.add_metadata(COMMAND_LINE, listing(releases, site))
    mirror = site.store.metadata_files()
    memory = ReleaseMetadata(releases.first_root.read_bytes(), kept=None, keep=lambda _: None, workplace=tmp_path)
    assert set(memory.update(mirror.get, now_utc_ms=OPENED_MS).releases) == {RELEASE}


async def test_the_commands_pin_the_root_and_take_the_list_in(
    site: Site, releases: ReleaseList, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listing(releases, site)
    site.store.close()
    store = str(site.folder / "store")
    assert main(["trust", store, "--root", str(releases.first_root)]) == 0
    assert "is checked with this root" in capsys.readouterr().out
    other = ReleaseList(tmp_path / "other")
    other.create(Holders(), Holders(), now_utc_ms=OPENED_MS)
    assert main(["trust", store, "--root", str(other.first_root)]) == 1
    assert "another root is pinned here" in capsys.readouterr().err
    assert main(["trust", store, "--root", str(releases.folder / "metadata" / "timestamp.json")]) == 1
    assert "Name the authority's metadata/1.root.json" in capsys.readouterr().err
    assert main(["trust", store]) == 1
    assert main(["add-metadata", store, str(tmp_path)]) == 1
    assert "no list of releases is there" in capsys.readouterr().err


async def test_without_a_pinned_root_no_list_is_taken(site: Site, tmp_path: Path) -> None:
    made = ReleaseList(tmp_path / "authority")
    made.create(Holders(), Holders(), now_utc_ms=OPENED_MS)
    with pytest.raises(SetUpError, match="Pin it with 'store trust"):
        site.store.add_metadata(COMMAND_LINE, made.files())
