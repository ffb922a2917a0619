"""Panels read from files: a panel file of the item bank, with parameters from the bank, a parameter file, or both."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from engine.check import check_panel
from engine.errors import EngineError
from engine.ids import ModuleId
from engine.panel import Panel, RoutingBasis, RoutingRule
from itembank.bank import Bank, read_bank
from itembank.errors import ItemBankError
from itembank.forms import engine_panel
from itembank.schema import PanelFile
from psychometrics.curves import curves_of
from psychometrics.data import IntArray
from psychometrics.errors import BankFaultError, NotCalibratedError, UnreadableFileError
from psychometrics.exact import PanelModel, Route
from psychometrics.items import ItemParameters, read_parameters, require_unique
from psychometrics.panels import PanelItems, members_of, panel_items, tree_of_rules

BANK_FILE = "bank.json"


@dataclass(frozen=True, slots=True)
class PanelSource:
    """A panel file made ready.

    Attributes:
        file: as it stands on disk. where: its path.
        items: routes and curves.
        panel: the engine's panel, when the file belongs to a bank; then what is measured is what candidates get.
        levels: per route, the level number of each number correct, as the file says.
        bank: where its items are, when it belongs to one.
    """

    file: PanelFile
    where: str
    items: PanelItems
    panel: Panel | None
    levels: Mapping[Route, IntArray]
    bank: Bank | None = None


def read_panel(path: Path, *, bank: Path | None = None, parameters: Path | None = None) -> PanelSource:
    """A panel from its file.

    Args:
        path: the panel file.
        bank: the bank's folder; found by itself when the file lies in the `panels` folder of one.
        parameters: a params.csv whose items take the place of the bank's.

    Raises:
        UnreadableFileError, BankFaultError: the file or its bank cannot be read.
        NotCalibratedError: a scored item has no parameters.
    """
    file = _panel_file(path)
    given = require_unique(read_parameters(parameters)) if parameters is not None else {}
    folder = bank or _bank_of(path)
    bank_of_panel = None if folder is None else read_bank_folder(folder)
    if bank_of_panel is None:
        items, panel = _outline(file, given), None
    else:
        panel = _engine_panel(bank_of_panel, file)
        items = panel_items(panel, given)
    place = {level: k for k, level in enumerate(file.levels)}
    levels = {row.route: _numbers(place, row.levels) for row in file.level_table}
    return PanelSource(file, str(path), items, panel, levels, bank_of_panel)


def check_against(source: PanelSource, programme: str) -> None:
    """Hold the panel against the rules of a programme, as a release would: route graph, intervals, levels, times.

    Raises:
        UnreadableFileError: the panel belongs to no bank, or the bank has no such programme.
        PanelError: the first rule that it breaks.
    """
    if source.bank is None or source.panel is None:
        raise UnreadableFileError(source.where, "it belongs to no bank; give --bank")
    if programme not in source.bank.programmes:
        raise UnreadableFileError(f"programmes/{programme}.json", "the bank has no such programme")
    check_panel(source.panel, source.bank.programmes[programme])


def read_bank_folder(folder: Path) -> Bank:
    """A bank, with its faults told in this package's words.

    Raises:
        BankFaultError: it is not there or has faults.
    """
    try:
        return read_bank(folder)
    except (ItemBankError, OSError) as error:
        raise BankFaultError(str(error)) from error


def _panel_file(path: Path) -> PanelFile:
    try:
        return PanelFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UnreadableFileError(str(path), str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UnreadableFileError(str(path), f"field '{place}': {first['msg']}") from error


def _bank_of(path: Path) -> Path | None:
    folder = path.resolve().parent.parent
    return folder if (folder / BANK_FILE).is_file() else None


def _engine_panel(bank: Bank, file: PanelFile) -> Panel:
    try:
        return engine_panel(bank, file)
    except (ItemBankError, EngineError) as error:
        raise BankFaultError(str(error)) from error


def _outline(file: PanelFile, given: Mapping[str, ItemParameters]) -> PanelItems:
    """Without a bank every item in the modules counts."""
    scored = {name: list(module.items) for name, module in file.modules.items()}
    ids = [item for items in scored.values() for item in items]
    for item in ids:
        if item not in given:
            raise NotCalibratedError(file.id, item)
    rules = {
        ModuleId(name): tuple(RoutingRule(rule.low, rule.high, ModuleId(rule.target)) for rule in rules)
        for name, rules in file.routing.items()
    }
    found = tuple(given[item] for item in ids)
    tree = tree_of_rules(file.first, {m: len(i) for m, i in scored.items()}, rules, RoutingBasis(file.routing_basis))
    return PanelItems(file.id, tuple(ids), found, PanelModel(tree, curves_of(found), members_of(scored)))


def _numbers(place: Mapping[str, int], levels: tuple[str, ...]) -> IntArray:
    return np.array([place[level] for level in levels], dtype=np.int64)


def write_panel_file(path: Path, content: Mapping[str, object]) -> None:
    """A panel file as the bank keeps it."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
