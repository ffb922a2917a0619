"""The command: what it checks with which keys, what it says, how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sync.keys import SigningKey
from tests.verifier.forger import Forger
from tests.verifier.room import WITNESS, Room
from verifier.main import main


def test_an_honest_sitting_is_right_in_everything(
    room: Room, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store.json"
    store.write_text(json.dumps(json.loads((bundle / "bundle.json").read_bytes())["body"]["store"]))
    witness, cosigned = tmp_path / "witness.pub", tmp_path / "cosigned.json"
    witness.write_text(WITNESS.public.hex + "\n")
    cosigned.write_bytes(room.cosigned[0])
    keys = ["--results-key", str(room.results_key), "--content-keys", str(room.content_keys)]
    trust = ["--pinned-store", str(store), "--authority-key", str(room.authority_key)]
    seen = ["--witness", str(witness), "--witness", str(cosigned)]
    status = main([str(bundle), *keys, *trust, *seen, "--json", str(tmp_path / "report.json")])
    told = capsys.readouterr().out
    assert status == 0, told
    assert told.endswith("Everything was checked and is right.\n")
    assert "UNPINNED" not in told
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["status"], report["findings"], report["not_checked"]) == (0, [], [])
    made = {check: tally["tried"] for check, tally in report["checks"].items()}
    assert all(tally["tried"] == tally["right"] for tally in report["checks"].values())
    # what the room did: eight orders, nine attempts (one of them reset), two PCs, one of them taking over
    assert {name: made[name] for name in ("orders signed and chained", "results as recomputed", "attempts ended")} == {
        "orders signed and chained": 8,
        "results as recomputed": 9,
        "attempts ended": 9,
    }
    assert made["segments follow one another"] == 10
    assert made["witnessed checkpoints"] == 3


def test_what_no_key_is_there_for_is_said(room: Room, bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(bundle)]) == 0
    told = capsys.readouterr().out
    assert "NOT CHECKED  what was answered" in told
    assert "UNPINNED, taken from the bundle itself: order_key, ticket_key, receipt_key, content_key, log_key" in told
    assert told.endswith("No finding in what could be checked; see what was NOT CHECKED.\n")
    assert main([str(bundle), "--results-key", str(room.results_key)]) == 0
    told = capsys.readouterr().out
    assert "NOT CHECKED  routes, plays, times, points and levels" in told
    assert "answers opened" in told


def test_another_results_key_opens_nothing_and_is_told(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "other.key"
    key.write_text(SigningKey.create().raw.hex())
    assert main([str(bundle), "--results-key", str(key)]) == 1
    assert "0 of the 1 results keys needed are here" in capsys.readouterr().out


def test_a_missing_content_key_is_told(
    room: Room, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(bundle), "--results-key", str(room.results_key), "--content-keys", str(tmp_path)]) == 0
    assert "the content key of release 'norskprove-test.v1' is missing" in capsys.readouterr().out


def test_a_sitting_that_goes_on_is_no_finding_and_is_noted(
    room: Room, tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forger = Forger.of(room, bundle, tmp_path / "bundle")
    stem = forger.stems("100234", "writing")[-1]
    forger.drop(f"envelopes/{stem}.envelope", f"receipts/{stem}.receipt")
    kept = [each for each in forger.json("results.json") if each["content"]["attempt"] != stem[:32]]
    forger.put("results.json", kept).relog().seal(lambda body: body["sitting"].update(state="opened"))
    report = forger.report()
    assert report.findings == []
    assert any("goes on, and so does the sitting" in note for note in report.notes)
