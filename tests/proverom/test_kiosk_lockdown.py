"""The locked-down program on a real X server, with a window manager and another window that try to get in between."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from engine.state import Phase
from kiosk.screens import LockedScreen, ReadingScreen
from proverom.virtual import Hands, VirtualDisplay
from tests.proverom.seat import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.proverom.conftest import MakeRoom

ROOT = Path(__file__).parents[2]
WIDTH, HEIGHT = 1366, 768
MATRIX = ("Print", "ctrl+alt+t", "super+d", "alt+F4", "alt+Tab", "ctrl+alt+Delete", "alt+space", "F1")
"""Keys by which a desktop lets somebody out: picture, terminal, desktop, close, switch, log out, window menu, help."""
BINDINGS = {
    "Print": "Print", "ctrl+alt+t": "C-A-t", "super+d": "W-d", "alt+F4": "A-F4", "alt+Tab": "A-Tab",
    "ctrl+alt+Delete": "C-A-Delete", "alt+space": "A-space", "F1": "F1",
}  # fmt: skip
"""The same in openbox's spelling."""

pytestmark = pytest.mark.skipif(
    any(shutil.which(program) is None for program in ("Xvfb", "openbox", "xdotool", "xset")),
    reason="Xvfb, openbox, xdotool or xset is not installed; ./run test installs them",
)

THIEF = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QLineEdit
app = QApplication([])
line = QLineEdit()
line.setWindowTitle("thief")
line.textChanged.connect(lambda text: Path(sys.argv[1]).write_text(text))
line.show()
line.raise_()
line.activateWindow()
QTimer.singleShot(0, lambda: Path(sys.argv[2]).touch())
sys.exit(app.exec())
"""


def wait_for(is_so: Callable[[], object], what: str) -> None:
    """Until another process has done something."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain: {what}")
        time.sleep(0.02)


def ended(process: subprocess.Popen[bytes]) -> Callable[[], None]:
    """Something that ends a process of ours."""

    def end() -> None:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=60)

    return end


class Desktop:
    """A display with openbox, whose every binding of the matrix leaves a mark in a folder."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.marks = folder / "marks"
        self.marks.mkdir()
        self.display = VirtualDisplay(WIDTH, HEIGHT)
        stack.callback(self.display.close)
        self.environment = self.display.environment()
        self.hands = Hands(self.environment)
        bound = "".join(
            f'<keybind key="{key}"><action name="Execute">'
            f"<command>touch {self.marks / key}</command></action></keybind>"
            for key in BINDINGS.values()
        )
        settings = folder / "rc.xml"
        settings.write_text(
            '<openbox_config xmlns="http://openbox.org/3.4/rc"><focus><focusNew>yes</focusNew></focus>'
            f"<keyboard>{bound}</keyboard></openbox_config>"
        )
        manager = subprocess.Popen(
            ["openbox", "--config-file", str(settings), "--sm-disable"],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(ended(manager))
        wait_for(lambda: "window id" in self.told("xprop", "-root", "_NET_SUPPORTING_WM_CHECK"), "openbox")

    def told(self, *command: str) -> str:
        """What an X program prints."""
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False).stdout

    def press_matrix(self) -> set[str]:
        """Press every way out; which of them reached the window manager."""
        for keys in MATRIX:
            self.hands.press(keys)
        return {path.name for path in self.marks.iterdir()}

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """A program on this display."""
        return subprocess.Popen(
            [sys.executable, *command],
            env=self.environment,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@pytest.fixture
def desktop(tmp_path: Path) -> Iterator[Desktop]:
    """A desktop, and everything on it ended afterwards."""
    with ExitStack() as stack:
        yield Desktop(tmp_path, stack)


def look(robot_map: Path) -> dict[str, Any]:
    """What the program says is on the glass."""
    return json.loads(robot_map.read_text()) if robot_map.exists() else {}


@pytest.mark.rule("NP-3.13-1")
def test_no_key_leads_out_no_window_steals_one_and_the_end_gives_everything_back(
    exam_room: MakeRoom, desktop: Desktop, tmp_path: Path
) -> None:
    exam = exam_room("reading")
    exam.open(exam.samira)
    seat = exam.seat()
    seat.log_in(exam.samira)
    assert isinstance(seat.start_part("reading", day_code=exam.day_code), ReadingScreen)
    seat.close()
    # The adversary is one: without the kiosk every key of the matrix reaches it.
    wait_for(lambda: desktop.press_matrix() == set(BINDINGS.values()), "openbox's bindings")
    for mark in desktop.marks.iterdir():
        mark.unlink()
    blanking = desktop.told("xset", "q").split("timeout:")[1].split()[0]

    robot_map = tmp_path / "map.json"
    arguments = ("-m", "proverom", "kiosk", "--state", str(exam.states[0]), "--robot-map", str(robot_map))
    with ExitStack() as stack:
        kiosk = desktop.start(*arguments)
        stack.callback(ended(kiosk))
        wait_for(lambda: look(robot_map).get("screen") in {"ReadingScreen", "LockedScreen"}, "the attempt resumed")
        assert look(robot_map)["screen"] == "ReadingScreen"
        window = desktop.told("xdotool", "getactivewindow").strip()
        geometry = desktop.told("xdotool", "getwindowgeometry", "--shell", window).split()
        assert {"X=0", "Y=0", f"WIDTH={WIDTH}", f"HEIGHT={HEIGHT}"} <= set(geometry)
        assert desktop.told("xset", "q").split("timeout:")[1].split()[0] == "0"

        assert desktop.press_matrix() == set()
        assert kiosk.poll() is None
        assert look(robot_map)["screen"] == "ReadingScreen"

        stolen, is_up = tmp_path / "stolen", tmp_path / "thief-is-up"
        stack.callback(ended(desktop.start("-c", THIEF, str(stolen), str(is_up))))
        wait_for(is_up.exists, "the thief's window")
        wait_for(lambda: look(robot_map).get("screen") == "LockedScreen", "the lock after the focus loss")
        desktop.hands.type("hemmelig")
        assert not stolen.exists()
        assert desktop.press_matrix() == set()

        kiosk.send_signal(signal.SIGTERM)
        assert kiosk.wait(timeout=60) == 0
    assert json.loads((exam.states[0] / "lockdown.json").read_text()) == []
    assert desktop.told("xset", "q").split("timeout:")[1].split()[0] == blanking != "0"
    wait_for(lambda: desktop.press_matrix() == set(BINDINGS.values()), "the keys given back")

    # What happened is in the journal: the same PC goes on locked, and nothing else was changed.
    seat.start()
    seat.until(LockedScreen)
    assert seat.attempt.lock_reasons == ("focus",)
    assert seat.attempt.phase is Phase.RUNNING
