"""A whole database into another one, row by row, from one state of it: PostgreSQL into a file, a file into PostgreSQL.

SQLite into a file goes by SQLite's own online backup, which copies pages and stops nobody.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, create_engine, func, insert, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from centralstore.errors import SetUpError
from centralstore.migration import upgrade
from centralstore.tables import Audit

_ROWS_AT_ONCE: Final = 500
_TABLES: Final = Audit.metadata.sorted_tables


def copy_database(url: str, target: Path) -> int:
    """The database at ``url`` as a new SQLite file, in one state of it, while others write; its size in bytes.

    Raises:
        SetUpError: the database cannot be read, or the file not written.
    """
    parsed = make_url(url)
    try:
        if parsed.get_backend_name() == "sqlite":
            _copy_pages(Path(parsed.database or ""), target)
        else:
            upgrade(f"sqlite:///{target}")
            copy_rows(url, f"sqlite:///{target}")
        with closing(sqlite3.connect(target)) as copy:
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
            (verdict,) = copy.execute("PRAGMA quick_check").fetchone()
    except (sqlite3.Error, SQLAlchemyError, OSError) as error:
        raise SetUpError("database", f"cannot be copied ({error})", "Check its disk and that of the copy.") from error
    if verdict != "ok":
        raise SetUpError("database", f"is damaged: {verdict}", "Keep it as it is, and restore an earlier backup.")
    return target.stat().st_size


def copy_rows(source: str, target: str) -> dict[str, int]:
    """Every row of every table into a database with the same, empty, tables; how many of each table.

    Raises:
        SetUpError: the target has rows already, or one of the two cannot be used.
    """
    try:
        return _copy_rows(create_engine(source), create_engine(target))
    except SQLAlchemyError as error:
        raise SetUpError("database", f"cannot be copied ({error})", "Check both databases.") from error


def _copy_rows(source: Engine, target: Engine) -> dict[str, int]:
    level = "REPEATABLE READ" if source.dialect.name == "postgresql" else "SERIALIZABLE"
    counts: dict[str, int] = {}
    try:
        with source.connect().execution_options(isolation_level=level) as reading, target.begin() as writing:
            for table in _TABLES:
                if writing.execute(select(func.count()).select_from(table)).scalar_one():
                    raise SetUpError(table.name, "has rows already", "Name an empty database; nothing is overwritten.")
                counts[table.name] = 0
                with reading.execute(select(table).execution_options(stream_results=True)) as rows:
                    for part in rows.mappings().partitions(_ROWS_AT_ONCE):
                        writing.execute(insert(table), [dict(row) for row in part])
                        counts[table.name] += len(part)
            if target.dialect.name == "postgresql":
                _go_on_counting(writing)
    finally:
        source.dispose()
        target.dispose()
    return counts


def _go_on_counting(connection: Connection) -> None:
    """Let each table number its next row after the last one that was copied."""
    for table in _TABLES:
        column = table.autoincrement_column
        if column is not None:
            last = connection.execute(select(func.max(column))).scalar()
            sequence = func.pg_get_serial_sequence(table.name, column.name)
            connection.execute(select(func.setval(sequence, last or 1, last is not None)))


def _copy_pages(source: Path, target: Path) -> None:
    """In one step: a reader's view of the write-ahead log, so that nobody who writes waits, and nothing begins anew."""
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as reading,
        closing(sqlite3.connect(target)) as writing,
    ):
        reading.backup(writing, pages=-1)
