"""From what is true (attempt, content, time) to what is shown: pure functions that make screens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from engine.ids import ItemId, TaskId
from engine.listening import StepKind, StepState, step_ms, steps
from engine.panel import Panel, TaskSet, TaskSlot
from kiosk.screens import (
    Foot,
    Frame,
    HandInScreen,
    HandInTask,
    LeaveModuleScreen,
    ListeningScreen,
    ListeningStep,
    NowKind,
    ReadingScreen,
    SavedState,
    Settings,
    StripTask,
    TaskTab,
    Topic,
    UnansweredTask,
    WritingScreen,
    count_words,
)
from kiosk.screens import (
    StepKind as LineStep,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from engine.attempt import Attempt
    from engine.panel import ItemRules
    from itembank.content import ContentSet, ItemContent, Picture, StimulusContent, TaskContent
    from kiosk.sound import Rendering

LOW_TIME_MS = 15 * 60_000
MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Seat:
    """Who sits where: texts that stand in the bars of every screen."""

    seat: str
    candidate: str
    part_title: str

    def foot(self, right: str = "") -> Foot:
        """The foot line of a start screen."""
        return Foot(self.seat, self.candidate, right or self.part_title)


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything besides the attempt that a screen of a running part is made of.

    ``media`` gives a picture's bytes by name; ``warned_left_ms`` is a time warning that stands now, or None.
    """

    seat: Seat
    settings: Settings
    content: ContentSet
    media: Callable[[str], bytes]
    now_ms: int
    saved: SavedState = "none"
    warned_left_ms: int | None = None
    rendering: Rendering | None = None
    sound_fault: str = ""


def minutes_left(left_ms: int | None) -> int | None:
    """Whole minutes as they are told: begun minutes count, and 0 is "under one minute"."""
    if left_ms is None:
        return None
    return 0 if left_ms < MINUTE_MS else -(-left_ms // MINUTE_MS)


def frame(attempt: Attempt, scene: Scene, *, task_number: int, module_number: int = 0) -> Frame:
    """The bars of a running part."""
    left_ms = attempt.left_ms(scene.now_ms) if attempt.given.rules.shows_time else None
    warned = scene.warned_left_ms
    return Frame(
        part_title=scene.seat.part_title,
        task_number=task_number,
        candidate=scene.seat.candidate,
        saved=scene.saved,
        module_number=module_number,
        minutes_left=minutes_left(left_ms),
        time_is_low=left_ms is not None and left_ms <= LOW_TIME_MS,
        low_time_minutes=None if warned is None else warned // MINUTE_MS,
    )


# --- items ----------------------------------------------------------------------------------------------------------


def reading_screen(attempt: Attempt, scene: Scene) -> ReadingScreen:
    """The present item of the present module (also of a fixed form)."""
    panel = _panel(attempt)
    items = attempt.items
    present = next((each for each in items if each == attempt.item), items[0])
    place = items.index(present)
    item = scene.content.items[present]
    stimulus = _stimulus(scene.content, item)
    return ReadingScreen(
        settings=scene.settings,
        frame=frame(
            attempt, scene, task_number=place + 1, module_number=attempt.module_number if len(panel.modules) > 1 else 0
        ),
        attempt=attempt.id,
        strip=tuple(
            StripTask(each, number, is_answered=bool(attempt.responses.get(each)))
            for number, each in enumerate(items, start=1)
        ),
        item=item,
        response=attempt.responses.get(present),
        stimulus=stimulus,
        has_previous=place > 0,
        leaves_module=place == len(items) - 1,
        is_last_module=attempt.is_last_module,
        media=_pictures(scene, item, stimulus),
    )


def leave_module_screen(attempt: Attempt, scene: Scene, step: Literal[1, 2]) -> LeaveModuleScreen:
    """The two-step question before a module is left for good."""
    behind = reading_screen(attempt, scene)
    numbers = {each: number for number, each in enumerate(attempt.items, start=1)}
    return LeaveModuleScreen(
        settings=scene.settings,
        behind=behind,
        step=step,
        unanswered=tuple(
            UnansweredTask(each, numbers[ItemId(each)], scene.content.items[each].prompt)
            for each in attempt.unanswered()
        ),
        is_last=behind.is_last_module,
    )


# --- listening ------------------------------------------------------------------------------------------------------


def listening_screen(attempt: Attempt, scene: Scene, state: StepState) -> ListeningScreen:
    """The item that the script is at; nothing on it tells of modules."""
    panel = _panel(attempt)
    rules = panel.items[state.item]
    item = scene.content.items[state.item]
    stimulus = _stimulus(scene.content, item)
    is_playing = state.kind is StepKind.PLAY and not scene.sound_fault
    plays_done = state.play if state.kind in {StepKind.GAP, StepKind.ANSWER} else max(0, state.play - 1)
    return ListeningScreen(
        settings=scene.settings,
        frame=frame(attempt, scene, task_number=attempt.task_number),
        attempt=attempt.id,
        now="fault" if scene.sound_fault else now_kind(state),
        steps=step_line(attempt, rules, state, scene),
        plays=state.plays,
        plays_done=plays_done,
        is_playing=is_playing,
        item=item,
        volume=attempt.volume,
        response=attempt.responses.get(state.item),
        stimulus=stimulus,
        level=scene.rendering.level if is_playing and scene.rendering is not None else 0.0,
        media=_pictures(scene, item, stimulus),
    )


def now_kind(state: StepState) -> NowKind:
    """Which words stand in the heading."""
    if state.kind is StepKind.PLAY:
        if state.plays == 1:
            return "only"
        return "last" if state.play == state.plays else "first"
    names: Mapping[StepKind, NowKind] = {StepKind.READ: "read", StepKind.GAP: "gap", StepKind.ANSWER: "answer"}
    return names[state.kind]


def step_line(attempt: Attempt, rules: ItemRules, state: StepState, scene: Scene) -> tuple[ListeningStep, ...]:
    """The steps of an item as shares of a line; the gap between plays belongs to neither and is not drawn."""
    script = rules.listening
    standard = attempt.written_standard
    if script is None or standard is None:
        return ()
    line: list[ListeningStep] = []
    for index, step in enumerate(steps(state.plays)):
        if step.kind is StepKind.GAP:
            continue
        length_ms = step_ms(script, step) or script.clips[standard].duration_ms
        done = 1.0 if index < state.index else 0.0
        if index == state.index:
            done = _share_done(state, scene, length_ms)
        line.append(ListeningStep(_line_step(step.kind, step.play, state.plays), length_ms, done, index == state.index))
    return tuple(line)


def _line_step(kind: StepKind, play: int, plays: int) -> LineStep:
    if kind is StepKind.READ:
        return "read"
    if kind is StepKind.ANSWER:
        return "answer"
    if plays == 1:
        return "only"
    return "first" if play == 1 else "second"


def _share_done(state: StepState, scene: Scene, length_ms: int) -> float:
    if state.ends_ms is not None:
        return min(1.0, max(0.0, 1 - (state.ends_ms - scene.now_ms) / max(1, length_ms)))
    rendering = scene.rendering
    return rendering.frame / max(1, rendering.frames) if rendering is not None else 0.0


# --- writing --------------------------------------------------------------------------------------------------------


def writing_screen(attempt: Attempt, scene: Scene, *, choosing_in: str = "") -> WritingScreen:
    """The present writing task, or the choice of topics where none is chosen or ``choosing_in`` asks for it."""
    tasks = _task_set(attempt)
    slot = present_slot(attempt)
    chosen = None if slot.id == choosing_in else attempt.task_in(slot)
    task = scene.content.tasks[chosen or slot.tasks[0]]
    number = tasks.slots.index(slot) + 1
    return WritingScreen(
        settings=scene.settings,
        frame=frame(attempt, scene, task_number=number),
        attempt=attempt.id,
        tabs=tuple(_tab(attempt, each, place) for place, each in enumerate(tasks.slots, start=1)),
        task=task,
        slot=slot.id,
        text=attempt.texts.get(chosen, "") if chosen else "",
        topics=() if chosen else tuple(_topic(scene.content.tasks[each]) for each in slot.tasks),
        can_change_topic=len(slot.tasks) > 1 and chosen is not None,
        all_tasks_required=attempt.given.rules.all_tasks_required,
        media=_named_media(scene, [task.picture]),
    )


def hand_in_screen(attempt: Attempt, scene: Scene, step: Literal[1, 2]) -> HandInScreen:
    """The two-step question before a writing part is handed in."""
    rows = tuple(
        _hand_in_task(attempt, scene, slot, place) for place, slot in enumerate(_task_set(attempt).slots, start=1)
    )
    return HandInScreen(
        settings=scene.settings,
        behind=writing_screen(attempt, scene),
        step=step,
        tasks=rows,
        all_tasks_required=attempt.given.rules.all_tasks_required,
    )


def present_slot(attempt: Attempt) -> TaskSlot:
    """The slot of the task on the screen; the first one before any was shown."""
    tasks = _task_set(attempt)
    return tasks.slot_of[TaskId(attempt.item)] if attempt.item else tasks.slots[0]


def _tab(attempt: Attempt, slot: TaskSlot, number: int) -> TaskTab:
    task = attempt.task_in(slot)
    text = attempt.texts.get(task, "") if task else ""
    return TaskTab(task or slot.tasks[0], number, count_words(text), is_empty=not text.strip())


def _topic(task: TaskContent) -> Topic:
    first = next((block for block in task.blocks if block.kind == "paragraph"), None)
    summary = "".join(getattr(piece, "text", "") for piece in first.pieces) if first is not None else ""
    return Topic(task.id, task.heading, summary)


def _hand_in_task(attempt: Attempt, scene: Scene, slot: TaskSlot, number: int) -> HandInTask:
    tab = _tab(attempt, slot, number)
    return HandInTask(tab.task, number, scene.content.tasks[tab.task].heading, tab.is_empty, tab.words)


# --- pieces ---------------------------------------------------------------------------------------------------------


def _panel(attempt: Attempt) -> Panel:
    return cast("Panel", attempt.given.form)


def _task_set(attempt: Attempt) -> TaskSet:
    return cast("TaskSet", attempt.given.form)


def _stimulus(content: ContentSet, item: ItemContent) -> StimulusContent | None:
    return None if item.stimulus is None else content.stimuli[item.stimulus]


def _pictures(scene: Scene, item: ItemContent, stimulus: StimulusContent | None) -> Mapping[str, bytes]:
    shown = [item.picture, *(option.picture for option in item.options)]
    if stimulus is not None:
        shown.append(stimulus.picture)
    return _named_media(scene, shown)


def _named_media(scene: Scene, pictures: Iterable[Picture | None]) -> Mapping[str, bytes]:
    return {picture.media: scene.media(picture.media) for picture in pictures if picture is not None}
