"""Long proofs: tests of fit and of group differences reject true models as often as they say, and no more."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from psychometrics import dif, fit
from psychometrics.data import ResponseMatrix
from psychometrics.items import ItemParameters
from psychometrics.linking import link
from psychometrics.mml import Options, calibrate
from psychometrics.scoring import score

pytestmark = pytest.mark.prove

RATE = 0.05
CERTAINTY = 1e-4  # chance that a right test would be called wrong here
B = np.linspace(-1.6, 1.6, 20)
A = 0.8 + 0.07 * (np.arange(20) % 10)


def drawn(rng: np.random.Generator, n: int, shift: np.ndarray | float = 0.0, spread: float = 1.0) -> ResponseMatrix:
    theta = spread * rng.standard_normal(n) + shift
    p = 1 / (1 + np.exp(-A * (theta[:, None] - B)))
    return ResponseMatrix((rng.random(p.shape) < p).astype(np.int8), tuple(f"i{k}" for k in range(20)))


def within_chance(rejected: int, tests: int, *, slack: float = 0.0) -> bool:
    low, high = (float(binom.ppf(p, tests, RATE)) for p in (CERTAINTY / 2, 1 - CERTAINTY / 2))
    return bool(low - slack * tests <= rejected <= high + slack * tests)


def test_s_x2_and_m2_of_calibrated_items_reject_one_in_twenty() -> None:
    rng = np.random.default_rng(1)
    items = whole = 0
    for _ in range(60):
        data = drawn(rng, 1500)
        found = calibrate(data, "2pl", Options(standard_errors="none")).items
        items += sum(item.p < RATE for item in fit.s_x2(data, found, fit.normal_population()))
        whole += fit.m2(data, found, fit.normal_population()).p < RATE
    # the reference distribution of S-X2 is approximate (Orlando & Thissen 2000 found 0.04 to 0.06)
    assert within_chance(items, 60 * 20, slack=0.015)
    assert within_chance(whole, 60)


def test_group_differences_in_ability_alone_are_flagged_one_time_in_twenty_at_most_once_matched() -> None:
    rng = np.random.default_rng(2)
    mantel = logistic = 0
    for _ in range(60):
        focal = rng.random(1000) < 0.5
        data = drawn(rng, 1000, -0.3 * focal)
        data = ResponseMatrix(data.scores, data.item_ids, groups=np.where(focal, "F", "R"))
        mantel += sum(row.is_flagged for row in dif.screen_mantel_haenszel(data, "F", purify="no"))
        logistic += sum(row.is_flagged for row in dif.screen_logistic(data, "F", purify="no"))
    # Mantel-Haenszel with continuity correction is conservative; matching on a sum of unequal slopes costs a little
    assert mantel / (60 * 20) < RATE + 0.015
    assert within_chance(logistic, 60 * 20, slack=0.02)


def test_person_fit_calls_one_true_person_in_twenty_odd() -> None:
    rng = np.random.default_rng(3)
    items = tuple(ItemParameters(f"i{k}", "2pl", float(A[k]), (float(B[k]),)) for k in range(20))
    data = drawn(rng, 20_000)
    found = fit.lz_star(data, items, score(data, items, "wle").theta)
    rejected = int((found < -1.645).sum())
    assert within_chance(rejected, 20_000, slack=0.012)


def test_standard_errors_of_a_linking_are_its_spread_over_replications() -> None:
    """Two calibrations of one set of items with 1,500 people each, 100 times; a spread over 100 is known to 7 %."""
    rng = np.random.default_rng(5)
    lines, errors = [], []
    for _ in range(100):
        new = calibrate(drawn(rng, 1500, 0.4, 1.2), "2pl", Options()).items
        base = calibrate(drawn(rng, 1500), "2pl", Options()).items
        found = link(new, base, persons=(1500, 1500))
        lines.append((found.slope, found.intercept))
        errors.append(found.standard_errors())
    spread = np.std(lines, axis=0, ddof=1)
    np.testing.assert_allclose(np.mean(lines, axis=0), (1.2, 0.4), atol=4.5 * spread.max() / 10)
    np.testing.assert_allclose(np.mean(errors, axis=0), spread, rtol=0.28)
