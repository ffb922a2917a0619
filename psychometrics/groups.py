"""Results by background group: counts and level shares, never names, and nothing about groups too small to hide in."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from psychometrics.errors import ShapeError

LEAST_IN_GROUP = 5  # of fewer people a share would tell who got what


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """One group.

    Attributes:
        group: its name; a blank answer in the form counts as a group of its own, named "".
        n: how many people.
        shares: of each level, in order; None for a group too small to be told about.
    """

    group: str
    n: int
    shares: tuple[float, ...] | None


def group_figures(
    groups: Sequence[str], levels: Sequence[str], order: Sequence[str], *, least: int = LEAST_IN_GROUP
) -> tuple[GroupFigures, ...]:
    """Counts and level shares per group.

    Args:
        groups, levels: of each person.
        order: the levels, lowest first.
        least: groups with fewer people get no shares.

    Raises:
        ShapeError: not one level for each person, or a level that is not among `order`.
    """
    if len(groups) != len(levels):
        raise ShapeError("levels", len(levels), len(groups))
    unknown = sorted(set(levels) - set(order))
    if unknown:
        raise ShapeError("level", unknown[0], f"one of {', '.join(order)}")
    counted = Counter(zip(groups, levels, strict=True))
    sizes = Counter(groups)
    return tuple(
        GroupFigures(group, n, tuple(counted[group, level] / n for level in order) if n >= least else None)
        for group, n in sorted(sizes.items())
    )
