"""`calibrate` as it is typed: files in, params.csv and params.json out, sentences for what is wrong."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from psychometrics.commands.calibrate import main
from psychometrics.data import ColumnRoles, read_responses
from psychometrics.items import read_parameters, write_parameters
from psychometrics.parquet import write_parquet

GOLDEN = Path(__file__).parents[1] / "golden" / "irt"
TRUTH = json.loads((GOLDEN / "truth_ml.json").read_text())
LSAT7 = str(GOLDEN / "lsat7_patterns.csv")
SCIENCE = str(GOLDEN / "science_mirt_392x4.csv")


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_published_patterns_need_no_tuning(tmp_path: Path) -> None:
    out = tmp_path / "params.csv"
    assert main([LSAT7, "--weights", "freq", "--model", "2pl", "--out", str(out)]) == 0
    rows = _rows(out)
    assert list(rows[0]) == ["item", "model", "a", "b1", "c", "se_a", "se_b1", "se_c"]
    np.testing.assert_allclose([float(row["a"]) for row in rows], TRUTH["lsat7 2PL"]["a"], atol=5e-7)
    np.testing.assert_allclose([float(row["se_a"]) for row in rows], TRUTH["lsat7 2PL"]["se_a"], atol=5e-7)
    content = json.loads((tmp_path / "params.json").read_text())
    assert content["log_likelihood"] == pytest.approx(TRUTH["lsat7 2PL"]["loglik"], abs=5e-7)
    assert content["gradient_norm"] <= 1e-6
    assert (content["n_persons"], content["n_items"]) == (1000, 5)
    assert (content["group_means"], content["group_sds"]) == ([0.0], [1.0])
    assert content["condition_number"] > 1.0
    assert len(content["provenance"]["data_sha256"]) == 64


def test_codes_that_begin_at_one_are_taken_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "params.csv"
    assert main([SCIENCE, "--model", "graded", "--out", str(out)]) == 0
    assert "begin at 1 or above; the lowest was taken as 0" in capsys.readouterr().err
    assert json.loads((tmp_path / "params.json").read_text())["recoding"]["Work"] == [1, 2, 3, 4]
    truth = np.array(TRUTH["science GRM"]["par"])
    b = [[float(row[f"b{k}"]) for k in (1, 2, 3)] for row in _rows(out)]
    np.testing.assert_allclose(b, -truth[:, 1:] / truth[:, :1], atol=1e-5)


def test_parquet_gives_the_same_as_csv(tmp_path: Path) -> None:
    data = read_responses(SCIENCE)
    write_parquet(tmp_path / "s.parquet", {item: data.scores[:, k] for k, item in enumerate(data.item_ids)})
    for source, out in ((SCIENCE, "one.csv"), (str(tmp_path / "s.parquet"), "two.csv")):
        assert main([source, "--model", "gpcm", "--out", str(tmp_path / out), "--quiet"]) == 0
    assert (tmp_path / "one.csv").read_text() == (tmp_path / "two.csv").read_text()


def test_models_may_differ_by_item(tmp_path: Path) -> None:
    (tmp_path / "models.csv").write_text("item,model\nComfort,graded\nWork,gpcm\nFuture,nominal\nBenefit,pcm\n")
    out = tmp_path / "params.csv"
    assert main([SCIENCE, "--model", str(tmp_path / "models.csv"), "--out", str(out)]) == 0
    assert [item.model for item in read_parameters(out)] == ["graded", "gpcm", "nominal", "pcm"]


def test_anchors_stay_and_groups_get_their_distribution(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    theta = np.concatenate((rng.normal(0.0, 1.0, 400), rng.normal(0.7, 1.0, 400)))
    scores = (rng.random((800, 8)) < 1.0 / (1.0 + np.exp(-(theta[:, None] - np.linspace(-1, 1, 8))))).astype(int)
    lines = ["g," + ",".join(f"i{k}" for k in range(8))]
    lines += [f"{'old' if n < 400 else 'pilot'}," + ",".join(map(str, row)) for n, row in enumerate(scores.tolist())]
    (tmp_path / "r.csv").write_text("\n".join(lines) + "\n")
    source, first, second = str(tmp_path / "r.csv"), tmp_path / "first.csv", tmp_path / "second.csv"
    assert main([source, "--groups", "g", "--model", "rasch", "--out", str(first), "--se", "sandwich"]) == 0
    anchors = read_parameters(first)[:5]
    write_parameters(tmp_path / "anchors.csv", anchors)
    asked = [
        source,
        "--groups",
        "g",
        "--model",
        "rasch",
        "--anchors",
        str(tmp_path / "anchors.csv"),
        "--out",
        str(second),
    ]
    assert main(asked) == 0
    found = read_parameters(second)
    assert [item.b for item in found[:5]] == [item.b for item in anchors]
    np.testing.assert_allclose([i.b[0] for i in found], [i.b[0] for i in read_parameters(first)], atol=1e-6)
    content = json.loads((tmp_path / "second.json").read_text())
    assert content["groups"] == ["old", "pilot"]
    assert content["group_means"] == pytest.approx(
        json.loads((tmp_path / "first.json").read_text())["group_means"], abs=1e-6
    )


def test_anchors_bring_their_category_codes(tmp_path: Path) -> None:
    """The first calibration took codes 1 to 4 as 0 to 3; the second, on the same codes, must do the same."""
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    assert main([SCIENCE, "--model", "graded", "--out", str(first), "--quiet"]) == 0
    assert main([SCIENCE, "--model", "graded", "--anchors", str(first), "--out", str(second), "--quiet"]) == 0
    assert [item.b for item in read_parameters(second)] == [item.b for item in read_parameters(first)]
    content = json.loads((tmp_path / "second.json").read_text())
    assert content["group_sds"][0] == pytest.approx(1.0, abs=1e-4)
    assert content["recoding"]["Work"] == [1, 2, 3, 4]


def test_a_slope_prior_pulls_slopes_towards_one(tmp_path: Path) -> None:
    asked = [LSAT7, "--weights", "freq", "--model", "2pl", "--quiet", "--out"]
    assert main([*asked, str(tmp_path / "a.csv"), "--slope-prior", "0.1"]) == 0
    assert all(0.8 < item.a < 1.4 for item in read_parameters(tmp_path / "a.csv"))


def test_another_start_changes_nothing(tmp_path: Path) -> None:
    asked = [LSAT7, "--weights", "freq", "--model", "2pl", "--quiet", "--out"]
    assert main([*asked, str(tmp_path / "a.csv")]) == 0
    assert main([*asked, str(tmp_path / "b.csv"), "--seed", "5"]) == 0
    for one, other in zip(read_parameters(tmp_path / "a.csv"), read_parameters(tmp_path / "b.csv"), strict=True):
        assert (one.a, *one.b) == pytest.approx((other.a, *other.b), rel=1e-6)


def _routed(folder: Path) -> tuple[str, str]:
    rng = np.random.default_rng(2)
    theta = rng.standard_normal(900)
    b = np.concatenate((np.linspace(-1, 1, 6), np.linspace(-2, 0, 6), np.linspace(0, 2, 6)))
    scores = (rng.random((900, 18)) < 1.0 / (1.0 + np.exp(-(theta[:, None] - b)))).astype(int)
    is_high = scores[:, :6].sum(axis=1) >= 3
    lines = [",".join(f"i{k}" for k in range(18))]
    for row, high in zip(scores.tolist(), is_high, strict=True):
        kept = ["" if (6 <= k < 12 and high) or (k >= 12 and not high) else str(x) for k, x in enumerate(row)]
        lines.append(",".join(kept))
    (folder / "mst.csv").write_text("\n".join(lines) + "\n")
    modules = "".join(f"i{k},{'REH'[k // 6]}\n" for k in range(18))
    (folder / "design.csv").write_text(f"item,module\n{modules}\nmodule,next,low,high\nR,E,0,2\nR,H,3,6\n")
    return str(folder / "mst.csv"), str(folder / "design.csv")


def test_conditional_likelihood_asks_for_the_design(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, design = _routed(tmp_path)
    out = str(tmp_path / "params.csv")
    assert main([source, "--model", "rasch", "--cml", "--out", out]) == 2
    assert "no design is given" in capsys.readouterr().err
    assert main([source, "--model", "rasch", "--cml", "--design", design, "--out", out]) == 0
    content = json.loads((tmp_path / "params.json").read_text())
    assert content["method"] == "conditional maximum likelihood"
    assert content["group_sds"][0] == pytest.approx(1.0, abs=0.15)
    assert main([source, "--model", "2pl", "--cml", "--design", design, "--out", out]) == 2
    assert main([source, "--model", "2pl", "--design", design, "--out", out]) == 0


def test_partial_credit_by_conditional_likelihood_takes_codes_from_one(tmp_path: Path) -> None:
    out = tmp_path / "params.csv"
    assert main([SCIENCE, "--model", "pcm", "--cml", "--out", str(out), "--quiet"]) == 0
    conditional = read_parameters(out)
    assert json.loads((tmp_path / "params.json").read_text())["recoding"]["Work"] == [1, 2, 3, 4]
    assert main([SCIENCE, "--model", "pcm", "--out", str(out), "--quiet"]) == 0
    marginal = read_parameters(out)
    centre = np.mean([b for item in marginal for b in item.b])
    for one, other in zip(conditional, marginal, strict=True):
        np.testing.assert_allclose(one.b, np.array(other.b) - centre, atol=0.35)


def test_background_variables_have_coefficients(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    x = rng.integers(0, 2, 500)
    theta = 0.8 * x + rng.standard_normal(500)
    scores = (rng.random((500, 8)) < 1.0 / (1.0 + np.exp(-(theta[:, None] - np.linspace(-1, 1, 8))))).astype(int)
    lines = ["job," + ",".join(f"i{k}" for k in range(8))]
    lines += [f"{job}," + ",".join(map(str, row)) for job, row in zip(x.tolist(), scores.tolist(), strict=True)]
    (tmp_path / "r.csv").write_text("\n".join(lines) + "\n")
    asked = [str(tmp_path / "r.csv"), "--model", "2pl", "--regression", "job", "--out", str(tmp_path / "p.csv")]
    assert main(asked) == 0
    found = json.loads((tmp_path / "p.json").read_text())["regression"]["job"]
    assert abs(found["coefficient"] - 0.8) < 3.0 * found["se"]


SENTENCES = {
    "i1,i2\n0,yes\n1,0\n": "column 'i2': 'yes' is no score",
    "i1,i2\n" + "0,1\n1,1\n" * 20: "Items without variance",
    "i1,i2\n" + "0,\n1,\n,1\n,0\n" * 20: "falls into 2 parts",
    "i1,i2\n" + "0,1\n1,2\n1,0\n" * 20: "has 3 categories, but model 2pl is for two",
}


@pytest.mark.parametrize("text", SENTENCES)
def test_what_must_be_mended_is_told_and_the_exit_code_is_two(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "r.csv").write_text(text)
    assert main([str(tmp_path / "r.csv"), "--model", "2pl", "--out", str(tmp_path / "p.csv")]) == 2
    assert SENTENCES[text] in capsys.readouterr().err
    assert not (tmp_path / "p.csv").exists()


def test_missing_files_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "no.csv"), "--model", "2pl", "--out", str(tmp_path / "p.csv")]) == 2
    assert "cannot be read" in capsys.readouterr().err
    assert main([LSAT7, "--model", "2pl", "--weights", "Freq", "--out", str(tmp_path / "p.csv")]) == 2
    assert "has no column 'Freq'" in capsys.readouterr().err
    assert main([LSAT7, "--model", "2pl", "--weights", "freq", "--out", str(tmp_path / "no" / "p.csv")]) == 2


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first run is stopped after some sweeps; the second needs fewer than a fresh one."""
    from psychometrics.commands import calibrate as command

    monkeypatch.setattr(command, "SAVE_EVERY_SECONDS", 0.0)
    state = tmp_path / "state.json"
    asked = [SCIENCE, "--model", "nominal", "--quiet", "--resume", str(state), "--out"]
    fresh = json.loads((_run(asked, tmp_path / "fresh.csv")).read_text())
    assert not state.exists()
    stopped: list[int] = []

    def stop_late(sweep: int, sentence: str) -> None:
        stopped.append(sweep)
        if len(stopped) == 14:
            raise KeyboardInterrupt(sentence)

    monkeypatch.setattr(command.Progress, "tell", lambda _self, sentence: stop_late(len(stopped), sentence))
    with pytest.raises(KeyboardInterrupt):
        main([*asked, str(tmp_path / "stopped.csv")])
    assert state.exists()
    monkeypatch.undo()
    resumed = json.loads((_run(asked, tmp_path / "resumed.csv")).read_text())
    assert resumed["iterations"] < fresh["iterations"]
    assert resumed["log_likelihood"] == pytest.approx(fresh["log_likelihood"], abs=1e-8)
    assert not state.exists()


def _run(asked: list[str], out: Path) -> Path:
    assert main([*asked, str(out)]) == 0
    return out.with_suffix(".json")


def test_a_state_of_another_question_is_left_alone(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.write_text(json.dumps({"key": "of another run", "state": [1.0] * 10}))
    asked = [LSAT7, "--weights", "freq", "--model", "2pl", "--quiet", "--resume", str(state), "--out"]
    content = json.loads(_run(asked, tmp_path / "p.csv").read_text())
    assert content["log_likelihood"] == pytest.approx(TRUTH["lsat7 2PL"]["loglik"], abs=5e-7)


def test_rows_weigh_as_much_as_they_say() -> None:
    assert read_responses(LSAT7, ColumnRoles(weights="freq")).row_weights.sum() == 1000.0
