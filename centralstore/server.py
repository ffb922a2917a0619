"""Serving the application by uvicorn over TLS 1.3 with the store's own certificate."""

from __future__ import annotations

import signal
import socket
import ssl
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

import uvicorn
from fastapi import FastAPI

from centralstore.counter import open_store
from centralstore.desk import announced, locked
from centralstore.errors import SetUpError
from centralstore.folder import StoreFolder
from centralstore.service import build_app
from centralstore.store import Store

BACKLOG: Final = 2048
KEEP_ALIVE_SECONDS: Final = 75
MOST_CONNECTIONS: Final = 4096
CLOSING_SECONDS: Final = 5
SWITCH_SECONDS: Final = 0.0005
"""How long a thread may keep the interpreter: the default 5 ms lets the writer hold back every answer (Python 3.11)."""


def run_service(
    folder: Path,
    host: str,
    port: int,
    *,
    extend: Callable[[FastAPI, Store], None] | None,
    tell: Callable[[str], None],
) -> int:
    """Serve until stopped (SIGINT, SIGTERM); 0 after an orderly stop.

    Args:
        folder: the store's.
        host, port: where to listen; port 0 takes a free one.
        extend: adds pages to the application.
        tell: told one sentence when the service listens.

    Raises:
        LockHeldError: a service or command has this store open.
        SetUpError: the folder, the database or the port cannot be used.
    """
    with locked(folder), open_store(folder) as store, listening(host, port) as listener:
        chosen = int(listener.getsockname()[1])
        with announced(folder, _reachable(host), chosen) as secret:
            app = build_app(store, command_secret=secret)
            if extend is not None:
                extend(app, store)
            url = f"https://{_reachable(host)}:{chosen}"
            tell(f"Store {store.folder.settings.name} at {url} (CA: {store.folder.ca_file})")
            sys.setswitchinterval(SWITCH_SECONDS)
            with _stopping_quietly():
                server(app, store.folder).run(sockets=[listener])
    return 0


@contextmanager
def _stopping_quietly() -> Generator[None]:
    """Uvicorn raises the signal that stopped it once more afterwards; let it end here, so that the store closes."""
    kept = {number: signal.signal(number, _end_here) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def server(app: FastAPI, folder: StoreFolder) -> uvicorn.Server:
    """A uvicorn server for ``app``, TLS 1.3 only."""
    config = uvicorn.Config(
        app,
        ssl_certfile=folder.server_certificate,
        ssl_keyfile=folder.server_key,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=CLOSING_SECONDS,
    )
    config.load()
    if config.ssl is None:
        raise SetUpError(str(folder.server_certificate), "gives no TLS", "Make the store's folder anew.")
    config.ssl.minimum_version = ssl.TLSVersion.TLSv1_3
    return uvicorn.Server(config)


def _end_here(_number: int, _frame: FrameType | None) -> None:
    """The signal has had its effect."""


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
