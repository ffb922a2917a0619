"""Random exams and random attempts at them, honest and not, for holding two implementations against each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from random import Random
from typing import Any

from engine import events as facts
from engine.attempt import Attempt, Given
from engine.events import Event
from engine.listening import StepKind
from engine.panel import Panel, parse_panel, parse_task_set
from engine.programme import parse_programme
from engine.state import Phase
from tests.strategies import (
    LEVELS,
    REGULATION_GRAPH,
    TODAY_GRAPH,
    begun,
    form_plain,
    hunter_plain,
    panel_plain,
    part_plain,
    programme_plain,
    task_set_plain,
)

Plain = dict[str, Any]
SIGNS = ("A", "B", "C", "D", "Hus", "hus", " hus  fint ", "hus fint", "åå", "å", "", "2,3", "5,5", "0,0", "9,1", "x,1")
TEXTS = ("", "a", "Hei", "Kjære Åse 😀", "é", "é", "\n", " ")


def make_exam(luck: Random) -> tuple[Plain, Plain]:
    """A plain programme and a plain form of one of its parts."""
    part = luck.choice(("listening", "reading", "writing", "theory"))
    changes: Plain = {"clock_runs_while_down": luck.random() < 0.7, "needs_sound_check": luck.random() < 0.5}
    if part == "writing":
        form = task_set_plain(luck.choice(("A1-A2", "A2-B1", "B1-B2")))
        return programme_plain(parts=[part_plain(part, **changes)]), form
    if part == "theory":
        programme, form = hunter_plain(), form_plain(luck.randint(2, 6), 1)
        form["level_table"][0]["levels"] = [luck.choice(form["levels"]) for _ in range(20)]
        return programme, _with_random_items(luck, form, part)
    graph = luck.choice((REGULATION_GRAPH, TODAY_GRAPH))
    names = dict.fromkeys([*graph, *(target for targets in graph.values() for target in targets)])
    sizes = {module: luck.randint(1, 4) for module in names}
    cuts = {module: luck.randint(1, sizes[module]) for module in graph}
    form = panel_plain(part, graph=graph, sizes=sizes, cuts=cuts)
    form["routing_basis"] = luck.choice(("module", "route"))
    for rules in form["routing"].values():
        rules[-1]["high"] = 99
    for row in form["level_table"]:
        row["levels"] = [luck.choice(LEVELS) for _ in range(40)]
    if luck.random() < 0.3:
        form["scale"] = None
    programme = programme_plain(parts=[part_plain(part, route_graph=graph, **changes)])
    return programme, _with_random_items(luck, form, part)


def _with_random_items(luck: Random, form: Plain, part: str) -> Plain:
    for item in form["items"]:
        item.update(luck.choice(KEYS)(luck))
        item["is_scored"] = luck.random() < 0.85
        model = luck.choice(("rasch", "rasch", "2pl", "3pl"))
        item["parameters"] = {
            "rasch": {"model": "rasch", "b": luck.uniform(-3, 3)},
            "2pl": {"model": "2pl", "a": luck.uniform(0.3, 2), "b": luck.uniform(-3, 3)},
            "3pl": {"model": "3pl", "a": luck.uniform(0.3, 2), "b": luck.uniform(-3, 3), "c": luck.uniform(0, 0.4)},
        }[model]
        if part == "listening":
            clips = item["listening"]["clips"]
            clips["nn"]["frames"] = luck.randint(1, 3_000_000)
    if part == "theory" and luck.random() < 0.5:
        form["items"][0]["parameters"] = None
    return form


def _text_key(luck: Random) -> Plain:
    gaps = [{"accepted": [luck.choice([sign for sign in SIGNS if sign])]} for _ in range(luck.randint(1, 2))]
    folds = {"folds_case": luck.random() < 0.5, "folds_space": luck.random() < 0.5}
    return {"key": {"kind": "text", "gaps": gaps, **folds}, "max_score": luck.choice((1, len(gaps)))}


def _gaps_key(luck: Random) -> Plain:
    gaps = [{"correct": luck.choice("ABCD")} for _ in range(luck.randint(1, 3))]
    return {"key": {"kind": "gaps", "gaps": gaps}, "max_score": luck.choice((1, len(gaps)))}


def _areas_key(luck: Random) -> Plain:
    corners = [[luck.randint(0, 9), luck.randint(0, 9)] for _ in range(luck.randint(3, 5))]
    areas = [{"corners": [{"x": x, "y": y} for x, y in corners]} for _ in range(luck.randint(1, 2))]
    return {"key": {"kind": "areas", "areas": areas}, "max_score": luck.randint(1, 3)}


KEYS: Sequence[Callable[[Random], Plain]] = (
    lambda luck: {"key": {"kind": "choice", "correct": luck.sample("ABCD", luck.randint(1, 2))}, "max_score": 1},
    lambda luck: {"key": {"kind": "mapping", "points": {"A": 2, "B": 1, "C": luck.randint(-2, 0)}}, "max_score": 2},
    lambda luck: {"key": {"kind": "order", "order": luck.sample("ABC", luck.randint(1, 3))}, "max_score": 1},
    _text_key,
    _gaps_key,
    _areas_key,
)


def given_of(programme: Plain, form: Plain) -> Given:
    """The exam as the engine reads it."""
    read = parse_task_set if "slots" in form else parse_panel
    return Given.of(parse_programme(programme, "drawn"), read(form, "drawn"))


class Wanderer:
    """Goes through an attempt: mostly as a candidate and an honest PC do, sometimes as nobody may."""

    def __init__(self, luck: Random, given: Given) -> None:
        self.luck, self.given = luck, given
        self.attempt = Attempt.waiting(given)
        self.folly = luck.choice((0.0, 0.05, 0.3))

    def events(self, most: int) -> list[Event]:
        """The journal; facts that the engine refuses are in it, too."""
        journal: list[Event] = []
        at_end = 0
        while len(journal) < most and at_end < 3:
            at_end += self.attempt.has_ended
            event = self._strange() if self.luck.random() < self.folly else self._sensible()
            journal.append(event)
            self.attempt = self.attempt.apply(event)
        return journal

    def _later(self) -> int:
        return self.attempt.at_ms + self.luck.choice((0, 0, 1, 40, 900, 5_000, 60_000, 600_000, 2_500_000))

    def _sensible(self) -> Event:
        attempt, luck = self.attempt, self.luck
        if attempt.phase is Phase.WAITING:
            cap = self.given.rules.accommodation_cap_ms
            return begun(self.given, extra_ms=luck.choice((0, cap)), attempt=f"{luck.randrange(16**32):032x}")
        now = self._later()
        due = attempt.due(now)
        if due and luck.random() < 0.95:
            return due[0]
        if attempt.phase in {Phase.LOGGED_IN, Phase.READY}:
            return self._prepare(now)
        if attempt.is_locked:
            return facts.Unlocked(now, luck.choice((0, luck.randint(1, 50))), "lars")
        return self._of_the_room(now) if luck.random() < 0.08 else self._of_the_candidate(now)

    def _of_the_candidate(self, now: int) -> Event:
        if self.attempt.step is not None:
            return self._listen(now)
        return self._write(now) if self.attempt.task_set is not None else self._work(now)

    def _prepare(self, now: int) -> Event:
        missing = self.attempt.missing_before_start
        if not missing:
            return facts.Started(now)
        return {
            "name": facts.NameConfirmed(now),
            "written_standard": facts.WrittenStandardChosen(now, self.luck.choice(("nb", "nn"))),
            "sound_check": facts.SoundChecked(now, self.luck.random() < 0.8, self.luck.randint(1, 10)),
            "information": facts.InformationRead(now),
            "day_code": facts.DayCodeTried(now, self.luck.random() < 0.7),
        }[self.luck.choice(missing)]

    def _of_the_room(self, now: int) -> Event:
        luck = self.luck
        return luck.choice(
            (
                facts.Locked(now, "focus"),
                facts.IncidentNoted(now, "focus_lost", ""),
                facts.VolumeSet(now, luck.randint(1, 10)),
                facts.Resumed(now, luck.randint(0, now - self.attempt.at_ms), "pc-2"),
                facts.ExtraTimeGiven(now, 60_000 * luck.randint(1, 30), luck.randint(1, 50)),
                luck.choice((facts.Expelled, facts.LeftAlone, facts.ResetByOrder))(now, luck.randint(1, 50)),
            )
            if luck.random() < 0.9
            else (facts.TextChecked(now, "W-1", 0, sha256(b"").hexdigest()),)
        )

    def _listen(self, now: int) -> Event:
        attempt, luck = self.attempt, self.luck
        step, clip = attempt.step, attempt.present_clip()
        assert step is not None
        assert clip is not None
        if step.kind is StepKind.PLAY and step.ends_ms is None:
            if not step.is_playing:
                return facts.PlayBegun(now, step.item, step.play, step.frame)
            frame = luck.randint(min(step.frame, clip.frames), clip.frames)
            how = luck.random()
            if how < 0.7:
                return facts.PlayEnded(now, step.item, step.play, clip.frames)
            if how < 0.9:
                return facts.PlayPosition(now, step.item, step.play, frame)
            return facts.PlayFailed(now, step.item, step.play, frame, "stalled")
        return facts.Answered(now, step.item, self._response(step.item))

    def _work(self, now: int) -> Event:
        attempt, luck = self.attempt, self.luck
        if luck.random() < 0.15:
            if attempt.is_last_module:
                return facts.Submitted(now, "candidate")
            return facts.ModuleLeft(now, str(attempt.module))
        if not attempt.items:
            return facts.IncidentNoted(now, "waits", "")
        item = luck.choice(attempt.items)
        return facts.ItemShown(now, item) if luck.random() < 0.3 else facts.Answered(now, item, self._response(item))

    def _write(self, now: int) -> Event:
        attempt, luck = self.attempt, self.luck
        assert attempt.task_set is not None
        slot = luck.choice(attempt.task_set.slots)
        task = attempt.task_in(slot)
        if task is None:
            return facts.TopicChosen(now, slot.id, luck.choice(slot.tasks))
        text = attempt.texts.get(task, "")
        begin = luck.randint(0, len(text))
        end = luck.randint(begin, min(len(text), begin + 3))
        return luck.choice(
            (
                facts.Edited(now, task, begin, text[begin:end], luck.choice(TEXTS), "type"),
                facts.Edited(now, task, len(text), "", luck.choice(TEXTS), "paste"),
                facts.ItemShown(now, task),
                facts.TextChecked(now, task, len(text), sha256(text.encode()).hexdigest()),
                facts.Submitted(now, "candidate") if luck.random() < 0.2 else facts.IncidentNoted(now, "thinks", ""),
            )
        )

    def _response(self, item: str) -> tuple[str, ...]:
        """A right answer about as often as not."""
        luck = self.luck
        form = self.given.form
        key: Any = form.items[item].key if isinstance(form, Panel) and item in form.items else None  # type: ignore[index]
        right: Sequence[str] = {
            "ChoiceKey": lambda: sorted(key.correct),
            "OrderKey": lambda: key.order,
            "GapsKey": lambda: key.gaps,
            "TextKey": lambda: [luck.choice((gap[0], gap[0].upper(), f" {gap[0]} ")) for gap in key.gaps],
            "AreasKey": lambda: ["{},{}".format(*luck.choice(area.corners)) for area in key.areas],
        }.get(type(key).__name__, lambda: ["A"])()
        return tuple(right if luck.random() < 0.5 else [luck.choice(SIGNS) for _ in range(luck.randint(0, 3))])

    def _strange(self) -> Event:
        """Any fact at all, with values that are sometimes those of the exam."""
        attempt, luck = self.attempt, self.luck
        form = self.given.form
        items = [*form.items, "nope"] if isinstance(form, Panel) else ["W-1", "W-2", "W-2a", "W-2b", "nope"]
        modules = [*form.modules, "nope"] if isinstance(form, Panel) else ["nope"]
        item, now = luck.choice(items), max(0, self._later() - luck.choice((0, 0, 0, 1, 1_000)))
        if attempt.step is not None and luck.random() < 0.5:
            item = attempt.step.item
        play, frame, order = luck.randint(0, 3), luck.choice((-1, 0, 1, 2, 1_200_000, 9_999_999)), luck.randint(-1, 3)
        return luck.choice(
            (
                facts.NameConfirmed(now),
                facts.WrittenStandardChosen(now, luck.choice(("nb", "nn", "en"))),
                facts.SoundChecked(now, luck.random() < 0.5, luck.randint(0, 11)),
                facts.DayCodeTried(now, luck.random() < 0.5),
                facts.InformationRead(now),
                facts.Started(now),
                facts.ItemShown(now, item),
                facts.Answered(now, item, self._response(item)),
                facts.ModuleLeft(now, luck.choice(modules)),
                facts.StepEntered(now, item, luck.randint(-1, 5)),
                facts.PlayBegun(now, item, play, frame),
                facts.PlayPosition(now, item, play, frame),
                facts.PlayEnded(now, item, play, frame),
                facts.PlayFailed(now, item, play, frame, ""),
                facts.VolumeSet(now, luck.randint(0, 11)),
                facts.TopicChosen(now, luck.choice(("S1", "S2", "S9")), item),
                facts.Edited(now, item, luck.randint(-1, 3), luck.choice(TEXTS), "x", luck.choice(("type", "thought"))),
                facts.TextChecked(now, item, luck.randint(0, 2), sha256(luck.choice(TEXTS).encode()).hexdigest()),
                facts.Warned(now, luck.choice((300_000, 900_000, 1))),
                facts.ExtraTimeGiven(now, luck.choice((-1, 0, 60_000)), order),
                facts.Resumed(now, luck.choice((-1, 0, 500, 10**9)), "pc-3"),
                facts.Locked(now, "display"),
                facts.Unlocked(now, order, luck.choice(("", "lars"))),
                facts.IncidentNoted(now, "key_blocked", "F12"),
                facts.Submitted(now, luck.choice(("candidate", "time", "script", "chance"))),
                facts.Expelled(now, order),
                facts.LeftAlone(now, order),
                facts.ResetByOrder(now, order),
                replace(begun(self.given), at_ms=luck.choice((0, 1)), form=luck.choice((form.id, "other"))),
            )
        )
