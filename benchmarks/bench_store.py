"""What the store promises: envelopes of 20 kB sealed, sent over TLS on loopback and receipted durably.

    python benchmarks/bench_store.py [--quick]

The store runs as a process of its own (``store run``: SQLite, WAL, synchronous FULL); the client is `sync.client`'s own
signing over httpx. Writes ``benchmarks/results/store.json``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from centralstore.counter import open_store  # noqa: E402 - after the path
from centralstore.folder import init_folder  # noqa: E402
from centralstore.rights import COMMAND_LINE  # noqa: E402
from sync.client import StoreClient  # noqa: E402
from sync.envelope import next_range, pack  # noqa: E402
from sync.keys import BoxKey, DeviceKeys, SigningKey  # noqa: E402
from sync.passwords import TEST_COST  # noqa: E402
from sync.requests import sign_request  # noqa: E402
from sync.segment import (  # noqa: E402
    NO_HASH,
    Binding,
    RecordSealer,
    encode_preamble,
    new_segment,
    results_recipients,
    scan_segment,
)

RESULTS = ROOT / "benchmarks" / "results" / "store.json"
RECORDS, PAYLOAD = 75, 200
"""75 records of 200 bytes make an envelope of 20 kB with the segment's header."""

RUN = "import sys; from centralstore.commands import main; sys.exit(main(sys.argv[1:]))"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the benchmark table."""

    name: str
    unit: str
    median: float
    spread: float
    n: int
    peer: None
    goal: str
    note: str


def sealed_envelope(keys: DeviceKeys, device: str, custodian: BoxKey) -> bytes:
    """A fresh segment of one attempt, sealed and packed as one envelope."""
    attempt = sealed_envelope_id()
    recipients = results_recipients([custodian.public], 1)
    segment = new_segment(
        Binding("s1", attempt, device, "bench.v1"), recipients, ordinal=0, previous=None, begun_utc_ms=now_utc_ms()
    )
    sealer = RecordSealer(segment)
    block = encode_preamble(segment.preamble)
    records = b"".join(sealer.seal("answers", 9, b"x" * PAYLOAD).raw for _ in range(RECORDS))
    scan = scan_segment(block + block + records)
    span = next_range(scan, 0, limit=10**6)
    assert span is not None
    return pack(scan, *span, NO_HASH, keys.signing)


def sealed_envelope_id() -> str:
    return SigningKey.create().public.hex[:32]


def now_utc_ms() -> int:
    return time.time_ns() // 1_000_000


def cpu_ms(pid: int) -> float:
    """User and system time of a process so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def one_by_one(url: str, ca_file: Path, keys: DeviceKeys, device: str, n: int) -> list[Row]:
    """Seal, send, wait for the receipt; the next."""
    custodian = BoxKey.create()
    sealing: list[float] = []
    sending: list[float] = []
    size = 0
    with StoreClient(url, ca_file, device, keys, now_utc_ms=now_utc_ms) as client:
        client.synchronise()
        for _ in range(n):
            begin = time.perf_counter()
            data = sealed_envelope(keys, device, custodian)
            sealed = time.perf_counter()
            client.deliver(data)
            end = time.perf_counter()
            size = len(data)
            sealing.append((sealed - begin) * 1000)
            sending.append((end - begin) * 1000)
    note = f"{size} bytes an envelope; store in a process of its own on the same machine, SQLite WAL FULL"
    return [
        row("envelope sealed (fresh segment keys)", "ms", sealing, "", note),
        row("envelope sealed, sent, receipted: median", "ms", sending, "", note),
        Row(
            "envelope sealed, sent, receipted: p99", "ms", round(percentile(sending, 0.99), 3), 0.0, n,
            None, "<= 250 under load", note,
        ),
    ]  # fmt: skip


def row(name: str, unit: str, values: Sequence[float], goal: str, note: str) -> Row:
    low, high = percentile(values, 0.25), percentile(values, 0.75)
    return Row(name, unit, round(statistics.median(values), 3), round(high - low, 3), len(values), None, goal, note)


async def together(url: str, ca_file: Path, keys: DeviceKeys, device: str, *, n: int, clients: int) -> list[Row]:
    """Many connections, each sending the next envelope as soon as its last was receipted; sealed beforehand."""
    custodian = BoxKey.create()
    waiting = [sealed_envelope(keys, device, custodian) for _ in range(n)]
    times: list[float] = []
    context = httpx.create_ssl_context(verify=str(ca_file))
    limits = httpx.Limits(max_connections=clients)

    async def kiosk(http: httpx.AsyncClient) -> None:
        while waiting:
            data = waiting.pop()
            begin = time.perf_counter()
            headers = sign_request(
                device=device, key=keys.signing, method="POST", path="/v1/envelopes", body=data, now_utc_ms=now_utc_ms()
            )
            answer = await http.post(f"{url}/v1/envelopes", content=data, headers=headers)
            assert answer.status_code == 200, answer.text
            times.append((time.perf_counter() - begin) * 1000)

    async with httpx.AsyncClient(verify=context, limits=limits, timeout=60) as http:
        begin = time.perf_counter()
        await asyncio.gather(*(kiosk(http) for _ in range(clients)))
        seconds = time.perf_counter() - begin
    note = f"{clients} connections, client and store share the machine's cores; sealing not counted"
    return [
        Row("envelopes receipted, sustained", "1/s", round(n / seconds, 1), 0.0, n, None, ">= 1000", note),
        Row("envelope under load: p99", "ms", round(percentile(times, 0.99), 1), 0.0, n, None, "<= 250", note),
    ]


def main(argv: Sequence[str]) -> int:
    """Measure and write the table's lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args(argv).quick
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "store"
        init_folder(folder, content_key=SigningKey.create().public.hex, cost=TEST_COST)
        with open_store(folder) as store:
            token = store.make_token(COMMAND_LINE, "bench", "r1")
            keys = DeviceKeys.create()
            device = store.enrol(token, "bench", keys.box.public, keys.signing.public).id
            store.clear_device(COMMAND_LINE, device)
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, "run", str(folder), "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None
            found = re.search(r"https://\S+", process.stdout.readline())
            assert found is not None
            rows = one_by_one(found[0], folder / "ca.pem", keys, device, 200 if quick else 500)
            n = 600 if quick else 3000
            begin = cpu_ms(process.pid)
            rows += asyncio.run(together(found[0], folder / "ca.pem", keys, device, n=n, clients=40))
            spent = (cpu_ms(process.pid) - begin) / n
            note = "processor time of the store's process, all threads; does not depend on what else the machine does"
            rows.append(Row("store's processor time per envelope", "ms", round(spent, 2), 0.0, n, None, "<= 1", note))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=20)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(each) for each in rows], indent=2) + "\n", encoding="utf-8")
    for each in rows:
        print(f"{each.name:<48} {each.median:>10} {each.unit:<4} (spread {each.spread}, n {each.n}) {each.goal}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
