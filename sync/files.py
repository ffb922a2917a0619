"""The disk, as small as the journal needs it: `Files` is the interface, `DiskFiles` the real one.

Tests put a simulated disk behind the same interface: one that fills up, fails, writes short and loses what was not
synced. Nothing else in `sync` touches the file system for what must survive.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Final, Protocol

from sync.errors import FileFailedError

_ZEROS: Final = bytes(65_536)
_BINARY: Final = getattr(os, "O_BINARY", 0)


class OpenFile(Protocol):
    """A file open for writing. Every method raises OSError when the disk refuses."""

    def write_at(self, offset: int, data: bytes) -> int:
        """Write in one system call; how many bytes were taken (fewer than asked: a short write)."""
        ...

    def extend(self, size: int) -> None:
        """Reserve room up to ``size`` bytes, reading as zeros."""
        ...

    def sync(self) -> None:
        """Come back only when everything written is on the disk."""
        ...

    def close(self) -> None:
        """Let go of the file; no sync."""
        ...


class Files(Protocol):
    """What the journal and the outbox ask of a file system. Every method raises OSError when the disk refuses."""

    def create(self, path: Path, size: int) -> OpenFile:
        """A new file of ``size`` zero bytes, only for this user; its name is durable when this returns."""
        ...

    def open(self, path: Path) -> OpenFile:
        """An existing file, for writing at its end."""
        ...

    def read(self, path: Path) -> bytes:
        """All bytes of a file."""
        ...

    def names(self, folder: Path) -> tuple[str, ...]:
        """The file names in a folder, sorted; () when there is no such folder."""
        ...

    def replace(self, path: Path, data: bytes) -> None:
        """Put ``data`` in place of a file (or make it), all or nothing, durable when this returns."""
        ...

    def remove(self, path: Path) -> None:
        """Take a file away; nothing happens when there is none."""
        ...

    def free_bytes(self, folder: Path) -> int:
        """How much this user can still write there."""
        ...


@contextlib.contextmanager
def disk_errors(action: str, place: Path) -> Generator[None]:
    """Turn what the disk refuses inside into one sentence.

    Raises:
        FileFailedError: an OSError came out of the block; it is the cause.
    """
    try:
        yield
    except OSError as error:
        raise FileFailedError(action, str(place), error.strerror or str(error)) from error


def write_whole(file: OpenFile, offset: int, data: bytes) -> None:
    """Write in one call; a short write counts as a full disk, which it nearly always is.

    Raises:
        OSError: the disk refused or took only a part.
    """
    if file.write_at(offset, data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class DiskFile:
    """A real file by descriptor. Uses ``pwrite`` and ``fdatasync`` where there are any."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write_at(self, offset: int, data: bytes) -> int:
        """See `OpenFile.write_at`."""
        if hasattr(os, "pwrite"):
            return os.pwrite(self._descriptor, data, offset)
        os.lseek(self._descriptor, offset, os.SEEK_SET)
        return os.write(self._descriptor, data)

    def extend(self, size: int) -> None:
        """See `OpenFile.extend`."""
        present = os.fstat(self._descriptor).st_size
        if size <= present:
            return
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self._descriptor, present, size - present)
            return
        for start in range(present, size, len(_ZEROS)):
            block = _ZEROS[: size - start]
            if self.write_at(start, block) != len(block):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def sync(self) -> None:
        """See `OpenFile.sync`."""
        getattr(os, "fdatasync", os.fsync)(self._descriptor)

    def close(self) -> None:
        """See `OpenFile.close`."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class DiskFiles:
    """The real file system."""

    def create(self, path: Path, size: int) -> OpenFile:
        """See `Files.create`."""
        _make_folder(path.parent)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)
        file = DiskFile(descriptor)
        try:
            file.extend(size)
            os.fsync(descriptor)
            _sync_folder(path.parent)
        except OSError:
            file.close()
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        return file

    def open(self, path: Path) -> OpenFile:
        """See `Files.open`."""
        return DiskFile(os.open(path, os.O_RDWR | _BINARY))

    def read(self, path: Path) -> bytes:
        """See `Files.read`."""
        return path.read_bytes()

    def names(self, folder: Path) -> tuple[str, ...]:
        """See `Files.names`."""
        if not folder.is_dir():
            return ()
        return tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_file()))

    def replace(self, path: Path, data: bytes) -> None:
        """See `Files.replace`."""
        _make_folder(path.parent)
        fresh = path.with_name(path.name + ".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _BINARY, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                fresh.unlink()
            raise
        _sync_folder(path.parent)

    def remove(self, path: Path) -> None:
        """See `Files.remove`."""
        path.unlink(missing_ok=True)

    def free_bytes(self, folder: Path) -> int:
        """See `Files.free_bytes`."""
        present = folder
        while not present.exists():
            present = present.parent
        return shutil.disk_usage(present).free


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it where there are none; their names are durable when this returns."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """Make names in a folder durable, where a folder can be synced at all (not on Windows)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
