"""The command: what it says and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.room import Room
from verifier.main import main


def test_an_honest_sitting_is_right_in_everything(room: Room, bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = ["--results-key", str(room.results_key), "--content-keys", str(room.content_keys)]
    status = main([str(bundle), *keys])
    told = capsys.readouterr().out
    assert status == 0, told
