"""Climbing to the maximum of a marginal likelihood: accelerated EM steps first, Newton steps to finish.

An EM step here is the step that complete-data information would take (one scoring step of the M-step). Anderson's
method joins the last few of them into one that points much better. Near the top, exact second derivatives make the
gradient vanish. Every step must climb; one that does not is halved, and if that fails the method before it is used.

References:
    Lange (1995), JRSS B 57, 425-437 (the EM gradient step). Walker & Ni (2011), SIAM J. Numer. Anal. 49, 1715-1735.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

DEPTH = 5
LONGEST_STEP = 1.0
NEWTON_BELOW = 0.05
"""Newton steps begin when an EM step promises less than this gain in log-likelihood per parameter."""
CHORD_RATIO = 0.15
MAX_HALVINGS = 30
PATIENCE = 40
"""So many accelerated EM steps in a row, and Newton's method is tried even where EM still promises much."""
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Point:
    """A place on the hill: free vector, height, gradient, and the step that EM would take."""

    x: FloatArray
    height: float
    gradient: FloatArray
    em_step: FloatArray

    @property
    def promise(self) -> float:
        """Twice the gain that the EM step promises."""
        return float(self.gradient @ self.em_step)

    @property
    def norm(self) -> float:
        """Euclidean length of the gradient."""
        return float(np.linalg.norm(self.gradient))


class Hill(Protocol):
    """What is climbed."""

    def look(self, x: FloatArray) -> Point:
        """Height, gradient and EM step at x; the height is NaN where x is impossible."""
        ...

    def information(self, x: FloatArray) -> FloatArray:
        """Minus the second derivative at x."""
        ...


@dataclass(frozen=True, slots=True)
class Ascent:
    """How a climb went."""

    top: Point
    sweeps: int
    newton_steps: int
    is_at_top: bool


@dataclass(slots=True)
class _Memory:
    """The last points and EM steps, for Anderson's method."""

    points: list[Point] = field(default_factory=list[Point])

    def step(self, point: Point, scale: FloatArray) -> FloatArray:
        """The accelerated step from `point`."""
        self.points = [*self.points[-DEPTH:], point]
        if len(self.points) == 1:
            return point.em_step
        x = np.array([later.x - earlier.x for earlier, later in zip(self.points, self.points[1:], strict=False)])
        f = np.array(
            [later.em_step - earlier.em_step for earlier, later in zip(self.points, self.points[1:], strict=False)]
        )
        mix = np.linalg.lstsq((f * scale).T, point.em_step * scale, rcond=1e-10)[0]
        return point.em_step - mix @ (x + f)


def capped(step: FloatArray) -> FloatArray:
    """The step, shortened as a whole when one parameter would move too far."""
    longest = float(np.abs(step).max(initial=0.0))
    return step if longest <= LONGEST_STEP else step * (LONGEST_STEP / longest)


def climb(
    hill: Hill,
    start: FloatArray,
    *,
    tolerance: float,
    max_sweeps: int,
    newton_below: float = NEWTON_BELOW,
    watch: Callable[[int, Point], None] | None = None,
) -> Ascent:
    """Climb until the gradient is shorter than `tolerance`.

    Args:
        hill: what to climb.
        start: free vector to begin at.
        tolerance: Euclidean length of the gradient at which to stop.
        max_sweeps: give up after so many looks.
        newton_below: gain per parameter promised by an EM step below which Newton steps are taken.
        watch: told of each point reached.
    """
    climber = _Climber(hill, start, tolerance, max_sweeps, newton_below, watch)
    return climber.run()


class _Climber:
    def __init__(
        self,
        hill: Hill,
        start: FloatArray,
        tolerance: float,
        max_sweeps: int,
        newton_below: float,
        watch: Callable[[int, Point], None] | None,
    ) -> None:
        self.hill = hill
        self.tolerance = tolerance
        self.max_sweeps = max_sweeps
        self.newton_below = newton_below * max(1, len(start))
        self.watch = watch
        self.sweeps = 0
        self.newton_steps = 0
        self.here = self.look(start)

    def look(self, x: FloatArray) -> Point:
        self.sweeps += 1
        point = self.hill.look(x)
        if self.watch is not None:
            self.watch(self.sweeps, point)
        return point

    @property
    def is_done(self) -> bool:
        return self.here.norm <= self.tolerance or self.sweeps >= self.max_sweeps

    def run(self) -> Ascent:
        while not self.is_done:
            before = self.here
            self.by_em()
            if not self.is_done:
                self.by_newton()
            if self.here is before:
                break
        return Ascent(self.here, self.sweeps, self.newton_steps, self.here.norm <= self.tolerance)

    def by_em(self) -> None:
        """Accelerated EM steps until Newton's method can be trusted, or until they no longer climb."""
        memory = _Memory()
        last = self.sweeps + PATIENCE
        while not self.is_done and self.here.promise > self.newton_below and self.sweeps < last:
            scale = np.sqrt(np.abs(self.here.gradient / np.where(self.here.em_step == 0.0, 1.0, self.here.em_step)))
            ahead = self.look(self.here.x + capped(memory.step(self.here, scale)))
            if not self.climbs(ahead):
                memory = _Memory()
                ahead = self.halved(self.here.em_step)
                if ahead is None:
                    return
            self.here = ahead

    def by_newton(self) -> None:
        """Newton steps; the second derivative is kept as long as it serves."""
        solve = self.solver()
        while not self.is_done:
            step = None if solve is None else solve(self.here.gradient)
            ahead = None if step is None or float(step @ self.here.gradient) <= 0.0 else self.halved(step)
            if ahead is None:
                ahead = self.halved(self.here.em_step)
                if ahead is None:
                    return
                self.here = ahead
                self.newton_below *= 0.1
                return
            self.newton_steps += 1
            is_slow = ahead.norm > CHORD_RATIO * self.here.norm
            self.here = ahead
            if is_slow and not self.is_done:
                solve = self.solver()

    def solver(self) -> Callable[[FloatArray], FloatArray] | None:
        information = self.hill.information(self.here.x)
        scale = np.sqrt(np.abs(np.diag(information)))
        scale[scale == 0.0] = 1.0
        try:
            inverse = np.linalg.inv(np.linalg.cholesky(information / np.outer(scale, scale)))
        except np.linalg.LinAlgError:
            return None
        return lambda gradient: (inverse.T @ (inverse @ (gradient / scale))) / scale

    def climbs(self, ahead: Point) -> bool:
        slack = ROUNDING * abs(self.here.height)
        return bool(np.isfinite(ahead.height)) and ahead.height >= self.here.height - slack

    def halved(self, step: FloatArray) -> Point | None:
        """The first of the step, half of it, … that climbs; None when none does."""
        length = capped(step)
        for _ in range(MAX_HALVINGS):
            ahead = self.look(self.here.x + length)
            if self.climbs(ahead):
                return ahead
            if self.sweeps >= self.max_sweeps:
                return None
            length = length / 2.0
        return None
