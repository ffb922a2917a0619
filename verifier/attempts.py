"""An opened attempt held against what the store says of it, its own clock, the orders and the rules of its part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from verifier.bundle import Bundle
from verifier.errors import need
from verifier.events import Fact
from verifier.forms import Form, Programme
from verifier.log import TOLERANCE_MS
from verifier.orders import Order, order_fits
from verifier.package import Package
from verifier.replay import ENDS, Attempt
from verifier.report import Report

LATE_MS: Final = 2_000
"""How late a PC may be before it is told: a busy disk, a sound device that opens slowly."""

_ORDERED: Final[Mapping[str, str]] = {
    "ExtraTimeGiven": "extra_time",
    "Expelled": "expel",
    "LeftAlone": "left_alone",
    "ResetByOrder": "reset",
    "Unlocked": "unlock",
}
_BEFORE_START: Final = {
    "NameConfirmed": "name and number were confirmed",
    "WrittenStandardChosen": "a written standard was chosen",
    "InformationRead": "the information page was read",
}


@dataclass(frozen=True)
class Journal:
    """An attempt's facts; ``where`` names it in findings."""

    attempt: str
    release: str
    where: str
    facts: Sequence[Fact]

    @property
    def begun(self) -> Fact:
        """Its first fact.

        Raises:
            WrongError: it is not the candidate's log-in.
        """
        need(bool(self.facts) and self.facts[0].type == "AttemptBegun", "it does not begin with the candidate's log-in")
        return self.facts[0]


def check_facts(journal: Journal, bundle: Bundle, package: Package, orders: Sequence[Order], report: Report) -> None:
    """All that can be checked of the facts without the sealed form."""
    with report.checking("attempts as enrolled", journal.where):
        _check_enrolled(journal, bundle, package)
    with report.checking("day code and log-in before the start", journal.where):
        _check_start(journal, orders)
    with report.checking("facts that orders made", journal.where):
        _check_orders(journal, orders, report)
    with report.checking("journal clock against the store's", journal.where):
        _check_clock(journal, orders)


def _check_enrolled(journal: Journal, bundle: Bundle, package: Package) -> None:
    begun = journal.begun
    place = begun.text("candidate"), begun.text("part")
    need(place in bundle.enrolled, f"candidate {place[0]} is not enrolled for {place[1]}")
    told = {
        name: begun.plain[name]
        for name in ("attempt", "sitting", "release", "programme", "programme_version", "extra_ms")
    }
    known = {
        "attempt": journal.attempt,
        "sitting": bundle.sitting,
        "release": journal.release,
        "programme": package.programme.id,
        "programme_version": package.programme.version,
        "extra_ms": bundle.enrolled[place].accommodation_ms,
    }
    for name, value in known.items():
        need(told[name] == value, f"the journal says {name} '{told[name]}', the store '{value}'")


def _check_start(journal: Journal, orders: Sequence[Order]) -> None:
    begun, types = journal.begun, [fact.type for fact in journal.facts]
    if "Started" not in types:
        return
    before = journal.facts[: types.index("Started")]
    for wanted, words in _BEFORE_START.items():
        need(any(fact.type == wanted for fact in before), f"the part was started before {words}")
    is_accepted = any(fact.type == "DayCodeTried" and fact.plain["accepted"] for fact in before)
    need(is_accepted, "the part was started before a day code was accepted")
    part = begun.text("part")
    is_started = any(order.kind == "start_part" and order.part == part for order in orders)
    need(is_started, f"no order started the part '{part}' in this sitting")


def _check_orders(journal: Journal, orders: Sequence[Order], report: Report) -> None:
    begun = journal.begun
    about = begun.text("candidate"), begun.text("part"), journal.attempt
    known = {order.number: order for order in orders}
    applied: set[int] = set()
    for number, fact in enumerate(journal.facts):
        kind = _ORDERED.get(fact.type)
        if kind is None or (fact.type == "Unlocked" and fact.number("order") == 0):
            continue
        order = known.get(fact.number("order"))
        is_it = order_fits(order, kind, *about)
        need(
            is_it, f"fact {number} applies order {fact.number('order')} as '{kind}', and there is no such order for it"
        )
        applied.add(fact.number("order"))
        if order is not None and kind == "extra_time":
            is_so = order.data.get("extra_ms") == fact.plain["extra_ms"]
            need(is_so, f"fact {number} gives other minutes than order {order.number}")
    for order in orders:
        for kind in ("expel", "left_alone", "reset"):
            if order_fits(order, kind, *about) and order.candidate and order.number not in applied:
                report.notes.append(f"{journal.where}: order {order.number} ({kind}) is not in its journal")


def _check_clock(journal: Journal, orders: Sequence[Order]) -> None:
    """Between an order and the arrival of what followed it no less time can have passed than the journal claims."""
    part = journal.begun.text("part")
    opened = [order.at_utc_ms for order in orders if order.kind == "open"]
    started = [order.at_utc_ms for order in orders if order.kind == "start_part" and order.part == part]
    started_ms = next((fact.at_ms for fact in journal.facts if fact.type == "Started"), None)
    before = 0
    for number, fact in enumerate(journal.facts):
        need(fact.at_ms >= before, f"fact {number} is {before - fact.at_ms} ms before the fact before it")
        before = fact.at_ms
        if fact.stored_utc_ms and opened:
            _need_time(number, fact.at_ms, fact.stored_utc_ms - min(opened), "the log-in", "opening the sitting")
        if fact.stored_utc_ms and started and started_ms is not None:
            since_ms = fact.at_ms - started_ms
            _need_time(number, since_ms, fact.stored_utc_ms - min(started), "the start", "starting the part")


def _need_time(number: int, claimed_ms: int, passed_ms: int, since: str, order: str) -> None:
    sentence = f"fact {number} claims {claimed_ms} ms since {since}; the store had it {passed_ms} ms after {order}"
    need(claimed_ms <= passed_ms + TOLERANCE_MS, sentence)


# --- with the form ----------------------------------------------------------------------------------------------------


def replay(journal: Journal, programme: Programme, form: Form, report: Report, *, is_closed: bool) -> Attempt:
    """The attempt after all facts that can be; each that cannot, and each that time demanded, is a finding.

    Args:
        journal: what was opened.
        programme: of the release.
        form: the panel or task set of the attempt.
        report: gets the findings.
        is_closed: whether the sitting is over, so that an attempt that goes on is a finding.
    """
    attempt = Attempt(programme, form)
    sound: tuple[int, int] | None = None
    for number, fact in enumerate(journal.facts):
        where = f"{journal.where}, fact {number}"
        with report.checking("facts replayed", where):
            late = _late(attempt, fact)
            spoken = _sound_fault(attempt, fact, sound)
            attempt.take(fact)
            if fact.type == "PlayBegun":
                sound = fact.at_ms, fact.number("frame")
            elif fact.type in {"PlayEnded", "PlayFailed", "Resumed"}:
                sound = None
            need(not late, late)
            need(not spoken, spoken)
    with report.checking("attempts ended", journal.where):
        if not is_closed and attempt.phase not in ENDS:
            report.notes.append(f"{journal.where}: it goes on, and so does the sitting")
        else:
            need(attempt.phase in ENDS, f"its journal stops in phase '{attempt.phase}': it was never handed in")
    return attempt


def _late(attempt: Attempt, fact: Fact) -> str:
    """What time had made true before this fact and the journal tells late or not at all; "" where nothing.

    Over a stop of the program nothing is late.
    """
    due = attempt.due()
    if due is None or fact.type == "Resumed":
        return ""
    due_ms = max(due[0], attempt.at_ms)
    if fact.type != due[1] and due_ms < fact.at_ms:
        return f"{due[1]} was due at {due[0]} ms and is not in the journal"
    is_own = fact.type == "Submitted" and fact.plain["cause"] == "candidate"
    if fact.type == due[1] and not is_own and fact.at_ms - due_ms > LATE_MS:
        return f"{fact.type} came {fact.at_ms - due_ms} ms late: so much time too much was given"
    return ""


def _sound_fault(attempt: Attempt, fact: Fact, sound: tuple[int, int] | None) -> str:
    """A play that was heard faster than it lasts, so that it cannot have been heard; "" where not."""
    if sound is None or fact.type not in {"PlayPosition", "PlayEnded"} or attempt.step is None:
        return ""
    rate_hz = attempt.form.items[attempt.step.item].rate_hz.get(attempt.written_standard or "", 0)
    if not rate_hz:
        return ""
    sounded_ms = (fact.number("frame") - sound[1]) * 1000 // rate_hz
    passed_ms = fact.at_ms - sound[0]
    return f"{sounded_ms} ms of sound in {passed_ms} ms" if sounded_ms - passed_ms > LATE_MS else ""


def check_one_attempt(journals: Sequence[Journal], report: Report) -> None:
    """One attempt that counts for each candidate and part; another only after the first was reset by an order."""
    counting: dict[tuple[str, str], str] = {}
    known = {journal.attempt: journal for journal in journals}
    for journal in journals:
        with report.checking("one attempt a candidate and part", journal.where):
            begun = journal.begun
            place = begun.text("candidate"), begun.text("part")
            supersedes = begun.text("supersedes")
            is_reset = any(fact.type == "ResetByOrder" for fact in journal.facts)
            if supersedes:
                older = known.get(supersedes)
                was_reset = older is None or any(fact.type == "ResetByOrder" for fact in older.facts)
                need(was_reset, f"it replaces attempt {supersedes}, which no order had reset")
            if not is_reset:
                other = counting.setdefault(place, journal.attempt)
                need(other == journal.attempt, f"candidate {place[0]} has another attempt at {place[1]}: {other}")
