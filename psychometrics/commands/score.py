"""`./run score`: abilities from responses and item parameters."""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from engine import ability
from psychometrics.commands.inputs import (
    Progress,
    add_response_options,
    as_calibrated,
    guarded,
    provenance,
    roles_of,
)
from psychometrics.data import ResponseMatrix, read_design, read_responses
from psychometrics.errors import UnreadableFileError
from psychometrics.items import read_parameters, read_sidecar, sidecar_path, write_sidecar
from psychometrics.parquet import write_parquet
from psychometrics.scoring import METHODS, ScoreTable, plausible_values, score, score_tables

EXAMPLES = """\
examples:
  ./run score responses.csv --params params.csv --method wle --out scores.csv
  ./run score responses.csv --params params.csv --method eap --plausible-values 5 --seed 7 --out scores.parquet
  ./run score responses.csv --params params.csv --method eapsum --design design.csv --tables tables.csv --out scores.csv
"""


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    out = argparse.ArgumentParser(
        prog="./run score",
        description="Estimate every person's ability.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_response_options(out)
    out.add_argument("--params", type=Path, required=True, help="params.csv of a calibration")
    out.add_argument("--method", choices=METHODS, default="eap")
    out.add_argument(
        "--out", type=Path, required=True, help="a row a person, .csv or .parquet; a .json is written beside it"
    )
    out.add_argument("--prior", metavar="MEAN,SD", help="normal prior; otherwise the groups of params.json, or 0,1")
    out.add_argument("--not-reached", choices=("incorrect", "missing"), default="incorrect")
    out.add_argument("--plausible-values", type=int, default=0, metavar="N")
    out.add_argument("--seed", type=int, default=1, help="for plausible values")
    out.add_argument("--design", type=Path, help="modules and routing, for eapsum and score tables by route")
    out.add_argument("--tables", type=Path, help="write score tables (ability for each sum score, by route) there")
    out.add_argument("--quiet", action="store_true")
    return out


def main(argv: list[str]) -> int:
    """Run the command; 0 if scores were written, 2 if something must be mended first."""
    return guarded(_run, parser(), argv)


def _run(arguments: argparse.Namespace) -> int:
    items = read_parameters(arguments.params)
    data = as_calibrated(read_responses(arguments.responses, roles_of(arguments)), arguments.params)
    priors = _priors(arguments, data)
    design = read_design(arguments.design) if arguments.design else None
    found = score(data, items, arguments.method, priors=priors, not_reached=arguments.not_reached, design=design)
    columns: dict[str, NDArray[np.generic] | Sequence[object]] = {
        "person": np.arange(1, data.n_persons + 1).astype(np.str_) if data.person_ids is None else data.person_ids,
        "theta": found.theta,
        "se": found.se,
        "is_at_bound": found.is_at_bound,
    }
    if arguments.plausible_values:
        drawn = plausible_values(
            data,
            items,
            arguments.plausible_values,
            seed=arguments.seed,
            priors=priors,
            not_reached=arguments.not_reached,
        )
        columns.update({f"pv{k + 1}": drawn[:, k] for k in range(drawn.shape[1])})
    write_columns(arguments.out, columns)
    reliability = found.reliability(data.weights)
    write_sidecar(
        arguments.out.with_suffix(".json"),
        {
            "method": arguments.method,
            "n_persons": data.n_persons,
            "reliability": None if math.isnan(reliability) else reliability,
            "n_at_bound": int(found.is_at_bound.sum()),
            "provenance": provenance("score", arguments),
        },
    )
    if arguments.tables:
        prior = priors if isinstance(priors, ability.Normal) else next(iter(priors.values()))
        _write_tables(arguments.tables, score_tables(items, design, prior))
    Progress(is_quiet=arguments.quiet).done(
        f"{data.n_persons} abilities written to {arguments.out}; reliability {reliability:.3f}."
    )
    return 0


def _priors(arguments: argparse.Namespace, data: ResponseMatrix) -> ability.Normal | dict[str, ability.Normal]:
    """The prior that was asked for, else the groups' distributions of the calibration, else standard normal."""
    if arguments.prior:
        try:
            mean, sd = (float(number) for number in arguments.prior.split(","))
        except ValueError as error:
            raise UnreadableFileError("--prior", "it is not MEAN,SD, for example 0,1") from error
        return ability.Normal(mean, sd)
    sidecar = sidecar_path(arguments.params)
    if not sidecar.exists():
        return ability.STANDARD_NORMAL
    content = read_sidecar(sidecar)
    names, means, sds = (cast("list[object]", content.get(key, [])) for key in ("groups", "group_means", "group_sds"))
    known = {
        str(name): ability.Normal(float(str(mean)), float(str(sd)))
        for name, mean, sd in zip(names, means, sds, strict=True)
    }
    if data.groups is not None and set(data.groups.tolist()) <= set(known):
        return known
    return next(iter(known.values())) if len(known) == 1 else ability.STANDARD_NORMAL


def write_columns(path: Path, columns: dict[str, NDArray[np.generic] | Sequence[object]]) -> None:
    """A table as CSV, or Parquet by the file's ending."""
    if path.suffix.lower() == ".parquet":
        write_parquet(path, columns)
        return
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        lists = [values.tolist() if isinstance(values, np.ndarray) else list(values) for values in columns.values()]
        writer.writerows(zip(*([_cell(value) for value in values] for values in lists), strict=True))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(value)
    return str(int(value)) if isinstance(value, bool) else str(value)


def _write_tables(path: Path, tables: Sequence[ScoreTable]) -> None:
    header = ("route", "score", "theta", "se", "probability", "inverse_tcc", "se_inverse_tcc")
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        for table in tables:
            numbers = (table.theta, table.se, table.probability, table.inverse_tcc, table.se_inverse_tcc)
            for k, points in enumerate(table.scores.tolist()):
                writer.writerow([table.route, points, *(_cell(float(values[k])) for values in numbers)])
