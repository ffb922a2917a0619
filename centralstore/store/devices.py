"""Exam PCs: one-time tokens, enrolment, clearing for use, revoking."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from sqlmodel import Session, col, select

from centralstore.errors import NotFoundError, NotNowError, UnknownDeviceError, WrongTokenError
from centralstore.records import DeviceView
from centralstore.rights import Act, Actor, reaches
from centralstore.store.keeper import Keeper, Where
from centralstore.store.lent import has_borrowed
from centralstore.tables import Device, DeviceToken
from centralstore.words import DeviceState
from sync.keys import BoxPublic, VerifyKey, hpke_seal

PC: Final = "pc"
"""The role under which a PC's own acts are logged."""

ENROLLED: Final = "enrol"
TOKEN_MS: Final = 24 * 3_600_000
"""An enrolment token is good for a day: made in the morning, used while the room is set up."""


class Devices(Keeper):
    """Exam PCs."""

    def make_token(self, actor: Actor, site: str, room: str) -> str:
        """A secret that lets one PC enrol for a room, once, within a day.

        Raises:
            NotNowError: a sitting of that room is borrowed; its PCs are enrolled at the central store.
        """
        token = f"t{secrets.token_urlsafe(24)}"  # never begins with "-", which a command line takes for an option
        row = DeviceToken(token_sha256=_digest(token), site=site, room=room, expires_ms=self.now_ms() + TOKEN_MS)

        def work(session: Session) -> None:
            if has_borrowed(session, site, room):
                raise NotNowError(
                    what="Making a token",
                    where=f"site {site}, room {room}",
                    why="its sitting is borrowed, and the central store would not know the PC",
                    remedy="Enrol PCs at the central store before it lends.",
                )
            session.add(row)

        self._act(actor, Act.MANAGE_DEVICES, Where(site, room), work)
        return token

    def enrol(self, token: str, name: str, x25519: BoxPublic, ed25519: VerifyKey) -> DeviceView:
        """Take in a PC's public keys; it then waits to be cleared.

        Raises:
            WrongTokenError: unknown, used or out of date.
            DamagedError (sync): nothing can be sealed to the X25519 key.
        """
        hpke_seal(x25519, b"", "enrolment", name)

        def work(session: Session) -> DeviceView:
            known = session.get(DeviceToken, _digest(token))
            if known is None or known.used_ms or known.expires_ms <= self.now_ms():
                raise WrongTokenError
            known.used_ms = self.now_ms()
            device = Device(
                id=f"pc-{secrets.token_hex(8)}",
                name=name,
                site=known.site,
                room=known.room,
                x25519=x25519.raw,
                ed25519=ed25519.raw,
                state=DeviceState.ENROLLED.value,
                enrolled_ms=self.now_ms(),
            )
            session.add(known)
            session.add(device)
            keys: dict[str, object] = {"device": device.id, "x25519": x25519.raw.hex(), "ed25519": ed25519.raw.hex()}
            self._note(session, (device.id, PC), ENROLLED, Where(known.site, known.room), keys, is_allowed=True)
            return device_view(device)

        return self._write(work)

    def clear_device(self, actor: Actor, device: str) -> None:
        """The test manager has seen that this PC is the site's and ready: it may be used.

        Raises:
            NotNowError: it was revoked; a revoked PC is enrolled anew.
        """
        self._set_state(actor, device, DeviceState.CLEARED)

    def revoke_device(self, actor: Actor, device: str) -> None:
        """This PC may no longer be used: nothing more is given to it or taken from it."""
        self._set_state(actor, device, DeviceState.REVOKED)

    def devices(self, actor: Actor) -> tuple[DeviceView, ...]:
        """The PCs within the actor's scope, by name."""

        def work(session: Session) -> tuple[DeviceView, ...]:
            rows = session.exec(select(Device).order_by(col(Device.name), col(Device.id))).all()
            return tuple(device_view(row) for row in rows if reaches(actor, row.site, row.room))

        return self._read(work)

    def device_keys(self, device: str) -> tuple[DeviceView, BoxPublic, VerifyKey]:
        """A PC's standing and public keys; remembered until `forget_device`, so its last contact may be an older one.

        Raises:
            UnknownDeviceError: not enrolled here.
        """
        return self._house.directory.find(device, lambda: self._read_device(device))

    def forget_device(self, device: str) -> None:
        """A PC's row was changed: look it up anew. Whatever writes a state or key calls this after its commit."""
        self._house.directory.forget(device)

    def _read_device(self, device: str) -> tuple[DeviceView, BoxPublic, VerifyKey]:
        def work(session: Session) -> tuple[DeviceView, BoxPublic, VerifyKey]:
            row = session.get(Device, device)
            if row is None:
                raise UnknownDeviceError(device, "is not enrolled at this store")
            return device_view(row), BoxPublic(row.x25519), VerifyKey(row.ed25519)

        return self._read(work)

    def _set_state(self, actor: Actor, device: str, state: DeviceState) -> None:
        view = self._read(lambda session: _view_of(session, device))

        def work(session: Session) -> None:
            row = session.get_one(Device, device)
            if row.state == DeviceState.REVOKED.value and state is not DeviceState.REVOKED:
                raise NotNowError("Clearing", f"PC '{row.name}'", "it was revoked", "Enrol it anew with 'store token'.")
            row.state = state.value
            session.add(row)

        detail: dict[str, object] = {"device": device, "state": state.value}
        try:
            self._act(actor, Act.MANAGE_DEVICES, Where(view.site, view.room), work, detail=detail)
        finally:  # also where it is not known whether it was kept
            self.forget_device(device)


def require_cleared(device: DeviceView) -> None:
    """Let pass only a PC that may be used.

    Raises:
        UnknownDeviceError: it waits to be cleared, or was revoked.
    """
    if device.state is DeviceState.ENROLLED:
        raise UnknownDeviceError(device.name, "is enrolled but not cleared for use")
    if device.state is DeviceState.REVOKED:
        raise UnknownDeviceError(device.name, "was revoked")


def cleared_devices(session: Session, site: str, room: str) -> list[Device]:
    """The PCs that may be used in a room, by id."""
    query = select(Device).where(Device.site == site, Device.room == room, Device.state == DeviceState.CLEARED.value)
    return list(session.exec(query.order_by(col(Device.id))).all())


def device_view(row: Device) -> DeviceView:
    """A PC as others see it."""
    return DeviceView(
        row.id, row.name, row.site, row.room, DeviceState(row.state), row.enrolled_ms, row.last_contact_ms
    )


def _view_of(session: Session, device: str) -> DeviceView:
    row = session.get(Device, device)
    if row is None:
        raise NotFoundError("PC", device, "'store devices' lists those enrolled.")
    return device_view(row)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
