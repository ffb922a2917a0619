"""What a PC's room could not do stands until that very piece of work is done, whatever else goes well meanwhile."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from itembank.errors import PackageError
from kiosk.clock import SystemClock
from kiosk.folder import Enrolment, StateFolder
from kiosk.room import Room
from sync.client import StoreClient
from sync.errors import DamagedError, StoreUnreachableError
from tests.sync.examples import device

KEYS = device("pc-07")
DAMAGED = DamagedError(what="test package", fault="a line is torn")
AWAY = StoreUnreachableError("https://store", "no route")


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """A room that is not started: its pieces of work are the test's."""
    folder, clock = StateFolder(tmp_path), SystemClock()
    key = KEYS.signing.public.hex
    enrolment = Enrolment("pc-07", "7", "https://store", key, key, key, authority="")
    nothing = httpx.MockTransport(lambda _: httpx.Response(404))

    def connect() -> StoreClient:
        return StoreClient("https://store", None, "pc-07", KEYS, now_utc_ms=clock.wall_ms, transport=nothing)

    return Room(folder, enrolment, KEYS, connect, clock)


def failing(error: Exception) -> None:
    raise error


def well() -> None:
    return


def test_a_trouble_stands_until_its_own_piece_of_work_is_done(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        assert not room._attempted("package r1", lambda: failing(DAMAGED), keeps_contact=True)
    assert not room._attempted("reports", lambda: failing(AWAY))
    assert room.state.trouble == str(AWAY)
    assert room._attempted("orders", well)
    room._in_contact()
    assert room.state.trouble == str(AWAY)
    assert room._attempted("reports", well)
    assert room.state.trouble == str(DAMAGED)
    assert room._attempted("package r1", well)
    assert room.state.trouble == ""
    assert [record.getMessage() for record in caplog.records] == [str(DAMAGED), str(AWAY)]


def test_only_what_is_about_the_store_says_that_it_is_away(room: Room) -> None:
    room._in_contact()
    room._attempted("package r1", lambda: failing(DAMAGED), keeps_contact=True)
    assert room.state.is_online
    room._attempted("reports", lambda: failing(AWAY))
    assert not room.state.is_online
    room._attempted("package r1", lambda: failing(DAMAGED), keeps_contact=True)
    assert not room.state.is_online


def test_a_fault_of_the_programs_own_ends_nothing_and_is_told(room: Room) -> None:
    assert not room._attempted("ask", lambda: failing(KeyError("sitting")))
    assert room.state.trouble == "KeyError in the kiosk; tell support"
    room._forget_troubles("ask")
    assert room.state.trouble == ""


def test_a_refused_package_is_told_until_a_good_one_is_here(room: Room) -> None:
    good = room._folder.release("r2")
    good.parent.mkdir(parents=True, exist_ok=True)
    for release in ("r1", "r2"):
        with pytest.raises(PackageError), room._judging(release):
            failing(PackageError("r", "torn", "Fetch it again"))
    good.write_bytes(b"a good one")
    with room._judging("r2"):
        assert room.state.refused_package
    assert room.state.refused_package, "r1 is still missing"
    with room._judging("r1"):
        pass  # nothing was wrong, and nothing is here
    assert room.state.refused_package
    room._forget_refused()
    assert not room.state.refused_package
