"""`./run bench`: run the benchmarks and write what they measured as one table, which nobody types.

A benchmark is a script `benchmarks/bench_<what>.py` that takes `--quick` and writes `benchmarks/results/<what>.json`:
a list of measurements as `Measurement` reads them. The table goes to `benchmarks/TABLE.md` and into README.md.
The peers that we compare with live in an environment of their own, so that nothing else depends on them.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from proverom.gate import ROOT, UV

BENCHMARKS = ROOT / "benchmarks"
RESULTS = BENCHMARKS / "results"
MACHINES = RESULTS / "machines.json"
ENVIRONMENT = ROOT / ".cache" / "bench-venv"
# largest first; "us" is how a keyboard writes the unit
TIME_UNITS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9, "us": 1e-6}
BEGIN, END = "<!-- bench:start -->", "<!-- bench:end -->"
HEAD = "| what | median | spread | n | peer | goal | note |\n|---|--:|--:|--:|---|---|---|"
SIGNS = {"<=": "≤", "≤": "≤", ">=": "≥", "≥": "≥"}
BOUND = re.compile(r"(<=|≤|>=|≥) ?([0-9][0-9,]*(?:\.[0-9]+)?)(?: ([A-Za-zµ/]+))?")
# One thread each, so that a figure is about the code and not about how many processors were free.
PINNED = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_NUM_THREADS"), "1")


class ResultError(Exception):
    """A result file does not hold what the table needs."""

    def __init__(self, place: str, fault: str, remedy: str) -> None:
        super().__init__(f"{place}: {fault}. {remedy}.")


@dataclass(frozen=True, slots=True)
class Peer:
    """Another program doing the same job: its median in the same unit, and how many times ours that is."""

    name: str
    median: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """One thing measured `n` times: median and spread (interquartile range) in `unit`, with the goal it is held to."""

    name: str
    unit: str
    median: float
    spread: float
    n: int
    peer: Peer | None
    goal: str
    note: str


def parse_results(text: str, place: str) -> list[Measurement]:
    """The measurements of one result file.

    Args:
        text: the file's content, a JSON list of objects.
        place: how to name the file in a message.

    Raises:
        ResultError: naming file, row, field and what to do.
    """
    rows: object = json.loads(text)
    if not isinstance(rows, list):
        raise ResultError(place, "is not a list", "Write one object for each thing measured")
    return [_parse_row(row, f"{place}, row {number}") for number, row in enumerate(cast("list[object]", rows), 1)]


def _parse_row(plain: object, place: str) -> Measurement:
    row = _mapping(plain, place)
    peer = row.get("peer")
    return Measurement(
        name=_text(row, "name", place),
        unit=_text(row, "unit", place),
        median=_number(row, "median", place),
        spread=_number(row, "spread", place),
        n=int(_number(row, "n", place)),
        peer=None if peer is None else _parse_peer(_mapping(peer, place), place),
        goal=_text(row, "goal", place),
        note=_text(row, "note", place),
    )


def _parse_peer(row: Mapping[str, object], place: str) -> Peer:
    return Peer(_text(row, "name", place), _number(row, "median", place), _number(row, "ratio", place))


def _mapping(plain: object, place: str) -> Mapping[str, object]:
    if not isinstance(plain, dict):
        raise ResultError(place, "is not an object", "Write the fields of a measurement")
    return cast("Mapping[str, object]", plain)


def _text(row: Mapping[str, object], field: str, place: str) -> str:
    value = row.get(field)
    if not isinstance(value, str):
        raise ResultError(place, f"'{field}' is {value!r}", "Give a text")
    return value


def _number(row: Mapping[str, object], field: str, place: str) -> float:
    value = row.get(field)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ResultError(place, f"'{field}' is {value!r}", "Give a number")
    return float(value)


def figure(value: float) -> str:
    """A number with three digits that count, without an exponent."""
    if value == 0:
        return "0"
    digits = max(0, 2 - int(f"{abs(value):e}".split("e")[1]))
    text = f"{round(value, digits):.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def quantity(value: float, unit: str) -> str:
    """A figure with its unit; a time in the unit that gives it one to three digits before the point.

    >>> quantity(131_376, "us")
    '131 ms'
    """
    if unit not in TIME_UNITS or value == 0:
        return f"{figure(value)} {unit}"
    seconds = value * TIME_UNITS[unit]
    name, scale = next(((name, scale) for name, scale in TIME_UNITS.items() if seconds >= scale), ("ns", 1e-9))
    return f"{figure(seconds / scale)} {name}"


def goal_said(goal: str, unit: str) -> str:
    """A goal as the table says it: a bound in the measurement's unit, or in its own, as a `quantity`; else as it is.

    >>> goal_said("<= 5,000,000 us", "us"), goal_said(">= 1000", "1/s"), goal_said("none set", "s")
    ('≤ 5 s', '≥ 1000 1/s', 'none set')
    """
    bound = BOUND.fullmatch(goal)
    if bound is None:
        return goal
    sign, number, own = bound.groups()
    return f"{SIGNS[sign]} {quantity(float(number.replace(',', '')), own or unit)}"


def table(measured: Sequence[Measurement]) -> str:
    """The measurements as a Markdown table, in their order."""
    return "\n".join([HEAD, *(_line(measurement) for measurement in measured)])


def _line(it: Measurement) -> str:
    peer = f"{it.peer.name}: {quantity(it.peer.median, it.unit)} ({figure(it.peer.ratio)} ×)" if it.peer else ""
    spread = quantity(it.spread, it.unit)
    cells = (it.name, quantity(it.median, it.unit), spread, str(it.n), peer, goal_said(it.goal, it.unit), it.note)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def put_between(text: str, inner: str, marks: tuple[str, str] = (BEGIN, END)) -> str:
    """A text with what stands between the two marks replaced; without the marks, the text as it is."""
    before, begin, rest = text.partition(marks[0])
    _, end, after = rest.partition(marks[1])
    return f"{before}{begin}\n{inner}\n{end}{after}" if begin and end else text


def this_machine() -> str:
    """What was measured on: processor, how many of them, system, Python."""
    cpu = platform.processor() or platform.machine()
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        names = [line.partition(":")[2].strip() for line in facts.read_text().splitlines() if "model name" in line]
        cpu = names[0] if names else cpu
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        system = platform.platform(terse=True)
    return f"{cpu}, {os.cpu_count()} processors, {system}, Python {platform.python_version()}"


def write_tables() -> str:
    """Write the table of every result file that is there, and answer it."""
    files = sorted(file for file in RESULTS.glob("*.json") if file != MACHINES)
    measured = [each for file in files for each in parse_results(file.read_text(encoding="utf-8"), file.name)]
    machines = sorted(set(_read_machines().values()))
    on = "".join(f"\nMeasured on {machine}.\n" for machine in machines)
    text = f"{table(measured)}\n{on}"
    (BENCHMARKS / "TABLE.md").write_text(f"# What we promise, measured\n\nWritten by `./run bench`.\n\n{text}", "utf-8")
    readme = ROOT / "README.md"
    readme.write_text(put_between(readme.read_text(encoding="utf-8"), text.rstrip()), encoding="utf-8")
    return text


def _read_machines() -> dict[str, str]:
    if not MACHINES.exists():
        return {}
    return cast("dict[str, str]", json.loads(MACHINES.read_text(encoding="utf-8")))


def ensure_environment() -> Path:
    """The Python that has the peers; made from the lock file when it is missing or the lock has changed."""
    stamp = ENVIRONMENT / "made-from"
    lock = b"".join((ROOT / name).read_bytes() for name in ("uv.lock", "pyproject.toml"))
    fingerprint = hashlib.sha256(lock).hexdigest()
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists() or not stamp.exists() or stamp.read_text() != fingerprint:
        print("proverom: installing the peers that we compare with into .cache/bench-venv", file=sys.stderr)
        interpreter = str(Path(sys.executable).resolve())
        subprocess.run(
            [str(UV), "sync", "--frozen", "--quiet", "--all-extras", "--all-groups", "--python", interpreter],
            cwd=ROOT,
            env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(ENVIRONMENT), "UV_PYTHON_DOWNLOADS": "never"},
            check=True,
        )
        stamp.write_text(fingerprint)
    return python


def run_one(python: Path, name: str, *, is_quick: bool) -> bool:
    """Run one benchmark; True when it ended well. A quick run is for looking: the figures kept stay as they were."""
    kept = {file: file.read_bytes() for file in RESULTS.glob("*.json")}
    options = ["--quick"] if is_quick else []
    print(f"--- {name}", flush=True)
    script = BENCHMARKS / f"bench_{name}.py"
    code = subprocess.run(
        [str(python), str(script), *options], cwd=ROOT, env={**os.environ, **PINNED}, check=False
    ).returncode
    changed = [file for file in RESULTS.glob("*.json") if file.read_bytes() != kept.get(file)]
    if is_quick:
        for file in changed:
            print(table(parse_results(file.read_text(encoding="utf-8"), file.name)), flush=True)
            if file in kept:
                file.write_bytes(kept[file])
            else:
                file.unlink()
    elif code == 0:
        machines = dict(sorted({**_read_machines(), name: this_machine()}.items()))
        MACHINES.write_text(json.dumps(machines, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return code == 0


def main(argv: Sequence[str]) -> int:
    """Run the benchmarks named, or all, and write the table; 1 when one failed, 2 for a name that is not there."""
    parser = ArgumentParser(prog="./run bench", description="Measure what we promise and write the table.")
    parser.add_argument("names", nargs="*", help="as in benchmarks/bench_<name>.py; all when none is given")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions; shown, not kept")
    parser.add_argument("--table", action="store_true", help="only write the table from the results that are kept")
    options = parser.parse_args(argv)

    there = [file.stem.removeprefix("bench_") for file in sorted(BENCHMARKS.glob("bench_*.py"))]
    names = cast("list[str]", options.names) or there
    unknown = [name for name in names if name not in there]
    if unknown:
        print(f"./run bench: there is no benchmark '{unknown[0]}'; there are {', '.join(there)}.", file=sys.stderr)
        return 2
    RESULTS.mkdir(exist_ok=True)
    failed: list[str] = []
    if not options.table:
        python = ensure_environment()
        failed = [name for name in names if not run_one(python, name, is_quick=options.quick)]
    if not options.quick:
        try:
            print(write_tables())
        except ResultError as error:
            print(f"./run bench: {error}", file=sys.stderr)
            return 1
    for name in failed:
        print(f"FAILED  {name}", file=sys.stderr)
    return 1 if failed else 0
