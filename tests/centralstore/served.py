"""A whole service as a process, quick to start and to kill, and a client that pours envelopes into it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import re
import signal
import ssl
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from random import Random

from centralstore.connection import Limits
from centralstore.counter import open_store
from centralstore.folder import init_folder
from centralstore.rights import COMMAND_LINE
from centralstore.server import run_service
from sync.envelope import envelope_sha256, next_range, pack
from sync.keys import BoxKey, DeviceKeys, SigningKey
from sync.passwords import TEST_COST
from sync.segment import (
    NO_HASH,
    Binding,
    RecordSealer,
    encode_preamble,
    new_segment,
    results_recipients,
    scan_segment,
)

START_SECONDS = 60
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.centralstore.served"])


def _serve(folder: Path, told: Connection, limits: Limits) -> None:
    run_service(folder, "127.0.0.1", 0, extend=None, tell=told.send, limits=limits)


@dataclass
class Served:
    """A running service."""

    folder: Path
    process: ForkServerProcess
    url: str

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.url.removeprefix("https://").partition(":")
        return host, int(port)

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.folder / "ca.pem")

    def kill(self) -> None:
        """SIGKILL; reaped when this returns."""
        self.process.kill()
        self.process.join()

    def memory_kb(self) -> int:
        """Resident memory now (Linux)."""
        pid = self.process.pid
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
        assert found is not None
        return int(found[1])

    def files(self) -> int:
        """How many files and connections it has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


def start(folder: Path, limits: Limits | None = None) -> Served:
    """Start a service on the store of ``folder``."""
    told, telling = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_serve, args=(folder, telling, limits or Limits()), daemon=True)
    process.start()
    telling.close()
    assert told.poll(START_SECONDS)
    found = re.search(r"https://\S+", told.recv())
    assert found is not None
    return Served(folder, process, found[0])


@contextmanager
def served(folder: Path, limits: Limits | None = None) -> Generator[Served]:
    """A service for the length of the block."""
    made = start(folder, limits)
    try:
        yield made
    finally:
        with suppress(ProcessLookupError):
            os.kill(made.process.pid or 0, signal.SIGTERM)
        made.process.join(timeout=60)
        made.kill()


@dataclass(frozen=True)
class Pcs:
    """Cleared PCs of a store, and fresh envelopes of theirs."""

    made: Sequence[tuple[str, SigningKey]]

    def envelopes(self, random: Random, count: int, *, records: int = 4, segment: int = 6) -> list[bytes]:
        """``count`` envelopes of ``records`` small records each, ``segment`` of them a segment, in any order."""
        packed: list[bytes] = []
        recipients = results_recipients([BoxKey(random.randbytes(32)).public], 1)
        while len(packed) < count:
            device, signing = self.made[random.randrange(len(self.made))]
            binding = Binding("s1", random.randbytes(16).hex(), device, "r.v1")
            fresh = new_segment(binding, recipients, ordinal=0, previous=None, begun_utc_ms=1, streams=("answers",))
            sealer, block = RecordSealer(fresh), encode_preamble(fresh.preamble)
            raws = [sealer.seal("answers", 9, b"x" * 20).raw for _ in range(records * segment)]
            scan = scan_segment(2 * block + b"".join(raws))
            previous, first = NO_HASH, 0
            while (span := next_range(scan, first, limit=records * len(raws[0]))) is not None:
                packed.append(pack(scan, *span, previous, signing))
                previous, first = envelope_sha256(packed[-1]), span[1] + 1
        random.shuffle(packed)
        return packed[:count]


def new_store(folder: Path, *, database: str = "", pcs: int = 4) -> Pcs:
    """A fresh store with nothing but some cleared PCs; its times are real."""
    init_folder(folder, database=database, content_key=SigningKey.create().public.hex, cost=TEST_COST)
    made: list[tuple[str, SigningKey]] = []
    with open_store(folder) as store:
        for number in range(pcs):
            keys = DeviceKeys.create()
            token = store.make_token(COMMAND_LINE, "oslo", f"r{number}")
            device = store.enrol(token, f"PC {number}", keys.box.public, keys.signing.public).id
            store.clear_device(COMMAND_LINE, device)
            made.append((device, keys.signing))
    return Pcs(made)


@dataclass
class Poured:
    """What came of pouring: receipts by the envelope's place in the list, and how often each other answer came."""

    receipts: dict[int, bytes] = field(default_factory=dict[int, bytes])
    refused: dict[int, int] = field(default_factory=dict[int, int])
    cut: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: bytes
    body: bytes


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes, path: str = "/v1/envelopes"
) -> Answer:
    """Post some bytes on a connection and read the answer."""
    head = f"POST {path} HTTP/1.1\r\nhost: store\r\ncontent-length: {len(data)}\r\n\r\n".encode()
    writer.write(head + data)
    return await answer(reader)


async def answer(reader: asyncio.StreamReader) -> Answer:
    """Read one answer."""
    headers = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", headers)
    assert length is not None, headers
    return Answer(int(headers[9:12]), headers, await reader.readexactly(int(length[1])))


async def pour(
    service: Served,
    envelopes: Sequence[bytes],
    *,
    connections: int = 8,
    wanted: Sequence[int] | None = None,
    on_receipt: Callable[[int], None] | None = None,
) -> Poured:
    """Send each envelope once, several at a time; a connection that breaks is not opened again.

    Args:
        service: where to.
        envelopes: all of them.
        connections: how many at a time.
        wanted: which ones to send; None sends all.
        on_receipt: told how many receipts are here, at each.
    """
    waiting = list(reversed(range(len(envelopes)) if wanted is None else wanted))
    done = Poured()

    async def one() -> None:
        reader, writer = await asyncio.open_connection(*service.address, ssl=service.tls())
        try:
            while waiting:
                number = waiting.pop()
                got = await ask(reader, writer, envelopes[number])
                if got.status == 200:
                    done.receipts[number] = got.body
                    if on_receipt is not None:
                        on_receipt(len(done.receipts))
                else:
                    done.refused[got.status] = done.refused.get(got.status, 0) + 1
        finally:
            writer.transport.abort()

    outcomes = await asyncio.gather(*(one() for _ in range(connections)), return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, OSError | asyncio.IncompleteReadError):
            done.cut += 1
        elif outcome is not None:
            raise outcome
    return done


@dataclass
class Stormed:
    """What came of a storm: receipts by kiosk, connections opened, and how often a kiosk was told to wait."""

    receipts: dict[int, bytes] = field(default_factory=dict[int, bytes])
    connections: int = 0
    told_to_wait: int = 0
    cut: int = 0


async def storm(service: Served, envelopes: Sequence[bytes], *, at_once: int, seed: int, shortest_s: float) -> Stormed:
    """All kiosks of a country come back at the same moment, each over a new connection with what it has left to send.

    A kiosk that is cut or told to wait comes again after a pause that doubles, with as much of chance in it.

    Args:
        service: where to.
        envelopes: one for each kiosk.
        at_once: how many connections this machine may have open.
        seed: of the pauses.
        shortest_s: the first pause (a real kiosk's is the store's Retry-After).
    """
    done, random, room = Stormed(), Random(seed), asyncio.Semaphore(at_once)
    context = service.tls()

    async def once(number: int) -> bool:
        address = (f"127.0.0.{2 + number % 100}", 0)  # a hundred schools
        async with room:
            try:
                reader, writer = await asyncio.open_connection(*service.address, ssl=context, local_addr=address)
            except OSError:
                done.cut += 1
                return False
            done.connections += 1
            try:
                got = await ask(reader, writer, envelopes[number])
            except (OSError, asyncio.IncompleteReadError):
                done.cut += 1
                return False
            finally:
                writer.transport.abort()
        if got.status == 200:
            done.receipts[number] = got.body
        else:
            assert (got.status, b"retry-after: " in got.headers) == (503, True)
            done.told_to_wait += 1
        return got.status == 200

    async def kiosk(number: int) -> None:
        pause_s = shortest_s
        while not await once(number):
            await asyncio.sleep(pause_s * random.uniform(1, 2))
            pause_s = min(pause_s * 2, 30)

    await asyncio.gather(*(kiosk(number) for number in range(len(envelopes))))
    return done
