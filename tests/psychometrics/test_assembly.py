"""Panels from a pool: every demand kept, judged by exact classification, and clear words when it cannot be done."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from psychometrics.assembly import WRITTEN_STANDARDS, ModuleDemands, PanelDemands, PoolItem, assemble
from psychometrics.errors import NoPanelError, UnknownItemError
from psychometrics.items import ItemParameters
from psychometrics.search import LevelDemands, search

LEVELS = ("A1", "A2", "B1", "B2")
DIFFICULTY = {"A1": -1.8, "A2": -0.6, "B1": 0.6, "B2": 1.8}
GRAPH = {"RM1": ("FM-A1A2", "RM2"), "RM2": ("FM-A2B1", "FM-B1B2")}


def pool(n: int = 120, seed: int = 5) -> list[PoolItem]:
    """Passages of three items; levels take turns; some items are enemies, some lack Nynorsk, some are worn."""
    rng = np.random.default_rng(seed)
    items = []
    for k in range(n):
        level = LEVELS[(k // 3) % 4]
        b = DIFFICULTY[level] + float(rng.normal(0, 0.3))
        seconds = float(rng.uniform(55, 75))
        items.append(
            PoolItem(
                ItemParameters(f"i{k}", "2pl", float(rng.lognormal(0.2, 0.2)), (b,)),
                level=level,
                topic=("work", "home", "school")[k % 3],
                passage=f"p{k // 3}",
                enemies=frozenset({f"i{k + 12}"}) if k % 24 == 0 and k + 12 < n else frozenset(),
                seconds={"nb": seconds, "nn": seconds + 2},
                uses=3 if k // 3 == 7 else 0,
                standards=frozenset({"nb"}) if k // 3 == 9 else frozenset(WRITTEN_STANDARDS),
            )
        )
    return items


def demands(**changes: Any) -> PanelDemands:
    modules = (
        ModuleDemands("RM1", (9, 9), {"A1": (3, 6), "A2": (3, 6)}, best_at=(-1.2,)),
        ModuleDemands("RM2", (9, 9), {"A2": (3, 6), "B1": (3, 6)}, best_at=(0.0,), expected_share=0.7),
        ModuleDemands("FM-A1A2", (15, 15), {"A1": (6, 9), "A2": (6, 9)}, best_at=(-1.2,), expected_share=0.3),
        ModuleDemands("FM-A2B1", (12, 12), {"A2": (3, 6), "B1": (6, 9)}, best_at=(0.0,), expected_share=0.4),
        ModuleDemands("FM-B1B2", (12, 12), {"B1": (3, 6), "B2": (6, 9)}, best_at=(1.2,), expected_share=0.3),
    )
    given: dict[str, Any] = {
        "route_seconds": (20 * 60.0, 50 * 60.0),
        "uses_per_item": 3,
        "seconds_limit": 4.0,
        "gap": 0.05,
    }
    return PanelDemands(modules, "RM1", GRAPH, **{**given, **changes})


@pytest.fixture(scope="module")
def built():
    return assemble(pool(), demands())


def test_sizes_and_mixes_are_kept(built) -> None:
    (panel,) = built.panels
    for module in demands().modules:
        items = panel.modules[module.id]
        assert module.items[0] <= len(items) <= module.items[1]
        for level, (low, high) in module.levels.items():
            assert low <= sum(item.level == level for item in items) <= high


def test_passages_stay_together_and_enemies_apart(built) -> None:
    (panel,) = built.panels
    place = {item.id: module for module, items in panel.modules.items() for item in items}
    assert len(place) == len(panel.items())
    for item in pool():
        if item.id in place:
            mates = {place.get(other.id) for other in pool() if other.passage == item.passage}
            assert mates == {place[item.id]}
            assert not item.enemies & set(place)


def test_worn_items_and_items_in_one_written_standard_are_left_out(built) -> None:
    chosen = {item.passage for item in built.panels[0].items()}
    assert "p7" not in chosen
    assert "p9" not in chosen


def test_every_route_keeps_its_time_in_both_standards_and_longer_ways_last_longer(built) -> None:
    (panel,) = built.panels
    routes = demands().routes()
    for standard in WRITTEN_STANDARDS:
        times = {route: panel.route_seconds(route, standard) for route in routes}
        assert all(20 * 60 <= seconds <= 50 * 60 for seconds in times.values())
        for short in routes:
            for long in routes:
                if len(short) < len(long):
                    assert times[short] < times[long]


def test_panels_share_no_item_and_reach_the_same_targets() -> None:
    finals = {"FM-A1A2": (-1.2, 6.0), "FM-A2B1": (0.0, 5.0), "FM-B1B2": (1.2, 5.0)}
    targets = {"RM1": (-1.2, 4.0), "RM2": (0.0, 4.0), **finals}
    wanted = demands(panels=2, tolerance=0.15)
    modules = tuple(replace(m, best_at=(), targets=(targets[m.id],)) for m in wanted.modules)
    found = assemble(pool(180), replace(wanted, modules=modules))
    ids = [{item.id for item in panel.items()} for panel in found.panels]
    assert all(not one & other for one, other in combinations(ids, 2))
    for panel in found.panels:
        for module, (theta, target) in targets.items():
            information = float(panel.information(module, np.array([theta]))[0])
            assert abs(information - target) <= found.largest_deviation * target + 1e-6


def test_no_item_is_met_by_more_candidates_than_the_limit() -> None:
    found = assemble(pool(180), demands(panels=2, panels_per_item=2, exposure_limit=0.5))
    shares = {module.id: module.expected_share / 2 for module in demands().modules}
    met: dict[str, float] = {}
    for panel in found.panels:
        for module, items in panel.modules.items():
            for item in items:
                met[item.id] = met.get(item.id, 0.0) + shares[module]
    assert max(met.values()) <= 0.5 + 1e-9


def test_what_cannot_be_had_is_named_with_the_demands_that_would_have_to_give() -> None:
    with pytest.raises(NoPanelError, match=r"Loosen one of these.* minutes on "):
        assemble(pool(), demands(route_seconds=(5 * 60.0, 12 * 60.0)))
    with pytest.raises(NoPanelError, match="items"):
        assemble(pool(30), demands())


def test_an_enemy_that_is_not_in_the_pool_is_named() -> None:
    items = pool(60)
    items[0] = replace(items[0], enemies=frozenset({"ghost"}))
    with pytest.raises(UnknownItemError, match="'ghost'"):
        assemble(items, demands())


def test_search_returns_the_best_of_its_tries_confirmed_by_simulation() -> None:
    levels = LevelDemands(("below_A1", *LEVELS), (-1.8, -0.6, 0.4, 1.4), 0.0, 1.3)
    single, _ = search(pool(), demands(), levels, tries=1, seed=2)
    best, confirmed = search(pool(), demands(), levels, tries=3, seed=2)
    assert best[0].accuracy >= single[0].accuracy
    assert abs(confirmed.simulated - confirmed.exact) < 4.5 * confirmed.standard_error
    assert confirmed.exact == min(judged.accuracy for judged in best)
    assert set(best[0].table.numbers) == set(best[0].model.tree.routes())
