"""A store that is attacked or swamped turns it away early, with little memory, and the exam's PCs do not notice."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Iterator
from random import Random
from typing import Self

import pytest

from centralstore.connection import Limits
from sync.requests import sign_request
from tests.centralstore.served import Pcs, Served, answer, ask, new_store, pour, served

pytestmark = pytest.mark.anyio

LIMITS = Limits(
    connections_per_address=150,
    handshake_seconds=10.0,
    head_seconds=4.0,
    rest_seconds=1.0,
    body_bytes_per_address=4 * 2**20,
    envelopes_under_way=14,
)
"""Times shortened, so that the tests are short; counts small, so that one process can reach them."""

MERCY_S = 60.0
"""More than any wait here on a busy machine; a connection that is still open then was not cut."""

PC_SECONDS = 5.0
"""Within this a PC must be served, on a machine that runs other tests: alone it takes some milliseconds."""

PC_ADDRESS = "127.0.0.2"
"""The attackers are at 127.0.0.1; this is another address of the same machine (Linux)."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Pcs]]:
    folder = tmp_path_factory.mktemp("hostile") / "store"
    pcs = new_store(folder)
    with served(folder, LIMITS) as service:
        yield service, pcs


class Kiosk:
    """A PC that goes on with its work; `slowest_s` is what it waited for the slowest answer."""

    def __init__(self, service: Served, pcs: Pcs) -> None:
        self._service, self._pcs = service, pcs
        self._done = asyncio.Event()
        self.slowest_s = 0.0
        self.served = 0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._work())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._done.set()
        await self._task

    async def _work(self) -> None:
        random = Random(7)
        reader, writer = await asyncio.open_connection(
            *self._service.address, ssl=self._service.tls(), local_addr=(PC_ADDRESS, 0)
        )
        device, key = self._pcs.made[0]
        while not (self._done.is_set() and self.served >= 2):
            (data,) = self._pcs.envelopes(random, 1)
            begun = time.monotonic()
            got = await ask(reader, writer, data)
            target = "/v1/device/sittings"
            headers = sign_request(
                device=device, key=key, method="GET", path=target, body=b"", now_utc_ms=time.time_ns() // 1_000_000
            )
            head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            writer.write(f"GET {target} HTTP/1.1\r\nhost: store\r\n{head}\r\n".encode())
            asked = await answer(reader)
            self.slowest_s = max(self.slowest_s, time.monotonic() - begun)
            if got.status == 503:  # it waits as it is told and sends again; its orders are served all the same
                await asyncio.sleep(0.1)
            assert (got.status in {200, 503}, asked.status) == (True, 200)
            self.served += got.status == 200
        writer.transport.abort()


async def until_cut(reader: asyncio.StreamReader) -> bool:
    """Whether the store ends the connection in time."""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        async with asyncio.timeout(MERCY_S):
            while await reader.read(65_536):
                pass
    return True


async def last_words(reader: asyncio.StreamReader) -> bytes:
    """What the store tells before it ends the connection."""
    told = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while piece := await reader.read(65_536):
            told += piece
    return told


async def dribble(service: Served, first: bytes, rest: bytes) -> float:
    """Send some bytes, then one at a time; how many seconds until the connection was cut."""
    reader, writer = await asyncio.open_connection(*service.address, ssl=service.tls())
    begun = time.monotonic()
    writer.write(first)
    ended = asyncio.ensure_future(until_cut(reader))
    while not ended.done():
        writer.write(rest)
        await asyncio.wait([ended], timeout=0.1)
    await ended
    writer.transport.abort()
    return time.monotonic() - begun


async def at_rest(service: Served) -> None:
    """Wait until the service has noticed that the connections of the test before are gone."""
    async with asyncio.timeout(MERCY_S):
        while service.files() > 40:  # noqa: ASYNC110 - another process has no event to wait for
            await asyncio.sleep(0.02)


async def test_slow_heads_are_cut_in_time_and_pcs_are_served_meanwhile(place: tuple[Served, Pcs]) -> None:
    service, pcs = place
    async with Kiosk(service, pcs) as kiosk:
        slow = [dribble(service, b"POST /v1/envelopes HTTP/1.1\r\nx", b"a") for _ in range(60)]
        idle = [dribble(service, b"", b"\r\n") for _ in range(20)]
        times = await asyncio.gather(*slow, *idle)
    assert max(times) < MERCY_S
    assert kiosk.slowest_s < PC_SECONDS


def flood(service: Served, first: bytes, chunk: bytes, most: int) -> tuple[int, bytes]:
    """Send without reading until cut, at most ``most`` bytes; how many the network took, and what the store told."""
    sent, told = 0, b""
    with (
        socket.create_connection(service.address, timeout=MERCY_S) as plain,
        service.tls().wrap_socket(plain, server_hostname=service.address[0]) as connection,
        contextlib.suppress(OSError),
    ):
        connection.sendall(first)
        while sent < most:
            connection.sendall(chunk)
            sent += len(chunk)
        told = connection.recv(1000)
    return sent, told


async def test_a_head_without_end_is_cut_while_it_is_small(place: tuple[Served, Pcs]) -> None:
    service, _ = place
    before = service.memory_kb()
    line = b"x-more: " + b"y" * 8000 + b"\r\n"
    sent, _ = await asyncio.to_thread(flood, service, b"GET / HTTP/1.1\r\n", line, 2**26)
    assert sent < 2**24
    sent, _ = await asyncio.to_thread(flood, service, b"GET / HTTP/1.1\r\nx-long: ", b"y" * 8000, 2**26)
    assert sent < 2**24
    assert service.memory_kb() - before < 10_000


async def test_connections_that_never_speak_tls_are_cut(place: tuple[Served, Pcs]) -> None:
    service, _ = place
    silent = [await asyncio.open_connection(*service.address) for _ in range(50)]
    await asyncio.gather(*(until_cut(reader) for reader, _ in silent))
    for _, writer in silent:
        writer.transport.abort()
    assert service.files() < 40


@pytest.mark.parametrize("head", [b"content-length: 1000000000\r\n", b"transfer-encoding: chunked\r\n"])
async def test_a_body_of_a_gigabyte_is_refused_early_with_little_memory(place: tuple[Served, Pcs], head: bytes) -> None:
    service, pcs = place
    before = service.memory_kb()
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    first = b"POST /v1/envelopes HTTP/1.1\r\nhost: store\r\n" + head + b"\r\n"
    async with Kiosk(service, pcs) as kiosk:
        sent, _ = await asyncio.to_thread(flood, service, first, chunk, 1_000_000_000)
        # A sender that looks at the answer before it sends everything is told why.
        reader, writer = await asyncio.open_connection(*service.address, ssl=service.tls())
        writer.write(first + chunk * (4 if b"chunked" in head else 0))
        told = await answer(reader)
        writer.transport.abort()
    assert (told.status, b"too_large" in told.body) == (413, True)
    assert sent < 16 * 2**20  # what the network's buffers took; the store read far less
    assert service.memory_kb() - before < 10_000
    assert kiosk.slowest_s < PC_SECONDS


async def test_one_address_cannot_take_all_connections(place: tuple[Served, Pcs]) -> None:
    service, pcs = place
    before = service.memory_kb()
    held: list[ssl.SSLSocket] = []
    turned_away = 0
    context = service.tls()

    def connect() -> None:
        nonlocal turned_away
        try:
            with contextlib.ExitStack() as closing:
                plain = closing.enter_context(socket.create_connection(service.address, timeout=MERCY_S))
                held.append(context.wrap_socket(plain, server_hostname=service.address[0]))
                closing.pop_all()
        except OSError:
            turned_away += 1

    for _ in range(LIMITS.connections_per_address + 50):
        await asyncio.to_thread(connect)
        # Those inside send a request each, and then lie idle.
        if held and held[-1].fileno() >= 0 and not turned_away:
            held[-1].sendall(b"GET /v1/time HTTP/1.1\r\nhost: store\r\n\r\n")
    async with Kiosk(service, pcs) as kiosk:
        pass
    assert len(held) == LIMITS.connections_per_address
    assert turned_away == 50
    assert kiosk.slowest_s < PC_SECONDS
    assert (service.memory_kb() - before) / len(held) < 200
    for connection in held:
        connection.close()


async def test_slow_bodies_cannot_fill_the_memory(place: tuple[Served, Pcs]) -> None:
    service, pcs = place
    before = service.memory_kb()
    head = b"POST /v1/envelopes HTTP/1.1\r\nhost: store\r\ncontent-length: 140000\r\n\r\n" + b"x" * 130_000
    async with Kiosk(service, pcs) as kiosk:
        opened = [await asyncio.open_connection(*service.address, ssl=service.tls()) for _ in range(100)]
        for _, writer in opened:
            writer.write(head)
        cut = asyncio.as_completed([last_words(reader) for reader, _ in opened])
        async with asyncio.timeout(MERCY_S):
            told = [await next(cut) for _ in range(100 - LIMITS.body_bytes_per_address // 130_000)]
        assert not any(b"too_slow" in each for each in told), "they were cut for their time, not for their size"
        for _, writer in opened:
            writer.transport.abort()
        for left in cut:
            await left
    assert service.memory_kb() - before < 40_000
    assert kiosk.slowest_s < PC_SECONDS


async def test_ten_times_what_it_can_take_is_refused_early_and_nothing_is_lost(place: tuple[Served, Pcs]) -> None:
    service, pcs = place
    await at_rest(service)
    envelopes = pcs.envelopes(Random(1), 1500)
    before = service.memory_kb()
    async with Kiosk(service, pcs) as kiosk:
        poured = await pour(service, envelopes, connections=140)  # ten for each that may be under way
        rounds = 0
        while left := [number for number in range(len(envelopes)) if number not in poured.receipts]:
            again = await pour(service, envelopes, wanted=left, connections=8)
            poured.receipts.update(again.receipts)
            rounds += 1
            assert rounds < 50
    assert set(poured.refused) == {503}
    assert poured.cut == 0
    assert len(poured.receipts) == len(envelopes)
    assert kiosk.slowest_s < PC_SECONDS
    assert service.memory_kb() - before < 60_000
