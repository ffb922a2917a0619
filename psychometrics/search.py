"""Looking for the panel that places candidates best: assemble, route, set levels, evaluate exactly; then confirm.

The integer programme knows information, not levels. So several panels are assembled, each with its targets moved a
little, and every one is judged by what counts: the share of candidates that its official table places rightly. The
winner is run once by simulation, whose figures must lie within chance of the exact ones.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from engine.ids import ModuleId
from engine.panel import RoutingRule
from psychometrics.assembly import AssembledPanel, ModuleDemands, PanelDemands, PoolItem, assemble
from psychometrics.curves import curves_of
from psychometrics.errors import DisagreementError, NoPanelError, NoTimeError, UnreachableLevelError
from psychometrics.exact import PanelModel, RouteTree, classify, eap_tables, evaluate_routes, normal_weights
from psychometrics.levels import LevelTable, capped_levels, level_table, population_grid
from psychometrics.panels import members_of, tree_of_rules
from psychometrics.simulation import simulate
from psychometrics.thresholds import RoutingProblem, Rules, by_information, by_population

TARGET_SHIFT = 0.2  # logits: standard deviation of the moves tried around the given targets
CONFIRM_SIMULEES = 20_000
RoutingChoice = Literal["accuracy", "information", "population"]
SEARCH_THIN = 8  # of the classification grid: steps of 0.16 logits order routing cuts as the full grid does
LEAST_GAIN = 1e-9
CHANCE_LIMIT = 4.5  # standard errors between simulation and exact evaluation; chance passes it once in 150 000


@dataclass(frozen=True, slots=True)
class LevelDemands:
    """How a panel is judged: levels, cut scores on theta, the population, and the highest level of final modules."""

    levels: tuple[str, ...]
    cuts: tuple[float, ...]
    prior_mean: float = 0.0
    prior_sd: float = 1.0
    highest: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class JudgedPanel:
    """A panel with its routing, its level table and the exact share of candidates that it places rightly."""

    panel: AssembledPanel
    rules: Rules
    model: PanelModel
    table: LevelTable
    largest_deviation: float

    @property
    def accuracy(self) -> float:
        """Share of candidates placed rightly."""
        return self.table.classification.accuracy


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Accuracy by exact evaluation and by simulation, with the simulation's standard error."""

    exact: float
    simulated: float
    standard_error: float


def search(
    pool: Sequence[PoolItem],
    demands: PanelDemands,
    levels: LevelDemands,
    *,
    tries: int,
    seed: int,
    routing: RoutingChoice = "accuracy",
    shares: Mapping[str, Sequence[float]] | None = None,
    watch: Callable[[], None] | None = None,
) -> tuple[tuple[JudgedPanel, ...], Confirmation]:
    """The set of panels that places candidates best among several assemblies.

    Args:
        pool, demands: for `assemble`.
        levels: how to judge.
        tries: how many assemblies; the first has the targets as given.
        seed: of the moves and of the confirming simulation.
        routing: intervals that place most candidates rightly, by maximum information, or by defined population.
        shares: for defined population, the share for each next module of each routing module.
        watch: called before each try.

    Returns:
        The panels of the best assembly, and the confirmation of its weakest panel.

    Raises:
        NoPanelError, NoTimeError: from the first assembly, whose demands are as given.
        UnreachableLevelError: no assembly gave panels on which every level can be reached.
        DisagreementError: the simulation contradicts the exact evaluation.
    """
    rng = np.random.default_rng(seed)
    best: tuple[JudgedPanel, ...] = ()
    refused: UnreachableLevelError | None = None
    for attempt in range(tries):
        if watch is not None:
            watch()
        moved = demands if attempt == 0 else _moved(demands, rng)
        try:
            assembly = assemble(pool, moved)
            judged = tuple(
                judge(panel, moved, levels, assembly.largest_deviation, routing=routing, shares=shares)
                for panel in assembly.panels
            )
        except UnreachableLevelError as error:
            refused = error
            continue
        except (NoPanelError, NoTimeError):
            if attempt == 0:
                raise
            continue
        if not best or _weakest(judged).accuracy > _weakest(best).accuracy:
            best = judged
    if not best and refused is not None:
        raise refused
    return best, confirm(_weakest(best), seed=seed)


def judge(
    panel: AssembledPanel,
    demands: PanelDemands,
    levels: LevelDemands,
    largest_deviation: float,
    *,
    routing: RoutingChoice = "accuracy",
    shares: Mapping[str, Sequence[float]] | None = None,
) -> JudgedPanel:
    """Routing intervals, official table and exact classification of an assembled panel."""
    theta = population_grid(levels.prior_mean, levels.prior_sd)
    weights = normal_weights(theta, mean=levels.prior_mean, sd=levels.prior_sd)
    curves = curves_of([item.parameters for item in panel.items()])
    members = members_of({module: [item.id for item in items] for module, items in panel.modules.items()})
    problem = RoutingProblem(demands.first, demands.graph, curves, members, theta, weights)
    rules = _routing(problem, levels, routing, shares)
    model = PanelModel(
        tree_of_rules(demands.first, {m: len(index) for m, index in members.items()}, rules), curves, members
    )
    table = level_table(
        model,
        levels.levels,
        levels.cuts,
        prior_mean=levels.prior_mean,
        prior_sd=levels.prior_sd,
        highest=levels.highest,
    )
    return JudgedPanel(panel, rules, model, table, largest_deviation)


def _routing(
    problem: RoutingProblem,
    levels: LevelDemands,
    routing: RoutingChoice,
    shares: Mapping[str, Sequence[float]] | None,
) -> Rules:
    if routing == "population" and shares is not None:
        return by_population(problem, shares)
    rules = by_information(problem)
    return rules if routing == "information" else by_accuracy(problem, levels, rules)


def by_accuracy(problem: RoutingProblem, levels: LevelDemands, start: Rules) -> Rules:
    """Intervals that place most candidates rightly, moving one cut at a time until no move helps.

    Where a module leads either to the end or to further modules, information says little, since it does not see what
    comes after; this does.

    Args:
        problem: modules and population; a coarser grid of its thetas is used while searching.
        levels: level names, cut scores and caps.
        start: intervals to begin with.
    """
    theta, weights = problem.theta[::SEARCH_THIN], problem.weights[::SEARCH_THIN]
    points = {module: len(index) for module, index in problem.members.items()}
    modules = PanelModel(RouteTree(problem.first, points, {}), problem.curves, problem.members)
    distributions = modules.module_distributions(theta)
    weights = weights / weights.sum()

    def worth(rules: Rules) -> float:
        evaluation = evaluate_routes(tree_of_rules(problem.first, points, rules), distributions, theta)
        means, _ = eap_tables(evaluation, weights)
        numbers = capped_levels(means, levels.levels, levels.cuts, levels.highest)
        return classify(evaluation, numbers, np.array(levels.cuts), weights).accuracy

    best, rules = worth(start), dict(start)
    improved = True
    while improved:
        improved = False
        for module, moved in _moves(rules):
            found = worth({**rules, module: moved})
            if found > best + LEAST_GAIN:
                best, improved = found, True
                rules[module] = moved
    return rules


def _moves(rules: Rules) -> Iterator[tuple[ModuleId, tuple[RoutingRule, ...]]]:
    """Every place for one cut of one module between its neighbours, all other cuts staying."""
    for module, leads in rules.items():
        for k in range(1, len(leads)):
            for low in range(leads[k - 1].low + 1, leads[k].high + 1):
                if low != leads[k].low:
                    below, above = replace(leads[k - 1], high=low - 1), replace(leads[k], low=low)
                    yield module, (*leads[: k - 1], below, above, *leads[k + 1 :])


def confirm(judged: JudgedPanel, *, seed: int, simulees: int = CONFIRM_SIMULEES) -> Confirmation:
    """Run the panel by simulation and hold the share placed rightly against the exact one.

    Raises:
        DisagreementError: they differ by more than chance allows.
    """
    mean, sd = judged.table.prior
    theta = np.random.default_rng(seed).normal(mean, sd, simulees)
    placed = simulate(judged.model, theta, seed=seed).levels(judged.table.numbers)
    right = placed == np.searchsorted(judged.table.cuts, theta, side="right")
    share = float(right.mean())
    error = float(np.sqrt(judged.accuracy * (1.0 - judged.accuracy) / simulees))
    if abs(share - judged.accuracy) > CHANCE_LIMIT * error:
        raise DisagreementError(share, judged.accuracy, error)
    return Confirmation(judged.accuracy, share, error)


def _weakest(panels: Sequence[JudgedPanel]) -> JudgedPanel:
    return min(panels, key=lambda judged: judged.accuracy)


def _moved(demands: PanelDemands, rng: np.random.Generator) -> PanelDemands:
    return replace(demands, modules=tuple(_shifted(module, rng) for module in demands.modules))


def _shifted(module: ModuleDemands, rng: np.random.Generator) -> ModuleDemands:
    shift = float(rng.normal(0.0, TARGET_SHIFT))
    return replace(
        module,
        targets=tuple((theta + shift, information) for theta, information in module.targets),
        best_at=tuple(theta + shift for theta in module.best_at),
    )
