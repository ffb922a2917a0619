"""Conditional likelihood: enumeration, finite differences, and multistage designs that must not be ignored."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from psychometrics.cml import _Problem, calibrate_conditional
from psychometrics.data import Design, ResponseMatrix, RoutingRule
from psychometrics.errors import BlockMissingError, ConditionalModelError, RouteMismatchError
from psychometrics.mml import calibrate
from psychometrics.recoding import Census


def _complete(n: int, b: np.ndarray, seed: int) -> ResponseMatrix:
    rng = np.random.default_rng(seed)
    theta = rng.standard_normal(n)
    scores = (rng.random((n, len(b))) < 1.0 / (1.0 + np.exp(-(theta[:, None] - b)))).astype(np.int8)
    return ResponseMatrix(scores, tuple(f"i{k}" for k in range(len(b))))


RULES = (RoutingRule("A", "B", 0, 3), RoutingRule("A", "C", 4, 6))
DESIGN = Design({"A": ("0", "1"), "B": ("2", "3"), "C": ("4", "5")}, RULES)
TOTAL_DESIGN = Design(
    {"A": ("0",), "B": ("1",), "C": ("2", "3"), "D": ("4", "5")},
    (
        RoutingRule("A", "B", 0, 3, "total"),
        RoutingRule("B", "C", 0, 3, "total"),
        RoutingRule("B", "D", 4, 6, "total"),
    ),
)


def _partial_credit(n: int, seed: int) -> ResponseMatrix:
    """Six items of four categories; items 0 and 1 route to 2 and 3 or to 4 and 5."""
    rng = np.random.default_rng(seed)
    theta = rng.standard_normal(n)[:, None, None]
    b = rng.normal(0.0, 0.5, (6, 1)) + np.array([-0.8, 0.0, 0.8])
    weights = np.cumsum(theta - b, axis=2)
    p = np.exp(np.concatenate((np.zeros((n, 6, 1)), weights), axis=2))
    p /= p.sum(axis=2, keepdims=True)
    scores = (rng.random((n, 6, 1)) > np.cumsum(p, axis=2)).sum(axis=2).clip(0, 3).astype(np.int8)
    is_low = scores[:, :2].sum(axis=1) <= 3
    scores[is_low, 4:] = -1
    scores[~is_low, 2:4] = -1
    return ResponseMatrix(scores, tuple("012345"))


@pytest.mark.parametrize("design", [DESIGN, TOTAL_DESIGN], ids=["module", "total"])
def test_height_is_that_of_enumeration(design: Design) -> None:
    data = _partial_credit(300, 3)
    problem = _Problem(data, Census.of([data]).recoding(), data, design)
    rng = np.random.default_rng(1)
    d = rng.normal(0.0, 0.5, len(problem.category))
    table = np.zeros((6, 4))
    for k in range(6):
        size = int(problem.recoding.n_steps[k])
        table[k, 1 : size + 1] = d[problem.offsets[k] : problem.offsets[k + 1]]
    expected = 0.0
    for row in data.scores:
        items = np.flatnonzero(row >= 0)
        first = int(row[:2].sum()) <= 3
        total = int(row[items].sum())
        ways = [
            w
            for w in product(range(4), repeat=4)
            if sum(w) == total
            and (w[0] + w[1] <= 3) == first
            and (design is DESIGN or w[0] <= 3)
            and all(c <= problem.recoding.n_steps[i] for c, i in zip(w, items, strict=True))
        ]
        bottom = sum(np.exp(sum(table[i, c] for i, c in zip(items, w, strict=True))) for w in ways)
        expected += sum(table[i, row[i]] for i in items) - np.log(bottom)
    assert problem.look(d, second=False)[0] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("design", [DESIGN, TOTAL_DESIGN], ids=["module", "total"])
def test_derivatives_agree_with_finite_differences(design: Design) -> None:
    data = _partial_credit(400, 5)
    problem = _Problem(data, Census.of([data]).recoding(), data, design)
    d = np.random.default_rng(2).normal(0.0, 0.5, len(problem.category))
    _, gradient, information = problem.look(d, second=True)
    h = 1e-5
    for k in range(len(d)):
        step = np.zeros(len(d))
        step[k] = h
        up, down = problem.look(d + step, second=False), problem.look(d - step, second=False)
        assert gradient[k] == pytest.approx((up[0] - down[0]) / (2 * h), abs=1e-5)
        np.testing.assert_allclose(information[k], -(up[1] - down[1]) / (2 * h), atol=1e-5)


def test_two_items_have_the_closed_form() -> None:
    """b2 - b1 = log(n10 / n01), with error sqrt(1/n10 + 1/n01); each b half of it from the middle."""
    rows = [[1, 0]] * 40 + [[0, 1]] * 15 + [[1, 1]] * 9 + [[0, 0]] * 7
    found = calibrate_conditional(ResponseMatrix(np.array(rows, dtype=np.int8), ("a", "b")))
    assert found.items[1].b[0] - found.items[0].b[0] == pytest.approx(np.log(40 / 15), abs=1e-9)
    assert found.items[0].b[0] + found.items[1].b[0] == pytest.approx(0.0, abs=1e-12)
    assert 2.0 * found.items[0].se_b[0] == pytest.approx(np.sqrt(1 / 40 + 1 / 15), rel=1e-6)


def test_difficulties_are_recovered_within_their_errors() -> None:
    b = np.random.default_rng(4).normal(0.0, 1.0, 30)
    found = calibrate_conditional(_complete(4000, b, 6))
    z = [(item.b[0] - t) / item.se_b[0] for item, t in zip(found.items, b - b.mean(), strict=True)]
    assert 0.6 < float(np.std(z)) < 1.5
    assert found.gradient_norm < 1e-6
    assert found.condition_number < 10.0


def _routed(n: int, seed: int) -> tuple[ResponseMatrix, Design, np.ndarray]:
    rng = np.random.default_rng(seed)
    b = np.concatenate([rng.normal(m, 0.7, 10) for m in (0.0, -1.0, 1.0)])
    data = _complete(n, b, seed + 1)
    scores = data.scores.copy()
    is_high = scores[:, :10].sum(axis=1) >= 5
    scores[is_high, 10:20] = -1
    scores[~is_high, 20:] = -1
    modules = {
        name: tuple(f"i{k}" for k in range(start, start + 10)) for name, start in (("R", 0), ("E", 10), ("H", 20))
    }
    rules = (RoutingRule("R", "E", 0, 4), RoutingRule("R", "H", 5, 10))
    return ResponseMatrix(scores, data.item_ids), Design(modules, rules), b


def test_ignoring_the_routing_is_wrong_and_knowing_it_is_right() -> None:
    """The trap: conditional likelihood without the routing is biased by design, however many persons there are."""
    data, design, b = _routed(8000, 8)

    def rmse(given: Design) -> float:
        found = calibrate_conditional(data, "rasch", given)
        return float(np.sqrt(np.mean((np.array([item.b[0] for item in found.items]) - (b - b.mean())) ** 2)))

    assert rmse(design) < 0.05
    assert rmse(Design(design.modules)) > 0.15


def test_conditional_and_marginal_agree_on_a_routed_test() -> None:
    data, design, _ = _routed(8000, 9)
    conditional = np.array([item.b[0] for item in calibrate_conditional(data, "rasch", design).items])
    marginal = np.array([item.b[0] for item in calibrate(data, "rasch").items])
    np.testing.assert_allclose(conditional, marginal - marginal.mean(), atol=0.05)


def test_missing_blocks_without_a_design_are_refused() -> None:
    data, _, _ = _routed(500, 10)
    with pytest.raises(BlockMissingError, match="no design is given"):
        calibrate_conditional(data)


def test_models_without_sufficient_score_are_refused() -> None:
    with pytest.raises(ConditionalModelError, match="not for model 2pl"):
        calibrate_conditional(_complete(100, np.zeros(3), 1), "2pl")


def test_a_person_on_no_route_is_named() -> None:
    data, design, _ = _routed(300, 11)
    scores = data.scores.copy()
    is_high = scores[:, 20] >= 0
    scores[7, 10:20], scores[7, 20:] = (-1, 1) if not is_high[7] else (1, -1)
    with pytest.raises(RouteMismatchError, match="person number 8: the items answered and the number correct"):
        calibrate_conditional(ResponseMatrix(scores, data.item_ids), "rasch", design)
    short = Design({**design.modules, "X": ("i99",)}, design.rules)
    with pytest.raises(RouteMismatchError, match="item 'i99' of the design has no column"):
        calibrate_conditional(data, "rasch", short)


def test_not_reached_counts_as_the_routing_counted_it() -> None:
    data, design, _ = _routed(2000, 12)
    scores = data.scores.copy()
    rows = np.flatnonzero(scores[:, 19] == 0)[:50]
    scores[rows, 19] = -2
    found = calibrate_conditional(ResponseMatrix(scores, data.item_ids), "rasch", design)
    assert found.log_likelihood == pytest.approx(calibrate_conditional(data, "rasch", design).log_likelihood)
