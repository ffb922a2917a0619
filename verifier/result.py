"""What an attempt comes to (docs/formats.md §9): route, numbers correct, points, level and ability."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from verifier.canonical import encode
from verifier.crypto import sha256_hex
from verifier.errors import need
from verifier.forms import Form, Item
from verifier.keys import Key
from verifier.replay import ENDS, Attempt, Branch

SCORING_VERSION: Final = 1
_NO_BASIS: Final = "no_basis_for_assessment"
_SDS: Final = 6.0
_INTERVALS: Final = 60
"""Of Simpson's rule between two cut scores: theta comes out to seven digits and more."""


def with_keys(form: Form, corrected: Mapping[str, Key]) -> Form:
    """The form with other keys for some items."""
    items = {name: replace(item, key=corrected.get(name, item.key)) for name, item in form.items.items()}
    return replace(form, items=items)


def hash_of_keys(form: Form) -> str:
    """`keys_sha256`: equal exactly where two panels score alike; "" for a task set."""
    if not form.is_panel:
        return ""
    rules = {item.id: [item.key.name, item.key.plain, item.max_score, item.is_scored] for item in form.items.values()}
    return sha256_hex(json.dumps(rules, sort_keys=True).encode())


def state_of(attempt: Attempt) -> dict[str, object]:
    """What a result says of the state."""
    return {
        "form": attempt.form.id,
        "programme": attempt.programme.id,
        "written_standard": attempt.written_standard or "",
        "phase": attempt.phase,
        "end_cause": attempt.end_cause,
        "state_sha256": sha256_hex(encode(attempt.state())),
        "plays": dict(attempt.plays),
        "texts": {task: len(text) for task, text in attempt.texts.items()},
    }


def has_result(attempt: Attempt) -> bool:
    """Whether there is anything to score: it was started, has ended, and was not reset."""
    return attempt.started_ms is not None and attempt.phase in ENDS - {"reset"}


def result_of(attempt: Attempt, keyed: Form) -> tuple[str, dict[str, object]]:
    """Level and result of an attempt on the route it took, points by the keys of ``keyed``.

    Raises:
        WrongError: the form has no level for it.
    """
    if not attempt.form.is_panel:
        return "", _common([], [], [], {}, {}) | {"statuses": _statuses(attempt), "notes": _notes(attempt)}
    route, module = list(attempt.route), attempt.module
    while (branch := attempt.branch_from(module, route)) is not None:
        route.append(branch)
        module = branch.target
    modules = [attempt.form.first, *(branch.target for branch in route)]
    points = {
        item: keyed.items[item].key.points(attempt.responses.get(item, ()), keyed.items[item].max_score)
        for module in modules
        for item in keyed.modules[module]
    }
    correct = {module: sum(map(_is_correct(attempt, keyed), keyed.modules[module])) for module in modules}
    total = sum(correct.values())
    row = keyed.level_table.get(tuple(modules), ())
    need(total < len(row), f"the level table of form '{keyed.id}' has no level for {total} correct on its route")
    data = _common(route, modules, modules[len(attempt.route) + 1 :], correct, points)
    return row[total], data | _ability(keyed, route, modules, total) | {"statuses": _statuses(attempt), "notes": {}}


def _is_correct(attempt: Attempt, keyed: Form):  # noqa: ANN202  a function of an item's id
    def check(name: str) -> bool:
        item = keyed.items[name]
        response = attempt.responses.get(name)
        return bool(item.is_scored and response and item.key.points(response, item.max_score) == item.max_score)

    return check


def _common(
    route: Sequence[Branch],
    modules: Sequence[str],
    completed: Sequence[str],
    correct: Mapping[str, int],
    points: Mapping[str, int],
) -> dict[str, object]:
    return {
        "route": [vars(branch) for branch in route],
        "modules": list(modules),
        "completed_modules": list(completed),
        "number_correct": dict(correct),
        "total_correct": sum(correct.values()),
        "scores": dict(points),
        "theta": None,
        "se": None,
        "level_probabilities": {},
        "scoring_version": SCORING_VERSION,
    }


# --- what became of every item and task -------------------------------------------------------------------------------


def _statuses(attempt: Attempt) -> dict[str, str]:
    if not attempt.form.is_panel:
        chosen = {_task_of(attempt, slot) for slot in attempt.form.slots}
        tasks = [task for slot in attempt.form.slots.values() for task in slot]
        return {task: _status(attempt, task, task in chosen, bool(_text(attempt, task)), None) for task in tasks}
    begun = {branch.module for branch in attempt.route} | {attempt.module}
    return {
        item: _status(attempt, item, module in begun, any(attempt.responses.get(item, ())), module)
        for item, module in attempt.form.module_of.items()
    }


def _status(attempt: Attempt, name: str, is_given: bool, is_answered: bool, module: str | None) -> str:  # noqa: FBT001
    if not is_given or attempt.started_ms is None:
        return "not_presented"
    if is_answered:
        return "answered"
    was_finished = attempt.end_cause in {"candidate", "script"} or (module is not None and module != attempt.module)
    return "omitted" if name in attempt.presented or was_finished else "not_reached"


def _task_of(attempt: Attempt, slot: str) -> str | None:
    """The task that counts in a slot; None while its topic is not chosen."""
    tasks = attempt.form.slots[slot]
    return tasks[0] if len(tasks) == 1 else attempt.topics.get(slot)


def _text(attempt: Attempt, task: str) -> str:
    return attempt.texts.get(task, "").strip()


def _notes(attempt: Attempt) -> dict[str, str]:
    tasks = [_task_of(attempt, slot) or attempt.form.slots[slot][0] for slot in attempt.form.slots]
    return {task: _NO_BASIS for task in tasks if not _text(attempt, task)}


# --- ability ----------------------------------------------------------------------------------------------------------


def _ability(form: Form, route: Sequence[Branch], modules: Sequence[str], total: int) -> dict[str, object]:
    """Mean, standard deviation and level probabilities of the posterior, given the route and the total correct."""
    scored = [[form.items[name] for name in form.modules[module] if form.items[name].is_scored] for module in modules]
    if form.cuts is None or any(item.curve is None for items in scored for item in items):
        return {}
    mean, sd = form.prior
    bounds = [(branch.low, branch.high) for branch in route]

    def density(theta: float) -> float:
        return math.exp(-0.5 * ((theta - mean) / sd) ** 2) * _likelihood(form, scored, bounds, total, theta)

    low, high = mean - _SDS * sd, mean + _SDS * sd
    edges = [low, *(min(high, max(low, cut)) for cut in form.cuts), high]
    masses: list[float] = []
    first = second = 0.0
    for begin, end in pairwise(edges):
        nodes = [begin + (end - begin) * place / _INTERVALS for place in range(_INTERVALS + 1)]
        weights = [1 if place in {0, _INTERVALS} else 4 if place % 2 else 2 for place in range(_INTERVALS + 1)]
        values = [weight * density(node) * (end - begin) for node, weight in zip(nodes, weights, strict=True)]
        masses.append(math.fsum(values))
        first += math.fsum(value * node for value, node in zip(values, nodes, strict=True))
        second += math.fsum(value * node * node for value, node in zip(values, nodes, strict=True))
    mass = math.fsum(masses)
    theta = first / mass
    return {
        "theta": theta,
        "se": math.sqrt(second / mass - theta * theta),
        "level_probabilities": {level: each / mass for level, each in zip(form.levels, masses, strict=False)},
    }


def _likelihood(
    form: Form, scored: Sequence[Sequence[Item]], bounds: Sequence[tuple[int, int]], total: int, theta: float
) -> float:
    """The probability at theta of this route with this total, by the recursion of Lord and Wingersky (1984)."""
    sums = [1.0]
    for number, items in enumerate(scored):
        own = [1.0] if not form.is_by_route else sums
        for item in items:
            right = _curve(item, theta)
            own = [
                (own[score] * (1 - right) if score < len(own) else 0.0) + (own[score - 1] * right if score else 0.0)
                for score in range(len(own) + 1)
            ]
        if number < len(bounds):
            low, high = bounds[number]
            own = [value if low <= score <= high else 0.0 for score, value in enumerate(own)]
        sums = own if form.is_by_route else _convolved(sums, own)
    return sums[total]


def _curve(item: Item, theta: float) -> float:
    a, b, c = item.curve or (1.0, 0.0, 0.0)
    x = max(-700.0, min(700.0, a * (theta - b)))
    return c + (1 - c) / (1 + math.exp(-x))


def _convolved(left: Sequence[float], right: Sequence[float]) -> list[float]:
    sums = [0.0] * (len(left) + len(right) - 1)
    for i, p in enumerate(left):
        for j, q in enumerate(right):
            sums[i + j] += p * q
    return sums
