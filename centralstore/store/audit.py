"""The log of every act, for those who may look at it."""

from __future__ import annotations

from sqlmodel import Session, col, select

from centralstore.records import AuditView
from centralstore.rights import EVERYWHERE, Act, Actor
from centralstore.store.keeper import Keeper, Where
from centralstore.tables import Audit


class AuditLog(Keeper):
    """Reading the log; it is written together with each act."""

    def audit(self, actor: Actor, *, sitting: str = "", after: int = 0, limit: int = 500) -> tuple[AuditView, ...]:
        """Acts within the actor's site, oldest first, from number ``after`` on; the look itself is logged."""

        def work(session: Session) -> tuple[AuditView, ...]:
            query = select(Audit).where(col(Audit.id) > after)
            if sitting:
                query = query.where(Audit.sitting == sitting)
            if actor.site != EVERYWHERE:
                query = query.where(Audit.site == actor.site)
            rows = session.exec(query.order_by(col(Audit.id)).limit(limit)).all()
            return tuple(_view(row) for row in rows)

        return self._act(actor, Act.SEE_AUDIT, Where(actor.site, actor.room), work)


def _view(row: Audit) -> AuditView:
    return AuditView(
        id=row.id or 0,
        at_ms=row.at_ms,
        user=row.user,
        role=row.role,
        act=row.act,
        site=row.site,
        room=row.room,
        sitting=row.sitting,
        candidate=row.candidate,
        is_allowed=row.is_allowed,
        detail=row.detail,
    )
