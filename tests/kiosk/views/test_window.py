"""The window: what stays when a screen is shown again, keys, dialogs, the focus ring, robots."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtGui import QImage, QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLineEdit, QScrollArea, QWidget
from pytestqt.qtbot import QtBot
from shiboken6 import delete

from kiosk.intents import (
    Answer,
    AnswerSoundCheck,
    Back,
    BackToTasks,
    ChooseTopic,
    ConfirmLeave,
    Continue,
    EditText,
    GoTo,
    GoToHandIn,
    HandIn,
    Leave,
    LogIn,
    Next,
    PasteRefused,
    PlaySoundCheck,
    Previous,
    SendPersonalData,
    SetLanguage,
    SetStill,
    SetTextSize,
    SetTheme,
    SetVolume,
    ShowPage,
    TypeDayCode,
    UnlockAtPc,
)
from kiosk.screens import (
    DayCodeScreen,
    HandInScreen,
    InformationScreen,
    LeaveModuleScreen,
    LoginScreen,
    ReadingScreen,
    Screen,
    SoundCheckScreen,
    StripTask,
)
from kiosk.views.listening import ListeningView
from kiosk.views.window import ExamWindow
from kiosk.widgets.button import Pressable
from kiosk.widgets.strip import TaskStrip
from proverom.screens import (
    ENTRY_ITEM,
    FORM,
    HAND_IN_TASKS,
    HOT_ITEM,
    INFORMATION,
    INLINE_ITEM,
    LISTENING,
    READING,
    SEVERAL_ITEM,
    WRITING,
    shots,
)
from tests.kiosk.views.conftest import Candidate

CONTROL = Qt.KeyboardModifier.ControlModifier
SCREENS = {shot.name: shot.screen for shot in shots()}
LEAVE = SCREENS["08-leave-1"]
assert isinstance(LEAVE, LeaveModuleScreen)
BEHIND = LEAVE.behind


# --- what stays -------------------------------------------------------------------------------------------------------


def test_the_same_screen_again_keeps_every_widget(candidate: Candidate) -> None:
    candidate.see(READING)
    option = candidate.find("option_b")
    candidate.see(replace(READING, frame=replace(READING.frame, minutes_left=40, saved="saving"), response=("c",)))
    assert candidate.find("option_b") is option
    assert candidate.find("time_left").accessibleName() == "40 minutter igjen"
    assert candidate.reads("saved_words") == "Lagrer …"


def test_typing_is_never_overwritten_by_a_screen(candidate: Candidate) -> None:
    candidate.see(replace(WRITING, text="Hei"))
    candidate.type(" du")
    caret = candidate.editor.textCursor().position()
    candidate.see(replace(WRITING, text="noe helt annet"))
    assert candidate.editor.toPlainText() == "Hei du"
    assert candidate.editor.textCursor().position() == caret


def test_a_task_left_and_opened_again_has_its_text_and_its_undo(candidate: Candidate) -> None:
    other = replace(
        WRITING, task=replace(WRITING.task, id="W-12"), frame=replace(WRITING.frame, task_number=3), text=""
    )
    candidate.see(replace(WRITING, text=""))
    candidate.type("en to")
    candidate.see(other)
    assert candidate.editor.toPlainText() == ""
    candidate.see(replace(WRITING, text=""))
    assert candidate.editor.toPlainText() == "en to"
    candidate.key(Qt.Key.Key_Z, CONTROL)
    assert candidate.editor.toPlainText() == "en "


def test_another_attempt_begins_with_its_own_text(candidate: Candidate) -> None:
    candidate.see(replace(WRITING, text=""))
    candidate.type("gammelt")
    candidate.see(replace(WRITING, attempt="a9", text=""))
    assert candidate.editor.toPlainText() == ""


def test_an_attempt_that_comes_back_from_another_pc_has_the_text_it_has_now(candidate: Candidate) -> None:
    candidate.see(replace(WRITING, text=""))
    candidate.type("Hei")
    candidate.see(SCREENS["01-login"])
    candidate.see(replace(WRITING, text="Hei på deg"))
    assert candidate.editor.toPlainText() == "Hei på deg"


def test_a_typed_password_survives_a_larger_text_and_another_language(candidate: Candidate) -> None:
    candidate.see(LoginScreen())
    candidate.type("haugvik-114")
    candidate.key(Qt.Key.Key_Tab)
    candidate.type("tolv-elv")
    candidate.press("show_password")
    candidate.find("password").setFocus()
    candidate.key(Qt.Key.Key_Plus, CONTROL)
    candidate.press("language_nn")
    assert candidate.typed_in("user") == "haugvik-114"
    password = candidate.find_a(QLineEdit, "password")
    assert password.text() == "tolv-elv"
    assert password.echoMode() == QLineEdit.EchoMode.Normal
    assert "Brukarnamn" in candidate.all_text


def test_the_text_is_where_it_was_when_a_candidate_comes_back(candidate: Candidate, qtbot: QtBot) -> None:
    candidate.see(READING)
    area = candidate.find_a(QScrollArea, "text_scroll")
    place = area.verticalScrollBar().maximum() // 2
    assert place > 0
    area.verticalScrollBar().setValue(place)
    other = replace(READING, item=replace(READING.item, id="R-999"), stimulus=None)
    candidate.see(other)
    candidate.see(READING)
    again = candidate.find_a(QScrollArea, "text_scroll")
    qtbot.waitUntil(lambda: again.verticalScrollBar().value() == place)


def test_a_cut_text_says_so_until_its_end_is_seen(candidate: Candidate) -> None:
    candidate.see(READING)
    assert candidate.sees("text_continues")
    area = candidate.find_a(QScrollArea, "text_scroll")
    area.verticalScrollBar().setValue(area.verticalScrollBar().maximum())
    candidate.settle()
    assert not candidate.sees("text_continues")


# --- answers ----------------------------------------------------------------------------------------------------------


def test_arrows_move_space_answers_and_enter_goes_on(candidate: Candidate) -> None:
    candidate.see(replace(READING, response=None))
    assert candidate.focus == "option_a"
    candidate.key(Qt.Key.Key_Down)
    candidate.key(Qt.Key.Key_Down)
    assert not candidate.told_of(Answer)
    candidate.key(Qt.Key.Key_Space)
    candidate.key(Qt.Key.Key_Space)
    assert candidate.told_of(Answer) == [Answer("R-105", ("c",))]
    candidate.key(Qt.Key.Key_Return)
    assert candidate.told[-1] == Next()


def test_several_answers_go_on_and_off_and_one_too_many_is_told(candidate: Candidate) -> None:
    candidate.see(replace(READING, item=SEVERAL_ITEM, response=("a", "c")))
    candidate.press("option_d")
    assert not candidate.told
    assert candidate.reads("item_notice").startswith("Du har valgt 2.")
    candidate.press("option_a")
    candidate.press("option_d")
    assert candidate.told == [Answer("R-106", ("c",)), Answer("R-106", ("c", "d"))]


def test_a_gap_with_a_list_is_answered_by_keys(candidate: Candidate) -> None:
    candidate.see(replace(READING, item=INLINE_ITEM, response=None))
    candidate.find("gap_g2").setFocus()
    candidate.key(Qt.Key.Key_Return)
    opened = candidate.find("open_list")
    sentence = candidate.find("item_text")
    bottom = sentence.mapTo(candidate.window, QPoint(0, sentence.height())).y()
    assert opened.y() >= bottom
    candidate.key(Qt.Key.Key_Down)
    candidate.key(Qt.Key.Key_Space)
    assert candidate.told == [Answer("R-108", ("", "b"))]
    assert not candidate.sees("open_list")
    assert candidate.focus == "gap_g2"


def test_escape_closes_a_list_and_answers_nothing(candidate: Candidate) -> None:
    candidate.see(replace(READING, item=INLINE_ITEM, response=("a", "")))
    candidate.press("gap_g1")
    candidate.key(Qt.Key.Key_Escape)
    assert not candidate.sees("open_list")
    assert candidate.told == []
    assert candidate.focus == "gap_g1"


def test_typed_gaps_are_one_text_a_gap(candidate: Candidate) -> None:
    candidate.see(replace(READING, item=ENTRY_ITEM, response=None))
    candidate.find("gap_g2").setFocus()
    candidate.type("på")
    assert candidate.told[-1] == Answer("R-109", ("", "på"))
    candidate.key(Qt.Key.Key_Backspace)
    candidate.key(Qt.Key.Key_Backspace)
    assert candidate.told[-1] == Answer("R-109", ())


def test_nothing_can_be_pasted_into_a_gap(candidate: Candidate) -> None:
    QApplication.clipboard().setText("Torggata")
    candidate.see(replace(READING, item=ENTRY_ITEM, response=None))
    candidate.find("gap_g1").setFocus()
    candidate.key(Qt.Key.Key_V, CONTROL)
    assert candidate.told == [PasteRefused()]
    assert candidate.typed_in("gap_g1") == ""


def test_a_word_in_the_text_is_an_answer(candidate: Candidate) -> None:
    candidate.see(replace(READING, item=HOT_ITEM, response=("w1",)))
    assert candidate.is_chosen("word_w1")
    candidate.press("word_w2")
    assert candidate.told == [Answer("R-110", ("w2",))]


def test_a_pictures_name_is_its_letter_and_the_authors_words(candidate: Candidate) -> None:
    candidate.see(LISTENING)
    assert candidate.find("option_b").accessibleName() == "B: To nøkler på en ring"


# --- keys -------------------------------------------------------------------------------------------------------------


def test_tab_follows_question_ways_and_strip(candidate: Candidate) -> None:
    candidate.see(READING)
    order = []
    for _tab in range(6):
        order.append(candidate.focus)
        candidate.key(Qt.Key.Key_Tab)
    assert order == ["option_b", "previous", "next", "strip_5", "text_and_colours", "text_scroll"]


def test_f6_jumps_between_text_question_and_foot(candidate: Candidate) -> None:
    candidate.see(READING)
    seen = []
    for _jump in range(3):
        candidate.key(Qt.Key.Key_F6)
        seen.append(candidate.focus)
    assert seen == ["next", "text_scroll", "option_b"]


def test_the_strip_is_one_tab_stop_with_arrows_inside(candidate: Candidate) -> None:
    candidate.see(READING)
    candidate.find("strip_5").setFocus()
    candidate.key(Qt.Key.Key_Right)
    candidate.key(Qt.Key.Key_Right)
    assert candidate.focus == "strip_7"
    candidate.key(Qt.Key.Key_Return)
    assert candidate.told == [GoTo("R-207")]


def test_page_keys_scroll_the_text_from_the_question(candidate: Candidate) -> None:
    candidate.see(READING)
    area = candidate.find_a(QScrollArea, "text_scroll")
    candidate.key(Qt.Key.Key_PageDown)
    assert area.verticalScrollBar().value() > 0
    assert candidate.focus == "option_b"


def test_a_held_enter_presses_once(candidate: Candidate) -> None:
    candidate.see(replace(READING, response=None))
    target = candidate.find("next")
    target.setFocus()
    for is_repeat in (False, True, True):
        event = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Return, Qt.KeyboardModifier.NoModifier, "\r", is_repeat)
        QApplication.sendEvent(target, event)
    assert candidate.told == [Next()]


# --- dialogs ----------------------------------------------------------------------------------------------------------


def test_a_step_takes_no_key_for_400_ms_and_until_key_up(candidate: Candidate, qtbot: QtBot) -> None:
    candidate.see(BEHIND)
    QTest.keyPress(candidate.find("next"), Qt.Key.Key_Return)
    candidate.see(replace(LEAVE, step=2))
    candidate.told.clear()
    QTest.keyPress(candidate.find("dialog_back"), Qt.Key.Key_Return)
    assert candidate.told == []
    qtbot.waitUntil(lambda: not candidate.window._step_is_young, timeout=60_000)
    QTest.keyPress(candidate.find("dialog_back"), Qt.Key.Key_Return)
    assert candidate.told == []
    QTest.keyRelease(candidate.find("dialog_back"), Qt.Key.Key_Return)
    QTest.keyClick(candidate.find("dialog_back"), Qt.Key.Key_Return)
    assert candidate.told == [BackToTasks()]


def test_a_key_that_goes_up_in_another_window_does_not_lock_the_dialog(candidate: Candidate) -> None:
    candidate.see(BEHIND)
    QTest.keyPress(candidate.find("next"), Qt.Key.Key_Return)
    candidate.see(replace(LEAVE, step=2))
    QApplication.sendEvent(candidate.window, QEvent(QEvent.Type.WindowDeactivate))
    candidate.window._step_is_old()
    QTest.keyClick(candidate.find("dialog_back"), Qt.Key.Key_Return)
    assert candidate.told[-1:] == [BackToTasks()]


def test_a_double_click_does_not_run_through_a_step(candidate: Candidate) -> None:
    candidate.see(LEAVE)
    QTest.mouseClick(candidate.find("dialog_on"), Qt.MouseButton.LeftButton)
    QTest.mouseDClick(candidate.find("dialog_on"), Qt.MouseButton.LeftButton)
    assert candidate.told == [ConfirmLeave(1)]


def test_the_dialog_keeps_tab_inside_and_its_safe_choice_is_first(candidate: Candidate) -> None:
    candidate.see(replace(LEAVE, step=2))
    candidate.window._step_is_old()
    assert candidate.focus == "dialog_back"
    candidate.key(Qt.Key.Key_Tab)
    assert candidate.focus == "dialog_on"
    candidate.key(Qt.Key.Key_Tab)
    assert candidate.focus == "dialog_back"
    back, on = candidate.find("dialog_back"), candidate.find("dialog_on")
    assert back.x() < on.x()


def test_a_row_of_the_dialog_leads_back_to_its_task(candidate: Candidate) -> None:
    candidate.see(LEAVE)
    candidate.press("way_back_7")
    assert candidate.told == [GoTo("R-207")]


def test_handing_in_names_an_empty_task_in_both_steps(candidate: Candidate) -> None:
    for step in (1, 2):
        candidate.see(HandInScreen(behind=WRITING, step=step, tasks=HAND_IN_TASKS))
        assert candidate.reads("warning_words") == "Oppgave 3 er tom. Du må svare på alle oppgavene for å få resultat."
        candidate.press("dialog_on")
    assert candidate.told == [HandIn(1), HandIn(2)]


def test_the_task_under_a_dialog_gets_no_typing(candidate: Candidate) -> None:
    candidate.see(HandInScreen(behind=WRITING, step=1, tasks=HAND_IN_TASKS))
    candidate.window._step_is_old()
    candidate.type("hallo")
    assert not candidate.told_of(EditText)
    candidate.see(WRITING)
    assert candidate.editor.toPlainText() == WRITING.text


# --- text and colours -------------------------------------------------------------------------------------------------


def test_the_sheet_takes_effect_at_once_and_stays_open(candidate: Candidate) -> None:
    candidate.see(LISTENING)
    candidate.press("text_and_colours")
    candidate.press("text_larger")
    candidate.press("theme_dark")
    candidate.press("still")
    assert candidate.told == [SetTextSize(125), SetTheme("dark"), SetStill(is_still=True)]
    assert candidate.look.settings.theme == "dark"
    assert candidate.reads("text_size") == "125 prosent"
    candidate.key(Qt.Key.Key_Escape)
    assert candidate.window.settings_sheet is None
    assert candidate.focus == "text_and_colours"


def test_still_pictures_do_not_move_with_the_sound(candidate: Candidate) -> None:
    still = replace(LISTENING, settings=replace(LISTENING.settings, is_still=True))
    levels = set()
    for level in (0.1, 0.5, 0.9):
        candidate.see(replace(still, level=level))
        view = candidate.window.view
        assert isinstance(view, ListeningView)
        levels.add(view.now.level.level)
    assert len(levels) == 1


def test_the_level_sign_follows_the_rendered_sound(candidate: Candidate) -> None:
    for level in (0.0, 0.4, 1.0):
        candidate.see(replace(LISTENING, level=level))
        view = candidate.window.view
        assert isinstance(view, ListeningView)
        assert view.now.level.level == level


def test_size_keys_stop_at_the_ends(candidate: Candidate) -> None:
    candidate.see(READING)
    candidate.key(Qt.Key.Key_Minus, CONTROL)
    assert candidate.told == []
    for _press in range(9):
        candidate.key(Qt.Key.Key_Plus, CONTROL)
    assert [intent.text_size for intent in candidate.told_of(SetTextSize)] == [125, 150, 175, 200, 250]


# --- start screens ----------------------------------------------------------------------------------------------------


def test_logging_in_by_keys_and_a_wrong_password_is_kept_and_marked(candidate: Candidate) -> None:
    candidate.see(LoginScreen())
    candidate.type("haugvik-114")
    candidate.key(Qt.Key.Key_Tab)
    candidate.type("tolv-elv")
    candidate.key(Qt.Key.Key_Return)
    assert candidate.told == [LogIn("haugvik-114", "tolv-elv")]
    candidate.see(LoginScreen(error="wrong"))
    password = candidate.find_a(QLineEdit, "password")
    assert password.text() == password.selectedText() == "tolv-elv"
    assert candidate.reads("log_in_error_words").startswith("Brukernavn eller passord er feil.")
    candidate.see(LoginScreen(error="wrong", wait_s=8))
    assert candidate.reads("log_in_error_words") == "Vent 8 sekunder."


def test_a_password_is_in_no_log(candidate: Candidate) -> None:
    assert "tolv" not in repr(LogIn("haugvik-114", "tolv-elv")) + repr(UnlockAtPc("leder", "tolv"))
    assert "4071" not in repr(TypeDayCode("4071"))


def test_the_day_code_takes_four_digits_and_nothing_else(candidate: Candidate) -> None:
    QApplication.clipboard().setText("9999")
    candidate.see(DayCodeScreen())
    candidate.key(Qt.Key.Key_V, CONTROL)
    candidate.type("4x0 7199")
    candidate.key(Qt.Key.Key_Return)
    assert candidate.told == [PasteRefused(), TypeDayCode("4071")]
    candidate.press("back")
    assert candidate.told[-1] == Back()


def test_pages_turn_and_the_start_waits_for_the_leader(candidate: Candidate) -> None:
    pages = (INFORMATION, INFORMATION)
    candidate.see(InformationScreen(pages=pages))
    assert candidate.reads("page") == "Side 1 av 2"
    candidate.press("continue")
    candidate.see(InformationScreen(pages=pages, page=1, is_waiting=True))
    assert not candidate.sees("start")
    assert candidate.reads("starts_soon") == "Prøven starter snart. Vent på prøvelederen."
    candidate.see(InformationScreen(pages=pages, page=1))
    assert candidate.sees("start")
    assert not candidate.sees("starts_soon")
    candidate.press("back")
    assert candidate.told == [ShowPage(1), ShowPage(0)]


def test_the_sound_check_is_played_and_answered(candidate: Candidate) -> None:
    candidate.see(SCREENS["04-sound-check"])
    for name in ("play", "number_60", "volume_lower", "volume_higher", "continue"):
        candidate.press(name)
    wished = [PlaySoundCheck(), AnswerSoundCheck("60"), SetVolume(6), SetVolume(8), Continue()]
    assert candidate.told == wished


def test_a_right_number_and_a_second_wrong_one_are_told(candidate: Candidate) -> None:
    sound = SCREENS["04-sound-check"]
    assert isinstance(sound, SoundCheckScreen)
    candidate.see(replace(sound, wrong=2, is_leader_told=True))
    assert candidate.reads("sound_error_words") == "Det er ikke riktig tall. Trykk Spill og hør en gang til."
    assert candidate.reads("sound_told") == "Prøvelederen vet om dette og kommer. Du kan prøve igjen."
    candidate.see(replace(sound, wrong=0, passed=True))
    assert candidate.reads("sound_told") == "Det er riktig. Lyden virker."
    assert not candidate.sees("sound_error_words")


def test_the_volume_has_no_mute(candidate: Candidate) -> None:
    candidate.see(replace(LISTENING, volume=1))
    candidate.press("volume_lower")
    assert candidate.told == []


def test_the_form_is_sent_with_what_was_left_out(candidate: Candidate) -> None:
    candidate.see(FORM)
    candidate.press("form_years_2")
    candidate.press("send")
    assert candidate.told == [SendPersonalData((("years", "2"), ("first_language", "")))]


def test_a_topic_is_chosen_before_there_is_an_editor(candidate: Candidate) -> None:
    candidate.see(SCREENS["10-writing-topics"])
    assert not candidate.sees("editor")
    candidate.press("topic_2")
    assert candidate.told == [ChooseTopic("s2", "W-13")]


def test_the_last_writing_task_leads_to_handing_in(candidate: Candidate) -> None:
    candidate.see(replace(WRITING, frame=replace(WRITING.frame, task_number=3)))
    candidate.press("next")
    candidate.press("previous")
    candidate.press("tab_1")
    assert candidate.acts == [GoToHandIn(), GoTo("W-11"), GoTo("W-10")]


def test_the_lock_screen_has_a_staff_log_in_only_when_the_room_page_is_away(candidate: Candidate) -> None:
    candidate.see(SCREENS["14-locked"])
    assert not candidate.sees("staff_user")
    assert not candidate.window.findChildren(QAbstractButton)
    candidate.see(SCREENS["14-locked-staff"])
    candidate.type("leder")
    candidate.key(Qt.Key.Key_Tab)
    candidate.type("ord")
    candidate.key(Qt.Key.Key_Return)
    assert candidate.told == [UnlockAtPc("leder", "ord")]


def test_language_is_chosen_on_the_first_screen(candidate: Candidate) -> None:
    candidate.see(LoginScreen())
    candidate.press("language_en")
    assert candidate.told == [SetLanguage("en")]
    assert candidate.reads("title") == "Log in"


# --- many tasks, small windows ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tasks", "most_in_row"), [(8, 8), (20, 20), (24, 12), (40, 20)])
def test_more_than_twenty_tasks_take_two_rows(candidate: Candidate, tasks: int, most_in_row: int) -> None:
    strip = tuple(StripTask(f"R-{number}", number, is_answered=False) for number in range(1, tasks + 1))
    candidate.see(replace(READING, strip=strip, item=replace(READING.item, id="R-1")))
    shown = candidate.find_a(TaskStrip, "strip")
    in_row = sum(place.y() == shown.places[0].y() for place in shown.places)
    assert in_row == most_in_row
    last = shown.places[-1]
    assert last.mapTo(candidate.window, QPoint(last.width(), 0)).x() <= candidate.window.width()


def test_one_column_offers_the_text_the_question_and_the_task_list(candidate: Candidate) -> None:
    candidate.see(SCREENS["07-reading-contrast-200"])
    candidate.press("to_question")
    assert candidate.find_a(QAbstractButton, "to_question").text() == "Til teksten"
    candidate.press("task_list_button")
    candidate.press("strip_3")
    assert candidate.told == [GoTo("R-203")]


def test_a_closed_task_list_leaves_nothing_behind(candidate: Candidate) -> None:
    candidate.see(SCREENS["07-reading-contrast-200"])
    candidate.press("task_list_button")
    candidate.key(Qt.Key.Key_Escape)
    candidate.key(Qt.Key.Key_Escape)
    assert not candidate.sees("task_list")
    assert candidate.focus == "task_list_button"
    assert candidate.told == []


def test_locking_takes_open_sheets_and_lists_away(candidate: Candidate) -> None:
    candidate.see(replace(READING, item=INLINE_ITEM, response=None))
    candidate.press("gap_g1")
    candidate.see(SCREENS["14-locked"])
    assert not candidate.sees("open_list")
    candidate.see(READING)
    candidate.press("text_and_colours")
    candidate.see(SCREENS["14-locked"])
    assert not candidate.sees("settings")
    candidate.see(READING)
    assert candidate.focus == "option_b"


def test_a_declined_dialog_gives_the_focus_back(candidate: Candidate) -> None:
    candidate.see(HandInScreen(behind=WRITING, step=1, tasks=HAND_IN_TASKS))
    candidate.see(WRITING)
    assert candidate.focus == "editor"
    candidate.type("a")
    assert candidate.told_of(EditText)


def test_a_focused_answer_is_scrolled_clear_of_the_line_below(candidate: Candidate) -> None:
    candidate.window.resize(1366, 520)
    candidate.see(READING)
    candidate.key(Qt.Key.Key_Down)
    candidate.key(Qt.Key.Key_Down)
    assert candidate.focus == "option_d"
    option, line = candidate.find("option_d"), candidate.window.findChild(QWidget, "question_continues")
    assert line is not None
    bottom = option.mapTo(candidate.window, QPoint(0, option.height())).y()
    assert not line.isVisible() or bottom <= line.mapTo(candidate.window, QPoint(0, 0)).y()


def test_in_one_column_typing_brings_the_caret_into_sight(candidate: Candidate) -> None:
    candidate.see(SCREENS["10-writing-200"])
    candidate.type("a")
    editor = candidate.editor
    caret = editor.viewport().mapTo(candidate.window, editor.cursorRect().bottomLeft()).y()
    foot = candidate.find("foot").mapTo(candidate.window, QPoint(0, 0)).y()
    assert caret < foot


def test_in_one_column_the_saved_sign_shows_only_when_something_is_not_saved(candidate: Candidate) -> None:
    screen = SCREENS["07-reading-contrast-200"]
    assert isinstance(screen, ReadingScreen)
    candidate.see(screen)
    assert not candidate.sees("saved_sign")
    candidate.see(replace(screen, frame=replace(screen.frame, saved="saving")))
    assert candidate.reads("saved_words") == "Lagrer …"


# --- ring, robots, demo -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["01-login", "07-reading", "08-leave-1", "10-writing", "14-locked-staff", "03-written-standard"]
)
def test_the_ring_is_round_what_has_the_focus(candidate: Candidate, name: str) -> None:
    candidate.see(SCREENS[name])
    ring, focused = candidate.window.focus_ring, candidate.window.focusWidget()
    assert ring is not None
    assert ring.isVisible()
    assert ring.target is not None
    assert ring.target is focused or ring.target.isAncestorOf(focused)
    assert ring.width() == ring.target.width() + 18


def test_the_ring_is_seen_also_after_a_mouse_click(candidate: Candidate) -> None:
    candidate.see(READING)
    candidate.press("option_d")
    image: QImage = candidate.window.grab().toImage()
    corner = candidate.find("option_d").mapTo(candidate.window, QPoint(100, -5))
    assert image.pixelColor(corner).name() == candidate.look.colours.ring.lower()


def test_robots_find_every_control_where_a_click_hits_it(candidate: Candidate) -> None:
    candidate.see(READING)
    for name, (x, y, width, height) in candidate.window.robot_map().items():
        if name.startswith(("option_", "strip_", "next", "previous")):
            middle = candidate.window.mapFromGlobal(QPoint(x + width // 2, y + height // 2))
            hit = candidate.window.childAt(middle)
            while hit is not None and hit.objectName() != name:
                hit = hit.parentWidget()
            assert hit is not None, name
    next_place = candidate.window.geometry_of("next")
    assert [next_place.x(), next_place.y(), next_place.width(), next_place.height()] == candidate.window.robot_map()[
        "next"
    ]
    assert candidate.window.geometry_of("nowhere").isEmpty()


def test_only_a_demo_window_has_a_way_out(candidate: Candidate, qtbot: QtBot) -> None:
    candidate.see(READING)
    assert not candidate.sees("leave_demo")
    demo = ExamWindow(shows_leave=True)
    demo.show()
    someone = Candidate(demo)
    someone.see(READING)
    someone.press("leave_demo")
    assert someone.told == [Leave()]
    demo.allow_close()
    demo.close()


@pytest.mark.parametrize(
    "name", ["01-login", "01-login-200", "07-reading", "07-reading-250", "09-listening", "10-writing-200"]
)
def test_the_way_out_of_a_demo_covers_nothing(qtbot: QtBot, name: str) -> None:
    demo = ExamWindow(shows_leave=True)
    demo.resize(1366, 768)
    demo.show()
    someone = Candidate(demo)
    someone.see(SCREENS[name])
    way_out = demo.geometry_of("leave_demo")
    others = [one for one in demo.findChildren(Pressable) if one.isVisible() and one.objectName() != "leave_demo"]
    assert not way_out.isEmpty()
    assert [one.objectName() for one in others if demo.geometry_of(one.objectName()).intersects(way_out)] == []
    demo.allow_close()
    demo.close()
    delete(demo)


def test_the_level_sign_draws_at_most_twelve_pictures_a_second(candidate: Candidate, qtbot: QtBot) -> None:
    candidate.see(LISTENING)
    sign = candidate.find("level_sign")
    counter = _Paints()
    sign.installEventFilter(counter)
    for step in range(30):
        candidate.see(replace(LISTENING, level=step / 30))
        qtbot.wait(10)
    lasted_s = counter.lasted_s
    assert counter.paints <= 12 * lasted_s + 2


class _Paints(QObject):
    """Counts how often a widget is painted, and over how long."""

    def __init__(self) -> None:
        super().__init__()
        self.paints = 0
        self._since = time.monotonic()

    @property
    def lasted_s(self) -> float:
        return time.monotonic() - self._since

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self.paints += event.type() == QEvent.Type.Paint
        return False


class _SecondWindows(QObject):
    """Notes every window that comes up besides the exam window."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        is_window = isinstance(watched, QWidget) and watched.isWindow() and not isinstance(watched, ExamWindow)
        if event.type() == QEvent.Type.Show and is_window:
            self.seen.append(f"{type(watched).__name__} {watched.objectName()}")
        return False


def test_no_screen_ever_opens_a_second_window(candidate: Candidate, qapp: QApplication) -> None:
    watch = _SecondWindows()
    qapp.installEventFilter(watch)
    for shot in shots():
        candidate.see(shot.screen)
        if shot.press:
            candidate.press(shot.press)
            candidate.key(Qt.Key.Key_Escape)
    qapp.removeEventFilter(watch)
    assert watch.seen == []


PARTS = tuple(
    SCREENS[name] for name in ("07-reading", "09-listening", "10-writing", "08-leave-1", "05-day-code", "14-locked")
)


@settings(max_examples=15)
@given(st.lists(st.tuples(st.sampled_from(range(len(PARTS))), st.sampled_from([100, 150, 200])), max_size=6))
def test_any_order_of_screens_leaves_the_last_one_on_the_glass(
    qapp: QApplication, shown: list[tuple[int, int]]
) -> None:
    window = ExamWindow()
    window.show()
    for place, size in shown:
        screen: Screen = PARTS[place]
        window.show_screen(replace(screen, settings=replace(screen.settings, text_size=size)))
    if shown:
        assert window.screen_shown is not None
        assert type(window.screen_shown) is type(PARTS[shown[-1][0]])
        assert (window.dialog is not None) == isinstance(window.screen_shown, LeaveModuleScreen)
    window.allow_close()
    window.close()
    delete(window)


def test_previous_is_told(candidate: Candidate) -> None:
    candidate.see(READING)
    candidate.press("previous")
    assert candidate.told == [Previous()]
