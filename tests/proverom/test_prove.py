"""The page of what was tried."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from proverom import prove
from proverom.gate import ROOT
from proverom.prove import Figures, duration, read_figures, table

LINES = "\n".join(
    json.dumps(row)
    for row in (
        {"name": "power cuts", "tried": 100, "first_seed": 7, "seconds": 2.5, "records lost": 0, "held": True},
        {"name": "rooms", "tried": 3, "first_seed": 7, "seconds": 40.0, "kills": 2, "held": True},
        {"name": "rooms", "tried": 4, "first_seed": 99, "seconds": 50.0, "kills": 5, "lost": 1, "held": False},
        {"name": "intervals cover", "tried": 0, "seconds": 0.0, "held": None},
    )
)


def test_figures_of_one_name_are_put_together_and_one_that_failed_fails_them_all() -> None:
    assert read_figures(LINES) == [
        Figures("power cuts", 100, {"records lost": 0}, 2.5, has_held=True),
        Figures("rooms", 7, {"kills": 7, "lost": 1}, 90.0, has_held=False),
        Figures("intervals cover", 0, {}, 0.0, has_held=None),
    ]


def test_the_table_says_what_held_what_did_not_and_what_was_not_run() -> None:
    rows = table(read_figures(LINES)).splitlines()[2:]
    assert rows == [
        "| power cuts | 100 | 0 records lost | 2 s | yes |",
        "| rooms | 7 | 7 kills, 1 lost | 90 s | **NO** |",
        "| intervals cover | 0 |  | 0 s | not run: time was up |",
    ]


def test_a_time_is_said_in_the_unit_a_person_uses() -> None:
    assert [duration(seconds) for seconds in (59.6, 615, 9000)] == ["60 s", "10 min", "2.5 h"]


def test_the_page_and_the_readme_get_the_same_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "README.md").write_text(f"before\n{prove.MARKS[0]}\nold\n{prove.MARKS[1]}\nafter\n")
    monkeypatch.setattr(prove, "ROOT", tmp_path)
    monkeypatch.setattr(prove, "PAGE", tmp_path / "PROOFS.md")
    prove.write_page(read_figures(LINES), seed=7, seconds=92.5)
    said = "1 of 3 proofs held; 107 trials in 92 s, from seed 7"
    for name in ("README.md", "PROOFS.md"):
        text = (tmp_path / name).read_text()
        assert said in text
        assert "| rooms | 7 | 7 kills, 1 lost | 90 s | **NO** |" in text
        assert "old" not in text


def test_a_run_shares_its_time_begins_at_its_seed_and_says_what_it_left_out(tmp_path: Path) -> None:
    """The real command on a folder of four small proofs, one of which fails, one of which cannot be shortened."""
    (tmp_path / "test_small.py").write_text(
        "import time, pytest\n"
        "def test_broken(proof):\n"
        "    with proof('broken', ci=1, full=5) as trial:\n"
        "        for seed in trial.seeds():\n"
        "            assert seed != 43\n"
        "def test_endless(proof):\n"
        "    with proof('endless', ci=1, full=10**9) as trial:\n"
        "        for seed in trial.seeds():\n"
        "            assert seed >= 41\n"
        "            trial.count('lost', 0)\n"
        "            time.sleep(0.01)\n"
        "def test_hasty(proof):\n"
        "    with proof('hasty', ci=40, full=10**9) as trial:\n"
        "        for seed in trial.seeds():\n"
        "            time.sleep(0.01)\n"
        "@pytest.mark.prove\n"
        "def test_that_takes_what_it_takes():\n"
        "    raise AssertionError\n"
        "def test_no_proof():\n"
        "    raise AssertionError\n"
    )
    command = [sys.executable, "-m", "proverom", "prove", "--no-page", "--minutes", "0.02", "--seed", "41"]
    done = subprocess.run(
        [*command, str(tmp_path), "-c", str(ROOT / "pyproject.toml"), "-p", "tests.conftest"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    broken, endless, hasty, left_out = rows
    assert int(endless.split("|")[2].replace(",", "")) < 200
    assert endless.split("|")[3].strip() == "0 lost"
    assert endless.endswith("| yes |")
    assert int(hasty.split("|")[2]) >= 40, "no long form is shorter than the one in CI"
    assert broken.startswith("| broken | 3 |")
    assert broken.endswith("| **NO** |")
    assert left_out == "| that takes what it takes | 0 |  | 0 s | not run: time was up |"
    assert done.returncode == 1


def test_a_time_that_makes_no_sense_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        prove.main(["--minutes", "0"])
    assert "--minutes must be above 0" in capsys.readouterr().err
