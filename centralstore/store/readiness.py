"""Which PCs were tested before a sitting, when, and what was found (reglement 3.14)."""

from __future__ import annotations

from sqlmodel import Session, col, select

from centralstore.errors import DamagedError, NotFoundError
from centralstore.records import DeviceView, ReadinessView
from centralstore.rights import Actor
from centralstore.store.devices import cleared_devices, require_cleared
from centralstore.store.keeper import Keeper
from centralstore.tables import Device, KeptReadiness, Sitting
from sync.errors import SyncDataError
from sync.keys import VerifyKey
from sync.readiness import Readiness, verify_readiness


class ReadinessRecords(Keeper):
    """Taking in the PCs' readiness reports, and the list of a sitting's PCs with the newest of each."""

    def keep_readiness(self, device: DeviceView, key: VerifyKey, data: bytes) -> None:
        """Record a PC's signed readiness report with the time it came; all are kept, none replaced.

        Raises:
            DamagedError: not a readiness report of this PC.
            NotFoundError: it names a sitting that is not in this PC's room.
        """
        require_cleared(device)
        try:
            told = verify_readiness(data, key)
        except SyncDataError as error:
            raise DamagedError("Readiness", str(error).rstrip(".")) from error
        if told.device != device.id:
            raise DamagedError("Readiness", f"it names PC '{told.device}', but '{device.id}' sent it")
        self._write(lambda session: self._keep(session, device, told, data), told.sitting)

    def readiness(self, actor: Actor, sitting: str) -> tuple[ReadinessView, ...]:
        """Every PC that may be used in a sitting's room with its newest report; ``at_ms`` 0: it was not tested.

        Raises:
            NotFoundError: there is no such sitting.
            NoRightError: another room's or site's.
        """
        self._look(actor, sitting)

        def work(session: Session) -> tuple[ReadinessView, ...]:
            planned = session.get_one(Sitting, sitting)
            return tuple(_view(session, each) for each in cleared_devices(session, planned.site, planned.room))

        return self._read(work)

    def _keep(self, session: Session, device: DeviceView, told: Readiness, data: bytes) -> None:
        if told.sitting:
            planned = session.get(Sitting, told.sitting)
            if planned is None or (planned.site, planned.room) != (device.site, device.room):
                raise NotFoundError("Sitting", told.sitting, "It is not in this PC's room.")
        session.add(
            KeptReadiness(
                device=device.id,
                sitting=told.sitting,
                tested_ms=told.at_utc_ms,
                received_ms=self.now_ms(),
                is_ready=told.is_ready,
                findings=[each.model_dump(mode="json") for each in told.findings],
                data=data,
            )
        )


def _view(session: Session, device: Device) -> ReadinessView:
    query = select(KeptReadiness).where(KeptReadiness.device == device.id).order_by(col(KeptReadiness.id).desc())
    row = session.exec(query.limit(1)).first()
    if row is None:
        return ReadinessView(device.id, device.name, 0, "", is_ready=False, findings=())
    findings = tuple((str(each["check"]), str(each["outcome"]), str(each["told"])) for each in row.findings)
    return ReadinessView(device.id, device.name, row.tested_ms, row.sitting, row.is_ready, findings)
