"""The exported sitting that most tests of the verifier look at: made once, never changed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.verifier.room import PREPARED, Room, make_room


@pytest.fixture(scope="session")
def room(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Room:
    prepared = request.config.stash.get(PREPARED, None)
    return prepared.room if prepared else asyncio.run(make_room(tmp_path_factory.mktemp("room")))


@pytest.fixture(scope="session")
def bundle(request: pytest.FixtureRequest, room: Room) -> Path:
    prepared = request.config.stash.get(PREPARED, None)
    return prepared.bundle if prepared else room.export(room.folder / "bundle")
