"""The marginal likelihood, its gradient and its second derivative, exactly, in one sweep over blocks of persons.

Abilities are integrated on equally spaced nodes. Given the items of a block, a power family (Rasch to GPCM) needs only
each person's weighted score t = sum of a·score to know the posterior, exp(t·theta + base(theta)); no product of
persons × items × nodes is formed at all. Other families, and blocks with marks, take the general way: one matrix
product for the likelihood, one for the expected counts.

The gradient is Fisher's identity, the second derivative Louis' formula: complete minus missing information, where
missing information is the posterior covariance of the person's score vector.

References:
    Bock & Aitkin (1981), Psychometrika 46, 443-459. Louis (1982), JRSS B 44, 226-233.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from psychometrics.arrays import joined, run
from psychometrics.blocks import Block
from psychometrics.families import Curves, expected_information, observed_information
from psychometrics.layout import Layout

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

CHUNK = 1024
"""Persons at a time: their posteriors on 61 nodes fill half a megabyte and stay in the cache of one core."""
SHIFT_CELLS = 512
KEPT_BYTES = 1 << 25
"""One-hot matrices of all blocks together are kept between sweeps when they take no more than this."""
LIGHTEST_NODE = 1e-13
"""Nodes with a smaller share of all persons are left out of second derivatives."""
HALF_LOG_TWO_PI = 0.9189385332046727


@dataclass(slots=True)
class Expected:
    """What a sweep finds at one parameter vector.

    Attributes:
        log_likelihood: marginal, natural logarithm.
        node_counts: expected persons at each node who were presented the item, shape (n_items, n_nodes).
        counts: expected persons in each category at each node from general blocks, (n_items, n_categories, n_nodes).
        category_sums: observed persons in each category, shape (n_items, n_categories).
        score_moments: sum of score × posterior mean ability, shape (n_items,).
        gradient: in the full vector, shape (n_full,).
    """

    log_likelihood: float
    node_counts: FloatArray
    counts: FloatArray
    category_sums: FloatArray
    score_moments: FloatArray
    gradient: FloatArray
    curves: tuple[Curves, ...]


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Some persons of a block: design matrix, unnormalised posterior and what normalises it."""

    rows: slice
    x: FloatArray
    posterior: FloatArray
    total: FloatArray
    log_scale: FloatArray


@dataclass(frozen=True, slots=True)
class _Tables:
    """Curves laid out by item: log P of category 0, shape (n_items, q); log P_k - log P_0, (n_items, k, q); slopes."""

    base: FloatArray
    relative: FloatArray
    slopes: FloatArray


@dataclass(frozen=True, slots=True)
class Exponent:
    """The exponent t·theta + base(theta) of a plain block, and a close upper bound of its maximum for every t.

    The maximum is a convex function of t, so the straight lines between its values on a grid lie just above it.
    """

    nodes: FloatArray
    base: FloatArray
    low: float
    step: float
    tops: FloatArray

    @classmethod
    def of(cls, nodes: FloatArray, base: FloatArray, reach: tuple[float, float]) -> Exponent:
        """For weighted scores within `reach`."""
        low = reach[0] - 1e-6
        step = (reach[1] - reach[0] + 2e-6) / SHIFT_CELLS
        grid = low + step * np.arange(SHIFT_CELLS + 1.0)
        return cls(nodes, base, low, step, (grid[:, None] * nodes + base).max(axis=1))

    def write(self, t: FloatArray, out: FloatArray) -> FloatArray:
        """Write the exponent less its bound into `out`, shape (n_persons, n_nodes), and return the bound."""
        place = (t - self.low) / self.step
        cell = np.minimum(place.astype(np.int64), SHIFT_CELLS - 1)
        below = self.tops[cell]
        bound = below + (place - cell) * (self.tops[cell + 1] - below)
        left = np.empty((len(t), 3))
        left[:, 0], left[:, 1], left[:, 2] = t, bound, 1.0
        np.matmul(left, np.stack((self.nodes, -np.ones_like(self.base), self.base)), out=out)
        return bound


_NO_EXPONENT = Exponent(np.zeros(1), np.zeros(1), 0.0, 1.0, np.zeros(1))


class Expectation:
    """Blocks of persons, ready for sweeps.

    Args:
        layout: where parameters live.
        blocks: persons grouped by items.
        nodes: equally spaced abilities, shape (n_nodes,).
    """

    def __init__(self, layout: Layout, blocks: Sequence[Block], nodes: FloatArray) -> None:
        self.layout = layout
        self.blocks = tuple(blocks)
        self.nodes = nodes
        self._log_step = float(np.log(nodes[1] - nodes[0]))
        self._moments = np.stack((np.ones_like(nodes), nodes, nodes**2), axis=1)
        self._categories = int(layout.n_steps.max()) + 1
        in_power = np.zeros(layout.n_items, dtype=np.bool_)
        for bank in layout.banks:
            in_power[bank.items] = bank.family == "power"
        self._plain = frozenset(id(b) for b in self.blocks if not b.is_masked and bool(in_power[b.items].all()))
        self._plain_sums = self._count_categories()
        self._last: tuple[FloatArray, Expected] | None = None
        self._kept = self._kept_one_hot()
        # A distribution that is not estimated may be made to sum to one on the nodes; otherwise that would bend its
        # gradient.
        self._is_known = [
            layout.n_covariates == 0
            and layout.free[layout.first_mean + group] < 0
            and layout.free[layout.first_log_sd + group] < 0
            for group in range(layout.n_groups)
        ]

    def with_nodes(self, nodes: FloatArray) -> Expectation:
        """The same persons on other nodes."""
        return Expectation(self.layout, self.blocks, nodes)

    def _is_plain(self, block: Block) -> bool:
        """Whether a weighted score says all about the persons of a block."""
        return id(block) in self._plain

    def _count_categories(self) -> FloatArray:
        """Observed category counts of the blocks that take the short way, shape (n_items, n_categories)."""
        out = np.zeros((self.layout.n_items, self._categories))
        for block in self.blocks:
            if self._is_plain(block):
                for k in range(self._categories):
                    out[block.items, k] += block.weights @ (block.scores == k)
        return out

    # ------------------------------------------------------------------------------------------------ one sweep

    def sweep(self, full: FloatArray) -> Expected:
        """Log-likelihood, expected counts and gradient at a full parameter vector (the last one is remembered)."""
        if self._last is None or not np.array_equal(self._last[0], full):
            self._last = (full.copy(), self._swept(full))
        return self._last[1]

    def _swept(self, full: FloatArray) -> Expected:
        layout, q = self.layout, len(self.nodes)
        at = layout.curves(full, self.nodes)
        tables = self._tables(full, at)
        out = Expected(
            log_likelihood=0.0,
            node_counts=np.zeros((layout.n_items, q)),
            counts=np.zeros((layout.n_items, self._categories, q)),
            category_sums=self._plain_sums.copy(),
            score_moments=np.zeros(layout.n_items),
            gradient=np.zeros(layout.n_full),
            curves=at,
        )
        for block in self.blocks:
            self._sweep_block(block, full, tables, out)
        general = out.counts.sum(axis=2)
        out.log_likelihood += self._plain_constant(full)
        out.category_sums += general
        out.score_moments += np.einsum("k,jkq,q->j", np.arange(float(self._categories)), out.counts, self.nodes)
        self._item_gradient(out)
        return out

    def _tables(self, full: FloatArray, at: tuple[Curves, ...]) -> _Tables:
        layout, q = self.layout, len(self.nodes)
        base = np.zeros((layout.n_items, q))
        relative = np.zeros((layout.n_items, self._categories, q))
        slopes = np.zeros(layout.n_items)
        for bank, found in zip(layout.banks, at, strict=True):
            base[bank.items] = found.log_p[:, 0]
            relative[bank.items, : bank.n_steps + 1] = found.log_p - found.log_p[:, :1]
            if bank.family == "power":
                slopes[bank.items] = full[bank.places[:, 0]]
        return _Tables(base, relative, slopes)

    def _plain_constant(self, full: FloatArray) -> float:
        """Sum of intercepts over the observed categories, which the short way leaves out of likelihoods."""
        return sum(
            float((self._plain_sums[bank.items, 1 : bank.n_steps + 1] * full[bank.places[:, 1:]]).sum())
            for bank in self.layout.banks
            if bank.family == "power"
        )

    def _prior(self, block: Block, full: FloatArray) -> tuple[float, float, FloatArray, FloatArray | None]:
        """Mean and sd of the block's group, log prior on the nodes, persons' own means under regression."""
        layout = self.layout
        mean = float(full[layout.first_mean + block.group])
        log_sd = float(full[layout.first_log_sd + block.group])
        sd = float(np.exp(log_sd))
        own = None
        centre = mean
        if layout.n_covariates:
            own = mean + block.covariates @ full[layout.first_coefficient :]
            centre = 0.0
        log_prior = -0.5 * ((self.nodes - centre) / sd) ** 2 + self._log_step - log_sd - HALF_LOG_TWO_PI
        if self._is_known[block.group]:
            log_prior -= np.log(np.exp(log_prior).sum())
        return mean, sd, log_prior, own

    def _chunks(self, block: Block, full: FloatArray, tables: _Tables) -> Iterator[_Chunk]:
        _, sd, log_prior, own = self._prior(block, full)
        is_plain = self._is_plain(block)
        work = np.empty((min(CHUNK, block.n_persons), len(self.nodes)))
        base = log_prior if block.is_masked else log_prior + tables.base[block.items].sum(axis=0)
        weights_of_x = tables.slopes[block.items] if is_plain else self._general_table(block, tables)
        pulls = None if own is None else own / sd**2
        bound = Exponent.of(self.nodes, base, self._reach(block, weights_of_x, pulls)) if is_plain else _NO_EXPONENT
        for start in range(0, block.n_persons, CHUNK):
            rows = slice(start, min(start + CHUNK, block.n_persons))
            posterior = work[: rows.stop - rows.start]
            pull = None if pulls is None else pulls[rows]
            if is_plain:
                x = block.scores[rows].astype(np.float64)
                t = x @ weights_of_x
                scale = bound.write(t if pull is None else t + pull, posterior)
            else:
                x = self._one_hot(block, rows)
                np.matmul(x, weights_of_x, out=posterior)
                posterior += base
                if pull is not None:
                    posterior += pull[:, None] * self.nodes
                scale = posterior.max(axis=1)
                posterior -= scale[:, None]
            np.exp(posterior, out=posterior)
            if own is not None:
                scale = scale - 0.5 * (own[rows] / sd) ** 2
            yield _Chunk(rows, x, posterior, posterior @ self._moments[:, 0], scale)

    def _reach(self, block: Block, slopes: FloatArray, pull: FloatArray | None) -> tuple[float, float]:
        """Lowest and highest that a person's weighted score can be."""
        ends = slopes * self.layout.n_steps[block.items]
        low, high = float(np.minimum(ends, 0.0).sum()), float(np.maximum(ends, 0.0).sum())
        return (low, high) if pull is None else (low + float(pull.min()), high + float(pull.max()))

    def _columns(self, block: Block) -> list[tuple[int, IntArray]]:
        """Categories and, for each, the positions within the block of items that have it."""
        steps = self.layout.n_steps[block.items]
        first = 0 if block.is_masked else 1
        return [(k, np.flatnonzero(steps >= k)) for k in range(first, int(steps.max()) + 1)]

    def _kept_one_hot(self) -> dict[int, FloatArray]:
        """One-hot matrices of the blocks that take the general way, by block, if they are small enough to keep."""
        general = [block for block in self.blocks if not self._is_plain(block)]
        cells = sum(block.n_persons * sum(len(p) for _, p in self._columns(block)) for block in general)
        if 8 * cells > KEPT_BYTES:
            return {}
        return {id(block): self._fresh_one_hot(block, slice(0, block.n_persons)) for block in general}

    def _one_hot(self, block: Block, rows: slice) -> FloatArray:
        kept = self._kept.get(id(block))
        return self._fresh_one_hot(block, rows) if kept is None else kept[rows]

    def _fresh_one_hot(self, block: Block, rows: slice) -> FloatArray:
        scores = block.scores[rows]
        parts = [
            scores[:, positions] == k if len(positions) < len(block.items) else scores == k
            for k, positions in self._columns(block)
        ]
        return np.concatenate(parts, axis=1).astype(np.float64) if len(parts) > 1 else parts[0].astype(np.float64)

    def _general_table(self, block: Block, tables: _Tables) -> FloatArray:
        """Log-likelihood of each column of the one-hot matrix, shape (n_columns, n_nodes)."""
        parts: list[FloatArray] = []
        for k, positions in self._columns(block):
            items = block.items[positions]
            parts.append(tables.relative[items, k] + (tables.base[items] if block.is_masked else 0.0))
        return np.concatenate(parts)

    def _sweep_block(self, block: Block, full: FloatArray, tables: _Tables, out: Expected) -> None:
        layout = self.layout
        mean, sd, _, own = self._prior(block, full)
        is_plain = self._is_plain(block)
        at_nodes = np.zeros(len(self.nodes))
        moments = np.zeros(len(block.items))
        columns = np.zeros((0, 0))
        pulled, squares, cross = 0.0, 0.0, np.zeros(layout.n_covariates)
        for chunk in self._chunks(block, full, tables):
            weights = block.weights[chunk.rows]
            out.log_likelihood += float(weights @ (np.log(chunk.total) + chunk.log_scale))
            share = weights / chunk.total
            at_nodes += share @ chunk.posterior
            if is_plain:
                moments += (share * (chunk.posterior @ self.nodes)) @ chunk.x
            else:
                part = (chunk.x * share[:, None]).T @ chunk.posterior
                columns = columns + part if columns.size else part
            if own is not None:
                centre = own[chunk.rows]
                theta_bar = (chunk.posterior @ self.nodes) / chunk.total
                cross += (weights * (theta_bar - centre)) @ block.covariates[chunk.rows]
                pulled += float(weights @ (theta_bar - centre))
                squares += float(weights @ (centre**2 - 2.0 * centre * theta_bar))
        total = float(at_nodes.sum())
        if own is None:
            pulled = float(at_nodes @ (self.nodes - mean))
            squares = float(at_nodes @ (self.nodes - mean) ** 2)
        else:
            squares += float(at_nodes @ self.nodes**2)
            out.gradient[layout.first_coefficient :] += cross / sd**2
        out.gradient[layout.first_mean + block.group] += pulled / sd**2
        out.gradient[layout.first_log_sd + block.group] += squares / sd**2 - total
        if is_plain:
            out.score_moments[block.items] += moments
            out.node_counts[block.items] += at_nodes
        else:
            self._add_columns(block, columns, at_nodes, out)

    def _add_columns(self, block: Block, columns: FloatArray, at_nodes: FloatArray, out: Expected) -> None:
        start = 0
        presented = np.zeros((len(block.items), len(self.nodes)))
        for k, positions in self._columns(block):
            part = columns[start : start + len(positions)]
            out.counts[block.items[positions], k] += part
            presented[positions] += part
            start += len(positions)
        if not block.is_masked:
            out.counts[block.items, 0] += at_nodes - presented
            presented[:] = at_nodes
        out.node_counts[block.items] += presented

    def _item_gradient(self, out: Expected) -> None:
        for bank, at in zip(self.layout.banks, out.curves, strict=True):
            if bank.family == "power":
                p = at.p[:, 1:] * out.node_counts[bank.items, None, :]
                steps = np.arange(1.0, bank.n_steps + 1)
                out.gradient[bank.places[:, 1:]] = out.category_sums[bank.items, 1 : bank.n_steps + 1] - p.sum(axis=2)
                out.gradient[bank.places[:, 0]] = out.score_moments[bank.items] - np.einsum(
                    "k,nkq,q->n", steps, p, self.nodes
                )
            else:
                counts = out.counts[bank.items, : bank.n_steps + 1]
                out.gradient[bank.places] = np.einsum("npkq,nkq->np", at.slopes, counts)

    # ------------------------------------------------------------------------------------------------ information

    def complete_blocks(self, found: Expected) -> list[FloatArray]:
        """Expected complete-data information of each bank's items, positive definite; (n, n_values, n_values) each."""
        return [
            expected_information(at, found.node_counts[bank.items])
            for bank, at in zip(self.layout.banks, found.curves, strict=True)
        ]

    def group_information(self, full: FloatArray) -> FloatArray:
        """Complete-data information of means, log sds and coefficients; (n_full - n_item_values,) squared."""
        layout = self.layout
        first = layout.first_mean
        out = np.zeros((layout.n_full - first,) * 2)
        for block in self.blocks:
            _, sd, _, _ = self._prior(block, full)
            total = float(block.weights.sum())
            g, s, b = block.group, layout.n_groups + block.group, 2 * layout.n_groups
            out[g, g] += total / sd**2
            out[s, s] += 2.0 * total
            if layout.n_covariates:
                sums = block.weights @ block.covariates / sd**2
                out[g, b:] += sums
                out[b:, g] += sums
                out[b:, b:] += (block.covariates.T * block.weights) @ block.covariates / sd**2
        return out

    def information(self, full: FloatArray) -> FloatArray:
        """Observed information, minus the second derivative of the log-likelihood; shape (n_full, n_full)."""
        found = self.sweep(full)
        out = np.zeros((self.layout.n_full, self.layout.n_full))
        for bank in self.layout.banks:
            counts = found.counts[bank.items, : bank.n_steps + 1]
            if bank.family == "power":
                counts = np.zeros_like(counts)
                counts[:, 0] = found.node_counts[bank.items]
            values = observed_information(bank.family, full[bank.places], self.nodes, counts)
            out[bank.places[:, :, None], bank.places[:, None, :]] += values
        tables = self._tables(full, found.curves)
        for block in self.blocks:
            if (self.layout.free[self.layout.first_mean :] >= 0).any():
                self._add_group_curvature(block, full, tables, out)
            places = self._places(block)
            missing = (
                self._plain_missing(block, full, tables, found)
                if self._is_plain(block)
                else self._general_missing(block, full, tables, found)
            )
            out[np.ix_(places, places)] -= missing
        return (out + out.T) / 2.0

    def _places(self, block: Block) -> IntArray:
        """Places in the full vector that a block tells about: items, group mean, group log sd, coefficients."""
        layout = self.layout
        items = [run(int(layout.offsets[k]), int(layout.offsets[k + 1])) for k in block.items.tolist()]
        group = [layout.first_mean + block.group, layout.first_log_sd + block.group]
        return joined([*items, np.array(group), run(layout.first_coefficient, layout.n_full)])

    def _add_group_curvature(self, block: Block, full: FloatArray, tables: _Tables, out: FloatArray) -> None:
        """Complete-data curvature of the prior, its expectation over the posterior."""
        layout = self.layout
        mean, sd, _, own = self._prior(block, full)
        total = float(block.weights.sum())
        m, s, b = layout.first_mean + block.group, layout.first_log_sd + block.group, layout.first_coefficient
        pulled, squares, cross = 0.0, 0.0, np.zeros(layout.n_covariates)
        for chunk in self._chunks(block, full, tables):
            weights = block.weights[chunk.rows]
            power = (chunk.posterior @ self._moments) / chunk.total[:, None]
            centre = mean if own is None else own[chunk.rows]
            away = power[:, 1] - centre
            pulled += float(weights @ away)
            squares += float(weights @ (power[:, 2] - 2.0 * centre * power[:, 1] + centre**2))
            if own is not None:
                cross += (weights * away) @ block.covariates[chunk.rows]
        out[m, m] += total / sd**2
        out[s, s] += 2.0 * squares / sd**2
        out[m, s] += 2.0 * pulled / sd**2
        out[s, m] += 2.0 * pulled / sd**2
        if layout.n_covariates:
            sums = block.weights @ block.covariates / sd**2
            out[m, b:] += sums
            out[b:, m] += sums
            out[s, b:] += 2.0 * cross / sd**2
            out[b:, s] += 2.0 * cross / sd**2
            out[b:, b:] += (block.covariates.T * block.weights) @ block.covariates / sd**2

    def _item_functions(self, block: Block, found: Expected) -> tuple[FloatArray, IntArray]:
        """Plain blocks: minus the part of each score that depends on ability alone, and the positions of slopes.

        Shapes (n_nodes, n_places) and (n_items,).
        """
        layout = self.layout
        width = int((layout.offsets[block.items + 1] - layout.offsets[block.items]).sum())
        functions = np.zeros((len(self.nodes), width + 2 + layout.n_covariates))
        starts = np.concatenate(([0], np.cumsum(layout.offsets[block.items + 1] - layout.offsets[block.items])))[:-1]
        position = {int(item): int(start) for item, start in zip(block.items, starts, strict=True)}
        for bank, at in zip(layout.banks, found.curves, strict=True):
            mine = np.array([k for k, item in enumerate(bank.items) if int(item) in position], dtype=np.int64)
            if not len(mine):
                continue
            places = np.array([position[int(item)] for item in bank.items[mine]])
            p = at.p[mine, 1:]
            steps = np.arange(1.0, bank.n_steps + 1)
            functions[:, places] = np.einsum("k,nkq,q->qn", steps, p, self.nodes)
            for k in range(bank.n_steps):
                functions[:, places + 1 + k] = p[:, k].T
        return functions, starts

    def _plain_missing(self, block: Block, full: FloatArray, tables: _Tables, found: Expected) -> FloatArray:
        """Sum over persons of the posterior covariance of their score vectors, by the short way.

        A score is (coefficient of the person) · theta - function(theta), so only covariances of theta and of
        functions on the nodes are needed: no person × parameter × node array.
        """
        functions, slope_places, coefficient_places = self._plain_parts(block, full, found)
        n_coefficients, q = len(coefficient_places), len(self.nodes)
        spread = np.zeros((n_coefficients, n_coefficients))
        tilt = np.zeros((n_coefficients, q))
        overlap = np.zeros((q, q))
        at_nodes = np.zeros(q)
        for chunk in self._chunks(block, full, tables):
            weights = block.weights[chunk.rows]
            p = chunk.posterior
            power = (p @ self._moments) / chunk.total[:, None]
            share = weights / chunk.total
            at_nodes += share @ p
            root = np.sqrt(weights) / chunk.total
            p_rooted = p * root[:, None]
            overlap += p_rooted.T @ p_rooted
            c = self._coefficients(block, chunk, full, len(slope_places))
            spread += (c * (weights * (power[:, 2] - power[:, 1] ** 2))[:, None]).T @ c
            tilt += ((c * share[:, None]).T @ p) * self.nodes - (c * (share * power[:, 1])[:, None]).T @ p
        covariance = functions.T @ (at_nodes[:, None] * functions) - functions.T @ overlap @ functions
        cross = tilt @ functions
        covariance[np.ix_(coefficient_places, coefficient_places)] += spread
        covariance[coefficient_places] -= cross
        covariance[:, coefficient_places] -= cross.T
        return covariance

    def _plain_parts(self, block: Block, full: FloatArray, found: Expected) -> tuple[FloatArray, IntArray, IntArray]:
        functions, slope_places = self._item_functions(block, found)
        _, sd, _, _ = self._prior(block, full)
        width = functions.shape[1] - 2 - self.layout.n_covariates
        functions[:, width + 1] = -(self.nodes**2) / sd**2
        return functions, slope_places, joined([slope_places, run(width, functions.shape[1])])

    def _coefficients(self, block: Block, chunk: _Chunk, full: FloatArray, n_slopes: int) -> FloatArray:
        """What multiplies theta in each score that has such a part; shape (n_persons, n_coefficients)."""
        mean, sd, _, own = self._prior(block, full)
        n = chunk.x.shape[0]
        out = np.empty((n, n_slopes + 2 + self.layout.n_covariates))
        out[:, :n_slopes] = chunk.x
        out[:, n_slopes] = 1.0 / sd**2
        out[:, n_slopes + 1] = -2.0 * (mean if own is None else own[chunk.rows]) / sd**2
        if self.layout.n_covariates:
            out[:, n_slopes + 2 :] = block.covariates[chunk.rows] / sd**2
        return out

    def _general_parts(self, block: Block, full: FloatArray, found: Expected) -> FloatArray:
        """Score of each column at each node, shape (n_nodes, n_columns + 3 + n_covariates, n_places).

        The columns are those of the one-hot matrix, then a constant one, one that holds the person's prior mean, one
        for the group mean, and the covariates.
        """
        layout = self.layout
        _, sd, _, _ = self._prior(block, full)
        columns = self._columns(block)
        n_columns = sum(len(positions) for _, positions in columns)
        widths = layout.offsets[block.items + 1] - layout.offsets[block.items]
        starts = np.concatenate(([0], np.cumsum(widths)))
        width = int(starts[-1])
        out = np.zeros((len(self.nodes), n_columns + 3 + layout.n_covariates, width + 2 + layout.n_covariates))
        slopes = self._slopes_by_item(found)
        first = 0
        for k, positions in columns:
            for column, position in enumerate(positions, start=first):
                d = slopes[int(block.items[position])]
                own = slice(int(starts[position]), int(starts[position + 1]))
                out[:, column, own] = (d[:, k] if block.is_masked else d[:, k] - d[:, 0]).T
            first += len(positions)
        if not block.is_masked:
            for position, item in enumerate(block.items):
                out[:, n_columns, int(starts[position]) : int(starts[position + 1])] = slopes[int(item)][:, 0].T
        out[:, n_columns, width + 1] = self.nodes**2 / sd**2
        out[:, n_columns + 1, width + 1] = -2.0 * self.nodes / sd**2
        out[:, n_columns + 2, width] = self.nodes / sd**2
        for b in range(layout.n_covariates):
            out[:, n_columns + 3 + b, width + 2 + b] = self.nodes / sd**2
        return out

    def _slopes_by_item(self, found: Expected) -> dict[int, FloatArray]:
        return {
            int(item): at.slopes[k]
            for bank, at in zip(self.layout.banks, found.curves, strict=True)
            for k, item in enumerate(bank.items)
        }

    def _extended(self, block: Block, chunk: _Chunk, full: FloatArray) -> FloatArray:
        mean, _, _, own = self._prior(block, full)
        n = chunk.x.shape[0]
        extra = np.ones((n, 3 + self.layout.n_covariates))
        extra[:, 1] = mean if own is None else own[chunk.rows]
        extra[:, 3:] = block.covariates[chunk.rows] if self.layout.n_covariates else 0.0
        return np.concatenate((chunk.x, extra), axis=1)

    def _general_missing(self, block: Block, full: FloatArray, tables: _Tables, found: Expected) -> FloatArray:
        """Sum over persons of the posterior covariance of their score vectors, by the general way."""
        parts = self._general_parts(block, full, found)
        n_places = parts.shape[2]
        share = found.node_counts.max(axis=0)
        heavy = np.flatnonzero(share > LIGHTEST_NODE * share.sum())
        second = np.zeros((len(self.nodes), parts.shape[1], parts.shape[1]))
        outer = np.zeros((n_places, n_places))
        for chunk in self._chunks(block, full, tables):
            x = self._extended(block, chunk, full)
            weights = block.weights[chunk.rows]
            p = chunk.posterior / chunk.total[:, None]
            weighted = p * weights[:, None]
            for node in heavy:
                second[node] += (x * weighted[:, node, None]).T @ x
            mean = self._mean_scores(x, p, parts)
            outer += (mean * weights[:, None]).T @ mean
        total = np.zeros((n_places, n_places))
        for node in heavy:
            total += parts[node].T @ second[node] @ parts[node]
        return total - outer

    def _mean_scores(self, x: FloatArray, p: FloatArray, parts: FloatArray) -> FloatArray:
        """Posterior mean of each person's score vector, up to constants; shape (n_persons, n_places)."""
        out = np.zeros((x.shape[0], parts.shape[2]))
        for column in range(parts.shape[1]):
            places = np.flatnonzero(np.any(parts[:, column] != 0.0, axis=0))
            if len(places):
                out[:, places] += x[:, column, None] * (p @ parts[:, column, places])
        return out

    # ------------------------------------------------------------------------------------------------ score products

    def score_products(self, full: FloatArray) -> FloatArray:
        """Sum over persons of (squared weight) · score · score', for robust standard errors; (n_full, n_full)."""
        found = self.sweep(full)
        tables = self._tables(full, found.curves)
        out = np.zeros((self.layout.n_full, self.layout.n_full))
        for block in self.blocks:
            places = self._places(block)
            parts = self._general_parts(block, full, found)
            _, sd, _, _ = self._prior(block, full)
            width = parts.shape[2] - 2 - self.layout.n_covariates
            for chunk in self._chunks(block, full, tables):
                hot = self._one_hot(block, chunk.rows) if self._is_plain(block) else chunk.x
                general = _Chunk(chunk.rows, hot, chunk.posterior, chunk.total, chunk.log_scale)
                x = self._extended(block, general, full)
                scores = self._mean_scores(x, chunk.posterior / chunk.total[:, None], parts)
                centre = x[:, hot.shape[1] + 1]
                scores[:, width] -= centre / sd**2
                scores[:, width + 1] += centre**2 / sd**2 - 1.0
                scores[:, width + 2 :] -= x[:, hot.shape[1] + 3 :] * centre[:, None] / sd**2
                weighted = scores * block.squared_weights[chunk.rows, None]
                out[np.ix_(places, places)] += weighted.T @ scores
        return out
