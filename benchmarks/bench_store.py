"""What the store promises: envelopes of 20 kB over TLS 1.3 on loopback, receipted durably, on SQLite and PostgreSQL.

    python benchmarks/bench_store.py [--quick]

The store runs as a process of its own (``store run``), the load in another (`store_load`), so that each one's processor
time is known; both share the machine. Every envelope is sealed and signed beforehand; those of one segment do not
follow each other. After the run the database must hold exactly what was receipted.
Writes ``benchmarks/results/store.json``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import re
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import create_engine, text

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.common import Row, Sealed, row, sealed_segment, write_rows  # noqa: E402 - after the path
from benchmarks.store_load import ENTRY  # noqa: E402
from centralstore.counter import open_store  # noqa: E402
from centralstore.folder import init_folder, open_folder  # noqa: E402
from centralstore.rights import COMMAND_LINE  # noqa: E402
from sync.client import StoreClient  # noqa: E402
from sync.envelope import envelope_sha256  # noqa: E402
from sync.keys import BoxKey, DeviceKeys, SigningKey  # noqa: E402
from sync.passwords import TEST_COST  # noqa: E402
from sync.segment import RECORD_OVERHEAD, Binding  # noqa: E402
from tests.centralstore import served as storming  # noqa: E402
from tests.postgres import programs, running_postgres  # noqa: E402

RECORDS, PAYLOAD = 75, 200
"""75 records of 200 bytes make an envelope of 20 kB with the segment's header."""

PER_SEGMENT = 10
DEVICES = 40
CONNECTIONS = 80
OFFERED = 1000
SHARES = 8
RUN = "import sys; from centralstore.commands import main; sys.exit(main(sys.argv[1:]))"


@dataclass(frozen=True, slots=True)
class Pc:
    """An exam PC as far as a load needs it: its id and the raw bytes of its signing key."""

    id: str
    signing: bytes


def now_utc_ms() -> int:
    return time.time_ns() // 1_000_000


# --- sealing beforehand -----------------------------------------------------------------------------------------------


def envelopes(pc: Pc, custodian: BoxKey, count: int) -> list[Sealed]:
    """A fresh segment of one attempt, sealed and packed as ``count`` envelopes."""
    binding = Binding("s1", os.urandom(16).hex(), pc.id, "bench.v1")
    payloads = [b"x" * PAYLOAD] * (RECORDS * count)
    limit = RECORDS * (RECORD_OVERHEAD + -(-(PAYLOAD + 1) // 32) * 32)
    return sealed_segment(
        binding, SigningKey(pc.signing), custodian.public, payloads, begun_utc_ms=now_utc_ms(), limit=limit
    )[1]


def _seal_many(given: tuple[Path, Sequence[Pc], int, int]) -> Path:
    """One process's share of a load: the first envelopes of all its segments, then the second ones, and so on."""
    path, pcs, segments, per_segment = given
    custodian = BoxKey.create()
    made = [envelopes(pcs[number % len(pcs)], custodian, per_segment) for number in range(segments)]
    with path.open("wb") as file:
        for turn in range(per_segment):
            for each in made:
                data = each[turn].data
                file.write(ENTRY.pack(len(data), bytes.fromhex(each[turn].sha256)) + data)
    return path


def sealed_load(folder: Path, pcs: Sequence[Pc], count: int) -> Path:
    """A file of at least ``count`` sealed envelopes, made by all processors."""
    share = -(-count // (PER_SEGMENT * SHARES))
    jobs = [(folder / f"part-{number}", pcs, share, PER_SEGMENT) for number in range(SHARES)]
    with multiprocessing.get_context("spawn").Pool() as pool:
        parts = pool.map(_seal_many, jobs, chunksize=1)
    path = folder / "load"
    with path.open("wb") as file:
        for part in parts:
            file.write(part.read_bytes())
            part.unlink()
    return path


# --- the store as a process -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Running:
    """A store that serves."""

    pid: int
    url: str
    folder: Path
    receipt_key: str

    def cpu_ms(self) -> float:
        """User and system time of its process so far (Linux)."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def new_store(folder: Path, database: str) -> tuple[list[Pc], str]:
    """A store with cleared PCs; they and its receipt key."""
    init_folder(folder, database=database, content_key=SigningKey.create().public.hex, cost=TEST_COST)
    pcs: list[Pc] = []
    with open_store(folder) as store:
        for number in range(DEVICES):
            keys = DeviceKeys.create()
            token = store.make_token(COMMAND_LINE, "bench", f"r{number}")
            device = store.enrol(token, f"PC {number}", keys.box.public, keys.signing.public).id
            store.clear_device(COMMAND_LINE, device)
            pcs.append(Pc(device, keys.signing.raw))
        return pcs, store.public_keys()["receipt_key"]


@contextmanager
def serving(folder: Path, receipt_key: str) -> Generator[Running]:
    """The store of ``folder``, served until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, "run", str(folder), "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        found = re.search(r"https://\S+", process.stdout.readline())
        assert found is not None
        yield Running(process.pid, found[0], folder, receipt_key)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


# --- measuring --------------------------------------------------------------------------------------------------------


def run_load(
    running: Running, file: Path, folder: Path, *, skip: int, count: int, rate: float, connections: int = CONNECTIONS
) -> dict[str, Any]:
    """Send ``count`` envelopes of a load file from a process of its own; see `store_load.Load.run`."""
    plan = {
        "url": running.url, "ca": str(running.folder / "ca.pem"), "file": str(file), "skip": skip, "count": count,
        "rate": rate, "connections": connections, "receipt_key": running.receipt_key,
    }  # fmt: skip
    path = folder / "plan.json"
    path.write_text(json.dumps(plan), encoding="utf-8")
    begun = running.cpu_ms()
    words = [sys.executable, str(ROOT / "benchmarks" / "store_load.py"), str(path)]
    subprocess.run(words, check=True, cwd=ROOT, timeout=900)
    return {**json.loads(path.with_suffix(".told").read_bytes()), "store_cpu_ms": running.cpu_ms() - begun}


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def check_contents(folder: Path, receipted: Sequence[str]) -> int:
    """How many envelopes lie in the database: exactly those receipted, each with its own hash, a receipt and a leaf."""
    engine = create_engine(open_folder(folder).database_url)
    kept: set[str] = set()
    with engine.connect() as connection:
        rows = connection.execution_options(stream_results=True).execute(text("SELECT sha256, data FROM keptenvelope"))
        for sha256, data in rows:
            assert envelope_sha256(bytes(data)) == sha256
            kept.add(sha256)
        leaves = connection.execute(text("SELECT count(*) FROM logleaf WHERE kind = 'receipt'")).scalar_one()
    engine.dispose()
    assert kept == set(receipted), f"{len(kept ^ set(receipted))} differ"
    assert leaves == len(kept)
    return len(kept)


def steadily(
    running: Running, file: Path, folder: Path, name: str, seconds: int, store: str
) -> tuple[list[Row], list[str]]:
    """Envelopes at a steady rate; latency counts from when each was due."""
    n = OFFERED * seconds
    told = run_load(running, file, folder, skip=0, count=n, rate=OFFERED)
    times = told["times_ms"]
    note = (
        f"{store}; {OFFERED} offered a second for {seconds} s over {CONNECTIONS} connections, by a load beside it,"
        f" which took {told['cpu_ms'] / n:.2f} ms an envelope; refused {sum(told['refused'].values())}"
    )
    rate, cpu = round(len(times) / told["seconds"], 1), told["store_cpu_ms"] / n
    return [
        Row(f"envelopes receipted, {name}", "1/s", rate, 0.0, n, None, ">= 1000", note),
        Row(f"envelope under load, {name}: median", "ms", round(statistics.median(times), 1), 0.0, n, None, "", note),
        Row(f"envelope under load, {name}: p99", "ms", round(percentile(times, 0.99), 1), 0.0, n, None, "<= 250", note),
        Row(f"store's processor time per envelope, {name}", "ms", round(cpu, 2), 0.0, n, None, "<= 1", note),
    ], told["digests"]  # fmt: skip


def at_most(
    running: Running, file: Path, folder: Path, name: str, skip: int, count: int, store: str
) -> tuple[list[Row], list[str]]:
    """Each connection sends its next as soon as its last was receipted."""
    told = run_load(running, file, folder, skip=skip, count=count, rate=0)
    rate, times = len(told["times_ms"]) / told["seconds"], told["times_ms"]
    note = (
        f"{store}; as fast as {CONNECTIONS} connections are answered; p99 {percentile(times, 0.99):.0f} ms;"
        f" processor time: store {told['store_cpu_ms'] / count:.2f} ms, load {told['cpu_ms'] / count:.2f} ms each"
    )
    return [
        Row(f"envelopes receipted at most, {name}", "1/s", round(rate, 1), 0.0, count, None, ">= 2000", note)
    ], told["digests"]


def at_ten_times(
    running: Running, file: Path, folder: Path, name: str, skip: int, count: int, store: str
) -> tuple[list[Row], list[str]]:
    """Ten times as many connections; who is sent away goes on at once with the next, which no PC does."""
    told = run_load(running, file, folder, skip=skip, count=count, rate=0, connections=10 * CONNECTIONS)
    times, refused = told["times_ms"], sum(told["refused"].values())
    note = (
        f"{store}; {10 * CONNECTIONS} connections without a pause: {len(times)} of {count} taken in,"
        f" {refused} sent away with Retry-After"
    )
    p99 = round(percentile(times, 0.99), 1)
    return [
        Row(f"envelope taken in at ten times the load, {name}: p99", "ms", p99, 0.0, len(times), None, "<= 500", note)
    ], told["digests"]


def storm_of(folder: Path, n: int) -> list[Row]:
    """All PCs come back at once, each over a new connection with an envelope; see `tests.centralstore.served.storm`."""
    pcs = storming.new_store(folder)
    envelopes = pcs.envelopes(Random(0), n, segment=1)
    with storming.served(folder) as service:
        begun = time.perf_counter()
        done = asyncio.run(storming.storm(service, envelopes, at_once=400, seed=0, shortest_s=1.0))
        seconds = time.perf_counter() - begun
    assert len(done.receipts) == n
    note = (
        f"each a new TLS 1.3 connection from one of 100 addresses, at most 400 at a time; the simulated PCs are one"
        f" process on the same cores; {done.told_to_wait} times told to wait, {done.cut} cut, none without its receipt"
    )
    return [Row(f"{n} PCs come back at once: all receipted", "s", round(seconds, 1), 0.0, n, None, "", note)]


def one_by_one(running: Running, pc: Pc, keys: SigningKey, n: int) -> list[Row]:
    """Seal, send, wait for the receipt; the next."""
    custodian, sealing, sending, size = BoxKey.create(), list[float](), list[float](), 0
    device_keys = DeviceKeys(BoxKey.create(), keys)
    with StoreClient(running.url, running.folder / "ca.pem", pc.id, device_keys, now_utc_ms=now_utc_ms) as client:
        client.synchronise()
        for _ in range(n):
            begin = time.perf_counter()
            (made,) = envelopes(pc, custodian, 1)
            sealed = time.perf_counter()
            client.deliver(made.data)
            size = len(made.data)
            sealing.append((sealed - begin) * 1000)
            sending.append((time.perf_counter() - begin) * 1000)
    note = f"{size} bytes an envelope; store in a process of its own on the same machine, SQLite WAL FULL"
    return [
        row("envelope sealed (fresh segment keys)", "ms", sealing, "", note),
        row("envelope sealed, sent, receipted: median", "ms", sending, "", note),
        Row(
            "envelope sealed, sent, receipted: p99", "ms", round(percentile(sending, 0.99), 3), 0.0, n,
            None, "<= 250 under load", note,
        ),
    ]  # fmt: skip


def handshakes(running: Running, n: int) -> list[Row]:
    """New TLS 1.3 connections one after the other, each with one small request, from one client."""
    context = ssl.create_default_context(cafile=running.folder / "ca.pem")
    host, port = running.url.removeprefix("https://").split(":")
    begun, cpu = time.perf_counter(), running.cpu_ms()
    for _ in range(n):
        with (
            socket.create_connection((host, int(port)), timeout=20) as plain,
            context.wrap_socket(plain, server_hostname=host) as tls,
        ):
            tls.sendall(b"GET /v1/time HTTP/1.1\r\nhost: store\r\n\r\n")
            assert tls.recv(4096).startswith(b"HTTP/1.1 200")
    seconds = time.perf_counter() - begun
    note = f"one client, new connections one by one; store's processor time {(running.cpu_ms() - cpu) / n:.2f} ms each"
    return [
        Row(
            "1000 new TLS 1.3 connections with a request",
            "s",
            round(seconds * 1000 / n, 2),
            0.0,
            n,
            None,
            "<= 15",
            note,
        )
    ]


def measure(name: str, database: str, store: str, *, quick: bool) -> list[Row]:
    """All figures of one database."""
    seconds, most = (5, 3000) if quick else (60, 20_000)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        pcs, receipt_key = new_store(folder / "store", database)
        file = sealed_load(folder, pcs, OFFERED * seconds + 2 * most)
        with serving(folder / "store", receipt_key) as running:
            rows, digests = steadily(running, file, folder, name, seconds, store)
            more, others = at_most(running, file, folder, name, OFFERED * seconds, most, store)
            rows += more
            more, those = at_ten_times(running, file, folder, name, OFFERED * seconds + most, most, store)
            rows += more
            others += those
            kept = check_contents(folder / "store", digests + others)
            note = "read back from the database after the run: hash, receipt and leaf of every one"
            rows.append(Row(f"receipted and kept alike, {name}", "", float(kept), 0.0, kept, None, "all", note))
            if name == "SQLite":
                rows += one_by_one(running, pcs[0], SigningKey(pcs[0].signing), 200 if quick else 500)
                rows += handshakes(running, 200 if quick else 1000)
        if name == "SQLite":
            rows += storm_of(folder / "storm", 300 if quick else 10_000)
    return rows


def main(argv: Sequence[str]) -> int:
    """Measure and write the table's lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args(argv).quick
    rows = measure("SQLite", "", "SQLite, WAL, synchronous FULL", quick=quick)
    found = programs()
    if found is not None:
        with running_postgres(found) as server:
            note = "PostgreSQL, fsync and synchronous_commit on, on the same machine"
            rows += measure("PostgreSQL", server.url(server.create()), note, quick=quick)
    write_rows("store", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
