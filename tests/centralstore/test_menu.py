"""``./run store``'s list of commands, as a person meets it."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable

import pytest

from centralstore.commands import main
from centralstore.menu import GROUPS, Menu


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[object, str, str]:
    """Exit status, output, and what was said on standard error."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    told = capsys.readouterr()
    return ended.value.code, told.out, told.err


def taken(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Every command that ``store`` takes, with its line."""
    lines: dict[str, str] = {}
    add = Menu.add

    def seen(
        self: Menu, name: str, run: Callable[[argparse.Namespace], int], line: str, folder: str = ""
    ) -> argparse.ArgumentParser:
        lines[name] = line
        return add(self, name, run, line, folder)

    with monkeypatch.context() as patch:
        patch.setattr(Menu, "add", seen)
        with pytest.raises(SystemExit):
            main([])
    return lines


def test_every_command_stands_in_one_group_and_in_the_list_with_its_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    commands = taken(monkeypatch)
    capsys.readouterr()
    assert Counter(name for group in GROUPS for name in group.commands) == Counter([*commands])
    status, told, _ = said(capsys, "--help")
    assert status == 0
    words = " ".join(told.split())
    assert all(f"{name} {line}" in words for name, line in commands.items())
    assert all(f"\n{group.title}:\n" in told for group in GROUPS)
    assert max(map(len, told.splitlines())) <= 100


def test_without_a_command_the_list_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    status, told, wrong = said(capsys)
    assert (status, told) == (2, "")
    assert f"\n{GROUPS[0].title}:\n" in wrong


def test_a_mistyped_command_is_answered_with_the_one_that_is_meant(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "clear-devise", "store") == (
        2, "", "There is no command 'clear-devise'. Is 'clear-device' meant? './run store --help' lists them.\n",
    )  # fmt: skip
    assert said(capsys, "???")[2] == "There is no command '???'. './run store --help' lists them.\n"


def test_an_option_without_a_command_is_no_crash(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "--frob")[0] == 2
    assert "COMMAND" in said(capsys, "--")[2]
