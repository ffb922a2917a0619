"""Several scorings of one attempt: each is recomputed from what the store had, and by the keys that it used."""

from __future__ import annotations

import asyncio
import json
import shutil
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from centralstore.evidence.bundle import OutFolder, export_bundle
from centralstore.opening import opened_packages
from centralstore.rescore import keys_for
from centralstore.rights import COMMAND_LINE
from centralstore.scoring import opener_for, score_attempt
from centralstore.store import Store
from itembank.keyring import KeyFolder
from tests.centralstore.place import Site, enter, furnish, norskprove_package
from tests.strategies import running
from tests.verifier.room import MINUTE_MS, Room, events_of_journal
from verifier.main import main

ATTEMPT = "a" * 32
CORRECTED: Mapping[str, Any] = {
    "RM1-3": {"kind": "choice", "correct": ["B"]},
    "RM2-1": {"kind": "mapping", "points": {"A": 1, "B": 1}},
}


def score(store: Store, keys: KeyFolder, corrected: Mapping[str, Any] | None = None) -> None:
    options = Namespace(content_keys=keys.folder / "content-keys", results_key=[])
    held = [keys.results_key(number) for number in range(1, keys.custodians().needed + 1)]
    found = list(opened_packages(store, options, "s1"))
    scored = [
        score_attempt(
            each.attempt,
            each.envelopes,
            each.package,
            opener_for(each.package, held),
            each.known,
            corrected=keys_for(each.package, corrected or {}, "keys.json"),
        )
        for each in found
    ]
    assert store.keep_results(COMMAND_LINE, scored) > 0


def test_a_rescore_is_recomputed_with_its_corrected_keys_and_a_finding_without_them(
    room: Room, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(room.site.store.folder.path, tmp_path / "store")
    store = Store.open(tmp_path / "store", clock=room.site.clock)
    score(store, room.keys, CORRECTED)
    export_bundle(store, "s1", OutFolder(tmp_path / "bundle"), checkpoint=store.checkpoint)
    store.close()
    corrected = tmp_path / "keys.json"
    corrected.write_text(json.dumps(CORRECTED))
    keys = ["--results-key", str(room.results_key), "--content-keys", str(room.content_keys)]
    assert main([str(tmp_path / "bundle"), *keys]) == 1
    assert "scored with other keys than the package's; --corrected-keys names them" in capsys.readouterr().out
    assert main([str(tmp_path / "bundle"), *keys, "--corrected-keys", str(corrected)]) == 0
    corrected.write_text(json.dumps({**CORRECTED, "RM1-3": {"kind": "choice", "correct": ["C"]}}))
    assert main([str(tmp_path / "bundle"), *keys, "--corrected-keys", str(corrected)]) == 1


async def two_scorings(folder: Path, keys: KeyFolder) -> Site:
    """An attempt of which a part had come when it was first scored; two of three custodians open it."""
    package = norskprove_package(keys)
    furnish(folder, keys, package)
    site = enter(folder, keys, package)
    pc = await site.open_pc("reading")
    driven = running("reading").tick(5 * MINUTE_MS).take(lambda each: len(each.items) // 2)
    journal = site.journal(pc, ATTEMPT).write(events_of_journal(driven.journal, pc, ATTEMPT, "100234"))
    envelopes = journal.envelopes(limit=2_000)
    assert len(envelopes) > 2
    site.clock.pass_minutes(30)
    for data in envelopes[:2]:
        assert (await pc.ask("POST", "/v1/envelopes", data)).status_code == 200
    site.clock.pass_minutes(30)
    score(site.store, keys)
    site.clock.pass_minutes(30)
    for data in envelopes[2:]:
        assert (await pc.ask("POST", "/v1/envelopes", data)).status_code == 200
    site.store.close_sitting(site.leader, "s1", "ferdig")
    site.clock.pass_minutes(30)
    score(site.store, keys)
    return site


def test_a_scoring_made_before_all_had_come_is_held_against_what_had(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = KeyFolder(tmp_path / "authority")
    keys.create(3, 2)
    (tmp_path / "site").mkdir()
    site = asyncio.run(two_scorings(tmp_path / "site", keys))
    export_bundle(site.store, "s1", OutFolder(tmp_path / "bundle"), checkpoint=site.store.checkpoint)
    site.store.close()
    one, other = (["--results-key", str(keys.folder / f"results-{number}.key")] for number in (1, 2))
    content = ["--content-keys", str(keys.folder / "content-keys")]
    assert main([str(tmp_path / "bundle"), *one, *content]) == 1
    assert "1 of the 2 results keys needed are here" in capsys.readouterr().out
    assert main([str(tmp_path / "bundle"), *other, *one, *content]) == 0
    told = capsys.readouterr().out
    assert "came after it and are left out here" in told
    assert "the store's own scoring told" in told
