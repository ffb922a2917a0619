"""Simulees through the very panel that candidates get: its routing intervals, its scored items, its level table.

The vectorised path is held equal, simulee by simulee, to the engine's own routing and scoring by the tests.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.panel import RoutingBasis
from psychometrics.data import NOT_PRESENTED, FloatArray, IntArray
from psychometrics.exact import LevelTables, PanelModel, Route, ScoreTables
from psychometrics.streams import uniforms

ScoreArray = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Simulation:
    """What simulees did.

    Attributes:
        theta: true abilities, shape (n_simulees,).
        scores: 1, 0 or NOT_PRESENTED, shape (n_simulees, n_items), columns as in the model's curves.
        routes: all complete routes of the panel.
        route: position in `routes` of the route each simulee took, shape (n_simulees,).
        number_correct: over the route, shape (n_simulees,).
    """

    theta: FloatArray
    scores: ScoreArray
    routes: tuple[Route, ...]
    route: IntArray
    number_correct: IntArray

    def report(self, tables: ScoreTables) -> FloatArray:
        """What `tables` give for each simulee's route and number correct, shape (n_simulees,)."""
        padded = np.full((len(self.routes), max(len(tables[route]) for route in self.routes)), np.nan)
        for k, route in enumerate(self.routes):
            padded[k, : len(tables[route])] = tables[route]
        return padded[self.route, self.number_correct]

    def levels(self, tables: LevelTables) -> IntArray:
        """Level number of each simulee, shape (n_simulees,)."""
        return self.report({route: table.astype(np.float64) for route, table in tables.items()}).astype(np.int64)

    def route_shares(self) -> dict[Route, float]:
        """Share of simulees on each route."""
        counts = np.bincount(self.route, minlength=len(self.routes)) / len(self.route)
        return dict(zip(self.routes, counts.tolist(), strict=True))


def simulate(panel: PanelModel, theta: FloatArray, *, seed: int, first_simulee: int = 0) -> Simulation:
    """Answers of simulees with these thetas.

    Simulee k draws from the stream (seed, first_simulee + k), one number for each item presented, in order; so any
    part of a simulation can be made again by itself.

    Args:
        panel: routes and curves.
        theta: shape (n_simulees,).
        seed: 0 to 2^64 - 1.
        first_simulee: number of the first one.
    """
    routes = panel.tree.routes()
    longest = max(len(panel.route_items(route)) for route in routes)
    simulees = np.arange(first_simulee, first_simulee + len(theta), dtype=np.uint64)
    drawn = uniforms(seed, simulees, longest)
    run = _Run(panel, theta, drawn, {route: k for k, route in enumerate(routes)})
    run.follow((panel.tree.first,), np.arange(len(theta)))
    return Simulation(theta, run.scores, routes, run.route, run.number_correct)


class _Run:
    """The arrays being filled while groups of simulees go down the tree of routes together."""

    def __init__(self, panel: PanelModel, theta: FloatArray, drawn: FloatArray, places: Mapping[Route, int]) -> None:
        n_items = 1 + max(int(members.max(initial=-1)) for members in panel.members.values())
        self.panel, self.theta, self.drawn, self.places = panel, theta, drawn, places
        self.scores = np.full((len(theta), n_items), NOT_PRESENTED, dtype=np.int8)
        self.route = np.zeros(len(theta), dtype=np.int64)
        self.number_correct = np.zeros(len(theta), dtype=np.int64)
        self.used = np.zeros(len(theta), dtype=np.int64)

    def follow(self, route: Route, rows: IntArray) -> None:
        if not len(rows):
            return
        module_score = self._answer(route, rows)
        targets = self.panel.tree.next_module.get(route)
        if targets is None:
            self.route[rows] = self.places[route]
            return
        counted = module_score if self.panel.tree.basis is RoutingBasis.MODULE else self.number_correct[rows]
        choices = list(dict.fromkeys(targets))
        leads_to = np.array([choices.index(target) for target in targets])[counted]
        for k, target in enumerate(choices):
            self.follow((*route, target), rows[leads_to == k])

    def _answer(self, route: Route, rows: IntArray) -> IntArray:
        members = self.panel.members[route[-1]]
        start = int(sum(len(self.panel.members[module]) for module in route[:-1]))
        chance = self.panel.curves.subset(members).correct(self.theta[rows])
        right = (chance > self.drawn[rows, start : start + len(members)].T).astype(np.int8)
        self.scores[rows[:, None], members[None, :]] = right.T
        gained = right.sum(axis=0, dtype=np.int64)
        self.number_correct[rows] += gained
        return gained
