"""Domain values for tests: programmes, panels, task sets, and attempts driven through the real engine.

Builders give plain data, as in files, so that a test can break one thing in it; `parse_*` makes the real values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from engine.attempt import Attempt, Given, replay
from engine.check import route_durations_ms
from engine.events import (
    Answered,
    AttemptBegun,
    DayCodeTried,
    Event,
    InformationRead,
    ModuleLeft,
    NameConfirmed,
    PlayBegun,
    PlayEnded,
    SoundChecked,
    Started,
    Submitted,
    WrittenStandardChosen,
)
from engine.ids import WrittenStandard
from engine.listening import StepKind, StepState
from engine.panel import Panel, TaskSet, parse_panel, parse_task_set
from engine.programme import Programme, parse_programme

MINUTE_MS = 60_000
LEVELS = ("below_A1", "A1", "A2", "B1", "B2")
REGULATION_GRAPH = {"RM1": ["RM2", "FM-A1A2"], "RM2": ["RM3", "FM-A1A2"], "RM3": ["FM-A2B1", "FM-B1B2"]}
TODAY_GRAPH = {
    "RM1": ["RM2A", "RM2B"],
    "RM2A": ["FM-A1A2", "FM-A2B1"],
    "RM2B": ["FM-A2B1", "FM-B1B2"],
}
MODULE_LEVELS = {
    "RM1": ("A1", "A1", "A2"),
    "RM2": ("A2", "A2", "B1"),
    "RM2A": ("A1", "A2", "A2"),
    "RM2B": ("A2", "B1", "B1"),
    "RM3": ("B1", "B1", "B2"),
    "FM-A1A2": ("A1", "A2"),
    "FM-A2B1": ("A2", "B1"),
    "FM-B1B2": ("B1", "B2"),
}
"""Levels that the items of a module go through in turn."""

DIFFICULTY = {"A1": -2.0, "A2": -0.7, "B1": 0.6, "B2": 1.9}
CUTS = (-2.2, -1.0, 0.3, 1.6)
READING_MS, PLAY_MS, GAP_MS, ANSWERING_MS = 20_000, 25_000, 5_000, 25_000
RATE_HZ = 48_000


# --- plain data -------------------------------------------------------------------------------------------------------


def part_plain(part: str, **changes: object) -> dict[str, Any]:
    """The plain rules of a Norskprøve part (reglement 3.5, 3.8, 4, 4.10, 4.12) or of a theory part, with changes."""
    plain: dict[str, Any] = {
        "part": part,
        "titles": {"nb": part, "nn": part, "en": part},
        "delivery": "adaptive",
        "navigation": "free_in_module",
        "limit_ms": 75 * MINUTE_MS,
        "duration_min_ms": None,
        "duration_max_ms": None,
        "accommodation_cap_ms": 15 * MINUTE_MS,
        "allows_extra_time": True,
        "warnings_ms": [15 * MINUTE_MS, 5 * MINUTE_MS],
        "plays_by_level": {},
        "shows_time": True,
        "clock_runs_while_down": True,
        "earliest_leave_ms": 15 * MINUTE_MS,
        "may_leave": True,
        "route_graph": REGULATION_GRAPH,
        "first_module": "RM1",
        "tasks_by_level": {},
        "all_tasks_required": False,
        "needs_sound_check": False,
        "logs": [],
    }
    by_part: dict[str, dict[str, Any]] = {
        "reading": {},
        "listening": {
            "navigation": "self_moving",
            "limit_ms": None,
            "duration_min_ms": 25 * MINUTE_MS,
            "duration_max_ms": 50 * MINUTE_MS,
            "accommodation_cap_ms": 0,
            "allows_extra_time": False,
            "warnings_ms": [],
            "plays_by_level": {"A1": 2, "A2": 2, "B1": 2, "B2": 1},
            "shows_time": False,
            "may_leave": False,
            "needs_sound_check": True,
        },
        "writing": {
            "delivery": "tasks",
            "navigation": "free",
            "limit_ms": 90 * MINUTE_MS,
            "accommodation_cap_ms": 30 * MINUTE_MS,
            "route_graph": {},
            "first_module": None,
            "tasks_by_level": {"A1-A2": 3, "A2-B1": 3, "B1-B2": 2},
            "all_tasks_required": True,
            "logs": ["edits", "keys"],
        },
        "theory": {
            "delivery": "fixed_form",
            "navigation": "free",
            "limit_ms": 60 * MINUTE_MS,
            "route_graph": {},
            "first_module": None,
        },
    }
    return {**plain, **by_part[part], **changes}


def programme_plain(**changes: object) -> dict[str, Any]:
    """A plain Norskprøve programme of three written parts, with changes."""
    return {
        "id": "norskprove-test",
        "version": 1,
        "titles": {"nb": "Norskprøven", "nn": "Norskprøva"},
        "is_demo": True,
        "levels": list(LEVELS),
        "parts": [part_plain("listening"), part_plain("reading"), part_plain("writing")],
        "day_code_scope": "site_date",
        "ban_test_periods": 1,
        "complaint_days": 21,
        "aid_policy": "none",
        **changes,
    }


def hunter_plain() -> dict[str, Any]:
    """The plain programme of an exam with one fixed form, passed or not."""
    return programme_plain(id="hunter-test", levels=["not_passed", "passed"], parts=[part_plain("theory")])


def item_plain(item: str, level: str, *, is_heard: bool = False, **changes: object) -> dict[str, Any]:
    """A plain item with the options A to D, of which A is right."""
    clip = {"id": f"{item}-clip", "frames": PLAY_MS * RATE_HZ // 1000, "sample_rate_hz": RATE_HZ}
    script = {
        "reading_ms": READING_MS,
        "gap_ms": GAP_MS,
        "answering_ms": ANSWERING_MS,
        "clips": {"nb": clip, "nn": {**clip, "id": f"{item}-clip-nn"}},
    }
    return {
        "id": item,
        "level": level,
        "key": {"kind": "choice", "correct": ["A"]},
        "max_score": 1,
        "is_scored": True,
        "parameters": {"model": "rasch", "b": DIFFICULTY.get(level, 0.0)},
        "listening": script if is_heard else None,
        **changes,
    }


def panel_plain(
    part: str = "reading",
    *,
    graph: Mapping[str, Sequence[str]] = REGULATION_GRAPH,
    sizes: Mapping[str, int] | None = None,
    cuts: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """A plain adaptive panel over a route graph.

    Args:
        sizes: items a module, where not 8 for RM1 and final modules and 4 for the others.
        cuts: the number correct from which a routing module leads to the harder target, where not half of its items.
    """
    names = [*graph, *dict.fromkeys(target for targets in graph.values() for target in targets if target not in graph)]
    size = {name: (8 if name == "RM1" or name.startswith("FM") else 4) for name in names} | dict(sizes or {})
    cut = {name: max(1, size[name] // 2) for name in graph} | dict(cuts or {})
    modules, items, routing = [], [], {}
    for name in names:
        ids = [f"{name}-{number}" for number in range(1, size[name] + 1)]
        kind = "routing" if name in graph else "final"
        modules.append({"id": name, "kind": kind, "items": ids})
        for number, item in enumerate(ids):
            level = MODULE_LEVELS[name][number % len(MODULE_LEVELS[name])]
            items.append(item_plain(item, level, is_heard=part == "listening"))
        if name in graph:
            low, high = sorted(graph[name], key=_difficulty)
            routing[name] = [
                {"low": 0, "high": cut[name] - 1, "target": low},
                {"low": cut[name], "high": size[name], "target": high},
            ]
    return {
        "id": f"{part}-test",
        "part": part,
        "levels": list(LEVELS),
        "modules": modules,
        "first": "RM1",
        "routing_basis": "module",
        "routing": routing,
        "level_table": [_level_row(route, size, cut, routing) for route in _routes(graph, ["RM1"])],
        "items": items,
        "scale": {"cuts": list(CUTS), "prior_mean": 0.0, "prior_sd": 1.5},
    }


def _difficulty(module: str) -> tuple[int, float]:
    levels = MODULE_LEVELS[module]
    goes_on = module.startswith("RM3") or module == "RM2"
    return goes_on, sum(LEVELS.index(level) for level in levels) / len(levels)


def _routes(graph: Mapping[str, Sequence[str]], begun: list[str]) -> list[list[str]]:
    return [route for target in graph.get(begun[-1], ()) for route in _routes(graph, [*begun, target])] or [begun]


def _level_row(
    route: list[str], size: Mapping[str, int], cut: Mapping[str, int], routing: Mapping[str, Any]
) -> dict[str, Any]:
    """The levels that a route's final module tells apart, at thirds of what can be earned after its branches."""
    three = {"FM-A1A2": LEVELS[:3], "FM-A2B1": LEVELS[1:4], "FM-B1B2": LEVELS[2:]}[route[-1]]
    least = sum(next(rule["low"] for rule in routing[a] if rule["target"] == b) for a, b in pairwise(route))
    total = sum(size[module] for module in route)
    span = max(1, size[route[-1]])
    place = [min(2, max(0, 3 * (number - least) // span)) for number in range(total + 1)]
    return {"route": route, "levels": [three[each] for each in place]}


def form_plain(size: int = 10, needed: int = 8) -> dict[str, Any]:
    """The plain fixed form of the hunter's exam: passed from so many correct."""
    ids = [f"J-{number}" for number in range(1, size + 1)]
    return {
        "id": "theory-test",
        "part": "theory",
        "levels": ["not_passed", "passed"],
        "modules": [{"id": "form", "kind": "form", "items": ids}],
        "first": "form",
        "routing_basis": "module",
        "routing": {},
        "level_table": [{"route": ["form"], "levels": ["not_passed"] * needed + ["passed"] * (size - needed + 1)}],
        "items": [item_plain(item, "passed", parameters=None) for item in ids],
        "scale": None,
    }


def task_set_plain(level: str = "B1-B2") -> dict[str, Any]:
    """A plain writing set; at B1-B2 its second slot is a choice of two topics."""
    slots = [{"id": "S1", "tasks": ["W-1"]}, {"id": "S2", "tasks": ["W-2"]}, {"id": "S3", "tasks": ["W-3"]}]
    chosen = [{"id": "S1", "tasks": ["W-1"]}, {"id": "S2", "tasks": ["W-2a", "W-2b"]}]
    return {"id": f"writing-{level}", "part": "writing", "level": level, "slots": chosen if level == "B1-B2" else slots}


# --- values -----------------------------------------------------------------------------------------------------------


def programme(**changes: object) -> Programme:
    return parse_programme(programme_plain(**changes), "test")


def panel(part: str = "reading", **how: Any) -> Panel:
    return parse_panel(panel_plain(part, **how), "test")


def task_set(level: str = "B1-B2") -> TaskSet:
    return parse_task_set(task_set_plain(level), "test")


def given(part: str = "reading", **how: Any) -> Given:
    """A part of the Norskprøve with its form, or the hunter's exam's theory part."""
    if part == "theory":
        return Given.of(parse_programme(hunter_plain(), "test"), parse_panel(form_plain(**how), "test"))
    form = task_set(**how) if part == "writing" else panel(part, **how)
    graph = {"route_graph": how["graph"]} if "graph" in how else {}
    parts = [part_plain(each, **(graph if each == part else {})) for each in ("listening", "reading", "writing")]
    return Given.of(programme(parts=parts), form)


def begun(of: Given, *, extra_ms: int = 0, attempt: str = "0" * 32, supersedes: str = "") -> AttemptBegun:
    return AttemptBegun(
        at_ms=0,
        attempt=attempt,
        sitting="sitting-1",
        candidate="100234",
        programme=of.programme.id,
        programme_version=of.programme.version,
        release="release-1",
        part=of.rules.part,
        form=of.form.id,
        extra_ms=extra_ms,
        supersedes=supersedes,
        device="pc-1",
    )


@dataclass
class Sitting:
    """A candidate's run driven like the kiosk drives it: what is due first, then what happened; all of it kept."""

    given: Given
    attempt: Attempt
    journal: list[Event] = field(default_factory=list)
    now_ms: int = 0

    def do(self, make: Callable[..., Event], *values: Any) -> Sitting:
        """Something happens now, which must be legal."""
        self.tick()
        self._record(make(self.now_ms, *values))
        return self

    def tick(self, by_ms: int = 0) -> Sitting:
        """Time goes on, and what it makes true is recorded."""
        self.now_ms += by_ms
        for event in self.attempt.due(self.now_ms):
            self._record(event)
        return self

    def refusal_code(self, make: Callable[..., Event], *values: Any) -> str:
        """Why something cannot happen now; "" if it can. Nothing changes."""
        event = make(self.now_ms, *values)
        refusal = self.attempt.refusal(event)
        assert (refusal is None) == (self.attempt.apply(event) is not self.attempt)
        return "" if refusal is None else refusal.code

    @property
    def panel(self) -> Panel:
        panel = self.attempt.panel
        assert panel is not None
        return panel

    @property
    def step(self) -> StepState:
        step = self.attempt.step
        assert step is not None
        return step

    @property
    def due_ms(self) -> int:
        due_ms = self.attempt.next_due_ms()
        assert due_ms is not None
        return due_ms

    @property
    def responses(self) -> dict[str, tuple[str, ...]]:
        return {str(item): response for item, response in self.attempt.responses.items()}

    @property
    def texts(self) -> dict[str, str]:
        return {str(task): text for task, text in self.attempt.texts.items()}

    @property
    def planned_ms(self) -> int:
        """How long the route taken was to last in Bokmål."""
        return route_durations_ms(self.panel, self.given.rules, WrittenStandard("nb"))[self.attempt.path]

    def events(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.journal if isinstance(event, kind)]

    def _record(self, event: Event) -> None:
        refusal = self.attempt.refusal(event)
        assert refusal is None, (event, refusal)
        self.attempt = self.attempt.apply(event)
        self.journal.append(event)

    # --- whole stretches --------------------------------------------------------------------------------------------

    def log_in(self, **how: Any) -> Sitting:
        self._record(begun(self.given, **how))
        return self

    def prepare(self, standard: str = "nb") -> Sitting:
        self.do(NameConfirmed).do(WrittenStandardChosen, WrittenStandard(standard)).do(SoundChecked, True, 5)
        return self.do(InformationRead).do(DayCodeTried, True)

    def start(self) -> Sitting:
        return self.do(Started).tick()

    def answer_module(self, correct: int | Iterable[str]) -> Sitting:
        """Answer the first so many items (or those named) of the present module right, the others wrong."""
        right = set(self.attempt.items[:correct] if isinstance(correct, int) else correct)
        for item in self.attempt.items:
            self.do(Answered, item, ("A",) if item in right else ("B",))
        return self

    def leave_module(self) -> Sitting:
        return self.do(ModuleLeft, self.attempt.module)

    def take(self, correct: Callable[[Attempt], int]) -> Sitting:
        """Go through a reading part to its end, with so many right in each module."""
        while not self.attempt.is_last_module:
            self.answer_module(correct(self.attempt)).leave_module()
        return self.answer_module(correct(self.attempt)).do(Submitted, "candidate")

    def play(self) -> Sitting:
        """Sound the play that the listening script waits for, to its end."""
        step, clip = self.step, self.attempt.present_clip()
        assert clip is not None
        assert step.kind is StepKind.PLAY
        self.do(PlayBegun, step.item, step.play, step.frame)
        self.now_ms += clip.duration_ms - step.frame * 1000 // clip.sample_rate_hz
        return self.do(PlayEnded, step.item, step.play, clip.frames).tick()

    def listen(self, answer: Callable[[str], str | None]) -> Sitting:
        """Run a listening part to its end by itself, answering each item in its last step (None: not at all)."""
        self.tick()
        while not self.attempt.has_ended:
            step = self.step
            if step.kind is StepKind.PLAY and step.ends_ms is None:
                self.play()
                continue
            if step.kind is StepKind.ANSWER and (chosen := answer(step.item)) is not None:
                self.do(Answered, step.item, (chosen,))
            self.tick(self.due_ms - self.now_ms)
        return self

    def check_replay(self) -> Sitting:
        """The journal gives the same attempt again, with nothing refused."""
        again = replay(self.given, self.journal)
        assert again.refused == ()
        assert again.attempt == self.attempt
        return self


def sitting(part: str = "reading", **how: Any) -> Sitting:
    """Nobody has logged in yet."""
    of = given(part, **how)
    return Sitting(of, Attempt.waiting(of))


def running(part: str = "reading", *, extra_ms: int = 0, **how: Any) -> Sitting:
    """A candidate who has just started."""
    return sitting(part, **how).log_in(extra_ms=extra_ms).prepare().start()


# --- strategies -------------------------------------------------------------------------------------------------------


@st.composite
def panels(draw: st.DrawFn, part: str = "reading") -> Panel:
    """Adaptive panels over either route graph, with modules of 1 to 6 items and any cut scores."""
    graph = draw(st.sampled_from([REGULATION_GRAPH, TODAY_GRAPH]))
    names = [*graph, *{target for targets in graph.values() for target in targets}]
    sizes = {name: draw(st.integers(1, 6)) for name in sorted(set(names))}
    cuts = {name: draw(st.integers(1, sizes[name])) for name in graph}
    return parse_panel(panel_plain(part, graph=graph, sizes=sizes, cuts=cuts), "drawn")
