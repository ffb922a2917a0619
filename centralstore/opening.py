"""What the custodians' commands share: results keys, content keys, opened packages. Never used by the service."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from centralstore.errors import SetUpError
from centralstore.records import Known
from centralstore.store import Store
from itembank.package import Package, open_sealed
from sync.keys import KEY_BYTES, BoxKey
from sync.release import Ed25519Trust


@dataclass(frozen=True, slots=True)
class Found:
    """An attempt's envelopes with everything needed to open and judge them."""

    sitting: str
    attempt: str
    envelopes: tuple[bytes, ...] = field(repr=False)
    package: Package = field(repr=False)
    known: Known = field(repr=False)


def add_key_options(parser: argparse.ArgumentParser) -> None:
    """``--results-key`` (once for each custodian) and ``--content-keys``."""
    parser.add_argument(
        "--results-key", type=Path, action="append", required=True, metavar="FILE", help="a custodian's private key"
    )
    parser.add_argument(
        "--content-keys",
        type=Path,
        metavar="DIR",
        help="the releases' content keys; beside the first results key when not given",
    )


def read_results_keys(paths: Sequence[Path]) -> tuple[BoxKey, ...]:
    """The custodians' private keys.

    Raises:
        SetUpError: a file is missing or holds no key.
    """
    return tuple(BoxKey(read_key(path)) for path in paths)


def read_key(path: Path) -> bytes:
    """32 bytes from a file of 64 hexadecimal digits, as `itembank.keyring` writes them.

    Raises:
        SetUpError: the file is missing or holds no key.
    """
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise SetUpError(str(path), f"cannot be read ({error.strerror})", "Name the key's file.") from error
    except ValueError as error:
        raise SetUpError(str(path), "does not hold a key", "Name a file of 64 hexadecimal digits.") from error
    if len(key) != KEY_BYTES:
        raise SetUpError(str(path), f"holds {len(key)} bytes, not {KEY_BYTES}", "Name a file of 64 hexadecimal digits.")
    return key


def opened_packages(store: Store, arguments: argparse.Namespace, sitting: str) -> Iterator[Found]:
    """Every attempt here (of one sitting, unless it is ""), with its package opened.

    Raises:
        SetUpError: a content key is missing.
        SyncError, ItemBankError: a package cannot be opened.
    """
    folder: Path = arguments.content_keys or arguments.results_key[0].parent / "content-keys"
    packages: dict[str, Package] = {}
    known: dict[str, Known] = {}
    for found_sitting, attempt in store.kept_attempts(sitting):
        envelopes = store.envelopes(attempt)
        release = store.release_of(attempt)
        if release not in packages:
            packages[release] = _open(store, release, folder)
        if found_sitting not in known:
            known[found_sitting] = store.known(found_sitting)
        yield Found(found_sitting, attempt, envelopes, packages[release], known[found_sitting])


def _open(store: Store, release: str, folder: Path) -> Package:
    """Expiry is for handing a release out; answers to it may be scored later."""
    path = store.release_paths().get(release)
    if path is None:
        raise SetUpError(release, "this release is not on the store", "Add it with 'store add-release'.")
    key = read_key(folder / f"{release}.key")
    trust = Ed25519Trust(store.content_key(), {})
    now = min(time.time_ns() // 1_000_000, store.release_expiry(release))
    return open_sealed(path, key, trust, now_utc_ms=now)
