"""Where the command line hands its requests: to the running service, or to the store itself when none is running.

Only one process may write. Whoever opens a store for writing holds its lock; a command that finds it held sends its
request over TLS to the running service, with a secret from a file that only the store's owner can read.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import ssl
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from pydantic import Field, ValidationError

from centralstore.errors import RequestError, SetUpError, StoreError
from centralstore.folder import write_private
from sync.canonical import Message, plain_of

REQUEST_SECONDS: Final = 120.0
COMMAND_PATH: Final = "/v1/command"
SECRET_HEADER: Final = "X-Provrom-Command"  # noqa: S105 - the header's name


class Running(Message):
    """``service.json``: where the running service listens, and the secret for its owner's commands."""

    host: str
    port: int = Field(ge=1, le=65_535)
    secret: str


class CommandRequest(Message):
    """A command's name and its arguments, all text, numbers or lists of plain data."""

    name: str
    arguments: dict[str, Any]


class CommandRefusedError(RequestError):
    """The running service refused a command; the sentence is its own."""


Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Desk:
    """Takes commands for the store in ``folder``."""

    folder: Path

    def ask(self, name: str, **arguments: Any) -> Answer:  # noqa: ANN401 - plain data of any kind
        """Have a command done, by the running service or here.

        Raises:
            StoreError: it was refused, or the service does not answer.
        """
        request = CommandRequest(name=name, arguments=arguments)
        try:
            with locked(self.folder):
                return _do_here(self.folder, request)
        except LockHeldError:
            return self._send(request)

    def _send(self, request: CommandRequest) -> Answer:
        running = _running(self.folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_verify_locations(self.folder / "ca.pem")
        url = f"https://{running.host}:{running.port}{COMMAND_PATH}"
        try:
            with httpx.Client(verify=context, timeout=REQUEST_SECONDS, trust_env=False) as client:
                answer = client.post(
                    url, content=json.dumps(plain_of(request)), headers={SECRET_HEADER: running.secret}
                )
            told: Answer = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise SetUpError(url, f"the running service does not answer ({error})", "Stop it and try again.") from error
        if not answer.is_success:
            raise CommandRefusedError(str(told.get("error", answer.status_code)))
        return told


def _do_here(folder: Path, request: CommandRequest) -> Answer:
    """Loaded when needed: a command that only sends has no use for the database."""
    from centralstore.counter import open_store, perform  # noqa: PLC0415 - as said above

    with open_store(folder) as store:
        return perform(store, request)


class LockHeldError(StoreError):
    """Another process has the store open for writing."""

    code = "lock_held"
    status = 503

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path}: another process has this store open. Stop it first; only one may write.")


@contextmanager
def locked(folder: Path) -> Generator[None]:
    """Hold the store's lock; the operating system frees it when the process ends, however it ends.

    Raises:
        LockHeldError: another process holds it.
        SetUpError: there is no store in ``folder``.
    """
    try:
        descriptor = os.open(folder / "store.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SetUpError(
            str(folder), f"cannot be used ({error.strerror})", f"Make a store with 'store init {folder}'."
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise LockHeldError(folder) from error
    try:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def announced(folder: Path, host: str, port: int) -> Generator[str]:
    """Tell the owner's commands where the service is; the secret they must show."""
    path = folder / "service.json"
    running = Running(host=host, port=port, secret=secrets.token_hex(32))
    path.unlink(missing_ok=True)
    write_private(path, json.dumps(plain_of(running)).encode())
    try:
        yield running.secret
    finally:
        path.unlink(missing_ok=True)


def _running(folder: Path) -> Running:
    path = folder / "service.json"
    try:
        return Running.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise SetUpError(str(path), "another command is using the store", "Wait a moment and try again.") from error
