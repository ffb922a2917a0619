"""A furnished test site with the staff pages on it; all made by the product's own code."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from administration import showroom
from administration.site import extend
from centralstore.service import build_app
from itembank.keyring import KeyFolder
from tests.administration.staff import Desk
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
    """A store with a planned sitting of three candidates, staff, and the staff pages."""
    shutil.copytree(furnished, tmp_path, dirs_exist_ok=True)
    made = enter(tmp_path, authority, package)
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
