"""Events as plain data and back, and the number of each type in journals. Both are for ever: add, never renumber."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import cast

from engine import events
from engine.errors import EventError
from engine.events import Event

TYPE_CODES: Mapping[type[Event], int] = MappingProxyType(
    {
        events.AttemptBegun: 1,
        events.NameConfirmed: 2,
        events.WrittenStandardChosen: 3,
        events.SoundChecked: 4,
        events.DayCodeTried: 5,
        events.InformationRead: 6,
        events.Started: 7,
        events.ItemShown: 20,
        events.Answered: 21,
        events.ModuleLeft: 22,
        events.StepEntered: 30,
        events.PlayBegun: 31,
        events.PlayPosition: 32,
        events.PlayEnded: 33,
        events.PlayFailed: 34,
        events.VolumeSet: 35,
        events.TopicChosen: 40,
        events.Edited: 41,
        events.TextChecked: 42,
        events.Warned: 50,
        events.ExtraTimeGiven: 51,
        events.Resumed: 52,
        events.Locked: 53,
        events.Unlocked: 54,
        events.IncidentNoted: 55,
        events.Submitted: 60,
        events.Expelled: 61,
        events.LeftAlone: 62,
        events.ResetByOrder: 63,
    }
)
"""The number of each event type, 1…255."""

TYPES: Mapping[int, type[Event]] = MappingProxyType({code: event_type for event_type, code in TYPE_CODES.items()})
_BY_NAME: Mapping[str, type[Event]] = {event_type.__name__: event_type for event_type in TYPE_CODES}
_FIELDS: Mapping[type[Event], tuple[tuple[str, type], ...]] = {
    event_type: tuple(
        (field.name, {"str": str, "int": int, "bool": bool, "Response": tuple}[str(field.type)])
        for field in fields(event_type)
    )
    for event_type in TYPE_CODES
}


def to_plain(event: Event) -> dict[str, object]:
    """An event as plain data: its fields, and "type", the name of its class."""
    plain: dict[str, object] = {"type": type(event).__name__}
    for name, kind in _FIELDS[type(event)]:
        value = getattr(event, name)
        plain[name] = list(value) if kind is tuple else value
    return plain


def from_plain(plain: object) -> Event:
    """The event in plain data; nothing is coerced.

    Raises:
        EventError: the type is unknown, a field is missing, unknown or of the wrong type, or the time is negative.
    """
    if type(plain) is not dict:
        raise _refused("(whole)", "it is not an object", "Write an object with a type")
    told = dict(cast("dict[str, object]", plain))
    name = told.pop("type", None)
    event_type = _BY_NAME.get(name) if type(name) is str else None
    if event_type is None:
        raise _refused("type", f"{name!r} is no type of event", "Use the names in engine/wire.py")
    values = {
        field: _value(told.pop(field) if field in told else _missing(event_type, field), kind, field)
        for field, kind in _FIELDS[event_type]
    }
    if told:
        raise _refused(next(iter(told)), f"{event_type.__name__} has no such field", "Take it out")
    event = event_type(**values)  # pyright: ignore[reportArgumentType]  each value was held against its field's type
    if event.at_ms < 0:
        raise _refused("at_ms", f"{event.at_ms} is negative", "An attempt's clock starts at 0")
    return event


def _value(value: object, kind: type, field: str) -> object:
    if kind is tuple:
        if type(value) is not list or any(type(each) is not str for each in cast("list[object]", value)):
            raise _refused(field, "it is not a list of texts", "Write a list of texts")
        texts = tuple(cast("list[str]", value))
        for text in texts:
            _check_text(text, field)
        return texts
    if type(value) is not kind:
        raise _refused(field, f"it is {type(value).__name__} and not {kind.__name__}", f"Write a {kind.__name__}")
    if type(value) is str:
        _check_text(value, field)
    return value


def _check_text(text: str, field: str) -> None:
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise _refused(field, "it holds half a surrogate pair", "Write whole code points")


def _missing(event_type: type[Event], field: str) -> object:
    raise _refused(field, f"{event_type.__name__} lacks it", "Add it")


def _refused(field: str, fault: str, remedy: str) -> EventError:
    return EventError(where="plain data", field=field, fault=fault, remedy=remedy)
