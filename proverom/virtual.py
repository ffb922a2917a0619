"""A seat without hardware: a virtual display, a recorded null sound sink, and hands that press real keys."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

SAMPLE_RATE_HZ = 48_000
_FLOWING_SAMPLES = SAMPLE_RATE_HZ * 3 // 2
"""A fresh null sink renders in two-second blocks until a low-latency recorder has drawn about 1.5 s (measured)."""


class VirtualSeatError(Exception):
    """A program that stands in for hardware is missing or did not start."""

    def __init__(self, program: str, reason: str) -> None:
        super().__init__(
            f"{program} {reason}. Install the packages in deploy/packages-debian.txt, "
            "or run ./run demo on a PC with a screen."
        )


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise VirtualSeatError(name, "is not installed")
    return path


def mortal(command: Sequence[str]) -> list[str]:
    """A command that ends with its parent, however that ends; where the system cannot do so, the command itself."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", *command] if setpriv is not None else list(command)


class VirtualDisplay:
    """An X server that draws into memory, with a Norwegian keyboard."""

    def __init__(self, width: int = 1366, height: int = 768) -> None:
        read_end, write_end = os.pipe()
        self._server = subprocess.Popen(
            mortal(
                [
                    _program("Xvfb"),
                    "-displayfd",
                    str(write_end),
                    "-screen",
                    "0",
                    f"{width}x{height}x24",
                    "-nolisten",
                    "tcp",
                    "-noreset",  # otherwise the keyboard map is lost with the client that set it
                ]
            ),
            pass_fds=(write_end,),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(write_end)
        with os.fdopen(read_end) as answer:
            number = answer.readline().strip()
        if not number:
            raise VirtualSeatError("Xvfb", "did not start")
        self.name = f":{number}"
        subprocess.run([_program("setxkbmap"), "no"], env=self.environment(), check=True, timeout=20)

    def environment(self) -> dict[str, str]:
        """Environment variables for a program that is to show itself here."""
        return {**os.environ, "DISPLAY": self.name, "QT_QPA_PLATFORM": "xcb"}

    def picture(self, file: Path) -> None:
        """Save what the display shows now as a PNG."""
        subprocess.run(
            [_program("import"), "-window", "root", str(file)], env=self.environment(), check=True, timeout=30
        )

    def close(self) -> None:
        """Switch the display off."""
        self._server.terminate()
        self._server.wait(timeout=10)


class NullSink:
    """A sound server with one sink that nobody hears, recorded from its first second on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("pulse", "state"):
            (folder / name).mkdir(parents=True, mode=0o700)
        (folder / "asound.conf").write_text(
            "pcm.!default { type pulse }\nctl.!default { type pulse }\n", encoding="utf-8"
        )
        socket = folder / "pulse" / "native"
        self._server = subprocess.Popen(
            mortal(
                [
                    _program("pulseaudio"),
                    "-n",
                    "--daemonize=no",
                    "--exit-idle-time=-1",
                    "--use-pid-file=no",
                    "--log-target=stderr",
                    "--log-level=error",
                    "--realtime=no",
                    "--high-priority=no",
                    "-L",
                    f"module-native-protocol-unix socket={socket} auth-anonymous=1",
                    "-L",
                    f"module-null-sink sink_name=exam rate={SAMPLE_RATE_HZ} channels=2 format=s16le",
                ]
            ),
            env={**os.environ, **self.environment()},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._wait_for(socket.exists, "pulseaudio")
        self._data = bytearray()
        self._recorder = self._record()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._wait_for(lambda: len(self._data) > 2 * _FLOWING_SAMPLES, "parec")

    def environment(self) -> dict[str, str]:
        """Environment variables for a program that is to play here."""
        folder = self._folder
        return {
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_RUNTIME_PATH": str(folder / "pulse"),
            "PULSE_STATE_PATH": str(folder / "state"),
            "PULSE_COOKIE": str(folder / "cookie"),
            "PULSE_SERVER": f"unix:{folder / 'pulse' / 'native'}",
            "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
        }

    def recording(self) -> bytes:
        """Everything recorded so far: mono, 16-bit little-endian, 48 kHz."""
        return bytes(self._data)

    def close(self) -> None:
        """Stop recording and the server."""
        for process in (self._recorder, self._server):
            process.terminate()
            process.wait(timeout=10)
        self._reader.join(timeout=10)
        if self._recorder.stdout is not None:
            self._recorder.stdout.close()

    def _record(self) -> subprocess.Popen[bytes]:
        command = [_program("parec"), "-d", "exam.monitor", "--raw", f"--rate={SAMPLE_RATE_HZ}", "--channels=1"]
        return subprocess.Popen(
            mortal([*command, "--format=s16le", "--latency-msec=20"]),
            env={**os.environ, **self.environment()},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )

    def _read(self) -> None:
        stream = self._recorder.stdout
        while stream is not None and (block := stream.read(65536)):
            self._data += block

    def _wait_for(self, is_so: Callable[[], bool], program: str) -> None:
        deadline = time.monotonic() + 20
        while not is_so():
            if time.monotonic() > deadline or self._server.poll() is not None:
                raise VirtualSeatError(program, "did not start")
            time.sleep(0.02)


@dataclass(frozen=True, slots=True)
class Hands:
    """Presses real keys and mouse buttons on a display, through XTEST."""

    environment: Mapping[str, str]

    def click(self, x: int, y: int) -> None:
        """Move the pointer there and press its first button."""
        self._do("mousemove", str(x), str(y), "click", "1")

    def scroll_down(self, x: int, y: int, notches: int = 10) -> None:
        """Turn the wheel there."""
        self._do("mousemove", str(x), str(y), "click", "--repeat", str(notches), "--delay", "10", "5")

    def press(self, *keys: str) -> None:
        """Press keys one after the other, such as "Return", "ctrl+z"."""
        self._do("key", "--clearmodifiers", "--delay", "12", *keys)

    def type(self, text: str, delay_ms: int = 12) -> None:
        """Type text, key by key."""
        self._do("type", "--clearmodifiers", "--delay", str(delay_ms), "--", text)

    def _do(self, *arguments: str) -> None:
        subprocess.run([_program("xdotool"), *arguments], env=dict(self.environment), check=True, timeout=120)
