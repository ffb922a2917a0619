"""What the store's log costs: a leaf with its row, proofs, the check of everything, a witness's look, a backup.

    python benchmarks/bench_log.py [--quick]

Envelopes are real (sealed, signed, verified), 2 kB each. Writes ``benchmarks/results/log.json``.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from sqlmodel import Session  # noqa: E402 - after the path

from benchmarks.common import Row, Sealed, sealed_segment, write_rows  # noqa: E402
from centralstore.evidence.backup import make_backup, restore  # noqa: E402
from centralstore.folder import init_folder  # noqa: E402
from centralstore.leaves import RECEIPT, Leaf, place_ref  # noqa: E402
from centralstore.rights import COMMAND_LINE  # noqa: E402
from centralstore.store import Store  # noqa: E402
from centralstore.store.keeper import House  # noqa: E402
from centralstore.store.log import append  # noqa: E402
from centralstore.tables import KeptEnvelope  # noqa: E402
from sync.keys import BoxKey, DeviceKeys  # noqa: E402
from sync.passwords import TEST_COST  # noqa: E402
from sync.receipt import Receipt, sign_receipt  # noqa: E402
from sync.segment import Binding  # noqa: E402
from sync.tree import is_included, leaf_hash, root_of  # noqa: E402

GROUP = 100
"""Envelopes in one transaction: about what the store takes together under full load."""

NOW_MS = 1_795_420_800_000


def house_of(store: Store) -> House:
    """The store's inside: a benchmark of a part has to reach it."""
    return store._house  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


def envelopes(keys: DeviceKeys, device: str, number: int) -> tuple[str, str, list[Sealed]]:
    """Attempt, segment and envelopes of one attempt."""
    binding = Binding("s1", f"{number:032x}", device, "r.v1")
    custodian = BoxKey(b"r" * 32).public
    segment, made = sealed_segment(binding, keys.signing, custodian, [b"x" * 60] * 60, begun_utc_ms=NOW_MS, limit=600)
    return binding.attempt, segment, made


def filled(store: Store, keys: DeviceKeys, count: int) -> list[float]:
    """Keep ``count`` envelopes with receipts and leaves; microseconds a leaf, by transaction."""
    spent: list[float] = []
    rows: list[dict[str, object]] = []
    number = 0

    token = store.make_token(COMMAND_LINE, "oslo", "r1")
    device = store.enrol(token, "PC 1", keys.box.public, keys.signing.public).id
    store.clear_device(COMMAND_LINE, device)
    receipt_key = house_of(store).keys.receipt

    def keep(session: Session) -> None:
        connection = session.connection()
        connection.execute(KeptEnvelope.metadata.tables["keptenvelope"].insert(), rows)
        leaves = [
            Leaf(RECEIPT, place_ref(row["attempt"], row["segment"], row["first"], row["last"]), "s1", row["receipt"])  # type: ignore[arg-type]
            for row in rows
        ]
        begun = time.perf_counter()
        append(connection, leaves)
        spent.append((time.perf_counter() - begun) / len(leaves) * 1e6)

    kept = 0
    while kept < count:
        rows = []
        while len(rows) < GROUP:
            attempt, segment, made = envelopes(keys, device, number)
            for each in made:
                receipt = Receipt(
                    attempt=attempt, segment=segment, first=each.first, last=each.last, sha256=each.sha256,
                    device=device, stored_utc_ms=NOW_MS,
                )  # fmt: skip
                rows.append(
                    {
                        "sitting": "s1", "attempt": attempt, "segment": segment, "device": device, "release": "r.v1",
                        "first": each.first, "last": each.last, "sha256": each.sha256, "received_ms": NOW_MS,
                        "data": each.data,
                        "receipt": sign_receipt(receipt, receipt_key),
                    }
                )  # fmt: skip
            number += 1
        house_of(store).database.write(keep)
        kept += len(rows)
    return spent


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def of_many(name: str, unit: str, values: Sequence[float], goal: str, note: str) -> Row:
    """A line for repeated measurements."""
    low, median, high = statistics.quantiles(values, n=4)
    p99 = sorted(values)[int(len(values) * 0.99) - 1]
    return Row(
        name, unit, round(median, 2), round((high - low) / 2, 2), len(values), None, goal, f"{note}; p99 {p99:.1f}"
    )


def of_one(name: str, unit: str, value: float, n: int, goal: str, note: str) -> Row:
    """A line for one run over ``n`` things."""
    return Row(name, unit, round(value, 2), 0.0, n, None, goal, note)


def measure(count: int, proofs: int) -> list[Row]:
    """All figures over a log of about ``count`` leaves on SQLite."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = init_folder(Path(temporary) / "store", cost=TEST_COST)
        store = Store.open(folder.path, clock=lambda: NOW_MS)
        spent = filled(store, DeviceKeys.create(), count)
        first_s = timed(store.checkpoint)
        size = house_of(store).log.tiles.size
        chance = random.Random(1)
        indexes = [chance.randrange(size) for _ in range(proofs)]
        made = [timed(lambda index=index: store.inclusion(index, size)) * 1000 for index in indexes]
        steps = [timed(lambda at=at: store.consistency(at + 1, size)) * 1000 for at in indexes]
        proof, root = store.inclusion(indexes[0], size), house_of(store).log.tiles.root
        verify = [
            timed(lambda: is_included(proof.leaf, proof.index, size, proof.path, root)) * 1e6 for _ in range(proofs)
        ]
        report = None

        def check() -> None:
            nonlocal report
            report = store.check_log()

        begun_s = time.process_time()
        check()
        check_s = time.process_time() - begun_s
        assert report is not None
        assert report.findings == ()
        backup = Path(temporary) / "backup.tar"
        backup_s = timed(
            lambda: make_backup(folder.path, backup, checkpoint=lambda: store.checkpoint().decode(), now_utc_ms=NOW_MS)
        )
        store.close()
        restore_s = timed(lambda: restore(backup, Path(temporary) / "again", keys=folder.path))
        megabytes = backup.stat().st_size / 1e6
        leaves = [leaf_hash(index.to_bytes(8, "big")) for index in range(100_000)]
        tree_s = timed(lambda: root_of(leaves))
        return [
            of_many("a leaf beside its row, in groups of 100", "µs", spent[1:], "≤ 25", "before the commit"),
            of_one("tree over 100 000 leaves", "s", tree_s, 1, "≤ 1", "two hashes a leaf"),
            of_one("first checkpoint of a process", "s", first_s, size, "≤ 2", f"reads and hashes {size} leaves"),
            of_many("inclusion proof", "ms", made, "≤ 5", f"in {size} leaves, verified before it is given"),
            of_many("consistency proof", "ms", steps, "≤ 5", f"to {size} leaves, verified before it is given"),
            of_many("verifying an inclusion proof", "µs", verify, "≤ 100", f"{len(proof.path)} hashes"),
            of_one(
                "check of everything, a 100 000 leaves", "s", check_s * 100_000 / report.leaves, report.leaves, "≤ 120",
                f"processor time; every receipt, envelope and signature; measured on {report.leaves}",
            ),
            of_one("backup", "MB/s", megabytes / backup_s, 1, "≥ 17", f"{megabytes:.0f} MB; 10 GB in 10 minutes"),
            of_one("restoration", "MB/s", megabytes / restore_s, 1, "≥ 17", "every byte hashed before it counts"),
        ]  # fmt: skip


def main(argv: Sequence[str]) -> int:
    """Measure and write the table's lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args(argv).quick
    rows = measure(3_000, 100) if quick else measure(30_000, 500)
    write_rows("log", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
