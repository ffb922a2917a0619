"""Putting items together to panels: an integer programme, then exact judgement of what it gives.

The programme decides which *unit* (a passage with all its items, or a single item) stands in which module of which
panel. Information is held to targets at given thetas (the largest shortfall or excess of any module counts), everything
else is a hard demand. HiGHS solves it through `scipy.optimize.milp`. When no panel keeps all demands, the programme is
relaxed with one kind of demand elastic at a time, and the error names those that would have to give.

References:
    van der Linden (2005), Linear Models for Optimal Test Design. Breithaupt, Ariel & Veldkamp (2005), International
    Journal of Testing 5, 319-330 (multistage panels).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from psychometrics.curves import ItemCurves
from psychometrics.data import FloatArray, IntArray
from psychometrics.errors import NoPanelError, NoTimeError, UnknownItemError
from psychometrics.items import ItemParameters

WRITTEN_STANDARDS = ("nb", "nn")
Range = tuple[float, float]
INFEASIBLE = 2  # status of scipy.optimize.milp
SHOWN_DEMANDS = 6
SLACK = 1e-6
LONGER_BY_S = 1.0  # a route with more routing modules lasts at least this much longer (reglement 3.8)


@dataclass(frozen=True, slots=True)
class PoolItem:
    """An item that may be chosen.

    Attributes:
        passage: its stimulus; items of one passage go together. Empty for an item by itself.
        enemies: ids that may not stand in the same panel.
        seconds: planned time in each written standard, plays and answering time included; empty where time is free.
        uses: panels of earlier periods that had it.
        standards: written standards in which it is complete.
    """

    parameters: ItemParameters
    level: str = ""
    topic: str = ""
    passage: str = ""
    enemies: frozenset[str] = frozenset()
    seconds: Mapping[str, float] = field(default_factory=dict[str, float])
    uses: int = 0
    standards: frozenset[str] = frozenset(WRITTEN_STANDARDS)

    @property
    def id(self) -> str:
        """The item's id."""
        return self.parameters.item_id


@dataclass(frozen=True, slots=True)
class ModuleDemands:
    """What a module must be.

    Attributes:
        items: fewest and most items.
        levels, topics: fewest and most items of each; levels or topics not named are free.
        targets: information wanted at each theta.
        best_at: thetas at which information is to be as high as possible, instead of targets.
        expected_share: share of candidates who will get the module, for exposure; 1 for the first.
    """

    id: str
    items: tuple[int, int]
    levels: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    topics: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    targets: tuple[tuple[float, float], ...] = ()
    best_at: tuple[float, ...] = ()
    expected_share: float = 1.0


@dataclass(frozen=True, slots=True)
class PanelDemands:
    """What panels must be.

    Attributes:
        modules: of each panel. first: where everybody begins.
        graph: for each routing module, its next modules from the easiest to the hardest.
        panels: how many to build at once.
        panels_per_item: most panels that may share an item.
        uses_per_item: most panels over all periods, earlier ones included; None for no limit.
        exposure_limit: most candidates, as a share, that may meet an item; None for no limit.
        route_seconds: shortest and longest time of a route in either written standard; None where time is free.
        tolerance: a deviation from targets up to this share is as good as none.
        seconds_limit: the solver's time. gap: how near to the best is near enough.
    """

    modules: tuple[ModuleDemands, ...]
    first: str
    graph: Mapping[str, tuple[str, ...]]
    panels: int = 1
    panels_per_item: int = 1
    uses_per_item: int | None = None
    exposure_limit: float | None = None
    route_seconds: Range | None = None
    tolerance: float = 0.05
    seconds_limit: float = 60.0
    gap: float = 0.01

    def routes(self) -> tuple[tuple[str, ...], ...]:
        """Every way from the first module to one that leads nowhere."""
        return tuple(self._onward((self.first,)))

    def _onward(self, route: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
        if route[-1] not in self.graph:
            yield route
        for target in self.graph.get(route[-1], ()):
            yield from self._onward((*route, target))


@dataclass(frozen=True, slots=True)
class AssembledPanel:
    """Items of each module, passages together, and the information reached at each target."""

    modules: Mapping[str, tuple[PoolItem, ...]]

    def items(self) -> tuple[PoolItem, ...]:
        """All items, module by module."""
        return tuple(item for items in self.modules.values() for item in items)

    def information(self, module: str, theta: FloatArray) -> FloatArray:
        """Information of a module at each theta."""
        return ItemCurves(tuple(item.parameters for item in self.modules[module])).information(theta).sum(axis=0)

    def route_seconds(self, route: Sequence[str], standard: str) -> float:
        """Planned time of a route."""
        return sum(item.seconds.get(standard, 0.0) for module in route for item in self.modules[module])


@dataclass(frozen=True, slots=True)
class Assembly:
    """What the solver gave.

    Attributes:
        largest_deviation: from an information target, as a share of that target; `tolerance` when it is within that.
        gap: proven distance from the best possible, as a share.
    """

    panels: tuple[AssembledPanel, ...]
    largest_deviation: float
    gap: float


def assemble(pool: Sequence[PoolItem], demands: PanelDemands) -> Assembly:
    """Panels from a pool.

    Items without parameters cannot be in the pool; items that lack a written standard, or have been used often enough,
    are left out.

    Raises:
        NoPanelError: the demands contradict each other or ask more than the pool has; it names the narrowest.
        NoTimeError: the solver's time was over before it had any panel.
        UnknownItemError: an enemy is not in the pool.
    """
    known = {item.id for item in pool}
    for item in pool:
        for enemy in item.enemies - known:
            raise UnknownItemError(item.id, enemy)
    units = _units(pool, demands)
    programme = _Programme(units, demands)
    result = milp(
        programme.costs(),
        constraints=programme.constraints(),
        integrality=programme.integrality(),
        bounds=programme.bounds(),
        options={"time_limit": demands.seconds_limit, "mip_rel_gap": demands.gap},
    )
    if result.x is None:
        if result.status == INFEASIBLE:
            raise NoPanelError(programme.narrowest())
        raise NoTimeError(demands.seconds_limit)
    chosen = programme.chosen(np.asarray(result.x))
    return Assembly(chosen, programme.deviation(np.asarray(result.x)), float(result.mip_gap or 0.0))


@dataclass(frozen=True, slots=True)
class _Unit:
    name: str
    items: tuple[PoolItem, ...]

    def count(self, attribute: str, value: str) -> int:
        return sum(getattr(item, attribute) == value for item in self.items)

    def seconds(self, standard: str) -> float:
        return sum(item.seconds.get(standard, 0.0) for item in self.items)

    def information(self, theta: float) -> float:
        curves = ItemCurves(tuple(item.parameters for item in self.items))
        return float(curves.information(np.array([theta])).sum())


def _units(pool: Sequence[PoolItem], demands: PanelDemands) -> tuple[_Unit, ...]:
    groups: dict[str, list[PoolItem]] = {}
    for item in pool:
        groups.setdefault(f"passage {item.passage}" if item.passage else f"item {item.id}", []).append(item)
    units = (_Unit(name, tuple(items)) for name, items in groups.items())
    return tuple(unit for unit in units if all(_is_usable(item, demands) for item in unit.items))


def _is_usable(item: PoolItem, demands: PanelDemands) -> bool:
    is_fresh = demands.uses_per_item is None or item.uses < demands.uses_per_item
    return is_fresh and item.standards.issuperset(WRITTEN_STANDARDS)


@dataclass(slots=True)
class _Row:
    name: str
    coefficients: dict[int, float]
    low: float
    high: float


class _Programme:
    """Variables: x[panel, module, unit] in {0, 1}; then the largest deviation; then one height per best-at module."""

    def __init__(self, units: Sequence[_Unit], demands: PanelDemands) -> None:
        self.units, self.demands = units, demands
        self.n_choices = demands.panels * len(demands.modules) * len(units)
        self.deviation_at = self.n_choices
        self.height_at: dict[tuple[int, str], int] = {}
        for panel in range(demands.panels):
            for module in demands.modules:
                if module.best_at:
                    self.height_at[panel, module.id] = self.n_choices + 1 + len(self.height_at)
        self.n_variables = self.n_choices + 1 + len(self.height_at)
        self.rows = [row for build in self._builders() for row in build()]

    def _builders(self) -> tuple[Callable[[], Iterable[_Row]], ...]:
        return (
            self._once_a_panel,
            self._exposure,
            self._sizes,
            self._mixes,
            self._enemies,
            self._times,
            self._longer_routes,
            self._information,
        )

    def _x(self, panel: int, module: int, unit: int) -> int:
        return (panel * len(self.demands.modules) + module) * len(self.units) + unit

    def _places(self) -> Iterable[tuple[int, int]]:
        return ((p, m) for p in range(self.demands.panels) for m in range(len(self.demands.modules)))

    def _weighted(self, panel: int, module: int, weight: Callable[[_Unit], float]) -> dict[int, float]:
        weights = ((k, weight(unit)) for k, unit in enumerate(self.units))
        return {self._x(panel, module, k): value for k, value in weights if value}

    def _once_a_panel(self) -> Iterable[_Row]:
        for panel in range(self.demands.panels):
            for k, unit in enumerate(self.units):
                cells = {self._x(panel, m, k): 1.0 for m in range(len(self.demands.modules))}
                yield _Row(f"{unit.name} once in a panel", cells, 0.0, 1.0)

    def _exposure(self) -> Iterable[_Row]:
        demands = self.demands
        shares = [module.expected_share / demands.panels for module in demands.modules]
        for k, unit in enumerate(self.units):
            left = demands.panels_per_item
            if demands.uses_per_item is not None:
                left = min(left, demands.uses_per_item - max(item.uses for item in unit.items))
            if left < demands.panels:
                cells = {self._x(p, m, k): 1.0 for p, m in self._places()}
                yield _Row(f"{unit.name} in at most {left} panels", cells, 0.0, float(left))
            if demands.exposure_limit is not None:
                cells = {self._x(p, m, k): shares[m] for p, m in self._places()}
                yield _Row(
                    f"{unit.name} met by at most {demands.exposure_limit:.0%}", cells, 0.0, demands.exposure_limit
                )

    def _sizes(self) -> Iterable[_Row]:
        for p, m in self._places():
            module = self.demands.modules[m]
            low, high = module.items
            cells = self._weighted(p, m, lambda unit: len(unit.items))
            yield _Row(f"{low} to {high} items in {module.id}", cells, low, high)

    def _mixes(self) -> Iterable[_Row]:
        for p, m in self._places():
            module = self.demands.modules[m]
            for attribute, wanted in (("level", module.levels), ("topic", module.topics)):
                for value, (low, high) in wanted.items():
                    cells = self._weighted(p, m, lambda unit, a=attribute, v=value: unit.count(a, v))
                    yield _Row(f"{low} to {high} items of {attribute} {value} in {module.id}", cells, low, high)

    def _enemies(self) -> Iterable[_Row]:
        for (k, one), (j, other) in combinations(enumerate(self.units), 2):
            ids, foes = ({item.id for item in unit.items} for unit in (one, other))
            hostile = any(item.enemies & foes for item in one.items) or any(item.enemies & ids for item in other.items)
            for panel in range(self.demands.panels if hostile else 0):
                modules = range(len(self.demands.modules))
                cells = {self._x(panel, m, unit): 1.0 for m in modules for unit in (k, j)}
                yield _Row(f"{one.name} and {other.name} are enemies", cells, 0.0, 1.0)

    def _route_cells(self, panel: int, route: Sequence[str], standard: str) -> dict[int, float]:
        cells: dict[int, float] = {}
        for m, module in enumerate(self.demands.modules):
            if module.id in route:
                cells.update(self._weighted(panel, m, lambda unit: unit.seconds(standard)))
        return cells

    def _times(self) -> Iterable[_Row]:
        if self.demands.route_seconds is None:
            return
        low, high = self.demands.route_seconds
        for panel in range(self.demands.panels):
            for route in self.demands.routes():
                for standard in WRITTEN_STANDARDS:
                    name = f"{low / 60:g} to {high / 60:g} minutes on {'-'.join(route)} in {standard}"
                    yield _Row(name, self._route_cells(panel, route, standard), low, high)

    def _longer_routes(self) -> Iterable[_Row]:
        if self.demands.route_seconds is None:
            return
        routes = self.demands.routes()
        pairs = [(short, long) for short in routes for long in routes if len(short) < len(long)]
        for panel in range(self.demands.panels):
            for short, long in pairs:
                for standard in WRITTEN_STANDARDS:
                    cells = self._route_cells(panel, long, standard)
                    for place, seconds in self._route_cells(panel, short, standard).items():
                        cells[place] = cells.get(place, 0.0) - seconds
                    name = f"{'-'.join(long)} lasts longer than {'-'.join(short)} in {standard}"
                    yield _Row(name, cells, LONGER_BY_S, np.inf)

    def _information(self) -> Iterable[_Row]:
        for p, m in self._places():
            module = self.demands.modules[m]
            for theta, target in module.targets:
                cells = self._weighted(p, m, lambda unit, t=theta: unit.information(t))
                name = f"information {target:g} at theta {theta:g} in {module.id}"
                yield _Row(name, {**cells, self.deviation_at: target}, target, np.inf)
                yield _Row(name, {**cells, self.deviation_at: -target}, -np.inf, target)
            for theta in module.best_at:
                cells = self._weighted(p, m, lambda unit, t=theta: unit.information(t))
                yield _Row(
                    f"height at {theta:g} in {module.id}", {**cells, self.height_at[p, module.id]: -1.0}, 0.0, np.inf
                )

    def costs(self) -> FloatArray:
        costs = np.zeros(self.n_variables)
        costs[self.deviation_at] = 1.0
        for place in self.height_at.values():
            costs[place] = -1.0 / (len(self.height_at) * 10.0)
        return costs

    def constraints(self) -> LinearConstraint:
        matrix, low, high = _matrix(self.rows, self.n_variables)
        return LinearConstraint(matrix, low, high)

    def integrality(self) -> IntArray:
        kinds = np.zeros(self.n_variables, dtype=np.int64)
        kinds[: self.n_choices] = 1
        return kinds

    def bounds(self) -> Bounds:
        high = np.full(self.n_variables, np.inf)
        high[: self.n_choices] = 1.0
        low = np.zeros(self.n_variables)
        low[self.deviation_at] = self.demands.tolerance
        return Bounds(low, high)

    def narrowest(self) -> tuple[str, ...]:
        """For each kind of demand that alone could give way, its rows that would; by linear relaxation."""
        found: list[str] = []
        for build in self._builders()[2:]:
            mine = {row.name for row in build()}
            found += self._giving([row for row in self.rows if row.name in mine])
        return tuple(dict.fromkeys(found))[:SHOWN_DEMANDS] or ("the demands together, no kind of them alone",)

    def _giving(self, elastic: Sequence[_Row]) -> list[str]:
        """Rows that take up slack when only these may; empty when that does not help."""
        if not elastic:
            return []
        place = {id(row): k for k, row in enumerate(self.rows)}
        n_slack = 2 * len(elastic)
        matrix, low, high = _matrix(self.rows, self.n_variables + n_slack)
        owner = np.repeat([place[id(row)] for row in elastic], 2)
        signs = np.tile([1.0, -1.0], len(elastic))
        slack = csr_array((signs, (owner, self.n_variables + np.arange(n_slack))), shape=matrix.shape)
        upper = np.concatenate([self.bounds().ub, np.full(n_slack, np.inf)])
        costs = np.concatenate([np.zeros(self.n_variables), np.ones(n_slack)])
        answer = milp(
            costs,
            constraints=LinearConstraint(matrix + slack, low, high),
            bounds=Bounds(np.concatenate([self.bounds().lb, np.zeros(n_slack)]), upper),
            options={"time_limit": self.demands.seconds_limit},
        )
        if answer.x is None:
            return []
        amounts = np.asarray(answer.x, dtype=np.float64)[self.n_variables :].reshape(-1, 2).sum(axis=1)
        widest = [int(k) for k in np.argsort(-amounts)[:2]]
        return [elastic[k].name for k in widest if amounts[k] > SLACK]

    def chosen(self, x: FloatArray) -> tuple[AssembledPanel, ...]:
        panels: list[AssembledPanel] = []
        for p in range(self.demands.panels):
            modules: dict[str, tuple[PoolItem, ...]] = {}
            for m, module in enumerate(self.demands.modules):
                picked = [unit for k, unit in enumerate(self.units) if x[self._x(p, m, k)] > 0.5]  # noqa: PLR2004 - binary
                modules[module.id] = tuple(item for unit in picked for item in unit.items)
            panels.append(AssembledPanel(modules))
        return tuple(panels)

    def deviation(self, x: FloatArray) -> float:
        return float(x[self.deviation_at])


def _matrix(rows: Sequence[_Row], n_columns: int) -> tuple[csr_array, FloatArray, FloatArray]:
    lengths = [len(row.coefficients) for row in rows]
    columns = np.array([column for row in rows for column in row.coefficients], dtype=np.int64)
    values = np.array([value for row in rows for value in row.coefficients.values()], dtype=np.float64)
    owner = np.repeat(np.arange(len(rows)), lengths)
    matrix = csr_array((values, (owner, columns)), shape=(len(rows), n_columns))
    return matrix, np.array([row.low for row in rows], dtype=float), np.array([row.high for row in rows], dtype=float)
