"""Linking against Kolen & Brennan (2004) Table 6.5 as R's plink computes it, and its laws."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psychometrics.errors import CategoriesDifferError, NoDifficultiesError, TooFewCommonItemsError
from psychometrics.items import ItemParameters
from psychometrics.linking import (
    METHODS,
    Method,
    displacements,
    equal_weights,
    link,
    normal_theta_weights,
    observed_score_equating,
    rescale,
    true_score_equating,
)
from tests.psychometrics.published import read_matrix

COMMON = {int(row[0]) - 1 for row in read_matrix("kb04_common.csv")}
TABLE = read_matrix("kb04_3pl_formX_formY.csv")
# tests/golden/psychometrics/README.md: X on the scale of Y. mean/sigma 1.168892 comes from standard deviations that
# plink rounded to six digits; the parameters themselves give 1.1688910.
KB04 = {
    ("mean-mean", 1.0): (1.217266, -0.557155, 1e-6),
    ("mean-sigma", 1.0): (1.168892, -0.515543, 1.1e-6),
    ("haebara", 1.0): (1.112133, -0.465667, 1e-6),
    ("haebara", 1.7): (1.092919, -0.457488, 1e-6),
    ("stocking-lord", 1.0): (1.119231, -0.485545, 1e-6),
    ("stocking-lord", 1.7): (1.101547, -0.476496, 1e-6),
}


def form(name: str, *, scale: float = 1.0, se: float | None = None) -> tuple[ItemParameters, ...]:
    """Form X or Y; common items share their ids; `scale` is the D of a table written with another metric."""
    start = {"X": 0, "Y": 3}[name]
    errors: dict[str, Any] = {} if se is None else {"se_a": se, "se_b": (se,), "se_c": se / 3}
    return tuple(
        ItemParameters(
            f"common{k}" if k in COMMON else f"{name}{k}", "3pl", row[start] * scale, (row[start + 1],), row[start + 2],
            **errors,
        )
        for k, row in enumerate(TABLE)
    )  # fmt: skip


@pytest.mark.parametrize(("method", "scale"), KB04)
def test_constants_are_those_of_kolen_and_brennan(method: Method, scale: float) -> None:
    slope, intercept, tolerance = KB04[method, scale]
    found = link(form("X", scale=scale), form("Y", scale=scale), method=method)
    assert found.slope == pytest.approx(slope, abs=tolerance)
    assert found.intercept == pytest.approx(intercept, abs=tolerance)
    assert len(found.common) == 12


def test_true_scores_of_form_x_have_the_printed_equivalents_on_form_y() -> None:
    x, y = form("X", scale=1.7), form("Y", scale=1.7)
    table = true_score_equating(rescale(x, link(x, y)), y)
    assert table[18] == pytest.approx(18.6626, abs=5e-5)
    assert table[30] == pytest.approx(30.7829, abs=5e-5)
    assert table[0] == 0.0
    assert table[36] == 36.0
    assert (np.diff(table) > 0).all()


def test_the_place_where_curves_are_compared_is_stated_and_matters() -> None:
    """Other packages' constants for the same data differ because their weighting of theta does, unstated."""
    x, y = form("X"), form("Y")
    default, normal = link(x, y), link(x, y, weights=normal_theta_weights())
    assert default.theta_weights == "40 equally weighted thetas from -4 to 4"
    assert "normal population" in normal.theta_weights
    assert abs(default.intercept - normal.intercept) > 0.03


def test_equating_a_form_to_itself_changes_no_score() -> None:
    y = form("Y")
    scores = np.arange(37)
    np.testing.assert_allclose(true_score_equating(y, y), scores, atol=1e-9)
    np.testing.assert_allclose(observed_score_equating(y, y, normal_theta_weights()), scores, atol=1e-9)


def test_observed_and_true_score_equivalents_are_near_each_other() -> None:
    x, y = form("X", scale=1.7), form("Y", scale=1.7)
    moved = rescale(x, link(x, y))
    true, observed = true_score_equating(moved, y), observed_score_equating(moved, y, normal_theta_weights())
    assert np.abs(true - observed)[10:34].max() < 0.25


LINE = {"slope": st.floats(0.6, 1.6), "intercept": st.floats(-1.5, 1.5)}


@settings(max_examples=10)
@given(**LINE)
@pytest.mark.parametrize("method", METHODS)
def test_a_line_between_two_scales_is_found_again(method: Method, slope: float, intercept: float) -> None:
    base = mixed()
    new = tuple(moved(item, slope, intercept) for item in base)
    chosen = [item for item in new if item.model != "nominal"] if method.startswith("mean") else new
    found = link(chosen, base, method=method)
    assert found.slope == pytest.approx(slope, abs=1e-6)
    assert found.intercept == pytest.approx(intercept, abs=1e-6)
    for item, original in zip(rescale(new, found), base, strict=True):
        np.testing.assert_allclose(item.b or item.intercepts, original.b or original.intercepts, atol=1e-5)


def mixed() -> tuple[ItemParameters, ...]:
    return (
        ItemParameters("p", "2pl", 1.1, (-1.0,)),
        ItemParameters("q", "3pl", 1.4, (0.4,), 0.2),
        ItemParameters("r", "graded", 0.9, (-0.8, 0.3, 1.5)),
        ItemParameters("s", "gpcm", 0.7, (0.5, -0.2)),
        ItemParameters("t", "nominal", slopes=(0.6, 1.5), intercepts=(0.4, -0.3)),
        ItemParameters("u", "2pl", 0.8, (1.6,)),
    )


def moved(item: ItemParameters, slope: float, intercept: float) -> ItemParameters:
    """The item on a scale where theta_base = slope · theta + intercept."""
    if item.model == "nominal":
        d = tuple(c + a * intercept for a, c in zip(item.slopes, item.intercepts, strict=True))
        return replace(item, slopes=tuple(a * slope for a in item.slopes), intercepts=d)
    return replace(item, a=item.a * slope, b=tuple((b - intercept) / slope for b in item.b))


def test_rasch_scales_are_only_shifted() -> None:
    base = tuple(ItemParameters(f"i{k}", "rasch", 1.0, (b,)) for k, b in enumerate((-1.0, 0.0, 0.7, 1.2)))
    new = tuple(replace(item, b=(1.1 * item.b[0] + 0.4,)) for item in base)
    for method in METHODS:
        found = link(new, base, method=method)
        assert found.slope == 1.0
        assert {item.model for item in rescale(new, found)} == {"rasch"}


@pytest.mark.parametrize("method", METHODS)
def test_standard_errors_are_the_spread_over_redrawn_parameters(method: Method) -> None:
    """400 draws of the parameters by their standard errors: the delta method within 20 %."""
    x, y = form("X", se=0.05), form("Y", se=0.05)
    found = link(x, y, method=method)
    rng = np.random.default_rng(7)
    draws = 400 if method.startswith("mean") else 150
    lines = np.array([
        [line.slope, line.intercept]
        for line in (quick_link(redrawn(x, rng), redrawn(y, rng), method) for _ in range(draws))
    ])  # fmt: skip
    given_errors = found.standard_errors()
    assert given_errors is not None
    tolerance = 0.2 if draws == 400 else 0.3
    np.testing.assert_allclose(lines.std(axis=0, ddof=1), given_errors, rtol=tolerance)


def quick_link(x, y, method):
    from psychometrics import linking

    pairs = linking.common_items(x, y)
    problem = linking._Problem(method, equal_weights(points=20), "base", slope_is_one=False)
    solve = linking._moments if method.startswith("mean") else linking._curves
    slope, intercept = solve(pairs, problem)
    return linking.Linking(method, slope, intercept, None, np.zeros((2, 2)), (), "")


def redrawn(items, rng):
    return tuple(
        replace(i, a=i.a + rng.normal(0, 0.05), b=(i.b[0] + rng.normal(0, 0.05),), c=i.c + rng.normal(0, 0.05 / 3))
        for i in items
    )


def test_an_item_that_moved_stands_out_among_the_common_ones() -> None:
    x, y = form("X"), form("Y")
    name = x[5].item_id
    pushed = tuple(replace(i, b=(i.b[0] + 1.2,)) if i.item_id == name else i for i in x)
    rows = {row.item_id: row for row in displacements(pushed, y, link(pushed, y))}
    assert abs(rows[name].robust_z) == max(abs(row.robust_z) for row in rows.values())
    assert rows[name].displacement > 0.8


def test_nominal_items_link_but_have_no_displacement() -> None:
    base = mixed()
    new = tuple(moved(item, 1.3, -0.2) for item in base)
    rows = displacements(new, base, link(new, base))
    assert [row.item_id for row in rows] == [item.item_id for item in base if item.model != "nominal"]
    assert max(abs(row.displacement) for row in rows) < 1e-5


def test_symmetric_criteria_do_not_care_which_form_is_the_base() -> None:
    x, y = form("X"), form("Y")
    for method in ("haebara", "stocking-lord"):
        there, back = link(x, y, method=method, symmetry="both"), link(y, x, method=method, symmetry="both")
        assert there.slope * back.slope == pytest.approx(1.0, abs=1e-6)
        assert there.intercept == pytest.approx(-back.intercept * there.slope, abs=1e-6)


def test_calibrations_that_share_too_little_are_refused() -> None:
    x, y = form("X"), form("Y")
    with pytest.raises(TooFewCommonItemsError, match="share 1 items; two are needed"):
        link(x[:3], y)
    with pytest.raises(NoDifficultiesError, match="Use haebara or stocking-lord"):
        link(mixed(), mixed(), method="mean-sigma")
    other = replace(mixed()[0], model="graded", b=(0.0, 1.0))
    with pytest.raises(CategoriesDifferError, match="Item p has other categories"):
        link((other, *mixed()[1:]), mixed())
