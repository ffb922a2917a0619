"""The database: one writer, group commit, nothing half done, nothing answered before it is durable."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlmodel import Session, SQLModel, select

from centralstore.database import Database
from centralstore.errors import NotFoundError, NotKeptError, SetUpError
from centralstore.migration import upgrade
from centralstore.tables import Candidate

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'test.sqlite'}"
    upgrade(url)
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
    first = database.submit(lambda _session: gate.wait(5))
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
        with pytest.raises(OperationalError, match="readonly"):
            session.flush()
    assert numbers(database) == []


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


def test_all_that_was_answered_survives_a_kill(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'test.sqlite'}"
    upgrade(url)
    program = f"""
import os, sys
from centralstore.database import Database
from centralstore.tables import Candidate
database = Database({url!r})
for number in range(10_000):
    row = dict(number=str(number), name="x", is_protected=False, login=str(number), verifier="v")
    database.write(lambda session: session.add(Candidate(**row)))
    print(number, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 60:
            process.kill()
            break
    rest = process.communicate()[0]
    answered = 61 + len(rest.splitlines())
    again = Database(url)
    assert len(numbers(again)) >= answered
    again.close()


def test_the_migrations_make_exactly_the_tables_of_the_code(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'test.sqlite'}"
    upgrade(url)
    upgrade(url)
    engine = create_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []
    engine.dispose()


def test_a_database_that_cannot_be_opened_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SetUpError, match="cannot be brought up to date"):
        upgrade(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder.sqlite'}")
    (tmp_path / "text.sqlite").write_text("this is no database " * 100)
    with pytest.raises(SetUpError, match="not a database"):
        upgrade(f"sqlite:///{tmp_path / 'text.sqlite'}")
