"""What the custodians' commands share: every attempt with its opened package. Never used by the service."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from centralstore.errors import SetUpError
from centralstore.keyfiles import read_key
from centralstore.records import Known
from centralstore.store import Store
from itembank.package import Package, open_sealed
from sync.release import Ed25519Trust


@dataclass(frozen=True, slots=True)
class Found:
    """An attempt's envelopes with everything needed to open and judge them."""

    sitting: str
    attempt: str
    envelopes: tuple[bytes, ...] = field(repr=False)
    package: Package = field(repr=False)
    known: Known = field(repr=False)


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
