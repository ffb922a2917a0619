"""SIGKILL at any moment: nothing the candidate was shown is lost, and the part goes on at the same place."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from engine.attempt import state_sha256
from engine.state import Phase
from kiosk.sound import SAMPLE_RATE_HZ
from sync.outbox import Outbox
from tests.proverom.killed_seat import SCRIPT
from tests.proverom.test_sitting import results

if TYPE_CHECKING:
    from tests.proverom.conftest import ExamRoom, MakeRoom
    from tests.proverom.seat import Seat

ROOT = Path(__file__).parents[2]
KILLS = 2
Told = dict[str, Any]


def run_and_kill(exam: ExamRoom, skipped_ms: int, lines: int | None) -> list[Told]:
    """Let the seat go on in a process of its own and kill it after so many lines; everything it acknowledged."""
    command = (sys.executable, "-m", "tests.proverom.killed_seat", exam.room.url, str(exam.states[0]), str(skipped_ms))
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told: list[str] = []
        while line := process.stdout.readline():
            told.append(line)
            if lines is not None and len(told) >= lines:
                process.kill()  # SIGKILL; what is in the pipe by now has been shown too
                told += process.stdout.readlines()
    return [json.loads(line) for line in told if line.endswith("\n")]


def begun(exam: ExamRoom, part: str) -> Seat:
    """A candidate who has just pressed Start; the PC goes down at once."""
    exam.open(exam.samira)
    seat = exam.seat()
    seat.log_in(exam.samira)
    seat.start_part(part, day_code=exam.day_code)
    seat.kill()
    return seat


def lives(exam: ExamRoom, random: Random, most_lines: int) -> list[list[Told]]:
    """What the seat told in each life, the last one lived to its end; each begins where the one before was killed."""
    told: list[list[Told]] = [run_and_kill(exam, 0, random.randint(5, most_lines))]
    for _ in range(KILLS - 1):
        told.append(run_and_kill(exam, told[-1][-1]["skipped_ms"], random.randint(5, most_lines)))
    told.append(run_and_kill(exam, told[-1][-1]["skipped_ms"], None))
    for before, after in pairwise(told):
        shown, resumed = before[-1], after[0]
        assert resumed["phase"] == shown["phase"] == Phase.RUNNING.value
        assert resumed["at_ms"] >= shown["at_ms"]
        assert resumed["responses"] >= shown["responses"]
    return told


def is_sent(seat: Seat) -> bool:
    """Whether the store has receipted all that lies on this PC."""
    receipts = seat.enrolment.key("receipt_key")
    return not Outbox(seat.folder.journals, device_key=seat.keys.signing, receipt_key=receipts).has_unsent()


def test_a_killed_writing_part_keeps_every_sign_and_goes_on_in_the_same_task(
    exam_room: MakeRoom, capsys: pytest.CaptureFixture[str]
) -> None:
    exam = exam_room("writing")
    seat = begun(exam, "writing")
    told = lives(exam, Random(20261122), 25)
    for before, after in pairwise(told):
        shown, resumed = before[-1], after[0]
        assert resumed["task"] == shown["task"]
        # The sign that was being typed when it was killed may be there too; it had not been shown yet.
        assert shown["length"] <= resumed["length"] <= shown["length"] + 1
    seat.start()
    seat.until_true(lambda: seat.conductor.running is not None)
    assert "".join(seat.attempt.texts.values()) == SCRIPT
    seat.pass_time(4_000, step_ms=1_000)
    seat.hand_in()
    digest = state_sha256(seat.attempt)
    seat.close()
    found = results(exam, capsys)["writing"]
    assert (found["data"]["state_sha256"], found["findings"]) == (digest, [])


def test_a_killed_listening_part_goes_on_with_its_clip_and_gives_no_play_twice(
    exam_room: MakeRoom, capsys: pytest.CaptureFixture[str]
) -> None:
    exam = exam_room("listening")
    seat = begun(exam, "listening")
    told = lives(exam, Random(20261123), 60)
    for before, after in pairwise(told):
        shown, resumed = before[-1], after[0]
        if resumed["task"] == shown["task"] and resumed["step"] == shown["step"]:
            assert abs(resumed["frame"] - shown["frame"]) <= SAMPLE_RATE_HZ
    assert told[-1][-1]["phase"] == Phase.SUBMITTED.value
    seat.start()
    seat.until_true(lambda: is_sent(seat))
    seat.close()
    # The store replays it and audits every step, play and frame: nothing was too early, too late or once too often.
    assert results(exam, capsys)["listening"]["findings"] == []
