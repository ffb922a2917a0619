"""Scoring an attempt from its envelopes: open with the results key, replay with the engine, check everything, score.

The kiosk's own arithmetic is never looked at. Every discrepancy, in the journal, in times, plays and routes, and
between the journal and what the store itself knows (enrolment, orders), is a finding kept with the result.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from centralstore.plain import to_plain
from centralstore.records import Known, ScoredAttempt
from centralstore.store.erasure import ERASABLE
from engine.attempt import Attempt, replay, state_sha256
from engine.errors import EngineError, ResultError
from engine.events import (
    AttemptBegun,
    Event,
    Expelled,
    ExtraTimeGiven,
    LeftAlone,
    ResetByOrder,
    Resumed,
    Unlocked,
)
from engine.ids import ItemId
from engine.panel import ItemRules, Panel, TaskSet
from engine.result import Result, result
from engine.scoring import Key
from engine.state import Given, Phase
from itembank.package import Package
from sync.bundle import AttemptBundle, read_envelopes
from sync.errors import CannotOpenError
from sync.keys import BoxKey
from sync.orders import Order
from sync.segment import KEY_TIMINGS, Opener, results_opener

Finding = dict[str, object]


@dataclass(frozen=True, slots=True)
class Replayed:
    """An opened attempt, replayed; ``attempt`` is None where not even its first fact could be used."""

    bundle: AttemptBundle
    begun: AttemptBegun | None
    attempt: Attempt | None
    findings: tuple[Finding, ...]


def opener_for(package: Package, held: Sequence[BoxKey]) -> Opener:
    """The custodians' common opener for a release's answers.

    Raises:
        CannotOpenError: fewer of the release's custodians are here than it asks for.
    """
    custodians = package.manifest.results
    found = {custodians.keys.index(key.public.hex): key for key in held if key.public.hex in custodians.keys}
    if len(found) < custodians.needed:
        context = f"release '{package.release_id}': {len(found)} of the {custodians.needed} results keys needed"
        raise CannotOpenError(what="answers", context=context)
    return results_opener({index: found[index] for index in sorted(found)[: custodians.needed]})


def replay_attempt(
    attempt: str, envelopes: Iterable[bytes], package: Package, opener: Opener, known: Known
) -> Replayed:
    """Open and replay one attempt, collecting everything that is not as it should be."""
    holder = _holder(attempt, known)
    bundle = read_envelopes(envelopes, opener, known.devices, attempt=attempt, holder=holder, erased=ERASABLE)
    findings: list[Finding] = [
        _finding(f"journal.{fault.kind}", fault.sentence, segment=fault.segment) for fault in bundle.faults
    ]
    events = bundle.events
    findings += _of_revoked(attempt, known)
    begun = events[0] if events and isinstance(events[0], AttemptBegun) else None
    if begun is None:
        findings.append(_finding("no_beginning", "The journal does not begin with the candidate's log-in."))
        return Replayed(bundle, None, None, tuple(findings))
    findings += _against_roster(begun, attempt, package, known)
    try:
        given = Given.of(package.programme, package.forms[begun.form])
    except (KeyError, EngineError) as error:
        findings.append(_finding("unknown_form", f"The release has no form '{begun.form}': {error}"))
        return Replayed(bundle, begun, None, tuple(findings))
    replayed = replay(given, events)
    findings += [
        _finding(f"refused.{each.refusal.code}", each.refusal.what, number=each.number, at_ms=each.event.at_ms)
        for each in replayed.refused
    ]
    findings += _against_time(given, events)
    findings += _against_orders(events, begun, known)
    findings += _against_handovers(attempt, bundle, known)
    return Replayed(bundle, begun, replayed.attempt, tuple(findings))


def score_attempt(
    attempt: str,
    envelopes: Sequence[bytes],
    package: Package,
    opener: Opener,
    known: Known,
    *,
    corrected: Mapping[ItemId, Key] | None = None,
) -> ScoredAttempt:
    """Score one attempt; with ``corrected`` keys the route taken stays and only scores and level are new.

    The plain data holds no answer: points, counts, level, statuses, route receipt, and the replayed state's hash.
    """
    found = replay_attempt(attempt, envelopes, package, opener, known)
    findings = list(found.findings)
    data: dict[str, object] = {
        "release": package.release_id,
        "events": len(found.bundle.facts),
        "envelopes": len(envelopes),
        "keys": sum(1 for entry in found.bundle.entries if entry.type == KEY_TIMINGS),
    }
    level, keys_sha256 = "", ""
    if found.attempt is not None:
        data |= _state_data(found.attempt)
        form = _with_keys(found.attempt.given.form, corrected or {})
        keys_sha256 = hash_of_keys(form) if isinstance(form, Panel) else ""
        try:
            scored = _result(found.attempt, form)
        except ResultError as error:
            if found.attempt.phase is not Phase.RESET:
                findings.append(_finding("no_result", str(error)))
        else:
            level = scored.level or ""
            data |= _result_data(scored, found.attempt)
    begun = found.begun
    return ScoredAttempt(
        attempt=attempt,
        sitting=known.sitting,
        candidate=begun.candidate if begun else "",
        part=begun.part if begun else "",
        level=level,
        scoring_version=str(data.get("scoring_version", "")),
        data=data,
        findings=tuple(findings),
        keys_sha256=keys_sha256,
    )


def hash_of_keys(panel: Panel) -> str:
    """SHA-256 over the keys, points and counting of a panel's items: equal exactly when they score alike."""
    rules = {
        item.id: [type(item.key).__name__, to_plain(item.key), item.max_score, item.is_scored]
        for item in panel.items.values()
    }
    return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()


# --- scores -----------------------------------------------------------------------------------------------------------


def _result(attempt: Attempt, form: Panel | TaskSet) -> Result:
    """The result; with other keys than the attempt was routed by, on the very route that was taken."""
    ordinary = result(attempt)
    if form is attempt.given.form or not isinstance(form, Panel):
        return ordinary
    on_its_route = attempt.changed(
        given=replace(attempt.given, form=form), route=ordinary.route, module=ordinary.modules[-1]
    )
    return replace(result(on_its_route), completed_modules=ordinary.completed_modules, statuses=ordinary.statuses)


def _with_keys(form: Panel | TaskSet, corrected: Mapping[ItemId, Key]) -> Panel | TaskSet:
    if not isinstance(form, Panel) or not any(item in form.items for item in corrected):
        return form
    items: dict[ItemId, ItemRules] = {
        name: replace(item, key=corrected.get(name, item.key)) for name, item in form.items.items()
    }
    return replace(form, items=items)


def _state_data(attempt: Attempt) -> dict[str, object]:
    return {
        "form": attempt.given.form.id,
        "programme": attempt.given.programme.id,
        "written_standard": attempt.written_standard or "",
        "phase": attempt.phase.value,
        "end_cause": attempt.end_cause,
        "state_sha256": state_sha256(attempt),
        "plays": dict(attempt.plays_spent),
        "texts": {task: len(text) for task, text in attempt.texts.items()},
    }


def _result_data(scored: Result, attempt: Attempt) -> dict[str, object]:
    levels = attempt.given.programme.levels if attempt.panel is None else attempt.panel.levels
    return {
        "route": [to_plain(step) for step in scored.route],
        "modules": list(scored.modules),
        "completed_modules": list(scored.completed_modules),
        "number_correct": dict(scored.number_correct),
        "total_correct": scored.total_correct,
        "scores": dict(scored.scores),
        "theta": scored.theta,
        "se": scored.se,
        "level_probabilities": dict(zip(levels, scored.level_probabilities, strict=False)),
        "statuses": {item: status.value for item, status in scored.statuses.items()},
        "notes": dict(scored.notes),
        "scoring_version": scored.scoring_version,
    }


# --- findings ---------------------------------------------------------------------------------------------------------


def _finding(kind: str, sentence: str, **more: object) -> Finding:
    return {"kind": kind, "sentence": sentence, **more}


def _against_roster(begun: AttemptBegun, attempt: str, package: Package, known: Known) -> list[Finding]:
    """The first fact held against what the store knows of the candidate."""
    enrolled = known.enrolled.get((begun.candidate, begun.part))
    if enrolled is None:
        sentence = f"Candidate {begun.candidate} is not enrolled for {begun.part} in sitting {known.sitting}."
        return [_finding("roster.not_enrolled", sentence)]
    forms = [use.form for use in package.uses if use.part == begun.part and use.level in {None, enrolled.level}]
    checks: tuple[tuple[str, object, object], ...] = (
        ("attempt", attempt, begun.attempt),
        ("sitting", known.sitting, begun.sitting),
        ("release", package.release_id, begun.release),
        ("programme", package.programme.id, begun.programme),
        ("programme_version", package.programme.version, begun.programme_version),
        ("extra_ms", enrolled.accommodation_ms, begun.extra_ms),
        ("form", begun.form if begun.form in forms else " or ".join(forms), begun.form),
    )
    return [
        _finding(f"roster.{field}", f"The journal says {field} '{found}', the store knows '{expected}'.")
        for field, expected, found in checks
        if expected != found
    ]


def _of_revoked(attempt: str, known: Known) -> list[Finding]:
    """What of the attempt was let in, as evidence, from PCs that were revoked."""
    return [
        _finding(
            "evidence.revoked_pc",
            f"{each.envelopes[attempt]} of its envelopes came from PC {each.device} after it was revoked; "
            f"{each.by} let them in as evidence: {each.reason}",
            device=each.device,
            at_ms=each.at_ms,
        )
        for each in known.evidence
        if each.envelopes.get(attempt)
    ]


def _against_time(given: Given, events: Sequence[Event]) -> list[Finding]:
    """Facts that time had made true before the next fact, and that the journal does not hold.

    Not looked at before a resumption or an order: what became due meanwhile is journalled after it, for a resumption
    shifts times and an order may move the end.
    """
    findings: list[Finding] = []
    attempt = Attempt.waiting(given)
    for number, event in enumerate(events):
        if not isinstance(event, BEFORE_DUE):
            missed = [due for due in attempt.due(event.at_ms) if due.at_ms < event.at_ms]
            if missed and type(missed[0]) is not type(event):
                sentence = f"{type(missed[0]).__name__} was due at {missed[0].at_ms} ms and is not in the journal."
                findings.append(_finding("time.not_recorded", sentence, number=number, at_ms=event.at_ms))
        attempt = attempt.apply(event)
    return findings


BEFORE_DUE: Final = (Resumed, ExtraTimeGiven, Expelled, LeftAlone, ResetByOrder, Unlocked)
"""Facts that are journalled ahead of what time has made true (`kiosk.record`)."""

_ORDERED: Final[Mapping[type[Event], str]] = {
    ExtraTimeGiven: "extra_time",
    Expelled: "expel",
    LeftAlone: "left_alone",
    ResetByOrder: "reset",
}


def _against_orders(events: Iterable[Event], begun: AttemptBegun, known: Known) -> list[Finding]:
    """Facts that name an order, held against the orders this store signed."""
    findings: list[Finding] = []
    for number, event in enumerate(events):
        if isinstance(event, Unlocked):
            kind, order = "unlock", event.order
        elif isinstance(event, ExtraTimeGiven | Expelled | LeftAlone | ResetByOrder):
            kind, order = _ORDERED[type(event)], event.order
        else:
            continue
        if isinstance(event, Unlocked) and not order and event.by.casefold() not in known.leaders:
            sentence = (
                "The journal says that somebody unlocked it at the PC who is no test leader or test manager here."
            )
            findings.append(_finding("unlock.not_by_staff", sentence, number=number, at_ms=event.at_ms))
        given = known.orders.get(order)
        if order and not _fits(given, kind, begun, event):
            sentence = f"The journal applies order {order} as '{kind}'; the store gave no such order to this candidate."
            findings.append(_finding("order.unknown", sentence, number=number, at_ms=event.at_ms))
    return findings


def _fits(order: Order | None, kind: str, begun: AttemptBegun, event: Event) -> bool:
    """Whether this is the order that the fact names: its kind, candidate, part, attempt and minutes."""
    if order is None or order.kind != kind:
        return False
    if order.candidate not in {"", begun.candidate} or order.part not in {"", begun.part}:
        return False
    if isinstance(event, ExtraTimeGiven) and order.data.get("extra_ms") != event.extra_ms:
        return False
    return order.data.get("attempt", begun.attempt) == begun.attempt


def _holder(attempt: str, known: Known) -> str:
    """The PC that the last order handed an attempt to; "" when none did, or whichever PC came first."""
    named = [str(order.data.get("to_device", "")) for order in _handovers(attempt, known)]
    return named[-1] if named else ""


def _handovers(attempt: str, known: Known) -> list[Order]:
    orders = (known.orders[number] for number in sorted(known.orders))
    return [order for order in orders if order.kind == "permit_handover" and order.data.get("attempt") == attempt]


def _against_handovers(attempt: str, bundle: AttemptBundle, known: Known) -> list[Finding]:
    """Every change of PC in the line that counts, held against the orders that let the attempt move."""
    permits = _handovers(attempt, known)
    findings: list[Finding] = []
    for before, after in pairwise(preamble.header for preamble in bundle.preambles):
        if before.device == after.device:
            continue
        if not any(_lets(order, before.device, after.device) for order in permits):
            sentence = f"The attempt went from PC {before.device} to {after.device}; no order let it."
            findings.append(_finding("handover.not_ordered", sentence, segment=after.segment))
    return findings


def _lets(order: Order, before: str, after: str) -> bool:
    return order.data.get("to_device", "") in {"", after} and order.data.get("from_device", "") in {"", before}


def with_two_attempts(scored: Sequence[ScoredAttempt], reset: Collection[str]) -> list[ScoredAttempt]:
    """The same, with a finding on each of several attempts of one candidate at one part that all seem to count.

    Args:
        scored: what was scored.
        reset: the attempts that an order reset; of those left, one should stand for each candidate and part.
    """
    standing: dict[tuple[str, str, str], list[str]] = {}
    for each in scored:
        if each.candidate and each.attempt not in reset and each.data.get("phase") != Phase.RESET.value:
            standing.setdefault((each.sitting, each.candidate, each.part), []).append(each.attempt)
    return [_beside(each, standing.get((each.sitting, each.candidate, each.part), [])) for each in scored]


def _beside(scored: ScoredAttempt, standing: Sequence[str]) -> ScoredAttempt:
    others = [attempt for attempt in standing if attempt != scored.attempt]
    if scored.attempt not in standing or not others:
        return scored
    sentence = f"The candidate has another attempt at this part, and none was reset: {', '.join(sorted(others))}."
    return replace(scored, findings=(*scored.findings, _finding("attempt.two", sentence)))


def reset_attempts(known: Known) -> frozenset[str]:
    """The attempts of a sitting that an order reset."""
    return frozenset(str(order.data.get("attempt", "")) for order in known.orders.values() if order.kind == "reset")
