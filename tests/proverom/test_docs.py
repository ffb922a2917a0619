"""What the documents say is there is there, and what they tell people to type works."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from proverom.cli import TABLE, read_commands
from proverom.cli import main as run

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "*/README.md", "sync/*.md")
    for path in ROOT.glob(pattern)
    if not path.parts[-2].startswith(".")
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PATIENCE_S = 60.0


def slugs(text: str) -> set[str]:
    """The anchors that a Markdown page's headings make (as GitHub makes them)."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_local_link_and_picture_is_there(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        there = page.parent / name if name else page
        assert there.exists(), f"{target} is not there"
        if anchor:
            assert anchor in slugs(there.read_text(encoding="utf-8")), f"{target}: no such heading"


def test_the_readme_shows_reading_listening_and_the_room() -> None:
    pictures = re.findall(r"!\[([^\]]+)\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert {Path(path).name for _, path in pictures} >= {"07-reading.png", "09-listening.png", "room-board.png"}
    assert all(len(words) > 20 for words, _ in pictures), "every picture is told in words"


def named_commands() -> list[tuple[str, ...]]:
    """Every command that README.md names, with its first word after it where the command has commands of its own."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = {match.groups() for match in re.finditer(r"\./run (\w+)(?: ([a-z][\w-]*))?", text)}
    found = {(name, second) for name, second in found if name != "test"}  # this is it
    return sorted((name, second) if name in {"bank", "store"} and second else (name,) for name, second in found)


@pytest.mark.parametrize("words", named_commands(), ids=" ".join)
def test_every_command_that_the_readme_names_is_there(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert words[0] in read_commands(TABLE.read_text(encoding="utf-8"))
    try:
        status: object = run([*words, "--help"])
    except SystemExit as ended:
        status = ended.code
    assert status == 0
    assert capsys.readouterr().out.startswith(f"usage: ./run {words[0]}")


# --- docs/sitting.md --------------------------------------------------------------------------------------------------


class Walk:
    """Does what docs/sitting.md says, in a folder of its own and with a free port."""

    def __init__(self, site: Path) -> None:
        self.site = site
        self.names = {"site/": f"{site}/", "--port 8443": "--port 0"}
        self.service: subprocess.Popen[str] | None = None

    def command(self, line: str, capsys: pytest.CaptureFixture[str]) -> str:
        """One line of a block; what it printed."""
        for name, value in self.names.items():
            line = line.replace(name, value)
        words = shlex.split(line)
        assert words[0] == "./run", line
        if words[1:3] == ["store", "run"]:
            return self._serve(words)
        if words[1] == "kiosk":
            return self._enrol(words, capsys)
        if words[1:3] == ["store", "score"]:
            self.stop()
        status = run(words[1:])
        told = capsys.readouterr()
        assert status == (1 if words[2] == "readiness" else 0), (line, told.err)
        return told.out

    def _serve(self, words: list[str]) -> str:
        command = [sys.executable, "-m", "proverom", *words[1:]]
        self.service = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.service.stdout is not None
        told = self.service.stdout.readline()
        self.names["https://127.0.0.1:8443"] = re.findall(r"https://\S+", told)[0]
        return told

    def _enrol(self, words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
        """Start the exam window where nobody sees it, until the store knows the PC."""
        environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
        kiosk = subprocess.Popen([sys.executable, "-m", "proverom", *words[1:]], cwd=ROOT, env=environment)
        try:
            deadline = time.monotonic() + PATIENCE_S
            while time.monotonic() < deadline:
                assert run(["store", "devices", str(self.site / "store")]) == 0
                if known := re.search(r"pc-\w+", capsys.readouterr().out):
                    self.names[" PC"] = f" {known[0]}"
                    return known[0]
                assert kiosk.poll() is None, "the kiosk ended"
        finally:
            kiosk.terminate()
            kiosk.wait(timeout=60)
        raise AssertionError("the PC did not enrol")

    def stop(self) -> None:
        """Stop the service, if it runs."""
        service, self.service = self.service, None
        if service is not None:
            service.terminate()
            service.wait(timeout=60)
            assert service.stdout is not None
            service.stdout.close()


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    """A folder as `site`, with the files that the page shows."""
    text = (ROOT / "docs" / "sitting.md").read_text(encoding="utf-8")
    site = tmp_path / "site"
    site.mkdir()
    people = next(body for kind, body in BLOCK.findall(text) if kind == "csv")
    today = datetime.now(UTC).date().isoformat()
    (site / "people.csv").write_text(re.sub(r"\d{4}-\d\d-\d\d", today, people), encoding="utf-8")
    corrected = re.search(r'`(\{"D-R01".*\})`', text)
    assert corrected is not None
    (site / "corrected.json").write_text(corrected[1], encoding="utf-8")
    made = Walk(site)
    yield made
    made.stop()


@pytest.mark.timeout(600)
def test_a_sitting_from_nothing_goes_as_the_page_says(walk: Walk, capsys: pytest.CaptureFixture[str]) -> None:
    """Building the clips takes minutes where `bank build` never ran."""
    text = (ROOT / "docs" / "sitting.md").read_text(encoding="utf-8")
    lines = [line for kind, body in BLOCK.findall(text) if kind == "sh" for line in body.splitlines()]
    # nobody sits here, so there is nothing to score again: test_loop.py does that with many
    lines = [line for line in lines if not line.startswith("./run rescore")]
    told: dict[str, str] = {}
    for line in lines:
        told[line] = walk.command(line, capsys)
        if " token " in line:
            walk.names["TOKEN"] = told[line].split()[-1]
    said = {" ".join(line.split()[1:3]): words for line, words in told.items()}
    assert "2 accounts, 2 candidates, 1 sittings, 2 places" in said["store import"]
    assert "1 grants for sitting s1" in said["bank grant"]
    assert "NOT TESTED" in said["store readiness"]
    assert re.fullmatch(r"\d{4}\n", said["store day-code"])
    assert "0 attempts scored" in said["store score"]
    assert (walk.site / "export" / "codebook.md").exists()
