"""Writing: the text is the fold of its edits, in Unicode code points."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from engine.attempt import ItemStatus, replay
from engine.events import Edited, ItemShown, Submitted, TextChecked, TopicChosen
from engine.ids import TaskId
from engine.result import NO_BASIS, result
from tests.strategies import Sitting, running

# single letters, letters with combining marks, a flag, a family and a skin tone: one to seven code points each
PIECES = ["a", "æ", "Å", " ", "\n", "e\u0301", "🇳🇴", "👩‍👩‍👧", "👍🏽", "𝄞", "\u0301"]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)


def write(run: Sitting, task: str, text: str) -> Sitting:
    """Type a text at the end, code point by code point."""
    for character in text:
        run.do(Edited, task, len(run.texts.get(task, "")), "", character, "type")
    return run


@for_all(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), TEXTS), max_size=20))
def test_edits_fold_like_a_list_of_code_points(edits):
    run = running("writing")
    naive: list[str] = []
    for first, second, inserted in edits:
        low, high = sorted((round(first * len(naive)), round(second * len(naive))))
        deleted = "".join(naive[low:high])
        run.do(Edited, "W-1", low, deleted, inserted, "paste")
        naive[low:high] = list(inserted)
        text = "".join(naive)
        run.do(TextChecked, "W-1", len(naive), sha256(text.encode()).hexdigest())
    assert run.texts.get("W-1", "") == "".join(naive)
    run.check_replay()


@for_all(TEXTS, TEXTS, st.integers(-3, 30))
def test_an_edit_that_does_not_fit_the_text_is_refused_and_reported(text, deleted, position):
    run = write(running("writing"), "W-1", text)
    fits = 0 <= position <= len(text) and text[position : position + len(deleted)] == deleted
    code = run.refusal_code(Edited, "W-1", position, deleted, "x", "type")
    assert code == ("" if fits else "text_differs")
    again = replay(run.given, [*run.journal, Edited(run.now_ms, "W-1", position, deleted, "x", "type")])
    assert len(again.refused) == (0 if fits else 1)
    assert (again.attempt.texts.get(TaskId("W-1"), "") == text) == (not fits)


def test_an_emoji_is_edited_by_code_points_and_not_by_utf16_units():
    run = write(running("writing"), "W-1", "👩‍👩‍👧")
    assert len(run.texts["W-1"]) == 5
    run.do(Edited, "W-1", 4, "👧", "", "backspace")
    assert run.texts["W-1"] == "👩‍👩‍"


@pytest.mark.parametrize("half", ["\ud83d", "a\udc00b"])
def test_half_a_surrogate_pair_is_refused(half):
    assert running("writing").refusal_code(Edited, "W-1", 0, "", half, "type") == "not_unicode"


def test_unknown_tasks_and_causes_are_refused():
    run = running("writing")
    assert run.refusal_code(Edited, "W-9", 0, "", "x", "type") == "unknown_task"
    assert run.refusal_code(Edited, "W-1", 0, "", "x", "magic") == "unknown_cause"
    assert running().refusal_code(Edited, "W-1", 0, "", "x", "type") == "unknown_task"


def test_a_checkpoint_that_differs_from_the_edits_is_refused():
    run = write(running("writing"), "W-1", "hei")
    right = sha256(b"hei").hexdigest()
    assert run.refusal_code(TextChecked, "W-1", 3, right) == ""
    assert run.refusal_code(TextChecked, "W-1", 4, right) == "text_differs"
    assert run.refusal_code(TextChecked, "W-1", 3, sha256(b"hoi").hexdigest()) == "text_differs"


def test_only_the_chosen_topic_is_written_on_and_changing_keeps_the_others_text():
    run = running("writing")
    assert run.refusal_code(Edited, "W-2a", 0, "", "x", "type") == "topic_not_chosen"
    write(run.do(TopicChosen, "S2", "W-2a"), "W-2a", "en")
    write(run.do(TopicChosen, "S2", "W-2b"), "W-2b", "to")
    assert run.refusal_code(Edited, "W-2a", 2, "", "x", "type") == "topic_not_chosen"
    assert run.attempt.tasks == ("W-1", "W-2b")
    run.do(TopicChosen, "S2", "W-2a")
    assert run.texts == {"W-2a": "en", "W-2b": "to"}
    assert run.refusal_code(TopicChosen, "S1", "W-1") == "no_choice"
    assert run.refusal_code(TopicChosen, "S1", "W-2a") == "unknown_topic"
    assert run.refusal_code(TopicChosen, "S2", "W-7") == "unknown_topic"


@pytest.mark.rule("NP-A5-6")
def test_a_journal_killed_while_typing_holds_the_text_up_to_then():
    text = "Hei, jeg heter … og bor på Tøyen 🙂"
    run = write(running("writing"), "W-1", text)
    typed = [number for number, event in enumerate(run.journal) if isinstance(event, Edited)]
    for length, number in enumerate(typed, start=1):
        restored = replay(run.given, run.journal[: number + 1]).attempt
        assert restored.texts[TaskId("W-1")] == text[:length]
    log = "".join(event.inserted for event in run.events(Edited))
    assert log == text
    assert all(event.cause == "type" for event in run.events(Edited))


def test_an_empty_task_is_a_note_for_markers_and_no_level():
    run = running("writing").do(ItemShown, "W-1")
    write(run, "W-1", "  \n ")
    run.do(TopicChosen, "S2", "W-2b")
    write(run, "W-2b", "Hei")
    assert run.attempt.unanswered() == ("W-1",)
    run.do(Submitted, "candidate")
    assert result(run.attempt).notes == {"W-1": NO_BASIS}
    assert result(run.attempt).level is None
    assert result(run.attempt).statuses == {
        "W-1": ItemStatus.OMITTED,
        "W-2a": ItemStatus.NOT_PRESENTED,
        "W-2b": ItemStatus.ANSWERED,
    }


def test_a_text_can_be_longer_than_any_script_and_still_fold():
    run = running("writing").do(Edited, "W-1", 0, "", "ord " * 30_000, "paste")
    run.do(Edited, "W-1", 60_000, "ord ", "", "cut")
    assert len(run.texts["W-1"]) == 4 * 30_000 - 4
    assert run.attempt.task_number == 0
    assert run.do(ItemShown, "W-1").attempt.task_number == 1
