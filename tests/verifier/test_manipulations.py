"""Every way of changing a sitting afterwards that we could think of, made with the keys an insider has, is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from engine.events import (
    Answered,
    DayCodeTried,
    Event,
    ExtraTimeGiven,
    ModuleLeft,
    PlayBegun,
    PlayEnded,
    PlayPosition,
    StepEntered,
    Submitted,
    Warned,
)
from itembank.keyring import KeyFolder
from sync.checkpoint import cosign
from sync.envelope import erase_stream
from sync.keys import DeviceKeys, SigningKey, sha256_hex
from sync.orders import Order, sign_order
from sync.receipt import Receipt, sign_receipt
from tests.centralstore.place import Pc, make_package, norskprove_package
from tests.strategies import panel_plain, programme_plain, running, task_set_plain
from tests.verifier.forger import Forger
from tests.verifier.room import CANDIDATES, MINUTE_MS, WITNESS, Room, attempt_of

FIRST, SECOND, THIRD = CANDIDATES
Forge = Callable[[], Forger]


@pytest.fixture
def forger(room: Room, bundle: Path, tmp_path: Path) -> Forger:
    return Forger.of(room, bundle, tmp_path / "bundle")


def test_control_a_copy_sealed_again_without_a_change_is_right(forger: Forger) -> None:
    assert forger.report().findings == []
    assert forger.seal().report().findings == []
    assert forger.relog().seal().report().findings == []


# --- files and signatures ---------------------------------------------------------------------------------------------


def test_a_changed_file_is_found_by_the_table_of_contents(forger: Forger) -> None:
    path = forger.path("orders.json")
    path.write_bytes(path.read_bytes().replace(b"lars", b"vera", 1))
    assert "files as listed" in forger.found()


def test_a_changed_table_of_contents_is_not_the_stores(forger: Forger) -> None:
    forger.change("bundle.json", lambda plain: plain["body"]["enrolments"][0].update(level="B2"))
    assert "table of contents" in forger.found()


def test_a_changed_envelope_is_not_its_pcs_even_if_the_store_lists_it(forger: Forger) -> None:
    path = forger.path(forger.names("envelopes")[3])
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    assert "envelopes signed and whole" in forger.seal().found()


def test_a_pc_that_is_not_on_the_list_counts_for_nothing(forger: Forger) -> None:
    device = forger.room.site.pcs[1].id
    forger.seal(lambda body: body.update(devices=[each for each in body["devices"] if each["id"] != device]))
    report = forger.report()
    assert any(f"PC '{device}' is not on the list" in finding.sentence for finding in report.findings)


def test_another_key_for_a_pc_fits_none_of_its_envelopes(forger: Forger) -> None:
    def swap(body: Any) -> None:
        body["devices"][0]["ed25519"] = SigningKey.create().public.hex

    assert "envelopes signed and whole" in forger.seal(swap).found()


def test_swapped_receipts_are_found(forger: Forger) -> None:
    one, other = (forger.path(name) for name in forger.names("receipts")[:2])
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    assert "receipts signed, for what is stored" in forger.seal().found()


def test_a_receipt_of_another_store_is_found(forger: Forger) -> None:
    path = forger.path(forger.names("receipts")[0])
    body = forger.json(forger.names("receipts")[0])["body"]
    path.write_bytes(sign_receipt(Receipt(**body), SigningKey.create()))
    assert "receipts signed, for what is stored" in forger.seal().found()


def test_a_receipt_signed_again_with_another_time_is_not_the_one_in_the_log(forger: Forger) -> None:
    stem = forger.stems(FIRST, "reading")[0]
    forger.receipt_for(stem, 1_795_000_000_000).seal()
    assert "receipts in the log" in forger.found()


# --- what is gone -----------------------------------------------------------------------------------------------------


def test_a_dropped_envelope_with_its_receipt_is_missed_in_the_log_and_in_the_journal(forger: Forger) -> None:
    stem = forger.stems(FIRST, "writing")[1]
    forger.drop(f"envelopes/{stem}.envelope", f"receipts/{stem}.receipt").seal()
    assert {"logged and still there", "journals without a gap"} <= forger.found(results_keys=(), content_keys=None)


def test_a_dropped_envelope_is_missed_in_the_journal_even_when_the_log_is_written_anew(forger: Forger) -> None:
    stem = forger.stems(FIRST, "writing")[1]
    forger.drop(f"envelopes/{stem}.envelope", f"receipts/{stem}.receipt").relog().seal()
    assert "journals without a gap" in forger.found(results_keys=(), content_keys=None)
    assert _told(forger, "before it are missing", results_keys=(), content_keys=None)


def test_the_last_envelope_dropped_everywhere_leaves_an_attempt_that_never_ended(forger: Forger) -> None:
    stem = forger.stems(FIRST, "writing")[-1]
    forger.drop(f"envelopes/{stem}.envelope", f"receipts/{stem}.receipt").relog().seal()
    assert {"attempts ended", "results as recomputed"} <= forger.found()


def test_a_whole_attempt_dropped_everywhere_but_in_the_results_is_missed(forger: Forger) -> None:
    for stem in forger.stems(SECOND, "listening"):
        forger.drop(f"envelopes/{stem}.envelope", f"receipts/{stem}.receipt")
    assert "results as recomputed" in forger.relog().seal().found()


def test_a_dropped_result_is_missed_in_the_log(forger: Forger) -> None:
    forger.change("results.json", lambda rows: rows.pop()).seal()
    assert "logged and still there" in forger.found()


def test_a_dropped_act_is_missed_in_the_log(forger: Forger) -> None:
    forger.change("audit.json", lambda rows: rows.pop(2)).seal()
    assert "logged and still there" in forger.found()


# --- orders -----------------------------------------------------------------------------------------------------------


def test_a_dropped_order_is_found(forger: Forger) -> None:
    forger.change("orders.json", lambda plain: plain["orders"].pop(2)).seal()
    assert {"orders signed and chained", "logged and still there"} <= forger.found()


def test_orders_in_another_order_are_found(forger: Forger) -> None:
    def swap(plain: Any) -> None:
        plain["orders"][1], plain["orders"][2] = plain["orders"][2], plain["orders"][1]

    assert "orders signed and chained" in forger.change("orders.json", swap).seal().found()


def test_a_forged_order_is_not_signed_by_the_store(forger: Forger) -> None:
    def forge(plain: Any) -> None:
        order = Order.model_validate({**plain["orders"][3]["order"], "data": {"extra_ms": 3_600_000}})
        plain["orders"][3]["signature"] = sign_order(order, SigningKey.create()).signature
        plain["orders"][3]["order"]["data"] = {"extra_ms": 3_600_000}

    report = forger.change("orders.json", forge).seal().report()
    assert any("not signed by the store's order key" in finding.sentence for finding in report.findings)


def test_an_order_the_store_signed_anew_breaks_the_chain_and_is_not_the_one_in_the_log(forger: Forger) -> None:
    def forge(plain: Any) -> None:
        order = Order.model_validate({**plain["orders"][1]["order"], "reason": "noe annet"})
        plain["orders"][1] = sign_order(order, forger.keys.order).model_dump(mode="json")

    assert {"orders signed and chained", "orders in the log"} <= forger.change("orders.json", forge).seal().found()


RELAY = SigningKey(b"r" * 32)


def ordered_by_a_relay(forger: Forger) -> Forger:
    """The third order is a relay's, and the log was made with it."""

    def by_relay(plain: Any) -> None:
        order = Order.model_validate(plain["orders"][2]["order"])
        plain["orders"][2] = sign_order(order, RELAY).model_dump(mode="json")

    return forger.change("orders.json", by_relay).relog()


def lend(forger: Forger, key: SigningKey | None = None, **changes: object) -> Forger:
    """Seal with a delegation to the relay that holds for the third order, or is changed."""
    at_utc_ms = forger.json("orders.json")["orders"][2]["order"]["at_utc_ms"]
    delegation = {
        "format": 1,
        "sitting": "s1",
        "number": 1,
        "order_key": RELAY.public.hex,
        "ticket_key": RELAY.public.hex,
        "relay": f"relay-{sha256_hex(RELAY.public.raw)[:16]}",
        "valid_from_utc_ms": at_utc_ms,
        "valid_to_utc_ms": at_utc_ms,
        **changes,
    }
    signed = forger.sign("delegation", delegation, forger.keys.ticket if key is None else key).decode()
    return forger.seal(lambda body: body.update(delegations=[signed]))


def test_orders_of_a_relay_count_where_the_store_lent_it_the_sitting(forger: Forger) -> None:
    ordered_by_a_relay(forger).seal()
    assert "orders signed and chained" in forger.found()
    assert lend(forger).found() == set()
    found = lend(forger, SigningKey.create()).found()
    assert {"delegations to relays", "orders signed and chained"} <= found


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"format": 2}, "'format' is not 1"),
        ({"sitting": "s2"}, "'sitting' is not s1"),
        ({"number": 2}, "'number' is not 1"),
        ({"relay": "relay-0123456789abcdef"}, "the relay's name does not belong to its key"),
    ],
    ids=["format", "sitting", "number", "relay"],
)
def test_a_delegation_of_something_else_lends_nothing(forger: Forger, changes: dict[str, Any], sentence: str) -> None:
    ordered_by_a_relay(forger)
    assert _told(lend(forger, **changes), sentence)
    assert _told(forger, "it is not signed by the store's order key")


@pytest.mark.parametrize(("end", "minutes"), [("valid_from_utc_ms", 2), ("valid_to_utc_ms", -2)])
def test_an_order_of_a_relay_counts_in_the_time_of_its_loan_only(forger: Forger, end: str, minutes: int) -> None:
    at_utc_ms = forger.json("orders.json")["orders"][2]["order"]["at_utc_ms"]
    ordered_by_a_relay(forger)
    assert _told(lend(forger, **{end: at_utc_ms + minutes * MINUTE_MS}), "outside the time for which the relay")
    assert lend(forger, **{end: at_utc_ms + minutes // 2 * MINUTE_MS}).found() == set()


def test_an_acknowledgement_of_an_order_that_is_not_there_is_found(forger: Forger) -> None:
    row = {"applied_ms": 1, "device": forger.room.site.pcs[0].id, "number": 99, "received_ms": 2}
    assert "orders acknowledged" in forger.put("acks.json", [row]).seal().found()


# --- results ----------------------------------------------------------------------------------------------------------


def _result(rows: Any, candidate: str, part: str, number: int = 1) -> Any:
    attempt = attempt_of(candidate, part, number)
    return next(row["content"] for row in rows if row["content"]["attempt"] == attempt)


def test_a_raised_level_is_not_what_was_logged(forger: Forger) -> None:
    forger.change("results.json", lambda rows: _result(rows, THIRD, "reading", 2).update(level="B2")).seal()
    assert "results in the log" in forger.found(results_keys=(), content_keys=None)


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row.update(level="B2"),
        lambda row: row["data"].update(total_correct=row["data"]["total_correct"] + 1),
        lambda row: row["data"]["scores"].update({min(row["data"]["scores"]): 7}),
        lambda row: row["data"]["route"][0].update(number_correct=8),
        lambda row: row["data"]["number_correct"].update(RM1=8),
        lambda row: row["data"].update(theta="1.5"),
        lambda row: row["data"]["level_probabilities"].update(B2="0.9"),
        lambda row: row["data"].update(state_sha256="0" * 64),
        lambda row: row["data"].update(plays={"RM1-1": 3}),
        lambda row: row["data"]["statuses"].update({min(row["data"]["statuses"]): "not_presented"}),
        lambda row: row["data"].update(remark="bestått"),
        lambda row: row.update(candidate=FIRST),
        lambda row: row.update(keys_sha256="0" * 64),
    ],
    ids=[
        *("level", "total", "points", "route", "number correct", "theta", "probability", "state", "plays", "status"),
        *("another field", "candidate", "keys"),
    ],
)
def test_a_result_changed_in_a_log_written_anew_is_not_what_the_answers_come_to(
    forger: Forger, change: Callable[[Any], object]
) -> None:
    forger.change("results.json", lambda rows: change(_result(rows, THIRD, "reading", 2))).relog().seal()
    assert "results as recomputed" in forger.found()


def test_a_second_scoring_that_nothing_accounts_for_is_found(forger: Forger) -> None:
    def add(rows: Any) -> None:
        row = _result(rows, THIRD, "reading", 2)
        rows.append({"content": {**row, "scoring_number": 2, "level": "B2"}, "state": "held"})

    assert "results as recomputed" in forger.change("results.json", add).relog().seal().found()


def test_results_that_skip_a_number_are_found(forger: Forger) -> None:
    forger.change("results.json", lambda rows: _result(rows, THIRD, "reading", 2).update(scoring_number=2)).relog()
    assert "results as recomputed" in forger.seal().found()


# --- the log ----------------------------------------------------------------------------------------------------------


def test_an_edited_leaf_is_not_in_the_tree(forger: Forger) -> None:
    forger.change("log/leaves.json", lambda leaves: leaves[4].update(leaf=sha256_hex(b"other"))).seal()
    assert "leaves in the tree" in forger.found()


@pytest.mark.parametrize("kind", ["result", "audit"])
def test_a_leaf_that_the_store_did_not_sign_is_found(forger: Forger, kind: str) -> None:
    """A database administrator adds a row with its leaf, and has the store make the next checkpoint over it."""

    def forget(leaves: Any) -> None:
        next(leaf for leaf in leaves if leaf["kind"] == kind)["signature"] = ""

    assert forger.change("log/leaves.json", forget).seal().found() == {"leaves made by the store"}


def test_a_leaf_at_another_place_is_not_in_the_tree(forger: Forger) -> None:
    def move(leaves: Any) -> None:
        leaves[4]["index"], leaves[5]["index"] = leaves[5]["index"], leaves[4]["index"]

    assert "leaves in the tree" in forger.change("log/leaves.json", move).seal().found()


def test_a_checkpoint_of_another_tree_proves_nothing(forger: Forger) -> None:
    body = forger.json("log/checkpoint.json")["body"] | {"root": sha256_hex(b"another tree")}
    forger.path("log/checkpoint.json").write_bytes(forger.sign("checkpoint", body, forger.keys.log))
    assert "leaves in the tree" in forger.seal().found()


def test_a_checkpoint_that_somebody_else_signed_is_refused(forger: Forger) -> None:
    body = forger.json("log/checkpoint.json")["body"]
    forger.path("log/checkpoint.json").write_bytes(forger.sign("checkpoint", body, SigningKey.create()))
    assert "log checkpoint" in forger.seal().found()


def test_a_log_written_anew_is_not_the_one_that_the_witness_saw(forger: Forger) -> None:
    forger.change("results.json", lambda rows: _result(rows, THIRD, "reading", 2).update(level="B2"))
    forger.relog(keeps_witnesses=True).seal()
    assert "witnessed checkpoints" in forger.found(results_keys=(), content_keys=None)


def test_a_log_written_anew_without_its_witnesses_is_found_by_an_auditor_who_asked_the_witness(forger: Forger) -> None:
    forger.relog().seal()
    cosigned = forger.room.cosigned[-1]
    assert forger.found() == set()
    assert forger.found(witnesses=[cosigned]) == {"witnessed checkpoints"}


def test_a_log_whose_end_was_cut_off_is_found_by_a_witness_who_saw_more(forger: Forger) -> None:
    told = forger.json("log/checkpoint.json")["body"]
    body = told | {"size": told["size"] + 5, "at_utc_ms": told["at_utc_ms"] - MINUTE_MS}
    longer = forger.sign("checkpoint", body, forger.keys.log)
    seen = cosign(longer, witness="Statsarkivet", key=WITNESS, seen_utc_ms=body["at_utc_ms"])
    assert forger.found(witnesses=[seen]) == {"witnessed checkpoints"}
    made = forger.json("bundle.json")["body"]["made_utc_ms"]
    newer = forger.sign("checkpoint", body | {"at_utc_ms": made + MINUTE_MS}, forger.keys.log)
    report = forger.report(witnesses=[cosign(newer, witness="Statsarkivet", key=WITNESS, seen_utc_ms=1)])
    assert any("newer than the export" in each for each in report.unchecked)


def test_a_witness_that_the_auditor_does_not_know_is_told(forger: Forger) -> None:
    assert forger.found(witnesses=[SigningKey.create().public.hex.encode()]) == {"witnessed checkpoints"}
    assert forger.found(witnesses=[WITNESS.public.hex.encode() + b"\n"]) == set()


def test_a_witness_that_did_not_sign_is_told(forger: Forger) -> None:
    forger.change(forger.names("witness")[0], lambda plain: plain["body"].update(seen_utc_ms=1)).seal()
    assert forger.found() == {"witnessed checkpoints"}
    assert _told(forger, "the witness did not sign it", results_keys=(), content_keys=None)


def test_a_consistency_proof_that_proves_nothing_is_told(forger: Forger) -> None:
    forger.change("log/consistency.json", lambda proofs: proofs[0]["path"].reverse()).seal()
    assert forger.found() == {"witnessed checkpoints"}
    forger.put("log/consistency.json", []).seal()
    assert forger.found() == {"witnessed checkpoints"}


def test_a_result_dated_back_is_found_by_its_place_in_the_log(forger: Forger) -> None:
    def date_back(rows: Any) -> None:
        _result(rows, THIRD, "reading", 2)["scored_ms"] -= 2 * 3_600_000

    forger.change("results.json", date_back).relog().seal()
    assert forger.found() == {"times along the log"}


def test_an_act_added_behind_and_dated_back_is_found(forger: Forger) -> None:
    def add(rows: Any) -> None:
        first = rows[0]["content"]
        rows.append({"content": {**first, "id": 999, "act": "give_time"}})

    forger.change("audit.json", add).relog().seal()
    assert forger.found() == {"times along the log"}


def test_an_act_that_was_never_logged_is_told(forger: Forger) -> None:
    forger.change("audit.json", lambda rows: rows.append({"content": {**rows[0]["content"], "id": 999}})).seal()
    assert _told(forger, "it is not in the log: it was added without it", results_keys=(), content_keys=None)


def test_a_receipt_dated_back_is_found(forger: Forger) -> None:
    stem = forger.stems(THIRD, "writing")[-1]
    forger.receipt_for(stem, forger.room.site.clock() - 5 * 3_600_000).relog().seal()
    assert "times along the log" in forger.found()


def test_what_is_dated_after_the_witness_saw_it_is_found(forger: Forger) -> None:
    """Nothing but the witness tells when a log's first half was there, if all its times are moved together."""
    body = forger.json(forger.names("witness")[0])["body"] | {"seen_utc_ms": 1}
    forger.path(forger.names("witness")[0]).write_bytes(forger.sign("cosigned-checkpoint", body, WITNESS))
    assert forger.seal().found() == {"witnessed checkpoints"}


# --- packages and keys ------------------------------------------------------------------------------------------------


def test_a_package_of_another_authority_is_found_and_pinning_tells_a_swapped_key(
    forger: Forger, tmp_path: Path
) -> None:
    other = KeyFolder(tmp_path / "other")
    other.create(1, 1)
    data = norskprove_package(other)
    name = forger.names("releases")[0]
    forger.path(name).write_bytes(data)
    assert "test packages genuine" in forger.seal().found()
    forger.seal(lambda body: body["store"].update(content_key=other.signing_key().public.hex))
    pinned = {"content_key": forger.room.keys.signing_key().public.hex}
    assert {"pinned keys", "test packages genuine"} <= forger.found(pinned=pinned)


def test_pinned_keys_of_the_store_tell_a_bundle_made_by_somebody_else(forger: Forger) -> None:
    keys = forger.json("bundle.json")["body"]["store"]
    assert forger.found(pinned={name: keys[name] for name in keys if name != "id"}) == set()
    pinned = {"log_key": SigningKey.create().public.hex}
    assert {"pinned keys", "table of contents", "log checkpoint"} <= forger.found(pinned=pinned)


def test_other_answer_keys_sealed_by_the_authority_itself_do_not_fit_the_results(
    forger: Forger, tmp_path: Path
) -> None:
    """The authority makes a second package under the same name, in which B is right."""
    copytree(forger.room.keys.folder, tmp_path / "keys")
    keys = KeyFolder(tmp_path / "keys")
    for path in (tmp_path / "keys/content-keys").iterdir():
        path.unlink()
    reading = panel_plain("reading")
    for item in reading["items"]:
        item["key"] = {"kind": "choice", "correct": ["B"]}
    forms = [("listening", None, panel_plain("listening")), ("reading", None, reading)]
    forms += [("writing", level, task_set_plain(level)) for level in ("A2-B1", "B1-B2")]
    forger.path(forger.names("releases")[0]).write_bytes(make_package(keys, programme_plain(), forms))
    found = forger.seal().found(content_keys={"norskprove-test.v1": keys.content_key("norskprove-test.v1")})
    assert "results as recomputed" in found
    assert "test packages opened" in forger.found()


# --- a dishonest PC, with everything signed, receipted and logged as if it were true ----------------------------------


def _told(forger: Forger, sentence: str, **held: Any) -> bool:
    return any(sentence in finding.sentence for finding in forger.report(**held).findings)


def test_control_an_honest_journal_in_the_place_of_another_is_right(forger: Forger) -> None:
    driven = running("reading").tick(MINUTE_MS).take(lambda each: len(each.items) // 2)
    forger.rewrite(FIRST, "reading", driven.journal).relog().seal()
    report = forger.report()
    assert report.findings == []
    assert any("no result is in the bundle" in each for each in report.unchecked)


def test_a_third_play_is_found(forger: Forger) -> None:
    journal = running("listening").listen(lambda _item: "A").journal
    last = max(number for number, event in enumerate(journal) if isinstance(event, PlayEnded) and event.play == 2)
    ended = journal[last]
    assert isinstance(ended, PlayEnded)
    extra = [PlayBegun(ended.at_ms, ended.item, 3, 0), PlayEnded(ended.at_ms + 25_000, ended.item, 3, ended.frame)]
    later = [replace(event, at_ms=event.at_ms + 25_000) for event in journal[last + 1 :]]
    forger.rewrite(FIRST, "listening", [*journal[: last + 1], *extra, *later]).relog().seal()
    assert _told(forger, "an extra play")


def test_a_play_begun_again_from_its_beginning_is_found(forger: Forger) -> None:
    journal = running("listening").listen(lambda _item: "A").journal
    at = next(number for number, event in enumerate(journal) if isinstance(event, PlayEnded))
    ended = journal[at]
    assert isinstance(ended, PlayEnded)
    again = [PlayPosition(ended.at_ms, ended.item, 1, 900_000), PlayBegun(ended.at_ms, ended.item, 1, 0)]
    forger.rewrite(FIRST, "listening", [*journal[:at], *again, *journal[at:]]).relog().seal()
    assert _told(forger, "an extra play")


def test_a_clip_that_was_over_too_soon_is_found(forger: Forger) -> None:
    journal = running("listening").listen(lambda _item: "A").journal
    at = next(number for number, event in enumerate(journal) if isinstance(event, PlayEnded))
    sooner = [replace(event, at_ms=event.at_ms - 20_000) for event in journal[at:]]
    forger.rewrite(FIRST, "listening", [*journal[:at], *sooner]).relog().seal()
    assert _told(forger, "25000 ms of sound in 5000 ms")


def test_a_clip_that_ended_before_its_end_is_found(forger: Forger) -> None:
    journal = running("listening").listen(lambda _item: "A").journal
    at = next(number for number, event in enumerate(journal) if isinstance(event, PlayEnded))
    forger.rewrite(FIRST, "listening", [*journal[:at], replace(journal[at], frame=600_000), *journal[at + 1 :]])  # type: ignore[call-arg]
    assert _told(forger.relog().seal(), "a play ended at frame 600000 of 1200000")


def test_a_longer_time_to_answer_is_found(forger: Forger) -> None:
    journal = running("listening").listen(lambda _item: "A").journal
    at = [number for number, event in enumerate(journal) if isinstance(event, StepEntered)][5]
    later = [replace(event, at_ms=event.at_ms + 30_000) for event in journal[at:]]
    forger.rewrite(FIRST, "listening", [*journal[:at], *later]).relog().seal()
    assert _told(forger, "30000 ms late: so much time too much was given")


def test_an_answer_after_the_time_was_out_is_found(forger: Forger) -> None:
    driven = running("reading").tick(75 * MINUTE_MS)
    assert isinstance(driven.journal[-1], Submitted)
    late = Answered(driven.now_ms + 60_000, "RM1-1", ("A",))
    journal = [*driven.journal[:-1], late, replace(driven.journal[-1], at_ms=driven.now_ms + 60_000)]
    forger.rewrite(FIRST, "reading", journal).relog().seal()
    assert _told(forger, "after the time was out")


def test_a_part_that_nobody_ended_in_time_is_found(forger: Forger) -> None:
    driven = running("reading").tick(75 * MINUTE_MS)
    journal = [*driven.journal[:-1], replace(driven.journal[-1], at_ms=driven.now_ms + 5 * MINUTE_MS)]
    forger.rewrite(FIRST, "reading", journal).relog().seal()
    assert _told(forger, "300000 ms late")


def test_a_warning_left_out_is_found(forger: Forger) -> None:
    driven = running("reading").tick(75 * MINUTE_MS)
    journal = [event for event in driven.journal if not isinstance(event, Warned)]
    forger.rewrite(FIRST, "reading", journal).relog().seal()
    assert _told(forger, "Warned was due")


def test_minutes_that_nobody_gave_are_found(forger: Forger) -> None:
    driven = running("reading").tick(70 * MINUTE_MS).do(ExtraTimeGiven, 900_000, 5).tick(8 * MINUTE_MS)
    forger.rewrite(SECOND, "reading", driven.take(lambda _each: 3).journal).relog().seal()
    assert _told(forger, "there is no such order for it", content_keys=None)


def test_more_minutes_than_were_given_are_found(forger: Forger) -> None:
    orders = forger.json("orders.json")["orders"]
    number = next(each["order"]["number"] for each in orders if each["order"]["kind"] == "extra_time")
    driven = running("reading").tick(70 * MINUTE_MS).do(ExtraTimeGiven, 1_200_000, number).take(lambda _each: 3)
    forger.rewrite(FIRST, "reading", driven.journal).relog().seal()
    assert _told(forger, "gives other minutes than order", content_keys=None)


def test_an_accommodation_that_was_not_granted_is_found(forger: Forger) -> None:
    driven = running("reading", extra_ms=15 * MINUTE_MS).take(lambda _each: 3)
    forger.rewrite(FIRST, "reading", driven.journal).relog().seal()
    assert _told(forger, "the journal says extra_ms '900000', the store '0'", content_keys=None)


def test_a_module_that_the_answers_do_not_lead_to_is_found(forger: Forger) -> None:
    driven = running("reading").answer_module(1).leave_module()
    assert driven.attempt.module == "FM-A1A2"
    higher = [Answered(driven.now_ms, f"FM-B1B2-{number}", ("A",)) for number in range(1, 9)]
    forger.rewrite(FIRST, "reading", [*driven.journal, *higher, Submitted(driven.now_ms, "candidate")]).relog().seal()
    assert _told(forger, "is in another module than the candidate")


def test_an_item_changed_after_its_module_was_left_is_found(forger: Forger) -> None:
    driven = running("reading").answer_module(1).leave_module()
    journal = [*driven.journal, Answered(driven.now_ms, "RM1-2", ("A",))]
    journal += driven.take(lambda _each: 1).journal[len(driven.journal) :]
    journal += [Submitted(driven.now_ms, "candidate")]
    forger.rewrite(FIRST, "reading", journal).relog().seal()
    assert _told(forger, "is in another module than the candidate")


def test_a_last_module_that_was_left_out_is_found(forger: Forger) -> None:
    driven = running("reading").answer_module(8)
    journal = [*driven.journal, Submitted(driven.now_ms, "candidate")]
    forger.rewrite(FIRST, "reading", journal).relog().seal()
    assert _told(forger, "before the last module")
    assert _told(forger, "it was never handed in")


def test_a_start_without_a_day_code_is_found_without_the_sealed_form(forger: Forger) -> None:
    driven = running("reading").take(lambda _each: 3)
    journal: list[Event] = [event for event in driven.journal if not isinstance(event, DayCodeTried)]
    forger.rewrite(FIRST, "reading", journal).relog().seal()
    assert _told(forger, "before a day code was accepted", content_keys=None)
    assert _told(forger, "before log-in, sound check, page and day code were done")


def test_a_clock_that_ran_too_fast_is_found(forger: Forger) -> None:
    """A PC claims an hour more than passed between the start of the part and the arrival of the journal."""
    driven = running("listening").tick(MINUTE_MS)
    later = [replace(event, at_ms=event.at_ms + 1_000 * MINUTE_MS) for event in driven.journal[7:]]
    forger.rewrite(FIRST, "listening", [*driven.journal[:7], *later]).relog().seal()
    assert "journal clock against the store's" in forger.found(content_keys=None)


def test_the_answers_of_somebody_who_is_not_enrolled_are_found(forger: Forger) -> None:
    forger.seal(
        lambda body: body.update(enrolments=[each for each in body["enrolments"] if each["candidate"] != THIRD])
    )
    assert _told(forger, f"candidate {THIRD} is not enrolled", content_keys=None)


def test_a_second_attempt_that_counts_is_found(forger: Forger) -> None:
    driven = running("reading").take(lambda _each: 3)
    forger.rewrite(THIRD, "reading", driven.journal).relog().seal()
    found = forger.found(content_keys=None)
    assert "one attempt a candidate and part" in found


def test_a_pc_of_somebody_elses_is_not_believed_with_a_genuine_looking_journal(forger: Forger) -> None:
    stranger = Pc(forger.room.site.http, forger.room.site.clock, forger.room.site.pcs[0].id, DeviceKeys.create())
    driven = running("reading").take(lambda _each: 3)
    forger.rewrite(FIRST, "reading", driven.journal, stranger).relog().seal()
    assert _told(forger, f"it is not signed by PC '{stranger.id}'")


def test_a_fork_is_found(forger: Forger) -> None:
    """The first PC, after the hand-over, went on by itself and delivered later."""
    site = forger.room.site
    attempt = attempt_of(SECOND, "reading")
    driven = running("reading").take(lambda _each: 8)
    journal = site.journal(site.pcs[0], attempt).write(driven.journal[1:9])
    for data in journal.envelopes():
        stem = f"{attempt}-{journal.segment.header.segment}-00000000-00000007"
        forger.path(f"envelopes/{stem}.envelope").write_bytes(data)
        forger.receipt_for(stem, forger.json("log/checkpoint.json")["body"]["at_utc_ms"])
    forger.relog().seal()
    assert _told(forger, "a fork", results_keys=(), content_keys=None)


def test_a_conflict_is_shown(forger: Forger) -> None:
    """Two envelopes that one PC signed for one place: the store kept the second as evidence."""
    site = forger.room.site
    attempt = attempt_of(FIRST, "listening")
    other = site.journal(site.pcs[0], attempt).write(running("reading").journal).envelopes()[0]
    header = json.loads(other[12 : 12 + int.from_bytes(other[8:12], "big")])
    row = {
        "at_ms": forger.json("log/checkpoint.json")["body"]["at_utc_ms"],
        "attempt": attempt,
        "device": site.pcs[0].id,
        "first": header["first"],
        "last": header["last"],
        "offered_sha256": sha256_hex(other),
        "segment": header["segment"],
        "sitting": "s1",
        "stored_sha256": sha256_hex(b"another"),
    }
    ref = f"{attempt}-{row['segment']}-{row['first']:08d}-{row['last']:08d}-{row['offered_sha256'][:16]}"
    (forger.folder / "conflicts").mkdir()
    forger.path(f"conflicts/{ref}.envelope").write_bytes(other)
    forger.put("conflicts.json", [{"content": row}]).seal()
    assert {"conflicts", "conflicts in the log"} <= forger.found()


def test_an_erased_stream_is_told_and_is_no_finding_where_somebody_who_may_did_it(forger: Forger) -> None:
    for name in forger.names("envelopes"):
        path = forger.path(name)
        path.write_bytes(erase_stream(path.read_bytes(), "keys"))
    assert forger.seal().found() == {"nothing erased without leave"}
    at_ms = forger.json("log/checkpoint.json")["body"]["at_utc_ms"]

    def add(rows: Any) -> None:
        act = {"id": 999, "act": "erase_stream", "at_ms": at_ms, "detail": {"stream": "keys"}}
        rows.append({"content": {**rows[0]["content"], **act}})

    report = forger.change("audit.json", add).relog().seal().report()
    assert report.findings == []
    assert any(note.startswith("erased: keys") for note in report.notes)


def test_erased_answers_are_a_finding(forger: Forger) -> None:
    path = forger.path(forger.names("envelopes")[0])
    path.write_bytes(erase_stream(path.read_bytes(), "answers"))
    assert {"answers opened", "nothing erased without leave"} <= forger.seal().found()


def test_a_module_left_by_nobody_is_refused(forger: Forger) -> None:
    driven = running("reading").answer_module(3)
    journal = [*driven.journal, ModuleLeft(driven.now_ms, "RM2")]
    journal += driven.leave_module().take(lambda _each: 3).journal[len(driven.journal) - 1 :]
    forger.rewrite(FIRST, "reading", journal).relog().seal()
    assert _told(forger, "module 'RM2' is not the one the candidate is in")
