"""What a revoked PC still holds of a sitting, let in as evidence by a named act (`sync/PROTOCOL.md` §15).

From the act on its envelopes of that sitting are verified and kept as any other's: the first for a place stays, and
each has its receipt and its leaf. All that is kept of it after the act is evidence, and is told beside every result.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlmodel import Session, col, func, select

from centralstore.errors import NotFoundError, NotNowError, UnknownDeviceError
from centralstore.records import DeviceView
from centralstore.rights import Act, Actor
from centralstore.store.devices import Devices
from centralstore.tables import Acceptance, Audit, KeptEnvelope
from centralstore.words import DeviceState

ACT: Final = Act.ACCEPT_EVIDENCE.name.lower()


class Evidence(Devices):
    """Letting it in."""

    def accept_evidence(self, actor: Actor, sitting: str, device: str, reason: str) -> None:
        """Let in, as evidence, what a revoked PC of the sitting's room still holds of that sitting.

        Args:
            actor: who decides.
            sitting: the only one of which anything is let in.
            device: the PC's id.
            reason: why it is looked at all the same; stands beside every result that it touches.

        Raises:
            UnknownDeviceError: not enrolled here.
            NotFoundError: the PC is not of the sitting's room.
            NotNowError: no reason, or the PC is not revoked, or this was done before.
        """
        where = self._where(sitting)
        view = self._read_device(device)[0]
        if (view.site, view.room) != (where.site, where.room):
            raise NotFoundError(what=f"In the room of sitting {sitting}, PC", name=view.name)

        def work(session: Session) -> None:
            _require_acceptable(session, view, sitting, reason)
            detail["after"] = session.exec(select(func.max(KeptEnvelope.id))).one() or 0
            row = Acceptance(
                sitting=sitting,
                device=device,
                by=actor.user,
                reason=reason.strip()[:1000],
                at_ms=self.now_ms(),
                after_envelope=detail["after"],
            )
            session.add(row)

        detail: dict[str, Any] = {"device": device, "reason": reason.strip()[:1000]}
        self._act(actor, Act.ACCEPT_EVIDENCE, where, work, detail=detail)

    def require_let_in(self, device: DeviceView, sitting: str) -> None:
        """Let pass a revoked PC's envelope of a sitting for which staff lets it in.

        Raises:
            UnknownDeviceError: nobody did.
        """
        if not self._read(lambda session: is_let_in(session, sitting, device.id)):
            raise UnknownDeviceError(device.name, "was revoked")


def _require_acceptable(session: Session, device: DeviceView, sitting: str, reason: str) -> None:
    what, where = "Letting in evidence", f"sitting {sitting}, PC '{device.name}'"
    if not reason.strip():
        raise NotNowError(what, where, why="no reason is given", remedy="Say why it is looked at.")
    if device.state is not DeviceState.REVOKED:
        raise NotNowError(what, where, why="it is not revoked", remedy="It delivers by itself.")
    if is_let_in(session, sitting, device.id):
        raise NotNowError(what, where, why="it is let in already", remedy="Have it delivered.")


def evidence_problems(session: Session) -> Iterator[tuple[str, str]]:
    """Held against the acts in the log: each (sitting and PC, what is wrong)."""
    acts = session.exec(select(Audit).where(Audit.act == ACT, col(Audit.is_allowed))).all()
    by_act = {
        (act.sitting, act.detail.get("device")): (act.user, act.detail.get("reason"), act.detail.get("after"))
        for act in acts
        if not is_relays(act)
    }
    for row in session.exec(select(Acceptance)).all():
        told = by_act.pop((row.sitting, row.device), None)
        if told is None:
            yield f"{row.sitting}/{row.device}", "nobody let it in: it was written into the database past the store"
        elif told != (row.by, row.reason, row.after_envelope):
            yield f"{row.sitting}/{row.device}", "it is not what the act in the log says: it was changed afterwards"
    for sitting, device in by_act:
        yield f"{sitting}/{device}", "by the acts in the log it was let in, and that is gone: it was deleted"


def is_relays(act: Audit) -> bool:
    """Whether an act is a relay's, as that told it (`centralstore.store.relayed`): it permits nothing here."""
    return "relay" in act.detail


def is_let_in(session: Session, sitting: str, device: str) -> bool:
    """Whether a revoked PC's envelopes of a sitting are kept as evidence."""
    return session.get(Acceptance, (sitting, device)) is not None
