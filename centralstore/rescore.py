"""Scoring again after a key was found to be wrong: a new scoring of each attempt; old values and the route are kept.

The corrected keys are a JSON file: item → key as in a panel, ``{"R-101": {"kind": "choice", "correct": ["B"]}}``.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, cast

from centralstore.counter import open_store
from centralstore.desk import Desk
from centralstore.errors import SetUpError, StoreError
from centralstore.keyfiles import add_rescore_options, read_results_keys
from centralstore.opening import opened_packages
from centralstore.records import ResultView, ScoredAttempt
from centralstore.scoring import opener_for, reset_attempts, score_attempt, with_two_attempts
from engine.errors import DataError, PanelError
from engine.ids import ItemId
from engine.panel import Panel
from engine.plain import Reader
from engine.scoring import Key, parse_key
from itembank.errors import ItemBankError
from itembank.package import Package
from sync.errors import SyncError

MAX_KEYS_BYTES: Final = 2 * 2**20
"""Of a file of corrected keys: those of a whole bank are far below."""


def main(argv: Sequence[str]) -> int:
    """``rescore DIR --keys FILE --results-key FILE``; 0 when all is well, 1 when something is refused."""
    parser = argparse.ArgumentParser(prog="./run rescore", description="Score again with corrected keys.")
    parser.add_argument("folder", type=Path, metavar="DIR", help="the store's folder")
    add_rescore_options(parser)
    arguments = parser.parse_args(argv)
    try:
        return run(arguments)
    except (StoreError, SyncError, ItemBankError) as error:
        print(error, file=sys.stderr)
        return 1


def run(arguments: argparse.Namespace) -> int:
    """Score again and keep what changed as a new scoring.

    Raises:
        SetUpError: a file is missing, a corrected key is malformed or names no item of any release here.
    """
    plain = read_keys(arguments.keys)
    held = read_results_keys(arguments.results_key)
    scored: list[ScoredAttempt] = []
    used: set[str] = set()
    reset: set[str] = set()
    with open_store(arguments.folder) as store:
        before = newest(store.held_results(arguments.sitting))
        for found in opened_packages(store, arguments, arguments.sitting):
            corrected = keys_for(found.package, plain, arguments.keys.name)
            used |= set(corrected)
            reset |= reset_attempts(found.known)
            opener = opener_for(found.package, held)
            scored.append(
                score_attempt(found.attempt, found.envelopes, found.package, opener, found.known, corrected=corrected)
            )
    if unused := sorted(set(plain) - used):
        raise SetUpError(str(arguments.keys), f"no release here has the items {', '.join(unused)}", "Correct the ids.")
    scored = with_two_attempts(scored, reset)
    changed = [entry for entry in scored if _differs(entry, before.get(entry.attempt))]
    kept = Desk(arguments.folder).ask("keep-results", results=[dataclasses.asdict(entry) for entry in changed])
    print(f"{len(scored)} attempts scored again, {kept['new']} new scorings held; earlier ones are kept as they were.")
    for entry in changed:
        old = before.get(entry.attempt)
        print(f"  {entry.attempt} {entry.part}: {old.level if old else 'not scored'} -> {entry.level or 'no level'}")
    return 0


def read_keys(path: Path) -> Mapping[str, object]:
    """The corrected keys as plain data, by item.

    Raises:
        SetUpError: the file is missing or not a JSON object.
    """
    try:
        if path.stat().st_size > MAX_KEYS_BYTES:
            raise SetUpError(str(path), f"is longer than {MAX_KEYS_BYTES} bytes", "Give the corrected keys only.")
        plain = json.loads(path.read_bytes())
    except OSError as error:
        raise SetUpError(str(path), f"cannot be read ({error.strerror})", "Name the file of corrected keys.") from error
    except (ValueError, RecursionError) as error:
        raise SetUpError(str(path), "is not JSON", "Write an object of item and key.") from error
    if not isinstance(plain, dict) or not plain:
        raise SetUpError(str(path), "holds no corrected key", "Write an object of item and key.")
    return cast("dict[str, object]", plain)


def keys_for(package: Package, plain: Mapping[str, object], where: str) -> Mapping[ItemId, Key]:
    """The corrected keys of a package's items, checked as a panel's keys are.

    Raises:
        SetUpError: a key is malformed; the sentence names the field.
    """
    found: dict[ItemId, Key] = {}
    panels = [form for form in package.forms.values() if isinstance(form, Panel)]
    for item in (item for panel in panels for item in panel.items.values() if item.id in plain):
        try:
            reader = Reader(plain[item.id], where=f"{where}, item {item.id}", error=PanelError)
            found[item.id] = parse_key(reader, item.max_score)
        except DataError as error:
            raise SetUpError(where, f"the key of {item.id} cannot be used: {error}", "Correct it.") from error
    return found


def newest(results: Sequence[ResultView]) -> Mapping[str, ResultView]:
    """The last scoring of each attempt."""
    return {view.attempt: view for view in sorted(results, key=lambda view: view.scoring_number)}


def _differs(entry: ScoredAttempt, old: ResultView | None) -> bool:
    return old is None or (old.data, old.keys_sha256) != (entry.data, entry.keys_sha256)
