"""What can go wrong in the central store: each class builds its own sentence (what, where, what to do).

Callers tell apart by class: the request is wrong (`RequestError`), not allowed (`RefusedError`), in conflict with what
is kept (`StateError`), or the surroundings failed (`SurroundingsError`). `code` is for programs, `status` for HTTP.
"""

from __future__ import annotations

from typing import ClassVar


class StoreError(Exception):
    """Anything the store refuses or fails at; ``str(error)`` is one sentence that may be shown."""

    code: ClassVar[str] = "store_error"
    status: ClassVar[int] = 500


class RequestError(StoreError):
    """What came in is malformed."""

    code: ClassVar[str] = "bad_request"
    status: ClassVar[int] = 400


class FieldError(RequestError):
    """A field of a message or row is missing or has a value that cannot be."""

    code: ClassVar[str] = "bad_field"

    def __init__(self, place: str, field: str, problem: str, remedy: str) -> None:
        self.place, self.field = place, field
        super().__init__(f"{place}, field '{field}': {problem}. {remedy}")


class ImportRefusedError(RequestError):
    """A file of people or sittings has malformed rows; nothing of it was taken in."""

    code: ClassVar[str] = "import_refused"

    def __init__(self, path: str, problems: tuple[str, ...]) -> None:
        self.problems = problems
        lines = "\n  ".join(problems)
        super().__init__(f"{path}: nothing was imported. Correct these rows and import again:\n  {lines}")


class TooLargeError(RequestError):
    """A message is larger than its limit; it was not read to its end."""

    code: ClassVar[str] = "too_large"
    status: ClassVar[int] = 413

    def __init__(self, what: str, limit_bytes: int) -> None:
        super().__init__(f"{what}: larger than {limit_bytes} bytes. Send it in smaller pieces.")


class TooSlowError(RequestError):
    """A message did not arrive in the time it was given."""

    code: ClassVar[str] = "too_slow"
    status: ClassVar[int] = 408

    def __init__(self, what: str, limit_s: float) -> None:
        super().__init__(f"{what}: did not arrive within {limit_s:g} seconds. Check the network and send it again.")


class BrokenOffError(RequestError):
    """The connection broke within a message; nobody hears the answer."""

    code: ClassVar[str] = "broken_off"
    status: ClassVar[int] = 400

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}: the connection broke before all of it was here. Send it again.")


class DamagedError(RequestError):
    """A message cannot be read or its signature does not hold; nothing of it was kept."""

    code: ClassVar[str] = "damaged"

    def __init__(self, what: str, problem: str) -> None:
        super().__init__(f"{what}: {problem}. Nothing was kept; send it again from the PC that made it.")


class NotFoundError(StoreError):
    """No such thing is kept."""

    code: ClassVar[str] = "not_found"
    status: ClassVar[int] = 404

    def __init__(self, what: str, name: str, remedy: str = "Check the spelling.") -> None:
        super().__init__(f"{what} '{name}' is not known to this store. {remedy}")


class RefusedError(StoreError):
    """Whoever asked may not do this."""

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 403


class NoRightError(RefusedError):
    """The account's role or scope does not cover the act."""

    code: ClassVar[str] = "no_right"

    def __init__(self, user: str, act: str, where: str, remedy: str) -> None:
        super().__init__(f"{user} may not {act} at {where}. {remedy}")


class WrongPasswordError(RefusedError):
    """User name and password do not belong together, or the account was withdrawn."""

    code: ClassVar[str] = "wrong_password"
    status: ClassVar[int] = 401

    def __init__(self) -> None:
        super().__init__("User name or password is wrong. Type both again, or ask the test manager for a new password.")


class LogInPausedError(RefusedError):
    """Too many wrong passwords for one account."""

    code: ClassVar[str] = "log_in_paused"
    status: ClassVar[int] = 429

    def __init__(self, wait_s: int) -> None:
        self.wait_s = wait_s
        super().__init__(f"Too many wrong passwords. Wait {wait_s} seconds and try again.")


class UnknownDeviceError(RefusedError):
    """The PC is not enrolled, not cleared, or was revoked, or its signature does not hold."""

    code: ClassVar[str] = "unknown_device"
    status: ClassVar[int] = 401

    def __init__(self, device: str, problem: str) -> None:
        super().__init__(f"PC '{device}' {problem}. The test manager can enrol or clear it.")


class WrongTokenError(RefusedError):
    """An enrolment token is unknown, spent or out of date."""

    code: ClassVar[str] = "wrong_token"

    def __init__(self) -> None:
        super().__init__(
            "The enrolment token is unknown, already used or out of date. Make a new one with 'store token'."
        )


class StateError(StoreError):
    """The thing asked for does not fit the state of what is kept."""

    code: ClassVar[str] = "wrong_state"
    status: ClassVar[int] = 409


class NotNowError(StateError):
    """An act that this state does not allow."""

    def __init__(self, what: str, where: str, why: str, remedy: str) -> None:
        super().__init__(f"{what} at {where} was refused: {why}. {remedy}")


class TakenError(StateError):
    """A name or place that something else has already."""

    def __init__(self, what: str, name: str, remedy: str = "Choose another.") -> None:
        super().__init__(f"{what} '{name}' exists already. {remedy}")


class GoneError(StateError):
    """Something that is handed out only while the sitting is open."""

    code: ClassVar[str] = "gone"
    status: ClassVar[int] = 410

    def __init__(self, what: str, sitting: str) -> None:
        super().__init__(
            f"{what} of sitting {sitting}: the sitting is closed and it was deleted. Nothing more to fetch."
        )


class LentError(StateError):
    """A sitting that another store gives: nothing is given here, so that nobody is admitted in two places."""

    code: ClassVar[str] = "lent"

    def __init__(self, what: str, sitting: str, where: str, name: str) -> None:
        self.name = name
        super().__init__(f"{what} was refused: sitting {sitting} {where}. Do it at {name}.")


class SurroundingsError(StoreError):
    """Disk, database, key file or another program failed."""

    code: ClassVar[str] = "surroundings"
    status: ClassVar[int] = 503


class BusyError(SurroundingsError):
    """More comes in than the store can take in just now; whoever sent it keeps it and comes again.

    ``retry_after_s``: seconds to wait at least, as the answer's Retry-After says.
    """

    code: ClassVar[str] = "busy"

    def __init__(self, what: str, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(f"{what}: too much comes in at once. Keep it and send it again in {retry_after_s} seconds.")


class NotKeptError(SurroundingsError):
    """The database could not write: nothing of the request was kept and no receipt was given."""

    code: ClassVar[str] = "not_kept"

    def __init__(self, cause: str) -> None:
        super().__init__(
            f"The store could not write to its disk ({cause}): nothing was kept. What is on the PCs is safe there;"
            " free space on the store's disk, the PCs will send again by themselves."
        )


class PerhapsKeptError(NotKeptError):
    """The database was lost at the very end of a write: whether it was kept is not known, so it is not done again."""

    code: ClassVar[str] = "perhaps_kept"

    def __init__(self, cause: str) -> None:
        super(NotKeptError, self).__init__(
            f"The store lost its database while it wrote ({cause}): it is not known whether this was kept."
            " Look whether it is there before you do it again; what is on the PCs is safe there."
        )


class SetUpError(SurroundingsError):
    """The store's folder is missing, incomplete or not private."""

    code: ClassVar[str] = "set_up"

    def __init__(self, path: str, problem: str, remedy: str) -> None:
        super().__init__(f"{path}: {problem}. {remedy}")


class LogBrokenError(SurroundingsError):
    """The log in the database is not the one that was signed for: changed, cut off, or an older copy is back."""

    code: ClassVar[str] = "log_broken"

    def __init__(self, *, problem: str) -> None:
        super().__init__(
            f"The store's log: {problem}. Nothing more is signed for it; exams and deliveries go on."
            " Look with 'store check-log', keep the database as evidence, and tell the witness."
        )


class ForkedLogError(StateError):
    """A witness saw a log that does not continue what it saw before."""

    code: ClassVar[str] = "forked_log"

    def __init__(self, problem: str, evidence: str) -> None:
        super().__init__(
            f"ALARM: the store's log was changed: {problem}. Nothing was signed. The two signed checkpoints are in"
            f" {evidence}: keep the file, tell whoever runs the exams, and accept no export from this store until it is"
            " explained."
        )


class RestoreRefusedError(RequestError):
    """A backup that cannot be put back as it is; nothing was made."""

    code: ClassVar[str] = "restore_refused"

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}. Nothing was restored; take another backup, or bring what is missing.")


class StoreSilentError(SurroundingsError):
    """A store that a witness asked gives no usable answer."""

    code: ClassVar[str] = "store_silent"

    def __init__(self, url: str, cause: str) -> None:
        super().__init__(f"The store at {url} gives no usable answer ({cause}). Check network, address and CA file.")
