"""The exported sitting that most tests of the verifier look at: made once, never changed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.verifier.room import Room, make_room


@pytest.fixture(scope="session")
def room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    return asyncio.run(make_room(tmp_path_factory.mktemp("room")))


@pytest.fixture(scope="session")
def bundle(room: Room) -> Path:
    return room.export(room.folder / "bundle")
