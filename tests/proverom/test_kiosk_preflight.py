"""A room's PCs are tested beforehand, by the real command, and the store records the result per PC with its date."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from centralstore.commands import main as store_command
from kiosk.app import device_keys
from kiosk.clock import SystemClock
from kiosk.folder import StateFolder
from proverom.sample_room import SITTING
from proverom.virtual import NullSink
from sync.client import StoreClient
from sync.errors import StoreRefusedError
from sync.keys import DeviceKeys
from sync.readiness import Finding, Outcome, Readiness, sign_readiness, verify_readiness
from tests.proverom.seat import ask

if TYPE_CHECKING:
    from tests.proverom.conftest import ExamRoom, MakeRoom

ROOT = Path(__file__).parents[2]


def preflight(state: Path, environment: dict[str, str], *more: str) -> subprocess.CompletedProcess[str]:
    """``./run kiosk preflight`` on a PC."""
    return subprocess.run(
        [sys.executable, "-m", "proverom", "kiosk", "preflight", "--state", str(state), *more],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen", **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def lines(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Outcome by check, from what the command wrote."""
    found = [line.split(maxsplit=2) for line in done.stdout.splitlines() if not line.startswith("This PC")]
    return {check: outcome for outcome, check, _told in found}


def listing(exam: ExamRoom, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The store's readiness report: exit code and text."""
    capsys.readouterr()
    status = store_command(["readiness", str(exam.room.store), "--sitting", SITTING])
    return status, capsys.readouterr().out


@pytest.mark.rule("NP-3.14-1", "NP-3.14-5", "NP-3.14-4")
def test_tested_pcs_are_recorded_with_their_date_and_the_others_are_listed(
    exam_room: MakeRoom, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exam = exam_room("reading", pcs=2)
    status, text = listing(exam, capsys)
    assert (status, text.count("NOT TESTED")) == (1, 2)

    sink = NullSink(tmp_path / "sound")
    try:
        with socket.create_server(("127.0.0.1", 0)) as elsewhere:
            address = f"127.0.0.1:{elsewhere.getsockname()[1]}"
            without_block = preflight(exam.states[0], sink.environment(), "--closed-to", address)
        # The address answers no more: the block is switched on.
        with_block = preflight(exam.states[0], sink.environment(), "--closed-to", address)
    finally:
        sink.close()
    assert without_block.returncode == 1
    assert lines(without_block)["block"] == "failed"
    assert "This PC is NOT ready." in without_block.stdout
    assert with_block.returncode == 0, with_block.stdout + with_block.stderr
    found = lines(with_block)
    warned = {check for check, outcome in found.items() if outcome != "passed"}
    assert warned <= {"disk_speed", "swap"}  # a busy disk and swap space are told of, and no more than that
    assert set(found) == {
        "computer", "disk_space", "disk_speed", "swap", "sound", "display", "store", "clock", "release",
        "bandwidth", "block",
    }  # fmt: skip

    status, text = listing(exam, capsys)
    tested = next(line for line in text.splitlines() if "ready, tested" in line)
    assert time.strftime("%Y-%m-%d", time.gmtime()) in tested
    assert (status, text.count("NOT TESTED")) == (1, 1)
    kept = sorted((exam.states[0] / "readiness").iterdir())
    public = device_keys(StateFolder(exam.states[0])).signing.public
    assert [verify_readiness(path.read_bytes(), public).is_ready for path in kept] == [False, True]
    _without_sound_and_store(exam, tmp_path)


def _without_sound_and_store(exam: ExamRoom, tmp_path: Path) -> None:
    """What cannot be checked has failed, each with its sentence, and the report is kept on the PC."""
    exam.room.stop_service()
    (tmp_path / "asound.conf").write_text("pcm.!default { type pulse }\nctl.!default { type pulse }\n")
    silent = {"ALSA_CONFIG_PATH": str(tmp_path / "asound.conf"), "PULSE_SERVER": f"unix:{tmp_path / 'none'}"}
    done = preflight(exam.states[1], silent)
    assert done.returncode == 1, done.stderr
    failed = {check for check, outcome in lines(done).items() if outcome == "failed"}
    assert failed == {"sound", "store", "clock", "release", "bandwidth"}
    assert "the store has not recorded this" in done.stderr
    assert len(list((exam.states[1] / "readiness").iterdir())) == 1


def test_a_report_that_another_pc_signed_or_names_is_not_recorded(exam_room: MakeRoom) -> None:
    exam = exam_room("reading", pcs=2)
    folder, other = StateFolder(exam.states[0]), StateFolder(exam.states[1])
    here, there = folder.enrolment(), other.enrolment()
    assert here is not None
    assert there is not None
    keys = device_keys(folder)
    told = Readiness(
        device=here.device,
        sitting=SITTING,
        at_utc_ms=1,
        findings=(Finding(check="sound", outcome=Outcome.PASSED, told="It plays."),),
    )
    with StoreClient(exam.room.url, folder.ca_file, here.device, keys, now_utc_ms=SystemClock().wall_ms) as client:
        with pytest.raises(StoreRefusedError, match="not signed by the device it names"):
            client.readiness(sign_readiness(told, DeviceKeys.create().signing))
        named = told.model_copy(update={"device": there.device})
        with pytest.raises(StoreRefusedError, match="it names PC"):
            client.readiness(sign_readiness(named, keys.signing))
        with pytest.raises(StoreRefusedError, match="not in this PC's room"):
            client.readiness(sign_readiness(told.model_copy(update={"sitting": "elsewhere"}), keys.signing))
        assert {pc["tested_ms"] for pc in ask(exam.room, "readiness")["pcs"]} == {0}
        client.readiness(sign_readiness(told, keys.signing))
    assert {pc["tested_ms"] for pc in ask(exam.room, "readiness")["pcs"]} == {0, 1}
