"""All parsers that are fuzzed; see `tests.fuzz.target`."""

from __future__ import annotations

from functools import cache

from tests.fuzz.parsers import audits, bank, journals, logs, messages, packages, pcs, relays, store
from tests.fuzz.target import Target

MODULES = (audits, bank, journals, logs, messages, packages, pcs, relays, store)


@cache
def targets() -> dict[str, Target]:
    """Every parser by its name."""
    return {target.name: target for module in MODULES for target in module.targets()}
