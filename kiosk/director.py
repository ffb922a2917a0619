"""Listening: plays what the script asks for, and tells the journal what was really rendered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.events import IncidentNoted, PlayBegun, PlayEnded, PlayFailed, PlayPosition
from engine.listening import StepKind
from kiosk.errors import ClipError, SoundError
from kiosk.sound import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from engine.listening import Clip, StepState
    from kiosk.record import AttemptRecord
    from kiosk.sound import Player, Rendering

TELL_EVERY_MS: Final = 200
"""How often a play's position is journalled: at most this, and the device's buffer, is heard again after a crash."""
RETRY_AFTER_MS: Final = 1_000


class SoundDirector:
    """Keeps the player in step with the attempt's script.

    ``load`` gives a clip's samples by its media id; they are decoded once, before the item's first play.
    """

    def __init__(self, record: AttemptRecord, player: Player, load: Callable[[str], NDArray[np.float32]]) -> None:
        self._record = record
        self._player = player
        self._load = load
        self._samples: tuple[str, NDArray[np.float32]] | None = None
        self._told_ms = 0
        self._retry_ms = 0
        self.fault = ""

    def rendering(self) -> Rendering | None:
        """The present play, None in silence."""
        return self._player.rendering()

    def tick(self) -> None:
        """Begin, follow or end the present play; sets ``fault`` while sound is asked for and none comes."""
        step = self._record.attempt.step
        if step is None or step.kind is not StepKind.PLAY or step.ends_ms is not None:
            self._player.stop()
            self.fault = ""
            if step is not None:
                self._make_ready()
        elif step.is_playing:
            self._follow(step)
        else:
            self._begin(step)

    def close(self) -> None:
        """Silence, and let the device go."""
        self._player.close()

    def _begin(self, step: StepState) -> None:
        now_ms = self._record.now_ms()
        if now_ms < self._retry_ms:
            return
        try:
            samples = self._clip_samples()
            self._player.open()
        except (SoundError, ClipError) as error:
            self._fails(str(error), now_ms)
            return
        self._player.set_volume(self._record.attempt.volume)
        # The record comes before the first sample: from here the play is spent.
        if self._record.happens(PlayBegun(now_ms, step.item, step.play, step.frame)).is_true:
            self._player.play(samples, step.frame)
            self.fault = ""
            self._told_ms = now_ms

    def _follow(self, step: StepState) -> None:
        rendering = self._player.rendering()
        now_ms = self._record.now_ms()
        if rendering is None:
            self._record.happens(PlayFailed(now_ms, step.item, step.play, step.frame, "the play was cut off"))
            return
        frame = max(step.frame, rendering.frame)
        if rendering.fault and not rendering.is_ended:
            self._record.happens(PlayFailed(now_ms, step.item, step.play, frame, rendering.fault))
            self._fails(rendering.fault, now_ms)
        elif rendering.is_ended:
            self._record.happens(PlayEnded(now_ms, step.item, step.play, rendering.frames))
            if rendering.gaps:
                detail = f"item {step.item}, play {step.play}: {rendering.gaps}"
                self._record.happens_soon(IncidentNoted(now_ms, "sound_gaps", detail))
            self._player.stop()
        elif now_ms - self._told_ms >= TELL_EVERY_MS:
            self._record.happens_soon(PlayPosition(now_ms, step.item, step.play, frame))
            self._told_ms = now_ms

    def _fails(self, cause: str, now_ms: int) -> None:
        self.fault = cause
        self._player.close()
        self._retry_ms = now_ms + RETRY_AFTER_MS

    def _make_ready(self) -> None:
        """Decode the coming clip and open the device before the play is due, so that it begins on time."""
        try:
            self._clip_samples()
            self._player.open()
        except (SoundError, ClipError) as error:
            self.fault = str(error)

    def _clip_samples(self) -> NDArray[np.float32]:
        clip = self._record.attempt.present_clip()
        if clip is None:
            raise ClipError("?", "the panel names none for this item")
        if self._samples is None or self._samples[0] != clip.id:
            samples = self._load(clip.id)
            _check_length(clip, len(samples))
            self._samples = (clip.id, samples)
        return self._samples[1]


def _check_length(clip: Clip, frames: int) -> None:
    if (clip.frames, clip.sample_rate_hz) != (frames, SAMPLE_RATE_HZ):
        raise ClipError(clip.id, f"it has {frames} frames and the panel says {clip.frames}")
