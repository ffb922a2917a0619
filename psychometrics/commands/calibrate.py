"""`./run calibrate`: item parameters from responses."""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from psychometrics.ascent import Point
from psychometrics.cml import ConditionalCalibration, calibrate_conditional
from psychometrics.commands.inputs import (
    ParquetChunks,
    Progress,
    add_response_options,
    codes_of,
    digest,
    guarded,
    models_of,
    names,
    provenance,
    responses_of,
    roles_of,
)
from psychometrics.data import Design, ResponseMatrix, concatenate, read_design
from psychometrics.errors import ConditionalModelError, RouteMismatchError
from psychometrics.items import MODELS, ItemParameters, read_parameters, sidecar_path, write_parameters, write_sidecar
from psychometrics.mml import Calibration, NormalPrior, Options, Priors, calibrate

EXAMPLES = """\
examples:
  ./run calibrate responses.csv --model 2pl --out params.csv
  ./run calibrate patterns.csv --weights Freq --model rasch --out params.csv
  ./run calibrate pilot.parquet --model 2pl --anchors bank.csv --groups period --out pilot.csv
  ./run calibrate mst.csv --model rasch --cml --design design.csv --out params.csv
"""
START_NOISE = 0.5
SAVE_EVERY_SECONDS = 5.0


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    out = argparse.ArgumentParser(
        prog="./run calibrate",
        description="Estimate item parameters by marginal (or, for Rasch and PCM, conditional) maximum likelihood.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_response_options(out)
    out.add_argument("--model", required=True, help=f"{', '.join(MODELS)}, or a CSV file with columns item,model")
    out.add_argument("--out", type=Path, required=True, help="params.csv; params.json is written beside it")
    out.add_argument("--design", type=Path, help="modules and routing, checked against the data; needed for --cml")
    out.add_argument(
        "--anchors", type=Path, help="params.csv with items to keep as they are; the rest is put on their scale"
    )
    out.add_argument("--regression", metavar="COLUMNS", default="", help="background variables, joined by commas")
    out.add_argument("--se", choices=("observed", "sandwich", "none"), default="observed", help="standard errors")
    out.add_argument(
        "--slope-prior",
        type=float,
        metavar="SD",
        help="lognormal prior on slopes, median 1, this sd of log a; 0.5 is mild",
    )
    out.add_argument("--cml", action="store_true", help="conditional instead of marginal likelihood")
    out.add_argument("--seed", type=int, help="start from a random place instead (the maximum is the same)")
    out.add_argument("--resume", type=Path, metavar="FILE", help="save the state there now and then, and go on from it")
    out.add_argument("--quiet", action="store_true", help="no progress")
    return out


def main(argv: list[str]) -> int:
    """Run the command; 0 if parameters were written, 2 if something must be mended first."""
    return guarded(_run, parser(), argv)


def _run(arguments: argparse.Namespace) -> int:
    roles = roles_of(arguments, arguments.regression)
    data = responses_of(arguments, roles)
    design = read_design(arguments.design) if arguments.design else None
    note = provenance("calibrate", arguments)
    started = time.process_time()
    if arguments.cml:
        whole = data if isinstance(data, ResponseMatrix) else concatenate(list(data))
        content, items, warnings = _conditional(whole, design, arguments)
    else:
        if design is not None and isinstance(data, ResponseMatrix):
            _check_design(data, design)
        content, items, warnings = _marginal(data, arguments)
    stamp = {"data_sha256": str(note["data_sha256"])}
    write_parameters(arguments.out, [replace(item, provenance=stamp) for item in items])
    write_sidecar(sidecar_path(arguments.out), {**content, "warnings": list(warnings), "provenance": note})
    for sentence in warnings:
        print(f"Note: {sentence}", file=sys.stderr)
    Progress(is_quiet=arguments.quiet).done(
        f"{len(items)} items written to {arguments.out} after {time.process_time() - started:.2f} CPU seconds; "
        f"log-likelihood {content['log_likelihood']:.4f}, gradient {content['gradient_norm']:.1e}."
    )
    return 0


def _check_design(data: ResponseMatrix, design: Design) -> None:
    """Every item of the data in a module, so that a wrong design file is noticed."""
    known = {item for items in design.modules.values() for item in items}
    lost = [item for item in data.item_ids if item not in known]
    if lost:
        raise RouteMismatchError(data.source, 1, f"item '{lost[0]}' is in no module of {design.source}")


# ---------------------------------------------------------------------------------------------------- marginal


def _marginal(
    data: ResponseMatrix | ParquetChunks, arguments: argparse.Namespace
) -> tuple[dict[str, object], tuple[ItemParameters, ...], tuple[str, ...]]:
    progress = Progress(is_quiet=arguments.quiet)
    saved = _Saved(arguments.resume, _key(arguments)) if arguments.resume else None

    def watch(sweep: int, point: Point) -> None:
        progress.tell(f"Sweep {sweep}: log-likelihood {point.height:.4f}, gradient {point.norm:.2e}")
        if saved is not None:
            saved.keep(point.x)

    options = Options(
        anchors=read_parameters(arguments.anchors) if arguments.anchors else (),
        codes=codes_of(arguments.anchors) if arguments.anchors else {},
        priors=Priors(log_slope=NormalPrior(0.0, arguments.slope_prior) if arguments.slope_prior else None),
        standard_errors=arguments.se,
        start_noise=START_NOISE if arguments.seed is not None else 0.0,
        seed=arguments.seed or 0,
        watch=watch,
        resume_from=saved.load() if saved is not None else None,
    )
    found = calibrate(data, models_of(arguments.model), options)
    if saved is not None:
        saved.forget()
    return _marginal_content(found), found.items, found.warnings


def _marginal_content(found: Calibration) -> dict[str, object]:
    content: dict[str, object] = {
        "log_likelihood": found.log_likelihood,
        "gradient_norm": found.gradient_norm,
        "n_persons": found.n_persons,
        "n_items": found.n_items,
        "group_means": found.group_means.tolist(),
        "group_sds": found.group_sds.tolist(),
        "groups": list(found.group_names),
        "se_group_means": _numbers(found.se_group_means),
        "se_group_sds": _numbers(found.se_group_sds),
        "method": "marginal maximum likelihood",
        "log_posterior": found.log_posterior,
        "n_parameters": found.n_free,
        "aic": found.aic,
        "bic": found.bic,
        "condition_number": None if math.isnan(found.condition_number) else found.condition_number,
        "iterations": found.iterations,
        "newton_steps": found.newton_steps,
        "n_nodes": found.n_nodes,
        "quadrature_error": found.quadrature_error,
        "standard_errors": found.standard_errors,
        "recoding": {item: list(codes) for item, codes in found.recoding.changed.items()},
    }
    if found.covariate_names:
        content["regression"] = {
            name: {"coefficient": float(value), "se": None if math.isnan(se) else float(se)}
            for name, value, se in zip(found.covariate_names, found.coefficients, found.se_coefficients, strict=True)
        }
    return content


def _numbers(values: NDArray[np.float64]) -> list[float | None]:
    """Numbers for JSON; fixed ones have no error."""
    return [None if math.isnan(value) else value for value in values.tolist()]


# ---------------------------------------------------------------------------------------------------- conditional


def _conditional(
    data: ResponseMatrix, design: Design | None, arguments: argparse.Namespace
) -> tuple[dict[str, object], tuple[ItemParameters, ...], tuple[str, ...]]:
    model = models_of(arguments.model)
    if not isinstance(model, str):
        raise ConditionalModelError(arguments.model)
    found = calibrate_conditional(data, model, design)
    kept = Options(anchors=found.items, codes=found.recoding.changed, standard_errors="none")
    ability = calibrate(data, model, kept)
    return _conditional_content(found, ability), found.items, found.warnings


def _conditional_content(found: ConditionalCalibration, ability: Calibration) -> dict[str, object]:
    """The groups are estimated by marginal likelihood with the conditional difficulties kept."""
    return {
        "log_likelihood": found.log_likelihood,
        "gradient_norm": found.gradient_norm,
        "n_persons": found.n_persons,
        "n_items": len(found.items),
        "group_means": ability.group_means.tolist(),
        "group_sds": ability.group_sds.tolist(),
        "groups": list(ability.group_names),
        "method": "conditional maximum likelihood",
        "condition_number": found.condition_number,
        "iterations": found.iterations,
        "n_forms": found.n_forms,
        "standard_errors": "observed",
        "recoding": {item: list(codes) for item, codes in found.recoding.changed.items()},
    }


# ---------------------------------------------------------------------------------------------------- resuming


def _key(arguments: argparse.Namespace) -> str:
    """What a saved state belongs to: the same data and the same question."""
    asked = {name: str(value) for name, value in sorted(vars(arguments).items()) if name in _QUESTION}
    return hashlib.sha256(json.dumps([asked, digest(arguments.responses)]).encode()).hexdigest()


_QUESTION = frozenset(names("model,anchors,groups,weights,regression,ignore,person,slope_prior"))


@dataclass(slots=True)
class _Saved:
    """The state of an interrupted run in a file."""

    path: Path
    key: str
    last: float = 0.0

    def load(self) -> NDArray[np.float64] | None:
        """Where the run stopped, if the file is of this run."""
        if not self.path.exists():
            return None
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            return np.array(content["state"], dtype=np.float64) if content["key"] == self.key else None
        except (ValueError, KeyError, TypeError):
            return None

    def keep(self, state: NDArray[np.float64]) -> None:
        """Write the state, at most every few seconds, so that a crash in the middle leaves the old one."""
        if time.monotonic() - self.last < SAVE_EVERY_SECONDS:
            return
        self.last = time.monotonic()
        fresh = self.path.with_suffix(self.path.suffix + ".new")
        fresh.write_text(json.dumps({"key": self.key, "state": state.tolist()}), encoding="utf-8")
        fresh.replace(self.path)

    def forget(self) -> None:
        """The run has ended well."""
        self.path.unlink(missing_ok=True)
