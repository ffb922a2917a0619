"""The editor of the writing part: plain text, every edit told at once, undo in words, nothing that leads out.

Reglement annex 5: text deleted by accident comes back with Ctrl+Z or *Angre* in the right-click menu.
Reglement 3.5: no spelling check and no dictionary, ever; the editor marks nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial

from PySide6.QtCore import QByteArray, QMimeData, QObject, QPoint, Qt, Signal
from PySide6.QtGui import (
    QClipboard,
    QContextMenuEvent,
    QFocusEvent,
    QGuiApplication,
    QInputMethodEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QResizeEvent,
    QTextCursor,
    QTextDocument,
)
from PySide6.QtWidgets import QFrame, QPlainTextDocumentLayout, QPlainTextEdit, QSizePolicy, QWidget
from typing_extensions import override

from kiosk.intents import EditCause, EditText
from kiosk.look.look import Look
from kiosk.look.tokens import BODY, MAX_LINE_CHARACTERS, READING, SMALL
from kiosk.widgets.boxes import Sheet, column, scroll_style
from kiosk.widgets.button import Button
from kiosk.widgets.prose import SAMPLE
from kiosk.widgets.ring import RING_PROPERTY

OWN_TYPE = f"application/x-proverom-{secrets.token_hex(8)}"
"""The only clipboard type the editor writes or takes; new with every start, so that nothing outside can know it."""

LEAVING_A_RUN = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier


class Draft(QObject):
    """The text of one writing task with its undo history; it outlives the editor that shows it.

    ``edited`` carries every change at once as an `EditText`, in Unicode code points, with its cause.
    Qt counts in UTF-16 units; the conversion is here and nowhere else.
    """

    edited = Signal(object)

    def __init__(self, task: str, text: str) -> None:
        super().__init__()
        self.task = task
        self.document = QTextDocument(self)
        self.document.setDocumentLayout(QPlainTextDocumentLayout(self.document))
        self.document.setUndoRedoEnabled(False)
        self.document.setPlainText(text)
        self.document.setUndoRedoEnabled(True)
        self._text = self.document.toPlainText()
        self._cause: EditCause = "other"
        self.document.contentsChange.connect(self._take)

    @property
    def text(self) -> str:
        """The text now."""
        return self._text

    @contextmanager
    def because(self, cause: EditCause) -> Generator[None]:
        """Changes inside carry this cause."""
        before = self._cause
        self._cause = cause
        try:
            yield
        finally:
            self._cause = before

    def _take(self, position: int, removed: int, added: int) -> None:
        old, new = self._text, self.document.toPlainText()
        if old == new:
            return
        start = _code_points(old, position)
        end = _code_points(old, position + removed)
        inserted = new[_code_points(new, position) : _code_points(new, position + added)]
        if old[:start] + inserted + old[end:] != new:
            # Qt may name a wider range than the text has (the block's end counts as a sign): compare the texts instead.
            start, end, inserted = _difference(old, new)
        start, deleted, inserted = _trimmed(start, old[start:end], inserted)
        self._text = new
        self.edited.emit(EditText(self.task, start, deleted, inserted, self._cause))


def _code_points(text: str, units: int) -> int:
    """How many code points make the first so many UTF-16 units."""
    if text.isascii():
        return min(units, len(text))
    return len(text.encode("utf-16-le", "surrogatepass")[: 2 * units].decode("utf-16-le", "replace"))


def _difference(old: str, new: str) -> tuple[int, int, str]:
    """Start and end in ``old`` of what differs, and what stands there in ``new``."""
    start = next((index for index, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    back = 0
    while back < min(len(old), len(new)) - start and old[-1 - back] == new[-1 - back]:
        back += 1
    return start, len(old) - back, new[start : len(new) - back]


def _trimmed(start: int, deleted: str, inserted: str) -> tuple[int, str, str]:
    """The edit without what it takes out and puts back unchanged at its ends."""
    front, end, middle = _difference(deleted, inserted)
    return start + front, deleted[front:end], middle


class ScriptEditor(QPlainTextEdit):
    """Shows a `Draft` and turns keys into edits.

    ``key_timed``: (native key code, is_down). ``paste_refused``: something from outside was offered and not taken.
    ``menu_wished``: a place in the editor where the right-click menu is asked for.
    """

    key_timed = Signal(int, bool)
    paste_refused = Signal()
    menu_wished = Signal(QPoint)

    def __init__(self, look: Look, draft: Draft, name: str, spoken: str) -> None:
        super().__init__()
        self.look = look
        self.draft = draft
        self._is_in_word = False
        self._down: set[int] = set()
        self.setObjectName(name)
        self.setAccessibleName(spoken)
        self.setProperty(RING_PROPERTY, "editor_frame")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setDocument(draft.document)
        self.setFont(look.font(READING))
        draft.document.setDefaultFont(look.font(READING))
        # Room for the caret at a line's end, or Qt would scroll sideways for it.
        draft.document.setDocumentMargin(2)
        self.setCursorWidth(2)
        self.setTabChangesFocus(True)
        self.setUndoRedoEnabled(True)
        self.setAcceptDrops(False)
        self.viewport().setAcceptDrops(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Spaces at a line's end count as width to Qt; the text still never moves sideways.
        self.horizontalScrollBar().rangeChanged.connect(self._stand_still)
        self.setInputMethodHints(Qt.InputMethodHint.ImhNoPredictiveText | Qt.InputMethodHint.ImhMultiLine)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.verticalScrollBar().setObjectName(f"{name}_bar")
        colours = look.colours
        self.setStyleSheet(
            scroll_style(look, name, colours.surface)
            + f"#{name} {{ color: {colours.ink}; selection-background-color: {colours.accent};"
            f" selection-color: {colours.on_accent}; }}"
        )

    # --- what may be copied in and out ---

    @override
    def createMimeDataFromSelection(self) -> QMimeData:
        made = QMimeData()
        made.setData(OWN_TYPE, QByteArray(self.textCursor().selection().toPlainText().encode("utf-8", "replace")))
        return made

    @override
    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        return source.hasFormat(OWN_TYPE)

    @override
    def insertFromMimeData(self, source: QMimeData) -> None:
        if not source.hasFormat(OWN_TYPE):
            self.paste_refused.emit()
            return
        self._is_in_word = False
        cursor = self.textCursor()
        with self.draft.because("paste"):
            cursor.beginEditBlock()
            cursor.insertText(bytes(source.data(OWN_TYPE).data()).decode("utf-8"))
            cursor.endEditBlock()
        self.setTextCursor(cursor)

    def paste_own(self) -> None:
        """*Lim inn*: what was copied inside the test; anything else is refused and told."""
        source = _offered(QClipboard.Mode.Clipboard)
        if source is None:
            return
        self.insertFromMimeData(source)
        self.ensureCursorVisible()

    def copy_own(self) -> None:
        """*Kopier*."""
        if self.textCursor().hasSelection():
            QGuiApplication.clipboard().setMimeData(self.createMimeDataFromSelection())

    def cut_own(self) -> None:
        """*Klipp ut*."""
        if self.textCursor().hasSelection():
            self.copy_own()
            self._remove_selection("cut")

    def undo_step(self) -> None:
        """*Angre*: one word, one paste, one deletion back."""
        self._is_in_word = False
        with self.draft.because("undo"):
            self.undo()
        self.ensureCursorVisible()

    def redo_step(self) -> None:
        """*Gjør om*."""
        self._is_in_word = False
        with self.draft.because("redo"):
            self.redo()
        self.ensureCursorVisible()

    def _remove_selection(self, cause: EditCause) -> None:
        self._is_in_word = False
        cursor = self.textCursor()
        with self.draft.because(cause):
            cursor.beginEditBlock()
            cursor.removeSelectedText()
            cursor.endEditBlock()
        self.setTextCursor(cursor)

    # --- keys ---

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        self._time_down(event)
        command = self._command(event)
        if command is not None:
            command()
            event.accept()
        elif event.key() in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
            # Tab leaves the editor (`setTabChangesFocus`); where there is nothing to go to it still types nothing.
            event.accept()
        elif _types(event):
            self._type(event.text())
            event.accept()
        else:
            self._is_in_word = False
            with self.draft.because(_cause_of(event)):
                super().keyPressEvent(event)

    @override
    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        code = event.nativeScanCode() or event.key()
        if not event.isAutoRepeat() and code in self._down:
            self._down.discard(code)
            self.key_timed.emit(code, False)
        super().keyReleaseEvent(event)

    def _time_down(self, event: QKeyEvent) -> None:
        if not event.isAutoRepeat():
            code = event.nativeScanCode() or event.key()
            self._down.add(code)
            self.key_timed.emit(code, True)

    def _command(self, event: QKeyEvent) -> Callable[[], None] | None:
        """Undo and redo as Windows and Linux users know them (Qt on Linux lacks Ctrl+Y), and the clipboard keys."""
        standard = QKeySequence.StandardKey
        commands: tuple[tuple[QKeySequence.StandardKey, Callable[[], None]], ...] = (
            (standard.Undo, self.undo_step),
            (standard.Redo, self.redo_step),
            (standard.Cut, self.cut_own),
            (standard.Copy, self.copy_own),
            (standard.Paste, self.paste_own),
        )
        for sequence, command in commands:
            if event.matches(sequence):
                return command
        if event.modifiers() == Qt.KeyboardModifier.ControlModifier and event.key() == Qt.Key.Key_Y:
            return self.redo_step
        return None

    def _type(self, text: str) -> None:
        """Insert what was typed; a word is one undo step (Qt alone would undo a whole essay at once)."""
        cursor = self.textCursor()
        joins = self._is_in_word and not cursor.hasSelection()
        with self.draft.because("type"):
            if joins:
                cursor.joinPreviousEditBlock()
            else:
                cursor.beginEditBlock()
            cursor.insertText(text)
            cursor.endEditBlock()
        self.setTextCursor(cursor)
        self.ensureCursorVisible()
        self._is_in_word = not text.isspace()

    @override
    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        self._is_in_word = False
        with self.draft.because("ime"):
            super().inputMethodEvent(event)

    @override
    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._is_in_word = False
        super().focusOutEvent(event)

    @override
    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._is_in_word = False
        super().mousePressEvent(event)

    @override
    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.MiddleButton:
            source = _offered(QClipboard.Mode.Selection)
            if source is None or not source.hasFormat(OWN_TYPE):
                if source is not None:
                    self.paste_refused.emit()
                return
        with self.draft.because("paste"):
            super().mouseReleaseEvent(event)

    @override
    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        is_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        self.menu_wished.emit(self.cursorRect().bottomLeft() if is_key else event.pos())
        event.accept()

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        self._set_margins()
        super().resizeEvent(event)

    def _set_margins(self) -> None:
        side, top = self.look.space(28), self.look.space(24)
        metrics = self.look.metrics(READING)
        longest = round(metrics.horizontalAdvance(SAMPLE) * (MAX_LINE_CHARACTERS + 6) / len(SAMPLE))
        room = self.width() - self.look.scroll_width - 2 * side
        self.setViewportMargins(side, top, side + max(0, room - longest), self.look.space(8))

    def _stand_still(self) -> None:
        self.horizontalScrollBar().setRange(0, 0)

    def put_caret_at_end(self) -> None:
        """Where writing goes on."""
        self.moveCursor(QTextCursor.MoveOperation.End)


def _offered(mode: QClipboard.Mode) -> QMimeData | None:
    """What a clipboard holds; None when it is empty (Qt then gives no data at all, whatever its stubs say)."""
    held: QMimeData | None = QGuiApplication.clipboard().mimeData(mode)
    return held if held and held.formats() else None


def _types(event: QKeyEvent) -> bool:
    """Whether a key makes visible text (AltGr is Ctrl+Alt to some keyboards, but makes text too)."""
    text = event.text()
    if not text or not all(sign.isprintable() for sign in text):
        return False
    held = event.modifiers() & LEAVING_A_RUN
    alt_gr = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
    return held in (Qt.KeyboardModifier.NoModifier, alt_gr)


def _cause_of(event: QKeyEvent) -> EditCause:
    match event.key():
        case Qt.Key.Key_Backspace:
            return "backspace"
        case Qt.Key.Key_Delete:
            return "delete"
        case Qt.Key.Key_Return | Qt.Key.Key_Enter:
            return "type"
        case _:
            return "other"


class EditorMenu(Sheet):
    """The right-click menu, inside the window: Angre, Gjør om, Klipp ut, Kopier, Lim inn, nothing else."""

    closed = Signal()

    def __init__(self, look: Look, editor: ScriptEditor) -> None:
        super().__init__(look, radius=10)
        self.setObjectName("editor_menu")
        self._editor = editor
        inside = column(margins=(8, 8, 8, 8), spacing=0)
        acts: tuple[tuple[str, Callable[[], None]], ...] = (
            ("undo", editor.undo_step),
            ("redo", editor.redo_step),
            ("cut", editor.cut_own),
            ("copy", editor.copy_own),
            ("paste", editor.paste_own),
        )
        self.rows: list[Button] = []
        for name, act in acts:
            button = MenuRow(look, f"menu_{name}", look.words(name))
            button.clicked.connect(partial(self._do, act))
            inside.addWidget(button)
            self.rows.append(button)
        self.setLayout(inside)

    def _do(self, act: Callable[[], None]) -> None:
        act()
        self.close_menu()

    def close_menu(self) -> None:
        """Go away; the caret is where it was."""
        self.hide()
        self._editor.setFocus(Qt.FocusReason.OtherFocusReason)
        self.closed.emit()
        self.deleteLater()

    def open_at(self, place: QPoint, within: QWidget) -> None:
        """Open at a place of the window, all of it inside."""
        self.setParent(within)
        self.adjustSize()
        left = min(place.x(), within.width() - self.width() - 8)
        top = min(place.y(), within.height() - self.height() - 8)
        self.move(max(0, left), max(0, top))
        self.show()
        self.raise_()
        self.rows[0].setFocus(Qt.FocusReason.PopupFocusReason)

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        here = next((index for index, one in enumerate(self.rows) if one.hasFocus()), 0)
        match event.key():
            case Qt.Key.Key_Escape | Qt.Key.Key_Tab:
                self.close_menu()
            case Qt.Key.Key_Down:
                self.rows[(here + 1) % len(self.rows)].setFocus()
            case Qt.Key.Key_Up:
                self.rows[(here - 1) % len(self.rows)].setFocus()
            case _:
                event.ignore()


class MenuRow(Button):
    """One act of the menu."""

    def __init__(self, look: Look, name: str, words: str) -> None:
        super().__init__(look, name, words, kind="quiet", is_small=True)
        self.setProperty("radius", 6)
        self.setMinimumWidth(look.text(180))
        self.setMinimumHeight(look.text(max(44, BODY.line, SMALL.line)))
