"""What a PC keeps of the authority's list of current releases, and what it does when that is damaged."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

from kiosk.folder import Enrolment, StateFolder
from kiosk.releases import CurrentList
from sync.errors import DamagedError, ListExpiredError, ListRefusedError, StoreUnreachableError
from sync.metadata import fingerprint
from sync.threads import SystemThreads
from tests.sync.authority import DAY_MS, Authority, release
from tests.sync.examples import NOW

NORSK = release("norskprove", 1)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path / "authority")
    made.list.add([NORSK], now_utc_ms=NOW)
    return made


@pytest.fixture
def folder(tmp_path: Path, authority: Authority) -> StateFolder:
    made = StateFolder(tmp_path / "pc")
    made.write(made.authority_root, authority.root)
    return made


def started(folder: StateFolder, authority: Authority, digits: str = "") -> CurrentList:
    """The list as a program finds it that was just started."""
    keys = dict.fromkeys(("order_key", "ticket_key", "receipt_key"), "ab" * 32)
    given = digits or fingerprint(authority.root)
    enrolment = Enrolment(device="pc-7", name="7", store_url="https://store", authority=given, **keys)
    return CurrentList(folder, enrolment, SystemThreads())


def no_network(name: str) -> bytes | None:
    raise StoreUnreachableError("https://store", f"no way to {name}")


def test_a_started_program_has_the_list_of_the_one_before(folder: StateFolder, authority: Authority) -> None:
    with pytest.raises(ListRefusedError, match="has not fetched one yet"):
        started(folder, authority).releases(at_utc_ms=NOW)
    started(folder, authority).refresh(authority.files().get, now_utc_ms=NOW)
    again = started(folder, authority)
    with pytest.raises(StoreUnreachableError):
        again.refresh(no_network, now_utc_ms=NOW)
    assert set(again.releases(at_utc_ms=NOW + 13 * DAY_MS).releases) == {"norskprove.v1"}
    with pytest.raises(ListExpiredError):
        again.releases(at_utc_ms=NOW + 14 * DAY_MS)


DAMAGES: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "empty": lambda _: b"",
    "an empty object": lambda _: b"{}",
    "no text": lambda data: b"\xff" * len(data),
    "cut": lambda data: data[:-1],
    "no base64": lambda data: data.replace(b'"timestamp":"', b'"timestamp":"_'),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_memory_is_begun_anew_and_opens_nothing_before(
    damage: str, folder: StateFolder, authority: Authority
) -> None:
    started(folder, authority).refresh(authority.files().get, now_utc_ms=NOW)
    kept = folder.list_memory.read_bytes()
    folder.list_memory.write_bytes(DAMAGES[damage](kept))
    again = started(folder, authority)
    with pytest.raises(ListRefusedError):
        again.releases(at_utc_ms=NOW)
    again.refresh(authority.files().get, now_utc_ms=NOW)
    assert set(again.releases(at_utc_ms=NOW).releases) == {"norskprove.v1"}
    assert folder.list_memory.read_bytes() == kept


def test_another_root_on_the_disk_is_not_believed(folder: StateFolder, authority: Authority, tmp_path: Path) -> None:
    """Whoever exchanges the root file must exchange the enrolment too."""
    other = Authority(tmp_path / "other")
    folder.write(folder.authority_root, other.root)
    with pytest.raises(DamagedError, match="not the one that this PC was enrolled with"):
        started(folder, authority).refresh(other.files().get, now_utc_ms=NOW)
    assert not folder.list_memory.exists()


def test_a_withdrawn_release_goes_from_a_running_program_too(folder: StateFolder, authority: Authority) -> None:
    running = started(folder, authority)
    running.refresh(authority.files().get, now_utc_ms=NOW)
    authority.list.withdraw("norskprove.v1", now_utc_ms=NOW)
    running.refresh(authority.files().get, now_utc_ms=NOW)
    assert running.releases(at_utc_ms=NOW).releases == {}


def test_the_list_in_use_is_there_while_a_newer_one_is_on_its_way(folder: StateFolder, authority: Authority) -> None:
    running = started(folder, authority)
    running.refresh(authority.files().get, now_utc_ms=NOW)
    authority.list.withdraw("norskprove.v1", now_utc_ms=NOW)
    seen: list[set[str]] = []

    def slowly(name: str) -> bytes | None:
        reader = threading.Thread(target=lambda: seen.append({*running.releases(at_utc_ms=NOW).releases}), daemon=True)
        reader.start()
        reader.join(30)
        return authority.files().get(name)

    running.refresh(slowly, now_utc_ms=NOW)
    assert seen == [{"norskprove.v1"}] * len(seen)
    assert seen
    assert running.releases(at_utc_ms=NOW).releases == {}


def test_of_two_lists_that_come_at_once_the_one_taken_first_stands(folder: StateFolder, authority: Authority) -> None:
    running = started(folder, authority)
    older = authority.files()
    authority.list.withdraw("norskprove.v1", now_utc_ms=NOW)

    def overtaken(name: str) -> bytes | None:
        if not folder.list_memory.exists():
            running.refresh(authority.files().get, now_utc_ms=NOW)  # another thread's, with the newer list
        return older.get(name)

    running.refresh(overtaken, now_utc_ms=NOW)
    assert running.releases(at_utc_ms=NOW).releases == {}
    assert started(folder, authority).releases(at_utc_ms=NOW).releases == {}
