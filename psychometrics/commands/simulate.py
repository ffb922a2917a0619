"""Send simulated candidates through a panel: `./run simulate panel.json --seed 1 --out responses.csv`."""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from psychometrics import tables
from psychometrics.commands import shared
from psychometrics.curves import curves_of
from psychometrics.data import NOT_PRESENTED, BoolArray, FloatArray
from psychometrics.errors import UnknownItemError
from psychometrics.exact import PanelModel, RouteTree, evaluate, normal_weights
from psychometrics.items import ItemParameters, read_parameters, require_unique, write_parameters
from psychometrics.levels import population_grid
from psychometrics.panels import PanelItems
from psychometrics.pool import pool_from_bank
from psychometrics.simulation import Simulation, simulate
from psychometrics.sources import PanelSource, read_bank_folder, read_panel

GROUP_STREAM = 2**32  # simulee numbers from here on draw the groups, so that they leave the answers' streams alone


def main(argv: list[str]) -> int:
    """Run the command."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if not arguments.panel and not arguments.params and not (arguments.bank and arguments.part):
        parser.error("give a panel file; or, for everybody on all items, --params, or --bank with --part")
    return shared.told(lambda: _run(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./run simulate", description="Send simulated candidates through a panel.")
    parser.add_argument("panel", nargs="?", help="panel file; without it everybody answers all items of --params")
    parser.add_argument("--bank", help="folder of the item bank; found by itself for a file in its panels folder")
    parser.add_argument("--params", help="params.csv of the true parameters; takes the place of the bank's")
    parser.add_argument("--part", help="without a panel: everybody answers all items of this part of the bank")
    parser.add_argument("--prefix", default="", help="of these, items whose ids begin so")
    parser.add_argument("-n", type=int, default=10_000, help="simulees (default 10000)")
    parser.add_argument("--mean", type=float, help="of theta (default: the panel's population, else 0)")
    parser.add_argument("--sd", type=float, help="of theta (default: the panel's population, else 1)")
    parser.add_argument("--seed", type=int, required=True, help="the same seed gives the same answers")
    parser.add_argument("--focal", type=float, help="share of simulees in a group 'focal'; the rest is 'reference'")
    parser.add_argument("--harder", action="append", default=[], metavar="ITEM=LOGITS", help="for the focal group")
    parser.add_argument("--out", required=True, help="responses, .csv or .parquet")
    parser.add_argument("--design", help="write the panel's modules and routing there, for calibration")
    parser.add_argument("--true-params", help="write the parameters that were used there, as params.csv")
    parser.add_argument("--people", help="table of simulees: theta, route, number correct, level")
    return parser


def _run(arguments: argparse.Namespace) -> None:
    source = None
    if arguments.panel:
        given = Path(arguments.params) if arguments.params else None
        folder = Path(arguments.bank) if arguments.bank else None
        source = read_panel(Path(arguments.panel), bank=folder, parameters=given)
        panel = source.items
    else:
        panel = everybody_all(_items(arguments))
    mean, sd = _population(source, arguments)
    theta: FloatArray = np.random.default_rng(arguments.seed).normal(mean, sd, int(arguments.n))
    focal = _focal(arguments)
    run = _simulated(panel, theta, focal, arguments)
    _write_responses(arguments.out, panel.item_ids, run, focal)
    options = {"seed": arguments.seed, "n": arguments.n, "mean": mean, "sd": sd}
    files = {name: path for name, path in (("panel", arguments.panel), ("params", arguments.params)) if path}
    shared.write_json(Path(arguments.out).with_suffix(".json"), {"provenance": shared.provenance(files, options)})
    if arguments.design and source is not None:
        _write_design(arguments.design, source)
    if arguments.true_params:
        write_parameters(arguments.true_params, panel.items)
    if arguments.people:
        _write_people(arguments.people, run, source)
    _tell(run, panel, source, (mean, sd))


def _items(arguments: argparse.Namespace) -> tuple[ItemParameters, ...]:
    """Items that everybody answers: of the parameter file, or of a part of the bank."""
    if arguments.part:
        bank = read_bank_folder(Path(arguments.bank))
        given = require_unique(read_parameters(arguments.params)) if arguments.params else {}
        found = tuple(item.parameters for item in pool_from_bank(bank, arguments.part, given, None))
    else:
        found = read_parameters(arguments.params)
    chosen = tuple(item for item in found if item.item_id.startswith(arguments.prefix))
    if not chosen:
        raise UnknownItemError("--prefix", arguments.prefix)
    return chosen


def everybody_all(items: tuple[ItemParameters, ...]) -> PanelItems:
    """A form of one module that holds all items."""
    tree = RouteTree("form", {"form": len(items)}, {})
    model = PanelModel(tree, curves_of(items), {"form": np.arange(len(items))})
    return PanelItems("form", tuple(item.item_id for item in items), items, model)


def _population(source: PanelSource | None, arguments: argparse.Namespace) -> tuple[float, float]:
    """As asked for; else the panel's own; else standard normal."""
    own = None if source is None else source.file.cuts
    mean, sd = (0.0, 1.0) if own is None else (own.prior_mean, own.prior_sd)
    return mean if arguments.mean is None else arguments.mean, sd if arguments.sd is None else arguments.sd


def _focal(arguments: argparse.Namespace) -> BoolArray | None:
    """Who is in the focal group, from a stream of its own; None without groups."""
    if arguments.focal is None:
        return None
    key = np.array([arguments.seed, GROUP_STREAM], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key)).random(int(arguments.n)) < float(arguments.focal)


def _simulated(
    panel: PanelItems, theta: FloatArray, focal: BoolArray | None, arguments: argparse.Namespace
) -> Simulation:
    """Simulees of the focal group answer items that are harder for them; nobody else is touched."""
    run = simulate(panel.model, theta, seed=arguments.seed)
    shifts = _shifts(arguments.harder, panel)
    if focal is None or not shifts:
        return run
    harder = tuple(_shifted(item, shifts.get(item.item_id, 0.0)) for item in panel.items)
    other = simulate(replace(panel.model, curves=curves_of(harder)), theta, seed=arguments.seed)
    return replace(
        run,
        scores=np.where(focal[:, None], other.scores, run.scores),
        route=np.where(focal, other.route, run.route),
        number_correct=np.where(focal, other.number_correct, run.number_correct),
    )


def _shifts(harder: list[str], panel: PanelItems) -> dict[str, float]:
    shifts = {name: float(logits) for name, _, logits in (entry.partition("=") for entry in harder)}
    for item in shifts:
        if item not in panel.item_ids:
            raise UnknownItemError("--harder", item)
    return shifts


def _shifted(item: ItemParameters, logits: float) -> ItemParameters:
    return replace(item, b=tuple(b + logits for b in item.b))


def _write_responses(path: str, item_ids: tuple[str, ...], run: Simulation, focal: BoolArray | None) -> None:
    header = ["person", *([] if focal is None else ["group"]), *item_ids]
    rows: list[list[tables.Cell]] = []
    for k, scores in enumerate(run.scores.tolist()):
        group: list[tables.Cell] = [] if focal is None else ["focal" if focal[k] else "reference"]
        rows.append([f"S{k + 1:06d}", *group, *(None if score == NOT_PRESENTED else score for score in scores)])
    tables.write_table(path, header, rows)


def _write_design(path: str, source: PanelSource) -> None:
    """Items and modules, then the routing, as `./run calibrate --design` reads them."""
    place = dict(enumerate(source.items.item_ids))
    lines = ["item,module"]
    for module, members in source.items.model.members.items():
        lines += [f"{place[int(row)]},{module}" for row in members]
    counts = "module" if source.file.routing_basis == "module" else "total"
    lines += ["", "module,next,low,high,counts"]
    for module, rules in source.file.routing.items():
        lines += [f"{module},{rule.target},{rule.low},{rule.high},{counts}" for rule in rules]
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_people(path: str, run: Simulation, source: PanelSource | None) -> None:
    names = [""] * len(run.theta)
    if source is not None:
        names = [source.file.levels[int(level)] for level in run.levels(source.levels)]
    rows: list[list[tables.Cell]] = []
    for k, name in enumerate(names):
        route = "-".join(run.routes[int(run.route[k])])
        rows.append([f"S{k + 1:06d}", float(run.theta[k]), route, int(run.number_correct[k]), name])
    tables.write_table(path, ("person", "theta", "route", "number_correct", "level"), rows)


def _tell(run: Simulation, panel: PanelItems, source: PanelSource | None, population: tuple[float, float]) -> None:
    print(f"{len(run.theta)} simulees, {len(panel.item_ids)} items")
    if len(run.routes) > 1:
        grid = population_grid(*population)
        weights = normal_weights(grid, mean=population[0], sd=population[1])
        exact = evaluate(panel.model, grid).route_probability()
        rows = [
            ["-".join(route), f"{share:.4f}", f"{float(exact[route] @ weights):.4f}"]
            for route, share in run.route_shares().items()
        ]
        shared.show(["route", "simulated", "exact"], rows)
    if source is None:
        return
    counts = np.bincount(run.levels(source.levels), minlength=len(source.file.levels)) / len(run.theta)
    shared.show(["level", "share"], [[n, f"{c:.4f}"] for n, c in zip(source.file.levels, counts.tolist(), strict=True)])
    if source.file.cuts is not None:
        right = run.levels(source.levels) == np.searchsorted(source.file.cuts.theta, run.theta, side="right")
        print(f"placed rightly: {float(right.mean()):.4f}")
