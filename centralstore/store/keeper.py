"""What all parts of the store share: its house, reading, and acting: right, work and log in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypeVar

from sqlmodel import Session

from centralstore.bell import Bell
from centralstore.database import Database
from centralstore.directory import Directory
from centralstore.errors import NoRightError, NotFoundError, StoreError
from centralstore.folder import StoreFolder, StoreKeys
from centralstore.leaves import audit_leaf
from centralstore.rights import Act, Actor, permits, remedy
from centralstore.store.lent import GIVING, require_here
from centralstore.store.log import LogBook, append
from centralstore.tables import Audit, Sitting

T = TypeVar("T")


def utc_ms() -> int:
    """The machine's wall clock, UTC milliseconds."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class House:
    """What a store lives in; made once in `centralstore.store.Store.open`."""

    folder: StoreFolder
    keys: StoreKeys
    database: Database
    clock: Callable[[], int]
    bell: Bell
    log: LogBook = field(default_factory=LogBook)
    directory: Directory = field(default_factory=Directory)


@dataclass(frozen=True, slots=True)
class Where:
    """The place an act concerns; "" where it has none."""

    site: str
    room: str
    sitting: str = ""
    candidate: str = ""


@dataclass(frozen=True, slots=True)
class _Refused:
    error: StoreError


class Keeper:
    """Base of the store's parts."""

    def __init__(self, house: House) -> None:
        self._house = house

    @property
    def bell(self) -> Bell:
        """Rings for "orders/<sitting>" when an order was given and for "room/<sitting>" at every change."""
        return self._house.bell

    def now_ms(self) -> int:
        """The store's time, UTC milliseconds."""
        return self._house.clock()

    def _read(self, work: Callable[[Session], T]) -> T:
        with self._house.database.reading() as session:
            return work(session)

    def _write(self, work: Callable[[Session], T], sitting: str = "") -> T:
        answer = self._house.database.write(work)
        self._ring(sitting)
        return answer

    def _submit(self, work: Callable[[Session], T]) -> Future[T]:
        return self._house.database.submit(work)

    def _ring(self, sitting: str) -> None:
        if sitting:
            self._house.bell.ring(f"room/{sitting}")

    def _act(
        self,
        actor: Actor,
        act: Act,
        where: Where,
        work: Callable[[Session], T],
        *,
        detail: dict[str, object] | None = None,
    ) -> T:
        """Check the right, do the work, log it; a refusal undoes the work and is logged too.

        Raises:
            NoRightError: the account's role or scope does not cover the act.
            StoreError: whatever ``work`` refuses with.
        """

        def job(session: Session) -> T | _Refused:
            try:
                require(actor, act, where)
                if where.sitting and act in GIVING:
                    require_here(session, where.sitting, f"'{act.value}'")
                with session.begin_nested():
                    answer = work(session)
                    session.flush()
            except StoreError as error:
                self._log(session, actor, act, where, {**(detail or {}), "refused": error.code}, is_allowed=False)
                return _Refused(error)
            self._log(session, actor, act, where, detail or {}, is_allowed=True)
            return answer

        answer = self._house.database.write(job)
        self._ring(where.sitting)
        if isinstance(answer, _Refused):
            raise answer.error
        return answer

    def _look(self, actor: Actor, sitting: str) -> None:
        """Let pass who may see a sitting. Only a refusal is logged: pages look again at every change.

        Raises:
            NoRightError: another room's or site's; logged.
        """
        where = self._where(sitting)
        if not permits(actor, Act.SEE_SITTING, where.site, where.room):
            self._act(actor, Act.SEE_SITTING, where, lambda _session: None)

    def _log(
        self,
        session: Session,
        actor: Actor,
        act: Act | str,
        where: Where,
        detail: dict[str, object],
        *,
        is_allowed: bool,
    ) -> None:
        name = act.name.lower() if isinstance(act, Act) else act
        self._note(session, (actor.user, actor.role.value), name, where, detail, is_allowed=is_allowed)

    def _note(
        self,
        session: Session,
        who: tuple[str, str],
        act: str,
        where: Where,
        detail: dict[str, object],
        *,
        is_allowed: bool,
    ) -> None:
        """Log an act, with its leaf; ``who`` is name and role."""
        user, role = who
        row = Audit(
            at_ms=self.now_ms(),
            user=user,
            role=role,
            act=act,
            site=where.site,
            room=where.room,
            sitting=where.sitting,
            candidate=where.candidate,
            is_allowed=is_allowed,
            detail=detail,
        )
        session.add(row)
        session.flush()  # gives the row its number
        append(session.connection(), [audit_leaf(row)])

    def _where(self, sitting: str, candidate: str = "") -> Where:
        row = self._read(lambda session: session.get(Sitting, sitting))
        if row is None:
            raise NotFoundError("Sitting", sitting)
        return Where(row.site, row.room, row.id, candidate)


def require(actor: Actor, act: Act, where: Where) -> None:
    """Let pass who may do ``act`` there.

    Raises:
        NoRightError: role or scope does not cover it.
    """
    if not permits(actor, act, where.site, where.room):
        name = f"sitting {where.sitting}" if where.sitting else f"site {where.site or '(all)'}"
        raise NoRightError(actor.user, act.value, name, remedy(actor, act))
