"""The result of an attempt, with its route receipt: enough for anybody to compute it again.

A route that time cut short is completed by the panel's own rules with what was answered, as if the candidate had gone
through the rest without an answer. So an unanswered item costs the same whether it was omitted or not reached.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from engine.ability import Normal, level_probabilities, route_score_posterior
from engine.errors import PanelError, ResultError
from engine.ids import ItemId, Level, ModuleId, TaskId
from engine.irt import RouteModule
from engine.panel import Panel, Route, RoutingBasis
from engine.scoring import SCORING_VERSION, score_key
from engine.state import AttemptState, ItemStatus, Phase, RouteStep

NO_BASIS = "no_basis_for_assessment"


@dataclass(frozen=True, slots=True)
class Ability:
    """Ability from the sum score on the route: mean and standard deviation of its posterior, logits.

    ``level_probabilities`` has one probability a level, lowest first.
    """

    theta: float
    se: float
    level_probabilities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What an attempt comes to.

    Attributes:
        route: every branch; ``completed_modules`` names those that the candidate did not come to.
        modules: the complete route, final module included.
        number_correct: of each module on it; ``total_correct`` over the route decides the level.
        scores: the points of every item that was on the route, pilot items included (they never count).
        level: None in a part of tasks, which markers assess.
        ability: None where the panel is not calibrated.
        notes: for markers, by task: `NO_BASIS` where there is no text.
    """

    attempt: str
    form: str
    route: tuple[RouteStep, ...]
    modules: Route
    completed_modules: Route
    number_correct: Mapping[ModuleId, int]
    total_correct: int
    scores: Mapping[ItemId, int]
    level: Level | None
    ability: Ability | None
    statuses: Mapping[str, ItemStatus]
    notes: Mapping[TaskId, str]
    scoring_version: int

    @property
    def theta(self) -> float | None:
        """Ability in logits, where the panel is calibrated."""
        return None if self.ability is None else self.ability.theta

    @property
    def se(self) -> float | None:
        """Its standard error, where the panel is calibrated."""
        return None if self.ability is None else self.ability.se

    @property
    def level_probabilities(self) -> tuple[float, ...]:
        """The probability of each level, lowest first; empty where the panel is not calibrated."""
        return () if self.ability is None else self.ability.level_probabilities


def result(attempt: AttemptState) -> Result:
    """The result of an attempt that has ended.

    Raises:
        ResultError: it has not ended, or it was reset and no longer counts.
    """
    if attempt.phase is Phase.RESET or not attempt.has_ended or attempt.started_ms is None:
        raise ResultError(attempt.phase.value)
    panel = attempt.panel
    return _result_of_tasks(attempt) if panel is None else _result_of_items(attempt, panel)


def _result_of_tasks(attempt: AttemptState) -> Result:
    empty = {task: NO_BASIS for task in attempt.tasks if not attempt.is_answered(task)}
    return Result(
        attempt=attempt.id,
        form=attempt.given.form.id,
        route=(),
        modules=(),
        completed_modules=(),
        number_correct={},
        total_correct=0,
        scores={},
        level=None,
        ability=None,
        statuses=attempt.statuses(),
        notes=empty,
        scoring_version=SCORING_VERSION,
    )


def _result_of_items(attempt: AttemptState, panel: Panel) -> Result:
    completed = attempt
    while (branch := completed.branch()) is not None:
        completed = completed.changed(route=(*completed.route, branch), module=branch.target)
    modules = completed.path
    number_correct = {module: attempt.number_correct(module) for module in modules}
    total = sum(number_correct.values())
    return Result(
        attempt=attempt.id,
        form=panel.id,
        route=completed.route,
        modules=modules,
        completed_modules=modules[len(attempt.path) :],
        number_correct=number_correct,
        total_correct=total,
        scores=_scores(attempt, panel, modules),
        level=level_of(panel, modules, total),
        ability=route_ability(panel, completed.route, modules, total),
        statuses=attempt.statuses(),
        notes={},
        scoring_version=SCORING_VERSION,
    )


def level_of(panel: Panel, route: Route, total_correct: int) -> Level:
    """The official level of a complete route and the number correct on it.

    Raises:
        PanelError: the table has no such row or number; `engine.check.check_panel` refuses such a panel beforehand.
    """
    row = panel.level_table.get(route, ())
    if not 0 <= total_correct < len(row):
        raise PanelError(
            where=panel.id,
            field=f"level_table.{' → '.join(route)}",
            fault=f"it has no level for {total_correct} correct",
            remedy="Check the panel before it is given",
        )
    return row[total_correct]


def _scores(attempt: AttemptState, panel: Panel, modules: Route) -> Mapping[ItemId, int]:
    return {
        item: score_key(panel.items[item].key, panel.items[item].max_score, attempt.responses.get(item, ()))
        for module in modules
        for item in panel.modules[module].items
    }


def route_ability(panel: Panel, route: tuple[RouteStep, ...], modules: Route, total: int) -> Ability | None:
    """Ability given a route and the number correct on it; None where the panel is not calibrated."""
    if panel.scale is None:
        return None
    counts: Literal["module", "total"] = "module" if panel.routing_basis is RoutingBasis.MODULE else "total"
    taken: list[RouteModule] = []
    for module in modules:
        parameters = tuple(item.parameters for item in panel.scored_items[module] if item.parameters is not None)
        if len(parameters) != len(panel.scored_items[module]):
            return None
        taken.append(RouteModule(parameters, counts=counts))
    branched = tuple(replace(module, low=step.low, high=step.high) for module, step in zip(taken, route, strict=False))
    prior = Normal(panel.scale.prior_mean, panel.scale.prior_sd)
    return _ability((*branched, *taken[len(branched) :]), total, prior, panel.scale.cuts)


@lru_cache(maxsize=4096)
def _ability(route: tuple[RouteModule, ...], total: int, prior: Normal, cuts: tuple[float, ...]) -> Ability:
    posterior = route_score_posterior(route, total, prior)
    return Ability(posterior.mean, posterior.sd, level_probabilities(posterior, cuts))
