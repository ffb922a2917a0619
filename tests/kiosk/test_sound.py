"""Volume steps, decoding, and what the silent player tells."""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import pytest
import soundfile

from kiosk.errors import ClipError
from kiosk.sound import SAMPLE_RATE_HZ, SilentPlayer, decode, gain


def test_every_volume_step_is_audible_and_louder_than_the_one_below() -> None:
    gains = [gain(volume) for volume in range(1, 11)]
    assert all(low < high for low, high in pairwise(gains))
    assert gains[-1] == 1.0
    # 9 steps of 3 dB below full: -27 dB, soft but there.
    assert gains[0] == pytest.approx(10 ** (-27 / 20))


def test_volume_outside_the_scale_is_brought_onto_it() -> None:
    assert gain(0) == gain(1) > 0
    assert gain(99) == gain(10)


def _clip(rate_hz: int, kind: str) -> bytes:
    time_s = np.arange(rate_hz) / rate_hz
    file = io.BytesIO()
    soundfile.write(
        file, 0.3 * np.sin(2 * np.pi * 440 * time_s), rate_hz, format=kind, subtype="OPUS" if kind == "OGG" else None
    )
    return file.getvalue()


def test_an_opus_clip_decodes_to_its_exact_length() -> None:
    samples = decode(_clip(SAMPLE_RATE_HZ, "OGG"), "L-001")
    assert samples.dtype == np.float32
    assert samples.shape == (SAMPLE_RATE_HZ,)


def test_a_damaged_clip_is_refused_in_one_sentence() -> None:
    with pytest.raises(ClipError, match=r"Clip L-001 in the package cannot be played: .*Fetch the package again"):
        decode(b"not a sound", "L-001")


def test_a_clip_at_another_rate_is_refused() -> None:
    with pytest.raises(ClipError, match="44100 Hz and must be 48000 Hz"):
        decode(_clip(44_100, "WAV"), "L-002")


def test_the_silent_player_ends_a_play_at_its_last_frame() -> None:
    player = SilentPlayer()
    player.open()
    player.play(np.zeros(SAMPLE_RATE_HZ, np.float32), from_frame=24_000)
    player.advance(400)
    half = player.rendering()
    assert half is not None
    assert half.frame == 24_000 + 19_200
    assert not half.is_ended
    player.advance(400)
    end = player.rendering()
    assert end is not None
    assert end.is_ended
