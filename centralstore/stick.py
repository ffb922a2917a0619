"""Envelopes by USB stick, at the store: what PCs saved is taken in as at the door, and receipts go back on the stick.

The command reads and writes the stick; the store, running or not, verifies and keeps. Taking a stick in twice, or what
came over the network meanwhile, changes nothing: the same receipts are written again.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

from centralstore.desk import Answer
from centralstore.errors import FieldError, SetUpError, StoreError
from sync.canonical import Message
from sync.envelope import MAX_ENVELOPE_BYTES
from sync.errors import SyncError
from sync.files import DiskFiles, Files
from sync.outbox import ENVELOPE_SUFFIX, RECEIPT_SUFFIX

if TYPE_CHECKING:
    from centralstore.store import Store

T = TypeVar("T")

COMMAND: Final = "take-envelopes"
AT_ONCE: Final = 64
"""Envelopes in one request to the store: it answers other PCs between two requests."""


class Taken(Message):
    """What the store says of one envelope: its signed receipt, or the sentence it was refused with."""

    receipt: str = ""
    is_conflict: bool = False
    refused: str = ""


_TAKEN: Final = TypeAdapter(tuple[Taken, ...])
_GIVEN: Final = TypeAdapter(tuple[str, ...])


class Asks(Protocol):
    """The part of `centralstore.desk.Desk` that is needed here."""

    def ask(self, name: str, **arguments: object) -> Answer:
        """Have a command done."""
        ...


def take_envelopes(store: Store, arguments: Answer) -> Answer:
    """The store's side: verify and keep each envelope (base64) as if its PC had sent it.

    Raises:
        FieldError: the arguments are no list of text.
    """
    try:
        given = [base64.b64decode(each, validate=True) for each in _GIVEN.validate_python(arguments["envelopes"])]
    except ValueError as error:
        raise FieldError(COMMAND, "envelopes", "they are no base64", "Use the command import-envelopes.") from error
    waiting = [_begun(store, data) for data in given]
    return {"taken": [end().model_dump() for end in waiting]}


def _begun(store: Store, data: bytes) -> Callable[[], Taken]:
    """Hand an envelope over; what comes back waits until it is durable."""
    try:
        future = store.keep_envelope(data)
    except (StoreError, SyncError) as error:
        refused = Taken(refused=str(error))
        return lambda: refused

    def end() -> Taken:
        try:
            kept = future.result()
        except StoreError as error:
            return Taken(refused=str(error))
        return Taken(receipt=kept.receipt.decode("ascii"), is_conflict=kept.is_conflict)

    return end


# --- the stick's side -------------------------------------------------------------------------------------------------


@dataclass
class Imported:
    """What came of a stick: how many envelopes are kept, and of which files something must be told."""

    kept: int = 0
    conflicts: list[str] = field(default_factory=list[str])
    refused: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    unwritten: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether every envelope of the stick lies in its place at the store, and the PCs will learn of it."""
        return not (self.conflicts or self.refused or self.unwritten)

    def sentences(self, folder: Path) -> Iterator[str]:
        """What to tell whoever holds the stick."""
        yield f"{folder}: {self.kept} envelopes are kept by the store."
        for name in self.conflicts:
            yield f"{name}: another envelope lies in its place; this one is kept beside it as a conflict (room page)."
        for name, sentence in self.refused:
            yield f"{name} was not taken in and stays on the stick: {sentence}"
        if self.unwritten:
            yield (
                f"Receipts could not be written to {folder}: {self.unwritten}. What is kept stays kept; "
                "the PCs learn of it over the network, or when the stick is imported again."
            )


def import_envelopes(desk: Asks, folder: Path, *, files: Files | None = None) -> Imported:
    """Give every envelope on a stick to the store; write each receipt beside it as ``<name>.receipt``.

    Args:
        desk: the store's command desk.
        folder: the stick's folder.
        files: how the stick is reached.

    Raises:
        SetUpError: the stick cannot be read (any more); what was taken in until then is kept.
        StoreError: the store cannot be asked.
    """
    disk = DiskFiles() if files is None else files
    if not folder.is_dir():
        raise SetUpError(str(folder), "there is no such folder", "Put the stick in, and name its folder.")
    imported = Imported()
    names = iter([name for name in _read(folder, lambda: disk.names(folder)) if name.endswith(ENVELOPE_SUFFIX)])
    while batch := list(islice(names, AT_ONCE)):
        found = [(name, _envelope(disk, folder, name)) for name in batch]
        for name, data in found:
            if data is None:
                imported.refused.append((name, "It is too long to be an envelope."))
        whole = [(name, data) for name, data in found if data is not None]
        for (name, _), taken in zip(whole, _ask(desk, [data for _, data in whole]), strict=True):
            _note(disk, folder / name, taken, imported)
    return imported


def _ask(desk: Asks, envelopes: Sequence[bytes]) -> tuple[Taken, ...]:
    """What the store says of each.

    Raises:
        StoreError: it cannot be asked, or its answer is none.
    """
    if not envelopes:
        return ()
    answer = desk.ask(COMMAND, envelopes=[base64.b64encode(data).decode("ascii") for data in envelopes])
    try:
        taken = _TAKEN.validate_python(answer.get("taken"))
    except ValidationError as error:
        raise FieldError(COMMAND, "taken", "the store's answer is none", "Update store and command.") from error
    if len(taken) != len(envelopes):
        raise FieldError(COMMAND, "taken", "the store answered for other envelopes", "Update store and command.")
    return taken


def _note(disk: Files, path: Path, taken: Taken, imported: Imported) -> None:
    if taken.refused:
        imported.refused.append((path.name, taken.refused))
        return
    if taken.is_conflict:
        imported.conflicts.append(path.name)
    else:
        imported.kept += 1
    if not imported.unwritten:
        try:
            disk.replace(path.with_name(path.name + RECEIPT_SUFFIX), taken.receipt.encode("ascii"))
        except OSError as error:
            imported.unwritten = error.strerror or str(error)


def _envelope(disk: Files, folder: Path, name: str) -> bytes | None:
    """A file's bytes; None when it is longer than any envelope."""
    path = folder / name
    if _read(folder, lambda: path.stat().st_size) > MAX_ENVELOPE_BYTES:
        return None
    return _read(folder, lambda: disk.read(path))


def _read(folder: Path, work: Callable[[], T]) -> T:
    try:
        return work()
    except OSError as error:
        raise SetUpError(
            str(folder),
            f"it can no longer be read ({error.strerror})",
            "Put the stick in again and repeat the command; what was taken in is kept and is not taken twice.",
        ) from error
