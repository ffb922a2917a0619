"""A seat in a process of its own, to be killed: it goes on where its state folder stands, telling what it acknowledged.

    python -m tests.proverom.killed_seat URL STATE SKIPPED_MS

Every line on standard output is one state that the candidate has been shown; it is told after the act that made it so.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from engine.state import Phase
from kiosk import intents
from kiosk.screens import WritingScreen
from tests.proverom.seat import Seat, SkippingClock

if TYPE_CHECKING:
    from proverom.sample_room import SampleRoom

SCRIPT = (
    "Kjære nabo! Jeg flytter inn på lørdag, og jeg lurer på om du har sett katten min. Den heter Måns 🐈 og er svart. "
)
STEP_MS = 200


@dataclass(frozen=True)
class Address:
    """As much of a room as a seat needs: where its store is."""

    url: str


def tell(seat: Seat) -> None:
    """What the candidate sees is so now."""
    attempt = seat.attempt
    step = attempt.step
    text = "".join(attempt.texts.values())
    state: dict[str, object] = {
        "phase": attempt.phase.value,
        "at_ms": attempt.at_ms,
        "skipped_ms": seat.clock.skipped_ms,
        "task": attempt.item,
        "responses": len(attempt.responses),
        "length": len(text),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "step": None if step is None else [step.index, step.play],
        "frame": 0 if step is None else step.frame,
    }
    print(json.dumps(state), flush=True)  # noqa: T201 - what this program is for


def main(url: str, state: str, skipped_ms: int) -> None:
    """Go on with the attempt that lies here, until it ends or the script is written, or this is killed."""
    clock = SkippingClock()
    clock.skipped_ms = skipped_ms
    seat = Seat(cast("SampleRoom", Address(url)), Path(state), clock=clock)
    seat.until_true(lambda: seat.conductor.running is not None)
    tell(seat)
    seat.do(intents.Continue())
    while seat.attempt.phase is Phase.RUNNING:
        screen = seat.screen
        if not isinstance(screen, WritingScreen):
            seat.pass_time(STEP_MS)
        elif len(written := seat.text_of(screen.task.id)) < len(SCRIPT):
            sign = SCRIPT[len(written)]
            seat.do(intents.EditText(screen.task.id, len(written), "", sign, "type"))
        else:
            break
        tell(seat)
    seat.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
