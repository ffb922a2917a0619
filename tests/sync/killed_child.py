"""The program that `test_killed.py` kills: it writes answers for ever and says on standard output which are written."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from sync.writer import Disk, JournalWriter
from tests.sync.examples import BINDING, answer, recipients


def main() -> None:
    folder = Path(sys.argv[1])
    commits_each = sys.argv[2] == "commit"
    writer = JournalWriter.begin(
        folder,
        BINDING,
        recipients(),
        now_utc_ms=lambda: time.time_ns() // 1_000_000,
        disk=Disk(free_needed=0, reserve_bytes=0, segment_bytes=65_536),
    )
    for number in range(1_000_000):
        writer.append(answer(number), utc_ms=0)
        if commits_each:
            writer.commit()
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
