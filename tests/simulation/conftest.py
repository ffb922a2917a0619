"""Simulated rooms begin with copies of a furnished store; it is taken away when the process ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation.place import forget_template


@pytest.fixture(scope="session", autouse=True)
def furnished_stores() -> Iterator[None]:
    yield
    forget_template()
