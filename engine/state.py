"""What is true of an attempt: its state, and what can be read from it. How it changes stands in `engine.moves`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Self, TypeVar, cast

from engine.errors import PanelError
from engine.events import AttemptBegun, Response
from engine.ids import AttemptId, DeviceId, ItemId, ModuleId, SlotId, TaskId, WrittenStandard
from engine.listening import Clip, StepState
from engine.panel import ItemRules, Panel, RoutingBasis, TaskSet, TaskSlot
from engine.programme import PartRules, Programme
from engine.scoring import is_answer, score_key

State = TypeVar("State", bound="AttemptState")


class Phase(Enum):
    """Where an attempt is; the last four are ends."""

    WAITING = "waiting"
    LOGGED_IN = "logged_in"
    READY = "ready"
    RUNNING = "running"
    SUBMITTED = "submitted"
    EXPELLED = "expelled"
    LEFT = "left"
    RESET = "reset"


class ItemStatus(Enum):
    """What became of an item or task; only answered ones can score, yet the other three differ for psychometrics.

    Omitted: seen, or passed by when its module was finished, without an answer. Not reached: its module had begun, but
    it was not seen before the part ended. Not presented: it stands on no module of the route, or is a topic not chosen.
    """

    ANSWERED = "answered"
    OMITTED = "omitted"
    NOT_REACHED = "not_reached"
    NOT_PRESENTED = "not_presented"


@dataclass(frozen=True, slots=True)
class Given:
    """What an attempt is an attempt at: the programme, its rules for the part, and the panel or task set."""

    programme: Programme
    rules: PartRules
    form: Panel | TaskSet

    @classmethod
    def of(cls, programme: Programme, form: Panel | TaskSet) -> Given:
        """Put a form together with its programme.

        Raises:
            ProgrammeError: the programme has no part of the form's name.
        """
        return cls(programme, programme.part(form.part), form)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an event is illegal: a code for programs and a sentence for logs."""

    code: str
    what: str


@dataclass(frozen=True, slots=True)
class RouteStep:
    """One branch: in ``module`` so many were correct, which lies within ``low``…``high`` and so led to ``target``.

    ``number_correct`` counts the module, or the route so far where the panel routes by that.
    """

    module: ModuleId
    number_correct: int
    low: int
    high: int
    target: ModuleId


@dataclass(frozen=True)
class AttemptState:
    """The state, with all that was answered. Times are on the attempt's clock, in milliseconds.

    Attributes:
        at_ms: when the last fact happened.
        deadline_ms: when time is out; None before the start and where a script decides.
        accommodation_ms: granted before the test; ``given_ms`` by the test leader during it.
        warned: the warnings told so far that are still true (see `engine.moves`, extra time).
        route: the branches taken; ``module`` is where they led.
        item: the item or task on the screen.
        presented: all items and tasks that were on the screen.
        plays_spent: how many plays of each item have begun.
        orders: numbers of the orders applied, so that each is applied once.
        ended_ms: when the attempt ended, ``end_cause`` why (candidate, time, script, expelled, left, reset).
    """

    given: Given
    phase: Phase = Phase.WAITING
    at_ms: int = 0
    begun: AttemptBegun | None = None
    device: DeviceId = DeviceId("")  # noqa: RUF009  a NewType: the call is the string itself
    is_name_confirmed: bool = False
    written_standard: WrittenStandard | None = None
    is_sound_checked: bool = False
    is_day_code_accepted: bool = False
    day_code_tries: int = 0
    is_information_read: bool = False
    volume: int = 5
    lock_reasons: tuple[str, ...] = ()
    orders: frozenset[int] = frozenset()
    started_ms: int | None = None
    deadline_ms: int | None = None
    given_ms: int = 0
    warned: tuple[int, ...] = ()
    route: tuple[RouteStep, ...] = ()
    module: ModuleId | None = None
    item: ItemId | TaskId | None = None
    presented: frozenset[str] = frozenset()
    responses: Mapping[ItemId, Response] = field(default_factory=dict[ItemId, Response])
    step: StepState | None = None
    plays_spent: Mapping[ItemId, int] = field(default_factory=dict[ItemId, int])
    texts: Mapping[TaskId, str] = field(default_factory=dict[TaskId, str])
    chosen_topics: Mapping[SlotId, TaskId] = field(default_factory=dict[SlotId, TaskId])
    ended_ms: int | None = None
    end_cause: str = ""

    def changed(self, **changes: Any) -> Self:  # noqa: ANN401  the fields' own types, as in dataclasses.replace
        """A copy with some fields changed; several times as fast as `dataclasses.replace`, which runs __init__."""
        copy: Self = object.__new__(type(self))
        fields = copy.__dict__
        fields.update(self.__dict__)
        fields.update(changes)
        return copy

    # --- identity and readiness ---------------------------------------------------------------------------------------

    @property
    def id(self) -> AttemptId:
        """The attempt's id; empty before it has begun."""
        return AttemptId(self.begun.attempt if self.begun else "")

    @property
    def rules(self) -> PartRules:
        """The rules of the part."""
        return self.given.rules

    @property
    def is_locked(self) -> bool:
        """Whether the screen is locked: nothing of the candidate counts, but the clock runs."""
        return bool(self.lock_reasons)

    @property
    def has_ended(self) -> bool:
        """Whether the attempt is closed, in whatever way."""
        return self.ended_ms is not None

    @property
    def missing_before_start(self) -> tuple[str, ...]:
        """What is still to be done: of "name", "written_standard", "sound_check", "information", "day_code"."""
        done = {
            "name": self.is_name_confirmed,
            "written_standard": self.written_standard is not None,
            "sound_check": self.is_sound_checked or not self.rules.needs_sound_check,
            "information": self.is_information_read,
            "day_code": self.is_day_code_accepted,
        }
        return tuple(name for name, is_done in done.items() if not is_done)

    # --- time ---------------------------------------------------------------------------------------------------------

    @property
    def accommodation_ms(self) -> int:
        """Extra time granted before the test."""
        return self.begun.extra_ms if self.begun else 0

    @property
    def extra_ms(self) -> int:
        """All extra time: granted before the test and given during it."""
        return self.accommodation_ms + self.given_ms

    def left_ms(self, now_ms: int) -> int | None:
        """The time left, never negative; before the start all of it, after the end 0, None where a script decides."""
        if self.rules.limit_ms is None:
            return None
        if self.has_ended:
            return 0
        if self.deadline_ms is None:
            return self.rules.limit_ms + self.extra_ms
        return max(0, self.deadline_ms - max(now_ms, self.at_ms))

    # --- place --------------------------------------------------------------------------------------------------------

    @property
    def panel(self) -> Panel | None:
        """The panel; None in a part of tasks."""
        return self.given.form if isinstance(self.given.form, Panel) else None

    @property
    def task_set(self) -> TaskSet | None:
        """The task set; None in a part of items."""
        return self.given.form if isinstance(self.given.form, TaskSet) else None

    @property
    def path(self) -> tuple[ModuleId, ...]:
        """The modules begun so far, in order."""
        return (*(step.module for step in self.route), *(() if self.module is None else (self.module,)))

    @property
    def module_number(self) -> int:
        """The present module's number among those begun, from 1 ("Del 2"); 0 before the start."""
        return len(self.path)

    @property
    def is_last_module(self) -> bool:
        """Whether the present module ends the part (always so in a part of tasks)."""
        panel = self.panel
        return panel is None or (self.module is not None and self.module not in panel.routing)

    @property
    def items(self) -> tuple[ItemId, ...]:
        """The present module's items in order; none before the start and in a part of tasks."""
        panel = self.panel
        return panel.modules[self.module].items if panel is not None and self.module is not None else ()

    @property
    def tasks(self) -> tuple[TaskId, ...]:
        """One task a slot: the chosen one, or the first where the topic is still to be chosen."""
        task_set = self.task_set
        return tuple(self.task_in(slot) or slot.tasks[0] for slot in task_set.slots) if task_set else ()

    def task_in(self, slot: TaskSlot) -> TaskId | None:
        """The task that counts in a slot; None while its topic is not chosen."""
        return slot.tasks[0] if len(slot.tasks) == 1 else self.chosen_topics.get(slot.id)

    @property
    def task_number(self) -> int:
        """The number from 1 of the item or task on the screen, within its module or set; 0 when there is none."""
        here: tuple[str, ...] = self.items or self.tasks
        return here.index(self.item) + 1 if self.item in here else 0

    # --- answers ------------------------------------------------------------------------------------------------------

    def is_answered(self, item: str) -> bool:
        """Whether an item has a response, or a task a text that is not blank."""
        if self.task_set is not None:
            return bool(self.texts.get(TaskId(item), "").strip())
        return is_answer(self.responses.get(ItemId(item)))

    def unanswered(self, module: ModuleId | None = None) -> tuple[str, ...]:
        """The items of a module (the present one when None), or the tasks, that have no answer yet."""
        panel = self.panel
        here: tuple[str, ...] = panel.modules[module].items if panel is not None and module else self.items
        return tuple(item for item in (here or self.tasks) if not self.is_answered(item))

    def number_correct(self, module: ModuleId) -> int:
        """How many of a module's items that count have full points."""
        panel = cast("Panel", self.panel)
        responses = self.responses
        return sum(
            1
            for item in panel.scored_items[module]
            if (response := responses.get(item.id)) and score_key(item.key, item.max_score, response) == item.max_score
        )

    def branch(self) -> RouteStep | None:
        """Where the present module leads with what is answered in it now; None if it is the last.

        Raises:
            PanelError: the number correct leads nowhere; `engine.check.check_panel` refuses such a panel beforehand.
        """
        panel = self.panel
        if panel is None or self.module is None or self.module not in panel.routing:
            return None
        correct = self.number_correct(self.module)
        if panel.routing_basis is RoutingBasis.ROUTE:
            correct += sum(self.number_correct(step.module) for step in self.route)
        for rule in panel.routing[self.module]:
            if rule.low <= correct <= rule.high:
                return RouteStep(self.module, correct, rule.low, rule.high, rule.target)
        raise PanelError(
            where=panel.id,
            field=f"routing.{self.module}",
            fault=f"{correct} correct leads nowhere",
            remedy="Check the panel before it is given",
        )

    def present_item(self) -> ItemRules | None:
        """The rules of the item that the listening script is at."""
        panel = self.panel
        return panel.items[self.step.item] if panel is not None and self.step is not None else None

    def present_clip(self) -> Clip | None:
        """The clip that the listening script is at, in the candidate's written standard."""
        item = self.present_item()
        script = None if item is None else item.listening
        return None if script is None or self.written_standard is None else script.clips[self.written_standard]

    def statuses(self) -> Mapping[str, ItemStatus]:
        """What became of every item of the panel, or every task of the set."""
        if self.task_set is not None:
            chosen = {self.task_in(slot) for slot in self.task_set.slots}
            return {task: self._status(task, is_given=task in chosen) for task in self.task_set.slot_of}
        begun = set(self.path)
        return {
            item: self._status(item, is_given=module in begun)
            for item, module in cast("Panel", self.panel).module_of.items()
        }

    def _status(self, item: str, *, is_given: bool) -> ItemStatus:
        if not is_given or self.started_ms is None:
            return ItemStatus.NOT_PRESENTED
        if self.is_answered(item):
            return ItemStatus.ANSWERED
        if item in self.presented or self._was_finished(item):
            return ItemStatus.OMITTED
        return ItemStatus.NOT_REACHED

    def _was_finished(self, item: str) -> bool:
        """Whether the candidate, or the script, finished what the item stands in."""
        if self.end_cause in {"candidate", "script"}:
            return True
        panel = self.panel
        return panel is not None and panel.module_of[ItemId(item)] != self.module
