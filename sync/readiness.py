"""Readiness: what a PC found when it was tested before a sitting. Signed; recorded per PC with its date."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field

from sync.canonical import Message
from sync.keys import SigningKey, VerifyKey
from sync.progress import Code
from sync.segment import Count, Id
from sync.signed import open_message, sign_message

READINESS: Final = "readiness"
TRIAL_BYTES: Final = 2**20
"""What is sent and fetched to measure the way to the store: a second's worth at 8 Mbit/s."""
_MAX_BYTES: Final = 65_536

Figure = Annotated[str, Field(max_length=400)]


class Outcome(StrEnum):
    """What came of a check. A PC with a failed one is not ready; one left out was not asked for."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"
    LEFT_OUT = "left_out"


class Finding(Message):
    """One check: its code, what came of it, and one sentence with the figure (and what to do)."""

    check: Code
    outcome: Outcome
    told: Figure


class Readiness(Message):
    """One PC tested at one time. ``sitting`` is "" when the PC was tested before any sitting was planned."""

    format: Literal[1] = 1
    device: Id
    sitting: Annotated[str, Field(max_length=64)] = ""
    at_utc_ms: Count
    findings: Annotated[tuple[Finding, ...], Field(max_length=64)]

    @property
    def is_ready(self) -> bool:
        """Whether no check failed."""
        return all(each.outcome is not Outcome.FAILED for each in self.findings)


def sign_readiness(readiness: Readiness, device_key: SigningKey) -> bytes:
    """The report as it travels."""
    return sign_message(READINESS, readiness, device_key)


def verify_readiness(data: bytes, device_key: VerifyKey) -> Readiness:
    """A genuine report.

    Raises:
        DamagedError: not a readiness report, or a field that it may not have.
        WrongSignatureError: not signed by this device.
    """
    return open_message(READINESS, Readiness, data, device_key, signer="the device it names", limit=_MAX_BYTES)
