"""The loop: a store of answers is exported, calibrated, judged and scored again, by the commands that people use.

Simulated candidates go through the real engine on the sample bank's panel of today; their journals are sealed, signed,
delivered and replayed like any others. What they were simulated from is the bank's own parameters.
"""

from __future__ import annotations

import asyncio
import csv
import json
import random
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from centralstore.folder import init_folder
from centralstore.rights import COMMAND_LINE
from centralstore.store import Store
from engine.state import Given
from itembank.bank import read_bank
from itembank.checks import narrowed
from itembank.clips import build_clips
from itembank.forms import engine_panel
from itembank.keyring import KeyFolder
from itembank.publish import Published, publish
from proverom.cli import main as run
from sync.passwords import TEST_COST
from tests.centralstore.place import OPENED_MS, RELEASE, Site, enter, events_of
from tests.proverom.simulated import TYPED_WRONG, sit_through

BANK = Path(__file__).parents[2] / "banks" / "norskprove-sample"
PANEL = BANK / "panels" / "reading-today.json"
SEED = 20261122
N = 240
NAME = "Ola Hemmestad"


def number(place: int) -> str:
    """The candidate's number at this place of the list."""
    return str(300_000 + place)


def attempt_id(place: int) -> str:
    """The attempt of the candidate at this place."""
    return f"{place:032x}"


def people_csv() -> str:
    """What the test site imports: the test leader, all candidates, their sitting and their seats."""
    rows = range(1, N + 1)
    return "\n".join(
        [
            "user,name,password,role,site,room",
            "lars,Lars Vik,fjell bekk sommer,test_leader,oslo,r1",
            "",
            "number,name,protected,login,password",
            *(f"{number(row)},{NAME},no,k{row},blå stol 41" for row in rows),
            "",
            "sitting,site,room,date,utc_offset,programme,releases,test_leader,parts",
            f"s1,oslo,r1,2026-11-23,+01:00,norskprove-today,{RELEASE},lars,reading 09:00-10:15",
            "",
            "sitting,candidate,seat,parts",
            *(f"s1,{number(row)},{row},reading" for row in rows),
            "",
        ]
    )


def publish_reading(folder: Path, keys: KeyFolder, series: str, version: int) -> Published:
    """The bank's reading panel of today as a release; the one clip it needs is built if it is missing."""
    bank = read_bank(folder)
    whole = bank.releases["norskprove-today"]
    forms = tuple(use for use in whole.forms if use.part == "reading")
    release = whole.model_copy(update={"id": series, "version": version, "forms": forms})
    build_clips(narrowed(bank, release))
    (made,) = publish(bank, release, keys.signing_key(), keys.custodians(), now_utc_ms=OPENED_MS)
    return made


def furnish(folder: Path, keys: KeyFolder) -> bytes:
    """A store with today's reading panel released and a planned sitting; the package."""
    made = publish_reading(BANK, keys, RELEASE.removesuffix(".v1"), 1)
    assert made.manifest.release == RELEASE
    keys.keep_content_key(RELEASE, made.content_key)
    init_folder(folder / "store", content_key=keys.signing_key().public.hex, cost=TEST_COST)
    store = Store.open(folder / "store", clock=lambda: OPENED_MS)
    store.add_release(COMMAND_LINE, made.data)
    store.import_people(COMMAND_LINE, people_csv(), "people.csv")
    store.close()
    return made.data


def sit_all(site: Site) -> None:
    """Every candidate takes the part; every envelope is delivered and receipted."""
    bank = read_bank(BANK)
    of = Given.of(bank.programmes["norskprove-today"], engine_panel(bank, bank.panels[PANEL.stem]))
    chance = random.Random(SEED)
    pc = asyncio.run(site.enrol())
    site.grant()
    site.store.open_sitting(site.leader, "s1")
    site.store.start_part(site.leader, "s1", "reading")
    waiting = []
    for place in range(1, N + 1):
        driven = sit_through(of, chance.gauss(0.0, 1.3), chance)
        events = events_of(driven, pc.id, attempt=attempt_id(place), candidate=number(place))
        journal = site.journal(pc, attempt_id(place)).write(events)
        waiting += [site.store.keep_envelope(data) for data in journal.envelopes()]
    assert all(kept.result(timeout=30) for kept in waiting)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A store in which all have delivered; its files stand alone."""
    folder = tmp_path_factory.mktemp("loop")
    keys = KeyFolder(folder / "authority")
    keys.create(1, 1)
    site = enter(folder, keys, furnish(folder, keys))
    sit_all(site)
    site.store.close()
    return site


@dataclass(frozen=True)
class Study:
    """What a psychometrician has on the table."""

    store: Path
    keys: KeyFolder
    export: Path

    @property
    def key(self) -> tuple[str, str]:
        """The option that names the results key."""
        return ("--results-key", str(self.keys.folder / "results-1.key"))


@pytest.fixture
def study(filled: Site, tmp_path: Path) -> Study:
    """A copy of the filled store, its answers exported."""
    store = tmp_path / "store"
    shutil.copytree(filled.store.folder.path, store)
    made = Study(store, filled.keys, tmp_path / "export")
    assert run(["export", str(store), "--out", str(made.export), *made.key]) == 0
    return made


def rows(path: Path) -> list[dict[str, str]]:
    """A CSV file with one header line."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def bank_parameters() -> dict[str, tuple[float, float]]:
    """Slope and difficulty of every item of the panel: what the answers were simulated from."""
    bank = read_bank(BANK)
    panel = engine_panel(bank, bank.panels[PANEL.stem])
    found = {name: bank.items[name].parameters for name in panel.items}
    return {name: (each.a, each.b) for name, each in found.items() if each is not None}


def held(study: Study, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Every scoring the store holds."""
    capsys.readouterr()
    assert run(["store", "results", str(study.store), "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_exported_answers_are_calibrated_linked_into_the_bank_judged_and_released_again(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = study.export / PANEL.stem
    params, linked, book = tmp_path / "params.csv", tmp_path / "linked.csv", tmp_path / "bank.csv"
    calibrate = [str(answers / "responses.csv"), "--design", str(answers / "design.csv"), "--model", "2pl", "--quiet"]
    assert run(["calibrate", *calibrate, "--slope-prior", "0.3", "--out", str(params)]) == 0
    made_from = bank_parameters()
    table = ["item,model,a,b1", *(f"{name},2pl,{a!r},{b!r}" for name, (a, b) in made_from.items())]
    book.write_text("\n".join([*table, ""]), encoding="utf-8")
    bank = tmp_path / "bank"
    shutil.copytree(BANK, bank, ignore=shutil.ignore_patterns("build"))
    assert run(["link", str(params), str(book), "--into-bank", str(bank), "--out", str(linked)]) == 0

    estimated = {row["item"]: (float(row["b1"]), float(row["se_b1"])) for row in rows(linked)}
    assert set(estimated) == set(made_from)
    off = np.array([(b - made_from[name][1]) / se for name, (b, se) in estimated.items()])
    # standard errors that are right put 95 of 100 items within two of them; 57 items, so 5 outside are not yet odd
    assert (np.abs(off) > 2).sum() <= 5, sorted(zip(off, estimated, strict=True), key=lambda each: abs(each[0]))[-6:]
    found = np.array([b for b, _ in estimated.values()])
    assert np.corrcoef(found, [made_from[name][1] for name in estimated])[0, 1] > 0.95

    capsys.readouterr()
    panel = bank / "panels" / PANEL.name
    evaluate = ["--programme", "norskprove-today", "--out", str(tmp_path / "evaluation.csv")]
    assert run(["evaluate", str(panel), "--write-panel", str(panel), *evaluate]) == 0
    told = capsys.readouterr().out
    accuracy = re.search(r"accuracy (0\.\d+)", told)
    assert accuracy is not None
    assert 0.6 < float(accuracy[1]) < 0.85, "five levels from 26 items: see docs/psychometrics.md"
    assert [float(row["theta"]) for row in rows(tmp_path / "evaluation.csv")] == pytest.approx(np.linspace(-4, 4, 81))

    released = publish_reading(bank, study.keys, "norskprove-today", 2)
    assert released.manifest.release == "norskprove-today.v2"
    again = read_bank(bank)
    new = again.panels[PANEL.stem]
    carried = {name: again.items[name].parameters for name in engine_panel(again, new).items}
    assert {each.source for each in carried.values() if each is not None} == {"calibrated"}
    assert {name: each.b for name, each in carried.items() if each} == pytest.approx(
        {name: b for name, (b, _) in estimated.items()}, abs=1e-4
    )


def test_a_corrected_key_gives_new_scorings_beside_the_old_ones_on_the_same_routes(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["store", "score", str(study.store), *study.key]) == 0
    before = {row["attempt"]: row for row in held(study, capsys)}
    assert len(before) == N
    assert all(row["findings"] == [] for row in before.values())
    assert len({row["scoring_version"] for row in before.values()}) == 1
    assert {row["level"] for row in before.values()} == {"below_A1", "A1", "A2", "B1", "B2"}

    item = read_bank(BANK).items["R-101"]
    assert item.key.kind == "choice"
    words = item.nb
    assert words is not None
    others = [option.id for option in words.options if option.id not in item.key.correct]
    corrected = tmp_path / "keys.json"
    corrected.write_text(json.dumps({"R-101": {"kind": "choice", "correct": others[:1]}}), encoding="utf-8")
    assert run(["rescore", str(study.store), "--keys", str(corrected), *study.key]) == 0
    after = held(study, capsys)
    assert [row for row in after if row["scoring_number"] == 1] == list(before.values()), (
        "old scorings stay as they were"
    )
    new = [row for row in after if row["scoring_number"] == 2]
    # everybody who had R-101 right has one fewer now; who had not answered keeps the score
    losers = {
        row["attempt"] for row in new if row["data"]["total_correct"] < before[row["attempt"]]["data"]["total_correct"]
    }
    had_it = {
        row["person"]
        for row in rows(study.export / "responses-long.csv")
        if row["item"] == "R-101" and row["score"] == "1"
    }
    assert len(losers) == len(had_it) > 0
    for row in new:
        old = before[row["attempt"]]
        assert row["data"]["modules"] == old["data"]["modules"]
        assert old["data"]["total_correct"] - row["data"]["total_correct"] in {0, 1}
        assert row["keys_sha256"] != old["keys_sha256"]


def test_two_exports_tell_the_same_answers_under_different_ids_and_name_nobody(
    study: Study, filled: Site, tmp_path: Path
) -> None:
    second = tmp_path / "again"
    assert run(["export", str(study.store), "--out", str(second), *study.key]) == 0
    ids = [{row["person"] for row in rows(each / "persons.csv")} for each in (study.export, second)]
    assert [len(each) for each in ids] == [N, N]
    assert not ids[0] & ids[1]

    def answers(export: Path) -> list[list[str]]:
        return sorted(list(row.values())[1:] for row in rows(export / PANEL.stem / "responses.csv"))

    assert answers(study.export) == answers(second)
    secrets = [NAME, "Hemmestad", TYPED_WRONG, filled.pcs[0].id, "s1", "oslo", *map(attempt_id, range(1, N + 1))]
    secrets += [number(place) for place in range(1, N + 1)]
    typed = [
        row for row in rows(study.export / "responses-long.csv") if row["status"] == "answered" and not row["chosen"]
    ]
    assert typed, "typed answers were given, and none is told"
    for export in (study.export, second):
        for path in (each for each in export.rglob("*") if each.is_file()):
            words = set(re.split(rb"[^0-9A-Za-z\x80-\xff]+", path.read_bytes()))
            assert not words & {secret.encode() for secret in secrets}, path
            assert TYPED_WRONG.encode() not in path.read_bytes()


def test_every_column_of_the_export_is_in_its_codebook(study: Study) -> None:
    book = json.loads((study.export / "codebook.json").read_text(encoding="utf-8"))
    for name in ("responses-long.csv", "persons.csv"):
        columns = list(rows(study.export / name)[0])
        assert columns == book["files"][name]
        assert all(book["columns"][column] for column in columns)
