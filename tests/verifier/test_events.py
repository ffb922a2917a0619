"""Facts as they stand in records: every type is read as the engine writes it, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from engine.events import Answered, Edited, IncidentNoted, SoundChecked
from engine.wire import TYPE_CODES, from_plain, to_plain
from sync.canonical import canonical_bytes
from sync.entries import encode_event, event_code
from verifier.errors import WrongError
from verifier.events import FACTS, read_fact


def test_types_numbers_and_fields_are_those_that_the_engine_writes() -> None:
    assert {name: code for name, (code, _) in FACTS.items()} == {
        event_type.__name__: code for event_type, code in TYPE_CODES.items()
    }
    for name, (code, types) in FACTS.items():
        values: dict[type, Any] = {str: "x", int: 3, bool: True, list: ["a", "b"]}
        plain = {"type": name, "at_ms": 5, **{field: values[of] for field, of in types.items()}}
        event = from_plain(plain)
        fact = read_fact(code, encode_event(event, utc_ms=7))
        assert (fact.type, fact.at_ms, fact.utc_ms, dict(fact.plain)) == (name, 5, 7, to_plain(event))


ANSWERED = {"event": to_plain(Answered(5, "R-1", ("A",))), "utc_ms": 9}


@pytest.mark.parametrize(
    ("plain", "sentence"),
    [
        ([], "is not an object"),
        ({"event": ANSWERED["event"]}, "lacks the field 'utc_ms'"),
        ({**ANSWERED, "more": 1}, "unknown field 'more'"),
        ({**ANSWERED, "utc_ms": -1}, "'utc_ms' is not a number"),
        ({**ANSWERED, "event": {"type": "Guessed", "at_ms": 1}}, "of an unknown type"),
        ({**ANSWERED, "event": {"at_ms": 1}}, "of an unknown type"),
        ({**ANSWERED, "event": to_plain(IncidentNoted(5, "a", "b"))}, "its record says type 21"),
        ({**ANSWERED, "event": {**to_plain(Answered(5, "R-1", ())), "more": 1}}, "other fields than it must"),
        ({**ANSWERED, "event": {**to_plain(Answered(5, "R-1", ())), "at_ms": "5"}}, "'at_ms' is not of its type"),
        ({**ANSWERED, "event": {**to_plain(Answered(5, "R-1", ())), "at_ms": True}}, "'at_ms' is not of its type"),
        ({**ANSWERED, "event": {**to_plain(Answered(5, "R-1", ())), "response": [1]}}, "not a list of texts"),
        ({**ANSWERED, "event": {**to_plain(Answered(5, "R-1", ())), "at_ms": -1}}, "before the attempt's clock began"),
    ],
    ids=range(12),
)
def test_a_fact_that_is_none_is_told(plain: Any, sentence: str) -> None:
    with pytest.raises(WrongError, match=sentence):
        read_fact(event_code(Answered(5, "R-1", ())), canonical_bytes(plain))


def test_a_payload_that_is_not_canonical_is_refused() -> None:
    payload = encode_event(Edited(1, "W-1", 0, "", "å", "type"), utc_ms=1)
    with pytest.raises(WrongError, match="not in its canonical form"):
        read_fact(41, payload.replace(b":", b": ", 1))
    with pytest.raises(WrongError, match="is the most"):
        read_fact(41, bytes(70_000))
    assert read_fact(4, encode_event(SoundChecked(1, True, 3), utc_ms=1)).plain["passed"] is True
