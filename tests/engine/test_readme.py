"""What the README and the example show is what the code does."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from engine import diagram

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("name", "drawn"), [("phases", diagram.drawn_phases()), ("facts", diagram.fact_table())])
def test_the_readme_shows_the_table_as_it_is(name, drawn):
    readme = (ROOT / "engine" / "README.md").read_text(encoding="utf-8")
    shown = readme.partition(f"<!-- {name}:start -->")[2].partition(f"<!-- {name}:end -->")[0]
    assert shown.strip() == drawn


def test_the_diagram_names_every_phase_and_draws_no_way_out_of_an_end():
    lines = diagram.phase_diagram().splitlines()
    for phase in ("EXPELLED", "LEFT", "RESET"):
        assert not [line for line in lines if line.strip().startswith(f"{phase} -->")]
        assert [line for line in lines if f"--> {phase}" in line]


def test_the_example_prints_a_level(capsys):
    runpy.run_path(str(ROOT / "docs" / "examples" / "one_attempt.py"), run_name="__main__")
    assert capsys.readouterr().out == "B1: 6 correct on first → hard\n"


def test_the_example_takes_a_page():
    source = (ROOT / "docs" / "examples" / "one_attempt.py").read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 80
