"""Scoring by key: every kind, and the laws that all keep."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from engine.errors import PanelError
from engine.plain import Reader
from engine.scoring import is_answer, parse_key, score_key

CHOICE = {"kind": "choice", "correct": ["A", "C"]}
MAPPING = {"kind": "mapping", "points": {"A": 2, "B": 1, "C": -1}}
ORDER = {"kind": "order", "order": ["C", "A", "B"]}
SQUARE = [{"x": 0, "y": 0}, {"x": 10, "y": 0}, {"x": 10, "y": 10}, {"x": 0, "y": 10}]
TRIANGLE = [{"x": 20, "y": 0}, {"x": 30, "y": 0}, {"x": 20, "y": 10}]
AREAS = {"kind": "areas", "areas": [{"corners": SQUARE}, {"corners": TRIANGLE}]}
TEXT = {
    "kind": "text",
    "gaps": [{"accepted": ["på"]}, {"accepted": ["én gang", "1 gang"]}],
    "folds_case": True,
    "folds_space": True,
}
GAPS = {"kind": "gaps", "gaps": [{"correct": "g1b"}, {"correct": "g2a"}]}


def key(plain, max_score=1):
    return parse_key(Reader(plain, where="test", error=PanelError), max_score)


@pytest.mark.parametrize(
    ("plain", "max_score", "response", "points"),
    [
        (CHOICE, 1, ("A", "C"), 1),
        (CHOICE, 1, ("C", "A"), 1),
        (CHOICE, 3, ("A", "C"), 3),
        (CHOICE, 1, ("A",), 0),
        (CHOICE, 1, ("A", "B", "C"), 0),
        (CHOICE, 1, ("A", "A"), 0),  # as many as are correct, but not these
        (MAPPING, 3, ("A", "B"), 3),
        (MAPPING, 3, ("A", "C"), 1),
        (MAPPING, 3, ("C",), 0),
        (MAPPING, 2, ("A", "B"), 2),
        (MAPPING, 3, ("A", "A"), 2),  # an option counts once
        (MAPPING, 3, ("Z",), 0),
        (ORDER, 1, ("C", "A", "B"), 1),
        (ORDER, 1, ("A", "B", "C"), 0),
        (ORDER, 1, ("C", "A"), 0),
        (AREAS, 1, ("5,5", "21,1"), 1),
        (AREAS, 1, ("21,1", "5,5"), 1),
        (AREAS, 1, ("0,10", "25,5"), 1),  # a corner, and a point on the slope
        (AREAS, 1, ("5,5", "29,9"), 0),
        (AREAS, 1, ("5,5", "6,6"), 0),
        (AREAS, 1, ("5,5",), 0),
        (AREAS, 1, ("5,5", "21,1", "6,6"), 0),
        (AREAS, 1, ("here", "21,1"), 0),
        (AREAS, 1, ("-5,5", "21,1"), 0),
        (TEXT, 2, ("På", "  1   gang "), 2),
        (TEXT, 2, ("pa\u030a", "en gang"), 1),  # å as a and a ring
        (TEXT, 1, ("på", "to ganger"), 0),
        (TEXT, 1, ("på", "én gang"), 1),
        (TEXT, 2, ("på",), 1),
        (TEXT | {"folds_case": False}, 2, ("På", "én gang"), 1),
        (TEXT | {"folds_space": False}, 2, ("på ", "én gang"), 1),
        (GAPS, 2, ("g1b", "g2b"), 1),
        (GAPS, 1, ("g1b", "g2b"), 0),
        (GAPS, 2, ("g1b", "g2a"), 2),
        (GAPS, 2, ("g1b", "g2a", "g3a"), 2),
    ],
)
def test_each_key_scores_as_it_says(plain, max_score, response, points):
    assert score_key(key(plain, max_score), max_score, response) == points


def turn(a, b, point):
    """Twice the signed area of a triangle: its sign says on which side of a → b a point lies."""
    return (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])


def in_triangle(corners, point):
    sides = [turn(a, b, point) for a, b in zip(corners, corners[1:] + corners[:1], strict=True)]
    return all(side >= 0 for side in sides) or all(side <= 0 for side in sides)


SKEW = [(1, 2), (11, 5), (4, 12)]
AN_L = [(0, 0), (10, 0), (10, 4), (4, 4), (4, 10), (0, 10)]


@pytest.mark.parametrize("is_reversed", [False, True])
@pytest.mark.parametrize(
    ("corners", "is_inside"),
    [
        (SKEW, lambda point: in_triangle(SKEW, point)),
        (AN_L, lambda point: max(point) <= 10 and min(point) <= 4),
        ([(3, 1), (5, 1), (5, 9), (3, 9)], lambda point: 3 <= point[0] <= 5 and 1 <= point[1] <= 9),
    ],
)
def test_an_area_holds_exactly_its_points_and_its_border(corners, is_inside, is_reversed):
    order = corners[::-1] if is_reversed else corners
    areas = {"kind": "areas", "areas": [{"corners": [{"x": x, "y": y} for x, y in order]}]}
    scoring = key(areas)
    for point in product(range(14), repeat=2):
        assert score_key(scoring, 1, (f"{point[0]},{point[1]}",)) == is_inside(point), point


@pytest.mark.parametrize("plain", [CHOICE, MAPPING, ORDER, AREAS, TEXT, GAPS], ids=lambda plain: plain["kind"])
@for_all(st.lists(st.sampled_from(["A", "B", "C", "5,5", "på", "g1b", "", "½,²"]), max_size=4).map(tuple))
def test_scores_lie_between_0_and_the_maximum_and_nothing_scores_0(plain, response):
    scoring = key(plain, 1)
    assert 0 <= score_key(scoring, 1, response) <= 1
    assert score_key(scoring, 1, ()) == 0


def test_an_empty_response_is_no_answer():
    assert [is_answer(each) for each in (None, (), ("",), ("", ""), ("", "x"), ("A",))] == [False] * 4 + [True] * 2


@pytest.mark.parametrize(
    ("plain", "max_score", "field"),
    [
        ({"kind": "guess"}, 1, "kind"),
        ({"kind": "choice", "correct": []}, 1, "correct"),
        ({"kind": "choice", "correct": ["A", "A"]}, 1, "correct"),
        ({"kind": "choice", "correct": ["A"], "order": ["A"]}, 1, "order"),
        ({"kind": "mapping", "points": {"A": 1}}, 2, "points"),
        ({"kind": "mapping", "points": {"A": "1"}}, 1, "points.A"),
        ({"kind": "order", "order": []}, 1, "order"),
        ({"kind": "areas", "areas": []}, 1, "areas"),
        ({"kind": "areas", "areas": [{"corners": SQUARE[:2]}]}, 1, "areas[0].corners"),
        ({"kind": "text", "gaps": [{"accepted": []}], "folds_case": True, "folds_space": True}, 1, "gaps[0].accepted"),
        (TEXT, 3, "gaps"),
        (GAPS, 5, "gaps"),
        ({"kind": "gaps", "gaps": [{"correct": ""}]}, 1, "gaps[0].correct"),
    ],
)
def test_a_key_that_cannot_score_is_refused_with_its_place(plain, max_score, field):
    with pytest.raises(PanelError) as caught:
        key(plain, max_score)
    assert caught.value.field == field
