"""Look for items that favour a group: `./run dif responses.csv --groups gender --focal F --out dif.csv`."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from psychometrics import dif, report, tables
from psychometrics.commands import shared
from psychometrics.commands.inputs import add_response_options, names, roles_of
from psychometrics.data import FloatArray, ResponseMatrix, read_responses
from psychometrics.errors import IncompleteResponsesError
from psychometrics.groups import group_figures
from psychometrics.scoring import score

HEADER = (
    "item", "mh_chi2", "mh_p", "odds_ratio", "delta", "se_delta", "standardised", "breslow_day", "breslow_day_df",
    "mh_class", "logistic", "logistic_p", "uniform", "non_uniform", "delta_r2", "logistic_class", "lr", "lr_df",
    "lr_p", "rmsd", "lr_class",
)  # fmt: skip


def main(argv: list[str]) -> int:
    """Run the command."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if not arguments.groups:
        parser.error("--groups names the column that says who is in which group")
    return shared.told(lambda: _run(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./run dif", description="Look for items that favour a group.")
    add_response_options(parser)
    parser.add_argument("--focal", required=True, help="the group that is compared with all others")
    parser.add_argument("--params", help="params.csv: match on theta; needed when responses are missing by design")
    parser.add_argument("--lr", metavar="MODEL", help="likelihood ratio too, with this model; takes longer")
    parser.add_argument(
        "--purify", choices=("no", "yes"), default="no",
        help="match on a score without the flagged items, until the flags stay (default: no; --lr always purifies)",
    )  # fmt: skip
    parser.add_argument("--level", help="column with the reported level: tell counts and level shares per group too")
    parser.add_argument("--levels", default="below_A1,A1,A2,B1,B2", help="the levels, lowest first, commas between")
    parser.add_argument("--group-figures", help="table of those shares; needs --level")
    parser.add_argument("--out", required=True, help="table of items, .csv or .parquet")
    parser.add_argument("--report", help="HTML report")
    return parser


def _run(arguments: argparse.Namespace) -> None:
    roles = roles_of(arguments)
    if arguments.level:
        roles = replace(roles, ignore=(*roles.ignore, arguments.level))
    if arguments.params:
        matrix, items = shared.responses_with_parameters(arguments.responses, arguments.params, roles)
        theta: FloatArray | None = score(matrix, items, "wle").theta
    else:
        matrix, theta = shared.one_row_a_person(read_responses(arguments.responses, roles)), None
        if (matrix.scores < 0).any():
            raise IncompleteResponsesError("Mantel-Haenszel", "Give --params, to match on theta")
    mantel = dif.screen_mantel_haenszel(matrix, arguments.focal, theta, purify=arguments.purify)
    logistic = dif.screen_logistic(matrix, arguments.focal, theta, purify=arguments.purify)
    ratios = _ratios(matrix, arguments) if arguments.lr else ()
    rows = _rows(mantel, logistic, ratios)
    options = {"groups": arguments.groups, "focal": arguments.focal, "purify": arguments.purify, "lr": arguments.lr}
    made_of = shared.provenance({"responses": arguments.responses}, {**options, "params": arguments.params})
    tables.write_table(arguments.out, HEADER, rows)
    shared.write_json(Path(arguments.out).with_suffix(".json"), {"provenance": made_of})
    header, shown = _summary(mantel, logistic, ratios)
    _tell(matrix, arguments.focal, header, shown)
    if arguments.level:
        _tell_groups(arguments)
    if arguments.report:
        sections = [
            report.Section(
                "Mantel-Haenszel",
                "Delta with 95 % interval; blue ground: negligible, yellow: moderate. Classes A, B, C after ETS.",
                report.dif_forest(mantel),
            ),
            report.Section("All methods", "The table beside this report has all figures.", report.table(header, shown)),
        ]
        lead = f"Focal group {arguments.focal}, {matrix.n_persons} persons, {matrix.n_items} items."
        report.write_page(Path(arguments.report), "Differential item functioning", lead, sections, made_of)


def _tell_groups(arguments: argparse.Namespace) -> None:
    """Counts and level shares of every group; groups too small to be told about get their count only."""
    people = tables.read_rows(arguments.responses, (arguments.groups, arguments.level))
    order = names(arguments.levels)
    found = group_figures([row[arguments.groups] for row in people], [row[arguments.level] for row in people], order)
    rows: list[list[tables.Cell]] = [[f.group, f.n, *(f.shares or [None] * len(order))] for f in found]
    shared.show(["group", "n", *order], [[_short(cell) for cell in row] for row in rows])
    if arguments.group_figures:
        tables.write_table(arguments.group_figures, ("group", "n", *order), rows)


def _ratios(matrix: ResponseMatrix, arguments: argparse.Namespace) -> tuple[dif.LikelihoodRatioDif, ...]:
    bar = shared.Progress("likelihood ratio", matrix.n_items)

    def step() -> None:
        if bar.done >= bar.total:
            bar.done = 0
        bar.step()

    return dif.likelihood_ratio(matrix, arguments.focal, arguments.lr, watch=step)


def _rows(
    mantel: Sequence[dif.MantelHaenszel], logistic: Sequence[dif.LogisticDif], ratios: Sequence[dif.LikelihoodRatioDif]
) -> list[list[tables.Cell]]:
    rows: list[list[tables.Cell]] = []
    for k, (m, g) in enumerate(zip(mantel, logistic, strict=True)):
        row: list[tables.Cell] = [
            m.item_id, m.chi_square, m.p, m.odds_ratio, m.delta, m.se_delta, m.standardised, m.breslow_day,
            m.breslow_day_df, m.effect, g.both, g.p_both, g.uniform, g.non_uniform, g.delta_r2, g.effect,
        ]  # fmt: skip
        row += (
            [ratios[k].statistic, ratios[k].df, ratios[k].p, ratios[k].rmsd, ratios[k].effect] if ratios else [None] * 5
        )
        rows.append(row)
    return rows


def _tell(matrix: ResponseMatrix, focal: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    n_focal = int(dif.focal_mask(matrix, focal).sum())
    print(f"focal group {focal}: {n_focal} persons; reference: {matrix.n_persons - n_focal}")
    shared.show(header, rows)


def _summary(
    mantel: Sequence[dif.MantelHaenszel], logistic: Sequence[dif.LogisticDif], ratios: Sequence[dif.LikelihoodRatioDif]
) -> tuple[list[str], list[list[str]]]:
    """The figures that decide, for the terminal and the report."""
    more = ["LR", "p", "class"] if ratios else []
    header = ["item", "MH chi2", "p", "delta", "class", "logistic", "p", "class", *more]
    rows: list[list[str]] = []
    for k, (m, g) in enumerate(zip(mantel, logistic, strict=True)):
        row = [m.item_id, f"{m.chi_square:.4f}", f"{m.p:.4f}", f"{m.delta:.4f}", m.effect]
        row += [f"{g.both:.4f}", f"{g.p_both:.4f}", g.effect]
        if ratios:
            row += [f"{ratios[k].statistic:.4f}", f"{ratios[k].p:.4f}", ratios[k].effect]
        rows.append(row)
    return header, rows


def _short(cell: tables.Cell) -> str:
    return "" if cell is None else (f"{cell:.4f}" if isinstance(cell, float) else str(cell))
