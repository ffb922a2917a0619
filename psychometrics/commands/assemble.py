"""Build panels: `./run assemble specification.toml --bank banks/norskprove-sample --out panels/`."""

import argparse
from pathlib import Path

from itembank.bank import Bank
from psychometrics import report
from psychometrics.commands import shared
from psychometrics.commands.inputs import names
from psychometrics.exact import conditional_moments, evaluate, inverse_tcc_tables, normal_weights
from psychometrics.items import read_parameters, require_unique
from psychometrics.levels import population_grid
from psychometrics.pool import pool_from_bank, pool_from_table
from psychometrics.report import FINE_THETA
from psychometrics.search import Confirmation, JudgedPanel, search
from psychometrics.sources import read_bank_folder, write_panel_file
from psychometrics.specification import Specification, read_specification

ROUNDING = 1e-6  # of the solver


def main(argv: list[str]) -> int:
    """Run the command."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if not arguments.bank and not (arguments.items and arguments.params):
        parser.error("give --bank, or --items with --params")
    return shared.told(lambda: _run(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./run assemble", description="Build panels from a bank and targets.")
    parser.add_argument("specification", help="TOML file: modules, graph, levels, cut scores, targets, limits")
    parser.add_argument("--bank", help="folder of the item bank")
    parser.add_argument("--programme", help="programme of the bank whose plays per level give listening times")
    parser.add_argument("--items", help="CSV of items with level and more, instead of a bank; needs --params")
    parser.add_argument("--params", help="params.csv: only its items are used, with these parameters")
    parser.add_argument("--without", default="", help="items to leave out, with commas between")
    parser.add_argument(
        "--tries", type=int, default=5, help="assemblies to compare by exact classification (default 5)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the search and the confirming simulation (default 1)")
    parser.add_argument("--out", required=True, help="folder for the panel files")
    parser.add_argument("--report", help="HTML report")
    return parser


def _run(arguments: argparse.Namespace) -> None:
    wanted = read_specification(Path(arguments.specification))
    given = require_unique(read_parameters(arguments.params)) if arguments.params else {}
    files = {"specification": arguments.specification}
    if arguments.params:
        files["params"] = arguments.params
    if arguments.bank:
        bank = read_bank_folder(Path(arguments.bank))
        plays = _plays(bank, arguments.programme, wanted.file.part)
        pool = pool_from_bank(bank, wanted.file.part, given, plays)
    else:
        files["items"] = arguments.items
        pool = pool_from_table(Path(arguments.items), given)
    unwanted = set(names(arguments.without))
    pool = tuple(item for item in pool if item.id not in unwanted)
    panels, confirmation = search(
        pool,
        wanted.demands,
        wanted.levels,
        tries=arguments.tries,
        seed=arguments.seed,
        routing=wanted.file.routing,
        shares=wanted.shares,
        watch=shared.Progress("panels", arguments.tries).step,
    )
    folder = Path(arguments.out)
    folder.mkdir(parents=True, exist_ok=True)
    made_of = shared.provenance(files, {"bank": arguments.bank, "tries": arguments.tries, "seed": arguments.seed})
    titles = _names(wanted.file.id, len(panels))
    for name, judged in zip(titles, panels, strict=True):
        write_panel_file(folder / f"{name}.json", panel_content(name, wanted, judged))
    shared.write_json(folder / f"{wanted.file.id}-provenance.json", made_of)
    _tell(titles, panels, confirmation, wanted)
    if arguments.report:
        _write_report(Path(arguments.report), titles, panels, wanted, made_of)


def _plays(bank: Bank, programme: str | None, part: str) -> dict[str, int]:
    """Plays of each level, from the named programme or the bank's first that has the part."""
    for name, rules in bank.programmes.items():
        if programme in {None, name}:
            for each in rules.parts:
                if each.part == part:
                    return {str(level): plays for level, plays in each.plays_by_level.items()}
    return {}


def _names(panel: str, count: int) -> list[str]:
    return [panel] if count == 1 else [f"{panel}-{k}" for k in range(1, count + 1)]


def panel_content(name: str, wanted: Specification, judged: JudgedPanel) -> dict[str, object]:
    """A panel file of the bank: modules, routing, cut scores and the official level table."""
    file = wanted.file
    return {
        "id": name,
        "part": file.part,
        "levels": list(file.levels),
        "first": file.first,
        "modules": {
            module: {"kind": file.modules[module].kind, "items": [item.id for item in items]}
            for module, items in judged.panel.modules.items()
        },
        "routing_basis": "module",
        "routing": {
            module: [{"low": r.low, "high": r.high, "target": r.target} for r in rules]
            for module, rules in judged.rules.items()
        },
        "cuts": {
            "theta": list(file.cuts),
            "prior_mean": file.prior_mean,
            "prior_sd": file.prior_sd,
            "source": "standard setting",
            "highest": dict(wanted.levels.highest),
        },
        "level_table": judged.table.plain(),
    }


def _tell(names: list[str], panels: tuple[JudgedPanel, ...], confirmed: Confirmation, wanted: Specification) -> None:
    rows = [
        [
            name, str(len(judged.panel.items())), _off_target(judged, wanted), f"{judged.accuracy:.4f}",
            f"{judged.table.classification.consistency:.4f}", _minutes(judged, wanted),
        ]
        for name, judged in zip(names, panels, strict=True)
    ]  # fmt: skip
    shared.show(["panel", "items", "off target", "accuracy", "consistency", "minutes"], rows)
    print(
        f"confirmed by simulation: {confirmed.simulated:.4f} placed rightly, exact {confirmed.exact:.4f}, "
        f"standard error {confirmed.standard_error:.4f}"
    )


def _off_target(judged: JudgedPanel, wanted: Specification) -> str:
    """Largest deviation from an information target; empty where there is none."""
    if not any(module.targets for module in wanted.demands.modules):
        return ""
    within = judged.largest_deviation <= wanted.file.tolerance + ROUNDING
    return f"within {wanted.file.tolerance:.0%}" if within else f"{judged.largest_deviation:.1%}"


def _minutes(judged: JudgedPanel, wanted: Specification) -> str:
    """Shortest and longest route over both written standards; empty where time is free."""
    if wanted.demands.route_seconds is None:
        return ""
    times = [
        judged.panel.route_seconds(route, standard) / 60
        for route in wanted.demands.routes()
        for standard in ("nb", "nn")
    ]
    return f"{min(times):.1f}-{max(times):.1f}"


def _write_report(
    path: Path, names: list[str], panels: tuple[JudgedPanel, ...], wanted: Specification, made_of: dict[str, str]
) -> None:
    cuts = dict(zip(wanted.file.levels[1:], wanted.file.cuts, strict=True))
    sections: list[report.Section] = []
    for name, judged in zip(names, panels, strict=True):
        curves = {m: judged.panel.information(m, FINE_THETA) for m in judged.panel.modules}
        grid = population_grid(*judged.table.prior)
        weights = normal_weights(grid, mean=judged.table.prior[0], sd=judged.table.prior[1])
        evaluation = evaluate(judged.model, grid)
        shares = {route: float(p @ weights) for route, p in evaluation.route_probability().items()}
        exposure = {module: float(p @ weights) for module, p in evaluation.exposure.items()}
        errors = {
            "EAP of the sum score": conditional_moments(evaluation, judged.table.theta).csem,
            "inverse TCC": conditional_moments(
                evaluation, inverse_tcc_tables(judged.model, judged.model.tree.routes())
            ).csem,
        }
        sections += [
            report.Section(f"{name}: information of modules", "", report.information_plot(curves, FINE_THETA, cuts)),
            report.Section(
                f"{name}: routes", "A ribbon is as thick as the share of candidates that takes it.",
                report.route_flow(shares, exposure, order=list(judged.panel.modules)),
            ),
            report.Section(
                f"{name}: conditional standard error", "Low where a cut score stands is what matters.",
                report.conditional_error_plot(grid, errors, cuts),
            ),
        ]  # fmt: skip
    report.write_page(path, f"Panels {wanted.file.id}", f"{len(panels)} assembled.", sections, made_of)
