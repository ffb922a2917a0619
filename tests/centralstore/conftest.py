"""Fixtures of the store's tests; what they are made of stands in `tests.centralstore.place`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from itembank.keyring import KeyFolder
from tests.centralstore.place import Site, enter, furnish, norskprove_package
from tests.postgres import VERSIONS, Postgres, memory_place, programs, running_postgres


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


ON_BOTH = ("chain", "database", "envelopes", "import", "log", "orders", "races", "room", "service")
"""Modules whose tests run on SQLite and on PostgreSQL: what PCs and staff do on the exam day, groups, locks, kills.

On SQLite alone: planning and accounts (rows one at a time, by the same code), scoring and export (they only read),
commands and the service as a process, relays, files.
"""


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker of tests that are about SQLite itself."""
    config.addinivalue_line("markers", "sqlite: about SQLite's own file; not run on PostgreSQL")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of `ON_BOTH` once for each database."""
    if "database_kind" in metafunc.fixturenames:
        is_on_both = metafunc.definition.path.stem.removeprefix("test_") in ON_BOTH
        only = metafunc.definition.get_closest_marker("sqlite") is not None
        kinds = ["sqlite", "postgresql"] if is_on_both and not only else ["sqlite"]
        metafunc.parametrize("database_kind", kinds)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    found = programs()
    if found is None:
        pytest.skip(f"PostgreSQL's programs are not installed under {VERSIONS} (Debian: postgresql)")
    with running_postgres(found, place=memory_place()) as server:
        yield server


@pytest.fixture
def fresh_postgres(postgres: Postgres) -> Iterator[Postgres]:
    """The server for a test that kills it: it runs again afterwards."""
    yield postgres
    postgres.stop()
    postgres.start()


@pytest.fixture(scope="session")
def furnished_template(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory, authority: KeyFolder, package: bytes
) -> tuple[Path, str]:
    """As `furnished`, with its database on the server; the database is copied for each test."""
    folder, template = tmp_path_factory.mktemp("furnished"), postgres.create()
    furnish(folder, authority, package, database=postgres.url(template))
    return folder, template


@pytest.fixture
def site_folder(request: pytest.FixtureRequest, tmp_path: Path, database_kind: str) -> Iterator[Path]:
    """A folder with a furnished store on one of the databases."""
    if database_kind == "sqlite":
        shutil.copytree(request.getfixturevalue("furnished"), tmp_path, dirs_exist_ok=True)
        yield tmp_path
        return
    server: Postgres = request.getfixturevalue("postgres")
    folder, template = request.getfixturevalue("furnished_template")
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    name = server.create(template)
    settings = tmp_path / "store" / "store.json"
    plain = json.loads(settings.read_bytes())
    settings.write_text(json.dumps({**plain, "database": server.url(name)}), encoding="utf-8")
    yield tmp_path
    server.drop(name)


@pytest.fixture
def site(site_folder: Path, authority: KeyFolder, package: bytes) -> Iterator[Site]:
    """A store with one planned sitting of three candidates, staff, and no PC yet."""
    made = enter(site_folder, authority, package)
    yield made
    made.store.close()
