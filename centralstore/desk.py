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
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from pydantic import Field, TypeAdapter, ValidationError

from centralstore.errors import FieldError, RequestError, SetUpError, StoreError
from centralstore.folder import write_private
from centralstore.records import ScoredAttempt
from centralstore.rights import COMMAND_LINE
from centralstore.store import Store
from itembank.errors import PackageError
from itembank.grants import DevicesFile, read_grants
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
_RESULTS: Final = TypeAdapter(tuple[ScoredAttempt, ...])


# --- what commands there are ------------------------------------------------------------------------------------------


def perform(store: Store, request: CommandRequest) -> Answer:
    """Do one command on an open store.

    Raises:
        FieldError: there is no such command, or an argument is missing.
        StoreError: whatever it refuses with.
    """
    command = COMMANDS.get(request.name)
    if command is None:
        raise FieldError("command", "name", f"'{request.name}' is none", f"Use {', '.join(COMMANDS)}.")
    try:
        return command(store, request.arguments)
    except KeyError as error:
        raise FieldError(request.name, str(error.args[0]), "it is missing", "Give it.") from error


def _import(store: Store, arguments: Answer) -> Answer:
    return dict(store.import_people(COMMAND_LINE, arguments["text"], arguments["file"]))


def _token(store: Store, arguments: Answer) -> Answer:
    site, room = arguments.get("site", ""), arguments.get("room", "")
    if arguments.get("sitting"):
        view = store.sitting(COMMAND_LINE, arguments["sitting"])
        site, room = view.site, view.room
    return {"token": store.make_token(COMMAND_LINE, site, room), "site": site, "room": room}


def _clear(store: Store, arguments: Answer) -> Answer:
    store.clear_device(COMMAND_LINE, arguments["device"])
    return {}


def _revoke(store: Store, arguments: Answer) -> Answer:
    store.revoke_device(COMMAND_LINE, arguments["device"])
    return {}


def _devices(store: Store, arguments: Answer) -> Answer:
    if not arguments.get("sitting"):
        rows = [
            {"id": view.id, "name": view.name, "site": view.site, "room": view.room, "state": view.state.value}
            for view in store.devices(COMMAND_LINE)
        ]
        return {"devices": rows}
    sitting = arguments["sitting"]
    found = {device: public.hex for device, public in store.release_keys(sitting).items()}
    return plain_of(DevicesFile(sitting=sitting, store=store.public_box().hex, devices=found))


def _add_release(store: Store, arguments: Answer) -> Answer:
    path = Path(arguments["file"])
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SetUpError(str(path), f"cannot be read ({error.strerror})", "Name the package's file.") from error
    return {"release": store.add_release(COMMAND_LINE, data)}


def _add_grants(store: Store, arguments: Answer) -> Answer:
    try:
        grants = read_grants(Path(arguments["file"]))
    except PackageError as error:
        raise CommandRefusedError(str(error)) from error
    store.add_grants(COMMAND_LINE, grants)
    return {"sitting": grants.sitting, "grants": len(grants.grants)}


def _sittings(store: Store, _arguments: Answer) -> Answer:
    rows = [
        {"id": view.id, "site": view.site, "room": view.room, "date": view.date, "state": view.state.value}
        for view in store.sittings(COMMAND_LINE)
    ]
    return {"sittings": rows}


def _keep_results(store: Store, arguments: Answer) -> Answer:
    try:
        scored = _RESULTS.validate_python(arguments["results"])
    except ValidationError as error:
        raise FieldError("keep-results", "results", "they are no results", "Score again.") from error
    return {"new": store.keep_results(COMMAND_LINE, scored)}


def _note_results_read(store: Store, arguments: Answer) -> Answer:
    store.note_results_read(COMMAND_LINE, arguments["sitting"])
    return {}


def _open(store: Store, arguments: Answer) -> Answer:
    store.open_sitting(COMMAND_LINE, arguments["sitting"])
    return {}


def _start(store: Store, arguments: Answer) -> Answer:
    store.start_part(COMMAND_LINE, arguments["sitting"], arguments["part"])
    return {}


def _close(store: Store, arguments: Answer) -> Answer:
    store.close_sitting(COMMAND_LINE, arguments["sitting"], arguments.get("reason", ""))
    return {}


def _present(store: Store, arguments: Answer) -> Answer:
    store.mark_present(COMMAND_LINE, arguments["sitting"], arguments["candidate"], arguments["identification"])
    return {}


def _day_code(store: Store, arguments: Answer) -> Answer:
    return {"day_code": store.day_code(COMMAND_LINE, arguments["sitting"])}


COMMANDS: Final[Mapping[str, Callable[[Store, Answer], Answer]]] = {
    "import": _import,
    "token": _token,
    "clear-device": _clear,
    "revoke-device": _revoke,
    "devices": _devices,
    "add-release": _add_release,
    "add-grants": _add_grants,
    "sittings": _sittings,
    "open": _open,
    "start": _start,
    "close": _close,
    "present": _present,
    "day-code": _day_code,
    "keep-results": _keep_results,
    "note-results-read": _note_results_read,
}


# --- who does it ------------------------------------------------------------------------------------------------------


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
            with locked(self.folder), open_store(self.folder) as store:
                return perform(store, request)
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
def open_store(folder: Path) -> Generator[Store]:
    """An open store, closed afterwards."""
    store = Store.open(folder)
    try:
        yield store
    finally:
        store.close()


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
