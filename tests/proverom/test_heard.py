"""Plays are counted whole, at any volume and at any offset; damaged ones are not, and a cut one counts once."""

from __future__ import annotations

import numpy as np
import pytest

from proverom.heard import Cut, Recording, plays_heard

RATE_HZ = 48_000


def speechlike(seconds: float, seed: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Noise below 3 kHz with a swelling loudness, which is as hard to place as speech."""
    rng = np.random.default_rng(seed)
    count = int(seconds * RATE_HZ)
    spectrum = np.fft.rfft(rng.standard_normal(count))
    spectrum[int(3_000 * seconds) :] = 0
    wave = np.fft.irfft(spectrum, count) * (0.3 + np.abs(np.sin(np.linspace(0, 20, count))))
    return (0.4 * wave / np.abs(wave).max()).astype(np.float32)


def recording(*pieces: np.ndarray[tuple[int], np.dtype[np.float32]]) -> Recording:
    """Pieces one after the other, as a sink's 16-bit samples."""
    return Recording.of((np.concatenate(pieces) * 32767).astype("<i2").tobytes())


def silence(frames: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """So many frames of nothing."""
    return np.zeros(frames, np.float32)


@pytest.mark.parametrize("offset", range(7))
def test_two_plays_are_two_wherever_they_fall_between_samples(offset: int) -> None:
    clip = speechlike(1.5, 1)
    heard = recording(silence(9_000 + offset), clip, silence(24_000), 0.2 * clip, silence(9_000))
    assert plays_heard(heard, clip) == 2


def test_another_clip_is_not_taken_for_this_one() -> None:
    assert plays_heard(recording(silence(5_000), speechlike(1.5, 2), silence(5_000)), speechlike(1.5, 1)) == 0


def test_a_play_with_a_hole_in_it_was_not_heard() -> None:
    clip = speechlike(1.5, 1)
    damaged = clip.copy()
    damaged[20_000:35_000] = 0
    assert plays_heard(recording(silence(5_000), damaged, silence(5_000), clip, silence(5_000)), clip) == 1


def test_the_two_pieces_of_a_cut_play_count_as_one() -> None:
    clip = speechlike(2.0, 1)
    heard = recording(
        silence(5_000), clip[:50_000], silence(90_000), clip[48_000:], silence(24_000), clip, silence(5_000)
    )
    assert plays_heard(heard, clip, [Cut(48_000)]) == 2
    assert plays_heard(heard, clip) == 1
