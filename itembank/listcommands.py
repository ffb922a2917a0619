"""`bank metadata`: look after the list of current releases. Run where the authority's keys are, without a network."""

# ruff: noqa: T201, PLC0415 - a command line: it prints, and loads what it needs when asked

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from itembank.errors import ReleaseListError

if TYPE_CHECKING:
    from itembank.releaselist import ReleaseList

DAY_MS = 86_400_000
SOON_DAYS = 30
"""A role that runs out within so many days is pointed out."""


def add_metadata_commands(commands: Any) -> None:  # noqa: ANN401 - argparse does not name its type
    """Add ``metadata`` and what is under it."""
    found = commands.add_parser("metadata", help="the list of current releases: show, renew, withdraw, replace a key")
    under = found.add_subparsers(required=True, metavar="COMMAND")
    show = under.add_parser("show", help="roles, keys, times and releases")
    show.set_defaults(run=_show)
    renew = under.add_parser("renew", help="say again that the list is the newest: at least once a fortnight")
    renew.add_argument("--role", action="append", choices=("root", "targets"), default=[], help="sign this anew too")
    renew.set_defaults(run=_renew)
    withdraw = under.add_parser("withdraw", help="take a release off the list")
    withdraw.set_defaults(run=_withdraw)
    replace = under.add_parser("replace-key", help="revoke a key of a role and make a fresh one in its place")
    replace.set_defaults(run=_replace)
    for each in (show, renew, withdraw, replace):
        each.add_argument("folder", type=Path, metavar="DIR", help="the authority's folder")
        add_key_files(each)
    withdraw.add_argument("release", metavar="RELEASE")
    replace.add_argument("role", choices=("root", "targets", "snapshot", "timestamp"))
    replace.add_argument("key", metavar="KEYID", help="the key's id, or how it begins, as 'show' prints it")


def add_key_files(parser: argparse.ArgumentParser) -> None:
    """Add ``--key``, for private keys that lie on their holders' sticks."""
    parser.add_argument("--key", dest="key_files", action="append", type=Path, default=[], metavar="FILE")


def tell_standing(releases: ReleaseList, now_utc_ms: int) -> None:
    """Print the roles, and which of them runs out soon."""
    print(f"root fingerprint  {releases.root_fingerprint}")
    print(f"  of {releases.first_root}: give PCs the one or the other by hand (--authority)")
    for role in releases.standing():
        day = time.strftime("%Y-%m-%d %H:%M", time.gmtime(role.expires_utc_ms / 1000))
        keys = " ".join(key[:8] for key in role.key_ids)
        left = (role.expires_utc_ms - now_utc_ms) // DAY_MS
        is_usual = role.role in {"snapshot", "timestamp"} and left > 0
        hint = "" if is_usual or left > SOON_DAYS else "  RENEW IT" if left >= 0 else "  RAN OUT"
        share = f"{role.needed} of {len(role.key_ids)}"
        print(f"{role.role:<9} {share}  version {role.version:<4} until {day} UTC{hint}  {keys}")


def _show(arguments: argparse.Namespace) -> int:
    releases = _list(arguments)
    tell_standing(releases, _now_utc_ms())
    for release in releases.releases():
        print(f"  {release}")
    return 0


def _renew(arguments: argparse.Namespace) -> int:
    releases = _list(arguments)
    releases.renew(*arguments.role, now_utc_ms=_now_utc_ms())
    tell_standing(releases, _now_utc_ms())
    return _tell_next(arguments)


def _withdraw(arguments: argparse.Namespace) -> int:
    _list(arguments).withdraw(arguments.release, now_utc_ms=_now_utc_ms())
    print(f"{arguments.release}: off the list")
    return _tell_next(arguments)


def _replace(arguments: argparse.Namespace) -> int:
    made = _list(arguments).replace_key(arguments.role, arguments.key, now_utc_ms=_now_utc_ms())
    print(f"{made}: the fresh key of role {arguments.role}; give it to its holder. The old one counts no more.")
    return _tell_next(arguments)


def _tell_next(arguments: argparse.Namespace) -> int:
    print(f"Take it to the store: ./run store add-metadata STORE {arguments.folder / 'metadata'}")
    return 0


def _list(arguments: argparse.Namespace) -> ReleaseList:
    from itembank.releaselist import ReleaseList

    found = ReleaseList(arguments.folder, tuple(arguments.key_files))
    if not found.first_root.exists():
        raise ReleaseListError(arguments.folder, "there is no list of releases", "Make one with 'bank keys init'")
    return found


def _now_utc_ms() -> int:
    return time.time_ns() // 1_000_000
