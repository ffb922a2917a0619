"""Panels and task sets: what is given to candidates, as data.

A panel says which modules there are, where each number of correct answers leads, how items are scored, and which level
every route and number correct earns. Parsing checks each file by itself; `check_panel` holds it against its programme.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from itertools import islice
from typing import Final, Protocol, TypeAlias, TypeVar

from engine.errors import EngineError, PanelError, TaskSetError
from engine.ids import ClipId, ItemId, Level, ModuleId, PanelId, PartId, SlotId, TaskId, TaskSetId, WrittenStandard
from engine.irt import Rasch, ThreePL, TwoPL
from engine.listening import Clip, ListeningScript
from engine.plain import Reader
from engine.scoring import Key, parse_key

IrtParameters: TypeAlias = Rasch | TwoPL | ThreePL
Route: TypeAlias = tuple[ModuleId, ...]

MAX_ROUTES: Final = 400
"""Modules in layers give exponentially many routes, and every check goes over all of them; a real panel has ten."""

MAX_ROUTE: Final = 30
"""Modules of one route; the regulation's panel has four."""


class ModuleKind(Enum):
    """What a module is for: it leads on, it ends the part, or it is a fixed form's only one."""

    ROUTING = "routing"
    FINAL = "final"
    FORM = "form"


class RoutingBasis(Enum):
    """Which number correct decides: of the module just left, or of the whole route so far."""

    MODULE = "module"
    ROUTE = "route"


@dataclass(frozen=True, slots=True)
class Module:
    """A forprøve, a hovedprøve or a fixed form: items in the order they are given."""

    id: ModuleId
    kind: ModuleKind
    items: tuple[ItemId, ...]


@dataclass(frozen=True, slots=True)
class RoutingRule:
    """Numbers correct from ``low`` to ``high``, both included, lead to ``target``."""

    low: int
    high: int
    target: ModuleId


@dataclass(frozen=True, slots=True)
class ItemRules:
    """How an item is scored and, in listening, how it runs. Pilot items have ``is_scored`` False and never count."""

    id: ItemId
    level: Level
    key: Key
    max_score: int
    is_scored: bool
    parameters: IrtParameters | None
    listening: ListeningScript | None


@dataclass(frozen=True, slots=True)
class AbilityScale:
    """What a posterior needs besides the items: the cut scores between levels (logits) and the normal prior."""

    cuts: tuple[float, ...]
    prior_mean: float
    prior_sd: float


@dataclass(frozen=True)
class Panel:
    """An adaptive part, or a fixed form: modules, routing table, level table and items.

    Attributes:
        levels: all results, lowest first.
        routing: for each routing module its rules, in order of score.
        level_table: for each complete route the level of every number correct over the route, from 0.
        scale: None where the panel is not calibrated; results then carry levels only.
    """

    id: PanelId
    part: PartId
    levels: tuple[Level, ...]
    modules: Mapping[ModuleId, Module]
    first: ModuleId
    routing_basis: RoutingBasis
    routing: Mapping[ModuleId, tuple[RoutingRule, ...]]
    level_table: Mapping[Route, tuple[Level, ...]]
    items: Mapping[ItemId, ItemRules]
    scale: AbilityScale | None

    @cached_property
    def scored_items(self) -> Mapping[ModuleId, tuple[ItemRules, ...]]:
        """Of every module the items that count."""
        return {
            module.id: tuple(self.items[item] for item in module.items if self.items[item].is_scored)
            for module in self.modules.values()
        }

    @cached_property
    def module_of(self) -> Mapping[ItemId, ModuleId]:
        """The module that each item stands in."""
        return {item: module.id for module in self.modules.values() for item in module.items}


@dataclass(frozen=True, slots=True)
class TaskSlot:
    """A task to be answered; more than one task in it is a choice of topics."""

    id: SlotId
    tasks: tuple[TaskId, ...]


@dataclass(frozen=True)
class TaskSet:
    """The writing tasks of one level."""

    id: TaskSetId
    part: PartId
    level: str
    slots: tuple[TaskSlot, ...]

    @cached_property
    def slot_of(self) -> Mapping[TaskId, TaskSlot]:
        """The slot that each task stands in."""
        return {task: slot for slot in self.slots for task in slot.tasks}


def routes(panel: Panel) -> tuple[Route, ...]:
    """All routes from the first module to a module that leads nowhere, in order of the routing table.

    Raises:
        PanelError: the routing goes round in a circle, or there are more than `MAX_ROUTES`.
    """
    found = tuple(islice(_routes(panel, (panel.first,)), MAX_ROUTES + 1))
    if len(found) > MAX_ROUTES:
        raise PanelError(
            where=panel.id,
            field="routing",
            fault=f"there are more than {MAX_ROUTES} routes",
            remedy="Take modules or rules out",
        )
    return found


def _routes(panel: Panel, begun: Route) -> Iterator[Route]:
    targets = tuple(dict.fromkeys(rule.target for rule in panel.routing.get(begun[-1], ())))
    if not targets:
        yield begun
    for target in targets:
        if target in begun or len(begun) == MAX_ROUTE:
            does = "goes round in a circle" if target in begun else f"has more than {MAX_ROUTE} modules"
            raise PanelError(
                where=panel.id,
                field=f"routing.{begun[-1]}",
                fault=f"the route {' → '.join((*begun, target))} {does}",
                remedy="Let every rule lead to a module further on",
            )
        yield from _routes(panel, (*begun, target))


def parse_panel(plain: object, where: str) -> Panel:
    """Read a panel from the plain data of its JSON file; ``where`` names the file in errors.

    Raises:
        PanelError: a field is missing, unknown or of the wrong type, or names what is not there.
    """
    reader = Reader(plain, where=where, error=PanelError)
    levels = tuple(Level(level) for level in reader.texts("levels"))
    modules = _unique(tuple(_module(each) for each in reader.objects("modules")), "modules", reader)
    items = _unique(tuple(_item(each, levels) for each in reader.objects("items")), "items", reader)
    panel = Panel(
        id=PanelId(reader.text("id")),
        part=PartId(reader.text("part")),
        levels=levels,
        modules={module.id: module for module in modules},
        first=ModuleId(reader.text("first")),
        routing_basis=RoutingBasis(reader.choice("routing_basis", tuple(basis.value for basis in RoutingBasis))),
        routing={ModuleId(key): rules for key, rules in reader.mapping("routing", _rules).items()},
        level_table=_level_table(reader),
        items={item.id: item for item in items},
        scale=_scale(reader),
    )
    reader.finish()
    _check_names(panel, reader)
    return panel


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


Named = TypeVar("Named", bound=_HasId)


def _unique(named: tuple[Named, ...], field: str, reader: Reader) -> tuple[Named, ...]:
    seen: set[str] = set()
    for index, each in enumerate(named):
        if each.id in seen:
            raise reader.fault(f"{field}[{index}].id", f"'{each.id}' stands there twice", "Give each its own id")
        seen.add(each.id)
    return named


def _module(reader: Reader) -> Module:
    module = Module(
        id=ModuleId(reader.text("id")),
        kind=ModuleKind(reader.choice("kind", tuple(kind.value for kind in ModuleKind))),
        items=tuple(ItemId(item) for item in reader.texts("items")),
    )
    reader.finish()
    if not module.items:
        raise reader.fault("items", "the module is empty", "Add items")
    return module


def _rules(reader: Reader, module: str) -> tuple[RoutingRule, ...]:
    rules: list[RoutingRule] = []
    for each in reader.objects(module):
        rules.append(RoutingRule(each.integer("low"), each.integer("high"), ModuleId(each.text("target"))))
        each.finish()
    return tuple(rules)


def _level_table(reader: Reader) -> Mapping[Route, tuple[Level, ...]]:
    table: dict[Route, tuple[Level, ...]] = {}
    for row in reader.objects("level_table"):
        route = tuple(ModuleId(module) for module in row.texts("route"))
        if route in table:
            raise row.fault("route", f"{' → '.join(route)} stands there twice", "Keep one row a route")
        table[route] = tuple(Level(level) for level in row.list_of_texts("levels"))
        row.finish()
    return table


def _item(reader: Reader, levels: tuple[Level, ...]) -> ItemRules:
    max_score = reader.integer("max_score", low=1)
    item = ItemRules(
        id=ItemId(reader.text("id")),
        level=Level(reader.choice("level", levels)),
        key=parse_key(reader.object("key"), max_score),
        max_score=max_score,
        is_scored=reader.boolean("is_scored"),
        parameters=_parameters(reader.optional_object("parameters")),
        listening=_script(reader.optional_object("listening")),
    )
    reader.finish()
    return item


def _parameters(reader: Reader | None) -> IrtParameters | None:
    if reader is None:
        return None
    model = reader.choice("model", ("rasch", "2pl", "3pl"))
    try:
        parameters: IrtParameters = (
            Rasch(reader.number("b"))
            if model == "rasch"
            else TwoPL(reader.number("a"), reader.number("b"))
            if model == "2pl"
            else ThreePL(reader.number("a"), reader.number("b"), reader.number("c"))
        )
    except PanelError:
        raise
    except EngineError as error:
        raise reader.fault("", str(error).removesuffix("."), "Calibrate the item again") from error
    reader.finish()
    return parameters


def _script(reader: Reader | None) -> ListeningScript | None:
    if reader is None:
        return None
    script = ListeningScript(
        reading_ms=reader.integer("reading_ms"),
        gap_ms=reader.integer("gap_ms"),
        answering_ms=reader.integer("answering_ms"),
        clips={
            WrittenStandard(standard): clip
            for standard, clip in reader.mapping("clips", lambda inner, key: _clip(inner.object(key))).items()
        },
    )
    reader.finish()
    for standard in ("nb", "nn"):
        if WrittenStandard(standard) not in script.clips:
            raise reader.fault("clips", f"there is none for '{standard}'", "Name the clip of both written standards")
    return script


def _clip(reader: Reader) -> Clip:
    clip = Clip(ClipId(reader.text("id")), reader.integer("frames", low=1), reader.integer("sample_rate_hz", low=8000))
    reader.finish()
    return clip


def _scale(reader: Reader) -> AbilityScale | None:
    inner = reader.optional_object("scale")
    if inner is None:
        return None
    scale = AbilityScale(inner.numbers("cuts"), inner.number("prior_mean"), inner.number("prior_sd"))
    inner.finish()
    if scale.prior_sd <= 0:
        raise inner.fault("prior_sd", f"{scale.prior_sd:g} is not above 0", "Give the population's standard deviation")
    if any(high <= low for low, high in zip(scale.cuts, scale.cuts[1:], strict=False)):
        raise inner.fault("cuts", "the cut scores do not rise", "Order them from low to high")
    return scale


def _check_names(panel: Panel, reader: Reader) -> None:
    """Everything that is named is there, once."""
    if panel.first not in panel.modules:
        raise reader.fault("first", f"there is no module '{panel.first}'", "Name one of the modules")
    _check_places(panel, reader)
    for module_id, rules in panel.routing.items():
        for target in (module_id, *(rule.target for rule in rules)):
            if target not in panel.modules:
                raise reader.fault(f"routing.{module_id}", f"there is no module '{target}'", "Name one of the modules")
    for route, levels in panel.level_table.items():
        for level in sorted(set(levels).difference(panel.levels)):
            raise reader.fault(f"level_table.{' → '.join(route)}", f"there is no level '{level}'", "Use the panel's")


def _check_places(panel: Panel, reader: Reader) -> None:
    """Every item stands in exactly one module."""
    placed: dict[ItemId, ModuleId] = {}
    for module in panel.modules.values():
        for item in module.items:
            if item not in panel.items:
                raise reader.fault(f"modules.{module.id}", f"there is no item '{item}'", "Add it or take it out")
            if item in placed:
                fault = f"item '{item}' stands in {placed[item]} too"
                raise reader.fault(f"modules.{module.id}", fault, "Keep it in one")
            placed[item] = module.id
    for item in sorted(set(panel.items).difference(placed)):
        raise reader.fault(f"items.{item}", "the item stands in no module", "Put it in one or take it out")


def parse_task_set(plain: object, where: str) -> TaskSet:
    """Read a task set from the plain data of its JSON file; ``where`` names the file in errors.

    Raises:
        TaskSetError: a field is missing, unknown or of the wrong type, or a task stands there twice.
    """
    reader = Reader(plain, where=where, error=TaskSetError)
    task_set = TaskSet(
        id=TaskSetId(reader.text("id")),
        part=PartId(reader.text("part")),
        level=reader.text("level"),
        slots=tuple(_slot(slot) for slot in reader.objects("slots")),
    )
    reader.finish()
    if len({slot.id for slot in task_set.slots}) != len(task_set.slots):
        raise reader.fault("slots", "two slots have the same id", "Give each its own id")
    if len(task_set.slot_of) != sum(len(slot.tasks) for slot in task_set.slots):
        raise reader.fault("slots", "a task stands in two slots", "Keep it in one")
    return task_set


def _slot(reader: Reader) -> TaskSlot:
    slot = TaskSlot(SlotId(reader.text("id")), tuple(TaskId(task) for task in reader.texts("tasks")))
    reader.finish()
    if not slot.tasks:
        raise reader.fault("tasks", "the slot is empty", "Add a task")
    return slot
