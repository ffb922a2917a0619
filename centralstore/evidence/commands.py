"""The commands of `centralstore.evidence`, as words of ``store``."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from centralstore.desk import Desk
from centralstore.errors import SetUpError


def add_commands(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add them; ``command(name, run, help)`` makes a parser that takes the store's folder first."""
    bundle = command("bundle", _bundle, "export a sitting for others to check, with all proofs")
    bundle.add_argument("sitting")
    bundle.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="a new folder")
    log = command("log", _log, "sign and show the newest checkpoint of the log")
    log.add_argument("--key", action="store_true", help="only the log's public key, for witnesses and verifiers")
    check = command(
        "check-log", _check_log, "rebuild the log from the rows and name each that was changed past the store"
    )
    check.add_argument("--cosigned", type=Path, nargs="*", default=[], metavar="FILE", help="from the witness's 'seen'")
    check.add_argument("--witness-key", type=Path, metavar="FILE", help="the witness's witness.pub")
    own = "the witness's own folder"
    init = command("witness-init", _witness_init, "make a witness: for another organisation, at its own machine", own)
    init.add_argument("name", help="the organisation's name")
    witness = command("witness", _witness, "look at a store's log, and sign it if it continues what was seen", own)
    witness.add_argument("--store", required=True, metavar="URL", help="the store's address")
    witness.add_argument("--ca", type=Path, required=True, metavar="FILE", help="the store's ca.pem")
    witness.add_argument("--key", type=Path, required=True, metavar="FILE", help="the log's public key, by 'store log'")
    witness.add_argument("--every", type=int, metavar="SECONDS", help="go on looking; without it once")
    add = command("add-witness", _add_witness, "take in checkpoints that a witness signed; exports carry them")
    add.add_argument("files", type=Path, nargs="+", metavar="FILE", help="from the witness's folder 'seen'")
    add.add_argument("--key", type=Path, required=True, metavar="FILE", help="the witness's witness.pub")


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


def _check_log(arguments: argparse.Namespace) -> int:
    """0 when everything is as the store left it, 1 otherwise."""
    from centralstore.counter import open_store
    from centralstore.evidence.witness import read_public

    if arguments.cosigned and arguments.witness_key is None:
        raise SetUpError("check-log", "--cosigned is given without --witness-key", "Name the witness's witness.pub.")
    key = read_public(arguments.witness_key) if arguments.witness_key else None
    with open_store(arguments.folder) as store:
        report = store.check_log([(_text(file).encode(), key) for file in arguments.cosigned if key is not None])
    for finding in report.findings:
        print(finding)
    kinds = ", ".join(f"{count} {kind}s" for kind, count in sorted(report.counts.items())) or "nothing"
    print(
        f"{report.leaves} leaves ({kinds}); {report.uncovered} are newer than the last of {report.checkpoints} checkpoints."
    )
    print(f"{len(report.findings)} FINDINGS." if report.findings else "Everything is as the store left it.")
    return 1 if report.findings else 0


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SetUpError(str(file), "cannot be read", "Name a file that the witness signed.") from error


def _witness_init(arguments: argparse.Namespace) -> int:
    from centralstore.evidence.witness import init_witness

    made = init_witness(arguments.folder, arguments.name)
    print(f"{made.folder}: witness '{made.name}'. Verifiers need {made.folder / 'witness.pub'}: {made.key.public.hex}")
    return 0


def _witness(arguments: argparse.Namespace) -> int:
    """0 after a good look; a fork ends it with 1 and a sentence."""
    from centralstore.evidence.witness import http_log, open_witness, read_public, told, watch

    witness, log_key = open_witness(arguments.folder), read_public(arguments.key)
    with http_log(arguments.store, arguments.ca) as source:
        if not arguments.every:
            print(told(witness.look(source, log_key, _now_ms())))
            return 0

        def wait() -> bool:
            time.sleep(max(1, arguments.every))
            return True

        watch(witness, source, log_key, now_utc_ms=_now_ms, wait=wait, tell=lambda line: print(line, flush=True))
    return 0


def _add_witness(arguments: argparse.Namespace) -> int:
    from centralstore.evidence.witness import read_public

    key = read_public(arguments.key)
    for file in arguments.files:
        kept = Desk(arguments.folder).ask("add-witness", data=_text(file), key=key.hex)
        print(f"{file}: the witness saw {kept['size']} leaves, and they are those here.")
    return 0


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
