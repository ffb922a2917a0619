"""Fixtures of the store's tests; what they are made of stands in `tests.centralstore.place`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from itembank.keyring import KeyFolder
from tests.centralstore.place import Site, enter, furnish, norskprove_package


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


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory, authority: KeyFolder, package: bytes) -> Path:
    folder = tmp_path_factory.mktemp("furnished")
    furnish(folder, authority, package)
    return folder


@pytest.fixture
def site(tmp_path: Path, furnished: Path, authority: KeyFolder, package: bytes) -> Iterator[Site]:
    """A store with one planned sitting of three candidates, staff, and no PC yet."""
    shutil.copytree(furnished, tmp_path, dirs_exist_ok=True)
    made = enter(tmp_path, authority, package)
    yield made
    made.store.close()
