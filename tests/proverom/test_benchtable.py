"""The table of what was measured."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proverom.benchtable import (
    BEGIN,
    END,
    MACHINES,
    RESULTS,
    Measurement,
    Peer,
    ResultError,
    figure,
    goal_said,
    parse_results,
    put_between,
    quantity,
    table,
)

ROW = {
    "name": "one response routed and scored",
    "unit": "µs",
    "median": 21.37,
    "spread": 0.8,
    "n": 2000,
    "peer": {"name": "catsim", "median": 427.4, "ratio": 20.0},
    "goal": "≤ 50 µs",
    "note": "A1–B1 | B2",
}


def test_a_result_file_becomes_a_row_of_the_table() -> None:
    measured = parse_results(json.dumps([ROW]), "engine.json")
    assert measured == [
        Measurement(
            "one response routed and scored",
            "µs",
            21.37,
            0.8,
            2000,
            Peer("catsim", 427.4, 20.0),
            "≤ 50 µs",
            "A1–B1 | B2",
        )
    ]
    line = table(measured).splitlines()[-1]
    expected = (
        "| one response routed and scored | 21.4 µs | 800 ns | 2000 | catsim: 427 µs (20 ×) | ≤ 50 µs | A1–B1 \\| B2 |"
    )
    assert line == expected


@pytest.mark.parametrize(
    ("goal", "unit", "said"),
    [
        ("≤ 5000000 us", "us", "≤ 5 s"),
        ("<= 0.03 s", "s", "≤ 30 ms"),
        ("<= 250", "ms", "≤ 250 ms"),
        (">= 1000", "1/s", "≥ 1000 1/s"),
        ("<= 60 MiB", "MiB", "≤ 60 MiB"),
        ("within 4 GiB", "s", "within 4 GiB"),
        ("<= 5 quiet, <= 50 at worst", "ms", "<= 5 quiet, <= 50 at worst"),
        ("", "s", ""),
    ],
)
def test_a_goal_is_said_in_the_unit_its_figure_is_said_in(goal: str, unit: str, said: str) -> None:
    assert goal_said(goal, unit) == said


@pytest.mark.parametrize(
    ("field", "value"), [("name", 3), ("median", "fast"), ("n", True), ("peer", "catsim"), ("goal", None)]
)
def test_a_wrong_field_is_named_with_its_row(field: str, value: object) -> None:
    with pytest.raises(ResultError, match=rf"engine\.json, row 2.*({field}|is not an object)"):
        parse_results(json.dumps([ROW, {**ROW, field: value}]), "engine.json")


def test_a_file_that_is_no_list_is_refused() -> None:
    with pytest.raises(ResultError, match="is not a list"):
        parse_results(json.dumps(ROW), "engine.json")


# three digits that count: within half a unit of the third one
@given(st.floats(min_value=1e-6, max_value=1e9))
def test_a_figure_is_within_half_a_percent_and_has_no_exponent(value: float) -> None:
    text = figure(value)
    assert "e" not in text
    assert float(text) == pytest.approx(value, rel=0.005)


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [
        (131_376, "us", "131 ms"),
        (0.0021, "s", "2.1 ms"),
        (85.59, "us", "85.6 µs"),
        (60.4, "MiB", "60.4 MiB"),
        (0, "s", "0 s"),
    ],
)
def test_a_time_is_told_in_the_unit_that_reads_best(value: float, unit: str, told: str) -> None:
    assert quantity(value, unit) == told


def test_nothing_is_measured_as_nothing() -> None:
    assert figure(0.0) == "0"


@given(st.text(), st.text(), st.text())
def test_only_what_stands_between_the_marks_is_replaced(before: str, old: str, after: str) -> None:
    text = f"{before}{BEGIN}{old}{END}{after}"
    once = put_between(text, "new")
    assert once == f"{before}{BEGIN}\nnew\n{END}{after}"
    assert put_between(once, "new") == once


def test_a_text_without_marks_is_left_alone() -> None:
    assert put_between("# Prøverom\n", "new") == "# Prøverom\n"


def test_every_result_that_is_kept_is_a_result() -> None:
    files = sorted(file for file in RESULTS.glob("*.json") if file != MACHINES)
    assert files
    for file in files:
        assert parse_results(file.read_text(encoding="utf-8"), file.name), file.name
