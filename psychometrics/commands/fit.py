"""Judge items and persons against the model: `./run fit responses.csv --params params.csv --out fit.csv`."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from engine.ability import Normal
from psychometrics import fit, report, tables
from psychometrics.commands import shared
from psychometrics.commands.inputs import add_response_options, roles_of
from psychometrics.data import Design, FloatArray, ResponseMatrix, read_design
from psychometrics.errors import PsychometricsError
from psychometrics.items import ItemParameters
from psychometrics.scoring import Scores, plausible_values, score

P_FLAG = 0.01
INFIT_RANGE = (0.7, 1.3)
DISCRIMINATION_FLAG = 0.15
PLAUSIBLE_DRAWS, PLAUSIBLE_SEED = 5, 1
LZ_FLAG = -2.33  # 1 % of a normal distribution
HEADER = (
    "item", "n", "p", "item_total", "item_rest", "alpha_without", "s_x2", "s_x2_df", "s_x2_p", "infit", "infit_z",
    "outfit", "outfit_z", "largest_q3", "largest_q3_with", "look_at",
)  # fmt: skip

SHOWN = tuple(HEADER.index(name) for name in ("item", "n", "p", "item_rest", "s_x2", "s_x2_df", "s_x2_p", "infit",
                                              "outfit", "look_at"))  # fmt: skip


def main(argv: list[str]) -> int:
    """Run the command."""
    arguments = _parser().parse_args(argv)
    return shared.told(lambda: _run(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./run fit", description="Judge items and persons against the model.")
    add_response_options(parser)
    parser.add_argument("--params", required=True, help="params.csv from ./run calibrate")
    parser.add_argument("--design", help="design.csv, when responses are missing by design")
    parser.add_argument("--passages", help="CSV with columns item and passage, for dependence within passages")
    parser.add_argument("--choices", help="chosen options, as responses.csv but with option names; needs --key")
    parser.add_argument("--key", help="CSV with columns item and key")
    parser.add_argument("--out", required=True, help="table of items, .csv or .parquet")
    parser.add_argument("--persons", help="table of persons with theta and lz*")
    parser.add_argument("--distractors", help="table of options; needs --choices")
    parser.add_argument("--report", help="HTML report")
    return parser


def _run(arguments: argparse.Namespace) -> None:
    roles = roles_of(arguments)
    matrix, items = shared.responses_with_parameters(arguments.responses, arguments.params, roles)
    matrix = matrix.with_not_reached_as("missing")
    design = read_design(arguments.design) if arguments.design else None
    prior = shared.population_of(arguments.params)
    scores = score(matrix, items, "eap", priors=prior)
    work = _Judged(matrix, items, design, prior, scores)
    passages = tables.read_columns(arguments.passages, "item", "passage") if arguments.passages else {}
    rows = work.rows()
    files = {"responses": arguments.responses, "params": arguments.params}
    made_of = shared.provenance(files, {"design": arguments.design, "ability": "EAP"})
    tables.write_table(arguments.out, HEADER, rows)
    shared.write_json(Path(arguments.out).with_suffix(".json"), {"provenance": made_of, **work.summary()})
    if arguments.persons:
        _write_persons(arguments.persons, work)
    if arguments.distractors and arguments.choices and arguments.key:
        _write_distractors(arguments, work)
    dependence = fit.passage_dependence(matrix.item_ids, work.q3, passages)
    _tell(work, rows, dependence)
    if arguments.report:
        _write_report(Path(arguments.report), work, rows, dependence, made_of)


class _Judged:
    """All figures of one set of responses, each computed once."""

    def __init__(
        self,
        matrix: ResponseMatrix,
        items: tuple[ItemParameters, ...],
        design: Design | None,
        prior: Normal,
        scores: Scores,
    ) -> None:
        self.matrix, self.items, self.scores, self.design = matrix, items, scores, design
        self.theta: FloatArray = scores.theta
        self.population = fit.normal_population(prior.mean, prior.sd)
        self.is_complete = bool((matrix.scores >= 0).all())
        maximum = [item.max_score for item in items]
        self.classical = fit.classical(matrix, maximum, None if self.is_complete else self.theta)
        self.squares = _mean_squares(matrix, items, prior)
        self.q3 = fit.q3(matrix, items, self.theta)
        self.lz = fit.lz_star(matrix, items, self.theta)
        self.refused: list[str] = []
        self.s_x2 = self._s_x2()
        self.m2 = self._m2()

    def _s_x2(self) -> tuple[fit.ItemFit, ...]:
        try:
            return fit.s_x2(self.matrix, self.items, self.population, self.design)
        except PsychometricsError as error:
            self.refused.append(str(error))
            return tuple(fit.ItemFit(item.item_id, np.nan, 0, np.nan) for item in self.items)

    def _m2(self) -> dict[str, fit.GlobalFit]:
        """Of all items when everybody answered all; else of each first module, which everybody answered."""
        try:
            if self.is_complete:
                return {"all items": fit.m2(self.matrix, self.items, self.population)}
            if self.design is None:
                self.refused.append("M2 needs complete responses or a design. Give --design.")
                return {}
            found: dict[str, fit.GlobalFit] = {}
            place = {item.item_id: item for item in self.items}
            for module in self.design.first_modules:
                names = [item for item in self.design.modules[module] if item in place]
                part = self.matrix.with_items(names)
                whole = part.with_persons(np.flatnonzero((part.scores >= 0).all(axis=1)))
                found[f"module {module}"] = fit.m2(whole, [place[name] for name in names], self.population)
        except PsychometricsError as error:
            self.refused.append(str(error))
            return {}
        return found

    def rows(self) -> list[list[tables.Cell]]:
        """The table of items."""
        rows: list[list[tables.Cell]] = []
        away = self.q3 - np.diag(np.full(len(self.items), np.nan))
        for k, (own, chi, square) in enumerate(zip(self.classical, self.s_x2, self.squares, strict=True)):
            others = np.abs(np.where(np.arange(len(self.items)) == k, np.nan, away[k]))
            most = int(np.nanargmax(others)) if np.isfinite(others).any() else k
            largest = float(self.q3[k, most]) if most != k else np.nan
            partner = self.matrix.item_ids[most] if most != k else ""
            rows.append([
                own.item_id, own.n, own.p, own.item_total, own.item_rest, own.alpha_without, chi.statistic, chi.df,
                chi.p, square.infit, square.infit_z, square.outfit, square.outfit_z, largest, partner,
                _worry(own, chi, square),
            ])  # fmt: skip
        return rows

    def summary(self) -> dict[str, object]:
        """Figures of the whole set."""
        known = self.lz[np.isfinite(self.lz)]
        alpha = fit.cronbach_alpha(self.matrix.scores.astype(np.float64)) if self.is_complete else None
        return {
            "n_persons": self.matrix.n_persons,
            "n_items": len(self.items),
            "alpha": alpha,
            "reliability": self.scores.reliability(),
            "m2": {
                name: {"m2": f.m2, "df": f.df, "p": f.p, "rmsea": f.rmsea, "srmsr": f.srmsr}
                for name, f in self.m2.items()
            },
            "persons_below_lz_limit": float(np.mean(known < LZ_FLAG)) if len(known) else None,
            "not_computed": self.refused,
        }


def _mean_squares(
    matrix: ResponseMatrix, items: tuple[ItemParameters, ...], prior: Normal
) -> tuple[fit.MeanSquares, ...]:
    """Infit and outfit at draws from each person's posterior, averaged.

    At estimated thetas they come out too small, the more so the shorter the test; at draws the model expects one.
    """
    drawn = plausible_values(matrix, items, PLAUSIBLE_DRAWS, seed=PLAUSIBLE_SEED, priors=prior)
    each = [fit.mean_squares(matrix, items, drawn[:, k]) for k in range(PLAUSIBLE_DRAWS)]
    return tuple(
        fit.MeanSquares(
            item.item_id,
            infit=float(np.mean([squares[k].infit for squares in each])),
            outfit=float(np.mean([squares[k].outfit for squares in each])),
            infit_z=float(np.mean([squares[k].infit_z for squares in each])),
            outfit_z=float(np.mean([squares[k].outfit_z for squares in each])),
        )
        for k, item in enumerate(items)
    )


def _worry(own: fit.ItemStatistics, chi: fit.ItemFit, square: fit.MeanSquares) -> str:
    reasons = [
        ("S-X2", chi.p < P_FLAG),
        ("infit", not INFIT_RANGE[0] <= square.infit <= INFIT_RANGE[1]),
        ("discrimination", own.item_rest < DISCRIMINATION_FLAG),
    ]
    return " ".join(name for name, applies in reasons if applies)


def _write_persons(path: str, work: _Judged) -> None:
    ids = work.matrix.person_ids
    names = [str(k) for k in range(1, work.matrix.n_persons + 1)] if ids is None else [str(name) for name in ids]
    rows = zip(names, work.theta.tolist(), work.scores.se.tolist(), work.lz.tolist(), strict=True)
    tables.write_table(path, ("person", "theta", "se", "lz_star"), [list(row) for row in rows])


def _write_distractors(arguments: argparse.Namespace, work: _Judged) -> None:
    keys = tables.read_columns(arguments.key, "item", "key")
    chosen = tables.read_rows(arguments.choices, ())
    rows: list[list[tables.Cell]] = []
    for item in work.matrix.item_ids:
        if item not in keys or not chosen or item not in chosen[0]:
            continue
        for option in fit.distractors(item, [row[item] for row in chosen], keys[item], work.theta):
            kind = "key" if option.is_key else ""
            rows.append([item, option.option, kind, option.n, option.share, option.mean_criterion, option.correlation])
    header = ("item", "option", "is_key", "n", "share", "mean_theta", "correlation")
    tables.write_table(arguments.distractors, header, rows)


def _tell(work: _Judged, rows: Sequence[Sequence[tables.Cell]], dependence: Sequence[fit.PassageDependence]) -> None:
    summary = work.summary()
    print(f"{summary['n_persons']} persons, {summary['n_items']} items, reliability {summary['reliability']:.3f}")
    for name, found in work.m2.items():
        print(f"M2 of {name}: {found.m2:.5f}, df {found.df}, p {found.p:.5f}, RMSEA {found.rmsea:.5f}")
    for sentence in work.refused:
        print(sentence)
    shared.show([HEADER[k] for k in SHOWN], [[_short(row[k]) for k in SHOWN] for row in rows])
    for found in dependence:
        if found.is_dependent:
            pair = " and ".join(found.largest_pair)
            print(f"Passage {found.passage}: {pair} depend on each other, Q3 {found.largest_excess:.2f} above the mean")


def _short(cell: tables.Cell) -> str:
    if cell is None or (isinstance(cell, float) and np.isnan(cell)):
        return ""
    return f"{cell:.4f}" if isinstance(cell, float) else str(cell)


def _write_report(
    path: Path,
    work: _Judged,
    rows: Sequence[Sequence[tables.Cell]],
    dependence: Sequence[fit.PassageDependence],
    made_of: Mapping[str, str],
) -> None:
    flagged = frozenset(k for k, row in enumerate(rows) if row[-1])
    difficulties = [(item.item_id, float(np.mean(item.b))) for item in work.items if item.b]
    sections = [
        report.Section(
            "Items", "Rows with a word in the last column deserve a look; the table written beside has all figures.",
            report.table([HEADER[k] for k in SHOWN], [[_short(row[k]) for k in SHOWN] for row in rows], flagged),
        ),
        report.Section(
            "Whole test", "M2 compares all pairs of items with what the model expects; RMSEA below 0.05 is close fit.",
            report.table(
                ("what", "M2", "df", "p", "RMSEA", "90 % interval", "SRMSR"),
                [
                    [
                        name, f"{f.m2:.3f}", str(f.df), f"{f.p:.4f}", f"{f.rmsea:.4f}",
                        f"{f.rmsea_low:.4f} to {f.rmsea_high:.4f}", f"{f.srmsr:.4f}",
                    ]
                    for name, f in work.m2.items()
                ],
            ),
        ),
        report.Section(
            "Item curves",
            "Line: expected score. Circles: mean score of ten equally large groups by theta, with 95 % intervals.",
            report.item_curves(work.items, work.matrix, work.theta),
        ),
        report.Section(
            "Persons and items", "Histogram: estimated thetas. Names: items at their mean difficulty.",
            report.wright_map(work.theta, {"items": difficulties}, {}),
        ),
    ]  # fmt: skip
    if dependence:
        cells = [
            [d.passage, str(d.n_items), f"{d.excess:.3f}", f"{d.largest_excess:.3f}", " and ".join(d.largest_pair)]
            for d in dependence
        ]
        look = frozenset(k for k, d in enumerate(dependence) if d.is_dependent)
        lead = "Q3 within the passage above the mean of all other pairs; above 0.2 the items lean on each other."
        header = ("passage", "items", "mean", "largest", "pair")
        sections.append(report.Section("Passages", lead, report.table(header, cells, look)))
    report.write_page(path, "Item and person fit", f"{work.matrix.n_persons} persons.", sections, made_of)
