"""Every output in docs/psychometrics.md is what its command prints; run as a script, this module writes them anew."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[2]
HANDBOOK = ROOT / "docs" / "psychometrics.md"
BLOCK = re.compile(r"```sh(?: show=(\d+))?\n(.*?)\n```(?:\n```text\n(.*?)```)?", re.DOTALL)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
UNITS_IN_THE_LAST_PLACE = 2
MORE = "…"


@dataclass(frozen=True)
class Step:
    """A command of the handbook with the output that stands below it (None: nothing does)."""

    command: str
    show: int | None
    printed: str | None


def steps(text: str) -> list[Step]:
    return [
        Step(command, int(show) if show else None, printed if "```text" in whole else None)
        for whole, show, command, printed in ((m.group(0), *m.groups()) for m in BLOCK.finditer(text))
    ]


def run(command: str) -> str:
    """Run `./run NAME ARGUMENTS` in this process, or copy a folder; built sound is not needed here."""
    words = shlex.split(command)
    if words[:2] == ["cp", "-r"]:
        shutil.copytree(words[2], words[3], ignore=shutil.ignore_patterns("build"))
        return ""
    assert words[0] == "./run"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = import_module(f"psychometrics.commands.{words[1]}").main(words[2:])
    assert code == 0, command
    return printed.getvalue()


def shortened(output: str, show: int | None) -> str:
    lines = [line.rstrip() for line in output.splitlines()]
    kept = lines if show is None or len(lines) <= show else [*lines[:show], MORE]
    return "\n".join(kept) + "\n"


@contextlib.contextmanager
def workplace(folder: Path) -> Generator[None]:
    """A folder that looks like the repository's root, with a `work` folder of its own."""
    for name in ("banks", "docs"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "work").mkdir()
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def differences(found: str, printed: str) -> list[str]:
    """Lines that say something else; numbers may differ in their last place, as rounding of another machine does."""
    pairs = zip(found.splitlines(), printed.splitlines(), strict=False)
    wrong = [f"{new!r} where the handbook has {old!r}" for new, old in pairs if not same(new, old)]
    if len(found.splitlines()) != len(printed.splitlines()):
        wrong.append(f"{len(found.splitlines())} lines where the handbook has {len(printed.splitlines())}")
    return wrong


def same(new: str, old: str) -> bool:
    if NUMBER.sub("#", new).split() != NUMBER.sub("#", old).split():
        return False
    return all(near(x, y) for x, y in zip(NUMBER.findall(new), NUMBER.findall(old), strict=True))


def near(new: str, old: str) -> bool:
    places = len(old.partition(".")[2])
    return places == len(new.partition(".")[2]) and abs(float(new) - float(old)) <= (
        UNITS_IN_THE_LAST_PLACE * 10.0**-places if places else 0
    ) * (1 + 1e-9)


def test_every_output_in_the_handbook_is_what_its_command_prints(tmp_path: Path) -> None:
    found = steps(HANDBOOK.read_text(encoding="utf-8"))
    assert len(found) >= 10
    wrong: list[str] = []
    with workplace(tmp_path):
        for step in found:
            output = run(step.command)
            if step.printed is not None:
                wrong += [f"{step.command}: {line}" for line in differences(shortened(output, step.show), step.printed)]
        reports = sorted(path.name for path in Path("work").glob("*.html"))
    assert wrong == []
    assert reports == ["assembly.html", "dif.html", "evaluation.html", "fit.html", "link.html"]


def test_the_comparison_sees_a_changed_figure_and_a_changed_word() -> None:
    assert same("accuracy 0.7341, kappa 0.52", "accuracy  0.7342, kappa 0.52")
    assert not same("accuracy 0.7341", "accuracy 0.7361")
    assert not same("class C", "class B")
    assert not same("56 items", "57 items")


def rewrite() -> None:
    """Put what the commands print now into the handbook."""
    text = HANDBOOK.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder, workplace(Path(folder)):

        def filled(match: re.Match[str]) -> str:
            show, command, printed = match.groups()
            output = run(command)
            if printed is None:
                return match.group(0)
            head = f"```sh show={show}" if show else "```sh"
            return f"{head}\n{command}\n```\n```text\n{shortened(output, int(show) if show else None)}```"

        HANDBOOK.write_text(BLOCK.sub(filled, text), encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    rewrite()
