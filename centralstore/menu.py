"""``store``'s commands as a person looks for them: grouped by who needs them, and when."""

from __future__ import annotations

import argparse
import difflib
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

PROGRAM: Final = "./run store"
USAGE_STATUS: Final = 2

_NAME_WIDTH: Final = 18
_WIDEST: Final = 110


class Group(NamedTuple):
    """Commands that are needed together, in the order they are needed."""

    title: str
    commands: tuple[str, ...]


GROUPS: Final = (
    Group("The machine and its service", ("init", "run", "backup", "restore", "recovery-key")),
    Group("What the authority has made", ("trust", "add-metadata", "add-release", "add-grants")),
    Group(
        "People and PCs",
        ("import", "token", "devices", "clear-device", "revoke-device", "accept-evidence", "readiness"),
    ),
    Group("The day of a sitting", ("sittings", "day-code", "open", "start", "close", "import-envelopes")),
    Group("Results", ("score", "results", "rescore", "export", "erase")),
    Group("A room without a line", ("public", "lend", "borrow", "forward", "give-back", "take-back", "loans")),
    Group("Evidence for others", ("bundle", "log", "check-log", "witness-init", "witness", "add-witness")),
)
"""Every command stands in one of them."""


class Menu:
    """Takes commands in, parses a command line, and shows what there is."""

    def __init__(self) -> None:
        self._parser = argparse.ArgumentParser(
            prog=PROGRAM,
            usage=f"{PROGRAM} COMMAND DIR …     (DIR: the store's folder)",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            epilog=f"'{PROGRAM} COMMAND --help' tells what a command takes.",
        )
        self._commands = self._parser.add_subparsers(
            prog=PROGRAM, required=True, metavar="COMMAND", help=argparse.SUPPRESS
        )
        self._lines: dict[str, str] = {}

    def add(
        self, name: str, run: Callable[[argparse.Namespace], int], line: str, folder: str = "the store's folder"
    ) -> argparse.ArgumentParser:
        """A command's parser, which takes a folder first.

        Args:
            name: its word, which stands in `GROUPS`.
            run: does it; its exit status.
            line: what it does, in one line.
            folder: what the folder is.
        """
        made = self._commands.add_parser(name, description=line)
        made.add_argument("folder", type=Path, metavar="DIR", help=folder)
        made.set_defaults(run=run)
        self._lines[name] = line
        return made

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """What was asked for; ends the program with a sentence when nothing, or nothing there is."""
        self._parser.description = self._listed(min(shutil.get_terminal_size().columns, _WIDEST))
        if not argv:
            self._parser.print_help(sys.stderr)
            self._parser.exit(USAGE_STATUS)
        name = argv[0]
        if not name.startswith("-") and name not in self._lines:
            near = difflib.get_close_matches(name, self._lines, n=1)
            meant = f" Is '{near[0]}' meant?" if near else ""
            said = f"There is no command '{name}'.{meant} '{PROGRAM} --help' lists them.\n"
            self._parser.exit(USAGE_STATUS, said)
        return self._parser.parse_args(argv)

    def _listed(self, width: int) -> str:
        text = ["Run and look after the central store."]
        for group in GROUPS:
            text += ["", f"{group.title}:"]
            text += [_entry(name, self._lines[name], width) for name in group.commands]
        return "\n".join(text)


def _entry(name: str, line: str, width: int) -> str:
    begin = f"  {name:<{_NAME_WIDTH}}"
    return textwrap.fill(line, width, initial_indent=begin, subsequent_indent=" " * len(begin))
