"""Scoring 100,000 persons on 40 items, with the peers that are installed doing the same in the same run.

Run from the repository root: ``python benchmarks/bench_scoring.py``. Writes benchmarks/results/scoring.json.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import irt_sets  # noqa: E402 - it pins the threads before NumPy is imported
import numpy as np  # noqa: E402
from bench_calibration import PEER_RUNS, Timed, installed, row, timed  # noqa: E402

from psychometrics.items import ItemParameters  # noqa: E402
from psychometrics.scoring import Method, score, score_tables  # noqa: E402

GOALS: dict[Method, str] = {
    "eap": "<= 0.06 s",
    "wle": "<= 0.3 s",
    "map": "none set",
    "mle": "none set",
    "eapsum": "none set",
}


def peer_scores(simulated: irt_sets.SimulatedSet, method: Method) -> tuple[str, Timed] | None:
    """Girth's EAP, as it is the quickest; PyPI mirt for the others."""
    girth_peer = method == "eap"
    if not installed("girth" if girth_peer else "mirt"):
        return None
    scores = simulated.data.scores.astype(np.int64)
    if girth_peer:
        girth: Any = import_module("girth")
        turned = np.ascontiguousarray(scores.T)
        return "girth", timed(lambda: girth.ability_eap(turned, simulated.b, simulated.a), PEER_RUNS)
    mirt: Any = import_module("mirt")
    fitted = mirt.fit_mirt(scores[:2000], "2PL", compute_standard_errors=False)
    name = {"wle": "WLE", "map": "MAP", "mle": "ML", "eapsum": "EAPsum"}[method]
    return "PyPI mirt", timed(lambda: mirt.fscores(fitted, scores, method=name), 1)


def main() -> int:
    """Measure and write the result file."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer runs")
    runs = 3 if parser.parse_args().quick else 7
    simulated = irt_sets.two_parameter(100_000, 107)
    names = simulated.data.item_ids
    items = [
        ItemParameters(name, "2pl", float(a), (float(b),))
        for name, a, b in zip(names, simulated.a, simulated.b, strict=True)
    ]
    guessing = [ItemParameters(item.item_id, "3pl", item.a, item.b, 0.2) for item in items]
    rows: list[dict[str, object]] = []
    for method, goal in GOALS.items():
        ours = timed(lambda method=method: score(simulated.data, items, method), runs)
        use = ~ours.result.is_at_bound
        rmse = float(np.sqrt(np.mean((ours.result.theta[use] - simulated.theta[use]) ** 2)))
        note = f"RMSE theta {rmse:.4f}, reliability {ours.result.reliability():.3f}"
        rows.append(row(f"f {method.upper()} of 100,000 x 40", ours, goal, note, peer_scores(simulated, method)))
    ours = timed(lambda: score(simulated.data, guessing, "wle"), runs)
    rows.append(row("f WLE of 100,000 x 40, 3PL", ours, "<= 0.3 s", "any model"))
    ours = timed(lambda: score_tables(items), runs)
    rows.append(row("score table of 40 items", ours, "none set", "EAP of the sum score and inverse TCC"))
    target = ROOT / "benchmarks" / "results" / "scoring.json"
    target.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
