"""What a sink's recording holds: how often a clip was heard whole, found by normalised cross-correlation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.signal import fftconvolve, resample_poly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Samples = NDArray[np.float64]

DOWN: Final = 6
"""48 kHz to 8 kHz for the search, which is then 10 times as fast; every place found is measured again at 48 kHz."""
IS_LIKELY: Final = 0.6
"""Enough to be looked at again: half a sample of 8 kHz beside the truth costs speech up to a third of its likeness."""
IS_WHOLE: Final = 0.95
"""Normalised correlation at 48 kHz of a play heard from end to end; undamaged ones measure above 0.999."""
QUIET: Final = 1e-9
SHORTEST_PIECE: Final = 4800


@dataclass(frozen=True, slots=True)
class Cut:
    """A play that a restart cut through at a frame of the clip: heard up to there, and from there on."""

    frame: int


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording at 48 kHz, and once more at the rate of the search."""

    fine: Samples
    coarse: Samples

    @classmethod
    def of(cls, data: bytes) -> Recording:
        """From mono 16-bit little-endian samples at 48 kHz."""
        fine = np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.float64) / 32768
        return cls(fine, resample_poly(fine, 1, DOWN))


def plays_heard(recording: Recording, clip: NDArray[np.float32], cuts: Sequence[Cut] = ()) -> int:
    """How many whole plays of a clip a recording holds; the two pieces of a cut play count as one.

    Args:
        recording: what was recorded.
        clip: mono samples at 48 kHz.
        cuts: where plays were cut through.
    """
    wanted = clip.astype(np.float64)
    whole = len(_places(recording, wanted))
    pieced = 0
    for cut in cuts:
        pieces = [piece for piece in (wanted[: cut.frame], wanted[cut.frame :]) if len(piece) > SHORTEST_PIECE]
        # A piece is also found inside every whole play, so one place more than these is asked for.
        if pieces and all(len(_places(recording, piece)) > whole for piece in pieces):
            pieced += 1
    return whole + pieced


def _places(recording: Recording, wanted: Samples) -> list[int]:
    """Where something was heard undamaged (48 kHz frames), never two places closer than its length."""
    coarse = resample_poly(wanted, 1, DOWN)
    length = len(coarse)
    if len(recording.coarse) < length:
        return []
    likeness = _likeness(recording.coarse, coarse)
    found: list[int] = []
    while True:
        best = int(np.argmax(likeness))
        if likeness[best] < IS_LIKELY:
            return found
        place, measured = _measured(recording.fine, wanted, best * DOWN)
        if measured >= IS_WHOLE:
            found.append(place)
        likeness[max(0, best - length + 1) : best + length] = -1


def _measured(fine: Samples, wanted: Samples, about: int) -> tuple[int, float]:
    """The best place within a few frames of ``about``, and the likeness there."""
    first = max(0, about - 2 * DOWN)
    around = fine[first : about + len(wanted) + 2 * DOWN]
    if len(around) < len(wanted):
        return about, 0.0
    likeness = _likeness(around, wanted)
    best = int(np.argmax(likeness))
    return first + best, float(likeness[best])


def _likeness(where: Samples, wanted: Samples) -> Samples:
    """Normalised cross-correlation at every place where ``wanted`` fits whole; one value a place."""
    length = len(wanted)
    product = fftconvolve(where, wanted[::-1], "valid")
    energy = np.concatenate(([0.0], np.cumsum(where**2)))
    power = np.sqrt(np.maximum(energy[length:] - energy[:-length], QUIET) * np.sum(wanted**2))
    return product / power
