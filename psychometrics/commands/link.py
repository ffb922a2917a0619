"""Put two calibrations on one scale: `./run link new.csv base.csv --out linked.csv`."""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from psychometrics import report, tables
from psychometrics.bank_parameters import write_into_bank
from psychometrics.carry import carry
from psychometrics.commands import shared
from psychometrics.commands.inputs import names
from psychometrics.curves import curves_of
from psychometrics.dif import Drift, drift
from psychometrics.items import ItemParameters, read_parameters, require_unique, write_parameters
from psychometrics.linking import (
    METHODS,
    Linking,
    Method,
    ThetaWeights,
    equal_weights,
    link,
    normal_theta_weights,
    observed_score_equating,
    rescale,
    true_score_equating,
)
from psychometrics.report import FINE_THETA

HEADER = ("item", "displacement", "se", "robust_z", "rmsd", "class")


def main(argv: list[str]) -> int:
    """Run the command."""
    arguments = _parser().parse_args(argv)
    return shared.told(lambda: _run(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./run link", description="Put two calibrations on one scale.")
    parser.add_argument("new", help="params.csv of the calibration to be moved")
    parser.add_argument("base", help="params.csv of the scale to come to; items with the same id are common")
    parser.add_argument("--method", choices=METHODS, default="stocking-lord")
    parser.add_argument(
        "--symmetry", choices=("base", "both"), default="base", help="compare curves on one scale or both"
    )
    parser.add_argument(
        "--theta", default="-4,4,40", help="LOW,HIGH,POINTS: equally weighted thetas for the curves (default -4,4,40)"
    )
    parser.add_argument("--normal", help="MEAN,SD: weigh thetas by a normal population instead")
    parser.add_argument("--common", help="CSV of columns new,base: ids of common items, when they differ")
    parser.add_argument("--purify", action="store_true", help="leave common items that drifted out of the link")
    parser.add_argument("--cuts", help="cut scores on the base scale, to be carried to the new one")
    parser.add_argument("--cut-errors", help="their standard errors")
    parser.add_argument("--equate", help="table of equated scores, new form to base form")
    parser.add_argument("--drift", help="table of how far each common item moved")
    parser.add_argument("--out", required=True, help="the new items on the base scale, as params.csv")
    parser.add_argument("--into-bank", help="folder of a bank: write the linked parameters into its item files")
    parser.add_argument("--without", default="", help="items not to be written there, with commas between")
    parser.add_argument("--report", help="HTML report")
    return parser


def _run(arguments: argparse.Namespace) -> None:
    new, base = read_parameters(arguments.new), read_parameters(arguments.base)
    if arguments.common:
        new = _renamed(new, Path(arguments.common))
    weights = _weights(arguments)
    _, rows = drift(new, base, weights)
    moved = {row.item_id for row in rows if row.effect != "A"}
    kept = [item for item in new if not arguments.purify or item.item_id not in moved]
    persons = (shared.sample_size(arguments.new), shared.sample_size(arguments.base))
    lines: dict[Method, Linking] = {
        m: link(kept, base, method=m, weights=weights, symmetry=arguments.symmetry, persons=persons)
        for m in _usable(kept)
    }
    chosen = lines[arguments.method] if arguments.method in lines else link(kept, base, method=arguments.method)
    on_base = rescale(new, chosen)
    write_parameters(arguments.out, on_base)
    options = {
        "slope": chosen.slope,
        "intercept": chosen.intercept,
        "method": chosen.method,
        "theta": chosen.theta_weights,
        "purify": arguments.purify,
    }
    made_of = shared.provenance({"new": arguments.new, "base": arguments.base}, options)
    content: dict[str, object] = {
        "method": chosen.method,
        "slope": chosen.slope,
        "intercept": chosen.intercept,
        "covariance": None if chosen.covariance is None else chosen.covariance.tolist(),
        "jackknife_covariance": chosen.jackknife_covariance.tolist(),
        "theta_weights": chosen.theta_weights,
        "common_items": list(chosen.common),
        "provenance": made_of,
    }
    _tell(lines, weights, arguments)
    if arguments.cuts:
        content["cuts"] = _carried(arguments, chosen)
    shared.write_json(Path(arguments.out).with_suffix(".json"), content)
    if arguments.into_bank:
        unwanted = set(names(arguments.without))
        kept_items = [item for item in on_base if item.item_id not in unwanted]
        write_into_bank(Path(arguments.into_bank), kept_items, made_of)
        print(f"{len(kept_items)} items written into {arguments.into_bank}; provenance in its calibrations folder")
    if arguments.equate:
        _write_equating(arguments.equate, on_base, base)
    if arguments.drift:
        table = [[r.item_id, r.displacement, r.standard_error, r.robust_z, r.rmsd, r.effect] for r in rows]
        tables.write_table(arguments.drift, HEADER, table)
    for name in sorted(moved):
        print(f"Common item {name} moved; look at it, or link with --purify.")
    if arguments.report:
        _write_report(Path(arguments.report), chosen, rows, on_base, base, made_of)


def _renamed(new: tuple[ItemParameters, ...], path: Path) -> tuple[ItemParameters, ...]:
    """Common items under their base ids; other ids of the new file that the base has too are kept apart by a mark."""
    names = tables.read_columns(path, "new", "base")
    return tuple(replace(item, item_id=names.get(item.item_id, f"{item.item_id} (new)")) for item in new)


def _usable(items: list[ItemParameters]) -> tuple[Method, ...]:
    """Nominal items have no difficulties, so only curves can be compared."""
    return METHODS if all(item.b for item in items) else METHODS[2:]


def _weights(arguments: argparse.Namespace) -> ThetaWeights:
    if arguments.normal:
        mean, sd = shared.numbers(arguments.normal)
        return normal_theta_weights(mean, sd)
    low, high, points = shared.numbers(arguments.theta)
    return equal_weights(low, high, int(points))


def _tell(lines: dict[Method, Linking], weights: ThetaWeights, arguments: argparse.Namespace) -> None:
    common = next(iter(lines.values())).common
    print(f"{len(common)} common items; curves are compared at {weights.description}, symmetry: {arguments.symmetry}")
    rows: list[list[str]] = []
    for method, line in lines.items():
        given = line.standard_errors()
        jackknife = np.sqrt(np.maximum(np.diag(line.jackknife_covariance), 0.0)).tolist()
        errors = ["", ""] if given is None else [f"{error:.6f}" for error in given]
        mark = " *" if method == arguments.method else ""
        rows.append([
            method + mark, f"{line.slope:.6f}", f"{line.intercept:.6f}", *errors, *(f"{e:.6f}" for e in jackknife),
        ])  # fmt: skip
    shared.show(["method", "slope A", "intercept B", "se A", "se B", "jackknife A", "jackknife B"], rows)


def _carried(arguments: argparse.Namespace, line: Linking) -> dict[str, object]:
    errors = shared.numbers(arguments.cut_errors) if arguments.cut_errors else None
    carried = carry(shared.numbers(arguments.cuts), line, errors)
    rows = [
        [f"{base:.4f}", f"{cut:.4f}", f"{from_line:.4f}", f"{total:.4f}"]
        for base, cut, from_line, total in zip(
            carried.base.tolist(),
            carried.cuts.tolist(),
            carried.linking_error.tolist(),
            carried.errors.tolist(),
            strict=True,
        )
    ]
    shared.show(["cut score, base", "new scale", "linking error", "with standard's error"], rows)
    return {
        "base": carried.base.tolist(),
        "new": carried.cuts.tolist(),
        "covariance": carried.covariance.tolist(),
        "linking_error": carried.linking_error.tolist(),
        "standard_error": carried.standard_error.tolist(),
    }


def _write_equating(path: str, new: tuple[ItemParameters, ...], base: tuple[ItemParameters, ...]) -> None:
    true = true_score_equating(new, base)
    observed = observed_score_equating(new, base, normal_theta_weights())
    rows = [[k, float(t), float(o)] for k, (t, o) in enumerate(zip(true, observed, strict=True))]
    tables.write_table(path, ("score", "true_score", "observed_score"), rows)


def _write_report(
    path: Path,
    line: Linking,
    rows: tuple[Drift, ...],
    new: tuple[ItemParameters, ...],
    base: tuple[ItemParameters, ...],
    made_of: dict[str, str],
) -> None:
    cells = [
        [r.item_id, f"{r.displacement:.3f}", "" if r.standard_error is None else f"{r.standard_error:.3f}",
         f"{r.robust_z:.2f}", f"{r.rmsd:.3f}", r.effect]
        for r in rows
    ]  # fmt: skip
    known = require_unique(base)
    common = [item for item in new if item.item_id in known]
    curves = {
        "new, on base scale": curves_of(common).correct(FINE_THETA).sum(axis=0),
        "base": curves_of([known[item.item_id] for item in common]).correct(FINE_THETA).sum(axis=0),
    }
    sections = [
        report.Section(
            "Common items",
            "Displacement in logits after linking; class B or C means that the item did not keep its place.",
            report.table(HEADER, cells, frozenset(k for k, r in enumerate(rows) if r.effect != "A")),
        ),
        report.Section(
            "Expected number correct on the common items", "The two lines should lie on one another.",
            report.curves_plot(FINE_THETA, curves, "number correct"),
        ),
    ]  # fmt: skip
    lead = f"theta on the base scale = {line.slope:.6f} · theta + {line.intercept:.6f}, by {line.method}."
    report.write_page(path, "Linking", lead, sections, made_of)
