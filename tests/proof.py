"""Proofs of two lengths: short in every change, long under `./run prove`, with the figures of both.

A test that tries something many times asks for the fixture ``proof`` and counts what it saw:

    def test_no_power_cut_loses_anything(proof):
        with proof("power cuts of the journal", ci=10_000, full=1_000_000) as trial:
            for seed in trial.seeds():
                trial.count("acknowledged records lost", run(seed))

In CI the seeds are 0 … ci-1, the same every time. Under `./run prove` they begin at a chosen seed and go on to ``full``
or until the proof's share of the time is used up, and what was really tried is written down. A proof spread over
several tests, so that two processes share it, gives each its own ``block`` of seeds.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

FIGURES: Final = "PROVEROM_FIGURES"
"""Environment: the file that figures are added to, one JSON object a line; set by `./run prove`."""

SECONDS: Final = "PROVEROM_PROOF_SECONDS"
"""Environment: the longest time of one proof; set by `./run prove`."""

FIRST_SEED: Final = "PROVEROM_PROOF_SEED"
"""Environment: where the seeds begin; set by `./run prove`."""

CI_SECONDS: Final = 3600.0


@dataclass(slots=True)
class Trial:
    """One proof being run: its seeds, and what was counted (names are words a reader of the page understands)."""

    name: str
    most: int
    seconds: float
    first: int
    tried: int = 0
    counts: dict[str, int] = field(default_factory=dict[str, int])
    _begun: float = field(default_factory=time.monotonic)

    def seeds(self) -> Iterator[int]:
        """The seeds to try; each one drawn counts as tried. Always at least one."""
        for seed in range(self.first, self.first + self.most):
            if self.tried and time.monotonic() - self._begun > self.seconds:
                return
            self.tried += 1
            yield seed

    def count(self, what: str, number: int = 1) -> None:
        """Add to a count; one that stays 0 is named too, since "0 lost" is what the page is about."""
        self.counts[what] = self.counts.get(what, 0) + number

    def figures(self) -> dict[str, object]:
        """What the page shows of it."""
        seconds = round(time.monotonic() - self._begun, 1)
        return {"name": self.name, "tried": self.tried, "first_seed": self.first, "seconds": seconds, **self.counts}


@contextmanager
def run_proof(name: str, *, ci: int, full: int, block: int = 0) -> Generator[Trial]:
    """Run one proof and write its figures down where `./run prove` asked for them, also when it fails."""
    file = os.environ.get(FIGURES, "")
    if file:
        trial = Trial(name, full, float(os.environ[SECONDS]), int(os.environ[FIRST_SEED]) + block * full)
    else:
        trial = Trial(name, ci, CI_SECONDS, block * ci)
    has_held = False
    try:
        yield trial
        has_held = True
    finally:
        if file:
            with Path(file).open("a", encoding="utf-8") as page:
                page.write(json.dumps({**trial.figures(), "held": has_held}) + "\n")
