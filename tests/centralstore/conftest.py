"""Fixtures of the store's tests; what they are made of stands in `tests.centralstore.place`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from itembank.keyring import KeyFolder
from tests.centralstore.place import Site, make_site, norskprove_package


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> KeyFolder:
    keys = KeyFolder(tmp_path_factory.mktemp("authority"))
    keys.create(1, 1)
    return keys


@pytest.fixture(scope="session")
def package(authority: KeyFolder) -> bytes:
    return norskprove_package(authority)


@pytest.fixture
def site(tmp_path: Path, authority: KeyFolder, package: bytes) -> Iterator[Site]:
    """A store with one planned sitting of three candidates, staff, and no PC yet."""
    made = make_site(tmp_path, authority, package)
    yield made
    made.store.close()
