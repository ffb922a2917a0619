"""One room played for a proof, and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.world import Knobs, World

if TYPE_CHECKING:
    from tests.proof import Trial


def play(trial: Trial, seed: int, knobs: Knobs | None = None) -> None:
    """Run one room and count; what must stay 0 is counted as 0, since a broken promise ends the test."""
    world = World(seed, knobs=knobs).run()
    trial.count("answers lost", 0)
    trial.count("PCs", world.knobs.pcs)
    for what, number in sorted(world.count.items()):
        trial.count(what, number)
