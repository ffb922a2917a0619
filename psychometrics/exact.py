"""What a multistage panel does, computed instead of simulated.

A panel is a tree of routes. At each theta the score distribution of a module follows from its items by the
recursion of Lord and Wingersky; along a route these are convolved, and only the scores that lead on are kept.
The result is the joint probability of (route, score) at every theta, from which everything else follows without
chance: exposure, bias, conditional error, classification accuracy and consistency.

Arrays over scores and thetas have the theta axis last: shape (n_scores, n_thetas).

References:
    Lord & Wingersky (1984), Applied Psychological Measurement 8, 453-461.
    Lim, Davey & Wells (2020), Journal of Educational Measurement 58, 154-178.
    Lee (2010), Journal of Educational Measurement 47, 1-17. Rudner (2001), PARE 7(14).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from engine.panel import RoutingBasis
from psychometrics.data import FloatArray, IntArray
from psychometrics.errors import PanelShapeError

Route = tuple[str, ...]
ScoreTables = Mapping[Route, FloatArray]
LevelTables = Mapping[Route, IntArray]

GRID_STEP = 0.01  # published tables of inverse-TCC scores are bisected from a grid this fine
ROOT_STEPS = 60
ROOT_PRECISION = 1e-12
SLOPE_STEP = 1e-6  # forward difference for Newton's slope: good to six digits, which keeps its speed
WLE_RANGE = 10.0
WLE_ZOOMS = 5
EXACT_BELOW = 1e-9  # a tolerance finer than this asks for the root itself


class Curves(Protocol):
    """Items whose chance of a correct answer is known at every theta."""

    def subset(self, rows: IntArray) -> "Curves":
        """These items alone, in this order."""
        ...

    def correct(self, theta: FloatArray) -> FloatArray:
        """Probability of number-correct credit, shape (n_items, n_thetas)."""
        ...

    def information(self, theta: FloatArray) -> FloatArray:
        """Fisher information of the same credit, shape (n_items, n_thetas)."""
        ...


@dataclass(frozen=True, slots=True)
class RouteTree:
    """The modules of a panel, how many score points each has, and where each score leads.

    `next_module` maps every route that goes on to the module that each score leads to; a route that is not a key is
    complete. `basis` says which score decides: that of the module just left, or of the whole route so far.
    """

    first: str
    max_scores: Mapping[str, int]
    next_module: Mapping[Route, tuple[str, ...]]
    basis: RoutingBasis = RoutingBasis.MODULE

    def __post_init__(self) -> None:
        for route, targets in self.next_module.items():
            if any(module not in self.max_scores for module in (*route, *targets)):
                raise PanelShapeError(route, "names a module that has no items")
            needed = self.routing_points(route) + 1
            if len(targets) != needed:
                raise PanelShapeError(route, f"has {len(targets)} routing entries where its scores need {needed}")

    def routing_points(self, route: Route) -> int:
        """The largest score that routing after this route can see."""
        if self.basis is RoutingBasis.MODULE:
            return self.max_scores[route[-1]]
        return self.points(route)

    def points(self, route: Route) -> int:
        """The largest number correct over a route."""
        return sum(self.max_scores[module] for module in route)

    def routes(self) -> tuple[Route, ...]:
        """All complete routes, in the order of their scores from low to high."""
        return self._complete((self.first,))

    def _complete(self, route: Route) -> tuple[Route, ...]:
        targets = self.next_module.get(route)
        if targets is None:
            return (route,)
        return tuple(done for target in dict.fromkeys(targets) for done in self._complete((*route, target)))


@dataclass(frozen=True, slots=True)
class PanelModel:
    """A route tree with the items that fill its modules; `members` are positions in `curves`, per module."""

    tree: RouteTree
    curves: Curves
    members: Mapping[str, IntArray]

    def __post_init__(self) -> None:
        for module, points in self.tree.max_scores.items():
            if len(self.members[module]) != points:
                raise PanelShapeError((module,), f"has {len(self.members[module])} items for {points} score points")

    def module_distributions(self, theta: FloatArray) -> dict[str, FloatArray]:
        """Number-correct distribution of every module at every theta, each of shape (n_items + 1, n_thetas)."""
        return number_correct_distributions(
            {name: self.curves.subset(index).correct(theta) for name, index in self.members.items()}
        )

    def route_items(self, route: Route) -> IntArray:
        """Positions of all items of a route, in order of presentation."""
        return np.concatenate([self.members[module] for module in route])


@dataclass(frozen=True, slots=True)
class ExactEvaluation:
    """Joint probability of route and number correct at each theta.

    Attributes:
        theta: shape (n_thetas,).
        joint: per complete route, shape (n_scores, n_thetas); over all routes and scores each theta sums to one.
        exposure: per module, the probability of being given it, shape (n_thetas,).
    """

    theta: FloatArray
    joint: Mapping[Route, FloatArray]
    exposure: Mapping[str, FloatArray]

    def route_probability(self) -> dict[Route, FloatArray]:
        """Probability of each complete route, shape (n_thetas,) each."""
        return {route: table.sum(axis=0) for route, table in self.joint.items()}


@dataclass(frozen=True, slots=True)
class ConditionalMoments:
    """Mean, variance, bias and conditional standard error of the reported score at each theta, shape (n_thetas,)."""

    theta: FloatArray
    mean: FloatArray
    variance: FloatArray
    bias: FloatArray
    csem: FloatArray


@dataclass(frozen=True, slots=True)
class Classification:
    """How well levels are told apart.

    Attributes:
        level_probability: P(level | theta), shape (n_levels, n_thetas).
        true_level: shape (n_thetas,), the level whose cut scores enclose theta.
        conditional_accuracy: P(right level | theta). conditional_consistency: P(two testings agree | theta).
        confusion: joint probability of true level (row) and reported level (column) in the population.
        accuracy, consistency, kappa: over the population.
    """

    theta: FloatArray
    level_probability: FloatArray
    true_level: IntArray
    conditional_accuracy: FloatArray
    conditional_consistency: FloatArray
    confusion: FloatArray
    accuracy: float
    consistency: float
    kappa: float

    def level_accuracy(self) -> FloatArray:
        """P(reported level is right | true level), shape (n_levels,); NaN where nobody has that level."""
        rows = self.confusion.sum(axis=1)
        return np.divide(np.diag(self.confusion), rows, out=np.full(len(rows), np.nan), where=rows > 0)

    def cut_errors(self) -> tuple[FloatArray, FloatArray]:
        """Per cut score: probability of being placed above it wrongly, and below it wrongly."""
        cuts = range(1, len(self.confusion))
        above = np.array([self.confusion[:k, k:].sum() for k in cuts])
        below = np.array([self.confusion[k:, :k].sum() for k in cuts])
        return above, below


def number_correct_distribution(correct: FloatArray) -> FloatArray:
    """Distribution of the number correct of independent items.

    Args:
        correct: probabilities, shape (n_items, n_thetas).

    Returns:
        shape (n_items + 1, n_thetas).
    """
    return number_correct_distributions({"": correct})[""]


def number_correct_distributions(correct: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """The same for several sets of items at once; shorter sets are padded with items that nobody solves."""
    longest = max(len(rows) for rows in correct.values())
    n_thetas = next(iter(correct.values())).shape[1]
    padded = np.zeros((longest, len(correct), n_thetas))
    for position, rows in enumerate(correct.values()):
        padded[: len(rows), position] = rows
    scores = np.zeros((longest + 1, len(correct), n_thetas))
    scores[0] = 1.0
    for count, item in enumerate(padded, start=1):
        gained = scores[:count] * item
        scores[:count] -= gained
        scores[1 : count + 1] += gained
    return {name: scores[: len(rows) + 1, position] for position, (name, rows) in enumerate(correct.items())}


def sum_score_distribution(categories: Sequence[FloatArray]) -> FloatArray:
    """Distribution of the sum score of items with any number of categories.

    Args:
        categories: per item, category probabilities of shape (n_categories, n_thetas).

    Returns:
        shape (max score + 1, n_thetas).
    """
    scores = np.ones((1, categories[0].shape[1]))
    for item in categories:
        scores = _convolved(scores, item)
    return scores


def _convolved(left: FloatArray, right: FloatArray) -> FloatArray:
    short, long = (left, right) if len(left) < len(right) else (right, left)
    total = np.zeros((len(left) + len(right) - 1, left.shape[1]))
    for score, probability in enumerate(short):
        total[score : score + len(long)] += long * probability
    return total


def evaluate_routes(tree: RouteTree, modules: Mapping[str, FloatArray], theta: FloatArray) -> ExactEvaluation:
    """Follow the module distributions through the tree of routes.

    Args:
        tree: the panel's routes.
        modules: per module, shape (max score + 1, n_thetas).
        theta: shape (n_thetas,).
    """
    joint: dict[Route, FloatArray] = {}
    exposure = {module: np.zeros(len(theta)) for module in tree.max_scores}

    def follow(route: Route, before: FloatArray) -> None:
        module = modules[route[-1]]
        exposure[route[-1]] += before.sum(axis=0)
        targets = tree.next_module.get(route)
        if targets is None:
            joint[route] = _convolved(before, module)
            return
        for target, arriving in _split(before, module, targets, tree.basis).items():
            follow((*route, target), arriving)

    follow((tree.first,), np.ones((1, len(theta))))
    return ExactEvaluation(theta=theta, joint=joint, exposure=exposure)


def _split(
    before: FloatArray, module: FloatArray, targets: Sequence[str], basis: RoutingBasis
) -> dict[str, FloatArray]:
    total_scores = len(before) + len(module) - 1
    arriving = {target: np.zeros((total_scores, before.shape[1])) for target in dict.fromkeys(targets)}
    if basis is RoutingBasis.MODULE:
        for score, target in enumerate(targets):
            arriving[target][score : score + len(before)] += before * module[score]
        return arriving
    for score, (target, probability) in enumerate(zip(targets, _convolved(before, module), strict=True)):
        arriving[target][score] = probability
    return arriving


def evaluate(panel: PanelModel, theta: FloatArray) -> ExactEvaluation:
    """Joint distribution of route and number correct of a panel at each theta; no simulation."""
    return evaluate_routes(panel.tree, panel.module_distributions(theta), theta)


def conditional_moments(evaluation: ExactEvaluation, tables: ScoreTables) -> ConditionalMoments:
    """Mean, bias and conditional standard error at each theta of the score that `tables` report."""
    mean = sum_over_routes(evaluation, tables)
    centred = np.zeros_like(mean)
    for route, joint in evaluation.joint.items():
        away = tables[route][:, None] - mean
        centred += np.einsum("st,st,st->t", joint, away, away)
    return ConditionalMoments(
        theta=evaluation.theta,
        mean=mean,
        variance=centred,
        bias=mean - evaluation.theta,
        csem=np.sqrt(centred),
    )


def sum_over_routes(evaluation: ExactEvaluation, values: ScoreTables) -> FloatArray:
    """Expected value at each theta of a quantity given per route and score, shape (n_thetas,)."""
    total = np.zeros(len(evaluation.theta))
    for route, joint in evaluation.joint.items():
        total += values[route] @ joint
    return total


def classify(evaluation: ExactEvaluation, levels: LevelTables, cuts: FloatArray, weights: FloatArray) -> Classification:
    """Classification accuracy and consistency of a level table, after Lee, exactly.

    Args:
        evaluation: of the panel on a grid of thetas.
        levels: per route, the level number of each number correct.
        cuts: ascending cut scores on theta, shape (n_levels - 1,); a theta at a cut score has the upper level.
        weights: population mass of each theta, shape (n_thetas,), summing to one.
    """
    n_levels = len(cuts) + 1
    probability = np.zeros((n_levels, len(evaluation.theta)))
    for route, joint in evaluation.joint.items():
        np.add.at(probability, levels[route], joint)
    return _classification(evaluation.theta, probability, cuts, weights)


def rudner(theta: FloatArray, se: FloatArray, cuts: FloatArray, weights: FloatArray) -> Classification:
    """The same figures after Rudner: the reported theta is taken as normal around theta with the given error.

    Args:
        theta, se, weights: shape (n_thetas,).
        cuts: ascending, shape (n_levels - 1,).
    """
    below = ndtr((cuts[:, None] - theta) / se)
    edges = np.vstack([np.zeros_like(theta), below, np.ones_like(theta)])
    return _classification(theta, np.diff(edges, axis=0), cuts, weights)


def _classification(
    theta: FloatArray, probability: FloatArray, cuts: FloatArray, weights: FloatArray
) -> Classification:
    true_level = np.searchsorted(cuts, theta, side="right").astype(np.int64)
    consistency = (probability**2).sum(axis=0)
    confusion = (_true_shares(theta, cuts) * weights) @ probability.T
    by_chance = float(((probability @ weights) ** 2).sum())
    agreement = float(consistency @ weights)
    return Classification(
        theta=theta,
        level_probability=probability,
        true_level=true_level,
        conditional_accuracy=probability[true_level, np.arange(len(theta))],
        conditional_consistency=consistency,
        confusion=confusion,
        accuracy=float(np.trace(confusion)),
        consistency=agreement,
        kappa=(agreement - by_chance) / (1.0 - by_chance) if by_chance < 1.0 else 1.0,
    )


def _true_shares(theta: FloatArray, cuts: FloatArray) -> FloatArray:
    """Share of each grid cell that belongs to each true level, shape (n_levels, n_thetas).

    A cell that a cut score falls into is shared out; giving it whole to one side would shift the cut score by half a
    cell, which shows in the third digit of accuracy.
    """
    width = np.gradient(theta)
    above = np.clip((theta + 0.5 * width - cuts[:, None]) / width, 0.0, 1.0)
    edges = np.vstack([np.ones_like(theta), above, np.zeros_like(theta)])
    return -np.diff(edges, axis=0)


def normal_weights(theta: FloatArray, *, mean: float = 0.0, sd: float = 1.0) -> FloatArray:
    """Population mass of a normal distribution on a grid of thetas, summing to one, shape (n_thetas,)."""
    height = np.exp(-0.5 * ((theta - mean) / sd) ** 2)
    return height / height.sum()


def inverse_tcc_tables(
    panel: PanelModel, routes: Sequence[Route], *, lower: float = -7.0, upper: float = 7.0, tolerance: float = 1e-12
) -> dict[Route, FloatArray]:
    """Theta at which the expected number correct of a route equals each score.

    The extreme scores get `lower` and `upper`. A score that guessing alone is expected to reach has no such theta; it
    lies on the straight line from `lower` at score 0 to the first score that has one.

    Args:
        panel: the panel whose routes (or beginnings of routes) are scored.
        routes: which ones.
        lower, upper: the ends of the reported scale.
        tolerance: width at which the search stops. A coarse one, such as the 1e-4 of published tables, halves the
            0.01-wide cell of the root until it is narrower, and reports the middle.
    """
    modules = list(panel.members)
    member = np.array([[module in route for module in modules] for route in routes], dtype=np.float64)
    guess = _module_sums(panel, np.array([-1e3]))[:, 0] @ member.T
    wanted = [
        np.arange(int(np.floor(low)) + 1, panel.tree.points(route)) for low, route in zip(guess, routes, strict=True)
    ]
    owner = np.repeat(np.arange(len(routes)), [len(scores) for scores in wanted])
    targets = np.concatenate(wanted).astype(np.float64)
    roots = _coarsened(_expected_score_roots(panel, member[owner], targets), tolerance)
    return {
        route: _filled(panel.tree.points(route), wanted[k], roots[owner == k], lower=lower, upper=upper)
        for k, route in enumerate(routes)
    }


def _module_sums(panel: PanelModel, theta: FloatArray) -> FloatArray:
    return np.array([panel.curves.subset(index).correct(theta).sum(axis=0) for index in panel.members.values()])


def _expected_score_roots(panel: PanelModel, member: FloatArray, targets: FloatArray) -> FloatArray:
    """Newton steps inside a bracket that always holds the root; a step that would leave it goes to its middle."""

    def short_of(theta: FloatArray) -> FloatArray:
        return np.einsum("km,mk->k", member, _module_sums(panel, theta)) - targets

    low, high = _brackets(panel, member, targets)
    theta = 0.5 * (low + high)
    for _ in range(ROOT_STEPS):
        value, above = short_of(theta), short_of(theta + SLOPE_STEP)
        low, high = np.where(value < 0, theta, low), np.where(value < 0, high, theta)
        step = value * SLOPE_STEP / (above - value)
        moved = theta - step
        inside = (moved >= low) & (moved <= high)
        theta, before = np.where(inside, moved, 0.5 * (low + high)), theta
        if np.max(np.abs(theta - before)) < ROOT_PRECISION:
            break
    return theta


def _brackets(panel: PanelModel, member: FloatArray, targets: FloatArray) -> tuple[FloatArray, FloatArray]:
    nodes = np.arange(-40.0, 40.25, 0.25)
    curves = member @ _module_sums(panel, nodes)
    cell = np.clip((curves < targets[:, None]).sum(axis=1), 1, len(nodes) - 1)
    return nodes[cell - 1], nodes[cell]


def _coarsened(roots: FloatArray, tolerance: float) -> FloatArray:
    if tolerance < EXACT_BELOW:
        return roots
    width = GRID_STEP / 2.0 ** np.ceil(np.log2(GRID_STEP / tolerance))
    return (np.floor(roots / width) + 0.5) * width


def _filled(points: int, wanted: IntArray, roots: FloatArray, *, lower: float, upper: float) -> FloatArray:
    table = np.empty(points + 1)
    table[wanted] = roots
    table[-1] = upper
    first, anchor = (int(wanted[0]), float(roots[0])) if len(wanted) else (points, upper)
    table[:first] = lower + (anchor - lower) * np.arange(first) / first
    return np.clip(table, lower, upper)


def eap_tables(
    evaluation: ExactEvaluation, weights: FloatArray
) -> tuple[dict[Route, FloatArray], dict[Route, FloatArray]]:
    """Posterior mean and standard deviation of theta given route and number correct.

    The posterior uses what is known exactly: that this route was taken and this score was reached. A score that cannot
    occur on a route (it would have led elsewhere) takes the value of the nearest score that can.

    Args:
        evaluation: on a grid of thetas.
        weights: prior mass of each theta, shape (n_thetas,).

    Raises:
        PanelShapeError: a route that nobody can take.
    """
    means: dict[Route, FloatArray] = {}
    sds: dict[Route, FloatArray] = {}
    for route, joint in evaluation.joint.items():
        mass = joint @ weights
        reachable = mass > 0
        if not reachable.any():
            raise PanelShapeError(route, "cannot be taken: no score before leads along it")
        nearest = _nearest(reachable)
        safe = np.where(reachable, mass, 1.0)
        mean = joint @ (weights * evaluation.theta) / safe
        spread = joint @ (weights * evaluation.theta**2) / safe - mean**2
        means[route] = mean[nearest]
        sds[route] = np.sqrt(np.maximum(spread, 0.0))[nearest]
    return means, sds


def _nearest(reachable: NDArray[np.bool_]) -> IntArray:
    positions = np.flatnonzero(reachable)
    scores = np.arange(len(reachable))
    return positions[np.abs(scores[:, None] - positions).argmin(axis=1)].astype(np.int64)


def warm_tables(panel: PanelModel, routes: Sequence[Route]) -> dict[Route, FloatArray]:
    """Weighted likelihood estimate of theta from the number correct over a route, finite for the extreme scores.

    It maximises P(score | theta) times the square root of the route's information, which for Rasch items is Warm's
    estimate; the search zooms in on a grid until its step is below 1e-6.
    """
    return {route: _warm_table(panel, panel.route_items(route)) for route in routes}


def _warm_table(panel: PanelModel, items: IntArray) -> FloatArray:
    curves = panel.curves.subset(items)
    centre = np.zeros(len(items) + 1)
    reach, offsets = WLE_RANGE, np.linspace(-1.0, 1.0, 81)
    for _ in range(WLE_ZOOMS):
        theta = (centre[:, None] + reach * offsets).ravel()
        likelihood = number_correct_distribution(curves.correct(theta))
        information = curves.information(theta).sum(axis=0)
        with np.errstate(divide="ignore"):
            height = (np.log(likelihood) + 0.5 * np.log(information)).reshape(len(items) + 1, len(items) + 1, -1)
        own = height[np.arange(len(items) + 1), np.arange(len(items) + 1)]
        centre = centre + reach * offsets[own.argmax(axis=1)]
        reach *= 2.0 / (len(offsets) - 1)
    return centre
