"""The other side of the desk for loans: what the owner of a central store or a relay can ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from centralstore.errors import FieldError, SetUpError
from centralstore.relay.forwarding import forward
from centralstore.relay.loan import read_public, to_base64
from centralstore.rights import COMMAND_LINE
from centralstore.store import Store
from sync.canonical import plain_of
from sync.keys import sha256_hex

Answer = dict[str, Any]

DELEGATION, LOAN, METADATA = "delegation", "loan", "metadata"
"""Names in the folder that is carried to the relay; the packages lie beside as ``<release>.provrom``."""


def _public(store: Store, arguments: Answer) -> Answer:
    return plain_of(store.public(arguments["url"]))


def _lend(store: Store, arguments: Answer) -> Answer:
    files = store.lend(COMMAND_LINE, arguments["sitting"], read_public(Path(arguments["to"])))
    return {
        "delegation": to_base64(files.delegation),
        "loan": to_base64(files.loan),
        "releases": {release: str(path.resolve()) for release, path in files.releases.items()},
        "metadata": {name: to_base64(data) for name, data in store.metadata_files().items()},
    }


def _borrow(store: Store, arguments: Answer) -> Answer:
    """Packages and the list of releases first, the sitting last: broken off, it is simply done again."""
    folder, central = Path(arguments["file"]), read_public(Path(arguments["central"]))
    loan = store.open_loan(_read(folder / LOAN), central)
    metadata = folder / METADATA
    if metadata.is_dir():
        store.add_metadata(COMMAND_LINE, {path.name: _read(path) for path in sorted(metadata.iterdir())})
    for release in loan.releases:
        data = _read(folder / f"{release.release}.provrom")
        if sha256_hex(data) != release.sha256:
            raise SetUpError(str(folder), f"release {release.release} is not the one lent", "Have it copied again.")
        store.add_release(COMMAND_LINE, data)
    is_new = store.borrow(COMMAND_LINE, loan, central)
    return {"sitting": loan.sitting, "is_new": is_new, "pcs": len(loan.devices), "candidates": len(loan.candidates)}


def _forward(store: Store, arguments: Answer) -> Answer:
    chosen = arguments.get("sitting", "")
    done = {
        view.sitting: asdict(forward(store, view.sitting, url=str(arguments.get("url", ""))))
        for view in store.borrowings()
        if chosen in {"", view.sitting}
    }
    if chosen and not done:
        raise FieldError("forward", "sitting", f"'{chosen}' is not borrowed", "'store loans' lists them.")
    return {"sittings": done, **_loans(store, {})}


def _give_back(store: Store, arguments: Answer) -> Answer:
    """First nothing more is given here, then everything is brought over: nobody is ever admitted in two places."""
    store.give_back(COMMAND_LINE, arguments["sitting"])
    return _forward(store, arguments)


def _take_back(store: Store, arguments: Answer) -> Answer:
    by, reason = _named(arguments, "take-back")
    store.take_back(COMMAND_LINE, arguments["sitting"], f"{by}: {reason}" if reason else "")
    return {}


def _accept_evidence(store: Store, arguments: Answer) -> Answer:
    by, reason = _named(arguments, "accept-evidence")
    store.accept_evidence(COMMAND_LINE, arguments["sitting"], arguments["device"], f"{by}: {reason}" if reason else "")
    return {"name": store.device_keys(arguments["device"])[0].name}


def _named(arguments: Answer, command: str) -> tuple[str, str]:
    """Who decides, and why.

    Raises:
        FieldError: nobody is named.
    """
    by, reason = str(arguments["by"]).strip(), str(arguments["reason"]).strip()
    if not by:
        raise FieldError(command, "by", "nobody is named", "Name who decides this.")
    return by, reason


def _loans(store: Store, _arguments: Answer) -> Answer:
    sittings = [view.id for view in store.sittings(COMMAND_LINE)]
    lent = [found for sitting in sittings if (found := store.lending(COMMAND_LINE, sitting)) is not None]
    return {
        "lent": [{**asdict(view), "state": view.state.value} for view in lent],
        "borrowed": [asdict(view) for view in store.borrowings()],
        "contradictions": [
            {"sitting": sitting, **asdict(view), "kind": view.kind.value}
            for sitting in sittings
            for view in store.contradictions(COMMAND_LINE, sitting)
        ],
        "late": [
            {"sitting": sitting, **asdict(view)}
            for sitting in sittings
            for view in store.late_rows(COMMAND_LINE, sitting)
        ],
    }


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SetUpError(str(path), f"cannot be read ({error.strerror})", "Name the folder of 'store lend'.") from error


RELAY_COMMANDS: Final[Mapping[str, Callable[[Store, Answer], Answer]]] = {
    "public": _public,
    "lend": _lend,
    "borrow": _borrow,
    "forward": _forward,
    "give-back": _give_back,
    "take-back": _take_back,
    "accept-evidence": _accept_evidence,
    "loans": _loans,
}
