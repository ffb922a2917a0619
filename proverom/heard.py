"""What a sink's recording holds: how often a clip was heard whole, found by normalised cross-correlation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.signal import fftconvolve, resample_poly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

DOWN: Final = 6
"""48 kHz to 8 kHz: the search is 10 times as fast, and speech has nearly all its energy below 4 kHz."""
IS_WHOLE: Final = 0.9
"""Normalised correlation of a play that was heard from end to end; undamaged ones measure above 0.99."""
IS_PIECE: Final = 0.85
QUIET: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Cut:
    """A play that a restart cut through at a frame of the clip: heard up to there, and from there on."""

    frame: int


def recorded(data: bytes) -> NDArray[np.float64]:
    """A recording (mono, 16-bit, 48 kHz) at the rate of the search."""
    samples = np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.float64) / 32768
    return resample_poly(samples, 1, DOWN)


def plays_heard(recording: NDArray[np.float64], clip: NDArray[np.float32], cuts: Sequence[Cut] = ()) -> int:
    """How many whole plays of a clip (48 kHz) a recording holds; the two pieces of a cut play count as one.

    Args:
        recording: as from `recorded`.
        clip: mono samples at 48 kHz.
        cuts: where plays were cut through.
    """
    wanted = resample_poly(clip.astype(np.float64), 1, DOWN)
    whole = len(_places(recording, wanted, IS_WHOLE))
    pieced = 0
    for cut in cuts:
        place = cut.frame // DOWN
        pieces = [piece for piece in (wanted[:place], wanted[place:]) if len(piece) > 8000 // 10]
        # A piece is also found inside every whole play, so one place more than these is asked for.
        if pieces and all(len(_places(recording, piece, IS_PIECE)) > whole for piece in pieces):
            pieced += 1
    return whole + pieced


def _places(recording: NDArray[np.float64], wanted: NDArray[np.float64], enough: float) -> list[int]:
    """Where something was heard, with a correlation of at least ``enough``, never two places closer than its length."""
    length = len(wanted)
    if len(recording) < length:
        return []
    product = fftconvolve(recording, wanted[::-1], "valid")
    energy = np.concatenate(([0.0], np.cumsum(recording**2)))
    power = np.sqrt(np.maximum(energy[length:] - energy[:-length], QUIET) * np.sum(wanted**2))
    likeness = product / power
    found: list[int] = []
    while True:
        best = int(np.argmax(likeness))
        if likeness[best] < enough:
            return found
        found.append(best)
        likeness[max(0, best - length + 1) : best + length] = -1
