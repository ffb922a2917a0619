"""`./run prove`: the long forms of the proofs, and one page of what they tried, lost and accepted.

The proofs are tests that ask for the fixture ``proof`` (`tests/proof.py`), and those marked ``prove``. Each adds its
figures to a file while it runs; the page `benchmarks/PROOFS.md` and the table in README.md are written from that file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from proverom.benchtable import put_between, this_machine
from proverom.gate import ROOT

PAGE: Final = ROOT / "benchmarks" / "PROOFS.md"
MARKS: Final = ("<!-- proofs:start -->", "<!-- proofs:end -->")
HEAD: Final = "| what was done to it | tried | what came of it | time | held |\n|---|--:|---|--:|---|"
OWN_FIELDS: Final = frozenset({"name", "tried", "first_seed", "seconds", "held"})
ENDLESS_MINUTES: Final = 60 * 24 * 7


@dataclass(frozen=True, slots=True)
class Figures:
    """One proof's figures: how often it tried, what it counted, its time in seconds, and whether it held.

    ``has_held`` is None where the time was up before it began.
    """

    name: str
    tried: int
    counts: Mapping[str, int]
    seconds: float
    has_held: bool | None


def read_figures(lines: str) -> list[Figures]:
    """The figures written by a run, those of one name put together, in the order of their first line.

    Args:
        lines: one JSON object a line, as `tests.proof` writes them.
    """
    together: dict[str, Figures] = {}
    for line in lines.splitlines():
        row = cast("dict[str, object]", json.loads(line))
        counts = {name: cast("int", value) for name, value in row.items() if name not in OWN_FIELDS}
        one = Figures(
            str(row["name"]),
            cast("int", row["tried"]),
            counts,
            cast("float", row["seconds"]),
            cast("bool | None", row["held"]),
        )
        before = together.get(one.name)
        together[one.name] = one if before is None else _sum(before, one)
    return list(together.values())


def _sum(a: Figures, b: Figures) -> Figures:
    counts = {what: a.counts.get(what, 0) + b.counts.get(what, 0) for what in [*a.counts, *b.counts]}
    parts = [held for held in (a.has_held, b.has_held) if held is not None]
    return Figures(a.name, a.tried + b.tried, counts, a.seconds + b.seconds, all(parts) if parts else None)


def table(figures: Sequence[Figures]) -> str:
    """The figures as a Markdown table."""
    return "\n".join([HEAD, *(_line(each) for each in figures)])


def _line(it: Figures) -> str:
    counts = ", ".join(f"{number:,} {what}" for what, number in it.counts.items())
    held = {True: "yes", False: "**NO**", None: "not run: time was up"}[it.has_held]
    cells = (it.name, f"{it.tried:,}", counts, duration(it.seconds), held)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def duration(seconds: float) -> str:
    """A time as a person says it.

    >>> duration(59.6), duration(615), duration(9000)
    ('60 s', '10 min', '2.5 h')
    """
    if seconds < 99.5:  # noqa: PLR2004 - up to here seconds say more
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"  # noqa: PLR2004 - up to here minutes do


def write_page(figures: Sequence[Figures], seed: int, seconds: float) -> str:
    """Write the page and the table in README.md, and answer the page."""
    held = sum(1 for each in figures if each.has_held)
    tried = sum(each.tried for each in figures)
    said = (
        f"{held} of {len(figures)} proofs held; {tried:,} trials in {duration(seconds)}, from seed {seed}, "
        f"on {this_machine()}, {time.strftime('%Y-%m-%d')}."
    )
    text = f"{table(figures)}\n\n{said}"
    page = f"# What was tried to break it\n\nWritten by `./run prove`; nobody types a number.\n\n{text}\n"
    PAGE.write_text(page, encoding="utf-8")
    readme = ROOT / "README.md"
    readme.write_text(put_between(readme.read_text(encoding="utf-8"), text, MARKS), encoding="utf-8")
    return page


def main(argv: Sequence[str]) -> int:
    """Run the long proofs and write the page; what pytest answers: 0 when all held."""
    parser = ArgumentParser(
        prog="./run prove", description="Run the long proofs and write the page of figures.", allow_abbrev=False
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=ENDLESS_MINUTES,
        help="share this time among the proofs; each tries at least what CI does",
    )
    parser.add_argument("--seed", type=int, default=0, help="where seeds begin; a new place when 0")
    parser.add_argument("--no-page", action="store_true", help="show the figures, leave page and README as they are")
    options, rest = parser.parse_known_args(argv)
    if options.minutes <= 0 or options.seed < 0:
        parser.error("--minutes must be above 0, and --seed not below 0")
    seed = options.seed or int(time.time())
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="proverom-prove-") as folder:
        file = Path(folder, "figures.jsonl")
        settings = {
            "PROVEROM_NO_SKIPS": "1",
            "HYPOTHESIS_PROFILE": "prove",
            "PROVEROM_FIGURES": str(file),
            "PROVEROM_PROOF_SEED": str(seed),
            "PROVEROM_PROVE_SECONDS": str(options.minutes * 60),
        }
        command = [sys.executable, "-m", "pytest", "-p", "tests.proof", "-m", "", "--timeout=0"]
        command += ["-o", "faulthandler_timeout=0", *rest]
        code = subprocess.run(command, cwd=ROOT, env={**os.environ, **settings}, check=False).returncode
        figures = read_figures(file.read_text(encoding="utf-8")) if file.exists() else []
    if not figures:
        print("./run prove: no proof was run; the page is as it was.", file=sys.stderr)
        return code or 1
    if options.no_page:
        print(table(figures))
    else:
        print(write_page(figures, seed, time.monotonic() - begun))
    return code
