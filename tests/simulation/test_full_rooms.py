"""Rooms of 30 PCs, simulated. In a file of their own, so that another process plays the small ones meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests.proof import Trial
from tests.simulation.trying import play
from tests.simulation.world import Knobs

BLOCKS = 10
ROOMS, ROOMS_PROVED = 10, 1_000
"""A room of 30 costs about as much as ten small ones."""


@pytest.mark.parametrize("block", range(BLOCKS))
def test_full_rooms_where_anything_fails_keep_every_promise(
    proof: Callable[..., AbstractContextManager[Trial]], block: int
) -> None:
    with proof(
        "whole rooms of 30 PCs simulated", ci=ROOMS // BLOCKS, full=ROOMS_PROVED // BLOCKS, block=block
    ) as trial:
        for seed in trial.seeds():
            play(trial, seed, Knobs.full(seed))
