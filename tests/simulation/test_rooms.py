"""Whole rooms, simulated: whatever fails, nothing that a candidate saw as kept is lost; what else is promised holds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests.proof import Trial
from tests.simulation.world import Knobs, World

Proof = Callable[..., AbstractContextManager[Trial]]
BLOCKS = 8


@pytest.mark.parametrize("block", range(BLOCKS))
def test_rooms_where_anything_fails_keep_every_promise(proof: Proof, block: int) -> None:
    with proof("whole rooms simulated", ci=200 // BLOCKS, full=20_000 // BLOCKS, block=block) as trial:
        trial.count("answers lost", 0)
        for seed in trial.seeds():
            world = World(seed).run()
            trial.count("PCs", world.knobs.pcs)
            for what, number in world.count.items():
                trial.count(what, number)


def test_a_room_where_nothing_fails_comes_to_its_end() -> None:
    world = World(1, knobs=Knobs.calm(2)).run()
    assert world.count["attempts scored"] == world.count["attempts"] > 0


def test_the_same_seed_gives_the_same_run() -> None:
    assert World(3).run().digest == World(3).run().digest


def test_another_seed_gives_another_run() -> None:
    assert World(3, knobs=Knobs.calm(1)).run().digest != World(4, knobs=Knobs.calm(1)).run().digest
