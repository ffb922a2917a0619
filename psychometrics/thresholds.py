"""Number-correct intervals for routing, from the items themselves.

Two rules. *Defined population*: so many of those who come to a module are to go to each next one. *Maximum
information*: each number correct goes where the next module measures those best who reach that score, weighted by how
their thetas are spread. Both use exact distributions of theta given the score, not a point estimate of it.

References:
    Breithaupt & Hare (2007), Educational and Psychological Measurement 67, 5-20. Weissman, Belov & Armstrong (2007).
    Yan, von Davier & Lewis (2014), Computerized Multistage Testing, ch. 9.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.ids import ModuleId
from engine.panel import RoutingRule
from psychometrics.data import FloatArray, IntArray
from psychometrics.errors import RoutingGraphError
from psychometrics.exact import Curves, number_correct_distribution

Graph = Mapping[str, Sequence[str]]
Rules = Mapping[ModuleId, tuple[RoutingRule, ...]]
Cutter = Callable[[str, FloatArray], list[int]]
NEGLIGIBLE = 1e-14  # a posterior mass below this cannot choose between modules


@dataclass(frozen=True, slots=True)
class RoutingProblem:
    """What routing is decided on.

    Attributes:
        first: where everybody begins.
        graph: for each module that leads on, its next modules from the easiest to the hardest.
        curves, members: the items, and which of them are in each module.
        theta, weights: the population, shape (n_thetas,).
    """

    first: str
    graph: Graph
    curves: Curves
    members: Mapping[str, IntArray]
    theta: FloatArray
    weights: FloatArray

    def module_order(self) -> tuple[str, ...]:
        """Modules that lead on, each after all that lead to it.

        Raises:
            RoutingGraphError: the graph goes round in a circle.
        """
        order: list[str] = []
        waiting = {self.first}
        leading = set(self.graph)
        while waiting:
            ready = sorted(m for m in waiting if not any(m in self.graph[s] for s in leading - set(order)))
            if not ready:
                raise RoutingGraphError(sorted(waiting))
            for module in ready:
                waiting.discard(module)
                if module in self.graph:
                    order.append(module)
                    waiting.update(self.graph[module])
        return tuple(order)


def by_population(problem: RoutingProblem, shares: Mapping[str, Sequence[float]]) -> Rules:
    """Intervals that send the wanted shares of those who come to a module on, as nearly as scores allow.

    Args:
        problem: modules and population.
        shares: per module that leads on, one share for each next module, summing to one.
    """

    def cut(module: str, joint: FloatArray) -> list[int]:
        mass = joint.sum(axis=1)
        reached = np.concatenate([[0.0], np.cumsum(mass / mass.sum())])
        wanted = np.cumsum(shares[module])[:-1]
        return [int(np.abs(reached - share).argmin()) for share in wanted]

    return _rules(problem, cut)


def by_information(problem: RoutingProblem) -> Rules:
    """Intervals that send each number correct to the next module with the most information about those who reach it."""
    information = {
        module: problem.curves.subset(members).information(problem.theta).sum(axis=0)
        for module, members in problem.members.items()
    }

    def cut(module: str, joint: FloatArray) -> list[int]:
        worth = np.array([joint @ information[target] for target in problem.graph[module]])
        return [_crossing(worth[k + 1] - worth[k], joint.sum(axis=1)) for k in range(len(worth) - 1)]

    return _rules(problem, cut)


def information_crossing(easier: FloatArray, harder: FloatArray, theta: FloatArray) -> float:
    """Theta above which the harder module informs more, by straight lines between grid points.

    Args:
        easier, harder: information of two modules, shape (n_thetas,).
        theta: ascending grid, shape (n_thetas,).
    """
    gain = harder - easier
    change = np.flatnonzero((gain[:-1] < 0) & (gain[1:] >= 0))
    if not len(change):
        return float(theta[0] if gain[0] >= 0 else theta[-1])
    heights = np.maximum(easier, harder)[change]
    k = int(change[heights.argmax()])
    return float(theta[k] - gain[k] * (theta[k + 1] - theta[k]) / (gain[k + 1] - gain[k]))


def number_correct_cut(curve: FloatArray, theta: FloatArray, cut: float) -> int:
    """Lowest number correct whose expected theta lies above `cut`; the module's expected score on a grid is `curve`."""
    return int(np.floor(np.interp(cut, theta, curve))) + 1


def _crossing(gain: FloatArray, mass: FloatArray) -> int:
    """The lowest score of the upper part: as many scores as possible go where they gain."""
    usable = np.where(mass > NEGLIGIBLE, gain, 0.0)
    below = np.concatenate([[0.0], np.cumsum(usable)])
    return int(below.argmin())


def _rules(problem: RoutingProblem, cut: Cutter) -> Rules:
    arriving = {module: np.zeros(len(problem.theta)) for module in problem.members}
    arriving[problem.first] = problem.weights.copy()
    rules: dict[ModuleId, tuple[RoutingRule, ...]] = {}
    for module in problem.module_order():
        targets = problem.graph[module]
        scores = number_correct_distribution(problem.curves.subset(problem.members[module]).correct(problem.theta))
        joint = scores * arriving[module]
        lows = _spread([0, *cut(module, joint)], len(scores))
        highs = [*(low - 1 for low in lows[1:]), len(scores) - 1]
        rules[ModuleId(module)] = tuple(
            RoutingRule(low, high, ModuleId(target)) for low, high, target in zip(lows, highs, targets, strict=True)
        )
        for low, high, target in zip(lows, highs, targets, strict=True):
            arriving[target] = arriving[target] + joint[low : high + 1].sum(axis=0)
    return rules


def _spread(lows: Sequence[int], n_scores: int) -> list[int]:
    """Every next module keeps at least one score, so that every route can be taken."""
    result = list(lows)
    for k in range(1, len(result)):
        result[k] = max(result[k], result[k - 1] + 1)
    for k in range(len(result) - 1, 0, -1):
        result[k] = min(result[k], n_scores - len(result) + k)
    return result
