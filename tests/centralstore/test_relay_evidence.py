"""What a revoked PC still holds: refused, until staff lets it in by name and reason, as evidence beside the result."""

from __future__ import annotations

import base64
import json
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import JsonValue

from centralstore.commands import main
from centralstore.counter import perform
from centralstore.desk import CommandRequest
from centralstore.errors import FieldError, NoRightError, NotFoundError, NotNowError, UnknownDeviceError
from centralstore.evidence.bundle import OutFolder, export_bundle
from centralstore.records import PlannedPart
from centralstore.relay.rows import AuditRow, Telling, telling_row
from centralstore.rights import COMMAND_LINE
from centralstore.words import ContradictionKind
from sync.delegation import relay_id
from sync.errors import StoreRefusedError
from sync.keys import VerifyKey
from sync.outbox import Outbox
from sync.receipt import verify_receipt
from sync.segment import KEY_TIMINGS, Binding
from sync.writer import Disk, JournalWriter
from tests.centralstore.administrator import administrator
from tests.centralstore.lending import A, B, Lent, run_room
from tests.centralstore.place import RELEASE, Journal, Pc, Site, events_of, new_sitting
from tests.centralstore.test_races import Segment
from tests.strategies import running
from verifier.main import main as verify

pytestmark = pytest.mark.anyio
REASON = "Randi Moen: svarene var skrevet før PC-en ble sperret"


def written(site: Site, pc: Pc, attempt: str = A, *, candidate: str = "100234", sitting: str = "s1") -> Journal:
    driven = running("reading").take(lambda _attempt: 3)
    events = events_of(driven, pc.id, attempt=attempt, candidate=candidate, sitting=sitting)
    return site.journal(pc, attempt, sitting=sitting).write(events)


def let_in(site: Site, pc: Pc) -> None:
    site.store.accept_evidence(site.manager, "s1", pc.id, REASON)


async def sent(pc: Pc, data: bytes) -> tuple[int, str]:
    answer = await pc.http.post("/v1/envelopes", content=data)
    return answer.status_code, "" if answer.status_code in {200, 409} else answer.json()["code"]


# --- letting in -------------------------------------------------------------------------------------------------------


async def test_what_a_revoked_pc_holds_is_kept_as_evidence_once_staff_lets_it_in_and_no_sooner(site: Site) -> None:
    pc = await site.open_pc("reading")
    first, *rest = written(site, pc).envelopes(limit=600)
    assert rest
    assert await sent(pc, first) == (200, "")
    site.store.revoke_device(site.manager, pc.id)
    assert await sent(pc, rest[0]) == (401, "unknown_device")
    let_in(site, pc)
    for data in rest:
        assert await sent(pc, data) == (200, "")
    assert list(site.store.envelopes(A)) == [first, *rest]
    (view,) = site.store.evidence(site.leader, "s1")
    assert (view.device, view.reason, view.by, dict(view.envelopes)) == (pc.id, REASON, "mona", {A: len(rest)})
    (shown,) = site.store.contradictions(site.leader, "s1")
    assert (shown.kind, shown.subject) == (ContradictionKind.EVIDENCE, "PC 7")
    assert shown.told == {"by": "mona", "reason": REASON, "envelopes": len(rest)}
    act = site.store.audit(COMMAND_LINE, sitting="s1")[-1]
    assert (act.user, act.act) == ("mona", "accept_evidence")
    assert act.detail == {"device": pc.id, "reason": REASON, "after": 1}
    assert site.store.check_log().findings == ()
    # It gets nothing else, and is a revoked PC in everything.
    assert (await pc.ask("GET", "/v1/device/sittings")).status_code == 401
    assert (await pc.ask("POST", "/v1/progress", pc.report())).status_code == 401


async def test_it_is_let_in_only_by_a_manager_with_a_reason_for_a_revoked_pc_of_the_room_and_once(site: Site) -> None:
    pc, other = await site.open_pc("reading"), await site.enrol("PC 8")
    accept = site.store.accept_evidence
    with pytest.raises(NotNowError, match="not revoked"):
        accept(site.manager, "s1", pc.id, REASON)
    site.store.revoke_device(site.manager, pc.id)
    with pytest.raises(NotNowError, match="no reason"):
        accept(site.manager, "s1", pc.id, " ")
    with pytest.raises(NoRightError):
        accept(site.leader, "s1", pc.id, REASON)
    with pytest.raises(UnknownDeviceError):
        accept(site.manager, "s1", "pc-0", REASON)
    site.store.create_sitting(COMMAND_LINE, new_sitting(id="s2", room="r2", parts=(PlannedPart("reading", 1, 2),)))
    with pytest.raises(NotFoundError):
        accept(COMMAND_LINE, "s2", pc.id, REASON)
    assert site.store.evidence(site.leader, "s1") == ()
    let_in(site, pc)
    with pytest.raises(NotNowError, match="already"):
        let_in(site, pc)
    with pytest.raises(FieldError, match="nobody is named"):
        perform(site.store, request(other, by=" "))
    site.store.revoke_device(site.manager, other.id)
    assert perform(site.store, request(other, by="Randi Moen")) == {"name": "PC 8"}
    reasons = {each.device: each.reason for each in site.store.evidence(site.leader, "s1")}
    assert reasons == {pc.id: REASON, other.id: "Randi Moen: sett på"}


def request(pc: Pc, *, by: str) -> CommandRequest:
    arguments = {"sitting": "s1", "device": pc.id, "by": by, "reason": "sett på"}
    return CommandRequest(name="accept-evidence", arguments=arguments)


async def test_only_its_own_envelopes_of_that_sitting_are_let_in(site: Site) -> None:
    pc, other, waiting = (
        await site.open_pc("reading"),
        await site.enrol("PC 8"),
        await site.enrol("9", is_cleared=False),
    )
    site.store.revoke_device(site.manager, pc.id)
    site.store.revoke_device(site.manager, other.id)
    let_in(site, pc)
    (elsewhere,) = site.journal(pc, B).write_keys(2).envelopes()
    assert await sent(pc, elsewhere) == (200, "")
    (of_another,) = written(site, other, B).envelopes()
    assert await sent(pc, of_another) == (401, "unknown_device")
    (uncleared,) = written(site, waiting, B).envelopes()
    assert await sent(pc, uncleared) == (401, "unknown_device")
    (data,) = written(site, pc).envelopes()
    for place in (len(data) // 2, len(data) - 5):
        changed = bytearray(data)
        changed[place] ^= 1
        assert await sent(pc, bytes(changed)) == (400, "damaged")
    assert site.store.envelopes(A) == ()


async def test_the_first_for_a_place_stays_whatever_is_let_in(site: Site) -> None:
    pc, segment = await site.open_pc("reading"), Segment(site, A)
    first, second = segment.version(pc, 1), segment.version(pc, 2)
    assert await sent(pc, first) == (200, "")
    site.store.revoke_device(site.manager, pc.id)
    let_in(site, pc)
    assert await sent(pc, second) == (409, "")
    assert await sent(pc, first) == (200, "")
    assert site.store.envelopes(A) == (first,)
    assert len(site.store.conflicts(site.leader, "s1")) == 1


async def test_what_was_on_a_stick_is_let_in_with_its_receipt(site: Site) -> None:
    pc = await site.open_pc("reading")
    envelopes = written(site, pc).envelopes(limit=600)
    site.store.revoke_device(site.manager, pc.id)
    given = {"envelopes": [base64.b64encode(data).decode() for data in envelopes]}
    refused = perform(site.store, CommandRequest(name="take-envelopes", arguments=given))["taken"]
    assert all("was revoked" in each["refused"] for each in refused)
    let_in(site, pc)
    taken = perform(site.store, CommandRequest(name="take-envelopes", arguments=given))["taken"]
    key = VerifyKey.from_hex(site.store.public_keys()["receipt_key"])
    assert {verify_receipt(each["receipt"].encode(), key).device for each in taken} == {pc.id}
    assert list(site.store.envelopes(A)) == envelopes


async def test_whoever_takes_it_out_of_the_database_or_changes_it_is_found_by_the_log(site: Site) -> None:
    pc, other = await site.open_pc("reading"), await site.enrol("PC 8")
    for each in (pc, other):
        site.store.revoke_device(site.manager, each.id)
    let_in(site, pc)
    assert site.store.check_log().findings == ()
    with administrator(site.store.folder.path) as admin:
        admin.run("update acceptance set after_envelope = 99")
    (changed,) = site.store.check_log().findings
    with administrator(site.store.folder.path) as admin:
        admin.run("update acceptance set device = ?", other.id)
    moved = site.store.check_log().findings
    with administrator(site.store.folder.path) as admin:
        admin.run("delete from acceptance")
    (gone,) = site.store.check_log().findings
    assert [str(each) for each in (changed, *moved, gone)] == [
        f"evidence s1/{pc.id}: it is not what the act in the log says: it was changed afterwards",
        f"evidence s1/{other.id}: nobody let it in: it was written into the database past the store",
        f"evidence s1/{pc.id}: by the acts in the log it was let in, and that is gone: it was deleted",
        f"evidence s1/{pc.id}: by the acts in the log it was let in, and that is gone: it was deleted",
    ]


async def test_the_outbox_of_a_revoked_pc_keeps_what_is_refused_and_delivers_all_of_it_once_it_is_let_in(
    site: Site, tmp_path: Path
) -> None:
    pc = await site.open_pc("reading")
    binding, disk = Binding("s1", A, pc.id, RELEASE), Disk(free_needed=0, reserve_bytes=0, segment_bytes=65_536)
    recipients = site.keys.custodians().recipients()
    journals = tmp_path / "journals"
    journals.mkdir()
    with closing(JournalWriter.begin(journals, binding, recipients, now_utc_ms=site.clock, disk=disk)) as writer:
        for number in range(900):
            writer.append_payload("keys", KEY_TIMINGS, b"%d" % number)
    receipt_key = VerifyKey.from_hex(site.store.public_keys()["receipt_key"])
    box = Outbox(journals, device_key=pc.keys.signing, receipt_key=receipt_key)
    refused: list[StoreRefusedError] = []

    def deliver(data: bytes) -> bytes:
        try:
            return site.store.keep_envelope(data).result().receipt
        except UnknownDeviceError as error:
            raise StoreRefusedError("take it", status=401, code=error.code, sentence=str(error)) from error

    site.store.revoke_device(site.manager, pc.id)
    assert box.send(deliver, on_refused=refused.append) == 0
    assert refused
    assert not box.delivered(A).is_complete
    let_in(site, pc)
    received = box.send(deliver)
    assert box.delivered(A).is_complete
    assert len(site.store.envelopes(A)) == received
    (view,) = site.store.evidence(site.leader, "s1")
    assert dict(view.envelopes) == {A: received}


# --- what it is for ---------------------------------------------------------------------------------------------------


async def test_a_return_that_waited_for_a_revoked_pcs_envelopes_completes_when_they_are_let_in(lent: Lent) -> None:
    made = await run_room(lent)
    lent.central.revoke_device(lent.site.manager, lent.pcs[0].id)
    lent.relay.give_back(lent.site.leader, "s1")
    with pytest.raises(Exception, match="accept-evidence"):
        lent.forward()
    let_in(lent.site, lent.pcs[0])
    done = lent.forward()
    assert (done.refused, done.is_returned) == ({}, True)
    assert {attempt: list(lent.central.envelopes(attempt)) for attempt in made} == made
    (view,) = lent.central.evidence(lent.site.leader, "s1")
    assert dict(view.envelopes) == {A: len(made[A])}
    assert lent.central.check_log().findings == ()


async def test_a_relay_that_tells_of_such_acts_lets_nothing_in_and_disturbs_no_check(
    lent: Lent, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await run_room(lent)
    central, pc = lent.central, lent.pcs[0]
    central.revoke_device(lent.site.manager, pc.id)
    told: tuple[tuple[str, dict[str, JsonValue]], ...] = (
        ("accept_evidence", {"device": pc.id, "reason": "fra reléet", "after": 0}),
        ("manage_devices", {"device": pc.id, "state": "cleared"}),
        ("enrol", {"device": pc.id, "x25519": "00", "ed25519": "00"}),
    )
    rows = tuple(telling_row("audit", str(number), act_row(act, detail)) for number, (act, detail) in enumerate(told))
    relay = relay_id(VerifyKey.from_hex(lent.relay_public.ticket_key))
    assert central.take_rows(relay, Telling(sitting="s1", rows=rows)) == 3
    assert len(lent.forward().refused) == len(lent.relay.envelopes(A))
    assert central.evidence(lent.site.leader, "s1") == ()
    assert central.check_log().findings == ()
    export_bundle(central, "s1", OutFolder(tmp_path / "bundle"), checkpoint=central.checkpoint)
    assert verify([str(tmp_path / "bundle")]) == 0, capsys.readouterr().out


def act_row(act: str, detail: dict[str, JsonValue]) -> AuditRow:
    return AuditRow(at_ms=5, user="x", role="command", act=act, candidate="", is_allowed=True, detail=detail)


async def test_what_was_let_in_is_a_finding_beside_the_result_and_only_there(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pc, other = await site.open_pc("reading"), await site.enrol("PC 8")
    (fine,) = written(site, other, B, candidate="100251").envelopes()
    assert await sent(other, fine) == (200, "")
    site.store.revoke_device(site.manager, pc.id)
    let_in(site, pc)
    (data,) = written(site, pc).envelopes()
    assert await sent(pc, data) == (200, "")
    export_bundle(site.store, "s1", OutFolder(tmp_path / "bundle"), checkpoint=site.store.checkpoint)
    assert verify([str(tmp_path / "bundle")]) == 0, capsys.readouterr().out
    folder, key = site.store.folder.path, str(site.keys.folder / "results-1.key")
    site.store.close()
    assert main(["score", str(folder), "--results-key", key]) == 0
    capsys.readouterr()
    assert main(["results", str(folder), "--json"]) == 0
    found = {row["candidate"]: row for row in json.loads(capsys.readouterr().out)}
    (finding,) = found["100234"]["findings"]
    assert finding["kind"] == "evidence.revoked_pc"
    assert finding["device"] == pc.id
    assert finding["sentence"] == (
        f"1 of its envelopes came from PC {pc.id} after it was revoked; mona let them in as evidence: {REASON}"
    )
    assert found["100234"]["data"]["total_correct"] == found["100251"]["data"]["total_correct"]
    assert found["100251"]["findings"] == []
