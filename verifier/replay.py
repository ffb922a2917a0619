"""An attempt replayed from its facts (docs/formats.md §8): a plain fold, written from the published rules.

`Attempt.take` applies one fact or refuses it, and then nothing has changed. Times are the attempt's own clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from verifier.crypto import sha256_hex
from verifier.errors import need, present, refuse
from verifier.events import Fact
from verifier.forms import Form, Item, Part, Programme

EDIT_CAUSES: Final = frozenset({"type", "backspace", "delete", "cut", "paste", "undo", "redo", "ime", "drop", "other"})
ENDS: Final = frozenset({"submitted", "expelled", "left", "reset"})
_EVERYWHERE: Final = frozenset({"Resumed", "IncidentNoted"})
_STAFF: Final = _EVERYWHERE | {"Locked", "Unlocked", "Expelled", "ResetByOrder"}
_BEFORE: Final = _STAFF | {
    "NameConfirmed", "WrittenStandardChosen", "SoundChecked", "DayCodeTried", "InformationRead", "VolumeSet", "Started",
}  # fmt: skip
_RUNNING: Final = _STAFF | {
    "ItemShown", "Answered", "ModuleLeft", "TopicChosen", "Edited", "TextChecked", "VolumeSet", "StepEntered",
    "PlayBegun", "PlayPosition", "PlayEnded", "PlayFailed", "Warned", "ExtraTimeGiven", "Submitted", "LeftAlone",
}  # fmt: skip
LEGAL: Final[Mapping[str, frozenset[str]]] = {
    "waiting": frozenset({"AttemptBegun"}),
    "logged_in": _BEFORE,
    "ready": _BEFORE,
    "running": _RUNNING,
    "submitted": _EVERYWHERE | {"ResetByOrder"},
    "expelled": _EVERYWHERE,
    "left": _EVERYWHERE,
    "reset": _EVERYWHERE,
}
"""Phase → what can happen in it."""

OWN_ACTS: Final = (_BEFORE - _STAFF) | {"ItemShown", "Answered", "ModuleLeft", "TopicChosen", "Edited"}
"""What the candidate does: never while the screen is locked, never after the time is out."""


@dataclass
class Step:
    """Where the listening script stands: step ``index`` of an item, of kind read, play, gap or answer."""

    item: str
    index: int
    kind: str
    play: int
    plays: int
    ends_ms: int | None
    frame: int = 0
    is_begun: bool = False
    is_playing: bool = False


@dataclass(frozen=True)
class Branch:
    """A branch of the route: so many correct, within ``low``…``high``, led from ``module`` to ``target``."""

    module: str
    number_correct: int
    low: int
    high: int
    target: str


def script_steps(plays: int) -> list[tuple[str, int]]:
    """(kind, play) of every step of an item heard ``plays`` times."""
    heard = [step for play in range(1, plays + 1) for step in (("play", play), ("gap", play))]
    return [("read", 0), *heard[:-1], ("answer", plays)]


class Attempt:
    """One candidate's run of one part."""

    def __init__(self, programme: Programme, form: Form) -> None:
        """Nobody has logged in yet."""
        self.programme, self.form = programme, form
        self.rules: Part = programme.parts[form.part]
        self.phase = "waiting"
        self.at_ms = 0
        self.begun: Fact | None = None
        self.device = ""
        self.done: set[str] = set() if self.rules.needs_sound_check else {"sound"}
        self.is_sound_checked = False
        self.written_standard: str | None = None
        self.day_code_tries = 0
        self.volume = 5
        self.locks: list[str] = []
        self.orders: set[int] = set()
        self.started_ms: int | None = None
        self.deadline_ms: int | None = None
        self.given_ms = 0
        self.warned: list[int] = []
        self.route: list[Branch] = []
        self.module: str | None = None
        self.item: str | None = None
        self.presented: set[str] = set()
        self.responses: dict[str, tuple[str, ...]] = {}
        self.step: Step | None = None
        self.plays: dict[str, int] = {}
        self.texts: dict[str, str] = {}
        self.topics: dict[str, str] = {}
        self.ended_ms: int | None = None
        self.end_cause = ""
        self._acts: Mapping[str, Callable[[Fact], None]] = {
            "AttemptBegun": self._attempt_begun,
            "NameConfirmed": self._name_confirmed,
            "WrittenStandardChosen": self._written_standard_chosen,
            "SoundChecked": self._sound_checked,
            "DayCodeTried": self._day_code_tried,
            "InformationRead": self._information_read,
            "Started": self._started,
            "ItemShown": self._item_shown,
            "Answered": self._answered,
            "ModuleLeft": self._module_left,
            "StepEntered": self._step_entered,
            "PlayBegun": self._play_begun,
            "PlayPosition": self._play_position,
            "PlayEnded": self._play_ended,
            "PlayFailed": self._play_failed,
            "VolumeSet": self._volume_set,
            "TopicChosen": self._topic_chosen,
            "Edited": self._edited,
            "TextChecked": self._text_checked,
            "Warned": self._warned,
            "ExtraTimeGiven": self._extra_time_given,
            "Resumed": self._resumed,
            "Locked": self._locked,
            "Unlocked": self._unlocked,
            "IncidentNoted": self._incident_noted,
            "Submitted": self._submitted,
            "Expelled": self._expelled,
            "LeftAlone": self._left_alone,
            "ResetByOrder": self._reset_by_order,
        }

    def take(self, fact: Fact) -> None:
        """Apply a fact.

        Raises:
            WrongError: it cannot be; nothing has changed.
        """
        need(fact.type in LEGAL[self.phase], f"{fact.type} cannot happen in phase {self.phase}")
        need(
            fact.at_ms >= self.at_ms, f"{fact.type} at {fact.at_ms} ms is before the fact before it, at {self.at_ms} ms"
        )
        if fact.type in OWN_ACTS:
            self._need_free(fact)
        self._acts[fact.type](fact)
        self.at_ms = fact.at_ms

    # --- before the start ---------------------------------------------------------------------------------------------

    def _attempt_begun(self, fact: Fact) -> None:
        told = (fact.text("programme"), fact.number("programme_version"), fact.text("part"), fact.text("form"))
        given = (self.programme.id, self.programme.version, self.rules.part, self.form.id)
        need(told == given, "the attempt is at another programme, part or form")
        need(
            0 <= fact.number("extra_ms") <= self.rules.accommodation_cap_ms, "the accommodation is above the part's cap"
        )
        need(fact.at_ms == 0, "the attempt's clock does not begin at 0")
        self.begun, self.device, self.phase = fact, fact.text("device"), "logged_in"

    def _done(self, what: str, *, is_done: bool = True) -> None:
        """Something to be done before the start is done (or not any more)."""
        (self.done.add if is_done else self.done.discard)(what)
        self.phase = "ready" if len(self.done) == 5 else "logged_in"  # noqa: PLR2004  name, standard, sound, page, code

    def _name_confirmed(self, _fact: Fact) -> None:
        self._done("name")

    def _written_standard_chosen(self, fact: Fact) -> None:
        standard = fact.text("written_standard")
        need(standard in {"nb", "nn"}, "the written standard is neither nb nor nn")
        self.written_standard = standard
        self._done("standard")

    def _sound_checked(self, fact: Fact) -> None:
        need(1 <= fact.number("volume") <= 10, "the volume is not within 1 to 10")  # noqa: PLR2004
        self.volume = fact.number("volume")
        self.is_sound_checked = bool(fact.plain["passed"])
        self._done("sound", is_done=self.is_sound_checked or not self.rules.needs_sound_check)

    def _day_code_tried(self, fact: Fact) -> None:
        self.day_code_tries += 1
        self._done("code", is_done="code" in self.done or bool(fact.plain["accepted"]))

    def _information_read(self, _fact: Fact) -> None:
        self._done("information")

    def _started(self, fact: Fact) -> None:
        need(self.phase == "ready", "the part was started before log-in, sound check, page and day code were done")
        self.phase, self.started_ms = "running", fact.at_ms
        if self.rules.limit_ms is not None:
            accommodation_ms = self.begun.number("extra_ms") if self.begun else 0
            self.deadline_ms = fact.at_ms + self.rules.limit_ms + accommodation_ms
        self.module = self.form.first or None

    # --- items --------------------------------------------------------------------------------------------------------

    def _item_shown(self, fact: Fact) -> None:
        item = fact.text("item")
        need(not self.rules.has_script, "only the script shows items in this part")
        if self.form.is_panel:
            self._need_here(item)
        else:
            need(any(item in tasks for tasks in self.form.slots.values()), f"there is no task '{item}'")
        self.item = item
        self.presented.add(item)

    def _need_here(self, item: str) -> None:
        need(self.form.is_panel and item in self.form.items, f"there is no item '{item}'")
        need(self.form.module_of[item] == self.module, f"item '{item}' is in another module than the candidate")

    def _answered(self, fact: Fact) -> None:
        item = fact.text("item")
        self._need_here(item)
        if self.rules.has_script:
            step = self.step
            need(step is not None and step.item == item, f"the script is not at item '{item}'")
            if step is not None and step.kind == "answer" and step.ends_ms is not None:
                need(fact.at_ms <= step.ends_ms, f"item '{item}' was answered after its time")
        self.responses[item] = fact.response

    def is_correct(self, item: Item) -> bool:
        """Whether an item has full points."""
        response = self.responses.get(item.id)
        return bool(response) and item.key.points(response or (), item.max_score) == item.max_score

    def number_correct(self, module: str) -> int:
        """How many of a module's items that count have full points."""
        items = (self.form.items[item] for item in self.form.modules[module])
        return sum(item.is_scored and self.is_correct(item) for item in items)

    def branch_from(self, module: str | None, route: list[Branch]) -> Branch | None:
        """Where a module leads after this route; None where it ends the part.

        Raises:
            WrongError: the number correct leads nowhere.
        """
        rules = self.form.routing.get(module or "")
        if module is None or rules is None:
            return None
        correct = self.number_correct(module)
        if self.form.is_by_route:
            correct += sum(self.number_correct(branch.module) for branch in route)
        for rule in rules:
            if rule.low <= correct <= rule.high:
                return Branch(module, correct, rule.low, rule.high, rule.target)
        return refuse(f"form '{self.form.id}' does not say where {correct} correct in {module} lead")

    def _module_left(self, fact: Fact) -> None:
        need(self.rules.navigation == "free_in_module", "the candidate does not leave modules in this part")
        need(fact.text("module") == self.module, f"module '{fact.text('module')}' is not the one the candidate is in")
        self._go(present(self.branch_from(self.module, self.route), "the last module is handed in, not left"))

    def _go(self, branch: Branch) -> None:
        self.route.append(branch)
        self.module, self.item = branch.target, None

    # --- listening ----------------------------------------------------------------------------------------------------

    def next_step(self) -> tuple[Branch | None, str, int] | None:
        """What the script goes to: by which branch, item and step; None at its end."""
        items = self.form.modules[self.module or self.form.first]
        step = self.step
        if step is None:
            return None, items[0], 0
        if step.index + 1 < len(script_steps(step.plays)):
            return None, step.item, step.index + 1
        place = items.index(step.item) + 1
        if place < len(items):
            return None, items[place], 0
        branch = self.branch_from(self.module, self.route)
        return None if branch is None else (branch, self.form.modules[branch.target][0], 0)

    def _step_entered(self, fact: Fact) -> None:
        need(self.rules.has_script, "this part has no script")
        if self.step is not None:
            is_over = self.step.ends_ms is not None and fact.at_ms >= self.step.ends_ms
            need(is_over, f"item '{fact.text('item')}': the step before step {fact.number('step')} was not over")
        branch, name, index = present(self.next_step(), "the script went on after its end")
        told = fact.text("item"), fact.number("step")
        need(
            told == (name, index),
            f"the script goes on with step {index} of '{name}', not step {told[1]} of '{told[0]}'",
        )
        item = self.form.items[name]
        need(item.level in self.rules.plays, f"the programme does not say how often level {item.level} is heard")
        plays = self.rules.plays[item.level]
        kind, play = script_steps(plays)[index]
        lasts = {"read": item.reading_ms, "gap": item.gap_ms, "answer": item.answering_ms}.get(kind)
        ends_ms = fact.at_ms + lasts if lasts is not None and item.is_heard else None
        if branch is not None:
            self._go(branch)
        self.step = Step(name, index, kind, play, plays, ends_ms)
        self.item = name
        self.presented.add(name)

    def frames(self, item: str) -> int:
        """How long an item's clip is in the candidate's written standard."""
        return self.form.items[item].frames.get(self.written_standard or "", 0)

    def _play_begun(self, fact: Fact) -> None:
        step, item, play, frame = self.step, fact.text("item"), fact.number("play"), fact.number("frame")
        step = present(step, "the script has not begun")
        need((step.kind, step.item) == ("play", item), f"item '{item}' began play {play} where the script has no play")
        is_next = step.play == play and not step.is_playing and step.ends_ms is None
        need(is_next, f"item '{item}' began play {play}, which was over or never permitted: an extra play")
        need(frame == step.frame, f"item '{item}': play {play} goes on from frame {step.frame}, not {frame}")
        if not step.is_begun:
            self.plays[item] = play
        step.frame, step.is_begun, step.is_playing = max(1, step.frame), True, True

    def _sounding(self, fact: Fact) -> Step:
        """The step that sounds, if it is this play and the frame can be."""
        step, item, frame = present(self.step, "the script has not begun"), fact.text("item"), fact.number("frame")
        is_it = step.is_playing and (step.item, step.play) == (item, fact.number("play"))
        need(is_it, f"item '{item}' is not sounding its play {fact.number('play')}")
        reached = 0 if step.frame == 1 else step.frame
        is_possible = item in self.form.items and reached <= frame <= self.frames(item)
        need(
            is_possible and self.form.items[item].is_heard,
            f"item '{item}': frame {frame} is before the last or after the clip's end",
        )
        return step

    def _play_position(self, fact: Fact) -> None:
        self._sounding(fact).frame = max(1, fact.number("frame"))

    def _play_ended(self, fact: Fact) -> None:
        step = self._sounding(fact)
        is_end = fact.number("frame") == self.frames(step.item)
        need(is_end, f"item '{step.item}': a play ended at frame {fact.number('frame')} of {self.frames(step.item)}")
        step.frame, step.is_playing, step.ends_ms = max(1, fact.number("frame")), False, fact.at_ms

    def _play_failed(self, fact: Fact) -> None:
        step = self._sounding(fact)
        step.frame, step.is_playing = max(1, fact.number("frame")), False

    def _volume_set(self, fact: Fact) -> None:
        need(1 <= fact.number("volume") <= 10, "the volume is not within 1 to 10")  # noqa: PLR2004
        self.volume = fact.number("volume")

    # --- writing ------------------------------------------------------------------------------------------------------

    def _topic_chosen(self, fact: Fact) -> None:
        tasks = self.form.slots.get(fact.text("slot"), ())
        need(fact.text("task") in tasks and len(tasks) > 1, f"slot '{fact.text('slot')}' gives no such choice")
        self.topics[fact.text("slot")] = fact.text("task")

    def _edited(self, fact: Fact) -> None:
        task, position = fact.text("task"), fact.number("position")
        slot = next((slot for slot, tasks in self.form.slots.items() if task in tasks), None)
        need(slot is not None, f"there is no task '{task}'")
        is_chosen = len(self.form.slots[slot or ""]) == 1 or self.topics.get(slot or "") == task
        need(is_chosen, f"task '{task}' is not the topic that was chosen")
        need(fact.text("cause") in EDIT_CAUSES, f"nothing is edited by '{fact.text('cause')[:40]}'")
        text, deleted = self.texts.get(task, ""), fact.text("deleted")
        end = position + len(deleted)
        is_there = 0 <= position <= len(text) and text[position:end] == deleted
        need(is_there, f"task '{task}': at {position} there is not what was deleted")
        self.texts[task] = text[:position] + fact.text("inserted") + text[end:]

    def _text_checked(self, fact: Fact) -> None:
        text = self.texts.get(fact.text("task"), "")
        is_it = (len(text), sha256_hex(text.encode())) == (fact.number("length"), fact.text("sha256"))
        need(is_it, f"the text of task '{fact.text('task')}' is not what its edits come to")

    # --- time and room ------------------------------------------------------------------------------------------------

    def _need_free(self, fact: Fact) -> None:
        need(not self.locks, f"{fact.type} while the screen was locked")
        if self.deadline_ms is not None:
            need(
                fact.at_ms <= self.deadline_ms,
                f"{fact.type} at {fact.at_ms} ms, after the time was out at {self.deadline_ms} ms",
            )

    def _warned(self, fact: Fact) -> None:
        left_ms = fact.number("left_ms")
        deadline_ms = self.deadline_ms
        is_known = left_ms in self.rules.warnings_ms and left_ms not in self.warned
        is_time = deadline_ms is not None and fact.at_ms >= deadline_ms - left_ms
        need(is_known and is_time, f"the warning at {left_ms} ms left was not due")
        self.warned.append(left_ms)

    def _extra_time_given(self, fact: Fact) -> None:
        is_allowed = self.rules.allows_extra_time and self.deadline_ms is not None
        need(is_allowed and fact.number("extra_ms") > 0, "no extra time can be given in this part")
        self._apply_order(fact)
        self._move_deadline(fact.number("extra_ms"), fact.at_ms)
        self.given_ms += fact.number("extra_ms")

    def _move_deadline(self, by_ms: int, at_ms: int) -> None:
        """The end moved; warnings that are ahead again are due again."""
        if self.deadline_ms is not None:
            left_ms = self.deadline_ms + by_ms - at_ms
            self.deadline_ms += by_ms
            self.warned = [warning for warning in self.warned if left_ms <= warning]

    def _apply_order(self, fact: Fact) -> None:
        order = fact.number("order")
        need(
            order > 0 and order not in self.orders, f"{fact.type} by order {order}, which is none or was applied before"
        )
        self.orders.add(order)

    def _resumed(self, fact: Fact) -> None:
        down_ms = fact.number("down_ms")
        need(0 <= down_ms <= fact.at_ms - self.at_ms, f"{down_ms} ms without the program do not fit between the facts")
        self.device = fact.text("device")
        if self.phase != "running":
            return
        if self.step is not None:
            self.step.is_playing = False
            if self.step.ends_ms is not None:
                self.step.ends_ms += down_ms
        elif not self.rules.runs_while_down:
            self._move_deadline(down_ms, fact.at_ms)

    def _locked(self, fact: Fact) -> None:
        self.locks.append(fact.text("reason"))

    def _unlocked(self, fact: Fact) -> None:
        need(bool(self.locks), "the screen was not locked")
        if fact.number("order") == 0:
            need(bool(fact.text("by")), "the screen was unlocked by nobody")
        else:
            self._apply_order(fact)
        self.locks = []

    def _incident_noted(self, _fact: Fact) -> None:
        """A note changes nothing."""

    # --- the end ------------------------------------------------------------------------------------------------------

    def _submitted(self, fact: Fact) -> None:
        cause = fact.text("cause")
        if cause == "candidate":
            is_last = not self.form.is_panel or (self.module is not None and self.module not in self.form.routing)
            need(not self.rules.has_script and is_last, "the candidate handed in before the last module")
            self._need_free(fact)
        elif cause == "time":
            is_out = self.deadline_ms is not None and fact.at_ms >= self.deadline_ms
            need(is_out, "it was handed in for time before the time was out")
        else:
            step = self.step
            is_over = cause == "script" and step is not None and step.ends_ms is not None and fact.at_ms >= step.ends_ms
            need(is_over and self.next_step() is None, "it was handed in before the script was over")
        self._end("submitted", fact.at_ms, cause)

    def _end(self, phase: str, at_ms: int, cause: str) -> None:
        self.phase, self.ended_ms, self.end_cause = phase, at_ms, cause

    def _expelled(self, fact: Fact) -> None:
        self._apply_order(fact)
        self._end("expelled", fact.at_ms, "expelled")

    def _left_alone(self, fact: Fact) -> None:
        self._apply_order(fact)
        self._end("left", fact.at_ms, "left")

    def _reset_by_order(self, fact: Fact) -> None:
        self._apply_order(fact)
        self._end("reset", fact.at_ms, "reset")

    # --- what time brings ---------------------------------------------------------------------------------------------

    def due(self) -> tuple[int, str] | None:
        """When time by itself will make the next thing true, and which fact tells it."""
        if self.phase != "running":
            return None
        if self.deadline_ms is None:
            at_ms = self.started_ms if self.step is None else self.step.ends_ms
            if at_ms is None:
                return None
            return at_ms, "Submitted" if self.next_step() is None else "StepEntered"
        for left_ms in self.rules.warnings_ms:
            if left_ms not in self.warned:
                return self.deadline_ms - left_ms, "Warned"
        return self.deadline_ms, "Submitted"

    def state(self) -> dict[str, object]:
        """The whole state as plain data; its canonical form's SHA-256 is what PC and store tell as `state_sha256`."""
        step = self.step
        return {
            "form": self.form.id,
            "programme": self.programme.id,
            "programme_version": self.programme.version,
            "phase": self.phase,
            "at_ms": self.at_ms,
            "begun": None if self.begun is None else dict(self.begun.plain),
            "device": self.device,
            "is_name_confirmed": "name" in self.done,
            "written_standard": self.written_standard,
            "is_sound_checked": self.is_sound_checked,
            "is_day_code_accepted": "code" in self.done,
            "day_code_tries": self.day_code_tries,
            "is_information_read": "information" in self.done,
            "volume": self.volume,
            "lock_reasons": list(self.locks),
            "orders": sorted(self.orders),
            "started_ms": self.started_ms,
            "deadline_ms": self.deadline_ms,
            "given_ms": self.given_ms,
            "warned": list(self.warned),
            "route": [[each.module, each.number_correct, each.low, each.high, each.target] for each in self.route],
            "module": self.module,
            "item": self.item,
            "presented": sorted(self.presented),
            "responses": {item: list(response) for item, response in self.responses.items()},
            "step": None
            if step is None
            else [step.item, step.index, step.frame, step.is_begun, step.is_playing, step.ends_ms],
            "plays_spent": dict(self.plays),
            "texts": dict(self.texts),
            "chosen_topics": dict(self.topics),
            "ended_ms": self.ended_ms,
            "end_cause": self.end_cause,
        }
