"""Fit statistics against published numbers (R mirt on LSAT6 and LSAT7), enumeration and the model itself."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from engine import irt
from psychometrics import fit
from psychometrics.data import Design, ResponseMatrix, RoutingRule
from psychometrics.errors import IncompleteResponsesError, NoFreedomError
from psychometrics.items import ItemParameters
from psychometrics.scoring import score

GOLDEN = Path(__file__).parents[1] / "golden" / "irt"
TRUTH = json.loads((GOLDEN / "truth_ml.json").read_text())
POPULATION = fit.normal_population()
# tests/golden/irt/README.md: fit on LSAT7 and LSAT6
M2 = {
    ("lsat7", "2PL"): (11.93841, 5, 0.03564, 0.03727),
    ("lsat7", "1PL"): (23.17449, 9, None, None),
    ("lsat6", "2PL"): (4.73838, 5, None, 0.0),
}
S_X2 = {
    "lsat7": ((4.75054, 2), (14.45345, 2), (1.27266, 2), (5.23648, 2), (0.94094, 2)),
    "lsat6": ((0.45038, 2), (1.69104, 2), (0.66628, 1), (0.17531, 2), (0.11105, 2)),
}


def lsat(name: str) -> ResponseMatrix:
    rows = [line.split(",") for line in (GOLDEN / f"{name}_patterns.csv").read_text().split()[1:]]
    scores = [[int(cell) for cell in row[:5]] for row in rows for _ in range(int(row[5]))]
    return ResponseMatrix(np.array(scores, dtype=np.int8), tuple(f"i{k}" for k in range(1, 6)))


def truth(name: str, model: Literal["1PL", "2PL"]) -> tuple[ItemParameters, ...]:
    found = TRUTH[f"{name} {model}"]
    slopes = found["a"] if isinstance(found["a"], list) else [found["a"]] * 5
    return tuple(
        ItemParameters(f"i{k + 1}", "1pl" if model == "1PL" else "2pl", slopes[k], (found["b"][k],)) for k in range(5)
    )  # fmt: skip


@pytest.mark.parametrize(("name", "model"), M2)
def test_m2_is_the_published_one(name: str, model: Literal["1PL", "2PL"]) -> None:
    statistic, df, p, rmsea = M2[name, model]
    found = fit.m2(lsat(name), truth(name, model), POPULATION)
    assert found.m2 == pytest.approx(statistic, abs=6e-6)
    assert found.df == df
    assert p is None or found.p == pytest.approx(p, abs=6e-6)
    assert rmsea is None or found.rmsea == pytest.approx(rmsea, abs=6e-6)
    assert found.rmsea_low <= found.rmsea <= found.rmsea_high


def test_m2_of_lsat6_under_one_slope_lies_in_the_published_range() -> None:
    found = fit.m2(lsat("lsat6"), truth("lsat6", "1PL"), POPULATION)
    assert 5.2913 <= found.m2 <= 5.2926
    assert found.df == 9


def test_one_slope_and_rasch_with_free_spread_are_one_model() -> None:
    one = fit.m2(lsat("lsat7"), truth("lsat7", "1PL"), POPULATION)
    a = TRUTH["lsat7 1PL"]["a"]
    rasch = tuple(ItemParameters(i.item_id, "rasch", 1.0, (a * i.b[0],)) for i in truth("lsat7", "1PL"))
    other = fit.m2(lsat("lsat7"), rasch, fit.normal_population(sd=a))
    assert (other.m2, other.df) == (pytest.approx(one.m2, abs=1e-6), one.df)


@pytest.mark.parametrize("name", S_X2)
def test_s_x2_is_the_published_one(name: str) -> None:
    found = fit.s_x2(lsat(name), truth(name, "2PL"), POPULATION)
    for item, (statistic, df) in zip(found, S_X2[name], strict=True):
        assert item.statistic == pytest.approx(statistic, abs=6e-6)
        assert item.df == df


def test_moment_covariance_equals_enumeration() -> None:
    """All 2·3·4 answer patterns of three items with two, three and four categories."""
    items = (
        ItemParameters("a", "2pl", 1.3, (0.2,)),
        ItemParameters("b", "gpcm", 0.9, (-0.5, 0.8)),
        ItemParameters("c", "graded", 1.1, (-1.0, 0.0, 0.7)),
    )
    engine_items = [item.to_engine() for item in items]
    mass: dict[tuple[int, ...], float] = {}
    for pattern in product(range(2), range(3), range(4)):
        chance = [
            np.prod([irt.category_probabilities(i, float(t))[s] for i, s in zip(engine_items, pattern, strict=True)])
            for t in POPULATION.theta
        ]
        mass[pattern] = float(np.array(chance) @ POPULATION.weights)
    pairs = np.array([[0, 1], [0, 2], [1, 2]])
    moments = np.array([[*p, p[0] * p[1], p[0] * p[2], p[1] * p[2]] for p in mass], dtype=float)
    weights = np.array(list(mass.values()))
    centred = moments - weights @ moments
    expected = (centred * weights[:, None]).T @ centred
    first, second = fit._score_moments(items, POPULATION.theta)
    by_theta = np.vstack([first, first[pairs[:, 0]] * first[pairs[:, 1]]])
    found = fit._moment_covariance(by_theta, first, second, pairs, POPULATION.weights)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def simulated(n: int, seed: int, items: tuple[ItemParameters, ...]) -> tuple[ResponseMatrix, np.ndarray]:
    rng = np.random.default_rng(seed)
    theta = rng.standard_normal(n)
    p = np.array([1 / (1 + np.exp(-i.a * (theta - i.b[0]))) for i in items]).T
    return ResponseMatrix((rng.random(p.shape) < p).astype(np.int8), tuple(i.item_id for i in items)), theta


BANK = tuple(ItemParameters(f"i{k}", "2pl", 0.8 + 0.1 * (k % 6), (-1.5 + 0.25 * k,)) for k in range(13))


def test_true_parameters_fit_and_a_wrong_one_does_not() -> None:
    """Parameters are known here, so the statistics have as many degrees of freedom as cells."""
    responses, _ = simulated(4000, 5, BANK)
    good = fit.s_x2(responses, BANK, POPULATION)
    assert sum(item.p < 0.01 for item in good) <= 1
    wrong = (*BANK[:6], ItemParameters("i6", "2pl", 0.3, BANK[6].b), *BANK[7:])
    found = {item.item_id: item for item in fit.s_x2(responses, wrong, POPULATION)}
    assert found["i6"].p < 1e-6
    assert min(found.values(), key=lambda item: item.p).item_id == "i6"


def routed_data(n: int, seed: int) -> tuple[ResponseMatrix, Design]:
    responses, _ = simulated(n, seed, BANK)
    scores = responses.scores.copy()
    first = scores[:, :5].sum(axis=1)
    scores[first <= 2, 9:] = -1
    scores[first > 2, 5:9] = -1
    names = responses.item_ids
    design = Design(
        {"R": names[:5], "E": names[5:9], "H": names[9:]},
        (RoutingRule("R", "E", 0, 2), RoutingRule("R", "H", 3, 5)),
    )
    return ResponseMatrix(scores, names), design


def test_s_x2_under_routing_knows_that_the_route_was_taken() -> None:
    """With the intervals the true parameters fit; the same counts judged without them do not."""
    responses, design = routed_data(6000, 9)
    found = fit.s_x2(responses, BANK, POPULATION, design)
    # 13 true items: the smallest p lies below 0.001 once in 77
    assert min(item.p for item in found) > 0.001
    easy = responses.with_persons(np.flatnonzero(responses.scores[:, 5] >= 0))
    names = (*design.modules["R"], *design.modules["E"])
    blind = fit.s_x2(easy.with_items(names), BANK[:9], POPULATION)
    assert min(item.p for item in blind) < 1e-6


def test_missing_answers_need_their_design() -> None:
    responses, _ = routed_data(50, 1)
    for call in (
        lambda: fit.s_x2(responses, BANK, POPULATION),
        lambda: fit.m2(responses, BANK, POPULATION),
        lambda: fit.classical(responses, [1] * 13),
    ):
        with pytest.raises(IncompleteResponsesError, match="responses are missing"):
            call()


def test_three_items_leave_nothing_for_m2_to_test() -> None:
    responses, _ = simulated(100, 2, BANK[:3])
    with pytest.raises(NoFreedomError, match="6 moments for 6 parameters"):
        fit.m2(responses, BANK[:3], POPULATION)


def test_infit_and_outfit_are_one_for_the_true_model_and_above_for_noise() -> None:
    responses, theta = simulated(4000, 3, BANK)
    for square in fit.mean_squares(responses, BANK, theta):
        assert square.infit == pytest.approx(1.0, abs=0.08)
        assert abs(square.infit_z) < 4.5
        assert abs(square.outfit_z) < 4.5
    coin = responses.scores.copy()
    coin[:, 4] = np.random.default_rng(1).integers(0, 2, 4000)
    noisy = fit.mean_squares(ResponseMatrix(coin, responses.item_ids), BANK, theta)[4]
    assert noisy.infit > 1.1
    assert noisy.infit_z > 4.5


def test_lz_star_is_standard_normal_at_weighted_likelihood_thetas() -> None:
    """lz itself, with theta estimated, has a standard deviation clearly below one; lz* does not."""
    items = tuple(ItemParameters(f"i{k}", "2pl", 1.2, (-2.0 + 0.1 * k,)) for k in range(41))
    responses, _ = simulated(1500, 6, items)
    found = fit.lz_star(responses, items, score(responses, items, "wle").theta)
    assert abs(found.mean()) < 0.12
    assert found.std() == pytest.approx(1.0, abs=0.08)


def test_lz_star_of_two_categories_is_snijders_formula() -> None:
    items = BANK[:6]
    responses, theta = simulated(40, 8, items)
    found = fit.lz_star(responses, items, theta)
    p = np.array([1 / (1 + np.exp(-i.a * (theta - i.b[0]))) for i in items])
    a = np.array([i.a for i in items])[:, None]
    w = np.log(p / (1 - p))
    slope = a * p * (1 - p)
    c = (slope * w).sum(axis=0) / (slope * a).sum(axis=0)
    adjusted = w - c * a
    expected = ((responses.scores.T - p) * adjusted).sum(axis=0) / np.sqrt((adjusted**2 * p * (1 - p)).sum(axis=0))
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_answers_that_do_not_belong_together_stand_out() -> None:
    responses, theta = simulated(400, 4, BANK)
    upside_down = responses.scores.copy()
    upside_down[0] = [0] * 7 + [1] * 6  # the hard ones right, the easy ones wrong
    theta[0] = 0.0
    found = fit.lz_star(ResponseMatrix(upside_down, responses.item_ids), BANK, theta)
    assert found[0] == np.nanmin(found)
    assert found[0] < -3


def test_passages_whose_items_lean_on_each_other_are_found() -> None:
    rng = np.random.default_rng(12)
    n = 3000
    theta = rng.standard_normal(n)
    passages = {item.item_id: f"P{k // 3}" for k, item in enumerate(BANK[:12])}
    effect = np.zeros((n, 12))
    effect[:, 3:6] = rng.normal(0, 1.4, n)[:, None]  # the second passage has an ability of its own
    p = np.array([1 / (1 + np.exp(-i.a * (theta + effect[:, k] - i.b[0]))) for k, i in enumerate(BANK[:12])]).T
    responses = ResponseMatrix((rng.random(p.shape) < p).astype(np.int8), tuple(passages))
    correlations = fit.q3(responses, BANK[:12], theta)
    found = {row.passage: row for row in fit.passage_dependence(tuple(passages), correlations, passages)}
    assert [name for name, row in found.items() if row.is_dependent] == ["P1"]
    assert found["P1"].excess > 0.15
    assert abs(found["P0"].excess) < 0.06


def test_q3_is_the_correlation_of_residuals_also_with_missing_answers() -> None:
    responses, theta = simulated(300, 2, BANK[:4])
    scores = responses.scores.copy()
    scores[:100, 0] = -1
    holes = ResponseMatrix(scores, responses.item_ids)
    found = fit.q3(holes, BANK[:4], theta)
    residual = np.array([
        scores[100:, k] - 1 / (1 + np.exp(-BANK[k].a * (theta[100:] - BANK[k].b[0]))) for k in (0, 1)
    ])  # fmt: skip
    assert found[0, 1] == pytest.approx(np.atleast_2d(np.corrcoef(residual))[0, 1])


def test_classical_figures_by_hand() -> None:
    """Six persons, three items: p, item-rest correlation and alpha worked out from their definitions."""
    scores = np.array([[1, 1, 1], [1, 1, 0], [1, 0, 0], [0, 0, 0], [1, 1, 1], [0, 1, 0]], dtype=np.int8)
    responses = ResponseMatrix(scores, ("a", "b", "c"))
    first = fit.classical(responses, [1, 1, 1])[0]
    assert first.p == pytest.approx(4 / 6)
    assert first.item_rest == pytest.approx(np.corrcoef([1, 1, 1, 0, 1, 0], [2, 1, 0, 0, 2, 1])[0, 1])
    variances = scores.var(axis=0, ddof=1).sum() / scores.sum(axis=1).var(ddof=1)
    assert fit.cronbach_alpha(scores.astype(float)) == pytest.approx(1.5 * (1 - variances))


def test_distractors_tell_who_chose_what() -> None:
    chosen, level = ["A", "B", "A", "C", "", "A"], np.array([1.0, -1.0, 0.8, -0.5, 0.0, 1.2])
    rows = {row.option: row for row in fit.distractors("i", chosen, "A", level)}
    assert rows["A"].is_key
    assert rows["A"].share == pytest.approx(3 / 5)
    assert rows["A"].correlation > 0.9
    assert rows["B"].correlation < 0
    assert rows["B"].mean_criterion == -1.0
