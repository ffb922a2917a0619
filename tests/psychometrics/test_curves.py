"""Bulk category curves against the engine's scalar formulas and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import irt
from psychometrics.curves import ItemCurves, LogisticCurves, category_curves, curves_of
from psychometrics.items import ItemParameters, Model

THETA = np.linspace(-4.0, 4.0, 17)
SLOPE, PLACE = st.floats(0.3, 3.0), st.floats(-2.5, 2.5)


@st.composite
def items(draw: st.DrawFn) -> ItemParameters:
    models: tuple[Model, ...] = ("rasch", "2pl", "3pl", "pcm", "gpcm", "graded", "nominal")
    model = draw(st.sampled_from(models))
    a = 1.0 if model in {"rasch", "pcm"} else draw(SLOPE)
    places = tuple(draw(st.lists(PLACE, min_size=3, max_size=3)))
    match model:
        case "rasch" | "2pl":
            return ItemParameters("i", model, a, places[:1])
        case "3pl":
            return ItemParameters("i", model, a, places[:1], draw(st.floats(0.0, 0.4)))
        case "graded":
            return ItemParameters("i", model, a, (places[0], places[0] + 0.4, places[0] + 1.3))
        case "nominal":
            return ItemParameters("i", model, slopes=(0.5 * a, a, 1.7 * a), intercepts=places)
        case _:
            return ItemParameters("i", model, a, places)


@given(items())
def test_category_curves_are_the_engines(item: ItemParameters) -> None:
    p, _ = category_curves(item, THETA)
    expected = [irt.category_probabilities(item.to_engine(), float(t)) for t in THETA]
    np.testing.assert_allclose(p.T, expected, rtol=0, atol=1e-12)


@given(items())
def test_slopes_are_finite_differences(item: ItemParameters) -> None:
    h = 1e-5
    numeric = (category_curves(item, THETA + h)[0] - category_curves(item, THETA - h)[0]) / (2 * h)
    np.testing.assert_allclose(category_curves(item, THETA)[1], numeric, rtol=0, atol=1e-8)


@given(items())
def test_information_is_the_engines(item: ItemParameters) -> None:
    ours = ItemCurves((item,)).information(THETA)[0]
    theirs = [irt.test_information([item.to_engine()], float(t)) for t in THETA]
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_the_quick_form_for_right_or_wrong_items_equals_the_general_one() -> None:
    chosen = (
        ItemParameters("a", "rasch", 1.0, (0.3,)),
        ItemParameters("b", "2pl", 1.7, (-0.4,)),
        ItemParameters("c", "3pl", 0.8, (1.0,), 0.2),
    )
    quick, general = curves_of(chosen), ItemCurves(chosen)
    assert isinstance(quick, LogisticCurves)
    np.testing.assert_allclose(quick.correct(THETA), general.correct(THETA), atol=1e-15)
    np.testing.assert_allclose(quick.information(THETA), general.information(THETA), atol=1e-13)
    rows = np.array([2, 0])
    np.testing.assert_allclose(quick.subset(rows).correct(THETA), general.subset(rows).correct(THETA), atol=1e-15)


def test_number_correct_of_a_partial_credit_item_counts_full_marks_only() -> None:
    item = ItemParameters("i", "gpcm", 1.2, (-0.5, 0.5))
    full = ItemCurves((item,)).correct(np.array([0.0]))[0, 0]
    assert full == pytest.approx(irt.category_probabilities(item.to_engine(), 0.0)[2])
