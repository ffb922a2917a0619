"""The engine's panel as arrays: its routes, curves and level table for exact evaluation and simulation.

Nothing here decides anything: routing intervals, scored items and levels are read from `engine.panel.Panel`, which is
what the kiosk runs and the store replays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.ids import ModuleId
from engine.panel import Panel, RoutingBasis, RoutingRule
from psychometrics.curves import curves_of
from psychometrics.data import IntArray
from psychometrics.errors import NotCalibratedError, PanelShapeError
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
    scored: dict[str, list[str]] = {m: [item.id for item in panel.scored_items[m]] for m in panel.modules}
    ids = [item for module in scored.values() for item in module]
    own = {str(key): rules.parameters for key, rules in panel.items.items()}
    found: list[ItemParameters] = []
    for item in ids:
        mine = own[item]
        if parameters is not None and item in parameters:
            found.append(parameters[item])
        elif mine is not None:
            found.append(from_engine(item, mine))
        else:
            raise NotCalibratedError(panel.id, item)
    model = PanelModel(route_tree(panel), curves_of(found), members_of(scored))
    return PanelItems(panel.id, tuple(ids), tuple(found), model)


def members_of(scored: Mapping[str, Sequence[str]]) -> dict[str, IntArray]:
    """Rows of each module when its items stand one module after another."""
    members: dict[str, IntArray] = {}
    start = 0
    for module, items in scored.items():
        members[module] = np.arange(start, start + len(items))
        start += len(items)
    return members


def route_tree(panel: Panel) -> RouteTree:
    """Where each number correct leads, for every route that can be begun."""
    points: dict[str, int] = {module: len(items) for module, items in panel.scored_items.items()}
    return tree_of_rules(panel.first, points, panel.routing, panel.routing_basis)


def tree_of_rules(
    first: str,
    points: Mapping[str, int],
    rules: Mapping[ModuleId, Sequence[RoutingRule]],
    basis: RoutingBasis = RoutingBasis.MODULE,
) -> RouteTree:
    """The routes that an engine's routing table makes.

    Raises:
        PanelShapeError: a score that no rule is for, or a way that goes round in a circle.
    """
    branches: dict[Route, tuple[str, ...]] = {}

    def onward(route: Route) -> None:
        leads = rules.get(ModuleId(route[-1]), ())
        if not leads:
            return
        seen = route if basis is RoutingBasis.ROUTE else route[-1:]
        triples = [(rule.low, rule.high, str(rule.target)) for rule in leads]
        branches[route] = _by_score(route, triples, sum(points[module] for module in seen))
        for target in dict.fromkeys(branches[route]):
            if target in route:
                raise PanelShapeError((*route, target), "goes round in a circle")
            onward((*route, target))

    onward((first,))
    return RouteTree(first, dict(points), branches, basis)


def _by_score(route: Route, rules: Sequence[tuple[int, int, str]], points: int) -> tuple[str, ...]:
    targets = [
        next((target for low, high, target in rules if low <= score <= high), None) for score in range(points + 1)
    ]
    if None in targets:
        raise PanelShapeError(route, f"has no routing rule for {targets.index(None)} correct")
    return tuple(target for target in targets if target is not None)


def level_numbers(panel: Panel) -> dict[Route, IntArray]:
    """The panel's official level table, levels counted from 0 for the lowest."""
    place = {level: k for k, level in enumerate(panel.levels)}
    return {tuple(route): np.array([place[level] for level in row]) for route, row in panel.level_table.items()}
