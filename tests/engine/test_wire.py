"""Events as plain data: there and back, strictly, with numbers that never change."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import get_type_hints

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from engine import events
from engine.canonical import canonical_bytes
from engine.errors import EventError
from engine.events import Answered, Event
from engine.wire import TYPE_CODES, TYPES, from_plain, to_plain

KINDS = [kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event)]
VALUES = {
    int: st.integers(0, 2**53),
    str: st.text(max_size=20).filter(lambda text: all(not "\ud800" <= each <= "\udfff" for each in text)),
    bool: st.booleans(),
}


def any_of(kind: type[Event]) -> st.SearchStrategy[Event]:
    hints = get_type_hints(kind)
    values = [VALUES.get(hints[field.name], st.lists(VALUES[str], max_size=3).map(tuple)) for field in fields(kind)]
    return st.tuples(*values).map(lambda drawn: kind(*drawn))


ANY_EVENT = st.sampled_from(KINDS[1:]).flatmap(any_of)


@for_all(ANY_EVENT)
def test_an_event_comes_back_from_canonical_json(event):
    assert from_plain(json.loads(canonical_bytes(to_plain(event)))) == event


def test_every_event_has_a_number_of_its_own():
    assert set(TYPE_CODES) == set(KINDS) - {Event}
    assert len(TYPES) == len(TYPE_CODES)
    assert all(1 <= code <= 255 for code in TYPES)


def test_the_numbers_never_change():
    """Journals hold them: this table may grow, and nothing in it may be altered."""
    assert {kind.__name__: code for kind, code in TYPE_CODES.items()} == {
        "AttemptBegun": 1,
        "NameConfirmed": 2,
        "WrittenStandardChosen": 3,
        "SoundChecked": 4,
        "DayCodeTried": 5,
        "InformationRead": 6,
        "Started": 7,
        "ItemShown": 20,
        "Answered": 21,
        "ModuleLeft": 22,
        "StepEntered": 30,
        "PlayBegun": 31,
        "PlayPosition": 32,
        "PlayEnded": 33,
        "PlayFailed": 34,
        "VolumeSet": 35,
        "TopicChosen": 40,
        "Edited": 41,
        "TextChecked": 42,
        "Warned": 50,
        "ExtraTimeGiven": 51,
        "Resumed": 52,
        "Locked": 53,
        "Unlocked": 54,
        "IncidentNoted": 55,
        "Submitted": 60,
        "Expelled": 61,
        "LeftAlone": 62,
        "ResetByOrder": 63,
    }


ANSWERED = {"type": "Answered", "at_ms": 5, "item": "R-1", "response": ["A"]}


def test_plain_data_names_its_type_and_fields():
    assert to_plain(Answered(5, "R-1", ("A",))) == ANSWERED


@pytest.mark.parametrize(
    ("plain", "field"),
    [
        ("Answered", "(whole)"),
        ({**ANSWERED, "type": "Guessed"}, "type"),
        ({**ANSWERED, "type": 21}, "type"),
        ({"at_ms": 5}, "type"),
        ({**ANSWERED, "at_ms": -1}, "at_ms"),
        ({**ANSWERED, "at_ms": True}, "at_ms"),
        ({**ANSWERED, "at_ms": 5.0}, "at_ms"),
        ({**ANSWERED, "item": None}, "item"),
        ({**ANSWERED, "response": "A"}, "response"),
        ({**ANSWERED, "response": [1]}, "response"),
        ({**ANSWERED, "item": "\ud800"}, "item"),
        ({**ANSWERED, "response": ["A", "\udfff"]}, "response"),
        ({**ANSWERED, "score": 1}, "score"),
        ({"type": "Answered", "at_ms": 5, "item": "R-1"}, "response"),
        ({"type": "Event", "at_ms": 5}, "type"),
    ],
)
def test_what_is_not_exactly_an_event_is_refused_with_its_field(plain, field):
    with pytest.raises(EventError) as caught:
        from_plain(plain)
    assert caught.value.field == field
    assert caught.value.remedy
