"""An attempt under random facts, legal and illegal, in every kind of part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from engine.attempt import Attempt, Phase, replay, state_sha256
from engine.events import (
    Answered,
    DayCodeTried,
    Edited,
    Event,
    Expelled,
    ExtraTimeGiven,
    IncidentNoted,
    InformationRead,
    ItemShown,
    LeftAlone,
    Locked,
    ModuleLeft,
    NameConfirmed,
    PlayBegun,
    PlayEnded,
    PlayFailed,
    PlayPosition,
    ResetByOrder,
    Resumed,
    SoundChecked,
    Started,
    StepEntered,
    Submitted,
    TextChecked,
    TopicChosen,
    Unlocked,
    VolumeSet,
    Warned,
    WrittenStandardChosen,
)
from engine.moves import TRANSITIONS
from engine.result import result
from engine.wire import TYPE_CODES, from_plain, to_plain
from tests.strategies import MINUTE_MS, PLAY_MS, RATE_HZ, begun, given

GIVEN = {part: given(part) for part in ("listening", "reading", "writing", "theory")}
ENDS = {Phase.SUBMITTED, Phase.EXPELLED, Phase.LEFT, Phase.RESET}
CHANGES: set[tuple[Phase, type[Event], Phase]] = set()
"""Every change of phase that happened, and by which fact."""
MET: set[object] = set()
"""Every kind of fact that was taken in, and every phase that an attempt was left in."""
CLIP_FRAMES = PLAY_MS * RATE_HZ // 1000
LATENESS = st.sampled_from([0, 1, 900, 20_000, 4 * MINUTE_MS])


class AttemptMachine(RuleBasedStateMachine):
    """Feeds one attempt as a faulty kiosk might, and keeps what was taken in."""

    part = "reading"

    def __init__(self) -> None:
        super().__init__()
        self.given = GIVEN[self.part]
        self.attempt = Attempt.waiting(self.given)
        self.journal: list[Event] = []
        self.now_ms = 0
        self.order = 0

    # --- what happens ------------------------------------------------------------------------------------------------

    def happen(self, event: Event) -> None:
        before, digest = self.attempt, state_sha256(self.attempt)
        refusal = before.refusal(event)
        after = before.apply(event)
        assert state_sha256(before) == digest, "a fact changed the attempt that it was applied to"
        if refusal is None:
            assert after is not before
            assert after.at_ms == event.at_ms
            self.journal.append(event)
            if after.phase is not before.phase:
                CHANGES.add((before.phase, type(event), after.phase))
        else:
            assert after is before
            assert refusal.code
            assert refusal.what
        self.attempt = after

    def ordered(self) -> int:
        self.order += 1
        return self.order

    def tick(self, late_ms: int) -> None:
        self.now_ms += late_ms
        for event in self.attempt.due(self.now_ms):
            assert self.attempt.refusal(event) is None, "what is due must be legal"
            assert event.at_ms <= self.now_ms
            self.happen(event)

    @initialize(is_started=st.sampled_from([True, True, True, False]), standard=st.sampled_from(["nb", "nn"]))
    def log_in(self, is_started, standard) -> None:
        self.happen(begun(self.given))
        if is_started:
            self.prepare(True, True, standard)
            self.tick(0)

    @precondition(lambda self: self.attempt.phase in {Phase.LOGGED_IN, Phase.READY})
    @rule(full=st.booleans(), accepted=st.booleans(), standard=st.sampled_from(["nb", "nn", "sv"]))
    def prepare(self, full, accepted, standard) -> None:
        self.happen(NameConfirmed(self.now_ms))
        self.happen(SoundChecked(self.now_ms, accepted or full, 5))
        self.happen(WrittenStandardChosen(self.now_ms, standard))
        self.happen(DayCodeTried(self.now_ms, accepted or full))
        if full:
            self.happen(InformationRead(self.now_ms))
        self.happen(Started(self.now_ms))

    @rule(late_ms=LATENESS)
    def time_goes_on(self, late_ms) -> None:
        self.tick(late_ms)

    @precondition(lambda self: self.attempt.deadline_ms is not None)
    @rule(left_ms=st.sampled_from([16 * MINUTE_MS, 14 * MINUTE_MS, 4 * MINUTE_MS, 1, 0]))
    def time_goes_on_until_so_much_is_left(self, left_ms) -> None:
        self.tick(max(0, (self.attempt.deadline_ms or 0) - left_ms - self.now_ms))

    @precondition(lambda self: self.attempt.items)
    @rule(data=st.data())
    def answer(self, data) -> None:
        item = data.draw(st.sampled_from([*self.attempt.items, "FM-A1A2-1", "RM1-1"]))
        response = data.draw(st.sampled_from([(), ("A",), ("B",), ("A", "B")]))
        self.happen(ItemShown(self.now_ms, item))
        self.happen(Answered(self.now_ms, item, response))

    @precondition(lambda self: self.attempt.items and self.attempt.step is None)
    @rule(right=st.integers(0, 8))
    def answer_all_and_go_on(self, right) -> None:
        self.tick(1000)
        for number, item in enumerate(self.attempt.items):
            self.happen(Answered(self.now_ms, item, ("A",) if number < right else ("B",)))
        self.happen(ModuleLeft(self.now_ms, self.attempt.module or ""))

    @precondition(lambda self: self.attempt.step is not None)
    @rule(frame=st.integers(0, 1_200_000), fails=st.sampled_from([True, False, False]), items=st.integers(1, 9))
    def listen(self, frame, fails, items) -> None:
        for _ in range(items):
            self.hear_an_item(frame, fails=fails)

    def hear_an_item(self, frame: int, *, fails: bool) -> None:
        while not self.attempt.has_ended and (step := self.attempt.step) is not None:
            if self.attempt.next_due_ms() is None:
                spent = self.attempt.plays_spent.get(step.item, 0)
                self.happen(PlayBegun(self.now_ms, step.item, step.play, step.frame))
                self.happen(PlayPosition(self.now_ms, step.item, step.play, frame))
                self.happen(
                    PlayFailed(self.now_ms, step.item, step.play, frame, "stalled")
                    if fails
                    else PlayEnded(self.now_ms, step.item, step.play, CLIP_FRAMES)
                )
                assert self.attempt.plays_spent.get(step.item, 0) <= spent + 1
                if fails:
                    return
            self.tick((self.attempt.next_due_ms() or self.now_ms) - self.now_ms)
            if self.attempt.item != step.item:
                return
            self.happen(Answered(self.now_ms, step.item, ("A",)))

    @precondition(lambda self: self.attempt.tasks)
    @rule(data=st.data())
    def write(self, data) -> None:
        task = data.draw(st.sampled_from(["W-1", "W-2a", "W-2b", "W-9"]))
        text = self.attempt.texts.get(task, "")
        low = data.draw(st.integers(0, len(text)))
        high = data.draw(st.integers(low, len(text)))
        deleted = data.draw(st.sampled_from([text[low:high], "x", ""]))
        inserted = data.draw(st.sampled_from(["", "å", "👍🏽", "\ud800"]))
        self.happen(Edited(self.now_ms, task, low, deleted, inserted, "ime"))
        self.happen(TopicChosen(self.now_ms, "S2", task))
        text = self.attempt.texts.get(task, "")
        self.happen(TextChecked(self.now_ms, task, len(text), sha256(text.encode()).hexdigest()))

    @rule(minutes=st.integers(-1, 6))
    def leader_gives_time(self, minutes) -> None:
        self.happen(ExtraTimeGiven(self.now_ms, minutes * MINUTE_MS, self.ordered()))

    @rule(order=st.booleans(), locks=st.booleans())
    def lock_or_unlock(self, order, locks) -> None:
        if locks:
            self.happen(Locked(self.now_ms, "focus"))
        self.happen(Unlocked(self.now_ms, self.ordered() if order else 0, "leader"))

    @rule(down_ms=LATENESS)
    def crash_and_go_on(self, down_ms) -> None:
        again = replay(self.given, self.journal)
        assert again.refused == ()
        assert again.attempt == self.attempt
        self.attempt = again.attempt
        self.now_ms += down_ms
        self.happen(Resumed(self.now_ms, down_ms, "pc-2"))
        self.tick(0)

    @rule(
        make=st.sampled_from(
            [
                lambda at: IncidentNoted(at, "focus", "lost"),
                lambda at: StepEntered(at, "RM1-1", 1),
                lambda at: VolumeSet(at, 10),
                lambda at: VolumeSet(at, 11),
                lambda at: Warned(at, 5 * MINUTE_MS),
                lambda at: TextChecked(at, "W-1", 0, "0" * 64),
                lambda at: Submitted(at, "time"),
                lambda at: Submitted(at, "script"),
                Started,
                lambda at: begun(GIVEN["reading"]),
                lambda at: Answered(at - 1, "RM1-1", ("A",)),
                lambda at: Expelled(at, 0),
            ]
        )
    )
    def nonsense(self, make: Callable[[int], Event]) -> None:
        self.happen(make(self.now_ms))

    @precondition(lambda self: len(self.journal) > 30)
    @rule(make=st.sampled_from([Expelled, LeftAlone, ResetByOrder]))
    def staff_end_it(self, make) -> None:
        self.happen(make(self.now_ms, self.ordered()))

    @precondition(lambda self: self.attempt.is_last_module)
    @rule()
    def hand_in(self) -> None:
        self.happen(Submitted(self.now_ms, "candidate"))

    # --- what always holds -------------------------------------------------------------------------------------------

    @invariant()
    def time_never_ran_backwards_and_ended_means_ended(self) -> None:
        times = [event.at_ms for event in self.journal]
        assert times == sorted(times)
        assert (self.attempt.phase in ENDS) == self.attempt.has_ended
        if self.attempt.has_ended:
            assert self.attempt.due(self.now_ms + 10**9) == ()

    @invariant()
    def plays_never_exceed_the_rules(self) -> None:
        panel = self.attempt.panel
        for item, plays in self.attempt.plays_spent.items():
            assert panel is not None
            assert plays <= self.given.rules.plays_by_level[panel.items[item].level]

    @invariant()
    def nothing_was_answered_after_the_deadline(self) -> None:
        if self.attempt.deadline_ms is not None:
            own = [event.at_ms for event in self.journal if isinstance(event, Answered | Edited)]
            assert all(at_ms <= self.attempt.deadline_ms for at_ms in own)

    def teardown(self) -> None:
        again = replay(self.given, [from_plain(to_plain(event)) for event in self.journal])
        assert again.refused == ()
        assert state_sha256(again.attempt) == state_sha256(self.attempt)
        MET.update(type(event) for event in self.journal)
        MET.add(self.attempt.phase)
        for cut in range(0, len(self.journal) + 1, 1 + len(self.journal) // 8):
            before = replay(self.given, self.journal[:cut]).attempt
            for event in self.journal[cut:]:
                before = before.apply(event)
            assert state_sha256(before) == state_sha256(self.attempt)
        if self.attempt.phase in {Phase.SUBMITTED, Phase.LEFT} and self.attempt.started_ms is not None:
            assert result(self.attempt) == result(replace(self.attempt))


def test_random_facts_keep_the_laws_and_reach_every_kind_of_fact_and_end():
    MET.clear()
    CHANGES.clear()
    for part in GIVEN:
        machine = type(f"{part.title()}Machine", (AttemptMachine,), {"part": part})
        run_state_machine_as_test(machine, settings=settings(max_examples=45, stateful_step_count=35))
    assert set(TYPE_CODES) <= MET
    assert MET >= ENDS
    declared = {
        (phase, kind, target)
        for phase, moves in TRANSITIONS.items()
        for kind, move in moves.items()
        for target in move.leads_to
    }
    assert declared >= CHANGES


@pytest.mark.parametrize("phase", Phase)
def test_a_fact_that_the_table_does_not_name_is_illegal_in_that_phase(phase):
    attempt = replace(Attempt.waiting(GIVEN["reading"]), phase=phase)
    for kind in TYPE_CODES:
        if kind not in TRANSITIONS[phase]:
            event = object.__new__(kind)
            refusal = attempt.refusal(event)
            assert refusal is not None
            assert refusal.code == "not_in_phase"
            assert attempt.apply(event) is attempt
