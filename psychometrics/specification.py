"""What panels must be, read from a TOML file; every fault named with file, field and what to do."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from psychometrics.assembly import ModuleDemands, PanelDemands
from psychometrics.errors import SpecificationError, UnreadableFileError
from psychometrics.search import LevelDemands, RoutingChoice

Count = Annotated[int, Field(ge=0)]
Limits = tuple[Count, Count]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModuleSpecification(_Strict):
    """One module: kind, size, mix of levels and topics, and information wanted."""

    kind: Literal["routing", "final"]
    items: Limits
    levels: dict[str, Limits] = Field(default_factory=dict)
    topics: dict[str, Limits] = Field(default_factory=dict)
    targets: tuple[tuple[float, Annotated[float, Field(gt=0.0)]], ...] = ()
    best_at: tuple[float, ...] = ()
    expected_share: Share = 1.0
    shares: tuple[Share, ...] = ()
    highest: str | None = None


class PanelSpecification(_Strict):
    """A whole specification file."""

    id: str = Field(min_length=1)
    part: Literal["listening", "reading", "theory"]
    levels: tuple[str, ...] = Field(min_length=2)
    cuts: tuple[float, ...]
    prior_mean: float = 0.0
    prior_sd: Annotated[float, Field(gt=0.0)] = 1.0
    first: str
    routing: RoutingChoice = "accuracy"
    panels: Annotated[int, Field(ge=1)] = 1
    panels_per_item: Annotated[int, Field(ge=1)] = 1
    uses_per_item: Annotated[int, Field(ge=1)] | None = None
    exposure_limit: Share | None = None
    route_minutes: tuple[float, float] | None = None
    tolerance: Share = 0.05
    seconds_limit: Annotated[float, Field(gt=0.0)] = 60.0
    gap: Share = 0.01
    graph: dict[str, tuple[str, ...]]
    modules: dict[str, ModuleSpecification] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Specification:
    """A specification ready for assembly and judgement."""

    file: PanelSpecification
    demands: PanelDemands
    levels: LevelDemands
    shares: Mapping[str, tuple[float, ...]] | None


def read_specification(path: Path) -> Specification:
    """A specification from its TOML file.

    Raises:
        UnreadableFileError: not there, or no TOML.
        SpecificationError: a field is missing, unknown, of the wrong kind, or names a module that is not there.
    """
    try:
        plain = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UnreadableFileError(str(path), str(error)) from error
    try:
        file = PanelSpecification.model_validate(plain)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        remedy = "Correct it; docs/psychometrics.md lists the fields"
        raise SpecificationError(path.name, place, first["msg"], remedy) from error
    _check(file, path.name)
    shares = {name: module.shares for name, module in file.modules.items() if module.shares}
    return Specification(
        file=file,
        demands=_demands(file),
        levels=LevelDemands(file.levels, file.cuts, file.prior_mean, file.prior_sd, _highest(file)),
        shares=shares if file.routing == "population" else None,
    )


def _highest(file: PanelSpecification) -> dict[str, str]:
    return {name: module.highest for name, module in file.modules.items() if module.highest is not None}


def _check(file: PanelSpecification, where: str) -> None:
    for source, targets in file.graph.items():
        for name in (source, *targets):
            if name not in file.modules:
                raise SpecificationError(where, f"graph.{source}", f"there is no module '{name}'", "Add it to modules")
    if file.first not in file.modules:
        raise SpecificationError(where, "first", f"there is no module '{file.first}'", "Name one of the modules")
    for name, module in file.modules.items():
        _check_module(file, name, module, where)


def _check_module(file: PanelSpecification, name: str, module: ModuleSpecification, where: str) -> None:
    leads_on = name in file.graph
    if leads_on != (module.kind == "routing"):
        remedy = "Give it targets in graph" if module.kind == "routing" else "Take it out of graph, or make it routing"
        raise SpecificationError(where, f"modules.{name}.kind", f"it is {module.kind}", remedy)
    if file.routing == "population" and leads_on and len(module.shares) != len(file.graph[name]):
        found = f"{len(module.shares)} shares for {len(file.graph[name])} next modules"
        raise SpecificationError(where, f"modules.{name}.shares", found, "Give one share for each, in graph order")
    if module.highest is not None and module.highest not in file.levels:
        raise SpecificationError(
            where, f"modules.{name}.highest", f"'{module.highest}' is no level", "Use one of levels"
        )
    if module.items[0] > module.items[1]:
        raise SpecificationError(where, f"modules.{name}.items", "the fewest exceed the most", "Exchange them")


def _demands(file: PanelSpecification) -> PanelDemands:
    modules = tuple(
        ModuleDemands(
            id=name,
            items=module.items,
            levels=module.levels,
            topics=module.topics,
            targets=module.targets,
            best_at=module.best_at,
            expected_share=module.expected_share,
        )
        for name, module in file.modules.items()
    )
    minutes = file.route_minutes
    return PanelDemands(
        modules=modules,
        first=file.first,
        graph=file.graph,
        panels=file.panels,
        panels_per_item=file.panels_per_item,
        uses_per_item=file.uses_per_item,
        exposure_limit=file.exposure_limit,
        route_seconds=None if minutes is None else (60.0 * minutes[0], 60.0 * minutes[1]),
        tolerance=file.tolerance,
        seconds_limit=file.seconds_limit,
        gap=file.gap,
    )
