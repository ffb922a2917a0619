"""A PC opens what the authority's list names and nothing else, with a network and without, and says why it does not."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from kiosk.app import Options, device_keys, enrol
from kiosk.clock import SystemClock
from kiosk.errors import SetUpError
from kiosk.folder import StateFolder
from kiosk.screens import LoginScreen, WaitScreen
from proverom.sample_room import SITTING
from sync.client import StoreClient
from sync.metadata import ReleaseMetadata, fingerprint
from tests.proverom.seat import Seat, ask
from tests.proverom.test_programmes import leaders_browser

if TYPE_CHECKING:
    from pathlib import Path

    from tests.proverom.conftest import ExamRoom, MakeRoom

DAY_MS = 86_400_000
RELEASE = "norskprove-demo.v1"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def hand_over_list(exam: ExamRoom) -> None:
    """What the authority brings to the store."""
    ask(exam.room, "add-metadata", folder=str(exam.room.releases.folder / "metadata"))


def is_prepared(seat: Seat) -> bool:
    """Whether all that a sitting needs before its opening lies on the PC: package, grant, list."""
    grant = seat.folder.grant("demo", RELEASE)
    return RELEASE in seat.net.state.public and seat.folder.read(grant) is not None


def enrolled(exam: ExamRoom, tmp_path: Path, authority: str) -> StateFolder:
    """A PC of the room enrolled with what was given as the authority."""
    token = str(ask(exam.room, "token")["token"])
    folder = StateFolder(tmp_path)
    options = Options(
        *(folder.root, exam.room.url, exam.room.ca_file, token, "7"),
        is_window=False,
        robot_map=None,
        authority=authority,
    )
    enrol(folder, device_keys(folder), SystemClock(), options)
    return folder


def test_without_a_network_what_was_verified_before_still_opens(exam_room: MakeRoom) -> None:
    exam = exam_room("reading")
    exam.open(exam.samira)
    seat = exam.seat()
    seat.until(LoginScreen)
    seat.close()
    exam.room.stop_service()
    again = exam.seat()
    again.until(LoginScreen)
    assert set(again.net.state.packages) == {RELEASE}
    assert not again.net.state.is_online


def test_a_list_that_ran_out_opens_nothing_says_so_and_a_newer_one_mends_it(exam_room: MakeRoom) -> None:
    """The PC's last list is of two weeks ago. It waits and reports why; the authority's renewal is enough."""
    exam = exam_room("reading")
    folder, releases = StateFolder(exam.states[0]), exam.room.releases
    long_ago = now_ms() - 15 * DAY_MS
    releases.renew(now_utc_ms=long_ago)
    memory = ReleaseMetadata(
        folder.authority_root.read_bytes(),
        kept=None,
        keep=lambda data: folder.write(folder.list_memory, data),
        workplace=folder.root,
    )
    memory.update(releases.files().get, now_utc_ms=long_ago)
    exam.open(exam.samira)
    seat = exam.seat()
    seat.until(WaitScreen, lambda screen: screen.reason == "list_expired")
    seat.until_true(lambda: any("held until" in each or "older than one" in each for each in seat.told.sentences))
    seat.until_true(lambda: "list_expired" in {each.kind for each in seat.reports[-1].incidents})
    assert seat.net.state.packages == {}
    assert seat.folder.read(seat.folder.share("demo")) is None
    with leaders_browser(exam) as browser:
        told = 'data-seat="1" data-fault="list_expired"'
        seat.until_true(lambda: told in browser.get(f"/sittings/{SITTING}").text)

    releases.renew(now_utc_ms=now_ms())
    hand_over_list(exam)
    seat.until(LoginScreen)


def test_a_release_that_was_withdrawn_is_not_opened_any_more(exam_room: MakeRoom) -> None:
    exam = exam_room("reading")
    seat = exam.seat()
    seat.until_true(lambda: is_prepared(seat))
    exam.room.releases.withdraw(RELEASE, now_utc_ms=now_ms())
    hand_over_list(exam)
    seat.restart()
    exam.open(exam.samira)
    seat.until_told("is not on the authority's list of current releases")
    assert seat.net.state.packages == {}
    assert seat.net.state.recovery is None


def test_an_order_to_open_waits_for_a_list_on_its_way_that_withdraws(
    exam_room: MakeRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    exam = exam_room("reading")
    seat = exam.seat()
    seat.until_true(lambda: is_prepared(seat))
    exam.room.releases.withdraw(RELEASE, now_utc_ms=now_ms())
    hand_over_list(exam)
    is_asked, may_come, fetch = threading.Event(), threading.Event(), StoreClient.metadata

    def slowly(client: StoreClient, name: str) -> bytes | None:
        is_asked.set()
        may_come.wait(60)
        return fetch(client, name)

    monkeypatch.setattr(StoreClient, "metadata", slowly)
    seat.restart()
    seat.until_true(is_asked.is_set)
    exam.open(exam.samira)
    seat.until_true(lambda: seat.net.state.orders is not None and seat.net.state.orders.last_number > 0)
    time.sleep(0.5)  # whoever passes the list does so here
    may_come.set()
    seat.until_told("is not on the authority's list of current releases")
    assert seat.net.state.packages == {}
    assert seat.net.state.recovery is None


def test_a_pc_believes_only_the_authority_that_it_was_enrolled_with(exam_room: MakeRoom, tmp_path: Path) -> None:
    """By file, by fingerprint as it is printed or as people write it down; without either, nothing is even sent."""
    exam = exam_room("reading", pcs=0)
    for given in ("", "abc", "g" * 64, "no-such-file.json"):
        with pytest.raises(SetUpError, match="Enrolling needs the authority's root file or its fingerprint"):
            enrolled(exam, tmp_path / "refused", given)
    wrong = tmp_path / "wrong.json"
    wrong.write_bytes(b"{}")
    with pytest.raises(SetUpError, match="Copy the file from the authority again"):
        enrolled(exam, tmp_path / "refused", str(wrong))
    assert ask(exam.room, "devices")["devices"] == {}

    root = exam.room.releases.first_root
    digits = fingerprint(root.read_bytes())
    spaced = " ".join(digits[place : place + 8] for place in range(0, 64, 8)).upper()
    folders = [enrolled(exam, tmp_path / str(form), given) for form, given in enumerate((str(root), digits, spaced))]
    foreign = enrolled(exam, tmp_path / "foreign", "ab" * 32)
    for folder in (*folders, foreign):
        enrolment = folder.enrolment()
        assert enrolment is not None
        assert enrolment.authority == ("ab" * 32 if folder is foreign else digits)
        ask(exam.room, "clear-device", device=enrolment.device)
        exam.states.append(folder.root)
    exam.room.grant_pcs()
    for place, folder in enumerate(folders):
        seat = exam.seat(place)
        seat.until_true(lambda seat=seat: is_prepared(seat))
        assert folder.authority_root.read_bytes() == root.read_bytes()
    seat = exam.seat(len(folders))
    seat.until_told("no root file with the fingerprint")
    assert seat.net.state.public == {}
    assert not foreign.authority_root.exists()
