"""What stands inside records: facts on the stream "answers", key timings and form entries on their own.

A fact's payload is canonical JSON ``{"event": <engine.wire form>, "utc_ms": N}``; ``utc_ms`` is the PC's wall clock
when it was written, for bridging a restart and for people who read the log, never for judging times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engine.errors import EngineError
from engine.events import Event
from engine.wire import TYPE_CODES, from_plain, to_plain
from sync.canonical import MAX_INT, canonical_bytes, parse_table
from sync.errors import DamagedError
from sync.segment import MAX_PAYLOAD_BYTES, StreamName

EVENT_STREAM: Final[StreamName] = "answers"


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """A fact and the wall clock's time when it was journalled."""

    utc_ms: int
    event: Event


def event_code(event: Event) -> int:
    """The record type of a fact: its code in `engine.wire.TYPE_CODES`."""
    return TYPE_CODES[type(event)]


def encode_event(event: Event, *, utc_ms: int) -> bytes:
    """A fact's payload."""
    return canonical_bytes({"event": to_plain(event), "utc_ms": utc_ms})


def decode_event(kind: int, payload: bytes) -> TimedEvent:
    """The fact in a payload whose record has type ``kind``.

    Raises:
        DamagedError: not a fact, or one of another type than the record says.
    """
    plain = parse_table(payload, "journal entry", limit=MAX_PAYLOAD_BYTES)
    if set(plain) != {"event", "utc_ms"}:
        raise DamagedError(what="journal entry", fault="it is not a fact with its time")
    utc_ms = plain["utc_ms"]
    if not isinstance(utc_ms, int) or isinstance(utc_ms, bool) or not 0 <= utc_ms <= MAX_INT:
        raise DamagedError(what="journal entry", fault="its time is no time")
    try:
        event = from_plain(plain["event"])
    except EngineError as error:
        raise DamagedError(what="journal entry", fault="it is not a fact that the engine knows") from error
    if event_code(event) != kind:
        raise DamagedError(what="journal entry", fault="its fact is not of the record's type")
    return TimedEvent(utc_ms, event)
