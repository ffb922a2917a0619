"""Checkpoints of the log: signed, kept and served; proofs between them; what witnesses cosigned."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import JsonValue
from sqlmodel import Session, col, select

from centralstore.errors import FieldError, LogBrokenError
from centralstore.leaves import checkpoint_leaf
from centralstore.store.keeper import House, Keeper
from centralstore.store.log import LogBook, append, sign_older
from centralstore.tables import LogCheckpoint, LogWitness
from sync.canonical import Message, parse_model
from sync.checkpoint import Checkpoint, sign_checkpoint, verify_cosigned
from sync.keys import VerifyKey
from sync.segment import NO_HASH
from sync.signed import sign_message
from sync.tree import Nodes, consistency_proof, inclusion_proof, is_consistent, is_included, root_at

ASKED_SECONDS: Final = 1.0
"""Whoever asks from outside gets the last checkpoint again within this time: signing and storing cannot be forced."""


@dataclass(frozen=True, slots=True)
class Inclusion:
    """That the leaf hash ``leaf`` lies at ``index`` in the tree of ``size``; ``path`` lowest first."""

    index: int
    size: int
    leaf: bytes
    path: tuple[bytes, ...]


class Contents(Message):
    """``bundle.json``, the signed table of contents of an exported sitting (``docs/formats.md``)."""

    format: Literal[1]
    made_utc_ms: int
    store: dict[str, str]
    sitting: dict[str, JsonValue]
    devices: list[dict[str, JsonValue]]
    enrolments: list[dict[str, JsonValue]]
    staff: list[dict[str, str]]
    delegations: list[str]
    files: list[dict[str, JsonValue]]


class Statement(Message):
    """``proofs/statement.json`` of an export under pseudonyms: what it was made from, and its files.

    It names no attempt and no leaf: `centralstore.evidence.bundle.write_statement` says why.
    """

    format: Literal[1]
    made_utc_ms: int
    store: str
    log_key: str
    size: int
    root: str
    counts: dict[str, int]
    files: list[dict[str, JsonValue]]


class Checkpoints(Keeper):
    """The log as others see it."""

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self._asked_s = float("-inf")

    @property
    def log_key(self) -> VerifyKey:
        """The public key of this store's log; witnesses and verifiers must get it from the store's owner."""
        return self._house.keys.log.public

    def checkpoint(self) -> bytes:
        """A signed checkpoint over everything committed by now; durable here before it is answered.

        Raises:
            LogBrokenError: the database no longer holds the log that was signed for.
            NotKeptError: it could not be written.
        """
        book = self._house.log
        with book.lock:
            self._read(lambda session: book.catch_up(session, self.log_key))
            if book.last is not None and book.has_only_its_checkpoint():
                return book.last[1]
            made = Checkpoint(
                log=self.log_key.hex,
                size=book.tiles.size,
                root=book.tiles.root.hex(),
                at_utc_ms=max(self.now_ms(), book.last[0].at_utc_ms if book.last else 0),
            )
            data = sign_checkpoint(made, self._house.keys.log)
            self._write(lambda session: self._keep_checkpoint(session, made, data))
            book.last = made, data
            return data

    def signed_statement(self, seen: Checkpoint, counts: Mapping[str, int], files: list[dict[str, object]]) -> bytes:
        """The store's signed word that an export with these counts and files was made at this checkpoint."""
        body = {
            "format": 1,
            "made_utc_ms": self.now_ms(),
            "store": self._house.folder.settings.name,
            "log_key": self.log_key.hex,
            "size": seen.size,
            "root": seen.root,
            "counts": dict(counts),
            "files": files,
        }
        return sign_message("export-statement", parse_model(Statement, body, "statement"), self._house.keys.log)

    def _keep_checkpoint(self, session: Session, made: Checkpoint, data: bytes) -> None:
        if session.exec(select(LogCheckpoint.size).limit(1)).first() is None:
            sign_older(session, self._house.keys.log)
        if session.get(LogCheckpoint, made.size) is None:
            row = LogCheckpoint(size=made.size, at_ms=made.at_utc_ms, data=data)
            session.add(row)
            append(session.connection(), [checkpoint_leaf(row)])

    def recent_checkpoint(self) -> bytes:
        """As `checkpoint`, for anyone who asks: at most one a second is made.

        Raises:
            LogBrokenError, NotKeptError: as there.
        """
        book, now_s = self._house.log, time.monotonic()
        if book.last is not None and now_s - self._asked_s < ASKED_SECONDS:
            return book.last[1]
        self._asked_s = now_s
        return self.checkpoint()

    def consistency(self, first: int, second: int) -> tuple[bytes, ...]:
        """The proof that the log of ``first`` leaves is the beginning of that of ``second``; verified before given.

        Raises:
            FieldError: the log has no such sizes.
            LogBrokenError: leaves were changed since the tree was built.
        """
        book = self._house.log

        def work(session: Session) -> tuple[bytes, ...]:
            book.catch_up(session, self.log_key)
            if not 1 <= first <= second <= book.tiles.size:
                raise _no_size(book, asked=f"{first} to {second}")
            nodes = book.nodes(session)
            path = consistency_proof(first, second, nodes)
            if not is_consistent(first, second, root_at(first, nodes), root_at(second, nodes), path):
                raise LogBrokenError(problem=f"leaves before number {second} were changed")
            return path

        with book.lock:
            return self._read(work)

    def inclusion(self, index: int, size: int) -> Inclusion:
        """The proof that leaf ``index`` lies in the log of ``size`` leaves; verified before given.

        Raises:
            FieldError: the log has no such leaf or size.
            LogBrokenError: leaves were changed since the tree was built.
        """
        return self.inclusions((index,), size)[0]

    def inclusions(self, indexes: tuple[int, ...], size: int) -> tuple[Inclusion, ...]:
        """As `inclusion`, for many leaves of one tree."""
        book = self._house.log

        def work(session: Session) -> tuple[Inclusion, ...]:
            book.catch_up(session, self.log_key)
            nodes = book.nodes(session)
            return tuple(prove(index, nodes) for index in indexes)

        def prove(index: int, nodes: Nodes) -> Inclusion:
            if not 0 <= index < size <= book.tiles.size:
                raise _no_size(book, asked=f"{index} in {size}")
            path = inclusion_proof(index, size, nodes)
            leaf = nodes(0, index)
            if not is_included(leaf, index, size, path, root_at(size, nodes)):
                raise LogBrokenError(problem=f"leaves beside number {index} were changed")
            return Inclusion(index, size, leaf, path)

        with book.lock:
            return self._read(work)

    def add_witness(self, data: bytes, witness_key: VerifyKey) -> Checkpoint:
        """Keep a checkpoint that a witness cosigned; the same one again is passed over.

        Raises:
            SyncDataError: one of its signatures does not hold.
            LogBrokenError: the witness saw another log than the one that is here.
        """
        _, seen = verify_cosigned(data, witness_key, self.log_key)
        book = self._house.log

        def check(session: Session) -> None:
            book.catch_up(session, self.log_key)
            if seen.size > book.tiles.size:
                raise LogBrokenError(problem=f"the witness saw {seen.size} leaves, the table has {book.tiles.size}")
            if root_at(seen.size, book.nodes(session)).hex() != seen.root:
                raise LogBrokenError(problem=f"the witness saw other leaves among the first {seen.size}")

        def keep(session: Session) -> None:
            if session.get(LogWitness, (seen.size, witness_key.hex)) is None:
                row = LogWitness(size=seen.size, witness=witness_key.hex, added_ms=self.now_ms(), data=data)
                session.add(row)

        with book.lock:
            self._read(check)
        self._write(keep)
        return seen

    def witnessed(self) -> tuple[tuple[bytes, VerifyKey], ...]:
        """The cosigned checkpoints that are here with their witnesses' keys, smallest log first."""
        query = select(LogWitness).order_by(col(LogWitness.size), col(LogWitness.witness))

        def work(session: Session) -> tuple[tuple[bytes, VerifyKey], ...]:
            return tuple((row.data, VerifyKey.from_hex(row.witness)) for row in session.exec(query).all())

        return self._read(work)

    def signed_contents(self, contents: Mapping[str, object]) -> bytes:
        """The table of contents of an export: ``contents`` with this store's public keys, signed by the log's key.

        Raises:
            DamagedError (sync): ``contents`` lacks a field of `Contents`, or has another.
        """
        keys, settings = self._house.keys, self._house.folder.settings
        store = {
            "id": settings.name,
            "order_key": keys.order.public.hex,
            "ticket_key": keys.ticket.public.hex,
            "receipt_key": keys.receipt.public.hex,
            "content_key": settings.content_key or NO_HASH,
            "log_key": keys.log.public.hex,
        }
        body = {**contents, "format": 1, "made_utc_ms": self.now_ms(), "store": store}
        return sign_message("bundle", parse_model(Contents, body, "table of contents"), keys.log)


def _no_size(book: LogBook, *, asked: str) -> FieldError:
    return FieldError("log", "size", f"{asked} is not within its {book.tiles.size} leaves", "Ask for a smaller one.")
