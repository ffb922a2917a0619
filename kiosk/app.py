"""The kiosk program: the one place that puts clock, folder, room, sound, window and lockdown together."""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import logging
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kiosk.alone import alone
from kiosk.clock import SystemClock
from kiosk.errors import KioskError, NotEnrolledError, SetUpError
from kiosk.folder import Enrolment, StateFolder, write_atomically
from sync.errors import SyncError
from sync.memory import keep_memory_private

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtWidgets import QApplication

    from kiosk.conductor import Conductor
    from kiosk.lockdown import Sequence as LockdownSequence
    from kiosk.room import Room
    from kiosk.views.window import ExamWindow
    from sync.keys import DeviceKeys

_log = logging.getLogger(__name__)

TICK_MS: Final = 40
"""Often enough for a level sign at 12 pictures a second and a step that begins on time; a tick takes below 1 ms."""
ROBOT_MAP_MS: Final = 100
FOCUS_GRACE_MS: Final = 300
"""A focus that comes back within this time was Qt's own moving between windows of ours."""
PAINT_PATIENCE_S: Final = 1.0
SWITCH_S: Final = 0.0005
GARBAGE_THRESHOLDS: Final = (20_000, 20, 50)
USAGE: Final = 2


@dataclass(frozen=True, slots=True)
class Options:
    """How the program was started."""

    state: Path
    store: str
    ca: Path | None
    token: str
    seat: str
    is_window: bool
    robot_map: Path | None
    authority: str = ""
    delegation: Path | None = None
    export: Path | None = None
    is_everything: bool = False
    mirror: Path | None = None


def main(argv: Sequence[str] | None = None) -> int:
    """Run the kiosk; the exit code is 0 when staff left it or all was saved, 2 when it could not start or save."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    given = sys.argv[1:] if argv is None else argv
    try:
        if given[:1] == ["preflight"]:
            from kiosk.preflight import main as preflight  # noqa: PLC0415 - loaded only when asked for

            return preflight(given[1:])
        options = _options(given)
        if options.export is not None:
            from kiosk.stick import export  # noqa: PLC0415 - loaded only when asked for

            export(StateFolder(options.state), options.export, print, is_everything=options.is_everything)
            return 0
        return run(options)
    except (KioskError, SyncError) as error:
        print(f"kiosk: {error}", file=sys.stderr)
        return USAGE
    except OSError as error:
        print(f"kiosk: {error.filename} cannot be used ({error.strerror}). Name another place.", file=sys.stderr)
        return USAGE


def _options(argv: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(
        prog="./run kiosk",
        description="One candidate's exam window. './run kiosk preflight --state DIR' tests the PC before.",
    )
    parser.add_argument("--state", type=Path, required=True, help="folder that keeps this PC's keys and journals")
    parser.add_argument("--store", default="", help="address of the central store, https://…; needed to enrol")
    parser.add_argument("--ca", type=Path, help="the store's CA certificate (PEM); needed to enrol")
    parser.add_argument("--enrol", default="", metavar="TOKEN", help="one-time token: enrol this PC first")
    parser.add_argument("--seat", default="", help="what the seat is called in the room; needed to enrol")
    parser.add_argument(
        "--authority",
        default="",
        metavar="FILE|DIGITS",
        help="the authority's root file or its fingerprint, by hand from the authority; needed to enrol",
    )
    parser.add_argument("--window", action="store_true", help="a window with a visible Leave; nothing is locked down")
    parser.add_argument(
        "--export",
        type=Path,
        metavar="FOLDER",
        help="no window: save what the store has no receipt for to this folder (a stick), and take receipts from it",
    )
    parser.add_argument(
        "--delegation",
        type=Path,
        metavar="FILE",
        help="who gives the sitting in this room; with --store: at that address",
    )
    parser.add_argument("--everything", action="store_true", help="with --export: also what has the store's receipt")
    parser.add_argument(
        "--mirror",
        type=Path,
        metavar="FOLDER",
        help="a second copy of every journal file in this folder of another disk; away, the exam goes on",
    )
    parser.add_argument("--robot-map", type=Path, help="write where the controls are to this file (for robots)")
    found = parser.parse_args(argv)
    return Options(
        found.state,
        found.store,
        found.ca,
        found.enrol,
        found.seat,
        found.window,
        found.robot_map,
        authority=found.authority,
        export=found.export,
        is_everything=found.everything,
        delegation=found.delegation,
        mirror=found.mirror,
    )


def run(options: Options) -> int:
    """Start, run until left, and stop in order.

    Raises:
        KioskError: the PC is not enrolled, is a tablet, or cannot be locked down.
    """
    from kiosk.platforms import refuse_tablet  # noqa: PLC0415 - loaded when run, so that --help is quick

    keep_memory_private()
    refuse_tablet()
    folder = StateFolder(options.state)
    clock = SystemClock()
    if options.token:
        enrol(folder, device_keys(folder), clock, options)
    enrolment = folder.enrolment()
    if enrolment is None:
        raise NotEnrolledError
    if options.delegation is not None:
        from kiosk.lines import take_delegation  # noqa: PLC0415 - as above

        take_delegation(folder, enrolment, options.delegation, options.store, clock.wall_ms())
    with alone(folder.root):
        return _Program(options, folder, clock, enrolment).run()


def be_responsive() -> None:
    """Let the thread that syncs the journal run at once, and keep the garbage collector from pausing the screen.

    Measured: with Python's own 5 ms between switches, a key's record waits for the window to finish painting.
    """
    sys.setswitchinterval(SWITCH_S)
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    gc.freeze()


def device_keys(folder: StateFolder) -> DeviceKeys:
    """This PC's private keys, made at its first start."""
    from sync.keys import DeviceKeys  # noqa: PLC0415 - as above

    if not folder.device_keys.exists():
        DeviceKeys.create().save(folder.device_keys)
    return DeviceKeys.load(folder.device_keys)


def enrol(folder: StateFolder, keys: DeviceKeys, clock: SystemClock, options: Options) -> None:
    """Give this PC's public keys to the store, and remember the store's.

    Raises:
        SetUpError: an argument is missing, or the store refuses.
    """
    from kiosk.releases import authority_of  # noqa: PLC0415 - as above
    from sync.client import StoreClient  # noqa: PLC0415 - as above

    if not options.store or options.ca is None or not options.seat:
        raise SetUpError(
            what="Enrolling needs the store's address, its CA certificate and the seat's name", remedy="Give all three."
        )
    authority, root = authority_of(options.authority, lambda name: folder.read(Path(name)))
    write_atomically(folder.ca_file, options.ca.read_bytes())
    if root is not None:
        folder.write(folder.authority_root, root)
    with StoreClient(options.store, folder.ca_file, "", keys, now_utc_ms=clock.wall_ms) as client:
        try:
            given = client.enrol(options.token, options.seat)
        except SyncError as error:
            raise SetUpError(str(error), "Ask the test manager for a new token.") from error
    folder.keep_enrolment(
        Enrolment(
            device=given.device_id,
            name=options.seat,
            store_url=options.store,
            order_key=given.order_key,
            ticket_key=given.ticket_key,
            receipt_key=given.receipt_key,
            authority=authority,
        )
    )


class _Program:
    """The running program, wired together."""

    def __init__(self, options: Options, folder: StateFolder, clock: SystemClock, enrolment: Enrolment) -> None:
        self._options = options
        self._folder = folder
        self._clock = clock
        self._enrolment = enrolment

    def run(self) -> int:
        """Paint the first screen, lock down, and only then load what talks to journal, store and sound."""
        app = _application()
        window = self._window()
        lockdown = None if self._options.is_window else self._lockdown(window)
        if lockdown is None:
            window.show()
        else:
            lockdown.perform()
        try:
            _paint(app, window)
            return self._run(app, window)
        finally:
            if lockdown is not None:
                lockdown.revert()

    def _run(self, app: QApplication, window: ExamWindow) -> int:
        from PySide6.QtCore import QTimer  # noqa: PLC0415 - as above

        keys = device_keys(self._folder)
        room = self._room(keys)
        conductor = self._conductor(app, window, room, keys)
        window.intent.connect(conductor.wish)
        timer = QTimer()
        timer.timeout.connect(conductor.tick)
        room.start()
        be_responsive()
        timer.start(TICK_MS)
        conductor.tick()
        watch = _FocusWatch(app, conductor, window)
        robot_map = self._options.robot_map
        mapping = None if robot_map is None else _RobotMap(robot_map, window, conductor)
        signal.signal(signal.SIGTERM, lambda _number, _frame: app.exit(0))
        code = app.exec()
        del mapping
        watch.stop()
        timer.stop()
        conductor.close()
        room.stop()
        return code

    def _window(self) -> ExamWindow:
        from kiosk.look.look import starting_text_size  # noqa: PLC0415 - as above
        from kiosk.screens import Foot, Settings, WaitScreen  # noqa: PLC0415 - as above
        from kiosk.views.window import ExamWindow  # noqa: PLC0415 - as above

        window = ExamWindow(shows_leave=self._options.is_window)
        settings = Settings(text_size=starting_text_size(window.screen().geometry().width()))
        window.show_screen(WaitScreen(settings=settings, foot=Foot(seat=self._enrolment.name), reason="preparing"))
        return window

    def _room(self, keys: DeviceKeys) -> Room:
        from kiosk.room import Room  # noqa: PLC0415 - as above
        from sync.client import StoreClient  # noqa: PLC0415 - as above

        enrolment = self._enrolment

        def connect() -> StoreClient:
            return StoreClient(
                enrolment.store_url,
                self._folder.ca_file,
                enrolment.device,
                keys,
                now_utc_ms=self._clock.wall_ms,
            )

        return Room(self._folder, enrolment, keys, connect, self._clock)

    def _conductor(self, app: QApplication, window: ExamWindow, room: Room, keys: DeviceKeys) -> Conductor:
        from kiosk.conductor import Conditions, Conductor  # noqa: PLC0415 - as above
        from kiosk.look.fonts import missing_families  # noqa: PLC0415 - as above
        from kiosk.look.look import starting_text_size  # noqa: PLC0415 - as above
        from kiosk.sound import StreamPlayer  # noqa: PLC0415 - as above
        from sync.passwords import PRODUCTION_MINIMUM  # noqa: PLC0415 - as above
        from sync.progress import sign_progress  # noqa: PLC0415 - as above
        from sync.writer import FREE_NEEDED  # noqa: PLC0415 - as above

        if missing := missing_families():
            _log.warning("the fonts %s are missing; install fonts-inter and fonts-sil-charis", ", ".join(missing))
        return Conductor(
            Conditions(
                device=self._enrolment.device,
                seat=self._enrolment.name,
                password_minimum=PRODUCTION_MINIMUM,
                free_needed=FREE_NEEDED,
                locks_on_focus_loss=not self._options.is_window,
                text_size=starting_text_size(window.screen().geometry().width()),
                mirror=self._options.mirror,
            ),
            folder=self._folder,
            clock=self._clock,
            room=room,
            player=StreamPlayer(),
            sign_report=lambda progress: sign_progress(progress, keys.signing),
            show=window.show_screen,
            leave=lambda: app.exit(0),
        )

    def _lockdown(self, window: ExamWindow) -> LockdownSequence:
        from kiosk.lockdown import Sequence  # noqa: PLC0415 - as above
        from kiosk.lockdown.clear_clipboard import ClearClipboard  # noqa: PLC0415 - as above
        from kiosk.lockdown.fill_screen import FillScreen  # noqa: PLC0415 - as above
        from kiosk.lockdown.grab_keyboard import GrabKeyboard  # noqa: PLC0415 - as above
        from kiosk.lockdown.keep_screen_on import KeepScreenOn  # noqa: PLC0415 - as above
        from kiosk.lockdown.one_display import OneDisplay  # noqa: PLC0415 - as above

        steps = (OneDisplay(), KeepScreenOn(), ClearClipboard(), FillScreen(window), GrabKeyboard(window))
        return Sequence(steps, self._folder.lockdown_file)


class _FocusWatch:
    """Tells the conductor when another program's window came before ours."""

    def __init__(self, app: QApplication, conductor: Conductor, window: ExamWindow) -> None:
        from PySide6.QtCore import Qt, QTimer  # noqa: PLC0415 - as above

        self._active = Qt.ApplicationState.ApplicationActive
        self._app = app
        self._window = window
        self._conductor = conductor
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._lost)
        app.applicationStateChanged.connect(self._changed)

    def stop(self) -> None:
        """Watch no more: the program is about to end by itself."""
        self._app.applicationStateChanged.disconnect(self._changed)

    def _changed(self, state: object) -> None:
        if state == self._active:
            self._timer.stop()
        else:
            self._timer.start(FOCUS_GRACE_MS)

    def _lost(self) -> None:
        self._conductor.focus_lost("another window came before the test")
        self._window.raise_()
        self._window.activateWindow()


def _application() -> QApplication:
    from PySide6.QtWidgets import QApplication  # noqa: PLC0415 - as above

    os.environ.setdefault("QT_LOGGING_RULES", "qt.qpa.*=false")
    existing = QApplication.instance()
    return existing if isinstance(existing, QApplication) else QApplication(["proverom"])


def _paint(app: QApplication, window: ExamWindow) -> None:
    """Let the first screen reach the glass; a display that shows nothing holds the start up no longer than a second."""
    from PySide6.QtCore import QEventLoop  # noqa: PLC0415 - as above

    deadline = time.monotonic() + PAINT_PATIENCE_S
    handle = window.windowHandle()
    while not handle.isExposed() and time.monotonic() < deadline:
        app.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
    app.processEvents()


class _RobotMap:
    """Keeps a file up to date that says where the controls are, for robots that press real buttons.

    It holds no text of the test and no answer.
    """

    def __init__(self, path: Path, window: ExamWindow, conductor: Conductor) -> None:
        from PySide6.QtCore import QTimer  # noqa: PLC0415 - as above

        self._path = path
        self._window = window
        self._conductor = conductor
        self._written: dict[str, object] = {}
        self._timer = QTimer()
        self._timer.timeout.connect(self._write)
        self._timer.start(ROBOT_MAP_MS)

    def _write(self) -> None:
        plain: dict[str, object] = {
            "screen": type(self._conductor.shown).__name__,
            "controls": self._window.robot_map(),
            **_editor_state(self._window),
            **_attempt_state(self._conductor),
        }
        if plain != self._written:
            self._written = plain
            spare = self._path.with_suffix(".new")
            spare.write_text(json.dumps(plain), encoding="utf-8")
            spare.replace(self._path)


def _editor_state(window: ExamWindow) -> dict[str, object]:
    from PySide6.QtWidgets import QPlainTextEdit  # noqa: PLC0415 - as above

    editor = next((each for each in window.findChildren(QPlainTextEdit, "editor") if each.isVisible()), None)
    if editor is None:
        return {}
    text = editor.toPlainText()
    return {"editor_length": len(text), "editor_sha256": hashlib.sha256(text.encode()).hexdigest()}


def _attempt_state(conductor: Conductor) -> dict[str, object]:
    running = conductor.running
    if running is None:
        return {"attempt": "", "item": "", "phase": ""}
    attempt = running.attempt
    state: dict[str, object] = {
        "attempt": attempt.id,
        "part": running.part.part,
        "item": attempt.item or "",
        "phase": attempt.phase.value,
        "frame": attempt.step.frame if attempt.step is not None and attempt.step.is_playing else 0,
    }
    if attempt.has_ended:
        from engine.attempt import state_sha256  # noqa: PLC0415 - as above

        state["state_sha256"] = state_sha256(attempt)
    return state
