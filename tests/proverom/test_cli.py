"""The table of commands and what it calls."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from proverom import cli
from proverom.cli import TABLE, Command, main, read_commands, usage

COMMANDS = read_commands(TABLE.read_text(encoding="utf-8"))
PROMISED = (
    *("demo", "test", "check", "bench", "rules", "prove", "bank", "store", "kiosk", "verify", "export", "rescore"),
    *("calibrate", "score", "fit", "dif", "link", "assemble", "simulate", "evaluate", "docs"),
)


def test_every_promised_command_is_in_the_table() -> None:
    assert tuple(COMMANDS) == PROMISED


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_command_is_there_to_be_called_or_says_so_in_one_sentence(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    if command.missing is None:
        assert callable(command.load())
    else:
        assert main([command.name]) == 2
        assert capsys.readouterr().err == (
            f"proverom: '{command.name}' is not part of this installation: {command.module} is missing.\n"
        )
        assert f"\n  {command.name} " not in usage(COMMANDS)


def test_a_wheel_has_no_tests_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "TABLE", tmp_path / "proverom" / "commands.txt")
    assert COMMANDS["test"].missing == "the source folder"
    assert COMMANDS["bank"].missing != "the source folder"


def test_without_arguments_the_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert listed == [command.name for command in COMMANDS.values() if command.missing is None]
    assert {"test", "check", "rules", "bench"} <= set(listed)


def test_an_unknown_command_is_called_wrongly(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dmeo"]) == 2
    assert "there is no command 'dmeo'" in capsys.readouterr().err


def test_arguments_and_exit_status_pass_through(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "spelling"]) == 2
    assert "there is no check 'spelling'" in capsys.readouterr().err


def test_starting_imports_no_package_that_is_not_called() -> None:
    code = (
        "import sys; from proverom.cli import main; main([]); "
        "heavy = {'PySide6', 'numpy', 'fastapi', 'engine', 'kiosk', 'centralstore', 'psychometrics'}; "
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
