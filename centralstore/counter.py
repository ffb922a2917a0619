"""The other side of the desk: what the store's owner can ask for, done on an open store."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from centralstore.desk import Answer, CommandRefusedError, CommandRequest
from centralstore.errors import FieldError, SetUpError
from centralstore.records import ScoredAttempt
from centralstore.relay.counter import RELAY_COMMANDS
from centralstore.rights import COMMAND_LINE
from centralstore.stick import COMMAND, take_envelopes
from centralstore.store import Store
from itembank.errors import PackageError
from itembank.grants import DevicesFile, read_grants
from sync.canonical import plain_of
from sync.keys import VerifyKey

_RESULTS: Final = TypeAdapter(tuple[ScoredAttempt, ...])


@contextmanager
def open_store(folder: Path) -> Generator[Store]:
    """An open store, closed afterwards."""
    store = Store.open(folder)
    try:
        yield store
    finally:
        store.close()


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


def _add_metadata(store: Store, arguments: Answer) -> Answer:
    folder = Path(arguments["folder"])
    try:
        files = {path.name: path.read_bytes() for path in sorted(folder.glob("*.json"))}
    except OSError as error:
        raise SetUpError(str(folder), f"cannot be read ({error.strerror})", "Name the authority's folder.") from error
    if not files:
        raise SetUpError(str(folder), "no list of releases is there", "Name the authority's metadata folder.")
    current = store.add_metadata(COMMAND_LINE, files)
    return {"version": current.version, "releases": sorted(current.releases)}


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


def _order(store: Store, arguments: Answer) -> Answer:
    """An order about one candidate, as the room page gives them: ``kind`` and what it needs."""
    sitting, candidate, part = arguments["sitting"], arguments["candidate"], arguments["part"]
    reason = str(arguments.get("reason", ""))
    who = (COMMAND_LINE, sitting, candidate, part)
    orders: dict[str, Callable[[], int]] = {
        "extra_time": lambda: store.give_extra_time(*who, extra_ms=int(arguments["extra_ms"]), reason=reason),
        "reset": lambda: store.reset(*who, consent=arguments["consent"], reason=reason),
        "unlock": lambda: store.unlock(*who, reason=reason),
        "permit_handover": lambda: store.permit_handover(*who, to_device=arguments["to_device"], reason=reason),
        "expel": lambda: store.expel(*who, reason=reason),
        "left_alone": lambda: store.record_unaccompanied_exit(*who),
    }
    kind = str(arguments["kind"])
    if kind not in orders:
        raise FieldError("order", "kind", f"'{kind}' is none", f"Use {', '.join(orders)}.")
    return {"number": orders[kind]()}


def _progress(store: Store, arguments: Answer) -> Answer:
    return {"attempts": list(store.told_attempts(arguments["sitting"]))}


def _readiness(store: Store, arguments: Answer) -> Answer:
    return {"pcs": [asdict(view) for view in store.readiness(COMMAND_LINE, arguments["sitting"])]}


def _day_code(store: Store, arguments: Answer) -> Answer:
    return {"day_code": store.day_code(COMMAND_LINE, arguments["sitting"])}


def _erase(store: Store, arguments: Answer) -> Answer:
    return {"envelopes": store.erase_stream(COMMAND_LINE, arguments["sitting"], arguments["stream"])}


def _checkpoint(store: Store, _arguments: Answer) -> Answer:
    return {"checkpoint": store.checkpoint().decode(), "log_key": store.log_key.hex}


def _add_witness(store: Store, arguments: Answer) -> Answer:
    seen = store.add_witness(str(arguments["data"]).encode(), VerifyKey.from_hex(arguments["key"]))
    return {"size": seen.size}


COMMANDS: Final[Mapping[str, Callable[[Store, Answer], Answer]]] = {
    "import": _import,
    "token": _token,
    "clear-device": _clear,
    "revoke-device": _revoke,
    "devices": _devices,
    "add-release": _add_release,
    "add-metadata": _add_metadata,
    "add-grants": _add_grants,
    "sittings": _sittings,
    "open": _open,
    "start": _start,
    "close": _close,
    "present": _present,
    "order": _order,
    "progress": _progress,
    "day-code": _day_code,
    "readiness": _readiness,
    "keep-results": _keep_results,
    "note-results-read": _note_results_read,
    COMMAND: take_envelopes,
    **RELAY_COMMANDS,
    "checkpoint": _checkpoint,
    "add-witness": _add_witness,
    "erase": _erase,
}
