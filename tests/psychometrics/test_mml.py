"""Marginal maximum likelihood against published maxima, itself from elsewhere, and the traps that others fell into."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from psychometrics.data import ColumnRoles, ResponseMatrix, read_responses
from psychometrics.errors import (
    AnchorMismatchError,
    DisconnectedError,
    MissingModelError,
    ModelFitsNotError,
    NoAnchorsError,
    NoSpreadOfAbilityError,
    NoVarianceError,
    RunawaySlopeError,
    TooFewResponsesError,
    TooManyCategoriesError,
)
from psychometrics.items import ItemParameters, Model
from psychometrics.mml import Calibration, NormalPrior, Options, Priors, calibrate

GOLDEN = Path(__file__).parents[1] / "golden" / "irt"
TRUTH = json.loads((GOLDEN / "truth_ml.json").read_text())
LSAT6 = read_responses(GOLDEN / "lsat6_patterns.csv", ColumnRoles(weights="Freq"))
LSAT7 = read_responses(GOLDEN / "lsat7_patterns.csv", ColumnRoles(weights="freq"))
SCIENCE = read_responses(GOLDEN / "science_mirt_392x4.csv")
NO_ERRORS = Options(standard_errors="none")


def _intercepts(found: Calibration) -> np.ndarray:
    return np.array([form.values[1:] for form in found.slope_intercepts])


def _errors(found: Calibration) -> np.ndarray:
    return np.sqrt(
        np.array([np.diag(form.covariance) for form in found.slope_intercepts if form.covariance is not None])
    )


# ---------------------------------------------------------------------------------------------- published answers


@pytest.mark.parametrize(("name", "data"), [("lsat6", LSAT6), ("lsat7", LSAT7)])
def test_two_parameter_maxima_are_the_published_ones(name: str, data: ResponseMatrix) -> None:
    """Bock & Aitkin (1981) and R mirt's test suite; seven digits of truth_ml.json."""
    truth, found = TRUTH[f"{name} 2PL"], calibrate(data, "2pl")
    assert found.log_likelihood == pytest.approx(truth["loglik"], abs=5e-7)
    assert found.gradient_norm <= 1e-6
    np.testing.assert_allclose([item.a for item in found.items], truth["a"], atol=5e-7)
    np.testing.assert_allclose(_intercepts(found)[:, 0], truth["d"], atol=5e-7)
    np.testing.assert_allclose([item.b[0] for item in found.items], truth["b"], atol=1e-6)
    np.testing.assert_allclose(_errors(found), np.column_stack((truth["se_a"], truth["se_d"])), atol=5e-7)
    assert found.n_persons == 1000


def test_information_criteria_of_lsat6_are_those_irtq_documents() -> None:
    """-2LL 4933.307, AIC 4953.307, BIC 5002.384."""
    found = calibrate(LSAT6, "2pl", NO_ERRORS)
    assert (-2.0 * found.log_likelihood, found.aic, found.bic) == pytest.approx(
        (4933.307, 4953.307, 5002.384), abs=5e-4
    )


@pytest.mark.parametrize(("name", "data"), [("lsat6", LSAT6), ("lsat7", LSAT7)])
def test_one_slope_maxima_are_the_published_ones(name: str, data: ResponseMatrix) -> None:
    """Thissen (1982), ltm: common slope and its error, intercepts and theirs."""
    truth, found = TRUTH[f"{name} 1PL"], calibrate(data, "1pl")
    assert found.log_likelihood == pytest.approx(truth["loglik"], abs=5e-7)
    np.testing.assert_allclose([item.a for item in found.items], truth["a"], atol=5e-7)
    np.testing.assert_allclose([item.b[0] for item in found.items], truth["b"], atol=2e-6)
    np.testing.assert_allclose(_errors(found)[:, 0], truth["se"][0], atol=5e-7)
    np.testing.assert_allclose(_errors(found)[:, 1], truth["se"][1:], atol=5e-7)


@pytest.mark.parametrize(("name", "data"), [("lsat6", LSAT6), ("lsat7", LSAT7)])
def test_rasch_estimates_the_spread_of_ability(name: str, data: ResponseMatrix) -> None:
    """The trap: fixing slope and variance both at 1 fits neither Rasch nor 1PL (6.1 too low on LSAT6)."""
    truth, found = TRUTH[f"{name} 1PL"], calibrate(data, "rasch")
    assert found.log_likelihood == pytest.approx(truth["loglik"], abs=5e-7)
    assert found.group_sds[0] ** 2 == pytest.approx(truth["a_squared_is_rasch_variance"], abs=1e-6)
    assert [item.a for item in found.items] == [1.0] * 5
    np.testing.assert_allclose([-item.b[0] for item in found.items], truth["d"], atol=5e-7)
    assert found.se_group_sds[0] == pytest.approx(truth["se"][0], abs=5e-7)


@pytest.mark.parametrize(("model", "key"), [("graded", "science GRM"), ("gpcm", "science GPCM")])
def test_polytomous_maxima_are_the_published_ones(model: str, key: str) -> None:
    """ltm and R mirt on Science, whose codes begin at 1; values and errors of truth_ml.json."""
    truth, found = TRUTH[key], calibrate(SCIENCE, model)
    assert found.log_likelihood == pytest.approx(truth["loglik"], abs=5e-6)
    np.testing.assert_allclose([form.values for form in found.slope_intercepts], truth["par"], atol=5e-6)
    np.testing.assert_allclose(_errors(found), truth["se"], atol=5e-6)
    assert any("begin at 1" in sentence for sentence in found.warnings)


@pytest.mark.parametrize(("model", "height"), [("pcm", -1619.2741), ("nominal", -1608.452)])
def test_partial_credit_and_nominal_heights_are_the_published_ones(model: str, height: float) -> None:
    assert calibrate(SCIENCE, model).log_likelihood == pytest.approx(height, abs=5e-4 if model == "nominal" else 5e-5)


# ---------------------------------------------------------------------------------------------- agreement with itself


def _simulated(models: tuple[Model, ...], n: int, seed: int) -> tuple[ResponseMatrix, tuple[ItemParameters, ...]]:
    rng = np.random.default_rng(seed)
    theta = rng.standard_normal(n)
    items: list[ItemParameters] = []
    columns: list[np.ndarray] = []
    for k, model in enumerate(models):
        a, b = float(rng.uniform(0.8, 1.8)), float(rng.normal(0.0, 0.8))
        if model in {"rasch", "pcm"}:
            a = 1.0
        steps = (b,) if model in {"rasch", "1pl", "2pl", "3pl"} else (b - 0.8, b, b + 0.8)
        item = (
            ItemParameters(f"i{k}", model, slopes=(0.5, 1.2), intercepts=(0.3, -0.2))
            if model == "nominal"
            else ItemParameters(f"i{k}", model, a, steps, 0.2 if model == "3pl" else 0.0)
        )
        items.append(item)
        columns.append(_draw(rng, item, theta))
    return ResponseMatrix(np.stack(columns, axis=1), tuple(item.item_id for item in items)), tuple(items)


def _draw(rng: np.random.Generator, item: ItemParameters, theta: np.ndarray) -> np.ndarray:
    from psychometrics.families import family_of, log_probabilities
    from psychometrics.items import to_slope_intercept

    p = np.exp(log_probabilities(family_of(item.model), to_slope_intercept(item).values[None, :], theta)[0])
    return (rng.random(len(theta)) > np.cumsum(p, axis=0)).sum(axis=0).clip(0, len(p) - 1).astype(np.int8)


MIXED: tuple[Model, ...] = ("2pl", "2pl", "3pl", "gpcm", "graded", "nominal", "3pl", "2pl", "graded", "gpcm")


@pytest.mark.parametrize("models", [MIXED, ("2pl",) * 8, ("rasch", "2pl", "pcm", "graded", "2pl", "1pl", "1pl")])
def test_two_starts_reach_the_same_maximum(models: tuple[Model, ...]) -> None:
    data, _ = _simulated(models, 1500, 11)
    wanted = {f"i{k}": model for k, model in enumerate(models)}
    first = calibrate(data, wanted, NO_ERRORS)
    second = calibrate(data, wanted, replace(NO_ERRORS, start_noise=0.5, seed=3))
    assert second.log_likelihood == pytest.approx(first.log_likelihood, abs=1e-7)
    for one, other in zip(first.slope_intercepts, second.slope_intercepts, strict=True):
        np.testing.assert_allclose(one.values, other.values, rtol=2e-6, atol=2e-6)


def test_weights_are_the_same_as_repeated_rows() -> None:
    counts = LSAT7.row_weights.astype(int)
    robust = Options(standard_errors="sandwich")
    repeated = ResponseMatrix(np.repeat(LSAT7.scores, counts, axis=0), LSAT7.item_ids)
    one, other = calibrate(LSAT7, "2pl", robust), calibrate(repeated, "2pl", robust)
    np.testing.assert_allclose(_errors(one), _errors(other), atol=1e-9)
    one, other = calibrate(LSAT7, "2pl"), calibrate(repeated, "2pl")
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-9)
    np.testing.assert_allclose(_errors(one), _errors(other), atol=1e-9)


def test_the_sandwich_of_a_true_model_is_near_the_observed_information() -> None:
    data, _ = _simulated(("2pl",) * 6, 4000, 21)
    plain, robust = calibrate(data, "2pl"), calibrate(data, "2pl", Options(standard_errors="sandwich"))
    np.testing.assert_allclose(_errors(robust), _errors(plain), rtol=0.15)
    assert not np.allclose(_errors(robust), _errors(plain), rtol=1e-6)


def test_the_unit_of_rasch_items_also_holds_for_the_others() -> None:
    data, _ = _simulated(("rasch", "rasch", "rasch", "2pl", "gpcm"), 3000, 31)
    found = calibrate(data, {"i0": "rasch", "i1": "rasch", "i2": "rasch", "i3": "2pl", "i4": "gpcm"})
    assert [item.a for item in found.items[:3]] == [1.0, 1.0, 1.0]
    assert np.isfinite(found.se_group_sds).all()
    assert found.items[3].se_a is not None
    assert found.items[3].se_a > 0.0


# ---------------------------------------------------------------------------------------------- traps


def _three_stage(n: int, seed: int) -> tuple[ResponseMatrix, np.ndarray, np.ndarray]:
    """A routing module of 12, then 12 easy or 12 hard items by number correct."""
    rng = np.random.default_rng(seed)
    a, b = rng.lognormal(0.1, 0.3, 36), np.concatenate([rng.normal(m, 0.7, 12) for m in (0.0, -1.0, 1.0)])
    theta = rng.standard_normal(n)
    full = (rng.random((n, 36)) < 1.0 / (1.0 + np.exp(-a * (theta[:, None] - b)))).astype(np.int8)
    is_high = full[:, :12].sum(axis=1) >= 6
    full[is_high, 12:24] = -1
    full[~is_high, 24:] = -1
    return ResponseMatrix(full, tuple(f"i{k}" for k in range(36))), a, b


def test_routing_by_number_correct_leaves_no_bias() -> None:
    """The trap: matching margins under routing has errors of 0.7 in a and 1.3 in b; here they are those of sampling."""
    data, a, b = _three_stage(8000, 41)
    found = calibrate(data, "2pl")
    assert np.sqrt(np.mean((np.array([item.a for item in found.items]) - a) ** 2)) < 0.09
    assert np.sqrt(np.mean((np.array([item.b[0] for item in found.items]) - b) ** 2)) < 0.09
    z = [(item.b[0] - truth) / item.se_b[0] for item, truth in zip(found.items, b, strict=True)]
    assert 0.6 < float(np.std(z)) < 1.5


def test_long_tests_are_integrated_finely_enough() -> None:
    """The trap: 21 nodes lose 20 units of log-likelihood on 40 items. Here half a step of shift changes nothing."""
    data, _ = _simulated(("2pl",) * 40, 1000, 51)
    found = calibrate(data, "2pl", NO_ERRORS)
    assert abs(found.quadrature_error) < 1e-4
    assert found.n_nodes >= 61


def test_guessing_has_a_prior_unless_it_is_taken_away() -> None:
    """The trap: without one, c and b of easy items run away together."""
    data, items = _simulated(("3pl",) * 20, 1500, 61)
    kept = calibrate(data, "3pl", NO_ERRORS)
    free = calibrate(data, "3pl", replace(NO_ERRORS, priors=Priors(guess=NormalPrior(-1.39, 5.0))))

    def rmse(found: Calibration) -> float:
        return float(np.sqrt(np.mean([(f.b[0] - t.b[0]) ** 2 for f, t in zip(found.items, items, strict=True)])))

    assert rmse(kept) < rmse(free)
    assert free.log_likelihood > kept.log_likelihood


def test_priors_pull_and_their_weight_is_in_the_posterior_only() -> None:
    pulled = calibrate(
        LSAT7, "2pl", Options(priors=Priors(log_slope=NormalPrior(0.0, 0.1), intercept=NormalPrior(0.0, 2.0)))
    )
    free = calibrate(LSAT7, "2pl")
    assert abs(np.log(pulled.items[2].a)) < abs(np.log(free.items[2].a))
    assert pulled.log_likelihood < free.log_likelihood
    assert pulled.gradient_norm <= 1e-6


# ---------------------------------------------------------------------------------------------- groups and anchors


def _grouped(seed: int) -> tuple[ResponseMatrix, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    a, b = rng.lognormal(0.1, 0.2, 20), rng.normal(0.0, 1.0, 20)
    theta = np.concatenate((rng.normal(0.0, 1.0, 2000), rng.normal(0.8, 1.3, 2000)))
    scores = (rng.random((4000, 20)) < 1.0 / (1.0 + np.exp(-a * (theta[:, None] - b)))).astype(np.int8)
    scores[:2000, 15:] = -1
    scores[2000:, :5] = -1
    groups = np.repeat(np.array(["old", "pilot"]), 2000)[::1]
    return ResponseMatrix(scores, tuple(f"i{k}" for k in range(20)), groups=np.where(groups == "old", "A", "B")), a, b


def test_groups_get_their_mean_and_spread() -> None:
    data, a, b = _grouped(71)
    found = calibrate(data, "2pl")
    assert found.group_means[0] == 0.0
    assert found.group_sds[0] == 1.0
    assert abs(found.group_means[1] - 0.8) < 3.0 * found.se_group_means[1]
    assert abs(found.group_sds[1] - 1.3) < 3.0 * found.se_group_sds[1]
    assert np.sqrt(np.mean((np.array([item.b[0] for item in found.items]) - b) ** 2)) < 0.12
    assert np.sqrt(np.mean((np.array([item.a for item in found.items]) - a) ** 2)) < 0.15


def test_fixed_items_stay_and_put_the_rest_on_their_scale() -> None:
    """An incomplete chained design with fixed items and group means: the operational case that must be safe."""
    data, a, b = _grouped(81)
    anchors = tuple(ItemParameters(f"i{k}", "2pl", float(a[k]), (float(b[k]),)) for k in range(5, 15))
    found = calibrate(data, "2pl", Options(anchors=anchors))
    assert found.items[5:15] == anchors
    for k in (*range(5), *range(15, 20)):
        assert abs(found.items[k].b[0] - b[k]) < 4.5 * found.items[k].se_b[0]
    assert np.abs(found.group_means - (0.0, 0.8)).max() < 0.12
    assert np.abs(found.group_sds - (1.0, 1.3)).max() < 0.12


def test_a_drifted_anchor_is_named() -> None:
    data, a, b = _grouped(91)
    b[7] -= 1.0
    anchors = tuple(ItemParameters(f"i{k}", "2pl", float(a[k]), (float(b[k]),)) for k in range(5, 15))
    found = calibrate(data, "2pl", Options(anchors=anchors, standard_errors="none"))
    drifted = [sentence for sentence in found.warnings if "drifted" in sentence]
    assert len(drifted) == 1
    assert "i7 (by about +" in drifted[0]
    assert drifted[0].count("by about") == 1


def test_regression_on_background_finds_its_coefficients() -> None:
    rng = np.random.default_rng(101)
    x = np.column_stack((rng.integers(0, 2, 3000), rng.normal(0.0, 1.0, 3000))).astype(np.float64)
    theta = x @ np.array([0.5, -0.3]) + rng.standard_normal(3000)
    b = rng.normal(0.0, 1.0, 15)
    scores = (rng.random((3000, 15)) < 1.0 / (1.0 + np.exp(-(theta[:, None] - b)))).astype(np.int8)
    data = ResponseMatrix(scores, tuple(f"i{k}" for k in range(15)), covariates=x, covariate_names=("job", "age"))
    found = calibrate(data, "rasch")
    assert np.all(np.abs(found.coefficients - (0.5, -0.3)) < 3.0 * found.se_coefficients)
    assert abs(found.group_sds[0] - 1.0) < 3.0 * found.se_group_sds[0]
    assert found.gradient_norm <= 1e-6


# ---------------------------------------------------------------------------------------------- guards


def _matrix(rows: list[list[int]], times: int = 20) -> ResponseMatrix:
    return ResponseMatrix(np.array(rows * times, dtype=np.int8), tuple(f"i{k}" for k in range(len(rows[0]))))


def test_items_without_variance_are_refused_by_name() -> None:
    with pytest.raises(NoVarianceError, match="the same score on i1"):
        calibrate(_matrix([[0, 1, 1], [1, 1, 0]]), "2pl")


def test_items_with_hardly_a_response_are_refused_by_name() -> None:
    rows = [[0, 1, -1], [1, 0, -1]] * 20 + [[0, 1, 1], [1, 0, 0]]
    with pytest.raises(TooFewResponsesError, match="Fewer than 10 responses to i2"):
        calibrate(_matrix(rows, 1), "2pl")


def test_a_design_in_two_parts_is_refused_unless_anchors_join_it() -> None:
    one = [[0, 0], [0, 0], [0, 1], [1, 0], [1, 1], [1, 1]]
    rows = [[*pair, -1, -1] for pair in one] + [[-1, -1, *pair] for pair in one]
    with pytest.raises(DisconnectedError, match="falls into 2 parts"):
        calibrate(_matrix(rows), "rasch")
    anchors = (ItemParameters("i0", "rasch", 1.0, (0.0,)), ItemParameters("i2", "rasch", 1.0, (0.3,)))
    assert calibrate(_matrix(rows), "rasch", Options(anchors=anchors)).gradient_norm <= 1e-6


def test_a_group_without_spread_of_ability_is_told() -> None:
    rows = [[0, 1], [1, 0], [1, 0], [0, 1], [1, 1]]
    anchors = (ItemParameters("i0", "rasch", 1.0, (-0.4,)), ItemParameters("i1", "rasch", 1.0, (-0.4,)))
    with pytest.raises(NoSpreadOfAbilityError, match="group 'all' show no spread"):
        calibrate(_matrix(rows), "rasch", Options(anchors=anchors))


def test_slopes_that_run_away_are_told_and_a_prior_holds_them() -> None:
    """Two copies of one item separate perfectly: their slopes have no maximum."""
    data, _ = _simulated(("2pl",) * 6, 800, 111)
    scores = data.scores.copy()
    scores[:, 5] = scores[:, 4]
    twins = ResponseMatrix(scores, data.item_ids)
    with pytest.raises(RunawaySlopeError, match="slope of i4, i5 grows without bound"):
        calibrate(twins, "2pl")
    held = calibrate(twins, "2pl", Options(priors=Priors(log_slope=NormalPrior(0.0, 0.5))))
    assert held.gradient_norm <= 1e-6
    assert any("Slope above 8" in sentence for sentence in held.warnings) or held.items[4].a < 8.0


@pytest.mark.parametrize(("name", "data"), [("lsat6", LSAT6), ("lsat7", LSAT7)])
def test_guessing_on_five_easy_items_still_has_a_maximum(name: str, data: ResponseMatrix) -> None:
    found = calibrate(data, "3pl")
    assert found.gradient_norm <= 1e-6
    assert found.log_likelihood < TRUTH[f"{name} 2PL"]["loglik"] + 1.0
    assert all(0.05 < item.c < 0.5 for item in found.items)


def test_steep_items_are_integrated_finely_enough() -> None:
    rng = np.random.default_rng(121)
    theta = rng.standard_normal(400)[:, None]
    p = 1.0 / (1.0 + np.exp(-np.array([4.0, 4.5, 6.0, 3.5]) * (theta - np.array([0.5, 0.0, -0.2, 0.6]))))
    data = ResponseMatrix((rng.random(p.shape) < p).astype(np.int8), tuple("abcd"))
    found = calibrate(data, "2pl", NO_ERRORS)
    assert abs(found.quadrature_error) < 1e-4
    assert found.gradient_norm <= 1e-6


def test_unused_categories_are_closed_up_and_told() -> None:
    """The trap: an unused category otherwise gets a threshold of -37."""
    rng = np.random.default_rng(7)
    scores = rng.integers(0, 2, (300, 4)).astype(np.int8)
    scores[:, 3] *= 2
    found = calibrate(ResponseMatrix(scores, tuple("abcd")), "gpcm")
    assert len(found.items[3].b) == 1
    assert any("codes (0, 2) were taken as 0 to 1" in sentence for sentence in found.warnings)


def test_models_that_do_not_fit_the_categories_are_refused() -> None:
    with pytest.raises(ModelFitsNotError, match="has 4 categories, but model 2pl is for two"):
        calibrate(SCIENCE, "2pl")
    assert {item.model for item in calibrate(SCIENCE, "rasch", NO_ERRORS).items} == {"pcm"}
    with pytest.raises(MissingModelError, match="No model is named for item 'Work'"):
        calibrate(SCIENCE, {"Comfort": "graded"})
    with pytest.raises(TooManyCategoriesError, match="looks like no item"):
        calibrate(_matrix([[k, k % 2] for k in range(25)]), "gpcm")


def test_anchors_that_do_not_match_are_refused() -> None:
    with pytest.raises(NoAnchorsError):
        calibrate(LSAT7, "2pl", Options(anchors=(ItemParameters("x", "2pl", 1.0, (0.0,)),)))
    with pytest.raises(AnchorMismatchError, match="highest score 1"):
        calibrate(SCIENCE, "gpcm", Options(anchors=(ItemParameters("Work", "2pl", 1.0, (0.0,)),)))
