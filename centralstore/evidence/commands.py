"""The commands of `centralstore.evidence`, as words of ``store``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from centralstore.desk import Desk


def add_commands(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add them; ``command(name, run, help)`` makes a parser that takes the store's folder first."""
    bundle = command("bundle", _bundle, "export a sitting for others to check, with all proofs")
    bundle.add_argument("sitting")
    bundle.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="a new folder")
    log = command("log", _log, "sign and show the newest checkpoint of the log")
    log.add_argument("--key", action="store_true", help="only the log's public key, for witnesses and verifiers")


def _bundle(arguments: argparse.Namespace) -> int:
    from centralstore.counter import open_store
    from centralstore.evidence.bundle import OutFolder, export_bundle

    desk = Desk(arguments.folder)
    desk.ask("note-results-read", sitting=arguments.sitting)
    out = OutFolder(arguments.out)
    with open_store(arguments.folder) as store:
        made = export_bundle(
            store, arguments.sitting, out, checkpoint=lambda: str(desk.ask("checkpoint")["checkpoint"]).encode()
        )
    total = sum(size for _, size, _ in out.files)
    print(f"{out.path}: sitting {arguments.sitting}, {len(out.files)} files, {total} bytes, log of {made.size} leaves.")
    print(f"Check it with './run verify {out.path}'.")
    return 0


def _log(arguments: argparse.Namespace) -> int:
    told = Desk(arguments.folder).ask("checkpoint")
    print(told["log_key"] if arguments.key else told["checkpoint"])
    return 0
