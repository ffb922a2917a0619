"""The likelihood, its gradient and its information, against brute force and finite differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine import irt
from psychometrics.blocks import make_blocks, row_keys, same_rows
from psychometrics.data import ResponseMatrix
from psychometrics.expectation import Expectation
from psychometrics.items import Model
from psychometrics.layout import Layout, number_free, value_offsets

NODES = np.linspace(-6.0, 6.0, 61)
POWER: tuple[Model, ...] = ("2pl", "gpcm", "rasch")
MIXED: tuple[Model, ...] = ("2pl", "gpcm", "graded", "3pl", "nominal")
STEPS = {"2pl": 1, "rasch": 1, "3pl": 1, "gpcm": 2, "graded": 2, "nominal": 2}
START = {
    "2pl": [1.2, 0.3],
    "rasch": [1.0, -0.4],
    "3pl": [1.5, -0.2, -1.3],
    "gpcm": [0.8, 0.5, 0.2],
    "graded": [1.3, 0.9, -0.6],
    "nominal": [0.5, 1.1, 0.2, -0.3],
}


def _case(models: tuple[Model, ...], kind: str, seed: int = 1) -> tuple[Expectation, np.ndarray, ResponseMatrix]:
    """A small data set: complete, in two forms (routes), or with cells missing at random; two groups, a covariate."""
    rng = np.random.default_rng(seed)
    n, j = 160, len(models)
    steps = np.array([STEPS[model] for model in models])
    scores = np.stack([rng.integers(0, m + 1, n) for m in steps], axis=1).astype(np.int8)
    if kind == "forms":
        scores[:80, 0] = -1
        scores[80:, 1] = -1
    if kind == "holes":
        scores[rng.random((n, j)) < 0.2] = -1
    data = ResponseMatrix(
        scores,
        tuple(f"i{k}" for k in range(j)),
        groups=np.where(np.arange(n) % 2 == 0, "a", "b"),
        weights=rng.integers(1, 3, n).astype(np.float64),
        covariates=rng.normal(0.0, 1.0, (n, 1)),
        covariate_names=("x",),
    )
    offsets = value_offsets(models, steps)
    start = np.concatenate((*[START[model] for model in models], [0.1, -0.2], [0.1, -0.1], [0.3]))
    layout = Layout(models, steps, 2, 1, number_free(np.ones(len(start), dtype=bool), ()), start)
    assert offsets[-1] + 5 == len(start)
    return Expectation(layout, make_blocks([data], ("a", "b"), steps + 1), NODES), start, data


CASES = [(models, kind) for models in (POWER, MIXED) for kind in ("complete", "forms", "holes")]


@pytest.mark.parametrize(("models", "kind"), CASES)
def test_height_is_that_of_the_engine_person_by_person(models: tuple[Model, ...], kind: str) -> None:
    expectation, full, data = _case(models, kind)
    layout = expectation.layout
    items = _engine_items(models, full, layout)
    assert data.covariates is not None
    assert data.groups is not None
    expected = 0.0
    for k in range(data.n_persons):
        g = 0 if data.groups[k] == "a" else 1
        mean = full[layout.first_mean + g] + full[layout.first_coefficient] * data.covariates[k, 0]
        sd = np.exp(full[layout.first_log_sd + g])
        pattern = [cell if cell >= 0 else None for cell in data.scores[k].tolist()]
        if not any(cell is not None for cell in pattern):
            continue
        logs = np.array([irt.log_likelihood(pattern, items, x) for x in NODES.tolist()])
        prior = np.exp(-0.5 * ((NODES - mean) / sd) ** 2) / (sd * np.sqrt(2.0 * np.pi)) * (NODES[1] - NODES[0])
        expected += data.row_weights[k] * np.log(np.exp(logs) @ prior)
    assert expectation.sweep(full).log_likelihood == pytest.approx(expected, rel=1e-12)


def _engine_items(models: tuple[Model, ...], full: np.ndarray, layout: Layout) -> list[irt.ItemParameters]:
    from psychometrics.items import SlopeIntercept, to_difficulty

    return [
        to_difficulty(
            SlopeIntercept("x", "2pl" if model == "rasch" else model, full[layout.offsets[k] : layout.offsets[k + 1]])
        ).to_engine()
        for k, model in enumerate(models)
    ]


@pytest.mark.parametrize(("models", "kind"), CASES)
def test_gradient_agrees_with_finite_differences(models: tuple[Model, ...], kind: str) -> None:
    expectation, full, _ = _case(models, kind)
    gradient, h = expectation.sweep(full).gradient, 1e-6
    for k in range(len(full)):
        step = np.zeros(len(full))
        step[k] = h
        up, down = (expectation.sweep(full + s).log_likelihood for s in (step, -step))
        assert gradient[k] == pytest.approx((up - down) / (2 * h), abs=2e-5)


@pytest.mark.parametrize(("models", "kind"), CASES)
def test_information_agrees_with_finite_differences(models: tuple[Model, ...], kind: str) -> None:
    expectation, full, _ = _case(models, kind)
    information, h = expectation.information(full), 1e-6
    for k in range(len(full)):
        step = np.zeros(len(full))
        step[k] = h
        up, down = (expectation.sweep(full + s).gradient for s in (step, -step))
        np.testing.assert_allclose(information[k], -(up - down) / (2 * h), atol=2e-5)


@pytest.mark.parametrize("models", [POWER, MIXED])
def test_score_products_are_those_of_each_person_alone(models: tuple[Model, ...]) -> None:
    """Sum of w g g' with g the gradient of one person's log-likelihood, the weights being frequencies."""
    expectation, full, data = _case(models, "holes")
    expected = np.zeros((len(full), len(full)))
    steps = expectation.layout.n_steps
    for k in range(data.n_persons):
        alone = make_blocks([data.with_persons(np.array([k]))], ("a", "b"), steps + 1)
        if alone:
            g = Expectation(expectation.layout, alone, NODES).sweep(full).gradient / data.row_weights[k]
            expected += data.row_weights[k] * np.outer(g, g)
    np.testing.assert_allclose(expectation.score_products(full), expected, atol=1e-9)


def test_rare_patterns_share_a_block_and_common_ones_have_their_own() -> None:
    rng = np.random.default_rng(2)
    scores = rng.integers(0, 2, (400, 12)).astype(np.int8)
    scores[:200, 6:] = -1
    scores[380:][rng.random((20, 12)) < 0.3] = -1
    scores[399] = -1
    blocks = make_blocks([ResponseMatrix(scores, tuple("abcdefghijkl"))], ("all",), np.full(12, 2))
    assert sorted((float(block.weights.sum()) > 100.0, block.is_masked) for block in blocks) == [
        (False, True),
        (True, False),
        (True, False),
    ]
    assert sum(block.weights.sum() for block in blocks) == 399.0


def test_equal_patterns_are_counted_once() -> None:
    scores = np.array([[0, 1], [1, 1], [0, 1], [0, 1]] * 5, dtype=np.int8)
    data = ResponseMatrix(scores, ("a", "b"), weights=np.full(20, 2.0))
    (block,) = make_blocks([data], ("all",), np.array([2, 2]))
    assert block.scores.tolist() == [[0, 1], [1, 1]]
    assert block.weights.tolist() == [30.0, 10.0]
    assert block.squared_weights.tolist() == [30.0, 10.0]
    halves = replace(data, weights=np.full(20, 0.5))
    (block,) = make_blocks([halves], ("all",), np.array([2, 2]))
    assert block.squared_weights.tolist() == [3.75, 1.25]


def test_equal_rows_are_found_whatever_their_number() -> None:
    rng = np.random.default_rng(3)
    array = rng.integers(0, 2, (500, 5)).astype(np.int8)
    found = list(same_rows(array))
    assert sorted(np.concatenate(found).tolist()) == list(range(500))
    assert len(found) == len(np.unique(array, axis=0))
    for rows in found:
        assert (array[rows] == array[rows[0]]).all()
    assert len(np.unique(row_keys(np.unique(rng.integers(0, 9, (5000, 9)).astype(np.int8), axis=0)))) > 4900
