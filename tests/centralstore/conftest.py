"""Fixtures of the store's tests; what they are made of stands in `tests.centralstore.place` and `tests.stores`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from itembank.keyring import KeyFolder
from tests.centralstore.lending import Lent, lend_s1
from tests.centralstore.place import Site, enter
from tests.postgres import Postgres
from tests.stores import (
    anyio_backend,
    authority,
    package,
    pytest_configure,
    pytest_generate_tests,
    site_folder,
    stores,
)

__all__ = [
    "anyio_backend",
    "authority",
    "package",
    "pytest_configure",
    "pytest_generate_tests",
    "site_folder",
    "stores",
]


@pytest.fixture
def fresh_postgres(postgres: Postgres) -> Iterator[Postgres]:
    """The server for a test that kills it: it runs again afterwards."""
    yield postgres
    postgres.stop()
    postgres.start()


@pytest.fixture
def site(site_folder: Path, authority: KeyFolder, package: bytes) -> Iterator[Site]:
    """A store with one planned sitting of three candidates, staff, and no PC yet."""
    made = enter(site_folder, authority, package)
    yield made
    made.store.close()


@pytest.fixture
async def lent(site: Site) -> AsyncIterator[Lent]:
    """Its sitting is lent to a relay, with two PCs."""
    made = await lend_s1(site, pcs=2)
    yield made
    made.relay.close()
