"""Facts: everything that can happen to an attempt, one frozen dataclass a fact.

An attempt is the fold of these (`engine.attempt`). Each fact carries ``at_ms``: milliseconds on the attempt's own
clock, never decreasing, starting at 0 with `AttemptBegun` and running on over restarts and hand-overs
(`sync/PROTOCOL.md`, Time). A fact holds only strings, integers, booleans and tuples of strings, so that it has one
canonical form as plain data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Response: TypeAlias = tuple[str, ...]
"""What was answered: option ids, or one text a gap, or ids in order. The empty tuple: the answer was taken back."""


@dataclass(frozen=True, slots=True)
class Event:
    """A fact and when it happened on the attempt's clock, in milliseconds."""

    at_ms: int


# --- before the start -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AttemptBegun(Event):
    """A candidate logged in for a part: the attempt's first fact, and what it is bound to for good.

    ``form`` is the panel or task set, ``extra_ms`` granted accommodation, ``supersedes`` the attempt that was reset (""
    if none).
    """

    attempt: str
    sitting: str
    candidate: str
    programme: str
    programme_version: int
    release: str
    part: str
    form: str
    extra_ms: int
    supersedes: str
    device: str


@dataclass(frozen=True, slots=True)
class NameConfirmed(Event):
    """The candidate confirmed the name and number on the screen."""


@dataclass(frozen=True, slots=True)
class WrittenStandardChosen(Event):
    """Bokmål or Nynorsk ("nb", "nn") for this part."""

    written_standard: str


@dataclass(frozen=True, slots=True)
class SoundChecked(Event):
    """The sound check was answered; ``volume`` is 1…10."""

    passed: bool
    volume: int


@dataclass(frozen=True, slots=True)
class DayCodeTried(Event):
    """A day code was typed; the code itself is never kept."""

    accepted: bool


@dataclass(frozen=True, slots=True)
class InformationRead(Event):
    """The part's information page was shown and left by the candidate."""


@dataclass(frozen=True, slots=True)
class Started(Event):
    """The candidate started the part; its clock runs from here."""


# --- answering --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ItemShown(Event):
    """An item or writing task came on the screen. In listening `StepEntered` with step 0 says the same."""

    item: str


@dataclass(frozen=True, slots=True)
class Answered(Event):
    """A response to an item, replacing any earlier one."""

    item: str
    response: Response


@dataclass(frozen=True, slots=True)
class ModuleLeft(Event):
    """The candidate confirmed, in two steps, that a module is finished for good."""

    module: str


@dataclass(frozen=True, slots=True)
class StepEntered(Event):
    """Listening went on to a step of an item's script: an index into `engine.listening.steps`."""

    item: str
    step: int


@dataclass(frozen=True, slots=True)
class PlayBegun(Event):
    """A play of a clip starts from ``frame``; from 0 it is spent by this record, before the first sample.

    An interrupted play goes on from its last journalled frame, or from 1 if none was: never from 0 again.
    """

    item: str
    play: int
    frame: int


@dataclass(frozen=True, slots=True)
class PlayPosition(Event):
    """So many frames of the play have been rendered."""

    item: str
    play: int
    frame: int


@dataclass(frozen=True, slots=True)
class PlayEnded(Event):
    """The play came to the clip's end."""

    item: str
    play: int
    frame: int


@dataclass(frozen=True, slots=True)
class PlayFailed(Event):
    """The sound stopped before the clip's end: device gone, stalled or underrun."""

    item: str
    play: int
    frame: int
    cause: str


@dataclass(frozen=True, slots=True)
class VolumeSet(Event):
    """Volume 1…10; there is no mute."""

    volume: int


@dataclass(frozen=True, slots=True)
class TopicChosen(Event):
    """In a slot with a choice of topics, this task was chosen."""

    slot: str
    task: str


@dataclass(frozen=True, slots=True)
class Edited(Event):
    """An edit of a script: at ``position`` (Unicode code points) ``deleted`` was taken out and ``inserted`` put in.

    ``cause``: type, backspace, delete, cut, paste, undo, redo, ime, drop, other.
    """

    task: str
    position: int
    deleted: str
    inserted: str
    cause: str


@dataclass(frozen=True, slots=True)
class TextChecked(Event):
    """A checkpoint: the script's length in code points and the SHA-256 (hex) of its UTF-8 form."""

    task: str
    length: int
    sha256: str


# --- time, room and end -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Warned(Event):
    """The candidate was told that so much time is left, in milliseconds (reglement 4.12)."""

    left_ms: int


@dataclass(frozen=True, slots=True)
class ExtraTimeGiven(Event):
    """The test leader gave time after a disturbance (order number in the sitting's list)."""

    extra_ms: int
    order: int


@dataclass(frozen=True, slots=True)
class Resumed(Event):
    """The program started again, here or on another device, after ``down_ms`` without it."""

    down_ms: int
    device: str


@dataclass(frozen=True, slots=True)
class Locked(Event):
    """The screen was locked: focus, display, network or staff; answers wait until unlocked, the clock runs."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unlocked(Event):
    """Unlocked by an order (its number) or, with order 0, by staff at the PC (``by``)."""

    order: int
    by: str


@dataclass(frozen=True, slots=True)
class IncidentNoted(Event):
    """Something for the log that changes nothing: focus lost, key blocked, paste refused, print refused."""

    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class Submitted(Event):
    """Handed in. ``cause``: candidate, time, script (listening came to its end)."""

    cause: str


@dataclass(frozen=True, slots=True)
class Expelled(Event):
    """Expelled by an order: closed with what was answered."""

    order: int


@dataclass(frozen=True, slots=True)
class LeftAlone(Event):
    """The candidate left the room unaccompanied, by an order: closed, no return (reglement 4.9)."""

    order: int


@dataclass(frozen=True, slots=True)
class ResetByOrder(Event):
    """Reset with consent, by an order: this attempt no longer counts; another supersedes it (reglement 4.10)."""

    order: int
