"""A PC's whole disk, stolen before, during and after a sitting; and what is left of a sitting that was closed."""

from __future__ import annotations

import base64
import gc
import os
import shutil
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from itembank.package import Package
from kiosk.clock import SystemClock
from kiosk.folder import StateFolder
from kiosk.room import Room
from kiosk.screens import DeliveredScreen, EndScreen, LoginScreen
from proverom.sample_room import SITTING
from sync.client import StoreClient
from sync.errors import StoreRefusedError
from sync.files import DiskFiles, OpenFile
from tests.proof import Trial
from tests.proverom.seat import Seat, ask
from tests.proverom.thief import Thief, from_day_code

if TYPE_CHECKING:
    from tests.proverom.conftest import ExamRoom, MakeRoom

RELEASE = "norskprove-demo.v1"
ITEM_TEXT = "Leyla"
Proof = Callable[..., AbstractContextManager[Trial]]


def is_prepared(seat: Seat) -> bool:
    """Whether everything that can be here before the opening is here."""
    grant = seat.folder.read(seat.folder.grant(SITTING, RELEASE))
    return RELEASE in seat.net.state.public and grant is not None


def image(seat: Seat, to: Path) -> Path:
    """A copy of the PC's disk, as it is this moment."""
    return Path(shutil.copytree(seat.state, to, symlinks=True))


def thief(disk: Path) -> Thief:
    return Thief(disk, SITTING, RELEASE)


def spellings(secret: bytes) -> tuple[bytes, ...]:
    """How a secret could stand in a file."""
    return secret, secret.hex().encode(), base64.b64encode(secret)


def found_in(folder: Path, secrets: tuple[bytes, ...]) -> list[str]:
    """The files that hold one of the secrets, in whatever spelling."""
    wanted = [spelling for secret in secrets for spelling in spellings(secret)]
    return [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink() and any(each in path.read_bytes() for each in wanted)
    ]


def words_of(package: Package) -> tuple[bytes, ...]:
    """Long strings that a candidate sees and nobody before."""
    content = package.content("nb")
    shown = [repr(item).encode() for item in content.items.values()]
    return tuple({word for text in shown for word in text.split(b"'") if len(word) >= 25 and b"=" not in word})


def share_of(seat: Seat) -> bytes:
    """The release share as an honest program has it, from this PC's disk."""
    (share,) = thief(seat.state)._shares()
    return share


# --- before, during, after --------------------------------------------------------------------------------------------


def test_a_disk_stolen_before_the_opening_opens_nothing_and_while_it_is_open_everything(
    exam_room: MakeRoom, tmp_path: Path, proof: Proof
) -> None:
    exam = exam_room("reading")
    seat = exam.seat()
    seat.until_true(lambda: is_prepared(seat))
    with pytest.raises(StoreRefusedError) as refused, seat_client(exam, seat) as client:
        client.share(SITTING)
    assert (refused.value.status, refused.value.code) == (409, "wrong_state")

    before = thief(image(seat, tmp_path / "before"))
    exam.open(exam.samira)
    seat.until(LoginScreen)
    truth = share_of(seat)
    with proof("disks stolen before the opening", ci=1, full=1) as trial:
        for what in ("day codes tried", "packages opened"):
            trial.count(what, 0)
        for _ in trial.seeds():
            for code in range(10_000):
                keys = from_day_code(f"{code:04d}")
                trial.count("packages opened", sum(before.opened_by(each) is not None for each in keys))
                trial.count("day codes tried")
            trial.count("other keys tried, from the disk itself", sum(1 for _ in before.everything()))
            trial.count("packages opened", int(before.attack() is not None))
        assert trial.counts["day codes tried"] == 10_000
        assert trial.counts["packages opened"] == 0
    # Control: the same thief with the release share opens it: only the share was missing.
    loot = before.opened_by(truth)
    assert loot is not None
    assert loot.package.release_id == RELEASE

    # The honest limit: while the sitting is open, PC and share lie together.
    stolen = thief(image(seat, tmp_path / "open")).attack()
    assert stolen is not None
    assert stolen.content_key == loot.content_key
    assert words_of(stolen.package)


def test_after_closed_nothing_that_opens_anything_is_left_on_the_disk_or_in_memory(
    exam_room: MakeRoom, tmp_path: Path
) -> None:
    others = packages_in_memory()  # what tests before this one still hold is not this PC's
    exam = exam_room("reading")
    exam.open(exam.samira)
    seat = exam.seat()
    seat.log_in(exam.samira)
    seat.start_part("reading", day_code=exam.day_code)
    seat.answer_reading()
    seat.until(DeliveredScreen)
    loot, share = thief(seat.state).attack(), share_of(seat)
    assert loot is not None
    folder = seat.folder.sitting(SITTING)
    sealed = {path.name: path.read_bytes() for path in (seat.folder.share(SITTING), *folder.glob("grant-*"))}
    # The blocks of the files themselves, whatever becomes of their names.
    blocks = tmp_path / "blocks"
    blocks.mkdir()
    for name in sealed:
        os.link(folder / name, blocks / name)
    # What a kill may have left of a file about to take the share's name.
    (folder / "share.new").write_bytes(sealed["share"])
    secrets = (loot.content_key, loot.recovery.raw, share, *sealed.values())
    assert found_in(seat.state, secrets), "control: the scan finds what is there"
    assert packages_in_memory(but=others)

    ask(exam.room, "close", reason="the test is over")
    seat.until(EndScreen, lambda screen: screen.kind == "closed")
    seat.until_true(lambda: not seat.folder.share(SITTING).exists())
    assert found_in(seat.state, (*secrets, *words_of(loot.package))) == []
    assert not list(folder.glob("share*"))
    assert not list(folder.glob("grant-*"))
    for name, data in sealed.items():
        left = (blocks / name).read_bytes()
        assert left == bytes(len(data)), f"{name} was unlinked and not overwritten"
    assert thief(image(seat, tmp_path / "after")).attack(from_day_code(exam.day_code)) is None
    with pytest.raises(StoreRefusedError) as refused, seat_client(exam, seat) as client:
        client.share(SITTING)
    assert refused.value.status == 410
    del loot
    seat.screens.clear()
    assert seat.net.state.recovery is None
    assert packages_in_memory(but=others) == []

    seat.restart()
    seat.until_true(lambda: seat.net.state.contact_ms > 0)
    assert found_in(seat.state, secrets) == []
    assert packages_in_memory(but=others) == []


def packages_in_memory(*, but: Sequence[Package] = ()) -> list[Package]:
    """The opened packages that this process still holds, besides those."""
    gc.collect()
    known = {id(package) for package in but}
    return [each for each in gc.get_objects() if isinstance(each, Package) and id(each) not in known]


def seat_client(exam: ExamRoom, seat: Seat) -> StoreClient:
    """A line of its own for what the PC may ask."""
    return StoreClient(
        exam.room.url, seat.folder.ca_file, seat.enrolment.device, seat.keys, now_utc_ms=SystemClock().wall_ms
    )


# --- killed while closing ---------------------------------------------------------------------------------------------


class FatalFiles(DiskFiles):
    """The disk of a program that gets SIGKILL at the n-th thing it does to a secret or to the orders."""

    def __init__(self, at: int) -> None:
        self._left = at

    def _step(self, path: Path) -> None:
        if path.name.removesuffix(".new") in {"share", "orders"} or path.name.startswith("grant-"):
            self._left -= 1
            if self._left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def open(self, path: Path) -> OpenFile:
        self._step(path)
        return _FatalFile(super().open(path), lambda: self._step(path))

    def replace(self, path: Path, data: bytes) -> None:
        self._step(path)
        super().replace(path, data)
        self._step(path)

    def remove(self, path: Path) -> None:
        self._step(path)
        super().remove(path)
        self._step(path)


@dataclass
class _FatalFile:
    file: OpenFile
    step: Callable[[], None]

    def write_at(self, offset: int, data: bytes) -> int:
        self.step()
        return self.file.write_at(offset, data)

    def extend(self, size: int) -> None:
        self.file.extend(size)

    def sync(self) -> None:
        self.step()
        self.file.sync()
        self.step()

    def close(self) -> None:
        self.file.close()


def close_in_a_child(exam: ExamRoom, disk: Path, at: int) -> bool:
    """Let a PC hear that its sitting is closed, in a process that gets SIGKILL at that step; whether it was killed."""
    child = os.fork()
    if child == 0:
        # Nothing of this may come back into pytest's own process.
        try:
            room_of(exam, StateFolder(disk, FatalFiles(at))).start()
            os._exit(0 if _wait_for_wiped(disk) else 1)
        finally:
            os._exit(2)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, f"the program ended with {status}"
    return os.WIFSIGNALED(status)


def room_of(exam: ExamRoom, folder: StateFolder) -> Room:
    from kiosk.app import device_keys

    enrolment, keys, clock = folder.enrolment(), device_keys(folder), SystemClock()
    assert enrolment is not None
    device = enrolment.device

    def connect() -> StoreClient:
        return StoreClient(exam.room.url, folder.ca_file, device, keys, now_utc_ms=clock.wall_ms)

    return Room(folder, enrolment, keys, connect, clock)


def _wait_for_wiped(disk: Path) -> bool:
    """Until the orders on the disk say closed and the secrets are gone, or twenty seconds are over."""
    waiting = threading.Event()
    for _ in range(2000):
        if b'"close"' in (disk / "sittings" / SITTING / "orders").read_bytes() and not secrets_on(disk):
            return True
        waiting.wait(0.01)
    return False


def secrets_on(disk: Path) -> list[str]:
    folder = disk / "sittings" / SITTING
    return sorted(path.name for path in (*folder.glob("share*"), *folder.glob("grant-*")))


@pytest.mark.timeout(600)  # some fifteen programs, one after the other
def test_killed_at_any_step_of_closing_the_next_start_wipes_the_rest(
    exam_room: MakeRoom, tmp_path: Path, proof: Proof
) -> None:
    """SIGKILL at every step that touches share, grants or orders. Once the share is wiped, the rest opens nothing."""
    exam = exam_room("reading")
    exam.open(exam.samira)
    seat = exam.seat()
    seat.until(LoginScreen)
    loot, share = thief(seat.state).attack(), share_of(seat)
    assert loot is not None
    secrets = (loot.content_key, loot.recovery.raw, share)
    seat.close()
    ask(exam.room, "close", reason="the test is over")
    with proof("sittings closed with a kill at every step", ci=1, full=20) as trial:
        for what in ("kills", "opened after the share was wiped", "left after the next start"):
            trial.count(what, 0)
        for seed in trial.seeds():
            for step in range(100):
                disk = Path(shutil.copytree(seat.state, tmp_path / f"{seed}-{step}"))
                was_killed = close_in_a_child(exam, disk, step)
                trial.count("kills", int(was_killed))
                left = [path.read_bytes() for path in (disk / "sittings" / SITTING).glob("share")]
                if (not left or not any(left[0])) and thief(disk).attack() is not None:
                    trial.count("opened after the share was wiped")
                start_again(exam, disk)
                trial.count("left after the next start", len(found_in(disk, secrets)) + len(secrets_on(disk)))
                shutil.rmtree(disk)
                if not was_killed:
                    break
        # The last one of each round was let go to its end.
        assert trial.counts["kills"] >= 8 * trial.tried
        assert trial.counts["opened after the share was wiped"] == 0
        assert trial.counts["left after the next start"] == 0


def start_again(exam: ExamRoom, disk: Path) -> None:
    """The PC's next start, until it knows that the sitting is closed."""
    again = room_of(exam, StateFolder(disk))
    again.start()
    try:
        assert _wait_for_wiped(disk), secrets_on(disk)
    finally:
        again.stop()
