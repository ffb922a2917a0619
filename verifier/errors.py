"""The two ways in which something is not as it must be, and the one line that says so."""

from __future__ import annotations

from typing import NoReturn, TypeVar

T = TypeVar("T")


class VerifierError(Exception):
    """Base of this package's errors; the text is one sentence: what, where."""


class UnreadableError(VerifierError):
    """The bundle or a key cannot be read at all, so nothing can be said about the sitting."""

    def __init__(self, where: object, fault: str, remedy: str) -> None:
        super().__init__(f"{where}: {fault}. {remedy}.")


class WrongError(VerifierError):
    """One thing in the bundle is not as the published formats demand: a finding."""


def need(holds: bool, sentence: str) -> None:  # noqa: FBT001  a condition
    """Go on where something holds.

    Raises:
        WrongError: it does not; ``sentence`` says what is wrong.
    """
    if not holds:
        refuse(sentence)


def refuse(sentence: str) -> NoReturn:
    """Say that something is wrong; a `WrongError`."""
    raise WrongError(sentence)


def present(value: T | None, sentence: str) -> T:
    """A value that must be there.

    Raises:
        WrongError: it is None.
    """
    return refuse(sentence) if value is None else value
