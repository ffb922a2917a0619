"""The list of PCs and what they delivered, held against the acts that enrolled, cleared and revoked them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.verifier.forger import Forger
from tests.verifier.room import CANDIDATES, Room

FIRST = CANDIDATES[0]


@pytest.fixture
def forger(room: Room, bundle: Path, tmp_path: Path) -> Forger:
    return Forger.of(room, bundle, tmp_path / "bundle")


def told(forger: Forger) -> set[str]:
    return {finding.sentence for finding in forger.report(results_keys=(), content_keys=None).findings}


def acts(rows: Any, act: str, device: str) -> list[Any]:
    return [row for row in rows if row["content"]["act"] == act and row["content"]["detail"].get("device") == device]


def test_the_acts_on_each_pc_are_in_the_export_and_in_the_log(forger: Forger) -> None:
    rows = forger.json("audit.json")
    leaves = {leaf["ref"]: leaf["sitting"] for leaf in forger.json("log/leaves.json") if leaf["kind"] == "audit"}
    for pc in forger.room.site.pcs:
        for act in ("enrol", "manage_devices"):
            (row,) = acts(rows, act, pc.id)
            assert leaves[str(row["content"]["id"])] == row["content"]["sitting"] == ""
    report = forger.report()
    assert report.findings == []
    assert report.tallies["PCs as enrolled, cleared and revoked"].right == 2
    assert report.tallies["envelopes of PCs that might deliver"].right == len(forger.names("envelopes"))


def test_a_pc_that_nobody_enrolled_is_told(forger: Forger) -> None:
    pc = forger.room.site.pcs[0].id
    forger.change("audit.json", lambda rows: rows.remove(acts(rows, "enrol", pc)[0])).relog().seal()
    assert "0 acts in the log enrolled it, where one must" in told(forger)


def test_a_pc_with_other_keys_than_it_was_enrolled_with_is_told(forger: Forger) -> None:
    forger.seal(lambda body: body["devices"][0].update(x25519="1" * 64))
    assert told(forger) == {"its keys are not those that it was enrolled with"}


def test_a_pc_said_to_be_revoked_that_no_act_revoked_is_told(forger: Forger) -> None:
    forger.seal(lambda body: body["devices"][0].update(state="revoked"))
    assert told(forger) == {"it is revoked, and by the acts in the log cleared"}


def test_what_came_before_a_pc_was_cleared_is_told(forger: Forger) -> None:
    pc = forger.room.site.pcs[0].id
    forger.change("audit.json", lambda rows: rows.remove(acts(rows, "manage_devices", pc)[0])).relog().seal()
    assert {f"it came when PC '{pc}' was enrolled", "it is cleared, and by the acts in the log enrolled"} == told(
        forger
    )


def turned(name: str, **changes: object) -> Callable[[Any], None]:
    """Makes of the sitting's act of this name, at its place in the log, another act."""

    def change(rows: Any) -> None:
        next(row for row in rows if row["content"]["act"] == name)["content"].update(is_allowed=True, **changes)

    return change


def revoked(forger: Forger) -> Forger:
    """The second PC was revoked when it had delivered some and not all; its later envelopes are in the log."""
    pc = forger.room.site.pcs[1].id
    detail = {"device": pc, "state": "revoked"}
    forger.change("audit.json", turned("give_time", act="manage_devices", sitting="", detail=detail))
    return forger.relog().seal(
        lambda body: next(each for each in body["devices"] if each["id"] == pc).update(state="revoked")
    )


def test_what_came_from_a_revoked_pc_is_told(forger: Forger) -> None:
    pc = forger.room.site.pcs[1].id
    assert told(revoked(forger)) == {f"it came when PC '{pc}' was revoked, and nobody let it in"}


@pytest.mark.parametrize("sitting", ["s1", ""])
def test_what_a_revoked_pc_held_counts_where_somebody_let_it_in_for_this_sitting(forger: Forger, sitting: str) -> None:
    pc = forger.room.site.pcs[1].id
    detail = {"device": pc, "reason": "feil PC sperret"}
    revoked(forger)
    change = turned("permit_handover", act="accept_evidence", sitting=sitting, detail=detail, user="vera")
    forger.change("audit.json", change).relog().seal()
    report = forger.report(results_keys=(), content_keys=None)
    notes = [note for note in report.notes if "let them in as evidence" in note]
    if sitting:
        assert report.findings == []
        assert len(notes) == 1
        assert notes[0].startswith(f"PC '{pc}': ")
        assert notes[0].endswith("envelopes came after it was revoked; vera let them in as evidence: feil PC sperret")
    else:
        assert {finding.check for finding in report.findings} == {"envelopes of PCs that might deliver"}
        assert notes == []


def test_a_log_without_acts_on_pcs_is_said(forger: Forger) -> None:
    def drop(rows: Any) -> None:
        rows[:] = [row for row in rows if row["content"]["act"] not in {"enrol", "manage_devices"}]

    report = forger.change("audit.json", drop).relog().seal().report()
    assert report.findings == []
    assert any(each.startswith("PCs against the log") for each in report.unchecked)


def test_an_act_on_pcs_that_cannot_be_read_is_told(forger: Forger) -> None:
    pc = forger.room.site.pcs[1].id

    def spoil(rows: Any) -> None:
        acts(rows, "manage_devices", pc)[0]["content"]["detail"]["state"] = 7

    assert "an act: 'detail': 'state' is not a text" in told(forger.change("audit.json", spoil).relog().seal())


def test_a_leaf_of_another_sitting_is_told(forger: Forger) -> None:
    def move(leaves: Any) -> None:
        leaf = next(leaf for leaf in leaves if leaf["kind"] == "result")
        signature = forger.leaf_signature(leaf["kind"], leaf["ref"], bytes.fromhex(leaf["leaf"]), "s2")
        leaf.update(sitting="s2", signature=signature)

    assert told(forger.change("log/leaves.json", move).seal()) == {"it is of sitting 's2'"}
