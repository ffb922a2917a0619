"""Examples in the documents are run."""

from __future__ import annotations

import doctest
from pathlib import Path

import psychometrics

ROOT = Path(__file__).parents[2]


def test_examples_in_the_readme_give_what_they_say() -> None:
    outcome = doctest.testfile(str(ROOT / "psychometrics" / "README.md"), module_relative=False)
    assert outcome.attempted >= 8
    assert outcome.failed == 0


def test_the_example_in_the_package_gives_what_it_says() -> None:
    outcome = doctest.testmod(psychometrics)
    assert outcome.attempted >= 2
    assert outcome.failed == 0


def test_every_public_name_can_be_loaded() -> None:
    assert sorted(psychometrics.__all__) == sorted(set(psychometrics.__all__))
    for name in psychometrics.__all__:
        assert getattr(psychometrics, name).__name__ == name
