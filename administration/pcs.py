"""PCs at which nobody sits and that need the test leader: what is wrong with each. Pure, on the store's values.

Of several faults of one PC the gravest is told, in the order of `Fault`; the others show when that one is mended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from administration.board import CROWD, LOST_CONTACT_MS, Colour, Group, RoomView, Sign
from centralstore.records import Board, PcView
from centralstore.words import SittingState


class Fault(Enum):
    """What is wrong with a PC at which nobody sits."""

    CANNOT_SAVE = "cannot_save"
    PACKAGE_REFUSED = "package_refused"
    LIST_EXPIRED = "list_expired"
    CLOCK_OFF = "clock_off"
    DISK_LOW = "disk_low"
    LOGIN_REFUSED = "login_refused"
    NOT_ADMITTED = "not_admitted"
    DELIVERY_CONFLICT = "delivery_conflict"
    NO_CONTACT = "no_contact"
    OTHER = "other"


SIGNS: Final[Mapping[Fault, tuple[Sign, Colour]]] = {
    Fault.CANNOT_SAVE: (Sign.TRIANGLE, Colour.BAD),
    Fault.PACKAGE_REFUSED: (Sign.TRIANGLE, Colour.BAD),
    Fault.LIST_EXPIRED: (Sign.TRIANGLE, Colour.BAD),
    Fault.CLOCK_OFF: (Sign.CLOCK, Colour.WARN),
    Fault.DISK_LOW: (Sign.TRIANGLE, Colour.WARN),
    Fault.LOGIN_REFUSED: (Sign.PADLOCK, Colour.WARN),
    Fault.NOT_ADMITTED: (Sign.PADLOCK, Colour.WARN),
    Fault.DELIVERY_CONFLICT: (Sign.TRIANGLE, Colour.WARN),
    Fault.NO_CONTACT: (Sign.WAVES, Colour.WARN),
    Fault.OTHER: (Sign.TRIANGLE, Colour.WARN),
}
"""As look.md §6 has them for seats; bad where nobody can take the test at this PC as it is."""

KINDS: Final[Mapping[str, Fault]] = {
    "cannot_save": Fault.CANNOT_SAVE,
    "disk_trouble": Fault.CANNOT_SAVE,
    "package_refused": Fault.PACKAGE_REFUSED,
    "refused_content": Fault.PACKAGE_REFUSED,
    "list_expired": Fault.LIST_EXPIRED,
    "clock_off": Fault.CLOCK_OFF,
    "disk_low": Fault.DISK_LOW,
    "refused_disk": Fault.DISK_LOW,
    "login_refused": Fault.LOGIN_REFUSED,
    "delivery_conflict": Fault.DELIVERY_CONFLICT,
}
"""The incidents of a PC's report; the rest of ``refused_…`` is `Fault.NOT_ADMITTED`, another one `Fault.OTHER`."""


@dataclass(frozen=True, slots=True)
class PcTile:
    """One PC and what is wrong. ``seat`` is its name; ``since_ms`` is told of lost contact only, else 0."""

    device: str
    seat: str
    fault: Fault
    since_ms: int

    @property
    def sign(self) -> Sign:
        """The shape beside the words."""
        return SIGNS[self.fault][0]

    @property
    def colour(self) -> Colour:
        """The token for sign and words."""
        return SIGNS[self.fault][1]


@dataclass(frozen=True, slots=True)
class IdlePcs:
    """The PCs to be shown, the gravest first; ``crowds``: faults that so many share that one line tells it."""

    tiles: tuple[PcTile, ...] = ()
    crowds: tuple[tuple[Fault, int], ...] = ()


def idle_pcs(board: Board, view: RoomView) -> IdlePcs:
    """What is wrong at the room's PCs without a candidate.

    Args:
        board: the store's view of the sitting.
        view: the seats as they are shown; when all are done a PC may be switched off.
    """
    if board.sitting.state is SittingState.CLOSED:
        return IdlePcs()
    is_awaited = board.sitting.state is SittingState.OPENED and any(each.group is not Group.DONE for each in view.tiles)
    found = [tile for pc in board.pcs if (tile := _tile(pc, board.now_ms, is_awaited=is_awaited)) is not None]
    counts = Counter(tile.fault for tile in found)
    crowds = tuple((fault, counts[fault]) for fault in _ORDER if counts[fault] >= CROWD)
    shared = {fault for fault, _ in crowds}
    single = [tile for tile in found if tile.fault not in shared]
    return IdlePcs(tuple(sorted(single, key=lambda tile: (_ORDER.index(tile.fault), *_by_seat(tile.seat)))), crowds)


def _tile(pc: PcView, now_ms: int, *, is_awaited: bool) -> PcTile | None:
    if now_ms - pc.received_ms > LOST_CONTACT_MS:
        return PcTile(pc.device, pc.name, Fault.NO_CONTACT, pc.received_ms) if is_awaited else None
    faults = {_fault(kind) for kind in pc.incidents}
    worst = next((fault for fault in _ORDER if fault in faults), None)
    return PcTile(pc.device, pc.name, worst, 0) if worst is not None else None


def _fault(kind: str) -> Fault:
    known = KINDS.get(kind)
    if known is not None:
        return known
    return Fault.NOT_ADMITTED if kind.startswith("refused_") else Fault.OTHER


_ORDER: Final[Sequence[Fault]] = tuple(Fault)


def _by_seat(name: str) -> tuple[int, str]:
    """Seat 9 before seat 10; a PC that is named otherwise comes after them."""
    return (int(name), "") if name.isascii() and name.isdigit() else (10**9, name)
