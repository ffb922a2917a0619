"""Rarer lies of insiders, each told by its own sentence: of a PC, of the store, of the authority."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.events import Event, IncidentNoted, Locked, NameConfirmed, SoundChecked, Unlocked
from itembank.package import make_archive
from sync.canonical import canonical_bytes
from sync.keys import sha256_hex
from sync.orders import OrderList, sign_order
from sync.package import PackageFile, decode_package, encode_package, open_content, seal_content, sealed_header
from sync.receipt import Receipt, sign_receipt
from sync.release import ReleaseManifest
from tests.centralstore.place import RELEASE
from tests.strategies import running
from tests.verifier.draft import Draft, chained, chained_from
from tests.verifier.forger import Forger
from tests.verifier.room import CANDIDATES, MINUTE_MS, Room, attempt_of

FIRST, SECOND, THIRD = CANDIDATES
Deed = Callable[[Forger], object]


@pytest.fixture
def forger(room: Room, bundle: Path, tmp_path: Path) -> Forger:
    return Forger.of(room, bundle, tmp_path / "bundle")


def told(forger: Forger, sentence: str, **held: Any) -> bool:
    sentences = [finding.sentence for finding in forger.report(**held).findings]
    assert any(sentence in each for each in sentences), sentences
    return True


# --- a PC -------------------------------------------------------------------------------------------------------------


def second_envelope(forger: Forger, change: Callable[[Draft], Draft]) -> None:
    forger.redo(forger.stems(FIRST, "writing")[1], change)


def overlapping(forger: Forger) -> None:
    """The second envelope begins with the last record of the first again."""
    stems = forger.stems(FIRST, "writing")
    last = Draft.of(forger.path(f"envelopes/{stems[0]}.envelope").read_bytes()).records[-1]

    def overlap(draft: Draft) -> Draft:
        return replace(draft.headed(first=draft.header["first"] - 1, before=""), records=(last, *draft.records))

    forger.redo(stems[1], overlap)


def taken_over(forger: Forger) -> str:
    """The envelope with which the second PC went on."""
    return next(
        stem
        for stem in forger.stems(SECOND, "reading")
        if Draft.of(forger.path(f"envelopes/{stem}.envelope").read_bytes()).segment["ordinal"] == 1
    )


def links(**changes: object) -> Deed:
    """The second PC's segment follows something else than what it took over."""

    def deed(forger: Forger) -> None:
        def change(draft: Draft) -> Draft:
            link = {**draft.segment["previous"], **changes}
            return chained(draft.of_segment(previous=link))

        forger.redo(taken_over(forger), change)

    return deed


def fewer_records_count(forger: Forger) -> None:
    """The second PC says that the first one's last record does not count."""
    first = next(stem for stem in forger.stems(SECOND, "reading") if stem != taken_over(forger))
    records = Draft.of(forger.path(f"envelopes/{first}.envelope").read_bytes()).records
    links(count=len(records) - 1, head=records[-2][-36:-4].hex())(forger)


def ordinal(number: int, previous: object) -> Deed:
    def deed(forger: Forger) -> None:
        def change(draft: Draft) -> Draft:
            link = draft.segment["previous"] if previous == "kept" else previous
            return chained(draft.of_segment(ordinal=number, previous=link).headed(ordinal=number))

        forger.redo(taken_over(forger), change)

    return deed


def of_elsewhere(**changes: str) -> Deed:
    return lambda forger: forger.redo(
        forger.stems(FIRST, "listening")[0], lambda draft: chained(draft.of_segment(**changes).headed(**changes))
    )


def renamed(forger: Forger) -> None:
    stem = forger.stems(FIRST, "listening")[0]
    for folder, suffix in (("envelopes", "envelope"), ("receipts", "receipt")):
        path = forger.path(f"{folder}/{stem}.{suffix}")
        path.rename(path.with_name(f"{'c' * 32}{stem[32:]}.{suffix}"))


A_PC: dict[str, tuple[Deed, str]] = {
    "another header": (
        lambda forger: second_envelope(forger, lambda draft: draft.of_segment(begun_utc_ms=1).headed(before="")),
        "its segment has another header in another envelope",
    ),
    "records twice": (overlapping, "which another envelope holds too"),
    "another envelope before": (
        lambda forger: second_envelope(forger, lambda draft: draft.headed(previous="0" * 64)),
        "it does not name the envelope before it",
    ),
    "another chain": (
        lambda forger: second_envelope(forger, lambda draft: chained_from(draft, bytes(32))),
        "its chain does not continue the envelope before it",
    ),
    "records given up": (fewer_records_count, "were superseded by another run of the program"),
    "more records than there are": (links(count=999), "of the segment before it are missing"),
    "another record followed": (links(head="0" * 64), "it follows another record than the one that is there"),
    "a segment that is not there": (links(segment="d" * 32), "which it follows, is missing"),
    "follows nothing": (ordinal(1, None), "it follows no segment and is not the first"),
    "follows itself": (ordinal(0, "kept"), "it follows a segment that is not before it"),
    "another sitting": (of_elsewhere(sitting="s2"), "it is of another sitting"),
    "another release": (of_elsewhere(release="norskprove-test.v9"), "a release that the sitting does not use"),
    "another name": (renamed, "it is not the envelope that its name says"),
}


@pytest.mark.parametrize("name", A_PC)
def test_what_a_pc_signs_is_held_against_what_else_it_signed(forger: Forger, name: str) -> None:
    deed, sentence = A_PC[name]
    deed(forger)
    assert told(forger.relog().seal(), sentence, results_keys=(), content_keys=None)


def test_a_fact_on_the_wrong_stream_is_told(forger: Forger) -> None:
    site, attempt = forger.room.site, attempt_of(FIRST, "writing")
    journal = site.journal(site.pcs[0], attempt)
    journal.file += journal.sealer.seal("answers", 200, b"{}").raw + journal.sealer.seal("keys", 21, b"{}").raw
    (data,) = journal.envelopes()
    forger.add(Draft.of(data), forger.json("log/checkpoint.json")["body"]["at_utc_ms"])
    for stem in forger.stems(FIRST, "writing"):
        if journal.segment.header.segment not in stem:
            forger.drop(f"envelopes/{stem}.envelope", f"receipts/{stem}.receipt")
    forger.relog().seal()
    assert told(forger, "type 200 stands on stream 'answers'")
    assert told(forger, "type 21 stands on stream 'keys'")
    assert told(forger, "it does not begin with the candidate's log-in")


def reading(change: Callable[[list[Event]], list[Event]]) -> Deed:
    journal = running("reading").tick(MINUTE_MS).take(lambda _each: 3).journal
    return lambda forger: forger.rewrite(FIRST, "reading", change(list(journal)))


FACTS: dict[str, tuple[Deed, str]] = {
    "no name confirmed": (
        reading(lambda journal: [event for event in journal if not isinstance(event, NameConfirmed)]),
        "before name and number were confirmed",
    ),
    "time goes back": (
        reading(lambda journal: [*journal[:-1], IncidentNoted(5, "focus", ""), journal[-1]]),
        "before the fact before it",
    ),
    "too loud": (
        reading(lambda journal: [*journal[:3], SoundChecked(0, True, 11), *journal[3:]]),
        "the volume is not within 1 to 10",
    ),
    "unlocked by nobody": (
        reading(
            lambda journal: [
                *journal[:-1],
                Locked(journal[-1].at_ms, "focus"),
                Unlocked(journal[-1].at_ms, 0, ""),
                Unlocked(journal[-1].at_ms, 0, "lars"),
                journal[-1],
            ]
        ),
        "the screen was unlocked by nobody",
    ),
    "no such form": (
        reading(lambda journal: [replace(journal[0], form="reading-9"), *journal[1:]]),  # type: ignore[call-arg]
        "the release has no form 'reading-9'",
    ),
    "a form for others": (
        lambda forger: forger.seal(lambda body: _enrol(body, FIRST, "writing", "B1-B2")),
        "form 'writing-A2-B1' is not for writing at level 'B1-B2'",
    ),
}


def _enrol(body: Any, candidate: str, part: str, level: str) -> None:
    next(e for e in body["enrolments"] if (e["candidate"], e["part"]) == (candidate, part))["level"] = level


@pytest.mark.parametrize("name", FACTS)
def test_facts_that_cannot_be_are_told(forger: Forger, name: str) -> None:
    deed, sentence = FACTS[name]
    deed(forger)
    assert told(forger.relog().seal(), sentence)


def test_time_that_goes_back_is_told_without_the_sealed_form(forger: Forger) -> None:
    FACTS["time goes back"][0](forger)
    assert told(forger.relog().seal(), "before the fact before it", content_keys=None)


def test_a_part_that_no_order_started_is_told(forger: Forger) -> None:
    """The store takes the order that started reading out of the list, and signs the rest anew."""
    known = OrderList("s1", forger.keys.order.public)
    for entry in forger.json("orders.json")["orders"]:
        order = entry["order"]
        if (order["kind"], order["part"]) != ("start_part", "reading"):
            fields = {name: order[name] for name in ("candidate", "part", "data", "reason")}
            made = known.following(order["kind"], by=order["by"], at_utc_ms=order["at_utc_ms"], **fields)
            known = known.with_order(sign_order(made, forger.keys.order))
    forger.path("orders.json").write_bytes(known.encode())
    assert told(forger.relog().seal(), "no order started the part 'reading'", content_keys=None)


def test_minutes_and_levels_changed_afterwards_are_not_those_that_were_logged(forger: Forger) -> None:
    forger.seal(lambda body: body["enrolments"][0].update(accommodation_ms=900_000))
    assert "enrolments in the log" in forger.found(results_keys=(), content_keys=None)
    forger.seal(lambda body: _enrol(body, FIRST, "writing", "B1-B2"))
    assert "enrolments in the log" in forger.found(results_keys=(), content_keys=None)


def test_two_attempts_of_which_neither_was_reset_are_told(forger: Forger) -> None:
    driven = running("reading").take(lambda _each: 3)
    for number in (1, 2):
        forger.rewrite(THIRD, "reading", driven.journal, number=number)
    assert told(forger.relog().seal(), f"candidate {THIRD} has another attempt at reading", content_keys=None)


def test_an_attempt_that_says_it_replaces_one_that_nobody_reset_is_told(forger: Forger) -> None:
    begun, *rest = running("reading").take(lambda _each: 3).journal
    forger.rewrite(THIRD, "reading", [begun, *rest], number=1)
    again = replace(begun, supersedes=attempt_of(THIRD, "reading"))  # type: ignore[call-arg]
    forger.rewrite(THIRD, "reading", [again, *rest], number=2)
    assert told(forger.relog().seal(), "which no order had reset", content_keys=None)


@pytest.mark.parametrize(
    ("kind", "words"), [("open", "since the log-in; the store had it"), ("start_part", "since the start; the store")]
)
def test_a_journal_that_claims_more_time_than_passed_is_told(forger: Forger, kind: str, words: str) -> None:
    """Two minutes more than passed since the sitting was opened, or only since the part was started."""
    orders = [each["order"] for each in forger.json("orders.json")["orders"]]
    wanted = ("open", "") if kind == "open" else (kind, "reading")
    given_ms = next(each["at_utc_ms"] for each in orders if (each["kind"], each["part"]) == wanted)
    more_ms = forger.json("log/checkpoint.json")["body"]["at_utc_ms"] - given_ms + 2 * MINUTE_MS
    journal = running("reading").tick(MINUTE_MS).journal
    note = IncidentNoted(journal[-1].at_ms + more_ms, "focus", "")
    forger.rewrite(FIRST, "reading", [*journal, note])
    assert told(forger.relog().seal(), words, content_keys=None)


# --- the store --------------------------------------------------------------------------------------------------------


def receipt(**changes: object) -> Deed:
    def deed(forger: Forger) -> None:
        name = forger.names("receipts")[2]
        body = {**forger.json(name)["body"], **changes}
        forger.path(name).write_bytes(sign_receipt(Receipt.model_validate(body), forger.keys.receipt))

    return deed


def conflict(**changes: object) -> Deed:
    """One PC signed two envelopes for one place; what the store wrote down of it may differ."""

    def deed(forger: Forger) -> None:
        stem = forger.stems(FIRST, "listening")[0]
        stored = forger.path(f"envelopes/{stem}.envelope").read_bytes()
        draft = Draft.of(stored).headed(previous="1" * 64)
        device = draft.header["device"]
        offered = draft.signed(next(pc.keys.signing for pc in forger.room.site.pcs if pc.id == device))
        names = ("attempt", "segment", "first", "last")
        row: dict[str, Any] = {
            **{name: draft.header[name] for name in names},
            "at_ms": forger.json("log/checkpoint.json")["body"]["at_utc_ms"],
            "device": device,
            "offered_sha256": _identity(offered),
            "sitting": "s1",
            "stored_sha256": _identity(stored),
            **changes,
        }
        ref = f"{stem}-{row['offered_sha256'][:16]}"
        forger.path("conflicts").mkdir()
        forger.path(f"conflicts/{ref}.envelope").write_bytes(offered)
        forger.put("conflicts.json", [{"content": row}])

    return deed


def _identity(data: bytes) -> str:
    return sha256_hex(data[: -4 - len(canonical_bytes(Draft.of(data).keys))])


def strange_order(forger: Forger) -> None:
    plain = forger.json("orders.json")
    last = plain["orders"][-1]["order"]
    message = canonical_bytes({**last, "number": last["number"] + 1, "kind": "applaud"})
    signature = forger.keys.order.sign("order", message).hex()
    plain["orders"].append({"order": json.loads(message), "signature": signature})
    forger.put("orders.json", plain)


def acknowledged_by_a_stranger(forger: Forger) -> None:
    forger.put("acks.json", [{"applied_ms": 1, "device": "pc-stranger", "number": 1, "received_ms": 2}])


def scored_tomorrow(forger: Forger) -> None:
    forger.change(
        "results.json", lambda rows: rows[0]["content"].update(scored_ms=rows[0]["content"]["scored_ms"] + 10**9)
    )


def scored_before_it_came(forger: Forger) -> None:
    attempt = attempt_of(FIRST, "listening")

    def swap(leaves: Any) -> None:
        mine = [leaf for leaf in leaves if leaf["ref"].startswith(attempt)]
        result, came = mine[-1], mine[0]
        assert (result["kind"], came["kind"]) == ("result", "receipt")
        result["index"], came["index"] = came["index"], result["index"]

    kept = forger.stems(FIRST, "listening")
    for stem in kept[1:]:
        forger.drop(f"envelopes/{stem}.envelope", f"receipts/{stem}.receipt")
    forger.change("log/leaves.json", swap)


THE_STORE: dict[str, tuple[Deed, str]] = {
    "a receipt of a conflict": (receipt(is_conflict=True), "it is the receipt of a conflict"),
    "a receipt for something else": (receipt(sha256="0" * 64), "it names another envelope than the one that is here"),
    "a receipt of another place": (receipt(first=77), "it is for another envelope"),
    "a receipt without its envelope": (
        lambda forger: forger.drop(f"envelopes/{forger.stems(FIRST, 'listening')[0]}.envelope"),
        "its envelope is gone",
    ),
    "a conflict": (conflict(), "signed two different envelopes for one place"),
    "a conflict with another": (conflict(stored_sha256="0" * 64), "the envelope in its place is another one"),
    "a conflict not written down": (
        lambda forger: (conflict()(forger), forger.put("conflicts.json", [])),
        "the store has not written this conflict down",
    ),
    "an order of no kind": (strange_order, "there is no kind of order 'applaud'"),
    "an acknowledgement": (acknowledged_by_a_stranger, "acknowledged order 1 and is not on the list"),
    "a result of tomorrow": (scored_tomorrow, "is dated after the checkpoint that holds it"),
    "a result before its answers": (scored_before_it_came, "it was scored before anything of the attempt was stored"),
    "a result twice": (
        lambda forger: forger.change("results.json", lambda rows: rows.append(rows[0])),
        "it is there twice",
    ),
}


@pytest.mark.parametrize("name", THE_STORE)
def test_what_the_store_signs_is_held_against_what_else_it_signed(forger: Forger, name: str) -> None:
    deed, sentence = THE_STORE[name]
    deed(forger)
    kinds = {"conflict"} if "conflict" in name else set()
    assert told(forger.relog().seal() if not kinds else forger.seal(), sentence)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda forger: forger.seal(lambda body: body["devices"].append(body["devices"][0])), "two devices have one"),
        (lambda forger: forger.seal(lambda body: body["enrolments"].append(body["enrolments"][0])), "enrolled twice"),
        (lambda forger: forger.drop("acks.json"), "it is missing"),
        (lambda forger: forger.drop("acks.json").seal(), "there is no usable acks.json in the bundle"),
        (
            lambda forger: forger.change("log/proofs.json", lambda each: each[0].update(path=["x"])).seal(),
            "a proof is no list of hashes",
        ),
        (
            lambda forger: forger.change("log/proofs.json", lambda each: each[0]["path"].pop()).seal(),
            "an inclusion proof is too short",
        ),
        (lambda forger: forger.change("log/proofs.json", lambda each: each.pop()).seal(), "there is no proof"),
        (
            lambda forger: forger.change("log/leaves.json", lambda each: each.append(each[0])).seal(),
            "it is listed twice",
        ),
    ],
    ids=range(8),
)
def test_lists_that_hold_too_much_or_too_little_are_told(forger: Forger, change: Deed, sentence: str) -> None:
    change(forger)
    assert told(forger, sentence)


def test_a_witness_of_a_forged_log_still_tells_what_was_dated_back(forger: Forger) -> None:
    """The witness saw the forged log, too: then times before its look cannot stand behind it."""
    at_utc_ms = forger.json("log/checkpoint.json")["body"]["at_utc_ms"]
    hour_ms = 3_600_000

    def move(rows: Any) -> None:
        for row in rows:
            row["content"]["scored_ms"] -= 2 * hour_ms

    forger.relog()
    size = next(leaf["index"] for leaf in forger.json("log/leaves.json") if leaf["kind"] == "result")
    forger.seen_by_a_witness(size, at_utc_ms=at_utc_ms - hour_ms).seal()
    assert forger.found() == set()
    forger.change("results.json", move).relog(keeps_witnesses=True)
    forger.drop(*[name for name in forger.names("witness") if not name.endswith("seen.json")])
    forger.seen_by_a_witness(size, at_utc_ms=at_utc_ms - hour_ms).seal()
    assert told(forger, "is dated before this checkpoint, which does not hold it: it was dated back")


def test_a_witness_who_saw_another_log_of_the_same_size_tells(forger: Forger) -> None:
    forger.relog()
    size = len(forger.leaves)
    at_utc_ms = forger.json("log/checkpoint.json")["body"]["at_utc_ms"]
    forger.folder.joinpath("witness").mkdir(exist_ok=True)
    forger.seen_by_a_witness(size, at_utc_ms=at_utc_ms, root="1" * 64).seal()
    assert told(forger, "the log was another one when the witness saw it")
    forger.seen_by_a_witness(size, at_utc_ms=at_utc_ms).seal()
    assert forger.found() == set()


# --- the authority ----------------------------------------------------------------------------------------------------


def repacked(
    forger: Forger,
    *,
    manifest: Callable[[dict[str, Any]], object] = lambda _body: None,
    content: Callable[[dict[str, Any]], object] | None = None,
    sealed: bytes | None = None,
) -> Forger:
    """The package with another manifest or other sealed files, signed by the authority."""
    name = forger.names("releases")[0]
    package = decode_package(forger.path(name).read_bytes())
    body = json.loads(package.manifest)["body"]
    key = forger.room.keys.content_key(RELEASE)
    found = package.sealed if sealed is None else sealed
    if content is not None:
        header = sealed_header(ReleaseManifest.model_validate_json(json.dumps(body)))
        with zipfile.ZipFile(io.BytesIO(open_content(package.sealed, key, header))) as archive:
            files: dict[str, Any] = {each: json.loads(archive.read(each)) for each in archive.namelist()}
        content(files)
        found = seal_content(
            make_archive({each: json.dumps(plain).encode() for each, plain in files.items()}), key, header
        )
    body |= {"sealed_sha256": sha256_hex(found), "sealed_bytes": len(found)}
    manifest(body)
    signed = forger.sign("release-manifest", body, forger.room.keys.signing_key())
    forger.path(name).write_bytes(encode_package(PackageFile(signed, package.public, found)))
    return forger.seal()


def in_panel(change: Callable[[Any], object]) -> Callable[[Forger], Forger]:
    return lambda forger: repacked(forger, content=lambda files: change(files["panels/reading-test.json"]))


def in_manifest(**changes: object) -> Callable[[Forger], Forger]:
    return lambda forger: repacked(forger, manifest=lambda body: body.update(changes))


THE_AUTHORITY: dict[str, tuple[Callable[[Forger], Forger], str]] = {
    "no package": (
        lambda forger: (forger.path(forger.names("releases")[0]).write_bytes(b"PK"), forger.seal())[1],
        "it does not begin as a test package does",
    ),
    "longer than it says": (
        lambda forger: (
            forger.path(forger.names("releases")[0]).write_bytes(
                forger.path(forger.names("releases")[0]).read_bytes() + b"x"
            ),
            forger.seal(),
        )[1],
        "its parts are not as long as it says",
    ),
    "another part": (in_manifest(public_bytes=1), "its public part is not the one that was signed"),
    "a custodian twice": (
        lambda forger: repacked(forger, manifest=lambda body: body["results"].update(keys=body["results"]["keys"] * 2)),
        "its custodians are not named as they must be",
    ),
    "one custodian, no demo": (in_manifest(is_demo=False), "one custodian alone opens the answers of what is no demo"),
    "another programme": (in_manifest(programme_version=9), "its programme is not the one that its manifest names"),
    "another release": (in_manifest(release="norskprove-test.v2"), "it is the package of release"),
    "no sealed part": (
        lambda forger: repacked(forger, sealed=b"PVRMSTR2" + bytes(100)),
        "the sealed part does not begin as one does",
    ),
    "another form": (in_panel(lambda panel: panel.update(id="x")), "is another form"),
    "a part that there is none of": (in_panel(lambda panel: panel.update(part="oral")), "the programme does not have"),
    "a module of nowhere": (
        in_panel(lambda panel: panel["routing"]["RM1"][0].update(target="RM9")),
        "leads to a module that there is none of",
    ),
    "an item of nowhere": (in_panel(lambda panel: panel["items"].pop()), "do not belong together"),
    "an empty module": (
        in_panel(lambda panel: panel["modules"].append({"id": "RM9", "kind": "final", "items": []})),
        "empty module",
    ),
    "a slot without a task": (
        lambda forger: repacked(
            forger, content=lambda files: files["task-sets/writing-A2-B1.json"]["slots"][0].update(tasks=[])
        ),
        "a slot without a task",
    ),
    "a key of no kind": (in_panel(lambda panel: panel["items"][0]["key"].update(kind="luck")), "no kind of key 'luck'"),
    "a level for nobody": (
        in_panel(lambda panel: [row.update(levels=row["levels"][:1]) for row in panel["level_table"]]),
        "has no level for",
    ),
    "a number that is none": (
        in_panel(lambda panel: panel["scale"].update(prior_sd="1")),
        "'prior_sd' is not a number",
    ),
    "no spread": (in_panel(lambda panel: panel["scale"].update(prior_sd=0)), "what the formats do not allow"),
    "no number correct leads on": (
        in_panel(lambda panel: panel["routing"].update(RM1=[{"low": 50, "high": 60, "target": "RM2"}])),
        "does not say where",
    ),
    "a level that is not heard": (
        lambda forger: repacked(
            forger,
            content=lambda files: [item.update(level="C1") for item in files["panels/listening-test.json"]["items"]],
        ),
        "does not say how often level C1 is heard",
    ),
}


@pytest.mark.parametrize("name", THE_AUTHORITY)
def test_a_package_that_is_none_is_told_whoever_signed_it(forger: Forger, name: str) -> None:
    deed, sentence = THE_AUTHORITY[name]
    assert told(deed(forger), sentence)


def test_a_package_of_another_programme_than_the_sittings_is_told(forger: Forger) -> None:
    forger.seal(lambda body: body["sitting"].update(programme="hunter-test"))
    assert told(forger, "it is of another programme than the sitting")
