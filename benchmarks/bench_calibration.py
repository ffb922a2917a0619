"""Calibration: time, memory and growth, with the peers that are installed doing the same job in the same run.

Run from the repository root: ``python benchmarks/bench_calibration.py``. Writes benchmarks/results/calibration.json.
Times are CPU seconds of one thread. Every fit is at the maximum: the log-likelihood is compared with the known one.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import tracemalloc
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module, util
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import irt_sets  # noqa: E402 - it pins the threads before NumPy is imported
import numpy as np  # noqa: E402

from psychometrics.cml import calibrate_conditional  # noqa: E402
from psychometrics.commands.inputs import ParquetChunks  # noqa: E402
from psychometrics.data import ColumnRoles, ResponseMatrix  # noqa: E402
from psychometrics.mml import Calibration, Options, calibrate  # noqa: E402
from psychometrics.parquet import write_parquet  # noqa: E402

MIB = 1 << 20
PEER_RUNS = 3
GROWTH_SIZES = (20_000, 200_000, 1_000_000)
GROWTH_CHUNK = 100_000


@dataclass(frozen=True, slots=True)
class Timed:
    """CPU seconds of each run, and what the last one gave."""

    seconds: list[float]
    result: Any

    @property
    def median(self) -> float:
        """Middle of the runs."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """Interquartile range."""
        if len(self.seconds) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return high - low


def timed(work: Callable[[], object], runs: int) -> Timed:
    """Run it so many times."""
    seconds: list[float] = []
    result: object = None
    for _ in range(runs):
        before = process_time()
        result = work()
        seconds.append(process_time() - before)
    return Timed(seconds, result)


def row(name: str, ours: Timed, goal: str, note: str, *peers: tuple[str, Timed] | None) -> dict[str, object]:
    """A line of the table, beside the quickest peer; the others are in the note."""
    beside = None
    measured = sorted((peer for peer in peers if peer is not None), key=lambda peer: peer[1].median)
    if measured:
        peer, theirs = measured[0]
        beside = {"name": peer, "median": round(theirs.median, 4), "ratio": round(theirs.median / ours.median, 2)}
        note = "; ".join((note, *(f"{other} {timing.median:.3g} s" for other, timing in measured[1:])))
    print(f"{name}: {ours.median:.4f} s ({note})", flush=True)
    return {
        "name": name,
        "unit": "s",
        "median": round(ours.median, 5),
        "spread": round(ours.spread, 5),
        "n": len(ours.seconds),
        "peer": beside,
        "goal": goal,
        "note": note,
    }


def installed(peer: str) -> bool:
    """Whether a peer can be imported; says so if not."""
    found = util.find_spec(peer) is not None
    if not found:
        print(f"peer not installed: {peer}", flush=True)
    return found


def peer_fit(data: ResponseMatrix, model: str, options: dict[str, object]) -> tuple[str, Timed] | None:
    """PyPI mirt on the same responses with 61 points."""
    if not installed("mirt"):
        return None
    mirt: Any = import_module("mirt")
    responses = data.scores.astype(np.int64)
    return "PyPI mirt, 61 points", timed(
        lambda: mirt.fit_mirt(responses, model, n_quadpts=61, compute_standard_errors=False, **options), PEER_RUNS
    )


def girth_fit(data: ResponseMatrix, function: str) -> tuple[str, Timed] | None:
    """Girth on the same responses, items in rows."""
    if not installed("girth"):
        return None
    girth: Any = import_module("girth")
    responses = np.ascontiguousarray(data.scores.T.astype(np.int64))
    return "girth", timed(lambda: getattr(girth, function)(responses), PEER_RUNS)


def at_maximum(found: Calibration, known: float | None) -> str:
    """Log-likelihood, its distance to the known maximum, and the gradient."""
    text = f"log-likelihood {found.log_likelihood:.4f}, gradient {found.gradient_norm:.0e}, {found.iterations} sweeps"
    if known is not None:
        if abs(found.log_likelihood - known) > 0.001:
            message = f"not at the known maximum {known}: {found.log_likelihood}"
            raise AssertionError(message)
        text += f", {found.log_likelihood - known:+.5f} from the known maximum"
    return text


def marginal(runs: int) -> list[dict[str, object]]:
    """The sets a to e."""
    plain = Options(standard_errors="none")
    jobs = (
        ("a 2PL, 2,000 x 40", irt_sets.two_parameter(2000, 101), "2pl", -41549.34818, "<= 0.03 s", "2PL", "twopl_mml"),
        ("b 2PL, 20,000 x 40", irt_sets.two_parameter(20000, 102), "2pl", -424914.73630, "<= 0.16 s", "2PL", ""),
        ("c 2PL multistage, 20,000 x 129", irt_sets.multistage(), "2pl", -582303.34574, "<= 0.25 s", "2PL", ""),
        (
            "d graded, 5,000 x 20 x 4",
            irt_sets.four_categories("graded", 104),
            "graded",
            -110757.4907,
            "<= 0.10 s",
            "GRM",
            "grm_mml",
        ),
        (
            "d GPCM, 5,000 x 20 x 4",
            irt_sets.four_categories("gpcm", 105),
            "gpcm",
            -107456.3525,
            "<= 0.10 s",
            "GPCM",
            "pcm_mml",
        ),
        ("e 3PL with prior on c, 10,000 x 40", irt_sets.three_parameter(), "3pl", None, "<= 0.5 s", "3PL", ""),
    )
    out: list[dict[str, object]] = []
    speed = product_speed()
    for name, simulated, model, known, goal, peer_model, girth_function in jobs:
        data = simulated.data

        def fit(data: ResponseMatrix = data, model: str = model) -> Calibration:
            return calibrate(data, model, plain)

        ours = timed(fit, runs)
        share = usual_work(data, ours.result) / ours.median / speed
        pace = f"{100 * share:.0f} % of matrix-multiply speed ({speed / 1e9:.0f} GFLOP/s)"
        note = f"{at_maximum(ours.result, known)}; {pace}"
        beside = girth_fit(data, girth_function) if girth_function else None
        out.append(row(name, ours, goal, note, peer_fit(data, peer_model, {}), beside))
    data = irt_sets.multistage().data
    ours = timed(lambda: calibrate(data, "2pl"), runs)
    note = f"{at_maximum(ours.result, -582303.34574)}; condition number {ours.result.condition_number:.1f}"
    out.append(row("c with standard errors", ours, "<= 0.35 s", note))
    return out


def usual_work(data: ResponseMatrix, found: Calibration) -> float:
    """Floating-point operations of the two products of persons, answered items and nodes that a sweep usually takes.

    The power family forms neither of them, so its share of the machine's speed may exceed what such products reach.
    """
    answered = int(data.answered.sum()) * max(1, int(data.scores.max()))
    return 4.0 * answered * found.n_nodes * found.iterations


def product_speed() -> float:
    """Floating-point operations per second of a square product in double precision on one thread."""
    rng = np.random.default_rng(1)
    left, right = rng.random((1024, 1024)), rng.random((1024, 1024))
    np.matmul(left, right)
    return 2.0 * 1024**3 / min(timed(lambda: left @ right, 7).seconds)


def conditional(runs: int) -> list[dict[str, object]]:
    """Rasch by conditional likelihood, complete and multistage."""
    complete = irt_sets.rasch()
    ours = timed(lambda: calibrate_conditional(complete.data), runs)
    out = [
        row(
            "Rasch CML, 20,000 x 40",
            ours,
            "<= 0.03 s",
            f"gradient {ours.result.gradient_norm:.0e}, RMSE b {_rmse(ours.result.items, complete.b):.4f}",
        )
    ]
    routed, design = irt_sets.rasch_multistage()
    ours = timed(lambda: calibrate_conditional(routed.data, "rasch", design), runs)
    note = f"gradient {ours.result.gradient_norm:.0e}, RMSE b {_rmse(ours.result.items, routed.b):.4f}"
    out.append(row("Rasch CML multistage, 20,000 x 114", ours, "<= 0.15 s", note))
    return out


def _rmse(items: Any, b: np.ndarray) -> float:  # noqa: ANN401 - items of either calibration
    found = np.array([item.b[0] for item in items])
    return float(np.sqrt(np.mean((found - found.mean() - b + b.mean()) ** 2)))


# ---------------------------------------------------------------------------------------------------- memory, growth


def peak_mib() -> float:
    """The most memory this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def memory_child() -> None:
    """In a process of its own: the most memory that calibrating set c takes beyond the data, in MiB."""
    data = irt_sets.multistage().data
    calibrate(data, "2pl", Options(standard_errors="none"))
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    calibrate(data, "2pl", Options(standard_errors="none"))
    _, peak = tracemalloc.get_traced_memory()
    print(json.dumps({"mib": (peak - before) / MIB}))


def growth_child(path: str) -> None:
    """In a process of its own: calibrate a Parquet file in chunks; time, memory and result."""
    before = process_time()
    start = perf_counter()
    found = calibrate(ParquetChunks(Path(path), ColumnRoles()), "2pl")
    print(
        json.dumps(
            {
                "cpu_s": process_time() - before,
                "wall_s": perf_counter() - start,
                "mib": peak_mib(),
                "log_likelihood": found.log_likelihood,
                "gradient": found.gradient_norm,
            }
        )
    )


def child(*arguments: str) -> dict[str, float]:
    """Run this script again for one measurement."""
    done = subprocess.run([sys.executable, __file__, *arguments], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def memory() -> list[dict[str, object]]:
    """Peak memory of set c beyond the data."""
    used = child("--memory-child")["mib"]
    print(f"memory of c beyond the data: {used:.1f} MiB", flush=True)
    return [
        {
            "name": "memory of c beyond the data",
            "unit": "MiB",
            "median": round(used, 1),
            "spread": 0.0,
            "n": 1,
            "peer": None,
            "goal": "<= 60 MiB",
            "note": "peak of everything allocated during the fit",
        }
    ]


def growth(sizes: tuple[int, ...]) -> list[dict[str, object]]:
    """2PL of the multistage bank from Parquet, in chunks."""
    out: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        for n in sizes:
            path = Path(folder) / f"{n}.parquet"
            _write(path, n)
            found = child("--growth-child", str(path))
            path.unlink()
            timing = Timed([found["cpu_s"]], None)
            note = (
                f"from Parquet with standard errors; wall {found['wall_s']:.1f} s, peak {found['mib']:.0f} MiB in all, "
                f"gradient {found['gradient']:.0e}"
            )
            out.append(row(f"growth: 2PL multistage, {n:,} x 129, 48 answered", timing, "within 4 GiB", note))
    return out


def _write(path: Path, n_persons: int) -> None:
    scores = np.concatenate(list(irt_sets.multistage_chunks(n_persons, GROWTH_CHUNK)))
    write_parquet(path, {f"i{k + 1:03d}": scores[:, k] for k in range(scores.shape[1])})


def main() -> int:
    """Measure and write the result file."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer runs, and growth to 20,000 only")
    parser.add_argument("--memory-child", action="store_true")
    parser.add_argument("--growth-child")
    options = parser.parse_args()
    if options.memory_child:
        memory_child()
        return 0
    if options.growth_child:
        growth_child(options.growth_child)
        return 0
    runs = 3 if options.quick else 7
    rows = [*marginal(runs), *conditional(runs), *memory()]
    rows += growth(GROWTH_SIZES[:1] if options.quick else GROWTH_SIZES)
    target = ROOT / "benchmarks" / "results" / "calibration.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
