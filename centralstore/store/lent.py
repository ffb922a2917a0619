"""Where a sitting is given: here, at a relay it was lent to, or no longer here since it was returned."""

from __future__ import annotations

from typing import Final

from sqlmodel import Session, col, select

from centralstore.errors import LentError
from centralstore.rights import Act
from centralstore.tables import Borrowing, Lending, Sitting
from centralstore.words import LendingState
from sync.keys import VerifyKey

GIVING: Final = frozenset(
    {
        Act.ADD_CANDIDATE, Act.MARK_ATTENDANCE, Act.SIGN_ATTENDANCE, Act.OPEN_SITTING, Act.START_PART,
        Act.CLOSE_SITTING, Act.GIVE_TIME, Act.RESET, Act.UNLOCK, Act.PERMIT_HANDOVER, Act.EXPEL, Act.RECORD_EXIT,
        Act.ENTER_INCIDENT, Act.MANAGE_RELEASES,
    }
)  # fmt: skip
"""Acts on a sitting that only the store that gives it may do, so that there is one list and one decision."""


def newest_lending(session: Session, sitting: str) -> Lending | None:
    """The newest loan of a sitting, ended or not."""
    query = select(Lending).where(Lending.sitting == sitting).order_by(col(Lending.number).desc())
    return session.exec(query.limit(1)).first()


def require_here(session: Session, sitting: str, what: str) -> None:
    """Let pass only a sitting that this store gives.

    Args:
        what: what was asked for, as the beginning of a sentence ("The ticket").

    Raises:
        LentError: it is lent to a relay, or was returned to the central store; the sentence names where.
    """
    lending = newest_lending(session, sitting)
    if lending is not None and lending.state == LendingState.LENT.value:
        raise LentError(what, sitting, f"is lent to the relay {lending.name} at {lending.url}", lending.name)
    borrowing = session.get(Borrowing, sitting)
    if borrowing is not None and borrowing.returned:
        central = str(borrowing.central.get("name", ""))
        where = f"was returned to the central store {central} at {borrowing.central.get('url', '')}"
        raise LentError(what, sitting, where, central)


def lent_number(session: Session, sitting: str) -> int:
    """The number of the loan that lasts now; 0 where the sitting is given here."""
    lending = newest_lending(session, sitting)
    return lending.number if lending is not None and lending.state == LendingState.LENT.value else 0


def central_ticket_key(session: Session, sitting: str) -> VerifyKey | None:
    """The key of the central store that a sitting was borrowed from; None where it is this store's own."""
    borrowing = session.get(Borrowing, sitting)
    return VerifyKey.from_hex(str(borrowing.central["ticket_key"])) if borrowing is not None else None


def has_borrowed(session: Session, site: str, room: str) -> bool:
    """Whether this store, a relay, gives a borrowed sitting in a room."""
    query = select(Borrowing.sitting).join(Sitting, col(Sitting.id) == col(Borrowing.sitting))
    return session.exec(query.where(Sitting.site == site, Sitting.room == room)).first() is not None
