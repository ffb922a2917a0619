"""Panels: simulation, exact evaluation, level table, assembly, fit and linking, on fixed simulated and published data.

Run from the repository root: ``python benchmarks/bench_panels.py``. Writes benchmarks/results/panels.json. Times are
CPU seconds of one thread. None of the peers that can be installed from the package index has multistage tests; the
notes name what the R packages took for the same job, as measured on this kind of machine (2 cores, AMD EPYC, R 4.2.2).
"""

from __future__ import annotations

import json
import statistics
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import irt_sets  # noqa: E402 - it pins the threads before NumPy is imported
import numpy as np  # noqa: E402

from psychometrics import fit  # noqa: E402
from psychometrics.assembly import ModuleDemands, PanelDemands, PoolItem, assemble  # noqa: E402
from psychometrics.curves import LogisticCurves  # noqa: E402
from psychometrics.exact import (  # noqa: E402
    PanelModel,
    RouteTree,
    classify,
    conditional_moments,
    eap_tables,
    evaluate,
    inverse_tcc_tables,
    normal_weights,
)
from psychometrics.items import ItemParameters  # noqa: E402
from psychometrics.levels import level_table, population_grid  # noqa: E402
from psychometrics.linking import Linking, link  # noqa: E402
from psychometrics.simulation import simulate  # noqa: E402
from tests.psychometrics.published import published_panel, read_matrix  # noqa: E402

CENTRES = {"R": 0.0, "2e": -1.0, "2m": 0.0, "2h": 1.0, "3e": -1.2, "3m": 0.0, "3h": 1.2}
GRAPH = {"R": ("2e", "2m", "2h"), "2e": ("3e", "3m"), "2m": ("3e", "3m", "3h"), "2h": ("3m", "3h")}
CUTS = (-1.8, -0.8, 0.2, 1.2)
LEVELS = ("below_A1", "A1", "A2", "B1", "B2")
THETAS = np.linspace(-4.0, 4.0, 81)


def panel_of_48() -> PanelModel:
    """A 1-3-3 panel as in set c: 15 + 15 + 18 items on each route, routed by the module's number correct."""
    rng = np.random.default_rng(103)
    members: dict[str, Any] = {}
    a, b = [], []
    for module, centre in CENTRES.items():
        n = 18 if module[0] == "3" else 15
        members[module] = np.arange(len(b), len(b) + n)
        a += rng.lognormal(0.1, 0.3, n).tolist()
        b += rng.normal(centre, 0.7, n).tolist()
    branches = {
        ("R",): ("2e",) * 6 + ("2m",) * 4 + ("2h",) * 6,
        ("R", "2e"): ("3e",) * 10 + ("3m",) * 6,
        ("R", "2m"): ("3e",) * 6 + ("3m",) * 4 + ("3h",) * 6,
        ("R", "2h"): ("3m",) * 6 + ("3h",) * 10,
    }
    points = {module: len(rows) for module, rows in members.items()}
    return PanelModel(
        RouteTree("R", points, branches), LogisticCurves(np.array(a), np.array(b), np.zeros(len(a))), members
    )


def pool_of_300() -> tuple[list[PoolItem], PanelDemands]:
    """300 items in passages of three; two parallel 1-3-3 panels of 15 items a module with information targets."""
    rng = np.random.default_rng(301)
    pool = []
    for passage in range(100):
        centre = rng.normal(0.0, 1.0)
        for k in range(3):
            a, b = float(rng.lognormal(0.1, 0.25)), float(centre + rng.normal(0, 0.4))
            item = ItemParameters(f"i{passage}-{k}", "2pl", a, (b,))
            pool.append(PoolItem(item, level="A2", topic=f"t{passage % 5}", passage=f"p{passage}"))
    modules = tuple(
        ModuleDemands(name, (15, 15), topics={f"t{k}": (3, 3) for k in range(5)}, targets=((centre, 3.4),))
        for name, centre in CENTRES.items()
    )
    return pool, PanelDemands(modules, "R", GRAPH, panels=2, tolerance=0.05, gap=0.01, seconds_limit=120)


def exactly(panel: PanelModel) -> float:
    """Score tables, routes, bias and conditional error at 81 thetas."""
    tables = inverse_tcc_tables(panel, panel.tree.routes())
    return float(conditional_moments(evaluate(panel, THETAS), tables).csem[40])


def classified(panel: PanelModel) -> float:
    """Accuracy over a population on the fine grid."""
    grid = population_grid()
    weights = normal_weights(grid)
    evaluation = evaluate(panel, grid)
    means, _ = eap_tables(evaluation, weights)
    levels = {route: np.searchsorted(CUTS, mean, side="right") for route, mean in means.items()}
    return classify(evaluation, levels, np.array(CUTS), weights).accuracy


def timed(work: Callable[[], Any], n: int) -> tuple[list[float], Any]:
    """CPU seconds of n runs after one to warm up, and the last result."""
    result = work() if n > 1 else None
    seconds = []
    for _ in range(n):
        before = process_time()
        result = work()
        seconds.append(process_time() - before)
    return seconds, result


def row(name: str, seconds: list[float], goal: str, note: str) -> dict[str, Any]:
    """One measurement as the table reads it."""
    low, _, high = statistics.quantiles(seconds, n=4, method="inclusive") if len(seconds) > 1 else (0.0, 0.0, 0.0)
    return {
        "name": name, "unit": "s", "median": round(statistics.median(seconds), 6), "spread": round(high - low, 6),
        "n": len(seconds), "peer": None, "goal": goal, "note": note,
    }  # fmt: skip


def measurements(n: int, *, quick: bool) -> list[dict[str, Any]]:
    """Everything, in the order of the table."""
    rows: list[dict[str, Any]] = []
    large, (published, _) = panel_of_48(), published_panel()
    small = trimmed(published)
    theta = np.random.default_rng(9).standard_normal(10_000)
    seconds, run = timed(lambda: simulate(large, theta, seed=3), n)
    note = f"share of the middle route {run.route_shares()['R', '2m', '3m']:.3f}; Rmst 97 s, mstR 150 s"
    rows.append(row("g 10,000 simulees through a 1-3-3 panel, 48 items", seconds, "<= 0.1 s", note))
    seconds, csem = timed(lambda: exactly(small), n)
    rows.append(row("exact evaluation of a 1-3-3 panel, 24 items, 81 thetas", seconds, "<= 0.02 s",
                    f"score tables included; conditional error at 0 {csem:.6f}; irtQ 2.1 s"))  # fmt: skip
    seconds, csem = timed(lambda: exactly(large), n)
    rows.append(row("exact evaluation of a 1-3-3 panel, 48 items, 81 thetas", seconds, "<= 0.02 s",
                    f"score tables included; conditional error at 0 {csem:.6f}"))  # fmt: skip
    seconds, accuracy = timed(lambda: classified(large), n)
    note = f"accuracy {accuracy:.5f}"
    rows.append(row("classification over a population, 601 thetas", seconds, "<= 0.05 s", note))
    seconds, table = timed(lambda: level_table(large, LEVELS, CUTS), n)
    rows.append(row("official level table with its classification error", seconds, "<= 0.1 s",
                    f"accuracy {table.classification.accuracy:.5f}"))  # fmt: skip
    rows += judging(n)
    if not quick:
        pool, demands = pool_of_300()
        seconds, assembly = timed(lambda: assemble(pool, demands), 1)
        note = f"off target {assembly.largest_deviation:.1%}, gap {assembly.gap:.1%}; Rmst with GLPK: 65 s"
        rows.append(row("assembly of 2 panels 1-3-3, 15 items a module, 100 passages of 3", seconds, "<= 5 s", note))
    return rows


def trimmed(panel: PanelModel) -> PanelModel:
    """The published panel without the items of its bank that it does not use."""
    order = np.concatenate(list(panel.members.values()))
    starts = np.cumsum([0, *(len(rows) for rows in panel.members.values())])
    members = {name: np.arange(starts[k], starts[k + 1]) for k, name in enumerate(panel.members)}
    return PanelModel(panel.tree, panel.curves.subset(order), members)


def judging(n: int) -> list[dict[str, Any]]:
    """Fit of set a at its true parameters, and Kolen and Brennan's linking with standard errors."""
    known = irt_sets.two_parameter(2000, 101)
    items = tuple(
        ItemParameters(item, "2pl", float(a), (float(b),))
        for item, a, b in zip(known.data.item_ids, known.a, known.b, strict=True)
    )
    population = fit.normal_population()
    rows: list[dict[str, Any]] = []
    jobs: tuple[tuple[str, Callable[[], Any], str, str], ...] = (
        ("S-X2 of 2,000 x 40", lambda: fit.s_x2(known.data, items, population), "<= 0.12 s", "R mirt 0.12 s"),
        ("M2 of 2,000 x 40", lambda: fit.m2(known.data, items, population), "<= 1.1 s", "R mirt 1.1 s"),
        ("Q3 of 2,000 x 40", lambda: fit.q3(known.data, items, known.theta), "<= 0.38 s", "R mirt 0.38 s"),
        ("lz* of 2,000 x 40", lambda: fit.lz_star(known.data, items, known.theta), "<= 0.13 s", "R mirt's Zh 0.13 s"),
        ("Stocking-Lord, 12 common 3PL items, with standard errors and jackknife", kolen_brennan, "<= 0.5 s", ""),
    )
    for name, work, goal, note in jobs:
        seconds, _ = timed(work, n)
        rows.append(row(name, seconds, goal, note))
    return rows


def kolen_brennan() -> Linking:
    """Form X to form Y of their Table 6.5."""
    common = {int(line[0]) - 1 for line in read_matrix("kb04_common.csv")}
    forms = [
        [
            ItemParameters(str(k), "3pl", line[at], (line[at + 1],), line[at + 2], se_a=0.1, se_b=(0.1,), se_c=0.03)
            for k, line in enumerate(read_matrix("kb04_3pl_formX_formY.csv"))
            if k in common
        ]
        for at in (0, 3)
    ]
    return link(forms[0], forms[1])


def main() -> None:
    """Measure and write."""
    parser = ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="fewer runs, no assembly")
    quick = parser.parse_args().quick
    rows = measurements(3 if quick else 9, quick=quick)
    for line in rows:
        print(f"{line['name']}: {line['median']:.4f} s (goal {line['goal']}; {line['note']})")
    folder = ROOT / "benchmarks" / "results"
    folder.mkdir(exist_ok=True)
    (folder / "panels.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
