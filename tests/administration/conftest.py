"""A furnished test site with the staff pages on it; all made by the product's own code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from administration import showroom
from administration.site import extend
from centralstore.service import build_app
from itembank.keyring import KeyFolder
from tests.administration.staff import Desk
from tests.centralstore.place import Site, enter
from tests.stores import anyio_backend, authority, package, pytest_configure, site_folder, stores

__all__ = [
    "anyio_backend",
    "authority",
    "package",
    "pytest_configure",
    "site_folder",
    "stores",
]


@pytest.fixture
def database_kind() -> str:
    """Pages only call the store, and what they call is tested on both databases in `tests.centralstore`."""
    return "sqlite"


@pytest.fixture
def site(site_folder: Path, authority: KeyFolder, package: bytes) -> Iterator[Site]:
    """A store with a planned sitting of three candidates, staff, and the staff pages."""
    made = enter(site_folder, authority, package)
    app = build_app(made.store)
    extend(app, made.store)
    made.http = httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app, raise_app_exceptions=False), base_url="https://store.test"
    )
    yield made
    made.store.close()


@pytest.fixture
def desk(site: Site) -> Desk:
    """A browser at the test site, not logged in."""
    return Desk(site)


@pytest.fixture(scope="session")
def sample_package(authority: KeyFolder) -> bytes:
    """The sample bank's release with its reading part only."""
    return showroom.reading_package(Path(__file__).parents[2] / "banks/norskprove-sample", "norskprove-demo", authority)
