"""The published 1-3-3 panel of Lim, Davey & Wells, read from the golden files."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from engine.panel import RoutingBasis
from psychometrics.curves import LogisticCurves
from psychometrics.exact import PanelModel, Route, RouteTree, inverse_tcc_tables

GOLDEN = Path(__file__).parents[1] / "golden" / "psychometrics"
SCALE = 1.702
STAGE2_CUTS = np.array([-0.3954891, 0.4422893])  # the published answer's cut scores, on theta
STAGE3_CUTS = np.array([-0.6611704, 0.5130905])
SCORES = 9


def read_matrix(name: str, columns: slice = slice(None)) -> np.ndarray:
    with (GOLDEN / name).open(encoding="utf-8") as stream:
        return np.array([[float(cell) for cell in row[columns]] for row in list(csv.reader(stream))[1:]])


def published_panel() -> tuple[PanelModel, dict]:
    """The 1-3-3 panel of Lim, Davey & Wells, and its inverse-TCC tables up to the second stage.

    Their routing compares the inverse-TCC theta of the whole route so far with cut scores; a theta at a cut goes down.
    """
    a, b, c = read_matrix("simMST_items.csv", slice(3, 6)).T
    place = read_matrix("simMST_module.csv")
    members = {str(k + 1): np.flatnonzero(place[:, k]) for k in range(7)}
    points = dict.fromkeys(members, 8)
    curves = LogisticCurves(a * SCALE, b, c)
    bare = PanelModel(RouteTree("1", points, {}), curves, members)
    begun = [("1",), ("1", "2"), ("1", "3"), ("1", "4")]
    tables = inverse_tcc_tables(bare, begun, lower=-5.0, upper=5.0, tolerance=1e-4)
    leads = {"2": ("56", STAGE3_CUTS[:1]), "3": ("567", STAGE3_CUTS), "4": ("67", STAGE3_CUTS[1:])}
    branches: dict[Route, tuple[str, ...]] = {
        ("1",): tuple("234"[k] for k in np.searchsorted(STAGE2_CUTS, tables["1",]))
    }
    for module, (targets, cuts) in leads.items():
        branches["1", module] = tuple(targets[k] for k in np.searchsorted(cuts, tables["1", module]))
    return PanelModel(RouteTree("1", points, branches, RoutingBasis.ROUTE), curves, members), tables
