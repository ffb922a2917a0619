"""Panels and task sets as the engine takes them: the bank's files put together with the items' keys and clips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.ids import ItemId
from engine.irt import RouteModule
from engine.panel import IrtParameters, Panel, Route, RoutingBasis, TaskSet, parse_panel, parse_task_set
from itembank.bank import Bank
from itembank.clips import SAMPLE_RATE_HZ, find_clip, item_scripts
from itembank.errors import BankDataError
from itembank.schema import WRITTEN_STANDARDS, ItemFile, PanelFile, ParametersModel, TaskSetFile

Plain = dict[str, Any]
"""Plain data as it stands in JSON."""


def panel_plain(bank: Bank, panel: PanelFile) -> Plain:
    """A panel as plain data for `engine.panel.parse_panel`, with its items' scoring and clips.

    Raises:
        BankDataError: the panel names an item that the bank does not have.
        ClipMissingError: a clip has not been built.
    """
    where = f"{bank.folder.name}/panels/{panel.id}.json"
    items: list[Plain] = []
    for module_id, module in panel.modules.items():
        for item in module.items:
            if item not in bank.items:
                field = f"modules.{module_id}.items"
                raise BankDataError(where, field, f"the bank has no item '{item}'", "Write the item or take it out")
            items.append(item_plain(bank, bank.items[item]))
    return {
        "id": panel.id,
        "part": panel.part,
        "levels": list(panel.levels),
        "first": panel.first,
        "modules": [{"id": name, "kind": each.kind, "items": list(each.items)} for name, each in panel.modules.items()],
        "routing_basis": panel.routing_basis,
        "routing": {name: [rule.model_dump() for rule in rules] for name, rules in panel.routing.items()},
        "level_table": [{"route": list(row.route), "levels": list(row.levels)} for row in panel.level_table],
        "items": items,
        "scale": None
        if panel.cuts is None
        else {"cuts": list(panel.cuts.theta), "prior_mean": panel.cuts.prior_mean, "prior_sd": panel.cuts.prior_sd},
    }


def item_plain(bank: Bank, item: ItemFile) -> Plain:
    """An item's scoring and script as plain data for the engine; raises as `panel_plain`."""
    return {
        "id": item.id,
        "level": item.level,
        "key": _key_plain(item),
        "max_score": 1,
        "is_scored": item.is_scored,
        "parameters": None if item.parameters is None else _parameters_plain(item.parameters),
        "listening": None if item.timing is None else item.timing.model_dump() | {"clips": _clips_plain(bank, item)},
    }


def engine_panel(bank: Bank, panel: PanelFile) -> Panel:
    """The engine's panel; raises as `panel_plain`, and the engine's PanelError."""
    return parse_panel(panel_plain(bank, panel), f"{bank.folder.name}/panels/{panel.id}.json")


def engine_task_set(bank: Bank, task_set: TaskSetFile) -> TaskSet:
    """The engine's task set; raises the engine's TaskSetError."""
    return parse_task_set(task_set.model_dump(mode="json"), f"{bank.folder.name}/task-sets/{task_set.id}.json")


def route_modules(panel: Panel, route: Route) -> tuple[RouteModule, ...]:
    """A route for `engine.ability`: the scored items' parameters and the intervals that led on.

    Raises:
        KeyError: a scored item has no parameters.
    """
    counts = "module" if panel.routing_basis is RoutingBasis.MODULE else "total"
    modules: list[RouteModule] = []
    for module, target in zip(route, (*route[1:], None), strict=True):
        parameters = tuple(_calibrated(panel, item.id) for item in panel.scored_items[module])
        rules = [rule for rule in panel.routing.get(module, ()) if rule.target == target]
        low = min((rule.low for rule in rules), default=None)
        high = max((rule.high for rule in rules), default=None)
        modules.append(RouteModule(parameters, low, high, counts))
    return tuple(modules)


def _calibrated(panel: Panel, item: ItemId) -> IrtParameters:
    parameters = panel.items[item].parameters
    if parameters is None:
        raise KeyError(item)
    return parameters


def _key_plain(item: ItemFile) -> Plain:
    key = item.key
    match key.kind:
        case "choice":
            return {"kind": "choice", "correct": list(key.correct)}
        case "gaps":
            return {"kind": "gaps", "gaps": [{"correct": option} for option in key.correct.values()]}
        case "text":
            return {
                "kind": "text",
                "gaps": [{"accepted": list(gap.accepted)} for gap in key.gaps.values()],
                "folds_case": key.folds_case,
                "folds_space": key.folds_space,
            }


def _parameters_plain(parameters: ParametersModel) -> Plain:
    used: Mapping[str, tuple[str, ...]] = {"rasch": ("b",), "2pl": ("a", "b"), "3pl": ("a", "b", "c")}
    plain = parameters.model_dump()
    return {"model": parameters.model} | {name: plain[name] for name in used[parameters.model]}


def _clips_plain(bank: Bank, item: ItemFile) -> Plain:
    spoken = item_scripts(bank, item)
    for standard in WRITTEN_STANDARDS:
        if standard not in spoken:
            where = f"{bank.folder.name}/items/{item.id}/item.json"
            raise BankDataError(
                where, f"{standard}.script", "the item is heard, but nothing is said", "Write the script"
            )
    clips = {standard: (script.name, find_clip(bank, script)) for standard, script in spoken.items()}
    return {
        standard: {"id": name, "frames": built.frames, "sample_rate_hz": SAMPLE_RATE_HZ}
        for standard, (name, built) in clips.items()
    }
