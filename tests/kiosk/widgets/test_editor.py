"""The writing editor under real key events: edits fold to its text, undo goes in words, nothing comes from outside."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QByteArray, QEvent, QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QInputMethodEvent, QKeyEvent, QMouseEvent, QTextCharFormat, QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from shiboken6 import delete

from engine.events import Edited
from engine.ids import TaskId
from kiosk.intents import EditText
from kiosk.look.look import Look
from kiosk.screens import Settings
from kiosk.widgets.editor import OWN_TYPE, Draft, ScriptEditor
from tests.strategies import running

NONE = Qt.KeyboardModifier.NoModifier
CONTROL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
LOOK = Look(Settings(), 1366, 768)
SIGNS = ("a", "b", "æ", "é", "e\u0301", "😀", "👩‍👧", "\u0639", " ", ".")


class Bench:
    """An editor on the screen, with every edit it told and the text they fold to."""

    def __init__(self, text: str = "", task: str = "W-11") -> None:
        self.draft = Draft(task, text)
        self.editor = ScriptEditor(LOOK, self.draft, "editor", "Teksten din")
        self.edits: list[EditText] = []
        self.folded = text
        self.draft.edited.connect(self._fold)
        self.editor.resize(700, 400)
        self.editor.show()
        self.editor.setFocus()
        self.editor.put_caret_at_end()

    def _fold(self, edit: EditText) -> None:
        end = edit.position + len(edit.deleted)
        assert self.folded[edit.position : end] == edit.deleted
        self.folded = self.folded[: edit.position] + edit.inserted + self.folded[end:]
        self.edits.append(edit)

    @property
    def text(self) -> str:
        return self.editor.toPlainText()

    def key(self, key: Qt.Key, held: Qt.KeyboardModifier = NONE) -> None:
        QTest.keyClick(self.editor, key, held)

    def type(self, text: str) -> None:
        """As the platform sends it: one key event, whatever the layout made of the key."""
        for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            QApplication.sendEvent(self.editor, QKeyEvent(kind, 0, NONE, text))

    def write(self, text: str) -> None:
        for sign in text:
            self.type(sign)

    def compose(self, text: str) -> None:
        composing = QInputMethodEvent("~", [])
        QApplication.sendEvent(self.editor, composing)
        done = QInputMethodEvent("", [])
        done.setCommitString(text)
        QApplication.sendEvent(self.editor, done)


ACTS: dict[str, Callable[[Bench], None]] = {
    "backspace": lambda bench: bench.key(Qt.Key.Key_Backspace),
    "delete": lambda bench: bench.key(Qt.Key.Key_Delete),
    "enter": lambda bench: bench.key(Qt.Key.Key_Return),
    "left": lambda bench: bench.key(Qt.Key.Key_Left),
    "right": lambda bench: bench.key(Qt.Key.Key_Right),
    "up": lambda bench: bench.key(Qt.Key.Key_Up),
    "home": lambda bench: bench.key(Qt.Key.Key_Home),
    "end": lambda bench: bench.key(Qt.Key.Key_End),
    "mark left": lambda bench: bench.key(Qt.Key.Key_Left, SHIFT),
    "mark word": lambda bench: bench.key(Qt.Key.Key_Left, SHIFT | CONTROL),
    "mark all": lambda bench: bench.key(Qt.Key.Key_A, CONTROL),
    "delete word": lambda bench: bench.key(Qt.Key.Key_Backspace, CONTROL),
    "cut": lambda bench: bench.key(Qt.Key.Key_X, CONTROL),
    "copy": lambda bench: bench.key(Qt.Key.Key_C, CONTROL),
    "paste": lambda bench: bench.key(Qt.Key.Key_V, CONTROL),
    "undo": lambda bench: bench.key(Qt.Key.Key_Z, CONTROL),
    "redo": lambda bench: bench.key(Qt.Key.Key_Y, CONTROL),
    "redo too": lambda bench: bench.key(Qt.Key.Key_Z, CONTROL | SHIFT),
    "compose": lambda bench: bench.compose("ñ😀"),
}


@given(st.lists(st.one_of(st.sampled_from(SIGNS), st.sampled_from(sorted(ACTS))), max_size=40))
def test_edits_fold_to_the_editors_text_after_any_keys(qapp: QApplication, steps: list[str]) -> None:
    bench = Bench("Hei 😀\ndu")
    for step in steps:
        if step in ACTS:
            ACTS[step](bench)
        else:
            bench.type(step)
        assert bench.folded == bench.text
    delete(bench.editor)


@given(st.lists(st.one_of(st.sampled_from(SIGNS), st.sampled_from(sorted(ACTS))), max_size=25))
def test_the_engine_folds_the_same_text_and_refuses_no_edit(qapp: QApplication, steps: list[str]) -> None:
    sitting = running("writing")
    task = next(iter(sitting.attempt.given.form.slots)).tasks[0]  # type: ignore[union-attr] - a writing part has a task set
    bench = Bench(task=task)
    for step in steps:
        if step in ACTS:
            ACTS[step](bench)
        else:
            bench.type(step)
    for edit in bench.edits:
        sitting.do(Edited, edit.task, edit.position, edit.deleted, edit.inserted, edit.cause)
    assert sitting.attempt.texts.get(TaskId(task), "") == bench.text
    delete(bench.editor)


def test_positions_are_code_points_behind_an_emoji(qtbot: QtBot) -> None:
    bench = Bench("a😀")
    bench.type("b")
    assert bench.edits == [EditText("W-11", 2, "", "b", "type")]
    bench.key(Qt.Key.Key_Backspace)
    bench.key(Qt.Key.Key_Backspace)
    assert bench.edits[-1] == EditText("W-11", 1, "😀", "", "backspace")


@pytest.mark.parametrize(
    ("act", "cause"),
    [
        ("enter", "type"), ("backspace", "backspace"), ("cut", "cut"), ("paste", "paste"), ("undo", "undo"),
        ("compose", "ime"),
    ],
)  # fmt: skip
def test_every_edit_names_its_cause(qtbot: QtBot, act: str, cause: str) -> None:
    bench = Bench()
    bench.write("ord")
    bench.key(Qt.Key.Key_A, CONTROL)
    bench.key(Qt.Key.Key_C, CONTROL)
    if act != "cut":
        bench.key(Qt.Key.Key_End)
    ACTS[act](bench)
    assert bench.edits[-1].cause == cause


def test_delete_and_redo_name_their_causes(qtbot: QtBot) -> None:
    bench = Bench("ord")
    bench.key(Qt.Key.Key_Home)
    bench.key(Qt.Key.Key_Delete)
    bench.key(Qt.Key.Key_Z, CONTROL)
    bench.key(Qt.Key.Key_Y, CONTROL)
    assert [edit.cause for edit in bench.edits] == ["delete", "undo", "redo"]


@pytest.mark.rule("NP-A5-7")
def test_marked_and_deleted_text_comes_back_with_control_z(qtbot: QtBot) -> None:
    bench = Bench()
    bench.write("Hei du der")
    bench.key(Qt.Key.Key_A, CONTROL)
    bench.key(Qt.Key.Key_Delete)
    assert bench.text == ""
    bench.key(Qt.Key.Key_Z, CONTROL)
    assert bench.text == "Hei du der"


def test_one_undo_takes_back_one_word(qtbot: QtBot) -> None:
    bench = Bench()
    bench.write("en to tre")
    seen = []
    for _step in range(3):
        bench.key(Qt.Key.Key_Z, CONTROL)
        seen.append(bench.text)
    assert seen == ["en to ", "en ", ""]


@pytest.mark.parametrize(("key", "held"), [(Qt.Key.Key_Y, CONTROL), (Qt.Key.Key_Z, CONTROL | SHIFT)])
def test_both_redo_keys_do_again(qtbot: QtBot, key: Qt.Key, held: Qt.KeyboardModifier) -> None:
    bench = Bench()
    bench.write("en to")
    bench.key(Qt.Key.Key_Z, CONTROL)
    bench.key(key, held)
    assert bench.text == "en to"


def test_undo_takes_back_a_paste_alone(qtbot: QtBot) -> None:
    bench = Bench()
    bench.write("ord ")
    bench.key(Qt.Key.Key_A, CONTROL)
    bench.key(Qt.Key.Key_C, CONTROL)
    bench.key(Qt.Key.Key_End)
    bench.key(Qt.Key.Key_V, CONTROL)
    assert bench.text == "ord ord "
    bench.key(Qt.Key.Key_Z, CONTROL)
    assert bench.text == "ord "


@pytest.mark.rule("NP-A3-4")
@pytest.mark.parametrize(("key", "held"), [(Qt.Key.Key_V, CONTROL), (Qt.Key.Key_Insert, SHIFT)])
def test_text_from_outside_is_refused_and_told(qtbot: QtBot, key: Qt.Key, held: Qt.KeyboardModifier) -> None:
    bench = Bench("mitt")
    QGuiApplication.clipboard().setText("Fra et dokument på PC-en")
    with qtbot.waitSignal(bench.editor.paste_refused):
        bench.key(key, held)
    assert bench.text == "mitt"
    assert bench.edits == []


@pytest.mark.rule("NP-A3-4")
def test_files_cannot_be_dropped_on_the_editor(qtbot: QtBot) -> None:
    bench = Bench()
    assert not bench.editor.acceptDrops()
    assert not bench.editor.viewport().acceptDrops()
    dropped = QMimeData()
    dropped.setText("file:///media/usb/svar.txt")
    assert not bench.editor.canInsertFromMimeData(dropped)


def test_what_is_copied_is_unreadable_outside(qtbot: QtBot) -> None:
    bench = Bench("hemmelig")
    bench.key(Qt.Key.Key_A, CONTROL)
    bench.key(Qt.Key.Key_C, CONTROL)
    held = QGuiApplication.clipboard().mimeData()
    assert held.formats() == [OWN_TYPE]
    assert QGuiApplication.clipboard().text() == ""


def test_a_guessed_private_type_of_another_run_is_not_taken(qtbot: QtBot) -> None:
    bench = Bench()
    forged = QMimeData()
    forged.setData("application/x-proverom-0123456789abcdef", QByteArray(b"smuglet"))
    QGuiApplication.clipboard().setMimeData(forged)
    bench.key(Qt.Key.Key_V, CONTROL)
    assert bench.text == ""


@pytest.mark.rule("NP-3.5-9")
def test_a_misspelt_word_is_neither_marked_nor_corrected(qtbot: QtBot) -> None:
    bench = Bench()
    bench.write("Jei liker skoole. ")
    assert bench.text == "Jei liker skoole. "
    assert bench.editor.extraSelections() == []
    block = bench.editor.document().firstBlock()
    formats = [part.format for part in block.layout().formats()]
    cursor = QTextCursor(block)
    fragments = []
    while not cursor.atEnd():
        cursor.movePosition(QTextCursor.MoveOperation.NextCharacter)
        fragments.append(cursor.charFormat())
    for shown in [*formats, *fragments]:
        assert shown.underlineStyle() == QTextCharFormat.UnderlineStyle.NoUnderline
    no_help = Qt.InputMethodHint.ImhNoPredictiveText
    assert bench.editor.inputMethodHints() & no_help


def test_key_times_name_the_key_and_never_the_text(qtbot: QtBot) -> None:
    bench = Bench()
    timed: list[tuple[int, bool]] = []
    bench.editor.key_timed.connect(lambda code, is_down: timed.append((code, is_down)))
    press = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_A, NONE, 38, 0, 0, "a")
    release = QKeyEvent(QEvent.Type.KeyRelease, Qt.Key.Key_A, NONE, 38, 0, 0, "a")
    held = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_A, NONE, 38, 0, 0, "a", autorep=True)
    for event in (press, held, release):
        QApplication.sendEvent(bench.editor, event)
    assert timed == [(38, True), (38, False)]


def test_tab_leaves_the_editor_and_types_nothing(qtbot: QtBot) -> None:
    bench = Bench("ord")
    bench.key(Qt.Key.Key_Tab)
    assert bench.text == "ord"


def test_middle_click_takes_nothing_from_outside(qtbot: QtBot) -> None:
    bench = Bench("ord")
    QGuiApplication.clipboard().setText("smuglet")
    place = QPointF(QPoint(40, 40))
    for kind in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonRelease):
        event = QMouseEvent(kind, place, place, Qt.MouseButton.MiddleButton, Qt.MouseButton.MiddleButton, NONE)
        QApplication.sendEvent(bench.editor.viewport(), event)
    assert bench.text == "ord"
