"""The central store's one door: `Store`, with a method for everything that can be done or asked.

Its parts are in the modules of this package; only they touch `centralstore.tables`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from centralstore.bell import Bell
from centralstore.database import Database
from centralstore.folder import StoreFolder, open_folder
from centralstore.migration import upgrade
from centralstore.store.accounts import Accounts
from centralstore.store.audit import AuditLog
from centralstore.store.board import Boards
from centralstore.store.borrowed import Borrowed
from centralstore.store.checking import Checking
from centralstore.store.checkpoints import Checkpoints
from centralstore.store.delivery import Delivery
from centralstore.store.erasure import Erasure
from centralstore.store.exported import Exports
from centralstore.store.imports import Imports
from centralstore.store.keeper import House, utc_ms
from centralstore.store.log import LOG_KEY_OPTION
from centralstore.store.orders import Orders
from centralstore.store.planning import Planning
from centralstore.store.readiness import ReadinessRecords
from centralstore.store.results import Results

__all__ = ["Store"]


class Store(
    Accounts,
    Planning,
    Imports,
    Boards,
    Orders,
    Borrowed,
    Delivery,
    ReadinessRecords,
    Results,
    Erasure,
    AuditLog,
    Checkpoints,
    Exports,
    Checking,
):
    """Everything the store can do. Staff acts take an `Actor`; each is checked, done and logged in one transaction."""

    @classmethod
    def open(cls, folder: Path, *, clock: Callable[[], int] = utc_ms) -> Store:
        """Open the store in ``folder``: bring its database up to date, load its keys.

        Args:
            folder: as made by `centralstore.folder.init_folder`.
            clock: UTC milliseconds.

        Raises:
            SetUpError: folder, keys or database cannot be used.
        """
        found = open_folder(folder)
        keys = found.keys()
        upgrade(found.database_url)
        database = Database(found.database_url)
        database.equip(**{LOG_KEY_OPTION: keys.log})
        return cls(House(found, keys, database, clock, Bell(clock())))

    @property
    def folder(self) -> StoreFolder:
        """Where the store lives."""
        return self._house.folder

    def close(self) -> None:
        """Finish what is being written and let go of the database."""
        self._house.database.close()
