"""Progress: what a test leader may see of an attempt while it runs. Signed by the device; never an answer."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from sync.canonical import MAX_INT, Message
from sync.keys import SigningKey, VerifyKey
from sync.segment import Count, Hash, Id
from sync.signed import open_message, sign_message

PROGRESS: Final = "progress"
_MAX_BYTES: Final = 16_384

Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class Incident(Message):
    """An incident's code and when it was, on the attempt's clock; no free text, so that no answer can slip in."""

    kind: Code
    at_ms: Count


class Progress(Message):
    """One report of one PC about one attempt. ``sequence`` rises with every report of that device in a sitting.

    ``attempt``, ``candidate`` and ``part`` are "" while nobody is logged in. ``left_ms`` is None where no limit runs.
    ``records_durable`` and ``records_delivered`` count journal records on this disk and with a receipt;
    ``head`` is the chain value of the journal's last durable record ("" before there is one).
    """

    format: Literal[1] = 1
    sitting: Id
    device: Id
    sequence: Count
    at_utc_ms: Count
    phase: Code
    attempt: Annotated[str, Field(max_length=64)] = ""
    candidate: Annotated[str, Field(max_length=64)] = ""
    part: Annotated[str, Field(max_length=64)] = ""
    module_number: Annotated[int, Field(ge=0, le=99)] = 0
    task_number: Annotated[int, Field(ge=0, le=999)] = 0
    task_count: Annotated[int, Field(ge=0, le=999)] = 0
    left_ms: Annotated[int, Field(ge=-MAX_INT, le=MAX_INT)] | None = None
    is_locked: bool = False
    is_delivered: bool = False
    last_contact_utc_ms: Count = 0
    last_order: Count = 0
    records_durable: Count = 0
    records_delivered: Count = 0
    head: Hash | Literal[""] = ""
    incidents: Annotated[tuple[Incident, ...], Field(max_length=64)] = ()


def sign_progress(progress: Progress, device_key: SigningKey) -> bytes:
    """The report as it travels."""
    return sign_message(PROGRESS, progress, device_key)


def verify_progress(data: bytes, device_key: VerifyKey) -> Progress:
    """A genuine report; the caller refuses one whose ``sequence`` does not rise.

    Raises:
        DamagedError: not a progress report, or a field that it may not have.
        WrongSignatureError: not signed by this device.
    """
    return open_message(PROGRESS, Progress, data, device_key, signer="the device it names", limit=_MAX_BYTES)
