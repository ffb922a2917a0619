"""Panels and task sets held against their programme: what must be so before a candidate meets them.

**Order of targets.** A higher number correct must not lead to fewer routing modules, nor to an easier module. Easier
means a lower mean item level, and, where all items that count are calibrated, a lower mean b.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from engine.errors import PanelError, TaskSetError
from engine.ids import ModuleId, WrittenStandard
from engine.panel import ItemRules, ModuleKind, Panel, Route, RoutingBasis, TaskSet, routes
from engine.programme import Delivery, PartRules, Programme

WRITTEN_STANDARDS = (WrittenStandard("nb"), WrittenStandard("nn"))


def check_panel(panel: Panel, programme: Programme) -> None:
    """Refuse a panel that breaks a rule of the programme, or that could leave a candidate without a way or a level.

    Raises:
        PanelError: with the panel's id, the place and the remedy; the first fault found.
        ProgrammeError: the programme has no part of the panel's name.
    """
    rules = programme.part(panel.part)
    _check_kind(panel, programme, rules)
    _check_modules(panel, rules)
    all_routes = routes(panel)
    _check_routes(panel, rules, all_routes)
    _check_intervals(panel, all_routes)
    _check_monotone_routing(panel, all_routes)
    _check_level_table(panel, all_routes)
    _check_scale(panel)
    if rules.is_script_driven:
        _check_scripts(panel, rules)
        _check_durations(panel, rules, all_routes)


def check_task_set(task_set: TaskSet, programme: Programme) -> None:
    """Refuse a task set that its programme does not know or that has another number of tasks than its level needs.

    Raises:
        TaskSetError: with the set's id, the place and the remedy.
        ProgrammeError: the programme has no part of the set's name.
    """
    rules = programme.part(task_set.part)
    wanted = rules.tasks_by_level.get(task_set.level)
    if wanted is None:
        raise TaskSetError(
            where=task_set.id,
            field="level",
            fault=f"part '{task_set.part}' has no level '{task_set.level}'",
            remedy=f"Use one of {', '.join(rules.tasks_by_level) or 'none: it is no part of tasks'}",
        )
    if len(task_set.slots) != wanted:
        raise TaskSetError(
            where=task_set.id,
            field="slots",
            fault=f"it has {len(task_set.slots)} tasks where level '{task_set.level}' needs {wanted}",
            remedy=f"Give {wanted} slots",
        )


def _fault(panel: Panel, field: str, fault: str, remedy: str) -> PanelError:
    return PanelError(where=panel.id, field=field, fault=fault, remedy=remedy)


def _check_kind(panel: Panel, programme: Programme, rules: PartRules) -> None:
    if panel.levels != programme.levels:
        raise _fault(panel, "levels", "they are not the programme's", f"Write {', '.join(programme.levels)}")
    if rules.delivery is Delivery.TASKS:
        raise _fault(panel, "part", f"part '{panel.part}' has tasks and no items", "Make a task set")
    is_form = any(module.kind is ModuleKind.FORM for module in panel.modules.values())
    if rules.delivery is Delivery.FIXED_FORM and not (is_form and len(panel.modules) == 1):
        raise _fault(panel, "modules", "a fixed form is one module of kind form", "Put all items in one")
    if rules.delivery is Delivery.ADAPTIVE and is_form:
        raise _fault(panel, "modules", "an adaptive part has a module of kind form", "Use routing and final")


def _check_modules(panel: Panel, rules: PartRules) -> None:
    if rules.first_module is not None and panel.first != rules.first_module:
        raise _fault(panel, "first", f"the programme begins with '{rules.first_module}'", "Begin there")
    for module in panel.modules.values():
        is_routing = module.kind is ModuleKind.ROUTING
        if is_routing and not panel.routing.get(module.id):
            raise _fault(panel, f"routing.{module.id}", "a routing module leads nowhere", "Add its rules")
        if not is_routing and module.id in panel.routing:
            raise _fault(panel, f"routing.{module.id}", "a module that ends the part leads on", "Take the rules out")
        if not panel.scored_items[module.id]:
            raise _fault(panel, f"modules.{module.id}", "none of its items counts", "Add items that are scored")
        mean = _mean_level(panel, module.id)
        if mean < _mean_level(panel, panel.first):
            raise _fault(
                panel,
                f"modules.{module.id}",
                f"its items are of a lower level than those of the first module '{panel.first}'",
                "Begin with the tasks of the lowest level",
            )


def _check_routes(panel: Panel, rules: PartRules, all_routes: Sequence[Route]) -> None:
    reached = {module for route in all_routes for module in route}
    for module in panel.modules:
        if module not in reached:
            raise _fault(panel, f"modules.{module}", "no route comes to it", "Lead to it or take it out")
    if not rules.route_graph:
        return
    for module, leads in panel.routing.items():
        allowed = rules.route_graph.get(module, ())
        for target in sorted({rule.target for rule in leads}.difference(allowed)):
            raise _fault(
                panel,
                f"routing.{module}",
                f"it leads to '{target}', which the programme does not allow",
                f"Lead to {' or '.join(allowed) or 'nothing: the programme has no such routing module'}",
            )


def _check_intervals(panel: Panel, all_routes: Sequence[Route]) -> None:
    for module, leads in panel.routing.items():
        highest = _highest(panel, module, all_routes)
        if not leads or leads[0].low != 0 or leads[-1].high != highest:
            raise _fault(panel, f"routing.{module}", f"the rules do not run from 0 to {highest}", "Cover every score")
        if any(rule.low > rule.high for rule in leads):
            raise _fault(panel, f"routing.{module}", "a rule's low is above its high", "Exchange them")
        for lower, upper in pairwise(leads):
            if upper.low != lower.high + 1:
                raise _fault(
                    panel,
                    f"routing.{module}",
                    f"after {lower.high} the next rule begins at {upper.low}",
                    f"Begin it at {lower.high + 1}, so that every score is covered once",
                )


def _highest(panel: Panel, module: ModuleId, all_routes: Sequence[Route]) -> int:
    """The highest number correct that routing out of a module can see."""
    own = len(panel.scored_items[module])
    if panel.routing_basis is RoutingBasis.MODULE:
        return own
    before = (route[: route.index(module)] for route in all_routes if module in route)
    return own + max((_maximum(panel, route) for route in before), default=0)


def _maximum(panel: Panel, route: Route) -> int:
    return sum(len(panel.scored_items[module]) for module in route)


def _check_monotone_routing(panel: Panel, all_routes: Sequence[Route]) -> None:
    for module, leads in panel.routing.items():
        for lower, upper in pairwise(leads):
            if lower.target == upper.target:
                continue
            for what, low, high in _compared(panel, lower.target, upper.target, all_routes):
                if high < low:
                    raise _fault(
                        panel,
                        f"routing.{module}",
                        f"{upper.low} correct leads to '{upper.target}' with {what} than '{lower.target}'",
                        "More correct answers may not give an easier or a shorter way",
                    )


def _compared(
    panel: Panel, lower: ModuleId, upper: ModuleId, all_routes: Sequence[Route]
) -> Iterator[tuple[str, float, float]]:
    for shortest in (min, max):
        counts = [
            shortest(_routing_modules(panel, route) for route in all_routes if target in route)
            for target in (lower, upper)
        ]
        yield "fewer routing modules", counts[0], counts[1]
    yield "easier items by level", _mean_level(panel, lower), _mean_level(panel, upper)
    b_of = [_mean_b(panel, target) for target in (lower, upper)]
    if b_of[0] is not None and b_of[1] is not None:
        yield "easier items by b", b_of[0], b_of[1]


def _routing_modules(panel: Panel, route: Route) -> int:
    return sum(panel.modules[module].kind is ModuleKind.ROUTING for module in route)


def _mean_level(panel: Panel, module: ModuleId) -> float:
    """Mean place of the counting items' levels in the programme's order."""
    places = [panel.levels.index(item.level) for item in panel.scored_items[module]]
    return sum(places) / len(places) if places else 0.0


def _mean_b(panel: Panel, module: ModuleId) -> float | None:
    difficulties = [item.parameters.b for item in panel.scored_items[module] if item.parameters is not None]
    return sum(difficulties) / len(difficulties) if len(difficulties) == len(panel.scored_items[module]) else None


def _check_level_table(panel: Panel, all_routes: Sequence[Route]) -> None:
    for route in panel.level_table:
        if route not in all_routes:
            raise _fault(panel, f"level_table.{_told(route)}", "there is no such route", "Take the row out")
    for route in all_routes:
        row = panel.level_table.get(route)
        if row is None:
            raise _fault(panel, f"level_table.{_told(route)}", "the route has no row", "Add its levels")
        if len(row) != _maximum(panel, route) + 1:
            raise _fault(
                panel,
                f"level_table.{_told(route)}",
                f"it has {len(row)} levels for 0 to {_maximum(panel, route)} correct",
                f"Give {_maximum(panel, route) + 1} levels, one a number correct",
            )
        places = [panel.levels.index(level) for level in row]
        if places != sorted(places):
            raise _fault(panel, f"level_table.{_told(route)}", "more correct gives a lower level", "Let levels rise")
    reached = {panel.level_table[route][total] for route in all_routes for total in _totals(panel, route)}
    for level in panel.levels:
        if level not in reached:
            raise _fault(panel, "level_table", f"nobody can reach '{level}'", "Set the cut scores so that one can")


def _totals(panel: Panel, route: Route) -> range:
    """Every number correct over a route that its own branches let through."""
    low = high = 0
    for module, target in pairwise(route):
        own = len(panel.scored_items[module])
        leads = [rule for rule in panel.routing[module] if rule.target == target]
        if panel.routing_basis is RoutingBasis.ROUTE:
            low, high = max(low, leads[0].low), min(high + own, leads[-1].high)
        else:
            low, high = low + leads[0].low, high + min(own, leads[-1].high)
    return range(low, high + len(panel.scored_items[route[-1]]) + 1)


def _told(route: Route) -> str:
    return " → ".join(route)


def _check_scale(panel: Panel) -> None:
    if panel.scale is None:
        return
    if len(panel.scale.cuts) != len(panel.levels) - 1:
        raise _fault(
            panel,
            "scale.cuts",
            f"{len(panel.scale.cuts)} cut scores do not divide ability into {len(panel.levels)} levels",
            f"Give {len(panel.levels) - 1}",
        )
    for item in panel.items.values():
        if item.is_scored and item.parameters is None:
            raise _fault(
                panel,
                f"items.{item.id}",
                "it counts, and the panel has a scale, but it has no parameters",
                "Calibrate it",
            )


def _check_scripts(panel: Panel, rules: PartRules) -> None:
    for item in panel.items.values():
        if item.listening is None:
            raise _fault(panel, f"items.{item.id}.listening", "the part is heard, but it has no script", "Add one")
        if item.level not in rules.plays_by_level:
            raise _fault(
                panel,
                f"items.{item.id}.level",
                f"the programme does not say how often level '{item.level}' is heard",
                "Use a level with plays or add it to the programme",
            )


def _duration_ms(panel: Panel, rules: PartRules, route: Route, written_standard: WrittenStandard) -> int:
    items = (panel.items[item] for module in route for item in panel.modules[module].items)
    return sum(_item_ms(item, rules, written_standard) for item in items)


def _item_ms(item: ItemRules, rules: PartRules, written_standard: WrittenStandard) -> int:
    return item.listening.duration_ms(written_standard, rules.plays_by_level[item.level]) if item.listening else 0


def route_durations_ms(panel: Panel, rules: PartRules, written_standard: WrittenStandard) -> dict[Route, int]:
    """The planned duration of every route of a listening panel, in milliseconds."""
    return {route: _duration_ms(panel, rules, route, written_standard) for route in routes(panel)}


def _check_durations(panel: Panel, rules: PartRules, all_routes: Sequence[Route]) -> None:
    for standard in WRITTEN_STANDARDS:
        durations = route_durations_ms(panel, rules, standard)
        for route, duration_ms in durations.items():
            low, high = rules.duration_min_ms or 0, rules.duration_max_ms
            if duration_ms < low or (high is not None and duration_ms > high):
                raise _fault(
                    panel,
                    f"modules on {_told(route)}",
                    f"the route lasts {duration_ms / 60_000:.2f} minutes in {standard}, not {low / 60_000:g} to "
                    f"{'any' if high is None else f'{high / 60_000:g}'}",
                    "Add or take out items, or change their times",
                )
        for shorter in all_routes:
            for longer in all_routes:
                if (
                    _routing_modules(panel, shorter) < _routing_modules(panel, longer)
                    and durations[shorter] >= durations[longer]
                ):
                    raise _fault(
                        panel,
                        f"modules on {_told(longer)}",
                        f"in {standard} it lasts no longer than {_told(shorter)}, which has fewer routing modules",
                        "A route with more routing modules must last longer",
                    )
