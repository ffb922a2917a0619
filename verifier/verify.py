"""The whole way through a bundle: what stands in it, what the log says of it, what was answered, what it was worth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from verifier import canonical
from verifier.attempts import Journal, check_facts, check_one_attempt, replay
from verifier.bundle import Bundle, load_bundle
from verifier.canonical import Fields
from verifier.crypto import open_message, public_of
from verifier.devices import check_devices
from verifier.envelope import STREAMS, Envelope, read_envelope
from verifier.errors import need
from verifier.journal import KEY_TIMINGS, Kept, Opened, check_whole, line_of, open_line, parts_of
from verifier.keys import read_key
from verifier.log import Content, check_log
from verifier.orders import Order, read_orders
from verifier.package import Content as Forms
from verifier.package import Package, open_content, read_package
from verifier.replay import Attempt
from verifier.report import Report
from verifier.result import has_result, hash_of_keys, result_of, state_of, with_keys

_MOST_ROWS: int = 256 * 2**20
_NEARLY: float = 1e-5
"""How far ability and level probabilities may be from ours: two ways of integrating the same curve."""


@dataclass(frozen=True)
class Held:
    """What the auditor holds besides the bundle."""

    pinned: Mapping[str, str] = field(default_factory=dict[str, str])
    witnesses: Sequence[bytes] = ()
    results_keys: Sequence[bytes] = ()
    content_keys: Mapping[str, bytes] | None = None
    corrected_keys: Mapping[str, Fields] = field(default_factory=dict[str, Fields])


def verify(folder: Path, held: Held) -> Report:
    """Check an exported sitting as far as the keys reach.

    Raises:
        UnreadableError: nothing can be said about it.
    """
    report = Report()
    bundle = load_bundle(folder, report, held.pinned)
    orders = read_orders(bundle, report)
    kept, contents = _envelopes(bundle, report)
    contents += [
        Content("order", f"{bundle.sitting}/{each.number}", each.leaf, None if each.loan else each.at_utc_ms)
        for each in orders
    ]
    contents += _conflicts(bundle, kept, report)
    results = _rows(bundle, "result", ("attempt", "scoring_number"), "scored_ms", report)
    audit = _rows(bundle, "audit", ("id",), "at_ms", report)
    contents += [content for content, _ in (*results, *audit)]
    contents += _enrolments(bundle, report)
    acts = [row for _, row in audit if not _is_relays(row)]
    _erased(kept, [row for row in acts if row.get("sitting") == bundle.sitting], report)
    places = check_log(bundle, contents, held.witnesses, report)
    kept = [Kept(each.stem, each.envelope, each.stored_utc_ms, places.get(f"receipt {each.stem}", -1)) for each in kept]
    check_devices(bundle, acts, places, [each for each in kept if each.index >= 0], report)
    packages = _packages(bundle, report)
    _attempts(_House(bundle, orders, packages, places, held, report), kept, [row for _, row in results])
    return report


# --- what is in the bundle --------------------------------------------------------------------------------------------


def _envelopes(bundle: Bundle, report: Report) -> tuple[list[Kept], list[Content]]:
    """The genuine envelopes, and the receipts as contents of the log."""
    kept: list[Kept] = []
    contents: list[Content] = []
    stems: set[str] = set()
    signers = bundle.signers
    for name, data in bundle.under("envelopes", ".envelope"):
        stem = name.removeprefix("envelopes/").removesuffix(".envelope")
        stems.add(stem)
        with report.checking("envelopes signed and whole", name):
            envelope = read_envelope(data, signers)
            need(envelope.segment.sitting == bundle.sitting, "it is of another sitting")
            need(envelope.segment.release in bundle.releases, "it is of a release that the sitting does not use")
            need(_stem(envelope) == stem, "it is not the envelope that its name says")
            kept.append(Kept(stem, envelope, 0, 0))
    by_stem = {each.stem: each for each in kept}
    for name, data in bundle.under("receipts", ".receipt"):
        stem = name.removeprefix("receipts/").removesuffix(".receipt")
        with report.checking("receipts signed, for what is stored", name):
            need(stem in stems, "its envelope is gone")
            stored_utc_ms = _receipt(data, bundle.keys["receipt_key"], by_stem.get(stem))
            contents.append(Content("receipt", stem, data, stored_utc_ms))
            if stem in by_stem:
                by_stem[stem] = Kept(stem, by_stem[stem].envelope, stored_utc_ms, 0)
    receipts = {content.ref for content in contents}
    for stem in sorted(stems - receipts):
        report.find("receipts signed, for what is stored", stem, "there is no usable receipt for it")
    return list(by_stem.values()), contents


def _is_relays(row: Mapping[str, object]) -> bool:
    """Whether an act is a relay's, as that told it: it is no act of this store and permits nothing here."""
    detail = row.get("detail")
    return isinstance(detail, dict) and "relay" in detail


def _erased(kept: Sequence[Kept], audit: Sequence[Mapping[str, object]], report: Report) -> None:
    """Streams without keys: answers never, others where somebody who may had them erased."""
    permitted: set[str] = set()
    for row in audit:
        if row.get("act") == "erase_stream" and row.get("is_allowed") is True:
            with report.checking("erasures read", f"audit {str(row.get('id'))[:40]}"):
                permitted.add(Fields(row, "an act").object("detail").text("stream"))
    permitted.discard("answers")
    for stream in STREAMS:
        without = [
            each.stem
            for each in kept
            if stream in set(each.envelope.segment.streams) - set(each.envelope.segment.sealed)
        ]
        if without and stream in permitted:
            report.notes.append(
                f"erased: {stream}, in {len(without)} envelopes (what is left still fits its signatures)"
            )
            continue
        for stem in without:
            report.find("nothing erased without leave", stem, f"the keys of its stream '{stream}' were destroyed")


def _stem(envelope: Envelope) -> str:
    segment = envelope.segment
    return f"{segment.attempt}-{segment.id}-{envelope.first:08d}-{envelope.last:08d}"


def _receipt(data: bytes, receipt_key: str, kept: Kept | None) -> int:
    """When the store says it had an envelope."""
    body = open_message(data, "receipt", receipt_key, limit=4096)
    body.is_value("format", 1)
    stored_utc_ms = body.count("stored_utc_ms")
    need(not body.flag("is_conflict"), "it is the receipt of a conflict")
    if kept is not None:
        envelope = kept.envelope
        told = (body.id("attempt"), body.hex("segment", 16), body.count("first"), body.count("last"), body.id("device"))
        held = (envelope.segment.attempt, envelope.segment.id, envelope.first, envelope.last, envelope.segment.device)
        need(told == held, "it is for another envelope")
        need(body.hex("sha256", 32) == envelope.sha256, "it names another envelope than the one that is here")
        body.end()
    return stored_utc_ms


def _conflicts(bundle: Bundle, kept: Sequence[Kept], report: Report) -> list[Content]:
    """The conflicts: each is a finding, and so is one that is not what it says."""
    contents: list[Content] = []
    by_stem = {each.stem: each.envelope for each in kept}
    rows = _rows(bundle, "conflict", ("attempt", "segment", "first", "last", "offered_sha256"), "at_ms", report)
    told: set[str] = set()
    for _, row in rows:
        stem = f"{row['attempt']}-{row['segment']}-{_digits(row['first'])}-{_digits(row['last'])}"
        ref = f"{stem}-{str(row['offered_sha256'])[:16]}"
        told.add(ref)
        at_ms = row["at_ms"]
        contents.append(Content("conflict", ref, canonical.encode(row), at_ms if isinstance(at_ms, int) else None))
        with report.checking("conflicts", ref[:200]):
            offered = read_envelope(bundle.file(f"conflicts/{ref}.envelope"), bundle.signers)
            is_it = offered.sha256 == row["offered_sha256"] and _stem(offered) == stem
            need(is_it, "the envelope that was offered is not the one that the store wrote down")
            stored = by_stem.get(stem)
            need(
                stored is not None and stored.sha256 == row["stored_sha256"], "the envelope in its place is another one"
            )
            report.find("conflicts", ref, f"PC '{offered.segment.device}' signed two different envelopes for one place")
    for name, _ in bundle.under("conflicts", ".envelope"):
        if name.removeprefix("conflicts/").removesuffix(".envelope") not in told:
            report.find("conflicts", name, "the store has not written this conflict down")
    return contents


def _digits(value: object) -> str:
    return f"{value:08d}" if isinstance(value, int) else str(value)


def _enrolments(bundle: Bundle, report: Report) -> list[Content]:
    """Levels and granted minutes as contents of the log; a relay's own log has none of them."""
    with report.checking("enrolments read", "log/leaves.json"):
        leaves = canonical.entries(canonical.decode(bundle.file("log/leaves.json"), "it", limit=_MOST_ROWS), "it")
        if any(Fields(each, "a leaf").text("kind") == "enrolment" for each in leaves):
            return [_enrolment(bundle, *place) for place in bundle.enrolled]
        report.unchecked.append(
            "levels and granted minutes against the log: it holds none, so they are the store's word"
        )
    return []


def _enrolment(bundle: Bundle, candidate: str, part: str) -> Content:
    """An enrolment as a content of the log."""
    row: dict[str, object] = {"candidate": candidate, "part": part, "sitting": bundle.sitting}
    row |= vars(bundle.enrolled[candidate, part])
    return Content("enrolment", f"{bundle.sitting}/{candidate}/{part}", canonical.encode(row), None)


def _rows(
    bundle: Bundle, kind: str, ref: Sequence[str], time: str, report: Report
) -> list[tuple[Content, Mapping[str, object]]]:
    """The rows of results.json, audit.json or conflicts.json: as contents of the log, and as they are."""
    name = {"result": "results.json"}.get(kind, "audit.json" if kind == "audit" else "conflicts.json")
    rows: list[tuple[Content, Mapping[str, object]]] = []
    with report.checking(f"{kind} rows read", name):
        for entry in canonical.entries(canonical.decode(bundle.file(name), "it", limit=_MOST_ROWS), "it"):
            row = Fields(entry, "a row").object("content")
            names = "/".join(str(row.take(field)) for field in ref)
            is_relayed = kind == "audit" and bool(bundle.delegations)
            at_utc_ms = None if is_relayed else row.count(time)
            rows.append((Content(kind, names, canonical.encode(row.plain), at_utc_ms), row.plain))
    return rows


def _packages(bundle: Bundle, report: Report) -> Mapping[str, Package]:
    packages: dict[str, Package] = {}
    for release in bundle.releases:
        with report.checking("test packages genuine", release):
            package = read_package(bundle.file(f"releases/{release}.provrom"), bundle.keys["content_key"])
            need(package.release == release, f"it is the package of release '{package.release}'")
            need(package.programme.id == bundle.programme, "it is of another programme than the sitting")
            packages[release] = package
    return packages


# --- what was answered ------------------------------------------------------------------------------------------------


@dataclass
class _House:
    """Everything known, at hand for each attempt."""

    bundle: Bundle
    orders: Sequence[Order]
    packages: Mapping[str, Package]
    places: Mapping[str, int]
    held: Held
    report: Report
    forms: dict[str, Forms | None] = field(default_factory=dict[str, "Forms | None"])

    def forms_of(self, release: str) -> Forms | None:
        """The opened forms of a release; None where they cannot be opened, which is told once."""
        if release not in self.forms:
            self.forms[release] = None
            keys = self.held.content_keys
            if keys is None or release not in keys or release not in self.packages:
                why = "--content-keys" if keys is None else f"the content key of release '{release}'"
                self.report.unchecked.append(
                    f"routes, plays, times, points and levels of release '{release}': {why} is missing"
                )
            else:
                with self.report.checking("test packages opened", release):
                    self.forms[release] = open_content(self.packages[release], keys[release])
        return self.forms[release]


def _attempts(house: _House, kept: Sequence[Kept], results: Sequence[Mapping[str, object]]) -> None:
    """Every attempt, as far as the keys reach."""
    report = house.report
    by_attempt: dict[str, list[Kept]] = defaultdict(list)
    for each in kept:
        by_attempt[each.envelope.segment.attempt].append(each)
    journals: list[Journal] = []
    if not house.held.results_keys:
        report.unchecked.append("what was answered, and all that follows from it: --results-key is missing")
    for attempt in sorted(by_attempt):
        where = f"attempt {attempt}"
        line = _line(house, attempt, by_attempt[attempt])
        check_whole(line, where, report)
        release = by_attempt[attempt][0].envelope.segment.release
        package = house.packages.get(release)
        if house.held.results_keys and package is not None:
            journal, opened = _open(house, package, attempt, by_attempt[attempt])
            journals.append(journal)
            check_facts(journal, house.bundle, package, house.orders, report)
            _score(
                house, journal, opened, by_attempt[attempt], [row for row in results if row.get("attempt") == attempt]
            )
    check_one_attempt(journals, report)
    for attempt in sorted({str(row.get("attempt")) for row in results} - set(by_attempt)):
        report.find("results as recomputed", f"attempt {attempt[:64]}", "there is a result, and nothing of the attempt")


def _line(house: _House, attempt: str, kept: Sequence[Kept], report: Report | None = None):  # noqa: ANN202
    handed = [each for each in house.orders if each.kind == "permit_handover" and each.data.get("attempt") == attempt]
    holder = str(handed[-1].data.get("to_device", "")) if handed else ""
    report = house.report if report is None else report
    return line_of(parts_of(kept, report), holder, f"attempt {attempt}", report)


def _open(
    house: _House, package: Package, attempt: str, kept: Sequence[Kept], report: Report | None = None
) -> tuple[Journal, Opened]:
    """Open an attempt with the custodians' keys."""
    where = f"attempt {attempt}"
    report = house.report if report is None else report
    held = {public_of(private): private for private in house.held.results_keys}
    chosen = [number for number, public in enumerate(package.custodians) if public in held][: package.needed]
    opened = Opened((), 0, {})
    with report.checking("results keys fit", f"release {package.release}"):
        need(len(chosen) == package.needed, f"{len(chosen)} of the {package.needed} results keys needed are here")
        recipient = "results:" + "+".join(str(number) for number in chosen)
        privates = [held[package.custodians[number]] for number in chosen]
        opened = open_line(_line(house, attempt, kept, Report()), recipient, privates, where, report)
    return Journal(attempt, package.release, where, opened.facts), opened


# --- what it was worth ------------------------------------------------------------------------------------------------


def _score(
    house: _House, journal: Journal, opened: Opened, kept: Sequence[Kept], results: Sequence[Mapping[str, object]]
) -> None:
    """Replay an attempt and recompute every scoring of it."""
    report, forms = house.report, house.forms_of(journal.release)
    if forms is None:
        return
    attempt: Attempt | None = None
    with report.checking("forms as enrolled", journal.where):
        begun = journal.begun
        place = begun.text("candidate"), begun.text("part")
        name = begun.text("form")
        need(name in forms.forms, f"the release has no form '{name}'")
        level = house.bundle.enrolled[place].level if place in house.bundle.enrolled else ""
        attempt = replay(
            journal,
            house.packages[journal.release].programme,
            forms.forms[name],
            report,
            is_closed=house.bundle.state != "opened",
        )
        need(name in forms.ids(place[1], level), f"form '{name}' is not for {place[1]} at level '{level}'")
    if attempt is None:
        return
    if not results:
        report.unchecked.append(f"{journal.where}: no result is in the bundle, so none is held against ours")
    numbers = sorted(row["scoring_number"] for row in results if isinstance(row["scoring_number"], int))
    if numbers != list(range(1, len(results) + 1)):
        report.find("results as recomputed", journal.where, f"its scorings are numbered {numbers}: one is missing")
    for row in results:
        where = f"{journal.where}, scoring {row['scoring_number']}"
        with report.checking("results as recomputed", where):
            _compare(house, journal, row, kept, (attempt, opened), where)


def _compare(
    house: _House,
    journal: Journal,
    row: Mapping[str, object],
    kept: Sequence[Kept],
    now: tuple[Attempt, Opened],
    where: str,
) -> None:
    """Hold one scoring against what comes out of what the store had at that time."""
    place = house.places.get(f"result {row['attempt']}/{row['scoring_number']}")
    had = [each for each in kept if place is None or each.index < place]
    attempt, opened = now
    if len(had) < len(kept):
        need(bool(had), "it was scored before anything of the attempt was stored")
        quiet = Report()
        journal, opened = _open(house, house.packages[journal.release], journal.attempt, had, quiet)
        attempt = replay(journal, attempt.programme, attempt.form, quiet, is_closed=False)
        house.report.notes.append(f"{where}: {len(kept) - len(had)} envelopes came after it and are left out here")
    keyed = attempt.form
    if row.get("keys_sha256") != hash_of_keys(keyed):
        corrected = {item: read_key(plain) for item, plain in house.held.corrected_keys.items()}
        keyed = with_keys(keyed, corrected)
        need(
            row.get("keys_sha256") == hash_of_keys(keyed),
            "it was scored with other keys than the package's; --corrected-keys names them",
        )
    level, scored = result_of(attempt, keyed) if has_result(attempt) else ("", {})
    wanted: dict[str, object] = {
        "release": journal.release,
        "events": len(opened.facts),
        "envelopes": opened.envelopes,
        "keys": opened.records.get(KEY_TIMINGS, 0),
        **state_of(attempt),
        **scored,
    }
    told = {"attempt": journal.attempt, "sitting": house.bundle.sitting, "level": level}
    told |= {"candidate": journal.begun.text("candidate"), "part": journal.begun.text("part")}
    told |= {"scoring_version": str(scored.get("scoring_version", ""))}
    for name, value in told.items():
        need(row.get(name) == value, f"{name} is '{row.get(name)}' in the store and '{value}' by its answers")
    data = Fields(row.get("data"), "its data").plain
    for name in sorted({*wanted, *data}):
        need(is_same(data.get(name), wanted.get(name)), f"{name} is not what comes out of its answers")
    told_by_store = canonical.entries(row.get("findings", []), "its findings")
    if told_by_store:
        house.report.notes.append(f"{where}: the store's own scoring told {len(told_by_store)} findings")


def is_same(told: object, ours: object) -> bool:
    """Whether two values are equal; a number with decimals, which canonical JSON spells as text, nearly so."""
    if isinstance(ours, float):
        try:
            return isinstance(told, str) and abs(float(told) - ours) <= _NEARLY
        except ValueError:
            return False
    if isinstance(ours, dict):
        mine, theirs = cast("dict[str, object]", ours), cast("dict[str, object]", told)
        is_alike = isinstance(told, dict) and set(mine) == set(theirs)
        return is_alike and all(is_same(theirs[name], mine[name]) for name in mine)
    if isinstance(ours, list):
        own, other = cast("list[object]", ours), cast("list[object]", told)
        return isinstance(told, list) and len(own) == len(other) and all(map(is_same, other, own))
    return canonical.encode(told) == canonical.encode(ours)
