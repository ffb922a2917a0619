"""One seat's page: the acts with their effect told first, and the timeline. Only values for the template."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from administration.acts import EXTRA_MINUTES, ID_KINDS, REJECTIONS
from administration.board import MINUTE_MS, entry_of, left_ms
from administration.offers import FIRST, RIGHT_FOR, Offer, offers
from administration.oslo import clock
from administration.rooms import Room
from administration.texts import TEXTS, Language, say
from centralstore.records import DeviationView, DeviceView, IncidentView, ProgressView, SeatView
from centralstore.words import DeviceState, IncidentKind, OrderKind

FieldKind = Literal["choice", "radio", "text", "area", "hidden"]

REASONED: Final[Mapping[str, str]] = {
    "unlock": "reason.optional",
    "extra_time": "reason",
    "reset": "reason",
    "handover": "reason",
    "expel": "reason",
    "incident": "reason.optional",
}
"""Acts with a reason field, and its label; where it is not optional the store refuses without one."""

GRAVE: Final = frozenset({"reject", "no_show", "reset", "left_alone", "expel"})


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an act's form; ``options`` as (value, words)."""

    kind: FieldKind
    name: str
    label: str
    options: tuple[tuple[str, str], ...] = ()
    value: str = ""


@dataclass(frozen=True, slots=True)
class ActForm:
    """An act as it stands on the page: its effect, then its fields; with a refusal it has no button.

    ``is_first``: what the seat's state asks for; it stands open.
    """

    act: str
    title: str
    effect: str
    refusal: str
    fields: tuple[Field, ...]
    is_grave: bool
    is_first: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the timeline; ``at_ms`` 0 where only the PC's own clock knew the time."""

    at_ms: int
    time: str
    text: str
    note: str


def seat_forms(room: Room, seat: SeatView, devices: Iterable[DeviceView], language: Language) -> tuple[ActForm, ...]:
    """The acts that this account has here, the likeliest first; none where the sitting is given elsewhere."""
    if room.is_elsewhere:
        return ()
    found = [offer for offer in offers(room.standpoint(seat)) if room.may(RIGHT_FOR[offer.act])]
    return tuple(_form(room, seat, tuple(devices), language, offer) for offer in found)


def _form(room: Room, seat: SeatView, devices: Sequence[DeviceView], language: Language, offer: Offer) -> ActForm:
    part = room.title(room.view.part, language)
    effect = f"act.{offer.act}.effect"
    return ActForm(
        act=offer.act,
        title=say(language, f"act.{offer.act}"),
        effect=say(language, effect, part=part) if effect in TEXTS else "",
        refusal=say(language, offer.refusal, part=part) if offer.refusal else "",
        fields=() if offer.refusal else _fields(room, seat, devices, language, offer.act),
        is_grave=offer.act in GRAVE,
        is_first=FIRST.get(room.tile(seat.candidate).status, ("",))[0] == offer.act,
    )


def _fields(
    room: Room, seat: SeatView, devices: Sequence[DeviceView], language: Language, act: str
) -> tuple[Field, ...]:
    found = [Field("hidden", "part", "", value=room.view.part)]
    match act:
        case "present":
            found.append(_choice(language, "id_kind", "id_kind", [(kind, f"id.{kind}") for kind in ID_KINDS]))
        case "reject":
            found.append(_choice(language, "why", "why", [(why.value, f"reject.{why.value}") for why in REJECTIONS]))
        case "incident":
            found.append(
                _choice(language, "kind", "why", [(kind.value, f"incident.{kind.value}") for kind in IncidentKind])
            )
        case "extra_time":
            found.append(Field("radio", "minutes", "", _extra_choices(room.progress(seat), room.view.now_ms, language)))
        case "reset":
            found.append(Field("text", "consent", say(language, "consent")))
        case "handover":
            found.append(Field("choice", "device", say(language, "device"), _devices(room, seat, devices, language)))
        case "exit":
            found.append(Field("text", "invigilator", say(language, "invigilator")))
        case "return":
            exits = [each for each in room.exits if each.candidate == seat.candidate and not each.back_ms]
            found.append(Field("hidden", "exit", "", value=str(exits[-1].id) if exits else ""))
        case _:
            pass
    if act in REASONED:
        found.append(Field("area", "reason", say(language, REASONED[act])))
    return tuple(found)


def _choice(language: Language, name: str, label: str, options: Iterable[tuple[str, str]]) -> Field:
    return Field("choice", name, say(language, label), tuple((value, say(language, text)) for value, text in options))


def _extra_choices(progress: ProgressView | None, now_ms: int, language: Language) -> tuple[tuple[str, str], ...]:
    left = left_ms(progress, now_ms) if progress is not None else None
    if left is None:
        return tuple((str(each), say(language, "act.extra_time.choice.plain", minutes=each)) for each in EXTRA_MINUTES)
    return tuple(
        (str(each), say(language, "act.extra_time.choice", minutes=each, time=clock(now_ms + left + each * MINUTE_MS)))
        for each in EXTRA_MINUTES
    )


def _devices(
    room: Room, seat: SeatView, devices: Sequence[DeviceView], language: Language
) -> tuple[tuple[str, str], ...]:
    here = (room.sitting.site, room.sitting.room)
    present = seat.progress.device if seat.progress is not None else ""
    others = [
        (device.id, device.name)
        for device in devices
        if (device.site, device.room) == here and device.state is DeviceState.CLEARED and device.id != present
    ]
    return (("", say(language, "device.any")), *others)


# --- what has happened ------------------------------------------------------------------------------------------------


def timeline(
    room: Room,
    seat: SeatView,
    incidents: Iterable[IncidentView],
    deviations: Iterable[DeviationView],
    language: Language,
) -> tuple[Line, ...]:
    """Everything known of the candidate's day, newest first; the PC's own reports, which have no clock time, last."""
    lines = [
        *_order_lines(room, seat, language),
        *_exit_lines(room, seat, language),
        *(
            _line(each.at_ms, say(language, f"incident.{each.kind.value}"), _note(language, each.note, each.by))
            for each in incidents
            if each.candidate == seat.candidate
        ),
        *(
            _line(each.at_ms, each.kind.value.capitalize(), _note(language, each.note, each.by))
            for each in deviations
            if each.candidate == seat.candidate
        ),
        *(
            _line(entry.signed_delivered_ms, say(language, "line.signed", part=room.title(entry.part, language)), "")
            for entry in seat.entries
            if entry.signed_delivered_ms
        ),
    ]
    return (*sorted(lines, key=lambda line: -line.at_ms), *_pc_lines(seat, language))


def _order_lines(room: Room, seat: SeatView, language: Language) -> Iterable[Line]:
    common = {OrderKind.OPEN, OrderKind.START_PART, OrderKind.CLOSE}
    for order in room.orders:
        if order.candidate == seat.candidate or order.kind in common:
            text = say(language, f"line.order.{order.kind.value}", part=room.title(order.part, language))
            is_waiting = order.number in seat.unconfirmed_orders and entry_of(seat, order.part) is not None
            note = _note(language, order.reason, order.by)
            yield _line(order.at_ms, text, f"{note} · {say(language, 'line.waiting')}" if is_waiting else note)


def _exit_lines(room: Room, seat: SeatView, language: Language) -> Iterable[Line]:
    for each in room.exits:
        if each.candidate != seat.candidate or not each.invigilator:
            continue
        key = "line.exit.back" if each.back_ms else "line.exit"
        yield _line(each.out_ms, say(language, key, who=each.invigilator, time=clock(each.back_ms)), "")


def _pc_lines(seat: SeatView, language: Language) -> Iterable[Line]:
    """What the PC reported; a word that we do not know is told as it came, for it is never free text."""
    reported = seat.progress.incidents if seat.progress is not None else ()
    for kind, _ in reversed(reported):
        text = say(language, f"pc.{kind}") if f"pc.{kind}" in TEXTS else kind.replace("_", " ")
        yield Line(0, "", text, say(language, "line.pc"))


def _line(at_ms: int, text: str, note: str) -> Line:
    return Line(at_ms, clock(at_ms), text, note)


def _note(language: Language, note: str, by: str) -> str:
    return " · ".join(each for each in (note, say(language, "line.by", user=by)) if each)
