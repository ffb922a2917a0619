"""`./run verify BUNDLE`: check an exported sitting from end to end, with as many keys as the auditor has."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, cast

from verifier.bundle import STORE_KEYS
from verifier.errors import UnreadableError, WrongError
from verifier.package import read_corrected_keys
from verifier.report import UNREADABLE, Report
from verifier.verify import Held, verify

_MOST_KEY_BYTES: Final = 65_536
_MOST_CORRECTED_BYTES: Final = 16 * 2**20
_KEY: Final = re.compile(r"[0-9a-f]{64}")
_EPILOG: Final = (
    "Exit status: 0 everything checked and right; 1 something was found; 2 it cannot be read, or called wrongly."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Check a bundle and tell what came of it; the exit status."""
    parser = argparse.ArgumentParser(
        prog="./run verify", description="Check an exported sitting, independently of what made it.", epilog=_EPILOG
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="the folder of the exported sitting")
    parser.add_argument(
        "--results-key",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a custodian's private key; once for each of the custodians needed",
    )
    parser.add_argument("--content-keys", type=Path, metavar="DIR", help="the folder of content keys, <release>.key")
    parser.add_argument(
        "--witness",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a witness's public key, or a checkpoint cosigned by it, from the witness itself",
    )
    parser.add_argument(
        "--authority-key", type=Path, metavar="FILE", help="the authority's public key, from the authority itself"
    )
    parser.add_argument(
        "--pinned-store",
        type=Path,
        metavar="FILE",
        help=f"the store's public keys as JSON, from somebody you trust: {', '.join(STORE_KEYS)}",
    )
    parser.add_argument(
        "--corrected-keys", type=Path, metavar="FILE", help="the corrected item keys that a rescore used"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report for programs, too")
    options = parser.parse_args(argv)
    try:
        report = verify(options.bundle, _held(options))
        if options.json is not None:
            _write(options.json, report)
    except UnreadableError as error:
        sys.stderr.write(f"verify: {error}\n")
        return UNREADABLE
    sys.stdout.write("\n".join([*report.lines(), _verdict(report)]) + "\n")
    return report.status


def _verdict(report: Report) -> str:
    if report.findings:
        return f"{len(report.findings)} finding(s): somebody has to look at this sitting."
    if report.unchecked:
        return "No finding in what could be checked; see what was NOT CHECKED."
    return "Everything was checked and is right."


def _held(options: argparse.Namespace) -> Held:
    """What the auditor brought, read from its files."""
    pinned: dict[str, str] = {}
    if options.pinned_store is not None:
        pinned |= _pinned(options.pinned_store)
    if options.authority_key is not None:
        pinned["content_key"] = _key(options.authority_key)
    corrected = options.corrected_keys
    try:
        keys = read_corrected_keys(b"{}" if corrected is None else _bytes(corrected, _MOST_CORRECTED_BYTES))
    except WrongError as error:
        raise UnreadableError(corrected, str(error), "Name the file that the rescore used") from error
    return Held(
        pinned=pinned,
        witnesses=[_bytes(path, _MOST_KEY_BYTES) for path in options.witness],
        results_keys=[bytes.fromhex(_key(path)) for path in options.results_key],
        content_keys=None if options.content_keys is None else _content_keys(options.content_keys),
        corrected_keys=keys,
    )


def _bytes(path: Path, most: int) -> bytes:
    try:
        if not path.is_file() or path.stat().st_size > most:
            raise UnreadableError(path, f"it is no file, or larger than {most} bytes", "Name another one")
        return path.read_bytes()
    except OSError as error:
        raise UnreadableError(path, f"it cannot be read ({error.strerror})", "Name another one") from error


def _key(path: Path) -> str:
    text = _bytes(path, _MOST_KEY_BYTES).decode("ascii", "replace").strip()
    if _KEY.fullmatch(text) is None:
        raise UnreadableError(path, "it holds no key: 64 hexadecimal digits on one line", "Name the key's file")
    return text


def _pinned(path: Path) -> Mapping[str, str]:
    try:
        plain: object = json.loads(_bytes(path, _MOST_KEY_BYTES))
    except (ValueError, RecursionError) as error:
        raise UnreadableError(path, "it is not JSON", "Write the store's keys as in bundle.json") from error
    keys = cast("dict[str, object]", plain) if isinstance(plain, dict) else {}
    found = {name: key for name in STORE_KEYS if isinstance(key := keys.get(name), str) and _KEY.fullmatch(key)}
    if not found or any(name in keys and name not in found for name in STORE_KEYS):
        raise UnreadableError(path, f"it names no key, or one that is none ({', '.join(STORE_KEYS)})", "Correct it")
    return found


def _content_keys(folder: Path) -> Mapping[str, bytes]:
    if not folder.is_dir():
        raise UnreadableError(folder, "it is no folder", "Name the folder of content keys")
    return {path.stem: bytes.fromhex(_key(path)) for path in sorted(folder.glob("*.key"))}


def _write(path: Path, report: Report) -> None:
    try:
        path.write_text(report.json(), encoding="utf-8")
    except OSError as error:
        raise UnreadableError(path, f"it cannot be written ({error.strerror})", "Name another place") from error


if __name__ == "__main__":
    sys.exit(main())
