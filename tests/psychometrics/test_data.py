"""Reading responses and designs: what is read, and one clear sentence for each fault."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from psychometrics.data import (
    ColumnRoles,
    Design,
    ResponseMatrix,
    RoutingRule,
    concatenate,
    iterate_parquet,
    read_design,
    read_responses,
)
from psychometrics.errors import (
    CircularRoutingError,
    DataError,
    DesignError,
    IntervalError,
    ItemInTwoModulesError,
    MalformedRowsError,
    ShapeError,
    UnknownColumnError,
    UnknownModuleError,
    UnreadableFileError,
)
from psychometrics.parquet import write_parquet

ROLES = ColumnRoles(person="id", groups="site", weights="w", covariates=("age",), ignore=("note",))
TEXT = "id,i1,i2,site,w,age,note\nanna,1,,oslo,2,30,x\nbo,NR,3,bergen,1.5,41.5,y\n"


def _file(folder: Path, text: str, name: str = "r.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_every_kind_of_cell_and_column_is_read(tmp_path: Path) -> None:
    data = read_responses(_file(tmp_path, TEXT), ROLES)
    assert data.item_ids == ("i1", "i2")
    assert data.scores.tolist() == [[1, -1], [-2, 3]]
    assert data.person_ids is not None
    assert data.person_ids.tolist() == ["anna", "bo"]
    assert data.groups is not None
    assert data.groups.tolist() == ["oslo", "bergen"]
    assert data.row_weights.tolist() == [2.0, 1.5]
    assert data.covariates is not None
    assert data.covariates.tolist() == [[30.0], [41.5]]


def test_semicolons_quotes_blank_lines_and_na_are_read_as_r_writes_them(tmp_path: Path) -> None:
    data = read_responses(_file(tmp_path, '"";"a";"b"\n"1";0;NA\n"2";1.0; 2 \n\n'))
    assert data.item_ids == ("a", "b")
    assert data.scores.tolist() == [[0, -1], [1, 2]]


def test_parquet_says_the_same_as_csv(tmp_path: Path) -> None:
    rows = np.array([[1, -1], [-2, 3], [0, 2]])
    write_parquet(
        tmp_path / "r.parquet",
        {
            "id": ["anna", "bo", "cai"],
            "i1": [1, -2, 0],
            "i2": ["", "3", "2"],
            "site": ["a", "b", "a"],
            "w": [1.0, 2.0, 0.5],
            "age": [3.0, 4.0, 5.0],
            "note": ["", "", ""],
        },
    )
    data = read_responses(tmp_path / "r.parquet", ROLES)
    np.testing.assert_array_equal(data.scores, rows)
    assert data.row_weights.tolist() == [1.0, 2.0, 0.5]
    chunks = list(iterate_parquet(tmp_path / "r.parquet", ROLES, chunk_rows=2))
    assert [chunk.n_persons for chunk in chunks] == [2, 1]
    np.testing.assert_array_equal(concatenate(chunks).scores, rows)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_categories_become_a_column_each_but_the_first(kind: str, tmp_path: Path) -> None:
    columns: dict[str, list[object]] = {
        "i1": [1, 0, 1, 0],
        "tongue": ["tigrinya", "arabic", "polish", "arabic"],
        "years": [1.5, 2.0, 0.0, 3.0],
    }
    if kind == "parquet":
        write_parquet(tmp_path / "r.parquet", columns)
    else:
        rows = [",".join(map(str, row)) for row in zip(*columns.values(), strict=True)]
        _file(tmp_path, "\n".join((",".join(columns), *rows)))
    roles = ColumnRoles(covariates=("tongue", "years"))
    data = read_responses(tmp_path / f"r.{kind}", roles)
    assert data.covariate_names == ("tongue=polish", "tongue=tigrinya", "years")
    assert data.covariates is not None
    assert data.covariates.tolist() == [[0, 1, 1.5], [0, 0, 2], [1, 0, 0], [0, 0, 3]]
    if kind == "parquet":
        chunked = concatenate(list(iterate_parquet(tmp_path / "r.parquet", roles, chunk_rows=1)))
        assert chunked.covariates is not None
        assert chunked.covariates.tolist() == data.covariates.tolist()


def test_missing_background_is_told_and_not_taken_for_a_number(tmp_path: Path) -> None:
    roles = ColumnRoles(covariates=("years", "tongue"), groups="site")
    columns = {"i1": [1, 0], "years": [3, None], "tongue": ["", "polish"], "site": ["x", None]}
    write_parquet(tmp_path / "r.parquet", columns)
    with pytest.raises(MalformedRowsError) as caught:
        read_responses(tmp_path / "r.parquet", roles)
    assert "row 2, column 'years': '' is not a number" in str(caught.value)
    assert "row 1, column 'tongue': no category" in str(caught.value)
    assert "row 2, column 'site': no group" in str(caught.value)


FAULTS = {
    "i1,i2\n1,x\n": "r.csv, line 2, column 'i2': 'x' is no score",
    "i1,i2\n1,-3\n": "r.csv, line 2, column 'i2': '-3' is no score",
    "i1,i2\n1,100\n": "r.csv, line 2, column 'i2': '100' is no score",
    "i1,i2\n1,0.5\n": "r.csv, line 2, column 'i2': '0.5' is no score",
    "i1,i2\n1\n": "r.csv, line 2: 1 cells where the header has 2 columns",
}


@pytest.mark.parametrize("text", FAULTS)
def test_each_malformed_row_gets_its_sentence(text: str, tmp_path: Path) -> None:
    with pytest.raises(MalformedRowsError) as caught:
        read_responses(_file(tmp_path, text))
    assert FAULTS[text] in str(caught.value)


def test_all_malformed_rows_are_told_at_once_but_not_a_thousand(tmp_path: Path) -> None:
    with pytest.raises(MalformedRowsError) as caught:
        read_responses(_file(tmp_path, "i1,i2\n" + "1,x\n" * 1000))
    assert len(caught.value.sentences) == 1000
    assert str(caught.value).count("\n") == 20
    assert "And 980 more faults" in str(caught.value)


def test_faults_in_groups_weights_and_background_are_told(tmp_path: Path) -> None:
    with pytest.raises(MalformedRowsError) as caught:
        read_responses(_file(tmp_path, "id,i1,site,w,age,note\na,1,,-2,old,\nb,1,x,1,30,\n"), ROLES)
    sentences = str(caught.value)
    assert "line 2, column 'site': no group" in sentences
    assert "line 2, column 'w': '-2' is not a number of at least 0" in sentences
    assert "line 2, column 'age': 'old' is not a number" in sentences


def test_parquet_faults_name_row_and_column(tmp_path: Path) -> None:
    write_parquet(tmp_path / "r.parquet", {"i1": [1, 300], "i2": ["0", "maybe"]})
    with pytest.raises(MalformedRowsError, match=r"row 2, column 'i1': '300' is no score[\s\S]*'maybe' is no score"):
        read_responses(tmp_path / "r.parquet")


def test_missing_and_double_columns_and_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(UnknownColumnError, match="no column 'sex'"):
        read_responses(_file(tmp_path, "i1\n1\n"), ColumnRoles(groups="sex"))
    with pytest.raises(DataError, match="column 'i1' occurs twice"):
        read_responses(_file(tmp_path, "i1,i1\n1,1\n"))
    with pytest.raises(UnreadableFileError):
        read_responses(tmp_path / "none.csv")
    with pytest.raises(UnreadableFileError):
        read_responses(_file(tmp_path, "no parquet", "r.parquet"))
    with pytest.raises(DataError, match="holds 0 persons"):
        read_responses(_file(tmp_path, "i1\n"))


@given(st.lists(st.lists(st.integers(-2, 9), min_size=3, max_size=3), min_size=1, max_size=6))
def test_csv_gives_back_what_was_written(tmp_path_factory: pytest.TempPathFactory, rows: list[list[int]]) -> None:
    token = {-1: "", -2: "NR"}
    text = "\n".join(",".join(token.get(cell, str(cell)) for cell in row) for row in rows)
    data = read_responses(_file(tmp_path_factory.mktemp("csv"), f"a,b,c\n{text}\n"))
    assert data.scores.tolist() == rows


def test_not_reached_is_missing_or_incorrect_as_asked() -> None:
    data = ResponseMatrix(np.array([[-2, -1, 1]], dtype=np.int8), ("a", "b", "c"))
    assert data.with_not_reached_as("missing").scores.tolist() == [[-1, -1, 1]]
    assert data.with_not_reached_as("incorrect").scores.tolist() == [[0, -1, 1]]
    assert data.presented.tolist() == [[True, False, True]]


def test_choosing_items_and_persons_keeps_everything_together() -> None:
    data = ResponseMatrix(
        np.array([[0, 1], [1, 0]], dtype=np.int8),
        ("a", "b"),
        np.array(["p", "q"]),
        np.array(["g", "h"]),
        np.array([1.0, 2.0]),
        np.array([[3.0], [4.0]]),
        ("x",),
    )
    chosen = data.with_items(("b",)).with_persons(np.array([1]))
    assert chosen.scores.tolist() == [[0]]
    assert chosen.row_weights.tolist() == [2.0]
    assert chosen.column("b").tolist() == [0]
    with pytest.raises(UnknownColumnError):
        data.with_items(("z",))


def test_arrays_that_do_not_belong_together_are_refused() -> None:
    scores = np.zeros((2, 2), dtype=np.int8)
    with pytest.raises(ShapeError, match="shape"):
        ResponseMatrix(scores, ("a",))
    with pytest.raises(ShapeError, match="weights"):
        ResponseMatrix(scores, ("a", "b"), weights=np.ones(3))
    with pytest.raises(ShapeError, match="covariates"):
        ResponseMatrix(scores, ("a", "b"), covariates=np.ones((2, 1)))
    with pytest.raises(ShapeError, match="int8"):
        ResponseMatrix(np.zeros((2, 2)), ("a", "b"))  # pyright: ignore[reportArgumentType] - the fault under test


DESIGN = "item,module\na,M1\nb,M1\nc,E\nd,H\n\nmodule,next,low,high\nM1,E,0,1\nM1,H,2,2\n"


def test_a_design_file_gives_modules_rules_and_routes(tmp_path: Path) -> None:
    design = read_design(_file(tmp_path, DESIGN))
    assert design.modules == {"M1": ("a", "b"), "E": ("c",), "H": ("d",)}
    assert [route.name for route in design.routes()] == ["M1-E", "M1-H"]
    assert design.items_of(design.routes()[1]) == ("a", "b", "d")


DESIGN_FAULTS = {
    DESIGN.replace("M1,E,0,1", "M1,E,0,2"): (IntervalError, "a number correct of 2 does not lead to one module"),
    DESIGN.replace("M1,E,0,1", "M1,E,1,0"): (IntervalError, "low before high"),
    DESIGN.replace("M1,H,2,2", "M1,X,2,2"): (UnknownModuleError, "module 'X', which has no items"),
    DESIGN.replace("d,H", "a,H"): (ItemInTwoModulesError, "item 'a' is in modules 'M1' and 'H'"),
    DESIGN.replace("M1,E,0,1", "M1,E,few,1"): (MalformedRowsError, "line 8, column 'low': 'few' is no number correct"),
    DESIGN.replace("a,M1", "a,"): (MalformedRowsError, "line 2, column 'module': empty"),
    "module,next,low,high\n": (DesignError, "has no item rows"),
    "items,modules\n": (MalformedRowsError, "line 1: 'items,modules' is neither"),
}


@pytest.mark.parametrize("text", DESIGN_FAULTS)
def test_each_fault_in_a_design_file_is_told(text: str, tmp_path: Path) -> None:
    kind, words = DESIGN_FAULTS[text]
    with pytest.raises(kind) as caught:
        read_design(_file(tmp_path, text))
    assert words in str(caught.value)


def test_routing_in_a_circle_is_refused() -> None:
    rules = (RoutingRule("A", "B", 0, 1), RoutingRule("B", "A", 0, 1))
    with pytest.raises(CircularRoutingError, match="Break the circle"):
        Design({"A": ("a",), "B": ("b",)}, rules).routes()


def test_importing_the_package_is_quick_and_loads_nothing_heavy() -> None:
    """The promise is half a second; what takes longer is checked by name, so that a busy machine does not matter."""
    heavy = "{'scipy', 'pyarrow', 'matplotlib'}"
    code = f"import sys, psychometrics; found = {heavy} & set(sys.modules); assert not found, found"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
