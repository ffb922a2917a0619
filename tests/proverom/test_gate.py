"""What must hold before a change goes in."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest

from proverom import gate
from proverom.gate import ROOT, Check, checks, run_check, summary

PASSES = Check("passes", (sys.executable, "-c", "print('fine')"))
FAILS = Check("fails", (sys.executable, "-c", "print('line 3: wrong'); raise SystemExit(3)"))


def test_the_checks_keep_their_order() -> None:
    assert [check.name for check in checks("uv")] == ["format", "lint", "types", "imports", "lock file", "shell"]


def test_a_check_passes_by_ending_with_nothing_wrong() -> None:
    assert run_check(PASSES).has_passed
    failed = run_check(FAILS)
    assert not failed.has_passed
    assert failed.output == "line 3: wrong\n"


def test_a_program_that_is_not_there_fails_its_check() -> None:
    outcome = run_check(Check("lint", ("/nowhere/ruff",)))
    assert not outcome.has_passed
    assert outcome.output == "'/nowhere/ruff' is not installed; ./run check installs it."


def test_every_check_runs_and_one_failure_fails_all(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def three(_uv: str) -> tuple[Check, ...]:
        return (PASSES, FAILS, Check("last", PASSES.arguments))

    monkeypatch.setattr(gate, "checks", three)
    assert gate.check([]) == 1
    printed = capsys.readouterr().out
    assert "line 3: wrong" in printed
    assert "fine" not in printed
    assert [line.split()[:2] for line in printed.splitlines()[-3:]] == [
        ["passed", "passes"],
        ["FAILED", "fails"],
        ["passed", "last"],
    ]
    assert gate.check(["passes", "last"]) == 0


def test_the_summary_has_a_line_with_the_time_of_each_check() -> None:
    outcome = run_check(PASSES)
    assert summary([outcome]) == f"passed  passes     {outcome.seconds:6.1f} s"


def test_the_pinned_installer_is_a_single_version_with_hashes() -> None:
    lines = [line for line in (ROOT / "deploy/uv.txt").read_text().splitlines() if not line.startswith("#")]
    assert lines[0].startswith("uv==")
    assert all(line.lstrip().startswith("--hash=sha256:") for line in lines[1:])


def test_every_package_that_we_build_on_is_named_in_the_notice() -> None:
    """What is installed but not named would be passed on without its licence."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    needed = [*project["dependencies"], *extras["kiosk"], *extras["store"], *extras["psychometrics"]]
    names = {re.split(r"[<>=!~;\[ ]", requirement)[0].lower().replace("_", "-") for requirement in needed}
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8").lower().replace("_", "-")
    assert sorted(name for name in names if not re.search(rf"\b{re.escape(name)}\b", notice)) == []


def test_each_tool_exception_has_its_reason() -> None:
    """In the list of lint rules left out, every line says why."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    ignored = text.partition("\nignore = [\n")[2].partition("\n]")[0].splitlines()
    assert len(ignored) > 5
    assert [line for line in ignored if "#" not in line] == []


def test_there_is_no_second_place_for_settings() -> None:
    names = ("setup.cfg", "pytest.ini", "ruff.toml", ".ruff.toml", "pyrightconfig.json", ".importlinter", "tox.ini")
    assert [name for name in names if Path(ROOT, name).exists()] == []


def test_help_tells_the_names_of_the_checks_and_checks_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert gate.check(["--help"]) == 0
    assert "format, lint, types, imports, lock file, shell" in capsys.readouterr().out
