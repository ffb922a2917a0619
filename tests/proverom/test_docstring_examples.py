"""Examples in docstrings do what they say."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest

from proverom.gate import ROOT

PACKAGES = ("engine", "sync", "itembank", "kiosk", "centralstore", "administration", "psychometrics", "proverom")
MODULES = [
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in PACKAGES
    for file in sorted((ROOT / package).rglob("*.py"))
    if "\n    >>> " in file.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_module_are_true(module: str) -> None:
    outcome = doctest.testmod(import_module(module))
    assert outcome.attempted > 0
    assert outcome.failed == 0
