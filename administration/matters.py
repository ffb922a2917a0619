"""What does not agree in a sitting, for people to decide: two deliveries, two stores, two attempts.

Nothing here is urgent: the first that came is kept and counts. So it is one line on the room page, and opens to a list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from administration.texts import TEXTS, Language, say
from administration.wording import person
from centralstore.records import ConflictView, ContradictionView, SeatView
from centralstore.words import ContradictionKind


@dataclass(frozen=True, slots=True)
class Matter:
    """One thing in one sentence; ``candidate`` is whose seat's page tells more, "" = none's."""

    text: str
    candidate: str = ""


def matters(
    language: Language,
    seats: Sequence[SeatView],
    conflicts: Iterable[ConflictView],
    contradictions: Iterable[ContradictionView],
) -> tuple[Matter, ...]:
    """Deliveries that contradict, once for each candidate, then what two stores or two PCs tell differently."""
    known = {seat.candidate: seat for seat in seats}
    owners = {entry.attempt: seat.candidate for seat in seats for entry in seat.entries if entry.attempt}
    delivered = dict.fromkeys(owners.get(conflict.attempt, "") for conflict in conflicts)
    return (
        *(_matter(language, known, "conflict", candidate, "who.unknown") for candidate in delivered),
        *(_contradiction(language, known, found) for found in contradictions),
    )


def _matter(
    language: Language, known: Mapping[str, SeatView], key: str, candidate: str, nobody: str, **more: str
) -> Matter:
    seat = known.get(candidate)
    if seat is not None:
        who = say(language, "who.seat", name=person(language, seat.name, candidate), seat=seat.seat)
    else:
        who = person(language, "", candidate) if candidate else say(language, nobody)
    return Matter(say(language, key, who=who, **more), candidate if seat is not None else "")


def _contradiction(language: Language, known: Mapping[str, SeatView], found: ContradictionView) -> Matter:
    order = ""
    if found.kind is ContradictionKind.ORDER:
        key = f"line.order.{found.told.get('kind', '')}"
        order = say(language, key, part=found.part) if key in TEXTS else ""
    more = {"subject": found.subject, "order": order or found.subject}
    return _matter(language, known, f"contradiction.{found.kind.value}", found.candidate, "who.all", **more)
