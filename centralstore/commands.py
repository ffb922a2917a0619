"""``store``: run and look after the central store.

What serves and scores is loaded by the command that needs it, so that the small ones answer at once.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from centralstore.csvfile import MAX_FILE_BYTES
from centralstore.desk import Desk
from centralstore.errors import SetUpError, StoreError
from centralstore.evidence.commands import add_commands as add_evidence_commands
from centralstore.folder import init_folder, open_folder, pin_root, set_content_key
from centralstore.keyfiles import add_export_options, add_key_options, add_rescore_options, read_results_keys
from centralstore.menu import Menu
from centralstore.relay.commands import add_relay_commands
from itembank.errors import ItemBankError
from sync.errors import SyncError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from centralstore.records import ScoredAttempt
    from centralstore.store import Store

Extend: TypeAlias = "Callable[[FastAPI, Store], None]"


def main(argv: Sequence[str], *, extend: Extend | None = None) -> int:
    """Run one of the store's commands; 0 when all is well, 1 when something is refused.

    Args:
        argv: the words after ``store``.
        extend: adds pages to the application before it serves (`administration.site`).
    """
    arguments = _menu(extend).parse(argv)
    return answered(lambda: arguments.run(arguments))


def answered(work: Callable[[], int]) -> int:
    """Do it; a refusal becomes its sentence on standard error and status 1."""
    try:
        return work()
    except (StoreError, SyncError, ItemBankError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _menu(extend: Extend | None) -> Menu:
    menu = Menu()
    command = menu.add
    init = command("init", _init, "make a new store: keys, certificate authority, database")
    init.add_argument("names", nargs="*", metavar="NAME", help="further names or addresses of this machine")
    init.add_argument("--database", default="", metavar="URL", help="another database than the folder's SQLite file")
    init.add_argument("--content-key", default="", metavar="KEY", help="the authority's public key or its file")
    init.add_argument("--root", type=Path, metavar="1.root.json", help="the authority's root file, to be pinned")
    trust = command("trust", _trust, "set the authority's key whose releases are genuine, or pin its root file")
    trust.add_argument("key", metavar="KEY", nargs="?", help="64 hexadecimal digits, or the file that holds them")
    trust.add_argument("--root", type=Path, metavar="1.root.json", help="who signs the list of current releases")
    run = command("run", lambda arguments: _run(arguments, extend), "serve the exam PCs and the staff pages")
    run.add_argument("--host", default="127.0.0.1")
    run.add_argument("--port", type=int, default=8443)
    people = command("import", _import, "take in accounts, candidates and sittings from a CSV file, or nothing of it")
    people.add_argument("file", type=Path, metavar="FILE.csv")
    release = command("add-release", _add_release, "take in a test package")
    release.add_argument("file", type=Path, metavar="PACKAGE")
    metadata = command("add-metadata", _add_metadata, "take in the authority's list of current releases")
    metadata.add_argument("metadata", type=Path, metavar="FOLDER", help="the authority's metadata folder")
    stick = command("import-envelopes", _import_envelopes, "take in what PCs saved to a USB stick; receipts go on it")
    stick.add_argument("stick", type=Path, metavar="FOLDER")
    token = command("token", _token, "make a one-time token that lets one PC enrol for a room")
    token.add_argument("--sitting", default="", help="the room of this sitting")
    token.add_argument("--site", default="")
    token.add_argument("--room", default="")
    devices = command("devices", _devices, "list the PCs, or write those of a sitting's room for the authority")
    devices.add_argument("--sitting", default="")
    devices.add_argument("--out", type=Path, metavar="DEVICES.json")
    clear = command("clear-device", _clear, "let an enrolled PC be used")
    clear.add_argument("device")
    revoke = command("revoke-device", _revoke, "shut a PC out")
    revoke.add_argument("device")
    grants = command("add-grants", _add_grants, "take in the authority's grants for a sitting")
    grants.add_argument("file", type=Path, metavar="GRANTS")
    command("sittings", _sittings, "list the sittings")
    for name, act, text in (
        ("open", _open, "open a sitting"),
        ("close", _close, "close a sitting"),
        ("day-code", _day_code, "show a sitting's day code"),
    ):
        command(name, act, text).add_argument("sitting")
    readiness = command("readiness", _readiness, "list a sitting's PCs: tested when, with what result, or not tested")
    readiness.add_argument("--sitting", required=True)
    start = command("start", _start, "start a part of a sitting")
    start.add_argument("sitting")
    start.add_argument("part")
    _add_results_commands(command)
    add_evidence_commands(command)
    add_relay_commands(command)
    return menu


def _add_results_commands(command: Callable[..., argparse.ArgumentParser]) -> None:
    score = command("score", _score, "open, replay and score answers; results are held")
    add_key_options(score)
    score.add_argument("--sitting", default="", help="this sitting only")
    results = command("results", _results, "show held results")
    results.add_argument("--sitting", default="")
    results.add_argument("--json", action="store_true", help="all of it, as JSON")
    erase = command("erase", _erase, "destroy a closed sitting's key timings or personal forms for ever")
    erase.add_argument("sitting")
    erase.add_argument("--stream", choices=("keys", "form"), required=True, help="key timings, or the personal form")
    add_export_options(command("export", _export, "write responses under pseudonyms, with a codebook"))
    add_rescore_options(command("rescore", _rescore, "score again with corrected keys, keeping the old values"))


# --- setting up and running -------------------------------------------------------------------------------------------


def _init(arguments: argparse.Namespace) -> int:
    key = _key_text(arguments.content_key) if arguments.content_key else ""
    made = init_folder(arguments.folder, names=tuple(arguments.names), database=arguments.database, content_key=key)
    if arguments.root:
        pin_root(made, _bytes(arguments.root))
    from centralstore.migration import upgrade

    upgrade(made.database_url)
    print(f"{made.path}: a new store. PCs and browsers must trust {made.ca_file}.")
    return 0


def _trust(arguments: argparse.Namespace) -> int:
    folder = open_folder(arguments.folder)
    if arguments.root:
        pin_root(folder, _bytes(arguments.root))
        print(f"{folder.authority_root}: the list of current releases is checked with this root.")
    if arguments.key:
        set_content_key(folder, _key_text(arguments.key))
        print(f"{arguments.folder}: releases signed by this key are genuine. A running service must be started again.")
    elif not arguments.root:
        raise SetUpError("trust", "neither a key nor --root is given", "Give the authority's public files.")
    return 0


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SetUpError(str(path), f"cannot be read ({error.strerror})", "Name the file.") from error


def _key_text(given: str) -> str:
    path = Path(given)
    try:
        return path.read_text(encoding="ascii").strip() if path.is_file() else given
    except (OSError, UnicodeDecodeError) as error:
        raise SetUpError(given, "is not a public key", "Name the authority's content-signing.pub.") from error


def _run(arguments: argparse.Namespace, extend: Extend | None) -> int:
    from centralstore.server import run_service

    return run_service(arguments.folder, arguments.host, arguments.port, extend=extend, tell=_tell)


def _tell(sentence: str) -> None:
    print(sentence, flush=True)


# --- asked of the store, running or not -------------------------------------------------------------------------------


def _import(arguments: argparse.Namespace) -> int:
    path: Path = arguments.file
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise SetUpError(str(path), f"is longer than {MAX_FILE_BYTES} bytes", "Divide the file.")
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise SetUpError(str(path), f"cannot be read ({error.strerror})", "Name the CSV file.") from error
    except UnicodeDecodeError as error:
        raise SetUpError(str(path), "is not UTF-8", "Save it as CSV in UTF-8.") from error
    taken = Desk(arguments.folder).ask("import", text=text, file=path.name)
    print(f"{path.name}: " + ", ".join(f"{count} {kind}" for kind, count in taken.items()))
    return 0


def _add_release(arguments: argparse.Namespace) -> int:
    taken = Desk(arguments.folder).ask("add-release", file=str(arguments.file.resolve()))
    print(f"Release {taken['release']} is here.")
    return 0


def _add_metadata(arguments: argparse.Namespace) -> int:
    taken = Desk(arguments.folder).ask("add-metadata", folder=str(arguments.metadata.resolve()))
    print(
        f"The list of current releases, version {taken['version']}, is here: {', '.join(taken['releases']) or 'empty'}."
    )
    return 0


def _import_envelopes(arguments: argparse.Namespace) -> int:
    """0 when every envelope lies in its place and has its receipt on the stick, 1 when something is told of."""
    from centralstore.stick import import_envelopes

    imported = import_envelopes(Desk(arguments.folder), arguments.stick)
    for sentence in imported.sentences(arguments.stick):
        print(sentence)
    return 0 if imported.is_whole else 1


def _token(arguments: argparse.Namespace) -> int:
    if not arguments.sitting and not (arguments.site and arguments.room):
        raise SetUpError("token", "neither --sitting nor --site and --room is given", "Say which room the PC is for.")
    made = Desk(arguments.folder).ask("token", sitting=arguments.sitting, site=arguments.site, room=arguments.room)
    print(made["token"])
    return 0


def _devices(arguments: argparse.Namespace) -> int:
    told = Desk(arguments.folder).ask("devices", sitting=arguments.sitting)
    if arguments.sitting:
        text = json.dumps(told, sort_keys=True, separators=(",", ":"))
        if arguments.out:
            arguments.out.write_text(text, encoding="utf-8")
            print(f"{arguments.out}: {len(told['devices'])} PCs for the authority's 'bank grant'")
        else:
            print(text)
        return 0
    for row in told["devices"]:
        print(f"{row['id']}  {row['state']:<9} {row['site']} {row['room']}  {row['name']}")
    return 0


def _clear(arguments: argparse.Namespace) -> int:
    Desk(arguments.folder).ask("clear-device", device=arguments.device)
    print(f"PC {arguments.device} may be used.")
    return 0


def _revoke(arguments: argparse.Namespace) -> int:
    Desk(arguments.folder).ask("revoke-device", device=arguments.device)
    print(f"PC {arguments.device} is shut out.")
    return 0


def _add_grants(arguments: argparse.Namespace) -> int:
    taken = Desk(arguments.folder).ask("add-grants", file=str(arguments.file.resolve()))
    print(f"Sitting {taken['sitting']}: {taken['grants']} grants.")
    return 0


def _sittings(arguments: argparse.Namespace) -> int:
    for row in Desk(arguments.folder).ask("sittings")["sittings"]:
        print(f"{row['id']}  {row['state']:<8} {row['date']}  {row['site']} {row['room']}")
    return 0


def _open(arguments: argparse.Namespace) -> int:
    Desk(arguments.folder).ask("open", sitting=arguments.sitting)
    print(f"Sitting {arguments.sitting} is open.")
    return 0


def _start(arguments: argparse.Namespace) -> int:
    Desk(arguments.folder).ask("start", sitting=arguments.sitting, part=arguments.part)
    print(f"Sitting {arguments.sitting}: {arguments.part} has started.")
    return 0


def _close(arguments: argparse.Namespace) -> int:
    Desk(arguments.folder).ask("close", sitting=arguments.sitting)
    print(f"Sitting {arguments.sitting} is closed.")
    return 0


def _day_code(arguments: argparse.Namespace) -> int:
    print(Desk(arguments.folder).ask("day-code", sitting=arguments.sitting)["day_code"])
    return 0


def _readiness(arguments: argparse.Namespace) -> int:
    """0 when every PC was tested and is ready, 1 otherwise."""
    pcs: list[dict[str, Any]] = Desk(arguments.folder).ask("readiness", sitting=arguments.sitting)["pcs"]
    for pc in pcs:
        day = time.strftime("%Y-%m-%d %H:%M", time.gmtime(pc["tested_ms"] / 1000)) if pc["tested_ms"] else ""
        standing = "NOT TESTED" if not day else f"{'ready' if pc['is_ready'] else 'NOT READY'}, tested {day} UTC"
        print(f"{pc['device']}  {pc['name']:<12} {standing}")
        for check, outcome, told in pc["findings"]:
            if outcome in {"warned", "failed"}:
                print(f"    {outcome} {check}: {told}")
    return 0 if pcs and all(pc["is_ready"] for pc in pcs) else 1


# --- results ----------------------------------------------------------------------------------------------------------


def _score(arguments: argparse.Namespace) -> int:
    from centralstore.counter import open_store
    from centralstore.opening import opened_packages
    from centralstore.scoring import opener_for, reset_attempts, score_attempt, with_two_attempts

    held = read_results_keys(arguments.results_key)
    singly: list[ScoredAttempt] = []
    reset: set[str] = set()
    with open_store(arguments.folder) as store:
        for found in opened_packages(store, arguments, arguments.sitting):
            opener = opener_for(found.package, held)
            singly.append(score_attempt(found.attempt, found.envelopes, found.package, opener, found.known))
            reset |= reset_attempts(found.known)
    scored = with_two_attempts(singly, reset)
    kept = Desk(arguments.folder).ask("keep-results", results=[dataclasses.asdict(entry) for entry in scored])
    faulty = sum(1 for entry in scored if entry.findings)
    print(f"{len(scored)} attempts scored, {kept['new']} new results held, {faulty} with findings.")
    for entry in scored:
        for finding in entry.findings:
            print(f"  {entry.attempt} {entry.candidate} {entry.part}: {finding['sentence']}")
    return 0


def _results(arguments: argparse.Namespace) -> int:
    from centralstore.counter import open_store

    Desk(arguments.folder).ask("note-results-read", sitting=arguments.sitting)
    with open_store(arguments.folder) as store:
        found = store.held_results(arguments.sitting)
    if arguments.json:
        print(json.dumps([dataclasses.asdict(view) for view in found], ensure_ascii=False, indent=2))
        return 0
    for view in found:
        route = ">".join(str(module) for module in _listed(view.data.get("modules")))
        print(
            f"{view.sitting}  {view.candidate}  {view.part:<10} {view.level or '–':<9} {route:<22}"
            f" scoring {view.scoring_number}, {view.state}, {len(view.findings)} findings"
        )
    return 0


def _erase(arguments: argparse.Namespace) -> int:
    done = Desk(arguments.folder).ask("erase", sitting=arguments.sitting, stream=arguments.stream)
    erased = f"erased in {done['envelopes']} envelopes"
    print(f"Sitting {arguments.sitting}: {erased}. Backups and sticks made before keep theirs.")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from centralstore.export import run

    return run(arguments)


def _rescore(arguments: argparse.Namespace) -> int:
    from centralstore.rescore import run

    return run(arguments)


def _listed(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []
