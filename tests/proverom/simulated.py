"""Simulated candidates: they answer by the two-parameter model, and the real engine takes them through a part."""

from __future__ import annotations

import math
from random import Random

from engine.attempt import Attempt
from engine.events import Answered, Submitted
from engine.ids import ItemId
from engine.irt import TwoPL
from engine.panel import ItemRules
from engine.programme import Navigation
from engine.scoring import TextKey
from engine.state import Given
from tests.itembank.test_sample_panels import right
from tests.strategies import Sitting

TYPED_WRONG = "hemmelegheit"
"""What a candidate types who does not know: no key of any bank."""


def sit_through(of: Given, theta: float, chance: Random) -> Sitting:
    """One candidate of this ability, from log-in to the end of the part."""
    run = Sitting(of, Attempt.waiting(of)).log_in().prepare().start()

    def answer(item: str) -> tuple[str, ...] | None:
        return _answer(run.panel.items[ItemId(item)], theta, chance)

    if of.rules.navigation is Navigation.SELF_MOVING:
        run.listen(lambda item: (answer(item) or (None,))[0])
    while not run.attempt.has_ended:
        for item in run.attempt.items:
            if (chosen := answer(item)) is not None:
                run.do(Answered, item, chosen)
        if run.attempt.is_last_module:
            run.do(Submitted, "candidate")
        else:
            run.leave_module()
    return run.check_replay()


def _answer(item: ItemRules, theta: float, chance: Random) -> tuple[str, ...] | None:
    """The key with the model's probability; otherwise a wrong word, or nothing where nothing is typed."""
    assert isinstance(item.parameters, TwoPL)
    if chance.random() < 1 / (1 + math.exp(-item.parameters.a * (theta - item.parameters.b))):
        return right(item.key)
    return (TYPED_WRONG,) * len(item.key.gaps) if isinstance(item.key, TextKey) else None
