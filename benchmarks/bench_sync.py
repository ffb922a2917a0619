"""What sync promises: a record on the disk, an envelope of 20 kB from sealing to receipt, an attempt read back.

Run from the repository root: ``python benchmarks/bench_sync.py``. Writes benchmarks/results/sync.json.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from engine.events import Edited  # noqa: E402
from sync.bundle import read_envelopes, read_journal  # noqa: E402
from sync.envelope import next_range, open_envelope, pack, verify  # noqa: E402
from sync.keys import BoxKey, DeviceKeys, SigningKey  # noqa: E402
from sync.outbox import Outbox  # noqa: E402
from sync.receipt import Receipt, sign_receipt, verify_receipt  # noqa: E402
from sync.segment import (  # noqa: E402
    NO_HASH,
    Binding,
    NewSegment,
    RecordSealer,
    SegmentScan,
    new_segment,
    open_stream_keys,
    recovery_opener,
    recovery_recipient,
    results_opener,
    results_recipients,
)
from sync.writer import Disk, JournalWriter  # noqa: E402

DEVICE, STORE, RESULTS, RECOVERY = DeviceKeys.create(), SigningKey.create(), BoxKey.create(), BoxKey.create()
RECIPIENTS = (*results_recipients([RESULTS.public], 1), recovery_recipient(RECOVERY.public))
FEW = 100
BINDING = Binding("bench", "a" * 32, "pc-bench", "release")


def row(name: str, unit: str, times: list[float], goal: str, note: str) -> list[dict[str, object]]:
    """Median with interquartile range, and, of many, the 99th percentile as a row of its own."""
    low, median, high = statistics.quantiles(times, n=4)
    worst = statistics.quantiles(times, n=100)[98]
    common: dict[str, object] = {"unit": unit, "n": len(times), "peer": None, "note": note}
    if len(times) < FEW:
        return [
            {
                "name": f"sync: {name}",
                "median": round(median, 2),
                "spread": round(high - low, 2),
                "goal": goal,
                **common,
            }
        ]
    return [
        {"name": f"sync: {name}", "median": round(median, 2), "spread": round(high - low, 2), "goal": "", **common},
        {"name": f"sync: {name}, p99", "median": round(worst, 2), "spread": 0.0, "goal": goal, **common},
    ]


def timed(work: Callable[[], object], runs: int) -> list[float]:
    """Microseconds of each run."""
    times: list[float] = []
    for _ in range(runs):
        before = time.perf_counter_ns()
        work()
        times.append((time.perf_counter_ns() - before) / 1000)
    return times


def edit(number: int) -> Edited:
    return Edited(number * 100, "W-11", number, "", "a", "type")


def twenty_kilobytes() -> tuple[NewSegment, SegmentScan]:
    """A segment in memory whose records fill one envelope."""
    new = new_segment(BINDING, RECIPIENTS, ordinal=0, previous=None, begun_utc_ms=0)
    sealer = RecordSealer(new)
    records = tuple(sealer.seal("answers", 41, bytes(160)) for _ in range(76))
    return new, SegmentScan(new.preamble, records, (), (), b"", 0)


def bench_envelope(runs: int) -> list[dict[str, object]]:
    new, scan = twenty_kilobytes()
    last = (next_range(scan, 0) or (0, 0))[1]
    size = len(pack(scan, 0, last, NO_HASH, DEVICE.signing))
    payloads = [bytes(160)] * (last + 1)

    def whole_way() -> object:
        sealer = RecordSealer(new)
        fresh = SegmentScan(new.preamble, tuple(sealer.seal("answers", 41, each) for each in payloads), (), (), b"", 0)
        data = pack(fresh, 0, last, NO_HASH, DEVICE.signing)
        envelope = verify(data, DEVICE.signing.public)
        attempt, segment, first, end = envelope.key
        receipt = Receipt(
            attempt=attempt,
            segment=segment,
            first=first,
            last=end,
            sha256=envelope.sha256,
            device="pc-bench",
            stored_utc_ms=0,
        )
        return verify_receipt(sign_receipt(receipt, STORE), STORE.public)

    data = pack(scan, 0, last, NO_HASH, DEVICE.signing)
    envelope = verify(data, DEVICE.signing.public)
    opener = results_opener({0: RESULTS})
    note = f"{size} bytes, {last + 1} records, one thread"
    return [
        *row("envelope sealed, signed, verified, receipted", "us", timed(whole_way, runs), "≤ 20000 us", note),
        *row(
            "envelope verified at the door",
            "us",
            timed(lambda: verify(data, DEVICE.signing.public), runs),
            "≤ 10000 us",
            note,
        ),
        *row(
            "envelope opened with the results key",
            "us",
            timed(lambda: open_envelope(envelope, open_stream_keys(envelope.preamble, opener)), runs),
            "≤ 10000 us",
            note,
        ),
    ]


def bench_journal(folder: Path, runs: int) -> list[dict[str, object]]:
    disk = Disk(free_needed=0, reserve_bytes=0)
    writer = JournalWriter.begin(folder, BINDING, RECIPIENTS, now_utc_ms=lambda: time.time_ns() // 1_000_000, disk=disk)
    number = iter(range(10_000_000))
    append = timed(lambda: writer.append(edit(next(number)), utc_ms=0), runs)

    def durable() -> None:
        writer.append(edit(next(number)), utc_ms=0)
        writer.commit()

    committed = timed(durable, runs)
    writer.close()
    note = "an edit of one character, pre-allocated file, virtual disk with a write-back cache"
    return [
        *row("journal append, no sync", "us", append, "≤ 1000 us", note),
        *row("journal append and fdatasync", "us", committed, "≤ 50000 us", note),
    ]


def bench_reading(folder: Path, runs: int) -> list[dict[str, object]]:
    opener = recovery_opener(RECOVERY)
    bundle = read_journal(folder, BINDING.attempt, opener)
    count = len(bundle.events)
    box = Outbox(folder, device_key=DEVICE.signing, receipt_key=STORE.public)
    box.export(folder / "stick")
    envelopes = [path.read_bytes() for path in sorted((folder / "stick").iterdir())]
    devices = {"pc-bench": DEVICE.signing.public}
    return [
        *row(
            "attempt recovered from its file",
            "us",
            timed(lambda: read_journal(folder, BINDING.attempt, opener), runs),
            "≤ 5000000 us",
            f"{count} edits",
        ),
        *row(
            "attempt verified and opened from envelopes",
            "us",
            timed(
                lambda: read_envelopes(envelopes, results_opener({0: RESULTS}), devices, attempt=BINDING.attempt), runs
            ),
            "≤ 5000000 us",
            f"{count} edits, {len(envelopes)} envelopes",
        ),
    ]


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few runs, for a look")
    quick = parser.parse_args().quick
    runs = 100 if quick else 2000
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as name:
        folder = Path(name)
        rows = bench_envelope(runs) + bench_journal(folder, runs) + bench_reading(folder, 5 if quick else 20)
    for each in rows:
        print(f"{each['name']:60} {each['median']:>12} {each['unit']}  ± {each['spread']}  {each['goal']}")
    target = ROOT / "benchmarks/results/sync.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
