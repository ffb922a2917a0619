"""Bringing two calibrations to one scale, and two forms to one score.

A linking is the line theta_base = slope · theta_new + intercept, found from the items that both calibrations share.
The characteristic-curve methods compare curves at a set of thetas; which set it was, and with what weights, is part
of the result, since the constants depend on it.

References:
    Kolen & Brennan (2004), Test Equating, Scaling, and Linking, ch. 6. Haebara (1980). Stocking & Lord (1983),
    Applied Psychological Measurement 7, 201-210. Ogasawara (2001), 25, 53-67 (standard errors).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from scipy.optimize import brentq, least_squares

from psychometrics.curves import ItemCurves, LogisticCurves, category_curves, curves_of
from psychometrics.data import FloatArray
from psychometrics.errors import CategoriesDifferError, NoDifficultiesError, NoSpreadError, TooFewCommonItemsError
from psychometrics.exact import normal_weights, sum_score_distribution
from psychometrics.items import ItemParameters, require_unique

Method = Literal["mean-mean", "mean-sigma", "haebara", "stocking-lord"]
Symmetry = Literal["base", "both"]
METHODS: tuple[Method, ...] = get_args(Method)
PARAMETER_STEP = 1e-5  # central differences of curves in a, b and c: error about 1e-10
THETA_LIMIT = 50.0


@dataclass(frozen=True, slots=True)
class ThetaWeights:
    """Where the curves are compared, and how much each place counts; shape (n_thetas,) each, weights sum to one."""

    theta: FloatArray
    weights: FloatArray
    description: str


def equal_weights(low: float = -4.0, high: float = 4.0, points: int = 40) -> ThetaWeights:
    """Equally spaced thetas that count the same; the default is the one of R's plink, 40 from -4 to 4."""
    theta = np.linspace(low, high, points)
    return ThetaWeights(
        theta, np.full(points, 1.0 / points), f"{points} equally weighted thetas from {low:g} to {high:g}"
    )


def normal_theta_weights(mean: float = 0.0, sd: float = 1.0, points: int = 61) -> ThetaWeights:
    """Thetas within six standard deviations, weighted by a normal population on the base scale."""
    theta = np.linspace(mean - 6.0 * sd, mean + 6.0 * sd, points)
    text = f"{points} thetas weighted by a normal population, mean {mean:g}, standard deviation {sd:g}"
    return ThetaWeights(theta, normal_weights(theta, mean=mean, sd=sd), text)


@dataclass(frozen=True, slots=True)
class Linking:
    """theta_base = slope · theta_new + intercept.

    Attributes:
        covariance: of (slope, intercept) from the standard errors of the item parameters, shape (2, 2); None when the
            parameters came without standard errors.
        jackknife_covariance: the same from leaving out one common item at a time: it also holds what the choice of
            common items adds.
        common: ids of the common items.
        theta_weights: where curves were compared, in words; empty for the moment methods.
    """

    method: Method
    slope: float
    intercept: float
    covariance: FloatArray | None
    jackknife_covariance: FloatArray
    common: tuple[str, ...]
    theta_weights: str

    def standard_errors(self) -> tuple[float, float] | None:
        """Standard errors of slope and intercept from the parameters' standard errors."""
        if self.covariance is None:
            return None
        return float(np.sqrt(self.covariance[0, 0])), float(np.sqrt(self.covariance[1, 1]))

    def theta(self, theta_new: FloatArray) -> FloatArray:
        """These thetas on the base scale."""
        return self.slope * theta_new + self.intercept


@dataclass(frozen=True, slots=True)
class AnchorDisplacement:
    """How far a common item's mean difficulty lies from where the linking puts it, in logits of the base scale."""

    item_id: str
    displacement: float
    standard_error: float | None
    robust_z: float


def link(
    new: Sequence[ItemParameters],
    base: Sequence[ItemParameters],
    *,
    method: Method = "stocking-lord",
    weights: ThetaWeights | None = None,
    symmetry: Symmetry = "base",
    persons: tuple[int | None, int | None] = (None, None),
) -> Linking:
    """The line from the new scale to the base scale through the items that both have.

    Args:
        new, base: two calibrations; items with the same id and model are common.
        method: moments of the parameters, or curves.
        weights: where curves are compared; 40 equally weighted thetas from -4 to 4 when not given.
        symmetry: compare curves on the base scale only, or on both scales.
        persons: how many each calibration had, new and base, when its scale is that of its own population. People are a
            sample too: their mean and spread move all items together, which the items' own standard errors, taken one
            by one, do not tell. Then both covariances hold that part.

    Raises:
        LinkingError: fewer than two common items, or parameters that the method cannot use.
    """
    pairs = common_items(new, base)
    grid = weights or equal_weights()
    solve = _moments if method in {"mean-mean", "mean-sigma"} else _curves
    problem = _Problem(method, grid, symmetry, slope_is_one=_all_slopes_one(pairs))
    slope, intercept = solve(pairs, problem)
    line = np.array([slope, intercept])
    by_items = _delta_covariance(pairs, problem, line, solve)
    by_persons = _person_covariance(slope, persons, problem)
    return Linking(
        method=method,
        slope=slope,
        intercept=intercept,
        covariance=None if by_items is None else by_items + by_persons,
        jackknife_covariance=_jackknife(pairs, problem, solve) + by_persons,
        common=tuple(pair[0].item_id for pair in pairs),
        theta_weights=grid.description if solve is _curves else "",
    )


def common_items(
    new: Sequence[ItemParameters], base: Sequence[ItemParameters]
) -> tuple[tuple[ItemParameters, ItemParameters], ...]:
    """Pairs (new, base) of the items that both have.

    Raises:
        LinkingError: fewer than two, or an item with two models.
    """
    known = require_unique(base)
    pairs = tuple((item, known[item.item_id]) for item in new if item.item_id in known)
    for first, second in pairs:
        if (first.max_score, first.model == "nominal") != (second.max_score, second.model == "nominal"):
            raise CategoriesDifferError(first.item_id)
    if len(pairs) < 2:  # noqa: PLR2004 - a line needs two points
        raise TooFewCommonItemsError(len(pairs))
    return pairs


def rescale(items: Sequence[ItemParameters], linking: Linking) -> tuple[ItemParameters, ...]:
    """Items of the new calibration on the base scale; their standard errors move along, without linking error."""
    return tuple(_moved(item, linking.slope, linking.intercept) for item in items)


def displacements(
    new: Sequence[ItemParameters], base: Sequence[ItemParameters], linking: Linking
) -> tuple[AnchorDisplacement, ...]:
    """How well each common item keeps its place; a robust z beyond 2.7 in size is a sign of drift.

    Nominal items have no difficulty and are left out. The robust z is (displacement - median) divided by 0.74 times the
    interquartile range, after Huynh & Meyer (2010).
    """
    pairs = [pair for pair in common_items(rescale(new, linking), base) if pair[0].b]
    if not pairs:
        return ()
    moved = np.array([np.mean(after.b) - np.mean(before.b) for after, before in pairs])
    low, middle, high = np.percentile(moved, [25, 50, 75])
    spread = 0.74 * float(high - low) or np.nan
    return tuple(
        AnchorDisplacement(
            before.item_id, float(move), _difference_error(after, before), float((move - middle) / spread)
        )
        for (after, before), move in zip(pairs, moved, strict=True)
    )


def true_score_equating(source: Sequence[ItemParameters], target: Sequence[ItemParameters]) -> FloatArray:
    """Equivalent on the target form of each sum score of the source form; both forms on one scale.

    Scores at or below the sum of guessing chances lie on the line through (0, 0), after Kolen & Brennan (6.5.2).

    Returns:
        shape (max score of source + 1,).
    """
    from_curve, to_curve = _expected_score(source), _expected_score(target)
    points = sum(item.max_score for item in source)
    floor_from, floor_to = from_curve(-THETA_LIMIT), to_curve(-THETA_LIMIT)
    result = np.empty(points + 1)
    for score in range(points + 1):
        if score <= floor_from:
            result[score] = score * floor_to / floor_from if floor_from > 0 else 0.0
        elif score == points:
            result[score] = sum(item.max_score for item in target)
        else:
            result[score] = to_curve(_theta_at(from_curve, score))
    return result


def _theta_at(curve: Callable[[float], float], score: float) -> float:
    def short_of(theta: float) -> float:
        return curve(theta) - score

    return float(brentq(short_of, -THETA_LIMIT, THETA_LIMIT, xtol=1e-13))


def observed_score_equating(
    source: Sequence[ItemParameters], target: Sequence[ItemParameters], population: ThetaWeights
) -> FloatArray:
    """Equipercentile equivalents of the source form's sum scores, with score distributions that the model implies."""
    from_mass, to_mass = (
        sum_score_distribution(ItemCurves(tuple(form)).categories(population.theta)) @ population.weights
        for form in (source, target)
    )
    rank = np.cumsum(from_mass) - 0.5 * from_mass
    upper = np.cumsum(to_mass)
    cell = np.minimum(np.searchsorted(upper, rank), len(to_mass) - 1)
    return cell - 0.5 + (rank - (upper[cell] - to_mass[cell])) / to_mass[cell]


@dataclass(frozen=True, slots=True)
class _Problem:
    method: Method
    grid: ThetaWeights
    symmetry: Symmetry
    slope_is_one: bool


_Pairs = tuple[tuple[ItemParameters, ItemParameters], ...]
_Solver = Callable[[_Pairs, _Problem], tuple[float, float]]


def _all_slopes_one(pairs: _Pairs) -> bool:
    """Rasch scales differ by a shift only: a slope would take the items out of their model."""
    return all(item.model in {"rasch", "pcm"} for pair in pairs for item in pair)


def _moments(pairs: _Pairs, problem: _Problem) -> tuple[float, float]:
    for item, _ in pairs:
        if item.model == "nominal":
            raise NoDifficultiesError(item.item_id)
    new_b, base_b = (np.concatenate([pair[side].b for pair in pairs]) for side in (0, 1))
    if problem.slope_is_one:
        slope = 1.0
    elif problem.method == "mean-mean":
        slope = float(np.mean([pair[0].a for pair in pairs]) / np.mean([pair[1].a for pair in pairs]))
    else:
        if np.ptp(new_b) == 0.0:
            raise NoSpreadError
        slope = float(np.std(base_b) / np.std(new_b))
    return slope, float(np.mean(base_b) - slope * np.mean(new_b))


def _curves(pairs: _Pairs, problem: _Problem) -> tuple[float, float]:
    if problem.slope_is_one:
        start = [float(np.mean([np.mean(base.b) - np.mean(item.b) for item, base in pairs]))]
        fit = least_squares(lambda x: _residuals(np.array([1.0, x[0]]), pairs, problem), start, xtol=1e-14, gtol=1e-14)
        return 1.0, float(fit.x[0])
    fit = least_squares(
        lambda x: _residuals(x, pairs, problem), [1.0, 0.0], x_scale=[0.1, 0.1], ftol=1e-15, xtol=1e-15, gtol=1e-15
    )
    return float(fit.x[0]), float(fit.x[1])


def _residuals(line: FloatArray, pairs: _Pairs, problem: _Problem) -> FloatArray:
    slope, intercept = float(line[0]), float(line[1])
    new, base = (tuple(pair[side] for pair in pairs) for side in (0, 1))
    differences = [_curve_differences(new, base, slope, intercept, problem)]
    if problem.symmetry == "both":
        differences.append(_curve_differences(base, new, 1.0 / slope, -intercept / slope, problem))
    root = np.sqrt(problem.grid.weights)
    return np.concatenate([(difference * root).ravel() for difference in differences])


def _curve_differences(
    moving: Sequence[ItemParameters],
    still: Sequence[ItemParameters],
    slope: float,
    intercept: float,
    problem: _Problem,
) -> FloatArray:
    """Curves of the still items less those of the moving ones on their scale: per category (Haebara) or summed."""
    theta = problem.grid.theta
    one, other = curves_of(moving), curves_of(still)
    if isinstance(one, LogisticCurves) and isinstance(other, LogisticCurves):
        moved = LogisticCurves(one.a / slope, slope * one.b + intercept, one.c)
        each = other.correct(theta) - moved.correct(theta)
        return each if problem.method == "haebara" else each.sum(axis=0)
    curves = [
        (category_curves(_moved(item, slope, intercept), theta)[0][1:], category_curves(target, theta)[0][1:])
        for item, target in zip(moving, still, strict=True)
    ]
    if problem.method == "haebara":
        return np.concatenate([there - here for here, there in curves])
    return np.sum([np.arange(1, len(here) + 1) @ (there - here) for here, there in curves], axis=0)


def _moved(item: ItemParameters, slope: float, intercept: float) -> ItemParameters:
    if item.model == "nominal":
        slopes = tuple(a / slope for a in item.slopes)
        intercepts = tuple(d - a * intercept for d, a in zip(item.intercepts, slopes, strict=True))
        return replace(item, slopes=slopes, intercepts=intercepts, se_slopes=tuple(s / slope for s in item.se_slopes))
    model = {"rasch": "2pl", "pcm": "gpcm"}.get(item.model, item.model) if slope != 1.0 else item.model
    return replace(
        item,
        model=model,
        a=item.a / slope,
        b=tuple(slope * b + intercept for b in item.b),
        se_a=None if item.se_a is None else item.se_a / slope,
        se_b=tuple(slope * s for s in item.se_b),
    )


def _delta_covariance(pairs: _Pairs, problem: _Problem, line: FloatArray, solve: _Solver) -> FloatArray | None:
    """Sum over parameters of (d line / d parameter)² · se²."""
    moves = [
        (k, side, name, position, error)
        for k, pair in enumerate(pairs)
        for side in (0, 1)
        for name, position, error in _errors(pair[side])
    ]
    if not moves:
        return None
    sensitivity = _moment_sensitivity if solve is _moments else _curve_sensitivity
    rows = sensitivity(pairs, problem, line, [move[:4] for move in moves])
    return np.einsum("mi,mj,m->ij", rows, rows, np.array([move[4] for move in moves]) ** 2)


_Move = tuple[int, int, str, int]


def _person_covariance(slope: float, persons: tuple[int | None, int | None], problem: _Problem) -> FloatArray:
    """Sampling of a standard normal population: its mean varies by 1/n, its standard deviation by 1/(2n).

    An error of the new scale counts times the slope; the base scale, on which the new population has standard deviation
    `slope`, is itself in error by its own sample, whose spread is taken as one and multiplies the slope.
    """
    new, base = (0.0 if n is None else 1.0 / n for n in persons)
    spread = 0.0 if problem.slope_is_one else slope**2 * (new + base) / 2.0
    return np.diag([spread, slope**2 * new + base])


def _moment_sensitivity(pairs: _Pairs, problem: _Problem, line: FloatArray, moves: Sequence[_Move]) -> FloatArray:
    del line

    def shifted(move: _Move, step: float) -> FloatArray:
        return np.array(_moments(_nudged(pairs, move, step), problem))

    h = PARAMETER_STEP
    return np.array([(shifted(move, h) - shifted(move, -h)) / (2.0 * h) for move in moves])


def _curve_sensitivity(pairs: _Pairs, problem: _Problem, line: FloatArray, moves: Sequence[_Move]) -> FloatArray:
    """By the implicit function: the criterion's gradient stays zero when a parameter moves."""
    free = [1] if problem.slope_is_one else [0, 1]
    h = PARAMETER_STEP

    def gradient(at: FloatArray, given: _Pairs) -> FloatArray:
        centre = _residuals(at, given, problem)
        slopes = [
            (_residuals(at + h * unit, given, problem) - _residuals(at - h * unit, given, problem)) / (2 * h)
            for unit in np.eye(2)[free]
        ]
        return np.array([slope @ centre for slope in slopes])

    hessian = np.array(
        [(gradient(line + h * unit, pairs) - gradient(line - h * unit, pairs)) / (2 * h) for unit in np.eye(2)[free]]
    )
    result = np.zeros((len(moves), 2))
    for row, move in enumerate(moves):
        change = (gradient(line, _nudged(pairs, move, h)) - gradient(line, _nudged(pairs, move, -h))) / (2 * h)
        result[row, free] = -np.linalg.solve(hessian, change)
    return result


def _jackknife(pairs: _Pairs, problem: _Problem, solve: _Solver) -> FloatArray:
    if len(pairs) < 3:  # noqa: PLR2004 - without one of two, no line is left
        return np.zeros((2, 2))
    lines = np.array([solve(pairs[:k] + pairs[k + 1 :], problem) for k in range(len(pairs))])
    away = lines - lines.mean(axis=0)
    return (len(pairs) - 1) / len(pairs) * away.T @ away


def _errors(item: ItemParameters) -> list[tuple[str, int, float]]:
    singles = [("a", 0, item.se_a), ("c", 0, item.se_c)]
    lists = [("b", item.se_b), ("slopes", item.se_slopes), ("intercepts", item.se_intercepts)]
    found = [(name, 0, error) for name, _, error in singles if error is not None]
    found += [(name, k, error) for name, errors in lists for k, error in enumerate(errors)]
    return [entry for entry in found if np.isfinite(entry[2]) and entry[2] > 0]


def _nudged(pairs: _Pairs, move: _Move, step: float) -> _Pairs:
    k, side, name, position = move
    item = pairs[k][side]
    if name in {"a", "c"}:
        changed = replace(item, **{name: getattr(item, name) + step})
    else:
        values = list(getattr(item, name))
        values[position] += step
        changed = replace(item, **{name: tuple(values)})
    pair = (changed, pairs[k][1]) if side == 0 else (pairs[k][0], changed)
    return (*pairs[:k], pair, *pairs[k + 1 :])


def _difference_error(first: ItemParameters, second: ItemParameters) -> float | None:
    if not first.se_b or not second.se_b:
        return None
    variances = [np.sum(np.nan_to_num(np.array(item.se_b)) ** 2) / len(item.b) ** 2 for item in (first, second)]
    return float(np.sqrt(sum(variances)))


def _expected_score(items: Sequence[ItemParameters]) -> Callable[[float], float]:
    curves = ItemCurves(tuple(items))
    return lambda theta: float(curves.expected(np.array([theta])).sum())
