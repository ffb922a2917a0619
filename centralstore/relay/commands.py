"""``store``'s commands for a room without a line: public, lend, borrow, forward, give-back, take-back, loans.

And for what then stands open: accept-evidence.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from centralstore.desk import Desk
from centralstore.errors import SetUpError
from sync.canonical import parse_model

AddCommand = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]

TWO_LISTS = (
    "Two lists may exist now: whoever the relay admits from here on can be admitted here as well. "
    "Take the relay out of the room. What it holds can still be forwarded; contradictions are shown on the room page."
)


def add_relay_commands(command: AddCommand) -> None:
    """Add them to ``store``."""
    public = command("public", _public, "write who this store is, for the other store's hands")
    public.add_argument("--url", required=True, metavar="URL", help="https://host:port where it listens")
    public.add_argument("--out", type=Path, required=True, metavar="PUBLIC.json")
    lend = command("lend", _lend, "lend a planned sitting to a relay; nothing is given for it here until it is back")
    lend.add_argument("sitting")
    lend.add_argument("--to", type=Path, required=True, metavar="RELAY.json", help="the relay's public file")
    lend.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="what is carried to the relay")
    borrow = command("borrow", _borrow, "take in a lent sitting, on the relay")
    borrow.add_argument("file", type=Path, metavar="FOLDER", help="as 'store lend' wrote it")
    borrow.add_argument("--central", type=Path, required=True, metavar="CENTRAL.json", help="the central store's file")
    forward = command("forward", _forward, "bring what the relay keeps to the central store")
    forward.add_argument("--sitting", default="", help="this one only")
    forward.add_argument("--to", default="", metavar="URL", help="if not where the central store's file says")
    back = command("give-back", _give_back, "give nothing more for a borrowed sitting, forward it all and return it")
    back.add_argument("sitting")
    back.add_argument("--to", default="", metavar="URL", help="if not where the central store's file says")
    take = command("take-back", _take_back, "have a lent sitting back although the relay cannot return it")
    take.add_argument("sitting")
    take.add_argument("--without-return", action="store_true", required=True, help="yes: two lists may exist then")
    take.add_argument("--by", required=True, metavar="NAME", help="test leader or test manager who decides it")
    take.add_argument("--reason", required=True)
    accept = command("accept-evidence", _accept, "let in as evidence what a revoked PC still holds of a sitting")
    accept.add_argument("sitting")
    accept.add_argument("device", metavar="PC", help="its id, as 'store devices' lists it")
    accept.add_argument("--by", required=True, metavar="NAME", help="test manager who decides it")
    accept.add_argument("--reason", required=True)
    command("loans", _loans, "list lent and borrowed sittings, how much is forwarded, and contradictions")


def _public(arguments: argparse.Namespace) -> int:
    from centralstore.relay.loan import StorePublic, write_public

    told = Desk(arguments.folder).ask("public", url=arguments.url)
    write_public(arguments.out, parse_model(StorePublic, told, "public file"))
    print(f"{arguments.out}: carry it to the other store by hand.")
    return 0


def _lend(arguments: argparse.Namespace) -> int:
    from centralstore.relay.counter import DELEGATION, LOAN, METADATA
    from centralstore.relay.loan import from_base64

    told = Desk(arguments.folder).ask("lend", sitting=arguments.sitting, to=str(arguments.to.resolve()))
    out: Path = arguments.out
    try:
        (out / METADATA).mkdir(parents=True, exist_ok=True)
        (out / DELEGATION).write_bytes(from_base64(told["delegation"], DELEGATION))
        (out / LOAN).write_bytes(from_base64(told["loan"], LOAN))
        for name, data in told["metadata"].items():
            (out / METADATA / name).write_bytes(from_base64(data, name))
        for release, path in told["releases"].items():
            shutil.copyfile(path, out / f"{release}.provrom")
        if not told["metadata"]:
            (out / METADATA).rmdir()
    except OSError as error:
        remedy = "The sitting is lent; run this again with another folder."
        raise SetUpError(str(out), f"cannot be written ({error.strerror})", remedy) from error
    print(
        f"{out}: sitting {arguments.sitting} is lent. Carry the folder to the relay; nothing is given for it here now."
    )
    return 0


def _borrow(arguments: argparse.Namespace) -> int:
    told = Desk(arguments.folder).ask(
        "borrow", file=str(arguments.file.resolve()), central=str(arguments.central.resolve())
    )
    known = "" if told["is_new"] else " (it was here already)"
    print(f"Sitting {told['sitting']}: {told['candidates']} candidates, {told['pcs']} PCs{known}.")
    return 0


def _forward(arguments: argparse.Namespace) -> int:
    told = Desk(arguments.folder).ask("forward", sitting=arguments.sitting, url=arguments.to)
    return _tell_forwarded(told)


def _give_back(arguments: argparse.Namespace) -> int:
    told = Desk(arguments.folder).ask("give-back", sitting=arguments.sitting, url=arguments.to)
    return _tell_forwarded(told)


def _tell_forwarded(told: dict[str, Any]) -> int:
    """0 when nothing was refused."""
    refused = 0
    for sitting, done in told["sittings"].items():
        back = ", returned" if done["is_returned"] else ""
        print(f"{sitting}: {done['envelopes']} envelopes, {done['orders']} orders, {done['rows']} rows{back}")
        for sentence in done["refused"].values():
            print(f"  {sentence}")
            refused += 1
    _tell_borrowed(told)
    return 1 if refused else 0


def _take_back(arguments: argparse.Namespace) -> int:
    Desk(arguments.folder).ask("take-back", sitting=arguments.sitting, by=arguments.by, reason=arguments.reason)
    print(f"Sitting {arguments.sitting} is given here again. {TWO_LISTS}")
    return 0


def _accept(arguments: argparse.Namespace) -> int:
    told = Desk(arguments.folder).ask(
        "accept-evidence", sitting=arguments.sitting, device=arguments.device, by=arguments.by, reason=arguments.reason
    )
    print(
        f"What PC {told['name']} sends of sitting {arguments.sitting} is kept from now on, as evidence: "
        "over the network, by 'store import-envelopes' or from a relay. It is told beside every result that it touches."
    )
    return 0


def _loans(arguments: argparse.Namespace) -> int:
    told = Desk(arguments.folder).ask("loans")
    for view in told["lent"]:
        print(f"{view['sitting']}  lent to {view['name']} at {view['url']}: {view['state']}")
    _tell_borrowed(told)
    for view in told["contradictions"]:
        print(f"{view['sitting']}  CONTRADICTION {view['kind']}: {view['subject']}: {view['told']}")
    for view in told["late"]:
        print(f"{view['sitting']}  TOLD TOO LATE by {view['relay']}: {view['kind']} {view['source']}: {view['row']}")
    return 0


def _tell_borrowed(told: dict[str, Any]) -> None:
    for view in told["borrowed"]:
        state = "returned" if view["is_return_known"] else "to be returned" if view["is_returned"] else "given here"
        print(f"{view['sitting']}  borrowed: {view['forwarded']} of {view['kept']} envelopes forwarded, {state}")
