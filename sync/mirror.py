"""A second copy of each journal file on another disk or stick, written behind the first by a thread of its own.

The mirror never makes a candidate wait and never fails the journal: when it falls away, that is told once and the first
copy goes on alone. It is what a PC whose disk dies leaves behind; acknowledgements are never given for it.
"""

from __future__ import annotations

import errno
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sync.files import DiskFiles, Files, OpenFile, write_whole


@dataclass(frozen=True, slots=True)
class _Write:
    offset: int
    data: bytes


class _Sync:
    """Sync the mirror file."""


class _Close:
    """Sync and close the mirror file, end the thread."""


class _Behind:
    """One mirror file and the thread that writes it."""

    def __init__(self, files: Files, path: Path, size: int, on_lost: Callable[[str], None]) -> None:
        self._tasks: queue.SimpleQueue[_Write | _Sync | _Close] = queue.SimpleQueue()
        self._files, self._path, self._size, self._on_lost = files, path, size, on_lost
        self._thread = threading.Thread(target=self._run, name="journal-mirror", daemon=True)
        self._thread.start()

    def put(self, task: _Write | _Sync | _Close) -> None:
        self._tasks.put(task)

    def join(self, timeout_s: float) -> None:
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            self._follow()
        except OSError as error:
            self._on_lost(error.strerror or str(error))
            while not isinstance(self._tasks.get(), _Close):
                pass

    def _follow(self) -> None:
        """Do what the first copy did, in order; a sync that has another behind it is left to that one."""
        file = self._files.create(self._path, self._size)
        try:
            while not isinstance(task := self._tasks.get(), _Close):
                if isinstance(task, _Write):
                    write_whole(file, task.offset, task.data)
                elif self._tasks.empty():
                    file.sync()
            file.sync()
        finally:
            file.close()


class _TwinFile:
    """The first copy, answered for; the second follows."""

    def __init__(self, first: OpenFile, behind: _Behind) -> None:
        self._first = first
        self._behind = behind

    def write_at(self, offset: int, data: bytes) -> int:
        taken = self._first.write_at(offset, data)
        self._behind.put(_Write(offset, data[:taken]))
        return taken

    def extend(self, size: int) -> None:
        self._first.extend(size)

    def sync(self) -> None:
        self._first.sync()
        self._behind.put(_Sync())

    def close(self) -> None:
        self._first.close()
        self._behind.put(_Close())
        self._behind.join(_PATIENCE_S)


_PATIENCE_S = 5.0
"""How long closing waits for a slow stick; what it has not written by then is lost only there."""


class MirrorDisk(DiskFiles):
    """The disk of a mirror: a folder that is not there, as of a stick pulled out, is not made on the disk beneath."""

    def create(self, path: Path, size: int) -> OpenFile:
        """See `sync.files.Files.create`; FileNotFoundError when the mirror's folder is away."""
        if not path.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, "the folder is not there", str(path.parent))
        return super().create(path, size)


class MirroredFiles:
    """`Files` whose new files are written a second time in ``folder``; everything else goes to the first disk alone."""

    def __init__(
        self, first: Files, folder: Path, *, on_lost: Callable[[str], None], second: Files | None = None
    ) -> None:
        """Mirror what ``first`` creates into ``folder`` of ``second`` (the same file system when not given).

        ``on_lost`` is told the cause, from the mirror's thread, when a mirror file can no longer be written.
        """
        self._first = first
        self._second = first if second is None else second
        self._folder = folder
        self._on_lost = on_lost

    def create(self, path: Path, size: int) -> OpenFile:
        """See `sync.files.Files.create`; the mirror is begun behind it."""
        file = self._first.create(path, size)
        return _TwinFile(file, _Behind(self._second, self._folder / path.name, size, self._on_lost))

    def open(self, path: Path) -> OpenFile:
        """See `sync.files.Files.open`."""
        return self._first.open(path)

    def read(self, path: Path) -> bytes:
        """See `sync.files.Files.read`."""
        return self._first.read(path)

    def names(self, folder: Path) -> tuple[str, ...]:
        """See `sync.files.Files.names`."""
        return self._first.names(folder)

    def replace(self, path: Path, data: bytes) -> None:
        """See `sync.files.Files.replace`."""
        self._first.replace(path, data)

    def remove(self, path: Path) -> None:
        """See `sync.files.Files.remove`."""
        self._first.remove(path)

    def free_bytes(self, folder: Path) -> int:
        """See `sync.files.Files.free_bytes`."""
        return self._first.free_bytes(folder)
