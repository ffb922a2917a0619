"""Which releases this PC may open: the authority's list, fetched from the store, kept here, good without a network."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from kiosk.errors import SetUpError
from sync.errors import DamagedError, ListExpiredError, ListRefusedError
from sync.metadata import CurrentReleases, MetadataTrust, ReleaseMetadata, check_root, fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiosk.folder import Enrolment, StateFolder
    from sync.threads import Threads

_log = logging.getLogger(__name__)

DAY_MS: Final = 86_400_000
MOST_ROOTS: Final = 64


class CurrentList:
    """The list as this PC knows it. Used by the room's threads; none waits for another's network.

    Times are the wall clock, corrected by the store where it was reached. The list never counts as of an earlier time
    than that at which it was last found current, so a clock that was set back revives nothing.
    """

    def __init__(self, folder: StateFolder, enrolment: Enrolment, threads: Threads) -> None:
        self._folder = folder
        self._authority = enrolment.authority
        self._list: ReleaseMetadata | None = None
        self._current: CurrentReleases | None = None
        self._why_none = "this PC has not fetched one yet"
        self._lock = threads.lock()

    def refresh(self, fetch: Callable[[str], bytes | None], *, now_utc_ms: int) -> None:
        """Take in what is newer. What is refused leaves the list in use as it was, and so it is until all has come.

        Args:
            fetch: a file of the list by its name, None where there is none (`StoreClient.metadata`).
            now_utc_ms: the time now.

        Raises:
            ListRefusedError, ListExpiredError: as `ReleaseMetadata.update`, or no root has the fingerprint given here.
            StoreError: the store was not reached.
        """
        root = None if self._folder.has(self._folder.authority_root) else self._root_from(fetch)
        with self._lock:
            if root is not None:
                self._folder.write(self._folder.authority_root, root)
            before = self._opened()
        kept: list[bytes] = []
        after, current = before.beside(kept.append), None
        try:
            current = after.update(fetch, now_utc_ms=now_utc_ms)
        finally:
            self._take(before, after, current, kept)

    def releases(self, *, at_utc_ms: int) -> CurrentReleases:
        """The list in use, good for `CurrentReleases.release` at that time.

        Raises:
            ListRefusedError: there is none here yet.
            ListExpiredError: its time is over.
        """
        with self._lock:
            if self._current is None:
                self._current = self._opened().current(now_utc_ms=at_utc_ms)
            now = max(at_utc_ms, self._opened().believed_utc_ms)
            if now >= self._current.valid_to_utc_ms:
                raise ListExpiredError(valid_to_utc_ms=self._current.valid_to_utc_ms, now_utc_ms=now)
            return self._current

    def trust(self, release: str, *, at_utc_ms: int) -> MetadataTrust:
        """By what a release's package is checked.

        Raises:
            ListRefusedError, ListExpiredError: as `releases`.
        """
        return MetadataTrust(self.releases(at_utc_ms=at_utc_ms), release)

    def _take(
        self, before: ReleaseMetadata, after: ReleaseMetadata, current: CurrentReleases | None, kept: list[bytes]
    ) -> None:
        """Use what was taken in, once it is on the disk. What another thread took in meanwhile stands: it is as new."""
        with self._lock:
            if self._list is not before:
                return
            if kept:
                self._folder.write(self._folder.list_memory, kept[-1])
            self._list, self._current = after, current

    def _root_from(self, fetch: Callable[[str], bytes | None]) -> bytes:
        """The root file that has the fingerprint which was given at this PC's enrolment."""
        for version in range(1, MOST_ROOTS + 1):
            data = fetch(f"{version}.root.json")
            if data is None:
                break
            if fingerprint(data) == self._authority:
                return data
        self._why_none = "the store has no root file with the fingerprint that this PC was enrolled with"
        raise ListRefusedError(why=self._why_none)

    def _opened(self) -> ReleaseMetadata:
        if self._list is None:
            root = self._folder.read(self._folder.authority_root)
            if root is None:
                raise ListRefusedError(why=self._why_none)
            if fingerprint(root) != self._authority:
                raise DamagedError(
                    what="authority's root file",
                    fault="it is not the one that this PC was enrolled with",
                    remedy="Enrol this PC again",
                )
            self._list = self._remembered(root)
        return self._list

    def _remembered(self, root: bytes) -> ReleaseMetadata:
        """The list with what is kept of it; where that is damaged, from the root anew: it must be fetched again."""
        path = self._folder.list_memory

        def keep(data: bytes) -> None:
            self._folder.write(path, data)

        try:
            return ReleaseMetadata(root, kept=self._folder.read(path), keep=keep)
        except DamagedError as error:
            _log.warning("%s", error)
            return ReleaseMetadata(root, kept=None, keep=keep)


def authority_of(given: str, read: Callable[[str], bytes | None]) -> tuple[str, bytes | None]:
    """The fingerprint of the authority's root, and the root itself where ``given`` names its file.

    Args:
        given: ``--authority``: the root file, or the 64 hexadecimal digits of its fingerprint (spaces do not matter).
        read: a file's bytes, None where there is no such file.

    Raises:
        SetUpError: neither.
    """
    digits = "".join(given.split()).lower()
    if len(digits) == len(fingerprint(b"")) and all(digit in "0123456789abcdef" for digit in digits):
        return digits, None
    root = read(given) if given else None
    if root is None:
        raise SetUpError(
            what="Enrolling needs the authority's root file or its fingerprint, and not from the store",
            remedy="Give --authority 1.root.json, or the 64 digits that 'bank metadata show' prints.",
        )
    try:
        check_root(root)
    except DamagedError as error:
        raise SetUpError(str(error), "Copy the file from the authority again.") from error
    return fingerprint(root), root
