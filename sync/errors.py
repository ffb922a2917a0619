"""Everything that can go wrong in `sync`, told the same way every time: what, where, what to do.

Three families under `SyncError`, so that a caller can tell them apart: `SyncUsageError` (we called it wrongly),
`SyncDataError` (what came in is damaged, forged, old or not for us) and `SyncSurroundingsError` (disk, network, store).
"""

from __future__ import annotations

import time


class SyncError(Exception):
    """The root of this package's errors; its text is one sentence or two that can be shown to staff."""


class SyncUsageError(SyncError):
    """This package was called in a way that its documentation rules out."""

    def __init__(self, *, what: str, remedy: str) -> None:
        super().__init__(f"{what}. {remedy}.")


class SyncDataError(SyncError):
    """What came from outside cannot be accepted."""


class DamagedError(SyncDataError):
    """Bytes that do not follow their format: cut, flipped, too long, not canonical."""

    def __init__(self, *, what: str, fault: str, remedy: str = "Fetch it again; if it stays so, make it anew") -> None:
        self.what = what
        self.fault = fault
        super().__init__(f"The {what} is damaged: {fault}. {remedy}.")


class WrongSignatureError(SyncDataError):
    """A signature that does not fit the bytes and the key that must have made it."""

    def __init__(self, *, what: str, signer: str) -> None:
        self.what = what
        self.signer = signer
        super().__init__(
            f"The {what} is not signed by {signer}, or was changed after it was signed. "
            f"Do not use it; fetch it again from its maker and report it if this happens twice."
        )


class CannotOpenError(SyncDataError):
    """Sealed bytes that this key does not open: another key, another context, or changed bytes."""

    def __init__(self, *, what: str, context: str) -> None:
        self.what = what
        super().__init__(
            f"The {what} for {context} cannot be opened with this key: it was sealed to another key or was changed. "
            f"Check that it is meant for this PC and sitting, then fetch it again."
        )


class ExpiredError(SyncDataError):
    """Something signed whose time is over or not yet come. Times are UTC milliseconds."""

    def __init__(self, *, what: str, name: str, valid_to_utc_ms: int, now_utc_ms: int) -> None:
        self.what = what
        super().__init__(
            f"The {what} '{name}' was valid until {valid_to_utc_ms} and it is {now_utc_ms} now (UTC, ms). "
            f"Check this machine's clock; if it is right, fetch a newer {what}."
        )


class RollbackError(SyncDataError):
    """A genuine object older than one that was accepted before."""

    def __init__(self, *, what: str, name: str, version: int, seen: int) -> None:
        self.what = what
        super().__init__(
            f"The {what} '{name}' has version {version}, but version {seen} was accepted before. "
            f"An older one is never taken; fetch version {seen} or newer."
        )


class ListRefusedError(SyncDataError):
    """The authority's list of current releases, or what was given out as one, is not taken."""

    def __init__(self, *, why: str) -> None:
        self.why = why
        super().__init__(
            f"The list of current releases was refused: {why}. The list taken before stays in use; "
            f"fetch it again, and tell the authority if it is refused twice."
        )


class ListExpiredError(SyncDataError):
    """The authority's list of current releases is out of date. Times are UTC milliseconds."""

    def __init__(self, *, valid_to_utc_ms: int, now_utc_ms: int) -> None:
        self.valid_to_utc_ms = valid_to_utc_ms
        super().__init__(
            f"The list of current releases held until {_minute(valid_to_utc_ms)} and it is {_minute(now_utc_ms)} now "
            f"(UTC). Connect this PC to the store to fetch a newer one; if the time is wrong, set this PC's clock."
        )


class NotCurrentError(SyncDataError):
    """A release that the authority's list does not let be used."""

    def __init__(self, release: str, *, why: str) -> None:
        self.release = release
        super().__init__(
            f"Release '{release}' is not opened: {why}. Fetch the list and the release again; "
            f"if it stays so, ask the authority which release the sitting must use."
        )


class NotForUsError(SyncDataError):
    """Genuine, but made for another device, sitting, attempt or release."""

    def __init__(self, *, what: str, field: str, expected: str, found: str) -> None:
        self.what = what
        self.field = field
        super().__init__(
            f"The {what} is for {field} '{found}', not '{expected}'. Fetch the one that was made for '{expected}'."
        )


class OrderSequenceError(SyncDataError):
    """An order that does not follow the ones already known: one is missing, or one came out of turn."""

    def __init__(self, sitting: str, *, expected: int, found: int) -> None:
        self.expected = expected
        self.found = found
        super().__init__(
            f"Order {found} of sitting '{sitting}' came out of sequence: order {expected} is next. "
            f"Nothing was applied; fetch the orders again from number {expected}."
        )


class ForgedOrderError(SyncDataError):
    """An order whose signature or chain is wrong, or that contradicts one already applied."""

    def __init__(self, *, sitting: str, number: int, fault: str) -> None:
        self.number = number
        super().__init__(
            f"Order {number} of sitting '{sitting}' is not genuine: {fault}. "
            f"Nothing was applied; the test leader must be told and the orders fetched again from the store."
        )


class RequestRefusedError(SyncDataError):
    """A request to the store whose signature, time or nonce is not acceptable; ``code`` is for programs."""

    def __init__(self, *, code: str, fault: str, remedy: str) -> None:
        self.code = code
        super().__init__(f"The request was refused: {fault}. {remedy}.")


class SyncSurroundingsError(SyncError):
    """Disk, network or store failed; nothing is wrong with the data or the call."""


class DiskSpaceError(SyncSurroundingsError):
    """Too little room to begin an attempt safely."""

    def __init__(self, folder: str, *, free_bytes: int, needed_bytes: int) -> None:
        self.free_bytes = free_bytes
        self.needed_bytes = needed_bytes
        super().__init__(
            f"Only {free_bytes // 2**20} MiB are free in {folder}; {needed_bytes // 2**20} MiB are needed to begin. "
            f"Free space on this disk or seat the candidate at another PC."
        )


class FileFailedError(SyncSurroundingsError):
    """A file that could not be read or written."""

    def __init__(self, action: str, path: str, cause: str) -> None:
        super().__init__(f"Could not {action} {path}: {cause}. Check the disk and the rights of this user.")


class StickError(SyncSurroundingsError):
    """A medium that took only a part of what was to be saved on it, or nothing; ``saved`` files are whole there."""

    def __init__(self, folder: str, cause: str, *, saved: int) -> None:
        self.saved = saved
        super().__init__(
            f"Only {saved} envelopes were saved to {folder}: {cause}. "
            "Nothing is lost on this PC: use another medium, or free room there, and save again."
        )


class JournalFailedError(SyncSurroundingsError):
    """The journal can no longer be written anywhere; answers after ``durable`` records are in memory only."""

    def __init__(self, attempt: str, cause: str, *, durable: int) -> None:
        self.durable = durable
        super().__init__(
            f"The journal of attempt {attempt} cannot be written: {cause}. "
            f"{durable} records of its last file are safe; stop here, leave this PC as it is, "
            f"and move the candidate to another PC."
        )


class StoreError(SyncSurroundingsError):
    """The store did not do what was asked: `StoreUnreachableError` or `StoreRefusedError`."""


class StoreUnreachableError(StoreError):
    """No answer from the store: no network, no such host, time-out, or not the pinned certificate."""

    def __init__(self, url: str, cause: str) -> None:
        super().__init__(
            f"The store at {url} cannot be reached: {cause.rstrip('.')}. "
            f"Work goes on here and is delivered later; check the network."
        )


class StoreRefusedError(StoreError):
    """The store answered no; its own sentence and code are kept."""

    def __init__(self, action: str, *, status: int, code: str, sentence: str) -> None:
        self.status = status
        self.code = code
        self.sentence = sentence
        super().__init__(f"The store refused to {action} ({status} {code}): {sentence}")


def _minute(utc_ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(utc_ms / 1000))
