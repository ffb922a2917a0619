"""Judging items and persons: classical figures, S-X2, infit and outfit, M2, Q3 and dependence within passages, lz*.

References:
    Orlando & Thissen (2000), Applied Psychological Measurement 24, 50-64; Kang & Chen (2008), JEM 45, 391-406 (S-X2).
    Maydeu-Olivares & Joe (2006), Psychometrika 71, 713-732; Cai & Hansen (2013), BJMSP 66, 245-276 (M2).
    Yen (1984), APM 8, 125-145; Christensen, Makransky & Horton (2017), APM 41, 178-194 (Q3).
    Snijders (2001), Psychometrika 66, 331-342; Sinharay (2016), Psychometrika 81, 992-1013 (lz*).
    Wright & Masters (1982), Rating Scale Analysis (infit, outfit).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, ncx2

from psychometrics.curves import category_curves
from psychometrics.data import BoolArray, Design, FloatArray, IntArray, ResponseMatrix
from psychometrics.errors import IncompleteResponsesError, NoFreedomError, RoutingByTotalError
from psychometrics.exact import normal_weights, sum_score_distribution
from psychometrics.items import ItemParameters

MIN_EXPECTED = 1.0  # cells with fewer expected persons are joined with their neighbour (Orlando & Thissen 2000)
DERIVATIVE_STEP = 1e-5
LEAST_VARIANCE = 1e-12  # of the person-fit sum; below it all answers were certain
PASSAGE_Q3 = 0.2  # above the mean Q3: usual limit (Christensen et al. 2017)


@dataclass(frozen=True, slots=True)
class Population:
    """Distribution of theta: nodes and masses, shape (n_nodes,); and the moments it was made from."""

    theta: FloatArray
    weights: FloatArray
    mean: float = 0.0
    sd: float = 1.0


def normal_population(mean: float = 0.0, sd: float = 1.0, points: int = 61) -> Population:
    """Normal population on equally spaced nodes within six standard deviations."""
    theta = np.linspace(mean - 6.0 * sd, mean + 6.0 * sd, points)
    return Population(theta, normal_weights(theta, mean=mean, sd=sd), mean, sd)


@dataclass(frozen=True, slots=True)
class ItemStatistics:
    """Classical figures of one item.

    Attributes:
        n: persons with a score. omitted figures count presented items left without a score as missing.
        p: mean score divided by the maximum.
        item_total, item_rest: correlation with the criterion; the second leaves the item out of it.
        alpha_without: Cronbach's alpha of the other items; NaN when data are missing by design.
    """

    item_id: str
    n: int
    p: float
    item_total: float
    item_rest: float
    alpha_without: float


@dataclass(frozen=True, slots=True)
class OptionStatistics:
    """How one answer option drew: share of the item's answers, mean of the criterion, and its correlation with it."""

    item_id: str
    option: str
    is_key: bool
    n: int
    share: float
    mean_criterion: float
    correlation: float


@dataclass(frozen=True, slots=True)
class ItemFit:
    """A chi-square of one item; p is NaN when no degree of freedom is left."""

    item_id: str
    statistic: float
    df: int
    p: float


@dataclass(frozen=True, slots=True)
class MeanSquares:
    """Infit and outfit of one item with their standardised forms (Wilson-Hilferty)."""

    item_id: str
    infit: float
    outfit: float
    infit_z: float
    outfit_z: float


@dataclass(frozen=True, slots=True)
class GlobalFit:
    """M2 (M2* with more than two categories): limited information of first and second order."""

    m2: float
    df: int
    p: float
    rmsea: float
    rmsea_low: float
    rmsea_high: float
    srmsr: float


@dataclass(frozen=True, slots=True)
class PassageDependence:
    """Local dependence of the items of one passage: mean and largest Q3 inside it, less the mean of all other pairs."""

    passage: str
    n_items: int
    excess: float
    largest_excess: float
    largest_pair: tuple[str, str]
    is_dependent: bool


def cronbach_alpha(scores: FloatArray) -> float:
    """Cronbach's alpha of complete scores, shape (n_persons, n_items); NaN when all persons have one sum score."""
    k = scores.shape[1]
    total = float(scores.sum(axis=1).var(ddof=1))
    return float(k / (k - 1) * (1.0 - scores.var(axis=0, ddof=1).sum() / total)) if k > 1 and total > 0 else np.nan


def classical(
    responses: ResponseMatrix, maximum: Sequence[int], criterion: FloatArray | None = None
) -> tuple[ItemStatistics, ...]:
    """Proportion correct and discrimination of each item.

    Args:
        responses: scores.
        maximum: highest score of each item.
        criterion: theta of each person, needed where items are missing by design (a sum over different items says
            nothing); then item_rest equals item_total. With complete data the sum score is the criterion.

    Raises:
        FitError: cells are missing and no criterion is given.
    """
    scores = responses.scores.astype(np.float64)
    complete = bool((responses.scores >= 0).all())
    if not complete and criterion is None:
        raise IncompleteResponsesError("Item-total", "Give the persons' thetas as criterion")
    return tuple(
        _item_statistics(responses, scores, column, maximum[column], criterion if not complete else None)
        for column in range(responses.n_items)
    )


def _item_statistics(
    responses: ResponseMatrix, scores: FloatArray, column: int, maximum: int, criterion: FloatArray | None
) -> ItemStatistics:
    seen = responses.scores[:, column] >= 0
    own = scores[seen, column]
    if criterion is None:
        total, rest = scores.sum(axis=1), scores.sum(axis=1) - scores[:, column]
        others = np.delete(scores, column, axis=1)
        without = cronbach_alpha(others) if others.shape[1] > 1 else np.nan
    else:
        total = rest = criterion[seen]
        without = np.nan
    return ItemStatistics(
        item_id=responses.item_ids[column],
        n=int(seen.sum()),
        p=float(own.mean() / maximum) if len(own) else np.nan,
        item_total=_correlation(own, total),
        item_rest=_correlation(own, rest),
        alpha_without=float(without),
    )


def _correlation(x: FloatArray, y: FloatArray) -> float:
    if len(x) < 2 or np.ptp(x) == 0.0 or np.ptp(y) == 0.0:  # noqa: PLR2004 - two points make a correlation
        return np.nan
    return float(np.corrcoef(x, y)[0, 1])


def distractors(item_id: str, chosen: Sequence[str], key: str, criterion: FloatArray) -> tuple[OptionStatistics, ...]:
    """How each option of one item drew strong and weak candidates.

    Args:
        chosen: option of each person; an empty string is left out.
        key: the right option.
        criterion: rest score or theta of each person, shape (n_persons,).
    """
    picks = np.array(chosen, dtype=np.str_)
    answered = picks != ""
    picks, level = picks[answered], criterion[answered]
    options = sorted({*picks.tolist(), key})
    return tuple(
        OptionStatistics(
            item_id=item_id,
            option=option,
            is_key=option == key,
            n=int((took := picks == option).sum()),
            share=float(took.mean()) if len(took) else np.nan,
            mean_criterion=float(level[took].mean()) if took.any() else np.nan,
            correlation=_correlation(took.astype(np.float64), level),
        )
        for option in options
    )


@dataclass(frozen=True, slots=True)
class _ScoreGroup:
    """Persons who answered the same modules; the module score must lie in its interval for the route to be taken."""

    rows: BoolArray
    modules: tuple[tuple[int, ...], ...]
    intervals: tuple[tuple[int, int], ...]


def s_x2(
    responses: ResponseMatrix,
    items: Sequence[ItemParameters],
    population: Population,
    design: Design | None = None,
) -> tuple[ItemFit, ...]:
    """Observed against expected scores on each item among persons with the same sum score.

    With a multistage design each route is a group of its own, and the expected proportions know that the route was
    taken: a module's score lies in the interval that led on. Statistics and degrees of freedom add over routes.

    Args:
        responses: columns in the order of `items`.
        items: parameters.
        population: distribution of theta.
        design: needed when responses are missing by design.

    Raises:
        FitError: cells are missing that the design does not explain.
    """
    groups = _score_groups(responses, design)
    curves = tuple(category_curves(item, population.theta)[0] for item in items)
    tables: dict[int, list[tuple[FloatArray, FloatArray]]] = {k: [] for k in range(len(items))}
    for group in groups:
        for column, observed, expected in _group_tables(responses, group, curves, population.weights):
            tables[column].append((observed, expected))
    return tuple(_chi_square(items[k], tables[k]) for k in range(len(items)))


def _score_groups(responses: ResponseMatrix, design: Design | None) -> tuple[_ScoreGroup, ...]:
    answered = responses.scores >= 0
    if answered.all():
        columns = tuple(range(responses.n_items))
        return (_ScoreGroup(np.ones(responses.n_persons, dtype=np.bool_), (columns,), ((0, 10**9),)),)
    if design is None:
        raise IncompleteResponsesError("S-X2", "Give the multistage design, or persons with complete answers")
    place = {item: k for k, item in enumerate(responses.item_ids)}
    groups: list[_ScoreGroup] = []
    for route in design.routes():
        modules = tuple(tuple(place[i] for i in design.modules[m] if i in place) for m in route.modules)
        given = np.zeros(responses.n_items, dtype=np.bool_)
        given[[k for module in modules for k in module]] = True
        rows = (answered == given).all(axis=1)
        intervals = [(rule.low, rule.high) for rule in route.rules if rule.counts == "module"]
        if len(intervals) != len(route.rules):
            raise RoutingByTotalError("S-X2")
        groups.append(_ScoreGroup(rows, modules, (*intervals, (0, 10**9))))
    return tuple(group for group in groups if group.rows.any())


def _group_tables(
    responses: ResponseMatrix, group: _ScoreGroup, curves: Sequence[FloatArray], weights: FloatArray
) -> list[tuple[int, FloatArray, FloatArray]]:
    """Per item of the group: observed and expected counts, shape (n_sum_scores, n_categories)."""
    columns = [k for module in group.modules for k in module]
    scores = responses.scores[np.ix_(np.flatnonzero(group.rows), np.array(columns))].astype(np.int64)
    total = scores.sum(axis=1)
    modules = [
        _within(sum_score_distribution([curves[k] for k in module]), interval)
        for module, interval in zip(group.modules, group.intervals, strict=True)
    ]
    mass = sum_score_distribution(modules) @ weights
    counts = np.bincount(total, minlength=len(mass)).astype(np.float64)
    result: list[tuple[int, FloatArray, FloatArray]] = []
    for position, (module, interval) in enumerate(zip(group.modules, group.intervals, strict=True)):
        others = modules[:position] + modules[position + 1 :]
        before = sum_score_distribution(others) if others else np.ones((1, len(weights)))
        for column in module:
            rest = [curves[k] for k in module if k != column]
            alone = sum_score_distribution(rest) if rest else np.ones((1, len(weights)))
            joint = _joint_with_total(curves[column], alone, before, interval, len(mass)) @ weights
            proportion = np.divide(joint, mass[:, None], out=np.zeros_like(joint), where=mass[:, None] > 0)
            observed = np.zeros_like(joint)
            np.add.at(observed, (total, scores[:, columns.index(column)]), 1.0)
            result.append((column, observed, proportion * counts[:, None]))
    return result


def _within(distribution: FloatArray, interval: tuple[int, int]) -> FloatArray:
    scores = np.arange(len(distribution))
    return distribution * ((scores >= interval[0]) & (scores <= interval[1]))[:, None]


def _joint_with_total(
    curve: FloatArray, rest: FloatArray, others: FloatArray, interval: tuple[int, int], n_scores: int
) -> FloatArray:
    """P(item score, sum score, module score in its interval | theta), shape (n_scores, n_categories, n_thetas)."""
    joint = np.zeros((n_scores, len(curve), curve.shape[1]))
    for category, probability in enumerate(curve):
        module = np.vstack([np.zeros((category, rest.shape[1])), rest * probability])
        total = sum_score_distribution([_within(module, interval), others])
        joint[: len(total), category] = total
    return joint


def _chi_square(item: ItemParameters, tables: Sequence[tuple[FloatArray, FloatArray]]) -> ItemFit:
    statistic, cells = 0.0, 0
    for observed, expected in tables:
        for seen, awaited in _joined(observed, expected):
            statistic += float(((seen - awaited) ** 2 / awaited).sum())
            cells += len(seen) - 1
    df = cells - free_parameters(item)
    return ItemFit(item.item_id, statistic, df, float(chi2.sf(statistic, df)) if df > 0 else np.nan)


def free_parameters(item: ItemParameters) -> int:
    """Parameters estimated for this item alone; slopes shared by a whole test count for none of its items."""
    match item.model:
        case "rasch" | "1pl" | "pcm":
            return len(item.b)
        case "nominal":
            return 2 * len(item.slopes)
        case "3pl":
            return 3
        case _:
            return 1 + len(item.b)


def _joined(observed: FloatArray, expected: FloatArray) -> list[tuple[FloatArray, FloatArray]]:
    """Score groups joined from both ends towards the middle until every cell is large enough."""
    possible = [k for k in range(len(expected)) if (expected[k] > 0).sum() > 1]
    rows = [(observed[k], expected[k]) for k in possible]
    middle = len(rows) // 2
    joined = _joined_forward(rows[:middle], rows[middle:])
    joined = _joined_forward(joined[::-1], [])[::-1]
    return [_joined_categories(*row) for row in joined]


def _joined_forward(
    rows: Sequence[tuple[FloatArray, FloatArray]], rest: Sequence[tuple[FloatArray, FloatArray]]
) -> list[tuple[FloatArray, FloatArray]]:
    """Each row with a small cell is added to the next; what is left over at the end goes to the last kept row."""
    kept: list[tuple[FloatArray, FloatArray]] = []
    held: tuple[FloatArray, FloatArray] | None = None
    for row in (*rows, *rest[:1]):
        current = row if held is None else (row[0] + held[0], row[1] + held[1])
        held = None
        if len(current[1]) == 2 and current[1].min() < MIN_EXPECTED:  # noqa: PLR2004 - more categories are joined first
            held = current
        else:
            kept.append(current)
    if held is not None and kept:
        kept[-1] = (kept[-1][0] + held[0], kept[-1][1] + held[1])
    elif held is not None:
        kept.append(held)
    return kept + list(rest[1:])


def _joined_categories(observed: FloatArray, expected: FloatArray) -> tuple[FloatArray, FloatArray]:
    seen, awaited = [float(observed[0])], [float(expected[0])]
    for o, e in zip(observed[1:].tolist(), expected[1:].tolist(), strict=True):
        if awaited[-1] < MIN_EXPECTED:
            seen[-1] += o
            awaited[-1] += e
        else:
            seen.append(o)
            awaited.append(e)
    if len(awaited) > 1 and awaited[-1] < MIN_EXPECTED:
        last_seen, last_awaited = seen.pop(), awaited.pop()
        seen[-1] += last_seen
        awaited[-1] += last_awaited
    return np.array(seen), np.array(awaited)


def mean_squares(
    responses: ResponseMatrix, items: Sequence[ItemParameters], theta: FloatArray
) -> tuple[MeanSquares, ...]:
    """Infit and outfit at the persons' estimated thetas, shape (n_persons,); missing cells are left out."""
    return tuple(_mean_square(item, responses.scores[:, k], theta) for k, item in enumerate(items))


def _mean_square(item: ItemParameters, column: NDArray[np.int8], theta: FloatArray) -> MeanSquares:
    seen = column >= 0
    if not seen.any():
        return MeanSquares(item.item_id, np.nan, np.nan, np.nan, np.nan)
    p = category_curves(item, theta[seen])[0]
    k = np.arange(len(p))
    mean = k @ p
    variance = k**2 @ p - mean**2
    fourth = ((k[:, None] - mean) ** 4 * p).sum(axis=0)
    residual = column[seen] - mean
    outfit = float((residual**2 / variance).mean())
    infit = float((residual**2).sum() / variance.sum())
    outfit_q = np.sqrt((fourth / variance**2).sum() / len(mean) ** 2 - 1.0 / len(mean))
    infit_q = np.sqrt((fourth - variance**2).sum()) / variance.sum()
    return MeanSquares(item.item_id, infit, outfit, _cube_root_z(infit, infit_q), _cube_root_z(outfit, outfit_q))


def _cube_root_z(mean_square: float, q: float) -> float:
    return float((mean_square ** (1 / 3) - 1.0) * 3.0 / q + q / 3.0) if q > 0 else np.nan


def m2(
    responses: ResponseMatrix,
    items: Sequence[ItemParameters],
    population: Population,
    *,
    estimated_moments: int | None = None,
) -> GlobalFit:
    """Fit of the whole model to all pairs of items.

    Args:
        responses: complete; columns in the order of `items`.
        items: parameters. 1pl items share one slope, which counts once.
        population: distribution of theta under which they were estimated.
        estimated_moments: how many of the population's (sd, mean) were estimated, 0 to 2; when not given, 1 for Rasch
            and partial credit (their sd is estimated) and 0 else.

    Raises:
        FitError: missing cells, or no degree of freedom is left.
    """
    if (responses.scores < 0).any():
        raise IncompleteResponsesError("M2", "Test one module or booklet that everybody answered")
    own_scale = all(item.model in {"rasch", "pcm"} for item in items)
    moments = (1 if own_scale else 0) if estimated_moments is None else estimated_moments
    scores = responses.scores.astype(np.float64)
    n, pairs = len(scores), np.array(list(combinations(range(len(items)), 2)))
    observed = np.concatenate([scores.mean(axis=0), (scores.T @ scores / n)[pairs[:, 0], pairs[:, 1]]])
    first, second = _score_moments(items, population.theta)
    by_theta = np.vstack([first, first[pairs[:, 0]] * first[pairs[:, 1]]])
    expected = by_theta @ population.weights
    residual = observed - expected
    covariance = _moment_covariance(by_theta, first, second, pairs, population.weights)
    slopes = _moment_derivatives(items, population, first, pairs, moments)
    rank = slopes.shape[1]
    df = len(residual) - rank
    if df <= 0:
        raise NoFreedomError(len(residual), rank)
    orthogonal, _ = np.linalg.qr(slopes, mode="complete")
    rest = orthogonal[:, rank:]
    reduced = rest.T @ residual
    statistic = n * float(reduced @ np.linalg.solve(rest.T @ covariance @ rest, reduced))
    low, high = _noncentrality(statistic, df)
    spread = np.sqrt(np.maximum(second @ population.weights - expected[: len(items)] ** 2, 1e-300))
    return GlobalFit(
        m2=statistic,
        df=df,
        p=float(chi2.sf(statistic, df)),
        rmsea=float(np.sqrt(max(statistic - df, 0.0) / (df * (n - 1)))),
        rmsea_low=float(np.sqrt(low / (df * (n - 1)))),
        rmsea_high=float(np.sqrt(high / (df * (n - 1)))),
        srmsr=_srmsr(scores, expected, spread, pairs),
    )


def _score_moments(items: Sequence[ItemParameters], theta: FloatArray) -> tuple[FloatArray, FloatArray]:
    curves = [category_curves(item, theta)[0] for item in items]
    first = np.array([np.arange(len(p)) @ p for p in curves])
    second = np.array([np.arange(len(p)) ** 2 @ p for p in curves])
    return first, second


def _moment_covariance(
    by_theta: FloatArray, first: FloatArray, second: FloatArray, pairs: IntArray, weights: FloatArray
) -> FloatArray:
    """Covariance of one person's first and second moments.

    Where two moments share an item, its squared score takes the place of the product of its expected scores.
    """
    n_items = len(first)
    covariance = (by_theta * weights) @ by_theta.T
    ratio = np.divide(second, first**2, out=np.ones_like(first), where=first > 0)
    for item in range(n_items):
        holding = np.concatenate([[item], n_items + np.flatnonzero((pairs == item).any(axis=1))])
        block = by_theta[holding]
        covariance[np.ix_(holding, holding)] = (block * (weights * ratio[item])) @ block.T
    both = ratio[pairs[:, 0]] * ratio[pairs[:, 1]] * by_theta[n_items:] ** 2
    diagonal = np.arange(n_items, len(by_theta))
    covariance[diagonal, diagonal] = both @ weights
    mean = by_theta @ weights
    return covariance - np.outer(mean, mean)


def _moment_derivatives(
    items: Sequence[ItemParameters], population: Population, first: FloatArray, pairs: IntArray, moments: int
) -> FloatArray:
    columns: list[FloatArray] = []
    shared = np.zeros(len(items) + len(pairs))
    for k, item in enumerate(items):
        for name, slope in _expected_score_derivatives(item, population.theta):
            column = _moment_change(k, slope, first, pairs, population.weights)
            if item.model == "1pl" and name == "a":
                shared += column
            else:
                columns.append(column)
    if shared.any():
        columns.append(shared)
    by_theta = np.vstack([first, first[pairs[:, 0]] * first[pairs[:, 1]]])
    z = (population.theta - population.mean) / population.sd
    for_moments = [by_theta @ (population.weights * score) / population.sd for score in (z**2 - 1.0, z)[:moments]]
    return np.column_stack([*columns, *for_moments])


def _moment_change(k: int, slope: FloatArray, first: FloatArray, pairs: IntArray, weights: FloatArray) -> FloatArray:
    column = np.zeros(len(first) + len(pairs))
    column[k] = slope @ weights
    for side in (0, 1):
        holding = np.flatnonzero(pairs[:, side] == k)
        column[len(first) + holding] = first[pairs[holding, 1 - side]] @ (slope * weights)
    return column


def _expected_score_derivatives(item: ItemParameters, theta: FloatArray) -> list[tuple[str, FloatArray]]:
    """Slope of the expected score in each free parameter, by central differences (error about 1e-10)."""
    varied: list[tuple[str, ItemParameters, ItemParameters]] = []
    h = DERIVATIVE_STEP
    if item.model not in {"rasch", "pcm", "nominal"}:
        varied.append(("a", replace(item, a=item.a + h), replace(item, a=item.a - h)))
    if item.model == "3pl":
        varied.append(("c", replace(item, c=item.c + h), replace(item, c=item.c - h)))
    for name in ("b", "slopes", "intercepts"):
        values: tuple[float, ...] = getattr(item, name)
        for k in range(len(values)):
            up, down = ((*values[:k], values[k] + step, *values[k + 1 :]) for step in (h, -h))
            varied.append((name, replace(item, **{name: up}), replace(item, **{name: down})))
    return [(name, (_expected(up, theta) - _expected(down, theta)) / (2.0 * h)) for name, up, down in varied]


def _expected(item: ItemParameters, theta: FloatArray) -> FloatArray:
    p = category_curves(item, theta)[0]
    return np.arange(len(p)) @ p


def _noncentrality(statistic: float, df: int) -> tuple[float, float]:
    """90 % limits of the noncentrality parameter, by bisection."""
    return _noncentrality_at(statistic, df, 0.95), _noncentrality_at(statistic, df, 0.05)


def _noncentrality_at(statistic: float, df: int, probability: float) -> float:
    if chi2.cdf(statistic, df) < probability:
        return 0.0
    low, high = 0.0, 10.0 * (statistic + df)
    for _ in range(100):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if ncx2.cdf(statistic, df, middle) > probability else (low, middle)
    return 0.5 * (low + high)


def _srmsr(scores: FloatArray, expected: FloatArray, spread: FloatArray, pairs: IntArray) -> float:
    means, products = expected[: scores.shape[1]], expected[scores.shape[1] :]
    implied = (products - means[pairs[:, 0]] * means[pairs[:, 1]]) / (spread[pairs[:, 0]] * spread[pairs[:, 1]])
    seen = _pairwise_correlation(scores)[pairs[:, 0], pairs[:, 1]]
    return float(np.sqrt(np.nanmean((seen - implied) ** 2)))


def q3(responses: ResponseMatrix, items: Sequence[ItemParameters], theta: FloatArray) -> FloatArray:
    """Correlations of residuals at the persons' thetas, shape (n_items, n_items); NaN where no pair was answered."""
    residual = np.full(responses.scores.shape, np.nan)
    for k, item in enumerate(items):
        seen = responses.scores[:, k] >= 0
        residual[seen, k] = responses.scores[seen, k] - _expected(item, theta[seen])
    return _pairwise_correlation(residual)


def _pairwise_correlation(values: FloatArray) -> FloatArray:
    there = np.isfinite(values).astype(np.float64)
    x = np.nan_to_num(values)
    n = there.T @ there
    with np.errstate(invalid="ignore", divide="ignore"):
        sums, squares = x.T @ there, (x**2).T @ there
        covariance = x.T @ x - sums * sums.T / n
        variance = squares - sums**2 / n
        result = covariance / np.sqrt(variance * variance.T)
    result[n < 3] = np.nan  # noqa: PLR2004 - two points always correlate perfectly
    np.fill_diagonal(result, 1.0)
    return result


def passage_dependence(
    item_ids: Sequence[str], correlations: FloatArray, passages: Mapping[str, str]
) -> tuple[PassageDependence, ...]:
    """Q3 inside each passage, less the mean Q3 of all pairs that share no passage.

    Args:
        item_ids: rows and columns of `correlations`.
        correlations: from `q3`.
        passages: passage of each item; items without one are left out.
    """
    place = {item: k for k, item in enumerate(item_ids)}
    members_of: dict[str, list[str]] = {}
    for item in item_ids:
        if item in passages:
            members_of.setdefault(passages[item], []).append(item)
    inside = {pair for members in members_of.values() for pair in combinations(members, 2)}
    outside = [correlations[place[a], place[b]] for a, b in combinations(item_ids, 2) if (a, b) not in inside]
    base = float(np.nanmean(outside)) if outside else 0.0
    return tuple(
        _dependence(name, members, correlations, place, base)
        for name, members in members_of.items()
        if len(members) > 1
    )


def _dependence(
    name: str, members: Sequence[str], correlations: FloatArray, place: Mapping[str, int], base: float
) -> PassageDependence:
    pairs = list(combinations(members, 2))
    excess = np.array([correlations[place[a], place[b]] for a, b in pairs]) - base
    largest = int(np.nanargmax(excess)) if np.isfinite(excess).any() else 0
    mean = float(np.nanmean(excess)) if np.isfinite(excess).any() else np.nan
    return PassageDependence(
        passage=name,
        n_items=len(members),
        excess=mean,
        largest_excess=float(excess[largest]),
        largest_pair=pairs[largest],
        is_dependent=bool(excess[largest] > PASSAGE_Q3),
    )


def lz_star(responses: ResponseMatrix, items: Sequence[ItemParameters], theta: FloatArray) -> FloatArray:
    """Person fit, standard normal under the model also when theta was estimated from the same answers.

    The weights of lz are made orthogonal to the score function of theta, so it holds for ML, WLE and MAP alike.

    Args:
        responses: columns in the order of `items`; missing cells are left out.
        theta: estimated from these answers, shape (n_persons,).

    Returns:
        shape (n_persons,); strongly negative means answers that do not belong together. NaN where nothing can be said.
    """
    n = responses.n_persons
    log_by_score, information = np.zeros(n), np.zeros(n)
    cells = [_person_fit_cells(item, responses.scores[:, k], theta) for k, item in enumerate(items)]
    for p, slope, weight, seen, _ in cells:
        log_by_score += np.where(seen, (slope * weight).sum(axis=0), 0.0)
        information += np.where(seen, np.divide(slope**2, p, out=np.zeros_like(p), where=p > 0).sum(axis=0), 0.0)
    ratio = np.divide(log_by_score, information, out=np.zeros(n), where=information > 0)
    away, variance = np.zeros(n), np.zeros(n)
    for p, slope, weight, seen, column in cells:
        adjusted = weight - ratio * np.divide(slope, p, out=np.zeros_like(p), where=p > 0)
        mean = (p * adjusted).sum(axis=0)
        away += np.where(seen, np.take_along_axis(adjusted, column[None, :], axis=0)[0] - mean, 0.0)
        variance += np.where(seen, (p * adjusted**2).sum(axis=0) - mean**2, 0.0)
    return np.divide(away, np.sqrt(np.maximum(variance, 0.0)), out=np.full(n, np.nan), where=variance > LEAST_VARIANCE)


def _person_fit_cells(
    item: ItemParameters, column: NDArray[np.int8], theta: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, BoolArray, IntArray]:
    p, slope = category_curves(item, theta)
    return p, slope, np.log(np.maximum(p, 1e-300)), column >= 0, np.maximum(column, 0).astype(np.int64)
