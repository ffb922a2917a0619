"""What `./run demo` is asked to keep is looked at before it begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from proverom.demo import main


def test_a_report_without_a_folder_is_refused_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--unattended", "--report", str(tmp_path / "none" / "report.json")]) == 2
    assert "there is no folder for the report. Make it" in capsys.readouterr().err


def test_a_folder_that_holds_something_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("keep me", encoding="utf-8")
    assert main(["--unattended", "--keep", str(tmp_path)]) == 2
    assert "the folder is not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
