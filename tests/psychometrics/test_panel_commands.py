"""The commands fit, dif, link, assemble, simulate and evaluate: what they write, and how they refuse."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from psychometrics.commands import assemble, dif, evaluate, fit, link, simulate
from psychometrics.data import read_design, read_responses
from psychometrics.items import ItemParameters, read_parameters, write_parameters
from tests.psychometrics.published import GOLDEN, read_matrix

ROOT = Path(__file__).parents[2]
IRT = ROOT / "tests" / "golden" / "irt"
BANK = ROOT / "banks" / "norskprove-sample"
PANEL = BANK / "panels" / "reading-demo.json"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def write_forms(folder: Path) -> tuple[str, str]:
    """Kolen and Brennan's forms as params.csv; common items share their ids."""
    common = {int(line[0]) - 1 for line in read_matrix("kb04_common.csv")}
    table = read_matrix("kb04_3pl_formX_formY.csv")
    paths = []
    for name, at in (("X", 0), ("Y", 3)):
        items = [
            ItemParameters(f"c{k}" if k in common else f"{name}{k}", "3pl", r[at], (r[at + 1],), r[at + 2])
            for k, r in enumerate(table)
        ]
        paths.append(str(folder / f"{name}.csv"))
        write_parameters(paths[-1], items)
    return paths[0], paths[1]


def test_link_prints_and_writes_the_published_constants(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new, base = write_forms(tmp_path)
    out, equated = tmp_path / "linked.csv", tmp_path / "equated.csv"
    assert link.main([new, base, "--out", str(out), "--equate", str(equated)]) == 0
    printed = capsys.readouterr().out
    assert "stocking-lord *  1.119231    -0.485545" in printed
    assert "haebara          1.112133    -0.465667" in printed
    content = json.loads(out.with_suffix(".json").read_text())
    assert content["slope"] == pytest.approx(1.119231, abs=1e-6)
    assert content["theta_weights"] == "40 equally weighted thetas from -4 to 4"
    moved, original = read_parameters(out), read_parameters(new)
    assert moved[0].b[0] == pytest.approx(content["slope"] * original[0].b[0] + content["intercept"])
    assert len(rows(equated)) == 37


def test_dif_of_a_plain_file_gives_the_published_numbers(tmp_path: Path) -> None:
    out = tmp_path / "dif.csv"
    verbal = str(GOLDEN / "verbal_difR_316x26.csv")
    assert dif.main([verbal, "--groups", "Gender", "--focal", "1", "--ignore", "Anger", "--out", str(out)]) == 0
    found = {row["item"]: row for row in rows(out)}
    assert float(found["S2WantShout"]["mh_chi2"]) == pytest.approx(9.6032, abs=5e-5)
    assert found["S2WantShout"]["mh_class"] == "C"
    assert float(found["S2DoScold"]["logistic"]) == pytest.approx(10.2622, abs=5e-5)


def test_fit_of_weighted_patterns_gives_the_published_numbers(tmp_path: Path) -> None:
    """LSAT7 as pattern counts: each row stands for as many persons as `freq` says."""
    truth = json.loads((IRT / "truth_ml.json").read_text())["lsat7 2PL"]
    names = [f"Item.{k}" for k in range(1, 6)]
    header = (IRT / "lsat7_patterns.csv").read_text().splitlines()[0].replace('"', "").split(",")
    items = [ItemParameters(n, "2pl", a, (b,)) for n, a, b in zip(header[:5], truth["a"], truth["b"], strict=True)]
    write_parameters(tmp_path / "p.csv", items)
    out, persons = tmp_path / "fit.csv", tmp_path / "persons.csv"
    arguments = [
        "--weights",
        header[5],
        "--params",
        str(tmp_path / "p.csv"),
        "--out",
        str(out),
        "--persons",
        str(persons),
    ]
    assert fit.main([str(IRT / "lsat7_patterns.csv"), *arguments]) == 0
    summary = json.loads(out.with_suffix(".json").read_text())
    assert summary["m2"]["all items"]["m2"] == pytest.approx(11.93841, abs=6e-6)
    assert [round(float(row["s_x2"]), 5) for row in rows(out)] == [4.75054, 14.45345, 1.27266, 5.23648, 0.94094]
    assert len(rows(persons)) == summary["n_persons"] == 1000
    assert len(names) == 5


def test_fit_tells_how_options_drew(tmp_path: Path) -> None:
    write_parameters(tmp_path / "p.csv", [ItemParameters(f"q{k}", "2pl", 1.0, (0.0,)) for k in range(3)])
    lines = ["q0,q1,q2", *(["1,1,0"] * 6), *(["0,1,0"] * 5), *(["1,0,1"] * 6), *(["0,0,1"] * 4)]
    (tmp_path / "r.csv").write_text("\n".join(lines))
    (tmp_path / "c.csv").write_text("\n".join(["q0,q1,q2", *(["A,B,C"] * 6), *(["D,B,C"] * 5), *(["A,C,A"] * 10)]))
    (tmp_path / "k.csv").write_text("item,key\nq0,A\nq1,B\nq2,A\n")
    paths = {name: str(tmp_path / f"{name}.csv") for name in ("r", "p", "c", "k", "out", "d")}
    code = fit.main([
        paths["r"], "--params", paths["p"], "--choices", paths["c"], "--key", paths["k"], "--distractors", paths["d"],
        "--out", paths["out"],
    ])  # fmt: skip
    assert code == 0
    shares = {(row["item"], row["option"]): float(row["share"]) for row in rows(Path(paths["d"]))}
    assert shares["q0", "D"] == pytest.approx(5 / 21)
    assert shares["q1", "B"] == pytest.approx(11 / 21)


def test_simulate_is_the_same_for_the_same_seed_and_knows_the_panels_design(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("one.csv", "two.csv", "other.csv")]
    design, people = tmp_path / "design.csv", tmp_path / "people.csv"
    for path, seed in zip(paths, ("3", "3", "4"), strict=True):
        arguments = ["-n", "300", "--seed", seed, "--design", str(design), "--people", str(people), "--out", str(path)]
        assert simulate.main([str(PANEL), *arguments]) == 0
    one, two, other = (read_responses(path) for path in paths)
    np.testing.assert_array_equal(one.scores, two.scores)
    assert not np.array_equal(one.scores, other.scores)
    routes = {route.name for route in read_design(design).routes()}
    assert {row["route"] for row in rows(people)} <= routes
    assert {row["level"] for row in rows(people)} <= {"below_A1", "A1", "A2", "B1", "B2"}


def test_evaluate_finds_the_banks_own_level_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The bank makes its table with the engine's scalar formulas; ours is computed in bulk."""
    out, report = tmp_path / "e.csv", tmp_path / "e.html"
    assert evaluate.main([str(PANEL), "--out", str(out), "--report", str(report)]) == 0
    summary = json.loads(out.with_suffix(".json").read_text())
    assert summary["level_table_agrees"] is True
    assert "by the engine's panel" in capsys.readouterr().out
    table = rows(out)
    assert len(table) == 81
    for row in table:
        levels = sum(float(row[f"P({level})"]) for level in ("below_A1", "A1", "A2", "B1", "B2"))
        assert levels == pytest.approx(1.0, abs=1e-8)
    assert report.read_text(encoding="utf-8").count("<svg") == 5


def test_carrying_to_another_scale_and_back_changes_no_figure(tmp_path: Path) -> None:
    """The panel on a scale where theta_bank = 1.25 theta - 0.4, with a linking that is known exactly."""
    bank, moved = tmp_path / "bank.csv", tmp_path / "moved.csv"
    arguments = ["--true-params", str(bank), "-n", "5", "--seed", "1", "--out", str(tmp_path / "r.csv")]
    assert simulate.main([str(PANEL), *arguments]) == 0
    write_parameters(
        moved,
        [ItemParameters(i.item_id, "2pl", i.a * 1.25, ((i.b[0] + 0.4) / 1.25,)) for i in read_parameters(bank)],
    )
    assert link.main([str(moved), str(bank), "--out", str(tmp_path / "linked.csv")]) == 0
    here, there = tmp_path / "here.csv", tmp_path / "there.csv"
    assert evaluate.main([str(PANEL), "--out", str(here)]) == 0
    line = str(tmp_path / "linked.json")
    assert evaluate.main([str(PANEL), "--params", str(moved), "--link", line, "--out", str(there)]) == 0
    one, two = (json.loads(path.with_suffix(".json").read_text()) for path in (here, there))
    assert two["accuracy"] == pytest.approx(one["accuracy"], abs=5e-4)
    assert two["kappa"] == pytest.approx(one["kappa"], abs=1e-6)


POOL_SPECIFICATION = """
id = "small"
part = "reading"
levels = ["low", "high"]
cuts = [0.0]
first = "R"
panels = 2
seconds_limit = 5
[graph]
R = ["E", "H"]
[modules]
R = { kind = "routing", items = [4, 4], best_at = [0.0] }
E = { kind = "final", items = [4, 4], best_at = [-1.0] }
H = { kind = "final", items = [4, 4], best_at = [1.0] }
"""


def pool(folder: Path) -> list[str]:
    items = [ItemParameters(f"i{k}", "2pl", 1.0 + 0.02 * k, (-1.5 + 0.1 * k,)) for k in range(30)]
    write_parameters(folder / "params.csv", items)
    (folder / "items.csv").write_text("item,level\n" + "\n".join(f"{i.item_id},A2" for i in items))
    (folder / "spec.toml").write_text(POOL_SPECIFICATION)
    return ["--params", str(folder / "params.csv"), "--items", str(folder / "items.csv"), "--tries", "1"]


def test_assemble_writes_panel_files_that_evaluate_and_simulate_take(tmp_path: Path) -> None:
    out = tmp_path / "panels"
    spec = str(tmp_path / "spec.toml")
    arguments = pool(tmp_path)
    assert assemble.main([spec, *arguments, "--out", str(out), "--report", str(tmp_path / "a.html")]) == 0
    files = sorted(path.name for path in out.glob("small-?.json"))
    assert files == ["small-1.json", "small-2.json"]
    one, two = (json.loads((out / name).read_text()) for name in files)
    chosen = [{i for module in panel["modules"].values() for i in module["items"]} for panel in (one, two)]
    assert len(chosen[0]) == len(chosen[1]) == 12
    assert not chosen[0] & chosen[1]
    panel = str(out / "small-1.json")
    params = ["--params", str(tmp_path / "params.csv")]
    assert evaluate.main([panel, *params, "--out", str(tmp_path / "e.csv")]) == 0
    assert json.loads((tmp_path / "e.json").read_text())["level_table_agrees"] is True
    assert simulate.main([panel, *params, "-n", "50", "--seed", "1", "--out", str(tmp_path / "r.csv")]) == 0


REFUSALS = {
    "unknown module": ("H = {", "Q = {", r"field 'graph.R': there is no module 'H'. Add it to modules"),
    "final that leads on": ('E = { kind = "final"', 'E = { kind = "routing"', "field 'modules.E.kind': it is routing"),
    "unknown field": ("panels = 2", "panel = 2", "field 'panel': Extra inputs are not permitted"),
    "too much": (
        "items = [4, 4], best_at = [1.0]",
        "items = [40, 44]",
        "No panel keeps all demands. .*40 to 44 items in H",
    ),
    "unreachable": ("cuts = [0.0]", "cuts = [9.0]", "No answer pattern earns high"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_specification_that_cannot_be_kept_is_refused_in_a_sentence(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import re

    old, new, sentence = REFUSALS[name]
    arguments = pool(tmp_path)
    (tmp_path / "spec.toml").write_text(POOL_SPECIFICATION.replace(old, new))
    assert assemble.main([str(tmp_path / "spec.toml"), *arguments, "--out", str(tmp_path / "o")]) == 2
    told = capsys.readouterr().err
    assert re.search(sentence, told)
    assert "Traceback" not in told


def test_files_that_are_not_there_or_do_not_fit_are_told_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "o.csv")
    (tmp_path / "r.csv").write_text("a,b\n1,0\n")
    write_parameters(tmp_path / "p.csv", [ItemParameters("z", "2pl", 1.0, (0.0,))])
    cases = (
        (evaluate.main, [str(tmp_path / "none.json"), "--out", out], "none.json cannot be read"),
        (fit.main, [str(tmp_path / "r.csv"), "--params", str(tmp_path / "p.csv"), "--out", out], "No column of"),
        (link.main, [str(tmp_path / "p.csv"), str(tmp_path / "p.csv"), "--out", out], "share 1 items; two are needed"),
        (simulate.main, ["--params", str(tmp_path / "p.csv"), "--harder", "q=1", "--seed", "1", "--out", out], "'q'"),
        (dif.main, [str(tmp_path / "r.csv"), "--groups", "g", "--focal", "x", "--out", out], "has no column 'g'"),
    )
    for command, arguments, sentence in cases:
        assert command(arguments) == 2
        assert sentence in capsys.readouterr().err
