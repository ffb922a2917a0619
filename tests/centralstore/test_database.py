"""The database: one writer, group commit, nothing half done, nothing answered before it is durable."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import Session, SQLModel, select

from centralstore.database import Database
from centralstore.errors import NotFoundError, NotKeptError, PerhapsKeptError, SetUpError
from centralstore.migration import upgrade
from centralstore.tables import Candidate
from tests.postgres import Postgres


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path, database_kind: str) -> Iterator[str]:
    """An empty database of the kind, with its tables."""
    if database_kind == "sqlite":
        made = f"sqlite:///{tmp_path / 'test.sqlite'}"
        upgrade(made)
        yield made
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.create()
    upgrade(server.url(name))
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    made = Database(url)
    yield made
    made.close()


def add(number: str) -> Candidate:
    return Candidate(number=number, name="x", is_protected=False, login=number, verifier="v")


def numbers(database: Database) -> list[str]:
    with database.reading() as session:
        return sorted(session.exec(select(Candidate.number)).all())


def test_a_failing_job_takes_no_other_job_of_its_group_with_it(database: Database) -> None:
    gate = threading.Event()
    first = database.submit(lambda _session: gate.wait(60))
    futures = [database.submit(lambda session, n=n: session.add(add(str(n)))) for n in range(5)]

    def refuse(session: Session) -> None:
        session.add(add("half"))
        session.flush()
        raise NotFoundError("Sitting", "s9")

    refused = database.submit(refuse)
    doubled = database.submit(lambda session: session.exec(select(Candidate)).first() and session.add(add("0")))
    after = database.submit(lambda session: session.add(add("9")))
    gate.set()
    assert first.result()
    with pytest.raises(NotFoundError):
        refused.result()
    with pytest.raises(IntegrityError):
        doubled.result()
    for future in [*futures, after]:
        future.result()
    assert numbers(database) == ["0", "1", "2", "3", "4", "9"]


@pytest.mark.sqlite
def test_an_answer_comes_only_after_a_durable_commit(database: Database, tmp_path: Path) -> None:
    database.write(lambda session: session.add(add("1")))
    other = sqlite3.connect(tmp_path / "test.sqlite")
    assert other.execute("select number from candidate").fetchall() == [("1",)]
    assert other.execute("pragma journal_mode").fetchone() == ("wal",)
    other.close()
    with Session(database._live_connection()) as session:
        assert session.connection().exec_driver_sql("pragma synchronous").scalar_one() == 2  # FULL


def test_a_reader_cannot_write(database: Database) -> None:
    with database.reading() as session:
        session.add(add("1"))
        with pytest.raises(DBAPIError, match=r"readonly|read-only"):
            session.flush()
    assert numbers(database) == []


@pytest.mark.sqlite
def test_a_full_database_refuses_in_a_sentence_and_goes_on_later(database: Database) -> None:
    def limit(session: Session, pages: int) -> None:
        session.connection().exec_driver_sql(f"PRAGMA max_page_count={pages}")

    database.write(lambda session: limit(session, 1))
    big = "x" * 2_000_000
    with pytest.raises(NotKeptError, match="nothing was kept"):
        database.write(
            lambda session: session.add(Candidate(number="1", name=big, is_protected=False, login="1", verifier="v"))
        )
    assert numbers(database) == []
    database.write(lambda session: limit(session, 1_000_000))
    database.write(lambda session: session.add(add("2")))
    assert numbers(database) == ["2"]


def test_the_migrations_make_exactly_the_tables_of_the_code(url: str) -> None:
    upgrade(url)  # a second time changes nothing
    engine = create_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []
    engine.dispose()


def test_postgresql_does_not_try_to_compress_sealed_bytes(postgres: Postgres) -> None:
    url = postgres.url(postgres.create())
    upgrade(url)
    engine = create_engine(url)
    storage = "SELECT attstorage FROM pg_attribute WHERE attrelid = %s::regclass AND attname = 'data'"
    with engine.connect() as connection:
        kept = [connection.exec_driver_sql(storage, (table,)).scalar() for table in ("keptenvelope", "conflict")]
    engine.dispose()
    assert kept == ["e", "e"]  # external: beside the row, uncompressed


def test_a_reader_sees_one_state_while_others_write(database: Database) -> None:
    database.write(lambda session: session.add(add("1")))
    with database.reading() as session:
        assert session.exec(select(Candidate.number)).all() == ["1"]
        database.write(lambda other: other.add(add("2")))
        assert session.exec(select(Candidate.number)).all() == ["1"]
    assert numbers(database) == ["1", "2"]


@pytest.mark.sqlite
def test_only_one_connection_can_write_however_many_work_at_once(database: Database, tmp_path: Path) -> None:
    seen: set[int] = set()

    def work(share: int) -> None:
        for number in range(25):
            done = database.submit(lambda session, n=f"{share}-{number}": session.add(add(n)))
            with database.reading() as session:
                session.exec(select(Candidate.number)).first()
                seen.add(open_for_writing(tmp_path / "test.sqlite"))
            done.result()

    threads = [threading.Thread(target=work, args=(share,)) for share in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(numbers(database)) == 200
    assert seen <= {0, 1}
    assert 1 in seen


def open_for_writing(path: Path) -> int:
    """How many of this process's open files are ``path``, opened so that it can be written (Linux)."""
    count = 0
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if entry.readlink() == path:
                flags = Path(f"/proc/self/fdinfo/{entry.name}").read_text(encoding="ascii")
                mode = int(re.search(r"flags:\s+(\d+)", flags)[1], 8) & os.O_ACCMODE  # type: ignore[index]
                count += mode != os.O_RDONLY
    return count


def test_the_writer_goes_on_after_its_server_was_killed_and_started_again(fresh_postgres: Postgres) -> None:
    url = fresh_postgres.url(fresh_postgres.create())
    upgrade(url)
    database = Database(url)
    database.write(lambda session: session.add(add("1")))
    assert numbers(database) == ["1"]
    fresh_postgres.kill()
    with pytest.raises(NotKeptError, match="nothing was kept"):
        database.write(lambda session: session.add(add("2")))
    fresh_postgres.start()
    database.write(lambda session: session.add(add("3")))
    assert numbers(database) == ["1", "3"]
    database.close()


def given_together(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[Future[None]]:
    """Two jobs in one commit, each adding one more whenever it is run; the answer to that commit is lost."""
    begun, gate, counted, commits = threading.Event(), threading.Event(), itertools.count(1), itertools.count(1)
    dialect = database._writer.dialect
    commit = dialect.do_commit

    def lost(connection: Any) -> None:
        commit(connection)
        if next(commits) == 2:
            connection.dbapi_connection.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(dialect, "do_commit", lost)

    def hold(session: Session) -> None:
        session.add(add("0"))
        begun.set()
        gate.wait(60)

    database.submit(hold)
    assert begun.wait(60)
    futures = [database.submit(lambda session: session.add(add(str(next(counted))))) for _ in range(2)]
    gate.set()
    return futures


def test_what_a_lost_server_had_committed_is_not_done_twice(
    fresh_postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = fresh_postgres.url(fresh_postgres.create())
    upgrade(url)
    database = Database(url)
    for future in given_together(database, monkeypatch):
        future.result(timeout=60)
    assert numbers(database) == ["0", "1", "2"]
    database.close()


def test_where_nobody_knows_what_became_of_a_commit_nothing_is_done_again(
    fresh_postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = fresh_postgres.url(fresh_postgres.create())
    upgrade(url)
    database = Database(url)
    monkeypatch.setattr("centralstore.database._OUTCOME", "SELECT nobody_knows(%s)")
    for future in given_together(database, monkeypatch):
        with pytest.raises(PerhapsKeptError, match="Look whether it is there"):
            future.result(timeout=60)
    assert numbers(database) == ["0", "1", "2"]
    database.close()


def test_a_server_that_does_not_sync_is_refused(fresh_postgres: Postgres) -> None:
    name = fresh_postgres.create()
    upgrade(fresh_postgres.url(name))
    fresh_postgres.kill()
    fresh_postgres.start(fsync="off")
    database = Database(fresh_postgres.url(name))
    with pytest.raises(NotKeptError, match="fsync off"):
        database.write(lambda session: session.add(add("1")))
    assert numbers(database) == []
    database.close()


def test_a_job_whose_caller_has_gone_hinders_no_other(database: Database) -> None:
    gate = threading.Event()
    held = database.submit(lambda _session: gate.wait(60))
    gone = database.submit(lambda session: session.add(add("1")))
    assert gone.cancel()
    gate.set()
    assert held.result()
    database.write(lambda session: session.add(add("2")))
    assert numbers(database) == ["1", "2"]


def test_a_database_that_cannot_be_opened_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SetUpError, match="cannot be brought up to date"):
        upgrade(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder.sqlite'}")
    (tmp_path / "text.sqlite").write_text("this is no database " * 100)
    with pytest.raises(SetUpError, match="not a database"):
        upgrade(f"sqlite:///{tmp_path / 'text.sqlite'}")
