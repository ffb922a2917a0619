"""The one window: shows screens, keeps focus, caret and scroll over changes, and lets no key lead out of the test."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QClipboard,
    QCloseEvent,
    QGuiApplication,
    QKeyEvent,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QLabel, QLineEdit, QPlainTextEdit, QScrollBar, QWidget
from shiboken6 import isValid
from typing_extensions import override

from kiosk.intents import BlockedKey, EditText, Intent, Leave, PrintRefused, SetTextSize
from kiosk.look.fonts import load_carried
from kiosk.look.look import Look
from kiosk.screens import HandInScreen, LeaveModuleScreen, LockedScreen, LoginScreen, Screen
from kiosk.views.base import View
from kiosk.views.dialogs import Dialog, hand_in_dialog, leave_dialog
from kiosk.views.keys import judge
from kiosk.views.making import make_view
from kiosk.views.sheet import SettingsSheet, next_size
from kiosk.views.start import LoginView
from kiosk.views.writing import Drafts
from kiosk.widgets.button import ACTIVATING, Button, Pressable
from kiosk.widgets.editor import EditorMenu, ScriptEditor
from kiosk.widgets.field import SafeLine
from kiosk.widgets.inline import OpenList
from kiosk.widgets.overlay import Overlay
from kiosk.widgets.ring import FocusRing, show_clear_of_bars

STEP_IGNORES_KEYS_MS = 400
"""A dialog step takes no key so long and until every key is up: typing must not run through it (look.md 4)."""
FOCUS_MARGIN = 16
CARET_MS = 1000
"""The caret blinks once a second, or stands (*Ro*)."""


@dataclass(slots=True)
class _Kept:
    """What a candidate had on the screen before it was built anew."""

    focus: str = ""
    lines: dict[str, tuple[str, int, int, int, QLineEdit.EchoMode]] = field(default_factory=dict)
    scrolls: dict[str, float] = field(default_factory=dict)
    carets: dict[str, tuple[int, int]] = field(default_factory=dict)


class ExamWindow(QWidget):
    """The exam window.

    ``intent`` carries everything the candidate does (`kiosk.intents`). ``now_ns`` stamps key times; the kiosk gives its
    one clock. ``shows_leave``: a demo window with a visible way out.
    """

    intent = Signal(object)

    def __init__(self, *, now_ns: Callable[[], int] = time.monotonic_ns, shows_leave: bool = False) -> None:
        super().__init__()
        load_carried()
        self.setObjectName("exam_window")
        self._now_ns = now_ns
        self._shows_leave = shows_leave
        self._screen: Screen | None = None
        self._look: Look | None = None
        self._view: View | None = None
        self._overlay: Overlay | None = None
        self._overlay_key: object = None
        self._sheet: SettingsSheet | None = None
        self._ring: FocusRing | None = None
        self._leave: Button | None = None
        self._scrolls: dict[tuple[str, str], int] = {}
        self._ignores_keys = False
        self._keys_down: set[int] = set()
        self._step_is_young = False
        self._may_scroll = True
        self.drafts = Drafts(self._tell_edit)
        self._step_timer = QTimer(self)
        self._step_timer.setSingleShot(True)
        self._step_timer.timeout.connect(self._step_is_old)
        self.resize(1366, 768)
        self.setMinimumSize(640, 480)
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.installEventFilter(self)
            app.focusChanged.connect(self._focus_changed)

    # --- showing ---

    def show_screen(self, screen: Screen) -> None:
        """Show a screen: in place where its kind and item are the same, else built anew with what was typed kept."""
        look = Look(screen.settings, self.width(), self.height())
        behind = screen.behind if isinstance(screen, LeaveModuleScreen | HandInScreen) else None
        under: Screen = behind if behind is not None else screen
        is_new_look = look != self._look
        self._look = look
        QApplication.setCursorFlashTime(0 if look.settings.is_still else CARET_MS)
        before = self._screen
        self._screen = screen
        if is_new_look or self._view is None or not self._view.refresh(under):
            self._build(under, keeps=before is not None and identity(before) == identity(screen))
        self._show_dialog(screen, is_new_look=is_new_look)
        if isinstance(screen, LockedScreen) and self._sheet is not None:
            self._sheet.close_overlay()
        if is_new_look and self._sheet is not None:
            self._reopen_sheet()

    @property
    def screen_shown(self) -> Screen | None:
        """The last screen given."""
        return self._screen

    @property
    def view(self) -> View | None:
        """What draws it."""
        return self._view

    @property
    def dialog(self) -> Overlay | None:
        """The dialog over it, if any."""
        return self._overlay

    @property
    def settings_sheet(self) -> SettingsSheet | None:
        """The open *Tekst og farger* sheet."""
        return self._sheet

    @property
    def look(self) -> Look | None:
        """The present look."""
        return self._look

    def _build(self, screen: Screen, *, keeps: bool) -> None:
        if self._look is None:
            return
        kept = self._keep() if keeps and self._view is not None else _Kept()
        self.setUpdatesEnabled(False)
        old = self._view
        if self._ring is not None and isValid(self._ring):
            self._ring.follow(None)
            self._ring.deleteLater()
        view = make_view(self._look, screen, self.drafts, self._now_ns)
        view.setParent(self)
        view.setGeometry(self.rect())
        view.intent.connect(self._tell)
        view.settings_wished.connect(self.open_settings)
        self._view = view
        self._ring = FocusRing(self._look, self)
        if old is not None:
            old.hide()
            old.setParent(None)
            old.deleteLater()
        if isinstance(screen, LoginScreen):
            self.drafts.forget()
        view.show()
        self._place_leave()
        self._overlay = None
        self._restore(view, screen, kept)
        self.setUpdatesEnabled(True)
        if self._sheet is not None:
            self._sheet.raise_()

    # --- what is kept when a screen is built anew ---

    def _keep(self) -> _Kept:
        kept = _Kept()
        focused = self._focused()
        kept.focus = focused.objectName() if focused is not None and self.isAncestorOf(focused) else ""
        view = self._view
        if view is None:
            return kept
        for line in view.findChildren(QLineEdit):
            start, length = line.selectionStart(), len(line.selectedText())
            kept.lines[line.objectName()] = (line.text(), line.cursorPosition(), start, length, line.echoMode())
        for area in view.findChildren(QAbstractScrollArea):
            bar = area.verticalScrollBar()
            kept.scrolls[area.objectName()] = bar.value() / bar.maximum() if bar.maximum() else 0.0
        for editor in view.findChildren(QPlainTextEdit):
            cursor = editor.textCursor()
            kept.carets[editor.objectName()] = (cursor.anchor(), cursor.position())
        return kept

    def _restore(self, view: View, screen: Screen, kept: _Kept) -> None:
        for line in view.findChildren(QLineEdit):
            found = kept.lines.get(line.objectName())
            if found is not None:
                text, position, start, length, echo = found
                line.setText(text)
                line.setCursorPosition(position)
                if start >= 0:
                    line.setSelection(start, length)
                if isinstance(view, LoginView) and line is view.password.line and echo == QLineEdit.EchoMode.Normal:
                    view.show_password(is_shown=True)
        for editor in view.findChildren(ScriptEditor):
            caret = kept.carets.get(editor.objectName())
            if caret is not None:
                cursor = editor.textCursor()
                length = editor.document().characterCount() - 1
                cursor.setPosition(min(caret[0], length))
                cursor.setPosition(min(caret[1], length), cursor.MoveMode.KeepAnchor)
                editor.setTextCursor(cursor)
        self._settle_scrolls(view, screen, kept)
        wanted = view.findChild(QWidget, kept.focus) if kept.focus else None
        target = wanted if wanted is not None and wanted.isVisibleTo(view) else view.first_focus()
        if target is not None:
            # A screen that has just come is seen from its top: the focus does not scroll it.
            self._may_scroll = bool(kept.focus)
            target.setFocus(Qt.FocusReason.OtherFocusReason)
            self._follow_focus(target)
            self._may_scroll = True

    def _settle_scrolls(self, view: View, screen: Screen, kept: _Kept) -> None:
        """Scroll positions: those of this very screen before, or of this text when the candidate comes back to it."""
        text = scroll_key(screen)
        for area in view.findChildren(QAbstractScrollArea):
            name = area.objectName()
            bar = area.verticalScrollBar()
            share = kept.scrolls.get(name, 0.0)
            remembered = self._scrolls.get((text, name), 0) if text else 0
            if (name == "text_scroll" and text) or share:
                QTimer.singleShot(0, bar, partial(_scroll_to, bar, remembered, share))
            if text:
                bar.valueChanged.connect(partial(self._scrolls.__setitem__, (text, name)))

    # --- dialogs and sheets ---

    def _show_dialog(self, screen: Screen, *, is_new_look: bool) -> None:
        key = _dialog_key(screen)
        if self._overlay is not None and (key != self._overlay_key or is_new_look):
            self._overlay.hide()
            self._overlay.setParent(None)
            self._overlay.deleteLater()
            self._overlay = None
        is_new_step = key != self._overlay_key
        self._overlay_key = key
        if key is None:
            if is_new_step and self._view is not None:
                # Back at the tasks: keys count again, but one that is still held does not.
                self._step_is_old()
                self._focus_first()
            return
        if self._overlay is None and self._look is not None and self._view is not None:
            dialog = _dialog_of(self._look, screen)
            dialog.intent.connect(self._tell)
            self._overlay = dialog
            dialog.open_over(self._view)
            if dialog.first is not None:
                self._follow_focus(dialog.first)
            if is_new_step:
                self._begin_step()

    def _focus_first(self) -> None:
        first = self._view.first_focus() if self._view is not None else None
        if first is not None:
            first.setFocus(Qt.FocusReason.OtherFocusReason)
            self._follow_focus(first)

    def open_settings(self) -> None:
        """Open *Tekst og farger* over whatever is shown."""
        if self._sheet is not None or self._look is None:
            return
        sheet = SettingsSheet(self._look, shows_leave=self._shows_leave)
        self._sheet = sheet
        sheet.intent.connect(self._tell)
        sheet.closed.connect(self._sheet_closed)
        sheet.open_over(self)
        if sheet.first is not None:
            self._follow_focus(sheet.first)

    def _reopen_sheet(self) -> None:
        old = self._sheet
        if old is None:
            return
        focused = self._focused()
        name = focused.objectName() if focused is not None and old.isAncestorOf(focused) else "text_larger"
        old.closed.disconnect(self._sheet_closed)
        old.hide()
        old.setParent(None)
        old.deleteLater()
        self._sheet = None
        self.open_settings()
        sheet = self._sheet
        again = sheet.findChild(QWidget, name) if sheet is not None else None
        if again is not None:
            again.setFocus(Qt.FocusReason.OtherFocusReason)
            self._follow_focus(again)

    def _sheet_closed(self) -> None:
        self._sheet = None
        view = self._view
        if view is not None:
            target = self._overlay.first if self._overlay is not None else view.letters
            if target is not None:
                target.setFocus(Qt.FocusReason.OtherFocusReason)

    def _begin_step(self) -> None:
        """A dialog step has come: it takes no key for 400 ms and until every key is up."""
        self._ignores_keys = True
        self._step_is_young = True
        self._step_timer.start(STEP_IGNORES_KEYS_MS)

    def _step_is_old(self) -> None:
        self._step_is_young = False
        self._end_ignoring()

    def _end_ignoring(self) -> None:
        if not self._step_is_young and not self._keys_down:
            self._ignores_keys = False

    # --- the demo's way out ---

    def _place_leave(self) -> None:
        if not self._shows_leave or self._look is None:
            return
        if self._leave is not None:
            self._leave.deleteLater()
        plain = Look(self._look.settings, self._look.width, self._look.height)
        button = Button(plain, "leave_demo", plain.words("leave_demo"), is_small=True)
        button.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        button.clicked.connect(lambda: self._tell(Leave()))
        self._leave = button
        button.setParent(self)
        button.setGeometry(self._free_place(button.sizeHint()))
        button.show()
        button.raise_()

    def _free_place(self, size: QSize) -> QRect:
        """A place for the way out that covers no control and no text: in the top bar, else in the foot."""
        taken = [
            QRect(one.mapTo(self, QPoint(0, 0)), one.size())
            for one in self.findChildren(QWidget)
            if isinstance(one, Pressable | QLabel | SafeLine) and one.isVisible() and one is not self._leave
        ]
        bar = self._view.letters if self._view is not None else None
        top = bar.mapTo(self, QPoint(0, bar.height() // 2)).y() if bar is not None else size.height()
        foot = self.height() - top
        middle = (self.width() - size.width()) // 2
        places = [
            QRect(left, line - size.height() // 2, size.width(), size.height())
            for line in (top, foot)
            for left in (middle, middle - size.width(), middle + size.width() // 2, middle // 2)
        ]
        free = (place for place in places if not any(place.intersects(one) for one in taken))
        return next(free, places[0])

    # --- intents ---

    def _tell(self, intent: Intent) -> None:
        self.intent.emit(intent)

    def _tell_edit(self, edit: EditText) -> None:
        self.intent.emit(edit)

    # --- keys ---

    @override
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.ToolTip:
            return True
        if kind == QEvent.Type.WindowDeactivate and watched is self:
            # Keys that go up elsewhere would seem held for ever.
            self._keys_down.clear()
            self._end_ignoring()
        if not isinstance(event, QKeyEvent) or kind not in (
            QEvent.Type.KeyPress,
            QEvent.Type.KeyRelease,
            QEvent.Type.ShortcutOverride,
        ):
            return False
        if not isinstance(watched, QWidget) or watched.window() is not self:
            return False
        if kind == QEvent.Type.KeyRelease:
            return self._key_up(event)
        if kind == QEvent.Type.KeyPress and not event.isAutoRepeat():
            self._keys_down.add(event.nativeScanCode() or event.key())
        if kind == QEvent.Type.KeyPress and self._ignores_keys:
            return True
        return self._judged(event)

    def _key_up(self, event: QKeyEvent) -> bool:
        if not event.isAutoRepeat():
            self._keys_down.discard(event.nativeScanCode() or event.key())
            was_ignoring = self._ignores_keys
            self._end_ignoring()
            return was_ignoring
        return self._ignores_keys

    def _judged(self, event: QKeyEvent) -> bool:
        """Drop keys that lead out of the test, and say so."""
        verdict = judge(event)
        if event.type() == QEvent.Type.ShortcutOverride:
            return False
        match verdict.kind:
            case "pass":
                return self._own_key(event)
            case "print":
                if not event.isAutoRepeat():
                    self._tell(PrintRefused(verdict.detail))
            case "block":
                if not event.isAutoRepeat():
                    self._tell(BlockedKey(verdict.detail))
            case "modifier":
                pass
        return True

    def _own_key(self, event: QKeyEvent) -> bool:
        """Keys that mean the same everywhere: text size, F6, Esc, Enter."""
        is_control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if is_control and event.key() in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            return self._wish_size(+1)
        if is_control and event.key() in (Qt.Key.Key_Minus, Qt.Key.Key_Underscore):
            return self._wish_size(-1)
        if event.key() == Qt.Key.Key_F6:
            return self._next_area()
        if event.key() == Qt.Key.Key_Escape:
            return self._escape()
        if event.key() in ACTIVATING and not event.isAutoRepeat():
            return False
        return event.key() in ACTIVATING and not isinstance(self._focused(), ScriptEditor)

    def _wish_size(self, step: int) -> bool:
        if self._look is not None:
            size = next_size(self._look.settings.text_size, step)
            if size != self._look.settings.text_size:
                self._tell(SetTextSize(size))
        return True

    def _next_area(self) -> bool:
        view = self._view
        areas = view.areas() if view is not None and self._overlay is None and self._sheet is None else ()
        if not areas:
            return True
        focused = self._focused()
        here = next((index for index, one in enumerate(areas) if one is focused), None)
        if here is None:
            here = _area_of(areas, focused)
        areas[(here + 1) % len(areas)].setFocus(Qt.FocusReason.TabFocusReason)
        return True

    def _escape(self) -> bool:
        for popped in (*self.findChildren(OpenList), *self.findChildren(EditorMenu)):
            if popped.isVisible():
                popped.close_list() if isinstance(popped, OpenList) else popped.close_menu()
                return True
        over = self._top_overlay()
        if over is not None:
            over.escape()
        elif self._view is not None:
            self._view.escape()
        return True

    def _top_overlay(self) -> Overlay | None:
        for one in (self._sheet, getattr(self._view, "task_list", None), self._overlay):
            if isinstance(one, Overlay) and one.isVisible():
                return one
        return None

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        """What no widget took: Enter is the filled button of what is on top."""
        if event.key() in ACTIVATING and not event.isAutoRepeat():
            over = self._top_overlay()
            if over is not None and over.primary is not None:
                over.primary.click()
            elif self._view is not None:
                self._view.enter()
        event.accept()

    @override
    def focusNextPrevChild(self, next: bool) -> bool:
        """Tab stays inside what is on top, and goes round."""
        over = self._top_overlay()
        if over is None:
            return super().focusNextPrevChild(next)
        order = [one for one in over.ring_order if one.isVisible() and one.focusPolicy() & Qt.FocusPolicy.TabFocus]
        if not order:
            return True
        focused = self._focused()
        here = order.index(focused) if focused in order else -1
        order[(here + (1 if next else -1)) % len(order)].setFocus(Qt.FocusReason.TabFocusReason)
        return True

    # --- focus ---

    def _focused(self) -> QWidget | None:
        return self.focusWidget()

    def _focus_changed(self, _old: QWidget | None, now: QWidget | None) -> None:
        # Without a focused window the ring stays round what has the focus in ours.
        self._follow_focus(now if now is not None else self._focused())

    def _follow_focus(self, now: QWidget | None) -> None:
        if self._ring is None or self._look is None:
            return
        if not isValid(self._ring):
            # It went with the list or sheet it stood in.
            self._ring = FocusRing(self._look, self)
        is_ours = now is not None and self.isAncestorOf(now)
        self._ring.follow(now if is_ours else None)
        if now is not None and is_ours and self._may_scroll and not isinstance(now, QAbstractScrollArea):
            show_clear_of_bars(now, FOCUS_MARGIN)

    @property
    def focus_ring(self) -> FocusRing | None:
        """The ring round what has the focus."""
        return self._ring

    # --- the window itself ---

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if (
            self._screen is not None
            and self._look is not None
            and (self._look.width, self._look.height) != (self.width(), self.height())
        ):
            self.show_screen(self._screen)

    @override
    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        clipboard = QGuiApplication.clipboard()
        # What someone put on the clipboard before the test must not be reachable in it.
        clipboard.clear(QClipboard.Mode.Clipboard)
        if clipboard.supportsSelection():
            clipboard.clear(QClipboard.Mode.Selection)

    @override
    def closeEvent(self, event: QCloseEvent) -> None:
        """The window closes only when the program ends (`allow_close`)."""
        if self.property("mayClose"):
            event.accept()
            return
        event.ignore()
        self._tell(Leave() if self._shows_leave else BlockedKey("close"))

    def allow_close(self) -> None:
        """From now on the window may be closed: the program is ending."""
        self.setProperty("mayClose", True)

    # --- for robots ---

    def geometry_of(self, object_name: str) -> QRect:
        """Where a named widget stands on the display, in device-independent pixels; empty when it is not to be seen."""
        found = self._find(object_name)
        if found is None:
            return QRect()
        return QRect(found.mapToGlobal(QPoint(0, 0)), found.size())

    def _find(self, object_name: str) -> QWidget | None:
        for widget in self.findChildren(QWidget, object_name):
            if widget.isVisible() and not widget.visibleRegion().isEmpty():
                return widget
        return None

    def robot_map(self) -> dict[str, list[int]]:
        """All named, visible widgets by object name: [x, y, width, height] on the display (`kiosk/views/NAMES.md`)."""
        found: dict[str, list[int]] = {}
        for widget in self.findChildren(QWidget):
            name = widget.objectName()
            if not name or name.startswith("qt_") or name in found or not widget.isVisible():
                continue
            region = widget.visibleRegion()
            if region.isEmpty():
                continue
            seen = region.boundingRect()
            corner = widget.mapToGlobal(seen.topLeft())
            found[name] = [corner.x(), corner.y(), seen.width(), seen.height()]
        return found


def _scroll_to(bar: QScrollBar, kept: int, share: float) -> None:
    bar.setValue(kept or round(share * bar.maximum()))


def identity(screen: Screen) -> tuple[object, ...]:
    """What makes two screens the same to a candidate, however they look: then focus, caret and typed text stay."""
    under = screen.behind if isinstance(screen, LeaveModuleScreen | HandInScreen) else screen
    held = getattr(under, "item", None) or getattr(under, "task", None)
    return (type(under), getattr(under, "attempt", ""), getattr(held, "id", ""), getattr(under, "page", 0))


def scroll_key(screen: Screen) -> str:
    """Which text a screen's scroll position belongs to."""
    attempt = getattr(screen, "attempt", "")
    stimulus = getattr(screen, "stimulus", None)
    item = getattr(screen, "item", None) or getattr(screen, "task", None)
    held = stimulus or item
    return f"{attempt}/{getattr(held, 'id', '')}" if attempt else ""


def _dialog_of(look: Look, screen: Screen) -> Dialog:
    match screen:
        case LeaveModuleScreen():
            return leave_dialog(look, screen)
        case HandInScreen():
            return hand_in_dialog(look, screen)
        case _:
            raise TypeError(screen)


def _dialog_key(screen: Screen) -> object:
    if isinstance(screen, LeaveModuleScreen):
        return ("leave", screen.step, screen.unanswered, screen.is_last, screen.behind.frame.module_number)
    if isinstance(screen, HandInScreen):
        return ("hand_in", screen.step, screen.tasks)
    return None


def _area_of(areas: tuple[QWidget, ...], focused: QWidget | None) -> int:
    """The area the focus is in: the last one whose parent holds it."""
    for index, area in enumerate(areas):
        parent = area.parentWidget()
        if focused is not None and parent is not None and parent.isAncestorOf(focused):
            return index
    return -1
