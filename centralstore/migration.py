"""Bringing a database up to date: Alembic's revisions in ``migrations/versions``, run at every start."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from centralstore.errors import SetUpError

SCRIPTS: Final = Path(__file__).parent / "migrations"


def alembic_config(url: str) -> Config:
    """Alembic's settings for a database, without a file of its own."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def upgrade(url: str) -> None:
    """Create or bring up to date the tables of the database at ``url``.

    Raises:
        SetUpError: it cannot be reached or written, or was made by a newer version.
    """
    try:
        command.upgrade(alembic_config(url), "head")
    except (SQLAlchemyError, CommandError, OSError) as error:
        cause = str(getattr(error, "orig", None) or error)
        raise SetUpError(
            "database", f"cannot be brought up to date ({cause})", "Check its disk and setting."
        ) from error
