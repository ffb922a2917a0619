"""`bank`: check and build a bank, make releases and grants, make the authority's keys."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from itembank.bank import Bank, read_bank
from itembank.checks import RouteDuration, check_bank, check_release, listening_durations, narrowed
from itembank.errors import BankDataError, BankFaultsError, ClipMissingError, ItemBankError, ReleaseListError
from itembank.listcommands import add_key_files, add_metadata_commands, tell_standing
from sync.errors import SyncError

if TYPE_CHECKING:
    from itembank.keyring import KeyFolder
    from itembank.publish import Published
    from itembank.releaselist import ReleaseList

BANKS = Path(__file__).parent.parent / "banks"
MINUTE_MS = 60_000
GRANT_DAYS = 14
FLAT_FROM = 3
"""How deep a panel's JSON is set out line by line: rules, modules and rows of the level table stay on one line each."""


def main(argv: Sequence[str]) -> int:
    """Run one of the bank's commands; 0 when all is well, 1 when something is refused."""
    arguments = _parser().parse_args(argv)
    try:
        return arguments.run(arguments)
    except BankFaultsError as error:
        return _tell(error.faults)
    except (ItemBankError, SyncError) as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"{error.filename}: {error.strerror}. Name a file or folder that is there.", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./run bank", description="Check and build an item bank, make releases.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser("check", help="check everything in a bank, and list the minutes of listening routes")
    check.add_argument("banks", nargs="*", type=Path, default=None, metavar="BANK")
    check.set_defaults(run=_check)
    build = commands.add_parser("build", help="synthesise the clips that are missing")
    build.add_argument("banks", nargs="*", type=Path, default=None, metavar="BANK")
    build.add_argument("--release", metavar="RELEASE", help="only the clips that this release of the bank draws on")
    build.set_defaults(run=_build)
    table = commands.add_parser("table", help="work out a panel's level table from its cut scores and write it")
    table.add_argument("panel", type=Path, metavar="PANEL.json")
    table.set_defaults(run=_table)
    release = commands.add_parser("release", help="make a signed and sealed test package")
    release.add_argument("release", type=Path, metavar="RELEASE.json")
    release.add_argument("--out", type=Path, required=True, metavar="FILE", help="the package, or a folder for it")
    release.add_argument("--keys", type=Path, required=True, metavar="DIR", help="the authority's keys")
    release.add_argument("--keep-older", action="store_true", help="older versions stay on the list of current ones")
    add_key_files(release)
    release.set_defaults(run=_release)
    add_metadata_commands(commands)
    keys = commands.add_parser("keys", help="the authority's keys").add_subparsers(required=True, metavar="COMMAND")
    init = keys.add_parser("init", help="make the signing key and the results custodians' keys")
    init.add_argument("folder", type=Path, metavar="DIR")
    init.add_argument("--custodians", type=int, default=1, metavar="N")
    init.add_argument("--needed", type=int, default=1, metavar="M", help="how many custodians open answers together")
    for role in ("root", "targets"):
        init.add_argument(f"--{role}-keys", type=int, default=1, metavar="N", help=f"how many keys role {role} has")
        init.add_argument(f"--{role}-needed", type=int, default=1, metavar="M", help="how many of them sign together")
    init.set_defaults(run=_keys)
    grant = commands.add_parser("grant", help="make the grants of a sitting's PCs")
    grant.add_argument("devices", type=Path, metavar="DEVICES.json", help="as the store writes it")
    grant.add_argument("packages", nargs="+", type=Path, metavar="PACKAGE")
    grant.add_argument("--keys", type=Path, required=True, metavar="DIR")
    grant.add_argument("--out", type=Path, required=True, metavar="FILE")
    grant.add_argument("--days", type=int, default=GRANT_DAYS, help="how long the grants are good")
    grant.set_defaults(run=_grant)
    return parser


def _check(arguments: argparse.Namespace) -> int:
    status = 0
    for folder in _folders(arguments):
        bank = read_bank(folder)
        print(f"{folder.name}: {_contents(bank)}")
        _print_durations(listening_durations(bank))
        status = max(status, _tell(check_bank(bank)))
    return status


def _build(arguments: argparse.Namespace) -> int:
    from itembank.clips import build_clips, remove_unused_clips

    release: str | None = arguments.release
    for folder in _folders(arguments):
        started = time.monotonic()
        bank = read_bank(folder)
        if release is None:
            remove_unused_clips(bank)
        elif release in bank.releases:
            bank = narrowed(bank, bank.releases[release])
        else:
            print(f"{folder}: it has no release '{release}'. Name a file of its releases folder.", file=sys.stderr)
            return 1
        built, kept = build_clips(bank)
        print(f"{folder.name}: {built} clips built, {kept} kept, {time.monotonic() - started:.1f} s")
    return 0


def _table(arguments: argparse.Namespace) -> int:
    from itembank.forms import engine_panel
    from itembank.leveltable import level_table

    path: Path = arguments.panel
    bank = read_bank(path.parent.parent)
    file = bank.panels.get(path.stem)
    if file is None:
        print(f"{path}: it is not a panel of a bank. Name a file of a bank's panels folder.", file=sys.stderr)
        return 1
    panel = engine_panel(bank, file)
    if panel.scale is None or file.cuts is None:
        raise BankDataError(str(path), "cuts", "there are no cut scores", "Set them")
    if uncalibrated := [item.id for item in panel.items.values() if item.is_scored and item.parameters is None]:
        fault = f"'{uncalibrated[0]}' has no parameters"
        raise BankDataError(str(path), "modules", fault, "Calibrate the item, or leave it out of the score")
    rows = level_table(panel, panel.scale, file.cuts.highest)
    plain = json.loads(path.read_bytes())
    plain["level_table"] = [row.model_dump(mode="json") for row in rows]
    path.write_text(_panel_text(plain), encoding="utf-8")
    for row in rows:
        print(f"{' → '.join(row.route):<32} {' '.join(row.levels)}")
    return 0


def _panel_text(plain: dict[str, object]) -> str:
    """JSON with a row of the level table, a rule and a module on one line each, so that people can compare them."""
    text = json.dumps(plain, ensure_ascii=False, indent=2)
    lines: list[str] = []
    depth = 0
    for line in text.splitlines():
        stripped = line.strip()
        is_closing = stripped[:1] in {"}", "]"}
        depth -= is_closing
        if depth >= FLAT_FROM or (is_closing and depth == FLAT_FROM - 1):
            lines[-1] += ("" if is_closing or lines[-1].endswith(("[", "{")) else " ") + stripped
        else:
            lines.append(line)
        depth += stripped[-1:] in {"{", "["}
    return "\n".join(lines) + "\n"


def _release(arguments: argparse.Namespace) -> int:
    from itembank.keyring import KeyFolder
    from itembank.package import SUFFIX
    from itembank.publish import publish
    from itembank.releaselist import ReleaseList
    from sync.metadata import listed_release

    path: Path = arguments.release
    bank = read_bank(path.parent.parent)
    if path.stem not in bank.releases:
        print(f"{path}: it is not a release of a bank. Name a file of a bank's releases folder.", file=sys.stderr)
        return 1
    release = bank.releases[path.stem]
    if faults := check_release(bank, release):
        return _tell(faults)
    keys, current = KeyFolder(arguments.keys), ReleaseList(arguments.keys, tuple(arguments.key_files))
    signing = keys.signing_key()
    current.require_keys()
    _check_shared(bank.programmes[release.programme].is_demo, current)
    packages = publish(bank, release, signing, keys.custodians(), now_utc_ms=_now_utc_ms())
    for package in packages:
        out = _out(arguments.out, package.manifest.release, SUFFIX, is_only=len(packages) == 1)
        key_path = _write_both(out, package, keys)
        print(f"{out}: release {package.manifest.release}, {len(package.data) / 1e6:.1f} MB")
        print(f"  its content key: {key_path} (keep it with the authority)")
    listed = [listed_release(package.data, package.manifest, signing.public) for package in packages]
    taken_off = current.add(listed, keep_older=arguments.keep_older, now_utc_ms=_now_utc_ms())
    print(
        f"{arguments.keys / 'metadata'}: the list of current releases names {'it' if len(listed) == 1 else 'them'} now"
    )
    for older in taken_off:
        print(f"  {older} is off the list")
    return 0


def _check_shared(is_demo: bool, current: ReleaseList) -> None:  # noqa: FBT001 - a plain question
    """What is no demo is listed by two keys or more; PCs open nothing else."""
    alone = [role.role for role in current.standing() if role.role in {"root", "targets"} and role.needed == 1]
    if alone and not is_demo:
        raise ReleaseListError(
            current.folder,
            f"the programme is no demo, but one key of role {alone[0]} alone would list its releases",
            "Make keys of which two or more are needed ('bank keys init --root-keys 3 --root-needed 2 …')",
        )


def _write_both(out: Path, package: Published, keys: KeyFolder) -> Path:
    """Write a package and keep its key, both or neither; where the key stands."""
    part = out.with_name(f"{out.name}.part")
    part.write_bytes(package.data)
    try:
        key_path = keys.keep_content_key(package.manifest.release, package.content_key)
    except ItemBankError:
        part.unlink()
        raise
    part.replace(out)
    return key_path


def _keys(arguments: argparse.Namespace) -> int:
    from itembank.keyring import KeyFolder
    from itembank.releaselist import Holders, ReleaseList

    root, targets = (
        Holders(arguments.root_keys, arguments.root_needed),
        Holders(arguments.targets_keys, arguments.targets_needed),
    )
    made = KeyFolder(arguments.folder).create(arguments.custodians, arguments.needed)
    current = ReleaseList(arguments.folder)
    current.create(root, targets, now_utc_ms=_now_utc_ms())
    print(f"{arguments.folder}: signing key, and {len(made.keys)} results keys of which {made.needed} open answers")
    if made.needed == 1:
        print("  One results key alone is for demo programmes only.")
    if min(root.needed, targets.needed) == 1:
        print("  One root or targets key alone is for demo programmes only.")
    tell_standing(current, _now_utc_ms())
    return 0


def _grant(arguments: argparse.Namespace) -> int:
    from itembank.grants import grant_sitting, read_devices, write_grants
    from itembank.keyring import KeyFolder

    now = _now_utc_ms()
    grants = grant_sitting(
        KeyFolder(arguments.keys),
        read_devices(arguments.devices),
        arguments.packages,
        now_utc_ms=now,
        expires_utc_ms=now + arguments.days * 24 * 60 * MINUTE_MS,
    )
    write_grants(arguments.out, grants)
    print(f"{arguments.out}: {len(grants.grants)} grants for sitting {grants.sitting}")
    return 0


def _folders(arguments: argparse.Namespace) -> list[Path]:
    given: list[Path] = arguments.banks
    return given or sorted(path.parent for path in BANKS.glob("*/bank.json"))


def _contents(bank: Bank) -> str:
    counts = (
        (bank.items, "items"),
        (bank.stimuli, "stimuli"),
        (bank.tasks, "writing tasks"),
        (bank.panels, "panels"),
        (bank.task_sets, "task sets"),
        (bank.programmes, "programmes"),
        (bank.releases, "releases"),
    )
    return ", ".join(f"{len(files)} {name}" for files, name in counts)


def _print_durations(rows: Sequence[RouteDuration]) -> None:
    if not rows:
        return
    print(f"  {'listening route':<58} {'nb':>6} {'nn':>6}  minutes allowed")
    minutes = {(row.panel, row.route, row.written_standard): row.duration_ms / MINUTE_MS for row in rows}
    for row in rows:
        if row.written_standard == "nb":
            name = f"{row.panel}: {' → '.join(row.route)}"
            both = [minutes[row.panel, row.route, standard] for standard in ("nb", "nn")]
            low, high = (None if bound is None else f"{bound / MINUTE_MS:.3g}" for bound in (row.low_ms, row.high_ms))
            print(f"  {name:<58} {both[0]:6.2f} {both[1]:6.2f}  {low or '0'}–{high or ''}")


def _tell(faults: Sequence[BankDataError]) -> int:
    """Print faults, many missing clips as one sentence; the exit status."""
    missing = [fault for fault in faults if isinstance(fault, ClipMissingError)]
    for fault in faults:
        if fault not in missing:
            print(fault, file=sys.stderr)
    if missing:
        more = f" ({len(missing) - 1} more are missing too)" if len(missing) > 1 else ""
        print(f"{missing[0]}{more}", file=sys.stderr)
    return 1 if faults else 0


def _out(out: Path, release: str, suffix: str, *, is_only: bool) -> Path:
    return out / f"{release}{suffix}" if out.is_dir() or not is_only else out


def _now_utc_ms() -> int:
    return time.time_ns() // 1_000_000
