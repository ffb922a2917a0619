"""The authority's list of current releases: made by enough keys and by no fewer, renewed, and its keys replaced."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from itembank.commands import main
from itembank.errors import KeyFolderError, ReleaseListError
from itembank.releaselist import DAYS, Holders, ReleaseList
from sync.metadata import ReleaseMetadata
from tests.itembank.breaking import change
from tests.sync.authority import DAY_MS, Authority, release
from tests.sync.examples import NOW

NORSK, NORSK_2, SPARE = release("norskprove", 1), release("norskprove", 2), release("norskprove.spare1", 1)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


def taken(authority: Authority, now: int = NOW) -> set[str]:
    """What a PC that sees the list for the first time may open."""
    memory = ReleaseMetadata(authority.root, kept=None, keep=lambda _: None, workplace=authority.folder)
    return set(memory.update(authority.files().get, now_utc_ms=now).releases)


def stated(authority: Authority, role: str) -> tuple[int, int, int]:
    """Version, keys needed, days left of a role."""
    found = next(each for each in authority.list.standing() if each.role == role)
    return found.version, found.needed, round((found.expires_utc_ms - NOW) / DAY_MS)


def test_a_new_version_takes_the_older_one_off_the_list_and_leaves_other_series(authority: Authority) -> None:
    authority.list.add([NORSK, SPARE], now_utc_ms=NOW)
    assert authority.list.add([NORSK_2], now_utc_ms=NOW) == ("norskprove.v1",)
    assert taken(authority) == {"norskprove.v2", "norskprove.spare1.v1"}
    authority.list.add([release("norskprove", 3)], keep_older=True, now_utc_ms=NOW)
    assert taken(authority) == {"norskprove.v2", "norskprove.v3", "norskprove.spare1.v1"}


def test_a_release_is_withdrawn(authority: Authority) -> None:
    authority.list.add([NORSK, SPARE], now_utc_ms=NOW)
    authority.list.withdraw("norskprove.v1", now_utc_ms=NOW)
    assert taken(authority) == {"norskprove.spare1.v1"}
    with pytest.raises(ReleaseListError, match=r"'norskprove\.v1' is not on the list"):
        authority.list.withdraw("norskprove.v1", now_utc_ms=NOW)


def test_another_package_under_a_listed_name_is_refused(authority: Authority) -> None:
    authority.list.add([NORSK], now_utc_ms=NOW)
    authority.list.add([NORSK], now_utc_ms=NOW)
    with pytest.raises(ReleaseListError, match=r"with another package\. Raise its version"):
        authority.list.add([release("norskprove", 1, content=b"other")], now_utc_ms=NOW)


def test_with_too_few_keys_nothing_is_signed_and_nothing_changed(authority: Authority) -> None:
    authority.list.add([NORSK], now_utc_ms=NOW)
    stick = authority.folder / "stick.key"
    (authority.folder / "roles" / "targets-2.key").rename(stick)
    before = authority.files()
    with pytest.raises(ReleaseListError, match=r"2 keys of role targets must sign, and 1 are here\. Name the others"):
        authority.list.add([NORSK_2], now_utc_ms=NOW)
    with pytest.raises(ReleaseListError):
        authority.list.replace_key("targets", authority.list.standing()[1].key_ids[0], now_utc_ms=NOW)
    assert authority.files() == before
    assert {path.name for path in (authority.folder / "roles").glob("targets-*.key")} == {"targets-1.key"}
    ReleaseList(authority.folder, (stick,)).add([NORSK_2], now_utc_ms=NOW)
    assert taken(authority) == {"norskprove.v2"}


def test_renewing_needs_no_root_or_targets_key(authority: Authority) -> None:
    authority.list.add([NORSK], now_utc_ms=NOW)
    for path in [*authority.folder.glob("roles/root-*.key"), *authority.folder.glob("roles/targets-*.key")]:
        path.rename(authority.safe / path.name)
    authority.list.renew(now_utc_ms=NOW + 10 * DAY_MS)
    assert stated(authority, "timestamp") == (3, 1, 24)
    assert taken(authority, NOW + 20 * DAY_MS) == {"norskprove.v1"}
    with pytest.raises(ReleaseListError, match="keys of role root must sign"):
        authority.list.renew("root", now_utc_ms=NOW)


@pytest.mark.parametrize("role", ["root", "targets"])
def test_a_role_is_signed_anew_for_its_whole_time(authority: Authority, role: str) -> None:
    authority.list.add([NORSK], now_utc_ms=NOW)
    version, needed, days = stated(authority, role)
    authority.list.renew("root" if role == "root" else "targets", now_utc_ms=NOW + 5 * DAY_MS)
    assert stated(authority, role) == (version + 1, needed, days + 5)
    assert taken(authority) == {"norskprove.v1"}


@pytest.mark.parametrize("role", ["root", "targets", "snapshot", "timestamp"])
def test_a_key_is_replaced_and_the_old_one_counts_no_more(authority: Authority, role: str) -> None:
    authority.list.add([NORSK], now_utc_ms=NOW)
    before = next(each for each in authority.list.standing() if each.role == role)
    made = authority.list.replace_key(before.role, before.key_ids[0][:10], now_utc_ms=NOW)
    after = next(each for each in authority.list.standing() if each.role == role)
    assert made.exists()
    assert made.stat().st_mode & 0o077 == 0
    assert before.key_ids[0] not in after.key_ids
    assert (len(after.key_ids), after.needed) == (len(before.key_ids), before.needed)
    assert taken(authority) == {"norskprove.v1"}
    made.rename(made.with_suffix(".gone"))
    if len(after.key_ids) == 1:  # the old key is still in the folder, and signs nothing
        with pytest.raises(ReleaseListError, match="and 0 are here"):
            authority.list.renew(now_utc_ms=NOW)


def test_a_key_that_is_none_or_several_is_not_replaced(authority: Authority) -> None:
    for wrong in ("ffffffffffff", ""):
        with pytest.raises(ReleaseListError, match="has no one key"):
            authority.list.replace_key("targets", wrong, now_utc_ms=NOW)


def test_no_store_holds_a_key_and_every_role_runs_out() -> None:
    """A PC without a network for two weeks still opens; a list held back is useless after that."""
    assert DAYS == {"root": 365, "targets": 180, "snapshot": 14, "timestamp": 14}


@pytest.mark.parametrize("holders", [(1, 2), (0, 0), (3, 0), (2, -1)])
def test_impossible_holders_are_refused(holders: tuple[int, int]) -> None:
    with pytest.raises(ReleaseListError, match="cannot sign together"):
        Holders(*holders)


def test_keys_and_lists_are_never_overwritten(authority: Authority) -> None:
    before = authority.files()
    with pytest.raises(KeyFolderError, match="it is there already"):
        authority.list.create(Holders(), Holders(), now_utc_ms=NOW)
    assert authority.files() == before


# --- the commands -----------------------------------------------------------------------------------------------------


def test_the_commands_make_show_renew_withdraw_and_replace(
    whole_demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = str(tmp_path / "keys")
    shared = ["--root-keys", "3", "--root-needed", "2", "--targets-keys", "3", "--targets-needed", "2"]
    assert main(["keys", "init", keys, *shared]) == 0
    told = capsys.readouterr().out
    first = ReleaseList(tmp_path / "keys")
    assert f"root fingerprint  {first.root_fingerprint}" in told
    assert "targets   2 of 3" in told
    made = str(whole_demo / "releases/norskprove-demo.json")
    assert main(["release", made, "--keys", keys, "--out", str(tmp_path / "demo.provrom")]) == 0
    assert main(["metadata", "show", keys]) == 0
    told = capsys.readouterr().out
    assert "norskprove-demo.v1" in told
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 14 * 86_400))
    assert f"until {day}" in told
    assert main(["metadata", "renew", keys, "--role", "root", "--role", "targets"]) == 0
    assert "store add-metadata" in capsys.readouterr().out
    assert main(["metadata", "replace-key", keys, "timestamp", first.standing()[3].key_ids[0][:12]]) == 0
    assert main(["metadata", "withdraw", keys, "norskprove-demo.v1"]) == 0
    assert first.releases() == ()
    capsys.readouterr()
    assert main(["metadata", "show", str(tmp_path)]) == 1
    assert "Make one with 'bank keys init'" in capsys.readouterr().err


def test_one_key_alone_lists_demo_programmes_only(
    demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(demo, "programmes/norskprove-demo.json", lambda plain: plain.update(is_demo=False))
    keys, out = str(tmp_path / "keys"), tmp_path / "real.provrom"
    made = ["release", str(demo / "releases/norskprove-demo.json"), "--keys", keys, "--out", str(out)]
    assert (
        main(["keys", "init", keys, "--custodians", "3", "--needed", "2", "--root-keys", "2", "--root-needed", "2"])
        == 0
    )
    assert "One root or targets key alone is for demo programmes only" in capsys.readouterr().out
    assert main(made) == 1
    assert "one key of role targets alone would list its releases" in capsys.readouterr().err
    assert not out.exists()


def test_a_release_without_enough_keys_leaves_nothing_half_made(
    whole_demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = tmp_path / "keys"
    assert main(["keys", "init", str(keys)]) == 0
    stick = tmp_path / "stick.key"
    (keys / "roles/targets-1.key").rename(stick)
    made = ["release", str(whole_demo / "releases/norskprove-demo.json"), "--keys", str(keys), "--out", str(tmp_path)]
    assert main(made) == 1
    assert "1 keys of role targets must sign, and 0 are here" in capsys.readouterr().err
    assert not (keys / "content-keys").exists()
    assert main([*made, "--key", str(stick)]) == 0
    assert ReleaseList(keys).releases() == ("norskprove-demo.v1",)
