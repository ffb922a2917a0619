"""Frozen engine values as plain data for the database and files, so that the engine's own parsers read them back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import cast

from engine.programme import Programme


def plain_programme(programme: Programme) -> dict[str, object]:
    """A programme as `engine.programme.parse_programme` reads it."""
    return cast("dict[str, object]", to_plain(programme))


def to_plain(value: object) -> object:
    """Dataclasses and mappings as dicts, sequences and (sorted) sets as lists, enumerations as values, scalars as such.

    Mappings with tuple keys (routes) become dicts with the parts joined by '>'.
    """
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        entries = cast("Mapping[object, object]", value)
        return {_key(key): to_plain(entry) for key, entry in entries.items()}
    if isinstance(value, set | frozenset):
        return sorted((to_plain(entry) for entry in cast("frozenset[object]", value)), key=str)
    if isinstance(value, list | tuple):
        return [to_plain(entry) for entry in cast("list[object]", value)]
    return value


def _key(key: object) -> str:
    return ">".join(str(step) for step in cast("tuple[object, ...]", key)) if isinstance(key, tuple) else str(key)
