"""Parameter forms, their standard errors, and the files they live in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import irt
from psychometrics import items
from psychometrics.errors import DoubleItemError, ParameterFileError, UnknownModelError, UnreadableFileError
from psychometrics.items import ItemParameters, Model

ALL = (
    ItemParameters("r", "rasch", 1.0, (-0.3,), se_b=(0.1,)),
    ItemParameters("t", "2pl", 1.4, (0.6,), se_a=0.2, se_b=(0.1,)),
    ItemParameters("c", "3pl", 1.7, (0.4,), 0.21, se_a=0.3, se_b=(0.2,), se_c=0.05),
    ItemParameters("p", "gpcm", 0.8, (-1.0, 0.2, 0.1), se_a=0.1, se_b=(0.2, 0.1, 0.1)),
    ItemParameters("g", "graded", 1.1, (-1.0, 0.2), se_a=0.1, se_b=(0.2, 0.1)),
    ItemParameters(
        "n", "nominal", slopes=(0.5, 1.2), intercepts=(0.3, -0.1), se_slopes=(0.1, 0.2), se_intercepts=(0.3, 0.4)
    ),
)


def test_written_parameters_are_read_back(tmp_path: Path) -> None:
    items.write_parameters(tmp_path / "params.csv", ALL)
    assert items.read_parameters(tmp_path / "params.csv") == ALL


def test_columns_are_those_promised(tmp_path: Path) -> None:
    items.write_parameters(tmp_path / "params.csv", ALL[3:5])
    header = (tmp_path / "params.csv").read_text().splitlines()[0]
    assert header == "item,model,a,b1,b2,b3,c,se_a,se_b1,se_b2,se_b3,se_c"


def test_nominal_columns_are_named_a_and_c(tmp_path: Path) -> None:
    items.write_parameters(tmp_path / "params.csv", ALL[5:])
    lines = (tmp_path / "params.csv").read_text().splitlines()
    assert lines[0] == "item,model,a,b1,c,se_a,se_b1,se_c,a1,a2,c1,c2,se_a1,se_a2,se_c1,se_c2"
    assert lines[1] == "n,nominal,,,,,,,0.5,1.2,0.3,-0.1,0.1,0.2,0.3,0.4"


MODELS: tuple[Model, ...] = ("2pl", "3pl", "gpcm", "graded", "nominal")


@given(st.sampled_from(MODELS), st.floats(0.3, 3.0), st.floats(-2.0, 2.0), st.floats(0.1, 1.5))
def test_difficulty_jacobian_agrees_with_finite_differences(model: Model, a: float, d: float, gap: float) -> None:
    values = {
        "2pl": [a, d],
        "3pl": [a, d, -1.2],
        "gpcm": [a, d, d - gap],
        "graded": [a, d, d - gap],
        "nominal": [a, 2 * a, d, gap],
    }[model]
    start, h = np.array(values), 1e-6
    _, jacobian = items.difficulty_transform(model, start)
    for k in range(len(start)):
        step = np.zeros(len(start))
        step[k] = h
        up, down = (items.difficulty_transform(model, start + s)[0] for s in (step, -step))
        np.testing.assert_allclose(jacobian[:, k], (up - down) / (2 * h), atol=1e-5)


@pytest.mark.parametrize("item", ALL, ids=lambda item: item.model)
def test_both_forms_are_the_same_item(item: ItemParameters) -> None:
    back = items.to_difficulty(items.to_slope_intercept(item))
    np.testing.assert_allclose((back.a, back.c), (item.a, item.c), atol=1e-12)
    np.testing.assert_allclose(back.b, item.b, atol=1e-12)
    np.testing.assert_allclose(back.se_b, item.se_b if item.se_a is not None else (), atol=1e-12)


@pytest.mark.parametrize("item", ALL, ids=lambda item: item.model)
def test_engine_items_come_back_as_they_went(item: ItemParameters) -> None:
    scalar = item.to_engine()
    assert items.from_engine(item.item_id, scalar).to_engine() == scalar
    assert irt.max_score(scalar) == item.max_score


def test_standard_error_of_difficulty_is_the_delta_methods() -> None:
    """b = -d / a: var b = var d / a² + d² var a / a⁴ - 2 d cov / a³."""
    covariance = np.array([[0.04, 0.01], [0.01, 0.09]])
    found = items.to_difficulty(items.SlopeIntercept("x", "2pl", np.array([2.0, -1.0]), covariance))
    assert found.se_b[0] == pytest.approx(np.sqrt(0.09 / 4 + 0.04 / 16 + 2 * 0.01 / 8))


FAULTS = {
    "item,a\nx,1\n": "line 1, column 'model': is missing",
    "item,model,a,b1\nx,2pl,one,0\n": "line 2, column 'a': 'one' is no number",
    "item,model,a,b1\nx,2pl,,0\n": "line 2, column 'a': is empty",
    "item,model,a,b1\nx,2pl,1,\n": "line 2, column 'b1': is empty",
    "item,model,a,b1,b2\nx,2pl,1,0,1\n": "line 2, column 'b2': a 2pl item has one difficulty",
    "item,model,a,b1\nx,rasch,1.5,0\n": "line 2, column 'a': a rasch item has slope 1",
    "item,model,a,b1,c\nx,3pl,1,0,1.5\n": "line 2, column 'c': 1.5 is no chance of guessing",
    "item,model,a,b1\nx,rasch,1,0\nx,rasch,1,0\n": "line 3, column 'item': 'x' occurs twice",
    "item,model,a,b1,b2\nx,graded,1,1,0\n": "line 2, column 'b1': Graded item: thresholds is (1.0, 0.0)",
    "item,model,a1,c1,c2\nx,nominal,1,0,1\n": "line 2, column 'a1': slopes and intercepts differ in number",
}


@pytest.mark.parametrize("text", FAULTS)
def test_each_fault_in_a_parameter_file_is_told_with_its_place(text: str, tmp_path: Path) -> None:
    (tmp_path / "params.csv").write_text(text)
    with pytest.raises(ParameterFileError) as caught:
        items.read_parameters(tmp_path / "params.csv")
    assert FAULTS[text] in str(caught.value)


def test_unknown_models_and_missing_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(UnknownModelError, match="Model '4pl' is not known"):
        items.as_model("4pl")
    with pytest.raises(UnreadableFileError, match="Check the path"):
        items.read_parameters(tmp_path / "none.csv")
    (tmp_path / "p.json").write_text("[]")
    with pytest.raises(UnreadableFileError, match="no JSON object"):
        items.read_sidecar(tmp_path / "p.json")
    with pytest.raises(DoubleItemError, match="'r' occurs twice"):
        items.require_unique((ALL[0], ALL[0]))


def test_common_short_names_are_taken() -> None:
    assert (items.as_model("GRM"), items.as_model(" nrm "), items.as_model("2PL")) == ("graded", "nominal", "2pl")
