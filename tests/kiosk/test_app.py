"""The program starts light, and what keeps it from starting is told in one sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from kiosk.folder import Enrolment, StateFolder
from kiosk.lockdown import Sequence

ROOT = Path(__file__).parents[2]
HEAVY = ("httpx", "pydantic", "cryptography", "numpy", "sounddevice", "soundfile", "itembank.package")
PAINTED = f"""
import sys
from kiosk import app
paint = app._paint
def told(*arguments):
    paint(*arguments)
    print([name for name in {HEAVY!r} if name in sys.modules], flush=True)
    sys.exit(0)
app._paint = told
app.main(sys.argv[1:])
"""


def start(state: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """The program in a process of its own, drawing into memory."""
    return subprocess.run(
        [sys.executable, *command, "--state", str(state)],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def enrolled(tmp_path: Path) -> Path:
    """A state folder with an enrolment, whose CA certificate is missing."""
    key = "00" * 32
    kept = Enrolment("pc-1", "14", "https://127.0.0.1:1", key, key, key, key)
    StateFolder(tmp_path / "state").keep_enrolment(kept)
    assert json.loads((tmp_path / "state" / "device.json").read_text()) == asdict(kept)
    return tmp_path / "state"


def test_the_first_screen_is_painted_before_anything_heavy_is_loaded(enrolled: Path) -> None:
    done = start(enrolled, "-c", PAINTED, "--window")
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


def test_what_is_missing_after_the_lockdown_is_told_in_one_sentence_and_everything_is_given_back(
    enrolled: Path,
) -> None:
    done = start(enrolled, "-m", "proverom", "kiosk")
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if "missing; install fonts" not in line]
    (told,) = lines
    assert told.startswith(f"kiosk: The CA certificate is damaged: {enrolled / 'ca.pem'} cannot be read as PEM. ")
    assert Sequence([], StateFolder(enrolled).lockdown_file).done() == []


def test_a_damaged_enrolment_is_told_and_nothing_is_shown(enrolled: Path) -> None:
    (enrolled / "device.json").write_text("{")
    done = start(enrolled, "-m", "proverom", "kiosk")
    assert done.returncode == 2
    assert done.stderr == (
        f"kiosk: The file {enrolled / 'device.json'} is damaged. Enrol this PC again with a new token.\n"
    )
