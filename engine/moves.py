"""How an attempt changes: which facts are legal in which phase, and what each does.

`TRANSITIONS` is the whole of it. A handler gives the new state, or a `Refusal` and so no change at all.

**Extra time and warnings.** A warning is due once for each threshold of the candidate's own time. When time given moves
the end so far that more than a threshold is left again, the earlier warning is no longer true, and it is due once more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TypeAlias, cast

from engine.events import (
    Answered,
    AttemptBegun,
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
from engine.ids import DeviceId, ItemId, SlotId, TaskId, WrittenStandard
from engine.listening import StepKind, StepState, step_ms, steps
from engine.panel import ItemRules, Panel
from engine.programme import Navigation
from engine.state import AttemptState, Phase, Refusal, RouteStep

Outcome: TypeAlias = AttemptState | Refusal
Handler: TypeAlias = Callable[[AttemptState, Event], Outcome]

EDIT_CAUSES = frozenset({"type", "backspace", "delete", "cut", "paste", "undo", "redo", "ime", "drop", "other"})
WRITTEN_STANDARDS = ("nb", "nn")
VOLUMES = range(1, 11)


@dataclass(frozen=True, slots=True)
class Move:
    """A legal fact: what it does, which other phases it can lead to, and whether it is the candidate's own act.

    A candidate's own acts are refused while the screen is locked and after the time is out.
    """

    handler: Handler
    leads_to: tuple[Phase, ...] = ()
    is_candidates: bool = False


# --- before the start -------------------------------------------------------------------------------------------------


def _begin(state: AttemptState, event: AttemptBegun) -> Outcome:
    given = state.given
    bound = (
        ("programme", given.programme.id, event.programme),
        ("programme_version", given.programme.version, event.programme_version),
        ("part", given.rules.part, event.part),
        ("form", given.form.id, event.form),
    )
    for name, wanted, told in bound:
        if wanted != told:
            return Refusal(f"wrong_{name}", f"the attempt is for {name} '{told}', but was given '{wanted}'")
    if not 0 <= event.extra_ms <= given.rules.accommodation_cap_ms:
        return Refusal("too_much_accommodation", f"{event.extra_ms} ms of accommodation is not within the part's cap")
    if event.at_ms != 0:
        return Refusal("clock_not_at_zero", "an attempt's clock starts at 0 when it begins")
    return state.changed(phase=Phase.LOGGED_IN, begun=event, device=DeviceId(event.device))


def _prepared(state: AttemptState) -> AttemptState:
    """Ready when nothing is missing any more, and not before (reglement 4.1)."""
    phase = Phase.LOGGED_IN if state.missing_before_start else Phase.READY
    return state if phase is state.phase else state.changed(phase=phase)


def _confirm_name(state: AttemptState, event: NameConfirmed) -> Outcome:
    return _prepared(state.changed(at_ms=event.at_ms, is_name_confirmed=True))


def _choose_written_standard(state: AttemptState, event: WrittenStandardChosen) -> Outcome:
    if event.written_standard not in WRITTEN_STANDARDS:
        return Refusal("unknown_written_standard", f"'{event.written_standard}' is neither nb nor nn")
    return _prepared(state.changed(at_ms=event.at_ms, written_standard=WrittenStandard(event.written_standard)))


def _check_sound(state: AttemptState, event: SoundChecked) -> Outcome:
    if event.volume not in VOLUMES:
        return Refusal("unknown_volume", f"volume {event.volume} is not within 1 to 10")
    return _prepared(state.changed(at_ms=event.at_ms, is_sound_checked=event.passed, volume=event.volume))


def _try_day_code(state: AttemptState, event: DayCodeTried) -> Outcome:
    accepted = state.is_day_code_accepted or event.accepted
    tries = state.day_code_tries + 1
    return _prepared(state.changed(at_ms=event.at_ms, is_day_code_accepted=accepted, day_code_tries=tries))


def _read_information(state: AttemptState, event: InformationRead) -> Outcome:
    return _prepared(state.changed(at_ms=event.at_ms, is_information_read=True))


def _refuse_start(state: AttemptState, _event: Started) -> Outcome:
    return Refusal("not_ready", f"the part cannot start before these are done: {', '.join(state.missing_before_start)}")


def _start(state: AttemptState, event: Started) -> Outcome:
    limit_ms = state.rules.limit_ms
    panel = state.panel
    return state.changed(
        phase=Phase.RUNNING,
        at_ms=event.at_ms,
        started_ms=event.at_ms,
        deadline_ms=None if limit_ms is None else event.at_ms + limit_ms + state.extra_ms,
        module=None if panel is None else panel.first,
    )


# --- answering items --------------------------------------------------------------------------------------------------


def _answer(state: AttemptState, event: Answered) -> Outcome:
    item = cast("ItemId", event.item)
    refusal = _is_elsewhere(state, item) or _script_forbids(state, event)
    if refusal is not None:
        return refusal
    if not all(map(is_unicode, event.response)):
        return Refusal("not_unicode", f"the response to item '{item}' holds half a surrogate pair")
    return state.changed(at_ms=event.at_ms, responses={**state.responses, item: event.response})


def _is_elsewhere(state: AttemptState, item: ItemId) -> Refusal | None:
    """Only items of the present module can be answered: never one that was left, never one not yet reached."""
    form = state.given.form
    if not isinstance(form, Panel):
        return Refusal("no_items", "this part has tasks and no items")
    module = form.module_of.get(item)
    if module is None:
        return Refusal("unknown_item", f"the panel has no item '{item}'")
    if module != state.module:
        if module in state.path:
            return Refusal("module_left", f"item '{item}' stands in a module that was finished for good")
        return Refusal("not_presented", f"item '{item}' stands in a module that the candidate is not in")
    return None


def _script_forbids(state: AttemptState, event: Answered) -> Refusal | None:
    """In listening only the present item can be answered, from its reading to the end of its answering time."""
    if not state.given.rules.is_script_driven:
        return None
    step = state.step
    if step is None or step.item != event.item:
        return Refusal("not_present_item", f"item '{event.item}' is not the one that the script is at")
    if step.kind is StepKind.ANSWER and step.ends_ms is not None and event.at_ms > step.ends_ms:
        return Refusal("answering_time_out", f"the time to answer item '{event.item}' was out")
    return None


def _show_item(state: AttemptState, event: ItemShown) -> Outcome:
    if state.rules.is_script_driven:
        return Refusal("script_decides", "in a part that moves by itself only its script shows items")
    task_set = state.task_set
    if task_set is None:
        refusal = _is_elsewhere(state, ItemId(event.item))
        if refusal is not None:
            return refusal
    elif event.item not in task_set.slot_of:
        return Refusal("unknown_task", f"the task set has no task '{event.item}'")
    return state.changed(at_ms=event.at_ms, item=event.item, presented=state.presented | {event.item})


def _leave_module(state: AttemptState, event: ModuleLeft) -> Outcome:
    if state.rules.navigation is not Navigation.FREE_IN_MODULE:
        return Refusal("script_decides", "in this part the candidate does not leave modules")
    if event.module != state.module:
        return Refusal("not_present_module", f"module '{event.module}' is not the one that the candidate is in")
    branch = state.branch()
    if branch is None:
        return Refusal("last_module", "the last module is not left but handed in")
    return _routed(state, branch).changed(at_ms=event.at_ms)


def _routed(state: AttemptState, branch: RouteStep) -> AttemptState:
    return state.changed(route=(*state.route, branch), module=branch.target, item=None)


# --- listening --------------------------------------------------------------------------------------------------------


def next_step(state: AttemptState) -> tuple[AttemptState, ItemId, int] | None:
    """The state (on the next module, where one begins), item and step that the script goes to; None at its end."""
    panel = cast("Panel", state.panel)
    step = state.step
    if step is None:
        return state, state.items[0], 0
    if step.index + 1 < len(steps(step.plays)):
        return state, step.item, step.index + 1
    place = state.items.index(step.item) + 1
    if place < len(state.items):
        return state, state.items[place], 0
    branch = state.branch()
    if branch is None:
        return None
    return _routed(state, branch), panel.modules[branch.target].items[0], 0


def _enter_step(state: AttemptState, event: StepEntered) -> Outcome:
    if not state.rules.is_script_driven:
        return Refusal("no_script", "this part has no script")
    if state.step is not None and (state.step.ends_ms is None or event.at_ms < state.step.ends_ms):
        return Refusal("step_not_over", f"the step before step {event.step} of item '{event.item}' is not over")
    following = next_step(state)
    if following is None or following[1:] != (event.item, event.step):
        return Refusal("not_next_step", f"the script does not go on with step {event.step} of item '{event.item}'")
    on_module, item, index = following
    return on_module.changed(
        at_ms=event.at_ms,
        item=item,
        presented=state.presented | {item},
        step=_step_state(state, item, index, event.at_ms),
    )


def _step_state(state: AttemptState, item: ItemId, index: int, at_ms: int) -> StepState:
    rules = cast("Panel", state.panel).items[item]
    plays = plays_of(state, rules)
    step = steps(plays)[index]
    lasts = None if rules.listening is None else step_ms(rules.listening, step)
    return StepState(
        item=item,
        index=index,
        kind=step.kind,
        play=step.play,
        plays=plays,
        frame=0,
        is_begun=False,
        is_playing=False,
        ends_ms=None if lasts is None else at_ms + lasts,
    )


def plays_of(state: AttemptState, item: ItemRules) -> int:
    """How often an item is heard, by its level (reglement 4: twice from A1 to B1, once at B2)."""
    return state.given.rules.plays_by_level[item.level]


def _begin_play(state: AttemptState, event: PlayBegun) -> Outcome:
    step = state.step
    if step is None or step.kind is not StepKind.PLAY or step.item != event.item:
        return Refusal("no_play_now", f"the script is not at a play of item '{event.item}'")
    if step.play != event.play:
        return Refusal("wrong_play", f"the script is at play {step.play} of item '{event.item}', not {event.play}")
    if step.is_playing or step.ends_ms is not None:
        return Refusal("play_spent", f"play {event.play} of item '{event.item}' is sounding or over")
    if event.frame != step.frame:
        return Refusal(
            "play_spent" if step.is_begun else "wrong_frame",
            f"play {event.play} of item '{event.item}' goes on from frame {step.frame}, not {event.frame}",
        )
    spent = state.plays_spent if step.is_begun else {**state.plays_spent, step.item: step.play}
    sounding = replace(step, frame=max(1, step.frame), is_begun=True, is_playing=True)
    return state.changed(at_ms=event.at_ms, step=sounding, plays_spent=spent)


def _sounding(state: AttemptState, event: PlayPosition | PlayEnded | PlayFailed) -> StepState | Refusal:
    """The step at the frame that was told, if that play is sounding and the frame is possible."""
    step = state.step
    if step is None or not step.is_playing or (step.item, step.play) != (event.item, event.play):
        return Refusal("not_playing", f"play {event.play} of item '{event.item}' is not sounding")
    clip = state.present_clip()
    # a play goes on from frame 1 at the earliest, yet nothing may have been rendered when the first report comes
    before = 0 if step.frame == 1 else step.frame
    if clip is None or not before <= event.frame <= clip.frames:
        return Refusal("wrong_frame", f"frame {event.frame} is not between the last one and the clip's end")
    return replace(step, frame=max(1, event.frame))


def _tell_position(state: AttemptState, event: PlayPosition) -> Outcome:
    step = _sounding(state, event)
    return step if isinstance(step, Refusal) else state.changed(at_ms=event.at_ms, step=step)


def _end_play(state: AttemptState, event: PlayEnded) -> Outcome:
    step = _sounding(state, event)
    if isinstance(step, Refusal):
        return step
    clip = state.present_clip()
    if clip is None or event.frame != clip.frames:
        return Refusal("wrong_frame", f"a play ends at its clip's last frame, not at {event.frame}")
    return state.changed(at_ms=event.at_ms, step=replace(step, is_playing=False, ends_ms=event.at_ms))


def _fail_play(state: AttemptState, event: PlayFailed) -> Outcome:
    step = _sounding(state, event)
    return step if isinstance(step, Refusal) else state.changed(at_ms=event.at_ms, step=replace(step, is_playing=False))


def _set_volume(state: AttemptState, event: VolumeSet) -> Outcome:
    if event.volume not in VOLUMES:
        return Refusal("unknown_volume", f"volume {event.volume} is not within 1 to 10")
    return state.changed(at_ms=event.at_ms, volume=event.volume)


# --- writing ----------------------------------------------------------------------------------------------------------


def _choose_topic(state: AttemptState, event: TopicChosen) -> Outcome:
    task_set = state.task_set
    slot = None if task_set is None else task_set.slot_of.get(TaskId(event.task))
    if slot is None or slot.id != event.slot:
        return Refusal("unknown_topic", f"slot '{event.slot}' has no task '{event.task}'")
    if len(slot.tasks) == 1:
        return Refusal("no_choice", f"slot '{event.slot}' has one task only")
    chosen = {**state.chosen_topics, SlotId(event.slot): TaskId(event.task)}
    return state.changed(at_ms=event.at_ms, chosen_topics=chosen)


def _edit(state: AttemptState, event: Edited) -> Outcome:
    task = cast("TaskId", event.task)
    refusal = _cannot_edit(state, task, event)
    if refusal is not None:
        return refusal
    text = state.texts.get(task, "")
    position, deleted = event.position, event.deleted
    end = position + len(deleted)
    if not 0 <= position <= len(text) or text[position:end] != deleted:
        return Refusal("text_differs", f"at {position} of task '{task}' the text is not what was deleted")
    return state.changed(at_ms=event.at_ms, texts={**state.texts, task: text[:position] + event.inserted + text[end:]})


def _cannot_edit(state: AttemptState, task: TaskId, event: Edited) -> Refusal | None:
    task_set = state.task_set
    slot = None if task_set is None else task_set.slot_of.get(task)
    if slot is None:
        return Refusal("unknown_task", f"there is no task '{task}'")
    if len(slot.tasks) > 1 and state.chosen_topics.get(slot.id) != task:
        return Refusal("topic_not_chosen", f"task '{task}' is not the chosen topic of its slot")
    if event.cause not in EDIT_CAUSES:
        return Refusal("unknown_cause", f"an edit is not caused by '{event.cause}'")
    if not is_unicode(event.inserted):
        return Refusal("not_unicode", "the inserted text holds half a surrogate pair")
    return None


def is_unicode(text: str) -> bool:
    """Whether a text has a UTF-8 form: no half surrogate pair."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _check_text(state: AttemptState, event: TextChecked) -> Outcome:
    text = state.texts.get(TaskId(event.task), "")
    if len(text) != event.length or sha256(text.encode("utf-8")).hexdigest() != event.sha256:
        return Refusal("text_differs", f"the checkpoint of task '{event.task}' does not match the edits before it")
    return state.changed(at_ms=event.at_ms)


# --- time and room ----------------------------------------------------------------------------------------------------


def _warn(state: AttemptState, event: Warned) -> Outcome:
    if event.left_ms not in state.rules.warnings_ms or state.deadline_ms is None:
        return Refusal("unknown_warning", f"the part has no warning at {event.left_ms} ms")
    if event.left_ms in state.warned:
        return Refusal("already_warned", f"the warning at {event.left_ms} ms was given")
    if event.at_ms < state.deadline_ms - event.left_ms:
        return Refusal("warning_too_early", f"more than {event.left_ms} ms are left")
    return state.changed(at_ms=event.at_ms, warned=(*state.warned, event.left_ms))


def _give_time(state: AttemptState, event: ExtraTimeGiven) -> Outcome:
    if not state.rules.allows_extra_time or state.deadline_ms is None:
        return Refusal("no_extra_time", "no extra time can be given in this part")
    if event.extra_ms <= 0:
        return Refusal("no_minutes", "extra time is above 0")
    ordered = _ordered(state, event.order)
    if isinstance(ordered, Refusal):
        return ordered
    moved = _deadline_moved(ordered, event.extra_ms, event.at_ms)
    return moved.changed(at_ms=event.at_ms, given_ms=state.given_ms + event.extra_ms)


def _deadline_moved(state: AttemptState, by_ms: int, at_ms: int) -> AttemptState:
    """The end moved, and warnings forgotten that are ahead again."""
    deadline_ms = cast("int", state.deadline_ms) + by_ms
    warned = tuple(left_ms for left_ms in state.warned if deadline_ms - at_ms <= left_ms)
    return state.changed(deadline_ms=deadline_ms, warned=warned)


def _ordered(state: AttemptState, order: int) -> Outcome:
    """The state with an order's number noted; an order has effect once."""
    if order <= 0:
        return Refusal("no_order", "this needs an order of the test leader")
    if order in state.orders:
        return Refusal("order_repeated", f"order {order} has had its effect")
    return state.changed(orders=state.orders | {order})


def _resume(state: AttemptState, event: Resumed) -> Outcome:
    """Run on after a stop. The clock ran on; a listening script did not."""
    if not 0 <= event.down_ms <= event.at_ms - state.at_ms:
        return Refusal("wrong_down_time", f"{event.down_ms} ms without the program do not fit between the facts")
    resumed = state.changed(at_ms=event.at_ms, device=DeviceId(event.device))
    if state.phase is not Phase.RUNNING:
        return resumed
    if state.step is not None:
        ends_ms = None if state.step.ends_ms is None else state.step.ends_ms + event.down_ms
        return resumed.changed(step=replace(state.step, is_playing=False, ends_ms=ends_ms))
    if state.deadline_ms is not None and not state.rules.clock_runs_while_down:
        return _deadline_moved(resumed, event.down_ms, event.at_ms)
    return resumed  # a script before its first step has no end yet


def _lock(state: AttemptState, event: Locked) -> Outcome:
    return state.changed(at_ms=event.at_ms, lock_reasons=(*state.lock_reasons, event.reason))


def _unlock(state: AttemptState, event: Unlocked) -> Outcome:
    if not state.is_locked:
        return Refusal("not_locked", "the screen is not locked")
    if event.order == 0:
        if not event.by:
            return Refusal("no_order", "unlocking at the PC needs the name of a staff member")
        return state.changed(at_ms=event.at_ms, lock_reasons=())
    ordered = _ordered(state, event.order)
    return ordered if isinstance(ordered, Refusal) else ordered.changed(at_ms=event.at_ms, lock_reasons=())


def _note(state: AttemptState, event: IncidentNoted) -> Outcome:
    return state.changed(at_ms=event.at_ms)


# --- the end ----------------------------------------------------------------------------------------------------------


def _submit(state: AttemptState, event: Submitted) -> Outcome:
    why_not = _SUBMISSIONS.get(event.cause, _no_such_cause)(state, event)
    return why_not if why_not is not None else _ended(state, Phase.SUBMITTED, event.at_ms, event.cause)


def _candidate_cannot(state: AttemptState, event: Submitted) -> Refusal | None:
    if state.rules.is_script_driven:
        return Refusal("script_decides", "a part that moves by itself is handed in by its script")
    if not state.is_last_module:
        return Refusal("not_last_module", "further modules follow; only the last one is handed in")
    return own_act_refusal(state, event)


def _time_cannot(state: AttemptState, event: Submitted) -> Refusal | None:
    if state.deadline_ms is None or event.at_ms < state.deadline_ms:
        return Refusal("time_not_out", "the time is not out")
    return None


def _script_cannot(state: AttemptState, event: Submitted) -> Refusal | None:
    step = state.step
    if not state.rules.is_script_driven or step is None or next_step(state) is not None:
        return Refusal("script_not_over", "the script has not come to its end")
    if step.ends_ms is None or event.at_ms < step.ends_ms:
        return Refusal("script_not_over", "the last time to answer is not out")
    return None


def _no_such_cause(_state: AttemptState, event: Submitted) -> Refusal | None:
    return Refusal("unknown_cause", f"nothing is handed in by '{event.cause}'")


_SUBMISSIONS: Mapping[str, Callable[[AttemptState, Submitted], Refusal | None]] = {
    "candidate": _candidate_cannot,
    "time": _time_cannot,
    "script": _script_cannot,
}


def _ended(state: AttemptState, phase: Phase, at_ms: int, cause: str) -> AttemptState:
    return state.changed(phase=phase, at_ms=at_ms, ended_ms=at_ms, end_cause=cause)


def _end_by_order(phase: Phase) -> Callable[[AttemptState, Expelled | LeftAlone | ResetByOrder], Outcome]:
    def end(state: AttemptState, event: Expelled | LeftAlone | ResetByOrder) -> Outcome:
        ordered = _ordered(state, event.order)
        return ordered if isinstance(ordered, Refusal) else _ended(ordered, phase, event.at_ms, phase.value)

    return end


def own_act_refusal(state: AttemptState, event: Event) -> Refusal | None:
    """Why the candidate cannot do anything just then, if so."""
    if state.lock_reasons:
        return Refusal("locked", "the screen is locked")
    if state.deadline_ms is not None and event.at_ms > state.deadline_ms:
        return Refusal("time_out", "the time is out")
    return None


# --- the table --------------------------------------------------------------------------------------------------------


def _move(handler: Callable[..., Outcome], *leads_to: Phase) -> Move:
    return Move(handler, leads_to)


def _own(handler: Callable[..., Outcome], *leads_to: Phase) -> Move:
    return Move(handler, leads_to, is_candidates=True)


_WITH_STAFF: Mapping[type[Event], Move] = {
    Resumed: _move(_resume),
    Locked: _move(_lock),
    Unlocked: _move(_unlock),
    IncidentNoted: _move(_note),
    Expelled: _move(_end_by_order(Phase.EXPELLED), Phase.EXPELLED),
    ResetByOrder: _move(_end_by_order(Phase.RESET), Phase.RESET),
}
_LOGGED_IN: Mapping[type[Event], Move] = {
    NameConfirmed: _own(_confirm_name, Phase.READY),
    WrittenStandardChosen: _own(_choose_written_standard, Phase.READY),
    SoundChecked: _own(_check_sound, Phase.READY),
    DayCodeTried: _own(_try_day_code, Phase.READY),
    InformationRead: _own(_read_information, Phase.READY),
    VolumeSet: _own(_set_volume),
    Started: _own(_refuse_start),
    **_WITH_STAFF,
}
_READY: Mapping[type[Event], Move] = {
    NameConfirmed: _own(_confirm_name),
    WrittenStandardChosen: _own(_choose_written_standard),
    SoundChecked: _own(_check_sound, Phase.LOGGED_IN),
    DayCodeTried: _own(_try_day_code),
    InformationRead: _own(_read_information),
    VolumeSet: _own(_set_volume),
    Started: _own(_start, Phase.RUNNING),
    **_WITH_STAFF,
}
_OVER: Mapping[type[Event], Move] = {Resumed: _move(_resume), IncidentNoted: _move(_note)}

TRANSITIONS: Mapping[Phase, Mapping[type[Event], Move]] = {
    Phase.WAITING: {AttemptBegun: _move(_begin, Phase.LOGGED_IN)},
    Phase.LOGGED_IN: _LOGGED_IN,
    Phase.READY: _READY,
    Phase.RUNNING: {
        ItemShown: _own(_show_item),
        Answered: _own(_answer),
        ModuleLeft: _own(_leave_module),
        TopicChosen: _own(_choose_topic),
        Edited: _own(_edit),
        TextChecked: _move(_check_text),
        VolumeSet: _own(_set_volume),
        StepEntered: _move(_enter_step),
        PlayBegun: _move(_begin_play),
        PlayPosition: _move(_tell_position),
        PlayEnded: _move(_end_play),
        PlayFailed: _move(_fail_play),
        Warned: _move(_warn),
        ExtraTimeGiven: _move(_give_time),
        Submitted: _move(_submit, Phase.SUBMITTED),
        LeftAlone: _move(_end_by_order(Phase.LEFT), Phase.LEFT),
        **_WITH_STAFF,
    },
    Phase.SUBMITTED: {**_OVER, ResetByOrder: _move(_end_by_order(Phase.RESET), Phase.RESET)},
    Phase.EXPELLED: _OVER,
    Phase.LEFT: _OVER,
    Phase.RESET: _OVER,
}


def outcome(state: AttemptState, event: Event) -> Outcome:
    """What an event makes of a state: the next state, or why it is illegal."""
    move = TRANSITIONS[state.phase].get(type(event))
    if move is None:
        return Refusal("not_in_phase", f"{type(event).__name__} cannot happen in phase {state.phase.value}")
    if event.at_ms < state.at_ms:
        return Refusal("time_went_back", f"{event.at_ms} ms is before the last fact, at {state.at_ms} ms")
    if move.is_candidates and (refusal := own_act_refusal(state, event)) is not None:
        return refusal
    return move.handler(state, event)
