"""From cut scores on theta to the panel's one official level rule: (route, number correct) → level.

The rule compares the posterior mean of theta, given the route taken and the number correct, with the cut scores. It is
made monotone in number correct, and refused when some level could never be reached. What it costs is told with it:
the share of candidates placed wrongly, per level and per cut score.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.ability import Normal
from engine.ids import Level, ModuleId
from engine.panel import AbilityScale, Panel
from psychometrics.data import FloatArray, IntArray
from psychometrics.errors import CutOrderError, UnreachableLevelError
from psychometrics.exact import (
    Classification,
    ExactEvaluation,
    PanelModel,
    Route,
    classify,
    eap_tables,
    evaluate,
    normal_weights,
)
from psychometrics.panels import panel_items

SDS_PER_SIDE = 6.0
GRID_STEP = 0.02  # logits; halving it changes classification figures in the fifth digit only


@dataclass(frozen=True, slots=True)
class LevelTable:
    """The official table with what it implies.

    Attributes:
        levels: names, lowest first.
        cuts: cut scores on theta, one fewer than levels.
        numbers: per route, the level number of each number correct.
        theta, se: per route, posterior mean and standard deviation for each number correct.
        probabilities: per route, P(level | route, number correct), shape (n_scores, n_levels).
        reachable: per route, which numbers correct can occur on it.
        classification: exact accuracy and consistency in the population.
    """

    levels: tuple[str, ...]
    cuts: FloatArray
    prior: tuple[float, float]
    numbers: Mapping[Route, IntArray]
    theta: Mapping[Route, FloatArray]
    se: Mapping[Route, FloatArray]
    probabilities: Mapping[Route, FloatArray]
    reachable: Mapping[Route, IntArray]
    classification: Classification

    def names(self) -> dict[Route, tuple[str, ...]]:
        """The table in level names."""
        return {route: tuple(self.levels[int(k)] for k in row) for route, row in self.numbers.items()}

    def plain(self) -> list[dict[str, object]]:
        """Rows as they stand in a panel file."""
        return [{"route": list(route), "levels": list(row)} for route, row in self.names().items()]

    def applied(self, panel: Panel) -> Panel:
        """The panel with this table and these cut scores."""
        table = {tuple(ModuleId(m) for m in r): tuple(Level(n) for n in row) for r, row in self.names().items()}
        mean, sd = self.prior
        return replace(panel, level_table=table, scale=AbilityScale(tuple(self.cuts.tolist()), mean, sd))


def level_table(
    panel: PanelModel,
    levels: Sequence[str],
    cuts: Sequence[float],
    *,
    prior_mean: float = 0.0,
    prior_sd: float = 1.0,
    highest: Mapping[str, str] | None = None,
) -> LevelTable:
    """The official level table of a panel.

    Args:
        panel: routes and curves of the scored items.
        levels: names, lowest first.
        cuts: cut scores on theta, ascending, one fewer than levels.
        prior_mean, prior_sd: the population of candidates.
        highest: the highest level that a final module may give, where it measures no further.

    Raises:
        CutOrderError: cut scores that do not rise, or are not one fewer than the levels.
        UnreachableLevelError: no answer pattern would earn some level.
    """
    edges = np.array(cuts, dtype=np.float64)
    if len(edges) != len(levels) - 1 or bool((np.diff(edges) <= 0).any()):
        raise CutOrderError(levels, cuts)
    theta = population_grid(prior_mean, prior_sd)
    weights = normal_weights(theta, mean=prior_mean, sd=prior_sd)
    evaluation = evaluate(panel, theta)
    means, sds = eap_tables(*_on_engine_nodes(panel, prior_mean, prior_sd))
    numbers = capped_levels(means, levels, cuts, highest or {})
    reachable = {route: reachable_scores(evaluation, route) for route in numbers}
    reached = {int(numbers[route][score]) for route, scores in reachable.items() for score in scores}
    missing = [level for k, level in enumerate(levels) if k not in reached]
    if missing:
        raise UnreachableLevelError(missing, _span(means), cuts)
    return LevelTable(
        levels=tuple(levels),
        cuts=edges,
        prior=(prior_mean, prior_sd),
        numbers=numbers,
        theta=means,
        se=sds,
        probabilities={route: _level_probabilities(evaluation, route, edges, weights) for route in numbers},
        reachable=reachable,
        classification=classify(evaluation, numbers, edges, weights),
    )


def _on_engine_nodes(panel: PanelModel, mean: float, sd: float) -> tuple[ExactEvaluation, FloatArray]:
    """The very nodes on which the engine computes a theta, so that both fall on the same side of a cut score."""
    nodes = np.array(Normal(mean, sd).nodes())
    return evaluate(panel, nodes), normal_weights(nodes, mean=mean, sd=sd)


def official_table(
    panel: Panel, cuts: Sequence[float], *, prior_mean: float = 0.0, prior_sd: float = 1.0
) -> LevelTable:
    """The same from an engine panel, whose levels give the names."""
    return level_table(panel_items(panel).model, panel.levels, cuts, prior_mean=prior_mean, prior_sd=prior_sd)


def population_grid(mean: float = 0.0, sd: float = 1.0) -> FloatArray:
    """Thetas over six standard deviations on each side, fine enough for classification figures."""
    half = int(np.ceil(SDS_PER_SIDE * sd / GRID_STEP))
    return mean + GRID_STEP * np.arange(-half, half + 1, dtype=np.float64)


def monotone_levels(theta: FloatArray, cuts: FloatArray) -> IntArray:
    """Level number of each reported theta; a higher number correct never earns a lower level."""
    return np.maximum.accumulate(np.searchsorted(cuts, theta, side="right")).astype(np.int64)


def capped_levels(
    means: Mapping[Route, FloatArray], levels: Sequence[str], cuts: Sequence[float], highest: Mapping[str, str]
) -> dict[Route, IntArray]:
    """Level numbers of posterior means per route, none above what the route's final module may give."""
    most = {module: list(levels).index(level) for module, level in highest.items()}
    edges = np.array(cuts, dtype=np.float64)
    return {
        route: np.minimum(monotone_levels(mean, edges), most.get(route[-1], len(levels) - 1))
        for route, mean in means.items()
    }


def reachable_scores(evaluation: ExactEvaluation, route: Route) -> IntArray:
    """Numbers correct that can occur on a route."""
    return np.flatnonzero(evaluation.joint[route].max(axis=1) > 0).astype(np.int64)


def _level_probabilities(
    evaluation: ExactEvaluation, route: Route, cuts: FloatArray, weights: FloatArray
) -> FloatArray:
    """Posterior mass between cut scores; a grid cell that a cut score falls into is shared out by the straight line."""
    mass = evaluation.joint[route] * weights
    total = mass.sum(axis=1, keepdims=True)
    posterior = np.divide(mass, total, out=np.zeros_like(mass), where=total > 0)
    edges = evaluation.theta + 0.5 * GRID_STEP
    cumulative = np.cumsum(posterior, axis=1)
    below = np.array([np.interp(cuts, edges, row) for row in cumulative], dtype=np.float64)
    ends = np.where(total > 0, 1.0, 0.0)
    return np.diff(np.hstack([np.zeros_like(ends), below, ends]), axis=1)


def _span(means: Mapping[Route, FloatArray]) -> tuple[float, float]:
    everything = np.concatenate(list(means.values()))
    return float(everything.min()), float(everything.max())
