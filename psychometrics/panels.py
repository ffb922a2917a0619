"""The engine's panel as arrays: its routes, curves and level table for exact evaluation and simulation.

Nothing here decides anything: routing intervals, scored items and levels are read from `engine.panel.Panel`, which is
what the kiosk runs and the store replays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.panel import Panel, RoutingBasis, RoutingRule, routes
from psychometrics.curves import curves_of
from psychometrics.data import Design, FloatArray, IntArray
from psychometrics.errors import MixedRoutingError, NotCalibratedError, PanelShapeError
from psychometrics.exact import PanelModel, Route, RouteTree
from psychometrics.items import ItemParameters, from_engine


@dataclass(frozen=True, slots=True)
class PanelItems:
    """A panel with the parameters of its scored items.

    Attributes:
        item_ids: scored items, module by module; the rows of the model's curves.
        model: routes and curves.
    """

    panel_id: str
    item_ids: tuple[str, ...]
    items: tuple[ItemParameters, ...]
    model: PanelModel


def panel_items(panel: Panel, parameters: Mapping[str, ItemParameters] | None = None) -> PanelItems:
    """Routes and curves of a panel's scored items.

    Args:
        panel: the engine's panel.
        parameters: to be used instead of those that the panel carries.

    Raises:
        NotCalibratedError: a scored item has no parameters.
    """
    scored = {module: [item.id for item in panel.scored_items[module]] for module in panel.modules}
    ids = [item for module in scored.values() for item in module]
    found = tuple(_parameters(panel, item, parameters) for item in ids)
    place = {item: k for k, item in enumerate(ids)}
    members: dict[str, IntArray] = {
        module: np.array([place[i] for i in chosen], dtype=np.int64) for module, chosen in scored.items()
    }
    model = PanelModel(route_tree(panel), curves_of(found), members)
    return PanelItems(panel.id, tuple(ids), found, model)


def _parameters(panel: Panel, item: str, given: Mapping[str, ItemParameters] | None) -> ItemParameters:
    if given is not None and item in given:
        return given[item]
    own = next((rules.parameters for key, rules in panel.items.items() if key == item), None)
    if own is None:
        raise NotCalibratedError(panel.id, item)
    return from_engine(item, own)


def route_tree(panel: Panel) -> RouteTree:
    """Where each number correct leads, for every route that can be begun."""
    points: dict[str, int] = {module: len(items) for module, items in panel.scored_items.items()}
    rules = {module: _targets_of(rules) for module, rules in panel.routing.items()}
    branches: dict[Route, tuple[str, ...]] = {}
    for complete in routes(panel):
        for length in range(1, len(complete)):
            begun = tuple(complete[:length])
            seen = begun if panel.routing_basis is RoutingBasis.ROUTE else begun[-1:]
            branches[begun] = _by_score(begun, rules[begun[-1]], sum(points[module] for module in seen))
    return RouteTree(panel.first, points, branches, panel.routing_basis)


def _targets_of(rules: Sequence[RoutingRule]) -> tuple[tuple[int, int, str], ...]:
    return tuple((rule.low, rule.high, rule.target) for rule in rules)


def _by_score(route: Route, rules: Sequence[tuple[int, int, str]], points: int) -> tuple[str, ...]:
    targets = [
        next((target for low, high, target in rules if low <= score <= high), None) for score in range(points + 1)
    ]
    if None in targets:
        raise PanelShapeError(route, f"has no routing rule for {targets.index(None)} correct")
    return tuple(target for target in targets if target is not None)


def design_tree(design: Design) -> RouteTree:
    """The routes of a calibration design whose modules hold right-or-wrong items.

    Raises:
        MixedRoutingError: rules count the module here and the whole route there.
    """
    counts = {rule.counts for rule in design.rules}
    if len(counts) > 1:
        raise MixedRoutingError(design.source)
    basis = RoutingBasis.ROUTE if counts == {"total"} else RoutingBasis.MODULE
    points = {module: len(items) for module, items in design.modules.items()}
    branches: dict[Route, tuple[str, ...]] = {}
    for complete in design.routes():
        for length in range(1, len(complete.modules)):
            begun = complete.modules[:length]
            rules = [(rule.low, rule.high, rule.next_module) for rule in design.rules_from(begun[-1])]
            seen = begun if basis is RoutingBasis.ROUTE else begun[-1:]
            branches[begun] = _by_score(begun, rules, sum(points[module] for module in seen))
    return RouteTree(design.first_modules[0], points, branches, basis)


def level_numbers(panel: Panel) -> dict[Route, IntArray]:
    """The panel's official level table, levels counted from 0 for the lowest."""
    place = {level: k for k, level in enumerate(panel.levels)}
    return {tuple(route): np.array([place[level] for level in row]) for route, row in panel.level_table.items()}


def prior_weights(panel: Panel, theta: FloatArray) -> FloatArray:
    """Population mass of each theta by the panel's own prior; standard normal when it has no scale."""
    mean, sd = (0.0, 1.0) if panel.scale is None else (panel.scale.prior_mean, panel.scale.prior_sd)
    height = np.exp(-0.5 * ((theta - mean) / sd) ** 2)
    return height / height.sum()
