"""Furnished stores for tests, on SQLite and on PostgreSQL. The conftest modules take their fixtures from here.

A store is made once a process and kind of database; a test gets a copy: of the folder, and on PostgreSQL of the
database. ``database_kind`` is parametrised by itself wherever a test asks for it, by ``site`` or directly; the marker
``sqlite`` (a test's or a whole module's) keeps what is about SQLite itself on SQLite alone.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, make_url, select
from sqlmodel import SQLModel

from centralstore.folder import open_folder
from itembank.keyring import KeyFolder
from tests.centralstore.place import furnish, norskprove_package
from tests.postgres import Postgres

KINDS = ("sqlite", "postgresql")


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker of tests that are about SQLite itself."""
    config.addinivalue_line("markers", "sqlite: about SQLite's own file; not run on PostgreSQL")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what uses a store's database once for each kind."""
    if "database_kind" in metafunc.fixturenames:
        is_only = metafunc.definition.get_closest_marker("sqlite") is not None
        metafunc.parametrize("database_kind", KINDS[:1] if is_only else KINDS, scope="module")


class Stores:
    """Makes stores on either database; ``server`` starts PostgreSQL when the first is asked for."""

    def __init__(self, server: Callable[[], Postgres], make: Callable[[Path, str], None], place: Path) -> None:
        self._server = server
        self._make = make
        self._place = place
        self._templates: dict[str, Path] = {}

    @contextmanager
    def database(self, kind: str) -> Generator[str]:
        """An empty database as a store's setting names it: "" is the folder's own SQLite file."""
        if kind == "sqlite":
            yield ""
            return
        server = self._server()
        name = server.create()
        try:
            yield server.url(name)
        finally:
            server.drop(name)

    @contextmanager
    def furnished(self, kind: str, folder: Path) -> Generator[Path]:
        """Furnish ``folder`` with a store (its "store") and what belongs to it."""
        if kind not in self._templates:
            template = self._place / kind
            template.mkdir()
            self._make(template, "" if kind == "sqlite" else self._server().url(self._server().create()))
            self._templates[kind] = template
        with self.copied(self._templates[kind] / "store", folder / "store"):
            shutil.copytree(self._templates[kind], folder, dirs_exist_ok=True, ignore=lambda *_: ["store"])
            yield folder

    @contextmanager
    def copied(self, store: Path, to: Path) -> Generator[Path]:
        """A copy of a closed store with all its database holds."""
        shutil.copytree(store, to, dirs_exist_ok=True)
        source = database_name(store)
        if not source:
            yield to
            return
        server = self._server()
        name = server.create(source)
        settings = to / "store.json"
        plain = json.loads(settings.read_bytes())
        settings.write_text(json.dumps({**plain, "database": server.url(name)}), encoding="utf-8")
        try:
            yield to
        finally:
            server.drop(name)

    def put_back(self, copy: Path, store: Path) -> None:
        """Give a closed store the database of a closed copy, as from a backup of the database alone."""
        name = database_name(store)
        if name:
            self._server().drop(name)
            self._server().create(database_name(copy), name=name)
            return
        for path in store.glob("store.sqlite*"):
            path.unlink()
        for path in copy.glob("store.sqlite*"):
            shutil.copy(path, store)


def database_name(store: Path) -> str:
    """A store's database on the server; "" when it has a file of its own."""
    url = make_url(open_folder(store).database_url)
    return "" if url.get_backend_name() == "sqlite" else str(url.database)


def rows_of(store: Path) -> dict[str, list[str]]:
    """All that a store's database holds: each table's rows as text, sorted; alike for equal rows on either kind."""
    engine = create_engine(open_folder(store).database_url, poolclass=NullPool)
    with engine.connect() as connection:
        tables = SQLModel.metadata.sorted_tables
        found = {table.name: sorted(repr(tuple(row)) for row in connection.execute(select(table))) for table in tables}
    engine.dispose()
    return found


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
def stores(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, authority: KeyFolder, package: bytes
) -> Stores:
    return Stores(
        lambda: request.getfixturevalue("postgres"),
        lambda folder, database: furnish(folder, authority, package, database=database),
        tmp_path_factory.mktemp("furnished"),
    )


@pytest.fixture
def site_folder(tmp_path: Path, stores: Stores, database_kind: str) -> Iterator[Path]:
    """A folder with a furnished store on one of the databases."""
    with stores.furnished(database_kind, tmp_path) as folder:
        yield folder
