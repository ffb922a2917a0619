"""Facts as they stand in the journal (docs/formats.md §7): their number, name and fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from verifier import canonical
from verifier.errors import need

_COMMON: Final = {"at_ms": int}
FACTS: Final[Mapping[str, tuple[int, Mapping[str, type]]]] = {
    "AttemptBegun": (
        1,
        dict.fromkeys(("attempt", "sitting", "candidate", "programme", "release", "part", "form"), str)
        | {"programme_version": int, "extra_ms": int, "supersedes": str, "device": str},
    ),
    "NameConfirmed": (2, {}),
    "WrittenStandardChosen": (3, {"written_standard": str}),
    "SoundChecked": (4, {"passed": bool, "volume": int}),
    "DayCodeTried": (5, {"accepted": bool}),
    "InformationRead": (6, {}),
    "Started": (7, {}),
    "ItemShown": (20, {"item": str}),
    "Answered": (21, {"item": str, "response": list}),
    "ModuleLeft": (22, {"module": str}),
    "StepEntered": (30, {"item": str, "step": int}),
    "PlayBegun": (31, {"item": str, "play": int, "frame": int}),
    "PlayPosition": (32, {"item": str, "play": int, "frame": int}),
    "PlayEnded": (33, {"item": str, "play": int, "frame": int}),
    "PlayFailed": (34, {"item": str, "play": int, "frame": int, "cause": str}),
    "VolumeSet": (35, {"volume": int}),
    "TopicChosen": (40, {"slot": str, "task": str}),
    "Edited": (41, {"task": str, "position": int, "deleted": str, "inserted": str, "cause": str}),
    "TextChecked": (42, {"task": str, "length": int, "sha256": str}),
    "Warned": (50, {"left_ms": int}),
    "ExtraTimeGiven": (51, {"extra_ms": int, "order": int}),
    "Resumed": (52, {"down_ms": int, "device": str}),
    "Locked": (53, {"reason": str}),
    "Unlocked": (54, {"order": int, "by": str}),
    "IncidentNoted": (55, {"kind": str, "detail": str}),
    "Submitted": (60, {"cause": str}),
    "Expelled": (61, {"order": int}),
    "LeftAlone": (62, {"order": int}),
    "ResetByOrder": (63, {"order": int}),
}
"""Name → number, and the type of each field besides `at_ms`."""


@dataclass(frozen=True)
class Fact:
    """A fact. ``plain`` is its wire form; ``stored_utc_ms`` when the store had it (0: not known)."""

    type: str
    at_ms: int
    plain: Mapping[str, object]
    utc_ms: int = 0
    stored_utc_ms: int = 0

    def text(self, name: str) -> str:
        """A text field."""
        return cast("str", self.plain[name])

    def number(self, name: str) -> int:
        """A number field."""
        return cast("int", self.plain[name])

    @property
    def response(self) -> tuple[str, ...]:
        """What was answered."""
        return tuple(cast("list[str]", self.plain["response"]))


def read_fact(kind: int, payload: bytes, stored_utc_ms: int = 0) -> Fact:
    """The fact in the payload of a record of type ``kind``.

    Raises:
        WrongError: no such fact, or not written as it must be.
    """
    entry = canonical.table(payload, "the fact", limit=65_536)
    plain, utc_ms = entry.object("event").plain, entry.count("utc_ms")
    entry.end()
    return fact_of(plain, kind=kind, utc_ms=utc_ms, stored_utc_ms=stored_utc_ms)


def fact_of(plain: Mapping[str, object], *, kind: int = 0, utc_ms: int = 0, stored_utc_ms: int = 0) -> Fact:
    """The fact in its wire form; errors as `read_fact`. ``kind`` 0: not told by a record."""
    name = plain.get("type")
    need(isinstance(name, str) and name in FACTS, "the fact is of an unknown type")
    code, types = FACTS[cast("str", name)]
    need(kind in {0, code}, f"the fact is a {name}, and its record says type {kind}")
    wanted = {**_COMMON, **types}
    need(set(plain) == {"type", *wanted}, f"the {name} has other fields than it must")
    for field, of in wanted.items():
        need(type(plain[field]) is of, f"the {name}'s '{field}' is not of its type")
    response = cast("list[object]", plain.get("response", []))
    need(all(isinstance(each, str) for each in response), "the response is not a list of texts")
    at_ms = cast("int", plain["at_ms"])
    need(at_ms >= 0, f"the {name} is before the attempt's clock began")
    return Fact(cast("str", name), at_ms, plain, utc_ms, stored_utc_ms)
