"""Whole rooms, simulated: whatever fails, nothing that a candidate saw as kept is lost; what else is promised holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest

from tests.proof import Trial
from tests.simulation.books import BrokenPromiseError
from tests.simulation.broken import FAULTS, ROOMS
from tests.simulation.trying import play
from tests.simulation.world import Knobs, World

Proof = Callable[..., AbstractContextManager[Trial]]
BLOCKS = 19
SMALL_ROOMS, SMALL_ROOMS_PROVED = 190, 19_000
"""With the rooms of `test_full_rooms.py` 200 seeds in CI and 20 000 in `./run prove`."""

FOUND_BY = 24
"""The first seeds, by one of which a faulty part must be found should the course of its room have changed."""

REGRESSIONS = {
    "a report was forgotten when its candidate left or the PC restarted": ROOMS["forgets its reports"],
    "a part that ended with another fact could be begun again": ROOMS["misses an end that came with another fact"],
    "a PC that had lost an attempt told 'running' over 'submitted'": ROOMS["hears a PC that lost the attempt"],
    "a restored store never heard again of attempts that had ended": (replace(Knobs.calm(2), restorations=1.0), 0),
    "a restored log that grew past its old length was not noticed": (
        replace(Knobs.calm(2), restorations=1.0, sticks=1.0),
        1,
    ),
}
"""Each with its room, all knobs said, since what a seed draws may change, and the seed."""


@pytest.mark.parametrize("block", range(BLOCKS))
def test_rooms_where_anything_fails_keep_every_promise(proof: Proof, block: int) -> None:
    ci, full = SMALL_ROOMS // BLOCKS, SMALL_ROOMS_PROVED // BLOCKS
    with proof("whole rooms simulated", ci=ci, full=full, block=block) as trial:
        for seed in trial.seeds():
            play(trial, seed)


@pytest.mark.parametrize("fault", REGRESSIONS)
def test_rooms_that_once_failed_keep_every_promise(fault: str) -> None:
    knobs, seed = REGRESSIONS[fault]
    World(seed, knobs=knobs).run()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_part_is_found(fault: str) -> None:
    knobs, seed = ROOMS[fault]
    with pytest.raises(BrokenPromiseError), FAULTS[fault]():
        _play_all(knobs, (seed, *range(FOUND_BY)))


def test_a_room_where_nothing_fails_comes_to_its_end() -> None:
    world = World(1, knobs=Knobs.calm(2)).run()
    assert world.count["attempts scored"] == world.count["attempts"] > 0


def test_the_same_seed_gives_the_same_run() -> None:
    assert World(3).run().digest == World(3).run().digest


def test_another_seed_gives_another_run() -> None:
    assert World(3, knobs=Knobs.calm(1)).run().digest != World(4, knobs=Knobs.calm(1)).run().digest


def _play_all(knobs: Knobs, seeds: Iterable[int]) -> None:
    for seed in seeds:
        World(seed, knobs=knobs).run()
