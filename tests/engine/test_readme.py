"""What the README and the example show is what the code does."""

from __future__ import annotations

import runpy
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from engine import diagram
from engine.events import Answered, Warned
from tests.strategies import MINUTE_MS, running

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


def test_the_order_that_the_readme_asks_for_takes_in_what_is_due_first():
    readme = (ROOT / "engine" / "README.md").read_text(encoding="utf-8")
    lines = readme.partition("then what happened now.**\n\n")[2].partition("\n\n")[0]
    run = running()
    names: dict[str, Any] = {"attempt": run.attempt, "journal": [], "now_ms": 61 * MINUTE_MS, "Answered": Answered}
    exec(dedent(lines), names)  # noqa: S102  the README's own lines
    assert names["journal"] == [
        Warned(60 * MINUTE_MS, 15 * MINUTE_MS),
        Answered(61 * MINUTE_MS, "RM1-1", ("B",)),
    ]
    assert names["attempt"].responses == {"RM1-1": ("B",)}


def test_the_example_prints_a_level(capsys):
    runpy.run_path(str(ROOT / "docs" / "examples" / "one_attempt.py"), run_name="__main__")
    assert capsys.readouterr().out == "B1: 6 correct on first → hard\n"


def test_the_example_takes_a_page():
    source = (ROOT / "docs" / "examples" / "one_attempt.py").read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 80
