"""The command line: one table of commands, each imported only when it is called."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias, cast

TABLE = Path(__file__).with_name("commands.txt")
NEED_SOURCES = frozenset(
    {"proverom.gate", "proverom.prove", "proverom.rules", "proverom.benchtable", "proverom.screens"}
)
USAGE_STATUS = 2

Main: TypeAlias = Callable[[Sequence[str]], int | None]


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its name, the system package groups it needs, what it calls, and one line about it."""

    name: str
    groups: tuple[str, ...]
    module: str
    function: str
    line: str

    @property
    def missing(self) -> str | None:
        """What this installation lacks to run it: a module, or the source folder (a wheel has none), if anything."""
        if self.module in NEED_SOURCES and not (TABLE.parent.parent / "pyproject.toml").exists():
            return "the source folder"
        package, *inner = self.module.split(".")
        spec = find_spec(package)  # of the package alone: asking for the module would import everything above it
        folders = (spec and spec.submodule_search_locations) or []
        paths = [Path(folder, *inner) for folder in folders]
        return None if any(path.with_suffix(".py").exists() or path.is_dir() for path in paths) else self.module

    def load(self) -> Main:
        """Import the function that does the work."""
        return cast("Main", getattr(import_module(self.module), self.function))


def read_commands(table: str) -> Mapping[str, Command]:
    """The commands of a table as in `commands.txt`, by name, in the table's order."""
    commands: dict[str, Command] = {}
    for row in table.splitlines():
        if not row or row.startswith("#"):
            continue
        name, groups, target, line = row.split("|")
        module, function = target.split(":")
        commands[name] = Command(name, tuple(groups.split()), module, function, line)
    return commands


def usage(commands: Mapping[str, Command]) -> str:
    """The commands that are there, one line each."""
    lines = [f"  {command.name:<10} {command.line}" for command in commands.values() if not command.missing]
    return "\n".join(
        ["Usage: ./run COMMAND [ARGUMENTS]     (./run COMMAND --help tells more)", *lines],
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that `argv` names and answer its exit status (0 = done, 2 = called wrongly)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    commands = read_commands(TABLE.read_text(encoding="utf-8"))
    if not arguments or arguments[0] in {"help", "-h", "--help"}:
        print(usage(commands))
        return 0
    name, *rest = arguments
    command = commands.get(name)
    if command is None:
        print(f"proverom: there is no command '{name}'; call it without arguments for the list.", file=sys.stderr)
        return USAGE_STATUS
    if command.missing:
        print(f"proverom: '{name}' is not part of this installation: {command.missing} is missing.", file=sys.stderr)
        return USAGE_STATUS
    try:
        return command.load()(rest) or 0
    except KeyboardInterrupt:
        print(f"\nproverom: '{name}' was stopped.", file=sys.stderr)
        return 130
