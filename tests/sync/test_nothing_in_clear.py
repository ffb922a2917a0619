"""After a whole run on a real disk, neither an answer nor any key lies there in clear, nor in what was sent."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from engine.events import Answered, Edited
from sync import preamble
from sync import writer as writers
from sync.keys import random_key
from sync.outbox import Outbox
from sync.segment import FORM_ENTRY, KEY_TIMINGS, Binding, recovery_recipient, results_recipients
from sync.writer import Disk, JournalWriter
from tests.sync.examples import NOW, RECOVERY, RESULTS, signing

BINDING = Binding("oslo-a", "0f" * 16, "pc-07", "norskprove-demo-3")
SECRETS = ("Jeg bor på Grønland i Oslo", "svaret er alternativ B", "tastelogg 4711 4712", "fødselsnummer 01018012345")


def forms_of(secret: bytes) -> list[bytes]:
    """A secret as it could stand in a file: raw, hexadecimal, base64 at each of its three alignments."""
    encoded = [base64.b64encode(bytes(shift) + secret)[shift and shift + 1 : -4] for shift in range(3)]
    assert all(len(each) >= 12 for each in encoded)
    return [secret, secret.hex().encode(), secret.hex().upper().encode(), *encoded]


def test_neither_disk_nor_envelopes_show_an_answer_or_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bytes] = []

    def watched() -> bytes:
        made.append(random_key())
        return made[-1]

    monkeypatch.setattr(preamble, "random_key", watched)
    disk = Disk(free_needed=0, reserve_bytes=1000, segment_bytes=8192)
    recipients = (*results_recipients([RESULTS.public], 1), recovery_recipient(RECOVERY.public))
    writer = JournalWriter.begin(tmp_path / "journal", BINDING, recipients, now_utc_ms=lambda: NOW, disk=disk)
    writer.append(Edited(1, "W-11", 0, "", SECRETS[0], "paste"), utc_ms=NOW)
    writer.append(Answered(2, "R-101", (SECRETS[1],)), utc_ms=NOW)
    writer.append_payload("keys", KEY_TIMINGS, SECRETS[2].encode())
    writer.append_payload("form", FORM_ENTRY, SECRETS[3].encode())
    writer.close()
    box = Outbox(tmp_path / "journal", device_key=signing("pc-07"), receipt_key=signing("store").public)
    sent = b"".join(parcel.data for parcel in box.pending())
    assert box.export(tmp_path / "stick") == 1
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(made) == 3
    assert len(files) == 4
    secret_bytes = [*(text.encode() for text in SECRETS), *made, RESULTS.raw, RECOVERY.raw, signing("pc-07").raw]
    for content in (sent, *files):
        for secret in secret_bytes:
            for form in forms_of(secret):
                assert form not in content


def test_control_the_scan_finds_what_is_there() -> None:
    secret = b"0123456789abcdef0123456789abcdef"
    for shift in range(3):
        haystack = base64.b64encode(b"x" * (3 + shift) + secret + b"yyyy")
        assert any(form in haystack for form in forms_of(secret))
    assert writers.Position(0, 1) < writers.Position(1, 0)
