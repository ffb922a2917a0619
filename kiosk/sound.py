"""Timed sound by rendered frames.

One output stream is open for the whole part and renders silence between clips, so no play starts on a cold device and
no tail is cut. The position of a play is counted in frames that have left the device's buffer, not by wall time and not
by "end of media" signals, which were measured half a second late. A stream that stops asking for frames is a fault,
told within a second.
"""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from kiosk.errors import ClipError, SoundError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sounddevice import CallbackFlags

SAMPLE_RATE_HZ = 48_000
LONGEST_CLIP_S = 900
MOST_CHANNELS = 2
LOWEST_VOLUME, HIGHEST_VOLUME = 1, 10
DECIBELS_PER_STEP = 3.0
STREAM_LATENCY_S = 0.3
"""0.15 s broke now and then when eight programs shared two cores; a volume step is heard this much later."""
STALLED_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class Rendering:
    """Where a play is: ``frame`` of ``frames`` heard, loudness 0…1 now, and the fault that ended it, if any.

    ``gaps`` counts the times that the device ran dry in this play, so that silence was heard in its place.
    """

    frame: int
    frames: int
    level: float
    fault: str = ""
    gaps: int = 0

    @property
    def is_ended(self) -> bool:
        """The whole clip has been heard."""
        return self.frame >= self.frames


class Player(Protocol):
    """What the conductor asks of sound."""

    def open(self) -> None:
        """Make ready to play; raises `SoundError` when there is no device."""
        ...

    def play(self, samples: NDArray[np.float32], from_frame: int) -> None:
        """Play mono samples at 48 kHz from a frame to the end."""
        ...

    def rendering(self) -> Rendering | None:
        """The present play, or None when nothing plays."""
        ...

    def set_volume(self, volume: int) -> None:
        """Volume 1…10; the lowest is audible."""
        ...

    def stop(self) -> None:
        """End the present play, leaving silence."""
        ...

    def close(self) -> None:
        """Let the device go."""
        ...


def gain(volume: int) -> float:
    """Amplitude factor of a volume step: 10 is 1.0, each step below 3 dB less; never 0."""
    step = min(max(volume, LOWEST_VOLUME), HIGHEST_VOLUME)
    return float(10 ** (-(HIGHEST_VOLUME - step) * DECIBELS_PER_STEP / 20))


def has_output() -> bool:
    """Whether this PC has anything to play on."""
    try:
        import sounddevice  # noqa: PLC0415 - PortAudio is loaded only where something is to be heard
    except OSError:
        return False
    try:
        return bool(cast("Any", sounddevice).query_devices(kind="output"))
    except (ValueError, sounddevice.PortAudioError):
        return False


def decode(data: bytes, clip: str) -> NDArray[np.float32]:
    """Decode a clip (Ogg Opus, Vorbis, FLAC, WAV) wholly to mono float32 at 48 kHz.

    Raises:
        ClipError: the bytes are no sound file, not at 48 kHz, or longer than `LONGEST_CLIP_S`.
    """
    import soundfile  # noqa: PLC0415 - loaded when first needed, so that a reading part starts without it

    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            if file.samplerate != SAMPLE_RATE_HZ:
                raise ClipError(clip, f"its sample rate is {file.samplerate} Hz and must be {SAMPLE_RATE_HZ} Hz")
            # Its header says how long it is, and that much memory would be taken: believe no more than a clip can be.
            if file.frames > LONGEST_CLIP_S * SAMPLE_RATE_HZ or file.channels > MOST_CHANNELS:
                raise ClipError(clip, f"it says it has {file.frames} frames of {file.channels} channels")
            samples = file.read(dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, ValueError, RuntimeError) as error:
        raise ClipError(clip, str(error)) from error
    return np.ascontiguousarray(samples.mean(axis=1), dtype=np.float32)


class _Play:
    """One play: samples, the next frame to hand to the device, and the loudness of the latest block."""

    __slots__ = ("gaps", "handed", "level", "samples")

    def __init__(self, samples: NDArray[np.float32], from_frame: int) -> None:
        self.samples = samples
        self.handed = from_frame
        self.level = 0.0
        self.gaps = 0


class StreamPlayer:
    """A `Player` on the PC's default output, through PortAudio."""

    def __init__(self) -> None:
        self._stream: Any = None
        self._play: _Play | None = None
        self._start_frame = 0
        self._gain = gain(7)
        self._called_at_s = 0.0
        self._has_ended = False
        self._lag_frames = 0

    def open(self) -> None:
        """Open the default output and render silence."""
        if self._stream is not None:
            return
        try:
            import sounddevice  # noqa: PLC0415 - PortAudio is loaded only where something is to be heard
        except OSError as error:
            raise SoundError(cause="PortAudio is not installed") from error
        self._has_ended = False
        try:
            self._stream = sounddevice.OutputStream(
                samplerate=SAMPLE_RATE_HZ,
                channels=2,
                dtype="float32",
                latency=STREAM_LATENCY_S,
                callback=self._render,
                finished_callback=self._finished,
            )
            self._stream.start()
        except sounddevice.PortAudioError as error:
            self._stream = None
            raise SoundError(str(error.args[0] if error.args else error)) from error
        self._called_at_s = time.monotonic()
        self._lag_frames = int(self._stream.latency * SAMPLE_RATE_HZ)

    def play(self, samples: NDArray[np.float32], from_frame: int) -> None:
        """Play from a frame; an earlier play ends."""
        self._called_at_s = time.monotonic()
        self._start_frame = from_frame
        self._play = _Play(samples, from_frame)

    def rendering(self) -> Rendering | None:
        """The present play, counted in frames that have left the buffer."""
        play = self._play
        if play is None:
            return None
        frames = len(play.samples)
        heard = min(max(play.handed - self._lag_frames, self._start_frame), frames)
        return Rendering(heard, frames, play.level, self._fault(), play.gaps)

    def set_volume(self, volume: int) -> None:
        """Set the volume at once, also inside a play."""
        self._gain = gain(volume)

    def stop(self) -> None:
        """End the present play."""
        self._play = None

    def close(self) -> None:
        """Close the stream."""
        stream, self._stream, self._play = self._stream, None, None
        if stream is not None:
            stream.abort(ignore_errors=True)
            stream.close(ignore_errors=True)

    def _fault(self) -> str:
        if self._stream is None or self._has_ended:
            return "the sound device went away"
        if time.monotonic() - self._called_at_s > STALLED_AFTER_S:
            return "the sound device stopped taking sound"
        return ""

    def _finished(self) -> None:
        self._has_ended = True

    def _render(self, out: NDArray[np.float32], frames: int, _time: object, status: CallbackFlags) -> None:
        now_s = time.monotonic()
        waited_s, self._called_at_s = now_s - self._called_at_s, now_s
        out.fill(0)
        play = self._play
        if play is None:
            return
        if status.output_underflow or waited_s > STREAM_LATENCY_S:
            play.gaps += 1
        block = play.samples[play.handed : play.handed + frames]
        if len(block):
            out[: len(block)] = (block * self._gain)[:, None]
            play.level = min(1.0, 4.0 * float(np.sqrt(np.mean(block * block))))
        else:
            play.level = 0.0
        play.handed += frames


class SilentPlayer:
    """A `Player` without a device: time is told to it, so a whole listening part runs in a test without waiting."""

    def __init__(self) -> None:
        self.volume = 7
        self.is_open = False
        self.fault = ""
        self.begun: list[int] = []
        self._frames = 0
        self._frame: int | None = None

    def open(self) -> None:
        """Note that sound is wanted."""
        self.is_open = True

    def play(self, samples: NDArray[np.float32], from_frame: int) -> None:
        """Begin a play."""
        self.begun.append(from_frame)
        self._frames, self._frame = len(samples), from_frame

    def advance(self, elapsed_ms: int) -> None:
        """Let so many milliseconds of sound be heard."""
        if self._frame is not None:
            self._frame = min(self._frames, self._frame + elapsed_ms * SAMPLE_RATE_HZ // 1000)

    def rendering(self) -> Rendering | None:
        """The present play."""
        return None if self._frame is None else Rendering(self._frame, self._frames, 0.5, self.fault)

    def set_volume(self, volume: int) -> None:
        """Remember the volume."""
        self.volume = volume

    def stop(self) -> None:
        """End the present play."""
        self._frame = None

    def close(self) -> None:
        """Forget the device."""
        self.is_open = False
        self._frame = None
