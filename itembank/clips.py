"""Clips spoken by a synthetic voice from the scripts kept with the items, built once per content.

A clip is mono Ogg Opus at 48 kHz, at −23 LUFS (EBU R 128). Its file is named by the SHA-256 of all that it is made
from, so a changed script is a missing clip, and a second build does nothing.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import subprocess
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from itembank.bank import Bank
from itembank.errors import ClipMissingError, SpeechError
from itembank.rendering import clip_name
from itembank.schema import WRITTEN_STANDARDS, ItemFile, LineModel, VoiceModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLE_RATE_HZ = 48_000
SPEECH_RATE_HZ = 22_050
LOUDNESS_LUFS = -23.0
"""EBU R 128, programme loudness."""
PEAK_LIMIT = 0.98
RECIPE = 2
"""Raised when the way of making clips changes, so that all are made anew."""
SOUND_CHECK_CLIP = "clips/sound-check.ogg"


@dataclass(frozen=True, slots=True)
class ClipScript:
    """What one clip is made from: its media name, where it is written, and its lines."""

    name: str
    where: str
    lines: tuple[LineModel, ...]


@dataclass(frozen=True, slots=True)
class BuiltClip:
    """A built clip: its file and its length at `SAMPLE_RATE_HZ`."""

    path: Path
    frames: int


def scripts(bank: Bank) -> Iterator[ClipScript]:
    """All clips that the bank's files ask for, the sound check included."""
    for item in bank.items.values():
        yield from item_scripts(bank, item).values()
    if bank.texts.sound_check is not None:
        where = f"{bank.folder.name}/texts/sound-check.json"
        yield ClipScript(SOUND_CHECK_CLIP, where, bank.texts.sound_check.script)


def item_scripts(bank: Bank, item: ItemFile) -> Mapping[str, ClipScript]:
    """An item's clips by written standard; empty where nothing is said."""
    where = f"{bank.folder.name}/items/{item.id}/item.json"
    return {
        standard: ClipScript(clip_name(item.id, standard), where, words.script)
        for standard, words in zip(WRITTEN_STANDARDS, (item.nb, item.nn), strict=True)
        if words is not None and words.script
    }


def find_clip(bank: Bank, script: ClipScript) -> BuiltClip:
    """The built clip of a script.

    Raises:
        ClipMissingError: it has not been built, or the script has changed since.
    """
    path = bank.build_folder / f"{_digest(script.lines, bank.file.voices)}.ogg"
    try:
        frames = int(json.loads(path.with_suffix(".json").read_bytes())["frames"])
    except (OSError, ValueError, KeyError) as error:
        raise ClipMissingError(script.where, script.name) from error
    if not path.is_file():
        raise ClipMissingError(script.where, script.name)
    return BuiltClip(path, frames)


def build_clips(bank: Bank) -> tuple[int, int]:
    """Build what is missing; how many were built and how many stood there.

    Two scripts of the same words are one clip. Clips are encoded on all cores: the encoder lets go of Python's lock.
    A second build at the same time waits for the first, and finds its clips.

    Raises:
        SpeechError: espeak-ng is not there or fails.
    """
    wanted = _wanted(bank)
    with _alone(bank.build_folder):
        missing = [script for script in wanted.values() if not _is_built(bank, script)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            built = sum(1 for _ in pool.map(partial(_build, bank), missing))
    return built, len(wanted) - built


def remove_unused_clips(bank: Bank) -> None:
    """Take away the clips that no script of the bank asks for; give it the whole bank, not one release's part."""
    wanted = _wanted(bank)
    with _alone(bank.build_folder):
        for path in bank.build_folder.glob("*.*"):
            if path.suffix in {".ogg", ".json"} and path.stem not in wanted:
                path.unlink()


def _wanted(bank: Bank) -> dict[str, ClipScript]:
    return {_digest(script.lines, bank.file.voices): script for script in scripts(bank)}


@contextmanager
def _alone(folder: Path) -> Generator[None]:
    """Let one process at a time change the folder, which is made when it is not there."""
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _is_built(bank: Bank, script: ClipScript) -> bool:
    try:
        find_clip(bank, script)
    except ClipMissingError:
        return False
    return True


def _digest(lines: Sequence[LineModel], voices: Mapping[str, VoiceModel]) -> str:
    used = {line.voice for line in lines}
    recipe = {
        "recipe": RECIPE,
        "loudness": LOUDNESS_LUFS,
        "lines": [line.model_dump() for line in lines],
        "voices": {name: voice.model_dump() for name, voice in voices.items() if name in used},
    }
    return sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()


def _build(bank: Bank, script: ClipScript) -> None:
    import soundfile  # noqa: PLC0415  heavy, and only building needs it

    samples = _levelled(_resampled(_spoken(script, bank.file.voices)))
    stream = io.BytesIO()
    # libsndfile's own rate, about 60 kbit/s: with compression_level 0.9 files are half as large but take twice as long
    soundfile.write(stream, samples, SAMPLE_RATE_HZ, format="OGG", subtype="OPUS")
    frames = soundfile.info(io.BytesIO(stream.getvalue())).frames
    if frames != len(samples):
        raise SpeechError(script.name, f"{frames} frames were encoded of {len(samples)}")
    path = bank.build_folder / f"{_digest(script.lines, bank.file.voices)}.ogg"
    _put(path, stream.getvalue())
    _put(path.with_suffix(".json"), json.dumps({"name": script.name, "frames": frames}).encode())


def _put(path: Path, data: bytes) -> None:
    """Write a file that is whole whenever it is there, so that a build cut short does no harm."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_bytes(data)
    fresh.replace(path)


def _spoken(script: ClipScript, voices: Mapping[str, VoiceModel]) -> NDArray[np.float64]:
    import numpy as np  # noqa: PLC0415

    pieces: list[NDArray[np.float64]] = []
    for line in script.lines:
        if line.voice not in voices:
            raise SpeechError(script.name, f"the bank has no voice '{line.voice}'")
        pieces.append(_speak(script.name, line.text, voices[line.voice]))
        pieces.append(np.zeros(line.pause_ms * SPEECH_RATE_HZ // 1000))
    return np.concatenate(pieces[:-1])


def _speak(name: str, text: str, voice: VoiceModel) -> NDArray[np.float64]:
    import soundfile  # noqa: PLC0415

    command = ["espeak-ng", "-v", voice.espeak, "-s", str(voice.words_per_minute), "-p", str(voice.pitch), "-g", "3"]
    try:
        spoken = subprocess.run([*command, "--stdout", text], capture_output=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise SpeechError(name, str(error)) from error
    samples: Any
    samples, rate = soundfile.read(io.BytesIO(spoken.stdout))
    if rate != SPEECH_RATE_HZ or not len(samples):
        raise SpeechError(name, f"espeak-ng gave {len(samples)} samples at {rate} Hz")
    return samples


def _resampled(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.signal import resample_poly  # noqa: PLC0415

    return resample_poly(samples, 320, 147)


def _levelled(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np  # noqa: PLC0415
    import pyloudnorm  # noqa: PLC0415

    meter: Any = pyloudnorm.Meter(SAMPLE_RATE_HZ)  # its stubs leave the samples' type open
    loudness = float(meter.integrated_loudness(samples))
    gain = 10.0 ** ((LOUDNESS_LUFS - loudness) / 20.0)
    peak = float(np.max(np.abs(samples)))
    return samples * min(gain, PEAK_LIMIT / peak)
