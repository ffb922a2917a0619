"""Rules of the test that the window alone can keep, each shown on the real window."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel

from kiosk.intents import (
    Answer,
    BackToTasks,
    BlockedKey,
    ChooseStandard,
    ConfirmLeave,
    ConfirmName,
    Continue,
    EditText,
    LeaveModule,
    Next,
    Previous,
    PrintRefused,
    SkipPersonalData,
    Start,
)
from kiosk.screens import Foot, InformationScreen, LeaveModuleScreen, NameScreen, WrittenStandardScreen
from kiosk.widgets.editor import ScriptEditor
from kiosk.widgets.prose import Prose
from proverom.screens import FORM, INFORMATION, LISTENING, LISTENING_ONCE, READING, UNANSWERED, WRITING, shots
from tests.kiosk.views.conftest import Candidate

CONTROL = Qt.KeyboardModifier.ControlModifier
ALT = Qt.KeyboardModifier.AltModifier
META = Qt.KeyboardModifier.MetaModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
LEAVE = next(shot.screen for shot in shots() if shot.name == "08-leave-1")
assert isinstance(LEAVE, LeaveModuleScreen)
BEHIND = LEAVE.behind


@pytest.mark.rule("NP-3.4-1")
def test_text_grows_for_anyone_and_no_answer_or_time_is_lost(candidate: Candidate) -> None:
    candidate.see(READING)
    before = {
        label.objectName(): label.heightForWidth(300)
        for label in candidate.window.findChildren(Prose)
        if label.objectName()
    }
    height = candidate.find("option_b").height()
    for _press in range(2):
        candidate.key(Qt.Key.Key_Plus, CONTROL)
    after = {
        label.objectName(): label.heightForWidth(300)
        for label in candidate.window.findChildren(Prose)
        if label.objectName()
    }
    assert candidate.look.settings.text_size == 150
    assert all(after[name] > before[name] for name in ("prompt", "part_title", "stimulus_title", "candidate"))
    assert candidate.is_chosen("option_b")
    assert candidate.find("option_b").height() > height
    assert "41 minutter" in candidate.find("time_left").accessibleName()
    assert not candidate.told_of(Answer)


@pytest.mark.rule("NP-3.4-1")
def test_a_script_is_kept_to_the_letter_when_its_text_grows(candidate: Candidate) -> None:
    candidate.see(WRITING)
    candidate.type(" kommer")
    candidate.key(Qt.Key.Key_Plus, CONTROL)
    editor = candidate.editor
    assert editor.toPlainText() == f"{WRITING.text} kommer"
    candidate.type(" hit")
    for _step in ("hit", " ", "kommer"):
        candidate.key(Qt.Key.Key_Z, CONTROL)
    assert editor.toPlainText() == f"{WRITING.text} "


@pytest.mark.rule("NP-4-12")
def test_a_change_of_module_shows_nothing_in_listening(candidate: Candidate) -> None:
    candidate.see(LISTENING)
    before = candidate.all_text
    other = replace(LISTENING.item, id="L-201")
    candidate.see(replace(LISTENING, item=other, frame=replace(LISTENING.frame, task_number=5, module_number=2)))
    assert candidate.all_text.replace("Oppgave 5", "Oppgave 4") == before
    assert "Del 2" not in candidate.all_text
    assert candidate.window.dialog is None


@pytest.mark.rule("NP-4-15")
def test_once_only_is_said_before_the_sound_comes(candidate: Candidate) -> None:
    candidate.see(LISTENING_ONCE)
    assert candidate.reads("now_heading") == "Les spørsmålet. Lyden kommer snart."
    assert candidate.reads("now_then") == "Du hører dette bare én gang."
    assert candidate.reads("play_once") == "Du hører dette bare én gang"
    assert not candidate.sees("play_2")


@pytest.mark.rule("NP-4-16")
def test_listening_has_no_way_back_or_on(candidate: Candidate) -> None:
    candidate.see(LISTENING)
    for name in ("previous", "next", "strip", "task_list_button", "strip_1"):
        assert not candidate.sees(name)
    for key in (Qt.Key.Key_Return, Qt.Key.Key_PageDown, Qt.Key.Key_Back, Qt.Key.Key_Escape):
        candidate.key(key)
    assert not candidate.told_of(Next)
    assert not candidate.told_of(Previous)


@pytest.mark.rule("NP-4-18")
def test_previous_and_next_are_told_and_each_item_shows_its_answer(candidate: Candidate) -> None:
    candidate.see(READING)
    candidate.press("next")
    candidate.press("previous")
    assert [type(intent) for intent in candidate.told] == [Next, Previous]
    for response in ((), ("a",), ("d",)):
        candidate.see(replace(READING, response=response))
        shown = tuple(name for name in "abcd" if candidate.is_chosen(f"option_{name}"))
        assert shown == response
    candidate.press("option_c")
    assert candidate.told[-1] == Answer("R-105", ("c",))


@pytest.mark.rule("NP-4-19")
def test_going_on_from_the_last_task_is_asked_and_can_be_declined(candidate: Candidate) -> None:
    candidate.see(BEHIND)
    candidate.press("next")
    assert candidate.told == [LeaveModule()]
    candidate.see(LEAVE)
    candidate.press("dialog_back")
    candidate.see(replace(LEAVE, step=2))
    candidate.window._step_is_old()
    candidate.key(Qt.Key.Key_Escape)
    assert candidate.told[1:] == [BackToTasks(), BackToTasks()]
    candidate.press("dialog_on")
    assert candidate.told[-1] == ConfirmLeave(2)


@pytest.mark.rule("NP-4-21")
def test_every_writing_task_has_a_field_whose_text_is_told(candidate: Candidate) -> None:
    for number, task in enumerate(("W-10", "W-11", "W-12"), start=1):
        candidate.told.clear()
        screen = replace(
            WRITING, task=replace(WRITING.task, id=task), frame=replace(WRITING.frame, task_number=number), text=""
        )
        candidate.see(screen)
        candidate.type("Hei")
        edits = candidate.told_of(EditText)
        assert [(edit.task, edit.position, edit.inserted) for edit in edits] == [
            (task, 0, "H"),
            (task, 1, "e"),
            (task, 2, "i"),
        ]


@pytest.mark.rule("NP-4-22")
@pytest.mark.parametrize("name", ["10-writing", "12-delivered", "12-saved-here"])
def test_printing_and_saving_do_nothing_but_are_told(candidate: Candidate, name: str) -> None:
    candidate.see(next(shot.screen for shot in shots() if shot.name == name))
    for key, held in (
        (Qt.Key.Key_P, CONTROL),
        (Qt.Key.Key_Print, Qt.KeyboardModifier.NoModifier),
        (Qt.Key.Key_S, CONTROL),
    ):
        candidate.key(key, held)
    assert candidate.acts == [PrintRefused("Ctrl+P"), PrintRefused("Print"), PrintRefused("Ctrl+S")]
    assert len([one for one in QApplication.topLevelWidgets() if one.isVisible()]) == 1


@pytest.mark.rule("NP-4-28", "NP-4-29", "NP-A5-9")
def test_the_writing_part_opens_with_what_must_be_known(candidate: Candidate) -> None:
    candidate.see(InformationScreen(pages=(INFORMATION,), must_answer_all=True, may_ask_leader=True))
    assert candidate.reads("information_answer_all") == "Du må svare på alle oppgavene."
    assert candidate.reads("information_ask") == "Du kan spørre prøvelederen hvis du ikke forstår en oppgave."
    assert not candidate.sees("editor")
    candidate.press("start")
    assert candidate.told == [Start()]


@pytest.mark.rule("NP-4.1-5")
def test_name_and_number_are_shown_and_confirmed(candidate: Candidate) -> None:
    candidate.see(NameScreen(name="Samira Haddad", number="100234", foot=Foot("14")))
    assert candidate.reads("candidate_name") == "Samira Haddad"
    assert candidate.reads("candidate_number") == "100234"
    assert not candidate.sees("start")
    candidate.press("name_no")
    candidate.press("name_yes")
    assert candidate.told == [ConfirmName(yes=False), ConfirmName(yes=True)]


def test_a_protected_name_is_nowhere_on_the_screen(candidate: Candidate) -> None:
    candidate.see(NameScreen(name="", number="100251", foot=Foot("14", "100251")))
    assert candidate.reads("candidate_number") == "100251"
    assert not candidate.sees("candidate_name")


@pytest.mark.rule("NP-4.1-7")
def test_no_written_standard_is_preselected_and_going_on_without_is_told(candidate: Candidate) -> None:
    candidate.see(WrittenStandardScreen())
    assert not any(candidate.is_chosen(f"standard_{one}") for one in ("nb", "nn"))
    candidate.press("continue")
    assert candidate.told == [Continue()]
    candidate.see(WrittenStandardScreen(error="none_chosen"))
    assert candidate.reads("standard_error_words") == "Velg en først."
    candidate.press("standard_nn")
    assert candidate.told[-1] == ChooseStandard("nn")


@pytest.mark.rule("NP-4.8-1")
def test_the_form_can_be_skipped_as_easily_as_sent(candidate: Candidate) -> None:
    candidate.see(FORM)
    assert "Du kan hoppe over dette." in candidate.all_text
    skip, send = candidate.find("skip"), candidate.find("send")
    assert skip.size() == send.size()
    candidate.press("skip")
    assert candidate.told == [SkipPersonalData()]


@pytest.mark.rule("NP-A5-8")
def test_the_right_click_menu_undoes_and_leads_nowhere(candidate: Candidate) -> None:
    candidate.see(WRITING)
    candidate.key(Qt.Key.Key_A, CONTROL)
    candidate.key(Qt.Key.Key_Delete)
    editor = candidate.editor
    assert editor.toPlainText() == ""
    _right_click(editor)
    rows = [one.text() for one in candidate.find("editor_menu").findChildren(QAbstractButton)]
    assert rows == ["Angre", "Gjør om", "Klipp ut", "Kopier", "Lim inn"]
    assert len([one for one in QApplication.topLevelWidgets() if one.isVisible()]) == 1
    candidate.press("menu_undo")
    assert editor.toPlainText() == WRITING.text
    assert candidate.focus == "editor"


def _right_click(editor: ScriptEditor) -> None:
    place = QPoint(60, 60)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, editor.viewport().mapToGlobal(place))
    QApplication.sendEvent(editor.viewport(), event)


@pytest.mark.rule("NP-3.13-1", "NP-A3-4")
@pytest.mark.parametrize(
    ("key", "held", "name"),
    [
        (Qt.Key.Key_Tab, ALT, "Alt+Tab"), (Qt.Key.Key_F4, ALT, "Alt+F4"), (Qt.Key.Key_D, META, "Meta+D"),
        (Qt.Key.Key_O, CONTROL, "Ctrl+O"), (Qt.Key.Key_F1, Qt.KeyboardModifier.NoModifier, "F1"),
        (Qt.Key.Key_Help, Qt.KeyboardModifier.NoModifier, "Help"), (Qt.Key.Key_N, CONTROL, "Ctrl+N"),
        (Qt.Key.Key_F, CONTROL, "Ctrl+F"), (Qt.Key.Key_T, CONTROL | ALT, "Ctrl+Alt+T"),
        (Qt.Key.Key_W, CONTROL, "Ctrl+W"),
        (Qt.Key.Key_Escape, CONTROL | SHIFT, "Ctrl+Shift+Esc"),
        (Qt.Key.Key_LaunchMail, Qt.KeyboardModifier.NoModifier, "Launch Mail"),
    ],
)  # fmt: skip
def test_keys_that_lead_out_are_dropped_and_told(
    candidate: Candidate, key: Qt.Key, held: Qt.KeyboardModifier, name: str
) -> None:
    candidate.see(WRITING)
    candidate.key(key, held)
    assert candidate.acts[-1:] == [BlockedKey(name)]
    assert not candidate.told_of(EditText)
    editor = candidate.editor
    assert editor.toPlainText() == WRITING.text
    assert candidate.window.isActiveWindow()


@pytest.mark.rule("NP-3.13-1")
def test_closing_the_window_is_refused_and_told(candidate: Candidate) -> None:
    candidate.see(READING)
    assert not candidate.window.close()
    assert candidate.window.isVisible()
    assert candidate.told == [BlockedKey("close")]


@pytest.mark.rule("NP-4-19")
def test_unanswered_tasks_are_ways_back(candidate: Candidate) -> None:
    candidate.see(LEAVE)
    prompts = [one.text() for one in candidate.find("leave_1").findChildren(QLabel)]
    assert {task.prompt for task in UNANSWERED} <= set(prompts)
    assert candidate.focus == "way_back_3"
    assert candidate.sees("way_back_7")
    assert candidate.sees("way_back_8")
