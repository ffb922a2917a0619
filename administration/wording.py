"""Values of the room as words: one place for what a tile, a chip or an error says. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from administration.board import Crowd, Group, RoomView, Status, Tile
from administration.errors import AdministrationError
from administration.oslo import clock
from administration.pcs import Fault, IdlePcs, PcTile
from administration.texts import TEXTS, Language, say
from centralstore.errors import (
    FieldError,
    LentError,
    LogInPausedError,
    NoRightError,
    NotFoundError,
    RequestError,
    StateError,
    StoreError,
    SurroundingsError,
    TakenError,
    WrongPasswordError,
)
from centralstore.records import BorrowingView, LendingView
from centralstore.words import LendingState

UNLOCKING: Final = {Status.LOCKED: "act.unlock.short", Status.RESTARTED: "act.continue.short"}
"""What one press answers; everything else opens the seat."""


@dataclass(frozen=True, slots=True)
class TileWords:
    """A tile's words. ``press`` is the text of a button that acts at once, "" where the button opens the seat."""

    name: str
    status: str
    todo: str
    press: str
    see: str


@dataclass(frozen=True, slots=True)
class PcWords:
    """A PC's words: where it stands, what is wrong, what to do."""

    seat: str
    fault: str
    mend: str


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter with its count; ``show`` stands in the address."""

    show: str
    label: str
    count: int
    sign: str
    colour: str


def person(language: Language, name: str, number: str) -> str:
    """A candidate's name; of a protected identity the number only (look.md §6)."""
    return name or say(language, "candidate.protected", number=number)


def tile_words(language: Language, tile: Tile) -> TileWords:
    """What a tile says."""
    press = UNLOCKING.get(tile.status, "")
    return TileWords(
        name=person(language, tile.name, tile.candidate),
        status=status_words(language, tile),
        todo=todo_words(language, tile),
        press=say(language, press) if press else "",
        see=say(language, "act.see.short") if tile.group is Group.NEED and not press else "",
    )


def status_words(language: Language, tile: Tile) -> str:
    """The status word with its time."""
    return say(language, f"status.{tile.status.value}", time=clock(tile.since_ms), minutes=_figure(tile.left_minutes))


def todo_words(language: Language, tile: Tile) -> str:
    """What is to be done, or where the candidate is."""
    key = f"todo.{tile.status.value}"
    if tile.status is Status.RUNNING and not tile.task:
        key = "todo.minutes" if tile.left_minutes is not None else ""
    elif tile.status is Status.RUNNING and tile.left_minutes is not None:
        key = "todo.running.time"
    if tile.status is Status.LOCKED and f"todo.locked.{tile.lock_cause}" in TEXTS:
        key = f"todo.locked.{tile.lock_cause}"
    if key not in TEXTS:
        return ""
    return say(language, key, time=clock(tile.since_ms), task=tile.task, minutes=_figure(tile.left_minutes))


def pc_words(language: Language, tile: PcTile) -> PcWords:
    """What the room page says of a PC without a candidate."""
    seat = say(language, "seat.number", seat=tile.seat) if tile.seat.isdigit() else tile.seat
    fault = say(language, f"fault.{tile.fault.value}", time=clock(tile.since_ms))
    return PcWords(seat, fault, say(language, f"mend.{tile.fault.value}"))


def pc_crowd_words(language: Language, fault: Fault, count: int) -> str:
    """One line for a fault that many PCs without a candidate share."""
    key = "pcs.silent" if fault is Fault.NO_CONTACT else "pcs.crowd"
    told = say(language, f"fault.{fault.value}", time="")
    return say(language, key, count=count, fault=told, mend=say(language, f"mend.{fault.value}"))


def crowd_words(language: Language, crowd: Crowd) -> str:
    """One line for what many share."""
    return say(language, f"crowd.{crowd.status.value}", count=crowd.count)


def chips(language: Language, view: RoomView, pcs: IdlePcs) -> tuple[Chip, ...]:
    """The filters over the tiles, in the order of the pictures; a phone shows need, follow, running and done."""
    count = {group: len(view.in_group(group)) for group in Group}
    rows = (
        ("all", len(view.tiles), "", ""),
        ("need", count[Group.NEED] + len(pcs.tiles), "triangle", "bad"),
        ("follow", count[Group.FOLLOW], "clock", "warn"),
        ("running", count[Group.RUNNING], "disc", "accent"),
        ("waiting", count[Group.WAITING], "ring", "ink2"),
        ("delivered", view.count(Status.DELIVERED), "tick", "ok"),
        ("no_show", view.count(Status.NO_SHOW), "dash", "ink2"),
        ("done", count[Group.DONE], "tick", "ok"),
    )
    return tuple(
        Chip(show, say(language, f"chip.{show}"), number, sign, colour)
        for show, number, sign, colour in rows
        if number or show != "waiting"
    )


def is_shown(show: str, tile: Tile) -> bool:
    """Whether a tile passes a filter."""
    return {
        "need": tile.group is Group.NEED,
        "follow": tile.group is Group.FOLLOW,
        "running": tile.group is Group.RUNNING,
        "waiting": tile.group is Group.WAITING,
        "done": tile.group is Group.DONE,
        "delivered": tile.status is Status.DELIVERED,
        "no_show": tile.status is Status.NO_SHOW,
    }.get(show, True)


def error_words(language: Language, error: StoreError | AdministrationError, act: str = "") -> str:
    """What staff is told of a refusal; the cause stays in the log."""
    return say(language, _error_key(error, act), seconds=getattr(error, "wait_s", 0))


def _error_key(error: StoreError | AdministrationError, act: str) -> str:
    if isinstance(error, AdministrationError):
        return error.text
    if isinstance(error, FieldError) and f"error.field.{error.field}" in TEXTS:
        return f"error.field.{error.field}"
    if isinstance(error, WrongPasswordError) and act == "change_password":
        return "account.wrong"
    if isinstance(error, StateError) and act in _ACT_ERRORS and not isinstance(error, TakenError | LentError):
        return _ACT_ERRORS[act]
    return next((text for kind, text in _STORE_ERRORS if isinstance(error, kind)), "error.fault")


_ACT_ERRORS: Final = {"sign_list": "error.list", "close": "error.close", "open": "error.grants"}

_STORE_ERRORS: Final = (
    (LogInPausedError, "login.paused"),
    (WrongPasswordError, "login.wrong"),
    (NoRightError, "error.no_right"),
    (NotFoundError, "error.not_found"),
    (TakenError, "error.taken"),
    (LentError, "error.lent"),
    (StateError, "error.wrong_state"),
    (RequestError, "error.form"),
    (SurroundingsError, "error.surroundings"),
)


def _figure(minutes: int | None) -> str:
    return "" if minutes is None else str(minutes)


def relay_line(language: Language, lending: LendingView | None, borrowing: BorrowingView | None) -> str:
    """Where the sitting is given, where that is not simply here, and how much is forwarded; "" = here."""
    if borrowing is not None:
        key = "relay.returned" if borrowing.is_returned else "relay.forwarded"
        return say(language, key, name=borrowing.central, count=borrowing.forwarded, total=borrowing.kept)
    if lending is None or lending.state is LendingState.RETURNED:
        return ""
    key = "relay.lent" if lending.state is LendingState.LENT else "relay.taken_back"
    return say(language, key, name=lending.name, url=lending.url, reason=lending.reason.rstrip(" ."))
