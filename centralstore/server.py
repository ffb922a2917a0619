"""Serving the application by uvicorn over TLS 1.3 with the store's own certificate."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

import uvicorn
from fastapi import FastAPI

from centralstore.bell import Bell
from centralstore.connection import BoundedProtocol, Gate, Limits, Pass
from centralstore.counter import open_store
from centralstore.desk import announced, locked
from centralstore.errors import SetUpError
from centralstore.evidence.periodic import checkpointing
from centralstore.lane import EnvelopeLane, EnvelopeRoute
from centralstore.relay.forwarding import forwarding
from centralstore.service import build_app
from centralstore.store import Store
from sync.memory import keep_memory_private

BACKLOG: Final = 4096
CLOSING_SECONDS: Final = 5.0
"""At the end, how long a request that came in whole may take to be answered."""

LOOK_SECONDS: Final = 0.005
FAREWELL_SECONDS: Final = 0.25
"""How long an answer that is written may take to leave before its connection is cut."""

ACCEPTED_AT_ONCE: Final = 64
NO_FILES_SECONDS: Final = 0.1
SWITCH_SECONDS: Final = 0.0005
"""How long a thread may keep the interpreter: the default 5 ms lets the writer hold back every answer (Python 3.11)."""


def run_service(
    folder: Path,
    host: str,
    port: int,
    *,
    extend: Callable[[FastAPI, Store], None] | None,
    tell: Callable[[str], None],
    limits: Limits | None = None,
) -> int:
    """Serve until stopped (SIGINT, SIGTERM); 0 after an orderly stop.

    Args:
        folder: the store's.
        host, port: where to listen; port 0 takes a free one.
        extend: adds pages to the application.
        tell: told one sentence when the service listens.
        limits: bounds on connections; None takes the usual ones.

    Raises:
        LockHeldError: a service or command has this store open.
        SetUpError: the folder, the database or the port cannot be used.
    """
    keep_memory_private()
    with locked(folder), open_store(folder) as store, listening(host, port) as listener:
        chosen = int(listener.getsockname()[1])
        with announced(folder, _reachable(host), chosen) as secret:
            app = build_app(store, command_secret=secret)
            if extend is not None:
                extend(app, store)
            url = f"https://{_reachable(host)}:{chosen}"
            sys.setswitchinterval(SWITCH_SECONDS)
            serving = server(app, store, limits)
            # What was loaded lives as long as the service. Looked through again by every full collection, it made all
            # answers wait 60 to 100 ms; measured on 2 cores under 1 000 envelopes a second.
            gc.collect()
            gc.freeze()
            with _stopping(serving), forwarding(store), checkpointing(store):
                tell(f"Store {store.folder.settings.name} at {url} (CA: {store.folder.ca_file})")
                serving.run(sockets=[listener])
    return 0


@contextmanager
def _stopping(serving: StoreServer) -> Generator[None]:
    """Let a signal stop the server also before it runs, and end here when uvicorn raises it again afterwards."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        serving.should_exit = True

    kept = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def server(app: FastAPI, store: Store, limits: Limits | None = None) -> StoreServer:
    """A server for ``app``, TLS 1.3 only."""
    bounds = Limits() if limits is None else limits
    folder = store.folder
    config = uvicorn.Config(
        EnvelopeLane(app, EnvelopeRoute(store, bounds.envelopes_under_way).answer),
        loop="uvloop",
        http="httptools",
        ws="none",
        ssl_certfile=folder.server_certificate,
        ssl_keyfile=folder.server_key,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=bounds.keep_alive_seconds,
    )
    config.load()
    if config.ssl is None:
        raise SetUpError(str(folder.server_certificate), "gives no TLS", "Make the store's folder anew.")
    config.ssl.minimum_version = ssl.TLSVersion.TLSv1_3
    return StoreServer(config, config.ssl, store.bell, bounds)


class StoreServer(uvicorn.Server):
    """Uvicorn with a gate before TLS, and an end that waits for answers, never for peers."""

    def __init__(self, config: uvicorn.Config, tls: ssl.SSLContext, bell: Bell, limits: Limits) -> None:
        super().__init__(config)
        self._tls = tls
        self._bell = bell
        self._limits = limits
        self._gate = Gate(limits)
        self._arriving: set[asyncio.Task[None]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept connections on ``sockets``."""
        await self.lifespan.startup()
        for listener in sockets or ():
            listener.settimeout(0)
            self._listen(listener)
        self.servers = []
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, end all waiting, answer what came in whole, cut the rest.

        A PC whose request is cut has no receipt for it and sends again.
        """
        loop = asyncio.get_running_loop()
        for listener in sockets or ():
            loop.remove_reader(listener)
            listener.close()
        for task in self._arriving:
            task.cancel()
        self._bell.end_waiting()
        for connection in self._connections():
            connection.shutdown()
        await _until(lambda: not any(each.owes_an_answer() for each in self._connections()), CLOSING_SECONDS)
        await _until(lambda: not any(each.has_unsent() for each in self._connections()), FAREWELL_SECONDS)
        for connection in self._connections():
            connection.transport.abort()
        for task in list(self.server_state.tasks):
            task.cancel()
        await asyncio.gather(*self._arriving, *self.server_state.tasks, return_exceptions=True)
        await self.lifespan.shutdown()

    def _connections(self) -> Sequence[BoundedProtocol]:
        return [each for each in self.server_state.connections if isinstance(each, BoundedProtocol)]

    def _listen(self, listener: socket.socket) -> None:
        asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        """Let in who waits; too many from one address are turned away before TLS costs anything."""
        loop = asyncio.get_running_loop()
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                peer, address = listener.accept()
            except BlockingIOError:
                return
            except OSError:  # out of file descriptors: others go on, the backlog waits
                loop.remove_reader(listener)
                loop.call_later(NO_FILES_SECONDS, self._listen, listener)
                return
            admission = self._gate.enter(str(address[0]))
            if admission is None:
                peer.close()
                continue
            task = loop.create_task(self._meet(peer, admission))
            self._arriving.add(task)
            task.add_done_callback(self._arriving.discard)

    async def _meet(self, peer: socket.socket, admission: Pass) -> None:
        """The TLS handshake; the protocol has the connection afterwards."""
        peer.settimeout(0)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: BoundedProtocol(
                    self.config, self.server_state, self.lifespan.state, admission=admission, limits=self._limits
                ),
                peer,
                ssl=self._tls,
                ssl_handshake_timeout=self._limits.handshake_seconds,
                ssl_shutdown_timeout=self._limits.rest_seconds,
            )
        except (OSError, ssl.SSLError, asyncio.CancelledError):
            admission.give_back()
            peer.close()


async def _until(is_so: Callable[[], bool], seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not is_so():  # noqa: ASYNC110 - the connections are uvicorn's and have no news of it
                await asyncio.sleep(LOOK_SECONDS)


def listening(host: str, port: int) -> socket.socket:
    """A socket that names its protocol: else asyncio (Python 3.11) leaves Nagle's delay on, 40 ms an answer."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise SetUpError(
            f"{host}:{port}", f"cannot be listened on ({error.strerror})", "Choose another port."
        ) from error
    return listener


def _reachable(host: str) -> str:
    return "127.0.0.1" if host in {"0.0.0.0", "::", ""} else host  # noqa: S104 - compared, not bound
