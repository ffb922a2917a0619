"""A proxy between exam PCs and the store that harms what goes through it, by a seed, and counts what it did.

In the middle of TCP (`CipherProxy`) it harms bytes of TLS: whatever is changed must break the connection. In the middle
of HTTP (`MessageProxy`) it has a certificate that the PCs trust and speaks TLS to both sides, as a bad middle box
would: what it changes reaches the parsers of store and PC.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
import struct
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from tests.faults.messages import MOST_HEAD, Message, read_message

_BLOCK = 16_384
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: on, zero seconds; closing then sends RST."""

HANDSHAKE_BYTES = 1_500
STORE_PATIENCE_S = 1.0
DELAYS_S = (0.02, 0.1, 0.4)


class Fault(StrEnum):
    """What can be done to a connection."""

    REFUSE = "refused"
    RESET = "reset"
    STALL = "black hole"
    DELAY = "delayed"
    FLIP = "bit flipped"
    DUPLICATE = "duplicated"
    REORDER = "reordered"
    TRUNCATE = "truncated"
    HALF_CLOSE = "half closed"
    DRIP = "dripping"


FAULTS = tuple(Fault)


@dataclass
class Tally:
    """What was done. Written by the proxy's thread only; read it when the proxy is stopped."""

    connections: int = 0
    faulted: int = 0
    by_fault: Counter[str] = field(default_factory=Counter[str])

    def add(self, other: Tally) -> None:
        """Take another proxy's in."""
        self.connections += other.connections
        self.faulted += other.faulted
        self.by_fault += other.by_fault


class Connection:
    """One connection from a PC, its dice, and whether something was done to it."""

    def __init__(self, tally: Tally, seed: str) -> None:
        tally.connections += 1
        self.dice = random.Random(f"{seed}/{tally.connections}")
        self._tally = tally
        self._has_fault = False

    def strike(self, fault: Fault) -> None:
        """Count a fault."""
        self._tally.faulted += not self._has_fault
        self._has_fault = True
        self._tally.by_fault[fault.value] += 1


class Proxy:
    """Listens on a free port of loopback in a thread of its own while it is entered."""

    def __init__(self, store_port: int, *, seed: int, chance: float) -> None:
        """``chance``: of a fault, on each connection or exchange."""
        self.store_port = store_port
        self.seed = seed
        self.chance = chance
        self.tally = Tally()
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="fault-proxy", daemon=True)
        self._listening = threading.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop = asyncio.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._listening.wait(10), "the proxy does not listen"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive(), "the proxy does not stop"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: Connection) -> None:
        """One connection, from its first byte to its end."""
        raise NotImplementedError

    def refuses(self, dice: random.Random) -> bool:
        """Whether a connection is refused."""
        return dice.random() < self.chance / len(FAULTS)

    def tls(self) -> ssl.SSLContext | None:
        """What the proxy speaks to the PCs; None: it only passes bytes on."""
        return None

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._listen())

    async def _listen(self) -> None:
        self._loop.set_exception_handler(lambda _loop, _context: None)  # broken transports are what this is about
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self.tls(), limit=MOST_HEAD, backlog=512)
        self.port = int(server.sockets[0].getsockname()[1])
        self._listening.set()
        await self._stop.wait()
        server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        connection = Connection(self.tally, f"{self.seed}")
        try:
            if self.refuses(connection.dice):
                connection.strike(Fault.REFUSE)
                reset(writer)
            else:
                await self.serve(reader, writer, connection)
        except (OSError, TimeoutError, ssl.SSLError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            self._tasks.discard(task)


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with RST."""
    plain: socket.socket | None = writer.get_extra_info("socket")
    if plain is not None:
        with contextlib.suppress(OSError):
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


async def send(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Write, and wait until it is on its way."""
    writer.write(data)
    await writer.drain()


async def drip(writer: asyncio.StreamWriter, data: bytes, dice: random.Random) -> None:
    """Write in small pieces with pauses."""
    place = 0
    while place < len(data):
        size = dice.randint(1, max(2, len(data) // 6))
        await send(writer, data[place : place + size])
        place += size
        await asyncio.sleep(0.01)


async def swallow(reader: asyncio.StreamReader) -> None:
    """A black hole: take everything until the sender gives up."""
    while await reader.read(_BLOCK):
        pass


def flipped(data: bytes, dice: random.Random) -> bytes:
    """One bit changed."""
    place = dice.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << dice.randrange(8)]) + data[place + 1 :]


def swapped(data: bytes, dice: random.Random) -> bytes:
    """Two neighbouring pieces in the other order."""
    if len(data) < 2:
        return data
    middle = dice.randint(1, len(data) - 1)
    first, last = dice.randrange(middle), dice.randint(middle + 1, len(data))
    return data[:first] + data[middle:last] + data[first:middle] + data[last:]


# --- in the middle of TCP ---------------------------------------------------------------------------------------------


@dataclass
class Strike:
    """A fault that is to come: what, on the way to whom, after how many bytes of that way."""

    fault: Fault
    to_store: bool
    after: int


class CipherProxy(Proxy):
    """Passes TLS on as bytes. ``chance`` is of a connection; it gets one fault at most."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: Connection) -> None:
        """See `Proxy.serve`."""
        store_reader, store_writer = await asyncio.open_connection("127.0.0.1", self.store_port)
        strike = self.plan(connection.dice)
        to_store, to_pc = (strike, None) if strike is not None and strike.to_store else (None, strike)
        ways = (
            asyncio.ensure_future(self._pass(reader, store_writer, writer, to_store, connection)),
            asyncio.ensure_future(self._pass(store_reader, writer, store_writer, to_pc, connection)),
        )
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for side in (writer, store_writer):
                side.close()
                await side.wait_closed()
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            store_writer.transport.abort()

    def plan(self, dice: random.Random) -> Strike | None:
        """What is to be done to a connection."""
        if dice.random() > self.chance:
            return None
        after = dice.randrange(dice.choice((HANDSHAKE_BYTES, 6_000, 30_000)))
        return Strike(dice.choice(FAULTS[1:]), dice.random() < 0.5, after)

    async def _pass(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        back: asyncio.StreamWriter,
        strike: Strike | None,
        connection: Connection,
    ) -> None:
        """Everything from one side to the other, harmed once; ``back`` leads to where it comes from."""
        passed = 0
        while data := await source.read(_BLOCK):
            passed += len(data)
            if strike is None or passed <= strike.after:
                await send(sink, data)
                continue
            connection.strike(strike.fault)
            if not await self._harmed(strike.fault, data, source, sink, back, connection.dice):
                return
            strike = None

    async def _harmed(
        self,
        fault: Fault,
        data: bytes,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        back: asyncio.StreamWriter,
        dice: random.Random,
    ) -> bool:
        """Do it to these bytes; whether this way goes on."""
        if fault is Fault.RESET:
            reset(sink)
            reset(back)
        elif fault is Fault.STALL:
            await swallow(source)
        elif fault is Fault.TRUNCATE:
            await send(sink, data[: dice.randrange(len(data))])
        elif fault is Fault.HALF_CLOSE:
            await send(sink, data[: dice.randrange(len(data))])
            sink.write_eof()
            await swallow(source)
        else:
            await self._pass_on(fault, data, sink, dice)
            return True
        return False

    async def _pass_on(self, fault: Fault, data: bytes, sink: asyncio.StreamWriter, dice: random.Random) -> None:
        if fault is Fault.DELAY:
            await asyncio.sleep(dice.choice(DELAYS_S))
        if fault is Fault.DRIP:
            await drip(sink, data, dice)
            return
        changes: dict[Fault, Callable[[], bytes]] = {
            Fault.FLIP: lambda: flipped(data, dice),
            Fault.DUPLICATE: lambda: data + data,
            Fault.REORDER: lambda: swapped(data, dice),
        }
        await send(sink, changes[fault]() if fault in changes else data)


# --- in the middle of HTTP --------------------------------------------------------------------------------------------


@dataclass
class Exchange:
    """A request being passed on, and both ends of it."""

    request: Message
    pc_reader: asyncio.StreamReader
    pc: asyncio.StreamWriter
    store_reader: asyncio.StreamReader
    store: asyncio.StreamWriter
    dice: random.Random

    async def asked(self, data: bytes) -> Message:
        """The store's answer to these bytes.

        Raises:
            ConnectionError, TimeoutError: there is none.
        """
        await send(self.store, data)
        return await self.answer()

    async def answer(self) -> Message:
        """The store's next answer; see `asked`."""
        async with asyncio.timeout(STORE_PATIENCE_S):
            answer = await read_message(self.store_reader)
        if answer is None:
            raise ConnectionResetError
        return answer


class MessageProxy(Proxy):
    """Speaks TLS to both sides and passes messages on. ``chance`` is of an exchange."""

    def __init__(
        self, store_port: int, *, seed: int, chance: float, tls: ssl.SSLContext, store_tls: ssl.SSLContext | None
    ) -> None:
        """``store_tls``: how the store is spoken to; None: without TLS."""
        super().__init__(store_port, seed=seed, chance=chance)
        self._tls = tls
        self._store_tls = store_tls
        self._requests: deque[Message] = deque(maxlen=64)
        self._answers: deque[Message] = deque(maxlen=64)

    def tls(self) -> ssl.SSLContext | None:
        """See `Proxy.tls`."""
        return self._tls

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: Connection) -> None:
        """See `Proxy.serve`."""
        store_reader, store = await asyncio.open_connection(
            "127.0.0.1", self.store_port, ssl=self._store_tls, limit=MOST_HEAD
        )
        try:
            goes_on = True
            while goes_on and (request := await read_message(reader)) is not None:
                exchange = Exchange(request, reader, writer, store_reader, store, connection.dice)
                goes_on = await self._exchange(exchange, connection)
        finally:
            store.transport.abort()

    async def _exchange(self, exchange: Exchange, connection: Connection) -> bool:
        dice = connection.dice
        if dice.random() > self.chance:
            answer = await exchange.asked(exchange.request.raw)
            self._requests.append(exchange.request)
            self._answers.append(answer)
            await send(exchange.pc, answer.raw)
            return True
        fault = dice.choice(FAULTS[1:])
        connection.strike(fault)
        return await (self._harm_request if dice.random() < 0.5 else self._harm_answer)(exchange, fault)

    async def _harm_request(self, exchange: Exchange, fault: Fault) -> bool:
        """Harm what goes to the store; whether the connection goes on."""
        raw, dice = exchange.request.raw, exchange.dice
        if fault is Fault.RESET:  # the store has it whole, the PC does not learn of it
            await exchange.asked(raw)
            reset(exchange.pc)
            return False
        if fault is Fault.STALL:
            await exchange.asked(raw)
            await swallow(exchange.pc_reader)
            return False
        if fault is Fault.HALF_CLOSE:
            await send(exchange.store, raw[: dice.randrange(len(raw))])
            exchange.store.get_extra_info("socket").shutdown(socket.SHUT_WR)
            answer = await exchange.answer()
        elif fault is Fault.DRIP:
            await drip(exchange.store, raw, dice)
            answer = await exchange.answer()
        elif fault is Fault.DUPLICATE:
            answers = [await exchange.asked(raw), await exchange.asked(raw)]
            answer = dice.choice(answers)
        elif fault is Fault.REORDER and self._requests and dice.random() < 0.5:
            await exchange.asked(dice.choice(self._requests).raw)  # an old one once more, before this one
            answer = await exchange.asked(raw)
        else:
            answer = await exchange.asked(await self._changed(exchange.request, fault, dice))
        await send(exchange.pc, answer.raw)
        return True

    async def _harm_answer(self, exchange: Exchange, fault: Fault) -> bool:
        """Harm what goes to the PC; whether the connection goes on."""
        answer, dice = await exchange.asked(exchange.request.raw), exchange.dice
        half = answer.raw[: dice.randrange(len(answer.raw))]
        if fault in (Fault.RESET, Fault.STALL, Fault.HALF_CLOSE):
            await send(exchange.pc, half)
            if fault is Fault.RESET:
                reset(exchange.pc)
                return False
            if fault is Fault.HALF_CLOSE:
                exchange.pc.get_extra_info("socket").shutdown(socket.SHUT_WR)
            await swallow(exchange.pc_reader)
            return False
        if fault is Fault.DRIP:
            await drip(exchange.pc, answer.raw, dice)
        elif fault is Fault.DUPLICATE:
            await send(exchange.pc, answer.raw * 2)
        elif fault is Fault.REORDER and self._answers and dice.random() < 0.5:
            await send(exchange.pc, dice.choice(self._answers).raw)  # another PC's, or an earlier one's
        else:
            await send(exchange.pc, await self._changed(answer, fault, dice))
        return True

    async def _changed(self, message: Message, fault: Fault, dice: random.Random) -> bytes:
        """A message as it arrives after such a fault."""
        if fault is Fault.DELAY:
            await asyncio.sleep(dice.choice(DELAYS_S))
        is_in_body = bool(message.body) and dice.random() < 0.8
        if fault is Fault.FLIP:
            flip = message.with_body(flipped(message.body, dice)) if is_in_body else None
            return flipped(message.head, dice) + message.body if flip is None else flip.raw
        if fault is Fault.TRUNCATE:
            if is_in_body:
                return message.with_body(message.body[: dice.randrange(len(message.body))]).raw
            return message.raw[: dice.randrange(len(message.raw))]
        if fault is Fault.REORDER and message.body:
            return message.with_body(swapped(message.body, dice)).raw
        return message.raw
