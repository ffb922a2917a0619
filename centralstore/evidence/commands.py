"""The commands of `centralstore.evidence`, as words of ``store``."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from centralstore.desk import Desk
from centralstore.errors import SetUpError
from sync.keys import BoxKey, BoxPublic


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
    backup = command("backup", _backup, "copy a store, running or not, into one file")
    backup.add_argument("--out", type=Path, required=True, metavar="FILE", help="a new file")
    backup.add_argument("--recovery-key", type=Path, metavar="FILE", help="public half: seal the private keys to it")
    restore = command("restore", _restore, "put a backup back as a new folder", "the backup's file")
    restore.add_argument("--to", type=Path, required=True, metavar="DIR", help="a new folder")
    restore.add_argument("--recovery-key", type=Path, metavar="FILE", help="private half: opens the keys in the backup")
    restore.add_argument("--keys", type=Path, metavar="DIR", help="else the folder where the store's keys are kept")
    restore.add_argument("--database", default="", metavar="URL", help="an empty database; else the folder's own file")
    command("recovery-key", _recovery_key, "make a key pair for the private keys in backups", "a new file")
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
        f"{report.leaves} leaves ({kinds}); {report.uncovered} came after the last of {report.checkpoints} checkpoints."
    )
    print(f"{len(report.findings)} FINDINGS." if report.findings else "Everything is as the store left it.")
    return 1 if report.findings else 0


def _backup(arguments: argparse.Namespace) -> int:
    from centralstore.evidence.backup import make_backup
    from centralstore.evidence.witness import read_public

    recovery = BoxPublic(read_public(arguments.recovery_key).raw) if arguments.recovery_key else None
    desk = Desk(arguments.folder)
    made = make_backup(
        arguments.folder,
        arguments.out,
        checkpoint=lambda: str(desk.ask("checkpoint")["checkpoint"]),
        now_utc_ms=_now_ms(),
        recovery=recovery,
    )
    print(f"{made.path}: {made.size} bytes, {len(made.manifest.files)} files.")
    if recovery is None:
        print(f"WITHOUT the private keys: keep {arguments.folder}/keys, ca.key and server.key in another place.")
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    """0 when the restored store's own check finds nothing, 1 otherwise; the folder is there in both cases."""
    from centralstore.evidence.backup import restore
    from centralstore.evidence.witness import read_public

    recovery = BoxKey(read_public(arguments.recovery_key).raw) if arguments.recovery_key else None
    told = restore(arguments.folder, arguments.to, recovery=recovery, keys=arguments.keys, database=arguments.database)
    made = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(told.made_utc_ms / 1000))
    print(f"{arguments.to}: store {told.store} as it was at {made}.")
    print(
        "What came later is not in it. PCs notice, and send again what they still have; a witness will raise an alarm."
    )
    return _check_log(argparse.Namespace(folder=arguments.to, cosigned=[], witness_key=None))


def _recovery_key(arguments: argparse.Namespace) -> int:
    from centralstore.evidence.backup import make_recovery_key

    public = make_recovery_key(arguments.folder)
    print(
        f"{arguments.folder}: keep it away from the store. For 'store backup': {arguments.folder}.pub ({public.hex})."
    )
    return 0


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
