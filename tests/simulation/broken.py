"""Faulty parts, put into a simulated room in place of the right ones: the simulation must find each of them.

Each is a fault that a hurried change could bring. No source is edited; inside the context a part is another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

import centralstore.store.delivery
import centralstore.store.intake
import engine.moves
import kiosk.openings
from engine.events import Edited, Event, ExtraTimeGiven, Submitted
from kiosk.conductor import Conductor
from kiosk.contact import Contact
from kiosk.folder import StateFolder
from kiosk.room import Room
from kiosk.sound import SilentPlayer
from sync.journal import Journal
from sync.outbox import Outbox
from sync.writer import JournalWriter
from tests.simulation.world import Knobs

if TYPE_CHECKING:
    from collections.abc import Generator

    from sync.keys import SigningKey
    from sync.receipt import Receipt
    from sync.writer import Position

Fault = Callable[[], AbstractContextManager[object]]


def _nothing(*_arguments: object, **_more: object) -> None:
    return


def _acks_before_sync() -> AbstractContextManager[object]:
    """A fact counts as durable when it is written, not when it is synced."""
    return patch.object(Journal, "sync", _nothing)


def _forgets_the_unsent() -> AbstractContextManager[object]:
    """After a restart nothing that an earlier run left is sent."""
    waiting = Outbox._waiting

    def forgetful(outbox: Outbox, segment: str, *more: Any) -> Any:
        is_earlier = any(segment in name for name in outbox._earlier)
        return [] if is_earlier else waiting(outbox, segment, *more)

    return patch.object(Outbox, "_waiting", forgetful)


@contextmanager
def _gives_time_again() -> Generator[None]:
    """An attempt does not know which orders it has had, and a restart looks at all of them anew."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(engine.moves, "_ordered", lambda state, _order: state))
        stack.enter_context(patch.object(kiosk.openings, "_last_order", lambda _bundle: 0))
        yield


def _gives_no_time() -> AbstractContextManager[object]:
    """An order for more time is noted, and no time is given."""
    event_of = Conductor._event_of

    def nothing(conductor: Conductor, *arguments: Any) -> Event | None:
        event = event_of(conductor, *arguments)
        return None if isinstance(event, ExtraTimeGiven) else event

    return patch.object(Conductor, "_event_of", nothing)


def _never_wipes() -> AbstractContextManager[object]:
    """At CLOSED the share stays on the disk."""
    return patch.object(StateFolder, "wipe_secrets", _nothing)


def _loses_the_last_edit() -> AbstractContextManager[object]:
    """An edit is journalled when the next fact comes; before the hand-in that is forgotten."""
    append = JournalWriter.append
    held: dict[int, tuple[Event, int]] = {}

    def late(writer: JournalWriter, event: Event, *, utc_ms: int) -> Position:
        before = held.pop(id(writer), None)
        if before is not None and not isinstance(event, Submitted):
            append(writer, before[0], utc_ms=before[1])
        if isinstance(event, Edited):
            held[id(writer)] = (event, utc_ms)
            return writer.written_position
        return append(writer, event, utc_ms=utc_ms)

    return patch.object(JournalWriter, "append", late)


def _plays_from_the_beginning() -> AbstractContextManager[object]:
    """After a restart a recording begins anew instead of going on."""
    play = SilentPlayer.play
    return patch.object(SilentPlayer, "play", lambda player, samples, _frame: play(player, samples, 0))


def _admits_twice() -> AbstractContextManager[object]:
    """A PC does not take in which attempts the store tells of."""
    return patch.object(Room, "_refresh_attempts", lambda room, sitting: room._client.attempts(sitting))


def _receipt_of_something_else() -> AbstractContextManager[object]:
    """A receipt names another envelope than the one that is kept."""
    sign = centralstore.store.intake.sign_receipt

    def wrong(receipt: Receipt, key: SigningKey) -> bytes:
        return sign(receipt.model_copy(update={"sha256": receipt.sha256[::-1]}), key)

    return patch.object(centralstore.store.intake, "sign_receipt", wrong)


def _believes_it_open() -> AbstractContextManager[object]:
    """A PC opens content by what lies on its disk, whether or not the sitting was closed meanwhile."""
    return patch.object(Contact, "_is_closed", lambda _contact: False)


def _misses_an_end() -> AbstractContextManager[object]:
    """A part that ends while another fact is journalled is not noticed as ended (the kiosk did so once)."""
    return patch.object(Conductor, "_notice_end", _nothing)


@contextmanager
def _forgets_its_reports() -> Generator[None]:
    """What was not told when a candidate left, or a program ended, is never told (the kiosk did so once)."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(Conductor, "_leave_behind", _nothing))
        stack.enter_context(patch.object(Conductor, "_left_by_earlier_run", _nothing))
        yield


def _hears_the_wrong_pc() -> AbstractContextManager[object]:
    """The store believes whichever PC spoke last of an attempt (it did so once)."""
    return patch.object(centralstore.store.delivery, "_has_taken_over", lambda *_: True)


FAULTS: Final[Mapping[str, Fault]] = {
    "acknowledges before the sync": _acks_before_sync,
    "forgets what an earlier run left unsent": _forgets_the_unsent,
    "gives the same time again": _gives_time_again,
    "gives no time": _gives_no_time,
    "never wipes the share": _never_wipes,
    "loses the last edit": _loses_the_last_edit,
    "plays from the beginning again": _plays_from_the_beginning,
    "admits a candidate twice": _admits_twice,
    "signs a receipt for something else": _receipt_of_something_else,
    "believes a closed sitting open": _believes_it_open,
    "misses an end that came with another fact": _misses_an_end,
    "forgets its reports": _forgets_its_reports,
    "hears a PC that lost the attempt": _hears_the_wrong_pc,
}

_CALM: Final = Knobs.calm

ROOMS: Final[Mapping[str, tuple[Knobs, int]]] = {
    "acknowledges before the sync": (replace(_CALM(1), power_cuts=4.0), 0),
    "forgets what an earlier run left unsent": (replace(_CALM(1), kills=4.0), 1),
    "gives the same time again": (replace(_CALM(2), meddling=8.0), 2),
    "gives no time": (replace(_CALM(2), meddling=8.0), 2),
    "never wipes the share": (_CALM(1), 0),
    "loses the last edit": (replace(_CALM(2), read_back=0.3), 0),
    "plays from the beginning again": (replace(_CALM(2), kills=15.0, tick_ms=50), 0),
    "admits a candidate twice": (replace(_CALM(3), people=1, deaths=6.0, meddling=2.0), 0),
    "signs a receipt for something else": (_CALM(1), 0),
    "believes a closed sitting open": (replace(_CALM(5), people=1, late=1.0, latency_ms=200.0), 18),
    "misses an end that came with another fact": (replace(_CALM(3), tick_ms=2_000, is_prompt=True), 0),
    "forgets its reports": (replace(_CALM(2), partitions=4.0, roughness=2.0, latency_ms=200.0, kills=2.0), 3),
    "hears a PC that lost the attempt": (replace(_CALM(2), people=1, deaths=8.0, latency_ms=200.0), 3),
}
"""For each fault a room in which what it breaks happens often, and a seed by which it is found."""
