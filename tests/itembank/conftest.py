"""The demo's part of the sample bank, in a folder of its own that a test may break."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from itembank.bank import Bank, read_bank
from itembank.checks import narrowed
from itembank.clips import build_clips, find_clip, scripts
from itembank.errors import ClipMissingError, SpeechError
from itembank.keyring import KeyFolder

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "banks" / "norskprove-sample"
NAME = "norskprove-sample"
RELEASE = "norskprove-demo"


def demo_files(bank: Bank) -> list[Path]:
    """The files that the demo release draws on, below the sample bank's folder."""
    demo = narrowed(bank, bank.releases[RELEASE])
    return [
        Path("bank.json"),
        *(Path("items", name, "item.json") for name in demo.items),
        *(Path("stimuli", name, "stimulus.json") for name in demo.stimuli),
        *(Path("tasks", name, "task.json") for name in demo.tasks),
        *(Path("panels", f"{name}.json") for name in demo.panels),
        *(Path("task-sets", f"{name}.json") for name in demo.task_sets),
        Path("programmes", f"{RELEASE}.json"),
        Path("releases", f"{RELEASE}.json"),
        *(path.relative_to(SAMPLE) for folder in ("texts", "pictures") for path in (SAMPLE / folder).iterdir()),
    ]


@pytest.fixture(scope="session")
def whole_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's bank with its clips built; never to be changed."""
    sample = read_bank(SAMPLE)
    folder = tmp_path_factory.mktemp("bank") / NAME
    for file in demo_files(sample):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SAMPLE / file, folder / file)
    bank = read_bank(folder)
    bank.build_folder.mkdir()
    for script in scripts(bank):  # what is built already need not be spoken again
        try:
            built = find_clip(sample, script)
        except ClipMissingError:
            continue
        shutil.copy(built.path, bank.build_folder)
        shutil.copy(built.path.with_suffix(".json"), bank.build_folder)
    if any(not (bank.build_folder / path.name).exists() for path in _wanted(bank)) and not shutil.which("espeak-ng"):
        pytest.skip("clips are not built and espeak-ng is not installed")
    build_clips(bank)
    return folder


def _wanted(bank: Bank) -> list[Path]:
    wanted: list[Path] = []
    for script in scripts(bank):
        try:
            wanted.append(find_clip(bank, script).path)
        except ClipMissingError:
            wanted.append(Path("missing"))
    return wanted


@pytest.fixture
def demo(whole_demo: Path, tmp_path: Path) -> Path:
    """A copy of the demo's bank that the test may break; its clips are links."""
    folder = tmp_path / NAME
    shutil.copytree(whole_demo, folder, ignore=shutil.ignore_patterns("build"))
    (folder / "build").mkdir()
    for path in (whole_demo / "build").iterdir():
        (folder / "build" / path.name).symlink_to(path)
    return folder


@pytest.fixture(scope="session")
def built_sample() -> Bank:
    """The whole sample bank with its clips: built here when they are missing, at once when `bank build` has run."""
    bank = read_bank(SAMPLE)
    try:
        build_clips(bank)
    except SpeechError as error:
        pytest.skip(str(error))
    return bank


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyFolder:
    """An authority's keys for demos: one custodian."""
    folder = KeyFolder(tmp_path_factory.mktemp("keys") / "authority")
    folder.create(custodians=1, needed=1)
    return folder
