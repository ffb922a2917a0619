"""The official level rule of a panel: for each route and number correct the level of the EAP of the sum score.

Where a final module measures only so far, its highest level is held to what the panel file says.

The posterior of ability given the route and the number correct over it (Lord–Wingersky over the modules, each held
within the interval that led on) has a mean; the level is where that mean stands among the cut scores. Numbers correct
that a route excludes get the level of the nearest one that it allows, so that rows are complete and monotone.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate

from engine.ability import Normal, route_score_table
from engine.panel import AbilityScale, Panel, routes
from itembank.forms import route_modules
from itembank.schema import LevelRowModel


def level_table(panel: Panel, scale: AbilityScale, highest: Mapping[str, str]) -> tuple[LevelRowModel, ...]:
    """The level table of a calibrated panel, one row a route; ``highest`` level by final module.

    Raises:
        KeyError: a scored item has no parameters.
    """
    prior = Normal(scale.prior_mean, scale.prior_sd)
    rows: list[LevelRowModel] = []
    for route in routes(panel):
        thetas = [row.theta for row in route_score_table(route_modules(panel, route), prior)]
        places = _filled([None if math.isnan(theta) else bisect_right(scale.cuts, theta) for theta in thetas])
        most = panel.levels.index(highest.get(route[-1], panel.levels[-1]))
        rows.append(LevelRowModel(route=route, levels=tuple(panel.levels[min(place, most)] for place in places)))
    return tuple(rows)


def _filled(places: Sequence[int | None]) -> Sequence[int]:
    lowest = next(place for place in places if place is not None)
    return tuple(accumulate((lowest if place is None else place for place in places), max))
