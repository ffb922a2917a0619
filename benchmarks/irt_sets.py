"""Simulated responses with fixed seeds, on which the psychometric peers were measured too.

P(right) = c + (1 - c) / (1 + exp(-a (theta - b))), ability standard normal. a, b: 2PL complete; c: a 1-3-3 multistage
test routed by number correct, 129 items of which everyone answers 48; d: graded and generalised partial credit with
four categories; e: 3PL; f: 100,000 persons to score; r: Rasch complete; r_mst: Rasch in a 1-3-3 test of 114 items.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

# One thread, said before NumPy is imported: figures are CPU seconds of one thread.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from psychometrics.data import Design, ResponseMatrix, RoutingRule  # noqa: E402

FloatArray = NDArray[np.float64]
ScoreArray = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class SimulatedSet:
    """Responses and what made them."""

    data: ResponseMatrix
    a: FloatArray
    b: FloatArray
    theta: FloatArray


def named(scores: ScoreArray) -> ResponseMatrix:
    """Responses with items i001, i002, …."""
    return ResponseMatrix(scores, tuple(f"i{k + 1:03d}" for k in range(scores.shape[1])))


def _two_categories(rng: np.random.Generator, theta: FloatArray, a: FloatArray, b: FloatArray) -> ScoreArray:
    p = 1 / (1 + np.exp(-(theta[:, None] - b) * a))
    return (rng.random(p.shape) < p).astype(np.int8)


def _parameters(rng: np.random.Generator, n: int, mean: float = 0.0, sd: float = 1.0) -> tuple[FloatArray, FloatArray]:
    return rng.lognormal(0.1, 0.3, n), rng.normal(mean, sd, n)


def two_parameter(n_persons: int, seed: int) -> SimulatedSet:
    """Sets a (2,000 persons, seed 101), b (20,000, 102) and f (100,000, 107): 40 items, complete."""
    rng = np.random.default_rng(seed)
    a, b = _parameters(rng, 40)
    theta = rng.standard_normal(n_persons)
    return SimulatedSet(named(_two_categories(rng, theta, a, b)), a, b, theta)


def rasch(n_persons: int = 20_000, seed: int = 108) -> SimulatedSet:
    """Set r: 40 Rasch items, complete."""
    rng = np.random.default_rng(seed)
    b = rng.normal(0, 1, 40)
    theta = rng.standard_normal(n_persons)
    return SimulatedSet(named(_two_categories(rng, theta, np.ones(40), b)), np.ones(40), b, theta)


def four_categories(kind: str, seed: int) -> SimulatedSet:
    """Sets d: 5,000 persons, 20 items; kind graded (seed 104) or gpcm (105)."""
    rng = np.random.default_rng(seed)
    a = rng.lognormal(0.1, 0.3, 20)
    b = np.sort(rng.normal(0, 1, (20, 1)) + np.array([-1.0, 0.0, 1.0]) + rng.normal(0, 0.2, (20, 3)), axis=1)
    theta = rng.standard_normal(5000)
    z = a[None, :, None] * (theta[:, None, None] - b[None])
    if kind == "graded":
        s = 1 / (1 + np.exp(-z))
        s = np.concatenate([np.ones((5000, 20, 1)), s, np.zeros((5000, 20, 1))], -1)
        p = s[..., :-1] - s[..., 1:]
    else:
        e = np.concatenate([np.zeros((5000, 20, 1)), np.cumsum(z, -1)], -1)
        p = np.exp(e - e.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
    u = rng.random(p.shape[:2])[..., None]
    return SimulatedSet(named((u > np.cumsum(p, -1)).sum(-1).clip(0, 3).astype(np.int8)), a, b, theta)


def three_parameter(n_persons: int = 10_000, seed: int = 106) -> SimulatedSet:
    """Set e: 40 3PL items."""
    rng = np.random.default_rng(seed)
    a, b = rng.lognormal(0.2, 0.3, 40), rng.normal(0, 1, 40)
    c = rng.beta(20, 80, 40)
    theta = rng.standard_normal(n_persons)
    p = c + (1 - c) / (1 + np.exp(-(theta[:, None] - b) * a))
    return SimulatedSet(named((rng.random(p.shape) < p).astype(np.int8)), a, b, theta)


class MultistageBank:
    """The bank of set c: two parallel routing modules of 15, three levels of 15, three of 18 items."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.modules: dict[str, NDArray[np.int64]] = {}
        a: list[FloatArray] = []
        b: list[FloatArray] = []
        start = 0
        plan = [("R0", 15, 0.0), ("R1", 15, 0.0)]
        plan += [(f"S2{k}", 15, mean) for k, mean in enumerate((-1.0, 0.0, 1.0))]
        plan += [(f"S3{k}", 18, mean) for k, mean in enumerate((-1.2, 0.0, 1.2))]
        for name, n, mean in plan:
            slopes, places = _parameters(rng, n, mean, 0.7)
            a.append(slopes)
            b.append(places)
            self.modules[name] = np.arange(start, start + n)
            start += n
        self.a, self.b = np.concatenate(a), np.concatenate(b)

    def administered(self, rng: np.random.Generator, full: ScoreArray) -> ScoreArray:
        """What each person would have been given: the rest is set to not presented."""
        first = rng.integers(0, 2, len(full))
        return routed(full, self.modules, np.array(["R0", "R1"])[first])


def routed(full: ScoreArray, modules: dict[str, NDArray[np.int64]], first: NDArray[np.str_]) -> ScoreArray:
    """Keep the modules that number-correct routing leads to: five or fewer down, ten or more up, one step at a time."""
    out = np.full(full.shape, -1, np.int8)

    def give(persons: NDArray[np.int64], module: str) -> NDArray[np.int64]:
        cells = np.ix_(persons, modules[module])
        out[cells] = full[cells]
        return full[cells].sum(axis=1)

    for name in np.unique(first):
        begun = np.flatnonzero(first == name)
        score = give(begun, str(name))
        second = np.where(score <= 5, 0, np.where(score >= 10, 2, 1))
        for level in range(3):
            here = begun[second == level]
            score = give(here, f"S2{level}")
            third = level + ((score >= 10) & (level < 2)).astype(int) - ((score <= 5) & (level > 0)).astype(int)
            for last in range(3):
                give(here[third == last], f"S3{last}")
    return out


def multistage(n_persons: int = 20_000, seed: int = 103) -> SimulatedSet:
    """Set c: 2PL, routed by number correct."""
    rng = np.random.default_rng(seed)
    bank = MultistageBank(rng)
    theta = rng.standard_normal(n_persons)
    full = _two_categories(rng, theta, bank.a, bank.b)
    return SimulatedSet(named(bank.administered(rng, full)), bank.a, bank.b, theta)


def multistage_chunks(n_persons: int, chunk: int, seed: int = 203) -> Iterator[ScoreArray]:
    """The bank of set c, for any number of persons, in chunks."""
    rng = np.random.default_rng(seed)
    bank = MultistageBank(rng)
    for start in range(0, n_persons, chunk):
        theta = rng.standard_normal(min(chunk, n_persons - start))
        yield bank.administered(rng, _two_categories(rng, theta, bank.a, bank.b))


def rasch_multistage(n_persons: int = 20_000, seed: int = 110) -> tuple[SimulatedSet, Design]:
    """Set r_mst: 114 Rasch items, one routing module of 15, three of 15, three of 18, with its design."""
    rng = np.random.default_rng(seed)
    modules: dict[str, NDArray[np.int64]] = {}
    b: list[FloatArray] = []
    start = 0
    plan = [("R0", 15, 0.0), ("S20", 15, -1.0), ("S21", 15, 0.0), ("S22", 15, 1.0)]
    plan += [("S30", 18, -1.2), ("S31", 18, 0.0), ("S32", 18, 1.2)]
    for name, n, mean in plan:
        b.append(rng.normal(mean, 0.7, n))
        modules[name] = np.arange(start, start + n)
        start += n
    places = np.concatenate(b)
    theta = rng.standard_normal(n_persons)
    full = _two_categories(rng, theta, np.ones(start), places)
    data = named(routed(full, modules, np.full(n_persons, "R0")))
    ways = {
        "R0": (("S20", 0, 5), ("S21", 6, 9), ("S22", 10, 15)),
        "S20": (("S30", 0, 9), ("S31", 10, 15)),
        "S21": (("S30", 0, 5), ("S31", 6, 9), ("S32", 10, 15)),
        "S22": (("S31", 0, 5), ("S32", 6, 15)),
    }
    rules = tuple(RoutingRule(m, to, low, high) for m, steps in ways.items() for to, low, high in steps)
    items = {name: tuple(data.item_ids[k] for k in own.tolist()) for name, own in modules.items()}
    return SimulatedSet(data, np.ones(start), places, theta), Design(items, rules)
