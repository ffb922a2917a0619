"""Key timings and forms can be destroyed for ever; answers, proofs and scores stay."""

from __future__ import annotations

import pytest

from centralstore.commands import main
from centralstore.errors import FieldError, NoRightError, NotNowError
from centralstore.rights import COMMAND_LINE
from centralstore.scoring import opener_for, score_attempt
from centralstore.store import Store
from itembank.package import open_sealed
from sync.bundle import read_envelopes
from sync.envelope import claimed_device, pack, verify
from sync.keys import VerifyKey
from sync.receipt import verify_receipt
from sync.release import Ed25519Trust
from sync.segment import KEY_TIMINGS, results_opener, scan_segment
from tests.centralstore.place import RELEASE, Pc, Site, events_of
from tests.strategies import running

pytestmark = pytest.mark.anyio

ATTEMPT = "a" * 32


async def delivered(site: Site) -> tuple[Pc, list[bytes], list[bytes]]:
    """A closed sitting with one attempt that has key timings: its PC, envelopes and receipts."""
    pc = await site.open_pc("reading")
    driven = running("reading").take(lambda attempt: len(attempt.items) // 2)
    sent = site.journal(pc, ATTEMPT).write(events_of(driven, pc.id)).write_keys(300).envelopes()
    receipts = [(await pc.ask("POST", "/v1/envelopes", data)).content for data in sent]
    site.store.close_sitting(site.leader, "s1", "the day is over")
    return pc, sent, receipts


async def test_what_is_erased_opens_for_nobody_and_every_proof_of_the_rest_holds(site: Site) -> None:
    pc, sent, receipts = await delivered(site)
    before = keys_opened(site, list(site.store.envelopes(ATTEMPT)))
    assert before == 300
    assert site.store.erase_stream(COMMAND_LINE, "s1", "keys") == len(sent) > 1
    kept = list(site.store.envelopes(ATTEMPT))
    assert keys_opened(site, kept) == 0
    key = VerifyKey.from_hex(site.store.public_keys()["receipt_key"])
    for data, receipt in zip(kept, receipts, strict=True):
        assert claimed_device(data) == pc.id
        assert verify(data, pc.keys.signing.public, erased=("keys",)).sha256 == verify_receipt(receipt, key).sha256


async def test_the_score_is_the_same_after_erasing(site: Site) -> None:
    await delivered(site)
    package = open_sealed(
        site.store.release_paths()[RELEASE],
        site.keys.content_key(RELEASE),
        Ed25519Trust(site.keys.signing_key().public, {}),
        now_utc_ms=site.clock(),
    )
    opener = opener_for(package, [site.keys.results_key()])
    known = site.store.known("s1")
    before = score_attempt(ATTEMPT, site.store.envelopes(ATTEMPT), package, opener, known)
    site.store.erase_stream(COMMAND_LINE, "s1", "keys")
    after = score_attempt(ATTEMPT, site.store.envelopes(ATTEMPT), package, opener, known)
    assert (after.level, after.findings) == (before.level, before.findings)
    assert after.data["number_correct"] == before.data["number_correct"]


async def test_an_erased_envelope_that_is_sent_again_brings_nothing_back(site: Site) -> None:
    pc, sent, receipts = await delivered(site)
    site.store.erase_stream(COMMAND_LINE, "s1", "keys")
    kept = site.store.envelopes(ATTEMPT)
    again = await pc.ask("POST", "/v1/envelopes", sent[0])
    assert (again.status_code, again.content) == (200, receipts[0])
    assert site.store.envelopes(ATTEMPT) == kept


async def test_the_sealed_keys_are_gone_from_conflicts_and_from_the_files_of_the_database_too(site: Site) -> None:
    pc = await site.open_pc("reading")
    journal = site.journal(pc, ATTEMPT).write_keys(5)
    (data,) = journal.envelopes()
    other = pack(scan_segment(bytes(journal.file)), 0, 4, "ab" * 32, pc.keys.signing)
    assert [(await pc.ask("POST", "/v1/envelopes", each)).status_code for each in (data, other)] == [200, 409]
    site.store.close_sitting(site.leader, "s1", "the day is over")
    assert site.store.erase_stream(COMMAND_LINE, "s1", "keys") == 2
    site.store.close()
    sealed = {name: [each.sealed.encode() for each in keys] for name, keys in journal.segment.preamble.keys.items()}
    files = [path.read_bytes() for path in site.store.folder.path.glob("store.sqlite*")]
    if site.store.folder.settings.database:
        return  # a server's files are its own; what it keeps until it tidies up is told in SECURITY.md
    assert all(any(key in file for file in files) for key in sealed["answers"])
    assert not any(key in file for key in sealed["keys"] for file in files)


async def test_erasing_twice_changes_nothing_more(site: Site) -> None:
    await delivered(site)
    assert site.store.erase_stream(COMMAND_LINE, "s1", "form") > 0
    assert site.store.erase_stream(COMMAND_LINE, "s1", "form") == 0


async def test_answers_an_open_sitting_and_a_test_leader_are_refused(site: Site) -> None:
    await site.open_pc("reading")
    with pytest.raises(FieldError, match="Use keys or form"):
        site.store.erase_stream(COMMAND_LINE, "s1", "answers")
    with pytest.raises(NotNowError, match="Close it"):
        site.store.erase_stream(COMMAND_LINE, "s1", "keys")
    with pytest.raises(NoRightError):
        site.store.erase_stream(site.leader, "s1", "keys")


async def test_the_command_erases_and_the_log_tells_who_and_what(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    _, sent, _ = await delivered(site)
    site.store.close()
    assert main(["erase", str(site.store.folder.path), "s1", "--stream", "keys"]) == 0
    assert f"erased in {len(sent)} envelopes" in capsys.readouterr().out
    store = Store.open(site.store.folder.path, clock=site.clock)
    logged = [entry for entry in store.audit(COMMAND_LINE) if entry.act == "erase_stream"]
    store.close()
    assert [(entry.user, entry.sitting, entry.detail) for entry in logged] == [
        ("command-line", "s1", {"stream": "keys"})
    ]


def keys_opened(site: Site, envelopes: list[bytes]) -> int:
    """How many batches of key timings the results key opens."""
    devices = site.store.known("s1").devices
    opener = results_opener({0: site.keys.results_key()})
    bundle = read_envelopes(envelopes, opener, devices, attempt=ATTEMPT, erased=("keys",))
    return sum(1 for entry in bundle.entries if entry.type == KEY_TIMINGS and entry.payload is not None)
