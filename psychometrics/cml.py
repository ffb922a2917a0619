"""Calibration by conditional maximum likelihood: Rasch and partial credit, in multistage designs too.

Given a person's total score the ability drops out, so no distribution of ability is assumed. In a multistage test the
total is given together with the route, whose number-correct intervals restrict which scores could have led there; the
denominators run over exactly those. Ignoring the routing is wrong by design, so missing blocks without a design are
refused.

References:
    Andersen (1973), British Journal of Mathematical and Statistical Psychology 26, 31-44. Zwitser & Maris (2015),
    Psychometrika 80, 65-84 (multistage designs).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from psychometrics.arrays import count_into, floats, inverse, joined, on_one_thread, run, solve
from psychometrics.blocks import same_rows
from psychometrics.data import NOT_PRESENTED, Design, ResponseMatrix
from psychometrics.errors import (
    BlockMissingError,
    ConditionalModelError,
    NoMaximumError,
    RouteMismatchError,
    SingularInformationError,
)
from psychometrics.items import ItemParameters, SlopeIntercept, as_model, to_difficulty
from psychometrics.recoding import Census, Recoding, column_counts

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MAX_STEPS = 60
TOLERANCE = 1e-8
PART_SIZE = 10
"""Items without a rule on their score are taken in parts of about this size: second derivatives grow with its cube."""
MAX_HALVINGS = 30


@dataclass(frozen=True, slots=True)
class ConditionalCalibration:
    """The conditional maximum.

    Attributes:
        items: difficulty form; the mean of all thresholds is 0.
        slope_intercepts: intercept form with covariance.
        log_likelihood: conditional on total scores (and routes).
        gradient_norm: length of its gradient in the intercepts.
        condition_number: of the information scaled to unit diagonal, the scale's origin fixed.
    """

    items: tuple[ItemParameters, ...]
    slope_intercepts: tuple[SlopeIntercept, ...]
    log_likelihood: float
    gradient_norm: float
    condition_number: float
    iterations: int
    n_persons: int
    n_forms: int
    recoding: Recoding
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """Items scored together: their places among the intercepts and categories.

    Attributes:
        items: item numbers.
        places: places of each item's intercepts d1…dm, one array for each item.
    """

    items: IntArray
    places: tuple[IntArray, ...]

    @property
    def all_places(self) -> IntArray:
        """All places, in order."""
        return np.concatenate(self.places)

    @property
    def max_score(self) -> int:
        """Highest score."""
        return sum(len(places) for places in self.places)


@dataclass(frozen=True, slots=True)
class _Stage:
    """A part on a form, with the interval that its score or the total so far had to be in."""

    part: int
    low: int
    high: int
    counts: Literal["module", "total"]


@dataclass(frozen=True, slots=True)
class _Form:
    """A route or booklet: its stages, and how many persons ended it with each total score."""

    stages: tuple[_Stage, ...]
    totals: FloatArray


@on_one_thread
def calibrate_conditional(
    data: ResponseMatrix, model: str = "rasch", design: Design | None = None
) -> ConditionalCalibration:
    """Difficulties of greatest conditional likelihood.

    Not-reached counts as incorrect where a design has rules (routing counted it so), as missing otherwise.

    Args:
        data: responses.
        model: rasch or pcm.
        design: modules and routing; needed when items were not presented to some.

    Raises:
        ConditionalModelError: another model.
        BlockMissingError: items were not presented to some, and there is no design.
        RouteMismatchError: a person's responses fit no route.
        DataError: items without variance, few responses, parts not connected.
    """
    if as_model(model) not in {"rasch", "pcm"}:
        raise ConditionalModelError(model)
    treated = data.with_not_reached_as("incorrect" if design is not None and design.rules else "missing")
    census = Census.of((treated,))
    recoding = census.recoding()
    census.check_variance(())
    census.check_connection(())
    recoded = recoding.apply(treated)
    problem = _Problem(recoded, recoding, data, design)
    return problem.solved((*recoding.sentences(), *census.warnings(())))


class _Problem:
    """Counts of persons by form and total score, and the likelihood they give."""

    def __init__(self, data: ResponseMatrix, recoding: Recoding, raw: ResponseMatrix, design: Design | None) -> None:
        self.data = data
        self.recoding = recoding
        steps = recoding.n_steps
        self.offsets = np.concatenate(([0], np.cumsum(steps)))
        self.category = np.concatenate([np.arange(1.0, m + 1) for m in steps])
        self.weights = data.row_weights
        self.parts: list[_Part] = []
        self.forms = self._forms(raw, design)
        self.observed = self._category_counts()

    # ------------------------------------------------------------------------------------------------ counting

    def _category_counts(self) -> FloatArray:
        """Persons in each category above 0; shape (n_places,)."""
        out = np.zeros(len(self.category))
        for k in range(1, int(self.recoding.n_steps.max()) + 1):
            with_k = np.flatnonzero(self.recoding.n_steps >= k)
            chosen = self.data.scores if len(with_k) == self.data.n_items else self.data.scores[:, with_k]
            out[self.offsets[with_k] + k - 1] = column_counts(chosen == k, self.data.weights)
        return out

    def _forms(self, raw: ResponseMatrix, design: Design | None) -> list[_Form]:
        if design is not None and design.rules:
            return self._routed(design)
        answered = self.data.answered
        patterns = [np.arange(self.data.n_persons)] if answered.all() else list(same_rows(answered))
        if design is None and bool((raw.scores == NOT_PRESENTED).any()):
            raise BlockMissingError(len(patterns))
        return self._booklets(patterns)

    def _booklets(self, patterns: Sequence[IntArray]) -> list[_Form]:
        """Forms without rules: each pattern of answered items by itself, in parts shared where they can be."""
        forms: list[_Form] = []
        known: dict[tuple[int, ...], int] = {}
        for rows in patterns:
            items = np.flatnonzero(self.data.answered[rows[0]])
            if not len(items):
                continue
            pieces = np.array_split(items, max(1, round(len(items) / PART_SIZE)))
            stages = tuple(self._free_stage(self._part(piece, known)) for piece in pieces)
            forms.append(_Form(stages, self._totals(rows, items)))
        return forms

    def _part(self, items: IntArray, known: dict[tuple[int, ...], int]) -> int:
        key = tuple(items.tolist())
        if key not in known:
            known[key] = len(self.parts)
            places = tuple(run(int(self.offsets[k]), int(self.offsets[k + 1])) for k in items.tolist())
            self.parts.append(_Part(items, places))
        return known[key]

    def _free_stage(self, part: int) -> _Stage:
        return _Stage(part, 0, self.parts[part].max_score, "module")

    def _totals(self, rows: IntArray, items: IntArray) -> FloatArray:
        is_whole = len(rows) == self.data.n_persons and len(items) == self.data.n_items
        chosen = self.data.scores if is_whole else self.data.scores[np.ix_(rows, items)]
        scores = (chosen.astype(np.float32) @ np.ones(len(items), dtype=np.float32)).astype(np.int64)
        return count_into(scores, self.weights[rows], int(self.recoding.n_steps[items].sum()) + 1)

    def _routed(self, design: Design) -> list[_Form]:
        """Forms of a routed design: every person on the one route that items and scores agree with."""
        number = {item: k for k, item in enumerate(self.data.item_ids)}
        absent = [item for items in design.modules.values() for item in items if item not in number]
        if absent:
            raise RouteMismatchError(self.data.source, 1, f"item '{absent[0]}' of the design has no column")
        known: dict[tuple[int, ...], int] = {}
        modules = {
            name: self._part(np.array([number[item] for item in items]), known)
            for name, items in design.modules.items()
        }
        scores = {
            name: np.maximum(self.data.scores[:, self.parts[part].items], 0).sum(axis=1, dtype=np.int64)
            for name, part in modules.items()
        }
        answered = self.data.answered
        taken = np.zeros(self.data.n_persons, dtype=np.bool_)
        forms: list[_Form] = []
        patterns = [(answered[rows[0]], rows) for rows in same_rows(answered)]
        for route in design.routes():
            own = np.zeros(self.data.n_items, dtype=np.bool_)
            for name in route.modules:
                own[self.parts[modules[name]].items] = True
            stages: list[_Stage] = []
            fits = np.ones(self.data.n_persons, dtype=np.bool_)
            total = np.zeros(self.data.n_persons, dtype=np.int64)
            for step, name in enumerate(route.modules):
                total = total + scores[name]
                if step == len(route.rules):
                    stages.append(self._free_stage(modules[name]))
                    continue
                rule = route.rules[step]
                stages.append(_Stage(modules[name], rule.low, rule.high, rule.counts))
                counted = scores[name] if rule.counts == "module" else total
                fits &= (counted >= rule.low) & (counted <= rule.high)
            rows = joined([rows for pattern, rows in patterns if np.array_equal(pattern, own)])
            rows = rows[fits[rows] & ~taken[rows]]
            taken[rows] = True
            if len(rows):
                forms.append(_Form(tuple(stages), self._totals(rows, np.flatnonzero(own))))
        lost = np.flatnonzero(~taken & answered.any(axis=1))
        if len(lost):
            why = "the items answered and the number correct on them fit no route of the design"
            raise RouteMismatchError(self.data.source, int(lost[0]) + 1, why)
        return forms

    # ------------------------------------------------------------------------------------------------ likelihood

    def look(self, d: FloatArray, *, second: bool) -> tuple[float, FloatArray, FloatArray]:
        """Log-likelihood, gradient, and (if `second`) the information, at intercepts d; shapes (), (p,), (p, p)."""
        tilted, log_constant = self._tilted(d)
        parts = [_expanded(part, tilted, second=second) for part in self.parts]
        height = float(self.observed @ d)
        expected = np.zeros(len(d))
        information = np.zeros((len(d), len(d)) if second else (0, 0))
        inside = [np.zeros(part.max_score + 1) for part in self.parts]
        for form in self.forms:
            walk = _Walk(form, [parts[stage.part] for stage in form.stages])
            constant = sum(float(log_constant[self.parts[stage.part].items].sum()) for stage in form.stages)
            height -= float(form.totals[form.totals > 0.0] @ np.log(walk.total[form.totals > 0.0]))
            height -= float(form.totals.sum()) * constant
            for m, stage in enumerate(form.stages):
                inside[stage.part] += walk.score_weights(m)
            if second:
                self._add_between(form, walk, parts, information)
        for part, expansion, weights in zip(self.parts, parts, inside, strict=True):
            places = part.all_places
            expected[places] += expansion.first @ weights
            if second:
                information[np.ix_(places, places)] += expansion.second @ weights
        return height, self.observed - expected, information

    def _tilted(self, d: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Category probabilities at ability 0, above 0 and (in place) of 0, which keep the recursions within range."""
        starts = self.offsets[:-1]
        top = np.maximum(np.maximum.reduceat(d, starts), 0.0)
        weights = np.exp(d - np.repeat(top, self.recoding.n_steps))
        total = np.add.reduceat(weights, starts) + np.exp(-top)
        return weights / np.repeat(total, self.recoding.n_steps), np.log(total) + top

    def _add_between(self, form: _Form, walk: _Walk, parts: Sequence[_Expansion], information: FloatArray) -> None:
        """Second derivatives across parts, minus the products of expectations given each total."""
        given = [parts[stage.part].first @ walk.score_given_total(m) for m, stage in enumerate(form.stages)]
        places = [self.parts[stage.part].all_places for stage in form.stages]
        for m, first in enumerate(form.stages):
            for later, second in enumerate(form.stages[m + 1 :], start=m + 1):
                block = parts[first.part].first @ walk.joint(m, later) @ parts[second.part].first.T
                information[np.ix_(places[m], places[later])] += block
                information[np.ix_(places[later], places[m])] += block.T
        all_places = np.concatenate(places)
        means = np.concatenate(given)
        information[np.ix_(all_places, all_places)] -= (means * form.totals) @ means.T

    # ------------------------------------------------------------------------------------------------ the climb

    def solved(self, warnings: tuple[str, ...]) -> ConditionalCalibration:
        """Newton's method from the observed log odds, with step halving; the origin is fixed by a penalty direction."""
        direction = self.category / np.linalg.norm(self.category)
        d = self._start()
        height, gradient, information = self.look(d, second=True)
        steps = 1
        while np.linalg.norm(gradient) > TOLERANCE * max(1.0, np.sqrt(self.weights.sum())) and steps < MAX_STEPS:
            step = solve(information + np.outer(direction, direction) * information.trace(), gradient)
            before = height
            for _ in range(MAX_HALVINGS):
                height, gradient, _ = self.look(d + step, second=False)
                if height >= before - 1e-12 * abs(before):
                    break
                step = step / 2.0
            d = d + step
            steps += 1
            if float(np.abs(step).max()) > 1e-4:  # noqa: PLR2004 - below, the last information still points right
                _, _, information = self.look(d, second=True)
        norm = float(np.linalg.norm(gradient))
        if norm > 1e-6 * max(1.0, float(np.sqrt(self.weights.sum()))):
            raise NoMaximumError(norm, steps, ())
        _, _, information = self.look(d, second=True)
        return self._report(d, height, norm, information, steps, warnings)

    def _start(self) -> FloatArray:
        zero = column_counts(self.data.scores == 0, self.data.weights)
        return floats(np.log((self.observed + 0.5) / np.repeat(zero + 0.5, self.recoding.n_steps)))

    def _report(
        self, d: FloatArray, height: float, norm: float, information: FloatArray, steps: int, warnings: tuple[str, ...]
    ) -> ConditionalCalibration:
        n = len(d)
        direction = self.category / np.linalg.norm(self.category)
        fixed = information + np.outer(direction, direction) * information.trace() / n
        scale = np.sqrt(np.diag(fixed))
        eigenvalues = np.linalg.eigvalsh(fixed / np.outer(scale, scale))
        if eigenvalues[0] <= 1e-12 * eigenvalues[-1]:
            raise SingularInformationError(self.data.item_ids)
        # thresholds b = -(d_k - d_k-1); their mean is made 0 by adding a multiple of the category numbers to d
        differences = np.eye(n)
        later = np.flatnonzero(self.category > 1.0)
        differences[later, later - 1] = -1.0
        centring = np.eye(n) - np.outer(self.category, differences.mean(axis=0))
        covariance = centring @ inverse(fixed) @ centring.T
        centred = centring @ d
        forms: list[SlopeIntercept] = []
        for k, item in enumerate(self.data.item_ids):
            own = slice(int(self.offsets[k]), int(self.offsets[k + 1]))
            size = int(self.recoding.n_steps[k])
            wide = np.zeros((size + 1, size + 1))
            wide[1:, 1:] = covariance[own, own]
            model = "rasch" if size == 1 else "pcm"
            forms.append(SlopeIntercept(item, model, np.concatenate(([1.0], centred[own])), wide))
        return ConditionalCalibration(
            items=tuple(replace(to_difficulty(form), a=1.0) for form in forms),
            slope_intercepts=tuple(forms),
            log_likelihood=height,
            gradient_norm=norm,
            condition_number=float(eigenvalues[-1] / eigenvalues[0]),
            iterations=steps,
            n_persons=round(float(self.weights.sum())),
            n_forms=len(self.forms),
            recoding=self.recoding,
            warnings=warnings,
        )


@dataclass(frozen=True, slots=True)
class _Expansion:
    """Score distribution of a part at ability 0 and its derivatives in the log weights of categories.

    Attributes:
        value: shape (max_score + 1,).
        first: shape (n_places, max_score + 1).
        second: shape (n_places, n_places, max_score + 1), or empty.
    """

    value: FloatArray
    first: FloatArray
    second: FloatArray


def _expanded(part: _Part, tilted: FloatArray, *, second: bool) -> _Expansion:
    """Item by item: elementary symmetric functions of the weights, with first and second derivatives."""
    size, width = part.max_score + 1, part.max_score
    value = np.zeros(size)
    value[0] = 1.0
    one = np.zeros((width, size))
    two = np.zeros((width, width, size) if second else (0, 0, 0))
    done = 0
    for places in part.places:
        p = tilted[places]
        m = len(p)
        zero = 1.0 - p.sum()
        if second:
            grown = two[:done, :done] * zero
            for k in range(1, m + 1):
                grown[:, :, k:] += p[k - 1] * two[:done, :done, :-k]
                beside = np.zeros((done, size))
                beside[:, k:] = p[k - 1] * one[:done, :-k]
                two[:done, done + k - 1] = beside
                two[done + k - 1, :done] = beside
            two[:done, :done] = grown
        fresh = np.zeros((m, size))
        new_one, new_value = one[:done] * zero, value * zero
        for k in range(1, m + 1):
            fresh[k - 1, k:] = p[k - 1] * value[:-k]
            new_one[:, k:] += p[k - 1] * one[:done, :-k]
            new_value = new_value + fresh[k - 1]
        one[:done], one[done : done + m] = new_one, fresh
        if second:
            index = np.arange(done, done + m)
            two[index, index] = fresh
        value = new_value
        done += m
    return _Expansion(value, one, two)


class _Walk:
    """The sums over all ways to go through a form: forwards, backwards, and what they give for each stage."""

    def __init__(self, form: _Form, parts: Sequence[_Expansion]) -> None:
        self.form = form
        self.parts = parts
        self.size = len(form.totals)
        self.masks = [self._mask(stage, len(part.value)) for stage, part in zip(form.stages, parts, strict=True)]
        self.before = [np.zeros(self.size)]
        self.before[0][0] = 1.0
        self.moves = [self._move(m) for m in range(len(parts))]
        for move in self.moves:
            self.before.append(self.before[-1] @ move)
        self.total = self.before[-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            end = np.where(form.totals > 0.0, form.totals / self.total, 0.0)
        self.after = [end]
        for move in reversed(self.moves):
            self.after.insert(0, move @ self.after[0])

    def _mask(self, stage: _Stage, n_scores: int) -> FloatArray:
        """One where a part's score may follow a total before it; shape (size, n_scores)."""
        score = run(0, n_scores)
        total = np.add.outer(run(0, self.size), score)
        counted = np.broadcast_to(score, total.shape) if stage.counts == "module" else total
        return ((counted >= stage.low) & (counted <= stage.high) & (total < self.size)).astype(np.float64)

    def _along(self, m: int, values: FloatArray) -> FloatArray:
        """Values at (total before + score), masked; shape (size, n_scores)."""
        n_scores = self.masks[m].shape[1]
        reach = np.minimum(np.add.outer(run(0, self.size), run(0, n_scores)), self.size - 1)
        return self.masks[m] * values[reach]

    def _move(self, m: int) -> FloatArray:
        """Weights from total before to total after; shape (size, size)."""
        out = np.zeros((self.size, self.size))
        n_scores = self.masks[m].shape[1]
        rows = np.repeat(run(0, self.size), n_scores)
        columns = np.add.outer(run(0, self.size), run(0, n_scores)).reshape(-1)
        inside = columns < self.size
        out[rows[inside], columns[inside]] = (self.masks[m] * self.parts[m].value).ravel()[inside]
        return out

    def score_weights(self, m: int) -> FloatArray:
        """What multiplies each score's coefficient of stage m in the gradient; shape (n_scores,)."""
        return self.before[m] @ self._along(m, self.after[m + 1])

    def _spread(self, m: int) -> FloatArray:
        """Weight of reaching each total after stage m by each score on it; shape (n_scores, size)."""
        n_scores = self.masks[m].shape[1]
        out = np.zeros((n_scores, self.size))
        for score in range(n_scores):
            out[score, score:] = (self.before[m] * self.masks[m][:, score])[: self.size - score]
        return out

    def score_given_total(self, m: int) -> FloatArray:
        """What multiplies each score's coefficient of stage m in the expectation given each total; (n_scores, size)."""
        out = self._spread(m)
        for move in self.moves[m + 1 :]:
            out = out @ move
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.total > 0.0, out / self.total, 0.0)

    def joint(self, m: int, later: int) -> FloatArray:
        """What multiplies the pairs of scores' coefficients of two stages; shape (n_scores, n_scores)."""
        out = self._spread(m)
        for move in self.moves[m + 1 : later]:
            out = out @ move
        return out @ self._along(later, self.after[later + 1])
