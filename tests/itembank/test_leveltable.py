"""The level table follows from cut scores and parameters, checked against a sum over every answer pattern."""

from __future__ import annotations

import json
import math
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.check import check_panel
from engine.panel import AbilityScale, Panel, parse_panel
from itembank.bank import read_bank
from itembank.commands import main
from itembank.forms import engine_panel
from itembank.leveltable import level_table

LEVELS = ["low", "middle", "high"]


def panel_of(parameters: list[tuple[float, float]], cut: int) -> Panel:
    """First module of two items, then one of two final modules of two items each."""
    items = [f"I-{number}" for number in range(6)]
    plain = {
        "id": "p",
        "part": "reading",
        "levels": LEVELS,
        "first": "R",
        "modules": [
            {"id": "R", "kind": "routing", "items": items[:2]},
            {"id": "F1", "kind": "final", "items": items[2:4]},
            {"id": "F2", "kind": "final", "items": items[4:]},
        ],
        "routing_basis": "module",
        "routing": {
            "R": [{"low": 0, "high": cut - 1, "target": "F1"}, {"low": cut, "high": 2, "target": "F2"}],
        },
        "level_table": [],
        "items": [
            {
                "id": item,
                "level": "low",
                "key": {"kind": "choice", "correct": ["a"]},
                "max_score": 1,
                "is_scored": True,
                "parameters": {"model": "2pl", "a": a, "b": b},
                "listening": None,
            }
            for item, (a, b) in zip(items, parameters, strict=True)
        ],
        "scale": {"cuts": [-0.5, 0.5], "prior_mean": 0.0, "prior_sd": 1.0},
    }
    return parse_panel(plain, "p")


def by_pattern(parameters: list[tuple[float, float]], cut: int, final: int, total: int) -> float | None:
    """Posterior mean of theta given route and total, summing the likelihood of every answer pattern one by one."""
    nodes = [-6 + 0.1 * k for k in range(121)]
    taken = [*parameters[:2], *parameters[2 * final : 2 * final + 2]]
    masses = [0.0] * len(nodes)
    for pattern in product((0, 1), repeat=4):
        goes_high = pattern[0] + pattern[1] >= cut
        if sum(pattern) != total or goes_high != (final == 2):
            continue
        for place, theta in enumerate(nodes):
            likelihood = math.exp(-theta * theta / 2)
            for score, (a, b) in zip(pattern, taken, strict=True):
                right = 1 / (1 + math.exp(-a * (theta - b)))
                likelihood *= right if score else 1 - right
            masses[place] += likelihood
    if sum(masses) == 0.0:
        return None
    return sum(theta * mass for theta, mass in zip(nodes, masses, strict=True)) / sum(masses)


parameters_of_six = st.lists(st.tuples(st.floats(0.7, 1.6), st.floats(-2.0, 2.2)), min_size=6, max_size=6)


@given(parameters_of_six, st.integers(1, 2))
def test_levels_are_where_the_mean_over_all_answer_patterns_lies(parameters: list, cut: int) -> None:
    panel = panel_of(parameters, cut)
    assert panel.scale is not None
    for row in level_table(panel, panel.scale, {}):
        final = 2 if row.route[1] == "F2" else 1
        for total, level in enumerate(row.levels):
            mean = by_pattern(parameters, cut, final, total)
            if mean is None or min(abs(mean - each) for each in panel.scale.cuts) < 1e-3:
                continue  # excluded by the route, or too near a cut for a sum over fewer nodes
            assert level == LEVELS[sum(mean >= each for each in panel.scale.cuts)]


@given(parameters_of_six, st.integers(1, 2), st.floats(-2, 0), st.floats(0.1, 2))
def test_rows_are_complete_and_never_fall(parameters: list, cut: int, low: float, high: float) -> None:
    panel = panel_of(parameters, cut)
    for row in level_table(panel, AbilityScale((low, high), 0.0, 1.0), {}):
        places = [LEVELS.index(level) for level in row.levels]
        assert len(places) == 5
        assert places == sorted(places)


@given(parameters_of_six)
def test_no_level_is_above_what_a_final_module_can_give(parameters: list) -> None:
    panel = panel_of(parameters, 1)
    for row in level_table(panel, AbilityScale((-9.0, -8.0), 0.0, 1.0), {"F1": "middle"}):
        assert set(row.levels) == ({"middle"} if row.route[1] == "F1" else {"high"})


def test_the_command_writes_the_table_that_the_demo_has(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("reading-demo", "listening-demo"):
        path = demo / f"panels/{name}.json"
        before = path.read_text(encoding="utf-8")
        wrong = json.loads(before)
        wrong["level_table"] = wrong["level_table"][:1]
        path.write_text(json.dumps(wrong), encoding="utf-8")
        assert main(["table", str(path)]) == 0
        assert path.read_text(encoding="utf-8") == before
    assert "RM1 → RM2 → RM3 → FM-B1B2" in capsys.readouterr().out
    bank = read_bank(demo)
    check_panel(engine_panel(bank, bank.panels["reading-demo"]), bank.programmes["norskprove-demo"])


def test_a_panel_without_cut_scores_has_no_table_to_work_out(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = demo / "panels/reading-demo.json"
    plain = json.loads(path.read_text(encoding="utf-8"))
    del plain["cuts"]
    path.write_text(json.dumps(plain), encoding="utf-8")
    assert main(["table", str(path)]) == 1
    assert "there are no cut scores. Set them." in capsys.readouterr().err


def test_items_without_parameters_have_no_table(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = demo / "items/D-R01/item.json"
    plain = json.loads(path.read_text(encoding="utf-8"))
    del plain["parameters"]
    path.write_text(json.dumps(plain), encoding="utf-8")
    assert main(["table", str(demo / "panels/reading-demo.json")]) == 1
    assert "'D-R01' has no parameters" in capsys.readouterr().err


def test_a_file_that_is_no_panel_is_refused(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", str(demo / "panels/none.json")]) == 1
    assert "it is not a panel of a bank" in capsys.readouterr().err
