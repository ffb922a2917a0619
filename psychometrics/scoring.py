"""Abilities in bulk, by the same formulas as `engine.ability` and tested equal to it.

Persons are grouped by the items presented to them. Where all those items are of the power family (Rasch to GPCM) a
person's weighted score is all that the likelihood knows, so the estimating equation is tabulated once for each group.
Not-reached counts as incorrect here unless told otherwise: the candidate had the item and the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.polynomial.chebyshev import chebval, chebvander
from numpy.typing import NDArray

from engine import ability, irt
from psychometrics.arrays import floats, inverse, on_one_thread, run
from psychometrics.blocks import same_rows
from psychometrics.data import Design, ResponseMatrix, Route
from psychometrics.errors import NoParametersError, ParameterMismatchError
from psychometrics.expectation import Exponent
from psychometrics.families import Family, ThetaCurves, family_of, log_probabilities, theta_curves
from psychometrics.items import ItemParameters, require_unique, to_slope_intercept

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
ScoreArray = NDArray[np.int8]

Method: TypeAlias = Literal["eap", "map", "mle", "wle", "eapsum", "inverse_tcc"]
METHODS: tuple[Method, ...] = ("eap", "map", "mle", "wle", "eapsum", "inverse_tcc")
BY_SUM: frozenset[Method] = frozenset(("eapsum", "inverse_tcc"))

CHUNK = 1024
TABLE_STEP = 0.025
DEGREE = 22
HALVE_EVERY = 8
ROOT_TOLERANCE = 1e-11
MAX_ROOT_STEPS = 80
PLAUSIBLE_DENSITY = 4


@dataclass(frozen=True, slots=True)
class Scores:
    """Abilities of all persons, in the order of the rows.

    Attributes:
        theta, se: logits; shape (n_persons,). NaN where nothing was presented and the method has no prior.
        is_at_bound: the likelihood has no maximum inside the bounds.
        method: how.
    """

    theta: FloatArray
    se: FloatArray
    is_at_bound: BoolArray
    method: Method

    def reliability(self, weights: FloatArray | None = None) -> float:
        """Share of the variance of ability that is not error.

        For EAP var(theta) / (var(theta) + mean se²); for the likelihood methods 1 - mean se² / var(theta), over
        persons whose estimate is not at a bound.
        """
        use = np.isfinite(self.theta) & ~self.is_at_bound
        w = np.ones(int(use.sum())) if weights is None else weights[use]
        mean = np.average(self.theta[use], weights=w)
        variance = float(np.average((self.theta[use] - mean) ** 2, weights=w))
        error = float(np.average(self.se[use] ** 2, weights=w))
        return variance / (variance + error) if self.method in {"eap", "eapsum"} else 1.0 - error / variance


@dataclass(frozen=True, slots=True)
class _Form:
    """Items of one form by family: values and columns.

    Attributes:
        columns: of the form's items within the response matrix, shape (n_items,).
        groups: family, values (n, n_values), positions among the form's items (n,).
    """

    columns: IntArray
    n_steps: IntArray
    groups: tuple[tuple[Family, FloatArray, IntArray], ...]

    @property
    def is_power(self) -> bool:
        """Whether a weighted score says all."""
        return all(family == "power" for family, _, _ in self.groups)

    @property
    def slopes(self) -> FloatArray:
        """Slope of each item of the power family, shape (n_items,)."""
        out = np.zeros(len(self.columns))
        for _, values, positions in self.groups:
            out[positions] = values[:, 0]
        return out

    def curves(self, theta: FloatArray) -> list[tuple[ThetaCurves, IntArray]]:
        """Curves of each family's items with their positions."""
        return [(theta_curves(family, values, theta), positions) for family, values, positions in self.groups]

    def log_tables(self, theta: FloatArray) -> FloatArray:
        """Log probabilities, shape (n_items, n_categories, n_abilities); -inf where an item lacks the category."""
        out = np.full((len(self.columns), int(self.n_steps.max()) + 1, len(theta)), -np.inf)
        for family, values, positions in self.groups:
            log_p = log_probabilities(family, values, theta)
            out[positions, : log_p.shape[1]] = log_p
        return out


@on_one_thread
def score(
    data: ResponseMatrix,
    items: Sequence[ItemParameters],
    method: Method = "eap",
    *,
    priors: Mapping[str, ability.Normal] | ability.Normal = ability.STANDARD_NORMAL,
    not_reached: Literal["incorrect", "missing"] = "incorrect",
    design: Design | None = None,
) -> Scores:
    """Ability of every person.

    Args:
        data: responses; columns without parameters are an error, parameters without a column are left out.
        items: parameters.
        method: eap, map, mle, wle, eapsum (the mean of ability given the sum score on the items presented), or
            inverse_tcc (where the expected sum score is the one reached; at a bound where it nowhere is).
        priors: one for all, or group → prior.
        not_reached: how such cells count.
        design: for eapsum, so that the route's number-correct intervals count too: given the score, that someone was
            routed this way also tells about ability. Persons whose items are no route's get the plain table.

    Raises:
        NoParametersError: a column has no parameters.
        ParameterMismatchError: a score above the item's highest.
    """
    bank = _Bank(data.with_not_reached_as(not_reached), items)
    out = Scores(
        np.full(data.n_persons, np.nan), np.full(data.n_persons, np.nan), np.zeros(data.n_persons, np.bool_), method
    )
    for rows, form, prior in bank.forms(priors):
        scores = bank.chosen(rows, form)
        if method in BY_SUM and len(form.columns):
            table = bank.by_sum(form, method, prior, design)
            theta, se, at_bound = (values[scores.sum(axis=1, dtype=np.int64)] for values in table)
        else:
            theta, se, at_bound = _estimates(scores, form, method, prior)
        out.theta[rows], out.se[rows], out.is_at_bound[rows] = theta, se, at_bound
    return out


@on_one_thread
def plausible_values(
    data: ResponseMatrix,
    items: Sequence[ItemParameters],
    n_values: int,
    *,
    seed: int,
    priors: Mapping[str, ability.Normal] | ability.Normal = ability.STANDARD_NORMAL,
    not_reached: Literal["incorrect", "missing"] = "incorrect",
) -> FloatArray:
    """Draws from each person's posterior, for statistics of populations; shape (n_persons, n_values).

    The draws of a person depend on seed and row number only (one counter-based stream for each row).

    Raises:
        NoParametersError, ParameterMismatchError: as `score`.
    """
    bank = _Bank(data.with_not_reached_as(not_reached), items)
    uniform = np.random.Generator(np.random.Philox(key=seed)).random((data.n_persons, n_values))
    out = np.empty((data.n_persons, n_values))
    for rows, form, prior in bank.forms(priors):
        nodes = _dense_nodes(prior)
        for part in _slices(len(rows), CHUNK):
            chosen = rows[part]
            posterior = _posterior(bank.scores[np.ix_(chosen, form.columns)], form, prior, nodes)
            out[chosen] = _inverse_distribution(posterior, nodes, uniform[chosen])
    return out


def _dense_nodes(prior: ability.Normal) -> FloatArray:
    sparse = np.array(prior.nodes())
    return floats(np.linspace(float(sparse[0]), float(sparse[-1]), PLAUSIBLE_DENSITY * (len(sparse) - 1) + 1))


def _inverse_distribution(posterior: FloatArray, nodes: FloatArray, uniform: FloatArray) -> FloatArray:
    """Where the distribution reaches each uniform number; mass spread evenly over each node's cell."""
    step = nodes[1] - nodes[0]
    upper = np.cumsum(posterior, axis=1)
    out = np.empty_like(uniform)
    for k in range(uniform.shape[1]):
        u = uniform[:, k] * upper[:, -1]
        cell = np.minimum((upper < u[:, None]).sum(axis=1), len(nodes) - 1)
        row = np.arange(len(u))
        mass = posterior[row, cell]
        share = (u - (upper[row, cell] - mass)) / np.where(mass > 0.0, mass, 1.0)
        out[:, k] = nodes[cell] + (share - 0.5) * step
    return out


class _Bank:
    """Responses with the parameters of their items."""

    def __init__(self, data: ResponseMatrix, items: Sequence[ItemParameters]) -> None:
        known = require_unique(items)
        for item_id in data.item_ids:
            if item_id not in known:
                raise NoParametersError(item_id)
        self.data = data
        self.items = [known[item_id] for item_id in data.item_ids]
        self.scores = data.scores
        highest = data.scores.max(axis=0, initial=0)
        for item, top in zip(self.items, highest.tolist(), strict=True):
            if top > item.max_score:
                raise ParameterMismatchError(item.item_id, item.max_score, int(top))
        self.values = [to_slope_intercept(item).values for item in self.items]

    def chosen(self, rows: IntArray, form: _Form) -> ScoreArray:
        """Scores of these persons on the items of the form; shape (n_persons, n_items)."""
        if len(rows) == self.scores.shape[0] and len(form.columns) == self.scores.shape[1]:
            return self.scores
        return self.scores[np.ix_(rows, form.columns)]

    def form(self, columns: IntArray) -> _Form:
        """The form of these columns."""
        kinds: dict[tuple[Family, int], list[int]] = {}
        numbers = [int(column) for column in columns]
        for position, column in enumerate(numbers):
            item = self.items[column]
            kinds.setdefault((family_of(item.model), item.max_score), []).append(position)
        groups: list[tuple[Family, FloatArray, IntArray]] = []
        for (family, _), positions in kinds.items():
            groups.append((family, floats([self.values[numbers[p]] for p in positions]), np.array(positions)))
        return _Form(columns, np.array([self.items[k].max_score for k in numbers]), tuple(groups))

    def by_sum(
        self, form: _Form, method: Method, prior: ability.Normal, design: Design | None
    ) -> tuple[FloatArray, FloatArray, BoolArray]:
        """Ability, its error, and whether it is at a bound, for each sum score on a form; shape (n_scores,) each."""
        taken = [self.items[int(k)] for k in form.columns]
        if method == "inverse_tcc":
            theta, se = inverse_tcc(taken)
            at_bound = np.isnan(theta)
            middle = (len(theta) - 1) / 2.0
            ends = np.where(np.arange(float(len(theta))) < middle, -ability.BOUND, ability.BOUND)
            return np.where(at_bound, ends, theta), se, at_bound
        distribution = form_distribution(form, np.array(prior.nodes()))
        if design is not None:
            known = {item.item_id: item for item in taken}
            ways = [route for route in design.routes() if set(design.items_of(route)) == set(known)]
            if ways:
                distribution = sum(
                    (_route_distribution(route, design, known, prior) for route in ways), np.zeros_like(distribution)
                )
        theta, se, _ = sum_score_arrays(distribution, prior)
        return theta, se, np.zeros(len(theta), np.bool_)

    def forms(
        self, priors: Mapping[str, ability.Normal] | ability.Normal
    ) -> Iterator[tuple[IntArray, _Form, ability.Normal]]:
        """Rows with the same items and prior."""
        answered = self.data.answered
        groups = self.data.groups
        for rows in (np.arange(self.data.n_persons),) if answered.all() else same_rows(answered):
            form = self.form(np.flatnonzero(answered[rows[0]]))
            if isinstance(priors, ability.Normal) or groups is None:
                yield rows, form, priors if isinstance(priors, ability.Normal) else next(iter(priors.values()))
                continue
            for name in np.unique(groups[rows]):
                yield rows[groups[rows] == name], form, priors[str(name)]


def _slices(n: int, size: int) -> Iterator[slice]:
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def _estimates(
    scores: ScoreArray, form: _Form, method: Method, prior: ability.Normal
) -> tuple[FloatArray, FloatArray, BoolArray]:
    n = int(scores.shape[0])
    if method in {"eap", "eapsum"}:
        return (*_eap(scores, form, prior), np.zeros(n, np.bool_))
    if not len(form.columns) and method != "map":
        return np.full(n, np.nan), np.full(n, np.nan), np.zeros(n, np.bool_)
    return _maximum(scores, form, method, prior)


# ---------------------------------------------------------------------------------------------------- posterior


def _log_prior(prior: ability.Normal, nodes: FloatArray) -> FloatArray:
    return -0.5 * ((nodes - prior.mean) / prior.sd) ** 2


def _posterior(scores: ScoreArray, form: _Form, prior: ability.Normal, nodes: FloatArray) -> FloatArray:
    """Unnormalised posteriors, the largest value of each row near 1; shape (n_persons, n_nodes)."""
    base = _log_prior(prior, nodes)
    out = np.empty((scores.shape[0], len(nodes)))
    if not len(form.columns):
        out[:] = np.exp(base)
        return out
    tables = form.log_tables(nodes)
    base = base + tables[:, 0].sum(axis=0)
    if form.is_power:
        np.multiply.outer(scores @ form.slopes, nodes, out=out)
    else:
        x, table = _one_hot(scores, form, tables)
        np.matmul(x, table, out=out)
    out += base
    out -= out.max(axis=1, keepdims=True)
    return np.exp(out, out=out)


def _one_hot(scores: ScoreArray, form: _Form, tables: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Which category above 0 each person chose, and what that adds to the log-likelihood at each node."""
    columns: list[BoolArray] = []
    rows: list[FloatArray] = []
    for k in range(1, tables.shape[1]):
        positions = np.flatnonzero(form.n_steps >= k)
        columns.append(scores[:, positions] == k)
        rows.append(tables[positions, k] - tables[positions, 0])
    return np.concatenate(columns, axis=1).astype(np.float64), np.concatenate(rows)


def _eap(scores: ScoreArray, form: _Form, prior: ability.Normal) -> tuple[FloatArray, FloatArray]:
    nodes = np.array(prior.nodes())
    if form.is_power and len(form.columns):
        return _eap_by_weighted_score(scores, form, prior, nodes)
    moments = np.stack((np.ones_like(nodes), nodes, nodes**2), axis=1)
    theta, se = np.empty(scores.shape[0]), np.empty(scores.shape[0])
    for part in _slices(scores.shape[0], CHUNK):
        theta[part], se[part] = _moments(_posterior(scores[part], form, prior, nodes) @ moments)
    return theta, se


def _moments(sums: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation from sums of weight, weight·x, weight·x²."""
    mean = sums[:, 1] / sums[:, 0]
    return mean, np.sqrt(np.maximum(sums[:, 2] / sums[:, 0] - mean**2, 0.0))


def _eap_by_weighted_score(
    scores: ScoreArray, form: _Form, prior: ability.Normal, nodes: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Posterior moments from the weighted score t alone: the exponent is t·theta + base(theta)."""
    base = _log_prior(prior, nodes) + form.log_tables(nodes)[:, 0].sum(axis=0)
    slopes, moments = form.slopes, np.stack((np.ones_like(nodes), nodes, nodes**2), axis=1)
    theta, se = np.empty(scores.shape[0]), np.empty(scores.shape[0])
    work = np.empty((min(CHUNK, scores.shape[0]), len(nodes)))
    ends = slopes * form.n_steps
    bound = Exponent.of(nodes, base, (float(np.minimum(ends, 0.0).sum()), float(np.maximum(ends, 0.0).sum())))
    for part in _slices(scores.shape[0], CHUNK):
        out = work[: part.stop - part.start]
        bound.write(scores[part].astype(np.float64) @ slopes, out)
        theta[part], se[part] = _moments(np.exp(out, out=out) @ moments)
    return theta, se


# ---------------------------------------------------------------------------------------------------- maxima


@dataclass(frozen=True, slots=True)
class _Equation:
    """The estimating equation of one form: derivative of each person's log-likelihood, plus what the method adds."""

    scores: ScoreArray
    form: _Form
    method: Method
    prior: ability.Normal

    def tables(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """At each ability: derivatives by item and category, and all that is the same for every person."""
        derivatives = np.zeros((len(self.form.columns), int(self.form.n_steps.max(initial=1)) + 1, len(theta)))
        held, bias = np.zeros(len(theta)), np.zeros(len(theta))
        for curves, positions in self.form.curves(theta):
            derivatives[positions, : curves.first.shape[1]] = curves.first
            held += curves.information.sum(axis=0)
            bias += curves.bias_term.sum(axis=0)
        return derivatives, derivatives[:, 0].sum(axis=0) + self.added(theta, held, bias)

    def added(self, theta: FloatArray, held: FloatArray, bias: FloatArray) -> FloatArray:
        """What the method adds to the derivative of the log-likelihood."""
        if self.method == "wle":
            return np.where(held > 0.0, bias / (2.0 * np.where(held > 0.0, held, 1.0)), 0.0)
        if self.method == "map":
            return -(theta - self.prior.mean) * self.prior.sd**-2
        return np.zeros_like(theta)

    def values(self, persons: IntArray | slice, tables: tuple[FloatArray, FloatArray]) -> FloatArray:
        """The equation for these persons at the abilities of the tables, shape (n_persons, n_abilities)."""
        derivatives, common = tables
        scores = self.scores[persons]
        if not len(self.form.columns):
            return np.broadcast_to(common, (scores.shape[0], len(common)))
        if self.form.is_power:
            return (scores.astype(np.float64) @ self.form.slopes)[:, None] + common
        x, relative = _one_hot(scores, self.form, derivatives)
        return x @ relative + common

    def heights(self, persons: IntArray, theta: FloatArray) -> FloatArray:
        """What chooses between several roots of one person: log-likelihood with the method's own weight."""
        out, held = np.zeros(len(theta)), np.zeros(len(theta))
        for curves, positions in self.form.curves(theta):
            chosen = self.scores[np.ix_(persons, positions)].T.astype(np.int64)[:, None, :]
            out += np.take_along_axis(curves.log_p, chosen, axis=1).sum(axis=(0, 1))
            held += curves.information.sum(axis=0)
        if self.method == "wle":
            return out + 0.5 * np.log(np.maximum(held, 1e-300))
        return out + _log_prior(self.prior, theta) if self.method == "map" else out


def _maximum(
    scores: ScoreArray, form: _Form, method: Method, prior: ability.Normal
) -> tuple[FloatArray, FloatArray, BoolArray]:
    theta, at_bound = _roots(_Equation(scores, form, method, prior))
    held = _Table.of(lambda x: sum((c.information.sum(axis=0) for c, _ in form.curves(x)), np.zeros(len(x))))(theta)
    if method == "map":
        held += prior.sd**-2
    with np.errstate(divide="ignore"):
        return theta, np.maximum(held, 0.0) ** -0.5, at_bound


def _roots(equation: _Equation) -> tuple[FloatArray, BoolArray]:
    """For each person the highest place where the equation falls through zero; the bound where it does nowhere."""
    n = equation.scores.shape[0]
    count = round(2.0 * ability.BOUND / ability.SEARCH_STEP)
    grid = -ability.BOUND + ability.SEARCH_STEP * np.arange(count + 1.0)
    tables = equation.tables(grid)
    theta, at_bound = np.empty(n), np.ones(n, dtype=np.bool_)
    found: list[tuple[IntArray, IntArray]] = []
    for part in _slices(n, CHUNK):
        values = equation.values(part, tables)
        theta[part] = np.where(values[:, -1] > 0.0, ability.BOUND, -ability.BOUND)
        is_above = values > 0.0
        persons, cells = np.nonzero(is_above[:, :-1] & ~is_above[:, 1:])
        found.append((persons + part.start, cells))
    persons = np.concatenate([p for p, _ in found] or [np.zeros(0, np.int64)])
    cells = np.concatenate([c for _, c in found] or [np.zeros(0, np.int64)])
    roots = _roots_in_cells(equation, persons, cells, grid)
    at_bound[persons] = False
    is_single = np.bincount(persons, minlength=n)[persons] == 1
    theta[persons[is_single]] = roots[is_single]
    several = np.flatnonzero(~is_single)
    if len(several):
        heights = equation.heights(persons[several], roots[several])
        order = several[np.lexsort((-np.arange(len(several)), heights))]
        theta[persons[order]] = roots[order]
    return theta, at_bound


def _roots_in_cells(equation: _Equation, persons: IntArray, cells: IntArray, grid: FloatArray) -> FloatArray:
    """The root of each person within a cell of the grid.

    In a cell the equation is replaced by its Chebyshev interpolant, which for curves this smooth is the same to the
    last digits; its values at the Chebyshev points are one matrix product for all persons of the cell.
    """
    half = ability.SEARCH_STEP / 2.0
    points = np.cos(np.pi * (np.arange(DEGREE + 1.0) + 0.5) / (DEGREE + 1))
    to_coefficients = inverse(floats(chebvander(points, DEGREE))).T
    roots = np.empty(len(persons))
    order = np.argsort(cells, kind="stable")
    ends = np.searchsorted(cells[order], np.arange(len(grid)))
    for cell in range(len(grid) - 1):
        chosen = order[ends[cell] : ends[cell + 1]]
        tables = equation.tables(grid[cell] + half + half * points) if len(chosen) else None
        for part in _slices(len(chosen), CHUNK):
            if tables is not None:
                mine = chosen[part]
                coefficients = np.ascontiguousarray((equation.values(persons[mine], tables) @ to_coefficients).T)
                roots[mine] = grid[cell] + half + half * _chebyshev_roots(coefficients)
    return roots


def _chebyshev_roots(coefficients: FloatArray) -> FloatArray:
    """Where each series falls through zero between -1 and 1; coefficients of shape (degree + 1, n)."""
    n = int(coefficients.shape[1])

    def value(which: IntArray, u: FloatArray) -> FloatArray:
        own = coefficients if len(which) == n else coefficients[:, which]
        return floats(chebval(u, own, tensor=False))

    return _refined(value, np.full(n, -1.0), np.full(n, 1.0))


def _refined(value: Callable[[IntArray, FloatArray], FloatArray], low: FloatArray, high: FloatArray) -> FloatArray:
    """Roots inside brackets, all at once: secant steps (Illinois), halving where they would leave the bracket.

    Args:
        value: the functions of these numbers at these points; above zero at `low`, zero or below at `high`.
    """
    low, high, everyone = low.copy(), high.copy(), np.arange(len(low))
    f_low, f_high = value(everyone, low), value(everyone, high)
    point, active, side = low.copy(), everyone, np.zeros(len(low), dtype=np.int8)
    for step in range(MAX_ROOT_STEPS):
        if not len(active):
            break
        lo, hi = low[active], high[active]
        with np.errstate(divide="ignore", invalid="ignore"):
            x = lo + (hi - lo) * f_low[active] / (f_low[active] - f_high[active])
        is_inside = (x > lo) & (x < hi) & (step % HALVE_EVERY != HALVE_EVERY - 1)
        x = np.where(is_inside, x, (lo + hi) / 2.0)
        f = value(active, x)
        moved = np.abs(x - point[active])
        point[active] = x
        above = f > 0.0
        up, down = active[above], active[~above]
        low[up], f_low[up] = x[above], f[above]
        high[down], f_high[down] = x[~above], f[~above]
        f_high[up[side[up] == 1]] *= 0.5
        f_low[down[side[down] == -1]] *= 0.5
        side[up], side[down] = 1, -1
        is_done = (moved <= ROOT_TOLERANCE) | (high[active] - low[active] <= ROOT_TOLERANCE) | (f == 0.0)
        active = active[~is_done]
    return point


@dataclass(frozen=True, slots=True)
class _Table:
    """A smooth function between -BOUND and BOUND: piecewise polynomials of degree seven through eight neighbours."""

    coefficients: FloatArray

    @classmethod
    def of(cls, function: Callable[[FloatArray], FloatArray]) -> _Table:
        """Tabulate."""
        cells = round(2.0 * ability.BOUND / TABLE_STEP)
        margin = 3
        nodes = -ability.BOUND + TABLE_STEP * np.arange(-margin, cells + margin + 1.0)
        windows = np.lib.stride_tricks.sliding_window_view(function(nodes), 2 * margin + 2)
        offsets = np.arange(-margin, margin + 2.0)
        return cls(np.ascontiguousarray((windows @ inverse(floats(np.vander(offsets, increasing=True))).T).T))

    def __call__(self, theta: FloatArray) -> FloatArray:
        """Values at theta, same shape."""
        place = (theta + ability.BOUND) / TABLE_STEP
        cell = np.clip(place.astype(np.int64), 0, self.coefficients.shape[1] - 1)
        u = place - cell
        out = self.coefficients[-1][cell]
        for row in self.coefficients[-2::-1]:
            out *= u
            out += row[cell]
        return out


# ---------------------------------------------------------------------------------------------------- sum scores


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """Ability for each sum score on a form or route.

    Attributes:
        route: modules joined by hyphens, or "all".
        scores: 0…max, shape (n,).
        theta, se: EAP of the sum score.
        probability: of route and score in the population, given the first module.
        inverse_tcc, se_inverse_tcc: ability at which the expected score is this one, and its error (sd of the score
            there over the slope of the curve); NaN where the curve does not reach.
    """

    route: str
    scores: IntArray
    theta: FloatArray
    se: FloatArray
    probability: FloatArray
    inverse_tcc: FloatArray
    se_inverse_tcc: FloatArray


def form_distribution(form: _Form, nodes: FloatArray) -> FloatArray:
    """Probability of each sum score at each node, shape (max_score + 1, n_nodes)."""
    tables = np.exp(form.log_tables(nodes))
    out = np.ones((1, len(nodes)))
    for item in range(len(form.columns)):
        out = _with_item(out, tables[item, : int(form.n_steps[item]) + 1])
    return out


def _with_item(distribution: FloatArray, p: FloatArray) -> FloatArray:
    """One step of the recursion of Lord and Wingersky at every node."""
    out = np.zeros((distribution.shape[0] + p.shape[0] - 1, distribution.shape[1]))
    for k in range(p.shape[0]):
        out[k : k + distribution.shape[0]] += distribution * p[k]
    return out


def sum_score_arrays(distribution: FloatArray, prior: ability.Normal) -> tuple[FloatArray, FloatArray, FloatArray]:
    """EAP of each sum score, its standard deviation, and the score's probability; shape (n_scores,) each."""
    nodes = np.array(prior.nodes())
    mass = np.exp(_log_prior(prior, nodes))
    joint = distribution * (mass / mass.sum())
    total = joint.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        theta = joint @ nodes / total
        centred = (nodes - theta[:, None]) ** 2
        return theta, np.sqrt((joint * centred).sum(axis=1) / total), total


@on_one_thread
def score_tables(
    items: Sequence[ItemParameters],
    design: Design | None = None,
    prior: ability.Normal = ability.STANDARD_NORMAL,
) -> tuple[ScoreTable, ...]:
    """A score table for each route of the design, or one for all items."""
    if design is None:
        return (_table("all", items, _distribution(items, prior), prior),)
    known = require_unique(items)
    out: list[ScoreTable] = []
    for route in design.routes():
        taken = [known[item] for item in design.items_of(route)]
        out.append(_table(route.name, taken, _route_distribution(route, design, known, prior), prior))
    return tuple(out)


def _distribution(items: Sequence[ItemParameters], prior: ability.Normal) -> FloatArray:
    return form_distribution(form_of(items), np.array(prior.nodes()))


def form_of(items: Sequence[ItemParameters]) -> _Form:
    """A form of these items, in this order."""
    empty = ResponseMatrix(np.zeros((0, len(items)), np.int8), tuple(item.item_id for item in items))
    return _Bank(empty, items).form(np.arange(len(items)))


def _route_distribution(
    route: Route, design: Design, known: Mapping[str, ItemParameters], prior: ability.Normal
) -> FloatArray:
    """Probability at each node of taking the route and ending it with each score."""
    total = np.ones((1, len(prior.nodes())))
    for step, module in enumerate(route.modules):
        own = _distribution([known[item] for item in design.modules[module]], prior)
        rule = route.rules[step] if step < len(route.rules) else None
        if rule is not None and rule.counts == "module":
            own = _kept(own, rule.low, rule.high)
        total = _with_item(total, own)
        if rule is not None and rule.counts == "total":
            total = _kept(total, rule.low, rule.high)
    return total


def _kept(distribution: FloatArray, low: int, high: int) -> FloatArray:
    score_axis = run(0, distribution.shape[0])[:, None]
    return np.where((score_axis >= low) & (score_axis <= high), distribution, 0.0)


def _table(name: str, items: Sequence[ItemParameters], distribution: FloatArray, prior: ability.Normal) -> ScoreTable:
    theta, se, probability = sum_score_arrays(distribution, prior)
    inverse, error = inverse_tcc(items)
    return ScoreTable(name, np.arange(len(theta)), theta, se, probability, inverse, error)


def inverse_tcc(items: Sequence[ItemParameters]) -> tuple[FloatArray, FloatArray]:
    """Ability whose expected sum score is 0, 1, …, max; NaN where the test characteristic curve does not reach.

    Returns:
        theta and standard error, shape (max_score + 1,) each.
    """
    scalar = [item.to_engine() for item in items]
    highest = sum(item.max_score for item in items)
    theta, se = np.full(highest + 1, np.nan), np.full(highest + 1, np.nan)
    form = form_of(items)

    def expected(x: FloatArray) -> FloatArray:
        return sum(
            (np.einsum("k,nkq->q", np.arange(float(c.p.shape[1])), c.p) for c, _ in form.curves(x)), np.zeros(len(x))
        )

    wanted = np.arange(highest + 1.0)
    ends = expected(np.array([-ability.BOUND, ability.BOUND]))
    inside = np.flatnonzero((wanted > ends[0]) & (wanted < ends[1]))
    low, high = np.full(len(inside), -ability.BOUND), np.full(len(inside), ability.BOUND)
    theta[inside] = _refined(lambda k, x: wanted[inside[k]] - expected(x), low, high)
    for k in inside.tolist():
        slope = variance = 0.0
        for item in scalar:
            p, first, _ = irt.probability_derivatives(item, float(theta[k]))
            mean = sum(s * q for s, q in enumerate(p))
            slope += sum(s * d for s, d in enumerate(first))
            variance += sum((s - mean) ** 2 * q for s, q in enumerate(p))
        se[k] = variance**0.5 / slope
    return theta, se
