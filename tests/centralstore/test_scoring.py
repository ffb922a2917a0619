"""Scoring, rescoring and export: the engine replays, every discrepancy is a finding, results are held."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select

from centralstore import export, rescore
from centralstore.commands import main
from centralstore.errors import NoRightError
from centralstore.records import ResultView, ScoredAttempt
from centralstore.rights import COMMAND_LINE
from centralstore.store import Store
from centralstore.store.checkpoints import Statement
from centralstore.tables import KeptResult, LogLeaf
from engine.events import (
    Answered,
    Edited,
    Event,
    ExtraTimeGiven,
    IncidentNoted,
    ItemShown,
    Locked,
    ModuleLeft,
    ResetByOrder,
    Submitted,
    Unlocked,
    Warned,
)
from psychometrics import read_design, read_responses
from sync.checkpoint import verify_checkpoint
from sync.keys import sha256_hex
from sync.signed import open_message
from tests.centralstore.place import RELEASE, Site, events_of
from tests.strategies import running

pytestmark = pytest.mark.anyio

FIRST, SECOND, THIRD = "a" * 32, "b" * 32, "c" * 32


def results_key(site: Site) -> list[str]:
    return ["--results-key", str(site.keys.folder / "results-1.key")]


async def send(site: Site, events: Sequence[Event], *, attempt: str = FIRST) -> None:
    pc = site.pcs[0]
    for data in site.journal(pc, attempt).write(list(events)).envelopes():
        assert (await pc.ask("POST", "/v1/envelopes", data)).status_code == 200


def score(site: Site) -> list[ResultView]:
    """Score as the custodians do, beside the open store."""
    site.store.close()
    assert main(["score", str(site.store.folder.path), *results_key(site)]) == 0
    return reopened(site)


def reopened(site: Site) -> list[ResultView]:
    store = Store.open(site.store.folder.path, clock=site.clock)
    found = list(store.held_results())
    store.close()
    return found


def kinds(result: ResultView) -> list[object]:
    return [finding["kind"] for finding in result.findings]


def honest(site: Site) -> list[Event]:
    return events_of(running("reading").take(lambda _attempt: 3), site.pcs[0].id if site.pcs else "pc")


async def test_an_honest_attempt_has_no_finding_and_the_engines_own_result(site: Site) -> None:
    await site.open_pc("reading")
    driven = running("reading").take(lambda attempt: len(attempt.items) // 2)
    await send(site, events_of(driven, site.pcs[0].id))
    result = score(site)[0]
    assert kinds(result) == []
    data: Any = result.data
    assert data["number_correct"] == {"RM1": 4, "RM2": 2, "RM3": 2, "FM-B1B2": 4}
    assert data["route"][0] == {"module": "RM1", "number_correct": 4, "low": 4, "high": 8, "target": "RM2"}
    assert abs(sum(data["level_probabilities"].values()) - 1) < 1e-9


async def test_each_discrepancy_is_a_finding_kept_with_a_held_result(site: Site) -> None:
    pc = await site.open_pc("reading")
    begun, *rest = events_of(running("reading").tick(60_000).take(lambda _attempt: 3), pc.id)
    last = rest[-1]
    late = running("reading").tick(75 * 60_000)
    timed = events_of(late, pc.id)
    cases: dict[str, tuple[str, list[Event]]] = {
        "1": ("refused.", [begun, *rest[:6], Answered(rest[5].at_ms, "FM-B1B2-1", ("A",)), *rest[6:]]),
        "2": (
            "refused.time_out",
            [
                *(event for event in timed if not isinstance(event, Submitted)),
                Answered(late.now_ms + 1, "RM1-1", ("A",)),
                Submitted(late.now_ms + 1, "time"),
            ],
        ),
        "3": (
            "refused.time_went_back",
            [begun, *rest[:-1], IncidentNoted(last.at_ms - 1, "focus_lost", ""), last],
        ),
        "4": ("time.not_recorded", [event for event in timed if not isinstance(event, Warned)]),
        "5": ("order.unknown", [begun, *rest[:-1], ExtraTimeGiven(last.at_ms, 60_000, 77), last]),
        "6": ("unknown_form", [replace(begun, form="reading-other"), *rest]),
        "7": ("roster.extra_ms", [replace(begun, extra_ms=600_000), *rest]),
        "8": ("roster.not_enrolled", [replace(begun, candidate="999999"), *rest]),
        "9": ("no_result", [begun, *rest[:-1]]),
    }
    for digit, (_, events) in cases.items():
        first = replace(events[0], attempt=digit * 32)
        await send(site, [first, *events[1:]], attempt=digit * 32)
    for result in score(site):
        expected = cases[result.attempt[0]][0]
        assert any(str(kind).startswith(expected) for kind in kinds(result)), (expected, kinds(result))
        assert result.state == "held"


async def test_an_order_for_another_part_or_attempt_is_a_finding(site: Site) -> None:
    pc = await site.open_pc("reading")
    begun, *rest = events_of(running("reading").take(lambda _attempt: 3), pc.id)
    await pc.ask("POST", "/v1/progress", pc.report(attempt=FIRST))
    unlock = site.store.unlock(site.leader, "s1", "100234", "listening")
    reset = site.store.reset(site.leader, "s1", "100234", "reading", consent="muntlig", reason="strømbrudd")
    at_ms = rest[-1].at_ms
    await send(site, [begun, *rest[:-1], Locked(at_ms, "focus"), Unlocked(at_ms, unlock, "lars"), rest[-1]])
    again = replace(begun, attempt=SECOND, supersedes=FIRST)
    await send(site, [again, *rest, ResetByOrder(at_ms, reset)], attempt=SECOND)
    assert [kinds(result) for result in score(site)] == [["order.unknown"], ["order.unknown"]]


async def test_a_missing_envelope_is_a_finding(site: Site) -> None:
    pc = await site.open_pc("reading")
    journal = site.journal(pc, FIRST).write(events_of(running("reading").take(lambda _attempt: 3), pc.id))
    sent = journal.envelopes(limit=1500)
    assert len(sent) > 3
    for data in [*sent[:1], *sent[2:]]:
        await pc.ask("POST", "/v1/envelopes", data)
    assert "journal.missing_records" in kinds(score(site)[0])


async def moved(site: Site, to_device: str = "") -> int:
    """An attempt that went on at another PC, with an order to that one where it is named; how many facts it has."""
    pc = await site.open_pc("reading")
    other = await site.enrol("PC 8")
    events = events_of(running("reading").take(lambda _attempt: 3), pc.id)
    await pc.ask("POST", "/v1/progress", pc.report(attempt=FIRST))
    if to_device:
        target = other.id if to_device == "other" else ""
        where = ("s1", "100234", "reading")
        site.store.permit_handover(site.leader, *where, to_device=target, reason="skjermen er svart")
    first = site.journal(pc, FIRST).write(events[:9])
    second = site.journal(other, FIRST, after=first).write(events[9:])
    for data in [*second.envelopes(), *first.envelopes()]:
        await pc.ask("POST", "/v1/envelopes", data)
    return len(events)


@pytest.mark.parametrize("to_device", ["other", "any"])
async def test_an_attempt_over_two_segments_and_pcs_is_one_attempt(site: Site, to_device: str) -> None:
    count = await moved(site, to_device)
    result = score(site)[0]
    assert kinds(result) == []
    assert result.data["events"] == count


async def test_a_change_of_pc_that_no_order_let_is_a_finding(site: Site) -> None:
    await moved(site)
    assert kinds(score(site)[0]) == ["handover.not_ordered"]


async def test_the_line_of_the_pc_that_an_order_named_counts_and_the_other_is_a_fork(site: Site) -> None:
    pc = await site.open_pc("reading")
    other = await site.enrol("PC 8")
    events = events_of(running("reading").take(lambda _attempt: 3), pc.id)
    await pc.ask("POST", "/v1/progress", pc.report(attempt=FIRST))
    where = ("s1", "100234", "reading")
    site.store.permit_handover(site.leader, *where, to_device=other.id, reason="skjermen er svart")
    first = site.journal(pc, FIRST).write(events[:9])
    mine = site.journal(pc, FIRST, after=first).write(events[9:])
    theirs = site.journal(other, FIRST, after=first).write(events[9:12])
    for data in [*first.envelopes(), *mine.envelopes(), *theirs.envelopes()]:
        await pc.ask("POST", "/v1/envelopes", data)
    result = score(site)[0]
    assert result.data["events"] == 12
    assert "journal.fork" in kinds(result)
    assert "handover.not_ordered" not in kinds(result)


@pytest.mark.parametrize(("by", "found"), [("Lars", []), ("mona", []), ("vera", ["unlock.not_by_staff"])])
async def test_an_unlock_at_the_pc_is_held_against_the_rooms_leaders(site: Site, by: str, found: list[str]) -> None:
    await site.open_pc("reading")
    events = honest(site)
    last = events[-1].at_ms
    unlocked = [*events[:-1], Locked(last, "focus_lost"), Unlocked(last, 0, by), events[-1]]
    await send(site, unlocked)
    assert [kind for kind in kinds(score(site)[0]) if kind == "unlock.not_by_staff"] == found


async def test_two_attempts_of_a_candidate_at_one_part_are_a_finding_unless_one_was_reset(site: Site) -> None:
    pc = await site.open_pc("reading")
    await send(site, honest(site))
    await send(site, events_of(running("reading"), pc.id, attempt=SECOND), attempt=SECOND)
    results = score(site)
    assert [kind for result in results for kind in kinds(result) if kind == "attempt.two"] == ["attempt.two"] * 2
    assert SECOND in str(next(result for result in results if result.attempt == FIRST).findings[-1]["sentence"])


async def test_scoring_twice_keeps_one_result(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    await site.open_pc("reading")
    await send(site, honest(site))
    assert len(score(site)) == 1
    assert len(score(site)) == 1
    assert "0 new results held" in capsys.readouterr().out


async def test_a_wrong_or_missing_key_file_is_told_in_a_sentence(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await site.open_pc("reading")
    await send(site, honest(site))
    site.store.close()
    folder = str(site.store.folder.path)
    content_keys = ["--content-keys", str(site.keys.folder / "content-keys")]
    assert main(["score", folder, "--results-key", str(tmp_path / "none.key")]) == 1
    assert "Name the key's file" in capsys.readouterr().err
    (tmp_path / "bad.key").write_text("zz", encoding="ascii")
    assert main(["score", folder, "--results-key", str(tmp_path / "bad.key")]) == 1
    assert "does not hold a key" in capsys.readouterr().err
    (tmp_path / "other.key").write_text("11" * 32, encoding="ascii")
    assert main(["score", folder, "--results-key", str(tmp_path / "other.key"), *content_keys]) == 1
    assert "0 of the 1 results keys needed" in capsys.readouterr().err
    assert reopened(site) == []


# --- held -------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("NP-6.5-10")
async def test_no_result_is_told_before_all_parts_are_released(site: Site) -> None:
    parts = ("listening", "reading", "writing")
    site.store.keep_results(
        COMMAND_LINE,
        [ScoredAttempt(part[0] * 32, "s1", "100234", part, "B1", "1", {}, (), "") for part in parts[:2]],
    )
    assert site.store.candidate_results("k100234") == ()
    for part in parts[:2]:
        release(site, part)
        assert site.store.candidate_results("k100234") == ()
    site.store.keep_results(COMMAND_LINE, [ScoredAttempt("w" * 32, "s1", "100234", "writing", "B1", "1", {}, (), "")])
    assert site.store.candidate_results("k100234") == ()
    release(site, "writing")
    assert [view.part for view in site.store.candidate_results("k100234")] == list(parts)
    for actor in (site.manager, site.leader, site.guard):
        with pytest.raises(NoRightError):
            site.store.results(actor)


async def test_no_route_of_the_service_tells_anything_of_results(site: Site) -> None:
    pc = await site.open_pc("reading")
    site.store.keep_results(
        COMMAND_LINE, [ScoredAttempt(FIRST, "s1", "100234", "reading", "B2-secret", "1", {}, (), "")]
    )
    paths = (await site.http.get("/v1/openapi.json")).json()["paths"]
    assert not any("result" in path or "score" in path for path in paths)
    for path in paths:
        target = path.replace("{release}", RELEASE).replace("{attempt}", FIRST)
        answer = await pc.ask("GET", f"{target}?sitting=s1&attempt={FIRST}&release={RELEASE}")
        assert b"B2-secret" not in answer.content, path


def release(site: Site, part: str) -> None:
    """What the publishing of results will do to a row."""

    def work(session: Session) -> None:
        for row in session.exec(select(KeptResult).where(KeptResult.part == part)):
            row.state = "released"
            session.add(row)

    site.store._house.database.write(work)


# --- rescoring --------------------------------------------------------------------------------------------------------


async def test_a_corrected_key_gives_a_new_scoring_and_keeps_the_old_one_and_the_route(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await site.open_pc("reading")
    driven = running("reading").answer_module(8).leave_module().answer_module(0).leave_module()
    driven.answer_module(0).do(Submitted, "candidate")
    await send(site, events_of(driven, site.pcs[0].id))
    (before,) = score(site)
    assert before.data["modules"] == ["RM1", "RM2", "FM-A1A2"]
    keys = tmp_path / "keys.json"
    corrected = {item: {"kind": "choice", "correct": ["B"]} for item in ("RM2-1", "RM2-2", "RM2-3", "FM-A1A2-1")}
    keys.write_text(json.dumps(corrected), encoding="utf-8")
    assert rescore.main([str(site.store.folder.path), "--keys", str(keys), *results_key(site)]) == 0
    assert "1 new scorings held" in capsys.readouterr().out
    old, new = reopened(site)
    assert old == before
    assert new.scoring_number == 2
    assert new.data["modules"] == old.data["modules"]
    assert new.data["number_correct"] == {"RM1": 8, "RM2": 3, "FM-A1A2": 1}
    assert (old.data["total_correct"], new.data["total_correct"]) == (8, 12)
    assert new.keys_sha256 != old.keys_sha256
    assert rescore.main([str(site.store.folder.path), "--keys", str(keys), *results_key(site)]) == 0
    assert len(reopened(site)) == 2


async def test_faulty_corrections_change_nothing(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await site.open_pc("reading")
    await send(site, honest(site))
    before = score(site)
    keys = tmp_path / "keys.json"
    for text, told in (
        ("not json", "is not JSON"),
        ("[]", "holds no corrected key"),
        ('{"RM1-1": {"kind": "guess"}}', "the key of RM1-1 cannot be used"),
        ('{"R-999": {"kind": "choice", "correct": ["B"]}}', "no release here has the items R-999"),
    ):
        keys.write_text(text, encoding="utf-8")
        assert rescore.main([str(site.store.folder.path), "--keys", str(keys), *results_key(site)]) == 1
        assert told in capsys.readouterr().err
    assert reopened(site) == before


# --- export -----------------------------------------------------------------------------------------------------------


async def exported(site: Site, out: Path) -> Path:
    pc = await site.open_pc("writing")
    full = running("reading").take(lambda attempt: len(attempt.items) // 2)
    await send(site, events_of(full, pc.id), attempt=FIRST)
    short = running("reading").answer_module(8).leave_module()
    short.do(Answered, "RM2-1", ("A",)).tick(75 * 60_000)
    await send(site, events_of(short, pc.id, attempt=SECOND, candidate="100251"), attempt=SECOND)
    writing = running("writing", level="A2-B1")
    writing.do(Edited, "W-1", 0, "", "Hemmelig brev", "type").do(Submitted, "candidate")
    await send(site, events_of(writing, pc.id, attempt=THIRD), attempt=THIRD)
    site.store.close()
    assert export.main([str(site.store.folder.path), "--out", str(out), *results_key(site)]) == 0
    return out


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


async def test_the_export_is_what_calibration_reads(site: Site, tmp_path: Path) -> None:
    out = await exported(site, tmp_path / "export")
    matrix = read_responses(out / "reading-test" / "responses.csv")
    design = read_design(out / "reading-test" / "design.csv")
    assert matrix.n_persons == 2
    assert set(design.modules) == {"RM1", "RM2", "RM3", "FM-A1A2", "FM-A2B1", "FM-B1B2"}
    assert {route.name for route in design.routes()} >= {"RM1-FM-A1A2", "RM1-RM2-RM3-FM-B1B2"}
    table = rows(out / "reading-test" / "responses.csv")
    short = next(row for row in table if row["FM-B1B2-1"] == "")
    assert [short[item] for item in ("RM1-1", "RM2-1", "RM2-2", "RM2-4", "RM3-1")] == ["1", "1", "NR", "NR", ""]


async def test_every_response_row_is_described_and_right(site: Site, tmp_path: Path) -> None:
    out = await exported(site, tmp_path / "export")
    found = rows(out / "responses-long.csv")
    book = json.loads((out / "codebook.json").read_text(encoding="utf-8"))
    assert list(found[0]) == book["files"]["responses-long.csv"]
    assert set(found[0]) <= set(book["columns"])
    first = next(row for row in found if row["item"] == "RM1-1")
    assert {key: first[key] for key in ("part", "module", "position", "written_standard", "status", "chosen")} == {
        "part": "reading", "module": "RM1", "position": "1", "written_standard": "nb", "status": "answered",
        "chosen": "A",
    }  # fmt: skip
    assert (out / "responses-long.parquet").exists()
    persons = rows(out / "persons.csv")
    assert sorted(row["part"] for row in persons) == ["reading", "reading", "writing"]


async def test_the_export_names_nobody_and_holds_no_text_and_its_ids_are_new_each_time(
    site: Site, tmp_path: Path
) -> None:
    out = await exported(site, tmp_path / "export")
    again = tmp_path / "again"
    assert export.main([str(site.store.folder.path), "--out", str(again), *results_key(site)]) == 0
    text = "".join(path.read_text(encoding="utf-8") for path in out.rglob("*.[cjm]*"))
    for secret in ("100234", "100251", "Amina", "Hemmelig", FIRST, site.pcs[0].id, "k100234"):
        assert secret not in text
    first, second = ({row["person"] for row in rows(each / "persons.csv")} for each in (out, again))
    assert len(first) == 2
    assert not first & second


async def test_the_export_carries_the_stores_signed_statement_over_its_files_and_no_way_back_to_an_attempt(
    site: Site, tmp_path: Path
) -> None:
    out = await exported(site, tmp_path / "export")
    key = site.store.log_key
    data = (out / "proofs/statement.json").read_bytes()
    told = open_message("export-statement", Statement, data, key, signer="the store's log key")
    assert told.counts == {"persons": 2, "parts": 3, "responses": len(rows(out / "responses-long.csv"))}
    files = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    assert {str(entry["name"]) for entry in told.files} == {name for name in files if not name.startswith("proofs/")}
    for entry in told.files:
        assert sha256_hex(files[str(entry["name"])].read_bytes()) == entry["sha256"]
    seen = verify_checkpoint((out / "proofs/log/checkpoint.json").read_bytes(), key)
    assert (seen.size, seen.root) == (told.size, told.root)
    with Session(site.store._house.database._readers) as session:
        leaves = [row.leaf.hex() for row in session.exec(select(LogLeaf)).all() if row.sitting]
    proofs = "".join(path.read_text(encoding="utf-8") for path in (out / "proofs").rglob("*") if path.is_file())
    assert leaves
    assert not [leaf for leaf in leaves if leaf in proofs]


async def test_exports_are_never_mixed(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = await exported(site, tmp_path / "export")
    assert export.main([str(site.store.folder.path), "--out", str(out), *results_key(site)]) == 1
    assert "the folder is not empty" in capsys.readouterr().err


def test_time_on_screen_adds_up_over_visits() -> None:
    events = [
        ItemShown(1_000, "I-1"),
        ItemShown(4_000, "I-2"),
        Answered(5_000, "I-2", ("A",)),
        ItemShown(9_000, "I-1"),
        ModuleLeft(10_500, "M"),
        IncidentNoted(20_000, "focus_lost", ""),
    ]
    assert export.on_screen_ms(events) == {"I-1": 4_500, "I-2": 5_000}
