"""Two implementations of one exam: the engine and the verifier's fold agree on every fact, state and result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest

from centralstore import scoring
from centralstore.leaves import spelled
from engine.attempt import Attempt, Given, canonical_state
from engine.events import Event, IncidentNoted, PlayBegun, PlayEnded, PlayPosition
from engine.state import Phase
from engine.wire import to_plain
from tests.strategies import panel_plain, programme_plain, running
from tests.verifier.attempts import Plain, Wanderer, given_of, make_exam
from verifier.canonical import encode
from verifier.errors import WrongError
from verifier.events import fact_of
from verifier.forms import read_form, read_programme
from verifier.replay import Attempt as Other
from verifier.result import has_result, hash_of_keys, result_of, state_of
from verifier.verify import is_same

MOST_EVENTS = 160


def other_of(programme: Plain, form: Plain) -> Other:
    read = read_programme(programme)
    return Other(read, read_form(form, read))


def takes(other: Other, event: Event) -> bool:
    try:
        other.take(fact_of(to_plain(event)))
    except WrongError:
        return False
    return True


def own_result(given: Given, attempt: Attempt) -> tuple[str, Mapping[str, object]]:
    """The level and the data that the store would keep of an attempt."""
    scored = scoring._result(attempt, given.form)
    data = scoring._state_data(attempt) | scoring._result_data(scored, attempt)
    plain: Any = spelled(json.loads(json.dumps(data)))
    return scored.level or "", plain


@pytest.mark.parametrize("block", range(2))
def test_two_implementations_of_the_engine_agree(proof: Any, block: int) -> None:
    with proof("two implementations of the engine agree", ci=250, full=50_000, block=block) as trial:
        for seed in trial.seeds():
            luck = Random(seed)
            programme, form = make_exam(luck)
            given = given_of(programme, form)
            journal = Wanderer(luck, given).events(MOST_EVENTS)
            attempt, other = Attempt.waiting(given), other_of(programme, form)
            refused = 0
            for number, event in enumerate(journal):
                after = attempt.apply(event)
                is_taken = after is not attempt
                assert takes(other, event) == is_taken, (seed, number, event, attempt.refusal(event))
                refused += not is_taken
                attempt = after
                timed = attempt.next_due_ms()
                assert (other.due() or (None,))[0] == timed, (seed, number, event)
            assert encode(other.state()) == encode(canonical_state(attempt)), seed
            assert hash_of_keys(other.form) == (scoring.hash_of_keys(attempt.panel) if attempt.panel else "")
            ended = attempt.has_ended and attempt.phase is not Phase.RESET and attempt.started_ms is not None
            assert has_result(other) == ended
            if ended:
                level, data = own_result(given, attempt)
                own_level, own = result_of(other, other.form)
                assert own_level == level, seed
                assert is_same(data, {**state_of(other), **own}), (seed, data, own)
            trial.count("facts", len(journal))
            trial.count("facts refused by both", refused)
            trial.count("attempts with a result", ended)
            trial.count("disagreements", 0)


def test_control_another_key_is_noticed() -> None:
    """The comparison above would see a form that differs in one key."""
    seen = 0
    for seed in range(40):
        luck = Random(seed)
        programme, form = make_exam(luck)
        if "slots" in form:
            continue
        given = given_of(programme, form)
        journal = Wanderer(luck, given).events(MOST_EVENTS)
        attempt = Attempt.waiting(given)
        for event in journal:
            attempt = attempt.apply(event)
        answered = [item for item in attempt.responses if attempt.responses[item]]
        if not answered or not attempt.has_ended or attempt.phase is Phase.RESET:
            continue
        changed = json.loads(json.dumps(form))
        key = next(item for item in changed["items"] if item["id"] == answered[0])
        key |= {"key": {"kind": "choice", "correct": list(attempt.responses[answered[0]])}, "max_score": 7}
        other = other_of(programme, changed)
        for event in journal:
            takes(other, event)
        if not has_result(other):
            seen += 1
            continue
        seen += not is_same(own_result(given, attempt)[1], {**state_of(other), **result_of(other, other.form)[1]})
    assert seen >= 5


def test_what_both_refuse_is_told_in_a_sentence() -> None:
    """Refusals that random exams seldom come to, each by the fact that it is of."""
    driven = running("listening").tick(20_000)
    programme = programme_plain()
    other = other_of(programme, panel_plain("listening"))
    for event in driven.journal:
        assert takes(other, event)
    step, now = driven.step, driven.now_ms
    refused: dict[str, Event] = {
        "is before the fact before it": IncidentNoted(now - 1, "focus", ""),
        "goes on from frame 0, not 7": PlayBegun(now, step.item, 1, 7),
        "an extra play": PlayBegun(now, step.item, 2, 0),
        "is not sounding its play 1": PlayEnded(now, step.item, 1, 0),
        "where the script has no play": PlayBegun(now, "RM1-5", 1, 0),
    }
    for sentence, event in refused.items():
        assert driven.attempt.refusal(event) is not None
        with pytest.raises(WrongError, match=sentence):
            other.take(fact_of(to_plain(event)))
    begun = PlayBegun(now, step.item, 1, 0)
    assert takes(other, begun)
    beyond = PlayPosition(now, step.item, 1, 1_200_001)
    assert driven.attempt.apply(begun).refusal(beyond) is not None
    with pytest.raises(WrongError, match="is before the last or after the clip's end"):
        other.take(fact_of(to_plain(beyond)))
