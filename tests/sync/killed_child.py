"""The program that `test_killed.py` kills: it writes answers for ever and tells which of them are written."""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path

from sync.writer import Disk, JournalWriter
from tests.sync.examples import BINDING, NOW, answer, recipients


def write_for_ever(told: Connection, folder: Path, mode: str) -> None:
    writer = JournalWriter.begin(
        folder,
        BINDING,
        recipients(),
        now_utc_ms=lambda: NOW,
        disk=Disk(free_needed=0, reserve_bytes=0, segment_bytes=65_536),
    )
    for number in range(1_000_000):
        writer.append(answer(number), utc_ms=NOW)
        if mode == "commit":
            writer.commit()
        elif mode == "commit soon":
            writer.commit_soon(1)
        told.send_bytes(str(number).encode())
