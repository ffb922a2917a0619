"""`score` as it is typed."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from engine import ability
from psychometrics.commands.calibrate import main as calibrate
from psychometrics.commands.score import main
from psychometrics.items import read_parameters

GOLDEN = Path(__file__).parents[1] / "golden" / "irt"
SCIENCE = str(GOLDEN / "science_mirt_392x4.csv")


@pytest.fixture(scope="module")
def params(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("params") / "params.csv"
    assert calibrate([SCIENCE, "--model", "graded", "--out", str(out), "--quiet"]) == 0
    return out


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("method", ["eap", "map", "mle", "wle", "eapsum"])
def test_codes_are_read_as_the_calibration_read_them(method: str, params: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.csv"
    assert main([SCIENCE, "--params", str(params), "--method", method, "--out", str(out)]) == 0
    items = [item.to_engine() for item in read_parameters(params)]
    one = {
        "eap": ability.eap,
        "map": ability.map_,
        "mle": ability.mle,
        "wle": ability.wle,
        "eapsum": lambda scores, _: ability.eap_sum_score(items, sum(scores)),
    }[method]
    first = one((3, 3, 2, 1), items)
    row = _rows(out)[0]
    assert float(row["theta"]) == pytest.approx(first.theta, abs=1e-9)
    assert float(row["se"]) == pytest.approx(first.se, abs=1e-9)
    assert row["person"] == "1"
    content = json.loads((tmp_path / "scores.json").read_text())
    assert content["n_persons"] == 392
    assert 0.4 < content["reliability"] < 0.9


def test_plausible_values_and_parquet(params: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.parquet"
    assert main([SCIENCE, "--params", str(params), "--plausible-values", "3", "--out", str(out), "--seed", "4"]) == 0
    table = pq.read_table(out)
    assert table.column_names == ["person", "theta", "se", "is_at_bound", "pv1", "pv2", "pv3"]
    assert np.std(table["pv1"].to_numpy()) > np.std(table["theta"].to_numpy())


def test_score_tables_by_route(params: Path, tmp_path: Path) -> None:
    design = tmp_path / "design.csv"
    rows = "Comfort,A\nWork,A\nFuture,B\nBenefit,C\n"
    design.write_text(f"item,module\n{rows}\nmodule,next,low,high\nA,B,0,3\nA,C,4,6\n")
    tables = tmp_path / "tables.csv"
    asked = [SCIENCE, "--params", str(params), "--out", str(tmp_path / "s.csv"), "--tables", str(tables)]
    assert main([*asked, "--design", str(design)]) == 0
    found = _rows(tables)
    assert {row["route"] for row in found} == {"A-B", "A-C"}
    assert sum(float(row["probability"]) for row in found) == pytest.approx(1.0)
    possible = [row for row in found if row["route"] == "A-C" and float(row["probability"]) > 0.0]
    assert [row["score"] for row in possible] == ["4", "5", "6", "7", "8", "9"]


def test_inverse_tcc_leaves_the_error_of_extreme_scores_empty(params: Path, tmp_path: Path) -> None:
    out = tmp_path / "s.csv"
    assert main([SCIENCE, "--params", str(params), "--method", "inverse_tcc", "--out", str(out)]) == 0
    for row in _rows(out):
        assert (row["se"] == "") == (row["is_at_bound"] == "1")


def test_the_prior_may_be_given(params: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = [SCIENCE, "--params", str(params), "--out", str(tmp_path / "s.csv")]
    assert main([*asked, "--prior", "1,0.1"]) == 0
    assert all(abs(float(row["theta"]) - 1.0) < 0.3 for row in _rows(tmp_path / "s.csv"))
    assert main([*asked, "--prior", "wide"]) == 2
    assert "it is not MEAN,SD" in capsys.readouterr().err


def test_each_group_is_scored_in_its_own_population(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    theta = np.concatenate((rng.normal(0.0, 1.0, 300), rng.normal(1.0, 1.0, 300)))
    scores = (rng.random((600, 6)) < 1.0 / (1.0 + np.exp(-(theta[:, None] - np.linspace(-1, 1, 6))))).astype(int)
    lines = ["g," + ",".join(f"i{k}" for k in range(6))]
    lines += [f"{'ab'[n // 300]}," + ",".join(map(str, row)) for n, row in enumerate(scores.tolist())]
    (tmp_path / "r.csv").write_text("\n".join(lines) + "\n")
    source, params = str(tmp_path / "r.csv"), str(tmp_path / "p.csv")
    assert calibrate([source, "--groups", "g", "--model", "rasch", "--out", params]) == 0
    assert main([source, "--groups", "g", "--params", params, "--out", str(tmp_path / "s.csv")]) == 0
    found = np.array([float(row["theta"]) for row in _rows(tmp_path / "s.csv")])
    raw = scores.sum(axis=1)
    same_score = raw == 3
    first, second = found[:300][same_score[:300]], found[300:][same_score[300:]]
    assert second.mean() - first.mean() > 0.2


def test_what_must_be_mended_is_told(params: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r.csv").write_text("Comfort,Else\n1,1\n")
    assert main([str(tmp_path / "r.csv"), "--params", str(params), "--out", str(tmp_path / "s.csv")]) == 2
    assert "'Else'" in capsys.readouterr().err
    assert main([SCIENCE, "--params", str(tmp_path / "none.csv"), "--out", str(tmp_path / "s.csv")]) == 2
    assert "cannot be read" in capsys.readouterr().err
