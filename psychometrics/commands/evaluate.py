"""Work out a panel's precision and classification exactly: `./run evaluate panel.json --out evaluation.csv`."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from psychometrics import report, tables
from psychometrics.carry import CarriedClassification, CarriedCuts, carry, classify_carried
from psychometrics.commands import shared
from psychometrics.data import FloatArray
from psychometrics.errors import NoCutsError, UnreadableFileError
from psychometrics.exact import (
    Classification,
    ConditionalMoments,
    ExactEvaluation,
    Route,
    conditional_moments,
    evaluate,
    inverse_tcc_tables,
    normal_weights,
    rudner,
    warm_tables,
)
from psychometrics.items import read_sidecar
from psychometrics.levels import LevelTable, level_table, population_grid
from psychometrics.linking import METHODS, Linking
from psychometrics.report import FINE_THETA
from psychometrics.sources import PanelSource, check_against, read_panel, write_panel_file

SCORINGS = ("eap", "inverse-tcc", "wle")


def main(argv: list[str]) -> int:
    """Run the command."""
    arguments = _parser().parse_args(argv)
    return shared.told(lambda: _run(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run evaluate", description="Work out precision and classification exactly."
    )
    parser.add_argument("panel", help="panel file")
    parser.add_argument("--bank", help="folder of the item bank; found by itself for a file in its panels folder")
    parser.add_argument("--params", help="params.csv; takes the place of the bank's parameters")
    parser.add_argument("--programme", help="hold the panel against this programme of the bank")
    parser.add_argument("--cuts", help="cut scores on theta, instead of the panel's own")
    parser.add_argument("--prior", help="MEAN,SD of the population, instead of the panel's own")
    parser.add_argument("--scoring", choices=SCORINGS, default="eap", help="what theta is reported (default eap)")
    parser.add_argument("--theta", default="-4,4,81", help="LOW,HIGH,POINTS of the table (default -4,4,81)")
    parser.add_argument("--range", default="-7,7", help="ends of the inverse-TCC scale (default -7,7)")
    parser.add_argument(
        "--link",
        help="the .json that ./run link wrote: parameters are on the new scale; carry cut scores and population to it",
    )
    parser.add_argument("--cut-errors", help="standard errors of the cut scores as they were set; needs --link")
    parser.add_argument("--write-panel", help="write the panel file again, with the level table made anew")
    parser.add_argument("--out", required=True, help="table by theta, .csv or .parquet")
    parser.add_argument("--report", help="HTML report")
    return parser


@dataclass(frozen=True, slots=True)
class _Work:
    """A panel with its population and all that was computed for it."""

    source: PanelSource
    cuts: tuple[float, ...]
    prior: tuple[float, float]
    table: LevelTable
    grid: FloatArray
    weights: FloatArray
    evaluation: ExactEvaluation
    scores: Mapping[Route, FloatArray]
    carried: CarriedCuts | None

    def moments(self, theta: FloatArray) -> ConditionalMoments:
        return conditional_moments(evaluate(self.source.items.model, theta), self.scores)

    def rudner(self) -> Classification:
        known = conditional_moments(self.evaluation, self.scores)
        return rudner(self.grid, np.maximum(known.csem, 1e-9), np.array(self.cuts), self.weights)

    def with_linking(self) -> CarriedClassification | None:
        if self.carried is None:
            return None
        return classify_carried(self.evaluation, self.table.numbers, self.carried, self.weights)

    def exposure(self) -> dict[str, float]:
        return {module: float(p @ self.weights) for module, p in self.evaluation.exposure.items()}

    def shares(self) -> dict[Route, float]:
        return {route: float(p @ self.weights) for route, p in self.evaluation.route_probability().items()}


def _run(arguments: argparse.Namespace) -> None:
    work = _work(arguments)
    files = {name: path for name, path in (("panel", arguments.panel), ("params", arguments.params)) if path}
    options = {"cuts": list(work.cuts), "population": work.prior, "scoring": arguments.scoring}
    made_of = shared.provenance(files, options)
    low, high, points = shared.numbers(arguments.theta)
    _write_by_theta(arguments.out, work, np.linspace(low, high, int(points)))
    shared.write_json(Path(arguments.out).with_suffix(".json"), {"provenance": made_of, **_summary(work)})
    _tell(work)
    if arguments.write_panel:
        _write_panel(Path(arguments.write_panel), work)
    if arguments.report:
        _write_report(Path(arguments.report), work, made_of)


def _work(arguments: argparse.Namespace) -> _Work:
    given = Path(arguments.params) if arguments.params else None
    folder = Path(arguments.bank) if arguments.bank else None
    source = read_panel(Path(arguments.panel), bank=folder, parameters=given)
    if arguments.programme:
        check_against(source, arguments.programme)
    own = source.file.cuts
    if own is None and not (arguments.cuts and arguments.prior):
        raise NoCutsError(source.where)
    prior = (0.0, 1.0) if own is None else (own.prior_mean, own.prior_sd)
    if arguments.prior:
        mean, sd = shared.numbers(arguments.prior)
        prior = (mean, sd)
    cuts = shared.numbers(arguments.cuts) if arguments.cuts else (() if own is None else own.theta)
    carried = None
    if arguments.link:
        line = _line(arguments.link)
        carried = carry(cuts, line, shared.numbers(arguments.cut_errors) if arguments.cut_errors else None)
        cuts = tuple(carried.cuts.tolist())
        prior = ((prior[0] - line.intercept) / line.slope, prior[1] / line.slope)
    model = source.items.model
    table = level_table(
        model, source.file.levels, cuts, prior_mean=prior[0], prior_sd=prior[1],
        highest={} if own is None else own.highest,
    )  # fmt: skip
    grid = population_grid(*prior)
    lowest, uppermost = shared.numbers(arguments.range)
    scores: dict[str, Mapping[Route, FloatArray]] = {"eap": table.theta}
    if arguments.scoring == "inverse-tcc":
        scores["inverse-tcc"] = inverse_tcc_tables(model, model.tree.routes(), lower=lowest, upper=uppermost)
    if arguments.scoring == "wle":
        scores["wle"] = warm_tables(model, model.tree.routes())
    weights = normal_weights(grid, mean=prior[0], sd=prior[1])
    chosen = scores[arguments.scoring]
    return _Work(source, cuts, prior, table, grid, weights, evaluate(model, grid), chosen, carried)


def _line(path: str) -> Linking:
    """The linking that `./run link` wrote."""
    content = read_sidecar(path)
    try:
        covariance = content["covariance"]
        return Linking(
            method=METHODS[METHODS.index(str(content["method"]))],
            slope=float(str(content["slope"])),
            intercept=float(str(content["intercept"])),
            covariance=None if covariance is None else np.array(covariance, dtype=np.float64),
            jackknife_covariance=np.array(content["jackknife_covariance"], dtype=np.float64),
            common=(),
            theta_weights=str(content["theta_weights"]),
        )
    except (KeyError, ValueError) as error:
        raise UnreadableFileError(path, "it is no linking of ./run link") from error


def _write_by_theta(path: str, work: _Work, theta: FloatArray) -> None:
    evaluation = evaluate(work.source.items.model, theta)
    known = conditional_moments(evaluation, work.scores)
    probability = np.zeros((len(work.table.levels), len(theta)))
    for route, joint in evaluation.joint.items():
        np.add.at(probability, work.table.numbers[route], joint)
    right = probability[np.searchsorted(work.cuts, theta, side="right"), np.arange(len(theta))]
    routes = evaluation.route_probability()
    header = ["theta", "mean", "bias", "csem", "accuracy", "consistency"]
    header += [f"P({level})" for level in work.table.levels] + [f"P({'-'.join(route)})" for route in routes]
    columns = [theta, known.mean, known.bias, known.csem, right, (probability**2).sum(axis=0), *probability]
    tables.write_table(path, header, np.column_stack([*columns, *routes.values()]).tolist())


def _summary(work: _Work) -> dict[str, object]:
    found, by_rudner, linked = work.table.classification, work.rudner(), work.with_linking()
    above, below = found.cut_errors()
    return {
        "accuracy": found.accuracy,
        "consistency": found.consistency,
        "kappa": found.kappa,
        "accuracy_rudner": by_rudner.accuracy,
        "accuracy_with_linking_error": None if linked is None else linked.accuracy,
        "level_accuracy": dict(zip(work.table.levels, found.level_accuracy().tolist(), strict=True)),
        "placed_above_wrongly": above.tolist(),
        "placed_below_wrongly": below.tolist(),
        "module_exposure": work.exposure(),
        "route_shares": {"-".join(route): share for route, share in work.shares().items()},
        "level_table_agrees": _agrees(work),
    }


def _agrees(work: _Work) -> bool:
    """Whether the panel file's level table is the one that its cut scores make."""
    return set(work.source.levels) == set(work.table.numbers) and all(
        np.array_equal(work.source.levels[route], numbers) for route, numbers in work.table.numbers.items()
    )


def _tell(work: _Work) -> None:
    found, by_rudner, linked = work.table.classification, work.rudner(), work.with_linking()
    kind = "the engine's panel" if work.source.panel is not None else "the panel file"
    print(f"{work.source.file.id}: {len(work.source.items.item_ids)} scored items, by {kind}")
    print(f"accuracy {found.accuracy:.4f}, consistency {found.consistency:.4f}, kappa {found.kappa:.4f}")
    print(f"accuracy after Rudner {by_rudner.accuracy:.4f}, consistency {by_rudner.consistency:.4f}")
    if linked is not None:
        print(f"accuracy with the error of the carried cut scores {linked.accuracy:.4f}")
    if not _agrees(work):
        print(
            "The level table in the file is not the one that these cut scores make. Write it anew with --write-panel."
        )
    _tell_levels(work, found)
    rows = [["-".join(route), f"{share:.4f}"] for route, share in work.shares().items()]
    shared.show(["route", "share"], rows)


def _tell_levels(work: _Work, found: Classification) -> None:
    above, below = found.cut_errors()
    reached = {int(work.table.numbers[r][s]) for r, scores in work.table.reachable.items() for s in scores.tolist()}
    rows: list[list[str]] = []
    for k, level in enumerate(work.table.levels):
        cut = ["", "", ""] if k == 0 else [f"{work.cuts[k - 1]:.3f}", f"{above[k - 1]:.4f}", f"{below[k - 1]:.4f}"]
        share, right = found.confusion[:, k].sum(), found.level_accuracy()[k]
        rows.append([level, *cut, f"{share:.4f}", f"{right:.4f}", "yes" if k in reached else "no"])
    shared.show(["level", "cut", "above wrongly", "below wrongly", "share", "accuracy", "reachable"], rows)


def _write_panel(path: Path, work: _Work) -> None:
    file = work.source.file
    content = file.model_dump(mode="json")
    content["cuts"] = {
        "theta": list(work.cuts),
        "prior_mean": work.prior[0],
        "prior_sd": work.prior[1],
        "source": "standard setting" if file.cuts is None else file.cuts.source,
        "highest": {} if file.cuts is None else dict(file.cuts.highest),
    }
    content["level_table"] = work.table.plain()
    write_panel_file(path, content)


def _write_report(path: Path, work: _Work, made_of: Mapping[str, str]) -> None:
    levels, model = work.table.levels, work.source.items.model
    cuts = dict(zip(levels[1:], work.cuts, strict=True))
    order = list(work.source.file.modules)
    information = {
        m: model.curves.subset(rows).information(FINE_THETA).sum(axis=0) for m, rows in model.members.items()
    }
    errors = {"EAP of the sum score": work.moments(FINE_THETA).csem}
    errors["inverse TCC"] = conditional_moments(
        evaluate(model, FINE_THETA), inverse_tcc_tables(model, model.tree.routes())
    ).csem
    probability = np.zeros((len(levels), len(FINE_THETA)))
    for route, joint in evaluate(model, FINE_THETA).joint.items():
        np.add.at(probability, work.table.numbers[route], joint)
    placed = [(item.item_id, float(np.mean(item.b))) for item in work.source.items.items]
    columns = {module: [placed[int(k)] for k in rows] for module, rows in model.members.items()}
    drawn = np.random.default_rng(0).normal(work.prior[0], work.prior[1], 20_000)
    sections = [
        report.Section(
            "Routes", "A ribbon is as thick as the share of candidates that takes it.",
            report.route_flow(work.shares(), work.exposure(), order=order),
        ),
        report.Section("Information of modules", "", report.information_plot(information, FINE_THETA, cuts)),
        report.Section(
            "Conditional standard error", "It should be lowest where a cut score stands.",
            report.conditional_error_plot(FINE_THETA, errors, cuts),
        ),
        report.Section(
            "Levels by ability", "The probability of each reported level, by true theta.",
            report.level_probability_plot(FINE_THETA, probability, levels, cuts),
        ),
        report.Section(
            "Population and items", "Histogram: the population. Names: items at their difficulty, by module.",
            report.wright_map(drawn, columns, cuts),
        ),
        report.Section("Classification", _classification_lead(work), _classification_table(work)),
    ]  # fmt: skip
    population = f"population normal, mean {work.prior[0]:g}, sd {work.prior[1]:g}"
    lead = f"{len(work.source.items.item_ids)} scored items; {population}."
    report.write_page(path, f"Panel {work.source.file.id}", lead, sections, made_of)


def _classification_lead(work: _Work) -> str:
    found = work.table.classification
    return (
        f"Rows: true level. Columns: reported level. {found.accuracy:.1%} are placed rightly; kappa {found.kappa:.3f}."
    )


def _classification_table(work: _Work) -> str:
    levels, confusion = work.table.levels, work.table.classification.confusion
    rows = [[level, *(f"{cell:.4f}" for cell in confusion[k].tolist())] for k, level in enumerate(levels)]
    return report.table(("true level", *levels), rows)
