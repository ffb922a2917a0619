"""What a candidate's screen may know."""

from __future__ import annotations

from dataclasses import asdict, fields

import pytest

from engine.events import Answered, Submitted
from engine.result import result
from engine.view import CandidateView, StepView, candidate_view
from tests.strategies import MINUTE_MS, running, sitting

TELLING = ("score", "level", "route", "correct", "theta", "target")


@pytest.mark.rule("NP-4-17")
def test_after_handing_in_the_best_and_the_worst_see_the_same():
    views, levels = [], []
    for correct in (0, 8):
        run = running().take(lambda attempt, correct=correct: min(correct, len(attempt.items)))
        views.append(candidate_view(run.attempt, run.now_ms))
        levels.append(result(run.attempt).level)
    assert levels == ["below_A1", "B2"]
    assert views[0] == views[1]


@pytest.mark.rule("NP-4-17")
def test_after_listening_the_best_and_the_worst_see_the_same():
    runs = [running("listening").listen(lambda _, chosen=chosen: chosen) for chosen in ("A", "B")]
    assert result(runs[0].attempt).level != result(runs[1].attempt).level
    assert len({str(asdict(candidate_view(run.attempt, run.now_ms))) for run in runs}) == 1


@pytest.mark.rule("NP-4-17")
def test_a_view_has_no_field_for_what_must_not_be_told():
    names = [field.name for kind in (CandidateView, StepView) for field in fields(kind)]
    assert not [name for name in names for word in TELLING if word in name]
    run = running().answer_module(8).leave_module()
    told = str(asdict(candidate_view(run.attempt, run.now_ms)))
    assert run.attempt.module is not None
    assert "'RM1" not in told
    assert "FM-" not in told


def test_in_listening_a_view_knows_the_present_item_only():
    run = running("listening")
    view = candidate_view(run.attempt, run.now_ms)
    assert view.items == (run.attempt.items[0],)
    assert view.module_number is None
    assert view.left_ms is None
    assert view.step is not None


def test_in_reading_a_view_knows_the_present_module_its_answers_and_the_time():
    run = running().tick(MINUTE_MS)
    run.do(Answered, run.attempt.items[0], ("B",))
    view = candidate_view(run.attempt, run.now_ms)
    assert (view.module_number, view.items, view.left_ms) == (1, run.attempt.items, 74 * MINUTE_MS)
    assert view.responses == {run.attempt.items[0]: ("B",)}
    run.leave_module()
    assert candidate_view(run.attempt, run.now_ms).responses == {}


def test_before_the_start_a_view_knows_no_items():
    run = sitting("writing").log_in()
    assert candidate_view(run.attempt, 0).items == ()
    run.prepare().start()
    assert candidate_view(run.attempt, 0).items == ("W-1", "W-2a")
    run.do(Submitted, "candidate")
    assert candidate_view(run.attempt, 0).texts == {}
