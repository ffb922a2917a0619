"""What the kiosk promises: a key press durable, a start that paints soon, little memory, a next task at once.

    python benchmarks/bench_kiosk.py [--quick]

The real window on a virtual X display with real key events, the real conductor, journal on disk, and a store in a
process of its own. Starts and memory are the real program's. Writes ``benchmarks/results/kiosk.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.common import Row, row, write_rows  # noqa: E402 - after the path
from engine.ids import ItemId  # noqa: E402
from kiosk import intents  # noqa: E402
from kiosk.screens import ReadingScreen, Screen, WritingScreen  # noqa: E402
from proverom.sample_room import SampleCandidate, SampleRoom, SampleSitting  # noqa: E402
from proverom.virtual import NullSink, VirtualDisplay  # noqa: E402
from tests.proverom.seat import Seat, ask  # noqa: E402

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from kiosk.views.window import ExamWindow

BANK = ROOT / "banks" / "norskprove-sample"
PERSON = SampleCandidate("100234", "Samira Haddad", "samira", "blå stol 41", "")
PATIENCE_S = 60.0
SETTLED_S = 3.0
"""So long a program has shown a part before its memory is read."""

FIRST_FRAME = """
import sys, time
from kiosk import app
paint = app._paint
def timed(*arguments):
    paint(*arguments)
    print(time.monotonic(), time.process_time(), flush=True)
app._paint = timed
sys.exit(app.main(sys.argv[1:]))
"""
"""The program, telling when its first screen has reached the display, and the processor time spent until then."""


def p99_row(name: str, unit: str, values: Sequence[float], goal: str, note: str) -> Row:
    """The 99th percentile; its spread is left out."""
    p99 = statistics.quantiles(values, n=100, method="inclusive")[98]
    return Row(name, unit, round(p99, 3), 0.0, len(values), None, goal, note)


# --- a room and a seat ------------------------------------------------------------------------------------------------


@contextmanager
def seated(part: str) -> Generator[Seat]:
    """A candidate at the first task of a part, in a room of its own with a running store."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        named = "writing A2-B1" if part == "writing" else part
        person = SampleCandidate(PERSON.number, PERSON.name, PERSON.login, PERSON.password, named)
        sitting = SampleSitting(BANK, "norskprove-demo", "norskprove-demo", ((part, 75),), (person,))
        room = SampleRoom(Path(name), sitting)
        stack.enter_context(room)
        state = room.enrol_pc("1")
        room.grant_pcs()
        ask(room, "open")
        ask(room, "present", candidate=person.number, identification="passport")
        seat = Seat(room, state)
        stack.callback(seat.close)
        seat.log_in(person)
        seat.start_part(part, day_code=str(ask(room, "day-code")["day_code"]))
        yield seat


class Glass(list[Screen]):
    """Draws every screen that the seat shows."""

    def __init__(self, window: ExamWindow) -> None:
        super().__init__()
        self._window = window

    def append(self, screen: Screen, /) -> None:
        """Draw it."""
        self._window.show_screen(screen)


@contextmanager
def drawn(seat: Seat, app: QApplication) -> Generator[ExamWindow]:
    """The seat's screens in a real window, whose wishes the seat does."""
    from kiosk.views.window import ExamWindow

    window = ExamWindow()
    window.resize(1366, 768)
    window.show_screen(seat.screen)
    window.show()
    seat.conductor._show = Glass(window).append  # noqa: SLF001 - the window takes the list's place  # pyright: ignore[reportPrivateUsage]
    window.intent.connect(seat.conductor.wish)
    window.activateWindow()
    app.processEvents()
    try:
        yield window
    finally:
        window.allow_close()
        window.close()


# --- what is measured -------------------------------------------------------------------------------------------------


def writing(app: QApplication, n: int) -> list[Row]:
    """From the key event to the record that a power cut does not take."""
    from PySide6.QtCore import QEvent, Qt
    from PySide6.QtGui import QKeyEvent
    from PySide6.QtWidgets import QApplication, QPlainTextEdit

    with seated("writing") as seat, drawn(seat, app) as window:
        assert isinstance(seat.screen, WritingScreen)
        editor = next(each for each in window.findChildren(QPlainTextEdit, "editor") if each.isVisible())
        editor.setFocus()
        app.processEvents()
        running = seat.conductor.running
        assert running is not None
        written_ms: list[float] = []
        durable_ms: list[float] = []
        for number in range(n):
            sign = "skrive og lese "[number % 15]
            begun = time.perf_counter()
            for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
                key = Qt.Key(ord(sign.upper()))
                QApplication.sendEvent(editor, QKeyEvent(kind, key, Qt.KeyboardModifier.NoModifier, sign))
                if kind is QEvent.Type.KeyPress:
                    written_ms.append((time.perf_counter() - begun) * 1000)
                    while not running.record.is_saved:
                        time.sleep(0)
                    durable_ms.append((time.perf_counter() - begun) * 1000)
            app.processEvents()
        texts = "".join(seat.attempt.texts.values())
        assert len(texts) == n, f"{len(texts)} of {n} keys became text"
    disk = "sealed, written and synced; this machine's disk"
    return [
        row("key press handled: screen, engine, journal written", "ms", written_ms, "", "survives a killed program"),
        row("key press to durable record", "ms", durable_ms, "<= 0.5 on a quiet disk", disk),
        p99_row("key press to durable record: p99", "ms", durable_ms, "<= 5 quiet, <= 50 at worst", disk),
    ]


def reading(app: QApplication, n: int) -> list[Row]:
    """From the wish for another task to its last paint event, and what a tick costs."""
    from PySide6.QtCore import QEvent, QObject

    class Painted(QObject):
        """When the last paint event was."""

        at = 0.0

        def eventFilter(self, watched: QObject, event: QEvent, /) -> bool:  # noqa: N802 - Qt's name
            del watched
            if event.type() == QEvent.Type.Paint:
                self.at = time.perf_counter()
            return False

    with seated("reading") as seat, drawn(seat, app):
        assert isinstance(seat.screen, ReadingScreen)
        items: tuple[ItemId, ...] = seat.attempt.items
        watch = Painted()
        app.installEventFilter(watch)
        took: list[float] = []
        for number in range(1, n + 1):
            begun = time.perf_counter()
            seat.do(intents.GoTo(items[number % len(items)]))
            for _ in range(3):
                app.processEvents()
            assert watch.at > begun, "nothing was painted"
            took.append((watch.at - begun) * 1000)
        app.removeEventFilter(watch)
        ticks = timed(seat.conductor.tick, n)
    note = "the new task journalled, built and painted; 1366 x 768"
    return [
        row("task to next task in reading", "ms", took, "", note),
        p99_row("task to next task in reading: p99", "ms", took, "<= 50", note),
        row("one tick of the conductor in reading", "ms", ticks, "<= 1", "25 a second"),
    ]


def timed(work: Callable[[], object], n: int) -> list[float]:
    """Milliseconds of each of ``n`` calls."""
    took: list[float] = []
    for _ in range(n):
        begun = time.perf_counter()
        work()
        took.append((time.perf_counter() - begun) * 1000)
    return took


def start(environment: dict[str, str], n: int) -> list[Row]:
    """From the start of the process to the end of the first frame, files warm in the page cache."""
    took: list[float] = []
    spent: list[float] = []
    with seated("reading") as seat:
        seat.close()
        for _ in range(n + 1):
            begun = time.monotonic()
            process = subprocess.Popen(
                [sys.executable, "-c", FIRST_FRAME, "--state", str(seat.state), "--window"],
                env=environment,
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert process.stdout is not None
            painted, processor = map(float, process.stdout.readline().split())
            took.append(painted - begun)
            spent.append(processor)
            process.kill()
            process.wait(timeout=PATIENCE_S)
            process.stdout.close()
    note = "Python included, files warm; 1366 x 768"
    return [
        row("start of the program to first painted frame", "s", took[1:], "<= 1.0", note),
        row("processor time of the start to first painted frame", "s", spent[1:], "", note),
    ]


def memory(part: str, screen: str, environment: dict[str, str], folder: Path) -> Row:
    """Resident memory of the real program in the middle of a part."""
    with seated(part) as seat, ExitStack() as stack:
        seat.close()
        if part == "listening":
            sink = NullSink(folder / "sound")
            stack.callback(sink.close)
            environment = {**environment, **sink.environment()}
        robot_map = folder / f"{part}.json"
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "proverom", "kiosk", "--state", str(seat.state), "--window"),
                *("--robot-map", str(robot_map)),
            ],
            env=environment,
            cwd=ROOT,
        )
        try:
            deadline = time.monotonic() + PATIENCE_S
            while not robot_map.exists() or json.loads(robot_map.read_text())["screen"] != screen:
                if time.monotonic() > deadline:
                    raise TimeoutError(part)
                time.sleep(0.05)
            time.sleep(SETTLED_S)
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE_S)
    kilobytes = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
    return Row(f"memory in {part}", "MB", round(kilobytes / 1000, 1), 0.0, 1, None, "<= 200", "resident set")


def main(argv: Sequence[str]) -> int:
    """Measure and write the table's lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args(argv).quick
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        display = VirtualDisplay()
        stack.callback(display.close)
        environment = {**display.environment(), "QT_LOGGING_RULES": "qt.qpa.*=false"}
        os.environ.update(environment)
        from PySide6.QtWidgets import QApplication

        from kiosk.app import be_responsive

        app = QApplication(["bench"])
        be_responsive()
        rows = [
            *writing(app, 300 if quick else 2000),
            *reading(app, 100 if quick else 500),
            *start(environment, 3 if quick else 10),
            memory("listening", "ListeningScreen", environment, folder),
            memory("writing", "WritingScreen", environment, folder),
        ]
    write_rows("kiosk", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
