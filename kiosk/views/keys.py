"""Which keys reach the test: everything that leads out, helps, prints or opens something is dropped and told.

Rules: reglement 3.13 and annex 3 (no other program, window, file or help), 4 (no print).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from PySide6.QtCore import QKeyCombination, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence

VerdictKind: TypeAlias = Literal["pass", "block", "print", "modifier"]

CONTROL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
ALT = Qt.KeyboardModifier.AltModifier
META = Qt.KeyboardModifier.MetaModifier
KEYPAD = Qt.KeyboardModifier.KeypadModifier

ALLOWED_WITH_CONTROL = frozenset(
    {
        Qt.Key.Key_A, Qt.Key.Key_C, Qt.Key.Key_V, Qt.Key.Key_X, Qt.Key.Key_Y, Qt.Key.Key_Z,
        Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus, Qt.Key.Key_Underscore, Qt.Key.Key_Insert,
        Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Home, Qt.Key.Key_End,
        Qt.Key.Key_Backspace, Qt.Key.Key_Delete, Qt.Key.Key_Control, Qt.Key.Key_Shift, Qt.Key.Key_AltGr,
        Qt.Key.Key_Return, Qt.Key.Key_Enter,
    }
)  # fmt: skip
"""Ctrl with these edits text or changes its size; Ctrl with anything else may open, save, find or print."""

PRINTING = frozenset({Qt.Key.Key_Print, Qt.Key.Key_SysReq, Qt.Key.Key_Printer})
ASKS_FOR_A_COPY = frozenset({Qt.Key.Key_P, Qt.Key.Key_S})
ALONE = frozenset({Qt.Key.Key_Meta, Qt.Key.Key_Super_L, Qt.Key.Key_Super_R})
"""Keys that open a desktop's menu by themselves."""
FUNCTION_KEYS = range(Qt.Key.Key_F1.value, Qt.Key.Key_F35.value + 1)
ALLOWED_FUNCTION_KEYS = frozenset({Qt.Key.Key_F6})
FIRST_MEDIA_KEY = Qt.Key.Key_Back.value
"""From here on Qt's key codes are those of browser, media and launch keys."""
LAST_MEDIA_KEY = Qt.Key.Key_MediaLast.value


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a key; ``detail`` names it: "Ctrl+O"."""

    kind: VerdictKind
    detail: str = ""


def judge(event: QKeyEvent) -> Verdict:
    """What becomes of a key press. AltGr makes letters and passes; the menu key opens only the editor's own menu."""
    key, held = event.key(), event.modifiers() & ~KEYPAD
    if key == Qt.Key.Key_Alt:
        # Half of a combination: dropped, and told only when the other half comes.
        return Verdict("modifier")
    if key in PRINTING or (held & CONTROL and key in ASKS_FOR_A_COPY):
        return Verdict("print", name_of(event))
    return Verdict("block", name_of(event)) if _leads_out(event, held) else Verdict("pass")


def _leads_out(event: QKeyEvent, held: Qt.KeyboardModifier) -> bool:
    key = event.key()
    is_alt_gr = _is_alt_gr(event, held)
    return bool(
        key in ALONE
        or held & META
        or (held & ALT and not is_alt_gr)
        or (key in FUNCTION_KEYS and (key not in ALLOWED_FUNCTION_KEYS or held))
        or (held & CONTROL and not is_alt_gr and key not in ALLOWED_WITH_CONTROL)
        or key == Qt.Key.Key_Help
        or FIRST_MEDIA_KEY <= key <= LAST_MEDIA_KEY
    )


def _is_alt_gr(event: QKeyEvent, held: Qt.KeyboardModifier) -> bool:
    """AltGr is Ctrl+Alt on Windows; it makes signs such as @ and €, never the key's own letter or digit."""
    text = event.text()
    makes_sign = bool(text) and text.isprintable() and not (text.isascii() and text.isalnum())
    return bool(held & ALT and held & CONTROL) and makes_sign


def name_of(event: QKeyEvent) -> str:
    """The key's name: "Alt+Tab"."""
    if event.key() in ALONE:
        return "Meta"
    held = event.modifiers() & ~KEYPAD
    combination = QKeyCombination(held, Qt.Key(event.key()))
    return QKeySequence(combination).toString(QKeySequence.SequenceFormat.PortableText)
