"""Small panels that can be enumerated, for the tests of exact evaluation and simulation."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import strategies as st

from engine.panel import RoutingBasis
from psychometrics.curves import LogisticCurves
from psychometrics.exact import PanelModel, Route, RouteTree


@st.composite
def small_panels(draw: st.DrawFn) -> PanelModel:
    """A first module and two or three next ones, one of which leads on once more; one to three items each."""
    basis = draw(st.sampled_from(RoutingBasis))
    names = ["R", "E", "M", "H"]
    points = {name: draw(st.integers(1, 3)) for name in names}
    number = st.floats(-2.0, 2.0)
    n_items = sum(points.values())
    a = np.array(draw(st.lists(st.floats(0.4, 2.5), min_size=n_items, max_size=n_items)))
    b = np.array(draw(st.lists(number, min_size=n_items, max_size=n_items)))
    c = np.array(draw(st.lists(st.floats(0.0, 0.3), min_size=n_items, max_size=n_items)))
    starts = np.cumsum([0, *points.values()])
    members = {name: np.arange(starts[k], starts[k + 1]) for k, name in enumerate(names)}
    first_cut = draw(st.integers(1, points["R"]))
    branches: dict[Route, tuple[str, ...]] = {
        ("R",): tuple("E" if score < first_cut else "M" for score in range(points["R"] + 1))
    }
    seen = points["M"] + (points["R"] if basis is RoutingBasis.ROUTE else 0)
    second_cut = draw(st.integers(1, seen))
    branches["R", "M"] = tuple("E" if score < second_cut else "H" for score in range(seen + 1))
    return PanelModel(RouteTree("R", points, branches, basis), LogisticCurves(a, b, c), members)


def enumerate_panel(panel: PanelModel, theta: float) -> dict[tuple, np.ndarray]:
    """P(route, number correct | theta) by going through every answer pattern of all items."""
    p = panel.curves.correct(np.array([theta]))[:, 0]
    joint = {route: np.zeros(panel.tree.points(route) + 1) for route in panel.tree.routes()}
    for pattern in product((0, 1), repeat=len(p)):
        answers = np.array(pattern)
        mass = float(np.prod(np.where(answers == 1, p, 1 - p)))
        route, total = walk(panel, answers)
        joint[route][total] += mass
    return joint


def walk(panel: PanelModel, answers: np.ndarray) -> tuple[tuple[str, ...], int]:
    """The route and number correct of one full answer pattern, one step at a time."""
    route, total = (panel.tree.first,), 0
    while True:
        own = int(answers[panel.members[route[-1]]].sum())
        total += own
        if route not in panel.tree.next_module:
            return route, total
        score = own if panel.tree.basis is RoutingBasis.MODULE else total
        route = (*route, panel.tree.next_module[route][score])
