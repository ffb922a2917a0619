"""``store``: the central store's commands, with the staff pages beside the service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from centralstore import commands

if TYPE_CHECKING:
    from fastapi import FastAPI

    from centralstore.store import Store


def main(argv: Sequence[str]) -> int:
    """Run one of the store's commands; ``store run`` serves the pages too.

    Returns:
        0 when all is well, 1 when something is refused.
    """
    return commands.main(argv, extend=_extend)


def _extend(app: FastAPI, store: Store) -> None:
    """Loaded only when the service starts, so that the small commands answer at once."""
    from administration.site import extend

    extend(app, store)
