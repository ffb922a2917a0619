"""The database behind the store: one writing connection in one thread, readers beside it.

Writers hand a job to the writer thread. It takes what is waiting, runs every job in a savepoint of one transaction and
commits once (group commit); a job's answer is given only after that commit is durable (SQLite: WAL, synchronous FULL;
PostgreSQL: synchronous_commit on, and a server with fsync off is refused).
One writing connection is also what keeps SQLite before 3.51.3 clear of its WAL-reset fault, which needs two.
"""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, cast

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import Session

from centralstore.errors import FieldError, NotKeptError, PerhapsKeptError, SetUpError

T = TypeVar("T")

GROUP_LIMIT = 256
"""Jobs in one commit; bounds how long the first of them waits for the last."""

GATHER_SECONDS = 0.003
"""While many come in, how long the writer waits for more before it begins a group: a commit costs more than a wait."""

BUSY_TIMEOUT_MS = 10_000

_WRITER_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "secure_delete=ON",
    "wal_autocheckpoint=4000",
)
"""Durable at commit; what is deleted (shares and grants at CLOSED) is overwritten in the file.

A checkpoint every 16 MB, not every 4 MB: it syncs the database file, and commits wait for it."""


_NUMBER = "SELECT pg_current_xact_id()"
_OUTCOME = "SELECT pg_xact_status(%s::xid8)"
"""PostgreSQL's number of a transaction, and what became of it, remembered over a crash of the server."""

Values: TypeAlias = "dict[str, object] | Sequence[object]"
"""What goes with a statement, by name or in order."""

Outcome = Callable[[Any, BaseException | None], None]
"""Told in the writer thread what came of a job: its answer, or what went wrong. Must not block and not raise."""

Together = Callable[[Session, Sequence[Any]], Sequence[Any]]
"""Does many jobs of a kind in one go: an answer for each, in their order; an exception among them is that job's."""


@dataclass(slots=True)
class _Write:
    """A job, who is told, and its outcome until the commit is durable."""

    work: Callable[[Session], Any]
    tell: Outcome
    answer: object = None
    error: BaseException | None = None

    def run(self, session: Session) -> None:
        self.answer, self.error = None, None
        try:
            with session.begin_nested():
                self.answer = self.work(session)
        except DBAPIError as error:
            if not isinstance(error, IntegrityError):
                raise
            self.error = error
        except Exception as error:  # noqa: BLE001 - handed to whoever asked, through the future
            self.error = error

    def end(self, failure: BaseException | None = None) -> None:
        self.tell(self.answer, failure or self.error)


@dataclass(slots=True)
class _Piece:
    """One of many jobs of a kind, done together with those that wait beside it."""

    work: Together
    item: object
    tell: Outcome
    answer: object = None

    def end(self, failure: BaseException | None = None) -> None:
        if failure is None and isinstance(self.answer, BaseException):
            failure = self.answer
        self.tell(self.answer, failure)


def _run_together(session: Session, pieces: Sequence[_Piece]) -> None:
    answers = pieces[0].work(session, [piece.item for piece in pieces])
    for piece, answer in zip(pieces, answers, strict=True):
        piece.answer = answer


class Database:
    """The tables' home. ``write`` and ``submit`` change it, ``reading`` looks at it.

    The writing connection is opened by the first job, so that a command that only reads never has one.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._writer = _writing_engine(url)
        self._readers = _reading_engine(url)
        self._connection: Connection | None = None
        self._jobs: queue.SimpleQueue[_Write | _Piece | None] = queue.SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def equip(self, **options: object) -> None:
        """What every job finds in ``session.connection().get_execution_options()``; said before the first job."""
        self._writer.update_execution_options(**options)

    def submit(self, work: Callable[[Session], T]) -> Future[T]:
        """Hand over a job; the future ends after its transaction is durable, or with what went wrong.

        The job may be run more than once (after a failed group) and answers with plain values, never rows.
        """
        future: Future[T] = Future()
        self._enqueue(_Write(work, settles(future)))
        return future

    def submit_together(self, work: Together, item: object, tell: Outcome) -> None:
        """Hand over one of many jobs of a kind; all that wait are done by one call of ``work``.

        ``work`` refuses a job by an exception among its answers, before its first change or not at all: there is no
        savepoint. What fails as a group is tried again one by one.

        Args:
            work: the same object for all jobs of the kind.
            item: what it needs to know of this job.
            tell: told in the writer thread after the commit is durable, or what went wrong.
        """
        self._enqueue(_Piece(work, item, tell))

    def _enqueue(self, job: _Write | _Piece) -> None:
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._serve, name="store-writer", daemon=True)
                    self._thread.start()
        self._jobs.put(job)

    def write(self, work: Callable[[Session], T]) -> T:
        """Run a job in the writer thread and wait until it is durable.

        Raises:
            NotKeptError: the database could not be written; nothing of the job was kept.
        """
        return self.submit(work).result()

    @contextmanager
    def reading(self) -> Generator[Session]:
        """A read-only session on a connection of its own, seeing one state of the database."""
        with Session(self._readers) as session:
            yield session

    def close(self) -> None:
        """Finish what is waiting, then close all connections."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
        self._readers.dispose()  # first: the last to leave SQLite's file carries the log over, which a reader may not
        if self._connection is not None:
            self._connection.close()
        self._writer.dispose()

    def _serve(self) -> None:
        is_busy = False
        while (first := self._jobs.get()) is not None:
            if is_busy:
                time.sleep(GATHER_SECONDS)
            group, is_last = self._waiting(first)
            self._commit(group)
            is_busy = len(group) > 1
            if is_last:
                return

    def _waiting(self, first: _Write | _Piece) -> tuple[list[_Write | _Piece], bool]:
        group = [first]
        while len(group) < GROUP_LIMIT:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return group, True
            group.append(job)
        return group, False

    def _commit(self, group: list[_Write | _Piece]) -> None:
        try:
            self._transact(group)
        except Exception as error:  # noqa: BLE001 - the thread must outlive any failed group
            self._commit_singly(group, error)
        else:
            for job in group:
                job.end()

    def _commit_singly(self, group: list[_Write | _Piece], cause: Exception) -> None:
        """One failing job must not take the others with it: each again, in a transaction of its own.

        But where nobody knows whether the commit took place, no single job is done twice: it may be an order for time.
        """
        is_unknown = isinstance(cause, PerhapsKeptError)
        for job in group:
            if len(group) == 1 or (is_unknown and isinstance(job, _Write)):
                job.end(cause if is_unknown else _not_kept(cause))
            else:
                self._commit([job])

    def _transact(self, group: list[_Write | _Piece]) -> None:
        connection = self._live_connection()
        with Session(connection, expire_on_commit=False, autoflush=True) as session:
            for work in dict.fromkeys(job.work for job in group if isinstance(job, _Piece)):
                _run_together(session, [job for job in group if isinstance(job, _Piece) and job.work == work])
            for job in group:
                if isinstance(job, _Write):
                    job.run(session)
            session.flush()
            _end(session, self._outcome, is_repeatable=not any(isinstance(job, _Write) for job in group))

    def _outcome(self, number: str) -> str:
        """What the server says became of a transaction; "" where it does not answer."""
        with contextlib.suppress(DBAPIError), self._readers.connect() as connection:
            return str(connection.exec_driver_sql(_OUTCOME, (number,)).scalar() or "")
        return ""

    def _live_connection(self) -> Connection:
        """The one writing connection, without a transaction left over from a failed group."""
        connection = self._connection
        if connection is not None and connection.invalidated:  # the server went away under it
            connection.close()
        if connection is None or connection.closed:
            connection = self._connection = self._writer.connect()
        if connection.in_transaction():
            connection.rollback()
        return connection


def _end(session: Session, outcome: Callable[[str], str], *, is_repeatable: bool) -> None:
    """Commit. A server that is lost before it answered may have committed: then it is asked what became of it.

    ``is_repeatable``: what is kept once however often it is handed in is not asked about.

    Raises:
        PerhapsKeptError: the commit failed, and the server cannot say what became of it.
    """
    connection = session.connection()
    asks = connection.dialect.name == "postgresql" and not is_repeatable
    number = str(connection.exec_driver_sql(_NUMBER).scalar()) if asks else ""
    try:
        session.commit()
    except DBAPIError as error:
        told = outcome(number) if number else "aborted"
        if told == "committed":
            return
        if told != "aborted":
            raise PerhapsKeptError(str(error.orig)) from error
        raise


def settles(future: Future[T]) -> Outcome:
    """Tells a future."""

    def tell(answer: T, error: BaseException | None) -> None:
        if not future.set_running_or_notify_cancel():
            return
        if error is None:
            future.set_result(answer)
        else:
            future.set_exception(error)

    return tell


def _not_kept(cause: Exception) -> NotKeptError:
    origin = cause.orig if isinstance(cause, DBAPIError) and cause.orig is not None else cause
    error = NotKeptError(str(origin))
    error.__cause__ = cause
    return error


def _is_sqlite(url: str) -> bool:
    return make_url(url).get_backend_name() == "sqlite"


def _writing_engine(url: str) -> Engine:
    if not _is_sqlite(url):
        server = create_engine(url, pool_size=1, max_overflow=0)
        event.listen(server, "connect", _prepare_server_writer)
        return _guarded(server)
    engine = create_engine(url, connect_args={"check_same_thread": False})
    event.listen(engine, "connect", _prepare_writer)
    event.listen(engine, "begin", _begin_immediate)
    return _guarded(engine)


def _reading_engine(url: str) -> Engine:
    if not _is_sqlite(url):
        options = {"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"}
        return _guarded(create_engine(url, pool_size=16, pool_pre_ping=True, execution_options=options))
    path = make_url(url).database
    engine = create_engine(
        f"sqlite:///file:{path}?mode=ro&uri=true", connect_args={"check_same_thread": False}, pool_size=16
    )
    event.listen(engine, "connect", _prepare_reader)
    event.listen(engine, "begin", _begin_deferred)
    return _guarded(engine)


def _guarded(engine: Engine) -> Engine:
    event.listen(engine, "before_cursor_execute", _refuse_zero_characters)
    return engine


def _refuse_zero_characters(_connection: Connection, _cursor: object, _statement: str, *given: object) -> None:
    """What PostgreSQL cannot have in a text, neither database is given or asked for: both refuse it alike.

    Raises:
        FieldError: a text holds U+0000.
    """
    values, _context, is_many = given
    rows = cast("Sequence[Values]", (values,) if isinstance(values, dict) or not is_many else values)
    if rows and not isinstance(rows[0], dict | list | tuple):  # many rows in one statement come as one long row
        rows = (rows,)
    for row in rows:
        for value in row.values() if isinstance(row, dict) else row:
            if type(value) is str and "\0" in value:
                raise FieldError("Text", "text", "holds a zero character", "Leave it out.")


def _prepare_writer(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # else pysqlite commits savepoints by itself
    cursor = connection.cursor()
    for pragma in (*_WRITER_PRAGMAS, f"busy_timeout={BUSY_TIMEOUT_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _prepare_server_writer(connection: DBAPIConnection, _record: object) -> None:
    """PostgreSQL: a commit that is answered must be on disk, whatever the server's settings say.

    Raises:
        SetUpError: the server does not sync at all.
    """
    cursor = connection.cursor()
    cursor.execute("SET synchronous_commit = on")
    cursor.execute("SHOW fsync")
    answer = cursor.fetchone()
    cursor.close()
    connection.commit()
    if answer is None or answer[0] != "on":
        raise SetUpError("database", "this server has fsync off and could lose what was receipted", "Turn it on.")


def _prepare_reader(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("query_only=ON", f"busy_timeout={BUSY_TIMEOUT_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_deferred(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
