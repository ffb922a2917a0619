"""What each check of a PC says, and where its border lies."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from kiosk.errors import SoundError
from kiosk.preflight import (
    bandwidth,
    block,
    clock_against_store,
    count_displays,
    disk_speed,
    disk_verdict,
    free_space,
    no_swap,
    one_display,
    sound,
    tablet,
)
from kiosk.sound import SilentPlayer
from sync.files import DiskFiles, OpenFile
from sync.readiness import Outcome

ROOT = Path(__file__).parents[2]


@pytest.mark.rule("NP-3.14-2")
def test_the_line_must_carry_one_megabit_each_way_for_every_candidate() -> None:
    assert bandwidth(20, down_mbit=20, up_mbit=20).outcome is Outcome.PASSED
    for down, up in ((19, 100), (100, 19)):
        found = bandwidth(20, down_mbit=down, up_mbit=up)
        assert found.outcome is Outcome.FAILED
        assert "20 both ways are needed" in found.told


def kiosk_with_chassis(tmp_path: Path, chassis: str) -> subprocess.CompletedProcess[str]:
    """Start the real program on a device whose firmware tells this enclosure type."""
    told = tmp_path / "chassis_type"
    told.write_text(chassis)
    return subprocess.run(
        [sys.executable, "-m", "proverom", "kiosk", "--state", str(tmp_path / "state")],
        env={**os.environ, "PROVEROM_CHASSIS_FILE": str(told)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.rule("NP-3.14-3")
def test_the_program_refuses_to_start_on_a_tablet_and_only_there(tmp_path: Path) -> None:
    # SMBIOS 7.4.1: 30 is a tablet, 10 a notebook, 31 a convertible with a keyboard.
    on_tablet = kiosk_with_chassis(tmp_path, "30\n")
    assert on_tablet.returncode == 2
    assert on_tablet.stderr == (
        "kiosk: This computer cannot be used for the test: it is a tablet. Use a PC with a keyboard.\n"
    )
    assert not (tmp_path / "state").exists()
    on_notebook = kiosk_with_chassis(tmp_path, "31\n")
    assert "tablet" not in on_notebook.stderr
    assert "This PC is not enrolled" in on_notebook.stderr
    assert tablet(is_a_tablet=True).outcome is Outcome.FAILED


def test_with_the_block_off_the_other_address_is_reached_and_the_check_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        address = f"127.0.0.1:{elsewhere.getsockname()[1]}"
        reached = block(address, is_reached=True)
    assert (reached.outcome, "Switch the block on" in reached.told) == (Outcome.FAILED, True)
    assert block(address, is_reached=True).outcome is Outcome.PASSED
    cut_off = block(address, is_reached=False)
    assert (cut_off.outcome, "so is the store" in cut_off.told) == (Outcome.FAILED, True)
    assert block("", is_reached=True).outcome is Outcome.LEFT_OUT
    assert block("vg.no", is_reached=True).outcome is Outcome.FAILED


def test_a_slow_disk_is_told_with_its_figure() -> None:
    # 100 writes of which two took 60 ms: the 99th percentile is 60 ms, over the 50 ms wanted.
    found = disk_verdict([2.0] * 98 + [60.0] * 2)
    assert found.outcome is Outcome.WARNED
    assert "99 of 100 after 60.0 ms; 50 ms is wanted" in found.told
    assert disk_verdict([2.0] * 99 + [49.0]).outcome is Outcome.PASSED


def test_the_disk_is_measured_by_real_synced_writes_that_leave_nothing_behind(tmp_path: Path) -> None:
    found = disk_speed(DiskFiles(), tmp_path / "trial", trials=10)
    assert found.outcome in {Outcome.PASSED, Outcome.WARNED}
    assert list(tmp_path.iterdir()) == []


class FullDisk(DiskFiles):
    """A disk with no room left."""

    def create(self, path: Path, size: int) -> OpenFile:
        del path, size
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_fails_the_check_in_one_sentence(tmp_path: Path) -> None:
    found = disk_speed(FullDisk(), tmp_path / "trial")
    assert (found.outcome, found.told) == (
        Outcome.FAILED,
        "The disk refuses to write: No space left on device. Use another PC.",
    )
    short = free_space(tmp_path, needed=2**60)
    assert short.outcome is Outcome.FAILED
    assert short.told.endswith("MiB are needed. Free space on this PC.")
    assert free_space(tmp_path, needed=1).outcome is Outcome.PASSED


class NoDevice(SilentPlayer):
    """A PC without sound."""

    def open(self) -> None:
        raise SoundError("no default output device")


def test_sound_passes_when_the_tone_is_taken_to_its_end_and_tells_why_not() -> None:
    player = SilentPlayer()
    found = sound(player, wait=lambda _: player.advance(100))
    assert (found.outcome, player.is_open) == (Outcome.PASSED, False)
    gone = SilentPlayer()
    gone.fault = "the sound device went away"
    assert "the sound device went away. Plug" in sound(gone, wait=lambda _: None).told
    none = sound(NoDevice())
    assert (none.outcome, "no default output device" in none.told) == (Outcome.FAILED, True)


def test_exactly_one_display_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one_display(count).outcome for count in (0, 1, 2)] == [Outcome.FAILED, Outcome.PASSED, Outcome.FAILED]
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert count_displays() == 0


@pytest.mark.parametrize(
    ("offset_ms", "outcome"),
    [
        (0, Outcome.PASSED),
        (5_000, Outcome.PASSED),
        (-5_001, Outcome.WARNED),
        (300_000, Outcome.WARNED),
        (-300_001, Outcome.FAILED),
    ],
)
def test_the_clock_is_judged_against_the_stores(offset_ms: int, outcome: Outcome) -> None:
    found = clock_against_store(offset_ms)
    assert found.outcome is outcome
    assert f"{abs(offset_ms) / 1000:.1f} s" in found.told


def test_swap_space_is_told_of() -> None:
    assert no_swap(()).outcome is Outcome.PASSED
    told = no_swap(("/dev/sda3", "/swapfile"))
    assert told.outcome is Outcome.WARNED
    assert "/dev/sda3, /swapfile: keys and answers can come to lie there. Switch swap off." in told.told
