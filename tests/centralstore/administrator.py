"""A database administrator without keys: SQL on a store's database, of either kind, past the store."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Connection, Engine, Table, create_engine
from sqlmodel import SQLModel

from centralstore.folder import open_folder
from sync.canonical import canonical_bytes
from sync.tree import leaf_hash


@dataclass
class Administrator:
    """Someone with SQL on the database, and with this repository, but with no key of the store.

    Statements are what both databases understand, with "?" for values; a name that one keeps to itself is quoted.
    """

    database: Connection

    def execute(self, statement: str, values: Sequence[object] = ()) -> Any:
        """Run one statement; its result."""
        if self.database.dialect.name == "postgresql":
            statement = statement.replace("%", "%%").replace("?", "%s")
        return self.database.exec_driver_sql(statement, tuple(values))

    def run(self, statement: str, *values: object) -> None:
        """Run a statement that must change something."""
        assert self.execute(statement, values).rowcount > 0

    def one(self, statement: str, *values: object) -> Any:
        """The first column of the first row."""
        return self.execute(statement, values).one()[0]

    def text_of(self, table: str, column: str) -> str:
        """How a column is asked for so that JSON comes as it is spelled."""
        return f'cast("{column}" as text)' if _is_json(table, column) else f'"{column}"'

    def place_for(self, table: str, column: str) -> str:
        """How a value for a column stands in a statement."""
        is_cast = self.database.dialect.name == "postgresql" and _is_json(table, column)
        return "cast(? as json)" if is_cast else "?"

    def forge_leaf(self, kind: str, ref: str, content: bytes) -> None:
        """Make the log's leaf fit a row that was changed."""
        self.run("update logleaf set leaf = ? where kind = ? and ref = ?", leaf_hash(content), kind, ref)

    def add_leaf(self, kind: str, ref: str, content: bytes) -> None:
        """Put a leaf with the right hash at the end of the log."""
        number = self.one("select max(number) from logleaf") + 1
        self.run("insert into logleaf values (?, ?, ?, 's1', ?, ?)", number, kind, ref, leaf_hash(content), b"")

    def audit(self, number: int) -> bytes:
        """The content of an act's leaf as it stands in the database now."""
        row = self.execute("select * from audit where id = ?", (number,)).mappings().one()
        detail = self.one("select cast(detail as text) from audit where id = ?", number)
        return canonical_bytes({**row, "detail": json.loads(detail), "is_allowed": bool(row["is_allowed"])})

    def drop_leaf_and_close_the_gap(self, kind: str, ref: str) -> None:
        """Take a leaf out and number those after it anew."""
        gone = self.one("select number from logleaf where kind = ? and ref = ?", kind, ref)
        self.run("delete from logleaf where number = ?", gone)
        for number in range(gone + 1, self.one("select max(number) from logleaf") + 1):
            self.run("update logleaf set number = ? where number = ?", number - 1, number)


def table_of(name: str) -> Table:
    """What the store says of a table."""
    return SQLModel.metadata.tables[name]


def _is_json(table: str, column: str) -> bool:
    return isinstance(table_of(table).c[column].type, JSON)


@contextmanager
def access(store: Path) -> Generator[Engine]:
    """A store's database for the length of the block, to be worked at more than once."""
    engine = create_engine(open_folder(store).database_url, pool_size=1)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def administrator(store: Path) -> Generator[Administrator]:
    """Somebody at a store's database for the length of the block; all is committed at its end."""
    with access(store) as engine, engine.begin() as connection:
        yield Administrator(connection)
