"""Proofs of two lengths: short in every change, long under `./run prove`, with the figures of both.

A test that tries something many times asks for the fixture ``proof`` and counts what it saw:

    def test_no_power_cut_loses_anything(proof):
        with proof("power cuts of the journal", ci=10_000, full=1_000_000) as trial:
            for seed in trial.seeds():
                trial.count("acknowledged records lost", run(seed))

In CI the seeds are 0 … ci-1, the same every time. Under `./run prove` they begin at a chosen seed and go on to ``full``
or until the proof's share of the time is used up, though never fewer than in CI, and what was really tried is written
down. A proof spread over several tests, so that two processes share it, gives each its own ``block`` of seeds.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

import pytest

FIGURES: Final = "PROVEROM_FIGURES"
"""Environment: the file that figures are added to, one JSON object a line; set by `./run prove`."""

ALL_SECONDS: Final = "PROVEROM_PROVE_SECONDS"
"""Environment: the time that all proofs share; set by `./run prove`."""

FIRST_SEED: Final = "PROVEROM_PROOF_SEED"
"""Environment: where the seeds begin; set by `./run prove`."""

CI_SECONDS: Final = 3600.0


@dataclass(slots=True)
class Shares:
    """The time that is left, shared among the proofs that are left."""

    ends: float = 0.0
    left: int = 0

    def next(self) -> float:
        """Seconds for the next proof."""
        share = max(0.0, self.ends - time.monotonic()) / max(1, self.left)
        self.left -= 1
        return share

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() > self.ends


SHARES: Final = Shares()


@dataclass(slots=True)
class Trial:
    """One proof being run: its seeds, and what was counted (names are words a reader of the page understands)."""

    name: str
    least: int
    most: int
    seconds: float
    first: int
    tried: int = 0
    counts: dict[str, int] = field(default_factory=dict[str, int])
    _begun: float = field(default_factory=time.monotonic)

    def seeds(self) -> Iterator[int]:
        """The seeds to try; each one drawn counts as tried. The least is drawn however long it takes."""
        for seed in range(self.first, self.first + self.most):
            if self.tried >= self.least and time.monotonic() - self._begun > self.seconds:
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
    is_long = FIGURES in os.environ
    if is_long:
        trial = Trial(name, ci, full, SHARES.next(), int(os.environ[FIRST_SEED]) + block * full)
    else:
        trial = Trial(name, ci, ci, CI_SECONDS, block * ci)
    has_held = False
    try:
        yield trial
        has_held = True
    finally:
        if is_long:
            _write({**trial.figures(), "held": has_held})


Proof: TypeAlias = Callable[..., AbstractContextManager[Trial]]
"""What the fixture ``proof`` gives: `run_proof`."""


def _write(row: dict[str, object]) -> None:
    with Path(os.environ[FIGURES]).open("a", encoding="utf-8") as page:
        page.write(json.dumps(row) + "\n")


# --- under `./run prove`, which loads this module as a plugin ---------------------------------------------------------


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the proofs: those that share the time first, then those that take what they take."""
    sharing = [item for item in items if "proof" in getattr(item, "fixturenames", ())]
    marked = [item for item in items if item.get_closest_marker("prove") and item not in sharing]
    config.hook.pytest_deselected(items=[item for item in items if item not in sharing and item not in marked])
    items[:] = [*sharing, *marked]
    SHARES.ends, SHARES.left = time.monotonic() + float(os.environ[ALL_SECONDS]), len(sharing)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """When the time is up, a proof that cannot be shortened is left out, and the page says so."""
    if SHARES.is_over and "proof" not in getattr(item, "fixturenames", ()):
        _write({"name": _claim(item.name), "tried": 0, "seconds": 0.0, "held": None})
        return True
    return None


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A proof without figures of its own is written down by its name."""
    if report.when == "call" and "prove" in report.keywords:
        name = _claim(report.nodeid.rpartition("::")[2])
        _write({"name": name, "tried": 1, "seconds": round(report.duration, 1), "held": report.passed})


def _claim(name: str) -> str:
    return name.removeprefix("test_").replace("_", " ")
